
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint.h"


static char *ngx_http_webhook_retry_list(ngx_conf_t *cf, wh_retry_t *r);
static char *ngx_http_webhook_retry_exponential(ngx_conf_t *cf,
    wh_retry_t *r);
static ngx_int_t ngx_http_webhook_retry_param(ngx_str_t *value,
    ngx_uint_t k, wh_retry_t *r);
static ngx_int_t ngx_http_webhook_retry_time(ngx_str_t *value, uint64_t *ms);
static char *ngx_http_webhook_retry_invalid(ngx_conf_t *cf, ngx_str_t *value,
    char *allowed);


#define NGX_HTTP_WEBHOOK_RETRY_MIN     0
#define NGX_HTTP_WEBHOOK_RETRY_MAX     1
#define NGX_HTTP_WEBHOOK_RETRY_JITTER  2
#define NGX_HTTP_WEBHOOK_RETRY_COUNT   3


static ngx_str_t  ngx_http_webhook_retry_params[] = {
    ngx_string("min="),
    ngx_string("max="),
    ngx_string("jitter="),
    ngx_string("count="),
    ngx_null_string
};


static char  *ngx_http_webhook_retry_allowed[] = {
    "a time above 0, at most 3650d",
    "a time above 0, at most 3650d",
    "a percentage of 0% to 100%",
    "a number of 1 to 10000"
};


char *
ngx_http_webhook_retry_parse(ngx_conf_t *cf, wh_retry_t *r)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    r->delays = NULL;
    r->n = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "exponential") == 0) {
        return ngx_http_webhook_retry_exponential(cf, r);
    }

    return ngx_http_webhook_retry_list(cf, r);
}


static char *
ngx_http_webhook_retry_list(ngx_conf_t *cf, wh_retry_t *r)
{
    uint64_t    *delays;
    ngx_str_t   *value;
    ngx_uint_t   i, n;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n > NGX_HTTP_WEBHOOK_RETRIES_MAX) {
        return ngx_http_webhook_retry_invalid(cf, &value[n],
                                              "at most 64 times");
    }

    delays = ngx_palloc(cf->pool, n * sizeof(uint64_t));
    if (delays == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (ngx_http_webhook_retry_time(&value[i + 1], &delays[i]) != NGX_OK) {
            return ngx_http_webhook_retry_invalid(cf, &value[i + 1],
                       "\"off\", \"exponential\", or one or more times "
                       "above 0, each at most 3650d");
        }
    }

    r->delays = delays;
    r->n = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_retry_exponential(ngx_conf_t *cf, wh_retry_t *r)
{
    ngx_str_t   *value, *param, s;
    ngx_uint_t   i, k, seen;

    r->min = 5000;
    r->max = 3600000;
    r->jitter = 20;

    seen = 0;
    value = cf->args->elts;
    param = ngx_http_webhook_retry_params;

    for (i = 2; i < cf->args->nelts; i++) {

        for (k = 0; param[k].len; k++) {
            if (ngx_strncmp(value[i].data, param[k].data, param[k].len) == 0) {
                break;
            }
        }

        if (param[k].len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"retry "
                               "exponential\", it must be one of \"min=\", "
                               "\"max=\", \"jitter=\", \"count=\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (seen & ((ngx_uint_t) 1 << k)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        seen |= (ngx_uint_t) 1 << k;

        s.len = value[i].len - param[k].len;
        s.data = value[i].data + param[k].len;

        if (ngx_http_webhook_retry_param(&s, k, r) != NGX_OK) {
            return ngx_http_webhook_retry_invalid(cf, &value[i],
                                          ngx_http_webhook_retry_allowed[k]);
        }
    }

    if (r->min > r->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"min=\" in \"retry exponential\" is %uL ms, it "
                           "must be at most \"max=\", which is %uL ms",
                           r->min, r->max);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_retry_param(ngx_str_t *value, ngx_uint_t k, wh_retry_t *r)
{
    ngx_int_t  n;

    switch (k) {

    case NGX_HTTP_WEBHOOK_RETRY_MIN:
        return ngx_http_webhook_retry_time(value, &r->min);

    case NGX_HTTP_WEBHOOK_RETRY_MAX:
        return ngx_http_webhook_retry_time(value, &r->max);

    case NGX_HTTP_WEBHOOK_RETRY_JITTER:

        if (value->len < 2 || value->data[value->len - 1] != '%') {
            return NGX_DECLINED;
        }

        n = ngx_atoi(value->data, value->len - 1);

        if (n == NGX_ERROR || n > 100) {
            return NGX_DECLINED;
        }

        r->jitter = (uint32_t) n;

        return NGX_OK;

    default: /* NGX_HTTP_WEBHOOK_RETRY_COUNT */

        n = ngx_atoi(value->data, value->len);

        if (n < 1 || n > NGX_HTTP_WEBHOOK_COUNT_MAX) {
            return NGX_DECLINED;
        }

        r->n = (uint32_t) n;

        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_webhook_retry_time(ngx_str_t *value, uint64_t *ms)
{
    ngx_int_t  t;

    t = ngx_parse_time(value, 0);

    if (t == NGX_ERROR || t == 0 || t > NGX_HTTP_WEBHOOK_MAX_TIME) {
        return NGX_DECLINED;
    }

    *ms = t;

    return NGX_OK;
}


static char *
ngx_http_webhook_retry_invalid(ngx_conf_t *cf, ngx_str_t *value,
    char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"retry\", it must be %s",
                       value, allowed);

    return NGX_CONF_ERROR;
}
