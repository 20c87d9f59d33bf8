
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_states.h"


/* octets of an endpoint's JSON, without its name and its zone's */
#define NGX_HTTP_WEBHOOK_API_ENDPOINT  1024
#define NGX_HTTP_WEBHOOK_API_WINDOW    128  /* or a quota */

/* times that a command is repeated over a newer state out of the store */
#define NGX_HTTP_WEBHOOK_API_TRIES     3


typedef struct {
    ngx_str_t    name;                  /* of an endpoint; empty: all */
    ngx_str_t    verb;                  /* empty: none */
} ngx_http_webhook_api_path_t;


/* a command whose end is not in the store yet */

typedef struct {
    ngx_http_request_t           *request;
    ngx_http_webhook_endpoint_t  *endpoint;
    ngx_uint_t                    enable;
    ngx_uint_t                    tries;
} ngx_http_webhook_api_command_t;


static ngx_int_t ngx_http_webhook_api_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_api_path(ngx_http_request_t *r,
    ngx_http_webhook_api_path_t *path);
static ngx_uint_t ngx_http_webhook_api_same_site(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_api_command(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *verb);
static ngx_int_t ngx_http_webhook_api_do(ngx_http_webhook_api_command_t *cmd);
static void ngx_http_webhook_api_done(void *data, ngx_int_t rc);
static ngx_int_t ngx_http_webhook_api_answer(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t **ep, ngx_uint_t n, ngx_uint_t all);
static size_t ngx_http_webhook_api_size(ngx_http_webhook_endpoint_t *ep);
static u_char *ngx_http_webhook_api_endpoint(u_char *p,
    ngx_http_webhook_endpoint_t *ep);
static u_char *ngx_http_webhook_api_window(u_char *p, wh_limit_t *limit,
    uint64_t now);
static u_char *ngx_http_webhook_api_quota(u_char *p, char *name,
    wh_quota_t *quota, uint64_t now);
static ngx_int_t ngx_http_webhook_api_send(ngx_http_request_t *r,
    ngx_buf_t *b);


char *
ngx_http_webhook_api_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_webhook_api_handler) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strcmp(value[1].data, "write=on") == 0) {
            wlcf->api_write = 1;

        } else if (ngx_strcmp(value[1].data, "write=off") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\", it must "
                               "be \"write=on\" or \"write=off\"",
                               &value[1], &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    if (clcf->noname || clcf->named
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

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_api_path_t    path;
    ngx_http_webhook_loc_conf_t   *wlcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (ngx_http_webhook_api_path(r, &path) != NGX_OK) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (path.verb.len ? !(r->method & NGX_HTTP_POST)
                      : !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return NGX_HTTP_NOT_ALLOWED;
    }

    if (path.verb.len
        && (!wlcf->api_write || !ngx_http_webhook_api_same_site(r)))
    {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (wmcf->worker == NULL || wmcf->worker->store == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    if (path.name.len == 0) {
        return ngx_http_webhook_api_answer(r, wmcf->endpoints.elts,
                                           wmcf->endpoints.nelts, 1);
    }

    ep = ngx_http_webhook_endpoint_find(wmcf, &path.name);

    if (ep == NULL) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (path.verb.len) {
        return ngx_http_webhook_api_command(r, ep, &path.verb);
    }

    return ngx_http_webhook_api_answer(r, &ep, 1, 0);
}


static ngx_int_t
ngx_http_webhook_api_answer(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t **ep, ngx_uint_t n, ngx_uint_t all)
{
    size_t       size;
    ngx_buf_t   *b;
    ngx_uint_t   i;

    size = sizeof("{\"endpoints\":[]}\n");

    for (i = 0; i < n; i++) {
        size += ngx_http_webhook_api_size(ep[i]);
    }

    b = ngx_create_temp_buf(r->pool, size);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!all) {
        b->last = ngx_http_webhook_api_endpoint(b->last, ep[0]);

    } else {
        b->last = ngx_cpymem(b->last, "{\"endpoints\":[",
                             sizeof("{\"endpoints\":[") - 1);

        for (i = 0; i < n; i++) {
            if (i) {
                *b->last++ = ',';
            }

            b->last = ngx_http_webhook_api_endpoint(b->last, ep[i]);
        }

        b->last = ngx_cpymem(b->last, "]}", 2);
    }

    *b->last++ = '\n';

    return ngx_http_webhook_api_send(r, b);
}


/* behind the location's name: "endpoints", "/" and a name, "/" and a verb */

static ngx_int_t
ngx_http_webhook_api_path(ngx_http_request_t *r,
    ngx_http_webhook_api_path_t *path)
{
    u_char                    *p, *last, *slash;
    ngx_http_core_loc_conf_t  *clcf;

    ngx_memzero(path, sizeof(ngx_http_webhook_api_path_t));

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->uri.len < clcf->name.len) {
        return NGX_DECLINED;
    }

    p = r->uri.data + clcf->name.len;
    last = r->uri.data + r->uri.len;

    if (p < last && *p == '/') {
        p++;
    }

    if ((size_t) (last - p) < sizeof("endpoints") - 1
        || ngx_memcmp(p, "endpoints", sizeof("endpoints") - 1) != 0)
    {
        return NGX_DECLINED;
    }

    p += sizeof("endpoints") - 1;

    if (p == last) {
        return NGX_OK;
    }

    if (*p++ != '/') {
        return NGX_DECLINED;
    }

    slash = ngx_strlchr(p, last, '/');

    path->name.data = p;
    path->name.len = (slash ? slash : last) - p;

    if (slash) {
        path->verb.data = slash + 1;
        path->verb.len = last - slash - 1;

        if (path->verb.len == 0) {
            return NGX_DECLINED;
        }
    }

    return path->name.len ? NGX_OK : NGX_DECLINED;
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


static ngx_int_t
ngx_http_webhook_api_command(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *verb)
{
    ngx_int_t                        rc;
    ngx_http_webhook_api_command_t  *cmd;

    cmd = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_api_command_t));
    if (cmd == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cmd->request = r;
    cmd->endpoint = ep;

    if (verb->len == 6 && ngx_memcmp(verb->data, "enable", 6) == 0) {
        cmd->enable = 1;

    } else if (verb->len != 7 || ngx_memcmp(verb->data, "disable", 7) != 0) {
        return NGX_HTTP_NOT_FOUND;
    }

    rc = ngx_http_webhook_api_do(cmd);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    r->main->count++;

    return NGX_DONE;
}


/* NGX_AGAIN: it is done, but not answered yet */

static ngx_int_t
ngx_http_webhook_api_do(ngx_http_webhook_api_command_t *cmd)
{
    uint64_t                      now;
    ngx_int_t                     rc;
    ngx_http_webhook_endpoint_t  *ep;

    ep = cmd->endpoint;
    now = ngx_http_webhook_store_now();

    rc = cmd->enable ? ngx_http_webhook_enable_by_operator(ep, now)
                     : ngx_http_webhook_disable_by_operator(ep, now);

    /* what was so already is no error: commands may be repeated */

    if (rc == NGX_OK) {
        ngx_http_webhook_delivery_changed(ep->main);
    }

    rc = ngx_http_webhook_states_wait(ep, cmd->request->pool,
                                      ngx_http_webhook_api_done, cmd);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    return ngx_http_webhook_api_answer(cmd->request, &ep, 1, 0);
}


static void
ngx_http_webhook_api_done(void *data, ngx_int_t rc)
{
    ngx_http_webhook_api_command_t *cmd = data;

    wh_state_t           s;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = cmd->request;
    c = r->connection;

    ngx_http_webhook_disable_state(cmd->endpoint, ngx_http_webhook_store_now(),
                                   &s);

    /* it may be another one than was asked for */

    if (rc == NGX_ABORT
        && (s.reason == WH_STATE_ENABLED) != cmd->enable
        && ++cmd->tries < NGX_HTTP_WEBHOOK_API_TRIES)
    {
        rc = ngx_http_webhook_api_do(cmd);

        if (rc == NGX_AGAIN) {
            return;
        }

    } else {
        rc = ngx_http_webhook_api_answer(r, &cmd->endpoint, 1, 0);
    }

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}


static size_t
ngx_http_webhook_api_size(ngx_http_webhook_endpoint_t *ep)
{
    return NGX_HTTP_WEBHOOK_API_ENDPOINT
           + (ep->policy.nlimits + 3) * NGX_HTTP_WEBHOOK_API_WINDOW
           + ep->name.len
           + ngx_http_webhook_zone_name(ep->zone)->len * 6;
}


static u_char *
ngx_http_webhook_api_endpoint(u_char *p, ngx_http_webhook_endpoint_t *ep)
{
    uint64_t                      now;
    ngx_str_t                    *zone;
    wh_state_t                    s;
    ngx_uint_t                    i;
    wh_limit_t                   *limit;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;
    now = ngx_http_webhook_store_now();

    ngx_http_webhook_disable_state(ep, now, &s);

    p = ngx_sprintf(p, "{\"name\":\"%V\",\"zone\":\"", &ep->name);

    zone = ngx_http_webhook_zone_name(ep->zone);

    p = (u_char *) ngx_escape_json(p, zone->data, zone->len);

    p = ngx_sprintf(p, "\",\"state\":\"%s\"",
                    s.reason == WH_STATE_ENABLED ? "enabled"
                    : s.reason == WH_STATE_QUOTA ? "paused"
                    : s.probing ? "probing" : "disabled");

    if (s.reason != WH_STATE_ENABLED) {
        p = ngx_sprintf(p, ",\"reason\":\"%s\",\"failures\":%uD,"
                        "\"since\":%uL",
                        ngx_http_webhook_disable_reason(s.reason), s.count,
                        s.since);

        if (s.until) {
            p = ngx_sprintf(p, ",\"until\":%uL", s.until);
        }

        if (s.probe) {
            p = ngx_sprintf(p, ",\"probe\":%uL", s.probe);
        }
    }

    p = ngx_sprintf(p, ",\"stored\":%s,\"failures_in_a_row\":%uL,"
                    "\"windows\":[",
                    ngx_http_webhook_disable_stored(ep) ? "true" : "false",
                    (uint64_t) c->cell.row);

    for (i = 0; i < ep->policy.nlimits; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_webhook_api_window(p, &ep->policy.limits[i], now);
    }

    *p++ = ']';

    limit = &ngx_http_webhook_zone_policy(ep->zone)->limit;

    if (limit->n) {
        p = ngx_sprintf(p, ",\"zone_window\":");
        p = ngx_http_webhook_api_window(p, limit, now);
    }

    p = ngx_http_webhook_api_quota(p, "quota", &ep->policy.quota, now);
    p = ngx_http_webhook_api_quota(p, "zone_quota", &ep->policy.zone->quota,
                                   now);

    p = ngx_sprintf(p, ",\"ends\":{");

    for (i = 0; i < WH_NEND; i++) {
        p = ngx_sprintf(p, "%s\"%s\":%uA", i ? "," : "",
                        ngx_http_webhook_zone_end_name(i), c->ends[i]);
    }

    return ngx_cpymem(p, "}}", 2);
}


static u_char *
ngx_http_webhook_api_window(u_char *p, wh_limit_t *limit, uint64_t now)
{
    return ngx_sprintf(p, "{\"tolerated\":%uD,\"time\":%uL,\"failures\":%uD}",
                       limit->n, limit->time,
                       wh_window_count(limit->window, limit->n, limit->time,
                                       now));
}


static u_char *
ngx_http_webhook_api_quota(u_char *p, char *name, wh_quota_t *quota,
    uint64_t now)
{
    uint32_t  used;
    uint64_t  until;

    if (quota->n == 0) {
        return p;
    }

    used = wh_quota_used(quota, now, &until);

    return ngx_sprintf(p, ",\"%s\":{\"limit\":%uD,\"time\":%uL,"
                       "\"used\":%uD,\"until\":%uL}", name, quota->n,
                       quota->time, used, until);
}


static ngx_int_t
ngx_http_webhook_api_send(ngx_http_request_t *r, ngx_buf_t *b)
{
    ngx_int_t    rc;
    ngx_chain_t  out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
