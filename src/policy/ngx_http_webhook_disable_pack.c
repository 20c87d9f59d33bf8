
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_disable_pack.h"


#if (WH_KEPT_WINDOWS < WH_LIMITS)
#error "a record must have room for all windows of an endpoint"
#endif


static void ngx_http_webhook_disable_pack_windows(
    wh_limit_t *limits, ngx_uint_t n, wh_kept_t *k);
static void ngx_http_webhook_disable_unpack_windows(
    wh_limit_t *limits, ngx_uint_t n, const wh_kept_t *k);


void
ngx_http_webhook_disable_pack(ngx_http_webhook_endpoint_t *ep, wh_kept_t *k)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_memzero(k, sizeof(wh_kept_t));

    /* what is counted from now on may be in it, but is another change */

    k->changes = c->changes;

    ngx_memory_barrier();

    wh_cell_read(&c->cell, &k->state);

    k->row = c->cell.row;
    k->failing = c->cell.failing;
    k->quota = c->quota;
    k->noticed = c->cell.noticed;

    ngx_http_webhook_disable_pack_windows(ep->policy.limits,
                                          ep->policy.nlimits, k);
}


void
ngx_http_webhook_disable_pack_zone(ngx_http_webhook_zone_t *zone, wh_kept_t *k)
{
    wh_zone_t  *policy;

    policy = ngx_http_webhook_zone_policy(zone);

    ngx_memzero(k, sizeof(wh_kept_t));

    k->quota = *policy->quota.word;

    ngx_http_webhook_disable_pack_windows(&policy->limit,
                                          policy->limit.n ? 1 : 0, k);
}


static void
ngx_http_webhook_disable_pack_windows(wh_limit_t *limits,
    ngx_uint_t n, wh_kept_t *k)
{
    wh_line_t   lines[WH_LIMITS];
    ngx_uint_t  i;

    ngx_http_webhook_zone_lines(limits, n, lines);

    for (i = 0; i < n; i++) {
        wh_kept_add(k, &lines[i].tag, lines[i].window);
    }
}


void
ngx_http_webhook_disable_unpack(ngx_http_webhook_endpoint_t *ep,
    const wh_kept_t *k)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    if (c->cell.ticket == 0 && k->state.number) {
        (void) wh_cell_restore(&c->cell, &k->state);
    }

    c->cell.row = k->row;
    c->cell.failing = k->failing;
    c->quota = k->quota;
    c->cell.noticed = k->noticed;

    ngx_http_webhook_disable_raise(&c->changes, k->changes);
    ngx_http_webhook_disable_raise(&c->stored, k->changes);

    ngx_http_webhook_disable_unpack_windows(ep->policy.limits,
                                            ep->policy.nlimits, k);
}


void
ngx_http_webhook_disable_raise(ngx_atomic_t *counter, uint64_t n)
{
    ngx_atomic_uint_t  old;

    do {
        old = *counter;

        if (old >= n) {
            return;
        }

    } while (!ngx_atomic_cmp_set(counter, old, (ngx_atomic_uint_t) n));
}


void
ngx_http_webhook_disable_unpack_zone(ngx_http_webhook_zone_t *zone,
    const wh_kept_t *k)
{
    wh_zone_t  *policy;

    policy = ngx_http_webhook_zone_policy(zone);

    *policy->quota.word = k->quota;

    ngx_http_webhook_disable_unpack_windows(&policy->limit,
                                            policy->limit.n ? 1 : 0, k);
}


static void
ngx_http_webhook_disable_unpack_windows(wh_limit_t *limits,
    ngx_uint_t n, const wh_kept_t *k)
{
    wh_line_t  lines[WH_LIMITS];

    ngx_http_webhook_zone_lines(limits, n, lines);

    wh_kept_windows(k, lines, (uint32_t) n);
}


ngx_int_t
ngx_http_webhook_disable_adopt(ngx_http_webhook_endpoint_t *ep,
    const wh_kept_t *k, ngx_log_t *log)
{
    wh_state_t                    s;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    wh_cell_read(&c->cell, &s);

    if (wh_cell_adopt(&c->cell, &k->state) != WH_OK
        || wh_state_same(&s, &k->state))
    {
        return NGX_DECLINED;
    }

    c->cell.noticed = k->noticed;

    ngx_http_webhook_zone_changed(ep->zone);

    if ((s.reason == WH_STATE_ENABLED)
        != (k->state.reason == WH_STATE_ENABLED))
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook endpoint \"%V\" is %s: processes of another "
                      "configuration have made it so", &ep->name,
                      k->state.reason == WH_STATE_ENABLED ? "enabled"
                      : wh_state_paused(&k->state) ? "paused"
                      : "disabled");
    }

    return NGX_OK;
}
