
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The mark of a delivery, by which this nginx knows it again when it comes
 * back: "webhook-hops: N.T.MAC".  N is the number of deliveries in a row, T
 * the time of the attempt in seconds since the epoch.  The MAC covers both,
 * and the request it belongs to, so that nobody can use it for another one.
 */


#ifndef _NGX_HTTP_WEBHOOK_MARK_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_MARK_H_INCLUDED_


#include "ngx_http_webhook_module.h"


#define NGX_HTTP_WEBHOOK_MARK_NAME  "webhook-hops"

/* octets of a MAC, as base64url without padding */
#define NGX_HTTP_WEBHOOK_MARK_MAC   43


/* the longest header with its line end: "webhook-hops: N.T.MAC" */
#define NGX_HTTP_WEBHOOK_MARK_LINE                                            \
    (sizeof(NGX_HTTP_WEBHOOK_MARK_NAME ": ") + 2 * NGX_INT64_LEN + 2          \
     + NGX_HTTP_WEBHOOK_MARK_MAC + 2)


/* what a MAC covers: none of it has a line end in it */

typedef struct {
    ngx_str_t                    stamp;     /* "N.T" */
    ngx_str_t                    method;
    ngx_str_t                    host;      /* value of Host */
    ngx_str_t                    uri;       /* with the query, as sent */
} ngx_http_webhook_mark_t;


/*
 * Writes NGX_HTTP_WEBHOOK_MARK_MAC octets into "mac".  NGX_DECLINED: there
 * are no marks, as nginx was built without OpenSSL or there is no store;
 * NGX_ABORT: the library failed, which is logged; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_mark_mac(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac);

/* NGX_OK: the MAC is the right one; told in constant time */
ngx_int_t ngx_http_webhook_mark_check(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac);


#endif /* _NGX_HTTP_WEBHOOK_MARK_H_INCLUDED_ */
