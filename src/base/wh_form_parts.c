
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * multipart/form-data (RFC 7578).
 */


#include "wh_form_local.h"


static size_t wh_form_data(wh_form_t *f, const char *p, size_t n);
static void wh_form_no_delimiter(wh_form_t *f);
static size_t wh_form_delimiter(wh_form_t *f, char c);
static size_t wh_form_header(wh_form_t *f, const char *p, size_t n);
static void wh_form_part(wh_form_t *f);
static void wh_form_part_name(wh_form_t *f, wh_str_t name);


void
wh_form_parts(wh_form_t *f, const char *p, size_t n)
{
    size_t  i;

    i = 0;

    while (i < n && f->rc == WH_OK) {

        switch (f->phase) {

        case WH_FORM_DATA:
            i += wh_form_data(f, p + i, n - i);
            break;

        case WH_FORM_HEADER:
            i += wh_form_header(f, p + i, n - i);
            break;

        case WH_FORM_DONE:
            return;

        default:
            i += wh_form_delimiter(f, p[i]);
        }
    }
}


/*
 * Takes data up to a boundary, or the start of one.  CR is nowhere in a
 * delimiter but at its start: where one does not go on, the next may start
 * only at the octet that is wrong.
 */

static size_t
wh_form_data(wh_form_t *f, const char *p, size_t n)
{
    size_t       i, len;
    const char  *cr;

    if (f->matched) {
        len = f->delim_len - f->matched;
        len = len < n ? len : n;

        for (i = 0; i < len && p[i] == f->delim[f->matched]; i++) {
            f->matched++;
        }

        if (f->matched == f->delim_len) {
            f->phase = WH_FORM_BOUNDARY;

        } else if (i < len) {
            wh_form_no_delimiter(f);
        }

        return i;
    }

    for (i = 0; i < n; i++) {
        cr = memchr(p + i, '\r', n - i);
        if (cr == NULL) {
            break;
        }

        i = (size_t) (cr - p);

        len = n - i < f->delim_len ? n - i : f->delim_len;

        if (memcmp(cr, f->delim, len) != 0) {
            continue;
        }

        wh_form_put(f, p, i);

        f->matched = len;

        if (len == f->delim_len) {
            f->phase = WH_FORM_BOUNDARY;
        }

        return i + len;
    }

    wh_form_put(f, p, n);

    return n;
}


/* what looked like a delimiter is data */

static void
wh_form_no_delimiter(wh_form_t *f)
{
    wh_form_put(f, f->delim + f->given, f->matched - f->given);

    f->phase = WH_FORM_DATA;
    f->matched = 0;
    f->given = 0;
}


/* the octets behind a boundary; 0 if c is to be looked at again, as data */

static size_t
wh_form_delimiter(wh_form_t *f, char c)
{
    switch (f->phase) {

    case WH_FORM_BOUNDARY:

        if (c == '\r') {
            f->phase = WH_FORM_CR;
            return 1;
        }

        if (c == '-') {
            f->phase = WH_FORM_DASH;
            return 1;
        }

        if (c == ' ' || c == '\t') {
            f->phase = WH_FORM_PADDING;
            return 1;
        }

        wh_form_no_delimiter(f);
        return 0;

    case WH_FORM_DASH:

        if (c != '-') {
            wh_form_no_delimiter(f);
            wh_form_put(f, "-", 1);
            return 0;
        }

        if (f->slot) {
            wh_form_set(f);
        }

        f->phase = WH_FORM_DONE;
        return 1;

    case WH_FORM_CR:

        if (c != '\n') {
            wh_form_no_delimiter(f);
            f->matched = 1;
            return 0;
        }

        break;

    case WH_FORM_PADDING:

        if (c == '\r') {
            f->phase = WH_FORM_PADDED_CR;

        } else if (c != ' ' && c != '\t') {
            f->rc = WH_ERROR;
        }

        return 1;

    default: /* WH_FORM_PADDED_CR */

        if (c != '\n') {
            f->rc = WH_ERROR;
            return 1;
        }
    }

    if (f->slot) {
        wh_form_set(f);
    }

    f->header.len = 0;
    f->line = 0;

    f->phase = WH_FORM_HEADER;

    return 1;
}


static size_t
wh_form_header(wh_form_t *f, const char *p, size_t n)
{
    int          rc;
    size_t       len;
    wh_buf_t    *b;
    const char  *lf, *line;

    lf = memchr(p, '\n', n);

    if (lf) {
        n = (size_t) (lf - p) + 1;
    }

    b = &f->header;

    rc = wh_buf_put(b, p, n);

    if (rc != WH_OK) {
        f->rc = rc;
        return n;
    }

    if (lf == NULL || b->len < 2 || b->data[b->len - 2] != '\r') {
        return n;
    }

    line = b->data + f->line;
    len = b->len - f->line;

    f->line = b->len;

    if (len == 2) {
        wh_form_part(f);

        /* the empty line may be the CRLF of the delimiter */

        f->phase = WH_FORM_DATA;
        f->matched = 2;
        f->given = 2;

        return n;
    }

    /* else the next part's headers would pass as this one's */

    if (len > f->delim_len - 2
        && memcmp(line, f->delim + 2, f->delim_len - 2) == 0)
    {
        f->rc = WH_ERROR;
    }

    return n;
}


/* all headers of a part are there */

static void
wh_form_part(wh_form_t *f)
{
    size_t       i, start;
    wh_str_t     in, name, value;
    const char  *p;

    p = f->header.data;

    for (start = 0; start < f->header.len; start = i) {

        /* a field goes on in lines that start with white space */

        for (i = start + 2; i < f->header.len; i++) {
            if (p[i - 2] == '\r' && p[i - 1] == '\n'
                && p[i] != ' ' && p[i] != '\t')
            {
                break;
            }
        }

        in.data = p + start;
        in.len = i - start;

        name.data = in.data;
        name.len = sizeof("content-disposition:") - 1;

        if (in.len < name.len || !wh_form_is(name, "content-disposition:")) {
            continue;
        }

        wh_form_skip(&in, name.len);

        if (!wh_form_is(wh_form_first(&in), "form-data")) {
            return;
        }

        while (wh_form_parameter(&in, &name, &value) == WH_OK) {

            if (wh_form_is(name, "name")) {
                wh_form_part_name(f, value);
                return;
            }
        }

        return;
    }
}


static void
wh_form_part_name(wh_form_t *f, wh_str_t name)
{
    char    c;
    size_t  i, n;

    f->name_len = 0;

    for (i = 0; i < name.len; i += n) {
        c = name.data[i];
        n = 1;

        if (c == '\\' && name.len - i > 1
            && (name.data[i + 1] == '"' || name.data[i + 1] == '\\'))
        {
            c = name.data[i + 1];
            n = 2;

        } else if (c == '%' && name.len - i > 2) {

            if (memcmp(&name.data[i], "%22", 3) == 0) {
                c = '"';
                n = 3;

            } else if (memcmp(&name.data[i], "%0D", 3) == 0) {
                c = '\r';
                n = 3;

            } else if (memcmp(&name.data[i], "%0A", 3) == 0) {
                c = '\n';
                n = 3;
            }
        }

        if (!wh_form_name_add(f, &c, 1)) {
            return;
        }
    }

    f->slot = wh_form_wanted(f);
}
