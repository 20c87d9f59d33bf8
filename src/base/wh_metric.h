
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Metrics as text, in both forms: OpenMetrics 1.0, and the text format 0.0.4
 * of Prometheus before it.  Samples have the same names and labels in both.
 */


#ifndef _WH_METRIC_H_INCLUDED_
#define _WH_METRIC_H_INCLUDED_


#include "wh_hist.h"


typedef enum {
    WH_METRIC_COUNTER = 0,
    WH_METRIC_GAUGE,
    WH_METRIC_HISTOGRAM,
    WH_METRIC_INFO
} wh_metric_e;


/* a family */

typedef struct {
    const char   *name;          /* without "_total" and "_info" */
    wh_metric_e   type;
    const char   *unit;          /* a suffix of the name; NULL: none */
    const char   *help;
} wh_metric_t;


typedef struct {
    const char   *name;
    wh_str_t      value;
} wh_metric_label_t;


/* errors stick in out->err */

void wh_metric_head(wh_buf_t *out, const wh_metric_t *m, int openmetrics);

/* a sample of a counter, gauge, or info (1) */
void wh_metric_put(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, uint64_t value);

/* "value" of them are a second, a power of ten */
void wh_metric_put_seconds(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, uint64_t value,
    uint64_t second);

/* all samples of one histogram; at most 4 labels */
void wh_metric_put_hist(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, const wh_hist_t *h,
    const wh_hist_scale_t *scale);


/*
 * By a value of Accept: true when OpenMetrics is what is liked best, and is
 * named.  Whoever accepts anything gets the older form.
 */
int wh_metric_accept(wh_str_t accept);


#endif /* _WH_METRIC_H_INCLUDED_ */
