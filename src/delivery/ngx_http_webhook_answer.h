
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a receiver answers.  Nothing in it is trusted, little is kept.
 */


#ifndef _NGX_HTTP_WEBHOOK_ANSWER_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ANSWER_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"


typedef struct {
    ngx_uint_t            status;        /* 0: no valid header yet */
    int64_t               retry_after;   /* ms, -1: none */
    ngx_str_t             excerpt;

    /* in: statuses whose head is not kept, or NULL: no head is */
    ngx_http_webhook_statuses_t  *except;
    ngx_str_t             head;          /* as far as it is kept */

    /* private */
    ngx_http_status_t     line_status;
    u_char               *line;          /* header line being read */
    size_t                header;        /* octets of lines dropped */
    off_t                 length;        /* Content-Length, or -1 */
    off_t                 received;      /* octets of the body */
    ngx_http_chunked_t    chunk;

    unsigned              lines:1;       /* the status line was read */
    unsigned              chunked:1;
    unsigned              close:1;
    unsigned              keep:1;
    unsigned              head_full:1;
} ngx_http_webhook_answer_t;


/* before the first octet */
void ngx_http_webhook_answer_init(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);

/* after each read, for ngx_http_upstream_t.process_header */
ngx_int_t ngx_http_webhook_answer_header(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);

/* for the upstream's input filter, not buffered */
void ngx_http_webhook_answer_body_init(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);
ngx_int_t ngx_http_webhook_answer_body(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ssize_t bytes);


#endif /* _NGX_HTTP_WEBHOOK_ANSWER_H_INCLUDED_ */
