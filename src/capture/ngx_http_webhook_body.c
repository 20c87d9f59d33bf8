
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Examining a body: decoding, parsing, keeping.
 */


#include "ngx_http_webhook_body.h"

#include <zlib.h>


/* decoded octets may be that many times the encoded ones */
#define NGX_HTTP_WEBHOOK_MAX_RATIO   200

/* a small body may be mostly head, or a constant: no ratio up to here */
#define NGX_HTTP_WEBHOOK_ANY_RATIO   (64 * 1024)

#define NGX_HTTP_WEBHOOK_INFLATE     (16 * 1024)

/* before each allocation, its size; keeps the alignment of malloc() */
#define NGX_HTTP_WEBHOOK_ACCOUNTED   16

/* what malloc() adds: it rounds up as well */
#define NGX_HTTP_WEBHOOK_MALLOC      8


struct ngx_http_webhook_block_s {
    ngx_http_webhook_block_t      *next;
    u_char                        *pos;
    u_char                        *last;
};


struct ngx_http_webhook_inflate_s {
    z_stream                       z;
    unsigned                       begun:1;
    unsigned                       ended:1;      /* of a member */
};


static void *ngx_http_webhook_body_alloc(void *ctx, size_t size);
static void ngx_http_webhook_body_free(void *ctx, void *p);
static void ngx_http_webhook_body_keep(ngx_http_webhook_body_t *body,
    u_char *p, size_t n);
static size_t ngx_http_webhook_body_examine(ngx_http_webhook_body_t *body,
    u_char *p, size_t n);
static void ngx_http_webhook_body_queue(ngx_http_webhook_body_t *body,
    u_char *p, size_t n);
static void ngx_http_webhook_body_drain(ngx_http_webhook_body_t *body);
static void ngx_http_webhook_body_stop(ngx_http_webhook_body_t *body,
    ngx_http_webhook_body_e state);
static void ngx_http_webhook_body_starve(ngx_http_webhook_body_t *body);
static void ngx_http_webhook_body_finish(ngx_http_webhook_body_t *body);
static void ngx_http_webhook_body_turn_handler(ngx_event_t *ev);
static size_t ngx_http_webhook_inflate(ngx_http_webhook_body_t *body,
    u_char *p, size_t n);
static ngx_int_t ngx_http_webhook_inflate_begin(ngx_http_webhook_body_t *body,
    u_char first);
static ngx_int_t ngx_http_webhook_inflate_again(ngx_http_webhook_body_t *body,
    u_char first);
static void *ngx_http_webhook_inflate_alloc(void *opaque, u_int items,
    u_int size);
static void ngx_http_webhook_inflate_free(void *opaque, void *p);
static void ngx_http_webhook_body_parse(ngx_http_webhook_body_t *body,
    u_char *p, size_t n);


void
ngx_http_webhook_body_begin(ngx_http_webhook_body_t *body)
{
    wh_alloc_t  mem;

    body->allowance = NGX_HTTP_WEBHOOK_SLICE;
    body->last = &body->backlog;

    if (body->max_raw) {
        body->raw.max = body->max_raw;
        body->raw.grow = ngx_http_webhook_body_grow;
        body->raw.ctx = body;
    }

    if (body->pointers == NULL
        && body->form == WH_FORM_OTHER
        && !body->decoded)
    {
        return;
    }

    if (body->coding == NGX_HTTP_WEBHOOK_UNKNOWN) {
        body->state = NGX_HTTP_WEBHOOK_BODY_ENCODED;
        return;
    }

    body->state = NGX_HTTP_WEBHOOK_BODY_READING;

    if (body->decoded) {
        return;
    }

    ngx_http_webhook_body_memory(body, &mem);

    if (body->form == WH_FORM_OTHER) {
        body->json = wh_json_create(body->pointers, body->max_value, &mem);

    } else {
        body->fielded = wh_form_create(body->fields, body->nfields,
                                       body->form, body->boundary,
                                       body->max_value, &mem);
    }

    if (body->json == NULL && body->fielded == NULL) {
        ngx_http_webhook_body_starve(body);
    }
}


void
ngx_http_webhook_body_feed(ngx_http_webhook_body_t *body, u_char *p, size_t n)
{
    size_t  size;

    if (!body->decoded) {
        ngx_http_webhook_body_keep(body, p, n);
    }

    if (body->state != NGX_HTTP_WEBHOOK_BODY_READING) {
        return;
    }

    if (body->backlog == NULL && !body->pending) {
        size = ngx_http_webhook_body_examine(body, p, n);

        p += size;
        n -= size;
    }

    if (n && body->state == NGX_HTTP_WEBHOOK_BODY_READING) {
        ngx_http_webhook_body_queue(body, p, n);
    }
}


void
ngx_http_webhook_body_end(ngx_http_webhook_body_t *body)
{
    body->ended = 1;

    if (body->backlog == NULL && !body->pending) {
        ngx_http_webhook_body_finish(body);
    }
}


void
ngx_http_webhook_body_cut(ngx_http_webhook_body_t *body)
{
    if (body->ended) {
        return;
    }

    ngx_http_webhook_body_rush(body);

    if (body->state == NGX_HTTP_WEBHOOK_BODY_READING) {
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_TRUNCATED);
    }

    /* never half of a body */

    ngx_http_webhook_body_free(body, body->raw.data);
    ngx_memzero(&body->raw, sizeof(wh_buf_t));
    body->max_raw = 0;

    body->ended = 1;
    body->finished = 1;
}


void
ngx_http_webhook_body_rush(ngx_http_webhook_body_t *body)
{
    body->handler = NULL;

    while (body->state == NGX_HTTP_WEBHOOK_BODY_READING
           && (body->backlog || body->pending))
    {
        body->allowance = NGX_HTTP_WEBHOOK_SLICE;

        ngx_http_webhook_body_drain(body);
    }

    if (ngx_http_webhook_body_busy(body)) {
        ngx_http_webhook_body_finish(body);
    }
}


void
ngx_http_webhook_body_destroy(ngx_http_webhook_body_t *body)
{
    if (body->event.posted) {
        ngx_delete_posted_event(&body->event);
    }

    ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);

    ngx_http_webhook_body_free(body, body->raw.data);
    ngx_memzero(&body->raw, sizeof(wh_buf_t));
}


ngx_http_webhook_coding_e
ngx_http_webhook_body_coding(ngx_str_t *value)
{
    size_t      i;

    static struct {
        ngx_str_t                  name;
        ngx_http_webhook_coding_e  coding;
    } codings[] = {
        { ngx_string(""), NGX_HTTP_WEBHOOK_IDENTITY },
        { ngx_string("identity"), NGX_HTTP_WEBHOOK_IDENTITY },
        { ngx_string("gzip"), NGX_HTTP_WEBHOOK_GZIP },
        { ngx_string("x-gzip"), NGX_HTTP_WEBHOOK_GZIP },
        { ngx_string("deflate"), NGX_HTTP_WEBHOOK_DEFLATE }
    };

    for (i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {

        if (codings[i].name.len == value->len
            && ngx_strncasecmp(codings[i].name.data, value->data, value->len)
               == 0)
        {
            return codings[i].coding;
        }
    }

    return NGX_HTTP_WEBHOOK_UNKNOWN;
}


void *
ngx_http_webhook_account_alloc(ngx_http_webhook_account_t *account,
    size_t size, ngx_log_t *log)
{
    size_t  *p, free, full;

    free = account->used < account->max ? account->max - account->used : 0;

    if (size > free) {
        return NULL;
    }

    size += NGX_HTTP_WEBHOOK_ACCOUNTED;
    full = ngx_align(size + NGX_HTTP_WEBHOOK_MALLOC, 16);

    if (full > free) {
        return NULL;
    }

    p = ngx_alloc(size, log);
    if (p == NULL) {
        return NULL;
    }

    account->used += full;
    *p = full;

    return (u_char *) p + NGX_HTTP_WEBHOOK_ACCOUNTED;
}


void
ngx_http_webhook_account_free(ngx_http_webhook_account_t *account, void *p)
{
    size_t  *size;

    if (p == NULL) {
        return;
    }

    size = (size_t *) ((u_char *) p - NGX_HTTP_WEBHOOK_ACCOUNTED);

    account->used -= *size;

    ngx_free(size);
}


void
ngx_http_webhook_body_memory(ngx_http_webhook_body_t *body,
    wh_alloc_t *mem)
{
    mem->alloc = ngx_http_webhook_body_alloc;
    mem->free = ngx_http_webhook_body_free;
    mem->ctx = body;
}


static void *
ngx_http_webhook_body_alloc(void *ctx, size_t size)
{
    ngx_http_webhook_body_t *body = ctx;

    return ngx_http_webhook_account_alloc(body->account, size, body->log);
}


static void
ngx_http_webhook_body_free(void *ctx, void *p)
{
    ngx_http_webhook_body_t *body = ctx;

    ngx_http_webhook_account_free(body->account, p);
}


void *
ngx_http_webhook_body_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    p = ngx_http_webhook_body_alloc(ctx, size);
    if (p == NULL) {
        return NULL;
    }

    if (old) {
        ngx_memcpy(p, old, old_size);
        ngx_http_webhook_body_free(ctx, old);
    }

    return p;
}


static void
ngx_http_webhook_body_keep(ngx_http_webhook_body_t *body, u_char *p, size_t n)
{
    if (body->max_raw == 0) {
        return;
    }

    switch (wh_buf_put(&body->raw, (char *) p, n)) {

    case WH_OK:
        return;

    case WH_NOMEM:
        body->starved = 1;
        break;

    default: /* WH_LIMIT: no event can be made of it */
        body->large = 1;
        break;
    }

    ngx_http_webhook_body_free(body, body->raw.data);
    ngx_memzero(&body->raw, sizeof(wh_buf_t));
    body->max_raw = 0;
}


/* within the allowance; octets taken */

static size_t
ngx_http_webhook_body_examine(ngx_http_webhook_body_t *body, u_char *p,
    size_t n)
{
    if (body->coding != NGX_HTTP_WEBHOOK_IDENTITY) {
        n = ngx_http_webhook_inflate(body, p, n);

    } else {
        n = ngx_min(n, body->allowance);

        body->allowance -= n;

        ngx_http_webhook_body_parse(body, p, n);
    }

    if (body->allowance == 0 && !body->event.posted && body->handler) {
        body->event.data = body;
        body->event.handler = ngx_http_webhook_body_turn_handler;
        body->event.log = body->log;

        ngx_post_event(&body->event, &ngx_posted_next_events);
    }

    return n;
}


static void
ngx_http_webhook_body_queue(ngx_http_webhook_body_t *body, u_char *p,
    size_t n)
{
    size_t                     rest;
    ngx_http_webhook_block_t  *block;

    if (body->coding == NGX_HTTP_WEBHOOK_IDENTITY) {

        /* an octet beyond what will be parsed tells that there are more */

        rest = body->max_size - body->size;

        if (body->queued > rest) {
            return;
        }

        n = ngx_min(n, rest - body->queued + 1);
    }

    block = ngx_http_webhook_body_alloc(body,
                                   sizeof(ngx_http_webhook_block_t) + n);
    if (block == NULL) {
        ngx_http_webhook_body_starve(body);
        return;
    }

    body->queued += n;

    block->next = NULL;
    block->pos = (u_char *) block + sizeof(ngx_http_webhook_block_t);
    block->last = ngx_cpymem(block->pos, p, n);

    *body->last = block;
    body->last = &block->next;
}


static void
ngx_http_webhook_body_drain(ngx_http_webhook_body_t *body)
{
    size_t                     size;
    ngx_http_webhook_block_t  *block;

    if (body->pending) {
        (void) ngx_http_webhook_body_examine(body, NULL, 0);
    }

    while (body->backlog && body->allowance) {
        block = body->backlog;

        size = ngx_http_webhook_body_examine(body, block->pos,
                                             block->last - block->pos);

        if (body->backlog == NULL) {
            /* examining has stopped */
            return;
        }

        block->pos += size;
        body->queued -= size;

        if (block->pos != block->last) {
            continue;
        }

        body->backlog = block->next;

        if (body->backlog == NULL) {
            body->last = &body->backlog;
        }

        ngx_http_webhook_body_free(body, block);
    }
}


/* nothing more will be parsed; the values so far stay */

static void
ngx_http_webhook_body_stop(ngx_http_webhook_body_t *body,
    ngx_http_webhook_body_e state)
{
    ngx_http_webhook_block_t  *block, *next;

    body->state = state;
    body->pending = 0;

    for (block = body->backlog; block; block = next) {
        next = block->next;
        ngx_http_webhook_body_free(body, block);
    }

    body->queued = 0;
    body->backlog = NULL;
    body->last = &body->backlog;

    if (body->inflate) {

        if (body->inflate->begun) {
            (void) inflateEnd(&body->inflate->z);
        }

        ngx_http_webhook_body_free(body, body->inflate);
        body->inflate = NULL;
    }

    if (state == NGX_HTTP_WEBHOOK_BODY_INVALID) {
        wh_json_destroy(body->json);
        body->json = NULL;

        wh_form_destroy(body->fielded);
        body->fielded = NULL;
    }
}


static void
ngx_http_webhook_body_starve(ngx_http_webhook_body_t *body)
{
    body->starved = 1;

    ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_TRUNCATED);
}


static void
ngx_http_webhook_body_finish(ngx_http_webhook_body_t *body)
{
    int  rc;

    body->finished = 1;

    if (body->state != NGX_HTTP_WEBHOOK_BODY_READING) {
        return;
    }

    if (body->inflate && !body->inflate->ended) {
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);
        return;
    }

    if (body->json) {
        rc = wh_json_finish(body->json);

    } else {
        rc = body->fielded ? wh_form_finish(body->fielded) : WH_OK;
    }

    switch (rc) {

    case WH_OK:
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_COMPLETE);
        return;

    case WH_NOMEM:
        ngx_http_webhook_body_starve(body);
        return;

    default: /* WH_AGAIN, WH_ERROR, WH_LIMIT */
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);
        return;
    }
}


static void
ngx_http_webhook_body_turn_handler(ngx_event_t *ev)
{
    ngx_http_webhook_body_t  *body;

    body = ev->data;

    body->allowance = NGX_HTTP_WEBHOOK_SLICE;

    ngx_http_webhook_body_drain(body);

    if (ngx_http_webhook_body_busy(body)
        && body->backlog == NULL
        && !body->pending)
    {
        ngx_http_webhook_body_finish(body);

        if (body->handler) {
            body->handler(body->data);
        }
    }
}


static size_t
ngx_http_webhook_inflate(ngx_http_webhook_body_t *body, u_char *p, size_t n)
{
    int                          rc;
    size_t                       size, taken, start;
    z_stream                    *z;
    ngx_http_webhook_inflate_t  *inf;
    u_char                       out[NGX_HTTP_WEBHOOK_INFLATE];

    start = n;

    while (body->allowance
           && body->state == NGX_HTTP_WEBHOOK_BODY_READING
           && (n || body->pending))
    {
        inf = body->inflate;

        if (inf == NULL || inf->ended) {

            rc = inf ? ngx_http_webhook_inflate_again(body, *p)
                     : ngx_http_webhook_inflate_begin(body, *p);

            if (rc != NGX_OK) {
                break;
            }

            inf = body->inflate;
        }

        z = &inf->z;

        size = ngx_min(n, body->allowance);

        z->next_in = p;
        z->avail_in = (uInt) size;
        z->next_out = out;
        z->avail_out = sizeof(out);

        rc = inflate(z, Z_NO_FLUSH);

        taken = size - z->avail_in;
        size = sizeof(out) - z->avail_out;

        body->pending = (z->avail_out == 0);

        p += taken;
        n -= taken;

        body->taken += taken;
        body->allowance -= ngx_min(body->allowance, taken + size);

        if (size) {
            ngx_http_webhook_body_parse(body, out, size);
        }

        if (body->state != NGX_HTTP_WEBHOOK_BODY_READING) {
            break;
        }

        if (rc == Z_STREAM_END) {
            inf->ended = 1;
            body->pending = 0;
            continue;
        }

        if (rc == Z_MEM_ERROR) {
            ngx_http_webhook_body_starve(body);
            break;
        }

        /* Z_BUF_ERROR: the output had just fit, there is nothing pending */

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);
            break;
        }

        if (body->size > NGX_HTTP_WEBHOOK_ANY_RATIO
            && body->size / NGX_HTTP_WEBHOOK_MAX_RATIO > body->taken)
        {
            ngx_http_webhook_body_stop(body,
                                       NGX_HTTP_WEBHOOK_BODY_TRUNCATED);
            break;
        }
    }

    return start - n;
}


static ngx_int_t
ngx_http_webhook_inflate_begin(ngx_http_webhook_body_t *body, u_char first)
{
    int                          bits, rc;
    ngx_http_webhook_inflate_t  *inf;

    inf = ngx_http_webhook_body_alloc(body,
                                      sizeof(ngx_http_webhook_inflate_t));
    if (inf == NULL) {
        ngx_http_webhook_body_starve(body);
        return NGX_ERROR;
    }

    ngx_memzero(inf, sizeof(ngx_http_webhook_inflate_t));

    inf->z.zalloc = ngx_http_webhook_inflate_alloc;
    inf->z.zfree = ngx_http_webhook_inflate_free;
    inf->z.opaque = body;

    body->inflate = inf;

    if (body->coding == NGX_HTTP_WEBHOOK_GZIP) {
        bits = MAX_WBITS + 16;

    } else {
        /* "deflate" is a zlib stream (RFC 9110), but some send it bare */
        bits = (first & 0x0f) == Z_DEFLATED ? MAX_WBITS : -MAX_WBITS;
    }

    rc = inflateInit2(&inf->z, bits);

    if (rc != Z_OK) {
        ngx_http_webhook_body_starve(body);
        return NGX_ERROR;
    }

    inf->begun = 1;

    return NGX_OK;
}


/* after the end of a stream: gzip may have another member (RFC 1952) */

static ngx_int_t
ngx_http_webhook_inflate_again(ngx_http_webhook_body_t *body, u_char first)
{
    if (body->coding != NGX_HTTP_WEBHOOK_GZIP
        || first != 0x1f
        || inflateReset(&body->inflate->z) != Z_OK)
    {
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);
        return NGX_ERROR;
    }

    body->inflate->ended = 0;

    return NGX_OK;
}


static void *
ngx_http_webhook_inflate_alloc(void *opaque, u_int items, u_int size)
{
    return ngx_http_webhook_body_alloc(opaque, (size_t) items * size);
}


static void
ngx_http_webhook_inflate_free(void *opaque, void *p)
{
    ngx_http_webhook_body_free(opaque, p);
}


static void
ngx_http_webhook_body_parse(ngx_http_webhook_body_t *body, u_char *p,
    size_t n)
{
    int         rc;
    size_t      rest;
    ngx_uint_t  over;

    rest = body->max_size - body->size;
    over = (n > rest);

    if (over) {
        n = rest;
    }

    body->size += n;

    if (body->decoded) {
        ngx_http_webhook_body_keep(body, p, n);

        if (over || body->max_raw == 0) {
            ngx_http_webhook_body_stop(body,
                                       NGX_HTTP_WEBHOOK_BODY_TRUNCATED);
        }

        return;
    }

    if (body->json) {
        rc = wh_json_feed(body->json, (char *) p, n);

    } else {
        rc = wh_form_feed(body->fielded, (char *) p, n);
    }

    switch (rc) {

    case WH_OK:

        if (over) {
            ngx_http_webhook_body_stop(body,
                                       NGX_HTTP_WEBHOOK_BODY_TRUNCATED);
        }

        return;

    case WH_NOMEM:
        ngx_http_webhook_body_starve(body);
        return;

    default: /* WH_ERROR, WH_LIMIT */
        ngx_http_webhook_body_stop(body, NGX_HTTP_WEBHOOK_BODY_INVALID);
    }
}
