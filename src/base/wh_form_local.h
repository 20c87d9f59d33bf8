
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The parser's parts: wh_form.c is its outside and keeps the values,
 * wh_form_pairs.c and wh_form_parts.c are for the two types, and
 * wh_form_field.c has the header fields.
 */


#ifndef _WH_FORM_LOCAL_H_INCLUDED_
#define _WH_FORM_LOCAL_H_INCLUDED_


#include "wh_form.h"


/* where a parser is: a name, a value, and what is not wanted of a pair */

#define WH_FORM_NAME       0
#define WH_FORM_VALUE      1
#define WH_FORM_SKIP       2

/* the same of WH_FORM_MULTIPART; the preamble is data that nobody wants */

#define WH_FORM_DATA       3
#define WH_FORM_BOUNDARY   4    /* after a boundary */
#define WH_FORM_DASH       5    /* after "-" behind it */
#define WH_FORM_CR         6    /* after CR behind it */
#define WH_FORM_PADDING    7    /* after white space behind it */
#define WH_FORM_PADDED_CR  8    /* after CR behind that */
#define WH_FORM_HEADER     9

#define WH_FORM_DONE       10   /* what follows does not matter */


#define WH_FORM_DELIMITER  (4 + WH_FORM_MAX_BOUNDARY)


typedef struct {
    wh_form_value_t   value;
    wh_buf_t          buf;
    size_t            same;         /* the first of equal names */
    int               seen;         /* other values do not count any more */
} wh_form_slot_t;


struct wh_form_s {
    const wh_str_t   *names;        /* [n] */
    wh_form_slot_t   *slots;        /* [n] */
    wh_form_slot_t   *slot;         /* of the current value, if wanted */
    size_t            n;
    size_t            left;         /* different names not seen yet */
    size_t            max_value;
    size_t            used;         /* octets in all slots */

    wh_alloc_t        mem;

    int               rc;           /* sticky result */
    int               phase;
    int               kind;
    int               finished;

    char             *name;         /* the current one, decoded */
    size_t            name_len;
    size_t            max_name;     /* of those looked for */

    size_t            esc_len;
    char              esc[3];       /* "%" and what followed it so far */

    size_t            matched;      /* octets of the delimiter seen */
    size_t            given;        /* of these, not seen as data */
    size_t            delim_len;
    char              delim[WH_FORM_DELIMITER];

    wh_buf_t          header;       /* of the current part */
    size_t            line;         /* start of the last line in it */
};


/* the next n octets of a body of either type; errors are in "rc" */
void wh_form_pairs(wh_form_t *f, const char *p, size_t n);
void wh_form_parts(wh_form_t *f, const char *p, size_t n);

/* a pair begins, and has ended with the body */
void wh_form_pair_next(wh_form_t *f);
void wh_form_pair_end(wh_form_t *f);

/*
 * The name of the next value, octet by octet: 0 if it is longer than any one
 * looked for.  When it is whole: the slot of its value, NULL if nobody wants
 * that, or an earlier one counts.
 */
int wh_form_name_add(wh_form_t *f, const char *p, size_t n);
wh_form_slot_t *wh_form_wanted(wh_form_t *f);

/* the value: more of it, and its end */
void wh_form_put(wh_form_t *f, const char *p, size_t n);
void wh_form_set(wh_form_t *f);

/* RFC 2046, section 5.1.1: true if it may be one */
int wh_form_boundary_ok(wh_str_t boundary);

/*
 * Out of a field: what is before its parameters, without white space, then
 * each of these, a quoted one without its quotes, but with the backslashes.
 * WH_AGAIN if there is none.
 */
wh_str_t wh_form_first(wh_str_t *in);
int wh_form_parameter(wh_str_t *in, wh_str_t *name, wh_str_t *value);

/* passes n octets over */
void wh_form_skip(wh_str_t *in, size_t n);

/* true if that is it, in whatever case */
int wh_form_is(wh_str_t s, const char *lower);


#endif /* _WH_FORM_LOCAL_H_INCLUDED_ */
