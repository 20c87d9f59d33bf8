
/*
 * An interposer (LD_PRELOAD) that measures the time from a commit to the first
 * octets of its attempt: from the return of what commits, which is a function
 * of the module, to the return of the writev() that begins with "POST /hook".  The
 * target being on the same machine, it has them by then.
 *
 *     FIRST_FILE      a file of 8 octets, and of 4 for each event: how many
 *                     there were, and their times in ns
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_append)(void *, uint64_t, const void *, uint32_t, void *);
static void (*real_committed)(void *, intptr_t);

static volatile uint64_t  *count;
static uint32_t           *times;
static uint64_t            max, committed;
static int                 later;


__attribute__((constructor))
static void
first_init(void)
{
    int          fd;
    void        *p;
    const char  *path;
    struct stat  st;

    *(void **) &real_writev = dlsym(RTLD_NEXT, "writev");

    path = getenv("FIRST_FILE");

    if (path == NULL) {
        return;
    }

    fd = open(path, O_RDWR);

    if (fd == -1 || fstat(fd, &st) == -1) {
        return;
    }

    p = mmap(NULL, st.st_size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (p != MAP_FAILED) {
        count = p;
        times = (uint32_t *) ((char *) p + 8);
        max = (st.st_size - 8) / 4;
    }

    close(fd);
}


static uint64_t
first_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* sync=off */

int
wh_journal_append(void *writer, uint64_t when, const void *entries,
    uint32_t n, void *ref)
{
    int  rc;

    if (real_append == NULL) {
        *(void **) &real_append = dlsym(RTLD_NEXT, "wh_journal_append");
    }

    rc = real_append(writer, when, entries, n, ref);

    if (!later) {
        committed = first_clock();
    }

    return rc;
}


/* sync=always: the flush has ended */

void
ngx_http_webhook_committed(void *data, intptr_t rc)
{
    if (real_committed == NULL) {
        *(void **) &real_committed = dlsym(RTLD_NEXT,
                                           "ngx_http_webhook_committed");
    }

    later = 1;
    committed = first_clock();

    real_committed(data, rc);
}


ssize_t
writev(int fd, const struct iovec *iov, int n)
{
    ssize_t  rc;

    rc = real_writev(fd, iov, n);

    if (committed && rc > 10 && iov[0].iov_len > 10
        && memcmp(iov[0].iov_base, "POST /hook ", 11) == 0)
    {
        if (count && *count < max) {
            times[*count] = (uint32_t) (first_clock() - committed);
            (*count)++;
        }

        committed = 0;
    }

    return rc;
}
