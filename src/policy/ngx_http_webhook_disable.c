
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_disable.h"


/* ten years: sums of times stay far from any overflow */
#define NGX_HTTP_WEBHOOK_DISABLE_TIME  (10 * 365 * 86400000LL)


static ngx_int_t ngx_http_webhook_disable_time(u_char *p, size_t len,
    ngx_msec_t *time);
static ngx_uint_t ngx_http_webhook_disable_by(
    ngx_http_webhook_endpoint_t *ep, wh_state_cause_t *cause,
    ngx_http_webhook_limit_t *limit, uint64_t now);
static void ngx_http_webhook_disable_zone(ngx_http_webhook_endpoint_t *ep,
    uint64_t now);
static ngx_http_webhook_limit_t *ngx_http_webhook_disable_limits(
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_zone_t *zone,
    ngx_uint_t *n);
static size_t ngx_http_webhook_disable_window_size(
    ngx_http_webhook_limit_t *limit);
static ngx_uint_t ngx_http_webhook_disable_counts(
    ngx_http_webhook_endpoint_t *ep);
static ngx_uint_t ngx_http_webhook_disable_enabled(
    ngx_http_webhook_endpoint_t *ep, wh_state_t *s, wh_state_t *next,
    ngx_uint_t forget, char *why);


/*
 * As it is stored; behind it each window has a length (8 octets) and octets.
 * The store knows what the second word is.
 */

typedef struct {
    uint32_t      version;
    uint32_t      nwindows;
    uint64_t      number;
    wh_state_t    state;
    uint64_t      row;
    uint64_t      failing;
} ngx_http_webhook_packed_t;


static char  *ngx_http_webhook_disable_reasons[] = {
    "enabled",
    "window",
    "zone",
    "consecutive",
    "after",
    "gone",
    "operator"
};


static ngx_str_t  ngx_http_webhook_while_disabled[] = {
    ngx_string("hold"),
    ngx_string("drop"),
    ngx_string("dead"),
    ngx_null_string
};


static ngx_int_t
ngx_http_webhook_disable_time(u_char *p, size_t len, ngx_msec_t *time)
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
    ngx_http_webhook_limit_t *limit)
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
    ngx_http_webhook_limit_t  *limit;

    value = cf->args->elts;
    *bad = &value[1];

    if (cf->args->nelts == 2
        && ngx_strncmp(value[1].data, "after=", 6) == 0)
    {
        if (ep->after) {
            return "\"after=\" once only";
        }

        return ngx_http_webhook_disable_time(value[1].data + 6,
                                             value[1].len - 6, &ep->after)
               == NGX_OK
               ? NULL : "\"after=TIME\" with a time above 0, at most 3650d";
    }

    if (cf->args->nelts == 2
        && ngx_strncmp(value[1].data, "consecutive=", 12) == 0)
    {
        if (ep->consecutive) {
            return "\"consecutive=\" once only";
        }

        n = ngx_atoi(value[1].data + 12, value[1].len - 12);

        if (n < 1 || n > 1000000) {
            return "\"consecutive=N\" with a number of 1 to 1000000";
        }

        ep->consecutive = (uint32_t) n;

        return NULL;
    }

    if (ep->nlimits == NGX_HTTP_WEBHOOK_LIMITS) {
        return "one of four windows at most";
    }

    limit = &ep->limits[ep->nlimits++];

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
            ep->while_disabled = i;
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
                                         &ep->probe)
           == NGX_OK
           ? NULL : "a time above 0, at most 3650d";
}


void
ngx_http_webhook_disable_state(ngx_http_webhook_endpoint_t *ep, uint64_t now,
    wh_state_t *s)
{
    wh_state_t                    next;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    for ( ;; ) {
        wh_cell_read(&c->cell, s);

        if (wh_state_due(s, now, &next) != WH_OK) {
            return;
        }

        /* nothing has succeeded yet: what else is counted goes on */

        (void) ngx_http_webhook_disable_enabled(ep, s, &next, 0,
                                                "its ban is over");
    }
}


/* true if failures may lead to something, and so are worth to be stored */

static ngx_uint_t
ngx_http_webhook_disable_counts(ngx_http_webhook_endpoint_t *ep)
{
    return ep->nlimits
           || ep->consecutive
           || ep->after
           || ngx_http_webhook_zone_limit(ep->zone)->n;
}


void
ngx_http_webhook_disable_report(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_outcome_e outcome, ngx_uint_t first, ngx_uint_t probe,
    uint64_t now)
{
    uint64_t                      row, time;
    wh_state_t                    s, next;
    ngx_uint_t                    i;
    wh_state_cause_t              cause;
    ngx_http_webhook_limit_t     *limit, *longest;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_disable_state(ep, now, &s);

    if (probe
        && wh_state_probed(&s, outcome == NGX_HTTP_WEBHOOK_OUTCOME_SUCCESS,
                           now, ep->probe, &next)
           == WH_OK)
    {
        if (next.reason == WH_STATE_ENABLED) {
            (void) ngx_http_webhook_disable_enabled(ep, &s, &next, 1,
                                                    "a probe has succeeded");

        } else if (wh_cell_write(&c->cell, &s, &next) == WH_OK) {
            ngx_http_webhook_zone_changed(ep->zone);
        }
    }

    ngx_memzero(&cause, sizeof(wh_state_cause_t));

    cause.probe = ep->probe;

    switch (outcome) {

    case NGX_HTTP_WEBHOOK_OUTCOME_SUCCESS:

        if (c->cell.row && ngx_http_webhook_disable_counts(ep)) {
            (void) ngx_atomic_fetch_add(&c->changes, 1);
        }

        wh_cell_succeeded(&c->cell);
        return;

    case NGX_HTTP_WEBHOOK_OUTCOME_NONE:
        return;

    case NGX_HTTP_WEBHOOK_OUTCOME_GONE:
        cause.reason = WH_STATE_GONE;
        cause.count = 1;

        (void) ngx_http_webhook_disable_by(ep, &cause, NULL, now);
        break;

    default: /* NGX_HTTP_WEBHOOK_OUTCOME_FAILURE */
        break;
    }

    /* attempts that were on their way when it was disabled do not count */

    if (s.reason != WH_STATE_ENABLED) {
        return;
    }

    row = wh_cell_failed(&c->cell, now, &time);

    limit = ngx_http_webhook_zone_limit(ep->zone);

    if (limit->n
        && wh_window_add(limit->window, limit->n, limit->time, now))
    {
        ngx_http_webhook_disable_zone(ep, now);
    }

    longest = NULL;

    for (i = 0; i < ep->nlimits; i++) {
        limit = &ep->limits[i];

        if ((limit->first && !first)
            || !wh_window_add(limit->window, limit->n, limit->time, now))
        {
            continue;
        }

        /* without a ban it is for good */

        if (longest == NULL
            || (longest->ban && (limit->ban == 0
                                 || limit->ban > longest->ban)))
        {
            longest = limit;
        }
    }

    if (longest) {
        cause.reason = WH_STATE_WINDOW;
        cause.count = longest->n + 1;
        cause.ban = longest->ban;

        (void) ngx_http_webhook_disable_by(ep, &cause, longest, now);
    }

    if (ngx_http_webhook_disable_counts(ep)) {
        (void) ngx_atomic_fetch_add(&c->changes, 1);
    }

    cause.count = (uint32_t) ngx_min(row, NGX_MAX_UINT32_VALUE);
    cause.ban = 0;

    if (ep->consecutive && row >= ep->consecutive) {
        cause.reason = WH_STATE_CONSECUTIVE;
        (void) ngx_http_webhook_disable_by(ep, &cause, NULL, now);
    }

    if (ep->after && time >= ep->after) {
        cause.reason = WH_STATE_AFTER;
        (void) ngx_http_webhook_disable_by(ep, &cause, NULL, now);
    }
}


static ngx_uint_t
ngx_http_webhook_disable_by(ngx_http_webhook_endpoint_t *ep,
    wh_state_cause_t *cause, ngx_http_webhook_limit_t *limit, uint64_t now)
{
    u_char                       *p, text[NGX_MAX_ERROR_STR];
    wh_state_t                    s, next;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    do {
        wh_cell_read(&c->cell, &s);

        if (wh_state_disable(&s, cause, now, &next) != WH_OK) {
            return 0;
        }

    } while (wh_cell_write(&c->cell, &s, &next) != WH_OK);

    ngx_http_webhook_zone_changed(ep->zone);

    p = text;

    switch (cause->reason) {

    case WH_STATE_WINDOW:
        p = ngx_slprintf(p, text + sizeof(text), "%uD failures in %M ms",
                         cause->count, limit->time);
        break;

    case WH_STATE_ZONE:
        p = ngx_slprintf(p, text + sizeof(text), "%uD failures in %M ms of "
                         "the endpoints of zone \"%V\"", cause->count,
                         limit->time, ngx_http_webhook_zone_name(ep->zone));
        break;

    case WH_STATE_CONSECUTIVE:
        p = ngx_slprintf(p, text + sizeof(text), "%uD failures in a row",
                         cause->count);
        break;

    case WH_STATE_AFTER:
        p = ngx_slprintf(p, text + sizeof(text), "no success for %M ms, %uD "
                         "failures in a row", ep->after, cause->count);
        break;

    case WH_STATE_GONE:
        p = ngx_slprintf(p, text + sizeof(text), "it has answered 410, only "
                         "an operator enables it");
        break;

    default: /* WH_STATE_OPERATOR */
        p = ngx_slprintf(p, text + sizeof(text), "by an operator");
    }

    if (next.until) {
        p = ngx_slprintf(p, text + sizeof(text), ", for %M ms",
                         (ngx_msec_t) cause->ban);
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" is disabled: %*s", &ep->name,
                  (size_t) (p - text), text);

    return 1;
}


/* one of its endpoints has had the failure that was too many */

static void
ngx_http_webhook_disable_zone(ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    ngx_uint_t                     i;
    wh_state_cause_t               cause;
    ngx_http_webhook_limit_t      *limit;
    ngx_http_webhook_endpoint_t  **all;

    limit = ngx_http_webhook_zone_limit(ep->zone);
    all = ep->main->endpoints.elts;

    ngx_memzero(&cause, sizeof(wh_state_cause_t));

    cause.reason = WH_STATE_ZONE;
    cause.count = limit->n + 1;

    for (i = 0; i < ep->main->endpoints.nelts; i++) {

        if (all[i]->zone == ep->zone) {
            cause.probe = all[i]->probe;
            (void) ngx_http_webhook_disable_by(all[i], &cause, limit, now);
        }
    }
}


static ngx_uint_t
ngx_http_webhook_disable_enabled(ngx_http_webhook_endpoint_t *ep,
    wh_state_t *s, wh_state_t *next, ngx_uint_t forget, char *why)
{
    ngx_uint_t                    i;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    if (wh_cell_write(&c->cell, s, next) != WH_OK) {
        return 0;
    }

    if (forget) {

        for (i = 0; i < ep->nlimits; i++) {
            wh_window_reset(ep->limits[i].window);
        }

        wh_cell_succeeded(&c->cell);
    }

    ngx_http_webhook_zone_changed(ep->zone);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" is enabled: %s, it was disabled "
                  "for %uL ms", &ep->name, why, next->held - s->held);

    return 1;
}


ngx_int_t
ngx_http_webhook_disable_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    wh_state_cause_t  cause;

    ngx_memzero(&cause, sizeof(wh_state_cause_t));

    cause.reason = WH_STATE_OPERATOR;

    return ngx_http_webhook_disable_by(ep, &cause, NULL, now) ? NGX_OK
                                                              : NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_enable_by_operator(ngx_http_webhook_endpoint_t *ep,
    uint64_t now)
{
    wh_state_t                    s, next;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    do {
        wh_cell_read(&c->cell, &s);

        if (wh_state_enable(&s, now, &next) != WH_OK) {
            return NGX_DECLINED;
        }

    } while (!ngx_http_webhook_disable_enabled(ep, &s, &next, 1,
                                               "by an operator"));

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_disable_probe_begin(ngx_http_webhook_endpoint_t *ep,
    uint64_t now, ngx_msec_t lease)
{
    wh_state_t                    s, next;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_disable_state(ep, now, &s);

    if (wh_state_probe(&s, now, lease, &next) != WH_OK
        || wh_cell_write(&c->cell, &s, &next) != WH_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_disable_stored(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    return c->cell.number == c->cell.saved && c->changes == c->stored;
}


char *
ngx_http_webhook_disable_reason(wh_state_e reason)
{
    return ngx_http_webhook_disable_reasons[reason];
}


static ngx_http_webhook_limit_t *
ngx_http_webhook_disable_limits(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone, ngx_uint_t *n)
{
    ngx_http_webhook_limit_t  *limit;

    if (ep) {
        *n = ep->nlimits;
        return ep->limits;
    }

    limit = ngx_http_webhook_zone_limit(zone);
    *n = limit->n ? 1 : 0;

    return limit;
}


/* one that was made for more failures is larger than is needed */

static size_t
ngx_http_webhook_disable_window_size(ngx_http_webhook_limit_t *limit)
{
    return offsetof(wh_window_t, slots)
           + (size_t) limit->window->size * sizeof(uint64_t);
}


size_t
ngx_http_webhook_disable_size(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone)
{
    size_t                     size;
    ngx_uint_t                 i, n;
    ngx_http_webhook_limit_t  *limit;

    size = sizeof(ngx_http_webhook_packed_t);

    limit = ngx_http_webhook_disable_limits(ep, zone, &n);

    for (i = 0; i < n; i++) {
        size += sizeof(uint64_t)
                + ngx_http_webhook_disable_window_size(&limit[i]);
    }

    return size;
}


size_t
ngx_http_webhook_disable_pack(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone, u_char *p)
{
    u_char                       *start;
    uint64_t                      len;
    ngx_uint_t                    i, n;
    ngx_http_webhook_limit_t     *limit;
    ngx_http_webhook_packed_t     head;
    ngx_http_webhook_counters_t  *c;

    start = p;

    limit = ngx_http_webhook_disable_limits(ep, zone, &n);

    ngx_memzero(&head, sizeof(ngx_http_webhook_packed_t));

    head.version = NGX_HTTP_WEBHOOK_STATE_VERSION;
    head.nwindows = (uint32_t) n;

    if (ep) {
        c = ep->counters;

        wh_cell_read(&c->cell, &head.state);

        head.number = head.state.number;
        head.row = c->cell.row;
        head.failing = c->cell.failing;
    }

    p = ngx_cpymem(p, &head, sizeof(ngx_http_webhook_packed_t));

    for (i = 0; i < n; i++) {
        len = ngx_http_webhook_disable_window_size(&limit[i]);

        p = ngx_cpymem(p, &len, sizeof(uint64_t));
        p = ngx_cpymem(p, limit[i].window, (size_t) len);
    }

    return p - start;
}


ngx_int_t
ngx_http_webhook_disable_unpack(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone, u_char *p, size_t size)
{
    uint64_t                      len;
    ngx_uint_t                    i, n;
    ngx_http_webhook_limit_t     *limit;
    ngx_http_webhook_packed_t     head;
    ngx_http_webhook_counters_t  *c;

    if (size < sizeof(ngx_http_webhook_packed_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&head, p, sizeof(ngx_http_webhook_packed_t));
    p += sizeof(ngx_http_webhook_packed_t);
    size -= sizeof(ngx_http_webhook_packed_t);

    if (head.version != NGX_HTTP_WEBHOOK_STATE_VERSION) {
        return NGX_ERROR;
    }

    if (ep) {
        c = ep->counters;

        if (head.state.number
            && wh_cell_restore(&c->cell, &head.state) != WH_OK)
        {
            return NGX_ERROR;
        }

        c->cell.row = head.row;
        c->cell.failing = head.failing;
    }

    limit = ngx_http_webhook_disable_limits(ep, zone, &n);

    for (i = 0; i < n && i < head.nwindows; i++) {

        if (size < sizeof(uint64_t)) {
            return NGX_ERROR;
        }

        ngx_memcpy(&len, p, sizeof(uint64_t));
        p += sizeof(uint64_t);
        size -= sizeof(uint64_t);

        if (len > size
            || wh_window_copy(limit[i].window, p, (size_t) len) != WH_OK)
        {
            return NGX_ERROR;
        }

        p += len;
        size -= (size_t) len;
    }

    return NGX_OK;
}
