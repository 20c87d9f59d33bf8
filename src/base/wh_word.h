
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Text by eight octets at a time: most of it needs no look at each of them.
 */


#ifndef _WH_WORD_H_INCLUDED_
#define _WH_WORD_H_INCLUDED_


#include "wh.h"


#define WH_WORD          sizeof(uint64_t)

/* the octet c, eight times */
#define WH_WORD_ALL(c)   (UINT64_C(0x0101010101010101) * (c))

#define WH_WORD_HIGH     WH_WORD_ALL(0x80)


/*
 * The first octet is the lowest on any machine; compilers make a single load
 * of it.
 */

static inline uint64_t
wh_word(const char *p)
{
    const unsigned char  *u;

    u = (const unsigned char *) p;

    return (uint64_t) u[0] | (uint64_t) u[1] << 8 | (uint64_t) u[2] << 16
           | (uint64_t) u[3] << 24 | (uint64_t) u[4] << 32
           | (uint64_t) u[5] << 40 | (uint64_t) u[6] << 48
           | (uint64_t) u[7] << 56;
}


/* the next word of n octets; what it lacks, if they are less, is spaces */

static inline uint64_t
wh_word_next(const char *p, size_t n)
{
    char  last[WH_WORD];

    if (n >= WH_WORD) {
        return wh_word(p);
    }

    memset(last, ' ', WH_WORD);
    memcpy(last, p, n);

    return wh_word(last);
}


/*
 * The masks have the high bit of an octet set if it is one that is looked
 * for.  They are exact up to the first such octet, behind it there may be
 * wrong ones: a subtraction borrows from the next octet, but only from it.
 */

/* octets before the first one in a mask, which is not 0 */

static inline size_t
wh_word_first(uint64_t mask)
{
    return (size_t) __builtin_ctzll(mask) / 8;
}


/* no ASCII */

static inline uint64_t
wh_word_not_ascii(uint64_t w)
{
    return w & WH_WORD_HIGH;
}


/* no ASCII, or what a JSON string has to escape */

static inline uint64_t
wh_word_not_plain(uint64_t w)
{
    return (w
            | (w - WH_WORD_ALL(0x20))
            | ((w ^ WH_WORD_ALL('"')) - WH_WORD_ALL(1))
            | ((w ^ WH_WORD_ALL('\\')) - WH_WORD_ALL(1)))
           & WH_WORD_HIGH;
}


/* ASCII control characters */

static inline uint64_t
wh_word_control(uint64_t w)
{
    return ((w - WH_WORD_ALL(0x20))
            | ((w ^ WH_WORD_ALL(0x7f)) - WH_WORD_ALL(1)))
           & ~w & WH_WORD_HIGH;
}


/* what means something in application/x-www-form-urlencoded */

static inline uint64_t
wh_word_form(uint64_t w)
{
    return (((w ^ WH_WORD_ALL('&')) - WH_WORD_ALL(1))
            | ((w ^ WH_WORD_ALL('=')) - WH_WORD_ALL(1))
            | ((w ^ WH_WORD_ALL('+')) - WH_WORD_ALL(1))
            | ((w ^ WH_WORD_ALL('%')) - WH_WORD_ALL(1)))
           & ~w & WH_WORD_HIGH;
}


/* octets at the start of p that are ASCII */

static inline size_t
wh_ascii_run(const char *p, size_t n)
{
    size_t    i;
    uint64_t  mask;

    for (i = 0; i < n; i += WH_WORD) {
        mask = wh_word_not_ascii(wh_word_next(p + i, n - i));

        if (mask) {
            return i + wh_word_first(mask);
        }
    }

    return n;
}


/* octets at the start of p that are ASCII, and as they are in JSON strings */

static inline size_t
wh_plain_run(const char *p, size_t n)
{
    size_t    i;
    uint64_t  mask;

    for (i = 0; i < n; i += WH_WORD) {
        mask = wh_word_not_plain(wh_word_next(p + i, n - i));

        if (mask) {
            return i + wh_word_first(mask);
        }
    }

    return n;
}


#endif /* _WH_WORD_H_INCLUDED_ */
