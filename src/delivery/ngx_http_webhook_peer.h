
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The choice of a peer, and the worker's caches: idle connections and TLS
 * sessions, both by addresses and TLS identity.
 */


#ifndef _NGX_HTTP_WEBHOOK_PEER_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_PEER_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_target.h"


typedef struct ngx_http_webhook_peers_s  ngx_http_webhook_peers_t;


/* of the last try, when it is over; see ngx_http_webhook_attempt_t */

typedef struct {
    ngx_msec_t                     tcp;       /* end of it; 0: not yet */
    ngx_msec_t                     first;     /* octet of the answer; 0: none */
    ngx_msec_t                     connect;
    ngx_msec_t                     tls;
    ngx_msec_t                     header;
    off_t                          sent;
    off_t                          received;
    ngx_str_t                      name;
} ngx_http_webhook_peer_times_t;


/*
 * The attempt's side.  The module's context of a request whose upstream is an
 * endpoint's begins with it.  The upper part is filled in beforehand.
 */

typedef struct {
    ngx_http_webhook_endpoint_t   *endpoint;
    ngx_http_webhook_target_t      target;
    ngx_http_webhook_peers_t      *peers;
    ngx_log_t                     *log;
    ngx_http_upstream_resolved_t   resolved;  /* naddrs 0: by the upstream */

    ngx_http_webhook_class_e       class;     /* of the last failure */

    ngx_http_upstream_t           *upstream;
    void                          *data;      /* of the balancer */
    ngx_event_get_peer_pt          get;
    ngx_event_free_peer_pt         free;

    struct sockaddr               *sockaddr;
    socklen_t                      socklen;
    ngx_str_t                     *name;

    ngx_uint_t                     log_level;
    ngx_http_webhook_peer_times_t  times;

    unsigned                       timedout:1;  /* set by the attempt */
    unsigned                       refused:1;   /* by us: the last address */
    unsigned                       unbound:1;   /* from "bind": no socket */
    unsigned                       reused:1;    /* a kept connection is used */
    unsigned                       again:1;     /* the same peer once more */
    unsigned                       fresh:1;     /* no kept connection now */
    unsigned                       quiet:1;
    unsigned                       early:1;     /* answered, and not asked */
} ngx_http_webhook_peer_t;


/* for ngx_http_upstream_srv_conf_t.peer.init of an endpoint's own one */
ngx_int_t ngx_http_webhook_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us);

/* as of an attempt without any try */
void ngx_http_webhook_peer_times_init(ngx_http_webhook_peer_times_t *t);

/* the first octets of an answer are there: errors are errors again */
void ngx_http_webhook_peer_answers(ngx_http_webhook_peer_t *p);

/*
 * An attempt of the endpoint begins and ends.  NGX_DECLINED: it has its share
 * of the worker's sockets, or the worker has no connections to spare.
 */
ngx_int_t ngx_http_webhook_peer_enter(ngx_http_webhook_peers_t *peers,
    ngx_http_webhook_endpoint_t *ep);
void ngx_http_webhook_peer_leave(ngx_http_webhook_peers_t *peers,
    ngx_http_webhook_endpoint_t *ep);

/* how long an attempt of it took, in ms */
void ngx_http_webhook_peer_pace(ngx_http_webhook_endpoint_t *ep,
    ngx_msec_t duration);


#endif /* _NGX_HTTP_WEBHOOK_PEER_H_INCLUDED_ */
