
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The contract for endpoints: windows and states, out of lists of all failures
 * and of all times that an endpoint was disabled.
 */


#include "oracle.h"


static void oracle_enable(int e, uint64_t now);
static int oracle_window(const limit_t *limit, failures_t *f, uint64_t now);
static void oracle_expect(const wh_report_t *r, uint32_t *i, int e);
static void oracle_failed(const conf_t *conf, const attempt_t *a,
    window_t *const *windows, window_t *zone, const wh_report_t *r,
    uint32_t *i);


oracle_endpoint_t  endpoints[ENDPOINTS];
oracle_quota_t     zones[ZONES];
oracle_quota_t     saved_zones[ZONES];


void
oracle_policy_init(void)
{
    int                 e;
    oracle_endpoint_t  *ep;

    for (e = 0; e < ENDPOINTS; e++) {
        ep = &endpoints[e];

        ep->reason = WH_STATE_ENABLED;
        ep->since = 0;
        ep->until = 0;
        ep->probe = 0;
        ep->lease = NOBODY;
        ep->probing = NOBODY;
        ep->nperiods = 0;
        ep->row = 0;
        ep->failing = 0;
        ep->ntakes = 0;

        memset(&ep->quota, 0, sizeof(ep->quota));
        memset(&ep->saved, 0, sizeof(ep->saved));

        ep->saved.lease = NOBODY;
    }

    memset(zones, 0, sizeof(zones));
    memset(saved_zones, 0, sizeof(saved_zones));
}


uint64_t
oracle_halted(int e, uint64_t now)
{
    uint32_t            i;
    uint64_t            ms, to;
    oracle_endpoint_t  *ep;

    ms = 0;
    ep = &endpoints[e];

    for (i = 0; i < ep->nperiods; i++) {
        to = ep->to[i] < now ? ep->to[i] : now;
        ms += to > ep->from[i] ? to - ep->from[i] : 0;
    }

    return ms;
}


/* what is over by now, is over since its time */

void
oracle_tick(void)
{
    int       e;
    uint64_t  now;

    now = run.now + (uint64_t) run.offset;

    for (e = 0; run.exact && e < run.nendpoints; e++) {

        if (endpoints[e].reason != WH_STATE_ENABLED && endpoints[e].until
            && now >= endpoints[e].until)
        {
            oracle_enable(e, endpoints[e].until);
        }
    }
}


/*
 * Configurations may be beside each other: whoever looks first, and has a
 * quota that is not used up, ends a pause; no probe is later than its interval.
 */

void
oracle_look(const conf_t *conf, int e)
{
    uint64_t                now;
    oracle_endpoint_t      *ep;
    const endpoint_conf_t  *c;

    if (!run.exact) {
        return;
    }

    oracle_tick();

    ep = &endpoints[e];
    c = &conf->endpoints[e];
    now = run.now + (uint64_t) run.offset;

    if (ep->reason == WH_STATE_QUOTA && !oracle_used_up(conf, e)) {
        oracle_enable(e, now);
    }

    if (ep->probe > now + c->probe + WH_SKEW && c->probe
        && ep->lease == NOBODY)
    {
        ep->probe = now + c->probe;
    }
}


static void
oracle_enable(int e, uint64_t now)
{
    oracle_endpoint_t  *ep;

    ep = &endpoints[e];

    ep->reason = WH_STATE_ENABLED;
    ep->since = now;
    ep->until = 0;
    ep->probe = 0;
    ep->lease = NOBODY;
    ep->probing = NOBODY;
    ep->to[ep->nperiods - 1] = now;
}


/* events that are captured now are for an endpoint that is disabled */

int
oracle_disabled(int e)
{
    switch (endpoints[e].reason) {

    case WH_STATE_ENABLED:
    case WH_STATE_QUOTA:
    case WH_STATE_PAUSE:
        return 0;

    default:
        return 1;
    }
}


/* what is disabled can only be disabled by what holds longer */

int
oracle_strength(uint32_t reason, uint64_t until)
{
    static const int  strengths[] = { 0, 3, 3, 3, 3, 4, 6, 1, 5 };

    return (strengths[reason] == 3 && until) ? 2 : strengths[reason];
}


int
oracle_disable(const endpoint_conf_t *c, int e, uint32_t reason, uint64_t ban)
{
    int                 strength;
    uint64_t            now;
    oracle_endpoint_t  *ep;

    ep = &endpoints[e];
    now = run.now + (uint64_t) run.offset;

    strength = oracle_strength(reason, ban);

    if (strength <= oracle_strength(ep->reason, ep->until)) {
        return 0;
    }

    if (ep->reason == WH_STATE_ENABLED) {
        check(ep->nperiods < PERIODS, "too many transitions");

        ep->from[ep->nperiods] = now;
        ep->to[ep->nperiods++] = NEVER;
    }

    if (!oracle_disabled(e)) {
        ep->since = now;
    }

    ep->reason = reason;
    ep->until = ban ? now + ban : 0;
    ep->probe = ((strength == 2 || strength == 3) && c->probe)
                ? now + c->probe : 0;
    ep->lease = NOBODY;
    ep->probing = NOBODY;

    trace("endpoint %d is disabled by %u, ban %lu", e, reason,
          (unsigned long) ban);

    return 1;
}


/* the failure that is one more than n within the time; they are void then */

static int
oracle_window(const limit_t *limit, failures_t *f, uint64_t now)
{
    uint32_t  i, n;

    if (f->n == FAILURES) {
        memmove(f->times, f->times + 1, (FAILURES - 1) * sizeof(uint64_t));
        f->n--;
    }

    f->times[f->n++] = now;

    n = 0;

    for (i = 0; i < f->n; i++) {
        n += (now - f->times[i] <= limit->time);
    }

    if (n < limit->n + 1) {
        return 0;
    }

    f->n = 0;

    return 1;
}


/* the next transition that was made is the one that was to be made */

static void
oracle_expect(const wh_report_t *r, uint32_t *i, int e)
{
    const wh_state_t  *s;

    while (*i < r->n && r->changes[*i].to.reason == WH_STATE_ENABLED) {
        (*i)++;
    }

    check(*i < r->n, "endpoint %d is not disabled by %u", e,
          endpoints[e].reason);

    s = &r->changes[(*i)++].to;

    check(s->reason == endpoints[e].reason && s->until == endpoints[e].until,
          "endpoint %d is disabled by %u, not by %u", e, s->reason,
          endpoints[e].reason);
}


void
oracle_report(const conf_t *conf, const attempt_t *a,
    window_t *const *windows, window_t *zone, const wh_report_t *r)
{
    int                     counts;
    uint32_t                i, w;
    uint64_t                now;
    oracle_endpoint_t      *ep;
    const endpoint_conf_t  *c;

    if (!run.exact) {
        return;
    }

    oracle_look(conf, a->endpoint);

    i = 0;
    ep = &endpoints[a->endpoint];
    c = &conf->endpoints[a->endpoint];
    now = run.now + (uint64_t) run.offset;

    counts = ep->reason == WH_STATE_ENABLED || ep->reason == WH_STATE_QUOTA;

    if (a->probe && ep->probing == (int) (a - run.attempts)) {

        switch (a->outcome.outcome) {

        case WH_OUTCOME_SUCCESS:
            oracle_enable(a->endpoint, now);

            check(r->n && r->changes[r->n - 1].to.reason == WH_STATE_ENABLED
                  && r->changes[r->n - 1].by == WH_BY_PROBE,
                  "endpoint %d is not enabled by its probe", a->endpoint);

            for (w = 0; w < c->nlimits; w++) {
                windows[w]->failures.n = 0;
            }

            break;

        case WH_OUTCOME_NONE:
            ep->probe = now + NONE_DELAY;
            break;

        default:
            ep->probe = c->probe ? now + c->probe : 0;
            break;
        }

        ep->probing = NOBODY;
        ep->lease = NOBODY;

    } else {
        check(r->n == 0 || r->changes[r->n - 1].by != WH_BY_PROBE,
              "endpoint %d is enabled by what is no probe of it",
              a->endpoint);
    }

    switch (a->outcome.outcome) {

    case WH_OUTCOME_SUCCESS:
        ep->row = 0;
        ep->failing = 0;
        break;

    case WH_OUTCOME_GONE:

        if (oracle_disable(c, a->endpoint, WH_STATE_GONE, 0)) {
            oracle_expect(r, &i, a->endpoint);
        }

        break;

    default:
        break;
    }

    if (a->outcome.counts && counts) {
        oracle_failed(conf, a, windows, zone, r, &i);

    } else {
        check(!r->tripped, "endpoint %d: its zone is disabled by nothing",
              a->endpoint);
    }

    for ( /* void */ ; i < r->n; i++) {
        check(r->changes[i].to.reason == WH_STATE_ENABLED,
              "endpoint %d is disabled by %u, for no reason", a->endpoint,
              r->changes[i].to.reason);
    }
}


static void
oracle_failed(const conf_t *conf, const attempt_t *a,
    window_t *const *windows, window_t *zone, const wh_report_t *r,
    uint32_t *i)
{
    int                     trips, tripped;
    uint32_t                w;
    uint64_t                now, ban;
    oracle_endpoint_t      *ep;
    const limit_t          *limit;
    const endpoint_conf_t  *c;

    ep = &endpoints[a->endpoint];
    c = &conf->endpoints[a->endpoint];
    now = run.now + (uint64_t) run.offset;

    ep->row++;
    ep->failing = ep->failing ? ep->failing : now;

    limit = &conf->zones[c->zone].limit;

    tripped = limit->n && oracle_window(limit, &zone->failures, now);

    check(tripped == (int) r->tripped, "zone %d: its window %s", c->zone,
          tripped ? "has not tripped" : "has tripped");

    if (tripped && oracle_disable(c, a->endpoint, WH_STATE_ZONE, limit->ban)) {
        oracle_expect(r, i, a->endpoint);
    }

    /* of all that trip the longest ban, none at all is for good */

    trips = 0;
    ban = 0;

    for (w = 0; w < c->nlimits; w++) {
        limit = &c->limits[w];

        if ((limit->first && !a->first)
            || !oracle_window(limit, &windows[w]->failures, now))
        {
            continue;
        }

        if (!trips || limit->ban == 0 || (ban && limit->ban > ban)) {
            ban = limit->ban;
        }

        trips = 1;
    }

    if (trips && oracle_disable(c, a->endpoint, WH_STATE_WINDOW, ban)) {
        oracle_expect(r, i, a->endpoint);
    }

    if (c->consecutive && ep->row >= c->consecutive) {

        if (oracle_disable(c, a->endpoint, WH_STATE_CONSECUTIVE, 0)) {
            oracle_expect(r, i, a->endpoint);
        }

    } else if (c->after && ep->row >= 2 && now - ep->failing >= c->after) {

        if (oracle_disable(c, a->endpoint, WH_STATE_AFTER, 0)) {
            oracle_expect(r, i, a->endpoint);
        }
    }
}


void
oracle_tripped(const conf_t *conf, int e, const wh_change_t *change)
{
    const limit_t  *limit;

    if (!run.exact) {
        return;
    }

    oracle_tick();

    limit = &conf->zones[conf->endpoints[e].zone].limit;

    if (oracle_disable(&conf->endpoints[e], e, WH_STATE_ZONE, limit->ban)) {
        check(change && change->to.reason == WH_STATE_ZONE
              && change->to.until == endpoints[e].until,
              "endpoint %d is not disabled with its zone", e);
        return;
    }

    check(change == NULL, "endpoint %d is disabled with its zone again", e);
}


void
oracle_operator(const conf_t *conf, int e, command_e command,
    window_t *const *windows, const wh_change_t *change)
{
    int                     quota;
    uint32_t                w;
    uint64_t                now;
    oracle_endpoint_t      *ep;
    const endpoint_conf_t  *c;

    if (!run.exact) {
        return;
    }

    oracle_tick();

    ep = &endpoints[e];
    c = &conf->endpoints[e];
    now = run.now + (uint64_t) run.offset;

    switch (command) {

    case COMMAND_DISABLE:
        check(oracle_disable(c, e, WH_STATE_OPERATOR, 0) == (change != NULL),
              "endpoint %d is not disabled by its operator", e);
        return;

    case COMMAND_PAUSE:
        check((!oracle_disabled(e)
               && oracle_disable(c, e, WH_STATE_PAUSE, 0))
              == (change != NULL),
              "endpoint %d is not paused by its operator", e);
        return;

    case COMMAND_RESUME:
        check((ep->reason == WH_STATE_PAUSE) == (change != NULL),
              "endpoint %d is not resumed by its operator", e);

        if (change) {
            ep->failing += ep->failing ? now - ep->since : 0;
            oracle_enable(e, now);
        }

        return;

    default: /* COMMAND_ENABLE */
        break;
    }

    quota = (ep->reason == WH_STATE_QUOTA);

    if (ep->reason != WH_STATE_ENABLED) {
        check(change != NULL, "endpoint %d is not enabled by its operator", e);
        oracle_enable(e, now);

    } else {

        /* a ban may be over that nobody has seen the end of */

        if (change == NULL) {
            return;
        }

        check(change->from.until
              && change->from.until <= now,
              "endpoint %d is enabled twice", e);

        quota = (change->from.reason == WH_STATE_QUOTA);
    }

    for (w = 0; w < c->nlimits; w++) {
        windows[w]->failures.n = 0;
    }

    ep->row = 0;
    ep->failing = 0;

    if (quota && c->quota) {
        memset(&ep->quota, 0, sizeof(oracle_quota_t));
    }
}


void
oracle_save(int e)
{
    endpoints[e].saved.row = endpoints[e].row;
    endpoints[e].saved.failing = endpoints[e].failing;
    endpoints[e].saved.probe = endpoints[e].probe;
    endpoints[e].saved.lease = endpoints[e].lease;
    endpoints[e].saved.quota = endpoints[e].quota;
}


void
oracle_save_zone(int z)
{
    saved_zones[z] = zones[z];
}


/* transitions are never lost where "exact", and neither are ends of bans */

void
oracle_restart(void)
{
    int                 e;
    oracle_endpoint_t  *ep;

    oracle_tick();

    for (e = 0; e < run.nendpoints; e++) {
        ep = &endpoints[e];

        ep->row = ep->saved.row;
        ep->failing = ep->saved.failing;

        if (ep->reason != WH_STATE_ENABLED) {
            ep->probe = ep->saved.probe;
            ep->lease = ep->saved.lease;
        }

        ep->ntakes = 0;
        ep->quota = ep->saved.quota;
    }

    memcpy(zones, saved_zones, sizeof(zones));
}


void
oracle_state(const conf_t *conf, int e, const wh_state_t *s)
{
    uint64_t            now, probe;
    oracle_endpoint_t  *ep;

    if (!run.exact) {
        return;
    }

    oracle_look(conf, e);

    ep = &endpoints[e];
    now = run.now + (uint64_t) run.offset;

    /* a ban whose end nobody has asked for */

    if (s->reason != WH_STATE_ENABLED && s->until && s->until <= now) {
        check(ep->reason == WH_STATE_ENABLED, "endpoint %d is enabled", e);
        return;
    }

    check(s->reason == ep->reason && s->until == ep->until,
          "endpoint %d is in state %u until %ld, not %u until %ld", e,
          s->reason, s->until ? (long) (s->until - now) : -1, ep->reason,
          ep->until ? (long) (ep->until - now) : -1);

    if (ep->reason != WH_STATE_ENABLED) {
        probe = oracle_probe(&conf->endpoints[e], e);

        check(s->since == ep->since && s->probe == probe,
              "endpoint %d: disabled for %ld, a probe in %ld, not %ld, %ld",
              e, (long) (now - s->since), (long) (s->probe - now),
              (long) (now - ep->since), (long) (probe - now));
    }

    check(wh_state_held(s, now) == oracle_halted(e, now),
          "endpoint %d: its clock stood still for %ld ms, not %ld", e,
          (long) wh_state_held(s, now), (long) oracle_halted(e, now));
}
