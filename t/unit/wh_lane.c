
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <time.h>

#include "tap.h"
#include "wh_lane.h"


#define ITEMS  8
#define RUNS   4
#define RUN    50000


static wh_item_t *put(wh_lane_t *lane, uint64_t seq, uint32_t index,
    int front);
static void order(void);
static void merge(void);
static void times(void);
static void parts(void);
static void unordered(void);
static void clocks(void);
static void set_back(void);


static wh_item_t  pool[ITEMS];
static unsigned   used;


int
main(void)
{
    order();
    merge();
    times();
    parts();
    unordered();
    clocks();
    set_back();

    return done_testing();
}


static wh_item_t *
put(wh_lane_t *lane, uint64_t seq, uint32_t index, int front)
{
    wh_item_t   *item;
    wh_queue_t  *behind;

    if (seq == 1 && index == 0) {
        used = 0;
    }

    if (wh_lane_place(lane, seq, index, front, &behind)) {
        return NULL;
    }

    item = &pool[used++];
    memset(item, 0, sizeof(wh_item_t));
    item->seq = seq;
    item->index = index;

    wh_lane_insert(lane, item, behind);

    return item;
}


/* long runs of several writers, one after the other, which interleave */

static void
merge(void)
{
    clock_t      begin, straight, merged;
    unsigned     run, i, sorted, gone;
    uint64_t     seq;
    wh_lane_t    lane;
    wh_item_t   *items, *item;
    wh_queue_t  *behind, *q;

    items = calloc(RUNS * RUN, sizeof(wh_item_t));

    wh_lane_init(&lane, 0);

    /* in their order, to compare with */

    begin = clock();

    for (i = 0; i < RUNS * RUN; i++) {
        item = &items[i];
        item->seq = i + 1;

        if (wh_lane_place(&lane, item->seq, 0, 0, &behind) == NULL) {
            wh_lane_insert(&lane, item, behind);
        }
    }

    straight = clock() - begin + 1;

    memset(items, 0, RUNS * RUN * sizeof(wh_item_t));

    wh_lane_init(&lane, 0);

    begin = clock();
    gone = 0;

    for (run = 0; run < RUNS; run++) {

        for (i = 0; i < RUN; i++) {
            item = &items[run * RUN + i];
            item->seq = 1 + (uint64_t) i * RUNS + (run * 7) % RUNS;

            if (wh_lane_place(&lane, item->seq, 0, 0, &behind) == NULL) {
                wh_lane_insert(&lane, item, behind);
            }

            /* what was placed the last may be gone for the next one */

            if (i % 1000 == 500) {
                wh_lane_remove(&lane, item);
                gone++;
            }
        }
    }

    merged = clock() - begin;

    /* one look at all of the others for each would be thousands of times */

    ok(merged < 300 * straight, "long runs are merged in one pass each");

    seq = 0;
    sorted = 0;

    for (q = wh_queue_head(&lane.items);
         q != wh_queue_sentinel(&lane.items);
         q = wh_queue_next(q))
    {
        item = wh_queue_data(q, wh_item_t, queue);

        if (item->seq > seq) {
            sorted++;
        }

        seq = item->seq;
    }

    is_int(sorted, RUNS * RUN - gone, "in order");

    ok(wh_lane_place(&lane, items[RUN].seq, 0, 0, &behind) == &items[RUN],
       "and found again");

    free(items);
}


static void
order(void)
{
    int          front;
    uint64_t     when;
    wh_lane_t    lane;
    wh_item_t   *one, *two, *three, *four;
    wh_queue_t  *behind;

    for (front = 0; front < 2; front++) {

        wh_lane_init(&lane, 0);

        one = put(&lane, 1, 0, front);
        four = put(&lane, 3, 0, front);
        three = put(&lane, 2, 1, front);
        two = put(&lane, 2, 0, front);

        ok(wh_lane_place(&lane, 2, 1, front, &behind) == three,
           "a delivery is found, from the %s", front ? "front" : "back");
        ok(lane.nitems == 4, "all are counted");

        ok(wh_lane_next(&lane, 0, &when) == one, "the first is the next");

        wh_item_begin(&lane, one);

        ok(wh_lane_next(&lane, 0, &when) == NULL && when == 0
           && wh_lane_head(&lane) == NULL,
           "none passes it while it is in flight");

        wh_item_finish(&lane, one);
        wh_lane_remove(&lane, one);

        ok(wh_lane_next(&lane, 0, &when) == two, "then the second one");

        wh_lane_remove(&lane, two);

        ok(wh_lane_next(&lane, 0, &when) == three,
           "of one record by their index");

        wh_lane_remove(&lane, three);

        ok(wh_lane_next(&lane, 0, &when) == four && wh_lane_tail(&lane)
           == four, "and the last one");

        wh_lane_remove(&lane, four);

        ok(wh_lane_next(&lane, 0, &when) == NULL && when == 0
           && wh_lane_tail(&lane) == NULL && lane.nitems == 0,
           "an empty lane has no next one");
    }
}


static void
times(void)
{
    uint64_t    when;
    wh_lane_t   lane;
    wh_item_t  *one;

    wh_lane_init(&lane, 0);

    one = put(&lane, 1, 0, 0);
    (void) put(&lane, 2, 0, 0);

    one->progress.planned = 1000;

    ok(wh_lane_next(&lane, 999, &when) == NULL && when == 1000,
       "not before its time, and nothing passes it");
    ok(wh_lane_next(&lane, 1000, &when) == one, "at its time");

    one->notbefore = 1100;

    ok(wh_lane_next(&lane, 1099, &when) == NULL && when == 1100,
       "something to be free is waited for");
    ok(wh_lane_next(&lane, 1100, &when) == one, "until its time");
    is_int((int64_t) one->progress.planned, 1000, "the schedule is the same");
}


static void
parts(void)
{
    uint64_t    when;
    wh_lane_t   lane;
    wh_item_t  *one, *two, *three;

    wh_lane_init(&lane, 0);

    one = put(&lane, 1, 0, 0);
    two = put(&lane, 2, 0, 0);
    three = put(&lane, 3, 0, 0);

    wh_lane_cut(&lane, two);
    wh_lane_remove(&lane, two);

    ok(lane.more && lane.loaded_seq == 1, "as far as it is known");
    ok(wh_lane_known(&lane, one) && !wh_lane_known(&lane, three),
       "what is behind is not");

    wh_lane_cut(&lane, three);

    ok(lane.loaded_seq == 1, "what is not known cuts nothing");

    wh_lane_remove(&lane, one);

    ok(wh_lane_next(&lane, 0, &when) == NULL && when == 0,
       "nothing is sent that others may be in front of");

    two = put(&lane, 2, 0, 1);
    lane.loaded_seq = 2;

    ok(wh_lane_next(&lane, 0, &when) == two, "what is read is its turn");

    wh_lane_cut(&lane, two);

    ok(lane.loaded_seq == 0 && wh_lane_head(&lane) == NULL,
       "a lane of which nothing is known");
}


static void
unordered(void)
{
    uint64_t    when;
    wh_lane_t   lane;
    wh_item_t  *one, *two, *three;

    wh_lane_init(&lane, 1);

    one = put(&lane, 1, 0, 0);
    two = put(&lane, 2, 0, 0);
    three = put(&lane, 3, 0, 0);

    one->progress.planned = 3000;
    two->progress.planned = 2000;

    wh_lane_list(&lane, one, 1000);
    wh_lane_list(&lane, two, 1000);
    wh_lane_list(&lane, three, 1000);

    ok(wh_lane_next(&lane, 1000, &when) == three && lane.nlater == 2,
       "what is due passes what waits");

    wh_item_begin(&lane, three);

    ok(wh_lane_next(&lane, 1999, &when) == NULL && when == 2000,
       "the earliest of those that wait");
    ok(wh_lane_next(&lane, 2000, &when) == two && when == 3000,
       "is the next at its time");

    wh_item_begin(&lane, two);

    is_int(lane.inflight, 2, "two are in flight");
    ok(wh_lane_next(&lane, 3000, &when) == one && lane.nlater == 0,
       "beside the third");

    wh_lane_remove(&lane, one);

    ok(wh_lane_next(&lane, 3000, &when) == NULL && when == 0,
       "which leaves no trace");
}


static void
clocks(void)
{
    uint64_t    when;
    wh_lane_t   lane;
    wh_item_t  *one, *two, *three;

    wh_lane_init(&lane, 1);

    one = put(&lane, 1, 0, 0);
    two = put(&lane, 2, 0, 0);
    three = put(&lane, 3, 0, 0);

    one->progress.first = 500;
    one->progress.planned = 1000;
    two->progress.first = 500;
    two->progress.planned = 1000;
    two->progress.held = 70;

    wh_lane_list(&lane, one, 0);
    wh_lane_list(&lane, two, 0);
    wh_lane_list(&lane, three, 0);

    wh_lane_shift(&lane, 100, 1000);

    ok(one->progress.first == 600 && one->progress.planned == 1100,
       "the clock stood still");
    ok(two->progress.first == 530 && two->progress.planned == 1030,
       "by what was not known of it");
    ok(three->progress.first == 0 && three->progress.planned == 0
       && three->progress.held == 100, "not what has never begun");

    wh_lane_shift(&lane, 100, 1000);

    is_int((int64_t) one->progress.planned, 1100, "once");

    wh_lane_remove(&lane, three);

    ok(wh_lane_next(&lane, 1029, &when) == NULL && when == 1030,
       "those that wait do so by their new times");

    (void) wh_item_shift(one, 40);

    ok(one->progress.planned == 1100 && one->progress.held == 40,
       "what was lost of the state moves nothing");
}


static void
set_back(void)
{
    uint64_t    when;
    wh_lane_t   lane;
    wh_item_t  *one, *two, *three, *four;

    wh_lane_init(&lane, 1);

    one = put(&lane, 1, 0, 0);
    two = put(&lane, 2, 0, 0);
    three = put(&lane, 3, 0, 0);
    four = put(&lane, 4, 0, 0);

    /* as they were stored, and planned by an attempt */

    one->progress.first = 80000;
    one->progress.planned = 102000;
    two->progress.first = 80000;
    two->progress.planned = 101000;
    two->from = 99000;
    three->progress.first = 98000;
    three->progress.planned = 103000;
    three->from = 102500;

    wh_lane_list(&lane, one, 99000);
    wh_lane_list(&lane, two, 99000);
    wh_lane_list(&lane, three, 99000);
    wh_lane_list(&lane, four, 99000);

    wh_lane_remove(&lane, four);

    lane.held = UINT64_MAX;
    wh_lane_shift(&lane, 0, 100000);
    ok(one->progress.planned == 102000 && one->from == 100000
       && three->progress.planned == 100500,
       "what was read is planned from then on, unless it is in the future");

    wh_lane_shift(&lane, 0, 50000);
    ok(two->progress.first == 31000 && two->progress.planned == 52000,
       "the clock is set back: it waits as long");
    ok(one->progress.planned == 52000 && three->progress.planned == 50500,
       "and so do others, whatever waits for whom");
    ok(wh_lane_next(&lane, 50499, &when) == NULL && when == 50500
       && wh_lane_next(&lane, 50500, &when) == three,
       "in the order of their new times");

    wh_lane_shift(&lane, 0, 50500);
    ok(one->progress.planned == 52000, "once");

    /* a clock that has stood still is no clock that was set back */

    wh_lane_shift(&lane, 20000, 70500);
    ok(two->progress.planned == 72000 && two->from == 70000,
       "times disabled are none in the future");
    wh_lane_shift(&lane, 20000, 40000);
    ok(two->progress.planned == 42000, "behind them, too");

    two->notbefore = 42500;
    one->progress.first = 0;
    one->progress.planned = 0;
    ok(wh_item_rebase(two, 10000) && two->notbefore == 12500,
       "what waits for something else does not do so for longer");
    ok(wh_item_rebase(one, 10000) && one->progress.first == 0
       && one->progress.planned == 0, "what has not begun has not begun");
    ok(!wh_item_rebase(one, 10000), "once");
}
