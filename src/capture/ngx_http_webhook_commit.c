
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From a complete response to committed events.
 */


#include "ngx_http_webhook_ctx.h"
#include "ngx_http_webhook_random.h"
#include "wh_id.h"


/* a worker's buffer is not kept when it grew beyond that many events */
#define NGX_HTTP_WEBHOOK_KEEP_EVENTS  4


/* why deliveries are dropped */

typedef enum {
    NGX_HTTP_WEBHOOK_DROP_FULL = 0,
    NGX_HTTP_WEBHOOK_DROP_REJECTED,
    NGX_HTTP_WEBHOOK_DROP_LARGE,
    NGX_HTTP_WEBHOOK_DROP_RECORD,
    NGX_HTTP_WEBHOOK_DROP_FAILED,
    NGX_HTTP_WEBHOOK_NDROP
} ngx_http_webhook_drop_e;


typedef struct {
    time_t                         time;      /* of the last line logged */
    ngx_uint_t                     skipped;   /* since then */
} ngx_http_webhook_quiet_t;


/* of a worker: where events are rendered, and what was logged when */

typedef struct {
    wh_buf_t                       buf;
    ngx_http_webhook_quiet_t       quiet[NGX_HTTP_WEBHOOK_NDROP];
} ngx_http_webhook_capturer_t;


static uint64_t ngx_http_webhook_now(void);
static ngx_http_webhook_capturer_t *ngx_http_webhook_capturer(
    ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_capturer_cleanup(void *data);
static void ngx_http_webhook_capturer_trim(ngx_http_webhook_capturer_t *cap,
    size_t max_event_size);
static ngx_int_t ngx_http_webhook_matches(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_trigger_t *t);
static void ngx_http_webhook_decide(ngx_http_webhook_ctx_t *ctx, ngx_uint_t i,
    ngx_http_webhook_result_e result);
static ngx_int_t ngx_http_webhook_render(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_capturer_t *cap,
    ngx_http_webhook_entry_t *entries, ngx_uint_t *n, uint64_t now);
static ngx_int_t ngx_http_webhook_render_one(ngx_http_request_t *r,
    ngx_http_webhook_trigger_t *t, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *buf,
    ngx_http_webhook_entry_t *entry);
static void ngx_http_webhook_drop(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_entry_t *entries,
    ngx_uint_t n, ngx_http_webhook_drop_e why);
static void ngx_http_webhook_drop_count(ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_drop_log(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t i, ngx_str_t *endpoint,
    ngx_http_webhook_drop_e why);


static char  *ngx_http_webhook_drop_text[] = {
    "the store is full, event dropped",
    "the store is full, request rejected",
    "event is larger than \"webhook_max_event_size\", dropped",
    "events are too large for one record, dropped",
    "event could not be stored, dropped"
};


ngx_int_t
ngx_http_webhook_commit(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    uint64_t                       now;
    ngx_int_t                      rc;
    ngx_uint_t                     i, n;
    ngx_http_webhook_entry_t      *entries;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_capturer_t   *cap;
    ngx_http_webhook_main_conf_t  *wmcf;

    ctx->captured = 1;

    n = 0;
    t = ctx->conf->triggers->elts;

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {

        rc = ngx_http_webhook_matches(r, ctx, t[i]);

        if (rc == NGX_OK) {
            n += t[i]->nendpoints;
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_http_webhook_decide(ctx, i, NGX_HTTP_WEBHOOK_FILTERED);
            continue;
        }

        ngx_http_webhook_drop_log(r, ctx, i, NULL,
                                  NGX_HTTP_WEBHOOK_DROP_FAILED);
        ngx_http_webhook_decide(ctx, i, NGX_HTTP_WEBHOOK_DROPPED);
    }

    if (n == 0) {
        ngx_http_webhook_unreserve(ctx);
        return NGX_OK;
    }

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    cap = ngx_http_webhook_capturer(wmcf);
    entries = ngx_palloc(r->pool, n * sizeof(ngx_http_webhook_entry_t));

    if (cap == NULL || entries == NULL || wmcf->worker->store == NULL) {
        ngx_http_webhook_unreserve(ctx);
        ngx_http_webhook_drop(r, ctx, NULL, 0, NGX_HTTP_WEBHOOK_DROP_FAILED);
        return NGX_OK;
    }

    now = ngx_http_webhook_now();

    rc = ngx_http_webhook_render(r, ctx, cap, entries, &n, now);

    ngx_http_webhook_unreserve(ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_store_append(wmcf->worker->store, entries, n,
                                           now, ngx_http_webhook_committed,
                                           ctx, &ctx->ticket);
    }

    ngx_http_webhook_capturer_trim(cap, wmcf->max_event_size);

    switch (rc) {

    case NGX_OK:
        ngx_http_webhook_settle(ctx, NGX_HTTP_WEBHOOK_COMMITTED);
        return NGX_OK;

    case NGX_AGAIN:
        ctx->waiting = 1;
        return NGX_AGAIN;

    case NGX_DECLINED:
        ngx_http_webhook_drop(r, ctx, entries, n, NGX_HTTP_WEBHOOK_DROP_FULL);
        return NGX_OK;

    case NGX_BUSY:
        ngx_http_webhook_drop(r, ctx, entries, n,
                              NGX_HTTP_WEBHOOK_DROP_RECORD);
        return NGX_OK;

    case NGX_DONE:
        /* nothing was left to append */
        return NGX_OK;

    default: /* NGX_ERROR */
        ngx_http_webhook_drop(r, ctx, entries, n,
                              NGX_HTTP_WEBHOOK_DROP_FAILED);
        return NGX_OK;
    }
}


void
ngx_http_webhook_settle(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_result_e result)
{
    ngx_uint_t                    i;
    ngx_http_webhook_trigger_t  **t;

    t = ctx->conf->triggers->elts;

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {

        if (ctx->fired[i].result != NGX_HTTP_WEBHOOK_UNDECIDED) {
            continue;
        }

        if (result == NGX_HTTP_WEBHOOK_LATE) {
            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "webhook event \"%V\" %*s is committed late",
                          &t[i]->event, (size_t) NGX_HTTP_WEBHOOK_ID_LEN,
                          ngx_http_webhook_event_id(ctx, i));
        }

        ngx_http_webhook_decide(ctx, i, result);
    }
}


void
ngx_http_webhook_forget(ngx_http_webhook_ctx_t *ctx)
{
    if (!ctx->waiting) {
        return;
    }

    ctx->waiting = 0;

    ngx_http_webhook_store_forget(ctx->ticket);
    ctx->ticket = NULL;

    ngx_http_webhook_settle(ctx, NGX_HTTP_WEBHOOK_COMMITTED);
}


ngx_int_t
ngx_http_webhook_reserve(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    size_t                         size;
    ngx_uint_t                     i, n, first;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->worker == NULL
        || wmcf->worker->store == NULL
        || !ngx_http_webhook_store_rejects(wmcf->worker->store))
    {
        return NGX_OK;
    }

    n = 0;
    first = 0;
    t = ctx->conf->triggers->elts;

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {

        if (t[i]->methods && !(t[i]->methods & ctx->method)) {
            continue;
        }

        if (n == 0) {
            first = i;
        }

        n += t[i]->nendpoints;
    }

    if (n == 0) {
        return NGX_OK;
    }

    size = n * (wmcf->max_event_size + NGX_HTTP_WEBHOOK_OVERHEAD);

    if (ngx_http_webhook_store_reserve(wmcf->worker->store, size) == NGX_OK) {
        ctx->reserved = size;
        return NGX_OK;
    }

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {
        if (t[i]->methods && !(t[i]->methods & ctx->method)) {
            ngx_http_webhook_decide(ctx, i, NGX_HTTP_WEBHOOK_FILTERED);
        }
    }

    ngx_http_webhook_drop_log(r, ctx, first, NULL,
                              NGX_HTTP_WEBHOOK_DROP_REJECTED);

    return NGX_DECLINED;
}


void
ngx_http_webhook_unreserve(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ctx->reserved == 0) {
        return;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    ngx_http_webhook_store_unreserve(wmcf->worker->store, ctx->reserved);

    ctx->reserved = 0;
}


u_char *
ngx_http_webhook_event_id(ngx_http_webhook_ctx_t *ctx, ngx_uint_t i)
{
    u_char                         rnd[10];
    ngx_http_webhook_fired_t      *f;
    ngx_http_webhook_main_conf_t  *wmcf;

    f = &ctx->fired[i];

    if (f->identified) {
        return f->id;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    ngx_http_webhook_random(wmcf->worker, rnd, sizeof(rnd));

    wh_uuid7((char *) f->id, ngx_http_webhook_now(), rnd);

    f->identified = 1;

    return f->id;
}


static uint64_t
ngx_http_webhook_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


static ngx_http_webhook_capturer_t *
ngx_http_webhook_capturer(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_webhook_capturer_t  *cap;

    if (wmcf->worker == NULL || wmcf->worker->capture) {
        return wmcf->worker ? wmcf->worker->capture : NULL;
    }

    cln = ngx_pool_cleanup_add(ngx_cycle->pool,
                               sizeof(ngx_http_webhook_capturer_t));
    if (cln == NULL) {
        return NULL;
    }

    cap = cln->data;

    ngx_memzero(cap, sizeof(ngx_http_webhook_capturer_t));

    cap->buf.grow = wh_buf_malloc;

    cln->handler = ngx_http_webhook_capturer_cleanup;

    wmcf->worker->capture = cap;

    return cap;
}


static void
ngx_http_webhook_capturer_cleanup(void *data)
{
    ngx_http_webhook_capturer_t  *cap = data;

    ngx_free(cap->buf.data);
}


static void
ngx_http_webhook_capturer_trim(ngx_http_webhook_capturer_t *cap,
    size_t max_event_size)
{
    if (cap->buf.size <= NGX_HTTP_WEBHOOK_KEEP_EVENTS * max_event_size) {
        return;
    }

    ngx_free(cap->buf.data);

    cap->buf.data = NULL;
    cap->buf.size = 0;
}


static ngx_int_t
ngx_http_webhook_matches(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t)
{
    ngx_str_t  cond;

    if (!ngx_http_webhook_statuses_has(&t->status, ctx->status)) {
        return NGX_DECLINED;
    }

    if (t->methods && !(t->methods & ctx->method)) {
        return NGX_DECLINED;
    }

    if (t->condition == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, t->condition, &cond) != NGX_OK) {
        return NGX_ERROR;
    }

    if (cond.len == 0 || (cond.len == 1 && cond.data[0] == '0')) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_webhook_decide(ngx_http_webhook_ctx_t *ctx, ngx_uint_t i,
    ngx_http_webhook_result_e result)
{
    ngx_http_webhook_trigger_t  **t;

    t = ctx->conf->triggers->elts;

    ctx->fired[i].result = result;

    ngx_http_webhook_zone_count(t[i]->endpoints[0]->zone, result);
}


static ngx_int_t
ngx_http_webhook_render(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_capturer_t *cap, ngx_http_webhook_entry_t *entries,
    ngx_uint_t *n, uint64_t now)
{
    u_char                        *p;
    ngx_int_t                      rc;
    ngx_uint_t                     i, k;
    ngx_http_webhook_event_t       evt;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_main_conf_t  *wmcf;

    *n = 0;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    cap->buf.len = 0;

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));

    evt.time = now;
    evt.status = ctx->status;

    if (ngx_http_webhook_value_collect(r, ctx, &evt) != NGX_OK) {
        return NGX_ERROR;
    }

    t = ctx->conf->triggers->elts;

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {

        if (ctx->fired[i].result != NGX_HTTP_WEBHOOK_UNDECIDED) {
            continue;
        }

        evt.type = t[i]->event;
        evt.id.len = NGX_HTTP_WEBHOOK_ID_LEN;
        evt.id.data = ngx_http_webhook_event_id(ctx, i);

        for (k = 0; k < t[i]->nendpoints; k++) {
            ep = t[i]->endpoints[k];

            cap->buf.max = cap->buf.len + wmcf->max_event_size;

            rc = ngx_http_webhook_render_one(r, t[i], ep, &evt, &cap->buf,
                                             &entries[*n]);
            if (rc == NGX_OK) {
                ctx->fired[i].ndeliveries++;
                (*n)++;
                continue;
            }

            ngx_http_webhook_drop_count(ep);
            ngx_http_webhook_drop_log(r, ctx, i, &ep->name,
                                      rc == NGX_DECLINED
                                      ? NGX_HTTP_WEBHOOK_DROP_LARGE
                                      : NGX_HTTP_WEBHOOK_DROP_FAILED);
        }

        if (ctx->fired[i].ndeliveries == 0) {
            ngx_http_webhook_decide(ctx, i, NGX_HTTP_WEBHOOK_DROPPED);
        }
    }

    if (*n == 0) {
        return NGX_DONE;
    }

    /* the buffer moved while it grew */

    p = (u_char *) cap->buf.data;

    for (i = 0; i < *n; i++) {
        entries[i].record.data = p;
        p += entries[i].record.len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_render_one(ngx_http_request_t *r,
    ngx_http_webhook_trigger_t *t, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *buf,
    ngx_http_webhook_entry_t *entry)
{
    size_t                     start;
    ngx_int_t                  rc;
    ngx_http_complex_value_t  *key;

    entry->endpoint = ep;
    ngx_str_null(&entry->key);

    if (ep->order == NGX_HTTP_WEBHOOK_ORDER_KEY) {

        key = t->order_key ? t->order_key : ep->order_key;

        if (key
            && (ngx_http_complex_value(r, key, &entry->key) != NGX_OK
                || ngx_http_webhook_store_key(r->pool, &entry->key)
                   != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    start = buf->len;
    buf->err = WH_OK;

    rc = ngx_http_webhook_payload_render(r, t->payload ? t->payload
                                                       : ep->payload,
                                         ep, evt, buf);
    if (rc != NGX_OK) {
        buf->len = start;
        return rc;
    }

    entry->record.len = buf->len - start;

    return NGX_OK;
}


static void
ngx_http_webhook_drop(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_entry_t *entries, ngx_uint_t n,
    ngx_http_webhook_drop_e why)
{
    ngx_uint_t                    i, k;
    ngx_http_webhook_trigger_t  **t;

    for (i = 0; i < n; i++) {
        ngx_http_webhook_drop_count(entries[i].endpoint);
    }

    t = ctx->conf->triggers->elts;

    for (i = 0; i < ctx->conf->triggers->nelts; i++) {

        if (ctx->fired[i].result != NGX_HTTP_WEBHOOK_UNDECIDED) {
            continue;
        }

        ngx_http_webhook_drop_log(r, ctx, i, NULL, why);

        if (n) {
            continue;
        }

        /* none was rendered */

        for (k = 0; k < t[i]->nendpoints; k++) {
            ngx_http_webhook_drop_count(t[i]->endpoints[k]);
        }
    }

    ngx_http_webhook_settle(ctx, NGX_HTTP_WEBHOOK_DROPPED);
}


static void
ngx_http_webhook_drop_count(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    if (c) {
        (void) ngx_atomic_fetch_add(&c->ends[NGX_HTTP_WEBHOOK_LOST_DROPPED],
                                    1);
    }
}


static void
ngx_http_webhook_drop_log(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_uint_t i, ngx_str_t *endpoint, ngx_http_webhook_drop_e why)
{
    ngx_str_t                      all;
    ngx_uint_t                     skipped;
    ngx_http_webhook_quiet_t      *quiet;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_capturer_t   *cap;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    skipped = 0;
    cap = ngx_http_webhook_capturer(wmcf);

    if (cap) {
        quiet = &cap->quiet[why];

        if (quiet->time == ngx_time()) {
            quiet->skipped++;
            return;
        }

        skipped = quiet->skipped;

        quiet->time = ngx_time();
        quiet->skipped = 0;
    }

    if (endpoint == NULL) {
        ngx_str_set(&all, "*");
        endpoint = &all;
    }

    t = ctx->conf->triggers->elts;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "webhook: %s: event \"%V\" %*s, endpoint \"%V\" "
                  "(and %ui more before)",
                  ngx_http_webhook_drop_text[why], &t[i]->event,
                  (size_t) NGX_HTTP_WEBHOOK_ID_LEN,
                  ngx_http_webhook_event_id(ctx, i), endpoint, skipped);
}
