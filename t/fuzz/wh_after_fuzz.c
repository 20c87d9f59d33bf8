
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_after.h"


/*
 * A value of Retry-After: a date does not wait longer than until the year
 * 10000, and what it gives does not depend on the time before it.
 */


#define NOW  784111777


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    int64_t    date;
    uint64_t   ms, later;
    wh_str_t   s;

    p = fuzz_copy(data, size);

    s.data = p;
    s.len = size;

    if (wh_http_date(s, NOW, &date) == WH_OK) {
        CHECK(date >= -62167219200LL && date <= 253402300800LL);
        CHECK(wh_retry_after(s, NOW, &ms) == WH_OK);
        CHECK(ms == (date > NOW ? (uint64_t) (date - NOW) * 1000 : 0));

        CHECK(wh_retry_after(s, NOW + 1, &later) == WH_OK);
        CHECK(later == (ms ? ms - 1000 : 0));

    } else if (wh_retry_after(s, NOW, &ms) == WH_OK) {
        CHECK(ms % 1000 == 0);
    }

    free(p);

    return 0;
}
