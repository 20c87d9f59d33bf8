
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The journal: one preallocated file, mapped by every worker.
 *
 *     +--------+-------+--------+-----------+---------+---------+--
 *     | header | slots | shards | seg table | segment | segment | ...
 *     +--------+-------+--------+-----------+---------+---------+--
 *
 * slot      a worker process: its liveness, its deadline, its wake-up flag.
 * segment   records of one slot, appended by it alone, reused when every
 *           delivery in it has ended or was moved to the warehouse.
 * record    all deliveries of one request: they commit together.
 * shard     a fixed share of all lanes; it has one owner at any time, and
 *           only the owner sends, acknowledges and moves its deliveries.
 *
 * A record, everything in the order of the machine, 8-octet aligned:
 *
 *     wh_rec_t | words[n] | wh_rec_entry_t[n] | names, keys, payloads
 *
 * The checksum covers all but the words.  A word is the state of a delivery:
 *
 *     generation of the segment (24) | fence (32) | state (8)
 *
 * and is changed by compare-and-swap only.  An owner stamps its fence into
 * the word of each delivery that it takes up, and a fence is never stamped
 * over a later one: a former owner can acknowledge nothing any more, nor put
 * its own fence into what was published since.  Before it sends, and after
 * the last look for records, an owner asks whether the shard is still its.
 *
 * A shard's word is
 *
 *     fence (32) | owner (12) | version (20)
 *
 * An appender publishes a record, then raises the shard of each delivery:
 * if nobody owns it, it becomes the owner, else the version changes and the
 * owner is to be woken.  An owner gives a shard back by compare-and-swap on
 * the word it had read before it looked for records: had one been raised
 * since, this fails.  t/unit/wh_journal_stress.c shows all of it.
 */


#ifndef _WH_JOURNAL_H_INCLUDED_
#define _WH_JOURNAL_H_INCLUDED_


#include "wh.h"


#define WH_JOURNAL_VERSION  1

#define WH_SLOTS            256      /* slot 0 is nobody */
#define WH_SHARDS           1024
#define WH_ORPHAN           0xfff    /* owner: none, but there is work left */
#define WH_SEG_MIN          (64 * 1024)
#define WH_KEY_MAX          255      /* octets of a lane's key */
#define WH_NAME_MAX         64       /* octets of an endpoint's name */


typedef enum {
    WH_WORD_OPEN = 1,
    WH_WORD_ENDED,
    WH_WORD_MOVED
} wh_word_e;

#define wh_word(gen, fence, state)                                            \
    ((uint64_t) ((gen) & 0xffffff) << 40 | (uint64_t) (uint32_t) (fence) << 8 \
     | (state))
#define wh_word_state(w)    ((unsigned) ((w) & 0xff))

#define wh_shard_fence(w)   ((uint32_t) ((w) >> 32))
#define wh_shard_owner(w)   ((unsigned) ((w) >> 20 & 0xfff))


typedef enum {
    WH_SLOT_FREE = 0,
    WH_SLOT_LIVE,
    WH_SLOT_LEAVING,        /* takes no shard any more */
    WH_SLOT_DEAD            /* its segments are still needed */
} wh_slot_e;


/* in shared memory; times are monotonic ms of the machine */

typedef struct {
    uint32_t        state;
    uint32_t        pid;
    uint64_t        beat;       /* last sign of life */
    uint64_t        deadline;   /* of the last attempt it started */
    uint64_t        reserved;   /* octets promised to requests in progress */
    uint64_t        pending;    /* record being raised: segment + 1, offset */
    uint64_t        opened;     /* generation of its newest segment */
    uint64_t        gate;       /* inside the warehouse since then, or 0 */
    uint32_t        wake;       /* a wake-up is under way */
    uint32_t        news;       /* WH_NEWS_... */
} wh_slot_t;

#define WH_NEWS_COME        1   /* for a shard that it owns */
#define WH_NEWS_MADE        2   /* by itself, and not told yet */


typedef struct {
    uint64_t        owner;      /* slot, 0: free; WH_SEG_CLAIMED is a flag */
    uint64_t        gen;        /* unique for ever, grows in a slot */
    uint64_t        tail;       /* octets published */
    uint64_t        closed;     /* octets in all, when nothing will follow */
    uint64_t        drained;    /* octets in front in which all has ended */
    uint64_t        pad[3];
} wh_seg_t;

#define WH_SEG_CLAIMED      0x10000


typedef struct {
    uint64_t        word;
    uint64_t        news;       /* see wh_shard_tell() */
    uint64_t        pad[6];
} wh_shard_t;


typedef struct {
    char            magic[8];
    uint32_t        version;
    uint32_t        nsegs;
    uint64_t        seg_size;
    uint64_t        epoch;      /* of cold starts */
    uint64_t        seq;        /* last sequence number: epoch (24), count */
    uint64_t        gen;        /* last generation, likewise */
    uint64_t        full;       /* the warehouse is nearly full */
    uint64_t        damaged;    /* records and files set aside, a count */
    uint64_t        last_slot;  /* no slot above it was ever used */
    uint64_t        salt;       /* of checksums; random, never changed */
} wh_journal_head_t;


typedef struct {
    uint32_t        len;        /* of all, a multiple of 8 */
    uint32_t        crc;
    uint64_t        gen;
    uint64_t        seq;
    uint64_t        time;       /* of the commit, ms since the epoch */
    uint32_t        n;          /* deliveries */
    uint32_t        version;
} wh_rec_t;


typedef struct {
    uint32_t        name;       /* offset of name and key in the record */
    uint32_t        data;       /* offset of the payload record */
    uint32_t        len;        /* of the payload record */
    uint16_t        shard;
    uint16_t        keylen;
    uint16_t        namelen;
    uint16_t        pad;
    uint32_t        pad2;
} wh_rec_entry_t;


/* a process's view of the file */

typedef struct {
    wh_journal_head_t  *head;
    wh_slot_t          *slots;
    wh_shard_t         *shards;
    wh_seg_t           *segs;
    char               *data;
    uint32_t            nsegs;
    size_t              seg_size;
} wh_journal_t;


/* what an appender keeps: one per process */

typedef struct {
    wh_journal_t       *j;
    unsigned            slot;
    int                 seg;        /* -1: none */
    uint64_t            gen;
    size_t              end;        /* octets written, published or not */
} wh_writer_t;


/* where a record lies */

typedef struct {
    uint32_t            seg;
    uint32_t            off;
    uint32_t            len;
    uint64_t            gen;
    uint64_t            seq;
} wh_ref_t;


/* one delivery to append; pointers need to live during the call only */

typedef struct {
    wh_str_t            name;
    wh_str_t            key;
    wh_str_t            data;
    unsigned            shard;
} wh_entry_t;


/* how far a slot's records have been read */

typedef struct {
    int                 seg;        /* -1: look for the next one */
    uint64_t            gen;
    size_t              off;
} wh_cursor_t;


/* a delivery as found in the journal; pointers into the mapping */

typedef struct {
    wh_ref_t            ref;
    uint32_t            index;
    uint64_t           *word;
    uint64_t            time;
    unsigned            shard;
    wh_str_t            name;
    wh_str_t            key;
    wh_str_t            data;
} wh_view_t;


/* octets of the whole file, and where segments begin */
size_t wh_journal_size(uint32_t nsegs, size_t seg_size);
size_t wh_journal_data_offset(uint32_t nsegs);

/*
 * Writes the header of a fresh file; everything else must be zero.
 * WH_ERROR: impossible geometry.  Before the first record the caller writes
 * a random head->salt: without it clients can guess checksums.
 */
int wh_journal_format(void *base, size_t size, uint32_t nsegs,
    size_t seg_size);

/*
 * Attaches to a mapped file.  WH_ERROR: not a journal or damaged geometry;
 * WH_LOST: of another version.
 */
int wh_journal_attach(wh_journal_t *j, void *base, size_t size);

/*
 * After a start with no other process attached: nobody owns anything; the
 * segments with open deliveries belong to "slot" 1 as if it had died, and
 * every shard is an orphan.  "epoch" must be larger than any used before;
 * if the journal proves that it is not, head->epoch gets a larger one.  It
 * has to be durable before the first record is.
 * Returns the number of open deliveries.
 */
size_t wh_journal_cold_start(wh_journal_t *j, uint64_t epoch);

/* the lane's share; names and keys are octets */
unsigned wh_journal_shard(wh_str_t name, wh_str_t key);


/* appending: the record is written and durable over a kill, not yet seen */
int wh_journal_append(wh_writer_t *w, uint64_t time, const wh_entry_t *e,
    uint32_t n, wh_ref_t *ref);

/* octets that one record with these entries takes at most */
size_t wh_journal_record_size(const wh_entry_t *e, uint32_t n);

/* the largest record of a segment size */
size_t wh_journal_record_max(size_t seg_size);

/*
 * Shows a record to readers; records are published in the order in which
 * they were appended.  Between begin and end every shard must be raised.
 */
void wh_journal_publish_begin(wh_writer_t *w, const wh_ref_t *ref);
void wh_journal_publish_end(wh_writer_t *w);

/* nothing more is written to the current segment */
void wh_journal_close(wh_writer_t *w);

/* free segments, and those a writer with "size" octets to come may need */
uint32_t wh_journal_free_segments(wh_journal_t *j);
uint32_t wh_journal_segments_for(wh_journal_t *j, uint64_t size);

/*
 * Frees the closed segments of a slot in which nothing is open any more (and
 * the current one of a dead slot).  Returns how many of its segments remain.
 * Only for one's own slot, or with the lock of a dead one held.
 */
uint32_t wh_journal_reclaim(wh_journal_t *j, unsigned slot);


/*
 * Reading: the next record of a slot.  WH_OK: "rec" is in the mapping;
 * WH_AGAIN: nothing more now.  What was copied out of it counts only if
 * wh_journal_valid() still holds afterwards.
 */
int wh_journal_next(wh_journal_t *j, unsigned slot, wh_cursor_t *c,
    wh_ref_t *ref);

/*
 * A cursor behind all that a slot has published so far.  A process makes
 * those of all slots, used or not, before it owns anything.
 */
void wh_cursor_init(wh_journal_t *j, unsigned slot, wh_cursor_t *c);

/*
 * The record that a slot has published without having raised all its shards
 * yet: who takes an idle shard reads this of every slot before, and looks at
 * the record after, since its cursor may have passed it when the shard was
 * not its own.  WH_AGAIN: none (what is about to be published was passed by
 * nobody).
 */
int wh_journal_pending(wh_journal_t *j, unsigned slot, wh_ref_t *ref);

int wh_journal_valid(wh_journal_t *j, const wh_ref_t *ref);

/* a delivery of a record; WH_LOST: the record is not there any more */
int wh_journal_view(wh_journal_t *j, const wh_ref_t *ref, uint32_t index,
    wh_view_t *v);

/* deliveries in a record; 0: it is not there any more */
uint32_t wh_journal_count(wh_journal_t *j, const wh_ref_t *ref);

/*
 * Walks all published records of a segment from *off on; as
 * wh_journal_next() otherwise.  "ref" is that of the last call unless *off
 * is 0: a segment that is in use again meanwhile is not walked any further.
 */
int wh_journal_walk(wh_journal_t *j, uint32_t seg, size_t *off,
    wh_ref_t *ref);

/* the word's value; wh_word_state() tells the state */
uint64_t wh_word_read(uint64_t *word);

/* a word's state, by compare-and-swap: WH_OK or WH_LOST */
int wh_word_change(uint64_t *word, uint64_t from, unsigned state);

/*
 * Stamps a fence into a word that is open; the new word, or 0: not open, or
 * a later one was there.  The first one is for segments that cannot be freed
 * meanwhile; the other one sees that the record is still there.
 */
uint64_t wh_word_stamp(uint64_t *word, uint32_t fence);
uint64_t wh_view_stamp(wh_journal_t *j, const wh_view_t *v, uint32_t fence);


/*
 * Raising a shard after publishing.  Returns the owner: "slot" itself with
 * *fence when it was idle and is now ours or was ours already (*taken tells
 * which), another slot that is to be woken, or WH_ORPHAN.  With "leaving"
 * an idle shard becomes an orphan.
 */
unsigned wh_shard_raise(wh_journal_t *j, unsigned shard, unsigned slot,
    int leaving, uint32_t *fence, int *taken);

/* the current word; owner and fence by the macros above */
uint64_t wh_shard_read(wh_journal_t *j, unsigned shard);

/* gives back what was ours; "word" as read before the last look: or WH_LOST */
int wh_shard_release(wh_journal_t *j, unsigned shard, uint64_t word);

/* owner (from "word") to orphan with a new fence; or WH_LOST */
int wh_shard_orphan(wh_journal_t *j, unsigned shard, uint64_t word);

/* takes an orphan; WH_OK and the fence, or WH_LOST */
int wh_shard_adopt(wh_journal_t *j, unsigned shard, unsigned slot,
    uint32_t *fence);


/*
 * Somebody else than the owner has put deliveries of a shard into the
 * warehouse, and has committed that: the owner is told, and what is nobody's
 * becomes an orphan.  Returns the owner to be woken, or WH_ORPHAN.
 */
unsigned wh_shard_tell(wh_journal_t *j, unsigned shard, unsigned slot);

/* how often that was so */
uint64_t wh_shard_news(wh_journal_t *j, unsigned shard);

/* a process sets and clears flags of a slot; what they were before */
uint32_t wh_slot_news(wh_journal_t *j, unsigned slot, uint32_t set,
    uint32_t clear);

/* a sequence number, later than all so far, for what is not in the journal */
uint64_t wh_journal_number(wh_journal_t *j);


/*
 * Buries a slot whose process has ended (the caller holds its lock): its
 * shards become orphans, what it had written and not published is published,
 * its segments are closed.  "wake" is called with owners to be woken.
 */
void wh_slot_bury(wh_journal_t *j, unsigned slot,
    void (*wake)(void *ctx, unsigned slot), void *ctx);


#endif /* _WH_JOURNAL_H_INCLUDED_ */
