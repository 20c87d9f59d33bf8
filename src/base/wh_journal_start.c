
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a start finds, and what a process that has died leaves behind.
 */


#include "wh_journal_local.h"


#define WH_EPOCH_SHIFT     40
#define WH_SEQ_COUNT       ((1ULL << WH_EPOCH_SHIFT) - 1)
#define WH_SETTLER         0xffe    /* a slot that does not exist */


static void wh_journal_settle(wh_journal_t *j, const wh_ref_t *ref,
    void (*wake)(void *ctx, unsigned slot), void *ctx);
static size_t wh_journal_scan(wh_journal_t *j, uint32_t seg, size_t from,
    uint64_t *gen, uint64_t *damaged);
static size_t wh_journal_repair(wh_journal_t *j, uint32_t seg, size_t end);


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
