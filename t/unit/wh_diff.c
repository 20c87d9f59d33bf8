
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_diff.h"


static int diff(const char *text, const char *other, wh_buf_t *b, size_t *n);
static void differ(const char *text, const char *other, const char *expected,
    const char *name);
static void fails(const char *text, const char *other, int rc,
    const char *name);
static void deep(void);
static void many(void);
static void memory(void);
static void limit(void);
static void init(wh_buf_t *b);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


static size_t  calls;
static size_t  fail_at;
static size_t  blocks;


int
main(void)
{
    differ("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":3,\"c\":3}",
           "{\"b\":2}", "a member with another value");
    differ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", "{}",
           "the order does not matter");
    differ("{\"z\":1,\"a\":2,\"m\":0,\"b\":3}", "{\"m\":0}",
           "{\"z\":1,\"a\":2,\"b\":3}", "what is put keeps its order");
    differ("{\"a\":1}", "{\"a\":1,\"b\":2}", "{}",
           "what only the other has is not put");
    differ("{\"a\":1}", "", "{\"a\":1}", "nothing to compare with");
    differ("{\"a\":1}", "null", "{\"a\":1}", "null to compare with");
    differ("{\"a\":1}", "[{\"a\":1}]", "{\"a\":1}", "an array");
    differ("{}", "{\"a\":1}", "{}", "an empty object");
    differ("{\"a\":1.0,\"b\":1e2,\"c\":-0}", "{\"a\":1,\"b\":100,\"c\":0}",
           "{}", "numbers are compared as numbers");
    differ("{\"a\":1.50,\"b\":9007199254740993}",
           "{\"a\":1.51,\"b\":9007199254740992}",
           "{\"a\":1.50,\"b\":9007199254740993}", "and put as written");
    differ("{\"a\":\"1\",\"b\":null,\"c\":false}",
           "{\"a\":1,\"b\":false,\"c\":null}",
           "{\"a\":\"1\",\"b\":null,\"c\":false}", "types are compared");
    differ("{\"\\u0061\":\"\\u00e4\\/\"}", "{\"a\":\"\xc3\xa4/\"}", "{}",
           "escapes are not");
    differ("{\"a\":{\"x\":1,\"y\":[1,{\"z\":2}]}}",
           "{\"a\":{\"y\":[1.0,{\"z\":2}],\"x\":1}}", "{}",
           "inner objects are compared likewise");
    differ("{\"a\" : { \"x\" : [ 1 , 2 ] } }", "{\"a\":{\"x\":[2,1]}}",
           "{\"a\":{\"x\":[1,2]}}", "the order of elements matters");
    differ("{\"a\":[1],\"b\":[1,2],\"c\":[]}",
           "{\"a\":[1,2],\"b\":[1],\"c\":{}}",
           "{\"a\":[1],\"b\":[1,2],\"c\":[]}", "their number, too");
    differ("{\"a\":{\"x\":1},\"b\":{\"x\":1}}",
           "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":1}}",
           "{\"a\":{\"x\":1},\"b\":{\"x\":1}}", "inner members, too");
    differ("{\"a\":1,\"b\":5,\"a\":2}", "{\"a\":3,\"b\":5,\"a\":2}", "{}",
           "of a repeated name the last counts");
    differ("{\"a\":1,\"a\":2,\"a\":3}", "{\"a\":2}", "{\"a\":3}",
           "and only that is put");
    differ("{\"a\":{\"x\":1,\"x\":2}}", "{\"a\":{\"x\":2}}", "{}",
           "of inner ones, too");
    differ("{\"\":1,\"q\\\"\\n\":\"\\u0000\"}", "{\"\":1}",
           "{\"q\\\"\\n\":\"\\u0000\"}", "escapes are put");
    differ("{\"a\":1,\"ab\":2,\"abc\":3}", "{\"ab\":2}",
           "{\"a\":1,\"abc\":3}", "names that begin alike");

    fails("", "{}", WH_ERROR, "an empty text");
    fails("[1]", "{}", WH_ERROR, "an array");
    fails("1", "{}", WH_ERROR, "a number");
    fails("{\"a\":1", "{}", WH_ERROR, "a cut text");
    fails("{\"a\":1}", "{", WH_ERROR, "the other one cut");
    fails("{\"a\":\"\xff\"}", "{}", WH_ERROR, "invalid UTF-8");

    deep();
    many();
    memory();
    limit();

    return done_testing();
}


static int
diff(const char *text, const char *other, wh_buf_t *b, size_t *n)
{
    int         rc;
    wh_str_t    s, t;
    wh_alloc_t  mem;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    s.data = text;
    s.len = strlen(text);
    t.data = other;
    t.len = strlen(other);

    rc = wh_put_json_diff(b, s, t, &mem, n);

    if (blocks) {
        printf("# %zu blocks are left\n", blocks);
        abort();
    }

    return rc;
}


static void
differ(const char *text, const char *other, const char *expected,
    const char *name)
{
    int       rc;
    size_t    n;
    wh_buf_t  b;

    init(&b);

    rc = diff(text, other, &b, &n);

    ok(rc == WH_OK && b.len == strlen(expected)
       && memcmp(b.data, expected, b.len) == 0
       && (n == 0) == (b.len == 2),
       "%s", name);

    free(b.data);
}


static void
fails(const char *text, const char *other, int rc, const char *name)
{
    size_t    n;
    wh_buf_t  b;

    init(&b);

    ok(diff(text, other, &b, &n) == rc && b.len == 0, "%s is an error", name);

    free(b.data);
}


static void
deep(void)
{
    size_t    n, i;
    wh_buf_t  b;
    char      text[2 * WH_JSON_MAX_DEPTH + 8];

    init(&b);

    strcpy(text, "{\"a\":");

    for (i = 0; i < WH_JSON_MAX_DEPTH - 1; i++) {
        strcat(text, "[");
    }

    for (i = 0; i < WH_JSON_MAX_DEPTH - 1; i++) {
        strcat(text, "]");
    }

    strcat(text, "}");

    ok(diff(text, text, &b, &n) == WH_OK && n == 0 && b.len == 2,
       "as deep as can be");
    ok(diff(text, "{}", &b, &n) == WH_OK && n == 1, "and put");

    free(b.data);
    init(&b);

    memset(text, '[', WH_JSON_MAX_DEPTH + 1);
    text[WH_JSON_MAX_DEPTH + 1] = '\0';

    fails("{\"a\":1}", text, WH_LIMIT, "one too deep");
}


/* in no more than n * log(n): names of one object may be any number */

static void
many(void)
{
    char      *text, *other, *p, *q;
    size_t     i, n;
    wh_buf_t   b;

    init(&b);

    text = malloc(100000 * 24);
    other = malloc(100000 * 24);

    p = text;
    q = other;

    for (i = 0; i < 100000; i++) {
        p += sprintf(p, "%c\"n%zu\":%zu", i ? ',' : '{', i, i);
        q += sprintf(q, "%c\"n%zu\":%zu", i ? ',' : '{', 99999 - i,
                     i == 0 ? 0 : 99999 - i);
    }

    strcpy(p, "}");
    strcpy(q, "}");

    ok(diff(text, other, &b, &n) == WH_OK && n == 1, "many members");
    is_mem(b.data, b.len, "{\"n99999\":99999}", 16,
           "one of them differs");

    free(text);
    free(other);
    free(b.data);
}


static void
memory(void)
{
    int       rc;
    size_t    n, i;
    wh_buf_t  b;

    for (i = 1; /* void */ ; i++) {
        init(&b);

        calls = 0;
        fail_at = i;

        rc = diff("{\"a\":{\"b\":[1,2,\"3\"]}}", "{\"a\":{\"b\":[]}}", &b, &n);

        fail_at = 0;
        free(b.data);

        if (rc != WH_NOMEM) {
            break;
        }
    }

    ok(rc == WH_OK && i > 5, "all is freed, whichever allocation fails");
}


static void
limit(void)
{
    size_t    n;
    wh_buf_t  b;

    init(&b);
    b.max = 6;

    ok(diff("{\"a\":1}", "{}", &b, &n) == WH_LIMIT && b.err == WH_LIMIT,
       "the limit of the buffer");

    free(b.data);
}


static void
init(wh_buf_t *b)
{
    memset(b, 0, sizeof(wh_buf_t));
    b->max = SIZE_MAX;
    b->grow = wh_buf_malloc;
}


static void *
mem_alloc(void *ctx, size_t size)
{
    void  *p;

    (void) ctx;

    if (++calls == fail_at) {
        return NULL;
    }

    p = malloc(size);
    if (p) {
        blocks++;
    }

    return p;
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    if (p) {
        blocks--;
    }

    free(p);
}
