/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint_conf.h"
#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_url.h"

#include "wh_url.h"


static char *ngx_http_webhook_endpoint_url(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_method(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_ref(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_language(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_events(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_sign(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_timeout(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_statuses(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_retry(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_expire(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_limit(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_order(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_concurrency(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_policy(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_flag(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static ngx_int_t ngx_http_webhook_endpoint_word(ngx_str_t *words,
    ngx_str_t *value);


#define ngx_http_webhook_endpoint_offset(field)                               \
    offsetof(ngx_http_webhook_endpoint_conf_t, endpoint.field)

#define ngx_http_webhook_tls_offset(field)                                    \
    offsetof(ngx_http_webhook_endpoint_conf_t, tls.field)


static char *(*ngx_http_webhook_policies[])(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad) =
{
    ngx_http_webhook_disable_line,
    ngx_http_webhook_disable_while,
    ngx_http_webhook_disable_probe,
    ngx_http_webhook_flow_rate,
    ngx_http_webhook_flow_quota,
    ngx_http_webhook_flow_backlog,
    ngx_http_webhook_addresses_line,
    ngx_http_webhook_bind_line,
    ngx_http_webhook_history_line
};


static ngx_http_webhook_endpoint_cmd_t  ngx_http_webhook_endpoint_cmds[] = {

    { ngx_string("url"), 1, 1,
      ngx_http_webhook_endpoint_url, 0, 0, 0, NULL },

    { ngx_string("method"), 1, 1,
      ngx_http_webhook_endpoint_method, 0, 0, 0, "POST" },

    { ngx_string("payload"), 1, 1,
      ngx_http_webhook_endpoint_ref,
      offsetof(ngx_http_webhook_endpoint_conf_t, payload), 0, 0, NULL },

    { ngx_string("language"), 1, 1,
      ngx_http_webhook_endpoint_language, 0, 0, 0, NULL },

    { ngx_string("events"), 1, 0,
      ngx_http_webhook_endpoint_events, 0, 1, 0, NULL },

    { ngx_string("header"), 2, 2,
      ngx_http_webhook_endpoint_header, 0, 1,
      NGX_HTTP_WEBHOOK_SECRET_LAST, NULL },

    { ngx_string("api_key"), 3, 3,
      ngx_http_webhook_endpoint_api_key, 0, 1,
      NGX_HTTP_WEBHOOK_SECRET_LAST, NULL },

    { ngx_string("basic"), 2, 2,
      ngx_http_webhook_endpoint_basic, 0, 0,
      NGX_HTTP_WEBHOOK_SECRET_LAST, NULL },

    { ngx_string("bearer"), 1, 1,
      ngx_http_webhook_endpoint_bearer, 0, 0,
      NGX_HTTP_WEBHOOK_SECRET_LAST, NULL },

    { ngx_string("sign"), 2, 0,
      ngx_http_webhook_endpoint_sign, 0, 1,
      NGX_HTTP_WEBHOOK_SECRET_KEYS, NULL },

    { ngx_string("timeout"), 1, 1,
      ngx_http_webhook_endpoint_timeout, 0, 0, 0, "10s" },

    { ngx_string("success"), 1, 1,
      ngx_http_webhook_endpoint_statuses,
      ngx_http_webhook_endpoint_offset(success), 0, 0, "2xx" },

    { ngx_string("retry"), 1, 0,
      ngx_http_webhook_endpoint_retry, 0, 0, 0, "5s 30s 2m 15m 1h 4h 12h" },

    { ngx_string("expire"), 1, 2,
      ngx_http_webhook_endpoint_expire, 0, 0, 0, "0" },

    { ngx_string("max_age"), 1, 1,
      ngx_http_webhook_endpoint_limit,
      ngx_http_webhook_endpoint_offset(policy.retry.max_age), 0, 0, "0" },

    { ngx_string("retry_after_max"), 1, 1,
      ngx_http_webhook_endpoint_limit,
      ngx_http_webhook_endpoint_offset(policy.retry.after_max), 0, 0, "1h" },

    { ngx_string("count_throttled"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_endpoint_offset(count_throttled), 0, 0, "off" },

    { ngx_string("permanent"), 1, 1,
      ngx_http_webhook_endpoint_statuses,
      ngx_http_webhook_endpoint_offset(permanent), 0, 0, NULL },

    { ngx_string("order"), 1, 2,
      ngx_http_webhook_endpoint_order, 0, 0, 0, "strict" },

    { ngx_string("concurrency"), 1, 1,
      ngx_http_webhook_endpoint_concurrency, 0, 0, 0, NULL },

    { ngx_string("disable"), 1, 3,
      ngx_http_webhook_endpoint_policy, 0, 1, 0, NULL },

    { ngx_string("while_disabled"), 1, 1,
      ngx_http_webhook_endpoint_policy, 1, 0, 0, "hold" },

    { ngx_string("probe"), 1, 1,
      ngx_http_webhook_endpoint_policy, 2, 0, 0, NULL },

    { ngx_string("rate"), 1, 2,
      ngx_http_webhook_endpoint_policy, 3, 0, 0, NULL },

    { ngx_string("quota"), 1, 1,
      ngx_http_webhook_endpoint_policy, 4, 0, 0, NULL },

    { ngx_string("backlog"), 1, 2,
      ngx_http_webhook_endpoint_policy, 5, 0, 0, NULL },

    { ngx_string("addresses"), 1, 0,
      ngx_http_webhook_endpoint_policy, 6, 0, 0, NULL },

    { ngx_string("bind"), 1, 1,
      ngx_http_webhook_endpoint_policy, 7, 0, 0, NULL },

    { ngx_string("history"), 1, 1,
      ngx_http_webhook_endpoint_policy, 8, 0, 0, NULL },

    { ngx_string("zone"), 1, 1,
      ngx_http_webhook_endpoint_ref,
      offsetof(ngx_http_webhook_endpoint_conf_t, zone), 0, 0, NULL },

    { ngx_string("event_headers"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_endpoint_offset(event_headers), 0, 0, "on" },

    { ngx_string("allow_http"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_endpoint_offset(allow_http), 0, 0, "off" },

#if (NGX_HTTP_SSL)

    { ngx_string("ssl_verify"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_tls_offset(verify), 0, 0, "on" },

    { ngx_string("ssl_trusted_certificate"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(trusted), 0, 0, NULL },

    { ngx_string("ssl_certificate"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(certificate), 0, 0, NULL },

    { ngx_string("ssl_certificate_key"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(key), 0, 0, NULL },

    { ngx_string("ssl_ciphers"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(ciphers), 0, 0, "DEFAULT" },

    { ngx_string("ssl_name"), 1, 1,
      ngx_http_webhook_endpoint_ssl_name, 0, 0, 0, NULL },

    { ngx_string("ssl_protocols"), 1, 0,
      ngx_http_webhook_endpoint_protocols, 0, 0, 0, "TLSv1.2 TLSv1.3" },

#endif
};


static ngx_str_t  ngx_http_webhook_methods[] = {
    ngx_string("POST"),
    ngx_string("GET"),
    ngx_string("PUT"),
    ngx_string("PATCH"),
    ngx_string("DELETE"),
    ngx_null_string
};


static ngx_str_t  ngx_http_webhook_orders[] = {
    ngx_string("strict"),
    ngx_string("key"),
    ngx_string("none"),
    ngx_null_string
};


ngx_http_webhook_endpoint_cmd_t *
ngx_http_webhook_endpoint_cmd(ngx_uint_t i)
{
    ngx_uint_t  n;

    n = sizeof(ngx_http_webhook_endpoint_cmds)
        / sizeof(ngx_http_webhook_endpoint_cmd_t);

    return i < n ? &ngx_http_webhook_endpoint_cmds[i] : NULL;
}


static char *
ngx_http_webhook_endpoint_url(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    wh_str_t                      in;
    wh_url_t                      url;
    ngx_str_t                    *value;
    ngx_url_t                    *u;
    const char                   *err;
    ngx_http_webhook_url_t       *texts;
    ngx_http_webhook_endpoint_t  *ep;

    value = cf->args->elts;
    ep = &ec->endpoint;

    texts = ngx_http_webhook_url_create(cf, &value[1]);
    if (texts == NULL) {
        return NGX_CONF_ERROR;
    }

    in.data = (const char *) texts->sample.data;
    in.len = texts->sample.len;

    if (wh_url_parse(in, &url, &err) != WH_OK) {
        return NGX_CONF_ERROR;
    }

#if !(NGX_HTTP_SSL)
    if (url.https) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"https://\" needs an nginx built with "
                           "the \"--with-http_ssl_module\" option");
        return NGX_CONF_ERROR;
    }
#endif

    ep->url = value[1];
    ep->url_file = cf->conf_file->file.name;
    ep->url_line = cf->conf_file->line;
    ep->ssl = url.https;

    if (texts->values) {
        ep->texts = texts;
    }

    ep->target.data = (u_char *) url.target.data;
    ep->target.len = url.target.len;

    if (texts->host) {
        return NGX_CONF_OK;
    }

    ep->port = url.port;

    ep->host.data = (u_char *) url.authority.data;
    ep->host.len = url.authority.len;

    ep->resolve.data = (u_char *) url.host.data;
    ep->resolve.len = url.host.len;

    ec->host_type = url.type;

    u = &ec->address;

    /* without the port: nginx would take "unix:80" for a socket's path */

    u->url.data = ep->host.data;
    u->url.len = url.host.len + (url.type == WH_URL_IPV6 ? 2 : 0);
    u->default_port = url.port;
    u->no_resolve = 1;

    if (ngx_parse_url(cf->pool, u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in url \"%V\"",
                           u->err ? u->err : "no memory", &value[1]);
        return NGX_CONF_ERROR;
    }

    u->no_port = !url.port_given;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_method(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   i;
    ngx_str_t  *value;

    value = cf->args->elts;

    i = ngx_http_webhook_endpoint_word(ngx_http_webhook_methods, &value[1]);

    if (i == NGX_ERROR) {
        return "\"POST\", \"GET\", \"PUT\", \"PATCH\" or \"DELETE\"";
    }

    ec->endpoint.method = ngx_http_webhook_methods[i];

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_ref(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                        *value;
    ngx_http_webhook_endpoint_ref_t  *ref;

    value = cf->args->elts;

    ref = (ngx_http_webhook_endpoint_ref_t *) ((u_char *) ec + cmd->offset);

    if (value[1].len == 0) {
        return ref == &ec->zone ? "the name of a webhook_zone"
                                : "the name of a webhook_payload";
    }

    ref->name = value[1];
    ref->file = cf->conf_file->file.name;
    ref->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_language(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   rc;
    ngx_str_t  *value;

    value = cf->args->elts;

    rc = ngx_http_webhook_language_set(cf, &ec->endpoint, &value[1]);

    if (rc == NGX_DECLINED) {
        return "a language, as \"de\" or \"pt-BR\"";
    }

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_endpoint_events(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    u_char       c;
    size_t       j, label;
    ngx_str_t   *value, *pattern;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        /* octets of the label so far; NGX_MAX_SIZE_T_VALUE: it was "*" */

        label = 0;

        for (j = 0; j < value[i].len; j++) {
            c = value[i].data[j];

            if (c == '.' && label) {
                label = 0;

            } else if (c == '*' && label == 0) {
                label = NGX_MAX_SIZE_T_VALUE;

            } else if (label != NGX_MAX_SIZE_T_VALUE
                       && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                           || (c >= '0' && c <= '9') || c == '_'))
            {
                label++;

            } else {
                label = 0;
                break;
            }
        }

        if (label == 0) {
            ec->bad = value[i];
            return "labels of letters, digits and \"_\", or "
                   "\"*\" for any labels, joined by \".\"";
        }

        pattern = ngx_array_push(&ec->endpoint.events);
        if (pattern == NULL) {
            return NGX_CONF_ERROR;
        }

        *pattern = value[i];
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_sign(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    return ngx_http_webhook_sign_line(cf, &ec->endpoint);
}


static char *
ngx_http_webhook_endpoint_timeout(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   t;
    ngx_str_t  *value;

    value = cf->args->elts;

    t = ngx_parse_time(&value[1], 0);

    if (t == NGX_ERROR || t == 0 || t > NGX_HTTP_WEBHOOK_MAX_TIME) {
        return "a time above 0, at most 3650d";
    }

    ec->endpoint.timeout = t;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_statuses(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                    *value;
    ngx_http_webhook_statuses_t  *s;

    value = cf->args->elts;

    s = (ngx_http_webhook_statuses_t *) ((u_char *) ec + cmd->offset);

    if (ngx_http_webhook_statuses_parse(&value[1], s, &ec->bad) != NGX_OK) {
        return "\"any\", or a list of \"2xx\", \"404\" or \"500-599\" "
               "with commas";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_retry(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    return ngx_http_webhook_retry_parse(cf, &ec->endpoint.policy.retry);
}


static char *
ngx_http_webhook_endpoint_expire(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   t;
    ngx_str_t  *value;

    value = cf->args->elts;

    t = ngx_parse_time(&value[1], 0);

    if (t == NGX_ERROR || t > NGX_HTTP_WEBHOOK_MAX_TIME) {
        return "a time, or 0 for never, at most 3650d";
    }

    ec->endpoint.policy.retry.expire = t;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "drop") != 0) {
            ec->bad = value[2];
            return "\"drop\"";
        }

        ec->endpoint.expire_drop = 1;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_limit(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    uint64_t   *limit;
    ngx_int_t   t;
    ngx_str_t  *value;

    value = cf->args->elts;

    t = ngx_parse_time(&value[1], 0);

    if (t == NGX_ERROR || t > NGX_HTTP_WEBHOOK_MAX_TIME) {
        return "a time of 0 to 3650d";
    }

    limit = (uint64_t *) ((u_char *) ec + cmd->offset);
    *limit = t;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_order(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   i;
    ngx_str_t  *value;

    value = cf->args->elts;

    i = ngx_http_webhook_endpoint_word(ngx_http_webhook_orders, &value[1]);

    if (i == NGX_ERROR) {
        return "\"strict\", \"key\" or \"none\"";
    }

    ec->endpoint.policy.order = i;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (i != WH_ORDER_KEY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"order\" has no value \"%V\", "
                           "only \"key\" may have one",
                           &value[1], &value[2]);
        return NGX_CONF_ERROR;
    }

    ec->endpoint.order_key = ngx_http_webhook_text_create(cf, &value[2],
                                             NGX_HTTP_WEBHOOK_TEXT_CAPTURES
                                             |NGX_HTTP_WEBHOOK_TEXT_EVENT);

    return ec->endpoint.order_key ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_endpoint_concurrency(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_int_t   n;
    ngx_str_t  *value;

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > WH_PERMITS) {
        return "a number of 1 to 256";
    }

    ec->endpoint.policy.concurrency = (uint32_t) n;

    return NGX_CONF_OK;
}


/* lines of other rooms and files */

static char *
ngx_http_webhook_endpoint_policy(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    char       *allowed;
    ngx_str_t  *bad;

    allowed = ngx_http_webhook_policies[cmd->offset](cf, &ec->endpoint, &bad);

    if (allowed) {
        ec->bad = *bad;
    }

    return allowed;
}


static char *
ngx_http_webhook_endpoint_flag(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t   *value;
    ngx_flag_t  *flag;

    value = cf->args->elts;

    flag = (ngx_flag_t *) ((u_char *) ec + cmd->offset);

    if (ngx_strcasecmp(value[1].data, (u_char *) "on") == 0) {
        *flag = 1;

    } else if (ngx_strcasecmp(value[1].data, (u_char *) "off") == 0) {
        *flag = 0;

    } else {
        return "\"on\" or \"off\"";
    }

    return NGX_CONF_OK;
}


/* which one it is; NGX_ERROR: none of them */

static ngx_int_t
ngx_http_webhook_endpoint_word(ngx_str_t *words, ngx_str_t *value)
{
    ngx_int_t  i;

    for (i = 0; words[i].len; i++) {

        if (words[i].len == value->len
            && ngx_strncmp(words[i].data, value->data, value->len) == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}
