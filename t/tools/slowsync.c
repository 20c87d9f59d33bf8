
/*
 * An interposer (LD_PRELOAD) for tests of what a flush promises.
 *
 *     SLOWSYNC_LOG     a file: "begin" and "end" of each msync() and
 *                      fdatasync(), with process, thread, and time in ns
 *     SLOWSYNC_DELAY   a file with a number of ms: msync() takes as long, too
 *     SLOWSYNC_STORE   a directory whose files are shadowed
 *     SLOWSYNC_SHADOW  ... here: each file as a power cut would leave it at
 *                      least, that is, with what completed calls of msync(),
 *                      fsync(), fdatasync(), and writes with O_DSYNC cover
 *
 * What goes into a shadow is copied before the real call: the octets that are
 * written during a flush are not promised by it.
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>


#define PAGE  4096


static int (*real_msync)(void *, size_t, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);

static const char  *store, *shadow;


__attribute__((constructor))
static void
slowsync_init(void)
{
    *(void **) &real_msync = dlsym(RTLD_NEXT, "msync");
    *(void **) &real_fsync = dlsym(RTLD_NEXT, "fsync");
    *(void **) &real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    *(void **) &real_pwrite = dlsym(RTLD_NEXT, "pwrite");

    /* nginx writes its title over the environment */

    store = getenv("SLOWSYNC_STORE");
    store = store ? strdup(store) : NULL;

    shadow = getenv("SLOWSYNC_SHADOW");
    shadow = shadow ? strdup(shadow) : NULL;
}


static void
slowsync_log(const char *fmt, ...)
{
    int              fd, n;
    char             buf[256];
    va_list          args;
    const char      *path;
    struct timespec  ts;

    path = getenv("SLOWSYNC_LOG");
    if (path == NULL) {
        return;
    }

    clock_gettime(CLOCK_MONOTONIC, &ts);

    n = snprintf(buf, sizeof(buf), "%d %ld %lld%09ld ", (int) getpid(),
                 (long) syscall(SYS_gettid), (long long) ts.tv_sec,
                 ts.tv_nsec);

    va_start(args, fmt);
    n += vsnprintf(buf + n, sizeof(buf) - (size_t) n, fmt, args);
    va_end(args);

    fd = open(path, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0666);

    if (fd != -1) {
        if (write(fd, buf, (size_t) n) == -1) {
            /* void */
        }

        close(fd);
    }
}


static void
slowsync_delay(void)
{
    int              fd;
    char             buf[32];
    long             ms;
    ssize_t          n;
    const char      *path;
    struct timespec  ts;

    path = getenv("SLOWSYNC_DELAY");

    if (path == NULL || (fd = open(path, O_RDONLY|O_CLOEXEC)) == -1) {
        return;
    }

    n = read(fd, buf, sizeof(buf) - 1);
    close(fd);

    if (n <= 0) {
        return;
    }

    buf[n] = '\0';
    ms = atol(buf);

    ts.tv_sec = ms / 1000;
    ts.tv_nsec = ms % 1000 * 1000000;

    while (nanosleep(&ts, &ts) == -1 && errno == EINTR) { /* void */ }
}


/* the shadow of a file of the store, or -1 */

static int
slowsync_shadow(const char *path)
{
    int     fd;
    char    name[PATH_MAX + 64];
    size_t  len;

    if (store == NULL || shadow == NULL) {
        return -1;
    }

    len = strlen(store);

    if (strncmp(path, store, len) != 0 || path[len] != '/'
        || strchr(path + len + 1, '/'))
    {
        return -1;
    }

    snprintf(name, sizeof(name), "%s/%s", shadow, path + len + 1);

    fd = open(name, O_RDWR|O_CREAT|O_CLOEXEC, 0666);

    if (fd != -1) {
        (void) fchmod(fd, 0666);
    }

    return fd;
}


static int
slowsync_shadow_fd(int fd)
{
    char     link[64], path[PATH_MAX];
    ssize_t  n;

    if (store == NULL) {
        return -1;
    }

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0) {
        return -1;
    }

    path[n] = '\0';

    return slowsync_shadow(path);
}


/* the file that is mapped at an address */

static int
slowsync_shadow_map(void *addr, off_t *off, off_t *size)
{
    int             fd;
    char            line[PATH_MAX + 128], *path;
    FILE           *f;
    struct stat     st;
    unsigned long   from, to, at;

    if (store == NULL) {
        return -1;
    }

    fd = -1;

    f = fopen("/proc/self/maps", "re");
    if (f == NULL) {
        return -1;
    }

    while (fgets(line, sizeof(line), f)) {

        if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &at) != 3
            || (unsigned long) addr < from || (unsigned long) addr >= to)
        {
            continue;
        }

        path = strchr(line, '/');

        if (path) {
            path[strcspn(path, "\n")] = '\0';

            if (stat(path, &st) == 0) {
                fd = slowsync_shadow(path);
                *off = (off_t) (at + ((unsigned long) addr - from));
                *size = st.st_size;
            }
        }

        break;
    }

    fclose(f);

    return fd;
}


int
msync(void *addr, size_t len, int flags)
{
    int    rc, fd, err;
    void  *copy;
    off_t  off, size;

    slowsync_log("begin msync %zu\n", len);

    copy = NULL;
    fd = slowsync_shadow_map(addr, &off, &size);

    if (fd != -1) {
        copy = malloc(len);

        if (copy) {
            memcpy(copy, addr, len);
        }
    }

    slowsync_delay();

    rc = real_msync(addr, len, flags);
    err = errno;

    if (fd != -1) {
        if (rc == 0 && copy) {
            if (ftruncate(fd, size) == -1
                || real_pwrite(fd, copy, len, off) != (ssize_t) len)
            {
                abort();
            }
        }

        close(fd);
        free(copy);
    }

    slowsync_log("end msync %zu\n", len);

    errno = err;

    return rc;
}


/* all of a file: pages that differ from its shadow */

static int
slowsync_file(int fd, int (*sync)(int), const char *name)
{
    int          rc, sfd, err;
    char        *copy, page[PAGE];
    off_t        off;
    size_t       n;
    ssize_t      k;
    struct stat  st;

    slowsync_log("begin %s\n", name);

    copy = NULL;
    n = 0;
    sfd = slowsync_shadow_fd(fd);

    if (sfd != -1 && fstat(fd, &st) == 0 && st.st_size > 0) {
        copy = malloc((size_t) st.st_size);

        while (copy && n < (size_t) st.st_size) {
            k = pread(fd, copy + n, (size_t) st.st_size - n, (off_t) n);

            if (k <= 0) {
                break;
            }

            n += (size_t) k;
        }
    }

    rc = sync(fd);
    err = errno;

    if (sfd != -1) {

        if (rc == 0 && copy) {

            if (ftruncate(sfd, (off_t) n) == -1) {
                abort();
            }

            for (off = 0; off + PAGE <= (off_t) n; off += PAGE) {

                if (pread(sfd, page, PAGE, off) == PAGE
                    && memcmp(page, copy + off, PAGE) == 0)
                {
                    continue;
                }

                if (real_pwrite(sfd, copy + off, PAGE, off) != PAGE) {
                    abort();
                }
            }
        }

        close(sfd);
        free(copy);
    }

    slowsync_log("end %s\n", name);

    errno = err;

    return rc;
}


int
fsync(int fd)
{
    return slowsync_file(fd, real_fsync, "fsync");
}


int
fdatasync(int fd)
{
    return slowsync_file(fd, real_fdatasync, "fdatasync");
}


ssize_t
pwrite(int fd, const void *buf, size_t len, off_t off)
{
    int      flags, sfd, err;
    ssize_t  n;

    n = real_pwrite(fd, buf, len, off);

    if (n <= 0 || store == NULL) {
        return n;
    }

    err = errno;
    flags = fcntl(fd, F_GETFL);

    if (flags != -1 && (flags & (O_DSYNC|O_SYNC))) {

        sfd = slowsync_shadow_fd(fd);

        if (sfd != -1) {
            if (real_pwrite(sfd, buf, (size_t) n, off) != n) {
                abort();
            }

            close(sfd);
        }
    }

    errno = err;

    return n;
}


ssize_t
pwrite64(int fd, const void *buf, size_t len, off_t off)
{
    return pwrite(fd, buf, len, off);
}
