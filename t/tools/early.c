
/*
 * An interposer for tests: connect() to the port in EARLY_PORT comes back when
 * the other side has sent something, for which it waits ten seconds.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>


int
connect(int fd, const struct sockaddr *sa, socklen_t len)
{
    int                 rc, err;
    char               *port;
    struct pollfd       p;
    struct sockaddr_in  sin;

    static int  (*next)(int, const struct sockaddr *, socklen_t);

    if (next == NULL) {
        next = (int (*)(int, const struct sockaddr *, socklen_t))
               dlsym(RTLD_NEXT, "connect");
    }

    rc = next(fd, sa, len);
    err = errno;

    port = getenv("EARLY_PORT");

    if (port && sa->sa_family == AF_INET && len >= sizeof(sin)) {
        memcpy(&sin, sa, sizeof(sin));

        if (ntohs(sin.sin_port) == atoi(port)) {
            p.fd = fd;
            p.events = POLLIN;

            (void) poll(&p, 1, 10000);
        }
    }

    errno = err;

    return rc;
}
