
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Claims: who was first with a key, until when.  One preallocated file,
 * mapped by every worker, a hash table of buckets:
 *
 *     +--------+--------+--------+--
 *     | header | bucket | bucket | ...
 *     +--------+--------+--------+--
 *
 * owner     a worker process: its slot and a number that no other process
 *           has had in this file.  The number in force of each slot is in the
 *           header; with the liveness of the slot, which is the caller's to
 *           tell, it parts the living from the dead.
 * bucket    a lock and some entries, together one sector of a disk.  When it
 *           is full, the oldest claim goes.
 * entry     key, end, time of the claim, and a word: owner and state.
 *
 * A claim is OPEN from its taking until its record is in the journal or is
 * known never to be, then it is CLOSED and holds until its end, or VOID.
 * Everything of a bucket is changed under its lock, but for this last step:
 * an OPEN claim is changed by nobody while its owner lives.
 *
 * Entries are changed so that they are whole at any step: the word becomes
 * VOID first and OPEN last.  So a lock of a dead owner is taken over without
 * any repair.  Behind a living one that does not go on, be it with a lock or
 * with an OPEN claim of the same key, the answer is to go on without a claim:
 * one event too many rather than one too few.  For the same reason the claim
 * of an owner that died before it was CLOSED is void, whether its record is
 * in the journal or not.  t/unit/wh_claim_stress.c shows all of it.
 */


#ifndef _WH_CLAIM_H_INCLUDED_
#define _WH_CLAIM_H_INCLUDED_


#include "wh.h"


#define WH_CLAIM_VERSION   1

#define WH_CLAIM_SLOTS     256
#define WH_CLAIM_WAYS      12
#define WH_CLAIM_HEAD      4096
#define WH_CLAIM_SIZE_MIN  (64 * 1024)
#define WH_CLAIM_BOOT      40                 /* octets of a boot's id */
#define WH_CLAIM_MAX       (366ULL * 86400000)   /* ms, the longest claim */
#define WH_CLAIM_RECENT    5000               /* ms, may not be on the disk */
#define WH_CLAIM_SKEW      5000               /* ms that clocks may differ */


typedef enum {
    WH_CLAIM_VOID = 0,
    WH_CLAIM_OPEN,
    WH_CLAIM_CLOSED
} wh_claim_e;


/* in shared memory; times are ms since the epoch */

typedef struct {
    uint64_t            key[2];
    uint64_t            until;
    uint64_t            time;
    uint64_t            word;       /* owner (62) | state (2) */
} wh_claim_entry_t;


typedef struct {
    uint64_t            lock;       /* owner, 0: nobody */
    uint64_t            pad[3];
    wh_claim_entry_t    entries[WH_CLAIM_WAYS];
} wh_claim_bucket_t;


typedef struct {
    char                magic[8];
    uint32_t            version;
    uint32_t            crc;        /* of the geometry and the salt */
    uint64_t            nbuckets;
    uint64_t            salt;       /* nobody outside can aim at a bucket */
    char                boot[WH_CLAIM_BOOT];
    uint64_t            last;       /* number of an owner */
    uint64_t            owners[WH_CLAIM_SLOTS];
} wh_claim_head_t;


/* a process's view of the file */

typedef struct {
    wh_claim_head_t    *head;
    wh_claim_bucket_t  *buckets;
    uint64_t            nbuckets;
    uint64_t            owner;      /* this process; see wh_claim_enter() */

    /*
     * Is the process that has this slot alive?  Asked when spinning has not
     * helped, or a bucket is full, and never for one's own slot.
     */
    int               (*alive)(void *ctx, unsigned slot);

    /*
     * Spins for a moment, for the n-th time in a call (from 0 on); 0: it has
     * been enough.
     */
    int               (*pause)(void *ctx, unsigned n);

    void               *ctx;
} wh_claim_t;


/* octets of a file of at most "size" octets; WH_CLAIM_SIZE_MIN at least */
size_t wh_claim_size(size_t size);

/* writes the header; all the rest must be zero.  "salt" is random */
void wh_claim_format(void *base, size_t size, uint64_t salt);

/*
 * Attaches to a mapped file, aligned to pages; callbacks are the caller's to
 * set.  WH_ERROR: damaged, WH_LOST: of another version.
 */
int wh_claim_attach(wh_claim_t *c, void *base, size_t size);

/*
 * With no other process attached: locks and OPEN claims are void.  So are,
 * with another boot (or none known, an empty one), those of the last
 * WH_CLAIM_RECENT ms before the newest one, and any of the future: their
 * records may not have reached the disk.  Returns how many claims were
 * voided, without OPEN ones.
 */
size_t wh_claim_cold_start(wh_claim_t *c, wh_str_t boot, uint64_t now);

/*
 * Copies the claims that hold into a fresh table which nobody uses, after a
 * cold start of "from".  Returns how many.
 */
size_t wh_claim_copy(wh_claim_t *to, wh_claim_t *from, uint64_t now);

/*
 * The process becomes the owner of a slot, before any other may think that
 * it lives there.
 */
void wh_claim_enter(wh_claim_t *c, unsigned slot);

/*
 * Takes a key until a time, at most WH_CLAIM_MAX ms ahead.  A claim found
 * with a time in the future (the clock was set back) is shortened: it holds
 * for its length from now on at most.
 *
 * WH_OK     taken, OPEN; *entry is for wh_claim_end(), which has to follow
 *           in the same turn of the event loop
 * WH_AGAIN  held: by a claim that is in force, or OPEN by this very process
 * WH_FULL   not taken, since somebody else is at it and does not go on
 */
int wh_claim_take(wh_claim_t *c, const uint64_t key[2], uint64_t until,
    uint64_t now, wh_claim_entry_t **entry);

/* would it be WH_AGAIN?  Nothing is taken; an OPEN claim of others is none */
int wh_claim_held(wh_claim_t *c, const uint64_t key[2], uint64_t now);

/* the record of a claim is in the journal, or (not committed) never will be */
void wh_claim_end(wh_claim_entry_t *entry, int committed);


#endif /* _WH_CLAIM_H_INCLUDED_ */
