
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Header fields with parameters: Content-Type, Content-Disposition.
 */


#include "wh_form_local.h"


static void wh_form_space(wh_str_t *in);
static wh_str_t wh_form_token(wh_str_t *in, int assign);
static int wh_form_is_space(char c);


int
wh_form_type(wh_str_t content_type, int *kind, wh_str_t *boundary)
{
    wh_str_t  type, name, value;

    *kind = WH_FORM_OTHER;

    boundary->data = "";
    boundary->len = 0;

    type = wh_form_first(&content_type);

    if (wh_form_is(type, "application/x-www-form-urlencoded")) {
        *kind = WH_FORM_URLENCODED;
        return WH_OK;
    }

    if (!wh_form_is(type, "multipart/form-data")) {
        return WH_OK;
    }

    *kind = WH_FORM_MULTIPART;

    while (wh_form_parameter(&content_type, &name, &value) == WH_OK) {

        if (!wh_form_is(name, "boundary")) {
            continue;
        }

        if (!wh_form_boundary_ok(value)) {
            return WH_ERROR;
        }

        *boundary = value;

        return WH_OK;
    }

    return WH_ERROR;
}


int
wh_form_boundary_ok(wh_str_t boundary)
{
    char    c;
    size_t  i;

    if (boundary.len == 0 || boundary.len > WH_FORM_MAX_BOUNDARY
        || boundary.data[boundary.len - 1] == ' ')
    {
        return 0;
    }

    for (i = 0; i < boundary.len; i++) {
        c = boundary.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != '\0' && strchr("'()+_,-./:=? ", c)))
        {
            continue;
        }

        return 0;
    }

    return 1;
}


wh_str_t
wh_form_first(wh_str_t *in)
{
    wh_str_t  first;

    wh_form_space(in);

    first = wh_form_token(in, 0);

    wh_form_space(in);

    if (in->len && in->data[0] != ';') {
        first.len = 0;
    }

    return first;
}


int
wh_form_parameter(wh_str_t *in, wh_str_t *name, wh_str_t *value)
{
    size_t       i;
    const char  *p;

    for ( ;; ) {
        p = in->len ? memchr(in->data, ';', in->len) : NULL;
        if (p == NULL) {
            return WH_AGAIN;
        }

        wh_form_skip(in, (size_t) (p - in->data) + 1);
        wh_form_space(in);

        *name = wh_form_token(in, 1);

        wh_form_space(in);

        if (in->len && in->data[0] == '=') {
            break;
        }
    }

    wh_form_skip(in, 1);
    wh_form_space(in);

    if (in->len == 0 || in->data[0] != '"') {
        *value = wh_form_token(in, 0);
        return WH_OK;
    }

    wh_form_skip(in, 1);

    p = in->data;

    for (i = 0; i < in->len && p[i] != '"'; i++) {
        if (p[i] == '\\' && in->len - i > 1
            && (p[i + 1] == '"' || p[i + 1] == '\\'))
        {
            i++;
        }
    }

    if (i == in->len) {
        return WH_AGAIN;
    }

    value->data = p;
    value->len = i;

    wh_form_skip(in, i + 1);

    return WH_OK;
}


/* line ends as well, which are in a folded header */

static void
wh_form_space(wh_str_t *in)
{
    while (in->len && wh_form_is_space(in->data[0])) {
        wh_form_skip(in, 1);
    }
}


static wh_str_t
wh_form_token(wh_str_t *in, int assign)
{
    size_t    i;
    wh_str_t  token;

    token = *in;

    for (i = 0; i < in->len; i++) {
        if (in->data[i] == ';' || wh_form_is_space(in->data[i])
            || (assign && in->data[i] == '='))
        {
            break;
        }
    }

    token.len = i;

    wh_form_skip(in, i);

    return token;
}


void
wh_form_skip(wh_str_t *in, size_t n)
{
    if (n) {
        in->data += n;
        in->len -= n;
    }
}


int
wh_form_is(wh_str_t s, const char *lower)
{
    char    c;
    size_t  i;

    if (s.len != strlen(lower)) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char) (c - 'A' + 'a');
        }

        if (c != lower[i]) {
            return 0;
        }
    }

    return 1;
}


static int
wh_form_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
