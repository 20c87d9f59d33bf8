
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Where an attempt goes: to the host of the configuration, or to that of a
 * URL that was made at capture.
 */


#ifndef _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


typedef struct {
    ngx_http_upstream_conf_t   *conf;       /* for ngx_http_upstream_t.conf */
    unsigned                    ssl:1;
    unsigned                    own:1;      /* peers of the endpoint's are it */

    ngx_resolver_t             *resolver;   /* NULL: there is none */
    ngx_str_t                   name;       /* to be resolved */
    in_port_t                   port;
    ngx_resolver_addr_t         addr;       /* sockaddr NULL: it is a name */

    void                       *tls;        /* identity; NULL: no TLS */
    ngx_str_t                   host;       /* part of it, may be empty */
    ngx_str_t                   ssl_name;   /* for SNI, and nginx to verify */
    ngx_str_t                   verify;     /* address to verify, or empty */
} ngx_http_webhook_target_t;


/*
 * "url" is that of a host out of a record, or empty for the endpoint's; its
 * octets and "pool" live as long as *t.  NGX_OK; NGX_DECLINED: nothing can
 * come of it; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_target_init(ngx_http_webhook_target_t *t,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *url, ngx_pool_t *pool);


#endif /* _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_ */
