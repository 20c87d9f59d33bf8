
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_window.h"


#define WH_WINDOW_BITS   20
#define WH_WINDOW_MASK   ((UINT64_C(1) << WH_WINDOW_BITS) - 1)
#define WH_WINDOW_TIMES  (UINT64_MAX >> WH_WINDOW_BITS)


static uint64_t wh_window_slot(uint64_t seq, uint64_t now);
static int wh_window_time(const wh_window_t *w, uint64_t seq, uint64_t *time);
static int wh_window_within(uint64_t first, uint64_t time, uint64_t now);


size_t
wh_window_size(uint32_t n)
{
    return offsetof(wh_window_t, slots)
           + ((size_t) n + 1 + WH_WINDOW_SLACK) * sizeof(uint64_t);
}


void
wh_window_init(wh_window_t *w, uint32_t n)
{
    w->size = (uint64_t) n + 1 + WH_WINDOW_SLACK;
}


int
wh_window_fits(const wh_window_t *w, uint32_t n)
{
    return w->size >= (uint64_t) n + 1 + WH_WINDOW_SLACK;
}


/* numbers begin with 1: an empty place is nobody's */

static uint64_t
wh_window_slot(uint64_t seq, uint64_t now)
{
    return (now < WH_WINDOW_TIMES ? now : WH_WINDOW_TIMES) << WH_WINDOW_BITS
           | ((seq + 1) & WH_WINDOW_MASK);
}


/* false: its process has not come to it yet, or never will */

static int
wh_window_time(const wh_window_t *w, uint64_t seq, uint64_t *time)
{
    uint64_t  value;

    value = __atomic_load_n(&w->slots[seq % w->size], __ATOMIC_SEQ_CST);

    if ((value & WH_WINDOW_MASK) != ((seq + 1) & WH_WINDOW_MASK)) {
        return 0;
    }

    *time = value >> WH_WINDOW_BITS;

    return 1;
}


static int
wh_window_within(uint64_t first, uint64_t time, uint64_t now)
{
    return now >= first ? now - first <= time : first - now <= WH_SKEW;
}


int
wh_window_add(wh_window_t *w, uint32_t n, uint64_t time, uint64_t now)
{
    uint64_t  seq, base, value, old, first, i, ahead;

    seq = __atomic_fetch_add(&w->head, 1, __ATOMIC_SEQ_CST);
    value = wh_window_slot(seq, now);

    old = __atomic_load_n(&w->slots[seq % w->size], __ATOMIC_SEQ_CST);

    do {
        ahead = (old - value) & WH_WINDOW_MASK;

        /* stopped for a whole round: the place is another one's by now */

        if ((old & WH_WINDOW_MASK) && ahead && ahead <= WH_WINDOW_MASK / 2) {
            break;
        }

    } while (!__atomic_compare_exchange_n(&w->slots[seq % w->size], &old,
                                          value, 0, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    first = 0;
    base = __atomic_load_n(&w->base, __ATOMIC_SEQ_CST);

    do {
        if (seq < base || seq - base < n) {
            return 0;
        }

        /* a place that is not filled yet has the time of one behind it */

        for (i = seq - n; i < seq && !wh_window_time(w, i, &first); i++) {
            /* void */
        }

        if (i < seq && !wh_window_within(first, time, now)) {
            return 0;
        }

    } while (!__atomic_compare_exchange_n(&w->base, &base, seq + 1, 0,
                                          __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));

    return 1;
}


uint32_t
wh_window_count(const wh_window_t *w, uint32_t n, uint64_t time, uint64_t now)
{
    uint64_t  seq, base, first;
    uint32_t  count;

    count = 0;
    base = __atomic_load_n(&w->base, __ATOMIC_SEQ_CST);

    for (seq = __atomic_load_n(&w->head, __ATOMIC_SEQ_CST);
         seq > base && count <= n && count < w->size;
         seq--)
    {
        if (wh_window_time(w, seq - 1, &first)
            && !wh_window_within(first, time, now))
        {
            break;
        }

        count++;
    }

    return count;
}


void
wh_window_reset(wh_window_t *w)
{
    __atomic_store_n(&w->base, __atomic_load_n(&w->head, __ATOMIC_SEQ_CST),
                     __ATOMIC_SEQ_CST);
}


void
wh_window_renew(wh_window_t *w, uint32_t n)
{
    uint64_t  size;

    wh_window_reset(w);

    /* never 0, whoever reads it */

    size = (uint64_t) n + 1 + WH_WINDOW_SLACK;
    __atomic_store_n(&w->size, size, __ATOMIC_SEQ_CST);

    memset(w->slots, 0, (size_t) size * sizeof(uint64_t));
}


size_t
wh_window_octets(const wh_window_t *w)
{
    return offsetof(wh_window_t, slots)
           + (size_t) w->size * sizeof(uint64_t);
}


size_t
wh_window_put(const wh_window_t *w, void *p, size_t size)
{
    wh_window_t  head;

    /* in this order: the end is never before the beginning */

    head.base = __atomic_load_n(&w->base, __ATOMIC_SEQ_CST);
    head.head = __atomic_load_n(&w->head, __ATOMIC_SEQ_CST);
    head.size = (size - offsetof(wh_window_t, slots)) / sizeof(uint64_t);

    memcpy(p, &head, offsetof(wh_window_t, slots));
    memcpy((char *) p + offsetof(wh_window_t, slots), w->slots,
           (size_t) head.size * sizeof(uint64_t));

    return size;
}


int
wh_window_check(const void *p, size_t len)
{
    wh_window_t  head;

    if (len < offsetof(wh_window_t, slots)) {
        return WH_ERROR;
    }

    memcpy(&head, p, offsetof(wh_window_t, slots));

    if (head.size == 0 || head.base > head.head
        || head.size > (len - offsetof(wh_window_t, slots))
                       / sizeof(uint64_t))
    {
        return WH_ERROR;
    }

    return WH_OK;
}


int
wh_window_copy(wh_window_t *w, const void *p, size_t len)
{
    uint64_t     seq, first, time, value;
    wh_window_t  head;
    const char  *slots;

    if (wh_window_check(p, len) != WH_OK) {
        return WH_ERROR;
    }

    memcpy(&head, p, offsetof(wh_window_t, slots));

    slots = (const char *) p + offsetof(wh_window_t, slots);

    first = head.head - head.base;
    first = first < head.size ? first : head.size;
    first = first < w->size ? first : w->size;
    first = head.head - first;

    for (seq = first; seq < head.head; seq++) {

        memcpy(&value, slots + seq % head.size * sizeof(uint64_t),
               sizeof(uint64_t));

        if ((value & WH_WINDOW_MASK) != ((seq + 1) & WH_WINDOW_MASK)) {
            continue;
        }

        time = value >> WH_WINDOW_BITS;

        w->slots[seq % w->size] = wh_window_slot(seq, time);
    }

    w->base = first;
    w->head = head.head;

    return WH_OK;
}


void
wh_tag_match(const wh_tag_t *lines, uint32_t n, const wh_tag_t *windows,
    uint32_t m, int *which)
{
    uint32_t         i, k, pass, taken;
    const wh_tag_t  *a, *b;

    taken = 0;

    for (i = 0; i < n; i++) {
        which[i] = -1;
    }

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < n; i++) {

            for (k = 0; k < m && which[i] < 0; k++) {

                a = &lines[i];
                b = &windows[k];

                if ((taken & UINT32_C(1) << k) == 0
                    && a->time == b->time && a->first == b->first
                    && (pass || (a->n == b->n && a->ban == b->ban)))
                {
                    which[i] = (int) k;
                    taken |= UINT32_C(1) << k;
                }
            }
        }
    }
}
