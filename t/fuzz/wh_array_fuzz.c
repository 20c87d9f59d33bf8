
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdio.h>
#include <stdlib.h>

#include "wh_array.h"
#include "wh_json.h"


/*
 * A text is JSON that is an array, if it ends as one and each of its elements
 * is JSON, and only then: put together again they are an array of the same
 * elements.  What is between two elements is white space and a comma.
 */


#define CHECK(cond)                                                          \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int elements(wh_str_t in, wh_buf_t *out, int *all);
static int valid(const char *p, size_t n);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc, all, rest;
    char     *p;
    wh_buf_t  out, again;
    wh_str_t  in;

    /* a block of its own, for the sanitizer, or nothing at all */

    p = NULL;

    if (size) {
        p = malloc(size);
        CHECK(p != NULL);

        memcpy(p, data, size);
    }

    in.data = p;
    in.len = size;

    memset(&out, 0, sizeof(wh_buf_t));

    out.max = SIZE_MAX;
    out.grow = wh_buf_malloc;

    again = out;

    rc = elements(in, &out, &all);

    CHECK(rc == WH_ERROR || wh_array_is(in));

    if (valid(p, size)) {
        CHECK(wh_array_is(in) == (rc == WH_AGAIN));
        CHECK(rc == WH_ERROR || all);
    }

    if (rc == WH_AGAIN && all) {
        CHECK(valid(out.data, out.len));

        in.data = out.data;
        in.len = out.len;

        CHECK(elements(in, &again, &rest) == WH_AGAIN && rest);
        CHECK(again.len == out.len);
        CHECK(memcmp(again.data, out.data, out.len) == 0);
    }

    free(out.data);
    free(again.data);
    free(p);

    return 0;
}


static int
elements(wh_str_t in, wh_buf_t *out, int *all)
{
    int       rc;
    size_t    pos, before;
    wh_str_t  element;

    *all = 1;
    pos = 0;

    (void) wh_buf_putc(out, '[');

    for ( ;; ) {
        before = pos;

        rc = wh_array_next(in, &pos, &element);

        CHECK(pos >= before && pos <= in.len);

        if (rc != WH_OK) {
            break;
        }

        CHECK(pos > before && element.len > 0);
        CHECK(element.data + element.len == in.data + pos);
        CHECK((size_t) (element.data - in.data) >= before);

        if (out->len > 1) {
            (void) wh_buf_putc(out, ',');
        }

        (void) wh_buf_put(out, element.data, element.len);

        if (!valid(element.data, element.len)) {
            *all = 0;
        }
    }

    CHECK(wh_buf_putc(out, ']') == WH_OK);

    return rc;
}


static int
valid(const char *p, size_t n)
{
    int          rc;
    wh_json_t   *j;
    wh_alloc_t   mem;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    j = wh_json_create(NULL, 0, &mem);
    CHECK(j != NULL);

    (void) wh_json_feed(j, p, n);
    rc = wh_json_finish(j);

    wh_json_destroy(j);

    return rc == WH_OK;
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
