
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Signatures of attempts.
 */


#ifndef _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "wh_sign.h"


#define NGX_HTTP_WEBHOOK_SIGN_HMAC_SHA256  0
#define NGX_HTTP_WEBHOOK_SIGN_HMAC_SHA512  1
#define NGX_HTTP_WEBHOOK_SIGN_ED25519      2

#define NGX_HTTP_WEBHOOK_SIGN_HEX          0
#define NGX_HTTP_WEBHOOK_SIGN_BASE64       1
#define NGX_HTTP_WEBHOOK_SIGN_BASE64URL    2

#define NGX_HTTP_WEBHOOK_SIGN_SHA256       0x1    /* Content-Digest */
#define NGX_HTTP_WEBHOOK_SIGN_SHA512       0x2


/* made when the configuration is read, in OpenSSL's memory */

typedef struct {
    ngx_str_t                 prefix;        /* of the signature */
    void                     *hmac;          /* HMAC_CTX, or NULL */
    void                     *pkey;          /* EVP_PKEY, or NULL */
} ngx_http_webhook_sign_key_t;


/* a line "sign" */

typedef struct {
    ngx_array_t               keys;          /* ..._sign_key_t */
    ngx_uint_t                algorithm;     /* not of "standard" */

    ngx_str_t                 header;
    ngx_str_t                 timestamp;     /* a header; empty: none */
    wh_str_t                  content;
    wh_str_t                  start;
    wh_str_t                  prefix;        /* keys have it, but for "http" */
    ngx_str_t                 separator;
    ngx_uint_t                encoding;

    ngx_str_t                 label;         /* empty: not RFC 9421 */
    time_t                    expires;       /* 0: never */
    ngx_uint_t                nonce;
    ngx_uint_t                digests;       /* bits */
    wh_sign_http_t            http;

    u_char                   *file;
    ngx_uint_t                line;
} ngx_http_webhook_signature_t;


struct ngx_http_webhook_sign_s {
    ngx_array_t               signatures;    /* ..._signature_t */
    ngx_uint_t                digests;       /* of all of them, bits */
    ngx_uint_t                http;          /* there is one of RFC 9421 */
    ngx_uint_t                standard;      /* needs webhook-id and others */
};


/* the line "sign" of an endpoint; errors are logged, without keys */
char *ngx_http_webhook_sign_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep);

/* after the last line of an endpoint: no header may be there twice */
char *ngx_http_webhook_sign_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep);

/* after the whole http {}: what is covered can be sent, with some payload */
char *ngx_http_webhook_sign_check_covered(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_endpoint_t *ep);

/* masks a word of a "sign" if it is a key; NGX_ERROR: no memory */
ngx_int_t ngx_http_webhook_sign_mask(ngx_conf_t *cf,
    ngx_http_webhook_line_t *line, ngx_uint_t word);

/* true if a header is made by the signatures of an endpoint */
ngx_uint_t ngx_http_webhook_sign_makes(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *name);

/*
 * Puts the headers of all signatures of an endpoint that has some.  "head" has
 * all other headers and not yet the empty line; r->head is set here.  Memory
 * is from "pool".  NGX_OK, see also head->err; NGX_DECLINED: a header would
 * not be valid; NGX_ABORT: the library failed, which is logged; NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_http_webhook_sign_put(ngx_pool_t *pool,
    ngx_http_webhook_endpoint_t *ep, wh_sign_request_t *r, wh_buf_t *head);

#if (NGX_OPENSSL)

/* logs that "what" has failed: NGX_ERROR for want of memory, else NGX_ABORT */
ngx_int_t ngx_http_webhook_sign_failed(ngx_log_t *log, char *what);

#endif


#endif /* _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_ */
