
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
static void heads(void);
static void targets(void);
static void texts(void);
static int masked(void *ctx, wh_str_t name);
static void fill(wh_row_t *row);


static char  buf[4096];


int
main(void)
{
    rows();
    damaged();
    long_texts();
    mores();
    heads();
    targets();
    texts();

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


static int
masked(void *ctx, wh_str_t name)
{
    const char  *secret = ctx;

    return name.len == strlen(secret)
           && memcmp(name.data, secret, name.len) == 0;
}


static void
heads(void)
{
    wh_buf_t  out;

    memset(&out, 0, sizeof(wh_buf_t));
    out.max = SIZE_MAX;
    out.grow = wh_buf_malloc;

    is_int(wh_mask_head(&out, text("A: 1\r\nX-Key: s: t\r\nX-Keys: 2\r\n"
                                   "odd\r\nX-Key:u"), masked,
                        (void *) (uintptr_t) "X-Key"), WH_OK, "a head");
    is_str(out.data, out.len, "A: 1\r\nX-Key: ***\r\nX-Keys: 2\r\nodd\r\n"
           "X-Key: ***\r\n", "values are masked by names");

    free(out.data);
}


static void
targets(void)
{
    size_t    i;
    wh_buf_t  out;

    static struct {
        wh_str_t     target;
        const char  *masked;
    } t[] = {
        { { 2, "/a" }, "/a" },
        { { 8, "/key=s/a" }, "/key=s/a" },
        { { 7, "/?key=s" }, "/?key=***" },
        { { 11, "/?key=s&b=1" }, "/?key=***&b=1" },
        { { 15, "/?b=1&key=s&b=2" }, "/?b=1&key=***&b=2" },
        { { 14, "/?key=s&key=tt" }, "/?key=***&key=***" },
        { { 9, "/?keys=s&" }, "/?keys=s&" },
        { { 5, "/?key" }, "/?key" },
        { { 6, "/?key=" }, "/?key=***" },
        { { 9, "/?a=?key=" }, "/?a=?key=" },
        { { 0, "" }, "" },
    };

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        memset(&out, 0, sizeof(wh_buf_t));
        out.max = SIZE_MAX;
        out.grow = wh_buf_malloc;

        (void) wh_mask_target(&out, t[i].target, masked,
                              (void *) (uintptr_t) "key");
        is_str(out.data ? out.data : "", out.len, t[i].masked, "target %s",
               t[i].masked);
        free(out.data);
    }
}


static void
texts(void)
{
    char    t[64];
    size_t  len;

    strcpy(t, "secret, secret, and no secre");
    len = strlen(t);
    wh_mask_text(t, &len, text("secret"));
    is_str(t, len, "***, ***, and no ***", "each place, and what is cut");

    strcpy(t, "secre, or sec");
    len = strlen(t);
    wh_mask_text(t, &len, text("secret"));
    is_str(t, len, "secre, or sec", "what is no place, or too short a one");

    strcpy(t, "abc");
    len = 3;
    wh_mask_text(t, &len, text("abc"));
    is_str(t, len, "abc", "what is as short as a mask is left");
}
