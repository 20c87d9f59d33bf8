
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_hole.h"
#include "wh_pairs.h"


static void values(void);
static void records(void);
static void fields(void);
static void damaged(void);
static void limits(void);
static void memory(void);
static void moves(void);
static void pairs(void);
static void fill(const char *name, const char *text, size_t n,
    const char *holes, size_t len, int want);
static void begin(wh_buf_t *b, size_t max);
static void *none(void *ctx, void *old, size_t old_size, size_t size);


#define T(s)  s, sizeof(s) - 1


static const wh_attempt_t  first = { 1, 1795292387952 };
static const wh_attempt_t  tenth = { 10, 1795292400001 };


int
main(void)
{
    values();
    records();
    fields();
    damaged();
    limits();
    memory();
    moves();
    pairs();

    return done_testing();
}


/* of each kind, as it is written and as it is filled */

static void
values(void)
{
    size_t       i, pos;
    wh_buf_t     b, out;
    wh_str_t     record, text, holes;
    wh_holes_t   h;
    unsigned     type;

    static const struct {
        wh_hole_e    kind;
        const char  *first;
        const char  *tenth;
    } v[] = {
        { WH_HOLE_ATTEMPT, "1", "10" },
        { WH_HOLE_RETRY, "0", "9" },
        { WH_HOLE_TIME, "2026-11-21T20:19:47.952Z",
          "2026-11-21T20:20:00.001Z" },
        { WH_HOLE_TIME_URL, "2026-11-21T20%3A19%3A47.952Z",
          "2026-11-21T20%3A20%3A00.001Z" },
        { WH_HOLE_UNIX, "1795292387", "1795292400" },
        { WH_HOLE_MS, "1795292387952", "1795292400001" },
        { WH_HOLE_US, "1795292387952000", "1795292400001000" }
    };

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {

        begin(&b, 4096);
        begin(&out, 4096);
        memset(&h, 0, sizeof(wh_holes_t));
        begin(&h.list, 4096);

        (void) wh_delivery_begin(&b);
        (void) wh_delivery_open(&b, WH_FIELD_BODY, &pos);

        wh_holes_begin(&h, &b);

        (void) wh_hole_put(&h, &b, v[i].kind, &first);
        (void) wh_delivery_close(&b, pos);

        is_int(wh_holes_close(&h, &b), WH_OK, "kind %u", v[i].kind);

        record.len = b.len;
        record.data = b.data;
        pos = 0;

        is_int(wh_holes_field(record, &pos, &type, &text, &holes), WH_OK,
               "kind %u is a field", v[i].kind);
        is_str(text.data, text.len, v[i].first,
               "kind %u has the value of a first attempt", v[i].kind);
        ok(text.len <= WH_HOLE_MAX, "kind %u is no longer than any",
           v[i].kind);

        is_int(wh_holes_fill(&out, text, holes, &tenth), WH_OK,
               "kind %u is filled", v[i].kind);
        is_str(out.data, out.len, v[i].tenth, "kind %u, another attempt",
               v[i].kind);

        free(b.data);
        free(out.data);
        free(h.list.data);
    }
}


static void
records(void)
{
    size_t      pos, body;
    wh_buf_t    b, out;
    wh_str_t    record, text, holes;
    unsigned    type;
    wh_holes_t  h;

    begin(&b, 4096);
    begin(&out, 4096);
    begin(&h.list, 4096);

    (void) wh_delivery_begin(&b);
    (void) wh_delivery_open(&b, WH_FIELD_BODY, &body);

    wh_holes_begin(&h, &b);

    (void) wh_buf_put(&b, T("{\"n\":"));
    (void) wh_hole_put(&h, &b, WH_HOLE_ATTEMPT, &first);
    (void) wh_hole_put(&h, &b, WH_HOLE_RETRY, &first);
    (void) wh_buf_put(&b, T(",\"r\":"));
    (void) wh_hole_put(&h, &b, WH_HOLE_RETRY, &first);
    (void) wh_buf_put(&b, T("}"));
    (void) wh_delivery_close(&b, body);
    is_int(wh_holes_close(&h, &b), WH_OK, "holes of a body");

    record.len = b.len;
    record.data = b.data;
    pos = 0;

    (void) wh_holes_field(record, &pos, &type, &text, &holes);

    is_mem(holes.data, holes.len,
           "\5\0\0\0\1\1\6\0\0\0\1\2\14\0\0\0\1\2", 18,
           "the layout is fixed");
    is_int(WH_FIELD_HOLES, 12, "the number is, too");
    is_str(text.data, text.len, "{\"n\":10,\"r\":0}",
           "without holes it is a text of the first attempt");

    (void) wh_holes_fill(&out, text, holes, &tenth);
    is_str(out.data, out.len, "{\"n\":109,\"r\":9}",
           "holes side by side are filled");

    is_int(wh_holes_close(&h, &b), WH_OK, "no holes");
    is_int((int64_t) b.len, (int64_t) record.len, "are no field");

    free(b.data);
    free(out.data);
    free(h.list.data);
}


/* whose holes they are */

static void
fields(void)
{
    size_t      pos;
    wh_buf_t    b;
    wh_str_t    record, v, holes;
    unsigned    type;

    begin(&b, 4096);

    (void) wh_delivery_begin(&b);
    (void) wh_delivery_put(&b, WH_FIELD_HOLES, T("x"));
    (void) wh_delivery_put(&b, WH_FIELD_HEADER, T("a:1"));
    (void) wh_delivery_put(&b, WH_FIELD_HEADER, T("b:1"));
    (void) wh_delivery_put(&b, WH_FIELD_HOLES, T("y"));
    (void) wh_delivery_put(&b, WH_FIELD_HOLES, T("z"));
    (void) wh_delivery_put(&b, (wh_field_e) 200, T("new"));
    (void) wh_delivery_put(&b, WH_FIELD_BODY, T("1"));
    (void) wh_buf_put(&b, T("\14\1\0"));

    record.len = b.len;
    record.data = b.data;
    pos = 0;

    (void) wh_holes_field(record, &pos, &type, &v, &holes);
    ok(type == WH_FIELD_HOLES && holes.len == 0,
       "holes of nothing come by themselves");

    (void) wh_holes_field(record, &pos, &type, &v, &holes);
    is_str(v.data, v.len, "a:1", "a field");
    is_int((int64_t) holes.len, 0, "without holes");

    (void) wh_holes_field(record, &pos, &type, &v, &holes);
    is_str(v.data, v.len, "b:1", "another field");
    is_str(holes.data, holes.len, "y", "with holes");

    (void) wh_holes_field(record, &pos, &type, &v, &holes);
    ok(type == WH_FIELD_HOLES && v.data[0] == 'z',
       "a field has no holes twice");

    (void) wh_holes_field(record, &pos, &type, &v, &holes);
    is_int(type, 200, "an unknown field is one as any");

    is_int(wh_holes_field(record, &pos, &type, &v, &holes), WH_OK,
           "a field before a damaged one");
    ok(type == WH_FIELD_BODY && holes.len == 0 && holes.data == NULL,
       "has no holes");
    is_int(wh_holes_field(record, &pos, &type, &v, &holes), WH_ERROR,
           "the damaged one is an error");

    free(b.data);
}


static void
damaged(void)
{
    fill("no holes", T("abc"), T(""), WH_OK);
    fill("a hole at the end", T("abc"), T("\3\0\0\0\0\1"), WH_OK);
    fill("a hole that is all", T("abc"), T("\0\0\0\0\3\1"), WH_OK);
    fill("a hole beyond the end", T("abc"), T("\4\0\0\0\0\1"), WH_ERROR);
    fill("a hole far beyond", T("abc"), T("\xff\xff\xff\xff\xff\1"),
         WH_ERROR);
    fill("a hole over the end", T("abc"), T("\2\0\0\0\2\1"), WH_ERROR);
    fill("a hole in nothing", T(""), T("\0\0\0\0\1\1"), WH_ERROR);
    fill("holes that overlap", T("abc"), T("\0\0\0\0\2\1\1\0\0\0\1\1"),
         WH_ERROR);
    fill("holes out of order", T("abc"), T("\1\0\0\0\1\1\0\0\0\0\1\1"),
         WH_ERROR);
    fill("kind 0", T("abc"), T("\0\0\0\0\1\0"), WH_ERROR);
    fill("a kind not known", T("abc"), T("\0\0\0\0\1\10"), WH_ERROR);
    fill("kind 255", T("abc"), T("\0\0\0\0\1\xff"), WH_ERROR);
    fill("half a hole", T("abc"), T("\0\0\0"), WH_ERROR);
    fill("a hole and a half", T("abc"), T("\0\0\0\0\1\1\0\0\0"), WH_ERROR);
}


static void
fill(const char *name, const char *text, size_t n, const char *holes,
    size_t len, int want)
{
    wh_buf_t  b;
    wh_str_t  t, h;

    /* blocks of their own, for the sanitizer */

    t.len = n;
    t.data = memcpy(malloc(n + 1), text, n);
    h.len = len;
    h.data = memcpy(malloc(len + 1), holes, len);

    begin(&b, n + len / WH_HOLE_SIZE * WH_HOLE_MAX);

    is_int(wh_holes_fill(&b, t, h, &tenth), want, "%s", name);
    is_int(b.err, WH_OK, "%s, there was room", name);

    free((void *) t.data);
    free((void *) h.data);
    free(b.data);
}


static void
limits(void)
{
    wh_buf_t    b;
    wh_str_t    text, holes;
    wh_holes_t  h;

    begin(&b, 0);
    begin(&h.list, 4096);
    wh_holes_begin(&h, &b);

    is_int(wh_hole_put(&h, &b, WH_HOLE_ATTEMPT, &first), WH_LIMIT,
           "no room for a value");
    is_int((int64_t) h.list.len, 0, "is no hole");
    is_int(wh_holes_close(&h, &b), WH_LIMIT, "the error sticks");

    free(h.list.data);

    begin(&b, 3);

    text.len = 3;
    text.data = "abc";
    holes.len = 6;
    holes.data = "\3\0\0\0\0\1";

    is_int(wh_holes_fill(&b, text, holes, &tenth), WH_LIMIT,
           "no room to fill a hole");

    free(b.data);
}


static void
memory(void)
{
    wh_buf_t    b;
    wh_holes_t  h;

    begin(&b, 4096);
    begin(&h.list, 4096);
    h.list.grow = none;
    wh_holes_begin(&h, &b);

    is_int(wh_hole_put(&h, &b, WH_HOLE_ATTEMPT, &first), WH_NOMEM,
           "no memory for a hole");
    is_int(b.err, WH_OK, "the text is not to blame");
    is_int(wh_holes_close(&h, &b), WH_NOMEM, "until it is closed");
    is_int(b.err, WH_NOMEM, "as its holes are missing");

    free(b.data);
}


/* of "0a1b2c" only "1b" and the "c" go on, behind an octet */

static void
moves(void)
{
    size_t      i, done;
    wh_buf_t    b;
    wh_hole_t  *list;
    wh_holes_t  h;

    begin(&b, 4096);
    begin(&h.list, 4096);

    (void) wh_buf_put(&b, T("--"));
    wh_holes_begin(&h, &b);

    for (i = 0; i < 3; i++) {
        (void) wh_hole_put(&h, &b, WH_HOLE_RETRY, &first);
        (void) wh_buf_put(&b, T("x"));
    }

    done = 0;

    wh_holes_move(&h, &done, 4, 2, 2);
    is_int((int64_t) done, 1, "a hole is done");

    wh_holes_move(&h, &done, 7, 1, 4);
    wh_holes_move(&h, &done, 8, 0, 5);

    is_int((int64_t) (h.list.len / sizeof(wh_hole_t)), 1,
           "holes of what did not stay are gone");

    list = (wh_hole_t *) (void *) h.list.data;
    is_int((int64_t) list[0].pos, 0, "one that stayed has moved");

    free(b.data);
    free(h.list.data);
}


/* names out of data go, what comes behind them moves */

static void
pairs(void)
{
    int          form;
    size_t       n;
    wh_buf_t     b, index, out;
    wh_str_t     text, holes;
    wh_pairs_t   w;
    wh_holes_t   h;
    size_t       pos;
    unsigned     type;

    for (form = 0; form < 2; form++) {

        begin(&b, 4096);
        begin(&out, 4096);
        begin(&index, 4096);
        begin(&h.list, 4096);

        (void) wh_delivery_begin(&b);
        (void) wh_delivery_open(&b, WH_FIELD_BODY, &pos);

        wh_holes_begin(&h, &b);

        (void) wh_pairs_begin(&w, &b, &index, form);
        w.holes = &h;

        (void) wh_pairs_name(&w, WH_PAIR_DATA, T("key"));
        (void) wh_pairs_value(&w, WH_JSON_STRING, T("from data"));
        (void) wh_pairs_name(&w, WH_PAIR_DECLARED, T("a"));
        (void) wh_hole_put(&h, &b, WH_HOLE_ATTEMPT, &first);
        (void) wh_pairs_name(&w, WH_PAIR_DATA, T("a"));
        (void) wh_pairs_value(&w, WH_JSON_STRING, T("x"));
        (void) wh_pairs_name(&w, WH_PAIR_DECLARED, T("b"));
        (void) wh_hole_put(&h, &b, WH_HOLE_RETRY, &first);
        (void) wh_pairs_name(&w, WH_PAIR_ABSENT, T("key"));
        (void) wh_pairs_end(&w, &n);
        (void) wh_delivery_close(&b, pos);
        (void) wh_holes_close(&h, &b);

        text.len = b.len;
        text.data = b.data;
        pos = 0;

        (void) wh_holes_field(text, &pos, &type, &text, &holes);
        (void) wh_holes_fill(&out, text, holes, &tenth);

        is_str(out.data, out.len,
               form ? "a=10&b=9" : "{\"a\":10,\"b\":9}",
               "holes are where their pairs are, form %d", form);

        free(b.data);
        free(out.data);
        free(index.data);
        free(h.list.data);
    }
}


static void
begin(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));

    b->max = max;
    b->grow = wh_buf_malloc;
}


static void *
none(void *ctx, void *old, size_t old_size, size_t size)
{
    (void) ctx;
    (void) old;
    (void) old_size;
    (void) size;

    return NULL;
}
