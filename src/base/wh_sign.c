
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_sign.h"


static int wh_sign_value(wh_buf_t *b, int part, const wh_sign_request_t *r);
static wh_str_t wh_sign_method(const wh_sign_request_t *r);
static wh_str_t wh_sign_target(const wh_sign_request_t *r);
static wh_str_t wh_sign_host(const wh_sign_request_t *r);
static int wh_sign_line(wh_str_t head, size_t *pos, wh_str_t *line);
static int wh_sign_field(const wh_sign_request_t *r, wh_str_t name,
    size_t *pos, wh_str_t *value);
static int wh_sign_fields(wh_buf_t *b, wh_str_t name,
    const wh_sign_request_t *r);
static int wh_sign_authority(wh_buf_t *b, const wh_sign_request_t *r);
static int wh_sign_derived(wh_str_t name);
static void wh_sign_number(wh_buf_t *params, const char *name, size_t len,
    uint64_t value);
static void wh_sign_string(wh_buf_t *params, const char *name, size_t len,
    wh_str_t value);
static int wh_sign_equal(wh_str_t a, wh_str_t b);
static char wh_sign_lower(char c);


#define wh_sign_text(s)  { sizeof(s) - 1, s }


/* in the order of WH_SIGN_... */

static const wh_str_t  wh_sign_placeholders[] = {
    { 0, "" },
    wh_sign_text("body"),
    wh_sign_text("timestamp"),
    wh_sign_text("timestamp_ms"),
    wh_sign_text("id"),
    wh_sign_text("event"),
    wh_sign_text("method"),
    wh_sign_text("target"),
    wh_sign_text("host"),
    wh_sign_text("url")
};

#define WH_SIGN_PLACEHOLDERS                                                  \
    (int) (sizeof(wh_sign_placeholders) / sizeof(wh_str_t))


#define WH_SIGN_AT_METHOD     0
#define WH_SIGN_AT_URI        1
#define WH_SIGN_AT_AUTHORITY  2
#define WH_SIGN_AT_SCHEME     3
#define WH_SIGN_AT_TARGET     4
#define WH_SIGN_AT_PATH       5
#define WH_SIGN_AT_QUERY      6
#define WH_SIGN_AT_UNKNOWN    7

static const wh_str_t  wh_sign_components[] = {
    wh_sign_text("@method"),
    wh_sign_text("@target-uri"),
    wh_sign_text("@authority"),
    wh_sign_text("@scheme"),
    wh_sign_text("@request-target"),
    wh_sign_text("@path"),
    wh_sign_text("@query")
};


int
wh_sign_next(wh_str_t text, size_t *pos, wh_str_t *value)
{
    int          i;
    char         c;
    size_t       n, left, braces;
    wh_str_t     name;
    const char  *p;

    left = text.len - *pos;

    if (left == 0) {
        return WH_AGAIN;
    }

    p = text.data + *pos;

    value->data = p;

    if (*p != '$') {

        for (n = 1; n < left && p[n] != '$'; n++) { /* void */ }

        value->len = n;
        *pos += n;

        return WH_SIGN_TEXT;
    }

    if (left > 1 && p[1] == '$') {
        value->len = 1;
        *pos += 2;

        return WH_SIGN_TEXT;
    }

    braces = left > 1 && p[1] == '{';

    name.data = p + 1 + braces;

    for (n = 1 + braces; n < left; n++) {
        c = p[n];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '_')
        {
            break;
        }
    }

    name.len = n - 1 - braces;
    value->len = n;

    if (braces) {

        if (n == left || p[n] != '}') {
            return WH_ERROR;
        }

        value->len = ++n;
    }

    for (i = 1; i < WH_SIGN_PLACEHOLDERS; i++) {

        if (name.len == wh_sign_placeholders[i].len
            && memcmp(name.data, wh_sign_placeholders[i].data, name.len) == 0)
        {
            *pos += n;
            return i;
        }
    }

    return WH_ERROR;
}


int
wh_sign_put(wh_buf_t *b, wh_str_t text, const wh_sign_request_t *r)
{
    int       part;
    size_t    pos;
    wh_str_t  value;

    pos = 0;

    for ( ;; ) {
        part = wh_sign_next(text, &pos, &value);

        if (part == WH_AGAIN) {
            return b->err;
        }

        if (part == WH_ERROR) {
            return WH_ERROR;
        }

        if (part == WH_SIGN_TEXT) {
            (void) wh_buf_put(b, value.data, value.len);

        } else {
            (void) wh_sign_value(b, part, r);
        }
    }
}


static int
wh_sign_value(wh_buf_t *b, int part, const wh_sign_request_t *r)
{
    wh_str_t  s;

    switch (part) {

    case WH_SIGN_TIMESTAMP:
        return wh_buf_put_number(b, r->time / 1000);

    case WH_SIGN_TIMESTAMP_MS:
        return wh_buf_put_number(b, r->time);

    case WH_SIGN_BODY:
        s = r->body;
        break;

    case WH_SIGN_ID:
        s = r->id;
        break;

    case WH_SIGN_EVENT:
        s = r->event;
        break;

    case WH_SIGN_METHOD:
        s = wh_sign_method(r);
        break;

    case WH_SIGN_HOST:
        s = wh_sign_host(r);
        break;

    case WH_SIGN_URL:
        s = wh_sign_host(r);

        if (r->https) {
            (void) wh_buf_put_literal(b, "https://");

        } else {
            (void) wh_buf_put_literal(b, "http://");
        }

        (void) wh_buf_put(b, s.data, s.len);

        /* fall through */

    default: /* WH_SIGN_TARGET */
        s = wh_sign_target(r);
    }

    return wh_buf_put(b, s.data, s.len);
}


/* the first word of the request line */

static wh_str_t
wh_sign_method(const wh_sign_request_t *r)
{
    size_t       pos;
    wh_str_t     line;
    const char  *p;

    pos = 0;

    (void) wh_sign_line(r->head, &pos, &line);

    p = line.len ? memchr(line.data, ' ', line.len) : NULL;

    if (p) {
        line.len = (size_t) (p - line.data);
    }

    return line;
}


/* the second one */

static wh_str_t
wh_sign_target(const wh_sign_request_t *r)
{
    size_t       pos;
    wh_str_t     line, method;
    const char  *p;

    pos = 0;

    (void) wh_sign_line(r->head, &pos, &line);

    method = wh_sign_method(r);

    if (method.len == line.len) {
        line.len = 0;
        return line;
    }

    line.data += method.len + 1;
    line.len -= method.len + 1;

    p = line.len ? memchr(line.data, ' ', line.len) : NULL;

    if (p) {
        line.len = (size_t) (p - line.data);
    }

    return line;
}


static wh_str_t
wh_sign_host(const wh_sign_request_t *r)
{
    size_t                 pos;
    wh_str_t               host;
    static const wh_str_t  name = wh_sign_text("host");

    pos = 0;

    if (wh_sign_field(r, name, &pos, &host) != WH_OK) {
        host.len = 0;
        host.data = "";
    }

    return host;
}


/* the line at *pos without its end; WH_AGAIN: there are no more */

static int
wh_sign_line(wh_str_t head, size_t *pos, wh_str_t *line)
{
    size_t       left;
    const char  *p;

    left = head.len - *pos;

    line->len = 0;
    line->data = "";

    if (left == 0) {
        return WH_AGAIN;
    }

    line->data = head.data + *pos;

    p = memchr(line->data, '\n', left);

    line->len = p ? (size_t) (p - line->data) : left;
    *pos += p ? line->len + 1 : left;

    if (line->len && line->data[line->len - 1] == '\r') {
        line->len--;
    }

    return WH_OK;
}


/* the next header of that name, from *pos on; 0: from the first one */

static int
wh_sign_field(const wh_sign_request_t *r, wh_str_t name, size_t *pos,
    wh_str_t *value)
{
    size_t       n;
    wh_str_t     line, field;
    const char  *p;

    if (*pos == 0) {
        (void) wh_sign_line(r->head, pos, &line);
    }

    while (wh_sign_line(r->head, pos, &line) == WH_OK) {

        p = line.len ? memchr(line.data, ':', line.len) : NULL;

        if (p == NULL) {
            continue;
        }

        n = (size_t) (p - line.data);

        field.data = line.data;
        field.len = n;

        if (!wh_sign_equal(field, name)) {
            continue;
        }

        value->data = p + 1;
        value->len = line.len - n - 1;

        while (value->len && (value->data[0] == ' ' || value->data[0] == '\t'))
        {
            value->data++;
            value->len--;
        }

        while (value->len && (value->data[value->len - 1] == ' '
                              || value->data[value->len - 1] == '\t'))
        {
            value->len--;
        }

        return WH_OK;
    }

    return WH_LOST;
}


int
wh_sign_component_ok(wh_str_t name)
{
    char    c;
    size_t  i;

    if (name.len == 0) {
        return 0;
    }

    if (name.data[0] == '@') {
        return wh_sign_derived(name) != WH_SIGN_AT_UNKNOWN;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9')
            && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
        {
            return 0;
        }
    }

    return 1;
}


int
wh_sign_component(wh_buf_t *b, wh_str_t name, const wh_sign_request_t *r)
{
    size_t       n;
    wh_str_t     target;
    const char  *p;

    if (name.len == 0 || name.data[0] != '@') {
        return wh_sign_fields(b, name, r);
    }

    target = wh_sign_target(r);

    p = target.len ? memchr(target.data, '?', target.len) : NULL;
    n = p ? (size_t) (p - target.data) : target.len;

    switch (wh_sign_derived(name)) {

    case WH_SIGN_AT_METHOD:
        target = wh_sign_method(r);
        break;

    case WH_SIGN_AT_URI:
        (void) wh_buf_put(b, "https", r->https ? 5 : 4);
        (void) wh_buf_put_literal(b, "://");
        (void) wh_sign_authority(b, r);
        break;

    case WH_SIGN_AT_AUTHORITY:
        return wh_sign_authority(b, r);

    case WH_SIGN_AT_SCHEME:
        return wh_buf_put(b, "https", r->https ? 5 : 4);

    case WH_SIGN_AT_TARGET:
        break;

    case WH_SIGN_AT_PATH:

        if (n == 0) {
            return wh_buf_putc(b, '/');
        }

        target.len = n;
        break;

    case WH_SIGN_AT_QUERY:

        if (p == NULL) {
            return wh_buf_putc(b, '?');
        }

        target.data = p;
        target.len -= n;
        break;

    default:
        return WH_LOST;
    }

    return wh_buf_put(b, target.data, target.len);
}


static int
wh_sign_fields(wh_buf_t *b, wh_str_t name, const wh_sign_request_t *r)
{
    size_t    pos, n;
    wh_str_t  value;

    pos = 0;

    for (n = 0; wh_sign_field(r, name, &pos, &value) == WH_OK; n++) {

        if (n) {
            (void) wh_buf_put_literal(b, ", ");
        }

        (void) wh_buf_put(b, value.data, value.len);
    }

    return n ? b->err : WH_LOST;
}


/* in lower case, without the port that the scheme implies */

static int
wh_sign_authority(wh_buf_t *b, const wh_sign_request_t *r)
{
    char         *p;
    size_t        i, len;
    wh_str_t      host;
    const char   *port;

    host = wh_sign_host(r);

    port = r->https ? ":443" : ":80";
    len = strlen(port);

    if (host.len > len
        && memcmp(host.data + host.len - len, port, len) == 0)
    {
        host.len -= len;
    }

    if (host.len == 0) {
        return b->err;
    }

    p = wh_buf_need(b, host.len);
    if (p == NULL) {
        return b->err;
    }

    for (i = 0; i < host.len; i++) {
        p[i] = wh_sign_lower(host.data[i]);
    }

    b->len += host.len;

    return WH_OK;
}


static int
wh_sign_derived(wh_str_t name)
{
    int  i;

    for (i = 0; i < WH_SIGN_AT_UNKNOWN; i++) {

        if (name.len == wh_sign_components[i].len
            && memcmp(name.data, wh_sign_components[i].data, name.len) == 0)
        {
            break;
        }
    }

    return i;
}


#define wh_sign_param_number(b, s, value)                                     \
    wh_sign_number(b, s, sizeof(s) - 1, value)

#define wh_sign_param_string(b, s, value)                                     \
    wh_sign_string(b, s, sizeof(s) - 1, value)


int
wh_sign_base(wh_buf_t *base, wh_buf_t *params, const wh_sign_http_t *h,
    const wh_sign_request_t *r)
{
    size_t           i, start, first;
    const wh_str_t  *name;

    start = params->len;

    (void) wh_buf_putc(params, '(');

    first = params->len;

    for (i = 0; i < h->ncomponents; i++) {
        name = &h->components[i];

        (void) wh_buf_putc(base, '"');
        (void) wh_buf_put(base, name->data, name->len);
        (void) wh_buf_put_literal(base, "\": ");

        if (wh_sign_component(base, *name, r) == WH_LOST) {

            if (base->err == WH_OK) {
                base->len -= name->len + 4;
            }

            continue;
        }

        (void) wh_buf_putc(base, '\n');

        if (params->len > first) {
            (void) wh_buf_putc(params, ' ');
        }

        (void) wh_buf_putc(params, '"');
        (void) wh_buf_put(params, name->data, name->len);
        (void) wh_buf_putc(params, '"');
    }

    (void) wh_buf_putc(params, ')');

    wh_sign_param_number(params, ";created=", h->created);

    if (h->expires) {
        wh_sign_param_number(params, ";expires=", h->expires);
    }

    wh_sign_param_string(params, ";nonce=", h->nonce);
    wh_sign_param_string(params, ";keyid=", h->keyid);
    wh_sign_param_string(params, ";alg=", h->alg);
    wh_sign_param_string(params, ";tag=", h->tag);

    (void) wh_buf_put_literal(base, "\"@signature-params\": ");

    if (params->err) {
        return params->err;
    }

    return wh_buf_put(base, params->data + start, params->len - start);
}


static void
wh_sign_number(wh_buf_t *params, const char *name, size_t len, uint64_t value)
{
    (void) wh_buf_put(params, name, len);
    (void) wh_buf_put_number(params, value);
}


static void
wh_sign_string(wh_buf_t *params, const char *name, size_t len, wh_str_t value)
{
    size_t  i;

    if (value.data == NULL) {
        return;
    }

    (void) wh_buf_put(params, name, len);
    (void) wh_buf_putc(params, '"');

    for (i = 0; i < value.len; i++) {

        if (value.data[i] == '"' || value.data[i] == '\\') {
            (void) wh_buf_putc(params, '\\');
        }

        (void) wh_buf_putc(params, value.data[i]);
    }

    (void) wh_buf_putc(params, '"');
}


int
wh_sign_label_ok(wh_str_t label)
{
    char    c;
    size_t  i;

    for (i = 0; i < label.len; i++) {
        c = label.data[i];

        if ((c >= 'a' && c <= 'z') || c == '*') {
            continue;
        }

        if (i && ((c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
        {
            continue;
        }

        return 0;
    }

    return label.len != 0;
}


int
wh_sign_string_ok(wh_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {

        if (s.data[i] < 0x20 || s.data[i] >= 0x7f) {
            return 0;
        }
    }

    return 1;
}


static int
wh_sign_equal(wh_str_t a, wh_str_t b)
{
    size_t  i;

    if (a.len != b.len) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {

        if (wh_sign_lower(a.data[i]) != wh_sign_lower(b.data[i])) {
            return 0;
        }
    }

    return 1;
}


static char
wh_sign_lower(char c)
{
    return (char) (c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}
