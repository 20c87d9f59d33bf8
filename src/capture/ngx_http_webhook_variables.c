
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables about the events of a request, for add_header and log_format.
 */


#include "ngx_http_webhook_ctx.h"


static ngx_int_t ngx_http_webhook_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_event_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_result_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_list_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_str_t *words, ngx_uint_t n);
static ngx_int_t ngx_http_webhook_complete_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_body_state_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_webhook_variables[] = {

    { ngx_string("webhook_id"), NULL, ngx_http_webhook_id_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_event"), NULL, ngx_http_webhook_event_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_result"), NULL, ngx_http_webhook_result_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_complete"), NULL,
      ngx_http_webhook_complete_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("webhook_request_body_state"), NULL,
      ngx_http_webhook_body_state_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

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


static ngx_int_t
ngx_http_webhook_id_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                words[NGX_HTTP_WEBHOOK_MAX_TRIGGERS];
    ngx_uint_t               i, n;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);
    n = ctx ? ctx->conf->triggers->nelts : 0;

    for (i = 0; i < n; i++) {
        words[i].len = NGX_HTTP_WEBHOOK_ID_LEN;
        words[i].data = ngx_http_webhook_event_id(ctx, i);
    }

    return ngx_http_webhook_list_variable(r, v, words, n);
}


static ngx_int_t
ngx_http_webhook_event_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                     words[NGX_HTTP_WEBHOOK_MAX_TRIGGERS];
    ngx_uint_t                    i, n;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_trigger_t  **t;

    ctx = ngx_http_webhook_ctx(r);
    n = ctx ? ctx->conf->triggers->nelts : 0;

    if (n) {
        t = ctx->conf->triggers->elts;

        for (i = 0; i < n; i++) {
            words[i] = t[i]->event;
        }
    }

    return ngx_http_webhook_list_variable(r, v, words, n);
}


static ngx_int_t
ngx_http_webhook_result_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                words[NGX_HTTP_WEBHOOK_MAX_TRIGGERS];
    ngx_uint_t               i, n;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);
    n = ctx ? ctx->conf->triggers->nelts : 0;

    for (i = 0; i < n; i++) {

        if (ctx->fired[i].result == NGX_HTTP_WEBHOOK_UNDECIDED) {
            n = 0;
            break;
        }

        words[i].data = (u_char *)
                           ngx_http_webhook_result_name(ctx->fired[i].result);
        words[i].len = ngx_strlen(words[i].data);
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

    if (n == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

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

    if (ctx == NULL || ctx->conf->triggers->nelts == 0) {
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
    ngx_str_t               *state;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);

    state = &ngx_http_webhook_body_states[ctx ? ctx->body
                                              : NGX_HTTP_WEBHOOK_BODY_NONE];

    v->len = state->len;
    v->data = state->data;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}
