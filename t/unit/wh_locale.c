
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Numbers and dates of languages: what is made of ICU's symbols is compared
 * with what ICU makes of the same number, in all languages that it has.
 */


#include "wh_locale.h"
#include "tap.h"

#if (WH_UNIT_ICU)
#include <unicode/uloc.h>
#include <unicode/unumberformatter.h>
#include <unicode/ustring.h>
#endif


static void tags(void);
static void plain(void);
static void all(void);
static const char *number(const wh_decimal_t *d, const char *text);
static const char *local(const char *tag, const char *text);
static const char *date(const char *tag, int d, int t, const char *zone,
    int64_t ms);
static void is_text(const char *got, const char *expected, const char *name);
static wh_str_t str(const char *s);


int
main(void)
{
    wh_decimal_t  d;

    tags();
    plain();

    if (!wh_locale_available()) {
        is_int(wh_locale_find(str("de")), WH_LOST, "no language without ICU");
        is_int(wh_locale_zone(str("UTC")), WH_LOST, "no time zone");
        is_int(wh_locale_decimal(str("de"), &d), WH_LOST, "no numbers");
        ok(wh_date_open(str("de"), 1, 1, str("UTC")) == NULL, "no dates");

        return done_testing();
    }

    is_int(wh_locale_find(str("de")), WH_OK, "de is known");
    is_int(wh_locale_find(str("pt-BR")), WH_OK, "pt-BR is known");
    is_int(wh_locale_find(str("ZH-hant-tw")), WH_OK, "case does not matter");
    is_int(wh_locale_find(str("de-XX")), WH_OK, "a country of one is");
    is_int(wh_locale_find(str("xx")), WH_LOST, "xx is not");
    is_int(wh_locale_find(str("und")), WH_LOST, "und is none");
    is_int(wh_locale_find(str("de_DE")), WH_LOST, "no underscore");
    is_int(wh_locale_find(str("de-u-nu-roman")), WH_LOST, "no extension");
    is_int(wh_locale_find(str("de-deutschland")), WH_LOST, "no subtag");
    is_int(wh_locale_decimal(str("xx"), &d), WH_LOST, "no numbers of xx");

    is_text(local("de", "1234.56"), "1.234,56", "de");
    is_text(local("en", "1234.56"), "1,234.56", "en");
    is_text(local("fr", "1234.56"), "1\xe2\x80\xaf" "234,56", "fr");
    is_text(local("de-CH", "-1234.50"), "-1\xe2\x80\x99" "234.50", "de-CH");
    is_text(local("es", "1234"), "1234", "es has no group of one digit");
    is_text(local("es", "12345"), "12.345", "es has one of two");
    is_text(local("hi", "12345678.9"), "1,23,45,678.9", "hi");
    is_text(local("sv", "-1"), "\xe2\x88\x92" "1", "sv has its minus");
    is_text(local("ar-EG", "-12"), "\xd8\x9c-\xd9\xa1\xd9\xa2", "ar-EG");

    is_int(wh_locale_zone(str("UTC")), WH_OK, "UTC");
    is_int(wh_locale_zone(str("Europe/Berlin")), WH_OK, "Europe/Berlin");
    is_int(wh_locale_zone(str("Europe/Nowhere")), WH_LOST, "no such zone");
    is_int(wh_locale_zone(str("")), WH_LOST, "an empty zone");
    is_int(wh_locale_zone(str("Europe/\xc3\xa4")), WH_LOST, "no ASCII");

    is_text(date("de", WH_STYLE_SHORT, WH_STYLE_NONE, "UTC", 1795292387952),
           "21.11.26", "short");
    is_text(date("de", WH_STYLE_MEDIUM, WH_STYLE_NONE, "UTC", 1795292387952),
           "21.11.2026", "medium");
    is_text(date("de", WH_STYLE_LONG, WH_STYLE_NONE, "UTC", 1795292387952),
           "21. November 2026", "long");
    is_text(date("de", WH_STYLE_FULL, WH_STYLE_NONE, "UTC", 1795292387952),
           "Samstag, 21. November 2026", "full");
    is_text(date("fr", WH_STYLE_LONG, WH_STYLE_NONE, "UTC", 1795292387952),
           "21 novembre 2026", "fr");
    is_text(date("de", WH_STYLE_SHORT, WH_STYLE_SHORT, "Europe/Berlin",
                1795292387952),
           "21.11.26, 21:19", "Europe/Berlin");
    is_text(date("de", WH_STYLE_SHORT, WH_STYLE_NONE, "Pacific/Auckland",
                1795292387952),
           "22.11.26", "the next day in Auckland");
    is_text(date("de", WH_STYLE_MEDIUM, WH_STYLE_NONE, "UTC", -1),
           "31.12.1969", "before the epoch");

    ok(wh_date_open(str("xx"), 1, 0, str("UTC")) == NULL, "no dates of xx");
    wh_date_close(NULL);

    all();

    return done_testing();
}


static void
tags(void)
{
    size_t  i;

    static const char  *good[] = {
        "de", "pt-BR", "zh-Hant-TW", "es-419", "sl-rozaj-biske", "DE"
    };

    static const char  *bad[] = {
        "", "d", "de-", "-de", "de--AT", "de_AT", "de-u-nu", "1de", "4711",
        "abcdefghi", "de-abcdefghi", "de/../x", "de AT", "d\xc3\xa4",
        "abcdefgh-abcdefgh-abcdefgh-abcdefgh-a"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(wh_tag_ok(good[i], strlen(good[i])), "tag %s", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!wh_tag_ok(bad[i], strlen(bad[i])), "no tag \"%s\"", bad[i]);
    }

    is_int((int64_t) wh_tag_parent("zh-Hant-TW", 10), 7, "parent");
    is_int((int64_t) wh_tag_parent("zh-Hant-TW", 7), 2, "parent's parent");
    is_int((int64_t) wh_tag_parent("zh", 2), 0, "no parent");
}


/* without ICU */

static void
plain(void)
{
    size_t        i;
    wh_buf_t      b;
    wh_decimal_t  d;

    static const struct {
        const char  *in;
        const char  *out;
    } t[] = {
        { "0", "0" }, { "-0", "-0" }, { "0.0", "0,0" }, { "7", "7" },
        { "999", "999" }, { "1000", "1.000" }, { "-1000", "-1.000" },
        { "1234567.890", "1.234.567,890" }, { "0.001", "0,001" },
        { "9223372036854775807", "9.223.372.036.854.775.807" },
        { "0.1234567890123456789012345", "0,1234567890123456789012345" },
        { "1e3", "1.000" }, { "1E+3", "1.000" }, { "1.5e3", "1.500" },
        { "1.2345e3", "1.234,5" }, { "1.50e1", "15,0" }, { "0.05e1", "0,5" },
        { "0.05e3", "50" }, { "12e-1", "1,2" }, { "12e-2", "0,12" },
        { "12e-4", "0,0012" }, { "-12.5e-4", "-0,00125" }, { "0e5", "0" },
        { "0e-2", "0,00" }, { "1e0", "1" }, { "1.0e-0", "1,0" },
        { "1e1025", "WH_LIMIT" }, { "1e-1026", "WH_LIMIT" },
        { "1e99999999999999999999999", "WH_LIMIT" },
        { "1e-99999999999999999999999", "WH_LIMIT" },
        { "1e9223372036854775807", "WH_LIMIT" },
    };

    memset(&d, 0, sizeof(wh_decimal_t));

    for (i = 0; i < 10; i++) {
        d.digits[i].len = 1;
        d.digits[i].data[0] = (char) ('0' + i);
    }

    d.point.len = 1;
    d.point.data[0] = ',';
    d.group.len = 1;
    d.group.data[0] = '.';
    d.prefix.len = 1;
    d.prefix.data[0] = '-';
    d.primary = 3;
    d.secondary = 3;
    d.minimum = 1;

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        is_text(number(&d, t[i].in), t[i].out, t[i].in);
    }

    is_int((int64_t) strlen(number(&d, "1e1024")), 1025 + 341,
           "1e1024 has all its digits");
    is_int((int64_t) strlen(number(&d, "1e-1024")), 1026,
           "1e-1024 has all its digits");

    d.minimum = 2;
    is_text(number(&d, "1234"), "1234", "no group of one digit");
    is_text(number(&d, "12345"), "12.345", "a group of two");
    is_text(number(&d, "1234567"), "1.234.567", "the next one may be of one");

    d.secondary = 2;
    is_text(number(&d, "123456789"), "12.34.56.789", "groups of two");

    d.primary = 0;
    is_text(number(&d, "123456789"), "123456789", "no groups");

    d.suffix.len = 2;
    memcpy(d.suffix.data, "CR", 2);
    is_text(number(&d, "-1.5"), "-1,5CR", "a suffix of negative numbers");
    is_text(number(&d, "1.5"), "1,5", "of those only");

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = 4;
    b.grow = wh_buf_malloc;
    is_int(wh_decimal_put(&b, &d, str("12345")), WH_LIMIT, "too long");
    is_int(b.err, WH_LIMIT, "which is the buffer's error");
    free(b.data);
}


#if (WH_UNIT_ICU)

static void
all(void)
{
    int                n, wrong;
    char               tag[64], out[256];
    UChar              skeleton[32], text[256];
    size_t             i;
    int32_t            k, len;
    UErrorCode         e;
    const char        *got;
    wh_decimal_t       d;
    UNumberFormatter  *f;
    UFormattedNumber  *r;

    static const char  *numbers[] = {
        "0", "-0", "1", "-1", "1.5", "-9876543210.123456789", "123", "1234",
        "12345", "123456", "-1234567", "1234567890123456789012345678901.5",
        "0.000001", "1e3", "2.5e10", "99e-5"
    };

    n = 0;
    wrong = 0;

    e = U_ZERO_ERROR;
    (void) u_strFromUTF8(skeleton, 32, &len, ".##############################",
                         -1, &e);
    r = unumf_openResult(&e);

    for (k = 0; k < uloc_countAvailable(); k++) {

        e = U_ZERO_ERROR;
        (void) uloc_toLanguageTag(uloc_getAvailable(k), tag, sizeof(tag), 1,
                                  &e);

        if (U_FAILURE(e) || !wh_tag_ok(tag, strlen(tag))) {
            continue;
        }

        if (wh_locale_decimal(str(tag), &d) != WH_OK) {
            printf("# no numbers of %s\n", tag);
            wrong++;
            continue;
        }

        f = unumf_openForSkeletonAndLocale(skeleton, len,
                                           uloc_getAvailable(k), &e);

        for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
            unumf_formatDecimal(f, numbers[i], -1, r, &e);
            (void) unumf_resultToString(r, text, 256, &e);
            (void) u_strToUTF8(out, sizeof(out), NULL, text, -1, &e);

            got = number(&d, numbers[i]);

            if (U_FAILURE(e) || strcmp(got, out) != 0) {
                printf("# %s: %s is %s, ICU has %s\n", tag, numbers[i], got,
                       out);
                wrong++;
            }
        }

        unumf_close(f);
        n++;
    }

    unumf_closeResult(r);

    ok(n > 500, "many languages");
    is_int(wrong, 0, "numbers are those of ICU in all of them");
}

#else

static void
all(void)
{
}

#endif


static const char *
number(const wh_decimal_t *d, const char *text)
{
    int          rc;
    char        *p;
    size_t       n;
    wh_buf_t     b;
    wh_str_t     s;
    static char  out[4096];

    n = strlen(text);
    p = malloc(n);
    memcpy(p, text, n);

    s.len = n;
    s.data = p;

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = sizeof(out) - 1;
    b.grow = wh_buf_malloc;

    rc = wh_decimal_put(&b, d, s);

    free(p);

    if (rc != WH_OK) {
        free(b.data);
        return b.err == WH_OK && b.len == 0 && rc == WH_LIMIT ? "WH_LIMIT"
                                                              : "error";
    }

    memcpy(out, b.data, b.len);
    out[b.len] = '\0';
    free(b.data);

    return out;
}


static const char *
local(const char *tag, const char *text)
{
    wh_decimal_t  d;

    if (wh_locale_decimal(str(tag), &d) != WH_OK) {
        return "no language";
    }

    return number(&d, text);
}


static const char *
date(const char *tag, int d, int t, const char *zone, int64_t ms)
{
    wh_buf_t     b;
    wh_date_t   *format;
    static char  out[512];

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = sizeof(out) - 1;
    b.grow = wh_buf_malloc;

    format = wh_date_open(str(tag), d, t, str(zone));
    if (format == NULL) {
        return "no format";
    }

    if (wh_date_put(&b, format, ms) == WH_OK) {
        memcpy(out, b.data, b.len);
    }

    out[b.len] = '\0';

    free(b.data);
    wh_date_close(format);

    return out;
}


static void
is_text(const char *got, const char *expected, const char *name)
{
    if (!ok(strcmp(got, expected) == 0, "%s", name)) {
        tap_show("got", got, strlen(got));
        tap_show("expected", expected, strlen(expected));
    }
}


static wh_str_t
str(const char *s)
{
    wh_str_t  v;

    v.len = strlen(s);
    v.data = s;

    return v;
}
