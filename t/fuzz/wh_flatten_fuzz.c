
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_flatten.h"
#include "wh_pairs.h"


/*
 * What is flattened is JSON of one level, or nothing but a form; no name is in
 * it twice: flattened once more, with no separator and no name, it is itself.
 * A text is flattened if it is JSON, and only then.
 */


static int  join;


static int flatten(const char *p, size_t n, const char *prefix, size_t sep,
    int form, wh_buf_t *out, size_t *dropped);
static int leaf(void *ctx, const wh_buf_t *name, int kind, const char *p,
    size_t n);
static void form(wh_buf_t *b);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc;
    char     *p;
    size_t    n, sep;
    wh_buf_t  flat, again, pairs;

    if (size == 0) {
        return 0;
    }

    sep = data[0] % 3;
    join = data[0] / 3 % 2;
    size--;

    /* a block of its own, for the sanitizer */

    p = malloc(size ? size : 1);
    CHECK(p != NULL);

    if (size) {
        memcpy(p, data + 1, size);
    }

    fuzz_buf(&flat, SIZE_MAX);
    fuzz_buf(&again, SIZE_MAX);
    fuzz_buf(&pairs, SIZE_MAX);

    rc = flatten(p, size, "x", sep, 0, &flat, &n);
    CHECK(rc == WH_OK || rc == WH_ERROR || rc == WH_LIMIT);
    CHECK((rc == WH_OK) == fuzz_json_valid(p, size));
    CHECK(flatten(p, size, "x", sep, 1, &pairs, &n) == rc);

    if (rc == WH_OK) {
        form(&pairs);

        rc = flatten(flat.data, flat.len, "", 0, 0, &again, &n);
        CHECK(rc == WH_OK && n == 0);
        CHECK(again.len == flat.len);
        CHECK(memcmp(again.data, flat.data, flat.len) == 0);

        /* one octet less will not do */

        again.max = flat.len - 1;
        again.len = 0;

        rc = flatten(flat.data, flat.len, "", 0, 0, &again, &n);
        CHECK(rc == WH_LIMIT && again.len <= again.max);
    }

    free(flat.data);
    free(again.data);
    free(pairs.data);
    free(p);

    return 0;
}


static int
flatten(const char *p, size_t n, const char *prefix, size_t len, int is_form,
    wh_buf_t *out, size_t *dropped)
{
    int                rc;
    wh_buf_t           name, index, joined;
    wh_pairs_t         w;
    wh_alloc_t         mem;
    wh_flatten_how_t   how;

    fuzz_buf(&joined, SIZE_MAX);
    fuzz_buf(&name, SIZE_MAX);
    fuzz_buf(&index, SIZE_MAX);

    mem.alloc = fuzz_alloc;
    mem.free = fuzz_free;
    mem.ctx = NULL;

    how.separator.data = "_.";
    how.separator.len = len;
    how.join.data = ", ";
    how.join.len = len;
    how.joined = join ? &joined : NULL;

    (void) wh_buf_put(&name, prefix, strlen(prefix));
    (void) wh_pairs_begin(&w, out, &index, is_form);

    rc = wh_flatten(p, n, &name, &how, leaf, &w, &mem);

    CHECK(name.len == strlen(prefix));

    if (rc == WH_OK) {
        rc = wh_pairs_end(&w, dropped);
    }

    free(joined.data);
    free(name.data);
    free(index.data);

    return rc;
}


static int
leaf(void *ctx, const wh_buf_t *name, int kind, const char *p, size_t n)
{
    (void) wh_pairs_name(ctx, WH_PAIR_DATA, name->data, name->len);

    return wh_pairs_value(ctx, kind, p, n);
}


/* "=" once in each pair, and what else a form has */

static void
form(wh_buf_t *b)
{
    char    c;
    size_t  i, equals;

    equals = 0;

    for (i = 0; i < b->len; i++) {
        c = b->data[i];

        if (c == '&') {
            CHECK(equals == 1);
            equals = 0;
            continue;
        }

        if (c == '=') {
            equals++;
            continue;
        }

        CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c != '\0' && strchr("-._*+%", c)));
    }

    CHECK(equals == 1);
}
