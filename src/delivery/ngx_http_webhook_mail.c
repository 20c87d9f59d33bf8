
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_mail.h"
#include "ngx_http_webhook_payload.h"
#include "wh_delivery.h"
#include "wh_mail.h"


#define NGX_HTTP_WEBHOOK_MAIL_ADDRS   8
#define NGX_HTTP_WEBHOOK_MAIL_BUFFER  4096
#define NGX_HTTP_WEBHOOK_MAIL_SUBJECT "Subject:"

/* a mail is an event that was encoded, at worst each octet as three */
#define NGX_HTTP_WEBHOOK_MAIL_FACTOR  4


typedef struct {
    struct sockaddr               *sockaddr;
    socklen_t                      socklen;
    ngx_str_t                      name;
} ngx_http_webhook_mail_addr_t;


typedef struct {
    ngx_http_webhook_attempt_t    *attempt;
    ngx_http_webhook_mailbox_t    *mailbox;
    ngx_log_t                     *log;
    ngx_http_webhook_mail_pt       handler;
    void                          *data;

    wh_mail_t                      mail;
    wh_smtp_t                      smtp;
    wh_buf_t                       out;
    size_t                         sent;

    ngx_peer_connection_t          peer;
    ngx_connection_t              *connection;
    ngx_http_webhook_mail_addr_t   addrs[NGX_HTTP_WEBHOOK_MAIL_ADDRS];
    ngx_uint_t                     naddrs;
    ngx_uint_t                     current;
    ngx_str_t                      text;

    unsigned                       connected:1;
    unsigned                       message:1;  /* that is what is sent */
    unsigned                       secret:1;   /* it, and what is answered */

    u_char                         buffer[NGX_HTTP_WEBHOOK_MAIL_BUFFER];
} ngx_http_webhook_mail_t;


static ngx_int_t ngx_http_webhook_mail_addr(ngx_http_webhook_mail_t *m,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_http_webhook_mail_connect(ngx_http_webhook_mail_t *m);
static ngx_int_t ngx_http_webhook_mail_connected(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_disconnect(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_write_handler(ngx_event_t *wev);
static void ngx_http_webhook_mail_read_handler(ngx_event_t *rev);
static void ngx_http_webhook_mail_send(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_next(ngx_http_webhook_mail_t *m,
    wh_smtp_next_e next);
static void ngx_http_webhook_mail_message(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_refused(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_timeout(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_broken(ngx_http_webhook_mail_t *m,
    char *why);
static void ngx_http_webhook_mail_finish(ngx_http_webhook_mail_t *m,
    ngx_http_webhook_class_e class, ngx_uint_t status);

#if (NGX_HTTP_SSL)
static void ngx_http_webhook_mail_tls(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_handshake_handler(ngx_connection_t *c);
static char *ngx_http_webhook_mail_verify(ngx_http_webhook_mail_t *m);
static void ngx_http_webhook_mail_tls_failed(ngx_http_webhook_mail_t *m,
    char *why);
#endif


ngx_int_t
ngx_http_webhook_mail_prepare(ngx_http_webhook_attempt_t *a, wh_str_t record,
    char **reason)
{
    int                          rc;
    size_t                       pos, len;
    unsigned                     type;
    wh_str_t                     value;
    ngx_http_webhook_mail_t     *m;
    ngx_http_webhook_mailbox_t  *mb;

    m = ngx_pcalloc(a->pool, sizeof(ngx_http_webhook_mail_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    mb = a->endpoint->mailbox;

    m->attempt = a;
    m->mailbox = mb;
    m->mail.time = wh_delivery_time(record);
    m->mail.host.data = (char *) mb->domain.data;
    m->mail.host.len = mb->domain.len;
    m->mail.from.data = (char *) mb->from.data;
    m->mail.from.len = mb->from.len;
    m->mail.to.data = (char *) mb->to.data;
    m->mail.to.len = mb->to.len;

    len = sizeof(NGX_HTTP_WEBHOOK_MAIL_SUBJECT) - 1;
    pos = 0;

    while ((rc = wh_delivery_next(record, &pos, &type, &value)) == WH_OK) {

        switch (type) {

        case WH_FIELD_ID:
            m->mail.id = value;
            break;

        case WH_FIELD_EVENT:
            m->mail.event = value;
            break;

        case WH_FIELD_BODY:
            m->mail.text = value;
            break;

        case WH_FIELD_HEADER:

            if (value.len >= len
                && ngx_memcmp(value.data, NGX_HTTP_WEBHOOK_MAIL_SUBJECT, len)
                   == 0)
            {
                m->mail.subject.data = value.data + len;
                m->mail.subject.len = value.len - len;
            }

            break;

        default:
            break;
        }
    }

    if (rc != WH_AGAIN || m->mail.id.len == 0 || m->mail.subject.len == 0) {
        *reason = "its record is damaged";
        return NGX_DECLINED;
    }

    m->smtp.helo.data = (char *) mb->helo.data;
    m->smtp.helo.len = mb->helo.len;
    m->smtp.from = m->mail.from;
    m->smtp.to = m->mail.to;
    m->smtp.user.data = (char *) mb->user.data;
    m->smtp.user.len = mb->user.len;
    m->smtp.password.data = (char *) mb->password.data;
    m->smtp.password.len = mb->password.len;
    m->smtp.starttls = mb->starttls;
    m->smtp.utf8 = (wh_mail_utf8(&m->mail) != 0);

    m->out.max = NGX_HTTP_WEBHOOK_MAIL_BUFFER
                 + NGX_HTTP_WEBHOOK_MAIL_FACTOR
                   * (m->mail.text.len + m->mail.subject.len);
    m->out.grow = ngx_http_webhook_payload_grow;
    m->out.ctx = a->pool;

    a->mail = m;

    return NGX_OK;
}


void
ngx_http_webhook_mail_start(ngx_http_webhook_attempt_t *a,
    ngx_resolver_addr_t *addrs, ngx_uint_t naddrs, ngx_log_t *log,
    ngx_http_webhook_mail_pt handler, void *data)
{
    ngx_uint_t                    i;
    ngx_http_webhook_mail_t      *m;
    ngx_http_webhook_mailbox_t   *mb;

    m = a->mail;
    mb = m->mailbox;

    m->log = log;
    m->handler = handler;
    m->data = data;

    if (addrs) {
        for (i = 0; i < naddrs; i++) {
            if (ngx_http_webhook_mail_addr(m, addrs[i].sockaddr,
                                           addrs[i].socklen)
                != NGX_OK)
            {
                break;
            }
        }

    } else {
        for (i = 0; i < mb->naddrs; i++) {
            if (ngx_http_webhook_mail_addr(m, mb->addrs[i].sockaddr,
                                           mb->addrs[i].socklen)
                != NGX_OK)
            {
                break;
            }
        }
    }

    ngx_http_webhook_mail_connect(m);
}


/* NGX_DECLINED: that is enough of them */

static ngx_int_t
ngx_http_webhook_mail_addr(ngx_http_webhook_mail_t *m,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    u_char                        *p;
    ngx_pool_t                    *pool;
    ngx_http_webhook_mail_addr_t  *addr;

    if (m->naddrs == NGX_HTTP_WEBHOOK_MAIL_ADDRS) {
        return NGX_DECLINED;
    }

    pool = m->attempt->pool;
    addr = &m->addrs[m->naddrs];

    addr->sockaddr = ngx_palloc(pool, socklen);
    p = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);

    if (addr->sockaddr == NULL || p == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(addr->sockaddr, sockaddr, socklen);
    ngx_inet_set_port(addr->sockaddr, m->attempt->endpoint->port);

    addr->socklen = socklen;
    addr->name.len = ngx_sock_ntop(addr->sockaddr, socklen, p,
                                   NGX_SOCKADDR_STRLEN, 1);
    addr->name.data = p;

    m->naddrs++;

    return NGX_OK;
}


static void
ngx_http_webhook_mail_connect(ngx_http_webhook_mail_t *m)
{
    ngx_int_t                      rc;
    ngx_connection_t              *c;
    ngx_http_webhook_mail_addr_t  *addr;

    for ( /* void */ ; m->current < m->naddrs; m->current++) {

        addr = &m->addrs[m->current];

        ngx_memzero(&m->peer, sizeof(ngx_peer_connection_t));

        m->peer.sockaddr = addr->sockaddr;
        m->peer.socklen = addr->socklen;
        m->peer.name = &addr->name;
        m->peer.get = ngx_event_get_peer;
        m->peer.log = m->log;
        m->peer.log_error = NGX_ERROR_ERR;

        rc = ngx_event_connect_peer(&m->peer);

        if (rc == NGX_ERROR) {
            ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            return;
        }

        if (rc != NGX_OK && rc != NGX_AGAIN) {
            continue;
        }

        c = m->peer.connection;

        m->connection = c;

        c->data = m;
        c->log = m->log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->sendfile = 0;
        c->read->handler = ngx_http_webhook_mail_read_handler;
        c->write->handler = ngx_http_webhook_mail_write_handler;

        c->pool = ngx_create_pool(128, c->log);

        if (c->pool == NULL) {
            ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            return;
        }

        ngx_add_timer(c->write, m->mailbox->timeout);

        if (rc == NGX_OK) {
            ngx_http_webhook_mail_write_handler(c->write);
        }

        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook mail to <%V>: no connection to \"%V\"",
                  &m->mailbox->to, &m->attempt->endpoint->url);

    ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_CONNECT, 0);
}


/* NGX_DECLINED: another address is tried */

static ngx_int_t
ngx_http_webhook_mail_connected(ngx_http_webhook_mail_t *m)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = m->connection;

    err = 0;
    len = sizeof(int);

    if (c->write->timedout) {
        err = NGX_ETIMEDOUT;

    } else if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len)
               == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_http_webhook_mail_disconnect(m);

        m->current++;
        ngx_http_webhook_mail_connect(m);

        return NGX_DECLINED;
    }

    m->connected = 1;

    return NGX_OK;
}


static void
ngx_http_webhook_mail_disconnect(ngx_http_webhook_mail_t *m)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = m->connection;

    if (c == NULL) {
        return;
    }

    m->connection = NULL;

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

#endif

    pool = c->pool;

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


static void
ngx_http_webhook_mail_write_handler(ngx_event_t *wev)
{
    ngx_connection_t         *c;
    ngx_http_webhook_mail_t  *m;

    c = wev->data;
    m = c->data;

    if (!m->connected) {

        if (ngx_http_webhook_mail_connected(m) != NGX_OK) {
            return;
        }

        ngx_del_timer(wev);
        ngx_add_timer(c->read, m->mailbox->timeout);

        ngx_http_webhook_mail_read_handler(c->read);
        return;
    }

    if (wev->timedout) {
        ngx_http_webhook_mail_timeout(m);
        return;
    }

    if (m->sent < m->out.len) {
        ngx_http_webhook_mail_send(m);
    }
}


static void
ngx_http_webhook_mail_send(ngx_http_webhook_mail_t *m)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = m->connection;

    while (m->sent < m->out.len) {

        n = c->send(c, (u_char *) m->out.data + m->sent,
                    m->out.len - m->sent);

        if (n == NGX_ERROR) {
            ngx_http_webhook_mail_broken(m, "the connection was closed");
            return;
        }

        if (n == NGX_AGAIN) {

            /* progress begins the time anew */

            ngx_add_timer(c->write, m->mailbox->timeout);

            if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
                ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            }

            return;
        }

        m->sent += n;
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    /* RFC 5321 gives the end of the message more time than any other step */

    ngx_add_timer(c->read, m->message ? 4 * m->mailbox->timeout
                                      : m->mailbox->timeout);

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
        return;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_webhook_mail_read_handler(ngx_event_t *rev)
{
    int                       rc;
    ssize_t                   n;
    wh_smtp_next_e            next;
    ngx_connection_t         *c;
    ngx_http_webhook_mail_t  *m;

    c = rev->data;
    m = c->data;

    if (rev->timedout) {
        ngx_http_webhook_mail_timeout(m);
        return;
    }

    if (!m->connected) {
        ngx_http_webhook_mail_write_handler(c->write);
        return;
    }

    for ( ;; ) {
        n = c->recv(c, m->buffer, NGX_HTTP_WEBHOOK_MAIL_BUFFER);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            }

            return;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_webhook_mail_broken(m, "the connection was closed");
            return;
        }

        /* what was sent, was sent: a server may answer earlier than that */

        m->out.len = 0;
        m->sent = 0;

        rc = wh_smtp_feed(&m->smtp, (char *) m->buffer, n, &m->out, &next);

        if (rc == WH_AGAIN) {
            continue;
        }

        if (rc != WH_OK) {
            ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            return;
        }

        ngx_http_webhook_mail_next(m, next);

        return;
    }
}


static void
ngx_http_webhook_mail_next(ngx_http_webhook_mail_t *m, wh_smtp_next_e next)
{
    ngx_connection_t  *c;

    c = m->connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    m->text.data = (u_char *) m->smtp.reply.text;
    m->text.len = m->secret ? 0 : m->smtp.reply.ntext;
    m->secret = (wh_smtp_secret(&m->smtp) != 0);

    switch (next) {

    case WH_SMTP_SEND:
        ngx_http_webhook_mail_send(m);
        return;

    case WH_SMTP_MESSAGE:
        ngx_http_webhook_mail_message(m);
        return;

    case WH_SMTP_TLS:

#if (NGX_HTTP_SSL)
        ngx_http_webhook_mail_tls(m);
#else
        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
#endif
        return;

    case WH_SMTP_DONE:

        /* a farewell is polite, that is all */

        (void) c->send(c, (u_char *) m->out.data, m->out.len);

        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_SUCCESS, 250);
        return;

    default: /* WH_SMTP_FAILED */
        ngx_http_webhook_mail_refused(m);
    }
}


static void
ngx_http_webhook_mail_message(ngx_http_webhook_mail_t *m)
{
    m->message = 1;
    m->mail.allow_8bit = m->smtp.offers_8bit;

    if (wh_mail_put(&m->mail, &m->out) != WH_OK) {
        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
        return;
    }

    ngx_http_webhook_mail_send(m);
}


static void
ngx_http_webhook_mail_refused(ngx_http_webhook_mail_t *m)
{
    wh_smtp_t         *s;
    ngx_connection_t  *c;

    static u_char  quit[] = "QUIT" CRLF;

    static char  *why[] = {
        NULL,
        NULL,
        "there is no STARTTLS, but it is required",
        "there is no STARTTLS, and without it no password is sent",
        "neither AUTH PLAIN nor AUTH LOGIN is offered",
        "somebody has said more in the clear after STARTTLS",
        "that was no reply of SMTP"
    };

    s = &m->smtp;
    c = m->connection;

    if (s->why != WH_SMTP_WHY_REFUSED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "webhook mail to <%V>, server \"%V\": %s",
                      &m->mailbox->to, &m->attempt->endpoint->url,
                      why[s->why]);

        ngx_http_webhook_mail_finish(m,
                                     s->why == WH_SMTP_WHY_TLS
                                     || s->why == WH_SMTP_WHY_AUTH_TLS
                                     || s->why == WH_SMTP_WHY_INJECTED
                                     ? NGX_HTTP_WEBHOOK_TLS
                                     : NGX_HTTP_WEBHOOK_BROKEN, 0);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook mail to <%V>, server \"%V\": %s was answered by "
                  "%ui \"%V\"", &m->mailbox->to, &m->attempt->endpoint->url,
                  s->step, (ngx_uint_t) s->code, &m->text);

    (void) c->send(c, quit, sizeof(quit) - 1);

    ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_STATUS, s->code);
}


static void
ngx_http_webhook_mail_timeout(ngx_http_webhook_mail_t *m)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook mail to <%V>, server \"%V\": %s timed out",
                  &m->mailbox->to, &m->attempt->endpoint->url,
                  m->smtp.step ? m->smtp.step : "waiting for the greeting");

    ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_TIMEOUT, 0);
}


static void
ngx_http_webhook_mail_broken(ngx_http_webhook_mail_t *m, char *why)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook mail to <%V>, server \"%V\": %s in %s",
                  &m->mailbox->to, &m->attempt->endpoint->url, why,
                  m->smtp.step ? m->smtp.step : "waiting for the greeting");

    ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_BROKEN, 0);
}


static void
ngx_http_webhook_mail_finish(ngx_http_webhook_mail_t *m,
    ngx_http_webhook_class_e class, ngx_uint_t status)
{
    ngx_http_webhook_mail_disconnect(m);

    m->handler(m->data, class, status, &m->text);
}


void
ngx_http_webhook_mail_close(ngx_http_webhook_attempt_t *a)
{
    if (a->mail) {
        ngx_http_webhook_mail_disconnect(a->mail);
    }
}


#if (NGX_HTTP_SSL)

static void
ngx_http_webhook_mail_tls(ngx_http_webhook_mail_t *m)
{
    ngx_int_t                     rc;
    ngx_str_t                     name;
    ngx_connection_t             *c;
    ngx_http_webhook_endpoint_t  *ep;

    c = m->connection;
    ep = m->attempt->endpoint;

    if (ngx_ssl_create_connection(ep->upstream.ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK)
    {
        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
        return;
    }

    /* an address is no name to ask for */

    if (m->mailbox->named) {

        name.data = ngx_pnalloc(c->pool, ep->ssl_name.len + 1);

        if (name.data == NULL) {
            ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            return;
        }

        (void) ngx_cpystrn(name.data, ep->ssl_name.data,
                           ep->ssl_name.len + 1);

        if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) name.data)
            == 0)
        {
            ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
            return;
        }
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        ngx_add_timer(c->write, m->mailbox->timeout);
        c->ssl->handler = ngx_http_webhook_mail_handshake_handler;
        return;
    }

    ngx_http_webhook_mail_handshake_handler(c);
}


static void
ngx_http_webhook_mail_handshake_handler(ngx_connection_t *c)
{
    char                     *why;
    ngx_http_webhook_mail_t  *m;

    m = c->data;

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (!c->ssl->handshaked) {

        if (c->write->timedout || c->read->timedout) {
            ngx_http_webhook_mail_timeout(m);
            return;
        }

        ngx_http_webhook_mail_tls_failed(m, "the handshake has failed");
        return;
    }

    why = ngx_http_webhook_mail_verify(m);

    if (why) {
        ngx_http_webhook_mail_tls_failed(m, why);
        return;
    }

    c->read->handler = ngx_http_webhook_mail_read_handler;
    c->write->handler = ngx_http_webhook_mail_write_handler;

    m->out.len = 0;
    m->sent = 0;

    if (wh_smtp_secured(&m->smtp, &m->out) != WH_OK) {
        ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_LOCAL, 0);
        return;
    }

    ngx_http_webhook_mail_send(m);
}


/* NULL, or why the server is none that we trust */

static char *
ngx_http_webhook_mail_verify(ngx_http_webhook_mail_t *m)
{
    long                          rc;
    ngx_connection_t             *c;
    ngx_http_webhook_endpoint_t  *ep;

    c = m->connection;
    ep = m->attempt->endpoint;

    if (m->mailbox->starttls != WH_SMTP_STARTTLS_REQUIRED) {
        return NULL;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        return (char *) X509_verify_cert_error_string(rc);
    }

    /* of an address the context has taken care */

    if (ep->upstream.ssl_verify
        && ngx_ssl_check_host(c, &ep->ssl_name) != NGX_OK)
    {
        return "the certificate is not for that name";
    }

    return NULL;
}


static void
ngx_http_webhook_mail_tls_failed(ngx_http_webhook_mail_t *m, char *why)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "webhook mail to <%V>, server \"%V\": STARTTLS: %s",
                  &m->mailbox->to, &m->attempt->endpoint->url, why);

    ngx_http_webhook_mail_finish(m, NGX_HTTP_WEBHOOK_TLS, 0);
}

#endif
