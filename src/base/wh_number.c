
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_number.h"


/* far beyond the length of any text, and ten times it is an int64_t still */
#define WH_NUMBER_FAR  (INT64_MAX / 16)


/*
 * The number is sign * 0.DIGITS * 10^(shift + exponent), where DIGITS begin
 * with another digit than 0.
 */

typedef struct {
    int          sign;         /* -1, 0 or 1 */
    const char  *p;            /* the first of DIGITS, "." may be in between */
    const char  *end;
    int64_t      shift;
    int          exp_sign;     /* -1 or 1 */
    const char  *exp;          /* digits */
    size_t       exp_len;
} wh_number_t;


static void wh_number_parse(wh_str_t s, wh_number_t *n);
static int64_t wh_number_exponents(const wh_number_t *a, const wh_number_t *b);
static int wh_number_digits(const wh_number_t *a, const wh_number_t *b);
static char wh_number_digit(const char **p, const char *end);


int
wh_number_compare(wh_str_t a, wh_str_t b)
{
    int64_t      diff;
    wh_number_t  na, nb;

    wh_number_parse(a, &na);
    wh_number_parse(b, &nb);

    if (na.sign != nb.sign) {
        return na.sign < nb.sign ? -1 : 1;
    }

    if (na.sign == 0) {
        return 0;
    }

    diff = wh_number_exponents(&na, &nb) + (na.shift - nb.shift);

    if (diff != 0) {
        return diff < 0 ? -na.sign : na.sign;
    }

    return na.sign * wh_number_digits(&na, &nb);
}


static void
wh_number_parse(wh_str_t s, wh_number_t *n)
{
    const char  *p, *last, *point;

    p = s.data;
    last = s.data + s.len;

    n->sign = 1;

    if (*p == '-') {
        n->sign = -1;
        p++;
    }

    point = NULL;
    n->p = NULL;

    for ( /* void */ ; p < last && *p != 'e' && *p != 'E'; p++) {

        if (*p == '.') {
            point = p;

        } else if (n->p == NULL && *p != '0') {
            n->p = p;
        }
    }

    if (n->p == NULL) {
        n->sign = 0;
        return;
    }

    n->end = p;

    if (point == NULL) {
        n->shift = n->end - n->p;

    } else if (point > n->p) {
        n->shift = point - n->p;

    } else {
        n->shift = point + 1 - n->p;
    }

    n->exp_sign = 1;

    if (p < last) {
        p++;

        if (*p == '-' || *p == '+') {
            n->exp_sign = (*p == '-') ? -1 : 1;
            p++;
        }
    }

    n->exp = p;
    n->exp_len = (size_t) (last - p);
}


/*
 * The difference of two exponents, digit by digit from the highest one on.
 * The lower digits of WH_NUMBER_FAR or more cannot bring it back.
 */

static int64_t
wh_number_exponents(const wh_number_t *a, const wh_number_t *b)
{
    size_t   i, n;
    int64_t  diff;

    n = a->exp_len > b->exp_len ? a->exp_len : b->exp_len;
    diff = 0;

    for (i = n; i > 0; i--) {
        diff *= 10;

        if (i <= a->exp_len) {
            diff += a->exp_sign * (a->exp[a->exp_len - i] - '0');
        }

        if (i <= b->exp_len) {
            diff -= b->exp_sign * (b->exp[b->exp_len - i] - '0');
        }

        if (diff > WH_NUMBER_FAR || diff < -WH_NUMBER_FAR) {
            break;
        }
    }

    return diff;
}


static int
wh_number_digits(const wh_number_t *a, const wh_number_t *b)
{
    char         ca, cb;
    const char  *pa, *pb;

    pa = a->p;
    pb = b->p;

    while (pa < a->end || pb < b->end) {
        ca = wh_number_digit(&pa, a->end);
        cb = wh_number_digit(&pb, b->end);

        if (ca != cb) {
            return ca < cb ? -1 : 1;
        }
    }

    return 0;
}


/* behind the last digit there are zeros */

static char
wh_number_digit(const char **p, const char *end)
{
    if (*p < end && **p == '.') {
        (*p)++;
    }

    return *p < end ? *(*p)++ : '0';
}
