
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <time.h>

#include "tap.h"
#include "wh_id.h"


static void iso(uint64_t ms, const char *expected, const char *name);
static void iso_all(void);
static void trace(const char *text, int rc, const char *name);


#define ID     "0af7651916cd43dd8448eb211c80319c"
#define SPAN   "b7ad6b7169203331"
#define ZERO8  "00000000"


int
main(void)
{
    char                 out[64], text[200], trace_id[32], flags[2];
    size_t               i;
    wh_str_t             in;
    const unsigned char  ones[10] = { 255, 255, 255, 255, 255,
                                      255, 255, 255, 255, 255 };
    const unsigned char  zeros[10] = { 0 };

    /* RFC 9562, appendix A.6 */
    const unsigned char  rfc[10] = { 0x0c, 0xc3, 0x18, 0xc4, 0xdc,
                                     0x0c, 0x0c, 0x07, 0x39, 0x8f };
    const unsigned char  span[8] = { 0xb7, 0xad, 0x6b, 0x71, 0x69,
                                     0x20, 0x33, 0x31 };

    wh_uuid7(out, UINT64_C(0x017f22e279b0), rfc);
    is_str(out, 36, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
           "UUID: the vector of RFC 9562");

    wh_uuid7(out, 0, zeros);
    is_str(out, 36, "00000000-0000-7000-8000-000000000000",
           "UUID: version and variant are set");

    wh_uuid7(out, UINT64_MAX, ones);
    is_str(out, 36, "ffffffff-ffff-7fff-bfff-ffffffffffff",
           "UUID: version and variant are kept within");

    memset(out, 'x', sizeof(out));
    wh_uuid7(out, 1, zeros);
    is_int(out[36], 'x', "UUID: exactly 36 octets are written");

    iso(UINT64_C(0), "1970-01-01T00:00:00.000Z", "the epoch");
    iso(UINT64_C(1767323045678), "2026-01-02T03:04:05.678Z", "a time");
    iso(UINT64_C(951782400000), "2000-02-29T00:00:00.000Z",
        "leap day of a century");
    iso(UINT64_C(951868799999), "2000-02-29T23:59:59.999Z", "its end");
    iso(UINT64_C(951868800000), "2000-03-01T00:00:00.000Z", "March 1");
    iso(UINT64_C(4107542400000), "2100-03-01T00:00:00.000Z",
        "no leap day in 2100");
    iso(UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z", "the last");
    iso(UINT64_C(253402300800000), "9999-12-31T23:59:59.999Z",
        "after the last");
    iso(UINT64_MAX, "9999-12-31T23:59:59.999Z", "the largest number");
    iso_all();

    ok(wh_id_ok("aZ09_-", 6), "id: letters, digits, _ and -");
    ok(!wh_id_ok("", 0), "id: not empty");
    ok(!wh_id_ok(NULL, 0), "id: NULL of no octets is empty");
    ok(!wh_id_ok("a b", 3), "id: no space");
    ok(!wh_id_ok("a/b", 3), "id: no slash");
    ok(!wh_id_ok("..", 2), "id: no dot");
    ok(!wh_id_ok("a\0", 2), "id: no NUL");
    ok(!wh_id_ok("\xc3\xa9", 2), "id: no UTF-8");
    memset(text, 'a', sizeof(text));
    ok(wh_id_ok(text, 128), "id: 128 octets");
    ok(!wh_id_ok(text, 129), "id: not 129");

    trace("00-" ID "-" SPAN "-01", WH_OK, "version 00");
    trace("00-" ID "-" SPAN "-ff", WH_OK, "any flags");
    trace("00-" ID "-" SPAN "-01-", WH_ERROR, "version 00, 56 octets");
    trace("00-" ID "-" SPAN "-01-x", WH_ERROR, "version 00, more fields");
    trace("cc-" ID "-" SPAN "-01", WH_OK, "later version");
    trace("cc-" ID "-" SPAN "-01-what-ever", WH_OK, "later, more fields");
    trace("cc-" ID "-" SPAN "-01x", WH_ERROR, "later, no - after flags");
    trace("01-" ID "-" SPAN "-09", WH_OK, "version 01");
    trace("0f-" ID "-" SPAN "-09", WH_OK, "version 0f");
    trace("ff-" ID "-" SPAN "-01", WH_ERROR, "version ff");
    trace("ff-" ID "-" SPAN "-01-x", WH_ERROR, "version ff, more fields");
    trace("0A-" ID "-" SPAN "-01", WH_ERROR, "upper-case version");
    trace("00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", WH_ERROR,
          "upper-case trace id");
    trace("00-" ID "-B7AD6B7169203331-01", WH_ERROR, "upper-case parent id");
    trace("00-" ID "-" SPAN "-0A", WH_ERROR, "upper-case flags");
    trace("00-" ZERO8 ZERO8 ZERO8 ZERO8 "-" SPAN "-01", WH_ERROR,
          "trace id of zeros");
    trace("00-" ID "-" ZERO8 ZERO8 "-01", WH_ERROR, "parent id of zeros");
    trace("00-" ID "_" SPAN "-01", WH_ERROR, "no -");
    trace("0g-" ID "-" SPAN "-01", WH_ERROR, "version is not hex");
    trace("00-" ID "-" SPAN "-0g", WH_ERROR, "flags are not hex");
    trace(" 00-" ID "-" SPAN "-01", WH_ERROR, "space before");
    trace("", WH_ERROR, "empty");

    in.data = NULL;
    in.len = 0;
    is_int(wh_traceparent_parse(in, trace_id, flags), WH_ERROR,
           "traceparent: NULL of no octets");

    for (i = 0; i < 55; i++) {
        (void) snprintf(text, sizeof(text), "%.*s", (int) i,
                        "00-" ID "-" SPAN "-01");
        trace(text, WH_ERROR, "cut");
    }

    memset(out, 'x', sizeof(out));
    wh_traceparent_format(out, ID, span, "01");
    is_str(out, 55, "00-" ID "-" SPAN "-01", "traceparent: format");
    is_int(out[55], 'x', "traceparent: exactly 55 octets are written");

    wh_traceparent_format(out, ID, span, "00");
    is_str(out, 55, "00-" ID "-" SPAN "-00", "traceparent: not sampled");

    wh_traceparent_format(out, ID, span, "ff");
    is_str(out, 55, "00-" ID "-" SPAN "-03",
           "traceparent: flags not defined are sent as zeros");

    return done_testing();
}


static void
iso(uint64_t ms, const char *expected, const char *name)
{
    char  out[25];

    out[24] = 'x';
    wh_time_iso(out, ms);

    is_str(out, 24, expected, "time: %s", name);
    is_int(out[24], 'x', "time: %s: exactly 24 octets", name);
}


/* the test may use libc, the code must not */

static void
iso_all(void)
{
    int        wrong;
    char       out[25], expected[32];
    time_t     t;
    struct tm  tm;

    wrong = 0;
    out[24] = '\0';

    for (t = 0; t < 253402300800; t += 86400 - 1) {
        (void) gmtime_r(&t, &tm);
        (void) strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.007Z",
                        &tm);

        wh_time_iso(out, (uint64_t) t * 1000 + 7);

        if (strcmp(out, expected) != 0) {
            wrong++;
        }
    }

    is_int(wrong, 0, "time: every day until 9999 is as gmtime() has it");
}


static void
trace(const char *text, int rc, const char *name)
{
    char      *p, trace_id[33], flags[3];
    wh_str_t   in;

    in.len = strlen(text);
    p = guard_copy(text, in.len);
    in.data = p;

    trace_id[32] = 'x';
    flags[2] = 'x';

    is_int(wh_traceparent_parse(in, trace_id, flags), rc,
           "traceparent: %s is%s valid: \"%s\"", name,
           rc == WH_OK ? "" : " not", text);

    if (rc == WH_OK) {
        is_str(trace_id, 32, ID, "traceparent: %s: trace id", name);
        is_mem(flags, 2, p + 53, 2, "traceparent: %s: flags", name);
        ok(trace_id[32] == 'x' && flags[2] == 'x',
           "traceparent: %s: nothing is written past the ends", name);
    }

    guard_free(p, in.len);
}
