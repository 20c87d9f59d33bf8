
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_row.h"

#include <stdlib.h>


#define text(s)  ((wh_str_t) { sizeof(s) - 1, s })

#define is_text(s, expected, name)                                           \
    ok((s).len == sizeof(expected) - 1                                       \
       && memcmp((s).data, expected, sizeof(expected) - 1) == 0, name)


static void rows(void);
static void damaged(void);
static void long_texts(void);
static void mores(void);
static void fill(wh_row_t *row);


static char  buf[4096];


int
main(void)
{
    rows();
    damaged();
    long_texts();
    mores();

    return done_testing();
}


static void
fill(wh_row_t *row)
{
    memset(row, 0, sizeof(wh_row_t));

    row->time = UINT64_C(1795305578000);
    row->seq = UINT64_MAX - 1;
    row->index = 3;
    row->attempt = 2;
    row->worker = 4242;
    row->status = 503;
    row->kept = 77;
    row->times[WH_ROW_DNS] = WH_ROW_UNKNOWN;
    row->times[WH_ROW_TOTAL] = 12;
    row->outcome = 1;
    row->flags = WH_ROW_FAILED|WH_ROW_CUT;
    row->endpoint = text("crm");
    row->event = text("contact.created");
    row->id = text("0");
    row->method = text("POST");
    row->url = text("https://example.com/");
}


static void
rows(void)
{
    wh_row_t  row, got;
    wh_str_t  in;

    fill(&row);

    in.data = buf;
    in.len = wh_row_size(&row);
    wh_row_put(&row, buf);

    is_int(wh_row_get(in, &got), WH_OK, "a row");
    ok(got.time == row.time && got.seq == row.seq && got.index == 3
       && got.attempt == 2 && got.worker == 4242 && got.status == 503
       && got.kept == 77, "its numbers");
    ok(got.times[WH_ROW_DNS] == WH_ROW_UNKNOWN
       && got.times[WH_ROW_TOTAL] == 12, "its times");
    ok(got.outcome == 1 && got.flags == (WH_ROW_FAILED|WH_ROW_CUT),
       "its outcome");
    is_text(got.endpoint, "crm", "endpoint");
    is_text(got.event, "contact.created", "event");
    is_text(got.id, "0", "id");
    is_text(got.method, "POST", "method");
    is_text(got.url, "https://example.com/", "url");
}


static void
damaged(void)
{
    int       bad;
    char     *p;
    size_t    n;
    wh_row_t  row, got;
    wh_str_t  in;

    fill(&row);

    in.len = wh_row_size(&row);
    wh_row_put(&row, buf);

    bad = 0;

    for (n = 0; n < in.len; n++) {
        wh_str_t  cut;

        /* exactly so long, for the sanitizer */

        p = malloc(n ? n : 1);

        if (p == NULL) {
            return;
        }

        memcpy(p, buf, n);
        cut.data = p;
        cut.len = n;

        bad += (wh_row_get(cut, &got) == WH_OK);
        free(p);
    }

    is_int(bad, 0, "no part of it is one");

    buf[0]++;
    in.data = buf;
    is_int(wh_row_get(in, &got), WH_ERROR, "another version");
}


static void
long_texts(void)
{
    char     *p, *url;
    wh_row_t  row, got;
    wh_str_t  in;

    fill(&row);

    url = calloc(1, 70000);

    if (url == NULL) {
        return;
    }

    row.url.data = url;
    row.url.len = 70000;

    in.len = wh_row_size(&row);
    p = malloc(in.len);

    if (p) {
        wh_row_put(&row, p);
        in.data = p;
        ok(wh_row_get(in, &got) == WH_OK && got.url.len == 65535,
           "a long text is cut");
        free(p);
    }

    free(url);
}


static void
mores(void)
{
    size_t         n;
    unsigned       bad;
    wh_str_t       in;
    wh_row_more_t  more, got;

    more.request = text("Host: a\r\n");
    more.response = text("HTTP/1.1 200 OK\r\n");
    more.excerpt = text("");

    in.data = buf;
    in.len = wh_row_more_size(&more);
    wh_row_more_put(&more, buf);

    is_int(wh_row_more_get(in, &got), WH_OK, "the other part");
    is_text(got.request, "Host: a\r\n", "request");
    is_text(got.response, "HTTP/1.1 200 OK\r\n", "response");
    is_int((int64_t) got.excerpt.len, 0, "excerpt");

    bad = 0;

    for (n = 0; n < in.len; n++) {
        wh_str_t  cut;

        cut.data = buf;
        cut.len = n;
        bad += (wh_row_more_get(cut, &got) == WH_OK);
    }

    is_int(bad, 0, "no part of it is one");
}


