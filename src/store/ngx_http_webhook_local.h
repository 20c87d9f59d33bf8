
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The local store's inside: shared by the files of this room only.
 */


#ifndef _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_


#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_lease.h"
#include "ngx_http_webhook_stop.h"

#include "wh_claim.h"

#include <ngx_thread_pool.h>


#define NGX_HTTP_WEBHOOK_TICK          500    /* ms */
#define NGX_HTTP_WEBHOOK_STALL         3000   /* ms without a sign of life */
#define NGX_HTTP_WEBHOOK_MOVE_AGE      1000   /* ms in the journal alone */
#define NGX_HTTP_WEBHOOK_LANE_LOADED   64     /* deliveries of a lane */
#define NGX_HTTP_WEBHOOK_LANE_LOW      16
#define NGX_HTTP_WEBHOOK_LANE_LATER    1024   /* order none: waiting ones */
#define NGX_HTTP_WEBHOOK_DUE           2000   /* ms ahead of a lane's time */
#define NGX_HTTP_WEBHOOK_HELD_UNKNOWN  UINT64_MAX   /* of a lane */
#define NGX_HTTP_WEBHOOK_VISIT_OPS     1024
#define NGX_HTTP_WEBHOOK_VISIT_SIZE    (4 * 1024 * 1024)


struct ngx_http_webhook_store_conf_s {
    ngx_str_t                        path;
    u_char                          *file;
    ngx_uint_t                       line;
    size_t                           size;
    size_t                           journal;
    size_t                           seg_size;
    uint32_t                         nsegs;
    ngx_uint_t                       always;
    ngx_uint_t                       reject;
    ngx_msec_t                       commit_timeout;
    ngx_uint_t                       dead_count;
    ngx_msec_t                       dead_time;
    size_t                           claims;
    uint64_t                         dedupe;    /* ms */
    uint64_t                         since;     /* in force, ms */
    ngx_uint_t                       claims_ready;
    ngx_thread_pool_t               *pool;
    int                              lock;      /* the master's */
    u_char                           secret[NGX_HTTP_WEBHOOK_SECRET];
};


/* a shard as its owner sees it */

typedef struct {
    ngx_queue_t                      lanes;
    ngx_uint_t                       nitems;    /* in its lanes */
    ngx_uint_t                       nbusy;     /* attempts, operations */
    uint64_t                         news;      /* known, of the shard */
    uint32_t                         fence;
    unsigned                         owned:1;
    unsigned                         loading:1;
    unsigned                         adopt:1;   /* to be loaded */
    unsigned                         partial:1; /* lanes are not in memory */
    unsigned                         whole:1;   /* none was left out lately */
    unsigned                         kept:1;    /* of no endpoint: stays ours */
} ngx_http_webhook_shard_t;


/* a delivery found in the journal while adopting */

typedef struct ngx_http_webhook_found_s  ngx_http_webhook_found_t;

struct ngx_http_webhook_found_s {
    ngx_http_webhook_found_t        *next;
    wh_view_t                        view;      /* without the payload */
    ngx_uint_t                       stored;    /* in the warehouse, too */
    uint64_t                         value;
    u_char                           text[WH_NAME_MAX + WH_KEY_MAX];
};


typedef struct {
    ngx_http_webhook_visit_t         visit;
    ngx_http_webhook_store_t        *store;
    u_char                           shards[WH_SHARDS];
    u_char                           present[WH_SHARDS];
    u_char                           partial[WH_SHARDS];
    u_char                           skipped[WH_SHARDS];
    uint32_t                         fences[WH_SHARDS];
    ngx_http_webhook_found_t        *found;
    ngx_http_webhook_lane_t         *lane;      /* being read on */
    uint64_t                         seq;       /* ... behind this */
    uint32_t                         index;
    unsigned                         nomem:1;
} ngx_http_webhook_turn_t;


/* a delivery that has ended while the warehouse was read */

typedef struct {
    uint64_t                         seq;
    uint32_t                         index;
} ngx_http_webhook_ended_t;


/* sync=always: a record between append and flush */

typedef struct ngx_http_webhook_ticket_s  ngx_http_webhook_ticket_t;
typedef struct ngx_http_webhook_range_s  ngx_http_webhook_range_t;

struct ngx_http_webhook_ticket_s {
    ngx_queue_t                      queue;
    ngx_queue_t                      hidden;     /* until it is published */
    wh_ref_t                         ref;
    ngx_event_t                      timer;
    ngx_http_webhook_append_pt       handler;
    void                            *data;
    ngx_http_webhook_store_t        *store;
    unsigned                         published:1;
    unsigned                         flushing:1;
};


struct ngx_http_webhook_store_s {
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_store_conf_t   *conf;
    ngx_http_webhook_driver_t       *driver;
    ngx_log_t                       *log;

    void                            *map;
    size_t                           map_size;
    wh_journal_t                     journal;
    wh_writer_t                      writer;
    wh_cursor_t                      cursors[WH_SLOTS];

    wh_claim_t                       claims;    /* head is NULL: none */
    uint64_t                         claims_since;   /* ns, of a spin */

    unsigned                         slot;
    int                              lock;
    int                              wakes[WH_SLOTS];  /* their FIFOs */
    int                              fifo;
    ngx_connection_t                *fifo_connection;

    ngx_http_webhook_shard_t         shards[WH_SHARDS];
    ngx_rbtree_t                     lanes;
    ngx_rbtree_node_t                sentinel;
    ngx_queue_t                      age;
    ngx_queue_t                      ready;     /* lanes to be driven */
    ngx_queue_t                      reading;   /* lanes to be read on */
    ngx_queue_t                      aging;     /* endpoints, see oldest */
    ngx_http_webhook_endpoint_t     *unsettled; /* likewise, see backlog */

    ngx_event_t                      tick;
    ngx_event_t                      bury;
    unsigned                         buried;    /* a slot, 0: none */
    ngx_event_t                      drive;     /* posted: scan and send */
    ngx_event_t                      soon;      /* posted: posts that one */

    ngx_http_webhook_warehouse_t     warehouse;
    ngx_thread_task_t               *task;
    ngx_http_webhook_turn_t         *turn;      /* its context */
    ngx_http_webhook_op_t           *ops;
    ngx_http_webhook_op_t          **ops_last;
    ngx_event_t                      again;     /* the warehouse was taken */
    ngx_msec_t                       again_since;
    ngx_event_t                      hold;      /* of the exit: operations */
    ngx_event_t                      gather;    /* of what is not urgent */
    ngx_uint_t                       ticks;
    ngx_http_webhook_stray_t        *strays;    /* those warned about */

    struct ngx_http_webhook_job_s   *jobs;      /* of operators, that write */
    struct ngx_http_webhook_job_s  **jobs_last;
    struct ngx_http_webhook_job_s   *reads;     /* likewise, that read */
    struct ngx_http_webhook_job_s  **reads_last;
    struct ngx_http_webhook_keep_s  *rows;      /* of the history */
    struct ngx_http_webhook_keep_s **rows_last;
    size_t                           rows_size;
    ngx_uint_t                       rows_lost;

    ngx_uint_t                       purged;      /* since it was told */
    ngx_msec_t                       purged_told;
    pthread_mutex_t                  remap;     /* see ..._warehouse_t */

    ngx_queue_t                      tickets;   /* to be flushed next */
    ngx_queue_t                      flushing;
    ngx_queue_t                      hidden;    /* of both, in their order */
    ngx_http_webhook_range_t        *gone;      /* of segments, to be flushed */
    ngx_uint_t                       ngone;
    uint32_t                         gone_next;
    ngx_thread_task_t               *flush;
    ngx_http_webhook_ended_t        *ended;     /* since a turn has begun */
    ngx_uint_t                       nended;
    ngx_uint_t                       nended_max;

    ngx_http_webhook_lane_t         *driven;
    size_t                           ops_size;  /* of those operations */
    size_t                           memory;    /* of moved deliveries */
    u_char                           from[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           fromlen;   /* where a slice goes on */
    ngx_uint_t                       slices;    /* number of the last one */
    ngx_uint_t                       adopted;   /* shards not told of yet */

    unsigned                         busy:1;    /* a turn is in flight */
    unsigned                         urgent:1;  /* the next one is, too */
    unsigned                         blind:1;   /* "ended" is not complete */
    unsigned                         flush_busy:1;
    unsigned                         leaving:1;
    unsigned                         orphans:1; /* there may be some */
    unsigned                         sweep:1;   /* the warehouse, once */
    unsigned                         names:1;   /* ... for unknown names, too */
    unsigned                         relieve:1; /* what is too much goes */
    unsigned                         slice:1;   /* look for lanes left out */
    unsigned                         stuck:1;   /* the alert was given */
    unsigned                         counts:1;  /* backlogs are to be read */
    unsigned                         settling:1;   /* they change as one */
    unsigned                         unlocked:1;   /* adopt all the same */
    unsigned                         news:1;    /* of some shards */
};


/* ..._store_open.c */
ngx_int_t ngx_http_webhook_store_open(ngx_http_webhook_store_conf_t *sc,
    ngx_core_conf_t *ccf, ngx_log_t *log);

/* ..._store_secret.c */

/*
 * Reads the key of the store into sc->secret, or makes one; "first": there
 * could not have been one.
 */
ngx_int_t ngx_http_webhook_store_secret_open(ngx_http_webhook_store_conf_t *sc,
    ngx_uint_t first, ngx_log_t *log);

/* ..._claim_open.c: the master's; "cold": nobody uses the store yet */
void ngx_http_webhook_claims_create(ngx_http_webhook_store_conf_t *sc,
    ngx_uint_t cold, ngx_log_t *log);

/* ..._claim.c: a worker's; the slot is entered before it is called live */
void ngx_http_webhook_claims_open(ngx_http_webhook_store_t *st);
void ngx_http_webhook_claims_enter(ngx_http_webhook_store_t *st,
    unsigned slot);

/* ..._store.c */
void ngx_http_webhook_publish(ngx_http_webhook_store_t *st, wh_ref_t *ref);

/* ..._shard.c */

/* an idle shard, or an orphan, is ours with this fence from now on */
void ngx_http_webhook_shard_taken(ngx_http_webhook_store_t *st,
    unsigned shard, uint32_t fence);
/* what is in memory of it is dropped; it belongs to somebody else */
void ngx_http_webhook_shard_lose(ngx_http_webhook_store_t *st,
    unsigned shard);
/* back to everybody, with all that is open in it */
void ngx_http_webhook_shard_give_up(ngx_http_webhook_store_t *st,
    unsigned shard);
/* is it still ours?  If not it is lost on the spot, with all its lanes */
ngx_uint_t ngx_http_webhook_shard_mine(ngx_http_webhook_store_t *st,
    unsigned shard);
/* NGX_OK: all that the others had published is known; NGX_AGAIN: later */
ngx_int_t ngx_http_webhook_scan(ngx_http_webhook_store_t *st);
/* one record, for a shard that was just taken */
void ngx_http_webhook_look(ngx_http_webhook_store_t *st, wh_ref_t *ref,
    unsigned shard);
void ngx_http_webhook_drive_handler(ngx_event_t *ev);
void ngx_http_webhook_soon_handler(ngx_event_t *ev);

/* ..._lane.c */
void ngx_http_webhook_lanes_init(ngx_http_webhook_store_t *st);
/* made when it is not there; NULL: no memory */
ngx_http_webhook_lane_t *ngx_http_webhook_lane_get(
    ngx_http_webhook_store_t *st, unsigned shard, wh_str_t *name,
    wh_str_t *key, ngx_uint_t slice);
/* in memory already, and not by this very slice of the warehouse */
ngx_uint_t ngx_http_webhook_lane_known_by(ngx_http_webhook_store_t *st,
    ngx_http_webhook_loaded_t *loaded, ngx_uint_t slice);
void ngx_http_webhook_lane_free(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
/* is it time to read on? */
ngx_uint_t ngx_http_webhook_lane_low(ngx_http_webhook_lane_t *lane);
/* how many deliveries out of the warehouse it may keep in memory */
ngx_uint_t ngx_http_webhook_lane_room(ngx_http_webhook_lane_t *lane);

/* ..._item.c */

/* what is taken up has just been captured, or was another worker's before */
typedef enum {
    NGX_HTTP_WEBHOOK_CAPTURED = 0,
    NGX_HTTP_WEBHOOK_ADOPTED,
    NGX_HTTP_WEBHOOK_ADOPTED_STORED    /* the warehouse counts it already */
} ngx_http_webhook_origin_e;

void ngx_http_webhook_enqueue(ngx_http_webhook_store_t *st, wh_view_t *v,
    ngx_http_webhook_origin_e origin);
void ngx_http_webhook_load(ngx_http_webhook_store_t *st,
    ngx_http_webhook_loaded_t *loaded, ngx_uint_t slice);
ngx_int_t ngx_http_webhook_item_word(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, unsigned state);
void ngx_http_webhook_item_unlink(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
void ngx_http_webhook_item_free(ngx_http_webhook_item_t *item);
void ngx_http_webhook_item_charge(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
void ngx_http_webhook_item_moved(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);

/* ..._backlog.c */
void ngx_http_webhook_backlog_init(ngx_http_webhook_store_t *st);
/*
 * This worker's part, where it is once the endpoint is in use: workers do not
 * write to all endpoints, whose memory is that of the master.  Also by a thread.
 */
wh_part_t *ngx_http_webhook_backlog_part(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);
/* a delivery that is in the journal alone, until it ends, moves or is lost */
void ngx_http_webhook_backlog_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
void ngx_http_webhook_backlog_leave(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
/* one that has ended, until it is gone from the warehouse; "ep" may be NULL */
void ngx_http_webhook_backlog_deduct(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op, ngx_http_webhook_endpoint_t *ep, size_t size);
void ngx_http_webhook_backlog_deducted(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op);
/* one more that this worker promises, or, below zero, one less */
void ngx_http_webhook_backlog_promise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, int64_t events, int64_t octets);
/* a visit: what has changed; all names; and what follows is done */
void ngx_http_webhook_backlog_changed(ngx_http_webhook_visit_t *v);
ngx_str_t *ngx_http_webhook_backlog_name(ngx_http_webhook_visit_t *v,
    ngx_uint_t i);
void ngx_http_webhook_backlog_count(ngx_http_webhook_visit_t *v,
    ngx_uint_t i, wh_amount_t *now);
void ngx_http_webhook_backlog_settle(ngx_http_webhook_store_t *st);

/* ..._oldest.c */
/* a delivery has come to its lane; the lane goes away */
void ngx_http_webhook_oldest_come(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
void ngx_http_webhook_oldest_forget(ngx_http_webhook_lane_t *lane);
/* the others are told */
void ngx_http_webhook_oldest_tell(ngx_http_webhook_store_t *st);

/* ..._turn.c */
ngx_int_t ngx_http_webhook_turn_init(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_start(ngx_http_webhook_store_t *st);
/* for what is not urgent, and yet to be done */
void ngx_http_webhook_turn_gather(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
/* what has ended is not to be taken for new, should it have been read before */
void ngx_http_webhook_turn_ended(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item);
ngx_uint_t ngx_http_webhook_turn_has_ended(ngx_http_webhook_store_t *st,
    uint64_t seq, uint32_t index);
/* dead letters that were dropped; "last": all of them, whenever it was told */
void ngx_http_webhook_turn_tell(ngx_http_webhook_store_t *st,
    ngx_uint_t last);

/* ..._turn_op.c */

/* an exit waits so long for operations that make no progress */
#define NGX_HTTP_WEBHOOK_TURN_HOLD  5000      /* ms */

/* a small payload is the least of it */
#define ngx_http_webhook_turn_size(op)                                        \
    (sizeof(ngx_http_webhook_op_t) + (op)->len)

void ngx_http_webhook_turn_op(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, ngx_http_webhook_op_e type);
/* what is in the journal alone for too long, or when segments run short */
void ngx_http_webhook_turn_move(ngx_http_webhook_store_t *st);
/* after a turn: all that it was given, or a single one */
void ngx_http_webhook_turn_ops_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v);
void ngx_http_webhook_turn_op_done(ngx_http_webhook_store_t *st,
    ngx_http_webhook_op_t *op);

/* ..._turn_read.c: asked for before a turn, made in it, taken over after it */
void ngx_http_webhook_turn_slice(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_walk(ngx_http_webhook_visit_t *v);
ngx_uint_t ngx_http_webhook_turn_known(ngx_http_webhook_visit_t *v,
    ngx_str_t *name);
void ngx_http_webhook_turn_adopted(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_lane_done(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_sliced(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_room(ngx_http_webhook_store_t *st);
void ngx_http_webhook_turn_swept(ngx_http_webhook_store_t *st);

/* ..._flush.c */
ngx_int_t ngx_http_webhook_flush_init(ngx_http_webhook_store_t *st);
ngx_http_webhook_ticket_t *ngx_http_webhook_flush_ticket(
    ngx_http_webhook_store_t *st, ngx_http_webhook_append_pt handler,
    void *data);
void ngx_http_webhook_flush_add(ngx_http_webhook_store_t *st,
    ngx_http_webhook_ticket_t *t, wh_ref_t *ref);

/* ..._worker.c */
void ngx_http_webhook_wake(void *data, unsigned slot);
void ngx_http_webhook_adopt(ngx_http_webhook_store_t *st);


#endif /* _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_ */
