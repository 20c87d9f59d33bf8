
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_retry.h"


static uint64_t wh_retry_delay(const wh_retry_t *r, uint32_t used,
    uint32_t random);
static uint64_t wh_retry_limit(const wh_retry_t *r, int endless);
static uint64_t wh_retry_add(uint64_t a, uint64_t b);


wh_retry_e
wh_retry_next(const wh_retry_t *r, const wh_retry_failure_t *f,
    uint64_t *next)
{
    int       endless;
    uint64_t  limit, after, when;

    if (r->n == 0 && r->max == 0) {
        return WH_RETRY_DEAD;
    }

    if (r->n && f->used >= r->n && !f->throttled) {
        return WH_RETRY_DEAD;
    }

    endless = (f->throttled || r->n == 0);

    when = wh_retry_add(f->planned, wh_retry_delay(r, f->used, f->random));

    if (f->throttled) {
        after = f->after < r->after_max ? f->after : r->after_max;
        after = wh_retry_add(f->now, after);

        if (when < after) {
            when = after;
        }
    }

    if (endless && when < f->now) {
        when = f->now;
    }

    if (when == UINT64_MAX) {
        return WH_RETRY_EXPIRED;
    }

    limit = wh_retry_limit(r, endless);

    if (limit && when > f->first && when - f->first > limit) {
        return WH_RETRY_EXPIRED;
    }

    if (wh_retry_aged(r, f->commit, when)) {
        return WH_RETRY_EXPIRED;
    }

    *next = when;

    return WH_RETRY_AGAIN;
}


int
wh_retry_aged(const wh_retry_t *r, uint64_t commit, uint64_t now)
{
    return r->max_age && now > commit && now - commit > r->max_age;
}


static uint64_t
wh_retry_delay(const wh_retry_t *r, uint32_t used, uint32_t random)
{
    uint32_t  i;
    uint64_t  delay, part;

    if (r->delays) {
        return r->delays[used < r->n ? used : r->n - 1];
    }

    delay = r->min;

    for (i = 0; i < used && delay < r->max; i++) {
        delay = wh_retry_add(delay, delay);
    }

    if (delay > r->max) {
        delay = r->max;
    }

    part = delay / 100 * r->jitter + delay % 100 * r->jitter / 100;

    /* part * random / 2^32 */

    part = (part >> 32) * random + ((part & 0xffffffff) * random >> 32);

    return delay - part;
}


/* ms from the first attempt on; 0: something else ends it */

static uint64_t
wh_retry_limit(const wh_retry_t *r, int endless)
{
    uint32_t  i, n;
    uint64_t  sum;

    if (r->expire) {
        return r->expire;
    }

    if (r->max_age || !endless) {
        return 0;
    }

    sum = 0;
    n = r->n ? r->n : 1;

    for (i = 0; i < n; i++) {
        sum = wh_retry_add(sum, r->delays ? r->delays[i] : r->max);
    }

    return sum > WH_RETRY_ENDLESS ? sum : WH_RETRY_ENDLESS;
}


static uint64_t
wh_retry_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}
