
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Where deliveries may go, and where they come from: "addresses", "bind".
 */


#ifndef _NGX_HTTP_WEBHOOK_ADDRESSES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ADDRESSES_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/*
 * Lines of an endpoint.  NULL, or what is allowed, with *bad set to the word
 * that is not.
 */
char *ngx_http_webhook_addresses_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);
char *ngx_http_webhook_bind_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);

/* of an endpoint without "addresses" */
void ngx_http_webhook_addresses_default(ngx_http_webhook_endpoint_t *ep);

/* the only address of an endpoint; what is not allowed is logged, NGX_ERROR */
ngx_int_t ngx_http_webhook_addresses_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_addr_t *addr);

/* true if a connection to the address is allowed */
ngx_uint_t ngx_http_webhook_addresses_allow(ngx_http_webhook_endpoint_t *ep,
    struct sockaddr *sa);

/* true if a connection to the address can be made from that of "bind" */
ngx_uint_t ngx_http_webhook_bind_fits(ngx_http_webhook_endpoint_t *ep,
    struct sockaddr *sa);


#endif /* _NGX_HTTP_WEBHOOK_ADDRESSES_H_INCLUDED_ */
