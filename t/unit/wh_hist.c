
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_hist.h"

#include <pthread.h>


#define THREADS  4
#define VALUES   100000


static void scale_test(const char *name, const wh_hist_scale_t *scale);
static void *add_many(void *data);


static wh_hist_t  shared;
static uint64_t   most;


int
main(void)
{
    unsigned   i;
    wh_hist_t  h, copy;
    pthread_t  threads[THREADS];

    scale_test("attempts", &wh_hist_attempts);
    scale_test("latencies", &wh_hist_latencies);
    scale_test("commits", &wh_hist_commits);

    memset(&h, 0, sizeof(wh_hist_t));

    wh_hist_add(&h, &wh_hist_attempts, 0);
    wh_hist_add(&h, &wh_hist_attempts, 5);
    wh_hist_add(&h, &wh_hist_attempts, 6);
    wh_hist_add(&h, &wh_hist_attempts, 60000);
    wh_hist_add(&h, &wh_hist_attempts, 60001);

    ok(wh_hist_read(&h, &copy) == 5, "all are counted");
    ok(copy.sum == 120012, "their sum");
    ok(copy.counts[0] == 2, "a bound is of its own bucket");
    ok(copy.counts[1] == 1, "one more is of the next");
    ok(copy.counts[WH_HIST_BOUNDS - 1] == 1, "the last bound");
    ok(copy.counts[WH_HIST_BOUNDS] == 1, "above all");

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, add_many, NULL) != 0) {
            return 1;
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
    }

    ok(wh_hist_read(&shared, &copy) == THREADS * VALUES,
       "none of several writers' is lost");
    ok(copy.sum == (uint64_t) THREADS * VALUES * (VALUES - 1) / 2,
       "nor of their sum");
    ok(most == VALUES - 1, "the largest of all");

    wh_hist_max(&most, 1);
    ok(most == VALUES - 1, "a smaller one changes nothing");

    return done_testing();
}


static void
scale_test(const char *name, const wh_hist_scale_t *scale)
{
    char      *end;
    double     le;
    int        rising, right;
    unsigned   i;

    rising = 1;
    right = 1;

    for (i = 0; i < WH_HIST_BOUNDS; i++) {

        if (i && scale->bounds[i].bound <= scale->bounds[i - 1].bound) {
            rising = 0;
        }

        le = strtod(scale->bounds[i].le, &end)
             * (double) scale->second;

        if (*end != '\0'
            || le < (double) scale->bounds[i].bound - 0.001
            || le > (double) scale->bounds[i].bound + 0.001)
        {
            right = 0;
        }
    }

    ok(rising, "bounds of %s rise", name);
    ok(right, "names of bounds of %s are their values", name);
}


static void *
add_many(void *data)
{
    uint64_t  i;

    for (i = 0; i < VALUES; i++) {
        wh_hist_add(&shared, &wh_hist_attempts, i);
        wh_hist_max(&most, i);
    }

    return data;
}
