
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_utf8.h"
#include "wh_word.h"


static int wh_utf8_octet(wh_utf8_t *s, unsigned char c);


int
wh_utf8_feed(wh_utf8_t *s, const char *p, size_t n)
{
    size_t  i;

    if (s->bad) {
        return WH_ERROR;
    }

    i = 0;

    while (i < n) {

        if (s->need == 0) {
            i += wh_ascii_run(p + i, n - i);

            if (i == n) {
                break;
            }
        }

        if (wh_utf8_octet(s, (unsigned char) p[i]) != WH_OK) {
            s->bad = 1;
            s->offset += i;
            return WH_ERROR;
        }

        i++;
    }

    s->offset += n;

    return WH_OK;
}


int
wh_utf8_finish(const wh_utf8_t *s)
{
    if (s->bad) {
        return WH_ERROR;
    }

    return s->need ? WH_AGAIN : WH_OK;
}


size_t
wh_utf8_valid(const char *p, size_t n)
{
    int     ok;
    size_t  i, len;

    i = 0;

    while (i < n) {
        len = wh_utf8_next(p + i, n - i, &ok);

        if (!ok) {
            break;
        }

        i += len;
    }

    return i;
}


size_t
wh_utf8_whole(const char *p, size_t n)
{
    size_t     valid;
    wh_utf8_t  s;

    memset(&s, 0, sizeof(wh_utf8_t));

    valid = wh_utf8_valid(p, n);

    return wh_utf8_feed(&s, p + valid, n - valid) == WH_OK ? valid : n;
}


size_t
wh_utf8_next(const char *p, size_t n, int *ok)
{
    size_t     i;
    wh_utf8_t  s;

    memset(&s, 0, sizeof(wh_utf8_t));

    *ok = 0;

    for (i = 0; i < n; i++) {

        if (wh_utf8_octet(&s, (unsigned char) p[i]) != WH_OK) {
            return i ? i : 1;
        }

        if (s.need == 0) {
            *ok = 1;
            return i + 1;
        }
    }

    return n;
}


static int
wh_utf8_octet(wh_utf8_t *s, unsigned char c)
{
    if (s->need) {
        if (c < s->lo || c > s->hi) {
            return WH_ERROR;
        }

        s->need--;
        s->lo = 0x80;
        s->hi = 0xbf;

        return WH_OK;
    }

    if (c < 0x80) {
        return WH_OK;
    }

    s->lo = 0x80;
    s->hi = 0xbf;

    /* C0 and C1 only start overlong forms, F5 and up exceed U+10FFFF */

    if (c < 0xc2 || c > 0xf4) {
        return WH_ERROR;
    }

    if (c < 0xe0) {
        s->need = 1;
        return WH_OK;
    }

    if (c < 0xf0) {
        s->need = 2;

        if (c == 0xe0) {
            s->lo = 0xa0;

        } else if (c == 0xed) {
            s->hi = 0x9f;
        }

        return WH_OK;
    }

    s->need = 3;

    if (c == 0xf0) {
        s->lo = 0x90;

    } else if (c == 0xf4) {
        s->hi = 0x8f;
    }

    return WH_OK;
}
