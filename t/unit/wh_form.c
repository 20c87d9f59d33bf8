
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_form.h"


/* an allocator that counts, and fails when it is told to */

typedef struct {
    size_t       blocks;
    size_t       bytes;
    size_t       peak;
    size_t       calls;
    size_t       fail_at;    /* 0: never */
} mem_t;


#define MAX_NAMES  9


typedef struct {
    mem_t        mem;
    wh_str_t     names[MAX_NAMES];
    size_t       n;
    wh_form_t   *f;
    int          rc;         /* of feed */
    int          end;        /* of finish */
} run_t;


typedef struct {
    const char  *text;
    size_t       len;
    int          end;
    const char  *a;          /* the value of "a", NULL if there is none */
    size_t       a_len;
    const char  *name;
} case_t;


static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);

static void run_open(run_t *r, const char *const *names,
    const char *boundary, size_t max, size_t fail_at);
static void run_feed(run_t *r, const char *p, size_t n);
static void run_text(run_t *r, const char *p, size_t n, size_t step);
static void run_close(run_t *r);
static void value(run_t *r, size_t i, const char *text, size_t n,
    const char *name);
static void no_value(run_t *r, size_t i, int truncated, const char *name);
static void check(const case_t *cases, size_t n, const char *boundary);

static void type(void);
static void urlencoded(void);
static void urlencoded_names(void);
static void multipart(void);
static void multipart_names(void);
static void browsers(void);
static void rfc2046(void);
static void headers(void);
static void limits(void);
static void bounded(void);
static void sticky(void);
static void splits(void);
static void split(const char *p, size_t n, const char *boundary, size_t max,
    const char *name);
static int same(run_t *a, run_t *b);
static void no_memory(void);
static void no_memory_for(const char *p, size_t n, const char *boundary,
    const char *name);


#define T(s)  s, sizeof(s) - 1

#define FIELD(name)  "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"


static const char *const  a[] = { "a", NULL };

static const char *const  all[] = {
    "a", "name", "file", "we\"ird\\x", "", "a", "\r\n", "", NULL
};

static const char  curl[] =
    "--------------------------11b932c1d19d8b45\r\n"
    "Content-Disposition: form-data; name=\"name\"\r\n"
    "\r\n"
    "Bob\r\n"
    "--------------------------11b932c1d19d8b45\r\n"
    "Content-Disposition: form-data; name=\"we%22ird\\x\"\r\n"
    "\r\n"
    "1\r\n"
    "--------------------------11b932c1d19d8b45\r\n"
    "Content-Disposition: form-data; name=\"file\"; "
    "filename=\"a;name=%22evil%22.txt\"\r\n"
    "Content-Type: text/plain\r\n"
    "\r\n"
    "line\r\n"
    "--not a delimiter\r\n"
    "\r\n"
    "--------------------------11b932c1d19d8b45\r\n"
    "Content-Disposition: form-data; name=\"a\"\r\n"
    "Content-Type: application/json\r\n"
    "\r\n"
    "{\"k\":1}\r\n"
    "--------------------------11b932c1d19d8b45--\r\n";

/* everything that makes a parser wait for the next octet */

static const char  tricky[] =
    "preamble\r\n--b-\r\n--bb\r\r\n--b \t\r\n"
    "x-other: name=\"a\";\r\n a\r\n"
    "content-DISPOSITION:form-data\r\n ; name=\"\%0D\%0A\"\r\n"
    "\r\n"
    "\r\n--\r\n--b-x\r\n--b\rx\r\r\n-\r\n--c\r\n--bb\r\n--b-\r\n--b\r\n"
    "Content-Disposition: form-data; name=\"a\"\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Disposition: form-data; name=\"file\"\r\n"
    "\r\n"
    "--a\r\n--\0\r\n--b\r\r\n--b\r\n"
    "\r\n"
    "no name\r\n--b\r\n"
    "Content-Disposition: form-data; name=\"\"\r\n"
    "\r\n"
    "--b-\r\n--b--\r\n--b\r\n\r\nepilogue";


int
main(void)
{
    type();
    urlencoded();
    urlencoded_names();
    multipart();
    multipart_names();
    browsers();
    rfc2046();
    headers();
    limits();
    bounded();
    sticky();
    splits();
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


/* urlencoded, unless there is a boundary */

static void
run_open(run_t *r, const char *const *names, const char *boundary,
    size_t max, size_t fail_at)
{
    wh_str_t    b;
    wh_alloc_t  mem;

    memset(r, 0, sizeof(run_t));

    for (r->n = 0; names[r->n]; r->n++) {
        r->names[r->n].data = names[r->n];
        r->names[r->n].len = strlen(names[r->n]);
    }

    b.data = boundary ? boundary : "";
    b.len = strlen(b.data);

    r->mem.fail_at = fail_at;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = &r->mem;

    r->f = wh_form_create(r->names, r->n,
                          boundary ? WH_FORM_MULTIPART : WH_FORM_URLENCODED,
                          b, max, &mem);
}


/* a piece that ends before an unmapped page, and is gone afterwards */

static void
run_feed(run_t *r, const char *p, size_t n)
{
    char  *c;

    c = guard_copy(p, n);
    r->rc = wh_form_feed(r->f, c, n);
    guard_free(c, n);
}


static void
run_text(run_t *r, const char *p, size_t n, size_t step)
{
    size_t  i, len;

    for (i = 0; i < n; i += len) {
        len = n - i < step ? n - i : step;
        run_feed(r, p + i, len);
    }

    r->end = wh_form_finish(r->f);
}


static void
run_close(run_t *r)
{
    wh_form_destroy(r->f);

    if (r->mem.blocks != 0) {
        ok(0, "a parser frees all of its memory");
    }
}


static void
value(run_t *r, size_t i, const char *text, size_t n, const char *name)
{
    const wh_form_value_t  *v;

    v = wh_form_value(r->f, i);

    ok(v->found && !v->truncated, "%s: found", name);
    is_mem(v->text.data, v->text.len, text, n, "%s: text", name);
    ok(v->text.data != NULL, "%s: text is not NULL", name);
}


static void
no_value(run_t *r, size_t i, int truncated, const char *name)
{
    const wh_form_value_t  *v;

    v = wh_form_value(r->f, i);

    ok(!v->found, "%s: not found", name);
    is_int(v->truncated, truncated, "%s: truncated", name);
    ok(v->text.data != NULL && v->text.len == 0, "%s: no text", name);
}


/* whole, and by octets */

static void
check(const case_t *cases, size_t n, const char *boundary)
{
    run_t          r;
    size_t         i, step;
    const case_t  *c;

    for (i = 0; i < n; i++) {
        c = &cases[i];

        for (step = c->len ? c->len : 1; step; step = step > 1 ? 1 : 0) {
            run_open(&r, a, boundary, 1000, 0);
            run_text(&r, c->text, c->len, step);

            is_int(r.end, c->end, "%s, by %zu", c->name, step);

            if (c->a) {
                value(&r, 0, c->a, c->a_len, c->name);

            } else {
                no_value(&r, 0, 0, c->name);
            }

            run_close(&r);
        }
    }
}


#define B35  "abcdefghijklmnopqrstuvwxyz012345678"
#define B70  B35 B35


static void
type(void)
{
    int       rc, kind;
    size_t    i;
    wh_str_t  in, boundary;

    static const struct {
        const char  *text;
        int          rc;
        int          kind;
        const char  *boundary;
    } cases[] = {
        { "application/x-www-form-urlencoded", WH_OK, WH_FORM_URLENCODED, "" },
        { "Application/X-WWW-Form-URLEncoded;charset=UTF-8", WH_OK,
          WH_FORM_URLENCODED, "" },
        { "application/x-www-form-urlencoded ; boundary=x", WH_OK,
          WH_FORM_URLENCODED, "" },
        { " application/x-www-form-urlencoded\t", WH_OK,
          WH_FORM_URLENCODED, "" },
        { "application/x-www-form-urlencoded2", WH_OK, WH_FORM_OTHER, "" },
        { "application/x-www-form-urlencoded, text/plain", WH_OK,
          WH_FORM_OTHER, "" },
        { "application/x-www-form-urlencoded x", WH_OK, WH_FORM_OTHER, "" },
        { "application/x-www-form-urlencode", WH_OK, WH_FORM_OTHER, "" },
        { "application/json", WH_OK, WH_FORM_OTHER, "" },
        { "text/plain; x=multipart/form-data; boundary=b", WH_OK,
          WH_FORM_OTHER, "" },
        { "multipart/mixed; boundary=b", WH_OK, WH_FORM_OTHER, "" },
        { "", WH_OK, WH_FORM_OTHER, "" },
        { ";", WH_OK, WH_FORM_OTHER, "" },
        { "  ", WH_OK, WH_FORM_OTHER, "" },
        { "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
          WH_OK, WH_FORM_MULTIPART, "----WebKitFormBoundary7MA4YWxkTrZu0gW" },
        { "Multipart/Form-Data;BOUNDARY=\"gc0pJq0M:08jU534c0p\"", WH_OK,
          WH_FORM_MULTIPART, "gc0pJq0M:08jU534c0p" },
        { "multipart/form-data; charset=utf-8; boundary=AaB03x", WH_OK,
          WH_FORM_MULTIPART, "AaB03x" },
        { "multipart/form-data; boundary=AaB03x ; charset=utf-8", WH_OK,
          WH_FORM_MULTIPART, "AaB03x" },
        { "multipart/form-data;;x;boundary = b", WH_OK, WH_FORM_MULTIPART,
          "b" },
        { "multipart/form-data; x=\"; boundary=no; \\\"\"; boundary=yes",
          WH_OK, WH_FORM_MULTIPART, "yes" },
        { "multipart/form-data; xboundary=no; boundary=yes; boundary=no",
          WH_OK, WH_FORM_MULTIPART, "yes" },
        { "multipart/form-data; boundary=a'()+_,-./:=?z", WH_OK,
          WH_FORM_MULTIPART, "a'()+_,-./:=?z" },
        { "multipart/form-data; boundary=\"a b\"", WH_OK, WH_FORM_MULTIPART,
          "a b" },
        { "multipart/form-data; boundary=" B70, WH_OK, WH_FORM_MULTIPART,
          B70 },
        { "multipart/form-data; boundary=" B70 "0", WH_ERROR,
          WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=\"" B70 "0\"", WH_ERROR,
          WH_FORM_MULTIPART, "" },
        { "multipart/form-data", WH_ERROR, WH_FORM_MULTIPART, "" },
        { "multipart/form-data;", WH_ERROR, WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary", WH_ERROR, WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=", WH_ERROR, WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=\"", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=\"\"", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=\"a", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=\"a\\", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=\"a \"", WH_ERROR,
          WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=\"a\\b\"", WH_ERROR,
          WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=\"a\r\n\"", WH_ERROR,
          WH_FORM_MULTIPART, "" },
        { "multipart/form-data; boundary=a*b", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=a{b", WH_ERROR, WH_FORM_MULTIPART,
          "" },
        { "multipart/form-data; boundary=\xc3\xa9", WH_ERROR,
          WH_FORM_MULTIPART, "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        in.len = strlen(cases[i].text);
        in.data = guard_copy(cases[i].text, in.len);

        kind = -1;
        rc = wh_form_type(in, &kind, &boundary);

        is_int(rc, cases[i].rc, "type \"%s\"", cases[i].text);
        is_int(kind, cases[i].kind, "type \"%s\": kind", cases[i].text);
        is_str(boundary.data, boundary.len, cases[i].boundary,
               "type \"%s\": boundary", cases[i].text);

        guard_free((char *) in.data, in.len);
    }

    in.data = NULL;
    in.len = 0;

    is_int(wh_form_type(in, &kind, &boundary), WH_OK, "no type is fine");
    is_int(kind, WH_FORM_OTHER, "it is no form");

    in.data = "multipart/form-data; boundary=a\0b";
    in.len = 33;

    is_int(wh_form_type(in, &kind, &boundary), WH_ERROR,
           "no NUL in a boundary");
}


static void
urlencoded(void)
{
    static const case_t  cases[] = {
        { T("a=1"), WH_OK, T("1"), "one pair" },
        { T("b=2&a=1&c=3"), WH_OK, T("1"), "pair among others" },
        { T("a=1&a=2"), WH_OK, T("1"), "the first of a name counts" },
        { T("a=&a=2"), WH_OK, T(""), "the first counts, if empty too" },
        { T("a&a=2"), WH_OK, T(""), "a pair without \"=\" counts" },
        { T("x&a"), WH_OK, T(""), "a pair without \"=\" at the end" },
        { T("a="), WH_OK, T(""), "empty value at the end" },
        { T("a=&"), WH_OK, T(""), "empty value" },
        { T("a=b=c=="), WH_OK, T("b=c=="), "\"=\" in a value" },
        { T("&&a=1&&"), WH_OK, T("1"), "empty pairs" },
        { T("==&=a&a=1"), WH_OK, T("1"), "empty names" },
        { T("a=+b++"), WH_OK, T(" b  "), "plus is a space" },
        { T("a=%2B%20%26%3d%25"), WH_OK, T("+ &=%"), "escapes" },
        { T("a=%00x%ff"), WH_OK, T("\0x\xff"), "octets that are no text" },
        { T("a=x\0y\xff"), WH_OK, T("x\0y\xff"), "octets not escaped" },
        { T("a=\r\n;b=1"), WH_OK, T("\r\n;b=1"), "no other separators" },
        { T("a=%"), WH_OK, T("%"), "\"%\" at the end" },
        { T("a=%&b"), WH_OK, T("%"), "\"%\" before \"&\"" },
        { T("a=%4"), WH_OK, T("%4"), "half an escape at the end" },
        { T("a=%4&b"), WH_OK, T("%4"), "half an escape before \"&\"" },
        { T("a=%%41"), WH_OK, T("%A"), "\"%\" before an escape" },
        { T("a=%4%41"), WH_OK, T("%4A"), "half an escape before one" },
        { T("a=%4g%g4%+1%=2"), WH_OK, T("%4g%g4% 1%=2"), "no hex digits" },
        { T("a=%2541"), WH_OK, T("%41"), "decoded once" },
        { T("%61=1"), WH_OK, T("1"), "escaped name" },
        { T("%6=0&%61%&%61b=2&a%"), WH_OK, NULL, 0, "other names" },
        { T("A=1&aa=1&b=a&a+=1&+a=1&%00a=1"), WH_OK, NULL, 0,
          "names that are similar" },
        { T(""), WH_OK, NULL, 0, "empty text" },
        { T("a=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx+xxxxxxxxxxxxx%20xxx&b=2"),
          WH_OK, T("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxxx xxx"),
          "long runs" },
        { T("xxxxxxxxxxxxxxxxxxxxxxxxxxxxx%41xxx=yyyy=a=1&a=yes"), WH_OK,
          T("yes"), "a long pair before" },

        /* curl -d a= --data-urlencode 'name=Zoe & Co+1 50%' with an accent */

        { T("a=Zo%C3%AB+%26+Co%2B1+50%25&e=&flag"), WH_OK,
          T("Zo\xc3\xab & Co+1 50%"), "made by curl" }
    };

    check(cases, sizeof(cases) / sizeof(cases[0]), NULL);
}


static void
urlencoded_names(void)
{
    run_t              r;
    static const char  text[] =
        "x=0&=none&%6eame=n&we%22ird%5Cx=1&name=2&%0d%0A=crlf&file";

    run_open(&r, all, NULL, 1000, 0);
    run_text(&r, text, sizeof(text) - 1, 7);

    is_int(r.end, WH_OK, "several names");
    no_value(&r, 0, 0, "name that is not there");
    value(&r, 1, T("n"), "escaped name, repeated");
    value(&r, 2, T(""), "name at the end");
    value(&r, 3, T("1"), "name in escapes");
    value(&r, 4, T("none"), "empty name");
    no_value(&r, 5, 0, "equal name that is not there");
    value(&r, 6, T("crlf"), "name of a line end");
    value(&r, 7, T("none"), "empty name, once more");

    run_close(&r);

    run_open(&r, all, NULL, 1000, 0);
    run_text(&r, T("a=1&a=2"), 100);

    value(&r, 0, T("1"), "the first of equal names");
    value(&r, 5, T("1"), "the second of equal names");

    run_close(&r);

    run_open(&r, all + MAX_NAMES - 1, NULL, 1000, 0);
    run_text(&r, T("a=1&&"), 100);

    is_int(r.end, WH_OK, "no names");
    run_close(&r);
}


static void
multipart(void)
{
    static const case_t  cases[] = {
        { T("--b\r\n" FIELD("a") "1\r\n--b--\r\n"), WH_OK, T("1"),
          "one part" },
        { T("\r\n--b\r\n" FIELD("a") "1\r\n--b--"), WH_OK, T("1"),
          "CRLF before, and none after" },
        { T("text\r\n--b\r\n" FIELD("a") "1\r\n--b--\r\ntext\r\n--b\r\n"),
          WH_OK, T("1"), "preamble and epilogue" },
        { T("text--b\r\n" FIELD("a") "1\r\n--b--"), WH_OK, NULL, 0,
          "a delimiter starts a line" },
        { T("\n--b\n" FIELD("a") "1\n--b--\n"), WH_AGAIN, NULL, 0,
          "LF ends no line" },
        { T("--b\r\n" FIELD("a") "\r\n--b--"), WH_OK, T(""), "empty value" },
        { T("--b\r\n" FIELD("a") "--b--"), WH_OK, T(""), "no body" },
        { T("--b\r\n" FIELD("a") "\n--b--\r\n--b--"), WH_OK, T("\n--b--"),
          "no body, but LF before the boundary" },
        { T("--b\r\n" FIELD("a") "\r\n\r\n--b--"), WH_OK, T("\r\n"),
          "value of a line end" },
        { T("--b\r\n" FIELD("a") "\r\r\n--b--"), WH_OK, T("\r"),
          "value of CR" },
        { T("--b\r\n" FIELD("a") "-\r\n--b--"), WH_OK, T("-"),
          "value of what could start a boundary" },
        { T("--b\r\n" FIELD("a") "--\r\n--b--"), WH_OK, T("--"),
          "value of more of it" },
        { T("--b\r\n" FIELD("a") "--bb\r\n--b--"), WH_OK, T("--bb"),
          "value that starts like a boundary" },
        { T("--b\r\n" FIELD("a") "--b-\r\n--b--"), WH_OK, T("--b-"),
          "value that is nearly the last delimiter" },
        { T("--b\r\n" FIELD("a") "1\r\n--bb\r\n--b-\r\n--b\r--b\n\r\n--b--"),
          WH_OK, T("1\r\n--bb\r\n--b-\r\n--b\r--b\n"), "near-delimiters" },
        { T("--b\r\n" FIELD("a") "\r\n--b\r\r\n--b\n\r\n--b--"), WH_OK,
          T("\r\n--b\r\r\n--b\n"), "a delimiter without its end, and LF" },
        { T("--b\r\n" FIELD("a") "\r\n\r\n-\r\n--\r\n\r--b\r\n--b--"), WH_OK,
          T("\r\n\r\n-\r\n--\r\n\r--b"), "starts of delimiters" },
        { T("--b\r\n" FIELD("a") "\0\xff\x80=&%41+\r\n--b--"), WH_OK,
          T("\0\xff\x80=&%41+"), "octets as they are" },
        { T("--b\r\n" FIELD("a") "1\r\n--b\r\n" FIELD("a") "2\r\n--b--"),
          WH_OK, T("1"), "the first of a name counts" },
        { T("--b\r\n" FIELD("a") "\r\n--b\r\n" FIELD("a") "2\r\n--b--"),
          WH_OK, T(""), "the first counts, if empty too" },
        { T("--b \t \r\n" FIELD("a") "1\r\n--b-- \t"), WH_OK, T("1"),
          "transport padding" },
        { T("--b\t\r\n" FIELD("a") "1\r\n--b--"), WH_OK, T("1"),
          "a tab for padding" },
        { T("--b x\r\n" FIELD("a") "1\r\n--b--"), WH_ERROR, NULL, 0,
          "something after padding" },
        { T("--b \r\r\n" FIELD("a") "1\r\n--b--"), WH_ERROR, NULL, 0,
          "CR after padding" },
        { T("--b\r\n" FIELD("a") "1\r\n--b\r\n--b--\r\n" FIELD("a")), WH_ERROR,
          T("1"), "a delimiter for a header" },
        { T("--b\r\nContent-Disposition: form-data; name=x\r\n--b\r\n"
            FIELD("a") "1\r\n--b--"), WH_ERROR, NULL, 0,
          "a delimiter after headers" },
        { T("--b\r\n\r\n--b\r\n" FIELD("a") "1\r\n--b--"), WH_OK, T("1"),
          "a part of nothing" },
        { T("--b\r\n" FIELD("a") "1"), WH_AGAIN, NULL, 0,
          "it ends in a value" },
        { T("--b\r\n" FIELD("a") "1\r\n--"), WH_AGAIN, NULL, 0,
          "it ends in a delimiter" },
        { T("--b\r\n" FIELD("a") "1\r\n--b"), WH_AGAIN, NULL, 0,
          "it ends after a boundary" },
        { T("--b\r\n" FIELD("a") "1\r\n--b-"), WH_AGAIN, NULL, 0,
          "it ends in the last delimiter" },
        { T("--b\r\n" FIELD("a") "1\r\n--b\r\n"), WH_AGAIN, T("1"),
          "it ends after a delimiter" },
        { T("--b\r\n" FIELD("a") "1\r\n--b\r\nContent"), WH_AGAIN, T("1"),
          "it ends in headers" },
        { T("text"), WH_AGAIN, NULL, 0, "no multipart" },
        { T(""), WH_AGAIN, NULL, 0, "empty multipart" },
        { T("--b--\r\n"), WH_OK, NULL, 0, "no parts" }
    };

    check(cases, sizeof(cases) / sizeof(cases[0]), "b");
}


#define PART(h)  T("--b\r\n" h "\r\n\r\nv\r\n--b--")
#define FORM     "Content-Disposition: form-data"


static void
multipart_names(void)
{
    static const case_t  cases[] = {
        { PART("content-disposition:Form-Data;NAME=a"), WH_OK, T("v"),
          "any case, unquoted, no spaces" },
        { PART("X: y\r\n" FORM "; name=\"a\"\r\nContent-Type: text/plain"),
          WH_OK, T("v"), "among other headers" },
        { PART(FORM "; filename=\"x\"; name=\"a\""), WH_OK, T("v"),
          "after another parameter" },
        { PART(FORM "; filename=\"; name=\\\"b\"; name=\"a\""), WH_OK,
          T("v"), "after one that looks like it" },
        { PART(FORM "; filename=\"a\""), WH_OK, NULL, 0, "only a filename" },
        { PART(FORM "; name*=UTF-8''a; name=b"), WH_OK, NULL, 0,
          "extended name" },
        { PART(FORM "; name=b; name=a"), WH_OK, NULL, 0, "second name" },
        { PART(FORM "; name=\"a\" ; filename=x"), WH_OK, T("v"),
          "space after it" },
        { PART(FORM ";\r\n name=\"a\""), WH_OK, T("v"), "folded header" },
        { PART(FORM ";\r\n\tname=\"a\""), WH_OK, T("v"),
          "header folded by a tab" },
        { PART(FORM "\r\n\t; name\r\n =\r\n \"a\""), WH_OK, T("v"),
          "much folded header" },
        { PART("X: y\r\n Content-Disposition: form-data; name=a"), WH_OK,
          NULL, 0, "another header, folded" },
        { PART("X: y\nContent-Disposition: form-data; name=a"), WH_OK,
          NULL, 0, "LF ends no header" },
        { PART("Content-Disposition: attachment; name=a"), WH_OK, NULL, 0,
          "another disposition" },
        { PART("Content-Disposition: form-data x; name=a"), WH_OK, NULL, 0,
          "malformed disposition" },
        { PART("Content-Disposition:"), WH_OK, NULL, 0, "no disposition" },
        { PART("Content-Disposition; name=a"), WH_OK, NULL, 0, "no colon" },
        { PART("Content-Disposition: form-data; name=b\r\n" FORM "; name=a"),
          WH_OK, NULL, 0, "second disposition" },
        { PART("Content-Disposition: x\r\n" FORM "; name=a"),
          WH_OK, NULL, 0, "second disposition, after another kind" },
        { PART(FORM "; name=\"a"), WH_OK, NULL, 0, "no closing quote" },
        { PART(FORM "; name=\"a\\\""), WH_OK, NULL, 0,
          "escaped closing quote" },
        { PART(FORM "; name=a\\"), WH_OK, NULL, 0,
          "backslash at the end" },
        { PART(FORM "; name"), WH_OK, NULL, 0, "no name" },
        { PART(FORM "; name="), WH_OK, NULL, 0, "no name after \"=\"" },
        { PART(FORM), WH_OK, NULL, 0, "no parameters" },
        { PART("\n\n" FORM "; name=a"), WH_OK, NULL, 0, "LF before" },
        { PART(FORM "; name=\"%61\""), WH_OK, NULL, 0, "no other escapes" },
        { PART(FORM "; name=\"aa\""), WH_OK, NULL, 0, "too long" },
        { PART(FORM "; name=\"A\""), WH_OK, NULL, 0, "another case" }
    };

    static const struct {
        const char  *raw;
        const char  *name;
    } names[] = {
        { "%22", "\"" },
        { "%0D%0A", "\r\n" },
        { "%0d%0a", "%0d%0a" },
        { "%2", "%2" },
        { "%", "%" },
        { "%%22", "%\"" },
        { "%25", "%25" },
        { "100%", "100%" },
        { "\\\"", "\"" },
        { "\\\\", "\\" },
        { "\\\\\\\"", "\\\"" },
        { "C:\\x", "C:\\x" },
        { "items[0][x]", "items[0][x]" },
        { "", "" },
        { "a; name=b", "a; name=b" },
        { "\xc3\xa9", "\xc3\xa9" }
    };

    int          n;
    char         text[200];
    run_t        r;
    size_t       i;
    const char  *wanted[3];

    check(cases, sizeof(cases) / sizeof(cases[0]), "b");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        wanted[0] = names[i].name;
        wanted[1] = "a name that is longer";
        wanted[2] = NULL;

        n = snprintf(text, sizeof(text), "--b\r\n" FIELD("%s")
                     "v\r\n--b--\r\n", names[i].raw);

        run_open(&r, wanted, "b", 100, 0);
        run_text(&r, text, (size_t) n, 9);

        is_int(r.end, WH_OK, "name \"%s\"", names[i].raw);
        value(&r, 0, T("v"), "name in quotes");
        no_value(&r, 1, 0, "another name");
        run_close(&r);
    }
}


static void
browsers(void)
{
    run_t                     r;
    static const char *const  names[] = {
        "name", "we\"ird\\x", "file", "a", "empty", NULL };

    static const char  escaped[] =
        "--------------------------469a1aedcb1500a2\r\n"
        "Content-Disposition: form-data; name=\"we\\\"ird\\\\x\"\r\n"
        "\r\n"
        "1\r\n"
        "--------------------------469a1aedcb1500a2\r\n"
        "Content-Disposition: form-data; name=\"empty\"\r\n"
        "\r\n"
        "\r\n"
        "--------------------------469a1aedcb1500a2--\r\n";

    static const char  chrome[] =
        "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
        "Content-Disposition: form-data; name=\"we%22ird\\x\"\r\n"
        "\r\n"
        "J\xc3\xb6rg\r\n"
        "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
        "Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n"
        "Content-Type: application/octet-stream\r\n"
        "\r\n"
        "\r\n"
        "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
        "Content-Disposition: form-data; name=\"a\"\r\n"
        "\r\n"
        "two\r\nlines\r\n"
        "------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n";

    static const char  firefox[] =
        "-----------------------------9051914041544843365972754266\r\n"
        "Content-Disposition: form-data; name=\"name\"\r\n"
        "\r\n"
        "text default\r\n"
        "-----------------------------9051914041544843365972754266\r\n"
        "Content-Disposition: form-data; name=\"file\"; "
        "filename=\"a.html\"\r\n"
        "Content-Type: text/html\r\n"
        "\r\n"
        "<!DOCTYPE html><title>Content of a.html.</title>\r\n"
        "\r\n"
        "-----------------------------9051914041544843365972754266--\r\n";

    run_open(&r, names, "------------------------11b932c1d19d8b45", 1000, 0);
    run_text(&r, curl, sizeof(curl) - 1, 50);

    is_int(r.end, WH_OK, "curl");
    value(&r, 0, T("Bob"), "curl, field");
    value(&r, 1, T("1"), "curl, name with quote and backslash");
    value(&r, 2, T("line\r\n--not a delimiter\r\n"), "curl, file");
    value(&r, 3, T("{\"k\":1}"), "curl, field with a type");
    no_value(&r, 4, 0, "curl, field that is not there");
    run_close(&r);

    run_open(&r, names, "------------------------469a1aedcb1500a2", 1000, 0);
    run_text(&r, escaped, sizeof(escaped) - 1, 50);

    is_int(r.end, WH_OK, "curl --form-escape");
    value(&r, 1, T("1"), "curl --form-escape, name");
    value(&r, 4, T(""), "curl --form-escape, empty value");
    run_close(&r);

    run_open(&r, names, "----WebKitFormBoundary7MA4YWxkTrZu0gW", 1000, 0);
    run_text(&r, chrome, sizeof(chrome) - 1, 50);

    is_int(r.end, WH_OK, "Chrome");
    value(&r, 1, T("J\xc3\xb6rg"), "Chrome, name with quote");
    value(&r, 2, T(""), "Chrome, no file");
    value(&r, 3, T("two\r\nlines"), "Chrome, textarea");
    run_close(&r);

    run_open(&r, names,
             "---------------------------9051914041544843365972754266", 1000,
             0);
    run_text(&r, firefox, sizeof(firefox) - 1, 50);

    is_int(r.end, WH_OK, "Firefox");
    value(&r, 0, T("text default"), "Firefox, field");
    value(&r, 2, T("<!DOCTYPE html><title>Content of a.html.</title>\r\n"),
          "Firefox, file");
    run_close(&r);
}


/* the example of RFC 2046, section 5.1.1, with names; and one of RFC 7578 */

static void
rfc2046(void)
{
    run_t                     r;
    static const char *const  names[] = { "field1", "implicit", "explicit",
        "_charset_", NULL };

    static const char  simple[] =
        "This is the preamble.  It is to be ignored, though it\r\n"
        "is a handy place for composition agents to include an\r\n"
        "explanatory note to non-MIME conformant readers.\r\n"
        "\r\n"
        "--simple boundary\r\n"
        "Content-Disposition: form-data; name=implicit\r\n"
        "\r\n"
        "This is implicitly typed plain US-ASCII text.\r\n"
        "It does NOT end with a linebreak.\r\n"
        "--simple boundary\r\n"
        "Content-type: text/plain; charset=us-ascii\r\n"
        "Content-Disposition: form-data; name=explicit\r\n"
        "\r\n"
        "This is explicitly typed plain US-ASCII text.\r\n"
        "It DOES end with a linebreak.\r\n"
        "\r\n"
        "--simple boundary--\r\n"
        "\r\n"
        "This is the epilogue.  It is also to be ignored.\r\n";

    static const char  charset[] =
        "--AaB03x\r\n"
        "content-disposition: form-data; name=\"_charset_\"\r\n"
        "\r\n"
        "iso-8859-1\r\n"
        "--AaB03x\r\n"
        "content-disposition: form-data; name=\"field1\"\r\n"
        "\r\n"
        "...text encoded in iso-8859-1 ...\r\n"
        "--AaB03x--\r\n";

    run_open(&r, names, "simple boundary", 1000, 0);
    run_text(&r, simple, sizeof(simple) - 1, 33);

    is_int(r.end, WH_OK, "RFC 2046, section 5.1.1");
    value(&r, 1, T("This is implicitly typed plain US-ASCII text.\r\n"
                   "It does NOT end with a linebreak."), "implicit type");
    value(&r, 2, T("This is explicitly typed plain US-ASCII text.\r\n"
                   "It DOES end with a linebreak.\r\n"), "explicit type");
    run_close(&r);

    run_open(&r, names, "AaB03x", 1000, 0);
    run_text(&r, charset, sizeof(charset) - 1, 33);

    is_int(r.end, WH_OK, "RFC 7578, section 4.6");
    value(&r, 0, T("...text encoded in iso-8859-1 ..."), "field");
    value(&r, 3, T("iso-8859-1"), "_charset_");
    run_close(&r);
}


/* headers of the limit, and of one octet more, in any pieces */

static void
headers(void)
{
    char         *text;
    run_t         r;
    size_t        n, len, more, step;
    static char   start[] = "--b\r\nX: ";
    static char   end[] = "\r\nContent-Disposition: form-data; name=a\r\n\r\n";

    for (more = 0; more < 2; more++) {

        len = WH_FORM_MAX_HEADER + more - (sizeof(end) - 1) - 3;
        n = sizeof(start) - 1 + len + sizeof(end) - 1;

        text = malloc(n + 20);

        memcpy(text, start, sizeof(start) - 1);
        memset(text + sizeof(start) - 1, 'x', len);
        memcpy(text + sizeof(start) - 1 + len, end, sizeof(end) - 1);
        memcpy(text + n, "v\r\n--b--", 8);

        for (step = 1; step < 20000; step = step * 7 + 1) {
            run_open(&r, a, "b", 100, 0);
            run_text(&r, text, n + 8, step);

            if (more) {
                is_int(r.rc, WH_LIMIT, "headers too long, by %zu", step);
                is_int(r.end, WH_LIMIT, "the error sticks, by %zu", step);
                no_value(&r, 0, 0, "headers too long");

            } else {
                is_int(r.end, WH_OK, "headers of the limit, by %zu", step);
                value(&r, 0, T("v"), "headers of the limit");
            }

            run_close(&r);
        }

        free(text);
    }

    /* of each part */

    run_open(&r, a, "b", 100, 0);
    run_feed(&r, T("--b"));

    for (n = 0; n < 300; n++) {
        run_feed(&r, T("\r\n" FIELD("x") "\r\n--b"));
    }

    run_text(&r, T("\r\n" FIELD("a") "v\r\n--b--"), 100);

    is_int(r.end, WH_OK, "headers of many parts");
    value(&r, 0, T("v"), "value after many parts");
    run_close(&r);
}


static void
limits(void)
{
    run_t                     r;
    size_t                    max;
    static const char *const  names[] = { "a", "b", "c", NULL };

    static const char  pairs[] = "b=12345&a=%31%32345678&c=9&a=x";

    static const char  parts[] =
        "--z\r\n" FIELD("b") "12345\r\n--z\r\n" FIELD("a") "12345678\r\n"
        "--z\r\n" FIELD("c") "9\r\n--z\r\n" FIELD("a") "x\r\n--z--";

    for (max = 0; max <= 15; max++) {
        run_open(&r, names, NULL, max, 0);
        run_text(&r, pairs, sizeof(pairs) - 1, 3);

        is_int(r.end, WH_OK, "at most %zu octets", max);

        if (max >= 13) {
            value(&r, 0, T("12345678"), "it fits");

        } else {
            no_value(&r, 0, 1, "it does not fit, the next does not count");
        }

        if (max >= 5) {
            value(&r, 1, T("12345"), "it fits");

        } else {
            no_value(&r, 1, 1, "it does not fit");
        }

        if (max == 0 || max == 5 || max == 13) {
            no_value(&r, 2, 1, "there is no room left");

        } else {
            value(&r, 2, T("9"), "what did not fit holds nothing");
        }

        run_close(&r);

        run_open(&r, names, "z", max, 0);
        run_text(&r, parts, sizeof(parts) - 1, max + 1);

        is_int(r.end, WH_OK, "parts: at most %zu octets", max);
        is_int(wh_form_value(r.f, 0)->truncated, max < 13, "parts: a");
        is_int(wh_form_value(r.f, 1)->truncated, max < 5, "parts: b");
        is_int(wh_form_value(r.f, 2)->truncated,
               max == 0 || max == 5 || max == 13, "parts: c");

        run_close(&r);
    }

    run_open(&r, names, NULL, 0, 0);
    run_text(&r, T("a=&b"), 100);

    value(&r, 0, T(""), "an empty value always fits");
    value(&r, 1, T(""), "no value always fits");
    run_close(&r);
}


/* names and values of any length take no memory, unless they are wanted */

static void
bounded(void)
{
    char    *text;
    run_t    r;
    size_t   i, n;

    n = 1 << 20;

    text = malloc(n);

    memset(text, 'x', n);

    run_open(&r, all, NULL, 1000, 0);

    for (i = 0; i < 4; i++) {
        run_feed(&r, text, n);
        run_feed(&r, "=", i & 1);
    }

    run_text(&r, T("&file=1&a=2"), 100);

    is_int(r.end, WH_OK, "4 megabytes, urlencoded");
    value(&r, 0, T("2"), "after long pairs");
    value(&r, 2, T("1"), "after long pairs");
    ok(r.mem.peak < 4096, "memory for pairs: %zu", r.mem.peak);
    run_close(&r);

    run_open(&r, a, NULL, 1000, 0);
    run_feed(&r, T("a="));
    run_feed(&r, text, n);
    run_text(&r, T("&x"), 100);

    no_value(&r, 0, 1, "long value");
    ok(r.mem.peak < 4096, "memory for a long value: %zu", r.mem.peak);
    run_close(&r);

    run_open(&r, all, "b", 1000, 0);
    run_feed(&r, text, n);
    run_feed(&r, T("\r\n--b\r\n" FIELD("x")));
    run_feed(&r, text, n);
    run_feed(&r, T("\r\n--b\r\n" FIELD("file")));
    run_feed(&r, text, n);
    run_feed(&r, T("\r\n--b\r\n" FIELD("a") "1\r\n--b--"));
    run_text(&r, text, n, n);

    is_int(r.end, WH_OK, "4 megabytes, multipart");
    value(&r, 0, T("1"), "after long parts");
    no_value(&r, 2, 1, "long part");
    ok(r.mem.peak < 4096, "memory for parts: %zu", r.mem.peak);
    run_close(&r);

    free(text);
}


static void
sticky(void)
{
    run_t       r;
    wh_str_t    b;
    wh_alloc_t  mem;

    run_open(&r, a, NULL, 100, 0);
    run_text(&r, T("a=1"), 100);

    is_int(wh_form_finish(r.f), WH_OK, "finished twice");
    is_int(wh_form_feed(r.f, "x", 1), WH_ERROR, "nothing after the end");
    is_int(wh_form_finish(r.f), WH_OK, "the result stays");
    value(&r, 0, T("1"), "and the value");
    run_close(&r);

    run_open(&r, a, NULL, 100, 0);
    run_feed(&r, T("a=1"));

    no_value(&r, 0, 0, "a value that has not ended");

    is_int(wh_form_feed(r.f, NULL, 0), WH_OK, "nothing to feed");
    run_feed(&r, T("&"));

    value(&r, 0, T("1"), "a value that has ended");
    run_close(&r);

    run_open(&r, a, "b", 100, 0);
    run_feed(&r, T("--b\r\n" FIELD("a") "1\r\n--b"));

    no_value(&r, 0, 0, "a part that has not ended");

    run_feed(&r, T("\r\n"));

    value(&r, 0, T("1"), "a part that has ended");

    run_feed(&r, T("--b--"));
    run_feed(&r, T("\r\n"));

    is_int(r.rc, WH_ERROR, "malformed");

    run_text(&r, T("\r\n--b--"), 100);

    is_int(r.rc, WH_ERROR, "still malformed");
    is_int(r.end, WH_ERROR, "malformed in the end");
    value(&r, 0, T("1"), "what was found before");
    run_close(&r);

    run_open(&r, a, "b", 100, 0);
    run_text(&r, T("--b\r\n" FIELD("a") "1"), 100);

    is_int(wh_form_finish(r.f), WH_AGAIN, "incomplete, asked twice");
    is_int(wh_form_feed(r.f, "x", 1), WH_AGAIN, "incomplete, fed");
    run_close(&r);

    memset(&r, 0, sizeof(run_t));

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = &r.mem;

    b.data = "a\rb";
    b.len = 3;

    ok(wh_form_create(NULL, 0, WH_FORM_MULTIPART, b, 1, &mem) == NULL,
       "no parser with a wrong boundary");

    b.len = 0;

    ok(wh_form_create(NULL, 0, WH_FORM_MULTIPART, b, 1, &mem) == NULL,
       "no parser without a boundary");
    ok(wh_form_create(NULL, 0, WH_FORM_OTHER, b, 1, &mem) == NULL,
       "no parser of no form");
    is_int((int64_t) r.mem.calls, 0, "nothing was allocated");

    wh_form_destroy(NULL);
}


static void
splits(void)
{
    size_t             max;
    static const char  pairs[] =
        "x&&%6eame=%41+%4&a=%%32=&%zz=1&we%22ird%5cx=a%2&=e%+m%&file&"
        "a=2&%0d%0A=x%0%0a%&longer+than+any+name%&";

    for (max = 0; max < 40; max += 3) {
        split(pairs, sizeof(pairs) - 1, NULL, max, "urlencoded");
        split(tricky, sizeof(tricky) - 1, "b", max, "tricky");
    }

    split(pairs, sizeof(pairs) - 1, NULL, 1000, "urlencoded");
    split(tricky, sizeof(tricky) - 1, "b", 1000, "tricky");
    split(tricky, sizeof(tricky) - 30, "b", 1000, "cut");
    split(curl, sizeof(curl) - 1, "------------------------11b932c1d19d8b45",
          1000, "curl");
    split(T("--b\r\nX: y\r\n" FIELD("a") "1\r\n--b \r\n" FIELD("name")
            "2\r\n--b \r "), "b", 1000, "wrong delimiter");
    split(T("--b\r\nX: y\r\n" FIELD("a") "1\r\n--b\r\nX: y\r\n--bx\r\n"),
          "b", 1000, "delimiter in headers");
}


/* pieces of any length, any two pieces, and any short one between two */

static void
split(const char *p, size_t n, const char *boundary, size_t max,
    const char *name)
{
    run_t   r, whole;
    size_t  i, k, wrong;

    wrong = 0;

    run_open(&whole, all, boundary, max, 0);
    run_text(&whole, p, n, n);

    for (i = 1; i <= n; i++) {
        run_open(&r, all, boundary, max, 0);
        run_text(&r, p, n, i);
        wrong += !same(&r, &whole);
        run_close(&r);

        for (k = i; k <= n && k < i + 12; k++) {
            run_open(&r, all, boundary, max, 0);
            (void) wh_form_feed(r.f, p, i);
            (void) wh_form_feed(r.f, p + i, k - i);
            (void) wh_form_feed(r.f, p + k, n - k);
            r.end = wh_form_finish(r.f);
            wrong += !same(&r, &whole);
            run_close(&r);
        }
    }

    is_int((int64_t) wrong, 0, "%s, %zu octets: splits make no difference",
           name, max);

    if (max == 1000 && p == tricky && n == sizeof(tricky) - 1) {
        is_int(whole.end, WH_OK, "tricky");
        value(&whole, 0, T(""), "a");
        value(&whole, 2, T("--a\r\n--\0\r\n--b\r"), "file");
        value(&whole, 4, T("--b-"), "empty name");
        value(&whole, 6, T("\r\n--\r\n--b-x\r\n--b\rx\r\r\n-\r\n--c\r\n--bb"
                           "\r\n--b-"), "name of a line end");
    }

    if (max == 1000 && boundary == NULL) {
        is_int(whole.end, WH_OK, "pairs");
        value(&whole, 0, T("%2="), "a");
        value(&whole, 1, T("A %4"), "name");
        value(&whole, 2, T(""), "file");
        value(&whole, 3, T("a%2"), "name in escapes");
        value(&whole, 4, T("e% m%"), "empty name");
        value(&whole, 6, T("x%0\n%"), "name of a line end");
    }

    run_close(&whole);
}


static int
same(run_t *x, run_t *y)
{
    size_t                  i;
    const wh_form_value_t  *v, *w;

    for (i = 0; i < x->n; i++) {
        v = wh_form_value(x->f, i);
        w = wh_form_value(y->f, i);

        if (v->found != w->found || v->truncated != w->truncated
            || v->text.len != w->text.len
            || memcmp(v->text.data, w->text.data, v->text.len) != 0)
        {
            return 0;
        }
    }

    return x->end == y->end;
}


static void
no_memory(void)
{
    char               text[1700];
    size_t             i;
    static const char  part[] = "--b\r\n" FIELD("a");

    /* long enough for blocks to grow */

    memset(text, 'v', sizeof(text));
    memcpy(text, "name=1&a=", 9);

    no_memory_for(text, sizeof(text), NULL, "urlencoded");

    memcpy(text, part, sizeof(part) - 1);

    i = sizeof(text) - 7;

    memcpy(text + i, "\r\n--b--", 7);

    no_memory_for(text, sizeof(text), "b", "multipart");

    /* a long header */

    memset(text, 'v', 400);
    memcpy(text, "--b\r\nX:", 7);
    memcpy(text + 400, "\r\n" FIELD("a"), sizeof("\r\n" FIELD("a")) - 1);

    no_memory_for(text, sizeof(text), "b", "long header");

    /* what waits for the next octet is put at the end */

    no_memory_for("a=%", 3, NULL, "at the end");
}


static void
no_memory_for(const char *p, size_t n, const char *boundary,
    const char *name)
{
    run_t   r;
    size_t  at;

    for (at = 1; at < 100; at++) {
        run_open(&r, all, boundary, 10000, at);

        if (r.f == NULL) {
            is_int((int64_t) at, 1, "%s: no parser without memory", name);
            is_int((int64_t) r.mem.blocks, 0, "%s: nothing is left", name);
            continue;
        }

        run_text(&r, p, n, 100);

        if (r.mem.calls < at) {
            is_int(r.end, WH_OK, "%s: %zu allocations are enough", name,
                   at - 1);
            ok(wh_form_value(r.f, 0)->found, "%s: and a value found", name);
            run_close(&r);
            break;
        }

        is_int(r.end, WH_NOMEM, "%s: no memory at %zu", name, at);
        is_int(wh_form_feed(r.f, "x", 1), WH_NOMEM, "%s: it sticks", name);
        ok(!wh_form_value(r.f, 0)->found, "%s: no value", name);
        run_close(&r);
    }

    ok(at > 2 && at < 100, "%s: all allocations have failed", name);
}
