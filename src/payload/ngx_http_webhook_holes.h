
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Texts of a record as they are sent by one attempt.
 */


#ifndef _NGX_HTTP_WEBHOOK_HOLES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_HOLES_H_INCLUDED_


#include "ngx_http_webhook_payload.h"


typedef enum {
    NGX_HTTP_WEBHOOK_BODY_OTHER = 0,         /* nothing may be added to it */
    NGX_HTTP_WEBHOOK_BODY_FORM,
    NGX_HTTP_WEBHOOK_BODY_OBJECT
} ngx_http_webhook_holes_body_e;


/*
 * Fills the holes of a text of a record, which may become another one, of
 * memory from "pool".  NGX_OK; NGX_DECLINED: they are damaged (*reason);
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_holes_text(ngx_pool_t *pool, wh_str_t *text,
    wh_str_t holes, ngx_http_webhook_attempt_values_t *v, char **reason);

/*
 * The same for a body, to which the endpoint's secret fields are added.
 * NGX_DECLINED: likewise, or it is not one that may have them.
 */
ngx_int_t ngx_http_webhook_holes_body(ngx_pool_t *pool,
    ngx_http_webhook_endpoint_t *ep, wh_str_t *body, wh_str_t holes,
    ngx_http_webhook_holes_body_e kind, ngx_http_webhook_attempt_values_t *v,
    char **reason);


#endif /* _NGX_HTTP_WEBHOOK_HOLES_H_INCLUDED_ */
