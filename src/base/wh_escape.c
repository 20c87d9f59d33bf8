
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_escape.h"
#include "wh_utf8.h"
#include "wh_word.h"


static int wh_put_percent(wh_buf_t *b, const char *p, size_t n, int form);
static int wh_put_run(wh_buf_t *b, const char *p, size_t start, size_t end);
static int wh_is_alnum(unsigned char c);
static int wh_is_control(char c);
static size_t wh_digits(const char *p, size_t n);


int
wh_put_json_string(wh_buf_t *b, const char *p, size_t n)
{
    int                ok;
    char               e[6];
    size_t             i, len, start;
    unsigned char      c;
    static const char  hex[] = "0123456789abcdef";

    i = 0;
    start = 0;

    while (i < n) {
        i += wh_plain_run(p + i, n - i);

        if (i == n) {
            break;
        }

        c = (unsigned char) p[i];

        if (c >= 0x80) {
            len = wh_utf8_next(p + i, n - i, &ok);

            if (!ok) {
                (void) wh_put_run(b, p, start, i);

                if (wh_buf_put(b, "\xef\xbf\xbd", 3) != WH_OK) {
                    return b->err;
                }

                start = i + len;
            }

            i += len;
            continue;
        }

        e[0] = '\\';
        len = 2;

        switch (c) {

        case '"':
        case '\\':
            e[1] = (char) c;
            break;

        case '\b':
            e[1] = 'b';
            break;

        case '\f':
            e[1] = 'f';
            break;

        case '\n':
            e[1] = 'n';
            break;

        case '\r':
            e[1] = 'r';
            break;

        case '\t':
            e[1] = 't';
            break;

        default:
            e[1] = 'u';
            e[2] = '0';
            e[3] = '0';
            e[4] = hex[c >> 4];
            e[5] = hex[c & 0xf];
            len = 6;
        }

        (void) wh_put_run(b, p, start, i);

        if (wh_buf_put(b, e, len) != WH_OK) {
            return b->err;
        }

        i++;
        start = i;
    }

    return wh_put_run(b, p, start, n);
}


int
wh_put_json_quoted(wh_buf_t *b, const char *p, size_t n)
{
    (void) wh_buf_putc(b, '"');
    (void) wh_put_json_string(b, p, n);

    return wh_buf_putc(b, '"');
}


int
wh_put_url(wh_buf_t *b, const char *p, size_t n)
{
    return wh_put_percent(b, p, n, 0);
}


int
wh_put_form(wh_buf_t *b, const char *p, size_t n)
{
    return wh_put_percent(b, p, n, 1);
}


static int
wh_put_percent(wh_buf_t *b, const char *p, size_t n, int form)
{
    char               e[3];
    size_t             i, len, start;
    unsigned char      c;
    static const char  hex[] = "0123456789ABCDEF";

    start = 0;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if (wh_is_alnum(c) || c == '-' || c == '.' || c == '_'
            || c == (form ? '*' : '~'))
        {
            continue;
        }

        if (form && c == ' ') {
            e[0] = '+';
            len = 1;

        } else {
            e[0] = '%';
            e[1] = hex[c >> 4];
            e[2] = hex[c & 0xf];
            len = 3;
        }

        (void) wh_put_run(b, p, start, i);

        if (wh_buf_put(b, e, len) != WH_OK) {
            return b->err;
        }

        start = i + 1;
    }

    return wh_put_run(b, p, start, n);
}


/* p may be NULL if there is nothing to put: no arithmetic on it then */

static int
wh_put_run(wh_buf_t *b, const char *p, size_t start, size_t end)
{
    if (start == end) {
        return b->err;
    }

    return wh_buf_put(b, p + start, end - start);
}


int
wh_put_base64(wh_buf_t *b, const char *p, size_t n)
{
    char                 *d;
    size_t                len;
    uint32_t              v;
    const unsigned char  *s;
    static const char     set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";

    if (n == 0) {
        return b->err;
    }

    /* a length that wraps is beyond any limit; let the buffer refuse it */

    len = n / 3 + (n % 3 != 0);
    len = len > SIZE_MAX / 4 ? SIZE_MAX : len * 4;

    d = wh_buf_need(b, len);
    if (d == NULL) {
        return b->err;
    }

    s = (const unsigned char *) p;

    for ( /* void */ ; n >= 3; n -= 3) {
        v = (uint32_t) s[0] << 16 | (uint32_t) s[1] << 8 | s[2];
        s += 3;

        *d++ = set[v >> 18];
        *d++ = set[v >> 12 & 0x3f];
        *d++ = set[v >> 6 & 0x3f];
        *d++ = set[v & 0x3f];
    }

    if (n) {
        v = (uint32_t) s[0] << 16;

        if (n == 2) {
            v |= (uint32_t) s[1] << 8;
        }

        *d++ = set[v >> 18];
        *d++ = set[v >> 12 & 0x3f];
        *d++ = n == 2 ? set[v >> 6 & 0x3f] : '=';
        *d++ = '=';
    }

    b->len += len;

    return WH_OK;
}


int
wh_header_value_ok(const char *p, size_t n)
{
    size_t    i, k;
    uint64_t  mask;

    for (i = 0; i < n; i += WH_WORD) {
        mask = wh_word_control(wh_word_next(p + i, n - i));

        if (mask == 0) {
            continue;
        }

        for (k = i + wh_word_first(mask); k < n && k < i + WH_WORD; k++) {

            if (wh_is_control(p[k]) && p[k] != '\t') {
                return 0;
            }
        }
    }

    return 1;
}


int
wh_header_name_ok(const char *p, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if (wh_is_alnum(c)) {
            continue;
        }

        switch (c) {

        case '!': case '#': case '$': case '%': case '&': case '\'':
        case '*': case '+': case '-': case '.': case '^': case '_':
        case '`': case '|': case '~':
            break;

        default:
            return 0;
        }
    }

    return n != 0;
}


int
wh_json_number_ok(const char *p, size_t n)
{
    size_t  i, len;

    if (n == 0) {
        return 0;
    }

    i = (p[0] == '-') ? 1 : 0;

    len = wh_digits(p + i, n - i);

    if (len == 0 || (len > 1 && p[i] == '0')) {
        return 0;
    }

    i += len;

    if (i < n && p[i] == '.') {
        i++;

        len = wh_digits(p + i, n - i);
        if (len == 0) {
            return 0;
        }

        i += len;
    }

    if (i < n && (p[i] == 'e' || p[i] == 'E')) {
        i++;

        if (i < n && (p[i] == '+' || p[i] == '-')) {
            i++;
        }

        len = wh_digits(p + i, n - i);
        if (len == 0) {
            return 0;
        }

        i += len;
    }

    return i == n;
}


static int
wh_is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


static int
wh_is_control(char c)
{
    return (unsigned char) c < 0x20 || c == 0x7f;
}


static size_t
wh_digits(const char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            break;
        }
    }

    return i;
}
