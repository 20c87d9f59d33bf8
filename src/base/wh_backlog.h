
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The backlog of an endpoint: how many deliveries of it have not ended, over
 * all processes, and what becomes of the one that is too many.
 *
 * It is what the warehouse holds, and in a part of each process what that
 * process knows and the warehouse does not: deliveries that are in the journal
 * alone, and, less, those that have ended and are to be deleted.  A part is
 * written by its process only, so that with its death it is void, and nothing
 * is left to be put right.
 */


#ifndef _WH_BACKLOG_H_INCLUDED_
#define _WH_BACKLOG_H_INCLUDED_


#include "wh.h"


#define WH_BACKLOG_PARTS   8     /* of processes 1 to 8 */
#define WH_BACKLOG_BLOCK   31    /* ... of further ones, when there are such */
#define WH_BACKLOG_BLOCKS  8


typedef enum {
    WH_OVERFLOW_DEAD = 0,        /* the newest one */
    WH_OVERFLOW_DROP_OLDEST,
    WH_OVERFLOW_DROP_NEWEST,
    WH_OVERFLOW_REJECT           /* its request */
} wh_overflow_e;


typedef struct {
    int64_t        events;
    int64_t        octets;
} wh_amount_t;


typedef struct {
    wh_amount_t    most;         /* 0: no matter how many, or how large */
    wh_overflow_e  overflow;
} wh_limits_t;


/*
 * In shared memory.  A word is an amount, of 24 bits of events and 40 bits of
 * octets; what does not fit is cut.
 */

typedef struct {
    uint64_t       taken;        /* what is not in the warehouse as yet */
    uint64_t       landed;       /* ... that a thread has put there since */
    uint64_t       promised;     /* to requests in progress */
    uint64_t       oldest;       /* commit time of the oldest; 0: none */
} wh_part_t;


typedef struct {
    wh_part_t      parts[WH_BACKLOG_BLOCK];
} wh_block_t;


typedef struct {
    uint64_t       events;       /* in the warehouse */
    uint64_t       octets;
    int64_t        blocks[WH_BACKLOG_BLOCKS];   /* octets from here, 0: none */
    wh_part_t      parts[WH_BACKLOG_PARTS];
} wh_backlog_t;


#define WH_AMOUNT_EVENTS  INT64_C(0x7fffff)
#define WH_AMOUNT_OCTETS  INT64_C(0x7fffffffff)
#define WH_AMOUNT_SHIFT   40

#define wh_amount_clamp(n, max)                                               \
    ((n) > (max) ? (max) : (n) < -(max) ? -(max) : (n))


static inline uint64_t
wh_amount_pack(const wh_amount_t *a)
{
    return (uint64_t) wh_amount_clamp(a->events, WH_AMOUNT_EVENTS)
           << WH_AMOUNT_SHIFT
           | ((uint64_t) wh_amount_clamp(a->octets, WH_AMOUNT_OCTETS)
              & ((UINT64_C(1) << WH_AMOUNT_SHIFT) - 1));
}


static inline void
wh_amount_unpack(uint64_t word, wh_amount_t *a)
{
    /* numbers below zero keep their sign */

    a->events = (int64_t) word >> WH_AMOUNT_SHIFT;
    a->octets = (int64_t) (word << (64 - WH_AMOUNT_SHIFT))
                >> (64 - WH_AMOUNT_SHIFT);
}


static inline void
wh_amount_add(wh_amount_t *a, int64_t events, int64_t octets)
{
    a->events += events;
    a->octets += octets;
}


/*
 * The part of a process, numbered from 1; NULL: it is in a block that is not
 * there.  wh_backlog_extend() adds that, all zeroes, once.
 */
wh_part_t *wh_backlog_part(const wh_backlog_t *b, unsigned n);
void wh_backlog_extend(wh_backlog_t *b, unsigned n, wh_block_t *block);

/* how many blocks so many processes need */
unsigned wh_backlog_blocks(unsigned last);

/*
 * All parts up to "last", and "own", unless NULL, of a process that has none of
 * them; what is promised beside.  It never is below zero.  What moves from one
 * word to another at this very moment may be counted twice, or not at all:
 * who is about to end something looks twice.
 */
void wh_backlog_total(const wh_backlog_t *b, unsigned last,
    const wh_part_t *own, wh_amount_t *total);
void wh_backlog_promised(const wh_backlog_t *b, unsigned last,
    const wh_part_t *own, wh_amount_t *promised);

/* commit time of the oldest one of all parts; 0: none */
uint64_t wh_backlog_oldest(const wh_backlog_t *b, unsigned last);

/* a process: what it knows, and has promised */

static inline void
wh_part_take(wh_part_t *part, const wh_amount_t *a)
{
    __atomic_store_n(&part->taken, wh_amount_pack(a), __ATOMIC_RELEASE);
}

/* whoever promises at the same time sees this, or is seen by us */
void wh_part_promise(wh_part_t *part, const wh_amount_t *a);
void wh_part_age(wh_part_t *part, uint64_t oldest);

/*
 * A thread of it, alone in the warehouse: this has changed there, and this is
 * there now.  When the process has taken note of it, it is settled.
 */
void wh_part_land(wh_part_t *part, const wh_amount_t *change);
void wh_backlog_store(wh_backlog_t *b, const wh_amount_t *now);
void wh_part_settle(wh_part_t *part, const wh_amount_t *a);

/* the process has ended, or does not begin with anything */
void wh_part_void(wh_part_t *part);


/* true: more than may be */
int wh_limits_over(const wh_limits_t *l, const wh_amount_t *a);

/* true: one of so many octets may come to what there is */
int wh_limits_room(const wh_limits_t *l, const wh_amount_t *a,
    int64_t events, int64_t octets);


#endif /* _WH_BACKLOG_H_INCLUDED_ */
