
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_state.h"


static int wh_state_rank(uint32_t reason, uint64_t until);
static uint64_t wh_state_add(uint64_t a, uint64_t b);
static uint64_t wh_state_number(uint64_t now);
static void wh_state_enabled(const wh_state_t *s, uint64_t now,
    wh_state_t *next);
static uint32_t wh_state_sum(const wh_state_t *s);


static int
wh_state_rank(uint32_t reason, uint64_t until)
{
    switch (reason) {

    case WH_STATE_ENABLED:
        return 0;

    case WH_STATE_QUOTA:
        return 1;

    case WH_STATE_GONE:
        return 4;

    case WH_STATE_PAUSE:
        return 5;

    case WH_STATE_OPERATOR:
        return 6;

    default:
        return until ? 2 : 3;
    }
}


static uint64_t
wh_state_add(uint64_t a, uint64_t b)
{
    return b < UINT64_MAX - a ? a + b : UINT64_MAX;
}


static uint64_t
wh_state_number(uint64_t now)
{
    uint64_t  most;

    most = WH_STATE_NUMBER_MAX / 2;

    return now < most >> WH_STATE_CLOCK_BITS ? now << WH_STATE_CLOCK_BITS
                                             : most;
}


int
wh_state_disable(const wh_state_t *s, const wh_state_cause_t *cause,
    uint64_t now, wh_state_t *next)
{
    uint64_t  until;

    until = cause->ban ? wh_state_add(now, cause->ban) : 0;

    if (wh_state_rank(cause->reason, until)
        <= wh_state_rank(s->reason, s->until))
    {
        return WH_AGAIN;
    }

    *next = *s;
    next->number = wh_state_number(now);

    /* what was captured during a pause was not captured while disabled */

    if (s->reason == WH_STATE_ENABLED || wh_state_paused(s)) {
        next->held = wh_state_held(s, now);
        next->since = now;
    }

    next->reason = (uint32_t) cause->reason;
    next->count = cause->count;
    next->until = until;
    next->probe = 0;
    next->probing = 0;

    if (cause->probe && wh_state_probeable(next)) {
        next->probe = wh_state_add(now, cause->probe);
    }

    return WH_OK;
}


static void
wh_state_enabled(const wh_state_t *s, uint64_t now, wh_state_t *next)
{
    memset(next, 0, sizeof(wh_state_t));

    next->number = wh_state_number(now);
    next->since = now;
    next->held = wh_state_held(s, now);
}


int
wh_state_enable(const wh_state_t *s, uint64_t now, wh_state_t *next)
{
    if (s->reason == WH_STATE_ENABLED) {
        return WH_AGAIN;
    }

    wh_state_enabled(s, now, next);

    return WH_OK;
}


int
wh_state_pause(const wh_state_t *s, uint64_t now, wh_state_t *next)
{
    if (s->reason == WH_STATE_PAUSE) {
        return WH_AGAIN;
    }

    if (s->reason != WH_STATE_ENABLED && !wh_state_paused(s)) {
        return WH_ERROR;
    }

    wh_state_enabled(s, now, next);
    next->reason = WH_STATE_PAUSE;

    return WH_OK;
}


int
wh_state_resume(const wh_state_t *s, uint64_t now, wh_state_t *next)
{
    if (s->reason != WH_STATE_PAUSE) {
        return WH_AGAIN;
    }

    wh_state_enabled(s, now, next);

    return WH_OK;
}


int
wh_state_paused(const wh_state_t *s)
{
    return s->reason == WH_STATE_QUOTA || s->reason == WH_STATE_PAUSE;
}


int
wh_state_due(const wh_state_t *s, uint64_t now, wh_state_t *next)
{
    if (s->reason == WH_STATE_ENABLED || s->until == 0 || now < s->until) {
        return WH_AGAIN;
    }

    /* whenever somebody has come to see it */

    wh_state_enabled(s, s->until, next);

    return WH_OK;
}


int
wh_state_rebase(const wh_state_t *s, uint64_t now, uint64_t interval,
    wh_state_t *next)
{
    uint64_t  ahead, most;

    if (s->reason == WH_STATE_ENABLED) {
        return WH_AGAIN;
    }

    ahead = s->since > now ? s->since - now : 0;
    most = wh_state_add(wh_state_add(now, interval), WH_SKEW);

    *next = *s;
    next->number = wh_state_number(now);

    if (ahead > WH_SKEW) {
        next->since = now;
        next->until = s->until > ahead ? s->until - ahead : s->until;

        /* what is on its way as a probe tells no more of it */

        next->probe = wh_state_probeable(s) ? wh_state_add(now, interval) : 0;
        next->probing = 0;

    } else if (interval && !s->probing && s->probe > most) {
        next->probe = wh_state_add(now, interval);

    } else {
        return WH_AGAIN;
    }

    if (interval == 0) {
        next->probe = 0;
    }

    return WH_OK;
}


int
wh_state_probeable(const wh_state_t *s)
{
    switch (s->reason) {

    case WH_STATE_ENABLED:
    case WH_STATE_GONE:
    case WH_STATE_OPERATOR:
    case WH_STATE_QUOTA:
    case WH_STATE_PAUSE:
        return 0;

    default:
        return 1;
    }
}


int
wh_state_probe(const wh_state_t *s, uint64_t now, uint64_t lease,
    wh_state_t *next)
{
    if (s->reason == WH_STATE_ENABLED || s->probe == 0 || now < s->probe) {
        return WH_AGAIN;
    }

    *next = *s;
    next->number = wh_state_number(now);
    next->probing = 1;
    next->probe = wh_state_add(now, lease);

    return WH_OK;
}


int
wh_state_probe_renew(const wh_state_t *s, uint64_t now, uint64_t lease,
    wh_state_t *next)
{
    if (s->reason == WH_STATE_ENABLED || !s->probing) {
        return WH_AGAIN;
    }

    *next = *s;
    next->number = wh_state_number(now);
    next->probe = wh_state_add(now, lease);

    return WH_OK;
}


int
wh_state_probed(const wh_state_t *s, int success, uint64_t now,
    uint64_t interval, wh_state_t *next)
{
    if (s->reason == WH_STATE_ENABLED || !s->probing) {
        return WH_AGAIN;
    }

    if (success) {
        wh_state_enabled(s, now, next);
        return WH_OK;
    }

    *next = *s;
    next->number = wh_state_number(now);
    next->probing = 0;
    next->probe = interval ? wh_state_add(now, interval) : 0;

    return WH_OK;
}


uint64_t
wh_state_held(const wh_state_t *s, uint64_t now)
{
    if (s->until && now > s->until) {
        now = s->until;
    }

    if (s->reason == WH_STATE_ENABLED || now <= s->since) {
        return s->held;
    }

    return wh_state_add(s->held, now - s->since);
}


static uint32_t
wh_state_sum(const wh_state_t *s)
{
    size_t                i;
    uint32_t              sum;
    const unsigned char  *p;

    p = (const unsigned char *) s;
    sum = 2166136261u;

    for (i = 0; i < offsetof(wh_state_t, sum); i++) {
        sum = (sum ^ p[i]) * 16777619u;
    }

    return sum;
}


int
wh_state_whole(const wh_state_t *s)
{
    return s->number && s->number <= WH_STATE_NUMBER_MAX
           && s->sum == wh_state_sum(s) && s->reason < WH_STATE_NREASON;
}


uint64_t
wh_state_mark(const wh_state_t *s)
{
    if (s->reason == WH_STATE_ENABLED || wh_state_paused(s)) {
        return 0;
    }

    return s->since << 4 | (s->until ? 8 : 0) | s->reason;
}


int
wh_state_same(const wh_state_t *s, const wh_state_t *other)
{
    return s->since == other->since && s->until == other->until
           && s->probe == other->probe && s->held == other->held
           && s->reason == other->reason && s->probing == other->probing
           && s->count == other->count;
}


int
wh_state_newer(const wh_state_t *s, const wh_state_t *other)
{
    if (s->number != other->number) {
        return s->number > other->number;
    }

    return !wh_state_same(s, other);
}


void
wh_cell_read(const wh_cell_t *c, wh_state_t *s)
{
    uint64_t    number;
    uint32_t    i;
    wh_state_t  other;

    for ( ;; ) {
        number = __atomic_load_n(&c->number, __ATOMIC_SEQ_CST);

        if (number == 0) {
            memset(s, 0, sizeof(wh_state_t));
            return;
        }

        memcpy(s, &c->states[number % WH_CELL_STATES], sizeof(wh_state_t));

        if (wh_state_whole(s) && s->number == number) {
            return;
        }

        if (__atomic_load_n(&c->number, __ATOMIC_SEQ_CST) == number) {
            break;
        }
    }

    /* a process that was stopped for many transitions has come to itself */

    memset(s, 0, sizeof(wh_state_t));

    for (i = 0; i < WH_CELL_STATES; i++) {

        memcpy(&other, &c->states[i], sizeof(wh_state_t));

        if (wh_state_whole(&other) && other.number < number
            && other.number > s->number)
        {
            *s = other;
        }
    }

    s->number = number;
    s->sum = wh_state_sum(s);
}


int
wh_cell_write(wh_cell_t *c, const wh_state_t *s, wh_state_t *next)
{
    uint64_t  expected, ticket, number, least;

    least = next->number;
    ticket = __atomic_load_n(&c->ticket, __ATOMIC_SEQ_CST);

    /* places are used in turn, and not over the one that is shown */

    do {
        number = ticket + 1;

        if (number < least) {
            number += (least - number + WH_CELL_STATES - 1)
                      / WH_CELL_STATES * WH_CELL_STATES;
        }

        if (number % WH_CELL_STATES == s->number % WH_CELL_STATES) {
            number++;
        }

    } while (!__atomic_compare_exchange_n(&c->ticket, &ticket, number, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    next->number = number;
    next->sum = wh_state_sum(next);

    memcpy(&c->states[next->number % WH_CELL_STATES], next,
           sizeof(wh_state_t));

    expected = s->number;

    if (!__atomic_compare_exchange_n(&c->number, &expected, next->number, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    {
        return WH_AGAIN;
    }

    return WH_OK;
}


int
wh_cell_restore(wh_cell_t *c, const wh_state_t *s)
{
    if (!wh_state_whole(s)) {
        return WH_ERROR;
    }

    memcpy(&c->states[s->number % WH_CELL_STATES], s, sizeof(wh_state_t));

    c->ticket = s->number;
    c->saved = s->number;

    __atomic_store_n(&c->number, s->number, __ATOMIC_SEQ_CST);

    return WH_OK;
}


int
wh_cell_adopt(wh_cell_t *c, const wh_state_t *s)
{
    wh_state_t  old, next;

    if (!wh_state_whole(s)) {
        return WH_ERROR;
    }

    do {
        wh_cell_read(c, &old);

        if (!wh_state_newer(s, &old)) {
            return WH_AGAIN;
        }

        next = *s;

    } while (wh_cell_write(c, &old, &next) != WH_OK);

    return WH_OK;
}


void
wh_cell_saved(wh_cell_t *c, uint64_t number)
{
    uint64_t  saved;

    saved = __atomic_load_n(&c->saved, __ATOMIC_SEQ_CST);

    while (saved < number
           && !__atomic_compare_exchange_n(&c->saved, &saved, number, 0,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST))
    {
        /* void */
    }
}


uint64_t
wh_cell_failed(wh_cell_t *c, uint64_t now, uint64_t *time)
{
    uint64_t  since;

    since = 0;
    *time = 0;

    if (!__atomic_compare_exchange_n(&c->failing, &since, now, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    {
        if (now < since) {

            /* the clock was set back: it begins anew */

            (void) __atomic_compare_exchange_n(&c->failing, &since, now, 0,
                                               __ATOMIC_SEQ_CST,
                                               __ATOMIC_SEQ_CST);

        } else {
            *time = now - since;
        }
    }

    return __atomic_add_fetch(&c->row, 1, __ATOMIC_SEQ_CST);
}


void
wh_cell_succeeded(wh_cell_t *c)
{
    /* one store for many successes: the line is shared */

    if (__atomic_load_n(&c->row, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->row, 0, __ATOMIC_SEQ_CST);
    }

    if (__atomic_load_n(&c->failing, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(&c->failing, 0, __ATOMIC_SEQ_CST);
    }
}


void
wh_cell_halted(wh_cell_t *c, uint64_t time)
{
    uint64_t  since;

    since = __atomic_load_n(&c->failing, __ATOMIC_SEQ_CST);

    if (since) {

        /* it has succeeded meanwhile, or not */

        (void) __atomic_compare_exchange_n(&c->failing, &since,
                                           wh_state_add(since, time), 0,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }
}
