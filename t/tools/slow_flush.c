
/*
 * An interposer for tests: msync() waits as many milliseconds as the file in
 * SLOW_FLUSH says, fails when it says -1, and leaves an octet in its log.  For
 * -2 it makes a file "hang" beside that, and waits until it says something else.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>


static int
slow_flush_ms(void)
{
    int    ms;
    FILE  *f;

    ms = 0;
    f = fopen(getenv("SLOW_FLUSH"), "r");

    if (f) {
        if (fscanf(f, "%d", &ms) != 1) {
            ms = 0;
        }

        fclose(f);
    }

    return ms;
}


int
msync(void *p, size_t n, int flags)
{
    int   rc, fd, ms;
    char  log[4096];

    static int  (*next)(void *, size_t, int);

    if (next == NULL) {
        next = (int (*)(void *, size_t, int)) dlsym(RTLD_NEXT, "msync");
    }

    ms = slow_flush_ms();

    if (ms == -2) {
        snprintf(log, sizeof(log), "%s.hang", getenv("SLOW_FLUSH"));
        fd = open(log, O_WRONLY|O_CREAT, 0666);

        if (fd != -1) {
            close(fd);
        }

        while (ms == -2) {
            usleep(20000);
            ms = slow_flush_ms();
        }
    }

    if (ms < 0) {
        errno = EIO;
        return -1;
    }

    usleep((useconds_t) ms * 1000);

    rc = next(p, n, flags);

    snprintf(log, sizeof(log), "%s.log", getenv("SLOW_FLUSH"));
    fd = open(log, O_WRONLY|O_APPEND|O_CREAT, 0666);

    if (fd != -1) {
        if (write(fd, ".", 1) != 1) {
            rc = -1;
        }

        close(fd);
    }

    return rc;
}
