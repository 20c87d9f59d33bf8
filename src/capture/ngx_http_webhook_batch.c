
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From events to one record of the store.
 */


#include "ngx_http_webhook_batch.h"
#include "ngx_http_webhook_meter.h"
#include "ngx_http_webhook_claim.h"
#include "ngx_http_webhook_notice.h"
#include "ngx_http_webhook_route.h"


/* a worker's buffer is not kept when it grew beyond that many events */
#define NGX_HTTP_WEBHOOK_KEEP_EVENTS  4

/* octets of an endpoint's name that are logged */
#define NGX_HTTP_WEBHOOK_DROP_NAME    64


/* one event for one endpoint */

typedef struct {
    ngx_http_webhook_fired_t      *fired;
    ngx_http_webhook_endpoint_t   *endpoint;
    ngx_str_t                      key;
    size_t                         start;     /* in the buffer */
    size_t                         len;
    ngx_uint_t                     nclaims;
    ngx_http_webhook_claim_t       claims[2]; /* id, interval */
    u_char                         taken[2];
    ngx_uint_t                     interval;  /* unsigned  interval:1; */
                                              /* the last claim is one */
} ngx_http_webhook_pending_t;


static void ngx_http_webhook_capturer_cleanup(void *data);
static void ngx_http_webhook_capturer_trim(ngx_http_webhook_capturer_t *cap,
    size_t max_event_size);
static void ngx_http_webhook_batch_named(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f);
static ngx_uint_t ngx_http_webhook_batch_has(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_fired_t *f, ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_batch_one(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f,
    ngx_http_webhook_endpoint_t *ep);
static ngx_int_t ngx_http_webhook_batch_render(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_pending_t *p);
static ngx_int_t ngx_http_webhook_batch_claims(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_pending_t *p);
static void ngx_http_webhook_batch_rest(ngx_http_webhook_batch_t *b);
static ngx_int_t ngx_http_webhook_batch_take(ngx_http_webhook_batch_t *b);
static void ngx_http_webhook_batch_end(ngx_http_webhook_batch_t *b,
    ngx_uint_t committed);
static void ngx_http_webhook_batch_untake(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_pending_t *p, ngx_uint_t committed);
static ngx_int_t ngx_http_webhook_batch_append(ngx_http_webhook_batch_t *b);
static void ngx_http_webhook_batch_lost(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_fired_t *f, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t *name, ngx_http_webhook_drop_e why);
static ngx_http_webhook_drop_e ngx_http_webhook_drop_why(ngx_int_t rc);
static void ngx_http_webhook_drop_count(ngx_http_webhook_endpoint_t *ep);


static char  *ngx_http_webhook_drop_text[] = {
    NULL,
    "the store is full, event dropped",
    "the store is full, request rejected",
    "the backlog of the endpoint is full, event dropped",
    "the backlog of the endpoint is full, request rejected",
    "event is larger than \"webhook_max_event_size\", dropped",
    "event makes a URL too long, dropped",
    "event makes no valid URL, dropped",
    "event is a raw body that is not to be had, dropped",
    "events are too large for one record, dropped",
    "captures hold all of \"webhook_memory\", event dropped",
    "no endpoint has the name that a variable gave, dropped",
    "event could not be stored, dropped"
};


ngx_http_webhook_capturer_t *
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
    cap->account.max = wmcf->memory;

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


uint64_t
ngx_http_webhook_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


ngx_int_t
ngx_http_webhook_batch_init(ngx_http_webhook_batch_t *b,
    ngx_http_request_t *r, ngx_http_webhook_stage_t *stage)
{
    ngx_memzero(b, sizeof(ngx_http_webhook_batch_t));

    b->request = r;
    b->stage = stage;
    b->now = ngx_http_webhook_now();
    b->main = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);
    b->cap = ngx_http_webhook_capturer(b->main);

    if (b->cap == NULL
        || b->main->worker->store == NULL
        || ngx_array_init(&b->pending, r->pool, 4,
                          sizeof(ngx_http_webhook_pending_t))
           != NGX_OK)
    {
        b->failed = NGX_HTTP_WEBHOOK_DROP_FAILED;
        return NGX_ERROR;
    }

    b->buf = &b->cap->buf;
    b->buf->len = 0;

    return NGX_OK;
}


void
ngx_http_webhook_batch_add(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f)
{
    ngx_uint_t                     i, n;
    ngx_http_webhook_trigger_t    *t;
    ngx_http_webhook_endpoint_t  **ep;

    t = f->trigger;

    evt->type = f->type;
    evt->id = *ngx_http_webhook_event_id(b->request, f, 1);

    if (t->pattern && t->to == NULL) {
        n = ngx_http_webhook_routes_find(b->main->routes, &f->type, &ep);

    } else {
        n = t->nendpoints;
        ep = t->endpoints;
    }

    for (i = 0; i < n; i++) {
        ngx_http_webhook_batch_one(b, evt, f, ep[i]);
    }

    if (t->nvariables) {
        ngx_http_webhook_batch_named(b, evt, f);
    }

    if (f->ndeliveries == 0 && !b->whole) {
        ngx_http_webhook_batch_decide(f);
    }
}


/* endpoints whose names come from variables */

static void
ngx_http_webhook_batch_named(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f)
{
    ngx_str_t                     name;
    ngx_uint_t                    i;
    ngx_http_webhook_to_t        *to;
    ngx_http_webhook_endpoint_t  *ep;

    to = f->trigger->to->elts;

    for (i = 0; i < f->trigger->to->nelts; i++) {

        if (to[i].text == NULL) {
            continue;
        }

        if (ngx_http_webhook_text_value(b->request, evt, to[i].text, &name)
            != NGX_OK)
        {
            ngx_http_webhook_batch_lost(b, f, NULL, NULL,
                                        NGX_HTTP_WEBHOOK_DROP_FAILED);
            continue;
        }

        if (name.len == 0) {
            continue;
        }

        ep = ngx_http_webhook_endpoint_find(b->main, &name);

        if (ep == NULL || ep->mailbox) {
            ngx_http_webhook_batch_lost(b, f, NULL, &name,
                                        NGX_HTTP_WEBHOOK_DROP_UNKNOWN);
            continue;
        }

        if (ngx_http_webhook_batch_has(b, f, ep)) {
            continue;
        }

        /* its request could not be refused for a name that was not known */

        if (!b->whole
            && ngx_http_webhook_promise_one(b->stage->ctx, ep,
                                            b->main->max_event_size)
               != NGX_OK)
        {
            ngx_http_webhook_batch_lost(b, f, ep, &ep->name,
                                        NGX_HTTP_WEBHOOK_DROP_BACKLOG);
            continue;
        }

        ngx_http_webhook_batch_one(b, evt, f, ep);
    }
}


ngx_uint_t
ngx_http_webhook_batch_room(ngx_http_webhook_batch_t *b)
{
    ngx_uint_t                   i;
    ngx_http_webhook_pending_t  *p;

    p = b->pending.elts;

    for (i = 0; i < b->pending.nelts; i++) {
        if (ngx_http_webhook_promise_one(b->stage->ctx, p[i].endpoint,
                                         p[i].len)
            != NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


static ngx_uint_t
ngx_http_webhook_batch_has(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_fired_t *f, ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                   i;
    ngx_http_webhook_pending_t  *p;

    p = b->pending.elts;

    for (i = b->pending.nelts; i > 0 && p[i - 1].fired == f; i--) {
        if (p[i - 1].endpoint == ep) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_webhook_batch_one(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_fired_t *f,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_int_t                    rc;
    ngx_http_webhook_pending_t  *p;

    b->tried++;

    p = ngx_array_push(&b->pending);

    if (p == NULL) {
        ngx_http_webhook_batch_lost(b, f, ep, &ep->name,
                                    NGX_HTTP_WEBHOOK_DROP_FAILED);
        return;
    }

    ngx_memzero(p, sizeof(ngx_http_webhook_pending_t));

    p->fired = f;
    p->endpoint = ep;

    rc = ngx_http_webhook_batch_claims(b, evt, p);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_batch_render(b, evt, p);
    }

    if (rc == NGX_OK) {
        f->ndeliveries++;
        return;
    }

    b->pending.nelts--;

    if (rc == NGX_DONE) {
        /* it was there already */
        return;
    }

    ngx_http_webhook_batch_lost(b, f, ep, &ep->name,
                                ngx_http_webhook_drop_why(rc));
}


/* of an event that could not be rendered */

static ngx_http_webhook_drop_e
ngx_http_webhook_drop_why(ngx_int_t rc)
{
    switch (rc) {

    case NGX_DECLINED:
        return NGX_HTTP_WEBHOOK_DROP_LARGE;

    case NGX_BUSY:
        return NGX_HTTP_WEBHOOK_DROP_URL;

    case NGX_AGAIN:
        return NGX_HTTP_WEBHOOK_DROP_BAD_URL;

    case NGX_ABORT:
        return NGX_HTTP_WEBHOOK_DROP_BODY;

    default: /* NGX_ERROR */
        return NGX_HTTP_WEBHOOK_DROP_FAILED;
    }
}


/* what the delivery would claim; NGX_DONE: somebody has done so before */

static ngx_int_t
ngx_http_webhook_batch_claims(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_pending_t *p)
{
    ngx_str_t                    parts[4];
    ngx_http_webhook_claim_t    *c;
    ngx_http_webhook_store_t    *st;
    ngx_http_webhook_trigger_t  *t;

    st = b->main->worker->store;
    t = p->fired->trigger;

    parts[1] = evt->type;
    parts[2] = p->endpoint->name;

    if (p->fired->given) {
        c = &p->claims[p->nclaims++];

        ngx_str_set(&parts[0], "id");
        parts[3] = evt->id;

        ngx_http_webhook_claim_key(c, parts, 4);
        c->until = b->now + ngx_http_webhook_store_dedupe(st);

        if (ngx_http_webhook_claim_held(st, c, b->now)) {
            p->fired->duplicate = 1;
            return NGX_DONE;
        }
    }

    if (t->every) {
        c = &p->claims[p->nclaims++];

        p->interval = 1;

        ngx_str_set(&parts[0], "every");
        ngx_str_null(&parts[3]);

        if (t->per
            && ngx_http_webhook_text_value(b->request, evt, t->per, &parts[3])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_webhook_claim_key(c, parts, 4);
        c->until = b->now + t->every;

        if (ngx_http_webhook_claim_held(st, c, b->now)) {
            p->fired->suppressed = 1;
            return NGX_DONE;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_batch_render(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_pending_t *p)
{
    wh_buf_t                     *buf;
    ngx_int_t                     rc;
    ngx_http_request_t           *r;
    ngx_http_webhook_text_t      *key;
    ngx_http_webhook_trigger_t   *t;
    ngx_http_webhook_endpoint_t  *ep;

    r = b->request;
    t = p->fired->trigger;
    ep = p->endpoint;

    ngx_str_null(&p->key);

    if (ep->policy.order == WH_ORDER_KEY) {

        key = t->order_key ? t->order_key : ep->order_key;

        if (key
            && (ngx_http_webhook_text_value(r, evt, key, &p->key) != NGX_OK
                || ngx_http_webhook_store_key(r->pool, &p->key) != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    buf = b->buf;

    p->start = buf->len;

    buf->err = WH_OK;
    buf->max = buf->len + b->main->max_event_size;

    rc = ngx_http_webhook_payload_render(r, t->payload ? t->payload
                                                       : ep->payload,
                                         ep, evt, buf);
    if (rc != NGX_OK) {
        buf->len = p->start;
        return rc;
    }

    p->len = buf->len - p->start;

    return NGX_OK;
}


/* what has no delivery, and was left to the commit of the whole */

static void
ngx_http_webhook_batch_rest(ngx_http_webhook_batch_t *b)
{
    ngx_uint_t                 i;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_fired_t  *f;

    ctx = b->stage->ctx;

    for (i = 0; i < ctx->nfired; i++) {
        f = ctx->fired[i];

        if (f->ndeliveries == 0 && f->result == NGX_HTTP_WEBHOOK_UNDECIDED) {
            ngx_http_webhook_batch_decide(f);
        }
    }
}


void
ngx_http_webhook_batch_decide(ngx_http_webhook_fired_t *f)
{
    if (f->dropped) {
        ngx_http_webhook_decide(f, NGX_HTTP_WEBHOOK_DROPPED);

    } else if (f->duplicate) {
        ngx_http_webhook_decide(f, NGX_HTTP_WEBHOOK_DUPLICATE);

    } else if (f->suppressed) {
        ngx_http_webhook_decide(f, NGX_HTTP_WEBHOOK_SUPPRESSED);

    } else {
        /* by "if=", or variables gave no name of an endpoint */
        ngx_http_webhook_decide(f, NGX_HTTP_WEBHOOK_FILTERED);
    }
}


ngx_int_t
ngx_http_webhook_batch_commit(ngx_http_webhook_batch_t *b)
{
    ngx_int_t  rc;

    rc = ngx_http_webhook_batch_take(b);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_batch_append(b);

        ngx_http_webhook_batch_end(b, rc == NGX_OK || rc == NGX_AGAIN);
    }

    ngx_http_webhook_capturer_trim(b->cap, b->main->max_event_size);

    if (b->whole && (rc == NGX_OK || rc == NGX_AGAIN || rc == NGX_DONE)) {
        ngx_http_webhook_batch_rest(b);
    }

    switch (rc) {

    case NGX_OK:
        ngx_http_webhook_settle(b->stage, NGX_HTTP_WEBHOOK_COMMITTED);
        return NGX_OK;

    case NGX_AGAIN:
        b->stage->waiting = 1;
        return NGX_AGAIN;

    case NGX_DONE:
        /* nothing was left to append */
        return NGX_OK;

    case NGX_DECLINED:
        b->failed = NGX_HTTP_WEBHOOK_DROP_FULL;
        return NGX_DECLINED;

    case NGX_BUSY:
        b->failed = NGX_HTTP_WEBHOOK_DROP_RECORD;
        return NGX_DECLINED;

    default: /* NGX_ERROR */
        b->failed = NGX_HTTP_WEBHOOK_DROP_FAILED;
        return NGX_DECLINED;
    }
}


/*
 * Whoever takes the claims of a delivery has it.  Between this and the end of
 * the claims there is nothing but the append.
 */

static ngx_int_t
ngx_http_webhook_batch_take(ngx_http_webhook_batch_t *b)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, k, n;
    ngx_http_webhook_pending_t  *p;

    p = b->pending.elts;
    n = 0;

    for (i = 0; i < b->pending.nelts; i++) {
        rc = NGX_OK;

        for (k = 0; k < p[i].nclaims; k++) {
            rc = ngx_http_webhook_claim_take(b->main->worker->store,
                                             &p[i].claims[k], b->now);

            p[i].taken[k] = (rc == NGX_OK);

            if (rc == NGX_BUSY) {
                break;
            }
        }

        if (rc != NGX_BUSY) {
            p[n++] = p[i];
            continue;
        }

        if (p[i].interval && k == p[i].nclaims - 1) {
            p[i].fired->suppressed = 1;

        } else {
            p[i].fired->duplicate = 1;
        }

        ngx_http_webhook_batch_untake(b, &p[i], 0);

        if (--p[i].fired->ndeliveries == 0 && !b->whole) {
            ngx_http_webhook_batch_decide(p[i].fired);
        }
    }

    b->pending.nelts = n;

    return n ? NGX_OK : NGX_DONE;
}


static void
ngx_http_webhook_batch_end(ngx_http_webhook_batch_t *b, ngx_uint_t committed)
{
    ngx_uint_t                   i;
    ngx_http_webhook_pending_t  *p;

    p = b->pending.elts;

    for (i = 0; i < b->pending.nelts; i++) {
        ngx_http_webhook_batch_untake(b, &p[i], committed);
    }
}


static void
ngx_http_webhook_batch_untake(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_pending_t *p, ngx_uint_t committed)
{
    ngx_uint_t  k;

    for (k = 0; k < p->nclaims; k++) {

        if (p->taken[k]) {
            p->taken[k] = 0;
            ngx_http_webhook_claim_end(b->main->worker->store, &p->claims[k],
                                       committed);
        }
    }
}


static ngx_int_t
ngx_http_webhook_batch_append(ngx_http_webhook_batch_t *b)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n;
    ngx_http_webhook_entry_t    *entries;
    ngx_http_webhook_pending_t  *p;

    n = b->pending.nelts;
    p = b->pending.elts;

    entries = ngx_palloc(b->request->pool,
                         n * sizeof(ngx_http_webhook_entry_t));
    if (entries == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        entries[i].endpoint = p[i].endpoint;
        entries[i].key = p[i].key;
        entries[i].record.len = p[i].len;
        entries[i].record.data = (u_char *) b->buf->data + p[i].start;
    }

    b->stage->since = ngx_http_webhook_meter_now();

    rc = ngx_http_webhook_store_append(b->main->worker->store, entries, n,
                                       b->now, ngx_http_webhook_committed,
                                       b->stage, &b->stage->ticket);

    if (rc == NGX_OK) {
        ngx_http_webhook_meter_committed(b->main, b->stage->since);
    }

    return rc;
}


static void
ngx_http_webhook_batch_lost(ngx_http_webhook_batch_t *b,
    ngx_http_webhook_fired_t *f, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t *name, ngx_http_webhook_drop_e why)
{
    f->dropped = 1;
    b->failed = why;

    if (b->whole) {
        return;
    }

    if (ep) {
        ngx_http_webhook_drop_count(ep);
    }

    ngx_http_webhook_drop_log(b->request, f, name, why);
}


void
ngx_http_webhook_batch_drop(ngx_http_webhook_batch_t *b)
{
    ngx_uint_t                   i, k, n;
    ngx_http_webhook_ctx_t      *ctx;
    ngx_http_webhook_fired_t   **f;
    ngx_http_webhook_pending_t  *p;

    n = b->pending.nelts;
    p = b->pending.elts;

    for (i = 0; i < n; i++) {
        ngx_http_webhook_drop_count(p[i].endpoint);
    }

    ctx = b->stage->ctx;
    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {

        if (f[i]->on != b->stage->on
            || f[i]->result != NGX_HTTP_WEBHOOK_UNDECIDED)
        {
            continue;
        }

        ngx_http_webhook_drop_log(b->request, f[i], NULL, b->failed);

        if (n) {
            continue;
        }

        /* none was rendered */

        for (k = 0; k < f[i]->trigger->nendpoints; k++) {
            ngx_http_webhook_drop_count(f[i]->trigger->endpoints[k]);
        }
    }

    ngx_http_webhook_settle(b->stage, NGX_HTTP_WEBHOOK_DROPPED);
}


static void
ngx_http_webhook_drop_count(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    if (c) {
        (void) ngx_atomic_fetch_add(&c->ends[WH_END_DROPPED],
                                    1);
    }
}


void
ngx_http_webhook_drop_log(ngx_http_request_t *r, ngx_http_webhook_fired_t *f,
    ngx_str_t *endpoint, ngx_http_webhook_drop_e why)
{
    u_char                        *p, name[NGX_HTTP_WEBHOOK_DROP_NAME * 6];
    ngx_uint_t                     skipped;
    ngx_http_webhook_quiet_t      *quiet;
    ngx_http_webhook_capturer_t   *cap;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (why == NGX_HTTP_WEBHOOK_DROP_FULL
        || why == NGX_HTTP_WEBHOOK_DROP_REJECTED)
    {
        ngx_http_webhook_notice_full(wmcf);
    }

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

    /* a variable may have given it */

    if (endpoint) {
        p = (u_char *) ngx_escape_json(name, endpoint->data,
                                       ngx_min(endpoint->len,
                                               NGX_HTTP_WEBHOOK_DROP_NAME));

    } else {
        name[0] = '*';
        p = name + 1;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "webhook: %s: event \"%V\" %V, endpoint \"%*s\" "
                  "(and %ui more before)",
                  ngx_http_webhook_drop_text[why], &f->type,
                  ngx_http_webhook_event_id(r, f, 1), (size_t) (p - name),
                  name, skipped);
}
