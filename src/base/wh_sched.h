
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The scheduler: what a lane does next, and when; and what becomes of a
 * delivery after an attempt.  The caller sends, stores and waits.
 */


#ifndef _WH_SCHED_H_INCLUDED_
#define _WH_SCHED_H_INCLUDED_


#include "wh_lane.h"
#include "wh_policy.h"


typedef enum {
    WH_NEXT_NOTHING = 0,         /* until the lane changes */
    WH_NEXT_SEND,                /* "item", as wh_sched_take() allows */
    WH_NEXT_WAIT,                /* until "when" */
    WH_NEXT_HOLD,                /* until the endpoint is enabled */
    WH_NEXT_END,                 /* "item" ends as "end", without an attempt */
    WH_NEXT_READ                 /* nothing of the lane is here */
} wh_next_e;


typedef struct {
    wh_item_t    *item;
    uint64_t      when;          /* HOLD: a ban ends, or a probe is due; or 0 */
    wh_end_e      end;
    wh_state_t    state;         /* of the endpoint */
    wh_change_t   change;        /* number 0: none was made */
} wh_next_t;


wh_next_e wh_sched_next(const wh_policy_t *p, wh_lane_t *lane, uint64_t now,
    wh_next_t *next);


typedef enum {
    WH_TAKE_OK = 0,              /* the attempt is to be sent now */
    WH_TAKE_PERMIT,              /* as many are in flight as may be */
    WH_TAKE_RATE,                /* not before "when" */
    WH_TAKE_AGAIN                /* something else is next now */
} wh_take_e;


typedef struct {
    int           permit;        /* to be given back; -1: none is needed */
    uint64_t      probe;         /* the attempt is that one; 0: it is none */
    unsigned      counted:1;     /* by a quota: there is something to store */
    unsigned      wake:1;        /* others are to look for a permit again */
    uint64_t      when;
    wh_change_t   change;        /* number 0: none was made */
} wh_take_t;


/*
 * The right to one attempt, the last thing that is asked for; "slot" is the
 * process, "lease" ms that an attempt takes at most.  Should it not be used,
 * the permit has to be given back, no more.
 */
wh_take_e wh_sched_take(const wh_policy_t *p, wh_lane_t *lane,
    wh_item_t *item, uint32_t slot, uint64_t lease, uint64_t now,
    wh_take_t *take);

/* the attempt is sent */
void wh_sched_begin(wh_lane_t *lane, wh_item_t *item, uint64_t now);


typedef enum {
    WH_DONE_END = 0,             /* the delivery has ended as "end" */
    WH_DONE_RETRY,               /* its progress has changed */
    WH_DONE_WAIT                 /* ... has not: it was no attempt */
} wh_done_e;


/*
 * What becomes of the delivery after its attempt, which wh_policy_report() was
 * told of before.  "random": 32 random bits.
 */
wh_done_e wh_sched_done(const wh_policy_t *p, wh_lane_t *lane,
    wh_item_t *item, const wh_outcome_t *o, const wh_report_t *r,
    uint32_t random, uint64_t now, wh_end_e *end);


#endif /* _WH_SCHED_H_INCLUDED_ */
