
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Text with variables, as payloads have it.  It differs from nginx's complex
 * values in that $webhook_event, $webhook_id and $webhook_time are those of
 * the event that is rendered, and in that escapes can be asked for.
 */


#ifndef _NGX_HTTP_WEBHOOK_TEMPLATE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TEMPLATE_H_INCLUDED_


#include "ngx_http_webhook_module.h"


typedef enum {
    NGX_HTTP_WEBHOOK_PART_LITERAL = 0,
    NGX_HTTP_WEBHOOK_PART_VARIABLE,
    NGX_HTTP_WEBHOOK_PART_EVENT,
    NGX_HTTP_WEBHOOK_PART_ID,
    NGX_HTTP_WEBHOOK_PART_TIME
} ngx_http_webhook_part_e;


typedef enum {
    NGX_HTTP_WEBHOOK_ESCAPE_NONE = 0,
    NGX_HTTP_WEBHOOK_ESCAPE_JSON,
    NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING,
    NGX_HTTP_WEBHOOK_ESCAPE_URL,
    NGX_HTTP_WEBHOOK_ESCAPE_FORM
} ngx_http_webhook_escape_e;


typedef struct {
    ngx_http_webhook_part_e       kind;
    ngx_http_webhook_escape_e     escape;
    ngx_int_t                     index;     /* of the variable */
    ngx_str_t                     text;      /* of the literal */
} ngx_http_webhook_part_t;


typedef struct {
    ngx_uint_t                    nparts;    /* 0: the empty text */
    ngx_http_webhook_part_t      *parts;
} ngx_http_webhook_template_t;


#define NGX_HTTP_WEBHOOK_NO_ESCAPES  0       /* $name, ${name} */
#define NGX_HTTP_WEBHOOK_ESCAPES     1       /* ${name|escape} only */


/* true when there are no variables in it; the text is its one literal then */
#define ngx_http_webhook_template_constant(t)                                 \
    ((t)->nparts == 0                                                         \
     || ((t)->nparts == 1                                                     \
         && (t)->parts[0].kind == NGX_HTTP_WEBHOOK_PART_LITERAL))


/*
 * Errors are logged; "file" is where the text comes from, NULL: the line of
 * the configuration.
 */
char *ngx_http_webhook_template_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_uint_t escapes, ngx_str_t *file, ngx_http_webhook_template_t *t);

/*
 * The text without escapes, which must not be written to.  NGX_OK;
 * NGX_DECLINED: it is one variable, and that has no value; NGX_BUSY: longer
 * than "max"; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_template_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_template_t *t, size_t max,
    ngx_str_t *text);

/* puts the text with its escapes; NGX_OK or NGX_ERROR, see also out->err */
ngx_int_t ngx_http_webhook_template_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_template_t *t,
    wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_TEMPLATE_H_INCLUDED_ */
