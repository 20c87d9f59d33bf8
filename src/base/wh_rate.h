
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * How often, over all processes: a rate with a burst (GCRA, the theoretical
 * arrival time of ITU-T I.371), and a quota in a fixed window.  Each keeps
 * what it knows in one word that is changed by compare-and-swap, so that it
 * can lie in shared memory and be copied into a store, and the death of a
 * process tears nothing.  Time is in ms since the epoch.
 */


#ifndef _WH_RATE_H_INCLUDED_
#define _WH_RATE_H_INCLUDED_


#include "wh.h"


#define WH_QUOTA_MAX  4000000


typedef struct {
    uint64_t   interval;         /* ns from one to the next; 0: no rate */
    uint64_t   burst;            /* ns: as many intervals as may come at once */
    uint64_t  *word;
} wh_rate_t;


typedef struct {
    uint32_t   n;                /* 1 to WH_QUOTA_MAX; 0: no quota */
    uint64_t   time;             /* ms, of a window */
    uint64_t  *word;
} wh_quota_t;


/*
 * "n" in "time" ms, of which "burst" may come at once; 0: as many as need to
 * for a timer of 1 ms to follow.
 */
void wh_rate_init(wh_rate_t *r, uint32_t n, uint64_t time, uint32_t burst);

/* WH_OK: one may come now; WH_AGAIN: not before *when */
int wh_rate_take(const wh_rate_t *r, uint64_t now, uint64_t *when);

/* how many may come now; when it is 0, one may come at *when */
uint64_t wh_rate_room(const wh_rate_t *r, uint64_t now, uint64_t *when);

/*
 * The window begins with the first one that is counted.  WH_OK: this one is
 * counted; WH_AGAIN: there were n, the window ends at *until.
 */
int wh_quota_take(const wh_quota_t *q, uint64_t now, uint64_t *until);

/* one that was counted has not come after all */
void wh_quota_give(const wh_quota_t *q);

/* how many there were in the window, which ends at *until (0: there is none) */
uint32_t wh_quota_used(const wh_quota_t *q, uint64_t now, uint64_t *until);

/* as if there had been none */
void wh_quota_reset(const wh_quota_t *q);


#endif /* _WH_RATE_H_INCLUDED_ */
