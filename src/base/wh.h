
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


typedef struct {
    size_t       len;
    const char  *data;
} wh_str_t;


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


/* reserve n octets at the end; NULL on error, b->len is not moved */
char *wh_buf_need(wh_buf_t *b, size_t n);

/* append; WH_OK, WH_NOMEM or WH_LIMIT (sticky) */
int wh_buf_put(wh_buf_t *b, const char *p, size_t n);
int wh_buf_putc(wh_buf_t *b, char c);

/* a "grow" on malloc() and realloc(); the caller frees b->data */
void *wh_buf_malloc(void *ctx, void *old, size_t old_size, size_t size);


#endif /* _WH_H_INCLUDED_ */
