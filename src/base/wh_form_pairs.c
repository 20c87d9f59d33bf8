
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * application/x-www-form-urlencoded.
 */


#include "wh_form_local.h"
#include "wh_word.h"


static void wh_form_pair_octets(wh_form_t *f, const char *p, size_t n);
static void wh_form_pair_escape(wh_form_t *f, char c);
static void wh_form_pair_literal(wh_form_t *f);
static void wh_form_pair_value(wh_form_t *f);
static int wh_form_hex(char c);


void
wh_form_pairs(wh_form_t *f, const char *p, size_t n)
{
    char         c;
    size_t       i, run;
    uint64_t     mask;
    const char  *end;

    i = 0;

    while (i < n && f->rc == WH_OK && f->phase != WH_FORM_DONE) {

        if (f->phase == WH_FORM_SKIP) {
            end = memchr(p + i, '&', n - i);
            if (end == NULL) {
                return;
            }

            i = (size_t) (end - p) + 1;
            wh_form_pair_next(f);
            continue;
        }

        if (f->esc_len) {

            if (wh_form_hex(p[i]) >= 0) {
                wh_form_pair_escape(f, p[i++]);

            } else {
                wh_form_pair_literal(f);
            }

            continue;
        }

        for (run = i; run < n; run += WH_WORD) {
            mask = wh_word_form(wh_word_next(p + run, n - run));

            if (mask) {
                run += wh_word_first(mask);
                break;
            }
        }

        run = run < n ? run : n;

        if (run > i) {
            wh_form_pair_octets(f, p + i, run - i);
            i = run;
            continue;
        }

        c = p[i++];

        if (c == '&') {
            wh_form_pair_end(f);

        } else if (c == '+') {
            wh_form_pair_octets(f, " ", 1);

        } else if (c == '%') {
            f->esc[0] = c;
            f->esc_len = 1;

        } else if (f->phase == WH_FORM_NAME) {
            wh_form_pair_value(f);

        } else {
            wh_form_pair_octets(f, "=", 1);
        }
    }
}


/* decoded octets of a name or a value */

static void
wh_form_pair_octets(wh_form_t *f, const char *p, size_t n)
{
    if (f->phase == WH_FORM_VALUE) {
        wh_form_put(f, p, n);

        if (f->slot == NULL) {
            f->phase = WH_FORM_SKIP;
        }

    } else if (f->phase == WH_FORM_NAME && !wh_form_name_add(f, p, n)) {
        f->phase = WH_FORM_SKIP;
    }
}


static void
wh_form_pair_escape(wh_form_t *f, char c)
{
    char  octet;

    f->esc[f->esc_len++] = c;

    if (f->esc_len < 3) {
        return;
    }

    octet = (char) (wh_form_hex(f->esc[1]) << 4 | wh_form_hex(f->esc[2]));

    f->esc_len = 0;

    wh_form_pair_octets(f, &octet, 1);
}


/* what looked like an escape is none */

static void
wh_form_pair_literal(wh_form_t *f)
{
    size_t  n;

    n = f->esc_len;
    f->esc_len = 0;

    wh_form_pair_octets(f, f->esc, n);
}


static void
wh_form_pair_value(wh_form_t *f)
{
    f->slot = wh_form_wanted(f);
    f->phase = f->slot ? WH_FORM_VALUE : WH_FORM_SKIP;
}


void
wh_form_pair_next(wh_form_t *f)
{
    f->name_len = 0;
    f->phase = f->left ? WH_FORM_NAME : WH_FORM_DONE;
}


/* at "&", or where there is no more */

void
wh_form_pair_end(wh_form_t *f)
{
    wh_form_pair_literal(f);

    /* nothing between two "&" is no pair */

    if (f->phase == WH_FORM_NAME && f->name_len) {
        wh_form_pair_value(f);
    }

    if (f->slot) {
        wh_form_set(f);
    }

    wh_form_pair_next(f);
}


static int
wh_form_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}
