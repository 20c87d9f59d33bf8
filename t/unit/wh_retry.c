
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_retry.h"


#define DAY  86400000


static void lists(void);
static void exponential(void);
static void throttled(void);
static void ages(void);
static void fresh(wh_retry_failure_t *f);


int
main(void)
{
    lists();
    exponential();
    throttled();
    ages();

    return done_testing();
}


/* a first attempt that was due at 1000 and failed at once */

static void
fresh(wh_retry_failure_t *f)
{
    memset(f, 0, sizeof(wh_retry_failure_t));

    f->commit = 1000;
    f->first = 1000;
    f->planned = 1000;
    f->now = 1000;
}


static void
lists(void)
{
    uint64_t            next;
    wh_retry_t          r;
    wh_retry_failure_t  f;
    static uint64_t     delays[] = { 30000, 60000, 90000 };

    memset(&r, 0, sizeof(wh_retry_t));

    r.delays = delays;
    r.n = 3;
    r.expire = 180000;

    fresh(&f);

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "a first failure is tried again");
    ok(next == 31000, "the delay adds to the planned time");

    f.used = 1;
    f.planned = 31000;
    f.now = 50000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 91000,
       "delays add up whenever the attempt really began");

    f.used = 2;
    f.planned = 91000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 181000,
       "an attempt exactly at the end of expire is allowed");

    f.used = 3;
    f.planned = 181000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_DEAD,
       "after the last delay a delivery is dead");

    r.expire = 179999;
    f.used = 2;
    f.planned = 91000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "an attempt one millisecond beyond expire is not made");

    r.expire = 0;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "without expire only the list counts");

    f.planned = 1000 + 10 * (uint64_t) DAY;
    f.now = f.planned;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "and that as long as it says");

    fresh(&f);
    f.now = 100000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31000,
       "a planned time may be over already");

    f.used = 7;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_DEAD,
       "a list may have become shorter");

    r.n = 0;
    r.delays = NULL;
    fresh(&f);

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_DEAD,
       "without delays a delivery is dead at once");

    r.n = 1;
    r.delays = delays;
    delays[0] = UINT64_MAX;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "a delay cannot wrap the time");

    f.planned = UINT64_MAX;
    delays[0] = 1;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "nor can a planned time");
}


static void
exponential(void)
{
    uint32_t            i;
    uint64_t            next;
    wh_retry_t          r;
    wh_retry_failure_t  f;
    static uint64_t     delays[] = { 5000, 10000, 20000, 40000, 60000, 60000 };

    memset(&r, 0, sizeof(wh_retry_t));

    r.min = 5000;
    r.max = 60000;

    fresh(&f);

    for (i = 0; i < 6; i++) {
        f.used = i;
        f.now = f.planned;

        ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
           && next == f.planned + delays[i],
           "exponential delay %u is doubled, up to the largest", i + 1);

        f.planned = next;
    }

    f.used = UINT32_MAX;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
       && next == f.planned + 60000, "any number of delays were used");

    r.n = 3;
    f.used = 2;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "the last one that was counted");

    f.used = 3;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_DEAD,
       "with a number of delays a delivery is dead after the last one");

    /* with n its end is known, however far */

    r.n = 1000;
    r.max = DAY;
    f.used = 999;
    f.planned = 1000 + 900 * (uint64_t) DAY;
    f.now = f.planned;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
       && next == f.planned + DAY, "a counted one has no other end");

    r.n = 0;
    r.max = 60000;
    fresh(&f);
    f.used = 9;
    f.planned = 1000 + DAY - 60000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
       && next == 1000 + DAY, "one without an end is tried for a day");

    f.planned++;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "and not a millisecond more");

    r.expire = 3 * (uint64_t) DAY;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "expire may be later than that");

    f.planned = 1000 + r.expire - 60000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "an exponential attempt exactly at the end of expire");

    f.planned++;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "an exponential attempt beyond expire");

    r.expire = 0;
    r.max_age = 2 * (uint64_t) DAY;
    f.planned = 1000 + r.max_age - 60000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "an end by age is an end, too");

    f.planned++;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "and ends it");

    r.max_age = 0;
    r.min = 2 * (uint64_t) DAY;
    r.max = 3 * (uint64_t) DAY;
    fresh(&f);

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "a delay longer than a day is waited for once");

    /* not planned for the past */

    r.min = 5000;
    r.max = 60000;
    fresh(&f);
    f.now = 6000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 6000,
       "a planned time which is just now");

    f.now = 6001;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 6001,
       "after a halt the schedule goes on from now");

    /* jitter */

    fresh(&f);
    r.jitter = 20;
    f.random = 0;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 6000,
       "jitter may leave the delay");

    f.random = UINT32_MAX;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 5001,
       "jitter takes its part at most");

    f.random = 0x80000000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 5500,
       "and is spread evenly");

    r.jitter = 100;
    f.random = UINT32_MAX;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 1001,
       "jitter of all of the delay");

    r.jitter = 0;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 6000,
       "without jitter delays are exact");

    r.min = UINT64_MAX - 1000;
    r.max = UINT64_MAX;
    r.jitter = 100;
    f.used = 1;
    f.random = 0;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "the longest delay cannot wrap the time");
}


static void
throttled(void)
{
    uint64_t            next;
    wh_retry_t          r;
    wh_retry_failure_t  f;
    static uint64_t     delays[] = { 30000, 60000 };
    static uint64_t     longer[] = { DAY, 2 * (uint64_t) DAY };

    memset(&r, 0, sizeof(wh_retry_t));

    r.delays = delays;
    r.n = 2;
    r.after_max = 3600000;

    fresh(&f);
    f.throttled = 1;
    f.now = 1200;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31000,
       "throttled without Retry-After: the delay of the schedule");

    f.after = 29800;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31000,
       "Retry-After counts from the answer on");

    f.after = 29801;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31001,
       "the larger of both is waited for");

    f.after = 3600000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 3601200,
       "the longest Retry-After");

    f.after = 3600001;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 3601200,
       "a longer one is shortened");

    f.after = UINT64_MAX;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 3601200,
       "whatever it is");

    r.after_max = 0;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31000,
       "it may be ignored");

    f.throttled = 0;
    r.after_max = 3600000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 31000,
       "it is no matter of other failures");

    f.throttled = 1;
    f.after = 0;
    f.used = 2;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 61000,
       "throttled after the last delay: this one again");

    f.now = 61000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 61000,
       "a throttled attempt may be planned for now");

    f.now = 61001;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 61001,
       "not for the past");

    /* it ends */

    f.planned = 1000 + DAY - 60000;
    f.now = f.planned;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
       && next == 1000 + DAY, "throttled for a day");

    f.planned++;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "a delivery is not throttled for ever");

    r.delays = longer;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN,
       "a longer schedule is kept");

    f.planned = 1000 + DAY;
    f.now = f.planned;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN
       && next == 1000 + 3 * (uint64_t) DAY, "as long as all delays are");

    f.planned++;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "and not longer");

    r.expire = 40000;
    r.delays = delays;
    fresh(&f);
    f.throttled = 1;
    f.after = 40000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 41000,
       "throttled until exactly the end of expire");

    f.after = 40001;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "Retry-After beyond expire ends it");

    r.expire = 0;
    r.max_age = 40000;
    f.after = 40000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 41000,
       "throttled until exactly the end of its age");

    f.after = 40001;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_EXPIRED,
       "Retry-After beyond its age ends it");

    r.max_age = 0;
    r.n = 0;
    r.delays = NULL;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_DEAD,
       "without delays nothing is tried again");

    r.min = 5000;
    r.max = 60000;
    r.n = 2;
    f.after = 0;
    f.used = 2;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 21000,
       "throttled after the last exponential delay");

    r.n = UINT32_MAX;
    r.max = UINT64_MAX;
    r.expire = 60000;

    ok(wh_retry_next(&r, &f, &next) == WH_RETRY_AGAIN && next == 21000,
       "with any limits");
}


static void
ages(void)
{
    wh_retry_t  r;

    memset(&r, 0, sizeof(wh_retry_t));

    ok(!wh_retry_aged(&r, 0, UINT64_MAX), "without max_age any age is right");

    r.max_age = 500;

    ok(!wh_retry_aged(&r, 1000, 1500), "exactly max_age is allowed");
    ok(wh_retry_aged(&r, 1000, 1501), "a millisecond more is not");
    ok(!wh_retry_aged(&r, 1000, 1000), "an event is young when it is new");
    ok(!wh_retry_aged(&r, 1000, 10), "or when the clock was set back");
}
