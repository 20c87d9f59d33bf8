
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_cloudevent.h"
#include "wh_time.h"
#include "wh_utf8.h"


static int wh_ce_string_ok(const char *p, size_t n);
static int wh_ce_integer_ok(const char *p, size_t n);
static int wh_ce_uri_ok(const char *p, size_t n, int absolute);
static size_t wh_ce_scheme(const char *p, size_t n);
static int wh_ce_uri_char(unsigned char c);
static int wh_ce_timestamp_ok(const char *p, size_t n);
static int wh_ce_alpha(unsigned char c);
static int wh_ce_digit(unsigned char c);
static int wh_ce_hex(unsigned char c);


int
wh_ce_name_ok(const char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (!wh_ce_digit((unsigned char) p[i]) && (p[i] < 'a' || p[i] > 'z')) {
            return 0;
        }
    }

    return n != 0;
}


int
wh_ce_value_ok(wh_ce_type_e type, const char *p, size_t n)
{
    if (n == 0) {
        return 0;
    }

    switch (type) {

    case WH_CE_INTEGER:
        return wh_ce_integer_ok(p, n);

    case WH_CE_URI:
        return wh_ce_uri_ok(p, n, 1);

    case WH_CE_URIREF:
        return wh_ce_uri_ok(p, n, 0);

    case WH_CE_TIMESTAMP:
        return wh_ce_timestamp_ok(p, n);

    default: /* WH_CE_STRING */
        return wh_ce_string_ok(p, n);
    }
}


/* a string of CloudEvents has no control and no noncharacter */

static int
wh_ce_string_ok(const char *p, size_t n)
{
    unsigned char  c, d;
    size_t         i, len;

    if (wh_utf8_valid(p, n) != n) {
        return 0;
    }

    for (i = 0; i < n; i += len) {
        c = (unsigned char) p[i];

        if (c < 0x20 || c == 0x7f) {
            return 0;
        }

        if (c < 0x80) {
            len = 1;
            continue;
        }

        d = (unsigned char) p[i + 1];

        if (c < 0xe0) {
            /* U+0080 to U+009F */

            if (c == 0xc2 && d < 0xa0) {
                return 0;
            }

            len = 2;
            continue;
        }

        if (c < 0xf0) {
            len = 3;

            /* U+FDD0 to U+FDEF */

            if (c == 0xef && d == 0xb7
                && (unsigned char) p[i + 2] >= 0x90
                && (unsigned char) p[i + 2] <= 0xaf)
            {
                return 0;
            }

            /* U+FFFE and U+FFFF */

            if (c == 0xef && d == 0xbf && (unsigned char) p[i + 2] >= 0xbe) {
                return 0;
            }

            continue;
        }

        len = 4;

        /* the same of all other planes */

        if ((d & 0x0f) == 0x0f && (unsigned char) p[i + 2] == 0xbf
            && (unsigned char) p[i + 3] >= 0xbe)
        {
            return 0;
        }
    }

    return 1;
}


static int
wh_ce_integer_ok(const char *p, size_t n)
{
    size_t   i;
    int64_t  v;

    i = (p[0] == '-');

    if (n == i || n - i > 10 || (p[i] == '0' && n - i > 1)) {
        return 0;
    }

    v = 0;

    for ( /* void */ ; i < n; i++) {

        if (!wh_ce_digit((unsigned char) p[i])) {
            return 0;
        }

        v = v * 10 + (p[i] - '0');
    }

    return v <= (p[0] == '-' ? -(int64_t) INT32_MIN : INT32_MAX);
}


/* RFC 3986: the characters, the scheme, and where "#", "[" and "]" may be */

static int
wh_ce_uri_ok(const char *p, size_t n, int absolute)
{
    size_t  i, scheme, authority, fragment;

    scheme = wh_ce_scheme(p, n);

    if (scheme == 0 && absolute) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (p[i] == '/' || p[i] == '?' || p[i] == '#') {
            break;
        }

        /* "1:a" is no reference, as no scheme begins with a digit */

        if (p[i] == ':' && scheme == 0) {
            return 0;
        }
    }

    authority = 0;

    if (n - scheme >= 2 && p[scheme] == '/' && p[scheme + 1] == '/') {

        for (authority = scheme + 2; authority < n; authority++) {
            if (p[authority] == '/' || p[authority] == '?'
                || p[authority] == '#')
            {
                break;
            }
        }
    }

    fragment = 0;

    for (i = scheme; i < n; i++) {

        if (p[i] == '%') {

            if (n - i < 3 || !wh_ce_hex((unsigned char) p[i + 1])
                || !wh_ce_hex((unsigned char) p[i + 2]))
            {
                return 0;
            }

            continue;
        }

        if (p[i] == '[' || p[i] == ']') {

            if (i >= authority) {
                return 0;
            }

            continue;
        }

        if (p[i] == '#' && fragment++) {
            return 0;
        }

        if (!wh_ce_uri_char((unsigned char) p[i])) {
            return 0;
        }
    }

    return 1;
}


/* octets of "scheme:"; 0: there is none */

static size_t
wh_ce_scheme(const char *p, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if (wh_ce_alpha(c)) {
            continue;
        }

        if (i && c == ':') {
            return i + 1;
        }

        if (i == 0
            || !(wh_ce_digit(c) || c == '+' || c == '-' || c == '.'))
        {
            return 0;
        }
    }

    return 0;
}


static int
wh_ce_uri_char(unsigned char c)
{
    return wh_ce_alpha(c) || wh_ce_digit(c)
           || (c != '\0' && strchr("-._~:/?#@!$&'()*+,;=", c) != NULL);
}


/* "2018-04-05T17:31:00.123Z", or with an offset as "+02:00" */

static int
wh_ce_timestamp_ok(const char *p, size_t n)
{
    int64_t   ms;
    wh_str_t  text;

    text.len = n;
    text.data = p;

    /* others may be a date alone, and may have a space in between */

    return n > 10 && p[10] != ' ' && wh_time_parse(text, &ms) == WH_OK;
}


int
wh_ce_type_is_json(const char *p, size_t n)
{
    size_t  i, k, slash;
    char    end[5];

    for (i = 0; i < n && p[i] != ';'; i++) { /* void */ }

    while (i && (p[i - 1] == ' ' || p[i - 1] == '\t')) {
        i--;
    }

    for (slash = 0; slash < i && p[slash] != '/'; slash++) { /* void */ }

    if (slash == 0 || i - slash < sizeof("/json") - 1) {
        return 0;
    }

    for (k = 0; k < sizeof(end); k++) {
        end[k] = p[i - sizeof(end) + k];

        if (end[k] >= 'A' && end[k] <= 'Z') {
            end[k] = (char) (end[k] + ('a' - 'A'));
        }
    }

    if (memcmp(end, "/json", sizeof(end)) == 0) {
        return i - slash == sizeof(end);
    }

    /* there is a name before it */

    return memcmp(end, "+json", sizeof(end)) == 0
           && i - slash > sizeof("/+json") - 1;
}


int
wh_put_ce_header(wh_buf_t *b, const char *p, size_t n)
{
    int            ok;
    char          *d;
    size_t         i, len;
    unsigned char  c;

    static const char  hex[] = "0123456789ABCDEF";

    while (n) {
        len = wh_utf8_next(p, n, &ok);

        if (!ok) {
            (void) wh_buf_put_literal(b, "%EF%BF%BD");
            p += len;
            n -= len;
            continue;
        }

        for (i = 0; i < len; i++) {
            c = (unsigned char) p[i];

            if (c > 0x20 && c < 0x7f && c != '"' && c != '%') {
                (void) wh_buf_putc(b, (char) c);
                continue;
            }

            d = wh_buf_need(b, 3);
            if (d == NULL) {
                return b->err;
            }

            d[0] = '%';
            d[1] = hex[c >> 4];
            d[2] = hex[c & 0x0f];

            b->len += 3;
        }

        p += len;
        n -= len;
    }

    return b->err;
}


static int
wh_ce_alpha(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static int
wh_ce_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}


static int
wh_ce_hex(unsigned char c)
{
    return wh_ce_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
