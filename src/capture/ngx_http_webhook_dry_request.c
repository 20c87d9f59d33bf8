
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The request of a dry run: a copy of the operator's, of which nothing is left
 * that an operator may give, and nothing of which is seen by anybody else.
 */


#include "ngx_http_webhook_dry.h"


static ngx_int_t ngx_http_webhook_dry_line(ngx_http_webhook_dry_t *dry,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_dry_in(ngx_http_webhook_dry_t *dry,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_dry_out(ngx_http_webhook_dry_t *dry,
    ngx_http_request_t *r);


ngx_http_request_t *
ngx_http_webhook_dry_request(ngx_http_webhook_dry_t *dry)
{
    ngx_http_request_t         *r;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(dry->request, ngx_http_core_module);

    r = ngx_palloc(dry->request->pool, sizeof(ngx_http_request_t));
    if (r == NULL) {
        return NULL;
    }

    *r = *dry->request;

    r->main = r;
    r->parent = NULL;
    r->postponed = NULL;
    r->post_subrequest = NULL;
    r->posted_requests = NULL;
    r->upstream = NULL;
    r->upstream_states = NULL;
    r->internal = 0;

#if (NGX_HTTP_CACHE)
    r->cache = NULL;
#endif

#if (NGX_PCRE)
    r->ncaptures = 0;
    r->captures = NULL;
    r->captures_data = NULL;
#endif

    if (dry->location) {
        r->loc_conf = dry->location->loc_conf;
    }

    r->ctx = ngx_pcalloc(r->pool, sizeof(void *) * ngx_http_max_module);
    r->variables = ngx_pcalloc(r->pool, cmcf->variables.nelts
                                        * sizeof(ngx_http_variable_value_t));

    if (r->ctx == NULL || r->variables == NULL
        || ngx_http_webhook_dry_line(dry, r) != NGX_OK
        || ngx_http_webhook_dry_in(dry, r) != NGX_OK
        || ngx_http_webhook_dry_out(dry, r) != NGX_OK)
    {
        return NULL;
    }

    return r;
}


static ngx_int_t
ngx_http_webhook_dry_line(ngx_http_webhook_dry_t *dry, ngx_http_request_t *r)
{
    u_char     *p, *src, *dst;
    ngx_str_t   path;
    wh_dry_t   *cmd;

    cmd = &dry->command;

    ngx_str_set(&r->method_name, "POST");

    if (cmd->given & WH_DRY_METHOD) {
        r->method_name.len = cmd->method.len;
        r->method_name.data = (u_char *) cmd->method.data;
    }

    r->method = ngx_http_webhook_method_find(&r->method_name);

    if (cmd->given & WH_DRY_PATH) {
        path.len = cmd->path.len;
        path.data = (u_char *) cmd->path.data;

    } else if (dry->location && dry->location->name.len
               && dry->location->name.data[0] == '/')
    {
        path = dry->location->name;

    } else {
        ngx_str_set(&path, "/");
    }

    r->request_line.len = r->method_name.len + 1 + path.len
                          + sizeof(" HTTP/1.1") - 1;

    p = ngx_pnalloc(r->pool, r->request_line.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    r->request_line.data = p;

    p = ngx_cpymem(p, r->method_name.data, r->method_name.len);
    *p++ = ' ';

    r->unparsed_uri.len = path.len;
    r->unparsed_uri.data = p;

    p = ngx_cpymem(p, path.data, path.len);
    (void) ngx_cpymem(p, " HTTP/1.1", sizeof(" HTTP/1.1") - 1);

    ngx_str_null(&r->args);
    ngx_str_null(&r->exten);

    src = ngx_strlchr(path.data, path.data + path.len, '?');

    if (src) {
        r->args.len = path.data + path.len - src - 1;
        r->args.data = src + 1;
        path.len = src - path.data;
    }

    src = path.data;
    dst = ngx_pnalloc(r->pool, path.len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    r->uri.data = dst;

    ngx_unescape_uri(&dst, &src, path.len, 0);

    r->uri.len = dst - r->uri.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_dry_in(ngx_http_webhook_dry_t *dry, ngx_http_request_t *r)
{
    ngx_buf_t        *b;
    wh_dry_t         *cmd;
    ngx_chain_t      *cl;
    ngx_table_elt_t  *h;

    cmd = &dry->command;

    ngx_memzero(&r->headers_in, sizeof(ngx_http_headers_in_t));

    r->request_body = NULL;

    r->headers_in.content_length_n = -1;
    r->headers_in.keep_alive_n = -1;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 2,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!(cmd->given & WH_DRY_REQUEST)) {
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    ngx_str_set(&h->key, "Content-Type");
    ngx_str_set(&h->value, "application/json");
    h->lowcase_key = (u_char *) "content-type";

    r->headers_in.content_type = h;
    r->headers_in.content_length_n = cmd->request.len;

    r->request_body = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    cl = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (r->request_body == NULL || cl == NULL || b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) cmd->request.data;
    b->last = b->pos + cmd->request.len;
    b->memory = 1;
    b->last_buf = 1;

    cl->buf = b;
    cl->next = NULL;

    r->request_body->bufs = cl;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_dry_out(ngx_http_webhook_dry_t *dry, ngx_http_request_t *r)
{
    wh_dry_t  *cmd;

    cmd = &dry->command;

    ngx_memzero(&r->headers_out, sizeof(ngx_http_headers_out_t));

    if (ngx_list_init(&r->headers_out.headers, r->pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_list_init(&r->headers_out.trailers, r->pool, 1,
                         sizeof(ngx_table_elt_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->err_status = 0;
    r->header_sent = 1;

    r->headers_out.status = (cmd->given & WH_DRY_STATUS) ? cmd->status
                                                         : NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->headers_out.last_modified_time = -1;

    if (cmd->given & WH_DRY_RESPONSE) {
        ngx_str_set(&r->headers_out.content_type, "application/json");
        r->headers_out.content_length_n = cmd->response.len;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_dry_variables(ngx_http_webhook_dry_t *dry,
    ngx_http_request_t *r)
{
    int                         kind;
    size_t                      pos;
    wh_str_t                    name, text;
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *vv;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    v = cmcf->variables.elts;
    pos = 0;

    while (wh_dry_variable(&dry->command, &pos, &name, &kind, &text)
           == WH_OK)
    {
        for (i = 0; i < cmcf->variables.nelts; i++) {
            if (v[i].name.len == name.len
                && ngx_memcmp(v[i].name.data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (i == cmcf->variables.nelts) {
            dry->command.member = "variables";
            dry->command.error = "the configuration uses no variable of one "
                                 "of the names";
            return NGX_DONE;
        }

        /* what is not of the request would be asked for again */

        vv = &r->variables[i];

        vv->len = (unsigned) text.len;
        vv->data = (u_char *) text.data;
        vv->valid = (kind != WH_JSON_NULL);
        vv->not_found = (kind == WH_JSON_NULL);
        vv->no_cacheable = 0;
    }

    return NGX_OK;
}
