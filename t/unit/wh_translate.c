
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_translate.h"
#include "tap.h"


static wh_catalogue_t   catalogue;
static wh_translator_t  t;


/* what is kept is never freed one by one */

static void            *kept[64];
static size_t           nkept;


static void is_values(const char *text, const char *expected, size_t missing);
static void is_map(const char *text, const char *expected, size_t missing);
static void is_json(const char *got, size_t len, int rc, const char *text,
    const char *expected, size_t missing);
static void init(wh_buf_t *b, size_t max);
static void *mem_grow(void *ctx, void *old, size_t old_size, size_t size);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);
static wh_str_t str(const char *s);


int
main(void)
{
    wh_str_t              v;
    wh_buf_t              b;
    wh_alloc_t            mem;
    wh_catalogue_error_t  err;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    (void) wh_catalogue_read(&catalogue,
               str("{\"d\":{\"top\":\"Spitze\",\"it\":\"EDV \\\"neu\\\"\","
                   "\"5\":\"f\xc3\xbcnf\",\"true\":\"wahr\"},"
                   "\"top\":\"oben\"}"),
               mem_grow, NULL, &mem, &err);

    memset(&t, 0, sizeof(wh_translator_t));
    t.catalogue = &catalogue;
    t.group = str("d.");
    t.mem = &mem;

    v = wh_translate(&t, str("top"));
    is_str(v.data, v.len, "Spitze", "a value is translated");
    is_int((int64_t) t.missing, 0, "none is missing");

    v = wh_translate(&t, str("none"));
    is_str(v.data, v.len, "none", "another one is as it is");
    is_int((int64_t) t.missing, 1, "and counted");

    (void) wh_translate(&t, str("other"));
    is_int((int64_t) t.missing, 2, "each of them");
    is_str(t.first, t.first_len, "none", "the first one is known");

    t.missing = 0;
    (void) wh_translate(&t, str("0123456789012345678901234567890123456789"
                                "012345678901234567890123456789"));
    is_int((int64_t) t.first_len, 64, "of a long one its begin");

    t.catalogue = NULL;
    v = wh_translate(&t, str("top"));
    is_str(v.data, v.len, "top", "no catalogue has nothing");
    t.catalogue = &catalogue;

    is_values("\"top\"", "\"Spitze\"", 0);
    is_values("[\"top\", \"it\", \"x\"]",
              "[\"Spitze\",\"EDV \\\"neu\\\"\",\"x\"]", 1);
    is_values("{\"top\": \"it\", \"a\": {\"b\": [\"top\"], \"c\": []}}",
              "{\"top\":\"EDV \\\"neu\\\"\","
              "\"a\":{\"b\":[\"Spitze\"],\"c\":[]}}", 0);
    is_values("[1, 2.50, 1e400, true, null, {}, [[]], {\"a\": 5}]",
              "[1,2.50,1e400,true,null,{},[[]],{\"a\":5}]", 0);
    is_values("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}", 0);
    is_values("null", "null", 0);
    is_values("", NULL, 0);
    is_values("[\"top\"", NULL, 0);
    is_values("top", NULL, 0);

    is_map("[\"top\", \"it\"]",
           "{\"top\":\"Spitze\",\"it\":\"EDV \\\"neu\\\"\"}", 0);
    is_map("{\"top\": 1, \"it\": {\"top\": [\"x\", {}]}, \"x\": null}",
           "{\"top\":\"Spitze\",\"it\":\"EDV \\\"neu\\\"\",\"x\":\"x\"}", 1);
    is_map("\"top\"", "{\"top\":\"Spitze\"}", 0);
    is_map("[5, true, null, \"a\\\"b\"]",
           "{\"5\":\"f\xc3\xbcnf\",\"true\":\"wahr\",\"a\\\"b\":\"a\\\"b\"}",
           1);
    is_map("[\"top\", \"it\", \"top\"]",
           "{\"it\":\"EDV \\\"neu\\\"\",\"top\":\"Spitze\"}", 0);
    is_map("[]", "{}", 0);
    is_map("{}", "{}", 0);
    is_map("null", "null", 0);
    is_map("[[\"top\"]]", NULL, 0);
    is_map("[{}]", NULL, 0);
    is_map("[\"top\"", NULL, 0);
    is_map("null null", NULL, 0);
    is_map("", NULL, 0);

    /* no more than there is room for */

    init(&b, 8);
    is_int(wh_translate_values(&t, "[\"top\",\"it\"]", 12, &b), WH_LIMIT,
           "translations do not fit");
    is_int(b.err, WH_LIMIT, "which is the buffer's error");
    free(b.data);

    while (nkept) {
        free(kept[--nkept]);
    }

    return done_testing();
}


static void
is_values(const char *text, const char *expected, size_t missing)
{
    int       rc;
    char     *p;
    size_t    n;
    wh_buf_t  b;

    n = strlen(text);
    p = guard_copy(text, n);

    init(&b, SIZE_MAX);
    t.missing = 0;

    rc = wh_translate_values(&t, p, n, &b);

    is_json(b.data, b.len, rc, text, expected, missing);

    free(b.data);
    guard_free(p, n);
}


static void
is_map(const char *text, const char *expected, size_t missing)
{
    int       rc;
    char     *p;
    size_t    n;
    wh_buf_t  b, index;

    n = strlen(text);
    p = guard_copy(text, n);

    init(&b, SIZE_MAX);
    init(&index, SIZE_MAX);
    t.missing = 0;

    rc = wh_translate_map(&t, p, n, &b, &index);

    is_json(b.data, b.len, rc, text, expected, missing);

    free(b.data);
    free(index.data);
    guard_free(p, n);
}


static void
is_json(const char *got, size_t len, int rc, const char *text,
    const char *expected, size_t missing)
{
    if (expected == NULL) {
        is_int(rc, WH_ERROR, "no JSON, or none for it: %s", text);
        return;
    }

    is_int(rc, WH_OK, "%s", text);
    is_str(got, len, expected, "is translated: %s", text);
    is_int((int64_t) t.missing, (int64_t) missing, "missing: %s", text);
}


static void
init(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));
    b->max = max;
    b->grow = wh_buf_malloc;
}


static void *
mem_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    p = mem_alloc(ctx, size);

    if (old) {
        memcpy(p, old, old_size);
    }

    kept[nkept++] = p;

    return p;
}


static void *
mem_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}


static wh_str_t
str(const char *s)
{
    wh_str_t  v;

    v.len = strlen(s);
    v.data = s;

    return v;
}
