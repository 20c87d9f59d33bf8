
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Doubly linked lists inside of what they link, with a sentinel.
 */


#ifndef _WH_QUEUE_H_INCLUDED_
#define _WH_QUEUE_H_INCLUDED_


#include "wh.h"


typedef struct wh_queue_s  wh_queue_t;

struct wh_queue_s {
    wh_queue_t  *prev;
    wh_queue_t  *next;
};


static inline void
wh_queue_init(wh_queue_t *h)
{
    h->prev = h;
    h->next = h;
}


static inline int
wh_queue_empty(const wh_queue_t *h)
{
    return h->next == h;
}


static inline void
wh_queue_insert_after(wh_queue_t *q, wh_queue_t *x)
{
    x->prev = q;
    x->next = q->next;
    x->next->prev = x;
    q->next = x;
}


static inline void
wh_queue_insert_tail(wh_queue_t *h, wh_queue_t *x)
{
    wh_queue_insert_after(h->prev, x);
}


static inline void
wh_queue_remove(wh_queue_t *x)
{
    x->next->prev = x->prev;
    x->prev->next = x->next;
}


#define wh_queue_head(h)      ((h)->next)
#define wh_queue_last(h)      ((h)->prev)
#define wh_queue_sentinel(h)  (h)
#define wh_queue_next(q)      ((q)->next)
#define wh_queue_prev(q)      ((q)->prev)

/* what a link is the member "link" of */
#define wh_queue_data(q, type, link)                                          \
    ((type *) (void *) ((char *) (q) - offsetof(type, link)))


#endif /* _WH_QUEUE_H_INCLUDED_ */
