
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_form_local.h"


static void wh_form_drop(wh_form_t *f);
static void *wh_form_grow(void *ctx, void *old, size_t old_size, size_t size);


wh_form_t *
wh_form_create(const wh_str_t *names, size_t n, int kind, wh_str_t boundary,
    size_t max_value, const wh_alloc_t *mem)
{
    size_t           i, k, max, size;
    wh_form_t       *f;
    wh_form_slot_t  *slot;

    if (kind == WH_FORM_MULTIPART) {
        if (!wh_form_boundary_ok(boundary)) {
            return NULL;
        }

    } else if (kind != WH_FORM_URLENCODED) {
        return NULL;
    }

    max = 0;

    for (i = 0; i < n; i++) {
        max = names[i].len > max ? names[i].len : max;
    }

    if (n > (SIZE_MAX - sizeof(wh_form_t)) / sizeof(wh_form_slot_t)) {
        return NULL;
    }

    size = sizeof(wh_form_t) + n * sizeof(wh_form_slot_t);

    if (max > SIZE_MAX - size) {
        return NULL;
    }

    f = mem->alloc(mem->ctx, size + max);
    if (f == NULL) {
        return NULL;
    }

    memset(f, 0, size);

    f->names = names;
    f->n = n;
    f->slots = (wh_form_slot_t *) (f + 1);
    f->name = (char *) f + size;
    f->max_name = max;
    f->max_value = max_value;
    f->mem = *mem;
    f->kind = kind;

    f->header.grow = wh_form_grow;
    f->header.ctx = f;
    f->header.max = WH_FORM_MAX_HEADER;

    for (i = 0; i < n; i++) {
        slot = &f->slots[i];

        slot->buf.grow = wh_form_grow;
        slot->buf.ctx = f;
        slot->value.text.data = "";

        for (k = 0; k < i; k++) {
            if (names[k].len == names[i].len
                && (names[i].len == 0
                    || memcmp(names[k].data, names[i].data, names[i].len)
                       == 0))
            {
                break;
            }
        }

        slot->same = k;

        if (k == i) {
            f->left++;
        }
    }

    if (kind == WH_FORM_URLENCODED) {
        wh_form_pair_next(f);
        return f;
    }

    memcpy(f->delim, "\r\n--", 4);
    memcpy(f->delim + 4, boundary.data, boundary.len);

    f->delim_len = 4 + boundary.len;

    f->phase = WH_FORM_DATA;
    f->matched = 2;
    f->given = 2;

    return f;
}


void
wh_form_destroy(wh_form_t *f)
{
    size_t  i;

    if (f == NULL) {
        return;
    }

    for (i = 0; i < f->n; i++) {
        if (f->slots[i].buf.data) {
            f->mem.free(f->mem.ctx, f->slots[i].buf.data);
        }
    }

    if (f->header.data) {
        f->mem.free(f->mem.ctx, f->header.data);
    }

    f->mem.free(f->mem.ctx, f);
}


int
wh_form_feed(wh_form_t *f, const char *p, size_t n)
{
    if (f->rc != WH_OK) {
        return f->rc;
    }

    if (f->finished) {
        return WH_ERROR;
    }

    if (f->kind == WH_FORM_URLENCODED) {
        wh_form_pairs(f, p, n);

    } else {
        wh_form_parts(f, p, n);
    }

    return f->rc;
}


int
wh_form_finish(wh_form_t *f)
{
    if (f->rc != WH_OK || f->finished) {
        return f->rc;
    }

    f->finished = 1;

    if (f->kind == WH_FORM_URLENCODED) {
        wh_form_pair_end(f);

    } else if (f->phase != WH_FORM_DONE) {
        f->rc = WH_AGAIN;
    }

    return f->rc;
}


const wh_form_value_t *
wh_form_value(const wh_form_t *f, size_t i)
{
    return &f->slots[f->slots[i].same].value;
}


/* the slot of the current name, if a value for it is wanted still */

wh_form_slot_t *
wh_form_wanted(wh_form_t *f)
{
    size_t           i;
    wh_form_slot_t  *slot;

    for (i = 0; i < f->n; i++) {
        slot = &f->slots[i];

        if (slot->seen || slot->same != i
            || f->names[i].len != f->name_len
            || (f->name_len
                && memcmp(f->names[i].data, f->name, f->name_len) != 0))
        {
            continue;
        }

        slot->seen = 1;
        f->left--;

        return slot;
    }

    return NULL;
}


/* 0 if the current name is longer than any one looked for */

int
wh_form_name_add(wh_form_t *f, const char *p, size_t n)
{
    if (n > f->max_name - f->name_len) {
        return 0;
    }

    if (n) {
        memcpy(f->name + f->name_len, p, n);
        f->name_len += n;
    }

    return 1;
}


void
wh_form_put(wh_form_t *f, const char *p, size_t n)
{
    int        rc;
    wh_buf_t  *b;

    if (f->slot == NULL) {
        return;
    }

    b = &f->slot->buf;

    /* this one may take all that the others have left */

    b->max = b->len + (f->max_value - f->used);

    rc = wh_buf_put(b, p, n);

    if (rc == WH_OK) {
        f->used += n;
        return;
    }

    wh_form_drop(f);

    if (rc == WH_NOMEM) {
        f->rc = WH_NOMEM;
    }
}


/* the current value has ended */

void
wh_form_set(wh_form_t *f)
{
    wh_form_slot_t  *slot;

    slot = f->slot;

    slot->value.found = 1;
    slot->value.text.len = slot->buf.len;

    if (slot->buf.len) {
        slot->value.text.data = slot->buf.data;
    }

    f->slot = NULL;
}


/* the current value is not to be had */

static void
wh_form_drop(wh_form_t *f)
{
    wh_form_slot_t  *slot;

    slot = f->slot;

    f->used -= slot->buf.len;

    if (slot->buf.data) {
        f->mem.free(f->mem.ctx, slot->buf.data);
    }

    slot->buf.data = NULL;
    slot->buf.len = 0;
    slot->buf.size = 0;

    slot->value.truncated = 1;

    f->slot = NULL;
}


static void *
wh_form_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void       *new;
    wh_form_t  *f;

    f = ctx;

    new = f->mem.alloc(f->mem.ctx, size);

    if (new && old) {
        memcpy(new, old, old_size);
        f->mem.free(f->mem.ctx, old);
    }

    return new;
}
