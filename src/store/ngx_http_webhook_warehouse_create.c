
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The master's part: the database is made, checked, or set aside.
 */


#include "ngx_http_webhook_warehouse.h"


#define NGX_HTTP_WEBHOOK_READERS  512


struct ngx_http_webhook_reader_s {
    MDB_env  *env;
    MDB_txn  *txn;
    MDB_dbi   dbi;
};


static ngx_int_t ngx_http_webhook_warehouse_check(u_char *dir, size_t size,
    ngx_log_t *log);
static ngx_uint_t ngx_http_webhook_warehouse_whole(MDB_env *env, u_char *dir);
static ngx_int_t ngx_http_webhook_warehouse_aside(u_char *dir,
    ngx_log_t *log);
static ngx_int_t ngx_http_webhook_warehouse_epoch(MDB_env *env, MDB_dbi dbi,
    uint64_t least, uint64_t *epoch, ngx_log_t *log);


ngx_int_t
ngx_http_webhook_warehouse_create(u_char *dir, size_t size, uint64_t least,
    uint64_t *epoch, uint64_t *damaged, ngx_log_t *log)
{
    int               rc, fd;
    u_char            path[NGX_MAX_PATH];
    MDB_dbi           dbi;
    MDB_env          *env;
    ngx_int_t         ok;
    ngx_file_info_t   fi;

    ngx_snprintf(path, NGX_MAX_PATH, "%s/data.mdb%Z", dir);

    if (ngx_file_info(path, &fi) != NGX_FILE_ERROR && ngx_file_size(&fi) > 0) {

        if (ngx_http_webhook_warehouse_check(dir, size, log) != NGX_OK) {

            if (ngx_http_webhook_warehouse_aside(dir, log) != NGX_OK) {
                return NGX_ERROR;
            }

            (*damaged)++;
        }
    }

    if (ngx_http_webhook_warehouse_open_env(dir, size, &env, &dbi, &rc)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "webhook_store \"%s\": cannot open the database: %s",
                      dir, mdb_strerror(rc));
        return NGX_ERROR;
    }

    ok = ngx_http_webhook_warehouse_epoch(env, dbi, least, epoch, log);

    mdb_env_close(env);

    if (ok != NGX_OK) {
        return NGX_ERROR;
    }

    /* a full disk is to be met here, not in the middle of a commit */

    fd = ngx_open_file(path, NGX_FILE_RDWR|NGX_FILE_NOFOLLOW, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", path);
        return NGX_ERROR;
    }

    rc = posix_fallocate(fd, 0, size);

    ngx_close_file(fd);

    if (rc) {
        ngx_log_error(NGX_LOG_EMERG, log, rc,
                      "posix_fallocate() of %uz octets for \"%s\" failed",
                      size, path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_warehouse_open_env(u_char *dir, size_t size, MDB_env **env,
    MDB_dbi *dbi, int *rc)
{
    u_char            path[NGX_MAX_PATH];
    MDB_txn          *txn;
    ngx_uint_t        i;
    ngx_file_info_t   fi;
    static char      *names[] = { "data.mdb", "lock.mdb" };

    /* LMDB would follow a link, and the master may write anywhere */

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ngx_snprintf(path, NGX_MAX_PATH, "%s/%s%Z", dir, names[i]);

        if (ngx_link_info(path, &fi) != NGX_FILE_ERROR && ngx_is_link(&fi)) {
            *rc = NGX_ELOOP;
            return NGX_ERROR;
        }
    }

    *rc = mdb_env_create(env);
    if (*rc) {
        return NGX_ERROR;
    }

    *rc = mdb_env_set_mapsize(*env, size);

    if (*rc == 0) {
        *rc = mdb_env_set_maxreaders(*env, NGX_HTTP_WEBHOOK_READERS);
    }

    if (*rc == 0) {
        *rc = mdb_env_open(*env, (char *) dir, MDB_NOTLS, 0600);
    }

    if (*rc == 0) {
        *rc = mdb_txn_begin(*env, NULL, MDB_RDONLY, &txn);

        if (*rc == 0) {
            *rc = mdb_dbi_open(txn, NULL, 0, dbi);

            if (*rc) {
                mdb_txn_abort(txn);

            } else {
                *rc = mdb_txn_commit(txn);
            }
        }
    }

    if (*rc == 0) {
        return NGX_OK;
    }

    mdb_env_close(*env);

    return NGX_ERROR;
}


/*
 * Reads a database from end to end, in a process of its own: LMDB trusts its
 * pages, and what a power cut or a bad disk has left of them may kill.
 */

static ngx_int_t
ngx_http_webhook_warehouse_check(u_char *dir, size_t size, ngx_log_t *log)
{
    int          rc, status;
    pid_t        pid;
    MDB_env     *env;
    MDB_dbi      dbi;
    MDB_txn     *txn;
    MDB_val      key, value;
    MDB_cursor  *cur;

    pid = fork();

    if (pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "fork() failed");
        return NGX_OK;
    }

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        signal(SIGABRT, SIG_DFL);

        if (ngx_http_webhook_warehouse_open_env(dir, size, &env, &dbi, &rc)
            != NGX_OK)
        {
            /* only what is wrong with the file itself; the rest shows later */

            _exit(rc == MDB_INVALID || rc == MDB_CORRUPTED
                  || rc == MDB_PAGE_NOTFOUND);
        }

        if (!ngx_http_webhook_warehouse_whole(env, dir)
            || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0
            || mdb_cursor_open(txn, dbi, &cur) != 0)
        {
            _exit(1);
        }

        do {
            rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
        } while (rc == 0);

        _exit(rc == MDB_NOTFOUND ? 0 : 1);
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (ngx_errno != NGX_EINTR) {
            return NGX_OK;
        }
    }

    return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ? NGX_OK
                                                           : NGX_ERROR;
}


static ngx_uint_t
ngx_http_webhook_warehouse_whole(MDB_env *env, u_char *dir)
{
    u_char           path[NGX_MAX_PATH];
    MDB_stat         st;
    MDB_envinfo      info;
    ngx_file_info_t  fi;

    ngx_snprintf(path, NGX_MAX_PATH, "%s/data.mdb%Z", dir);

    if (mdb_env_stat(env, &st) != 0 || mdb_env_info(env, &info) != 0
        || ngx_file_info(path, &fi) == NGX_FILE_ERROR)
    {
        return 0;
    }

    return (uint64_t) ngx_file_size(&fi) / st.ms_psize > info.me_last_pgno;
}


static ngx_int_t
ngx_http_webhook_warehouse_aside(u_char *dir, ngx_log_t *log)
{
    u_char  from[NGX_MAX_PATH], to[NGX_MAX_PATH];

    ngx_snprintf(from, NGX_MAX_PATH, "%s/data.mdb%Z", dir);
    ngx_snprintf(to, NGX_MAX_PATH, "%s/data.mdb.damaged.%T%Z", dir,
                 ngx_time());

    if (ngx_rename_file(from, to) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_rename_file_n " \"%s\" to \"%s\" failed", from, to);
        return NGX_ERROR;
    }

    ngx_snprintf(from, NGX_MAX_PATH, "%s/lock.mdb%Z", dir);

    (void) ngx_delete_file(from);

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "webhook_store \"%s\": the database is damaged, it was set "
                  "aside as \"%s\"", dir, to);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_warehouse_epoch(MDB_env *env, MDB_dbi dbi, uint64_t least,
    uint64_t *epoch, ngx_log_t *log)
{
    int        rc;
    uint64_t   version, last, counted;
    MDB_txn   *txn;

    rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc) {
        goto failed;
    }

    version = NGX_HTTP_WEBHOOK_STORE_VERSION;
    last = 0;
    counted = 0;

    rc = ngx_http_webhook_warehouse_get_number(txn, dbi, "mversion", &version);

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_get_number(txn, dbi, "mepoch", &last);
    }

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_get_number(txn, dbi, "mcounted",
                                                   &counted);
    }

    if (rc) {
        mdb_txn_abort(txn);
        goto failed;
    }

    if (version != NGX_HTTP_WEBHOOK_STORE_VERSION) {
        mdb_txn_abort(txn);

        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "the database is of version %uL, this module reads "
                      "version %d", version, NGX_HTTP_WEBHOOK_STORE_VERSION);
        return NGX_ERROR;
    }

    *epoch = ngx_max(least, last) + 1;

    rc = ngx_http_webhook_warehouse_put_number(txn, dbi, "mversion", version);

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_put_number(txn, dbi, "mepoch", *epoch);
    }

    if (rc == 0 && !counted) {
        rc = ngx_http_webhook_warehouse_count_all(txn, dbi);

        if (rc == 0) {
            rc = ngx_http_webhook_warehouse_put_number(txn, dbi, "mcounted",
                                                       1);
        }
    }

    if (rc) {
        mdb_txn_abort(txn);
        goto failed;
    }

    rc = mdb_txn_commit(txn);

    if (rc == 0) {
        return NGX_OK;
    }

failed:

    ngx_log_error(NGX_LOG_EMERG, log, 0, "cannot write the database: %s",
                  mdb_strerror(rc));

    return NGX_ERROR;
}


ngx_http_webhook_reader_t *
ngx_http_webhook_warehouse_reader(u_char *dir, size_t size, ngx_log_t *log)
{
    int                         rc;
    ngx_http_webhook_reader_t  *rd;

    rd = ngx_calloc(sizeof(ngx_http_webhook_reader_t), log);
    if (rd == NULL) {
        return NULL;
    }

    if (ngx_http_webhook_warehouse_open_env(dir, size, &rd->env, &rd->dbi, &rc)
        == NGX_OK)
    {
        rc = mdb_txn_begin(rd->env, NULL, MDB_RDONLY, &rd->txn);

        if (rc == 0) {
            return rd;
        }

        mdb_env_close(rd->env);
    }

    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "webhook_store \"%s\": cannot read the states of "
                  "endpoints: %s", dir, mdb_strerror(rc));

    ngx_free(rd);

    return NULL;
}


ngx_int_t
ngx_http_webhook_warehouse_reader_get(ngx_http_webhook_reader_t *rd,
    u_char *key, size_t len, ngx_str_t *value)
{
    MDB_val  k, v;

    k.mv_data = key;
    k.mv_size = len;

    if (mdb_get(rd->txn, rd->dbi, &k, &v) != 0) {
        return NGX_DECLINED;
    }

    value->data = v.mv_data;
    value->len = v.mv_size;

    return NGX_OK;
}


void
ngx_http_webhook_warehouse_reader_done(ngx_http_webhook_reader_t *rd)
{
    mdb_txn_abort(rd->txn);
    mdb_env_close(rd->env);
    ngx_free(rd);
}
