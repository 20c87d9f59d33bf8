
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What this worker adds to the backlogs of endpoints, and takes from them: see
 * wh_backlog.h.  Deliveries in the journal alone are in the part of the owner
 * of their lane; an operation that is to delete one from the warehouse has it
 * deducted until that is done.
 */


#include "ngx_http_webhook_local.h"


static void ngx_http_webhook_backlog_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, int64_t events, int64_t octets);
static void ngx_http_webhook_backlog_unsettled(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);
static wh_backlog_t *ngx_http_webhook_backlog(
    ngx_http_webhook_endpoint_t *ep);
static wh_part_t *ngx_http_webhook_backlog_own(
    ngx_http_webhook_endpoint_t *ep);


/*
 * A process that had this slot, or our number, may have ended where nobody of
 * this configuration has seen it.
 */

void
ngx_http_webhook_backlog_init(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                 i, n, entry;
    ngx_http_webhook_zone_t  **zone;

    zone = st->wmcf->zones.elts;

    /* all at once: nobody is served by this process yet */

    for (i = 0; i < st->wmcf->zones.nelts; i++) {
        n = NGX_MAX_INT_T_VALUE;
        entry = 0;

        (void) ngx_http_webhook_zone_void(zone[i], (uint32_t) ngx_pid,
                                          st->slot, &entry, &n);
    }

    st->counts = 1;
}


wh_part_t *
ngx_http_webhook_backlog_part(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    wh_part_t  *part;

    if (ep->part) {
        return ep->part;
    }

    part = ngx_http_webhook_zone_part(ep->zone, ep->counters, st->slot);

    /* if there is no room, what this worker has is not known to the others */

    ep->part = part ? part : &ep->own;

    return ep->part;
}


static wh_backlog_t *
ngx_http_webhook_backlog(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *counters;

    counters = ep->counters;

    return &counters->backlog;
}


/* without room in the zone; NULL: it is among the others */

static wh_part_t *
ngx_http_webhook_backlog_own(ngx_http_webhook_endpoint_t *ep)
{
    return ep->part == &ep->own ? &ep->own : NULL;
}


static void
ngx_http_webhook_backlog_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, int64_t events, int64_t octets)
{
    wh_amount_add(&ep->taken, events, octets);

    if (st->settling) {
        ngx_http_webhook_backlog_unsettled(st, ep);

    } else {
        wh_part_take(ngx_http_webhook_backlog_part(st, ep), &ep->taken);
    }
}


/* in the event loop while it settles, in a thread while there is a turn */

static void
ngx_http_webhook_backlog_unsettled(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    if (!ep->unsettling) {
        ep->unsettling = 1;
        ep->unsettled = st->unsettled;
        st->unsettled = ep;
    }
}


void
ngx_http_webhook_backlog_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    if (item->lane->endpoint == NULL) {
        return;
    }

    item->counted = 1;

    ngx_http_webhook_backlog_add(st, item->lane->endpoint, 1,
                                 (int64_t) item->size);
}


void
ngx_http_webhook_backlog_leave(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    if (!item->counted) {
        return;
    }

    item->counted = 0;

    ngx_http_webhook_backlog_add(st, item->lane->endpoint, -1,
                                 -(int64_t) item->size);
}


void
ngx_http_webhook_backlog_deduct(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op, ngx_http_webhook_endpoint_t *ep, size_t size)
{
    op->endpoint = ep;
    op->size = size;

    if (ep) {
        ngx_http_webhook_backlog_add(st, ep, -1, -(int64_t) size);
    }
}


void
ngx_http_webhook_backlog_deducted(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    if (op->endpoint) {
        ngx_http_webhook_backlog_add(st, op->endpoint, 1, (int64_t) op->size);
        op->endpoint = NULL;
    }
}


/* runs in a thread, alone in the warehouse: nobody's numbers are newer */

void
ngx_http_webhook_backlog_changed(ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_turn_t      *turn;
    ngx_http_webhook_change_t    *c;
    ngx_http_webhook_endpoint_t  *ep;

    turn = v->data;

    for (c = v->changes; c; c = c->next) {

        ep = ngx_http_webhook_endpoint_find(turn->store->wmcf, &c->name);

        if (ep == NULL) {
            continue;
        }

        if (c->change.events || c->change.octets) {
            wh_part_land(ngx_http_webhook_backlog_part(turn->store, ep),
                         &c->change);
            ngx_http_webhook_backlog_unsettled(turn->store, ep);
        }

        wh_backlog_store(ngx_http_webhook_backlog(ep), &c->now);
    }
}


/* likewise; NULL: there is none any more */

ngx_str_t *
ngx_http_webhook_backlog_name(ngx_http_webhook_visit_t *v, ngx_uint_t i)
{
    ngx_http_webhook_turn_t        *turn;
    ngx_http_webhook_endpoint_t   **ep;
    ngx_http_webhook_main_conf_t   *wmcf;

    turn = v->data;
    wmcf = turn->store->wmcf;
    ep = wmcf->endpoints.elts;

    return i < wmcf->endpoints.nelts ? &ep[i]->name : NULL;
}


void
ngx_http_webhook_backlog_count(ngx_http_webhook_visit_t *v, ngx_uint_t i,
    wh_amount_t *now)
{
    ngx_http_webhook_turn_t       *turn;
    ngx_http_webhook_endpoint_t  **ep;

    turn = v->data;
    ep = turn->store->wmcf->endpoints.elts;

    wh_backlog_store(ngx_http_webhook_backlog(ep[i]), now);
}


void
ngx_http_webhook_backlog_settle(ngx_http_webhook_store_t *st)
{
    ngx_http_webhook_endpoint_t  *ep;

    st->settling = 0;

    while (st->unsettled) {
        ep = st->unsettled;
        st->unsettled = ep->unsettled;

        ep->unsettling = 0;

        wh_part_settle(ngx_http_webhook_backlog_part(st, ep), &ep->taken);
    }
}


void
ngx_http_webhook_store_backlog(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, wh_amount_t *total)
{
    wh_backlog_total(ngx_http_webhook_backlog(ep),
                     (unsigned) st->journal.head->last_slot,
                     ngx_http_webhook_backlog_own(ep), total);
}


uint64_t
ngx_http_webhook_store_oldest(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep)
{
    return wh_backlog_oldest(ngx_http_webhook_backlog(ep),
                             (unsigned) st->journal.head->last_slot);
}


void
ngx_http_webhook_backlog_promise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, int64_t events, int64_t octets)
{
    wh_amount_add(&ep->promised, events, octets);
    wh_part_promise(ngx_http_webhook_backlog_part(st, ep), &ep->promised);
}


/* of those who come for the last place at the same time nobody gets it twice */

ngx_int_t
ngx_http_webhook_store_promise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, size_t size)
{
    wh_amount_t  total, promised;

    ngx_http_webhook_backlog_promise(st, ep, 1, (int64_t) size);

    wh_backlog_promised(ngx_http_webhook_backlog(ep),
                        (unsigned) st->journal.head->last_slot,
                        ngx_http_webhook_backlog_own(ep), &promised);

    ngx_http_webhook_store_backlog(st, ep, &total);

    if (wh_limits_room(&ep->backlog, &total, promised.events,
                       promised.octets))
    {
        return NGX_OK;
    }

    ngx_http_webhook_store_unpromise(st, ep, size);

    return NGX_DECLINED;
}


void
ngx_http_webhook_store_unpromise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, size_t size)
{
    ngx_http_webhook_backlog_promise(st, ep, -1, -(int64_t) size);
}
