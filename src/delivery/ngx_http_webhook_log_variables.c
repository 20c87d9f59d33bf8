
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables of attempts.  Requests of clients have none of them.
 */


#include "ngx_http_webhook_log.h"
#include "ngx_http_webhook_record.h"
#include "wh_id.h"


static ngx_int_t ngx_http_webhook_log_set(ngx_http_variable_value_t *v,
    u_char *data, size_t len);
static ngx_int_t ngx_http_webhook_log_text_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_log_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_log_seconds_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_log_latency_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_log_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t ms);
static ngx_int_t ngx_http_webhook_log_url_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


typedef enum {
    NGX_HTTP_WEBHOOK_LOG_ENDPOINT = 0,
    NGX_HTTP_WEBHOOK_LOG_CLASS,
    NGX_HTTP_WEBHOOK_LOG_END,
    NGX_HTTP_WEBHOOK_LOG_METHOD,
    NGX_HTTP_WEBHOOK_LOG_PEER
} ngx_http_webhook_log_text_e;


typedef enum {
    NGX_HTTP_WEBHOOK_LOG_STATUS = 0,
    NGX_HTTP_WEBHOOK_LOG_WORKER,
    NGX_HTTP_WEBHOOK_LOG_REUSED,
    NGX_HTTP_WEBHOOK_LOG_SENT,
    NGX_HTTP_WEBHOOK_LOG_RECEIVED
} ngx_http_webhook_log_number_e;


/* octets of wh_time_iso(), and of any number */
#define NGX_HTTP_WEBHOOK_LOG_ISO  24

#define ngx_http_webhook_log_ms(field)                                        \
    offsetof(ngx_http_webhook_attempt_t, field)


static ngx_http_variable_t  ngx_http_webhook_log_variables[] = {

    { ngx_string("webhook_endpoint"), NULL,
      ngx_http_webhook_log_text_variable, NGX_HTTP_WEBHOOK_LOG_ENDPOINT,
      0, 0 },

    { ngx_string("webhook_class"), NULL,
      ngx_http_webhook_log_text_variable, NGX_HTTP_WEBHOOK_LOG_CLASS, 0, 0 },

    { ngx_string("webhook_end"), NULL,
      ngx_http_webhook_log_text_variable, NGX_HTTP_WEBHOOK_LOG_END, 0, 0 },

    { ngx_string("webhook_method"), NULL,
      ngx_http_webhook_log_text_variable, NGX_HTTP_WEBHOOK_LOG_METHOD, 0, 0 },

    { ngx_string("webhook_url"), NULL,
      ngx_http_webhook_log_url_variable, 0, 0, 0 },

    { ngx_string("webhook_upstream_addr"), NULL,
      ngx_http_webhook_log_text_variable, NGX_HTTP_WEBHOOK_LOG_PEER, 0, 0 },

    { ngx_string("webhook_status"), NULL,
      ngx_http_webhook_log_number_variable, NGX_HTTP_WEBHOOK_LOG_STATUS,
      0, 0 },

    { ngx_string("webhook_worker"), NULL,
      ngx_http_webhook_log_number_variable, NGX_HTTP_WEBHOOK_LOG_WORKER,
      0, 0 },

    { ngx_string("webhook_reused"), NULL,
      ngx_http_webhook_log_number_variable, NGX_HTTP_WEBHOOK_LOG_REUSED,
      0, 0 },

    { ngx_string("webhook_bytes_sent"), NULL,
      ngx_http_webhook_log_number_variable, NGX_HTTP_WEBHOOK_LOG_SENT, 0, 0 },

    { ngx_string("webhook_bytes_received"), NULL,
      ngx_http_webhook_log_number_variable, NGX_HTTP_WEBHOOK_LOG_RECEIVED,
      0, 0 },

    { ngx_string("webhook_attempt_duration"), NULL,
      ngx_http_webhook_log_seconds_variable,
      ngx_http_webhook_log_ms(duration), 0, 0 },

    { ngx_string("webhook_dns_time"), NULL,
      ngx_http_webhook_log_seconds_variable,
      ngx_http_webhook_log_ms(dns_ms), 0, 0 },

    { ngx_string("webhook_connect_time"), NULL,
      ngx_http_webhook_log_seconds_variable,
      ngx_http_webhook_log_ms(connect_ms), 0, 0 },

    { ngx_string("webhook_tls_time"), NULL,
      ngx_http_webhook_log_seconds_variable,
      ngx_http_webhook_log_ms(tls_ms), 0, 0 },

    { ngx_string("webhook_header_time"), NULL,
      ngx_http_webhook_log_seconds_variable,
      ngx_http_webhook_log_ms(header_ms), 0, 0 },

    { ngx_string("webhook_latency"), NULL,
      ngx_http_webhook_log_latency_variable, 0, 0, 0 },

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


static ngx_int_t
ngx_http_webhook_log_set(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = (len == 0);
    v->len = len;
    v->data = data;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_log_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                      *p;
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_LOG_ISO);
    if (p == NULL) {
        return NGX_ERROR;
    }

    switch (data) {

    case NGX_HTTP_WEBHOOK_LOG_EVENT:
        return ngx_http_webhook_log_set(v, a->event.data, a->event.len);

    case NGX_HTTP_WEBHOOK_LOG_ID:
        return ngx_http_webhook_log_set(v, a->id.data, a->id.len);

    case NGX_HTTP_WEBHOOK_LOG_ATTEMPT:
        return ngx_http_webhook_log_set(v, p,
                                        ngx_sprintf(p, "%ui", a->number) - p);

    case NGX_HTTP_WEBHOOK_LOG_RETRY:
        return ngx_http_webhook_log_set(v, p,
                                   ngx_sprintf(p, "%ui", a->number - 1) - p);

    default: /* NGX_HTTP_WEBHOOK_LOG_TIME */
        wh_time_iso((char *) p, a->started);
        return ngx_http_webhook_log_set(v, p, NGX_HTTP_WEBHOOK_LOG_ISO);
    }
}


static ngx_int_t
ngx_http_webhook_log_text_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                      *p;
    ngx_str_t                   *s;
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_WEBHOOK_LOG_ENDPOINT:
        s = &a->endpoint->name;
        break;

    case NGX_HTTP_WEBHOOK_LOG_METHOD:

        if (a->request == NULL) {
            v->not_found = 1;
            return NGX_OK;
        }

        s = &a->endpoint->method;
        break;

    case NGX_HTTP_WEBHOOK_LOG_PEER:
        s = &a->peer;
        break;

    case NGX_HTTP_WEBHOOK_LOG_CLASS:
        p = (u_char *) ngx_http_webhook_class_name(a->class);
        return ngx_http_webhook_log_set(v, p, ngx_strlen(p));

    default: /* NGX_HTTP_WEBHOOK_LOG_END */
        p = (u_char *) a->end;
        return ngx_http_webhook_log_set(v, p, p ? ngx_strlen(p) : 0);
    }

    return ngx_http_webhook_log_set(v, s->data, s->len);
}


static ngx_int_t
ngx_http_webhook_log_number_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    off_t                        n;
    u_char                      *p;
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_WEBHOOK_LOG_STATUS:
        n = a->status;
        break;

    case NGX_HTTP_WEBHOOK_LOG_WORKER:
        n = ngx_worker;
        break;

    case NGX_HTTP_WEBHOOK_LOG_REUSED:
        n = a->reused;
        break;

    case NGX_HTTP_WEBHOOK_LOG_SENT:
        n = a->sent;
        break;

    default: /* NGX_HTTP_WEBHOOK_LOG_RECEIVED */
        n = a->received;
        break;
    }

    if (n == 0 && data == NGX_HTTP_WEBHOOK_LOG_STATUS) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_log_set(v, p, ngx_sprintf(p, "%O", n) - p);
}


static ngx_int_t
ngx_http_webhook_log_seconds_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_msec_t                   ms;
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);
    ms = a ? *(ngx_msec_t *) ((u_char *) a + data) : NGX_HTTP_WEBHOOK_NO_TIME;

    if (ms == NGX_HTTP_WEBHOOK_NO_TIME) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_webhook_log_seconds(r, v, ms);
}


static ngx_int_t
ngx_http_webhook_log_latency_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL || a->time == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_webhook_log_seconds(r, v,
                                        ngx_http_webhook_attempt_latency(a));
}


static ngx_int_t
ngx_http_webhook_log_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t ms)
{
    u_char  *p, *last;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = ngx_sprintf(p, "%uL.%03uL", ms / 1000, ms % 1000);

    return ngx_http_webhook_log_set(v, p, last - p);
}


/* a mail has none */

static ngx_int_t
ngx_http_webhook_log_url_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    wh_str_t                     url;
    ngx_http_webhook_attempt_t  *a;

    a = ngx_http_webhook_attempt_get(r);

    if (a == NULL || a->request == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (ngx_http_webhook_record_url(a, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_log_set(v, (u_char *) url.data, url.len);
}
