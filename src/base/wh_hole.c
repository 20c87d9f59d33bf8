
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_hole.h"
#include "wh_escape.h"
#include "wh_id.h"


static int wh_hole_value(wh_buf_t *out, unsigned kind, const wh_attempt_t *v);
static int wh_hole_get(wh_str_t holes, size_t at, wh_hole_t *hole);


void
wh_holes_begin(wh_holes_t *h, const wh_buf_t *out)
{
    h->list.len = 0;
    h->from = out->len;
}


int
wh_hole_put(wh_holes_t *h, wh_buf_t *out, wh_hole_e kind,
    const wh_attempt_t *v)
{
    wh_hole_t  hole;

    hole.pos = out->len - h->from;
    hole.kind = kind;

    (void) wh_hole_value(out, kind, v);

    if (out->err) {
        return out->err;
    }

    hole.len = out->len - h->from - hole.pos;

    return wh_buf_put(&h->list, (char *) &hole, sizeof(wh_hole_t));
}


void
wh_holes_move(wh_holes_t *h, size_t *done, size_t start, size_t len,
    size_t to)
{
    size_t      i, n;
    wh_hole_t  *list;

    list = (wh_hole_t *) (void *) h->list.data;
    n = h->list.len / sizeof(wh_hole_t);

    /* "done" are there already, then come those that were not looked at */

    for (i = *done; i < n && list[i].pos + h->from < start; i++) {
        /* gone */
    }

    n -= i - *done;

    if (i != *done) {
        memmove(&list[*done], &list[i], (n - *done) * sizeof(wh_hole_t));
    }

    for (i = *done; i < n && list[i].pos + h->from < start + len; i++) {
        list[i].pos -= start - to;
    }

    *done = i;

    h->list.len = n * sizeof(wh_hole_t);
}


int
wh_holes_close(wh_holes_t *h, wh_buf_t *out)
{
    char        p[WH_HOLE_SIZE];
    size_t      i, n, pos;
    wh_hole_t  *list;

    if (h->list.err) {
        out->err = out->err ? out->err : h->list.err;
        return out->err;
    }

    list = (wh_hole_t *) (void *) h->list.data;
    n = h->list.len / sizeof(wh_hole_t);

    if (n == 0) {
        return out->err;
    }

    (void) wh_delivery_open(out, WH_FIELD_HOLES, &pos);

    for (i = 0; i < n && out->err == WH_OK; i++) {

        if (list[i].pos > UINT32_MAX) {
            out->err = WH_LIMIT;
            break;
        }

        wh_put_le32(p, (uint32_t) list[i].pos);
        p[4] = (char) list[i].len;
        p[5] = (char) list[i].kind;

        (void) wh_buf_put(out, p, WH_HOLE_SIZE);
    }

    h->list.len = 0;

    return wh_delivery_close(out, pos);
}


int
wh_holes_field(wh_str_t record, size_t *pos, unsigned *type, wh_str_t *value,
    wh_str_t *holes)
{
    int       rc;
    size_t    next;
    unsigned  t;

    holes->len = 0;
    holes->data = NULL;

    rc = wh_delivery_next(record, pos, type, value);

    if (rc != WH_OK || *type == WH_FIELD_HOLES) {
        return rc;
    }

    next = *pos;

    if (wh_delivery_next(record, &next, &t, holes) == WH_OK
        && t == WH_FIELD_HOLES)
    {
        *pos = next;
        return WH_OK;
    }

    holes->len = 0;
    holes->data = NULL;

    return WH_OK;
}


int
wh_holes_fill(wh_buf_t *out, wh_str_t text, wh_str_t holes,
    const wh_attempt_t *v)
{
    size_t     at, pos;
    wh_hole_t  hole;

    pos = 0;

    if (holes.len % WH_HOLE_SIZE) {
        return WH_ERROR;
    }

    for (at = 0; at < holes.len; at += WH_HOLE_SIZE) {

        if (wh_hole_get(holes, at, &hole) != WH_OK
            || hole.pos < pos
            || hole.pos > text.len
            || hole.len > text.len - hole.pos)
        {
            return WH_ERROR;
        }

        if (hole.pos > pos) {
            (void) wh_buf_put(out, text.data + pos, hole.pos - pos);
        }

        (void) wh_hole_value(out, hole.kind, v);

        pos = hole.pos + hole.len;
    }

    if (pos == text.len) {
        return out->err;
    }

    return wh_buf_put(out, text.data + pos, text.len - pos);
}


static int
wh_hole_value(wh_buf_t *out, unsigned kind, const wh_attempt_t *v)
{
    char  iso[24];

    switch (kind) {

    case WH_HOLE_ATTEMPT:
        return wh_buf_put_number(out, v->number);

    case WH_HOLE_RETRY:
        return wh_buf_put_number(out, v->number - 1);

    case WH_HOLE_UNIX:
        return wh_buf_put_number(out, v->time / 1000);

    case WH_HOLE_MS:
        return wh_buf_put_number(out, v->time);

    case WH_HOLE_US:
        return wh_buf_put_number(out, v->time * 1000);

    default: /* WH_HOLE_TIME, WH_HOLE_TIME_URL */
        wh_time_iso(iso, v->time);
        return kind == WH_HOLE_TIME ? wh_buf_put(out, iso, sizeof(iso))
                                    : wh_put_url(out, iso, sizeof(iso));
    }
}


static int
wh_hole_get(wh_str_t holes, size_t at, wh_hole_t *hole)
{
    hole->pos = wh_get_le32(holes.data + at);
    hole->len = (unsigned char) holes.data[at + 4];
    hole->kind = (unsigned char) holes.data[at + 5];

    return hole->kind >= WH_HOLE_ATTEMPT && hole->kind <= WH_HOLE_US
           ? WH_OK : WH_ERROR;
}
