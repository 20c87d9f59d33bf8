
/*
 * An interposer for tests: a thread that is about to read the database right
 * after a commit of its own removes the file READ_FAIL, if it is there, and is
 * told that this has failed.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <lmdb.h>


static __thread int  committed;


int
mdb_txn_commit(MDB_txn *txn)
{
    static int  (*next)(MDB_txn *);

    if (next == NULL) {
        next = (int (*)(MDB_txn *)) dlsym(RTLD_NEXT, "mdb_txn_commit");
    }

    committed = 1;

    return next(txn);
}


int
mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn)
{
    int  was;

    static int  (*next)(MDB_env *, MDB_txn *, unsigned, MDB_txn **);

    if (next == NULL) {
        next = (int (*)(MDB_env *, MDB_txn *, unsigned, MDB_txn **))
               dlsym(RTLD_NEXT, "mdb_txn_begin");
    }

    was = committed;
    committed = 0;

    if (was && (flags & MDB_RDONLY) && unlink(getenv("READ_FAIL")) == 0) {
        return EIO;
    }

    return next(env, parent, flags, txn);
}
