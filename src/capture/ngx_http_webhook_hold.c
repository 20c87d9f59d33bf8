
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The filters of the response: they find the octets that complete it, and
 * hold them while the commit is under way.
 */


#include "ngx_http_webhook_ctx.h"


static ngx_int_t ngx_http_webhook_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_header_capture(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_header_pass(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_header_completes(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_header_hold(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_body_capture(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_body_completes(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
static ngx_uint_t ngx_http_webhook_settled(ngx_http_webhook_ctx_t *ctx);
static ngx_uint_t ngx_http_webhook_undecided(ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_complete(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_hold(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_keep(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
static void ngx_http_webhook_swallow(ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_release(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in);
static void ngx_http_webhook_upstream_end(ngx_http_request_t *r);
static void ngx_http_webhook_block_handler(ngx_event_t *ev);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_int_t
ngx_http_webhook_header_filter(ngx_http_request_t *r)
{
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (!wlcf->enters && ngx_http_webhook_is_bare(r)) {
        return ngx_http_next_header_filter(r);
    }

    return ngx_http_webhook_header_capture(r);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_header_capture(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_loc_conf_t  *wlcf;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL) {
        wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

        if (!wlcf->enters
            || r != r->main
            || ngx_http_webhook_is_delivery(r))
        {
            return ngx_http_next_header_filter(r);
        }

        /* answered before the content phase */

        ctx = ngx_http_webhook_ctx_create(r);
        if (ctx == NULL) {
            return NGX_ERROR;
        }
    }

    if (r != r->main || ngx_http_webhook_settled(ctx)) {
        return ngx_http_next_header_filter(r);
    }

    /* a filter may have replaced the response by an error page */

    ctx->sent = 0;
    ctx->status = 0;
    ctx->examined = 0;
    ngx_http_webhook_bodies_again(ctx);

    /* gzip and gunzip will change the header, what is seen here is before */

    ngx_str_null(&ctx->encoding);

    if (r->headers_out.content_encoding
        && r->headers_out.content_encoding->hash)
    {
        ctx->encoding = r->headers_out.content_encoding->value;
    }

    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS) {
        ctx->status = r->headers_out.status;

        /* what comes after it is not a response any more */

        ngx_http_webhook_bodies_rush(ctx);

        if (!ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided) {
            (void) ngx_http_webhook_commit(r, ctx,
                                           NGX_HTTP_WEBHOOK_ON_RESPONSE);
        }

        return ngx_http_next_header_filter(r);
    }

    if (!ngx_http_webhook_header_completes(r)) {
        return ngx_http_webhook_header_pass(r, ctx);
    }

    ctx->status = r->headers_out.status;

    if (ngx_http_webhook_complete(r, ctx) == NGX_OK) {
        return ngx_http_next_header_filter(r);
    }

    return ngx_http_webhook_header_hold(r, ctx);
}


static ngx_int_t
ngx_http_webhook_header_pass(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_OK || rc == NGX_AGAIN) {

        /* only now, the range filter changes it */

        ctx->status = r->headers_out.status;

        if (ngx_http_webhook_bodies_wanted(r, ctx)) {
            ctx->examined = 1;
            r->filter_need_in_memory = 1;
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_webhook_header_completes(ngx_http_request_t *r)
{
    return r->header_only
           || r->method == NGX_HTTP_HEAD
           || r->headers_out.status == NGX_HTTP_NO_CONTENT
           || r->headers_out.status == NGX_HTTP_NOT_MODIFIED
           || r->headers_out.content_length_n == 0;
}


static ngx_int_t
ngx_http_webhook_header_hold(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ctx->header_held = 1;

    /* otherwise an error would start a second response */
    r->header_sent = 1;

    /*
     * For HEAD header_only is left to the header filter: a filter before that
     * one may have to see the body first.  If there is none, a body that comes
     * is discarded.
     */

    if (r->method == NGX_HTTP_HEAD) {
        r->main_filter_need_in_memory = 1;

    /*
     * the same as the header filter will do; that of HTTP/1 expects a body
     * after a status line from upstream, whatever the status
     */

    } else if (!r->header_only
               && (r->headers_out.status_line.len == 0
                   || r->http_version >= NGX_HTTP_VERSION_20)
               && (r->headers_out.status == NGX_HTTP_NO_CONTENT
                   || r->headers_out.status == NGX_HTTP_NOT_MODIFIED))
    {
        r->header_only = 1;
        ctx->header_only = 1;
    }

    return ngx_http_webhook_hold(r, ctx, NULL);
}


static ngx_int_t
ngx_http_webhook_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_webhook_module);

    if (ctx == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    return ngx_http_webhook_body_capture(r, ctx, in);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_body_capture(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_uint_t  last;

    if (ngx_http_webhook_is_delivery(r)) {
        return ngx_http_next_body_filter(r, in);
    }

    if (r != r->main) {

        if (ctx->header_held || (ctx->header_late && r->main->header_only)) {

            /* of a slice: without the hold nobody would have asked for it */

            ngx_http_webhook_swallow(in);

            return NGX_OK;
        }

        return ngx_http_next_body_filter(r, in);
    }

    if (ctx->holding) {

        if (ngx_http_webhook_undecided(ctx)) {
            return ngx_http_webhook_hold(r, ctx, in);
        }

        return ngx_http_webhook_release(r, ctx, in);
    }

    if (ctx->header_late && r->header_only) {
        ngx_http_webhook_swallow(in);

        return r->connection->buffered ? ngx_http_next_body_filter(r, NULL)
                                       : NGX_OK;
    }

    if (ctx->status == 0 || (!ctx->examined && ngx_http_webhook_settled(ctx)))
    {
        return ngx_http_next_body_filter(r, in);
    }

    last = ngx_http_webhook_body_completes(r, ctx, in);

    if (ctx->examined) {
        ctx->examined = !last;
        ngx_http_webhook_bodies_response(r, ctx, in, last);
    }

    if (!last || ngx_http_webhook_complete(r, ctx) == NGX_OK) {
        return ngx_http_next_body_filter(r, in);
    }

    return ngx_http_webhook_hold(r, ctx, in);
}


/* whatever the response is, nothing has to wait for it any more */

static ngx_uint_t
ngx_http_webhook_settled(ngx_http_webhook_ctx_t *ctx)
{
    return ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided
           && ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].decided
           && !ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].waiting
           && !ctx->conf->capture;
}


/* the response has to wait for its events, or for values to be logged */

static ngx_uint_t
ngx_http_webhook_undecided(ngx_http_webhook_ctx_t *ctx)
{
    return !ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided
           || ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].waiting
           || ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].waiting
           || ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_RESPONSE);
}


static ngx_int_t
ngx_http_webhook_body_completes(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {

        ctx->sent += ngx_buf_size(cl->buf);

        if (cl->buf->last_buf) {
            return 1;
        }
    }

    /* gzip and the like have reset it, if it is not what will be sent */

    return r->headers_out.content_length_n != -1
           && ctx->sent >= r->headers_out.content_length_n;
}


/* NGX_OK: the response may go on; NGX_AGAIN: it is to be held */

static ngx_int_t
ngx_http_webhook_complete(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  now;

    /*
     * nginx ends a request that a filter has redirected to an error page as
     * soon as that filter returns, with what was not sent yet
     */

    now = (r->filter_finalize && r->internal);

    if (now) {
        ngx_http_webhook_bodies_rush(ctx);

    } else if (ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_RESPONSE))
    {
        return NGX_AGAIN;
    }

    ngx_http_webhook_commit_request(r, ctx);

    if (!ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided) {
        (void) ngx_http_webhook_commit(r, ctx, NGX_HTTP_WEBHOOK_ON_RESPONSE);
    }

    if (!ngx_http_webhook_undecided(ctx)) {
        return NGX_OK;
    }

    if (now) {
        ngx_http_webhook_late(ctx);
        return NGX_OK;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_webhook_hold(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_chain_t *in)
{
    ctx->holding = 1;
    r->buffered |= NGX_HTTP_WEBHOOK_BUFFERED;

    if (ngx_http_webhook_keep(r, ctx, in) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->event.posted && !ctx->blocked) {
        ctx->event.data = ctx;
        ctx->event.handler = ngx_http_webhook_block_handler;
        ctx->event.log = r->connection->log;

        ngx_post_event(&ctx->event, &ngx_posted_events);
    }

    /* what went before may be on its way still */

    if (in == NULL
        && !ctx->header_held
        && (r->connection->buffered || r->postponed)
        && ngx_http_next_body_filter(r, NULL) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_webhook_keep(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_chain_t *in)
{
    if (in == NULL) {
        return NGX_OK;
    }

    if (ctx->held && r->filter_finalize) {

        /*
         * the error page of a filter is held; NGX_AGAIN made the handler go
         * on with what it replaces
         */

        ngx_http_webhook_swallow(in);

        return NGX_OK;
    }

    return ngx_chain_add_copy(r->pool, &ctx->held, in);
}


static void
ngx_http_webhook_swallow(ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }
}


static ngx_int_t
ngx_http_webhook_release(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl, *ln, *out;

    if (ngx_http_webhook_keep(r, ctx, in) != NGX_OK) {
        return NGX_ERROR;
    }

    out = ctx->held;
    ctx->held = NULL;

    ngx_http_webhook_hold_drop(ctx);

    if (ctx->header_held) {
        ctx->header_held = 0;
        ctx->header_late = 1;
        r->header_sent = 0;

        if (ctx->header_only) {
            ctx->header_only = 0;
            r->header_only = 0;
        }

        rc = ngx_http_next_header_filter(r);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc > NGX_OK || r->header_only) {
            ngx_http_webhook_swallow(out);

            /* whoever would have to make an error page has gone on */

            return rc > NGX_OK ? ngx_http_special_response_handler(r, rc) : rc;
        }

        if (out == NULL) {
            return rc;
        }
    }

    rc = ngx_http_next_body_filter(r, out);

    for (cl = out; cl; /* void */) {
        ln = cl;
        cl = cl->next;
        ngx_free_chain(r->pool, ln);
    }

    if (rc == NGX_OK && r->filter_finalize) {

        /* the end of the request, as for a filter that was not held */

        return NGX_ERROR;
    }

    return rc;
}


void
ngx_http_webhook_hold_drop(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->event.posted) {
        ngx_delete_posted_event(&ctx->event);
    }

    if (ctx->blocked) {
        ctx->blocked = 0;

        if (r->read_event_handler == ngx_http_block_reading) {
            r->read_event_handler = ngx_http_test_reading;
        }
    }

    ctx->holding = 0;
    r->buffered &= ~NGX_HTTP_WEBHOOK_BUFFERED;
}


void
ngx_http_webhook_hold_resume(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t           gone;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (!ctx->holding || ngx_http_webhook_undecided(ctx)) {
        return;
    }

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    gone = 0;
    ctx->gone = &gone;

    /*
     * not the next filter directly: whoever produces the response may wait
     * for its buffers, and goes on in its own handler only
     */

    r->write_event_handler(r);

    if (!gone) {
        ctx->gone = NULL;

        if (ctx->holding
            && ngx_http_get_module_ctx(r, ngx_http_webhook_module) == ctx)
        {
            /* nothing to write, it thought */

            if (ngx_http_output_filter(r, NULL) == NGX_ERROR
                && r->filter_finalize)
            {
                ngx_http_finalize_request(r, NGX_ERROR);
                gone = 1;
            }
        }
    }

    if (!gone && ctx->header_late && r->header_only) {
        ngx_http_webhook_upstream_end(r);
    }

    ngx_http_run_posted_requests(c);
}


/*
 * nginx leaves an upstream when it has sent a header that has no body; while
 * the header was held, nginx did not know, and went on reading
 */

static void
ngx_http_webhook_upstream_end(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL
        || u->cleanup == NULL
        || !u->header_sent
        || u->cacheable
        || u->store
        || r->blocked
        || r->filter_finalize)
    {
        return;
    }

    /* it gives up a reference to the request */

    r->count++;

    (*u->cleanup)(r);

    ngx_http_finalize_request(r, NGX_OK);
}


/*
 * A client that has closed its half of the connection still waits for the
 * response.  nginx ends such requests while writing; it sets that handler
 * only after the filters have returned.
 */

static void
ngx_http_webhook_block_handler(ngx_event_t *ev)
{
    ngx_http_request_t      *r;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ev->data;
    r = ctx->request;

    if (r->http_version < NGX_HTTP_VERSION_20
        && r->read_event_handler == ngx_http_test_reading)
    {
        r->read_event_handler = ngx_http_block_reading;
        ctx->blocked = 1;
    }
}


void
ngx_http_webhook_hold_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_webhook_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_webhook_body_filter;
}
