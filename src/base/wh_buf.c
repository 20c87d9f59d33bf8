
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdlib.h>

#include "wh.h"


char *
wh_buf_more(wh_buf_t *b, size_t n)
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
wh_buf_put_number(wh_buf_t *b, uint64_t v)
{
    char    text[20];
    size_t  i;

    i = sizeof(text);

    do {
        text[--i] = (char) ('0' + v % 10);
        v /= 10;
    } while (v);

    return wh_buf_put(b, text + i, sizeof(text) - i);
}


void *
wh_buf_malloc(void *ctx, void *old, size_t old_size, size_t size)
{
    (void) ctx;
    (void) old_size;

    return realloc(old, size);
}
