
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * API keys ("api_key" of an endpoint) in bodies and queries.  Secrets are not
 * in records, but are added at the attempt; values with variables are
 * rendered with the event.
 */


#ifndef _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "wh_pairs.h"


/* after the last line of an endpoint; NGX_OK or NGX_ERROR, which is logged */
ngx_int_t ngx_http_webhook_keys_end(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep);

/*
 * If events with that payload (NULL: the default one) may be sent to the
 * endpoint; "file" and "line" are where it is said that they are.  NGX_OK or
 * NGX_ERROR, which is logged.
 */
ngx_int_t ngx_http_webhook_keys_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_payload_t *payload,
    u_char *file, ngx_uint_t line);

/* true if two names are the same one: in a query receivers may ignore case */
ngx_uint_t ngx_http_webhook_keys_equal(ngx_uint_t query, ngx_str_t *one,
    ngx_str_t *two);

/* no name out of data is to be that of a key */
void ngx_http_webhook_keys_absent(ngx_http_webhook_endpoint_t *ep,
    wh_pairs_t *pairs);

/* fields of the record for keys in the query; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_webhook_keys_query(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    wh_buf_t *out);

/*
 * Adds keys to a form, or to an object, that begins at "start" of "out";
 * NGX_OK or NGX_ERROR, see also out->err.
 */
ngx_int_t ngx_http_webhook_keys_body(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_uint_t form, wh_buf_t *out, size_t start);

/* octets that secrets of the endpoint add to the query of its URL, at most */
size_t ngx_http_webhook_keys_room(ngx_http_webhook_endpoint_t *ep);


#endif /* _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_ */
