
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a store keeps of an endpoint: its state, what is used of its quota, and
 * its windows, each with the tag of its line.  A zone has no state.  A record
 * has a version and a checksum; one that is not whole is none.
 */


#ifndef _WH_KEPT_H_INCLUDED_
#define _WH_KEPT_H_INCLUDED_


#include "wh_state.h"
#include "wh_shelf.h"


#define WH_KEPT_VERSION  4
#define WH_KEPT_WINDOWS  8


typedef struct {
    wh_tag_t             tag;
    size_t               len;    /* octets */
    const void          *data;   /* see wh_window_copy() */
} wh_kept_window_t;


typedef struct {
    wh_state_t           state;  /* number 0: there was no transition */
    uint64_t             row;    /* see wh_cell_t */
    uint64_t             failing;
    uint64_t             quota;  /* see wh_quota_t; of a zone, too */
    uint64_t             noticed;  /* see wh_state_mark() */
    uint64_t             changes;  /* of windows and quota that are in it */
    uint32_t             nwindows;
    wh_kept_window_t     windows[WH_KEPT_WINDOWS];
} wh_kept_t;


/*
 * True when a record of "k" is not to be replaced by one of "state" and
 * "changes": it knows of more.
 */
int wh_kept_newer(const wh_kept_t *k, const wh_state_t *state,
    uint64_t changes);

/* one more window; what other processes add meanwhile may be in it, or not */
void wh_kept_add(wh_kept_t *k, const wh_tag_t *tag, const wh_window_t *w);

/* octets of the record; puts them at "p" */
size_t wh_kept_size(const wh_kept_t *k);
void wh_kept_put(const wh_kept_t *k, char *p);

/* WH_OK, windows point into the record; WH_ERROR: it is none, or damaged */
int wh_kept_get(const char *p, size_t len, wh_kept_t *k);

/*
 * Fills the windows of n lines, at most WH_KEPT_WINDOWS; those of lines that
 * are not in the record, and NULLs, are left alone.
 */
void wh_kept_windows(const wh_kept_t *k, const wh_line_t *lines, uint32_t n);


#endif /* _WH_KEPT_H_INCLUDED_ */
