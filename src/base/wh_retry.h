
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_RETRY_H_INCLUDED_
#define _WH_RETRY_H_INCLUDED_


#include "wh.h"


/* ms after which a delivery ends that nothing else would end */
#define WH_RETRY_ENDLESS  86400000


/* all times in ms */

typedef struct {
    const uint64_t  *delays;     /* NULL: exponential, or none at all */
    uint32_t         n;          /* of them; of exponential ones, 0: any */
    uint64_t         min;        /* exponential: the first delay, which is */
    uint64_t         max;        /* ... doubled up to this one; 0: none */
    uint32_t         jitter;     /* percent it may be shortened by, 0 to 100 */
    uint64_t         expire;     /* from the first attempt on; 0: never */
    uint64_t         max_age;    /* from the commit on; 0: never */
    uint64_t         after_max;  /* Retry-After is at most that */
} wh_retry_t;


/* a failed attempt; times in ms since the epoch */

typedef struct {
    uint64_t         commit;     /* of the event */
    uint64_t         first;      /* start of the first attempt */
    uint64_t         planned;    /* this one had been planned for */
    uint64_t         now;
    uint64_t         after;      /* ms of Retry-After; 0: none */
    uint32_t         used;       /* delays used by attempts before this one */
    uint32_t         random;     /* 32 random bits, for the jitter */
    unsigned         throttled:1;
} wh_retry_failure_t;


typedef enum {
    WH_RETRY_AGAIN = 0,
    WH_RETRY_DEAD,               /* the last delay was used up */
    WH_RETRY_EXPIRED             /* the next attempt would be too late */
} wh_retry_e;


/*
 * What follows after a failed attempt.  Delays add to planned times, so that
 * a slow target does not stretch the schedule.  WH_RETRY_AGAIN sets *next, in
 * ms since the epoch; a next attempt exactly at the end of "expire" or
 * "max_age" is still allowed.
 *
 * A throttled attempt uses no delay: it waits for the one that would have
 * been its turn (the last one, when all are used) or for Retry-After,
 * whichever is later.  What has no last delay is not planned for the past:
 * after a halt it would be repeated without a pause until it has caught up.
 * And without "expire" and "max_age" it expires after WH_RETRY_ENDLESS, or
 * all delays together if these are longer.
 */
wh_retry_e wh_retry_next(const wh_retry_t *r, const wh_retry_failure_t *f,
    uint64_t *next);

/* true when an attempt at "now" would be beyond "max_age" */
int wh_retry_aged(const wh_retry_t *r, uint64_t commit, uint64_t now);


#endif /* _WH_RETRY_H_INCLUDED_ */
