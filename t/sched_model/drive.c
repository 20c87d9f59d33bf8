
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lanes and attempts, as workers of nginx drive them.
 */


#include "world.h"


static void drive_state(int i, int e, const wh_state_t *s);
static void drive_planned(int i, int lane);
static uint64_t drive_longest(const endpoint_conf_t *c);
static void drive_timer(int i, int lane, uint64_t when);
static int drive_send(int i, int lane, item_t *item);
static int drive_taken(int i, int lane, item_t *item, int probe,
    unsigned counted, wh_take_e taken, const wh_take_t *take);
static attempt_t *drive_unused(void);
static void drive_report(attempt_t *a, wh_report_t *r);


void
drive(int i, int lane)
{
    int           e;
    lane_t       *l;
    item_t       *item;
    worker_t     *w;
    uint64_t      now;
    wh_next_e     rc;
    wh_next_t     next;

    w = &workers[i];
    l = &w->lanes[lane];
    e = lane_endpoint(lane);
    now = wall(w);

    for ( ;; ) {

        if (w->state != PROCESS_RUNNING || w->leaving || !l->mine) {
            return;
        }

        run.steps++;

        rc = wh_sched_next(&w->policies[e], &l->core, now, &next);

        oracle_state(w->conf, e, &next.state);

        if (next.change.to.number) {
            changed(i, e, &next.change);
        }

        drive_state(i, e, &next.state);

        if (l->waiting == (next.state.reason == WH_STATE_ENABLED
                           ? WAIT_ENABLED : WAIT_RATE))
        {
            l->waiting = WAIT_NOTHING;
        }

        item = next.item ? wh_queue_data(&next.item->queue, item_t,
                                         core.queue)
                         : NULL;

        switch (rc) {

        case WH_NEXT_SEND:

            if (l->waiting || !drive_send(i, lane, item)) {
                return;
            }

            break;

        case WH_NEXT_END:
            trace("worker %d: delivery %d ends as %d", i, item->delivery,
                  (int) next.end);

            oracle_refused(&w->conf->endpoints[e], item->delivery, next.end,
                           l->core.probe);
            store_put(i, item, 1, next.end);
            item_free(w, l, item);

            break;

        case WH_NEXT_WAIT:
            check(next.when > now, "a lane waits for what is over");
            drive_planned(i, lane);
            drive_timer(i, lane, next.when);
            lane_low(i, lane);
            return;

        case WH_NEXT_HOLD:
            waiting_enabled(i, lane, &next.state);
            return;

        case WH_NEXT_READ:
            if (!l->reading) {
                l->reading = 1;
                push(EVENT_READ, one_in(2) ? 0 : 5, i, (unsigned) lane,
                     w->life);
            }

            return;

        default: /* WH_NEXT_NOTHING */
            lane_low(i, lane);
            return;
        }
    }
}


/* whatever has become of the clock, it takes no longer than it is to */

static void
drive_state(int i, int e, const wh_state_t *s)
{
    uint64_t                now;
    const endpoint_conf_t  *c;

    now = wall(&workers[i]);
    c = &workers[i].conf->endpoints[e];

    check(s->reason == WH_STATE_ENABLED || s->until <= now + BAN_MAX + WH_SKEW,
          "endpoint %d is disabled for another %lu ms", e,
          (unsigned long) (s->until - now));
    check(s->reason == WH_STATE_ENABLED || s->probing
          || s->probe <= now + c->probe + WH_SKEW,
          "endpoint %d is not probed for %lu ms", e,
          (unsigned long) (s->probe - now));
}


static void
drive_planned(int i, int lane)
{
    uint64_t     now;
    item_t      *item;
    wh_queue_t  *q;
    wh_queue_t  *items;

    now = wall(&workers[i]);
    items = &workers[i].lanes[lane].core.items;

    for (q = wh_queue_head(items);
         q != wh_queue_sentinel(items);
         q = wh_queue_next(q))
    {
        item = wh_queue_data(q, item_t, core.queue);

        check(item->core.inflight
              || item->core.progress.planned <= now + item->delay + WH_SKEW,
              "delivery %d is planned for %lu ms from now on, not %lu",
              item->delivery,
              (unsigned long) (item->core.progress.planned - now),
              (unsigned long) item->delay);
        check(item->core.inflight
              || item->core.notbefore <= now + NONE_DELAY + WH_SKEW,
              "delivery %d waits for %lu ms", item->delivery,
              (unsigned long) (item->core.notbefore - now));
    }
}


/* from one attempt to the next one */

static uint64_t
drive_longest(const endpoint_conf_t *c)
{
    uint32_t  i;
    uint64_t  ms;

    ms = c->max < c->after_max ? c->after_max : c->max;

    for (i = 0; c->max == 0 && i < c->ndelays; i++) {
        ms = ms < c->delays[i] ? c->delays[i] : ms;
    }

    return ms;
}


static void
drive_timer(int i, int lane, uint64_t when)
{
    lane_t    *l;
    uint64_t   delay;

    l = &workers[i].lanes[lane];

    delay = when - wall(&workers[i]);
    delay = delay < 60000 ? delay : 60000;

    if (l->timer != run.now + delay) {
        l->timer = run.now + delay;
        push(EVENT_LANE, delay, i, (unsigned) lane, workers[i].life);
    }
}


/* false: no more of this lane now */

static int
drive_send(int i, int lane, item_t *item)
{
    int         e, probe;
    lane_t     *l;
    unsigned    counted;
    worker_t   *w;
    uint64_t    now, answer;
    wh_take_e   taken;
    wh_take_t   take;
    attempt_t  *a;

    w = &workers[i];
    l = &w->lanes[lane];
    e = lane_endpoint(lane);
    now = wall(w);

    if (!run.final && one_in(100)) {
        l->idle_until = now + 100;
        waiting_room(i, lane);
        return 0;
    }

    if (waiting_paced(i, lane)) {
        waiting_rate(i, lane, now);
        return 0;
    }

    probe = l->core.probe;
    counted = item->core.counted || item->core.progress.attempts;

    taken = wh_sched_take(&w->policies[e], &l->core, &item->core,
                          (uint32_t) i, w->conf->endpoints[e].timeout + MARGIN,
                          now, &take);

    if (!drive_taken(i, lane, item, probe, counted, taken, &take)) {
        return taken == WH_TAKE_AGAIN;
    }

    if (!run.final && one_in(100)) {

        /* no memory for an attempt */

        if (take.permit != -1
            && wh_permit_give(w->policies[e].permits, (uint32_t) i,
                              take.permit))
        {
            wake_all();
        }

        l->idle_until = now + 100;
        waiting_room(i, lane);
        return 0;
    }

    a = drive_unused();

    a->worker = i;
    a->delivery = item->delivery;
    a->endpoint = e;
    a->conf = w->conf->number;
    a->permit = take.permit;
    a->probe = take.probe;
    a->item = item;
    a->begin = run.now;

    oracle_begin(w->conf, a, l->core.unordered, now);

    a->used = 1;

    wh_sched_begin(&l->core, &item->core, now);

    answer = target_answer(e, &w->conf->endpoints[e], &a->outcome);

    trace("worker %d: delivery %d of lane %d is sent, attempt %u%s", i,
          a->delivery, lane, item->core.progress.attempts + 1,
          a->probe ? ", a probe" : "");

    push(EVENT_ATTEMPT, answer, (int) (a - run.attempts), a->number, 0);

    return 1;
}


/* the oracle judges each step of it */

static int
drive_taken(int i, int lane, item_t *item, int probe, unsigned counted,
    wh_take_e taken, const wh_take_t *take)
{
    int                     e;
    worker_t               *w;
    const endpoint_conf_t  *c;

    w = &workers[i];
    e = lane_endpoint(lane);
    c = &w->conf->endpoints[e];

    if (take->wake) {
        wake_all();
    }

    if (taken == WH_TAKE_PERMIT) {
        oracle_permit_refused(c, e);
        waiting_room(i, lane);
        return 0;
    }

    if (probe) {
        if (taken == WH_TAKE_OK) {
            check(take->probe, "a probe is none");
            oracle_renewed(c, e, i * LANES + lane);
            return 1;
        }

        check(taken == WH_TAKE_AGAIN, "a probe waits for a rate");
        oracle_lease_void(e, i * LANES + lane);

        return 0;
    }

    check(!take->probe, "it is a probe");

    if (taken == WH_TAKE_RATE) {
        oracle_rate(c, e, 0);
        waiting_rate(i, lane, take->when);
        return 0;
    }

    if (c->rate) {
        oracle_rate(c, e, 1);
    }

    if (!counted) {
        oracle_quota(w->conf, e, item->delivery, taken == WH_TAKE_OK,
                     &take->change);

    } else {
        check(taken == WH_TAKE_OK, "a retry is refused by a quota");
    }

    if (take->change.to.number) {
        changed(i, e, &take->change);
    }

    if (take->counted) {
        push(EVENT_SAVE, pick(500), i, 0, w->life);
    }

    return taken == WH_TAKE_OK;
}


static attempt_t *
drive_unused(void)
{
    attempt_t        *a;
    static unsigned   number;

    for (a = run.attempts; a->used; a++) {
        check(a < run.attempts + ATTEMPTS - 1, "too many attempts");
    }

    memset(a, 0, sizeof(attempt_t));
    a->number = ++number;

    return a;
}


static void
drive_report(attempt_t *a, wh_report_t *r)
{
    int           e;
    uint32_t      n;
    uint64_t      now;
    worker_t     *w;
    wh_change_t   change;

    w = &workers[a->worker];
    now = wall(w);

    wh_policy_report(&w->policies[a->endpoint], &a->outcome, now, r);

    oracle_report(w->conf, a, w->windows[a->endpoint],
                  w->zone_windows[w->conf->endpoints[a->endpoint].zone], r);

    for (n = 0; n < r->n; n++) {
        changed(a->worker, a->endpoint, &r->changes[n]);
    }

    for (e = 0; r->tripped && e < run.nendpoints; e++) {

        if (w->conf->endpoints[e].zone
            != w->conf->endpoints[a->endpoint].zone)
        {
            continue;
        }

        if (wh_policy_trip(&w->policies[e], now, &change) == WH_OK) {
            oracle_tripped(w->conf, e, &change);
            changed(a->worker, e, &change);

        } else {
            oracle_tripped(w->conf, e, NULL);
        }
    }

    if (r->probed) {
        shared_save(w, a->endpoint);
        wake_all();
    }

    if (r->counted) {
        push(EVENT_SAVE, pick(500), a->worker, 0, w->life);
    }
}


void
drive_attempt(attempt_t *a)
{
    int           i, lane;
    lane_t       *l;
    worker_t     *w;
    wh_end_e      end;
    wh_done_e     rc;
    wh_report_t   report;

    i = a->worker;
    w = &workers[i];
    lane = delivery_lane(a->delivery);
    l = &w->lanes[lane];
    end = WH_END_DELIVERED;

    trace("worker %d: delivery %d was answered, outcome %d%s%s", i,
          a->delivery, (int) a->outcome.outcome,
          a->outcome.permanent ? ", permanent" : "",
          a->lost ? ", it is not its any more" : "");

    a->outcome.first = (a->item->core.progress.attempts == 0);
    a->outcome.probe = a->probe;

    a->used = 0;

    if (a->permit != -1
        && wh_permit_give(w->policies[a->endpoint].permits, (uint32_t) i,
                          a->permit))
    {
        wake_all();
    }

    drive_report(a, &report);

    if (a->lost) {
        free(a->item);
        waiting_wake(i);
        return;
    }

    rc = wh_sched_done(&w->policies[a->endpoint], &l->core, &a->item->core,
                       &a->outcome, &report, pick(0), wall(w), &end);

    oracle_done(w->conf, a, rc, end, &a->item->core.progress);

    switch (rc) {

    case WH_DONE_END:
        trace("delivery %d has ended as %d", a->delivery, (int) end);
        store_put(i, a->item, 1, end);
        item_free(w, l, a->item);
        break;

    case WH_DONE_RETRY:
        a->item->delay = drive_longest(&w->conf->endpoints[a->endpoint]);
        trace("delivery %d: the next one in %ld ms", a->delivery,
              (long) (a->item->core.progress.planned - wall(w)));
        store_put(i, a->item, 0, WH_END_DELIVERED);
        break;

    default: /* WH_DONE_WAIT */
        break;
    }

    l->ready = 1;

    waiting_wake(i);
}


void
drive_operator(int i, int e, command_e command)
{
    static int (*const  commands[])(const wh_policy_t *, uint64_t,
        wh_change_t *) =
    {
        wh_policy_disable,
        wh_policy_enable,
        wh_policy_pause,
        wh_policy_resume
    };

    int           rc;
    worker_t     *w;
    wh_change_t   change;

    w = &workers[i];

    rc = commands[command](&w->policies[e], wall(w), &change);

    oracle_operator(w->conf, e, command, w->windows[e],
                    rc == WH_OK ? &change : NULL);

    if (rc == WH_OK) {
        changed(i, e, &change);
    }
}
