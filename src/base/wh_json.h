
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_JSON_H_INCLUDED_
#define _WH_JSON_H_INCLUDED_


#include "wh.h"
#include "wh_pointer.h"


/*
 * Values out of a JSON text (RFC 8259) that comes in pieces, by JSON Pointers
 * (RFC 6901).  The text is not stored: memory is bounded by max_value and the
 * pointers, whatever the length of the text and of the strings in it.
 */


#define WH_JSON_MAX_DEPTH   128    /* arrays and objects within each other */


/* kinds of a value */

#define WH_JSON_NONE        0      /* no such value, or not to be had */
#define WH_JSON_NULL        1      /* no text */
#define WH_JSON_BOOL        2      /* "true" or "false" */
#define WH_JSON_NUMBER      3      /* as written: "2.50", "1e400" */
#define WH_JSON_STRING      4      /* decoded, valid UTF-8, may have U+0000 */
#define WH_JSON_OBJECT      5      /* no text */
#define WH_JSON_ARRAY       6      /* no text */
#define WH_JSON_TEXT        7      /* WH_JSON_RAW: one JSON value, compact */


/* states of a text */

#define WH_JSON_INCOMPLETE  0      /* correct so far, more is to come */
#define WH_JSON_COMPLETE    1      /* one value and nothing else */
#define WH_JSON_INVALID     2      /* not JSON, or too deep */


typedef struct wh_json_s          wh_json_t;


typedef struct {
    int                 kind;        /* WH_JSON_NONE and so on */
    int                 truncated;   /* it is there, but did not fit */
    wh_str_t            text;        /* "data" is never NULL */
} wh_json_value_t;


/*
 * Told of all that is in a text, in order.  "value" is for what is no object
 * and no array (kind, and text as of wh_json_value_t; of null it is "null"),
 * "open" has WH_JSON_OBJECT or WH_JSON_ARRAY.  The octets are there for the
 * call only.  What is returned unless WH_OK ends the parsing.
 */

typedef struct {
    int              (*value)(void *ctx, int kind, const char *p, size_t n);
    int              (*open)(void *ctx, int kind);
    int              (*name)(void *ctx, const char *p, size_t n);
    int              (*close)(void *ctx);
    void              *ctx;
} wh_json_visitor_t;


/*
 * A parser of one text.  The set has to outlive it, *mem is copied; a NULL set
 * is one of no pointers.  NULL if there is no memory.
 *
 * max_value limits the octets of values held at a time, all together.  What
 * does not fit becomes WH_JSON_NONE with "truncated", and holds nothing;
 * parsing goes on.  Apart from the values, a parser takes a few kilobytes
 * and the buffers of yajl: for the longest string or number seen, but not
 * more than some 4 times max_value, or some 20 times if it is written in \u
 * escapes (of the longest token in the set, if that is more).
 */
wh_json_t *wh_json_create(const wh_pointers_t *set, size_t max_value,
    const wh_alloc_t *mem);

/*
 * Before the first octet: *v is told of everything, and has to outlive the
 * parser.  Strings, names and numbers are told whole only up to max_value
 * octets; of longer ones it is undefined what is.
 */
void wh_json_visit(wh_json_t *j, const wh_json_visitor_t *v);

/*
 * Takes the next n octets, split anywhere.  WH_OK; WH_ERROR if the text is
 * not JSON in UTF-8; WH_LIMIT if it is deeper than WH_JSON_MAX_DEPTH;
 * WH_NOMEM.  Errors stick.  WH_ERROR too, if it is finished already.
 */
int wh_json_feed(wh_json_t *j, const char *p, size_t n);

/*
 * There is no more.  WH_OK if the text is complete; WH_AGAIN if it ended
 * early (an empty one, too); else as wh_json_feed().
 */
int wh_json_finish(wh_json_t *j);

/*
 * WH_JSON_INCOMPLETE until wh_json_finish(), or after running out of memory.
 * *offset, unless NULL: if invalid, the offset of the octet that cannot be
 * there, or right after it or the token that cannot, or after the value that
 * something wrong follows; otherwise octets taken.  It does not depend on how
 * the text was split.
 */
int wh_json_state(const wh_json_t *j, uint64_t *offset);

/*
 * The value of pointer i (less than set->n), valid until the next call with
 * this parser but this one and wh_json_state().  Of repeated names in an
 * object, the last counts.  Unless the text is complete, that is what has
 * been seen so far, and may be overridden later; WH_JSON_RAW objects and
 * arrays are there only when they have ended.
 *
 * An escaped surrogate without its pair (\ud800), which no UTF-8 can be
 * written for, becomes "?".  WH_JSON_RAW gives numbers as they are, strings
 * with the escapes that are necessary only, names in their order, repeated
 * ones included.
 */
const wh_json_value_t *wh_json_value(const wh_json_t *j, size_t i);

/* frees all that the parser holds; NULL is fine */
void wh_json_destroy(wh_json_t *j);

/*
 * Appends a value as JSON: a string is quoted and escaped, anything else is
 * the text as it is, or "null" for a kind without one.  Returns the sticky
 * error of the buffer.
 */
int wh_put_json_value(wh_buf_t *b, int kind, const char *p, size_t n);


#endif /* _WH_JSON_H_INCLUDED_ */
