
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_decimal.h"
#include "wh_time.h"
#include "wh_translate.h"


/*
 * What clients send, in a language: JSON stays JSON, translated once more it
 * is the same; a number that is written without groups is the same number; a
 * time is one of the years 1 to 9999.
 */


static void json(const char *p, size_t n);
static void number(const char *p, size_t n);
static void date(const char *p, size_t n);
static void catalogue(const char *p, size_t n);
static int values(const char *p, size_t n, wh_buf_t *out);
static int map(const char *p, size_t n, wh_buf_t *out);
static void *mem_grow(void *ctx, void *old, size_t old_size, size_t size);


static wh_alloc_t        mem = { fuzz_alloc, fuzz_free, NULL };


/* what "a" becomes has no translation itself */

static wh_translation_t  list[] = { { { 1, "a" }, { 3, "b\"\n" }, 1 } };
static wh_catalogue_t    letters = { 1, list, NULL };


/* what a catalogue keeps is never freed one by one */

static void             *kept[256];
static size_t            nkept;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *p;

    p = fuzz_copy(data, size);

    json(p, size);
    number(p, size);
    date(p, size);
    catalogue(p, size);

    free(p);

    return 0;
}


static void
json(const char *p, size_t n)
{
    int       rc;
    wh_buf_t  once, again;

    fuzz_buf(&once, SIZE_MAX);
    fuzz_buf(&again, SIZE_MAX);

    rc = values(p, n, &once);
    CHECK((rc == WH_OK) == fuzz_json_valid(p, n));

    if (rc == WH_OK) {
        CHECK(fuzz_json_valid(once.data, once.len));
        CHECK(values(once.data, once.len, &again) == WH_OK);
        CHECK(again.len == once.len);
        CHECK(memcmp(again.data, once.data, once.len) == 0);

        /* one octet less will not do */

        again.max = once.len - 1;
        again.len = 0;

        CHECK(values(p, n, &again) == WH_LIMIT && again.len <= again.max);
    }

    free(once.data);
    free(again.data);

    fuzz_buf(&once, SIZE_MAX);
    fuzz_buf(&again, SIZE_MAX);

    rc = map(p, n, &once);
    CHECK(rc != WH_OK || fuzz_json_valid(p, n));

    if (rc == WH_OK) {
        CHECK(map(once.data, once.len, &again) == WH_OK);
        CHECK(again.len == once.len);
        CHECK(memcmp(again.data, once.data, once.len) == 0);
    }

    free(once.data);
    free(again.data);
}


static void
number(const char *p, size_t n)
{
    int           i, rc;
    wh_str_t      in, out;
    wh_buf_t      b;
    wh_decimal_t  d;

    in.len = n;
    in.data = p;

    if (!wh_number_ok(in)) {
        return;
    }

    memset(&d, 0, sizeof(wh_decimal_t));

    for (i = 0; i < 10; i++) {
        d.digits[i].len = 1;
        d.digits[i].data[0] = (char) ('0' + i);
    }

    d.point.len = 1;
    d.point.data[0] = '.';
    d.prefix.len = 1;
    d.prefix.data[0] = '-';

    fuzz_buf(&b, SIZE_MAX);

    rc = wh_decimal_put(&b, &d, in);
    CHECK(rc == WH_OK || (rc == WH_LIMIT && b.len == 0));

    if (rc == WH_OK) {
        out.len = b.len;
        out.data = b.data;

        CHECK(b.len <= n + WH_DECIMAL_ZEROS + 1);
        CHECK(wh_number_ok(out));
        CHECK(wh_number_compare(in, out) == 0);
    }

    free(b.data);
}


static void
date(const char *p, size_t n)
{
    int64_t   ms;
    wh_str_t  in;

    in.len = n;
    in.data = p;

    if (wh_time_parse(in, &ms) == WH_OK) {
        CHECK(ms >= -62135596800000 - 86400000);
        CHECK(ms < 253402300800000 + 86400000);
    }
}


static void
catalogue(const char *p, size_t n)
{
    int                    rc;
    size_t                 i;
    wh_str_t               in, none;
    wh_catalogue_t         c;
    const wh_str_t        *found;
    wh_catalogue_error_t   err;

    in.len = n;
    in.data = p;
    none.len = 0;
    none.data = "";

    rc = wh_catalogue_read(&c, in, mem_grow, NULL, &mem, &err);

    CHECK(rc == WH_OK || (rc == WH_ERROR && err.what && err.line));

    for (i = 0; rc == WH_OK && i < c.n; i++) {
        found = wh_catalogue_find(&c, none, c.list[i].name);
        CHECK(found == &c.list[i].text);
    }

    while (nkept) {
        free(kept[--nkept]);
    }
}


static int
values(const char *p, size_t n, wh_buf_t *out)
{
    wh_translator_t  t;

    memset(&t, 0, sizeof(wh_translator_t));
    t.catalogue = &letters;
    t.group.data = "";
    t.mem = &mem;

    return wh_translate_values(&t, p, n, out);
}


static int
map(const char *p, size_t n, wh_buf_t *out)
{
    int              rc;
    wh_buf_t         index;
    wh_translator_t  t;

    fuzz_buf(&index, SIZE_MAX);

    memset(&t, 0, sizeof(wh_translator_t));
    t.catalogue = &letters;
    t.group.data = "";
    t.mem = &mem;

    rc = wh_translate_map(&t, p, n, out, &index);

    free(index.data);

    return rc;
}


static void *
mem_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    p = fuzz_alloc(ctx, size);
    CHECK(p != NULL && nkept < sizeof(kept) / sizeof(kept[0]));

    if (old) {
        memcpy(p, old, old_size);
    }

    kept[nkept++] = p;

    return p;
}
