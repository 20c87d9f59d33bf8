
/*
 * An interposer for tests: as long as the file COMMIT_KILL is there, a process
 * that has written a meta page of the database removes it, and is killed: its
 * commit is done, and nobody was told of it.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>


ssize_t
pwrite(int fd, const void *buf, size_t n, off_t offset)
{
    char     link[64], path[4096];
    ssize_t  rc, len;

    static ssize_t  (*next)(int, const void *, size_t, off_t);

    if (next == NULL) {
        next = (ssize_t (*)(int, const void *, size_t, off_t))
               dlsym(RTLD_NEXT, "pwrite");
    }

    rc = next(fd, buf, n, offset);

    if (offset >= 2 * 4096 || n >= 4096) {
        return rc;
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);

    if (len < 8) {
        return rc;
    }

    path[len] = '\0';

    if (strcmp(path + len - 8, "data.mdb") == 0
        && unlink(getenv("COMMIT_KILL")) == 0)
    {
        kill(getpid(), SIGKILL);
    }

    return rc;
}
