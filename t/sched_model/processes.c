
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Processes come and go, and lanes with them.
 */


#include "world.h"


static void process_lanes(int i);


worker_t  workers[WORKERS];
owner_t   owners[LANES];


void
processes_init(void)
{
    int  i;

    memset(workers, 0, sizeof(workers));
    memset(owners, 0, sizeof(owners));

    for (i = 0; i < LANES; i++) {
        owners[i].owner = NOBODY;
    }
}


int
process_unused(void)
{
    int  i;

    for (i = 0; i < WORKERS; i++) {
        if (workers[i].state == PROCESS_NONE) {
            return i;
        }
    }

    return NOBODY;
}


void
process_start(int i, const conf_t *conf)
{
    unsigned          life;
    worker_t         *w;
    static unsigned   lives;

    w = &workers[i];
    life = ++lives;

    memset(w, 0, sizeof(worker_t));

    w->state = PROCESS_RUNNING;
    w->life = life;
    w->conf = conf;
    w->skew = run.exact ? 0 : (int64_t) pick(20);

    shared_attach(w);

    trace("worker %d starts with configuration %u", i, conf->number);
}


/* one that runs and stays, or NOBODY */

int
process_random(void)
{
    int  i, n;

    n = (int) pick(WORKERS);

    for (i = 0; i < WORKERS; i++) {
        n = (n + 1) % WORKERS;

        if (workers[n].state == PROCESS_RUNNING && !workers[n].leaving) {
            return n;
        }
    }

    return NOBODY;
}


void
process_kill(int i)
{
    int         lane;
    attempt_t  *a;

    trace("worker %d is killed", i);

    for (lane = 0; lane < LANES; lane++) {
        lane_drop(i, lane);
    }

    /* what was sent is on its way, its outcome will never be known */

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {
        if (a->used && a->worker == i) {
            a->gone = 1;
            free(a->item);
        }
    }

    workers[i].state = PROCESS_DEAD;

    push(EVENT_TAKEOVER, one_in(2) ? pick(3) : 100, i, 0, workers[i].life);
}


void
process_stop(int i)
{
    uint64_t    until, end;
    attempt_t  *a;

    trace("worker %d is stopped", i);

    workers[i].state = PROCESS_STOPPED;

    /* others wait until its attempts are over */

    until = run.now + pick(2) * 300;

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {

        if (a->used && a->worker == i) {
            end = a->begin + workers[i].conf->endpoints[a->endpoint].timeout
                  + MARGIN;
            until = until > end ? until : end;
        }
    }

    push(EVENT_TAKEOVER, until - run.now, i, 1, workers[i].life);
    push(EVENT_RESUME, pick(2) ? 100 + pick(2) * 100 : 300 + pick(20) * 200,
         i, 0, workers[i].life);
}


/* what it owned may be another one's by now */

void
process_resume(int i)
{
    int        lane;
    worker_t  *w;

    w = &workers[i];

    if (w->state != PROCESS_STOPPED) {
        return;
    }

    trace("worker %d is resumed", i);

    w->state = PROCESS_RUNNING;
    w->resumed = run.now;
    w->woken = 1;

    for (lane = 0; lane < LANES; lane++) {

        if (w->lanes[lane].mine
            && (owners[lane].owner != i
                || owners[lane].fence != w->lanes[lane].fence))
        {
            lane_drop(i, lane);
        }

        w->lanes[lane].ready = w->lanes[lane].mine;
    }
}


/* by survivors: its permits are void, its lanes another one's */

void
process_takeover(int i, int stopped)
{
    attempt_t  *a;
    worker_t   *w;

    w = &workers[i];

    if (w->state != (stopped ? PROCESS_STOPPED : PROCESS_DEAD)) {
        return;
    }

    if (process_random() == NOBODY) {
        push(EVENT_TAKEOVER, 50, i, (unsigned) stopped, w->life);
        return;
    }

    trace("worker %d is taken over", i);

    process_lanes(i);

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {

        if (a->used && a->worker == i) {
            a->voided = 1;
            a->used = a->gone ? 0 : 1;
        }
    }

    if (!stopped) {
        w->state = PROCESS_NONE;
    }

    wake_all();
}


static void
process_lanes(int i)
{
    int       e, lane;
    uint32_t  n, in;
    attempt_t  *a;

    for (e = 0; e < run.nendpoints; e++) {

        in = 0;

        for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {
            in += (a->used && !a->voided && a->worker == i && a->endpoint == e
                   && a->permit != -1);
        }

        n = wh_permit_void(&shared.permits[e], (uint32_t) i);

        check(n == in, "endpoint %d: %u permits were void, not %u", e, n, in);
    }

    for (lane = 0; lane < LANES; lane++) {

        if (owners[lane].owner == i) {
            lane_adopt(process_random(), lane);
        }
    }
}


/* new processes, with their configuration; old ones finish what they began */

void
process_reload(const conf_t *conf)
{
    int  i, n, old[WORKERS];

    trace("reload");

    for (i = 0, n = 0; i < WORKERS; i++) {
        n += (workers[i].state == PROCESS_NONE);
        old[i] = (workers[i].state == PROCESS_RUNNING
                  || workers[i].state == PROCESS_STOPPED);
    }

    if (n < 3) {
        return;
    }

    for (n = 1 + (int) pick(2); n; n--) {
        process_start(process_unused(), conf);
    }

    for (i = 0; i < WORKERS; i++) {

        if (old[i] && !workers[i].leaving) {
            workers[i].leaving = 1;
        }
    }
}


/* lanes without an attempt are handed over, and all is stored before */

int
process_leave(int i)
{
    int         lane, d, busy, handed;
    lane_t     *l;
    worker_t   *w;
    attempt_t  *a;

    w = &workers[i];

    if (w->state != PROCESS_RUNNING || process_random() == NOBODY) {
        return 0;
    }

    handed = 0;

    for (lane = 0; lane < LANES; lane++) {

        l = &w->lanes[lane];

        if (!l->mine || l->core.inflight) {
            continue;
        }

        for (d = 0; d < run.ndeliveries; d++) {
            if (delivery_lane(d) == lane) {
                store_flush(d);
            }
        }

        lane_drop(i, lane);
        lane_adopt(process_random(), lane);

        handed = 1;
    }

    busy = 0;

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {
        busy |= (a->used && a->worker == i);
    }

    if (!busy) {
        trace("worker %d has left", i);
        shared_save_all(w);
        w->state = PROCESS_NONE;
    }

    return handed;
}


/* everything ends at once, and begins again out of the store */

void
process_restart(const conf_t *conf)
{
    int         i, d, lane, flush;
    attempt_t  *a;

    trace("restart");

    flush = one_in(2);

    for (d = 0; d < run.ndeliveries; d++) {
        if (flush) {
            store_flush(d);
        }
    }

    for (i = 0; i < WORKERS; i++) {

        if (workers[i].state == PROCESS_RUNNING
            || workers[i].state == PROCESS_STOPPED)
        {
            if (flush && !workers[i].leaving) {
                shared_save_all(&workers[i]);
            }

            process_kill(i);
        }

        workers[i].state = PROCESS_NONE;
    }

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {
        a->used = 0;
    }

    oracle_restart();
    shared_restore(conf);

    for (i = 1 + (int) pick(2); i >= 0; i--) {
        process_start(i, conf);
    }

    for (lane = 0; lane < LANES; lane++) {

        if (owners[lane].owner != NOBODY) {
            lane_adopt(process_random(), lane);
        }
    }
}
