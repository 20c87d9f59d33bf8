
/*
 * An interposer for tests: as long as the file API_FAIL_READ is there, no
 * transaction that reads can be begun, the file has the code; API_FAIL_COMMIT
 * is the same of commits, but that every second one is made when the code is
 * that of a full database; with API_FAIL_SOCKET there are no sockets.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <lmdb.h>


static int
code_of(const char *name)
{
    int    rc;
    FILE  *f;

    f = fopen(getenv(name), "r");

    if (f == NULL) {
        return 0;
    }

    if (fscanf(f, "%d", &rc) != 1) {
        rc = 0;
    }

    fclose(f);

    return rc;
}


int
mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned int flags,
    MDB_txn **txn)
{
    static int  (*next)(MDB_env *, MDB_txn *, unsigned int, MDB_txn **);

    int  rc;

    rc = (flags & MDB_RDONLY) ? code_of("API_FAIL_READ") : 0;

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
    static int  full;
    static int  (*next)(MDB_txn *);

    int  rc;

    rc = code_of("API_FAIL_COMMIT");

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
