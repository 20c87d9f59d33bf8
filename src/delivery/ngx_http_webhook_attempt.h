
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_ATTEMPT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ATTEMPT_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/* how an attempt ended; names by ngx_http_webhook_class_name() */

typedef enum {
    NGX_HTTP_WEBHOOK_SUCCESS = 0,
    NGX_HTTP_WEBHOOK_STATUS,      /* an answer that is not a success */
    NGX_HTTP_WEBHOOK_REDIRECT,    /* 3xx, never followed */
    NGX_HTTP_WEBHOOK_TIMEOUT,     /* the whole attempt took too long */
    NGX_HTTP_WEBHOOK_DNS,
    NGX_HTTP_WEBHOOK_CONNECT,
    NGX_HTTP_WEBHOOK_TLS,
    NGX_HTTP_WEBHOOK_BROKEN,      /* no complete, valid HTTP answer */
    NGX_HTTP_WEBHOOK_LOCAL,       /* no local resources: not an attempt */
    NGX_HTTP_WEBHOOK_THROTTLED,   /* 429, or 503 with Retry-After */
    NGX_HTTP_WEBHOOK_BLOCKED,     /* "addresses" forbids it */
    NGX_HTTP_WEBHOOK_CLASSES      /* how many there are */
} ngx_http_webhook_class_e;


typedef struct ngx_http_webhook_attempt_s  ngx_http_webhook_attempt_t;

typedef void (*ngx_http_webhook_attempt_pt)(ngx_http_webhook_attempt_t *a);


#define NGX_HTTP_WEBHOOK_EXCERPT  1024


/* no such time: what it is of has not come to its end */
#define NGX_HTTP_WEBHOOK_NO_TIME  ((ngx_msec_t) -1)


/*
 * One HTTP exchange with an endpoint's target.  The caller creates it, fills
 * the upper part, starts it, and reads the outcome in its handler.
 */

struct ngx_http_webhook_attempt_s {
    ngx_http_webhook_endpoint_t  *endpoint;
    ngx_pool_t                   *pool;      /* the attempt's own, see below */
    ngx_chain_t                  *request;   /* whole request: head, body */
    ngx_str_t                     id;        /* event id, for log lines */
    ngx_str_t                     event;
    ngx_str_t                     url;       /* empty: the endpoint's host */
    ngx_uint_t                    number;    /* from 1 */
    uint64_t                      time;      /* of the event, ms; 0: unknown */
    uint64_t                      started;   /* ms since the epoch */
    ngx_http_webhook_attempt_pt   handler;
    void                         *data;
    ngx_int_t                     permit;    /* the caller's, too */
    uint64_t                      probe;     /* likewise */
    ngx_queue_t                   queue;     /* likewise */
    void                         *mail;      /* instead of a request */
    wh_str_t                      record;    /* what it is made of, likewise */
    unsigned                      whole:1;   /* the answer's head is wanted */

    /* the outcome, valid in the handler */
    ngx_http_webhook_class_e      class;
    ngx_uint_t                    status;    /* 0: none was received */
    int64_t                       retry_after;  /* ms, -1: none */
    ngx_msec_t                    duration;  /* ms of all */
    ngx_msec_t                    dns_ms;    /* NO_TIME: no name to resolve */
    ngx_msec_t                    connect_ms;  /* 0: it was kept alive */
    ngx_msec_t                    tls_ms;    /* likewise; NO_TIME: no TLS */
    ngx_msec_t                    header_ms; /* to the answer's first octet */
    off_t                         sent;      /* octets */
    off_t                         received;
    ngx_str_t                     peer;      /* address; empty: none */
    unsigned                      ssl:1;
    unsigned                      reused:1;  /* connection was kept alive */
    unsigned                      failure:1; /* to be counted as one */
    ngx_str_t                     excerpt;   /* of the answer's body */
    ngx_str_t                     head;      /* of the answer, for history */

    char                         *end;       /* what follows, by the caller */

    void                         *engine;    /* private */
};


/*
 * Makes an attempt with a pool of its own.  NULL: no memory.  The pool lives
 * until the handler has returned.
 */
ngx_http_webhook_attempt_t *ngx_http_webhook_attempt_create(
    ngx_http_webhook_endpoint_t *ep, ngx_log_t *log);

/*
 * Starts it.  The handler is called exactly once, always from a later posted
 * event, never before this returns, whatever happens (also without local
 * resources).  After the handler has returned the attempt is destroyed.
 */
void ngx_http_webhook_attempt_start(ngx_http_webhook_attempt_t *a);

/* destroys one that was not started */
void ngx_http_webhook_attempt_discard(ngx_http_webhook_attempt_t *a);

/*
 * Ends one in flight without an outcome (the handler is not called), for a
 * worker that has to go.
 */
void ngx_http_webhook_attempt_abort(ngx_http_webhook_attempt_t *a);

/* ends one in flight as without local resources: the handler is called */
void ngx_http_webhook_attempt_cancel(ngx_http_webhook_attempt_t *a);

/*
 * In the handler, once: a request in which the variables of the attempt have
 * their values, and those of clients have none; for "ctx".  It lives as long
 * as the attempt.  NULL: no memory.
 */
ngx_http_request_t *ngx_http_webhook_attempt_request(
    ngx_http_webhook_attempt_t *a, ngx_http_conf_ctx_t *ctx);

/* in the handler: ms from the event to now, 0 if its time is not known */
uint64_t ngx_http_webhook_attempt_latency(ngx_http_webhook_attempt_t *a);

/* the attempt whose request it is; NULL: it is a client's */
ngx_http_webhook_attempt_t *ngx_http_webhook_attempt_get(
    ngx_http_request_t *r);

/* true when a further attempt of it may open a socket in this worker */
ngx_uint_t ngx_http_webhook_attempt_room(ngx_http_webhook_endpoint_t *ep);

/* filters that swallow the output of synthetic requests; postconfiguration */
ngx_int_t ngx_http_webhook_fake_init(ngx_conf_t *cf);

/* connection cache of the worker */
ngx_int_t ngx_http_webhook_peer_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);
void ngx_http_webhook_peer_exit_process(ngx_http_webhook_main_conf_t *wmcf);

char *ngx_http_webhook_class_name(ngx_http_webhook_class_e class);
/* the number of a class; NGX_DECLINED: there is none of that name */
ngx_int_t ngx_http_webhook_class_find(wh_str_t *name);


#endif /* _NGX_HTTP_WEBHOOK_ATTEMPT_H_INCLUDED_ */
