
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_history", and "history" of an endpoint.
 */


#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_lines.h"


#define NGX_HTTP_WEBHOOK_HISTORY_COUNT  10000
#define NGX_HTTP_WEBHOOK_HISTORY_AGE    (7 * 86400000UL)
#define NGX_HTTP_WEBHOOK_HISTORY_BODY   (16 * 1024)
#define NGX_HTTP_WEBHOOK_HISTORY_MANY   100000000


static ngx_int_t ngx_http_webhook_history_mode(ngx_str_t *value,
    ngx_uint_t *mode);
static char *ngx_http_webhook_history_param(ngx_conf_t *cf,
    ngx_http_webhook_history_conf_t *h, ngx_str_t *value);


static ngx_str_t  ngx_http_webhook_history_modes[] = {
    ngx_string("off"),
    ngx_string("failures"),
    ngx_string("all"),
    ngx_null_string
};


char *
ngx_http_webhook_history_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    u_char                           *p;
    size_t                            n;
    ngx_str_t                        *value;
    ngx_uint_t                        i, k;
    ngx_http_webhook_history_conf_t  *h;

    if (ngx_http_webhook_lines_add(cf, &wmcf->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    h = &wmcf->history;

    if (h->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    h->mode = NGX_HTTP_WEBHOOK_HISTORY_FAILURES;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        p = ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        if (p == NULL) {

            if (i == 1
                && ngx_http_webhook_history_mode(&value[i], &h->mode)
                   == NGX_OK)
            {
                continue;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be "
                               "\"failures\", \"all\" or \"off\" first, then "
                               "\"count=\", \"age=\", \"size=\" or \"body=\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        n = p + 1 - value[i].data;

        for (k = 1; k < i; k++) {
            if (ngx_strncmp(value[i].data, value[k].data, n) == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate parameter \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }
        }

        if (ngx_http_webhook_history_param(cf, h, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_history_param(ngx_conf_t *cf,
    ngx_http_webhook_history_conf_t *h, ngx_str_t *value)
{
    char       *allowed;
    off_t       size;
    ngx_int_t   n;
    ngx_str_t   s;

    if (ngx_strncmp(value->data, "count=", 6) == 0) {
        n = ngx_atoi(value->data + 6, value->len - 6);

        if (n > 0 && n <= NGX_HTTP_WEBHOOK_HISTORY_MANY) {
            h->count = (ngx_uint_t) n;
            return NGX_CONF_OK;
        }

        allowed = "a number of 1 to 100000000";

    } else if (ngx_strncmp(value->data, "age=", 4) == 0) {
        s.data = value->data + 4;
        s.len = value->len - 4;

        n = ngx_parse_time(&s, 0);

        if (n > 0 && n <= NGX_HTTP_WEBHOOK_MAX_TIME) {
            h->age = (ngx_msec_t) n;
            return NGX_CONF_OK;
        }

        allowed = "a time above 0, at most 3650d";

    } else if (ngx_strncmp(value->data, "size=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;

        size = ngx_parse_offset(&s);

        if (size > 0) {
            h->size = (size_t) size;
            return NGX_CONF_OK;
        }

        allowed = "a size above 0, such as \"64m\"";

    } else if (ngx_strncmp(value->data, "body=", 5) == 0) {
        s.data = value->data + 5;
        s.len = value->len - 5;

        if (s.len == 3 && ngx_strncmp(s.data, "off", 3) == 0) {
            h->body = 0;
            return NGX_CONF_OK;
        }

        size = ngx_parse_offset(&s);

        if (size > 0 && size <= 16 * 1024 * 1024) {
            h->body = (size_t) size;
            return NGX_CONF_OK;
        }

        allowed = "\"off\", or a size above 0, at most 16m";

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be \"count=\", "
                           "\"age=\", \"size=\" or \"body=\"", value);
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value of \"%V\", it must be %s", value,
                       allowed);

    return NGX_CONF_ERROR;
}


char *
ngx_http_webhook_history_line(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_http_webhook_history_mode(&value[1], &ep->history) == NGX_OK) {
        return NGX_CONF_OK;
    }

    *bad = &value[1];

    return "\"failures\", \"all\" or \"off\"";
}


static ngx_int_t
ngx_http_webhook_history_mode(ngx_str_t *value, ngx_uint_t *mode)
{
    ngx_str_t   *modes;
    ngx_uint_t   i;

    modes = ngx_http_webhook_history_modes;

    for (i = 0; modes[i].len; i++) {

        if (modes[i].len == value->len
            && ngx_strncmp(modes[i].data, value->data, value->len) == 0)
        {
            *mode = i;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_webhook_history_init_conf(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                        i;
    ngx_http_webhook_endpoint_t     **ep;
    ngx_http_webhook_history_conf_t  *h;

    h = &wmcf->history;

    ngx_conf_init_uint_value(h->mode, NGX_HTTP_WEBHOOK_HISTORY_FAILURES);
    ngx_conf_init_uint_value(h->count, NGX_HTTP_WEBHOOK_HISTORY_COUNT);
    ngx_conf_init_msec_value(h->age, NGX_HTTP_WEBHOOK_HISTORY_AGE);
    ngx_conf_init_size_value(h->body, NGX_HTTP_WEBHOOK_HISTORY_BODY);

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        ngx_conf_init_uint_value(ep[i]->history, h->mode);
    }
}
