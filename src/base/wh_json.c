
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_escape.h"
#include "wh_json_local.h"


static void *wh_json_grow(void *ctx, void *old, size_t old_size, size_t size);


static wh_pointer_node_t    wh_json_no_node;
static const wh_pointers_t  wh_json_no_pointers = {
    0, 0, &wh_json_no_node, NULL
};


wh_json_t *
wh_json_create(const wh_pointers_t *set, size_t max_value,
    const wh_alloc_t *mem)
{
    size_t      i, max;
    wh_json_t  *j;

    if (set == NULL) {
        set = &wh_json_no_pointers;
    }

    if (set->n > (SIZE_MAX - sizeof(wh_json_t)) / sizeof(wh_json_slot_t)) {
        return NULL;
    }

    j = mem->alloc(mem->ctx, sizeof(wh_json_t)
                             + set->n * sizeof(wh_json_slot_t));
    if (j == NULL) {
        return NULL;
    }

    /* a frame is cleared when it is needed */

    memset(j, 0, offsetof(wh_json_t, frames));

    j->set = set;
    j->mem = *mem;
    j->max_value = max_value;
    j->slots = (wh_json_slot_t *) (j + 1);
    j->stack = j->frames;
    j->nframes = WH_JSON_FRAMES;

    /*
     * One more than a useful string has.  A number needs some for its first
     * digits, for a zero must not be followed by others.
     */

    max = max_value > set->max_token ? max_value : set->max_token;
    max = max > 16 ? max : 16;

    j->max_units = max < SIZE_MAX ? max + 1 : max;

    j->late.max = SIZE_MAX;
    j->late.grow = wh_json_grow;
    j->late.ctx = j;

    if (set->n) {
        memset(j->slots, 0, set->n * sizeof(wh_json_slot_t));
    }

    for (i = 0; i < set->n; i++) {
        j->slots[i].buf.grow = wh_json_grow;
        j->slots[i].buf.ctx = j;
        j->slots[i].value.text.data = "";
    }

    if (wh_json_yajl_create(j) != WH_OK) {
        wh_json_destroy(j);
        return NULL;
    }

    return j;
}


void
wh_json_destroy(wh_json_t *j)
{
    size_t  i;

    if (j == NULL) {
        return;
    }

    for (i = 0; i < j->set->n; i++) {
        if (j->slots[i].buf.data) {
            j->mem.free(j->mem.ctx, j->slots[i].buf.data);
        }
    }

    if (j->stack != j->frames) {
        j->mem.free(j->mem.ctx, j->stack);
    }

    if (j->late.data) {
        j->mem.free(j->mem.ctx, j->late.data);
    }

    wh_json_yajl_destroy(j);

    j->mem.free(j->mem.ctx, j);
}


void
wh_json_visit(wh_json_t *j, const wh_json_visitor_t *v)
{
    j->visitor = v;
}


int
wh_json_feed(wh_json_t *j, const char *p, size_t n)
{
    int     rc;
    size_t  good;

    if (j->rc != WH_OK) {
        return j->rc;
    }

    if (j->finished) {
        return WH_ERROR;
    }

    good = n;

    rc = wh_utf8_feed(&j->utf8, p, n);

    if (rc != WH_OK) {
        good = (size_t) (j->utf8.offset - j->offset);
    }

    /* an error before the one in UTF-8 counts */

    if (wh_json_scan(j, p, good) != WH_OK) {
        return j->rc;
    }

    j->offset += good;

    if (rc != WH_OK) {

        if (wh_json_flush(j) != WH_OK) {
            return j->rc;
        }

        return wh_json_fail(j, WH_ERROR, j->offset);
    }

    return WH_OK;
}


int
wh_json_finish(wh_json_t *j)
{
    int          digit;
    yajl_status  status;

    if (j->rc != WH_OK || j->finished) {
        return j->rc;
    }

    j->finished = 1;

    if (j->lex != WH_JSON_LEX_TEXT) {

        if (j->done) {
            return wh_json_fail(j, WH_ERROR, j->quote);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    /*
     * A number ends only now; "[1 2" is wrong, while "[1" is incomplete.
     * If the last octet is not of a number that could end here, then an
     * error is due to a part of a token: "tru", "1.".
     */

    if (wh_json_flush(j) != WH_OK) {
        return j->rc;
    }

    digit = wh_json_is_digit(j->prev);

    status = wh_json_yajl_parse(j, " ", 1);

    if (status != yajl_status_ok) {

        if (j->why) {
            return wh_json_fail(j, j->why, j->offset);
        }

        if (digit || j->done) {
            return wh_json_fail(j, WH_ERROR, j->offset);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    status = wh_json_yajl_finish(j);

    if (status != yajl_status_ok) {

        if (j->why) {
            return wh_json_fail(j, j->why, j->offset);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    j->state = WH_JSON_COMPLETE;

    return WH_OK;
}


int
wh_json_state(const wh_json_t *j, uint64_t *offset)
{
    if (offset) {
        *offset = j->state == WH_JSON_INVALID ? j->bad : j->offset;
    }

    return j->state;
}


const wh_json_value_t *
wh_json_value(const wh_json_t *j, size_t i)
{
    return &j->slots[i].value;
}


int
wh_json_fail(wh_json_t *j, int rc, uint64_t offset)
{
    j->rc = rc;

    if (rc != WH_NOMEM) {
        j->state = WH_JSON_INVALID;
        j->bad = offset;
    }

    return rc;
}


static void *
wh_json_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void       *new;
    wh_json_t  *j;

    j = ctx;

    new = j->mem.alloc(j->mem.ctx, size);

    if (new && old) {
        memcpy(new, old, old_size);
        j->mem.free(j->mem.ctx, old);
    }

    return new;
}


int
wh_put_json_value(wh_buf_t *b, int kind, const char *p, size_t n)
{
    switch (kind) {

    case WH_JSON_STRING:
        return wh_put_json_quoted(b, p, n);

    case WH_JSON_BOOL:
    case WH_JSON_NUMBER:
    case WH_JSON_TEXT:
        return wh_buf_put(b, p, n);

    default: /* without a text */
        return wh_buf_put_literal(b, "null");
    }
}
