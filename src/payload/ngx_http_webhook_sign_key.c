
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From a word of the configuration to a key that is ready for use.
 */


#include "ngx_http_webhook_secret.h"
#include "ngx_http_webhook_sign_conf.h"
#include "wh_key.h"


#if (NGX_OPENSSL)

static const char *ngx_http_webhook_sign_key_make(ngx_conf_t *cf,
    ngx_http_webhook_signature_t *s, ngx_http_webhook_sign_key_t *key,
    ngx_str_t *secret, ngx_uint_t encoding);
static const char *ngx_http_webhook_sign_key_standard(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_str_t text);
static const char *ngx_http_webhook_sign_key_ed25519(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_str_t text);
static const char *ngx_http_webhook_sign_key_hmac(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, const EVP_MD *md, u_char *secret,
    size_t len);
static const char *ngx_http_webhook_sign_key_pkey(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_key_t *k);
static void ngx_http_webhook_sign_key_cleanup(void *data);


static const char  ngx_http_webhook_sign_no_memory[] =
    "the library could not take it";


ngx_int_t
ngx_http_webhook_sign_key(ngx_conf_t *cf, ngx_http_webhook_signature_t *s,
    ngx_str_t *value, ngx_uint_t n, ngx_uint_t encoding)
{
    ngx_str_t                     secret;
    const char                   *err;
    ngx_pool_cleanup_t           *cln;
    ngx_http_webhook_sign_key_t  *key;

    key = ngx_array_push(&s->keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(key, sizeof(ngx_http_webhook_sign_key_t));

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_webhook_sign_key_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cln->data, sizeof(ngx_http_webhook_sign_key_t));

    if (ngx_http_webhook_secret(cf, value, &secret) != NGX_OK) {
        return NGX_ERROR;
    }

    err = secret.len ? ngx_http_webhook_sign_key_make(cf, s, key, &secret,
                                                      encoding)
                     : "it is empty";

    /* that of the array may move */

    *(ngx_http_webhook_sign_key_t *) cln->data = *key;
    cln->handler = ngx_http_webhook_sign_key_cleanup;

    if (err == NULL) {
        ngx_explicit_memzero(secret.data, secret.len);
        return NGX_OK;
    }

    if (secret.data == value->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key %ui in \"sign\": %s", n, err);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid key %ui, \"%V\", in \"sign\": %s",
                           n, value, err);
    }

    ngx_explicit_memzero(secret.data, secret.len);

    return NGX_ERROR;
}


/* NULL, or what is wrong */

static const char *
ngx_http_webhook_sign_key_make(ngx_conf_t *cf, ngx_http_webhook_signature_t *s,
    ngx_http_webhook_sign_key_t *key, ngx_str_t *secret, ngx_uint_t encoding)
{
    int            rc;
    size_t         len;
    wh_str_t       text;
    const char    *err;
    const EVP_MD  *md;

    text.len = secret->len;
    text.data = (char *) secret->data;

    if (encoding == NGX_HTTP_WEBHOOK_KEY_STANDARD) {
        return ngx_http_webhook_sign_key_standard(cf, key, text);
    }

    if (s->algorithm == NGX_HTTP_WEBHOOK_SIGN_ED25519) {
        return ngx_http_webhook_sign_key_ed25519(cf, key, text);
    }

    if (text.len >= 5
        && (ngx_memcmp(text.data, "whpk_", 5) == 0
            || ngx_memcmp(text.data, "whsk_", 5) == 0))
    {
        return "it is a key of Ed25519, it must be one of HMAC";
    }

    md = s->algorithm == NGX_HTTP_WEBHOOK_SIGN_HMAC_SHA512 ? EVP_sha512()
                                                           : EVP_sha256();
    len = text.len;

    switch (encoding) {

    case NGX_HTTP_WEBHOOK_KEY_BASE64:

        /* in its place: what is decoded is shorter */

        rc = wh_base64_decode(text, secret->data, secret->len, &len);
        err = "it must be base64, with its padding";
        break;

    case NGX_HTTP_WEBHOOK_KEY_HEX:
        rc = wh_hex_decode(text, secret->data, secret->len, &len);
        err = "it must be pairs of hexadecimal digits";
        break;

    default: /* NGX_HTTP_WEBHOOK_KEY_TEXT */
        rc = WH_OK;
        err = NULL;
    }

    return rc == WH_OK ? ngx_http_webhook_sign_key_hmac(cf, key, md,
                                                        secret->data, len)
                       : err;
}


static const char *
ngx_http_webhook_sign_key_standard(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_str_t text)
{
    wh_key_t     k;
    const char  *err;

    err = NULL;

    if (wh_key_standard(text, &k, &err) == WH_OK) {

        if (k.type == WH_KEY_ED25519) {
            ngx_str_set(&key->prefix, "v1a,");
            err = ngx_http_webhook_sign_key_pkey(cf, key, &k);

        } else {
            ngx_str_set(&key->prefix, "v1,");
            err = ngx_http_webhook_sign_key_hmac(cf, key, EVP_sha256(),
                                                 k.secret, k.len);
        }
    }

    ngx_explicit_memzero(&k, sizeof(wh_key_t));

    return err;
}


static const char *
ngx_http_webhook_sign_key_ed25519(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_str_t text)
{
    wh_key_t     k;
    const char  *err;

    err = NULL;

    if (wh_key_ed25519(text, &k, &err) == WH_OK) {
        err = ngx_http_webhook_sign_key_pkey(cf, key, &k);
    }

    ngx_explicit_memzero(&k, sizeof(wh_key_t));

    return err;
}


/* the hash of the key is made here, once for all attempts */

static const char *
ngx_http_webhook_sign_key_hmac(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, const EVP_MD *md, u_char *secret,
    size_t len)
{
    HMAC_CTX  *hmac;

    hmac = HMAC_CTX_new();

    key->hmac = hmac;

    if (hmac == NULL || HMAC_Init_ex(hmac, secret, len, md, NULL) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0, "HMAC_Init_ex() failed");
        return ngx_http_webhook_sign_no_memory;
    }

    return NULL;
}


static const char *
ngx_http_webhook_sign_key_pkey(ngx_conf_t *cf,
    ngx_http_webhook_sign_key_t *key, wh_key_t *k)
{
#ifdef EVP_PKEY_ED25519

    size_t  len;
    u_char  public[WH_KEY_PUBLIC];

    key->pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
                                             k->secret, k->len);

    len = sizeof(public);

    if (key->pkey == NULL
        || EVP_PKEY_get_raw_public_key(key->pkey, public, &len) != 1)
    {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "EVP_PKEY_new_raw_private_key() failed");
        return ngx_http_webhook_sign_no_memory;
    }

    if (k->has_public && ngx_memcmp(public, k->public, WH_KEY_PUBLIC) != 0) {
        return "its second half must be the public key of its first half";
    }

    return NULL;

#else

    return "Ed25519 needs OpenSSL 1.1.1 or newer";

#endif
}


/* OpenSSL cleanses what it frees of keys */

static void
ngx_http_webhook_sign_key_cleanup(void *data)
{
    ngx_http_webhook_sign_key_t  *key = data;

    HMAC_CTX_free(key->hmac);
    EVP_PKEY_free(key->pkey);
}

#endif
