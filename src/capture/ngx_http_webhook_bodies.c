
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The bodies of a request and its response on their way past.
 */


#include "ngx_http_webhook_batch.h"


static ngx_int_t ngx_http_webhook_request_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_webhook_bodies_feed(ngx_http_webhook_body_t *body,
    ngx_buf_t *b);
static ngx_http_webhook_body_t *ngx_http_webhook_bodies_begin(
    ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx, ngx_uint_t source);
static ngx_int_t ngx_http_webhook_bodies_form(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_body_t *body);
static ngx_uint_t ngx_http_webhook_bodies_needed(ngx_http_webhook_ctx_t *ctx);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


static ngx_int_t
ngx_http_webhook_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (ngx_http_webhook_is_bare(r)) {
        return ngx_http_next_request_body_filter(r, in);
    }

    return ngx_http_webhook_request_body(r, in);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_request_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_webhook_ctx_t  *ctx;

    /* what was seen before does not come again, "in" is newly read */

    if (in && r == r->main) {
        ctx = ngx_http_webhook_ctx(r);

        if (ctx) {
            ngx_http_webhook_bodies_parse(r, ctx, in);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


void
ngx_http_webhook_bodies_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t              *cl;
    ngx_http_webhook_body_t  *body;

    if (ctx->received) {
        return;
    }

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_size(cl->buf) && body == NULL
            && (ngx_http_webhook_bodies_needed(ctx)
                & (1 << NGX_HTTP_WEBHOOK_REQUEST)))
        {
            body = ngx_http_webhook_bodies_begin(r, ctx,
                                                NGX_HTTP_WEBHOOK_REQUEST);
        }

        if (body) {
            ngx_http_webhook_bodies_feed(body, cl->buf);
        }

        if (cl->buf->last_buf) {
            ngx_http_webhook_bodies_received(r, ctx);
            return;
        }
    }
}


/* the last octet of the request was read */

void
ngx_http_webhook_bodies_received(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t  *body;

    ctx->received = 1;

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    if (body) {
        ngx_http_webhook_body_end(body);
    }

    ngx_http_webhook_commit_request(r, ctx);
}


ngx_uint_t
ngx_http_webhook_bodies_wanted(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    /* a part of something is nothing to read values from */

    return (ctx->conf->capture
            || !ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided)
           && ctx->status != NGX_HTTP_PARTIAL_CONTENT
           && (ngx_http_webhook_bodies_needed(ctx)
               & (1 << NGX_HTTP_WEBHOOK_RESPONSE));
}


void
ngx_http_webhook_bodies_again(ngx_http_webhook_ctx_t *ctx)
{
    if (ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE]) {
        ngx_http_webhook_body_destroy(ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE]);
        ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE] = NULL;
    }
}


void
ngx_http_webhook_bodies_response(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in, ngx_uint_t last)
{
    ngx_chain_t              *cl;
    ngx_http_webhook_body_t  *body;

    body = ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE];

    if (body == NULL) {
        body = ngx_http_webhook_bodies_begin(r, ctx,
                                            NGX_HTTP_WEBHOOK_RESPONSE);
        if (body == NULL) {
            return;
        }
    }

    for (cl = in; cl; cl = cl->next) {
        ngx_http_webhook_bodies_feed(body, cl->buf);
    }

    if (last) {

        if (r->headers_out.content_length_n != -1
            && ctx->sent < r->headers_out.content_length_n)
        {
            /* the rest is somebody else's, as of a slice */
            ngx_http_webhook_body_cut(body);
            return;
        }

        ngx_http_webhook_body_end(body);
    }
}


static void
ngx_http_webhook_bodies_feed(ngx_http_webhook_body_t *body, ngx_buf_t *b)
{
    if (ngx_buf_size(b) == 0) {
        return;
    }

    if (!ngx_buf_in_memory(b)) {
        ngx_http_webhook_body_cut(body);
        return;
    }

    ngx_http_webhook_body_feed(body, b->pos, b->last - b->pos);
}


static ngx_http_webhook_body_t *
ngx_http_webhook_bodies_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source)
{
    ngx_int_t                      valid;
    ngx_str_t                      encoding;
    ngx_http_webhook_body_t       *body;
    ngx_http_webhook_capturer_t   *cap;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    cap = ngx_http_webhook_capturer(wmcf);
    body = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_body_t));

    if (cap == NULL || body == NULL) {
        return NULL;
    }

    valid = NGX_OK;

    if (ngx_http_webhook_bodies_encoding(r, ctx, source, &encoding) > 1) {
        body->coding = NGX_HTTP_WEBHOOK_UNKNOWN;

    } else {
        body->coding = ngx_http_webhook_body_coding(&encoding);
    }

    if (ctx->conf->values) {
        body->pointers = ctx->conf->values->pointers[source];
    }

    body->max_size = ctx->conf->max_body_size;
    body->max_value = wmcf->max_event_size;
    body->account = &cap->account;
    body->log = r->connection->log;
    body->handler = ngx_http_webhook_examined;
    body->data = ctx;

    if (ngx_http_webhook_bodies_kept(ctx) & (1 << source)) {
        body->max_raw = wmcf->max_event_size;
    }

    if (source == NGX_HTTP_WEBHOOK_REQUEST) {
        valid = ngx_http_webhook_bodies_form(r, ctx, body);
    }

    if (ctx->conf->accept) {
        /* its elements are parsed one by one */
        body->pointers = NULL;
        body->max_raw = body->max_size;
        body->decoded = 1;
    }

    ngx_http_webhook_body_begin(body);

    if (valid != NGX_OK) {
        /* a form, but nobody could tell its fields */
        body->state = NGX_HTTP_WEBHOOK_BODY_INVALID;
    }

    ctx->bodies[source] = body;

    return body;
}


static ngx_int_t
ngx_http_webhook_bodies_form(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_body_t *body)
{
    wh_str_t  type;

    if (ctx->conf->values == NULL
        || ctx->conf->values->nfields == 0
        || ctx->conf->accept
        || r->headers_in.content_type == NULL)
    {
        return NGX_OK;
    }

    body->fields = ctx->conf->values->fields;
    body->nfields = ctx->conf->values->nfields;

    type.len = r->headers_in.content_type->value.len;
    type.data = (char *) r->headers_in.content_type->value.data;

    if (wh_form_type(type, &body->form, &body->boundary) == WH_OK) {
        return NGX_OK;
    }

    body->form = WH_FORM_OTHER;
    body->pointers = NULL;

    return NGX_DECLINED;
}


/* the bodies that triggers, or payloads, need; as bits */

static ngx_uint_t
ngx_http_webhook_bodies_needed(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                    i, bodies, possible;
    ngx_http_webhook_values_t    *values;
    ngx_http_webhook_trigger_t   *t;

    bodies = 0;
    values = ctx->conf->values;

    if (ctx->conf->accept) {
        return 1 << NGX_HTTP_WEBHOOK_REQUEST;
    }

    if (values) {

        if (values->pointers[NGX_HTTP_WEBHOOK_REQUEST] || values->nfields) {
            bodies |= 1 << NGX_HTTP_WEBHOOK_REQUEST;
        }

        if (values->pointers[NGX_HTTP_WEBHOOK_RESPONSE]) {
            bodies |= 1 << NGX_HTTP_WEBHOOK_RESPONSE;
        }
    }

    possible = (values && ctx->conf->capture);

    for (i = 0; i < ctx->nfired; i++) {
        t = ctx->fired[i]->trigger;

        if (ctx->fired[i]->result == NGX_HTTP_WEBHOOK_UNDECIDED
            && (t->methods == 0 || (t->methods & ctx->method))
            && (ctx->status == 0
                || t->on == NGX_HTTP_WEBHOOK_ON_REQUEST
                || ngx_http_webhook_statuses_has(&t->status, ctx->status)))
        {
            bodies |= t->bodies;
            possible = 1;
        }
    }

    return possible ? bodies : 0;
}


ngx_uint_t
ngx_http_webhook_bodies_kept(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i, bodies;

    bodies = 0;

    for (i = 0; i < ctx->nfired; i++) {
        bodies |= ctx->fired[i]->trigger->bodies;
    }

    return bodies;
}


ngx_uint_t
ngx_http_webhook_bodies_encoding(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source, ngx_str_t *encoding)
{
    static ngx_str_t  name = ngx_string("Content-Encoding");

    if (source == NGX_HTTP_WEBHOOK_RESPONSE) {
        *encoding = ctx->encoding;
        return 1;
    }

    return ngx_http_webhook_header_find(r, &name, encoding);
}


ngx_uint_t
ngx_http_webhook_bodies_busy(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on)
{
    ngx_uint_t                i, n;
    ngx_http_webhook_body_t  *body;

    n = (on == NGX_HTTP_WEBHOOK_ON_REQUEST) ? 1 : 2;

    for (i = 0; i < n; i++) {
        body = ctx->bodies[i];

        if (body && ngx_http_webhook_body_busy(body)) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_webhook_bodies_rush(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {
        if (ctx->bodies[i]) {
            ngx_http_webhook_body_rush(ctx->bodies[i]);
        }
    }
}


void
ngx_http_webhook_bodies_cut(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i;

    ngx_http_webhook_bodies_rush(ctx);

    for (i = 0; i < 2; i++) {
        if (ctx->bodies[i]) {
            ngx_http_webhook_body_cut(ctx->bodies[i]);
        }
    }
}


ngx_uint_t
ngx_http_webhook_bodies_starved(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on)
{
    ngx_uint_t  i, n;

    n = (on == NGX_HTTP_WEBHOOK_ON_REQUEST) ? 1 : 2;

    for (i = 0; i < n; i++) {
        if (ctx->bodies[i] && ctx->bodies[i]->starved) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_webhook_bodies_init(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_webhook_request_body_filter;
}
