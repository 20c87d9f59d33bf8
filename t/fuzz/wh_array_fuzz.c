
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_array.h"
#include "wh_json.h"


/*
 * A text is JSON that is an array, if it ends as one and each of its elements
 * is JSON, and only then: put together again they are an array of the same
 * elements.  What is between two elements is white space and a comma.
 */


static int elements(wh_str_t in, wh_buf_t *out, int *all);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc, all, rest;
    char     *p;
    wh_buf_t  out, again;
    wh_str_t  in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    fuzz_buf(&out, SIZE_MAX);

    again = out;

    rc = elements(in, &out, &all);

    CHECK(rc == WH_ERROR || wh_array_is(in));

    if (fuzz_json_valid(p, size)) {
        CHECK(wh_array_is(in) == (rc == WH_AGAIN));
        CHECK(rc == WH_ERROR || all);
    }

    if (rc == WH_AGAIN && all) {
        CHECK(fuzz_json_valid(out.data, out.len));

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

        if (!fuzz_json_valid(element.data, element.len)) {
            *all = 0;
        }
    }

    CHECK(wh_buf_putc(out, ']') == WH_OK);

    return rc;
}
