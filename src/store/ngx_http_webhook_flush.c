
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * sync=always: records are shown to their owners, and responses let go, when
 * a flush of the journal has covered them.  One flush at a time; what gathers
 * meanwhile is flushed together.
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_meter.h"


#define NGX_HTTP_WEBHOOK_FLUSH_RANGES  64


struct ngx_http_webhook_range_s {
    u_char                    *start;
    u_char                    *end;
};


typedef struct {
    ngx_http_webhook_store_t  *store;
    ngx_uint_t                 n;
    ngx_http_webhook_range_t   ranges[NGX_HTTP_WEBHOOK_FLUSH_RANGES];
    ngx_err_t                  err;
} ngx_http_webhook_flush_t;


static void ngx_http_webhook_flush_publish(ngx_http_webhook_ticket_t *t);
static void ngx_http_webhook_flush_promise(ngx_http_webhook_ticket_t *t,
    int sign);
static void ngx_http_webhook_flush_gone(ngx_http_webhook_ticket_t *t);
static void ngx_http_webhook_flush_start(ngx_http_webhook_store_t *st);
static ngx_int_t ngx_http_webhook_flush_range(ngx_http_webhook_flush_t *f,
    ngx_http_webhook_range_t *range);
static void ngx_http_webhook_flush_pages(ngx_http_webhook_store_t *st,
    wh_ref_t *ref, ngx_http_webhook_range_t *range);
static void ngx_http_webhook_flush_thread(void *data, ngx_log_t *log);
static void ngx_http_webhook_flush_done(ngx_event_t *ev);
static void ngx_http_webhook_flush_over(ngx_event_t *ev);
static void ngx_http_webhook_flush_late_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_webhook_flush_init(ngx_http_webhook_store_t *st)
{
    ngx_http_webhook_flush_t  *f;

    ngx_queue_init(&st->tickets);
    ngx_queue_init(&st->flushing);
    ngx_queue_init(&st->hidden);

    st->gone = ngx_pcalloc(ngx_cycle->pool,
                        st->journal.nsegs * sizeof(ngx_http_webhook_range_t));
    if (st->gone == NULL) {
        return NGX_ERROR;
    }

    st->flush = ngx_thread_task_alloc(ngx_cycle->pool,
                                      sizeof(ngx_http_webhook_flush_t));
    if (st->flush == NULL) {
        return NGX_ERROR;
    }

    f = st->flush->ctx;
    f->store = st;

    st->flush->handler = ngx_http_webhook_flush_thread;
    st->flush->event.handler = ngx_http_webhook_flush_done;
    st->flush->event.data = st;
    st->flush->event.log = st->log;

    return NGX_OK;
}


/* made before the record: once written, that has to be flushed in its turn */

ngx_http_webhook_ticket_t *
ngx_http_webhook_flush_ticket(ngx_http_webhook_store_t *st,
    ngx_http_webhook_append_pt handler, void *data)
{
    ngx_http_webhook_ticket_t  *t;

    t = ngx_calloc(sizeof(ngx_http_webhook_ticket_t), st->log);
    if (t == NULL) {
        return NULL;
    }

    t->store = st;
    t->handler = handler;
    t->data = data;

    t->timer.handler = ngx_http_webhook_flush_late_handler;
    t->timer.data = t;
    t->timer.log = st->log;

    return t;
}


void
ngx_http_webhook_flush_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_ticket_t *t, wh_ref_t *ref)
{
    t->ref = *ref;

    ngx_http_webhook_flush_promise(t, 1);

    ngx_add_timer(&t->timer, st->conf->commit_timeout);

    ngx_queue_insert_tail(&st->tickets, &t->queue);
    ngx_queue_insert_tail(&st->hidden, &t->hidden);

    ngx_http_webhook_flush_start(st);
}


void
ngx_http_webhook_store_forget(void *ticket)
{
    ngx_http_webhook_ticket_t *t = ticket;

    t->handler = NULL;

    /* the time still ends its wait, but does not keep a worker that leaves */

    t->timer.cancelable = 1;
}


/*
 * What another worker captures of the next request may be flushed before
 * this, but must not overtake it.
 */

void
ngx_http_webhook_store_late(void *ticket)
{
    ngx_http_webhook_ticket_t *t = ticket;

    ngx_queue_t               *q;
    ngx_http_webhook_store_t  *st;

    st = t->store;

    /*
     * Of those before it there may be some that nobody waits for any more,
     * or not for as long.  Records are published in the order in which they
     * were appended: who reads this one would pass them, and not come back.
     */

    while (!t->published) {
        q = ngx_queue_head(&st->hidden);

        ngx_http_webhook_flush_publish(
                    ngx_queue_data(q, ngx_http_webhook_ticket_t, hidden));
    }
}


static void
ngx_http_webhook_flush_publish(ngx_http_webhook_ticket_t *t)
{
    if (!t->published) {
        t->published = 1;
        ngx_queue_remove(&t->hidden);

        ngx_http_webhook_publish(t->store, &t->ref);
        ngx_http_webhook_flush_promise(t, -1);
    }
}


/*
 * overflow=reject: what nobody has taken up as yet keeps its place.  Segments
 * of ours are reused by us alone, and not before this.
 */

static void
ngx_http_webhook_flush_promise(ngx_http_webhook_ticket_t *t, int sign)
{
    uint32_t                      i, n;
    wh_view_t                     v;
    ngx_str_t                     name;
    ngx_http_webhook_store_t     *st;
    ngx_http_webhook_endpoint_t  *ep;

    st = t->store;
    n = wh_journal_count(&st->journal, &t->ref);

    for (i = 0; i < n; i++) {

        if (wh_journal_view(&st->journal, &t->ref, i, &v) != WH_OK) {
            continue;
        }

        name.data = (u_char *) v.name.data;
        name.len = v.name.len;

        ep = ngx_http_webhook_endpoint_find(st->wmcf, &name);

        if (ep && ep->backlog.overflow == WH_OVERFLOW_REJECT) {
            ngx_http_webhook_backlog_promise(st, ep, sign,
                (int64_t) sign
                * (int64_t) ngx_http_webhook_warehouse_size(v.name.len,
                                                  v.key.len, v.data.len));
        }
    }
}


/*
 * Nobody waits for it, and it was shown: only its pages are left to be
 * flushed, and a segment has so many of them.  A flush that hangs for long
 * is not to cost memory for each record of that time.
 */

static void
ngx_http_webhook_flush_gone(ngx_http_webhook_ticket_t *t)
{
    ngx_http_webhook_range_t  *gone, range;

    ngx_http_webhook_flush_pages(t->store, &t->ref, &range);

    gone = &t->store->gone[t->ref.seg];

    if (gone->start == NULL) {
        *gone = range;
        t->store->ngone++;

    } else {
        gone->start = ngx_min(gone->start, range.start);
        gone->end = ngx_max(gone->end, range.end);
    }

    ngx_queue_remove(&t->queue);
    ngx_free(t);
}


static void
ngx_http_webhook_flush_start(ngx_http_webhook_store_t *st)
{
    uint32_t                    n;
    ngx_queue_t                *q;
    ngx_http_webhook_range_t   *gone, range;
    ngx_http_webhook_flush_t   *f;
    ngx_http_webhook_ticket_t  *t;

    if (st->flush_busy || (st->ngone == 0 && ngx_queue_empty(&st->tickets))) {
        return;
    }

    f = st->flush->ctx;
    f->n = 0;
    f->err = 0;

    /* in turn: those that do not fit now are the first ones next time */

    for (n = 0; st->ngone && n < st->journal.nsegs; n++) {

        gone = &st->gone[st->gone_next];

        if (gone->start) {

            if (ngx_http_webhook_flush_range(f, gone) != NGX_OK) {
                break;
            }

            gone->start = NULL;
            st->ngone--;
        }

        st->gone_next = (st->gone_next + 1) % st->journal.nsegs;
    }

    while (!ngx_queue_empty(&st->tickets)) {

        q = ngx_queue_head(&st->tickets);
        t = ngx_queue_data(q, ngx_http_webhook_ticket_t, queue);

        ngx_http_webhook_flush_pages(st, &t->ref, &range);

        if (ngx_http_webhook_flush_range(f, &range) != NGX_OK) {
            break;
        }

        t->flushing = 1;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&st->flushing, q);
    }

    st->flush_busy = 1;

    if (ngx_thread_task_post(st->conf->pool, st->flush) != NGX_OK) {
        f->err = NGX_EAGAIN;
        ngx_post_event(&st->flush->event, &ngx_posted_next_events);
    }
}


static ngx_int_t
ngx_http_webhook_flush_range(ngx_http_webhook_flush_t *f,
    ngx_http_webhook_range_t *range)
{
    ngx_http_webhook_range_t  *r;

    if (f->n) {
        r = &f->ranges[f->n - 1];

        if (range->start >= r->start && range->start <= r->end) {
            r->end = ngx_max(r->end, range->end);
            return NGX_OK;
        }
    }

    if (f->n == NGX_HTTP_WEBHOOK_FLUSH_RANGES) {
        return NGX_DECLINED;
    }

    f->ranges[f->n++] = *range;

    return NGX_OK;
}


static void
ngx_http_webhook_flush_pages(ngx_http_webhook_store_t *st, wh_ref_t *ref,
    ngx_http_webhook_range_t *range)
{
    u_char      *start, *end;
    ngx_uint_t   page;

    page = (ngx_uint_t) ngx_pagesize - 1;

    start = (u_char *) st->journal.data
            + (size_t) ref->seg * st->journal.seg_size + ref->off;
    end = start + ref->len;

    range->start = (u_char *) ((uintptr_t) start & ~page);
    range->end = (u_char *) (((uintptr_t) end + page) & ~page);
}


static void
ngx_http_webhook_flush_thread(void *data, ngx_log_t *log)
{
    ngx_http_webhook_flush_t *f = data;

    ngx_uint_t  i;

    for (i = 0; i < f->n; i++) {
        if (msync(f->ranges[i].start, f->ranges[i].end - f->ranges[i].start,
                  MS_SYNC)
            == -1)
        {
            f->err = ngx_errno;
        }
    }
}


static void
ngx_http_webhook_flush_done(ngx_event_t *ev)
{
    uint64_t                   since;
    ngx_http_webhook_store_t  *st;

    st = ev->data;
    since = ngx_http_webhook_meter_now();

    ngx_http_webhook_flush_over(ev);

    ngx_http_webhook_meter_held(st->wmcf, since);
}


static void
ngx_http_webhook_flush_over(ngx_event_t *ev)
{
    ngx_int_t                   rc;
    ngx_queue_t                *q;
    ngx_http_webhook_flush_t   *f;
    ngx_http_webhook_store_t   *st;
    ngx_http_webhook_ticket_t  *t;

    st = ev->data;
    f = st->flush->ctx;
    ev->complete = 0;

    rc = NGX_OK;

    if (f->err) {
        rc = NGX_BUSY;

        ngx_log_error(NGX_LOG_ALERT, st->log, f->err,
                      "webhook_store \"%V\": the journal could not be "
                      "flushed, events may be lost by a power cut",
                      &st->conf->path);

        /* pages that failed once are clean now: write to others */

        wh_journal_close(&st->writer);
    }

    while (!ngx_queue_empty(&st->flushing)) {

        q = ngx_queue_head(&st->flushing);
        t = ngx_queue_data(q, ngx_http_webhook_ticket_t, queue);
        ngx_queue_remove(q);

        if (t->timer.timer_set) {
            ngx_del_timer(&t->timer);
        }

        ngx_http_webhook_flush_publish(t);

        if (t->handler) {
            t->handler(t->data, rc);
        }

        ngx_free(t);
    }

    st->flush_busy = 0;

    ngx_http_webhook_flush_start(st);
}


static void
ngx_http_webhook_flush_late_handler(ngx_event_t *ev)
{
    void                       *data;
    ngx_http_webhook_append_pt  handler;
    ngx_http_webhook_ticket_t  *t;

    t = ev->data;

    handler = t->handler;
    data = t->data;

    t->handler = NULL;

    ngx_http_webhook_store_late(t);

    if (!t->flushing) {
        ngx_http_webhook_flush_gone(t);
    }

    if (handler) {
        handler(data, NGX_BUSY);
    }
}
