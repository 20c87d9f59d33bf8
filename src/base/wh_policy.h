
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The policy of an endpoint: what its attempts may do and when, and what
 * follows out of their outcomes.  What is configured is a process's own, what
 * is counted is shared by all of them, without a lock.  Time is ms since the
 * epoch, and an argument.
 */


#ifndef _WH_POLICY_H_INCLUDED_
#define _WH_POLICY_H_INCLUDED_


#include "wh_permit.h"
#include "wh_rate.h"
#include "wh_retry.h"
#include "wh_state.h"
#include "wh_window.h"


#define WH_LIMITS   4            /* windows of an endpoint */
#define WH_CHANGES  4            /* transitions by one report, at most */


typedef enum {
    WH_ORDER_STRICT = 0,
    WH_ORDER_KEY,
    WH_ORDER_NONE
} wh_order_e;


typedef enum {
    WH_WHILE_HOLD = 0,           /* what is captured while disabled is kept */
    WH_WHILE_DROP,
    WH_WHILE_DEAD
} wh_while_e;


/* "disable N/TIME", of an endpoint or of a zone */

typedef struct {
    uint32_t            n;       /* failures tolerated; 0: none set */
    uint64_t            time;
    uint64_t            ban;     /* 0: until an operator enables it */
    unsigned            first:1; /* only first attempts count */
    wh_window_t        *window;
} wh_limit_t;


/* what endpoints share */

typedef struct {
    wh_limit_t          limit;
    wh_quota_t          quota;
} wh_zone_t;


typedef struct {
    wh_order_e          order;
    uint32_t            concurrency;
    wh_retry_t          retry;
    wh_rate_t           rate;
    wh_quota_t          quota;
    uint32_t            nlimits;
    wh_limit_t          limits[WH_LIMITS];
    uint32_t            consecutive;  /* failures; 0: no matter */
    uint64_t            after;        /* without a success; likewise */
    wh_while_e          while_disabled;
    uint64_t            probe;        /* 0: none */

    wh_zone_t          *zone;
    wh_cell_t          *cell;
    wh_permits_t       *permits;
} wh_policy_t;


/* how an attempt has ended */

typedef enum {
    WH_OUTCOME_SUCCESS = 0,
    WH_OUTCOME_FAILURE,
    WH_OUTCOME_THROTTLED,        /* uses no place of the retry list */
    WH_OUTCOME_GONE,             /* 410 */
    WH_OUTCOME_NONE              /* it was none: no local resources */
} wh_outcome_e;


typedef struct {
    wh_outcome_e        outcome;
    uint64_t            after;       /* ms of Retry-After; 0: none */
    unsigned            permanent:1; /* the delivery is not to be tried again */
    unsigned            counts:1;    /* as a failure of the endpoint */
    unsigned            first:1;     /* of its delivery */
    uint64_t            probe;       /* its number; 0: it was none */
} wh_outcome_t;


/* a transition that was made; to.reason tells which, and by whom if none */

typedef enum {
    WH_BY_NONE = 0,              /* it was disabled, or paused */
    WH_BY_TIME,
    WH_BY_PROBE,
    WH_BY_OPERATOR
} wh_by_e;


typedef struct {
    wh_state_t          from;
    wh_state_t          to;
    wh_by_e             by;          /* what has enabled it */
    uint32_t            count;       /* of the failures, or the quota */
    uint64_t            time;        /* ms, of the window that has tripped */
    uint64_t            ban;         /* ms; 0: none */
} wh_change_t;


typedef struct {
    wh_change_t         changes[WH_CHANGES];
    uint32_t            n;
    uint64_t            held;        /* see wh_state_held() */
    unsigned            probed:1;    /* a probe has ended, and changed none */
    unsigned            tripped:1;   /* all of the zone are to be disabled */
    unsigned            counted:1;   /* there is something new to be stored */
} wh_report_t;


/*
 * The state at "now".  A ban or a pause that is over has ended: WH_OK, and
 * the transition, if it was this call that has made it; else WH_AGAIN.
 */
int wh_policy_state(const wh_policy_t *p, uint64_t now, wh_state_t *s,
    wh_change_t *change);

/*
 * What has become of an attempt is counted, with the transitions that follow.
 * Attempts that end while the endpoint is disabled do not count.
 */
void wh_policy_report(const wh_policy_t *p, const wh_outcome_t *o,
    uint64_t now, wh_report_t *r);

/* the zone's window has tripped; WH_OK, or WH_AGAIN: disabled already */
int wh_policy_trip(const wh_policy_t *p, uint64_t now, wh_change_t *change);

/* an operator's commands; WH_OK, or WH_AGAIN: it was so already */
int wh_policy_disable(const wh_policy_t *p, uint64_t now,
    wh_change_t *change);
int wh_policy_enable(const wh_policy_t *p, uint64_t now, wh_change_t *change);

/* likewise; WH_ERROR: it is disabled */
int wh_policy_pause(const wh_policy_t *p, uint64_t now, wh_change_t *change);

/* likewise; failures before the pause are not forgotten */
int wh_policy_resume(const wh_policy_t *p, uint64_t now, wh_change_t *change);

/*
 * A probe is due, and the caller's to be sent by a lane: WH_OK, and a number
 * that names it.  Until "lease" ms are over nobody else is told so.
 */
int wh_policy_probe(const wh_policy_t *p, uint64_t now, uint64_t lease,
    uint64_t *number);

/*
 * It is sent now: the lease, and the number, begin anew.  WH_AGAIN: it has
 * waited for so long that it is another one's.
 */
int wh_policy_probe_begin(const wh_policy_t *p, uint64_t now, uint64_t lease,
    uint64_t *number);

/*
 * An attempt that counts begins: is it within the quotas?  WH_OK; WH_AGAIN:
 * the endpoint is paused until the window ends, with the transition if it was
 * this call that has made it, else change->to.number is 0.
 */
int wh_policy_quota(const wh_policy_t *p, uint64_t now, wh_change_t *change);

/* true: failures, or attempts, may lead to something, and are to be stored */
int wh_policy_counts(const wh_policy_t *p);


#endif /* _WH_POLICY_H_INCLUDED_ */
