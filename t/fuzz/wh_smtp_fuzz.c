
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_smtp.h"


/*
 * What a server says, in pieces of the length in the first octet: the session
 * goes the same way as if it came octet by octet, and what we say is lines.
 */


static size_t talk(const char *p, size_t n, size_t step, unsigned mode,
    wh_smtp_t *s, wh_buf_t *said);


static size_t
talk(const char *p, size_t n, size_t step, unsigned mode, wh_smtp_t *s,
    wh_buf_t *said)
{
    int             rc;
    size_t          i, len, start;
    wh_smtp_next_e  next;

    memset(s, 0, sizeof(wh_smtp_t));
    memset(said, 0, sizeof(wh_buf_t));

    said->max = 1 << 20;
    said->grow = wh_buf_malloc;

    s->helo.data = "h";
    s->helo.len = 1;
    s->from = s->helo;
    s->to = s->helo;
    s->password = s->helo;
    s->user.data = "u";
    s->user.len = mode & 1;
    s->utf8 = (mode & 2) != 0;
    s->starttls = (wh_smtp_starttls_e) (mode / 4 % 3);

    for (i = 0; i < n; i += len) {
        len = step < n - i ? step : n - i;
        start = said->len;

        rc = wh_smtp_feed(s, p + i, len, said, &next);

        if (rc == WH_AGAIN) {
            CHECK(said->len == start);
            continue;
        }

        CHECK(rc == WH_OK && s->step != NULL);
        CHECK(s->reply.ntext <= WH_SMTP_TEXT);

        if (next == WH_SMTP_FAILED || next == WH_SMTP_DONE) {
            CHECK((next == WH_SMTP_FAILED) == (s->why != WH_SMTP_WHY_NONE));
            return i + len;
        }

        if (next == WH_SMTP_TLS) {
            CHECK(said->len == start);
            CHECK(wh_smtp_secured(s, said) == WH_OK);
        }

        if (said->len > start) {
            CHECK(said->data[said->len - 1] == '\n');
        }
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       *p;
    wh_buf_t    one, two;
    wh_smtp_t   s, t;

    if (size < 2) {
        return 0;
    }

    p = malloc(size);
    CHECK(p != NULL);

    memcpy(p, data + 2, size - 2);

    /* a line end in the middle of a piece is somebody who says too much */

    (void) talk(p, size - 2, data[0] + 1u, data[1], &s, &two);
    (void) talk(p, size - 2, 1, data[1], &t, &one);

    CHECK(one.len >= two.len);
    CHECK(two.len == 0 || memcmp(one.data, two.data, two.len) == 0);

    free(one.data);
    free(two.data);
    free(p);

    return 0;
}
