
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdlib.h>

#include "tap.h"
#include "wh_mask.h"


#define S(s)  { sizeof(s) - 1, s }


typedef struct {
    const char  *target;
    size_t       from;
    const char  *shown;
} url_t;


static const wh_str_t  prefixes[] = {
    S("key="),
    S("api%20key=")
};


static const url_t  urls[] = {
    { "", 0, "" },
    { "/", 1, "/" },
    { "/key=1", 6, "/key=1" },
    { "/?", 2, "/?" },
    { "/?key=1", 7, "/?key=***" },
    { "/?key=", 6, "/?key=" },
    { "/?a=1&key=s&b=2", 15, "/?a=1&key=***&b=2" },
    { "/?api%20key=s&key=t", 19, "/?api%20key=***&key=***" },
    { "/?monkey=1&keys=2&KEY=3", 23, "/?monkey=1&keys=2&KEY=3" },
    { "/?key=a=b?c", 11, "/?key=***" },
    { "/?a=1&old=secret", 5, "/?a=1&old=***" },
    { "/?old=secret", 1, "/?old=***" },
    { "/?a=1&old=s&secret", 5, "/?a=1&old=***&***" },
    { "/?a=1&&", 5, "/?a=1&&" },
    { "/?&key=1&", 9, "/?&key=***&" }
};


int
main(void)
{
    size_t    i;
    wh_buf_t  b;
    wh_str_t  target;

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        memset(&b, 0, sizeof(wh_buf_t));

        b.max = 1024;
        b.grow = wh_buf_malloc;

        target.data = urls[i].target;
        target.len = strlen(urls[i].target);

        wh_mask_query(&b, target, urls[i].from, prefixes, 2);

        ok(b.err == WH_OK && b.len == strlen(urls[i].shown)
           && (b.len == 0 || memcmp(b.data, urls[i].shown, b.len) == 0),
           "\"%s\" is shown as \"%s\"", urls[i].target, urls[i].shown);

        free(b.data);
    }

    memset(&b, 0, sizeof(wh_buf_t));

    b.max = 4;
    b.grow = wh_buf_malloc;

    target.data = "/?key=1";
    target.len = 7;

    wh_mask_query(&b, target, 7, prefixes, 2);
    ok(b.err == WH_LIMIT, "no room");

    free(b.data);

    return done_testing();
}
