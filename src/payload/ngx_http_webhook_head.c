
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_mark.h"
#include "ngx_http_webhook_payload.h"
#include "wh_escape.h"


static ngx_int_t ngx_http_webhook_head_make(ngx_http_webhook_head_t *head,
    ngx_http_webhook_endpoint_t *ep, ngx_pool_t *pool);
static void ngx_http_webhook_head_configured(ngx_http_webhook_head_t *head,
    ngx_http_webhook_endpoint_t *ep, wh_buf_t *b);


#define ngx_http_webhook_text(s)  { sizeof(s) - 1, s }


/* in the order of ngx_http_webhook_own_e */

wh_str_t  ngx_http_webhook_own_headers[] = {
    ngx_http_webhook_text("User-Agent"),
    ngx_http_webhook_text("Content-Type"),
    ngx_http_webhook_text("Content-Encoding"),
    ngx_http_webhook_text("webhook-id"),
    ngx_http_webhook_text("webhook-timestamp"),
    ngx_http_webhook_text("webhook-event"),
    ngx_http_webhook_text("traceparent"),
    { 0, NULL }
};


/* what the module alone says, as the exchange or a mark would break else */

static wh_str_t  ngx_http_webhook_framing[] = {
    ngx_http_webhook_text("Host"),
    ngx_http_webhook_text("Content-Length"),
    ngx_http_webhook_text("Transfer-Encoding"),
    ngx_http_webhook_text("Connection"),
    ngx_http_webhook_text(NGX_HTTP_WEBHOOK_MARK_NAME),
    { 0, NULL }
};


static wh_str_t  ngx_http_webhook_agent =
    ngx_http_webhook_text("ngx_http_webhook_module/"
                          NGX_HTTP_WEBHOOK_VERSION);

static wh_str_t  ngx_http_webhook_nothing = { 0, NULL };


ngx_http_webhook_head_t *
ngx_http_webhook_head(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_head_t  *head;

    if (ep->head) {
        return ep->head;
    }

    /* the pool of the configuration */

    head = ngx_palloc(ep->headers.pool, sizeof(ngx_http_webhook_head_t));

    if (head == NULL
        || ngx_http_webhook_head_make(head, ep, ep->headers.pool) != NGX_OK)
    {
        return NULL;
    }

    ep->head = head;

    return head;
}


static ngx_int_t
ngx_http_webhook_head_make(ngx_http_webhook_head_t *head,
    ngx_http_webhook_endpoint_t *ep, ngx_pool_t *pool)
{
    size_t     method, target, start, agent;
    wh_buf_t   b;
    wh_str_t   name, host;
    ngx_int_t  rc;

    ngx_memzero(head, sizeof(ngx_http_webhook_head_t));
    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_HTTP_WEBHOOK_MAX_HEAD;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = pool;

    (void) wh_buf_put(&b, (char *) ep->method.data, ep->method.len);
    (void) wh_buf_putc(&b, ' ');

    method = b.len;

    (void) wh_buf_put(&b, (char *) ep->target.data, ep->target.len);

    target = b.len;

    (void) wh_buf_put_literal(&b, " HTTP/1.1" CRLF);

    name.len = sizeof("Host") - 1;
    name.data = "Host";
    host.len = ep->host.len;
    host.data = (char *) ep->host.data;

    rc = ngx_http_webhook_head_put(&b, &name, &ngx_http_webhook_nothing,
                                   &host);
    if (rc != NGX_OK) {
        head->reason = "a header is not valid";
    }

    start = b.len;

    (void) ngx_http_webhook_head_put(&b,
                    &ngx_http_webhook_own_headers[NGX_HTTP_WEBHOOK_OWN_AGENT],
                    &ngx_http_webhook_nothing, &ngx_http_webhook_agent);

    agent = b.len;

    ngx_http_webhook_head_configured(head, ep, &b);

    if (b.err == WH_NOMEM) {
        return NGX_ERROR;
    }

    if (b.err) {
        head->reason = "request head is too large";
    }

    head->method.len = method;
    head->method.data = b.data;
    head->target.len = target;
    head->target.data = b.data;
    head->start.len = start - target;
    head->start.data = b.data + target;
    head->agent.len = agent - start;
    head->agent.data = b.data + start;
    head->end.len = b.len - agent;
    head->end.data = b.data + agent;

    return NGX_OK;
}


static void
ngx_http_webhook_head_configured(ngx_http_webhook_head_t *head,
    ngx_http_webhook_endpoint_t *ep, wh_buf_t *b)
{
    wh_str_t                    name, prefix, value;
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (h[i].text) {
            continue;
        }

        name.len = h[i].name.len;
        name.data = (char *) h[i].name.data;

        if (ngx_http_webhook_head_is_framing(&name)) {
            head->reason = "endpoint has a header that cannot be set";
            return;
        }

        prefix.len = h[i].prefix.len;
        prefix.data = (char *) h[i].prefix.data;
        value.len = h[i].literal.len;
        value.data = (char *) h[i].literal.data;

        if (ngx_http_webhook_head_put(b, &name, &prefix, &value) != NGX_OK) {
            head->reason = "a header is not valid";
            return;
        }

        head->given |= ngx_http_webhook_head_own(&name);
    }
}


ngx_uint_t
ngx_http_webhook_head_fits(size_t target, size_t len)
{
    /* what joins them takes an octet */

    return len == 0
           || (target < NGX_HTTP_WEBHOOK_MAX_TARGET
               && len < NGX_HTTP_WEBHOOK_MAX_TARGET - target);
}


ngx_uint_t
ngx_http_webhook_head_own(wh_str_t *name)
{
    ngx_uint_t  i;
    wh_str_t   *own;

    own = ngx_http_webhook_own_headers;

    for (i = 0; own[i].len; i++) {
        if (ngx_http_webhook_head_equal(name, own[i].len, own[i].data)) {
            return (ngx_uint_t) 1 << i;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_webhook_head_is_framing(wh_str_t *name)
{
    wh_str_t  *f;

    for (f = ngx_http_webhook_framing; f->len; f++) {
        if (ngx_http_webhook_head_equal(name, f->len, f->data)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_webhook_head_put(wh_buf_t *b, wh_str_t *name, wh_str_t *prefix,
    wh_str_t *value)
{
    if (!wh_header_name_ok(name->data, name->len)
        || !wh_header_value_ok(prefix->data, prefix->len)
        || !wh_header_value_ok(value->data, value->len))
    {
        return NGX_DECLINED;
    }

    (void) wh_buf_put(b, name->data, name->len);
    (void) wh_buf_put_literal(b, ": ");
    (void) wh_buf_put(b, prefix->data, prefix->len);
    (void) wh_buf_put(b, value->data, value->len);
    (void) wh_buf_put_literal(b, CRLF);

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_head_equal(wh_str_t *name, size_t len, const char *data)
{
    return name->len == len
           && ngx_strncasecmp((u_char *) name->data, (u_char *) data, len)
              == 0;
}
