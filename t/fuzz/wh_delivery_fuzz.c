
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_delivery.h"


/*
 * Fields lie inside of their record, one after the other; what can be read to
 * its end is the same octet for octet when it is written again; and
 * wh_delivery_get() finds what a walk finds first.
 */


static void record(wh_str_t in);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    record(in);

    free(p);

    return 0;
}


static void
record(wh_str_t in)
{
    int          rc, got;
    char        *seen[256];
    size_t       pos, last;
    unsigned     type;
    wh_buf_t     b;
    wh_str_t     value, first;
    const char  *end;

    memset(seen, 0, sizeof(seen));
    fuzz_buf(&b, in.len);

    (void) wh_delivery_begin(&b);

    end = in.len ? in.data + in.len : in.data;
    pos = 0;
    last = 0;

    while ((rc = wh_delivery_next(in, &pos, &type, &value)) == WH_OK) {

        CHECK(type < 256);
        CHECK(pos > last && pos <= in.len);
        CHECK(value.data > in.data && value.data <= end);
        CHECK(value.len <= (size_t) (end - value.data));
        CHECK(value.data + value.len == in.data + pos);

        last = pos;

        got = wh_delivery_put(&b, (wh_field_e) type, value.data, value.len);
        CHECK(got == WH_OK);

        if (seen[type] == NULL) {
            seen[type] = (char *) value.data;

            got = wh_delivery_get(in, (wh_field_e) type, &first);
            CHECK(got == WH_OK);
            CHECK(first.data == value.data && first.len == value.len);
        }
    }

    CHECK(rc == WH_AGAIN || rc == WH_ERROR);

    for (type = 0; type < 256; type++) {
        got = wh_delivery_get(in, (wh_field_e) type, &first);
        CHECK(got == (seen[type] ? WH_OK : rc));
    }

    if (rc == WH_AGAIN) {
        CHECK(b.err == WH_OK && b.len == in.len);
        CHECK(memcmp(b.data, in.data, in.len) == 0);
    }

    if (seen[WH_FIELD_TIME] == NULL) {
        CHECK(wh_delivery_time(in) == 0);
    }

    free(b.data);
}
