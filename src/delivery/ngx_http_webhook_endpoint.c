
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_api_key.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_fake.h"
#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_lines.h"
#include "ngx_http_webhook_peer.h"
#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_secret.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_tls.h"
#include "ngx_http_webhook_url.h"
#include "ngx_http_webhook_zone.h"

#include "wh_escape.h"
#include "wh_url.h"


#define NGX_HTTP_WEBHOOK_BUFFER_SIZE  4096
#define NGX_HTTP_WEBHOOK_CONCURRENCY  8


/* an endpoint, and what is needed until the end of the configuration */

typedef struct {
    ngx_http_webhook_endpoint_t       endpoint;   /* must be first */
    ngx_str_t                         payload;
    ngx_str_t                         payload_file;
    ngx_uint_t                        payload_line;
    ngx_str_t                         zone;
    ngx_str_t                         zone_file;
    ngx_uint_t                        zone_line;
    ngx_url_t                         address;   /* of the url's host */
    int                               host_type;  /* WH_URL_... */
    ngx_http_webhook_tls_conf_t       tls;
    uint64_t                          seen;       /* directives, by index */
} ngx_http_webhook_endpoint_conf_t;


typedef struct ngx_http_webhook_endpoint_cmd_s
    ngx_http_webhook_endpoint_cmd_t;

typedef char *(*ngx_http_webhook_endpoint_set_pt)(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);


struct ngx_http_webhook_endpoint_cmd_s {
    ngx_str_t                         name;
    ngx_uint_t                        min;        /* of arguments */
    ngx_uint_t                        max;        /* 0: no limit */
    ngx_http_webhook_endpoint_set_pt  set;
    size_t                            offset;
    unsigned                          repeat:1;
    unsigned                          secret:2;   /* among the arguments */
    char                             *preset;     /* NULL: see ..._preset() */
};


/* the last argument; those that are keys */

#define NGX_HTTP_WEBHOOK_SECRET_LAST  1
#define NGX_HTTP_WEBHOOK_SECRET_KEYS  2


static char *ngx_http_webhook_endpoint_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static ngx_int_t ngx_http_webhook_endpoint_note(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static ngx_int_t ngx_http_webhook_endpoint_name_ok(ngx_str_t *name);

static char *ngx_http_webhook_endpoint_url(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_method(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_payload(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_language(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_zone(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_events(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_header(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_api_key(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_basic(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_bearer(ngx_conf_t *cf,
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

#if (NGX_HTTP_SSL)
static char *ngx_http_webhook_endpoint_str(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_ssl_name(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_protocols(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
#endif

static char *ngx_http_webhook_endpoint_invalid(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *name, char *allowed);
static char *ngx_http_webhook_endpoint_named(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *value, ngx_uint_t key);
static ngx_http_webhook_header_t *ngx_http_webhook_endpoint_add(
    ngx_conf_t *cf, ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *name,
    ngx_uint_t key);
static ngx_http_webhook_header_t *ngx_http_webhook_endpoint_authorization(
    ngx_conf_t *cf, ngx_http_webhook_endpoint_conf_t *ec, char *prefix);
static void ngx_http_webhook_endpoint_unsent(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_peers(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);



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
      ngx_http_webhook_endpoint_payload, 0, 0, 0, NULL },

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
      ngx_http_webhook_endpoint_zone, 0, 0, 0, NULL },

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

    { ngx_null_string, 0, 0, NULL, 0, 0, 0, NULL }
};


/* written by the module itself, or belonging to the connection */

static ngx_str_t  ngx_http_webhook_reserved_headers[] = {
    ngx_string("host"),
    ngx_string("content-length"),
    ngx_string("transfer-encoding"),
    ngx_string("connection"),
    ngx_string("upgrade"),
    ngx_string("expect"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_string("webhook-id"),
    ngx_string("webhook-timestamp"),
    ngx_string("webhook-event"),
    ngx_string("webhook-hops"),
    ngx_null_string
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


static uint64_t  ngx_http_webhook_retry_default[] = {
    5000, 30000, 120000, 900000, 3600000, 14400000, 43200000
};


char *
ngx_http_webhook_endpoint_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    char                              *rv;
    ngx_str_t                         *value;
    ngx_conf_t                         save;
    ngx_http_webhook_endpoint_t       *ep, **epp;
    ngx_http_webhook_endpoint_conf_t  *ec;

    value = cf->args->elts;

    if (ngx_http_webhook_endpoint_name_ok(&value[1]) != NGX_OK) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                   "a name of 1 to 64 letters, digits, \"_\", \".\" or \"-\"");
    }

    if (wmcf->endpoints.nelts == 0) {
        ngx_rbtree_init(&wmcf->endpoint_tree, &wmcf->endpoint_sentinel,
                        ngx_str_rbtree_insert_value);
    }

    ep = ngx_http_webhook_endpoint_find(wmcf, &value[1]);

    if (ep) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate webhook_endpoint \"%V\", "
                           "the other one is in %V:%ui",
                           &value[1], &ep->file, ep->line);
        return NGX_CONF_ERROR;
    }

    ec = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_endpoint_conf_t));
    if (ec == NULL) {
        return NGX_CONF_ERROR;
    }

    ec->tls.verify = NGX_CONF_UNSET;

    ep = &ec->endpoint;

    ngx_queue_init(&ep->held);
    ngx_queue_init(&ep->queued);
    ngx_queue_init(&ep->paced);

    ep->main = wmcf;
    ep->name = value[1];
    ep->file = cf->conf_file->file.name;
    ep->line = cf->conf_file->line;
    ep->method = ngx_http_webhook_methods[0];
    ep->event_headers = NGX_CONF_UNSET;
    ep->allow_http = NGX_CONF_UNSET;
    ep->timeout = 10000;
    ep->history = NGX_CONF_UNSET_UINT;
    ep->policy.retry.delays = ngx_http_webhook_retry_default;
    ep->policy.retry.n = sizeof(ngx_http_webhook_retry_default)
                         / sizeof(uint64_t);
    ep->policy.retry.after_max = 3600000;
    ep->count_throttled = NGX_CONF_UNSET;

    if (ngx_array_init(&ep->headers, cf->pool, 4,
                       sizeof(ngx_http_webhook_header_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&ep->keys, cf->pool, 1, sizeof(ngx_http_webhook_key_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&ep->events, cf->pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_http_webhook_endpoint_line;
    cf->handler_conf = (void *) ec;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_http_webhook_endpoint_check(cf, ec) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (wmcf->endpoints.elts == NULL
        && ngx_array_init(&wmcf->endpoints, cf->pool, 4,
                          sizeof(ngx_http_webhook_endpoint_t *))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ep->index = wmcf->endpoints.nelts;

    epp = ngx_array_push(&wmcf->endpoints);
    if (epp == NULL) {
        return NGX_CONF_ERROR;
    }

    *epp = ep;

    ep->node.str = ep->name;
    ep->node.node.key = ngx_crc32_long(ep->name.data, ep->name.len);

    ngx_rbtree_insert(&wmcf->endpoint_tree, &ep->node.node);

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_line(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf)
{
    ngx_http_webhook_endpoint_conf_t *ec = conf;

    ngx_str_t                        *value;
    ngx_uint_t                        n;
    ngx_http_webhook_endpoint_cmd_t  *cmd;

    value = cf->args->elts;

    if (cf->args->nelts == 2
        && ngx_strcmp(value[0].data, "include") == 0)
    {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (cmd = ngx_http_webhook_endpoint_cmds; cmd->name.len; cmd++) {

        if (cmd->name.len != value[0].len
            || ngx_strcmp(cmd->name.data, value[0].data) != 0)
        {
            continue;
        }

        n = cf->args->nelts - 1;

        if (n < cmd->min || (cmd->max && n > cmd->max)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in "
                               "\"%V\" directive", &value[0]);
            return NGX_CONF_ERROR;
        }

        n = cmd - ngx_http_webhook_endpoint_cmds;

        if ((ec->seen & ((uint64_t) 1 << n)) && !cmd->repeat) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive is duplicate", &value[0]);
            return NGX_CONF_ERROR;
        }

        ec->seen |= (uint64_t) 1 << n;

        if (ngx_http_webhook_endpoint_note(cf, cmd, ec) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        return cmd->set(cf, cmd, ec);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in webhook_endpoint \"%V\"",
                       &value[0], &ec->endpoint.name);

    return NGX_CONF_ERROR;
}


/* the line for operators, without its secrets */

static ngx_int_t
ngx_http_webhook_endpoint_note(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_uint_t                i;
    ngx_http_webhook_line_t  *line;

    line = ngx_http_webhook_lines_add(cf, &ec->endpoint.lines);
    if (line == NULL) {
        return NGX_ERROR;
    }

    if (cmd->secret == NGX_HTTP_WEBHOOK_SECRET_LAST) {
        return ngx_http_webhook_line_secret(cf, line, line->nwords - 1);
    }

    if (cmd->secret == 0) {
        return NGX_OK;
    }

    for (i = 1; i < line->nwords; i++) {
        if (ngx_http_webhook_sign_mask(cf, line, i) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_endpoint_preset(ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t i, ngx_str_t *name, ngx_str_t *preset)
{
    static char  *histories[] = { "off", "failures", "all" };

    ngx_http_webhook_endpoint_cmd_t  *cmd;

    cmd = &ngx_http_webhook_endpoint_cmds[i];

    if (cmd->name.len == 0) {
        return NGX_DECLINED;
    }

    *name = cmd->name;
    preset->data = (u_char *) cmd->preset;

    /* those that depend on others, or on the level outside */

    if (cmd->set == ngx_http_webhook_endpoint_zone) {
        *preset = *ngx_http_webhook_zone_name(ep->zone);
        return NGX_OK;
    }

    if (cmd->set == ngx_http_webhook_endpoint_concurrency) {
        preset->data = (u_char *) (ep->policy.order == WH_ORDER_STRICT ? "1"
                                                                       : "8");

    } else if (ngx_strcmp(name->data, "history") == 0) {
        preset->data = (u_char *) histories[ep->history];

    } else if (ngx_strcmp(name->data, "addresses") == 0) {
        preset->data = (u_char *) (ep->public ? "public" : "any");

    } else if (ngx_strcmp(name->data, "ssl_name") == 0 && ep->ssl) {
        *preset = ep->ssl_name;
        return NGX_OK;
    }

    preset->len = preset->data ? ngx_strlen(preset->data) : 0;

    return NGX_OK;
}


/* what can only be said when all lines were read */

static char *
ngx_http_webhook_endpoint_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                     any, bad;
    ngx_uint_t                    i;
    ngx_http_webhook_endpoint_t  *ep;

    ep = &ec->endpoint;

    if (ep->url.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"url\" in webhook_endpoint \"%V\"", &ep->name);
        return NGX_CONF_ERROR;
    }

    ngx_conf_init_value(ep->event_headers, 1);
    ngx_conf_init_value(ep->allow_http, 0);
    ngx_conf_init_value(ep->count_throttled, 0);
    ngx_conf_init_value(ec->tls.verify, 1);

    if (!ep->ssl && !ep->allow_http) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"http://\" in \"url\" of webhook_endpoint \"%V\" "
                           "needs \"allow_http on\"", &ep->name);
        return NGX_CONF_ERROR;
    }

    ngx_http_webhook_addresses_default(ep);

    if (ep->host.len == 0 && ep->ssl_name.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ssl_name\" in webhook_endpoint \"%V\" must not "
                           "come with a host out of variables in \"url\", "
                           "whose name is verified", &ep->name);
        return NGX_CONF_ERROR;
    }

    if ((ec->tls.certificate.len == 0) != (ec->tls.key.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ssl_certificate\" and \"ssl_certificate_key\" "
                           "must be both given in webhook_endpoint \"%V\"",
                           &ep->name);
        return NGX_CONF_ERROR;
    }

    if (ep->policy.concurrency == 0) {
        ep->policy.concurrency = ep->policy.order == WH_ORDER_STRICT
                                 ? 1 : NGX_HTTP_WEBHOOK_CONCURRENCY;

    } else if (ep->policy.order == WH_ORDER_STRICT
               && ep->policy.concurrency > 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"concurrency %uD\" in webhook_endpoint \"%V\" "
                           "needs \"order key\" or \"order none\"",
                           ep->policy.concurrency, &ep->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_keys_end(cf, ep) != NGX_OK
        || ngx_http_webhook_sign_check(cf, ep) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < sizeof(ep->success.bits); i++) {
        if (ep->success.bits[i]) {
            return NGX_CONF_OK;
        }
    }

    ngx_str_set(&any, "2xx");
    (void) ngx_http_webhook_statuses_parse(&any, &ep->success, &bad);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_endpoint_name_ok(ngx_str_t *name)
{
    u_char  c;
    size_t  i;

    if (name->len == 0 || name->len > NGX_HTTP_WEBHOOK_NAME_MAX) {
        return NGX_DECLINED;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
            || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-')
        {
            continue;
        }

        return NGX_DECLINED;
    }

    return NGX_OK;
}


static char *
ngx_http_webhook_endpoint_invalid(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\", it must be %s",
                       value, name, allowed);

    return NGX_CONF_ERROR;
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

    u->url = ep->host;
    u->default_port = url.https ? 443 : 80;
    u->no_resolve = 1;

    if (ngx_parse_url(cf->pool, u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in url \"%V\"",
                           u->err ? u->err : "no memory", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_method(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value, *method;

    value = cf->args->elts;

    for (method = ngx_http_webhook_methods; method->len; method++) {

        if (method->len == value[1].len
            && ngx_strcmp(method->data, value[1].data) == 0)
        {
            ec->endpoint.method = *method;
            return NGX_CONF_OK;
        }
    }

    return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
               "\"POST\", \"GET\", \"PUT\", \"PATCH\" or \"DELETE\"");
}


static char *
ngx_http_webhook_endpoint_payload(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                           "the name of a webhook_payload");
    }

    ec->payload = value[1];
    ec->payload_file = cf->conf_file->file.name;
    ec->payload_line = cf->conf_file->line;

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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                         "a language, as \"de\" or \"pt-BR\"");
    }

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_endpoint_zone(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                              "the name of a webhook_zone");
    }

    ec->zone = value[1];
    ec->zone_file = cf->conf_file->file.name;
    ec->zone_line = cf->conf_file->line;

    return NGX_CONF_OK;
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
            return ngx_http_webhook_endpoint_invalid(cf, &value[i],
                       &cmd->name, "labels of letters, digits and \"_\", or "
                       "\"*\" for any labels, joined by \".\"");
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
ngx_http_webhook_endpoint_header(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_webhook_endpoint_named(cf, cmd, ec, &value[1], 0);
}


static char *
ngx_http_webhook_endpoint_api_key(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "header") != 0) {
        return ngx_http_webhook_api_key(cf, &ec->endpoint);
    }

    if (value[3].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[3], &cmd->name,
                                                 "a key");
    }

    return ngx_http_webhook_endpoint_named(cf, cmd, ec, &value[2], 1);
}


/* a header: its name and its value */

static char *
ngx_http_webhook_endpoint_named(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *value, ngx_uint_t key)
{
    ngx_str_t                  *name;
    ngx_http_webhook_header_t  *h;

    if (!wh_header_name_ok((char *) value[0].data, value[0].len)) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[0], &cmd->name,
                                                 "the name of a header");
    }

    for (name = ngx_http_webhook_reserved_headers; name->len; name++) {

        if (name->len == value[0].len
            && ngx_strcasecmp(name->data, value[0].data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the header \"%V\" is written by the module, "
                               "it cannot be set by \"%V\"",
                               &value[0], &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

    h = ngx_http_webhook_endpoint_add(cf, ec, &value[0], key);
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_secret_value(cf, &value[1], h);
}


/* several of one name are fine, unless one of them is a credential */

static ngx_http_webhook_header_t *
ngx_http_webhook_endpoint_add(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *name, ngx_uint_t key)
{
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    if (ngx_strcasecmp(name->data, (u_char *) "authorization") == 0) {
        key = 1;
    }

    h = ec->endpoint.headers.elts;

    for (i = 0; i < ec->endpoint.headers.nelts; i++) {

        if ((!key && !h[i].key)
            || h[i].name.len != name->len
            || ngx_strcasecmp(h[i].name.data, name->data) != 0)
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the header \"%V\" is set twice in "
                           "webhook_endpoint \"%V\", the other one is in "
                           "%V:%ui", name, &ec->endpoint.name,
                           &h[i].file, h[i].line);
        return NULL;
    }

    h = ngx_array_push(&ec->endpoint.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_http_webhook_header_t));

    h->name = *name;
    h->key = key;
    h->file = cf->conf_file->file.name;
    h->line = cf->conf_file->line;

    return h;
}


static char *
ngx_http_webhook_endpoint_basic(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    u_char                     *p;
    ngx_str_t                  *value, password, plain;
    ngx_http_webhook_header_t  *h;

    value = cf->args->elts;

    if (ngx_strlchr(value[1].data, value[1].data + value[1].len, ':')
        || !wh_header_value_ok((char *) value[1].data, value[1].len))
    {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                   "a user name without colon and control characters");
    }

    h = ngx_http_webhook_endpoint_authorization(cf, ec, "Basic ");
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_secret(cf, &value[2], &password) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    plain.len = value[1].len + 1 + password.len;
    plain.data = ngx_pnalloc(cf->temp_pool, plain.len);
    if (plain.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(plain.data, value[1].data, value[1].len);
    *p++ = ':';
    ngx_memcpy(p, password.data, password.len);

    h->literal.data = ngx_pnalloc(cf->pool,
                                  ngx_base64_encoded_length(plain.len));
    if (h->literal.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_encode_base64(&h->literal, &plain);
    ngx_explicit_memzero(plain.data, plain.len);

    h->plain = password;
    h->secret = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_bearer(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                  *value;
    ngx_http_webhook_header_t  *h;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a token");
    }

    h = ngx_http_webhook_endpoint_authorization(cf, ec, "Bearer ");
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_secret_value(cf, &value[1], h);
}


static ngx_http_webhook_header_t *
ngx_http_webhook_endpoint_authorization(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, char *prefix)
{
    ngx_http_webhook_header_t  *h;

    static ngx_str_t  name = ngx_string("Authorization");

    h = ngx_http_webhook_endpoint_add(cf, ec, &name, 1);
    if (h == NULL) {
        return NULL;
    }

    h->prefix.data = (u_char *) prefix;
    h->prefix.len = ngx_strlen(prefix);

    return h;
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                       "a time above 0, at most 3650d");
    }

    ec->endpoint.timeout = t;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_statuses(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                    *value, bad;
    ngx_http_webhook_statuses_t  *s;

    value = cf->args->elts;

    s = (ngx_http_webhook_statuses_t *) ((u_char *) ec + cmd->offset);

    if (ngx_http_webhook_statuses_parse(&value[1], s, &bad) != NGX_OK) {
        return ngx_http_webhook_endpoint_invalid(cf, &bad, &cmd->name,
                   "\"any\", or a list of \"2xx\", \"404\" or \"500-599\" "
                   "with commas");
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                               "a time, or 0 for never, at most 3650d");
    }

    ec->endpoint.policy.retry.expire = t;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "drop") != 0) {
            return ngx_http_webhook_endpoint_invalid(cf, &value[2],
                                                     &cmd->name, "\"drop\"");
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a time of 0 to 3650d");
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
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 0; ngx_http_webhook_orders[i].len; i++) {

        if (ngx_strcmp(ngx_http_webhook_orders[i].data, value[1].data) == 0) {
            break;
        }
    }

    if (ngx_http_webhook_orders[i].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                         "\"strict\", \"key\" or \"none\"");
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a number of 1 to 256");
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

    return allowed ? ngx_http_webhook_endpoint_invalid(cf, bad, &cmd->name,
                                                       allowed)
                   : NGX_CONF_OK;
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "\"on\" or \"off\"");
    }

    return NGX_CONF_OK;
}


#if (NGX_HTTP_SSL)

static char *
ngx_http_webhook_endpoint_str(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value, *str;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "given");
    }

    str = (ngx_str_t *) ((u_char *) ec + cmd->offset);
    *str = value[1];

    return NGX_CONF_OK;
}


static char *
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
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                   "a host name or an IP address");
    }

    ec->endpoint.ssl_name = name;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_protocols(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "TLSv1") == 0) {
            ec->tls.protocols |= NGX_SSL_TLSv1;

        } else if (ngx_strcmp(value[i].data, "TLSv1.1") == 0) {
            ec->tls.protocols |= NGX_SSL_TLSv1_1;

        } else if (ngx_strcmp(value[i].data, "TLSv1.2") == 0) {
            ec->tls.protocols |= NGX_SSL_TLSv1_2;

        } else if (ngx_strcmp(value[i].data, "TLSv1.3") == 0) {
            ec->tls.protocols |= NGX_SSL_TLSv1_3;

        } else {
            return ngx_http_webhook_endpoint_invalid(cf, &value[i],
                       &cmd->name, "\"TLSv1\", \"TLSv1.1\", \"TLSv1.2\" or "
                       "\"TLSv1.3\"");
        }
    }

    return NGX_CONF_OK;
}

#endif


char *
ngx_http_webhook_endpoint_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                          i;
    ngx_http_core_main_conf_t          *cmcf;
    ngx_http_webhook_endpoint_t        *ep, **epp;
    ngx_http_webhook_endpoint_conf_t   *ec;

#if (NGX_HTTP_SSL)
    ngx_http_webhook_tls_set_t          set;

    if (ngx_http_webhook_tls_set_init(cf, &set) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
#endif

    if (wmcf->endpoints.nelts == 0) {
        return NGX_CONF_OK;
    }

    epp = wmcf->endpoints.elts;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->servers.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "webhook_endpoint needs a \"server\" beside it in %V:%ui",
                      &epp[0]->file, epp[0]->line);
        return NGX_CONF_ERROR;
    }

    wmcf->ctx = ngx_http_webhook_fake_ctx(cf);
    if (wmcf->ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        ep = epp[i];
        ec = (ngx_http_webhook_endpoint_conf_t *) ep;

        if (ec->payload.len) {
            ep->payload = ngx_http_webhook_payload_find(wmcf, &ec->payload);

            if (ep->payload == NULL) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown webhook_payload \"%V\" in "
                              "webhook_endpoint \"%V\" in %V:%ui",
                              &ec->payload, &ep->name, &ec->payload_file,
                              ec->payload_line);
                return NGX_CONF_ERROR;
            }

            if (ngx_http_webhook_keys_check(cf, ep, ep->payload,
                                            ec->payload_file.data,
                                            ec->payload_line)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }
        }

        ngx_http_webhook_endpoint_unsent(cf, ec);

        if (ngx_http_webhook_language_use(cf, ep, ep->payload, 1)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_url_check(cf, ep, ep->payload) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        ep->zone = ngx_http_webhook_zone_find(wmcf, &ec->zone);

        if (ep->zone == NULL && ec->zone.len) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown webhook_zone \"%V\" in "
                          "webhook_endpoint \"%V\" in %V:%ui",
                          &ec->zone, &ep->name, &ec->zone_file,
                          ec->zone_line);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_endpoint_upstream(cf, ec) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

#if (NGX_HTTP_SSL)
        if (ep->ssl
            && ngx_http_webhook_tls_init(cf, &set, &ec->tls, ep) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
#endif
    }

    return NGX_CONF_OK;
}


static void
ngx_http_webhook_endpoint_unsent(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_http_webhook_endpoint_t  *ep;

    ep = &ec->endpoint;

    if (ep->payload == NULL
        || ngx_http_webhook_payload_in_head(ep->payload)
        || (ep->texts && ep->texts->fields)
        || ep->method.len != 3 || ngx_memcmp(ep->method.data, "GET", 3) != 0)
    {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "payload \"%V\" of webhook_endpoint \"%V\" in %V:%ui is not "
                  "sent: with \"method GET\" there is no body, it must be of "
                  "the kind \"form\", or \"cloudevents binary\"",
                  &ec->payload, &ep->name, &ec->payload_file,
                  ec->payload_line);
}


static char *
ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_http_upstream_conf_t      *ucf;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_upstream_srv_conf_t  *uscf;

    ep = &ec->endpoint;

    /* of our own, since others may use the upstream's, without our caches */

    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    uscf->peer.init = ngx_http_webhook_peer_init;
    uscf->host = ep->host;
    uscf->file_name = ep->file.data;
    uscf->line = ep->line;

    ucf = &ep->upstream;

    ucf->upstream = uscf;

    /* the attempt's own timer is set earlier and ends it, whatever happens */

    ucf->connect_timeout = ep->timeout;
    ucf->send_timeout = ep->timeout;
    ucf->read_timeout = ep->timeout;

    ucf->buffer_size = NGX_HTTP_WEBHOOK_BUFFER_SIZE;
    ucf->ignore_client_abort = 1;

    /* how far this goes is decided in ngx_http_webhook_peer_free() */

    ucf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                         |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    ucf->ignore_headers = NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                          |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                          |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                          |NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                          |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                          |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                          |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                          |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET
                          |NGX_HTTP_UPSTREAM_IGN_VARY;

    ngx_str_set(&ucf->module, "webhook");

    return ngx_http_webhook_endpoint_peers(cf, ec);
}


/* where the addresses come from */

static char *
ngx_http_webhook_endpoint_peers(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_url_t                      *u;
    ngx_uint_t                      i;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_upstream_server_t     *server;
    ngx_http_webhook_endpoint_t    *ep;
    ngx_http_upstream_srv_conf_t   *uscf, **uscfp;
    ngx_http_upstream_main_conf_t  *umcf;

    ep = &ec->endpoint;
    u = &ec->address;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        ep->names = clcf->resolver;
        ep->resolver_timeout = clcf->resolver_timeout == NGX_CONF_UNSET_MSEC
                               ? 30000 : clcf->resolver_timeout;
    }

    if (ep->host.len == 0) {

        if (ep->names) {
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the host of \"%V\" in \"url\" of webhook_endpoint "
                      "\"%V\" comes from variables, which needs a "
                      "\"resolver\" on the \"http\" level in %V:%ui",
                      &ep->url, &ep->name, &ep->url_file, ep->url_line);
        return NGX_CONF_ERROR;
    }

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (!(uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            || uscfp[i]->host.len != u->host.len
            || ngx_strncasecmp(uscfp[i]->host.data, u->host.data, u->host.len)
               != 0)
        {
            continue;
        }

        if (!u->no_port) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "upstream \"%V\" may not have port %d in %V:%ui",
                          &u->host, (int) u->port, &ep->url_file, ep->url_line);
            return NGX_CONF_ERROR;
        }

        ep->uscf = uscfp[i];

        return NGX_CONF_OK;
    }

    /* with a resolver in http {}, a name follows its TTL */

    if (ec->host_type == WH_URL_NAME && ep->names) {
        ep->resolver = ep->names;
        return NGX_CONF_OK;
    }

    /*
     * Not by ngx_http_upstream_add(): nginx would look up the name of what it
     * makes before it is known whether there is a resolver.
     */

    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    uscf->host = u->host;
    uscf->port = u->port;
    uscf->no_port = u->no_port;
    uscf->file_name = ep->url_file.data;
    uscf->line = ep->url_line;

    if (u->naddrs == 1) {
        uscf->servers = ngx_array_create(cf->pool, 1,
                                         sizeof(ngx_http_upstream_server_t));
        if (uscf->servers == NULL) {
            return NGX_CONF_ERROR;
        }

        server = ngx_array_push(uscf->servers);
        if (server == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

        server->addrs = u->addrs;
        server->naddrs = 1;
    }

    if (ngx_http_upstream_init_round_robin(cf, uscf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ep->uscf = uscf;

    return NGX_CONF_OK;
}


ngx_http_webhook_endpoint_t *
ngx_http_webhook_endpoint_find(ngx_http_webhook_main_conf_t *wmcf,
    ngx_str_t *name)
{
    if (wmcf->endpoints.nelts == 0) {
        return NULL;
    }

    /* the node is the first in the endpoint */

    return (ngx_http_webhook_endpoint_t *)
               ngx_str_rbtree_lookup(&wmcf->endpoint_tree, name,
                                     ngx_crc32_long(name->data, name->len));
}
