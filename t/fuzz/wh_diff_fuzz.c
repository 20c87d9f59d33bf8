
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_diff.h"


/*
 * Two texts, separated by a zero.  What differs from the text itself is
 * nothing, from nothing it is all of it, and what is put differs no less from
 * the other than the text does.
 */


static int diff(wh_str_t text, wh_str_t other, wh_buf_t *b, size_t *n);
static char *copy(const uint8_t *p, size_t n);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc, all;
    char           *p, *q;
    size_t          n, m, len;
    wh_buf_t        b, again;
    wh_str_t        text, other, put, none;
    const uint8_t  *zero;

    if (size == 0) {
        return 0;
    }

    zero = memchr(data, '\0', size);
    len = zero ? (size_t) (zero - data) : size;

    /* blocks of their own, for the sanitizer */

    p = copy(data, len);
    q = zero ? copy(zero + 1, size - len - 1) : copy(data, 0);

    text.data = p;
    text.len = len;
    other.data = q;
    other.len = zero ? size - len - 1 : 0;
    none.data = "{}";
    none.len = 2;

    fuzz_buf(&b, SIZE_MAX);
    fuzz_buf(&again, SIZE_MAX);

    all = diff(text, none, &b, &m);
    CHECK(all == WH_OK || all == WH_ERROR || all == WH_LIMIT);

    if (all == WH_OK) {
        CHECK(b.data[0] == '{' && b.data[b.len - 1] == '}');
        b.len = 0;
        CHECK(diff(text, text, &b, &n) == WH_OK && n == 0 && b.len == 2);
    }

    b.len = 0;
    rc = diff(text, other, &b, &n);
    CHECK(rc == WH_OK || rc == WH_ERROR || rc == WH_LIMIT);

    if (rc == WH_OK) {
        CHECK(all == WH_OK && n <= m);

        put.data = b.data;
        put.len = b.len;

        CHECK(diff(put, other, &again, &m) == WH_OK && m == n);
        CHECK(again.len == b.len && memcmp(again.data, b.data, b.len) == 0);
    }

    free(b.data);
    free(again.data);
    free(p);
    free(q);

    return 0;
}


static int
diff(wh_str_t text, wh_str_t other, wh_buf_t *b, size_t *n)
{
    wh_alloc_t  mem;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    return wh_put_json_diff(b, text, other, &mem, n);
}


static char *
copy(const uint8_t *p, size_t n)
{
    char  *q;

    q = malloc(n ? n : 1);
    CHECK(q != NULL);

    if (n) {
        memcpy(q, p, n);
    }

    return q;
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
