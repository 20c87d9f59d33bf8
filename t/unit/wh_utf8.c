
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_utf8.h"


typedef struct {
    const char  *text;
    size_t       len;
    size_t       valid;     /* whole characters */
    int          rc;        /* of feed and finish */
    size_t       bad;       /* the offending octet */
    const char  *name;
} utf8_case_t;


#define T(s)  s, sizeof(s) - 1

static const utf8_case_t  cases[] = {
    { T(""), 0, WH_OK, 0, "empty text is valid" },
    { T("a\0b"), 3, WH_OK, 0, "NUL is valid" },
    { T("\x7f"), 1, WH_OK, 0, "U+007F is valid" },
    { T("\xc2\x80"), 2, WH_OK, 0, "U+0080 is valid" },
    { T("\xdf\xbf"), 2, WH_OK, 0, "U+07FF is valid" },
    { T("\xe0\xa0\x80"), 3, WH_OK, 0, "U+0800 is valid" },
    { T("\xed\x9f\xbf"), 3, WH_OK, 0, "U+D7FF is valid" },
    { T("\xee\x80\x80"), 3, WH_OK, 0, "U+E000 is valid" },
    { T("\xef\xbf\xbf"), 3, WH_OK, 0, "U+FFFF is valid" },
    { T("\xf0\x90\x80\x80"), 4, WH_OK, 0, "U+10000 is valid" },
    { T("\xf4\x8f\xbf\xbf"), 4, WH_OK, 0, "U+10FFFF is valid" },
    { T("a\xc3\xa9z"), 4, WH_OK, 0, "mixed lengths are valid" },
    { T("a\x80"), 1, WH_ERROR, 1, "continuation octet alone is not" },
    { T("\xc0\x80"), 0, WH_ERROR, 0, "overlong NUL is not" },
    { T("\xc1\xbf"), 0, WH_ERROR, 0, "overlong U+007F is not" },
    { T("\xe0\x9f\xbf"), 0, WH_ERROR, 1, "overlong U+07FF is not" },
    { T("\xf0\x8f\xbf\xbf"), 0, WH_ERROR, 1, "overlong U+FFFF is not" },
    { T("\xed\xa0\x80"), 0, WH_ERROR, 1, "first surrogate is not" },
    { T("\xed\xbf\xbf"), 0, WH_ERROR, 1, "last surrogate is not" },
    { T("\xf4\x90\x80\x80"), 0, WH_ERROR, 1, "U+110000 is not" },
    { T("\xf5\x80\x80\x80"), 0, WH_ERROR, 0, "octet F5 is not" },
    { T("\xff"), 0, WH_ERROR, 0, "octet FF is not" },
    { T("\xfe"), 0, WH_ERROR, 0, "octet FE is not" },
    { T("ab\xe2\x82\x28"), 2, WH_ERROR, 4, "bad third octet is not" },
    { T("ab\xe2\x28\xa1"), 2, WH_ERROR, 3, "bad second octet is not" },
    { T("\xf0\x9f\x98\x28"), 0, WH_ERROR, 3, "bad fourth octet is not" },
    { T("ab\xc3"), 2, WH_AGAIN, 3, "two octets cut to one are unfinished" },
    { T("ab\xe2\x82"), 2, WH_AGAIN, 4, "three cut to two are unfinished" },
    { T("\xf0\x9f\x98"), 0, WH_AGAIN, 3, "four cut to three are unfinished" }
};


static size_t encode(char *p, uint32_t c);
static void check(const utf8_case_t *c);
static void check_all(void);


int
main(void)
{
    int        yes;
    size_t     i;
    wh_utf8_t  s;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(&cases[i]);
    }

    check_all();

    memset(&s, 0, sizeof(wh_utf8_t));
    (void) wh_utf8_feed(&s, "a\xff", 2);
    is_int(wh_utf8_feed(&s, "a", 1), WH_ERROR, "an error is sticky");
    is_int((int64_t) s.offset, 1, "its offset stays");

    is_int((int64_t) wh_utf8_next("", 0, &yes), 0, "nothing in no octets");
    is_int((int64_t) wh_utf8_next("\xe2\x82", 2, &yes), 2,
           "a cut sequence is one invalid sequence");
    is_int((int64_t) wh_utf8_next("\xf0\x9f\x41", 3, &yes), 2,
           "an invalid sequence ends before the octet that breaks it");
    is_int((int64_t) wh_utf8_next("\xed\xa0\x80", 3, &yes), 1,
           "an encoded surrogate is invalid octet by octet");
    is_int((int64_t) wh_utf8_valid(NULL, 0), 0, "NULL of no octets is fine");

    return done_testing();
}


static void
check(const utf8_case_t *c)
{
    int        rc;
    char      *p;
    size_t     i, k;
    wh_utf8_t  s;

    p = guard_copy(c->text, c->len);

    memset(&s, 0, sizeof(wh_utf8_t));
    rc = wh_utf8_feed(&s, p, c->len);

    is_int(rc, c->rc == WH_ERROR ? WH_ERROR : WH_OK, "%s", c->name);
    is_int(wh_utf8_finish(&s), c->rc, "%s: finish", c->name);
    is_int((int64_t) s.offset,
           (int64_t) (c->rc == WH_ERROR ? c->bad : c->len),
           "%s: offset", c->name);
    is_int((int64_t) wh_utf8_valid(p, c->len), (int64_t) c->valid,
           "%s: valid prefix", c->name);
    is_int((int64_t) wh_utf8_whole(p, c->len),
           (int64_t) (c->rc == WH_AGAIN ? c->valid : c->len),
           "%s: without a cut character", c->name);

    for (k = 0; k <= c->len; k++) {
        memset(&s, 0, sizeof(wh_utf8_t));

        (void) wh_utf8_feed(&s, p, k);
        (void) wh_utf8_feed(&s, p + k, c->len - k);

        ok(wh_utf8_finish(&s) == c->rc
           && s.offset == (c->rc == WH_ERROR ? c->bad : c->len),
           "%s: split at %zu", c->name, k);
    }

    memset(&s, 0, sizeof(wh_utf8_t));

    for (i = 0; i < c->len; i++) {
        (void) wh_utf8_feed(&s, p + i, 1);
    }

    is_int(wh_utf8_finish(&s), c->rc, "%s: octet by octet", c->name);

    guard_free(p, c->len);
}


/* all code points, and all sequences of three octets against a count */

static void
check_all(void)
{
    char      p[4];
    size_t    n, wrong, valid;
    uint32_t  c;

    wrong = 0;

    for (c = 0; c < 0x200000; c++) {
        n = encode(p, c);

        valid = (c <= 0x10ffff && (c < 0xd800 || c > 0xdfff)) ? n : 0;

        if (wh_utf8_valid(p, n) != valid) {
            wrong++;
        }
    }

    is_int((int64_t) wrong, 0, "exactly the Unicode scalar values are valid");

    valid = 0;

    for (c = 0xe00000; c <= 0xefffff; c++) {
        p[0] = (char) (c >> 16);
        p[1] = (char) (c >> 8);
        p[2] = (char) c;

        if (wh_utf8_valid(p, 3) == 3) {
            valid++;
        }
    }

    is_int((int64_t) valid, 0x10000 - 0x800 - 0x800,
           "each character of three octets has one form");
}


static size_t
encode(char *p, uint32_t c)
{
    if (c < 0x80) {
        p[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        p[0] = (char) (0xc0 | c >> 6);
        p[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        p[0] = (char) (0xe0 | c >> 12);
        p[1] = (char) (0x80 | (c >> 6 & 0x3f));
        p[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    p[0] = (char) (0xf0 | c >> 18);
    p[1] = (char) (0x80 | (c >> 12 & 0x3f));
    p[2] = (char) (0x80 | (c >> 6 & 0x3f));
    p[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}
