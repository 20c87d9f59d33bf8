
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * URLs with variables, and with fields of payloads ("__name__"): a URL is
 * made of them at capture, and stored with the event.  The scheme is literal,
 * or all of it is one variable.
 */


#ifndef _NGX_HTTP_WEBHOOK_URL_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_URL_H_INCLUDED_


#include "ngx_http_webhook_payload.h"
#include "wh_url.h"


/* where a value stands, that is how it is encoded */

typedef enum {
    NGX_HTTP_WEBHOOK_URL_WHOLE = 0,          /* it is the URL */
    NGX_HTTP_WEBHOOK_URL_HOST,               /* or the port */
    NGX_HTTP_WEBHOOK_URL_PATH,
    NGX_HTTP_WEBHOOK_URL_QUERY
} ngx_http_webhook_url_place_e;


typedef struct {
    ngx_http_webhook_url_place_e  place;
    ngx_http_webhook_text_t       text;      /* of one part */
    ngx_str_t                     field;     /* "__name__"; len 0: a text */
    unsigned                      value:1;   /* no literal */
    unsigned                      segment:1; /* a segment is values only, */
                                             /* and ends here */
} ngx_http_webhook_url_part_t;


struct ngx_http_webhook_url_s {
    ngx_array_t                   parts;     /* ..._url_part_t */
    ngx_str_t                     sample;    /* an example of it */
    ngx_str_t                     authority; /* "*" for values; empty: any */
    unsigned                      values:1;  /* there are any */
    unsigned                      host:1;    /* and the host has some */
    unsigned                      fields:1;  /* and some are fields */
};


/* a word of the configuration; NULL: an error, which is logged */
ngx_http_webhook_url_t *ngx_http_webhook_url_create(ngx_conf_t *cf,
    ngx_str_t *word);

/*
 * After the whole http {}: has the payload, which may be NULL, all the fields
 * that the URL of the endpoint names?  NGX_OK or NGX_ERROR, which is logged.
 */
ngx_int_t ngx_http_webhook_url_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_payload_t *payload);

/*
 * Puts the URL of an event as a field of the record; *target is set to
 * the octets of path and query.  NGX_OK, see also out->err; NGX_BUSY: it is too
 * long; NGX_AGAIN: it is no URL, or none that the endpoint may have (logged);
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_url_put(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out, size_t *target);

/*
 * At an attempt: where it goes, in https, authority and target of *u.  "url"
 * is out of the record, data NULL: there is none.  A literal host is that of
 * the configuration, as are the secrets that are sent to it; another one must
 * be one that the configuration could still make.  NGX_OK; NGX_DECLINED:
 * nothing may be sent (*reason).
 */
ngx_int_t ngx_http_webhook_url_get(ngx_http_webhook_endpoint_t *ep,
    wh_str_t *url, wh_url_t *u, char **reason);


#endif /* _NGX_HTTP_WEBHOOK_URL_H_INCLUDED_ */
