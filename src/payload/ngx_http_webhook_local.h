
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Fields whose value depends on the language of the endpoint.
 */


#ifndef _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_


#include "ngx_http_webhook_fields.h"
#include "ngx_http_webhook_language.h"


struct ngx_http_webhook_local_s {
    ngx_http_webhook_local_t     *next;       /* of the payload */
    ngx_http_webhook_field_t     *field;
    ngx_str_t                     group;      /* of translations, with "." */
    ngx_uint_t                    format;     /* index of it, of dates */
    int                           style;      /* WH_STYLE_..., 0: not said */
    ngx_str_t                     zone;       /* empty: not said */
    unsigned                      translate:1;
    unsigned                      map:1;
};


/*
 * A parameter of a field.  NGX_OK; NGX_DECLINED: it is none of a language, or
 * a repeated one; NGX_ERROR, which is logged.
 */
ngx_int_t ngx_http_webhook_local_parameter(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_str_t *value);

/* when all of them, the type and the value are there; errors are logged */
char *ngx_http_webhook_local_end(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field);

/*
 * The value of a text; see ngx_http_webhook_type_value().  NGX_OK;
 * NGX_DECLINED: it is not of the type; NGX_ABORT: there is no translation,
 * and the field has a default; NGX_BUSY: it has more than "max" octets;
 * NGX_ERROR.
 */
ngx_int_t ngx_http_webhook_local_value(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    ngx_str_t *text, size_t max, ngx_http_webhook_typed_t *v);


#endif /* _NGX_HTTP_WEBHOOK_LOCAL_H_INCLUDED_ */
