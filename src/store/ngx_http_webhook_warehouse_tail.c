
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The history read forwards, for those who follow it.  Keys grow with each
 * transaction that writes, so one key is all that has to be known of what was
 * read.
 */


#include "ngx_http_webhook_history.h"


/* where rows are: all of them, or the index of an endpoint */

typedef struct {
    MDB_txn                         *txn;
    MDB_dbi                          dbi;
    MDB_cursor                      *cur;
    u_char                           prefix[2 + 255];
    size_t                           len;       /* of it */
    u_char                          *key;       /* out, without the prefix */
    wh_row_t                         row;       /* likewise */
    ngx_uint_t                       whole;     /* ... of which there is one */
} ngx_http_webhook_tail_walk_t;


static int ngx_http_webhook_tail_start(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail, ngx_http_webhook_inside_t *in);
static int ngx_http_webhook_tail_next(ngx_http_webhook_tail_walk_t *w,
    u_char *behind);
static int ngx_http_webhook_tail_prev(ngx_http_webhook_tail_walk_t *w,
    u_char *below);
static int ngx_http_webhook_tail_get(ngx_http_webhook_tail_walk_t *w,
    MDB_val *key, MDB_val *value);
static int ngx_http_webhook_tail_back(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail);
static int ngx_http_webhook_tail_forth(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail);
static int ngx_http_webhook_tail_ends(ngx_http_webhook_tail_walk_t *w,
    u_char *gone, u_char *newest);


int
ngx_http_webhook_tail_open(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                            rc;
    u_char                         gone[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    u_char                         newest[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    uint64_t                       last;
    ngx_http_webhook_tail_t       *tail;
    ngx_http_webhook_tail_walk_t   w;

    tail = (ngx_http_webhook_tail_t *) job;

    rc = ngx_http_webhook_tail_start(&w, tail, in);
    if (rc) {
        return rc;
    }

    if (tail->looks) {
        rc = ngx_http_webhook_tail_back(&w, tail);
        goto done;
    }

    rc = ngx_http_webhook_tail_ends(&w, gone, newest);
    if (rc) {
        goto done;
    }

    last = 0;
    rc = ngx_http_webhook_warehouse_get_number(in->txn, in->dbi, "mhlast",
                                               &last);
    if (rc) {
        goto done;
    }

    if (!tail->resumes
        || ngx_memcmp(tail->from, newest, NGX_HTTP_WEBHOOK_ATTEMPT_KEY) >= 0)
    {
        /* what was never written is of another store */

        if (tail->strict && ngx_http_webhook_get_be(tail->from, 8) > last
            && ngx_memcmp(tail->from, newest, NGX_HTTP_WEBHOOK_ATTEMPT_KEY)
               != 0)
        {
            tail->gap = 1;
        }

        if (!tail->strict || tail->gap) {
            ngx_memcpy(tail->from, newest, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        }

        goto done;
    }

    if (ngx_memcmp(tail->from, gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY) < 0) {
        tail->gap = tail->strict;
        ngx_memcpy(tail->from, gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    }

    ngx_memset(tail->to, 0xff, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    tail->looks = 1;

    rc = ngx_http_webhook_tail_back(&w, tail);

done:

    mdb_cursor_close(w.cur);

    return rc;
}


int
ngx_http_webhook_tail_read(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                            rc;
    u_char                         gone[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    u_char                         newest[NGX_HTTP_WEBHOOK_ATTEMPT_KEY];
    ngx_http_webhook_tail_t       *tail;
    ngx_http_webhook_tail_walk_t   w;

    tail = (ngx_http_webhook_tail_t *) job;

    rc = ngx_http_webhook_tail_start(&w, tail, in);
    if (rc) {
        return rc;
    }

    rc = ngx_http_webhook_tail_ends(&w, gone, newest);

    if (rc
        || ngx_memcmp(tail->from, newest, NGX_HTTP_WEBHOOK_ATTEMPT_KEY) >= 0)
    {
        goto done;
    }

    if (ngx_memcmp(tail->from, gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY) < 0) {

        ngx_memcpy(tail->from, gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

        if (tail->row(tail, tail->from, NULL) == NGX_ERROR) {
            rc = ENOMEM;
            goto done;
        }
    }

    rc = ngx_http_webhook_tail_forth(&w, tail);

    if (rc == MDB_NOTFOUND) {

        /* others have been written since, but none that is asked for */

        ngx_memcpy(tail->from, newest, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
        rc = 0;
    }

done:

    mdb_cursor_close(w.cur);

    return rc;
}


static int
ngx_http_webhook_tail_start(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail, ngx_http_webhook_inside_t *in)
{
    wh_str_t  *name;

    w->txn = in->txn;
    w->dbi = in->dbi;
    w->prefix[0] = 'h';
    w->len = 1;

    name = &tail->filter.endpoint;

    /* no endpoint has a longer name: the filter knows */

    if (name->len && name->len <= 255) {
        w->prefix[0] = 'i';
        w->prefix[1] = (u_char) name->len;
        ngx_memcpy(w->prefix + 2, name->data, name->len);
        w->len = 2 + name->len;
    }

    return mdb_cursor_open(in->txn, in->dbi, &w->cur);
}


/* the first one behind a key; 0, MDB_NOTFOUND, or another code of LMDB's */

static int
ngx_http_webhook_tail_next(ngx_http_webhook_tail_walk_t *w, u_char *behind)
{
    int      rc;
    u_char   from[2 + 255 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY + 1], *p;
    MDB_val  key, value;

    p = ngx_cpymem(from, w->prefix, w->len);
    p = ngx_cpymem(p, behind, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    *p++ = '\0';

    key.mv_data = from;
    key.mv_size = p - from;

    rc = mdb_cursor_get(w->cur, &key, &value, MDB_SET_RANGE);

    return rc ? rc : ngx_http_webhook_tail_get(w, &key, &value);
}


static int
ngx_http_webhook_tail_prev(ngx_http_webhook_tail_walk_t *w, u_char *below)
{
    int      rc;
    u_char   from[2 + 255 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY], *p;
    MDB_val  key, value;

    p = ngx_cpymem(from, w->prefix, w->len);
    p = ngx_cpymem(p, below, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    rc = ngx_http_webhook_warehouse_below(w->cur, from, p - from, &key,
                                          &value);

    return rc ? rc : ngx_http_webhook_tail_get(w, &key, &value);
}


static int
ngx_http_webhook_tail_get(ngx_http_webhook_tail_walk_t *w, MDB_val *key,
    MDB_val *value)
{
    int       rc;
    wh_str_t  text;

    if (key->mv_size != w->len + NGX_HTTP_WEBHOOK_ATTEMPT_KEY
        || ngx_memcmp(key->mv_data, w->prefix, w->len) != 0)
    {
        return MDB_NOTFOUND;
    }

    w->key = (u_char *) key->mv_data + w->len;

    if (w->len > 1) {
        rc = ngx_http_webhook_history_get(w->txn, w->dbi, w->key, &w->row);

    } else {
        text.data = value->mv_data;
        text.len = value->mv_size;

        rc = wh_row_get(text, &w->row) == WH_OK ? 0 : MDB_NOTFOUND;
    }

    w->whole = (rc == 0);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


/* how far back "limit" of them reach */

static int
ngx_http_webhook_tail_back(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail)
{
    int         rc;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_HISTORY_SLICE; i++) {

        rc = ngx_http_webhook_tail_prev(w, tail->to);

        if (rc) {
            return rc == MDB_NOTFOUND ? 0 : rc;
        }

        if (ngx_memcmp(w->key, tail->from, NGX_HTTP_WEBHOOK_ATTEMPT_KEY) <= 0)
        {
            return 0;
        }

        ngx_memcpy(tail->to, w->key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

        if (!w->whole
            || !ngx_http_webhook_history_match(&tail->filter, &w->row))
        {
            continue;
        }

        if (tail->found++ == tail->limit) {
            tail->gap = 1;
            ngx_memcpy(tail->from, tail->to, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
            return 0;
        }
    }

    tail->job.more = 1;

    return 0;
}


/* MDB_NOTFOUND: there are no others */

static int
ngx_http_webhook_tail_forth(ngx_http_webhook_tail_walk_t *w,
    ngx_http_webhook_tail_t *tail)
{
    int         rc;
    ngx_int_t   n;
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_HISTORY_SLICE; i++) {

        rc = ngx_http_webhook_tail_next(w, tail->from);
        if (rc) {
            return rc;
        }

        n = NGX_OK;

        if (w->whole
            && ngx_http_webhook_history_match(&tail->filter, &w->row))
        {
            n = tail->row(tail, w->key, &w->row);

            if (n == NGX_ERROR) {
                return ENOMEM;
            }
        }

        ngx_memcpy(tail->from, w->key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

        if (n == NGX_DONE) {
            return 0;
        }
    }

    tail->job.more = 1;

    return 0;
}


/* the last one that was trimmed, and the last one that was not, or was */

static int
ngx_http_webhook_tail_ends(ngx_http_webhook_tail_walk_t *w, u_char *gone,
    u_char *newest)
{
    int      rc;
    u_char   end[2];
    MDB_val  key, value;

    ngx_memzero(gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    key.mv_data = "mhgone";
    key.mv_size = 6;

    rc = mdb_get(w->txn, w->dbi, &key, &value);

    if (rc == 0 && value.mv_size == NGX_HTTP_WEBHOOK_ATTEMPT_KEY) {
        ngx_memcpy(gone, value.mv_data, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    } else if (rc && rc != MDB_NOTFOUND) {
        return rc;
    }

    ngx_memcpy(newest, gone, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);

    end[0] = 'h';
    end[1] = 0xff;

    rc = ngx_http_webhook_warehouse_below(w->cur, end, 2, &key, &value);

    if (rc == MDB_NOTFOUND) {
        return 0;
    }

    if (rc == 0 && key.mv_size == 1 + NGX_HTTP_WEBHOOK_ATTEMPT_KEY
        && ((u_char *) key.mv_data)[0] == 'h')
    {
        ngx_memcpy(newest, (u_char *) key.mv_data + 1,
                   NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    }

    return rc;
}
