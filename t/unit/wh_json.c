
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#define _GNU_SOURCE
#include <dlfcn.h>

#include <yajl/yajl_parse.h>

#include "tap.h"
#include "wh_json.h"


/* an allocator that counts, and fails when it is told to */

typedef struct {
    size_t  blocks;
    size_t  bytes;
    size_t  peak;
    size_t  calls;
    size_t  fail_at;     /* 0: never */
} mem_t;


typedef struct {
    mem_t           mem;
    wh_pointers_t   set;
    void           *chunks[8];
    size_t          nchunks;
    wh_json_t      *j;
    int             rc;  /* of feed */
    int             end; /* of finish */
    int             state;
    uint64_t        offset;
} run_t;


static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);
static void *pool_alloc(void *ctx, size_t size);

static void run_open(run_t *r, const char *const *ptrs, size_t max);
static void run_text(run_t *r, const char *p, size_t n, size_t step);
static void run_close(run_t *r);
static void value(run_t *r, size_t i, int kind, const char *text, size_t n,
    const char *name);

static void pointers(void);
static void rfc6901(void);
static void scalars(void);
static void raw(void);
static void duplicates(void);
static void surrogates(void);
static void grammar(void);
static void text_state(const char *p, size_t n, int end, uint64_t offset);
static void depth(void);
static void limits(void);
static void splits(void);
static void long_tokens(void);
static void long_token(const char *p, size_t n, size_t step, int end,
    const char *name);
static void no_memory(void);


#define T(s)  s, sizeof(s) - 1


/* in these tests a pointer that starts with "!" is WH_JSON_RAW */

static const char *const  all[] = { "!", NULL };

static size_t             given;         /* times yajl was given something */


int
main(void)
{
    pointers();
    rfc6901();
    scalars();
    raw();
    duplicates();
    surrogates();
    grammar();
    depth();
    limits();
    splits();
    long_tokens();
    no_memory();

    return done_testing();
}


static void *
mem_alloc(void *ctx, size_t size)
{
    mem_t   *m;
    size_t  *p;

    m = ctx;

    if (++m->calls == m->fail_at) {
        return NULL;
    }

    p = malloc(size + 16);
    if (p == NULL) {
        return NULL;
    }

    *p = size;

    m->blocks++;
    m->bytes += size;

    if (m->bytes > m->peak) {
        m->peak = m->bytes;
    }

    return (char *) p + 16;
}


static void
mem_free(void *ctx, void *p)
{
    mem_t  *m;
    char   *b;

    m = ctx;
    b = (char *) p - 16;

    m->blocks--;
    m->bytes -= *(size_t *) (void *) b;

    free(b);
}


static void *
pool_alloc(void *ctx, size_t size)
{
    run_t  *r;

    r = ctx;
    r->chunks[r->nchunks] = malloc(size);

    return r->chunks[r->nchunks++];
}


static void
run_open(run_t *r, const char *const *ptrs, size_t max)
{
    size_t         i, bad;
    wh_str_t       p[16];
    wh_alloc_t     mem;
    unsigned char  flags[16];

    memset(r, 0, sizeof(run_t));

    for (i = 0; ptrs[i]; i++) {
        flags[i] = ptrs[i][0] == '!' ? WH_JSON_RAW : 0;
        p[i].data = ptrs[i] + flags[i];
        p[i].len = strlen(p[i].data);
    }

    bad = 0;

    if (wh_pointers_compile(&r->set, p, flags, i, pool_alloc, r, &bad)
        != WH_OK)
    {
        printf("Bail out! pointer %zu is bad\n", bad);
        exit(2);
    }

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = &r->mem;

    r->j = wh_json_create(&r->set, max, &mem);
}


/* feeds "step" octets at a time, each piece before an unmapped page */

static void
run_text(run_t *r, const char *p, size_t n, size_t step)
{
    char    *c;
    size_t   i, len;

    for (i = 0; i < n; i += len) {
        len = n - i < step ? n - i : step;

        c = guard_copy(p + i, len);
        r->rc = wh_json_feed(r->j, c, len);
        guard_free(c, len);
    }

    r->end = wh_json_finish(r->j);
    r->state = wh_json_state(r->j, &r->offset);
}


static void
run_close(run_t *r)
{
    size_t  i;

    wh_json_destroy(r->j);

    if (r->mem.blocks != 0) {
        ok(0, "a parser frees all of its memory");
    }

    for (i = 0; i < r->nchunks; i++) {
        free(r->chunks[i]);
    }
}


static void
value(run_t *r, size_t i, int kind, const char *text, size_t n,
    const char *name)
{
    const wh_json_value_t  *v;

    v = wh_json_value(r->j, i);

    is_int(v->kind, kind, "%s: kind", name);
    is_mem(v->text.data, v->text.len, text, n, "%s: text", name);
    ok(v->text.data != NULL, "%s: text is never NULL", name);
}


static void
pointers(void)
{
    size_t    i, offset, bad;
    run_t     r;
    wh_str_t  p[3];

    static const struct {
        const char  *text;
        size_t       len;
        int          rc;
        size_t       offset;
    } cases[] = {
        { T(""), WH_OK, 0 },
        { T("/"), WH_OK, 0 },
        { T("//"), WH_OK, 0 },
        { T("/a/0/-/~0~1"), WH_OK, 0 },
        { T("/\0"), WH_OK, 0 },
        { T("/\xc3\xa9"), WH_OK, 0 },
        { T("a"), WH_ERROR, 0 },
        { T("#/a"), WH_ERROR, 0 },
        { T("$.a"), WH_ERROR, 0 },
        { T("~"), WH_ERROR, 0 },
        { T("/~"), WH_ERROR, 1 },
        { T("/a~2"), WH_ERROR, 2 },
        { T("/~0~"), WH_ERROR, 3 },
        { T("/~~0"), WH_ERROR, 1 },
        { T("/~/"), WH_ERROR, 1 },
        { T("/a\xff"), WH_ERROR, 2 },
        { T("/\xed\xa0\x80"), WH_ERROR, 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p[0].len = cases[i].len;
        p[0].data = guard_copy(cases[i].text, cases[i].len);

        offset = 0;

        is_int(wh_pointer_check(p[0], &offset), cases[i].rc,
               "pointer \"%s\" is%s one", cases[i].text,
               cases[i].rc == WH_OK ? "" : " not");
        is_int((int64_t) offset, (int64_t) cases[i].offset,
               "pointer \"%s\": offset of the bad octet", cases[i].text);

        guard_free((char *) p[0].data, p[0].len);
    }

    memset(&r, 0, sizeof(run_t));

    p[0].data = "/a";
    p[0].len = 2;
    p[1].data = "/a/b";
    p[1].len = 4;
    p[2].data = "b";
    p[2].len = 1;

    is_int(wh_pointers_compile(&r.set, p, NULL, 3, pool_alloc, &r, &bad),
           WH_ERROR, "a set with a bad pointer is an error");
    is_int((int64_t) bad, 2, "its index is told");
    is_int((int64_t) r.nchunks, 0, "nothing was allocated before");
}


static void
rfc6901(void)
{
    run_t                    r;
    size_t                   step;
    static const char        text[] =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
        "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
    static const char *const ptrs[] = {
        "!", "!/foo", "/foo/0", "/", "/a~1b", "/c%d", "/e^f", "/g|h",
        "/i\\j", "/k\"l", "/ ", "/m~0n", NULL };

    for (step = 1; step < sizeof(text) + 10; step += 10) {
        run_open(&r, ptrs, 10000);
        run_text(&r, text, sizeof(text) - 1, step);

        is_int(r.end, WH_OK, "RFC 6901, section 5, by %zu", step);
        value(&r, 0, WH_JSON_TEXT, text, sizeof(text) - 1, "\"\"");
        value(&r, 1, WH_JSON_TEXT, T("[\"bar\",\"baz\"]"), "\"/foo\"");
        value(&r, 2, WH_JSON_STRING, T("bar"), "\"/foo/0\"");
        value(&r, 3, WH_JSON_NUMBER, T("0"), "\"/\"");
        value(&r, 4, WH_JSON_NUMBER, T("1"), "\"/a~1b\"");
        value(&r, 5, WH_JSON_NUMBER, T("2"), "\"/c%d\"");
        value(&r, 6, WH_JSON_NUMBER, T("3"), "\"/e^f\"");
        value(&r, 7, WH_JSON_NUMBER, T("4"), "\"/g|h\"");
        value(&r, 8, WH_JSON_NUMBER, T("5"), "\"/i\\j\"");
        value(&r, 9, WH_JSON_NUMBER, T("6"), "\"/k\"l\"");
        value(&r, 10, WH_JSON_NUMBER, T("7"), "\"/ \"");
        value(&r, 11, WH_JSON_NUMBER, T("8"), "\"/m~0n\"");
        run_close(&r);
    }
}


static void
scalars(void)
{
    run_t                    r;
    static const char *const ptrs[] = {
        "/n", "/t", "/f", "/s", "/o", "/a", "/none", "/s/0", "/a/1", "/a/01",
        "/a/-", "/a/3", "/o/-", "/a/18446744073709551616", "/o/01", NULL };
    static const char *const nums[] = { "/0", "/1", "/2", "/3", "/4", "/5",
                                        NULL };
    static const char *const nested[] = { "/0/0/1/x/2", "/1", "/1", "!/1",
                                          NULL };

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"n\":null, \"t\":true, \"f\":false, \"s\":\"a\\u0000\\n"
                   "\\u00e9\\ud83d\\ude00\", \"o\":{\"-\":1,\"01\":2},"
                   "\"a\":[10,11,12]}"), 1000);

    is_int(r.end, WH_OK, "values of each type are parsed");
    value(&r, 0, WH_JSON_NULL, "", 0, "null");
    value(&r, 1, WH_JSON_BOOL, T("true"), "true");
    value(&r, 2, WH_JSON_BOOL, T("false"), "false");
    value(&r, 3, WH_JSON_STRING, T("a\0\n\xc3\xa9\xf0\x9f\x98\x80"),
          "string with an escaped NUL, e acute, and a pair");
    value(&r, 4, WH_JSON_OBJECT, "", 0, "object");
    value(&r, 5, WH_JSON_ARRAY, "", 0, "array");
    value(&r, 6, WH_JSON_NONE, "", 0, "absent member");
    value(&r, 7, WH_JSON_NONE, "", 0, "element of a string");
    value(&r, 8, WH_JSON_NUMBER, T("11"), "element");
    value(&r, 9, WH_JSON_NONE, "", 0, "index with a leading zero");
    value(&r, 10, WH_JSON_NONE, "", 0, "element after the last");
    value(&r, 11, WH_JSON_NONE, "", 0, "index beyond the end");
    value(&r, 12, WH_JSON_NUMBER, T("1"), "member \"-\"");
    value(&r, 13, WH_JSON_NONE, "", 0, "index of 65 bits");
    value(&r, 14, WH_JSON_NUMBER, T("2"), "member \"01\"");
    run_close(&r);

    run_open(&r, nums, 1000);
    run_text(&r, T("[2.499,1e400,9007199254740993,18446744073709551616123,"
                   "-0,1.10E+0]"), 3);
    value(&r, 0, WH_JSON_NUMBER, T("2.499"), "fraction as written");
    value(&r, 1, WH_JSON_NUMBER, T("1e400"), "number beyond a double");
    value(&r, 2, WH_JSON_NUMBER, T("9007199254740993"), "64-bit number");
    value(&r, 3, WH_JSON_NUMBER, T("18446744073709551616123"),
          "number beyond 64 bits");
    value(&r, 4, WH_JSON_NUMBER, T("-0"), "negative zero");
    value(&r, 5, WH_JSON_NUMBER, T("1.10E+0"), "exponent as written");
    run_close(&r);

    run_open(&r, nested, 1000);
    run_text(&r, T("[[[0,{\"x\":[1,2,\"deep\"]}]],\"\"]"), 1000);
    value(&r, 0, WH_JSON_STRING, T("deep"), "nested value");
    value(&r, 1, WH_JSON_STRING, "", 0, "empty string");
    value(&r, 2, WH_JSON_STRING, "", 0, "the same pointer twice");
    value(&r, 3, WH_JSON_TEXT, T("\"\""), "the same pointer, raw");
    run_close(&r);
}


static void
raw(void)
{
    run_t                    r;
    static const char *const ptrs[] = { "!", "!/a", "!/a/1", "!/b", "!/c",
                                        "!/none", "/a", NULL };

    run_open(&r, ptrs, 1000);
    run_text(&r, T(" { \"a\" : [ 1.0 , { \"x\\u00e9\\/\" : \"\\u0041\\u001f\" "
                   "} , [ ] , { } ] ,\n \"b\" : null , \"c\" : \"\\ud83d\\ude00"
                   "\\\"\" } "), 1000);

    is_int(r.end, WH_OK, "raw: parsed");
    value(&r, 0, WH_JSON_TEXT,
          T("{\"a\":[1.0,{\"x\xc3\xa9/\":\"A\\u001f\"},[],{}],\"b\":null,"
            "\"c\":\"\xf0\x9f\x98\x80\\\"\"}"),
          "raw: the whole, compact, minimal escapes, order kept");
    value(&r, 1, WH_JSON_TEXT,
          T("[1.0,{\"x\xc3\xa9/\":\"A\\u001f\"},[],{}]"), "raw: within it");
    value(&r, 2, WH_JSON_TEXT, T("{\"x\xc3\xa9/\":\"A\\u001f\"}"),
          "raw: within that");
    value(&r, 3, WH_JSON_TEXT, T("null"), "raw: null");
    value(&r, 4, WH_JSON_TEXT, T("\"\xf0\x9f\x98\x80\\\"\""), "raw: string");
    value(&r, 5, WH_JSON_NONE, "", 0, "raw: absent");
    value(&r, 6, WH_JSON_ARRAY, "", 0, "not raw beside raw");
    run_close(&r);

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"a\":[1,2"), 1000);
    is_int(r.end, WH_AGAIN, "raw: unfinished text");
    value(&r, 0, WH_JSON_NONE, "", 0, "raw: unfinished object is none");
    value(&r, 1, WH_JSON_NONE, "", 0, "raw: unfinished array is none");
    run_close(&r);
}


static void
duplicates(void)
{
    run_t                    r;
    static const char *const ptrs[] = { "/a", "/a/b", "!/a", "!/a/b",
                                        "/a/b/0", "!", NULL };

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"a\":1,\"a\":2}"), 1000);
    value(&r, 0, WH_JSON_NUMBER, T("2"), "duplicate: the last one");
    value(&r, 2, WH_JSON_TEXT, T("2"), "duplicate: the last one, raw");
    value(&r, 5, WH_JSON_TEXT, T("{\"a\":1,\"a\":2}"),
          "duplicate: both are in the enclosing one");
    run_close(&r);

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"a\":{\"b\":[1]},\"a\":2}"), 1000);
    value(&r, 1, WH_JSON_NONE, "", 0, "duplicate: nested value is gone");
    value(&r, 3, WH_JSON_NONE, "", 0, "duplicate: nested raw is gone");
    value(&r, 4, WH_JSON_NONE, "", 0, "duplicate: at any depth");
    run_close(&r);

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"a\":{\"b\":[1]},\"a\":{}}"), 1000);
    value(&r, 0, WH_JSON_OBJECT, "", 0, "duplicate: object by object");
    value(&r, 1, WH_JSON_NONE, "", 0, "duplicate: objects are not merged");
    value(&r, 2, WH_JSON_TEXT, T("{}"), "duplicate: raw of the last");
    run_close(&r);

    run_open(&r, ptrs, 1000);
    run_text(&r, T("{\"a\":{\"b\":1},\"\\u0061\":{\"b\":\"x\",\"b\":[7]}}"), 1);
    value(&r, 1, WH_JSON_ARRAY, "", 0, "duplicate: of an escaped name");
    value(&r, 3, WH_JSON_TEXT, T("[7]"), "duplicate: within a duplicate");
    value(&r, 4, WH_JSON_NUMBER, T("7"), "duplicate: element of the last");
    run_close(&r);

    run_open(&r, ptrs, 40);
    run_text(&r, T("{\"a\":\"0123456789012345678901234567890123456789\","
                   "\"a\":\"ok\"}"), 1000);
    value(&r, 0, WH_JSON_STRING, T("ok"),
          "duplicate: a long one may be replaced by a short one");
    is_int(wh_json_value(r.j, 0)->truncated, 0,
           "duplicate: nothing is truncated then");
    run_close(&r);
}


static void
surrogates(void)
{
    run_t                    r;
    size_t                   i, step;
    static const char *const ptrs[] = { "", "!", NULL };
    static const struct {
        const char  *text;
        size_t       len;
        const char  *out;
        const char  *name;
    } cases[] = {
        { T("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80", "a pair" },
        { T("\"\\uDBFF\\uDFFF\""), "\xf4\x8f\xbf\xbf", "the last pair" },
        { T("\"x\\ud800\""), "x?", "high at the end" },
        { T("\"\\ud800x\""), "?x", "high and a letter" },
        { T("\"\\ud800\\n\""), "?\n", "high and an escape" },
        { T("\"\\ud800\\u0041\""), "?A", "high and a letter, escaped" },
        { T("\"\\ud800\\ud800\\udc00\""), "?\xf0\x90\x80\x80",
          "high and a pair" },
        { T("\"\\ud800\\ud800\\ud800\""), "???", "highs" },
        { T("\"\\udc00x\""), "?x", "low" },
        { T("\"\\udc00\\ud800\""), "??", "low and high" },
        { T("\"\\ud83d\\ude00\\ude00\""), "\xf0\x9f\x98\x80?",
          "a pair and low" },
        { T("\"\\u00e9\\ud800\\u00e9\""), "\xc3\xa9?\xc3\xa9",
          "high between escapes" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        for (step = 1; step <= cases[i].len; step++) {
            run_open(&r, ptrs, 1000);
            run_text(&r, cases[i].text, cases[i].len, step);

            ok(r.end == WH_OK, "surrogates: %s, by %zu", cases[i].name, step);
            is_str(wh_json_value(r.j, 0)->text.data,
                   wh_json_value(r.j, 0)->text.len, cases[i].out,
                   "surrogates: %s, by %zu: text", cases[i].name, step);
            run_close(&r);
        }
    }
}


static void
text_state(const char *p, size_t n, int end, uint64_t offset)
{
    int      state, first;
    run_t    r;
    size_t   step;

    state = end == WH_OK ? WH_JSON_COMPLETE
            : end == WH_AGAIN ? WH_JSON_INCOMPLETE : WH_JSON_INVALID;

    first = 1;

    for (step = 1; step <= n + 1; step++) {
        run_open(&r, all, 100000);
        run_text(&r, p, n, step);

        if (r.end != end || r.state != state || r.offset != offset
            || wh_json_finish(r.j) != end
            || (wh_json_feed(r.j, " ", 1) == WH_OK))
        {
            ok(0, "\"%s\" by %zu: finish is %d, state %d at %llu", p, step,
               r.end, r.state, (unsigned long long) r.offset);
            first = 0;
        }

        run_close(&r);

        if (!first) {
            return;
        }
    }

    ok(1, "\"%s\" is %s, in any pieces", p,
       end == WH_OK ? "complete" : end == WH_AGAIN ? "incomplete" : "invalid");
}


static void
grammar(void)
{
    size_t             i;
    char               text[256];
    static const char  full[] = "{\"a\":[1,-2.5e+3,true,null,\"x\\u00e9\"],"
                                "\"\":{}}";

    text_state(T("1"), WH_OK, 1);
    text_state(T(" \t\r\n[ ] \n"), WH_OK, 9);
    text_state(T("\"\""), WH_OK, 2);
    text_state(T("\"\x7f\""), WH_OK, 3);
    text_state(T("\"\xc3\xa9\""), WH_OK, 4);
    text_state(T("-0.0e-0"), WH_OK, 7);

    text_state(T(""), WH_AGAIN, 0);
    text_state(T(" "), WH_AGAIN, 1);
    text_state(T("-"), WH_AGAIN, 1);
    text_state(T("1."), WH_AGAIN, 2);
    text_state(T("1e+"), WH_AGAIN, 3);
    text_state(T("[1"), WH_AGAIN, 2);
    text_state(T("[tru"), WH_AGAIN, 4);
    text_state(T("\"\\ud800"), WH_AGAIN, 7);
    text_state(T("\"\\ud800\\u"), WH_AGAIN, 9);
    text_state(T("\"\xc3"), WH_AGAIN, 2);

    /* every prefix of an object is incomplete */

    for (i = 0; i < sizeof(full) - 1; i++) {
        memcpy(text, full, i);
        text[i] = '\0';
        text_state(text, i, WH_AGAIN, i);
    }

    text_state(full, sizeof(full) - 1, WH_OK, sizeof(full) - 1);

    /* errors of octets: at them, or after them if no token is open */

    text_state(T("\"\xc0\x80\""), WH_ERROR, 1);
    text_state(T("\"\xed\xa0\x80\""), WH_ERROR, 2);
    text_state(T("\"\xf4\x90\x80\x80\""), WH_ERROR, 2);
    text_state(T("\"a\xff\""), WH_ERROR, 2);
    text_state(T("\"\xc3\""), WH_ERROR, 2);
    text_state(T("\xef\xbb\xbf{}"), WH_ERROR, 1);
    text_state(T("\"a\nb\""), WH_ERROR, 2);
    text_state(T("\"\0\""), WH_ERROR, 1);
    text_state(T("\"\\x\""), WH_ERROR, 2);
    text_state(T("\"\\u12g4\""), WH_ERROR, 5);
    text_state(T("\"\\ud800\\x\""), WH_ERROR, 8);
    text_state(T("\"\\ud800\n\""), WH_ERROR, 7);
    text_state(T("truE"), WH_ERROR, 3);
    text_state(T("nul "), WH_ERROR, 3);
    text_state(T("'a'"), WH_ERROR, 1);
    text_state(T("NaN"), WH_ERROR, 1);
    text_state(T("+1"), WH_ERROR, 1);
    text_state(T(".5"), WH_ERROR, 1);
    text_state(T("[1.]"), WH_ERROR, 3);
    text_state(T("[1e]"), WH_ERROR, 3);
    text_state(T("[--1]"), WH_ERROR, 2);
    text_state(T("\0"), WH_ERROR, 1);
    text_state(T("/* */1"), WH_ERROR, 0);
    text_state(T("1//"), WH_ERROR, 1);
    text_state(T("\f1"), WH_ERROR, 0);
    text_state(T("[1,\v2]"), WH_ERROR, 3);
    text_state(T("{}\f"), WH_ERROR, 2);

    /* errors of grammar: after the token */

    text_state(T("01"), WH_ERROR, 2);
    text_state(T("[01]"), WH_ERROR, 3);
    text_state(T("[1 2"), WH_ERROR, 4);
    text_state(T("[1,]"), WH_ERROR, 4);
    text_state(T("[,1]"), WH_ERROR, 2);
    text_state(T("{\"a\":1,}"), WH_ERROR, 8);
    text_state(T("{\"a\" 1}"), WH_ERROR, 6);
    text_state(T("{\"a\":}"), WH_ERROR, 6);
    text_state(T("{1:2}"), WH_ERROR, 2);
    text_state(T("{a:2}"), WH_ERROR, 2);
    text_state(T("{\"a\":1true}"), WH_ERROR, 6);
    text_state(T("{\"a\":\"x\" \"y\"}"), WH_ERROR, 8);
    text_state(T("{\"a\":{}]}"), WH_ERROR, 7);
    text_state(T("[}"), WH_ERROR, 2);
    text_state(T("]"), WH_ERROR, 1);

    /* one text only */

    text_state(T("1 2"), WH_ERROR, 3);
    text_state(T("{}{}"), WH_ERROR, 3);
    text_state(T("{}\n[]"), WH_ERROR, 4);
    text_state(T("{},"), WH_ERROR, 3);
    text_state(T("{}}"), WH_ERROR, 3);
    text_state(T("1 \"ab"), WH_ERROR, 2);
    text_state(T("1 \"ab\""), WH_ERROR, 6);
    text_state(T("{}tru"), WH_ERROR, 5);
    text_state(T("[]\0"), WH_ERROR, 3);

    /* the first error counts */

    text_state(T("[1,] \"\\x"), WH_ERROR, 4);
    text_state(T("[1,] \"\xff"), WH_ERROR, 4);
    text_state(T("\"\\x\xff"), WH_ERROR, 2);
}


static void
depth(void)
{
    char                     text[400];
    run_t                    r;
    static const char *const ptrs[] = { "!", "/0/0/0", NULL };

    memset(text, '[', 128);
    memset(text + 128, ']', 128);
    text_state(text, 256, WH_OK, 256);

    run_open(&r, ptrs, 1000);
    run_text(&r, text, 256, 256);
    value(&r, 0, WH_JSON_TEXT, text, 256, "depth 128: raw");
    value(&r, 1, WH_JSON_ARRAY, "", 0, "depth 128: within");
    run_close(&r);

    memset(text, '[', 129);
    memset(text + 129, ']', 129);
    text[258] = '\0';
    text_state(text, 258, WH_LIMIT, 129);

    memset(text, '[', 128);
    text[128] = '{';
    text[129] = '\0';
    text_state(text, 129, WH_LIMIT, 129);

    run_open(&r, ptrs, 1000);
    memset(text, '[', 128);
    run_text(&r, text, 128, 128);
    is_int(r.end, WH_AGAIN, "depth 128: incomplete without the ends");
    run_close(&r);
}


static void
limits(void)
{
    char                     *big;
    run_t                     r;
    size_t                    i, n;
    static const char *const  ptrs[] = { "/a", "/b", "!/c", "/d", NULL };
    static const char *const  names[] = { "!", "/aaaa", NULL };

    run_open(&r, ptrs, 10);
    run_text(&r, T("{\"a\":\"0123456789\"}"), 100);
    value(&r, 0, WH_JSON_STRING, T("0123456789"), "limit: as much fits");
    run_close(&r);

    run_open(&r, ptrs, 10);
    run_text(&r, T("{\"a\":\"0123456789a\",\"b\":\"0123\",\"c\":[1,2,3],"
                   "\"d\":123456}"), 1);
    is_int(r.end, WH_OK, "limit: does not end parsing");
    value(&r, 0, WH_JSON_NONE, "", 0, "limit: one more is none");
    is_int(wh_json_value(r.j, 0)->truncated, 1, "limit: and truncated");
    value(&r, 1, WH_JSON_STRING, T("0123"), "limit: later ones may fit");
    value(&r, 2, WH_JSON_NONE, "", 0, "limit: it is for all together");
    is_int(wh_json_value(r.j, 2)->truncated, 1, "limit: raw is truncated");
    value(&r, 3, WH_JSON_NUMBER, T("123456"),
          "limit: a truncated value holds nothing");
    run_close(&r);

    run_open(&r, ptrs, 0);
    run_text(&r, T("{\"a\":\"\",\"b\":true,\"c\":1,\"d\":null}"), 1);
    value(&r, 0, WH_JSON_STRING, "", 0, "limit 0: an empty string fits");
    value(&r, 1, WH_JSON_BOOL, T("true"), "limit 0: true fits");
    value(&r, 2, WH_JSON_NONE, "", 0, "limit 0: raw number does not");
    value(&r, 3, WH_JSON_NULL, "", 0, "limit 0: null fits");
    run_close(&r);

    run_open(&r, all, 0);
    run_text(&r, T("[01]"), 100);
    is_int(r.end, WH_ERROR, "limit 0: the grammar is the same");
    run_close(&r);

    /* tokens that are long, in small pieces */

    /* a text of a usual size that waits for its second half */

    run_open(&r, ptrs, 65536);
    (void) wh_json_feed(r.j, T("{\"a\":\"some\",\"x\":{\"y\":[1,{\"z\":\"par"));
    ok(r.mem.bytes < 5000, "half of a text takes %zu octets of memory",
       r.mem.bytes);
    run_close(&r);

    n = 1000000;

    big = malloc(n + 64);
    if (big == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    memcpy(big, "{\"a\":\"", 6);

    for (i = 6; i < n; i += 6) {
        memcpy(big + i, &"\\ud83d\\ude00"[i % 12], 6);
    }

    memcpy(big + i, "\",\"b\":7}", 8);
    i += 8;

    run_open(&r, ptrs, 1000);
    run_text(&r, big, i, 999);
    is_int(r.end, WH_OK, "a long string of escapes is parsed");
    is_int(wh_json_value(r.j, 0)->truncated, 1, "it is truncated");
    value(&r, 1, WH_JSON_NUMBER, T("7"), "what is after it is there");
    ok(r.mem.peak < 40000, "it takes %zu octets of memory", r.mem.peak);
    run_close(&r);

    memset(big + 6, 'x', n - 6);

    run_open(&r, ptrs, 1000);
    run_text(&r, big, i, 999);
    is_int(r.end, WH_OK, "a long string is parsed");
    ok(r.mem.peak < 20000, "it takes %zu octets of memory", r.mem.peak);
    run_close(&r);

    big[n - 10] = '\t';

    run_open(&r, ptrs, 1000);
    run_text(&r, big, i, 999);
    is_int(r.end, WH_ERROR, "a long string is checked to its end");
    is_int((int64_t) r.offset, (int64_t) n - 10, "the place is right");
    run_close(&r);

    memcpy(big, "{\"a\":1", 6);
    memset(big + 6, '0', n - 6);
    memcpy(big + n / 2, ".5", 2);
    memcpy(big + n - 2, "e-", 2);
    memcpy(big + n, "1,\"b\":7}", 8);

    run_open(&r, ptrs, 1000);
    run_text(&r, big, n + 8, 999);
    is_int(r.end, WH_OK, "a long number is parsed");
    is_int(wh_json_value(r.j, 0)->truncated, 1, "it is truncated");
    value(&r, 1, WH_JSON_NUMBER, T("7"), "what is after it is there");
    ok(r.mem.peak < 20000, "it takes %zu octets of memory", r.mem.peak);
    run_close(&r);

    big[n] = '.';

    run_open(&r, ptrs, 1000);
    run_text(&r, big, n + 8, 999);
    is_int(r.end, WH_ERROR, "a long number is checked to its end");
    is_int((int64_t) r.offset, (int64_t) n, "the place is right");
    run_close(&r);

    memset(big + 2000, '.', n - 2000);

    run_open(&r, ptrs, 1000);
    run_text(&r, big, n, 999);
    is_int(r.end, WH_ERROR, "a long number with many points is none");
    is_int((int64_t) r.offset, 2001, "the place is right");
    ok(r.mem.peak < 20000, "it takes %zu octets of memory", r.mem.peak);
    run_close(&r);

    memcpy(big, "{\"", 2);
    memset(big + 2, 'a', n);
    memcpy(big + 2 + n, "\":1,\"aaaa\":2}", 13);

    run_open(&r, names, 5);
    run_text(&r, big, n + 15, 999);
    is_int(r.end, WH_OK, "a long name is parsed");
    value(&r, 0, WH_JSON_NONE, "", 0, "the enclosing value is none");
    is_int(wh_json_value(r.j, 0)->truncated, 1, "it is truncated");
    value(&r, 1, WH_JSON_NUMBER, T("2"), "a name is not mistaken for it");
    run_close(&r);

    run_open(&r, names, 5);
    run_text(&r, T("{\"aaaaa\":1}"), 100);
    value(&r, 1, WH_JSON_NONE, "", 0, "a longer name is another name");
    run_close(&r);

    memset(big, ' ', n);

    run_open(&r, names, 5);
    run_text(&r, big, n, 999);
    is_int(r.end, WH_AGAIN, "white space is no value");
    ok(r.mem.peak < 20000, "it takes %zu octets of memory", r.mem.peak);
    run_close(&r);

    free(big);
}


static void
splits(void)
{
    run_t                    r;
    size_t                   i, n;
    const wh_json_value_t   *v;
    static const char        text[] =
        "{\"id\":12345678901234567890,\"amount\":-2.50e+1,\"x\":[true,false,"
        "null,\"\\ud83d\\ude00\\ud800\\u00e9\xc3\xa9\\\"\"],\"o\":{\"k\":{}}}";
    static const char        compact[] =
        "{\"id\":12345678901234567890,\"amount\":-2.50e+1,\"x\":[true,false,"
        "null,\"\xf0\x9f\x98\x80?\xc3\xa9\xc3\xa9\\\"\"],\"o\":{\"k\":{}}}";

    n = sizeof(text) - 1;

    for (i = 0; i <= n; i++) {
        run_open(&r, all, 10000);
        (void) wh_json_feed(r.j, text, i);
        (void) wh_json_feed(r.j, "", 0);
        (void) wh_json_feed(r.j, text + i, n - i);
        r.end = wh_json_finish(r.j);

        v = wh_json_value(r.j, 0);

        is_mem(v->text.data, v->text.len, compact, sizeof(compact) - 1,
               "split at %zu makes no difference", i);
        is_int(r.end, WH_OK, "split at %zu: complete", i);
        run_close(&r);
    }
}


/* in place of the library's */

yajl_status
yajl_parse(yajl_handle hand, const unsigned char *p, size_t n)
{
    static yajl_status  (*next)(yajl_handle, const unsigned char *, size_t);

    if (next == NULL) {
        *(void **) (void *) &next = dlsym(RTLD_NEXT, "yajl_parse");
    }

    given++;

    return next(hand, p, n);
}


/* each time yajl begins again with what it has of a string or number */

static void
long_tokens(void)
{
    char    *p;
    size_t   i, n;

    n = 60000;

    p = malloc(n + 64);
    if (p == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    memset(p, 'x', n + 64);

    memcpy(p, "[\"", 2);
    memcpy(p + n, "\",7]", 4);
    long_token(p, n + 4, 1, WH_OK, "string");
    long_token(p, n, 1, WH_AGAIN, "half of a string");

    p[n + 2] = 'x';
    long_token(p, n + 4, 1, WH_ERROR, "string before an error");

    memcpy(p + n, "\v\",]", 4);
    long_token(p, n + 4, 1, WH_ERROR, "string with an error in it");

    memcpy(p, "{\"", 2);
    memcpy(p + n, "\":7}", 4);
    long_token(p, n + 4, 1, WH_OK, "name");

    /* each of them is replaced */

    for (i = 2; i < n; i += 6) {
        memcpy(p + i, "\\udc00", 6);
    }

    memcpy(p, "[\"", 2);
    memcpy(p + i, "\",7]", 4);
    long_token(p, i + 4, i + 4, WH_OK, "string of lone surrogates");

    memset(p, '1', n + 64);

    long_token(p, n, 1, WH_OK, "number");

    memcpy(p + n - 4, ".5.5", 4);
    long_token(p, n, 1, WH_ERROR, "number with an error in it");

    memcpy(p + n - 4, "1.5\v", 4);
    long_token(p, n, 1, WH_ERROR, "number before an error");

    memcpy(p + n - 4, "1.5\xff", 4);
    long_token(p, n, 1, WH_ERROR, "number before what is no UTF-8");

    memcpy(p + n - 4, ".5.\xff", 4);
    long_token(p, n, 1, WH_ERROR, "number with the first of two errors");

    p[n - 1] = '\v';
    long_token(p, n, 1, WH_ERROR, "number with an error before another");

    p[0] = '[';
    memset(p + 1, '1', n);
    long_token(p, n, 1, WH_AGAIN, "number at the end of half of a text");

    free(p);
}


static void
long_token(const char *p, size_t n, size_t step, int end, const char *name)
{
    run_t                   r, whole;
    const wh_json_value_t  *v, *w;

    run_open(&whole, all, n);
    run_text(&whole, p, n, n);

    given = 0;

    run_open(&r, all, n);
    run_text(&r, p, n, step);

    ok(given < 200, "long %s: yajl is given a piece %zu times", name, given);

    v = wh_json_value(r.j, 0);
    w = wh_json_value(whole.j, 0);

    is_int(r.end, end, "long %s: the end is right", name);
    is_int(whole.end, end, "long %s: so it is in one piece", name);
    is_int((int64_t) r.offset, (int64_t) whole.offset,
           "long %s: the place is the same", name);
    is_int(v->kind, w->kind, "long %s: the value is of the same kind", name);
    is_mem(v->text.data, v->text.len, w->text.data, w->text.len,
           "long %s: the value is the same", name);

    run_close(&r);
    run_close(&whole);
}


static void
no_memory(void)
{
    int            rc;
    char           text[600];
    run_t          r;
    size_t         i, at, bad;
    wh_str_t       p[2];
    wh_alloc_t     mem;
    unsigned char  flags[2];

    memset(&r, 0, sizeof(run_t));

    p[0].data = "";
    p[0].len = 0;
    p[1].data = "/a/0/0";
    p[1].len = 6;
    flags[0] = WH_JSON_RAW;
    flags[1] = 0;

    (void) wh_pointers_compile(&r.set, p, flags, 2, pool_alloc, &r, &bad);

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = &r.mem;

    /* deep, and with a string in escapes: yajl grows all of its buffers */

    memcpy(text, "{\"a\":[[\"", 8);

    for (i = 8; i < 400; i += 2) {
        memcpy(text + i, "\\n", 2);
    }

    memcpy(text + i, "\"", 1);
    memset(text + i + 1, ' ', 2);
    text[i + 1] = ',';
    i += 2;
    memset(text + i, '[', 60);
    memset(text + i + 60, ']', 62);
    text[i + 122] = '}';
    i += 123;

    rc = WH_NOMEM;

    for (at = 1; at < 1000; at++) {
        memset(&r.mem, 0, sizeof(mem_t));
        r.mem.fail_at = at;

        r.j = wh_json_create(&r.set, 10000, &mem);

        if (r.j == NULL) {
            ok(r.mem.blocks == 0, "failed allocation %zu: no parser", at);
            continue;
        }

        run_text(&r, text, i, 7);
        rc = r.end;

        if (rc == WH_OK) {
            wh_json_destroy(r.j);
            break;
        }

        ok(rc == WH_NOMEM && r.state == WH_JSON_INCOMPLETE
           && wh_json_feed(r.j, " ", 1) == WH_NOMEM,
           "failed allocation %zu: the parser is out of memory", at);

        wh_json_destroy(r.j);

        ok(r.mem.blocks == 0, "failed allocation %zu: nothing leaks", at);
    }

    is_int(rc, WH_OK, "without a failure the same text is parsed");
    ok(at > 10, "%zu allocations were made to fail", at - 1);

    for (i = 0; i < r.nchunks; i++) {
        free(r.chunks[i]);
    }

    wh_json_destroy(NULL);
    ok(1, "no parser can be destroyed");
}
