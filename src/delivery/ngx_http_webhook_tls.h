
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * TLS contexts, shared between endpoints of equal settings, stores of CA
 * certificates, shared between contexts that trust the same ones, and
 * identities, within which connections and TLS sessions may be shared.
 */


#ifndef _NGX_HTTP_WEBHOOK_TLS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TLS_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/* what a context is made of */

typedef struct {
    ngx_flag_t    verify;
    ngx_str_t     address;      /* to verify, if it is no name */
    ngx_str_t     trusted;      /* empty: the system's */
    ngx_str_t     certificate;
    ngx_str_t     key;
    ngx_str_t     ciphers;
    ngx_uint_t    protocols;
} ngx_http_webhook_tls_conf_t;


/* all of a configuration, while it is being made */

typedef struct {
    ngx_queue_t  *contexts;     /* by hashes */
    ngx_queue_t  *identities;   /* likewise */
    ngx_array_t   stores;       /* of CA certificates */
} ngx_http_webhook_tls_set_t;


#if (NGX_HTTP_SSL)

ngx_int_t ngx_http_webhook_tls_set_init(ngx_conf_t *cf,
    ngx_http_webhook_tls_set_t *set);

/* sets ep->tls, and what concerns TLS in ep->upstream; errors are logged */
ngx_int_t ngx_http_webhook_tls_init(ngx_conf_t *cf,
    ngx_http_webhook_tls_set_t *set, ngx_http_webhook_tls_conf_t *tc,
    ngx_http_webhook_endpoint_t *ep);

/* of an identity, as nginx wants it; an empty one: that of the URL is used */
ngx_str_t *ngx_http_webhook_tls_name(void *tls);

/* an address is verified instead of a name, in a handshake that is to begin */
ngx_int_t ngx_http_webhook_tls_address(ngx_connection_t *c,
    ngx_str_t *address);

#endif


#endif /* _NGX_HTTP_WEBHOOK_TLS_H_INCLUDED_ */
