
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_dry.h"


static void members(void);
static void variables(void);
static void errors(void);
static int parse(const char *text);
static void wrong(const char *text, const char *member, const char *what);
static int same(wh_str_t s, const char *text);
static void *room(void *ctx, size_t size);
static void *alloc(void *ctx, size_t size);
static void release(void *ctx, void *p);


static wh_dry_t    dry;
static wh_alloc_t  mem = { alloc, release, NULL };
static uint64_t    pool[4096];
static size_t      used;


int
main(void)
{
    members();
    variables();
    errors();

    return done_testing();
}


static void
members(void)
{
    ok(parse("{}") == WH_OK && dry.given == 0 && dry.status == 0
       && dry.request.len == 0, "nothing is needed");
    wh_dry_free(&dry);

    ok(parse(" {\"event\":\"a.b\",\"id\":\"x\",\"location\":\"/l\",\"method\""
             ":\"PUT\",\"path\":\"/p?q=1\",\"status\":201,\"time\":"
             "1700000000001,\"request\":{\"event\": [1, 2.50]},\"response\":"
             "\"text\"} ") == WH_OK, "all members");
    is_int(dry.given, 0x1ff, "are given");
    ok(same(dry.event, "a.b") && same(dry.id, "x")
       && same(dry.location, "/l") && same(dry.method, "PUT")
       && same(dry.path, "/p?q=1"), "strings");
    ok(dry.status == 201 && dry.time == UINT64_C(1700000000001), "numbers");
    ok(same(dry.request, "{\"event\":[1,2.50]}")
       && same(dry.response, "\"text\""), "JSON, numbers as they are");
    wh_dry_free(&dry);

    ok(parse("{\"request\":null,\"request\":{}}") == WH_OK
       && same(dry.request, "{}"), "the last one counts");
    wh_dry_free(&dry);

    ok(parse("{\"time\":253402300799999,\"status\":599}") == WH_OK
       && dry.time == UINT64_C(253402300799999), "the last time");
    wh_dry_free(&dry);
}


static void
variables(void)
{
    int       kind;
    size_t    pos;
    wh_str_t  name, text;

    ok(parse("{\"variables\":{\"a\":\"1\\u00002\",\"n\":1e400,\"t\":true,"
             "\"z\":null,\"\":\"\"},\"request\":{\"variables\":{\"a\":[]}}}")
       == WH_OK && dry.given == (WH_DRY_VARIABLES|WH_DRY_REQUEST),
       "variables");

    pos = 0;
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_OK
       && same(name, "a") && kind == WH_JSON_STRING && text.len == 3
       && memcmp(text.data, "1\0" "2", 3) == 0, "a string");
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_OK
       && same(name, "n") && kind == WH_JSON_NUMBER && same(text, "1e400"),
       "a number");
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_OK
       && same(name, "t") && kind == WH_JSON_BOOL && same(text, "true"),
       "a boolean");
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_OK
       && same(name, "z") && kind == WH_JSON_NULL && same(text, ""), "null");
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_OK
       && name.len == 0 && text.len == 0, "nothing at all");
    ok(wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_AGAIN,
       "no more");
    wh_dry_free(&dry);

    pos = 0;
    ok(parse("{\"variables\":{}}") == WH_OK
       && wh_dry_variable(&dry, &pos, &name, &kind, &text) == WH_AGAIN,
       "none");
    wh_dry_free(&dry);
}


static void
errors(void)
{
    ok(parse("{\"event\":}") == WH_ERROR && dry.error == NULL
       && dry.offset == 10, "no JSON, and where");
    wh_dry_free(&dry);

    ok(parse("{\"event\":\"a\"") == WH_ERROR && dry.error == NULL,
       "its end is missing");
    wh_dry_free(&dry);

    ok(parse("{} {}") == WH_ERROR && dry.error == NULL, "two of it");
    wh_dry_free(&dry);

    wrong("[]", "", "an array");
    wrong("1", "", "a number");
    wrong("\"a\"", "", "a string");
    wrong("null", "", "null");
    wrong("{\"events\":\"a\"}", "", "an unknown member");
    wrong("{\"event\":1}", "event", "an event that is no string");
    wrong("{\"event\":\"\"}", "event", "an empty one");
    wrong("{\"path\":\"a\\u0000b\"}", "path", "a NUL");
    wrong("{\"id\":{}}", "id", "an object");
    wrong("{\"method\":null}", "method", "no method");
    wrong("{\"location\":[]}", "location", "an array as well");
    wrong("{\"status\":99}", "status", "a status too low");
    wrong("{\"status\":600}", "status", "too high");
    wrong("{\"status\":\"200\"}", "status", "a string");
    wrong("{\"status\":2e2}", "status", "an exponent");
    wrong("{\"time\":-1}", "time", "a time before all");
    wrong("{\"time\":1.5}", "time", "a fraction");
    wrong("{\"time\":253402300800000}", "time", "after all");
    wrong("{\"time\":99999999999999999999999}", "time", "beyond 64 bits");
    wrong("{\"variables\":1}", "variables", "variables as a number");
    wrong("{\"variables\":[]}", "variables", "as an array");
    wrong("{\"variables\":{\"a\":{}}}", "variables", "an object in them");
    wrong("{\"variables\":{\"a\":[1]}}", "variables", "an array in them");
}


static void
wrong(const char *text, const char *member, const char *what)
{
    ok(parse(text) == WH_ERROR && dry.error
       && strcmp(dry.member, member) == 0, "wrong: %s", what);
    wh_dry_free(&dry);
}


static int
parse(const char *text)
{
    used = 0;

    return wh_dry_parse(&dry, (wh_str_t) { strlen(text), (char *) text },
                        &mem, room, NULL);
}


static int
same(wh_str_t s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}


static void *
room(void *ctx, size_t size)
{
    uint64_t  *p;

    (void) ctx;

    p = pool + used;
    used += (size + sizeof(uint64_t) - 1) / sizeof(uint64_t);

    return used <= sizeof(pool) / sizeof(pool[0]) ? p : NULL;
}


static void *
alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
release(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}
