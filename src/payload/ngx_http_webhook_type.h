
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The types of fields: from a text to a value.
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
    NGX_HTTP_WEBHOOK_TYPE_JSON_STRING,       /* JSON text as a string */
    NGX_HTTP_WEBHOOK_TYPE_NULL,
    NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT,
    NGX_HTTP_WEBHOOK_TYPE_DATE_TEXT,
    NGX_HTTP_WEBHOOK_TYPE_DATETIME_TEXT,
    NGX_HTTP_WEBHOOK_TYPE_ISO,
    NGX_HTTP_WEBHOOK_TYPE_UNIX,
    NGX_HTTP_WEBHOOK_TYPE_MS,
    NGX_HTTP_WEBHOOK_TYPE_US
} ngx_http_webhook_type_e;


#define ngx_http_webhook_type_is_time(type)                                   \
    ((type) >= NGX_HTTP_WEBHOOK_TYPE_ISO)

#define ngx_http_webhook_type_is_date(type)                                   \
    ((type) == NGX_HTTP_WEBHOOK_TYPE_DATE_TEXT                                \
     || (type) == NGX_HTTP_WEBHOOK_TYPE_DATETIME_TEXT)

/* in a language, see ngx_http_webhook_local.h; elsewhere it is a string */

#define ngx_http_webhook_type_is_text(type)                                   \
    ((type) == NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT                              \
     || ngx_http_webhook_type_is_date(type))


#define ngx_http_webhook_type_is_json(type)                                   \
    ((type) == NGX_HTTP_WEBHOOK_TYPE_JSON                                     \
     || (type) == NGX_HTTP_WEBHOOK_TYPE_JSON_STRING)


/* "string" and so on; NGX_OK or NGX_DECLINED */
ngx_int_t ngx_http_webhook_type_find(ngx_str_t *name,
    ngx_http_webhook_type_e *type);

ngx_str_t *ngx_http_webhook_type_name(ngx_http_webhook_type_e type);

/* a value of a type; not to be copied, as the text may be the buffer */

typedef struct {
    ngx_uint_t                    kind;      /* WH_JSON_..., see wh_json.h */
    ngx_str_t                     text;
    u_char                        buf[sizeof("2026-01-02T03:04:05.678Z") - 1];
} ngx_http_webhook_typed_t;


/*
 * Takes a text as one of the type; WH_JSON_TEXT is the kind of JSON, which was
 * checked.  The text of *v may be that text, or static.  NGX_OK; NGX_DECLINED:
 * it is none of the type; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_type_value(ngx_http_webhook_type_e type,
    ngx_str_t *text, ngx_http_webhook_typed_t *v, ngx_log_t *log);

/* the same for a time in microseconds since the epoch */
void ngx_http_webhook_type_time(ngx_http_webhook_type_e type, uint64_t us,
    ngx_http_webhook_typed_t *v);

/*
 * Microseconds of a text of seconds since the epoch, with a fraction or
 * without; NGX_OK or NGX_ERROR
 */
ngx_int_t ngx_http_webhook_type_seconds(ngx_str_t *text, uint64_t *us);

/* memory for wh_json_create() while nothing else is done; "log" is a context */
void ngx_http_webhook_type_memory(wh_alloc_t *mem, ngx_log_t *log);


#endif /* _NGX_HTTP_WEBHOOK_TYPE_H_INCLUDED_ */
