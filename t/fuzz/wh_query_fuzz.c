
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_escape.h"
#include "wh_id.h"
#include "wh_query.h"


/*
 * Arguments are told apart at every "&" and the first "=".  What is encoded as
 * a URL or as a form decodes to the same; a decoded text has no NUL and is not
 * longer.  A number that is taken is one that its limits have, and the same as
 * that of strtoull(); a time is the same when it is written and read again.
 */


static void query(wh_str_t in);
static void decode(wh_str_t in);
static void encoded(wh_str_t in, int (*put)(wh_buf_t *b, const char *p,
    size_t n));
static void number(wh_str_t in, uint64_t least, uint64_t most);
static void time_of(wh_str_t in);
static void hex(wh_str_t in);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    query(in);
    decode(in);
    encoded(in, wh_put_url);
    encoded(in, wh_put_form);
    number(in, 0, UINT64_MAX);
    number(in, 1, 1000);
    number(in, 100, 599);
    time_of(in);
    hex(in);

    free(p);

    return 0;
}


static void
query(wh_str_t in)
{
    int       rc;
    size_t    pos, before, i;
    wh_str_t  name, value;

    pos = 0;

    for ( ;; ) {
        before = pos;

        rc = wh_query_next(in, &pos, &name, &value);

        CHECK(pos >= before && pos <= in.len);

        if (rc != WH_OK) {
            break;
        }

        CHECK(pos > before);
        CHECK(name.data + name.len + 1 == value.data);
        CHECK(value.data + value.len == in.data + pos);
        CHECK(pos == in.len || in.data[pos] == '&');
        CHECK(memchr(name.data, '&', name.len) == NULL);
        CHECK(memchr(name.data, '=', name.len) == NULL);
        CHECK(memchr(value.data, '&', value.len) == NULL);

        for (i = before; in.data + i < name.data; i++) {
            CHECK(in.data[i] == '&');
        }

        decode(value);
    }

    CHECK(rc == WH_ERROR || (rc == WH_AGAIN && pos == in.len));
}


static void
decode(wh_str_t in)
{
    char      *out;
    wh_str_t   text;

    out = malloc(in.len ? in.len : 1);
    CHECK(out != NULL);

    if (wh_query_decode(in, out, &text) == WH_OK) {
        CHECK(text.data == out && text.len <= in.len);

        /* as it stands there it may, but no request line has one */

        CHECK((in.len && memchr(in.data, '\0', in.len) != NULL)
              || text.len == 0 || memchr(out, '\0', text.len) == NULL);
    }

    free(out);
}


static void
encoded(wh_str_t in, int (*put)(wh_buf_t *b, const char *p, size_t n))
{
    int        rc;
    char      *out;
    wh_buf_t   b;
    wh_str_t   value, text;

    fuzz_buf(&b, SIZE_MAX);

    CHECK(put(&b, in.data, in.len) == WH_OK);

    out = malloc(b.len ? b.len : 1);
    CHECK(out != NULL);

    value.data = b.data;
    value.len = b.len;

    rc = wh_query_decode(value, out, &text);

    if (in.len && memchr(in.data, '\0', in.len) != NULL) {
        CHECK(rc == WH_ERROR);

    } else {
        CHECK(rc == WH_OK && text.len == in.len);
        CHECK(in.len == 0 || memcmp(out, in.data, in.len) == 0);
    }

    free(out);
    free(b.data);
}


static void
number(wh_str_t in, uint64_t least, uint64_t most)
{
    char      text[64];
    size_t    zeros;
    uint64_t  n;

    if (wh_query_number(in, least, most, &n) != WH_OK) {
        return;
    }

    CHECK(n >= least && n <= most);

    for (zeros = 0; zeros + 1 < in.len && in.data[zeros] == '0'; zeros++) {
        /* void */
    }

    CHECK(in.len - zeros < sizeof(text));

    memcpy(text, in.data + zeros, in.len - zeros);
    text[in.len - zeros] = '\0';

    CHECK(strspn(text, "0123456789") == in.len - zeros);
    CHECK(strtoull(text, NULL, 10) == n);
}


static void
time_of(wh_str_t in)
{
    char      iso[24];
    uint64_t  ms, again;
    wh_str_t  text;

    if (wh_query_time(in, &ms) != WH_OK || ms > UINT64_C(253402300799999)) {
        return;
    }

    wh_time_iso(iso, ms);

    text.data = iso;
    text.len = sizeof(iso);

    CHECK(wh_query_time(text, &again) == WH_OK && again == ms);
}


static void
hex(wh_str_t in)
{
    char      *out, *text;
    size_t     i;
    wh_str_t   digits;

    out = malloc(in.len ? in.len : 1);
    text = malloc(in.len ? in.len * 2 : 1);
    CHECK(out != NULL && text != NULL);

    wh_hex_put(text, in.data, in.len);

    digits.data = text;
    digits.len = in.len * 2;

    CHECK(wh_hex_get(digits, out, in.len) == WH_OK);
    CHECK(in.len == 0 || memcmp(out, in.data, in.len) == 0);
    CHECK(wh_hex_get(digits, out, in.len + 1) == WH_ERROR);

    /* digits may be of both cases */

    if (in.len % 2 == 0 && wh_hex_get(in, out, in.len / 2) == WH_OK) {
        wh_hex_put(text, out, in.len / 2);

        for (i = 0; i < in.len; i++) {
            CHECK(text[i] == in.data[i]
                  || (in.data[i] < 'a' && text[i] == in.data[i] + 32));
        }
    }

    free(out);
    free(text);
}
