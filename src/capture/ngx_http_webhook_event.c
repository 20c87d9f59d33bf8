
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Names of events, and patterns of them.
 */


#include "ngx_http_webhook_capture.h"


static ngx_int_t ngx_http_webhook_event_labels(u_char *p, u_char *pend,
    u_char *e, u_char *eend);


ngx_int_t
ngx_http_webhook_event_ok(ngx_str_t *event, ngx_uint_t pattern)
{
    u_char      ch;
    size_t      i, label;

    if (event->len > NGX_HTTP_WEBHOOK_EVENT_MAX) {
        return NGX_ERROR;
    }

    label = 0;

    for (i = 0; i < event->len; i++) {
        ch = event->data[i];

        if (ch == '.' && label) {
            label = 0;
            continue;
        }

        if (ch == '*'
            && pattern
            && label == 0
            && (i + 1 == event->len || event->data[i + 1] == '.'))
        {
            label = 1;
            continue;
        }

        if (ch != '_'
            && (ch < '0' || ch > '9')
            && ((ch | 0x20) < 'a' || (ch | 0x20) > 'z'))
        {
            return NGX_ERROR;
        }

        label++;
    }

    return label ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_webhook_event_matches(ngx_str_t *pattern, ngx_str_t *event)
{
    return ngx_http_webhook_event_labels(pattern->data,
                                         pattern->data + pattern->len,
                                         event->data,
                                         event->data + event->len)
           == NGX_OK;
}


static ngx_int_t
ngx_http_webhook_event_labels(u_char *p, u_char *pend, u_char *e,
    u_char *eend)
{
    u_char  *pl, *el;

    for ( ;; ) {

        pl = ngx_strlchr(p, pend, '.');
        pl = pl ? pl : pend;

        el = ngx_strlchr(e, eend, '.');
        el = el ? el : eend;

        if (pl - p == 1 && *p == '*') {

            while (pl != pend && el != eend) {

                if (ngx_http_webhook_event_labels(pl + 1, pend, el + 1, eend)
                    == NGX_OK)
                {
                    return NGX_OK;
                }

                el = ngx_strlchr(el + 1, eend, '.');
                el = el ? el : eend;
            }

            return pl == pend ? NGX_OK : NGX_DECLINED;
        }

        if (pl - p != el - e || ngx_strncmp(p, e, pl - p) != 0) {
            return NGX_DECLINED;
        }

        if (pl == pend || el == eend) {
            return (pl == pend && el == eend) ? NGX_OK : NGX_DECLINED;
        }

        p = pl + 1;
        e = el + 1;
    }
}
