
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_json.h"
#include "wh_notice.h"
#include "wh_utf8.h"


/*
 * Notices of any kind and of any names, the octet 255 between them: the data
 * is JSON, the subject one line, and the text has as many lines as with other
 * names.
 */


static size_t notice(const uint8_t *data, wh_str_t *names, size_t n,
    int plain);
static size_t lines(const wh_buf_t *b, int plain);
static void json(const wh_buf_t *b);
static void *mem_alloc(void *ctx, size_t size);
static void mem_free(void *ctx, void *p);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       *p;
    size_t      i, n, len;
    wh_str_t    names[8];
    const char *end;

    if (size < 8) {
        return 0;
    }

    len = size - 8;

    /* a block of its own, for the sanitizer */

    p = malloc(len ? len : 1);
    CHECK(p != NULL);

    if (len) {
        memcpy(p, data + 8, len);
    }

    memset(names, 0, sizeof(names));

    for (i = 0, n = 0; i < len && n < 8; n++) {
        end = memchr(p + i, 255, len - i);

        names[n].data = p + i;
        names[n].len = end ? (size_t) (end - names[n].data) : len - i;

        i += names[n].len + 1;
    }

    len = notice(data, names, n, 0);

    for (i = 0; i < n; i++) {
        if (names[i].len) {
            names[i].data = "x";
            names[i].len = 1;
        }
    }

    CHECK(notice(data, names, n, 1) == len);

    free(p);

    return 0;
}


/* the lines of its text */

static size_t
notice(const uint8_t *data, wh_str_t *names, size_t n, int plain)
{
    size_t            i, len;
    wh_buf_t          out;
    wh_notice_t       t;
    wh_notice_name_t  list[8];
    wh_notice_failure_t  f;

    memset(&out, 0, sizeof(wh_buf_t));
    memset(&t, 0, sizeof(wh_notice_t));
    memset(list, 0, sizeof(list));
    memset(&f, 0, sizeof(wh_notice_failure_t));

    out.max = SIZE_MAX;
    out.grow = wh_buf_malloc;

    t.kind = (wh_notice_e) (data[0] % (WH_NOTICE_FULL + 1));
    t.reason = (wh_state_e) (data[1] % WH_STATE_NREASON);
    t.by = (wh_by_e) (data[2] % (WH_BY_OPERATOR + 1));
    t.host = names[0];
    t.endpoint = names[1];
    t.zone = names[2];
    t.count = data[3];
    t.window = (uint64_t) data[4] * 77777;
    t.since = (uint64_t) data[5] << 33;
    t.until = (uint64_t) (data[6] & 15) << 36;
    t.probe = (uint64_t) (data[6] >> 4) << 36;
    t.now = (uint64_t) data[7] << 33;
    t.rejects = data[3] & 1;

    for (i = 3; i < n; i++) {
        list[i - 3].name = names[i];
        list[i - 3].count = i;

        f.time = (uint64_t) data[i] << 33;
        f.endpoint = names[i];
        f.class = names[n - 1];
        f.event = names[1];
        f.status = data[i] & 1 ? 500 : 0;

        wh_notice_failed(&t, &f);
        wh_notice_failed(&t, &f);
    }

    CHECK(t.nfailures <= WH_NOTICE_FAILURES);

    for (i = 1; i < t.nfailures; i++) {
        CHECK(t.failures[i - 1].time >= t.failures[i].time);
    }

    t.names = list;
    t.nnames = n > 3 ? (uint32_t) n - 3 : 0;
    t.total = t.nnames + (data[3] & 2);

    CHECK(wh_notice_data(&t, &out) == WH_OK);
    json(&out);

    out.len = 0;
    CHECK(wh_notice_subject(&t, &out) == WH_OK);
    CHECK(lines(&out, plain) == 0);

    out.len = 0;
    CHECK(wh_notice_text(&t, &out) == WH_OK);
    CHECK(out.data[out.len - 1] == '\n');

    len = lines(&out, plain);

    free(out.data);

    return len;
}


static size_t
lines(const wh_buf_t *b, int plain)
{
    size_t         i, n;
    unsigned char  c;

    n = 0;

    for (i = 0; i < b->len; i++) {
        c = (unsigned char) b->data[i];

        CHECK((c >= ' ' && c != 0x7f) || c == '\n');
        CHECK(c < 0x80 || !plain);

        n += (c == '\n');
    }

    return n;
}


static void
json(const wh_buf_t *b)
{
    wh_json_t   *j;
    wh_alloc_t   mem;

    mem.alloc = mem_alloc;
    mem.free = mem_free;
    mem.ctx = NULL;

    j = wh_json_create(NULL, 0, &mem);
    CHECK(j != NULL);

    CHECK(wh_utf8_valid(b->data, b->len) == b->len);
    CHECK(wh_json_feed(j, b->data, b->len) == WH_OK);
    CHECK(wh_json_finish(j) == WH_OK);

    wh_json_destroy(j);
}


static void *
mem_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
mem_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}
