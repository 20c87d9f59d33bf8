
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_target.h"
#include "ngx_http_webhook_tls.h"
#include "wh_url.h"


static void ngx_http_webhook_target_own(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep);
static ngx_int_t ngx_http_webhook_target_address(
    ngx_http_webhook_target_t *t, ngx_pool_t *pool);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_webhook_target_tls(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep, wh_url_t *u, ngx_pool_t *pool);
#endif


ngx_int_t
ngx_http_webhook_target_init(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *url, ngx_pool_t *pool)
{
    wh_str_t     in;
    wh_url_t     u;
    const char  *err;

    ngx_memzero(t, sizeof(ngx_http_webhook_target_t));

    t->conf = &ep->upstream;

    if (url->len == 0) {
        ngx_http_webhook_target_own(t, ep);
        return NGX_OK;
    }

    in.len = url->len;
    in.data = (char *) url->data;

    if (wh_url_parse(in, &u, &err) != WH_OK) {
        return NGX_DECLINED;
    }

    t->ssl = u.https;
    t->port = u.port;
    t->resolver = ep->names;
    t->name.len = u.host.len;
    t->name.data = (u_char *) u.host.data;

    if (u.type != WH_URL_NAME
        && ngx_http_webhook_target_address(t, pool) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (!t->ssl) {
        return NGX_OK;
    }

#if (NGX_HTTP_SSL)
    return ngx_http_webhook_target_tls(t, ep, &u, pool);
#else
    return NGX_DECLINED;
#endif
}


static void
ngx_http_webhook_target_own(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep)
{
    t->own = 1;
    t->ssl = ep->ssl;
    t->resolver = ep->resolver;
    t->name = ep->resolve;
    t->port = ep->port;
    t->tls = ep->tls;

#if (NGX_HTTP_SSL)
    if (t->tls) {
        t->ssl_name = *ngx_http_webhook_tls_name(t->tls);
    }
#endif
}


static ngx_int_t
ngx_http_webhook_target_address(ngx_http_webhook_target_t *t,
    ngx_pool_t *pool)
{
    ngx_addr_t  addr;

    if (ngx_parse_addr(pool, &addr, t->name.data, t->name.len) != NGX_OK) {
        return NGX_DECLINED;
    }

    t->addr.sockaddr = addr.sockaddr;
    t->addr.socklen = addr.socklen;

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_webhook_target_tls(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep, wh_url_t *u, ngx_pool_t *pool)
{
    if (ep->tls == NULL) {
        return NGX_DECLINED;
    }

    t->tls = ep->tls;

    t->host.data = ngx_pnalloc(pool, t->name.len);
    if (t->host.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(t->host.data, t->name.data, t->name.len);
    t->host.len = t->name.len;

    if (u->type != WH_URL_NAME) {

        /* nginx compares names only, and an address is no SNI */

        t->conf = ep->unnamed;

        if (ep->verify) {
            t->verify = t->host;
        }

        return NGX_OK;
    }

    /* the root's dot is no part of a certificate's name */

    if (t->host.data[t->host.len - 1] == '.') {
        t->host.len--;
    }

    t->ssl_name = t->host;

    return NGX_OK;
}

#endif
