
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_backlog.h"


#define wh_backlog_load(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define wh_backlog_write(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)


static void wh_amount_sum(wh_amount_t *sum, const uint64_t *word, int sign);


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


void
wh_backlog_total(const wh_backlog_t *b, unsigned last, wh_amount_t *total)
{
    unsigned  i;

    total->events = (int64_t) wh_backlog_load(&b->events);
    total->octets = (int64_t) wh_backlog_load(&b->octets);

    for (i = 1; i <= last && i < WH_BACKLOG_PARTS; i++) {
        wh_amount_sum(total, &b->parts[i].landed, -1);
        wh_amount_sum(total, &b->parts[i].taken, 1);
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
    wh_amount_t *promised)
{
    unsigned  i;

    promised->events = 0;
    promised->octets = 0;

    for (i = 1; i <= last && i < WH_BACKLOG_PARTS; i++) {
        wh_amount_sum(promised, &b->parts[i].promised, 1);
    }
}


uint64_t
wh_backlog_oldest(const wh_backlog_t *b, unsigned last)
{
    unsigned  i;
    uint64_t  oldest, time;

    oldest = 0;

    for (i = 1; i <= last && i < WH_BACKLOG_PARTS; i++) {

        time = wh_backlog_load(&b->parts[i].oldest);

        if (time && (oldest == 0 || time < oldest)) {
            oldest = time;
        }
    }

    return oldest;
}


void
wh_backlog_promise(wh_backlog_t *b, unsigned part, const wh_amount_t *a)
{
    wh_backlog_write(&b->parts[part].promised, wh_amount_pack(a));
}


void
wh_backlog_age(wh_backlog_t *b, unsigned part, uint64_t oldest)
{
    wh_backlog_write(&b->parts[part].oldest, oldest);
}


void
wh_backlog_land(wh_backlog_t *b, unsigned part, const wh_amount_t *change)
{
    wh_amount_t  a;

    /* a visit that has failed behind its commit is not settled as yet */

    wh_amount_unpack(wh_backlog_load(&b->parts[part].landed), &a);
    wh_amount_add(&a, change->events, change->octets);

    wh_backlog_write(&b->parts[part].landed, wh_amount_pack(&a));
}


void
wh_backlog_store(wh_backlog_t *b, const wh_amount_t *now)
{
    wh_backlog_write(&b->events, (uint64_t) now->events);
    wh_backlog_write(&b->octets, (uint64_t) now->octets);
}


void
wh_backlog_settle(wh_backlog_t *b, unsigned part, const wh_amount_t *a)
{
    wh_backlog_take(b, part, a);
    wh_backlog_write(&b->parts[part].landed, 0);
}


void
wh_backlog_void(wh_backlog_t *b, unsigned part)
{
    wh_backlog_write(&b->parts[part].taken, 0);
    wh_backlog_write(&b->parts[part].landed, 0);
    wh_backlog_write(&b->parts[part].promised, 0);
    wh_backlog_write(&b->parts[part].oldest, 0);
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
