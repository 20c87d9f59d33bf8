
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_url.h"


#define WH_URL_MAX_HOST   254    /* RFC 1035, in text, with the last dot */
#define WH_URL_MAX_LABEL  63


static int wh_url_scheme(const char *p, size_t n, const char *name,
    size_t len);
static const char *wh_url_host(wh_str_t host, int *type);
static int wh_url_numeric(const char *p, size_t n);
static int wh_url_ipv4(const char *p, size_t n);
static int wh_url_ipv6(const char *p, size_t n);
static int wh_url_is_hex(char c);
static int wh_url_octet(wh_str_t s, size_t *i);
static int wh_url_hex(char c);


int
wh_url_parse(wh_str_t in, wh_url_t *u, const char **err)
{
    size_t          i, start, end, colon;
    uint32_t        port;
    const char     *p;
    unsigned char   c;

    p = in.data;

    memset(u, 0, sizeof(wh_url_t));

    for (i = 0; i < in.len; i++) {
        c = (unsigned char) p[i];

        if (c == ' ') {
            *err = "space in URL";
            return WH_ERROR;
        }

        if (c < 0x20 || c == 0x7f) {
            *err = "control character in URL";
            return WH_ERROR;
        }

        if (c > 0x7e) {
            *err = "non-ASCII octet in URL, percent-encode it";
            return WH_ERROR;
        }

        if (c == '#') {
            *err = "fragment in URL";
            return WH_ERROR;
        }
    }

    if (wh_url_scheme(p, in.len, "http://", 7)) {
        start = 7;
        u->port = 80;

    } else if (wh_url_scheme(p, in.len, "https://", 8)) {
        start = 8;
        u->port = 443;
        u->https = 1;

    } else {
        *err = "URL does not start with \"http://\" or \"https://\"";
        return WH_ERROR;
    }

    for (end = start; end < in.len; end++) {

        if (p[end] == '/' || p[end] == '?') {
            break;
        }

        if (p[end] == '@') {
            *err = "user information in URL";
            return WH_ERROR;
        }
    }

    u->authority.data = p + start;
    u->authority.len = end - start;

    if (start < end && p[start] == '[') {

        for (i = start + 1; i < end && p[i] != ']'; i++) { /* void */ }

        if (i == end) {
            *err = "no \"]\" in URL";
            return WH_ERROR;
        }

        u->type = WH_URL_IPV6;
        u->host.data = p + start + 1;
        u->host.len = i - start - 1;

        if (!wh_url_ipv6(u->host.data, u->host.len)) {
            *err = "invalid IPv6 address in URL";
            return WH_ERROR;
        }

        colon = i + 1;

        if (colon < end && p[colon] != ':') {
            *err = "unexpected character after \"]\" in URL";
            return WH_ERROR;
        }

    } else {

        for (i = start; i < end && p[i] != ':'; i++) { /* void */ }

        u->host.data = p + start;
        u->host.len = i - start;

        *err = wh_url_host(u->host, &u->type);
        if (*err) {
            return WH_ERROR;
        }

        colon = i;
    }

    if (colon < end) {
        port = 0;

        if (colon + 1 == end) {
            *err = "no port after \":\" in URL";
            return WH_ERROR;
        }

        for (i = colon + 1; i < end; i++) {

            if (p[i] < '0' || p[i] > '9') {
                *err = "invalid port in URL";
                return WH_ERROR;
            }

            port = port * 10 + (uint32_t) (p[i] - '0');

            if (port > 65535) {
                *err = "port is out of range in URL";
                return WH_ERROR;
            }
        }

        if (port == 0) {
            *err = "port is out of range in URL";
            return WH_ERROR;
        }

        u->port = (uint16_t) port;
        u->port_given = 1;
    }

    if (end == in.len) {
        u->target.data = "/";
        u->target.len = 1;

    } else if (p[end] == '/') {
        u->target.data = p + end;
        u->target.len = in.len - end;

    } else {
        *err = "no path before \"?\" in URL";
        return WH_ERROR;
    }

    *err = NULL;

    return WH_OK;
}


static int
wh_url_scheme(const char *p, size_t n, const char *name, size_t len)
{
    char    c;
    size_t  i;

    if (n < len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        c = p[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char) (c - 'A' + 'a');
        }

        if (c != name[i]) {
            return 0;
        }
    }

    return 1;
}


static const char *
wh_url_host(wh_str_t host, int *type)
{
    char    c;
    size_t  i, n, label;

    n = host.len;

    if (n == 0) {
        return "no host in URL";
    }

    if (n > WH_URL_MAX_HOST) {
        return "host is too long in URL";
    }

    label = 0;

    for (i = 0; i <= n; i++) {

        if (i == n || host.data[i] == '.') {

            /* the root's empty label is allowed at the end: "example.com." */

            if (i == label && (i < n || n == 1)) {
                return "empty label in host in URL";
            }

            if (i - label > WH_URL_MAX_LABEL) {
                return "label in host is too long in URL";
            }

            if (i < n) {
                label = i + 1;
            }

            continue;
        }

        c = host.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '~')
        {
            continue;
        }

        return "invalid character in host in URL";
    }

    *type = WH_URL_NAME;

    /* getaddrinfo() takes "127.1", "0x7f000001" and the like for addresses */

    if (wh_url_numeric(host.data, n)) {

        if (!wh_url_ipv4(host.data, n)) {
            return "invalid IPv4 address in URL";
        }

        *type = WH_URL_IPV4;
    }

    return NULL;
}


/* whether the last label, the root's aside, is a decimal or hex number */

static int
wh_url_numeric(const char *p, size_t n)
{
    size_t  i, start;

    if (p[n - 1] == '.') {
        n--;
    }

    for (start = n; start > 0 && p[start - 1] != '.'; start--) { /* void */ }

    i = start;

    if (n - i >= 2 && p[i] == '0' && (p[i + 1] == 'x' || p[i + 1] == 'X')) {

        for (i += 2; i < n; i++) {
            if (!wh_url_is_hex(p[i])) {
                return 0;
            }
        }

        return 1;
    }

    for ( /* void */ ; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }
    }

    return 1;
}


static int
wh_url_ipv4(const char *p, size_t n)
{
    size_t    i, digits, parts;
    uint32_t  v;

    v = 0;
    parts = 1;
    digits = 0;

    for (i = 0; i < n; i++) {

        if (p[i] == '.') {
            if (digits == 0 || parts == 4) {
                return 0;
            }

            v = 0;
            digits = 0;
            parts++;
            continue;
        }

        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }

        /* a leading zero means octal to some */

        if (digits && v == 0) {
            return 0;
        }

        v = v * 10 + (uint32_t) (p[i] - '0');
        digits++;

        if (v > 255) {
            return 0;
        }
    }

    return parts == 4 && digits != 0;
}


static int
wh_url_ipv6(const char *p, size_t n)
{
    int     skip;
    size_t  i, start, groups;

    i = 0;
    skip = 0;
    groups = 0;

    if (n >= 2 && p[0] == ':' && p[1] == ':') {
        skip = 1;
        i = 2;
    }

    while (i < n) {
        start = i;

        while (i < n && i - start < 5 && wh_url_is_hex(p[i])) {
            i++;
        }

        if (i < n && p[i] == '.') {
            groups += 2;

            if (!wh_url_ipv4(p + start, n - start)) {
                return 0;
            }

            i = n;
            break;
        }

        if (i == start || i - start > 4) {
            return 0;
        }

        groups++;

        if (groups > 8) {
            return 0;
        }

        if (i == n) {
            break;
        }

        if (p[i] != ':') {
            return 0;
        }

        i++;

        if (i == n) {
            return 0;
        }

        if (p[i] == ':') {
            if (skip) {
                return 0;
            }

            skip = 1;
            i++;
        }
    }

    return skip ? groups <= 7 : groups == 8;
}


static int
wh_url_is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')
           || (c >= 'A' && c <= 'F');
}


int
wh_url_has_dots(wh_str_t target)
{
    int     c;
    size_t  i, dots, others;

    dots = 0;
    others = 0;

    for (i = 0; i < target.len && target.data[i] != '?'; /* void */ ) {

        c = wh_url_octet(target, &i);

        if (c == '/' || c == '\\') {

            if (others == 0 && (dots == 1 || dots == 2)) {
                return 1;
            }

            dots = 0;
            others = 0;

        } else if (c == '.') {
            dots++;

        } else {
            others++;
        }
    }

    return others == 0 && (dots == 1 || dots == 2);
}


/* the octet at *i, decoded; *i is moved behind it */

static int
wh_url_octet(wh_str_t s, size_t *i)
{
    const char  *p;

    p = s.data + *i;

    if (*p == '%' && s.len - *i >= 3
        && wh_url_is_hex(p[1]) && wh_url_is_hex(p[2]))
    {
        *i += 3;
        return wh_url_hex(p[1]) << 4 | wh_url_hex(p[2]);
    }

    *i += 1;

    return (unsigned char) *p;
}


static int
wh_url_hex(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}
