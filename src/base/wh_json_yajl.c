
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_json_local.h"


static int wh_json_give(wh_json_t *j, const char *p, size_t n, uint64_t at);
static int wh_json_yajl_moved(wh_json_t *j);
static void *wh_json_yajl_malloc(void *ctx, size_t size);
static void *wh_json_yajl_realloc(void *ctx, void *p, size_t size);
static void wh_json_yajl_free(void *ctx, void *p);


/* now, or with what follows of a long token */

int
wh_json_yajl(wh_json_t *j, const char *p, size_t n, uint64_t at)
{
    if (n == 0) {
        return WH_OK;
    }

    /* behind max_units there are no digits, grammar allows a few others */

    if (j->given < WH_JSON_LONG || j->units / 2 >= j->given
        || j->units >= j->max_units)
    {
        if (wh_json_flush(j) != WH_OK) {
            return j->rc;
        }

        j->given = j->units;

        return wh_json_give(j, p, n, at);
    }

    if (j->late.len == 0) {
        j->late_at = at;
    }

    if (wh_buf_put(&j->late, p, n) != WH_OK) {
        return wh_json_fail(j, WH_NOMEM, 0);
    }

    return WH_OK;
}


int
wh_json_flush(wh_json_t *j)
{
    size_t  n;

    n = j->late.len;
    j->late.len = 0;

    return n ? wh_json_give(j, j->late.data, n, j->late_at) : WH_OK;
}


static int
wh_json_give(wh_json_t *j, const char *p, size_t n, uint64_t at)
{
    j->at = at;

    if (wh_json_yajl_parse(j, p, n) == yajl_status_ok) {
        return WH_OK;
    }

    if (j->why == WH_NOMEM) {
        return wh_json_fail(j, WH_NOMEM, 0);
    }

    at += yajl_get_bytes_consumed(j->yajl);

    if (j->why) {
        return wh_json_fail(j, j->why, at);
    }

    return wh_json_fail(j, WH_ERROR, wh_json_yajl_moved(j) ? j->last : at);
}


int
wh_json_yajl_create(wh_json_t *j)
{
    yajl_alloc_funcs  funcs;

    if (setjmp(j->nomem)) {
        return WH_NOMEM;
    }

    funcs.malloc = wh_json_yajl_malloc;
    funcs.realloc = wh_json_yajl_realloc;
    funcs.free = wh_json_yajl_free;
    funcs.ctx = j;

    j->yajl = yajl_alloc(&wh_json_callbacks, &funcs, j);

    /* its check is lax, and UTF-8 is checked already */

    (void) yajl_config(j->yajl, yajl_dont_validate_strings, 1);

    return WH_OK;
}


yajl_status
wh_json_yajl_parse(wh_json_t *j, const char *p, size_t n)
{
    if (setjmp(j->nomem)) {
        wh_json_yajl_destroy(j);
        j->why = WH_NOMEM;
        return yajl_status_error;
    }

    return yajl_parse(j->yajl, (const unsigned char *) p, n);
}


yajl_status
wh_json_yajl_finish(wh_json_t *j)
{
    if (setjmp(j->nomem)) {
        wh_json_yajl_destroy(j);
        j->why = WH_NOMEM;
        return yajl_status_error;
    }

    return yajl_complete_parse(j->yajl);
}


/*
 * In one of its states yajl moves the place of an error back, by as much as
 * the current piece allows; it can be told by the message only.
 */

static int
wh_json_yajl_moved(wh_json_t *j)
{
    int             moved;
    unsigned char  *text;

    if (setjmp(j->nomem)) {
        wh_json_yajl_destroy(j);
        return 0;
    }

    text = yajl_get_error(j->yajl, 0, NULL, 0);
    moved = (strstr((char *) text, "after key and value") != NULL);
    yajl_free_error(j->yajl, text);

    return moved;
}


static void *
wh_json_yajl_malloc(void *ctx, size_t size)
{
    wh_json_t        *j;
    wh_json_block_t  *b;

    j = ctx;
    b = NULL;

    if (size <= SIZE_MAX - sizeof(wh_json_block_t)) {
        b = j->mem.alloc(j->mem.ctx, size + sizeof(wh_json_block_t));
    }

    if (b == NULL) {
        longjmp(j->nomem, 1);
    }

    b->size = size;
    b->prev = NULL;
    b->next = j->blocks;

    if (b->next) {
        b->next->prev = b;
    }

    j->blocks = b;

    return b + 1;
}


static void *
wh_json_yajl_realloc(void *ctx, void *p, size_t size)
{
    void             *new;
    wh_json_block_t  *b;

    new = wh_json_yajl_malloc(ctx, size);

    if (p) {
        b = (wh_json_block_t *) p - 1;

        memcpy(new, p, b->size < size ? b->size : size);

        wh_json_yajl_free(ctx, p);
    }

    return new;
}


static void
wh_json_yajl_free(void *ctx, void *p)
{
    wh_json_t        *j;
    wh_json_block_t  *b;

    if (p == NULL) {
        return;
    }

    j = ctx;
    b = (wh_json_block_t *) p - 1;

    if (b->next) {
        b->next->prev = b->prev;
    }

    if (b->prev) {
        b->prev->next = b->next;

    } else {
        j->blocks = b->next;
    }

    j->mem.free(j->mem.ctx, b);
}


void
wh_json_yajl_destroy(wh_json_t *j)
{
    wh_json_block_t  *b, *next;

    for (b = j->blocks; b; b = next) {
        next = b->next;
        j->mem.free(j->mem.ctx, b);
    }

    j->blocks = NULL;
    j->yajl = NULL;
}
