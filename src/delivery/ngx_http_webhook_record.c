
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_sign.h"

#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_mask.h"
#include "wh_utf8.h"


typedef struct {
    ngx_http_webhook_endpoint_t  *endpoint;
    wh_str_t                      record;
} ngx_http_webhook_record_mask_t;


static uint32_t ngx_http_webhook_record_time(ngx_msec_t ms);
static ngx_int_t ngx_http_webhook_record_head(ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_record_t *rec);
static size_t ngx_http_webhook_record_line(u_char *p, u_char *last);
static int ngx_http_webhook_record_header(void *ctx, wh_str_t name);
static int ngx_http_webhook_record_query(void *ctx, wh_str_t name);
static ngx_int_t ngx_http_webhook_record_secrets(
    ngx_http_webhook_attempt_t *a, ngx_array_t *secrets);
static ngx_int_t ngx_http_webhook_record_forms(ngx_array_t *secrets,
    ngx_http_webhook_header_t *h);
static ngx_int_t ngx_http_webhook_record_longer(const void *one,
    const void *two);
static ngx_int_t ngx_http_webhook_record_answer(
    ngx_http_webhook_attempt_t *a, ngx_array_t *secrets, ngx_str_t *text,
    wh_str_t *out);


static wh_str_t  ngx_http_webhook_record_private[] = {
    { 13, "Authorization" },
    { 19, "Proxy-Authorization" },
    { 6, "Cookie" },
    { sizeof(NGX_HTTP_WEBHOOK_MARK_NAME) - 1, NGX_HTTP_WEBHOOK_MARK_NAME },
    { 0, NULL }
};


ngx_int_t
ngx_http_webhook_record_make(ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_record_t *rec)
{
    wh_row_t     *row;
    ngx_array_t   secrets;

    ngx_memzero(rec, sizeof(ngx_http_webhook_record_t));

    row = &rec->row;

    row->attempt = (uint32_t) a->number;
    row->worker = (uint32_t) ngx_pid;
    row->status = (uint32_t) a->status;
    row->outcome = (uint8_t) a->class;

    row->times[WH_ROW_DNS] = ngx_http_webhook_record_time(a->dns_ms);
    row->times[WH_ROW_CONNECT] = ngx_http_webhook_record_time(a->connect_ms);
    row->times[WH_ROW_TLS] = ngx_http_webhook_record_time(a->tls_ms);
    row->times[WH_ROW_FIRST] = ngx_http_webhook_record_time(a->header_ms);
    row->times[WH_ROW_TOTAL] = ngx_http_webhook_record_time(a->duration);

    row->flags = (uint8_t) ((a->class != NGX_HTTP_WEBHOOK_SUCCESS
                             ? WH_ROW_FAILED : 0)
                            | (a->reused ? WH_ROW_REUSED : 0)
                            | (a->probe ? WH_ROW_PROBE : 0));

    row->endpoint.data = (char *) a->endpoint->name.data;
    row->endpoint.len = a->endpoint->name.len;
    row->event.data = (char *) a->event.data;
    row->event.len = a->event.len;
    row->id.data = (char *) a->id.data;
    row->id.len = a->id.len;

    if (wh_delivery_get(a->record, WH_FIELD_BODY, &rec->body) != WH_OK) {
        rec->body.len = 0;
    }

    /* a mail has none */

    if ((a->request && ngx_http_webhook_record_head(a, rec) != NGX_OK)
        || ngx_http_webhook_record_secrets(a, &secrets) != NGX_OK
        || ngx_http_webhook_record_answer(a, &secrets, &a->head,
                                          &rec->more.response)
           != NGX_OK
        || ngx_http_webhook_record_answer(a, &secrets, &a->excerpt,
                                          &rec->more.excerpt)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what was cut is not to be taken for octets that are no text */

    if (a->excerpt.len == NGX_HTTP_WEBHOOK_EXCERPT) {
        rec->more.excerpt.len = wh_utf8_whole(rec->more.excerpt.data,
                                              rec->more.excerpt.len);
    }

    row->kept = (uint32_t) (wh_row_size(row) + wh_row_more_size(&rec->more));

    return NGX_OK;
}


static uint32_t
ngx_http_webhook_record_time(ngx_msec_t ms)
{
    return ms == NGX_HTTP_WEBHOOK_NO_TIME ? WH_ROW_UNKNOWN
                                          : (uint32_t) ngx_min(ms, INT32_MAX);
}


/* of the request as it was sent: what is secret is known by its place in it */

static ngx_int_t
ngx_http_webhook_record_head(ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_record_t *rec)
{
    u_char                          *p, *last;
    wh_buf_t                         head;
    wh_str_t                         text;
    ngx_http_webhook_record_mask_t   mask;

    if (ngx_http_webhook_record_url(a, &rec->row.url) != NGX_OK) {
        return NGX_ERROR;
    }

    mask.endpoint = a->endpoint;
    mask.record = a->record;

    ngx_memzero(&head, sizeof(wh_buf_t));

    head.max = NGX_MAX_SIZE_T_VALUE;
    head.grow = ngx_http_webhook_payload_grow;
    head.ctx = a->pool;

    last = a->request->buf->end;
    p = ngx_strlchr(a->request->buf->start, last, LF);

    /* without the empty line at the end */

    text.data = p ? (char *) p + 1 : (char *) last;
    text.len = p && last - p > 3 ? last - p - 3 : 0;

    if (wh_mask_head(&head, text, ngx_http_webhook_record_header, &mask)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    rec->row.method.data = (char *) a->endpoint->method.data;
    rec->row.method.len = a->endpoint->method.len;
    rec->more.request.data = head.data;
    rec->more.request.len = head.len;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_record_url(ngx_http_webhook_attempt_t *a, wh_str_t *url)
{
    u_char                          *p, *end, *last, *host;
    wh_buf_t                         b;
    wh_str_t                         text;
    ngx_uint_t                       ssl;
    ngx_http_webhook_record_mask_t   mask;

    mask.endpoint = a->endpoint;
    mask.record = a->record;

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = a->pool;

    /* nginx moves "pos" */

    p = a->request->buf->start;
    last = a->request->buf->end;

    p += a->endpoint->method.len + 1;
    end = ngx_strlchr(p, last, ' ');

    if (end == NULL) {
        return NGX_ERROR;
    }

    text.data = (char *) p;
    text.len = end - p;

    /* of the record, or of the configuration */

    ssl = a->url.len ? a->url.len > 8
                       && ngx_strncasecmp(a->url.data, (u_char *) "https://",
                                          8) == 0
                     : a->endpoint->ssl;

    if (ssl) {
        (void) wh_buf_put_literal(&b, "https://");

    } else {
        (void) wh_buf_put_literal(&b, "http://");
    }

    host = (u_char *) ngx_strnstr(end, CRLF "Host: ", last - end);

    if (host) {
        host += 8;
        (void) wh_buf_put(&b, (char *) host,
                          ngx_http_webhook_record_line(host, last));
    }

    if (wh_mask_target(&b, text, ngx_http_webhook_record_query, &mask)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    url->data = b.data;
    url->len = b.len;

    return NGX_OK;
}


/* octets to the end of a line */

static size_t
ngx_http_webhook_record_line(u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_strlchr(p, last, CR);

    return (end ? end : last) - p;
}


static int
ngx_http_webhook_record_header(void *ctx, wh_str_t name)
{
    ngx_http_webhook_record_mask_t *mask = ctx;

    return ngx_http_webhook_record_secret(mask->endpoint, &name) ? 1 : 0;
}


ngx_uint_t
ngx_http_webhook_record_secret(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *name)
{
    wh_str_t                   *s;
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if ((h[i].secret || h[i].key || h[i].prefix.len)
            && ngx_http_webhook_head_equal(name, h[i].name.len,
                                           (char *) h[i].name.data))
        {
            return 1;
        }
    }

    for (s = ngx_http_webhook_record_private; s->len; s++) {
        if (ngx_http_webhook_head_equal(name, s->len, s->data)) {
            return 1;
        }
    }

    return ngx_http_webhook_sign_makes(ep, name);
}


static int
ngx_http_webhook_record_query(void *ctx, wh_str_t name)
{
    ngx_http_webhook_record_mask_t *mask = ctx;

    size_t                   pos;
    unsigned                 type;
    wh_str_t                 value;
    ngx_uint_t               i;
    ngx_http_webhook_key_t  *key;

    key = mask->endpoint->keys.elts;

    for (i = 0; i < mask->endpoint->keys.nelts; i++) {

        if (key[i].form.len == name.len + 1
            && ngx_memcmp(key[i].form.data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    /* those with variables, also of an endpoint that was another one then */

    pos = 0;

    while (wh_delivery_next(mask->record, &pos, &type, &value) == WH_OK) {

        if (type == WH_FIELD_QUERY && value.len > name.len
            && value.data[name.len] == '='
            && ngx_memcmp(value.data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A receiver may give back what it was given.  The longest is first, for one
 * of them may begin as another.
 */

static ngx_int_t
ngx_http_webhook_record_secrets(ngx_http_webhook_attempt_t *a,
    ngx_array_t *secrets)
{
    ngx_uint_t                    i;
    ngx_http_webhook_key_t       *key;
    ngx_http_webhook_header_t    *h;
    ngx_http_webhook_endpoint_t  *ep;

    secrets->nelts = 0;

    if (a->head.len == 0 && a->excerpt.len == 0) {
        return NGX_OK;
    }

    if (ngx_array_init(secrets, a->pool, 16, sizeof(wh_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    ep = a->endpoint;
    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {
        if (ngx_http_webhook_record_forms(secrets, &h[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {
        if (ngx_http_webhook_record_forms(secrets, &key[i].value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (secrets->nelts > 1) {
        ngx_sort(secrets->elts, secrets->nelts, sizeof(wh_str_t),
                 ngx_http_webhook_record_longer);
    }

    return NGX_OK;
}


/* as it is, or as it was sent, or would be quoted */

static ngx_int_t
ngx_http_webhook_record_forms(ngx_array_t *secrets,
    ngx_http_webhook_header_t *h)
{
    wh_buf_t     b;
    wh_str_t    *secret;
    ngx_str_t   *text[2];
    ngx_uint_t   i, k;

    static int  (*put[])(wh_buf_t *b, const char *p, size_t n) = {
        wh_buf_put, wh_put_json_string, wh_put_url, wh_put_form
    };

    if (!h->secret) {
        return NGX_OK;
    }

    text[0] = &h->literal;
    text[1] = &h->plain;

    for (i = 0; i < 2; i++) {

        if (text[i]->len == 0) {
            continue;
        }

        for (k = 0; k < sizeof(put) / sizeof(put[0]); k++) {

            ngx_memzero(&b, sizeof(wh_buf_t));

            b.max = NGX_MAX_SIZE_T_VALUE;
            b.grow = ngx_http_webhook_payload_grow;
            b.ctx = secrets->pool;

            if (put[k](&b, (char *) text[i]->data, text[i]->len) != WH_OK) {
                return NGX_ERROR;
            }

            /* most need no quotes */

            if (k && b.len == text[i]->len
                && ngx_memcmp(b.data, text[i]->data, b.len) == 0)
            {
                continue;
            }

            secret = ngx_array_push(secrets);
            if (secret == NULL) {
                return NGX_ERROR;
            }

            secret->data = b.data;
            secret->len = b.len;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_record_longer(const void *one, const void *two)
{
    const wh_str_t  *first, *second;

    first = one;
    second = two;

    return (ngx_int_t) second->len - (ngx_int_t) first->len;
}


static ngx_int_t
ngx_http_webhook_record_answer(ngx_http_webhook_attempt_t *a,
    ngx_array_t *secrets, ngx_str_t *text, wh_str_t *out)
{
    char        *p;
    wh_str_t    *secret;
    ngx_uint_t   i;

    out->len = text->len;
    out->data = NULL;

    if (text->len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(a->pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);
    out->data = p;

    secret = secrets->elts;

    for (i = 0; i < secrets->nelts; i++) {
        wh_mask_text(p, &out->len, secret[i]);
    }

    return NGX_OK;
}


void
ngx_http_webhook_record(ngx_http_webhook_store_t *st,
    ngx_http_webhook_attempt_t *a, uint64_t seq, uint32_t index,
    ngx_uint_t flags)
{
    char                            *p;
    size_t                           row, more, body, max;
    ngx_http_webhook_keep_t         *keep;
    ngx_http_webhook_record_t        rec;

    if (a->class == NGX_HTTP_WEBHOOK_LOCAL
        || a->endpoint->history == NGX_HTTP_WEBHOOK_HISTORY_OFF
        || (a->endpoint->history == NGX_HTTP_WEBHOOK_HISTORY_FAILURES
            && a->class == NGX_HTTP_WEBHOOK_SUCCESS))
    {
        return;
    }

    if (ngx_http_webhook_record_make(a, &rec) != NGX_OK) {
        return;
    }

    max = a->endpoint->main->history.body;
    body = ngx_min(rec.body.len, max);

    rec.row.time = ngx_http_webhook_store_now();
    rec.row.seq = seq;
    rec.row.index = index;
    rec.row.flags |= (uint8_t) flags;

    if (max) {
        rec.row.flags |= WH_ROW_BODY;

        if (body < rec.body.len) {
            body = wh_utf8_whole(rec.body.data, body);
            rec.row.flags |= WH_ROW_CUT;
        }
    }

    row = wh_row_size(&rec.row);
    more = wh_row_more_size(&rec.more);

    keep = ngx_alloc(sizeof(ngx_http_webhook_keep_t) + row + more + body
                     + a->endpoint->name.len + 1, ngx_cycle->log);
    if (keep == NULL) {
        return;
    }

    p = (char *) keep + sizeof(ngx_http_webhook_keep_t);

    keep->seq = seq;
    keep->index = index;

    keep->row.data = p;
    keep->row.len = row;
    wh_row_put(&rec.row, p);
    p += row;

    keep->more.data = p;
    keep->more.len = more;
    wh_row_more_put(&rec.more, p);
    p += more;

    keep->name.data = (u_char *) p;
    keep->name.len = a->endpoint->name.len;
    p = (char *) ngx_cpymem(p, a->endpoint->name.data, keep->name.len);

    keep->body.data = max ? p : NULL;
    keep->body.len = body;

    if (body) {
        ngx_memcpy(p, rec.body.data, body);
    }

    ngx_http_webhook_store_history(st, keep, rec.row.time);
}
