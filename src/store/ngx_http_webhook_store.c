
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Records into the journal, and room for them.
 */


#include "ngx_http_webhook_local.h"

#include <ngx_sha1.h>


#define NGX_HTTP_WEBHOOK_KEY_HEAD  200


static ngx_uint_t ngx_http_webhook_store_fits(wh_journal_t *j);
static uint64_t ngx_http_webhook_store_weight(ngx_http_webhook_store_t *st,
    size_t size);


ngx_int_t
ngx_http_webhook_store_append(ngx_http_webhook_store_t *st,
    ngx_http_webhook_entry_t *entries, ngx_uint_t n, uint64_t time,
    ngx_http_webhook_append_pt handler, void *data, void **ticket)
{
    int                           rc, seg;
    u_char                        slot[2];
    wh_str_t                      lane;
    wh_ref_t                      ref;
    ngx_uint_t                    i;
    wh_entry_t                   *e, few[8];
    ngx_http_webhook_ticket_t    *t;
    ngx_http_webhook_endpoint_t  *ep;

    *ticket = NULL;

    if (n == 0) {
        return NGX_OK;
    }

    e = few;

    if (n > sizeof(few) / sizeof(few[0])) {
        e = ngx_alloc(n * sizeof(wh_entry_t), st->log);
        if (e == NULL) {
            return NGX_ERROR;
        }
    }

    t = NULL;

    if (st->conf->always) {
        t = ngx_http_webhook_flush_ticket(st, handler, data);

        if (t == NULL) {
            rc = WH_NOMEM;
            goto failed;
        }
    }

    slot[0] = (u_char) (st->slot & 0xff);
    slot[1] = (u_char) (st->slot >> 8);

    for (i = 0; i < n; i++) {
        ep = entries[i].endpoint;

        e[i].name.data = (char *) ep->name.data;
        e[i].name.len = ep->name.len;
        e[i].key.data = (char *) entries[i].key.data;
        e[i].key.len = entries[i].key.len;
        e[i].data.data = (char *) entries[i].record.data;
        e[i].data.len = entries[i].record.len;

        lane = e[i].key;

        if (ep->policy.order == WH_ORDER_NONE) {

            /* nothing to keep in order: each worker sends its own */

            lane.data = (char *) slot;
            lane.len = 2;
        }

        e[i].shard = wh_journal_shard(e[i].name, lane);
    }

    seg = st->writer.seg;

    rc = wh_journal_append(&st->writer, time, e, (uint32_t) n, &ref);

    if (rc == WH_FULL || st->writer.seg != seg) {
        (void) wh_journal_reclaim(&st->journal, st->slot);

        ngx_http_webhook_turn_move(st);
    }

    if (rc == WH_FULL) {
        rc = wh_journal_append(&st->writer, time, e, (uint32_t) n, &ref);
    }

    if (rc != WH_OK) {
        goto failed;
    }

    if (e != few) {
        ngx_free(e);
    }

    ngx_http_webhook_stop_point("append");

    if (t) {
        ngx_http_webhook_flush_add(st, t, &ref);
        *ticket = t;

        return NGX_AGAIN;
    }

    ngx_http_webhook_publish(st, &ref);

    return NGX_OK;

failed:

    if (e != few) {
        ngx_free(e);
    }

    if (t) {
        ngx_free(t);
    }

    switch (rc) {

    case WH_FULL:
        return NGX_DECLINED;

    case WH_LIMIT:
        return NGX_BUSY;

    default:
        return NGX_ERROR;
    }
}


ngx_int_t
ngx_http_webhook_store_key(ngx_pool_t *pool, ngx_str_t *key)
{
    u_char      *p, digest[20];
    ngx_sha1_t   sha1;

    if (key->len <= WH_KEY_MAX) {
        return NGX_OK;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_final(digest, &sha1);

    p = ngx_pnalloc(pool, NGX_HTTP_WEBHOOK_KEY_HEAD + 2 * sizeof(digest));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, key->data, NGX_HTTP_WEBHOOK_KEY_HEAD);
    ngx_hex_dump(p + NGX_HTTP_WEBHOOK_KEY_HEAD, digest, sizeof(digest));

    key->data = p;
    key->len = NGX_HTTP_WEBHOOK_KEY_HEAD + 2 * sizeof(digest);

    return NGX_OK;
}


/*
 * Shows a record to everybody, and finds each of its deliveries an owner.
 */

void
ngx_http_webhook_publish(ngx_http_webhook_store_t *st, wh_ref_t *ref)
{
    int            taken;
    unsigned       owner, slot, npending, last;
    uint32_t       i, n, fence;
    wh_ref_t       pending[WH_SLOTS];
    wh_view_t      v;
    ngx_uint_t     k;
    wh_journal_t  *j;

    j = &st->journal;
    last = (unsigned) j->head->last_slot;
    npending = 0;

    /* each raise may take a shard; see wh_journal_pending() */

    for (slot = 1; slot <= last; slot++) {
        if (slot != st->slot
            && wh_journal_pending(j, slot, &pending[npending]) == WH_OK)
        {
            npending++;
        }
    }

    wh_journal_publish_begin(&st->writer, ref);

    ngx_http_webhook_stop_point("publish");

    n = wh_journal_count(j, ref);

    for (i = 0; i < n; i++) {

        if (wh_journal_view(j, ref, i, &v) != WH_OK) {
            continue;
        }

        owner = wh_shard_raise(j, v.shard, st->slot, st->leaving, &fence,
                               &taken);

        if (owner == st->slot) {

            if (taken) {
                ngx_http_webhook_shard_taken(st, v.shard, fence);

                for (k = 0; k < npending; k++) {
                    ngx_http_webhook_look(st, &pending[k], v.shard);
                }
            }

            if (ngx_http_webhook_shard_mine(st, v.shard)) {
                ngx_http_webhook_enqueue(st, &v, NGX_HTTP_WEBHOOK_CAPTURED);
            }

        } else if (owner == WH_ORPHAN) {

            if (st->leaving) {
                ngx_http_webhook_store_wake_all(st);

            } else {
                st->orphans = 1;
            }

        } else {
            ngx_http_webhook_wake(st, owner);
        }
    }

    wh_journal_publish_end(&st->writer);

    /* in this turn of the loop, behind all that is posted for clients */

    ngx_post_event(&st->soon, &ngx_posted_events);
}


void
ngx_http_webhook_store_usage(ngx_http_webhook_store_t *st,
    ngx_http_webhook_usage_t *u)
{
    uint32_t                   i;
    wh_journal_t              *j;
    ngx_http_webhook_meter_t  *meter;

    j = &st->journal;
    meter = st->wmcf->meter;

    u->size = st->conf->size;
    u->journal = (uint64_t) j->nsegs * j->seg_size;
    u->journal_used = u->journal
                      - (uint64_t) wh_journal_free_segments(j) * j->seg_size;
    u->warehouse = st->warehouse.size;
    u->warehouse_used = meter ? meter->warehouse : 0;
    u->workers = 0;

    for (i = 1; i <= j->head->last_slot; i++) {
        if (j->slots[i].state == WH_SLOT_LIVE) {
            u->workers++;
        }
    }
}


ngx_uint_t
ngx_http_webhook_store_rejects(ngx_http_webhook_store_conf_t *sc)
{
    return sc && sc->reject;
}


size_t
ngx_http_webhook_store_capacity(ngx_http_webhook_store_conf_t *sc)
{
    return sc->size;
}


size_t
ngx_http_webhook_store_max_record(ngx_http_webhook_store_t *st)
{
    return wh_journal_record_max(st->journal.seg_size);
}


uint64_t
ngx_http_webhook_store_dedupe(ngx_http_webhook_store_t *st)
{
    return st->conf->dedupe;
}


/* of those who come for the last room at the same time nobody gets it twice */

ngx_int_t
ngx_http_webhook_store_reserve(ngx_http_webhook_store_t *st, size_t size)
{
    wh_journal_t  *j;

    j = &st->journal;

    if (j->head->full) {
        return NGX_DECLINED;
    }

    (void) __atomic_add_fetch(&j->slots[st->slot].reserved,
                              ngx_http_webhook_store_weight(st, size),
                              __ATOMIC_SEQ_CST);

    /* who looks after this sees it, or is seen: neither passes the other */

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    ngx_http_webhook_stop_point("reserve");

    if (ngx_http_webhook_store_fits(j)) {
        return NGX_OK;
    }

    (void) wh_journal_reclaim(j, st->slot);

    if (ngx_http_webhook_store_fits(j)) {
        return NGX_OK;
    }

    ngx_http_webhook_store_unreserve(st, size);

    return NGX_DECLINED;
}


/*
 * True if there are segments for all that is reserved.  They are counted
 * last: what was reserved is given back after it has taken its segments.
 */

static ngx_uint_t
ngx_http_webhook_store_fits(wh_journal_t *j)
{
    uint32_t  need;
    uint64_t  reserved;
    unsigned  slot;

    need = 0;

    for (slot = 1; slot <= (unsigned) j->head->last_slot; slot++) {
        reserved = __atomic_load_n(&j->slots[slot].reserved,
                                   __ATOMIC_ACQUIRE);
        need += wh_journal_segments_for(j, reserved);
    }

    return need <= wh_journal_free_segments(j);
}


void
ngx_http_webhook_store_unreserve(ngx_http_webhook_store_t *st, size_t size)
{
    uint64_t    weight;
    wh_slot_t  *slot;

    slot = &st->journal.slots[st->slot];
    weight = ngx_http_webhook_store_weight(st, size);

    (void) __atomic_sub_fetch(&slot->reserved, ngx_min(weight, slot->reserved),
                              __ATOMIC_SEQ_CST);
}


/* records do not fill segments to the end: a quarter, or half may be lost */

static uint64_t
ngx_http_webhook_store_weight(ngx_http_webhook_store_t *st, size_t size)
{
    return size > st->journal.seg_size / 4 ? (uint64_t) size * 2
                                           : (uint64_t) size + size / 3;
}
