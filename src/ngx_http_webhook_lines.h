
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Directives as they are written, without secrets: for operators who ask what
 * is in force.
 */


#ifndef _NGX_HTTP_WEBHOOK_LINES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LINES_H_INCLUDED_


#include "ngx_http_webhook_module.h"


struct ngx_http_webhook_line_s {
    ngx_str_t                    *words;     /* the directive's name first */
    ngx_uint_t                    nwords;
    ngx_str_t                     file;
    ngx_uint_t                    line;
};


/* the directive that is read now; NULL: no memory */
ngx_http_webhook_line_t *ngx_http_webhook_line_create(ngx_conf_t *cf);

/* the same, added to a list, which is made at first */
ngx_http_webhook_line_t *ngx_http_webhook_lines_add(ngx_conf_t *cf,
    ngx_array_t **lines);

/* a word from now on is "***", but for octets at its start */
ngx_int_t ngx_http_webhook_line_mask(ngx_conf_t *cf,
    ngx_http_webhook_line_t *line, ngx_uint_t word, size_t shown);

/* the value of a secret: masked, unless it is nothing but one variable */
ngx_int_t ngx_http_webhook_line_secret(ngx_conf_t *cf,
    ngx_http_webhook_line_t *line, ngx_uint_t word);


#endif /* _NGX_HTTP_WEBHOOK_LINES_H_INCLUDED_ */
