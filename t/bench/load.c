
/*
 * A load generator: POST requests with a JSON body of 402 octets on keepalive
 * connections.
 *
 *     load PORT CONNECTIONS SECONDS RATE [REQUESTS]
 *
 * RATE 0 is a closed loop: each connection sends the next request when it has
 * a response.  Otherwise requests arrive at random (Poisson) at RATE per
 * second, wait for an idle connection if there is none, and their latency
 * counts from the arrival.  It ends after SECONDS, or after REQUESTS, when
 * all responses are there, and prints one line of JSON.
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


#define BODY     402
#define BUFFER   16384
#define WAITING  (1 << 20)
#define PATIENCE 15000000000ll        /* ns without any response */


typedef struct conn_s  conn_t;

struct conn_s {
    int        fd;
    int        busy;
    int64_t    began;
    size_t     len;
    conn_t    *next;
    char       buf[BUFFER];
};


static char      request[2048];
static size_t    request_len;

static conn_t   *idle, **idle_last = &idle;

static int64_t   waiting[WAITING];
static size_t    first_waiting, last_waiting;

static uint32_t *latency;
static size_t    nlatency, latency_size;

static long      sent, limit, answered, failed;
static int       timer;
static int64_t   now, end, next_arrival;
static double    rate;


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
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}


static void
make_request(int port)
{
    int   n;
    char  body[BODY + 1];

    memset(body, 'x', BODY);

    n = sprintf(body, "{\"contact\":{\"email\":\"ann@example.com\",\"name\":"
                "\"Ann Example\",\"age\":41,\"address\":{\"city\":\"Berlin\","
                "\"country\":\"DE\"},\"tags\":[\"new\",\"vip\"]},\"note\":\"");
    body[n] = 'x';

    memcpy(body + BODY - 2, "\"}", 3);

    request_len = sprintf(request, "POST /contacts HTTP/1.1\r\n"
                          "Host: 127.0.0.1:%d\r\n"
                          "User-Agent: load\r\n"
                          "Accept: */*\r\n"
                          "Content-Type: application/json\r\n"
                          "Content-Length: %d\r\n"
                          "\r\n"
                          "%s", port, BODY, body);
}


static void
open_conn(int ep, int port)
{
    int                 on = 1;
    conn_t             *c;
    struct sockaddr_in  sin;
    struct epoll_event  ee;

    c = calloc(1, sizeof(conn_t));
    if (c == NULL) {
        fail("calloc");
    }

    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(c->fd, (struct sockaddr *) &sin, sizeof(sin)) == -1) {
        fail("connect");
    }

    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

    ee.events = EPOLLIN;
    ee.data.ptr = c;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &ee) == -1) {
        fail("epoll_ctl");
    }

    *idle_last = c;
    idle_last = &c->next;
}


static void
start(conn_t *c, int64_t began)
{
    c->busy = 1;
    c->began = began;
    sent++;

    if (send(c->fd, request, request_len, MSG_NOSIGNAL)
        != (ssize_t) request_len)
    {
        fail("send");
    }
}


/* whether there may be one more */

static int
more(void)
{
    return now < end && (limit == 0 || sent < limit);
}


static void
release(conn_t *c)
{
    c->busy = 0;

    if (rate == 0) {

        if (more()) {
            start(c, clock_ns());
        }

        return;
    }

    if (first_waiting != last_waiting) {
        start(c, waiting[first_waiting++ % WAITING]);
        return;
    }

    c->next = NULL;
    *idle_last = c;
    idle_last = &c->next;
}


static void
arrive(int64_t at)
{
    conn_t  *c = idle;

    if (c == NULL) {
        waiting[last_waiting++ % WAITING] = at;

        if (last_waiting - first_waiting == WAITING) {
            errno = ENOBUFS;
            fail("arrivals");
        }

        return;
    }

    idle = c->next;
    if (idle == NULL) {
        idle_last = &idle;
    }

    start(c, at);
}


static void
arrivals(void)
{
    uint64_t           n;
    struct itimerspec  it;

    if (read(timer, &n, sizeof(n)) == -1 && errno != EAGAIN) {
        fail("read");
    }

    while (next_arrival <= now && next_arrival < end
           && (limit == 0
               || sent + (long) (last_waiting - first_waiting) < limit))
    {
        arrive(next_arrival);
        next_arrival += -log(1 - drand48()) / rate * 1e9;
    }

    if (next_arrival >= end || !more()) {
        return;
    }

    memset(&it, 0, sizeof(it));
    it.it_value.tv_sec = next_arrival / 1000000000;
    it.it_value.tv_nsec = next_arrival % 1000000000;

    timerfd_settime(timer, TFD_TIMER_ABSTIME, &it, NULL);
}


static void
receive(conn_t *c)
{
    char     *p, *head, *next;
    size_t    len;
    ssize_t   n;

    n = recv(c->fd, c->buf + c->len, BUFFER - 1 - c->len, 0);

    if (n <= 0) {
        fail(n ? "recv" : "connection closed");
    }

    c->len += n;

    head = memmem(c->buf, c->len, "\r\n\r\n", 4);
    if (head == NULL) {
        return;
    }

    len = head + 4 - c->buf;

    for (p = c->buf; p < head; p = next + 1) {
        next = memchr(p, '\n', head + 2 - p);

        if (*p == 'C' && strncasecmp(p, "Content-Length:", 15) == 0) {
            len += strtoul(p + 15, NULL, 10);
        }
    }

    if (c->len < len) {
        return;
    }

    if (!c->busy || c->len > len) {
        errno = EPROTO;
        fail("response");
    }

    answered++;

    if (memcmp(c->buf, "HTTP/1.1 201 ", 13) != 0) {
        failed++;
    }

    if (nlatency == latency_size) {
        latency_size = latency_size ? latency_size * 2 : 65536;
        latency = realloc(latency, latency_size * sizeof(uint32_t));
        if (latency == NULL) {
            fail("realloc");
        }
    }

    latency[nlatency++] = (clock_ns() - c->began) / 100;      /* 0.1 us */
    c->len = 0;

    release(c);
}


static int
compare(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return a < b ? -1 : a > b;
}


static double
quantile(double q)
{
    return nlatency ? latency[(size_t) ((nlatency - 1) * q)] / 10.0 : 0;
}


int
main(int argc, char **argv)
{
    int                 i, n, port, conns, ep;
    conn_t             *c;
    int64_t             begin, last;
    struct epoll_event  ee, events[256];

    if (argc < 5) {
        fprintf(stderr,
                "usage: load PORT CONNECTIONS SECONDS RATE [REQUESTS]\n");
        return 1;
    }

    prctl(PR_SET_PDEATHSIG, SIGKILL);

    port = atoi(argv[1]);
    conns = atoi(argv[2]);
    rate = atof(argv[4]);
    limit = argc > 5 ? atol(argv[5]) : 0;

    make_request(port);

    ep = epoll_create1(0);

    for (i = 0; i < conns; i++) {
        open_conn(ep, port);
    }

    begin = last = now = clock_ns();
    end = begin + (int64_t) (atof(argv[3]) * 1e9);
    srand48(begin);

    if (rate == 0) {
        for (c = idle; c && more(); c = c->next) {
            start(c, clock_ns());
        }

    } else {
        timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

        ee.events = EPOLLIN;
        ee.data.ptr = NULL;
        epoll_ctl(ep, EPOLL_CTL_ADD, timer, &ee);

        next_arrival = begin;
        arrivals();
    }

    for ( ;; ) {

        if (!(rate ? next_arrival < end && more() : 0)
            && answered == sent && first_waiting == last_waiting)
        {
            break;
        }

        n = epoll_wait(ep, events, 256, 1000);

        now = clock_ns();

        for (i = 0; i < n; i++) {

            if (events[i].data.ptr) {
                receive(events[i].data.ptr);
                last = now;

            } else {
                arrivals();
            }
        }

        if (now - last > PATIENCE) {
            break;
        }
    }

    last = clock_ns();

    qsort(latency, nlatency, sizeof(uint32_t), compare);

    printf("{\"requests\":%ld,\"answered\":%ld,\"failed\":%ld,"
           "\"seconds\":%.6f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f,\"max\":%.1f}\n",
           sent, answered, failed, (last - begin) / 1e9,
           quantile(0.5), quantile(0.9), quantile(0.99), quantile(0.999),
           quantile(1));

    return 0;
}
