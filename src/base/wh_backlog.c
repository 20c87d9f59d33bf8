
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_backlog.h"


#define wh_backlog_load(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define wh_backlog_write(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)


static void wh_amount_sum(wh_amount_t *sum, const uint64_t *word, int sign);
static void wh_part_add(const wh_part_t *part, wh_amount_t *total);


static void
wh_amount_sum(wh_amount_t *sum, const uint64_t *word, int sign)
{
    uint64_t     w;
    wh_amount_t  a;

    w = wh_backlog_load(word);

    /* most are nothing */

    if (w) {
        wh_amount_unpack(w, &a);
        wh_amount_add(sum, sign * a.events, sign * a.octets);
    }
}


wh_part_t *
wh_backlog_part(const wh_backlog_t *b, unsigned n)
{
    int64_t      off;
    unsigned     block;
    const char  *p;

    if (n == 0) {
        return NULL;
    }

    n--;

    if (n < WH_BACKLOG_PARTS) {
        return (wh_part_t *) &b->parts[n];
    }

    n -= WH_BACKLOG_PARTS;
    block = n / WH_BACKLOG_BLOCK;

    if (block >= WH_BACKLOG_BLOCKS) {
        return NULL;
    }

    off = __atomic_load_n(&b->blocks[block], __ATOMIC_ACQUIRE);

    if (off == 0) {
        return NULL;
    }

    p = (const char *) b + off;

    return &((wh_block_t *) p)->parts[n % WH_BACKLOG_BLOCK];
}


void
wh_backlog_extend(wh_backlog_t *b, unsigned n, wh_block_t *block)
{
    n = (n - 1 - WH_BACKLOG_PARTS) / WH_BACKLOG_BLOCK;

    __atomic_store_n(&b->blocks[n], (int64_t) ((char *) block - (char *) b),
                     __ATOMIC_RELEASE);
}


unsigned
wh_backlog_blocks(unsigned last)
{
    unsigned  n;

    if (last <= WH_BACKLOG_PARTS) {
        return 0;
    }

    n = (last - WH_BACKLOG_PARTS - 1) / WH_BACKLOG_BLOCK + 1;

    return n < WH_BACKLOG_BLOCKS ? n : WH_BACKLOG_BLOCKS;
}


static void
wh_part_add(const wh_part_t *part, wh_amount_t *total)
{
    wh_amount_sum(total, &part->landed, -1);
    wh_amount_sum(total, &part->taken, 1);
}


void
wh_backlog_total(const wh_backlog_t *b, unsigned last, const wh_part_t *own,
    wh_amount_t *total)
{
    unsigned          i;
    const wh_part_t  *part;

    total->events = (int64_t) wh_backlog_load(&b->events);
    total->octets = (int64_t) wh_backlog_load(&b->octets);

    for (i = 1; i <= last; i++) {
        part = wh_backlog_part(b, i);

        if (part) {
            wh_part_add(part, total);
        }
    }

    if (own) {
        wh_part_add(own, total);
    }

    if (total->events < 0) {
        total->events = 0;
    }

    if (total->octets < 0 || total->events == 0) {
        total->octets = 0;
    }
}


void
wh_backlog_promised(const wh_backlog_t *b, unsigned last,
    const wh_part_t *own, wh_amount_t *promised)
{
    unsigned          i;
    const wh_part_t  *part;

    promised->events = 0;
    promised->octets = 0;

    for (i = 1; i <= last; i++) {
        part = wh_backlog_part(b, i);

        if (part) {
            wh_amount_sum(promised, &part->promised, 1);
        }
    }

    if (own) {
        wh_amount_sum(promised, &own->promised, 1);
    }
}


uint64_t
wh_backlog_oldest(const wh_backlog_t *b, unsigned last)
{
    unsigned          i;
    uint64_t          oldest, time;
    const wh_part_t  *part;

    oldest = 0;

    for (i = 1; i <= last; i++) {
        part = wh_backlog_part(b, i);

        if (part == NULL) {
            continue;
        }

        time = wh_backlog_load(&part->oldest);

        if (time && (oldest == 0 || time < oldest)) {
            oldest = time;
        }
    }

    return oldest;
}


void
wh_part_promise(wh_part_t *part, const wh_amount_t *a)
{
    __atomic_store_n(&part->promised, wh_amount_pack(a), __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}


void
wh_part_age(wh_part_t *part, uint64_t oldest)
{
    wh_backlog_write(&part->oldest, oldest);
}


void
wh_part_land(wh_part_t *part, const wh_amount_t *change)
{
    wh_amount_t  a;

    /* a visit that has failed behind its commit is not settled as yet */

    wh_amount_unpack(wh_backlog_load(&part->landed), &a);
    wh_amount_add(&a, change->events, change->octets);

    wh_backlog_write(&part->landed, wh_amount_pack(&a));
}


void
wh_backlog_store(wh_backlog_t *b, const wh_amount_t *now)
{
    wh_backlog_write(&b->events, (uint64_t) now->events);
    wh_backlog_write(&b->octets, (uint64_t) now->octets);
}


void
wh_part_settle(wh_part_t *part, const wh_amount_t *a)
{
    wh_part_take(part, a);
    wh_backlog_write(&part->landed, 0);
}


void
wh_part_void(wh_part_t *part)
{
    wh_backlog_write(&part->taken, 0);
    wh_backlog_write(&part->landed, 0);
    wh_backlog_write(&part->promised, 0);
    wh_backlog_write(&part->oldest, 0);
}


int
wh_limits_over(const wh_limits_t *l, const wh_amount_t *a)
{
    return (l->most.events && a->events > l->most.events)
           || (l->most.octets && a->octets > l->most.octets);
}


int
wh_limits_room(const wh_limits_t *l, const wh_amount_t *a, int64_t events,
    int64_t octets)
{
    wh_amount_t  next;

    next = *a;
    wh_amount_add(&next, events, octets);

    return !wh_limits_over(l, &next);
}
