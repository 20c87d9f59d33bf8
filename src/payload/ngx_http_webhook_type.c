
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_type.h"
#include "wh_escape.h"
#include "wh_id.h"


#define NGX_HTTP_WEBHOOK_MAX_SECONDS  253402300799  /* end of the year 9999 */


typedef struct {
    ngx_str_t                     name;
    ngx_http_webhook_type_e       type;
} ngx_http_webhook_type_name_t;


static ngx_int_t ngx_http_webhook_type_boolean(ngx_str_t *text);
static ngx_int_t ngx_http_webhook_type_json(ngx_str_t *text, ngx_log_t *log);
static void *ngx_http_webhook_type_alloc(void *ctx, size_t size);
static void ngx_http_webhook_type_free(void *ctx, void *p);


static ngx_http_webhook_type_name_t  ngx_http_webhook_types[] = {
    { ngx_string("string"), NGX_HTTP_WEBHOOK_TYPE_STRING },
    { ngx_string("number"), NGX_HTTP_WEBHOOK_TYPE_NUMBER },
    { ngx_string("boolean"), NGX_HTTP_WEBHOOK_TYPE_BOOLEAN },
    { ngx_string("json"), NGX_HTTP_WEBHOOK_TYPE_JSON },
    { ngx_string("json_string"), NGX_HTTP_WEBHOOK_TYPE_JSON_STRING },
    { ngx_string("null"), NGX_HTTP_WEBHOOK_TYPE_NULL },
    { ngx_string("number_text"), NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT },
    { ngx_string("date_text"), NGX_HTTP_WEBHOOK_TYPE_DATE_TEXT },
    { ngx_string("datetime_text"), NGX_HTTP_WEBHOOK_TYPE_DATETIME_TEXT },
    { ngx_string("time"), NGX_HTTP_WEBHOOK_TYPE_ISO },
    { ngx_string("time:iso"), NGX_HTTP_WEBHOOK_TYPE_ISO },
    { ngx_string("time:unix"), NGX_HTTP_WEBHOOK_TYPE_UNIX },
    { ngx_string("time:ms"), NGX_HTTP_WEBHOOK_TYPE_MS },
    { ngx_string("time:us"), NGX_HTTP_WEBHOOK_TYPE_US },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_webhook_type_find(ngx_str_t *name, ngx_http_webhook_type_e *type)
{
    ngx_http_webhook_type_name_t  *t;

    for (t = ngx_http_webhook_types; t->name.len; t++) {

        if (name->len == t->name.len
            && ngx_memcmp(name->data, t->name.data, name->len) == 0)
        {
            *type = t->type;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


ngx_str_t *
ngx_http_webhook_type_name(ngx_http_webhook_type_e type)
{
    ngx_http_webhook_type_name_t  *t;

    for (t = ngx_http_webhook_types; t->type != type; t++) {
        /* void */
    }

    return &t->name;
}


ngx_int_t
ngx_http_webhook_type_value(ngx_http_webhook_type_e type, ngx_str_t *text,
    ngx_http_webhook_typed_t *v, ngx_log_t *log)
{
    uint64_t  us;

    v->text = *text;

    switch (type) {

    case NGX_HTTP_WEBHOOK_TYPE_STRING:
    case NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT:
    case NGX_HTTP_WEBHOOK_TYPE_DATE_TEXT:
    case NGX_HTTP_WEBHOOK_TYPE_DATETIME_TEXT:
        v->kind = WH_JSON_STRING;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_TYPE_NUMBER:
        v->kind = WH_JSON_NUMBER;
        return wh_json_number_ok((char *) text->data, text->len)
               ? NGX_OK : NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_TYPE_BOOLEAN:
        v->kind = WH_JSON_BOOL;
        return ngx_http_webhook_type_boolean(&v->text);

    case NGX_HTTP_WEBHOOK_TYPE_JSON:
        v->kind = WH_JSON_TEXT;
        return ngx_http_webhook_type_json(text, log);

    case NGX_HTTP_WEBHOOK_TYPE_JSON_STRING:
        v->kind = WH_JSON_STRING;
        return ngx_http_webhook_type_json(text, log);

    case NGX_HTTP_WEBHOOK_TYPE_NULL:
        v->kind = WH_JSON_NULL;
        return text->len ? NGX_DECLINED : NGX_OK;

    default: /* a time */
        if (ngx_http_webhook_type_seconds(text, &us) != NGX_OK) {
            return NGX_DECLINED;
        }

        ngx_http_webhook_type_time(type, us, v);
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_webhook_type_boolean(ngx_str_t *text)
{
    if ((text->len == 1 && text->data[0] == '1')
        || (text->len == 4 && ngx_memcmp(text->data, "true", 4) == 0))
    {
        ngx_str_set(text, "true");
        return NGX_OK;
    }

    if ((text->len == 1 && text->data[0] == '0')
        || (text->len == 5 && ngx_memcmp(text->data, "false", 5) == 0))
    {
        ngx_str_set(text, "false");
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_type_json(ngx_str_t *text, ngx_log_t *log)
{
    int          rc;
    wh_json_t   *j;
    wh_alloc_t   mem;

    ngx_http_webhook_type_memory(&mem, log);

    j = wh_json_create(NULL, 0, &mem);
    if (j == NULL) {
        return NGX_ERROR;
    }

    rc = wh_json_feed(j, (char *) text->data, text->len);

    if (rc == WH_OK) {
        rc = wh_json_finish(j);
    }

    wh_json_destroy(j);

    if (rc == WH_NOMEM) {
        return NGX_ERROR;
    }

    return rc == WH_OK ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_type_seconds(ngx_str_t *text, uint64_t *us)
{
    size_t    i;
    uint64_t  n, unit;

    n = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            break;
        }

        n = n * 10 + (text->data[i] - '0');

        if (n > NGX_HTTP_WEBHOOK_MAX_SECONDS) {
            return NGX_ERROR;
        }
    }

    if (i == 0) {
        return NGX_ERROR;
    }

    n *= 1000000;

    if (i < text->len) {

        if (text->data[i] != '.' || i + 1 == text->len) {
            return NGX_ERROR;
        }

        unit = 100000;

        for (i++; i < text->len; i++) {

            if (text->data[i] < '0' || text->data[i] > '9') {
                return NGX_ERROR;
            }

            n += (text->data[i] - '0') * unit;
            unit /= 10;
        }
    }

    *us = n;

    return NGX_OK;
}


void
ngx_http_webhook_type_time(ngx_http_webhook_type_e type, uint64_t us,
    ngx_http_webhook_typed_t *v)
{
    v->kind = WH_JSON_NUMBER;
    v->text.data = v->buf;

    switch (type) {

    case NGX_HTTP_WEBHOOK_TYPE_UNIX:
        v->text.len = ngx_sprintf(v->buf, "%uL", us / 1000000) - v->buf;
        break;

    case NGX_HTTP_WEBHOOK_TYPE_MS:
        v->text.len = ngx_sprintf(v->buf, "%uL", us / 1000) - v->buf;
        break;

    case NGX_HTTP_WEBHOOK_TYPE_US:
        v->text.len = ngx_sprintf(v->buf, "%uL", us) - v->buf;
        break;

    default: /* NGX_HTTP_WEBHOOK_TYPE_ISO */
        wh_time_iso((char *) v->buf, us / 1000);
        v->kind = WH_JSON_STRING;
        v->text.len = sizeof(v->buf);
        break;
    }
}


void
ngx_http_webhook_type_memory(wh_alloc_t *mem, ngx_log_t *log)
{
    mem->alloc = ngx_http_webhook_type_alloc;
    mem->free = ngx_http_webhook_type_free;
    mem->ctx = log;
}


static void *
ngx_http_webhook_type_alloc(void *ctx, size_t size)
{
    return ngx_alloc(size, ctx);
}


static void
ngx_http_webhook_type_free(void *ctx, void *p)
{
    ngx_free(p);
}
