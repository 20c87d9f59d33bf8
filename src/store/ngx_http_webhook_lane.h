
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lanes, as the worker that owns them sees them.  A lane is (endpoint, order
 * key); its deliveries are sent in the order of their sequence numbers.  What
 * is sent when is the driver's matter (delivery), what is there and whose it
 * is that of the store.
 */


#ifndef _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_


#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_warehouse.h"
#include "ngx_http_webhook_zone.h"

#include "wh_lane.h"


typedef struct ngx_http_webhook_lane_s  ngx_http_webhook_lane_t;
typedef struct ngx_http_webhook_item_s  ngx_http_webhook_item_t;


/* what a lane may wait for, beside time */

typedef enum {
    NGX_HTTP_WEBHOOK_WAIT_NOTHING = 0,
    NGX_HTTP_WEBHOOK_WAIT_ROOM,      /* a socket, or memory */
    NGX_HTTP_WEBHOOK_WAIT_PERMIT,    /* of its endpoint */
    NGX_HTTP_WEBHOOK_WAIT_ENABLED,   /* its endpoint to be enabled */
    NGX_HTTP_WEBHOOK_WAIT_RATE       /* its endpoint's rate */
} ngx_http_webhook_wait_e;


/* a delivery in memory */

struct ngx_http_webhook_item_s {
    wh_item_t                     core;       /* what the scheduler knows */
    ngx_queue_t                   age;        /* not yet in the warehouse */
    ngx_http_webhook_lane_t      *lane;       /* NULL: lost to another owner */

    uint32_t                      fence;

    wh_ref_t                      ref;        /* in the journal, unless moved */
    uint64_t                     *word;
    uint64_t                      value;      /* of the word, as we know it */

    u_char                       *data;       /* in memory, when moved */
    size_t                        len;

    ngx_msec_t                    created;
    ngx_uint_t                    nops;       /* operations that refer to it */
    size_t                        charged;    /* octets of memory, when moved */
    size_t                        size;       /* octets in the backlog */

    unsigned                      moved:1;    /* lives in the warehouse */
    unsigned                      moving:1;   /* on its way there */
    unsigned                      changed:1;  /* since then */
    unsigned                      ended:1;
    unsigned                      buried:1;   /* will be a dead letter */
    unsigned                      aged:1;     /* in the age queue */
    unsigned                      counted:1;  /* in the backlog, by us */
    unsigned                      fresh:1;    /* captured, see overflow */
};


#define ngx_http_webhook_item(item)                                           \
    wh_queue_data(item, ngx_http_webhook_item_t, core)


struct ngx_http_webhook_lane_s {
    ngx_str_node_t                node;       /* name, NUL, key */
    wh_lane_t                     core;       /* what the scheduler knows */
    ngx_queue_t                   queue;      /* in its shard */
    ngx_uint_t                    nmoved;     /* deliveries in the warehouse */
    unsigned                      shard;
    ngx_str_t                     name;
    ngx_str_t                     key;

    ngx_http_webhook_endpoint_t  *endpoint;   /* NULL: not configured */

    ngx_queue_t                   readied;    /* to be driven */
    ngx_queue_t                   reading;    /* to be read on */
    ngx_rbtree_node_t             age;        /* among its endpoint's */
    wh_amount_t                   fresh;      /* what was captured, and ... */
    ngx_http_webhook_item_t      *judged;     /* ... the first one of it */
    unsigned                      ready:1;
    unsigned                      read:1;     /* in the reading queue */
    unsigned                      aging:1;    /* "age" is in use */
    ngx_uint_t                    slice;      /* that has brought it, or 0 */

    /* the driver's */
    ngx_event_t                   timer;
    ngx_queue_t                   wait;       /* in a list of those ... */
    ngx_http_webhook_wait_e       waiting;    /* that wait for the same */
    unsigned                      turn:1;     /* it has waited for the rate */
};


/* who drives the lanes; given to the store with its opening */

struct ngx_http_webhook_driver_s {
    /* sends what may be sent of a lane; called whenever it may have changed */
    void   (*drive)(ngx_http_webhook_store_t *st,
                    ngx_http_webhook_lane_t *lane);

    /* a lane goes away: its timer and its place in a waiting list, too */
    void   (*forget)(ngx_http_webhook_lane_t *lane);

    /* another worker has something to tell: a permit, a transition */
    void   (*wake)(ngx_http_webhook_store_t *st);

    /* this worker ends gracefully */
    void   (*leave)(ngx_http_webhook_store_t *st);

    /*
     * What ngx_http_webhook_store_state() was given, and the number of the
     * state.  NGX_OK; NGX_ABORT: it was not written, there is a newer one, its
     * record in *newer, or empty without memory; otherwise again later.
     */
    void   (*stored)(void *data, u_char type, uint64_t number, ngx_int_t rc,
                     ngx_str_t *newer);

    /*
     * The permits of a stopped or dead worker are void, and what it knows of
     * backlogs; before its shards are anybody's.  NGX_AGAIN: not all of them,
     * it is to be called again for the same, and for no other meanwhile.
     */
    ngx_int_t
           (*bury)(ngx_http_webhook_store_t *st, unsigned slot);
};


/*
 * True when the lane that is driven may be sent from: it is ours, and all of
 * it is known as far as it is in memory.  If not, it may not exist any more.
 */
ngx_uint_t ngx_http_webhook_lane_usable(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/* the same of any other lane, which is there afterwards, too */
ngx_uint_t ngx_http_webhook_lane_peek(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/* more of it is brought into memory, if it has more; or if it is short of it */
void ngx_http_webhook_lane_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
void ngx_http_webhook_lane_fill(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/*
 * The delivery's record, copied into "pool".  NGX_OK; NGX_DECLINED: it is not
 * ours any more (the item is gone then); NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_item_copy(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_pool_t *pool, wh_str_t *record);

/* an attempt begins or is over, "deadline" is in monotonic ms */
void ngx_http_webhook_item_begin(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_msec_t deadline);
void ngx_http_webhook_item_finish(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/*
 * The delivery has ended; the item is gone after that.  NGX_OK, or
 * NGX_DECLINED when it had been taken over: then nothing has ended.
 */
ngx_int_t ngx_http_webhook_item_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, wh_end_e end);

/* an attempt is over, and another one is planned: its progress is kept */
void ngx_http_webhook_item_keep(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/* frees an item that was lost during an attempt (item->lane is NULL) */
void ngx_http_webhook_item_lost(ngx_http_webhook_item_t *item);

/* shards without work are given back; after a lane was worked on */
void ngx_http_webhook_lane_settle(ngx_http_webhook_store_t *st,
    unsigned shard);

/* true while the lane that is driven has not been lost meanwhile */
ngx_uint_t ngx_http_webhook_lane_alive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/* to be driven in the next turn of the loop */
void ngx_http_webhook_lane_ready(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/*
 * Keeps what is in *kept, of a zone ('z') or an endpoint ('e'), by its name, as
 * it is now.  A newer state is not written over.  The driver is told of the
 * end, with "data".  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_store_state(ngx_http_webhook_store_t *st,
    u_char type, ngx_str_t *name, wh_kept_t *kept, void *data);

/*
 * The backlog of an endpoint, over all workers; commit time of its oldest
 * delivery, 0: none, or not known as yet.
 */
void ngx_http_webhook_store_backlog(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, wh_amount_t *total);
uint64_t ngx_http_webhook_store_oldest(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);

/*
 * Lanes of an endpoint that are in memory here, by the age of what is in
 * them, about: the first one is exactly that.  NULL: there is none.
 */
ngx_http_webhook_lane_t *ngx_http_webhook_oldest_lane(
    ngx_http_webhook_endpoint_t *ep);
ngx_http_webhook_lane_t *ngx_http_webhook_oldest_next(
    ngx_http_webhook_lane_t *lane);

/*
 * A delivery that was captured is no matter for overflow any more.  If it was
 * moved meanwhile it may leave the memory, and the lane with it, which is not
 * alive then.
 */
void ngx_http_webhook_item_judged(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/* wakes the workers beside this one */
void ngx_http_webhook_store_wake_all(ngx_http_webhook_store_t *st);

/* the configuration that the store was opened with */
ngx_http_webhook_main_conf_t *ngx_http_webhook_store_main(
    ngx_http_webhook_store_t *st);

/* ms since the epoch, as of this turn of the loop */
uint64_t ngx_http_webhook_store_now(void);

/* this worker's slot; the process that was the last one in a slot */
unsigned ngx_http_webhook_store_slot(ngx_http_webhook_store_t *st);
uint32_t ngx_http_webhook_store_pid(ngx_http_webhook_store_t *st,
    unsigned slot);


#endif /* _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_ */
