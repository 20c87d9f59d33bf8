
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_key.h"


static void base64(const char *in, const char *out, size_t n);
static void base64_bad(const char *in);
static void standard(const char *in, int type, size_t len, const char *name);
static void standard_bad(const char *in, const char *expected);
static void ed25519(const char *in, int has_public, const char *name);
static void ed25519_bad(const char *in, const char *expected);
static wh_str_t guarded(const char *in);
static char *encode(const char *prefix, size_t n);


#define PUBLIC "1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define BOTH    "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkio" \
                "LlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SEED    "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
#define PKCS8   "MC4CAQAwBQYDK2VwBCIEIOl2/3QnB6T3mttT0tTfVWPzWVu9twhHO+zeKy" \
                "QrmzG3"
#define SPKI    "MCowBQYDK2VwAyEA1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir" \
                "4="


int
main(void)
{
    int             rc;
    size_t          len;
    wh_str_t        in;
    unsigned char   out[4];

    /* RFC 4648, section 10 */

    base64("Zg==", "f", 1);
    base64("Zm8=", "fo", 2);
    base64("Zm9v", "foo", 3);
    base64("Zm9vYg==", "foob", 4);
    base64("Zm9vYmE=", "fooba", 5);
    base64("Zm9vYmFy", "foobar", 6);
    base64("+/+/", "\xfb\xff\xbf", 3);
    base64("AAAA", "\0\0\0", 3);

    base64_bad("");
    base64_bad("Z");
    base64_bad("Zg");
    base64_bad("Zg=");
    base64_bad("Zg===");
    base64_bad("Zh==");
    base64_bad("Zm9=");
    base64_bad("====");
    base64_bad("A===");
    base64_bad("=AAA");
    base64_bad("AA=A");
    base64_bad("Zg==Zg==");
    base64_bad("-_-_");
    base64_bad("Zm9 ");
    base64_bad("Zm9\n");
    base64_bad("Zm9\x80");

    in = guarded("Zm9vYmE=");
    rc = wh_base64_decode(in, out, 4, &len);
    is_int(rc, WH_LIMIT, "base64 longer than its room");
    guard_free((char *) in.data, in.len);

    in = guarded("00fFa9");
    rc = wh_hex_decode(in, out, 4, &len);
    is_int(rc, WH_OK, "hexadecimal digits of both cases");
    is_mem((char *) out, len, "\x00\xff\xa9", 3, "their octets");

    rc = wh_hex_decode(in, out, 2, &len);
    is_int(rc, WH_LIMIT, "hexadecimal digits longer than their room");
    guard_free((char *) in.data, in.len);

    in = guarded("0");
    rc = wh_hex_decode(in, out, 4, &len);
    is_int(rc, WH_ERROR, "an odd hexadecimal digit");
    guard_free((char *) in.data, in.len);

    in = guarded("0g");
    rc = wh_hex_decode(in, out, 4, &len);
    is_int(rc, WH_ERROR, "no hexadecimal digit");
    guard_free((char *) in.data, in.len);

    in = guarded("");
    rc = wh_hex_decode(in, out, 4, &len);
    is_int(rc, WH_ERROR, "no hexadecimal digits at all");
    guard_free((char *) in.data, in.len);

    standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", WH_KEY_HMAC, 24,
             "the secret of the specification");
    standard(encode("whsec_", 24), WH_KEY_HMAC, 24, "24 octets");
    standard(encode("whsec_", 64), WH_KEY_HMAC, 64, "64 octets");
    standard("whsk_" BOTH, WH_KEY_ED25519, 32, "seed and public key");
    standard("whsk_" SEED, WH_KEY_ED25519, 32, "seed");

    standard_bad("", "it must begin with");
    standard_bad("whsec", "it must begin with");
    standard_bad("secret", "it must begin with");
    standard_bad("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "it must begin with");
    standard_bad("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                 "it must begin with");
    standard_bad("whpk_" PUBLIC, "it is a public key");
    standard_bad("whsk_" SPKI, "it is a public key");
    standard_bad("whsec_", "there must be base64");
    standard_bad("whsec_*fKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                 "there must be base64");
    standard_bad("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
                 "there must be base64");
    standard_bad(encode("whsec_", 23), "base64 of 24 to 64 octets");
    standard_bad(encode("whsec_", 65), "base64 of 24 to 64 octets");
    standard_bad(encode("whsec_", 300), "base64 of 24 to 64 octets");
    standard_bad("whsk_", "it must be base64");
    standard_bad(encode("whsk_", 31), "a seed of 32 octets");
    standard_bad(encode("whsk_", 63), "a seed of 32 octets");
    standard_bad(encode("whsk_", 65), "a seed of 32 octets");

    ed25519("whsk_" BOTH, 1, "as Standard Webhooks has them");
    ed25519(BOTH, 1, "seed and public key");
    ed25519(SEED, 0, "seed");
    ed25519(PKCS8, 0, "PKCS#8");

    ed25519_bad("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "it is a key of HMAC-SHA256");
    ed25519_bad("whpk_" PUBLIC, "it is a public key");
    ed25519_bad(SPKI, "it is a public key");
    ed25519_bad("text", "a seed of 32 octets");
    ed25519_bad("some secret", "it must be base64");
    ed25519_bad(encode("", 48), "a seed of 32 octets");
    ed25519_bad("-----BEGIN PRIVATE KEY-----", "it must be base64");

    return done_testing();
}


static void
base64(const char *in, const char *expected, size_t n)
{
    int            rc;
    size_t         len;
    wh_str_t       text;
    unsigned char  out[64];

    text = guarded(in);

    rc = wh_base64_decode(text, out, n, &len);

    is_int(rc, WH_OK, "base64 \"%s\"", in);
    is_mem((char *) out, len, expected, n, "octets of \"%s\"", in);

    guard_free((char *) text.data, text.len);
}


static void
base64_bad(const char *in)
{
    int            rc;
    size_t         len;
    wh_str_t       text;
    unsigned char  out[64];

    text = guarded(in);

    rc = wh_base64_decode(text, out, sizeof(out), &len);

    is_int(rc, WH_ERROR, "no base64 \"%s\"", in);

    guard_free((char *) text.data, text.len);
}


static void
standard(const char *in, int type, size_t len, const char *name)
{
    int          rc;
    wh_key_t     key;
    wh_str_t     text;
    const char  *err;

    err = NULL;
    text = guarded(in);

    rc = wh_key_standard(text, &key, &err);

    ok(rc == WH_OK && err == NULL, "key of Standard Webhooks: %s", name);
    is_int(key.type, type, "its type: %s", name);
    is_int((int64_t) key.len, (int64_t) len, "its length: %s", name);

    guard_free((char *) text.data, text.len);
}


static void
standard_bad(const char *in, const char *expected)
{
    int          rc;
    wh_key_t     key;
    wh_str_t     text;
    const char  *err;

    err = NULL;
    text = guarded(in);

    rc = wh_key_standard(text, &key, &err);

    ok(rc == WH_ERROR && err && strstr(err, expected),
       "no key of Standard Webhooks: %.40s: %s", in, expected);

    guard_free((char *) text.data, text.len);
}


static void
ed25519(const char *in, int has_public, const char *name)
{
    int            rc;
    size_t         len;
    wh_key_t       key;
    wh_str_t       text, seed, public;
    const char    *err;
    unsigned char  out[32];

    err = NULL;
    text = guarded(in);

    rc = wh_key_ed25519(text, &key, &err);

    seed.data = SEED;
    seed.len = sizeof(SEED) - 1;
    (void) wh_base64_decode(seed, out, 32, &len);

    ok(rc == WH_OK && err == NULL, "key of Ed25519: %s", name);
    is_int(key.type, WH_KEY_ED25519, "its type: %s", name);
    is_mem((char *) key.secret, key.len, (char *) out, 32,
           "its seed: %s", name);
    is_int(key.has_public, has_public, "its public key: %s", name);

    if (has_public) {
        public.data = PUBLIC;
        public.len = sizeof(PUBLIC) - 1;
        (void) wh_base64_decode(public, out, 32, &len);

        is_mem((char *) key.public, 32, (char *) out, 32,
               "the octets of that: %s", name);
    }

    guard_free((char *) text.data, text.len);
}


static void
ed25519_bad(const char *in, const char *expected)
{
    int          rc;
    wh_key_t     key;
    wh_str_t     text;
    const char  *err;

    err = NULL;
    text = guarded(in);

    rc = wh_key_ed25519(text, &key, &err);

    ok(rc == WH_ERROR && err && strstr(err, expected),
       "no key of Ed25519: %.40s: %s", in, expected);

    guard_free((char *) text.data, text.len);
}


static wh_str_t
guarded(const char *in)
{
    wh_str_t  s;

    s.len = strlen(in);
    s.data = guard_copy(in, s.len);

    return s;
}


/* base64 of n zeros */

static char *
encode(const char *prefix, size_t n)
{
    size_t       i, len;
    static char  text[512];

    len = strlen(prefix);
    memcpy(text, prefix, len);

    for (i = 0; i < (n + 2) / 3 * 4; i++) {
        text[len + i] = 'A';
    }

    if (n % 3) {
        text[len + i - 1] = '=';
    }

    if (n % 3 == 1) {
        text[len + i - 2] = '=';
    }

    text[len + i] = '\0';

    return text;
}
