
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The store's interface.  Appending may answer at once or later, so that the
 * same callers serve a local journal, a flushed one, or a remote queue.
 */


#ifndef _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/* octets of the store's key */
#define NGX_HTTP_WEBHOOK_SECRET  32


typedef struct ngx_http_webhook_driver_s  ngx_http_webhook_driver_t;


/* one delivery of a request: all entries of a request commit together */

typedef struct {
    ngx_http_webhook_endpoint_t  *endpoint;
    ngx_str_t                     key;       /* order key, empty if none */
    ngx_str_t                     record;    /* see wh_delivery.h */
} ngx_http_webhook_entry_t;


/*
 * rc is NGX_OK (flushed) or NGX_BUSY (late: the commit time was over or the
 * flush failed, the entries stay queued all the same).
 */
typedef void (*ngx_http_webhook_append_pt)(void *data, ngx_int_t rc);


/*
 * Commits the entries of one request as one record.  "time" is the commit
 * time in ms since the epoch.
 *
 * NGX_OK        committed; delivery has begun
 * NGX_AGAIN     committed later: the handler is called once, never before
 *               this returns; *ticket can cancel that call
 * NGX_DECLINED  full, nothing was stored
 * NGX_BUSY      too large for one record, nothing was stored
 * NGX_ERROR     no memory, or the store is out of order (logged)
 */
ngx_int_t ngx_http_webhook_store_append(ngx_http_webhook_store_t *st,
    ngx_http_webhook_entry_t *entries, ngx_uint_t n, uint64_t time,
    ngx_http_webhook_append_pt handler, void *data, void **ticket);

/*
 * Makes an order key fit for a lane: a longer one than 255 octets becomes its
 * first 200 and its SHA-1, allocated from "pool".
 */
ngx_int_t ngx_http_webhook_store_key(ngx_pool_t *pool, ngx_str_t *key);

/*
 * The response is passed on before the flush: delivery begins, in the order
 * of responses.  The handler will be called all the same.
 */
void ngx_http_webhook_store_late(void *ticket);

/* the handler of a ticket will not be called; the entries stay committed */
void ngx_http_webhook_store_forget(void *ticket);

/*
 * full=reject: reserves "size" octets of records of one request in this
 * worker, until given back.  NGX_OK, or NGX_DECLINED when there is no room.
 */
ngx_int_t ngx_http_webhook_store_reserve(ngx_http_webhook_store_t *st,
    size_t size);
void ngx_http_webhook_store_unreserve(ngx_http_webhook_store_t *st,
    size_t size);

/*
 * overflow=reject: the same for a delivery of "size" octets in the backlog of
 * an endpoint.
 */
ngx_int_t ngx_http_webhook_store_promise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, size_t size);
void ngx_http_webhook_store_unpromise(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep, size_t size);

/* octets of the warehouse */
size_t ngx_http_webhook_store_capacity(ngx_http_webhook_store_conf_t *sc);

/* true when webhook_store says full=reject; NULL, that is none, does not */
ngx_uint_t ngx_http_webhook_store_rejects(ngx_http_webhook_store_conf_t *sc);

/* octets of records that fit into one commit, at most */
size_t ngx_http_webhook_store_max_record(ngx_http_webhook_store_t *st);

/* what is kept where, in octets, about */

typedef struct {
    uint64_t  size;              /* as it is configured */
    uint64_t  journal;
    uint64_t  journal_used;
    uint64_t  warehouse;         /* its map */
    uint64_t  warehouse_used;
    unsigned  workers;           /* worker processes that use it */
} ngx_http_webhook_usage_t;

/* no system call and no lock */
void ngx_http_webhook_store_usage(ngx_http_webhook_store_t *st,
    ngx_http_webhook_usage_t *u);

/* ms for which the same id is the same delivery */
uint64_t ngx_http_webhook_store_dedupe(ngx_http_webhook_store_t *st);


/* "webhook_store PATH [parameters]" */
char *ngx_http_webhook_store_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* checks that change nothing (postconfiguration) */
char *ngx_http_webhook_store_init_conf(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* master: locks, creates or recovers the files; "wmcf" may be NULL */
ngx_int_t ngx_http_webhook_store_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * Master, once it has the store: what is kept of an endpoint ('e') or a zone
 * ('z') by its name.  "restore" is called for each of "n"; the value is valid
 * in the call only, and NULL when there is none.
 */
typedef struct {
    u_char       type;
    ngx_str_t   *name;
    void        *data;
    ngx_uint_t   fresh;          /* the caller's */
} ngx_http_webhook_kept_t;

typedef void (*ngx_http_webhook_restore_pt)(ngx_http_webhook_kept_t *kept,
    ngx_str_t *value, ngx_log_t *log);

void ngx_http_webhook_store_states(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_kept_t *kept, ngx_uint_t n,
    ngx_http_webhook_restore_pt restore, ngx_log_t *log);

/* worker; "driver" sends, see ngx_http_webhook_lane.h */
ngx_int_t ngx_http_webhook_store_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_driver_t *driver);
void ngx_http_webhook_store_exit_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * NGX_HTTP_WEBHOOK_SECRET random octets, the same in all processes and as
 * long as the store lives, if there is a webhook_store; to sign with, not to
 * be logged or stored.
 */
u_char *ngx_http_webhook_store_secret(ngx_http_webhook_main_conf_t *wmcf);

/* cache manager and loader: gives back what was inherited from the master */
void ngx_http_webhook_store_drop_master(ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_ */
