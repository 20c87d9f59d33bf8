
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_time.h"


static int wh_time_date(const char *p, int64_t *days);
static int wh_time_clock(const char *p, size_t n, int64_t *ms);
static int wh_time_zone(const char *p, size_t n, int64_t *minutes);
static int wh_time_digits(const char *p, size_t n, int64_t lo, int64_t hi,
    int64_t *v);


int
wh_time_parse(wh_str_t s, int64_t *ms)
{
    int64_t  days, clock;

    if (s.len < 10 || wh_time_date(s.data, &days) != WH_OK) {
        return WH_ERROR;
    }

    clock = 0;

    if (s.len > 10
        && (s.len < 20
            || (s.data[10] != 'T' && s.data[10] != 't' && s.data[10] != ' ')
            || wh_time_clock(s.data + 11, s.len - 11, &clock) != WH_OK))
    {
        return WH_ERROR;
    }

    *ms = days * 86400000 + clock;

    return WH_OK;
}


/* days since the epoch: years begin in March, the leap day is their last */

static int
wh_time_date(const char *p, int64_t *days)
{
    int64_t           year, month, day;
    static const int  length[] = { 31, 29, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };

    if (wh_time_digits(p, 4, 1, 9999, &year) != WH_OK
        || p[4] != '-'
        || wh_time_digits(p + 5, 2, 1, 12, &month) != WH_OK
        || p[7] != '-'
        || wh_time_digits(p + 8, 2, 1, length[month - 1], &day) != WH_OK)
    {
        return WH_ERROR;
    }

    if (month == 2 && day == 29
        && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
    {
        return WH_ERROR;
    }

    if (month <= 2) {
        year--;
        month += 12;
    }

    *days = year * 365 + year / 4 - year / 100 + year / 400
            + (month * 306 - 914) / 10 + day - 719469;

    return WH_OK;
}


/* at least 9 octets, from midnight in UTC on */

static int
wh_time_clock(const char *p, size_t n, int64_t *ms)
{
    size_t   i;
    int64_t  hour, minute, second, fraction, unit, zone;

    if (wh_time_digits(p, 2, 0, 23, &hour) != WH_OK
        || p[2] != ':'
        || wh_time_digits(p + 3, 2, 0, 59, &minute) != WH_OK
        || p[5] != ':'
        || wh_time_digits(p + 6, 2, 0, 60, &second) != WH_OK)
    {
        return WH_ERROR;
    }

    fraction = 0;
    i = 8;

    if (p[8] == '.') {
        unit = 100;

        for (i = 9; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
            fraction += (p[i] - '0') * unit;
            unit /= 10;
        }

        if (i == 9) {
            return WH_ERROR;
        }
    }

    if (wh_time_zone(p + i, n - i, &zone) != WH_OK) {
        return WH_ERROR;
    }

    *ms = ((hour * 60 + minute - zone) * 60 + second) * 1000 + fraction;

    return WH_OK;
}


static int
wh_time_zone(const char *p, size_t n, int64_t *minutes)
{
    int64_t  hour, minute;

    *minutes = 0;

    if (n == 1 && (*p == 'Z' || *p == 'z')) {
        return WH_OK;
    }

    if (n != 6
        || (*p != '+' && *p != '-')
        || wh_time_digits(p + 1, 2, 0, 23, &hour) != WH_OK
        || p[3] != ':'
        || wh_time_digits(p + 4, 2, 0, 59, &minute) != WH_OK)
    {
        return WH_ERROR;
    }

    *minutes = (*p == '-') ? -(hour * 60 + minute) : hour * 60 + minute;

    return WH_OK;
}


static int
wh_time_digits(const char *p, size_t n, int64_t lo, int64_t hi, int64_t *v)
{
    *v = 0;

    while (n--) {

        if (*p < '0' || *p > '9') {
            return WH_ERROR;
        }

        *v = *v * 10 + (*p++ - '0');
    }

    return *v < lo || *v > hi ? WH_ERROR : WH_OK;
}
