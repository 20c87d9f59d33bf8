
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_escape.h"
#include "wh_utf8.h"


typedef int (*put_pt)(wh_buf_t *b, const char *p, size_t n);


static void put(put_pt f, const char *in, size_t n, const char *out,
    const char *name);
static void number(const char *p, int valid);
static void limits(void);


#define T(s)  s, sizeof(s) - 1


int
main(void)
{
    char    c;
    size_t  i, good;

    /* JSON */

    put(wh_put_json_string, T(""), "", "JSON: empty");
    put(wh_put_json_string, NULL, 0, "", "JSON: NULL of no octets");
    put(wh_put_json_string, T("plain /text/"), "plain /text/",
        "JSON: plain text as is, slash too");
    put(wh_put_json_string, T("a\"b\\c"), "a\\\"b\\\\c",
        "JSON: quote and backslash are escaped");
    put(wh_put_json_string, T("\b\f\n\r\t"), "\\b\\f\\n\\r\\t",
        "JSON: short escapes");
    put(wh_put_json_string, T("\0\x01\x1f\x7f"), "\\u0000\\u0001\\u001f\x7f",
        "JSON: other controls are \\u00xx, DEL is as is");
    put(wh_put_json_string, T("\xc3\xa9\xf0\x9f\x98\x80"),
        "\xc3\xa9\xf0\x9f\x98\x80", "JSON: UTF-8 as is");
    put(wh_put_json_string, T("a\xff\xfe" "b"),
        "a\xef\xbf\xbd\xef\xbf\xbd" "b", "JSON: invalid octets are U+FFFD");
    put(wh_put_json_string, T("\xc0\x80\""),
        "\xef\xbf\xbd\xef\xbf\xbd\\\"", "JSON: overlong is invalid");
    put(wh_put_json_string, T("\xed\xa0\x80"),
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
        "JSON: encoded surrogate is invalid");
    put(wh_put_json_string, T("\xe2\x82\"x"), "\xef\xbf\xbd\\\"x",
        "JSON: a quote after a cut sequence is escaped");
    put(wh_put_json_string, T("x\xe2\x82"), "x\xef\xbf\xbd",
        "JSON: a cut sequence at the end is one U+FFFD");
    put(wh_put_json_string, T("\xe2\x80\xa8"), "\xe2\x80\xa8",
        "JSON: U+2028 as is");
    put(wh_put_json_quoted, T("a\"b"), "\"a\\\"b\"", "JSON: quoted");
    put(wh_put_json_quoted, T(""), "\"\"", "JSON: quoted empty");
    put(wh_put_json_string, T("{\"a\":\"x\\ny\"}"),
        "{\\\"a\\\":\\\"x\\\\ny\\\"}", "JSON in a string is escaped once more");

    /* URL and form */

    put(wh_put_url, T(""), "", "URL: empty");
    put(wh_put_url, T("AZaz09-._~"), "AZaz09-._~", "URL: unreserved as is");
    put(wh_put_url, T("a b&c=d/e?f+g%h"), "a%20b%26c%3Dd%2Fe%3Ff%2Bg%25h",
        "URL: reserved are encoded, space is %%20");
    put(wh_put_url, T("\0\xff\xc3\xa9\r\n"), "%00%FF%C3%A9%0D%0A",
        "URL: any octet, in upper-case hex");
    put(wh_put_form, T("a b&c=d~*-._"), "a+b%26c%3Dd%7E*-._",
        "form: space is +, tilde is encoded, star is not");
    put(wh_put_form, T("+%"), "%2B%25", "form: + and %% are encoded");

    /* base64: RFC 4648, section 10 */

    put(wh_put_base64, T(""), "", "base64: empty");
    put(wh_put_base64, T("f"), "Zg==", "base64: one octet");
    put(wh_put_base64, T("fo"), "Zm8=", "base64: two octets");
    put(wh_put_base64, T("foo"), "Zm9v", "base64: three octets");
    put(wh_put_base64, T("foob"), "Zm9vYg==", "base64: four octets");
    put(wh_put_base64, T("fooba"), "Zm9vYmE=", "base64: five octets");
    put(wh_put_base64, T("foobar"), "Zm9vYmFy", "base64: six octets");
    put(wh_put_base64, T("\xfb\xff\xbf"), "+/+/", "base64: + and /");

    limits();

    /* header fields */

    ok(wh_header_value_ok(T("")), "header value: may be empty");
    ok(wh_header_value_ok(NULL, 0), "header value: NULL of no octets");
    ok(wh_header_value_ok(T("a b\tc \x80\xff")),
       "header value: space, tab and octets above 7F");

    for (i = 0, good = 0; i < 256; i++) {
        c = (char) i;
        good += (size_t) wh_header_value_ok(&c, 1);
    }

    is_int((int64_t) good, 256 - 31 - 1, "header value: 32 octets are not");
    ok(!wh_header_value_ok(T("a\r\nb")), "header value: no CR LF");
    ok(!wh_header_value_ok(T("a\nb")), "header value: no LF");
    ok(!wh_header_value_ok(T("a\rb")), "header value: no CR");
    ok(!wh_header_value_ok(T("a\0b")), "header value: no NUL");
    ok(!wh_header_value_ok(T("\x7f")), "header value: no DEL");

    ok(wh_header_name_ok(T("X-Webhook_Id.1")), "header name: a token");
    ok(wh_header_name_ok(T("!#$%&'*+-.^_`|~")), "header name: all symbols");
    ok(!wh_header_name_ok(T("")), "header name: not empty");

    for (i = 0, good = 0; i < 256; i++) {
        c = (char) i;
        good += (size_t) wh_header_name_ok(&c, 1);
    }

    is_int((int64_t) good, 77, "header name: 77 octets are tchar");
    ok(!wh_header_name_ok(T("a:")), "header name: no colon");
    ok(!wh_header_name_ok(T("a b")), "header name: no space");
    ok(!wh_header_name_ok(T("a\xc3\xa9")), "header name: no UTF-8");

    /* numbers */

    number("0", 1);
    number("-0", 1);
    number("10", 1);
    number("-1.50", 1);
    number("0.0", 1);
    number("1e400", 1);
    number("1E+05", 1);
    number("2.499e-7", 1);
    number("123456789012345678901234567890", 1);
    number("", 0);
    number("-", 0);
    number("+1", 0);
    number("01", 0);
    number("-01", 0);
    number("00", 0);
    number(".5", 0);
    number("1.", 0);
    number("1.e5", 0);
    number("1e", 0);
    number("1e+", 0);
    number("1e5.5", 0);
    number("--1", 0);
    number("0x10", 0);
    number("NaN", 0);
    number("Infinity", 0);
    number(" 1", 0);
    number("1 ", 0);
    number("1,2", 0);
    ok(!wh_json_number_ok("1\0", 2), "number: no NUL at the end");
    ok(!wh_json_number_ok(NULL, 0), "number: not NULL of no octets");

    return done_testing();
}


static void
put(put_pt f, const char *in, size_t n, const char *out, const char *name)
{
    char      *p;
    wh_buf_t   b;

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = 1000;
    b.grow = wh_buf_malloc;

    p = in ? guard_copy(in, n) : NULL;

    is_int(f(&b, p, n), WH_OK, "%s: succeeds", name);
    is_str(b.data, b.len, out, "%s", name);

    if (p) {
        guard_free(p, n);
    }

    free(b.data);
}


static void
number(const char *text, int valid)
{
    char    *p;
    size_t   n;

    n = strlen(text);
    p = guard_copy(text, n);

    is_int(wh_json_number_ok(p, n), valid, "number: \"%s\" is%s", text,
           valid ? "" : " not");

    guard_free(p, n);
}


static void
limits(void)
{
    size_t              i, max;
    wh_buf_t            b;
    static const char   text[] = "a\"b\n\xff c~\x01";
    static const put_pt puts[] = { wh_put_json_string, wh_put_json_quoted,
                                   wh_put_url, wh_put_form, wh_put_base64 };

    for (i = 0; i < sizeof(puts) / sizeof(puts[0]); i++) {

        for (max = 0; max < 64; max++) {
            memset(&b, 0, sizeof(wh_buf_t));
            b.max = max;
            b.grow = wh_buf_malloc;

            if (puts[i](&b, text, sizeof(text) - 1) == WH_OK) {
                free(b.data);
                break;
            }

            if (b.err != WH_LIMIT || b.len > max) {
                max = 1000;
            }

            free(b.data);
        }

        ok(max > 8 && max < 64, "appender %zu keeps to any limit", i);
    }

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = SIZE_MAX - 1;
    b.grow = wh_buf_malloc;

    is_int(wh_put_base64(&b, "", SIZE_MAX), WH_LIMIT,
           "base64: a length that would wrap is refused");
}
