
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is to happen in a run, and what targets answer.
 */


#include "world.h"


typedef enum {
    TARGET_WELL = 0,
    TARGET_SLOW,
    TARGET_FAILS,
    TARGET_FLAPS,
    TARGET_HANGS,
    TARGET_THROTTLES,
    TARGET_REFUSES,              /* for good */
    TARGET_GONE,
    TARGET_NONE,                 /* no local resources */
    TARGETS
} target_e;


static target_e  targets[ENDPOINTS];


void
plan(uint64_t until)
{
    int       e, i, n, burst;
    uint64_t  time;

    for (e = 0; e < ENDPOINTS; e++) {
        targets[e] = (target_e) (one_in(2) ? pick(TARGETS) : TARGET_FAILS);
    }

    n = 4 + (int) pick(DELIVERIES - 8);

    for (i = 0; i < n; /* void */ ) {

        time = pick((uint32_t) until / 10) * 10;

        for (burst = one_in(3) ? 1 + (int) pick(5) : 1; burst; burst--, i++) {
            push(EVENT_CAPTURE, time, (int) pick((uint32_t) run.nendpoints),
                 pick((uint32_t) run.nkeys), 0);
        }
    }

    for (i = (int) pick(16); i; i--) {
        push(EVENT_TARGET, pick((uint32_t) until / 10) * 10,
             (int) pick((uint32_t) run.nendpoints), pick(TARGETS), 0);
    }

    for (i = one_in(2) ? (int) pick(6) : 0; i; i--) {
        push(EVENT_OPERATOR, pick((uint32_t) until / 10) * 10,
             (int) pick((uint32_t) run.nendpoints), pick(COMMANDS), 0);
    }

    for (i = one_in(2) ? (int) pick(4) : 0; i; i--) {
        push(EVENT_KILL, pick((uint32_t) until), 0, 0, 0);
    }

    for (i = one_in(2) ? (int) pick(4) : 0; i; i--) {
        push(EVENT_STOP, pick((uint32_t) until), 0, 0, 0);
    }

    for (i = one_in(2) ? (int) pick(4) : 0; i; i--) {
        push(EVENT_RELOAD, pick((uint32_t) until), 0, 0, 0);
    }

    for (i = one_in(4) ? 1 + (int) pick(2) : 0; i; i--) {
        push(EVENT_RESTART, pick((uint32_t) until), 0, 0, 0);
    }

    for (i = (int) pick(8); i; i--) {
        push(EVENT_CUT, pick((uint32_t) until), 0, 0, 0);
    }

    for (i = run.exact ? 0 : (int) pick(4); i; i--) {
        push(EVENT_CLOCK, pick((uint32_t) until), 0, 0, 0);
    }

    push(EVENT_FINAL, until, 0, 0, 0);
}


/* what the target answers, and after how long */

uint64_t
target_answer(int e, const endpoint_conf_t *c, wh_outcome_t *o)
{
    target_e  t;
    uint64_t  ms;

    static const uint64_t  latencies[] = { 0, 10, 50, 100 };
    static const uint64_t  afters[] = { 0, 100, 500, 3000 };

    memset(o, 0, sizeof(wh_outcome_t));

    t = run.final ? TARGET_WELL : targets[e];
    ms = latencies[pick(4)];

    if (t == TARGET_FLAPS) {
        t = one_in(2) ? TARGET_FAILS : TARGET_WELL;
    }

    /* rare ones, whatever it is like */

    if (!run.final && one_in(40)) {
        t = (target_e) pick(TARGETS);
    }

    switch (t) {

    case TARGET_WELL:
        break;

    case TARGET_SLOW:
        ms = c->timeout - 10;
        break;

    case TARGET_HANGS:
        o->outcome = WH_OUTCOME_FAILURE;
        o->counts = 1;
        ms = c->timeout;
        break;

    case TARGET_THROTTLES:
        o->outcome = WH_OUTCOME_THROTTLED;
        o->counts = c->count_throttled ? 1 : 0;
        o->after = afters[pick(4)];
        break;

    case TARGET_REFUSES:
        o->outcome = WH_OUTCOME_FAILURE;
        o->counts = 1;
        o->permanent = 1;
        break;

    case TARGET_GONE:
        o->outcome = WH_OUTCOME_GONE;
        o->counts = 1;
        o->permanent = one_in(4) ? 1 : 0;
        break;

    case TARGET_NONE:
        o->outcome = WH_OUTCOME_NONE;
        ms = 0;
        break;

    default: /* TARGET_FAILS */
        o->outcome = WH_OUTCOME_FAILURE;
        o->counts = 1;
        break;
    }

    return ms < c->timeout ? ms : c->timeout;
}


void
target_set(int e, unsigned mode)
{
    targets[e] = (target_e) mode;
}
