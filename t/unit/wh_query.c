
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_query.h"


#define text(s)  ((wh_str_t) { sizeof(s) - 1, s })


static void arguments(void);
static void decoding(void);
static void numbers(void);
static void times(void);
static void hex(void);
static void filters(void);
static const char *walk(const char *query);
static const char *decoded(wh_str_t value);


static char  buf[256];


int
main(void)
{
    arguments();
    decoding();
    numbers();
    times();
    hex();
    filters();

    return done_testing();
}


static const char *
walk(const char *query)
{
    int       rc;
    char     *p;
    size_t    pos;
    wh_str_t  q, name, value;

    q.data = query;
    q.len = strlen(query);
    pos = 0;
    p = buf;

    for ( ;; ) {
        rc = wh_query_next(q, &pos, &name, &value);

        if (rc != WH_OK) {
            *p++ = rc == WH_AGAIN ? '.' : '!';
            *p = '\0';
            return buf;
        }

        p += sprintf(p, "%.*s|%.*s;", (int) name.len, name.data,
                     (int) value.len, value.data);
    }
}


static void
arguments(void)
{
    ok(strcmp(walk(""), ".") == 0, "nothing");
    ok(strcmp(walk("a=1"), "a|1;.") == 0, "one");
    ok(strcmp(walk("a=1&b=2&a="), "a|1;b|2;a|;.") == 0, "several");
    ok(strcmp(walk("&&a=1&&"), "a|1;.") == 0, "empty ones are skipped");
    ok(strcmp(walk("=x"), "|x;.") == 0, "no name");
    ok(strcmp(walk("a=b=c"), "a|b=c;.") == 0, "the first \"=\"");
    ok(strcmp(walk("a=1&b"), "a|1;!") == 0, "no \"=\"");
}


static const char *
decoded(wh_str_t value)
{
    wh_str_t  s;

    if (wh_query_decode(value, buf, &s) != WH_OK) {
        return "error";
    }

    buf[s.len] = '\0';

    return buf;
}


static void
decoding(void)
{
    ok(strcmp(decoded(text("plain")), "plain") == 0, "as it is");
    ok(strcmp(decoded(text("a+b%20c%2Bd")), "a b c+d") == 0, "encoded");
    ok(strcmp(decoded(text("%c3%A4")), "\xc3\xa4") == 0, "both cases");
    ok(strcmp(decoded(text("")), "") == 0, "nothing");
    ok(strcmp(decoded(text("%")), "error") == 0, "cut off");
    ok(strcmp(decoded(text("x%4")), "error") == 0, "cut off later");
    ok(strcmp(decoded(text("%4g")), "error") == 0, "no digit");
    ok(strcmp(decoded(text("%00")), "error") == 0, "NUL");
}


static void
numbers(void)
{
    uint64_t  n;

    ok(wh_query_number(text("0"), 0, 10, &n) == WH_OK && n == 0, "zero");
    ok(wh_query_number(text("10"), 1, 10, &n) == WH_OK && n == 10, "most");
    ok(wh_query_number(text("007"), 1, 10, &n) == WH_OK && n == 7, "zeros");
    is_int(wh_query_number(text("11"), 1, 10, &n), WH_ERROR, "too many");
    is_int(wh_query_number(text("0"), 1, 10, &n), WH_ERROR, "too few");
    is_int(wh_query_number(text(""), 0, 10, &n), WH_ERROR, "none");
    is_int(wh_query_number(text("-1"), 0, 10, &n), WH_ERROR, "a sign");
    is_int(wh_query_number(text("1x"), 0, 10, &n), WH_ERROR, "a letter");
    is_int(wh_query_number(text("18446744073709551616"), 0, UINT64_MAX, &n),
           WH_ERROR, "beyond all");
    ok(wh_query_number(text("18446744073709551615"), 0, UINT64_MAX, &n)
       == WH_OK && n == UINT64_MAX, "the largest of all");
    is_int(wh_query_number(text("99999999999999999999999"), 0, 5, &n),
           WH_ERROR, "far beyond");
    is_int(wh_query_number(text("9"), 0, 5, &n), WH_ERROR,
           "a digit beyond");
}


static void
times(void)
{
    uint64_t  ms;

    ok(wh_query_time(text("1795305578000"), &ms) == WH_OK
       && ms == UINT64_C(1795305578000), "milliseconds");
    ok(wh_query_time(text("1970-01-01T00:00:01Z"), &ms) == WH_OK
       && ms == 1000, "a date");
    is_int(wh_query_time(text("1969-12-31T23:59:59Z"), &ms), WH_ERROR,
           "before the epoch");
    is_int(wh_query_time(text("today"), &ms), WH_ERROR, "no time");
    is_int(wh_query_time(text(""), &ms), WH_ERROR, "nothing");
}


static void
hex(void)
{
    char  out[8];

    wh_hex_put(buf, "\x00\x7f\xff", 3);
    ok(memcmp(buf, "007fff", 6) == 0, "digits");
    is_int(wh_hex_get(text("007fFF"), out, 3), WH_OK, "and back");
    ok(memcmp(out, "\x00\x7f\xff", 3) == 0, "the same");
    is_int(wh_hex_get(text("007f"), out, 3), WH_ERROR, "too short");
    is_int(wh_hex_get(text("007fff00"), out, 3), WH_ERROR, "too long");
    is_int(wh_hex_get(text("007ffg"), out, 3), WH_ERROR, "no digit");
}


static void
filters(void)
{
    wh_fact_t    fact;
    wh_filter_t  f;

    memset(&f, 0, sizeof(wh_filter_t));
    memset(&fact, 0, sizeof(wh_fact_t));

    fact.endpoint = text("crm");
    fact.event = text("a.b");
    fact.id = text("1");
    fact.time = 100;
    fact.status = 503;
    fact.outcome = 0;

    ok(wh_filter_match(&f, &fact), "no filter");

    f.endpoint = text("crm");
    f.event = text("a.b");
    f.id = text("1");
    f.since = 100;
    f.until = 101;
    f.status = 503;
    f.outcome = 1;
    ok(wh_filter_match(&f, &fact), "all of them");

    f.failed = 1;
    ok(!wh_filter_match(&f, &fact), "failures");
    fact.failed = 1;
    ok(wh_filter_match(&f, &fact), "which it is");

    f.until = 100;
    ok(!wh_filter_match(&f, &fact), "until is not included");
    f.until = 0;
    f.since = 101;
    ok(!wh_filter_match(&f, &fact), "since");
    f.since = 0;
    f.status = 500;
    ok(!wh_filter_match(&f, &fact), "status");
    f.status = 0;
    f.outcome = 2;
    ok(!wh_filter_match(&f, &fact), "outcome");
    f.outcome = 0;
    f.endpoint = text("cr");
    ok(!wh_filter_match(&f, &fact), "endpoint");
    f.endpoint = text("crm");
    f.event = text("a.c");
    ok(!wh_filter_match(&f, &fact), "event");
    f.event.len = 0;
    f.id = text("2");
    ok(!wh_filter_match(&f, &fact), "id");
}
