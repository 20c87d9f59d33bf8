
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_hole.h"


/*
 * Whatever a record has, its fields with their holes are those of a walk
 * without; and a text is filled or refused, within the room that is promised
 * for it.  Filled by the values of no attempt but the first, what a renderer
 * would have written is the text itself.
 */


static void record(wh_str_t in);
static void fill(wh_str_t text, wh_str_t holes, uint64_t n);
static void written(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    record(in);
    written(data, size);

    free(p);

    return 0;
}


static void
record(wh_str_t in)
{
    int       rc, rc2;
    size_t    pos, plain;
    unsigned  type, type2;
    wh_str_t  value, value2, holes;

    pos = 0;
    plain = 0;

    for ( ;; ) {
        rc = wh_holes_field(in, &pos, &type, &value, &holes);
        rc2 = wh_delivery_next(in, &plain, &type2, &value2);

        CHECK(rc == rc2);

        if (rc != WH_OK) {
            return;
        }

        CHECK(type == type2);
        CHECK(value.data == value2.data && value.len == value2.len);

        if (holes.data) {
            rc2 = wh_delivery_next(in, &plain, &type2, &value2);
            CHECK(rc2 == WH_OK && type2 == WH_FIELD_HOLES);
            CHECK(holes.data == value2.data && holes.len == value2.len);
        }

        CHECK(pos == plain);

        fill(value, holes, 1);
        fill(value, holes, UINT64_MAX);
    }
}


static void
fill(wh_str_t text, wh_str_t holes, uint64_t n)
{
    int           rc;
    wh_buf_t      b;
    wh_attempt_t  v;

    fuzz_buf(&b, text.len + holes.len / WH_HOLE_SIZE * WH_HOLE_MAX);

    v.number = n;
    v.time = n;

    rc = wh_holes_fill(&b, text, holes, &v);

    CHECK(rc == WH_OK || rc == WH_ERROR);
    CHECK(b.err == WH_OK);

    if (holes.len == 0) {
        CHECK(rc == WH_OK && b.len == text.len);
        CHECK(memcmp(b.data ? b.data : "", text.len ? text.data : "", b.len)
              == 0);
    }

    free(b.data);
}


/* octets up to 6 are holes, the others text */

static void
written(const uint8_t *data, size_t size)
{
    size_t        i, pos;
    wh_buf_t      b, out;
    wh_str_t      in, text, holes;
    unsigned      type;
    wh_holes_t    h;
    wh_attempt_t  v;

    memset(&b, 0, sizeof(wh_buf_t));
    memset(&h, 0, sizeof(wh_holes_t));
    memset(&out, 0, sizeof(wh_buf_t));

    b.max = SIZE_MAX;
    b.grow = wh_buf_malloc;
    out = b;
    h.list = b;

    v.number = 1;
    v.time = 1795292387952;

    (void) wh_delivery_begin(&b);
    (void) wh_delivery_open(&b, WH_FIELD_BODY, &pos);

    wh_holes_begin(&h, &b);

    for (i = 0; i < size; i++) {

        if (data[i] < WH_HOLE_US) {
            (void) wh_hole_put(&h, &b, (wh_hole_e) (data[i] + 1), &v);

        } else {
            (void) wh_buf_putc(&b, (char) data[i]);
        }
    }

    (void) wh_delivery_close(&b, pos);
    CHECK(wh_holes_close(&h, &b) == WH_OK);

    in.data = b.data;
    in.len = b.len;
    pos = 0;

    CHECK(wh_holes_field(in, &pos, &type, &text, &holes) == WH_OK);
    CHECK(type == WH_FIELD_BODY && pos == in.len);

    CHECK(wh_holes_fill(&out, text, holes, &v) == WH_OK);
    CHECK(out.len == text.len);
    CHECK(memcmp(out.data ? out.data : "", text.data, out.len) == 0);

    free(b.data);
    free(h.list.data);
    free(out.data);
}
