
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_accept;": applications post events themselves.
 */


#include "ngx_http_webhook_accept.h"

#include "wh_array.h"


/* elements of an array */
#define NGX_HTTP_WEBHOOK_ACCEPT_MAX   1024

/* of an element, and of each delivery that is tried, as octets of a slice */
#define NGX_HTTP_WEBHOOK_ACCEPT_COST  1024


static void ngx_http_webhook_accept_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_accept_run(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_elements(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_commit(ngx_http_webhook_batch_t *b);
static void ngx_http_webhook_accept_turn_handler(ngx_event_t *ev);


char *
ngx_http_webhook_accept_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (wlcf->accept) {
        return "is duplicate";
    }

    wlcf->accept = 1;
    wlcf->accept_file = cf->conf_file->file.name.data;
    wlcf->accept_line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"webhook_accept\" must be the only directive "
                           "that answers, as \"proxy_pass\" does");
        return NGX_CONF_ERROR;
    }

    clcf->handler = ngx_http_webhook_accept_handler;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_accept_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_loc_conf_t  *wlcf;

    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ctx = ngx_http_webhook_ctx(r);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (r != r->main
        || ctx == NULL
        || ctx->conf != wlcf
        || ctx->triggers != wlcf->triggers)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"webhook_accept\" is for requests that come to its "
                      "location first");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->accept = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_accept_t));
    if (ctx->accept == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->hops = ngx_http_webhook_hops(r);

    rc = ngx_http_read_client_request_body(r,
                                        ngx_http_webhook_accept_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_webhook_accept_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);

    if (ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_REQUEST)) {
        return;
    }

    rc = ngx_http_webhook_accept_run(r, ctx);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


void
ngx_http_webhook_accept_go_on(ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_webhook_accept_run(r, ctx);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_webhook_accept_drop(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t    *body;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    if (a->event.posted) {
        ngx_delete_posted_event(&a->event);
    }

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    if (body) {
        ngx_http_webhook_account_free(body->account, a->records.data);
        ngx_memzero(&a->records, sizeof(wh_buf_t));
    }
}


/* NGX_DONE: it goes on later; other codes end the request */

static ngx_int_t
ngx_http_webhook_accept_run(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;

    if (a->appended) {
        return ngx_http_webhook_accept_answer(r, ctx);
    }

    rc = a->begun ? NGX_OK : ngx_http_webhook_accept_begin(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_accept_elements(r, ctx);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    a->appended = 1;

    rc = ngx_http_webhook_accept_commit(&a->batch);

    if (rc == NGX_AGAIN) {
        return NGX_DONE;
    }

    if (rc == NGX_OK) {
        return ngx_http_webhook_accept_answer(r, ctx);
    }

    ngx_http_webhook_accept_failed(ctx, &why);

    rc = ngx_http_webhook_accept_refuse(r, ctx, &why, 0);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


/* NGX_OK: go on; other codes are of an answer, NGX_DECLINED is NGX_OK then */

static ngx_int_t
ngx_http_webhook_accept_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t     *body;
    ngx_http_webhook_store_t    *store;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;
    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    a->begun = 1;

    why.member = "";

    if (body == NULL) {
        why.status = NGX_HTTP_BAD_REQUEST;
        why.text = "the body is empty, it must be an event or an array of "
                   "events";
        goto refuse;
    }

    if (body->starved) {
        why.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why.text = "there is no memory for more events";
        goto refuse;
    }

    switch (body->state) {

    case NGX_HTTP_WEBHOOK_BODY_COMPLETE:
        break;

    case NGX_HTTP_WEBHOOK_BODY_TRUNCATED:
        why.status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why.text = "the body is larger than \"webhook_max_body_size\"";
        goto refuse;

    case NGX_HTTP_WEBHOOK_BODY_ENCODED:
        why.status = NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
        why.text = "the Content-Encoding must be gzip, deflate or none";
        goto refuse;

    default:
        why.status = NGX_HTTP_BAD_REQUEST;
        why.text = "the body is not of its Content-Encoding";
        goto refuse;
    }

    if (ngx_http_webhook_batch_init(&a->batch, r,
                                &ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE])
        != NGX_OK)
    {
        why.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why.text = "the store is out of order";
        goto refuse;
    }

    if (ngx_array_init(&a->ids, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&a->fired, r->pool, 4, sizeof(void *)) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* it may take several turns, the worker's buffer is for one */

    a->records.grow = ngx_http_webhook_body_grow;
    a->records.ctx = body;

    a->batch.buf = &a->records;
    a->batch.whole = 1;

    a->text.len = body->raw.len;
    a->text.data = body->raw.data;

    store = a->batch.main->worker->store;
    a->max_record = ngx_http_webhook_store_max_record(store);
    ngx_str_set(&a->raw.type, "application/json");

    a->array = wh_array_is(a->text);

    return NGX_OK;

refuse:

    return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
}


/* with full=reject room may be there, but promised to others */

static ngx_int_t
ngx_http_webhook_accept_commit(ngx_http_webhook_batch_t *b)
{
    size_t                     size;
    ngx_int_t                  rc;
    ngx_http_webhook_store_t  *st;

    ngx_http_webhook_unpromise(b->stage->ctx);

    if (!ngx_http_webhook_batch_room(b)) {
        ngx_http_webhook_unpromise(b->stage->ctx);
        b->failed = NGX_HTTP_WEBHOOK_DROP_OVERFLOW;
        return NGX_DECLINED;
    }

    if (b->pending.nelts
        && ngx_http_webhook_store_rejects(b->main->store))
    {
        st = b->main->worker->store;

        size = b->buf->len + b->pending.nelts * NGX_HTTP_WEBHOOK_OVERHEAD;

        if (ngx_http_webhook_store_reserve(st, size) != NGX_OK) {
            ngx_http_webhook_unpromise(b->stage->ctx);
            b->failed = NGX_HTTP_WEBHOOK_DROP_FULL;
            return NGX_DECLINED;
        }

        ngx_http_webhook_store_unreserve(st, size);
    }

    rc = ngx_http_webhook_batch_commit(b);

    ngx_http_webhook_unpromise(b->stage->ctx);

    return rc;
}


static ngx_int_t
ngx_http_webhook_accept_elements(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    int                          rc;
    size_t                       cost, left;
    wh_str_t                     element;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;

    left = NGX_HTTP_WEBHOOK_SLICE;

    for ( ;; ) {

        if (a->array) {
            rc = wh_array_next(a->text, &a->pos, &element);

        } else {
            rc = a->n ? WH_AGAIN : WH_OK;
            element = a->text;
        }

        if (rc == WH_AGAIN) {
            return NGX_OK;
        }

        if (rc != WH_OK) {
            why.status = NGX_HTTP_BAD_REQUEST;
            why.text = "the body is not a JSON array";
            why.member = "";

            return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
        }

        if (a->n == NGX_HTTP_WEBHOOK_ACCEPT_MAX) {
            why.status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
            why.text = "there are more than 1024 events";
            why.member = "";

            return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
        }

        cost = a->batch.tried;

        if (ngx_http_webhook_accept_element(r, ctx, &element, &why)
            != NGX_OK)
        {
            return ngx_http_webhook_accept_refuse(r, ctx, &why, 1);
        }

        a->n++;

        cost = element.len
               + (a->batch.tried - cost + 1) * NGX_HTTP_WEBHOOK_ACCEPT_COST;

        if (cost >= left) {
            break;
        }

        left -= cost;
    }

    a->event.data = ctx;
    a->event.handler = ngx_http_webhook_accept_turn_handler;
    a->event.log = r->connection->log;

    ngx_post_event(&a->event, &ngx_posted_next_events);

    return NGX_DONE;
}


static void
ngx_http_webhook_accept_turn_handler(ngx_event_t *ev)
{
    ngx_http_webhook_accept_go_on(ev->data);
}
