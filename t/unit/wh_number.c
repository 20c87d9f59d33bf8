
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_number.h"


#define PAIRS  100000


typedef struct {
    const char  *a;
    const char  *b;
    int          result;
} pair_t;


static pair_t  pairs[] = {
    { "0", "0", 0 },
    { "-0", "0", 0 },
    { "-0.000e99999999999999999999", "0E-5", 0 },
    { "0", "1e-99999999999999999999", -1 },
    { "0", "-1e-99999999999999999999", 1 },
    { "1.0", "1", 0 },
    { "10e-1", "1", 0 },
    { "0.001e3", "1", 0 },
    { "1e0", "1.000", 0 },
    { "1E+2", "100", 0 },
    { "100e-00002", "1", 0 },
    { "2.499", "2.5", -1 },
    { "2.499", "2.4990", 0 },
    { "2.499", "2.4989999999999999999999999999999999", 1 },
    { "9", "10", -1 },
    { "-9", "-10", 1 },
    { "-1", "1", -1 },
    { "12345678901234567890", "12345678901234567891", -1 },
    { "18446744073709551616", "18446744073709551615", 1 },
    { "9007199254740993", "9007199254740992", 1 },
    { "1e400", "1e401", -1 },
    { "1e400", "9.99e399", 1 },
    { "-1e400", "-1e401", 1 },
    { "1e-400", "0", 1 },
    { "1e99999999999999999999", "1e99999999999999999998", 1 },
    { "1e99999999999999999999", "10e99999999999999999998", 0 },
    { "1e99999999999999999999", "0.1e100000000000000000000", 0 },
    { "1e100000000000000000000", "1e99999999999999999999", 1 },
    { "1e-99999999999999999999", "1e-99999999999999999998", -1 },
    { "1e-99999999999999999999", "1e99999999999999999999", -1 },
    { "-1e-99999999999999999999", "-1e99999999999999999999", 1 },
    { "1e18446744073709551616", "1", 1 },
    { "1e9223372036854775808", "1e-9223372036854775808", 1 },
    { "1e-18446744073709551616", "1", -1 },
    { "1e00000000000000000000000000000000001", "10", 0 },
    { "0.000000000000000000001e21", "1", 0 },
    { "1000000000000000000000e-21", "1.0", 0 },
    { NULL, NULL, 0 }
};


static uint64_t  state = 88172645463325252;


static uint32_t rnd(uint32_t n);
static wh_str_t str(const char *s);
static int64_t number(char *buf, size_t size);
static int compare(const char *a, const char *b);


int
main(void)
{
    char     a[64], b[64];
    int      expected;
    pair_t  *p;
    size_t   i, bad;
    int64_t  va, vb;

    for (p = pairs; p->a; p++) {
        is_int(compare(p->a, p->b), p->result, "%s and %s", p->a, p->b);
        is_int(compare(p->b, p->a), -p->result, "%s and %s", p->b, p->a);
    }

    ok(wh_number_ok(str("-1.50e+7")), "a number is one");
    ok(!wh_number_ok(str("+1")), "there is no leading plus");
    ok(!wh_number_ok(str("")), "the empty text is no number");
    ok(!wh_number_ok(str("01")), "there is no leading zero");
    ok(!wh_number_ok(str(" 1")), "there is no space");
    ok(!wh_number_ok(str("0x10")), "there are no hexadecimal digits");

    bad = 0;

    for (i = 0; i < PAIRS; i++) {
        va = number(a, sizeof(a));
        vb = number(b, sizeof(b));
        expected = (va > vb) - (va < vb);

        if (compare(a, b) != expected || compare(b, a) != -expected) {
            printf("# %s and %s\n", a, b);
            bad++;
        }
    }

    is_int((int64_t) bad, 0, "%d random pairs are as integers say", PAIRS);

    return done_testing();
}


static uint32_t
rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return (uint32_t) (state >> 32) % n;
}


static wh_str_t
str(const char *s)
{
    wh_str_t  r;

    r.len = strlen(s);
    r.data = s;

    return r;
}


/*
 * A random text of INT * 10^-scale, the return value is that number times
 * 10^8; digits, scale and exponent vary, many of the numbers are equal.
 */

static int64_t
number(char *buf, size_t size)
{
    int      scale, exp, n, len;
    char     digits[32];
    int64_t  value, v;

    value = (int64_t) rnd(rnd(2) ? 20 : 1000000);
    scale = (int) rnd(7);
    exp = (int) rnd(6) - 2;

    if (rnd(4) == 0) {
        value *= 10;
    }

    n = snprintf(digits, sizeof(digits), "%0*lld", scale + 1,
                 (long long) value);

    len = snprintf(buf, size, "%s%.*s", rnd(3) ? "" : "-", n - scale, digits);

    if (scale) {
        len += snprintf(buf + len, size - (size_t) len, ".%s",
                        digits + n - scale);
    }

    if (exp || rnd(2)) {
        (void) snprintf(buf + len, size - (size_t) len, "%c%s%d",
                        rnd(2) ? 'e' : 'E', exp >= 0 && rnd(2) ? "+" : "",
                        exp);
    }

    v = value;

    for (n = 0; n < 8 + exp - scale; n++) {
        v *= 10;
    }

    return buf[0] == '-' ? -v : v;
}


/* both in blocks of their own: a look behind them is a crash */

static int
compare(const char *a, const char *b)
{
    int        rc;
    char      *pa, *pb;
    wh_str_t   sa, sb;

    sa = str(a);
    sb = str(b);

    pa = malloc(sa.len);
    pb = malloc(sb.len);

    if (pa == NULL || pb == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    memcpy(pa, a, sa.len);
    memcpy(pb, b, sb.len);

    sa.data = pa;
    sb.data = pb;

    rc = (wh_number_ok(sa) && wh_number_ok(sb)) ? wh_number_compare(sa, sb)
                                                : -2;

    free(pa);
    free(pb);

    return rc;
}
