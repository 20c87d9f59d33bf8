
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Holes: places in a stored text for what changes from attempt to attempt.
 *
 * They are a field of the record (WH_FIELD_HOLES), right after the field they
 * are in (of a header, in its value), as entries in the order of their places:
 *
 *     position (4 octets, little-endian), length (1 octet), kind (1 octet)
 *
 * What stands there in the text is what the first attempt would send, so that
 * a reader who does not know of holes sends a whole text.
 */


#ifndef _WH_HOLE_H_INCLUDED_
#define _WH_HOLE_H_INCLUDED_


#include "wh_delivery.h"


typedef enum {
    WH_HOLE_ATTEMPT = 1,       /* number of the attempt, from 1 */
    WH_HOLE_RETRY,             /* the same from 0 */
    WH_HOLE_TIME,              /* of the attempt, "2026-01-02T03:04:05.678Z" */
    WH_HOLE_TIME_URL,          /* the same, percent-encoded */
    WH_HOLE_UNIX,              /* in seconds since the epoch */
    WH_HOLE_MS,
    WH_HOLE_US
} wh_hole_e;


/* octets of the longest value */
#define WH_HOLE_MAX  28


typedef struct {
    uint64_t   number;         /* from 1 */
    uint64_t   time;           /* ms since the epoch */
} wh_attempt_t;


typedef struct {
    size_t     pos;            /* in the text */
    size_t     len;
    unsigned   kind;           /* wh_hole_e */
} wh_hole_t;


/*
 * The holes of a text that is being written, which begins at "from" of its
 * buffer.  "list" is a buffer whose memory is aligned as that of malloc().
 */

typedef struct {
    wh_buf_t   list;
    size_t     from;
} wh_holes_t;


/* the next text begins at the end of "out" */
void wh_holes_begin(wh_holes_t *h, const wh_buf_t *out);

/* appends a hole to the text; gives the sticky error of either buffer */
int wh_hole_put(wh_holes_t *h, wh_buf_t *out, wh_hole_e kind,
    const wh_attempt_t *v);

/*
 * What stood in a buffer at "start", "len" octets, has moved to "to", which is
 * not behind it.  To be called for all that stays, in order, with *done being
 * 0 at first, and then for no octets at the end: holes of what did not stay
 * are gone.
 */
void wh_holes_move(wh_holes_t *h, size_t *done, size_t start, size_t len,
    size_t to);

/* the field of a record; nothing if there are no holes */
int wh_holes_close(wh_holes_t *h, wh_buf_t *out);

/*
 * As wh_delivery_next(); *holes has those of the field, or is empty.  A field
 * WH_FIELD_HOLES that comes by itself belongs to none.
 */
int wh_holes_field(wh_str_t record, size_t *pos, unsigned *type,
    wh_str_t *value, wh_str_t *holes);

/*
 * Appends the text with its holes filled: WH_HOLE_MAX octets for each
 * WH_HOLE_SIZE of "holes" at most, and the text.  WH_ERROR: a hole is not in
 * the text, or overlaps another one, or is of an unknown kind, out->err is
 * that of the buffer.
 */
#define WH_HOLE_SIZE  6

int wh_holes_fill(wh_buf_t *out, wh_str_t text, wh_str_t holes,
    const wh_attempt_t *v);


#endif /* _WH_HOLE_H_INCLUDED_ */
