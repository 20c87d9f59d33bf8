
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A piece of memory with windows, from its end downwards.  One configuration
 * follows another, with some of the windows of the one before.  What the last
 * two do not use is used again: processes of the one before may still count.
 * One process at a time changes a shelf; one that is killed leaves it whole.
 */


#ifndef _WH_SHELF_H_INCLUDED_
#define _WH_SHELF_H_INCLUDED_


#include "wh_window.h"


#define WH_SHELF_LINES  32       /* of an owner */


typedef struct {
    uint64_t      config;        /* number of the configuration */
    uint64_t      bottom;        /* where windows begin, from the shelf on */
    uint64_t      end;
    uint64_t      wanted;        /* octets, for lines without a window */
} wh_shelf_t;


/* a line of an owner, and its window, NULL: none yet */

typedef struct {
    wh_tag_t      tag;
    wh_window_t  *window;
} wh_line_t;


/* the windows by owners, as they were when the configuration began */

typedef struct {
    uint64_t          owner;
    void             *place;
} wh_shelf_ref_t;

/* and by their sizes: which of them are used again */

typedef struct {
    uint64_t          size;
    void             *place;
    uint32_t          next[2];   /* none from here on until that is free */
} wh_shelf_size_t;

typedef struct {
    wh_shelf_ref_t   *refs;      /* room for wh_shelf_count() of them */
    wh_shelf_size_t  *sizes;     /* likewise */
    uint32_t          n;
} wh_shelf_index_t;


/* octets that a window takes which tolerates n failures */
size_t wh_shelf_need(uint32_t n);

/* an empty one, in zeroed memory of that size, aligned to 8 octets */
void wh_shelf_init(wh_shelf_t *s, size_t size);

/* another configuration; its number, from 1 */
uint64_t wh_shelf_begin(wh_shelf_t *s);

/* how many windows there are */
uint32_t wh_shelf_count(wh_shelf_t *s);

/*
 * For many owners: fills the index, right after wh_shelf_begin(); "refs" and
 * "sizes" are the caller's, and valid until there is another configuration.
 */
void wh_shelf_index(wh_shelf_t *s, wh_shelf_index_t *index);

/*
 * Finds the n lines of an owner, at most WH_SHELF_LINES, the windows that they
 * had in the configuration before; to be done for all owners before the next.
 * Without an index, NULL, all windows are looked at.
 */
void wh_shelf_keep(wh_shelf_t *s, const wh_shelf_index_t *index,
    uint64_t owner, wh_line_t *lines, uint32_t n);

/*
 * Makes windows for lines without one; "larger": only for those that have had
 * one, which has become too small; what is in it is copied.  To be done for
 * all owners with, then without it.  The first "used" octets of the shelf are
 * not free.  Lines that there is no room for stay without a window.
 */
void wh_shelf_add(wh_shelf_t *s, const wh_shelf_index_t *index,
    uint64_t owner, wh_line_t *lines, uint32_t n, int larger, size_t used);


#endif /* _WH_SHELF_H_INCLUDED_ */
