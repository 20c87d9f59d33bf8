
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_holes.h"


static ngx_int_t ngx_http_webhook_holes_fill(ngx_pool_t *pool, wh_buf_t *b,
    wh_str_t *text, wh_str_t holes, size_t room,
    ngx_http_webhook_attempt_values_t *v, char **reason);


ngx_int_t
ngx_http_webhook_holes_text(ngx_pool_t *pool, wh_str_t *text, wh_str_t holes,
    ngx_http_webhook_attempt_values_t *v, char **reason)
{
    wh_buf_t   b;
    ngx_int_t  rc;

    if (holes.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_webhook_holes_fill(pool, &b, text, holes, 0, v, reason);

    if (rc == NGX_OK) {
        text->len = b.len;
        text->data = b.data;
    }

    return rc;
}


ngx_int_t
ngx_http_webhook_holes_body(ngx_pool_t *pool, ngx_http_webhook_endpoint_t *ep,
    wh_str_t *body, wh_str_t holes, ngx_http_webhook_holes_body_e kind,
    ngx_http_webhook_attempt_values_t *v, char **reason)
{
    wh_buf_t    b;
    ngx_int_t   rc;
    ngx_str_t  *keys;

    if (ep->key_fields == 0) {
        return ngx_http_webhook_holes_text(pool, body, holes, v, reason);
    }

    keys = kind == NGX_HTTP_WEBHOOK_BODY_FORM ? &ep->key_form
                                              : &ep->key_members;

    /* what joins them takes an octet */

    rc = ngx_http_webhook_holes_fill(pool, &b, body, holes, keys->len + 1, v,
                                     reason);
    if (rc != NGX_OK) {
        return rc;
    }

    /* the endpoint may have been another one when the event was committed */

    if (kind == NGX_HTTP_WEBHOOK_BODY_OTHER
        || (kind == NGX_HTTP_WEBHOOK_BODY_OBJECT
            && (ngx_http_webhook_head_is_get(ep)
                || b.len < 2 || b.data[0] != '{' || b.data[b.len - 1] != '}')))
    {
        *reason = "the body is none that could have the field of \"api_key\"";
        return NGX_DECLINED;
    }

    if (keys->len == 0) {
        /* those with variables are there */

    } else if (kind == NGX_HTTP_WEBHOOK_BODY_FORM) {

        if (b.len) {
            (void) wh_buf_putc(&b, '&');
        }

        (void) wh_buf_put(&b, (char *) keys->data, keys->len);

    } else {
        b.len--;

        if (b.len > 1) {
            (void) wh_buf_putc(&b, ',');
        }

        (void) wh_buf_put(&b, (char *) keys->data, keys->len);
        (void) wh_buf_putc(&b, '}');
    }

    body->len = b.len;
    body->data = b.data;

    return b.err ? NGX_ERROR : NGX_OK;
}


/* "room" is what will be added to it; all memory is asked for at once */

static ngx_int_t
ngx_http_webhook_holes_fill(ngx_pool_t *pool, wh_buf_t *b, wh_str_t *text,
    wh_str_t holes, size_t room, ngx_http_webhook_attempt_values_t *v,
    char **reason)
{
    wh_attempt_t  attempt;

    ngx_memzero(b, sizeof(wh_buf_t));

    b->max = text->len + holes.len / WH_HOLE_SIZE * WH_HOLE_MAX + room;
    b->grow = ngx_http_webhook_payload_grow;
    b->ctx = pool;

    attempt.number = v->number;
    attempt.time = v->time;

    if (b->max && wh_buf_need(b, b->max) == NULL) {
        return NGX_ERROR;
    }

    if (wh_holes_fill(b, *text, holes, &attempt) != WH_OK) {
        *reason = "record has a hole that is damaged or of an unknown kind";
        return NGX_DECLINED;
    }

    return NGX_OK;
}
