
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


/* of windows and quotas, two families each */

#define NGX_HTTP_WEBHOOK_ALLOWED  0
#define NGX_HTTP_WEBHOOK_COUNTED  1


typedef struct ngx_http_webhook_piece_s  ngx_http_webhook_piece_t;

typedef void (*ngx_http_webhook_piece_pt)(ngx_http_webhook_piece_t *p);

typedef struct {
    wh_metric_t                       metric;
    ngx_http_webhook_of_e             of;
    ngx_http_webhook_piece_pt         put;
    uintptr_t                         data;
} ngx_http_webhook_family_t;


struct ngx_http_webhook_piece_s {
    const ngx_http_webhook_family_t  *family;
    wh_buf_t                         *out;
    ngx_http_webhook_main_conf_t     *main;

    /* of what it is; of a zone when there is no endpoint */
    ngx_http_webhook_results_t       *results;
    ngx_http_webhook_zone_t          *zone;
    ngx_http_webhook_endpoint_t      *endpoint;
    ngx_http_webhook_counters_t      *counters;

    /* that all samples have */
    wh_metric_label_t                 labels[4];
    ngx_uint_t                        nlabels;
};


static ngx_uint_t ngx_http_webhook_metrics_piece(
    ngx_http_webhook_metrics_t *m, const ngx_http_webhook_family_t *f,
    wh_buf_t *out);

static void ngx_http_webhook_metrics_label(ngx_http_webhook_piece_t *p,
    const char *name, const char *value);
static void ngx_http_webhook_metrics_name(ngx_http_webhook_piece_t *p,
    const char *name, ngx_str_t *value);
static void ngx_http_webhook_metrics_sample(ngx_http_webhook_piece_t *p,
    uint64_t value);
static void ngx_http_webhook_metrics_labelled(ngx_http_webhook_piece_t *p,
    const char *name, const char *label, uint64_t value);
static void ngx_http_webhook_metrics_seconds(ngx_http_webhook_piece_t *p,
    uint64_t value, uint64_t second);
static void ngx_http_webhook_metrics_hist(ngx_http_webhook_piece_t *p,
    const wh_hist_t *h, const wh_hist_scale_t *scale);

static void ngx_http_webhook_metrics_build(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_workers(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_events(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_deliveries(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_attempts(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_durations(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_latencies(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_inflight(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_backlog(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_oldest(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_state(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_windows(ngx_http_webhook_piece_t *p);
static ngx_uint_t ngx_http_webhook_metrics_repeated(wh_limit_t *limits,
    ngx_uint_t i);
static void ngx_http_webhook_metrics_quota(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_store(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_commits(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_zone(ngx_http_webhook_piece_t *p);
static void ngx_http_webhook_metrics_stall(ngx_http_webhook_piece_t *p);


static const ngx_http_webhook_family_t  ngx_http_webhook_families[] = {

    { { "nginx_webhook_build", WH_METRIC_INFO, NULL,
        "Versions of the module and of nginx." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_build, 0 },

    { { "nginx_webhook_workers", WH_METRIC_GAUGE, NULL,
        "Worker processes that use the store." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_workers, 0 },

    { { "nginx_webhook_events", WH_METRIC_COUNTER, NULL,
        "Matches of triggers, by what became of them." },
      NGX_HTTP_WEBHOOK_OF_EVENT, ngx_http_webhook_metrics_events, 0 },

    { { "nginx_webhook_deliveries", WH_METRIC_COUNTER, NULL,
        "Deliveries that have ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_deliveries, 0 },

    { { "nginx_webhook_attempts", WH_METRIC_COUNTER, NULL,
        "Attempts, by how they ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_attempts, 0 },

    { { "nginx_webhook_attempt_duration_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Durations of attempts." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_durations, 0 },

    { { "nginx_webhook_delivery_latency_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Times from events to their deliveries." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_latencies, 0 },

    { { "nginx_webhook_inflight", WH_METRIC_GAUGE, NULL,
        "Attempts in flight." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_inflight, 0 },

    { { "nginx_webhook_backlog", WH_METRIC_GAUGE, NULL,
        "Deliveries that have not ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_backlog,
      offsetof(wh_amount_t, events) },

    { { "nginx_webhook_backlog_bytes", WH_METRIC_GAUGE, "bytes",
        "Size of deliveries that have not ended." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_backlog,
      offsetof(wh_amount_t, octets) },

    { { "nginx_webhook_backlog_oldest_seconds", WH_METRIC_GAUGE, "seconds",
        "Age of the oldest delivery that has not ended, 0 without any." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_oldest, 0 },

    { { "nginx_webhook_endpoint_state", WH_METRIC_GAUGE, NULL,
        "1 for the state of the endpoint, 0 for the others." },
      NGX_HTTP_WEBHOOK_OF_ENDPOINT, ngx_http_webhook_metrics_state, 0 },

    { { "nginx_webhook_window_failures", WH_METRIC_GAUGE, NULL,
        "Failures in a window." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_windows,
      NGX_HTTP_WEBHOOK_COUNTED },

    { { "nginx_webhook_window_tolerated", WH_METRIC_GAUGE, NULL,
        "Failures that a window tolerates." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_windows,
      NGX_HTTP_WEBHOOK_ALLOWED },

    { { "nginx_webhook_quota", WH_METRIC_GAUGE, NULL,
        "First attempts that a quota allows." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_quota,
      NGX_HTTP_WEBHOOK_ALLOWED },

    { { "nginx_webhook_quota_used", WH_METRIC_GAUGE, NULL,
        "First attempts that a quota has counted." },
      NGX_HTTP_WEBHOOK_OF_SCOPE, ngx_http_webhook_metrics_quota,
      NGX_HTTP_WEBHOOK_COUNTED },

    { { "nginx_webhook_store_bytes", WH_METRIC_GAUGE, "bytes",
        "The store." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_store, 0 },

    { { "nginx_webhook_commit_duration_seconds", WH_METRIC_HISTOGRAM,
        "seconds", "Durations of commits." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_commits, 0 },

    { { "nginx_webhook_zone_bytes", WH_METRIC_GAUGE, "bytes",
        "Shared memory zones." },
      NGX_HTTP_WEBHOOK_OF_ZONE, ngx_http_webhook_metrics_zone, 0 },

    { { "nginx_webhook_loop_stall_max_seconds", WH_METRIC_GAUGE, "seconds",
        "The longest time the module has held an event loop at once." },
      NGX_HTTP_WEBHOOK_OF_NGINX, ngx_http_webhook_metrics_stall, 0 },

    { { NULL, WH_METRIC_GAUGE, NULL, NULL },
      NGX_HTTP_WEBHOOK_OF_NGINX, NULL, 0 }
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
    ngx_str_t                      name;
    ngx_uint_t                     i;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_piece_t       p;
    ngx_http_webhook_endpoint_t  **ep;

    zone = m->main->zones.elts;
    ep = m->main->endpoints.elts;
    i = m->index++;

    ngx_memzero(&p, sizeof(ngx_http_webhook_piece_t));

    p.family = f;
    p.out = out;
    p.main = m->main;

    switch (f->of) {

    case NGX_HTTP_WEBHOOK_OF_EVENT:

        if (m->main->zones.nelts == 0) {
            return 0;
        }

        m->next = ngx_http_webhook_zone_next(zone[0], m->next);

        if (m->next == NULL) {
            return 0;
        }

        p.results = m->next;

        name.data = p.results->name;
        name.len = p.results->len;
        ngx_http_webhook_metrics_name(&p, "event", &name);
        break;

    case NGX_HTTP_WEBHOOK_OF_ENDPOINT:

        if (i >= m->main->endpoints.nelts) {
            return 0;
        }

        p.endpoint = ep[i];
        p.counters = ep[i]->counters;
        ngx_http_webhook_metrics_name(&p, "endpoint", &ep[i]->name);
        break;

    case NGX_HTTP_WEBHOOK_OF_ZONE:

        if (i >= m->main->zones.nelts) {
            return 0;
        }

        p.zone = zone[i];
        ngx_http_webhook_metrics_name(&p, "zone",
                                      ngx_http_webhook_zone_name(zone[i]));
        break;

    case NGX_HTTP_WEBHOOK_OF_SCOPE:

        if (i < m->main->zones.nelts) {
            p.zone = zone[i];
            ngx_http_webhook_metrics_label(&p, "scope", "zone");
            ngx_http_webhook_metrics_name(&p, "name",
                                          ngx_http_webhook_zone_name(zone[i]));
            break;
        }

        i -= m->main->zones.nelts;

        if (i >= m->main->endpoints.nelts) {
            return 0;
        }

        p.endpoint = ep[i];
        ngx_http_webhook_metrics_label(&p, "scope", "endpoint");
        ngx_http_webhook_metrics_name(&p, "name", &ep[i]->name);
        break;

    default: /* NGX_HTTP_WEBHOOK_OF_NGINX */
        f->put(&p);
        return 0;
    }

    f->put(&p);

    return 1;
}


static void
ngx_http_webhook_metrics_label(ngx_http_webhook_piece_t *p, const char *name,
    const char *value)
{
    wh_metric_label_t  *label;

    label = &p->labels[p->nlabels++];

    label->name = name;
    label->value.data = value;
    label->value.len = strlen(value);
}


static void
ngx_http_webhook_metrics_name(ngx_http_webhook_piece_t *p, const char *name,
    ngx_str_t *value)
{
    wh_metric_label_t  *label;

    label = &p->labels[p->nlabels++];

    label->name = name;
    label->value.data = (char *) value->data;
    label->value.len = value->len;
}


static void
ngx_http_webhook_metrics_sample(ngx_http_webhook_piece_t *p, uint64_t value)
{
    wh_metric_put(p->out, &p->family->metric, p->labels, p->nlabels, value);
}


/* with a label that the others have not */

static void
ngx_http_webhook_metrics_labelled(ngx_http_webhook_piece_t *p,
    const char *name, const char *label, uint64_t value)
{
    ngx_http_webhook_metrics_label(p, name, label);
    ngx_http_webhook_metrics_sample(p, value);

    p->nlabels--;
}


static void
ngx_http_webhook_metrics_seconds(ngx_http_webhook_piece_t *p, uint64_t value,
    uint64_t second)
{
    wh_metric_put_seconds(p->out, &p->family->metric, p->labels, p->nlabels,
                          value, second);
}


static void
ngx_http_webhook_metrics_hist(ngx_http_webhook_piece_t *p, const wh_hist_t *h,
    const wh_hist_scale_t *scale)
{
    wh_metric_put_hist(p->out, &p->family->metric, p->labels, p->nlabels, h,
                       scale);
}


static void
ngx_http_webhook_metrics_build(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_metrics_label(p, "version", NGX_HTTP_WEBHOOK_VERSION);
    ngx_http_webhook_metrics_label(p, "nginx", NGINX_VERSION);
    ngx_http_webhook_metrics_sample(p, 1);
}


static void
ngx_http_webhook_metrics_workers(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_usage_t  usage;

    ngx_http_webhook_store_usage(p->main->worker->store, &usage);

    ngx_http_webhook_metrics_sample(p, usage.workers);
}


/* those without a name of their own are of the empty one */

static void
ngx_http_webhook_metrics_events(ngx_http_webhook_piece_t *p)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NRESULT; i++) {

        if (p->results->len == 0 && p->results->results[i] == 0) {
            continue;
        }

        ngx_http_webhook_metrics_labelled(p, "result",
                                          ngx_http_webhook_result_name(i),
                                          p->results->results[i]);
    }
}


static void
ngx_http_webhook_metrics_deliveries(ngx_http_webhook_piece_t *p)
{
    ngx_uint_t  i;

    for (i = 0; i < WH_NEND; i++) {
        ngx_http_webhook_metrics_labelled(p, "end",
                                          ngx_http_webhook_zone_end_name(i),
                                          p->counters->ends[i]);
    }
}


static void
ngx_http_webhook_metrics_attempts(ngx_http_webhook_piece_t *p)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_CLASSES; i++) {

        if (i == NGX_HTTP_WEBHOOK_LOCAL) {
            /* it was no attempt */
            continue;
        }

        ngx_http_webhook_metrics_labelled(p, "class",
                                          ngx_http_webhook_class_name(i),
                                          p->counters->attempts[i]);
    }
}


static void
ngx_http_webhook_metrics_durations(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_metrics_hist(p, &p->counters->durations,
                                  &wh_hist_attempts);
}


static void
ngx_http_webhook_metrics_latencies(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_metrics_hist(p, &p->counters->latencies,
                                  &wh_hist_latencies);
}


static void
ngx_http_webhook_metrics_inflight(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_metrics_sample(p, wh_permit_count(&p->counters->permits));
}


static void
ngx_http_webhook_metrics_backlog(ngx_http_webhook_piece_t *p)
{
    int64_t      *amount;
    wh_amount_t   total;

    ngx_http_webhook_store_backlog(p->main->worker->store, p->endpoint,
                                   &total);

    amount = (int64_t *) ((char *) &total + p->family->data);

    ngx_http_webhook_metrics_sample(p, (uint64_t) *amount);
}


static void
ngx_http_webhook_metrics_oldest(ngx_http_webhook_piece_t *p)
{
    uint64_t                   now, oldest, age;
    wh_amount_t                total;
    ngx_http_webhook_store_t  *st;

    st = p->main->worker->store;

    ngx_http_webhook_store_backlog(st, p->endpoint, &total);

    oldest = ngx_http_webhook_store_oldest(st, p->endpoint);
    now = ngx_http_webhook_store_now();

    /* clocks may be set back */

    age = (total.events && oldest && oldest < now) ? now - oldest : 0;

    ngx_http_webhook_metrics_seconds(p, age, 1000);
}


static void
ngx_http_webhook_metrics_state(ngx_http_webhook_piece_t *p)
{
    wh_state_t  s;
    ngx_uint_t  i, state;

    ngx_http_webhook_disable_state(p->endpoint, ngx_http_webhook_store_now(),
                                   &s);

    state = (s.reason == WH_STATE_ENABLED) ? 0
          : wh_state_paused(&s) ? 1
          : s.probing ? 2 : 3;

    for (i = 0; i < sizeof(ngx_http_webhook_metrics_states)
                    / sizeof(ngx_http_webhook_metrics_states[0]); i++)
    {
        ngx_http_webhook_metrics_labelled(p, "state",
                                          ngx_http_webhook_metrics_states[i],
                                          i == state);
    }
}


static void
ngx_http_webhook_metrics_windows(ngx_http_webhook_piece_t *p)
{
    u_char       text[NGX_INT64_LEN * 3 + 64], *last;
    uint64_t     now;
    ngx_uint_t   i, n;
    wh_limit_t  *limit;

    if (p->endpoint) {
        limit = p->endpoint->policy.limits;
        n = p->endpoint->policy.nlimits;

    } else {
        limit = &ngx_http_webhook_zone_policy(p->zone)->limit;
        n = limit->n ? 1 : 0;
    }

    now = ngx_http_webhook_store_now();

    for (i = 0; i < n; i++) {

        if (ngx_http_webhook_metrics_repeated(limit, i)) {
            continue;
        }

        last = ngx_sprintf(text, "%uD/%uLms%s", limit[i].n, limit[i].time,
                           limit[i].first ? " count=first" : "");

        if (limit[i].ban) {
            last = ngx_sprintf(last, " for=%uLms", limit[i].ban);
        }

        *last = '\0';

        ngx_http_webhook_metrics_labelled(p, "window", (char *) text,
                       p->family->data == NGX_HTTP_WEBHOOK_ALLOWED
                       ? limit[i].n
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
ngx_http_webhook_metrics_quota(ngx_http_webhook_piece_t *p)
{
    uint64_t     now, until;
    wh_quota_t  *quota;

    quota = p->endpoint ? &p->endpoint->policy.quota
                        : &ngx_http_webhook_zone_policy(p->zone)->quota;

    /* a zone without endpoints has nothing to count in */

    if (quota->n == 0 || quota->word == NULL) {
        return;
    }

    now = ngx_http_webhook_store_now();

    ngx_http_webhook_metrics_sample(p,
                              p->family->data == NGX_HTTP_WEBHOOK_ALLOWED
                              ? quota->n : wh_quota_used(quota, now, &until));
}


static void
ngx_http_webhook_metrics_store(ngx_http_webhook_piece_t *p)
{
    ngx_http_webhook_usage_t  u;

    ngx_http_webhook_store_usage(p->main->worker->store, &u);

    ngx_http_webhook_metrics_labelled(p, "kind", "size", u.size);
    ngx_http_webhook_metrics_labelled(p, "kind", "journal", u.journal);
    ngx_http_webhook_metrics_labelled(p, "kind", "journal_used",
                                      u.journal_used);
    ngx_http_webhook_metrics_labelled(p, "kind", "warehouse", u.warehouse);
    ngx_http_webhook_metrics_labelled(p, "kind", "warehouse_used",
                                      u.warehouse_used);
}


static void
ngx_http_webhook_metrics_commits(ngx_http_webhook_piece_t *p)
{
    if (p->main->meter) {
        ngx_http_webhook_metrics_hist(p, &p->main->meter->commits,
                                      &wh_hist_commits);
    }
}


static void
ngx_http_webhook_metrics_zone(ngx_http_webhook_piece_t *p)
{
    size_t  used, unused;

    ngx_http_webhook_zone_bytes(p->zone, &used, &unused);

    ngx_http_webhook_metrics_labelled(p, "state", "used", used);
    ngx_http_webhook_metrics_labelled(p, "state", "free", unused);
}


static void
ngx_http_webhook_metrics_stall(ngx_http_webhook_piece_t *p)
{
    if (p->main->meter) {
        ngx_http_webhook_metrics_seconds(p, p->main->meter->stall,
                                         1000000000);
    }
}
