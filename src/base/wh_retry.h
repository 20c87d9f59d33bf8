
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_RETRY_H_INCLUDED_
#define _WH_RETRY_H_INCLUDED_


#include "wh.h"


typedef struct {
    const uint64_t  *delays;     /* ms */
    size_t           n;
    uint64_t         expire;     /* ms from the first attempt on; 0: never */
} wh_retry_t;


typedef enum {
    WH_RETRY_AGAIN = 0,
    WH_RETRY_DEAD,               /* the last delay was used up */
    WH_RETRY_EXPIRED             /* the next attempt would be too late */
} wh_retry_e;


/*
 * What follows after a failed attempt.  "attempts" were made, the first one
 * began at "first", the last one had been planned for "planned" (ms since the
 * epoch).  Delays add to planned times, so that a slow target does not
 * stretch the schedule.  WH_RETRY_AGAIN sets *next; a next attempt exactly at
 * the end of "expire" is still allowed.
 */
wh_retry_e wh_retry_next(const wh_retry_t *r, uint32_t attempts,
    uint64_t first, uint64_t planned, uint64_t *next);


#endif /* _WH_RETRY_H_INCLUDED_ */
