
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Answers of "webhook_accept".
 */


#include "ngx_http_webhook_accept.h"

#include "wh_escape.h"


static ngx_int_t ngx_http_webhook_accept_send(ngx_http_request_t *r,
    ngx_uint_t status, wh_buf_t *b);


void
ngx_http_webhook_accept_failed(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_refusal_t *why)
{
    why->member = "";

    switch (ctx->accept->batch.failed) {

    case NGX_HTTP_WEBHOOK_DROP_FULL:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the store is full";
        break;

    case NGX_HTTP_WEBHOOK_DROP_OVERFLOW:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the backlog of an endpoint is full";
        break;

    case NGX_HTTP_WEBHOOK_DROP_LARGE:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event is larger than \"webhook_max_event_size\"";
        break;

    case NGX_HTTP_WEBHOOK_DROP_URL:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event makes a URL too long";
        break;

    case NGX_HTTP_WEBHOOK_DROP_BAD_URL:
        why->status = NGX_HTTP_BAD_REQUEST;
        why->text = "the event makes no valid URL";
        break;

    case NGX_HTTP_WEBHOOK_DROP_RECORD:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the events are too large to be committed together";
        break;

    case NGX_HTTP_WEBHOOK_DROP_UNKNOWN:
        why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        why->text = "there is no endpoint for the event";
        break;

    case NGX_HTTP_WEBHOOK_DROP_BODY:
        why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        why->text = "the payload is a body that is not there";
        break;

    default:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the event could not be stored";
        break;
    }
}


ngx_int_t
ngx_http_webhook_accept_refuse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_refusal_t *why,
    ngx_uint_t located)
{
    wh_buf_t                    b;
    ngx_int_t                   rc;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    ngx_http_webhook_settle(&ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE],
                            NGX_HTTP_WEBHOOK_REJECTED);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "webhook_accept: %s", why->text);

    if (why->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_webhook_retry_after(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    (void) wh_buf_put_literal(&b, "{\"error\":");
    (void) wh_put_json_quoted(&b, why->text, ngx_strlen(why->text));

    if (located) {
        (void) wh_buf_put_literal(&b, ",\"at\":\"");

        if (a->array) {
            (void) wh_buf_putc(&b, '/');
            (void) wh_buf_put_number(&b, a->n);
        }

        (void) wh_buf_put(&b, why->member, ngx_strlen(why->member));
        (void) wh_buf_putc(&b, '"');
    }

    (void) wh_buf_put_literal(&b, "}\n");

    rc = ngx_http_webhook_accept_send(r, why->status, &b);

    /* the caller goes on after NGX_OK, but not after this */

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


ngx_int_t
ngx_http_webhook_accept_answer(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    wh_buf_t                    b;
    ngx_str_t                  *id;
    ngx_uint_t                  i, status;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    status = NGX_HTTP_OK;

    for (i = 0; i < ctx->nfired; i++) {
        if (ctx->fired[i]->result != NGX_HTTP_WEBHOOK_DUPLICATE) {
            status = NGX_HTTP_ACCEPTED;
        }
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    (void) wh_buf_put_literal(&b, "{\"ids\":[");

    id = a->ids.elts;

    for (i = 0; i < a->ids.nelts; i++) {

        if (i) {
            (void) wh_buf_putc(&b, ',');
        }

        (void) wh_buf_putc(&b, '"');
        (void) wh_buf_put(&b, (char *) id[i].data, id[i].len);
        (void) wh_buf_putc(&b, '"');
    }

    (void) wh_buf_put_literal(&b, "]}\n");

    return ngx_http_webhook_accept_send(r, status, &b);
}


static ngx_int_t
ngx_http_webhook_accept_send(ngx_http_request_t *r, ngx_uint_t status,
    wh_buf_t *b)
{
    ngx_str_t                 type = ngx_string("application/json");
    ngx_http_complex_value_t  cv;

    if (b->err) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    cv.value.len = b->len;
    cv.value.data = (u_char *) b->data;

    return ngx_http_send_response(r, status, &type, &cv);
}
