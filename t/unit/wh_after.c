
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_after.h"


/* 06 Nov 1994 08:49:37 */
#define NOW  784111777


typedef struct {
    const char  *value;
    int64_t      seconds;
} date_t;


static void after(const char *value, int rc, uint64_t ms);
static int http_date(const char *value, uint64_t now, int64_t *seconds);


static const date_t  dates[] = {
    { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
    { "Sun Nov  6 08:49:37 1994", 784111777 },
    { "Wed Nov 16 08:49:37 1994", 784975777 },
    { "Wed Nov 06 08:49:37 1994", 784111777 },
    { "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
    { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
    { "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
    { "Thu, 01 Jan 1970 00:00:01 GMT", 1 },
    { "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
    { "Wed, 01 Mar 2000 00:00:00 GMT", 951868800 },
    { "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
    { "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
    { "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 },
    { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
    { "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200 },
    { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
    { "Monday, 31-Jan-00 00:00:00 GMT", 949276800 },
    { NULL, 0 }
};


static const char  *bad[] = {
    "",
    "Sun",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 ",
    "Sun, 06 Nov 1994 08:49:37 GM",
    "Sun, 06 Nov 1994 08:49:37 GMTx",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37 +0000",
    "Sun, 06 Nov 1994 08:49 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 94 08:49:37 GMT",
    "Sun, 06 Nov 1994 8:49:37 GMT",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "sun, 06 Nov 1994 08:49:37 GMT",
    "Sun,06 Nov 1994 08:49:37 GMT",
    "Sun, 06  Nov 1994 08:49:37 GMT",
    "Son, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Okt 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT",
    "Sun, 32 Dec 1994 08:49:37 GMT",
    "Sun, 29 Feb 1994 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 30 Feb 2000 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:00:61 GMT",
    "Sun, -6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 19941 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT",
    "Sunday, 6-Nov-94 08:49:37 GMT",
    "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunday, 06 Nov 94 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37",
    "Sunday, 31-Feb-94 08:49:37 GMT",
    "Sun Nov 6 08:49:37 1994",
    "Sun Nov  6 08:49:37 94",
    "Sun Nov  6 08:49:37 1994 GMT",
    "Sun Nov  0 08:49:37 1994",
    "Sun Nov 31 08:49:37 1994",
    "Sunday Nov  6 08:49:37 1994",
    "1994-11-06T08:49:37Z",
    NULL
};


int
main(void)
{
    char     *p;
    size_t    i, n;
    int64_t   t;
    wh_str_t  s;

    for (i = 0; dates[i].value; i++) {
        t = 12345;
        ok(http_date(dates[i].value, NOW, &t) == WH_OK, "date: %s",
           dates[i].value);
        is_int(t, dates[i].seconds, "its seconds");
    }

    for (i = 0; bad[i]; i++) {
        ok(http_date(bad[i], NOW, &t) == WH_ERROR, "no date: \"%s\"", bad[i]);
    }

    /* every prefix, and not an octet behind it */

    for (i = 0; i < 3; i++) {

        for (n = 0; n < strlen(dates[i].value); n++) {
            p = guard_copy(dates[i].value, n);

            s.data = p;
            s.len = n;

            ok(wh_http_date(s, NOW, &t) == WH_ERROR,
               "%zu octets of a date", n);

            guard_free(p, n);
        }
    }

    /* two digits of a year: seen from 1994, from 2099, from the epoch */

    ok(http_date("Sunday, 06-Nov-44 00:00:00 GMT", NOW, &t) == WH_OK
       && t == 2362003200, "a year 50 years on is in the future");
    ok(http_date("Sunday, 06-Nov-45 00:00:00 GMT", NOW, &t) == WH_OK
       && t == -762220800, "51 years on it is in the past");
    ok(http_date("Sunday, 06-Nov-01 00:00:00 GMT", 4078000000, &t) == WH_OK
       && t == 4160678400, "a year in the next century");
    ok(http_date("Thursday, 01-Jan-70 00:00:00 GMT", 0, &t) == WH_OK && t == 0,
       "the epoch itself");
    ok(http_date("Thursday, 01-Jan-70 00:00:00 GMT", UINT64_MAX, &t) == WH_OK,
       "a clock out of order");

    /* Retry-After */

    after("0", WH_OK, 0);
    after("1", WH_OK, 1000);
    after("120", WH_OK, 120000);
    after("00000000000000000000000000000120", WH_OK, 120000);
    after(" \t5 \t", WH_OK, 5000);
    after("18446744073709551", WH_OK, 18446744073709551000ULL);
    after("18446744073709552", WH_ERROR, 0);
    after("18446744073709551616", WH_ERROR, 0);
    after("99999999999999999999999999", WH_ERROR, 0);
    after("-1", WH_ERROR, 0);
    after("-0", WH_ERROR, 0);
    after("+5", WH_ERROR, 0);
    after("1.5", WH_ERROR, 0);
    after("5s", WH_ERROR, 0);
    after("5 5", WH_ERROR, 0);
    after("5, 5", WH_ERROR, 0);
    after("0x10", WH_ERROR, 0);
    after("1e3", WH_ERROR, 0);
    after("", WH_ERROR, 0);
    after("  ", WH_ERROR, 0);
    after("soon", WH_ERROR, 0);
    after("Sun, 06 Nov 1994 08:49:37 GMT", WH_OK, 0);
    after("Sun, 06 Nov 1994 08:49:36 GMT", WH_OK, 0);
    after("Sun, 06 Nov 1994 08:49:38 GMT", WH_OK, 1000);
    after(" Sun, 06 Nov 1994 08:49:38 GMT ", WH_OK, 1000);
    after("Sunday, 06-Nov-94 08:50:37 GMT", WH_OK, 60000);
    after("Sun Nov  6 09:49:37 1994", WH_OK, 3600000);
    after("Wed, 31 Dec 1969 23:59:59 GMT", WH_OK, 0);
    after("Fri, 31 Dec 9999 23:59:59 GMT", WH_OK,
          (253402300799ULL - NOW) * 1000);
    after("Fri, 31 Foo 9999 23:59:59 GMT", WH_ERROR, 0);

    return done_testing();
}


static void
after(const char *value, int rc, uint64_t ms)
{
    char      *p;
    size_t     n;
    uint64_t   got;
    wh_str_t   s;

    n = strlen(value);
    p = guard_copy(value, n);

    s.data = p;
    s.len = n;

    got = 0;

    ok(wh_retry_after(s, NOW, &got) == rc && got == ms,
       "Retry-After \"%s\"", value);

    guard_free(p, n);
}


static int
http_date(const char *value, uint64_t now, int64_t *seconds)
{
    int        rc;
    char      *p;
    size_t     n;
    wh_str_t   s;

    n = strlen(value);
    p = guard_copy(value, n);

    s.data = p;
    s.len = n;

    rc = wh_http_date(s, now, seconds);

    guard_free(p, n);

    return rc;
}
