
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_cloudevent.h"


static void value(wh_ce_type_e type, int expected, const char *p);
static void header(const char *in, size_t n, const char *expected);


int
main(void)
{
    size_t    i;
    wh_buf_t  b;

    static const char  *strings[] = {
        "a", " ", "\xc3\xa4", "\xc2\xa0", "\xef\xb7\x8f", "\xef\xb7\xb0",
        "\xef\xbf\xbd", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbd", NULL
    };

    static const char  *no_strings[] = {
        "", "\x01", "\r\n", "a\x7f", "\xc2\x80", "\xc2\x9f", "\xef\xb7\x90",
        "\xef\xb7\xaf", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xf0\x9f\xbf\xbe",
        "\xf4\x8f\xbf\xbf", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", NULL
    };

    static const char  *integers[] = {
        "0", "-0", "1", "-1", "2147483647", "-2147483648", NULL
    };

    static const char  *no_integers[] = {
        "", "-", "01", "+1", "1.0", "1e3", " 1", "1 ", "2147483648",
        "-2147483649", "99999999999", "a", NULL
    };

    static const char  *uris[] = {
        "http://example.com/a?b#c", "urn:uuid:1", "mailto:a@example.com",
        "a+b-c.d:", "http://[::1]:80/", "https://example.com/%C3%A4", NULL
    };

    static const char  *references[] = {
        "/a", "a", "//example.com", "?a=b", "#a", "./a:b", "a/b:c", "//[::1]",
        "//*.example.com", NULL
    };

    static const char  *no_uris[] = {
        "", " ", "a b", "\xc3\xa4", "%", "%4", "%GG", "/a\n", "#a#b",
        "1:a", ":a", "/[", "http://example.com/[", "\"", "<a>", "a\\b", "^",
        "`", "{a}", "|", "//a b", NULL
    };

    static const char  *times[] = {
        "2018-04-05T17:31:00Z", "2018-04-05t17:31:00z",
        "2018-04-05T17:31:00.123456789Z", "2018-04-05T17:31:00+02:00",
        "2018-04-05T17:31:00.5-23:59", "2020-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z", "2016-12-31T23:59:60Z", NULL
    };

    static const char  *no_times[] = {
        "", "2018-04-05", "2018-04-05T17:31:00", "2018-04-05 17:31:00Z",
        "2018-04-05T17:31:00.Z", "2018-04-05T17:31:00.5",
        "2018-13-05T17:31:00Z",
        "2018-00-05T17:31:00Z", "2018-04-31T17:31:00Z", "2018-04-00T17:31:00Z",
        "2019-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2018-04-05T24:00:00Z",
        "2018-04-05T17:60:00Z", "2018-04-05T17:31:61Z",
        "2018-04-05T17:31:00+0200", "2018-04-05T17:31:00+24:00",
        "2018-04-05T17:31:00+02:60", "2018-04-05T17:31:00ZZ",
        "2018-04-05T17:31:00+02:000", "201a-04-05T17:31:00Z",
        "2018-04-05T17:31:00.123456789", NULL
    };

    static const char  *json[] = {
        "application/json", "text/json", "APPLICATION/JSON",
        "application/json; charset=utf-8", "application/json \t;a=b",
        "application/vnd.a+json", "a/b+JSON", NULL
    };

    static const char  *no_json[] = {
        "", "json", "/json", "application/", "application/jsonp",
        "application/xjson", "application/+json", "text/plain",
        "text/plain; a=application/json", "application/json+xml",
        "application/json-seq", "a/b/json", NULL
    };

    static const char  *names[] = { "a", "0", "traceparent", "a1b2", NULL };

    static const char  *no_names[] = {
        "", "A", "a-b", "a_b", "a b", "\xc3\xa4", "a\r\nb", NULL
    };

    for (i = 0; strings[i]; i++) {
        value(WH_CE_STRING, 1, strings[i]);
    }

    for (i = 0; no_strings[i]; i++) {
        value(WH_CE_STRING, 0, no_strings[i]);
    }

    for (i = 0; integers[i]; i++) {
        value(WH_CE_INTEGER, 1, integers[i]);
    }

    for (i = 0; no_integers[i]; i++) {
        value(WH_CE_INTEGER, 0, no_integers[i]);
    }

    for (i = 0; uris[i]; i++) {
        value(WH_CE_URI, 1, uris[i]);
        value(WH_CE_URIREF, 1, uris[i]);
    }

    for (i = 0; references[i]; i++) {
        value(WH_CE_URI, 0, references[i]);
        value(WH_CE_URIREF, 1, references[i]);
    }

    for (i = 0; no_uris[i]; i++) {
        value(WH_CE_URI, 0, no_uris[i]);
        value(WH_CE_URIREF, 0, no_uris[i]);
    }

    for (i = 0; times[i]; i++) {
        value(WH_CE_TIMESTAMP, 1, times[i]);
    }

    for (i = 0; no_times[i]; i++) {
        value(WH_CE_TIMESTAMP, 0, no_times[i]);
    }

    for (i = 0; json[i]; i++) {
        ok(wh_ce_type_is_json(json[i], strlen(json[i])), "%s is JSON",
           json[i]);
    }

    for (i = 0; no_json[i]; i++) {
        ok(!wh_ce_type_is_json(no_json[i], strlen(no_json[i])),
           "\"%s\" is not JSON", no_json[i]);
    }

    for (i = 0; names[i]; i++) {
        ok(wh_ce_name_ok(names[i], strlen(names[i])), "%s is a name",
           names[i]);
    }

    for (i = 0; no_names[i]; i++) {
        ok(!wh_ce_name_ok(no_names[i], strlen(no_names[i])),
           "name %zu is none", i);
    }

    /* the example of the specification, section 3.1.3.2 */

    header("Euro \xe2\x82\xac \xf0\x9f\x98\x80", 13,
           "Euro%20%E2%82%AC%20%F0%9F%98%80");
    header("!#~\"%\x7f", 6, "!#~%22%25%7F");
    header("\r\n\t\0", 4, "%0D%0A%09%00");
    header("a\xff\xc3", 3, "a%EF%BF%BD%EF%BF%BD");
    header("", 0, "");

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = 4;
    b.grow = wh_buf_malloc;

    ok(wh_put_ce_header(&b, "ab ", 3) == WH_LIMIT && b.len == 2,
       "the limit of the buffer");

    free(b.data);

    return done_testing();
}


static void
value(wh_ce_type_e type, int expected, const char *p)
{
    char    *q;
    size_t   n;

    n = strlen(p);
    q = guard_copy(p, n);

    ok(wh_ce_value_ok(type, q, n) == expected, "type %d: %s of %zu octets",
       type, expected ? "a value" : "none", n);

    guard_free(q, n);
}


static void
header(const char *in, size_t n, const char *expected)
{
    char      *p;
    wh_buf_t   b;

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = SIZE_MAX;
    b.grow = wh_buf_malloc;

    p = guard_copy(in, n);

    ok(wh_put_ce_header(&b, p, n) == WH_OK && b.len == strlen(expected)
       && (b.len == 0 || memcmp(b.data, expected, b.len) == 0),
       "header \"%s\"", expected);

    guard_free(p, n);
    free(b.data);
}
