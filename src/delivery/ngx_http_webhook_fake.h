
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A request without a client, so that nginx's upstream can be used where
 * nobody has asked for anything.  The only file that knows this trick.
 */


#ifndef _NGX_HTTP_WEBHOOK_FAKE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_FAKE_H_INCLUDED_


#include "ngx_http_webhook_module.h"


typedef struct ngx_http_webhook_fake_s  ngx_http_webhook_fake_t;

/* runs in the request: creates and starts its upstream */
typedef void (*ngx_http_webhook_fake_run_pt)(ngx_http_request_t *r,
    void *data);

/* the request has ended; called once, never after a destroy */
typedef void (*ngx_http_webhook_fake_done_pt)(void *data, ngx_int_t rc);


/*
 * The connection has no descriptor and takes no slot of worker_connections.
 * A main request that is never answered holds the one that runs.
 */

struct ngx_http_webhook_fake_s {
    ngx_connection_t               connection;
    ngx_event_t                    read;
    ngx_event_t                    write;
    ngx_http_connection_t          http;
    struct sockaddr                sockaddr;
    ngx_http_request_t            *main;
    ngx_http_post_subrequest_t     post;
    ngx_http_webhook_fake_run_pt   run;
    ngx_http_webhook_fake_done_pt  done;
    void                          *data;
};


/*
 * The configuration such requests run in: the first server's, with changes.
 * That of http {} itself is never merged and cannot be used.  After the
 * configuration was merged, with a server at least; NULL: no memory.
 */
ngx_http_conf_ctx_t *ngx_http_webhook_fake_ctx(ngx_conf_t *cf);

/*
 * "f" is zeroed memory that lives as long as "pool"; "log" has a data that
 * begins with an ngx_http_log_ctx_t.  NGX_OK, or NGX_ERROR without memory;
 * then there is nothing to destroy.
 */
ngx_int_t ngx_http_webhook_fake_create(ngx_http_webhook_fake_t *f,
    ngx_pool_t *pool, ngx_log_t *log, ngx_http_conf_ctx_t *ctx);

/*
 * The main request alone, to evaluate variables in: it is never run, and needs
 * no destroy.  NULL: no memory.
 */
ngx_http_request_t *ngx_http_webhook_fake_bare(ngx_http_webhook_fake_t *f,
    ngx_pool_t *pool, ngx_log_t *log, ngx_http_conf_ctx_t *ctx);

/* starts it: run() is called before this returns, done() perhaps, too */
void ngx_http_webhook_fake_start(ngx_http_webhook_fake_t *f);

/*
 * Ends it, if it has not ended, and gives back all but the pool.  Never from
 * inside run() or done(), nor from any callback of the upstream.
 */
void ngx_http_webhook_fake_destroy(ngx_http_webhook_fake_t *f);

/* filters that swallow what such a request would send; postconfiguration */
ngx_int_t ngx_http_webhook_fake_init(ngx_conf_t *cf);

/* what such a request is told by */
u_char *ngx_http_webhook_fake_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);

#define ngx_http_webhook_fake(r)                                              \
    ((r)->log_handler == ngx_http_webhook_fake_log_handler)


#endif /* _NGX_HTTP_WEBHOOK_FAKE_H_INCLUDED_ */
