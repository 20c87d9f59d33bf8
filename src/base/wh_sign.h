
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is signed of a request: texts with placeholders, and the signature
 * base of RFC 9421.
 */


#ifndef _WH_SIGN_H_INCLUDED_
#define _WH_SIGN_H_INCLUDED_


#include "wh.h"


/* parts of a text; all but the first one are placeholders */

#define WH_SIGN_TEXT          0
#define WH_SIGN_BODY          1
#define WH_SIGN_TIMESTAMP     2    /* seconds */
#define WH_SIGN_TIMESTAMP_MS  3
#define WH_SIGN_ID            4
#define WH_SIGN_EVENT         5
#define WH_SIGN_METHOD        6
#define WH_SIGN_TARGET        7    /* path and query */
#define WH_SIGN_HOST          8
#define WH_SIGN_URL           9


/* a request as it is sent */

typedef struct {
    wh_str_t     head;       /* lines that end with CRLF, not the empty one */
    wh_str_t     body;
    wh_str_t     id;
    wh_str_t     event;
    uint64_t     time;       /* ms since the epoch */
    int          https;
} wh_sign_request_t;


/* a signature of RFC 9421; strings without data are left out */

typedef struct {
    size_t           ncomponents;
    const wh_str_t  *components;
    uint64_t         created;    /* seconds since the epoch */
    uint64_t         expires;    /* likewise; 0: left out */
    wh_str_t         keyid;
    wh_str_t         alg;
    wh_str_t         nonce;
    wh_str_t         tag;
} wh_sign_http_t;


/*
 * The part of "text" at *pos, which is moved behind it: WH_SIGN_..., with the
 * octets in *value if it is WH_SIGN_TEXT.  "$name" and "${name}" are
 * placeholders, "$$" is a dollar.  WH_AGAIN: there are no more; WH_ERROR: what
 * *value has is no placeholder.
 */
int wh_sign_next(wh_str_t text, size_t *pos, wh_str_t *value);

/*
 * Puts a text with the values of a request in it.  WH_OK, b->err, or WH_ERROR
 * as above.
 */
int wh_sign_put(wh_buf_t *b, wh_str_t text, const wh_sign_request_t *r);

/*
 * 1 if RFC 9421 knows such a component and it can be covered here: the name
 * of a header in lower case, or "@method", "@target-uri", "@authority",
 * "@scheme", "@request-target", "@path" or "@query".
 */
int wh_sign_component_ok(wh_str_t name);

/*
 * Puts the value of a component (RFC 9421, section 2).  WH_OK, b->err, or
 * WH_LOST: the request has no such header.
 */
int wh_sign_component(wh_buf_t *b, wh_str_t name, const wh_sign_request_t *r);

/*
 * Puts the signature base (section 2.5) and the signature parameters, which
 * are the value of "Signature-Input" after the label and "=".  Headers that
 * the request has not are not among the covered components then.  WH_OK, or
 * the error of a buffer.
 */
int wh_sign_base(wh_buf_t *base, wh_buf_t *params, const wh_sign_http_t *h,
    const wh_sign_request_t *r);

/* a key of a dictionary (RFC 8941, section 3.1.2): the label of a signature */
int wh_sign_label_ok(wh_str_t label);

/* what may be in a string (section 3.3.3): "keyid", "nonce", "tag" */
int wh_sign_string_ok(wh_str_t s);


#endif /* _WH_SIGN_H_INCLUDED_ */
