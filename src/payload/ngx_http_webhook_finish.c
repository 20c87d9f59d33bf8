
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From a record to the request of one attempt: secrets and what changes from
 * attempt to attempt are filled in here, and are never stored.
 */


#include "ngx_http_webhook_payload.h"
#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_id.h"


typedef struct {
    ngx_http_webhook_endpoint_t  *ep;
    wh_str_t                      record;
    wh_str_t                      event;
    wh_str_t                      id;
    wh_str_t                      type;
    wh_str_t                      body;
    wh_str_t                      trace;
    wh_buf_t                      head;
    char                         *reason;    /* NULL: none */
} ngx_http_webhook_finish_ctx_t;


static ngx_int_t ngx_http_webhook_finish_read(
    ngx_http_webhook_finish_ctx_t *ctx);
static void ngx_http_webhook_finish_head(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v);
static void ngx_http_webhook_finish_trace(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v);
static void ngx_http_webhook_finish_recorded(
    ngx_http_webhook_finish_ctx_t *ctx);
static void ngx_http_webhook_finish_configured(
    ngx_http_webhook_finish_ctx_t *ctx);
static void ngx_http_webhook_finish_own(ngx_http_webhook_finish_ctx_t *ctx,
    char *name, const char *value, size_t len);
static void ngx_http_webhook_finish_header(ngx_http_webhook_finish_ctx_t *ctx,
    wh_str_t *name, wh_str_t *prefix, wh_str_t *value);
static ngx_uint_t ngx_http_webhook_finish_is_framing(wh_str_t *name);
static ngx_uint_t ngx_http_webhook_finish_is_configured(
    ngx_http_webhook_endpoint_t *ep, wh_str_t *name);
static ngx_uint_t ngx_http_webhook_finish_is_recorded(wh_str_t record,
    wh_str_t *name);
static ngx_int_t ngx_http_webhook_finish_next(wh_str_t record, size_t *pos,
    wh_str_t *name, wh_str_t *value);
static ngx_uint_t ngx_http_webhook_finish_equal(wh_str_t *name, size_t len,
    const char *data);


/* what the module alone says, as the exchange would break otherwise */

static ngx_str_t  ngx_http_webhook_framing[] = {
    ngx_string("Host"),
    ngx_string("Content-Length"),
    ngx_string("Transfer-Encoding"),
    ngx_string("Connection"),
    ngx_null_string
};


ngx_int_t
ngx_http_webhook_payload_finish(ngx_pool_t *pool,
    ngx_http_webhook_endpoint_t *ep, wh_str_t record,
    ngx_http_webhook_attempt_values_t *v, ngx_chain_t **out, char **reason)
{
    ngx_buf_t                      *b;
    ngx_chain_t                    *cl, **ll;
    ngx_http_webhook_finish_ctx_t   ctx;

    ngx_memzero(&ctx, sizeof(ngx_http_webhook_finish_ctx_t));

    ctx.ep = ep;
    ctx.record = record;
    ctx.head.max = NGX_HTTP_WEBHOOK_MAX_HEAD;
    ctx.head.grow = ngx_http_webhook_payload_grow;
    ctx.head.ctx = pool;

    if (ngx_http_webhook_finish_read(&ctx) != NGX_OK) {
        *reason = ctx.reason;
        return NGX_DECLINED;
    }

    ngx_http_webhook_finish_head(&ctx, v);

    if (ctx.head.err == WH_NOMEM) {
        return NGX_ERROR;
    }

    if (ctx.head.err) {
        ctx.reason = "request head is too large";
    }

    if (ctx.reason) {
        *reason = ctx.reason;
        return NGX_DECLINED;
    }

    ll = out;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) ctx.head.data;
    b->last = b->pos + ctx.head.len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;

    cl->buf = b;
    *ll = cl;
    ll = &cl->next;

    if (ctx.body.len) {
        b = ngx_calloc_buf(pool);
        cl = ngx_alloc_chain_link(pool);

        if (b == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        b->pos = (u_char *) ctx.body.data;
        b->last = b->pos + ctx.body.len;
        b->start = b->pos;
        b->end = b->last;
        b->memory = 1;

        cl->buf = b;
        *ll = cl;
        ll = &cl->next;
    }

    b->flush = 1;
    *ll = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_finish_read(ngx_http_webhook_finish_ctx_t *ctx)
{
    int        rc;
    size_t     pos;
    unsigned   type;
    wh_str_t   value, *field;

    pos = 0;

    for ( ;; ) {
        rc = wh_delivery_next(ctx->record, &pos, &type, &value);

        if (rc == WH_AGAIN) {
            break;
        }

        if (rc != WH_OK) {
            ctx->reason = "record is damaged or of another version";
            return NGX_DECLINED;
        }

        switch (type) {

        case WH_FIELD_EVENT:
            field = &ctx->event;
            break;

        case WH_FIELD_ID:
            field = &ctx->id;
            break;

        case WH_FIELD_CONTENT_TYPE:
            field = &ctx->type;
            break;

        case WH_FIELD_BODY:
            field = &ctx->body;
            break;

        case WH_FIELD_TRACE:
            field = &ctx->trace;
            break;

        default:
            continue;
        }

        if (field->data) {
            ctx->reason = "record has a field twice";
            return NGX_DECLINED;
        }

        *field = value;
    }

    if (ctx->event.len == 0 || ctx->id.len == 0 || ctx->body.data == NULL) {
        ctx->reason = "record has no event, id or body";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_webhook_finish_head(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    u_char                       *p, number[NGX_INT64_LEN];
    wh_buf_t                     *b;
    wh_str_t                      name, value, none;
    ngx_http_webhook_endpoint_t  *ep;

    b = &ctx->head;
    ep = ctx->ep;

    none.len = 0;
    none.data = NULL;

    (void) wh_buf_put(b, (char *) ep->method.data, ep->method.len);
    (void) wh_buf_putc(b, ' ');
    (void) wh_buf_put(b, (char *) ep->target.data, ep->target.len);
    (void) wh_buf_put(b, " HTTP/1.1" CRLF, sizeof(" HTTP/1.1" CRLF) - 1);

    name.len = sizeof("Host") - 1;
    name.data = "Host";
    value.len = ep->host.len;
    value.data = (char *) ep->host.data;

    ngx_http_webhook_finish_header(ctx, &name, &none, &value);

    ngx_http_webhook_finish_own(ctx, "User-Agent", "ngx_http_webhook_module/"
                                NGX_HTTP_WEBHOOK_VERSION,
                                sizeof("ngx_http_webhook_module/"
                                       NGX_HTTP_WEBHOOK_VERSION) - 1);

    if (ep->method.len == 3 && ngx_memcmp(ep->method.data, "GET", 3) == 0) {
        ctx->body.len = 0;

    } else {
        if (ctx->type.len) {
            ngx_http_webhook_finish_own(ctx, "Content-Type", ctx->type.data,
                                        ctx->type.len);
        }

        p = ngx_sprintf(number, "%uz", ctx->body.len);

        name.len = sizeof("Content-Length") - 1;
        name.data = "Content-Length";
        value.len = p - number;
        value.data = (char *) number;

        ngx_http_webhook_finish_header(ctx, &name, &none, &value);
    }

    if (ep->event_headers) {
        p = ngx_sprintf(number, "%uL", v->time / 1000);

        ngx_http_webhook_finish_own(ctx, "webhook-id", ctx->id.data,
                                    ctx->id.len);
        ngx_http_webhook_finish_own(ctx, "webhook-timestamp", (char *) number,
                                    p - number);
        ngx_http_webhook_finish_own(ctx, "webhook-event", ctx->event.data,
                                    ctx->event.len);
        ngx_http_webhook_finish_trace(ctx, v);
    }

    ngx_http_webhook_finish_recorded(ctx);
    ngx_http_webhook_finish_configured(ctx);

    (void) wh_buf_put(b, CRLF, 2);
}


static void
ngx_http_webhook_finish_trace(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    char  id[32], flags[2], text[55];

    if (ctx->trace.len == 0
        || wh_traceparent_parse(ctx->trace, id, flags) != WH_OK)
    {
        return;
    }

    wh_traceparent_format(text, id, v->span, flags);

    ngx_http_webhook_finish_own(ctx, "traceparent", text, sizeof(text));
}


static void
ngx_http_webhook_finish_recorded(ngx_http_webhook_finish_ctx_t *ctx)
{
    size_t     pos;
    wh_str_t   name, value, none;
    ngx_int_t  rc;

    none.len = 0;
    none.data = NULL;
    pos = 0;

    for ( ;; ) {
        rc = ngx_http_webhook_finish_next(ctx->record, &pos, &name, &value);

        if (rc == NGX_DONE) {
            return;
        }

        if (rc != NGX_OK || ngx_http_webhook_finish_is_framing(&name)) {
            ctx->reason = "record has an invalid header";
            return;
        }

        /* what is configured without variables is the newest */

        if (ngx_http_webhook_finish_is_configured(ctx->ep, &name)) {
            continue;
        }

        ngx_http_webhook_finish_header(ctx, &name, &none, &value);
    }
}


static void
ngx_http_webhook_finish_configured(ngx_http_webhook_finish_ctx_t *ctx)
{
    wh_str_t                    name, prefix, value;
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ctx->ep->headers.elts;

    for (i = 0; i < ctx->ep->headers.nelts; i++) {

        if (h[i].cv) {
            continue;
        }

        name.len = h[i].name.len;
        name.data = (char *) h[i].name.data;

        if (ngx_http_webhook_finish_is_framing(&name)) {
            ctx->reason = "endpoint has a header that cannot be set";
            return;
        }

        prefix.len = h[i].prefix.len;
        prefix.data = (char *) h[i].prefix.data;
        value.len = h[i].literal.len;
        value.data = (char *) h[i].literal.data;

        ngx_http_webhook_finish_header(ctx, &name, &prefix, &value);
    }
}


/* unless the endpoint has that header itself */

static void
ngx_http_webhook_finish_own(ngx_http_webhook_finish_ctx_t *ctx, char *name,
    const char *value, size_t len)
{
    wh_str_t  n, v, none;

    n.len = ngx_strlen(name);
    n.data = name;
    v.len = len;
    v.data = value;
    none.len = 0;
    none.data = NULL;

    if (ngx_http_webhook_finish_is_configured(ctx->ep, &n)
        || ngx_http_webhook_finish_is_recorded(ctx->record, &n))
    {
        return;
    }

    ngx_http_webhook_finish_header(ctx, &n, &none, &v);
}


/* the only way into the head for whatever was not compiled in */

static void
ngx_http_webhook_finish_header(ngx_http_webhook_finish_ctx_t *ctx,
    wh_str_t *name, wh_str_t *prefix, wh_str_t *value)
{
    wh_buf_t  *b;

    if (!wh_header_name_ok(name->data, name->len)
        || !wh_header_value_ok(prefix->data, prefix->len)
        || !wh_header_value_ok(value->data, value->len))
    {
        ctx->reason = "a header is not valid";
        return;
    }

    b = &ctx->head;

    (void) wh_buf_put(b, name->data, name->len);
    (void) wh_buf_put(b, ": ", 2);
    (void) wh_buf_put(b, prefix->data, prefix->len);
    (void) wh_buf_put(b, value->data, value->len);
    (void) wh_buf_put(b, CRLF, 2);
}


static ngx_uint_t
ngx_http_webhook_finish_is_framing(wh_str_t *name)
{
    ngx_str_t  *f;

    for (f = ngx_http_webhook_framing; f->len; f++) {
        if (ngx_http_webhook_finish_equal(name, f->len, (char *) f->data)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_webhook_finish_is_configured(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *name)
{
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (h[i].cv == NULL
            && ngx_http_webhook_finish_equal(name, h[i].name.len,
                                             (char *) h[i].name.data))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_webhook_finish_is_recorded(wh_str_t record, wh_str_t *name)
{
    size_t    pos;
    wh_str_t  n, value;

    pos = 0;

    while (ngx_http_webhook_finish_next(record, &pos, &n, &value) == NGX_OK) {
        if (ngx_http_webhook_finish_equal(name, n.len, n.data)) {
            return 1;
        }
    }

    return 0;
}


/* the record's next header; NGX_DONE: no more; NGX_ERROR: not a header */

static ngx_int_t
ngx_http_webhook_finish_next(wh_str_t record, size_t *pos, wh_str_t *name,
    wh_str_t *value)
{
    wh_str_t     field;
    unsigned     type;
    const char  *colon;

    do {
        if (wh_delivery_next(record, pos, &type, &field) != WH_OK) {
            return NGX_DONE;
        }

    } while (type != WH_FIELD_HEADER);

    colon = memchr(field.data, ':', field.len);
    if (colon == NULL) {
        return NGX_ERROR;
    }

    name->data = field.data;
    name->len = colon - field.data;
    value->data = colon + 1;
    value->len = field.len - name->len - 1;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_webhook_finish_equal(wh_str_t *name, size_t len, const char *data)
{
    return name->len == len
           && ngx_strncasecmp((u_char *) name->data, (u_char *) data, len)
              == 0;
}
