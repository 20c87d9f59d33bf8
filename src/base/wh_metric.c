
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_metric.h"
#include "wh_utf8.h"


#define WH_METRIC_LABELS  4


static void wh_metric_string(wh_buf_t *out, const char *s);
static void wh_metric_full_name(wh_buf_t *out, const wh_metric_t *m);
static void wh_metric_labels(wh_buf_t *out, const wh_metric_label_t *labels,
    unsigned n);
static void wh_metric_label_value(wh_buf_t *out, wh_str_t value);
static void wh_metric_seconds(wh_buf_t *out, uint64_t value, uint64_t second);


static const char  *wh_metric_types[] = {
    "counter",
    "gauge",
    "histogram",
    "info"
};


void
wh_metric_head(wh_buf_t *out, const wh_metric_t *m, int openmetrics)
{
    const char  *type;

    type = wh_metric_types[m->type];

    /* the older form names the sample, and has no type "info" */

    (void) wh_buf_put_literal(out, "# TYPE ");

    if (openmetrics) {
        wh_metric_string(out, m->name);

    } else {
        wh_metric_full_name(out, m);
        type = m->type == WH_METRIC_INFO ? "gauge" : type;
    }

    (void) wh_buf_putc(out, ' ');
    wh_metric_string(out, type);
    (void) wh_buf_putc(out, '\n');

    if (openmetrics && m->unit) {
        (void) wh_buf_put_literal(out, "# UNIT ");
        wh_metric_string(out, m->name);
        (void) wh_buf_putc(out, ' ');
        wh_metric_string(out, m->unit);
        (void) wh_buf_putc(out, '\n');
    }

    (void) wh_buf_put_literal(out, "# HELP ");

    if (openmetrics) {
        wh_metric_string(out, m->name);

    } else {
        wh_metric_full_name(out, m);
    }

    (void) wh_buf_putc(out, ' ');
    wh_metric_string(out, m->help);
    (void) wh_buf_putc(out, '\n');
}


static void
wh_metric_string(wh_buf_t *out, const char *s)
{
    (void) wh_buf_put(out, s, strlen(s));
}


static void
wh_metric_full_name(wh_buf_t *out, const wh_metric_t *m)
{
    wh_metric_string(out, m->name);

    if (m->type == WH_METRIC_COUNTER) {
        (void) wh_buf_put_literal(out, "_total");

    } else if (m->type == WH_METRIC_INFO) {
        (void) wh_buf_put_literal(out, "_info");
    }
}


void
wh_metric_put(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, uint64_t value)
{
    wh_metric_full_name(out, m);
    wh_metric_labels(out, labels, n);
    (void) wh_buf_putc(out, ' ');
    (void) wh_buf_put_number(out, value);
    (void) wh_buf_putc(out, '\n');
}


void
wh_metric_put_seconds(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, uint64_t value,
    uint64_t second)
{
    wh_metric_full_name(out, m);
    wh_metric_labels(out, labels, n);
    (void) wh_buf_putc(out, ' ');
    wh_metric_seconds(out, value, second);
    (void) wh_buf_putc(out, '\n');
}


void
wh_metric_put_hist(wh_buf_t *out, const wh_metric_t *m,
    const wh_metric_label_t *labels, unsigned n, const wh_hist_t *h,
    const wh_hist_scale_t *scale)
{
    unsigned           i;
    uint64_t           count;
    wh_hist_t          copy;
    const char        *le;
    wh_metric_label_t  all[WH_METRIC_LABELS + 1];

    for (i = 0; i < n; i++) {
        all[i] = labels[i];
    }

    all[n].name = "le";

    (void) wh_hist_read(h, &copy);
    count = 0;

    for (i = 0; i <= WH_HIST_BOUNDS; i++) {
        le = i < WH_HIST_BOUNDS ? scale->bounds[i].le : "+Inf";

        all[n].value.data = le;
        all[n].value.len = strlen(le);

        count += copy.counts[i];

        wh_metric_string(out, m->name);
        (void) wh_buf_put_literal(out, "_bucket");
        wh_metric_labels(out, all, n + 1);
        (void) wh_buf_putc(out, ' ');
        (void) wh_buf_put_number(out, count);
        (void) wh_buf_putc(out, '\n');
    }

    wh_metric_string(out, m->name);
    (void) wh_buf_put_literal(out, "_sum");
    wh_metric_labels(out, labels, n);
    (void) wh_buf_putc(out, ' ');
    wh_metric_seconds(out, copy.sum, scale->second);

    (void) wh_buf_putc(out, '\n');

    wh_metric_string(out, m->name);
    (void) wh_buf_put_literal(out, "_count");
    wh_metric_labels(out, labels, n);
    (void) wh_buf_putc(out, ' ');
    (void) wh_buf_put_number(out, count);
    (void) wh_buf_putc(out, '\n');
}


static void
wh_metric_labels(wh_buf_t *out, const wh_metric_label_t *labels, unsigned n)
{
    unsigned  i;

    if (n == 0) {
        return;
    }

    for (i = 0; i < n; i++) {
        (void) wh_buf_putc(out, i ? ',' : '{');
        wh_metric_string(out, labels[i].name);
        (void) wh_buf_put_literal(out, "=\"");
        wh_metric_label_value(out, labels[i].value);
        (void) wh_buf_putc(out, '"');
    }

    (void) wh_buf_putc(out, '}');
}


static void
wh_metric_label_value(wh_buf_t *out, wh_str_t value)
{
    char    c;
    int     utf8;
    size_t  i;

    utf8 = (wh_utf8_valid(value.data, value.len) == value.len);

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (c == '\n') {
            (void) wh_buf_put_literal(out, "\\n");
            continue;
        }

        if (c == '\\' || c == '"') {
            (void) wh_buf_putc(out, '\\');
        }

        /* one wrong octet would make all that is scraped invalid */

        (void) wh_buf_putc(out, ((unsigned char) c & 0x80) && !utf8 ? '?' : c);
    }
}


static void
wh_metric_seconds(wh_buf_t *out, uint64_t value, uint64_t second)
{
    (void) wh_buf_put_number(out, value / second);
    (void) wh_buf_putc(out, '.');

    value %= second;

    do {
        second /= 10;
        (void) wh_buf_putc(out, (char) ('0' + value / second % 10));
    } while (second > 1);
}
