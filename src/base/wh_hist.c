
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_hist.h"


const wh_hist_scale_t  wh_hist_attempts = {
    1000,
    {
        { 5, "0.005" },
        { 10, "0.01" },
        { 25, "0.025" },
        { 50, "0.05" },
        { 100, "0.1" },
        { 250, "0.25" },
        { 500, "0.5" },
        { 1000, "1.0" },
        { 2500, "2.5" },
        { 5000, "5.0" },
        { 10000, "10.0" },
        { 30000, "30.0" },
        { 60000, "60.0" }
    }
};


const wh_hist_scale_t  wh_hist_latencies = {
    1000,
    {
        { 10, "0.01" },
        { 50, "0.05" },
        { 100, "0.1" },
        { 250, "0.25" },
        { 500, "0.5" },
        { 1000, "1.0" },
        { 5000, "5.0" },
        { 30000, "30.0" },
        { 60000, "60.0" },
        { 600000, "600.0" },
        { 3600000, "3600.0" },
        { 21600000, "21600.0" },
        { 86400000, "86400.0" }
    }
};


const wh_hist_scale_t  wh_hist_commits = {
    1000000000,
    {
        { 500, "5e-07" },
        { 1000, "1e-06" },
        { 2500, "2.5e-06" },
        { 5000, "5e-06" },
        { 10000, "1e-05" },
        { 50000, "5e-05" },
        { 100000, "0.0001" },
        { 500000, "0.0005" },
        { 1000000, "0.001" },
        { 5000000, "0.005" },
        { 20000000, "0.02" },
        { 100000000, "0.1" },
        { 1000000000, "1.0" }
    }
};


void
wh_hist_add(wh_hist_t *h, const wh_hist_scale_t *scale, uint64_t value)
{
    unsigned  i;

    for (i = 0; i < WH_HIST_BOUNDS; i++) {
        if (value <= scale->bounds[i].bound) {
            break;
        }
    }

    (void) __atomic_fetch_add(&h->counts[i], 1, __ATOMIC_RELAXED);
    (void) __atomic_fetch_add(&h->sum, value, __ATOMIC_RELAXED);
}


uint64_t
wh_hist_read(const wh_hist_t *h, wh_hist_t *copy)
{
    unsigned  i;
    uint64_t  n;

    n = 0;

    for (i = 0; i <= WH_HIST_BOUNDS; i++) {
        copy->counts[i] = __atomic_load_n(&h->counts[i], __ATOMIC_RELAXED);
        n += copy->counts[i];
    }

    copy->sum = __atomic_load_n(&h->sum, __ATOMIC_RELAXED);

    return n;
}


void
wh_hist_max(uint64_t *max, uint64_t value)
{
    uint64_t  old;

    old = __atomic_load_n(max, __ATOMIC_RELAXED);

    while (value > old
           && !__atomic_compare_exchange_n(max, &old, value, 0,
                                           __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* "old" is what another process has set */
    }
}
