
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * How much of each endpoint is queued in the warehouse.
 */


#include "ngx_http_webhook_warehouse.h"


static ngx_http_webhook_change_t *ngx_http_webhook_change_get(
    ngx_http_webhook_change_t **list, u_char *name, size_t len);
static int ngx_http_webhook_warehouse_count_get(MDB_txn *txn, MDB_dbi dbi,
    ngx_str_t *name, wh_amount_t *now);
static int ngx_http_webhook_warehouse_count_write(MDB_txn *txn, MDB_dbi dbi,
    ngx_http_webhook_change_t *c);
static size_t ngx_http_webhook_warehouse_count_key(u_char *key,
    ngx_str_t *name);


int
ngx_http_webhook_warehouse_change(ngx_http_webhook_visit_t *v,
    u_char *key, int events, int64_t octets)
{
    ngx_http_webhook_change_t  *c;

    c = ngx_http_webhook_change_get(&v->changes, key + 4, key[3]);
    if (c == NULL) {
        return ENOMEM;
    }

    wh_amount_add(&c->change, events, octets);

    return 0;
}


/* made when it is not there; the last one asked for is the first */

static ngx_http_webhook_change_t *
ngx_http_webhook_change_get(ngx_http_webhook_change_t **list, u_char *name,
    size_t len)
{
    ngx_http_webhook_change_t  *c, **prev;

    len = ngx_min(len, WH_NAME_MAX);

    for (prev = list; *prev; prev = &c->next) {
        c = *prev;

        if (c->name.len == len && ngx_memcmp(c->text, name, len) == 0) {
            *prev = c->next;
            goto found;
        }
    }

    c = malloc(sizeof(ngx_http_webhook_change_t));
    if (c == NULL) {
        return NULL;
    }

    ngx_memzero(c, sizeof(ngx_http_webhook_change_t));

    c->name.data = c->text;
    c->name.len = len;
    ngx_memcpy(c->text, name, len);

found:

    c->next = *list;
    *list = c;

    return c;
}


int
ngx_http_webhook_warehouse_count_put(MDB_txn *txn, MDB_dbi dbi,
    ngx_http_webhook_visit_t *v)
{
    int                         rc;
    ngx_http_webhook_change_t  *c;

    for (c = v->changes; c; c = c->next) {

        rc = ngx_http_webhook_warehouse_count_get(txn, dbi, &c->name,
                                                  &c->now);
        if (rc) {
            return rc;
        }

        if (c->change.events == 0 && c->change.octets == 0) {
            continue;
        }

        wh_amount_add(&c->now, c->change.events, c->change.octets);

        rc = ngx_http_webhook_warehouse_count_write(txn, dbi, c);
        if (rc) {
            return rc;
        }
    }

    return 0;
}


/* of a database of before, and of what was queued in it */

int
ngx_http_webhook_warehouse_count_all(MDB_txn *txn, MDB_dbi dbi)
{
    int                         rc;
    size_t                      len;
    u_char                     *p;
    MDB_val                     key, value;
    MDB_cursor                 *cur;
    ngx_http_webhook_change_t  *c;
    ngx_http_webhook_visit_t    v;

    ngx_memzero(&v, sizeof(ngx_http_webhook_visit_t));

    rc = mdb_cursor_open(txn, dbi, &cur);
    if (rc) {
        return rc;
    }

    key.mv_data = "q";
    key.mv_size = 1;

    for (rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);
         rc == 0;
         rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT))
    {
        p = key.mv_data;

        if (p[0] != 'q' || key.mv_size < 4) {
            break;
        }

        len = ngx_min((size_t) p[3], key.mv_size - 4);

        c = ngx_http_webhook_change_get(&v.changes, p + 4, len);
        if (c == NULL) {
            rc = ENOMEM;
            break;
        }

        wh_amount_add(&c->now, 1, (int64_t) (key.mv_size + value.mv_size));
    }

    mdb_cursor_close(cur);

    if (rc == MDB_NOTFOUND) {
        rc = 0;
    }

    for (c = v.changes; c && rc == 0; c = c->next) {
        rc = ngx_http_webhook_warehouse_count_write(txn, dbi, c);
    }

    ngx_http_webhook_changes_free(&v);

    return rc;
}


void
ngx_http_webhook_warehouse_counts(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v)
{
    int                         rc;
    MDB_txn                    *txn;
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    wh_amount_t                 now;

    txn = ngx_http_webhook_warehouse_look(w);
    if (txn == NULL) {
        return;
    }

    for (i = 0; (name = v->name(v, i)) != NULL; i++) {

        rc = ngx_http_webhook_warehouse_count_get(txn, w->dbi, name, &now);

        if (rc) {
            ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                          "webhook_store: cannot read the database: %s",
                          mdb_strerror(rc));
            break;
        }

        v->count(v, i, &now);
    }

    ngx_http_webhook_warehouse_looked(txn);
}


static int
ngx_http_webhook_warehouse_count_get(MDB_txn *txn, MDB_dbi dbi,
    ngx_str_t *name, wh_amount_t *now)
{
    int      rc;
    u_char   buf[1 + WH_NAME_MAX];
    MDB_val  key, value;

    key.mv_data = buf;
    key.mv_size = ngx_http_webhook_warehouse_count_key(buf, name);

    rc = mdb_get(txn, dbi, &key, &value);

    if (rc == 0 && value.mv_size == 16) {
        now->events = (int64_t) ngx_http_webhook_get_be(value.mv_data, 8);
        now->octets = (int64_t) ngx_http_webhook_get_be(
                                              (u_char *) value.mv_data + 8, 8);

    } else {
        now->events = 0;
        now->octets = 0;
    }

    return rc == MDB_NOTFOUND ? 0 : rc;
}


static int
ngx_http_webhook_warehouse_count_write(MDB_txn *txn, MDB_dbi dbi,
    ngx_http_webhook_change_t *c)
{
    int      rc;
    u_char   buf[1 + WH_NAME_MAX], number[16];
    MDB_val  key, value;

    key.mv_data = buf;
    key.mv_size = ngx_http_webhook_warehouse_count_key(buf, &c->name);

    if (c->now.events <= 0) {

        /* the name may never be used again */

        c->now.events = 0;
        c->now.octets = 0;

        rc = mdb_del(txn, dbi, &key, NULL);

        return rc == MDB_NOTFOUND ? 0 : rc;
    }

    ngx_http_webhook_put_be(number, (uint64_t) c->now.events, 8);
    ngx_http_webhook_put_be(number + 8,
                            (uint64_t) ngx_max(c->now.octets, 0), 8);

    value.mv_data = number;
    value.mv_size = sizeof(number);

    return mdb_put(txn, dbi, &key, &value, 0);
}


static size_t
ngx_http_webhook_warehouse_count_key(u_char *key, ngx_str_t *name)
{
    size_t  len;

    len = ngx_min(name->len, WH_NAME_MAX);

    key[0] = 'n';
    ngx_memcpy(key + 1, name->data, len);

    return len + 1;
}


MDB_txn *
ngx_http_webhook_warehouse_look(ngx_http_webhook_warehouse_t *w)
{
    int       rc;
    MDB_txn  *txn;

    rc = ngx_http_webhook_warehouse_begin(w, MDB_RDONLY, &txn);

    if (rc == 0) {
        return txn;
    }

    ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                  "webhook_store: cannot read the database: %s",
                  mdb_strerror(rc));

    return NULL;
}


ngx_uint_t
ngx_http_webhook_warehouse_has(ngx_http_webhook_warehouse_t *w, MDB_txn *txn,
    u_char *key, size_t len)
{
    MDB_val  k, value;

    k.mv_data = key;
    k.mv_size = len;

    return mdb_get(txn, w->dbi, &k, &value) == 0;
}


void
ngx_http_webhook_warehouse_looked(MDB_txn *txn)
{
    mdb_txn_abort(txn);
}


void
ngx_http_webhook_changes_free(ngx_http_webhook_visit_t *v)
{
    ngx_http_webhook_change_t  *c;

    while (v->changes) {
        c = v->changes;
        v->changes = c->next;

        free(c);
    }
}
