
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_overflow.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_flow.h"


#define NGX_HTTP_WEBHOOK_OVERFLOW_LANES  16   /* looked at for the oldest */


static ngx_uint_t ngx_http_webhook_overflow_over(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, wh_amount_t *total);
static ngx_uint_t ngx_http_webhook_overflow_refused(
    ngx_http_webhook_endpoint_t *ep);
static ngx_int_t ngx_http_webhook_overflow_judged(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane);
static ngx_int_t ngx_http_webhook_overflow_newest(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    wh_amount_t *total);
static ngx_int_t ngx_http_webhook_overflow_oldest(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    wh_amount_t *total);
static ngx_http_webhook_item_t *ngx_http_webhook_overflow_find(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_overflow_log(ngx_http_webhook_endpoint_t *ep,
    wh_amount_t *total);


ngx_int_t
ngx_http_webhook_overflow(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    wh_amount_t                   total;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    /* whose request was let through, or is not to be sent anyway, stays */

    if (ep->backlog.overflow == WH_OVERFLOW_REJECT
        || !ngx_http_webhook_overflow_over(st, ep, &total)
        || ngx_http_webhook_overflow_refused(ep))
    {
        return ngx_http_webhook_overflow_judged(st, lane);
    }

    return ep->backlog.overflow == WH_OVERFLOW_DROP_OLDEST
           ? ngx_http_webhook_overflow_oldest(st, lane, &total)
           : ngx_http_webhook_overflow_newest(st, lane, &total);
}


static ngx_uint_t
ngx_http_webhook_overflow_over(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, wh_amount_t *total)
{
    ngx_uint_t  i;

    /* what is on its way into the warehouse may have been counted twice */

    for (i = 0; i < 2; i++) {
        ngx_http_webhook_store_backlog(st, ep, total);

        if (!wh_limits_over(&ep->backlog, total)) {
            return 0;
        }
    }

    return 1;
}


/* disabled, and what is captured meanwhile ends because of that */

static ngx_uint_t
ngx_http_webhook_overflow_refused(ngx_http_webhook_endpoint_t *ep)
{
    wh_state_t  s;

    if (ep->policy.while_disabled == WH_WHILE_HOLD) {
        return 0;
    }

    ngx_http_webhook_disable_state(ep, ngx_http_webhook_store_now(), &s);

    return s.reason != WH_STATE_ENABLED && s.reason != WH_STATE_QUOTA;
}


static ngx_int_t
ngx_http_webhook_overflow_judged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    while (lane->judged) {
        ngx_http_webhook_item_judged(st, lane->judged);

        if (!ngx_http_webhook_lane_alive(st, lane)) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* one after the other, as if each had been alone */

static ngx_int_t
ngx_http_webhook_overflow_newest(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_amount_t *total)
{
    wh_end_e                      end;
    ngx_uint_t                    n;
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;
    n = 0;

    end = ep->backlog.overflow == WH_OVERFLOW_DEAD ? WH_END_DEAD
                                                   : WH_END_DROPPED;

    wh_amount_add(total, -lane->fresh.events, -lane->fresh.octets);

    while (lane->judged) {

        item = lane->judged;

        if (wh_limits_room(&ep->backlog, total, 1, (int64_t) item->size)) {
            wh_amount_add(total, 1, (int64_t) item->size);
            ngx_http_webhook_item_judged(st, item);

            if (!ngx_http_webhook_lane_alive(st, lane)) {
                return NGX_DECLINED;
            }

            continue;
        }

        if (n++ == NGX_HTTP_WEBHOOK_DRIVE_ENDS) {
            ngx_http_webhook_lane_ready(st, lane);
            return NGX_DECLINED;
        }

        ngx_http_webhook_overflow_log(ep, total);

        (void) ngx_http_webhook_delivery_end(st, item, end);

        if (!ngx_http_webhook_lane_alive(st, lane)) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_overflow_oldest(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_amount_t *total)
{
    size_t                        size;
    char                         *ended;
    ngx_uint_t                    n;
    ngx_http_webhook_item_t      *item;
    ngx_http_webhook_lane_t      *of;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    for (n = 0; wh_limits_over(&ep->backlog, total); n++) {

        if (n == NGX_HTTP_WEBHOOK_DRIVE_ENDS) {
            ngx_http_webhook_lane_ready(st, lane);
            return NGX_DECLINED;
        }

        item = ngx_http_webhook_overflow_find(st, lane);

        if (item == NULL) {

            /* it is driven again when that was read */

            ngx_http_webhook_lane_read(st, lane);
            return NGX_OK;
        }

        of = item->lane;
        size = item->size;

        ngx_http_webhook_overflow_log(ep, total);

        ended = ngx_http_webhook_delivery_end(st, item, WH_END_DROPPED);

        if (!ngx_http_webhook_lane_alive(st, lane)) {
            return NGX_DECLINED;
        }

        if (ended) {
            wh_amount_add(total, -1, -(int64_t) size);

            if (of != lane) {
                ngx_http_webhook_lane_ready(st, of);
            }
        }
    }

    return ngx_http_webhook_overflow_judged(st, lane);
}


/* the oldest one that is here and not in flight */

static ngx_http_webhook_item_t *
ngx_http_webhook_overflow_find(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    wh_item_t                *item, *oldest;
    ngx_uint_t                n;
    ngx_http_webhook_lane_t  *other;

    oldest = wh_lane_oldest(&lane->core);
    n = 0;

    for (other = ngx_http_webhook_oldest_lane(lane->endpoint);
         other && n < NGX_HTTP_WEBHOOK_OVERFLOW_LANES;
         other = ngx_http_webhook_oldest_next(other), n++)
    {
        if (!ngx_http_webhook_lane_peek(st, other)) {
            continue;
        }

        item = wh_lane_oldest(&other->core);

        if (item && (oldest == NULL || item->seq < oldest->seq)) {
            oldest = item;
        }
    }

    return oldest ? ngx_http_webhook_item(oldest) : NULL;
}


/* told once a second */

static void
ngx_http_webhook_overflow_log(ngx_http_webhook_endpoint_t *ep,
    wh_amount_t *total)
{
    wh_amount_t  *most;

    most = &ep->backlog.most;

    ep->overflows++;

    if (ep->full == ngx_time()) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook endpoint \"%V\" has a backlog of %L %s and "
                  "%L octets, its limit is %L %s: %ui of the %s %s %s",
                  &ep->name, total->events,
                  total->events == 1 ? "delivery" : "deliveries",
                  total->octets, most->events ? most->events : most->octets,
                  most->events == 0 ? "octets"
                  : most->events == 1 ? "delivery" : "deliveries",
                  ep->overflows,
                  ep->backlog.overflow == WH_OVERFLOW_DROP_OLDEST ? "oldest"
                                                                  : "newest",
                  ep->overflows == 1 ? "is" : "are",
                  ep->backlog.overflow == WH_OVERFLOW_DEAD ? "dead"
                                                           : "dropped");

    ep->full = ngx_time();
    ep->overflows = 0;
}
