
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_time.h"
#include "tap.h"


static int64_t parse(const char *s);


int
main(void)
{
    size_t   i;
    int64_t  days, ms;
    char     text[32];
    int      year, month, day, wrong;

    static const int  length[] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01", 0 },
        { "1969-12-31T23:59:59.999Z", -1 },
        { "2026-11-21T20:19:47.952Z", 1795292387952 },
        { "2026-11-21t20:19:47.9529999z", 1795292387952 },
        { "2026-11-21 21:19:47.952+01:00", 1795292387952 },
        { "2026-11-21T12:34:47-07:45", 1795292387000 },
        { "2016-12-31T23:59:60Z", 1483228800000 },
        { "2000-02-29", 951782400000 },
        { "0001-01-01", -62135596800000 },
        { "9999-12-31T23:59:59Z", 253402300799000 },
    };

    static const char  *bad[] = {
        "", "2026", "2026-11-2", "2026-11-211", "2026-13-01", "2026-00-01",
        "2026-04-31", "2026-02-29", "1900-02-29", "0000-01-01", "2026/11/21",
        "2026-11-21T", "2026-11-21T20:19:47", "2026-11-21T20:19Z",
        "2026-11-21T24:00:00Z", "2026-11-21T20:60:00Z", "2026-11-21T20:19:61Z",
        "2026-11-21T20:19:47.Z", "2026-11-21T20:19:47.5",
        "2026-11-21T20:19:47+0100", "2026-11-21T20:19:47+01:0",
        "2026-11-21T20:19:47+24:00", "2026-11-21T20:19:47ZZ",
        "2026-11-21X20:19:47Z", "2026-11-21T20.19.47Z", "-026-11-21",
        "2026-11-21T20:19:47 01:00", "+2026-11-21",
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        is_int(parse(good[i].text), good[i].ms, "%s", good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(parse(bad[i]), INT64_MIN, "no time: \"%s\"", bad[i]);
    }

    /* every day there is */

    days = -719162;
    wrong = 0;

    for (year = 1; year <= 9999; year++) {
        for (month = 0; month < 12; month++) {

            day = length[month];

            if (month == 1 && year % 4 == 0
                && (year % 100 || year % 400 == 0))
            {
                day++;
            }

            for ( /* void */ ; day > 0; day--) {
                (void) snprintf(text, sizeof(text), "%04d-%02d-%02d", year,
                                month + 1, day);
                ms = parse(text);

                if (ms == INT64_MIN || ms % 86400000) {
                    wrong++;
                }

                if (day == 1) {
                    wrong += (ms / 86400000 != days);
                }
            }

            days += length[month];

            if (month == 1 && year % 4 == 0
                && (year % 100 || year % 400 == 0))
            {
                days++;
            }
        }
    }

    is_int(wrong, 0, "days of all years");
    is_int(days, 2932897, "and their number");

    return done_testing();
}


/* the octet after the text must not be read */

static int64_t
parse(const char *s)
{
    char     *p;
    size_t    n;
    int64_t   ms;
    wh_str_t  str;

    n = strlen(s);

    p = malloc(n ? n : 1);
    memcpy(p, s, n);

    str.len = n;
    str.data = p;

    if (wh_time_parse(str, &ms) != WH_OK) {
        ms = INT64_MIN;
    }

    free(p);

    return ms;
}
