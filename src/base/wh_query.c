
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_query.h"
#include "wh_time.h"


static int wh_hex_digit(char c);
static int wh_filter_text(const wh_str_t *want, const wh_str_t *have);


int
wh_query_next(wh_str_t query, size_t *pos, wh_str_t *name, wh_str_t *value)
{
    size_t       n;
    const char  *p, *end, *eq;

    while (*pos < query.len && query.data[*pos] == '&') {
        (*pos)++;
    }

    if (*pos >= query.len) {
        return WH_AGAIN;
    }

    p = query.data + *pos;
    n = query.len - *pos;

    end = memchr(p, '&', n);

    if (end) {
        n = (size_t) (end - p);
    }

    *pos += n;

    eq = memchr(p, '=', n);

    if (eq == NULL) {
        return WH_ERROR;
    }

    name->data = p;
    name->len = (size_t) (eq - p);
    value->data = eq + 1;
    value->len = n - name->len - 1;

    return WH_OK;
}


int
wh_query_decode(wh_str_t value, char *out, wh_str_t *text)
{
    int     hi, lo;
    char   *p;
    size_t  i;

    p = out;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] == '+') {
            *p++ = ' ';
            continue;
        }

        if (value.data[i] != '%') {
            *p++ = value.data[i];
            continue;
        }

        if (value.len - i < 3) {
            return WH_ERROR;
        }

        hi = wh_hex_digit(value.data[i + 1]);
        lo = wh_hex_digit(value.data[i + 2]);

        if (hi < 0 || lo < 0 || hi + lo == 0) {
            return WH_ERROR;
        }

        *p++ = (char) (hi << 4 | lo);
        i += 2;
    }

    text->data = out;
    text->len = (size_t) (p - out);

    return WH_OK;
}


int
wh_query_number(wh_str_t value, uint64_t least, uint64_t most, uint64_t *n)
{
    size_t    i;
    uint64_t  v, digit;

    if (value.len == 0) {
        return WH_ERROR;
    }

    v = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            return WH_ERROR;
        }

        digit = (uint64_t) (value.data[i] - '0');

        if (v > (most - (digit < most ? digit : most)) / 10) {
            return WH_ERROR;
        }

        v = v * 10 + digit;
    }

    if (v < least || v > most) {
        return WH_ERROR;
    }

    *n = v;

    return WH_OK;
}


int
wh_query_time(wh_str_t value, uint64_t *ms)
{
    int64_t  time;

    if (wh_query_number(value, 0, INT64_MAX, ms) == WH_OK) {
        return WH_OK;
    }

    if (wh_time_parse(value, &time) != WH_OK || time < 0) {
        return WH_ERROR;
    }

    *ms = (uint64_t) time;

    return WH_OK;
}


void
wh_hex_put(char *out, const char *p, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        *out++ = "0123456789abcdef"[c >> 4];
        *out++ = "0123456789abcdef"[c & 0xf];
    }
}


int
wh_hex_get(wh_str_t text, char *out, size_t n)
{
    int     hi, lo;
    size_t  i;

    if (text.len != n * 2) {
        return WH_ERROR;
    }

    for (i = 0; i < n; i++) {
        hi = wh_hex_digit(text.data[i * 2]);
        lo = wh_hex_digit(text.data[i * 2 + 1]);

        if (hi < 0 || lo < 0) {
            return WH_ERROR;
        }

        out[i] = (char) (hi << 4 | lo);
    }

    return WH_OK;
}


static int
wh_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}


int
wh_filter_match(const wh_filter_t *f, const wh_fact_t *fact)
{
    return fact->time >= f->since
           && (f->until == 0 || fact->time < f->until)
           && (f->status == 0 || f->status == fact->status)
           && (f->outcome == 0 || f->outcome == fact->outcome + 1)
           && (!f->failed || fact->failed)
           && wh_filter_text(&f->id, &fact->id)
           && wh_filter_text(&f->event, &fact->event)
           && wh_filter_text(&f->endpoint, &fact->endpoint);
}


static int
wh_filter_text(const wh_str_t *want, const wh_str_t *have)
{
    return want->len == 0
           || (want->len == have->len
               && memcmp(want->data, have->data, want->len) == 0);
}
