
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <zlib.h>

#include "wh_journal.h"


#define WH_PAGE            4096
#define WH_EPOCH_SHIFT     40
#define WH_SEQ_COUNT       ((1ULL << WH_EPOCH_SHIFT) - 1)
#define WH_SHARD_VERSION   0xfffff
#define WH_SETTLER         0xffe    /* a slot that does not exist */

#define wh_align(n, a)     (((n) + ((a) - 1)) & ~((size_t) (a) - 1))

#define wh_load(p)         __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define wh_store(p, v)     __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define wh_add(p, v)       __atomic_add_fetch(p, v, __ATOMIC_ACQ_REL)
#define wh_cas(p, o, n)                                                       \
    __atomic_compare_exchange_n(p, o, n, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* words never stamped have 0 */
#define wh_fence_next(f)   ((uint32_t) (f) + 1 ? (uint32_t) (f) + 1 : 1)

#define wh_shard_word(fence, owner, version)                                  \
    ((uint64_t) (uint32_t) (fence) << 32 | (uint64_t) (owner) << 20           \
     | ((version) & WH_SHARD_VERSION))


static const char  wh_journal_magic[8] = { 'w', 'h', 'j', 'o', 'u', 'r', 'n',
                                           'l' };


static void wh_journal_map(wh_journal_t *j, void *base, uint32_t nsegs,
    size_t seg_size);
static int wh_journal_open_segment(wh_writer_t *w);
static size_t wh_journal_scan(wh_journal_t *j, uint32_t seg, size_t from,
    uint64_t *gen, uint64_t *damaged);
static int wh_journal_peek(wh_journal_t *j, uint32_t seg, size_t off,
    size_t left, wh_rec_t *h);
static void wh_journal_show(wh_journal_t *j, unsigned slot,
    const wh_ref_t *ref);
static void wh_journal_settle(wh_journal_t *j, const wh_ref_t *ref,
    void (*wake)(void *ctx, unsigned slot), void *ctx);
static uint32_t wh_journal_crc(wh_journal_t *j, const wh_rec_t *rec);
static size_t wh_journal_head_size(uint32_t n);
static uint64_t *wh_rec_words(wh_rec_t *rec);
static wh_rec_entry_t *wh_rec_entries(wh_rec_t *rec);
static wh_rec_t *wh_journal_rec(wh_journal_t *j, uint32_t seg, size_t off);
static size_t wh_journal_repair(wh_journal_t *j, uint32_t seg, size_t end);
static uint64_t wh_word_stamped(uint64_t w, uint32_t fence);


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


size_t
wh_journal_cold_start(wh_journal_t *j, uint64_t epoch)
{
    size_t     open, end, total;
    uint64_t   gen, count, damaged, newest;
    uint32_t   i;
    wh_seg_t  *s;

    total = 0;
    newest = 0;
    count = j->head->gen & WH_SEQ_COUNT;
    damaged = j->head->damaged;

    memset(j->slots, 0, WH_SLOTS * sizeof(wh_slot_t));

    for (i = 0; i < j->nsegs; i++) {
        s = &j->segs[i];

        gen = 0;
        end = wh_journal_scan(j, i, 0, &gen, &damaged);
        open = wh_journal_repair(j, i, end);

        s->owner = open ? 1 : 0;
        s->gen = gen;
        s->tail = end;
        s->closed = end;
        s->drained = 0;

        total += open;

        if (open && gen > newest) {
            newest = gen;
        }

        if ((gen & WH_SEQ_COUNT) > count) {
            count = gen & WH_SEQ_COUNT;
        }

        /* the page with the last epoch may not have been written */

        if (gen >> WH_EPOCH_SHIFT >= epoch) {
            epoch = (gen >> WH_EPOCH_SHIFT) + 1;
        }
    }

    if (total) {
        j->slots[1].state = WH_SLOT_DEAD;
        j->slots[1].opened = newest;
    }

    j->head->last_slot = 1;
    j->head->damaged = damaged;

    for (i = 0; i < WH_SHARDS; i++) {
        j->shards[i].word = wh_shard_word(wh_shard_fence(j->shards[i].word)
                                          + 1, WH_ORPHAN, 0);
    }

    j->head->epoch = epoch;
    j->head->seq = epoch << WH_EPOCH_SHIFT;

    /* words know the lower bits only: these go on, over what may be lost */

    j->head->gen = epoch << WH_EPOCH_SHIFT
                   | ((count + j->nsegs) & WH_SEQ_COUNT);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    return total;
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


static size_t
wh_journal_head_size(uint32_t n)
{
    return sizeof(wh_rec_t)
           + (size_t) n * (sizeof(uint64_t) + sizeof(wh_rec_entry_t));
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


static void
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


void
wh_cursor_init(wh_journal_t *j, unsigned slot, wh_cursor_t *c)
{
    size_t     tail, closed;
    uint32_t   i;
    uint64_t   gen;
    wh_seg_t  *s;

    c->seg = -1;
    c->off = 0;
    c->gen = wh_load(&j->slots[slot].opened);

    /* the first one with records to come; a closed one may have some, too */

    for (i = 0; i < j->nsegs; i++) {
        s = &j->segs[i];

        if (wh_load(&s->owner) != slot) {
            continue;
        }

        gen = wh_load(&s->gen);
        closed = wh_load(&s->closed);
        tail = wh_load(&s->tail);

        if (gen <= c->gen && (closed == 0 || tail < closed)) {
            c->seg = (int) i;
            c->gen = gen;
            c->off = tail;
        }
    }
}


int
wh_journal_next(wh_journal_t *j, unsigned slot, wh_cursor_t *c, wh_ref_t *ref)
{
    size_t     tail, closed;
    uint32_t   i;
    uint64_t   gen, least, opened;
    wh_seg_t  *s;
    wh_rec_t   h;

    for ( ;; ) {

        if (c->seg < 0) {

            opened = wh_load(&j->slots[slot].opened);

            if (c->gen >= opened) {
                return WH_AGAIN;
            }

            /*
             * Of those opened while we look we may see a later one and not
             * an earlier one: they have to wait.
             */

            least = opened;

            for (i = 0; i < j->nsegs; i++) {
                if (wh_load(&j->segs[i].owner) != slot) {
                    continue;
                }

                gen = wh_load(&j->segs[i].gen);

                if (gen > c->gen && gen <= least) {
                    least = gen;
                    c->seg = (int) i;
                }
            }

            c->gen = least;
            c->off = 0;

            if (c->seg < 0) {
                continue;
            }
        }

        s = &j->segs[c->seg];

        closed = wh_load(&s->closed);
        tail = wh_load(&s->tail);

        if (wh_load(&s->owner) != slot || wh_load(&s->gen) != c->gen) {

            /* all in it had ended, and it is in use again */

            c->seg = -1;
            continue;
        }

        if (c->off < tail && tail <= j->seg_size) {

            if (wh_journal_peek(j, (uint32_t) c->seg, c->off, tail - c->off,
                                &h)
                != WH_OK
                || h.gen != c->gen)
            {
                ref->seg = (uint32_t) c->seg;
                ref->gen = c->gen;

                if (!wh_journal_valid(j, ref)) {
                    c->seg = -1;
                    continue;
                }

                /* not to be walked any further */

                wh_add(&j->head->damaged, 1);
                c->off = j->seg_size;
                continue;
            }

            ref->seg = (uint32_t) c->seg;
            ref->off = (uint32_t) c->off;
            ref->len = h.len;
            ref->gen = c->gen;
            ref->seq = h.seq;

            c->off += ref->len;

            if (!wh_journal_valid(j, ref)) {
                c->seg = -1;
                continue;
            }

            return WH_OK;
        }

        if (closed && c->off >= closed) {
            c->seg = -1;
            continue;
        }

        return WH_AGAIN;
    }
}


int
wh_journal_valid(wh_journal_t *j, const wh_ref_t *ref)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);

    return wh_load(&j->segs[ref->seg].gen) == ref->gen;
}


int
wh_journal_walk(wh_journal_t *j, uint32_t seg, size_t *off, wh_ref_t *ref)
{
    size_t     tail;
    uint64_t   owner, gen;
    wh_seg_t  *s;
    wh_rec_t   h;

    s = &j->segs[seg];

    owner = wh_load(&s->owner);
    gen = wh_load(&s->gen);
    tail = wh_load(&s->tail);

    if (*off && ref->gen != gen) {

        /* used anew: the offset may lie inside of a record now */

        return WH_AGAIN;
    }

    ref->gen = gen;

    if (owner == 0 || (owner & WH_SEG_CLAIMED) || *off >= tail
        || tail > j->seg_size)
    {
        return WH_AGAIN;
    }

    if (wh_journal_peek(j, seg, *off, tail - *off, &h) != WH_OK
        || h.gen != ref->gen)
    {
        return WH_AGAIN;
    }

    ref->seg = seg;
    ref->off = (uint32_t) *off;
    ref->len = h.len;
    ref->seq = h.seq;

    *off += ref->len;

    return wh_journal_valid(j, ref) ? WH_OK : WH_AGAIN;
}


uint32_t
wh_journal_count(wh_journal_t *j, const wh_ref_t *ref)
{
    wh_rec_t  h;

    if (ref->off > j->seg_size
        || wh_journal_peek(j, ref->seg, ref->off, j->seg_size - ref->off, &h)
           != WH_OK
        || h.gen != ref->gen)
    {
        return 0;
    }

    return wh_journal_valid(j, ref) ? h.n : 0;
}


int
wh_journal_view(wh_journal_t *j, const wh_ref_t *ref, uint32_t index,
    wh_view_t *v)
{
    char            *p;
    wh_rec_t        *rec, h;
    wh_rec_entry_t   e;

    /* what is looked at may change meanwhile: everything is read once */

    if (ref->off > j->seg_size
        || wh_journal_peek(j, ref->seg, ref->off, j->seg_size - ref->off, &h)
           != WH_OK
        || h.gen != ref->gen || index >= h.n)
    {
        return WH_LOST;
    }

    rec = wh_journal_rec(j, ref->seg, ref->off);
    p = (char *) rec;

    memcpy(&e, (wh_rec_entry_t *) (void *) (wh_rec_words(rec) + h.n) + index,
           sizeof(wh_rec_entry_t));

    v->name.len = e.namelen;
    v->key.len = e.keylen;

    if (e.name > h.len || v->name.len + v->key.len > h.len - e.name
        || e.data > h.len || e.len > h.len - e.data || e.shard >= WH_SHARDS)
    {
        return WH_LOST;
    }

    v->ref = *ref;
    v->ref.len = h.len;
    v->ref.seq = h.seq;
    v->index = index;
    v->word = wh_rec_words(rec) + index;
    v->time = h.time;
    v->shard = e.shard;
    v->name.data = p + e.name;
    v->key.data = v->name.data + v->name.len;
    v->data.data = p + e.data;
    v->data.len = e.len;

    return wh_journal_valid(j, ref) ? WH_OK : WH_LOST;
}


uint64_t
wh_word_read(uint64_t *word)
{
    return wh_load(word);
}


int
wh_word_change(uint64_t *word, uint64_t from, unsigned state)
{
    uint64_t  to;

    to = (from & ~0xffULL) | state;

    return wh_cas(word, &from, to) ? WH_OK : WH_LOST;
}


uint64_t
wh_word_stamp(uint64_t *word, uint32_t fence)
{
    uint64_t  w, to;

    w = wh_load(word);

    do {
        to = wh_word_stamped(w, fence);

        if (to == 0) {
            return 0;
        }

    } while (!wh_cas(word, &w, to));

    return to;
}


uint64_t
wh_view_stamp(wh_journal_t *j, const wh_view_t *v, uint32_t fence)
{
    uint64_t  w, to;

    w = wh_load(v->word);

    do {
        to = wh_word_stamped(w, fence);

        /* in a segment in use again there may be anything */

        if (to == 0 || (w >> 40) != (v->ref.gen & 0xffffff)
            || !wh_journal_valid(j, &v->ref))
        {
            return 0;
        }

    } while (!wh_cas(v->word, &w, to));

    return to;
}


/* 0: not open, or taken by a later one than "fence" already */

static uint64_t
wh_word_stamped(uint64_t w, uint32_t fence)
{
    uint32_t  last;

    last = (uint32_t) (w >> 8);

    if (wh_word_state(w) != WH_WORD_OPEN
        || (last != 0 && fence - last > UINT32_MAX / 2))
    {
        return 0;
    }

    return (w & ~0xffffffffffULL) | (uint64_t) fence << 8 | WH_WORD_OPEN;
}


unsigned
wh_shard_raise(wh_journal_t *j, unsigned shard, unsigned slot, int leaving,
    uint32_t *fence, int *taken)
{
    unsigned   owner;
    uint64_t   w, to, *word;

    word = &j->shards[shard].word;
    w = wh_load(word);

    do {
        owner = wh_shard_owner(w);
        *fence = wh_shard_fence(w);
        *taken = 0;

        if (owner == slot) {
            return slot;
        }

        if (owner == 0) {
            *fence = wh_fence_next(*fence);
            *taken = !leaving;
            owner = leaving ? WH_ORPHAN : slot;
        }

        to = wh_shard_word(*fence, owner, w + 1);

    } while (!wh_cas(word, &w, to));

    return owner;
}


unsigned
wh_shard_tell(wh_journal_t *j, unsigned shard, unsigned slot)
{
    int       taken;
    unsigned  owner;
    uint32_t  fence;

    (void) wh_add(&j->shards[shard].news, 1);

    owner = wh_shard_raise(j, shard, slot, 1, &fence, &taken);

    if (owner > 0 && owner < WH_SLOTS) {
        (void) wh_slot_news(j, owner, WH_NEWS_COME, 0);
    }

    return owner;
}


uint64_t
wh_shard_news(wh_journal_t *j, unsigned shard)
{
    return wh_load(&j->shards[shard].news);
}


uint32_t
wh_slot_news(wh_journal_t *j, unsigned slot, uint32_t set, uint32_t clear)
{
    uint32_t  old, *news;

    news = &j->slots[slot].news;
    old = __atomic_load_n(news, __ATOMIC_SEQ_CST);

    while ((old | set) != old || (old & clear)) {

        if (__atomic_compare_exchange_n(news, &old, (old & ~clear) | set, 0,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            break;
        }
    }

    return old;
}


uint64_t
wh_journal_number(wh_journal_t *j)
{
    return wh_add(&j->head->seq, 1);
}


uint64_t
wh_shard_read(wh_journal_t *j, unsigned shard)
{
    return wh_load(&j->shards[shard].word);
}


int
wh_shard_release(wh_journal_t *j, unsigned shard, uint64_t word)
{
    uint64_t  to;

    to = wh_shard_word(wh_shard_fence(word), 0, word + 1);

    return wh_cas(&j->shards[shard].word, &word, to) ? WH_OK : WH_LOST;
}


int
wh_shard_orphan(wh_journal_t *j, unsigned shard, uint64_t word)
{
    uint64_t  to;

    to = wh_shard_word(wh_fence_next(wh_shard_fence(word)), WH_ORPHAN,
                       word + 1);

    return wh_cas(&j->shards[shard].word, &word, to) ? WH_OK : WH_LOST;
}


int
wh_shard_adopt(wh_journal_t *j, unsigned shard, unsigned slot,
    uint32_t *fence)
{
    uint64_t  w, to, *word;

    word = &j->shards[shard].word;
    w = wh_load(word);

    do {
        if (wh_shard_owner(w) != WH_ORPHAN) {
            return WH_LOST;
        }

        *fence = wh_fence_next(wh_shard_fence(w));
        to = wh_shard_word(*fence, slot, w + 1);

    } while (!wh_cas(word, &w, to));

    return WH_OK;
}


void
wh_slot_bury(wh_journal_t *j, unsigned slot,
    void (*wake)(void *ctx, unsigned slot), void *ctx)
{
    size_t      off, tail, end;
    uint32_t    i;
    unsigned    owner;
    uint64_t    w, gen, damaged;
    wh_rec_t    h;
    wh_ref_t    ref;
    wh_seg_t   *s;

    for (i = 0; i < WH_SHARDS; i++) {
        for ( ;; ) {
            w = wh_load(&j->shards[i].word);

            if (wh_shard_owner(w) != slot
                || wh_shard_orphan(j, i, w) == WH_OK)
            {
                break;
            }
        }
    }

    /* the record it, or who was burying it before, was just raising */

    if (wh_journal_pending(j, slot, &ref) == WH_OK) {
        wh_journal_settle(j, &ref, wake, ctx);
    }

    /* of which shards it had news is not known any more */

    if (wh_slot_news(j, slot, 0, 0) & WH_NEWS_MADE) {

        for (i = 0; i < WH_SHARDS; i++) {
            owner = wh_shard_tell(j, i, WH_SETTLER);

            if (owner != WH_ORPHAN) {
                wake(ctx, owner);
            }
        }

        (void) wh_slot_news(j, slot, 0, WH_NEWS_MADE);
    }

    damaged = 0;

    for (i = 0; i < j->nsegs; i++) {
        s = &j->segs[i];

        if (wh_load(&s->owner) == (slot | WH_SEG_CLAIMED)) {
            wh_store(&s->owner, 0);
            continue;
        }

        if (wh_load(&s->owner) != slot) {
            continue;
        }

        gen = s->gen;
        tail = s->tail;
        end = wh_journal_scan(j, i, tail, &gen, &damaged);

        if (end == 0) {
            wh_store(&s->owner, 0);
            continue;
        }

        /*
         * What is open is raised anew, even if it had been published: the
         * owners may not have been woken.
         */

        for (off = s->drained; off < end; off += h.len) {

            if (wh_journal_peek(j, i, off, end - off, &h) != WH_OK
                || h.gen != gen)
            {
                break;
            }

            ref.seg = i;
            ref.off = (uint32_t) off;
            ref.len = h.len;
            ref.gen = gen;
            ref.seq = h.seq;

            if (off >= tail) {
                wh_journal_show(j, slot, &ref);
            }

            wh_journal_settle(j, &ref, wake, ctx);
        }

        wh_store(&s->closed, end);
    }

    wh_store(&j->slots[slot].pending, 0);
    wh_store(&j->slots[slot].reserved, 0);
    wh_store(&j->slots[slot].gate, 0);
    wh_store(&j->slots[slot].state, WH_SLOT_DEAD);
}


/* raises the shards of what is open in a record of a dead process */

static void
wh_journal_settle(wh_journal_t *j, const wh_ref_t *ref,
    void (*wake)(void *ctx, unsigned slot), void *ctx)
{
    int        taken;
    unsigned   owner;
    uint32_t   k, n, fence;
    wh_view_t  v;

    n = wh_journal_count(j, ref);

    for (k = 0; k < n; k++) {
        if (wh_journal_view(j, ref, k, &v) != WH_OK
            || wh_word_state(wh_load(v.word)) != WH_WORD_OPEN)
        {
            continue;
        }

        owner = wh_shard_raise(j, v.shard, WH_SETTLER, 1, &fence, &taken);

        if (owner != WH_ORPHAN) {
            wake(ctx, owner);
        }
    }
}


/*
 * The end of the valid records from an offset on; *gen 0 means that of the
 * first one.  What follows is older, or torn: a record of this very
 * generation with a wrong checksum.
 */

static size_t
wh_journal_scan(wh_journal_t *j, uint32_t seg, size_t from, uint64_t *gen,
    uint64_t *damaged)
{
    size_t    off;
    wh_rec_t  h;

    off = from > j->seg_size ? j->seg_size : from;

    while (wh_journal_peek(j, seg, off, j->seg_size - off, &h) == WH_OK) {

        if (*gen != 0 && h.gen != *gen) {
            break;
        }

        if (h.crc != wh_journal_crc(j, wh_journal_rec(j, seg, off))) {
            if (*gen != 0) {
                (*damaged)++;
            }

            break;
        }

        *gen = h.gen;
        off += h.len;
    }

    return off;
}


/*
 * After a cold start: words that cannot be are made good, open ones have no
 * fence, since that of their shard may be an older one now.  Returns how many
 * are open.
 */

static size_t
wh_journal_repair(wh_journal_t *j, uint32_t seg, size_t end)
{
    size_t     off, open;
    uint32_t   i, n;
    uint64_t   w, *words;
    wh_rec_t  *rec;

    open = 0;

    for (off = 0; off < end; off += rec->len) {
        rec = wh_journal_rec(j, seg, off);
        words = wh_rec_words(rec);
        n = rec->n;

        for (i = 0; i < n; i++) {
            w = words[i];

            if ((w >> 40) == (rec->gen & 0xffffff)
                && (wh_word_state(w) == WH_WORD_ENDED
                    || wh_word_state(w) == WH_WORD_MOVED))
            {
                continue;
            }

            /* if its page was not written it may be a second delivery */

            words[i] = wh_word(rec->gen, 0, WH_WORD_OPEN);
            open++;
        }
    }

    return open;
}


/* a copy of a record's head that makes sense within the octets left */

static int
wh_journal_peek(wh_journal_t *j, uint32_t seg, size_t off, size_t left,
    wh_rec_t *h)
{
    if (left < sizeof(wh_rec_t) || off % 8) {
        return WH_ERROR;
    }

    memcpy(h, wh_journal_rec(j, seg, off), sizeof(wh_rec_t));

    if (h->len > left || h->len % 8 || h->version != WH_JOURNAL_VERSION
        || h->n == 0 || h->n > UINT16_MAX
        || h->len < wh_journal_head_size(h->n))
    {
        return WH_ERROR;
    }

    return WH_OK;
}


static uint32_t
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


static uint64_t *
wh_rec_words(wh_rec_t *rec)
{
    return (uint64_t *) (void *) (rec + 1);
}


static wh_rec_entry_t *
wh_rec_entries(wh_rec_t *rec)
{
    return (wh_rec_entry_t *) (void *) (wh_rec_words(rec) + rec->n);
}


static wh_rec_t *
wh_journal_rec(wh_journal_t *j, uint32_t seg, size_t off)
{
    return (wh_rec_t *) (void *) (j->data + (size_t) seg * j->seg_size + off);
}
