
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_states.h"
#include "ngx_http_webhook_waiting.h"


#define NGX_HTTP_WEBHOOK_ROOM_DELAY   100   /* ms, should nothing wake it */
#define NGX_HTTP_WEBHOOK_STATE_DELAY  1000  /* likewise */
#define NGX_HTTP_WEBHOOK_ROOM_TURN    8     /* lanes at a time */
#define NGX_HTTP_WEBHOOK_SLOW_TURN    7     /* of so many, one is slow */
#define NGX_HTTP_WEBHOOK_LANES_TURN   256   /* of an endpoint, at a time */


/* per worker */

typedef struct {
    ngx_queue_t   room;                     /* lanes, in turn */
    ngx_queue_t   slow;                     /* ... of slow endpoints */
    ngx_uint_t    turn;                     /* lanes of both so far */
    ngx_msec_t    tried;                    /* a slow one, the last time */
    ngx_queue_t   wanting;                  /* endpoints with lanes */
    ngx_event_t   event;
    ngx_queue_t   disabled;                 /* endpoints with lanes */
    ngx_event_t   state;
    ngx_uint_t    generation;               /* of transitions, as seen */
} ngx_http_webhook_waiting_t;


static void ngx_http_webhook_waiting_room_handler(ngx_event_t *ev);
static void ngx_http_webhook_waiting_probe(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, uint64_t now);
static void ngx_http_webhook_waiting_resume(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_waiting_look(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_waiting_release(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_waiting_state_timer(
    ngx_http_webhook_waiting_t *w, wh_state_t *s, uint64_t now);
static void ngx_http_webhook_waiting_state_handler(ngx_event_t *ev);
static void ngx_http_webhook_waiting_pace(ngx_http_webhook_endpoint_t *ep,
    uint64_t when, uint64_t now);
static void ngx_http_webhook_waiting_pace_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_webhook_waiting_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_waiting_t  *w;

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_waiting_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&w->room);
    ngx_queue_init(&w->slow);
    ngx_queue_init(&w->wanting);
    ngx_queue_init(&w->disabled);

    w->tried = ngx_current_msec - NGX_HTTP_WEBHOOK_ROOM_DELAY;

    w->event.handler = ngx_http_webhook_waiting_room_handler;
    w->event.data = wmcf;
    w->event.log = wmcf->worker->log;
    w->event.cancelable = 1;

    w->state.handler = ngx_http_webhook_waiting_state_handler;
    w->state.data = wmcf;
    w->state.log = wmcf->worker->log;
    w->state.cancelable = 1;

    wmcf->worker->waiting = w;

    return NGX_OK;
}


void
ngx_http_webhook_waiting_room(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_waiting_t  *w;

    w = ngx_http_webhook_store_main(st)->worker->waiting;

    if (!lane->waiting) {
        lane->waiting = NGX_HTTP_WEBHOOK_WAIT_ROOM;
        ngx_queue_insert_tail(lane->endpoint->slow ? &w->slow : &w->room,
                              &lane->wait);
    }

    if (!w->event.timer_set) {
        ngx_add_timer(&w->event, NGX_HTTP_WEBHOOK_ROOM_DELAY);
    }
}


void
ngx_http_webhook_waiting_permit(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_waiting_t   *w;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;
    w = ep->main->worker->waiting;

    if (!lane->waiting) {

        if (ngx_queue_empty(&ep->queued)) {
            ngx_queue_insert_tail(&w->wanting, &ep->wanting);
        }

        lane->waiting = NGX_HTTP_WEBHOOK_WAIT_PERMIT;
        ngx_queue_insert_tail(&ep->queued, &lane->wait);
    }

    if (!w->event.timer_set) {
        ngx_add_timer(&w->event, NGX_HTTP_WEBHOOK_ROOM_DELAY);
    }
}


void
ngx_http_webhook_waiting_granted(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    if (ngx_queue_empty(&ep->queued)) {
        return;
    }

    q = ngx_queue_head(&ep->queued);
    lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

    ngx_http_webhook_waiting_forget(lane);
    ngx_http_webhook_lane_ready(st, lane);
}


void
ngx_http_webhook_waiting_others(ngx_http_webhook_store_t *st)
{
    ngx_queue_t                  *q, *next;
    ngx_http_webhook_waiting_t   *w;
    ngx_http_webhook_endpoint_t  *ep;

    w = ngx_http_webhook_store_main(st)->worker->waiting;

    for (q = ngx_queue_head(&w->wanting);
         q != ngx_queue_sentinel(&w->wanting);
         q = next)
    {
        next = ngx_queue_next(q);
        ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, wanting);

        ngx_http_webhook_waiting_granted(st, ep);
    }

    ngx_http_webhook_waiting_wake(st);
}


static void
ngx_http_webhook_waiting_room_handler(ngx_event_t *ev)
{
    ngx_http_webhook_waiting_t    *w;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ev->data;
    w = wmcf->worker->waiting;

    ngx_http_webhook_waiting_others(wmcf->worker->store);

    if (!ngx_queue_empty(&w->room)
        || !ngx_queue_empty(&w->slow)
        || !ngx_queue_empty(&w->wanting))
    {
        ngx_add_timer(ev, NGX_HTTP_WEBHOOK_ROOM_DELAY);
    }
}


void
ngx_http_webhook_waiting_wake(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                   n, slow;
    ngx_queue_t                 *q;
    ngx_http_webhook_lane_t     *lane;
    ngx_http_webhook_waiting_t  *w;

    w = ngx_http_webhook_store_main(st)->worker->waiting;

    ngx_http_webhook_waiting_resume(st);

    /* a few at a time, in turn: none is to be served twice before another */

    for (n = 0; n < NGX_HTTP_WEBHOOK_ROOM_TURN; n++) {

        slow = ngx_queue_empty(&w->room)
               || (w->turn++ % NGX_HTTP_WEBHOOK_SLOW_TURN == 0
                   && !ngx_queue_empty(&w->slow));

        q = slow ? &w->slow : &w->room;

        if (ngx_queue_empty(q)) {
            break;
        }

        if (slow) {
            w->tried = ngx_current_msec;
        }

        q = ngx_queue_head(q);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

        ngx_http_webhook_waiting_forget(lane);
        ngx_http_webhook_lane_ready(st, lane);
    }
}


/* one that is to be tried now is in no list, and waits still */

ngx_uint_t
ngx_http_webhook_waiting_slow(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_waiting_t  *w;

    w = wmcf->worker->waiting;

    return !ngx_queue_empty(&w->slow)
           || ngx_current_msec - w->tried < NGX_HTTP_WEBHOOK_ROOM_DELAY;
}


void
ngx_http_webhook_waiting_enabled(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_state_t *s, uint64_t now)
{
    ngx_http_webhook_waiting_t   *w;
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;
    w = ep->main->worker->waiting;

    if (!lane->waiting) {

        if (ngx_queue_empty(&ep->held)) {
            ngx_queue_insert_tail(&w->disabled, &ep->disabled);
        }

        lane->waiting = NGX_HTTP_WEBHOOK_WAIT_ENABLED;
        ngx_queue_insert_tail(&ep->held, &lane->wait);
    }

    if (s->probe && now >= s->probe) {
        ngx_http_webhook_waiting_probe(st, ep, now);
    }

    ngx_http_webhook_waiting_state_timer(w, s, now);
}


/* the oldest head of the lanes that are here, if nobody is faster */

static void
ngx_http_webhook_waiting_probe(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    uint64_t                  seq, number;
    wh_item_t                *item;
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane, *oldest;

    oldest = NULL;
    seq = 0;

    for (q = ngx_queue_head(&ep->held);
         q != ngx_queue_sentinel(&ep->held);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

        if (!ngx_http_webhook_lane_peek(st, lane)) {
            continue;
        }

        item = wh_lane_head(&lane->core);

        if (item && (oldest == NULL || item->seq < seq)) {
            oldest = lane;
            seq = item->seq;
        }
    }

    if (oldest == NULL) {
        return;
    }

    /* what might have been the probe is refused now */

    for (q = ngx_queue_head(&ep->held);
         q != ngx_queue_sentinel(&ep->held)
         && ep->policy.while_disabled != WH_WHILE_HOLD;
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);
        ngx_http_webhook_lane_ready(st, lane);
    }

    if (wh_policy_probe(&ep->policy, now,
                        ep->timeout + NGX_HTTP_WEBHOOK_MARGIN, &number)
        != WH_OK)
    {
        return;
    }

    ngx_http_webhook_waiting_forget(oldest);

    oldest->core.probe = 1;
    oldest->core.number = number;

    ngx_http_webhook_lane_ready(st, oldest);
}


/* lanes whose endpoints were enabled, by whomsoever */

static void
ngx_http_webhook_waiting_resume(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                     generation;
    ngx_http_webhook_waiting_t    *w;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_store_main(st);
    w = wmcf->worker->waiting;

    generation = ngx_http_webhook_waiting_generation(wmcf);

    if (generation == w->generation) {
        return;
    }

    w->generation = generation;

    ngx_http_webhook_waiting_look(st);
}


static void
ngx_http_webhook_waiting_look(ngx_http_webhook_store_t *st)
{
    uint64_t                      now;
    wh_state_t                    s;
    ngx_queue_t                  *q, *next;
    ngx_http_webhook_waiting_t   *w;
    ngx_http_webhook_endpoint_t  *ep;

    w = ngx_http_webhook_store_main(st)->worker->waiting;
    now = ngx_http_webhook_store_now();

    for (q = ngx_queue_head(&w->disabled);
         q != ngx_queue_sentinel(&w->disabled);
         q = next)
    {
        next = ngx_queue_next(q);
        ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, disabled);

        ngx_http_webhook_disable_state(ep, now, &s);

        if (s.reason == WH_STATE_ENABLED) {
            ngx_http_webhook_waiting_release(st, ep);
            continue;
        }

        ngx_http_webhook_waiting_state_timer(w, &s, now);

        if (s.probe && now >= s.probe) {
            ngx_http_webhook_waiting_probe(st, ep, now);
        }
    }
}


static void
ngx_http_webhook_waiting_release(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                   n;
    ngx_queue_t                 *q;
    ngx_http_webhook_lane_t     *lane;
    ngx_http_webhook_waiting_t  *w;

    w = ep->main->worker->waiting;

    for (n = 0; !ngx_queue_empty(&ep->held); n++) {

        if (n == NGX_HTTP_WEBHOOK_LANES_TURN) {
            ngx_post_event(&w->state, &ngx_posted_next_events);
            return;
        }

        q = ngx_queue_head(&ep->held);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

        ngx_http_webhook_waiting_forget(lane);
        ngx_http_webhook_lane_ready(st, lane);
    }
}


void
ngx_http_webhook_waiting_forget(ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_wait_e  waiting;

    waiting = lane->waiting;

    if (waiting == NGX_HTTP_WEBHOOK_WAIT_NOTHING) {
        return;
    }

    lane->waiting = NGX_HTTP_WEBHOOK_WAIT_NOTHING;
    ngx_queue_remove(&lane->wait);

    if (waiting == NGX_HTTP_WEBHOOK_WAIT_ENABLED
        && ngx_queue_empty(&lane->endpoint->held))
    {
        ngx_queue_remove(&lane->endpoint->disabled);
    }

    if (waiting == NGX_HTTP_WEBHOOK_WAIT_PERMIT
        && ngx_queue_empty(&lane->endpoint->queued))
    {
        ngx_queue_remove(&lane->endpoint->wanting);
    }
}


static void
ngx_http_webhook_waiting_state_timer(ngx_http_webhook_waiting_t *w,
    wh_state_t *s, uint64_t now)
{
    uint64_t  next;

    next = now + NGX_HTTP_WEBHOOK_STATE_DELAY;

    if (s->until) {
        next = ngx_min(next, s->until);
    }

    if (s->probe && s->probe > now) {
        next = ngx_min(next, s->probe);
    }

    next = next > now ? next - now : 1;

    if (w->state.timer_set) {

        if ((ngx_msec_int_t) (w->state.timer.key - ngx_current_msec)
            <= (ngx_msec_int_t) next)
        {
            return;
        }

        ngx_del_timer(&w->state);
    }

    ngx_add_timer(&w->state, (ngx_msec_t) next);
}


/*
 * Not by the counter of transitions: another worker may have ended a ban, and
 * not have counted that yet.
 */

static void
ngx_http_webhook_waiting_state_handler(ngx_event_t *ev)
{
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ev->data;
    st = wmcf->worker->store;

    ngx_http_webhook_waiting_look(st);
    ngx_http_webhook_waiting_resume(st);
}


ngx_uint_t
ngx_http_webhook_waiting_generation(ngx_http_webhook_main_conf_t *wmcf)
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


ngx_uint_t
ngx_http_webhook_waiting_paced(ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_endpoint_t  *ep;

    ep = lane->endpoint;

    if (lane->turn) {
        lane->turn = 0;
        return 0;
    }

    return ep->policy.rate.interval && !lane->core.probe
           && !ngx_queue_empty(&ep->paced);
}


void
ngx_http_webhook_waiting_rate(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, uint64_t when)
{
    if (!lane->waiting) {
        lane->waiting = NGX_HTTP_WEBHOOK_WAIT_RATE;
        ngx_queue_insert_tail(&lane->endpoint->paced, &lane->wait);
    }

    ngx_http_webhook_waiting_pace(lane->endpoint, when,
                                  ngx_http_webhook_store_now());
}


static void
ngx_http_webhook_waiting_pace(ngx_http_webhook_endpoint_t *ep, uint64_t when,
    uint64_t now)
{
    ngx_event_t  *ev;

    ev = &ep->pace;

    if (ev->timer_set) {
        return;
    }

    ev->handler = ngx_http_webhook_waiting_pace_handler;
    ev->data = ep;
    ev->log = ngx_cycle->log;
    ev->cancelable = 1;

    /* the clock may be set, or the endpoint be disabled meanwhile */

    when = when > now ? when - now : 1;

    ngx_add_timer(ev, ngx_min(when, NGX_HTTP_WEBHOOK_STATE_DELAY));
}


/*
 * As many as may be sent, in turn; what another worker was faster with waits.
 * All of them go when it is disabled, to be held.
 */

static void
ngx_http_webhook_waiting_pace_handler(ngx_event_t *ev)
{
    uint64_t                      now, n, when, room;
    wh_state_t                    s;
    ngx_queue_t                  *q;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_store_t     *st;
    ngx_http_webhook_endpoint_t  *ep;

    ep = ev->data;
    st = ep->main->worker->store;
    now = ngx_http_webhook_store_now();

    when = now;

    ngx_http_webhook_disable_state(ep, now, &s);

    room = (s.reason == WH_STATE_ENABLED)
           ? wh_rate_room(&ep->policy.rate, now, &when) : UINT64_MAX;

    n = ngx_min(room, NGX_HTTP_WEBHOOK_LANES_TURN);

    for ( /* void */ ; n && !ngx_queue_empty(&ep->paced); n--) {

        q = ngx_queue_head(&ep->paced);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, wait);

        ngx_http_webhook_waiting_forget(lane);

        lane->turn = 1;

        ngx_http_webhook_lane_ready(st, lane);
    }

    if (!ngx_queue_empty(&ep->paced)) {
        ngx_http_webhook_waiting_pace(ep, when, now);
    }
}
