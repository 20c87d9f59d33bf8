
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The types of fields: from the text of a value to JSON.
 */


#ifndef _NGX_HTTP_WEBHOOK_TYPE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TYPE_H_INCLUDED_


#include "ngx_http_webhook_module.h"
#include "wh_json.h"


typedef enum {
    NGX_HTTP_WEBHOOK_TYPE_STRING = 0,
    NGX_HTTP_WEBHOOK_TYPE_NUMBER,
    NGX_HTTP_WEBHOOK_TYPE_BOOLEAN,
    NGX_HTTP_WEBHOOK_TYPE_JSON,
    NGX_HTTP_WEBHOOK_TYPE_NULL,
    NGX_HTTP_WEBHOOK_TYPE_ISO,
    NGX_HTTP_WEBHOOK_TYPE_UNIX,
    NGX_HTTP_WEBHOOK_TYPE_MS,
    NGX_HTTP_WEBHOOK_TYPE_US
} ngx_http_webhook_type_e;


#define ngx_http_webhook_type_is_time(type)                                   \
    ((type) >= NGX_HTTP_WEBHOOK_TYPE_ISO)


/* "string" and so on; NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_webhook_type_find(ngx_str_t *name,
    ngx_http_webhook_type_e *type);

ngx_str_t *ngx_http_webhook_type_name(ngx_http_webhook_type_e type);

/*
 * Puts the text as JSON of the type.  NGX_OK, see also out->err; NGX_DECLINED:
 * it is none of the type, nothing was put; NGX_ERROR: no memory.  A set of no
 * pointers is needed to check JSON, for other types "none" may be NULL.
 */
ngx_int_t ngx_http_webhook_type_put(wh_buf_t *out,
    ngx_http_webhook_type_e type, ngx_str_t *text, wh_pointers_t *none,
    ngx_log_t *log);

/* puts a time in microseconds since the epoch */
void ngx_http_webhook_type_put_time(wh_buf_t *out,
    ngx_http_webhook_type_e type, uint64_t us);


#endif /* _NGX_HTTP_WEBHOOK_TYPE_H_INCLUDED_ */
