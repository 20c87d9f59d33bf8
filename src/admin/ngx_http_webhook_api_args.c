
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Arguments of requests, and parts of their answers.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_attempt.h"

#include "wh_escape.h"
#include "wh_utf8.h"


static ngx_int_t ngx_http_webhook_api_arg(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_uint_t bit, wh_str_t *value);


/* in the order of bits */

static wh_str_t  ngx_http_webhook_api_names[] = {
    { 8, "endpoint" },
    { 5, "event" },
    { 2, "id" },
    { 5, "since" },
    { 5, "until" },
    { 5, "class" },
    { 6, "status" },
    { 6, "failed" },
    { 5, "limit" },
    { 6, "cursor" },
    { 3, "all" },
    { 2, "to" },
    { 5, "after" },
    { 0, NULL }
};


static char  *ngx_http_webhook_api_allowed[] = {
    "a name",
    "an event's name",
    "an event's id",
    "a time, in milliseconds since the epoch, or as of RFC 3339",
    "a time, in milliseconds since the epoch, or as of RFC 3339",
    "a class of attempts, as \"timeout\"",
    "a status of 100 to 599",
    "0 or 1",
    "a number above 0 that is not above the largest of this list",
    "what was \"next\" in the answer before",
    "1",
    "a name",
    "the key of an attempt"
};


ngx_int_t
ngx_http_webhook_api_args(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_int_t *rc)
{
    int         ok;
    char       *p;
    size_t      pos;
    wh_str_t    args, name, value, *n;
    ngx_str_t   s;
    ngx_uint_t  i;

    api->limit = route->limit;

    args.data = (char *) api->request->args.data;
    args.len = api->request->args.len;
    pos = 0;

    for ( ;; ) {
        ok = wh_query_next(args, &pos, &name, &value);

        if (ok == WH_AGAIN) {
            return NGX_OK;
        }

        if (ok != WH_OK) {
            *rc = ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                             "bad_argument",
                                             "An argument has no \"=\".");
            return NGX_DECLINED;
        }

        n = ngx_http_webhook_api_names;

        for (i = 0; n[i].len; i++) {
            if (n[i].len == name.len
                && ngx_memcmp(n[i].data, name.data, name.len) == 0)
            {
                break;
            }
        }

        s.data = (u_char *) name.data;
        s.len = ngx_min(name.len, 64);

        if (n[i].len == 0 || !(route->args & (ngx_uint_t) 1 << i)) {
            *rc = ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                             "unknown_argument",
                                             "There is no argument \"%V\" "
                                             "here.", &s);
            return NGX_DECLINED;
        }

        if (api->given & (ngx_uint_t) 1 << i) {
            *rc = ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                             "duplicate_argument",
                                             "The argument \"%V\" is given "
                                             "twice.", &s);
            return NGX_DECLINED;
        }

        api->given |= (ngx_uint_t) 1 << i;

        p = ngx_pnalloc(api->pool, value.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (wh_query_decode(value, p, &value) != WH_OK
            || value.len == 0
            || ngx_http_webhook_api_arg(api, route, (ngx_uint_t) 1 << i,
                                        &value)
               != NGX_OK)
        {
            *rc = ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                             "bad_argument",
                                             "The argument \"%V\" is not "
                                             "valid, it must be %s.", &s,
                                             ngx_http_webhook_api_allowed[i]);
            return NGX_DECLINED;
        }
    }
}


static ngx_int_t
ngx_http_webhook_api_arg(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_uint_t bit, wh_str_t *value)
{
    uint64_t      n;
    ngx_int_t     class;
    wh_filter_t  *f;

    f = &api->filter;

    switch (bit) {

    case NGX_HTTP_WEBHOOK_API_ENDPOINT:
        f->endpoint = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_EVENT:
        f->event = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_ID:
        f->id = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_SINCE:
        return wh_query_time(*value, &f->since) == WH_OK ? NGX_OK
                                                         : NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_API_UNTIL:
        return wh_query_time(*value, &f->until) == WH_OK && f->until
               ? NGX_OK : NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_API_CLASS:
        class = ngx_http_webhook_class_find(value);
        f->outcome = (int) class + 1;
        return class < 0 ? NGX_DECLINED : NGX_OK;

    case NGX_HTTP_WEBHOOK_API_STATUS:
        if (wh_query_number(*value, 100, 599, &n) != WH_OK) {
            return NGX_DECLINED;
        }

        f->status = (uint32_t) n;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_FAILED:
        if (wh_query_number(*value, 0, 1, &n) != WH_OK) {
            return NGX_DECLINED;
        }

        f->failed = (int) n;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_LIMIT:
        if (wh_query_number(*value, 1, route->most, &n) != WH_OK) {
            return NGX_DECLINED;
        }

        api->limit = (ngx_uint_t) n;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_CURSOR:
        api->cursor = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_API_ALL:
        return wh_query_number(*value, 1, 1, &n) == WH_OK ? NGX_OK
                                                          : NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_API_TO:
        api->to = *value;
        return NGX_OK;

    default: /* NGX_HTTP_WEBHOOK_API_AFTER */
        api->after = *value;
        return NGX_OK;
    }
}


ngx_uint_t
ngx_http_webhook_api_filtered(ngx_http_webhook_api_t *api)
{
    ngx_uint_t  given;

    given = api->given & (NGX_HTTP_WEBHOOK_API_FILTERS
                          |NGX_HTTP_WEBHOOK_API_FAILED
                          |NGX_HTTP_WEBHOOK_API_ALL);

    if (api->filter.since == 0) {
        given &= ~NGX_HTTP_WEBHOOK_API_SINCE;
    }

    if (!api->filter.failed) {
        given &= ~NGX_HTTP_WEBHOOK_API_FAILED;
    }

    return given != 0;
}


ngx_int_t
ngx_http_webhook_api_octets(wh_str_t *text, u_char *key, size_t len)
{
    return wh_hex_get(*text, (char *) key, len) == WH_OK ? NGX_OK
                                                         : NGX_DECLINED;
}


void
ngx_http_webhook_api_put_name(wh_buf_t *b, char *name)
{
    if (b->len && b->data[b->len - 1] != '{') {
        (void) wh_buf_putc(b, ',');
    }

    (void) wh_buf_putc(b, '"');
    (void) wh_buf_put(b, name, ngx_strlen(name));
    (void) wh_buf_put_literal(b, "\":");
}


void
ngx_http_webhook_api_put_text(wh_buf_t *b, char *name, wh_str_t *text)
{
    ngx_http_webhook_api_put_name(b, name);
    (void) wh_put_json_quoted(b, text->data, text->len);
}


void
ngx_http_webhook_api_put_number(wh_buf_t *b, char *name, uint64_t n)
{
    ngx_http_webhook_api_put_name(b, name);
    (void) wh_buf_put_number(b, n);
}


void
ngx_http_webhook_api_put_flag(wh_buf_t *b, char *name, ngx_uint_t flag)
{
    ngx_http_webhook_api_put_name(b, name);

    if (flag) {
        (void) wh_buf_put_literal(b, "true");

    } else {
        (void) wh_buf_put_literal(b, "false");
    }
}


void
ngx_http_webhook_api_put_key(wh_buf_t *b, char *name, u_char *key,
    size_t len)
{
    char  *p;

    ngx_http_webhook_api_put_name(b, name);

    if (key == NULL) {
        (void) wh_buf_put_literal(b, "null");
        return;
    }

    (void) wh_buf_putc(b, '"');

    p = wh_buf_need(b, 2 * len);

    if (p) {
        wh_hex_put(p, (char *) key, len);
        b->len += 2 * len;
    }

    (void) wh_buf_putc(b, '"');
}


void
ngx_http_webhook_api_put_octets(wh_buf_t *b, char *name, wh_str_t *octets)
{
    if (wh_utf8_valid(octets->data, octets->len) == octets->len) {
        ngx_http_webhook_api_put_text(b, name, octets);
        return;
    }

    ngx_http_webhook_api_put_name(b, name);

    b->len -= b->err ? 0 : 2;
    (void) wh_buf_put_literal(b, "_base64\":\"");
    (void) wh_put_base64(b, octets->data, octets->len);
    (void) wh_buf_putc(b, '"');
}


void
ngx_http_webhook_api_put_progress(wh_buf_t *b, wh_progress_t *progress)
{
    wh_str_t  class;

    ngx_http_webhook_api_put_number(b, "attempts", progress->attempts);

    if (progress->attempts && progress->class <= NGX_HTTP_WEBHOOK_BLOCKED) {
        class.data = ngx_http_webhook_class_name(progress->class);
        class.len = ngx_strlen(class.data);
        ngx_http_webhook_api_put_text(b, "class", &class);
        ngx_http_webhook_api_put_number(b, "status", progress->status);
    }
}


void
ngx_http_webhook_api_put_headers(wh_buf_t *b, char *name, wh_str_t *head)
{
    size_t      pos, n;
    char       *p, *end, *colon;
    wh_str_t    text;
    ngx_uint_t  first;

    ngx_http_webhook_api_put_name(b, name);
    (void) wh_buf_putc(b, '[');

    first = 1;

    for (pos = 0; pos < head->len; pos += n) {

        p = (char *) head->data + pos;
        end = memchr(p, LF, head->len - pos);
        n = end ? (size_t) (end - p) + 1 : head->len - pos;

        colon = memchr(p, ':', n);

        if (colon == NULL) {
            continue;
        }

        if (!first) {
            (void) wh_buf_putc(b, ',');
        }

        (void) wh_buf_putc(b, '{');
        first = 0;

        text.data = p;
        text.len = colon - p;
        ngx_http_webhook_api_put_text(b, "name", &text);

        text.data = colon + 1;
        text.len = n - text.len - 1;

        while (text.len && (text.data[text.len - 1] == LF
                            || text.data[text.len - 1] == CR))
        {
            text.len--;
        }

        while (text.len && text.data[0] == ' ') {
            text.data++;
            text.len--;
        }

        ngx_http_webhook_api_put_text(b, "value", &text);

        (void) wh_buf_putc(b, '}');
    }

    (void) wh_buf_putc(b, ']');
}
