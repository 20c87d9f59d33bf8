
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_diff.h"
#include "wh_escape.h"
#include "wh_number.h"


#define WH_DIFF_MAX_TEXT  (16 * 1024 * 1024)


/* a value; places in the text, and of other nodes; the root is none of these */

typedef struct {
    uint32_t            name;
    uint32_t            name_len;
    uint32_t            start;
    uint32_t            len;
    uint32_t            child;
    uint32_t            next;
    unsigned char       kind;
    unsigned char       put;
} wh_diff_node_t;


typedef struct {
    uint32_t            node;
    uint32_t            last;
    uint32_t            n;
} wh_diff_frame_t;


typedef struct {
    wh_buf_t            text;        /* the same JSON, compact */
    wh_buf_t            nodes;
    wh_alloc_t          mem;
    uint32_t            name;
    uint32_t            name_len;
    size_t              depth;
    wh_diff_frame_t     stack[WH_JSON_MAX_DEPTH];
} wh_diff_t;


static int wh_diff_read(wh_diff_t *d, wh_str_t text, const wh_alloc_t *mem);
static void wh_diff_free(wh_diff_t *d);
static int wh_diff_value(void *ctx, int kind, const char *p, size_t n);
static int wh_diff_open(void *ctx, int kind);
static int wh_diff_name(void *ctx, const char *p, size_t n);
static int wh_diff_close(void *ctx);
static wh_diff_node_t *wh_diff_add(wh_diff_t *d, int kind);
static uint32_t wh_diff_sort(wh_diff_t *d, uint32_t list, uint32_t n);
static uint32_t wh_diff_unique(wh_diff_t *d, uint32_t list);
static int wh_diff_names(wh_diff_t *a, uint32_t i, wh_diff_t *b, uint32_t k);
static int wh_diff_equal(wh_diff_t *a, uint32_t i, wh_diff_t *b, uint32_t k);
static void wh_diff_mark(wh_diff_t *a, wh_diff_t *b);
static size_t wh_diff_put(wh_diff_t *d, wh_buf_t *b);
static void *wh_diff_grow(void *ctx, void *old, size_t old_size, size_t size);


#define wh_diff_node(d, i)                                                    \
    (((wh_diff_node_t *) (void *) (d)->nodes.data) + (i))


int
wh_put_json_diff(wh_buf_t *b, wh_str_t text, wh_str_t other,
    const wh_alloc_t *mem, size_t *n)
{
    int         rc;
    wh_diff_t  *a;

    static const wh_str_t  nothing = { 2, "{}" };

    *n = 0;

    /* the stacks are too large for that of the caller */

    a = mem->alloc(mem->ctx, 2 * sizeof(wh_diff_t));
    if (a == NULL) {
        return WH_NOMEM;
    }

    memset(a, 0, 2 * sizeof(wh_diff_t));

    rc = wh_diff_read(&a[0], text, mem);

    if (rc == WH_OK && wh_diff_node(a, 0)->kind != WH_JSON_OBJECT) {
        rc = WH_ERROR;
    }

    if (rc == WH_OK) {
        rc = wh_diff_read(&a[1], other.len ? other : nothing, mem);
    }

    if (rc == WH_OK) {
        wh_diff_mark(&a[0], &a[1]);
        *n = wh_diff_put(&a[0], b);
        rc = b->err;
    }

    wh_diff_free(&a[0]);
    wh_diff_free(&a[1]);

    mem->free(mem->ctx, a);

    return rc;
}


static int
wh_diff_read(wh_diff_t *d, wh_str_t text, const wh_alloc_t *mem)
{
    int                 rc;
    wh_json_t          *j;
    wh_json_visitor_t   v;

    if (text.len > WH_DIFF_MAX_TEXT) {
        return WH_LIMIT;
    }

    d->mem = *mem;

    d->text.max = SIZE_MAX;
    d->text.grow = wh_diff_grow;
    d->text.ctx = &d->mem;

    d->nodes = d->text;

    v.value = wh_diff_value;
    v.open = wh_diff_open;
    v.name = wh_diff_name;
    v.close = wh_diff_close;
    v.ctx = d;

    /* no token is longer than the text: all are told whole */

    j = wh_json_create(NULL, text.len, mem);
    if (j == NULL) {
        return WH_NOMEM;
    }

    wh_json_visit(j, &v);

    rc = wh_json_feed(j, text.data, text.len);

    if (rc == WH_OK) {
        rc = wh_json_finish(j);
    }

    wh_json_destroy(j);

    return rc == WH_AGAIN ? WH_ERROR : rc;
}


static void
wh_diff_free(wh_diff_t *d)
{
    if (d->text.data) {
        d->mem.free(d->mem.ctx, d->text.data);
    }

    if (d->nodes.data) {
        d->mem.free(d->mem.ctx, d->nodes.data);
    }
}


static int
wh_diff_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_diff_t       *d;
    wh_diff_node_t  *node;

    d = ctx;

    node = wh_diff_add(d, kind);
    if (node == NULL) {
        return WH_NOMEM;
    }

    (void) wh_put_json_value(&d->text, kind, p, n);

    node->len = (uint32_t) d->text.len - node->start;

    return d->text.err;
}


static int
wh_diff_open(void *ctx, int kind)
{
    wh_diff_t        *d;
    wh_diff_node_t   *node;
    wh_diff_frame_t  *frame;

    d = ctx;

    node = wh_diff_add(d, kind);
    if (node == NULL) {
        return WH_NOMEM;
    }

    /* the parser knows how deep it may be */

    frame = &d->stack[d->depth++];

    frame->node = (uint32_t) (node - wh_diff_node(d, 0));
    frame->last = 0;
    frame->n = 0;

    return wh_buf_putc(&d->text, kind == WH_JSON_ARRAY ? '[' : '{');
}


static int
wh_diff_name(void *ctx, const char *p, size_t n)
{
    wh_diff_t  *d;

    d = ctx;

    if (d->stack[d->depth - 1].n) {
        (void) wh_buf_putc(&d->text, ',');
    }

    d->name = (uint32_t) d->text.len;

    (void) wh_put_json_quoted(&d->text, p, n);

    d->name_len = (uint32_t) d->text.len - d->name;

    return wh_buf_putc(&d->text, ':');
}


static int
wh_diff_close(void *ctx)
{
    uint32_t          list;
    wh_diff_t        *d;
    wh_diff_node_t   *node;
    wh_diff_frame_t  *frame;

    d = ctx;

    frame = &d->stack[--d->depth];
    node = wh_diff_node(d, frame->node);

    if (node->kind == WH_JSON_OBJECT) {
        list = wh_diff_sort(d, node->child, frame->n);
        node->child = wh_diff_unique(d, list);
    }

    (void) wh_buf_putc(&d->text, node->kind == WH_JSON_ARRAY ? ']' : '}');

    node->len = (uint32_t) d->text.len - node->start;

    return d->text.err;
}


/* a value begins, whose name is there already if it is in an object */

static wh_diff_node_t *
wh_diff_add(wh_diff_t *d, int kind)
{
    uint32_t          i;
    wh_diff_node_t    node;
    wh_diff_frame_t  *frame;

    memset(&node, 0, sizeof(wh_diff_node_t));

    i = (uint32_t) (d->nodes.len / sizeof(wh_diff_node_t));

    node.kind = (unsigned char) kind;

    if (d->depth) {
        frame = &d->stack[d->depth - 1];

        if (wh_diff_node(d, frame->node)->kind == WH_JSON_OBJECT) {
            node.name = d->name;
            node.name_len = d->name_len;

        } else if (frame->n) {
            (void) wh_buf_putc(&d->text, ',');
        }

        if (frame->n++) {
            wh_diff_node(d, frame->last)->next = i;

        } else {
            wh_diff_node(d, frame->node)->child = i;
        }

        frame->last = i;
    }

    node.start = (uint32_t) d->text.len;

    if (wh_buf_put(&d->nodes, (char *) &node, sizeof(wh_diff_node_t))
        != WH_OK)
    {
        return NULL;
    }

    return wh_diff_node(d, i);
}


/* by name; those of one name stay in their order */

static uint32_t
wh_diff_sort(wh_diff_t *d, uint32_t list, uint32_t n)
{
    uint32_t  i, a, b, head, *tail;

    if (n < 2) {
        return list;
    }

    b = list;

    for (i = 1; i < n / 2; i++) {
        b = wh_diff_node(d, b)->next;
    }

    tail = &wh_diff_node(d, b)->next;
    b = *tail;
    *tail = 0;

    a = wh_diff_sort(d, list, n / 2);
    b = wh_diff_sort(d, b, n - n / 2);

    tail = &head;

    while (a && b) {

        if (wh_diff_names(d, a, d, b) <= 0) {
            *tail = a;
            a = wh_diff_node(d, a)->next;

        } else {
            *tail = b;
            b = wh_diff_node(d, b)->next;
        }

        tail = &wh_diff_node(d, *tail)->next;
    }

    *tail = a ? a : b;

    return head;
}


/* of a sorted list, the last of each name */

static uint32_t
wh_diff_unique(wh_diff_t *d, uint32_t list)
{
    uint32_t  i, *link;

    link = &list;

    while (*link) {
        i = wh_diff_node(d, *link)->next;

        if (i && wh_diff_names(d, *link, d, i) == 0) {
            *link = i;
            continue;
        }

        link = &wh_diff_node(d, *link)->next;
    }

    return list;
}


static int
wh_diff_names(wh_diff_t *a, uint32_t i, wh_diff_t *b, uint32_t k)
{
    int              rc;
    wh_diff_node_t  *x, *y;

    x = wh_diff_node(a, i);
    y = wh_diff_node(b, k);

    rc = memcmp(a->text.data + x->name, b->text.data + y->name,
                x->name_len < y->name_len ? x->name_len : y->name_len);
    if (rc) {
        return rc;
    }

    if (x->name_len == y->name_len) {
        return 0;
    }

    return x->name_len < y->name_len ? -1 : 1;
}


/* no deeper than the parser allows */

static int
wh_diff_equal(wh_diff_t *a, uint32_t i, wh_diff_t *b, uint32_t k)
{
    wh_str_t         s, t;
    wh_diff_node_t  *x, *y;

    x = wh_diff_node(a, i);
    y = wh_diff_node(b, k);

    if (x->kind != y->kind) {
        return 0;
    }

    s.len = x->len;
    s.data = a->text.data + x->start;
    t.len = y->len;
    t.data = b->text.data + y->start;

    if (x->kind == WH_JSON_NUMBER) {
        return wh_number_compare(s, t) == 0;
    }

    if (x->kind != WH_JSON_OBJECT && x->kind != WH_JSON_ARRAY) {
        return s.len == t.len && memcmp(s.data, t.data, s.len) == 0;
    }

    i = x->child;
    k = y->child;

    while (i && k) {

        if (wh_diff_names(a, i, b, k) != 0 || !wh_diff_equal(a, i, b, k)) {
            return 0;
        }

        i = wh_diff_node(a, i)->next;
        k = wh_diff_node(b, k)->next;
    }

    return i == 0 && k == 0;
}


static void
wh_diff_mark(wh_diff_t *a, wh_diff_t *b)
{
    int       rc;
    uint32_t  i, k;

    i = wh_diff_node(a, 0)->child;
    k = 0;

    if (wh_diff_node(b, 0)->kind == WH_JSON_OBJECT) {
        k = wh_diff_node(b, 0)->child;
    }

    while (i) {
        rc = k ? wh_diff_names(a, i, b, k) : -1;

        if (rc > 0) {
            k = wh_diff_node(b, k)->next;
            continue;
        }

        if (rc < 0 || !wh_diff_equal(a, i, b, k)) {
            wh_diff_node(a, i)->put = 1;
        }

        i = wh_diff_node(a, i)->next;
    }
}


static size_t
wh_diff_put(wh_diff_t *d, wh_buf_t *b)
{
    size_t           i, n, m;
    wh_diff_node_t  *node;

    n = 0;
    m = d->nodes.len / sizeof(wh_diff_node_t);

    (void) wh_buf_putc(b, '{');

    for (i = 1; i < m; i++) {
        node = wh_diff_node(d, i);

        if (!node->put) {
            continue;
        }

        if (n++) {
            (void) wh_buf_putc(b, ',');
        }

        (void) wh_buf_put(b, d->text.data + node->name, node->name_len);
        (void) wh_buf_putc(b, ':');
        (void) wh_buf_put(b, d->text.data + node->start, node->len);
    }

    (void) wh_buf_putc(b, '}');

    return n;
}


static void *
wh_diff_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void        *p;
    wh_alloc_t  *mem;

    mem = ctx;

    p = mem->alloc(mem->ctx, size);

    if (p && old) {
        memcpy(p, old, old_size);
        mem->free(mem->ctx, old);
    }

    return p;
}
