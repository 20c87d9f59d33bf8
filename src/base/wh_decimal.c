
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_decimal.h"


/*
 * The digits of the number without its point, of which "before" are before the
 * point: less than none, or more than there are, if there was an exponent.
 */

typedef struct {
    const char  *p;
    size_t       n;
    const char  *fraction;   /* where the point was left out */
    int64_t      before;
    int          negative;
} wh_decimal_digits_t;


static int wh_decimal_parse(wh_str_t s, wh_decimal_digits_t *n);
static int wh_decimal_exponent(const char *p, const char *last, int64_t *e);
static int wh_decimal_digit(const wh_decimal_digits_t *n, int64_t i);
static int wh_decimal_ends(const wh_decimal_t *d, int64_t left, int64_t all);
static void wh_decimal_symbol(wh_buf_t *b, const wh_symbol_t *s);


int
wh_decimal_put(wh_buf_t *b, const wh_decimal_t *d, wh_str_t number)
{
    int64_t              i, first, last;
    wh_decimal_digits_t  n;

    if (wh_decimal_parse(number, &n) != WH_OK) {
        return WH_LIMIT;
    }

    if (n.negative) {
        wh_decimal_symbol(b, &d->prefix);
    }

    /* leading zeros are of no use but the last one */

    first = n.before > 0 ? 0 : n.before - 1;

    while (first < n.before - 1 && wh_decimal_digit(&n, first) == 0) {
        first++;
    }

    for (i = first; i < n.before && b->err == WH_OK; i++) {
        wh_decimal_symbol(b, &d->digits[wh_decimal_digit(&n, i)]);

        if (wh_decimal_ends(d, n.before - i - 1, n.before - first)) {
            wh_decimal_symbol(b, &d->group);
        }
    }

    last = (int64_t) n.n;

    if (n.before < last) {
        wh_decimal_symbol(b, &d->point);
    }

    for ( /* void */ ; i < last && b->err == WH_OK; i++) {
        wh_decimal_symbol(b, &d->digits[wh_decimal_digit(&n, i)]);
    }

    if (n.negative) {
        wh_decimal_symbol(b, &d->suffix);
    }

    return b->err;
}


static int
wh_decimal_parse(wh_str_t s, wh_decimal_digits_t *n)
{
    int64_t      e;
    const char  *p, *last;

    p = s.data;
    last = s.data + s.len;

    n->negative = (*p == '-');

    if (n->negative) {
        p++;
    }

    n->p = p;
    n->fraction = NULL;

    while (p < last && *p != 'e' && *p != 'E') {

        if (*p == '.') {
            n->fraction = p;
        }

        p++;
    }

    n->n = (size_t) (p - n->p);
    n->before = (int64_t) n->n;

    if (n->fraction) {
        n->n--;
        n->before = n->fraction - n->p;

    } else {
        n->fraction = p;
    }

    if (p == last) {
        return WH_OK;
    }

    if (wh_decimal_exponent(p + 1, last, &e) != WH_OK) {
        return WH_LIMIT;
    }

    n->before += e;

    if (n->before > (int64_t) n->n + WH_DECIMAL_ZEROS
        || n->before < -WH_DECIMAL_ZEROS)
    {
        return WH_LIMIT;
    }

    return WH_OK;
}


static int
wh_decimal_exponent(const char *p, const char *last, int64_t *e)
{
    int  negative;

    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    for (*e = 0; p < last; p++) {

        *e = *e * 10 + (*p - '0');

        /* no text has so many digits that this would not be too much */

        if (*e > INT64_MAX / 16) {
            return WH_LIMIT;
        }
    }

    if (negative) {
        *e = -*e;
    }

    return WH_OK;
}


/* those that are not there are zeros */

static int
wh_decimal_digit(const wh_decimal_digits_t *n, int64_t i)
{
    const char  *p;

    if (i < 0 || i >= (int64_t) n->n) {
        return 0;
    }

    p = n->p + i;

    return (p < n->fraction ? *p : p[1]) - '0';
}


/* a group, with "left" digits behind it, of "all" before the point */

static int
wh_decimal_ends(const wh_decimal_t *d, int64_t left, int64_t all)
{
    if (d->primary == 0
        || left < (int64_t) d->primary
        || all < (int64_t) d->primary + (int64_t) d->minimum)
    {
        return 0;
    }

    return (left - (int64_t) d->primary) % (int64_t) d->secondary == 0;
}


static void
wh_decimal_symbol(wh_buf_t *b, const wh_symbol_t *s)
{
    (void) wh_buf_put(b, s->data, s->len);
}
