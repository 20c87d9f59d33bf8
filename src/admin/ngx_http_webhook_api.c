
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Which request is for what, who may make it, and how it is answered.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_meter.h"

#include "wh_escape.h"


#define NGX_HTTP_WEBHOOK_API_MOST     65536  /* octets of a request's body */
#define NGX_HTTP_WEBHOOK_API_MESSAGE  512
#define NGX_HTTP_WEBHOOK_API_STREAMS  16     /* of a worker */
#define NGX_HTTP_WEBHOOK_API_MANY     1000
#define NGX_HTTP_WEBHOOK_API_HOLD     60000  /* ms */

#define NGX_HTTP_WEBHOOK_API_PAGE     (NGX_HTTP_WEBHOOK_API_FILTERS           \
                                       |NGX_HTTP_WEBHOOK_API_LIMIT            \
                                       |NGX_HTTP_WEBHOOK_API_CURSOR)


static ngx_int_t ngx_http_webhook_api_handler(ngx_http_request_t *r);
static ngx_http_webhook_api_t *ngx_http_webhook_api_create(
    ngx_http_request_t *r);
static void ngx_http_webhook_api_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_api_body(ngx_http_webhook_api_t *api);
static void ngx_http_webhook_api_hold_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_webhook_api_run(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route);
static void ngx_http_webhook_api_cleanup(void *data);
static void ngx_http_webhook_api_free(void *data);
static ngx_http_webhook_api_route_t *ngx_http_webhook_api_find(
    ngx_http_webhook_api_t *api, ngx_str_t *path, ngx_uint_t *methods);
static ngx_uint_t ngx_http_webhook_api_matches(char *pattern,
    ngx_str_t *path, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_api_allow(ngx_http_webhook_api_t *api,
    ngx_uint_t methods);
static ngx_int_t ngx_http_webhook_api_may(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_int_t *rc);
static ngx_uint_t ngx_http_webhook_api_same_site(ngx_http_request_t *r);


static ngx_http_webhook_api_route_t  ngx_http_webhook_api_routes[] = {

    { "openapi.json", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_openapi },

    { "endpoints", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_endpoints },

    { "endpoints/*", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_endpoint },

    { "endpoints/*/config", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_endpoint_config },

    { "config", NGX_HTTP_GET,
      NGX_HTTP_WEBHOOK_API_LIMIT|NGX_HTTP_WEBHOOK_API_CURSOR, 100, 100,
      ngx_http_webhook_api_config },

    { "endpoints/*/enable", NGX_HTTP_POST, 0, 0, 0,
      ngx_http_webhook_api_enable },

    { "endpoints/*/disable", NGX_HTTP_POST, 0, 0, 0,
      ngx_http_webhook_api_disable },

    { "endpoints/*/pause", NGX_HTTP_POST, 0, 0, 0,
      ngx_http_webhook_api_pause },

    { "endpoints/*/resume", NGX_HTTP_POST, 0, 0, 0,
      ngx_http_webhook_api_resume },

    { "endpoints/*/test", NGX_HTTP_POST, 0, 0, 0,
      ngx_http_webhook_api_test },

    { "endpoints/*/render", NGX_HTTP_POST,
      NGX_HTTP_WEBHOOK_API_READS|NGX_HTTP_WEBHOOK_API_BODY, 0, 0,
      ngx_http_webhook_api_render },

    { "endpoints/*/queue", NGX_HTTP_GET,
      NGX_HTTP_WEBHOOK_API_PAGE & ~NGX_HTTP_WEBHOOK_API_ENDPOINT, 100, 1000,
      ngx_http_webhook_api_queue },

    { "dead", NGX_HTTP_GET, NGX_HTTP_WEBHOOK_API_PAGE, 100, 1000,
      ngx_http_webhook_api_dead },

    { "dead", NGX_HTTP_DELETE,
      NGX_HTTP_WEBHOOK_API_PAGE|NGX_HTTP_WEBHOOK_API_ALL, 1000, 10000,
      ngx_http_webhook_api_dead_purge },

    { "dead/replay", NGX_HTTP_POST, NGX_HTTP_WEBHOOK_API_PAGE, 1000, 10000,
      ngx_http_webhook_api_dead_replay },

    { "dead/*", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_dead_one },

    { "dead/*", NGX_HTTP_DELETE, 0, 1, 1,
      ngx_http_webhook_api_dead_purge },

    { "dead/*/replay", NGX_HTTP_POST, 0, 1, 1,
      ngx_http_webhook_api_dead_replay },

    { "orphans", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_orphans },

    { "orphans/*", NGX_HTTP_DELETE, NGX_HTTP_WEBHOOK_API_LIMIT, 1000, 10000,
      ngx_http_webhook_api_orphans_purge },

    { "orphans/*/move", NGX_HTTP_POST,
      NGX_HTTP_WEBHOOK_API_LIMIT|NGX_HTTP_WEBHOOK_API_TO, 1000, 10000,
      ngx_http_webhook_api_orphans_move },

    { "attempts", NGX_HTTP_GET,
      NGX_HTTP_WEBHOOK_API_PAGE|NGX_HTTP_WEBHOOK_API_FAILED, 100, 1000,
      ngx_http_webhook_api_attempts },

    { "attempts", NGX_HTTP_DELETE,
      NGX_HTTP_WEBHOOK_API_FILTERS|NGX_HTTP_WEBHOOK_API_FAILED
      |NGX_HTTP_WEBHOOK_API_ALL, 0, 0,
      ngx_http_webhook_api_forget },

    { "attempts/stream", NGX_HTTP_GET,
      (NGX_HTTP_WEBHOOK_API_FILTERS & ~NGX_HTTP_WEBHOOK_API_UNTIL)
      |NGX_HTTP_WEBHOOK_API_FAILED|NGX_HTTP_WEBHOOK_API_LIMIT
      |NGX_HTTP_WEBHOOK_API_AFTER, 1000, 10000,
      ngx_http_webhook_api_stream },

    { "attempts/*", NGX_HTTP_GET, 0, 0, 0,
      ngx_http_webhook_api_attempt },

    { "attempts/*", NGX_HTTP_DELETE, 0, 0, 0,
      ngx_http_webhook_api_forget },

    { NULL, 0, 0, 0, 0, NULL }
};


char *
ngx_http_webhook_api_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_int_t                  n;
    ngx_str_t                 *value;
    ngx_uint_t                 i, bit, given;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_webhook_api_handler) {
        return "is duplicate";
    }

    value = cf->args->elts;

    wlcf->api_streams = NGX_HTTP_WEBHOOK_API_STREAMS;
    given = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        bit = value[i].data[0] == 'w' ? 1 : 2;

        if (ngx_strcmp(value[i].data, "write=on") == 0) {
            wlcf->api_write = 1;

        } else if (ngx_strncmp(value[i].data, "streams=", 8) == 0
                   && (n = ngx_atoi(value[i].data + 8, value[i].len - 8))
                      != NGX_ERROR
                   && n <= NGX_HTTP_WEBHOOK_API_MANY)
        {
            wlcf->api_streams = n;

        } else if (ngx_strcmp(value[i].data, "write=off") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\", it must "
                               "be \"write=on\" or \"write=off\", or "
                               "\"streams=\" and a number of 0 to %d",
                               &value[i], &cmd->name,
                               NGX_HTTP_WEBHOOK_API_MANY);
            return NGX_CONF_ERROR;
        }

        if (given & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        given |= bit;
    }

    if (clcf->noname || clcf->named || clcf->exact_match
#if (NGX_PCRE)
        || clcf->regex
#endif
       )
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be in a location given by a prefix",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    clcf->handler = ngx_http_webhook_api_handler;
    wlcf->api = 1;

    return NGX_CONF_OK;
}


void
ngx_http_webhook_api_merge(ngx_conf_t *cf, ngx_http_webhook_loc_conf_t *prev,
    ngx_http_webhook_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!prev->api || !clcf->noname || clcf->handler) {
        return;
    }

    clcf->handler = ngx_http_webhook_api_handler;

    conf->api = 1;
    conf->api_write = prev->api_write;
    conf->api_streams = prev->api_streams;
}


static ngx_int_t
ngx_http_webhook_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_str_t                      path;
    ngx_uint_t                     methods;
    ngx_http_webhook_api_t        *api;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_webhook_api_route_t  *route;

    api = ngx_http_webhook_api_create(r);
    if (api == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_WEBHOOK_API_MOST) {
        r->keepalive = 0;
        r->lingering_close = 1;
        return ngx_http_webhook_api_error(api,
                   NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "body_too_large",
                   "The body is larger than %d octets.",
                   NGX_HTTP_WEBHOOK_API_MOST);
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path.len = r->uri.len - ngx_min(clcf->name.len, r->uri.len);
    path.data = r->uri.data + r->uri.len - path.len;

    /* two of them, where servers are given by "." */

    while (path.len && path.data[0] == '/') {
        path.data++;
        path.len--;
    }

    route = ngx_http_webhook_api_find(api, &path, &methods);

    if (route && (route->args & NGX_HTTP_WEBHOOK_API_BODY)) {

        api->route = route;

        rc = ngx_http_read_client_request_body(r,
                                           ngx_http_webhook_api_body_handler);

        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (route == NULL && methods) {
        return ngx_http_webhook_api_allow(api, methods);
    }

    if (route == NULL) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
                                          "no_such_route",
                                          "There is nothing of this path.");
    }

    return ngx_http_webhook_api_run(api, route);
}


/* the module's context is that of what is captured */

static void
ngx_http_webhook_api_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_pool_cleanup_t      *cln;
    ngx_http_webhook_api_t  *api;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_webhook_api_cleanup) {
            break;
        }
    }

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    api = cln->data;

    rc = ngx_http_webhook_api_body(api);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_api_run(api, api->route);

    } else if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_api_error(api,
                   NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "body_too_large",
                   "The body is larger than %d octets.",
                   NGX_HTTP_WEBHOOK_API_MOST);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_finalize_request(r, rc);
}


/* whole, wherever it is */

static ngx_int_t
ngx_http_webhook_api_body(ngx_http_webhook_api_t *api)
{
    u_char       *p;
    size_t        n;
    ssize_t       size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *in;

    in = api->request->request_body ? api->request->request_body->bufs : NULL;

    n = 0;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_size(cl->buf) > (off_t) (NGX_HTTP_WEBHOOK_API_MOST - n)) {
            return NGX_DECLINED;
        }

        n += ngx_buf_size(cl->buf);
    }

    if (n == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(api->pool, n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    api->body.data = p;
    api->body.len = n;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;
        n = ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, n);
            continue;
        }

        /* what nginx has written just now, and is in memory still */

        size = ngx_read_file(b->file, p, n, b->file_pos);

        if (size != (ssize_t) n) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_api_run(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route)
{
    uint64_t   since;
    ngx_int_t  rc;

    if (route->method != NGX_HTTP_GET
        && ngx_http_webhook_api_may(api, route, &rc) != NGX_OK)
    {
        return rc;
    }

    if (api->store == NULL && route->handler != ngx_http_webhook_api_openapi) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "no_store", "Webhooks are not configured, or out of order "
                   "in this worker process; see the error log.");
    }

    switch (ngx_http_webhook_api_args(api, route, &rc)) {

    case NGX_OK:
        since = ngx_http_webhook_meter_now();

        rc = route->handler(api);

        ngx_http_webhook_meter_held(api->main, since);

        return rc;

    case NGX_DECLINED:
        return rc;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static ngx_http_webhook_api_t *
ngx_http_webhook_api_create(ngx_http_request_t *r)
{
    ngx_pool_t              *pool;
    ngx_pool_cleanup_t      *cln, *own;
    ngx_http_webhook_api_t  *api;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    api = ngx_pcalloc(pool, sizeof(ngx_http_webhook_api_t));
    own = ngx_pool_cleanup_add(pool, 0);

    if (api == NULL || own == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    api->request = r;
    api->pool = pool;
    api->main = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);
    api->store = api->main->worker ? api->main->worker->store : NULL;
    api->out.max = NGX_MAX_SIZE_T_VALUE;
    api->out.grow = wh_buf_malloc;

    api->hold.handler = ngx_http_webhook_api_hold_handler;
    api->hold.data = r->connection;
    api->hold.log = ngx_cycle->log;

    own->handler = ngx_http_webhook_api_free;
    own->data = api;

    cln->handler = ngx_http_webhook_api_cleanup;
    cln->data = api;

    return api;
}


/* of the request: whoever still works for it finds nobody who waits */

static void
ngx_http_webhook_api_cleanup(void *data)
{
    ngx_http_webhook_api_t *api = data;

    api->request = NULL;

    if (api->hold.timer_set) {
        ngx_del_timer(&api->hold);
    }

    if (!api->busy) {
        ngx_destroy_pool(api->pool);
    }
}


static void
ngx_http_webhook_api_free(void *data)
{
    ngx_http_webhook_api_t *api = data;

    free(api->out.data);
}


static ngx_http_webhook_api_route_t *
ngx_http_webhook_api_find(ngx_http_webhook_api_t *api, ngx_str_t *path,
    ngx_uint_t *methods)
{
    ngx_str_t                      name;
    ngx_uint_t                     method;
    ngx_http_webhook_api_route_t  *route;

    *methods = 0;

    method = api->request->method;

    if (method == NGX_HTTP_HEAD) {
        method = NGX_HTTP_GET;
    }

    for (route = ngx_http_webhook_api_routes; route->path; route++) {

        if (!ngx_http_webhook_api_matches(route->path, path, &name)) {
            continue;
        }

        if (route->method == method) {
            api->name = name;
            return route;
        }

        *methods |= route->method;
    }

    return NULL;
}


static ngx_uint_t
ngx_http_webhook_api_matches(char *pattern, ngx_str_t *path, ngx_str_t *name)
{
    u_char  *p, *last;

    ngx_str_null(name);

    p = path->data;
    last = p + path->len;

    for ( /* void */ ; *pattern; pattern++) {

        if (*pattern != '*') {
            if (p == last || *p++ != (u_char) *pattern) {
                return 0;
            }

            continue;
        }

        name->data = p;

        while (p < last && *p != '/') {
            p++;
        }

        name->len = p - name->data;

        if (name->len == 0) {
            return 0;
        }
    }

    return p == last;
}


static ngx_int_t
ngx_http_webhook_api_allow(ngx_http_webhook_api_t *api, ngx_uint_t methods)
{
    u_char           *p;
    ngx_table_elt_t  *h;

    h = ngx_list_push(&api->request->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_pnalloc(api->request->pool, sizeof("GET, HEAD, POST, DELETE"));
    if (p == NULL) {
        h->hash = 0;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Allow");
    h->value.data = p;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    if (methods & NGX_HTTP_GET) {
        p = ngx_cpymem(p, ", GET, HEAD", 11);
    }

    if (methods & NGX_HTTP_POST) {
        p = ngx_cpymem(p, ", POST", 6);
    }

    if (methods & NGX_HTTP_DELETE) {
        p = ngx_cpymem(p, ", DELETE", 8);
    }

    h->value.data += 2;
    h->value.len = p - h->value.data;

    return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_ALLOWED,
                                      "method_not_allowed",
                                      "This path is for %V.", &h->value);
}


/*
 * May it write?  NGX_DECLINED: it is answered, *rc is what to return.  What a
 * browser sends for a page of any site, without asking this one before, is no
 * DELETE, and has no type of a body but a form's or a text's.
 */

static ngx_int_t
ngx_http_webhook_api_may(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_int_t *rc)
{
    ngx_str_t                     *type;
    ngx_http_request_t            *r;
    ngx_http_webhook_loc_conf_t   *wlcf;

    r = api->request;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (!wlcf->api_write && !(route->args & NGX_HTTP_WEBHOOK_API_READS)) {
        *rc = ngx_http_webhook_api_error(api, NGX_HTTP_FORBIDDEN,
                  "read_only", "This location can only be read, it has no "
                  "\"write=on\".");
        return NGX_DECLINED;
    }

    if (!ngx_http_webhook_api_same_site(r)) {
        *rc = ngx_http_webhook_api_error(api, NGX_HTTP_FORBIDDEN,
                  "cross_site", "This was sent for a page of another site.");
        return NGX_DECLINED;
    }

    if (r->method != NGX_HTTP_POST) {
        return NGX_OK;
    }

    if (r->headers_in.content_type) {
        type = &r->headers_in.content_type->value;

        if (type->len >= 16
            && ngx_strncasecmp(type->data, (u_char *) "application/json", 16)
               == 0
            && (type->len == 16 || type->data[16] == ';'
                || type->data[16] == ' '))
        {
            return NGX_OK;
        }
    }

    *rc = ngx_http_webhook_api_error(api, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
              "content_type", "A command needs \"Content-Type: "
              "application/json\".");

    return NGX_DECLINED;
}


/*
 * A page of another site can make a browser send a POST, with all that the
 * browser is authorized by: such a browser tells where it comes from.
 */

static ngx_uint_t
ngx_http_webhook_api_same_site(ngx_http_request_t *r)
{
    u_char           *p;
    size_t            len;
    ngx_str_t        *host;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    host = r->headers_in.host ? &r->headers_in.host->value
                              : &r->headers_in.server;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 1;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Sec-Fetch-Site") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Sec-Fetch-Site",
                               h[i].key.len)
               == 0
            && ngx_strcmp(h[i].value.data, "same-origin") != 0
            && ngx_strcmp(h[i].value.data, "none") != 0)
        {
            return 0;
        }

        if (h[i].key.len != sizeof("Origin") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "Origin",
                               h[i].key.len)
               != 0)
        {
            continue;
        }

        p = h[i].value.data;
        len = h[i].value.len;

        if (len > 7 && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
            p += 7;
            len -= 7;

        } else if (len > 8
                   && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
        {
            p += 8;
            len -= 8;

        } else {
            return 0;
        }

        if (len != host->len
            || ngx_strncasecmp(p, host->data, len) != 0)
        {
            return 0;
        }
    }
}


ngx_int_t
ngx_http_webhook_api_answer(ngx_http_webhook_api_t *api, ngx_uint_t status)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = api->request;

    if (wh_buf_putc(&api->out, '\n') != WH_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = (u_char *) api->out.data;
    b->last = b->pos + api->out.len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = api->out.len;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_webhook_api_error(ngx_http_webhook_api_t *api, ngx_uint_t status,
    char *code, const char *fmt, ...)
{
    u_char     message[NGX_HTTP_WEBHOOK_API_MESSAGE], *p;
    va_list    args;
    wh_buf_t  *b;

    va_start(args, fmt);
    p = ngx_vslprintf(message, message + NGX_HTTP_WEBHOOK_API_MESSAGE, fmt,
                      args);
    va_end(args);

    b = &api->out;
    b->len = 0;
    b->err = WH_OK;

    (void) wh_buf_put_literal(b, "{\"error\":{\"code\":\"");
    (void) wh_buf_put(b, code, ngx_strlen(code));
    (void) wh_buf_put_literal(b, "\",\"message\":");
    (void) wh_put_json_quoted(b, (char *) message, p - message);
    (void) wh_buf_put_literal(b, "}}");

    return ngx_http_webhook_api_answer(api, status);
}


ngx_int_t
ngx_http_webhook_api_failed(ngx_http_webhook_api_t *api, ngx_int_t rc)
{
    switch (rc) {

    case NGX_BUSY:
        return ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "store_busy", "The store could not be had in time, nothing "
                   "was done.");

    case NGX_DECLINED:
        return ngx_http_webhook_api_error(api,
                   NGX_HTTP_INSUFFICIENT_STORAGE, "store_full",
                   "The store has no room for this, nothing was done.");

    default:
        return ngx_http_webhook_api_error(api,
                   NGX_HTTP_INTERNAL_SERVER_ERROR, "store_failed",
                   "The store could not be read, or written; see the error "
                   "log.");
    }
}


ngx_int_t
ngx_http_webhook_api_wait(ngx_http_webhook_api_t *api)
{
    api->busy = 1;
    api->request->main->count++;

    /* neither a thread nor a posted event keeps the process from exiting */

    ngx_add_timer(&api->hold, NGX_HTTP_WEBHOOK_API_HOLD);

    return NGX_DONE;
}


/* it takes too long to be waited for */

static void
ngx_http_webhook_api_hold_handler(ngx_event_t *ev)
{
    /* void */
}


ngx_uint_t
ngx_http_webhook_api_waits(ngx_http_webhook_api_t *api)
{
    api->busy = 0;

    if (api->hold.timer_set) {
        ngx_del_timer(&api->hold);
    }

    if (api->request) {
        return 1;
    }

    ngx_destroy_pool(api->pool);

    return 0;
}


void
ngx_http_webhook_api_finish(ngx_http_webhook_api_t *api, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = api->request;
    c = r->connection;

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}
