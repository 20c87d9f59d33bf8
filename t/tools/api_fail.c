
/*
 * An interposer for tests: as long as the file API_FAIL_READ is there, no
 * transaction that reads can be begun, the file has the code, and as long as
 * API_FAIL_HOLD is there, it waits; API_FAIL_COMMIT
 * is the same of commits, but that every second one is made when the code is
 * that of a full database, and the first ones, as many as API_FAIL_AFTER has;
 * with API_FAIL_SOCKET there are no sockets.  The process whose number the file
 * API_FAIL_STOP has stops itself inside its next commit.  Processes begin and
 * end all the same: what the first thread of one does with the database is
 * done.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <lmdb.h>


static int
code_of(const char *name)
{
    int    rc;
    char  *path;
    FILE  *f;

    path = getenv(name);

    if (path == NULL) {
        return 0;
    }

    f = fopen(path, "r");

    if (f == NULL) {
        return 0;
    }

    if (fscanf(f, "%d", &rc) != 1) {
        rc = 0;
    }

    fclose(f);

    return rc;
}


static int
first_thread(void)
{
    return gettid() == getpid();
}


int
mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned int flags,
    MDB_txn **txn)
{
    static int  (*next)(MDB_env *, MDB_txn *, unsigned int, MDB_txn **);

    int  rc;

    rc = 0;

    if ((flags & MDB_RDONLY) && !first_thread()) {

        while (code_of("API_FAIL_HOLD")) {
            (void) usleep(1000);
        }

        rc = code_of("API_FAIL_READ");
    }

    if (rc) {
        return rc;
    }

    if (next == NULL) {
        next = (int (*)(MDB_env *, MDB_txn *, unsigned int, MDB_txn **))
               dlsym(RTLD_NEXT, "mdb_txn_begin");
    }

    return next(env, parent, flags, txn);
}


int
mdb_txn_commit(MDB_txn *txn)
{
    static int  full, made;
    static int  (*next)(MDB_txn *);

    int  rc;

    if (!first_thread() && code_of("API_FAIL_STOP") == getpid()) {
        unlink(getenv("API_FAIL_STOP"));
        raise(SIGSTOP);
    }

    rc = first_thread() ? 0 : code_of("API_FAIL_COMMIT");

    if (rc && made < code_of("API_FAIL_AFTER")) {
        made++;
        rc = 0;
    }

    full = (rc == MDB_MAP_FULL && !full);

    if (rc && (rc != MDB_MAP_FULL || full)) {
        mdb_txn_abort(txn);
        return rc;
    }

    if (next == NULL) {
        next = (int (*)(MDB_txn *)) dlsym(RTLD_NEXT, "mdb_txn_commit");
    }

    return next(txn);
}


int
socket(int domain, int type, int protocol)
{
    static int  (*next)(int, int, int);

    if (domain == AF_INET && code_of("API_FAIL_SOCKET")) {
        errno = EMFILE;
        return -1;
    }

    if (next == NULL) {
        next = (int (*)(int, int, int)) dlsym(RTLD_NEXT, "socket");
    }

    return next(domain, type, protocol);
}
