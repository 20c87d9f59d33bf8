
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Jobs of operators, between the event loop and the threads.
 */


#include "ngx_http_webhook_history.h"
#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_meter.h"


#define NGX_HTTP_WEBHOOK_JOB_SLICES   50     /* of a request */
#define NGX_HTTP_WEBHOOK_JOB_WAIT     10000  /* ms for the warehouse */
#define NGX_HTTP_WEBHOOK_JOB_UNMOVED  1000   /* deliveries looked at */


static void ngx_http_webhook_job_next(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_job_thread(void *data, ngx_log_t *log);
static void ngx_http_webhook_job_read_done(ngx_event_t *ev);
static void ngx_http_webhook_job_expire(ngx_http_webhook_store_t *st);


ngx_int_t
ngx_http_webhook_job_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_job_t *job, ngx_pool_t *pool)
{
    if (job->task == NULL) {
        job->task = ngx_thread_task_alloc(pool, 0);
        if (job->task == NULL) {
            return NGX_ERROR;
        }
    }

    job->store = st;
    job->next = NULL;

    job->task->ctx = job;
    job->task->handler = ngx_http_webhook_job_thread;
    job->task->event.handler = ngx_http_webhook_job_read_done;
    job->task->event.data = job;
    job->task->event.log = st->log;

    *st->reads_last = job;
    st->reads_last = &job->next;

    if (st->reads == job) {
        ngx_http_webhook_job_next(st);
    }

    return NGX_OK;
}


/* one at a time: turns and flushes need threads of the same pool */

static void
ngx_http_webhook_job_next(ngx_http_webhook_store_t *st)
{
    ngx_http_webhook_job_t  *job;

    job = st->reads;

    if (ngx_thread_task_post(st->conf->pool, job->task) != NGX_OK) {
        job->rc = NGX_BUSY;
        ngx_post_event(&job->task->event, &ngx_posted_next_events);
    }
}


/*
 * Short transactions, for no page that was written over is used again while
 * somebody reads the old one.
 */

static void
ngx_http_webhook_job_thread(void *data, ngx_log_t *log)
{
    ngx_http_webhook_job_t *job = data;

    int                            rc;
    ngx_uint_t                     n;
    ngx_http_webhook_inside_t      in;
    ngx_http_webhook_warehouse_t  *w;

    w = &job->store->warehouse;

    in.warehouse = w;
    in.dbi = w->dbi;
    in.visit = NULL;
    in.dead = NULL;
    in.fill = 0;

    n = 0;

    do {
        (void) pthread_mutex_lock(w->remap);

        rc = w->env ? mdb_txn_begin(w->env, NULL, MDB_RDONLY, &in.txn)
                    : MDB_PANIC;

        if (rc == 0) {
            job->more = 0;
            rc = job->run(job, &in);

            mdb_txn_abort(in.txn);
        }

        (void) pthread_mutex_unlock(w->remap);

    } while (rc == 0 && job->more && ++n < NGX_HTTP_WEBHOOK_JOB_SLICES);

    switch (rc) {

    case 0:
        job->rc = NGX_OK;
        return;

    case MDB_MAP_RESIZED:
    case MDB_READERS_FULL:
    case MDB_PANIC:

        /* the next turn sees to it, or somebody has left */

        job->rc = NGX_BUSY;
        return;

    default:
        job->rc = NGX_ERROR;

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "webhook_store: cannot read the database: %s",
                      mdb_strerror(rc));
    }
}


static void
ngx_http_webhook_job_read_done(ngx_event_t *ev)
{
    uint64_t                       since;
    ngx_http_webhook_job_t        *job;
    ngx_http_webhook_store_t      *st;
    ngx_http_webhook_main_conf_t  *wmcf;

    job = ev->data;
    ev->complete = 0;
    st = job->store;
    wmcf = st->wmcf;

    since = ngx_http_webhook_meter_now();

    st->reads = job->next;

    if (st->reads) {
        ngx_http_webhook_job_next(st);

    } else {
        st->reads_last = &st->reads;
    }

    job->done(job);

    ngx_http_webhook_meter_held(wmcf, since);
}


void
ngx_http_webhook_job_write(ngx_http_webhook_store_t *st,
    ngx_http_webhook_job_t *job)
{
    job->store = st;
    job->next = NULL;
    job->since = ngx_current_msec;

    *st->jobs_last = job;
    st->jobs_last = &job->next;

    ngx_http_webhook_turn_start(st);
}


/* one a turn: the deliveries' operations do not wait for two of them */

void
ngx_http_webhook_job_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_job_t  *job;

    job = st->jobs;

    if (job == NULL || v->unlocked) {
        return;
    }

    st->jobs = job->next;

    if (st->jobs == NULL) {
        st->jobs_last = &st->jobs;

    } else {
        st->urgent = 1;
    }

    v->job = job;

    if (job->tells) {
        (void) wh_slot_news(&st->journal, st->slot, WH_NEWS_MADE, 0);
    }
}


/* a code of LMDB's */

int
ngx_http_webhook_job_inside(ngx_http_webhook_warehouse_t *w, MDB_txn *txn,
    ngx_http_webhook_visit_t *v, uint64_t *dead, ngx_uint_t fill)
{
    ngx_http_webhook_inside_t  in;

    /* without any room not even a page can be freed by it */

    if (v->job == NULL || v->full) {
        return 0;
    }

    in.warehouse = w;
    in.txn = txn;
    in.dbi = w->dbi;
    in.visit = v;
    in.dead = dead;
    in.fill = fill;

    v->job->more = 0;

    return v->job->run(v->job, &in);
}


void
ngx_http_webhook_job_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v)
{
    ngx_uint_t               tells;
    ngx_http_webhook_job_t  *job;

    job = v->job;

    if (job) {
        v->job = NULL;
        tells = job->tells;

        if (v->committed) {
            job->rc = v->full ? NGX_DECLINED : NGX_OK;
            job->done(job);

            if (tells) {
                (void) wh_slot_news(&st->journal, st->slot, 0,
                                    WH_NEWS_MADE);
            }

        } else if (v->rc == NGX_ERROR) {

            /* it may be what fails: deliveries do not wait for it */

            job->rc = NGX_ERROR;
            job->done(job);

        } else {
            job->next = st->jobs;

            if (st->jobs == NULL) {
                st->jobs_last = &job->next;
            }

            st->jobs = job;
        }
    }

    ngx_http_webhook_job_expire(st);
}


/* somebody waits for an answer */

static void
ngx_http_webhook_job_expire(ngx_http_webhook_store_t *st)
{
    ngx_http_webhook_job_t  *job;

    while (st->jobs
           && ngx_current_msec - st->jobs->since > NGX_HTTP_WEBHOOK_JOB_WAIT)
    {
        job = st->jobs;
        st->jobs = job->next;

        if (st->jobs == NULL) {
            st->jobs_last = &st->jobs;
        }

        job->rc = NGX_BUSY;
        job->done(job);
    }
}


ngx_uint_t
ngx_http_webhook_store_unmoved(ngx_http_webhook_store_t *st, ngx_str_t *name)
{
    ngx_uint_t                i, n;
    ngx_queue_t              *q;
    ngx_http_webhook_item_t  *item;

    n = 0;

    for (q = ngx_queue_last(&st->age), i = 0;
         q != ngx_queue_sentinel(&st->age)
         && i < NGX_HTTP_WEBHOOK_JOB_UNMOVED;
         q = ngx_queue_prev(q), i++)
    {
        item = ngx_queue_data(q, ngx_http_webhook_item_t, age);

        if (item->lane && item->lane->name.len == name->len
            && ngx_memcmp(item->lane->name.data, name->data, name->len) == 0)
        {
            n++;
        }
    }

    return n;
}


uint64_t
ngx_http_webhook_store_number(ngx_http_webhook_store_t *st)
{
    return wh_journal_number(&st->journal);
}


/*
 * Deliveries that somebody else has put into the warehouse, for a shard of
 * ours.  Their numbers are the latest, so they are behind all that is in
 * memory; but what came after them may be in memory, too.  Lanes that are here
 * are read anew, those that are not are found as if there had been no room.
 */

void
ngx_http_webhook_news(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                 i;
    ngx_queue_t               *q;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_shard_t  *sh;

    st->news = 0;

    (void) wh_slot_news(&st->journal, st->slot, 0, WH_NEWS_COME);

    for (i = 0; i < WH_SHARDS; i++) {

        if (!ngx_http_webhook_news_of(st, i)) {
            continue;
        }

        sh = &st->shards[i];

        if (sh->loading) {

            /* it is being read, before the news or after them */

            st->news = 1;
            continue;
        }

        sh->news = wh_shard_news(&st->journal, i);
        sh->partial = 1;
        sh->whole = 0;

        for (q = ngx_queue_head(&sh->lanes);
             q != ngx_queue_sentinel(&sh->lanes);
             q = ngx_queue_next(q))
        {
            lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

            if (lane->endpoint) {
                lane->core.more = 1;
                lane->core.loaded_seq = 0;
                lane->core.loaded_index = 0;

                ngx_http_webhook_turn_read(st, lane);
            }
        }

        st->slice = 1;
        ngx_http_webhook_turn_start(st);
    }
}


ngx_uint_t
ngx_http_webhook_news_of(ngx_http_webhook_store_t *st, unsigned shard)
{
    return st->shards[shard].owned
           && st->shards[shard].news != wh_shard_news(&st->journal, shard);
}
