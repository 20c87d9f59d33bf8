
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_metric.h"


static void written(const char *expected, const char *name);
static void accept_test(void);


static wh_buf_t  b;


static const wh_metric_t  counter = {
    "x_things", WH_METRIC_COUNTER, NULL, "Things."
};

static const wh_metric_t  gauge = {
    "x_age_seconds", WH_METRIC_GAUGE, "seconds", "Age."
};

static const wh_metric_t  hist = {
    "x_time_seconds", WH_METRIC_HISTOGRAM, "seconds", "Times."
};

static const wh_metric_t  info = {
    "x_build", WH_METRIC_INFO, NULL, "Build."
};


static const struct {
    const char  *accept;
    int          openmetrics;
} accepts[] = {
    { "", 0 },
    { "*/*", 0 },
    { "text/plain", 0 },
    { "text/html, text/plain;q=0.5", 0 },
    { "application/openmetrics-text", 1 },
    { "APPLICATION/OpenMetrics-Text", 1 },
    { "application/openmetrics-text;version=1.0.0", 1 },
    { "application/openmetrics-text; version=\"1.0.0\"; charset=utf-8", 1 },
    { "application/openmetrics-text;version=0.0.1", 0 },
    { "application/openmetrics-text;version=2.0.0,*/*;q=0.1", 0 },
    { "application/openmetrics-text;q=0", 0 },
    { "application/openmetrics-text;q=0.0, */*", 0 },
    { "application/openmetrics-text;version=1.0.0,"
      "application/openmetrics-text;version=0.0.1;q=0.75,"
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", 1 },
    { "application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.3",
      0 },
    { "text/plain;q=0.3,application/openmetrics-text;q=0.3", 1 },
    { "application/openmetrics-text;q=0.3,text/*;q=0.4", 0 },
    { "application/openmetrics-text;q=0.3,*/*", 0 },
    { "application/openmetrics-text;q=0.3,text/plain;q=0.1,*/*", 1 },
    { "application/openmetrics-text;q=0.3,text/plain;version=0.0.3", 1 },
    { "application/openmetrics-text;q=1.5", 0 },
    { "application/openmetrics-text;q=", 0 },
    { "application/openmetrics-text;q=0.0001", 0 },
    { "application/openmetrics-text;q=0.001", 1 },
    { " , ,\tapplication/openmetrics-text\t; q=1.000 ,", 1 },
    { "application/openmetrics-textual", 0 },
    { "application/openmetrics", 0 },
    { "application/openmetrics-text;a=\"x,y;q=0\";q=0.5", 1 },
    { "application/openmetrics-text;a=\"x", 1 },
    { "application/openmetrics-text;a=\"x\\", 1 },
    { ";;;===//,application/openmetrics-text", 1 },
    { "application/protobuf;proto=x;q=1,application/openmetrics-text;q=0.9",
      1 }
};


int
main(void)
{
    wh_hist_t          h;
    wh_metric_label_t  labels[2];

    b.max = 65536;
    b.grow = wh_buf_malloc;

    wh_metric_head(&b, &counter, 1);
    written("# TYPE x_things counter\n# HELP x_things Things.\n",
            "a counter in OpenMetrics");

    wh_metric_head(&b, &counter, 0);
    written("# TYPE x_things_total counter\n# HELP x_things_total Things.\n",
            "a counter before it");

    wh_metric_head(&b, &gauge, 1);
    written("# TYPE x_age_seconds gauge\n# UNIT x_age_seconds seconds\n"
            "# HELP x_age_seconds Age.\n", "a unit");

    wh_metric_head(&b, &gauge, 0);
    written("# TYPE x_age_seconds gauge\n# HELP x_age_seconds Age.\n",
            "no unit before OpenMetrics");

    wh_metric_head(&b, &info, 1);
    written("# TYPE x_build info\n# HELP x_build Build.\n", "info");

    wh_metric_head(&b, &info, 0);
    written("# TYPE x_build_info gauge\n# HELP x_build_info Build.\n",
            "info before OpenMetrics");

    wh_metric_put(&b, &counter, NULL, 0, UINT64_MAX);
    written("x_things_total 18446744073709551615\n", "no labels");

    labels[0].name = "a";
    labels[0].value.data = "q\"b\\n\nu\xc3\xa4";
    labels[0].value.len = 9;
    labels[1].name = "b";
    labels[1].value.data = "";
    labels[1].value.len = 0;

    wh_metric_put(&b, &info, labels, 2, 1);
    written("x_build_info{a=\"q\\\"b\\\\n\\nu\xc3\xa4\",b=\"\"} 1\n",
            "escapes of labels");

    labels[0].value.data = "a\xff\xc3";
    labels[0].value.len = 3;

    wh_metric_put(&b, &gauge, labels, 1, 0);
    written("x_age_seconds{a=\"a?\?\"} 0\n", "no UTF-8 in a label");

    wh_metric_put_seconds(&b, &gauge, NULL, 0, 1234, 1000);
    written("x_age_seconds 1.234\n", "ms as seconds");

    wh_metric_put_seconds(&b, &gauge, NULL, 0, 1000000005, 1000000000);
    written("x_age_seconds 1.000000005\n", "ns as seconds");

    memset(&h, 0, sizeof(wh_hist_t));

    wh_hist_add(&h, &wh_hist_attempts, 7);
    wh_hist_add(&h, &wh_hist_attempts, 40);
    wh_hist_add(&h, &wh_hist_attempts, 100000);

    labels[0].value.data = "e";
    labels[0].value.len = 1;

    wh_metric_put_hist(&b, &hist, labels, 1, &h, &wh_hist_attempts);
    written("x_time_seconds_bucket{a=\"e\",le=\"0.005\"} 0\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.01\"} 1\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.025\"} 1\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.05\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.1\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.25\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"0.5\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"1.0\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"2.5\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"5.0\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"10.0\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"30.0\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"60.0\"} 2\n"
            "x_time_seconds_bucket{a=\"e\",le=\"+Inf\"} 3\n"
            "x_time_seconds_sum{a=\"e\"} 100.047\n"
            "x_time_seconds_count{a=\"e\"} 3\n", "a histogram");

    b.max = 8;
    wh_metric_put(&b, &counter, NULL, 0, 1);
    ok(b.err == WH_LIMIT, "no room");

    free(b.data);

    accept_test();

    return done_testing();
}


static void
written(const char *expected, const char *name)
{
    ok(b.err == WH_OK && b.len == strlen(expected)
       && memcmp(b.data, expected, b.len) == 0, "%s", name);

    b.len = 0;
}


static void
accept_test(void)
{
    char      *p;
    size_t     i, n;
    wh_str_t   accept;

    for (i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {

        /* exactly as large as it is, for the sanitizer */

        n = strlen(accepts[i].accept);
        p = malloc(n ? n : 1);
        memcpy(p, accepts[i].accept, n);

        accept.data = p;
        accept.len = n;

        ok(wh_metric_accept(accept) == accepts[i].openmetrics,
           "Accept: %s", accepts[i].accept);

        free(p);
    }
}
