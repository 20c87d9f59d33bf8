
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * An element of what was posted to "webhook_accept".
 */


#include "ngx_http_webhook_accept.h"


static ngx_int_t ngx_http_webhook_accept_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element, wh_json_t **json,
    ngx_http_webhook_refusal_t *why);
static ngx_int_t ngx_http_webhook_accept_fire(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_refusal_t *why);
static ngx_http_webhook_fired_t *ngx_http_webhook_accept_fired(
    ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t, ngx_http_webhook_event_t *evt);


ngx_int_t
ngx_http_webhook_accept_element(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element,
    ngx_http_webhook_refusal_t *why)
{
    ngx_int_t                  rc;
    wh_json_t                 *json;
    const wh_json_value_t     *jv;
    ngx_http_webhook_event_t   evt;

    rc = ngx_http_webhook_accept_parse(r, ctx, element, &json, why);

    if (rc != NGX_OK) {
        wh_json_destroy(json);
        return rc;
    }

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));

    evt.time = ctx->accept->batch.now;
    evt.hops = ctx->hops;

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_TYPE);

    evt.type.len = jv->text.len;
    evt.type.data = (u_char *) jv->text.data;

    if (jv->kind != WH_JSON_STRING
        || ngx_http_webhook_event_ok(&evt.type, 0) != NGX_OK)
    {
        why->text = "the type must be a string of 1 to 128 octets of labels "
                    "of letters, digits and \"_\", joined by \".\"";
        why->member = "/type";
        goto refuse;
    }

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_ID);

    if (jv->kind != WH_JSON_NONE || jv->truncated) {
        evt.id.len = jv->text.len;
        evt.id.data = (u_char *) jv->text.data;

        if (jv->kind != WH_JSON_STRING || !ngx_http_webhook_id_ok(&evt.id)) {
            why->text = "the id must be a string of 1 to 128 of A-Z, a-z, "
                        "0-9, \"_\" and \"-\"";
            why->member = "/id";
            goto refuse;
        }
    }

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_DATA);

    evt.data.len = jv->text.len;
    evt.data.data = (u_char *) jv->text.data;

    if (jv->truncated) {
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the values of the event are larger than twice "
                    "\"webhook_max_event_size\"";
        wh_json_destroy(json);
        return NGX_ERROR;
    }

    if (jv->kind == WH_JSON_NONE) {
        ngx_str_set(&evt.data, "null");
    }

    ctx->element = json;
    ctx->accept->raw.octets.len = element->len;
    ctx->accept->raw.octets.data = (u_char *) element->data;

    rc = ngx_http_webhook_accept_fire(r, ctx, &evt, why);

    ctx->element = NULL;

    wh_json_destroy(json);

    return rc;

refuse:

    why->status = NGX_HTTP_BAD_REQUEST;

    wh_json_destroy(json);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_accept_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element, wh_json_t **json,
    ngx_http_webhook_refusal_t *why)
{
    int                            rc;
    wh_alloc_t                mem;
    ngx_http_webhook_main_conf_t  *wmcf;

    *json = NULL;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    why->member = "";

    if (element->len > wmcf->max_event_size) {
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event is larger than \"webhook_max_event_size\"";
        return NGX_ERROR;
    }

    ngx_http_webhook_body_memory(ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST], &mem);

    /* no value is longer than the element, but several may be the same */

    *json = wh_json_create(
                       ctx->conf->values->pointers[NGX_HTTP_WEBHOOK_REQUEST],
                       2 * wmcf->max_event_size, &mem);

    rc = *json ? wh_json_feed(*json, element->data, element->len) : WH_NOMEM;

    if (rc == WH_OK) {
        rc = wh_json_finish(*json);
    }

    if (rc == WH_NOMEM) {
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "there is no memory for more events";
        return NGX_ERROR;
    }

    why->status = NGX_HTTP_BAD_REQUEST;

    if (rc != WH_OK) {
        why->text = "the event is not JSON in UTF-8, or too deep";
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_accept_fire(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_refusal_t *why)
{
    ngx_int_t                     rc;
    ngx_str_t                    *id;
    ngx_uint_t                    i, n;
    ngx_http_webhook_fired_t     *f, *first;
    ngx_http_webhook_accept_t    *a;
    ngx_http_webhook_trigger_t  **t;

    a = ctx->accept;

    if (ngx_http_webhook_value_collect(r, ctx, evt) != NGX_OK) {
        goto failed;
    }

    evt->raw[NGX_HTTP_WEBHOOK_REQUEST] = &a->raw;

    first = NULL;
    t = ctx->triggers->elts;
    n = ctx->triggers->nelts;

    for (i = 0; i < n; i++) {

        if (!ngx_http_webhook_event_matches(&t[i]->event, &evt->type)) {
            continue;
        }

        f = ngx_http_webhook_accept_fired(r, ctx, t[i], evt);
        if (f == NULL) {
            goto failed;
        }

        if (first) {
            /* one event, one id */
            f->id = first->id;
            f->fixed = 1;
            f->given = first->given;

        } else {
            (void) ngx_http_webhook_event_id(r, f, 1);
            first = f;
        }

        if (ctx->hops < a->batch.main->max_hops) {
            rc = ngx_http_webhook_condition_test(r, t[i]);

        } else {
            /* the application passes on what it was sent */
            rc = NGX_DECLINED;
        }

        if (rc == NGX_ERROR) {
            goto failed;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        ngx_http_webhook_batch_add(&a->batch, evt, f);

        if (a->batch.buf->len > a->max_record) {
            a->batch.failed = NGX_HTTP_WEBHOOK_DROP_RECORD;
        }

        if (a->batch.failed) {
            ngx_http_webhook_accept_failed(ctx, why);
            return NGX_ERROR;
        }
    }

    if (first == NULL) {
        why->status = NGX_HTTP_BAD_REQUEST;
        why->text = "no event of this type is accepted here";
        why->member = "/type";
        return NGX_ERROR;
    }

    id = ngx_array_push(&a->ids);
    if (id == NULL) {
        goto failed;
    }

    *id = first->id;

    return NGX_OK;

failed:

    why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    why->text = "there is no memory";
    why->member = "";

    return NGX_ERROR;
}


static ngx_http_webhook_fired_t *
ngx_http_webhook_accept_fired(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_trigger_t *t,
    ngx_http_webhook_event_t *evt)
{
    ngx_http_webhook_fired_t   *f, **fp;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_fired_t));
    if (f == NULL) {
        return NULL;
    }

    f->trigger = t;
    f->on = NGX_HTTP_WEBHOOK_ON_RESPONSE;
    f->result = NGX_HTTP_WEBHOOK_UNDECIDED;

    f->type.len = evt->type.len;
    f->type.data = ngx_pstrdup(r->pool, &evt->type);
    if (f->type.data == NULL) {
        return NULL;
    }

    if (evt->id.len) {
        f->id.len = evt->id.len;
        f->id.data = ngx_pstrdup(r->pool, &evt->id);
        if (f->id.data == NULL) {
            return NULL;
        }

        f->fixed = 1;
        f->given = 1;
    }

    fp = ngx_array_push(&a->fired);
    if (fp == NULL) {
        return NULL;
    }

    *fp = f;

    ctx->fired = a->fired.elts;
    ctx->nfired = a->fired.nelts;

    return f;
}
