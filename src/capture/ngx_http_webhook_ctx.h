
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A main request on its way to its events: private to the capture room.
 */


#ifndef _NGX_HTTP_WEBHOOK_CTX_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CTX_H_INCLUDED_


#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_zone.h"
#include "wh_json.h"


/* a synthetic request of our own: it has a connection without a socket */
#define ngx_http_webhook_is_delivery(r)                                       \
    ((r)->connection->fd == (ngx_socket_t) -1)

/* the only bit of r->buffered that no filter of nginx uses */
#define NGX_HTTP_WEBHOOK_BUFFERED    0x08

#define NGX_HTTP_WEBHOOK_ID_LEN      36

/* what a record takes beyond the event itself, at most */
#define NGX_HTTP_WEBHOOK_OVERHEAD    512

/* a trigger that nothing was decided about yet */
#define NGX_HTTP_WEBHOOK_UNDECIDED   NGX_HTTP_WEBHOOK_NRESULT


typedef enum {
    NGX_HTTP_WEBHOOK_BODY_NONE = 0,
    NGX_HTTP_WEBHOOK_BODY_READING,
    NGX_HTTP_WEBHOOK_BODY_COMPLETE,
    NGX_HTTP_WEBHOOK_BODY_TRUNCATED,
    NGX_HTTP_WEBHOOK_BODY_INVALID,
    NGX_HTTP_WEBHOOK_BODY_ENCODED
} ngx_http_webhook_body_e;


/* a trigger in this request, in the order of the location's triggers */

typedef struct {
    ngx_http_webhook_result_e      result;
    ngx_uint_t                     ndeliveries;  /* in the store */
    ngx_uint_t                     identified;   /* unsigned  identified:1; */
    u_char                         id[NGX_HTTP_WEBHOOK_ID_LEN];
} ngx_http_webhook_fired_t;


typedef struct {
    ngx_http_request_t            *request;
    ngx_http_webhook_loc_conf_t   *conf;         /* of the first location */
    ngx_http_webhook_fired_t      *fired;        /* as many as triggers */
    ngx_uint_t                     method;       /* before any redirect */
    ngx_uint_t                     status;       /* 0: not known yet */

    off_t                          sent;         /* of the response's body */

    size_t                         reserved;     /* in the store, octets */
    void                          *ticket;       /* of a commit under way */

    ngx_chain_t                   *held;
    ngx_event_t                    event;        /* end of turn, while held */
    ngx_uint_t                    *gone;         /* set when the ctx dies */

    wh_json_t                     *json;
    size_t                         body_size;    /* of the request, parsed */
    ngx_http_webhook_body_e        body;

    unsigned                       captured:1;   /* or nothing to capture */
    unsigned                       cut:1;        /* never was complete */
    unsigned                       waiting:1;    /* for the commit */
    unsigned                       holding:1;
    unsigned                       header_held:1;
    unsigned                       header_only:1;  /* it was us to set it */
    unsigned                       blocked:1;    /* reading, while held */
} ngx_http_webhook_ctx_t;


/* of the main request of r; NULL: nothing is captured, or not known yet */
ngx_http_webhook_ctx_t *ngx_http_webhook_ctx(ngx_http_request_t *r);

/* by the current location, which has to have triggers; NULL: no memory */
ngx_http_webhook_ctx_t *ngx_http_webhook_ctx_create(ngx_http_request_t *r);

/* the id of the event of trigger i, NGX_HTTP_WEBHOOK_ID_LEN octets */
u_char *ngx_http_webhook_event_id(ngx_http_webhook_ctx_t *ctx, ngx_uint_t i);

/*
 * Evaluates the triggers and commits their events.  NGX_OK: go on; NGX_AGAIN:
 * the commit is under way, ngx_http_webhook_committed() tells its end.
 */
ngx_int_t ngx_http_webhook_commit(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* all that is undecided gets this result, which is counted */
void ngx_http_webhook_settle(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_result_e result);

/* the commit goes on, but nobody waits for it any more */
void ngx_http_webhook_forget(ngx_http_webhook_ctx_t *ctx);

void ngx_http_webhook_unreserve(ngx_http_webhook_ctx_t *ctx);

/* full=reject: a place for what the request may cause; NGX_DECLINED: none */
ngx_int_t ngx_http_webhook_reserve(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* filters of the response, and the hold */
void ngx_http_webhook_hold_init(void);
void ngx_http_webhook_committed(void *data, ngx_int_t rc);
void ngx_http_webhook_hold_drop(ngx_http_webhook_ctx_t *ctx);

/* filter of the request body, and its values */
void ngx_http_webhook_value_init(void);
void ngx_http_webhook_value_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
ngx_int_t ngx_http_webhook_value_collect(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt);
char *ngx_http_webhook_value_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf);


#endif /* _NGX_HTTP_WEBHOOK_CTX_H_INCLUDED_ */
