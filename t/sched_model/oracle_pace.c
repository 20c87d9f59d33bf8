
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The contract for endpoints: when one may send, by rates, quotas and probes.
 */


#include "oracle.h"


static uint64_t oracle_quota_end(const oracle_quota_t *q, uint64_t time,
    uint64_t now);
static void oracle_quota_count(oracle_quota_t *q, uint64_t time,
    uint64_t now);


/* ns, so that "n in a time" is exact; as many intervals as fit, rounded up */

int
oracle_rate_room(const endpoint_conf_t *c, int e)
{
    uint32_t            i;
    uint64_t            now, interval, burst;
    oracle_endpoint_t  *ep;

    if (c->rate == 0) {
        return 1;
    }

    ep = &endpoints[e];
    now = run.now + (uint64_t) run.offset;

    interval = (c->rate_time * 1000000 + c->rate - 1) / c->rate;
    burst = interval * c->burst;

    if (c->burst == 0) {
        burst = interval < 10000000 ? 10000000 : interval;
    }

    for (i = 0; i < ep->ntakes; i++) {

        if ((ep->ntakes - i + 1) * interval
            > burst + (now - ep->takes[i]) * 1000000)
        {
            return 0;
        }
    }

    return burst >= interval;
}


void
oracle_rate(const endpoint_conf_t *c, int e, int taken)
{
    oracle_endpoint_t  *ep;

    if (!run.exact) {
        return;
    }

    ep = &endpoints[e];

    check(oracle_rate_room(c, e) == taken, "endpoint %d: its rate %s", e,
          taken ? "is exceeded" : "refuses what it allows");

    if (!taken) {
        return;
    }

    if (ep->ntakes == TAKES) {
        memmove(ep->takes, ep->takes + 1, (TAKES - 1) * sizeof(uint64_t));
        ep->ntakes--;
    }

    ep->takes[ep->ntakes++] = run.now + (uint64_t) run.offset;
}


/* 0: no window is open */

static uint64_t
oracle_quota_end(const oracle_quota_t *q, uint64_t time, uint64_t now)
{
    return (q->count && now - q->start < time) ? q->start + time : 0;
}


static void
oracle_quota_count(oracle_quota_t *q, uint64_t time, uint64_t now)
{
    if (oracle_quota_end(q, time, now) == 0) {
        q->start = now;
        q->count = 0;
    }

    q->count++;
}


/* that of the endpoint, or of its zone */

int
oracle_used_up(const conf_t *conf, int e)
{
    uint64_t                now;
    oracle_quota_t         *own, *zone;
    const zone_conf_t      *z;
    const endpoint_conf_t  *c;

    c = &conf->endpoints[e];
    z = &conf->zones[c->zone];
    own = &endpoints[e].quota;
    zone = &zones[c->zone];
    now = run.now + (uint64_t) run.offset;

    return (c->quota && oracle_quota_end(own, c->quota_time, now)
            && own->count >= c->quota)
           || (z->quota && oracle_quota_end(zone, z->quota_time, now)
               && zone->count >= z->quota);
}


void
oracle_quota(const conf_t *conf, int e, int d, int taken,
    const wh_change_t *change)
{
    uint64_t                now, end, own;
    oracle_quota_t         *zone;
    oracle_endpoint_t      *ep;
    const zone_conf_t      *z;
    const endpoint_conf_t  *c;

    if (!run.exact) {
        return;
    }

    oracle_tick();

    ep = &endpoints[e];
    c = &conf->endpoints[e];
    z = &conf->zones[c->zone];
    zone = &zones[c->zone];
    now = run.now + (uint64_t) run.offset;

    check(!known[d].counted, "delivery %d is counted twice", d);

    end = z->quota ? oracle_quota_end(zone, z->quota_time, now) : 0;
    end = (end && zone->count >= z->quota) ? end : 0;

    if (end == 0) {
        own = c->quota ? oracle_quota_end(&ep->quota, c->quota_time, now) : 0;
        end = (own && ep->quota.count >= c->quota) ? own : 0;
    }

    check(taken == (end == 0), "endpoint %d: its quota %s", e,
          taken ? "is exceeded" : "refuses what it allows");

    if (!taken) {
        check(oracle_disable(c, e, WH_STATE_QUOTA, end - now)
              == (change->to.number != 0),
              "endpoint %d is not paused", e);
        return;
    }

    known[d].counted = 1;

    if (z->quota) {
        oracle_quota_count(zone, z->quota_time, now);
    }

    if (c->quota) {
        oracle_quota_count(&ep->quota, c->quota_time, now);
    }
}


/* when, or 0: a configuration may have brought "probe", or have taken it */

uint64_t
oracle_probe(const endpoint_conf_t *c, int e)
{
    int                 strength;
    oracle_endpoint_t  *ep;

    ep = &endpoints[e];
    strength = oracle_strength(ep->reason, ep->until);

    if (c->probe == 0 || (strength != 2 && strength != 3)) {
        return 0;
    }

    return ep->probe ? ep->probe : ep->since + c->probe;
}


int
oracle_probe_due(const endpoint_conf_t *c, int e)
{
    uint64_t  due;

    due = oracle_probe(c, e);

    return due && run.now + (uint64_t) run.offset >= due;
}


int
oracle_leased_by(int e, int lane)
{
    return endpoints[e].lease != NOBODY && endpoints[e].lease % LANES == lane;
}


/* it is the lane's to send the probe, until the lease is over */

void
oracle_leased(const endpoint_conf_t *c, int e, int lane, uint64_t until)
{
    if (!run.exact) {
        return;
    }

    oracle_tick();

    check(oracle_probe_due(c, e), "endpoint %d is probed too early", e);

    endpoints[e].lease = lane;
    endpoints[e].probe = until;
    endpoints[e].probing = NOBODY;
}


/* it is about to be sent only now */

void
oracle_renewed(const endpoint_conf_t *c, int e, int lane)
{
    if (!run.exact) {
        return;
    }

    check(endpoints[e].lease == lane && endpoints[e].probing == NOBODY,
          "endpoint %d: a probe beside another one", e);

    endpoints[e].probe = run.now + (uint64_t) run.offset + c->timeout + MARGIN;
}


/* it has waited for so long that it is another one's, or nobody's */

void
oracle_lease_void(int e, int lane)
{
    check(!run.exact || endpoints[e].lease != lane,
          "endpoint %d: a lease is void", e);
}


void
oracle_begin_policy(const endpoint_conf_t *c, attempt_t *a)
{
    oracle_endpoint_t  *ep;

    ep = &endpoints[a->endpoint];

    if (!a->probe) {
        check(ep->reason == WH_STATE_ENABLED,
              "endpoint %d: an attempt while it is disabled by %u",
              a->endpoint, ep->reason);
        check(known[a->delivery].attempts || known[a->delivery].counted,
              "delivery %d is not counted by quotas", a->delivery);
        return;
    }

    check(ep->lease == a->worker * LANES + delivery_lane(a->delivery)
          && ep->probing == NOBODY && c->probe,
          "endpoint %d: a probe beside another one", a->endpoint);

    ep->probing = (int) (a - run.attempts);
}
