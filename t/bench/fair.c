
/*
 * Load and receivers in one process, so that one clock tells how long an event
 * takes from its request to its receiver.
 *
 *     fair OK_PORT ERROR_PORT HANG_PORT
 *
 * Receivers listen on all of 127.0.0.0/8: an address for each endpoint.  OK
 * answers 204, ERROR 500, HANG never.  Each line of standard input
 *
 *     PORT SECONDS RATE WINDOW SEED ENDPOINTS SICK
 *
 * is a run against the nginx on PORT, answered by a line of JSON.  Each event
 * is for one of ENDPOINTS, at random by SEED; the last SICK of them are not
 * measured.  With RATE, events arrive at random (Poisson); otherwise WINDOW of
 * those to be measured are under way at any time.  A run ends when all of them
 * have arrived, or when none does for a while.
 *
 * A request's query has "e=ENDPOINT&t=NS", with the time when it was due, and
 * the event's body has them as "e" and "t".
 */

#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>


#define CLIENTS   64
#define BUFFER    4096
#define WAITING   (1 << 18)
#define PATIENCE  15000000000ll       /* ns without any arrival */


enum { COMMANDS = 0, TIMER, LISTEN, RECEIVER, CLIENT };

enum { OK = 0, ERROR, HANG, KINDS };


typedef struct conn_s  conn_t;

struct conn_s {
    int        type;
    int        fd;
    int        kind;                  /* of a receiver */
    conn_t    *next;                  /* idle clients */
    size_t     len;
    char       buf[BUFFER];
};


typedef struct {
    int64_t    due;
    int        endpoint;
} event_t;


static conn_t    commands, timer, listening[KINDS];
static int       ep;

/* the run */

static conn_t   *idle, *clients[CLIENTS];
static event_t   waiting[WAITING];
static size_t    first_waiting, last_waiting;
static int       running, port, endpoints, sick, window;
static double    rate;
static int64_t   begin, end, next_arrival, last_arrival, now;
static long      sent, answered, measured, arrived, failed, accepted;

static uint32_t  *latency;
static size_t     latency_size;


static int64_t
clock_ns(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}


static void
fail(const char *what)
{
    fprintf(stderr, "fair: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
watch(conn_t *c)
{
    struct epoll_event  ee;

    ee.events = EPOLLIN;
    ee.data.ptr = c;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        fail("epoll_ctl");
    }
}


static void
open_port(int kind, int number)
{
    int                 on = 1;
    conn_t             *c = &listening[kind];
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(number);

    c->type = LISTEN;
    c->kind = kind;
    c->fd = socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK, 0);

    setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (bind(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(c->fd, 4096) == -1)
    {
        fail("bind");
    }

    watch(c);
}


static conn_t *
open_client(void)
{
    int                 on = 1;
    conn_t             *c;
    struct sockaddr_in  sin;

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c = calloc(1, sizeof(conn_t));
    if (c == NULL) {
        fail("calloc");
    }

    c->type = CLIENT;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        fail("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    watch(c);

    c->next = idle;
    idle = c;

    return c;
}


static void
take(conn_t *l)
{
    int      fd, on = 1;
    conn_t  *c;

    for ( ;; ) {
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK);
        if (fd == -1) {
            return;
        }

        accepted++;

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

        c = malloc(sizeof(conn_t));
        if (c == NULL) {
            fail("malloc");
        }

        c->type = RECEIVER;
        c->kind = l->kind;
        c->fd = fd;
        c->len = 0;

        watch(c);
    }
}


/* the octets of the first message, 0 if there is more to come */

static size_t
whole(conn_t *c)
{
    char    *p, *next, *head;
    size_t   body = 0;

    head = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (head == NULL) {
        return 0;
    }

    for (p = c->buf; p < head; p = next + 1) {
        next = memchr(p, '\n', head + 2 - p);

        if ((*p == 'C' || *p == 'c')
            && strncasecmp(p, "Content-Length:", 15) == 0)
        {
            body = strtoul(p + 15, NULL, 10);
        }
    }

    body += head + 4 - c->buf;

    return body <= c->len ? body : 0;
}


static void
start(conn_t *c, int64_t due, int endpoint)
{
    int   n;
    char  buf[512];

    n = sprintf(buf, "POST /event?e=%d&t=%lld HTTP/1.1\r\n"
                "Host: 127.0.0.1\r\n"
                "User-Agent: fair\r\n"
                "Content-Type: application/json\r\n"
                "Content-Length: 2\r\n"
                "\r\n"
                "{}", endpoint, (long long) due);

    if (send(c->fd, buf, n, MSG_NOSIGNAL) != n) {
        fail("send");
    }
}


static int
emit(int64_t due)
{
    int      endpoint;
    conn_t  *c = idle;

    endpoint = drand48() * endpoints;

    sent++;
    measured += endpoint < endpoints - sick;

    if (c) {
        idle = c->next;
        start(c, due, endpoint);

    } else {
        waiting[last_waiting % WAITING].due = due;
        waiting[last_waiting % WAITING].endpoint = endpoint;

        if (++last_waiting - first_waiting == WAITING) {
            errno = ENOBUFS;
            fail("arrivals");
        }
    }

    return endpoint < endpoints - sick;
}


static void
arrivals(void)
{
    uint64_t           n;
    struct itimerspec  it;

    if (read(timer.fd, &n, sizeof(n)) == -1 && errno != EAGAIN) {
        fail("read");
    }

    now = clock_ns();

    while (next_arrival <= now && next_arrival < end) {
        (void) emit(next_arrival);
        next_arrival += -log(1 - drand48()) / rate * 1e9;
    }

    if (next_arrival >= end) {
        return;
    }

    memset(&it, 0, sizeof(it));
    it.it_value.tv_sec = next_arrival / 1000000000;
    it.it_value.tv_nsec = next_arrival % 1000000000;

    timerfd_settime(timer.fd, TFD_TIMER_ABSTIME, &it, NULL);
}


/* one more to be measured; those for the others are not waited for */

static void
refill(void)
{
    now = clock_ns();

    while (now < end && !emit(now)) { /* void */ }
}


static void
arrive(conn_t *c, size_t len)
{
    char     *p;
    int64_t   due;

    p = memmem(c->buf, len, "\"e\":\"", 5);
    if (p == NULL || atoi(p + 5) >= endpoints - sick) {
        return;
    }

    p = memmem(p, c->buf + len - p, "\"t\":\"", 5);
    if (p == NULL) {
        return;
    }

    due = atoll(p + 5);

    if (!running || due < begin) {
        return;                                 /* of a run before this one */
    }

    if ((size_t) arrived == latency_size) {
        latency_size = latency_size ? latency_size * 2 : 65536;
        latency = realloc(latency, latency_size * sizeof(uint32_t));
        if (latency == NULL) {
            fail("realloc");
        }
    }

    last_arrival = clock_ns();
    latency[arrived++] = (last_arrival - due) / 1000;

    if (rate == 0) {
        refill();
    }
}


static void
receive(conn_t *c)
{
    size_t       len;
    ssize_t      n;
    const char  *answer;

    n = recv(c->fd, c->buf + c->len, BUFFER - 1 - c->len, 0);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        close(c->fd);
        free(c);
        return;
    }

    c->len += n;
    c->buf[c->len] = '\0';

    while ((len = whole(c)) != 0) {

        if (c->kind != HANG) {
            answer = c->kind == OK
                     ? "HTTP/1.1 204 No Content\r\n\r\n"
                     : "HTTP/1.1 500 Internal Server Error\r\n"
                       "Content-Length: 0\r\n\r\n";

            (void) !send(c->fd, answer, strlen(answer), MSG_NOSIGNAL);
        }

        if (c->kind == OK) {
            arrive(c, len);
        }

        c->len -= len;
        memmove(c->buf, c->buf + len, c->len + 1);
    }
}


static void
answered_client(conn_t *c)
{
    ssize_t   n;
    event_t  *e;

    n = recv(c->fd, c->buf + c->len, BUFFER - 1 - c->len, 0);

    if (n <= 0) {
        fail(n ? "recv" : "connection closed");
    }

    c->len += n;

    if (memmem(c->buf, c->len, "\r\n\r\n", 4) == NULL) {
        return;
    }

    answered++;
    failed += memcmp(c->buf, "HTTP/1.1 204 ", 13) != 0;
    c->len = 0;

    if (first_waiting != last_waiting) {
        e = &waiting[first_waiting++ % WAITING];
        start(c, e->due, e->endpoint);
        return;
    }

    c->next = idle;
    idle = c;
}


static int
compare(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return a < b ? -1 : a > b;
}


static uint32_t
quantile(double q)
{
    return arrived ? latency[(size_t) ((arrived - 1) * q)] : 0;
}


static void
command(void)
{
    int      i;
    char     line[256];
    long     seed;
    double   seconds;
    ssize_t  n;

    n = read(0, line, sizeof(line) - 1);
    if (n <= 0) {
        exit(0);
    }

    line[n] = '\0';

    if (sscanf(line, "%d %lf %lf %d %ld %d %d", &port, &seconds, &rate,
               &window, &seed, &endpoints, &sick) != 7)
    {
        errno = EINVAL;
        fail(line);
    }

    idle = NULL;

    for (i = 0; i < CLIENTS; i++) {
        clients[i] = open_client();
    }

    sent = answered = measured = arrived = failed = accepted = 0;
    srand48(seed);

    running = 1;
    begin = last_arrival = now = next_arrival = clock_ns();
    end = begin + (int64_t) (seconds * 1e9);

    if (rate) {
        arrivals();
        return;
    }

    for (i = 0; i < window; i++) {
        refill();
    }
}


static void
finish(void)
{
    int  i;

    running = 0;

    for (i = 0; i < CLIENTS; i++) {
        close(clients[i]->fd);
        free(clients[i]);
    }

    first_waiting = last_waiting = 0;

    qsort(latency, arrived, sizeof(uint32_t), compare);

    printf("{\"sent\":%ld,\"answered\":%ld,\"failed\":%ld,\"measured\":%ld,"
           "\"arrived\":%ld,\"accepted\":%ld,\"seconds\":%.6f,\"p50\":%u,"
           "\"p99\":%u,\"max\":%u}\n",
           sent, answered, failed, measured, arrived, accepted,
           (last_arrival - begin) / 1e9, quantile(0.5), quantile(0.99),
           quantile(1));

    fflush(stdout);
}


int
main(int argc, char **argv)
{
    int                 i, n;
    conn_t             *c;
    struct epoll_event  events[256];

    if (argc < 4) {
        fprintf(stderr, "usage: fair OK_PORT ERROR_PORT HANG_PORT\n");
        return 1;
    }

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);

    ep = epoll_create1(0);

    for (i = 0; i < KINDS; i++) {
        open_port(i, atoi(argv[i + 1]));
    }

    commands.type = COMMANDS;
    watch(&commands);

    timer.type = TIMER;
    timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(&timer);

    for ( ;; ) {
        n = epoll_wait(ep, events, 256, running ? 10 : -1);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            switch (c->type) {

            case COMMANDS:
                command();
                break;

            case TIMER:
                if (running) {
                    arrivals();
                }
                break;

            case LISTEN:
                take(c);
                break;

            case RECEIVER:
                receive(c);
                break;

            default:
                answered_client(c);
            }
        }

        if (!running) {
            continue;
        }

        now = clock_ns();

        if (now >= end
            && ((answered == sent && arrived >= measured)
                || now - last_arrival > PATIENCE))
        {
            finish();
        }
    }
}
