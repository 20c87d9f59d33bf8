
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_mask.h"


int
wh_mask_head(wh_buf_t *out, wh_str_t head, wh_mask_pt line, void *ctx)
{
    size_t       pos, n;
    wh_str_t     name;
    const char  *p, *end, *colon;

    pos = 0;

    while (pos < head.len) {

        p = head.data + pos;
        end = memchr(p, '\n', head.len - pos);
        n = end ? (size_t) (end - p) + 1 : head.len - pos;
        pos += n;

        colon = memchr(p, ':', n);

        name.data = p;
        name.len = colon ? (size_t) (colon - p) : 0;

        if (name.len == 0 || !line(ctx, name)) {
            (void) wh_buf_put(out, p, n);
            continue;
        }

        (void) wh_buf_put(out, name.data, name.len);
        (void) wh_buf_put_literal(out, ": " WH_MASK "\r\n");
    }

    return out->err;
}


int
wh_mask_target(wh_buf_t *out, wh_str_t target, wh_mask_pt query, void *ctx)
{
    size_t       n;
    wh_str_t     name;
    const char  *p, *end, *eq, *last;

    if (target.len == 0) {
        return out->err;
    }

    last = target.data + target.len;
    p = memchr(target.data, '?', target.len);

    if (p == NULL) {
        return wh_buf_put(out, target.data, target.len);
    }

    p++;

    (void) wh_buf_put(out, target.data, (size_t) (p - target.data));

    while (p < last) {
        end = memchr(p, '&', (size_t) (last - p));
        n = end ? (size_t) (end - p) + 1 : (size_t) (last - p);

        eq = memchr(p, '=', n);

        name.data = p;
        name.len = eq ? (size_t) (eq - p) : 0;

        if (name.len == 0 || !query(ctx, name)) {
            (void) wh_buf_put(out, p, n);

        } else {
            (void) wh_buf_put(out, p, name.len + 1);
            (void) wh_buf_put_literal(out, WH_MASK);

            if (end) {
                (void) wh_buf_putc(out, '&');
            }
        }

        p += n;
    }

    return out->err;
}


void
wh_mask_text(char *p, size_t *len, wh_str_t secret)
{
    char    *from, *to;
    size_t   n, left;

    /* what is shorter than its mask would be found everywhere */

    if (secret.len < WH_MASK_MIN) {
        return;
    }

    from = p;
    to = p;
    left = *len;

    while (left) {

        /* the rest of a text that was cut may be the start of it */

        n = left < secret.len ? left : secret.len;

        if (n >= WH_MASK_MIN && memcmp(from, secret.data, n) == 0) {
            memcpy(to, WH_MASK, sizeof(WH_MASK) - 1);
            to += sizeof(WH_MASK) - 1;
            from += n;
            left -= n;
            continue;
        }

        *to++ = *from++;
        left--;
    }

    *len = (size_t) (to - p);
}
