
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Names and values of one level, as a JSON object or as a form
 * (application/x-www-form-urlencoded), no name twice.
 */


#ifndef _WH_PAIRS_H_INCLUDED_
#define _WH_PAIRS_H_INCLUDED_


#include "wh_hole.h"
#include "wh_json.h"


/* who has a name of which there are several; the greatest, the last of them */

typedef enum {
    WH_PAIR_DATA = 0,            /* the name is from data */
    WH_PAIR_DECLARED,            /* an author has given it */
    WH_PAIR_ABSENT               /* likewise, and nobody is to have it */
} wh_pair_e;


typedef struct {
    wh_buf_t      *out;
    wh_buf_t      *index;
    wh_holes_t    *holes;        /* of the text, by the caller; may be NULL */
    size_t         from;
    int            form;
} wh_pairs_t;


/*
 * Pairs go to the end of "out".  "index" is an empty buffer for the use of
 * this, whose memory has to be aligned as that of malloc(); NULL: the caller
 * knows that no name comes twice.  The functions return the sticky error of
 * either buffer.
 */
int wh_pairs_begin(wh_pairs_t *w, wh_buf_t *out, wh_buf_t *index, int form);

/* a name, as text; a value has to follow */
int wh_pairs_name(wh_pairs_t *w, wh_pair_e who, const char *p, size_t n);

/* the same for a name as wh_pairs_encode() gave it */
int wh_pairs_encoded(wh_pairs_t *w, wh_pair_e who, const char *p, size_t n);

/* a value, kind and text as of wh_json_value_t; null is empty in a form */
int wh_pairs_value(wh_pairs_t *w, int kind, const char *p, size_t n);

/*
 * The end.  Of pairs with one name all go but one, see wh_pair_e; *dropped is
 * their number, without absent ones.
 */
int wh_pairs_end(wh_pairs_t *w, size_t *dropped);

/* appends a name, encoded, with what stands between it and its value */
int wh_pairs_encode(wh_buf_t *b, int form, const char *p, size_t n);


#endif /* _WH_PAIRS_H_INCLUDED_ */
