
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * overflow=reject: what a request may cause is promised a place in the
 * backlogs of its endpoints, or the request is refused before the application
 * has seen it.
 */


#include "ngx_http_webhook_batch.h"


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
    ngx_uint_t                     i, k, n;
    ngx_http_webhook_fired_t     **f;
    ngx_http_webhook_trigger_t    *t;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->worker == NULL || wmcf->worker->store == NULL) {
        return NGX_OK;
    }

    n = 0;
    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {
        t = f[i]->trigger;

        for (k = 0; k < t->nendpoints; k++) {
            n += (t->endpoints[k]->backlog.overflow == WH_OVERFLOW_REJECT);
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    ctx->promised = ngx_palloc(r->pool,
                               n * sizeof(ngx_http_webhook_endpoint_t *));
    if (ctx->promised == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < ctx->nfired; i++) {
        t = f[i]->trigger;

        if (!ngx_http_webhook_promise_wanted(ctx, t)) {
            continue;
        }

        for (k = 0; k < t->nendpoints; k++) {
            ep = t->endpoints[k];

            if (ep->backlog.overflow != WH_OVERFLOW_REJECT) {
                continue;
            }

            if (ngx_http_webhook_store_promise(wmcf->worker->store, ep, 1,
                                               wmcf->max_event_size
                                               + NGX_HTTP_WEBHOOK_OVERHEAD)
                != NGX_OK)
            {
                ngx_http_webhook_unpromise(ctx);

                ngx_http_webhook_drop_log(r, f[i], &ep->name,
                                          NGX_HTTP_WEBHOOK_DROP_OVERFLOW);
                goto declined;
            }

            ctx->promised[ctx->npromised++] = ep;
        }
    }

    return NGX_OK;

declined:

    for (i = 0; i < ctx->nfired; i++) {
        if (!ngx_http_webhook_promise_wanted(ctx, f[i]->trigger)) {
            ngx_http_webhook_decide(f[i], NGX_HTTP_WEBHOOK_FILTERED);
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_webhook_unpromise(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ctx->npromised == 0) {
        return;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    while (ctx->npromised) {
        ngx_http_webhook_store_unpromise(wmcf->worker->store,
                                         ctx->promised[--ctx->npromised], 1,
                                         wmcf->max_event_size
                                         + NGX_HTTP_WEBHOOK_OVERHEAD);
    }
}


static ngx_uint_t
ngx_http_webhook_promise_wanted(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t)
{
    return !t->pattern && (t->methods == 0 || (t->methods & ctx->method));
}
