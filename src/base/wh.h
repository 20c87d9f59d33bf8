
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_H_INCLUDED_
#define _WH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


/*
 * The pure layer: no nginx header, no clock, no randomness, no log.  Strings
 * are a length and octets, never NUL-terminated.  Functions return WH_OK or
 * one of the negative codes below.
 */

#define WH_OK        0
#define WH_ERROR    -1    /* malformed input */
#define WH_NOMEM    -2    /* the allocator returned NULL */
#define WH_LIMIT    -3    /* a limit given by the caller was reached */
#define WH_FULL     -4    /* no room in the store */
#define WH_AGAIN    -5    /* more input is needed, or nothing there yet */
#define WH_LOST     -6    /* what was referred to is not there any more */


/* ms between the clocks of processes: each keeps the time of its loop */
#define WH_SKEW      1000


typedef struct {
    size_t       len;
    const char  *data;
} wh_str_t;


/* malloc-like and free-like; "alloc" may fail at any time */

typedef struct {
    void        *(*alloc)(void *ctx, size_t size);
    void         (*free)(void *ctx, void *p);
    void        *ctx;
} wh_alloc_t;


/*
 * A buffer that grows up to a limit.  "grow" is realloc-like: given the old
 * block (or NULL), its size and the new size, it returns the new block or
 * NULL, the old one staying valid then.  The first failure sticks in "err":
 * writers need not test every step, the last one tells.
 */

typedef struct {
    char        *data;
    size_t       len;
    size_t       size;
    size_t       max;
    int          err;
    void       *(*grow)(void *ctx, void *old, size_t old_size, size_t size);
    void        *ctx;
} wh_buf_t;


/* the way of wh_buf_need() when there is no room: grow, or fail */
char *wh_buf_more(wh_buf_t *b, size_t n);

/* reserve n octets at the end; NULL on error, b->len is not moved */

static inline char *
wh_buf_need(wh_buf_t *b, size_t n)
{
    size_t  room;

    room = b->size < b->max ? b->size : b->max;

    if (b->err == WH_OK && b->len <= room && n <= room - b->len) {
        return b->data + b->len;
    }

    return wh_buf_more(b, n);
}

/* append; WH_OK, WH_NOMEM or WH_LIMIT (sticky) */

static inline int
wh_buf_put(wh_buf_t *b, const char *p, size_t n)
{
    char  *d;

    if (n == 0) {
        return b->err;
    }

    d = wh_buf_need(b, n);
    if (d == NULL) {
        return b->err;
    }

    memcpy(d, p, n);
    b->len += n;

    return WH_OK;
}

static inline int
wh_buf_putc(wh_buf_t *b, char c)
{
    return wh_buf_put(b, &c, 1);
}

/* the same for the literal s, which is a string constant */
#define wh_buf_put_literal(b, s)  wh_buf_put(b, s, sizeof(s) - 1)

/* the same for a number, in decimal */
int wh_buf_put_number(wh_buf_t *b, uint64_t v);

/* a "grow" on malloc() and realloc(); the caller frees b->data */
void *wh_buf_malloc(void *ctx, void *old, size_t old_size, size_t size);


#endif /* _WH_H_INCLUDED_ */
