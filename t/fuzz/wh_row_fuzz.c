
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_mask.h"
#include "wh_row.h"


/*
 * What the store has of an attempt, and heads and targets as they are shown:
 * what is read can be written and read again; of a header, an argument or a
 * text that is secret nothing is left, and the rest is as it was.
 */


static void row(wh_str_t in);
static void more(wh_str_t in);
static void head(wh_str_t in);
static void target(wh_str_t in);
static void text(wh_str_t in);
static int secret(void *ctx, wh_str_t name);
static int same(wh_str_t a, wh_str_t b);
static size_t count(const char *p, size_t n, char c);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    row(in);
    more(in);
    head(in);
    target(in);
    text(in);

    free(p);

    return 0;
}


static void
row(wh_str_t in)
{
    char      *p;
    wh_row_t   r, again;
    wh_str_t   out;

    if (wh_row_get(in, &r) != WH_OK) {
        return;
    }

    out.len = wh_row_size(&r);
    CHECK(out.len <= in.len);

    p = malloc(out.len);
    CHECK(p != NULL);

    out.data = p;

    wh_row_put(&r, p);

    CHECK(wh_row_get(out, &again) == WH_OK);
    CHECK(r.time == again.time && r.seq == again.seq);
    CHECK(r.index == again.index && r.attempt == again.attempt);
    CHECK(r.worker == again.worker && r.status == again.status);
    CHECK(r.kept == again.kept && r.outcome == again.outcome);
    CHECK(r.flags == again.flags);
    CHECK(memcmp(r.times, again.times, sizeof(r.times)) == 0);
    CHECK(same(r.endpoint, again.endpoint) && same(r.event, again.event));
    CHECK(same(r.id, again.id) && same(r.method, again.method));
    CHECK(same(r.url, again.url));

    free(p);
}


static void
more(wh_str_t in)
{
    char           *p;
    wh_str_t        out;
    wh_row_more_t   m, again;

    if (wh_row_more_get(in, &m) != WH_OK) {
        return;
    }

    out.len = wh_row_more_size(&m);
    CHECK(out.len <= in.len);

    p = malloc(out.len);
    CHECK(p != NULL);

    out.data = p;

    wh_row_more_put(&m, p);

    CHECK(wh_row_more_get(out, &again) == WH_OK);
    CHECK(same(m.request, again.request));
    CHECK(same(m.response, again.response));
    CHECK(same(m.excerpt, again.excerpt));

    free(p);
}


static void
head(wh_str_t in)
{
    size_t       n;
    wh_buf_t     out, again;
    wh_str_t     masked;
    const char  *p, *last, *end;

    fuzz_buf(&out, SIZE_MAX);

    again = out;

    CHECK(wh_mask_head(&out, in, secret, NULL) == WH_OK);

    masked.data = out.data;
    masked.len = out.len;

    last = out.len ? out.data + out.len : NULL;

    for (p = out.data; p < last; p += n) {
        end = memchr(p, '\n', (size_t) (last - p));
        n = end ? (size_t) (end - p) + 1 : (size_t) (last - p);

        if (n > 2 && memcmp(p, "a:", 2) == 0) {
            CHECK(n == 8 && memcmp(p, "a: ***\r\n", 8) == 0);
        }
    }

    CHECK(wh_mask_head(&again, masked, secret, NULL) == WH_OK);
    CHECK(again.len == out.len);
    CHECK(out.len == 0 || memcmp(again.data, out.data, out.len) == 0);

    free(out.data);
    free(again.data);
}


static void
target(wh_str_t in)
{
    wh_buf_t     out;
    const char  *p, *last;

    fuzz_buf(&out, SIZE_MAX);

    CHECK(wh_mask_target(&out, in, secret, NULL) == WH_OK);

    if (out.len == 0) {
        CHECK(in.len == 0);
        return;
    }

    CHECK(count(out.data, out.len, '&') == count(in.data, in.len, '&'));

    last = out.data + out.len;
    p = memchr(out.data, '?', out.len);

    for ( /* void */ ; p; p = memchr(p, '&', (size_t) (last - p))) {
        p++;

        if (last - p > 1 && memcmp(p, "a=", 2) == 0) {
            CHECK(last - p >= 5 && memcmp(p, "a=***", 5) == 0);
            CHECK(last - p == 5 || p[5] == '&');
        }

        if (p == last) {
            break;
        }
    }

    free(out.data);
}


static void
text(wh_str_t in)
{
    char       *p;
    size_t      i, n;
    wh_str_t    key;

    key.data = "abab";
    key.len = 4;

    p = malloc(in.len ? in.len : 1);
    CHECK(p != NULL);

    if (in.len) {
        memcpy(p, in.data, in.len);
    }

    n = in.len;

    wh_mask_text(p, &n, key);

    CHECK(n <= in.len);

    for (i = 0; i + 4 <= n; i++) {
        CHECK(memcmp(p + i, key.data, 4) != 0);
    }

    free(p);
}


static int
secret(void *ctx, wh_str_t name)
{
    (void) ctx;

    return name.len == 1 && name.data[0] == 'a';
}


static int
same(wh_str_t a, wh_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


static size_t
count(const char *p, size_t n, char c)
{
    size_t  i, found;

    found = 0;

    for (i = 0; i < n; i++) {
        found += (p[i] == c);
    }

    return found;
}
