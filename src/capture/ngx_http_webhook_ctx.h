
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
#include "ngx_http_webhook_body.h"


/* a synthetic request of our own: it has a connection without a socket */
#define ngx_http_webhook_is_delivery(r)                                       \
    ((r)->connection->fd == (ngx_socket_t) -1)

/* the only bit of r->buffered that no filter of nginx uses */
#define NGX_HTTP_WEBHOOK_BUFFERED    0x08

#define NGX_HTTP_WEBHOOK_UUID_LEN    36

/* what a record takes beyond the event itself, at most */
#define NGX_HTTP_WEBHOOK_OVERHEAD    512

/* pointers of "webhook_accept", ahead of others: type, id, data */
#define NGX_HTTP_WEBHOOK_ACCEPT_TYPE  0
#define NGX_HTTP_WEBHOOK_ACCEPT_ID   1
#define NGX_HTTP_WEBHOOK_ACCEPT_DATA  2
#define NGX_HTTP_WEBHOOK_NACCEPTED   3

/* longest id that "id=" may give */
#define NGX_HTTP_WEBHOOK_MAX_ID      128

typedef struct ngx_http_webhook_ctx_s       ngx_http_webhook_ctx_t;
typedef struct ngx_http_webhook_accept_s    ngx_http_webhook_accept_t;
typedef struct ngx_http_webhook_capturer_s  ngx_http_webhook_capturer_t;
typedef struct ngx_http_webhook_promise_s   ngx_http_webhook_promise_t;


/* a trigger that nothing was decided about yet */
#define NGX_HTTP_WEBHOOK_UNDECIDED   NGX_HTTP_WEBHOOK_NRESULT


/* a trigger in this request, in the order of the location's triggers */

typedef struct {
    ngx_http_webhook_trigger_t    *trigger;
    ngx_http_webhook_stage_e       on;
    ngx_str_t                      type;         /* of the event */
    ngx_str_t                      id;           /* empty: none yet */
    ngx_http_webhook_result_e      result;
    ngx_uint_t                     ndeliveries;  /* in the store */
    unsigned                       fixed:1;      /* the id */
    unsigned                       given:1;      /* and not generated */
    unsigned                       duplicate:1;  /* some delivery was */
    unsigned                       suppressed:1;
    unsigned                       dropped:1;
    u_char                         uuid[NGX_HTTP_WEBHOOK_UUID_LEN];
                                                 /* NULs: none is generated */
} ngx_http_webhook_fired_t;


/* what fires together commits together */

typedef struct {
    ngx_http_webhook_ctx_t        *ctx;
    ngx_http_webhook_stage_e       on;
    void                          *ticket;       /* of a commit under way */
    uint64_t                       since;        /* of that, ns */
    unsigned                       decided:1;    /* or nothing to decide */
    unsigned                       waiting:1;    /* for the commit */
} ngx_http_webhook_stage_t;


struct ngx_http_webhook_ctx_s {
    ngx_http_request_t            *request;
    ngx_http_webhook_loc_conf_t   *conf;         /* of the first location */
    ngx_array_t                   *triggers;     /* NULL: no list as yet */
    ngx_uint_t                     nfired;
    ngx_http_webhook_fired_t     **fired;        /* one for each trigger */
    ngx_uint_t                     method;       /* before any redirect */
    ngx_uint_t                     status;       /* 0: not known yet */
    ngx_uint_t                     hops;         /* deliveries before it */

    ngx_http_webhook_stage_t       stages[NGX_HTTP_WEBHOOK_NSTAGE];

    off_t                          sent;         /* of the response's body */
    ngx_str_t                      encoding;     /* of it, before filters */

    size_t                         reserved;     /* in the store, octets */
    ngx_http_webhook_promise_t    *promised;     /* places in backlogs */

    ngx_chain_t                   *held;
    ngx_event_t                    event;        /* end of turn, while held */
    ngx_uint_t                    *gone;         /* set when the ctx dies */

    ngx_http_webhook_body_t       *bodies[2];    /* NULL: not examined */
    wh_json_t                     *element;      /* of an accepted body */
    ngx_http_webhook_accept_t     *accept;       /* NULL: none is */

    unsigned                       cut:1;        /* never was complete */
    unsigned                       allowed:1;    /* past access control */
    unsigned                       received:1;   /* the request, whole */
    unsigned                       asking:1;     /* on=request is decided */
    unsigned                       examined:1;   /* the response's body */
    unsigned                       holding:1;
    unsigned                       header_held:1;
    unsigned                       header_only:1;  /* it was us to set it */
    unsigned                       header_late:1;  /* it was held */
    unsigned                       blocked:1;    /* reading, while held */
    unsigned                       listing:1;    /* ids: may come back to it */
};


/* by cleanups, when a redirect has cleared the module's context */
ngx_http_webhook_ctx_t *ngx_http_webhook_ctx_find(ngx_http_request_t *r);


/* of the main request of r; NULL: nothing is captured, or not known yet */

static ngx_inline ngx_http_webhook_ctx_t *
ngx_http_webhook_ctx(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    if (ctx == NULL) {
        return r->internal || r->filter_finalize ? ngx_http_webhook_ctx_find(r)
                                                 : NULL;
    }

    return ngx_http_webhook_is_delivery(r) ? NULL : ctx;
}


/*
 * True for most requests of which nothing is captured, after a look at very
 * little; not so for subrequests, and after redirects.
 */

#define ngx_http_webhook_is_bare(r)                                           \
    (ngx_http_get_module_ctx(r, ngx_http_webhook_module) == NULL              \
     && (r) == (r)->main && !(r)->internal && !(r)->filter_finalize)

/* by the current location, which "enters"; NULL: no memory */
ngx_http_webhook_ctx_t *ngx_http_webhook_ctx_create(ngx_http_request_t *r);

/* takes over the triggers of the current location; NGX_OK or NGX_ERROR */
ngx_int_t ngx_http_webhook_ctx_arm(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* a header for a response with status 503 */
ngx_int_t ngx_http_webhook_retry_after(ngx_http_request_t *r);

/*
 * How many deliveries of this nginx in a row led to the request: 0, unless it
 * has a mark that is valid for it.
 */
ngx_uint_t ngx_http_webhook_hops(ngx_http_request_t *r);

/* sets ctx->hops; beyond webhook_max_hops it decides that nothing fires */
void ngx_http_webhook_hops_limit(ngx_http_webhook_ctx_t *ctx);

/* commit: */

/* of the worker; NULL: no memory, or no worker */
ngx_http_webhook_capturer_t *ngx_http_webhook_capturer(
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * The id of an event.  While "id=" of the trigger is not usable, as one with a
 * variable that is missing, another is generated.  With "fixed", at the commit,
 * it is the one as of now, for good; a generated id without "id=" always is.
 * The variables are those of r, the request of the trigger.
 */
ngx_str_t *ngx_http_webhook_event_id(ngx_http_request_t *r,
    ngx_http_webhook_fired_t *f, ngx_uint_t fixed);

/*
 * Evaluates the triggers of a stage and commits their events.  NGX_OK: go on;
 * NGX_AGAIN: the commit is under way, ngx_http_webhook_committed() tells its
 * end.
 */
ngx_int_t ngx_http_webhook_commit(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_stage_e on);

/* if it is time for triggers with "on=request" */
void ngx_http_webhook_commit_request(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* "if=" of a trigger: NGX_OK, NGX_DECLINED if it is false, or NGX_ERROR */
ngx_int_t ngx_http_webhook_condition_test(ngx_http_request_t *r,
    ngx_http_webhook_trigger_t *t);

/* 1 to 128 of [A-Za-z0-9_-] */
ngx_uint_t ngx_http_webhook_id_ok(ngx_str_t *id);

/* all of a stage that is undecided gets this result, which is counted */
void ngx_http_webhook_settle(ngx_http_webhook_stage_t *stage,
    ngx_http_webhook_result_e result);
void ngx_http_webhook_decide(ngx_http_webhook_fired_t *f,
    ngx_http_webhook_result_e result);

/* the commits go on, but nobody waits for them any more */
void ngx_http_webhook_forget(ngx_http_webhook_ctx_t *ctx);

/* the response is passed on before its events are flushed */
void ngx_http_webhook_late(ngx_http_webhook_ctx_t *ctx);

/* full=reject: a place for what the request may cause; NGX_DECLINED: none */
ngx_int_t ngx_http_webhook_reserve(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
void ngx_http_webhook_unreserve(ngx_http_webhook_ctx_t *ctx);

/*
 * overflow=reject: some endpoint has it; a place in backlogs for what the
 * request may cause, until given back.  NGX_DECLINED: there is none, logged;
 * NGX_ERROR.  ..._one: for a single delivery of that endpoint, whichever
 * overflow it has, not logged.
 */
ngx_uint_t ngx_http_webhook_promise_rejects(
    ngx_http_webhook_main_conf_t *wmcf);
ngx_int_t ngx_http_webhook_promise(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
ngx_int_t ngx_http_webhook_promise_one(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_endpoint_t *ep, size_t size);
void ngx_http_webhook_unpromise(ngx_http_webhook_ctx_t *ctx);

/* ends the commit of a stage, data is the stage */
void ngx_http_webhook_committed(void *data, ngx_int_t rc);

/* accept: of a location; events were committed, or examined */
ngx_int_t ngx_http_webhook_accept_handler(ngx_http_request_t *r);
void ngx_http_webhook_accept_go_on(ngx_http_webhook_ctx_t *ctx);
void ngx_http_webhook_accept_drop(ngx_http_webhook_ctx_t *ctx);

/* hold: filters of the response */
void ngx_http_webhook_hold_init(void);
void ngx_http_webhook_hold_resume(ngx_http_webhook_ctx_t *ctx);
void ngx_http_webhook_hold_drop(ngx_http_webhook_ctx_t *ctx);

/* value: of a location, and what was found */
char *ngx_http_webhook_value_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf);
ngx_int_t ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
ngx_int_t ngx_http_webhook_value_collect(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt);

/* bodies: filter of the request's; "received": there is no more of it */
void ngx_http_webhook_bodies_init(void);
void ngx_http_webhook_bodies_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
void ngx_http_webhook_bodies_received(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* true when the response's body is to be examined, once its head is known */
ngx_uint_t ngx_http_webhook_bodies_wanted(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);

/* the response's body; "last": there is no more */
void ngx_http_webhook_bodies_response(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in, ngx_uint_t last);

/* another response comes instead of the one before */
void ngx_http_webhook_bodies_again(ngx_http_webhook_ctx_t *ctx);

/* those that payloads are, as bits */
ngx_uint_t ngx_http_webhook_bodies_kept(ngx_http_webhook_ctx_t *ctx);

/* Content-Encoding: of how many headers, and the last one's value */
ngx_uint_t ngx_http_webhook_bodies_encoding(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source, ngx_str_t *encoding);

/* those that are still examined; they call ngx_http_webhook_examined() */
ngx_uint_t ngx_http_webhook_bodies_busy(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on);
void ngx_http_webhook_bodies_rush(ngx_http_webhook_ctx_t *ctx);
void ngx_http_webhook_bodies_cut(ngx_http_webhook_ctx_t *ctx);
ngx_uint_t ngx_http_webhook_bodies_starved(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on);
void ngx_http_webhook_examined(void *data);


#endif /* _NGX_HTTP_WEBHOOK_CTX_H_INCLUDED_ */
