
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What waits for something else than its time, as workers of nginx do it.
 */


#include "world.h"


#define ROOM_DELAY   100
#define STATE_DELAY  1000


static void waiting_add(int i, int lane, wait_e waiting);
static int waiting_first(int i, int e, wait_e waiting);
static void waiting_release(int i, int lane);
static void waiting_probe(int i, int e, uint64_t now);
static void waiting_state_timer(int i, const wh_state_t *s, uint64_t now);
static void waiting_pace_timer(int i, int e, uint64_t when);


static void
waiting_add(int i, int lane, wait_e waiting)
{
    lane_t           *l;
    static uint64_t   turns;

    l = &workers[i].lanes[lane];

    if (l->waiting == WAIT_NOTHING) {
        l->waiting = waiting;
        l->turns = ++turns;
    }
}


/* the one that waits longest, or NOBODY */

static int
waiting_first(int i, int e, wait_e waiting)
{
    int      lane, first;
    lane_t  *l;

    l = workers[i].lanes;
    first = NOBODY;

    for (lane = e * KEYS; lane < (e + 1) * KEYS; lane++) {

        if (l[lane].waiting == waiting
            && (first == NOBODY || l[lane].turns < l[first].turns))
        {
            first = lane;
        }
    }

    return first;
}


static void
waiting_release(int i, int lane)
{
    workers[i].lanes[lane].waiting = WAIT_NOTHING;
    workers[i].lanes[lane].ready = 1;
}


void
waiting_room(int i, int lane)
{
    worker_t  *w;

    w = &workers[i];

    waiting_add(i, lane, WAIT_ROOM);

    if (w->room_timer <= run.now) {
        w->room_timer = run.now + ROOM_DELAY;
        push(EVENT_ROOM, ROOM_DELAY, i, 0, w->life);
    }
}


void
waiting_enabled(int i, int lane, const wh_state_t *s)
{
    uint64_t  now;

    now = wall(&workers[i]);

    waiting_add(i, lane, WAIT_ENABLED);

    if (s->probe && now >= s->probe) {
        waiting_probe(i, lane_endpoint(lane), now);
    }

    waiting_state_timer(i, s, now);
}


/* the oldest head of the lanes that are here, if nobody is faster */

static void
waiting_probe(int i, int e, uint64_t now)
{
    int              lane, oldest;
    uint64_t         seq, number, lease;
    lane_t          *l;
    worker_t        *w;
    wh_item_t       *item;

    w = &workers[i];
    l = w->lanes;
    oldest = NOBODY;
    seq = 0;

    for (lane = e * KEYS; lane < (e + 1) * KEYS; lane++) {

        if (l[lane].waiting != WAIT_ENABLED || !l[lane].mine || w->leaving) {
            continue;
        }

        item = wh_lane_head(&l[lane].core);

        if (item && (oldest == NOBODY || item->seq < seq)) {
            oldest = lane;
            seq = item->seq;
        }
    }

    lease = w->conf->endpoints[e].timeout + MARGIN;

    if (oldest == NOBODY) {
        return;
    }

    /* what might have been the probe is refused now */

    for (lane = e * KEYS; lane < (e + 1) * KEYS; lane++) {

        if (l[lane].waiting == WAIT_ENABLED
            && w->policies[e].while_disabled != WH_WHILE_HOLD)
        {
            l[lane].ready = 1;
        }
    }

    if (wh_policy_probe(&w->policies[e], now, lease, &number) != WH_OK)
    {
        return;
    }

    trace("worker %d: lane %d is to probe", i, oldest);

    oracle_leased(&w->conf->endpoints[e], e, i * LANES + oldest, now + lease);

    l[oldest].core.probe = 1;
    l[oldest].core.number = number;

    waiting_release(i, oldest);
}


void
waiting_look(int i)
{
    int           e, rc, lane;
    uint64_t      now;
    worker_t     *w;
    wh_state_t    s;
    wh_change_t   change;

    w = &workers[i];
    now = wall(w);

    for (e = 0; e < run.nendpoints; e++) {

        if (waiting_first(i, e, WAIT_ENABLED) == NOBODY) {
            continue;
        }

        rc = wh_policy_state(&w->policies[e], now, &s, &change);

        oracle_state(w->conf, e, &s);

        if (rc == WH_OK) {
            changed(i, e, &change);
        }

        if (s.reason == WH_STATE_ENABLED) {

            for ( ;; ) {
                lane = waiting_first(i, e, WAIT_ENABLED);

                if (lane == NOBODY) {
                    break;
                }

                waiting_release(i, lane);
            }

            continue;
        }

        waiting_state_timer(i, &s, now);

        if (s.probe && now >= s.probe) {
            waiting_probe(i, e, now);
        }
    }
}


void
waiting_wake(int i)
{
    int  e, lane;

    waiting_look(i);

    for (e = 0; e < run.nendpoints; e++) {

        for ( ;; ) {
            lane = waiting_first(i, e, WAIT_ROOM);

            if (lane == NOBODY) {
                break;
            }

            waiting_release(i, lane);
        }
    }
}


static void
waiting_state_timer(int i, const wh_state_t *s, uint64_t now)
{
    uint64_t   next;
    worker_t  *w;

    next = now + STATE_DELAY;
    w = &workers[i];

    if (s->until && s->until < next) {
        next = s->until;
    }

    if (s->probe && s->probe > now && s->probe < next) {
        next = s->probe;
    }

    next = next > now ? next - now : 1;

    if (w->state_timer > run.now && w->state_timer <= run.now + next) {
        return;
    }

    w->state_timer = run.now + next;
    push(EVENT_STATE, next, i, 0, w->life);
}


/* others that are due come behind those that wait for the rate */

int
waiting_paced(int i, int lane)
{
    int      e;
    lane_t  *l;

    l = &workers[i].lanes[lane];
    e = lane_endpoint(lane);

    if (l->turn) {
        l->turn = 0;
        return 0;
    }

    return workers[i].policies[e].rate.interval && !l->core.probe
           && waiting_first(i, e, WAIT_RATE) != NOBODY;
}


void
waiting_rate(int i, int lane, uint64_t when)
{
    waiting_add(i, lane, WAIT_RATE);
    waiting_pace_timer(i, lane_endpoint(lane), when);
}


static void
waiting_pace_timer(int i, int e, uint64_t when)
{
    uint64_t   now, delay;
    worker_t  *w;

    w = &workers[i];
    now = wall(w);

    if (w->pace_timer[e] > run.now) {
        return;
    }

    delay = when > now ? when - now : 1;
    delay = delay < STATE_DELAY ? delay : STATE_DELAY;

    w->pace_timer[e] = run.now + delay;
    push(EVENT_PACE, delay, i, (unsigned) e, w->life);
}


void
waiting_pace(int i, int e)
{
    int           rc, lane;
    uint64_t      now, when;
    worker_t     *w;
    wh_state_t    s;
    wh_change_t   change;

    w = &workers[i];
    now = wall(w);
    when = now;

    rc = wh_policy_state(&w->policies[e], now, &s, &change);

    oracle_state(w->conf, e, &s);

    if (rc == WH_OK) {
        changed(i, e, &change);
    }

    for ( ;; ) {
        lane = waiting_first(i, e, WAIT_RATE);

        if (lane == NOBODY) {
            return;
        }

        if (s.reason == WH_STATE_ENABLED
            && wh_rate_room(&w->policies[e].rate, now, &when) == 0)
        {
            waiting_pace_timer(i, e, when);
            return;
        }

        waiting_release(i, lane);

        w->lanes[lane].turn = 1;
        w->lanes[lane].ready = 0;

        drive(i, lane);
    }
}


/* a transition: all are told, and it is stored */

void
changed(int i, int e, const wh_change_t *change)
{
    trace("worker %d: endpoint %d %u -> %u by %d", i, e, change->from.reason,
          change->to.reason, (int) change->by);

    /* where not "exact", it may get lost */

    if (run.exact || !one_in(4)) {
        shared_save(&workers[i], e);
    }

    wake_all();
}
