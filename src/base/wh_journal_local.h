
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The journal's parts: wh_journal.c is the file and what is appended to it,
 * wh_journal_read.c what is read of it, wh_journal_shard.c owners and states,
 * wh_journal_start.c starts and burials.
 */


#ifndef _WH_JOURNAL_LOCAL_H_INCLUDED_
#define _WH_JOURNAL_LOCAL_H_INCLUDED_


#include "wh_journal.h"


#define WH_SHARD_VERSION   0xfffff

#define wh_shard_word(fence, owner, version)                                  \
    ((uint64_t) (uint32_t) (fence) << 32 | (uint64_t) (owner) << 20           \
     | ((version) & WH_SHARD_VERSION))

#define wh_load(p)         __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define wh_store(p, v)     __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define wh_add(p, v)       __atomic_add_fetch(p, v, __ATOMIC_ACQ_REL)
#define wh_cas(p, o, n)                                                       \
    __atomic_compare_exchange_n(p, o, n, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)


/* a record, and what is in it; see wh_journal.h */

static inline wh_rec_t *
wh_journal_rec(wh_journal_t *j, uint32_t seg, size_t off)
{
    return (wh_rec_t *) (void *) (j->data + (size_t) seg * j->seg_size + off);
}


static inline uint64_t *
wh_rec_words(wh_rec_t *rec)
{
    return (uint64_t *) (void *) (rec + 1);
}


static inline wh_rec_entry_t *
wh_rec_entries(wh_rec_t *rec)
{
    return (wh_rec_entry_t *) (void *) (wh_rec_words(rec) + rec->n);
}


static inline size_t
wh_journal_head_size(uint32_t n)
{
    return sizeof(wh_rec_t)
           + (size_t) n * (sizeof(uint64_t) + sizeof(wh_rec_entry_t));
}


/* the checksum of all but the words */
uint32_t wh_journal_crc(wh_journal_t *j, const wh_rec_t *rec);

/*
 * WH_OK: "h" is a copy of the head of the record at an offset, and makes sense
 * within the octets left; WH_ERROR.
 */
int wh_journal_peek(wh_journal_t *j, uint32_t seg, size_t off, size_t left,
    wh_rec_t *h);

/* shows a record of a slot to readers */
void wh_journal_show(wh_journal_t *j, unsigned slot, const wh_ref_t *ref);


#endif /* _WH_JOURNAL_LOCAL_H_INCLUDED_ */
