
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables of attempts.  Requests of clients have none of them.
 */


#include "ngx_http_webhook_log.h"
#include "ngx_http_webhook_record.h"
#include "wh_id.h"


static ngx_int_t ngx_http_webhook_log_text(ngx_http_variable_value_t *v,
    ngx_str_t *text);
static ngx_int_t ngx_http_webhook_log_constant(ngx_http_variable_value_t *v,
    char *text);
static ngx_int_t ngx_http_webhook_log_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, off_t n);
static ngx_int_t ngx_http_webhook_log_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t ms);
static ngx_int_t ngx_http_webhook_log_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t ms);
static ngx_int_t ngx_http_webhook_log_url(ngx_http_variable_value_t *v,
    ngx_http_webhook_attempt_t *a);


/* octets of wh_time_iso() */
#define NGX_HTTP_WEBHOOK_LOG_ISO  24


static ngx_http_variable_t  ngx_http_webhook_log_variables[] = {

    { ngx_string("webhook_endpoint"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_ENDPOINT, 0, 0 },

    { ngx_string("webhook_class"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_CLASS, 0, 0 },

    { ngx_string("webhook_end"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_END, 0, 0 },

    { ngx_string("webhook_method"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_METHOD, 0, 0 },

    { ngx_string("webhook_url"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_URL, 0, 0 },

    { ngx_string("webhook_upstream_addr"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_PEER, 0, 0 },

    { ngx_string("webhook_status"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_STATUS, 0, 0 },

    { ngx_string("webhook_worker"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_WORKER, 0, 0 },

    { ngx_string("webhook_reused"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_REUSED, 0, 0 },

    { ngx_string("webhook_bytes_sent"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_SENT, 0, 0 },

    { ngx_string("webhook_bytes_received"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_RECEIVED, 0, 0 },

    { ngx_string("webhook_attempt_duration"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_DURATION, 0, 0 },

    { ngx_string("webhook_dns_time"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_DNS, 0, 0 },

    { ngx_string("webhook_connect_time"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_CONNECT, 0, 0 },

    { ngx_string("webhook_tls_time"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_TLS, 0, 0 },

    { ngx_string("webhook_header_time"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_HEADER, 0, 0 },

    { ngx_string("webhook_latency"), NULL,
      ngx_http_webhook_log_variable, NGX_HTTP_WEBHOOK_LOG_LATENCY, 0, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_webhook_log_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_webhook_log_variables; v->name.len; v++) {

        /* so many would not fit into the hash by its default size */

        var = ngx_http_add_variable(cf, &v->name,
                                    v->flags | NGX_HTTP_VAR_NOHASH);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_log_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_WEBHOOK_LOG_EVENT:
        return ngx_http_webhook_log_text(v, &a->event);

    case NGX_HTTP_WEBHOOK_LOG_ID:
        return ngx_http_webhook_log_text(v, &a->id);

    case NGX_HTTP_WEBHOOK_LOG_ATTEMPT:
        return ngx_http_webhook_log_number(r, v, a->number);

    case NGX_HTTP_WEBHOOK_LOG_RETRY:
        return ngx_http_webhook_log_number(r, v, a->number - 1);

    case NGX_HTTP_WEBHOOK_LOG_TIME:
        return ngx_http_webhook_log_time(r, v, a->started);

    case NGX_HTTP_WEBHOOK_LOG_ENDPOINT:
        return ngx_http_webhook_log_text(v, &a->endpoint->name);

    case NGX_HTTP_WEBHOOK_LOG_CLASS:
        return ngx_http_webhook_log_constant(v,
                                        ngx_http_webhook_class_name(a->class));

    case NGX_HTTP_WEBHOOK_LOG_END:
        return ngx_http_webhook_log_constant(v, a->end);

    case NGX_HTTP_WEBHOOK_LOG_METHOD:

        /* a mail has none, and no URL */

        if (a->request) {
            return ngx_http_webhook_log_text(v, &a->endpoint->method);
        }

        break;

    case NGX_HTTP_WEBHOOK_LOG_URL:

        if (a->request) {
            return ngx_http_webhook_log_url(v, a);
        }

        break;

    case NGX_HTTP_WEBHOOK_LOG_PEER:
        return ngx_http_webhook_log_text(v, &a->peer);

    case NGX_HTTP_WEBHOOK_LOG_STATUS:

        if (a->status) {
            return ngx_http_webhook_log_number(r, v, a->status);
        }

        break;

    case NGX_HTTP_WEBHOOK_LOG_WORKER:
        return ngx_http_webhook_log_number(r, v, ngx_worker);

    case NGX_HTTP_WEBHOOK_LOG_REUSED:
        return ngx_http_webhook_log_number(r, v, a->reused);

    case NGX_HTTP_WEBHOOK_LOG_SENT:
        return ngx_http_webhook_log_number(r, v, a->sent);

    case NGX_HTTP_WEBHOOK_LOG_RECEIVED:
        return ngx_http_webhook_log_number(r, v, a->received);

    case NGX_HTTP_WEBHOOK_LOG_DURATION:
        return ngx_http_webhook_log_seconds(r, v, a->duration);

    case NGX_HTTP_WEBHOOK_LOG_DNS:
        return ngx_http_webhook_log_seconds(r, v, a->dns_ms);

    case NGX_HTTP_WEBHOOK_LOG_CONNECT:
        return ngx_http_webhook_log_seconds(r, v, a->connect_ms);

    case NGX_HTTP_WEBHOOK_LOG_TLS:
        return ngx_http_webhook_log_seconds(r, v, a->tls_ms);

    case NGX_HTTP_WEBHOOK_LOG_HEADER:
        return ngx_http_webhook_log_seconds(r, v, a->header_ms);

    default: /* NGX_HTTP_WEBHOOK_LOG_LATENCY */

        if (a->time) {
            return ngx_http_webhook_log_seconds(r, v,
                                         ngx_http_webhook_attempt_latency(a));
        }

        break;
    }

    v->not_found = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_log_text(ngx_http_variable_value_t *v, ngx_str_t *text)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = (text->len == 0);
    v->len = text->len;
    v->data = text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_log_constant(ngx_http_variable_value_t *v, char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = text ? ngx_strlen(text) : 0;

    return ngx_http_webhook_log_text(v, &s);
}


static ngx_int_t
ngx_http_webhook_log_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, off_t n)
{
    ngx_str_t  s;

    s.data = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (s.data == NULL) {
        return NGX_ERROR;
    }

    s.len = ngx_sprintf(s.data, "%O", n) - s.data;

    return ngx_http_webhook_log_text(v, &s);
}


static ngx_int_t
ngx_http_webhook_log_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t ms)
{
    ngx_str_t  s;

    if (ms == NGX_HTTP_WEBHOOK_NO_TIME) {
        v->not_found = 1;
        return NGX_OK;
    }

    s.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 4);
    if (s.data == NULL) {
        return NGX_ERROR;
    }

    s.len = ngx_sprintf(s.data, "%uL.%03uL", ms / 1000, ms % 1000) - s.data;

    return ngx_http_webhook_log_text(v, &s);
}


static ngx_int_t
ngx_http_webhook_log_time(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uint64_t ms)
{
    ngx_str_t  s;

    s.data = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_LOG_ISO);
    if (s.data == NULL) {
        return NGX_ERROR;
    }

    wh_time_iso((char *) s.data, ms);
    s.len = NGX_HTTP_WEBHOOK_LOG_ISO;

    return ngx_http_webhook_log_text(v, &s);
}


static ngx_int_t
ngx_http_webhook_log_url(ngx_http_variable_value_t *v,
    ngx_http_webhook_attempt_t *a)
{
    wh_str_t   url;
    ngx_str_t  s;

    if (ngx_http_webhook_record_url(a, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    s.data = (u_char *) url.data;
    s.len = url.len;

    return ngx_http_webhook_log_text(v, &s);
}
