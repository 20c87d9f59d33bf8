
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_shelf.h"

#include <stdlib.h>


/* before each window */

typedef struct {
    uint64_t     size;           /* octets, with this */
    uint64_t     config;         /* that has used it last */
    uint64_t     owner;
    wh_tag_t     tag;
    wh_window_t  window;
} wh_place_t;


static wh_place_t *wh_shelf_first(wh_shelf_t *s);
static wh_place_t *wh_shelf_next(wh_shelf_t *s, wh_place_t *p);
static int wh_shelf_cmp(const void *one, const void *two);
static int wh_shelf_cmp_size(const void *one, const void *two);
static void wh_shelf_match(wh_shelf_t *s, const wh_shelf_index_t *index,
    uint64_t owner, wh_line_t *lines, uint32_t n, wh_place_t **had);
static uint32_t wh_shelf_had(wh_shelf_t *s, const wh_shelf_index_t *index,
    uint64_t owner, wh_place_t **places);
static wh_place_t *wh_shelf_find(wh_shelf_t *s, const wh_shelf_index_t *index,
    size_t need, uint64_t age, wh_place_t *except);
static uint32_t wh_shelf_free(const wh_shelf_index_t *index, uint32_t from,
    uint64_t config, uint64_t age);
static wh_place_t *wh_shelf_cut(wh_shelf_t *s, size_t need, size_t used);


size_t
wh_shelf_need(uint32_t n)
{
    return offsetof(wh_place_t, window) + wh_window_size(n);
}


void
wh_shelf_init(wh_shelf_t *s, size_t size)
{
    s->end = size & ~(uint64_t) 7;
    s->bottom = s->end;
}


uint64_t
wh_shelf_begin(wh_shelf_t *s)
{
    s->wanted = 0;

    return ++s->config;
}


static wh_place_t *
wh_shelf_first(wh_shelf_t *s)
{
    return s->bottom < s->end ? (wh_place_t *) ((char *) s + s->bottom) : NULL;
}


static wh_place_t *
wh_shelf_next(wh_shelf_t *s, wh_place_t *p)
{
    p = (wh_place_t *) ((char *) p + p->size);

    return (char *) p < (char *) s + s->end ? p : NULL;
}


uint32_t
wh_shelf_count(wh_shelf_t *s)
{
    uint32_t     n;
    wh_place_t  *p;

    n = 0;

    for (p = wh_shelf_first(s); p; p = wh_shelf_next(s, p)) {
        n++;
    }

    return n;
}


void
wh_shelf_index(wh_shelf_t *s, wh_shelf_index_t *index)
{
    uint32_t          i;
    wh_place_t       *p;
    wh_shelf_ref_t   *ref;
    wh_shelf_size_t  *size;

    index->n = 0;

    for (p = wh_shelf_first(s); p; p = wh_shelf_next(s, p)) {

        ref = &index->refs[index->n];
        size = &index->sizes[index->n++];

        ref->owner = p->owner;
        ref->place = p;

        size->size = p->size;
        size->place = p;
    }

    if (index->n == 0) {
        return;
    }

    qsort(index->refs, index->n, sizeof(wh_shelf_ref_t), wh_shelf_cmp);
    qsort(index->sizes, index->n, sizeof(wh_shelf_size_t), wh_shelf_cmp_size);

    for (i = 0; i < index->n; i++) {
        index->sizes[i].next[0] = i + 1;
        index->sizes[i].next[1] = i + 1;
    }
}


/* those of an owner as they are on the shelf */

static int
wh_shelf_cmp(const void *one, const void *two)
{
    const wh_shelf_ref_t  *a = one;
    const wh_shelf_ref_t  *b = two;

    if (a->owner != b->owner) {
        return a->owner < b->owner ? -1 : 1;
    }

    return (uintptr_t) a->place < (uintptr_t) b->place ? -1 : 1;
}


static int
wh_shelf_cmp_size(const void *one, const void *two)
{
    const wh_shelf_size_t  *a = one;
    const wh_shelf_size_t  *b = two;

    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }

    return (uintptr_t) a->place < (uintptr_t) b->place ? -1 : 1;
}


void
wh_shelf_keep(wh_shelf_t *s, const wh_shelf_index_t *index, uint64_t owner,
    wh_line_t *lines, uint32_t n)
{
    uint32_t     i;
    wh_place_t  *had[WH_SHELF_LINES];

    wh_shelf_match(s, index, owner, lines, n, had);

    for (i = 0; i < n; i++) {

        if (had[i] && wh_window_fits(&had[i]->window, lines[i].tag.n)) {
            had[i]->config = s->config;
            had[i]->tag = lines[i].tag;
            lines[i].window = &had[i]->window;

        } else {
            s->wanted += wh_shelf_need(lines[i].tag.n);
        }
    }
}


static void
wh_shelf_match(wh_shelf_t *s, const wh_shelf_index_t *index, uint64_t owner,
    wh_line_t *lines, uint32_t n, wh_place_t **had)
{
    int          which[WH_SHELF_LINES];
    uint32_t     i, k, m, at[WH_SHELF_LINES];
    wh_tag_t     wanted[WH_SHELF_LINES], tags[WH_SHELF_LINES];
    wh_place_t  *places[WH_SHELF_LINES];

    memset(wanted, 0, sizeof(wanted));
    memset(tags, 0, sizeof(tags));

    m = wh_shelf_had(s, index, owner, places);

    for (i = 0; i < m; i++) {
        tags[i] = places[i]->tag;
    }

    k = 0;

    for (i = 0; i < n; i++) {
        had[i] = NULL;

        if (lines[i].window == NULL) {
            wanted[k] = lines[i].tag;
            at[k++] = i;
        }
    }

    wh_tag_match(wanted, k, tags, m, which);

    for (i = 0; i < k; i++) {
        if (which[i] >= 0) {
            had[at[i]] = places[which[i]];
        }
    }
}


/* its windows of the configuration before; an index may be out of date */

static uint32_t
wh_shelf_had(wh_shelf_t *s, const wh_shelf_index_t *index, uint64_t owner,
    wh_place_t **places)
{
    uint32_t     m, low, high, mid;
    wh_place_t  *p;

    m = 0;

    if (index == NULL) {

        for (p = wh_shelf_first(s); p; p = wh_shelf_next(s, p)) {

            if (p->owner == owner && p->config + 1 == s->config
                && m < WH_SHELF_LINES)
            {
                places[m++] = p;
            }
        }

        return m;
    }

    low = 0;
    high = index->n;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (index->refs[mid].owner < owner) {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < index->n; low++) {

        if (index->refs[low].owner != owner) {
            break;
        }

        p = index->refs[low].place;

        if (p->owner == owner && p->config + 1 == s->config
            && m < WH_SHELF_LINES)
        {
            places[m++] = p;
        }
    }

    return m;
}


void
wh_shelf_add(wh_shelf_t *s, const wh_shelf_index_t *index, uint64_t owner,
    wh_line_t *lines, uint32_t n, int larger, size_t used)
{
    size_t       need, size;
    uint32_t     i;
    wh_place_t  *p, *had[WH_SHELF_LINES];

    wh_shelf_match(s, index, owner, lines, n, had);

    for (i = 0; i < n; i++) {

        if (lines[i].window || (larger && had[i] == NULL)) {
            continue;
        }

        need = wh_shelf_need(lines[i].tag.n);

        p = wh_shelf_find(s, index, need, 2, had[i]);

        if (p == NULL) {

            /* with room to grow, unless that is another line's */

            for (size = 256; size < need; size *= 2) { /* void */ }

            p = wh_shelf_cut(s, size, used + (size_t) s->wanted - need);
        }

        if (p == NULL) {
            p = wh_shelf_cut(s, need, used);
        }

        if (p == NULL) {
            p = wh_shelf_find(s, index, need, 1, had[i]);
        }

        if (p == NULL) {
            continue;
        }

        /* as large as it may become without a move, within reason */

        size = p->size < 2 * need ? (size_t) p->size : 2 * need;
        size = (size - wh_shelf_need(0)) / sizeof(uint64_t);

        wh_window_renew(&p->window, (uint32_t) size);

        /* unless it has become another line's just now */

        if (had[i] && had[i]->config != s->config) {
            (void) wh_window_copy(&p->window, &had[i]->window,
                                  wh_window_octets(&had[i]->window));

            /* nobody else is to find it */

            had[i]->owner = UINT64_MAX;
        }

        s->wanted -= need;

        p->config = s->config;
        p->owner = owner;
        p->tag = lines[i].tag;

        lines[i].window = &p->window;
    }
}


/* the smallest one that was not used by the last "age" configurations */

static wh_place_t *
wh_shelf_find(wh_shelf_t *s, const wh_shelf_index_t *index, size_t need,
    uint64_t age, wh_place_t *except)
{
    uint32_t     low, high, mid;
    uint64_t     config;
    wh_place_t  *p, *best;

    best = NULL;

    if (s->config < age) {
        return NULL;
    }

    config = s->config - age;

    if (index) {
        low = 0;
        high = index->n;

        while (low < high) {
            mid = low + (high - low) / 2;

            if (index->sizes[mid].size < need) {
                low = mid + 1;

            } else {
                high = mid;
            }
        }

        low = wh_shelf_free(index, low, config, age);

        if (low < index->n && index->sizes[low].place == except) {
            low = wh_shelf_free(index, low + 1, config, age);
        }

        return low < index->n ? index->sizes[low].place : NULL;
    }

    for (p = wh_shelf_first(s); p; p = wh_shelf_next(s, p)) {

        if (p != except && p->config <= config && p->size >= need
            && (best == NULL || p->size < best->size))
        {
            best = p;
        }
    }

    return best;
}


/*
 * The first one that is free, from that on.  None becomes free before the next
 * configuration, so that those in between need not be looked at again.
 */

static uint32_t
wh_shelf_free(const wh_shelf_index_t *index, uint32_t from, uint64_t config,
    uint64_t age)
{
    uint32_t           i, next;
    const wh_place_t  *p;

    for (i = from; i < index->n; i = index->sizes[i].next[age - 1]) {

        p = index->sizes[i].place;

        if (p->config <= config) {
            break;
        }
    }

    while (from < i) {
        next = index->sizes[from].next[age - 1];
        index->sizes[from].next[age - 1] = i;
        from = next;
    }

    return i;
}


static wh_place_t *
wh_shelf_cut(wh_shelf_t *s, size_t need, size_t used)
{
    wh_place_t  *p;

    if (used > s->bottom || need > s->bottom - used) {
        return NULL;
    }

    p = (wh_place_t *) ((char *) s + s->bottom - need);
    memset(p, 0, need);

    p->size = need;

    __atomic_store_n(&s->bottom, s->bottom - need, __ATOMIC_SEQ_CST);

    return p;
}
