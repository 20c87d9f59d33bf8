
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_peer.h"
#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_tls.h"
#include "ngx_http_webhook_zone.h"
#include "ngx_http_webhook_waiting.h"


#define NGX_HTTP_WEBHOOK_IDLE_MAX       64
#define NGX_HTTP_WEBHOOK_IDLE_PER_KEY   16
#define NGX_HTTP_WEBHOOK_IDLE_TIME      60000
#define NGX_HTTP_WEBHOOK_IDLE_REQUESTS  1000
#define NGX_HTTP_WEBHOOK_IDLE_AGE       3600000

#define NGX_HTTP_WEBHOOK_SESSIONS       128

#define NGX_HTTP_WEBHOOK_HOST_MAX       254

#define NGX_HTTP_WEBHOOK_SLOW           1000    /* ms of an attempt */

#define NGX_HTTP_WEBHOOK_PACE_UNKNOWN   0
#define NGX_HTTP_WEBHOOK_PACE_QUICK     1
#define NGX_HTTP_WEBHOOK_PACE_SLOW      2


/* where connections and sessions may be used: never anywhere else */

typedef struct {
    void                       *tls;
    size_t                      hostlen;    /* 0: it is part of "tls" */
    u_char                      host[NGX_HTTP_WEBHOOK_HOST_MAX];
    socklen_t                   socklen;
    ngx_sockaddr_t              sockaddr;
    socklen_t                   locallen;   /* 0: any */
    ngx_sockaddr_t              local;
} ngx_http_webhook_peer_key_t;


typedef struct {
    ngx_queue_t                 queue;
    ngx_http_webhook_peer_key_t key;
    ngx_connection_t           *connection;
    ngx_http_webhook_peers_t   *peers;
} ngx_http_webhook_idle_t;


#if (NGX_HTTP_SSL)

typedef struct {
    ngx_queue_t                 queue;
    ngx_http_webhook_peer_key_t key;
    ngx_ssl_session_t          *session;    /* NULL: unused */
} ngx_http_webhook_session_t;

#endif


struct ngx_http_webhook_peers_s {
    ngx_uint_t                  max;        /* sockets, idle ones too */
    ngx_uint_t                  active;
    ngx_uint_t                  slow;       /* of them, to slow endpoints */
    ngx_uint_t                  nidle;

    ngx_queue_t                 idle;       /* the latest used first */
    ngx_queue_t                 free;
    ngx_http_webhook_idle_t     items[NGX_HTTP_WEBHOOK_IDLE_MAX];

#if (NGX_HTTP_SSL)
    ngx_queue_t                 sessions;   /* the latest used first */
    ngx_http_webhook_session_t  session[NGX_HTTP_WEBHOOK_SESSIONS];
#endif
};


static ngx_int_t ngx_http_webhook_peer_get(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_webhook_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static void ngx_http_webhook_peer_revive(ngx_http_webhook_peer_t *p);

static ngx_int_t ngx_http_webhook_peer_refuse(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc);
static ngx_int_t ngx_http_webhook_peer_key(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc, ngx_http_webhook_peer_key_t *key);
static ngx_uint_t ngx_http_webhook_peer_key_equal(
    ngx_http_webhook_peer_key_t *a, ngx_http_webhook_peer_key_t *b);
static ngx_connection_t *ngx_http_webhook_peer_cached(
    ngx_http_webhook_peer_t *p, ngx_peer_connection_t *pc);
static ngx_int_t ngx_http_webhook_peer_keep(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc);
static ngx_uint_t ngx_http_webhook_peer_pending(ngx_connection_t *c);
static void ngx_http_webhook_peer_room(ngx_http_webhook_peers_t *peers);
static void ngx_http_webhook_peer_drop(ngx_http_webhook_idle_t *item);
static void ngx_http_webhook_peer_idle_handler(ngx_event_t *ev);
static void ngx_http_webhook_peer_dummy_handler(ngx_event_t *ev);
static void ngx_http_webhook_peer_close(ngx_connection_t *c);
static void ngx_http_webhook_peer_aloud(ngx_http_webhook_peer_t *p);
static void ngx_http_webhook_peer_measure(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc);
static ngx_uint_t ngx_http_webhook_peer_share(
    ngx_http_webhook_peers_t *peers, ngx_http_webhook_endpoint_t *ep);
static ngx_uint_t ngx_http_webhook_peer_spare(void);

#if (NGX_HTTP_SSL)
static ngx_int_t ngx_http_webhook_peer_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_webhook_peer_save_session(ngx_peer_connection_t *pc,
    void *data);
static ngx_http_webhook_session_t *ngx_http_webhook_peer_find_session(
    ngx_http_webhook_peer_t *p, ngx_peer_connection_t *pc);
static void ngx_http_webhook_peer_forget_session(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc);
#endif


/* the balancer is that of the upstream, which others may use, too */

ngx_int_t
ngx_http_webhook_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *us)
{
    ngx_http_upstream_t           *u;
    ngx_http_webhook_peer_t       *p;
    ngx_http_upstream_srv_conf_t  *uscf;

    u = r->upstream;
    p = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    if (p->resolved.naddrs) {

        if (ngx_http_upstream_create_round_robin_peer(r, &p->resolved)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else {
        uscf = p->endpoint->uscf;
        u->upstream = uscf;

        if (uscf->peer.init(r, uscf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    p->upstream = u;
    p->data = u->peer.data;
    p->get = u->peer.get;
    p->free = u->peer.free;

    u->peer.data = p;
    u->peer.get = ngx_http_webhook_peer_get;
    u->peer.free = ngx_http_webhook_peer_free;
    u->peer.notify = NULL;

#if (NGX_HTTP_SSL)
    u->ssl_name = p->target.ssl_name;
    u->peer.set_session = ngx_http_webhook_peer_set_session;
    u->peer.save_session = ngx_http_webhook_peer_save_session;
#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_webhook_peer_t  *p = data;

    ngx_int_t          rc;
    ngx_connection_t  *c;

    ngx_http_webhook_peer_times_init(&p->times);

    if (p->again) {

        /* the balancer does not know that the last connection was dead */

        p->again = 0;

        pc->sockaddr = p->sockaddr;
        pc->socklen = p->socklen;
        pc->name = p->name;
        pc->connection = NULL;
        pc->cached = 0;

        ngx_http_webhook_peer_room(p->peers);

        return NGX_OK;
    }

    rc = p->get(pc, p->data);

    if (rc == NGX_BUSY && p->resolved.naddrs == 0 && p->endpoint->plain) {
        ngx_http_webhook_peer_revive(p);

        rc = p->get(pc, p->data);
    }

    if (rc == NGX_DONE) {

        /*
         * a connection kept by the upstream: who knows which protocol, and
         * which TLS identity it has
         */

        ngx_http_webhook_peer_close(pc->connection);
        pc->connection = NULL;
        pc->cached = 0;

        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* of the very address that is used: a name may have others at any time */

    if (ngx_http_webhook_peer_refuse(p, pc) != NGX_OK) {
        return NGX_DECLINED;
    }

    p->reused = 0;

    if (!p->fresh) {
        c = ngx_http_webhook_peer_cached(p, pc);

        if (c) {
            p->reused = 1;

            /* a dead one is no error */

            if (p->log->log_level <= NGX_LOG_DEBUG) {
                p->quiet = 1;
                p->log_level = p->log->log_level;
                p->log->log_level = NGX_LOG_ALERT;
            }

            pc->connection = c;
            pc->cached = 1;

            return NGX_DONE;
        }
    }

    ngx_http_webhook_peer_room(p->peers);

    return NGX_OK;
}


static void
ngx_http_webhook_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_webhook_peer_t  *p = data;

    ngx_uint_t            sent;
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = p->upstream;
    c = pc->connection;

    ngx_http_webhook_peer_aloud(p);
    ngx_http_webhook_peer_measure(p, pc);

    if (p->refused) {

        /* there is nothing wrong with it, for others */

        p->free(pc, p->data, NGX_PEER_NEXT);
        return;
    }

    if (p->timedout) {
        state |= NGX_PEER_FAILED;
    }

    sent = 0;

    if (c == NULL && state == 0 && p->endpoint->upstream.local) {
        p->unbound = 1;

    } else if (state & NGX_PEER_FAILED) {

        if (c == NULL) {
            p->class = NGX_HTTP_WEBHOOK_CONNECT;

        } else if (u->request_sent) {
            p->class = NGX_HTTP_WEBHOOK_BROKEN;
            sent = 1;

        } else {
            p->class = p->early ? NGX_HTTP_WEBHOOK_BROKEN
                                : NGX_HTTP_WEBHOOK_CONNECT;

#if (NGX_HTTP_SSL)
            if (c->ssl || (p->early && u->ssl)) {
                p->class = NGX_HTTP_WEBHOOK_TLS;
                ngx_http_webhook_peer_forget_session(p, pc);
            }
#endif
        }

        if (p->reused
            && !p->timedout
            && !c->read->timedout
            && !c->write->timedout
            && u->state->bytes_received == 0)
        {
            ngx_log_error(NGX_LOG_INFO, p->log, 0,
                          "webhook connection was closed while idle, "
                          "trying a new one");

            p->again = 1;
            p->fresh = 1;
            p->reused = 0;

            p->sockaddr = pc->sockaddr;
            p->socklen = pc->socklen;
            p->name = pc->name;

            /* ngx_http_upstream_next() will add one */

            if (pc->tries) {
                pc->tries--;
            }

            return;
        }

    } else if (ngx_http_webhook_peer_keep(p, pc) == NGX_OK) {

        pc->connection = NULL;
    }

    c = pc->connection;
    pc->connection = NULL;

    p->free(pc, p->data, state);

    pc->connection = c;

    if (sent) {

        /* whoever has seen the request may have done what it asks for */

        pc->tries = 0;
        pc->cached = 0;
    }
}


/*
 * The balancer avoids addresses of failed attempts for some seconds.  That it
 * then has none left is not to be a failure, too: it would be counted, and use
 * up a retry, though nobody was asked.  What servers of an upstream {} are to
 * suffer is the operator's choice.
 */

static void
ngx_http_webhook_peer_revive(ngx_http_webhook_peer_t *p)
{
    ngx_http_upstream_rr_peer_t       *peer;
    ngx_http_upstream_rr_peer_data_t  *rrp;

    rrp = p->data;

    for (peer = rrp->peers->peer; peer; peer = peer->next) {
        peer->fails = 0;
    }
}


void
ngx_http_webhook_peer_answers(ngx_http_webhook_peer_t *p)
{
    if (p->times.first == 0) {
        p->times.first = ngx_current_msec;
    }

    ngx_http_webhook_peer_aloud(p);
}


void
ngx_http_webhook_peer_times_init(ngx_http_webhook_peer_times_t *t)
{
    ngx_memzero(t, sizeof(ngx_http_webhook_peer_times_t));

    t->connect = NGX_HTTP_WEBHOOK_NO_TIME;
    t->tls = NGX_HTTP_WEBHOOK_NO_TIME;
    t->header = NGX_HTTP_WEBHOOK_NO_TIME;
}


/* what nginx calls the time of a connect has that of the handshake in it */

static void
ngx_http_webhook_peer_measure(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    ngx_msec_t                      ready;
    ngx_http_upstream_t            *u;
    ngx_http_webhook_peer_times_t  *t;

    u = p->upstream;
    t = &p->times;

    if (pc->name) {
        t->name = *pc->name;
    }

    if (u->state == NULL) {
        return;
    }

    if (pc->connection) {
        t->sent = pc->connection->sent;
    }

    t->received = u->state->bytes_received;

    if (t->tcp) {
        t->connect = t->tcp - u->start_time;
    }

    if (u->state->connect_time == NGX_HTTP_WEBHOOK_NO_TIME) {
        return;
    }

    ready = u->start_time + u->state->connect_time;

    if (t->tcp) {
        t->tls = ready - t->tcp;

    } else {
        t->connect = u->state->connect_time;

#if (NGX_HTTP_SSL)
        t->tls = u->ssl ? 0 : NGX_HTTP_WEBHOOK_NO_TIME;
#endif
    }

    if (t->first) {
        t->header = t->first - ready;
    }
}


static void
ngx_http_webhook_peer_aloud(ngx_http_webhook_peer_t *p)
{
    if (p->quiet) {
        p->quiet = 0;
        p->log->log_level = p->log_level;
    }
}


static ngx_int_t
ngx_http_webhook_peer_refuse(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    p->refused = 0;

    if (!ngx_http_webhook_addresses_allow(p->endpoint, pc->sockaddr)) {
        ngx_log_error(NGX_LOG_ERR, p->log, 0,
                      "%V is not among \"addresses\"", pc->name);

        p->class = NGX_HTTP_WEBHOOK_BLOCKED;
        p->refused = 1;

    } else if (!ngx_http_webhook_bind_fits(p->endpoint, pc->sockaddr)) {
        ngx_log_error(NGX_LOG_ERR, p->log, 0,
                      "%V is not of the family of \"bind\"", pc->name);

        p->class = NGX_HTTP_WEBHOOK_CONNECT;
        p->refused = 1;
    }

    return p->refused ? NGX_DECLINED : NGX_OK;
}


/* NGX_DECLINED: nothing is kept of such a connection */

static ngx_int_t
ngx_http_webhook_peer_key(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc, ngx_http_webhook_peer_key_t *key)
{
    ngx_str_t                  *host;
    ngx_http_upstream_local_t  *local;

    host = &p->target.host;
    local = p->endpoint->upstream.local;

    if (pc->sockaddr == NULL
        || pc->socklen > (socklen_t) sizeof(ngx_sockaddr_t)
        || host->len > NGX_HTTP_WEBHOOK_HOST_MAX)
    {
        return NGX_DECLINED;
    }

    key->tls = p->target.tls;

    key->hostlen = host->len;

    if (host->len) {
        ngx_memcpy(key->host, host->data, host->len);
    }

    key->socklen = pc->socklen;
    ngx_memcpy(&key->sockaddr, pc->sockaddr, pc->socklen);

    key->locallen = 0;

    if (local) {
        key->locallen = local->addr->socklen;
        ngx_memcpy(&key->local, local->addr->sockaddr, key->locallen);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_webhook_peer_key_equal(ngx_http_webhook_peer_key_t *a,
    ngx_http_webhook_peer_key_t *b)
{
    return a->tls == b->tls
           && ngx_memn2cmp((u_char *) &a->sockaddr, (u_char *) &b->sockaddr,
                           a->socklen, b->socklen)
              == 0
           && ngx_memn2cmp((u_char *) &a->local, (u_char *) &b->local,
                           a->locallen, b->locallen)
              == 0
           && ngx_memn2cmp(a->host, b->host, a->hostlen, b->hostlen) == 0;
}


static ngx_connection_t *
ngx_http_webhook_peer_cached(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    ngx_queue_t                  *q;
    ngx_connection_t             *c;
    ngx_http_webhook_idle_t      *item;
    ngx_http_webhook_peers_t     *peers;
    ngx_http_webhook_peer_key_t   key;

    peers = p->peers;

    if (ngx_http_webhook_peer_key(p, pc, &key) != NGX_OK) {
        return NULL;
    }

    for (q = ngx_queue_head(&peers->idle);
         q != ngx_queue_sentinel(&peers->idle);
         q = ngx_queue_next(q))
    {
        item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);

        if (!ngx_http_webhook_peer_key_equal(&item->key, &key)) {
            continue;
        }

        c = item->connection;

        ngx_queue_remove(q);
        ngx_queue_insert_head(&peers->free, q);
        peers->nidle--;

        if (c->read->timer_set) {
            ngx_del_timer(c->read);
        }

        c->read->cancelable = 0;

        c->idle = 0;
        c->sent = 0;
        c->data = NULL;
        c->log = pc->log;
        c->read->log = pc->log;
        c->write->log = pc->log;
        c->pool->log = pc->log;

        return c;
    }

    return NULL;
}


static ngx_int_t
ngx_http_webhook_peer_keep(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    ngx_uint_t                    n;
    ngx_queue_t                  *q;
    ngx_connection_t             *c;
    ngx_http_upstream_t          *u;
    ngx_http_webhook_idle_t      *item, *last;
    ngx_http_webhook_peers_t     *peers;
    ngx_http_webhook_peer_key_t   key;

    u = p->upstream;
    c = pc->connection;

    if (c == NULL
        || !u->keepalive
        || !u->request_body_sent
        || c->read->eof
        || c->read->error
        || c->read->timedout
        || c->write->error
        || c->write->timedout
        || c->buffered
        || ngx_http_webhook_peer_pending(c)
        || c->requests >= NGX_HTTP_WEBHOOK_IDLE_REQUESTS
        || ngx_current_msec - c->start_time > NGX_HTTP_WEBHOOK_IDLE_AGE
        || ngx_http_webhook_peer_key(p, pc, &key) != NGX_OK
        || ngx_terminate
        || ngx_exiting)
    {
        return NGX_DECLINED;
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_DECLINED;
    }

    peers = p->peers;

    /* a busy receiver may have the places that no other one needs */

    if (ngx_queue_empty(&peers->free)) {

        n = 0;
        last = NULL;

        for (q = ngx_queue_head(&peers->idle);
             q != ngx_queue_sentinel(&peers->idle);
             q = ngx_queue_next(q))
        {
            item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);

            if (ngx_http_webhook_peer_key_equal(&item->key, &key)) {
                last = item;
                n++;
            }
        }

        if (n >= NGX_HTTP_WEBHOOK_IDLE_PER_KEY) {
            ngx_http_webhook_peer_drop(last);

        } else {
            q = ngx_queue_last(&peers->idle);
            item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);
            ngx_http_webhook_peer_drop(item);
        }
    }

    q = ngx_queue_head(&peers->free);
    ngx_queue_remove(q);
    ngx_queue_insert_head(&peers->idle, q);
    peers->nidle++;

    item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);

    item->connection = c;
    item->key = key;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->read->delayed = 0;
    c->read->cancelable = 1;
    ngx_add_timer(c->read, NGX_HTTP_WEBHOOK_IDLE_TIME);

    c->read->handler = ngx_http_webhook_peer_idle_handler;
    c->write->handler = ngx_http_webhook_peer_dummy_handler;

    c->data = item;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_http_webhook_peer_idle_handler(c->read);
    }

    return NGX_OK;
}


/*
 * What the TLS library has read ahead, and nobody has asked for, would be the
 * next answer: of the socket it is not to be seen.
 */

static ngx_uint_t
ngx_http_webhook_peer_pending(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)
    return c->ssl && SSL_has_pending(c->ssl->connection);
#else
    return 0;
#endif
}


/* before a socket is opened: idle ones make room for it */

static void
ngx_http_webhook_peer_room(ngx_http_webhook_peers_t *peers)
{
    ngx_queue_t              *q;
    ngx_http_webhook_idle_t  *item;

    while (peers->nidle
           && (peers->active + peers->nidle > peers->max
               || !ngx_http_webhook_peer_spare()))
    {
        q = ngx_queue_last(&peers->idle);
        item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);
        ngx_http_webhook_peer_drop(item);
    }
}


static void
ngx_http_webhook_peer_drop(ngx_http_webhook_idle_t *item)
{
    ngx_connection_t  *c;

    c = item->connection;
    item->connection = NULL;

    ngx_queue_remove(&item->queue);
    ngx_queue_insert_head(&item->peers->free, &item->queue);
    item->peers->nidle--;

    ngx_http_webhook_peer_close(c);
}


static void
ngx_http_webhook_peer_idle_handler(ngx_event_t *ev)
{
    int                n;
    u_char             buf[1];
    ngx_connection_t  *c;

    c = ev->data;

    if (!c->close && !ev->timedout) {

        n = recv(c->fd, buf, 1, MSG_PEEK);

        if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;

            if (ngx_handle_read_event(ev, 0) == NGX_OK) {
                return;
            }
        }
    }

    ngx_http_webhook_peer_drop(c->data);
}


static void
ngx_http_webhook_peer_dummy_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "webhook idle write event");
}


static void
ngx_http_webhook_peer_close(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->handler = ngx_http_webhook_peer_close;
            return;
        }
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_http_webhook_peer_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_webhook_peer_t  *p = data;

    ngx_http_webhook_session_t  *s;

    /* asked for right between the connect and the handshake */

    p->times.tcp = ngx_current_msec;

    if (p->target.verify.len
        && ngx_http_webhook_tls_address(pc->connection, &p->target.verify)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = ngx_http_webhook_peer_find_session(p, pc);

    if (s == NULL) {
        return NGX_OK;
    }

    ngx_queue_remove(&s->queue);
    ngx_queue_insert_head(&p->peers->sessions, &s->queue);

    return ngx_ssl_set_session(pc->connection, s->session);
}


static void
ngx_http_webhook_peer_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_webhook_peer_t  *p = data;

    ngx_queue_t                  *q;
    ngx_ssl_session_t            *session;
    ngx_http_webhook_session_t   *s;
    ngx_http_webhook_peer_key_t   key;

    if (ngx_http_webhook_peer_key(p, pc, &key) != NGX_OK) {
        return;
    }

    session = ngx_ssl_get_session(pc->connection);
    if (session == NULL) {
        return;
    }

    s = ngx_http_webhook_peer_find_session(p, pc);

    if (s == NULL) {
        q = ngx_queue_last(&p->peers->sessions);
        s = ngx_queue_data(q, ngx_http_webhook_session_t, queue);
    }

    if (s->session) {
        ngx_ssl_free_session(s->session);
    }

    s->session = session;
    s->key = key;

    ngx_queue_remove(&s->queue);
    ngx_queue_insert_head(&p->peers->sessions, &s->queue);
}


static ngx_http_webhook_session_t *
ngx_http_webhook_peer_find_session(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    ngx_queue_t                  *q;
    ngx_http_webhook_session_t   *s;
    ngx_http_webhook_peer_key_t   key;

    if (ngx_http_webhook_peer_key(p, pc, &key) != NGX_OK) {
        return NULL;
    }

    for (q = ngx_queue_head(&p->peers->sessions);
         q != ngx_queue_sentinel(&p->peers->sessions);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_webhook_session_t, queue);

        if (s->session == NULL) {
            break;
        }

        if (ngx_http_webhook_peer_key_equal(&s->key, &key)) {
            return s;
        }
    }

    return NULL;
}


/*
 * A session carries the result of the verification: after a failure only a
 * full handshake can succeed.
 */

static void
ngx_http_webhook_peer_forget_session(ngx_http_webhook_peer_t *p,
    ngx_peer_connection_t *pc)
{
    ngx_http_webhook_session_t  *s;

    s = ngx_http_webhook_peer_find_session(p, pc);

    if (s) {
        ngx_ssl_free_session(s->session);
        s->session = NULL;

        ngx_queue_remove(&s->queue);
        ngx_queue_insert_tail(&p->peers->sessions, &s->queue);
    }
}

#endif


ngx_int_t
ngx_http_webhook_peer_enter(ngx_http_webhook_peers_t *peers,
    ngx_http_webhook_endpoint_t *ep)
{
    if (peers == NULL
        || !ngx_http_webhook_peer_share(peers, ep)
        || (peers->nidle == 0 && !ngx_http_webhook_peer_spare()))
    {
        return NGX_DECLINED;
    }

    peers->active++;
    peers->slow += ep->slow;
    ep->active++;

    return NGX_OK;
}


void
ngx_http_webhook_peer_leave(ngx_http_webhook_peers_t *peers,
    ngx_http_webhook_endpoint_t *ep)
{
    peers->active--;
    peers->slow -= ep->slow;
    ep->active--;
}


/*
 * Receivers that take long would have all sockets in the end.  They have a
 * half at most, and the last quarter is for those that are known to be quick,
 * one each: then however many hang, and whatever their concurrency is, others
 * are delivered.  And quick ones that want all would leave none to the slow,
 * which could not be found to be quick again: an eighth is kept for them while
 * they wait.
 */

static ngx_uint_t
ngx_http_webhook_peer_share(ngx_http_webhook_peers_t *peers,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                    slow, kept;
    ngx_http_webhook_counters_t  *counters;

    if (peers->active >= peers->max) {
        return 0;
    }

    /* another worker may have been the one to find out */

    counters = ep->counters;
    slow = (counters->pace == NGX_HTTP_WEBHOOK_PACE_SLOW);

    if (slow != ep->slow) {
        peers->slow += slow ? ep->active : -ep->active;
        ep->slow = slow;
    }

    if (slow && peers->slow >= (peers->max + 1) / 2) {
        return 0;
    }

    /* a single one they have in turn */

    kept = (peers->max == 1) ? 0 : ngx_max(peers->max / 8, 1);
    kept = (peers->slow < kept) ? kept - peers->slow : 0;

    if (slow && kept) {
        return 1;
    }

    if (kept && !ngx_http_webhook_waiting_slow(ep->main)) {
        kept = 0;
    }

    if (counters->pace == NGX_HTTP_WEBHOOK_PACE_QUICK && ep->active == 0) {
        return peers->active < peers->max - kept;
    }

    return peers->active < peers->max - ngx_max(peers->max / 4, kept);
}


void
ngx_http_webhook_peer_pace(ngx_http_webhook_endpoint_t *ep,
    ngx_msec_t duration)
{
    ngx_atomic_uint_t             pace;
    ngx_http_webhook_counters_t  *counters;

    counters = ep->counters;

    pace = (duration < NGX_HTTP_WEBHOOK_SLOW) ? NGX_HTTP_WEBHOOK_PACE_QUICK
                                              : NGX_HTTP_WEBHOOK_PACE_SLOW;

    /* shared memory: written when it changes, not for each attempt */

    if (counters->pace != pace) {
        counters->pace = pace;
    }
}


/* the last connections of a worker are for its clients */

static ngx_uint_t
ngx_http_webhook_peer_spare(void)
{
    return ngx_cycle->free_connection_n > ngx_cycle->connection_n / 16;
}


ngx_uint_t
ngx_http_webhook_attempt_room(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_peers_t  *peers;

    peers = ep->main->worker ? ep->main->worker->peers : NULL;

    return peers
           && ngx_http_webhook_peer_share(peers, ep)
           && (peers->nidle || ngx_http_webhook_peer_spare());
}


ngx_int_t
ngx_http_webhook_peer_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                 i;
    ngx_http_webhook_peers_t  *peers;

    peers = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_peers_t));
    if (peers == NULL) {
        return NGX_ERROR;
    }

    peers->max = wmcf->connections ? wmcf->connections
                                   : ngx_max(cycle->connection_n / 4, 1);

    ngx_queue_init(&peers->idle);
    ngx_queue_init(&peers->free);

    for (i = 0; i < NGX_HTTP_WEBHOOK_IDLE_MAX; i++) {
        peers->items[i].peers = peers;
        ngx_queue_insert_tail(&peers->free, &peers->items[i].queue);
    }

#if (NGX_HTTP_SSL)

    ngx_queue_init(&peers->sessions);

    for (i = 0; i < NGX_HTTP_WEBHOOK_SESSIONS; i++) {
        ngx_queue_insert_tail(&peers->sessions, &peers->session[i].queue);
    }

#endif

    wmcf->worker->peers = peers;

    return NGX_OK;
}


void
ngx_http_webhook_peer_exit_process(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_queue_t               *q;
    ngx_http_webhook_idle_t   *item;
    ngx_http_webhook_peers_t  *peers;

#if (NGX_HTTP_SSL)
    ngx_uint_t                 i;
#endif

    if (wmcf->worker == NULL || wmcf->worker->peers == NULL) {
        return;
    }

    peers = wmcf->worker->peers;
    wmcf->worker->peers = NULL;

    while (!ngx_queue_empty(&peers->idle)) {
        q = ngx_queue_head(&peers->idle);
        item = ngx_queue_data(q, ngx_http_webhook_idle_t, queue);
        ngx_http_webhook_peer_drop(item);
    }

#if (NGX_HTTP_SSL)

    for (i = 0; i < NGX_HTTP_WEBHOOK_SESSIONS; i++) {
        if (peers->session[i].session) {
            ngx_ssl_free_session(peers->session[i].session);
            peers->session[i].session = NULL;
        }
    }

#endif
}
