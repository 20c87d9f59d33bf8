
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_cloudevent.h"
#include "wh_escape.h"
#include "wh_utf8.h"


/*
 * What a header carries is printable, and decoded it is the text again if that
 * is UTF-8.  All types are strings, and an URI is a reference.
 */


static int hex(char c);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       string, type;
    char     *p;
    size_t    i, n;
    wh_buf_t  b;

    p = fuzz_copy(data, size);

    fuzz_buf(&b, SIZE_MAX);

    CHECK(wh_put_ce_header(&b, p, size) == WH_OK);
    CHECK(wh_header_value_ok(b.data, b.len));

    n = 0;

    for (i = 0; i < b.len; i++) {
        CHECK(b.data[i] > 0x20 && b.data[i] < 0x7f && b.data[i] != '"');

        if (b.data[i] == '%') {
            CHECK(b.len - i > 2);
            b.data[n++] = (char) (hex(b.data[i + 1]) << 4
                                  | hex(b.data[i + 2]));
            i += 2;
            continue;
        }

        b.data[n++] = b.data[i];
    }

    if (wh_utf8_valid(p, size) == size) {
        CHECK(n == size && (n == 0 || memcmp(b.data, p, n) == 0));

    } else {
        CHECK(wh_utf8_valid(b.data, n) == n);
    }

    string = wh_ce_value_ok(WH_CE_STRING, p, size);

    for (type = WH_CE_INTEGER; type <= WH_CE_TIMESTAMP; type++) {
        if (wh_ce_value_ok((wh_ce_type_e) type, p, size)) {
            CHECK(string);
        }
    }

    if (wh_ce_value_ok(WH_CE_URI, p, size)) {
        CHECK(wh_ce_value_ok(WH_CE_URIREF, p, size));
    }

    if (wh_ce_name_ok(p, size)) {
        CHECK(string && wh_ce_value_ok(WH_CE_URIREF, p, size));
    }

    (void) wh_ce_type_is_json(p, size);

    free(b.data);
    free(p);

    return 0;
}


static int
hex(char c)
{
    CHECK((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));

    return c <= '9' ? c - '0' : c - 'A' + 10;
}
