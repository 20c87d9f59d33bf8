
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lanes: deliveries of one endpoint and order key, in order.
 */


#include "ngx_http_webhook_local.h"


static ngx_http_webhook_item_t *ngx_http_webhook_lane_next_ready(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    uint64_t now, uint64_t *planned);
static ngx_uint_t ngx_http_webhook_lane_usable(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static ngx_http_webhook_lane_t *ngx_http_webhook_lane_find(
    ngx_http_webhook_store_t *st, ngx_str_t *id, uint32_t *hash,
    unsigned shard, wh_str_t *name, wh_str_t *key);


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

ngx_http_webhook_lane_t *
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
    ngx_queue_init(&lane->readies);
    ngx_queue_init(&lane->laters);

    lane->endpoint = ngx_http_webhook_endpoint_find(st->wmcf, &lane->name);

    lane->unordered = (lane->endpoint
                       && lane->endpoint->order
                          == NGX_HTTP_WEBHOOK_ORDER_NONE);

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


void
ngx_http_webhook_lane_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    st->driver->forget(lane);

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


ngx_http_webhook_item_t *
ngx_http_webhook_lane_place(ngx_http_webhook_lane_t *lane, uint64_t seq,
    uint32_t index, ngx_uint_t front, ngx_queue_t **behind)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    if (front) {

        for (q = ngx_queue_head(&lane->items);
             q != ngx_queue_sentinel(&lane->items);
             q = ngx_queue_next(q))
        {
            item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

            if (item->seq == seq && item->index == index) {
                return item;
            }

            if (item->seq > seq || (item->seq == seq && item->index > index)) {
                break;
            }
        }

        *behind = ngx_queue_prev(q);

        return NULL;
    }

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


ngx_uint_t
ngx_http_webhook_lane_low(ngx_http_webhook_lane_t *lane)
{
    return lane->more
           && lane->nmoved - ngx_min(lane->nmoved, lane->nlater)
              < NGX_HTTP_WEBHOOK_LANE_LOW
           && lane->nlater < NGX_HTTP_WEBHOOK_LANE_LATER;
}


ngx_uint_t
ngx_http_webhook_lane_room(ngx_http_webhook_lane_t *lane)
{
    return lane->unordered ? NGX_HTTP_WEBHOOK_LANE_LATER
                             + NGX_HTTP_WEBHOOK_LANE_LOADED
                           : NGX_HTTP_WEBHOOK_LANE_LOADED;
}


ngx_int_t
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
    ngx_http_webhook_lane_t *lane, uint64_t now, uint64_t *planned)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    *planned = 0;

    if (st->leaving
        || !ngx_http_webhook_shard_mine(st, lane->shard)
        || st->shards[lane->shard].loading)
    {
        return NULL;
    }

    if (lane->unordered) {
        return ngx_http_webhook_lane_next_ready(st, lane, now, planned);
    }

    q = ngx_queue_head(&lane->items);

    if (q != ngx_queue_sentinel(&lane->items)) {

        item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

        if (ngx_http_webhook_lane_known(lane, item)) {

            if (item->inflight) {
                return NULL;
            }

            if (item->progress.planned <= now) {
                return item;
            }

            *planned = item->progress.planned;
            return NULL;
        }
    }

    if (lane->more) {
        ngx_http_webhook_turn_read(st, lane);
    }

    return NULL;
}


ngx_http_webhook_item_t *
ngx_http_webhook_lane_head(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    if (ngx_queue_empty(&lane->items)
        || !ngx_http_webhook_lane_usable(st, lane))
    {
        return NULL;
    }

    q = ngx_queue_head(&lane->items);
    item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

    return (item->inflight || !ngx_http_webhook_lane_known(lane, item)) ? NULL
                                                                        : item;
}


ngx_http_webhook_item_t *
ngx_http_webhook_lane_tail(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    if (ngx_queue_empty(&lane->items)
        || !ngx_http_webhook_lane_usable(st, lane))
    {
        return NULL;
    }

    q = ngx_queue_last(&lane->items);
    item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

    return item->inflight ? NULL : item;
}


/* ours, and known as far as it is in memory; a lost one is not freed here */

static ngx_uint_t
ngx_http_webhook_lane_usable(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    uint64_t                   word;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[lane->shard];
    word = wh_shard_read(&st->journal, lane->shard);

    return !st->leaving && !sh->loading
           && wh_shard_owner(word) == st->slot
           && wh_shard_fence(word) == sh->fence;
}


void
ngx_http_webhook_lane_shift(ngx_http_webhook_lane_t *lane, uint64_t held,
    uint64_t now)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    if (lane->held == held) {
        return;
    }

    lane->held = held;

    for (q = ngx_queue_head(&lane->items);
         q != ngx_queue_sentinel(&lane->items);
         q = ngx_queue_next(q))
    {
        item = ngx_queue_data(q, ngx_http_webhook_item_t, queue);

        if (ngx_http_webhook_item_shift(item, held)
            && (item->ready || item->later))
        {
            ngx_http_webhook_lane_unlist(lane, item);
            ngx_http_webhook_lane_list(lane, item, now);
        }
    }
}


ngx_uint_t
ngx_http_webhook_item_shift(ngx_http_webhook_item_t *item, uint64_t held)
{
    uint64_t    ms;
    ngx_uint_t  shifted;

    shifted = 0;

    if (item->progress.first && held > item->progress.held) {
        ms = held - item->progress.held;

        item->progress.first += ms;
        item->progress.planned += ms;

        shifted = 1;
    }

    item->progress.held = held;

    return shifted;
}


/* order none: whatever is in memory may be sent, those that wait aside */

static ngx_http_webhook_item_t *
ngx_http_webhook_lane_next_ready(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, uint64_t now, uint64_t *planned)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    while (!ngx_queue_empty(&lane->laters)) {

        q = ngx_queue_head(&lane->laters);
        item = ngx_queue_data(q, ngx_http_webhook_item_t, due);

        if (item->progress.planned > now) {
            *planned = item->progress.planned;
            break;
        }

        ngx_http_webhook_lane_unlist(lane, item);
        ngx_http_webhook_lane_list(lane, item, now);
    }

    if (ngx_http_webhook_lane_low(lane)) {
        ngx_http_webhook_turn_read(st, lane);
    }

    if (ngx_queue_empty(&lane->readies)) {
        return NULL;
    }

    q = ngx_queue_head(&lane->readies);

    return ngx_queue_data(q, ngx_http_webhook_item_t, due);
}


/* order none: to the ready ones, or to those that wait, by their time */

void
ngx_http_webhook_lane_list(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item, uint64_t now)
{
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *other;

    if (!lane->unordered) {
        return;
    }

    if (item->progress.planned <= now) {
        ngx_queue_insert_tail(&lane->readies, &item->due);
        item->ready = 1;
        return;
    }

    for (q = ngx_queue_last(&lane->laters);
         q != ngx_queue_sentinel(&lane->laters);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ngx_http_webhook_item_t, due);

        if (other->progress.planned <= item->progress.planned) {
            break;
        }
    }

    ngx_queue_insert_after(q, &item->due);
    item->later = 1;
    lane->nlater++;
}


void
ngx_http_webhook_lane_unlist(ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_item_t *item)
{
    if (item->ready || item->later) {
        ngx_queue_remove(&item->due);
        lane->nlater -= item->later;
        item->ready = 0;
        item->later = 0;
    }
}


/* from this delivery on the lane is not in memory */

void
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
