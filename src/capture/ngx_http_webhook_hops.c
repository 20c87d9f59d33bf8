
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Is a request a delivery of this nginx that came back?
 */


#include "ngx_http_webhook_ctx.h"
#include "ngx_http_webhook_mark.h"


#define NGX_HTTP_WEBHOOK_HOPS_AGE     300    /* s, before and after */
#define NGX_HTTP_WEBHOOK_HOPS_DIGITS  3
#define NGX_HTTP_WEBHOOK_TIME_DIGITS  18


static u_char *ngx_http_webhook_hops_number(u_char *p, u_char *last,
    size_t max, ngx_int_t *n);
static ngx_int_t ngx_http_webhook_hops_request(ngx_http_request_t *r,
    ngx_http_webhook_mark_t *mark);


ngx_uint_t
ngx_http_webhook_hops(ngx_http_request_t *r)
{
    u_char                        *p, *last;
    ngx_str_t                      value;
    ngx_int_t                      hops, time;
    ngx_http_webhook_mark_t        mark;
    ngx_http_webhook_main_conf_t  *wmcf;

    static ngx_str_t  name = ngx_string(NGX_HTTP_WEBHOOK_MARK_NAME);

    if (ngx_http_webhook_header_find(r, &name, &value) != 1) {
        return 0;
    }

    p = value.data;
    last = value.data + value.len;

    p = ngx_http_webhook_hops_number(p, last, NGX_HTTP_WEBHOOK_HOPS_DIGITS,
                                     &hops);
    if (p == NULL) {
        return 0;
    }

    p = ngx_http_webhook_hops_number(p + 1, last,
                                     NGX_HTTP_WEBHOOK_TIME_DIGITS, &time);
    if (p == NULL) {
        return 0;
    }

    if (last - (p + 1) != NGX_HTTP_WEBHOOK_MARK_MAC
        || ngx_abs((ngx_int_t) ngx_time() - time) > NGX_HTTP_WEBHOOK_HOPS_AGE
        || ngx_http_webhook_hops_request(r, &mark) != NGX_OK)
    {
        return 0;
    }

    mark.stamp.data = value.data;
    mark.stamp.len = p - value.data;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (ngx_http_webhook_mark_check(wmcf, &mark, p + 1) != NGX_OK) {
        return 0;
    }

    return (ngx_uint_t) hops;
}


void
ngx_http_webhook_hops_limit(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                     i;
    ngx_http_request_t            *r;
    ngx_http_webhook_main_conf_t  *wmcf;

    r = ctx->request;
    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    ctx->hops = ngx_http_webhook_hops(r);

    if (ctx->hops < wmcf->max_hops) {
        return;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        ctx->stages[i].decided = 1;
        ngx_http_webhook_settle(&ctx->stages[i], NGX_HTTP_WEBHOOK_FILTERED);
    }
}


/* a number of at most "max" digits; gives the place of the dot behind it */

static u_char *
ngx_http_webhook_hops_number(u_char *p, u_char *last, size_t max,
    ngx_int_t *n)
{
    u_char  *dot;

    dot = ngx_strlchr(p, last, '.');

    if (dot == NULL || (size_t) (dot - p) > max) {
        return NULL;
    }

    *n = ngx_atoi(p, dot - p);

    return *n == NGX_ERROR ? NULL : dot;
}


/* as the client sent it: internal redirects change r->uri and the method */

static ngx_int_t
ngx_http_webhook_hops_request(ngx_http_request_t *r,
    ngx_http_webhook_mark_t *mark)
{
    u_char  *p, *last;

    if (r->headers_in.host == NULL) {
        return NGX_DECLINED;
    }

    last = r->request_line.data + r->request_line.len;

    p = ngx_strlchr(r->request_line.data, last, ' ');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    mark->method.data = r->request_line.data;
    mark->method.len = p - r->request_line.data;
    mark->host = r->headers_in.host->value;
    mark->uri = r->unparsed_uri;

    return NGX_OK;
}
