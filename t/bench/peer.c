
/*
 * The other side of the benchmarks: an application and receivers of webhooks,
 * which cost as little as possible.
 *
 *     peer PORT=app|hook|hang|count ...
 *
 * "app" answers 201 with a small body, "hook" 204, "hang" never.  A GET to
 * "count" is answered with a line for each port: its number, and the number
 * of its requests so far.
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>


#define PORTS   64
#define BUFFER  65536


/* both begin alike: an event tells by it which one it has */

typedef struct {
    int        fd;
    int        listening;
    int        kind;
    int        port;
    long       requests;
} port_t;

typedef struct {
    int        fd;
    int        listening;
    port_t    *port;
    size_t     len;
    char       buf[BUFFER];
} conn_t;


enum { APP = 0, HOOK, HANG, COUNT };

static const char  *kinds[] = { "app", "hook", "hang", "count" };

static const char  created[] =
    "HTTP/1.1 201 Created\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 28\r\n"
    "\r\n"
    "{\"id\":4711,\"state\":\"active\"}";

static const char  done[] = "HTTP/1.1 204 No Content\r\n\r\n";

static port_t  ports[PORTS];
static int     nports, ep;


static void
fail(const char *what)
{
    fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
watch(int fd, void *data)
{
    struct epoll_event  ee;

    ee.events = EPOLLIN;
    ee.data.ptr = data;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ee) == -1) {
        fail("epoll_ctl");
    }
}


static void
open_port(const char *arg)
{
    int                 on = 1;
    char               *kind;
    port_t             *p = &ports[nports++];
    struct sockaddr_in  sin;

    p->listening = 1;
    p->port = strtol(arg, &kind, 10);

    for (p->kind = APP; p->kind <= COUNT; p->kind++) {
        if (*kind == '=' && strcmp(kind + 1, kinds[p->kind]) == 0) {
            break;
        }
    }

    if (p->kind > COUNT || nports == PORTS) {
        errno = EINVAL;
        fail(arg);
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(p->port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    p->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);

    setsockopt(p->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (bind(p->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(p->fd, 4096) == -1)
    {
        fail(arg);
    }

    watch(p->fd, p);
}


static void
take(port_t *p)
{
    int      fd, on = 1;
    conn_t  *c;

    for ( ;; ) {
        fd = accept4(p->fd, NULL, NULL, SOCK_NONBLOCK);
        if (fd == -1) {
            return;
        }

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        c = malloc(sizeof(conn_t));
        if (c == NULL) {
            fail("malloc");
        }

        c->fd = fd;
        c->listening = 0;
        c->port = p;
        c->len = 0;

        watch(fd, c);
    }
}


/* the octets of the first request, 0 if there is more to come */

static size_t
whole(conn_t *c)
{
    char    *p, *next, *end;
    size_t   body = 0;

    end = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    for (p = c->buf; p < end; p = next + 1) {
        next = memchr(p, '\n', end + 2 - p);

        if ((*p == 'C' || *p == 'c')
            && strncasecmp(p, "Content-Length:", 15) == 0)
        {
            body = strtoul(p + 15, NULL, 10);
        }
    }

    body += end + 4 - c->buf;

    return body <= c->len ? body : 0;
}


static void
answer(conn_t *c)
{
    int      i;
    char     buf[4096];
    size_t   n, len;

    switch (c->port->kind) {

    case APP:
        n = send(c->fd, created, sizeof(created) - 1, MSG_NOSIGNAL);
        break;

    case HOOK:
        n = send(c->fd, done, sizeof(done) - 1, MSG_NOSIGNAL);
        break;

    case COUNT:
        len = sprintf(buf, "HTTP/1.0 200 OK\r\n\r\n");

        for (i = 0; i < nports; i++) {
            len += sprintf(buf + len, "%d %ld\n", ports[i].port,
                           ports[i].requests);
        }

        n = send(c->fd, buf, len, MSG_NOSIGNAL);
        shutdown(c->fd, SHUT_WR);
        break;

    default:
        return;
    }

    (void) n;
}


static void
receive(conn_t *c)
{
    size_t   len;
    ssize_t  n;

    n = recv(c->fd, c->buf + c->len, BUFFER - c->len, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        close(c->fd);
        free(c);
        return;
    }

    c->len += n;

    while ((len = whole(c)) != 0) {
        c->port->requests++;
        answer(c);

        c->len -= len;
        memmove(c->buf, c->buf + len, c->len);
    }
}


int
main(int argc, char **argv)
{
    int                 i, n;
    struct epoll_event  events[256];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);

    ep = epoll_create1(0);

    for (i = 1; i < argc; i++) {
        open_port(argv[i]);
    }

    for ( ;; ) {
        n = epoll_wait(ep, events, 256, -1);

        for (i = 0; i < n; i++) {
            port_t  *p = events[i].data.ptr;

            if (p->listening) {
                take(p);

            } else {
                receive(events[i].data.ptr);
            }
        }
    }
}
