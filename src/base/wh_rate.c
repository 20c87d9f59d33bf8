
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_rate.h"


#define WH_RATE_MS        UINT64_C(1000000)        /* ns */
#define WH_RATE_LAST      (UINT64_MAX / 4)         /* ns: no time is later */
#define WH_RATE_CATCH_UP  (10 * WH_RATE_MS)        /* timers may be late */

#define WH_QUOTA_BITS     22
#define WH_QUOTA_MASK     ((UINT64_C(1) << WH_QUOTA_BITS) - 1)
#define WH_QUOTA_TIMES    (UINT64_MAX >> WH_QUOTA_BITS)


static uint64_t wh_rate_from(const wh_rate_t *r, uint64_t word, uint64_t now,
    uint64_t *ns);
static uint64_t wh_quota_until(const wh_quota_t *q, uint64_t word,
    uint64_t now);


void
wh_rate_init(wh_rate_t *r, uint32_t n, uint64_t time, uint32_t burst)
{
    /* rounded up: never faster than that */

    r->interval = time < WH_RATE_LAST / WH_RATE_MS
                  ? (time * WH_RATE_MS + n - 1) / n
                  : WH_RATE_LAST;

    if (burst == 0) {
        r->burst = r->interval < WH_RATE_CATCH_UP ? WH_RATE_CATCH_UP
                                                  : r->interval;
        return;
    }

    r->burst = r->interval < WH_RATE_LAST / burst ? r->interval * burst
                                                  : WH_RATE_LAST;
}


/* the word's time, or the earliest it can be, and "now", in ns */

static uint64_t
wh_rate_from(const wh_rate_t *r, uint64_t word, uint64_t now, uint64_t *ns)
{
    *ns = now < WH_RATE_LAST / WH_RATE_MS ? now * WH_RATE_MS : WH_RATE_LAST;

    /* it is not as far ahead as that, unless the clock was set back */

    return (word < *ns || word > *ns + r->burst + WH_SKEW * WH_RATE_MS) ? *ns
                                                                        : word;
}


int
wh_rate_take(const wh_rate_t *r, uint64_t now, uint64_t *when)
{
    uint64_t  old, next, ns;

    old = __atomic_load_n(r->word, __ATOMIC_SEQ_CST);

    do {
        next = wh_rate_from(r, old, now, &ns) + r->interval;

        if (next > ns + r->burst) {
            *when = (next - r->burst + WH_RATE_MS - 1) / WH_RATE_MS;
            return WH_AGAIN;
        }

    } while (!__atomic_compare_exchange_n(r->word, &old, next, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    return WH_OK;
}


uint64_t
wh_rate_room(const wh_rate_t *r, uint64_t now, uint64_t *when)
{
    uint64_t  from, ns;

    from = wh_rate_from(r, __atomic_load_n(r->word, __ATOMIC_SEQ_CST), now,
                        &ns);

    if (from + r->interval > ns + r->burst) {
        *when = (from + r->interval - r->burst + WH_RATE_MS - 1) / WH_RATE_MS;
        return 0;
    }

    return (ns + r->burst - from) / r->interval;
}


/* 0: it is over, or begins in the future: the clock was set back */

static uint64_t
wh_quota_until(const wh_quota_t *q, uint64_t word, uint64_t now)
{
    uint64_t  start;

    start = word >> WH_QUOTA_BITS;

    if (word == 0 || start > now + WH_SKEW
        || (now > start && now - start >= q->time))
    {
        return 0;
    }

    return start + q->time;
}


int
wh_quota_take(const wh_quota_t *q, uint64_t now, uint64_t *until)
{
    uint64_t  old, next;

    old = __atomic_load_n(q->word, __ATOMIC_SEQ_CST);

    do {
        *until = wh_quota_until(q, old, now);

        if (*until == 0) {
            next = (now < WH_QUOTA_TIMES ? now : WH_QUOTA_TIMES)
                   << WH_QUOTA_BITS | 1;

        } else if ((old & WH_QUOTA_MASK) < q->n) {
            next = old + 1;

        } else {
            return WH_AGAIN;
        }

    } while (!__atomic_compare_exchange_n(q->word, &old, next, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    return WH_OK;
}


void
wh_quota_give(const wh_quota_t *q)
{
    uint64_t  old;

    old = __atomic_load_n(q->word, __ATOMIC_SEQ_CST);

    /* a window that has begun meanwhile has not counted it: no less than 1 */

    while ((old & WH_QUOTA_MASK) > 1
           && !__atomic_compare_exchange_n(q->word, &old, old - 1, 0,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST))
    {
        /* void */
    }
}


uint32_t
wh_quota_used(const wh_quota_t *q, uint64_t now, uint64_t *until)
{
    uint64_t  word;

    word = __atomic_load_n(q->word, __ATOMIC_SEQ_CST);

    *until = wh_quota_until(q, word, now);

    return *until ? (uint32_t) (word & WH_QUOTA_MASK) : 0;
}


void
wh_quota_reset(const wh_quota_t *q)
{
    __atomic_store_n(q->word, 0, __ATOMIC_SEQ_CST);
}
