
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


#define WH_PERMITS        256    /* the most that can be in flight */
#define WH_PERMITS_FIRST  8      /* without an extension */
#define WH_PERMITS_MORE   (WH_PERMITS - WH_PERMITS_FIRST)


typedef struct {
    uint64_t  holders[WH_PERMITS_FIRST];
    uint64_t  wanted;            /* somebody waits for one */
    uint64_t  more;              /* octets to the others from here, 0: none */
} wh_permits_t;


/*
 * Few have more than the first: WH_PERMITS_MORE zeroed words for the others,
 * in the same piece of shared memory, for good.  Only before they are needed,
 * and by one process at a time.
 */
void wh_permit_extend(wh_permits_t *p, uint64_t *more);

int wh_permit_extended(const wh_permits_t *p);


/*
 * A permit, or -1: "max" are in flight, and it is known that one is wanted.
 * Without an extension, "max" is at most WH_PERMITS_FIRST.
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
