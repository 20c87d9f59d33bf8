
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is signed, against the vectors of Standard Webhooks and of RFC 9421,
 * appendix B; OpenSSL signs.
 */


#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tap.h"
#include "wh_escape.h"
#include "wh_key.h"
#include "wh_sign.h"


static void texts(void);
static void text(const char *in, const char *expected);
static void bad(const char *in, const char *word);
static void components(void);
static void component(const char *head, int https, const char *name,
    const char *expected);
static void names(void);
static void standard(void);
static void rfc9421(void);
static void members(void);
static void sign_hmac(wh_buf_t *out, wh_str_t key, wh_str_t content);
static void sign_ed25519(wh_buf_t *out, wh_key_t *key, wh_str_t content);
static wh_str_t string(const char *p);
static void buf(wh_buf_t *b, size_t max);


#define HEAD  "POST /foo?param=Value&Pet=dog HTTP/1.1\r\n"                    \
              "Host: example.com\r\n"                                         \
              "Date: Tue, 20 Apr 2021 02:07:55 GMT\r\n"                       \
              "Content-Type: application/json\r\n"                            \
              "Content-Length: 18\r\n"


static wh_sign_request_t  request;


int
main(void)
{
    request.head = string(HEAD);
    request.body = string("{\"hello\": \"world\"}");
    request.id = string("msg_1");
    request.event = string("contact.created");
    request.time = 1618884473999;
    request.https = 1;

    texts();
    components();
    names();
    standard();
    rfc9421();
    members();

    return done_testing();
}


static void
texts(void)
{
    int       rc;
    wh_buf_t  b;
    wh_str_t  in;

    text("", "");
    text("text", "text");
    text("$body", "{\"hello\": \"world\"}");
    text("$timestamp.$body", "1618884473.{\"hello\": \"world\"}");
    text("${timestamp}${timestamp_ms}", "16188844731618884473999");
    text("v0:$timestamp:$id", "v0:1618884473:msg_1");
    text("$event,$method", "contact.created,POST");
    text("$host$target", "example.com/foo?param=Value&Pet=dog");
    text("$url", "https://example.com/foo?param=Value&Pet=dog");
    text("$$id$$$id", "$id$msg_1");
    text("$$", "$");
    text("{body}", "{body}");

    bad("$", "$");
    bad("a$", "$");
    bad("$.", "$");
    bad("${", "${");
    bad("${}", "${}");
    bad("${id", "${id");
    bad("${id.}", "${id");
    bad("$ids", "$ids");
    bad("$BODY", "$BODY");
    bad("$$$", "$");
    bad("$id$request_uri", "$request_uri");

    request.https = 0;
    text("$url", "http://example.com/foo?param=Value&Pet=dog");
    request.https = 1;

    request.body = string("");
    text("$timestamp.$body", "1618884473.");
    request.body = string("{\"hello\": \"world\"}");

    buf(&b, 10);
    in = string("$timestamp.");
    rc = wh_sign_put(&b, in, &request);
    is_int(rc, WH_LIMIT, "a text beyond its limit");
    free(b.data);
}


static void
text(const char *in, const char *expected)
{
    int       rc;
    wh_buf_t  b;
    wh_str_t  s;

    buf(&b, 4096);

    s.len = strlen(in);
    s.data = guard_copy(in, s.len);

    rc = wh_sign_put(&b, s, &request);

    is_int(rc, WH_OK, "text \"%s\"", in);
    is_str(b.data, b.len, expected, "values of \"%s\"", in);

    guard_free((char *) s.data, s.len);
    free(b.data);
}


static void
bad(const char *in, const char *word)
{
    int       rc;
    size_t    pos;
    wh_str_t  s, value;

    s.len = strlen(in);
    s.data = guard_copy(in, s.len);
    pos = 0;

    do {
        rc = wh_sign_next(s, &pos, &value);
    } while (rc >= 0);

    is_int(rc, WH_ERROR, "no text \"%s\"", in);
    is_str(value.data, value.len, word, "the word of \"%s\"", in);

    guard_free((char *) s.data, s.len);
}


static void
components(void)
{
    component(HEAD, 1, "@method", "POST");
    component(HEAD, 1, "@target-uri",
              "https://example.com/foo?param=Value&Pet=dog");
    component(HEAD, 0, "@target-uri",
              "http://example.com/foo?param=Value&Pet=dog");
    component(HEAD, 1, "@authority", "example.com");
    component(HEAD, 1, "@scheme", "https");
    component(HEAD, 0, "@scheme", "http");
    component(HEAD, 1, "@request-target", "/foo?param=Value&Pet=dog");
    component(HEAD, 1, "@path", "/foo");
    component(HEAD, 1, "@query", "?param=Value&Pet=dog");
    component(HEAD, 1, "content-length", "18");
    component(HEAD, 1, "host", "example.com");
    component(HEAD, 1, "date", "Tue, 20 Apr 2021 02:07:55 GMT");
    component(HEAD, 1, "content-digest", NULL);
    component(HEAD, 1, "content", NULL);
    component(HEAD, 1, "content-type2", NULL);

    component("GET / HTTP/1.1\r\nHost: A.Example:443\r\n", 1, "@authority",
              "a.example");
    component("GET / HTTP/1.1\r\nHost: A.Example:443\r\n", 0, "@authority",
              "a.example:443");
    component("GET / HTTP/1.1\r\nHost: A.Example:80\r\n", 0, "@authority",
              "a.example");
    component("GET / HTTP/1.1\r\nHost: [::1]:80\r\n", 0, "@authority",
              "[::1]");
    component("GET / HTTP/1.1\r\nHost: a:8080\r\n", 0, "@authority",
              "a:8080");
    component("GET /X?y HTTP/1.1\r\nHost: A:443\r\n", 1, "@target-uri",
              "https://a/X?y");
    component("GET / HTTP/1.1\r\n", 1, "@authority", "");

    component("GET / HTTP/1.1\r\n", 1, "@query", "?");
    component("GET /? HTTP/1.1\r\n", 1, "@query", "?");
    component("GET /?a?b HTTP/1.1\r\n", 1, "@query", "?a?b");
    component("GET ?a HTTP/1.1\r\n", 1, "@path", "/");
    component("GET /a%20B HTTP/1.1\r\n", 1, "@path", "/a%20B");

    component("GET / HTTP/1.1\r\nX-A: one\r\nx-b: no\r\nx-a:  two \t\r\n", 1,
              "x-a", "one, two");
    component("GET / HTTP/1.1\r\nX-A:\r\n", 1, "x-a", "");
    component("GET / HTTP/1.1\r\nX-A:\r\nX-A: b\r\n", 1, "x-a", ", b");
    component("GET / HTTP/1.1\r\nX-A: a  b: c\r\n", 1, "x-a", "a  b: c");
    component("X-A: /\r\nX-B: b\r\n", 1, "x-a", NULL);
    component("", 1, "x-a", NULL);
    component("", 1, "@method", "");
    component("", 1, "@path", "/");
    component("GET", 1, "@request-target", "");
    component("GET /", 1, "@request-target", "/");
}


static void
component(const char *head, int https, const char *name, const char *expected)
{
    int                rc;
    wh_buf_t           b;
    wh_str_t           s;
    wh_sign_request_t  r;

    buf(&b, 4096);

    r = request;
    r.https = https;
    r.head.len = strlen(head);
    r.head.data = guard_copy(head, r.head.len);

    s = string(name);

    rc = wh_sign_component(&b, s, &r);

    if (expected == NULL) {
        is_int(rc, WH_LOST, "no \"%s\" in \"%s\"", name, head);

    } else {
        is_int(rc, WH_OK, "\"%s\" in \"%s\"", name, head);
        is_str(b.data, b.len, expected, "its value");
    }

    guard_free((char *) r.head.data, r.head.len);
    free(b.data);
}


static void
names(void)
{
    size_t  i;

    static const char *const  good[] = {
        "@method", "@target-uri", "@authority", "@scheme", "@request-target",
        "@path", "@query", "content-type", "x_1", "~"
    };

    static const char *const  wrong[] = {
        "", "@", "@status", "@query-param", "@Method", "@methods", "X-A",
        "a b", "a:", "a\"b", "a,b", "\xc3\xa4", "a(", "a;sf"
    };

    for (i = 0; i < sizeof(good) / sizeof(char *); i++) {
        ok(wh_sign_component_ok(string(good[i])), "component \"%s\"",
           good[i]);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(char *); i++) {
        ok(!wh_sign_component_ok(string(wrong[i])), "no component \"%s\"",
           wrong[i]);
    }

    ok(wh_sign_label_ok(string("sig1")), "label \"sig1\"");
    ok(wh_sign_label_ok(string("*a-_.*9")), "label \"*a-_.*9\"");
    ok(!wh_sign_label_ok(string("")), "no empty label");
    ok(!wh_sign_label_ok(string("1a")), "no label \"1a\"");
    ok(!wh_sign_label_ok(string("_a")), "no label \"_a\"");
    ok(!wh_sign_label_ok(string("Sig")), "no label \"Sig\"");
    ok(!wh_sign_label_ok(string("a=")), "no label \"a=\"");

    ok(wh_sign_string_ok(string(" a\"\\~")), "printable characters");
    ok(wh_sign_string_ok(string("")), "an empty string");
    ok(!wh_sign_string_ok(string("a\t")), "no tab");
    ok(!wh_sign_string_ok(string("\x7f")), "no DEL");
    ok(!wh_sign_string_ok(string("\xc3\xa4")), "no UTF-8");
}


/* the vectors of the libraries and of the specification */

static void
standard(void)
{
    wh_buf_t            content, out;
    wh_key_t            key;
    wh_str_t            signed_content, secret;
    const char         *err;
    wh_sign_request_t   r;

    memset(&r, 0, sizeof(wh_sign_request_t));

    r.id = string("msg_p5jXN8AQM9LWM0D4loKWxJek");
    r.time = 1614265330000;
    r.body = string("{\"test\": 2432232314}");

    buf(&content, 4096);
    buf(&out, 4096);

    (void) wh_sign_put(&content, string("$id.$timestamp.$body"), &r);

    is_str(content.data, content.len, "msg_p5jXN8AQM9LWM0D4loKWxJek."
           "1614265330.{\"test\": 2432232314}",
           "content of Standard Webhooks");

    signed_content.data = content.data;
    signed_content.len = content.len;

    (void) wh_key_standard(string("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                           &key, &err);

    secret.data = (char *) key.secret;
    secret.len = key.len;

    sign_hmac(&out, secret, signed_content);

    is_str(out.data, out.len, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
           "signature v1");

    (void) wh_key_standard(string("whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJC"
                                  "ubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicM"
                                  "Fs6Kvg=="), &key, &err);

    out.len = 0;
    sign_ed25519(&out, &key, signed_content);

    is_str(out.data, out.len, "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5Bdqz"
           "CInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==", "signature v1a");

    free(content.data);
    free(out.data);
}


/* RFC 9421, B.2.5 and B.2.6 */

static void
rfc9421(void)
{
    size_t          len;
    wh_buf_t        base, params, out;
    wh_key_t        key;
    wh_str_t        content, secret;
    const char     *err;
    unsigned char   octets[64];
    wh_sign_http_t  http;

    static const wh_str_t  b25[] = {
        { 4, "date" }, { 10, "@authority" }, { 12, "content-type" }
    };

    static const wh_str_t  b26[] = {
        { 4, "date" }, { 7, "@method" }, { 5, "@path" }, { 10, "@authority" },
        { 12, "content-type" }, { 14, "content-length" }
    };

    buf(&base, 4096);
    buf(&params, 4096);
    buf(&out, 4096);

    memset(&http, 0, sizeof(wh_sign_http_t));

    http.ncomponents = 3;
    http.components = b25;
    http.created = 1618884473;
    http.keyid = string("test-shared-secret");

    is_int(wh_sign_base(&base, &params, &http, &request), WH_OK,
           "base of B.2.5");
    is_str(params.data, params.len, "(\"date\" \"@authority\" \"content-type\""
           ");created=1618884473;keyid=\"test-shared-secret\"",
           "parameters of B.2.5");
    is_str(base.data, base.len,
           "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
           "\"@authority\": example.com\n"
           "\"content-type\": application/json\n"
           "\"@signature-params\": (\"date\" \"@authority\" \"content-type\")"
           ";created=1618884473;keyid=\"test-shared-secret\"",
           "lines of B.2.5");

    (void) wh_base64_decode(string("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46Y"
                                   "W4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMt"
                                   "DQ=="), octets, sizeof(octets), &len);

    secret.data = (char *) octets;
    secret.len = len;
    content.data = base.data;
    content.len = base.len;

    sign_hmac(&out, secret, content);

    is_str(out.data, out.len, "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
           "signature of B.2.5");

    base.len = 0;
    params.len = 0;
    out.len = 0;

    http.ncomponents = 6;
    http.components = b26;
    http.keyid = string("test-key-ed25519");

    is_int(wh_sign_base(&base, &params, &http, &request), WH_OK,
           "base of B.2.6");
    is_str(params.data, params.len, "(\"date\" \"@method\" \"@path\" "
           "\"@authority\" \"content-type\" \"content-length\")"
           ";created=1618884473;keyid=\"test-key-ed25519\"",
           "parameters of B.2.6");

    (void) wh_key_ed25519(string("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU"
                                 "="), &key, &err);

    content.data = base.data;
    content.len = base.len;

    sign_ed25519(&out, &key, content);

    is_str(out.data, out.len, "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1"
           "u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==", "signature of B.2.6");

    free(base.data);
    free(params.data);
    free(out.data);
}


static void
members(void)
{
    wh_buf_t        base, params;
    wh_sign_http_t  http;

    static const wh_str_t  names[] = {
        { 4, "none" }, { 7, "@method" }, { 4, "gone" }, { 5, "@path" },
        { 4, "lost" }
    };

    buf(&base, 4096);
    buf(&params, 4096);

    memset(&http, 0, sizeof(wh_sign_http_t));

    http.ncomponents = 5;
    http.components = names;
    http.created = 1;
    http.expires = 301;
    http.nonce = string("n");
    http.keyid = string("a \"key\" \\ id");
    http.alg = string("ed25519");
    http.tag = string("");

    (void) wh_buf_put_literal(&params, "sig=");

    is_int(wh_sign_base(&base, &params, &http, &request), WH_OK,
           "base with all parameters");
    is_str(params.data, params.len, "sig=(\"@method\" \"@path\");created=1"
           ";expires=301;nonce=\"n\";keyid=\"a \\\"key\\\" \\\\ id\""
           ";alg=\"ed25519\";tag=\"\"",
           "headers that are not there are not covered");
    is_str(base.data, base.len, "\"@method\": POST\n\"@path\": /foo\n"
           "\"@signature-params\": (\"@method\" \"@path\");created=1"
           ";expires=301;nonce=\"n\";keyid=\"a \\\"key\\\" \\\\ id\""
           ";alg=\"ed25519\";tag=\"\"", "nor in the base");

    base.len = 0;
    params.len = 0;
    http.ncomponents = 1;
    http.expires = 0;
    http.nonce.data = http.keyid.data = http.alg.data = http.tag.data = NULL;

    is_int(wh_sign_base(&base, &params, &http, &request), WH_OK,
           "base without components");
    is_str(base.data, base.len, "\"@signature-params\": ();created=1",
           "is that of its parameters");

    free(base.data);
    free(params.data);

    buf(&base, 30);
    buf(&params, 4096);
    http.ncomponents = 5;

    is_int(wh_sign_base(&base, &params, &http, &request), WH_LIMIT,
           "a base beyond its limit");

    free(base.data);
    free(params.data);

    buf(&base, 4096);
    buf(&params, 10);

    is_int(wh_sign_base(&base, &params, &http, &request), WH_LIMIT,
           "parameters beyond their limit");

    free(base.data);
    free(params.data);
}


static void
sign_hmac(wh_buf_t *out, wh_str_t key, wh_str_t content)
{
    unsigned       len;
    unsigned char  digest[EVP_MAX_MD_SIZE];

    if (HMAC(EVP_sha256(), key.data, (int) key.len,
             (const unsigned char *) content.data, content.len, digest, &len)
        == NULL)
    {
        return;
    }

    (void) wh_put_base64(out, (char *) digest, len);
}


static void
sign_ed25519(wh_buf_t *out, wh_key_t *key, wh_str_t content)
{
    size_t          len;
    EVP_PKEY       *pkey;
    EVP_MD_CTX     *md;
    unsigned char   sig[64];

    len = sizeof(sig);

    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret,
                                        key->len);
    md = EVP_MD_CTX_new();

    if (EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) == 1
        && EVP_DigestSign(md, sig, &len,
                          (const unsigned char *) content.data, content.len)
           == 1)
    {
        (void) wh_put_base64(out, (char *) sig, len);
    }

    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
}


static wh_str_t
string(const char *p)
{
    wh_str_t  s;

    s.len = strlen(p);
    s.data = p;

    return s;
}


static void
buf(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));

    b->max = max;
    b->grow = wh_buf_malloc;
}
