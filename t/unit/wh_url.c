
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_url.h"


static void good(const char *text, int https, int type, const char *host,
    unsigned port, const char *authority, const char *target);
static void bad(const char *text, size_t n, const char *expected);
static void dots(const char *target, int expected);


#define T(s)  s, sizeof(s) - 1


int
main(void)
{
    char  host[400], text[500];

    good("http://example.com", 0, WH_URL_NAME, "example.com", 80,
         "example.com", "/");
    good("https://example.com", 1, WH_URL_NAME, "example.com", 443,
         "example.com", "/");
    good("HTTPS://Example.COM/A", 1, WH_URL_NAME, "Example.COM", 443,
         "Example.COM", "/A");
    good("http://a:8080/x/y?z=1&q=?/:@", 0, WH_URL_NAME, "a", 8080,
         "a:8080", "/x/y?z=1&q=?/:@");
    good("http://a:1/", 0, WH_URL_NAME, "a", 1, "a:1", "/");
    good("http://a:65535/", 0, WH_URL_NAME, "a", 65535, "a:65535", "/");
    good("http://a:00080/", 0, WH_URL_NAME, "a", 80, "a:00080", "/");
    good("http://a_b.c-d.~e./", 0, WH_URL_NAME, "a_b.c-d.~e.", 80,
         "a_b.c-d.~e.", "/");
    good("http://1.a/", 0, WH_URL_NAME, "1.a", 80, "1.a", "/");
    good("http://1a/", 0, WH_URL_NAME, "1a", 80, "1a", "/");
    good("http://0xg/", 0, WH_URL_NAME, "0xg", 80, "0xg", "/");
    good("http://127.0.0.1:81/?", 0, WH_URL_IPV4, "127.0.0.1", 81,
         "127.0.0.1:81", "/?");
    good("http://255.255.255.255", 0, WH_URL_IPV4, "255.255.255.255", 80,
         "255.255.255.255", "/");
    good("https://[::1]:8443/x", 1, WH_URL_IPV6, "::1", 8443, "[::1]:8443",
         "/x");
    good("http://[::]", 0, WH_URL_IPV6, "::", 80, "[::]", "/");
    good("http://[1::]/", 0, WH_URL_IPV6, "1::", 80, "[1::]", "/");
    good("http://[1:2:3:4:5:6:7:8]/", 0, WH_URL_IPV6, "1:2:3:4:5:6:7:8", 80,
         "[1:2:3:4:5:6:7:8]", "/");
    good("http://[1:2:3:4:5:6:7::]/", 0, WH_URL_IPV6, "1:2:3:4:5:6:7::", 80,
         "[1:2:3:4:5:6:7::]", "/");
    good("http://[2001:DB8::ab:0]/", 0, WH_URL_IPV6, "2001:DB8::ab:0", 80,
         "[2001:DB8::ab:0]", "/");
    good("http://[::ffff:1.2.3.4]/", 0, WH_URL_IPV6, "::ffff:1.2.3.4", 80,
         "[::ffff:1.2.3.4]", "/");
    good("http://[1:2:3:4:5:6:1.2.3.4]/", 0, WH_URL_IPV6,
         "1:2:3:4:5:6:1.2.3.4", 80, "[1:2:3:4:5:6:1.2.3.4]", "/");

    bad(T(""), "does not start with");
    bad(NULL, 0, "does not start with");
    bad(T("ftp://a/"), "does not start with");
    bad(T("http:/a/"), "does not start with");
    bad(T("//a/"), "does not start with");
    bad(T("httpss://a/"), "does not start with");
    bad(T("/x"), "does not start with");
    bad(T("http://"), "no host");
    bad(T("http:///x"), "no host");
    bad(T("http://:80/"), "no host");
    bad(T("http://u@a/"), "user information");
    bad(T("http://u:p@a/"), "user information");
    bad(T("http://a/#f"), "fragment");
    bad(T("http://a#"), "fragment");
    bad(T("http://a/ b"), "space");
    bad(T(" http://a/"), "space");
    bad(T("http://a/\r\nX: y"), "control character");
    bad(T("http://a/\tb"), "control character");
    bad(T("http://a/\0"), "control character");
    bad(T("http://a/\x7f"), "control character");
    bad(T("http://a/\xc3\xa9"), "non-ASCII");
    bad(T("http://\xc3\xa9/"), "non-ASCII");
    bad(T("http://a:/"), "no port");
    bad(T("http://a:0/"), "out of range");
    bad(T("http://a:65536/"), "out of range");
    bad(T("http://a:99999999999999999999/"), "out of range");
    bad(T("http://a:8x/"), "invalid port");
    bad(T("http://a:-1/"), "invalid port");
    bad(T("http://a:80:80/"), "invalid port");
    bad(T("http://a%2eb/"), "invalid character in host");
    bad(T("http://a\\b/"), "invalid character in host");
    bad(T("http://a,b/"), "invalid character in host");
    bad(T("http://::1/"), "no host");
    bad(T("http://a..b/"), "empty label");
    bad(T("http://.a/"), "empty label");
    bad(T("http://a../"), "empty label");
    bad(T("http://./"), "empty label");
    bad(T("http://a?b"), "no path before");
    bad(T("http://127.1/"), "invalid IPv4");
    bad(T("http://2130706433/"), "invalid IPv4");
    bad(T("http://0x7f.0.0.1/"), "invalid IPv4");
    bad(T("http://0x7f000001/"), "invalid IPv4");
    bad(T("http://0x/"), "invalid IPv4");
    bad(T("http://127.0.0.0x1/"), "invalid IPv4");
    bad(T("http://127.0.0.01/"), "invalid IPv4");
    bad(T("http://127.0.0.1./"), "invalid IPv4");
    bad(T("http://256.0.0.1/"), "invalid IPv4");
    bad(T("http://1.2.3.4.5/"), "invalid IPv4");
    bad(T("http://a.1/"), "invalid IPv4");
    bad(T("http://[::1/"), "no \"]\"");
    bad(T("http://[::1]x/"), "after \"]\"");
    bad(T("http://[::1]80/"), "after \"]\"");
    bad(T("http://[]/"), "invalid IPv6");
    bad(T("http://[:]/"), "invalid IPv6");
    bad(T("http://[:::]/"), "invalid IPv6");
    bad(T("http://[1]/"), "invalid IPv6");
    bad(T("http://[1:2:3:4:5:6:7]/"), "invalid IPv6");
    bad(T("http://[1:2:3:4:5:6:7:8:9]/"), "invalid IPv6");
    bad(T("http://[1:2:3:4:5:6:7:8::]/"), "invalid IPv6");
    bad(T("http://[1::2::3]/"), "invalid IPv6");
    bad(T("http://[1:2:3:4:5:6:7:]/"), "invalid IPv6");
    bad(T("http://[:1::]/"), "invalid IPv6");
    bad(T("http://[12345::]/"), "invalid IPv6");
    bad(T("http://[g::]/"), "invalid IPv6");
    bad(T("http://[::1.2.3]/"), "invalid IPv6");
    bad(T("http://[1.2.3.4::]/"), "invalid IPv6");
    bad(T("http://[1:2:3:4:5:6:7:1.2.3.4]/"), "invalid IPv6");
    bad(T("http://[fe80::1%25eth0]/"), "invalid IPv6");
    bad(T("http://[v1.a]/"), "invalid IPv6");

    memset(host, 'a', sizeof(host));
    (void) snprintf(text, sizeof(text), "http://%.63s.a/", host);
    good(text, 0, WH_URL_NAME, text + 7, 80, text + 7, "/");
    (void) snprintf(text, sizeof(text), "http://%.64s.a/", host);
    bad(text, strlen(text), "label in host is too long");
    (void) snprintf(text, sizeof(text), "http://%.255s/", host);
    bad(text, strlen(text), "host is too long");

    dots("/", 0);
    dots("/a/b.c/d", 0);
    dots("/...", 0);
    dots("/..a/b../.c", 0);
    dots("/a?/../b", 0);
    dots("/a?x=..", 0);
    dots("/a%2Eb/%2E%2E%2E", 0);
    dots("/a%2", 0);
    dots("/.%", 0);
    dots("/.%2", 0);
    dots("/..%zz", 0);
    dots("/%252e%252e/", 0);
    dots("/.", 1);
    dots("/..", 1);
    dots("/./", 1);
    dots("/../", 1);
    dots("/a/..?b", 1);
    dots("/a/../b", 1);
    dots("/a/%2e%2E/b", 1);
    dots("/a/.%2e", 1);
    dots("/a/%2E", 1);
    dots("/a%2F..%2fb", 1);
    dots("/a%2F..", 1);
    dots("/a%5C..%5cb", 1);
    dots("/a\\..\\b", 1);

    return done_testing();
}


static void
good(const char *text, int https, int type, const char *host, unsigned port,
    const char *authority, const char *target)
{
    int          rc;
    char        *p;
    size_t       n;
    wh_str_t     in;
    wh_url_t     u;
    const char  *err;

    n = strlen(text);
    p = guard_copy(text, n);

    in.len = n;
    in.data = p;

    err = "";
    rc = wh_url_parse(in, &u, &err);

    if (is_int(rc, WH_OK, "%.80s is a URL", text)) {

        /* the long host of main() is written with a path after it */

        n = strcspn(host, "/");

        is_int(u.https, https, "%.80s: scheme", text);
        is_int(u.type, type, "%.80s: type of host", text);
        is_mem(u.host.data, u.host.len, host, n, "%.80s: host", text);
        is_int(u.port, port, "%.80s: port", text);
        is_mem(u.authority.data, u.authority.len, authority,
               strcspn(authority, "/"), "%.80s: authority", text);
        is_str(u.target.data, u.target.len, target, "%.80s: target", text);

    } else {
        printf("#   %s\n", err);
    }

    /* prefixes must not be read past */

    for (in.len = 0; in.len < strlen(text); in.len++) {
        in.data = p + strlen(text) - in.len;
        memmove((char *) in.data, text, in.len);
        (void) wh_url_parse(in, &u, &err);
    }

    guard_free(p, strlen(text));
}


static void
bad(const char *text, size_t n, const char *expected)
{
    int          rc;
    char        *p;
    wh_str_t     in;
    wh_url_t     u;
    const char  *err;

    p = text ? guard_copy(text, n) : NULL;

    in.len = n;
    in.data = p;

    err = "";
    rc = wh_url_parse(in, &u, &err);

    ok(rc == WH_ERROR && strstr(err, expected), "\"%.60s\": %s",
       text ? text : "NULL", expected);

    if (rc == WH_OK || strstr(err, expected) == NULL) {
        printf("#   got: %d, %s\n", rc, err ? err : "no error");
    }

    if (p) {
        guard_free(p, n);
    }
}


static void
dots(const char *target, int expected)
{
    char      *p;
    wh_str_t   in;

    in.len = strlen(target);

    p = guard_copy(target, in.len);
    in.data = p;

    is_int(wh_url_has_dots(in), expected, "dots in %s", target);

    guard_free(p, in.len);
}
