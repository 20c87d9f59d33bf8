
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Sliding windows of failures, exact: the times of the last ones in a ring.
 * There are no pointers in it, so that it can lie in shared memory and be
 * copied into a store.  No lock either: a place is taken by one increment, and
 * filled by one store that says whose it is, so that there is no moment at
 * which the death of a process leaves a window torn.
 */


#ifndef _WH_WINDOW_H_INCLUDED_
#define _WH_WINDOW_H_INCLUDED_


#include "wh.h"


#define WH_WINDOW_MAX    10000   /* failures that can be tolerated */
#define WH_WINDOW_SLACK  64      /* places for processes beside each other */


typedef struct {
    uint64_t  head;              /* failures so far */
    uint64_t  base;              /* those before it do not count any more */
    uint64_t  size;              /* places */
    uint64_t  slots[1];          /* time (44 bits), number (20 bits) */
} wh_window_t;


/* what a window was made for, as it is configured */

typedef struct {
    uint64_t  time;              /* ms */
    uint64_t  ban;               /* ms, or 0 */
    uint32_t  n;                 /* failures tolerated */
    uint32_t  first;             /* 1: only first attempts count */
} wh_tag_t;


/* octets of a window that tolerates n failures, at most WH_WINDOW_MAX */
size_t wh_window_size(uint32_t n);

/* an empty one, in zeroed memory of that size */
void wh_window_init(wh_window_t *w, uint32_t n);

/* true when it is large enough for n */
int wh_window_fits(const wh_window_t *w, uint32_t n);

/*
 * A failure at "now" (ms since the epoch).  True when it is one more than the
 * n that are tolerated, the first of them at most "time" ms ago; the window is
 * empty again then.  Of several processes only one is told so.  After a clock
 * was set back, what lies in its future does not count.
 */
int wh_window_add(wh_window_t *w, uint32_t n, uint64_t time, uint64_t now);

/* failures in the last "time" ms, as far as n + 1 of them */
uint32_t wh_window_count(const wh_window_t *w, uint32_t n, uint64_t time,
    uint64_t now);

/* what has failed so far does not count any more */
void wh_window_reset(wh_window_t *w);

/*
 * The same for one that other processes may still add to; "n" is as many as it
 * was made for, at most, or less.
 */
void wh_window_renew(wh_window_t *w, uint32_t n);

/* octets of a copy, and the copy; other processes may add meanwhile */
size_t wh_window_octets(const wh_window_t *w);
size_t wh_window_put(const wh_window_t *w, void *p, size_t size);

/* WH_OK: so many octets are a copy; WH_ERROR: they are damaged */
int wh_window_check(const void *p, size_t len);

/*
 * Takes over what another one, or a stored copy of it of "len" octets, holds;
 * the newest when there are more than places.  WH_OK, or WH_ERROR: damaged.
 */
int wh_window_copy(wh_window_t *w, const void *p, size_t len);

/*
 * Which of m windows, at most 32, each of n lines goes on with: one of the
 * same line, else one that counts the same failures in the same time.  The
 * index, or -1: it begins empty.
 */
void wh_tag_match(const wh_tag_t *lines, uint32_t n, const wh_tag_t *windows,
    uint32_t m, int *which);


#endif /* _WH_WINDOW_H_INCLUDED_ */
