
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_escape.h"
#include "wh_pairs.h"


/* names are compared encoded, for that is what must not come twice */

typedef struct {
    size_t       start;
    size_t       name;       /* octets of it; 0: the pair has to go */
    wh_pair_e    who;
} wh_pair_t;


typedef int (*wh_pair_cmp_pt)(const char *data, const wh_pair_t *a,
    const wh_pair_t *b);


static int wh_pairs_error(wh_pairs_t *w);
static int wh_pairs_start(wh_pairs_t *w, wh_pair_t *pair, wh_pair_e who);
static int wh_pairs_started(wh_pairs_t *w, wh_pair_t *pair);
static size_t wh_pairs_mark(wh_pairs_t *w, wh_pair_t *pairs, size_t n,
    size_t *dropped);
static int wh_pairs_same(wh_pairs_t *w, const wh_pair_t *a,
    const wh_pair_t *b);
static void wh_pairs_compact(wh_pairs_t *w, const wh_pair_t *pairs, size_t n);
static void wh_pairs_sort(const char *data, wh_pair_t *pairs, size_t n,
    wh_pair_cmp_pt cmp);
static void wh_pairs_sift(const char *data, wh_pair_t *pairs, size_t i,
    size_t n, wh_pair_cmp_pt cmp);
static int wh_pairs_by_name(const char *data, const wh_pair_t *a,
    const wh_pair_t *b);
static int wh_pairs_by_start(const char *data, const wh_pair_t *a,
    const wh_pair_t *b);


int
wh_pairs_begin(wh_pairs_t *w, wh_buf_t *out, wh_buf_t *index, int form)
{
    w->out = out;
    w->index = index;
    w->holes = NULL;
    w->form = form;

    if (!form) {
        (void) wh_buf_putc(out, '{');
    }

    w->from = out->len;

    return out->err;
}


int
wh_pairs_name(wh_pairs_t *w, wh_pair_e who, const char *p, size_t n)
{
    wh_pair_t  pair;

    if (wh_pairs_start(w, &pair, who) == WH_OK) {
        (void) wh_pairs_encode(w->out, w->form, p, n);
    }

    return wh_pairs_started(w, &pair);
}


int
wh_pairs_encoded(wh_pairs_t *w, wh_pair_e who, const char *p, size_t n)
{
    wh_pair_t  pair;

    if (wh_pairs_start(w, &pair, who) == WH_OK) {
        (void) wh_buf_put(w->out, p, n);
    }

    return wh_pairs_started(w, &pair);
}


int
wh_pairs_value(wh_pairs_t *w, int kind, const char *p, size_t n)
{
    if (!w->form) {
        (void) wh_put_json_value(w->out, kind, p, n);

    } else if (kind != WH_JSON_NULL) {
        (void) wh_put_form(w->out, p, n);
    }

    return wh_pairs_error(w);
}


int
wh_pairs_end(wh_pairs_t *w, size_t *dropped)
{
    size_t      n;
    wh_pair_t  *pairs;

    *dropped = 0;

    if (wh_pairs_error(w) == WH_OK && w->index) {

        pairs = (wh_pair_t *) (void *) w->index->data;
        n = w->index->len / sizeof(wh_pair_t);

        wh_pairs_sort(w->out->data, pairs, n, wh_pairs_by_name);

        if (wh_pairs_mark(w, pairs, n, dropped)) {
            wh_pairs_sort(w->out->data, pairs, n, wh_pairs_by_start);
            wh_pairs_compact(w, pairs, n);
        }
    }

    if (!w->form) {
        (void) wh_buf_putc(w->out, '}');
    }

    return wh_pairs_error(w);
}


int
wh_pairs_encode(wh_buf_t *b, int form, const char *p, size_t n)
{
    if (form) {
        (void) wh_put_form(b, p, n);
        return wh_buf_putc(b, '=');
    }

    (void) wh_put_json_quoted(b, p, n);

    return wh_buf_putc(b, ':');
}


static int
wh_pairs_error(wh_pairs_t *w)
{
    if (w->out->err == WH_OK && w->index) {
        return w->index->err;
    }

    return w->out->err;
}


static int
wh_pairs_start(wh_pairs_t *w, wh_pair_t *pair, wh_pair_e who)
{
    if (w->out->len != w->from) {
        (void) wh_buf_putc(w->out, w->form ? '&' : ',');
    }

    pair->start = w->out->len;
    pair->who = who;

    return w->out->err;
}


static int
wh_pairs_started(wh_pairs_t *w, wh_pair_t *pair)
{
    if (w->index && w->out->err == WH_OK) {
        pair->name = w->out->len - pair->start;
        (void) wh_buf_put(w->index, (char *) pair, sizeof(wh_pair_t));
    }

    return wh_pairs_error(w);
}


/* of pairs sorted by name: how many have to go */

static size_t
wh_pairs_mark(wh_pairs_t *w, wh_pair_t *pairs, size_t n, size_t *dropped)
{
    size_t  i, gone;

    gone = 0;

    for (i = 0; i < n; i++) {

        if (i + 1 < n && wh_pairs_same(w, &pairs[i], &pairs[i + 1])) {
            (*dropped)++;

        } else if (pairs[i].who != WH_PAIR_ABSENT) {
            continue;
        }

        pairs[i].name = 0;
        gone++;
    }

    return gone;
}


static int
wh_pairs_same(wh_pairs_t *w, const wh_pair_t *a, const wh_pair_t *b)
{
    return a->name == b->name
           && memcmp(w->out->data + a->start, w->out->data + b->start,
                     a->name)
              == 0;
}


/* of pairs sorted by place: those that stay move to the front */

static void
wh_pairs_compact(wh_pairs_t *w, const wh_pair_t *pairs, size_t n)
{
    char    *data;
    size_t   i, end, len, last, done;

    data = w->out->data;
    last = w->from;
    done = 0;

    for (i = 0; i < n; i++) {

        if (pairs[i].name == 0) {
            continue;
        }

        end = i + 1 < n ? pairs[i + 1].start - 1 : w->out->len;
        len = end - pairs[i].start;

        if (last != w->from) {
            data[last++] = w->form ? '&' : ',';
        }

        if (w->holes) {
            wh_holes_move(w->holes, &done, pairs[i].start, len, last);
        }

        memmove(data + last, data + pairs[i].start, len);
        last += len;
    }

    if (w->holes) {
        wh_holes_move(w->holes, &done, w->out->len, 0, last);
    }

    w->out->len = last;
}


/* no worse than n log n whatever the names are, and in place */

static void
wh_pairs_sort(const char *data, wh_pair_t *pairs, size_t n,
    wh_pair_cmp_pt cmp)
{
    size_t     i;
    wh_pair_t  pair;

    for (i = n / 2; i > 0; i--) {
        wh_pairs_sift(data, pairs, i - 1, n, cmp);
    }

    for (i = n; i > 1; i--) {
        pair = pairs[0];
        pairs[0] = pairs[i - 1];
        pairs[i - 1] = pair;

        wh_pairs_sift(data, pairs, 0, i - 1, cmp);
    }
}


static void
wh_pairs_sift(const char *data, wh_pair_t *pairs, size_t i, size_t n,
    wh_pair_cmp_pt cmp)
{
    size_t     k;
    wh_pair_t  pair;

    pair = pairs[i];

    for ( ;; ) {
        k = 2 * i + 1;

        if (k >= n) {
            break;
        }

        if (k + 1 < n && cmp(data, &pairs[k], &pairs[k + 1]) < 0) {
            k++;
        }

        if (cmp(data, &pair, &pairs[k]) >= 0) {
            break;
        }

        pairs[i] = pairs[k];
        i = k;
    }

    pairs[i] = pair;
}


static int
wh_pairs_by_name(const char *data, const wh_pair_t *a, const wh_pair_t *b)
{
    int     rc;
    size_t  len;

    len = a->name < b->name ? a->name : b->name;

    rc = memcmp(data + a->start, data + b->start, len);
    if (rc) {
        return rc;
    }

    if (a->name != b->name) {
        return a->name < b->name ? -1 : 1;
    }

    if (a->who != b->who) {
        return a->who < b->who ? -1 : 1;
    }

    return wh_pairs_by_start(data, a, b);
}


static int
wh_pairs_by_start(const char *data, const wh_pair_t *a, const wh_pair_t *b)
{
    (void) data;

    return a->start < b->start ? -1 : 1;
}
