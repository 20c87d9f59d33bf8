
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The configuration of signatures: what the files of it share.
 */


#ifndef _NGX_HTTP_WEBHOOK_SIGN_CONF_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SIGN_CONF_H_INCLUDED_


#include "ngx_http_webhook_sign.h"


#define NGX_HTTP_WEBHOOK_KEY_TEXT      0      /* the octets of the text */
#define NGX_HTTP_WEBHOOK_KEY_BASE64    1
#define NGX_HTTP_WEBHOOK_KEY_HEX       2
#define NGX_HTTP_WEBHOOK_KEY_STANDARD  3      /* says itself what it is */


typedef enum {
    NGX_HTTP_WEBHOOK_SIGN_KEY = 0,
    NGX_HTTP_WEBHOOK_SIGN_KEY_ENCODING,
    NGX_HTTP_WEBHOOK_SIGN_ALGORITHM,
    NGX_HTTP_WEBHOOK_SIGN_TIMESTAMP_HEADER,
    NGX_HTTP_WEBHOOK_SIGN_HEADER,
    NGX_HTTP_WEBHOOK_SIGN_CONTENT,
    NGX_HTTP_WEBHOOK_SIGN_START,
    NGX_HTTP_WEBHOOK_SIGN_PREFIX,
    NGX_HTTP_WEBHOOK_SIGN_SEPARATOR,
    NGX_HTTP_WEBHOOK_SIGN_ENCODING,
    NGX_HTTP_WEBHOOK_SIGN_LABEL,
    NGX_HTTP_WEBHOOK_SIGN_KEYID,
    NGX_HTTP_WEBHOOK_SIGN_COMPONENTS,
    NGX_HTTP_WEBHOOK_SIGN_DIGEST,
    NGX_HTTP_WEBHOOK_SIGN_EXPIRES,
    NGX_HTTP_WEBHOOK_SIGN_NONCE_FLAG,
    NGX_HTTP_WEBHOOK_SIGN_TAG,
    NGX_HTTP_WEBHOOK_SIGN_PARAMS
} ngx_http_webhook_sign_param_e;


/* forms of the directive, bits */

#define NGX_HTTP_WEBHOOK_SIGN_IS_STANDARD  0x1
#define NGX_HTTP_WEBHOOK_SIGN_IS_HEADER    0x2
#define NGX_HTTP_WEBHOOK_SIGN_IS_HTTP      0x4


typedef struct {
    ngx_conf_t                    *cf;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_signature_t  *s;
    ngx_uint_t                     form;
    ngx_uint_t                     given;    /* bits of parameters */
    ngx_str_t                      values[NGX_HTTP_WEBHOOK_SIGN_PARAMS];
    ngx_array_t                    keys;     /* ngx_str_t * */
} ngx_http_webhook_sign_conf_ctx_t;


/* the parameters of "sign http" */
char *ngx_http_webhook_sign_build_http(ngx_http_webhook_sign_conf_ctx_t *ctx);

/*
 * The index of what a parameter chooses, by default the first one; that of
 * the empty one at the end: it is none of them.
 */
ngx_uint_t ngx_http_webhook_sign_choice(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *choices);

/* logs it; NGX_CONF_ERROR */
char *ngx_http_webhook_sign_invalid(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *value, char *allowed);

/*
 * Makes a key of the word "value", which is a literal, "file:" or "env:";
 * "encoding" is one of ..._KEY_..., for HMAC only.  Nothing of the key stays
 * but in OpenSSL's memory, which is cleansed with the pool of the
 * configuration.  NGX_OK or NGX_ERROR, errors are logged, without the key;
 * "n" is its number then.
 */
ngx_int_t ngx_http_webhook_sign_key(ngx_conf_t *cf,
    ngx_http_webhook_signature_t *s, ngx_str_t *value, ngx_uint_t n,
    ngx_uint_t encoding);


#endif /* _NGX_HTTP_WEBHOOK_SIGN_CONF_H_INCLUDED_ */
