
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_ACCEPT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ACCEPT_H_INCLUDED_


#include "ngx_http_webhook_batch.h"


struct ngx_http_webhook_accept_s {
    ngx_http_webhook_batch_t       batch;
    wh_buf_t                       records;
    wh_str_t                       text;
    size_t                         pos;       /* in the text */
    ngx_uint_t                     n;         /* elements */
    size_t                         max_record;
    ngx_http_webhook_raw_t         raw;       /* the element */
    ngx_array_t                    ids;       /* ngx_str_t, of elements */
    ngx_array_t                    fired;     /* ..._fired_t * */
    ngx_event_t                    event;     /* the next turn */

    unsigned                       begun:1;
    unsigned                       array:1;
    unsigned                       appended:1;
};


/* why an element, or all, is refused */

typedef struct {
    ngx_uint_t                     status;
    char                          *text;
    char                          *member;    /* "/type", or "" */
} ngx_http_webhook_refusal_t;


/*
 * Adds the deliveries of an element to the batch; NGX_ERROR: *why it is
 * refused.
 */
ngx_int_t ngx_http_webhook_accept_element(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element,
    ngx_http_webhook_refusal_t *why);

/* *why, when the batch has failed */
void ngx_http_webhook_accept_failed(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_refusal_t *why);

/*
 * Sends a refusal; "located": of the element that is being read.  It is never
 * NGX_OK, after which more would be sent, but NGX_DECLINED instead.
 */
ngx_int_t ngx_http_webhook_accept_refuse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_refusal_t *why,
    ngx_uint_t located);

/* sends the ids: all was committed, or had been before */
ngx_int_t ngx_http_webhook_accept_answer(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);


#endif /* _NGX_HTTP_WEBHOOK_ACCEPT_H_INCLUDED_ */
