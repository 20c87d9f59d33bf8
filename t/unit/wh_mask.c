
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_mask.h"

#include <stdlib.h>


#define text(s)  ((wh_str_t) { sizeof(s) - 1, s })


static void heads(void);
static void targets(void);
static void texts(void);
static int masked(void *ctx, wh_str_t name);


int
main(void)
{
    heads();
    targets();
    texts();

    return done_testing();
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
