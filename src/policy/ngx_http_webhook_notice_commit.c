
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_notice_commit.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_claim.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_fake.h"
#include "ngx_http_webhook_mail.h"
#include "ngx_http_webhook_payload.h"
#include "wh_delivery.h"


/* for which the same notice is the same delivery */
#define NGX_HTTP_WEBHOOK_NOTICE_CLAIM  86400000

/* of a transition, until it is told without its claims, twice at worst */
#define NGX_HTTP_WEBHOOK_NOTICE_TRIES  50

/* octets of a notice, whatever "webhook_max_event_size" is */
#define NGX_HTTP_WEBHOOK_NOTICE_SIZE   65536


typedef struct {
    ngx_http_webhook_endpoint_t   *endpoint;
    size_t                         start;      /* of its record */
    size_t                         len;
    ngx_http_webhook_claim_t       claim;
    ngx_uint_t                     taken;      /* unsigned  taken:1; */
} ngx_http_webhook_noticed_t;


/* a notice that is being rendered */

typedef struct {
    ngx_http_webhook_main_conf_t  *main;
    ngx_http_webhook_notice_t     *notice;
    ngx_pool_t                    *pool;
    wh_notice_t                    content;
    wh_buf_t                       data;       /* JSON, at its first use */
    wh_buf_t                       subject;
    wh_buf_t                       text;
    wh_buf_t                       records;
    ngx_array_t                    targets;    /* ..._noticed_t */
    ngx_http_webhook_fake_t       *fake;       /* likewise */
    ngx_log_t                      log;
    ngx_http_log_ctx_t             log_ctx;
} ngx_http_webhook_noticing_t;


static ngx_int_t ngx_http_webhook_notice_content(
    ngx_http_webhook_noticing_t *c);
static ngx_int_t ngx_http_webhook_notice_names(
    ngx_http_webhook_noticing_t *c);
static void ngx_http_webhook_notice_last(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep);
static ngx_uint_t ngx_http_webhook_notice_for(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep);
static ngx_int_t ngx_http_webhook_notice_render(
    ngx_http_webhook_noticing_t *c, ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_notice_mail(ngx_http_webhook_noticing_t *c);
static ngx_int_t ngx_http_webhook_notice_event(
    ngx_http_webhook_noticing_t *c, ngx_http_webhook_endpoint_t *ep);
static ngx_int_t ngx_http_webhook_notice_append(
    ngx_http_webhook_noticing_t *c);
static void ngx_http_webhook_notice_direct(ngx_http_webhook_noticing_t *c);
static void ngx_http_webhook_notice_direct_handler(
    ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_notice_buf(ngx_http_webhook_noticing_t *c,
    wh_buf_t *b);
static wh_str_t ngx_http_webhook_notice_str(ngx_str_t *s);


ngx_int_t
ngx_http_webhook_notice_commit(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_pool_t                    *pool;
    ngx_http_webhook_noticing_t   *c;
    ngx_http_webhook_endpoint_t  **target;

    pool = ngx_create_pool(4096, wmcf->worker->log);
    if (pool == NULL) {
        return NGX_DECLINED;
    }

    c = ngx_pcalloc(pool, sizeof(ngx_http_webhook_noticing_t));

    if (c == NULL
        || ngx_array_init(&c->targets, pool, 4,
                          sizeof(ngx_http_webhook_noticed_t))
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_DECLINED;
    }

    c->main = wmcf;
    c->notice = n;
    c->pool = pool;

    ngx_http_webhook_notice_buf(c, &c->data);
    ngx_http_webhook_notice_buf(c, &c->subject);
    ngx_http_webhook_notice_buf(c, &c->text);
    ngx_http_webhook_notice_buf(c, &c->records);

    rc = ngx_http_webhook_notice_content(c);

    target = wmcf->notify->targets.elts;

    for (i = 0; rc == NGX_OK && i < wmcf->notify->targets.nelts; i++) {

        if (ngx_http_webhook_notice_for(c, target[i])) {
            rc = ngx_http_webhook_notice_render(c, target[i]);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_notice_append(c);

    } else {
        ngx_log_error(NGX_LOG_ERR, wmcf->worker->log, 0,
                      "webhook notice \"%s\" could not be made",
                      wh_notice_event(n->kind));
    }

    if (rc == NGX_DECLINED && n->kind == WH_NOTICE_FULL) {

        /* what is full cannot keep that it is */

        ngx_http_webhook_notice_direct(c);
        rc = NGX_OK;
    }

    if (c->fake) {
        ngx_http_webhook_fake_destroy(c->fake);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_http_webhook_notice_content(ngx_http_webhook_noticing_t *c)
{
    wh_notice_t                *w;
    wh_change_t                *change;
    ngx_http_webhook_notice_t  *n;

    n = c->notice;
    w = &c->content;
    change = &n->change;

    w->kind = n->kind;
    w->now = n->time;
    w->count = n->count;
    w->rejects = (int) ngx_http_webhook_store_rejects(c->main->store);
    w->host = ngx_http_webhook_notice_str((ngx_str_t *)
                                          &ngx_cycle->hostname);

    if (n->trip) {
        w->zone = ngx_http_webhook_notice_str(
                              ngx_http_webhook_zone_name(n->endpoint->zone));
    }

    if (n->endpoint) {
        w->endpoint = ngx_http_webhook_notice_str(&n->endpoint->name);
        w->count = change->count;
    }

    switch (n->kind) {

    case WH_NOTICE_ENABLED:
        w->reason = change->from.reason;
        w->since = change->from.since;
        w->by = change->by;
        w->now = change->to.since;
        break;

    case WH_NOTICE_DISABLED:
    case WH_NOTICE_PROBE:
        w->reason = change->to.reason;
        w->window = change->time;
        w->since = change->to.since;
        w->until = change->to.until;
        w->probe = change->to.probe;
        break;

    default: /* WH_NOTICE_DEAD, WH_NOTICE_FULL */
        break;
    }

    return ngx_http_webhook_notice_names(c);
}


/* endpoints that it is about, and what has happened to them last */

static ngx_int_t
ngx_http_webhook_notice_names(ngx_http_webhook_noticing_t *c)
{
    wh_state_t                     s;
    wh_notice_t                   *w;
    ngx_uint_t                     i;
    wh_notice_name_t              *name;
    ngx_http_webhook_notice_t     *n;
    ngx_http_webhook_counters_t   *counters;
    ngx_http_webhook_endpoint_t  **ep;

    n = c->notice;
    w = &c->content;

    if (n->kind == WH_NOTICE_FULL) {
        return NGX_OK;
    }

    w->names = ngx_pcalloc(c->pool,
                           WH_NOTICE_NAMES * sizeof(wh_notice_name_t));
    if (w->names == NULL) {
        return NGX_ERROR;
    }

    ep = c->main->endpoints.elts;

    for (i = 0; i < c->main->endpoints.nelts; i++) {

        if (n->kind == WH_NOTICE_DEAD) {
            counters = ep[i]->counters;

            if (ep[i]->notified || ep[i]->dead <= counters->told[n->mail]) {
                continue;
            }

        } else if (n->trip) {

            if (!ngx_http_webhook_notice_by_zone(ep[i], n->endpoint->zone, &s))
            {
                continue;
            }

        } else if (ep[i] != n->endpoint) {
            continue;
        }

        w->total++;

        if (n->kind != WH_NOTICE_DEAD) {
            ngx_http_webhook_notice_last(c, ep[i]);
        }

        if (w->nnames == WH_NOTICE_NAMES) {
            continue;
        }

        name = &w->names[w->nnames++];

        name->name = ngx_http_webhook_notice_str(&ep[i]->name);

        if (n->kind == WH_NOTICE_DEAD) {
            counters = ep[i]->counters;
            name->count = ep[i]->dead - counters->told[n->mail];
        }
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_notice_by_zone(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone, wh_state_t *s)
{
    ngx_http_webhook_counters_t  *c;

    if (ep->zone != zone || ep->mailbox) {
        return 0;
    }

    c = ep->counters;

    wh_cell_read(&c->cell, s);

    return s->reason == WH_STATE_ZONE;
}


static void
ngx_http_webhook_notice_last(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep)
{
    char                         *class;
    ngx_uint_t                    i;
    wh_notice_failure_t           last;
    ngx_http_webhook_failure_t   *f, failure;
    ngx_http_webhook_counters_t  *counters;

    counters = ep->counters;

    if (c->notice->kind == WH_NOTICE_ENABLED
        || c->notice->change.to.reason == WH_STATE_OPERATOR)
    {
        return;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_FAILURES; i++) {

        f = &counters->failures[i];

        failure.ended = __atomic_load_n(&f->ended, __ATOMIC_SEQ_CST);

        ngx_memcpy(failure.id, f->id, sizeof(failure.id));
        failure.time = f->time;
        failure.status = f->status;
        failure.class = f->class;
        failure.len = f->len;

        failure.begun = __atomic_load_n(&f->begun, __ATOMIC_SEQ_CST);

        if (failure.begun == 0 || failure.begun != failure.ended
            || failure.len > NGX_HTTP_WEBHOOK_FAILURE_ID
            || failure.class >= NGX_HTTP_WEBHOOK_CLASSES)
        {
            continue;
        }

        class = ngx_http_webhook_class_name(failure.class);

        last.time = failure.time;
        last.endpoint = ngx_http_webhook_notice_str(&ep->name);
        last.class.data = class;
        last.class.len = ngx_strlen(class);
        last.status = failure.status;
        last.event.len = failure.len;
        last.event.data = ngx_pnalloc(c->pool, sizeof(failure.id));

        if (last.event.data == NULL) {
            return;
        }

        ngx_memcpy((char *) last.event.data, failure.id, sizeof(failure.id));

        wh_notice_failed(&c->content, &last);
    }
}


/* is it for that endpoint, or recipient?  Never what is about itself alone */

static ngx_uint_t
ngx_http_webhook_notice_for(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_notice_t  *n;

    n = c->notice;

    switch (n->kind) {

    case WH_NOTICE_DEAD:
    case WH_NOTICE_FULL:
        return (ep->mailbox != NULL) == n->mail;

    case WH_NOTICE_PROBE:
        return ep->mailbox == NULL && ep != n->endpoint;

    default: /* WH_NOTICE_DISABLED, WH_NOTICE_ENABLED */
        return ep != n->endpoint || c->content.total > 1;
    }
}


static ngx_int_t
ngx_http_webhook_notice_render(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_int_t                    rc;
    ngx_str_t                    parts[4];
    ngx_http_webhook_noticed_t  *t;

    t = ngx_array_push(&c->targets);
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(t, sizeof(ngx_http_webhook_noticed_t));

    t->endpoint = ep;
    t->start = c->records.len;

    c->records.max = c->records.len + NGX_HTTP_WEBHOOK_NOTICE_SIZE;

    if (ep->mailbox) {
        ngx_http_webhook_notice_mail(c);
        rc = c->records.err == WH_OK ? NGX_OK : NGX_ERROR;

    } else {
        rc = ngx_http_webhook_notice_event(c, ep);
    }

    if (rc != NGX_OK) {

        /* as of an URL that needs what an event has: others are told */

        ngx_log_error(NGX_LOG_ERR, c->main->worker->log, 0,
                      "webhook notice \"%s\" could not be made for \"%V\"",
                      wh_notice_event(c->notice->kind), &ep->name);

        c->records.len = t->start;
        c->records.err = WH_OK;
        c->targets.nelts--;

        return NGX_OK;
    }

    t->len = c->records.len - t->start;

    ngx_str_set(&parts[0], "id");
    parts[1].data = (u_char *) wh_notice_event(c->notice->kind);
    parts[1].len = ngx_strlen(parts[1].data);
    parts[2] = ep->name;
    parts[3].data = c->notice->id;
    parts[3].len = sizeof(c->notice->id);

    ngx_http_webhook_claim_key(&t->claim, parts, 4);
    t->claim.until = c->notice->time + NGX_HTTP_WEBHOOK_NOTICE_CLAIM;

    return NGX_OK;
}


static void
ngx_http_webhook_notice_mail(ngx_http_webhook_noticing_t *c)
{
    size_t                      pos;
    wh_buf_t                   *out;
    const char                 *event;
    ngx_http_webhook_notice_t  *n;

    static const char  type[] = "text/plain; charset=utf-8";

    n = c->notice;
    out = &c->records;
    event = wh_notice_event(n->kind);

    if (c->text.len == 0) {
        (void) wh_notice_subject(&c->content, &c->subject);

        if (wh_notice_text(&c->content, &c->text) != WH_OK || c->subject.err) {
            out->err = WH_NOMEM;
            return;
        }
    }

    (void) wh_delivery_begin(out);
    (void) wh_delivery_put(out, WH_FIELD_EVENT, event, ngx_strlen(event));
    (void) wh_delivery_put(out, WH_FIELD_ID, (char *) n->id, sizeof(n->id));
    (void) wh_delivery_put_time(out, n->time);
    (void) wh_delivery_put(out, WH_FIELD_CONTENT_TYPE, type, sizeof(type) - 1);

    (void) wh_delivery_open(out, WH_FIELD_HEADER, &pos);
    (void) wh_buf_put_literal(out, "Subject:");
    (void) wh_buf_put(out, c->subject.data, c->subject.len);
    (void) wh_delivery_close(out, pos);

    (void) wh_delivery_put(out, WH_FIELD_BODY, c->text.data, c->text.len);
}


/* headers may have variables: these need a request, of nobody */

static ngx_int_t
ngx_http_webhook_notice_event(ngx_http_webhook_noticing_t *c,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_fake_t    *fake;
    ngx_http_webhook_event_t    evt;
    ngx_http_webhook_notice_t  *n;

    n = c->notice;

    if (c->data.len == 0
        && wh_notice_data(&c->content, &c->data) != WH_OK)
    {
        return NGX_ERROR;
    }

    if (c->fake == NULL) {

        fake = ngx_pcalloc(c->pool, sizeof(ngx_http_webhook_fake_t));
        if (fake == NULL) {
            return NGX_ERROR;
        }

        c->log = *c->main->worker->log;
        c->log.handler = NULL;
        c->log.data = &c->log_ctx;
        c->log_ctx.connection = &fake->connection;

        if (ngx_http_webhook_fake_create(fake, c->pool, &c->log, c->main->ctx)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        c->fake = fake;
    }

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));

    evt.type.data = (u_char *) wh_notice_event(n->kind);
    evt.type.len = ngx_strlen(evt.type.data);
    evt.id.data = n->id;
    evt.id.len = sizeof(n->id);
    evt.time = n->time;
    evt.data.data = (u_char *) c->data.data;
    evt.data.len = c->data.len;

    return ngx_http_webhook_payload_render(c->fake->main, NULL, ep, &evt,
                                           &c->records);
}


/*
 * As a batch of events is: who takes the claim of a delivery has it, and
 * between this and the end of the claims there is nothing but the append.
 */

static ngx_int_t
ngx_http_webhook_notice_append(ngx_http_webhook_noticing_t *c)
{
    void                         *ticket;
    uint64_t                      now;
    ngx_int_t                     rc;
    ngx_uint_t                    i, n;
    ngx_http_webhook_entry_t     *entries;
    ngx_http_webhook_store_t     *st;
    ngx_http_webhook_notice_t    *notice;
    ngx_http_webhook_noticed_t   *t;

    st = c->main->worker->store;
    notice = c->notice;

    if (st == NULL) {
        return NGX_ERROR;
    }

    entries = ngx_pcalloc(c->pool, c->targets.nelts
                                   * sizeof(ngx_http_webhook_entry_t));
    if (entries == NULL) {
        return NGX_ERROR;
    }

    t = c->targets.elts;
    now = ngx_http_webhook_store_now();
    n = 0;

    for (i = 0; i < c->targets.nelts; i++) {

        rc = ngx_http_webhook_claim_take(st, &t[i].claim, now);

        t[i].taken = (rc == NGX_OK);

        if (rc == NGX_BUSY) {
            continue;
        }

        if (rc == NGX_AGAIN && notice->endpoint
            && notice->tries++ < NGX_HTTP_WEBHOOK_NOTICE_TRIES)
        {
            /* after a start all workers make up for the same at once */

            while (i--) {
                if (t[i].taken) {
                    ngx_http_webhook_claim_end(st, &t[i].claim, 0);
                }
            }

            return NGX_AGAIN;
        }

        entries[n].endpoint = t[i].endpoint;
        entries[n].record.data = (u_char *) c->records.data + t[i].start;
        entries[n++].record.len = t[i].len;
    }

    rc = ngx_http_webhook_store_append(st, entries, n, now, NULL, NULL,
                                       &ticket);

    for (i = 0; i < c->targets.nelts; i++) {
        if (t[i].taken) {
            ngx_http_webhook_claim_end(st, &t[i].claim,
                                       rc == NGX_OK || rc == NGX_AGAIN);
        }
    }

    switch (rc) {

    case NGX_AGAIN:

        /* nobody waits for the flush */

        ngx_http_webhook_store_forget(ticket);
        return NGX_OK;

    case NGX_OK:
    case NGX_DECLINED:
        return rc;

    default: /* NGX_BUSY, NGX_ERROR */
        ngx_log_error(NGX_LOG_ERR, c->main->worker->log, 0,
                      "webhook notice \"%s\" could not be stored",
                      wh_notice_event(c->notice->kind));
        return NGX_ERROR;
    }
}


/* without the store: one attempt for each, and no order */

static void
ngx_http_webhook_notice_direct(ngx_http_webhook_noticing_t *c)
{
    char                               *reason, *p;
    wh_str_t                            record;
    ngx_int_t                           rc;
    ngx_uint_t                          i;
    wh_state_t                          s;
    ngx_http_webhook_noticed_t         *t;
    ngx_http_webhook_attempt_t         *a;
    ngx_http_webhook_counters_t        *counters;
    ngx_http_webhook_attempt_values_t   v;

    t = c->targets.elts;

    for (i = 0; i < c->targets.nelts; i++) {

        counters = t[i].endpoint->counters;

        wh_cell_read(&counters->cell, &s);

        if (s.reason != WH_STATE_ENABLED
            || !ngx_http_webhook_attempt_room(t[i].endpoint))
        {
            continue;
        }

        a = ngx_http_webhook_attempt_create(t[i].endpoint, ngx_cycle->log);
        if (a == NULL) {
            return;
        }

        p = ngx_pnalloc(a->pool, t[i].len);
        if (p == NULL) {
            ngx_http_webhook_attempt_discard(a);
            return;
        }

        ngx_memcpy(p, c->records.data + t[i].start, t[i].len);

        record.data = p;
        record.len = t[i].len;

        if (t[i].endpoint->mailbox) {
            rc = ngx_http_webhook_mail_prepare(a, record, &reason);

        } else {
            v.number = 1;
            v.time = ngx_http_webhook_store_now();

            ngx_http_webhook_random(c->main->worker, v.span, sizeof(v.span));

            rc = ngx_http_webhook_payload_finish(a->pool, t[i].endpoint,
                                                 record, &v, &a->request,
                                                 &a->url, &reason);
        }

        if (rc != NGX_OK) {
            ngx_http_webhook_attempt_discard(a);
            continue;
        }

        a->number = 1;
        a->permit = -1;
        a->handler = ngx_http_webhook_notice_direct_handler;

        ngx_http_webhook_delivery_alone(a);
    }
}


static void
ngx_http_webhook_notice_direct_handler(ngx_http_webhook_attempt_t *a)
{
    ngx_queue_remove(&a->queue);

    if (a->class == NGX_HTTP_WEBHOOK_SUCCESS) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook notice of a full store failed: %s, status %ui, "
                  "endpoint: \"%V\"", ngx_http_webhook_class_name(a->class),
                  a->status, &a->endpoint->name);
}


uint64_t
ngx_http_webhook_notice_count(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n)
{
    ngx_uint_t                     i;
    ngx_http_webhook_told_t       *told;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_counters_t   *c;
    ngx_http_webhook_endpoint_t  **ep;

    n->count = 0;

    for (i = 0; i < wmcf->notify->targets.nelts; i++) {

        ep = wmcf->notify->targets.elts;

        if ((ep[i]->mailbox != NULL) == n->mail) {
            break;
        }
    }

    if (i == wmcf->notify->targets.nelts) {
        return 0;
    }

    if (n->kind == WH_NOTICE_FULL) {
        zone = wmcf->zones.elts;
        told = ngx_http_webhook_zone_told(zone[0]);

        n->full = told->full;
        n->count = n->full - told->told[n->mail];

        return n->count;
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (ep[i]->notified) {
            continue;
        }

        c = ep[i]->counters;

        ep[i]->dead = c->ends[WH_END_DEAD] + c->ends[WH_END_EXPIRED];

        if (ep[i]->dead > c->told[n->mail]) {
            n->count += ep[i]->dead - c->told[n->mail];
        }
    }

    return n->count;
}


void
ngx_http_webhook_notice_counted(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n)
{
    ngx_uint_t                     i;
    ngx_http_webhook_told_t       *told;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_counters_t   *c;
    ngx_http_webhook_endpoint_t  **ep;

    if (n->kind == WH_NOTICE_FULL) {
        zone = wmcf->zones.elts;
        told = ngx_http_webhook_zone_told(zone[0]);

        told->told[n->mail] = (ngx_atomic_uint_t) n->full;
        return;
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (!ep[i]->notified) {
            c = ep[i]->counters;
            c->told[n->mail] = ep[i]->dead;
        }
    }
}


static void
ngx_http_webhook_notice_buf(ngx_http_webhook_noticing_t *c, wh_buf_t *b)
{
    b->max = NGX_HTTP_WEBHOOK_NOTICE_SIZE;
    b->grow = ngx_http_webhook_payload_grow;
    b->ctx = c->pool;
}


static wh_str_t
ngx_http_webhook_notice_str(ngx_str_t *s)
{
    wh_str_t  str;

    str.data = (char *) s->data;
    str.len = s->len;

    return str;
}
