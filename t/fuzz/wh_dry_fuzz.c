
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_dry.h"


/*
 * What is taken as a command is JSON, and so are the bodies in it; variables
 * are within their buffer, one after the other, to its end.
 */


static int valid(wh_str_t text);
static void *room(void *ctx, size_t size);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


static const wh_alloc_t  mem = { mem_alloc, mem_free, NULL };
static void             *pieces[64];
static size_t            npieces;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       rc, kind;
    size_t    pos;
    wh_str_t  text, name, value;
    wh_dry_t  d;

    text.data = (char *) data;
    text.len = size;

    npieces = 0;

    rc = wh_dry_parse(&d, text, &mem, room, NULL);

    if (rc == WH_OK) {
        CHECK(valid(text));
        CHECK(!(d.given & WH_DRY_REQUEST) || valid(d.request));
        CHECK(!(d.given & WH_DRY_RESPONSE) || valid(d.response));
        CHECK(!(d.given & WH_DRY_STATUS)
              || (d.status >= 100 && d.status <= 599));

        pos = 0;

        while (wh_dry_variable(&d, &pos, &name, &kind, &value) == WH_OK) {
            CHECK(kind >= WH_JSON_NULL && kind <= WH_JSON_STRING);
            CHECK(value.data + value.len <= d.variables.data
                                            + d.variables.len);
        }

        CHECK(pos == d.variables.len);

    } else if (d.error == NULL) {
        CHECK(rc == WH_ERROR && d.offset <= size + 1 && !valid(text));
    }

    wh_dry_free(&d);

    while (npieces) {
        free(pieces[--npieces]);
    }

    return 0;
}


static int
valid(wh_str_t text)
{
    int         ok;
    wh_json_t  *j;

    j = wh_json_create(NULL, 0, &mem);
    CHECK(j);

    ok = wh_json_feed(j, text.data, text.len) == WH_OK
         && wh_json_finish(j) == WH_OK;

    wh_json_destroy(j);

    return ok;
}


static void *
room(void *ctx, size_t size)
{
    (void) ctx;

    CHECK(npieces < sizeof(pieces) / sizeof(pieces[0]));

    return pieces[npieces++] = malloc(size);
}


static void *
mem_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}
