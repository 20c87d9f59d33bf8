
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_key.h"


#define WH_KEY_HMAC_MIN  24
#define WH_KEY_HMAC_MAX  64


static int wh_key_asymmetric(wh_str_t text, wh_key_t *key, const char **err);
static int wh_key_prefix(wh_str_t *text, const char *prefix, size_t len);
static unsigned wh_base64_value(char c);
static unsigned wh_hex_value(char c);


#define wh_key_prefixed(text, s)  wh_key_prefix(text, s, sizeof(s) - 1)


/* what precedes the seed in PKCS#8, and the key in SubjectPublicKeyInfo */

static const unsigned char  wh_key_pkcs8[] = {
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
    0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20
};

static const unsigned char  wh_key_spki[] = {
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
    0x70, 0x03, 0x21, 0x00
};


static const char  wh_key_is_public[] =
    "it is a public key, it must be the secret one";


int
wh_key_standard(wh_str_t text, wh_key_t *key, const char **err)
{
    int  rc;

    key->type = WH_KEY_HMAC;
    key->has_public = 0;
    key->len = 0;

    if (wh_key_prefixed(&text, "whpk_")) {
        *err = wh_key_is_public;
        return WH_ERROR;
    }

    if (wh_key_prefixed(&text, "whsk_")) {
        return wh_key_asymmetric(text, key, err);
    }

    if (!wh_key_prefixed(&text, "whsec_")) {
        *err = "it must begin with \"whsec_\" or \"whsk_\"";
        return WH_ERROR;
    }

    rc = wh_base64_decode(text, key->secret, WH_KEY_SIZE, &key->len);

    if (rc == WH_ERROR) {
        *err = "there must be base64, with its padding, after \"whsec_\"";
        return WH_ERROR;
    }

    if (rc == WH_LIMIT || key->len < WH_KEY_HMAC_MIN
        || key->len > WH_KEY_HMAC_MAX)
    {
        *err = "after \"whsec_\" there must be base64 of 24 to 64 octets";
        return WH_ERROR;
    }

    return WH_OK;
}


int
wh_key_ed25519(wh_str_t text, wh_key_t *key, const char **err)
{
    key->has_public = 0;
    key->len = 0;

    if (wh_key_prefixed(&text, "whpk_")) {
        *err = wh_key_is_public;
        return WH_ERROR;
    }

    if (wh_key_prefixed(&text, "whsec_")) {
        *err = "it is a key of HMAC-SHA256, it must be one of Ed25519";
        return WH_ERROR;
    }

    (void) wh_key_prefixed(&text, "whsk_");

    return wh_key_asymmetric(text, key, err);
}


static int
wh_key_asymmetric(wh_str_t text, wh_key_t *key, const char **err)
{
    int     rc;
    size_t  len;

    key->type = WH_KEY_ED25519;

    rc = wh_base64_decode(text, key->secret, WH_KEY_SIZE, &len);

    if (rc == WH_ERROR) {
        *err = "it must be base64, with its padding";
        return WH_ERROR;
    }

    if (rc == WH_OK && len == sizeof(wh_key_spki) + WH_KEY_PUBLIC
        && memcmp(key->secret, wh_key_spki, sizeof(wh_key_spki)) == 0)
    {
        *err = wh_key_is_public;
        return WH_ERROR;
    }

    if (rc == WH_OK && len == sizeof(wh_key_pkcs8) + WH_KEY_SEED
        && memcmp(key->secret, wh_key_pkcs8, sizeof(wh_key_pkcs8)) == 0)
    {
        memmove(key->secret, key->secret + sizeof(wh_key_pkcs8),
                WH_KEY_SEED);

    } else if (rc == WH_OK && len == WH_KEY_SEED + WH_KEY_PUBLIC) {
        memcpy(key->public, key->secret + WH_KEY_SEED, WH_KEY_PUBLIC);
        key->has_public = 1;

    } else if (rc != WH_OK || len != WH_KEY_SEED) {
        *err = "it must be base64 of a seed of 32 octets, of the seed and the "
               "public key, 64 octets, or of PKCS#8";
        return WH_ERROR;
    }

    key->len = WH_KEY_SEED;

    return WH_OK;
}


static int
wh_key_prefix(wh_str_t *text, const char *prefix, size_t len)
{
    if (text->len < len || memcmp(text->data, prefix, len) != 0) {
        return 0;
    }

    text->data += len;
    text->len -= len;

    return 1;
}


int
wh_base64_decode(wh_str_t in, unsigned char *out, size_t size, size_t *len)
{
    size_t    i, j, n, pad;
    unsigned  v, c;

    *len = 0;

    if (in.len == 0 || in.len % 4 != 0) {
        return WH_ERROR;
    }

    pad = in.data[in.len - 1] == '=';

    if (pad && in.data[in.len - 2] == '=') {
        pad = 2;
    }

    n = 0;

    for (i = 0; i < in.len; i += 4) {
        v = 0;

        for (j = 0; j < 4; j++) {

            if (i + j >= in.len - pad) {
                c = 0;

            } else {
                c = wh_base64_value(in.data[i + j]);
                if (c == 64) {
                    return WH_ERROR;
                }
            }

            v = v << 6 | c;
        }

        /* octets of this group */

        c = i + 4 == in.len ? 3 - (unsigned) pad : 3;

        if ((c == 2 && v & 0xff) || (c == 1 && v & 0xffff)) {
            return WH_ERROR;
        }

        for (j = 0; j < c; j++) {

            if (n < size) {
                out[n] = (unsigned char) (v >> (16 - 8 * j));
            }

            n++;
        }
    }

    if (n > size) {
        return WH_LIMIT;
    }

    *len = n;

    return WH_OK;
}


int
wh_hex_decode(wh_str_t in, unsigned char *out, size_t size, size_t *len)
{
    size_t    i;
    unsigned  high, low;

    *len = 0;

    if (in.len == 0 || in.len % 2 != 0) {
        return WH_ERROR;
    }

    for (i = 0; i < in.len / 2; i++) {
        high = wh_hex_value(in.data[2 * i]);
        low = wh_hex_value(in.data[2 * i + 1]);

        if (high == 16 || low == 16) {
            return WH_ERROR;
        }

        if (i < size) {
            out[i] = (unsigned char) (high << 4 | low);
        }
    }

    if (i > size) {
        return WH_LIMIT;
    }

    *len = i;

    return WH_OK;
}


static unsigned
wh_base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned) (c - 'A');
    }

    if (c >= 'a' && c <= 'z') {
        return (unsigned) (c - 'a') + 26;
    }

    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0') + 52;
    }

    return c == '+' ? 62 : c == '/' ? 63 : 64;
}


static unsigned
wh_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned) (c - '0');
    }

    c = (char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? (unsigned) (c - 'a') + 10 : 16;
}
