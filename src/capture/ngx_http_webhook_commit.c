
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From a request, or its complete response, to committed events.
 */


#include "ngx_http_webhook_batch.h"
#include "ngx_http_webhook_meter.h"
#include "ngx_http_webhook_random.h"
#include "wh_id.h"


static ngx_int_t ngx_http_webhook_matches(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_trigger_t *t);
static ngx_int_t ngx_http_webhook_fire(ngx_http_webhook_batch_t *b);
static ngx_int_t ngx_http_webhook_event_id_given(ngx_http_request_t *r,
    ngx_http_webhook_text_t *text, ngx_str_t *id);


ngx_int_t
ngx_http_webhook_commit(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on)
{
    uint64_t                   since;
    ngx_int_t                  rc;
    ngx_uint_t                 i, n;
    ngx_http_webhook_batch_t   b;
    ngx_http_webhook_fired_t **f;

    ctx->stages[on].decided = 1;
    ctx->asking = (on == NGX_HTTP_WEBHOOK_ON_REQUEST);

    n = 0;
    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {

        if (f[i]->on != on) {
            continue;
        }

        rc = ngx_http_webhook_matches(r, ctx, f[i]->trigger);

        if (rc == NGX_OK) {
            n++;
            continue;
        }

        if (rc == NGX_DECLINED) {
            ngx_http_webhook_decide(f[i], NGX_HTTP_WEBHOOK_FILTERED);
            continue;
        }

        ngx_http_webhook_drop_log(r, f[i], NULL,
                                  NGX_HTTP_WEBHOOK_DROP_FAILED);
        ngx_http_webhook_decide(f[i], NGX_HTTP_WEBHOOK_DROPPED);
    }

    rc = NGX_OK;

    if (n) {
        since = ngx_http_webhook_meter_now();

        rc = ngx_http_webhook_batch_init(&b, r, &ctx->stages[on]);

        if (rc == NGX_OK) {
            rc = ngx_http_webhook_fire(&b);
            ngx_http_webhook_meter_held(b.main, since);
        }
    }

    ctx->asking = 0;

    if (ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided
        && ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].decided)
    {
        ngx_http_webhook_unreserve(ctx);
        ngx_http_webhook_unpromise(ctx);
    }

    if (rc == NGX_OK || rc == NGX_AGAIN) {
        return rc;
    }

    ngx_http_webhook_batch_drop(&b);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_matches(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t)
{
    if (t->pattern) {
        /* it is for "webhook_accept" only */
        return NGX_DECLINED;
    }

    if (t->on == NGX_HTTP_WEBHOOK_ON_RESPONSE
        && !ngx_http_webhook_statuses_has(&t->status, ctx->status))
    {
        return NGX_DECLINED;
    }

    if (t->methods && !(t->methods & ctx->method)) {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_condition_test(r, t);
}


ngx_int_t
ngx_http_webhook_condition_test(ngx_http_request_t *r,
    ngx_http_webhook_trigger_t *t)
{
    ngx_str_t  cond;

    if (t->condition == NULL) {
        return NGX_OK;
    }

    if (ngx_http_webhook_text_value(r, NULL, t->condition, &cond) != NGX_OK) {
        return NGX_ERROR;
    }

    if (cond.len == 0 || (cond.len == 1 && cond.data[0] == '0')) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_fire(ngx_http_webhook_batch_t *b)
{
    ngx_uint_t                 i;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_event_t   evt;
    ngx_http_webhook_fired_t **f;

    ctx = b->stage->ctx;

    if (ngx_http_webhook_bodies_starved(ctx, b->stage->on)) {
        b->failed = NGX_HTTP_WEBHOOK_DROP_MEMORY;
        return NGX_DECLINED;
    }

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));

    evt.time = b->now;
    evt.hops = ctx->hops;

    if (b->stage->on == NGX_HTTP_WEBHOOK_ON_RESPONSE) {
        evt.status = ctx->status;
    }

    if (ngx_http_webhook_value_collect(b->request, ctx, &evt) != NGX_OK) {
        b->failed = NGX_HTTP_WEBHOOK_DROP_FAILED;
        return NGX_ERROR;
    }

    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {

        if (f[i]->on == b->stage->on
            && f[i]->result == NGX_HTTP_WEBHOOK_UNDECIDED)
        {
            ngx_http_webhook_batch_add(b, &evt, f[i]);
        }
    }

    return ngx_http_webhook_batch_commit(b);
}


void
ngx_http_webhook_commit_request(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    if (ctx->stages[NGX_HTTP_WEBHOOK_ON_REQUEST].decided
        || !ctx->allowed
        || !ctx->received
        || ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_REQUEST))
    {
        return;
    }

    (void) ngx_http_webhook_commit(r, ctx, NGX_HTTP_WEBHOOK_ON_REQUEST);
}


/* the examination of a body has come to its end */

void
ngx_http_webhook_examined(void *data)
{
    ngx_http_webhook_ctx_t *ctx = data;

    ngx_http_webhook_stage_t  *stage;

    if (ctx->accept) {
        ngx_http_webhook_accept_go_on(ctx);
        return;
    }

    ngx_http_webhook_commit_request(ctx->request, ctx);

    stage = &ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE];

    if (!ctx->holding
        || ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_RESPONSE))
    {
        return;
    }

    if (!stage->decided) {
        (void) ngx_http_webhook_commit(ctx->request, ctx,
                                       NGX_HTTP_WEBHOOK_ON_RESPONSE);
    }

    ngx_http_webhook_hold_resume(ctx);
}


void
ngx_http_webhook_committed(void *data, ngx_int_t rc)
{
    ngx_http_webhook_stage_t *stage = data;

    ngx_http_webhook_meter_committed(
        ngx_http_get_module_main_conf(stage->ctx->request,
                                      ngx_http_webhook_module),
        stage->since);

    stage->waiting = 0;
    stage->ticket = NULL;

    ngx_http_webhook_settle(stage, rc == NGX_OK ? NGX_HTTP_WEBHOOK_COMMITTED
                                                : NGX_HTTP_WEBHOOK_LATE);

    if (stage->ctx->accept) {
        ngx_http_webhook_accept_go_on(stage->ctx);
        return;
    }

    ngx_http_webhook_hold_resume(stage->ctx);
}


void
ngx_http_webhook_settle(ngx_http_webhook_stage_t *stage,
    ngx_http_webhook_result_e result)
{
    ngx_uint_t                 i;
    ngx_http_request_t        *r;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_fired_t **f;

    ctx = stage->ctx;
    r = ctx->request;
    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {

        if (f[i]->on != stage->on
            || f[i]->result != NGX_HTTP_WEBHOOK_UNDECIDED)
        {
            continue;
        }

        if (result == NGX_HTTP_WEBHOOK_LATE) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "webhook event \"%V\" %V is committed late",
                          &f[i]->type,
                          ngx_http_webhook_event_id(r, f[i], 1));
        }

        ngx_http_webhook_decide(f[i], result);
    }
}


void
ngx_http_webhook_decide(ngx_http_webhook_fired_t *f,
    ngx_http_webhook_result_e result)
{
    f->result = result;

    (void) ngx_atomic_fetch_add(&f->trigger->results[result], 1);
}


void
ngx_http_webhook_forget(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_webhook_stage_t  *stage;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        stage = &ctx->stages[i];

        if (!stage->waiting) {
            continue;
        }

        stage->waiting = 0;

        ngx_http_webhook_store_forget(stage->ticket);
        stage->ticket = NULL;

        ngx_http_webhook_settle(stage, NGX_HTTP_WEBHOOK_COMMITTED);
    }
}


void
ngx_http_webhook_late(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                 i;
    ngx_http_webhook_stage_t  *stage;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        stage = &ctx->stages[i];

        if (stage->waiting) {
            ngx_http_webhook_store_late(stage->ticket);
            ngx_http_webhook_settle(stage, NGX_HTTP_WEBHOOK_LATE);
        }
    }
}


ngx_int_t
ngx_http_webhook_reserve(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    size_t                         size;
    ngx_uint_t                     i, n, first;
    ngx_http_webhook_fired_t     **f;
    ngx_http_webhook_trigger_t    *t;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->worker == NULL
        || wmcf->worker->store == NULL
        || !ngx_http_webhook_store_rejects(wmcf->store))
    {
        return NGX_OK;
    }

    n = 0;
    first = 0;
    f = ctx->fired;

    for (i = 0; i < ctx->nfired; i++) {
        t = f[i]->trigger;

        if (t->pattern || (t->methods && !(t->methods & ctx->method))) {
            continue;
        }

        if (n == 0) {
            first = i;
        }

        n += t->nendpoints + t->nvariables;
    }

    if (n == 0) {
        return NGX_OK;
    }

    size = n * (wmcf->max_event_size + NGX_HTTP_WEBHOOK_OVERHEAD);

    if (ngx_http_webhook_store_reserve(wmcf->worker->store, size) == NGX_OK) {
        ctx->reserved = size;
        return NGX_OK;
    }

    for (i = 0; i < ctx->nfired; i++) {
        t = f[i]->trigger;

        if (t->pattern || (t->methods && !(t->methods & ctx->method))) {
            ngx_http_webhook_decide(f[i], NGX_HTTP_WEBHOOK_FILTERED);
        }
    }

    ngx_http_webhook_drop_log(r, f[first], NULL,
                              NGX_HTTP_WEBHOOK_DROP_REJECTED);

    return NGX_DECLINED;
}


void
ngx_http_webhook_unreserve(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ctx->reserved == 0) {
        return;
    }

    wmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_webhook_module);

    ngx_http_webhook_store_unreserve(wmcf->worker->store, ctx->reserved);

    ctx->reserved = 0;
}


ngx_str_t *
ngx_http_webhook_event_id(ngx_http_request_t *r, ngx_http_webhook_fired_t *f,
    ngx_uint_t fixed)
{
    u_char                         rnd[10];
    ngx_int_t                      rc;
    ngx_http_webhook_main_conf_t  *wmcf;

    if (f->fixed) {
        return &f->id;
    }

    if (f->trigger->id) {
        rc = ngx_http_webhook_event_id_given(r, f->trigger->id, &f->id);

        if (rc == NGX_OK) {
            f->fixed = fixed;
            f->given = 1;

            return &f->id;
        }

        if (fixed && rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "webhook event \"%V\" has no usable \"id=\", it "
                          "must be 1 to %d of A-Z, a-z, 0-9, \"_\" and "
                          "\"-\", another is given",
                          &f->type, NGX_HTTP_WEBHOOK_MAX_ID);

        } else if (fixed) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "webhook event \"%V\" has no \"id=\", a variable "
                          "of it has no value, another is given", &f->type);
        }

    } else {
        fixed = 1;
    }

    f->fixed = fixed;
    f->given = 0;

    if (f->uuid[0] == '\0') {
        wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

        ngx_http_webhook_random(wmcf->worker, rnd, sizeof(rnd));

        wh_uuid7((char *) f->uuid, ngx_http_webhook_now(), rnd);
    }

    f->id.len = NGX_HTTP_WEBHOOK_UUID_LEN;
    f->id.data = f->uuid;

    return &f->id;
}


/* NGX_DECLINED: it is not usable, as it is now */

static ngx_int_t
ngx_http_webhook_event_id_given(ngx_http_request_t *r,
    ngx_http_webhook_text_t *text, ngx_str_t *id)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   given;

    /*
     * Without the value of a variable different events would have the literal
     * part as their id, and all but the first of them would be duplicates.
     */

    rc = ngx_http_webhook_text_get(r, NULL, text, NGX_HTTP_WEBHOOK_MAX_ID,
                                   &given);

    if (rc == NGX_DECLINED) {
        return NGX_DONE;
    }

    if (rc != NGX_OK || !ngx_http_webhook_id_ok(&given)) {
        return NGX_DECLINED;
    }

    p = ngx_pstrdup(r->pool, &given);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    id->len = given.len;
    id->data = p;

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_id_ok(ngx_str_t *id)
{
    u_char  ch;
    size_t  i;

    if (id->len == 0 || id->len > NGX_HTTP_WEBHOOK_MAX_ID) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (ch != '_' && ch != '-'
            && (ch < '0' || ch > '9')
            && ((ch | 0x20) < 'a' || (ch | 0x20) > 'z'))
        {
            return 0;
        }
    }

    return 1;
}
