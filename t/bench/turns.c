
/*
 * An interposer (LD_PRELOAD) that measures turns of an event loop: the CPU time
 * of its thread from one epoll_wait() to the next.  Unlike the time of day it
 * does not depend on what else the machine does.  A call for one event is that
 * of nginx's test of the kernel: what follows is the start of a worker, which
 * serves nobody yet.
 *
 *     TURNS_FILE      a file of 16 octets or more: the number of turns, and
 *                     the longest one in ns; whoever reads it may zero it
 *     TURNS_CLOCK     "cpu": CLOCK_MONOTONIC is the CPU time of a thread, too,
 *                     so that what the module measures by it is CPU time
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>


typedef struct {
    volatile uint64_t  turns;
    volatile uint64_t  longest;
} turns_t;


static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static turns_t   *turns;
static uint64_t   began;
static int        cpu;


__attribute__((constructor))
static void
turns_init(void)
{
    int          fd;
    const char  *path;

    *(void **) &real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
    *(void **) &real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");

    path = getenv("TURNS_CLOCK");
    cpu = (path && strcmp(path, "cpu") == 0);

    path = getenv("TURNS_FILE");

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR);

    if (fd == -1) {
        return;
    }

    turns = mmap(NULL, sizeof(turns_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
                 0);

    if (turns == MAP_FAILED) {
        turns = NULL;
    }

    close(fd);
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    if (real_clock_gettime == NULL) {
        *(void **) &real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    }

    if (cpu && id == CLOCK_MONOTONIC) {
        id = CLOCK_THREAD_CPUTIME_ID;
    }

    return real_clock_gettime(id, ts);
}


static uint64_t
turns_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


int
epoll_wait(int ep, struct epoll_event *events, int n, int timeout)
{
    int       rc;
    uint64_t  took;

    if (turns == NULL) {
        return real_epoll_wait(ep, events, n, timeout);
    }

    if (began) {
        took = turns_clock() - began;

        if (took > turns->longest) {
            turns->longest = took;
        }

        turns->turns++;
    }

    rc = real_epoll_wait(ep, events, n, timeout);

    began = n > 1 ? turns_clock() : 0;

    return rc;
}
