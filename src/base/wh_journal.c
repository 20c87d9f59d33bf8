
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <zlib.h>

#include "wh_journal_local.h"


#define WH_PAGE            4096

#define wh_align(n, a)     (((n) + ((a) - 1)) & ~((size_t) (a) - 1))


static const char  wh_journal_magic[8] = { 'w', 'h', 'j', 'o', 'u', 'r', 'n',
                                           'l' };


static void wh_journal_map(wh_journal_t *j, void *base, uint32_t nsegs,
    size_t seg_size);
static int wh_journal_open_segment(wh_writer_t *w);


size_t
wh_journal_data_offset(uint32_t nsegs)
{
    size_t  n;

    n = WH_PAGE + WH_SLOTS * sizeof(wh_slot_t) + WH_SHARDS * sizeof(wh_shard_t)
        + (size_t) nsegs * sizeof(wh_seg_t);

    return wh_align(n, WH_PAGE);
}


size_t
wh_journal_size(uint32_t nsegs, size_t seg_size)
{
    return wh_journal_data_offset(nsegs) + (size_t) nsegs * seg_size;
}


int
wh_journal_format(void *base, size_t size, uint32_t nsegs, size_t seg_size)
{
    wh_journal_t        j;
    wh_journal_head_t  *head;

    if (nsegs == 0 || nsegs > UINT32_MAX / 2 || seg_size < WH_SEG_MIN
        || seg_size > UINT32_MAX / 2 || seg_size % WH_PAGE
        || size < wh_journal_size(nsegs, seg_size))
    {
        return WH_ERROR;
    }

    head = base;

    head->version = WH_JOURNAL_VERSION;
    head->nsegs = nsegs;
    head->seg_size = seg_size;
    memcpy(head->magic, wh_journal_magic, sizeof(wh_journal_magic));

    wh_journal_map(&j, base, nsegs, seg_size);

    return WH_OK;
}


int
wh_journal_attach(wh_journal_t *j, void *base, size_t size)
{
    wh_journal_head_t  *head;

    if (size < WH_PAGE) {
        return WH_ERROR;
    }

    head = base;

    if (memcmp(head->magic, wh_journal_magic, sizeof(wh_journal_magic)) != 0) {
        return WH_ERROR;
    }

    if (head->version != WH_JOURNAL_VERSION) {
        return WH_LOST;
    }

    if (head->nsegs == 0 || head->nsegs > UINT32_MAX / 2
        || head->seg_size < WH_SEG_MIN || head->seg_size > UINT32_MAX / 2
        || head->seg_size % WH_PAGE
        || size < wh_journal_size(head->nsegs, head->seg_size))
    {
        return WH_ERROR;
    }

    wh_journal_map(j, base, head->nsegs, head->seg_size);

    return WH_OK;
}


static void
wh_journal_map(wh_journal_t *j, void *base, uint32_t nsegs, size_t seg_size)
{
    char  *p;

    p = base;

    j->head = base;
    p += WH_PAGE;

    j->slots = (wh_slot_t *) p;
    p += WH_SLOTS * sizeof(wh_slot_t);

    j->shards = (wh_shard_t *) p;
    p += WH_SHARDS * sizeof(wh_shard_t);

    j->segs = (wh_seg_t *) p;

    j->data = (char *) base + wh_journal_data_offset(nsegs);
    j->nsegs = nsegs;
    j->seg_size = seg_size;
}


unsigned
wh_journal_shard(wh_str_t name, wh_str_t key)
{
    uLong  h;

    h = crc32_z(0, (const Bytef *) name.data, name.len);
    h = crc32_z(h, (const Bytef *) "", 1);

    if (key.len) {
        h = crc32_z(h, (const Bytef *) key.data, key.len);
    }

    return (unsigned) (h % WH_SHARDS);
}


size_t
wh_journal_record_size(const wh_entry_t *e, uint32_t n)
{
    size_t    size;
    uint32_t  i;

    size = wh_journal_head_size(n);

    for (i = 0; i < n; i++) {
        size += e[i].name.len + e[i].key.len;

        if (i == 0 || e[i].data.data != e[i - 1].data.data
            || e[i].data.len != e[i - 1].data.len)
        {
            size += e[i].data.len;
        }
    }

    return wh_align(size, 8);
}


size_t
wh_journal_record_max(size_t seg_size)
{
    return seg_size;
}


int
wh_journal_append(wh_writer_t *w, uint64_t time, const wh_entry_t *e,
    uint32_t n, wh_ref_t *ref)
{
    char            *p;
    size_t           len, off;
    uint32_t         i;
    uint64_t        *words;
    wh_rec_t        *rec;
    wh_rec_entry_t  *entries;

    if (n == 0 || n > UINT16_MAX) {
        return WH_LIMIT;
    }

    for (i = 0; i < n; i++) {
        if (e[i].name.len > WH_NAME_MAX || e[i].key.len > WH_KEY_MAX
            || e[i].data.len > w->j->seg_size || e[i].shard >= WH_SHARDS)
        {
            return WH_LIMIT;
        }
    }

    len = wh_journal_record_size(e, n);

    if (len > w->j->seg_size) {
        return WH_LIMIT;
    }

    if (w->seg < 0 || len > w->j->seg_size - w->end) {
        if (wh_journal_open_segment(w) != WH_OK) {
            return WH_FULL;
        }
    }

    rec = wh_journal_rec(w->j, (uint32_t) w->seg, w->end);

    rec->len = (uint32_t) len;
    rec->gen = w->gen;
    rec->seq = wh_add(&w->j->head->seq, 1);
    rec->time = time;
    rec->n = n;
    rec->version = WH_JOURNAL_VERSION;

    /* an old record here must be void before its words are written over */

    __atomic_thread_fence(__ATOMIC_RELEASE);

    words = wh_rec_words(rec);
    entries = wh_rec_entries(rec);

    off = wh_journal_head_size(n);
    p = (char *) rec;

    for (i = 0; i < n; i++) {
        words[i] = wh_word(w->gen, 0, WH_WORD_OPEN);

        entries[i].name = (uint32_t) off;
        entries[i].namelen = (uint16_t) e[i].name.len;
        entries[i].keylen = (uint16_t) e[i].key.len;
        entries[i].shard = (uint16_t) e[i].shard;
        entries[i].pad = 0;
        entries[i].pad2 = 0;

        if (e[i].name.len) {
            memcpy(p + off, e[i].name.data, e[i].name.len);
            off += e[i].name.len;
        }

        if (e[i].key.len) {
            memcpy(p + off, e[i].key.data, e[i].key.len);
            off += e[i].key.len;
        }

        entries[i].len = (uint32_t) e[i].data.len;

        if (i && e[i].data.data == e[i - 1].data.data
            && e[i].data.len == e[i - 1].data.len)
        {
            entries[i].data = entries[i - 1].data;
            continue;
        }

        entries[i].data = (uint32_t) off;

        if (e[i].data.len) {
            memcpy(p + off, e[i].data.data, e[i].data.len);
            off += e[i].data.len;
        }
    }

    memset(p + off, 0, len - off);

    wh_store(&rec->crc, wh_journal_crc(w->j, rec));

    ref->seg = (uint32_t) w->seg;
    ref->off = (uint32_t) w->end;
    ref->len = (uint32_t) len;
    ref->gen = w->gen;
    ref->seq = rec->seq;

    w->end += len;

    return WH_OK;
}


static int
wh_journal_open_segment(wh_writer_t *w)
{
    uint32_t       i;
    uint64_t       none;
    wh_seg_t      *s;
    wh_journal_t  *j;

    j = w->j;

    for (i = 0; i < j->nsegs; i++) {
        s = &j->segs[i];
        none = 0;

        if (wh_load(&s->owner) == 0
            && wh_cas(&s->owner, &none, w->slot | WH_SEG_CLAIMED))
        {
            break;
        }
    }

    if (i == j->nsegs) {
        return WH_FULL;
    }

    s = &j->segs[i];

    wh_store(&s->tail, 0);
    wh_store(&s->closed, 0);
    wh_store(&s->drained, 0);
    wh_store(&s->gen, wh_add(&j->head->gen, 1));
    wh_store(&s->owner, w->slot);

    if (w->seg >= 0) {
        wh_store(&j->segs[w->seg].closed, w->end);
    }

    w->seg = (int) i;
    w->gen = s->gen;
    w->end = 0;

    wh_store(&j->slots[w->slot].opened, w->gen);

    /* who reads octets written from now on must see the generation */

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    return WH_OK;
}


void
wh_journal_close(wh_writer_t *w)
{
    if (w->seg >= 0) {
        wh_store(&w->j->segs[w->seg].closed, w->end);
        w->seg = -1;
    }
}


void
wh_journal_publish_begin(wh_writer_t *w, const wh_ref_t *ref)
{
    wh_journal_show(w->j, w->slot, ref);
}


void
wh_journal_show(wh_journal_t *j, unsigned slot, const wh_ref_t *ref)
{
    wh_store(&j->slots[slot].pending,
             (uint64_t) (ref->seg + 1) << 32 | ref->off);

    /* who passes the record must see "pending", or that all was raised */

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    wh_store(&j->segs[ref->seg].tail, (uint64_t) ref->off + ref->len);
}


void
wh_journal_publish_end(wh_writer_t *w)
{
    wh_store(&w->j->slots[w->slot].pending, 0);
}


int
wh_journal_pending(wh_journal_t *j, unsigned slot, wh_ref_t *ref)
{
    uint64_t  p, tail;

    p = wh_load(&j->slots[slot].pending);

    if (p == 0 || (p >> 32) > j->nsegs || (p >> 32) == 0) {
        return WH_AGAIN;
    }

    ref->seg = (uint32_t) (p >> 32) - 1;
    ref->off = (uint32_t) p;
    ref->gen = wh_load(&j->segs[ref->seg].gen);
    ref->len = 0;
    ref->seq = 0;

    tail = wh_load(&j->segs[ref->seg].tail);

    /*
     * While it does not lie before the tail no cursor has passed it, and no
     * walk would find it: it must not be taken up from here.  Had "pending"
     * changed, generation and tail might be those of a later use.
     */

    if (ref->off >= tail || tail > j->seg_size
        || wh_load(&j->slots[slot].pending) != p)
    {
        return WH_AGAIN;
    }

    return WH_OK;
}


uint32_t
wh_journal_free_segments(wh_journal_t *j)
{
    uint32_t  i, n;

    n = 0;

    for (i = 0; i < j->nsegs; i++) {
        if (wh_load(&j->segs[i].owner) == 0) {
            n++;
        }
    }

    return n;
}


uint32_t
wh_journal_segments_for(wh_journal_t *j, uint64_t size)
{
    uint64_t  n;

    /* any two segments in a row hold more than fits into one */

    n = size / j->seg_size + (size % j->seg_size != 0);

    if (n > UINT32_MAX / 2) {
        return UINT32_MAX;
    }

    return (uint32_t) (n ? 2 * n - 1 : 0);
}


uint32_t
wh_journal_reclaim(wh_journal_t *j, unsigned slot)
{
    size_t     off, tail;
    uint32_t   i, k, left;
    uint64_t  *words, owner;
    wh_rec_t   h;
    wh_seg_t  *s;

    left = 0;

    for (i = 0; i < j->nsegs; i++) {
        s = &j->segs[i];

        if (wh_load(&s->owner) != slot) {
            continue;
        }

        tail = s->tail;

        if (s->closed == 0 || tail > j->seg_size) {
            left++;
            continue;
        }

        for (off = s->drained; off < tail; off += h.len) {

            if (wh_journal_peek(j, i, off, tail - off, &h) != WH_OK) {
                break;
            }

            words = wh_rec_words(wh_journal_rec(j, i, off));

            for (k = 0; k < h.n; k++) {
                if (wh_word_state(wh_load(&words[k])) == WH_WORD_OPEN) {
                    break;
                }
            }

            if (k < h.n) {
                break;
            }
        }

        s->drained = off;

        if (off < s->closed) {
            left++;
            continue;
        }

        owner = slot;
        (void) wh_cas(&s->owner, &owner, 0);
    }

    return left;
}


uint64_t
wh_journal_number(wh_journal_t *j)
{
    return wh_add(&j->head->seq, 1);
}


uint32_t
wh_journal_crc(wh_journal_t *j, const wh_rec_t *rec)
{
    uLong        crc;
    size_t       skip;
    const char  *p;

    p = (const char *) rec;

    /* octets sent by a client must not pass as a record where one ends */

    crc = (uint32_t) j->head->salt;

    crc = crc32_z(crc, (const Bytef *) &rec->len, sizeof(rec->len));
    crc = crc32_z(crc, (const Bytef *) &rec->gen,
                  sizeof(wh_rec_t) - offsetof(wh_rec_t, gen));

    skip = sizeof(wh_rec_t) + rec->n * sizeof(uint64_t);

    crc = crc32_z(crc, (const Bytef *) p + skip, rec->len - skip);

    return (uint32_t) crc;
}
