
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_mask.h"


static size_t wh_mask_shown(const char *p, size_t len, int secret,
    const wh_str_t *prefixes, size_t n);


void
wh_mask_query(wh_buf_t *out, wh_str_t target, size_t from,
    const wh_str_t *prefixes, size_t n)
{
    int          secret;
    size_t       len, shown;
    const char  *p, *last, *end;

    if (target.len == 0) {
        return;
    }

    last = target.data + target.len;
    p = memchr(target.data, '?', target.len);
    p = p ? p + 1 : last;

    (void) wh_buf_put(out, target.data, (size_t) (p - target.data));

    while (p < last) {

        end = memchr(p, '&', (size_t) (last - p));
        len = (size_t) ((end ? end : last) - p);

        secret = ((size_t) (p - target.data) > from);
        shown = wh_mask_shown(p, len, secret, prefixes, n);

        (void) wh_buf_put(out, p, shown);

        if (shown < len) {
            (void) wh_buf_put_literal(out, WH_MASK);
        }

        if (end == NULL) {
            return;
        }

        (void) wh_buf_putc(out, '&');

        p = end + 1;
    }
}


/* octets of a parameter that may be shown */

static size_t
wh_mask_shown(const char *p, size_t len, int secret, const wh_str_t *prefixes,
    size_t n)
{
    size_t       i;
    const char  *value;

    for (i = 0; i < n; i++) {
        if (prefixes[i].len <= len
            && memcmp(p, prefixes[i].data, prefixes[i].len) == 0)
        {
            return prefixes[i].len;
        }
    }

    if (!secret || len == 0) {
        return len;
    }

    value = memchr(p, '=', len);

    return value ? (size_t) (value - p) + 1 : 0;
}
