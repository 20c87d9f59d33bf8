
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The warehouse: LMDB, for what lives longer than the journal.  All keys
 * stand in one unnamed database, told apart by their first octet:
 *
 *     'q' shard (2) name length (1) name key length (1) key seq (8) index (2)
 *         a queued delivery
 *     'd' time (8) seq (8) index (2)
 *         a dead letter; its value holds the 'q' key it had
 *     's' 'e' or 'z' name
 *         what is known of an endpoint or of a zone: failures, and whether it
 *         is disabled; see wh_kept.h
 *     'h' time (8) slot (2) number (4)
 *         an attempt, see wh_row.h
 *     'x' and the rest of an 'h' key
 *         what was sent and what came back, likewise
 *     'i' name length (1) name, and the rest of an 'h' key
 *         attempts of an endpoint; no value
 *     'b' and 'r' seq (8) index (2)
 *         a delivery's body as it was captured; how many attempts refer to it
 *     'n' name
 *         how many deliveries of an endpoint are queued here, and their octets
 *     'm' a word
 *         version, epoch, number of dead letters, number and octets of
 *         attempts, whether 'n' is there
 *
 * Numbers in keys are big-endian, so that keys sort by lane and then by
 * sequence.  Everything here runs in a thread-pool task or in the master,
 * never in a worker's event loop; writing and reading is done by one process
 * at a time, under a lock of the kernel that is only ever tried.
 */


#ifndef _NGX_HTTP_WEBHOOK_WAREHOUSE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_WAREHOUSE_H_INCLUDED_


#include "ngx_http_webhook_module.h"
#include "wh_backlog.h"
#include "wh_journal.h"
#include "wh_kept.h"
#include "wh_lane.h"

#include <lmdb.h>


#define NGX_HTTP_WEBHOOK_KEY_SIZE       (1 + 2 + 1 + WH_NAME_MAX + 1          \
                                         + WH_KEY_MAX + 8 + 2)
#define NGX_HTTP_WEBHOOK_VALUE_VERSION  3
#define NGX_HTTP_WEBHOOK_STORE_VERSION  1


typedef enum {
    NGX_HTTP_WEBHOOK_OP_PUT = 0,     /* queued delivery, new or changed */
    NGX_HTTP_WEBHOOK_OP_DELETE,      /* queued delivery has ended */
    NGX_HTTP_WEBHOOK_OP_BURY,        /* ... and becomes a dead letter */
    NGX_HTTP_WEBHOOK_OP_STATE        /* of no shard: a state, or windows */
} ngx_http_webhook_op_e;


typedef struct ngx_http_webhook_op_s  ngx_http_webhook_op_t;

struct ngx_http_webhook_op_s {
    ngx_http_webhook_op_t           *next;
    ngx_http_webhook_op_e            type;
    unsigned                         shard;
    uint32_t                         fence;     /* must still be the shard's */
    ngx_int_t                        rc;        /* out */
    size_t                           keylen;
    u_char                           key[NGX_HTTP_WEBHOOK_KEY_SIZE];
    wh_progress_t                    progress;
    wh_state_t                       state;     /* not over a newer one */
    uint64_t                         changes;   /* likewise */
    u_char                          *newer;     /* out: its record, or NULL */
    size_t                           newerlen;
    u_char                          *data;      /* the record */
    size_t                           len;
    void                            *item;      /* the caller's */
    void                            *endpoint;  /* likewise, see backlog */
    size_t                           size;      /* likewise */
    unsigned                         tried:1;   /* likewise */
};

/*
 * op->rc: NGX_OK; NGX_DECLINED: the shard is not ours any more; NGX_ABORT: not
 * written, there is a newer state, which the caller has to free(); NGX_BUSY: no
 * room; NGX_ERROR: not done, logged.
 */


/* a delivery read from the warehouse; allocated by ngx_alloc() */

typedef struct ngx_http_webhook_loaded_s  ngx_http_webhook_loaded_t;

struct ngx_http_webhook_loaded_s {
    ngx_http_webhook_loaded_t       *next;
    unsigned                         shard;
    ngx_str_t                        name;
    ngx_str_t                        key;
    uint64_t                         seq;
    uint32_t                         index;
    unsigned                         more:1;    /* the lane has more behind */
    wh_progress_t                    progress;
    size_t                           len;
    u_char                          *data;
};


/* what a visit changes for a name; allocated by malloc() */

typedef struct ngx_http_webhook_change_s  ngx_http_webhook_change_t;

struct ngx_http_webhook_change_s {
    ngx_http_webhook_change_t       *next;
    wh_amount_t                      change;
    wh_amount_t                      now;       /* all of the name */
    ngx_str_t                        name;
    u_char                           text[WH_NAME_MAX];
};


/* deliveries of a name that nobody knows; allocated by malloc() */

typedef struct ngx_http_webhook_stray_s  ngx_http_webhook_stray_t;

struct ngx_http_webhook_stray_s {
    ngx_http_webhook_stray_t        *next;
    ngx_str_t                        name;
    ngx_uint_t                       n;
    unsigned                         most:1;    /* there are more */
};


/* one visit: writes, then reads; made in the loop, run in a thread */

typedef struct ngx_http_webhook_visit_s  ngx_http_webhook_visit_t;

struct ngx_http_webhook_visit_s {
    ngx_http_webhook_op_t           *ops;

    u_char                          *shards;    /* WH_SHARDS flags, or NULL */
    u_char                          *present;   /* out: those with deliveries */

    /* with "present", when not NULL: tells names from unknown ones */
    ngx_uint_t                     (*known)(ngx_http_webhook_visit_t *v,
                                            ngx_str_t *name);
    ngx_http_webhook_stray_t        *strays;    /* out */

    u_char                           lane[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           lanelen;   /* read on behind this key */

    /* lanes of these shards from a key on, as far as they are due */
    u_char                          *partial;   /* WH_SHARDS flags, or NULL */
    u_char                          *skipped;   /* out: with lanes left out */
    u_char                           from[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           fromlen;   /* in and out; 0: the first */
    uint64_t                         due;       /* ms since the epoch */

    ngx_uint_t                       most;      /* deliveries of a lane */
    size_t                           budget;    /* octets to load, about */
    ngx_uint_t                       relieve;   /* purge, and look how full */

    /*
     * Reads only, although somebody is inside and has stopped there: what he
     * has not committed is still open in the journal.
     */
    ngx_uint_t                       unlocked;

    struct ngx_http_webhook_job_s   *job;       /* NULL: none, ..._job.h */
    struct ngx_http_webhook_keep_s  *rows;      /* of the history; likewise */
    ngx_uint_t                       nrows;     /* out: that were written */
    unsigned                         committed:1;  /* out */
    unsigned                         full:1;    /* out: only deleting was */
    unsigned                         behind:1;  /* out: more to be trimmed */

    /*
     * Alone in the warehouse: what was changed, behind the commit; and with
     * "counts" what there is of each name, the last one is NULL.
     */
    void                           (*changed)(ngx_http_webhook_visit_t *v);
    ngx_str_t                     *(*name)(ngx_http_webhook_visit_t *v,
                                           ngx_uint_t i);
    void                           (*count)(ngx_http_webhook_visit_t *v,
                                            ngx_uint_t i, wh_amount_t *now);
    ngx_uint_t                       counts;
    ngx_http_webhook_change_t       *changes;

    /* between writing and reading, when not NULL */
    void                           (*inside)(ngx_http_webhook_visit_t *v);
    void                            *data;

    ngx_http_webhook_loaded_t       *loaded;    /* out, in order of keys */
    ngx_http_webhook_loaded_t      **last;
    size_t                           size;      /* out: octets loaded */
    ngx_uint_t                       loaded_more;  /* lane: more behind */
    ngx_int_t                        rc;        /* out */
    ngx_uint_t                       purged;    /* out: dead letters */
    uint64_t                         used;      /* out: octets; 0: unknown */
};

/*
 * visit->rc: NGX_OK; NGX_AGAIN: another process is inside, nothing was done;
 * NGX_ERROR: logged, nothing was done, or with "committed" all but the reading.
 */


typedef struct {
    MDB_env                         *env;      /* NULL: cannot be opened */
    MDB_dbi                          dbi;
    u_char                          *dir;
    size_t                           size;      /* of the map */
    int                              lock;      /* file of kernel locks */
    unsigned                         slot;
    wh_journal_t                    *journal;
    ngx_uint_t                       dead_count;   /* limits; 0: none */
    ngx_msec_t                       dead_time;
    ngx_uint_t                       history_count;   /* likewise */
    ngx_msec_t                       history_time;
    size_t                           history_size;
    pthread_mutex_t                 *remap;     /* held by who reads beside */
    ngx_log_t                       *log;
} ngx_http_webhook_warehouse_t;


/*
 * Master, at a start with no other process attached: opens or creates the
 * database in a directory, sets a damaged one aside, checks its version and
 * advances the epoch, which is put into *epoch (at least "least").  NGX_OK;
 * NGX_ERROR, logged.  *damaged is incremented for what was set aside.
 */
ngx_int_t ngx_http_webhook_warehouse_create(u_char *dir, size_t size,
    uint64_t least, uint64_t *epoch, uint64_t *damaged, ngx_log_t *log);

/* worker; the name of the directory has to live as long */
ngx_int_t ngx_http_webhook_warehouse_open(ngx_http_webhook_warehouse_t *w,
    u_char *dir);
void ngx_http_webhook_warehouse_close(ngx_http_webhook_warehouse_t *w);

/*
 * Master: reads states, the worker processes of others may write meanwhile.
 * NULL: there is no database that could be read.  The value of a key ('s')
 * is valid until the end.  NGX_DECLINED: there is none.
 */
typedef struct ngx_http_webhook_reader_s  ngx_http_webhook_reader_t;

ngx_http_webhook_reader_t *ngx_http_webhook_warehouse_reader(u_char *dir,
    size_t size, ngx_log_t *log);
ngx_int_t ngx_http_webhook_warehouse_reader_get(ngx_http_webhook_reader_t *rd,
    u_char *key, size_t len, ngx_str_t *value);
void ngx_http_webhook_warehouse_reader_done(ngx_http_webhook_reader_t *rd);

/* the 's' key of an endpoint ('e') or of a zone ('z'); returns its length */
size_t ngx_http_webhook_warehouse_state_key(u_char *key, u_char type,
    ngx_str_t *name);

/* runs in a thread */
void ngx_http_webhook_warehouse_visit(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v);

/*
 * True: the delivery is there already.  Within visit->inside() only, which
 * may ask many times between a begin, NULL if it fails, and an end.
 */
MDB_txn *ngx_http_webhook_warehouse_look(ngx_http_webhook_warehouse_t *w);
ngx_uint_t ngx_http_webhook_warehouse_has(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, u_char *key, size_t len);
void ngx_http_webhook_warehouse_looked(MDB_txn *txn);

/* octets of a delivery with a record of "len", in all */
#define ngx_http_webhook_warehouse_size(namelen, keylen, len)                 \
    (1 + 2 + 1 + (namelen) + 1 + (keylen) + 10                                \
     + sizeof(ngx_http_webhook_stored_t) + (len))

/* the 'q' key of a delivery; returns its length */
size_t ngx_http_webhook_warehouse_key(u_char *key, unsigned shard,
    ngx_str_t *name, ngx_str_t *lane, uint64_t seq, uint32_t index);

void ngx_http_webhook_loaded_free(ngx_http_webhook_loaded_t *loaded);
void ngx_http_webhook_strays_free(ngx_http_webhook_stray_t *strays);


/* between the files of the warehouse */

/*
 * Before a record, in the machine's order; all integers are checked on use.
 * Version 1 ended before progress.throttled, version 2 before progress.held.
 */

typedef struct {
    uint32_t                         version;
    uint32_t                         keylen;    /* of a dead letter's 'q' key */
    wh_progress_t                    progress;
} ngx_http_webhook_stored_t;

/* of either version; returns the size it has there, 0: it is none */
size_t ngx_http_webhook_warehouse_head(MDB_val *value,
    ngx_http_webhook_stored_t *head);
ngx_int_t ngx_http_webhook_warehouse_open_env(u_char *dir, size_t size,
    MDB_env **env, MDB_dbi *dbi, int *rc);
int ngx_http_webhook_warehouse_get_number(MDB_txn *txn, MDB_dbi dbi,
    char *name, uint64_t *n);
int ngx_http_webhook_warehouse_put_number(MDB_txn *txn, MDB_dbi dbi,
    char *name, uint64_t n);
void ngx_http_webhook_put_be(u_char *p, uint64_t n, ngx_uint_t size);
uint64_t ngx_http_webhook_get_be(u_char *p, ngx_uint_t size);
/* octets of pages in use, without those that can be reused */
uint64_t ngx_http_webhook_warehouse_used(MDB_txn *txn, MDB_dbi dbi);
ngx_int_t ngx_http_webhook_warehouse_read(
    ngx_http_webhook_warehouse_t *w, ngx_http_webhook_visit_t *v);
/*
 * A transaction, also when another process has made the database larger, or
 * after an error that LMDB does not get over by itself.
 */
int ngx_http_webhook_warehouse_begin(ngx_http_webhook_warehouse_t *w,
    unsigned flags, MDB_txn **txn);

/*
 * What there is of a name: changed in the transaction that changes it, by its
 * 'q' key, or counted once in a database that was made before that was done.
 * An error of LMDB, or 0.
 */
int ngx_http_webhook_warehouse_change(ngx_http_webhook_visit_t *v,
    u_char *key, int events, int64_t octets);
int ngx_http_webhook_warehouse_count_put(MDB_txn *txn, MDB_dbi dbi,
    ngx_http_webhook_visit_t *v);
int ngx_http_webhook_warehouse_count_all(MDB_txn *txn, MDB_dbi dbi);
/* all that v->name() has; errors are logged */
void ngx_http_webhook_warehouse_counts(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v);
void ngx_http_webhook_changes_free(ngx_http_webhook_visit_t *v);


#endif /* _NGX_HTTP_WEBHOOK_WAREHOUSE_H_INCLUDED_ */
