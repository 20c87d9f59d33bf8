
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_json.h"
#include "wh_utf8.h"


/*
 * However a text is split, and whatever max_value is, the outcome is the same
 * but for what is truncated; what is embedded raw is JSON, equal to itself
 * when it is taken once more; running out of memory at any time leaks nothing.
 *
 * The first octet is a seed for sizes, the rest is the text.
 */


#define NPTRS    10
#define MAX_BIG  (1 << 20)


typedef struct {
    size_t  blocks;
    size_t  calls;
    size_t  fail_at;
} mem_t;


static wh_json_t *parse(const char *p, size_t n, size_t step, size_t max,
    mem_t *mem);
static void compare(wh_json_t *a, wh_json_t *b, int truncated);
static void compile(void);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);
static void *pool_alloc(void *ctx, size_t size);


static wh_pointers_t     set;
static int               compiled;
static void             *chunks[8];
static size_t            nchunks;

static const char *const  ptrs[NPTRS] = {
    "", "", "/a", "/a/b", "/a/0", "/0", "/0/1/a", "/", "/~0~1", "/a/b/c/d"
};

static const unsigned char  flags[NPTRS] = {
    WH_JSON_RAW, 0, WH_JSON_RAW, 0, 0, WH_JSON_RAW, 0, 0, 0, WH_JSON_RAW
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   n, i;
    mem_t                    mem;
    wh_json_t               *whole, *other, *again;
    const char              *p;
    const wh_json_value_t   *v, *w;

    if (size == 0) {
        return 0;
    }

    compile();

    memset(&mem, 0, sizeof(mem_t));

    p = (const char *) data + 1;
    n = size - 1;

    whole = parse(p, n, n, MAX_BIG, &mem);
    CHECK(whole != NULL);

    other = parse(p, n, 1, MAX_BIG, &mem);
    compare(whole, other, 0);
    wh_json_destroy(other);

    other = parse(p, n, data[0] % 16 + 2, MAX_BIG, &mem);
    compare(whole, other, 0);
    wh_json_destroy(other);

    for (i = 1; i < 8; i += 5) {
        other = parse(p, n, i, data[0] % 32, &mem);
        again = parse(p, n, n, data[0] % 32, &mem);

        compare(again, other, 0);
        compare(whole, other, 1);

        wh_json_destroy(other);
        wh_json_destroy(again);
    }

    for (i = 0; i < NPTRS; i++) {
        v = wh_json_value(whole, i);

        CHECK(wh_utf8_valid(v->text.data, v->text.len) == v->text.len);
        CHECK(!v->truncated);

        if (v->kind == WH_JSON_TEXT) {
            again = parse(v->text.data, v->text.len, 5, MAX_BIG, &mem);

            CHECK(wh_json_state(again, NULL) == WH_JSON_COMPLETE);

            w = wh_json_value(again, 0);

            CHECK(w->text.len == v->text.len);
            CHECK(memcmp(w->text.data, v->text.data, w->text.len) == 0);

            wh_json_destroy(again);
        }
    }

    wh_json_destroy(whole);
    CHECK(mem.blocks == 0);

    /* out of memory, somewhere */

    mem.calls = 0;
    mem.fail_at = data[0] % 24 + 1u;

    wh_json_destroy(parse(p, n, 3, MAX_BIG, &mem));
    CHECK(mem.blocks == 0);

    return 0;
}


static wh_json_t *
parse(const char *p, size_t n, size_t step, size_t max, mem_t *mem)
{
    int          rc, end;
    char        *piece;
    size_t       i, len;
    wh_json_t   *j;
    wh_alloc_t   a;

    a.alloc = mem_alloc;
    a.free = mem_free;
    a.ctx = mem;

    j = wh_json_create(&set, max, &a);
    if (j == NULL) {
        return NULL;
    }

    rc = WH_OK;

    for (i = 0; i < n; i += len) {
        len = n - i < step ? n - i : step;

        /* a block of its own, for the sanitizer */

        piece = malloc(len);
        CHECK(piece != NULL);

        memcpy(piece, p + i, len);
        rc = wh_json_feed(j, piece, len);
        free(piece);
    }

    end = wh_json_finish(j);

    CHECK(rc == WH_OK || end == rc);
    CHECK(end == wh_json_finish(j));
    CHECK((end == WH_OK) == (wh_json_state(j, NULL) == WH_JSON_COMPLETE));
    CHECK((end == WH_ERROR || end == WH_LIMIT)
          == (wh_json_state(j, NULL) == WH_JSON_INVALID));
    CHECK(mem->fail_at || end != WH_NOMEM);

    return j;
}


/* b may be truncated where a is not */

static void
compare(wh_json_t *a, wh_json_t *b, int truncated)
{
    size_t                  i;
    uint64_t                x, y;
    const wh_json_value_t  *v, *w;

    CHECK(wh_json_finish(a) == wh_json_finish(b));
    CHECK(wh_json_state(a, &x) == wh_json_state(b, &y));
    CHECK(x == y);

    for (i = 0; i < NPTRS; i++) {
        v = wh_json_value(a, i);
        w = wh_json_value(b, i);

        if (truncated && w->truncated) {
            CHECK(w->kind == WH_JSON_NONE && w->text.len == 0);
            continue;
        }

        CHECK(v->truncated == w->truncated);
        CHECK(v->kind == w->kind);
        CHECK(v->text.len == w->text.len);
        CHECK(memcmp(v->text.data, w->text.data, v->text.len) == 0);
    }
}


static void
compile(void)
{
    int       rc;
    size_t    i, bad;
    wh_str_t  p[NPTRS];

    if (compiled) {
        return;
    }

    for (i = 0; i < NPTRS; i++) {
        p[i].data = ptrs[i];
        p[i].len = strlen(ptrs[i]);
    }

    rc = wh_pointers_compile(&set, p, flags, NPTRS, pool_alloc, NULL, &bad);
    CHECK(rc == WH_OK);

    compiled = 1;
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


static void *
pool_alloc(void *ctx, size_t size)
{
    (void) ctx;

    CHECK(nchunks < sizeof(chunks) / sizeof(chunks[0]));

    chunks[nchunks] = malloc(size);

    return chunks[nchunks++];
}
