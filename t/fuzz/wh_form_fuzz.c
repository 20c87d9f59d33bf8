
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_escape.h"
#include "wh_form.h"


/*
 * However a text is split, and whatever max_value is, the outcome is the same
 * but for what is truncated; what was found is found again in a form that is
 * made of it; running out of memory at any time leaks nothing.
 *
 * The first octet chooses the kind of the text, or that it is the value of a
 * Content-Type, the second one the boundary, the third one is a seed for
 * sizes; the rest is the text.
 */


#define NNAMES   7
#define MAX_BIG  (1 << 20)


typedef struct {
    size_t       blocks;
    size_t       calls;
    size_t       fail_at;
} mem_t;


typedef struct {
    int          kind;
    wh_str_t     boundary;
    const char  *p;
    size_t       n;
} text_t;


static void type(const char *p, size_t n);
static void form(const text_t *t, unsigned seed);
static wh_form_t *parse(const text_t *t, size_t step, size_t max,
    mem_t *mem);
static void compare(wh_form_t *a, wh_form_t *b, int truncated);
static void again(const text_t *t, wh_form_t *f, mem_t *mem);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


/* the third one is the first once more */

static const wh_str_t  names[NNAMES] = {
    { 1, "a" }, { 2, "bb" }, { 1, "a" }, { 0, "" }, { 3, "\"\r\n" },
    { 4, "name" }, { 3, "%41" }
};

static const wh_str_t  boundaries[] = {
    { 1, "b" }, { 1, "-" }, { 3, "--b" }, { 4, "AaBb" }, { 3, "b b" },
    { 37, "----WebKitFormBoundary7MA4YWxkTrZu0gW" }
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    text_t  t;
    size_t  n;

    if (size < 3) {
        return 0;
    }

    t.p = (const char *) data + 3;
    t.n = size - 3;

    n = sizeof(boundaries) / sizeof(boundaries[0]);
    t.boundary = boundaries[data[1] % n];

    switch (data[0] % 3) {

    case 0:
        type(t.p, t.n);
        break;

    case 1:
        t.kind = WH_FORM_URLENCODED;
        form(&t, data[2]);
        break;

    default:
        t.kind = WH_FORM_MULTIPART;
        form(&t, data[2]);
    }

    return 0;
}


static void
type(const char *p, size_t n)
{
    int          rc, kind;
    mem_t        mem;
    wh_str_t     in, boundary;
    wh_form_t   *f;
    wh_alloc_t   a;

    in.data = p;
    in.len = n;

    rc = wh_form_type(in, &kind, &boundary);

    if (rc != WH_OK || kind != WH_FORM_MULTIPART) {
        CHECK(rc == WH_OK || kind == WH_FORM_MULTIPART);
        CHECK(boundary.len == 0 && boundary.data != NULL);
        return;
    }

    CHECK(boundary.len > 0 && boundary.len <= WH_FORM_MAX_BOUNDARY);
    CHECK(boundary.data >= p && boundary.data + boundary.len <= p + n);

    memset(&mem, 0, sizeof(mem_t));

    a.alloc = mem_alloc;
    a.free = mem_free;
    a.ctx = &mem;

    f = wh_form_create(names, NNAMES, kind, boundary, 10, &a);
    CHECK(f != NULL);

    CHECK(wh_form_feed(f, "--", 2) == WH_OK);
    CHECK(wh_form_feed(f, boundary.data, boundary.len) == WH_OK);
    CHECK(wh_form_feed(f, "--", 2) == WH_OK);
    CHECK(wh_form_finish(f) == WH_OK);

    wh_form_destroy(f);
    CHECK(mem.blocks == 0);
}


static void
form(const text_t *t, unsigned seed)
{
    mem_t       mem;
    size_t      i;
    wh_form_t  *whole, *other, *same;

    memset(&mem, 0, sizeof(mem_t));

    whole = parse(t, t->n, MAX_BIG, &mem);
    CHECK(whole != NULL);

    other = parse(t, 1, MAX_BIG, &mem);
    compare(whole, other, 0);
    wh_form_destroy(other);

    other = parse(t, seed % 32 + 2, MAX_BIG, &mem);
    compare(whole, other, 0);
    wh_form_destroy(other);

    for (i = 1; i < 8; i += 5) {
        other = parse(t, i, seed % 32, &mem);
        same = parse(t, t->n, seed % 32, &mem);

        compare(same, other, 0);
        compare(whole, other, 1);

        wh_form_destroy(other);
        wh_form_destroy(same);
    }

    again(t, whole, &mem);

    wh_form_destroy(whole);
    CHECK(mem.blocks == 0);

    /* out of memory, somewhere */

    mem.calls = 0;
    mem.fail_at = seed % 12 + 1u;

    wh_form_destroy(parse(t, 3, MAX_BIG, &mem));
    CHECK(mem.blocks == 0);
}


static wh_form_t *
parse(const text_t *t, size_t step, size_t max, mem_t *mem)
{
    int          rc, end;
    char        *piece;
    size_t       i, len, used;
    wh_form_t   *f;
    wh_alloc_t   a;

    a.alloc = mem_alloc;
    a.free = mem_free;
    a.ctx = mem;

    f = wh_form_create(names, NNAMES, t->kind, t->boundary, max, &a);
    if (f == NULL) {
        return NULL;
    }

    rc = WH_OK;

    for (i = 0; i < t->n; i += len) {
        len = t->n - i < step ? t->n - i : step;

        /* a block of its own, for the sanitizer */

        piece = malloc(len);
        CHECK(piece != NULL);

        memcpy(piece, t->p + i, len);
        rc = wh_form_feed(f, piece, len);
        free(piece);
    }

    end = wh_form_finish(f);

    CHECK(rc == WH_OK || end == rc);
    CHECK(end == wh_form_finish(f));
    CHECK(mem->fail_at || end != WH_NOMEM);
    CHECK(t->kind == WH_FORM_MULTIPART || end == WH_OK || end == WH_NOMEM);

    used = 0;

    for (i = 0; i < NNAMES; i++) {
        used += i == 2 ? 0 : wh_form_value(f, i)->text.len;
    }

    CHECK(used <= max);

    return f;
}


/* b may be truncated where a is not */

static void
compare(wh_form_t *a, wh_form_t *b, int truncated)
{
    size_t                  i;
    const wh_form_value_t  *v, *w;

    CHECK(wh_form_finish(a) == wh_form_finish(b));

    for (i = 0; i < NNAMES; i++) {
        v = wh_form_value(a, i);
        w = wh_form_value(b, i);

        if (truncated && w->truncated) {
            CHECK(!w->found && w->text.len == 0);
            continue;
        }

        CHECK(v->truncated == w->truncated);
        CHECK(v->found == w->found);
        CHECK(v->text.len == w->text.len);
        CHECK(memcmp(v->text.data, w->text.data, v->text.len) == 0);
    }
}


static void
again(const text_t *t, wh_form_t *f, mem_t *mem)
{
    size_t                  i;
    text_t                  made;
    wh_buf_t                b;
    wh_form_t              *other;
    const wh_form_value_t  *v, *w;

    made = *t;

    fuzz_buf(&b, MAX_BIG * 8);

    for (i = 0; i < NNAMES; i++) {
        v = wh_form_value(f, i);

        if (!v->found) {
            continue;
        }

        if (t->kind == WH_FORM_URLENCODED) {
            wh_put_form(&b, names[i].data, names[i].len);
            wh_buf_putc(&b, '=');
            wh_put_form(&b, v->text.data, v->text.len);
            wh_buf_putc(&b, '&');
            continue;
        }

        wh_buf_put_literal(&b, "\r\n--");
        wh_buf_put(&b, t->boundary.data, t->boundary.len);
        wh_buf_put_literal(&b, "\r\nContent-Disposition: form-data; name=\"");

        if (i == 4) {
            wh_buf_put_literal(&b, "%22%0D%0A");

        } else {
            wh_buf_put(&b, names[i].data, names[i].len);
        }

        wh_buf_put_literal(&b, "\"\r\n\r\n");
        wh_buf_put(&b, v->text.data, v->text.len);
    }

    if (t->kind == WH_FORM_MULTIPART) {
        wh_buf_put_literal(&b, "\r\n--");
        wh_buf_put(&b, t->boundary.data, t->boundary.len);
        wh_buf_put_literal(&b, "--");
    }

    CHECK(b.err == WH_OK);

    made.p = b.data;
    made.n = b.len;

    other = parse(&made, made.n, MAX_BIG, mem);

    CHECK(wh_form_finish(other) == WH_OK);

    for (i = 0; i < NNAMES; i++) {
        v = wh_form_value(f, i);
        w = wh_form_value(other, i);

        CHECK(v->found == w->found);
        CHECK(v->text.len == w->text.len);
        CHECK(memcmp(v->text.data, w->text.data, v->text.len) == 0);
    }

    wh_form_destroy(other);
    free(b.data);
}


static void *
mem_alloc(void *ctx, size_t size)
{
    void   *p;
    mem_t  *m;

    m = ctx;

    if (++m->calls == m->fail_at) {
        return NULL;
    }

    p = malloc(size);
    CHECK(p != NULL);

    m->blocks++;

    return p;
}


static void
mem_free(void *ctx, void *p)
{
    mem_t  *m;

    m = ctx;
    m->blocks--;

    free(p);
}
