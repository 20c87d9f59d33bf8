
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The store: what is kept of deliveries, and lanes of which a part is in
 * memory.  A change is stored some time after it was made, if its owner lives
 * that long and still is the owner.
 */


#include "world.h"


#define STORE_CHUNK  3           /* deliveries that are read at a time */
#define STORE_LATER  2
#define HELD_NOT_KNOWN  UINT64_MAX


static item_t *item_create(lane_t *l, wh_queue_t *behind, int d);
static void lane_add(int i, int lane, int d);
static int store_ended(int i, unsigned fence, int d);


static item_t *
item_create(lane_t *l, wh_queue_t *behind, int d)
{
    item_t  *item;

    item = calloc(1, sizeof(item_t));
    if (item == NULL) {
        abort();
    }

    item->delivery = d;
    item->core.seq = run.deliveries[d].seq;
    item->core.progress.time = run.deliveries[d].time;

    wh_lane_insert(&l->core, &item->core, behind);

    return item;
}


void
item_free(worker_t *w, lane_t *l, item_t *item)
{
    check(!item->core.inflight, "worker %d: an item in flight is freed",
          (int) (w - workers));

    wh_lane_remove(&l->core, &item->core);

    free(item);
}


/* in the store, or by an operation of this owner that is on its way */

static int
store_ended(int i, unsigned fence, int d)
{
    const delivery_t  *one;

    one = &run.deliveries[d];

    return one->ended
           || (one->op && one->op_end && one->op_worker == i
               && one->op_fence == fence);
}


void
lane_adopt(int i, int lane)
{
    int        d;
    lane_t    *l;
    worker_t  *w;

    w = &workers[i];
    l = &w->lanes[lane];

    owners[lane].owner = i;
    owners[lane].fence++;

    memset(l, 0, sizeof(lane_t));

    wh_lane_init(&l->core, w->conf->endpoints[lane_endpoint(lane)].order
                           == WH_ORDER_NONE);

    l->mine = 1;
    l->fence = owners[lane].fence;

    trace("worker %d: lane %d is its", i, lane);

    for (d = 0; d < run.ndeliveries; d++) {

        if (delivery_lane(d) != lane || run.deliveries[d].ended) {
            continue;
        }

        run.deliveries[d].op = 0;
        oracle_forget(d);
    }

    /* some come out of the store at first, some out of the journal */

    if (one_in(2)) {
        lane_read(i, lane);
    }

    lane_notice(i, lane);
    lane_read(i, lane);

    l->ready = 1;
}


/* the journal is read on */

void
lane_notice(int i, int lane)
{
    int  d;

    for (d = 0; d < run.ndeliveries; d++) {

        if (delivery_lane(d) == lane && !run.deliveries[d].ended
            && !run.deliveries[d].moved)
        {
            lane_add(i, lane, d);
        }
    }
}


static void
lane_add(int i, int lane, int d)
{
    lane_t      *l;
    item_t      *item;
    wh_queue_t  *behind;

    l = &workers[i].lanes[lane];

    if (store_ended(i, l->fence, d)
        || wh_lane_place(&l->core, run.deliveries[d].seq, 0, 0, &behind))
    {
        return;
    }

    item = item_create(l, behind, d);

    wh_lane_list(&l->core, &item->core, 0);

    oracle_known(d);

    l->ready = 1;
}


/* the next ones of the store, in order */

void
lane_read(int i, int lane)
{
    int          d, n, here;
    lane_t      *l;
    item_t      *item;
    delivery_t  *one;
    wh_item_t   *core;
    wh_queue_t  *behind;
    uint64_t     last;

    l = &workers[i].lanes[lane];

    n = 0;
    last = 0;
    l->reading = 0;
    l->core.more = 0;
    l->ready = 1;

    for (d = 0; d < run.ndeliveries; d++) {

        one = &run.deliveries[d];

        if (delivery_lane(d) != lane || !one->moved
            || store_ended(i, l->fence, d))
        {
            continue;
        }

        core = wh_lane_place(&l->core, one->seq, 0, 1, &behind);
        here = (core != NULL);

        if (!here && n == STORE_CHUNK) {
            l->core.more = 1;
            l->core.loaded_seq = last;
            l->core.loaded_index = 0;
            return;
        }

        last = one->seq;

        if (here) {
            continue;
        }

        item = item_create(l, behind, d);

        item->core.progress = one->op ? one->op_progress : one->progress;
        item->delay = item->core.progress.planned - item->core.progress.first;
        l->core.held = HELD_NOT_KNOWN;

        wh_lane_list(&l->core, &item->core, wall(&workers[i]));

        oracle_known(d);

        n++;
    }
}


void
lane_low(int i, int lane)
{
    lane_t      *l;
    uint32_t     nmoved;
    wh_item_t   *core;
    wh_queue_t  *q;

    l = &workers[i].lanes[lane];
    nmoved = 0;

    if (!l->core.more || l->reading || l->core.nlater >= STORE_LATER) {
        return;
    }

    for (q = wh_queue_head(&l->core.items);
         q != wh_queue_sentinel(&l->core.items);
         q = wh_queue_next(q))
    {
        core = wh_queue_data(q, wh_item_t, queue);
        nmoved += (wh_lane_known(&l->core, core) && !core->later);
    }

    if (nmoved < 2) {
        l->reading = 1;
        push(EVENT_READ, pick(3), i, (unsigned) lane, workers[i].life);
    }
}


/* memory is short: one that the store has is read again when it is its turn */

void
lane_cut(int i, int lane)
{
    lane_t            *l;
    item_t            *item;
    worker_t          *w;
    wh_queue_t        *q;
    const delivery_t  *one;

    w = &workers[i];
    l = &w->lanes[lane];

    for (q = wh_queue_last(&l->core.items);
         q != wh_queue_sentinel(&l->core.items);
         q = wh_queue_prev(q))
    {
        item = wh_queue_data(q, item_t, core.queue);
        one = &run.deliveries[item->delivery];

        if (item->core.inflight || !one->moved || one->op || one_in(3)) {
            continue;
        }

        trace("worker %d: delivery %d of lane %d is not in memory", i,
              item->delivery, lane);

        wh_lane_cut(&l->core, &item->core);
        item_free(w, l, item);

        /* what it was counted by, and waited for, is not known again */

        oracle_forget((int) (one - run.deliveries));

        l->ready = 1;
        return;
    }
}


/* the lane is another one's; what is in flight is freed by its attempt */

void
lane_drop(int i, int lane)
{
    lane_t      *l;
    item_t      *item;
    attempt_t   *a;
    wh_queue_t  *q;

    l = &workers[i].lanes[lane];

    while (l->mine && !wh_queue_empty(&l->core.items)) {

        q = wh_queue_head(&l->core.items);
        item = wh_queue_data(q, item_t, core.queue);

        wh_lane_remove(&l->core, &item->core);

        for (a = run.attempts; a < run.attempts + ATTEMPTS; a++) {
            if (a->used && a->item == item) {
                a->lost = 1;
                break;
            }
        }

        if (a == run.attempts + ATTEMPTS) {
            free(item);
        }
    }

    memset(l, 0, sizeof(lane_t));
}


/* its progress, or its end */

void
store_put(int i, item_t *item, int end, wh_end_e as)
{
    int               d;
    delivery_t       *one;
    static unsigned   number;

    d = item->delivery;
    one = &run.deliveries[d];

    check(!one->ended, "delivery %d has ended in the store already", d);

    one->op = ++number;
    one->op_end = end ? 1 : 0;
    one->op_ended = as;
    one->op_progress = item->core.progress;
    one->op_worker = i;
    one->op_fence = workers[i].lanes[delivery_lane(d)].fence;

    /* the journal has one word for it, which is changed at once */

    if (end && !one->moved
        && (as == WH_END_DELIVERED || as == WH_END_DROPPED))
    {
        store_flush(d);
        return;
    }

    push(EVENT_STORE, one_in(3) ? 0 : one_in(2) ? pick(20) : pick(700), d,
         one->op, 0);
}


void
store_flush(int d)
{
    delivery_t      *one;
    const owner_t   *owner;
    const worker_t  *w;

    one = &run.deliveries[d];

    if (one->op == 0) {
        return;
    }

    owner = &owners[delivery_lane(d)];
    w = &workers[one->op_worker];

    if (owner->owner != one->op_worker || owner->fence != one->op_fence
        || w->state == PROCESS_DEAD || w->state == PROCESS_NONE)
    {
        return;
    }

    one->op = 0;
    one->progress = one->op_progress;
    one->ended = one->op_end;
    one->moved = one->op_end ? one->moved : 1;
    one->end = one->op_ended;

    oracle_stored(d);
}


/* it grows old in the journal */

void
store_move(int d)
{
    int            i, lane;
    item_t        *item;
    delivery_t    *one;
    wh_item_t     *core;
    wh_queue_t    *behind;

    one = &run.deliveries[d];
    lane = delivery_lane(d);
    i = owners[lane].owner;

    if (one->moved || one->ended || one->op || i == NOBODY
        || workers[i].state != PROCESS_RUNNING || !workers[i].lanes[lane].mine)
    {
        return;
    }

    core = wh_lane_place(&workers[i].lanes[lane].core, one->seq, 0, 0,
                         &behind);

    if (core == NULL || core->inflight) {
        return;
    }

    item = wh_queue_data(&core->queue, item_t, core.queue);

    store_put(i, item, 0, WH_END_DELIVERED);
}
