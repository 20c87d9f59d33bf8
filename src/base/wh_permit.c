
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_permit.h"


/*
 * A word: how often the permit was taken (32 bits), its holder (32 bits), 0
 * for none.  A permit is as much of the first as there is room for, and the
 * index of the word: one that has become void while its holder was stopped is
 * not mistaken for the next one of the same holder.
 */

#define WH_PERMIT_BITS     8
#define WH_PERMIT_TIMES    UINT64_C(0x7fffff)
#define WH_PERMIT_HOLDER   UINT64_C(0xffffffff)


static uint32_t wh_permit_max(const wh_permits_t *p);
static uint64_t *wh_permit_word(const wh_permits_t *p, uint32_t i);
static int wh_permit_swap(uint64_t *word, uint64_t old, uint64_t next);


void
wh_permit_extend(wh_permits_t *p, uint64_t *more)
{
    __atomic_store_n(&p->more, (uint64_t) ((intptr_t) more - (intptr_t) p),
                     __ATOMIC_SEQ_CST);
}


int
wh_permit_extended(const wh_permits_t *p)
{
    return __atomic_load_n(&p->more, __ATOMIC_SEQ_CST) != 0;
}


static uint32_t
wh_permit_max(const wh_permits_t *p)
{
    return wh_permit_extended(p) ? WH_PERMITS : WH_PERMITS_FIRST;
}


/* one below wh_permit_max() */

static uint64_t *
wh_permit_word(const wh_permits_t *p, uint32_t i)
{
    uint64_t  *more;

    if (i < WH_PERMITS_FIRST) {
        return (uint64_t *) &p->holders[i];
    }

    more = (uint64_t *) ((intptr_t) p + (intptr_t)
                         __atomic_load_n(&p->more, __ATOMIC_SEQ_CST));

    return &more[i - WH_PERMITS_FIRST];
}


static int
wh_permit_swap(uint64_t *word, uint64_t old, uint64_t next)
{
    return __atomic_compare_exchange_n(word, &old, next, 0, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}


int
wh_permit_take(wh_permits_t *p, uint32_t slot, uint32_t max)
{
    uint32_t   i, all, pass;
    uint64_t   old, times, *word;

    all = wh_permit_max(p);
    max = max < all ? max : all;

    /* one that was given back before it was wanted is found by the second */

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < max; i++) {

            word = wh_permit_word(p, i);
            old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
            times = (old >> 32) + 1;

            if ((old & WH_PERMIT_HOLDER) == 0
                && wh_permit_swap(word, old,
                                  times << 32 | ((uint64_t) slot + 1)))
            {
                return (int) ((times & WH_PERMIT_TIMES) << WH_PERMIT_BITS | i);
            }
        }

        __atomic_store_n(&p->wanted, 1, __ATOMIC_SEQ_CST);
    }

    return -1;
}


int
wh_permit_give(wh_permits_t *p, uint32_t slot, int permit)
{
    uint64_t   old, *word;

    word = wh_permit_word(p, (uint32_t) permit & (WH_PERMITS - 1));
    old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    /* it may be void, and another one's by now */

    if ((old & WH_PERMIT_HOLDER) == (uint64_t) slot + 1
        && (old >> 32 & WH_PERMIT_TIMES)
           == (uint64_t) permit >> WH_PERMIT_BITS)
    {
        (void) wh_permit_swap(word, old, old & ~WH_PERMIT_HOLDER);
    }

    return __atomic_load_n(&p->wanted, __ATOMIC_SEQ_CST)
           && wh_permit_swap(&p->wanted, 1, 0);
}


uint32_t
wh_permit_count(const wh_permits_t *p)
{
    uint32_t  i, n, all;

    n = 0;
    all = wh_permit_max(p);

    for (i = 0; i < all; i++) {
        if (__atomic_load_n(wh_permit_word(p, i), __ATOMIC_RELAXED)
            & WH_PERMIT_HOLDER)
        {
            n++;
        }
    }

    return n;
}


uint32_t
wh_permit_void(wh_permits_t *p, uint32_t slot)
{
    uint32_t   i, n, all;
    uint64_t   old, *word;

    n = 0;
    all = wh_permit_max(p);

    for (i = 0; i < all; i++) {

        word = wh_permit_word(p, i);
        old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

        if ((old & WH_PERMIT_HOLDER) == (uint64_t) slot + 1
            && wh_permit_swap(word, old, old & ~WH_PERMIT_HOLDER))
        {
            n++;
        }
    }

    return n;
}
