
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_PAYLOAD_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_PAYLOAD_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/* the head of a request, all its headers */
#define NGX_HTTP_WEBHOOK_MAX_HEAD    (64 * 1024)

/* path and query of an URL with variables, or with a form in it */
#define NGX_HTTP_WEBHOOK_MAX_TARGET  (8 * 1024)


/* what differs from one attempt of a delivery to the next */

typedef struct {
    ngx_uint_t                   number;     /* from 1 */
    uint64_t                     time;       /* ms since the epoch */
    u_char                       span[8];    /* random: parent of traceparent */
} ngx_http_webhook_attempt_values_t;


/* "webhook_payload NAME KIND { ... }" */
char *ngx_http_webhook_payload_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* by name; NULL if there is none */
ngx_http_webhook_payload_t *ngx_http_webhook_payload_find(
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name);

/*
 * The bodies that a payload is made of, 1 << NGX_HTTP_WEBHOOK_REQUEST and the
 * like; "payload" may be NULL.
 */
ngx_uint_t ngx_http_webhook_payload_bodies(
    ngx_http_webhook_payload_t *payload);

/* true unless a request without a body has nothing of it, but should */
ngx_uint_t ngx_http_webhook_payload_in_head(
    ngx_http_webhook_payload_t *payload);

/* "grow" of a wh_buf_t whose "ctx" is an ngx_pool_t */
void *ngx_http_webhook_payload_grow(void *ctx, void *old, size_t old_size,
    size_t size);

/*
 * Renders an event for an endpoint into a delivery record (wh_delivery.h)
 * appended to "out": everything that is fixed at capture, without secrets.
 * NGX_OK; NGX_DECLINED: out's limit was reached (out->err is WH_LIMIT);
 * NGX_BUSY: the URL would be longer than NGX_HTTP_WEBHOOK_MAX_TARGET;
 * NGX_AGAIN: values make no valid URL (logged);
 * NGX_ABORT: it is to be a body that is not to be had; NGX_ERROR: no memory,
 * or the event's type or id cannot stand in a header (logged).  "payload"
 * NULL: the default envelope.
 */
ngx_int_t ngx_http_webhook_payload_render(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);

/*
 * Makes the request of one attempt out of a record: request line, headers
 * with secrets and per-attempt values, body.  The chain's memory is from
 * "pool", the body's octets may point into "record".  *url is where it goes,
 * which may point likewise; empty: to the host of the endpoint.  NGX_OK;
 * NGX_DECLINED: no request can be made of the record, now or ever (*reason
 * says why); NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_payload_finish(ngx_pool_t *pool,
    ngx_http_webhook_endpoint_t *ep, wh_str_t record,
    ngx_http_webhook_attempt_values_t *v, ngx_chain_t **out, ngx_str_t *url,
    char **reason);


#endif /* _NGX_HTTP_WEBHOOK_PAYLOAD_H_INCLUDED_ */
