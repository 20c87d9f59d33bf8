
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The parser's parts: wh_json.c is its outside, wh_json_scan.c looks at the
 * octets, wh_json_yajl.c has yajl parse them, wh_json_value.c takes the values
 * that yajl finds.
 */


#ifndef _WH_JSON_LOCAL_H_INCLUDED_
#define _WH_JSON_LOCAL_H_INCLUDED_


#include <setjmp.h>

#include <yajl/yajl_parse.h>

#include "wh_json.h"
#include "wh_utf8.h"


/*
 * yajl does the grammar.  What it does not do is done before it, on the raw
 * octets, by a small scanner that knows strings, escapes and numbers:
 *
 *  - yajl keeps a whole string or number if it comes in pieces, of any
 *    length.  The scanner withholds what is beyond max_units of one, a unit
 *    making at least one octet of a decoded string.  What is cut is longer
 *    than max_value and than any name looked for: it could not have been of
 *    use anyway.
 *
 *  - yajl takes overlong UTF-8 and surrogates in it, writes surrogates in
 *    UTF-8 if "\udc00" comes first, and merges "\ud800\u0041" into one wrong
 *    character.  The scanner checks UTF-8, and gives yajl a "?" in place of
 *    each lone surrogate.
 *
 *  - yajl looks again at all of a string or number with each piece of it: a
 *    long one in many pieces would take a time of its square.  It is given
 *    pieces of a long one that double it, the rest is kept until then, or until
 *    its end.
 *
 *  - yajl takes an unfinished string after the end of a text.
 *
 *  - yajl uses what an allocator returns without a look at it.  The way out
 *    of a failed allocation is longjmp(); all blocks are on a list, so those
 *    of an abandoned yajl are freed nevertheless.
 */


#define WH_JSON_LEX_TEXT    0    /* not in a string */
#define WH_JSON_LEX_STRING  1
#define WH_JSON_LEX_ESCAPE  2    /* after a backslash */
#define WH_JSON_LEX_HEX     3    /* after "\u" */
#define WH_JSON_LEX_HIGH    4    /* after a high surrogate */

#define WH_JSON_FRAMES      8    /* more are allocated when it gets deeper */

#define WH_JSON_LONG        64   /* units of a string or number */


typedef struct wh_json_slot_s   wh_json_slot_t;
typedef struct wh_json_block_s  wh_json_block_t;


struct wh_json_slot_s {
    wh_json_value_t     value;
    wh_buf_t            buf;
    wh_json_slot_t     *next;        /* the enclosing one being captured */
    size_t              level;       /* depth at which the capture ends */
};


/* the header of a block given to yajl; what follows has to be aligned */

struct wh_json_block_s {
    wh_json_block_t    *prev;
    wh_json_block_t    *next;
    size_t              size;
    size_t              unused;
};


typedef struct {
    const wh_pointer_node_t  *node;      /* NULL if no pointer leads here */
    const wh_pointer_node_t  *member;    /* of the last name, in an object */
    uint64_t                  index;     /* of the next element, in an array */
    unsigned char             array;
    unsigned char             comma;
} wh_json_frame_t;


struct wh_json_s {
    const wh_pointers_t      *set;
    const wh_json_visitor_t  *visitor;   /* may be NULL */
    wh_json_slot_t           *slots;     /* [set->n] */
    wh_json_slot_t           *active;    /* being captured, innermost first */
    size_t                    max_value;
    size_t                    used;      /* octets in all slots */

    wh_alloc_t                mem;
    wh_json_block_t          *blocks;
    yajl_handle               yajl;
    jmp_buf                   nomem;

    int                       rc;        /* sticky result */
    int                       why;       /* result asked for by a callback */
    int                       state;
    unsigned                  finished:1;
    unsigned                  done:1;    /* the value has ended */
    unsigned                  elided:1;  /* the next scalar was shortened */

    uint64_t                  offset;    /* octets taken */
    uint64_t                  bad;
    uint64_t                  at;        /* of what yajl is given */
    uint64_t                  last;      /* end of the last value */

    wh_utf8_t                 utf8;
    int                       lex;
    size_t                    max_units;
    size_t                    units;     /* of the current token */
    uint64_t                  quote;     /* offset of the last string */
    char                      prev;      /* the last octet not in a string */
    unsigned                  held:1;    /* yajl does not have esc[] yet */
    size_t                    esc_len;
    char                      esc[12];   /* the last escape, or a pair */

    size_t                    given;     /* units of the token yajl has */
    uint64_t                  late_at;   /* of what is kept back */
    wh_buf_t                  late;      /* of the token, and goes on later */

    size_t                    depth;
    size_t                    nframes;
    wh_json_frame_t          *stack;     /* [nframes] */
    wh_json_frame_t           frames[WH_JSON_FRAMES];
};


static inline int
wh_json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


extern const yajl_callbacks  wh_json_callbacks;


/* what it returns sticks: an error at an offset, or WH_NOMEM */
int wh_json_fail(wh_json_t *j, int rc, uint64_t offset);

/* the next n octets of the text, all of them valid UTF-8 so far */
int wh_json_scan(wh_json_t *j, const char *p, size_t n);

/*
 * n octets for yajl, which are at this offset of the text.  What a long token
 * has kept back is given by wh_json_flush().
 */
int wh_json_yajl(wh_json_t *j, const char *p, size_t n, uint64_t at);
int wh_json_flush(wh_json_t *j);

/* yajl's own functions; without memory it is gone, and "why" WH_NOMEM */
int wh_json_yajl_create(wh_json_t *j);
yajl_status wh_json_yajl_parse(wh_json_t *j, const char *p, size_t n);
yajl_status wh_json_yajl_finish(wh_json_t *j);
void wh_json_yajl_destroy(wh_json_t *j);


#endif /* _WH_JSON_LOCAL_H_INCLUDED_ */
