
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_delivery.h"


typedef struct {
    size_t   calls;
    size_t   fail;     /* the call that fails, 0: none */
    size_t   size;     /* asked for last */
} test_mem_t;


static void buffers(void);
static void sizes(void);
static void records(void);
static void limits(void);
static void memory(void);
static void prefixes(wh_str_t record);
static void flips(wh_str_t record);
static void unknown(void);
static void damaged(void);
static void begin(wh_buf_t *b, size_t max);
static void sample(wh_buf_t *b);
static int walk(wh_str_t record, size_t *fields);
static void *grow(void *ctx, void *old, size_t old_size, size_t size);


#define T(s)  s, sizeof(s) - 1


int
main(void)
{
    wh_buf_t  b;
    wh_str_t  record;

    buffers();
    sizes();
    records();
    limits();
    memory();
    unknown();
    damaged();

    begin(&b, 4096);
    sample(&b);

    record.len = b.len;
    record.data = b.data;

    prefixes(record);
    flips(record);

    free(b.data);

    return done_testing();
}


static void
buffers(void)
{
    size_t    i;
    wh_buf_t  b;

    begin(&b, 1000);

    ok(wh_buf_need(&b, 0) == NULL && b.err == WH_OK,
       "nothing is needed of an empty buffer");
    is_int(wh_buf_put(&b, NULL, 0), WH_OK, "nothing is put");
    is_int(wh_buf_put(&b, T("abc")), WH_OK, "a text is put");
    is_int(wh_buf_putc(&b, 'd'), WH_OK, "an octet is put");
    is_str(b.data, b.len, "abcd", "both are there");

    ok(wh_buf_need(&b, 996) == b.data + 4, "the rest is reserved");
    is_int((int64_t) b.len, 4, "reserving moves nothing");
    is_int((int64_t) b.size, 1000, "the limit is never exceeded");

    for (i = 0; i < 996; i++) {
        (void) wh_buf_putc(&b, 'x');
    }

    is_int(b.err, WH_OK, "a buffer may be filled to its limit");
    is_int((int64_t) b.len, 1000, "and is full then");
    is_int(wh_buf_put(&b, NULL, 0), WH_OK, "nothing fits a full one");
    is_int(wh_buf_putc(&b, 'y'), WH_LIMIT, "an octet does not");
    is_int(wh_buf_put(&b, NULL, 0), WH_LIMIT, "the error sticks");
    is_int((int64_t) b.len, 1000, "what was there stays");
    is_str(b.data, 5, "abcdx", "as it was");

    free(b.data);
}


static void
sizes(void)
{
    wh_buf_t    b;
    test_mem_t  mem;

    memset(&mem, 0, sizeof(test_mem_t));

    begin(&b, SIZE_MAX);
    b.grow = grow;
    b.ctx = &mem;

    (void) wh_buf_put(&b, T("0123456789"));

    is_int((int64_t) mem.size, 256, "a buffer begins with 256 octets");

    (void) wh_buf_need(&b, 1000);

    is_int((int64_t) mem.size, 1024, "it doubles");

    mem.fail = 3;

    is_int(wh_buf_put(&b, "", SIZE_MAX - 10), WH_NOMEM, "no memory");
    ok(mem.size == SIZE_MAX, "the size does not wrap around");
    is_int(wh_buf_putc(&b, 'x'), WH_NOMEM, "no memory sticks");
    is_str(b.data, b.len, "0123456789", "what was there stays");

    b.err = WH_OK;

    is_int(wh_buf_put(&b, "", SIZE_MAX), WH_LIMIT,
           "the sum of lengths does not wrap around");
    is_int((int64_t) mem.calls, 3, "no memory was asked for then");

    free(b.data);
}


static void
records(void)
{
    size_t    pos, body, n;
    wh_buf_t  b;
    wh_str_t  record, v;
    unsigned  type;

    begin(&b, 4096);

    (void) wh_delivery_begin(&b);
    (void) wh_delivery_put(&b, WH_FIELD_EVENT, T("contact.created"));
    (void) wh_delivery_put(&b, WH_FIELD_ID, T("id-1"));
    (void) wh_delivery_put_time(&b, 0x0123456789abcdefULL);
    (void) wh_delivery_put(&b, WH_FIELD_HEADER, T("a:1"));
    (void) wh_delivery_put(&b, WH_FIELD_HEADER, T("b:2"));
    (void) wh_delivery_open(&b, WH_FIELD_BODY, &body);
    (void) wh_buf_put(&b, T("{\"x\":"));
    (void) wh_buf_put(&b, T("1}"));
    (void) wh_delivery_close(&b, body);
    (void) wh_delivery_put(&b, WH_FIELD_HOPS, T("\xff"));
    is_int(wh_delivery_put(&b, WH_FIELD_TRACE, NULL, 0), WH_OK,
           "a record is written");

    record.len = b.len;
    record.data = b.data;

    is_mem(record.data, 6, "\x01\x01\x0f\0\0\0", 6, "the layout is fixed");
    is_int(walk(record, &n), WH_AGAIN, "it is read to its end");
    is_int((int64_t) n, 8, "it has all fields");

    is_int(wh_delivery_get(record, WH_FIELD_EVENT, &v), WH_OK, "event");
    is_str(v.data, v.len, "contact.created", "value of event");
    is_int(wh_delivery_get(record, WH_FIELD_ID, &v), WH_OK, "id");
    is_str(v.data, v.len, "id-1", "value of id");
    is_int(wh_delivery_get(record, WH_FIELD_HEADER, &v), WH_OK, "header");
    is_str(v.data, v.len, "a:1", "the first of two headers");
    is_int(wh_delivery_get(record, WH_FIELD_BODY, &v), WH_OK, "body");
    is_str(v.data, v.len, "{\"x\":1}", "a body written in pieces");
    is_int(wh_delivery_get(record, WH_FIELD_TRACE, &v), WH_OK, "trace");
    is_int((int64_t) v.len, 0, "an empty field");
    is_int(wh_delivery_get(record, WH_FIELD_HOPS, &v), WH_OK, "hops");
    is_mem(v.data, v.len, "\xff", 1, "an octet of hops");
    is_int(WH_FIELD_HOPS, 8, "whose number is fixed");
    is_int(wh_delivery_get(record, WH_FIELD_CONTENT_TYPE, &v), WH_AGAIN,
           "a field that is not there");
    ok(wh_delivery_time(record) == 0x0123456789abcdefULL, "64 bits of time");

    pos = 0;
    (void) wh_delivery_next(record, &pos, &type, &v);
    is_int(type, WH_FIELD_EVENT, "fields come in their order");
    (void) wh_delivery_next(record, &pos, &type, &v);
    is_int(type, WH_FIELD_ID, "one after the other");

    free(b.data);

    /* appended to what is in a buffer already */

    begin(&b, 4096);

    (void) wh_buf_put(&b, T("before"));
    sample(&b);

    record.len = b.len - 6;
    record.data = b.data + 6;

    is_int(walk(record, &n), WH_AGAIN, "a record not at a buffer's start");
    is_int(wh_delivery_get(record, WH_FIELD_ID, &v), WH_OK, "its id");
    is_str(v.data, v.len, "0190-abc", "value of its id");

    free(b.data);
}


static void
limits(void)
{
    int       wrong;
    size_t    i, len;
    wh_buf_t  b;

    begin(&b, 4096);
    sample(&b);
    len = b.len;
    free(b.data);

    wrong = 0;

    for (i = 0; i < len; i++) {
        begin(&b, i);
        sample(&b);
        wrong += (b.err != WH_LIMIT || b.len > i || b.size > i);
        free(b.data);
    }

    is_int(wrong, 0, "every lower limit is kept and told");

    begin(&b, len);
    sample(&b);
    ok(b.err == WH_OK && b.len == len, "the exact limit is enough");
    free(b.data);
}


static void
memory(void)
{
    wh_buf_t    b;
    test_mem_t  mem;

    memset(&mem, 0, sizeof(test_mem_t));
    mem.fail = 1;

    begin(&b, 4096);
    b.grow = grow;
    b.ctx = &mem;

    sample(&b);

    is_int(b.err, WH_NOMEM, "no memory is told");
    is_int((int64_t) mem.calls, 1, "and asked for once");
    is_int((int64_t) b.len, 0, "nothing is there");
}


static void
prefixes(wh_str_t record)
{
    int       rc;
    char     *p;
    size_t    i, n, all, last, shorter, wrong;
    wh_str_t  cut, v;

    (void) walk(record, &all);

    wrong = 0;
    shorter = 0;
    last = 0;

    for (i = 0; i < record.len; i++) {
        p = guard_copy(record.data, i);

        cut.len = i;
        cut.data = p;

        rc = walk(cut, &n);

        if (rc == WH_AGAIN) {
            shorter++;

        } else if (rc != WH_ERROR) {
            wrong++;
        }

        wrong += (n >= all || n < last);
        last = n;

        (void) wh_delivery_time(cut);
        (void) wh_delivery_get(cut, 200, &v);

        guard_free(p, i);
    }

    is_int((int64_t) wrong, 0, "a prefix is an error or a shorter record");
    is_int((int64_t) shorter, (int64_t) all,
           "shorter records are those cut between fields");
}


static void
flips(wh_str_t record)
{
    int       rc;
    char     *p;
    size_t    i, n, bit, wrong;
    wh_str_t  copy, v;

    wrong = 0;

    p = guard_copy(record.data, record.len);

    copy.len = record.len;
    copy.data = p;

    for (i = 0; i < record.len; i++) {

        for (bit = 0; bit < 9; bit++) {

            /* each bit, then all of them */

            p[i] ^= (char) (bit < 8 ? 1 << bit : 0xff);

            rc = walk(copy, &n);
            wrong += (rc != WH_AGAIN && rc != WH_ERROR);
            wrong += (i == 0 && rc != WH_ERROR);

            (void) wh_delivery_time(copy);
            (void) wh_delivery_get(copy, WH_FIELD_BODY, &v);

            p[i] = record.data[i];
        }
    }

    guard_free(p, record.len);

    is_int((int64_t) wrong, 0, "flipped octets are never read beyond the end");
}


static void
unknown(void)
{
    wh_buf_t  b;
    wh_str_t  record, v;

    begin(&b, 4096);

    (void) wh_delivery_begin(&b);
    (void) wh_delivery_put(&b, 250, T("of the future"));
    (void) wh_delivery_put(&b, WH_FIELD_ID, T("id-1"));
    (void) wh_delivery_put(&b, 0, T("\x01\x02\x03"));
    (void) wh_delivery_put(&b, WH_FIELD_BODY, T("{}"));

    record.len = b.len;
    record.data = b.data;

    is_int(wh_delivery_get(record, WH_FIELD_ID, &v), WH_OK,
           "an unknown field is skipped");
    is_str(v.data, v.len, "id-1", "value behind it");
    is_int(wh_delivery_get(record, WH_FIELD_BODY, &v), WH_OK,
           "and one more");
    is_str(v.data, v.len, "{}", "value behind that");

    free(b.data);
}


static void
damaged(void)
{
    size_t    n;
    wh_str_t  record, v;

    record.len = 0;
    record.data = NULL;
    is_int(walk(record, &n), WH_ERROR, "no octets are no record");
    ok(wh_delivery_time(record) == 0, "and have no time");

    record.len = 1;
    record.data = "\x02";
    is_int(walk(record, &n), WH_ERROR, "another version");

    record.data = "\x01";
    is_int(walk(record, &n), WH_AGAIN, "a record without fields");
    is_int(wh_delivery_get(record, WH_FIELD_ID, &v), WH_AGAIN, "has no id");

    record.len = 6;
    record.data = "\x01\x01\xff\xff\xff\xff";
    is_int(walk(record, &n), WH_ERROR, "the largest length");

    record.data = "\x01\x01\x01\0\0\0";
    is_int(walk(record, &n), WH_ERROR, "one octet missing");

    record.data = "\x01\x03\x00\0\0\0";
    ok(wh_delivery_time(record) == 0, "a time that is too short");

    n = 100;
    is_int(wh_delivery_next(record, &n, &(unsigned) { 0 }, &v), WH_ERROR,
           "a position beyond the end");
}


static void
begin(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));

    b->max = max;
    b->grow = wh_buf_malloc;
}


static void
sample(wh_buf_t *b)
{
    size_t  pos;

    (void) wh_delivery_begin(b);
    (void) wh_delivery_put(b, WH_FIELD_EVENT, T("contact.created"));
    (void) wh_delivery_put(b, WH_FIELD_ID, T("0190-abc"));
    (void) wh_delivery_put_time(b, 1700000000123ULL);
    (void) wh_delivery_put(b, WH_FIELD_CONTENT_TYPE, T("application/json"));
    (void) wh_delivery_put(b, WH_FIELD_HEADER, T("X-Tenant:a"));
    (void) wh_delivery_put(b, WH_FIELD_HEADER, T("X-Empty:"));
    (void) wh_delivery_open(b, WH_FIELD_BODY, &pos);
    (void) wh_buf_put(b, T("{\"type\":\"contact.created\"}"));
    (void) wh_delivery_close(b, pos);
    (void) wh_delivery_put(b, WH_FIELD_TRACE, NULL, 0);
    (void) wh_delivery_put(b, WH_FIELD_HOPS, T("\x01"));
}


/* reads every octet of every field */

static int
walk(wh_str_t record, size_t *fields)
{
    int       rc;
    size_t    pos, i;
    wh_str_t  v;
    unsigned  type;

    *fields = 0;
    pos = 0;

    for ( ;; ) {
        rc = wh_delivery_next(record, &pos, &type, &v);

        if (rc != WH_OK) {
            return rc;
        }

        (*fields)++;

        for (i = 0; i < v.len; i++) {
            (void) *(volatile const char *) &v.data[i];
        }
    }
}


static void *
grow(void *ctx, void *old, size_t old_size, size_t size)
{
    test_mem_t  *mem = ctx;

    (void) old_size;

    mem->calls++;
    mem->size = size;

    return mem->calls == mem->fail ? NULL : realloc(old, size);
}
