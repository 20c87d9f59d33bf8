
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_mail.h"
#include "ngx_http_webhook_notice.h"
#include "ngx_http_webhook_log.h"
#include "ngx_http_webhook_overflow.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_random.h"
#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_states.h"
#include "ngx_http_webhook_waiting.h"

#include "wh_delivery.h"


#define NGX_HTTP_WEBHOOK_BURY_TURN   512   /* entries of zones in a turn */
#define NGX_HTTP_WEBHOOK_QUIET       1000  /* ms between lines on drops */


/* per worker */

typedef struct {
    ngx_queue_t   attempts;                    /* in flight */
    ngx_queue_t   alone;                       /* ... of no delivery */
    ngx_queue_t   refused;                     /* endpoints to tell of */
    ngx_event_t   shutdown;                    /* worker_shutdown_timeout */
    ngx_uint_t    zone;                        /* where a burial goes on */
    ngx_uint_t    entry;
} ngx_http_webhook_delivery_t;


static ngx_int_t ngx_http_webhook_delivery_own(ngx_cycle_t *cycle,
    ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_delivery_drive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_delivery_timer(ngx_http_webhook_lane_t *lane,
    uint64_t when, uint64_t now);
static ngx_int_t ngx_http_webhook_delivery_send(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item,
    uint64_t now);
static void ngx_http_webhook_delivery_begin_log(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, uint64_t now);
static ngx_http_webhook_attempt_t *ngx_http_webhook_delivery_attempt(
    ngx_http_webhook_store_t *st, ngx_http_webhook_item_t *item,
    ngx_int_t *rc);
static void ngx_http_webhook_delivery_handler(ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_delivery_outcome(ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, wh_outcome_t *o);
static void ngx_http_webhook_delivery_report(ngx_http_webhook_store_t *st,
    ngx_http_webhook_attempt_t *a, wh_outcome_t *o, uint64_t now,
    wh_report_t *r);
static void ngx_http_webhook_delivery_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a,
    wh_outcome_t *o, uint64_t now, wh_report_t *r);
static void ngx_http_webhook_delivery_log(ngx_http_webhook_attempt_t *a,
    char *what, ngx_msec_t ms);
static ngx_int_t ngx_http_webhook_delivery_aged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
static void ngx_http_webhook_delivery_refused(ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_delivery_quiet_handler(ngx_event_t *ev);
static void ngx_http_webhook_delivery_forget(ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_delivery_leave(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_delivery_shutdown_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_webhook_delivery_bury(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_delivery_timer_handler(ngx_event_t *ev);
static void ngx_http_webhook_delivery_permit_give(
    ngx_http_webhook_store_t *st, ngx_http_webhook_endpoint_t *ep,
    ngx_int_t permit);


ngx_http_webhook_driver_t  ngx_http_webhook_delivery_driver = {
    ngx_http_webhook_delivery_drive,
    ngx_http_webhook_delivery_forget,
    ngx_http_webhook_waiting_others,
    ngx_http_webhook_delivery_leave,
    ngx_http_webhook_states_stored,
    ngx_http_webhook_delivery_bury
};


ngx_int_t
ngx_http_webhook_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    wh_limit_t                    *limit;
    ngx_uint_t                     i, k;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_endpoint_t  **ep;

    d = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_delivery_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&d->attempts);
    ngx_queue_init(&d->alone);
    ngx_queue_init(&d->refused);

    d->shutdown.handler = ngx_http_webhook_delivery_shutdown_handler;
    d->shutdown.data = wmcf;
    d->shutdown.log = wmcf->worker->log;
    d->shutdown.cancelable = 1;

    wmcf->worker->delivery = d;

    zone = wmcf->zones.elts;

    for (i = 0; i < wmcf->zones.nelts; i++) {
        limit = &ngx_http_webhook_zone_policy(zone[i])->limit;

        if (ngx_http_webhook_zone_own(cycle, zone[i], limit,
                                      ngx_http_webhook_zone_name(zone[i]))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        if (ep[i]->counters == NULL) {
            ngx_log_error(NGX_LOG_ALERT, wmcf->worker->log, 0,
                          "no room for webhook endpoint \"%V\" in its "
                          "\"webhook_zone\", its concurrency is that of each "
                          "worker", &ep[i]->name);

            if (ngx_http_webhook_delivery_own(cycle, ep[i]) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        for (k = 0; k < ep[i]->policy.nlimits; k++) {
            if (ngx_http_webhook_zone_own(cycle, ep[i]->zone,
                                          &ep[i]->policy.limits[k],
                                          &ep[i]->name)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (ngx_http_webhook_waiting_init_process(cycle, wmcf) != NGX_OK
        || ngx_http_webhook_notice_init_process(cycle, wmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_states_init_process(cycle, wmcf);
}


/* counters of the worker, not shared */

static ngx_int_t
ngx_http_webhook_delivery_own(ngx_cycle_t *cycle,
    ngx_http_webhook_endpoint_t *ep)
{
    uint64_t                     *more;
    ngx_http_webhook_counters_t  *c;

    c = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_counters_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    if (ep->policy.concurrency > WH_PERMITS_FIRST) {
        more = ngx_pcalloc(cycle->pool, WH_PERMITS_MORE * sizeof(uint64_t));
        if (more == NULL) {
            return NGX_ERROR;
        }

        wh_permit_extend(&c->permits, more);
    }

    ep->counters = c;

    ngx_http_webhook_delivery_attach(ep);

    return NGX_OK;
}


void
ngx_http_webhook_delivery_attach(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_zone_attach(ep);

    if (ep->mailbox) {
        ep->policy.zone = &ep->mailbox->zone;
    }
}


static void
ngx_http_webhook_delivery_drive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    uint64_t                      now;
    wh_next_e                     rc;
    wh_next_t                     next;
    ngx_uint_t                    n;
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    if (ep == NULL) {
        return;
    }

    now = ngx_http_webhook_store_now();
    n = 0;

    for ( ;; ) {

        if (!ngx_http_webhook_lane_usable(st, lane)) {
            return;
        }

        if (lane->judged && ngx_http_webhook_overflow(st, lane) != NGX_OK) {
            return;
        }

        rc = wh_sched_next(&ep->policy, &lane->core, now, &next);

        if (next.change.to.number) {
            ngx_http_webhook_disable_changed(ep, &next.change);
        }

        if (next.state.reason == WH_STATE_ENABLED
            ? lane->waiting == NGX_HTTP_WEBHOOK_WAIT_ENABLED
            : (lane->waiting == NGX_HTTP_WEBHOOK_WAIT_RATE
               || lane->waiting == NGX_HTTP_WEBHOOK_WAIT_PERMIT))
        {
            ngx_http_webhook_waiting_forget(lane);
        }

        item = next.item ? ngx_http_webhook_item(next.item) : NULL;

        switch (rc) {

        case WH_NEXT_SEND:

            if (lane->waiting
                || ngx_http_webhook_delivery_send(st, lane, item, now)
                   != NGX_OK)
            {
                return;
            }

            break;

        case WH_NEXT_END:

            if (n++ == NGX_HTTP_WEBHOOK_DRIVE_ENDS) {
                ngx_http_webhook_lane_ready(st, lane);
                return;
            }

            if (next.end != WH_END_EXPIRED) {
                ngx_http_webhook_delivery_refused(ep);

            } else if (ngx_http_webhook_delivery_aged(st, item) != NGX_OK) {
                return;
            }

            (void) ngx_http_webhook_delivery_end(st, item, next.end);

            if (!ngx_http_webhook_lane_alive(st, lane)) {
                return;
            }

            break;

        case WH_NEXT_WAIT:
            ngx_http_webhook_delivery_timer(lane, next.when, now);
            ngx_http_webhook_lane_fill(st, lane);
            return;

        case WH_NEXT_HOLD:
            ngx_http_webhook_waiting_enabled(st, lane, &next.state, now);

            /* those that wait for a permit are to be held, too */

            ngx_http_webhook_waiting_granted(st, ep);
            return;

        case WH_NEXT_READ:
            ngx_http_webhook_lane_read(st, lane);
            return;

        default: /* WH_NEXT_NOTHING */
            ngx_http_webhook_lane_fill(st, lane);
            return;
        }
    }
}


static void
ngx_http_webhook_delivery_timer(ngx_http_webhook_lane_t *lane, uint64_t when,
    uint64_t now)
{
    ngx_event_t  *ev;

    ev = &lane->timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ev->handler = ngx_http_webhook_delivery_timer_handler;
    ev->data = lane;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    /* a clock that was set is met again within a minute */

    ngx_add_timer(ev, ngx_min(when - now, 60000));
}


/* NGX_OK, or NGX_DECLINED: no more of this lane now, which may be gone */

static ngx_int_t
ngx_http_webhook_delivery_send(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item, uint64_t now)
{
    ngx_int_t                      rc;
    wh_take_e                      taken;
    wh_take_t                      take;
    ngx_http_webhook_attempt_t    *a;
    ngx_http_webhook_counters_t   *counters;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_main_conf_t  *wmcf;

    ep = lane->endpoint;
    wmcf = ep->main;
    counters = ep->counters;

    if (!ngx_http_webhook_attempt_room(ep)) {
        ngx_http_webhook_waiting_room(st, lane);
        return NGX_DECLINED;
    }

    if (ngx_http_webhook_waiting_paced(lane)) {
        ngx_http_webhook_waiting_rate(st, lane, now);
        return NGX_DECLINED;
    }

    taken = wh_sched_take(&ep->policy, &lane->core, &item->core,
                          (uint32_t) ngx_pid,
                          ep->timeout + NGX_HTTP_WEBHOOK_MARGIN, now, &take);

    if (take.change.to.number) {
        ngx_http_webhook_disable_changed(ep, &take.change);
    }

    if (take.counted) {
        (void) ngx_atomic_fetch_add(&counters->changes, 1);
    }

    if (!ngx_http_webhook_disable_stored(ep)) {
        ngx_http_webhook_states_later(ep);
    }

    if (take.wake) {
        ngx_http_webhook_store_wake_all(st);
    }

    switch (taken) {

    case WH_TAKE_PERMIT:
        ngx_http_webhook_waiting_permit(st, lane);
        return NGX_DECLINED;

    case WH_TAKE_RATE:
        ngx_http_webhook_waiting_rate(st, lane, take.when);
        return NGX_DECLINED;

    case WH_TAKE_AGAIN:
        return NGX_OK;

    default: /* WH_TAKE_OK */
        break;
    }

    a = ngx_http_webhook_delivery_attempt(st, item, &rc);

    if (a == NULL) {

        ngx_http_webhook_delivery_permit_give(st, ep, take.permit);

        if (rc == NGX_ERROR) {
            ngx_http_webhook_waiting_room(st, lane);
        }

        if (rc == NGX_ABORT) {
            ngx_http_webhook_lane_ready(st, lane);
            (void) ngx_http_webhook_delivery_end(st, item, WH_END_DEAD);
        }

        return NGX_DECLINED;
    }

    /* in strict order it needs none, but is to be seen as one in flight */

    a->permit = take.permit;

    if (a->permit == -1) {
        a->permit = wh_permit_take(ep->policy.permits, (uint32_t) ngx_pid,
                                   WH_PERMITS);
    }

    a->probe = take.probe;

    wh_sched_begin(&lane->core, &item->core, now);

    ngx_http_webhook_item_begin(st, item, ngx_current_msec + ep->timeout
                                          + NGX_HTTP_WEBHOOK_MARGIN);

    ngx_http_webhook_delivery_begin_log(st, lane, item, a, now);

    d = wmcf->worker->delivery;
    ngx_queue_insert_tail(&d->attempts, &a->queue);

    ngx_http_webhook_attempt_start(a);

    return NGX_OK;
}


void
ngx_http_webhook_delivery_alone(ngx_http_webhook_attempt_t *a)
{
    ngx_http_webhook_delivery_t  *d;

    d = a->endpoint->main->worker->delivery;
    ngx_queue_insert_tail(&d->alone, &a->queue);

    ngx_http_webhook_attempt_start(a);
}


static void
ngx_http_webhook_delivery_begin_log(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, uint64_t now)
{
    u_char  *p, key[WH_KEY_MAX * 6];

    if (ngx_cycle->log->log_level < NGX_LOG_INFO) {
        return;
    }

    /* a client may have chosen it */

    p = (u_char *) ngx_escape_json(key, lane->key.data, lane->key.len);

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "webhook attempt begin: slot %ui fence %uD lane \"%V\" "
                  "key \"%*s\" seq %uL.%uD id %V attempt %ui probe %ui "
                  "commit %uL first %uL planned %uL time %uL",
                  (ngx_uint_t) ngx_http_webhook_store_slot(st), item->fence,
                  &lane->name, (size_t) (p - key), key, item->core.seq,
                  item->core.index, &a->id, a->number,
                  (ngx_uint_t) (a->probe != 0), item->core.progress.time,
                  item->core.progress.first, item->core.progress.planned, now);
}


/*
 * NULL with *rc NGX_ERROR: no memory, again later; NGX_DECLINED: the delivery
 * is not ours any more; NGX_ABORT: its record cannot be read.
 */

static ngx_http_webhook_attempt_t *
ngx_http_webhook_delivery_attempt(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_int_t *rc)
{
    char                               *reason;
    uint64_t                            now;
    wh_str_t                            record, value;
    ngx_http_webhook_attempt_t         *a;
    ngx_http_webhook_endpoint_t        *ep;
    ngx_http_webhook_attempt_values_t   v;

    ep = item->lane->endpoint;

    a = ngx_http_webhook_attempt_create(ep, ngx_cycle->log);

    if (a == NULL) {
        *rc = NGX_ERROR;
        return NULL;
    }

    *rc = ngx_http_webhook_item_copy(st, item, a->pool, &record);

    if (*rc != NGX_OK) {
        ngx_http_webhook_attempt_discard(a);
        return NULL;
    }

    now = ngx_http_webhook_store_now();

    v.number = item->core.progress.attempts + 1;
    v.time = now;

    ngx_http_webhook_random(ep->main->worker, v.span, sizeof(v.span));

    if (ep->mailbox) {
        *rc = ngx_http_webhook_mail_prepare(a, record, &reason);

    } else {
        *rc = ngx_http_webhook_payload_finish(a->pool, ep, record, &v,
                                              &a->request, &a->url, &reason);
    }

    if (*rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "webhook delivery for \"%V\" is dead: %s", &ep->name,
                      reason);
        *rc = NGX_ABORT;
    }

    if (*rc != NGX_OK) {
        ngx_http_webhook_attempt_discard(a);
        return NULL;
    }

    if (wh_delivery_get(record, WH_FIELD_ID, &value) == WH_OK) {
        a->id.data = (u_char *) value.data;
        a->id.len = value.len;
    }

    if (wh_delivery_get(record, WH_FIELD_EVENT, &value) == WH_OK) {
        a->event.data = (u_char *) value.data;
        a->event.len = value.len;
    }

    a->record = record;
    a->number = v.number;
    a->time = wh_delivery_time(record);
    a->started = v.time;
    a->handler = ngx_http_webhook_delivery_handler;
    a->data = item;

    return a;
}


static void
ngx_http_webhook_delivery_handler(ngx_http_webhook_attempt_t *a)
{
    uint64_t                       now;
    wh_report_t                    report;
    wh_outcome_t                   outcome;
    ngx_http_webhook_item_t       *item;
    ngx_http_webhook_lane_t       *lane;
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_counters_t   *counters;
    ngx_http_webhook_main_conf_t  *wmcf;

    item = a->data;
    wmcf = a->endpoint->main;
    st = wmcf->worker->store;
    counters = a->endpoint->counters;
    now = ngx_http_webhook_store_now();

    ngx_queue_remove(&a->queue);

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "webhook attempt end: slot %ui fence %uD lane \"%V\" "
                  "seq %uL.%uD id %V attempt %ui class %s status %ui "
                  "failure %ui ms %M probe %ui time %uL",
                  (ngx_uint_t) ngx_http_webhook_store_slot(st), item->fence,
                  &a->endpoint->name, item->core.seq, item->core.index,
                  &a->id, a->number, ngx_http_webhook_class_name(a->class),
                  a->status, (ngx_uint_t) a->failure, a->duration,
                  (ngx_uint_t) (a->probe != 0), ngx_http_webhook_store_now());

    if (a->class != NGX_HTTP_WEBHOOK_LOCAL) {
        (void) ngx_atomic_fetch_add(&counters->attempts[a->class], 1);
        wh_hist_add(&counters->durations, &wh_hist_attempts, a->duration);
    }

    if (a->failure) {
        ngx_http_webhook_notice_failed(a->endpoint, a->class, a->status,
                                       &a->id, now);
    }

    ngx_http_webhook_record(st, a, item->core.seq, item->core.index, 0);

    ngx_http_webhook_delivery_permit_give(st, a->endpoint, a->permit);

    ngx_http_webhook_delivery_outcome(item, a, &outcome);
    ngx_http_webhook_delivery_report(st, a, &outcome, now, &report);

    lane = item->lane;

    if (lane == NULL) {
        ngx_http_webhook_item_lost(item);

    } else {
        a->end = "retry";

        ngx_http_webhook_item_finish(st, item);
        ngx_http_webhook_lane_ready(st, lane);
        ngx_http_webhook_delivery_done(st, item, a, &outcome, now, &report);
    }

    if (a->class != NGX_HTTP_WEBHOOK_LOCAL) {
        ngx_http_webhook_log_attempt(a);
    }

    /* a socket, or a permit, may be free now */

    ngx_http_webhook_waiting_wake(st);
}


static void
ngx_http_webhook_delivery_outcome(ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, wh_outcome_t *o)
{
    ngx_memzero(o, sizeof(wh_outcome_t));

    o->after = a->retry_after == -1 ? 0 : (uint64_t) a->retry_after;
    o->counts = a->failure;
    o->first = (item->core.progress.attempts == 0);
    o->probe = a->probe;

    switch (a->class) {

    case NGX_HTTP_WEBHOOK_SUCCESS:
        o->outcome = WH_OUTCOME_SUCCESS;
        break;

    case NGX_HTTP_WEBHOOK_LOCAL:
        o->outcome = WH_OUTCOME_NONE;
        break;

    case NGX_HTTP_WEBHOOK_THROTTLED:
        o->outcome = WH_OUTCOME_THROTTLED;
        break;

    case NGX_HTTP_WEBHOOK_STATUS:
        o->outcome = (a->status == 410 && a->mail == NULL)
                     ? WH_OUTCOME_GONE : WH_OUTCOME_FAILURE;
        o->permanent = ngx_http_webhook_statuses_has(&a->endpoint->permanent,
                                                     a->status)
                       ? 1 : 0;
        break;

    default:
        o->outcome = WH_OUTCOME_FAILURE;
        break;
    }
}


/* windows, and what follows for the endpoint */

static void
ngx_http_webhook_delivery_report(ngx_http_webhook_store_t *st,
    ngx_http_webhook_attempt_t *a, wh_outcome_t *o, uint64_t now,
    wh_report_t *r)
{
    ngx_uint_t                     before;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = a->endpoint->main;
    before = ngx_http_webhook_waiting_generation(wmcf);

    ngx_http_webhook_disable_report(a->endpoint, o, now, r);

    if (!ngx_http_webhook_disable_stored(a->endpoint)) {
        ngx_http_webhook_states_later(a->endpoint);
    }

    if (ngx_http_webhook_waiting_generation(wmcf) != before) {
        ngx_http_webhook_states_save(wmcf);
        ngx_http_webhook_store_wake_all(st);
    }
}


static void
ngx_http_webhook_delivery_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a,
    wh_outcome_t *o, uint64_t now, wh_report_t *r)
{
    uint32_t                      random;
    uint64_t                      next;
    wh_end_e                      end;
    wh_done_e                     rc;
    wh_progress_t                *progress;
    ngx_http_webhook_counters_t  *counters;

    progress = &item->core.progress;

    ngx_http_webhook_random(a->endpoint->main->worker, (u_char *) &random,
                            sizeof(random));

    rc = wh_sched_done(&a->endpoint->policy, &item->lane->core, &item->core,
                       o, r, random, now, &end);

    if (rc == WH_DONE_WAIT) {

        if (a->probe && o->outcome != WH_OUTCOME_NONE) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "webhook probe failed: %s, status %ui, endpoint: "
                          "\"%V\", event: \"%V\", id: %V, attempt: %ui",
                          ngx_http_webhook_class_name(a->class), a->status,
                          &a->endpoint->name, &a->event, &a->id, a->number);

            ngx_http_webhook_notice_probe(a->endpoint, now);
        }

        return;
    }

    if (o->outcome != WH_OUTCOME_SUCCESS) {
        progress->status = (uint16_t) a->status;
        progress->class = (uint8_t) a->class;
    }

    if (rc == WH_DONE_RETRY) {
        next = progress->planned;

        ngx_http_webhook_delivery_log(a, "next in %M ms",
                                      next > now ? (ngx_msec_t) (next - now)
                                                 : 0);
        ngx_http_webhook_item_keep(st, item);
        return;
    }

    switch (end) {

    case WH_END_DEAD:
        ngx_http_webhook_delivery_log(a, "it is dead", 0);
        break;

    case WH_END_EXPIRED:
        ngx_http_webhook_delivery_log(a, "it has expired", 0);
        break;

    default:
        break;
    }

    a->end = ngx_http_webhook_delivery_end(st, item, end);

    if (a->end && end == WH_END_DELIVERED) {
        counters = a->endpoint->counters;
        wh_hist_add(&counters->latencies, &wh_hist_latencies,
                    ngx_http_webhook_attempt_latency(a));
    }
}


static void
ngx_http_webhook_delivery_log(ngx_http_webhook_attempt_t *a, char *what,
    ngx_msec_t ms)
{
    u_char  *p, text[64];

    p = ngx_snprintf(text, sizeof(text), what, ms);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook attempt failed: %s, status %ui, %*s, endpoint: "
                  "\"%V\", event: \"%V\", id: %V, attempt: %ui",
                  ngx_http_webhook_class_name(a->class), a->status,
                  (size_t) (p - text), text, &a->endpoint->name, &a->event,
                  &a->id, a->number);
}


char *
ngx_http_webhook_delivery_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, wh_end_e end)
{
    uint32_t                      fence, index;
    uint64_t                      seq, commit;
    ngx_http_webhook_counters_t  *counters;
    ngx_http_webhook_endpoint_t  *ep;

    ep = item->lane->endpoint;
    counters = ep->counters;
    fence = item->fence;
    seq = item->core.seq;
    index = item->core.index;
    commit = item->core.progress.time;

    if (end == WH_END_EXPIRED && ep->expire_drop) {
        end = WH_END_DROPPED;
    }

    item->core.progress.ended = ngx_http_webhook_store_now();

    if (ngx_http_webhook_item_end(st, item, end) != NGX_OK) {
        return NULL;
    }

    (void) ngx_atomic_fetch_add(&counters->ends[end], 1);

    if (end == WH_END_DEAD || end == WH_END_EXPIRED) {
        ngx_http_webhook_notice_dead(ep);
    }

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "webhook delivery end: slot %ui fence %uD lane \"%V\" "
                  "seq %uL.%uD %s commit %uL",
                  (ngx_uint_t) ngx_http_webhook_store_slot(st), fence,
                  &ep->name, seq, index, ngx_http_webhook_zone_end_name(end),
                  commit);

    return ngx_http_webhook_zone_end_name(end);
}


/* too old before its attempt; NGX_DECLINED: it is not there any more */

static ngx_int_t
ngx_http_webhook_delivery_aged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    wh_str_t                      record, id, event;
    ngx_int_t                     rc;
    ngx_pool_t                   *pool;
    ngx_http_webhook_endpoint_t  *ep;

    ep = item->lane->endpoint;

    id.len = 0;
    event.len = 0;

    /* without memory its names are not logged, that is all */

    pool = ngx_create_pool(1024, ngx_cycle->log);

    if (pool) {
        rc = ngx_http_webhook_item_copy(st, item, pool, &record);

        if (rc == NGX_DECLINED) {
            ngx_destroy_pool(pool);
            return NGX_DECLINED;
        }

        if (rc == NGX_OK) {
            (void) wh_delivery_get(record, WH_FIELD_ID, &id);
            (void) wh_delivery_get(record, WH_FIELD_EVENT, &event);
        }
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook delivery is older than \"max_age\", it has "
                  "expired, endpoint: \"%V\", event: \"%*s\", id: %*s, "
                  "attempts: %uD", &ep->name, event.len, event.data, id.len,
                  id.data, item->core.progress.attempts);

    if (pool) {
        ngx_destroy_pool(pool);
    }

    return NGX_OK;
}


/* captured while its endpoint is disabled: told once a second */

static void
ngx_http_webhook_delivery_refused(ngx_http_webhook_endpoint_t *ep)
{
    ngx_event_t                  *ev;
    ngx_http_webhook_delivery_t  *d;

    if (ep->skipped++ == 0) {
        d = ep->main->worker->delivery;
        ngx_queue_insert_tail(&d->refused, &ep->refused);
    }

    ev = &ep->quiet;

    if (ev->timer_set) {
        return;
    }

    ev->handler = ngx_http_webhook_delivery_quiet_handler;
    ev->data = ep;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    ngx_http_webhook_delivery_quiet_handler(ev);
}


/* the last ones of many are told of when the second is over, or at an exit */

static void
ngx_http_webhook_delivery_quiet_handler(ngx_event_t *ev)
{
    ngx_http_webhook_endpoint_t  *ep;

    ep = ev->data;

    if (ep->skipped == 0) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" is disabled, %ui %s %s",
                  &ep->name, ep->skipped,
                  ep->skipped == 1 ? "event is" : "events are",
                  ep->policy.while_disabled == WH_WHILE_DROP ? "dropped"
                                                             : "dead");

    ep->skipped = 0;
    ngx_queue_remove(&ep->refused);

    ngx_add_timer(ev, NGX_HTTP_WEBHOOK_QUIET);
}


void
ngx_http_webhook_delivery_changed(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_save(wmcf);
    ngx_http_webhook_store_wake_all(wmcf->worker->store);
    ngx_http_webhook_waiting_wake(wmcf->worker->store);
}


static void
ngx_http_webhook_delivery_forget(ngx_http_webhook_lane_t *lane)
{
    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    ngx_http_webhook_waiting_forget(lane);
}


/*
 * The core closes what clients have open after worker_shutdown_timeout, and
 * cannot see attempts.
 */

static void
ngx_http_webhook_delivery_leave(ngx_http_webhook_store_t *st)
{
    ngx_queue_t                   *q;
    ngx_core_conf_t               *ccf;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t   *ep;

    wmcf = ngx_http_webhook_store_main(st);

    d = wmcf->worker->delivery;
    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    ngx_http_webhook_states_save(wmcf);

    /* who has ended just now may have left something, and nobody stays */

    ngx_http_webhook_states_check(wmcf);

    while (!ngx_queue_empty(&d->refused)) {
        q = ngx_queue_head(&d->refused);
        ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, refused);

        ngx_http_webhook_delivery_quiet_handler(&ep->quiet);
    }

    if (ccf->shutdown_timeout) {
        ngx_add_timer(&d->shutdown, ccf->shutdown_timeout);
    }
}


static void
ngx_http_webhook_delivery_shutdown_handler(ngx_event_t *ev)
{
    unsigned                       shard;
    ngx_queue_t                   *q;
    ngx_http_webhook_item_t       *item;
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_attempt_t    *a;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ev->data;
    st = wmcf->worker->store;
    d = wmcf->worker->delivery;

    for (q = ngx_queue_head(&d->alone);
         q != ngx_queue_sentinel(&d->alone);
         q = ngx_queue_next(q))
    {
        a = ngx_queue_data(q, ngx_http_webhook_attempt_t, queue);
        ngx_http_webhook_attempt_cancel(a);
    }

    while (!ngx_queue_empty(&d->attempts)) {

        q = ngx_queue_head(&d->attempts);
        ngx_queue_remove(q);

        a = ngx_queue_data(q, ngx_http_webhook_attempt_t, queue);
        item = a->data;

        ngx_http_webhook_delivery_permit_give(st, a->endpoint, a->permit);
        ngx_http_webhook_attempt_abort(a);

        if (item->lane == NULL) {
            ngx_http_webhook_item_lost(item);
            continue;
        }

        shard = item->lane->shard;

        wh_item_finish(&item->lane->core, &item->core);
        ngx_http_webhook_item_finish(st, item);
        ngx_http_webhook_lane_settle(st, shard);
    }
}


static ngx_int_t
ngx_http_webhook_delivery_bury(ngx_http_webhook_store_t *st, unsigned slot)
{
    uint32_t                       pid;
    ngx_uint_t                     n;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_store_main(st);
    pid = ngx_http_webhook_store_pid(st, slot);

    d = wmcf->worker->delivery;
    zone = wmcf->zones.elts;
    n = NGX_HTTP_WEBHOOK_BURY_TURN;

    while (d->zone < wmcf->zones.nelts) {

        if (ngx_http_webhook_zone_void(zone[d->zone], pid, slot, &d->entry,
                                       &n)
            != NGX_OK)
        {
            return NGX_AGAIN;
        }

        d->zone++;
        d->entry = 0;
    }

    d->zone = 0;

    /* nor has it stored what it has counted, perhaps */

    ngx_http_webhook_states_check(wmcf);

    return NGX_OK;
}


static void
ngx_http_webhook_delivery_timer_handler(ngx_event_t *ev)
{
    ngx_http_webhook_lane_t  *lane;

    lane = ev->data;

    ngx_http_webhook_lane_ready(lane->endpoint->main->worker->store, lane);
}


static void
ngx_http_webhook_delivery_permit_give(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, ngx_int_t permit)
{
    if (permit == -1) {
        return;
    }

    if (wh_permit_give(ep->policy.permits, (uint32_t) ngx_pid, (int) permit))
    {
        ngx_http_webhook_store_wake_all(st);
    }

    /* in strict order nobody waits for one */

    if (ep->policy.order != WH_ORDER_STRICT) {
        ngx_http_webhook_waiting_granted(st, ep);
    }
}
