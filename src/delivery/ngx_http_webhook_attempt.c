
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_answer.h"
#include "ngx_http_webhook_fake.h"
#include "ngx_http_webhook_mail.h"
#include "ngx_http_webhook_meter.h"
#include "ngx_http_webhook_peer.h"


#define NGX_HTTP_WEBHOOK_POOL_SIZE  4096


typedef struct {
    ngx_http_log_ctx_t             http;       /* must be first */
    ngx_http_webhook_attempt_t    *attempt;
} ngx_http_webhook_attempt_log_t;


typedef struct {
    ngx_http_webhook_peer_t          peer;     /* must be first */
    ngx_http_webhook_attempt_t      *attempt;
    ngx_http_webhook_fake_t          fake;
    ngx_http_webhook_attempt_log_t   log_ctx;
    ngx_log_t                        log;
    ngx_event_t                      deadline;
    ngx_event_t                      done;
    ngx_resolver_ctx_t              *resolving;
    ngx_msec_t                       start;
    ngx_int_t                        rc;       /* of the upstream */
    ngx_http_webhook_answer_t        answer;
    unsigned                         entered:1;
    unsigned                         finished:1;
    unsigned                         unheard:1;  /* answer: of no request */
} ngx_http_webhook_engine_t;


static void ngx_http_webhook_attempt_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_webhook_attempt_resolve(ngx_http_webhook_engine_t *e);
static void ngx_http_webhook_attempt_address(ngx_http_webhook_engine_t *e,
    ngx_resolver_addr_t *addrs, ngx_uint_t n);
static void ngx_http_webhook_attempt_go(ngx_http_webhook_engine_t *e);
static void ngx_http_webhook_attempt_mailed(void *data,
    ngx_http_webhook_class_e class, ngx_uint_t status, ngx_str_t *text);
static void ngx_http_webhook_attempt_run(ngx_http_request_t *r, void *data);
static void ngx_http_webhook_attempt_ended(void *data, ngx_int_t rc);
static ngx_uint_t ngx_http_webhook_attempt_throttled(
    ngx_http_webhook_engine_t *e);
static void ngx_http_webhook_attempt_timeout(ngx_event_t *ev);
static void ngx_http_webhook_attempt_finish(ngx_http_webhook_engine_t *e,
    ngx_http_webhook_class_e class);
static void ngx_http_webhook_attempt_done(ngx_event_t *ev);
static void ngx_http_webhook_attempt_release(ngx_http_webhook_engine_t *e);

static ngx_int_t ngx_http_webhook_attempt_create_request(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_attempt_reinit_request(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_attempt_process_header(
    ngx_http_request_t *r);
static void ngx_http_webhook_attempt_unheard(ngx_http_request_t *r,
    ngx_http_webhook_engine_t *e);
static void ngx_http_webhook_attempt_abort_request(ngx_http_request_t *r);
static void ngx_http_webhook_attempt_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);

static ngx_int_t ngx_http_webhook_attempt_filter_init(void *data);
static ngx_int_t ngx_http_webhook_attempt_filter(void *data, ssize_t bytes);

static u_char *ngx_http_webhook_attempt_log(ngx_log_t *log, u_char *buf,
    size_t len);


static ngx_str_t  ngx_http_webhook_classes[] = {
    ngx_string("success"),
    ngx_string("status"),
    ngx_string("redirect"),
    ngx_string("timeout"),
    ngx_string("dns"),
    ngx_string("connect"),
    ngx_string("tls"),
    ngx_string("broken"),
    ngx_string("local"),
    ngx_string("throttled"),
    ngx_string("blocked")
};


static ngx_http_webhook_statuses_t  ngx_http_webhook_attempt_no_statuses;


char *
ngx_http_webhook_class_name(ngx_http_webhook_class_e class)
{
    return (char *) ngx_http_webhook_classes[class].data;
}


ngx_int_t
ngx_http_webhook_class_find(wh_str_t *name)
{
    ngx_int_t   i;
    ngx_str_t  *c;

    for (i = 0; i <= NGX_HTTP_WEBHOOK_BLOCKED; i++) {
        c = &ngx_http_webhook_classes[i];

        if (c->len == name->len
            && ngx_memcmp(c->data, name->data, c->len) == 0)
        {
            return i;
        }
    }

    return NGX_DECLINED;
}


ngx_http_webhook_attempt_t *
ngx_http_webhook_attempt_create(ngx_http_webhook_endpoint_t *ep,
    ngx_log_t *log)
{
    ngx_pool_t                  *pool;
    ngx_http_webhook_engine_t   *e;
    ngx_http_webhook_attempt_t  *a;

    pool = ngx_create_pool(NGX_HTTP_WEBHOOK_POOL_SIZE, log);
    if (pool == NULL) {
        return NULL;
    }

    a = ngx_pcalloc(pool, sizeof(ngx_http_webhook_attempt_t));
    if (a == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    e = ngx_pcalloc(pool, sizeof(ngx_http_webhook_engine_t));
    if (e == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    a->endpoint = ep;
    a->pool = pool;
    a->engine = e;
    a->dns_ms = NGX_HTTP_WEBHOOK_NO_TIME;

    e->attempt = a;
    e->rc = NGX_DONE;
    e->answer.retry_after = -1;

    e->log = *log;

    /* a failed attempt is one line, and that is the driver's */

    if (e->log.log_level < NGX_LOG_INFO) {
        e->log.log_level = ngx_min(e->log.log_level, NGX_LOG_CRIT);
    }

    e->log.handler = ngx_http_webhook_attempt_log;
    e->log.data = &e->log_ctx;
    e->log.action = NULL;
    e->log.connection = 0;

    e->log_ctx.attempt = a;

    e->peer.endpoint = ep;
    e->peer.log = &e->log;
    e->peer.class = NGX_HTTP_WEBHOOK_CONNECT;

    ngx_http_webhook_peer_times_init(&e->peer.times);

    e->deadline.handler = ngx_http_webhook_attempt_timeout;
    e->deadline.data = &e->fake.connection;
    e->deadline.log = &e->log;

    e->done.handler = ngx_http_webhook_attempt_done;
    e->done.data = e;
    e->done.log = &e->log;

    return a;
}


void
ngx_http_webhook_attempt_discard(ngx_http_webhook_attempt_t *a)
{
    ngx_destroy_pool(a->pool);
}


void
ngx_http_webhook_attempt_start(ngx_http_webhook_attempt_t *a)
{
    ngx_http_webhook_target_t    *target;
    ngx_http_webhook_engine_t    *e;
    ngx_http_webhook_worker_t    *worker;
    ngx_http_webhook_endpoint_t  *ep;

    e = a->engine;
    ep = a->endpoint;
    worker = ep->main->worker;

    e->start = ngx_current_msec;
    e->fake.connection.fd = (ngx_socket_t) -1;

    e->peer.peers = worker ? worker->peers : NULL;

    if (ngx_http_webhook_peer_enter(e->peer.peers, ep) != NGX_OK) {
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
        return;
    }

    e->entered = 1;

    ngx_add_timer(&e->deadline, ep->timeout);

    target = &e->peer.target;

    switch (ngx_http_webhook_target_init(target, ep, &a->url, a->pool)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_CONNECT);
        return;

    default: /* NGX_ERROR */
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
        return;
    }

    if (target->addr.sockaddr) {
        ngx_http_webhook_attempt_address(e, &target->addr, 1);
        return;
    }

    if (target->resolver) {
        ngx_http_webhook_attempt_resolve(e);
        return;
    }

    if (target->own) {
        ngx_http_webhook_attempt_go(e);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, &e->log, 0,
                  "no \"resolver\" for %V", &target->name);

    ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_DNS);
}


static void
ngx_http_webhook_attempt_resolve(ngx_http_webhook_engine_t *e)
{
    ngx_resolver_ctx_t         *ctx, temp;
    ngx_http_webhook_target_t  *target;

    target = &e->peer.target;

    temp.name = target->name;

    ctx = ngx_resolve_start(target->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
        return;
    }

    ctx->name = target->name;
    ctx->handler = ngx_http_webhook_attempt_resolved;
    ctx->data = e;
    ctx->timeout = e->peer.endpoint->resolver_timeout;

    e->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        e->resolving = NULL;
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
    }
}


static void
ngx_http_webhook_attempt_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_http_webhook_engine_t  *e;

    e = ctx->data;

    e->attempt->dns_ms = ngx_current_msec - e->start;

    if (ctx->state || ctx->naddrs == 0) {
        ngx_log_error(NGX_LOG_ERR, &e->log, 0,
                      "%V could not be resolved (%i: %s)", &ctx->name,
                      ctx->state, ngx_resolver_strerror(ctx->state));

        e->resolving = NULL;
        ngx_resolve_name_done(ctx);

        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_DNS);
        return;
    }

    ngx_http_webhook_attempt_address(e, ctx->addrs, ctx->naddrs);

    e->resolving = NULL;
    ngx_resolve_name_done(ctx);
}


static void
ngx_http_webhook_attempt_address(ngx_http_webhook_engine_t *e,
    ngx_resolver_addr_t *addrs, ngx_uint_t n)
{
    e->peer.resolved.host = e->peer.target.name;
    e->peer.resolved.port = e->peer.target.port;
    e->peer.resolved.naddrs = n;
    e->peer.resolved.addrs = addrs;

    /* the addresses are copied when the peer is chosen, before this returns */

    ngx_http_webhook_attempt_go(e);

    e->peer.resolved.addrs = NULL;
}


static void
ngx_http_webhook_attempt_go(ngx_http_webhook_engine_t *e)
{
    ngx_http_webhook_attempt_t  *a;

    a = e->attempt;

    if (a->mail) {
        ngx_http_webhook_mail_start(a, e->peer.resolved.addrs,
                                    e->peer.resolved.naddrs, &e->log,
                                    ngx_http_webhook_attempt_mailed, e);
        return;
    }

    e->fake.run = ngx_http_webhook_attempt_run;
    e->fake.done = ngx_http_webhook_attempt_ended;
    e->fake.data = e;

    if (ngx_http_webhook_fake_create(&e->fake, a->pool, &e->log,
                                     a->endpoint->main->ctx)
        != NGX_OK)
    {
        ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
        return;
    }

    e->log_ctx.http.connection = &e->fake.connection;

    ngx_http_webhook_fake_start(&e->fake);
}


static void
ngx_http_webhook_attempt_mailed(void *data, ngx_http_webhook_class_e class,
    ngx_uint_t status, ngx_str_t *text)
{
    ngx_http_webhook_engine_t  *e = data;

    e->answer.status = status;
    e->answer.excerpt = *text;

    ngx_http_webhook_attempt_finish(e, class);
}


static void
ngx_http_webhook_attempt_run(ngx_http_request_t *r, void *data)
{
    ngx_http_webhook_engine_t  *e = data;

    ngx_http_upstream_t          *u;
    ngx_http_webhook_endpoint_t  *ep;

    ep = e->attempt->endpoint;

    e->log_ctx.http.request = r;

    ngx_http_set_ctx(r, e, ngx_http_webhook_module);

    if (ep->history == NGX_HTTP_WEBHOOK_HISTORY_ALL || e->attempt->whole) {
        e->answer.except = &ngx_http_webhook_attempt_no_statuses;

    } else if (ep->history == NGX_HTTP_WEBHOOK_HISTORY_FAILURES) {
        e->answer.except = &ep->success;
    }

    ngx_http_webhook_answer_init(r, &e->answer);

    if (ngx_http_upstream_create(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    u = r->upstream;

    u->conf = e->peer.target.conf;

#if (NGX_HTTP_SSL)

    u->ssl = e->peer.target.ssl;

    if (u->ssl) {
        ngx_str_set(&u->schema, "https://");

    } else {
        ngx_str_set(&u->schema, "http://");
    }

#else
    ngx_str_set(&u->schema, "http://");
#endif

    u->output.tag = (ngx_buf_tag_t) &ngx_http_webhook_module;

    u->create_request = ngx_http_webhook_attempt_create_request;
    u->reinit_request = ngx_http_webhook_attempt_reinit_request;
    u->process_header = ngx_http_webhook_attempt_process_header;
    u->abort_request = ngx_http_webhook_attempt_abort_request;
    u->finalize_request = ngx_http_webhook_attempt_finalize_request;

    u->buffering = 0;

    u->input_filter_init = ngx_http_webhook_attempt_filter_init;
    u->input_filter = ngx_http_webhook_attempt_filter;
    u->input_filter_ctx = r;

    ngx_http_upstream_init(r);
}


/*
 * Only the upstream knows how it went: of an answer cut short the request
 * says that all is well.
 */

static void
ngx_http_webhook_attempt_ended(void *data, ngx_int_t rc)
{
    ngx_http_webhook_engine_t  *e = data;

    ngx_uint_t                    status;
    ngx_http_webhook_class_e      class;
    ngx_http_webhook_endpoint_t  *ep;

    ep = e->attempt->endpoint;
    status = e->answer.status;

    if (e->rc != NGX_DONE) {
        rc = e->rc;
    }

    switch (rc) {

    case NGX_OK:

        if (ngx_http_webhook_statuses_has(&ep->success, status)) {
            class = NGX_HTTP_WEBHOOK_SUCCESS;

        } else if (status >= 300 && status < 400) {
            class = NGX_HTTP_WEBHOOK_REDIRECT;

        } else if (ngx_http_webhook_attempt_throttled(e)) {
            class = NGX_HTTP_WEBHOOK_THROTTLED;

        } else {
            class = NGX_HTTP_WEBHOOK_STATUS;
        }

        break;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        class = NGX_HTTP_WEBHOOK_TIMEOUT;
        break;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:

        /* an address that is not here may not be for long, or for ever */

        class = e->peer.unbound ? NGX_HTTP_WEBHOOK_CONNECT
                                : NGX_HTTP_WEBHOOK_LOCAL;
        break;

    default:

        if (e->unheard) {
            class = ngx_http_webhook_attempt_throttled(e)
                    ? NGX_HTTP_WEBHOOK_THROTTLED : NGX_HTTP_WEBHOOK_STATUS;
            break;
        }

        class = status ? NGX_HTTP_WEBHOOK_BROKEN : e->peer.class;
    }

    ngx_http_webhook_attempt_finish(e, class);
}


/* where the operator says that a status is final, it is */

static ngx_uint_t
ngx_http_webhook_attempt_throttled(ngx_http_webhook_engine_t *e)
{
    ngx_uint_t  status;

    status = e->answer.status;

    if (ngx_http_webhook_statuses_has(&e->attempt->endpoint->permanent,
                                      status))
    {
        return 0;
    }

    return status == 429
           || (status == NGX_HTTP_SERVICE_UNAVAILABLE
               && e->answer.retry_after != -1);
}


static void
ngx_http_webhook_attempt_timeout(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_webhook_engine_t  *e;

    c = ev->data;
    e = (ngx_http_webhook_engine_t *)
            ((u_char *) c - offsetof(ngx_http_webhook_engine_t, fake));

    if (e->finished) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, &e->log, NGX_ETIMEDOUT,
                  "webhook attempt timed out");

    e->peer.timedout = 1;

    ngx_http_webhook_attempt_release(e);
    ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_TIMEOUT);
}


static void
ngx_http_webhook_attempt_finish(ngx_http_webhook_engine_t *e,
    ngx_http_webhook_class_e class)
{
    ngx_http_webhook_attempt_t     *a;
    ngx_http_webhook_peer_times_t  *times;

    if (e->finished) {
        return;
    }

    e->finished = 1;

    a = e->attempt;
    times = &e->peer.times;

    a->class = class;
    a->status = e->answer.status;
    a->retry_after = e->answer.retry_after;
    a->excerpt = e->answer.excerpt;
    a->ssl = e->peer.target.ssl;
    a->head = e->answer.head;
    a->reused = e->peer.reused;
    a->duration = ngx_current_msec - e->start;

    a->connect_ms = times->connect;
    a->tls_ms = times->tls;
    a->header_ms = times->header;
    a->sent = times->sent;
    a->received = times->received;
    a->peer = times->name;

    a->failure = (class != NGX_HTTP_WEBHOOK_SUCCESS
                  && class != NGX_HTTP_WEBHOOK_LOCAL
                  && a->mail == NULL
                  && (class != NGX_HTTP_WEBHOOK_THROTTLED
                      || a->endpoint->count_throttled));

    if (e->entered) {
        e->entered = 0;
        ngx_http_webhook_peer_leave(e->peer.peers, a->endpoint);
    }

    if (class != NGX_HTTP_WEBHOOK_LOCAL) {
        ngx_http_webhook_peer_pace(a->endpoint, a->duration);
    }

    /*
     * In the next turn of the event loop: attempts that end at once, and are
     * followed by others, must not keep the worker from anything else.
     * Until then a timer keeps it from exiting, which an event does not.
     */

    if (!e->deadline.timer_set) {
        ngx_add_timer(&e->deadline, e->attempt->endpoint->timeout);
    }

    ngx_post_event(&e->done, &ngx_posted_next_events);
}


static void
ngx_http_webhook_attempt_done(ngx_event_t *ev)
{
    uint64_t                       since;
    ngx_pool_t                    *pool;
    ngx_http_webhook_engine_t     *e;
    ngx_http_webhook_attempt_t    *a;
    ngx_http_webhook_main_conf_t  *wmcf;

    since = ngx_http_webhook_meter_now();

    e = ev->data;
    a = e->attempt;
    wmcf = a->endpoint->main;

    ngx_http_webhook_attempt_release(e);

    e->log.action = NULL;

    pool = a->pool;

    a->handler(a);

    ngx_destroy_pool(pool);

    ngx_http_webhook_meter_held(wmcf, since);
}


void
ngx_http_webhook_attempt_abort(ngx_http_webhook_attempt_t *a)
{
    ngx_http_webhook_engine_t  *e;

    e = a->engine;

    ngx_http_webhook_attempt_release(e);

    if (e->done.posted) {
        ngx_delete_posted_event(&e->done);
    }

    e->log.action = NULL;

    ngx_log_error(NGX_LOG_INFO, &e->log, 0, "webhook attempt aborted");

    ngx_destroy_pool(a->pool);
}


void
ngx_http_webhook_attempt_cancel(ngx_http_webhook_attempt_t *a)
{
    ngx_http_webhook_engine_t  *e;

    e = a->engine;

    if (e->finished) {
        return;
    }

    ngx_http_webhook_attempt_release(e);
    ngx_http_webhook_attempt_finish(e, NGX_HTTP_WEBHOOK_LOCAL);
}


/* all that is not in the pool */

static void
ngx_http_webhook_attempt_release(ngx_http_webhook_engine_t *e)
{
    if (e->deadline.timer_set) {
        ngx_del_timer(&e->deadline);
    }

    if (e->resolving) {
        ngx_resolve_name_done(e->resolving);
        e->resolving = NULL;
    }

    ngx_http_webhook_fake_destroy(&e->fake);
    ngx_http_webhook_mail_close(e->attempt);

    if (e->entered) {
        e->entered = 0;
        ngx_http_webhook_peer_leave(e->peer.peers, e->attempt->endpoint);
    }
}


ngx_http_request_t *
ngx_http_webhook_attempt_request(ngx_http_webhook_attempt_t *a,
    ngx_http_conf_ctx_t *ctx)
{
    ngx_http_request_t         *r;
    ngx_http_webhook_engine_t  *e;

    e = a->engine;

    /* the request that was sent is gone by now, should there have been one */

    ngx_memzero(&e->fake, sizeof(ngx_http_webhook_fake_t));

    e->fake.run = ngx_http_webhook_attempt_run;
    e->fake.data = e;

    r = ngx_http_webhook_fake_bare(&e->fake, a->pool, &e->log, ctx);

    if (r == NULL) {
        return NULL;
    }

    e->log_ctx.http.connection = &e->fake.connection;
    e->log_ctx.http.request = r;

    /* nobody has asked for anything */

    ngx_str_null(&e->fake.connection.addr_text);
    ngx_str_null(&r->unparsed_uri);
    ngx_str_null(&r->method_name);
    ngx_str_null(&r->http_protocol);

    return r;
}


uint64_t
ngx_http_webhook_attempt_latency(ngx_http_webhook_attempt_t *a)
{
    uint64_t     now;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = (uint64_t) tp->sec * 1000 + tp->msec;

    /* a clock may have been set back */

    return (a->time && now > a->time) ? now - a->time : 0;
}


ngx_http_webhook_attempt_t *
ngx_http_webhook_attempt_get(ngx_http_request_t *r)
{
    ngx_http_webhook_fake_t    *f;
    ngx_http_webhook_engine_t  *e;

    if (!ngx_http_webhook_fake(r)) {
        return NULL;
    }

    f = (ngx_http_webhook_fake_t *) r->connection;

    if (f->run != ngx_http_webhook_attempt_run) {
        return NULL;
    }

    e = f->data;

    return e->attempt;
}


static ngx_int_t
ngx_http_webhook_attempt_create_request(ngx_http_request_t *r)
{
    ngx_buf_t                  *b;
    ngx_chain_t                *cl;
    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    r->upstream->request_bufs = e->attempt->request;

    for (cl = e->attempt->request; cl; cl = cl->next) {
        b = cl->buf;

        /* should it be sent again, nginx begins at "start" */

        b->start = b->pos;
        b->end = b->last;

        if (cl->next == NULL) {
            b->flush = 1;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_attempt_reinit_request(ngx_http_request_t *r)
{
    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ngx_http_webhook_answer_init(r, &e->answer);

    e->unheard = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_attempt_process_header(ngx_http_request_t *r)
{
    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ngx_http_webhook_peer_answers(&e->peer);

    /* nginx reads before it writes, and what is read before TLS is anybody's */

    if (!r->upstream->request_sent) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent an answer before the request");

        e->peer.early = 1;

        ngx_http_webhook_attempt_unheard(r, e);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return ngx_http_webhook_answer_header(r, &e->answer);
}


/*
 * Who is overloaded may say so to whoever connects.  Of the event that tells
 * nothing, so that nothing else is believed: no success, and no status that
 * would end the delivery.  On a connection that was kept it may be for
 * somebody else.
 */

static void
ngx_http_webhook_attempt_unheard(ngx_http_request_t *r,
    ngx_http_webhook_engine_t *e)
{
    ngx_uint_t                    status;
    ngx_http_webhook_endpoint_t  *ep;

    ep = e->attempt->endpoint;

    if (!e->peer.reused && !e->peer.target.ssl
        && ngx_http_webhook_answer_header(r, &e->answer) == NGX_OK)
    {
        status = e->answer.status;

        if ((status == 429 || status == NGX_HTTP_SERVICE_UNAVAILABLE)
            && !ngx_http_webhook_statuses_has(&ep->success, status)
            && !ngx_http_webhook_statuses_has(&ep->permanent, status))
        {
            e->unheard = 1;
            return;
        }
    }

    ngx_http_webhook_answer_init(r, &e->answer);
}


static ngx_int_t
ngx_http_webhook_attempt_filter_init(void *data)
{
    ngx_http_request_t  *r = data;

    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ngx_http_webhook_answer_body_init(r, &e->answer);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_attempt_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t  *r = data;

    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    return ngx_http_webhook_answer_body(r, &e->answer, bytes);
}


static void
ngx_http_webhook_attempt_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "webhook abort request");
}


static void
ngx_http_webhook_attempt_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_webhook_engine_t  *e;

    e = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    e->rc = rc;
}


static u_char *
ngx_http_webhook_attempt_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                          *p;
    ngx_http_upstream_t             *u;
    ngx_http_webhook_attempt_t      *a;
    ngx_http_webhook_attempt_log_t  *ctx;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    ctx = log->data;
    a = ctx->attempt;

    p = ngx_snprintf(buf, len, ", webhook: \"%V\", event: \"%V\", "
                     "endpoint: \"%V\", attempt: %ui",
                     &a->id, &a->event, &a->endpoint->name, a->number);
    len -= p - buf;
    buf = p;

    if (log->action && ctx->http.request) {

        u = ctx->http.request->upstream;

        if (u && u->peer.name) {
            p = ngx_snprintf(buf, len, ", upstream: \"%V%V\"",
                             &u->schema, u->peer.name);
            buf = p;
        }
    }

    return buf;
}
