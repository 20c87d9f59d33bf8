
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The fields of a structured payload: a tree with the shape of the JSON.
 */


#ifndef _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_


#include "ngx_http_webhook_template.h"


#define NGX_HTTP_WEBHOOK_MAX_DEPTH  32


typedef struct ngx_http_webhook_field_s  ngx_http_webhook_field_t;


/* "field NAME VALUE [type] [default=...] [omit_empty];" */
char *ngx_http_webhook_fields_add(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields);

/* puts the JSON object; NGX_OK or NGX_ERROR, see also out->err */
ngx_int_t ngx_http_webhook_fields_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *fields,
    wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_FIELDS_H_INCLUDED_ */
