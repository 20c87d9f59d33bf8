
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdlib.h>

#include "wh_catalogue.h"


/* while a file is read; texts are offsets as long as they may move */

typedef struct {
    wh_buf_t               *list;      /* wh_catalogue_item_t */
    wh_buf_t               *text;
    wh_buf_t                name;      /* of the member, with its objects' */
    size_t                  line;
    size_t                  depth;
    size_t                  stack[WH_JSON_MAX_DEPTH];
    wh_catalogue_error_t   *err;
} wh_catalogue_reader_t;


static int wh_catalogue_parse(wh_catalogue_reader_t *r, wh_str_t file,
    wh_json_t *j);
static int wh_catalogue_invalid(wh_catalogue_reader_t *r, wh_str_t file,
    uint64_t offset);
static int wh_catalogue_value(void *ctx, int kind, const char *p, size_t n);
static int wh_catalogue_open(void *ctx, int kind);
static int wh_catalogue_name(void *ctx, const char *p, size_t n);
static int wh_catalogue_close(void *ctx);
static int wh_catalogue_error(wh_catalogue_reader_t *r, const char *what);
static int wh_catalogue_sort(wh_catalogue_t *c, wh_catalogue_error_t *err);
static int wh_catalogue_by_name(const void *one, const void *two);
static int wh_catalogue_compare(wh_str_t a, wh_str_t group, wh_str_t name);


int
wh_catalogue_read(wh_catalogue_t *c, wh_str_t file,
    void *(*grow)(void *ctx, void *old, size_t old_size, size_t size),
    void *ctx, const wh_alloc_t *mem, wh_catalogue_error_t *err)
{
    int                    rc;
    size_t                 i;
    wh_buf_t               list, text;
    const char            *last;
    wh_json_t             *j;
    wh_json_visitor_t      v;
    wh_catalogue_reader_t  r;

    memset(&list, 0, sizeof(wh_buf_t));

    list.max = SIZE_MAX;
    list.grow = grow;
    list.ctx = ctx;

    text = list;

    r.list = &list;
    r.text = &text;
    r.name = list;
    r.depth = 0;
    r.err = err;

    memset(err, 0, sizeof(wh_catalogue_error_t));

    v.value = wh_catalogue_value;
    v.open = wh_catalogue_open;
    v.name = wh_catalogue_name;
    v.close = wh_catalogue_close;
    v.ctx = &r;

    j = wh_json_create(NULL, file.len, mem);
    if (j == NULL) {
        return WH_NOMEM;
    }

    wh_json_visit(j, &v);

    rc = wh_catalogue_parse(&r, file, j);

    wh_json_destroy(j);

    if (rc != WH_OK) {
        return rc;
    }

    c->n = list.len / sizeof(wh_translation_t);
    c->list = (wh_translation_t *) (void *) list.data;
    c->parent = NULL;

    /* name and text are one after the other; all of them may be empty */

    last = text.len ? text.data : "";

    for (i = 0; i < c->n; i++) {
        c->list[i].name.data = last;
        last += c->list[i].name.len;
        c->list[i].text.data = last;
        last += c->list[i].text.len;
    }

    return wh_catalogue_sort(c, err);
}


/* line by line, so that it is known where something is */

static int
wh_catalogue_parse(wh_catalogue_reader_t *r, wh_str_t file, wh_json_t *j)
{
    int          rc;
    size_t       n;
    uint64_t     offset;
    const char  *p, *last, *lf;

    p = file.data;
    last = file.len ? file.data + file.len : p;

    for (r->line = 1; p < last; r->line++) {
        lf = memchr(p, '\n', (size_t) (last - p));
        n = lf ? (size_t) (lf + 1 - p) : (size_t) (last - p);

        rc = wh_json_feed(j, p, n);

        if (rc != WH_OK) {
            break;
        }

        p += n;
    }

    rc = wh_json_finish(j);

    if (r->list->err || r->text->err || r->name.err) {
        return WH_NOMEM;
    }

    if (rc == WH_OK || rc == WH_NOMEM || r->err->what) {
        return r->err->what ? WH_ERROR : rc;
    }

    if (rc == WH_AGAIN) {
        offset = file.len;

    } else {
        (void) wh_json_state(j, &offset);
    }

    return wh_catalogue_invalid(r, file, offset);
}


static int
wh_catalogue_invalid(wh_catalogue_reader_t *r, wh_str_t file, uint64_t offset)
{
    size_t  i;

    r->err->what = offset < file.len ? "is not JSON in UTF-8"
                                     : "is JSON that ends too early";
    r->err->line = 1;
    r->err->column = 1;

    for (i = 0; i < file.len && i < offset; i++) {

        if (file.data[i] == '\n') {
            r->err->line++;
            r->err->column = 0;
        }

        r->err->column++;
    }

    return WH_ERROR;
}


static int
wh_catalogue_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_translation_t        t;
    wh_catalogue_reader_t  *r;

    r = ctx;

    if (r->depth == 0) {
        return wh_catalogue_error(r, "is not an object");
    }

    if (kind != WH_JSON_STRING) {
        return wh_catalogue_error(r, "has a value that is neither a string "
                                     "nor an object");
    }

    t.name.len = r->name.len;
    t.name.data = NULL;
    t.text.len = n;
    t.text.data = NULL;
    t.line = r->line;

    (void) wh_buf_put(r->text, r->name.data, r->name.len);
    (void) wh_buf_put(r->text, p, n);

    if (r->text->err) {
        return r->text->err;
    }

    return wh_buf_put(r->list, (char *) &t, sizeof(wh_translation_t));
}


static int
wh_catalogue_open(void *ctx, int kind)
{
    wh_catalogue_reader_t  *r;

    r = ctx;

    if (kind != WH_JSON_OBJECT) {
        return wh_catalogue_error(r, r->depth ? "has a value that is neither "
                                                "a string nor an object"
                                              : "is not an object");
    }

    if (r->depth) {
        (void) wh_buf_putc(&r->name, '.');
    }

    /* the parser knows how deep it may be */

    r->stack[r->depth++] = r->name.len;

    return r->name.err;
}


static int
wh_catalogue_name(void *ctx, const char *p, size_t n)
{
    wh_catalogue_reader_t  *r;

    r = ctx;
    r->name.len = r->stack[r->depth - 1];

    return wh_buf_put(&r->name, p, n);
}


static int
wh_catalogue_close(void *ctx)
{
    wh_catalogue_reader_t  *r;

    r = ctx;
    r->depth--;

    return WH_OK;
}


static int
wh_catalogue_error(wh_catalogue_reader_t *r, const char *what)
{
    r->err->what = what;
    r->err->line = r->line;
    r->err->name.len = r->name.len;
    r->err->name.data = r->name.data;

    return WH_ERROR;
}


static int
wh_catalogue_sort(wh_catalogue_t *c, wh_catalogue_error_t *err)
{
    size_t             i;
    wh_translation_t  *a, *b;

    if (c->n == 0) {
        return WH_OK;
    }

    qsort(c->list, c->n, sizeof(wh_translation_t), wh_catalogue_by_name);

    for (i = 1; i < c->n; i++) {
        a = &c->list[i - 1];
        b = &c->list[i];

        if (a->name.len == b->name.len
            && (a->name.len == 0
                || memcmp(a->name.data, b->name.data, a->name.len) == 0))
        {
            err->what = "has a name twice";
            err->name = b->name;
            err->line = b->line;

            return WH_ERROR;
        }
    }

    return WH_OK;
}


/* of equal ones the first in the file is first */

static int
wh_catalogue_by_name(const void *one, const void *two)
{
    int                      rc;
    wh_str_t                 none;
    const wh_translation_t  *a, *b;

    a = one;
    b = two;

    none.len = 0;
    none.data = "";

    rc = wh_catalogue_compare(a->name, none, b->name);

    if (rc) {
        return rc;
    }

    return a->line < b->line ? -1 : a->line > b->line;
}


const wh_str_t *
wh_catalogue_find(const wh_catalogue_t *c, wh_str_t group, wh_str_t name)
{
    int     rc;
    size_t  left, right, middle;

    for ( /* void */ ; c; c = c->parent) {
        left = 0;
        right = c->n;

        while (left < right) {
            middle = left + (right - left) / 2;

            rc = wh_catalogue_compare(c->list[middle].name, group, name);

            if (rc == 0) {
                return &c->list[middle].text;
            }

            if (rc < 0) {
                left = middle + 1;

            } else {
                right = middle;
            }
        }
    }

    return NULL;
}


/* a name with one in two pieces */

static int
wh_catalogue_compare(wh_str_t a, wh_str_t group, wh_str_t name)
{
    int     rc;
    size_t  n;

    n = a.len < group.len ? a.len : group.len;

    /* nothing may be NULL */

    rc = n ? memcmp(a.data, group.data, n) : 0;

    if (rc || a.len < group.len) {
        return rc ? rc : -1;
    }

    a.data += group.len;
    a.len -= group.len;

    n = a.len < name.len ? a.len : name.len;

    rc = n ? memcmp(a.data, name.data, n) : 0;

    if (rc == 0 && a.len != name.len) {
        rc = a.len < name.len ? -1 : 1;
    }

    return rc;
}
