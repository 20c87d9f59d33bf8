
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Texts with variables, for all rooms.  A complex value of nginx asks each
 * variable twice, for the length and for the value, and writes beyond its
 * memory if the second answer is longer: captures, which a "map" with a
 * regular expression in the same text replaces.  Here each one is asked once,
 * it is told if one is missing, $webhook_event, $webhook_id and $webhook_time
 * may be those of the event that is rendered, and there are escapes.
 */


#ifndef _NGX_HTTP_WEBHOOK_TEXT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TEXT_H_INCLUDED_


#include "ngx_http_webhook_module.h"


/* octets of a value that is put together of several parts */
#define NGX_HTTP_WEBHOOK_MAX_TEXT  (64 * 1024)


typedef enum {
    NGX_HTTP_WEBHOOK_PART_LITERAL = 0,
    NGX_HTTP_WEBHOOK_PART_VARIABLE,
    NGX_HTTP_WEBHOOK_PART_CAPTURE,
    NGX_HTTP_WEBHOOK_PART_EVENT,
    NGX_HTTP_WEBHOOK_PART_ID,
    NGX_HTTP_WEBHOOK_PART_TIME,
    NGX_HTTP_WEBHOOK_PART_HOLE
} ngx_http_webhook_part_e;


typedef enum {
    NGX_HTTP_WEBHOOK_ESCAPE_NONE = 0,
    NGX_HTTP_WEBHOOK_ESCAPE_JSON,
    NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING,
    NGX_HTTP_WEBHOOK_ESCAPE_URL,
    NGX_HTTP_WEBHOOK_ESCAPE_FORM,
    NGX_HTTP_WEBHOOK_ESCAPE_PATH             /* "url", but not of slashes */
} ngx_http_webhook_escape_e;


typedef struct {
    ngx_http_webhook_part_e       kind;
    ngx_http_webhook_escape_e     escape;
    ngx_int_t                     index;     /* variable, capture, wh_hole_e */
    ngx_str_t                     text;      /* literal, or the name */
} ngx_http_webhook_part_t;


typedef struct {
    ngx_uint_t                    nparts;    /* 0: the empty text */
    ngx_http_webhook_part_t      *parts;
    ngx_uint_t                    holes;     /* for values of an attempt */
} ngx_http_webhook_text_t;


/* what may be in a text beside $name, ${name} and $$ */

#define NGX_HTTP_WEBHOOK_TEXT_CAPTURES  0x1  /* $1 to $9 */
#define NGX_HTTP_WEBHOOK_TEXT_EVENT     0x2  /* $webhook_time, and others */
#define NGX_HTTP_WEBHOOK_TEXT_ESCAPES   0x4  /* ${name|escape} only */
#define NGX_HTTP_WEBHOOK_TEXT_ATTEMPT   0x8  /* $webhook_attempt, and others */
#define NGX_HTTP_WEBHOOK_TEXT_URL      0x10  /* ${name|path}, else "url" */


/*
 * True when there are no variables in it; the text is its one literal then,
 * which ends with a NUL.
 */
#define ngx_http_webhook_text_constant(t)                                     \
    ((t)->nparts == 0                                                         \
     || ((t)->nparts == 1                                                     \
         && (t)->parts[0].kind == NGX_HTTP_WEBHOOK_PART_LITERAL))


/*
 * NGX_OK or NGX_ERROR, errors are logged; "file" is where the text comes from,
 * NULL: the line of the configuration.
 */
ngx_int_t ngx_http_webhook_text_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_uint_t flags, ngx_str_t *file, ngx_http_webhook_text_t *t);

/* the same for a word of the configuration; NULL: an error, which is logged */
ngx_http_webhook_text_t *ngx_http_webhook_text_create(ngx_conf_t *cf,
    ngx_str_t *text, ngx_uint_t flags);

/*
 * The text without escapes, which must not be written to, its data is never
 * NULL; memory is from r->pool.  "evt" is needed with ..._TEXT_EVENT only.
 * Captures are those of the request, and stay: those of a "map" do not last.
 * NGX_OK; NGX_DECLINED: not every variable has a value, the others are in the
 * text; NGX_BUSY: put together it is longer than "max" octets; NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_http_webhook_text_get(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t, size_t max,
    ngx_str_t *text);

/*
 * The same, where a variable without a value is an empty one.  NGX_OK or
 * NGX_ERROR: no memory, or beyond NGX_HTTP_WEBHOOK_MAX_TEXT, which is logged.
 */
ngx_int_t ngx_http_webhook_text_value(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t,
    ngx_str_t *text);

/*
 * Puts the text with its escapes; NGX_OK or NGX_ERROR, see also out->err.  A
 * text with holes is for this function and the next one only, they go to
 * evt->holes.
 */
ngx_int_t ngx_http_webhook_text_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t, wh_buf_t *out);

/* the same for a text without escapes, all of which is to have one */
ngx_int_t ngx_http_webhook_text_escaped(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *t,
    ngx_http_webhook_escape_e escape, wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_TEXT_H_INCLUDED_ */
