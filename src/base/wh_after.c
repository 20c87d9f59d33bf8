
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_after.h"


#define WH_AFTER_YEAR  31556952     /* seconds, on the average */


typedef struct {
    unsigned  year;
    unsigned  month;
    unsigned  day;
    unsigned  hour;
    unsigned  min;
    unsigned  sec;
} wh_after_date_t;


static int wh_after_scan(wh_str_t s, const char *form, uint64_t now,
    wh_after_date_t *d);
static int wh_after_digits(wh_str_t *s, size_t n, unsigned *value);
static int wh_after_name(wh_str_t *s, const char *const *names, unsigned n,
    size_t len, unsigned *index);
static unsigned wh_after_year(unsigned year, uint64_t now);
static int wh_after_valid(const wh_after_date_t *d);
static int64_t wh_after_seconds(const wh_after_date_t *d);


/*
 * w, W: a day, short or long; d: two digits of a day, e: with a space for the
 * first; b: a month; y, Y: two or four digits of a year; H, I, S: the time
 */

static const char *const  wh_after_forms[] = {
    "w, d b Y H:I:S GMT",
    "W, d-b-y H:I:S GMT",
    "w b e H:I:S Y",
    NULL
};


static const char *const  wh_after_days[] = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    "Sunday"
};


static const char *const  wh_after_months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
    "Nov", "Dec"
};


int
wh_retry_after(wh_str_t value, uint64_t now, uint64_t *ms)
{
    size_t    i;
    int64_t   date;
    uint64_t  n;
    unsigned  digit;

    while (value.len && (value.data[0] == ' ' || value.data[0] == '\t')) {
        value.data++;
        value.len--;
    }

    while (value.len && (value.data[value.len - 1] == ' '
                         || value.data[value.len - 1] == '\t'))
    {
        value.len--;
    }

    n = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            break;
        }

        digit = (unsigned) (value.data[i] - '0');

        if (n > (UINT64_MAX / 1000 - digit) / 10) {
            return WH_ERROR;
        }

        n = n * 10 + digit;
    }

    if (value.len && i == value.len) {
        *ms = n * 1000;
        return WH_OK;
    }

    if (wh_http_date(value, now, &date) != WH_OK) {
        return WH_ERROR;
    }

    /* four digits of a year are far from any overflow */

    *ms = date > 0 && (uint64_t) date > now ? ((uint64_t) date - now) * 1000
                                            : 0;

    return WH_OK;
}


int
wh_http_date(wh_str_t value, uint64_t now, int64_t *seconds)
{
    unsigned         i;
    wh_after_date_t  d;

    memset(&d, 0, sizeof(wh_after_date_t));

    for (i = 0; wh_after_forms[i]; i++) {

        if (wh_after_scan(value, wh_after_forms[i], now, &d) == WH_OK) {

            if (!wh_after_valid(&d)) {
                return WH_ERROR;
            }

            *seconds = wh_after_seconds(&d);

            return WH_OK;
        }
    }

    return WH_ERROR;
}


static int
wh_after_scan(wh_str_t s, const char *form, uint64_t now, wh_after_date_t *d)
{
    int       rc;
    unsigned  index;

    for ( /* void */ ; *form; form++) {

        switch (*form) {

        case 'w':
            rc = wh_after_name(&s, wh_after_days, 7, 3, &index);
            break;

        case 'W':
            rc = wh_after_name(&s, wh_after_days, 7, 0, &index);
            break;

        case 'd':
            rc = wh_after_digits(&s, 2, &d->day);
            break;

        case 'e':
            if (s.len && s.data[0] == ' ') {
                s.data++;
                s.len--;

                rc = wh_after_digits(&s, 1, &d->day);

            } else {
                rc = wh_after_digits(&s, 2, &d->day);
            }

            break;

        case 'b':
            rc = wh_after_name(&s, wh_after_months, 12, 3, &d->month);
            break;

        case 'y':
            rc = wh_after_digits(&s, 2, &d->year);
            d->year = wh_after_year(d->year, now);
            break;

        case 'Y':
            rc = wh_after_digits(&s, 4, &d->year);
            break;

        case 'H':
            rc = wh_after_digits(&s, 2, &d->hour);
            break;

        case 'I':
            rc = wh_after_digits(&s, 2, &d->min);
            break;

        case 'S':
            rc = wh_after_digits(&s, 2, &d->sec);
            break;

        default:
            rc = WH_ERROR;

            if (s.len && s.data[0] == *form) {
                s.data++;
                s.len--;

                rc = WH_OK;
            }
        }

        if (rc != WH_OK) {
            return WH_ERROR;
        }
    }

    return s.len ? WH_ERROR : WH_OK;
}


static int
wh_after_digits(wh_str_t *s, size_t n, unsigned *value)
{
    size_t  i;

    *value = 0;

    if (s->len < n) {
        return WH_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (s->data[i] < '0' || s->data[i] > '9') {
            return WH_ERROR;
        }

        *value = *value * 10 + (unsigned) (s->data[i] - '0');
    }

    s->data += n;
    s->len -= n;

    return WH_OK;
}


/* the first "len" octets of a name, or all of it with 0 */

static int
wh_after_name(wh_str_t *s, const char *const *names, unsigned n, size_t len,
    unsigned *index)
{
    size_t    m;
    unsigned  i;

    for (i = 0; i < n; i++) {
        m = len ? len : strlen(names[i]);

        if (s->len >= m && memcmp(s->data, names[i], m) == 0) {
            s->data += m;
            s->len -= m;

            *index = i;

            return WH_OK;
        }
    }

    return WH_ERROR;
}


static unsigned
wh_after_year(unsigned year, uint64_t now)
{
    unsigned  present;

    /* of a clock beyond all reason any century will do */

    present = now / WH_AFTER_YEAR < 8000
              ? 1970 + (unsigned) (now / WH_AFTER_YEAR) : 1970;

    year += present / 100 * 100;

    if (year > present + 50) {
        return year - 100;
    }

    if (year + 50 <= present) {
        return year + 100;
    }

    return year;
}


static int
wh_after_valid(const wh_after_date_t *d)
{
    unsigned         days;
    static unsigned  month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
                                      30, 31 };

    days = month_days[d->month];

    if (d->month == 1 && d->year % 4 == 0
        && (d->year % 100 != 0 || d->year % 400 == 0))
    {
        days = 29;
    }

    /* 60 is a leap second */

    return d->day >= 1 && d->day <= days
           && d->hour <= 23 && d->min <= 59 && d->sec <= 60;
}


static int64_t
wh_after_seconds(const wh_after_date_t *d)
{
    int64_t  year, days;

    /* years begin in March, so that a leap day is the last one */

    year = (int64_t) d->year - (d->month < 2);

    days = year * 365 + (year + 400) / 4 - (year + 400) / 100
           + (year + 400) / 400 - 97
           + (int64_t) ((d->month + 10) % 12 * 153 + 2) / 5
           + (int64_t) d->day - 1;

    /* from the 1st of March of the year 0 to the epoch */

    days -= 719468;

    return days * 86400 + (int64_t) (d->hour * 3600 + d->min * 60 + d->sec);
}
