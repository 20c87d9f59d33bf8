
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_rate.h"


#define NOW  UINT64_C(1795305578000)

#define is_uint(got, expected, name)                                         \
    is_int((int64_t) (got), (int64_t) (expected), name)


static void rates(void);
static void any_window(uint32_t n, uint64_t time, uint32_t burst);
static void clocks(void);
static void quotas(void);
static void quota_clocks(void);


static uint64_t  word;


int
main(void)
{
    rates();
    clocks();
    quotas();
    quota_clocks();

    return done_testing();
}


static void
rates(void)
{
    uint64_t   when;
    uint32_t   i;
    wh_rate_t  r;

    memset(&r, 0, sizeof(wh_rate_t));

    r.word = &word;
    word = 0;

    wh_rate_init(&r, 10, 1000, 3);

    for (i = 0; i < 3; i++) {
        is_uint(wh_rate_room(&r, NOW, &when), 3 - i, "room for the burst");
        is_int(wh_rate_take(&r, NOW, &when), WH_OK, "of the burst");
    }

    is_uint(wh_rate_room(&r, NOW, &when), 0, "no room behind it");
    is_int(wh_rate_take(&r, NOW, &when), WH_AGAIN, "none behind it");
    is_uint(when, NOW + 100, "the next one is due an interval later");
    is_int(wh_rate_take(&r, NOW + 99, &when), WH_AGAIN, "just before that");
    is_int(wh_rate_take(&r, NOW + 100, &when), WH_OK, "exactly then");
    is_int(wh_rate_take(&r, NOW + 100, &when), WH_AGAIN, "and one only");

    is_int(wh_rate_take(&r, NOW + 10000, &when), WH_OK, "after a rest");
    is_uint(wh_rate_room(&r, NOW + 10000, &when), 2, "the burst is whole");

    wh_rate_init(&r, 1, 86400000, 0);
    word = 0;

    is_int(wh_rate_take(&r, NOW, &when), WH_OK, "one a day");
    is_int(wh_rate_take(&r, NOW, &when), WH_AGAIN, "is one");
    is_uint(when, NOW + 86400000, "until tomorrow");

    any_window(10, 1000, 1);
    any_window(3, 1000, 1);
    any_window(7, 1000, 5);
    any_window(5000, 1000, 100);
    any_window(1000000, 1000, 1000);
    any_window(90, 60000, 10);
}


/* asked at every ms: as many as may be, and not one more */

static void
any_window(uint32_t n, uint64_t time, uint32_t burst)
{
    int        exact;
    uint32_t   got;
    uint64_t   ms, when;
    wh_rate_t  r;

    memset(&r, 0, sizeof(wh_rate_t));

    r.word = &word;
    word = 0;
    exact = 1;
    got = 0;

    wh_rate_init(&r, n, time, burst);

    for (ms = NOW; ms < NOW + 3 * time; ms++) {

        while (wh_rate_take(&r, ms, &when) == WH_OK) {
            got++;
        }

        if (got > burst + n * (ms - NOW) / time) {
            exact = 0;
        }
    }

    ok(exact, "never more than %u/%llums and a burst of %u", n,
       (unsigned long long) time, burst);

    /* with a burst shorter than a ms there is one at each ms, at most */

    if (burst * time >= n) {
        ok(got + 3 >= 3 * n, "and no less than %u in three times %llums: %u",
           3 * n, (unsigned long long) time, got);
    }
}


static void
clocks(void)
{
    uint64_t   when;
    wh_rate_t  r;

    memset(&r, 0, sizeof(wh_rate_t));

    r.word = &word;
    word = 0;

    wh_rate_init(&r, 10, 1000, 1);

    is_int(wh_rate_take(&r, NOW + 1000000, &when), WH_OK, "a clock ahead");
    is_int(wh_rate_take(&r, NOW, &when), WH_OK,
           "that is set back begins anew");
    is_int(wh_rate_take(&r, NOW, &when), WH_AGAIN, "with one");
    is_uint(when, NOW + 100, "then it goes on");

    is_int(wh_rate_take(&r, NOW + 95, &when), WH_AGAIN,
           "a process whose clock is behind");
    is_uint(when, NOW + 100, "waits for the same");

    word = UINT64_MAX;
    is_int(wh_rate_take(&r, NOW, &when), WH_OK, "a word of nonsense");

    wh_rate_init(&r, 1, UINT64_MAX, UINT32_MAX);
    word = 0;
    is_int(wh_rate_take(&r, UINT64_MAX, &when), WH_OK, "nothing wraps");
}


static void
quotas(void)
{
    uint64_t    until;
    wh_quota_t  q;

    q.n = 3;
    q.time = 1000;
    q.word = &word;
    word = 0;

    is_uint(wh_quota_used(&q, NOW, &until), 0, "none used");
    is_uint(until, 0, "there is no window");

    is_int(wh_quota_take(&q, NOW, &until), WH_OK, "the first one");
    is_uint(until, 0, "begins a window");
    is_int(wh_quota_take(&q, NOW + 500, &until), WH_OK, "the second one");
    is_int(wh_quota_take(&q, NOW + 998, &until), WH_OK, "the last one");
    is_int(wh_quota_take(&q, NOW + 998, &until), WH_AGAIN, "one more");
    is_uint(until, NOW + 1000, "waits until the window ends");
    is_int(wh_quota_take(&q, NOW + 999, &until), WH_AGAIN, "just before");
    is_uint(wh_quota_used(&q, NOW + 999, &until), 3, "used up");
    is_int(wh_quota_take(&q, NOW + 1000, &until), WH_OK, "exactly then");
    is_uint(wh_quota_used(&q, NOW + 1000, &until), 1, "of a new window");
    is_uint(until, NOW + 2000, "that begins with it");

    wh_quota_take(&q, NOW + 1001, &until);
    wh_quota_give(&q);
    is_uint(wh_quota_used(&q, NOW + 1001, &until), 1, "given back");
    wh_quota_give(&q);
    is_uint(wh_quota_used(&q, NOW + 1001, &until), 1, "but for the first one");

    wh_quota_take(&q, NOW + 1002, &until);
    q.n = 1;
    is_int(wh_quota_take(&q, NOW + 1003, &until), WH_AGAIN,
           "a smaller quota holds at once");
    is_uint(until, NOW + 2000, "until the window ends");

    wh_quota_reset(&q);
    is_int(wh_quota_take(&q, NOW + 1004, &until), WH_OK, "reset");

    q.n = WH_QUOTA_MAX;
    word = (NOW << 22) | (WH_QUOTA_MAX - 1);
    is_int(wh_quota_take(&q, NOW, &until), WH_OK, "the largest one");
    is_int(wh_quota_take(&q, NOW, &until), WH_AGAIN, "ends, too");
}


static void
quota_clocks(void)
{
    uint64_t    until;
    wh_quota_t  q;

    q.n = 1;
    q.time = 1000;
    q.word = &word;
    word = 0;

    wh_quota_take(&q, NOW, &until);

    is_int(wh_quota_take(&q, NOW - 5, &until), WH_AGAIN,
           "a process whose clock is behind");
    is_uint(until, NOW + 1000, "is in the same window");

    is_int(wh_quota_take(&q, NOW - 60000, &until), WH_OK,
           "a clock that was set back begins another one");
}
