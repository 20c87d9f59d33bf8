
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_escape.h"
#include "wh_word.h"


/* more than two words, and a part of one */
#define MAX  19


typedef size_t (*run_pt)(const char *p, size_t n);


static void check(run_pt f, run_pt slow, const char *name);
static size_t ascii(const char *p, size_t n);
static size_t plain(const char *p, size_t n);
static size_t form(const char *p, size_t n);
static size_t form_slow(const char *p, size_t n);
static size_t header(const char *p, size_t n);
static size_t header_slow(const char *p, size_t n);


int
main(void)
{
    check(wh_ascii_run, ascii, "ASCII");
    check(wh_plain_run, plain, "plain JSON");
    check(form, form_slow, "plain form");
    check(header, header_slow, "value of a header");

    is_int((int64_t) wh_ascii_run(NULL, 0), 0, "NULL of no octets is fine");
    ok(wh_word("\1\2\3\4\5\6\7\x88") == UINT64_C(0x8807060504030201),
       "the first octet is the lowest");

    return done_testing();
}


/* any two octets anywhere: what is behind the first one must not count */

static void
check(run_pt f, run_pt slow, const char *name)
{
    char      *p, text[MAX];
    size_t     n, i, k, wrong;
    unsigned   c, d;

    static const unsigned char  others[] = {
        0, '\t', 0x1f, 0x20, '!', '"', '#', '%', '&', '+', '=', '[', '\\', ']',
        0x7e, 0x7f, 0x80, 0xff
    };

    for (n = 1; n <= MAX; n++) {
        wrong = 0;

        memset(text, 'a', n);
        p = guard_copy(text, n);

        for (i = 0; i < n; i++) {
            for (c = 0; c < 256; c++) {
                for (k = 0; k < n; k++) {
                    for (d = 0; d < sizeof(others); d++) {
                        memset(p, 'a', n);
                        p[k] = (char) others[d];
                        p[i] = (char) c;

                        wrong += (f(p, n) != slow(p, n));
                    }
                }
            }
        }

        is_int((int64_t) wrong, 0, "%s: any octets in %zu", name, n);

        guard_free(p, n);
    }
}


static size_t
ascii(const char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n && (unsigned char) p[i] < 0x80; i++) { /* void */ }

    return i;
}


static size_t
plain(const char *p, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
    }

    return i;
}


static size_t
form(const char *p, size_t n)
{
    size_t    i;
    uint64_t  mask;

    for (i = 0; i < n; i += WH_WORD) {
        mask = wh_word_form(wh_word_next(p + i, n - i));

        if (mask) {
            return i + wh_word_first(mask);
        }
    }

    return n;
}


static size_t
form_slow(const char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n && (p[i] == '\0' || strchr("&=+%", p[i]) == NULL); i++) {
        /* void */
    }

    return i;
}


static size_t
header(const char *p, size_t n)
{
    return (size_t) wh_header_value_ok(p, n);
}


static size_t
header_slow(const char *p, size_t n)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return 0;
        }
    }

    return 1;
}
