
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_escape.h"
#include "wh_utf8.h"
#include "wh_word.h"


/*
 * A text in pieces of the length in the first octet is UTF-8 when it is as a
 * whole, and when each of its characters is, by a decoder of its own; what is
 * looked for by words is what is found octet by octet.
 */


static void whole(const char *p, size_t n, size_t step);
static size_t decode(const char *p, size_t n);
static void characters(const char *p, size_t n);
static void runs(const char *p, size_t n);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char  *p;

    if (size == 0) {
        return 0;
    }

    /* a block of its own, for the sanitizer */

    p = malloc(size);
    CHECK(p != NULL);

    memcpy(p, data + 1, size - 1);

    whole(p, size - 1, 1);
    whole(p, size - 1, data[0] + 1u);
    whole(p, size - 1, size);

    characters(p, size - 1);
    runs(p, size - 1);

    free(p);

    return 0;
}


static void
whole(const char *p, size_t n, size_t step)
{
    int        rc;
    size_t     i, len, valid;
    wh_utf8_t  s;

    memset(&s, 0, sizeof(wh_utf8_t));

    valid = wh_utf8_valid(p, n);
    rc = WH_OK;

    for (i = 0; i < n && rc == WH_OK; i += len) {
        len = step < n - i ? step : n - i;
        rc = wh_utf8_feed(&s, p + i, len);
    }

    if (rc != WH_OK) {
        CHECK(rc == WH_ERROR && wh_utf8_finish(&s) == WH_ERROR);
        CHECK(wh_utf8_feed(&s, "a", 1) == WH_ERROR);
        CHECK(s.offset >= valid && s.offset < n && s.offset - valid < 4);
        return;
    }

    CHECK(s.offset == n);
    CHECK((wh_utf8_finish(&s) == WH_OK) == (valid == n));
    CHECK(wh_utf8_finish(&s) != WH_ERROR && n - valid < 4);
}


/* octets of the first character, by its code point; 0: there is none */

static size_t
decode(const char *p, size_t n)
{
    size_t         i, len;
    uint32_t       c;
    unsigned char  u;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    u = (unsigned char) p[0];

    if (u < 0x80) {
        return 1;
    }

    len = u >> 5 == 6 ? 2 : u >> 4 == 14 ? 3 : u >> 3 == 30 ? 4 : 0;

    if (len == 0 || len > n) {
        return 0;
    }

    c = u & (0x7fu >> len);

    for (i = 1; i < len; i++) {
        u = (unsigned char) p[i];

        if (u >> 6 != 2) {
            return 0;
        }

        c = c << 6 | (u & 0x3f);
    }

    return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)
           ? 0 : len;
}


static void
characters(const char *p, size_t n)
{
    int     ok;
    size_t  i, len, bad;

    bad = n;

    for (i = 0; i < n; i += len) {
        len = wh_utf8_next(p + i, n - i, &ok);

        CHECK(len > 0 && len <= n - i);
        CHECK(ok == (decode(p + i, n - i) > 0));
        CHECK(!ok || len == decode(p + i, n - i));
        CHECK(ok || len < 4);

        if (!ok && bad == n) {
            bad = i;
        }
    }

    CHECK(wh_utf8_valid(p, n) == bad);
    CHECK(wh_utf8_next(p, 0, &ok) == 0);
}


static void
runs(const char *p, size_t n)
{
    size_t         i, ascii, plain;
    unsigned char  c;

    ascii = 0;

    while (ascii < n && (unsigned char) p[ascii] < 0x80) {
        ascii++;
    }

    for (plain = 0; plain < n; plain++) {
        c = (unsigned char) p[plain];

        if (c < ' ' || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
    }

    CHECK(wh_ascii_run(p, n) == ascii);
    CHECK(wh_plain_run(p, n) == plain);

    /* the first one of a word is exact */

    for (i = 0; i < n && n - i >= WH_WORD; i += WH_WORD) {
        size_t    k;
        uint64_t  control, form;

        control = wh_word_control(wh_word(p + i));
        form = wh_word_form(wh_word(p + i));

        for (k = 0; k < WH_WORD; k++) {
            c = (unsigned char) p[i + k];

            if (control && k < wh_word_first(control)) {
                CHECK(c >= ' ' && c != 0x7f);
            }

            if (form && k < wh_word_first(form)) {
                CHECK(c == '\0' || strchr("&=+%", c) == NULL);
            }

            CHECK(control || (c >= ' ' && c != 0x7f));
            CHECK(form || c == '\0' || strchr("&=+%", c) == NULL);
        }

        if (control) {
            c = (unsigned char) p[i + wh_word_first(control)];
            CHECK(c < ' ' || c == 0x7f);
        }

        if (form) {
            c = (unsigned char) p[i + wh_word_first(form)];
            CHECK(c != '\0' && strchr("&=+%", c) != NULL);
        }
    }
}
