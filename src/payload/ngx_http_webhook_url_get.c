
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * URLs of records, at an attempt.
 */


#include "ngx_http_webhook_url.h"


static ngx_uint_t ngx_http_webhook_url_fits(ngx_str_t *pattern,
    wh_str_t *authority);


ngx_int_t
ngx_http_webhook_url_get(ngx_http_webhook_endpoint_t *ep, wh_str_t *url,
    wh_url_t *u, char **reason)
{
    const char  *err;

    if (url->data == NULL) {

        if (ep->texts) {
            *reason = "record has no URL, that of the endpoint has variables";
            return NGX_DECLINED;
        }

        u->target.len = ep->target.len;
        u->target.data = (char *) ep->target.data;

    } else if (wh_url_parse(*url, u, &err) != WH_OK) {
        *reason = "record has an invalid URL";
        return NGX_DECLINED;
    }

    if (ep->host.len) {
        u->https = ep->ssl;
        u->authority.len = ep->host.len;
        u->authority.data = (char *) ep->host.data;

        return NGX_OK;
    }

    if (!u->https && !ep->allow_http) {
        *reason = "its URL has \"http://\", which needs \"allow_http on\"";
        return NGX_DECLINED;
    }

    if (ep->texts->authority.len
        && ((unsigned) u->https != ep->ssl
            || !ngx_http_webhook_url_fits(&ep->texts->authority,
                                          &u->authority)))
    {
        *reason = "its URL is none that that of the endpoint could be";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* an asterisk is any octets */

static ngx_uint_t
ngx_http_webhook_url_fits(ngx_str_t *pattern, wh_str_t *authority)
{
    size_t   i, again;
    u_char  *p, *last, *star;

    p = pattern->data;
    last = p + pattern->len;
    star = NULL;
    again = 0;
    i = 0;

    while (i < authority->len) {

        if (p < last && *p == '*') {
            star = ++p;
            again = i;
            continue;
        }

        if (p < last
            && ngx_tolower(*p) == ngx_tolower((u_char) authority->data[i]))
        {
            p++;
            i++;
            continue;
        }

        if (star == NULL) {
            return 0;
        }

        /* one octet more is the asterisk's */

        p = star;
        i = ++again;
    }

    while (p < last && *p == '*') {
        p++;
    }

    return p == last;
}
