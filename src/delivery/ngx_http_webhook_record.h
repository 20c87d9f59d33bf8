
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From an attempt to its place in the history.
 */


#ifndef _NGX_HTTP_WEBHOOK_RECORD_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_RECORD_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_history.h"


/* an attempt without what is secret; texts are in its pool, or in itself */

typedef struct {
    wh_row_t       row;
    wh_row_more_t  more;
    wh_str_t       body;       /* as captured, of the record */
} ngx_http_webhook_record_t;


/*
 * What is to be known of an attempt that has ended, in its handler.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_record_make(ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_record_t *rec);

/*
 * Where a request was sent, with secrets of its query masked; memory is from
 * the attempt's pool.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_record_url(ngx_http_webhook_attempt_t *a,
    wh_str_t *url);

/* whether the value of a header is masked; in any thread */
ngx_uint_t ngx_http_webhook_record_secret(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *name);

/*
 * Keeps it, if that is configured.  "seq" and "index" tell deliveries apart;
 * "flags" are WH_ROW_PROBE and the like.  Without memory it is not kept.
 */
void ngx_http_webhook_record(ngx_http_webhook_store_t *st,
    ngx_http_webhook_attempt_t *a, uint64_t seq, uint32_t index,
    ngx_uint_t flags);

/* "webhook_history" */
char *ngx_http_webhook_history_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "history" of an endpoint; *bad is the word that is wrong */
char *ngx_http_webhook_history_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);

/* defaults, after the whole http {} */
void ngx_http_webhook_history_init_conf(ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_RECORD_H_INCLUDED_ */
