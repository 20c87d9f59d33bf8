
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_locale.h"

#include <stdlib.h>
#include <unicode/ucal.h>
#include <unicode/udat.h>
#include <unicode/uloc.h>
#include <unicode/unum.h>
#include <unicode/unumberformatter.h>
#include <unicode/ures.h>
#include <unicode/ustring.h>


#define WH_LOCALE_ID_MAX    157    /* ULOC_FULLNAME_CAPACITY */
#define WH_LOCALE_TEXT_MAX  256    /* UTF-16 units of a date */


struct wh_date_s {
    UDateFormat  *format;
};


static int wh_locale_id(wh_str_t tag, char id[WH_LOCALE_ID_MAX]);
static int wh_locale_symbols(UNumberFormat *f, wh_decimal_t *d);
static int wh_locale_symbol(UNumberFormat *f, UNumberFormatSymbol which,
    wh_symbol_t *s);
static int wh_locale_affix(UNumberFormat *f, UNumberFormatTextAttribute which,
    wh_symbol_t *s);
static int wh_locale_utf8(const UChar *p, int32_t n, wh_symbol_t *s);
static int wh_locale_minimum(const char *id, wh_decimal_t *d);
static int wh_locale_groups(UNumberFormatter *f, UFormattedNumber *r,
    const char *number, int *groups);
static int wh_locale_utf16(wh_str_t s, UChar *out, size_t max);
static UDateFormatStyle wh_date_style(int style);
static int wh_locale_error(UErrorCode e);


int
wh_locale_available(void)
{
    return 1;
}


int
wh_locale_find(wh_str_t tag)
{
    char  id[WH_LOCALE_ID_MAX];

    return wh_locale_id(tag, id);
}


int
wh_locale_decimal(wh_str_t tag, wh_decimal_t *d)
{
    int             rc;
    char            id[WH_LOCALE_ID_MAX];
    UErrorCode      e;
    UNumberFormat  *f;

    rc = wh_locale_id(tag, id);
    if (rc != WH_OK) {
        return rc;
    }

    e = U_ZERO_ERROR;

    f = unum_open(UNUM_DECIMAL, NULL, 0, id, NULL, &e);
    if (U_FAILURE(e)) {
        return wh_locale_error(e);
    }

    rc = wh_locale_symbols(f, d);

    unum_close(f);

    return rc == WH_OK ? wh_locale_minimum(id, d) : rc;
}


int
wh_locale_zone(wh_str_t zone)
{
    int         n;
    UChar       name[WH_LOCALE_ZONE_MAX + 1], out[128];
    UErrorCode  e;

    n = wh_locale_utf16(zone, name, WH_LOCALE_ZONE_MAX);
    if (n < 0) {
        return WH_LOST;
    }

    e = U_ZERO_ERROR;

    (void) ucal_getCanonicalTimeZoneID(name, n, out, 128, NULL, &e);

    return U_SUCCESS(e) ? WH_OK : WH_LOST;
}


wh_date_t *
wh_date_open(wh_str_t tag, int date, int time, wh_str_t zone)
{
    int         n;
    char        id[WH_LOCALE_ID_MAX];
    UChar       name[WH_LOCALE_ZONE_MAX + 1];
    wh_date_t  *d;
    UErrorCode  e;

    n = wh_locale_utf16(zone, name, WH_LOCALE_ZONE_MAX);

    if (n < 0 || wh_locale_id(tag, id) != WH_OK) {
        return NULL;
    }

    d = malloc(sizeof(wh_date_t));
    if (d == NULL) {
        return NULL;
    }

    e = U_ZERO_ERROR;

    d->format = udat_open(wh_date_style(time), wh_date_style(date), id, name,
                          n, NULL, 0, &e);

    if (U_FAILURE(e)) {
        free(d);
        return NULL;
    }

    return d;
}


void
wh_date_close(wh_date_t *d)
{
    if (d) {
        udat_close(d->format);
        free(d);
    }
}


int
wh_date_put(wh_buf_t *b, wh_date_t *d, int64_t ms)
{
    char        text[WH_LOCALE_TEXT_MAX * 3];
    UChar       u[WH_LOCALE_TEXT_MAX];
    int32_t     n;
    UErrorCode  e;

    e = U_ZERO_ERROR;

    n = udat_format(d->format, (UDate) ms, u, WH_LOCALE_TEXT_MAX, NULL, &e);

    if (U_SUCCESS(e)) {
        (void) u_strToUTF8(text, (int32_t) sizeof(text), &n, u, n, &e);
    }

    if (U_FAILURE(e)) {
        return b->err ? b->err : WH_ERROR;
    }

    return wh_buf_put(b, text, (size_t) n);
}


/*
 * ICU takes any language, and silently the one of the environment instead of
 * one that it does not know.
 */

static int
wh_locale_id(wh_str_t tag, char id[WH_LOCALE_ID_MAX])
{
    char              name[WH_TAG_MAX + 1];
    int32_t           n, parsed;
    UErrorCode        e;
    UResourceBundle  *r;

    if (!wh_tag_ok(tag.data, tag.len)) {
        return WH_LOST;
    }

    memcpy(name, tag.data, tag.len);
    name[tag.len] = '\0';

    e = U_ZERO_ERROR;

    n = uloc_forLanguageTag(name, id, WH_LOCALE_ID_MAX, &parsed, &e);

    if (U_FAILURE(e) || e == U_STRING_NOT_TERMINATED_WARNING
        || n == 0 || parsed != (int32_t) tag.len)
    {
        return WH_LOST;
    }

    r = ures_open(NULL, id, &e);

    if (U_FAILURE(e)) {
        return e == U_MEMORY_ALLOCATION_ERROR ? WH_NOMEM : WH_LOST;
    }

    ures_close(r);

    return e == U_USING_DEFAULT_WARNING ? WH_LOST : WH_OK;
}


static int
wh_locale_symbols(UNumberFormat *f, wh_decimal_t *d)
{
    int      i, rc;
    int32_t  n;

    rc = wh_locale_symbol(f, UNUM_ZERO_DIGIT_SYMBOL, &d->digits[0]);

    for (i = 1; i < 10 && rc == WH_OK; i++) {
        rc = wh_locale_symbol(f,
                 (UNumberFormatSymbol) (UNUM_ONE_DIGIT_SYMBOL + i - 1),
                 &d->digits[i]);
    }

    if (rc == WH_OK) {
        rc = wh_locale_symbol(f, UNUM_DECIMAL_SEPARATOR_SYMBOL, &d->point);
    }

    if (rc == WH_OK) {
        rc = wh_locale_symbol(f, UNUM_GROUPING_SEPARATOR_SYMBOL, &d->group);
    }

    if (rc == WH_OK) {
        rc = wh_locale_affix(f, UNUM_NEGATIVE_PREFIX, &d->prefix);
    }

    if (rc == WH_OK) {
        rc = wh_locale_affix(f, UNUM_NEGATIVE_SUFFIX, &d->suffix);
    }

    if (rc != WH_OK) {
        return rc;
    }

    n = unum_getAttribute(f, UNUM_GROUPING_SIZE);
    d->primary = n > 0 ? (unsigned) n : 0;

    n = unum_getAttribute(f, UNUM_SECONDARY_GROUPING_SIZE);
    d->secondary = n > 0 ? (unsigned) n : d->primary;

    if (!unum_getAttribute(f, UNUM_GROUPING_USED)) {
        d->primary = 0;
    }

    return WH_OK;
}


static int
wh_locale_symbol(UNumberFormat *f, UNumberFormatSymbol which, wh_symbol_t *s)
{
    UChar       u[WH_SYMBOL_MAX + 1];
    int32_t     n;
    UErrorCode  e;

    e = U_ZERO_ERROR;

    n = unum_getSymbol(f, which, u, WH_SYMBOL_MAX + 1, &e);
    if (U_FAILURE(e)) {
        return wh_locale_error(e);
    }

    return wh_locale_utf8(u, n, s);
}


static int
wh_locale_affix(UNumberFormat *f, UNumberFormatTextAttribute which,
    wh_symbol_t *s)
{
    UChar       u[WH_SYMBOL_MAX + 1];
    int32_t     n;
    UErrorCode  e;

    e = U_ZERO_ERROR;

    n = unum_getTextAttribute(f, which, u, WH_SYMBOL_MAX + 1, &e);
    if (U_FAILURE(e)) {
        return wh_locale_error(e);
    }

    return wh_locale_utf8(u, n, s);
}


static int
wh_locale_utf8(const UChar *p, int32_t n, wh_symbol_t *s)
{
    int32_t     len;
    UErrorCode  e;

    e = U_ZERO_ERROR;

    (void) u_strToUTF8(s->data, WH_SYMBOL_MAX, &len, p, n, &e);
    if (U_FAILURE(e)) {
        return wh_locale_error(e);
    }

    s->len = (unsigned char) len;

    return WH_OK;
}


/* the old interface does not know it: in Spanish there is "1234", "12.345" */

static int
wh_locale_minimum(const char *id, wh_decimal_t *d)
{
    int                 rc, groups;
    char                number[] = "10000000000";
    UErrorCode          e;
    UNumberFormatter   *f;
    UFormattedNumber   *r;
    static const UChar  empty[] = { 0 };

    d->minimum = 1;

    if (d->primary == 0 || d->primary + 3 > sizeof(number) - 1) {
        return WH_OK;
    }

    e = U_ZERO_ERROR;

    f = unumf_openForSkeletonAndLocale(empty, 0, id, &e);
    if (U_FAILURE(e)) {
        return wh_locale_error(e);
    }

    r = unumf_openResult(&e);

    if (U_FAILURE(e)) {
        unumf_close(f);
        return wh_locale_error(e);
    }

    for ( ;; ) {
        number[d->primary + d->minimum] = '\0';

        rc = wh_locale_groups(f, r, number, &groups);

        if (rc != WH_OK || groups || d->minimum == 3) {
            break;
        }

        number[d->primary + d->minimum] = '0';
        d->minimum++;
    }

    if (rc == WH_OK && !groups) {
        d->primary = 0;
    }

    unumf_closeResult(r);
    unumf_close(f);

    return rc;
}


static int
wh_locale_groups(UNumberFormatter *f, UFormattedNumber *r, const char *number,
    int *groups)
{
    UErrorCode      e;
    UFieldPosition  pos;

    e = U_ZERO_ERROR;

    unumf_formatDecimal(f, number, -1, r, &e);

    pos.field = UNUM_GROUPING_SEPARATOR_FIELD;
    pos.beginIndex = 0;
    pos.endIndex = 0;

    *groups = unumf_resultNextFieldPosition(r, &pos, &e);

    return U_SUCCESS(e) ? WH_OK : wh_locale_error(e);
}


/* names are ASCII; the length, or -1 */

static int
wh_locale_utf16(wh_str_t s, UChar *out, size_t max)
{
    size_t  i;

    if (s.len == 0 || s.len > max) {
        return -1;
    }

    for (i = 0; i < s.len; i++) {

        if (s.data[i] <= ' ' || s.data[i] > '~') {
            return -1;
        }

        out[i] = (UChar) s.data[i];
    }

    return (int) s.len;
}


static UDateFormatStyle
wh_date_style(int style)
{
    switch (style) {

    case WH_STYLE_SHORT:
        return UDAT_SHORT;

    case WH_STYLE_MEDIUM:
        return UDAT_MEDIUM;

    case WH_STYLE_LONG:
        return UDAT_LONG;

    case WH_STYLE_FULL:
        return UDAT_FULL;

    default: /* WH_STYLE_NONE */
        return UDAT_NONE;
    }
}


static int
wh_locale_error(UErrorCode e)
{
    return e == U_MEMORY_ALLOCATION_ERROR ? WH_NOMEM : WH_ERROR;
}
