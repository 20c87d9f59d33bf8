
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_flatten.h"


typedef struct {
    size_t               len;        /* of its name */
    uint64_t             index;      /* of the next element */
    size_t               joined;     /* where those of this array begin */
    unsigned char        array;
    unsigned char        scalars;
    unsigned char        empty;
} wh_flatten_frame_t;


typedef struct {
    wh_buf_t            *name;
    wh_flatten_how_t     how;
    wh_flatten_pt        leaf;
    void                *ctx;
    size_t               depth;
    wh_flatten_frame_t   stack[WH_JSON_MAX_DEPTH];
} wh_flatten_t;


static int wh_flatten_value(void *ctx, int kind, const char *p, size_t n);
static int wh_flatten_open(void *ctx, int kind);
static int wh_flatten_name(void *ctx, const char *p, size_t n);
static int wh_flatten_close(void *ctx);
static int wh_flatten_join(wh_flatten_t *f, int kind, const char *p, size_t n);
static int wh_flatten_enter(wh_flatten_t *f);
static void wh_flatten_base(wh_flatten_t *f);


int
wh_flatten(const char *p, size_t n, wh_buf_t *name,
    const wh_flatten_how_t *how, wh_flatten_pt leaf, void *ctx,
    const wh_alloc_t *mem)
{
    int                 rc;
    size_t              len;
    wh_json_t          *j;
    wh_flatten_t        f;
    wh_json_visitor_t   v;

    v.value = wh_flatten_value;
    v.open = wh_flatten_open;
    v.name = wh_flatten_name;
    v.close = wh_flatten_close;
    v.ctx = &f;

    f.name = name;
    f.how = *how;
    f.leaf = leaf;
    f.ctx = ctx;
    f.depth = 0;

    /* no token is longer than the text: all are told whole */

    j = wh_json_create(NULL, n, mem);
    if (j == NULL) {
        return WH_NOMEM;
    }

    wh_json_visit(j, &v);

    len = name->len;

    rc = wh_json_feed(j, p, n);

    if (rc == WH_OK) {
        rc = wh_json_finish(j);
    }

    name->len = len;

    wh_json_destroy(j);

    return rc == WH_AGAIN ? WH_ERROR : rc;
}


static int
wh_flatten_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_flatten_t  *f;

    f = ctx;

    if (f->how.joined && f->depth && f->stack[f->depth - 1].array) {
        return wh_flatten_join(f, kind, p, n);
    }

    if (wh_flatten_enter(f) != WH_OK) {
        return f->name->err;
    }

    return f->leaf(f->ctx, f->name, kind, p, n);
}


static int
wh_flatten_open(void *ctx, int kind)
{
    wh_flatten_t        *f;
    wh_flatten_frame_t  *frame;

    f = ctx;

    if (wh_flatten_enter(f) != WH_OK) {
        return f->name->err;
    }

    /* the parser knows how deep it may be */

    frame = &f->stack[f->depth++];

    frame->len = f->name->len;
    frame->index = 0;
    frame->joined = f->how.joined ? f->how.joined->len : 0;
    frame->array = (kind == WH_JSON_ARRAY);
    frame->scalars = 0;
    frame->empty = 1;

    return WH_OK;
}


static int
wh_flatten_name(void *ctx, const char *p, size_t n)
{
    wh_flatten_t  *f;

    f = ctx;

    wh_flatten_base(f);

    return wh_buf_put(f->name, p, n);
}


static int
wh_flatten_close(void *ctx)
{
    size_t               n;
    wh_buf_t            *joined;
    wh_flatten_t        *f;
    wh_flatten_frame_t  *frame;

    f = ctx;
    frame = &f->stack[--f->depth];

    f->name->len = frame->len;

    if (frame->scalars) {
        joined = f->how.joined;
        n = joined->len - frame->joined;
        joined->len = frame->joined;

        return f->leaf(f->ctx, f->name, WH_JSON_STRING,
                       n ? joined->data + frame->joined : "", n);
    }

    if (!frame->empty) {
        return WH_OK;
    }

    return f->leaf(f->ctx, f->name, WH_JSON_NULL, "null", 4);
}


/* an element of an array that is no object or array */

static int
wh_flatten_join(wh_flatten_t *f, int kind, const char *p, size_t n)
{
    wh_buf_t            *joined;
    wh_flatten_frame_t  *frame;

    joined = f->how.joined;
    frame = &f->stack[f->depth - 1];

    frame->index++;
    frame->empty = 0;

    if (frame->scalars) {
        (void) wh_buf_put(joined, f->how.join.data, f->how.join.len);
    }

    frame->scalars = 1;

    if (kind == WH_JSON_NULL) {
        return joined->err;
    }

    return wh_buf_put(joined, p, n);
}


/* a value begins; in an object its name is there already */

static int
wh_flatten_enter(wh_flatten_t *f)
{
    wh_flatten_frame_t  *frame;

    if (f->depth == 0) {
        return f->name->err;
    }

    frame = &f->stack[f->depth - 1];

    if (!frame->array) {
        return f->name->err;
    }

    wh_flatten_base(f);

    return wh_buf_put_number(f->name, frame->index++);
}


/* the name of the object or array, and the separator */

static void
wh_flatten_base(wh_flatten_t *f)
{
    wh_flatten_frame_t  *frame;

    frame = &f->stack[f->depth - 1];

    frame->empty = 0;
    f->name->len = frame->len;

    (void) wh_buf_put(f->name, f->how.separator.data,
                      f->how.separator.len);
}
