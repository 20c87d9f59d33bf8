
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_notice.h"
#include "ngx_http_webhook_states.h"


/* ten years: sums of times stay far from any overflow */
#define NGX_HTTP_WEBHOOK_DISABLE_TIME  (10 * 365 * 86400000LL)


typedef int (*ngx_http_webhook_by_operator_pt)(const wh_policy_t *p,
    uint64_t now, wh_change_t *change);


static ngx_int_t ngx_http_webhook_disable_time(u_char *p, size_t len,
    uint64_t *time);
static void ngx_http_webhook_disable_zone(ngx_http_webhook_endpoint_t *ep,
    uint64_t now);
static void ngx_http_webhook_disable_log_enabled(
    ngx_http_webhook_endpoint_t *ep, wh_change_t *change);
static void ngx_http_webhook_disable_log_disabled(
    ngx_http_webhook_endpoint_t *ep, wh_change_t *change);
static ngx_int_t ngx_http_webhook_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now, ngx_http_webhook_by_operator_pt set);


static char  *ngx_http_webhook_disable_reasons[] = {
    "enabled",
    "window",
    "zone",
    "consecutive",
    "after",
    "gone",
    "operator",
    "quota",
    "pause"
};


/* by wh_by_e */

static char  *ngx_http_webhook_disable_by[] = {
    "",
    "its ban is over",
    "a probe has succeeded",
    "by an operator"
};


static ngx_str_t  ngx_http_webhook_while_disabled[] = {
    ngx_string("hold"),
    ngx_string("drop"),
    ngx_string("dead"),
    ngx_null_string
};


static ngx_int_t
ngx_http_webhook_disable_time(u_char *p, size_t len, uint64_t *time)
{
    ngx_int_t  t;
    ngx_str_t  value;

    value.data = p;
    value.len = len;

    t = ngx_parse_time(&value, 0);

    if (t == NGX_ERROR || t == 0 || t > NGX_HTTP_WEBHOOK_DISABLE_TIME) {
        return NGX_ERROR;
    }

    *time = t;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_disable_rate(ngx_str_t *value,
    wh_limit_t *limit)
{
    u_char     *slash;
    ngx_int_t   n;

    slash = ngx_strlchr(value->data, value->data + value->len, '/');

    if (slash == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, slash - value->data);

    if (n < 1 || n > WH_WINDOW_MAX) {
        return NGX_ERROR;
    }

    limit->n = (uint32_t) n;

    return ngx_http_webhook_disable_time(slash + 1,
                                         value->data + value->len - slash - 1,
                                         &limit->time);
}


char *
ngx_http_webhook_disable_line(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_int_t                  n;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    wh_limit_t                *limit;

    value = cf->args->elts;
    *bad = &value[1];

    if (cf->args->nelts == 2
        && ngx_strncmp(value[1].data, "after=", 6) == 0)
    {
        if (ep->policy.after) {
            return "\"after=\" once only";
        }

        return ngx_http_webhook_disable_time(value[1].data + 6,
                                             value[1].len - 6,
                                             &ep->policy.after)
               == NGX_OK
               ? NULL : "\"after=TIME\" with a time above 0, at most 3650d";
    }

    if (cf->args->nelts == 2
        && ngx_strncmp(value[1].data, "consecutive=", 12) == 0)
    {
        if (ep->policy.consecutive) {
            return "\"consecutive=\" once only";
        }

        n = ngx_atoi(value[1].data + 12, value[1].len - 12);

        if (n < 1 || n > 1000000) {
            return "\"consecutive=N\" with a number of 1 to 1000000";
        }

        ep->policy.consecutive = (uint32_t) n;

        return NULL;
    }

    if (ep->policy.nlimits == WH_LIMITS) {
        return "one of four windows at most";
    }

    limit = &ep->policy.limits[ep->policy.nlimits++];

    if (ngx_http_webhook_disable_rate(&value[1], limit) != NGX_OK) {
        return "\"N/TIME\" with a number of 1 to 10000 and a time above 0, at "
               "most 3650d, or \"after=TIME\" or \"consecutive=N\" alone";
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "count=all") == 0) {
            limit->first = 0;
            continue;
        }

        if (ngx_strcmp(value[i].data, "count=first") == 0) {
            limit->first = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "for=", 4) == 0
            && ngx_http_webhook_disable_time(value[i].data + 4,
                                             value[i].len - 4, &limit->ban)
               == NGX_OK)
        {
            continue;
        }

        *bad = &value[i];

        return "\"count=all\", \"count=first\" or \"for=TIME\" with a time "
               "above 0, at most 3650d";
    }

    return NULL;
}


char *
ngx_http_webhook_disable_while(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; ngx_http_webhook_while_disabled[i].len; i++) {

        if (ngx_strcmp(ngx_http_webhook_while_disabled[i].data, value[1].data)
            == 0)
        {
            ep->policy.while_disabled = i;
            return NULL;
        }
    }

    *bad = &value[1];

    return "\"hold\", \"drop\" or \"dead\"";
}


char *
ngx_http_webhook_disable_probe(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_str_t  *value;

    value = cf->args->elts;
    *bad = &value[1];

    return ngx_http_webhook_disable_time(value[1].data, value[1].len,
                                         &ep->policy.probe)
           == NGX_OK
           ? NULL : "a time above 0, at most 3650d";
}


void
ngx_http_webhook_disable_state(ngx_http_webhook_endpoint_t *ep, uint64_t now,
    wh_state_t *s)
{
    wh_change_t  change;

    if (wh_policy_state(&ep->policy, now, s, &change) == WH_OK) {
        ngx_http_webhook_disable_changed(ep, &change);
    }
}


void
ngx_http_webhook_disable_report(ngx_http_webhook_endpoint_t *ep,
    wh_outcome_t *outcome, uint64_t now, wh_report_t *r)
{
    uint32_t                      i;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    wh_policy_report(&ep->policy, outcome, now, r);

    for (i = 0; i < r->n; i++) {
        ngx_http_webhook_disable_changed(ep, &r->changes[i]);
    }

    if (r->tripped) {
        ngx_http_webhook_disable_zone(ep, now);
    }

    if (r->probed) {
        ngx_http_webhook_zone_changed(ep->zone);
    }

    if (r->counted && wh_policy_counts(&ep->policy)) {
        (void) ngx_atomic_fetch_add(&c->changes, 1);
    }
}


/* one of its endpoints has had the failure that was too many */

static void
ngx_http_webhook_disable_zone(ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    ngx_uint_t                     i;
    wh_change_t                    change;
    ngx_http_webhook_endpoint_t  **all;

    all = ep->main->endpoints.elts;

    for (i = 0; i < ep->main->endpoints.nelts; i++) {

        if (all[i]->zone == ep->zone && all[i]->mailbox == NULL
            && wh_policy_trip(&all[i]->policy, now, &change) == WH_OK)
        {
            ngx_http_webhook_disable_changed(all[i], &change);
        }
    }
}


void
ngx_http_webhook_disable_changed(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change)
{
    ngx_http_webhook_zone_changed(ep->zone);
    ngx_http_webhook_states_later(ep);
    ngx_http_webhook_notice_changed(ep, change);

    if (change->to.reason == WH_STATE_ENABLED) {
        ngx_http_webhook_disable_log_enabled(ep, change);
        return;
    }

    ngx_http_webhook_disable_log_disabled(ep, change);
}


static void
ngx_http_webhook_disable_log_enabled(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change)
{
    uint64_t  ms;

    ms = change->to.held - change->from.held;

    if (wh_state_paused(&change->from)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "webhook endpoint \"%V\" is resumed after %uL ms",
                      &ep->name, ms);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" is enabled: %s, it was disabled "
                  "for %uL ms", &ep->name,
                  ngx_http_webhook_disable_by[change->by], ms);
}


static void
ngx_http_webhook_disable_log_disabled(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change)
{
    char    *failures;
    u_char  *p, *last, text[NGX_MAX_ERROR_STR];

    p = text;
    last = text + sizeof(text);

    failures = change->count == 1 ? "failure" : "failures";

    switch (change->to.reason) {

    case WH_STATE_QUOTA:
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "webhook endpoint \"%V\" is paused for %uL ms: its "
                      "quota of %uD in %uL ms is used up", &ep->name,
                      change->ban, change->count, change->time);
        return;

    case WH_STATE_PAUSE:
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "webhook endpoint \"%V\" is paused by an operator",
                      &ep->name);
        return;

    case WH_STATE_WINDOW:
        p = ngx_slprintf(p, last, "%uD %s in %uL ms",
                         change->count, failures, change->time);
        break;

    case WH_STATE_ZONE:
        p = ngx_slprintf(p, last, "%uD %s in %uL ms of the endpoints of zone "
                         "\"%V\"", change->count, failures, change->time,
                         ngx_http_webhook_zone_name(ep->zone));
        break;

    case WH_STATE_CONSECUTIVE:
        p = ngx_slprintf(p, last, "%uD %s in a row", change->count, failures);
        break;

    case WH_STATE_AFTER:
        p = ngx_slprintf(p, last, "no success for %uL ms, %uD %s in a row",
                         ep->policy.after, change->count, failures);
        break;

    case WH_STATE_GONE:
        p = ngx_slprintf(p, last, "it has answered 410, only an operator "
                         "enables it");
        break;

    default: /* WH_STATE_OPERATOR */
        p = ngx_slprintf(p, last, "by an operator");
    }

    if (change->to.until) {
        p = ngx_slprintf(p, last, ", for %uL ms", change->ban);
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" is disabled: %*s", &ep->name,
                  (size_t) (p - text), text);
}


static ngx_int_t
ngx_http_webhook_by_operator(ngx_http_webhook_endpoint_t *ep, uint64_t now,
    ngx_http_webhook_by_operator_pt set)
{
    wh_change_t  change;

    switch (set(&ep->policy, now, &change)) {

    case WH_OK:
        ngx_http_webhook_disable_changed(ep, &change);
        return NGX_OK;

    case WH_ERROR:
        return NGX_ABORT;

    default:
        return NGX_DECLINED;
    }
}


ngx_int_t
ngx_http_webhook_disable_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    return ngx_http_webhook_by_operator(ep, now, wh_policy_disable);
}


ngx_int_t
ngx_http_webhook_enable_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    return ngx_http_webhook_by_operator(ep, now, wh_policy_enable);
}


ngx_int_t
ngx_http_webhook_pause_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    return ngx_http_webhook_by_operator(ep, now, wh_policy_pause);
}


ngx_int_t
ngx_http_webhook_resume_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    return ngx_http_webhook_by_operator(ep, now, wh_policy_resume);
}


ngx_uint_t
ngx_http_webhook_disable_stored(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    return ngx_http_webhook_disable_state_stored(ep)
           && c->changes == c->stored;
}


ngx_uint_t
ngx_http_webhook_disable_state_stored(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    return c->cell.number == c->cell.saved;
}


char *
ngx_http_webhook_disable_reason(wh_state_e reason)
{
    return ngx_http_webhook_disable_reasons[reason];
}
