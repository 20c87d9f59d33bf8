
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_metric.h"


/*
 * What is read as Accept has an answer that a further range of weight 0 does
 * not change; as a label it stays within its quotes, on its line.
 */


static int accepts(const uint8_t *data, size_t size, const char *more);
static void label(const uint8_t *data, size_t size);


static const wh_metric_t  metric = {
    "m", WH_METRIC_GAUGE, NULL, "M."
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int  rc;

    rc = accepts(data, size, "");

    CHECK(rc == 0 || rc == 1);

    /* an open string would have what follows in it */

    if (size == 0 || memchr(data, '"', size) == NULL) {
        CHECK(accepts(data, size, ",application/openmetrics-text;q=0") == rc);
    }

    label(data, size);

    return 0;
}


static int
accepts(const uint8_t *data, size_t size, const char *more)
{
    int        rc;
    char      *p;
    size_t     n;
    wh_str_t   accept;

    n = strlen(more);

    /* a block of its own, for the sanitizer */

    p = malloc(size + n ? size + n : 1);
    CHECK(p != NULL);

    if (size) {
        memcpy(p, data, size);
    }

    memcpy(p + size, more, n);

    accept.data = p;
    accept.len = size + n;

    rc = wh_metric_accept(accept);

    free(p);

    return rc;
}


static void
label(const uint8_t *data, size_t size)
{
    size_t             i;
    wh_buf_t           b;
    wh_metric_label_t  l;

    fuzz_buf(&b, SIZE_MAX);

    l.name = "l";
    l.value.data = (const char *) data;
    l.value.len = size;

    wh_metric_put(&b, &metric, &l, 1, 7);

    CHECK(b.err == WH_OK && b.len >= sizeof("m{l=\"\"} 7\n") - 1);
    CHECK(memcmp(b.data, "m{l=\"", 5) == 0);

    for (i = 5; b.data[i] != '"'; i++) {
        CHECK(i < b.len && b.data[i] != '\n');

        if (b.data[i] == '\\') {
            i++;
            CHECK(strchr("\\\"n", b.data[i]) != NULL && b.data[i]);
        }
    }

    CHECK(b.len - i == 5 && memcmp(b.data + i, "\"} 7\n", 5) == 0);

    free(b.data);
}
