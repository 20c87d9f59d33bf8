
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Dead letters go back to their lanes, and deliveries of no endpoint to
 * another one's; or they are dropped.  What goes and what comes is of one
 * transaction, so that two who ask for the same have it done once.
 */


#include "ngx_http_webhook_job.h"
#include "ngx_http_webhook_local.h"

#include "wh_delivery.h"


#define NGX_HTTP_WEBHOOK_RESEND_SLICE   256       /* of a transaction */
#define NGX_HTTP_WEBHOOK_RESEND_LOOKED  4096      /* likewise */
#define NGX_HTTP_WEBHOOK_RESEND_SIZE    (1024 * 1024)   /* likewise, octets */
#define NGX_HTTP_WEBHOOK_RESEND_FILL    90        /* percent */


typedef struct {
    size_t                           len;
    u_char                           data[NGX_HTTP_WEBHOOK_KEY_SIZE];
} ngx_http_webhook_resend_key_t;


typedef struct {
    ngx_http_webhook_resend_key_t   *keys;
    ngx_uint_t                       n;
    size_t                           size;
} ngx_http_webhook_resend_keys_t;


static int ngx_http_webhook_resend_dead(ngx_http_webhook_resend_t *rs,
    MDB_cursor *cur, ngx_http_webhook_resend_keys_t *keys);
static int ngx_http_webhook_resend_orphans(ngx_http_webhook_resend_t *rs,
    MDB_cursor *cur, ngx_http_webhook_resend_keys_t *keys);
static ngx_uint_t ngx_http_webhook_resend_full(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_resend_keys_t *keys);
static void ngx_http_webhook_resend_add(ngx_http_webhook_resend_keys_t *keys,
    MDB_val *key, MDB_val *value);
static int ngx_http_webhook_resend_one(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_inside_t *in, ngx_http_webhook_resend_key_t *k);
static int ngx_http_webhook_resend_put(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_inside_t *in, ngx_http_webhook_letter_t *letter);


int
ngx_http_webhook_resend_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                              rc;
    ngx_uint_t                       i;
    MDB_cursor                      *cur;
    ngx_http_webhook_resend_t       *rs;
    ngx_http_webhook_resend_keys_t   keys;

    rs = (ngx_http_webhook_resend_t *) job;

    rs->ndone = 0;
    rs->nunknown = 0;
    rs->full = 0;
    rs->to_len = 0;

    ngx_memzero(rs->shards, WH_SHARDS);

    if (rs->ndropped) {
        ngx_memzero(rs->ndropped,
                    rs->main->endpoints.nelts * sizeof(ngx_uint_t));
    }

    if (!rs->purge && in->fill >= NGX_HTTP_WEBHOOK_RESEND_FILL) {
        rs->full = 1;
        return 0;
    }

    keys.n = 0;
    keys.size = 0;
    keys.keys = malloc(NGX_HTTP_WEBHOOK_RESEND_SLICE
                       * sizeof(ngx_http_webhook_resend_key_t));
    if (keys.keys == NULL) {
        return ENOMEM;
    }

    /* at first only what it is about, for the cursor is not to be moved */

    rc = mdb_cursor_open(in->txn, in->dbi, &cur);

    if (rc == 0) {
        rc = rs->orphans ? ngx_http_webhook_resend_orphans(rs, cur, &keys)
                         : ngx_http_webhook_resend_dead(rs, cur, &keys);

        mdb_cursor_close(cur);
    }

    for (i = 0; rc == 0 && i < keys.n; i++) {
        rc = ngx_http_webhook_resend_one(rs, in, &keys.keys[i]);
    }

    free(keys.keys);

    return rc;
}


/* the oldest first, as they are to be sent */

static int
ngx_http_webhook_resend_dead(ngx_http_webhook_resend_t *rs, MDB_cursor *cur,
    ngx_http_webhook_resend_keys_t *keys)
{
    int                         rc;
    size_t                      n;
    u_char                      from[2 + NGX_HTTP_WEBHOOK_DEAD_KEY], *p;
    MDB_val                     key, value;
    wh_fact_t                   fact;
    ngx_uint_t                  looked;
    ngx_http_webhook_stored_t   head;
    ngx_http_webhook_letter_t   letter;

    from[0] = 'd';

    key.mv_data = from;
    key.mv_size = 1;

    if (rs->fromlen) {
        ngx_memcpy(from + 1, rs->from, NGX_HTTP_WEBHOOK_DEAD_KEY);
        from[1 + NGX_HTTP_WEBHOOK_DEAD_KEY] = '\0';

        key.mv_size = rs->single ? 1 + NGX_HTTP_WEBHOOK_DEAD_KEY
                                 : sizeof(from);

    } else if (rs->filter.since) {
        ngx_http_webhook_put_be(from + 1, rs->filter.since, 8);
        key.mv_size = 9;
    }

    rc = mdb_cursor_get(cur, &key, &value,
                        rs->single ? MDB_SET_KEY : MDB_SET_RANGE);

    for (looked = 0; rc == 0; looked++) {

        p = key.mv_data;

        if (key.mv_size != 1 + NGX_HTTP_WEBHOOK_DEAD_KEY || p[0] != 'd') {
            return 0;
        }

        if (looked == NGX_HTTP_WEBHOOK_RESEND_LOOKED
            || ngx_http_webhook_resend_full(rs, keys))
        {
            rs->job.more = 1;
            return 0;
        }

        if (rs->single) {
            ngx_http_webhook_resend_add(keys, &key, &value);
            return 0;
        }

        fact.time = ngx_http_webhook_get_be(p + 1, 8);

        if (rs->filter.until && fact.time >= rs->filter.until) {
            return 0;
        }

        n = ngx_http_webhook_warehouse_head(&value, &head);

        if (n && head.keylen <= value.mv_size - n
            && ngx_http_webhook_warehouse_parts((u_char *) value.mv_data + n,
                                                head.keylen, &letter)
               == NGX_OK)
        {
            n += head.keylen;

            letter.record.data = (char *) value.mv_data + n;
            letter.record.len = value.mv_size - n;

            fact.endpoint.data = (char *) letter.name.data;
            fact.endpoint.len = letter.name.len;
            fact.event.len = 0;
            fact.id.len = 0;
            fact.status = head.progress.status;
            fact.outcome = head.progress.class;
            fact.failed = 1;

            (void) wh_delivery_get(letter.record, WH_FIELD_EVENT,
                                   &fact.event);
            (void) wh_delivery_get(letter.record, WH_FIELD_ID, &fact.id);

            if (wh_filter_match(&rs->filter, &fact)) {
                ngx_http_webhook_resend_add(keys, &key, &value);
            }
        }

        ngx_memcpy(rs->to_key, p + 1, NGX_HTTP_WEBHOOK_DEAD_KEY);
        rs->to_len = NGX_HTTP_WEBHOOK_DEAD_KEY;

        rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
    }

    return rc == MDB_NOTFOUND ? 0 : rc;
}


/* of a name, shard by shard */

static int
ngx_http_webhook_resend_orphans(ngx_http_webhook_resend_t *rs,
    MDB_cursor *cur, ngx_http_webhook_resend_keys_t *keys)
{
    int                         rc;
    size_t                      n;
    u_char                      first[1 + NGX_HTTP_WEBHOOK_KEY_SIZE];
    MDB_val                     key, value;
    wh_str_t                   *name;
    ngx_uint_t                  shard;
    ngx_http_webhook_letter_t   letter;

    name = &rs->filter.endpoint;
    shard = rs->fromlen ? ngx_http_webhook_get_be(rs->from, 2) : 0;

    first[0] = 'q';
    first[3] = (u_char) name->len;
    ngx_memcpy(first + 4, name->data, name->len);
    n = 4 + name->len;

    for ( /* void */ ; shard < WH_SHARDS; shard++) {

        ngx_http_webhook_put_be(first + 1, shard, 2);

        key.mv_data = first;
        key.mv_size = n;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        while (rc == 0
               && ngx_http_webhook_warehouse_parts(key.mv_data, key.mv_size,
                                                   &letter)
                  == NGX_OK
               && ngx_memcmp(key.mv_data, first, n) == 0)
        {
            if (ngx_http_webhook_resend_full(rs, keys)) {
                ngx_http_webhook_put_be(rs->to_key, shard, 2);
                rs->to_len = 2;
                rs->job.more = 1;
                return 0;
            }

            ngx_http_webhook_resend_add(keys, &key, &value);

            rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
        }

        if (rc == MDB_NOTFOUND) {
            return 0;
        }

        if (rc) {
            return rc;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_webhook_resend_full(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_resend_keys_t *keys)
{
    return keys->n == NGX_HTTP_WEBHOOK_RESEND_SLICE
           || keys->size >= NGX_HTTP_WEBHOOK_RESEND_SIZE
           || rs->done + keys->n >= rs->limit;
}


static void
ngx_http_webhook_resend_add(ngx_http_webhook_resend_keys_t *keys,
    MDB_val *key, MDB_val *value)
{
    ngx_http_webhook_resend_key_t  *k;

    k = &keys->keys[keys->n++];

    k->len = key->mv_size;
    ngx_memcpy(k->data, key->mv_data, key->mv_size);

    keys->size += value->mv_size;
}


static int
ngx_http_webhook_resend_one(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_inside_t *in, ngx_http_webhook_resend_key_t *k)
{
    int                           rc;
    size_t                        n;
    u_char                       *p, *copy;
    MDB_val                       key, value;
    ngx_http_webhook_stored_t     head;
    ngx_http_webhook_letter_t     letter;
    ngx_http_webhook_endpoint_t  *ep;

    key.mv_data = k->data;
    key.mv_size = k->len;

    rc = mdb_get(in->txn, in->dbi, &key, &value);
    if (rc) {
        return rc;
    }

    /* writing takes the page from under it */

    copy = malloc(value.mv_size ? value.mv_size : 1);
    if (copy == NULL) {
        return ENOMEM;
    }

    ngx_memcpy(copy, value.mv_data, value.mv_size);
    value.mv_data = copy;

    n = ngx_http_webhook_warehouse_head(&value, &head);
    p = copy + n;

    if (rs->orphans) {
        head.keylen = 0;
        (void) ngx_http_webhook_warehouse_parts(k->data, k->len, &letter);

    } else if (n == 0 || head.keylen > value.mv_size - n
               || ngx_http_webhook_warehouse_parts(p, head.keylen, &letter)
                  != NGX_OK)
    {
        /* damaged: it can only be dropped */

        head.keylen = 0;
        letter.name.len = 0;
    }

    letter.record.data = (char *) p + head.keylen;
    letter.record.len = value.mv_size - n - head.keylen;

    ep = rs->to ? rs->to
                : ngx_http_webhook_endpoint_find(rs->main, &letter.name);

    if (ep == NULL && !rs->purge) {
        rs->nunknown++;
        free(copy);
        return 0;
    }

    rc = mdb_del(in->txn, in->dbi, &key, NULL);

    if (rc == 0 && rs->orphans) {
        rc = ngx_http_webhook_warehouse_change(in->visit, k->data, -1,
                                     -(int64_t) (key.mv_size + value.mv_size));

    } else if (rc == 0 && *in->dead) {
        (*in->dead)--;
    }

    if (rc == 0 && !rs->purge) {
        letter.progress = head.progress;
        rc = ngx_http_webhook_resend_put(rs, in, &letter);
    }

    if (rc == 0) {
        rs->ndone++;

        if (rs->purge && ep && rs->ndropped) {
            rs->ndropped[ep->index]++;
        }
    }

    free(copy);

    return rc;
}


/* as if it had just been captured, but for its id and its time */

static int
ngx_http_webhook_resend_put(ngx_http_webhook_resend_t *rs,
    ngx_http_webhook_inside_t *in, ngx_http_webhook_letter_t *letter)
{
    int                            rc;
    u_char                         k[NGX_HTTP_WEBHOOK_KEY_SIZE], *p;
    MDB_val                        key, value;
    unsigned                       shard;
    wh_str_t                       name, lane;
    ngx_time_t                    *tp;
    ngx_http_webhook_stored_t      head;
    ngx_http_webhook_endpoint_t   *ep;

    ep = rs->to ? rs->to
                : ngx_http_webhook_endpoint_find(rs->main, &letter->name);

    /* the endpoint may have had another order when it was captured */

    if (ep->policy.order != WH_ORDER_KEY) {
        letter->lane.len = 0;
    }

    name.data = (char *) ep->name.data;
    name.len = ep->name.len;
    lane.data = (char *) letter->lane.data;
    lane.len = letter->lane.len;

    shard = wh_journal_shard(name, lane);

    tp = ngx_timeofday();

    ngx_memzero(&head, sizeof(ngx_http_webhook_stored_t));
    head.version = NGX_HTTP_WEBHOOK_VALUE_VERSION;
    head.progress.time = (uint64_t) tp->sec * 1000 + tp->msec;

    key.mv_data = k;
    key.mv_size = ngx_http_webhook_warehouse_key(k, shard, &ep->name,
                      &letter->lane,
                      wh_journal_number(in->warehouse->journal), 0);

    value.mv_size = sizeof(ngx_http_webhook_stored_t) + letter->record.len;

    rc = mdb_put(in->txn, in->dbi, &key, &value, MDB_RESERVE);
    if (rc) {
        return rc;
    }

    p = ngx_cpymem(value.mv_data, &head, sizeof(ngx_http_webhook_stored_t));
    ngx_memcpy(p, letter->record.data, letter->record.len);

    rs->shards[shard] = 1;

    return ngx_http_webhook_warehouse_change(in->visit, k, 1,
                                      (int64_t) (key.mv_size + value.mv_size));
}


void
ngx_http_webhook_resend_told(ngx_http_webhook_store_t *st,
    ngx_http_webhook_resend_t *rs)
{
    unsigned    owner;
    ngx_uint_t  i;

    rs->done += rs->ndone;
    rs->unknown += rs->nunknown;

    if (rs->to_len) {
        ngx_memcpy(rs->from, rs->to_key, rs->to_len);
        rs->fromlen = rs->to_len;
    }

    for (i = 0; rs->dropped && i < rs->main->endpoints.nelts; i++) {
        rs->dropped[i] += rs->ndropped[i];
    }

    for (i = 0; i < WH_SHARDS; i++) {

        if (!rs->shards[i]) {
            continue;
        }

        owner = wh_shard_tell(&st->journal, i, st->slot);

        if (owner == WH_ORPHAN) {
            st->orphans = 1;

            if (st->leaving) {
                ngx_http_webhook_store_wake_all(st);
            }

        } else if (owner == st->slot) {
            st->news = 1;

        } else {
            ngx_http_webhook_wake(st, owner);
        }
    }

    ngx_post_event(&st->drive, &ngx_posted_next_events);
}


int
ngx_http_webhook_orphans_run(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                          rc;
    size_t                       n;
    u_char                      *p;
    MDB_val                      key, value;
    ngx_uint_t                   i, known;
    MDB_cursor                  *cur;
    ngx_http_webhook_stray_t    *stray;
    ngx_http_webhook_letter_t    letter;
    ngx_http_webhook_orphans_t  *or;

    or = (ngx_http_webhook_orphans_t *) job;

    rc = mdb_cursor_open(in->txn, in->dbi, &cur);
    if (rc) {
        return rc;
    }

    if (or->fromlen == 0) {
        or->from[0] = 'q';
        or->fromlen = 1;
    }

    key.mv_data = or->from;
    key.mv_size = or->fromlen;

    rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

    for (i = 0; rc == 0; i++) {

        if (ngx_http_webhook_warehouse_parts(key.mv_data, key.mv_size,
                                             &letter)
            != NGX_OK)
        {
            break;
        }

        if (i == NGX_HTTP_WEBHOOK_RESEND_LOOKED) {
            ngx_memcpy(or->from, key.mv_data, key.mv_size);
            or->fromlen = key.mv_size;
            job->more = 1;
            break;
        }

        known = (ngx_http_webhook_endpoint_find(or->main, &letter.name)
                 != NULL);

        if (known) {

            /* to the first key behind the name's in this shard */

            p = key.mv_data;
            n = 4 + letter.name.len;

            ngx_memcpy(or->from, p, n);
            or->from[n - 1]++;

            key.mv_data = or->from;
            key.mv_size = n;

            rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);
            continue;
        }

        for (stray = or->strays; stray; stray = stray->next) {
            if (stray->name.len == letter.name.len
                && ngx_memcmp(stray->name.data, letter.name.data,
                              letter.name.len)
                   == 0)
            {
                break;
            }
        }

        if (stray == NULL) {
            stray = calloc(1, sizeof(ngx_http_webhook_stray_t)
                              + letter.name.len);
            if (stray == NULL) {
                rc = ENOMEM;
                break;
            }

            stray->name.data = (u_char *) stray
                               + sizeof(ngx_http_webhook_stray_t);
            stray->name.len = letter.name.len;
            ngx_memcpy(stray->name.data, letter.name.data, letter.name.len);

            stray->next = or->strays;
            or->strays = stray;
        }

        stray->n++;

        rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
    }

    mdb_cursor_close(cur);

    return rc == MDB_NOTFOUND ? 0 : rc;
}
