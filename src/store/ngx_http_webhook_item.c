
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Deliveries in memory: where they come from, and how they end.
 */


#include "ngx_http_webhook_local.h"


static ngx_http_webhook_item_t *ngx_http_webhook_item_create(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    wh_queue_t *behind, uint64_t seq, uint32_t index);
static void ngx_http_webhook_item_fresh(ngx_http_webhook_item_t *item);
static void ngx_http_webhook_item_known(ngx_http_webhook_item_t *item);


static ngx_http_webhook_item_t *
ngx_http_webhook_item_create(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_queue_t *behind, uint64_t seq,
    uint32_t index)
{
    ngx_http_webhook_item_t  *item;

    item = ngx_calloc(sizeof(ngx_http_webhook_item_t), st->log);
    if (item == NULL) {
        return NULL;
    }

    item->lane = lane;
    item->core.seq = seq;
    item->core.index = index;
    item->fence = st->shards[lane->shard].fence;
    item->created = ngx_current_msec;

    wh_lane_insert(&lane->core, &item->core, behind);

    st->shards[lane->shard].nitems++;

    return item;
}


/*
 * Takes up a delivery of a shard of ours.  Our fence is stamped into its word:
 * a former owner that comes to itself can neither acknowledge nor move it.
 */

void
ngx_http_webhook_enqueue(ngx_http_webhook_store_t *st, wh_view_t *v,
    ngx_http_webhook_origin_e origin)
{
    uint64_t                  value;
    wh_queue_t               *behind;
    wh_item_t                *core;
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

    core = wh_lane_place(&lane->core, v->ref.seq, v->index, 0, &behind);
    item = core ? ngx_http_webhook_item(core) : NULL;

    if (item == NULL) {
        item = ngx_http_webhook_item_create(st, lane, behind, v->ref.seq,
                                            v->index);
        if (item == NULL) {
            goto failed;
        }

        item->ref = v->ref;
        item->word = v->word;
        item->value = value;
        item->core.progress.time = v->time;
        item->size = ngx_http_webhook_warehouse_size(v->name.len, v->key.len,
                                                     v->data.len);

        if (origin != NGX_HTTP_WEBHOOK_ADOPTED_STORED) {
            ngx_http_webhook_backlog_take(st, item);
        }

        /*
         * Who has captured it may have ended before it was judged; what was
         * there before this configuration, or is of none, stays.
         */

        if (lane->endpoint
            && (origin == NGX_HTTP_WEBHOOK_CAPTURED
                || (origin == NGX_HTTP_WEBHOOK_ADOPTED
                    && v->time >= st->conf->since)))
        {
            ngx_http_webhook_item_fresh(item);
        }

        ngx_queue_insert_tail(&st->age, &item->age);
        item->aged = 1;

        ngx_http_webhook_oldest_come(st, item);

        wh_lane_list(&lane->core, &item->core, 0);

    } else if (item->moved && item->word == NULL) {

        /* it was moved, and its mover could not say so in the journal */

        (void) wh_word_change(v->word, value, WH_WORD_MOVED);

    } else if (origin == NGX_HTTP_WEBHOOK_ADOPTED_STORED) {
        ngx_http_webhook_backlog_leave(st, item);
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


static void
ngx_http_webhook_item_fresh(ngx_http_webhook_item_t *item)
{
    ngx_http_webhook_item_t  *first;
    ngx_http_webhook_lane_t  *lane;

    lane = item->lane;
    first = lane->judged;

    item->fresh = 1;
    wh_amount_add(&lane->fresh, 1, (int64_t) item->size);

    if (first == NULL
        || item->core.seq < first->core.seq
        || (item->core.seq == first->core.seq
            && item->core.index < first->core.index))
    {
        lane->judged = item;
    }
}


void
ngx_http_webhook_item_judged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    ngx_http_webhook_item_known(item);

    if (item->moved && item->nops == 0) {
        ngx_http_webhook_item_moved(st, item);
    }
}


static void
ngx_http_webhook_item_known(ngx_http_webhook_item_t *item)
{
    wh_queue_t               *q;
    ngx_http_webhook_lane_t  *lane;

    if (!item->fresh) {
        return;
    }

    lane = item->lane;

    item->fresh = 0;
    wh_amount_add(&lane->fresh, -1, -(int64_t) item->size);

    if (lane->judged != item) {
        return;
    }

    lane->judged = NULL;

    if (lane->fresh.events == 0) {
        return;
    }

    /* few between them have not been captured just now */

    q = &item->core.queue;

    do {
        q = wh_queue_next(q);
        item = wh_queue_data(q, ngx_http_webhook_item_t, core.queue);

    } while (!item->fresh);

    lane->judged = item;
}


/* what the warehouse holds of a shard that was adopted, or of a lane */

void
ngx_http_webhook_load(ngx_http_webhook_store_t *st,
    ngx_http_webhook_loaded_t *loaded, ngx_uint_t slice)
{
    wh_str_t                  name, key;
    wh_queue_t               *behind;
    wh_item_t                *core;
    ngx_http_webhook_item_t  *item;
    ngx_http_webhook_lane_t  *lane;

    if (!st->shards[loaded->shard].owned
        || ngx_http_webhook_turn_has_ended(st, loaded->seq, loaded->index))
    {
        return;
    }

    if (ngx_http_webhook_endpoint_find(st->wmcf, &loaded->name) == NULL) {
        st->shards[loaded->shard].kept = 1;
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

    core = wh_lane_place(&lane->core, loaded->seq, loaded->index, 1, &behind);
    item = core ? ngx_http_webhook_item(core) : NULL;

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

        ngx_http_webhook_backlog_leave(st, item);
    }

    item->size = ngx_http_webhook_warehouse_size(name.len, key.len,
                                                 loaded->len);
    item->word = NULL;
    item->moved = 1;
    lane->nmoved++;
    item->core.progress = loaded->progress;

    ngx_http_webhook_oldest_come(st, item);

    lane->core.held = NGX_HTTP_WEBHOOK_HELD_UNKNOWN;

    if (!item->core.inflight) {
        wh_lane_unlist(&lane->core, &item->core);
        wh_lane_list(&lane->core, &item->core, ngx_http_webhook_store_now());
    }

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
        lane->core.more = 1;
        lane->core.loaded_seq = loaded->seq;
        lane->core.loaded_index = loaded->index;
    }

    ngx_http_webhook_lane_ready(st, lane);

    return;

failed:

    ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                  "no memory for webhook deliveries, their shard is given up");

    ngx_http_webhook_shard_give_up(st, loaded->shard);
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
        ngx_http_webhook_backlog_leave(st, item);

        ngx_http_webhook_item_known(item);

        wh_lane_remove(&item->lane->core, &item->core);
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
    if (item->core.inflight || item->nops) {
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
    item->core.inflight = 0;

    ngx_http_webhook_item_free(item);
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

    if (wh_journal_view(&st->journal, &item->ref, item->core.index, &v)
        != WH_OK)
    {
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

    st->shards[item->lane->shard].nbusy++;
}


void
ngx_http_webhook_item_finish(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
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
    ngx_http_webhook_item_t *item, wh_end_e end)
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

    keep = (end == WH_END_DEAD || end == WH_END_EXPIRED);

    if (!keep && !item->moved
        && ngx_http_webhook_item_word(st, item, WH_WORD_ENDED) != NGX_OK)
    {
        ngx_http_webhook_shard_give_up(st, shard);
        return NGX_DECLINED;
    }

    item->ended = 1;
    item->buried = keep;

    ngx_http_webhook_turn_ended(st, item);

    /* without memory for an operation its shard is given up, and the lane */

    item->nops++;

    if (keep) {
        item->core.progress.end = (uint8_t) end;
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

    if (ngx_http_webhook_lane_low(lane)) {
        ngx_http_webhook_turn_read(st, lane);
    }

    return NGX_OK;
}


void
ngx_http_webhook_item_keep(ngx_http_webhook_store_t *st,
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

    /* what is one too many would not be known as that any more */

    if (item->core.inflight
        || item->fresh
        || (lane->endpoint != NULL
            && lane->nmoved <= ngx_http_webhook_lane_room(lane)
            && wh_lane_known(&lane->core, &item->core)
            && st->memory <= st->wmcf->memory))
    {
        return;
    }

    if (lane->endpoint) {
        wh_lane_cut(&lane->core, &item->core);

    } else {
        st->shards[lane->shard].kept = 1;
    }

    ngx_http_webhook_item_unlink(st, item);
    ngx_http_webhook_item_free(item);

    if (lane->core.nitems == 0 && lane->core.inflight == 0 && lane->endpoint
        && st->memory > st->wmcf->memory)
    {
        /* the whole lane: a slice of the warehouse brings it back in time */

        st->shards[lane->shard].partial = 1;
        st->shards[lane->shard].whole = 0;

        ngx_http_webhook_lane_free(st, lane);
        return;
    }

    if (ngx_http_webhook_lane_low(lane)) {
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
