
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The families of metrics, one after the other.
 */


#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_meter.h"


/* of what there is one piece each */

typedef enum {
    NGX_HTTP_WEBHOOK_OF_NGINX = 0,
    NGX_HTTP_WEBHOOK_OF_EVENT,
    NGX_HTTP_WEBHOOK_OF_ENDPOINT,
    NGX_HTTP_WEBHOOK_OF_ZONE,
    NGX_HTTP_WEBHOOK_OF_SCOPE        /* zones, then endpoints */
} ngx_http_webhook_of_e;


typedef struct ngx_http_webhook_family_s  ngx_http_webhook_family_t;

typedef void (*ngx_http_webhook_family_pt)(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);

struct ngx_http_webhook_family_s {
    wh_metric_t                  metric;
    ngx_http_webhook_of_e        of;
    ngx_http_webhook_family_pt   put;
};


/* a zone, or an endpoint */

typedef struct {
    ngx_http_webhook_zone_t      *zone;
    ngx_http_webhook_endpoint_t  *endpoint;
} ngx_http_webhook_scope_t;


static ngx_uint_t ngx_http_webhook_metrics_piece(
    ngx_http_webhook_metrics_t *m, const ngx_http_webhook_family_t *f,
    wh_buf_t *out);
static void ngx_http_webhook_metrics_label(wh_metric_label_t *label,
    const char *name, const char *value);
static void ngx_http_webhook_metrics_name(wh_metric_label_t *label,
    const char *name, ngx_str_t *value);

static void ngx_http_webhook_metrics_build(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_workers(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_events(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_deliveries(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_attempts(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_durations(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_latencies(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_inflight(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_backlog(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_backlog_bytes(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_oldest(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_state(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_failures(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_tolerated(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_windows(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_scope_t *scope, ngx_uint_t tolerated);
static ngx_uint_t ngx_http_webhook_metrics_repeated(wh_limit_t *limits,
    ngx_uint_t i);
static void ngx_http_webhook_metrics_quota(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_quota_used(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_quotas(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_scope_t *scope, ngx_uint_t used);
static void ngx_http_webhook_metrics_scope(ngx_http_webhook_scope_t *scope,
    wh_metric_label_t *labels);
static void ngx_http_webhook_metrics_store(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_commits(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_zone(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);
static void ngx_http_webhook_metrics_stall(const wh_metric_t *m,
    wh_buf_t *out, ngx_http_webhook_main_conf_t *wmcf, void *of);


static const ngx_http_webhook_family_t  ngx_http_webhook_families[] = {

    { { "nginx_webhook_build", WH_METRIC_INFO, NULL,
        "Versions of the module and of nginx." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_build },

    { { "nginx_webhook_workers", WH_METRIC_GAUGE, NULL,
        "Worker processes that use the store." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_workers },

    { { "nginx_webhook_events", WH_METRIC_COUNTER, NULL,
        "Matches of triggers, by what became of them." },
      NGX_HTTP_WEBHOOK_OF_EVENT, ngx_http_webhook_metrics_events },

    { { "nginx_webhook_deliveries", WH_METRIC_COUNTER, NULL,
        "Deliveries that have ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_deliveries },

    { { "nginx_webhook_attempts", WH_METRIC_COUNTER, NULL,
        "Attempts, by how they ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_attempts },

    { { "nginx_webhook_attempt_duration_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Durations of attempts." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_durations },

    { { "nginx_webhook_delivery_latency_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Times from events to their deliveries." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_latencies },

    { { "nginx_webhook_inflight", WH_METRIC_GAUGE, NULL,
        "Attempts in flight." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_inflight },

    { { "nginx_webhook_backlog", WH_METRIC_GAUGE, NULL,
        "Deliveries that have not ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_backlog },

    { { "nginx_webhook_backlog_bytes", WH_METRIC_GAUGE, "bytes",
        "Size of deliveries that have not ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_backlog_bytes },

    { { "nginx_webhook_backlog_oldest_seconds", WH_METRIC_GAUGE, "seconds",
        "Age of the oldest delivery that has not ended, 0 without any." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_oldest },

    { { "nginx_webhook_endpoint_state", WH_METRIC_GAUGE, NULL,
        "1 for the state of the endpoint, 0 for the others." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_state },

    { { "nginx_webhook_window_failures", WH_METRIC_GAUGE, NULL,
        "Failures in a window." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_failures },

    { { "nginx_webhook_window_tolerated", WH_METRIC_GAUGE, NULL,
        "Failures that a window tolerates." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_tolerated },

    { { "nginx_webhook_quota", WH_METRIC_GAUGE, NULL,
        "First attempts that a quota allows." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_quota },

    { { "nginx_webhook_quota_used", WH_METRIC_GAUGE, NULL,
        "First attempts that a quota has counted." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_quota_used },

    { { "nginx_webhook_store_bytes", WH_METRIC_GAUGE, "bytes",
        "The store." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_store },

    { { "nginx_webhook_commit_duration_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Durations of commits." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_commits },

    { { "nginx_webhook_zone_bytes", WH_METRIC_GAUGE, "bytes",
        "Shared memory zones." },
      NGX_HTTP_WEBHOOK_OF_ZONE, ngx_http_webhook_metrics_zone },

    { { "nginx_webhook_loop_stall_max_seconds", WH_METRIC_GAUGE, "seconds",
        "The longest time the module has held an event loop at once." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_stall },

    { { NULL, WH_METRIC_GAUGE, NULL, NULL }, NGX_HTTP_WEBHOOK_OF_NGINX, NULL }
};


static const char  *ngx_http_webhook_metrics_states[] = {
    "enabled",
    "paused",
    "probing",
    "disabled"
};


ngx_int_t
ngx_http_webhook_metrics_put(ngx_http_webhook_metrics_t *m, wh_buf_t *out)
{
    const ngx_http_webhook_family_t  *f;

    f = &ngx_http_webhook_families[m->family];

    if (f->put == NULL) {

        if (m->openmetrics) {
            (void) wh_buf_put_literal(out, "# EOF\n");
        }

        return NGX_DONE;
    }

    if (!m->headed) {
        m->headed = 1;
        wh_metric_head(out, &f->metric, (int) m->openmetrics);
    }

    if (!ngx_http_webhook_metrics_piece(m, f, out)) {
        m->family++;
        m->index = 0;
        m->next = NULL;
        m->headed = 0;
    }

    return NGX_OK;
}


/* true when more of the family follows */

static ngx_uint_t
ngx_http_webhook_metrics_piece(ngx_http_webhook_metrics_t *m,
    const ngx_http_webhook_family_t *f, wh_buf_t *out)
{
    ngx_uint_t                     i;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_scope_t       scope;
    ngx_http_webhook_endpoint_t  **ep;

    zone = m->main->zones.elts;
    ep = m->main->endpoints.elts;
    i = m->index++;

    switch (f->of) {

    case NGX_HTTP_WEBHOOK_OF_EVENT:

        if (m->main->zones.nelts == 0) {
            return 0;
        }

        m->next = ngx_http_webhook_zone_next(zone[0], m->next);

        if (m->next == NULL) {
            return 0;
        }

        f->put(&f->metric, out, m->main, m->next);

        return 1;

    case NGX_HTTP_WEBHOOK_OF_ENDPOINT:

        if (i >= m->main->endpoints.nelts) {
            return 0;
        }

        f->put(&f->metric, out, m->main, ep[i]);

        return 1;

    case NGX_HTTP_WEBHOOK_OF_ZONE:

        if (i >= m->main->zones.nelts) {
            return 0;
        }

        f->put(&f->metric, out, m->main, zone[i]);

        return 1;

    case NGX_HTTP_WEBHOOK_OF_SCOPE:

        if (i < m->main->zones.nelts) {
            scope.zone = zone[i];
            scope.endpoint = NULL;

        } else {
            i -= m->main->zones.nelts;

            if (i >= m->main->endpoints.nelts) {
                return 0;
            }

            scope.zone = ep[i]->zone;
            scope.endpoint = ep[i];
        }

        f->put(&f->metric, out, m->main, &scope);

        return 1;

    default: /* NGX_HTTP_WEBHOOK_OF_NGINX */

        f->put(&f->metric, out, m->main, NULL);

        return 0;
    }
}


static void
ngx_http_webhook_metrics_label(wh_metric_label_t *label, const char *name,
    const char *value)
{
    label->name = name;
    label->value.data = value;
    label->value.len = strlen(value);
}


static void
ngx_http_webhook_metrics_name(wh_metric_label_t *label, const char *name,
    ngx_str_t *value)
{
    label->name = name;
    label->value.data = (char *) value->data;
    label->value.len = value->len;
}


static void
ngx_http_webhook_metrics_build(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    wh_metric_label_t  labels[2];

    ngx_http_webhook_metrics_label(&labels[0], "version",
                                   NGX_HTTP_WEBHOOK_VERSION);
    ngx_http_webhook_metrics_label(&labels[1], "nginx", NGINX_VERSION);

    wh_metric_put(out, m, labels, 2, 1);
}


static void
ngx_http_webhook_metrics_workers(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_usage_t  usage;

    ngx_http_webhook_store_usage(wmcf->worker->store, &usage);

    wh_metric_put(out, m, NULL, 0, usage.workers);
}


/* those without a name of their own are of the empty one */

static void
ngx_http_webhook_metrics_events(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_results_t *results = of;

    ngx_uint_t         i;
    wh_metric_label_t  labels[2];

    labels[0].name = "event";
    labels[0].value.data = (char *) results->name;
    labels[0].value.len = results->len;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NRESULT; i++) {

        if (results->len == 0 && results->results[i] == 0) {
            continue;
        }

        ngx_http_webhook_metrics_label(&labels[1], "result",
                                       ngx_http_webhook_result_name(i));
        wh_metric_put(out, m, labels, 2, results->results[i]);
    }
}


static void
ngx_http_webhook_metrics_deliveries(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    ngx_uint_t                    i;
    wh_metric_label_t             labels[2];
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_metrics_name(&labels[0], "endpoint", &ep->name);

    for (i = 0; i < WH_NEND; i++) {
        ngx_http_webhook_metrics_label(&labels[1], "end",
                                       ngx_http_webhook_zone_end_name(i));
        wh_metric_put(out, m, labels, 2, c->ends[i]);
    }
}


static void
ngx_http_webhook_metrics_attempts(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    ngx_uint_t                    i;
    wh_metric_label_t             labels[2];
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_metrics_name(&labels[0], "endpoint", &ep->name);

    for (i = 0; i < NGX_HTTP_WEBHOOK_CLASSES; i++) {

        if (i == NGX_HTTP_WEBHOOK_LOCAL) {
            /* it was no attempt */
            continue;
        }

        ngx_http_webhook_metrics_label(&labels[1], "class",
                                       ngx_http_webhook_class_name(i));
        wh_metric_put(out, m, labels, 2, c->attempts[i]);
    }
}


static void
ngx_http_webhook_metrics_durations(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_metric_label_t             label;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put_hist(out, m, &label, 1, &c->durations, &wh_hist_attempts);
}


static void
ngx_http_webhook_metrics_latencies(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_metric_label_t             label;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put_hist(out, m, &label, 1, &c->latencies, &wh_hist_latencies);
}


static void
ngx_http_webhook_metrics_inflight(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_metric_label_t             label;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put(out, m, &label, 1, wh_permit_count(&c->permits));
}


static void
ngx_http_webhook_metrics_backlog(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_amount_t        total;
    wh_metric_label_t  label;

    ngx_http_webhook_store_backlog(wmcf->worker->store, ep, &total);

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put(out, m, &label, 1, (uint64_t) total.events);
}


static void
ngx_http_webhook_metrics_backlog_bytes(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_amount_t        total;
    wh_metric_label_t  label;

    ngx_http_webhook_store_backlog(wmcf->worker->store, ep, &total);

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put(out, m, &label, 1, (uint64_t) total.octets);
}


static void
ngx_http_webhook_metrics_oldest(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    uint64_t           now, oldest, age;
    wh_amount_t        total;
    wh_metric_label_t  label;

    ngx_http_webhook_store_backlog(wmcf->worker->store, ep, &total);

    oldest = ngx_http_webhook_store_oldest(wmcf->worker->store, ep);
    now = ngx_http_webhook_store_now();

    /* clocks may be set back */

    age = (total.events && oldest && oldest < now) ? now - oldest : 0;

    ngx_http_webhook_metrics_name(&label, "endpoint", &ep->name);
    wh_metric_put_seconds(out, m, &label, 1, age, 1000);
}


static void
ngx_http_webhook_metrics_state(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_endpoint_t *ep = of;

    wh_state_t         s;
    ngx_uint_t         i, state;
    wh_metric_label_t  labels[2];

    ngx_http_webhook_disable_state(ep, ngx_http_webhook_store_now(), &s);

    state = (s.reason == WH_STATE_ENABLED) ? 0
          : wh_state_paused(&s) ? 1
          : s.probing ? 2 : 3;

    ngx_http_webhook_metrics_name(&labels[0], "endpoint", &ep->name);

    for (i = 0; i < sizeof(ngx_http_webhook_metrics_states)
                    / sizeof(ngx_http_webhook_metrics_states[0]); i++)
    {
        ngx_http_webhook_metrics_label(&labels[1], "state",
                                       ngx_http_webhook_metrics_states[i]);
        wh_metric_put(out, m, labels, 2, i == state);
    }
}


static void
ngx_http_webhook_metrics_failures(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_metrics_windows(m, out, of, 0);
}


static void
ngx_http_webhook_metrics_tolerated(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_metrics_windows(m, out, of, 1);
}


static void
ngx_http_webhook_metrics_windows(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_scope_t *scope, ngx_uint_t tolerated)
{
    u_char              text[NGX_INT64_LEN * 3 + 64], *p;
    uint64_t            now;
    ngx_uint_t          i, n;
    wh_limit_t         *limit;
    wh_metric_label_t   labels[3];

    if (scope->endpoint) {
        limit = scope->endpoint->policy.limits;
        n = scope->endpoint->policy.nlimits;

    } else {
        limit = &ngx_http_webhook_zone_policy(scope->zone)->limit;
        n = limit->n ? 1 : 0;
    }

    now = ngx_http_webhook_store_now();

    ngx_http_webhook_metrics_scope(scope, labels);

    for (i = 0; i < n; i++) {

        if (ngx_http_webhook_metrics_repeated(limit, i)) {
            continue;
        }

        p = ngx_sprintf(text, "%uD/%uLms%s", limit[i].n, limit[i].time,
                        limit[i].first ? " count=first" : "");

        if (limit[i].ban) {
            p = ngx_sprintf(p, " for=%uLms", limit[i].ban);
        }

        labels[2].name = "window";
        labels[2].value.data = (char *) text;
        labels[2].value.len = p - text;

        wh_metric_put(out, m, labels, 3,
                      tolerated ? limit[i].n
                                : wh_window_count(limit[i].window, limit[i].n,
                                                  limit[i].time, now));
    }
}


/* a line may stand twice, a sample may not */

static ngx_uint_t
ngx_http_webhook_metrics_repeated(wh_limit_t *limits, ngx_uint_t i)
{
    ngx_uint_t  k;

    for (k = 0; k < i; k++) {
        if (limits[k].n == limits[i].n
            && limits[k].time == limits[i].time
            && limits[k].ban == limits[i].ban
            && limits[k].first == limits[i].first)
        {
            return 1;
        }
    }

    return 0;
}

static void
ngx_http_webhook_metrics_quota(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_metrics_quotas(m, out, of, 0);
}


static void
ngx_http_webhook_metrics_quota_used(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_metrics_quotas(m, out, of, 1);
}


static void
ngx_http_webhook_metrics_quotas(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_scope_t *scope, ngx_uint_t used)
{
    uint64_t            until;
    wh_quota_t         *quota;
    wh_metric_label_t   labels[2];

    quota = scope->endpoint
            ? &scope->endpoint->policy.quota
            : &ngx_http_webhook_zone_policy(scope->zone)->quota;

    /* a zone without endpoints has nothing to count in */

    if (quota->n == 0 || quota->word == NULL) {
        return;
    }

    ngx_http_webhook_metrics_scope(scope, labels);

    wh_metric_put(out, m, labels, 2,
                  used ? wh_quota_used(quota, ngx_http_webhook_store_now(),
                                       &until)
                       : quota->n);
}


static void
ngx_http_webhook_metrics_scope(ngx_http_webhook_scope_t *scope,
    wh_metric_label_t *labels)
{
    ngx_http_webhook_metrics_label(&labels[0], "scope",
                                   scope->endpoint ? "endpoint" : "zone");
    ngx_http_webhook_metrics_name(&labels[1], "name",
                                  scope->endpoint
                                  ? &scope->endpoint->name
                                  : ngx_http_webhook_zone_name(scope->zone));
}


static void
ngx_http_webhook_metrics_store(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_uint_t                i;
    wh_metric_label_t         label;
    ngx_http_webhook_usage_t  usage;

    ngx_http_webhook_store_usage(wmcf->worker->store, &usage);

    for (i = 0; i < 5; i++) {
        ngx_http_webhook_metrics_label(&label, "kind",
                                       i == 0 ? "size"
                                       : i == 1 ? "journal"
                                       : i == 2 ? "journal_used"
                                       : i == 3 ? "warehouse"
                                                : "warehouse_used");

        wh_metric_put(out, m, &label, 1, i == 0 ? usage.size
                                         : i == 1 ? usage.journal
                                         : i == 2 ? usage.journal_used
                                         : i == 3 ? usage.warehouse
                                                  : usage.warehouse_used);
    }
}


static void
ngx_http_webhook_metrics_commits(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    if (wmcf->meter) {
        wh_metric_put_hist(out, m, NULL, 0, &wmcf->meter->commits,
                           &wh_hist_commits);
    }
}


static void
ngx_http_webhook_metrics_zone(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    ngx_http_webhook_zone_t *zone = of;

    size_t             used, unused;
    wh_metric_label_t  labels[2];

    ngx_http_webhook_zone_bytes(zone, &used, &unused);

    ngx_http_webhook_metrics_name(&labels[0], "zone",
                                  ngx_http_webhook_zone_name(zone));

    ngx_http_webhook_metrics_label(&labels[1], "state", "used");
    wh_metric_put(out, m, labels, 2, used);

    ngx_http_webhook_metrics_label(&labels[1], "state", "free");
    wh_metric_put(out, m, labels, 2, unused);
}


static void
ngx_http_webhook_metrics_stall(const wh_metric_t *m, wh_buf_t *out,
    ngx_http_webhook_main_conf_t *wmcf, void *of)
{
    if (wmcf->meter) {
        wh_metric_put_seconds(out, m, NULL, 0, wmcf->meter->stall,
                              1000000000);
    }
}
