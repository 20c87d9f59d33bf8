
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_escape.h"
#include "wh_json.h"
#include "wh_utf8.h"


/*
 * Escaped output is valid and decodes to the input: a JSON string, taken by
 * the JSON parser, gives the input back if it is UTF-8, and some UTF-8 if it
 * is not; the others are decoded here.  A limit never lets more through.
 */


typedef int (*put_pt)(wh_buf_t *b, const char *p, size_t n);


static void json(const char *p, size_t n);
static void json_decode(const char *p, size_t n, int kind, wh_buf_t *out);
static void percent(const char *p, size_t n, put_pt put, int form);
static void base64(const char *p, size_t n);
static void number(const char *p, size_t n);
static void utf8(const char *p, size_t n);
static void limit(const char *p, size_t n, put_pt put);
static int hex(char c);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);
static void *pool_alloc(void *ctx, size_t size);


static wh_pointers_t   set;
static void           *chunks[4];    /* what the set is made of */
static size_t          nchunks;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *p;

    p = fuzz_copy(data, size);

    json(p, size);
    percent(p, size, wh_put_url, 0);
    percent(p, size, wh_put_form, 1);
    base64(p, size);
    number(p, size);
    utf8(p, size);

    limit(p, size, wh_put_json_string);
    limit(p, size, wh_put_url);
    limit(p, size, wh_put_form);
    limit(p, size, wh_put_base64);

    free(p);

    return 0;
}


static void
json(const char *p, size_t n)
{
    wh_buf_t  b, out, twice;

    fuzz_buf(&b, SIZE_MAX);
    fuzz_buf(&out, SIZE_MAX);
    fuzz_buf(&twice, SIZE_MAX);

    CHECK(wh_put_json_quoted(&b, p, n) == WH_OK);
    CHECK(wh_utf8_valid(b.data, b.len) == b.len);

    json_decode(b.data, b.len, WH_JSON_STRING, &out);
    CHECK(wh_utf8_valid(out.data, out.len) == out.len);

    if (wh_utf8_valid(p, n) == n) {
        CHECK(out.len == n);
        CHECK(n == 0 || memcmp(out.data, p, n) == 0);
    }

    /* JSON in a string */

    (void) wh_buf_putc(&twice, '"');
    CHECK(wh_put_json_string(&twice, b.data, b.len) == WH_OK);
    CHECK(wh_buf_putc(&twice, '"') == WH_OK);

    out.len = 0;
    json_decode(twice.data, twice.len, WH_JSON_STRING, &out);
    CHECK(out.len == b.len && memcmp(out.data, b.data, b.len) == 0);

    free(b.data);
    free(out.data);
    free(twice.data);
}


/* the text has to be a complete one of the kind */

static void
json_decode(const char *p, size_t n, int kind, wh_buf_t *out)
{
    int                     rc;
    size_t                  bad;
    wh_str_t                root;
    wh_json_t              *j;
    wh_alloc_t              mem;
    const wh_json_value_t  *v;

    root.data = "";
    root.len = 0;

    if (set.n == 0) {
        rc = wh_pointers_compile(&set, &root, NULL, 1, pool_alloc, NULL, &bad);
        CHECK(rc == WH_OK);
    }

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    j = wh_json_create(&set, SIZE_MAX, &mem);
    CHECK(j != NULL);

    CHECK(wh_json_feed(j, p, n) == WH_OK);
    CHECK(wh_json_finish(j) == WH_OK);

    v = wh_json_value(j, 0);
    CHECK(v->kind == kind && !v->truncated);

    if (v->text.len) {
        CHECK(wh_buf_put(out, v->text.data, v->text.len) == WH_OK);
    }

    wh_json_destroy(j);
}


static void
percent(const char *p, size_t n, put_pt put, int form)
{
    char      c;
    size_t    i, k;
    wh_buf_t  b;

    fuzz_buf(&b, SIZE_MAX);

    CHECK(put(&b, p, n) == WH_OK);

    k = 0;

    for (i = 0; i < b.len; i++) {
        c = b.data[i];

        if (c == '%') {
            CHECK(b.len - i > 2);
            c = (char) (hex(b.data[i + 1]) << 4 | hex(b.data[i + 2]));
            i += 2;

        } else if (form && c == '+') {
            c = ' ';

        } else {
            CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
                  || (c >= 'A' && c <= 'Z')
                  || (c != '\0' && strchr(form ? "-._*" : "-._~", c)));
        }

        CHECK(k < n && p[k] == c);
        k++;
    }

    CHECK(k == n);

    free(b.data);
}


static void
base64(const char *p, size_t n)
{
    size_t             i, k, bits;
    uint32_t           v;
    wh_buf_t           b;
    const char        *c;
    static const char  abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "abcdefghijklmnopqrstuvwxyz0123456789+/";

    fuzz_buf(&b, SIZE_MAX);

    CHECK(wh_put_base64(&b, p, n) == WH_OK);
    CHECK(b.len == (n + 2) / 3 * 4);

    v = 0;
    k = 0;
    bits = 0;

    for (i = 0; i < b.len && b.data[i] != '='; i++) {
        c = strchr(abc, b.data[i]);
        CHECK(c != NULL && *c != '\0');

        v = (v << 6 | (uint32_t) (c - abc)) & 0xffffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            CHECK(k < n && (char) (v >> bits & 0xff) == p[k]);
            k++;
        }
    }

    CHECK(k == n && b.len - i == (3 - n % 3) % 3);

    free(b.data);
}


/* what is a number is one to the JSON parser too */

static void
number(const char *p, size_t n)
{
    wh_buf_t  out;

    if (!wh_json_number_ok(p, n)) {
        return;
    }

    fuzz_buf(&out, SIZE_MAX);

    json_decode(p, n, WH_JSON_NUMBER, &out);
    CHECK(out.len == n && memcmp(out.data, p, n) == 0);

    free(out.data);
}


static void
utf8(const char *p, size_t n)
{
    int        rc;
    size_t     i, valid;
    wh_utf8_t  a, b;

    memset(&a, 0, sizeof(wh_utf8_t));
    memset(&b, 0, sizeof(wh_utf8_t));

    (void) wh_utf8_feed(&a, p, n);

    for (i = 0; i < n; i++) {
        (void) wh_utf8_feed(&b, p + i, 1);
    }

    rc = wh_utf8_finish(&a);
    valid = wh_utf8_valid(p, n);

    CHECK(rc == wh_utf8_finish(&b));
    CHECK(a.offset == b.offset);
    CHECK(valid <= a.offset && a.offset - valid < 4);
    CHECK((rc == WH_OK) == (valid == n));
}


static void
limit(const char *p, size_t n, put_pt put)
{
    int       rc;
    wh_buf_t  full, b;

    fuzz_buf(&full, SIZE_MAX);
    CHECK(put(&full, p, n) == WH_OK);

    fuzz_buf(&b, full.len);
    CHECK(put(&b, p, n) == WH_OK);
    CHECK(b.len == full.len);
    free(b.data);

    if (full.len) {
        fuzz_buf(&b, full.len - 1);
        rc = put(&b, p, n);
        CHECK(rc == WH_LIMIT && b.err == WH_LIMIT && b.len < full.len);
        CHECK(b.len == 0 || memcmp(b.data, full.data, b.len) == 0);
        free(b.data);
    }

    free(full.data);
}


static int
hex(char c)
{
    CHECK((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));

    return c <= '9' ? c - '0' : c - 'A' + 10;
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


static void *
pool_alloc(void *ctx, size_t size)
{
    (void) ctx;

    CHECK(nchunks < sizeof(chunks) / sizeof(chunks[0]));

    chunks[nchunks] = malloc(size);

    return chunks[nchunks++];
}
