
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_random.h"
#include "ngx_http_webhook_states.h"

#include "wh_delivery.h"


#define NGX_HTTP_WEBHOOK_LOCAL_DELAY  100      /* ms, without resources */
#define NGX_HTTP_WEBHOOK_MARGIN       2000     /* ms behind a deadline */
#define NGX_HTTP_WEBHOOK_HELD_DELAY   1000     /* ms, should a wake-up be lost */


/* per worker */

typedef struct {
    ngx_queue_t   waiting;                     /* lanes */
    ngx_event_t   event;                       /* looks after them again */
    ngx_queue_t   attempts;                    /* in flight */
    ngx_event_t   shutdown;                    /* worker_shutdown_timeout */
    ngx_event_t   held;                        /* lanes that are held */
    ngx_uint_t    generation;                  /* of transitions, as seen */
} ngx_http_webhook_delivery_t;


static void ngx_http_webhook_delivery_drive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static ngx_uint_t ngx_http_webhook_delivery_send(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item);
static ngx_http_webhook_attempt_t *ngx_http_webhook_delivery_attempt(
    ngx_http_webhook_store_t *st, ngx_http_webhook_item_t *item,
    ngx_int_t *rc);
static void ngx_http_webhook_delivery_handler(ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_delivery_aged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
static wh_retry_e ngx_http_webhook_delivery_next(ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, uint64_t now, uint64_t *next);
static void ngx_http_webhook_delivery_expire(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
static void ngx_http_webhook_delivery_report(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_delivery_failed(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_delivery_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_end_e end);
static void ngx_http_webhook_delivery_hold(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_state_t *s, uint64_t now);
static ngx_int_t ngx_http_webhook_delivery_refuse(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    wh_state_t *s);
static void ngx_http_webhook_delivery_probe(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, uint64_t now);
static void ngx_http_webhook_delivery_resume(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_delivery_release(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_delivery_unhold(ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_delivery_held_timer(
    ngx_http_webhook_delivery_t *d, wh_state_t *s, uint64_t now);
static void ngx_http_webhook_delivery_held_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_webhook_delivery_generation(
    ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_delivery_wait(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_delivery_wake(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_delivery_forget(ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_delivery_leave(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_delivery_shutdown_handler(ngx_event_t *ev);
static void ngx_http_webhook_delivery_bury(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_delivery_timer_handler(ngx_event_t *ev);
static void ngx_http_webhook_delivery_event_handler(ngx_event_t *ev);
static void ngx_http_webhook_delivery_permit_give(
    ngx_http_webhook_store_t *st, ngx_http_webhook_endpoint_t *ep,
    ngx_int_t permit);


ngx_http_webhook_driver_t  ngx_http_webhook_delivery_driver = {
    ngx_http_webhook_delivery_drive,
    ngx_http_webhook_delivery_forget,
    ngx_http_webhook_delivery_wake,
    ngx_http_webhook_delivery_leave,
    ngx_http_webhook_states_stored,
    ngx_http_webhook_delivery_bury
};


ngx_int_t
ngx_http_webhook_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_endpoint_t  **ep;

    d = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_delivery_t));
    if (d == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&d->waiting);
    ngx_queue_init(&d->attempts);

    d->event.handler = ngx_http_webhook_delivery_event_handler;
    d->event.data = wmcf;
    d->event.log = wmcf->worker->log;
    d->event.cancelable = 1;

    d->shutdown.handler = ngx_http_webhook_delivery_shutdown_handler;
    d->shutdown.data = wmcf;
    d->shutdown.log = wmcf->worker->log;
    d->shutdown.cancelable = 1;

    d->held.handler = ngx_http_webhook_delivery_held_handler;
    d->held.data = wmcf;
    d->held.log = wmcf->worker->log;
    d->held.cancelable = 1;

    wmcf->worker->delivery = d;

    zone = wmcf->zones.elts;

    for (i = 0; i < wmcf->zones.nelts; i++) {
        if (ngx_http_webhook_zone_window(cycle, zone[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        ep[i]->counters = ngx_http_webhook_zone_counters(ep[i]->zone,
                                                         &ep[i]->name);
        if (ep[i]->counters == NULL) {
            ngx_log_error(NGX_LOG_ALERT, wmcf->worker->log, 0,
                          "no room for webhook endpoint \"%V\" in its "
                          "\"webhook_zone\", its concurrency is that of each "
                          "worker", &ep[i]->name);

            ep[i]->counters = ngx_pcalloc(cycle->pool,
                                          sizeof(ngx_http_webhook_counters_t));
            if (ep[i]->counters == NULL) {
                return NGX_ERROR;
            }
        }

        if (ngx_http_webhook_zone_windows(cycle, ep[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_webhook_states_init_process(cycle, wmcf);
}


static void
ngx_http_webhook_delivery_drive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    uint64_t                      now, planned;
    wh_state_t                    s;
    ngx_uint_t                    most;
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    if (ep == NULL) {
        return;
    }

    now = ngx_http_webhook_store_now();

    ngx_http_webhook_disable_state(ep, now, &s);

    if (s.reason != WH_STATE_ENABLED) {
        ngx_http_webhook_delivery_hold(st, lane, &s, now);
        return;
    }

    ngx_http_webhook_delivery_unhold(lane);

    if (lane->waiting) {
        return;
    }

    ngx_http_webhook_lane_shift(lane, s.held, now);

    most = (ep->order == NGX_HTTP_WEBHOOK_ORDER_NONE) ? ep->concurrency : 1;
    planned = 0;

    while (lane->inflight < most) {

        item = ngx_http_webhook_lane_next(st, lane, now, &planned);

        if (item == NULL) {
            break;
        }

        if (!ngx_http_webhook_delivery_send(st, lane, item)) {
            return;
        }
    }

    /* "planned" tells of a lane that is still there */

    if (planned == 0) {
        return;
    }

    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    lane->timer.handler = ngx_http_webhook_delivery_timer_handler;
    lane->timer.data = lane;
    lane->timer.log = ngx_cycle->log;
    lane->timer.cancelable = 1;

    /* a clock that was set is met again within a minute */

    ngx_add_timer(&lane->timer, ngx_min(planned - now, 60000));
}


/* 0: no more of this lane now */

static ngx_uint_t
ngx_http_webhook_delivery_send(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *item)
{
    ngx_int_t                      rc, permit;
    ngx_http_webhook_attempt_t    *a;
    ngx_http_webhook_counters_t   *counters;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_main_conf_t  *wmcf;

    ep = lane->endpoint;
    wmcf = ep->main;

    if (wh_retry_aged(&ep->retry, item->progress.time,
                      ngx_http_webhook_store_now()))
    {
        ngx_http_webhook_lane_ready(st, lane);
        ngx_http_webhook_delivery_aged(st, item);
        return 0;
    }

    if (!ngx_http_webhook_attempt_room(wmcf)) {
        ngx_http_webhook_delivery_wait(st, lane);
        return 0;
    }

    permit = NGX_DECLINED;

    if (ep->order != NGX_HTTP_WEBHOOK_ORDER_STRICT) {

        counters = ep->counters;
        permit = ngx_http_webhook_permit_take(counters,
                                              ngx_http_webhook_store_slot(st),
                                              ep->concurrency);
        if (permit == NGX_DECLINED) {
            counters->wanted = 1;

            ngx_http_webhook_delivery_wait(st, lane);
            return 0;
        }
    }

    a = ngx_http_webhook_delivery_attempt(st, item, &rc);

    if (a == NULL) {

        ngx_http_webhook_delivery_permit_give(st, ep, permit);

        if (rc == NGX_ERROR) {
            ngx_http_webhook_delivery_wait(st, lane);
        }

        if (rc == NGX_ABORT) {
            ngx_http_webhook_lane_ready(st, lane);
            ngx_http_webhook_delivery_end(st, item, NGX_HTTP_WEBHOOK_DEAD);
        }

        return 0;
    }

    a->permit = permit;
    a->probe = lane->probe;
    lane->probe = 0;

    ngx_http_webhook_item_begin(st, item, ngx_current_msec + ep->timeout
                                          + NGX_HTTP_WEBHOOK_MARGIN);

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "webhook attempt begin: slot %ui fence %uD lane \"%V\" "
                  "key \"%V\" seq %uL.%uD id %V attempt %ui",
                  (ngx_uint_t) ngx_http_webhook_store_slot(st), item->fence,
                  &lane->name, &lane->key, item->seq, item->index, &a->id,
                  a->number);

    d = wmcf->worker->delivery;
    ngx_queue_insert_tail(&d->attempts, &a->queue);

    ngx_http_webhook_attempt_start(a);

    return 1;
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

    v.number = item->progress.attempts + 1;
    v.time = now;

    ngx_http_webhook_random(ep->main->worker, v.span, sizeof(v.span));

    *rc = ngx_http_webhook_payload_finish(a->pool, ep, record, &v,
                                          &a->request, &reason);

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

    a->number = v.number;
    a->handler = ngx_http_webhook_delivery_handler;
    a->data = item;

    if (item->progress.first == 0) {
        item->progress.first = now;
        item->progress.planned = now;
        item->progress.held = item->lane->held;
    }

    return a;
}


static void
ngx_http_webhook_delivery_handler(ngx_http_webhook_attempt_t *a)
{
    ngx_http_webhook_item_t       *item;
    ngx_http_webhook_lane_t       *lane;
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_counters_t   *counters;
    ngx_http_webhook_main_conf_t  *wmcf;

    item = a->data;
    wmcf = a->endpoint->main;
    st = wmcf->worker->store;
    counters = a->endpoint->counters;

    ngx_queue_remove(&a->queue);

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                  "webhook attempt end: slot %ui fence %uD lane \"%V\" "
                  "seq %uL.%uD id %V attempt %ui class %s status %ui "
                  "failure %ui ms %M",
                  (ngx_uint_t) ngx_http_webhook_store_slot(st), item->fence,
                  &a->endpoint->name, item->seq, item->index, &a->id,
                  a->number, ngx_http_webhook_class_name(a->class),
                  a->status, (ngx_uint_t) a->failure, a->duration);

    if (a->class != NGX_HTTP_WEBHOOK_LOCAL) {
        (void) ngx_atomic_fetch_add(&counters->attempts[a->class], 1);
    }

    ngx_http_webhook_delivery_permit_give(st, a->endpoint, a->permit);

    ngx_http_webhook_delivery_report(st, item, a);

    lane = item->lane;

    if (lane == NULL) {
        ngx_http_webhook_item_lost(item);
        goto done;
    }

    ngx_http_webhook_item_finish(st, item);

    ngx_http_webhook_lane_ready(st, lane);

    switch (a->class) {

    case NGX_HTTP_WEBHOOK_SUCCESS:
        ngx_http_webhook_delivery_end(st, item, NGX_HTTP_WEBHOOK_DELIVERED);
        break;

    case NGX_HTTP_WEBHOOK_LOCAL:

        /* it was none: the schedule begins with the next one */

        item->progress.planned = ngx_http_webhook_store_now()
                                 + NGX_HTTP_WEBHOOK_LOCAL_DELAY;

        if (item->progress.attempts == 0) {
            item->progress.first = 0;
        }

        ngx_http_webhook_item_wait(item);
        break;

    default:
        ngx_http_webhook_delivery_failed(st, item, a);
    }

done:

    /* a socket, or a permit, may be free now */

    ngx_http_webhook_delivery_wake(st);
}


/* too old before its attempt */

static void
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
            return;
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
                  id.data, item->progress.attempts);

    if (pool) {
        ngx_destroy_pool(pool);
    }

    ngx_http_webhook_delivery_expire(st, item);
}


static wh_retry_e
ngx_http_webhook_delivery_next(ngx_http_webhook_item_t *item,
    ngx_http_webhook_attempt_t *a, uint64_t now, uint64_t *next)
{
    wh_retry_failure_t            f;
    ngx_http_webhook_endpoint_t  *ep;
    ngx_http_webhook_progress_t  *progress;

    ep = a->endpoint;
    progress = &item->progress;

    f.commit = progress->time;
    f.first = progress->first;
    f.planned = progress->planned;
    f.now = now;
    f.after = a->retry_after == -1 ? 0 : (uint64_t) a->retry_after;
    f.used = progress->attempts - progress->throttled;
    f.throttled = (a->class == NGX_HTTP_WEBHOOK_THROTTLED);

    ngx_http_webhook_random(ep->main->worker, (u_char *) &f.random,
                            sizeof(f.random));

    progress->attempts++;
    progress->throttled += f.throttled;

    if (a->class == NGX_HTTP_WEBHOOK_STATUS
        && ngx_http_webhook_statuses_has(&ep->permanent, a->status))
    {
        return WH_RETRY_DEAD;
    }

    return wh_retry_next(&ep->retry, &f, next);
}


static void
ngx_http_webhook_delivery_expire(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    ngx_http_webhook_endpoint_t  *ep;

    ep = item->lane->endpoint;

    ngx_http_webhook_delivery_end(st, item,
                                  ep->expire_drop
                                      ? NGX_HTTP_WEBHOOK_LOST_DROPPED
                                      : NGX_HTTP_WEBHOOK_EXPIRED);
}


/* windows, and what follows for the endpoint */

static void
ngx_http_webhook_delivery_report(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a)
{
    uint64_t                       now;
    wh_state_t                     s;
    ngx_uint_t                     before;
    ngx_http_webhook_outcome_e     outcome;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = a->endpoint->main;
    now = ngx_http_webhook_store_now();
    before = ngx_http_webhook_delivery_generation(wmcf);

    switch (a->class) {

    case NGX_HTTP_WEBHOOK_SUCCESS:
        outcome = NGX_HTTP_WEBHOOK_OUTCOME_SUCCESS;
        break;

    case NGX_HTTP_WEBHOOK_LOCAL:
        outcome = NGX_HTTP_WEBHOOK_OUTCOME_NONE;
        break;

    case NGX_HTTP_WEBHOOK_STATUS:
        outcome = (a->status == 410) ? NGX_HTTP_WEBHOOK_OUTCOME_GONE
                                     : NGX_HTTP_WEBHOOK_OUTCOME_FAILURE;
        break;

    default:
        /* a throttled one may be none */
        outcome = a->failure ? NGX_HTTP_WEBHOOK_OUTCOME_FAILURE
                             : NGX_HTTP_WEBHOOK_OUTCOME_NONE;
        break;
    }

    /* delays of this delivery add to a clock that has stood still so far */

    ngx_http_webhook_disable_state(a->endpoint, now, &s);
    (void) ngx_http_webhook_item_shift(item, wh_state_held(&s, now));

    ngx_http_webhook_disable_report(a->endpoint, outcome,
                                    item->progress.attempts == 0, a->probe,
                                    now);

    if (ngx_http_webhook_delivery_generation(wmcf) != before) {
        ngx_http_webhook_states_save(wmcf);
        ngx_http_webhook_store_wake_all(st);

    } else if (!ngx_http_webhook_disable_stored(a->endpoint)) {
        ngx_http_webhook_states_later(wmcf);
    }
}


static void
ngx_http_webhook_delivery_failed(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_attempt_t *a)
{
    u_char                       *p, what[64];
    uint64_t                      now, next;
    wh_retry_e                    rc;
    ngx_http_webhook_endpoint_t  *ep;

    ep = a->endpoint;
    now = ngx_http_webhook_store_now();
    next = now;

    if (a->probe
        && !(a->class == NGX_HTTP_WEBHOOK_STATUS
             && ngx_http_webhook_statuses_has(&ep->permanent, a->status)))
    {

        /* it tells of the endpoint, and takes nothing from the delivery */

        if (item->progress.attempts == 0) {
            item->progress.first = 0;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "webhook probe failed: %s, status %ui, endpoint: "
                      "\"%V\", event: \"%V\", id: %V, attempt: %ui",
                      ngx_http_webhook_class_name(a->class), a->status,
                      &ep->name, &a->event, &a->id, a->number);

        ngx_http_webhook_item_wait(item);
        return;
    }

    item->progress.status = (uint16_t) a->status;
    item->progress.class = (uint8_t) a->class;

    rc = ngx_http_webhook_delivery_next(item, a, now, &next);

    switch (rc) {

    case WH_RETRY_AGAIN:
        p = ngx_snprintf(what, sizeof(what), "next in %uL ms",
                         next > now ? next - now : 0);
        break;

    case WH_RETRY_DEAD:
        p = ngx_snprintf(what, sizeof(what), "it is dead");
        break;

    default:
        p = ngx_snprintf(what, sizeof(what), "it has expired");
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook attempt failed: %s, status %ui, %*s, endpoint: "
                  "\"%V\", event: \"%V\", id: %V, attempt: %ui",
                  ngx_http_webhook_class_name(a->class), a->status,
                  (size_t) (p - what), what, &ep->name, &a->event, &a->id,
                  a->number);

    if (rc == WH_RETRY_AGAIN) {
        item->progress.planned = next;
        ngx_http_webhook_item_retry(st, item);
        return;
    }

    if (rc == WH_RETRY_DEAD) {
        ngx_http_webhook_delivery_end(st, item, NGX_HTTP_WEBHOOK_DEAD);
        return;
    }

    ngx_http_webhook_delivery_expire(st, item);
}


static void
ngx_http_webhook_delivery_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_end_e end)
{
    ngx_http_webhook_counters_t  *counters;

    counters = item->lane->endpoint->counters;

    item->progress.ended = ngx_http_webhook_store_now();

    if (ngx_http_webhook_item_end(st, item, end) == NGX_OK) {
        (void) ngx_atomic_fetch_add(&counters->ends[end], 1);
    }
}


/* the endpoint is disabled: its lanes wait for that to change */

static void
ngx_http_webhook_delivery_hold(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_state_t *s, uint64_t now)
{
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_delivery_t  *d;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;
    d = ep->main->worker->delivery;

    if (lane->probe) {

        if (lane->waiting) {
            return;
        }

        item = ngx_http_webhook_lane_head(st, lane);

        if (item) {
            lane->held = wh_state_held(s, now);
            (void) ngx_http_webhook_item_shift(item, lane->held);

            (void) ngx_http_webhook_delivery_send(st, lane, item);
            return;
        }

        lane->probe = 0;
    }

    if (!lane->waiting) {
        lane->waiting = 1;
        lane->holding = 1;
        ngx_queue_insert_tail(&ep->held, &lane->wait);
    }

    if (s->probe && now >= s->probe) {
        ngx_http_webhook_delivery_probe(st, ep, now);
    }

    if (!lane->probe
        && ep->while_disabled != NGX_HTTP_WEBHOOK_HOLD
        && ngx_http_webhook_delivery_refuse(st, lane, s) != NGX_OK)
    {
        return;
    }

    ngx_http_webhook_delivery_held_timer(d, s, now);
}


/* what was captured since it is disabled; NGX_DECLINED: the lane is lost */

static ngx_int_t
ngx_http_webhook_delivery_refuse(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_state_t *s)
{
    ngx_uint_t                    n;
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    for (n = 0; /* void */ ; n++) {

        item = ngx_http_webhook_lane_tail(st, lane);

        /* of the very millisecond: it may have been there before */

        if (item == NULL || item->progress.attempts
            || item->progress.time <= s->since)
        {
            break;
        }

        ngx_http_webhook_delivery_end(st, item,
                                      ep->while_disabled
                                      == NGX_HTTP_WEBHOOK_DROP
                                          ? NGX_HTTP_WEBHOOK_LOST_DROPPED
                                          : NGX_HTTP_WEBHOOK_DEAD);

        if (!ngx_http_webhook_lane_alive(st, lane)) {
            return NGX_DECLINED;
        }
    }

    ep->skipped += n;

    if (ep->skipped && ep->quiet != ngx_time()) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "webhook endpoint \"%V\" is disabled, %ui events are %s",
                      &ep->name, ep->skipped,
                      ep->while_disabled == NGX_HTTP_WEBHOOK_DROP
                          ? "dropped" : "dead");

        ep->quiet = ngx_time();
        ep->skipped = 0;
    }

    return NGX_OK;
}


/* the oldest head of the lanes that are here, if nobody is faster */

static void
ngx_http_webhook_delivery_probe(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    uint64_t                  seq;
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;
    ngx_http_webhook_lane_t  *lane, *oldest;

    oldest = NULL;
    seq = 0;

    for (q = ngx_queue_head(&ep->held);
         q != ngx_queue_sentinel(&ep->held);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);
        item = ngx_http_webhook_lane_head(st, lane);

        if (item && (oldest == NULL || item->seq < seq)) {
            oldest = lane;
            seq = item->seq;
        }
    }

    if (oldest == NULL
        || ngx_http_webhook_disable_probe_begin(ep, now,
                                                ep->timeout
                                                + NGX_HTTP_WEBHOOK_MARGIN)
           != NGX_OK)
    {
        return;
    }

    ngx_http_webhook_delivery_unhold(oldest);

    oldest->probe = 1;

    ngx_http_webhook_lane_ready(st, oldest);
}


/* lanes whose endpoints were enabled, by whomsoever */

static void
ngx_http_webhook_delivery_resume(ngx_http_webhook_store_t *st)
{
    uint64_t                       now;
    wh_state_t                     s;
    ngx_uint_t                     i, generation;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t  **ep;

    wmcf = ngx_http_webhook_store_main(st);
    d = wmcf->worker->delivery;

    generation = ngx_http_webhook_delivery_generation(wmcf);

    if (generation == d->generation) {
        return;
    }

    d->generation = generation;

    /* whoever has made the transition may not live to store it */

    ngx_http_webhook_states_later(wmcf);

    now = ngx_http_webhook_store_now();
    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (ngx_queue_empty(&ep[i]->held)) {
            continue;
        }

        ngx_http_webhook_disable_state(ep[i], now, &s);

        if (s.reason != WH_STATE_ENABLED) {
            ngx_http_webhook_delivery_held_timer(d, &s, now);
            continue;
        }

        ngx_http_webhook_delivery_release(st, ep[i]);
    }
}


static void
ngx_http_webhook_delivery_release(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    while (!ngx_queue_empty(&ep->held)) {
        q = ngx_queue_head(&ep->held);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

        ngx_http_webhook_delivery_unhold(lane);
        ngx_http_webhook_lane_ready(st, lane);
    }
}


static void
ngx_http_webhook_delivery_unhold(ngx_http_webhook_lane_t *lane)
{
    lane->probe = 0;

    if (lane->holding) {
        ngx_queue_remove(&lane->wait);
        lane->holding = 0;
        lane->waiting = 0;
    }
}


static void
ngx_http_webhook_delivery_held_timer(ngx_http_webhook_delivery_t *d,
    wh_state_t *s, uint64_t now)
{
    uint64_t  next;

    next = now + NGX_HTTP_WEBHOOK_HELD_DELAY;

    if (s->until) {
        next = ngx_min(next, s->until);
    }

    if (s->probe && s->probe > now) {
        next = ngx_min(next, s->probe);
    }

    next = next > now ? next - now : 1;

    if (!d->held.timer_set
        || (ngx_msec_int_t) (d->held.timer.key - ngx_current_msec)
           > (ngx_msec_int_t) next)
    {
        if (d->held.timer_set) {
            ngx_del_timer(&d->held);
        }

        ngx_add_timer(&d->held, (ngx_msec_t) next);
    }
}


static void
ngx_http_webhook_delivery_held_handler(ngx_event_t *ev)
{
    uint64_t                       now;
    wh_state_t                     s;
    ngx_uint_t                     i;
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t  **ep;

    wmcf = ev->data;
    st = wmcf->worker->store;
    d = wmcf->worker->delivery;

    now = ngx_http_webhook_store_now();
    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (ngx_queue_empty(&ep[i]->held)) {
            continue;
        }

        ngx_http_webhook_disable_state(ep[i], now, &s);

        if (s.reason == WH_STATE_ENABLED) {

            /*
             * not by the counter of transitions: another worker may have
             * ended the ban, and not have counted that yet
             */

            ngx_http_webhook_delivery_release(st, ep[i]);
            continue;
        }

        if (s.probe && now >= s.probe) {
            ngx_http_webhook_delivery_probe(st, ep[i], now);
        }

        ngx_http_webhook_delivery_held_timer(d, &s, now);
    }

    ngx_http_webhook_delivery_resume(st);
}


static ngx_uint_t
ngx_http_webhook_delivery_generation(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                 i, n;
    ngx_http_webhook_zone_t  **zone;

    n = 0;
    zone = wmcf->zones.elts;

    for (i = 0; i < wmcf->zones.nelts; i++) {
        n += ngx_http_webhook_zone_generation(zone[i]);
    }

    return n;
}


void
ngx_http_webhook_delivery_changed(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_save(wmcf);
    ngx_http_webhook_store_wake_all(wmcf->worker->store);
    ngx_http_webhook_delivery_resume(wmcf->worker->store);
}


/* until a permit or a socket is free */

static void
ngx_http_webhook_delivery_wait(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_store_main(st);
    d = wmcf->worker->delivery;

    if (!lane->waiting) {
        lane->waiting = 1;
        ngx_queue_insert_tail(&d->waiting, &lane->wait);
    }

    if (!d->event.timer_set) {
        ngx_add_timer(&d->event, NGX_HTTP_WEBHOOK_LOCAL_DELAY);
    }
}


static void
ngx_http_webhook_delivery_wake(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                     n;
    ngx_queue_t                   *q;
    ngx_http_webhook_lane_t       *lane;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_store_main(st);
    d = wmcf->worker->delivery;

    ngx_http_webhook_delivery_resume(st);

    /* a few at a time, in turn: none is to be served twice before another */

    for (n = 0; n < 8 && !ngx_queue_empty(&d->waiting); n++) {

        q = ngx_queue_head(&d->waiting);
        ngx_queue_remove(q);

        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);
        lane->waiting = 0;

        ngx_http_webhook_lane_ready(st, lane);
    }
}


static void
ngx_http_webhook_delivery_forget(ngx_http_webhook_lane_t *lane)
{
    if (lane->timer.timer_set) {
        ngx_del_timer(&lane->timer);
    }

    if (lane->waiting) {
        ngx_queue_remove(&lane->wait);
        lane->waiting = 0;
        lane->holding = 0;
    }
}


/*
 * The core closes what clients have open after worker_shutdown_timeout, and
 * cannot see attempts.
 */

static void
ngx_http_webhook_delivery_leave(ngx_http_webhook_store_t *st)
{
    ngx_core_conf_t              *ccf;
    ngx_http_webhook_delivery_t  *d;

    d = ngx_http_webhook_store_main(st)->worker->delivery;
    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    ngx_http_webhook_states_save(ngx_http_webhook_store_main(st));

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

        ngx_http_webhook_item_finish(st, item);
        ngx_http_webhook_lane_settle(st, shard);
    }
}


static void
ngx_http_webhook_delivery_bury(ngx_http_webhook_store_t *st, unsigned slot)
{
    ngx_uint_t                     i;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t  **ep;

    wmcf = ngx_http_webhook_store_main(st);
    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        if (ep[i]->counters) {
            ngx_http_webhook_permit_void(ep[i]->counters, slot);
        }
    }
}


static void
ngx_http_webhook_delivery_timer_handler(ngx_event_t *ev)
{
    ngx_http_webhook_lane_t  *lane;

    lane = ev->data;

    ngx_http_webhook_lane_ready(lane->endpoint->main->worker->store, lane);
}


static void
ngx_http_webhook_delivery_event_handler(ngx_event_t *ev)
{
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ev->data;
    d = wmcf->worker->delivery;

    ngx_http_webhook_delivery_wake(wmcf->worker->store);

    if (!ngx_queue_empty(&d->waiting)) {
        ngx_add_timer(ev, NGX_HTTP_WEBHOOK_LOCAL_DELAY);
    }
}


static void
ngx_http_webhook_delivery_permit_give(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, ngx_int_t permit)
{
    ngx_http_webhook_counters_t  *counters;

    if (permit == NGX_DECLINED) {
        return;
    }

    counters = ep->counters;

    ngx_http_webhook_permit_give(counters, ngx_http_webhook_store_slot(st),
                                 permit);

    if (counters->wanted && ngx_atomic_cmp_set(&counters->wanted, 1, 0)) {
        ngx_http_webhook_store_wake_all(st);
    }
}
