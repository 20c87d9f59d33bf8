
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Shards: what this worker owns, takes, gives back, and finds in the records
 * of the others.
 */


#include "ngx_http_webhook_job.h"
#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_meter.h"


#define NGX_HTTP_WEBHOOK_SCAN_PASSES  16
#define NGX_HTTP_WEBHOOK_RELEASES     4
#define NGX_HTTP_WEBHOOK_DRIVE_TURN   256  /* lanes at a time */


static void ngx_http_webhook_shard_empty(ngx_http_webhook_store_t *st,
    unsigned shard);
static ngx_uint_t ngx_http_webhook_shard_idle(ngx_http_webhook_shard_t *sh);
static void ngx_http_webhook_drive(ngx_http_webhook_store_t *st);


void
ngx_http_webhook_shard_taken(ngx_http_webhook_store_t *st, unsigned shard,
    uint32_t fence)
{
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    if (sh->owned) {
        ngx_http_webhook_shard_lose(st, shard);
    }

    sh->owned = 1;
    sh->loading = 0;
    sh->adopt = 0;
    sh->news = wh_shard_news(&st->journal, shard);
    sh->fence = fence;
}


ngx_uint_t
ngx_http_webhook_shard_mine(ngx_http_webhook_store_t *st, unsigned shard)
{
    uint64_t                   word;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    if (!sh->owned) {
        return 0;
    }

    word = wh_shard_read(&st->journal, shard);

    if (wh_shard_owner(word) == st->slot && wh_shard_fence(word) == sh->fence)
    {
        return 1;
    }

    ngx_log_error(NGX_LOG_WARN, st->log, 0,
                  "webhook shard %ui was taken over while this worker did "
                  "not run, fence %uD", (ngx_uint_t) shard, sh->fence);

    ngx_http_webhook_shard_lose(st, shard);

    return 0;
}


/* whatever is in memory of it belongs to somebody else now */

void
ngx_http_webhook_shard_lose(ngx_http_webhook_store_t *st, unsigned shard)
{
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    ngx_http_webhook_shard_empty(st, shard);

    sh->owned = 0;
    sh->loading = 0;
    sh->adopt = 0;
    sh->partial = 0;
    sh->kept = 0;
    sh->nbusy = 0;
}


static void
ngx_http_webhook_shard_empty(ngx_http_webhook_store_t *st, unsigned shard)
{
    wh_queue_t                *first;
    ngx_queue_t               *q;
    ngx_http_webhook_item_t   *item;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    while (!ngx_queue_empty(&sh->lanes)) {

        q = ngx_queue_head(&sh->lanes);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        while (!wh_queue_empty(&lane->core.items)) {

            first = wh_queue_head(&lane->core.items);
            item = wh_queue_data(first, ngx_http_webhook_item_t, core.queue);

            ngx_http_webhook_item_unlink(st, item);
            ngx_http_webhook_item_free(item);
        }

        ngx_http_webhook_lane_free(st, lane);
    }
}


static ngx_uint_t
ngx_http_webhook_shard_idle(ngx_http_webhook_shard_t *sh)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    /*
     * Nobody's shard has nothing in the warehouse: who takes it to send an
     * event needs not look there, and another configuration may know names
     * that this one does not.
     */

    if (sh->nitems || sh->nbusy || sh->loading || sh->partial || sh->kept) {
        return 0;
    }

    for (q = ngx_queue_head(&sh->lanes);
         q != ngx_queue_sentinel(&sh->lanes);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        if (lane->core.more) {
            return 0;
        }
    }

    return 1;
}


void
ngx_http_webhook_lane_settle(ngx_http_webhook_store_t *st, unsigned shard)
{
    uint64_t                   word;
    ngx_uint_t                 i;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    if (!sh->owned) {
        return;
    }

    if (st->leaving && sh->nbusy == 0 && !sh->loading) {

        ngx_http_webhook_shard_empty(st, shard);

        do {
            word = wh_shard_read(&st->journal, shard);

            if (wh_shard_owner(word) != st->slot
                || wh_shard_fence(word) != sh->fence)
            {
                break;
            }

        } while (wh_shard_orphan(&st->journal, shard, word) != WH_OK);

        ngx_http_webhook_shard_lose(st, shard);
        ngx_http_webhook_store_wake_all(st);
        return;
    }

    for (i = 0;
         i < NGX_HTTP_WEBHOOK_RELEASES && ngx_http_webhook_shard_idle(sh);
         i++)
    {

        word = wh_shard_read(&st->journal, shard);

        if (wh_shard_owner(word) != st->slot
            || wh_shard_fence(word) != sh->fence)
        {
            (void) ngx_http_webhook_shard_mine(st, shard);
            return;
        }

        if (ngx_http_webhook_news_of(st, shard)) {
            st->news = 1;
            break;
        }

        if (ngx_http_webhook_scan(st) != NGX_OK
            || !ngx_http_webhook_shard_idle(sh))
        {
            break;
        }

        if (wh_shard_release(&st->journal, shard, word) == WH_OK) {
            ngx_http_webhook_shard_lose(st, shard);
            return;
        }
    }

    if (sh->owned && i == NGX_HTTP_WEBHOOK_RELEASES) {
        ngx_post_event(&st->drive, &ngx_posted_next_events);
    }
}


/* back to everybody, with all that is open in it */

void
ngx_http_webhook_shard_give_up(ngx_http_webhook_store_t *st, unsigned shard)
{
    uint64_t  word;

    do {
        word = wh_shard_read(&st->journal, shard);

        if (wh_shard_owner(word) != st->slot
            || wh_shard_fence(word) != st->shards[shard].fence)
        {
            break;
        }

    } while (wh_shard_orphan(&st->journal, shard, word) != WH_OK);

    ngx_http_webhook_shard_lose(st, shard);
}


/* one record, for a shard that was just taken */

void
ngx_http_webhook_look(ngx_http_webhook_store_t *st, wh_ref_t *ref,
    unsigned shard)
{
    uint32_t   i, n;
    wh_view_t  v;

    n = wh_journal_count(&st->journal, ref);

    for (i = 0; i < n; i++) {

        if (!st->shards[shard].owned) {
            return;
        }

        if (wh_journal_view(&st->journal, ref, i, &v) != WH_OK
            || v.shard != shard)
        {
            continue;
        }

        ngx_http_webhook_enqueue(st, &v, NGX_HTTP_WEBHOOK_CAPTURED);
    }
}


/*
 * Reads what the other workers have published since.  A record may be sent
 * only when a whole further pass has found nothing: then everything that had
 * been published before it is known, too.  NGX_AGAIN: not so far yet.
 */

ngx_int_t
ngx_http_webhook_scan(ngx_http_webhook_store_t *st)
{
    unsigned       slot, last;
    uint32_t       i, n;
    wh_ref_t       ref;
    wh_view_t      v;
    ngx_uint_t     found, pass;
    wh_journal_t  *j;

    j = &st->journal;

    for (pass = 0; pass < NGX_HTTP_WEBHOOK_SCAN_PASSES; pass++) {

        found = 0;
        last = (unsigned) j->head->last_slot;

        for (slot = 1; slot <= last; slot++) {

            if (slot == st->slot) {
                continue;
            }

            while (wh_journal_next(j, slot, &st->cursors[slot], &ref)
                   == WH_OK)
            {
                found++;
                n = wh_journal_count(j, &ref);

                for (i = 0; i < n; i++) {

                    if (wh_journal_view(j, &ref, i, &v) != WH_OK
                        || !st->shards[v.shard].owned)
                    {
                        continue;
                    }

                    if (ngx_http_webhook_shard_mine(st, v.shard)) {
                        ngx_http_webhook_enqueue(st, &v,
                                                 NGX_HTTP_WEBHOOK_CAPTURED);
                    }
                }
            }
        }

        if (found == 0) {
            return NGX_OK;
        }
    }

    ngx_post_event(&st->drive, &ngx_posted_next_events);

    return NGX_AGAIN;
}


/*
 * Clients go first: what is left of their responses, or their next requests,
 * may have been posted before this, or be posted by what was.
 */

void
ngx_http_webhook_soon_handler(ngx_event_t *ev)
{
    ngx_http_webhook_store_t  *st;

    st = ev->data;

    if (st->drive.posted) {
        ngx_delete_posted_event(&st->drive);
    }

    ngx_post_event(&st->drive, &ngx_posted_events);
}


void
ngx_http_webhook_drive_handler(ngx_event_t *ev)
{
    uint64_t                   since;
    ngx_http_webhook_store_t  *st;

    st = ev->data;
    since = ngx_http_webhook_meter_now();

    ngx_http_webhook_drive(st);

    ngx_http_webhook_meter_held(st->wmcf, since);
}


static void
ngx_http_webhook_drive(ngx_http_webhook_store_t *st)
{
    unsigned                  shard;
    ngx_uint_t                n;
    ngx_queue_t              *q, ready;
    ngx_http_webhook_lane_t  *lane;

    if (st->orphans) {
        ngx_http_webhook_adopt(st);
    }

    if (st->news) {
        ngx_http_webhook_news(st);
    }

    if (ngx_http_webhook_scan(st) != NGX_OK) {
        return;
    }

    /* lanes that become ready by this are for the next turn */

    ngx_queue_init(&ready);

    if (!ngx_queue_empty(&st->ready)) {
        ngx_queue_add(&ready, &st->ready);
        ngx_queue_init(&st->ready);
    }

    for (n = 0; n < NGX_HTTP_WEBHOOK_DRIVE_TURN; n++) {

        if (ngx_queue_empty(&ready)) {
            return;
        }

        q = ngx_queue_head(&ready);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, readied);

        ngx_queue_remove(q);
        lane->ready = 0;
        shard = lane->shard;

        st->driven = lane;

        st->driver->drive(st, lane);

        /* it may have been lost meanwhile */

        if (st->driven && lane->core.nitems == 0 && lane->core.inflight == 0
            && !lane->core.more)
        {
            ngx_http_webhook_lane_free(st, lane);
        }

        st->driven = NULL;

        ngx_http_webhook_lane_settle(st, shard);
    }

    if (ngx_queue_empty(&ready)) {
        return;
    }

    /* the rest is for the next turn, too, and comes first */

    if (!ngx_queue_empty(&st->ready)) {
        ngx_queue_add(&ready, &st->ready);
        ngx_queue_init(&st->ready);
    }

    ngx_queue_add(&st->ready, &ready);

    ngx_post_event(&st->drive, &ngx_posted_next_events);
}
