
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A visit to the warehouse, and what it writes there.
 */


#include "ngx_http_webhook_history.h"
#include "ngx_http_webhook_lease.h"
#include "ngx_http_webhook_stop.h"


#define NGX_HTTP_WEBHOOK_PURGE  64     /* dead letters purged a visit */


static ngx_int_t ngx_http_webhook_warehouse_recover(
    ngx_http_webhook_warehouse_t *w);
static void ngx_http_webhook_warehouse_again(ngx_http_webhook_warehouse_t *w);
static ngx_int_t ngx_http_webhook_warehouse_write(
    ngx_http_webhook_warehouse_t *w, ngx_http_webhook_visit_t *v,
    ngx_uint_t room);
static int ngx_http_webhook_warehouse_op(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, ngx_http_webhook_visit_t *v, ngx_http_webhook_op_t *op,
    uint64_t *dead);
static int ngx_http_webhook_warehouse_op_state(
    ngx_http_webhook_warehouse_t *w, MDB_txn *txn, ngx_http_webhook_op_t *op);
static int ngx_http_webhook_warehouse_purge(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, uint64_t *dead, ngx_uint_t full, ngx_uint_t most,
    ngx_uint_t *purged);
static ngx_uint_t ngx_http_webhook_warehouse_fill(MDB_txn *txn, MDB_dbi dbi,
    size_t size);


ngx_int_t
ngx_http_webhook_warehouse_open(ngx_http_webhook_warehouse_t *w, u_char *dir)
{
    int  rc, dead;

    w->dir = dir;

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
    v->changes = NULL;
    v->purged = 0;
    v->size = 0;

    if (v->unlocked) {
        v->rc = NGX_OK;
        v->inside(v);
        v->rc = ngx_http_webhook_warehouse_read(w, v);
        return;
    }

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

    if (v->ops || v->relieve || v->job || v->rows) {
        v->rc = ngx_http_webhook_warehouse_write(w, v, 1);

        if (v->rc == NGX_BUSY) {

            /* what only makes room can still be done */

            for (op = v->ops; op; op = op->next) {
                op->rc = (op->type == NGX_HTTP_WEBHOOK_OP_DELETE) ? NGX_OK
                                                                  : NGX_BUSY;
            }

            v->full = 1;
            v->rc = ngx_http_webhook_warehouse_write(w, v, 0);
        }
    }

    if (v->rc == NGX_OK
        && (v->shards || v->counts) && v->ops == NULL && !v->relieve)
    {
        v->rc = ngx_http_webhook_warehouse_recover(w);
    }

    if (v->changes) {

        if (v->committed) {
            v->changed(v);
        }

        ngx_http_webhook_changes_free(v);
    }

    if (v->rc == NGX_OK && v->counts) {
        ngx_http_webhook_warehouse_counts(w, v);
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


/*
 * A writer that died right behind its commit has not told readers of it: they
 * would see the database without it, until the next writer finds it.
 */

static ngx_int_t
ngx_http_webhook_warehouse_recover(ngx_http_webhook_warehouse_t *w)
{
    int       rc;
    MDB_txn  *txn;

    rc = ngx_http_webhook_warehouse_begin(w, 0, &txn);

    if (rc) {
        ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                      "webhook_store: cannot write the database: %s",
                      mdb_strerror(rc));
        return NGX_ERROR;
    }

    mdb_txn_abort(txn);

    return NGX_OK;
}


/* a new mapping takes the old one from under those who read beside */

int
ngx_http_webhook_warehouse_begin(ngx_http_webhook_warehouse_t *w,
    unsigned flags, MDB_txn **txn)
{
    int  rc;

    rc = w->env ? mdb_txn_begin(w->env, NULL, flags, txn) : MDB_PANIC;

    if (rc != MDB_MAP_RESIZED && rc != MDB_PANIC) {
        return rc;
    }

    (void) pthread_mutex_lock(w->remap);

    if (rc == MDB_MAP_RESIZED) {
        (void) mdb_env_set_mapsize(w->env, 0);

    } else {
        ngx_http_webhook_warehouse_again(w);
    }

    (void) pthread_mutex_unlock(w->remap);

    return w->env ? mdb_txn_begin(w->env, NULL, flags, txn) : MDB_PANIC;
}


/*
 * Once a meta page could not be written LMDB refuses everything, for as long as
 * the database is open; what failed may have been for a moment.
 */

static void
ngx_http_webhook_warehouse_again(ngx_http_webhook_warehouse_t *w)
{
    ngx_log_error(NGX_LOG_WARN, w->log, 0,
                  "webhook_store: the database is opened anew after an error "
                  "of writing");

    ngx_http_webhook_warehouse_close(w);

    (void) ngx_http_webhook_warehouse_open(w, w->dir);
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

    ngx_http_webhook_changes_free(v);

    rc = ngx_http_webhook_warehouse_begin(w, 0, &txn);

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

        if (op->type == NGX_HTTP_WEBHOOK_OP_STATE) {
            op->rc = NGX_OK;
            rc = ngx_http_webhook_warehouse_op_state(w, txn, op);
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
        rc = ngx_http_webhook_warehouse_op(w, txn, v, op, &dead);

        if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
            buried++;
        }
    }

    if (rc == 0) {
        rc = ngx_http_webhook_job_inside(w, txn, v, &dead, fill);
    }

    if (rc == 0) {
        rc = ngx_http_webhook_history_inside(w, txn, v, fill);
    }

    v->purged = 0;

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_purge(w, txn, &dead, fill >= 80,
                                              NGX_HTTP_WEBHOOK_PURGE + buried,
                                              &v->purged);
    }

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_count_put(txn, w->dbi, v);
    }

    if (rc == 0 && dead != before) {
        rc = ngx_http_webhook_warehouse_put_number(txn, w->dbi, "mdead", dead);
    }

    if (rc) {
        mdb_txn_abort(txn);
        goto failed;
    }

    fill = ngx_http_webhook_warehouse_fill(txn, w->dbi, w->size);
    v->used = ngx_http_webhook_warehouse_used(txn, w->dbi);

    ngx_http_webhook_stop_point("commit");

    /* whoever was stopped here may have lost his lanes meanwhile */

    for (op = v->ops; op; op = op->next) {
        word = wh_shard_read(w->journal, op->shard);

        if (op->rc == NGX_OK
            && op->type != NGX_HTTP_WEBHOOK_OP_STATE
            && (wh_shard_owner(word) != w->slot
                || wh_shard_fence(word) != op->fence))
        {
            mdb_txn_abort(txn);
            return NGX_ERROR;
        }
    }

    rc = mdb_txn_commit(txn);

    if (rc) {
        goto failed;
    }

    v->committed = 1;
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
    ngx_http_webhook_visit_t *v, ngx_http_webhook_op_t *op, uint64_t *dead)
{
    int                        rc, was;
    size_t                     n;
    u_char                    *p, dead_key[1 + 8 + 10];
    int64_t                    octets;
    MDB_val                    key, value;
    unsigned                   flags;
    ngx_http_webhook_stored_t  head;

    key.mv_data = op->key;
    key.mv_size = op->keylen;

    rc = mdb_get(txn, w->dbi, &key, &value);

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }

    was = (rc == 0);
    octets = was ? -(int64_t) (op->keylen + value.mv_size) : 0;

    if (op->type != NGX_HTTP_WEBHOOK_OP_PUT) {

        if (was) {
            rc = mdb_del(txn, w->dbi, &key, NULL);
            if (rc) {
                return rc;
            }
        }

        rc = ngx_http_webhook_warehouse_change(v, op->key, -was, octets);

        if (rc || op->type == NGX_HTTP_WEBHOOK_OP_DELETE) {
            return rc;
        }
    }

    ngx_memzero(&head, sizeof(ngx_http_webhook_stored_t));
    head.version = NGX_HTTP_WEBHOOK_VALUE_VERSION;
    head.progress = op->progress;

    n = sizeof(ngx_http_webhook_stored_t) + op->len;
    flags = MDB_RESERVE;

    if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
        flags |= MDB_NOOVERWRITE;

        head.keylen = (uint32_t) op->keylen;
        n += op->keylen;

        dead_key[0] = 'd';
        ngx_http_webhook_put_be(dead_key + 1, op->progress.ended, 8);
        ngx_memcpy(dead_key + 9, op->key + op->keylen - 10, 10);

        key.mv_data = dead_key;
        key.mv_size = sizeof(dead_key);

    } else {
        rc = ngx_http_webhook_warehouse_change(v, op->key, !was,
                                             octets + (int64_t) op->keylen
                                             + (int64_t) n);
        if (rc) {
            return rc;
        }
    }

    value.mv_size = n;

    rc = mdb_put(txn, w->dbi, &key, &value, flags);

    if (rc == MDB_KEYEXIST) {

        /* it was buried by a commit that seemed to have failed */

        return 0;
    }

    if (rc) {
        return rc;
    }

    p = ngx_cpymem(value.mv_data, &head, sizeof(ngx_http_webhook_stored_t));

    if (op->type == NGX_HTTP_WEBHOOK_OP_BURY) {
        p = ngx_cpymem(p, op->key, op->keylen);
        (*dead)++;
    }

    ngx_memcpy(p, op->data, op->len);

    return 0;
}


/* what is not whole, or of another version, is written over as if not there */

static int
ngx_http_webhook_warehouse_op_state(ngx_http_webhook_warehouse_t *w,
    MDB_txn *txn, ngx_http_webhook_op_t *op)
{
    int        rc;
    MDB_val    key, value;
    wh_kept_t  kept;

    free(op->newer);
    op->newer = NULL;

    key.mv_data = op->key;
    key.mv_size = op->keylen;

    rc = mdb_get(txn, w->dbi, &key, &value);

    if (rc == 0
        && wh_kept_get(value.mv_data, value.mv_size, &kept) == WH_OK
        && wh_kept_newer(&kept, &op->state, op->changes))
    {
        /* other processes, perhaps with another zone, know more */

        op->rc = NGX_ABORT;
        op->newer = malloc(value.mv_size);

        if (op->newer) {
            ngx_memcpy(op->newer, value.mv_data, value.mv_size);
            op->newerlen = value.mv_size;
        }

        return 0;
    }

    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }

    value.mv_data = op->data;
    value.mv_size = op->len;

    return mdb_put(txn, w->dbi, &key, &value, 0);
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


size_t
ngx_http_webhook_warehouse_state_key(u_char *key, u_char type,
    ngx_str_t *name)
{
    size_t  len;

    len = ngx_min(name->len, WH_NAME_MAX);

    key[0] = 's';
    key[1] = type;
    ngx_memcpy(key + 2, name->data, len);

    return len + 2;
}


/* how full the map is, in percent */

static ngx_uint_t
ngx_http_webhook_warehouse_fill(MDB_txn *txn, MDB_dbi dbi, size_t size)
{
    return ngx_http_webhook_warehouse_used(txn, dbi) * 100 / size;
}


uint64_t
ngx_http_webhook_warehouse_used(MDB_txn *txn, MDB_dbi dbi)
{
    MDB_stat  st;

    if (mdb_stat(txn, dbi, &st) != 0) {
        return 0;
    }

    return (uint64_t) (st.ms_branch_pages + st.ms_leaf_pages
                       + st.ms_overflow_pages)
           * st.ms_psize;
}


int
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


int
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


void
ngx_http_webhook_put_be(u_char *p, uint64_t n, ngx_uint_t size)
{
    while (size--) {
        p[size] = (u_char) (n & 0xff);
        n >>= 8;
    }
}


uint64_t
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
