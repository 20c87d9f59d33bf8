
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_delivery.h"


#define NGX_HTTP_WEBHOOK_SCAN_PASSES  16


static ngx_http_webhook_lane_t *ngx_http_webhook_lane_get(
    ngx_http_webhook_store_t *st, unsigned shard, wh_str_t *name,
    wh_str_t *key, ngx_uint_t slice);
static ngx_http_webhook_lane_t *ngx_http_webhook_lane_find(
    ngx_http_webhook_store_t *st, ngx_str_t *id, uint32_t *hash,
    unsigned shard, wh_str_t *name, wh_str_t *key);
static void ngx_http_webhook_lane_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static ngx_http_webhook_item_t *ngx_http_webhook_lane_place(
    ngx_http_webhook_lane_t *lane, uint64_t seq, uint32_t index,
    ngx_queue_t **behind);
static ngx_int_t ngx_http_webhook_lane_known(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item);
static void ngx_http_webhook_lane_cut(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item);
static ngx_http_webhook_item_t *ngx_http_webhook_item_create(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    ngx_queue_t *behind, uint64_t seq, uint32_t index);
static void ngx_http_webhook_shard_empty(ngx_http_webhook_store_t *st,
    unsigned shard);
static ngx_uint_t ngx_http_webhook_shard_idle(ngx_http_webhook_shard_t *sh);


void
ngx_http_webhook_lanes_init(ngx_http_webhook_store_t *st)
{
    ngx_uint_t  i;

    ngx_rbtree_init(&st->lanes, &st->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&st->age);
    ngx_queue_init(&st->ready);
    ngx_queue_init(&st->reading);

    for (i = 0; i < WH_SHARDS; i++) {
        ngx_queue_init(&st->shards[i].lanes);
    }
}


/* shards */


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
    sh->nbusy = 0;
}


static void
ngx_http_webhook_shard_empty(ngx_http_webhook_store_t *st, unsigned shard)
{
    ngx_queue_t               *q;
    ngx_http_webhook_item_t   *item;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    while (!ngx_queue_empty(&sh->lanes)) {

        q = ngx_queue_head(&sh->lanes);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        while (!ngx_queue_empty(&lane->items)) {

            q = ngx_queue_head(&lane->items);
            item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

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

    if (sh->nitems || sh->nbusy || sh->loading || sh->partial) {
        return 0;
    }

    for (q = ngx_queue_head(&sh->lanes);
         q != ngx_queue_sentinel(&sh->lanes);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        if (lane->more) {
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

    for (i = 0; i < 4 && ngx_http_webhook_shard_idle(sh); i++) {

        word = wh_shard_read(&st->journal, shard);

        if (wh_shard_owner(word) != st->slot
            || wh_shard_fence(word) != sh->fence)
        {
            (void) ngx_http_webhook_shard_mine(st, shard);
            return;
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

    if (sh->owned) {
        ngx_post_event(&st->drive, &ngx_posted_next_events);
    }
}


/* lanes */


/* "id" has room for a lane's name in the tree, which is put there */

static ngx_http_webhook_lane_t *
ngx_http_webhook_lane_find(ngx_http_webhook_store_t *st, ngx_str_t *id,
    uint32_t *hash, unsigned shard, wh_str_t *name, wh_str_t *key)
{
    u_char  *p;

    p = ngx_cpymem(id->data, name->data, name->len);
    *p++ = '\0';
    *p++ = (u_char) (shard >> 8);
    *p++ = (u_char) (shard & 0xff);

    if (key->len) {
        p = ngx_cpymem(p, key->data, key->len);
    }

    id->len = p - id->data;
    *hash = ngx_crc32_long(id->data, id->len);

    return (ngx_http_webhook_lane_t *) ngx_str_rbtree_lookup(&st->lanes, id,
                                                             *hash);
}


/* a lane that a slice of the warehouse has brought is known as far as that */

static ngx_http_webhook_lane_t *
ngx_http_webhook_lane_get(ngx_http_webhook_store_t *st, unsigned shard,
    wh_str_t *name, wh_str_t *key, ngx_uint_t slice)
{
    u_char                   *p, buf[WH_NAME_MAX + WH_KEY_MAX + 3];
    uint32_t                  hash;
    ngx_str_t                 id;
    ngx_http_webhook_lane_t  *lane;

    id.data = buf;

    lane = ngx_http_webhook_lane_find(st, &id, &hash, shard, name, key);
    if (lane) {
        return lane;
    }

    lane = ngx_calloc(sizeof(ngx_http_webhook_lane_t) + id.len, st->log);
    if (lane == NULL) {
        return NULL;
    }

    p = (u_char *) lane + sizeof(ngx_http_webhook_lane_t);
    ngx_memcpy(p, buf, id.len);

    lane->node.node.key = hash;
    lane->node.str.data = p;
    lane->node.str.len = id.len;
    lane->slice = slice;

    lane->name.data = p;
    lane->name.len = name->len;
    lane->key.data = p + name->len + 3;
    lane->key.len = key->len;
    lane->shard = shard;

    ngx_queue_init(&lane->items);

    lane->endpoint = ngx_http_webhook_endpoint_find(st->wmcf, &lane->name);

    ngx_rbtree_insert(&st->lanes, &lane->node.node);
    ngx_queue_insert_tail(&st->shards[shard].lanes, &lane->queue);

    if (st->shards[shard].partial && slice == 0 && lane->endpoint) {

        /* it may have a past in the warehouse */

        lane->more = 1;
        ngx_http_webhook_turn_read(st, lane);
    }

    return lane;
}


/* in memory already, and not by this very slice */

ngx_uint_t
ngx_http_webhook_lane_known_by(ngx_http_webhook_store_t *st,
    ngx_http_webhook_loaded_t *loaded, ngx_uint_t slice)
{
    u_char                    buf[WH_NAME_MAX + WH_KEY_MAX + 3];
    uint32_t                  hash;
    wh_str_t                  name, key;
    ngx_str_t                 id;
    ngx_http_webhook_lane_t  *lane;

    id.data = buf;

    name.data = (char *) loaded->name.data;
    name.len = loaded->name.len;
    key.data = (char *) loaded->key.data;
    key.len = loaded->key.len;

    lane = ngx_http_webhook_lane_find(st, &id, &hash, loaded->shard, &name,
                                      &key);

    return lane && lane->slice != slice;
}


static void
ngx_http_webhook_lane_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_delivery_forget(lane);

    if (lane->ready) {
        ngx_queue_remove(&lane->readied);
    }

    if (lane->read) {
        ngx_queue_remove(&lane->reading);
    }

    if (st->turn->lane == lane) {
        st->turn->lane = NULL;
    }

    if (st->driven == lane) {
        st->driven = NULL;
    }

    ngx_queue_remove(&lane->queue);
    ngx_rbtree_delete(&st->lanes, &lane->node.node);

    ngx_free(lane);
}


/* where a delivery belongs: an equal one, or the element to insert behind */

static ngx_http_webhook_item_t *
ngx_http_webhook_lane_place(ngx_http_webhook_lane_t *lane, uint64_t seq,
    uint32_t index, ngx_queue_t **behind)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    for (q = ngx_queue_last(&lane->items);
         q != ngx_queue_sentinel(&lane->items);
         q = ngx_queue_prev(q))
    {
        item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

        if (item->seq < seq || (item->seq == seq && item->index < index)) {
            break;
        }

        if (item->seq == seq && item->index == index) {
            return item;
        }
    }

    *behind = q;

    return NULL;
}


static ngx_int_t
ngx_http_webhook_lane_known(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item)
{
    return !lane->more
           || item->seq < lane->loaded_seq
           || (item->seq == lane->loaded_seq
               && item->index <= lane->loaded_index);
}


ngx_http_webhook_item_t *
ngx_http_webhook_lane_next(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_item_t *behind)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    if (st->leaving) {
        return NULL;
    }

    if (behind == NULL
        && (!ngx_http_webhook_shard_mine(st, lane->shard)
            || st->shards[lane->shard].loading))
    {
        return NULL;
    }

    q = behind ? ngx_queue_next(&behind->queue)
               : ngx_queue_head(&lane->items);

    for ( /* void */ ;
         q != ngx_queue_sentinel(&lane->items);
         q = ngx_queue_next(q))
    {
        item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

        if (!ngx_http_webhook_lane_known(lane, item)) {
            break;
        }

        if (!item->inflight) {
            return item;
        }
    }

    /* nothing of it can be sent, and nothing is on its way */

    if (lane->more && behind == NULL && lane->inflight == 0) {
        ngx_http_webhook_turn_read(st, lane);
    }

    return NULL;
}


/* from this delivery on the lane is not in memory */

static void
ngx_http_webhook_lane_cut(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item)
{
    uint64_t                  seq;
    uint32_t                  index;
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *prev;

    if (!ngx_http_webhook_lane_known(lane, item)) {
        return;
    }

    seq = 0;
    index = 0;

    q = ngx_queue_prev(&item->queue);

    if (q != ngx_queue_sentinel(&lane->items)) {
        prev = ngx_queue_data(q, ngx_http_webhook_item_t, queue);
        seq = prev->seq;
        index = prev->index;
    }

    lane->more = 1;
    lane->loaded_seq = seq;
    lane->loaded_index = index;
}


/* deliveries */


static ngx_http_webhook_item_t *
ngx_http_webhook_item_create(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, ngx_queue_t *behind, uint64_t seq,
    uint32_t index)
{
    ngx_http_webhook_item_t  *item;

    item = ngx_calloc(sizeof(ngx_http_webhook_item_t), st->log);
    if (item == NULL) {
        return NULL;
    }

    item->lane = lane;
    item->seq = seq;
    item->index = index;
    item->fence = st->shards[lane->shard].fence;
    item->created = ngx_current_msec;

    ngx_queue_insert_after(behind, &item->queue);

    lane->nitems++;
    st->shards[lane->shard].nitems++;

    return item;
}


void
ngx_http_webhook_item_unlink(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    if (item->aged) {
        ngx_queue_remove(&item->age);
        item->aged = 0;
    }

    if (item->lane) {
        ngx_queue_remove(&item->queue);
        item->lane->nitems--;
        item->lane->nmoved -= item->moved;
        st->memory -= item->charged;
        item->charged = 0;
        st->shards[item->lane->shard].nitems--;
        item->lane = NULL;
    }
}


/* unless an attempt or an operation still refers to it */

void
ngx_http_webhook_item_free(ngx_http_webhook_item_t *item)
{
    if (item->inflight || item->nops) {
        return;
    }

    if (item->data) {
        ngx_free(item->data);
    }

    ngx_free(item);
}


void
ngx_http_webhook_item_lost(ngx_http_webhook_item_t *item)
{
    item->inflight = 0;

    ngx_http_webhook_item_free(item);
}


/*
 * Takes up a delivery of a shard of ours.  Our fence is stamped into its word:
 * a former owner that comes to itself can neither acknowledge nor move it.
 */

void
ngx_http_webhook_enqueue(ngx_http_webhook_store_t *st, wh_view_t *v)
{
    uint64_t                  value;
    ngx_queue_t              *behind;
    ngx_http_webhook_lane_t  *lane;
    ngx_http_webhook_item_t  *item;

    value = wh_view_stamp(&st->journal, v, st->shards[v->shard].fence);

    if (value == 0) {
        return;
    }

    lane = ngx_http_webhook_lane_get(st, v->shard, &v->name, &v->key, 0);
    if (lane == NULL) {
        goto failed;
    }

    item = ngx_http_webhook_lane_place(lane, v->ref.seq, v->index, &behind);

    if (item == NULL) {
        item = ngx_http_webhook_item_create(st, lane, behind, v->ref.seq,
                                            v->index);
        if (item == NULL) {
            goto failed;
        }

        item->ref = v->ref;
        item->word = v->word;
        item->value = value;
        item->progress.time = v->time;

        ngx_queue_insert_tail(&st->age, &item->age);
        item->aged = 1;

    } else if (item->moved && item->word == NULL) {

        /* it was moved, and its mover could not say so in the journal */

        (void) wh_word_change(v->word, value, WH_WORD_MOVED);
    }

    if (!lane->ready) {
        lane->ready = 1;
        ngx_queue_insert_tail(&st->ready, &lane->readied);
    }

    return;

failed:

    /* it stays open in the journal: whoever adopts the shard next finds it */

    ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                  "no memory for a webhook delivery, its shard is given up");

    ngx_http_webhook_shard_give_up(st, v->shard);
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

        if (wh_journal_view(&st->journal, ref, i, &v) != WH_OK
            || v.shard != shard)
        {
            continue;
        }

        ngx_http_webhook_enqueue(st, &v);
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
                        ngx_http_webhook_enqueue(st, &v);
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


void
ngx_http_webhook_drive_handler(ngx_event_t *ev)
{
    unsigned                   shard;
    ngx_queue_t               *q, ready;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_store_t  *st;

    st = ev->data;

    if (st->orphans) {
        ngx_http_webhook_adopt(st);
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

    while (!ngx_queue_empty(&ready)) {

        q = ngx_queue_head(&ready);
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, readied);

        ngx_queue_remove(q);
        lane->ready = 0;
        shard = lane->shard;

        st->driven = lane;

        ngx_http_webhook_delivery_drive(st, lane);

        /* it may have been lost meanwhile */

        if (st->driven && lane->nitems == 0 && lane->inflight == 0
            && !lane->more)
        {
            ngx_http_webhook_lane_free(st, lane);
        }

        st->driven = NULL;

        ngx_http_webhook_lane_settle(st, shard);
    }
}


ngx_uint_t
ngx_http_webhook_lane_alive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    return st->driven == lane;
}


void
ngx_http_webhook_lane_ready(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    if (!lane->ready) {
        lane->ready = 1;
        ngx_queue_insert_tail(&st->ready, &lane->readied);
    }

    ngx_post_event(&st->drive, &ngx_posted_next_events);
}


/* what the warehouse holds of a shard that was adopted, or of a lane */

void
ngx_http_webhook_load(ngx_http_webhook_store_t *st,
    ngx_http_webhook_loaded_t *loaded, ngx_uint_t slice)
{
    wh_str_t                  name, key;
    ngx_queue_t              *behind;
    ngx_http_webhook_item_t  *item;
    ngx_http_webhook_lane_t  *lane;

    if (!st->shards[loaded->shard].owned) {
        return;
    }

    name.data = (char *) loaded->name.data;
    name.len = loaded->name.len;
    key.data = (char *) loaded->key.data;
    key.len = loaded->key.len;

    lane = ngx_http_webhook_lane_get(st, loaded->shard, &name, &key, slice);
    if (lane == NULL) {
        goto failed;
    }

    if (lane->endpoint == NULL) {
        ngx_http_webhook_lane_orphaned(st, lane);
        return;
    }

    item = ngx_http_webhook_lane_place(lane, loaded->seq, loaded->index,
                                       &behind);

    if (item == NULL) {
        item = ngx_http_webhook_item_create(st, lane, behind, loaded->seq,
                                            loaded->index);
        if (item == NULL) {
            goto failed;
        }

    } else if (item->moved || item->nops) {
        goto done;

    } else {

        /* in both: its mover had died before it could say so */

        if (item->aged) {
            ngx_queue_remove(&item->age);
            item->aged = 0;
        }

        (void) ngx_http_webhook_item_word(st, item, WH_WORD_MOVED);
    }

    item->word = NULL;
    item->moved = 1;
    lane->nmoved++;
    item->progress = loaded->progress;

    if (item->data == NULL) {
        item->len = loaded->len;
        item->data = ngx_alloc(loaded->len ? loaded->len : 1, st->log);

        if (item->data == NULL) {
            goto failed;
        }

        ngx_memcpy(item->data, loaded->data, loaded->len);
    }

    ngx_http_webhook_item_charge(st, item);

done:

    if (loaded->more) {
        lane->more = 1;
        lane->loaded_seq = loaded->seq;
        lane->loaded_index = loaded->index;
    }

    ngx_http_webhook_lane_ready(st, lane);

    return;

failed:

    ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                  "no memory for webhook deliveries, their shard is given up");

    ngx_http_webhook_shard_give_up(st, loaded->shard);
}


void
ngx_http_webhook_lane_orphaned(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    if (!lane->orphaned) {
        lane->orphaned = 1;

        ngx_log_error(NGX_LOG_WARN, st->log, 0,
                      "webhook endpoint \"%V\" is not configured any more, "
                      "its deliveries are kept until it is", &lane->name);
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


ngx_int_t
ngx_http_webhook_item_copy(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_pool_t *pool, wh_str_t *record)
{
    u_char                   *p;
    unsigned                  shard;
    wh_view_t                 v;
    ngx_http_webhook_lane_t  *lane;

    if (item->data) {
        p = ngx_pnalloc(pool, item->len ? item->len : 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, item->data, item->len);

        record->data = (char *) p;
        record->len = item->len;

        return NGX_OK;
    }

    shard = item->lane->shard;

    if (wh_journal_view(&st->journal, &item->ref, item->index, &v) != WH_OK) {
        goto lost;
    }

    p = ngx_pnalloc(pool, v.data.len ? v.data.len : 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, v.data.data, v.data.len);

    if (!wh_journal_valid(&st->journal, &item->ref)
        || wh_word_state(wh_word_read(item->word)) != WH_WORD_OPEN)
    {
        goto lost;
    }

    record->data = (char *) p;
    record->len = v.data.len;

    return NGX_OK;

lost:

    /* only an owner ends a delivery, so there must be another one */

    if (ngx_http_webhook_shard_mine(st, shard)) {
        lane = item->lane;

        ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                      "webhook delivery of \"%V\" is not in the journal",
                      &lane->name);

        ngx_http_webhook_item_unlink(st, item);
        ngx_http_webhook_item_free(item);
        ngx_http_webhook_lane_ready(st, lane);
    }

    return NGX_DECLINED;
}


void
ngx_http_webhook_item_begin(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_msec_t deadline)
{
    wh_slot_t  *slot;

    slot = &st->journal.slots[st->slot];

    if (slot->deadline < deadline) {
        slot->deadline = deadline;
    }

    item->inflight = 1;
    item->lane->inflight++;
    st->shards[item->lane->shard].nbusy++;
}


void
ngx_http_webhook_item_finish(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    item->inflight = 0;
    item->lane->inflight--;
    st->shards[item->lane->shard].nbusy--;
}


/* WH_WORD_... for a delivery in the journal; NGX_DECLINED: not ours */

ngx_int_t
ngx_http_webhook_item_word(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, unsigned state)
{
    uint64_t  now;

    while (wh_word_change(item->word, item->value, state) != WH_OK) {

        now = wh_word_read(item->word);

        /* stamped by this very owner, while it adopted the shard */

        if (now == item->value
            || now != wh_word(item->ref.gen, item->fence, WH_WORD_OPEN))
        {
            return NGX_DECLINED;
        }

        item->value = now;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_item_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_end_e end)
{
    unsigned                  shard;
    ngx_uint_t                keep;
    ngx_http_webhook_lane_t  *lane;

    lane = item->lane;
    shard = lane->shard;

    if (!ngx_http_webhook_shard_mine(st, shard)) {
        return NGX_DECLINED;
    }

    ngx_http_webhook_stop_point("ack");

    keep = (end == NGX_HTTP_WEBHOOK_DEAD || end == NGX_HTTP_WEBHOOK_EXPIRED);

    if (!keep && !item->moved
        && ngx_http_webhook_item_word(st, item, WH_WORD_ENDED) != NGX_OK)
    {
        ngx_http_webhook_shard_give_up(st, shard);
        return NGX_DECLINED;
    }

    item->ended = 1;
    item->buried = keep;

    /* without memory for an operation its shard is given up, and the lane */

    item->nops++;

    if (keep) {
        item->progress.end = (uint8_t) end;
        ngx_http_webhook_turn_op(st, item, NGX_HTTP_WEBHOOK_OP_BURY);

    } else if (item->moved) {
        ngx_http_webhook_turn_op(st, item, NGX_HTTP_WEBHOOK_OP_DELETE);
    }

    item->nops--;

    if (item->lane == NULL) {
        ngx_http_webhook_item_free(item);
        return NGX_DECLINED;
    }

    ngx_http_webhook_item_unlink(st, item);
    ngx_http_webhook_item_free(item);

    if (lane->more && lane->nmoved < NGX_HTTP_WEBHOOK_LANE_LOW) {
        ngx_http_webhook_turn_read(st, lane);
    }

    return NGX_OK;
}


void
ngx_http_webhook_item_retry(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    if (item->moving) {
        item->changed = 1;
        return;
    }

    ngx_http_webhook_turn_op(st, item, NGX_HTTP_WEBHOOK_OP_PUT);
}


/* it lives in the warehouse now: does it need to be in memory, too? */

void
ngx_http_webhook_item_moved(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    ngx_http_webhook_lane_t  *lane;

    lane = item->lane;

    if (item->inflight
        || (lane->endpoint != NULL
            && lane->nmoved <= NGX_HTTP_WEBHOOK_LANE_LOADED
            && ngx_http_webhook_lane_known(lane, item)
            && st->memory <= st->wmcf->memory))
    {
        return;
    }

    if (lane->endpoint) {
        ngx_http_webhook_lane_cut(lane, item);

    } else {
        ngx_http_webhook_lane_orphaned(st, lane);
    }

    ngx_http_webhook_item_unlink(st, item);
    ngx_http_webhook_item_free(item);

    if (lane->nitems == 0 && lane->inflight == 0 && lane->endpoint
        && st->memory > st->wmcf->memory)
    {
        /* the whole lane: a slice of the warehouse brings it back in time */

        st->shards[lane->shard].partial = 1;
        st->shards[lane->shard].whole = 0;

        ngx_http_webhook_lane_free(st, lane);
        return;
    }

    if (lane->more && lane->nmoved < NGX_HTTP_WEBHOOK_LANE_LOW) {
        ngx_http_webhook_turn_read(st, lane);
    }
}


/* what a delivery in the warehouse takes of the memory beside */

void
ngx_http_webhook_item_charge(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    item->charged = sizeof(ngx_http_webhook_item_t)
                    + sizeof(ngx_http_webhook_lane_t) + item->len;

    st->memory += item->charged;
}
