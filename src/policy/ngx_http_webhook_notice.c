
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What operators are to be told, and when.
 */


#include "ngx_http_webhook_notice_commit.h"
#include "ngx_http_webhook_states.h"

#include <ngx_md5.h>


#define NGX_HTTP_WEBHOOK_NOTICE_MAX    256       /* that wait, in a worker */
#define NGX_HTTP_WEBHOOK_NOTICE_AGAIN  1000      /* ms, the store is full */
#define NGX_HTTP_WEBHOOK_NOTICE_BUSY   20        /* ms, others are at it */
#define NGX_HTTP_WEBHOOK_NOTICE_CHECK  1000
#define NGX_HTTP_WEBHOOK_NOTICE_MORE   60000
#define NGX_HTTP_WEBHOOK_NOTICE_SUM    1000      /* ms to the first of a sum */
#define NGX_HTTP_WEBHOOK_NOTICE_TRIP   10000     /* ms, all of it is one */
#define NGX_HTTP_WEBHOOK_NOTICE_PROBE  60000


typedef struct {
    ngx_http_webhook_main_conf_t  *main;
    ngx_queue_t                    pending;      /* ..._notice_t */
    ngx_uint_t                     n;
    ngx_event_t                    commit;
    ngx_event_t                    check;
    ngx_event_t                    sums;
} ngx_http_webhook_notices_t;


static ngx_http_webhook_notices_t *ngx_http_webhook_notices(
    ngx_http_webhook_main_conf_t *wmcf);
static ngx_uint_t ngx_http_webhook_notice_tripped(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);
static void ngx_http_webhook_notice_add(ngx_http_webhook_notices_t *ns,
    wh_notice_e kind, ngx_http_webhook_endpoint_t *ep, wh_change_t *change,
    uint64_t trip, uint64_t now);
static void ngx_http_webhook_notice_id(ngx_http_webhook_notice_t *n);
static void ngx_http_webhook_notice_commit_handler(ngx_event_t *ev);
static void ngx_http_webhook_notice_told(ngx_http_webhook_notice_t *n);
static void ngx_http_webhook_notice_mark(ngx_http_webhook_endpoint_t *ep,
    uint64_t mark);
static void ngx_http_webhook_notice_check_handler(ngx_event_t *ev);
static void ngx_http_webhook_notice_make_up(ngx_http_webhook_notices_t *ns,
    ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_notice_sums_handler(ngx_event_t *ev);
static void ngx_http_webhook_notice_sum(ngx_http_webhook_notices_t *ns,
    wh_notice_e kind, ngx_uint_t mail, uint64_t now, uint64_t *next);


ngx_int_t
ngx_http_webhook_notice_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_notices_t  *ns;

    if (wmcf->notify == NULL) {
        return NGX_OK;
    }

    ns = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_notices_t));
    if (ns == NULL) {
        return NGX_ERROR;
    }

    ns->main = wmcf;

    ngx_queue_init(&ns->pending);

    ns->commit.handler = ngx_http_webhook_notice_commit_handler;
    ns->commit.data = ns;
    ns->commit.log = wmcf->worker->log;
    ns->commit.cancelable = 1;

    ns->check = ns->commit;
    ns->check.handler = ngx_http_webhook_notice_check_handler;

    ns->sums = ns->commit;
    ns->sums.handler = ngx_http_webhook_notice_sums_handler;

    wmcf->worker->notices = ns;

    /* what others could not tell before they were killed */

    ngx_add_timer(&ns->check, NGX_HTTP_WEBHOOK_NOTICE_CHECK);
    ngx_add_timer(&ns->sums, NGX_HTTP_WEBHOOK_NOTICE_SUM);

    return NGX_OK;
}


static ngx_http_webhook_notices_t *
ngx_http_webhook_notices(ngx_http_webhook_main_conf_t *wmcf)
{
    return wmcf->worker ? wmcf->worker->notices : NULL;
}


void
ngx_http_webhook_notice_changed(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change)
{
    uint64_t                     now, trip;
    ngx_uint_t                   was, is;
    ngx_http_webhook_told_t     *told;
    ngx_http_webhook_notices_t  *ns;

    ns = ngx_http_webhook_notices(ep->main);

    if (ns == NULL) {
        return;
    }

    was = (wh_state_mark(&change->from) != 0);
    is = (wh_state_mark(&change->to) != 0);

    /* a pause is none */

    if (!was && !is) {
        return;
    }

    now = ngx_http_webhook_store_now();

    if (!is) {

        if (change->from.reason == WH_STATE_ZONE) {

            /* the next one is another one, however soon */

            told = ngx_http_webhook_zone_told(ep->zone);
            __atomic_store_n(&told->trip, 0, __ATOMIC_SEQ_CST);
        }

        ngx_http_webhook_notice_add(ns, WH_NOTICE_ENABLED, ep, change, 0,
                                    now);
        return;
    }

    trip = 0;

    if (change->to.reason == WH_STATE_ZONE) {

        if (!ngx_http_webhook_notice_tripped(ep, now)) {
            return;
        }

        trip = now;
    }

    ngx_http_webhook_notice_add(ns, WH_NOTICE_DISABLED, ep, change, trip, now);
}


/*
 * A zone's window trips for all its endpoints, perhaps in several processes
 * at once.  True for the one that tells.
 */

static ngx_uint_t
ngx_http_webhook_notice_tripped(ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    uint64_t                  trip;
    ngx_http_webhook_told_t  *told;

    told = ngx_http_webhook_zone_told(ep->zone);
    trip = __atomic_load_n(&told->trip, __ATOMIC_SEQ_CST);

    if (trip && now < trip + NGX_HTTP_WEBHOOK_NOTICE_TRIP) {
        return 0;
    }

    return __atomic_compare_exchange_n(&told->trip, &trip, now, 0,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}


static void
ngx_http_webhook_notice_add(ngx_http_webhook_notices_t *ns, wh_notice_e kind,
    ngx_http_webhook_endpoint_t *ep, wh_change_t *change, uint64_t trip,
    uint64_t now)
{
    ngx_queue_t                *q;
    ngx_http_webhook_notice_t  *n;

    /* of several reasons at once the last one is the best */

    if (kind == WH_NOTICE_DISABLED && trip == 0) {

        q = ngx_queue_last(&ns->pending);

        if (q != ngx_queue_sentinel(&ns->pending)) {
            n = ngx_queue_data(q, ngx_http_webhook_notice_t, queue);

            if (n->endpoint == ep && n->kind == kind && n->trip == 0) {
                n->change = *change;
                ngx_http_webhook_notice_id(n);
                return;
            }
        }
    }

    n = NULL;

    if (ns->n < NGX_HTTP_WEBHOOK_NOTICE_MAX) {
        n = ngx_alloc(sizeof(ngx_http_webhook_notice_t), ns->commit.log);
    }

    if (n == NULL) {

        /* it will be found that nobody knows */

        if (!ns->check.timer_set) {
            ngx_add_timer(&ns->check, NGX_HTTP_WEBHOOK_NOTICE_MORE);
        }

        return;
    }

    ngx_memzero(n, sizeof(ngx_http_webhook_notice_t));

    n->kind = kind;
    n->endpoint = ep;
    n->trip = trip;
    n->time = now;

    if (change) {
        n->change = *change;
    }

    ngx_http_webhook_notice_id(n);

    ngx_queue_insert_tail(&ns->pending, &n->queue);
    ns->n++;

    if (!ns->commit.posted) {
        ngx_post_event(&ns->commit, &ngx_posted_events);
    }
}


/*
 * The same of the same transition, whoever tells of it: then one of two is
 * recognized.
 */

static void
ngx_http_webhook_notice_id(ngx_http_webhook_notice_t *n)
{
    u_char      digest[16];
    uint64_t    time, parts[3];
    ngx_str_t  *name;
    ngx_md5_t   md5;

    name = n->trip ? ngx_http_webhook_zone_name(n->endpoint->zone)
                   : &n->endpoint->name;

    switch (n->kind) {

    case WH_NOTICE_PROBE:
        time = n->time;
        break;

    default: /* WH_NOTICE_DISABLED, WH_NOTICE_ENABLED */
        time = n->trip ? n->trip : n->change.to.since;
    }

    parts[0] = n->kind;
    parts[1] = time;
    parts[2] = n->trip ? 1 : wh_state_mark(&n->change.to);

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, parts, sizeof(parts));
    ngx_md5_update(&md5, name->data, name->len);
    ngx_md5_final(digest, &md5);

    wh_uuid7((char *) n->id, time, digest);
}


static void
ngx_http_webhook_notice_commit_handler(ngx_event_t *ev)
{
    ngx_int_t                    rc;
    ngx_queue_t                 *q;
    ngx_http_webhook_notice_t   *n;
    ngx_http_webhook_notices_t  *ns;

    ns = ev->data;

    while (!ngx_queue_empty(&ns->pending)) {

        q = ngx_queue_head(&ns->pending);
        n = ngx_queue_data(q, ngx_http_webhook_notice_t, queue);

        rc = ngx_http_webhook_notice_commit(ns->main, n);

        if (rc == NGX_DECLINED || rc == NGX_AGAIN) {

            if (!ev->timer_set) {
                ngx_add_timer(ev, rc == NGX_AGAIN
                                  ? NGX_HTTP_WEBHOOK_NOTICE_BUSY
                                  : NGX_HTTP_WEBHOOK_NOTICE_AGAIN);
            }

            return;
        }

        if (rc == NGX_OK) {
            ngx_http_webhook_notice_told(n);
        }

        ngx_queue_remove(q);
        ngx_free(n);

        ns->n--;
    }
}


static void
ngx_http_webhook_notice_told(ngx_http_webhook_notice_t *n)
{
    wh_state_t                     s;
    ngx_uint_t                     i;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t  **ep;

    wmcf = n->endpoint->main;

    if (n->kind == WH_NOTICE_PROBE) {
        return;
    }

    if (n->trip == 0) {
        ngx_http_webhook_notice_mark(n->endpoint,
                                     wh_state_mark(&n->change.to));
        return;
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (ngx_http_webhook_notice_by_zone(ep[i], n->endpoint->zone, &s)) {
            ngx_http_webhook_notice_mark(ep[i], wh_state_mark(&s));
        }
    }
}


static void
ngx_http_webhook_notice_mark(ngx_http_webhook_endpoint_t *ep, uint64_t mark)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    if (c->cell.noticed == mark) {
        return;
    }

    c->cell.noticed = mark;

    (void) ngx_atomic_fetch_add(&c->changes, 1);

    ngx_http_webhook_states_later(ep);
}


void
ngx_http_webhook_notice_check(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_notices_t  *ns;

    ns = ngx_http_webhook_notices(wmcf);

    if (ns && !ns->check.timer_set) {
        ngx_add_timer(&ns->check, NGX_HTTP_WEBHOOK_NOTICE_CHECK);
    }
}


static void
ngx_http_webhook_notice_check_handler(ngx_event_t *ev)
{
    ngx_uint_t                     i;
    ngx_http_webhook_notices_t    *ns;
    ngx_http_webhook_endpoint_t  **ep;

    ns = ev->data;
    ep = ns->main->endpoints.elts;

    for (i = 0; i < ns->main->endpoints.nelts; i++) {
        ngx_http_webhook_notice_make_up(ns, ep[i]);
    }
}


static void
ngx_http_webhook_notice_make_up(ngx_http_webhook_notices_t *ns,
    ngx_http_webhook_endpoint_t *ep)
{
    uint64_t                      mark, trip, now;
    wh_change_t                   change;
    ngx_queue_t                  *q;
    ngx_http_webhook_told_t      *told;
    ngx_http_webhook_notice_t    *n;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ngx_memzero(&change, sizeof(wh_change_t));

    wh_cell_read(&c->cell, &change.to);

    mark = wh_state_mark(&change.to);

    if (mark == c->cell.noticed) {
        return;
    }

    for (q = ngx_queue_head(&ns->pending);
         q != ngx_queue_sentinel(&ns->pending);
         q = ngx_queue_next(q))
    {
        n = ngx_queue_data(q, ngx_http_webhook_notice_t, queue);

        if (n->endpoint == ep
            || (n->trip && n->endpoint->zone == ep->zone
                && change.to.reason == WH_STATE_ZONE))
        {
            return;
        }
    }

    now = ngx_http_webhook_store_now();

    if (mark == 0) {

        /* what was told last */

        change.from.since = c->cell.noticed >> 4;
        change.from.reason = c->cell.noticed & 7;

        ngx_http_webhook_notice_add(ns, WH_NOTICE_ENABLED, ep, &change, 0,
                                    now);
        return;
    }

    trip = 0;
    change.count = change.to.count;

    if (change.to.reason == WH_STATE_ZONE) {
        told = ngx_http_webhook_zone_told(ep->zone);

        trip = __atomic_load_n(&told->trip, __ATOMIC_SEQ_CST);
        trip = trip ? trip : change.to.since;

        change.time = ep->policy.zone->limit.time;
    }

    ngx_http_webhook_notice_add(ns, WH_NOTICE_DISABLED, ep, &change, trip,
                                now);
}


void
ngx_http_webhook_notice_failed(ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t class, ngx_uint_t status, ngx_str_t *id, uint64_t now)
{
    uint64_t                      n;
    ngx_http_webhook_failure_t   *f;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    n = ngx_atomic_fetch_add(&c->nfailures, 1) + 1;
    f = &c->failures[n % NGX_HTTP_WEBHOOK_FAILURES];

    __atomic_store_n(&f->begun, n, __ATOMIC_SEQ_CST);

    f->time = now;
    f->class = (uint8_t) class;
    f->status = (uint16_t) status;
    f->len = 0;

    if (id->len <= NGX_HTTP_WEBHOOK_FAILURE_ID) {
        ngx_memcpy(f->id, id->data, id->len);
        f->len = (uint8_t) id->len;
    }

    __atomic_store_n(&f->ended, n, __ATOMIC_SEQ_CST);
}


void
ngx_http_webhook_notice_probe(ngx_http_webhook_endpoint_t *ep, uint64_t now)
{
    wh_change_t                   change;
    ngx_atomic_uint_t             last;
    ngx_http_webhook_notices_t   *ns;
    ngx_http_webhook_counters_t  *c;

    ns = ngx_http_webhook_notices(ep->main);

    if (ns == NULL) {
        return;
    }

    c = ep->counters;
    last = c->probe;

    if ((last && now >= last && now - last < NGX_HTTP_WEBHOOK_NOTICE_PROBE)
        || !ngx_atomic_cmp_set(&c->probe, last, (ngx_atomic_uint_t) now))
    {
        return;
    }

    ngx_memzero(&change, sizeof(wh_change_t));

    wh_cell_read(&c->cell, &change.to);

    change.count = change.to.count;

    ngx_http_webhook_notice_add(ns, WH_NOTICE_PROBE, ep, &change, 0, now);
}


void
ngx_http_webhook_notice_dead(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_notices_t  *ns;

    ns = ngx_http_webhook_notices(ep->main);

    /* of notices that are dead there is none: it would go the same way */

    if (ns && !ep->notified && !ns->sums.timer_set) {
        ngx_add_timer(&ns->sums, NGX_HTTP_WEBHOOK_NOTICE_SUM);
    }
}


void
ngx_http_webhook_notice_full(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_told_t     *told;
    ngx_http_webhook_zone_t    **zone;
    ngx_http_webhook_notices_t  *ns;

    ns = ngx_http_webhook_notices(wmcf);

    if (ns == NULL) {
        return;
    }

    zone = wmcf->zones.elts;
    told = ngx_http_webhook_zone_told(zone[0]);

    (void) ngx_atomic_fetch_add(&told->full, 1);

    if (!ns->sums.timer_set) {
        ngx_add_timer(&ns->sums, NGX_HTTP_WEBHOOK_NOTICE_SUM);
    }
}


static void
ngx_http_webhook_notice_sums_handler(ngx_event_t *ev)
{
    uint64_t                     now, next;
    ngx_uint_t                   mail;
    ngx_http_webhook_notices_t  *ns;

    ns = ev->data;
    now = ngx_http_webhook_store_now();
    next = 0;

    for (mail = 0; mail < 2; mail++) {
        ngx_http_webhook_notice_sum(ns, WH_NOTICE_DEAD, mail, now, &next);
        ngx_http_webhook_notice_sum(ns, WH_NOTICE_FULL, mail, now, &next);
    }

    if (next) {
        ngx_add_timer(ev, (ngx_msec_t) next);
    }
}


/* *next: ms until it is to be looked at again */

static void
ngx_http_webhook_notice_sum(ngx_http_webhook_notices_t *ns, wh_notice_e kind,
    ngx_uint_t mail, uint64_t now, uint64_t *next)
{
    u_char                      random[10];
    uint64_t                   *stamp, last, interval, wait;
    ngx_int_t                   rc;
    ngx_http_webhook_told_t    *told;
    ngx_http_webhook_zone_t   **zone;
    ngx_http_webhook_notice_t   n;

    zone = ns->main->zones.elts;
    told = ngx_http_webhook_zone_told(zone[0]);

    ngx_memzero(&n, sizeof(ngx_http_webhook_notice_t));

    n.kind = kind;
    n.time = now;
    n.mail = mail;

    if (ngx_http_webhook_notice_count(ns->main, &n) == 0) {
        return;
    }

    interval = ns->main->notify->summary[mail];
    stamp = &told->stamps[kind == WH_NOTICE_DEAD ? 0 : 1][mail];
    last = __atomic_load_n(stamp, __ATOMIC_SEQ_CST);

    /* of the dead the time begins with the first, and then they are told */

    if (last == 0 && kind == WH_NOTICE_DEAD) {
        (void) __atomic_compare_exchange_n(stamp, &last, now, 0,
                                           __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);

        *next = *next ? ngx_min(*next, interval) : interval;
        return;
    }

    if (last && now >= last && now - last < interval) {
        wait = last + interval - now;
        *next = *next ? ngx_min(*next, wait) : wait;
        return;
    }

    if (!__atomic_compare_exchange_n(stamp, &last,
                                     kind == WH_NOTICE_DEAD ? 0 : now, 0,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    {
        /* another worker is at it, perhaps not with all that there is */

        *next = *next ? ngx_min(*next, interval) : interval;
        return;
    }

    ngx_http_webhook_random(ns->main->worker, random, sizeof(random));
    wh_uuid7((char *) n.id, now, random);

    rc = ngx_http_webhook_notice_commit(ns->main, &n);

    if (rc == NGX_DECLINED) {
        __atomic_store_n(stamp, last, __ATOMIC_SEQ_CST);

        wait = NGX_HTTP_WEBHOOK_NOTICE_AGAIN;
        *next = *next ? ngx_min(*next, wait) : wait;
        return;
    }

    ngx_http_webhook_notice_counted(ns->main, &n);
}
