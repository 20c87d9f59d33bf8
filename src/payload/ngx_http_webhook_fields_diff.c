
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "diff=" of a field: what two JSON objects of an event do not share.
 */


#include "ngx_http_webhook_fields.h"
#include "ngx_http_webhook_payload.h"
#include "wh_diff.h"


ngx_int_t
ngx_http_webhook_field_diff(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *field,
    ngx_str_t *text)
{
    int         rc;
    size_t      n;
    wh_buf_t    b;
    wh_str_t    one, two;
    ngx_int_t   found;
    ngx_str_t   other;
    wh_alloc_t  mem;

    /* what a client sends decides how much there is to do in one turn */

    if (text->len > NGX_HTTP_WEBHOOK_MAX_TEXT) {
        return NGX_DECLINED;
    }

    found = ngx_http_webhook_text_get(r, evt, field->diff,
                                      NGX_HTTP_WEBHOOK_MAX_TEXT, &other);

    if (found == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (other.len > NGX_HTTP_WEBHOOK_MAX_TEXT) {
        return NGX_DECLINED;
    }

    if (text->len == 4 && ngx_memcmp(text->data, "null", 4) == 0) {
        return NGX_OK;
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    one.len = text->len;
    one.data = (char *) text->data;
    two.len = other.len;
    two.data = (char *) other.data;

    ngx_http_webhook_type_memory(&mem, r->connection->log);

    rc = wh_put_json_diff(&b, one, two, &mem, &n);

    if (rc == WH_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != WH_OK) {
        return NGX_DECLINED;
    }

    text->len = n || !field->omit_empty ? b.len : 0;
    text->data = (u_char *) b.data;

    return NGX_OK;
}
