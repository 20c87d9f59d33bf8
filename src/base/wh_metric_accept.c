
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Accept, as of RFC 9110, section 12.5.1, as far as it is about metrics.
 */


#include "wh_metric.h"


typedef struct {
    const char  *p;
    const char  *last;
} wh_metric_text_t;


/* what has a weight, 0 to 1000; -1: it is not named */

typedef struct {
    int          openmetrics;
    int          plain;          /* text/plain */
    int          text;           /* any text */
    int          any;
} wh_metric_weights_t;


static void wh_metric_range(wh_metric_text_t *t, wh_metric_weights_t *w);
static int wh_metric_weight(wh_str_t value);
static wh_str_t wh_metric_token(wh_metric_text_t *t);
static wh_str_t wh_metric_value(wh_metric_text_t *t);
static void wh_metric_space(wh_metric_text_t *t);
static int wh_metric_is(wh_str_t token, const char *s);


int
wh_metric_accept(wh_str_t accept)
{
    int                  plain;
    wh_metric_text_t     t;
    wh_metric_weights_t  w;

    w.openmetrics = -1;
    w.plain = -1;
    w.text = -1;
    w.any = -1;

    t.p = accept.data;
    t.last = accept.data + accept.len;

    while (t.p < t.last) {

        wh_metric_range(&t, &w);

        /* whatever it could not read belongs to this range */

        while (t.p < t.last && *t.p != ',') {
            t.p++;
        }

        if (t.p < t.last) {
            t.p++;
        }
    }

    plain = w.plain != -1 ? w.plain : w.text != -1 ? w.text : w.any;

    return w.openmetrics > 0 && w.openmetrics >= plain;
}


static void
wh_metric_range(wh_metric_text_t *t, wh_metric_weights_t *w)
{
    int        weight, version;
    int       *which;
    wh_str_t   type, subtype, name, value;

    wh_metric_space(t);
    type = wh_metric_token(t);

    if (t->p == t->last || *t->p != '/') {
        return;
    }

    t->p++;
    subtype = wh_metric_token(t);

    weight = 1000;
    version = 1;

    if (wh_metric_is(type, "application")
        && wh_metric_is(subtype, "openmetrics-text"))
    {
        which = &w->openmetrics;

    } else if (wh_metric_is(type, "text") && wh_metric_is(subtype, "plain")) {
        which = &w->plain;

    } else if (wh_metric_is(type, "text") && wh_metric_is(subtype, "*")) {
        which = &w->text;

    } else if (wh_metric_is(type, "*") && wh_metric_is(subtype, "*")) {
        which = &w->any;

    } else {
        return;
    }

    for ( ;; ) {

        wh_metric_space(t);

        if (t->p == t->last || *t->p != ';') {
            break;
        }

        t->p++;

        wh_metric_space(t);
        name = wh_metric_token(t);

        if (t->p == t->last || *t->p != '=') {
            continue;
        }

        t->p++;
        value = wh_metric_value(t);

        if (wh_metric_is(name, "q")) {
            weight = wh_metric_weight(value);

        } else if (wh_metric_is(name, "version")) {
            version = (which == &w->openmetrics) ? wh_metric_is(value, "1.0.0")
                    : (which == &w->plain) ? wh_metric_is(value, "0.0.4")
                                           : 1;
        }
    }

    if (version && weight > *which) {
        *which = weight;
    }
}


/* a wrong one is no wish */

static int
wh_metric_weight(wh_str_t value)
{
    int     weight, place;
    size_t  i;

    if (value.len == 0 || value.len > 5
        || (value.data[0] != '0' && value.data[0] != '1')
        || (value.len > 1 && value.data[1] != '.'))
    {
        return 0;
    }

    weight = (value.data[0] - '0') * 1000;
    place = 100;

    for (i = 2; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }

        weight += (value.data[i] - '0') * place;
        place /= 10;
    }

    return weight > 1000 ? 0 : weight;
}


static wh_str_t
wh_metric_token(wh_metric_text_t *t)
{
    wh_str_t  token;

    token.data = t->p;

    while (t->p < t->last && *t->p > ' ' && *t->p != ',' && *t->p != ';'
           && *t->p != '=' && *t->p != '/' && *t->p != '"')
    {
        t->p++;
    }

    token.len = (size_t) (t->p - token.data);

    return token;
}


/* a token, or a string; what is escaped in that is none of ours */

static wh_str_t
wh_metric_value(wh_metric_text_t *t)
{
    wh_str_t  value;

    if (t->p == t->last || *t->p != '"') {
        return wh_metric_token(t);
    }

    value.data = ++t->p;

    while (t->p < t->last && *t->p != '"') {
        t->p += (*t->p == '\\' && t->last - t->p > 1) ? 2 : 1;
    }

    value.len = (size_t) (t->p - value.data);

    if (t->p < t->last) {
        t->p++;
    }

    return value;
}


static void
wh_metric_space(wh_metric_text_t *t)
{
    while (t->p < t->last && (*t->p == ' ' || *t->p == '\t')) {
        t->p++;
    }
}


static int
wh_metric_is(wh_str_t token, const char *s)
{
    char    c;
    size_t  i;

    for (i = 0; i < token.len; i++) {
        c = token.data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char) (c | 0x20);
        }

        if (s[i] == '\0' || c != s[i]) {
            return 0;
        }
    }

    return s[i] == '\0';
}
