
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_id.h"


#define WH_ID_MAX  128

/* 9999-12-31T23:59:59.999Z */
#define WH_TIME_MAX  UINT64_C(253402300799999)


static char *wh_hex(char *p, const unsigned char *s, size_t n);
static char *wh_dec(char *p, uint32_t v, size_t width);
static int wh_trace_hex(const char *p, size_t n, int *zero);


void
wh_uuid7(char out[36], uint64_t unix_ms, const unsigned char rnd[10])
{
    char           *p;
    size_t          i;
    unsigned char   u[16];

    for (i = 0; i < 6; i++) {
        u[i] = (unsigned char) (unix_ms >> (40 - 8 * i) & 0xff);
    }

    memcpy(u + 6, rnd, 10);

    u[6] = (unsigned char) (0x70 | (u[6] & 0x0f));
    u[8] = (unsigned char) (0x80 | (u[8] & 0x3f));

    p = wh_hex(out, u, 4);
    *p++ = '-';
    p = wh_hex(p, u + 4, 2);
    *p++ = '-';
    p = wh_hex(p, u + 6, 2);
    *p++ = '-';
    p = wh_hex(p, u + 8, 2);
    *p++ = '-';
    (void) wh_hex(p, u + 10, 6);
}


void
wh_time_iso(char out[24], uint64_t unix_ms)
{
    char      *p;
    uint32_t   ms, sec, day, era, doe, yoe, doy, mp, year, month;

    if (unix_ms > WH_TIME_MAX) {
        unix_ms = WH_TIME_MAX;
    }

    ms = (uint32_t) (unix_ms % 1000);
    sec = (uint32_t) (unix_ms / 1000 % 86400);

    /*
     * The Gregorian calendar in eras of 400 years of 146097 days, a year
     * starting on March 1 so that the leap day is its last; 719468 days are
     * between 0000-03-01 and 1970-01-01.
     */

    day = (uint32_t) (unix_ms / 86400000) + 719468;

    era = day / 146097;
    doe = day % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;

    day = doy - (153 * mp + 2) / 5 + 1;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = era * 400 + yoe + (month <= 2);

    p = wh_dec(out, year, 4);
    *p++ = '-';
    p = wh_dec(p, month, 2);
    *p++ = '-';
    p = wh_dec(p, day, 2);
    *p++ = 'T';
    p = wh_dec(p, sec / 3600, 2);
    *p++ = ':';
    p = wh_dec(p, sec / 60 % 60, 2);
    *p++ = ':';
    p = wh_dec(p, sec % 60, 2);
    *p++ = '.';
    p = wh_dec(p, ms, 3);
    *p = 'Z';
}


int
wh_id_ok(const char *p, size_t n)
{
    char    c;
    size_t  i;

    if (n == 0 || n > WH_ID_MAX) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        c = p[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '_' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


int
wh_traceparent_parse(wh_str_t in, char trace_id[32], char flags[2])
{
    int          zero;
    const char  *p;

    p = in.data;

    if (in.len < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-') {
        return WH_ERROR;
    }

    if (!wh_trace_hex(p, 2, &zero) || (p[0] == 'f' && p[1] == 'f')) {
        return WH_ERROR;
    }

    if (in.len > 55 && (zero || p[55] != '-')) {
        return WH_ERROR;
    }

    if (!wh_trace_hex(p + 3, 32, &zero) || zero) {
        return WH_ERROR;
    }

    if (!wh_trace_hex(p + 36, 16, &zero) || zero) {
        return WH_ERROR;
    }

    if (!wh_trace_hex(p + 53, 2, &zero)) {
        return WH_ERROR;
    }

    memcpy(trace_id, p + 3, 32);
    memcpy(flags, p + 53, 2);

    return WH_OK;
}


void
wh_traceparent_format(char out[55], const char trace_id[32],
    const unsigned char span[8], const char flags[2])
{
    int  v;

    memcpy(out, "00-", 3);
    memcpy(out + 3, trace_id, 32);
    out[35] = '-';
    (void) wh_hex(out + 36, span, 8);
    out[52] = '-';
    out[53] = '0';

    v = flags[1] >= 'a' ? flags[1] - 'a' + 10 : flags[1] - '0';
    out[54] = (char) ('0' + (v & 3));
}


static char *
wh_hex(char *p, const unsigned char *s, size_t n)
{
    size_t             i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < n; i++) {
        *p++ = hex[s[i] >> 4];
        *p++ = hex[s[i] & 0xf];
    }

    return p;
}


static char *
wh_dec(char *p, uint32_t v, size_t width)
{
    size_t  i;

    for (i = width; i > 0; i--) {
        p[i - 1] = (char) ('0' + v % 10);
        v /= 10;
    }

    return p + width;
}


static int
wh_trace_hex(const char *p, size_t n, int *zero)
{
    size_t  i;

    *zero = 1;

    for (i = 0; i < n; i++) {

        if ((p[i] < '0' || p[i] > '9') && (p[i] < 'a' || p[i] > 'f')) {
            return 0;
        }

        if (p[i] != '0') {
            *zero = 0;
        }
    }

    return 1;
}
