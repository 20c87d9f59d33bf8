
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Attempts on their way into the history, which waits for nobody, and nobody
 * for it.
 */


#include "ngx_http_webhook_history.h"
#include "ngx_http_webhook_local.h"


#define NGX_HTTP_WEBHOOK_HISTORY_ROWS   512           /* of a visit */
#define NGX_HTTP_WEBHOOK_HISTORY_VISIT  (1024 * 1024) /* octets of a visit */
#define NGX_HTTP_WEBHOOK_HISTORY_WAIT   (4 * 1024 * 1024)  /* octets */


static size_t ngx_http_webhook_history_octets(ngx_http_webhook_keep_t *keep);
static void ngx_http_webhook_history_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_keep_t *keep, ngx_uint_t lost);


void
ngx_http_webhook_store_history(ngx_http_webhook_store_t *st,
    ngx_http_webhook_keep_t *keep, uint64_t time)
{
    if (st->rows_size > NGX_HTTP_WEBHOOK_HISTORY_WAIT) {
        keep->next = NULL;
        ngx_http_webhook_history_free(st, keep, 1);
        return;
    }

    keep->keyed = 0;
    keep->time = time;

    keep->next = NULL;
    *st->rows_last = keep;
    st->rows_last = &keep->next;
    st->rows_size += ngx_http_webhook_history_octets(keep);

    if (st->leaving || st->rows_size > NGX_HTTP_WEBHOOK_HISTORY_VISIT) {
        ngx_http_webhook_turn_start(st);

    } else {
        ngx_http_webhook_turn_gather(st);
    }
}


ngx_uint_t
ngx_http_webhook_store_history_lost(ngx_http_webhook_store_t *st)
{
    return st->rows_lost;
}


void
ngx_http_webhook_history_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v)
{
    size_t                     size;
    ngx_uint_t                 n;
    ngx_http_webhook_keep_t   *keep, **last;

    if (v->unlocked) {
        return;
    }

    size = 0;
    last = &v->rows;

    for (n = 0;
         st->rows && n < NGX_HTTP_WEBHOOK_HISTORY_ROWS
         && size < NGX_HTTP_WEBHOOK_HISTORY_VISIT;
         n++)
    {
        keep = st->rows;
        st->rows = keep->next;
        keep->next = NULL;

        *last = keep;
        last = &keep->next;
        size += ngx_http_webhook_history_octets(keep);
    }

    if (st->rows == NULL) {
        st->rows_last = &st->rows;

    } else {

        /* they have been gathered, and would be given up at this pace */

        st->urgent = 1;
    }

    st->rows_size -= size;
}


void
ngx_http_webhook_history_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_keep_t  *keep;

    if (v->rows == NULL) {
        return;
    }

    if (v->committed) {
        ngx_http_webhook_history_free(st, v->rows, v->nrows == 0);
        v->rows = NULL;
        return;
    }

    for (keep = v->rows; keep->next; keep = keep->next) {
        st->rows_size += ngx_http_webhook_history_octets(keep);
    }

    st->rows_size += ngx_http_webhook_history_octets(keep);

    keep->next = st->rows;

    if (st->rows == NULL) {
        st->rows_last = &keep->next;
    }

    st->rows = v->rows;
    v->rows = NULL;
}


static size_t
ngx_http_webhook_history_octets(ngx_http_webhook_keep_t *keep)
{
    return sizeof(ngx_http_webhook_keep_t) + keep->row.len + keep->more.len
           + keep->body.len;
}


static void
ngx_http_webhook_history_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_keep_t *keep, ngx_uint_t lost)
{
    ngx_http_webhook_keep_t  *next;

    if (lost && st->rows_lost == 0) {
        ngx_log_error(NGX_LOG_WARN, st->log, 0,
                      "webhook_history: attempts are not kept, the store is "
                      "busy or has no room for them");
    }

    for ( /* void */ ; keep; keep = next) {
        next = keep->next;
        st->rows_lost += lost;
        ngx_free(keep);
    }
}
