
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_meter.h"


/* octets made in one turn of the loop, and pieces */
#define NGX_HTTP_WEBHOOK_METRICS_SIZE    (64 * 1024)
#define NGX_HTTP_WEBHOOK_METRICS_PIECES  64


/* an answer under way; there is one buffer, filled when it was sent */

typedef struct {
    ngx_http_webhook_metrics_t   at;
    ngx_http_request_t          *request;
    ngx_buf_t                   *buf;
    ngx_event_t                  turn;
    ngx_uint_t                   done;         /* unsigned  done:1; */
} ngx_http_webhook_metrics_ctx_t;


static ngx_int_t ngx_http_webhook_metrics_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_metrics_begin(ngx_http_request_t *r,
    ngx_uint_t openmetrics);
static void ngx_http_webhook_metrics_writer(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_metrics_slice(
    ngx_http_webhook_metrics_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_metrics_next(
    ngx_http_webhook_metrics_ctx_t *ctx);
static void ngx_http_webhook_metrics_turn(ngx_event_t *ev);
static void ngx_http_webhook_metrics_cleanup(void *data);


static ngx_str_t  ngx_http_webhook_metrics_accept = ngx_string("Accept");


char *
ngx_http_webhook_metrics_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_webhook_metrics_handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_webhook_metrics_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_metrics_handler(ngx_http_request_t *r)
{
    wh_str_t                       accept;
    ngx_int_t                      rc;
    ngx_str_t                      value;
    ngx_uint_t                     openmetrics;
    ngx_http_webhook_main_conf_t  *wmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->worker == NULL || wmcf->worker->store == NULL) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    openmetrics = 0;

    if (ngx_http_webhook_header_find(r, &ngx_http_webhook_metrics_accept,
                                     &value))
    {
        accept.len = value.len;
        accept.data = (char *) value.data;

        openmetrics = wh_metric_accept(accept) ? 1 : 0;
    }

    r->headers_out.status = NGX_HTTP_OK;

    if (openmetrics) {
        ngx_str_set(&r->headers_out.content_type,
                    "application/openmetrics-text; version=1.0.0; "
                    "charset=utf-8");

    } else {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_webhook_metrics_begin(r, openmetrics);
}


static ngx_int_t
ngx_http_webhook_metrics_begin(ngx_http_request_t *r, ngx_uint_t openmetrics)
{
    ngx_http_cleanup_t              *cln;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_webhook_metrics_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_metrics_ctx_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    ctx->buf = ngx_create_temp_buf(r->pool, NGX_HTTP_WEBHOOK_METRICS_SIZE);
    if (ctx->buf == NULL) {
        return NGX_ERROR;
    }

    ctx->request = r;
    ctx->at.main = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);
    ctx->at.openmetrics = openmetrics;

    ctx->turn.handler = ngx_http_webhook_metrics_turn;
    ctx->turn.data = ctx;
    ctx->turn.log = r->connection->log;

    cln->handler = ngx_http_webhook_metrics_cleanup;
    cln->data = ctx;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_webhook_metrics_writer;

    r->main->count++;

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    ngx_add_timer(r->connection->write, clcf->send_timeout);
    ngx_post_event(&ctx->turn, &ngx_posted_next_events);

    return NGX_DONE;
}


static void
ngx_http_webhook_metrics_turn(ngx_event_t *ev)
{
    uint64_t                         since;
    ngx_int_t                        rc;
    ngx_connection_t                *c;
    ngx_http_request_t              *r;
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_metrics_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;
    wmcf = ctx->at.main;

    since = ngx_http_webhook_meter_now();

    rc = ngx_http_webhook_metrics_slice(ctx);

    /* what is left of a whole answer is sent by nginx */

    if (rc != NGX_AGAIN || ctx->done) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);

    ngx_http_webhook_meter_held(wmcf, since);
}


/*
 * NGX_AGAIN: more follows, in another turn, or when the client reads on; once
 * it is done: as of ngx_http_output_filter().
 */

static ngx_int_t
ngx_http_webhook_metrics_slice(ngx_http_webhook_metrics_ctx_t *ctx)
{
    wh_buf_t             out;
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_uint_t           n;
    ngx_chain_t          cl;
    ngx_http_request_t  *r;

    r = ctx->request;
    b = ctx->buf;

    ngx_memzero(&out, sizeof(wh_buf_t));

    out.data = (char *) b->start;
    out.size = NGX_HTTP_WEBHOOK_METRICS_SIZE;
    out.max = out.size;

    for (n = 0;
         n < NGX_HTTP_WEBHOOK_METRICS_PIECES
         && out.max - out.len >= NGX_HTTP_WEBHOOK_METRICS_PIECE;
         n++)
    {
        if (ngx_http_webhook_metrics_put(&ctx->at, &out) != NGX_OK) {
            ctx->done = 1;
            break;
        }
    }

    if (out.err) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "webhook metrics do not fit");
        return NGX_ERROR;
    }

    if (out.len == 0) {

        /* families of which many endpoints have nothing */

        if (ctx->done) {
            return ngx_http_send_special(r, NGX_HTTP_LAST);
        }

        ngx_post_event(&ctx->turn, &ngx_posted_next_events);

        return NGX_AGAIN;
    }

    b->pos = b->start;
    b->last = b->start + out.len;
    b->flush = 1;
    b->last_buf = (ctx->done && r == r->main) ? 1 : 0;
    b->last_in_chain = ctx->done ? 1 : 0;

    cl.buf = b;
    cl.next = NULL;

    rc = ngx_http_output_filter(r, &cl);

    if (rc == NGX_ERROR || ctx->done) {
        return rc;
    }

    return ngx_http_webhook_metrics_next(ctx);
}


/* the buffer is used again when it was sent, or taken by a filter */

static ngx_int_t
ngx_http_webhook_metrics_next(ngx_http_webhook_metrics_ctx_t *ctx)
{
    ngx_buf_t                 *b;
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = ctx->request;
    b = ctx->buf;
    wev = r->connection->write;

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    /* also for the next turn: an event does not keep the worker from exiting */

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (b->pos == b->last
        && !wev->delayed
        && (wev->ready || !r->connection->buffered))
    {
        ngx_post_event(&ctx->turn, &ngx_posted_next_events);
        return NGX_AGAIN;
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_webhook_metrics_writer(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_event_t                     *wev;
    ngx_http_cleanup_t              *cln;
    ngx_http_webhook_metrics_ctx_t  *ctx;

    wev = r->connection->write;

    ctx = NULL;

    /* those of subrequests, of which there may be several, are there, too */

    for (cln = r->main->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_webhook_metrics_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            break;
        }
    }

    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ctx->turn.posted) {
        return;
    }

    rc = wev->delayed ? NGX_AGAIN : ngx_http_output_filter(r, NULL);

    if (rc != NGX_ERROR) {
        rc = ngx_http_webhook_metrics_next(ctx);
    }

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }
}


static void
ngx_http_webhook_metrics_cleanup(void *data)
{
    ngx_http_webhook_metrics_ctx_t *ctx = data;

    if (ctx->turn.posted) {
        ngx_delete_posted_event(&ctx->turn);
    }
}
