
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Random configurations.  Times are few and round, so that things often happen
 * at the same time, and exactly at the ends of others.
 */


#include "model.h"


static uint64_t conf_time(void);
static void conf_limit(limit_t *limit);
static void conf_retry(endpoint_conf_t *c);
static void conf_disable(endpoint_conf_t *c);


static uint64_t
conf_time(void)
{
    static const uint64_t  times[] = { 50, 100, 200, 300, 500, 1000, 2000 };

    return times[pick(sizeof(times) / sizeof(times[0]))];
}


static void
conf_limit(limit_t *limit)
{
    limit->n = 1 + pick(LIMIT_MAX);
    limit->time = conf_time() * (1 + pick(4));
    limit->ban = one_in(2) ? conf_time() : 0;
    limit->first = one_in(3);
}


static void
conf_retry(endpoint_conf_t *c)
{
    uint32_t  i;

    c->ndelays = 0;
    c->max = 0;
    c->jitter = 0;

    switch (pick(6)) {

    case 0:                                   /* off */
        break;

    case 1:
        c->min = conf_time();
        c->max = c->min * (1 + pick(10));
        c->jitter = one_in(2) ? 20 : 0;
        c->ndelays = one_in(2) ? 1 + pick(6) : 0;
        break;

    default:
        c->ndelays = 1 + pick(4);

        for (i = 0; i < c->ndelays; i++) {
            c->delays[i] = conf_time();
        }
    }

    c->expire = 0;

    if (one_in(3)) {
        c->expire = conf_time() * (1 + pick(3));

        /* exactly as long as the list, or as a part of it */

        if (c->max == 0 && c->ndelays && one_in(2)) {
            c->expire = 0;

            for (i = 0; i <= pick(c->ndelays); i++) {
                c->expire += c->delays[i];
            }
        }
    }

    c->max_age = one_in(5) ? conf_time() * (1 + pick(6)) : 0;
    c->after_max = one_in(4) ? 0 : conf_time();
}


static void
conf_disable(endpoint_conf_t *c)
{
    uint32_t  i;

    c->nlimits = one_in(2) ? 0 : 1 + pick(3);

    for (i = 0; i < c->nlimits; i++) {
        conf_limit(&c->limits[i]);
    }

    c->consecutive = one_in(4) ? 1 + pick(6) : 0;
    c->after = one_in(4) ? conf_time() * (1 + pick(4)) : 0;

    c->while_disabled = one_in(2) ? WH_WHILE_HOLD
                                  : one_in(2) ? WH_WHILE_DROP : WH_WHILE_DEAD;
    c->probe = one_in(2) ? conf_time() : 0;
}


/* rates, timeouts and zones of endpoints are those of the old one */

void
conf_random(conf_t *conf, unsigned number, const conf_t *old)
{
    int               i;
    endpoint_conf_t  *c;

    if (old) {
        *conf = *old;

    } else {
        memset(conf, 0, sizeof(conf_t));
    }

    conf->number = number;

    for (i = 0; i < ENDPOINTS; i++) {
        c = &conf->endpoints[i];

        if (old == NULL) {
            c->order = (wh_order_e) pick(3);
            c->timeout = conf_time();
            c->zone = (int) pick(ZONES);
            c->count_throttled = one_in(3);

            if (one_in(4)) {
                c->rate = 1 + pick(4);
                c->rate_time = conf_time();
                c->burst = pick(4);
            }

        } else if (one_in(2)) {
            continue;
        }

        if (c->order != WH_ORDER_STRICT && one_in(3)) {
            c->order = c->order == WH_ORDER_KEY ? WH_ORDER_NONE : WH_ORDER_KEY;
        }

        c->concurrency = c->order == WH_ORDER_STRICT ? 1 : 1 + pick(4);

        c->quota = one_in(4) ? 1 + pick(5) : 0;
        c->quota_time = conf_time() * (1 + pick(4));

        conf_retry(c);
        conf_disable(c);
    }

    for (i = 0; i < ZONES; i++) {

        if (old == NULL || one_in(2)) {
            memset(&conf->zones[i], 0, sizeof(zone_conf_t));

            if (one_in(4)) {
                conf_limit(&conf->zones[i].limit);
                conf->zones[i].limit.first = 0;

                /* "webhook_zone" has no "for=", but the policy does */
            }

            conf->zones[i].quota = one_in(6) ? 2 + pick(6) : 0;
            conf->zones[i].quota_time = conf_time() * (1 + pick(4));
        }
    }
}


/* what is shared is set by the caller; "c" has to live as long */

void
conf_policy(const endpoint_conf_t *c, wh_policy_t *p)
{
    uint32_t  i;

    memset(p, 0, sizeof(wh_policy_t));

    p->order = c->order;
    p->concurrency = c->concurrency;

    p->retry.delays = (c->ndelays && c->max == 0) ? c->delays : NULL;
    p->retry.n = c->ndelays;
    p->retry.min = c->min;
    p->retry.max = c->max;
    p->retry.jitter = c->jitter;
    p->retry.expire = c->expire;
    p->retry.max_age = c->max_age;
    p->retry.after_max = c->after_max;

    if (c->rate) {
        wh_rate_init(&p->rate, c->rate, c->rate_time, c->burst);
    }

    p->quota.n = c->quota;
    p->quota.time = c->quota_time;

    p->nlimits = c->nlimits;

    for (i = 0; i < c->nlimits; i++) {
        p->limits[i].n = c->limits[i].n;
        p->limits[i].time = c->limits[i].time;
        p->limits[i].ban = c->limits[i].ban;
        p->limits[i].first = c->limits[i].first ? 1 : 0;
    }

    p->consecutive = c->consecutive;
    p->after = c->after;
    p->while_disabled = c->while_disabled;
    p->probe = c->probe;
}
