
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_answer.h"

#include "wh_after.h"


#define NGX_HTTP_WEBHOOK_HEADER_MAX  65536     /* octets of all header lines */
#define NGX_HTTP_WEBHOOK_BODY_MAX    1048576   /* more is not worth reading */
#define NGX_HTTP_WEBHOOK_HEAD_KEPT   4096      /* for the history */


typedef struct {
    ngx_str_t     name;
    ngx_int_t   (*handler)(ngx_http_webhook_answer_t *an, ngx_str_t *value);
} ngx_http_webhook_answer_header_t;


static ngx_int_t ngx_http_webhook_answer_more(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);
static ngx_int_t ngx_http_webhook_answer_line(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);
static void ngx_http_webhook_answer_keep_status(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);
static void ngx_http_webhook_answer_keep(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ngx_str_t *name, char *between,
    ngx_str_t *value);
static ngx_int_t ngx_http_webhook_answer_status(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an);
static ngx_int_t ngx_http_webhook_answer_content_length(
    ngx_http_webhook_answer_t *an, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_answer_transfer_encoding(
    ngx_http_webhook_answer_t *an, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_answer_connection(
    ngx_http_webhook_answer_t *an, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_answer_retry_after(
    ngx_http_webhook_answer_t *an, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_answer_chunks(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ngx_buf_t *b);
static void ngx_http_webhook_answer_excerpt(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, u_char *p, size_t n);


static ngx_http_webhook_answer_header_t  ngx_http_webhook_answer_headers[] = {

    { ngx_string("content-length"),
      ngx_http_webhook_answer_content_length },

    { ngx_string("transfer-encoding"),
      ngx_http_webhook_answer_transfer_encoding },

    { ngx_string("connection"),
      ngx_http_webhook_answer_connection },

    { ngx_string("retry-after"),
      ngx_http_webhook_answer_retry_after },

    { ngx_null_string, NULL }
};


void
ngx_http_webhook_answer_init(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    u_char                       *head;
    ngx_http_webhook_statuses_t  *except;

    except = an->except;
    head = an->head.data;

    ngx_memzero(an, sizeof(ngx_http_webhook_answer_t));

    /* that there is one answer more needs no more memory */

    an->head.data = head;
    an->except = except;
    an->length = -1;
    an->retry_after = -1;

    r->state = 0;
}


/*
 * Nothing of the header is pushed to the upstream's list, so that nothing in
 * it can tell nginx what to do.
 */

ngx_int_t
ngx_http_webhook_answer_header(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    size_t      header;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    b = &r->upstream->buffer;

    for ( ;; ) {

        if (!an->lines) {

            if (an->line == NULL) {
                an->line = b->pos;
            }

            rc = ngx_http_parse_status_line(r, b, &an->line_status);

            if (rc == NGX_AGAIN) {
                return ngx_http_webhook_answer_more(r, an);
            }

            if (rc == NGX_ERROR || an->line_status.code < 100) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "upstream sent no valid HTTP status line");
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            if (an->line_status.code == NGX_HTTP_SWITCHING_PROTOCOLS) {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "upstream switched protocols unasked");
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            an->lines = 1;
            an->line = b->pos;

            ngx_http_webhook_answer_keep_status(r, an);
        }

        rc = ngx_http_parse_header_line(r, b, 1);

        if (rc == NGX_OK) {

            if (ngx_http_webhook_answer_line(r, an) != NGX_OK) {
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            an->line = b->pos;

            continue;
        }

        if (rc == NGX_AGAIN) {
            return ngx_http_webhook_answer_more(r, an);
        }

        if (rc != NGX_HTTP_PARSE_HEADER_DONE) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upstream sent invalid header");
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (an->line_status.code >= NGX_HTTP_OK) {
            break;
        }

        /* 100 Continue, 103 Early Hints and the like: the answer follows */

        header = an->header;
        ngx_http_webhook_answer_init(r, an);
        an->header = header;
    }

    return ngx_http_webhook_answer_status(r, an);
}


/*
 * Lines that were read are not needed any more: a header may be larger than
 * the buffer, only a line may not.
 */

static ngx_int_t
ngx_http_webhook_answer_more(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    size_t      rest;
    ngx_buf_t  *b;

    b = &r->upstream->buffer;

    if (b->last < b->end) {
        return NGX_AGAIN;
    }

    an->header += an->line - b->start;

    if (an->header > NGX_HTTP_WEBHOOK_HEADER_MAX) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent too big header");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    rest = b->last - an->line;

    if (an->line > b->start) {
        ngx_memmove(b->start, an->line, rest);
        b->last = b->start + rest;
    }

    /* begin the line anew, should there be room for the rest of it */

    b->pos = b->start;
    an->line = b->start;
    r->state = 0;

    if (!an->lines) {
        ngx_memzero(&an->line_status, sizeof(ngx_http_status_t));
    }

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_webhook_answer_line(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    ngx_str_t                          name, value;
    ngx_http_webhook_answer_header_t  *h;

    name.len = r->header_name_end - r->header_name_start;
    name.data = r->header_name_start;
    value.len = r->header_end - r->header_start;
    value.data = r->header_start;

    ngx_http_webhook_answer_keep(r, an, &name, ": ", &value);

    for (h = ngx_http_webhook_answer_headers; h->name.len; h++) {

        if (h->name.len != name.len
            || ngx_strncasecmp(h->name.data, name.data, name.len) != 0)
        {
            continue;
        }

        if (h->handler(an, &value) != NGX_OK) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "upstream sent invalid or conflicting \"%V\" "
                          "header", &h->name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    return NGX_OK;
}


static void
ngx_http_webhook_answer_keep_status(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    u_char     buf[sizeof("HTTP/1.1") - 1 + NGX_INT_T_LEN];
    ngx_str_t  version, rest;

    if (an->except == NULL
        || ngx_http_webhook_statuses_has(an->except, an->line_status.code))
    {
        return;
    }

    version.data = buf;
    version.len = ngx_sprintf(buf, "HTTP/%ui.%ui",
                              an->line_status.http_version / 1000,
                              an->line_status.http_version % 1000)
                  - buf;

    rest.data = an->line_status.start;
    rest.len = an->line_status.end - an->line_status.start;

    ngx_http_webhook_answer_keep(r, an, &version, " ", &rest);
}


/* a line that has no place is left out, with all that follow */

static void
ngx_http_webhook_answer_keep(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ngx_str_t *name, char *between,
    ngx_str_t *value)
{
    u_char  *p;
    size_t   n;

    if (an->except == NULL
        || ngx_http_webhook_statuses_has(an->except, an->line_status.code)
        || an->head_full)
    {
        return;
    }

    if (an->head.data == NULL) {
        an->head.data = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_HEAD_KEPT);
        if (an->head.data == NULL) {
            an->head_full = 1;
            return;
        }
    }

    n = ngx_strlen(between);

    if (name->len + value->len + n + 2
        > NGX_HTTP_WEBHOOK_HEAD_KEPT - an->head.len)
    {
        an->head_full = 1;
        return;
    }

    p = ngx_cpymem(an->head.data + an->head.len, name->data, name->len);
    p = ngx_cpymem(p, between, n);
    p = ngx_cpymem(p, value->data, value->len);
    *p++ = CR; *p++ = LF;

    an->head.len = p - an->head.data;
}


static ngx_int_t
ngx_http_webhook_answer_status(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    ngx_uint_t            status;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    status = an->line_status.code;

    if (an->chunked && an->length != -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent \"Content-Length\" and "
                      "\"Transfer-Encoding\" headers at the same time");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (an->line_status.http_version < NGX_HTTP_VERSION_11 && !an->keep) {
        an->close = 1;
    }

    if (status == NGX_HTTP_NO_CONTENT || status == NGX_HTTP_NOT_MODIFIED) {
        an->chunked = 0;
        an->length = 0;
    }

    an->status = status;

    u->headers_in.status_n = status;

    if (u->state && u->state->status == 0) {
        u->state->status = status;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_answer_content_length(ngx_http_webhook_answer_t *an,
    ngx_str_t *value)
{
    off_t  n;

    n = ngx_atoof(value->data, value->len);

    if (n == NGX_ERROR || (an->length != -1 && an->length != n)) {
        return NGX_ERROR;
    }

    an->length = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_answer_transfer_encoding(ngx_http_webhook_answer_t *an,
    ngx_str_t *value)
{
    if (an->chunked
        || value->len != 7
        || ngx_strncasecmp(value->data, (u_char *) "chunked", 7) != 0)
    {
        return NGX_ERROR;
    }

    an->chunked = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_answer_connection(ngx_http_webhook_answer_t *an,
    ngx_str_t *value)
{
    u_char  *last;

    last = value->data + value->len;

    if (ngx_strlcasestrn(value->data, last, (u_char *) "close", 5 - 1)) {
        an->close = 1;
    }

    if (ngx_strlcasestrn(value->data, last, (u_char *) "keep-alive", 10 - 1)) {
        an->keep = 1;
    }

    return NGX_OK;
}


/* one that cannot be understood is none */

static ngx_int_t
ngx_http_webhook_answer_retry_after(ngx_http_webhook_answer_t *an,
    ngx_str_t *value)
{
    uint64_t  ms;
    wh_str_t  s;

    s.data = (char *) value->data;
    s.len = value->len;

    if (wh_retry_after(s, ngx_time(), &ms) != WH_OK) {
        return NGX_OK;
    }

    ms = ngx_min(ms, INT64_MAX);

    if ((int64_t) ms > an->retry_after) {
        an->retry_after = (int64_t) ms;
    }

    return NGX_OK;
}


void
ngx_http_webhook_answer_body_init(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (an->chunked) {
        u->length = 1;                  /* until the last chunk: not the end */

    } else {
        u->length = an->length;

        if (u->length == 0) {
            u->keepalive = !an->close;
        }
    }
}


/*
 * The octets are behind u->buffer.last, and nobody wants them: nothing is
 * ever passed on, so that the buffer is empty again after each read.
 */

ngx_int_t
ngx_http_webhook_answer_body(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ssize_t bytes)
{
    ngx_buf_t             b;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->length == 0) {

        /* more than was announced: the answer is complete all the same */

        u->keepalive = 0;
        return NGX_OK;
    }

    ngx_memzero(&b, sizeof(ngx_buf_t));

    b.pos = u->buffer.last;
    b.last = b.pos + bytes;

    an->received += bytes;

    if (an->chunked) {
        if (ngx_http_webhook_answer_chunks(r, an, &b) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (u->length == -1) {
        ngx_http_webhook_answer_excerpt(r, an, b.pos, bytes);

    } else {

        if (bytes > u->length) {
            ngx_http_webhook_answer_excerpt(r, an, b.pos, (size_t) u->length);
            u->length = 0;
            u->keepalive = 0;

        } else {
            ngx_http_webhook_answer_excerpt(r, an, b.pos, bytes);
            u->length -= bytes;

            if (u->length == 0) {
                u->keepalive = !an->close;
            }
        }
    }

    if (u->length != 0 && an->received > NGX_HTTP_WEBHOOK_BODY_MAX) {
        u->length = 0;
        u->keepalive = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_answer_chunks(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, ngx_buf_t *b)
{
    size_t                n;
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for ( ;; ) {

        rc = ngx_http_webhook_parse_chunked(r, b, &an->chunk);

        if (rc == NGX_OK) {
            n = b->last - b->pos;

            if (an->chunk.size < (off_t) n) {
                n = (size_t) an->chunk.size;
            }

            ngx_http_webhook_answer_excerpt(r, an, b->pos, n);

            b->pos += n;
            an->chunk.size -= n;

            continue;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_DONE) {
            u->length = 0;
            u->keepalive = !an->close && b->pos == b->last;

            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "upstream sent invalid chunked response");

        return NGX_ERROR;
    }
}


static void
ngx_http_webhook_answer_excerpt(ngx_http_request_t *r,
    ngx_http_webhook_answer_t *an, u_char *p, size_t n)
{
    ngx_str_t  *excerpt;

    excerpt = &an->excerpt;

    n = ngx_min(n, NGX_HTTP_WEBHOOK_EXCERPT - excerpt->len);

    if (n == 0) {
        return;
    }

    if (excerpt->data == NULL) {
        excerpt->data = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_EXCERPT);
        if (excerpt->data == NULL) {
            return;
        }
    }

    ngx_memcpy(excerpt->data + excerpt->len, p, n);
    excerpt->len += n;
}
