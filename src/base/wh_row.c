
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_row.h"
#include "wh_delivery.h"


#define WH_ROW_FIXED  (4 + 8 + 8 + 4 * (5 + WH_ROW_NTIMES))
#define WH_ROW_TEXT   UINT16_MAX


static char *wh_row_put_text(char *p, const wh_str_t *text);
static int wh_row_get_text(wh_str_t in, size_t *pos, wh_str_t *text);
static size_t wh_row_text(const wh_str_t *text);
static char *wh_row_put_long(char *p, const wh_str_t *text);
static int wh_row_get_long(wh_str_t in, size_t *pos, wh_str_t *text);
static void wh_row_put_le64(char *p, uint64_t v);
static uint64_t wh_row_get_le64(const char *p);


size_t
wh_row_size(const wh_row_t *row)
{
    return WH_ROW_FIXED + 5 * 2 + wh_row_text(&row->endpoint)
           + wh_row_text(&row->event) + wh_row_text(&row->id)
           + wh_row_text(&row->method) + wh_row_text(&row->url);
}


void
wh_row_put(const wh_row_t *row, char *p)
{
    unsigned  i;

    *p++ = WH_ROW_VERSION;
    *p++ = (char) row->outcome;
    *p++ = (char) row->flags;
    *p++ = 0;

    wh_row_put_le64(p, row->time);
    wh_row_put_le64(p + 8, row->seq);
    p += 16;

    wh_put_le32(p, row->index);
    wh_put_le32(p + 4, row->attempt);
    wh_put_le32(p + 8, row->worker);
    wh_put_le32(p + 12, row->status);
    wh_put_le32(p + 16, row->kept);
    p += 20;

    for (i = 0; i < WH_ROW_NTIMES; i++) {
        wh_put_le32(p, row->times[i]);
        p += 4;
    }

    p = wh_row_put_text(p, &row->endpoint);
    p = wh_row_put_text(p, &row->event);
    p = wh_row_put_text(p, &row->id);
    p = wh_row_put_text(p, &row->method);
    (void) wh_row_put_text(p, &row->url);
}


int
wh_row_get(wh_str_t in, wh_row_t *row)
{
    size_t       pos;
    unsigned     i;
    const char  *p;

    if (in.len < WH_ROW_FIXED || in.data[0] != WH_ROW_VERSION) {
        return WH_ERROR;
    }

    row->outcome = (uint8_t) in.data[1];
    row->flags = (uint8_t) in.data[2];
    row->time = wh_row_get_le64(in.data + 4);
    row->seq = wh_row_get_le64(in.data + 12);

    p = in.data + 20;

    row->index = wh_get_le32(p);
    row->attempt = wh_get_le32(p + 4);
    row->worker = wh_get_le32(p + 8);
    row->status = wh_get_le32(p + 12);
    row->kept = wh_get_le32(p + 16);
    p += 20;

    for (i = 0; i < WH_ROW_NTIMES; i++) {
        row->times[i] = wh_get_le32(p);
        p += 4;
    }

    pos = WH_ROW_FIXED;

    if (wh_row_get_text(in, &pos, &row->endpoint) != WH_OK
        || wh_row_get_text(in, &pos, &row->event) != WH_OK
        || wh_row_get_text(in, &pos, &row->id) != WH_OK
        || wh_row_get_text(in, &pos, &row->method) != WH_OK)
    {
        return WH_ERROR;
    }

    return wh_row_get_text(in, &pos, &row->url);
}


size_t
wh_row_more_size(const wh_row_more_t *more)
{
    return 3 * 4 + more->request.len + more->response.len + more->excerpt.len;
}


void
wh_row_more_put(const wh_row_more_t *more, char *p)
{
    p = wh_row_put_long(p, &more->request);
    p = wh_row_put_long(p, &more->response);
    (void) wh_row_put_long(p, &more->excerpt);
}


int
wh_row_more_get(wh_str_t in, wh_row_more_t *more)
{
    size_t  pos;

    pos = 0;

    if (wh_row_get_long(in, &pos, &more->request) != WH_OK
        || wh_row_get_long(in, &pos, &more->response) != WH_OK)
    {
        return WH_ERROR;
    }

    return wh_row_get_long(in, &pos, &more->excerpt);
}


static size_t
wh_row_text(const wh_str_t *text)
{
    return text->len < WH_ROW_TEXT ? text->len : WH_ROW_TEXT;
}


static char *
wh_row_put_text(char *p, const wh_str_t *text)
{
    size_t  n;

    n = wh_row_text(text);

    *p++ = (char) (n & 0xff);
    *p++ = (char) (n >> 8);

    if (n) {
        memcpy(p, text->data, n);
    }

    return p + n;
}


static int
wh_row_get_text(wh_str_t in, size_t *pos, wh_str_t *text)
{
    size_t                n;
    const unsigned char  *p;

    if (in.len - *pos < 2) {
        return WH_ERROR;
    }

    p = (const unsigned char *) in.data + *pos;
    n = p[0] | (size_t) p[1] << 8;
    *pos += 2;

    if (in.len - *pos < n) {
        return WH_ERROR;
    }

    text->data = in.data + *pos;
    text->len = n;
    *pos += n;

    return WH_OK;
}


static char *
wh_row_put_long(char *p, const wh_str_t *text)
{
    wh_put_le32(p, (uint32_t) text->len);
    p += 4;

    if (text->len) {
        memcpy(p, text->data, text->len);
    }

    return p + text->len;
}


static int
wh_row_get_long(wh_str_t in, size_t *pos, wh_str_t *text)
{
    size_t  n;

    if (in.len - *pos < 4) {
        return WH_ERROR;
    }

    n = wh_get_le32(in.data + *pos);
    *pos += 4;

    if (in.len - *pos < n) {
        return WH_ERROR;
    }

    text->data = in.data + *pos;
    text->len = n;
    *pos += n;

    return WH_OK;
}


static void
wh_row_put_le64(char *p, uint64_t v)
{
    wh_put_le32(p, (uint32_t) v);
    wh_put_le32(p + 4, (uint32_t) (v >> 32));
}


static uint64_t
wh_row_get_le64(const char *p)
{
    return wh_get_le32(p) | (uint64_t) wh_get_le32(p + 4) << 32;
}
