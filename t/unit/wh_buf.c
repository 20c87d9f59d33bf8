
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh.h"


static void init(wh_buf_t *b, size_t max);
static void number(uint64_t v, const char *text);
static void *none(void *ctx, void *old, size_t old_size, size_t size);


int
main(void)
{
    char      *p;
    size_t     i;
    wh_buf_t   b;

    init(&b, 1000);

    for (i = 0; i < 1000; i++) {
        if (wh_buf_putc(&b, (char) ('a' + i % 26)) != WH_OK) {
            break;
        }
    }

    is_int((int64_t) b.len, 1000, "as many octets as the limit");
    ok(b.data[0] == 'a' && b.data[255] == 'v' && b.data[256] == 'w'
       && b.data[999] == 'l', "octets stay when it grows");
    is_int((int64_t) b.size, 1000, "it does not grow beyond the limit");
    is_int(wh_buf_put(&b, "", 0), WH_OK, "no octets fit into a full one");
    is_int(wh_buf_putc(&b, 'x'), WH_LIMIT, "one more does not fit");
    is_int((int64_t) b.len, 1000, "nothing of it was put");

    b.len = 0;

    is_int(wh_buf_putc(&b, 'x'), WH_LIMIT, "the error sticks");
    ok(wh_buf_need(&b, 1) == NULL, "nothing can be reserved then");

    /* memory may be there from before, when the limit was another one */

    b.err = WH_OK;
    b.max = 10;

    is_int(wh_buf_put(&b, "0123456789", 10), WH_OK, "a lower limit");
    is_int(wh_buf_putc(&b, 'x'), WH_LIMIT, "it counts, not the memory");

    b.err = WH_OK;
    b.max = 5;

    is_int(wh_buf_putc(&b, 'x'), WH_LIMIT, "a limit lower than what is there");

    b.err = WH_OK;
    b.max = SIZE_MAX;

    ok(wh_buf_need(&b, 0) == b.data + 10, "reserving nothing");

    p = wh_buf_need(&b, 5000);

    ok(p == b.data + 10 && b.size >= 5010 && b.len == 10,
       "what is reserved follows, nothing is put");
    is_int(wh_buf_put_literal(&b, "abc"), WH_OK, "a literal");
    ok(b.len == 13 && memcmp(b.data + 9, "9abc", 4) == 0,
       "is put without its NUL");
    ok(wh_buf_need(&b, SIZE_MAX) == NULL && b.err == WH_LIMIT,
       "a length that wraps is refused");

    free(b.data);

    init(&b, SIZE_MAX);
    b.grow = none;

    is_int(wh_buf_putc(&b, 'x'), WH_NOMEM, "no memory");
    is_int(wh_buf_put(&b, "", 0), WH_NOMEM, "the error is told again");
    is_int((int64_t) b.len, 0, "nothing was put");

    number(0, "0");
    number(9, "9");
    number(10, "10");
    number(1767312245, "1767312245");
    number(UINT64_MAX, "18446744073709551615");

    return done_testing();
}


static void
init(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));
    b->max = max;
    b->grow = wh_buf_malloc;
}


static void
number(uint64_t v, const char *text)
{
    wh_buf_t  b;

    init(&b, SIZE_MAX);

    ok(wh_buf_put_number(&b, v) == WH_OK && b.len == strlen(text)
       && memcmp(b.data, text, b.len) == 0,
       "number %s", text);

    free(b.data);
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
