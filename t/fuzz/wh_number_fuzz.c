
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_number.h"


/*
 * Numbers, with spaces in between: each equals itself, and comparing them is
 * antisymmetric and transitive.
 */


static size_t split(const uint8_t *data, size_t size, wh_str_t *s, size_t n);
static void check(wh_str_t a, wh_str_t b, wh_str_t c);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i, n;
    wh_str_t  s[3];

    n = split(data, size, s, 3);

    for (i = 0; i < n; i++) {
        CHECK(wh_number_compare(s[i], s[i]) == 0);
    }

    if (n == 3) {
        check(s[0], s[1], s[2]);
        check(s[1], s[2], s[0]);
        check(s[2], s[0], s[1]);
    }

    for (i = 0; i < n; i++) {
        free((void *) s[i].data);
    }

    return 0;
}


static size_t
split(const uint8_t *data, size_t size, wh_str_t *s, size_t n)
{
    char       *p;
    size_t      i, start, len, count;

    count = 0;
    start = 0;

    for (i = 0; i <= size && count < n; i++) {

        if (i < size && data[i] != ' ') {
            continue;
        }

        len = i - start;

        /* a block of its own, for the sanitizer */

        p = malloc(len ? len : 1);
        CHECK(p != NULL);

        if (len) {
            memcpy(p, data + start, len);
        }

        s[count].data = p;
        s[count].len = len;

        if (wh_number_ok(s[count])) {
            count++;

        } else {
            free(p);
        }

        start = i + 1;
    }

    return count;
}


static void
check(wh_str_t a, wh_str_t b, wh_str_t c)
{
    int  ab, bc, ac;

    ab = wh_number_compare(a, b);
    bc = wh_number_compare(b, c);
    ac = wh_number_compare(a, c);

    CHECK(ab >= -1 && ab <= 1);
    CHECK(wh_number_compare(b, a) == -ab);

    if (ab <= 0 && bc <= 0) {
        CHECK(ac == (ab < bc ? ab : bc));
    }
}
