
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_sched.h"


#define WH_SCHED_NONE_DELAY  100           /* ms, after what was no attempt */


static wh_next_e wh_sched_held(const wh_policy_t *p, wh_lane_t *lane,
    uint64_t now, wh_next_t *next);
static wh_next_e wh_sched_due(const wh_policy_t *p, uint64_t now,
    wh_next_t *next);
static wh_item_t *wh_sched_refused(const wh_policy_t *p, wh_lane_t *lane,
    const wh_state_t *s, uint64_t now);


wh_next_e
wh_sched_next(const wh_policy_t *p, wh_lane_t *lane, uint64_t now,
    wh_next_t *next)
{
    uint32_t  most;

    next->item = NULL;
    next->when = 0;

    if (wh_policy_state(p, now, &next->state, &next->change) != WH_OK) {
        next->change.to.number = 0;
    }

    if (next->state.reason != WH_STATE_ENABLED) {
        return wh_sched_held(p, lane, now, next);
    }

    lane->probe = 0;

    wh_lane_shift(lane, next->state.held, now);

    most = lane->unordered ? p->concurrency : 1;

    if (lane->inflight >= most) {
        return WH_NEXT_NOTHING;
    }

    next->item = wh_lane_next(lane, now, &next->when);

    if (next->item == NULL) {

        if (next->when) {
            return WH_NEXT_WAIT;
        }

        return (lane->more && lane->inflight == 0) ? WH_NEXT_READ
                                                   : WH_NEXT_NOTHING;
    }

    return wh_sched_due(p, now, next);
}


/* the item's turn, unless it has waited for it for too long */

static wh_next_e
wh_sched_due(const wh_policy_t *p, uint64_t now, wh_next_t *next)
{
    if (wh_retry_aged(&p->retry, next->item->progress.time, now)) {
        next->end = WH_END_EXPIRED;
        return WH_NEXT_END;
    }

    return WH_NEXT_SEND;
}


static wh_next_e
wh_sched_held(const wh_policy_t *p, wh_lane_t *lane, uint64_t now,
    wh_next_t *next)
{
    wh_state_t  *s;

    s = &next->state;

    if (lane->probe) {

        next->item = wh_lane_head(lane);

        if (next->item) {
            (void) wh_item_shift(next->item, wh_state_held(s, now));

            return wh_sched_due(p, now, next);
        }

        lane->probe = 0;
    }

    /* when a probe is due, it may be the one */

    if (s->probe == 0 || now < s->probe) {
        next->item = wh_sched_refused(p, lane, s, now);
    }

    if (next->item) {
        next->end = p->while_disabled == WH_WHILE_DROP ? WH_END_DROPPED
                                                       : WH_END_DEAD;
        return WH_NEXT_END;
    }

    next->when = s->until;

    if (s->probe && (next->when == 0 || s->probe < next->when)) {
        next->when = s->probe;
    }

    return WH_NEXT_HOLD;
}


/* captured since it is disabled; the backlog before that is kept */

static wh_item_t *
wh_sched_refused(const wh_policy_t *p, wh_lane_t *lane, const wh_state_t *s,
    uint64_t now)
{
    wh_item_t  *item;

    if (p->while_disabled == WH_WHILE_HOLD || wh_state_paused(s)) {
        return NULL;
    }

    item = wh_lane_tail(lane);

    if (item == NULL) {
        return NULL;
    }

    if (item->progress.time > now && item->progress.time - now > WH_SKEW) {
        item->early = 1;
    }

    /* of the very millisecond: it may have been there before */

    return (item->early || item->progress.attempts
            || item->progress.time <= s->since) ? NULL : item;
}


wh_take_e
wh_sched_take(const wh_policy_t *p, wh_lane_t *lane, wh_item_t *item,
    uint32_t slot, uint64_t lease, uint64_t now, wh_take_t *take)
{
    wh_take_e  rc;

    take->permit = -1;
    take->probe = 0;
    take->counted = 0;
    take->wake = 0;
    take->when = 0;
    take->change.to.number = 0;

    /* a turn of the rate that waited for a permit would come too late */

    if (p->order != WH_ORDER_STRICT) {

        take->permit = wh_permit_take(p->permits, slot, p->concurrency);

        if (take->permit == -1) {
            return WH_TAKE_PERMIT;
        }
    }

    if (lane->probe) {

        /* it tells of the endpoint, no rate and no quota counts it */

        if (wh_policy_probe_begin(p, now, lease, &lane->number) == WH_OK) {
            take->probe = lane->number;
            return WH_TAKE_OK;
        }

        lane->probe = 0;
        rc = WH_TAKE_AGAIN;

        goto failed;
    }

    if (p->rate.interval && wh_rate_take(&p->rate, now, &take->when) != WH_OK)
    {
        rc = WH_TAKE_RATE;
        goto failed;
    }

    if (item->progress.attempts || item->counted) {
        return WH_TAKE_OK;
    }

    if (wh_policy_quota(p, now, &take->change) == WH_OK) {
        item->counted = 1;
        take->counted = (p->quota.n || p->zone->quota.n) ? 1 : 0;
        return WH_TAKE_OK;
    }

    rc = WH_TAKE_AGAIN;

failed:

    if (take->permit != -1) {
        take->wake = wh_permit_give(p->permits, slot, take->permit) ? 1 : 0;
        take->permit = -1;
    }

    return rc;
}


void
wh_sched_begin(wh_lane_t *lane, wh_item_t *item, uint64_t now)
{
    (void) wh_item_rebase(item, now);

    /* it was its turn before the clock was set back by a little */

    if (item->progress.planned > now && !lane->probe) {
        item->progress.planned = now;
    }

    if (item->progress.first == 0) {
        item->progress.first = now;
        item->progress.planned = now;

        /* of a probe it is known, its lane has not been shifted */

        if (!lane->probe) {
            item->progress.held = lane->held;
        }
    }

    item->from = now;
    lane->probe = 0;

    wh_item_begin(lane, item);
}


wh_done_e
wh_sched_done(const wh_policy_t *p, wh_lane_t *lane, wh_item_t *item,
    const wh_outcome_t *o, const wh_report_t *r, uint32_t random,
    uint64_t now, wh_end_e *end)
{
    uint64_t            when;
    wh_progress_t      *progress;
    wh_retry_failure_t  f;

    progress = &item->progress;

    wh_item_finish(lane, item);

    /* delays add to a clock that has stood still so far */

    (void) wh_item_shift(item, r->held);
    (void) wh_item_rebase(item, now);

    item->from = now;
    lane->seen = lane->seen > now ? lane->seen : now;

    if (o->outcome == WH_OUTCOME_SUCCESS) {
        *end = WH_END_DELIVERED;
        return WH_DONE_END;
    }

    if (o->outcome == WH_OUTCOME_NONE || (o->probe && !o->permanent)) {

        /* a probe takes nothing from the delivery, either */

        if (progress->attempts == 0) {
            progress->first = 0;
            progress->planned = 0;
        }

        if (o->outcome == WH_OUTCOME_NONE) {
            item->notbefore = now + WH_SCHED_NONE_DELAY;
        }

        wh_lane_list(lane, item, now);

        return WH_DONE_WAIT;
    }

    f.commit = progress->time;
    f.first = progress->first;
    f.planned = progress->planned;
    f.now = now;
    f.after = o->after;
    f.used = progress->attempts - progress->throttled;
    f.random = random;
    f.throttled = (o->outcome == WH_OUTCOME_THROTTLED);

    progress->attempts++;
    progress->throttled += f.throttled;

    if (o->permanent) {
        *end = WH_END_DEAD;
        return WH_DONE_END;
    }

    switch (wh_retry_next(&p->retry, &f, &when)) {

    case WH_RETRY_DEAD:
        *end = WH_END_DEAD;
        return WH_DONE_END;

    case WH_RETRY_EXPIRED:
        *end = WH_END_EXPIRED;
        return WH_DONE_END;

    default: /* WH_RETRY_AGAIN */
        break;
    }

    progress->planned = when;

    wh_lane_list(lane, item, now);

    return WH_DONE_RETRY;
}
