
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A lane: deliveries of one endpoint and order key.  An ordered lane sends its
 * first one until it has ended; of an unordered one whatever is due.  Time is
 * ms since the epoch.
 */


#ifndef _WH_LANE_H_INCLUDED_
#define _WH_LANE_H_INCLUDED_


#include "wh_queue.h"


/* the four ends of a delivery; numbers are stored */

typedef enum {
    WH_END_DELIVERED = 0,
    WH_END_DEAD,
    WH_END_EXPIRED,
    WH_END_DROPPED,
    WH_NEND
} wh_end_e;


/* what is known of a delivery beside its record; stored before it */

typedef struct {
    uint64_t    time;            /* of the commit */
    uint64_t    first;           /* first attempt's start */
    uint64_t    planned;         /* of the next attempt */
    uint64_t    ended;           /* dead letters only */
    uint32_t    attempts;
    uint16_t    status;          /* of the last attempt */
    uint8_t     class;
    uint8_t     end;             /* dead letters only */
    uint32_t    throttled;       /* of the attempts */
    uint64_t    held;            /* see wh_state_held() */
} wh_progress_t;


/* a delivery */

typedef struct {
    wh_queue_t     queue;        /* in its lane, by number */
    wh_queue_t     due;          /* unordered: ready or later */
    uint64_t       seq;
    uint32_t       index;
    wh_progress_t  progress;
    uint64_t       notbefore;    /* planned, but for something to be free */
    uint64_t       from;         /* it was planned then, or known since */
    unsigned       inflight:1;
    unsigned       counted:1;    /* by quotas, as its first attempt */
    unsigned       early:1;      /* captured before the clock was set back */
    unsigned       ready:1;
    unsigned       later:1;
} wh_item_t;


typedef struct {
    wh_queue_t     items;        /* by number */
    wh_queue_t     readies;      /* unordered: to be sent */
    wh_queue_t     laters;       /* ... waiting, by time */
    wh_queue_t    *placed;       /* the last insertion, or before that */
    uint32_t       nitems;
    uint32_t       nlater;
    uint32_t       inflight;
    uint64_t       held;         /* ms, as its deliveries know */
    uint64_t       seen;         /* the latest time, as they know */
    uint64_t       loaded_seq;   /* with "more": known so far */
    uint32_t       loaded_index;
    unsigned       more:1;       /* deliveries that are not here */
    unsigned       unordered:1;
    unsigned       probe:1;      /* is to send one, whose number is: */
    uint64_t       number;
} wh_lane_t;


void wh_lane_init(wh_lane_t *lane, int unordered);

/*
 * The delivery of that number, or NULL: then *behind is what it is to be
 * inserted behind.  "front": it is looked for from the front on.
 */
wh_item_t *wh_lane_place(wh_lane_t *lane, uint64_t seq, uint32_t index,
    int front, wh_queue_t **behind);

/* zeroed, but for its number; it is listed by wh_lane_list() */
void wh_lane_insert(wh_lane_t *lane, wh_item_t *item, wh_queue_t *behind);
void wh_lane_remove(wh_lane_t *lane, wh_item_t *item);

/* unordered: to the ready ones, or to those that wait, by their time */
void wh_lane_list(wh_lane_t *lane, wh_item_t *item, uint64_t now);
void wh_lane_unlist(wh_lane_t *lane, wh_item_t *item);

/* false: there may be others in front of it that are not here */
int wh_lane_known(const wh_lane_t *lane, const wh_item_t *item);

/* from this delivery on the lane is not here */
void wh_lane_cut(wh_lane_t *lane, const wh_item_t *item);

/* the first and the last one, whenever due; NULL: none, or in flight */
wh_item_t *wh_lane_head(wh_lane_t *lane);
wh_item_t *wh_lane_tail(wh_lane_t *lane);

/* the first one not in flight; NULL: none, or not known */
wh_item_t *wh_lane_oldest(wh_lane_t *lane);

/*
 * The next one to be sent at "now", which is not in flight, or NULL: then
 * *when is when there will be one, or 0.  An ordered lane of which nothing is
 * here but "more" has to be read on.
 */
wh_item_t *wh_lane_next(wh_lane_t *lane, uint64_t now, uint64_t *when);

/*
 * The endpoint was disabled for "held" ms so far: the clock of deliveries
 * stood still, their times are later by what they did not know of.  If the
 * clock was set back, what was planned in the future waits as long from now on.
 * True: a delivery has got other times.
 */
void wh_lane_shift(wh_lane_t *lane, uint64_t held, uint64_t now);
int wh_item_shift(wh_item_t *item, uint64_t held);
int wh_item_rebase(wh_item_t *item, uint64_t now);

/* an attempt begins, or is over */
void wh_item_begin(wh_lane_t *lane, wh_item_t *item);
void wh_item_finish(wh_lane_t *lane, wh_item_t *item);


#endif /* _WH_LANE_H_INCLUDED_ */
