
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_FORM_H_INCLUDED_
#define _WH_FORM_H_INCLUDED_


#include "wh.h"


/*
 * Fields by their names out of the body of an HTML form that comes in pieces.
 * The text is not stored: memory is bounded by max_value and the names looked
 * for, whatever the length of the text and of the names and values in it.
 *
 * Names and values are octets, of any character set; names are equal if their
 * octets are.  Of repeated names in a text, the first counts.
 *
 * WH_FORM_URLENCODED is read as the URL standard does (url.spec.whatwg.org,
 * 5.1): "+" is a space, "%" without two hex digits is itself, a pair without
 * "=" has an empty value.  Any text is such a form.
 *
 * WH_FORM_MULTIPART is RFC 7578, as browsers and curl write it:
 *
 *  - Lines end with CRLF.  The CRLF before a delimiter may be missing at the
 *    start of the text and of a part's body.
 *
 *  - A boundary at the start of a line is a delimiter if CRLF, white space or
 *    "--" follows; otherwise the line is data.  White space has to be followed
 *    by CRLF then.  What follows "--" is the epilogue, and not looked at.
 *
 *  - The name is from the first Content-Disposition of a part, if that is
 *    "form-data".  In a name %22, %0D and %0A, written so, are decoded, and a
 *    backslash before a quote or a backslash is taken out.  A part without a
 *    name is skipped; "filename", "name*" and other headers mean nothing.
 *    Parts of a "multipart/mixed" within a part are not looked for.
 */


#define WH_FORM_MAX_HEADER    8192   /* octets in the headers of a part */
#define WH_FORM_MAX_BOUNDARY  70     /* RFC 2046, 5.1.1 */


/* kinds of a text */

#define WH_FORM_OTHER         0      /* no form */
#define WH_FORM_URLENCODED    1      /* application/x-www-form-urlencoded */
#define WH_FORM_MULTIPART     2      /* multipart/form-data */


typedef struct wh_form_s  wh_form_t;


typedef struct {
    int                       found;
    int                       truncated; /* it is there, but did not fit */
    wh_str_t                  text;      /* "data" is never NULL */
} wh_form_value_t;


/*
 * The kind of a text by the value of its Content-Type.  WH_OK; WH_ERROR if it
 * is WH_FORM_MULTIPART, but without a boundary of RFC 2046.  *boundary points
 * into the value; it is empty if the text is of another kind, or on error.
 */
int wh_form_type(wh_str_t content_type, int *kind, wh_str_t *boundary);

/*
 * A parser of one text.  The n names, any number of which may be equal, have
 * to outlive it; the boundary, which only WH_FORM_MULTIPART looks at, and *mem
 * are copied.  NULL if there is no memory, or no such kind or boundary.
 *
 * max_value limits the octets of values held at a time, all together.  What
 * does not fit becomes not found with "truncated", and holds nothing; parsing
 * goes on.  Apart from the values, a parser takes some 400 octets, 100 for
 * each name, the length of the longest name, and WH_FORM_MULTIPART up to 12
 * kilobytes for headers.
 */
wh_form_t *wh_form_create(const wh_str_t *names, size_t n, int kind,
    wh_str_t boundary, size_t max_value, const wh_alloc_t *mem);

/*
 * Takes the next n octets, split anywhere.  WH_OK; WH_ERROR if a delimiter is
 * malformed, or stands among the headers of a part; WH_LIMIT if those are
 * longer than WH_FORM_MAX_HEADER, with the empty line; WH_NOMEM.  Errors
 * stick.  WH_ERROR too, if it is finished already.
 */
int wh_form_feed(wh_form_t *f, const char *p, size_t n);

/*
 * There is no more.  WH_OK if the text is complete; WH_AGAIN if it ended
 * before the last delimiter; else as wh_form_feed().
 */
int wh_form_finish(wh_form_t *f);

/*
 * The value of name i (less than n); once found, it stays as it is until
 * wh_form_destroy(), also after an error.  It is found when its end has been
 * seen: the next delimiter, or "&", or for the last one of WH_FORM_URLENCODED
 * wh_form_finish().
 */
const wh_form_value_t *wh_form_value(const wh_form_t *f, size_t i);

/* frees all that the parser holds; NULL is fine */
void wh_form_destroy(wh_form_t *f);


#endif /* _WH_FORM_H_INCLUDED_ */
