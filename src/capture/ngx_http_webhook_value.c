
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables out of the request body, which is parsed while it is read.
 */


#include "ngx_http_webhook_ctx.h"


static ngx_int_t ngx_http_webhook_value_add(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *wlcf, ngx_http_webhook_value_t *value);
static ngx_int_t ngx_http_webhook_value_compile(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *wlcf);
static void *ngx_http_webhook_value_palloc(void *ctx, size_t size);
static ngx_int_t ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static const wh_json_value_t *ngx_http_webhook_value_get(
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t i);
static ngx_int_t ngx_http_webhook_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_webhook_value_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_value_encoded(ngx_http_request_t *r);
static void ngx_http_webhook_value_feed(ngx_http_webhook_ctx_t *ctx,
    ngx_buf_t *b);
static void ngx_http_webhook_value_finish(ngx_http_webhook_ctx_t *ctx);
static void *ngx_http_webhook_value_alloc(void *ctx, size_t size);
static void ngx_http_webhook_value_free(void *ctx, void *p);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


static const wh_json_alloc_t  ngx_http_webhook_value_memory = {
    ngx_http_webhook_value_alloc,
    ngx_http_webhook_value_free,
    NULL
};


char *
ngx_http_webhook_json_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    u_char                    c;
    size_t                    i, offset;
    wh_str_t                  pointer;
    ngx_str_t                *args;
    ngx_http_webhook_value_t  value;

    args = cf->args->elts;

    ngx_memzero(&value, sizeof(ngx_http_webhook_value_t));

    for (i = 1; i < args[1].len; i++) {
        c = args[1].data[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_'
            && (c < '0' || c > '9' || i == 1))
        {
            break;
        }
    }

    if (args[1].len < 2 || args[1].data[0] != '$' || i < args[1].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\", "
                           "it must be like \"$name\"", &args[1]);
        return NGX_CONF_ERROR;
    }

    value.name.len = args[1].len - 1;
    value.name.data = args[1].data + 1;

    if (ngx_strcmp(args[2].data, "request") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid source \"%V\", it must be \"request\"",
                           &args[2]);
        return NGX_CONF_ERROR;
    }

    value.pointer = args[3];

    pointer.len = args[3].len;
    pointer.data = (char *) args[3].data;

    if (wh_pointer_check(pointer, &offset) != WH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON pointer \"%V\" at octet %uz, it must "
                           "be like \"/contact/email\", with \"~0\" for \"~\" "
                           "and \"~1\" for \"/\" in names",
                           &args[3], offset + 1);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 5) {

        if (ngx_strcmp(args[4].data, "type=json") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", "
                               "it must be \"type=json\"", &args[4]);
            return NGX_CONF_ERROR;
        }

        value.raw = 1;
    }

    if (ngx_http_webhook_value_add(cf, wlcf, &value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_value_add(ngx_conf_t *cf, ngx_http_webhook_loc_conf_t *wlcf,
    ngx_http_webhook_value_t *value)
{
    ngx_uint_t                 i;
    ngx_http_variable_t       *var;
    ngx_http_webhook_value_t  *v;

    var = ngx_http_add_variable(cf, &value->name,
                                NGX_HTTP_VAR_CHANGEABLE
                                |NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    if (var->get_handler
        && var->get_handler != ngx_http_webhook_value_variable)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "variable \"$%V\" is already defined by another "
                           "directive", &value->name);
        return NGX_ERROR;
    }

    value->index = ngx_http_get_variable_index(cf, &value->name);
    if (value->index == NGX_ERROR) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_webhook_value_variable;
    var->data = (uintptr_t) value->index;

    if (ngx_http_webhook_reference(cf, &value->name, var->get_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (wlcf->values == NULL) {
        wlcf->values = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_http_webhook_value_t));
        if (wlcf->values == NULL) {
            return NGX_ERROR;
        }
    }

    v = wlcf->values->elts;

    for (i = 0; i < wlcf->values->nelts; i++) {

        if (v[i].index == value->index) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate variable \"$%V\" on one level",
                               &value->name);
            return NGX_ERROR;
        }
    }

    v = ngx_array_push(wlcf->values);
    if (v == NULL) {
        return NGX_ERROR;
    }

    *v = *value;

    return NGX_OK;
}


char *
ngx_http_webhook_value_merge(ngx_conf_t *cf, ngx_http_webhook_loc_conf_t *prev,
    ngx_http_webhook_loc_conf_t *conf)
{
    ngx_uint_t                 i, k, n;
    ngx_http_webhook_value_t  *v, *outer;

    if (prev->values == NULL && conf->values == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->values == NULL) {

        /* http{} itself is never merged */

        if (prev->pointers == NULL
            && ngx_http_webhook_value_compile(cf, prev) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        conf->values = prev->values;
        conf->pointers = prev->pointers;

        return NGX_CONF_OK;
    }

    if (prev->values) {
        outer = prev->values->elts;
        n = conf->values->nelts;

        for (i = 0; i < prev->values->nelts; i++) {

            v = conf->values->elts;

            for (k = 0; k < n; k++) {
                if (v[k].index == outer[i].index) {
                    break;
                }
            }

            if (k < n) {
                continue;
            }

            v = ngx_array_push(conf->values);
            if (v == NULL) {
                return NGX_CONF_ERROR;
            }

            *v = outer[i];
        }
    }

    if (ngx_http_webhook_value_compile(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_value_compile(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *wlcf)
{
    size_t                     bad;
    u_char                    *flags;
    wh_str_t                  *pointers;
    ngx_uint_t                 i, n;
    wh_pointers_t             *set;
    ngx_http_webhook_value_t  *v;

    v = wlcf->values->elts;
    n = wlcf->values->nelts;

    set = ngx_palloc(cf->pool, sizeof(wh_pointers_t));
    pointers = ngx_palloc(cf->temp_pool, n * sizeof(wh_str_t));
    flags = ngx_palloc(cf->temp_pool, n);

    if (set == NULL || pointers == NULL || flags == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        pointers[i].len = v[i].pointer.len;
        pointers[i].data = (char *) v[i].pointer.data;
        flags[i] = v[i].raw ? WH_JSON_RAW : 0;
    }

    if (wh_pointers_compile(set, pointers, flags, n,
                            ngx_http_webhook_value_palloc, cf->pool, &bad)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    wlcf->pointers = set;

    return NGX_OK;
}


static void *
ngx_http_webhook_value_palloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}


static ngx_int_t
ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                    *p;
    ngx_uint_t                 i;
    const wh_json_value_t     *jv;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_value_t  *value;

    v->not_found = 1;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || ctx->json == NULL) {
        return NGX_OK;
    }

    value = ctx->conf->values->elts;

    for (i = 0; i < ctx->conf->values->nelts; i++) {
        if (value[i].index == (ngx_int_t) data) {
            break;
        }
    }

    if (i == ctx->conf->values->nelts) {
        return NGX_OK;
    }

    jv = ngx_http_webhook_value_get(ctx, i);

    if (jv == NULL || jv->kind == WH_JSON_NULL) {
        return NGX_OK;
    }

    p = (u_char *) jv->text.data;

    if (ctx->body == NGX_HTTP_WEBHOOK_BODY_READING) {

        /* the parser moves its values */

        p = ngx_pnalloc(r->pool, jv->text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, jv->text.data, jv->text.len);
    }

    v->len = jv->text.len;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* NULL: there is none that has a text or is null */

static const wh_json_value_t *
ngx_http_webhook_value_get(ngx_http_webhook_ctx_t *ctx, ngx_uint_t i)
{
    const wh_json_value_t  *jv;

    jv = wh_json_value(ctx->json, i);

    switch (jv->kind) {

    case WH_JSON_NONE:
    case WH_JSON_OBJECT:
    case WH_JSON_ARRAY:
        return NULL;

    default:
        return jv;
    }
}


ngx_int_t
ngx_http_webhook_value_collect(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt)
{
    ngx_uint_t                    i;
    const wh_json_value_t        *jv;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t  *c;

    evt->nvalues = 0;
    evt->values = NULL;

    if (ctx->json == NULL) {
        return NGX_OK;
    }

    value = ctx->conf->values->elts;

    c = ngx_palloc(r->pool, ctx->conf->values->nelts
                            * sizeof(ngx_http_webhook_captured_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    evt->values = c;

    for (i = 0; i < ctx->conf->values->nelts; i++) {
        jv = ngx_http_webhook_value_get(ctx, i);

        if (jv == NULL) {
            continue;
        }

        c->name = value[i].name;
        c->kind = jv->kind;
        c->text.len = jv->text.len;
        c->text.data = (u_char *) jv->text.data;

        c++;
        evt->nvalues++;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_webhook_ctx_t  *ctx;

    /* what was seen before does not come again, "in" is newly read */

    if (in && r == r->main) {
        ctx = ngx_http_webhook_ctx(r);

        if (ctx) {
            ngx_http_webhook_value_parse(r, ctx, in);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


void
ngx_http_webhook_value_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    if (ctx->conf->values == NULL || ctx->captured) {
        return;
    }

    for (cl = in; cl; cl = cl->next) {

        if (ctx->body == NGX_HTTP_WEBHOOK_BODY_NONE) {

            if (ngx_buf_size(cl->buf) == 0) {
                continue;
            }

            ngx_http_webhook_value_begin(r, ctx);
        }

        if (ctx->body != NGX_HTTP_WEBHOOK_BODY_READING) {
            return;
        }

        ngx_http_webhook_value_feed(ctx, cl->buf);

        if (cl->buf->last_buf) {
            ngx_http_webhook_value_finish(ctx);
            return;
        }
    }
}


static void
ngx_http_webhook_value_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ngx_http_webhook_value_encoded(r)) {
        ctx->body = NGX_HTTP_WEBHOOK_BODY_ENCODED;
        return;
    }

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    ctx->json = wh_json_create(ctx->conf->pointers, wmcf->max_event_size,
                               &ngx_http_webhook_value_memory);

    ctx->body = ctx->json ? NGX_HTTP_WEBHOOK_BODY_READING
                          : NGX_HTTP_WEBHOOK_BODY_TRUNCATED;
}


static ngx_int_t
ngx_http_webhook_value_encoded(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0
            || h[i].key.len != sizeof("Content-Encoding") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "Content-Encoding",
                               sizeof("Content-Encoding") - 1)
               != 0)
        {
            continue;
        }

        if (h[i].value.len == 0
            || (h[i].value.len == sizeof("identity") - 1
                && ngx_strncasecmp(h[i].value.data, (u_char *) "identity",
                                   sizeof("identity") - 1)
                   == 0))
        {
            continue;
        }

        return 1;
    }

    return 0;
}


static void
ngx_http_webhook_value_feed(ngx_http_webhook_ctx_t *ctx, ngx_buf_t *b)
{
    size_t  size, rest;

    if (ngx_buf_size(b) == 0) {
        return;
    }

    if (!ngx_buf_in_memory(b)) {
        ctx->body = NGX_HTTP_WEBHOOK_BODY_TRUNCATED;
        return;
    }

    size = b->last - b->pos;
    rest = ctx->conf->max_body_size - ctx->body_size;

    if (size > rest) {
        size = rest;
        ctx->body = NGX_HTTP_WEBHOOK_BODY_TRUNCATED;
    }

    ctx->body_size += size;

    switch (wh_json_feed(ctx->json, (char *) b->pos, size)) {

    case WH_OK:
        return;

    case WH_NOMEM:
        ctx->body = NGX_HTTP_WEBHOOK_BODY_TRUNCATED;
        return;

    default: /* WH_ERROR, WH_LIMIT */
        ctx->body = NGX_HTTP_WEBHOOK_BODY_INVALID;

        wh_json_destroy(ctx->json);
        ctx->json = NULL;
    }
}


static void
ngx_http_webhook_value_finish(ngx_http_webhook_ctx_t *ctx)
{
    if (ctx->body != NGX_HTTP_WEBHOOK_BODY_READING) {
        return;
    }

    switch (wh_json_finish(ctx->json)) {

    case WH_OK:
        ctx->body = NGX_HTTP_WEBHOOK_BODY_COMPLETE;
        return;

    case WH_NOMEM:
        ctx->body = NGX_HTTP_WEBHOOK_BODY_TRUNCATED;
        return;

    default: /* WH_AGAIN, WH_ERROR, WH_LIMIT */
        ctx->body = NGX_HTTP_WEBHOOK_BODY_INVALID;

        wh_json_destroy(ctx->json);
        ctx->json = NULL;
    }
}


static void *
ngx_http_webhook_value_alloc(void *ctx, size_t size)
{
    return ngx_alloc(size, ngx_cycle->log);
}


static void
ngx_http_webhook_value_free(void *ctx, void *p)
{
    ngx_free(p);
}


void
ngx_http_webhook_value_init(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_webhook_request_body_filter;
}
