
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * overflow=reject: what a request may cause is promised a place in the
 * backlogs of its endpoints, or the request is refused before the application
 * has seen it.
 */


#include "ngx_http_webhook_batch.h"


struct ngx_http_webhook_promise_s {
    ngx_http_webhook_promise_t    *next;
    ngx_http_webhook_endpoint_t   *endpoint;
    size_t                         size;       /* octets */
};


static ngx_uint_t ngx_http_webhook_promise_wanted(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t);


ngx_uint_t
ngx_http_webhook_promise_rejects(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i;
    ngx_http_webhook_endpoint_t  **ep;

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        if (ep[i]->backlog.overflow == WH_OVERFLOW_REJECT) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_webhook_promise(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, k;
    ngx_http_webhook_fired_t     **f;
    ngx_http_webhook_trigger_t    *t;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->worker == NULL || wmcf->worker->store == NULL) {
        return NGX_OK;
    }

    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {
        t = f[i]->trigger;

        if (!ngx_http_webhook_promise_wanted(ctx, t)) {
            continue;
        }

        for (k = 0; k < t->nendpoints; k++) {
            ep = t->endpoints[k];

            rc = ngx_http_webhook_promise_one(ctx, ep, wmcf->max_event_size);

            if (rc == NGX_DECLINED) {
                ngx_http_webhook_drop_log(r, f[i], &ep->name,
                                          NGX_HTTP_WEBHOOK_DROP_OVERFLOW);
                goto declined;
            }

            if (rc != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;

declined:

    ngx_http_webhook_unpromise(ctx);

    for (i = 0; i < ctx->nfired; i++) {
        if (!ngx_http_webhook_promise_wanted(ctx, f[i]->trigger)) {
            ngx_http_webhook_decide(f[i], NGX_HTTP_WEBHOOK_FILTERED);
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_promise_one(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_endpoint_t *ep, size_t size)
{
    ngx_http_webhook_promise_t    *p;
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ep->backlog.overflow != WH_OVERFLOW_REJECT) {
        return NGX_OK;
    }

    p = ngx_palloc(ctx->request->pool, sizeof(ngx_http_webhook_promise_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    size += NGX_HTTP_WEBHOOK_OVERHEAD;

    if (ngx_http_webhook_store_promise(wmcf->worker->store, ep, size)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    p->endpoint = ep;
    p->size = size;
    p->next = ctx->promised;
    ctx->promised = p;

    return NGX_OK;
}


void
ngx_http_webhook_unpromise(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_promise_t    *p;
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ctx->promised == NULL) {
        return;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    for (p = ctx->promised; p; p = p->next) {
        ngx_http_webhook_store_unpromise(wmcf->worker->store, p->endpoint,
                                         p->size);
    }

    ctx->promised = NULL;
}


static ngx_uint_t
ngx_http_webhook_promise_wanted(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t)
{
    return !t->pattern && (t->methods == 0 || (t->methods & ctx->method));
}
