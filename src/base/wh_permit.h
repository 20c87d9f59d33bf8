
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Permits to have an attempt in flight, over all processes.  A permit names
 * who holds it, so that taking one and recording its holder is one step, and
 * a holder's death at any point leaks nothing.
 */


#ifndef _WH_PERMIT_H_INCLUDED_
#define _WH_PERMIT_H_INCLUDED_


#include "wh.h"


#define WH_PERMITS  256          /* the most that can be in flight */


typedef struct {
    uint64_t  holders[WH_PERMITS];
    uint64_t  wanted;            /* somebody waits for one */
} wh_permits_t;


/*
 * A permit, or -1: "max" are in flight, and it is known that one is wanted.
 * Any number will do for "slot" that no other living process uses.
 */
int wh_permit_take(wh_permits_t *p, uint32_t slot, uint32_t max);

/* true: somebody waits for it, and is to be told */
int wh_permit_give(wh_permits_t *p, uint32_t slot, int permit);

/* how many are held, by all processes */
uint32_t wh_permit_count(const wh_permits_t *p);

/* those of a dead or stopped process are void; how many there were */
uint32_t wh_permit_void(wh_permits_t *p, uint32_t slot);


#endif /* _WH_PERMIT_H_INCLUDED_ */
