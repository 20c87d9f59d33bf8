
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_escape.h"
#include "wh_json_local.h"


static int wh_json_null(void *ctx);
static int wh_json_boolean(void *ctx, int v);
static int wh_json_number(void *ctx, const char *p, size_t n);
static int wh_json_string(void *ctx, const unsigned char *p, size_t n);
static int wh_json_start_map(void *ctx);
static int wh_json_map_key(void *ctx, const unsigned char *p, size_t n);
static int wh_json_end_map(void *ctx);
static int wh_json_start_array(void *ctx);
static int wh_json_end_array(void *ctx);
static const wh_pointer_node_t *wh_json_enter(wh_json_t *j);
static int wh_json_scalar(wh_json_t *j, int kind, const char *p, size_t n);
static int wh_json_open(wh_json_t *j, int array);
static int wh_json_deeper(wh_json_t *j);
static int wh_json_close(wh_json_t *j, const char *p);
static void wh_json_visited(wh_json_t *j, int rc);
static void wh_json_ended(wh_json_t *j);
static void wh_json_reset(wh_json_t *j, const wh_pointer_node_t *node);
static void wh_json_put_active(wh_json_t *j, const char *p, size_t n,
    int quoted);
static void wh_json_put(wh_json_t *j, wh_json_slot_t *slot, const char *p,
    size_t n, int quoted);
static void wh_json_set(wh_json_slot_t *slot, int kind);
static void wh_json_clear(wh_json_t *j, wh_json_slot_t *slot, int truncated);


const yajl_callbacks  wh_json_callbacks = {
    wh_json_null,
    wh_json_boolean,
    NULL,
    NULL,
    wh_json_number,
    wh_json_string,
    wh_json_start_map,
    wh_json_map_key,
    wh_json_end_map,
    wh_json_start_array,
    wh_json_end_array
};


static int
wh_json_null(void *ctx)
{
    return wh_json_scalar(ctx, WH_JSON_NULL, "null", 4);
}


static int
wh_json_boolean(void *ctx, int v)
{
    if (v) {
        return wh_json_scalar(ctx, WH_JSON_BOOL, "true", 4);
    }

    return wh_json_scalar(ctx, WH_JSON_BOOL, "false", 5);
}


static int
wh_json_number(void *ctx, const char *p, size_t n)
{
    return wh_json_scalar(ctx, WH_JSON_NUMBER, p, n);
}


static int
wh_json_string(void *ctx, const unsigned char *p, size_t n)
{
    return wh_json_scalar(ctx, WH_JSON_STRING, (const char *) p, n);
}


static int
wh_json_start_map(void *ctx)
{
    return wh_json_open(ctx, 0);
}


static int
wh_json_map_key(void *ctx, const unsigned char *p, size_t n)
{
    wh_json_t        *j;
    wh_json_slot_t   *slot;
    wh_json_frame_t  *f;

    j = ctx;
    f = &j->stack[j->depth - 1];

    if (f->comma) {
        wh_json_put_active(j, ",", 1, 0);
    }

    f->comma = 1;
    f->member = NULL;

    if (j->elided) {
        j->elided = 0;

        for (slot = j->active; slot; slot = slot->next) {
            wh_json_clear(j, slot, 1);
        }

        return j->why == WH_OK;
    }

    if (f->node) {
        f->member = wh_pointer_member(f->node, (const char *) p, n);
    }

    wh_json_put_active(j, (const char *) p, n, 1);
    wh_json_put_active(j, ":", 1, 0);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->name(j->visitor->ctx,
                                            (const char *) p, n));
    }

    return j->why == WH_OK;
}


static int
wh_json_end_map(void *ctx)
{
    return wh_json_close(ctx, "}");
}


static int
wh_json_start_array(void *ctx)
{
    return wh_json_open(ctx, 1);
}


static int
wh_json_end_array(void *ctx)
{
    return wh_json_close(ctx, "]");
}


/* a value begins: gives its node, all under which is void from now on */

static const wh_pointer_node_t *
wh_json_enter(wh_json_t *j)
{
    wh_json_frame_t          *f;
    const wh_pointer_node_t  *node;

    if (j->depth == 0) {
        node = j->set->root;

    } else {
        f = &j->stack[j->depth - 1];

        if (f->array) {

            if (f->comma) {
                wh_json_put_active(j, ",", 1, 0);
            }

            f->comma = 1;

            node = f->node ? wh_pointer_element(f->node, f->index) : NULL;
            f->index++;

        } else {
            node = f->member;
        }
    }

    if (node) {
        wh_json_reset(j, node);
    }

    return node;
}


static int
wh_json_scalar(wh_json_t *j, int kind, const char *p, size_t n)
{
    int                       quoted;
    unsigned                  elided;
    wh_json_slot_t           *slot;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *node;

    elided = j->elided;
    j->elided = 0;

    quoted = (kind == WH_JSON_STRING);

    node = wh_json_enter(j);

    if (elided) {
        for (slot = j->active; slot; slot = slot->next) {
            wh_json_clear(j, slot, 1);
        }

    } else {
        wh_json_put_active(j, p, n, quoted);
    }

    for (item = node ? node->items : NULL; item; item = item->next) {
        slot = &j->slots[item - j->set->items];

        if (elided) {
            wh_json_clear(j, slot, 1);
            continue;
        }

        if (item->raw) {
            wh_json_put(j, slot, p, n, quoted);
            wh_json_set(slot, WH_JSON_TEXT);
            continue;
        }

        switch (kind) {

        case WH_JSON_NULL:
            slot->value.kind = kind;
            break;

        case WH_JSON_BOOL:

            /* static text, it takes nothing */

            slot->value.kind = kind;
            slot->value.text.data = p;
            slot->value.text.len = n;
            break;

        default:
            wh_json_put(j, slot, p, n, 0);
            wh_json_set(slot, kind);
        }
    }

    wh_json_ended(j);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->value(j->visitor->ctx, kind, p, n));
    }

    return j->why == WH_OK;
}


static int
wh_json_open(wh_json_t *j, int array)
{
    wh_json_slot_t           *slot;
    wh_json_frame_t          *f;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *node;

    if (j->depth == WH_JSON_MAX_DEPTH) {
        j->why = WH_LIMIT;
        return 0;
    }

    if (j->depth == j->nframes && wh_json_deeper(j) != WH_OK) {
        j->why = WH_NOMEM;
        return 0;
    }

    node = wh_json_enter(j);

    f = &j->stack[j->depth++];

    memset(f, 0, sizeof(wh_json_frame_t));

    f->node = node;
    f->array = array ? 1 : 0;

    for (item = node ? node->items : NULL; item; item = item->next) {
        slot = &j->slots[item - j->set->items];

        if (item->raw) {
            slot->level = j->depth;
            slot->next = j->active;
            j->active = slot;

        } else {
            slot->value.kind = array ? WH_JSON_ARRAY : WH_JSON_OBJECT;
        }
    }

    wh_json_put_active(j, array ? "[" : "{", 1, 0);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->open(j->visitor->ctx,
                                            array ? WH_JSON_ARRAY
                                                  : WH_JSON_OBJECT));
    }

    return j->why == WH_OK;
}


static int
wh_json_deeper(wh_json_t *j)
{
    wh_json_frame_t  *stack;

    stack = j->mem.alloc(j->mem.ctx, 2 * j->nframes * sizeof(wh_json_frame_t));
    if (stack == NULL) {
        return WH_NOMEM;
    }

    memcpy(stack, j->stack, j->nframes * sizeof(wh_json_frame_t));

    if (j->stack != j->frames) {
        j->mem.free(j->mem.ctx, j->stack);
    }

    j->stack = stack;
    j->nframes *= 2;

    return WH_OK;
}


static int
wh_json_close(wh_json_t *j, const char *p)
{
    wh_json_put_active(j, p, 1, 0);

    while (j->active && j->active->level == j->depth) {
        wh_json_set(j->active, WH_JSON_TEXT);
        j->active = j->active->next;
    }

    j->depth--;

    wh_json_ended(j);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->close(j->visitor->ctx));
    }

    return j->why == WH_OK;
}


/* the first error counts */

static void
wh_json_visited(wh_json_t *j, int rc)
{
    if (j->why == WH_OK) {
        j->why = rc;
    }
}


static void
wh_json_ended(wh_json_t *j)
{
    j->last = j->at + yajl_get_bytes_consumed(j->yajl);

    if (j->depth == 0) {
        j->done = 1;
    }
}


/* what an earlier value of the same name gave is gone, at any depth */

static void
wh_json_reset(wh_json_t *j, const wh_pointer_node_t *node)
{
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *n;

    n = node;

    for ( ;; ) {

        for (item = n->items; item; item = item->next) {
            wh_json_clear(j, &j->slots[item - j->set->items], 0);
        }

        if (n->child) {
            n = n->child;
            continue;
        }

        while (n != node && n->next == NULL) {
            n = n->parent;
        }

        if (n == node) {
            return;
        }

        n = n->next;
    }
}


static void
wh_json_put_active(wh_json_t *j, const char *p, size_t n, int quoted)
{
    wh_json_slot_t  *slot;

    if (j->active == NULL) {
        return;
    }

    for (slot = j->active; slot; slot = slot->next) {
        wh_json_put(j, slot, p, n, quoted);
    }
}


static void
wh_json_put(wh_json_t *j, wh_json_slot_t *slot, const char *p, size_t n,
    int quoted)
{
    int        rc;
    size_t     len;
    wh_buf_t  *b;

    if (slot->value.truncated) {
        return;
    }

    b = &slot->buf;

    /* this one may take all that the others have left */

    len = b->len;
    b->max = len + (j->max_value - j->used);

    if (quoted) {
        rc = wh_put_json_quoted(b, p, n);

    } else if (n) {
        rc = wh_buf_put(b, p, n);

    } else {
        rc = WH_OK;
    }

    if (rc == WH_OK) {
        j->used += b->len - len;
        return;
    }

    b->len = len;

    wh_json_clear(j, slot, 1);

    if (rc == WH_NOMEM) {
        j->why = WH_NOMEM;
    }
}


static void
wh_json_set(wh_json_slot_t *slot, int kind)
{
    if (slot->value.truncated) {
        return;
    }

    slot->value.kind = kind;
    slot->value.text.len = slot->buf.len;

    if (slot->buf.len) {
        slot->value.text.data = slot->buf.data;
    }
}


static void
wh_json_clear(wh_json_t *j, wh_json_slot_t *slot, int truncated)
{
    j->used -= slot->buf.len;

    if (slot->buf.data) {
        j->mem.free(j->mem.ctx, slot->buf.data);
    }

    slot->buf.data = NULL;
    slot->buf.len = 0;
    slot->buf.size = 0;
    slot->buf.err = WH_OK;

    slot->value.kind = WH_JSON_NONE;
    slot->value.truncated = truncated;
    slot->value.text.data = "";
    slot->value.text.len = 0;
}
