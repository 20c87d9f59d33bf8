
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables about the events of a request, for add_header and log_format.
 */


#include "ngx_http_webhook_ctx.h"
#include "ngx_http_webhook_log.h"


#define NGX_HTTP_WEBHOOK_VARIABLE_ID      0
#define NGX_HTTP_WEBHOOK_VARIABLE_EVENT   1
#define NGX_HTTP_WEBHOOK_VARIABLE_RESULT  2


static ngx_int_t ngx_http_webhook_fired_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_list_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *words, ngx_uint_t n);
static ngx_int_t ngx_http_webhook_complete_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_body_state_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_webhook_variables[] = {

    { ngx_string("webhook_id"), NULL, ngx_http_webhook_fired_variable,
      NGX_HTTP_WEBHOOK_VARIABLE_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_event"), NULL, ngx_http_webhook_fired_variable,
      NGX_HTTP_WEBHOOK_VARIABLE_EVENT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_result"), NULL, ngx_http_webhook_fired_variable,
      NGX_HTTP_WEBHOOK_VARIABLE_RESULT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_complete"), NULL,
      ngx_http_webhook_complete_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_request_body_state"), NULL,
      ngx_http_webhook_body_state_variable, NGX_HTTP_WEBHOOK_REQUEST,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_response_body_state"), NULL,
      ngx_http_webhook_body_state_variable, NGX_HTTP_WEBHOOK_RESPONSE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    /* texts that are sent have these by themselves */

    { ngx_string("webhook_attempt"), NULL, ngx_http_webhook_log_variable,
      NGX_HTTP_WEBHOOK_LOG_ATTEMPT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_retry"), NULL, ngx_http_webhook_log_variable,
      NGX_HTTP_WEBHOOK_LOG_RETRY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_attempt_time"), NULL, ngx_http_webhook_log_variable,
      NGX_HTTP_WEBHOOK_LOG_TIME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_webhook_body_states[] = {
    ngx_string("none"),
    ngx_string("truncated"),    /* it was not read to its end */
    ngx_string("complete"),
    ngx_string("truncated"),
    ngx_string("invalid"),
    ngx_string("encoded")
};


ngx_int_t
ngx_http_webhook_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_webhook_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* of what fires, in order; an empty word: there is no list */

static ngx_int_t
ngx_http_webhook_fired_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                 *words;
    ngx_uint_t                 i, n;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_fired_t **f;

    v->not_found = 1;

    if (ngx_http_webhook_is_delivery(r)
        && data != NGX_HTTP_WEBHOOK_VARIABLE_RESULT)
    {
        return ngx_http_webhook_log_variable(r, v,
                                     data == NGX_HTTP_WEBHOOK_VARIABLE_ID
                                     ? NGX_HTTP_WEBHOOK_LOG_ID
                                     : NGX_HTTP_WEBHOOK_LOG_EVENT);
    }

    ctx = ngx_http_webhook_ctx(r);
    n = ctx ? ctx->nfired : 0;

    if (n == 0) {
        return NGX_OK;
    }

    if (data == NGX_HTTP_WEBHOOK_VARIABLE_ID && ctx->listing) {

        /* "id=" depends on it, maybe that of many triggers */

        return NGX_OK;
    }

    words = ngx_palloc(r->pool, n * sizeof(ngx_str_t));
    if (words == NULL) {
        return NGX_ERROR;
    }

    f = ctx->fired;

    for (i = 0; i < n; i++) {

        switch (data) {

        case NGX_HTTP_WEBHOOK_VARIABLE_ID:
            ctx->listing = 1;
            words[i] = *ngx_http_webhook_event_id(ctx->request, f[i], 0);
            ctx->listing = 0;
            break;

        case NGX_HTTP_WEBHOOK_VARIABLE_EVENT:
            words[i] = f[i]->type;
            break;

        default: /* NGX_HTTP_WEBHOOK_VARIABLE_RESULT */

            if (f[i]->result == NGX_HTTP_WEBHOOK_UNDECIDED) {
                return NGX_OK;
            }

            words[i].data = (u_char *)
                                   ngx_http_webhook_result_name(f[i]->result);
            words[i].len = ngx_strlen(words[i].data);
            break;
        }
    }

    return ngx_http_webhook_list_variable(r, v, words, n);
}


static ngx_int_t
ngx_http_webhook_list_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *words, ngx_uint_t n)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    len = n - 1;

    for (i = 0; i < n; i++) {
        len += words[i].len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = len;
    v->data = p;

    for (i = 0; i < n; i++) {

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_complete_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || ctx->nfired == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = 1;
    v->data = (u_char *) (ctx->cut ? "0" : "1");
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_body_state_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                *state;
    ngx_http_webhook_ctx_t   *ctx;
    ngx_http_webhook_body_t  *body;

    ctx = ngx_http_webhook_ctx(r);
    body = ctx ? ctx->bodies[data] : NULL;

    state = &ngx_http_webhook_body_states[body ? body->state
                                               : NGX_HTTP_WEBHOOK_BODY_NONE];

    v->len = state->len;
    v->data = state->data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}
