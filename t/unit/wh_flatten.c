
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_flatten.h"
#include "wh_pairs.h"


static int flatten(const char *in, size_t n, const char *separator, int form,
    wh_buf_t *out, size_t *dropped);
static void flat(const char *in, const char *expected, const char *name);
static void form(const char *in, const char *expected, const char *name);
static void joins(const char *in, const char *expected, const char *name);
static void fails(const char *in, int rc, const char *name);
static int leaf(void *ctx, const wh_buf_t *name, int kind, const char *p,
    size_t n);
static int stop(void *ctx, const wh_buf_t *name, int kind, const char *p,
    size_t n);
static void deep(void);
static void memory(void);
static void declared(void);
static void many(void);
static void limits(void);
static void init(wh_buf_t *b);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


static size_t  calls;
static size_t  fail_at;
static size_t  blocks;

static const char  *join;


int
main(void)
{
    size_t    n;
    wh_buf_t  b;

    flat("{\"a\":{\"b\":1},\"c\":[5,6]}",
         "{\"x_a_b\":1,\"x_c_0\":5,\"x_c_1\":6}",
         "objects by name, arrays by index");
    flat("1", "{\"x\":1}", "a scalar has the name itself");
    flat("\"\"", "{\"x\":\"\"}", "an empty string is kept");
    flat("{}", "{\"x\":null}", "an empty object is null");
    flat("[]", "{\"x\":null}", "an empty array is null");
    flat("{\"a\":[],\"b\":[{}],\"c\":1}",
         "{\"x_a\":null,\"x_b_0\":null,\"x_c\":1}", "empty ones inside");
    flat("[[1,[2]],3]", "{\"x_0_0\":1,\"x_0_1_0\":2,\"x_1\":3}",
         "arrays in arrays");
    flat("[{\"a\":1},{\"a\":2}]", "{\"x_0_a\":1,\"x_1_a\":2}",
         "objects in an array");
    flat("{\"a\":true,\"b\":false,\"c\":null}",
         "{\"x_a\":true,\"x_b\":false,\"x_c\":null}", "words");
    flat("[2.499,1e400,-0,9223372036854775807,1.50E+7]",
         "{\"x_0\":2.499,\"x_1\":1e400,\"x_2\":-0,"
         "\"x_3\":9223372036854775807,\"x_4\":1.50E+7}",
         "numbers are as written");
    flat("{\"\":1,\"a\":{\"\":2}}", "{\"x_\":1,\"x_a_\":2}", "empty names");
    flat(" { \"a\" :\t1 ,\n\"b\" : [ ] } ", "{\"x_a\":1,\"x_b\":null}",
         "white space");
    flat("{\"q\\\"\\n\":\"a\\\\\\u0000\\u00e4\xc3\xa4\\/\"}",
         "{\"x_q\\\"\\n\":\"a\\\\\\u0000\xc3\xa4\xc3\xa4/\"}", "escapes");
    flat("{\"a\":1,\"a\":2}", "{\"x_a\":2}",
         "of a repeated name the last counts");
    flat("{\"a\":1,\"\\u0061\":2}", "{\"x_a\":2}",
         "also if it is written in another way");
    flat("{\"a\":{\"b\":1},\"c\":0,\"a_b\":2}", "{\"x_c\":0,\"x_a_b\":2}",
         "also if the separator makes it");
    flat("{\"a\":1,\"b\":0,\"a\":2,\"c\":0,\"a\":3}",
         "{\"x_b\":0,\"x_c\":0,\"x_a\":3}", "also of three");
    flat("{\"\xff\":1}", NULL, "invalid UTF-8 is no JSON");

    form("{\"a\":{\"b\":\"1&2=3+4%\"},\"c\":[5,1E+5,null,true]}",
         "x_a_b=1%262%3D3%2B4%25&x_c_0=5&x_c_1=1E%2B5&x_c_2=&x_c_3=true",
         "form: all is encoded, null is empty");
    form("{\"a b\":\"\xc3\xa4 \\u0000\",\"a&b\":\"\"}",
         "x_a+b=%C3%A4+%00&x_a%26b=", "form: names, too");
    form("{\"a\":1,\"b\":2,\"a\":3}", "x_b=2&x_a=3",
         "form: of a repeated name the last counts");

    joins("[1,\"a\",true,null,2.50]", "{\"x\":\"1, a, true, , 2.50\"}",
          "elements are one string");
    joins("{\"a\":[\"b\"],\"c\":[],\"d\":1}",
          "{\"x_a\":\"b\",\"x_c\":null,\"x_d\":1}",
          "also one; none is null");
    joins("[[1,2],[3]]", "{\"x_0\":\"1, 2\",\"x_1\":\"3\"}",
          "arrays in arrays are numbered");
    joins("[1,{\"a\":[2,[3,4],5]},6]",
          "{\"x_1_a_1\":\"3, 4\",\"x_1_a\":\"2, 5\",\"x\":\"1, 6\"}",
          "what is nested does not disturb");
    joins("[\"\",\"\"]", "{\"x\":\", \"}", "empty strings");
    joins("[\"\"]", "{\"x\":\"\"}", "an empty string");
    joins("[\"\\u0000\\\"\"]", "{\"x\":\"\\u0000\\\"\"}", "escapes");

    fails("", WH_ERROR, "an empty text");
    fails("{", WH_ERROR, "a cut one");
    fails("{\"a\":1,}", WH_ERROR, "a comma too many");
    fails("[1] 2", WH_ERROR, "something after the end");
    fails("{\"a\":01}", WH_ERROR, "a wrong number");

    init(&b);
    is_int(flatten("{\"a\":[1]}", 9, "", 0, &b, &n), WH_OK, "no separator");
    is_str(b.data, b.len, "{\"xa0\":1}", "no separator is fine");
    free(b.data);

    init(&b);
    is_int(flatten("{\"a\":[1]}", 9, "\xe2\x86\x92.\"", 0, &b, &n), WH_OK,
           "a long separator");
    is_str(b.data, b.len, "{\"x\xe2\x86\x92.\\\"a\xe2\x86\x92.\\\"0\":1}",
           "a separator is escaped");
    free(b.data);

    deep();
    memory();
    declared();
    many();
    limits();

    return done_testing();
}


/* all names begin with "x", which nobody has declared */

static int
flatten(const char *in, size_t n, const char *separator, int is_form,
    wh_buf_t *out, size_t *dropped)
{
    int                rc;
    char              *p;
    wh_buf_t           name, index, joined;
    wh_pairs_t         w;
    wh_alloc_t         mem;
    wh_flatten_how_t   how;

    init(&joined);
    init(&name);
    init(&index);

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    memset(&how, 0, sizeof(wh_flatten_how_t));
    how.separator.data = separator;
    how.separator.len = strlen(separator);

    if (join) {
        how.join.data = join;
        how.join.len = strlen(join);
        how.joined = &joined;
    }

    (void) wh_buf_putc(&name, 'x');
    (void) wh_pairs_begin(&w, out, &index, is_form);

    p = guard_copy(in, n);

    rc = wh_flatten(p, n, &name, &how, leaf, &w, &mem);

    guard_free(p, n);

    if (rc == WH_OK) {
        rc = wh_pairs_end(&w, dropped);
    }

    if (name.len != 1 || name.data[0] != 'x') {
        rc = 1;
    }

    free(name.data);
    free(joined.data);
    free(index.data);

    return rc;
}


static void
flat(const char *in, const char *expected, const char *name)
{
    int       rc;
    size_t    n;
    wh_buf_t  b;

    init(&b);

    rc = flatten(in, strlen(in), "_", 0, &b, &n);

    if (expected == NULL) {
        is_int(rc, WH_ERROR, "%s", name);

    } else {
        is_str(b.data, rc == WH_OK ? b.len : 0, expected, "%s", name);
    }

    free(b.data);
}


static void
form(const char *in, const char *expected, const char *name)
{
    int       rc;
    size_t    n;
    wh_buf_t  b;

    init(&b);

    rc = flatten(in, strlen(in), "_", 1, &b, &n);

    is_str(b.data, rc == WH_OK ? b.len : 0, expected, "%s", name);

    free(b.data);
}


static void
joins(const char *in, const char *expected, const char *name)
{
    join = ", ";

    flat(in, expected, name);

    join = NULL;
}


static void
fails(const char *in, int rc, const char *name)
{
    size_t    n;
    wh_buf_t  b;

    init(&b);
    is_int(flatten(in, strlen(in), "_", 0, &b, &n), rc, "%s is an error",
           name);
    free(b.data);
}


static int
leaf(void *ctx, const wh_buf_t *name, int kind, const char *p, size_t n)
{
    (void) wh_pairs_name(ctx, WH_PAIR_DATA, name->data, name->len);

    return wh_pairs_value(ctx, kind, p, n);
}


static int
stop(void *ctx, const wh_buf_t *name, int kind, const char *p, size_t n)
{
    size_t  *left;

    (void) name;
    (void) kind;
    (void) p;
    (void) n;

    left = ctx;

    return (*left)-- ? WH_OK : WH_FULL;
}


static void
deep(void)
{
    char      text[2 * (WH_JSON_MAX_DEPTH + 1)];
    size_t    n;
    wh_buf_t  b;

    n = WH_JSON_MAX_DEPTH;

    memset(text, '[', n);
    memset(text + n, ']', n);

    init(&b);
    is_int(flatten(text, 2 * n, "_", 0, &b, &n), WH_OK,
           "as deep as JSON may be");
    is_int((int64_t) b.len, 3 + 2 * (WH_JSON_MAX_DEPTH - 1) + 2 + 4 + 1,
           "and all of it is in the name");
    free(b.data);

    n = WH_JSON_MAX_DEPTH + 1;

    memset(text, '[', n);
    memset(text + n, ']', n);

    init(&b);
    is_int(flatten(text, 2 * n, "_", 0, &b, &n), WH_LIMIT, "deeper is not");
    free(b.data);
}


static void
memory(void)
{
    int                rc;
    size_t             n, left;
    wh_buf_t           b, name;
    wh_flatten_how_t   how;
    wh_alloc_t    mem;
    static const char  text[] = "{\"a\\u00e4\":{\"b\":[1,\"\\n\"]}}";

    for (fail_at = 1; fail_at < 100; fail_at++) {
        calls = 0;

        init(&b);
        rc = flatten(text, sizeof(text) - 1, "_", 0, &b, &n);
        free(b.data);

        if (rc != WH_NOMEM) {
            break;
        }
    }

    ok(rc == WH_OK && fail_at > 2, "each failed allocation is told");
    is_int((int64_t) blocks, 0, "nothing is leaked");

    fail_at = 0;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    memset(&how, 0, sizeof(wh_flatten_how_t));
    how.separator.data = "_";
    how.separator.len = 1;

    for (n = 0; n < 3; n++) {
        init(&name);
        left = n;
        is_int(wh_flatten("[1,2,[]]", 8, &name, &how, stop, &left, &mem),
               WH_FULL, "what is returned for leaf %zu ends it", n);
        free(name.data);
    }

    init(&name);
    name.max = 1;
    left = 9;
    is_int(wh_flatten("[1]", 3, &name, &how, stop, &left, &mem), WH_LIMIT,
           "a name that does not fit ends it");
    is_int((int64_t) left, 9, "and it is not told");
    free(name.data);

    is_int((int64_t) blocks, 0, "nothing is leaked then");
}


static void
declared(void)
{
    int         is_form;
    size_t      n;
    wh_buf_t    b, index;
    wh_pairs_t  w;

    for (is_form = 0; is_form < 2; is_form++) {
        init(&b);
        init(&index);

        (void) wh_buf_put_literal(&b, "before ");
        (void) wh_pairs_begin(&w, &b, &index, is_form);
        (void) wh_pairs_name(&w, WH_PAIR_DATA, "a", 1);
        (void) wh_pairs_value(&w, WH_JSON_NUMBER, "1", 1);
        (void) wh_pairs_name(&w, WH_PAIR_DECLARED, "a", 1);
        (void) wh_pairs_value(&w, WH_JSON_NUMBER, "2", 1);
        (void) wh_pairs_name(&w, WH_PAIR_ABSENT, "b", 1);
        (void) wh_pairs_name(&w, WH_PAIR_DATA, "a", 1);
        (void) wh_pairs_value(&w, WH_JSON_NUMBER, "3", 1);
        (void) wh_pairs_name(&w, WH_PAIR_DATA, "b", 1);
        (void) wh_pairs_value(&w, WH_JSON_NUMBER, "4", 1);
        (void) wh_pairs_name(&w, WH_PAIR_DATA, "c", 1);
        (void) wh_pairs_value(&w, WH_JSON_STRING, "5", 1);
        (void) wh_pairs_name(&w, WH_PAIR_ABSENT, "d", 1);
        is_int(wh_pairs_end(&w, &n), WH_OK, "pairs end");

        is_str(b.data, b.len,
               is_form ? "before a=2&c=5" : "before {\"a\":2,\"c\":\"5\"}",
               "what is declared wins, what is absent nobody has");
        is_int((int64_t) n, 3, "what went is counted");

        free(b.data);
        free(index.data);

        init(&b);
        init(&index);

        (void) wh_pairs_begin(&w, &b, &index, is_form);
        (void) wh_pairs_name(&w, WH_PAIR_ABSENT, "a", 1);
        is_int(wh_pairs_end(&w, &n), WH_OK, "pairs end");
        is_str(b.data, b.len, is_form ? "" : "{}", "all may be absent");
        is_int((int64_t) n, 0, "which is not counted");

        free(b.data);
        free(index.data);
    }
}


/* each name three times, the last one counts, in the order of these */

static void
many(void)
{
    char        name[24];
    size_t      i, k, n, len;
    wh_buf_t    b, index, expected;
    wh_pairs_t  w;

    init(&b);
    init(&index);
    init(&expected);

    (void) wh_pairs_begin(&w, &b, &index, 1);

    for (i = 0; i < 3000; i++) {
        k = i * 7919 % 1000;
        len = (size_t) sprintf(name, "n%zu", k);

        (void) wh_pairs_name(&w, WH_PAIR_DATA, name, len);
        (void) wh_pairs_value(&w, WH_JSON_NUMBER, "1", i < 2000 ? 0 : 1);

        if (i >= 2000) {
            (void) wh_buf_put(&expected, "&", i > 2000);
            (void) wh_buf_put(&expected, name, len);
            (void) wh_buf_put_literal(&expected, "=1");
        }
    }

    is_int(wh_pairs_end(&w, &n), WH_OK, "many pairs end");
    is_int((int64_t) n, 2000, "two of three are gone");
    is_mem(b.data, b.len, expected.data, expected.len,
           "the last ones are there in their order");

    free(b.data);
    free(index.data);
    free(expected.data);
}


static void
limits(void)
{
    int       rc;
    size_t    n, max;
    wh_buf_t  b;

    static const char  text[] = "{\"a\":{\"b\":1},\"c\":[5,\"\\n\"]}";

    for (max = 0; max < 100; max++) {
        init(&b);
        b.max = max;

        rc = flatten(text, sizeof(text) - 1, "_", 0, &b, &n);

        free(b.data);

        if (rc != WH_LIMIT || b.len > max) {
            break;
        }
    }

    is_int((int64_t) max, (int64_t) strlen("{\"x_a_b\":1,\"x_c_0\":5,"
                                           "\"x_c_1\":\"\\n\"}"),
           "a limit is kept to");
    is_int(rc, WH_OK, "and used to its end");
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
    (void) ctx;

    if (++calls == fail_at) {
        return NULL;
    }

    blocks++;

    return malloc(size);
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    blocks--;

    free(p);
}
