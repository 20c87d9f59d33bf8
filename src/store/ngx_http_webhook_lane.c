
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lanes: deliveries of one endpoint and order key, in order.
 */


#include "ngx_http_webhook_local.h"


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
    ngx_queue_init(&st->aging);

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

    lane->endpoint = ngx_http_webhook_endpoint_find(st->wmcf, &lane->name);

    wh_lane_init(&lane->core, lane->endpoint
                              && lane->endpoint->policy.order
                                 == WH_ORDER_NONE);

    ngx_rbtree_insert(&st->lanes, &lane->node.node);
    ngx_queue_insert_tail(&st->shards[shard].lanes, &lane->queue);

    if (st->shards[shard].partial && slice == 0 && lane->endpoint) {

        /* it may have a past in the warehouse */

        lane->core.more = 1;
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

    ngx_http_webhook_oldest_forget(lane);

    ngx_queue_remove(&lane->queue);
    ngx_rbtree_delete(&st->lanes, &lane->node.node);

    ngx_free(lane);
}


ngx_uint_t
ngx_http_webhook_lane_low(ngx_http_webhook_lane_t *lane)
{
    return lane->core.more
           && lane->nmoved - ngx_min(lane->nmoved, lane->core.nlater)
              < NGX_HTTP_WEBHOOK_LANE_LOW
           && lane->core.nlater < NGX_HTTP_WEBHOOK_LANE_LATER;
}


ngx_uint_t
ngx_http_webhook_lane_room(ngx_http_webhook_lane_t *lane)
{
    return lane->core.unordered ? NGX_HTTP_WEBHOOK_LANE_LATER
                             + NGX_HTTP_WEBHOOK_LANE_LOADED
                           : NGX_HTTP_WEBHOOK_LANE_LOADED;
}


ngx_uint_t
ngx_http_webhook_lane_usable(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    return !st->leaving
           && ngx_http_webhook_shard_mine(st, lane->shard)
           && !st->shards[lane->shard].loading;
}


/* a lost one is not freed here */

ngx_uint_t
ngx_http_webhook_lane_peek(ngx_http_webhook_store_t *st,
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
ngx_http_webhook_lane_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    if (lane->core.more) {
        ngx_http_webhook_turn_read(st, lane);
    }
}


void
ngx_http_webhook_lane_fill(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    if (ngx_http_webhook_lane_low(lane)) {
        ngx_http_webhook_turn_read(st, lane);
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
