
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_id.h"
#include "wh_url.h"


/*
 * A URL that is accepted can be put together again from its parts, and what
 * comes out is accepted with the same parts; no part has an octet that could
 * end a request line or a header field.  The same for "traceparent".
 */


static void url(wh_str_t in);
static void trace(wh_str_t in);
static int same(wh_str_t a, wh_str_t b);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p;
    wh_str_t   in;

    p = fuzz_copy(data, size);

    in.data = p;
    in.len = size;

    url(in);
    trace(in);

    free(p);

    return 0;
}


static void
url(wh_str_t in)
{
    int          rc;
    char        *text;
    size_t       i, n;
    wh_str_t     copy;
    wh_url_t     u, v;
    const char  *err;

    err = NULL;

    rc = wh_url_parse(in, &u, &err);

    if (rc != WH_OK) {
        CHECK(rc == WH_ERROR && err != NULL && err[0] != '\0');
        return;
    }

    CHECK(err == NULL);
    CHECK(u.port != 0);
    CHECK(u.port_given || u.port == (u.https ? 443 : 80));
    CHECK(u.host.len > 0 && u.host.len < 255);
    CHECK(u.authority.len >= u.host.len);
    CHECK(u.target.len > 0 && u.target.data[0] == '/');

    for (i = 0; i < u.target.len; i++) {
        CHECK(u.target.data[i] > 0x20 && u.target.data[i] < 0x7f);
    }

    for (i = 0; i < u.authority.len; i++) {
        CHECK(u.authority.data[i] > 0x20 && u.authority.data[i] < 0x7f);
        CHECK(strchr("/?#@\\%", u.authority.data[i]) == NULL);
    }

    (void) wh_url_has_dots(u.target);

    n = u.host.len + u.target.len + 32;

    text = malloc(n);
    CHECK(text != NULL);

    copy.len = (size_t) snprintf(text, n, "%s://%s%.*s%s:%u%.*s",
                                 u.https ? "https" : "http",
                                 u.type == WH_URL_IPV6 ? "[" : "",
                                 (int) u.host.len, u.host.data,
                                 u.type == WH_URL_IPV6 ? "]" : "",
                                 u.port, (int) u.target.len, u.target.data);
    copy.data = text;

    rc = wh_url_parse(copy, &v, &err);

    CHECK(rc == WH_OK);
    CHECK(u.https == v.https && u.type == v.type && u.port == v.port);
    CHECK(same(u.host, v.host) && same(u.target, v.target));

    free(text);
}


static void
trace(wh_str_t in)
{
    int            rc;
    char           out[55], id[32], id2[32], flags[2], flags2[2];
    wh_str_t       copy;
    unsigned char  span[8];

    if (wh_traceparent_parse(in, id, flags) != WH_OK) {
        return;
    }

    memset(span, 0xa5, 8);
    wh_traceparent_format(out, id, span, flags);

    copy.data = out;
    copy.len = 55;

    rc = wh_traceparent_parse(copy, id2, flags2);

    CHECK(rc == WH_OK);
    CHECK(memcmp(id, id2, 32) == 0);
    CHECK(flags2[0] == '0' && flags2[1] >= '0' && flags2[1] <= '3');
}


static int
same(wh_str_t a, wh_str_t b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
