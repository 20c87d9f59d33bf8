
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_lane.h"


#define wh_lane_item(q)  wh_queue_data(q, wh_item_t, queue)
#define wh_lane_due(q)   wh_queue_data(q, wh_item_t, due)


static int wh_item_cmp(const wh_item_t *item, uint64_t seq, uint32_t index);
static uint64_t wh_item_when(const wh_item_t *item);


void
wh_lane_init(wh_lane_t *lane, int unordered)
{
    memset(lane, 0, sizeof(wh_lane_t));

    wh_queue_init(&lane->items);
    wh_queue_init(&lane->readies);
    wh_queue_init(&lane->laters);

    lane->unordered = unordered ? 1 : 0;
}


static int
wh_item_cmp(const wh_item_t *item, uint64_t seq, uint32_t index)
{
    if (item->seq != seq) {
        return item->seq < seq ? -1 : 1;
    }

    return item->index == index ? 0 : item->index < index ? -1 : 1;
}


wh_item_t *
wh_lane_place(wh_lane_t *lane, uint64_t seq, uint32_t index, int front,
    wh_queue_t **behind)
{
    int          rc;
    wh_queue_t  *q;

    if (front) {

        for (q = wh_queue_head(&lane->items);
             q != wh_queue_sentinel(&lane->items);
             q = wh_queue_next(q))
        {
            rc = wh_item_cmp(wh_lane_item(q), seq, index);

            if (rc == 0) {
                return wh_lane_item(q);
            }

            if (rc > 0) {
                break;
            }
        }

        *behind = wh_queue_prev(q);

        return NULL;
    }

    q = wh_queue_last(&lane->items);

    if (q != wh_queue_sentinel(&lane->items)
        && wh_item_cmp(wh_lane_item(q), seq, index) > 0)
    {
        /* what several have written comes one after the other, and is long */

        q = lane->placed;

        while (q != wh_queue_last(&lane->items)
               && wh_item_cmp(wh_lane_item(wh_queue_next(q)), seq, index) <= 0)
        {
            q = wh_queue_next(q);
        }
    }

    for ( /* void */ ;
         q != wh_queue_sentinel(&lane->items);
         q = wh_queue_prev(q))
    {
        rc = wh_item_cmp(wh_lane_item(q), seq, index);

        if (rc == 0) {
            return wh_lane_item(q);
        }

        if (rc < 0) {
            break;
        }
    }

    *behind = q;

    return NULL;
}


void
wh_lane_insert(wh_lane_t *lane, wh_item_t *item, wh_queue_t *behind)
{
    wh_queue_insert_after(behind, &item->queue);

    lane->placed = &item->queue;
    lane->nitems++;
}


void
wh_lane_remove(wh_lane_t *lane, wh_item_t *item)
{
    wh_lane_unlist(lane, item);

    if (lane->placed == &item->queue) {
        lane->placed = wh_queue_prev(&item->queue);
    }

    wh_queue_remove(&item->queue);

    lane->nitems--;
}


/* something to be free is waited for, but that moves no schedule */

static uint64_t
wh_item_when(const wh_item_t *item)
{
    return item->progress.planned > item->notbefore ? item->progress.planned
                                                    : item->notbefore;
}


void
wh_lane_list(wh_lane_t *lane, wh_item_t *item, uint64_t now)
{
    wh_queue_t  *q;

    if (!lane->unordered) {
        return;
    }

    if (wh_item_when(item) <= now) {
        wh_queue_insert_tail(&lane->readies, &item->due);
        item->ready = 1;
        return;
    }

    for (q = wh_queue_last(&lane->laters);
         q != wh_queue_sentinel(&lane->laters);
         q = wh_queue_prev(q))
    {
        if (wh_item_when(wh_lane_due(q)) <= wh_item_when(item)) {
            break;
        }
    }

    wh_queue_insert_after(q, &item->due);
    item->later = 1;
    lane->nlater++;
}


void
wh_lane_unlist(wh_lane_t *lane, wh_item_t *item)
{
    if (item->ready || item->later) {
        wh_queue_remove(&item->due);
        lane->nlater -= item->later;
        item->ready = 0;
        item->later = 0;
    }
}


int
wh_lane_known(const wh_lane_t *lane, const wh_item_t *item)
{
    return !lane->more
           || wh_item_cmp(item, lane->loaded_seq, lane->loaded_index) <= 0;
}


void
wh_lane_cut(wh_lane_t *lane, const wh_item_t *item)
{
    wh_item_t   *prev;
    wh_queue_t  *q;

    if (!wh_lane_known(lane, item)) {
        return;
    }

    lane->more = 1;
    lane->loaded_seq = 0;
    lane->loaded_index = 0;

    q = wh_queue_prev(&item->queue);

    if (q != wh_queue_sentinel(&lane->items)) {
        prev = wh_lane_item(q);
        lane->loaded_seq = prev->seq;
        lane->loaded_index = prev->index;
    }
}


wh_item_t *
wh_lane_head(wh_lane_t *lane)
{
    wh_item_t  *item;

    if (wh_queue_empty(&lane->items)) {
        return NULL;
    }

    item = wh_lane_item(wh_queue_head(&lane->items));

    return (item->inflight || !wh_lane_known(lane, item)) ? NULL : item;
}


wh_item_t *
wh_lane_tail(wh_lane_t *lane)
{
    wh_item_t  *item;

    if (wh_queue_empty(&lane->items)) {
        return NULL;
    }

    item = wh_lane_item(wh_queue_last(&lane->items));

    return item->inflight ? NULL : item;
}


wh_item_t *
wh_lane_oldest(wh_lane_t *lane)
{
    wh_item_t   *item;
    wh_queue_t  *q;

    /* as many are in flight as may be at once */

    for (q = wh_queue_head(&lane->items);
         q != wh_queue_sentinel(&lane->items);
         q = wh_queue_next(q))
    {
        item = wh_lane_item(q);

        if (!item->inflight) {
            return wh_lane_known(lane, item) ? item : NULL;
        }
    }

    return NULL;
}


wh_item_t *
wh_lane_next(wh_lane_t *lane, uint64_t now, uint64_t *when)
{
    wh_item_t  *item;

    *when = 0;

    if (!lane->unordered) {

        item = wh_lane_head(lane);

        if (item && wh_item_when(item) > now) {
            *when = wh_item_when(item);
            return NULL;
        }

        return item;
    }

    while (!wh_queue_empty(&lane->laters)) {

        item = wh_lane_due(wh_queue_head(&lane->laters));

        if (wh_item_when(item) > now) {
            *when = wh_item_when(item);
            break;
        }

        wh_lane_unlist(lane, item);
        wh_lane_list(lane, item, now);
    }

    if (wh_queue_empty(&lane->readies)) {
        return NULL;
    }

    return wh_lane_due(wh_queue_head(&lane->readies));
}


void
wh_lane_shift(wh_lane_t *lane, uint64_t held, uint64_t now)
{
    uint64_t     seen;
    wh_item_t   *item;
    wh_queue_t  *q;

    seen = lane->seen;
    lane->seen = now;

    if (lane->held == held && seen <= now) {
        return;
    }

    lane->held = held;

    for (q = wh_queue_head(&lane->items);
         q != wh_queue_sentinel(&lane->items);
         q = wh_queue_next(q))
    {
        item = wh_lane_item(q);

        if ((wh_item_shift(item, held) | wh_item_rebase(item, now))
            && (item->ready || item->later))
        {
            wh_lane_unlist(lane, item);
            wh_lane_list(lane, item, now);
        }

        item->from = item->from ? item->from : now;
    }
}


int
wh_item_shift(wh_item_t *item, uint64_t held)
{
    int       shifted;
    uint64_t  ms;

    shifted = 0;

    if (item->progress.first && held > item->progress.held) {
        ms = held - item->progress.held;

        item->progress.first += ms;
        item->progress.planned += ms;
        item->from += item->from ? ms : 0;

        shifted = 1;
    }

    item->progress.held = held;

    return shifted;
}


int
wh_item_rebase(wh_item_t *item, uint64_t now)
{
    uint64_t        from, ahead;
    wh_progress_t  *progress;

    progress = &item->progress;

    from = item->from ? item->from : progress->first;

    if (from <= now) {
        return 0;
    }

    ahead = from - now;

    progress->first -= progress->first < ahead ? progress->first : ahead;
    progress->planned -= progress->planned < ahead ? progress->planned : ahead;

    item->notbefore -= item->notbefore < ahead ? item->notbefore : ahead;
    item->from = now;

    return 1;
}


void
wh_item_begin(wh_lane_t *lane, wh_item_t *item)
{
    wh_lane_unlist(lane, item);

    item->inflight = 1;
    lane->inflight++;
}


void
wh_item_finish(wh_lane_t *lane, wh_item_t *item)
{
    item->inflight = 0;
    lane->inflight--;
}
