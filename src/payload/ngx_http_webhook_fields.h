
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The fields of a payload: a tree with the shape of the JSON, or a list.
 */


#ifndef _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_type.h"


#define NGX_HTTP_WEBHOOK_MAX_DEPTH  32


typedef enum {
    NGX_HTTP_WEBHOOK_SHAPE_TREE = 0,         /* objects in objects */
    NGX_HTTP_WEBHOOK_SHAPE_OBJECT,           /* of one level */
    NGX_HTTP_WEBHOOK_SHAPE_FORM
} ngx_http_webhook_shape_e;


typedef struct ngx_http_webhook_field_s  ngx_http_webhook_field_t;
typedef struct ngx_http_webhook_local_s  ngx_http_webhook_local_t;


/* an object or an array if it has a child, else a value */

struct ngx_http_webhook_field_s {
    ngx_http_webhook_field_t     *next;
    ngx_http_webhook_field_t     *child;
    ngx_uint_t                    array;     /* children are elements */

    ngx_str_t                     label;     /* of this level, decoded */
    ngx_str_t                     key;       /* the label encoded, ":" or "=" */

    ngx_str_t                     name;      /* as configured first */
    u_char                       *file;
    ngx_uint_t                    line;

    ngx_http_webhook_type_e       type;
    ngx_http_webhook_text_t       value;
    ngx_http_webhook_text_t      *diff;      /* NULL: none */
    ngx_http_webhook_typed_t      fixed;     /* of a constant; in a tree JSON */
    ngx_http_webhook_typed_t      fallback;  /* likewise */
    ngx_str_t                     fixed_text;     /* the same as text */
    ngx_str_t                     fallback_text;
    ngx_http_webhook_local_t     *local;     /* NULL: of no language */
    ngx_http_webhook_escape_e     escape;    /* of a value with holes */
    unsigned                      quoted:1;  /* likewise */
    unsigned                      constant:1;
    unsigned                      left_out:1;
    unsigned                      omit_empty:1;
    unsigned                      has_default:1;
};


typedef struct {
    ngx_http_webhook_shape_e      shape;
    ngx_http_webhook_field_t     *list;
    ngx_http_webhook_local_t     *locals;    /* of fields in a language */
    ngx_uint_t                    array;     /* the list is one */
    ngx_str_t                     separator; /* data NULL: the default one */
    ngx_str_t                     join;      /* data NULL: none */
    unsigned                      json:1;    /* names may come from data */
} ngx_http_webhook_fields_t;


/* "field NAME VALUE [type] [default=...] [diff=...] [omit_empty];" */
char *ngx_http_webhook_fields_add(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields);

/* after the last one; errors are logged */
char *ngx_http_webhook_fields_end(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields);

/*
 * Puts the fields.  NGX_OK or NGX_ERROR, see also out->err.  Values not of
 * their type are counted for the endpoint.
 */
ngx_int_t ngx_http_webhook_fields_put(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_fields_t *fields, wh_buf_t *out);

/*
 * Takes from the JSON object that a text is what is the same in the one of
 * "diff=".  NGX_OK; NGX_DECLINED: it is no object, or there is no other, or
 * one of them is longer than NGX_HTTP_WEBHOOK_MAX_TEXT; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_field_diff(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *field,
    ngx_str_t *text);

/* a value that is not of its type: counted for the endpoint, and logged */
void ngx_http_webhook_field_mistyped(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_str_t *name);

/* the one of a name, as configured, that has a value; NULL: there is none */
ngx_http_webhook_field_t *ngx_http_webhook_fields_find(
    ngx_http_webhook_field_t *list, ngx_str_t *name);

/*
 * Puts the value of one of "fields" as text, percent-encoded; null is empty.
 * NGX_OK or NGX_ERROR, see also out->err; holes go to evt->holes.
 */
ngx_int_t ngx_http_webhook_field_put_url(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field,
    wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_ */
