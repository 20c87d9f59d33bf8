
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a visit to the warehouse reads: lanes of shards, a lane further on,
 * and lanes that had found no place in memory.
 */


#include "ngx_http_webhook_warehouse.h"


#define NGX_HTTP_WEBHOOK_SLICE  4096   /* lanes looked at a visit */
#define NGX_HTTP_WEBHOOK_STRAY  100000 /* deliveries of a name counted */


static int ngx_http_webhook_warehouse_read_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value, ngx_http_webhook_visit_t *v, ngx_uint_t *more);
static int ngx_http_webhook_warehouse_skip_lane(MDB_cursor *cur, MDB_val *key,
    MDB_val *value);
static int ngx_http_webhook_warehouse_read_slice(MDB_cursor *cur,
    ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_warehouse_read_present(MDB_cursor *cur,
    ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_warehouse_read_name(MDB_cursor *cur,
    MDB_val *key, MDB_val *value, ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_warehouse_skip(MDB_cursor *cur, MDB_val *key,
    MDB_val *value, size_t len);
static uint64_t ngx_http_webhook_warehouse_planned(MDB_val *value);
static int ngx_http_webhook_warehouse_loaded(MDB_val *key, MDB_val *value,
    ngx_http_webhook_loaded_t **out);
static size_t ngx_http_webhook_warehouse_lane(MDB_val *key);


ngx_int_t
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

    rc = ngx_http_webhook_warehouse_begin(w, MDB_RDONLY, &txn);

    if (rc) {
        goto failed;
    }

    v->used = ngx_http_webhook_warehouse_used(txn, w->dbi);

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

    for (shard = 0;
         v->shards && shard < WH_SHARDS && (rc == 0 || rc == MDB_NOTFOUND);
         shard++)
    {

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

    if (v->present && (rc == 0 || rc == MDB_NOTFOUND)) {
        rc = ngx_http_webhook_warehouse_read_present(cur, v);
    }

    mdb_cursor_close(cur);
    mdb_txn_abort(txn);

    if (rc == 0 || rc == MDB_NOTFOUND) {
        return NGX_OK;
    }

    ngx_http_webhook_loaded_free(v->loaded);
    v->loaded = NULL;

    ngx_http_webhook_strays_free(v->strays);
    v->strays = NULL;

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

        rc = ngx_http_webhook_warehouse_loaded(key, value, &loaded);
        if (rc) {
            return rc;
        }

        if (loaded) {
            *v->last = loaded;
            v->last = &loaded->next;
            v->size += 1024 + loaded->len;   /* as it will be charged, about */
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


/* which shards there are, and of unknown names how many deliveries */

static int
ngx_http_webhook_warehouse_read_present(MDB_cursor *cur,
    ngx_http_webhook_visit_t *v)
{
    int       rc;
    MDB_val   key, value;
    unsigned  shard;

    key.mv_data = "q";
    key.mv_size = 1;

    rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

    while (rc == 0 && ngx_http_webhook_warehouse_lane(&key) != 0) {

        shard = (unsigned) ngx_http_webhook_get_be((u_char *) key.mv_data + 1,
                                                   2);
        if (shard < WH_SHARDS) {
            v->present[shard] = 1;
        }

        rc = v->known ? ngx_http_webhook_warehouse_read_name(cur, &key,
                                                             &value, v)
                      : ngx_http_webhook_warehouse_skip(cur, &key, &value, 3);
    }

    return rc;
}


/* leaves the cursor at the first key behind the name's ones in its shard */

static int
ngx_http_webhook_warehouse_read_name(MDB_cursor *cur, MDB_val *key,
    MDB_val *value, ngx_http_webhook_visit_t *v)
{
    int                        rc;
    size_t                     n;
    u_char                     first[4 + 255], *p;
    ngx_str_t                  name;
    ngx_http_webhook_stray_t  *stray;

    p = key->mv_data;
    n = 4 + p[3];

    ngx_memcpy(first, p, n);

    name.data = first + 4;
    name.len = n - 4;

    if (v->known(v, &name)) {
        return ngx_http_webhook_warehouse_skip(cur, key, value, n);
    }

    for (stray = v->strays; stray; stray = stray->next) {

        if (stray->name.len == name.len
            && ngx_memcmp(stray->name.data, name.data, name.len) == 0)
        {
            break;
        }
    }

    if (stray == NULL) {
        p = malloc(sizeof(ngx_http_webhook_stray_t) + name.len);
        if (p == NULL) {
            return ENOMEM;
        }

        stray = (ngx_http_webhook_stray_t *) p;
        ngx_memzero(stray, sizeof(ngx_http_webhook_stray_t));

        stray->name.len = name.len;
        stray->name.data = p + sizeof(ngx_http_webhook_stray_t);
        ngx_memcpy(stray->name.data, name.data, name.len);

        stray->next = v->strays;
        v->strays = stray;
    }

    do {
        if (stray->n == NGX_HTTP_WEBHOOK_STRAY) {
            stray->most = 1;
            return ngx_http_webhook_warehouse_skip(cur, key, value, n);
        }

        stray->n++;

        rc = mdb_cursor_get(cur, key, value, MDB_NEXT);

    } while (rc == 0 && key->mv_size > n
             && ngx_memcmp(key->mv_data, first, n) == 0);

    return rc;
}


/* from a key to the first one that does not begin with so many octets of it */

static int
ngx_http_webhook_warehouse_skip(MDB_cursor *cur, MDB_val *key, MDB_val *value,
    size_t len)
{
    u_char  next[NGX_HTTP_WEBHOOK_KEY_SIZE];

    ngx_memcpy(next, key->mv_data, len);

    while (next[len - 1] == 0xff) {
        len--;
    }

    next[len - 1]++;

    key->mv_data = next;
    key->mv_size = len;

    return mdb_cursor_get(cur, key, value, MDB_SET_RANGE);
}


static uint64_t
ngx_http_webhook_warehouse_planned(MDB_val *value)
{
    ngx_http_webhook_stored_t  head;

    if (ngx_http_webhook_warehouse_head(value, &head) == 0) {
        return 0;
    }

    return head.progress.planned;
}


size_t
ngx_http_webhook_warehouse_head(MDB_val *value,
    ngx_http_webhook_stored_t *head)
{
    size_t  n;

    n = offsetof(ngx_http_webhook_stored_t, progress.throttled);

    if (value->mv_size < n) {
        return 0;
    }

    ngx_memzero(head, sizeof(ngx_http_webhook_stored_t));
    ngx_memcpy(head, value->mv_data, n);

    if (head->version == 1) {
        return n;
    }

    switch (head->version) {

    case 2:
        n = offsetof(ngx_http_webhook_stored_t, progress.held);
        break;

    case NGX_HTTP_WEBHOOK_VALUE_VERSION:
        n = sizeof(ngx_http_webhook_stored_t);
        break;

    default:
        return 0;
    }

    if (value->mv_size < n) {
        return 0;
    }

    ngx_memcpy(head, value->mv_data, n);

    if (head->progress.throttled > head->progress.attempts) {
        head->progress.throttled = head->progress.attempts;
    }

    return n;
}


/* NULL in "out": it is damaged, and passed over */

static int
ngx_http_webhook_warehouse_loaded(MDB_val *key, MDB_val *value,
    ngx_http_webhook_loaded_t **out)
{
    size_t                      n, len, namelen, keylen;
    u_char                     *p, *k;
    ngx_http_webhook_stored_t   head;
    ngx_http_webhook_loaded_t  *loaded;

    *out = NULL;

    n = ngx_http_webhook_warehouse_head(value, &head);

    if (n == 0) {
        return 0;
    }

    k = key->mv_data;
    namelen = k[3];
    keylen = k[4 + namelen];
    len = value->mv_size - n;

    p = malloc(sizeof(ngx_http_webhook_loaded_t) + namelen + keylen + len);
    if (p == NULL) {
        return ENOMEM;
    }

    loaded = (ngx_http_webhook_loaded_t *) p;
    ngx_memzero(loaded, sizeof(ngx_http_webhook_loaded_t));
    p += sizeof(ngx_http_webhook_loaded_t);

    loaded->shard = (unsigned) ngx_http_webhook_get_be(k + 1, 2);
    loaded->progress = head.progress;

    loaded->data = p;
    loaded->len = len;
    p = ngx_cpymem(p, (u_char *) value->mv_data + n, len);

    loaded->name.data = p;
    loaded->name.len = namelen;
    p = ngx_cpymem(p, k + 4, namelen);

    loaded->key.data = p;
    loaded->key.len = keylen;
    ngx_memcpy(p, k + 5 + namelen, keylen);

    k += 5 + namelen + keylen;

    loaded->seq = ngx_http_webhook_get_be(k, 8);
    loaded->index = (uint32_t) ngx_http_webhook_get_be(k + 8, 2);

    *out = loaded;

    return 0;
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


void
ngx_http_webhook_loaded_free(ngx_http_webhook_loaded_t *loaded)
{
    ngx_http_webhook_loaded_t  *next;

    for ( /* void */ ; loaded; loaded = next) {
        next = loaded->next;
        free(loaded);
    }
}


void
ngx_http_webhook_strays_free(ngx_http_webhook_stray_t *strays)
{
    ngx_http_webhook_stray_t  *next;

    for ( /* void */ ; strays; strays = next) {
        next = strays->next;
        free(strays);
    }
}
