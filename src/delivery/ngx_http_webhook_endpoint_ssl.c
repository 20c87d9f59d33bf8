/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint_conf.h"


#if (NGX_HTTP_SSL)

static ngx_conf_bitmask_t  ngx_http_webhook_protocols[] = {
    { ngx_string("TLSv1"), NGX_SSL_TLSv1 },
    { ngx_string("TLSv1.1"), NGX_SSL_TLSv1_1 },
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};


char *
ngx_http_webhook_endpoint_str(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value, *str;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "given";
    }

    str = (ngx_str_t *) ((u_char *) ec + cmd->offset);
    *str = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_endpoint_ssl_name(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    size_t      i;
    u_char      c;
    ngx_str_t   name, *value;
#if (NGX_HAVE_INET6)
    u_char      address[16];
#endif

    value = cf->args->elts;
    name = value[1];

    if (name.len > 2 && name.data[0] == '['
        && name.data[name.len - 1] == ']')
    {
        name.data++;
        name.len -= 2;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c <= ' ' || c >= 0x7f || c == '$' || c == '/' || c == ':') {
            break;
        }
    }

    if (i < name.len
#if (NGX_HAVE_INET6)
        && ngx_inet6_addr(name.data, name.len, address) == NGX_OK
#endif
       )
    {
        i = name.len;
    }

    if (i == 0 || i < name.len) {
        return "a host name or an IP address";
    }

    ec->endpoint.ssl_name = name;

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_endpoint_protocols(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_conf_bitmask_t  *p;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (p = ngx_http_webhook_protocols; p->name.len; p++) {
            if (ngx_strcmp(value[i].data, p->name.data) == 0) {
                break;
            }
        }

        if (p->name.len == 0) {
            ec->bad = value[i];
            return "\"TLSv1\", \"TLSv1.1\", \"TLSv1.2\" or \"TLSv1.3\"";
        }

        ec->tls.protocols |= p->mask;
    }

    return NGX_CONF_OK;
}

#endif
