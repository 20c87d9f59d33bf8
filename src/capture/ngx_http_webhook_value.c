
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Values that were found in bodies: variables, and parts of events.
 */


#include "ngx_http_webhook_ctx.h"


static ngx_int_t ngx_http_webhook_value_get(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_value_t *value, ngx_http_webhook_captured_t *c);
static ngx_uint_t ngx_http_webhook_value_early(ngx_http_webhook_ctx_t *ctx,
    ngx_uint_t source);
static void ngx_http_webhook_value_raw(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_raw_t *raw, ngx_uint_t source);


ngx_int_t
ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_uint_t                    i, n;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t   c;

    v->not_found = 1;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || ctx->conf->values == NULL) {
        return NGX_OK;
    }

    value = ctx->conf->values->list.elts;
    n = ctx->conf->values->list.nelts;

    for (i = 0; i < n; i++) {
        if (value[i].index == (ngx_int_t) data) {
            break;
        }
    }

    if (i == n
        || ngx_http_webhook_value_get(ctx, &value[i], &c) != NGX_OK
        || c.kind == WH_JSON_NULL)
    {
        return NGX_OK;
    }

    p = c.text.data;

    if (ctx->element
        || (ctx->bodies[value[i].source]
            && ctx->bodies[value[i].source]->state
               == NGX_HTTP_WEBHOOK_BODY_READING))
    {
        /* the parser moves its values */

        p = ngx_pnalloc(r->pool, c.text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, c.text.data, c.text.len);
    }

    v->len = c.text.len;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* NGX_DECLINED: there is none that has a text or is null */

static ngx_int_t
ngx_http_webhook_value_get(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_value_t *value, ngx_http_webhook_captured_t *c)
{
    wh_json_t                *json;
    const wh_json_value_t    *jv;
    const wh_form_value_t    *fv;
    ngx_http_webhook_body_t  *body;

    if (ngx_http_webhook_value_early(ctx, value->source)) {
        return NGX_DECLINED;
    }

    body = ctx->bodies[value->source];

    if (value->form) {
        fv = body && body->fielded ? wh_form_value(body->fielded, value->slot)
                                   : NULL;

        if (fv == NULL || !fv->found) {
            return NGX_DECLINED;
        }

        c->name = value->name;
        c->kind = WH_JSON_STRING;
        c->text.len = fv->text.len;
        c->text.data = (u_char *) fv->text.data;

        return NGX_OK;
    }

    if (ctx->element && value->source == NGX_HTTP_WEBHOOK_REQUEST) {
        json = ctx->element;

    } else {
        json = body ? body->json : NULL;
    }

    if (json == NULL) {
        return NGX_DECLINED;
    }

    jv = wh_json_value(json, value->slot);

    switch (jv->kind) {

    case WH_JSON_NONE:
    case WH_JSON_OBJECT:
    case WH_JSON_ARRAY:
        return NGX_DECLINED;

    default:
        c->name = value->name;
        c->kind = jv->kind;
        c->text.len = jv->text.len;
        c->text.data = (u_char *) jv->text.data;

        return NGX_OK;
    }
}


ngx_int_t
ngx_http_webhook_value_collect(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt)
{
    ngx_uint_t                    i;
    ngx_array_t                  *list;
    ngx_http_webhook_raw_t       *raw;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t  *c;

    if (ctx->element == NULL && ngx_http_webhook_bodies_kept(ctx)) {

        raw = ngx_pcalloc(r->pool, 2 * sizeof(ngx_http_webhook_raw_t));
        if (raw == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < 2; i++) {
            ngx_http_webhook_value_raw(r, ctx, evt, &raw[i], i);
        }
    }

    if (ctx->conf->values == NULL
        || (ctx->bodies[0] == NULL
            && ctx->bodies[1] == NULL
            && ctx->element == NULL))
    {
        return NGX_OK;
    }

    list = &ctx->conf->values->list;
    value = list->elts;

    c = ngx_palloc(r->pool, list->nelts * sizeof(ngx_http_webhook_captured_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    evt->values = c;

    for (i = 0; i < list->nelts; i++) {
        if (ngx_http_webhook_value_get(ctx, &value[i], c) == NGX_OK) {
            c++;
            evt->nvalues++;
        }
    }

    return NGX_OK;
}


/*
 * An application may answer before the request is examined, or read: events of
 * the request are the same then.
 */

static ngx_uint_t
ngx_http_webhook_value_early(ngx_http_webhook_ctx_t *ctx, ngx_uint_t source)
{
    return ctx->asking && source == NGX_HTTP_WEBHOOK_RESPONSE;
}


static void
ngx_http_webhook_value_raw(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_raw_t *raw,
    ngx_uint_t source)
{
    ngx_http_webhook_body_t  *body;

    if (ngx_http_webhook_value_early(ctx, source)) {
        return;
    }

    body = ctx->bodies[source];

    if (body) {

        if (body->max_raw == 0 || !body->finished) {
            evt->large |= body->large << source;
            return;
        }

        raw->octets.len = body->raw.len;
        raw->octets.data = (u_char *) body->raw.data;

    } else if (!(ngx_http_webhook_bodies_kept(ctx) & (1 << source))
               || ctx->cut
               || (source == NGX_HTTP_WEBHOOK_REQUEST && !ctx->received)
               || (source == NGX_HTTP_WEBHOOK_RESPONSE && ctx->sent))
    {
        return;
    }

    if (ngx_http_webhook_bodies_encoding(r, ctx, source, &raw->encoding) > 1) {
        return;
    }

    if (source == NGX_HTTP_WEBHOOK_RESPONSE) {
        raw->type = r->headers_out.content_type;

    } else if (r->headers_in.content_type) {
        raw->type = r->headers_in.content_type->value;
    }

    evt->raw[source] = raw;
}
