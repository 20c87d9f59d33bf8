
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


typedef struct ngx_http_webhook_lane_s  ngx_http_webhook_lane_t;
typedef struct ngx_http_webhook_item_s  ngx_http_webhook_item_t;


/* a delivery in memory */

struct ngx_http_webhook_item_s {
    ngx_queue_t                   queue;      /* in its lane, by sequence */
    ngx_queue_t                   age;        /* not yet in the warehouse */
    ngx_queue_t                   due;        /* order none: ready or later */
    ngx_http_webhook_lane_t      *lane;       /* NULL: lost to another owner */

    uint64_t                      seq;
    uint32_t                      index;
    uint32_t                      fence;

    wh_ref_t                      ref;        /* in the journal, unless moved */
    uint64_t                     *word;
    uint64_t                      value;      /* of the word, as we know it */

    u_char                       *data;       /* in memory, when moved */
    size_t                        len;

    ngx_http_webhook_progress_t   progress;
    ngx_msec_t                    created;
    ngx_uint_t                    nops;       /* operations that refer to it */
    size_t                        charged;    /* octets of memory, when moved */

    unsigned                      moved:1;    /* lives in the warehouse */
    unsigned                      moving:1;   /* on its way there */
    unsigned                      changed:1;  /* since then */
    unsigned                      inflight:1;
    unsigned                      ended:1;
    unsigned                      buried:1;   /* will be a dead letter */
    unsigned                      aged:1;     /* in the age queue */
    unsigned                      ready:1;    /* in the lane's ready queue */
    unsigned                      later:1;    /* in the lane's later queue */
};


struct ngx_http_webhook_lane_s {
    ngx_str_node_t                node;       /* name, NUL, key */
    ngx_queue_t                   queue;      /* in its shard */
    ngx_queue_t                   items;      /* by sequence */
    ngx_queue_t                   readies;    /* order none: to be sent */
    ngx_queue_t                   laters;     /* ... waiting, by time */
    ngx_uint_t                    nitems;
    ngx_uint_t                    nlater;
    ngx_uint_t                    nmoved;     /* of them in the warehouse */
    unsigned                      shard;
    ngx_str_t                     name;
    ngx_str_t                     key;

    ngx_http_webhook_endpoint_t  *endpoint;   /* NULL: not configured */

    uint64_t                      loaded_seq; /* with "more": known so far */
    uint32_t                      loaded_index;
    ngx_queue_t                   readied;    /* to be driven */
    ngx_queue_t                   reading;    /* to be read on */
    unsigned                      more:1;     /* deliveries not in memory */
    unsigned                      unordered:1;
    unsigned                      ready:1;
    unsigned                      read:1;     /* in the reading queue */
    ngx_uint_t                    slice;      /* that has brought it, or 0 */

    /* the driver's */
    ngx_uint_t                    inflight;
    ngx_event_t                   timer;
    ngx_queue_t                   wait;       /* for a permit or a socket */
    uint64_t                      held;       /* ms, as its deliveries know */
    unsigned                      waiting:1;
    unsigned                      holding:1;  /* its endpoint is disabled */
    unsigned                      probe:1;    /* is to send one */
};


/* who drives the lanes; given to the store with its opening */

struct ngx_http_webhook_driver_s {
    /* sends what may be sent of a lane; called whenever it may have changed */
    void   (*drive)(ngx_http_webhook_store_t *st,
                    ngx_http_webhook_lane_t *lane);

    /* a lane goes away: its timer and its place in a waiting list, too */
    void   (*forget)(ngx_http_webhook_lane_t *lane);

    /* another worker has given a permit back, perhaps */
    void   (*wake)(ngx_http_webhook_store_t *st);

    /* this worker ends gracefully */
    void   (*leave)(ngx_http_webhook_store_t *st);

    /* what ngx_http_webhook_store_state() was given; NGX_OK, or again later */
    void   (*stored)(void *data, u_char type, uint64_t number,
                     ngx_int_t rc);

    /* the permits of a stopped or dead worker are void */
    void   (*bury)(ngx_http_webhook_store_t *st, unsigned slot);
};


/*
 * The next delivery to be sent "now" (ms since the epoch), or NULL: then
 * *planned is when one will be, or 0.  None that is in flight.
 */
ngx_http_webhook_item_t *ngx_http_webhook_lane_next(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane,
    uint64_t now, uint64_t *planned);

/* the first one in memory, whenever it is due; NULL: none, or in flight */
ngx_http_webhook_item_t *ngx_http_webhook_lane_head(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane);

/* the last one, likewise; there may be more in front of it */
ngx_http_webhook_item_t *ngx_http_webhook_lane_tail(
    ngx_http_webhook_store_t *st, ngx_http_webhook_lane_t *lane);

/*
 * The endpoint was disabled for "held" ms so far: the clock of deliveries
 * stood still, their times are later by what they did not know of.
 */
void ngx_http_webhook_lane_shift(ngx_http_webhook_lane_t *lane,
    uint64_t held, uint64_t now);
ngx_uint_t ngx_http_webhook_item_shift(ngx_http_webhook_item_t *item,
    uint64_t held);

/*
 * The delivery's record, copied into "pool".  NGX_OK; NGX_DECLINED: it is not
 * ours any more (the item is gone then); NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_item_copy(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_pool_t *pool, wh_str_t *record);

/* an attempt begins or is over; "deadline" is in monotonic ms */
void ngx_http_webhook_item_begin(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_msec_t deadline);
void ngx_http_webhook_item_finish(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/*
 * The delivery has ended; the item is gone after that.  NGX_OK, or
 * NGX_DECLINED when it had been taken over: then nothing has ended.
 */
ngx_int_t ngx_http_webhook_item_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_end_e end);

/* an attempt is over, and another one is planned; its progress is kept */
void ngx_http_webhook_item_retry(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/* the same, without an attempt to keep */
void ngx_http_webhook_item_wait(ngx_http_webhook_item_t *item);

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
 * Keeps a state, or the windows of a zone ('z') or an endpoint ('e'), by its
 * name; "number" is the second word of what "pack" writes, and a newer one is
 * not written over.  The driver is told of the end.  NGX_ERROR: no memory.
 */
typedef size_t (*ngx_http_webhook_pack_pt)(void *data, u_char *p);

ngx_int_t ngx_http_webhook_store_state(ngx_http_webhook_store_t *st,
    u_char type, ngx_str_t *name, uint64_t number, size_t size,
    ngx_http_webhook_pack_pt pack, void *data);

/* wakes the workers beside this one */
void ngx_http_webhook_store_wake_all(ngx_http_webhook_store_t *st);

/* the configuration that the store was opened with */
ngx_http_webhook_main_conf_t *ngx_http_webhook_store_main(
    ngx_http_webhook_store_t *st);

/* ms since the epoch, as of this turn of the loop */
uint64_t ngx_http_webhook_store_now(void);

/* this worker's slot */
unsigned ngx_http_webhook_store_slot(ngx_http_webhook_store_t *st);


#endif /* _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_ */
