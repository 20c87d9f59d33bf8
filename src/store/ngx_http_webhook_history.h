
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The history of attempts, as the store keeps it.
 */


#ifndef _NGX_HTTP_WEBHOOK_HISTORY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_HISTORY_H_INCLUDED_


#include "ngx_http_webhook_job.h"


#define NGX_HTTP_WEBHOOK_HISTORY_SLICE  2048  /* rows looked at */


/* an attempt on its way there; allocated by ngx_alloc(), texts behind it */

typedef struct ngx_http_webhook_keep_s  ngx_http_webhook_keep_t;

struct ngx_http_webhook_keep_s {
    ngx_http_webhook_keep_t         *next;
    u_char                           key[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    uint64_t                         time;
    ngx_str_t                        name;      /* of its endpoint */
    uint64_t                         seq;
    uint32_t                         index;
    wh_str_t                         row;       /* see wh_row.h */
    wh_str_t                         more;
    wh_str_t                         body;      /* empty: not kept */
    ngx_uint_t                       keyed;     /* unsigned  keyed:1; */
};


/*
 * Keeps an attempt, which is the store's from now on, or gives it up: what the
 * warehouse cannot take in time is counted and gone.
 */
void ngx_http_webhook_store_history(ngx_http_webhook_store_t *st,
    ngx_http_webhook_keep_t *keep, uint64_t time);

/* attempts of this worker that were given up */
ngx_uint_t ngx_http_webhook_store_history_lost(ngx_http_webhook_store_t *st);


/*
 * In a turn's transaction, and around it.  It gives attempts their keys, so
 * that who has read up to a key misses none that is written later: the time of
 * the attempt, or a later one, then the worker's slot and a number.
 */
int ngx_http_webhook_history_inside(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, ngx_http_webhook_visit_t *v, ngx_uint_t fill);
void ngx_http_webhook_history_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v);
void ngx_http_webhook_history_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v);

/* a row and its texts, as long as the transaction; a code of LMDB's */
int ngx_http_webhook_history_get(MDB_txn *txn, MDB_dbi dbi, u_char *key,
    wh_row_t *row);
ngx_uint_t ngx_http_webhook_history_match(wh_filter_t *f, wh_row_t *row);


#endif /* _NGX_HTTP_WEBHOOK_HISTORY_H_INCLUDED_ */
