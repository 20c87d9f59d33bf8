
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_delivery.h"


#define WH_FIELD_HEAD  5


int
wh_delivery_begin(wh_buf_t *b)
{
    return wh_buf_putc(b, WH_DELIVERY_VERSION);
}


int
wh_delivery_put(wh_buf_t *b, wh_field_e type, const char *p, size_t n)
{
    size_t  pos;

    (void) wh_delivery_open(b, type, &pos);
    (void) wh_buf_put(b, p, n);

    return wh_delivery_close(b, pos);
}


int
wh_delivery_put_time(wh_buf_t *b, uint64_t ms)
{
    char  p[8];

    wh_put_le32(p, (uint32_t) ms);
    wh_put_le32(p + 4, (uint32_t) (ms >> 32));

    return wh_delivery_put(b, WH_FIELD_TIME, p, 8);
}


int
wh_delivery_open(wh_buf_t *b, wh_field_e type, size_t *pos)
{
    char  head[WH_FIELD_HEAD];

    *pos = b->len;

    memset(head, 0, WH_FIELD_HEAD);
    head[0] = (char) type;

    return wh_buf_put(b, head, WH_FIELD_HEAD);
}


int
wh_delivery_close(wh_buf_t *b, size_t pos)
{
    size_t  n;

    if (b->err) {
        return b->err;
    }

    n = b->len - pos - WH_FIELD_HEAD;

    if (n > UINT32_MAX) {
        b->err = WH_LIMIT;
        return b->err;
    }

    wh_put_le32(b->data + pos + 1, (uint32_t) n);

    return WH_OK;
}


int
wh_delivery_next(wh_str_t record, size_t *pos, unsigned *type,
    wh_str_t *value)
{
    size_t  left, n;

    if (*pos == 0) {
        if (record.len == 0 || record.data[0] != WH_DELIVERY_VERSION) {
            return WH_ERROR;
        }

        *pos = 1;
    }

    if (*pos > record.len) {
        return WH_ERROR;
    }

    left = record.len - *pos;

    if (left == 0) {
        return WH_AGAIN;
    }

    if (left < WH_FIELD_HEAD) {
        return WH_ERROR;
    }

    n = wh_get_le32(record.data + *pos + 1);

    if (n > left - WH_FIELD_HEAD) {
        return WH_ERROR;
    }

    *type = (unsigned char) record.data[*pos];
    value->len = n;
    value->data = record.data + *pos + WH_FIELD_HEAD;
    *pos += WH_FIELD_HEAD + n;

    return WH_OK;
}


int
wh_delivery_get(wh_str_t record, wh_field_e type, wh_str_t *value)
{
    int       rc;
    size_t    pos;
    unsigned  t;

    pos = 0;

    do {
        rc = wh_delivery_next(record, &pos, &t, value);
    } while (rc == WH_OK && t != (unsigned) type);

    return rc;
}


uint64_t
wh_delivery_time(wh_str_t record)
{
    wh_str_t  v;

    if (wh_delivery_get(record, WH_FIELD_TIME, &v) != WH_OK || v.len != 8) {
        return 0;
    }

    return (uint64_t) wh_get_le32(v.data)
           | (uint64_t) wh_get_le32(v.data + 4) << 32;
}


void
wh_put_le32(char *p, uint32_t v)
{
    p[0] = (char) (v & 0xff);
    p[1] = (char) (v >> 8 & 0xff);
    p[2] = (char) (v >> 16 & 0xff);
    p[3] = (char) (v >> 24 & 0xff);
}


uint32_t
wh_get_le32(const char *p)
{
    const unsigned char  *u;

    u = (const unsigned char *) p;

    return (uint32_t) u[0] | (uint32_t) u[1] << 8 | (uint32_t) u[2] << 16
           | (uint32_t) u[3] << 24;
}
