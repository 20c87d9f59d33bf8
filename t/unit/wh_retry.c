
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_retry.h"


int
main(void)
{
    uint64_t          next;
    wh_retry_t        r;
    static uint64_t   delays[] = { 30000, 60000, 90000 };

    r.delays = delays;
    r.n = 3;
    r.expire = 180000;

    ok(wh_retry_next(&r, 1, 1000, 1000, &next) == WH_RETRY_AGAIN,
       "a first failure is tried again");
    ok(next == 31000, "the delay adds to the planned time");

    ok(wh_retry_next(&r, 2, 1000, 31000, &next) == WH_RETRY_AGAIN
       && next == 91000,
       "delays add up whenever the attempt really began");

    ok(wh_retry_next(&r, 3, 1000, 91000, &next) == WH_RETRY_AGAIN
       && next == 181000,
       "an attempt exactly at the end of expire is allowed");

    ok(wh_retry_next(&r, 4, 1000, 181000, &next) == WH_RETRY_DEAD,
       "after the last delay a delivery is dead");

    r.expire = 179999;

    ok(wh_retry_next(&r, 3, 1000, 91000, &next) == WH_RETRY_EXPIRED,
       "an attempt one millisecond beyond expire is not made");

    r.expire = 0;

    ok(wh_retry_next(&r, 3, 1000, 91000, &next) == WH_RETRY_AGAIN,
       "without expire only the list counts");

    r.n = 0;

    ok(wh_retry_next(&r, 1, 1000, 1000, &next) == WH_RETRY_DEAD,
       "an empty list makes a delivery dead at once");

    r.n = 1;
    delays[0] = UINT64_MAX;

    ok(wh_retry_next(&r, 1, 1000, 1000, &next) == WH_RETRY_EXPIRED,
       "a delay cannot wrap the time");

    return done_testing();
}
