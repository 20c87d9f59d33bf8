
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_permit.h"


static int wh_permit_swap(uint64_t *holder, uint64_t old, uint64_t next);


static int
wh_permit_swap(uint64_t *holder, uint64_t old, uint64_t next)
{
    return __atomic_load_n(holder, __ATOMIC_SEQ_CST) == old
           && __atomic_compare_exchange_n(holder, &old, next, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
}


int
wh_permit_take(wh_permits_t *p, uint32_t slot, uint32_t max)
{
    uint32_t  i, pass;

    max = max < WH_PERMITS ? max : WH_PERMITS;

    /* one that was given back before it was wanted is found by the second */

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < max; i++) {
            if (wh_permit_swap(&p->holders[i], 0, (uint64_t) slot + 1)) {
                return (int) i;
            }
        }

        __atomic_store_n(&p->wanted, 1, __ATOMIC_SEQ_CST);
    }

    return -1;
}


int
wh_permit_give(wh_permits_t *p, uint32_t slot, int permit)
{
    /* it may be void, and another one's by now */

    (void) wh_permit_swap(&p->holders[permit], (uint64_t) slot + 1, 0);

    return wh_permit_swap(&p->wanted, 1, 0);
}


uint32_t
wh_permit_void(wh_permits_t *p, uint32_t slot)
{
    uint32_t  i, n;

    n = 0;

    for (i = 0; i < WH_PERMITS; i++) {
        if (wh_permit_swap(&p->holders[i], (uint64_t) slot + 1, 0)) {
            n++;
        }
    }

    return n;
}
