
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What operators ask of the warehouse: in threads, in slices, each in a
 * transaction of its own.  Reading is done beside the turns of the worker, and
 * never waits for anybody; writing is a part of them.
 */


#ifndef _NGX_HTTP_WEBHOOK_JOB_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_JOB_H_INCLUDED_


#include "ngx_http_webhook_warehouse.h"
#include "wh_query.h"
#include "wh_row.h"


#define NGX_HTTP_WEBHOOK_DEAD_KEY     18    /* octets behind 'd' */
#define NGX_HTTP_WEBHOOK_ATTEMPT_KEY  14    /* likewise 'h' */


typedef struct ngx_http_webhook_job_s  ngx_http_webhook_job_t;


/* where a job is done */

typedef struct {
    ngx_http_webhook_warehouse_t    *warehouse;
    MDB_txn                         *txn;
    MDB_dbi                          dbi;
    ngx_http_webhook_visit_t        *visit;     /* NULL: it only reads */
    uint64_t                        *dead;      /* likewise */
    ngx_uint_t                       fill;      /* percent; likewise */
} ngx_http_webhook_inside_t;


struct ngx_http_webhook_job_s {

    /*
     * In a thread: one slice; a code of LMDB's.  It may be called again for
     * the same slice, should that not have been committed.
     */
    int                            (*run)(ngx_http_webhook_job_t *job,
                                          ngx_http_webhook_inside_t *in);

    /*
     * In the event loop, always later than the call that began it.  Of a job
     * that writes after each slice, with "more" it may be written again.
     */
    void                           (*done)(ngx_http_webhook_job_t *job);
    void                            *data;      /* the caller's */

    ngx_int_t                        rc;
    unsigned                         more:1;    /* out of run: not all of it */
    unsigned                         tells:1;   /* it may put deliveries */

    /* private */
    ngx_http_webhook_store_t        *store;
    ngx_http_webhook_job_t          *next;
    ngx_msec_t                       since;
    ngx_thread_task_t               *task;
};

/*
 * job->rc: NGX_OK; NGX_DECLINED: it is full, nothing was done; NGX_BUSY: the
 * warehouse could not be had in time, nothing was done; NGX_ERROR: likewise,
 * logged.
 */

/* the job has to live until it is done; NGX_ERROR: no memory, it is not */
ngx_int_t ngx_http_webhook_job_read(ngx_http_webhook_store_t *st,
    ngx_http_webhook_job_t *job, ngx_pool_t *pool);
void ngx_http_webhook_job_write(ngx_http_webhook_store_t *st,
    ngx_http_webhook_job_t *job);


/* dead letters, and deliveries that wait; texts are of the transaction */

typedef struct {
    u_char                          *key;       /* what names it */
    size_t                           keylen;
    ngx_str_t                        name;
    ngx_str_t                        lane;
    uint64_t                         seq;
    wh_progress_t                    progress;
    wh_str_t                         record;
    wh_str_t                         event;
    wh_str_t                         id;
} ngx_http_webhook_letter_t;


/* a page of what is there */

typedef struct ngx_http_webhook_page_s  ngx_http_webhook_page_t;

struct ngx_http_webhook_page_s {
    ngx_http_webhook_job_t           job;       /* must be first */
    wh_filter_t                      filter;

    /* where the page begins, without the first octet; a single one's, too */
    u_char                           from[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           fromlen;   /* in and out; 0: at the end */

    ngx_uint_t                       limit;
    ngx_uint_t                       found;     /* out */
    ngx_uint_t                       looked;    /* out */
    unsigned                         single:1;
    unsigned                         end:1;     /* out: there is no more */

    /* in the thread, for each; 0 or a code of LMDB's that ends it all */
    int                            (*letter)(ngx_http_webhook_page_t *page,
                                         ngx_http_webhook_letter_t *letter);
    int                            (*row)(ngx_http_webhook_page_t *page,
                                          u_char *key, wh_row_t *row,
                                          wh_row_more_t *more, wh_str_t *body);
    void                            *data;
};

/* "run" of a page: dead letters, the latest first; or one of them */
int ngx_http_webhook_dead_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);

/* "run": what waits of an endpoint, filter.endpoint, in the order of keys */
int ngx_http_webhook_queue_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);

/* "run": attempts, the latest first; or one, with all that is kept of it */
int ngx_http_webhook_history_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);


/*
 * Attempts in the order in which they were written, behind one of them: what
 * follows the history.
 */

typedef struct ngx_http_webhook_tail_s  ngx_http_webhook_tail_t;

struct ngx_http_webhook_tail_s {
    ngx_http_webhook_job_t           job;       /* must be first */
    wh_filter_t                      filter;

    /* in and out: the last one that was looked at */
    u_char                           from[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];

    ngx_uint_t                       limit;     /* to open: from the end */
    ngx_uint_t                       found;     /* out: of these, or more */
    unsigned                         resumes:1; /* to open: "from" is given */
    unsigned                         strict:1;  /* ... all behind it, or gap */
    unsigned                         gap:1;     /* out: some were missed */
    unsigned                         looks:1;   /* private: back from "to" */
    u_char                           to[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];

    /*
     * In the thread, for each; "row" is NULL for some that are gone before
     * they were read.  NGX_OK; NGX_DONE: no more for now; NGX_ERROR: no memory.
     */
    ngx_int_t                      (*row)(ngx_http_webhook_tail_t *tail,
                                          u_char *key, wh_row_t *row);
    void                            *data;
};

/*
 * "run": where to begin, at the end or, should that be later, before the last
 * "limit" ones that match.  After it with job.more it is to be run again.
 */
int ngx_http_webhook_tail_open(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);

/* "run": those that follow; the same with job.more */
int ngx_http_webhook_tail_read(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);


/* names of deliveries that wait, and belong to no endpoint */

typedef struct {
    ngx_http_webhook_job_t           job;       /* must be first */
    ngx_http_webhook_main_conf_t    *main;
    ngx_http_webhook_stray_t        *strays;    /* out; the caller frees them */
    u_char                           from[NGX_HTTP_WEBHOOK_KEY_SIZE + 1];
    size_t                           fromlen;
} ngx_http_webhook_orphans_t;

int ngx_http_webhook_orphans_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);


/* what is done to dead letters, or to those of no endpoint */

typedef struct {
    ngx_http_webhook_job_t           job;       /* must be first */
    ngx_http_webhook_main_conf_t    *main;
    wh_filter_t                      filter;

    ngx_http_webhook_endpoint_t     *to;        /* moved; NULL: its own one */
    unsigned                         orphans:1; /* not dead letters */
    unsigned                         purge:1;   /* not to be sent again */
    unsigned                         single:1;
    unsigned                         full:1;    /* out: no room for more */

    u_char                           from[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           fromlen;   /* 0: the first */
    ngx_uint_t                       limit;

    /* out */
    ngx_uint_t                       done;      /* in all slices */
    ngx_uint_t                       unknown;   /* have no endpoint */
    ngx_uint_t                      *dropped;   /* of each endpoint, or NULL */

    /* private, of the slice */
    ngx_uint_t                       ndone;
    ngx_uint_t                       nunknown;
    u_char                           to_key[NGX_HTTP_WEBHOOK_KEY_SIZE];
    size_t                           to_len;
    u_char                           shards[WH_SHARDS];
    ngx_uint_t                      *ndropped;
} ngx_http_webhook_resend_t;

int ngx_http_webhook_resend_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);

/* in "done": adds the slice up, and tells the owners of shards */
void ngx_http_webhook_resend_told(ngx_http_webhook_store_t *st,
    ngx_http_webhook_resend_t *rs);


/* attempts are taken out of the history */

typedef struct {
    ngx_http_webhook_job_t           job;       /* must be first */
    wh_filter_t                      filter;
    u_char                           from[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    size_t                           fromlen;
    ngx_uint_t                       done;      /* out, in all slices */
    unsigned                         single:1;

    /* private, of the slice */
    ngx_uint_t                       ndone;
    u_char                           to[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    size_t                           tolen;
} ngx_http_webhook_forget_t;

int ngx_http_webhook_forget_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in);


/*
 * Deliveries of an endpoint that are in this worker's journal alone, which is
 * for about a second: their number, as far as it looks, which is not far.
 */
ngx_uint_t ngx_http_webhook_store_unmoved(ngx_http_webhook_store_t *st,
    ngx_str_t *name);


/* a sequence number, for what is not in the store */
uint64_t ngx_http_webhook_store_number(ngx_http_webhook_store_t *st);


/* between the files of the warehouse */

/* the last key below one; a code of LMDB's */
int ngx_http_webhook_warehouse_below(MDB_cursor *cur, u_char *below,
    size_t len, MDB_val *key, MDB_val *value);

/* parts of a 'q' key, or of that of a dead letter's value */
ngx_int_t ngx_http_webhook_warehouse_parts(u_char *key, size_t len,
    ngx_http_webhook_letter_t *letter);

/* in a turn's transaction */
int ngx_http_webhook_job_inside(ngx_http_webhook_warehouse_t *w, MDB_txn *txn,
    ngx_http_webhook_visit_t *v, uint64_t *dead, ngx_uint_t fill);


/* for the turns of a worker */

void ngx_http_webhook_job_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v);
void ngx_http_webhook_job_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_visit_t *v);

/* a shard has got deliveries that its owner does not know of */
void ngx_http_webhook_news(ngx_http_webhook_store_t *st);
ngx_uint_t ngx_http_webhook_news_of(ngx_http_webhook_store_t *st,
    unsigned shard);


#endif /* _NGX_HTTP_WEBHOOK_JOB_H_INCLUDED_ */
