
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Histograms in shared memory: no lock, and nothing that the death of a
 * process could leave torn.  What they count is told by a scale of its own.
 */


#ifndef _WH_HIST_H_INCLUDED_
#define _WH_HIST_H_INCLUDED_


#include "wh.h"


#define WH_HIST_BOUNDS  13


typedef struct {
    uint64_t     bound;          /* the largest value that is counted */
    const char  *le;             /* in seconds, as metrics have it */
} wh_hist_bound_t;


typedef struct {
    uint64_t         second;     /* values that are one */
    wh_hist_bound_t  bounds[WH_HIST_BOUNDS];
} wh_hist_scale_t;


typedef struct {
    uint64_t     sum;
    uint64_t     counts[WH_HIST_BOUNDS + 1];  /* the last: above all */
} wh_hist_t;


extern const wh_hist_scale_t  wh_hist_attempts;    /* ms, to a minute */
extern const wh_hist_scale_t  wh_hist_latencies;   /* ms, to a day */
extern const wh_hist_scale_t  wh_hist_commits;     /* ns, to a second */


void wh_hist_add(wh_hist_t *h, const wh_hist_scale_t *scale, uint64_t value);

/* a copy while others add; returns how many values there are in it */
uint64_t wh_hist_read(const wh_hist_t *h, wh_hist_t *copy);

/* sets *max if the value is larger; likewise in shared memory */
void wh_hist_max(uint64_t *max, uint64_t value);


#endif /* _WH_HIST_H_INCLUDED_ */
