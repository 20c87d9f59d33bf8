
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is the same in the head of all requests to an endpoint.
 */


#ifndef _NGX_HTTP_WEBHOOK_HEAD_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_HEAD_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_mark.h"


/* headers of the module's own, unless the endpoint has them itself */

typedef enum {
    NGX_HTTP_WEBHOOK_OWN_AGENT = 0,
    NGX_HTTP_WEBHOOK_OWN_TYPE,
    NGX_HTTP_WEBHOOK_OWN_ENCODING,
    NGX_HTTP_WEBHOOK_OWN_ID,
    NGX_HTTP_WEBHOOK_OWN_TIMESTAMP,
    NGX_HTTP_WEBHOOK_OWN_EVENT,
    NGX_HTTP_WEBHOOK_OWN_TRACE
} ngx_http_webhook_own_e;


typedef struct {
    wh_str_t      method;    /* and a space */
    wh_str_t      target;    /* that, path and query */
    wh_str_t      start;     /* what follows these, Host */
    wh_str_t      agent;     /* User-Agent, if that is not given */
    wh_str_t      end;       /* headers without variables */
    ngx_uint_t    given;     /* own ones that are among them, bits */
    char         *reason;    /* no request can be made; NULL: it can */

    uint64_t      mark_time; /* of the last mark, seconds since the epoch */
    size_t        mark_len;
    u_char        mark[NGX_HTTP_WEBHOOK_MARK_LINE];
} ngx_http_webhook_head_t;


extern wh_str_t  ngx_http_webhook_own_headers[];


/*
 * Made when it is asked for, after the last line of the endpoint, and kept as
 * long as that: there are secrets in it.  NULL: no memory.
 */
ngx_http_webhook_head_t *ngx_http_webhook_head(
    ngx_http_webhook_endpoint_t *ep);

/* true if the method of an endpoint has no body */
#define ngx_http_webhook_head_is_get(ep)                                      \
    ((ep)->method.len == 3 && ngx_memcmp((ep)->method.data, "GET", 3) == 0)

/* true if a query of "len" octets may be added to a target of "target" ones */
ngx_uint_t ngx_http_webhook_head_fits(size_t target, size_t len);

/* true if nobody expects a body, and there may be one */
#define ngx_http_webhook_head_is_delete(ep)                                   \
    ((ep)->method.len == 6 && ngx_memcmp((ep)->method.data, "DELETE", 6) == 0)

/* the bit of an own header; 0: it is none */
ngx_uint_t ngx_http_webhook_head_own(wh_str_t *name);

/* Host, Content-Length and others that nobody else may say */
ngx_uint_t ngx_http_webhook_head_is_framing(wh_str_t *name);

/* NGX_OK, see also b->err; NGX_DECLINED: it must not be in a head */
ngx_int_t ngx_http_webhook_head_put(wh_buf_t *b, wh_str_t *name,
    wh_str_t *prefix, wh_str_t *value);

ngx_uint_t ngx_http_webhook_head_equal(wh_str_t *name, size_t len,
    const char *data);


#endif /* _NGX_HTTP_WEBHOOK_HEAD_H_INCLUDED_ */
