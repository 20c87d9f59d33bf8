
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Texts with variables, as they are in a request.
 */


#include "ngx_http_webhook_text.h"
#include "ngx_http_webhook_lacks.h"
#include "wh_escape.h"
#include "wh_id.h"
#include "wh_json.h"


static ngx_int_t ngx_http_webhook_part_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_http_webhook_escape_e escape, wh_buf_t *out);
static void ngx_http_webhook_part_hole(ngx_http_webhook_event_t *evt,
    ngx_http_webhook_part_t *part, ngx_http_webhook_escape_e escape,
    wh_buf_t *out);
static ngx_int_t ngx_http_webhook_part_get(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_str_t *text);
static ngx_int_t ngx_http_webhook_part_variable(ngx_http_request_t *r,
    ngx_http_webhook_part_t *part, ngx_str_t *text);
#if (NGX_PCRE)
static ngx_int_t ngx_http_webhook_part_capture(ngx_http_request_t *r,
    ngx_http_webhook_part_t *part, ngx_str_t *text);
#endif


ngx_int_t
ngx_http_webhook_text_get(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t, size_t max,
    ngx_str_t *text)
{
    u_char      *p;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t   *words;
    ngx_uint_t   i, missing;

    ngx_str_set(text, "");

    if (t->nparts == 0) {
        return NGX_OK;
    }

    if (t->nparts == 1) {
        rc = ngx_http_webhook_part_get(r, evt, t->parts, text);

        if (rc == NGX_DECLINED) {
            ngx_http_webhook_lacks_variable(evt, &t->parts->text,
                                            WH_JSON_STRING);
        }

        return rc;
    }

    words = ngx_palloc(r->pool, t->nparts * sizeof(ngx_str_t));
    if (words == NULL) {
        return NGX_ERROR;
    }

    len = 0;
    missing = 0;

    for (i = 0; i < t->nparts; i++) {
        rc = ngx_http_webhook_part_get(r, evt, &t->parts[i], &words[i]);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            ngx_http_webhook_lacks_variable(evt, &t->parts[i].text,
                                            WH_JSON_STRING);
            missing = 1;
        }

        if (words[i].len > max - len) {
            return NGX_BUSY;
        }

        len += words[i].len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->len = len;
    text->data = p;

    for (i = 0; i < t->nparts; i++) {
        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    return missing ? NGX_DECLINED : NGX_OK;
}


ngx_int_t
ngx_http_webhook_text_value(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t, ngx_str_t *text)
{
    ngx_int_t  rc;

    rc = ngx_http_webhook_text_get(r, evt, t, NGX_HTTP_WEBHOOK_MAX_TEXT, text);

    if (rc == NGX_BUSY) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "webhook: a text with variables is longer than %d "
                      "octets", NGX_HTTP_WEBHOOK_MAX_TEXT);
        return NGX_ERROR;
    }

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_webhook_text_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t, wh_buf_t *out)
{
    ngx_uint_t                i;
    ngx_http_webhook_part_t  *part;

    for (i = 0; i < t->nparts && out->err == WH_OK; i++) {
        part = &t->parts[i];

        if (ngx_http_webhook_part_put(r, evt, part, part->escape, out)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_text_escaped(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t,
    ngx_http_webhook_escape_e escape, wh_buf_t *out)
{
    ngx_uint_t  i;

    for (i = 0; i < t->nparts && out->err == WH_OK; i++) {

        if (ngx_http_webhook_part_put(r, evt, &t->parts[i], escape, out)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_part_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_http_webhook_escape_e escape, wh_buf_t *out)
{
    char       *p;
    ngx_int_t   rc;
    ngx_str_t   text;

    if (part->kind == NGX_HTTP_WEBHOOK_PART_HOLE) {
        ngx_http_webhook_part_hole(evt, part, escape, out);
        return NGX_OK;
    }

    rc = ngx_http_webhook_part_get(r, evt, part, &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {

        ngx_http_webhook_lacks_variable(evt, &part->text,
                                        escape == NGX_HTTP_WEBHOOK_ESCAPE_JSON
                                        ? WH_JSON_NULL : WH_JSON_STRING);

        if (escape == NGX_HTTP_WEBHOOK_ESCAPE_JSON) {
            (void) wh_buf_put(out, "null", sizeof("null") - 1);
        }

        return NGX_OK;
    }

    p = (char *) text.data;

    switch (escape) {

    case NGX_HTTP_WEBHOOK_ESCAPE_JSON:
        (void) wh_put_json_quoted(out, p, text.len);
        break;

    case NGX_HTTP_WEBHOOK_ESCAPE_URL:
        (void) wh_put_url(out, p, text.len);
        break;

    case NGX_HTTP_WEBHOOK_ESCAPE_FORM:
        (void) wh_put_form(out, p, text.len);
        break;

    case NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING:
        (void) wh_put_json_string(out, p, text.len);
        break;

    default: /* NGX_HTTP_WEBHOOK_ESCAPE_NONE */
        (void) wh_buf_put(out, p, text.len);
        break;
    }

    return NGX_OK;
}


/* no value has anything in it that JSON would escape */

static void
ngx_http_webhook_part_hole(ngx_http_webhook_event_t *evt,
    ngx_http_webhook_part_t *part, ngx_http_webhook_escape_e escape,
    wh_buf_t *out)
{
    wh_hole_e     kind;
    ngx_uint_t    quoted;
    wh_attempt_t  first;

    first.number = 1;
    first.time = evt->time;

    kind = (wh_hole_e) part->index;
    quoted = (escape == NGX_HTTP_WEBHOOK_ESCAPE_JSON);

    if (kind == WH_HOLE_TIME
        && (escape == NGX_HTTP_WEBHOOK_ESCAPE_URL
            || escape == NGX_HTTP_WEBHOOK_ESCAPE_FORM))
    {
        kind = WH_HOLE_TIME_URL;
    }

    if (quoted) {
        (void) wh_buf_putc(out, '"');
    }

    (void) wh_hole_put(&evt->holes, out, kind, &first);

    if (quoted) {
        (void) wh_buf_putc(out, '"');
    }
}


/* NGX_DECLINED: it has no value, the text is empty */

static ngx_int_t
ngx_http_webhook_part_get(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_str_t *text)
{
    switch (part->kind) {

    case NGX_HTTP_WEBHOOK_PART_EVENT:
        *text = evt->type;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_PART_ID:
        *text = evt->id;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_PART_TIME:
        text->data = ngx_pnalloc(r->pool, 24);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        wh_time_iso((char *) text->data, evt->time);
        text->len = 24;

        return NGX_OK;

#if (NGX_PCRE)

    case NGX_HTTP_WEBHOOK_PART_CAPTURE:
        return ngx_http_webhook_part_capture(r, part, text);

#endif

    case NGX_HTTP_WEBHOOK_PART_VARIABLE:
        return ngx_http_webhook_part_variable(r, part, text);

    default: /* NGX_HTTP_WEBHOOK_PART_LITERAL */
        *text = part->text;
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_webhook_part_variable(ngx_http_request_t *r,
    ngx_http_webhook_part_t *part, ngx_str_t *text)
{
    ngx_http_variable_value_t  *vv;

#if (NGX_PCRE)

    int                        *captures;
    u_char                     *data;
    unsigned                    again;
    ngx_uint_t                  n;

    /* those of a regular expression in a "map" would stay, and replace them */

    n = r->ncaptures;
    data = r->captures_data;
    captures = r->captures;
    again = r->realloc_captures;

    r->realloc_captures = 1;

    vv = ngx_http_get_flushed_variable(r, part->index);

    r->ncaptures = n;
    r->captures_data = data;
    r->captures = captures;
    r->realloc_captures = again;

#else

    vv = ngx_http_get_flushed_variable(r, part->index);

#endif

    ngx_str_set(text, "");

    if (vv == NULL || vv->not_found) {
        return NGX_DECLINED;
    }

    if (vv->len) {
        text->len = vv->len;
        text->data = vv->data;
    }

    return NGX_OK;
}


#if (NGX_PCRE)

static ngx_int_t
ngx_http_webhook_part_capture(ngx_http_request_t *r,
    ngx_http_webhook_part_t *part, ngx_str_t *text)
{
    int         *cap;
    ngx_uint_t   n;

    ngx_str_set(text, "");

    n = part->index * 2;

    if (n + 1 >= r->ncaptures) {
        return NGX_DECLINED;
    }

    cap = &r->captures[n];

    /* it took no part in the match, or "\K" came behind its end */

    if (cap[0] < 0 || cap[1] < cap[0]) {
        return NGX_DECLINED;
    }

    text->len = cap[1] - cap[0];
    text->data = r->captures_data + cap[0];

    return NGX_OK;
}

#endif
