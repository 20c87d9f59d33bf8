
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_warehouse.h"
#include "ngx_http_webhook_lease.h"
#include "ngx_http_webhook_stop.h"


#define NGX_HTTP_WEBHOOK_READERS     512
#define NGX_HTTP_WEBHOOK_PURGE       64     /* dead letters purged a visit */
#define NGX_HTTP_WEBHOOK_SLICE       4096   /* lanes looked at a visit */


/* before a record, in the machine's order; all integers are checked on use */

typedef struct {
    uint32_t                       version;
    uint32_t                       keylen;     /* of a dead letter's 'q' key */
    ngx_http_webhook_progress_t    progress;
} ngx_http_webhook_value_t;


static ngx_int_t ngx_http_webhook_warehouse_open_env(u_char *dir, size_t size,
    MDB_env **env, MDB_dbi *dbi, int *rc);
static ngx_int_t ngx_http_webhook_warehouse_check(u_char *dir, size_t size,
    ngx_log_t *log);
static ngx_uint_t ngx_http_webhook_warehouse_whole(MDB_env *env, u_char *dir);
static ngx_int_t ngx_http_webhook_warehouse_aside(u_char *dir,
    ngx_log_t *log);
static ngx_int_t ngx_http_webhook_warehouse_epoch(MDB_env *env, MDB_dbi dbi,
    uint64_t least, uint64_t *epoch, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_warehouse_write(
    ngx_http_webhook_warehouse_t *w, ngx_http_webhook_visit_t *v,
    ngx_uint_t room);
static int ngx_http_webhook_warehouse_op(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, ngx_http_webhook_op_t *op, uint64_t *dead);
static int ngx_http_webhook_warehouse_purge(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, uint64_t *dead, ngx_uint_t full, ngx_uint_t most,
    ngx_uint_t *purged);
static ngx_int_t ngx_http_webhook_warehouse_read(
    ngx_http_webhook_warehouse_t *w, ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_warehouse_read_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value, ngx_http_webhook_visit_t *v, ngx_uint_t *more);
static int ngx_http_webhook_warehouse_read_slice(MDB_cursor *cur,
    ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_warehouse_skip_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value);
static uint64_t ngx_http_webhook_warehouse_planned(MDB_val *value);
static ngx_http_webhook_loaded_t *ngx_http_webhook_warehouse_loaded(
    MDB_val *key, MDB_val *value);
static size_t ngx_http_webhook_warehouse_lane(MDB_val *key);
static ngx_uint_t ngx_http_webhook_warehouse_fill(MDB_txn *txn, MDB_dbi dbi,
    size_t size);
static int ngx_http_webhook_warehouse_get_number(MDB_txn *txn, MDB_dbi dbi,
    char *name, uint64_t *n);
static int ngx_http_webhook_warehouse_put_number(MDB_txn *txn, MDB_dbi dbi,
    char *name, uint64_t n);
static void ngx_http_webhook_put_be(u_char *p, uint64_t n, ngx_uint_t size);
static uint64_t ngx_http_webhook_get_be(u_char *p, ngx_uint_t size);


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

    fd = ngx_open_file(path, NGX_FILE_RDWR, NGX_FILE_OPEN, 0);

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


static ngx_int_t
ngx_http_webhook_warehouse_open_env(u_char *dir, size_t size, MDB_env **env,
    MDB_dbi *dbi, int *rc)
{
    MDB_txn  *txn;

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
    uint64_t   version, last;
    MDB_txn   *txn;

    rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc) {
        goto failed;
    }

    version = NGX_HTTP_WEBHOOK_STORE_VERSION;
    last = 0;

    rc = ngx_http_webhook_warehouse_get_number(txn, dbi, "mversion", &version);

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_get_number(txn, dbi, "mepoch", &last);
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


ngx_int_t
ngx_http_webhook_warehouse_open(ngx_http_webhook_warehouse_t *w, u_char *dir)
{
    int  rc, dead;

    if (ngx_http_webhook_warehouse_open_env(dir, w->size, &w->env, &w->dbi,
                                            &rc)
        != NGX_OK)
    {
        w->env = NULL;
        ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                      "webhook_store \"%s\": cannot open the database: %s",
                      dir, mdb_strerror(rc));
        return NGX_ERROR;
    }

    (void) mdb_reader_check(w->env, &dead);

    return NGX_OK;
}


void
ngx_http_webhook_warehouse_close(ngx_http_webhook_warehouse_t *w)
{
    if (w->env) {
        mdb_env_close(w->env);
        w->env = NULL;
    }
}


void
ngx_http_webhook_warehouse_visit(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_op_t  *op;

    v->loaded = NULL;
    v->last = &v->loaded;
    v->loaded_more = 0;
    v->purged = 0;
    v->size = 0;

    /*
     * LMDB's own lock has no "try": whoever was stopped inside would stop all
     * the others' threads, and with them the end of their processes.
     */

    switch (ngx_http_webhook_lease_try(w->lock,
                                       NGX_HTTP_WEBHOOK_LOCK_WAREHOUSE))
    {
    case NGX_OK:
        break;

    case NGX_BUSY:
        v->rc = NGX_AGAIN;
        return;

    default:
        v->rc = NGX_ERROR;
        return;
    }

    w->journal->slots[w->slot].gate = ngx_current_msec;

    v->rc = NGX_OK;

    if (v->ops || v->relieve) {
        v->rc = ngx_http_webhook_warehouse_write(w, v, 1);

        if (v->rc == NGX_BUSY) {

            /* what only makes room can still be done */

            for (op = v->ops; op; op = op->next) {
                op->rc = (op->type == NGX_HTTP_WEBHOOK_OP_DELETE) ? NGX_OK
                                                                  : NGX_BUSY;
            }

            v->rc = ngx_http_webhook_warehouse_write(w, v, 0);
        }
    }

    if (v->rc == NGX_OK && v->inside) {
        v->inside(v);
    }

    if (v->rc == NGX_OK
        && (v->shards || v->lanelen || v->present || v->partial))
    {
        v->rc = ngx_http_webhook_warehouse_read(w, v);
    }

    w->journal->slots[w->slot].gate = 0;

    ngx_http_webhook_lease_drop(w->lock, NGX_HTTP_WEBHOOK_LOCK_WAREHOUSE);
}


static ngx_int_t
ngx_http_webhook_warehouse_write(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v, ngx_uint_t room)
{
    int                     rc;
    MDB_txn                *txn;
    uint64_t                word, dead, before;
    ngx_uint_t              fill, buried;
    ngx_http_webhook_op_t  *op;

    buried = 0;

    rc = mdb_txn_begin(w->env, NULL, 0, &txn);

    if (rc == MDB_MAP_RESIZED) {
        (void) mdb_env_set_mapsize(w->env, 0);
        rc = mdb_txn_begin(w->env, NULL, 0, &txn);
    }

    if (rc) {
        goto failed;
    }

    fill = ngx_http_webhook_warehouse_fill(txn, w->dbi, w->size);

    dead = 0;
    rc = ngx_http_webhook_warehouse_get_number(txn, w->dbi, "mdead", &dead);
    before = dead;

    for (op = v->ops; op && rc == 0; op = op->next) {

        if (!room && op->rc == NGX_BUSY) {
            continue;
        }

        word = wh_shard_read(w->journal, op->shard);

        if (wh_shard_owner(word) != w->slot
            || wh_shard_fence(word) != op->fence)
        {
            op->rc = NGX_DECLINED;
            continue;
        }

        /* a reserve, since even deleting takes pages at first */

        if (fill >= 95 && op->type != NGX_HTTP_WEBHOOK_OP_DELETE) {
            op->rc = NGX_BUSY;
            continue;
        }

        op->rc = NGX_OK;
        rc = ngx_http_webhook_warehouse_op(w, txn, op, &dead);

        if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
            buried++;
        }
    }

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_purge(w, txn, &dead, fill >= 80,
                                              NGX_HTTP_WEBHOOK_PURGE + buried,
                                              &v->purged);
    }

    if (rc == 0 && dead != before) {
        rc = ngx_http_webhook_warehouse_put_number(txn, w->dbi, "mdead", dead);
    }

    if (rc) {
        mdb_txn_abort(txn);
        goto failed;
    }

    fill = ngx_http_webhook_warehouse_fill(txn, w->dbi, w->size);

    ngx_http_webhook_stop_point("commit");

    rc = mdb_txn_commit(txn);

    if (rc) {
        goto failed;
    }

    w->journal->head->full = fill >= 90;

    return NGX_OK;

failed:

    if (rc == MDB_MAP_FULL && room) {
        w->journal->head->full = 1;
        return NGX_BUSY;
    }

    ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                  "webhook_store: cannot write the database: %s",
                  mdb_strerror(rc));

    return NGX_ERROR;
}


static int
ngx_http_webhook_warehouse_op(ngx_http_webhook_warehouse_t *w, MDB_txn *txn,
    ngx_http_webhook_op_t *op, uint64_t *dead)
{
    int                        rc;
    size_t                     n;
    u_char                    *p, dead_key[1 + 8 + 10];
    MDB_val                    key, value;
    ngx_http_webhook_value_t   head;

    key.mv_data = op->key;
    key.mv_size = op->keylen;

    if (op->type != NGX_HTTP_WEBHOOK_OP_PUT) {
        rc = mdb_del(txn, w->dbi, &key, NULL);

        if (rc != 0 && rc != MDB_NOTFOUND) {
            return rc;
        }

        if (op->type == NGX_HTTP_WEBHOOK_OP_DELETE) {
            return 0;
        }
    }

    ngx_memzero(&head, sizeof(ngx_http_webhook_value_t));
    head.version = NGX_HTTP_WEBHOOK_VALUE_VERSION;
    head.progress = op->progress;

    n = sizeof(ngx_http_webhook_value_t) + op->len;

    if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
        head.keylen = (uint32_t) op->keylen;
        n += op->keylen;

        dead_key[0] = 'd';
        ngx_http_webhook_put_be(dead_key + 1, op->progress.ended, 8);
        ngx_memcpy(dead_key + 9, op->key + op->keylen - 10, 10);

        key.mv_data = dead_key;
        key.mv_size = sizeof(dead_key);
    }

    value.mv_size = n;

    rc = mdb_put(txn, w->dbi, &key, &value, MDB_RESERVE);
    if (rc) {
        return rc;
    }

    p = ngx_cpymem(value.mv_data, &head, sizeof(ngx_http_webhook_value_t));

    if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
        p = ngx_cpymem(p, op->key, op->keylen);
        (*dead)++;
    }

    ngx_memcpy(p, op->data, op->len);

    return 0;
}


/* the oldest dead letters make room, a few a visit */

static int
ngx_http_webhook_warehouse_purge(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, uint64_t *dead, ngx_uint_t full, ngx_uint_t most,
    ngx_uint_t *purged)
{
    int          rc;
    u_char       first[1];
    uint64_t     oldest;
    MDB_val      key, value;
    ngx_uint_t   i;
    MDB_cursor  *cur;

    if (*dead == 0) {
        return 0;
    }

    rc = mdb_cursor_open(txn, w->dbi, &cur);
    if (rc) {
        return rc;
    }

    oldest = 0;

    if (w->dead_time) {
        oldest = (uint64_t) ngx_timeofday()->sec * 1000 - w->dead_time;
    }

    first[0] = 'd';
    key.mv_data = first;
    key.mv_size = 1;

    rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

    for (i = 0; i < most && rc == 0; i++) {

        if (key.mv_size != 19 || ((u_char *) key.mv_data)[0] != 'd') {
            break;
        }

        if (!full
            && (w->dead_count == 0 || *dead <= w->dead_count)
            && ngx_http_webhook_get_be((u_char *) key.mv_data + 1, 8)
               >= oldest)
        {
            break;
        }

        rc = mdb_cursor_del(cur, 0);

        if (rc == 0) {
            (*purged)++;

            if (*dead) {
                (*dead)--;
            }

            rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
        }
    }

    mdb_cursor_close(cur);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


static ngx_int_t
ngx_http_webhook_warehouse_read(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v)
{
    int                          rc;
    u_char                       from[NGX_HTTP_WEBHOOK_KEY_SIZE + 1];
    size_t                       n;
    MDB_txn                     *txn;
    MDB_val                      key, value;
    unsigned                     shard;
    ngx_uint_t                   more;
    MDB_cursor                  *cur;

    rc = mdb_txn_begin(w->env, NULL, MDB_RDONLY, &txn);

    if (rc == MDB_MAP_RESIZED) {
        (void) mdb_env_set_mapsize(w->env, 0);
        rc = mdb_txn_begin(w->env, NULL, MDB_RDONLY, &txn);
    }

    if (rc) {
        goto failed;
    }

    rc = mdb_cursor_open(txn, w->dbi, &cur);
    if (rc) {
        mdb_txn_abort(txn);
        goto failed;
    }

    more = 0;

    if (v->lanelen) {

        /* the next key behind the last one known */

        ngx_memcpy(from, v->lane, v->lanelen);
        from[v->lanelen] = '\0';

        key.mv_data = from;
        key.mv_size = v->lanelen + 1;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        n = v->lanelen - 10;

        if (rc == 0 && ngx_http_webhook_warehouse_lane(&key) == n
            && ngx_memcmp(key.mv_data, v->lane, n) == 0)
        {
            rc = ngx_http_webhook_warehouse_read_lane(cur, &key, &value, v,
                                                      &more);
        }

        v->loaded_more = more;
    }

    for (shard = 0; v->shards && shard < WH_SHARDS; shard++) {

        if (!v->shards[shard]) {
            continue;
        }

        from[0] = 'q';
        ngx_http_webhook_put_be(from + 1, shard, 2);

        key.mv_data = from;
        key.mv_size = 3;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        while (rc == 0 && ngx_http_webhook_warehouse_lane(&key) != 0
               && ngx_http_webhook_get_be((u_char *) key.mv_data + 1, 2)
                  == shard)
        {
            if (v->size >= v->budget) {
                v->skipped[shard] = 1;
                break;
            }

            rc = ngx_http_webhook_warehouse_read_lane(cur, &key, &value, v,
                                                      &more);
        }

        if (rc != 0 && rc != MDB_NOTFOUND) {
            break;
        }
    }

    if (v->partial && (rc == 0 || rc == MDB_NOTFOUND)) {
        rc = ngx_http_webhook_warehouse_read_slice(cur, v);
    }

    for (shard = 0; v->present && shard < WH_SHARDS; shard++) {

        from[0] = 'q';
        ngx_http_webhook_put_be(from + 1, shard, 2);

        key.mv_data = from;
        key.mv_size = 3;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        if (rc != 0 || ngx_http_webhook_warehouse_lane(&key) == 0) {
            break;
        }

        shard = (unsigned) ngx_http_webhook_get_be((u_char *) key.mv_data + 1,
                                                   2);
        if (shard < WH_SHARDS) {
            v->present[shard] = 1;
        }
    }

    mdb_cursor_close(cur);
    mdb_txn_abort(txn);

    if (rc == 0 || rc == MDB_NOTFOUND) {
        return NGX_OK;
    }

    ngx_http_webhook_loaded_free(v->loaded);
    v->loaded = NULL;

failed:

    ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                  "webhook_store: cannot read the database: %s",
                  mdb_strerror(rc));

    return NGX_ERROR;
}


/*
 * Loads the first deliveries of the lane at the cursor, and leaves the cursor
 * at the first key behind the lane.
 */

static int
ngx_http_webhook_warehouse_read_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value, ngx_http_webhook_visit_t *v, ngx_uint_t *more)
{
    int                         rc;
    size_t                      n;
    u_char                      lane[NGX_HTTP_WEBHOOK_KEY_SIZE];
    ngx_uint_t                  i;
    ngx_http_webhook_loaded_t  *loaded, *final;

    n = ngx_http_webhook_warehouse_lane(key);
    ngx_memcpy(lane, key->mv_data, n);

    final = NULL;
    *more = 0;
    rc = 0;

    for (i = 0; rc == 0; i++) {

        if (ngx_http_webhook_warehouse_lane(key) != n
            || ngx_memcmp(key->mv_data, lane, n) != 0)
        {
            return 0;
        }

        if (i == v->most) {
            *more = 1;

            if (final) {
                final->more = 1;
            }

            break;
        }

        loaded = ngx_http_webhook_warehouse_loaded(key, value);

        if (loaded) {
            *v->last = loaded;
            v->last = &loaded->next;
            v->size += sizeof(ngx_http_webhook_loaded_t) + loaded->len;
            final = loaded;
        }

        rc = mdb_cursor_get(cur, key, value, MDB_NEXT);
    }

    if (rc) {
        return rc;
    }

    return ngx_http_webhook_warehouse_skip_lane(cur, key, value);
}


/* from a key of a lane to the first one behind the lane */

static int
ngx_http_webhook_warehouse_skip_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value)
{
    size_t  n;
    u_char  lane[NGX_HTTP_WEBHOOK_KEY_SIZE];

    n = ngx_http_webhook_warehouse_lane(key);

    /* numbers sort above any sequence of the lane */

    ngx_memcpy(lane, key->mv_data, n);
    ngx_memset(lane + n, 0xff, 10);

    key->mv_data = lane;
    key->mv_size = n + 10;

    return mdb_cursor_get(cur, key, value, MDB_SET_RANGE);
}


/* lanes that found no place in memory, when there is some again */

static int
ngx_http_webhook_warehouse_read_slice(MDB_cursor *cur,
    ngx_http_webhook_visit_t *v)
{
    int         rc;
    u_char      first[3];
    MDB_val     key, value;
    unsigned    shard;
    ngx_uint_t  i, more;

    if (v->fromlen) {
        key.mv_data = v->from;
        key.mv_size = v->fromlen;

    } else {
        key.mv_data = "q";
        key.mv_size = 1;
    }

    rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

    for (i = 0; rc == 0 && ngx_http_webhook_warehouse_lane(&key) != 0; i++) {

        shard = (unsigned) ngx_http_webhook_get_be((u_char *) key.mv_data + 1,
                                                   2);

        if (i == NGX_HTTP_WEBHOOK_SLICE || v->size >= v->budget) {
            ngx_memcpy(v->from, key.mv_data, key.mv_size);
            v->fromlen = key.mv_size;
            return 0;
        }

        if (shard >= WH_SHARDS) {
            break;
        }

        if (!v->partial[shard]) {
            first[0] = 'q';
            ngx_http_webhook_put_be(first + 1, shard + 1, 2);

            key.mv_data = first;
            key.mv_size = 3;

            rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);
            continue;
        }

        if (ngx_http_webhook_warehouse_planned(&value) > v->due) {
            v->skipped[shard] = 1;
            rc = ngx_http_webhook_warehouse_skip_lane(cur, &key, &value);
            continue;
        }

        rc = ngx_http_webhook_warehouse_read_lane(cur, &key, &value, v,
                                                  &more);
    }

    v->fromlen = 0;

    return rc == MDB_NOTFOUND ? 0 : rc;
}


static uint64_t
ngx_http_webhook_warehouse_planned(MDB_val *value)
{
    ngx_http_webhook_value_t  head;

    if (value->mv_size < sizeof(ngx_http_webhook_value_t)) {
        return 0;
    }

    ngx_memcpy(&head, value->mv_data, sizeof(ngx_http_webhook_value_t));

    return head.progress.planned;
}


static ngx_http_webhook_loaded_t *
ngx_http_webhook_warehouse_loaded(MDB_val *key, MDB_val *value)
{
    size_t                      len, namelen, keylen;
    u_char                     *p, *k;
    ngx_http_webhook_value_t    head;
    ngx_http_webhook_loaded_t  *loaded;

    if (value->mv_size < sizeof(ngx_http_webhook_value_t)) {
        return NULL;
    }

    ngx_memcpy(&head, value->mv_data, sizeof(ngx_http_webhook_value_t));

    if (head.version != NGX_HTTP_WEBHOOK_VALUE_VERSION) {
        return NULL;
    }

    k = key->mv_data;
    namelen = k[3];
    keylen = k[4 + namelen];
    len = value->mv_size - sizeof(ngx_http_webhook_value_t);

    p = malloc(sizeof(ngx_http_webhook_loaded_t) + namelen + keylen + len);
    if (p == NULL) {
        return NULL;
    }

    loaded = (ngx_http_webhook_loaded_t *) p;
    ngx_memzero(loaded, sizeof(ngx_http_webhook_loaded_t));
    p += sizeof(ngx_http_webhook_loaded_t);

    loaded->shard = (unsigned) ngx_http_webhook_get_be(k + 1, 2);
    loaded->progress = head.progress;

    loaded->data = p;
    loaded->len = len;
    p = ngx_cpymem(p, (u_char *) value->mv_data
                      + sizeof(ngx_http_webhook_value_t), len);

    loaded->name.data = p;
    loaded->name.len = namelen;
    p = ngx_cpymem(p, k + 4, namelen);

    loaded->key.data = p;
    loaded->key.len = keylen;
    ngx_memcpy(p, k + 5 + namelen, keylen);

    k += 5 + namelen + keylen;

    loaded->seq = ngx_http_webhook_get_be(k, 8);
    loaded->index = (uint32_t) ngx_http_webhook_get_be(k + 8, 2);

    return loaded;
}


/* the length of a 'q' key's lane part; 0: it is none */

static size_t
ngx_http_webhook_warehouse_lane(MDB_val *key)
{
    u_char  *k;
    size_t   n;

    k = key->mv_data;

    if (key->mv_size < 5 + 10 || key->mv_size > NGX_HTTP_WEBHOOK_KEY_SIZE
        || k[0] != 'q')
    {
        return 0;
    }

    n = 4 + k[3];

    if (n + 1 + 10 > key->mv_size || n + 1 + k[n] + 10 != key->mv_size) {
        return 0;
    }

    return n + 1 + k[n];
}


size_t
ngx_http_webhook_warehouse_key(u_char *key, unsigned shard, ngx_str_t *name,
    ngx_str_t *lane, uint64_t seq, uint32_t index)
{
    u_char  *p;

    p = key;

    *p++ = 'q';
    ngx_http_webhook_put_be(p, shard, 2);
    p += 2;

    *p++ = (u_char) name->len;
    p = ngx_cpymem(p, name->data, name->len);

    *p++ = (u_char) lane->len;
    p = ngx_cpymem(p, lane->data, lane->len);

    ngx_http_webhook_put_be(p, seq, 8);
    ngx_http_webhook_put_be(p + 8, index, 2);

    return p + 10 - key;
}


void
ngx_http_webhook_loaded_free(ngx_http_webhook_loaded_t *loaded)
{
    ngx_http_webhook_loaded_t  *next;

    for ( /* void */ ; loaded; loaded = next) {
        next = loaded->next;
        free(loaded);
    }
}


/* how full the map is, in percent, without the pages that can be reused */

static ngx_uint_t
ngx_http_webhook_warehouse_fill(MDB_txn *txn, MDB_dbi dbi, size_t size)
{
    size_t    pages;
    MDB_stat  st;

    if (mdb_stat(txn, dbi, &st) != 0 || size < st.ms_psize) {
        return 0;
    }

    pages = st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages;

    return pages * 100 / (size / st.ms_psize);
}


static int
ngx_http_webhook_warehouse_get_number(MDB_txn *txn, MDB_dbi dbi, char *name,
    uint64_t *n)
{
    int      rc;
    MDB_val  key, value;

    key.mv_data = name;
    key.mv_size = ngx_strlen(name);

    rc = mdb_get(txn, dbi, &key, &value);

    if (rc == MDB_NOTFOUND) {
        return 0;
    }

    if (rc == 0) {
        if (value.mv_size != 8) {
            return MDB_CORRUPTED;
        }

        *n = ngx_http_webhook_get_be(value.mv_data, 8);
    }

    return rc;
}


static int
ngx_http_webhook_warehouse_put_number(MDB_txn *txn, MDB_dbi dbi, char *name,
    uint64_t n)
{
    u_char   p[8];
    MDB_val  key, value;

    ngx_http_webhook_put_be(p, n, 8);

    key.mv_data = name;
    key.mv_size = ngx_strlen(name);
    value.mv_data = p;
    value.mv_size = 8;

    return mdb_put(txn, dbi, &key, &value, 0);
}


static void
ngx_http_webhook_put_be(u_char *p, uint64_t n, ngx_uint_t size)
{
    while (size--) {
        p[size] = (u_char) (n & 0xff);
        n >>= 8;
    }
}


static uint64_t
ngx_http_webhook_get_be(u_char *p, ngx_uint_t size)
{
    uint64_t    n;
    ngx_uint_t  i;

    n = 0;

    for (i = 0; i < size; i++) {
        n = n << 8 | p[i];
    }

    return n;
}
