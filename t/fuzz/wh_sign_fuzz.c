
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_escape.h"
#include "wh_key.h"
#include "wh_sign.h"


/*
 * Keys, texts with placeholders, and heads of requests, from the same octets.
 * What is base64 is so again when it is encoded; a text that is taken apart
 * is put; the base of a signature has as many lines as there are components,
 * and its last one is what the parameters are.
 */


static void keys(wh_str_t in);
static void text(wh_str_t in);
static void head(wh_str_t in, int https);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    keys(in);
    text(in);
    head(in, 0);
    head(in, 1);

    free(p);

    return 0;
}


static void
keys(wh_str_t in)
{
    int             rc;
    size_t          len;
    wh_buf_t        b;
    wh_key_t        key;
    const char     *err;
    unsigned char  *out;

    err = NULL;
    rc = wh_key_standard(in, &key, &err);

    CHECK((rc == WH_OK) == (err == NULL));
    CHECK(rc != WH_OK
          || (key.type == WH_KEY_HMAC ? key.len >= 24 && key.len <= 64
                                      : key.len == WH_KEY_SEED));

    err = NULL;
    rc = wh_key_ed25519(in, &key, &err);

    CHECK((rc == WH_OK) == (err == NULL));
    CHECK(rc != WH_OK || key.len == WH_KEY_SEED);

    out = malloc(in.len ? in.len : 1);
    CHECK(out != NULL);

    rc = wh_base64_decode(in, out, in.len, &len);

    CHECK(rc == WH_OK || rc == WH_ERROR);

    if (rc == WH_OK) {
        fuzz_buf(&b, SIZE_MAX);
        CHECK(wh_put_base64(&b, (char *) out, len) == WH_OK);
        CHECK(b.len == in.len && memcmp(b.data, in.data, b.len) == 0);
        free(b.data);

        CHECK(len == 0
              || wh_base64_decode(in, out, len - 1, &len) == WH_LIMIT);
    }

    rc = wh_hex_decode(in, out, in.len, &len);

    CHECK(rc == WH_ERROR || (rc == WH_OK && len == in.len / 2));

    free(out);
}


static void
text(wh_str_t in)
{
    int                rc;
    size_t             pos, last;
    wh_buf_t           b;
    wh_str_t           value;
    wh_sign_request_t  r;

    memset(&r, 0, sizeof(wh_sign_request_t));

    r.head = in;
    r.body = in;
    r.time = UINT64_MAX;

    fuzz_buf(&b, SIZE_MAX);
    b.max = 1 << 20;

    pos = 0;

    do {
        last = pos;
        rc = wh_sign_next(in, &pos, &value);
        CHECK(pos <= in.len && (rc < 0) == (pos == last));

    } while (rc >= 0);

    CHECK(rc == WH_AGAIN ? pos == in.len : value.len && value.data[0] == '$');
    CHECK((wh_sign_put(&b, in, &r) == WH_ERROR) == (rc == WH_ERROR)
          || b.err == WH_LIMIT);

    (void) wh_sign_label_ok(in);
    (void) wh_sign_string_ok(in);

    free(b.data);
}


static void
head(wh_str_t in, int https)
{
    int                rc;
    size_t             i, lines, quotes;
    wh_buf_t           base, params;
    wh_str_t           names[9];
    wh_sign_http_t     http;
    wh_sign_request_t  r;

    static const char *const  components[] = {
        "@method", "@target-uri", "@authority", "@scheme", "@request-target",
        "@path", "@query", "host", "a"
    };

    for (i = 0; i < 9; i++) {
        names[i].data = components[i];
        names[i].len = strlen(components[i]);

        CHECK(wh_sign_component_ok(names[i]));
    }

    memset(&r, 0, sizeof(wh_sign_request_t));
    memset(&http, 0, sizeof(wh_sign_http_t));

    r.head = in;
    r.https = https;

    http.ncomponents = 9;
    http.components = names;

    if (wh_sign_string_ok(in)) {
        http.keyid = in;
    }

    fuzz_buf(&base, SIZE_MAX);
    fuzz_buf(&params, SIZE_MAX);

    rc = wh_sign_base(&base, &params, &http, &r);

    CHECK(rc == WH_OK);
    CHECK(base.len > params.len);
    CHECK(memcmp(base.data + base.len - params.len, params.data, params.len)
          == 0);

    lines = 0;

    for (i = 0; i < base.len; i++) {
        lines += base.data[i] == '\n';
    }

    quotes = 0;

    for (i = 0; params.data[i] != ')'; i++) {
        quotes += params.data[i] == '"';
    }

    CHECK(lines == quotes / 2);

    free(base.data);
    free(params.data);
}
