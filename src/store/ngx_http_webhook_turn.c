
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A worker's turns in the warehouse: one thread-pool task at a time, with all
 * that has gathered since the last one.  Operations keep their order; what is
 * read is read after all of them.
 */


#include "ngx_http_webhook_history.h"
#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_meter.h"


#define NGX_HTTP_WEBHOOK_TURN_AGAIN    10     /* ms */
#define NGX_HTTP_WEBHOOK_TURN_FAILED   1000
#define NGX_HTTP_WEBHOOK_TURN_TELL     60000
#define NGX_HTTP_WEBHOOK_TURN_GATHER   200


static void ngx_http_webhook_turn_thread(void *data, ngx_log_t *log);
static void ngx_http_webhook_turn_done(ngx_event_t *ev);
static void ngx_http_webhook_turn_over(ngx_event_t *ev);
static int ngx_libc_cdecl ngx_http_webhook_turn_ended_cmp(const void *one,
    const void *two);
static void ngx_http_webhook_turn_later(ngx_http_webhook_store_t *st,
    ngx_msec_t delay);
static void ngx_http_webhook_turn_again_handler(ngx_event_t *ev);
static void ngx_http_webhook_turn_hold_handler(ngx_event_t *ev);
static void ngx_http_webhook_turn_gather_handler(ngx_event_t *ev);
static void ngx_http_webhook_turn_stuck(ngx_http_webhook_store_t *st);


ngx_int_t
ngx_http_webhook_turn_init(ngx_http_webhook_store_t *st)
{
    st->task = ngx_thread_task_alloc(ngx_cycle->pool,
                                     sizeof(ngx_http_webhook_turn_t));
    if (st->task == NULL) {
        return NGX_ERROR;
    }

    st->turn = st->task->ctx;
    st->turn->store = st;

    st->task->handler = ngx_http_webhook_turn_thread;
    st->task->event.handler = ngx_http_webhook_turn_done;
    st->task->event.data = st;
    st->task->event.log = st->log;

    st->ops_last = &st->ops;
    st->jobs_last = &st->jobs;
    st->reads_last = &st->reads;
    st->rows_last = &st->rows;

    if (pthread_mutex_init(&st->remap, NULL) != 0) {
        return NGX_ERROR;
    }

    st->warehouse.remap = &st->remap;

    st->again.handler = ngx_http_webhook_turn_again_handler;
    st->again.data = st;
    st->again.log = st->log;
    st->again.cancelable = 1;

    st->hold.handler = ngx_http_webhook_turn_hold_handler;
    st->hold.data = st;
    st->hold.log = st->log;

    st->gather.handler = ngx_http_webhook_turn_gather_handler;
    st->gather.data = st;
    st->gather.log = st->log;

    return NGX_OK;
}


void
ngx_http_webhook_turn_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    if (!lane->read) {
        lane->read = 1;
        ngx_queue_insert_tail(&st->reading, &lane->reading);
    }

    ngx_http_webhook_turn_start(st);
}


void
ngx_http_webhook_turn_start(ngx_http_webhook_store_t *st)
{
    size_t                      size;
    ngx_uint_t                  i, n, adopt;
    ngx_queue_t                *q;
    ngx_http_webhook_op_t      *op, **last;
    ngx_http_webhook_item_t    *item;
    ngx_http_webhook_lane_t    *lane;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_visit_t   *v;

    if (st->busy || st->again.timer_set) {
        st->urgent = 1;
        return;
    }

    st->urgent = 0;

    if (st->gather.timer_set) {
        ngx_del_timer(&st->gather);
    }

    /* what is settled below may want a turn, too: it is in this one */

    st->busy = 1;

    turn = st->turn;
    v = &turn->visit;

    ngx_memzero(v, sizeof(ngx_http_webhook_visit_t));
    turn->found = NULL;
    turn->lane = NULL;
    turn->nomem = 0;

    v->most = NGX_HTTP_WEBHOOK_LANE_LOADED;
    v->skipped = turn->skipped;
    v->changed = ngx_http_webhook_backlog_changed;
    v->name = ngx_http_webhook_backlog_name;
    v->count = ngx_http_webhook_backlog_count;
    v->data = turn;

    if (st->memory < st->wmcf->memory) {
        v->budget = st->wmcf->memory - st->memory;
    }

    ngx_memzero(turn->skipped, WH_SHARDS);

    n = 0;
    size = 0;
    last = &v->ops;

    v->unlocked = st->unlocked;
    st->unlocked = 0;

    for (op = st->ops;
         op && !v->unlocked && n < NGX_HTTP_WEBHOOK_VISIT_OPS
         && size < NGX_HTTP_WEBHOOK_VISIT_SIZE;
         op = st->ops)
    {
        st->ops = op->next;
        st->ops_size -= ngx_http_webhook_turn_size(op);
        op->next = NULL;

        if (st->ops == NULL) {
            st->ops_last = &st->ops;
        }

        item = op->item;

        if (op->type == NGX_HTTP_WEBHOOK_OP_PUT && item->ended
            && !item->moved && !item->buried && !op->tried)
        {
            /* delivered before it was its turn to be moved */

            op->rc = NGX_DONE;
            ngx_http_webhook_turn_op_done(st, op);
            ngx_free(op);
            continue;
        }

        *last = op;
        last = &op->next;

        n++;
        size += ngx_http_webhook_turn_size(op);
    }

    if (st->ops) {
        st->urgent = 1;
    }

    if (!v->unlocked) {
        v->relieve = st->relieve;
        st->relieve = 0;
    }

    ngx_http_webhook_job_take(st, v);
    ngx_http_webhook_history_take(st, v);

    adopt = 0;

    for (i = 0; i < WH_SHARDS; i++) {
        turn->shards[i] = (u_char) st->shards[i].adopt;

        if (st->shards[i].adopt) {
            turn->fences[i] = st->shards[i].fence;
            adopt = 1;
        }
    }

    if (adopt) {
        v->shards = turn->shards;
        v->inside = ngx_http_webhook_turn_walk;

        /* the zone may not know yet what its former owner has done */

        st->counts = 1;
    }

    if (!v->unlocked) {
        v->counts = st->counts;
        st->counts = 0;
    }

    if (st->ops == NULL && !v->unlocked) {

        /* a lane is read on behind all that has been done to it */

        if (!ngx_queue_empty(&st->reading)) {
            q = ngx_queue_head(&st->reading);
            lane = ngx_queue_data(q, ngx_http_webhook_lane_t, reading);

            ngx_queue_remove(q);
            lane->read = 0;

            turn->lane = lane;
            turn->seq = lane->core.loaded_seq;
            turn->index = lane->core.loaded_index;

            v->lanelen = ngx_http_webhook_warehouse_key(v->lane, lane->shard,
                                                        &lane->name,
                                                        &lane->key, turn->seq,
                                                        turn->index);
        }

        if (st->slice && v->shards == NULL) {
            ngx_http_webhook_turn_slice(st);
        }

        if (st->sweep) {
            ngx_memzero(turn->present, WH_SHARDS);
            v->present = turn->present;

            if (st->names) {
                v->known = ngx_http_webhook_turn_known;
            }
        }
    }

    if (v->ops == NULL && !v->relieve && v->shards == NULL && v->lanelen == 0
        && v->present == NULL && v->partial == NULL && v->job == NULL
        && v->rows == NULL && !v->counts)
    {
        st->busy = 0;

        if (v->unlocked && (st->ops || st->jobs)) {
            ngx_http_webhook_turn_later(st, NGX_HTTP_WEBHOOK_TURN_AGAIN);
        }

        if (st->ops == NULL && st->hold.timer_set) {
            ngx_del_timer(&st->hold);
        }

        return;
    }

    st->blind = 0;
    st->nended = 0;

    if (ngx_thread_task_post(st->conf->pool, st->task) != NGX_OK) {
        v->rc = NGX_ERROR;
        ngx_post_event(&st->task->event, &ngx_posted_next_events);
    }
}


static void
ngx_http_webhook_turn_thread(void *data, ngx_log_t *log)
{
    ngx_http_webhook_turn_t *turn = data;

    ngx_http_webhook_warehouse_visit(&turn->store->warehouse, &turn->visit);
}


static void
ngx_http_webhook_turn_done(ngx_event_t *ev)
{
    uint64_t                   since;
    ngx_http_webhook_store_t  *st;

    st = ev->data;
    since = ngx_http_webhook_meter_now();

    ngx_http_webhook_turn_over(ev);

    ngx_http_webhook_meter_held(st->wmcf, since);
}


static void
ngx_http_webhook_turn_over(ngx_event_t *ev)
{
    ngx_uint_t                  delay;
    ngx_http_webhook_op_t      *op;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_store_t   *st;
    ngx_http_webhook_visit_t   *v;
    ngx_http_webhook_found_t   *found, *found_next;

    st = ev->data;
    turn = st->turn;
    v = &turn->visit;

    /* what is added meanwhile waits until this is done */

    ev->complete = 0;

    if (v->rc == NGX_OK && v->used && st->wmcf->meter) {
        st->wmcf->meter->warehouse = v->used;
    }

    if (v->committed) {
        st->purged += v->purged;
        ngx_http_webhook_turn_tell(st, 0);
    }

    if (v->rc != NGX_OK || turn->nomem) {

        /* nothing was done, or all but the reading, which can be done again */

        delay = v->rc == NGX_AGAIN ? NGX_HTTP_WEBHOOK_TURN_AGAIN
                                   : NGX_HTTP_WEBHOOK_TURN_FAILED;

        for (found = turn->found; found; found = found_next) {
            found_next = found->next;
            free(found);
        }

        ngx_http_webhook_loaded_free(v->loaded);
        ngx_http_webhook_strays_free(v->strays);

        st->counts |= (v->counts != 0);

        if (v->committed) {
            ngx_http_webhook_turn_ops_done(st, v);
        }

        if (v->ops) {
            /* an error of the commit does not tell what is on the disk */

            for (op = v->ops; op->next; op = op->next) {
                st->ops_size += ngx_http_webhook_turn_size(op);
                op->tried = (v->rc != NGX_AGAIN);
            }

            st->ops_size += ngx_http_webhook_turn_size(op);
            op->tried = (v->rc != NGX_AGAIN);
            op->next = st->ops;

            if (st->ops == NULL) {
                st->ops_last = &op->next;
            }

            st->ops = v->ops;
        }

        ngx_http_webhook_history_end(st, v);
        ngx_http_webhook_job_end(st, v);

        if (turn->lane && !turn->lane->read) {
            turn->lane->read = 1;
            ngx_queue_insert_head(&st->reading, &turn->lane->reading);
        }

        turn->lane = NULL;

        if (v->rc == NGX_AGAIN) {
            ngx_http_webhook_turn_stuck(st);

            /* lanes of a stopped owner go on without him, wherever he is */

            st->unlocked = st->stuck;
        }

        st->busy = 0;

        if (st->ops == NULL && st->hold.timer_set) {
            ngx_del_timer(&st->hold);
        }

        ngx_http_webhook_turn_later(st, delay);
        return;
    }

    if (!v->unlocked) {
        st->stuck = 0;
        st->again_since = 0;
    }

    if (v->ops) {

        /* there is progress: an exit waits on */

        ngx_add_timer(&st->hold, NGX_HTTP_WEBHOOK_TURN_HOLD);
    }

    if (st->nended) {
        ngx_qsort(st->ended, (size_t) st->nended,
                  sizeof(ngx_http_webhook_ended_t),
                  ngx_http_webhook_turn_ended_cmp);
    }

    ngx_http_webhook_turn_ops_done(st, v);

    ngx_http_webhook_history_end(st, v);
    ngx_http_webhook_job_end(st, v);

    if (v->shards) {
        ngx_http_webhook_turn_adopted(st);
    }

    if (v->lanelen) {
        ngx_http_webhook_turn_lane_done(st);
    }

    if (v->partial) {
        ngx_http_webhook_turn_sliced(st);
    }

    ngx_http_webhook_loaded_free(v->loaded);
    v->loaded = NULL;

    if (v->present) {
        ngx_http_webhook_turn_swept(st);
    }

    turn->lane = NULL;
    st->busy = 0;

    if (v->unlocked) {
        ngx_http_webhook_turn_later(st, NGX_HTTP_WEBHOOK_TURN_AGAIN);
        return;
    }

    if (v->behind && !st->leaving) {
        st->relieve = 1;
    }

    if (st->urgent) {
        ngx_http_webhook_turn_start(st);

    } else if (st->ops || st->rows || st->relieve) {
        ngx_http_webhook_turn_gather(st);
    }

    if (!st->busy && st->ops == NULL && st->hold.timer_set) {
        ngx_del_timer(&st->hold);
    }
}


void
ngx_http_webhook_turn_ended(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item)
{
    ngx_uint_t                 max;
    ngx_http_webhook_ended_t  *ended;

    if (!st->busy || st->blind) {
        return;
    }

    if (st->nended == st->nended_max) {

        max = st->nended_max ? st->nended_max * 2 : 256;

        ended = ngx_alloc(max * sizeof(ngx_http_webhook_ended_t), st->log);

        if (ended == NULL) {
            st->blind = 1;
            return;
        }

        if (st->ended) {
            ngx_memcpy(ended, st->ended,
                       st->nended * sizeof(ngx_http_webhook_ended_t));
            ngx_free(st->ended);
        }

        st->ended = ended;
        st->nended_max = max;
    }

    ended = &st->ended[st->nended++];
    ended->seq = item->core.seq;
    ended->index = item->core.index;
}


ngx_uint_t
ngx_http_webhook_turn_has_ended(ngx_http_webhook_store_t *st, uint64_t seq,
    uint32_t index)
{
    ngx_http_webhook_ended_t  key;

    key.seq = seq;
    key.index = index;

    return st->nended
           && bsearch(&key, st->ended, st->nended,
                      sizeof(ngx_http_webhook_ended_t),
                      ngx_http_webhook_turn_ended_cmp)
              != NULL;
}


static int
ngx_libc_cdecl
ngx_http_webhook_turn_ended_cmp(const void *one, const void *two)
{
    const ngx_http_webhook_ended_t *a = one;
    const ngx_http_webhook_ended_t *b = two;

    if (a->seq != b->seq) {
        return a->seq < b->seq ? -1 : 1;
    }

    return a->index < b->index ? -1 : a->index > b->index;
}


/* with "dead=" reached that is every turn: it is told of them together */

void
ngx_http_webhook_turn_tell(ngx_http_webhook_store_t *st, ngx_uint_t last)
{
    if (st->purged == 0
        || (!last
            && st->purged_told
            && ngx_current_msec - st->purged_told
               < NGX_HTTP_WEBHOOK_TURN_TELL))
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, st->log, 0,
                  "webhook_store: %ui dead %s dropped, the oldest first",
                  st->purged, st->purged == 1 ? "letter was" : "letters were");

    st->purged = 0;
    st->purged_told = ngx_current_msec;
}


static void
ngx_http_webhook_turn_later(ngx_http_webhook_store_t *st, ngx_msec_t delay)
{
    ngx_add_timer(&st->again, delay);
}


static void
ngx_http_webhook_turn_again_handler(ngx_event_t *ev)
{
    ngx_http_webhook_turn_start(ev->data);
}


/* it has only to be there: a worker does not exit before it */

static void
ngx_http_webhook_turn_hold_handler(ngx_event_t *ev)
{
    ngx_http_webhook_store_t  *st;

    st = ev->data;

    ngx_log_error(NGX_LOG_WARN, st->log, 0,
                  "webhook_store: operations wait for the database");
}


void
ngx_http_webhook_turn_gather(ngx_http_webhook_store_t *st)
{
    if (!st->busy && !st->gather.timer_set) {
        ngx_add_timer(&st->gather, NGX_HTTP_WEBHOOK_TURN_GATHER);
    }
}


static void
ngx_http_webhook_turn_gather_handler(ngx_event_t *ev)
{
    ngx_http_webhook_turn_start(ev->data);
}


/* somebody is in the warehouse, and has stopped there */

static void
ngx_http_webhook_turn_stuck(ngx_http_webhook_store_t *st)
{
    unsigned    slot;
    uint64_t    since;
    wh_slot_t  *s;

    if (st->stuck) {
        return;
    }

    if (st->again_since == 0) {
        st->again_since = ngx_current_msec;
    }

    if (ngx_current_msec - st->again_since < NGX_HTTP_WEBHOOK_STALL) {
        return;
    }

    for (slot = 1; slot <= st->journal.head->last_slot; slot++) {

        s = &st->journal.slots[slot];
        since = s->gate;

        if (slot == st->slot || since == 0
            || (int64_t) (ngx_current_msec - since) < NGX_HTTP_WEBHOOK_STALL)
        {
            continue;
        }

        st->stuck = 1;

        ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                      "webhook_store \"%V\": worker process %uD has stopped "
                      "inside the database, events are kept in the journal "
                      "until it goes on or ends", &st->conf->path, s->pid);
    }
}
