
/*
 * An interposer for tests: a process that is about to write a meta page of the
 * database removes the file META_FAIL, if it is there, and is told that this
 * has failed.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    char     link[64], path[4096];
    ssize_t  len;

    static ssize_t  (*next)(int, const void *, size_t, off_t);

    if (next == NULL) {
        next = (ssize_t (*)(int, const void *, size_t, off_t))
               dlsym(RTLD_NEXT, "pwrite");
    }

    if (offset >= 2 * 4096 || n >= 4096) {
        return next(fd, buf, n, offset);
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);

    if (len >= 8) {
        path[len] = '\0';

        if (strcmp(path + len - 8, "data.mdb") == 0
            && unlink(getenv("META_FAIL")) == 0)
        {
            errno = EIO;
            return -1;
        }
    }

    return next(fd, buf, n, offset);
}
