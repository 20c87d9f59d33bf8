
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_window.h"

#include <pthread.h>


#define THREADS  4
#define ADDED    20000


static wh_window_t  *shared;
static uint64_t      trips;


static wh_window_t *
window(uint32_t n)
{
    wh_window_t  *w;

    w = calloc(1, wh_window_size(n));

    if (w == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    wh_window_init(w, n);

    return w;
}


/* the nth of them at these times */

static int
add(wh_window_t *w, uint32_t n, uint64_t period, uint64_t first, uint64_t last)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (wh_window_add(w, n, period, first)) {
            return -1;
        }
    }

    return wh_window_add(w, n, period, last);
}


static void
boundaries(void)
{
    uint32_t               i;
    wh_window_t           *w;
    static const uint32_t  ns[] = { 1, 2, 30, 31, 1000, WH_WINDOW_MAX };

    for (i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {

        w = window(ns[i]);

        ok(add(w, ns[i], 1800, 5000, 6800) == 1,
           "%u are tolerated, one more at the end of the time is not", ns[i]);
        is_int(wh_window_count(w, ns[i], 1800, 6800), 0,
               "%u: and then it is empty", ns[i]);
        ok(add(w, ns[i], 1800, 15000, 16801) == 0,
           "%u: one millisecond later it is", ns[i]);

        free(w);
    }

    w = window(1);

    ok(!wh_window_add(w, 1, 10, 100) && !wh_window_add(w, 1, 10, 111)
       && wh_window_add(w, 1, 10, 121),
       "it slides: two of three are near enough");

    free(w);

    w = window(2);

    (void) wh_window_add(w, 2, 10, 100);
    (void) wh_window_add(w, 2, 10, 105);
    is_int(wh_window_count(w, 2, 10, 110), 2, "two are counted");
    is_int(wh_window_count(w, 2, 10, 111), 1, "one of them is too old");

    wh_window_reset(w);
    is_int(wh_window_count(w, 2, 10, 106), 0, "none after a reset");
    ok(!wh_window_add(w, 2, 10, 106) && !wh_window_add(w, 2, 10, 106)
       && wh_window_add(w, 2, 10, 106), "and all are tolerated again");

    free(w);
}


static void
clocks(void)
{
    wh_window_t  *w;

    w = window(2);

    (void) wh_window_add(w, 2, 100, 5000000);
    (void) wh_window_add(w, 2, 100, 5000000);

    ok(!wh_window_add(w, 2, 100, 1000),
       "what lies in the future of a clock set back does not count");
    ok(!wh_window_add(w, 2, 100, 1001) && wh_window_add(w, 2, 100, 1002),
       "and what follows counts as ever");

    (void) wh_window_add(w, 2, 100, 7000);
    (void) wh_window_add(w, 2, 100, 7000);

    ok(wh_window_add(w, 2, 100, 6999),
       "the clock of another process may be a little behind");

    (void) wh_window_add(w, 2, 100, UINT64_MAX);
    (void) wh_window_add(w, 2, 100, UINT64_MAX);
    ok(wh_window_add(w, 2, 100, UINT64_MAX - 1) == 0,
       "times beyond all bounds do no harm");

    free(w);
}


static void
copies(void)
{
    char         *p;
    size_t        size;
    uint32_t      i;
    wh_window_t  *w, *v, *small;

    w = window(30);
    v = window(30);
    small = window(3);

    for (i = 0; i < 130; i++) {
        (void) wh_window_add(w, 30, 5, 100 + i);
    }

    size = wh_window_size(30);
    p = guard_copy((char *) w, size);

    ok(wh_window_copy(v, p, size) == WH_OK
       && wh_window_count(v, 30, 100, 229) == 31
       && wh_window_count(v, 30, 5, 229) == 6,
       "a copy holds the same failures");

    ok(wh_window_copy(small, p, size) == WH_OK
       && wh_window_count(small, 3, 2, 229) == 3,
       "a smaller one the newest");

    ok(wh_window_add(small, 3, 3, 229),
       "which count, together with new ones");

    guard_free(p, size);

    for (i = 0; i < size; i++) {
        p = guard_copy((char *) w, i);

        if (wh_window_copy(v, p, i) == WH_OK) {
            break;
        }

        guard_free(p, i);
    }

    ok(i == size, "no copy that was cut is taken");

    w->base = w->head + 1;
    ok(wh_window_copy(v, w, size) == WH_ERROR, "nor one that is damaged");

    free(w);
    free(v);
    free(small);

    w = window(3);
    ok(wh_window_fits(w, 3) && !wh_window_fits(w, 4) && wh_window_fits(w, 2),
       "a window tells for what it is large enough");
    free(w);
}


/* a process that dies between taking a place and filling it */

static void
deaths(void)
{
    uint32_t      i, trip;
    wh_window_t  *w;

    w = window(30);

    for (i = 0; i < 10; i++) {
        (void) wh_window_add(w, 30, 1000, 5000);
    }

    w->head++;

    for (trip = 0, i = 0; i < 20; i++) {
        trip += (uint32_t) wh_window_add(w, 30, 1000, 5000);
    }

    ok(trip == 1, "a place that is never filled is a failure all the same");

    w->head++;

    for (trip = 0, i = 0; i < 30; i++) {
        trip += (uint32_t) wh_window_add(w, 30, 1000, 7000);
    }

    ok(trip == 1, "also when it is the first one of the window");

    free(w);
}


/* random sequences, against a list of all */

static void
random_sequences(void)
{
    int           got, expected, bad;
    uint32_t      run, n, i, m, len, base;
    uint64_t      now, period, t[256], first;
    wh_window_t  *w;

    srand(1);
    bad = 0;

    for (run = 0; run < 100000; run++) {

        n = (uint32_t) rand() % 12;
        period = (uint64_t) rand() % 50;
        len = (uint32_t) rand() % 40;
        now = 1000000;
        base = 0;

        w = window(n);

        for (i = 0; i < len; i++) {

            now += (uint64_t) rand() % 20;

            if (rand() % 30 == 0) {
                now -= (uint64_t) rand() % 5000;
            }

            if (rand() % 40 == 0) {
                wh_window_reset(w);
                base = i;
            }

            t[i] = now;
            expected = 0;

            if (i - base >= n) {
                m = i - n;
                first = t[m];
                expected = now >= first ? now - first <= period
                                        : first - now <= WH_SKEW;
            }

            got = wh_window_add(w, n, period, now);

            if (got != expected) {
                bad++;
            }

            if (expected) {
                base = i + 1;
            }
        }

        free(w);
    }

    is_int(bad, 0, "100000 random sequences are as in a list of all failures");
}


static void *
thread(void *arg)
{
    int  i;

    for (i = 0; i < ADDED; i++) {
        if (wh_window_add(shared, 30, 1000, 5000)) {
            (void) __atomic_fetch_add(&trips, 1, __ATOMIC_SEQ_CST);
        }
    }

    return arg;
}


static void
threads(void)
{
    int        i;
    pthread_t  t[THREADS];

    shared = window(30);

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&t[i], NULL, thread, NULL) != 0) {
            printf("Bail out! no threads\n");
            exit(2);
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(t[i], NULL);
    }

    /* a trip makes void what another thread has added meanwhile */

    ok(trips <= THREADS * ADDED / 31
       && trips >= THREADS * ADDED / (31 + THREADS),
       "processes beside each other trip once for 31 failures (%u)",
       (unsigned) trips);

    free(shared);
}


int
main(void)
{
    boundaries();
    clocks();
    copies();
    deaths();
    random_sequences();
    threads();

    return done_testing();
}
