
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_catalogue.h"
#include "tap.h"


static int               allocs;
static int               fail_at;     /* 0: never */


static int read_file(wh_catalogue_t *c, const char *text,
    wh_catalogue_error_t *err);
static int read_octets(wh_catalogue_t *c, const char *text, size_t n,
    wh_catalogue_error_t *err);
static void is_error(const char *text, const char *what, size_t line,
    size_t column, const char *name);
static void is_found(const wh_catalogue_t *c, const char *group,
    const char *name, const char *expected);
static void large(void);
static void no_memory(void);
static void *mem_grow(void *ctx, void *old, size_t old_size, size_t size);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);
static wh_str_t str(const char *s);


/* what is kept is never freed one by one */

static void   *kept[4096];
static size_t  nkept;


int
main(void)
{
    size_t                i;
    wh_catalogue_t        c, at;
    wh_catalogue_error_t  err;

    is_int(read_file(&c, "{}", &err), WH_OK, "an empty catalogue");
    is_int((int64_t) c.n, 0, "has no translations");
    is_found(&c, "", "a", NULL);
    is_found(NULL, "", "a", NULL);

    is_int(read_file(&c, "{\"\":\"\"}", &err), WH_OK, "an empty name");
    is_found(&c, "", "", "");
    is_error("{\"\":\"\",\n\"\":\"\"}", "has a name twice", 2, 0, "");

    is_int(read_file(&c, "{\"open\":\"offen\",\n"
                         " \"status\": {\"open\": \"ge\\u00f6ffnet\", "
                         "\"deep\": {\"er\": \"tiefer\"}, \"none\": {}},\n"
                         " \"a.b\": \"mit Punkt\", \"empty\": \"\", "
                         "\"\": \"leer\", \"status\\u0000\": \"null\"}\n",
                     &err),
           WH_OK, "a catalogue");
    is_int((int64_t) c.n, 7, "has its translations");
    is_found(&c, "", "open", "offen");
    is_found(&c, NULL, "open", "offen");
    is_found(&c, "", "status.open", "ge\xc3\xb6" "ffnet");
    is_found(&c, "status.", "open", "ge\xc3\xb6" "ffnet");
    is_found(&c, "status.deep.", "er", "tiefer");
    is_found(&c, "a.", "b", "mit Punkt");
    is_found(&c, "", "empty", "");
    is_found(&c, "", "", "leer");
    is_found(&c, "", "status", NULL);
    is_found(&c, "status.", "", NULL);
    is_found(&c, "status.", "deep", NULL);
    is_found(&c, "", "ope", NULL);
    is_found(&c, "", "opena", NULL);
    is_found(&c, "open.", "", NULL);
    is_found(&c, "zzz.", "open", NULL);
    is_found(&c, "\xff.", "open", NULL);

    is_int(read_file(&at, "{\"open\":\"auf\"}", &err), WH_OK, "another one");
    at.parent = &c;
    is_found(&at, "", "open", "auf");
    is_found(&at, "", "a.b", "mit Punkt");
    is_found(&at, "", "none", NULL);

    is_error("", "is JSON that ends too early", 1, 1, "");
    is_error("{\n\"a\": \"b\",\n", "is JSON that ends too early", 3, 1, "");
    is_error("[]", "is not an object", 1, 0, "");
    is_error("\n\n\"a\"", "is not an object", 3, 0, "");
    is_error("{\"a\":1}", "has a value that is neither a string nor an object",
             1, 0, "a");
    is_error("{\"a\":\n{\"b\":\nnull}}",
             "has a value that is neither a string nor an object", 3, 0,
             "a.b");
    is_error("{\"a\":[\"b\"]}",
             "has a value that is neither a string nor an object", 1, 0, "a");
    is_error("{\"a\":\"b\",\n\"c\":\"d\",\n\"a\":\"e\"}", "has a name twice",
             3, 0, "a");
    is_error("{\"a\":{\"b\":\"c\"},\n\"a.b\":\"d\"}", "has a name twice", 2, 0,
             "a.b");
    is_error("{\"a\":\"b\"}\n{}", "is not JSON in UTF-8", 2, 2, "");
    is_error("{\"a\":\"b\"\n  \"c\":\"d\"}", "is not JSON in UTF-8", 1, 9,
             "");
    is_error("{\"a\":\"b\xff\"}", "is not JSON in UTF-8", 1, 8, "");
    is_error("\xef\xbb\xbf{}", "is not JSON in UTF-8", 1, 2, "");

    large();
    no_memory();

    for (i = 0; i < nkept; i++) {
        free(kept[i]);
    }

    return done_testing();
}


static void
large(void)
{
    int                    i, wrong;
    char                   name[32], text[32];
    size_t                 n;
    wh_buf_t               b;
    wh_catalogue_t         c;
    const wh_str_t        *found;
    wh_catalogue_error_t   err;

    memset(&b, 0, sizeof(wh_buf_t));
    b.max = SIZE_MAX;
    b.grow = wh_buf_malloc;

    (void) wh_buf_putc(&b, '{');

    for (i = 0; i < 20000; i++) {
        n = (size_t) snprintf(name, sizeof(name), "%s\"k%d\":\"t%d\"",
                              i ? ",\n" : "", i * 7919 % 20000,
                              i * 7919 % 20000);
        (void) wh_buf_put(&b, name, n);
    }

    (void) wh_buf_putc(&b, '}');

    is_int(read_octets(&c, b.data, b.len, &err), WH_OK, "20000 translations");

    wrong = 0;

    for (i = 0; i < 20000; i++) {
        (void) snprintf(name, sizeof(name), "k%d", i);
        n = (size_t) snprintf(text, sizeof(text), "t%d", i);

        found = wh_catalogue_find(&c, str(""), str(name));

        if (found == NULL || found->len != n
            || memcmp(found->data, text, n) != 0)
        {
            wrong++;
        }
    }

    is_int(wrong, 0, "all are found");

    free(b.data);
}


static void
no_memory(void)
{
    int                   n, rc, wrong;
    wh_catalogue_t        c;
    wh_catalogue_error_t  err;

    wrong = 0;
    n = 0;

    do {
        allocs = 0;
        fail_at = ++n;

        rc = read_file(&c, "{\"a\":{\"b\":\"c\"},\"d\":\"e\"}", &err);

        if (rc != WH_OK && rc != WH_NOMEM) {
            wrong++;
        }

    } while (rc != WH_OK && n < 1000);

    fail_at = 0;

    ok(n > 3 && n < 1000, "it ends without memory at any point");
    is_int(wrong, 0, "and says so");
}


static void
is_error(const char *text, const char *what, size_t line, size_t column,
    const char *name)
{
    wh_catalogue_t        c;
    wh_catalogue_error_t  err;

    is_int(read_file(&c, text, &err), WH_ERROR, "error: %s", text);
    is_str(err.what, strlen(err.what), what, "what: %s", text);
    is_int((int64_t) err.line, (int64_t) line, "line: %s", text);
    is_int((int64_t) err.column, (int64_t) column, "column: %s", text);
    is_str(err.name.data, err.name.len, name, "name: %s", text);
}


static void
is_found(const wh_catalogue_t *c, const char *group, const char *name,
    const char *expected)
{
    wh_str_t         none;
    const wh_str_t  *text;

    none.len = 0;
    none.data = NULL;

    text = wh_catalogue_find(c, group ? str(group) : none, str(name));

    if (group == NULL) {
        group = "";
    }

    if (expected == NULL || text == NULL) {
        ok(expected == NULL && text == NULL, "%s%s is %s", group, name,
           expected ? expected : "not there");
        return;
    }

    is_str(text->data, text->len, expected, "%s%s is %s", group, name,
           expected);
}


static int
read_file(wh_catalogue_t *c, const char *text, wh_catalogue_error_t *err)
{
    return read_octets(c, text, strlen(text), err);
}


static int
read_octets(wh_catalogue_t *c, const char *text, size_t n,
    wh_catalogue_error_t *err)
{
    int         rc;
    char       *p;
    wh_str_t    file;
    wh_alloc_t  mem;

    p = guard_copy(text, n);

    file.len = n;
    file.data = p;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    rc = wh_catalogue_read(c, file, mem_grow, NULL, &mem, err);

    guard_free(p, n);

    return rc;
}


static void *
mem_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void  *p;

    p = mem_alloc(ctx, size);

    if (p == NULL || nkept == sizeof(kept) / sizeof(kept[0])) {
        free(p);
        return NULL;
    }

    kept[nkept++] = p;

    if (old) {
        memcpy(p, old, old_size);
    }

    return p;
}


static void *
mem_alloc(void *ctx, size_t size)
{
    (void) ctx;

    if (++allocs == fail_at) {
        return NULL;
    }

    return malloc(size);
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}


static wh_str_t
str(const char *s)
{
    wh_str_t  v;

    v.len = strlen(s);
    v.data = s;

    return v;
}
