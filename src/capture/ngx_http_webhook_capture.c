
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Which requests are captured, and by which triggers.
 */


#include "ngx_http_webhook_ctx.h"
#include "ngx_http_webhook_dry.h"


static void ngx_http_webhook_ctx_cleanup(void *data);
static ngx_int_t ngx_http_webhook_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_enter(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_precontent_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_reject(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_allowed_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_phase_first(ngx_http_core_main_conf_t *cmcf,
    ngx_uint_t phase, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_webhook_log_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_end(ngx_http_request_t *r);
static ngx_uint_t ngx_http_webhook_request_wanted(
    ngx_http_webhook_main_conf_t *wmcf);


ngx_http_webhook_ctx_t *
ngx_http_webhook_ctx_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_webhook_ctx_t  *ctx;

    if (ngx_http_webhook_is_delivery(r)) {
        return NULL;
    }

    /*
     * internal redirects clear the contexts of modules, the list of
     * cleanups stays
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_webhook_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_webhook_ctx_t *
ngx_http_webhook_ctx_create(ngx_http_request_t *r)
{
    ngx_uint_t               i;
    ngx_pool_cleanup_t      *cln;
    ngx_http_webhook_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_webhook_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;

    ngx_memzero(ctx, sizeof(ngx_http_webhook_ctx_t));

    ctx->request = r;
    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    ctx->method = r->method;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        ctx->stages[i].ctx = ctx;
        ctx->stages[i].on = i;
        ctx->stages[i].decided = 1;
    }

    cln->handler = ngx_http_webhook_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);

    if (ngx_http_webhook_ctx_arm(r, ctx) != NGX_OK) {
        return NULL;
    }

    return ctx;
}


ngx_int_t
ngx_http_webhook_ctx_arm(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                     i, n;
    ngx_http_webhook_fired_t      *f, **fired;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_loc_conf_t   *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (ctx->triggers || wlcf->triggers == NULL) {
        return NGX_OK;
    }

    ctx->triggers = wlcf->triggers;

    /* what is posted to "webhook_accept" fires, not the request */

    n = wlcf->accept ? 0 : wlcf->triggers->nelts;

    if (n == 0) {
        return NGX_OK;
    }

    fired = ngx_palloc(r->pool, n * sizeof(ngx_http_webhook_fired_t *));
    f = ngx_pcalloc(r->pool, n * sizeof(ngx_http_webhook_fired_t));

    if (fired == NULL || f == NULL) {
        return NGX_ERROR;
    }

    t = wlcf->triggers->elts;

    for (i = 0; i < n; i++) {
        f[i].trigger = t[i];
        f[i].on = t[i]->on;
        f[i].type = t[i]->event;
        f[i].result = NGX_HTTP_WEBHOOK_UNDECIDED;

        fired[i] = &f[i];

        ctx->stages[t[i]->on].decided = 0;
    }

    ctx->fired = fired;
    ctx->nfired = n;

    ngx_http_webhook_hops_limit(ctx);

    return NGX_OK;
}


static void
ngx_http_webhook_ctx_cleanup(void *data)
{
    ngx_uint_t               i;
    ngx_http_webhook_ctx_t  *ctx = data;

    ngx_http_webhook_forget(ctx);
    ngx_http_webhook_unreserve(ctx);
    ngx_http_webhook_unpromise(ctx);
    ngx_http_webhook_hold_drop(ctx);

    if (ctx->accept) {
        ngx_http_webhook_accept_drop(ctx);
    }

    for (i = 0; i < 2; i++) {
        if (ctx->bodies[i]) {
            ngx_http_webhook_body_destroy(ctx->bodies[i]);
            ctx->bodies[i] = NULL;
        }
    }

    if (ctx->gone) {
        *ctx->gone = 1;
    }
}


static ngx_int_t
ngx_http_webhook_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (!wlcf->enters && !r->post_action) {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_enter(r);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_enter(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_webhook_ctx(r);

    if (r->post_action) {

        if (ctx) {
            /* the response ended, nothing of it will be sent any more */
            ngx_http_webhook_hold_drop(ctx);
        }

        return NGX_DECLINED;
    }

    if (ctx) {
        return ngx_http_webhook_ctx_arm(r, ctx) == NGX_OK ? NGX_DECLINED
                                                          : NGX_ERROR;
    }

    if (ngx_http_webhook_is_delivery(r)) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_webhook_ctx_create(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (r->request_body && !r->internal) {
        /* it was read before the location was known, nobody used it yet */
        ngx_http_webhook_bodies_parse(r, ctx, r->request_body->bufs);

        if (r->request_body->rest == 0 && !ctx->received) {
            ngx_http_webhook_bodies_received(r, ctx);
        }
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

    if (ctx == NULL) {
        return NGX_DECLINED;
    }

    /*
     * An error page is not what was asked for; if the request was let through
     * before, there is a place for it.
     */

    if (ctx->reserved
        || ctx->promised
        || r->error_page
        || (ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided
            && ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].decided))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_webhook_promise(r, ctx) != NGX_OK) {
        return ngx_http_webhook_reject(r, ctx);
    }

    if (ngx_http_webhook_reserve(r, ctx) != NGX_OK) {
        ngx_http_webhook_unpromise(ctx);
        return ngx_http_webhook_reject(r, ctx);
    }

    return NGX_DECLINED;
}


/* the last one of its phase: "try_files" leads to other access control */

static ngx_int_t
ngx_http_webhook_allowed_handler(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t  *ctx;

    if (r != r->main || r->post_action) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || r->error_page) {
        return NGX_DECLINED;
    }

    ctx->allowed = 1;

    if (r->headers_in.content_length_n <= 0 && !r->headers_in.chunked) {
        ctx->received = 1;
    }

    ngx_http_webhook_commit_request(r, ctx);

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_reject(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        ctx->stages[i].decided = 1;

        ngx_http_webhook_settle(&ctx->stages[i], NGX_HTTP_WEBHOOK_REJECTED);
    }

    if (ngx_http_webhook_retry_after(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


ngx_int_t
ngx_http_webhook_retry_after(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_webhook_header_init(h);
    ngx_str_set(&h->key, "Retry-After");
    ngx_str_set(&h->value, "5");

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_log_handler(ngx_http_request_t *r)
{
    if (ngx_http_webhook_is_bare(r)) {
        return NGX_OK;
    }

    return ngx_http_webhook_end(r);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_end(ngx_http_request_t *r)
{
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_stage_t  *stage;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || r != r->main) {
        return NGX_OK;
    }

    stage = &ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST];

    if ((!stage->decided && ctx->allowed && ctx->received)
        || (!ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided
            && ctx->status))
    {
        /* what is left is examined at once, as an event is made of it */
        ngx_http_webhook_bodies_cut(ctx);
    }

    ngx_http_webhook_commit_request(r, ctx);

    if (!stage->decided) {
        /* it was answered, or left, before it was received */
        stage->decided = 1;
        ngx_http_webhook_settle(stage, NGX_HTTP_WEBHOOK_FILTERED);
    }

    if (!ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided) {
        ctx->cut = 1;

        if (ctx->status) {
            (void) ngx_http_webhook_commit(r, ctx,
                                           NGX_HTTP_WEBHOOK_ON_RESPONSE);
        }
    }

    ngx_http_webhook_forget(ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_capture_init(ngx_conf_t *cf)
{
    ngx_uint_t                     requests;
    ngx_http_handler_pt           *h;
    ngx_http_core_main_conf_t     *cmcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    requests = ngx_http_webhook_request_wanted(wmcf);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_webhook_preaccess_handler;

    if (ngx_http_webhook_store_rejects(wmcf->store)
        || ngx_http_webhook_promise_rejects(wmcf))
    {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_PRECONTENT_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_webhook_precontent_handler;
    }

    if (requests
        && ngx_http_webhook_phase_first(cmcf, NGX_HTTP_PRECONTENT_PHASE,
                                        ngx_http_webhook_allowed_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the first one, so that access_log knows the results */

    if (ngx_http_webhook_phase_first(cmcf, NGX_HTTP_LOG_PHASE,
                                     ngx_http_webhook_log_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (requests || wmcf->reads) {
        ngx_http_webhook_bodies_init();
    }

    ngx_http_webhook_hold_init();

    return NGX_OK;
}


/* some trigger needs the request to be received, or a payload its body */

static ngx_uint_t
ngx_http_webhook_request_wanted(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                    i;
    ngx_http_webhook_trigger_t  **t;

    t = wmcf->triggers.elts;

    for (i = 0; i < wmcf->triggers.nelts; i++) {

        if (t[i]->on == NGX_HTTP_WEBHOOK_ON_REQUEST
            || (t[i]->bodies & (1 << NGX_HTTP_WEBHOOK_REQUEST)))
        {
            return 1;
        }
    }

    return 0;
}


/* handlers of the log phase run in order, those of others from the last on */

static ngx_int_t
ngx_http_webhook_phase_first(ngx_http_core_main_conf_t *cmcf,
    ngx_uint_t phase, ngx_http_handler_pt handler)
{
    ngx_array_t          *a;
    ngx_http_handler_pt  *h;

    a = &cmcf->phases[phase].handlers;

    if (ngx_array_push(a) == NULL) {
        return NGX_ERROR;
    }

    h = a->elts;

    ngx_memmove(h + 1, h, (a->nelts - 1) * sizeof(ngx_http_handler_pt));

    *h = handler;

    return NGX_OK;
}


char *
ngx_http_webhook_capture_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf)
{
    ngx_uint_t                      i;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_webhook_trigger_t    **t;
    ngx_http_webhook_main_conf_t   *wmcf;

    if (conf->triggers == NULL) {
        conf->triggers = prev->triggers;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (prev->accept && !conf->accept && clcf->noname) {

        /* "if", or "limit_except", which has no handler of its own */

        conf->accept = 1;
        conf->accept_file = prev->accept_file;
        conf->accept_line = prev->accept_line;

        if (clcf->handler == NULL) {
            clcf->handler = ngx_http_webhook_accept_handler;
        }
    }

    if (ngx_http_webhook_value_merge(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->accept && clcf->handler != ngx_http_webhook_accept_handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_accept\" must be the only directive that "
                      "answers, as \"proxy_pass\" does, in %s:%ui",
                      conf->accept_file, conf->accept_line);
        return NGX_CONF_ERROR;
    }

    if (conf->accept
        && (conf->triggers == NULL || conf->triggers->nelts == 0))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_accept\" must come with \"webhook\" in its "
                      "location or around it in %s:%ui",
                      conf->accept_file, conf->accept_line);
        return NGX_CONF_ERROR;
    }

    if (conf->triggers && conf->triggers->nelts && !clcf->noname
        && ngx_http_webhook_dry_scope(cf, clcf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    conf->enters = (conf->triggers || (conf->capture && conf->values));

    if (conf->accept && conf->triggers) {
        t = conf->triggers->elts;

        for (i = 0; i < conf->triggers->nelts; i++) {
            t[i]->accepted = 1;
        }
    }

    if (conf->enters) {
        wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);
        wmcf->enters = 1;

        if (conf->values
            && (conf->values->pointers[NGX_HTTP_WEBHOOK_REQUEST]
                || conf->values->nfields))
        {
            wmcf->reads = 1;
        }
    }

    return NGX_CONF_OK;
}
