
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Operations in the warehouse: what a delivery has to have done there, and what
 * becomes of it when a turn has done that.
 */


#include "ngx_http_webhook_local.h"


static void ngx_http_webhook_turn_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_turn_data(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
static void ngx_http_webhook_turn_put_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op);
static ngx_http_webhook_endpoint_t *ngx_http_webhook_turn_endpoint(
    ngx_http_webhook_store_t *st, ngx_http_webhook_op_t *op);
static void ngx_http_webhook_turn_bury_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op);


void
ngx_http_webhook_turn_op(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_op_e type)
{
    ngx_http_webhook_op_t    *op;
    ngx_http_webhook_lane_t  *lane;

    lane = item->lane;

    if (type != NGX_HTTP_WEBHOOK_OP_DELETE
        && ngx_http_webhook_turn_data(st, item) != NGX_OK)
    {
        ngx_http_webhook_shard_give_up(st, lane->shard);
        return;
    }

    op = ngx_calloc(sizeof(ngx_http_webhook_op_t), st->log);

    if (op == NULL) {
        ngx_http_webhook_shard_give_up(st, lane->shard);
        return;
    }

    op->type = type;
    op->shard = lane->shard;
    op->fence = st->shards[lane->shard].fence;
    op->progress = item->core.progress;
    op->data = item->data;
    op->len = item->len;
    op->keylen = ngx_http_webhook_warehouse_key(op->key, lane->shard,
                                                &lane->name, &lane->key,
                                                item->core.seq,
                                                item->core.index);

    if (type != NGX_HTTP_WEBHOOK_OP_DELETE) {
        op->item = item;
        item->nops++;
    }

    if (type != NGX_HTTP_WEBHOOK_OP_PUT && item->moved) {
        ngx_http_webhook_backlog_deduct(st, op, lane->endpoint, item->size);
    }

    if (type == NGX_HTTP_WEBHOOK_OP_PUT) {
        item->moving = 1;
        item->changed = 0;

        if (item->aged) {
            ngx_queue_remove(&item->age);
            item->aged = 0;
        }
    }

    ngx_http_webhook_turn_add(st, op);
}


ngx_int_t
ngx_http_webhook_store_state(ngx_http_webhook_store_t *st, u_char type,
    ngx_str_t *name, wh_kept_t *kept, void *data)
{
    size_t                  size;
    ngx_http_webhook_op_t  *op;

    size = wh_kept_size(kept);

    op = ngx_alloc(sizeof(ngx_http_webhook_op_t) + size, st->log);
    if (op == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(op, sizeof(ngx_http_webhook_op_t));

    op->type = NGX_HTTP_WEBHOOK_OP_STATE;
    op->state = kept->state;
    op->changes = kept->changes;
    op->item = data;
    op->data = (u_char *) op + sizeof(ngx_http_webhook_op_t);
    op->len = size;
    op->keylen = ngx_http_webhook_warehouse_state_key(op->key, type, name);

    wh_kept_put(kept, (char *) op->data);

    ngx_http_webhook_turn_add(st, op);

    return NGX_OK;
}


static void
ngx_http_webhook_turn_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_shard_t  *sh;

    op->next = NULL;
    *st->ops_last = op;
    st->ops_last = &op->next;
    st->ops_size += ngx_http_webhook_turn_size(op);

    sh = &st->shards[op->shard];

    if (op->type != NGX_HTTP_WEBHOOK_OP_STATE
        && sh->owned && sh->fence == op->fence)
    {
        sh->nbusy++;
    }

    /* an exit would lose it: not for ever, should the warehouse be stuck */

    if (!st->hold.timer_set) {
        ngx_add_timer(&st->hold, NGX_HTTP_WEBHOOK_TURN_HOLD);
    }

    /*
     * Failures come one by one, and a flush for each of them would cost more
     * than the attempts.  What a delivery's end has to say does not wait.
     */

    if (op->type == NGX_HTTP_WEBHOOK_OP_PUT && !st->leaving
        && st->ops_size < NGX_HTTP_WEBHOOK_VISIT_SIZE)
    {
        ngx_http_webhook_turn_gather(st);
        return;
    }

    ngx_http_webhook_turn_start(st);
}


/* from now on the payload is kept in memory, too */

static ngx_int_t
ngx_http_webhook_turn_data(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    u_char     *p;
    wh_view_t   v;

    if (item->data) {
        return NGX_OK;
    }

    if (wh_journal_view(&st->journal, &item->ref, item->core.index, &v)
        != WH_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_alloc(v.data.len ? v.data.len : 1, st->log);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, v.data.data, v.data.len);

    if (!wh_journal_valid(&st->journal, &item->ref)) {
        ngx_free(p);
        return NGX_DECLINED;
    }

    item->data = p;
    item->len = v.data.len;

    return NGX_OK;
}


void
ngx_http_webhook_turn_move(ngx_http_webhook_store_t *st)
{
    ngx_msec_t                age;
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    age = NGX_HTTP_WEBHOOK_MOVE_AGE;

    if (wh_journal_free_segments(&st->journal) < st->journal.nsegs / 4) {
        age = 0;
    }

    while (!ngx_queue_empty(&st->age)
           && st->ops_size < NGX_HTTP_WEBHOOK_VISIT_SIZE)
    {
        q = ngx_queue_head(&st->age);
        item = ngx_queue_data(q, ngx_http_webhook_item_t, age);

        if ((ngx_msec_int_t) (ngx_current_msec - item->created)
            < (ngx_msec_int_t) age)
        {
            break;
        }

        ngx_http_webhook_turn_op(st, item, NGX_HTTP_WEBHOOK_OP_PUT);
    }

    if (age == 0) {
        ngx_http_webhook_turn_start(st);
    }
}


void
ngx_http_webhook_turn_ops_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_op_t  *op;

    st->settling = 1;

    while (v->ops) {
        op = v->ops;
        v->ops = op->next;

        ngx_http_webhook_turn_op_done(st, op);
        ngx_free(op);
    }

    ngx_http_webhook_backlog_settle(st);
}


void
ngx_http_webhook_turn_op_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    ngx_str_t                  newer;
    ngx_uint_t                 mine;
    ngx_http_webhook_item_t   *item;
    ngx_http_webhook_shard_t  *sh;

    if (op->type == NGX_HTTP_WEBHOOK_OP_STATE) {
        newer.data = op->newer;
        newer.len = op->newer ? op->newerlen : 0;

        st->driver->stored(op->item, op->key[1], op->state.number, op->rc,
                           &newer);
        free(op->newer);
        return;
    }

    sh = &st->shards[op->shard];
    mine = (sh->owned && sh->fence == op->fence);

    if (mine) {
        sh->nbusy--;
    }

    item = op->item;

    ngx_http_webhook_backlog_deducted(st, op);

    if (op->rc == NGX_DECLINED) {
        (void) ngx_http_webhook_shard_mine(st, op->shard);

    } else if (op->rc == NGX_DONE) {
        item->moving = 0;

    } else if (op->type == NGX_HTTP_WEBHOOK_OP_PUT) {
        ngx_http_webhook_turn_put_done(st, op);

    } else if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
        ngx_http_webhook_turn_bury_done(st, op);
    }

    if (item) {
        item->nops--;

        if (item->lane == NULL) {
            ngx_http_webhook_item_free(item);
        }
    }

    if (mine) {
        ngx_http_webhook_lane_settle(st, op->shard);
    }
}


static void
ngx_http_webhook_turn_put_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_op_t    *del;
    ngx_http_webhook_item_t  *item;

    item = op->item;
    item->moving = 0;

    if (item->ended && !item->buried && op->rc == NGX_OK && !item->moved) {

        /* delivered on its way: it must not stay there */

        del = ngx_calloc(sizeof(ngx_http_webhook_op_t), st->log);

        if (del == NULL) {
            ngx_http_webhook_shard_give_up(st, op->shard);
            return;
        }

        del->type = NGX_HTTP_WEBHOOK_OP_DELETE;
        del->shard = op->shard;
        del->fence = op->fence;
        del->keylen = op->keylen;
        ngx_memcpy(del->key, op->key, op->keylen);

        ngx_http_webhook_backlog_deduct(st, del,
                                 ngx_http_webhook_turn_endpoint(st, op),
                                 item->size);

        ngx_http_webhook_turn_add(st, del);

        return;
    }

    if (item->lane == NULL) {
        return;
    }

    if (op->rc == NGX_BUSY) {

        /* no room: it lives on in the journal */

        if (!item->moved && item->nops == 1) {
            ngx_free(item->data);
            item->data = NULL;
            item->len = 0;
        }

        if (!item->moved && !item->aged) {
            item->created = ngx_current_msec;
            ngx_queue_insert_tail(&st->age, &item->age);
            item->aged = 1;
        }

        return;
    }

    if (!item->moved) {

        if (ngx_http_webhook_item_word(st, item, WH_WORD_MOVED) != NGX_OK) {
            ngx_http_webhook_shard_give_up(st, op->shard);
            return;
        }

        item->moved = 1;
        item->word = NULL;
        item->lane->nmoved++;

        ngx_http_webhook_backlog_leave(st, item);

        ngx_http_webhook_item_charge(st, item);
    }

    if (item->changed) {
        ngx_http_webhook_turn_op(st, item, NGX_HTTP_WEBHOOK_OP_PUT);
        return;
    }

    ngx_http_webhook_item_moved(st, item);
}


/* its delivery may be of no lane any more */

static ngx_http_webhook_endpoint_t *
ngx_http_webhook_turn_endpoint(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    ngx_str_t  name;

    name.data = op->key + 4;
    name.len = op->key[3];

    return ngx_http_webhook_endpoint_find(st->wmcf, &name);
}


static void
ngx_http_webhook_turn_bury_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_op_t    *del;
    ngx_http_webhook_item_t  *item;

    item = op->item;

    if (op->rc == NGX_BUSY) {
        ngx_log_error(NGX_LOG_ERR, st->log, 0,
                      "webhook_store: no room for a dead letter, it is "
                      "dropped");

        if (item->moved) {
            del = ngx_calloc(sizeof(ngx_http_webhook_op_t), st->log);

            if (del == NULL) {
                ngx_http_webhook_shard_give_up(st, op->shard);
                return;
            }

            *del = *op;
            del->type = NGX_HTTP_WEBHOOK_OP_DELETE;
            del->item = NULL;
            del->data = NULL;
            del->len = 0;

            ngx_http_webhook_backlog_deduct(st, del,
                                 ngx_http_webhook_turn_endpoint(st, op),
                                 item->size);

            ngx_http_webhook_turn_add(st, del);
        }
    }

    if (!item->moved) {
        (void) ngx_http_webhook_item_word(st, item, WH_WORD_ENDED);
    }
}
