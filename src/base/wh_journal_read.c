
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Records as they are read.
 */


#include "wh_journal_local.h"


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


int
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
