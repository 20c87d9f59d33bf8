
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Names of events, and patterns of them.
 */


#include "ngx_http_webhook_capture.h"


static ngx_int_t ngx_http_webhook_event_labels(u_char *p, u_char *pend,
    u_char *e, u_char *eend);
static u_char *ngx_http_webhook_event_label(u_char *p, u_char *last);


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


/*
 * A "*" takes as few labels as what follows allows; where that does not match,
 * only the last "*" has to take another: the ones before it could but leave
 * less.
 */

static ngx_int_t
ngx_http_webhook_event_labels(u_char *p, u_char *pend, u_char *e,
    u_char *eend)
{
    u_char  *pl, *el, *rest, *taken;

    rest = NULL;
    taken = NULL;

    for ( ;; ) {

        pl = ngx_http_webhook_event_label(p, pend);
        el = ngx_http_webhook_event_label(e, eend);

        if (pl - p == 1 && *p == '*') {

            if (pl == pend) {
                return NGX_OK;
            }

            rest = pl + 1;
            taken = e;

        } else if (pl - p != el - e || ngx_strncmp(p, e, pl - p) != 0
                   || (pl == pend && el != eend))
        {
            if (rest == NULL) {
                return NGX_DECLINED;
            }

            /* one more for the "*", there is a label behind what it took */

            taken = ngx_http_webhook_event_label(taken, eend) + 1;

            pl = rest - 1;
            el = ngx_http_webhook_event_label(taken, eend);

        } else if (pl == pend) {
            return NGX_OK;
        }

        if (el == eend) {
            return NGX_DECLINED;
        }

        p = pl + 1;
        e = el + 1;
    }
}


/* where the label ends */

static u_char *
ngx_http_webhook_event_label(u_char *p, u_char *last)
{
    u_char  *dot;

    dot = ngx_strlchr(p, last, '.');

    return dot ? dot : last;
}
