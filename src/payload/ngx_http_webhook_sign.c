
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What signs the request of an attempt: the octets that are sent, at the time
 * they are made.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_random.h"
#include "ngx_http_webhook_sign.h"
#include "wh_escape.h"


#if (NGX_OPENSSL)

#define NGX_HTTP_WEBHOOK_SIGN_NONCE  18

/* of texts beside the body, so that it is copied once, most likely */
#define NGX_HTTP_WEBHOOK_SIGN_ROOM   512


typedef struct {
    ngx_pool_t                   *pool;
    ngx_http_webhook_endpoint_t  *ep;
    wh_sign_request_t            *r;
    wh_buf_t                     *head;
} ngx_http_webhook_sign_ctx_t;


static ngx_int_t ngx_http_webhook_sign_header(
    ngx_http_webhook_sign_ctx_t *ctx, ngx_http_webhook_signature_t *s);
static ngx_int_t ngx_http_webhook_sign_digest(
    ngx_http_webhook_sign_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_sign_http(ngx_http_webhook_sign_ctx_t *ctx);
static void ngx_http_webhook_sign_nonce(ngx_http_webhook_sign_ctx_t *ctx,
    wh_str_t *nonce, u_char *text);
static ngx_int_t ngx_http_webhook_sign_signature(
    ngx_http_webhook_sign_ctx_t *ctx, ngx_http_webhook_sign_key_t *key,
    ngx_uint_t encoding, wh_str_t *content, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_sign_hmac(HMAC_CTX *hmac,
    wh_str_t *content, u_char *sig, size_t *len);
static ngx_int_t ngx_http_webhook_sign_pkey(EVP_PKEY *pkey,
    wh_str_t *content, u_char *sig, size_t *len);
static void ngx_http_webhook_sign_encode(ngx_uint_t encoding, u_char *sig,
    size_t len, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_sign_add(ngx_http_webhook_sign_ctx_t *ctx,
    ngx_str_t *name, wh_buf_t *value);
static void ngx_http_webhook_sign_buf(ngx_pool_t *pool, wh_buf_t *b,
    size_t max);


static ngx_str_t  ngx_http_webhook_sign_content_digest =
    ngx_string("Content-Digest");
static ngx_str_t  ngx_http_webhook_sign_signature_input =
    ngx_string("Signature-Input");
static ngx_str_t  ngx_http_webhook_sign_signature_name =
    ngx_string("Signature");


ngx_int_t
ngx_http_webhook_sign_put(ngx_pool_t *pool, ngx_http_webhook_endpoint_t *ep,
    wh_sign_request_t *r, wh_buf_t *head)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    ngx_http_webhook_sign_t       *sign;
    ngx_http_webhook_sign_ctx_t    ctx;
    ngx_http_webhook_signature_t  *s;

    sign = ep->sign;

    ctx.pool = pool;
    ctx.ep = ep;
    ctx.r = r;
    ctx.head = head;

    r->head.len = head->len;
    r->head.data = head->data;

    s = sign->signatures.elts;

    for (i = 0; i < sign->signatures.nelts; i++) {

        if (s[i].label.len) {
            continue;
        }

        rc = ngx_http_webhook_sign_header(&ctx, &s[i]);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!sign->http) {
        return NGX_OK;
    }

    /* these may cover all others */

    rc = ngx_http_webhook_sign_digest(&ctx);

    return rc == NGX_OK ? ngx_http_webhook_sign_http(&ctx) : rc;
}


static ngx_int_t
ngx_http_webhook_sign_header(ngx_http_webhook_sign_ctx_t *ctx,
    ngx_http_webhook_signature_t *s)
{
    wh_buf_t                      copy, value;
    wh_str_t                      content;
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    wh_sign_request_t            *r;
    ngx_http_webhook_sign_key_t  *key;

    r = ctx->r;

    ngx_http_webhook_sign_buf(ctx->pool, &copy, NGX_MAX_SIZE_T_VALUE);

    if (s->content.len == 5 && ngx_memcmp(s->content.data, "$body", 5) == 0) {
        content = r->body;

    } else {
        (void) wh_buf_need(&copy, r->body.len + NGX_HTTP_WEBHOOK_SIGN_ROOM);

        if (wh_sign_put(&copy, s->content, r) != WH_OK) {
            return NGX_ERROR;
        }

        content.len = copy.len;
        content.data = copy.data;
    }

    ngx_http_webhook_sign_buf(ctx->pool, &value, NGX_HTTP_WEBHOOK_MAX_HEAD);

    if (s->timestamp.len) {
        (void) wh_buf_put_number(&value, r->time / 1000);

        rc = ngx_http_webhook_sign_add(ctx, &s->timestamp, &value);

        if (rc != NGX_OK) {
            return rc;
        }

        value.len = 0;
    }

    (void) wh_sign_put(&value, s->start, r);

    key = s->keys.elts;

    for (i = 0; i < s->keys.nelts; i++) {

        if (i) {
            (void) wh_buf_put(&value, (char *) s->separator.data,
                              s->separator.len);
        }

        (void) wh_buf_put(&value, (char *) key[i].prefix.data,
                          key[i].prefix.len);
        (void) wh_sign_put(&value, s->prefix, r);

        rc = ngx_http_webhook_sign_signature(ctx, &key[i], s->encoding,
                                             &content, &value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* an attempt may take long, and the pool is kept until it ends */

    if (copy.data) {
        (void) ngx_pfree(ctx->pool, copy.data);
    }

    return ngx_http_webhook_sign_add(ctx, &s->header, &value);
}


/* RFC 9530 */

static ngx_int_t
ngx_http_webhook_sign_digest(ngx_http_webhook_sign_ctx_t *ctx)
{
    u_char         digest[EVP_MAX_MD_SIZE];
    wh_buf_t       value;
    unsigned       len;
    ngx_uint_t     i, digests;
    const EVP_MD  *md;

    digests = ctx->ep->sign->digests;

    if (digests == 0) {
        return NGX_OK;
    }

    ngx_http_webhook_sign_buf(ctx->pool, &value, NGX_HTTP_WEBHOOK_MAX_HEAD);

    for (i = NGX_HTTP_WEBHOOK_SIGN_SHA256;
         i <= NGX_HTTP_WEBHOOK_SIGN_SHA512;
         i <<= 1)
    {
        if (!(digests & i)) {
            continue;
        }

        if (value.len) {
            (void) wh_buf_put_literal(&value, ", ");
        }

        if (i == NGX_HTTP_WEBHOOK_SIGN_SHA256) {
            (void) wh_buf_put_literal(&value, "sha-256=:");
            md = EVP_sha256();

        } else {
            (void) wh_buf_put_literal(&value, "sha-512=:");
            md = EVP_sha512();
        }

        if (EVP_Digest(ctx->r->body.data, ctx->r->body.len, digest, &len, md,
                       NULL)
            != 1)
        {
            return ngx_http_webhook_sign_failed(ctx->pool->log,
                                                "EVP_Digest()");
        }

        (void) wh_put_base64(&value, (char *) digest, len);
        (void) wh_buf_putc(&value, ':');
    }

    return ngx_http_webhook_sign_add(ctx,
                                     &ngx_http_webhook_sign_content_digest,
                                     &value);
}


/* RFC 9421, all labels in one header each */

static ngx_int_t
ngx_http_webhook_sign_http(ngx_http_webhook_sign_ctx_t *ctx)
{
    u_char                         nonce[ngx_base64_encoded_length(
                                             NGX_HTTP_WEBHOOK_SIGN_NONCE)];
    wh_buf_t                       base, input, value;
    wh_str_t                       content;
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    wh_sign_http_t                 http;
    ngx_http_webhook_signature_t  *s;

    ngx_http_webhook_sign_buf(ctx->pool, &base, NGX_MAX_SIZE_T_VALUE);
    ngx_http_webhook_sign_buf(ctx->pool, &input, NGX_HTTP_WEBHOOK_MAX_HEAD);
    ngx_http_webhook_sign_buf(ctx->pool, &value, NGX_HTTP_WEBHOOK_MAX_HEAD);

    s = ctx->ep->sign->signatures.elts;

    for (i = 0; i < ctx->ep->sign->signatures.nelts; i++) {

        if (s[i].label.len == 0) {
            continue;
        }

        if (input.len) {
            (void) wh_buf_put_literal(&input, ", ");
            (void) wh_buf_put_literal(&value, ", ");
        }

        http = s[i].http;

        http.created = ctx->r->time / 1000;

        if (s[i].expires) {
            http.expires = http.created + s[i].expires;
        }

        if (s[i].nonce) {
            ngx_http_webhook_sign_nonce(ctx, &http.nonce, nonce);
        }

        (void) wh_buf_put(&input, (char *) s[i].label.data, s[i].label.len);
        (void) wh_buf_putc(&input, '=');

        base.len = 0;

        if (wh_sign_base(&base, &input, &http, ctx->r) != WH_OK) {
            break;
        }

        (void) wh_buf_put(&value, (char *) s[i].label.data, s[i].label.len);
        (void) wh_buf_put_literal(&value, "=:");

        content.len = base.len;
        content.data = base.data;

        rc = ngx_http_webhook_sign_signature(ctx, s[i].keys.elts,
                                             NGX_HTTP_WEBHOOK_SIGN_BASE64,
                                             &content, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        (void) wh_buf_putc(&value, ':');
    }

    if (base.err) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sign_add(ctx,
                                   &ngx_http_webhook_sign_signature_input,
                                   &input);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_webhook_sign_add(ctx,
                                     &ngx_http_webhook_sign_signature_name,
                                     &value);
}


static void
ngx_http_webhook_sign_nonce(ngx_http_webhook_sign_ctx_t *ctx, wh_str_t *nonce,
    u_char *text)
{
    u_char     octets[NGX_HTTP_WEBHOOK_SIGN_NONCE];
    ngx_str_t  src, dst;

    ngx_http_webhook_random(ctx->ep->main->worker, octets, sizeof(octets));

    src.len = sizeof(octets);
    src.data = octets;
    dst.data = text;

    ngx_encode_base64url(&dst, &src);

    nonce->len = dst.len;
    nonce->data = (char *) text;
}


static ngx_int_t
ngx_http_webhook_sign_signature(ngx_http_webhook_sign_ctx_t *ctx,
    ngx_http_webhook_sign_key_t *key, ngx_uint_t encoding, wh_str_t *content,
    wh_buf_t *out)
{
    size_t     len;
    u_char     sig[EVP_MAX_MD_SIZE];
    ngx_int_t  rc;

    len = sizeof(sig);

    rc = key->hmac ? ngx_http_webhook_sign_hmac(key->hmac, content, sig, &len)
                   : ngx_http_webhook_sign_pkey(key->pkey, content, sig, &len);

    if (rc != NGX_OK) {
        return ngx_http_webhook_sign_failed(ctx->pool->log,
                                            key->hmac ? "HMAC_Final()"
                                                      : "EVP_DigestSign()");
    }

    ngx_http_webhook_sign_encode(encoding, sig, len, out);

    return NGX_OK;
}


/* without memory it may do better soon; whatever else it is will stay */

ngx_int_t
ngx_http_webhook_sign_failed(ngx_log_t *log, char *what)
{
    ngx_int_t  rc;

    rc = (ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE)
         ? NGX_ERROR : NGX_ABORT;

    ngx_ssl_error(NGX_LOG_CRIT, log, 0, "%s failed", what);

    return rc;
}


/* the context has its key, and the hash of it, already */

static ngx_int_t
ngx_http_webhook_sign_hmac(HMAC_CTX *hmac, wh_str_t *content, u_char *sig,
    size_t *len)
{
    unsigned  n;

    if (HMAC_Init_ex(hmac, NULL, 0, NULL, NULL) != 1
        || HMAC_Update(hmac, (u_char *) content->data, content->len) != 1
        || HMAC_Final(hmac, sig, &n) != 1)
    {
        return NGX_ERROR;
    }

    *len = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sign_pkey(EVP_PKEY *pkey, wh_str_t *content, u_char *sig,
    size_t *len)
{
#ifdef EVP_PKEY_ED25519

    ngx_int_t    rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestSignInit(md, NULL, NULL, NULL, pkey) == 1
        && EVP_DigestSign(md, sig, len, (u_char *) content->data,
                          content->len)
           == 1)
    {
        rc = NGX_OK;
    }

    EVP_MD_CTX_free(md);

    return rc;

#else

    return NGX_ERROR;

#endif
}


static void
ngx_http_webhook_sign_encode(ngx_uint_t encoding, u_char *sig, size_t len,
    wh_buf_t *out)
{
    char       *p;
    ngx_str_t   src, dst;

    if (encoding == NGX_HTTP_WEBHOOK_SIGN_BASE64) {
        (void) wh_put_base64(out, (char *) sig, len);
        return;
    }

    p = wh_buf_need(out, len * 2);
    if (p == NULL) {
        return;
    }

    if (encoding == NGX_HTTP_WEBHOOK_SIGN_HEX) {
        (void) ngx_hex_dump((u_char *) p, sig, len);
        out->len += len * 2;
        return;
    }

    src.len = len;
    src.data = sig;
    dst.data = (u_char *) p;

    ngx_encode_base64url(&dst, &src);

    out->len += dst.len;
}


static ngx_int_t
ngx_http_webhook_sign_add(ngx_http_webhook_sign_ctx_t *ctx, ngx_str_t *name,
    wh_buf_t *value)
{
    wh_str_t  text, field, none;

    if (value->err) {
        ctx->head->err = value->err;
        return NGX_OK;
    }

    field.len = name->len;
    field.data = (char *) name->data;
    text.len = value->len;
    text.data = value->data;
    none.len = 0;
    none.data = NULL;

    if (ngx_http_webhook_head_put(ctx->head, &field, &none, &text) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* it may have moved */

    ctx->r->head.len = ctx->head->len;
    ctx->r->head.data = ctx->head->data;

    return NGX_OK;
}


static void
ngx_http_webhook_sign_buf(ngx_pool_t *pool, wh_buf_t *b, size_t max)
{
    ngx_memzero(b, sizeof(wh_buf_t));

    b->max = max;
    b->grow = ngx_http_webhook_payload_grow;
    b->ctx = pool;
}


#else /* !NGX_OPENSSL */

ngx_int_t
ngx_http_webhook_sign_put(ngx_pool_t *pool, ngx_http_webhook_endpoint_t *ep,
    wh_sign_request_t *r, wh_buf_t *head)
{
    return NGX_ERROR;
}

#endif
