
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Discrete events: what happens, when, and to whom, is drawn from the seed.
 */


#include "world.h"


#define CONFS      8
#define STEPS_MAX  400000
#define RESUME_DELAY  20         /* ms until its timers have run */
#define PATIENCE   900000        /* ms until all has to have ended */


static void happen(const event_t *event);
static void capture(int e, int key, unsigned life);
static void work(void);
static void settled(void);
static void release(int i, int lane);
static void final(void);
static void finish(void);
static const conf_t *conf_next(void);


static event_t   pending[EVENTS];
static uint32_t  npending;

static conf_t    confs[CONFS];
static unsigned  nconfs;
static uint64_t  until;
static int       finished;


uint64_t
wall(const worker_t *w)
{
    return run.now + (uint64_t) (run.offset + w->skew);
}


void
wake_all(void)
{
    int  i;

    for (i = 0; i < WORKERS; i++) {
        workers[i].woken = 1;
    }
}


static const conf_t *
conf_next(void)
{
    if (nconfs < CONFS) {
        conf_random(&confs[nconfs], nconfs + 1,
                    nconfs ? &confs[nconfs - 1] : NULL);
        nconfs++;
    }

    return &confs[nconfs - 1];
}


static void
capture(int e, int key, unsigned life)
{
    int          d, i, lane;
    delivery_t  *one;

    i = process_random();

    if (i == NOBODY) {

        /* nobody serves requests: they come later */

        push(EVENT_CAPTURE, 20, e, (unsigned) key, life);
        return;
    }

    if (run.ndeliveries == DELIVERIES || run.final) {
        return;
    }

    if (workers[i].conf->endpoints[e].order == WH_ORDER_STRICT) {
        key = 0;
    }

    d = run.ndeliveries++;
    one = &run.deliveries[d];

    memset(one, 0, sizeof(delivery_t));

    one->endpoint = e;
    one->key = key;
    one->seq = (uint64_t) d + 1;
    one->time = wall(&workers[i]);
    one->progress.time = one->time;

    lane = e * KEYS + key;

    trace("worker %d: delivery %d of lane %d is captured", i, d, lane);

    oracle_captured(d);

    push(EVENT_MOVE, 1000, d, 0, 0);

    if (owners[lane].owner == NOBODY) {
        lane_adopt(i, lane);

    } else if (owners[lane].owner == i) {
        lane_notice(i, lane);

    } else {
        i = owners[lane].owner;
        push(EVENT_NOTIFY, pick(2), i, (unsigned) lane, workers[i].life);
    }
}


static void
happen(const event_t *event)
{
    int         i, d, lane;
    int64_t     was;
    unsigned    b;
    worker_t   *w;
    attempt_t  *a;

    i = event->a;
    b = event->b;
    lane = (int) b;
    w = event->life ? &workers[i] : NULL;

    if (event->type == EVENT_ATTEMPT) {
        a = &run.attempts[i];

        if (!a->used || a->number != b || a->gone) {
            return;
        }

        w = &workers[a->worker];

    } else if (w && w->life != event->life) {
        return;
    }

    if (w && w->state == PROCESS_STOPPED && event->type != EVENT_TAKEOVER
        && event->type != EVENT_RESUME)
    {
        pending[npending++] = *event;
        return;
    }

    switch (event->type) {

    case EVENT_CAPTURE:
        capture(i, lane, 0);
        return;

    case EVENT_NOTIFY:
        if (w->lanes[lane].mine && !w->leaving) {
            lane_notice(i, lane);
        }

        return;

    case EVENT_ATTEMPT:
        drive_attempt(&run.attempts[i]);
        return;

    case EVENT_LANE:
        w->lanes[lane].ready = w->lanes[lane].mine;
        return;

    case EVENT_ROOM:
        waiting_wake(i);
        return;

    case EVENT_STATE:
        if (!w->leaving && w->state == PROCESS_RUNNING) {
            waiting_look(i);
        }

        return;

    case EVENT_PACE:
        if (!w->leaving && w->state == PROCESS_RUNNING) {
            waiting_pace(i, (int) b);
        }

        return;

    case EVENT_READ:
        if (w->lanes[lane].mine && w->lanes[lane].reading && !w->leaving) {
            lane_read(i, lane);
        }

        return;

    case EVENT_STORE:
        if (run.deliveries[i].op == b) {
            store_flush(i);
        }

        return;

    case EVENT_MOVE:
        store_move(i);
        return;

    case EVENT_SAVE:
        if (w->state == PROCESS_RUNNING && !w->leaving) {
            shared_save_all(w);
        }

        return;

    case EVENT_TARGET:
        trace("target %d: %u", i, b);
        target_set(i, b);
        return;

    case EVENT_OPERATOR:
        d = process_random();

        if (d != NOBODY && !run.final) {
            drive_operator(d, i, (command_e) b);
        }

        return;

    case EVENT_KILL:
        d = (int) pick(WORKERS);

        if (workers[d].state == PROCESS_RUNNING && !run.final) {
            process_kill(d);
            push(EVENT_SPAWN, pick(2) * 50, 0, 0, 0);
        }

        return;

    case EVENT_STOP:
        d = (int) pick(4);

        if (workers[d].state == PROCESS_RUNNING && !run.final) {
            process_stop(d);
        }

        return;

    case EVENT_RESUME:
        process_resume(i);
        return;

    case EVENT_TAKEOVER:
        process_takeover(i, (int) b);
        return;

    case EVENT_SPAWN:
        d = process_unused();

        if (d != NOBODY) {
            process_start(d, &confs[nconfs - 1]);
        }

        return;

    case EVENT_RELOAD:
        process_reload(conf_next());
        return;

    case EVENT_RESTART:
        process_restart(one_in(2) ? conf_next() : &confs[nconfs - 1]);
        return;

    case EVENT_CUT:
        lane = (int) pick(LANES);
        i = owners[lane].owner;

        if (i != NOBODY && workers[i].state == PROCESS_RUNNING
            && !workers[i].leaving && workers[i].lanes[lane].mine)
        {
            lane_cut(i, lane);
        }

        return;

    case EVENT_CLOCK:
        was = run.offset;
        run.offset += (int64_t) pick(one_in(2) ? 120000 : 3000)
                      * (one_in(2) ? 1 : -1);
        trace("the clock is set by %ld ms", (long) (run.offset - was));
        return;

    default: /* EVENT_FINAL */
        final();
        return;
    }
}


/* all targets are well, all processes alive, all endpoints enabled */

static void
final(void)
{
    int         i, e, d, last;
    worker_t   *w;
    wh_state_t  s;

    run.final = 1;
    finished = 1;
    last = 0;

    for (i = 0; i < WORKERS; i++) {
        if (workers[i].state == PROCESS_STOPPED) {
            process_resume(i);
        }
    }

    i = process_random();

    if (i == NOBODY) {
        push(EVENT_SPAWN, 0, 0, 0, 0);

    } else {
        w = &workers[i];

        for (e = 0; e < run.nendpoints; e++) {

            wh_cell_read(&shared.cells[e], &s);

            /* a pause by a quota ends by itself */

            if (s.reason != WH_STATE_ENABLED && s.reason != WH_STATE_QUOTA
                && (s.until == 0 || s.until > wall(w)))
            {
                drive_operator(i, e, s.reason == WH_STATE_PAUSE
                                     ? COMMAND_RESUME : COMMAND_ENABLE);
            }
        }
    }

    for (d = 0; d < run.ndeliveries; d++) {
        finished &= run.deliveries[d].ended;
        last = run.deliveries[d].ended ? last : d;
    }

    if (!finished) {
        check(run.now < until + PATIENCE,
              "delivery %d of lane %d, worker %d, has not ended", last,
              delivery_lane(last), owners[delivery_lane(last)].owner);
        push(EVENT_FINAL, 500, 0, 0, 0);
    }
}


/* lanes that are ready, in any order, until there are none */

static void
work(void)
{
    int       i, n, lane, from, again;
    uint32_t  j;

    do {
        again = 0;
        from = (int) pick(WORKERS);

        for (n = 0; n < WORKERS; n++) {
            i = (from + n) % WORKERS;

            if (workers[i].state != PROCESS_RUNNING) {
                continue;
            }

            if (workers[i].woken) {
                workers[i].woken = 0;

                if (!workers[i].leaving) {
                    waiting_wake(i);
                }
            }

            if (workers[i].leaving) {
                again |= process_leave(i);
                continue;
            }

            for (lane = 0; lane < LANES; lane++) {

                if (workers[i].lanes[lane].ready) {
                    workers[i].lanes[lane].ready = 0;
                    drive(i, lane);
                    again = 1;
                }
            }
        }

        for (i = 0; i < WORKERS; i++) {
            again |= (workers[i].woken
                      && workers[i].state == PROCESS_RUNNING);
        }

        check(run.steps < STEPS_MAX, "it never ends");

    } while (again);

    /* what has come for a process while it was stopped */

    for (j = 0; j < npending; /* void */ ) {

        i = pending[j].type == EVENT_ATTEMPT
            ? run.attempts[pending[j].a].worker : pending[j].a;

        if (workers[i].state == PROCESS_STOPPED) {
            j++;
            continue;
        }

        push(pending[j].type, pick(2) * pick(RESUME_DELAY), pending[j].a,
             pending[j].b, pending[j].life);
        pending[j] = pending[--npending];
    }
}


/* the clock goes on */

static void
settled(void)
{
    int             i, lane;
    lane_t         *l;
    worker_t       *w;
    const conf_t   *conf;

    for (lane = 0; lane < LANES; lane++) {

        i = owners[lane].owner;

        if (i == NOBODY || workers[i].state != PROCESS_RUNNING
            || workers[i].leaving)
        {
            continue;
        }

        w = &workers[i];
        l = &w->lanes[lane];
        conf = w->conf;

        if (run.exact
            && (w->resumed == 0 || run.now >= w->resumed + RESUME_DELAY))
        {
            oracle_settled(conf, lane, l->core.unordered,
                           l->reading || (l->core.unordered && l->core.more),
                           l->idle_until);

            if (l->waiting == WAIT_ENABLED && !l->reading && !l->core.more) {
                oracle_settled_probe(conf, lane_endpoint(lane), lane);
            }
        }

        if (l->core.nitems == 0 && !l->core.more && one_in(8)) {
            release(i, lane);
        }
    }
}


/* nothing is in it: the next worker that captures takes it */

static void
release(int i, int lane)
{
    int  d;

    for (d = 0; d < run.ndeliveries; d++) {

        if (delivery_lane(d) != lane) {
            continue;
        }

        if (!run.deliveries[d].ended && run.deliveries[d].op == 0) {
            return;
        }
    }

    for (d = 0; d < run.ndeliveries; d++) {
        if (delivery_lane(d) == lane) {
            store_flush(d);
        }
    }

    lane_drop(i, lane);
    owners[lane].owner = NOBODY;
}


static void
finish(void)
{
    int         i, lane;
    attempt_t  *a;

    for (i = 0; i < WORKERS; i++) {
        for (lane = 0; lane < LANES; lane++) {
            lane_drop(i, lane);
        }
    }

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {

        if (a->used && !a->gone) {
            free(a->item);
        }

        a->used = 0;
    }
}


void
world_run(void)
{
    int      i;
    event_t  event;

    events_init();
    npending = 0;
    nconfs = 0;
    finished = 0;

    run.exact = !one_in(5);
    run.nendpoints = 1 + (int) pick(ENDPOINTS);
    run.nkeys = 1 + (int) pick(KEYS);
    run.offset = 1000000000 + (int64_t) pick(1000);
    until = 1000 * (1 + pick(12));

    oracle_init();
    shared_init();
    processes_init();
    plan(until);

    (void) conf_next();

    for (i = (int) pick(3); i >= 0; i--) {
        process_start(i, &confs[0]);
    }

    while (!finished && pop(&event)) {

        if (event.time > run.now) {
            settled();
            run.now = event.time;
        }

        run.steps++;

        happen(&event);
        work();
    }

    oracle_finished();
    finish();
}
