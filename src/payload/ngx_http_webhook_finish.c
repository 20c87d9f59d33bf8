
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From a record to the request of one attempt: secrets and what changes from
 * attempt to attempt are filled in here, and are never stored.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_holes.h"
#include "ngx_http_webhook_mark.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_url.h"
#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_id.h"


typedef struct {
    ngx_http_webhook_endpoint_t  *ep;
    ngx_http_webhook_head_t      *head;
    wh_str_t                      record;
    wh_str_t                      event;
    wh_str_t                      id;
    wh_str_t                      type;
    wh_str_t                      encoding;
    wh_str_t                      body;
    wh_str_t                      holes;     /* of the body */
    wh_str_t                      form;      /* that the body is one */
    wh_str_t                      object;    /* likewise */
    wh_str_t                      trace;
    wh_str_t                      hops;
    wh_str_t                      url;       /* of the record */
    wh_str_t                      url_holes;
    wh_url_t                      target;    /* https, authority and target */
    ngx_uint_t                    nheaders;  /* in the record */
    ngx_uint_t                    nqueries;  /* likewise */
    ngx_uint_t                    given;     /* own ones given, bits */
    ngx_uint_t                    query;     /* the form is in the URL */
    size_t                        line;      /* to the end of the URL */
    wh_buf_t                      buf;
    char                         *reason;    /* NULL: none */
} ngx_http_webhook_finish_ctx_t;


static ngx_int_t ngx_http_webhook_finish_read(
    ngx_http_webhook_finish_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_finish_url(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static ngx_int_t ngx_http_webhook_finish_split(wh_str_t *field,
    wh_str_t *name, wh_str_t *value);
static ngx_int_t ngx_http_webhook_finish_head(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static void ngx_http_webhook_finish_query(ngx_http_webhook_finish_ctx_t *ctx,
    const char *p, size_t len, char *reason);
static ngx_int_t ngx_http_webhook_finish_keys(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static ngx_uint_t ngx_http_webhook_finish_in_url(wh_str_t *field);
static ngx_int_t ngx_http_webhook_finish_mark(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static void ngx_http_webhook_finish_trace(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v);
static ngx_int_t ngx_http_webhook_finish_recorded(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static ngx_int_t ngx_http_webhook_finish_sign(
    ngx_http_webhook_finish_ctx_t *ctx, ngx_http_webhook_attempt_values_t *v);
static void ngx_http_webhook_finish_own(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_own_e own, const char *value, size_t len);
static ngx_uint_t ngx_http_webhook_finish_is_configured(
    ngx_http_webhook_endpoint_t *ep, wh_str_t *name);


ngx_int_t
ngx_http_webhook_payload_finish(ngx_pool_t *pool,
    ngx_http_webhook_endpoint_t *ep, wh_str_t record,
    ngx_http_webhook_attempt_values_t *v, ngx_chain_t **out, ngx_str_t *url,
    char **reason)
{
    ngx_buf_t                      *b;
    ngx_int_t                       rc;
    ngx_chain_t                    *cl, **ll;
    ngx_http_webhook_finish_ctx_t   ctx;

    ngx_memzero(&ctx, sizeof(ngx_http_webhook_finish_ctx_t));

    ctx.ep = ep;
    ctx.record = record;
    ctx.buf.max = NGX_HTTP_WEBHOOK_MAX_HEAD;
    ctx.buf.grow = ngx_http_webhook_payload_grow;
    ctx.buf.ctx = pool;

    ctx.head = ngx_http_webhook_head(ep);
    if (ctx.head == NULL) {
        return NGX_ERROR;
    }

    if (ctx.head->reason) {
        *reason = ctx.head->reason;
        return NGX_DECLINED;
    }

    ctx.given = ctx.head->given;

    rc = ngx_http_webhook_finish_read(&ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_finish_url(&ctx, v);
    }

    if (rc != NGX_OK) {
        *reason = ctx.reason;
        return rc;
    }

    ngx_str_null(url);

    if (ep->host.len == 0) {
        url->len = ctx.url.len;
        url->data = (u_char *) ctx.url.data;
    }

    rc = ngx_http_webhook_holes_body(pool, ep, &ctx.body, ctx.holes,
               ctx.form.data ? NGX_HTTP_WEBHOOK_BODY_FORM
               : ctx.object.data ? NGX_HTTP_WEBHOOK_BODY_OBJECT
                                 : NGX_HTTP_WEBHOOK_BODY_OTHER, v, reason);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_webhook_finish_head(&ctx, v) != NGX_OK
        || ctx.buf.err == WH_NOMEM)
    {
        return NGX_ERROR;
    }

    if (ctx.buf.err) {
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

    b->pos = (u_char *) ctx.buf.data;
    b->last = b->pos + ctx.buf.len;
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
    wh_str_t   name, value, header, holes, *field;

    pos = 0;

    for ( ;; ) {
        rc = wh_holes_field(ctx->record, &pos, &type, &value, &holes);

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

        case WH_FIELD_ENCODING:
            field = &ctx->encoding;
            break;

        case WH_FIELD_BODY:
            field = &ctx->body;
            ctx->holes = holes;
            break;

        case WH_FIELD_FORM:
            field = &ctx->form;
            break;

        case WH_FIELD_OBJECT:
            field = &ctx->object;
            break;

        case WH_FIELD_TRACE:
            field = &ctx->trace;
            break;

        case WH_FIELD_HOPS:
            field = &ctx->hops;
            break;

        case WH_FIELD_URL:
            field = &ctx->url;
            ctx->url_holes = holes;
            break;

        case WH_FIELD_HEADER:

            if (ngx_http_webhook_finish_split(&value, &name, &header)
                != NGX_OK
                || ngx_http_webhook_head_is_framing(&name))
            {
                ctx->reason = "record has an invalid header";
                return NGX_DECLINED;
            }

            ctx->given |= ngx_http_webhook_head_own(&name);
            ctx->nheaders++;
            continue;

        case WH_FIELD_QUERY:
            ctx->nqueries++;
            continue;

        case WH_FIELD_HOLES:
            ctx->reason = "record has holes of nothing";
            return NGX_DECLINED;

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

    if (ctx->hops.data && ctx->hops.len != 1) {
        ctx->reason = "record has an invalid number of hops";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_finish_url(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    ngx_int_t  rc;

    rc = ngx_http_webhook_holes_text(ctx->buf.ctx, &ctx->url, ctx->url_holes,
                                     v, &ctx->reason);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_webhook_url_get(ctx->ep, &ctx->url, &ctx->target,
                                    &ctx->reason);
}


static ngx_int_t
ngx_http_webhook_finish_split(wh_str_t *field, wh_str_t *name,
    wh_str_t *value)
{
    const char  *colon;

    colon = memchr(field->data, ':', field->len);
    if (colon == NULL) {
        return NGX_DECLINED;
    }

    name->data = field->data;
    name->len = colon - field->data;
    value->data = colon + 1;
    value->len = field->len - name->len - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_finish_head(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    wh_buf_t                     *b;
    ngx_http_webhook_head_t      *head;
    ngx_http_webhook_endpoint_t  *ep;

    b = &ctx->buf;
    ep = ctx->ep;
    head = ctx->head;

    if (ctx->url.data) {
        (void) wh_buf_put(b, head->method.data, head->method.len);
        (void) wh_buf_put(b, ctx->target.target.data, ctx->target.target.len);

    } else {
        (void) wh_buf_put(b, head->target.data, head->target.len);
    }

    if (ctx->form.data && ngx_http_webhook_head_is_get(ep)) {
        ngx_http_webhook_finish_query(ctx, ctx->body.data, ctx->body.len,
                                  "the URL is too long with the form in it");
        ctx->query = 1;
    }

    if (ngx_http_webhook_finish_keys(ctx, v) == NGX_ERROR) {
        return NGX_ERROR;
    }

    ctx->line = b->len;

    if (ctx->url.data) {
        (void) wh_buf_put_literal(b, " HTTP/1.1" CRLF "Host: ");
        (void) wh_buf_put(b, ctx->target.authority.data,
                          ctx->target.authority.len);
        (void) wh_buf_put_literal(b, CRLF);

    } else {
        (void) wh_buf_put(b, head->start.data, head->start.len);
    }

    if (!(ctx->given & 1 << NGX_HTTP_WEBHOOK_OWN_AGENT)) {
        (void) wh_buf_put(b, head->agent.data, head->agent.len);
    }

    if (ngx_http_webhook_head_is_get(ep)) {
        ctx->body.len = 0;

    } else if (ctx->body.len || !ngx_http_webhook_head_is_delete(ep)) {

        if (ctx->type.len) {
            ngx_http_webhook_finish_own(ctx, NGX_HTTP_WEBHOOK_OWN_TYPE,
                                        ctx->type.data, ctx->type.len);
        }

        if (ctx->encoding.len) {
            ngx_http_webhook_finish_own(ctx, NGX_HTTP_WEBHOOK_OWN_ENCODING,
                                        ctx->encoding.data,
                                        ctx->encoding.len);
        }

        (void) wh_buf_put_literal(b, "Content-Length: ");
        (void) wh_buf_put_number(b, ctx->body.len);
        (void) wh_buf_put_literal(b, CRLF);
    }

    if (ep->event_headers || (ep->sign && ep->sign->standard)) {
        ngx_http_webhook_finish_own(ctx, NGX_HTTP_WEBHOOK_OWN_ID,
                                    ctx->id.data, ctx->id.len);

        if (!(ctx->given & 1 << NGX_HTTP_WEBHOOK_OWN_TIMESTAMP)) {
            (void) wh_buf_put_literal(b, "webhook-timestamp: ");
            (void) wh_buf_put_number(b, v->time / 1000);
            (void) wh_buf_put_literal(b, CRLF);
        }
    }

    if (ep->event_headers) {
        ngx_http_webhook_finish_own(ctx, NGX_HTTP_WEBHOOK_OWN_EVENT,
                                    ctx->event.data, ctx->event.len);
        ngx_http_webhook_finish_trace(ctx, v);
    }

    if (b->err == WH_OK && ngx_http_webhook_finish_mark(ctx, v) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_finish_recorded(ctx, v) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) wh_buf_put(b, head->end.data, head->end.len);

    /* of all that is before it, so this is the last */

    if (ep->sign && b->err == WH_OK && ctx->reason == NULL
        && ngx_http_webhook_finish_sign(ctx, v) != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) wh_buf_put_literal(b, CRLF);

    return NGX_OK;
}


/*
 * Without it a delivery back to this nginx would cause an event, whatever
 * webhook_max_hops says, so "event_headers off" does not leave it out.
 */

static ngx_int_t
ngx_http_webhook_finish_mark(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    u_char                   *p;
    u_char                    line[NGX_HTTP_WEBHOOK_MARK_LINE];
    ngx_int_t                 rc;
    ngx_uint_t                hops, usual;
    ngx_http_webhook_head_t  *head;
    ngx_http_webhook_mark_t   mark;

    head = ctx->head;
    hops = ctx->hops.len ? (u_char) ctx->hops.data[0] : 0;

    /* within a second most are the same */

    usual = (hops == 0 && !ctx->query && ctx->url.data == NULL);

    if (usual && head->mark_len && head->mark_time == v->time / 1000) {
        (void) wh_buf_put(&ctx->buf, (char *) head->mark, head->mark_len);
        return NGX_OK;
    }

    p = ngx_cpymem(line, NGX_HTTP_WEBHOOK_MARK_NAME ": ",
                   sizeof(NGX_HTTP_WEBHOOK_MARK_NAME ": ") - 1);

    mark.stamp.data = p;

    p = ngx_sprintf(p, "%ui.%uL", hops + 1, v->time / 1000);

    mark.stamp.len = p - mark.stamp.data;
    mark.method = ctx->ep->method;
    mark.host.len = ctx->target.authority.len;
    mark.host.data = (u_char *) ctx->target.authority.data;
    mark.uri.data = (u_char *) ctx->buf.data + ctx->ep->method.len + 1;
    mark.uri.len = ctx->line - ctx->ep->method.len - 1;

    *p++ = '.';

    rc = ngx_http_webhook_mark_mac(ctx->ep->main, &mark, p);

    if (rc == NGX_ABORT) {
        ctx->reason = "it cannot be signed";
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : NGX_ERROR;
    }

    p += NGX_HTTP_WEBHOOK_MARK_MAC;
    *p++ = CR; *p++ = LF;

    (void) wh_buf_put(&ctx->buf, (char *) line, p - line);

    if (usual) {
        ngx_memcpy(head->mark, line, p - line);
        head->mark_len = p - line;
        head->mark_time = v->time / 1000;
    }

    return NGX_OK;
}


/*
 * Adds to the query of the URL, which is what is there so far.  The endpoint
 * may have been another one when the event was committed.
 */

static void
ngx_http_webhook_finish_query(ngx_http_webhook_finish_ctx_t *ctx,
    const char *p, size_t len, char *reason)
{
    char      *target;
    size_t     n;
    wh_buf_t  *b;

    b = &ctx->buf;

    if (len == 0 || b->err) {
        return;
    }

    target = b->data + ctx->ep->method.len + 1;
    n = b->len - ctx->ep->method.len - 1;

    if (n + 1 > NGX_HTTP_WEBHOOK_MAX_TARGET
        || len > NGX_HTTP_WEBHOOK_MAX_TARGET - n - 1)
    {
        ctx->reason = reason;
        return;
    }

    if (memchr(target, '?', n) == NULL) {
        (void) wh_buf_putc(b, '?');

    } else if (target[n - 1] != '?' && target[n - 1] != '&') {
        (void) wh_buf_putc(b, '&');
    }

    (void) wh_buf_put(b, p, len);
}


/* those with variables are of the record */

static ngx_int_t
ngx_http_webhook_finish_keys(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    char       *reason;
    size_t      pos;
    unsigned    type;
    wh_str_t    field, holes;
    ngx_int_t   rc;

    reason = "the URL is too long with the API key in it";
    pos = 0;

    while (ctx->nqueries
           && wh_holes_field(ctx->record, &pos, &type, &field, &holes)
              == WH_OK)
    {
        if (type != WH_FIELD_QUERY) {
            continue;
        }

        rc = ngx_http_webhook_holes_text(ctx->buf.ctx, &field, holes, v,
                                         &ctx->reason);
        if (rc != NGX_OK) {
            return rc;
        }

        if (!ngx_http_webhook_finish_in_url(&field)) {
            ctx->reason = "record has an invalid query";
            return NGX_DECLINED;
        }

        ngx_http_webhook_finish_query(ctx, field.data, field.len, reason);
        ctx->query = 1;
    }

    ngx_http_webhook_finish_query(ctx, (char *) ctx->ep->key_query.data,
                                  ctx->ep->key_query.len, reason);

    return NGX_OK;
}


/* a damaged one must not end the request line */

static ngx_uint_t
ngx_http_webhook_finish_in_url(wh_str_t *field)
{
    size_t  i;

    for (i = 0; i < field->len; i++) {

        if (field->data[i] <= ' ' || field->data[i] >= 0x7f
            || field->data[i] == '#')
        {
            return 0;
        }
    }

    return 1;
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

    ngx_http_webhook_finish_own(ctx, NGX_HTTP_WEBHOOK_OWN_TRACE, text,
                                sizeof(text));
}


static ngx_int_t
ngx_http_webhook_finish_recorded(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    size_t      pos;
    unsigned    type;
    wh_str_t    field, holes, name, value, none;
    ngx_int_t   rc;

    if (ctx->nheaders == 0) {
        return NGX_OK;
    }

    none.len = 0;
    none.data = NULL;
    pos = 0;

    while (wh_holes_field(ctx->record, &pos, &type, &field, &holes) == WH_OK) {

        if (type != WH_FIELD_HEADER) {
            continue;
        }

        /* no more than the value has holes: the name was looked at */

        rc = ngx_http_webhook_finish_split(&field, &name, &value);

        if (rc == NGX_OK) {
            rc = ngx_http_webhook_holes_text(ctx->buf.ctx, &value, holes, v,
                                             &ctx->reason);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /* what is configured without variables is the newest */

        if (rc != NGX_OK
            || ngx_http_webhook_finish_is_configured(ctx->ep, &name)
            || ngx_http_webhook_sign_makes(ctx->ep, &name))
        {
            continue;
        }

        if (ngx_http_webhook_head_put(&ctx->buf, &name, &none, &value)
            != NGX_OK)
        {
            ctx->reason = "a header is not valid";
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_finish_sign(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_attempt_values_t *v)
{
    ngx_int_t          rc;
    wh_sign_request_t  r;

    ngx_memzero(&r, sizeof(wh_sign_request_t));

    r.body = ctx->body;
    r.id = ctx->id;
    r.event = ctx->event;
    r.time = v->time;
    r.https = ctx->target.https;

    rc = ngx_http_webhook_sign_put(ctx->buf.ctx, ctx->ep, &r, &ctx->buf);

    if (rc == NGX_DECLINED) {
        ctx->reason = "a header is not valid";
        return NGX_OK;
    }

    if (rc == NGX_ABORT) {
        ctx->reason = "it cannot be signed";
        return NGX_OK;
    }

    return rc;
}


/* unless the endpoint or the record has that header itself */

static void
ngx_http_webhook_finish_own(ngx_http_webhook_finish_ctx_t *ctx,
    ngx_http_webhook_own_e own, const char *value, size_t len)
{
    wh_buf_t  *b;
    wh_str_t  *name;

    if (ctx->given & 1 << own) {
        return;
    }

    if (!wh_header_value_ok(value, len)) {
        ctx->reason = "a header is not valid";
        return;
    }

    b = &ctx->buf;
    name = &ngx_http_webhook_own_headers[own];

    (void) wh_buf_put(b, name->data, name->len);
    (void) wh_buf_put_literal(b, ": ");
    (void) wh_buf_put(b, value, len);
    (void) wh_buf_put_literal(b, CRLF);
}


static ngx_uint_t
ngx_http_webhook_finish_is_configured(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *name)
{
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (h[i].text == NULL
            && ngx_http_webhook_head_equal(name, h[i].name.len,
                                           (char *) h[i].name.data))
        {
            return 1;
        }
    }

    return 0;
}
