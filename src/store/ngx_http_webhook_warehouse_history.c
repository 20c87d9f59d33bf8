
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The history in the warehouse: written and trimmed in the transactions of
 * the turns, and given up for anything else that needs room.
 */


#include "ngx_http_webhook_history.h"


#define NGX_HTTP_WEBHOOK_HISTORY_FILL   70    /* percent: nothing more */
#define NGX_HTTP_WEBHOOK_HISTORY_FREE   75    /* percent: room is made */
#define NGX_HTTP_WEBHOOK_HISTORY_TRIM   256   /* rows a visit, and twice ... */
#define NGX_HTTP_WEBHOOK_HISTORY_FORGET 512   /* rows of a transaction */
#define NGX_HTTP_WEBHOOK_HISTORY_LATE   10000 /* ms from its time to its key */


/* one attempt, and the keys that belong to it */

typedef struct {
    u_char                           row[1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    u_char                           more[1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    u_char                           index[2 + 255
                                           + NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    u_char                           body[1 + 10];
    u_char                           refs[1 + 10];
    size_t                           index_len;
} ngx_http_webhook_history_keys_t;


typedef struct {
    MDB_txn                         *txn;
    MDB_dbi                          dbi;
    uint64_t                         n;
    uint64_t                         size;
    uint64_t                         last;      /* time of the last key */
} ngx_http_webhook_history_t;


static void ngx_http_webhook_history_keys(ngx_http_webhook_history_keys_t *k,
    u_char *key, u_char *name, size_t len, uint64_t seq, uint32_t index);
static int ngx_http_webhook_history_add(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_history_t *h, ngx_http_webhook_visit_t *v);
static int ngx_http_webhook_history_put(ngx_http_webhook_history_t *h,
    ngx_http_webhook_keep_t *keep);
static int ngx_http_webhook_history_body(ngx_http_webhook_history_t *h,
    ngx_http_webhook_history_keys_t *k, wh_str_t *body);
static int ngx_http_webhook_history_unref(ngx_http_webhook_history_t *h,
    ngx_http_webhook_history_keys_t *k);
static int ngx_http_webhook_history_delete(ngx_http_webhook_history_t *h,
    u_char *key, wh_row_t *row);
static int ngx_http_webhook_history_del(ngx_http_webhook_history_t *h,
    u_char *key, size_t len);
static int ngx_http_webhook_history_trim(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v, ngx_http_webhook_history_t *h,
    ngx_uint_t full, ngx_uint_t most);
static int ngx_http_webhook_history_one(ngx_http_webhook_page_t *page,
    ngx_http_webhook_inside_t *in);
static int ngx_http_webhook_history_walk(ngx_http_webhook_page_t *page,
    ngx_http_webhook_inside_t *in, MDB_cursor *cur);


int
ngx_http_webhook_history_inside(ngx_http_webhook_warehouse_t *w, MDB_txn *txn,
    ngx_http_webhook_visit_t *v, ngx_uint_t fill)
{
    int                          rc;
    uint64_t                     n, size;
    ngx_uint_t                   trim;
    ngx_http_webhook_history_t   h;

    h.txn = txn;
    h.dbi = w->dbi;
    h.n = 0;
    h.size = 0;
    h.last = 0;
    v->nrows = 0;
    v->behind = 0;

    rc = ngx_http_webhook_warehouse_get_number(txn, w->dbi, "mhistory", &h.n);

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_get_number(txn, w->dbi, "mhsize",
                                                   &h.size);
    }

    n = h.n;
    size = h.size;
    trim = NGX_HTTP_WEBHOOK_HISTORY_TRIM;

    if (rc == 0 && v->rows && fill < NGX_HTTP_WEBHOOK_HISTORY_FILL
        && !v->full)
    {
        rc = ngx_http_webhook_history_add(w, &h, v);
        trim += 2 * v->nrows;
    }

    if (rc == 0 && h.n) {
        rc = ngx_http_webhook_history_trim(w, v, &h,
                                    fill >= NGX_HTTP_WEBHOOK_HISTORY_FREE,
                                    trim);
    }

    if (rc == 0 && h.n != n) {
        rc = ngx_http_webhook_warehouse_put_number(txn, w->dbi, "mhistory",
                                                   h.n);
    }

    if (rc == 0 && h.size != size) {
        rc = ngx_http_webhook_warehouse_put_number(txn, w->dbi, "mhsize",
                                                   h.size);
    }

    return rc;
}


static int
ngx_http_webhook_history_add(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_history_t *h, ngx_http_webhook_visit_t *v)
{
    int                       rc;
    uint64_t                  time;
    wh_row_t                  row;
    ngx_http_webhook_keep_t  *keep;

    rc = ngx_http_webhook_warehouse_get_number(h->txn, h->dbi, "mhlast",
                                               &h->last);

    time = h->last + 1;

    for (keep = v->rows; keep && rc == 0; keep = keep->next) {

        v->nrows++;

        if (keep->keyed) {

            /* it may have been committed, and what followed have failed */

            rc = ngx_http_webhook_history_get(h->txn, h->dbi, keep->key,
                                              &row);
            if (rc == 0) {
                continue;
            }

            if (rc != MDB_NOTFOUND) {
                break;
            }
        }

        time = ngx_max(time, keep->time);
        h->last = time;

        ngx_http_webhook_put_be(keep->key, time, 8);
        ngx_http_webhook_put_be(keep->key + 8, w->slot, 2);
        ngx_http_webhook_put_be(keep->key + 10, v->nrows, 4);
        keep->keyed = 1;

        rc = ngx_http_webhook_history_put(h, keep);
    }

    if (rc) {
        return rc;
    }

    return ngx_http_webhook_warehouse_put_number(h->txn, h->dbi, "mhlast",
                                                 h->last);
}


static void
ngx_http_webhook_history_keys(ngx_http_webhook_history_keys_t *k, u_char *key,
    u_char *name, size_t len, uint64_t seq, uint32_t index)
{
    u_char  *p;

    k->row[0] = 'h';
    ngx_memcpy(k->row + 1, key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    k->more[0] = 'x';
    ngx_memcpy(k->more + 1, key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    len = ngx_min(len, 255);

    p = k->index;
    *p++ = 'i';
    *p++ = (u_char) len;
    p = ngx_cpymem(p, name, len);
    p = ngx_cpymem(p, key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    k->index_len = p - k->index;

    k->body[0] = 'b';
    ngx_http_webhook_put_be(k->body + 1, seq, 8);
    ngx_http_webhook_put_be(k->body + 9, index, 2);

    k->refs[0] = 'r';
    ngx_memcpy(k->refs + 1, k->body + 1, 10);
}


static int
ngx_http_webhook_history_put(ngx_http_webhook_history_t *h,
    ngx_http_webhook_keep_t *keep)
{
    int                              rc;
    MDB_val                          key, value;
    ngx_http_webhook_history_keys_t  k;

    ngx_http_webhook_history_keys(&k, keep->key, keep->name.data,
                                  keep->name.len, keep->seq, keep->index);

    key.mv_data = k.row;
    key.mv_size = sizeof(k.row);
    value.mv_data = (char *) keep->row.data;
    value.mv_size = keep->row.len;

    rc = mdb_put(h->txn, h->dbi, &key, &value, 0);

    if (rc) {
        return rc;
    }

    key.mv_data = k.more;
    key.mv_size = sizeof(k.more);
    value.mv_data = (char *) keep->more.data;
    value.mv_size = keep->more.len;

    rc = mdb_put(h->txn, h->dbi, &key, &value, 0);

    if (rc == 0) {
        key.mv_data = k.index;
        key.mv_size = k.index_len;
        value.mv_data = NULL;
        value.mv_size = 0;

        rc = mdb_put(h->txn, h->dbi, &key, &value, 0);
    }

    if (rc == 0 && keep->body.data) {
        rc = ngx_http_webhook_history_body(h, &k, &keep->body);
    }

    h->n++;
    h->size += keep->row.len + keep->more.len;

    return rc;
}


/* once for all attempts of a delivery */

static int
ngx_http_webhook_history_body(ngx_http_webhook_history_t *h,
    ngx_http_webhook_history_keys_t *k, wh_str_t *body)
{
    int      rc;
    u_char   n[4];
    MDB_val  key, value;

    key.mv_data = k->refs;
    key.mv_size = sizeof(k->refs);

    rc = mdb_get(h->txn, h->dbi, &key, &value);

    if (rc == 0 && value.mv_size == sizeof(n)) {
        ngx_http_webhook_put_be(n,
                       ngx_http_webhook_get_be(value.mv_data, sizeof(n)) + 1,
                       sizeof(n));

    } else {
        if (rc != 0 && rc != MDB_NOTFOUND) {
            return rc;
        }

        ngx_http_webhook_put_be(n, 1, sizeof(n));

        key.mv_data = k->body;
        value.mv_data = (char *) body->data;
        value.mv_size = body->len;

        rc = mdb_put(h->txn, h->dbi, &key, &value, 0);
        if (rc) {
            return rc;
        }

        h->size += body->len;
    }

    key.mv_data = k->refs;
    value.mv_data = n;
    value.mv_size = sizeof(n);

    return mdb_put(h->txn, h->dbi, &key, &value, 0);
}


static int
ngx_http_webhook_history_unref(ngx_http_webhook_history_t *h,
    ngx_http_webhook_history_keys_t *k)
{
    int       rc;
    u_char    n[4];
    MDB_val   key, value;
    uint64_t  refs;

    key.mv_data = k->refs;
    key.mv_size = sizeof(k->refs);

    rc = mdb_get(h->txn, h->dbi, &key, &value);

    if (rc) {
        return rc == MDB_NOTFOUND ? 0 : rc;
    }

    refs = value.mv_size == sizeof(n)
           ? ngx_http_webhook_get_be(value.mv_data, sizeof(n)) : 0;

    if (refs > 1) {
        ngx_http_webhook_put_be(n, refs - 1, sizeof(n));

        value.mv_data = n;
        value.mv_size = sizeof(n);

        return mdb_put(h->txn, h->dbi, &key, &value, 0);
    }

    rc = mdb_del(h->txn, h->dbi, &key, NULL);
    if (rc) {
        return rc;
    }

    key.mv_data = k->body;

    rc = mdb_get(h->txn, h->dbi, &key, &value);

    if (rc == 0) {
        h->size -= ngx_min(h->size, value.mv_size);
        rc = mdb_del(h->txn, h->dbi, &key, NULL);
    }

    return rc == MDB_NOTFOUND ? 0 : rc;
}


/* texts of the row may be gone after that */

static int
ngx_http_webhook_history_delete(ngx_http_webhook_history_t *h, u_char *key,
    wh_row_t *row)
{
    int                              rc;
    ngx_http_webhook_history_keys_t  k;

    ngx_http_webhook_history_keys(&k, key, (u_char *) row->endpoint.data,
                                  row->endpoint.len, row->seq, row->index);

    h->n -= ngx_min(h->n, 1);
    h->size -= ngx_min(h->size, row->kept);

    if (row->flags & WH_ROW_BODY) {
        rc = ngx_http_webhook_history_unref(h, &k);
        if (rc) {
            return rc;
        }
    }

    rc = ngx_http_webhook_history_del(h, k.index, k.index_len);

    if (rc == 0) {
        rc = ngx_http_webhook_history_del(h, k.more, sizeof(k.more));
    }

    if (rc == 0) {
        rc = ngx_http_webhook_history_del(h, k.row, sizeof(k.row));
    }

    return rc;
}


static int
ngx_http_webhook_history_del(ngx_http_webhook_history_t *h, u_char *key,
    size_t len)
{
    int      rc;
    MDB_val  k;

    k.mv_data = key;
    k.mv_size = len;

    rc = mdb_del(h->txn, h->dbi, &k, NULL);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


/* the oldest ones go, a few a visit */

static int
ngx_http_webhook_history_trim(ngx_http_webhook_warehouse_t *w,
    ngx_http_webhook_visit_t *v, ngx_http_webhook_history_t *h,
    ngx_uint_t full, ngx_uint_t most)
{
    int          rc;
    u_char       first[1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY], *p;
    MDB_val      key, value;
    uint64_t     oldest;
    wh_row_t     row;
    wh_str_t     text;
    ngx_uint_t   i;
    MDB_cursor  *cur;

    oldest = 0;

    if (w->history_time) {
        oldest = (uint64_t) ngx_timeofday()->sec * 1000 - w->history_time;
    }

    rc = mdb_cursor_open(h->txn, h->dbi, &cur);
    if (rc) {
        return rc;
    }

    for (i = 0; /* void */ ; i++) {

        key.mv_data = "h";
        key.mv_size = 1;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        if (rc == MDB_NOTFOUND
            || (rc == 0 && (key.mv_size != sizeof(first)
                            || ((u_char *) key.mv_data)[0] != 'h')))
        {
            h->n = 0;
            h->size = 0;
            rc = 0;
            break;
        }

        if (rc) {
            break;
        }

        p = key.mv_data;

        if (!full
            && (w->history_count == 0 || h->n <= w->history_count)
            && (w->history_size == 0 || h->size <= w->history_size)
            && ngx_http_webhook_get_be(p + 1, 8) >= oldest)
        {
            break;
        }

        if (i == most) {
            v->behind = 1;
            break;
        }

        ngx_memcpy(first, p, sizeof(first));

        text.data = value.mv_data;
        text.len = value.mv_size;

        if (wh_row_get(text, &row) != WH_OK) {
            ngx_memzero(&row, sizeof(wh_row_t));
        }

        rc = ngx_http_webhook_history_delete(h, first + 1, &row);
        if (rc) {
            break;
        }
    }

    mdb_cursor_close(cur);

    if (rc == 0 && i) {

        /* streams that have not come so far have missed some */

        key.mv_data = "mhgone";
        key.mv_size = 6;
        value.mv_data = first + 1;
        value.mv_size = NGX_HTTP_WEBHOOK_ATTEMPT_KEY;

        rc = mdb_put(h->txn, h->dbi, &key, &value, 0);
    }

    return rc;
}


int
ngx_http_webhook_history_get(MDB_txn *txn, MDB_dbi dbi, u_char *key,
    wh_row_t *row)
{
    int       rc;
    u_char    k[1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    MDB_val   mkey, value;
    wh_str_t  text;

    k[0] = 'h';
    ngx_memcpy(k + 1, key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    mkey.mv_data = k;
    mkey.mv_size = sizeof(k);

    rc = mdb_get(txn, dbi, &mkey, &value);
    if (rc) {
        return rc;
    }

    text.data = value.mv_data;
    text.len = value.mv_size;

    return wh_row_get(text, row) == WH_OK ? 0 : MDB_NOTFOUND;
}


int
ngx_http_webhook_history_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                       rc;
    MDB_cursor               *cur;
    ngx_http_webhook_page_t  *page;

    page = (ngx_http_webhook_page_t *) job;

    if (page->single) {
        rc = ngx_http_webhook_history_one(page, in);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }

    rc = mdb_cursor_open(in->txn, in->dbi, &cur);
    if (rc) {
        return rc;
    }

    rc = ngx_http_webhook_history_walk(page, in, cur);

    mdb_cursor_close(cur);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


static int
ngx_http_webhook_history_one(ngx_http_webhook_page_t *page,
    ngx_http_webhook_inside_t *in)
{
    int                               rc;
    MDB_val                           key, value;
    wh_row_t                          row;
    wh_str_t                          text, body;
    wh_row_more_t                     more;
    ngx_http_webhook_history_keys_t   k;

    page->end = 1;

    rc = ngx_http_webhook_history_get(in->txn, in->dbi, page->from, &row);
    if (rc) {
        return rc;
    }

    ngx_http_webhook_history_keys(&k, page->from, (u_char *) "", 0, row.seq,
                                  row.index);

    key.mv_data = k.more;
    key.mv_size = sizeof(k.more);

    ngx_memzero(&more, sizeof(wh_row_more_t));

    if (mdb_get(in->txn, in->dbi, &key, &value) == 0) {
        text.data = value.mv_data;
        text.len = value.mv_size;

        if (wh_row_more_get(text, &more) != WH_OK) {
            ngx_memzero(&more, sizeof(wh_row_more_t));
        }
    }

    body.data = NULL;
    body.len = 0;

    key.mv_data = k.body;
    key.mv_size = sizeof(k.body);

    if ((row.flags & WH_ROW_BODY)
        && mdb_get(in->txn, in->dbi, &key, &value) == 0)
    {
        body.data = value.mv_data;
        body.len = value.mv_size;
    }

    page->found = 1;

    return page->row(page, page->from, &row, &more, &body);
}


/*
 * The latest first.  Of one endpoint its own keys are walked through, of which
 * there may be much fewer.
 */

static int
ngx_http_webhook_history_walk(ngx_http_webhook_page_t *page,
    ngx_http_webhook_inside_t *in, MDB_cursor *cur)
{
    int          rc;
    size_t       prefix, len;
    u_char       below[2 + 255 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY], first[2 + 255];
    u_char      *k;
    MDB_val      key, value;
    wh_str_t     text, *name;
    wh_row_t     row;
    ngx_uint_t   i;

    name = &page->filter.endpoint;

    if (name->len > 255) {
        page->end = 1;
        return 0;
    }

    prefix = 1;
    first[0] = 'h';

    if (name->len) {
        first[0] = 'i';
        first[1] = (u_char) name->len;
        ngx_memcpy(first + 2, name->data, name->len);
        prefix = 2 + name->len;
    }

    ngx_memcpy(below, first, prefix);

    if (page->fromlen) {
        ngx_memcpy(below + prefix, page->from, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        len = prefix + NGX_HTTP_WEBHOOK_ATTEMPT_KEY;

    } else if (page->filter.until) {
        ngx_http_webhook_put_be(below + prefix, page->filter.until
                                + NGX_HTTP_WEBHOOK_HISTORY_LATE, 8);
        len = prefix + 8;

    } else {
        ngx_memset(below + prefix, 0xff, 8);
        len = prefix + 8;
    }

    rc = ngx_http_webhook_warehouse_below(cur, below, len, &key, &value);

    for (i = 0; rc == 0; i++) {

        k = key.mv_data;

        if (key.mv_size != prefix + NGX_HTTP_WEBHOOK_ATTEMPT_KEY
            || ngx_memcmp(k, first, prefix) != 0)
        {
            break;
        }

        k += prefix;

        if (ngx_http_webhook_get_be(k, 8) < page->filter.since) {
            break;
        }

        if (name->len) {
            rc = ngx_http_webhook_history_get(in->txn, in->dbi, k, &row);

        } else {
            text.data = value.mv_data;
            text.len = value.mv_size;

            rc = wh_row_get(text, &row) == WH_OK ? 0 : MDB_NOTFOUND;
        }

        if (rc == 0 && ngx_http_webhook_history_match(&page->filter, &row)) {

            if (page->found == page->limit) {
                return 0;
            }

            rc = page->row(page, k, &row, NULL, NULL);

            if (rc) {
                return rc;
            }

            page->found++;
        }

        if (rc != 0 && rc != MDB_NOTFOUND) {
            return rc;
        }

        ngx_memcpy(page->from, k, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        page->fromlen = NGX_HTTP_WEBHOOK_ATTEMPT_KEY;
        page->looked++;

        if (i == NGX_HTTP_WEBHOOK_HISTORY_SLICE) {
            page->job.more = 1;
            return 0;
        }

        rc = mdb_cursor_get(cur, &key, &value, MDB_PREV);
    }

    page->end = 1;

    return rc;
}


ngx_uint_t
ngx_http_webhook_history_match(wh_filter_t *f, wh_row_t *row)
{
    wh_fact_t  fact;

    fact.endpoint = row->endpoint;
    fact.event = row->event;
    fact.id = row->id;
    fact.time = row->time;
    fact.status = row->status;
    fact.outcome = row->outcome;
    fact.failed = row->flags & WH_ROW_FAILED;

    return wh_filter_match(f, &fact);
}


int
ngx_http_webhook_forget_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                          rc;
    u_char                       from[2 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY], *p;
    MDB_val                      key, value;
    wh_str_t                     text;
    wh_row_t                     row;
    ngx_uint_t                   looked;
    MDB_cursor                  *cur;
    ngx_http_webhook_forget_t   *f;
    ngx_http_webhook_history_t   h;

    f = (ngx_http_webhook_forget_t *) job;

    f->ndone = 0;
    f->tolen = f->fromlen;
    ngx_memcpy(f->to, f->from, f->fromlen);

    if (f->fromlen == 0 && f->filter.since) {
        ngx_http_webhook_put_be(f->to, f->filter.since, 8);
        f->tolen = 8;
    }

    cur = NULL;

    h.txn = in->txn;
    h.dbi = in->dbi;
    h.n = 0;
    h.size = 0;

    rc = ngx_http_webhook_warehouse_get_number(in->txn, in->dbi, "mhistory",
                                               &h.n);
    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_get_number(in->txn, in->dbi, "mhsize",
                                                   &h.size);
    }

    if (rc == 0) {
        rc = mdb_cursor_open(in->txn, in->dbi, &cur);
    }

    if (rc) {
        return rc;
    }

    for (looked = 0; /* void */ ; looked++) {

        from[0] = 'h';
        ngx_memcpy(from + 1, f->to, f->tolen);

        key.mv_data = from;
        key.mv_size = 1 + f->tolen;

        if (f->tolen && !f->single) {
            from[1 + f->tolen] = '\0';
            key.mv_size++;
        }

        rc = mdb_cursor_get(cur, &key, &value,
                            f->single ? MDB_SET_KEY : MDB_SET_RANGE);
        if (rc) {
            break;
        }

        p = key.mv_data;

        if (key.mv_size != 1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY || p[0] != 'h') {
            break;
        }

        if (f->filter.until
            && ngx_http_webhook_get_be(p + 1, 8)
               >= f->filter.until + NGX_HTTP_WEBHOOK_HISTORY_LATE)
        {
            break;
        }

        if (looked == NGX_HTTP_WEBHOOK_HISTORY_SLICE
            || f->ndone == NGX_HTTP_WEBHOOK_HISTORY_FORGET)
        {
            job->more = 1;
            break;
        }

        ngx_memcpy(f->to, p + 1, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        f->tolen = NGX_HTTP_WEBHOOK_ATTEMPT_KEY;

        text.data = value.mv_data;
        text.len = value.mv_size;

        if (wh_row_get(text, &row) != WH_OK) {
            ngx_memzero(&row, sizeof(wh_row_t));

        } else if (!f->single
                   && !ngx_http_webhook_history_match(&f->filter, &row))
        {
            continue;
        }

        rc = ngx_http_webhook_history_delete(&h, f->to, &row);
        if (rc) {
            break;
        }

        f->ndone++;

        if (f->single) {
            break;
        }
    }

    mdb_cursor_close(cur);

    if (rc == MDB_NOTFOUND) {
        rc = 0;
    }

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_put_number(in->txn, in->dbi,
                                                   "mhistory", h.n);
    }

    if (rc == 0) {
        rc = ngx_http_webhook_warehouse_put_number(in->txn, in->dbi, "mhsize",
                                                   h.size);
    }

    return rc;
}
