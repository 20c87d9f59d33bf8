
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdlib.h>

#include "wh.h"


char *
wh_buf_need(wh_buf_t *b, size_t n)
{
    char    *p;
    size_t   size;

    if (b->err) {
        return NULL;
    }

    if (n > b->max || b->len > b->max - n) {
        b->err = WH_LIMIT;
        return NULL;
    }

    if (n <= b->size - b->len) {
        return b->data + b->len;
    }

    size = b->size < 256 ? 256 : b->size;

    while (size - b->len < n) {
        size = size > SIZE_MAX / 2 ? SIZE_MAX : size * 2;
    }

    if (size > b->max) {
        size = b->max;
    }

    p = b->grow(b->ctx, b->data, b->size, size);
    if (p == NULL) {
        b->err = WH_NOMEM;
        return NULL;
    }

    b->data = p;
    b->size = size;

    return b->data + b->len;
}


int
wh_buf_put(wh_buf_t *b, const char *p, size_t n)
{
    char  *d;

    if (n == 0) {
        return b->err;
    }

    d = wh_buf_need(b, n);
    if (d == NULL) {
        return b->err;
    }

    memcpy(d, p, n);
    b->len += n;

    return WH_OK;
}


int
wh_buf_putc(wh_buf_t *b, char c)
{
    return wh_buf_put(b, &c, 1);
}


void *
wh_buf_malloc(void *ctx, void *old, size_t old_size, size_t size)
{
    (void) ctx;
    (void) old_size;

    return realloc(old, size);
}
