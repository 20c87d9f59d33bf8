
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Events on their way into one record of the store: private to the capture
 * room.
 */


#ifndef _NGX_HTTP_WEBHOOK_BATCH_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_BATCH_H_INCLUDED_


#include "ngx_http_webhook_ctx.h"


/* why deliveries are dropped */

typedef enum {
    NGX_HTTP_WEBHOOK_DROP_NONE = 0,
    NGX_HTTP_WEBHOOK_DROP_FULL,
    NGX_HTTP_WEBHOOK_DROP_REJECTED,
    NGX_HTTP_WEBHOOK_DROP_BACKLOG,
    NGX_HTTP_WEBHOOK_DROP_OVERFLOW,
    NGX_HTTP_WEBHOOK_DROP_LARGE,
    NGX_HTTP_WEBHOOK_DROP_URL,
    NGX_HTTP_WEBHOOK_DROP_BAD_URL,
    NGX_HTTP_WEBHOOK_DROP_BODY,
    NGX_HTTP_WEBHOOK_DROP_RECORD,
    NGX_HTTP_WEBHOOK_DROP_MEMORY,
    NGX_HTTP_WEBHOOK_DROP_UNKNOWN,
    NGX_HTTP_WEBHOOK_DROP_FAILED,
    NGX_HTTP_WEBHOOK_NDROP
} ngx_http_webhook_drop_e;


typedef struct {
    time_t                         time;      /* of the last line logged */
    ngx_uint_t                     skipped;   /* since then */
} ngx_http_webhook_quiet_t;


/* of a worker: where events are rendered, and what was logged when */

struct ngx_http_webhook_capturer_s {
    wh_buf_t                       buf;
    ngx_http_webhook_account_t     account;
    ngx_http_webhook_quiet_t       quiet[NGX_HTTP_WEBHOOK_NDROP];
};


typedef struct {
    ngx_http_request_t            *request;
    ngx_http_webhook_stage_t      *stage;
    ngx_http_webhook_capturer_t   *cap;
    wh_buf_t                      *buf;       /* of records */
    ngx_http_webhook_main_conf_t  *main;
    uint64_t                       now;       /* ms since the epoch */
    ngx_array_t                    pending;   /* ..._pending_t */
    ngx_uint_t                     tried;     /* deliveries */
    ngx_http_webhook_drop_e        failed;    /* the last that was dropped */
    ngx_uint_t                     whole;     /* unsigned  whole:1; */
                                              /* or nothing, then uncounted */
} ngx_http_webhook_batch_t;


/* NGX_ERROR: no memory, or the store is out of order */
ngx_int_t ngx_http_webhook_batch_init(ngx_http_webhook_batch_t *b,
    ngx_http_request_t *r, ngx_http_webhook_stage_t *stage);

/* renders the event for each endpoint of the trigger that fired */
void ngx_http_webhook_batch_add(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f);

/*
 * Commits all, and decides what fired.  NGX_OK; NGX_AGAIN: see
 * ngx_http_webhook_commit(); NGX_DECLINED: nothing was committed, b->failed
 * says why, nothing of it is counted.
 */
ngx_int_t ngx_http_webhook_batch_commit(ngx_http_webhook_batch_t *b);

/* overflow=reject: all that is pending is promised a place; false: not all */
ngx_uint_t ngx_http_webhook_batch_room(ngx_http_webhook_batch_t *b);

/* what fired, but has no delivery */
void ngx_http_webhook_batch_decide(ngx_http_webhook_fired_t *f);

/* all that is left of the stage is dropped: counted, logged */
void ngx_http_webhook_batch_drop(ngx_http_webhook_batch_t *b);

void ngx_http_webhook_drop_log(ngx_http_request_t *r,
    ngx_http_webhook_fired_t *f, ngx_str_t *endpoint,
    ngx_http_webhook_drop_e why);

uint64_t ngx_http_webhook_now(void);


#endif /* _NGX_HTTP_WEBHOOK_BATCH_H_INCLUDED_ */
