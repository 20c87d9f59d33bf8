
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_URL_H_INCLUDED_
#define _WH_URL_H_INCLUDED_


#include "wh.h"


#define WH_URL_NAME  0
#define WH_URL_IPV4  1
#define WH_URL_IPV6  2


typedef struct {
    int        https;        /* 1 if the scheme is https */
    int        type;         /* WH_URL_NAME, _IPV4 or _IPV6: of the host */
    uint16_t   port;         /* 1 to 65535, by default 80 or 443 */
    int        port_given;
    wh_str_t   host;         /* as written, an IPv6 one without the brackets */
    wh_str_t   authority;    /* as written: host, brackets and ":port" if any */
    wh_str_t   target;       /* path and query, starts with "/" */
} wh_url_t;


/*
 * Takes an absolute http or https URL (RFC 3986) apart.  The strings of *u
 * point into "in", but the target may be a static "/".  On WH_ERROR *err is
 * a static NUL-terminated sentence, and *u is undefined.
 *
 * Stricter than the RFC where laxness only helps to confuse: no user
 * information, no fragment, no empty port, no percent-encoding or sub-delims
 * in a host, no zone; a host whose last label is a number is a dotted IPv4
 * address in four plain decimal parts ("127.1", "0x7f.1" and "2130706433"
 * are errors); a query needs a path ("http://a/?b", not "http://a?b"), since
 * the target could not be a part of "in" otherwise.
 */
int wh_url_parse(wh_str_t in, wh_url_t *u, const char **err);

/*
 * 1 if the path of a target has a segment "." or "..", also with dots,
 * slashes or backslashes that are percent-encoded: receivers decode them
 * before or after they look for such segments.
 */
int wh_url_has_dots(wh_str_t target);


#endif /* _WH_URL_H_INCLUDED_ */
