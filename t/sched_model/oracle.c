
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The contract for deliveries: order, ends, planned times.  The clock of a
 * delivery is that of the wall, but for the time its endpoint was disabled:
 * here it is computed anew each time, out of a list of all such times.
 */


#include "oracle.h"


static uint64_t oracle_delay(const endpoint_conf_t *c, uint32_t used);
static void oracle_planned(int d, const wh_progress_t *progress);
static int oracle_blocked(const endpoint_conf_t *c, int e);
static uint32_t oracle_inflight(int e, int lane, unsigned conf);


oracle_delivery_t  known[DELIVERIES];


void
oracle_init(void)
{
    memset(known, 0, sizeof(known));

    oracle_policy_init();
}


void
oracle_captured(int d)
{
    int  e;

    e = run.deliveries[d].endpoint;

    oracle_tick();

    known[d].disabled = (oracle_disabled(e) != 0);
    known[d].since = endpoints[e].since;
}


/* its owner has it in memory */

void
oracle_known(int d)
{
    known[d].here = 1;
}


/* attempts whose processes hold a permit; of a lane, or of a configuration */

static uint32_t
oracle_inflight(int e, int lane, unsigned conf)
{
    uint32_t    n;
    attempt_t  *a;

    n = 0;

    for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {

        if (a->used && a->endpoint == e && !a->voided
            && (lane == NOBODY || delivery_lane(a->delivery) == lane)
            && (conf == 0 || a->conf == conf))
        {
            n++;
        }
    }

    return n;
}


void
oracle_permit_refused(const endpoint_conf_t *c, int e)
{
    check(oracle_inflight(e, NOBODY, 0) >= c->concurrency,
          "endpoint %d: no permit, though only %u are in flight", e,
          oracle_inflight(e, NOBODY, 0));
}


void
oracle_begin(const conf_t *conf, attempt_t *a, int unordered, uint64_t now)
{
    int                     i, d, lane;
    uint64_t                active;
    oracle_delivery_t      *o;
    const delivery_t       *one;
    const endpoint_conf_t  *c;

    d = a->delivery;
    o = &known[d];
    one = &run.deliveries[d];
    lane = delivery_lane(d);
    c = &conf->endpoints[a->endpoint];

    check(!o->ended, "delivery %d is sent though it has ended", d);
    check(!o->inflight, "delivery %d is sent twice at a time", d);

    for (i = 0; !unordered && i < run.ndeliveries; i++) {

        if (i == d || delivery_lane(i) != lane) {
            continue;
        }

        check(!known[i].inflight, "delivery %d is sent beside %d", d, i);
        check(i > d || known[i].ended,
              "delivery %d is sent before %d has ended", d, i);
    }

    /* attempts of former configurations may be more than are allowed now */

    check(oracle_inflight(a->endpoint, unordered ? NOBODY : lane,
                          conf->number)
          < c->concurrency || c->order == WH_ORDER_STRICT,
          "endpoint %d: more than %u in flight", a->endpoint, c->concurrency);

    check(oracle_inflight(a->endpoint, NOBODY, conf->number) < c->concurrency
          || c->order == WH_ORDER_STRICT,
          "endpoint %d: more than %u in flight", a->endpoint, c->concurrency);

    o->inflight = 1;
    a->first = (o->attempts == 0);

    if (!run.exact) {
        return;
    }

    oracle_tick();
    oracle_begin_policy(c, a);

    check(c->max_age == 0 || now - one->time <= c->max_age,
          "delivery %d is sent beyond \"max_age\"", d);

    active = now - oracle_halted(a->endpoint, now);

    if (!a->probe) {
        check(o->attempts == 0 || active >= o->planned,
              "delivery %d is sent %lu ms too early", d,
              (unsigned long) (o->planned - active));
        check(now >= o->notbefore, "delivery %d is sent at once again", d);
    }

    if (o->attempts == 0) {
        o->first = active;
        o->planned = active;
    }
}


/* the delays of the schedule, without the jitter */

static uint64_t
oracle_delay(const endpoint_conf_t *c, uint32_t used)
{
    uint64_t  delay;

    if (c->max == 0) {
        return c->delays[used < c->ndelays ? used : c->ndelays - 1];
    }

    for (delay = c->min; used && delay < c->max; used--) {
        delay = delay * 2;
    }

    return delay < c->max ? delay : c->max;
}


void
oracle_done(const conf_t *conf, const attempt_t *a, wh_done_e rc,
    wh_end_e end, const wh_progress_t *progress)
{
    int                     d, endless, throttled;
    uint32_t                i, used;
    uint64_t                now, when, soonest, latest, limit, halted, sum;
    oracle_delivery_t      *o;
    const endpoint_conf_t  *c;

    d = a->delivery;
    o = &known[d];
    c = &conf->endpoints[a->endpoint];

    check(o->inflight && !o->ended, "delivery %d: an end of nothing", d);

    o->inflight = 0;
    o->ended = (rc == WH_DONE_END);

    if (!run.exact) {
        return;
    }

    oracle_tick();

    now = run.now + (uint64_t) run.offset;
    halted = oracle_halted(a->endpoint, now);
    throttled = (a->outcome.outcome == WH_OUTCOME_THROTTLED);

    if (a->outcome.outcome == WH_OUTCOME_SUCCESS) {
        check(rc == WH_DONE_END && end == WH_END_DELIVERED,
              "delivery %d was accepted, and has not ended", d);
        return;
    }

    if (a->outcome.outcome == WH_OUTCOME_NONE
        || (a->probe && !a->outcome.permanent))
    {
        check(rc == WH_DONE_WAIT, "delivery %d: it was no attempt", d);

        if (a->outcome.outcome == WH_OUTCOME_NONE) {
            o->notbefore = now + NONE_DELAY;
        }

        oracle_planned(d, progress);

        return;
    }

    used = o->attempts - o->throttled;

    o->attempts++;
    o->throttled += (uint32_t) throttled;

    if (a->outcome.permanent) {
        check(rc == WH_DONE_END && end == WH_END_DEAD,
              "delivery %d is not dead by a permanent failure", d);
        return;
    }

    if ((c->ndelays == 0 && c->max == 0)
        || (c->ndelays && used >= c->ndelays && !throttled))
    {
        check(rc == WH_DONE_END && end == WH_END_DEAD,
              "delivery %d is not dead after its last attempt", d);
        return;
    }

    /* by its own clock */

    when = oracle_delay(c, used);
    latest = o->planned + when;
    soonest = o->planned + when - when * c->jitter / 100;

    if (throttled) {
        when = a->outcome.after < c->after_max ? a->outcome.after
                                               : c->after_max;
        when += now - halted;

        latest = latest < when ? when : latest;
        soonest = soonest < when ? when : soonest;
    }

    endless = throttled || c->ndelays == 0;

    if (endless) {
        latest = latest < now - halted ? now - halted : latest;
        soonest = soonest < now - halted ? now - halted : soonest;
    }

    limit = c->expire;

    if (limit == 0 && c->max_age == 0 && endless) {

        sum = c->max * (c->ndelays ? c->ndelays : 1);

        for (i = 0; c->max == 0 && i < c->ndelays; i++) {
            sum += c->delays[i];
        }

        limit = sum > DAY ? sum : DAY;
    }

    if (rc == WH_DONE_END) {
        check(end == WH_END_EXPIRED, "delivery %d ends as %d, has it expired?",
              d, (int) end);
        check((limit && latest - o->first > limit)
              || (c->max_age
                  && latest + halted - run.deliveries[d].time > c->max_age),
              "delivery %d has expired too early", d);
        return;
    }

    check(rc == WH_DONE_RETRY, "delivery %d does not go on", d);
    check(limit == 0 || soonest - o->first <= limit,
          "delivery %d goes on beyond \"expire\"", d);
    check(c->max_age == 0
          || soonest + halted - run.deliveries[d].time <= c->max_age,
          "delivery %d goes on beyond \"max_age\"", d);
    check(progress->planned >= soonest + halted
          && progress->planned <= latest + halted,
          "delivery %d: planned for %ld, not %ld to %ld", d,
          (long) (progress->planned - now), (long) (soonest + halted - now),
          (long) (latest + halted - now));

    /* which of all times of the jitter is not told by the contract */

    o->planned = progress->planned - halted;

    if (limit) {
        check(o->planned - o->first <= limit,
              "delivery %d is planned beyond \"expire\"", d);
    }

    oracle_planned(d, progress);
}


static void
oracle_planned(int d, const wh_progress_t *progress)
{
    uint64_t            now, halted;
    oracle_delivery_t  *o;

    o = &known[d];

    now = run.now + (uint64_t) run.offset;
    halted = oracle_halted(run.deliveries[d].endpoint, now);

    check(progress->attempts == o->attempts
          && progress->throttled == o->throttled,
          "delivery %d: %u attempts, %u throttled, not %u, %u", d,
          progress->attempts, progress->throttled, o->attempts, o->throttled);

    if (o->attempts) {
        check(progress->first == o->first + halted
              && progress->planned == o->planned + halted,
              "delivery %d: its clock is wrong by %ld ms", d,
              (long) (progress->planned - o->planned - halted));
    }
}


/* it ends without an attempt */

void
oracle_refused(const endpoint_conf_t *c, int d, wh_end_e end, int probe)
{
    int                 e;
    uint64_t            now;
    oracle_delivery_t  *o;

    o = &known[d];
    e = run.deliveries[d].endpoint;
    now = run.now + (uint64_t) run.offset;

    check(!o->ended && !o->inflight, "delivery %d ends a second time", d);

    o->ended = 1;

    if (!run.exact) {
        return;
    }

    oracle_tick();

    if (end == WH_END_EXPIRED) {
        check(probe || endpoints[e].reason == WH_STATE_ENABLED,
              "delivery %d expires while its endpoint is disabled", d);
        check(c->max_age && now - run.deliveries[d].time > c->max_age,
              "delivery %d is not that old", d);
        return;
    }

    check(c->while_disabled != WH_WHILE_HOLD
          && end == (c->while_disabled == WH_WHILE_DROP ? WH_END_DROPPED
                                                        : WH_END_DEAD),
          "delivery %d ends as %d while its endpoint is disabled", d,
          (int) end);
    check(oracle_disabled(e),
          "delivery %d is refused by an endpoint that is not disabled", d);
    check(o->disabled && o->since == endpoints[e].since && o->attempts == 0,
          "delivery %d is refused though it was there before", d);
}


void
oracle_stored(int d)
{
    known[d].stored.attempts = known[d].attempts;
    known[d].stored.throttled = known[d].throttled;
    known[d].stored.first = known[d].first;
    known[d].stored.planned = known[d].planned;
    known[d].stored.ended = known[d].ended;
}


/* another owner: what was not stored never was */

void
oracle_forget(int d)
{
    known[d].attempts = known[d].stored.attempts;
    known[d].throttled = known[d].stored.throttled;
    known[d].first = known[d].stored.first;
    known[d].planned = known[d].stored.planned;
    known[d].ended = known[d].stored.ended;
    known[d].inflight = 0;
    known[d].counted = 0;
    known[d].here = 0;
    known[d].notbefore = 0;
}


/* may nothing be sent now, whatever is due? */

static int
oracle_blocked(const endpoint_conf_t *c, int e)
{
    if (c->order != WH_ORDER_STRICT
        && oracle_inflight(e, NOBODY, 0) >= c->concurrency)
    {
        return 1;
    }

    return !oracle_rate_room(c, e);
}


void
oracle_settled(const conf_t *conf, int lane, int unordered, int partial,
    uint64_t idle_until)
{
    int                     d, e, due, aged;
    uint32_t                n;
    uint64_t                now, active;
    oracle_delivery_t      *o;
    const endpoint_conf_t  *c;

    e = lane_endpoint(lane);
    c = &conf->endpoints[e];

    oracle_tick();

    now = run.now + (uint64_t) run.offset;
    active = now - oracle_halted(e, now);

    n = oracle_inflight(e, lane, 0);

    for (d = 0; d < run.ndeliveries; d++) {

        o = &known[d];

        if (delivery_lane(d) != lane || o->ended) {
            continue;
        }

        due = (o->attempts == 0 || active >= o->planned)
              && now >= o->notbefore;
        aged = c->max_age && now - run.deliveries[d].time > c->max_age;

        if (endpoints[e].reason == WH_STATE_ENABLED) {

            if (!o->inflight && due && o->here && !partial
                && n < (unordered ? c->concurrency : 1))
            {
                check(now < idle_until || oracle_blocked(c, e),
                      "delivery %d is due, and %s", d,
                      aged ? "has not expired" : "is not sent");
            }

        } else if (!o->inflight && o->here && !partial
                   && oracle_disabled(e)
                   && c->while_disabled != WH_WHILE_HOLD)
        {
            /* of the very millisecond: either is right */

            check(!o->disabled || o->since != endpoints[e].since
                  || o->attempts || run.deliveries[d].time == o->since
                  || oracle_leased_by(e, lane) || n
                  || now < idle_until,
                  "delivery %d was not refused", d);
        }

        if (!unordered) {
            break;
        }
    }
}


void
oracle_settled_probe(const conf_t *conf, int e, int lane)
{
    int                     d;
    oracle_delivery_t      *o;
    const endpoint_conf_t  *c;

    c = &conf->endpoints[e];

    oracle_tick();

    if (!oracle_probe_due(c, e)) {
        return;
    }

    for (d = 0; d < run.ndeliveries; d++) {

        o = &known[d];

        if (delivery_lane(d) == lane && !o->ended) {

            check(o->inflight || !o->here,
                  "delivery %d is not sent as a probe", d);
            return;
        }
    }
}


void
oracle_finished(void)
{
    int  d;

    for (d = 0; d < run.ndeliveries; d++) {

        check(known[d].ended && !known[d].inflight,
              "delivery %d has not ended", d);
        check(run.deliveries[d].ended, "delivery %d has no end in the store",
              d);
    }
}
