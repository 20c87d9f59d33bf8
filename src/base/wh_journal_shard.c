
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Who owns a shard, and the state of a delivery.
 */


#include "wh_journal_local.h"


/* words never stamped have 0 */
#define wh_fence_next(f)   ((uint32_t) (f) + 1 ? (uint32_t) (f) + 1 : 1)


static uint64_t wh_word_stamped(uint64_t w, uint32_t fence);


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
