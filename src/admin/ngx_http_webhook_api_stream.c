
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Attempts as they end: server-sent events.  A stream follows the history at
 * the pace of its reader, and what it has in memory is what it sends.  All
 * worker processes write that history, so a stream looks there from time to
 * time, in a thread: nobody has to know that there are streams.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_endpoint.h"


#define NGX_HTTP_WEBHOOK_STREAM_TICK   250     /* ms */
#define NGX_HTTP_WEBHOOK_STREAM_QUIET  15000   /* ms, then a comment */
#define NGX_HTTP_WEBHOOK_STREAM_SIZE   32768   /* octets at once, about */


typedef struct {
    ngx_http_webhook_tail_t          tail;      /* must be first */
    ngx_http_webhook_api_t          *api;
    ngx_event_t                      timer;
    ngx_buf_t                       *buf;
    ngx_msec_t                       sent;      /* when, the last time */
    unsigned                         blocked:1; /* the client does not read */
    unsigned                         again:1;   /* there is more to read */
} ngx_http_webhook_stream_t;


static ngx_uint_t ngx_http_webhook_stream_kept(ngx_http_webhook_api_t *api);
static ngx_int_t ngx_http_webhook_stream_from(ngx_http_webhook_stream_t *s);
static wh_str_t ngx_http_webhook_stream_last(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_stream_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_stream_field(ngx_http_request_t *r,
    char *name, char *value);
static void ngx_http_webhook_stream_cleanup(void *data);
static void ngx_http_webhook_stream_opened(ngx_http_webhook_job_t *job);
static void ngx_http_webhook_stream_tick(ngx_event_t *ev);
static void ngx_http_webhook_stream_read(ngx_http_webhook_stream_t *s);
static void ngx_http_webhook_stream_done(ngx_http_webhook_job_t *job);
static ngx_int_t ngx_http_webhook_stream_row(ngx_http_webhook_tail_t *tail,
    u_char *key, wh_row_t *row);
static void ngx_http_webhook_stream_put_id(ngx_http_webhook_stream_t *s,
    u_char *key);
static void ngx_http_webhook_stream_put_gap(ngx_http_webhook_stream_t *s,
    char *reason);
static void ngx_http_webhook_stream_send(ngx_http_webhook_stream_t *s);
static void ngx_http_webhook_stream_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_stream_sent(ngx_http_webhook_stream_t *s,
    ngx_int_t rc);
static void ngx_http_webhook_stream_end(ngx_http_webhook_stream_t *s);


ngx_int_t
ngx_http_webhook_api_stream(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_pool_cleanup_t           *cln;
    ngx_http_request_t           *r;
    ngx_http_webhook_stream_t    *s;
    ngx_http_webhook_loc_conf_t  *wlcf;

    r = api->request;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "webhook_api: a stream is no part of another response");
        return NGX_HTTP_BAD_REQUEST;
    }

    if (!ngx_http_webhook_stream_kept(api)) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "history_off", "There is nothing to follow, "
                   "webhook_history is off.");
    }

    s = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_stream_t));
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s->api = api;

    if (ngx_http_webhook_stream_from(s) != NGX_OK) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                   "bad_key", "\"after\", or Last-Event-ID, is no key of an "
                   "attempt.");
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (api->main->worker->streams >= wlcf->api_streams) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "too_many_streams", "This worker process has %ui streams, "
                   "there must not be more than \"streams=%ui\".",
                   api->main->worker->streams, wlcf->api_streams);
    }

    if (r->method == NGX_HTTP_HEAD) {
        rc = ngx_http_webhook_stream_header(r);
        return rc == NGX_OK ? ngx_http_send_header(r) : rc;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    s->buf = ngx_calloc_buf(r->pool);

    if (cln == NULL || s->buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    s->tail.job.run = ngx_http_webhook_tail_open;
    s->tail.job.done = ngx_http_webhook_stream_opened;
    s->tail.filter = api->filter;
    s->tail.limit = api->limit;

    s->timer.handler = ngx_http_webhook_stream_tick;
    s->timer.data = s;
    s->timer.log = r->connection->log;

    if (ngx_http_webhook_job_read(api->store, &s->tail.job, api->pool)
        != NGX_OK)
    {
        return ngx_http_webhook_api_failed(api, NGX_BUSY);
    }

    cln->handler = ngx_http_webhook_stream_cleanup;
    cln->data = s;

    api->main->worker->streams++;

    return ngx_http_webhook_api_wait(api);
}


/* does any endpoint that is asked for have a history? */

static ngx_uint_t
ngx_http_webhook_stream_kept(ngx_http_webhook_api_t *api)
{
    wh_str_t                      *name;
    ngx_uint_t                     i, known;
    ngx_http_webhook_endpoint_t  **ep;

    name = &api->filter.endpoint;
    ep = api->main->endpoints.elts;
    known = 0;

    for (i = 0; i < api->main->endpoints.nelts; i++) {

        if (name->len
            && (name->len != ep[i]->name.len
                || ngx_memcmp(name->data, ep[i]->name.data, name->len) != 0))
        {
            continue;
        }

        if (ep[i]->history != NGX_HTTP_WEBHOOK_HISTORY_OFF) {
            return 1;
        }

        known = 1;
    }

    return !known && api->main->history.mode != NGX_HTTP_WEBHOOK_HISTORY_OFF;
}


/* a browser that comes back gives the header, with the arguments as before */

static ngx_int_t
ngx_http_webhook_stream_from(ngx_http_webhook_stream_t *s)
{
    wh_str_t                 key;
    ngx_http_webhook_api_t  *api;

    api = s->api;

    key = ngx_http_webhook_stream_last(api->request);

    if (key.len == 0) {
        key = api->after;
    }

    if (key.len) {
        s->tail.resumes = 1;
        s->tail.strict = 1;

        return ngx_http_webhook_api_octets(&key, s->tail.from,
                                           NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    }

    if (api->given & NGX_HTTP_WEBHOOK_API_SINCE) {
        s->tail.resumes = 1;
        ngx_http_webhook_put_be(s->tail.from, api->filter.since, 8);
    }

    return NGX_OK;
}


static wh_str_t
ngx_http_webhook_stream_last(ngx_http_request_t *r)
{
    wh_str_t          value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    value.data = NULL;
    value.len = 0;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return value;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Last-Event-ID") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Last-Event-ID",
                               sizeof("Last-Event-ID") - 1)
               == 0)
        {
            value.data = (char *) h[i].value.data;
            value.len = h[i].value.len;

            return value;
        }
    }
}


static ngx_int_t
ngx_http_webhook_stream_header(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

#if (NGX_HTTP_GZIP)

    /* it would keep events for itself, whatever gzip_types says */

    r->gzip_tested = 1;
    r->gzip_ok = 0;

#endif

    if (ngx_http_webhook_stream_field(r, "Cache-Control", "no-store")
        != NGX_OK
        || ngx_http_webhook_stream_field(r, "X-Accel-Buffering", "no")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_stream_field(ngx_http_request_t *r, char *name, char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


static void
ngx_http_webhook_stream_cleanup(void *data)
{
    ngx_http_webhook_stream_t *s = data;

    s->api->main->worker->streams--;

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }
}


static void
ngx_http_webhook_stream_opened(ngx_http_webhook_job_t *job)
{
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_webhook_api_t     *api;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_webhook_stream_t  *s;

    s = (ngx_http_webhook_stream_t *) job;
    api = s->api;

    if (!ngx_http_webhook_api_waits(api)) {
        return;
    }

    if (job->rc == NGX_OK && job->more) {
        api->busy = 1;

        if (ngx_http_webhook_job_read(api->store, job, api->pool) == NGX_OK) {
            return;
        }

        api->busy = 0;
        job->rc = NGX_BUSY;
    }

    if (job->rc != NGX_OK) {
        ngx_http_webhook_api_finish(api,
                                ngx_http_webhook_api_failed(api, job->rc));
        return;
    }

    r = api->request;
    c = r->connection;

    rc = ngx_http_webhook_stream_header(r);

    if (rc == NGX_OK) {
        rc = ngx_http_send_header(r);
    }

    if (rc == NGX_ERROR || rc > NGX_OK) {
        ngx_http_webhook_api_finish(api, rc);
        return;
    }

    /* an event is not to wait for the acknowledgement of the one before */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->tcp_nodelay && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_webhook_api_finish(api, NGX_ERROR);
        return;
    }

    /* a client that leaves is noticed at once; not while its body comes */

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;

        if (c->read->ready) {
            ngx_post_event(c->read, &ngx_posted_events);

        } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            ngx_http_webhook_api_finish(api, NGX_ERROR);
            return;
        }
    }

    job->run = ngx_http_webhook_tail_read;
    job->done = ngx_http_webhook_stream_done;
    s->tail.row = ngx_http_webhook_stream_row;

    (void) wh_buf_put_literal(&api->out, "retry: 2000\n");

    if (s->tail.gap) {
        ngx_http_webhook_stream_put_gap(s, s->tail.found > s->tail.limit
                                           ? "limit" : "purged");
    }

    ngx_http_webhook_stream_put_id(s, s->tail.from);
    (void) wh_buf_putc(&api->out, '\n');

    ngx_add_timer(&s->timer, NGX_HTTP_WEBHOOK_STREAM_TICK);

    s->again = 1;

    ngx_http_webhook_stream_send(s);

    ngx_http_run_posted_requests(c);
}


/* it is never long, so it also finds out that the worker is to exit */

static void
ngx_http_webhook_stream_tick(ngx_event_t *ev)
{
    ngx_http_webhook_stream_t  *s;

    s = ev->data;

    if (s->api->request->post_action) {

        /* the client is gone, the request is another one by now */

        return;
    }

    /* a thread that reads for it is let to end */

    if ((ngx_exiting || ngx_quit) && !s->api->busy) {
        ngx_http_webhook_stream_end(s);
        return;
    }

    ngx_add_timer(&s->timer, NGX_HTTP_WEBHOOK_STREAM_TICK);

    if (!s->blocked && !s->api->busy) {
        ngx_http_webhook_stream_read(s);
    }
}


static void
ngx_http_webhook_stream_read(ngx_http_webhook_stream_t *s)
{
    ngx_http_webhook_api_t  *api;

    if (ngx_exiting || ngx_quit) {
        return;
    }

    api = s->api;

    api->out.len = 0;
    s->again = 0;

    /* else the next tick tries it again */

    if (ngx_http_webhook_job_read(api->store, &s->tail.job, api->pool)
        == NGX_OK)
    {
        api->busy = 1;
    }
}


static void
ngx_http_webhook_stream_done(ngx_http_webhook_job_t *job)
{
    ngx_connection_t           *c;
    ngx_http_webhook_api_t     *api;
    ngx_http_webhook_stream_t  *s;

    s = (ngx_http_webhook_stream_t *) job;
    api = s->api;

    if (!ngx_http_webhook_api_waits(api) || api->request->post_action) {
        return;
    }

    if (job->rc != NGX_OK && job->rc != NGX_BUSY) {
        ngx_http_webhook_stream_end(s);
        return;
    }

    c = api->request->connection;

    if (job->rc == NGX_OK && job->more) {
        s->again = 1;
    }

    if (api->out.len == 0
        && ngx_current_msec - s->sent >= NGX_HTTP_WEBHOOK_STREAM_QUIET)
    {
        /* who comes back has not missed what was not for him */

        (void) wh_buf_put_literal(&api->out, ":\n");
        ngx_http_webhook_stream_put_id(s, s->tail.from);
        (void) wh_buf_putc(&api->out, '\n');
    }

    if (api->out.len) {
        ngx_http_webhook_stream_send(s);
        ngx_http_run_posted_requests(c);

    } else if (s->again) {
        ngx_http_webhook_stream_read(s);
    }
}


/* in a thread */

static ngx_int_t
ngx_http_webhook_stream_row(ngx_http_webhook_tail_t *tail, u_char *key,
    wh_row_t *row)
{
    wh_buf_t                   *b;
    ngx_http_webhook_stream_t  *s;

    s = (ngx_http_webhook_stream_t *) tail;
    b = &s->api->out;

    if (row == NULL) {
        ngx_http_webhook_stream_put_gap(s, "purged");
        ngx_http_webhook_stream_put_id(s, key);
        (void) wh_buf_putc(b, '\n');

        return b->err ? NGX_ERROR : NGX_OK;
    }

    (void) wh_buf_put_literal(b, "event: attempt\n");
    ngx_http_webhook_stream_put_id(s, key);
    (void) wh_buf_put_literal(b, "data: {");
    ngx_http_webhook_api_put_key(b, "key", key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    ngx_http_webhook_api_put_row(b, row);
    (void) wh_buf_put_literal(b, "}\n\n");

    if (b->err) {
        return NGX_ERROR;
    }

    if (b->len < NGX_HTTP_WEBHOOK_STREAM_SIZE) {
        return NGX_OK;
    }

    s->again = 1;

    return NGX_DONE;
}


static void
ngx_http_webhook_stream_put_id(ngx_http_webhook_stream_t *s, u_char *key)
{
    char      *p;
    wh_buf_t  *b;

    b = &s->api->out;

    (void) wh_buf_put_literal(b, "id: ");

    p = wh_buf_need(b, 2 * NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    if (p) {
        wh_hex_put(p, (char *) key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        b->len += 2 * NGX_HTTP_WEBHOOK_ATTEMPT_KEY;
    }

    (void) wh_buf_putc(b, '\n');
}


static void
ngx_http_webhook_stream_put_gap(ngx_http_webhook_stream_t *s, char *reason)
{
    wh_buf_t  *b;

    b = &s->api->out;

    (void) wh_buf_put_literal(b, "event: gap\ndata: {\"reason\":\"");
    (void) wh_buf_put(b, reason, ngx_strlen(reason));
    (void) wh_buf_put_literal(b, "\"}\n");
}


/* the request may be gone after that */

static void
ngx_http_webhook_stream_send(ngx_http_webhook_stream_t *s)
{
    ngx_buf_t               *b;
    ngx_chain_t              out;
    ngx_http_webhook_api_t  *api;

    api = s->api;

    if (api->out.err) {
        ngx_http_finalize_request(api->request, NGX_ERROR);
        return;
    }

    b = s->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = (u_char *) api->out.data;
    b->pos = b->start;
    b->last = b->start + api->out.len;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    s->sent = ngx_current_msec;

    if (ngx_http_webhook_stream_sent(s,
                             ngx_http_output_filter(api->request, &out))
        == NGX_OK
        && s->again)
    {
        ngx_http_webhook_stream_read(s);
    }
}


static void
ngx_http_webhook_stream_writer(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_event_t                *wev;
    ngx_connection_t           *c;
    ngx_pool_cleanup_t         *cln;
    ngx_http_webhook_stream_t  *s;

    c = r->connection;
    wev = c->write;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_webhook_stream_cleanup) {
            break;
        }
    }

    if (cln == NULL) {
        return;
    }

    s = cln->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!s->blocked) {
        return;
    }

    rc = NGX_OK;

    if (!wev->delayed && (r->buffered || c->buffered)) {
        rc = ngx_http_output_filter(r, NULL);
    }

    if (ngx_http_webhook_stream_sent(s, rc) == NGX_OK) {
        ngx_http_webhook_stream_read(s);
    }
}


/* NGX_OK: all of it; NGX_AGAIN: the writer goes on; NGX_ERROR: all is over */

static ngx_int_t
ngx_http_webhook_stream_sent(ngx_http_webhook_stream_t *s, ngx_int_t rc)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = s->api->request;
    wev = r->connection->write;

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return NGX_ERROR;
    }

    if (!r->buffered && !r->connection->buffered && !wev->delayed) {

        s->blocked = 0;

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        return NGX_OK;
    }

    s->blocked = 1;
    r->write_event_handler = ngx_http_webhook_stream_writer;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


/* the client comes back, to another worker, and goes on where it was */

static void
ngx_http_webhook_stream_end(ngx_http_webhook_stream_t *s)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = s->api->request;

    if (s->blocked) {
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    ngx_http_webhook_api_finish(s->api, rc);
}
