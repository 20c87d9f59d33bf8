
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Which requests are captured, and by which triggers.
 */


#include "ngx_http_webhook_ctx.h"


static void ngx_http_webhook_ctx_cleanup(void *data);
static ngx_int_t ngx_http_webhook_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_precontent_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_reject(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_log_handler(ngx_http_request_t *r);


ngx_http_webhook_ctx_t *
ngx_http_webhook_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_webhook_ctx_t  *ctx;

    r = r->main;

    if (ngx_http_webhook_is_delivery(r)) {
        return NULL;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    if (ctx || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /*
     * internal redirects clear the contexts of modules, the list of
     * cleanups stays
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_webhook_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);
            break;
        }
    }

    return ctx;
}


ngx_http_webhook_ctx_t *
ngx_http_webhook_ctx_create(ngx_http_request_t *r)
{
    size_t                        size;
    ngx_uint_t                    i, n;
    ngx_pool_cleanup_t           *cln;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    n = wlcf->triggers->nelts;

    size = sizeof(ngx_http_webhook_ctx_t)
           + n * sizeof(ngx_http_webhook_fired_t);

    cln = ngx_pool_cleanup_add(r->pool, size);
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;

    ngx_memzero(ctx, size);

    ctx->request = r;
    ctx->conf = wlcf;
    ctx->fired = (ngx_http_webhook_fired_t *) (ctx + 1);
    ctx->method = r->method;
    ctx->captured = (n == 0);

    for (i = 0; i < n; i++) {
        ctx->fired[i].result = NGX_HTTP_WEBHOOK_UNDECIDED;
    }

    cln->handler = ngx_http_webhook_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);

    return ctx;
}


static void
ngx_http_webhook_ctx_cleanup(void *data)
{
    ngx_http_webhook_ctx_t  *ctx = data;

    ngx_http_webhook_forget(ctx);
    ngx_http_webhook_unreserve(ctx);
    ngx_http_webhook_hold_drop(ctx);

    wh_json_destroy(ctx->json);
    ctx->json = NULL;

    if (ctx->gone) {
        *ctx->gone = 1;
    }
}


static ngx_int_t
ngx_http_webhook_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_loc_conf_t  *wlcf;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    if (r->post_action) {
        ctx = ngx_http_webhook_ctx(r);

        if (ctx) {
            /* the response ended, nothing of it will be sent any more */
            ngx_http_webhook_hold_drop(ctx);
        }

        return NGX_DECLINED;
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (wlcf->triggers == NULL
        || ngx_http_webhook_is_delivery(r)
        || ngx_http_webhook_ctx(r))
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_webhook_ctx_create(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (r->request_body && !r->internal) {
        /* it was read before the location was known, nobody used it yet */
        ngx_http_webhook_value_parse(r, ctx, r->request_body->bufs);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_precontent_handler(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t  *ctx;

    if (r != r->main || r->post_action) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || ctx->captured || ctx->reserved) {
        return NGX_DECLINED;
    }

    if (ngx_http_webhook_reserve(r, ctx) == NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_reject(r, ctx);
}


static ngx_int_t
ngx_http_webhook_reject(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    ctx->captured = 1;

    ngx_http_webhook_settle(ctx, NGX_HTTP_WEBHOOK_REJECTED);

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_webhook_header_init(h);
    ngx_str_set(&h->key, "Retry-After");
    ngx_str_set(&h->value, "5");

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


static ngx_int_t
ngx_http_webhook_log_handler(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    if (!ctx->captured) {
        ctx->cut = 1;

        if (ctx->status) {
            (void) ngx_http_webhook_commit(r, ctx);
        }
    }

    ngx_http_webhook_forget(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_capture_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_array_t                *a;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    if (wmcf->ntriggers == 0) {
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_webhook_preaccess_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_webhook_precontent_handler;

    /* the first one, so that access_log knows the results */

    a = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (ngx_array_push(a) == NULL) {
        return NGX_ERROR;
    }

    h = a->elts;

    ngx_memmove(h + 1, h, (a->nelts - 1) * sizeof(ngx_http_handler_pt));

    *h = ngx_http_webhook_log_handler;

    ngx_http_webhook_value_init();
    ngx_http_webhook_hold_init();

    return NGX_OK;
}


char *
ngx_http_webhook_capture_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf)
{
    if (conf->triggers == NULL) {
        conf->triggers = prev->triggers;
    }

    return ngx_http_webhook_value_merge(cf, prev, conf);
}
