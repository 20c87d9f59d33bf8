
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_policy.h"


#define WH_POLICY_PROBE_AGAIN  100         /* ms */


static int wh_policy_over(const wh_policy_t *p, const wh_state_t *s,
    uint64_t now);
static int wh_policy_change(const wh_policy_t *p, const wh_state_t *s,
    wh_state_t *next, wh_by_e by, wh_change_t *change);
static void wh_policy_forget(const wh_policy_t *p);
static int wh_policy_by(const wh_policy_t *p, const wh_state_cause_t *cause,
    uint64_t now, wh_change_t *change);
static void wh_policy_failed(const wh_policy_t *p, const wh_outcome_t *o,
    uint64_t now, wh_report_t *r);
static const wh_limit_t *wh_policy_longer(const wh_limit_t *one,
    const wh_limit_t *two);


int
wh_policy_state(const wh_policy_t *p, uint64_t now, wh_state_t *s,
    wh_change_t *change)
{
    int         rc;
    wh_state_t  next;

    rc = WH_AGAIN;

    for ( ;; ) {
        wh_cell_read(p->cell, s);

        if (wh_state_rebase(s, now, p->probe, &next) == WH_OK) {
            (void) wh_cell_write(p->cell, s, &next);
            continue;
        }

        if (wh_state_due(s, now, &next) != WH_OK
            && (wh_policy_over(p, s, now)
                || wh_state_enable(s, now, &next) != WH_OK))
        {
            break;
        }

        /* nothing has succeeded yet: what else is counted goes on */

        rc = wh_policy_change(p, s, &next, WH_BY_TIME, change);
    }

    if (s->reason != WH_STATE_ENABLED) {

        /* "probe" may have come, or gone, while it was disabled */

        if (p->probe == 0) {
            s->probe = 0;

        } else if (s->probe == 0 && wh_state_probeable(s)) {
            s->probe = s->since + p->probe;
        }
    }

    return rc;
}


/* true unless it is paused by a quota that is not, or no more, used up */

static int
wh_policy_over(const wh_policy_t *p, const wh_state_t *s, uint64_t now)
{
    uint64_t  until;

    return s->reason != WH_STATE_QUOTA
           || (p->quota.n
               && wh_quota_used(&p->quota, now, &until) >= p->quota.n)
           || (p->zone->quota.n
               && wh_quota_used(&p->zone->quota, now, &until)
                  >= p->zone->quota.n);
}


static int
wh_policy_change(const wh_policy_t *p, const wh_state_t *s, wh_state_t *next,
    wh_by_e by, wh_change_t *change)
{
    if (wh_cell_write(p->cell, s, next) != WH_OK) {
        return WH_AGAIN;
    }

    memset(change, 0, sizeof(wh_change_t));

    change->from = *s;
    change->to = *next;
    change->by = by;

    return WH_OK;
}


/* all begins anew, but for the zone */

static void
wh_policy_forget(const wh_policy_t *p)
{
    uint32_t  i;

    for (i = 0; i < p->nlimits; i++) {
        wh_window_reset(p->limits[i].window);
    }

    wh_cell_succeeded(p->cell);
}


static int
wh_policy_by(const wh_policy_t *p, const wh_state_cause_t *cause, uint64_t now,
    wh_change_t *change)
{
    wh_state_t  s, over, next;

    do {
        wh_cell_read(p->cell, &s);

        /* a ban that is over, though nobody has seen it yet, is none */

        if (wh_state_disable(wh_state_due(&s, now, &over) == WH_OK ? &over
                                                                   : &s,
                             cause, now, &next)
            != WH_OK)
        {
            return WH_AGAIN;
        }

    } while (wh_cell_write(p->cell, &s, &next) != WH_OK);

    memset(change, 0, sizeof(wh_change_t));

    change->from = s;
    change->to = next;
    change->count = cause->count;
    change->ban = cause->ban;

    return WH_OK;
}


void
wh_policy_report(const wh_policy_t *p, const wh_outcome_t *o, uint64_t now,
    wh_report_t *r)
{
    int               success;
    uint64_t          interval;
    wh_state_t        s, next;
    wh_state_cause_t  cause;

    r->n = 0;
    r->probed = 0;
    r->tripped = 0;
    r->counted = 0;

    if (wh_policy_state(p, now, &s, &r->changes[0]) == WH_OK) {
        r->n = 1;
    }

    r->held = wh_state_held(&s, now);

    /* the endpoint may have been enabled, and another one be on its way */

    if (o->probe && o->probe == s.number) {
        success = (o->outcome == WH_OUTCOME_SUCCESS);

        /* one that was none is due again soon */

        interval = (o->outcome == WH_OUTCOME_NONE) ? WH_POLICY_PROBE_AGAIN
                                                   : p->probe;

        if (wh_state_probed(&s, success, now, interval, &next) == WH_OK) {

            if (next.reason != WH_STATE_ENABLED) {
                r->probed = (wh_cell_write(p->cell, &s, &next) == WH_OK);

            } else if (wh_policy_change(p, &s, &next, WH_BY_PROBE,
                                        &r->changes[r->n])
                       == WH_OK)
            {
                r->n++;
                wh_policy_forget(p);
            }
        }
    }

    switch (o->outcome) {

    case WH_OUTCOME_SUCCESS:
        r->counted = (__atomic_load_n(&p->cell->row, __ATOMIC_SEQ_CST) != 0);
        wh_cell_succeeded(p->cell);
        return;

    case WH_OUTCOME_NONE:
        return;

    case WH_OUTCOME_GONE:
        memset(&cause, 0, sizeof(wh_state_cause_t));

        cause.reason = WH_STATE_GONE;
        cause.count = 1;

        if (wh_policy_by(p, &cause, now, &r->changes[r->n]) == WH_OK) {
            r->n++;
        }

        break;

    default:
        break;
    }

    /* attempts that were on their way when it was disabled do not count */

    if (o->counts
        && (s.reason == WH_STATE_ENABLED || s.reason == WH_STATE_QUOTA))
    {
        wh_policy_failed(p, o, now, r);
    }
}


static void
wh_policy_failed(const wh_policy_t *p, const wh_outcome_t *o, uint64_t now,
    wh_report_t *r)
{
    uint32_t           i;
    uint64_t           row, time;
    wh_change_t        change;
    wh_state_cause_t   cause;
    const wh_limit_t  *limit, *longest;

    r->counted = 1;

    row = wh_cell_failed(p->cell, now, &time);

    limit = &p->zone->limit;

    if (limit->n && wh_window_add(limit->window, limit->n, limit->time, now)) {

        r->tripped = 1;

        if (wh_policy_trip(p, now, &change) == WH_OK) {
            r->changes[r->n++] = change;
        }
    }

    longest = NULL;

    for (i = 0; i < p->nlimits; i++) {
        limit = &p->limits[i];

        if ((!limit->first || o->first)
            && wh_window_add(limit->window, limit->n, limit->time, now))
        {
            longest = wh_policy_longer(longest, limit);
        }
    }

    memset(&cause, 0, sizeof(wh_state_cause_t));

    cause.probe = p->probe;

    /* each but the first one only if it is the better reason */

    if (longest) {
        cause.reason = WH_STATE_WINDOW;
        cause.count = longest->n + 1;
        cause.ban = longest->ban;

        if (wh_policy_by(p, &cause, now, &change) == WH_OK) {
            change.time = longest->time;
            r->changes[r->n++] = change;
        }
    }

    cause.count = row < UINT32_MAX ? (uint32_t) row : UINT32_MAX;
    cause.ban = 0;

    if (p->consecutive && row >= p->consecutive) {
        cause.reason = WH_STATE_CONSECUTIVE;

    } else if (p->after && time >= p->after) {
        cause.reason = WH_STATE_AFTER;

    } else {
        return;
    }

    if (wh_policy_by(p, &cause, now, &change) == WH_OK) {
        change.time = time;
        r->changes[r->n++] = change;
    }
}


/* without a ban it is for good */

static const wh_limit_t *
wh_policy_longer(const wh_limit_t *one, const wh_limit_t *two)
{
    if (one == NULL || (one->ban && (two->ban == 0 || two->ban > one->ban))) {
        return two;
    }

    return one;
}


int
wh_policy_trip(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    wh_state_cause_t  cause;

    memset(&cause, 0, sizeof(wh_state_cause_t));

    cause.reason = WH_STATE_ZONE;
    cause.count = p->zone->limit.n + 1;
    cause.ban = p->zone->limit.ban;
    cause.probe = p->probe;

    if (wh_policy_by(p, &cause, now, change) != WH_OK) {
        return WH_AGAIN;
    }

    change->time = p->zone->limit.time;

    return WH_OK;
}


int
wh_policy_disable(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    wh_state_cause_t  cause;

    memset(&cause, 0, sizeof(wh_state_cause_t));

    cause.reason = WH_STATE_OPERATOR;

    return wh_policy_by(p, &cause, now, change);
}


int
wh_policy_enable(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    wh_state_t  s, next;

    do {
        wh_cell_read(p->cell, &s);

        if (wh_state_enable(&s, now, &next) != WH_OK) {
            return WH_AGAIN;
        }

    } while (wh_policy_change(p, &s, &next, WH_BY_OPERATOR, change)
             != WH_OK);

    wh_policy_forget(p);

    if (s.reason == WH_STATE_QUOTA && p->quota.n) {
        wh_quota_reset(&p->quota);
    }

    return WH_OK;
}


int
wh_policy_pause(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    int         rc;
    wh_state_t  s, over, next;

    do {
        wh_cell_read(p->cell, &s);

        /* a ban that is over, though nobody has seen it yet, is none */

        rc = wh_state_pause(wh_state_due(&s, now, &over) == WH_OK ? &over : &s,
                            now, &next);
        if (rc != WH_OK) {
            return rc;
        }

    } while (wh_policy_change(p, &s, &next, WH_BY_NONE, change) != WH_OK);

    return WH_OK;
}


int
wh_policy_resume(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    wh_state_t  s, next;

    do {
        wh_cell_read(p->cell, &s);

        if (wh_state_resume(&s, now, &next) != WH_OK) {
            return WH_AGAIN;
        }

    } while (wh_policy_change(p, &s, &next, WH_BY_OPERATOR, change)
             != WH_OK);

    wh_cell_halted(p->cell, next.held - s.held);

    return WH_OK;
}


int
wh_policy_probe(const wh_policy_t *p, uint64_t now, uint64_t lease,
    uint64_t *number)
{
    wh_state_t   s, next;
    wh_change_t  change;

    (void) wh_policy_state(p, now, &s, &change);

    if (wh_state_probe(&s, now, lease, &next) != WH_OK
        || wh_cell_write(p->cell, &s, &next) != WH_OK)
    {
        return WH_AGAIN;
    }

    *number = next.number;

    return WH_OK;
}


int
wh_policy_probe_begin(const wh_policy_t *p, uint64_t now, uint64_t lease,
    uint64_t *number)
{
    wh_state_t  s, next;

    wh_cell_read(p->cell, &s);

    if (s.number != *number
        || wh_state_probe_renew(&s, now, lease, &next) != WH_OK
        || wh_cell_write(p->cell, &s, &next) != WH_OK)
    {
        return WH_AGAIN;
    }

    *number = next.number;

    return WH_OK;
}


int
wh_policy_quota(const wh_policy_t *p, uint64_t now, wh_change_t *change)
{
    uint64_t           until;
    wh_state_cause_t   cause;
    const wh_quota_t  *quota;

    change->to.number = 0;

    /* a window does not begin with what the other one refuses */

    quota = &p->zone->quota;

    if (quota->n && wh_quota_used(quota, now, &until) >= quota->n) {
        goto pause;
    }

    quota = &p->quota;

    if (quota->n && wh_quota_used(quota, now, &until) >= quota->n) {
        goto pause;
    }

    /* others may be faster */

    quota = &p->zone->quota;

    if (quota->n && wh_quota_take(quota, now, &until) != WH_OK) {
        goto pause;
    }

    quota = &p->quota;

    if (quota->n == 0 || wh_quota_take(quota, now, &until) == WH_OK) {
        return WH_OK;
    }

    /* what the zone has counted is given back */

    if (p->zone->quota.n) {
        wh_quota_give(&p->zone->quota);
    }

pause:

    memset(&cause, 0, sizeof(wh_state_cause_t));

    cause.reason = WH_STATE_QUOTA;
    cause.count = quota->n;
    cause.ban = until > now ? until - now : 1;

    if (wh_policy_by(p, &cause, now, change) == WH_OK) {
        change->time = quota->time;

    } else {
        change->to.number = 0;
    }

    return WH_AGAIN;
}


int
wh_policy_counts(const wh_policy_t *p)
{
    return p->nlimits || p->consecutive || p->after || p->quota.n
           || p->zone->limit.n || p->zone->quota.n;
}
