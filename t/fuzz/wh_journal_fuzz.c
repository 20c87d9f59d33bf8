
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "wh_journal.h"


/*
 * A journal of arbitrary octets: nothing may crash, and nothing may go on for
 * ever.  The input is a list of patches over a formatted file:
 *
 *     where (1), offset (2), length (1), octets
 *
 * "where" is the header, slots, shards, the segments' table, or a segment.
 * With its upper bit the record at the offset gets a good checksum then, so
 * that what lies behind the checksum is reached, too.
 */


#define NSEGS     2
#define FUZZ_MAX  100000

#define fuzz_assert(c)                                                        \
    if (!(c)) {                                                               \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);               \
        abort();                                                              \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_patch(const uint8_t *data, size_t size);
static void fuzz_checksum(size_t off);
static void fuzz_read(void);
static void fuzz_view(const wh_ref_t *ref);
static void fuzz_write(void);
static void fuzz_wake(void *ctx, unsigned slot);


static char          *base;
static size_t         length;
static wh_journal_t   j;
static volatile char  sink;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned  i;

    length = wh_journal_size(NSEGS, WH_SEG_MIN);

    if (base == NULL
        && posix_memalign((void **) (void *) &base, 4096, length) != 0)
    {
        abort();
    }

    memset(base, 0, length);
    (void) wh_journal_format(base, length, NSEGS, WH_SEG_MIN);

    fuzz_patch(data, size);

    if (wh_journal_attach(&j, base, length) != WH_OK) {
        return 0;
    }

    fuzz_assert(j.nsegs <= NSEGS);

    /* as if it were in use */

    fuzz_read();
    fuzz_write();
    fuzz_read();

    for (i = 1; i < 4; i++) {
        wh_slot_bury(&j, i, fuzz_wake, NULL);
        (void) wh_journal_reclaim(&j, i);
    }

    fuzz_read();

    /* as if the power had been cut */

    memset(base, 0, length);
    (void) wh_journal_format(base, length, NSEGS, WH_SEG_MIN);
    fuzz_patch(data, size);

    if (wh_journal_attach(&j, base, length) != WH_OK) {
        return 0;
    }

    i = (unsigned) wh_journal_cold_start(&j, 3);
    fuzz_assert(wh_journal_cold_start(&j, 4) == i);

    fuzz_read();
    fuzz_write();
    fuzz_read();

    return 0;
}


static void
fuzz_patch(const uint8_t *data, size_t size)
{
    size_t  from, off, n, table, len;

    while (size >= 4) {

        off = data[1] | (size_t) data[2] << 8;
        n = data[3];

        switch (data[0] & 7) {

        case 0:
            from = 0;
            len = sizeof(wh_journal_head_t);
            break;

        case 1:
            from = 4096;
            len = 4 * sizeof(wh_slot_t);
            break;

        case 2:
            from = 4096 + WH_SLOTS * sizeof(wh_slot_t);
            len = WH_SHARDS * sizeof(wh_shard_t);
            break;

        case 3:
        case 4:
            table = 4096 + WH_SLOTS * sizeof(wh_slot_t)
                    + WH_SHARDS * sizeof(wh_shard_t);
            from = table;
            len = NSEGS * sizeof(wh_seg_t);
            break;

        default:
            from = wh_journal_data_offset(NSEGS)
                   + (data[0] & 1) * WH_SEG_MIN;
            len = WH_SEG_MIN;
        }

        off %= len;

        if (n > size - 4) {
            n = size - 4;
        }

        if (n > len - off) {
            n = len - off;
        }

        memcpy(base + from + off, data + 4, n);

        if (data[0] & 0x80) {
            fuzz_checksum(from + off);
        }

        data += 4 + n;
        size -= 4 + n;
    }
}


static void
fuzz_checksum(size_t off)
{
    char       *p;
    size_t      skip;
    uLong       crc;
    uint64_t    salt;
    wh_rec_t    h;

    off &= ~(size_t) 7;

    if (length - off < sizeof(wh_rec_t)) {
        return;
    }

    p = base + off;
    memcpy(&h, p, sizeof(wh_rec_t));

    if (h.n > WH_SEG_MIN / sizeof(uint64_t) || h.len > length - off) {
        return;
    }

    skip = sizeof(wh_rec_t) + h.n * sizeof(uint64_t);

    if (skip > h.len) {
        return;
    }

    memcpy(&salt, base + offsetof(wh_journal_head_t, salt), sizeof(uint64_t));

    crc = crc32_z((uint32_t) salt, (const Bytef *) &h.len, sizeof(h.len));
    crc = crc32_z(crc, (const Bytef *) &h.gen,
                  sizeof(wh_rec_t) - offsetof(wh_rec_t, gen));
    crc = crc32_z(crc, (const Bytef *) p + skip, h.len - skip);

    h.crc = (uint32_t) crc;
    memcpy(p, &h, sizeof(wh_rec_t));
}


static void
fuzz_read(void)
{
    size_t       off, n;
    uint32_t     i;
    unsigned     slot;
    wh_ref_t     ref;
    wh_cursor_t  c;

    for (i = 0; i < j.nsegs; i++) {

        off = 0;
        n = 0;

        while (wh_journal_walk(&j, i, &off, &ref) == WH_OK) {
            fuzz_view(&ref);
            fuzz_assert(++n < FUZZ_MAX);
        }
    }

    for (slot = 0; slot < 4; slot++) {

        memset(&c, 0, sizeof(wh_cursor_t));
        c.seg = -1;
        n = 0;

        while (wh_journal_next(&j, slot, &c, &ref) == WH_OK) {
            fuzz_view(&ref);
            fuzz_assert(++n < FUZZ_MAX);
        }

        wh_cursor_init(&j, slot, &c);

        while (wh_journal_next(&j, slot, &c, &ref) == WH_OK) {
            fuzz_view(&ref);
            fuzz_assert(++n < FUZZ_MAX);
        }

        if (wh_journal_pending(&j, slot, &ref) == WH_OK) {
            fuzz_view(&ref);
        }
    }

    (void) wh_journal_free_segments(&j);
}


static void
fuzz_view(const wh_ref_t *ref)
{
    size_t     k;
    uint32_t   i, n;
    uint64_t   w;
    wh_view_t  v;

    n = wh_journal_count(&j, ref);

    for (i = 0; i < n; i++) {

        if (wh_journal_view(&j, ref, i, &v) != WH_OK) {
            continue;
        }

        fuzz_assert(v.shard < WH_SHARDS);
        fuzz_assert((char *) v.word >= j.data
                    && (char *) (v.word + 1) <= base + length);

        for (k = 0; k < v.name.len; k++) {
            sink = v.name.data[k];
        }

        for (k = 0; k < v.key.len; k++) {
            sink = v.key.data[k];
        }

        if (v.data.len) {
            sink = v.data.data[0];
            sink = v.data.data[v.data.len - 1];
        }

        if (i < 2) {
            w = wh_view_stamp(&j, &v, 5);

            if (w) {
                (void) wh_word_change(v.word, w, WH_WORD_ENDED);
            }
        }
    }
}


static void
fuzz_write(void)
{
    unsigned     i;
    wh_ref_t     ref;
    wh_entry_t   e[2];
    wh_writer_t  w;

    memset(e, 0, sizeof(e));

    e[0].name.data = "name";
    e[0].name.len = 4;
    e[0].data.data = "a payload";
    e[0].data.len = 9;
    e[1] = e[0];

    w.j = &j;
    w.slot = 2;
    w.seg = -1;
    w.gen = 0;
    w.end = 0;

    for (i = 0; i < 3; i++) {
        if (wh_journal_append(&w, 1, e, 2, &ref) == WH_OK) {
            wh_journal_publish_begin(&w, &ref);
            wh_journal_publish_end(&w);
            fuzz_assert(wh_journal_count(&j, &ref) == 2);
        }
    }

    (void) wh_journal_reclaim(&j, 2);
}


static void
fuzz_wake(void *ctx, unsigned slot)
{
    (void) ctx;

    fuzz_assert(slot <= 0xfff);
}
