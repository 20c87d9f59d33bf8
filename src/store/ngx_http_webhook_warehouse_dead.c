
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Dead letters, and deliveries that wait, as operators look at them.
 */


#include "ngx_http_webhook_job.h"

#include "wh_delivery.h"


#define NGX_HTTP_WEBHOOK_PAGE_SLICE  2048   /* keys of a transaction */


static ngx_int_t ngx_http_webhook_dead_letter(MDB_val *key, MDB_val *value,
    ngx_http_webhook_letter_t *letter);
static ngx_int_t ngx_http_webhook_queue_letter(MDB_val *key, MDB_val *value,
    ngx_http_webhook_letter_t *letter);
static void ngx_http_webhook_letter_record(ngx_http_webhook_letter_t *letter,
    u_char *p, size_t len);
static ngx_uint_t ngx_http_webhook_letter_match(wh_filter_t *f,
    ngx_http_webhook_letter_t *letter, uint64_t time);
static int ngx_http_webhook_dead_one(ngx_http_webhook_page_t *page,
    MDB_cursor *cur);
static int ngx_http_webhook_dead_walk(ngx_http_webhook_page_t *page,
    MDB_cursor *cur);
static int ngx_http_webhook_queue_walk(ngx_http_webhook_page_t *page,
    MDB_cursor *cur);


int
ngx_http_webhook_dead_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                       rc;
    MDB_cursor               *cur;
    ngx_http_webhook_page_t  *page;

    page = (ngx_http_webhook_page_t *) job;

    rc = mdb_cursor_open(in->txn, in->dbi, &cur);
    if (rc) {
        return rc;
    }

    rc = page->single ? ngx_http_webhook_dead_one(page, cur)
                      : ngx_http_webhook_dead_walk(page, cur);

    mdb_cursor_close(cur);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


static int
ngx_http_webhook_dead_one(ngx_http_webhook_page_t *page, MDB_cursor *cur)
{
    int                        rc;
    u_char                     from[1 + NGX_HTTP_WEBHOOK_DEAD_KEY];
    MDB_val                    key, value;
    ngx_http_webhook_letter_t  letter;

    page->end = 1;

    from[0] = 'd';
    ngx_memcpy(from + 1, page->from, NGX_HTTP_WEBHOOK_DEAD_KEY);

    key.mv_data = from;
    key.mv_size = sizeof(from);

    rc = mdb_cursor_get(cur, &key, &value, MDB_SET_KEY);

    if (rc != 0
        || ngx_http_webhook_dead_letter(&key, &value, &letter) != NGX_OK)
    {
        return rc;
    }

    page->found = 1;

    return page->letter(page, &letter);
}


/* the latest first: what comes meanwhile is in front of it all */

static int
ngx_http_webhook_dead_walk(ngx_http_webhook_page_t *page, MDB_cursor *cur)
{
    int                        rc;
    size_t                     len;
    u_char                     below[1 + NGX_HTTP_WEBHOOK_DEAD_KEY];
    MDB_val                    key, value;
    ngx_uint_t                 i;
    ngx_http_webhook_letter_t  letter;

    if (page->fromlen) {
        below[0] = 'd';
        ngx_memcpy(below + 1, page->from, NGX_HTTP_WEBHOOK_DEAD_KEY);
        len = sizeof(below);

    } else if (page->filter.until) {
        below[0] = 'd';
        ngx_http_webhook_put_be(below + 1, page->filter.until, 8);
        len = 9;

    } else {
        below[0] = 'd' + 1;
        len = 1;
    }

    rc = ngx_http_webhook_warehouse_below(cur, below, len, &key, &value);

    for (i = 0; rc == 0; i++) {

        if (key.mv_size != 1 + NGX_HTTP_WEBHOOK_DEAD_KEY
            || ((u_char *) key.mv_data)[0] != 'd')
        {
            break;
        }

        if (ngx_http_webhook_dead_letter(&key, &value, &letter) == NGX_OK) {

            if (letter.progress.ended < page->filter.since) {
                break;
            }

            if (ngx_http_webhook_letter_match(&page->filter, &letter,
                                              letter.progress.ended))
            {
                /* there is one more, so it is not the end */

                if (page->found == page->limit) {
                    return 0;
                }

                rc = page->letter(page, &letter);

                if (rc) {
                    return rc;
                }

                page->found++;
            }
        }

        ngx_memcpy(page->from, (u_char *) key.mv_data + 1,
                   NGX_HTTP_WEBHOOK_DEAD_KEY);
        page->fromlen = NGX_HTTP_WEBHOOK_DEAD_KEY;
        page->looked++;

        if (i == NGX_HTTP_WEBHOOK_PAGE_SLICE) {
            page->job.more = 1;
            return 0;
        }

        rc = mdb_cursor_get(cur, &key, &value, MDB_PREV);
    }

    page->end = 1;

    return rc;
}


int
ngx_http_webhook_queue_page(ngx_http_webhook_job_t *job,
    ngx_http_webhook_inside_t *in)
{
    int                       rc;
    MDB_cursor               *cur;
    ngx_http_webhook_page_t  *page;

    page = (ngx_http_webhook_page_t *) job;

    rc = mdb_cursor_open(in->txn, in->dbi, &cur);
    if (rc) {
        return rc;
    }

    rc = ngx_http_webhook_queue_walk(page, cur);

    mdb_cursor_close(cur);

    return rc == MDB_NOTFOUND ? 0 : rc;
}


/* the cursor is the last key that was looked at */

static int
ngx_http_webhook_queue_walk(ngx_http_webhook_page_t *page, MDB_cursor *cur)
{
    int                        rc;
    size_t                     n;
    u_char                     from[1 + NGX_HTTP_WEBHOOK_KEY_SIZE], *k;
    MDB_val                    key, value;
    wh_str_t                  *name;
    ngx_uint_t                 i, shard;
    ngx_http_webhook_letter_t  letter;

    name = &page->filter.endpoint;

    n = page->fromlen;
    from[0] = 'q';

    if (n) {
        ngx_memcpy(from + 1, page->from, n);
        from[1 + n] = '\0';
        n += 2;

    } else {
        n = 1;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_PAGE_SLICE; i++) {

        key.mv_data = from;
        key.mv_size = n;

        rc = mdb_cursor_get(cur, &key, &value, MDB_SET_RANGE);

        for ( ;; ) {

            if (rc) {
                page->end = 1;
                return rc;
            }

            if (ngx_http_webhook_queue_letter(&key, &value, &letter)
                != NGX_OK)
            {
                page->end = 1;
                return 0;
            }

            if (letter.name.len != name->len
                || ngx_memcmp(letter.name.data, name->data, name->len) != 0)
            {
                break;
            }

            if (ngx_http_webhook_letter_match(&page->filter, &letter,
                                              letter.progress.time))
            {
                if (page->found == page->limit) {
                    return 0;
                }

                rc = page->letter(page, &letter);

                if (rc) {
                    return rc;
                }

                page->found++;
            }

            page->fromlen = key.mv_size - 1;
            ngx_memcpy(page->from, (u_char *) key.mv_data + 1, page->fromlen);
            page->looked++;

            if (++i >= NGX_HTTP_WEBHOOK_PAGE_SLICE) {
                page->job.more = 1;
                return 0;
            }

            rc = mdb_cursor_get(cur, &key, &value, MDB_NEXT);
        }

        /* another name: this one is in front of it, or in the next shard */

        k = key.mv_data;
        shard = ngx_http_webhook_get_be(k + 1, 2);

        from[1] = k[1];
        from[2] = k[2];
        from[3] = (u_char) name->len;
        ngx_memcpy(from + 4, name->data, name->len);
        n = 4 + name->len;

        if (ngx_memcmp(k + 3, from + 3, ngx_min(n, key.mv_size) - 3) > 0) {
            ngx_http_webhook_put_be(from + 1, shard + 1, 2);
        }

        page->fromlen = n - 1;
        ngx_memcpy(page->from, from + 1, n - 1);
    }

    page->job.more = 1;

    return 0;
}


int
ngx_http_webhook_warehouse_below(MDB_cursor *cur, u_char *below, size_t len,
    MDB_val *key, MDB_val *value)
{
    int  rc;

    key->mv_data = below;
    key->mv_size = len;

    rc = mdb_cursor_get(cur, key, value, MDB_SET_RANGE);

    if (rc == MDB_NOTFOUND) {
        return mdb_cursor_get(cur, key, value, MDB_LAST);
    }

    return rc ? rc : mdb_cursor_get(cur, key, value, MDB_PREV);
}


static ngx_int_t
ngx_http_webhook_dead_letter(MDB_val *key, MDB_val *value,
    ngx_http_webhook_letter_t *letter)
{
    size_t                     n;
    u_char                    *p;
    ngx_http_webhook_stored_t  head;

    n = ngx_http_webhook_warehouse_head(value, &head);
    p = value->mv_data;

    if (n == 0 || head.keylen > value->mv_size - n
        || ngx_http_webhook_warehouse_parts(p + n, head.keylen, letter)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    letter->key = (u_char *) key->mv_data + 1;
    letter->keylen = key->mv_size - 1;
    letter->progress = head.progress;

    n += head.keylen;

    ngx_http_webhook_letter_record(letter, p + n, value->mv_size - n);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_queue_letter(MDB_val *key, MDB_val *value,
    ngx_http_webhook_letter_t *letter)
{
    size_t                     n;
    ngx_http_webhook_stored_t  head;

    if (ngx_http_webhook_warehouse_parts(key->mv_data, key->mv_size, letter)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    letter->key = (u_char *) key->mv_data + 1;
    letter->keylen = key->mv_size - 1;

    n = ngx_http_webhook_warehouse_head(value, &head);
    letter->progress = head.progress;

    if (n == 0) {
        n = value->mv_size;
    }

    ngx_http_webhook_letter_record(letter, (u_char *) value->mv_data + n,
                                   value->mv_size - n);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_warehouse_parts(u_char *key, size_t len,
    ngx_http_webhook_letter_t *letter)
{
    size_t  n;

    if (len < 5 + 10 || len > NGX_HTTP_WEBHOOK_KEY_SIZE || key[0] != 'q') {
        return NGX_DECLINED;
    }

    letter->name.len = key[3];
    letter->name.data = key + 4;

    n = 4 + letter->name.len;

    if (n + 1 + 10 > len || n + 1 + key[n] + 10 != len) {
        return NGX_DECLINED;
    }

    letter->lane.len = key[n];
    letter->lane.data = key + n + 1;
    letter->seq = ngx_http_webhook_get_be(key + len - 10, 8);

    return NGX_OK;
}


static void
ngx_http_webhook_letter_record(ngx_http_webhook_letter_t *letter, u_char *p,
    size_t len)
{
    letter->record.data = (char *) p;
    letter->record.len = len;

    if (wh_delivery_get(letter->record, WH_FIELD_ID, &letter->id) != WH_OK) {
        letter->id.len = 0;
    }

    if (wh_delivery_get(letter->record, WH_FIELD_EVENT, &letter->event)
        != WH_OK)
    {
        letter->event.len = 0;
    }
}


static ngx_uint_t
ngx_http_webhook_letter_match(wh_filter_t *f,
    ngx_http_webhook_letter_t *letter, uint64_t time)
{
    wh_fact_t  fact;

    fact.endpoint.data = (char *) letter->name.data;
    fact.endpoint.len = letter->name.len;
    fact.event = letter->event;
    fact.id = letter->id;
    fact.time = time;
    fact.status = letter->progress.status;
    fact.outcome = letter->progress.class;
    fact.failed = 1;

    return wh_filter_match(f, &fact);
}
