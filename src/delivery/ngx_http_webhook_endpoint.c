
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_zone.h"
#include "ngx_http_webhook_fake.h"
#include "ngx_http_webhook_peer.h"

#include "wh_escape.h"
#include "wh_url.h"


#define NGX_HTTP_WEBHOOK_BUFFER_SIZE  4096
#define NGX_HTTP_WEBHOOK_SECRET_MAX   65536
#define NGX_HTTP_WEBHOOK_CONCURRENCY  8
#define NGX_HTTP_WEBHOOK_VERIFY_DEPTH 9


/* what a TLS context is made of; equal ones are shared */

typedef struct {
    ngx_flag_t                        verify;
    ngx_str_t                         address;    /* to verify, if no name */
    ngx_str_t                         trusted;    /* empty: the system's */
    ngx_str_t                         certificate;
    ngx_str_t                         key;
    ngx_str_t                         ciphers;
    ngx_uint_t                        protocols;
} ngx_http_webhook_tls_conf_t;


#if (NGX_HTTP_SSL)

/* connections and sessions are shared within one of these */

typedef struct {
    ngx_http_webhook_tls_conf_t      *conf;
    ngx_ssl_t                        *ssl;
    ngx_str_t                         name;
    ngx_http_complex_value_t          cv;         /* the name, for nginx */
} ngx_http_webhook_tls_t;

#endif


/* an endpoint, and what is needed until the end of the configuration */

typedef struct {
    ngx_http_webhook_endpoint_t       endpoint;   /* must be first */
    ngx_str_t                         payload;
    ngx_uint_t                        payload_line;
    ngx_str_t                         zone;
    ngx_uint_t                        zone_line;
    int                               host_type;  /* WH_URL_... */
    ngx_http_webhook_tls_conf_t       tls;
    ngx_flag_t                        authorized;
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
};


static char *ngx_http_webhook_endpoint_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
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
static char *ngx_http_webhook_endpoint_zone(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_events(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_header(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_basic(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_bearer(ngx_conf_t *cf,
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
static char *ngx_http_webhook_endpoint_order(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_concurrency(ngx_conf_t *cf,
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
static ngx_http_webhook_header_t *ngx_http_webhook_endpoint_authorization(
    ngx_conf_t *cf, ngx_http_webhook_endpoint_conf_t *ec, char *prefix);
static char *ngx_http_webhook_endpoint_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_webhook_header_t *h);
static ngx_int_t ngx_http_webhook_endpoint_secret(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *secret);
static ngx_int_t ngx_http_webhook_endpoint_secret_file(ngx_conf_t *cf,
    ngx_str_t *path, ngx_str_t *secret);

static char *ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static ngx_int_t ngx_http_webhook_statuses_add(u_char *p, size_t n,
    ngx_http_webhook_statuses_t *s);

#if (NGX_HTTP_SSL)
static char *ngx_http_webhook_endpoint_tls(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_array_t *contexts,
    ngx_array_t *identities);
static ngx_http_webhook_tls_t *ngx_http_webhook_tls_context(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_array_t *contexts);
static ngx_int_t ngx_http_webhook_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_http_webhook_tls_conf_t *tc);
static ngx_int_t ngx_http_webhook_tls_same(ngx_http_webhook_tls_conf_t *a,
    ngx_http_webhook_tls_conf_t *b);
#endif


#define ngx_http_webhook_endpoint_offset(field)                               \
    offsetof(ngx_http_webhook_endpoint_conf_t, endpoint.field)

#define ngx_http_webhook_tls_offset(field)                                    \
    offsetof(ngx_http_webhook_endpoint_conf_t, tls.field)


static ngx_http_webhook_endpoint_cmd_t  ngx_http_webhook_endpoint_cmds[] = {

    { ngx_string("url"), 1, 1,
      ngx_http_webhook_endpoint_url, 0, 0 },

    { ngx_string("method"), 1, 1,
      ngx_http_webhook_endpoint_method, 0, 0 },

    { ngx_string("payload"), 1, 1,
      ngx_http_webhook_endpoint_payload, 0, 0 },

    { ngx_string("events"), 1, 0,
      ngx_http_webhook_endpoint_events, 0, 1 },

    { ngx_string("header"), 2, 2,
      ngx_http_webhook_endpoint_header, 0, 1 },

    { ngx_string("basic"), 2, 2,
      ngx_http_webhook_endpoint_basic, 0, 0 },

    { ngx_string("bearer"), 1, 1,
      ngx_http_webhook_endpoint_bearer, 0, 0 },

    { ngx_string("timeout"), 1, 1,
      ngx_http_webhook_endpoint_timeout, 0, 0 },

    { ngx_string("success"), 1, 1,
      ngx_http_webhook_endpoint_statuses,
      ngx_http_webhook_endpoint_offset(success), 0 },

    { ngx_string("retry"), 1, 0,
      ngx_http_webhook_endpoint_retry, 0, 0 },

    { ngx_string("expire"), 1, 2,
      ngx_http_webhook_endpoint_expire, 0, 0 },

    { ngx_string("permanent"), 1, 1,
      ngx_http_webhook_endpoint_statuses,
      ngx_http_webhook_endpoint_offset(permanent), 0 },

    { ngx_string("order"), 1, 2,
      ngx_http_webhook_endpoint_order, 0, 0 },

    { ngx_string("concurrency"), 1, 1,
      ngx_http_webhook_endpoint_concurrency, 0, 0 },

    { ngx_string("zone"), 1, 1,
      ngx_http_webhook_endpoint_zone, 0, 0 },

    { ngx_string("event_headers"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_endpoint_offset(event_headers), 0 },

    { ngx_string("allow_http"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_endpoint_offset(allow_http), 0 },

#if (NGX_HTTP_SSL)

    { ngx_string("ssl_verify"), 1, 1,
      ngx_http_webhook_endpoint_flag,
      ngx_http_webhook_tls_offset(verify), 0 },

    { ngx_string("ssl_trusted_certificate"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(trusted), 0 },

    { ngx_string("ssl_certificate"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(certificate), 0 },

    { ngx_string("ssl_certificate_key"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(key), 0 },

    { ngx_string("ssl_ciphers"), 1, 1,
      ngx_http_webhook_endpoint_str,
      ngx_http_webhook_tls_offset(ciphers), 0 },

    { ngx_string("ssl_name"), 1, 1,
      ngx_http_webhook_endpoint_ssl_name, 0, 0 },

    { ngx_string("ssl_protocols"), 1, 0,
      ngx_http_webhook_endpoint_protocols, 0, 0 },

#endif

    { ngx_null_string, 0, 0, NULL, 0, 0 }
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


static ngx_msec_t  ngx_http_webhook_retry_default[] = {
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

    ep->main = wmcf;
    ep->name = value[1];
    ep->file = cf->conf_file->file.name;
    ep->line = cf->conf_file->line;
    ep->method = ngx_http_webhook_methods[0];
    ep->event_headers = NGX_CONF_UNSET;
    ep->allow_http = NGX_CONF_UNSET;
    ep->timeout = 10000;
    ep->retry = ngx_http_webhook_retry_default;
    ep->nretry = sizeof(ngx_http_webhook_retry_default) / sizeof(ngx_msec_t);

    if (ngx_array_init(&ep->headers, cf->pool, 4,
                       sizeof(ngx_http_webhook_header_t))
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

        return cmd->set(cf, cmd, ec);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in webhook_endpoint \"%V\"",
                       &value[0], &ec->endpoint.name);

    return NGX_CONF_ERROR;
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
    ngx_conf_init_value(ec->tls.verify, 1);

    if (!ep->ssl && !ep->allow_http) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"http://\" in \"url\" of webhook_endpoint \"%V\" "
                           "needs \"allow_http on\"", &ep->name);
        return NGX_CONF_ERROR;
    }

    if ((ec->tls.certificate.len == 0) != (ec->tls.key.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ssl_certificate\" and \"ssl_certificate_key\" "
                           "must be both given in webhook_endpoint \"%V\"",
                           &ep->name);
        return NGX_CONF_ERROR;
    }

    if (ep->concurrency == 0) {
        ep->concurrency = ep->order == NGX_HTTP_WEBHOOK_ORDER_STRICT
                          ? 1 : NGX_HTTP_WEBHOOK_CONCURRENCY;

    } else if (ep->order == NGX_HTTP_WEBHOOK_ORDER_STRICT
               && ep->concurrency > 1)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"concurrency %ui\" in webhook_endpoint \"%V\" "
                           "needs \"order key\" or \"order none\"",
                           ep->concurrency, &ep->name);
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
    ngx_url_t                     u;
    const char                   *err;
    ngx_http_webhook_endpoint_t  *ep;

    value = cf->args->elts;
    ep = &ec->endpoint;

    if (ngx_strlchr(value[1].data, value[1].data + value[1].len, '$')) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a URL without variables");
    }

    in.data = (const char *) value[1].data;
    in.len = value[1].len;

    if (wh_url_parse(in, &url, &err) != WH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\": %s",
                           &value[1], &cmd->name, err);
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
    ep->ssl = url.https;
    ep->port = url.port;

    ep->host.data = (u_char *) url.authority.data;
    ep->host.len = url.authority.len;

    ep->target.data = (u_char *) url.target.data;
    ep->target.len = url.target.len;

    ep->resolve.data = (u_char *) url.host.data;
    ep->resolve.len = url.host.len;

    ec->host_type = url.type;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = ep->host;
    u.default_port = url.https ? 443 : 80;
    u.no_resolve = 1;

    ep->uscf = ngx_http_upstream_add(cf, &u, 0);

    return ep->uscf ? NGX_CONF_OK : NGX_CONF_ERROR;
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

    ec->payload = value[1];
    ec->payload_line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_zone(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ec->zone = value[1];
    ec->zone_line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_events(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    u_char       c;
    size_t       j;
    ngx_str_t   *value, *pattern;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (j = 0; j < value[i].len; j++) {
            c = value[i].data[j];

            if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'
                || c == '*')
            {
                continue;
            }

            break;
        }

        if (j == 0 || j < value[i].len) {
            return ngx_http_webhook_endpoint_invalid(cf, &value[i],
                       &cmd->name, "letters, digits, \"_\", \".\", \"-\" "
                       "and \"*\" for any labels");
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
    ngx_str_t                  *value, *name;
    ngx_http_webhook_header_t  *h;

    value = cf->args->elts;

    if (!wh_header_name_ok((char *) value[1].data, value[1].len)) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "the name of a header");
    }

    for (name = ngx_http_webhook_reserved_headers; name->len; name++) {

        if (name->len == value[1].len
            && ngx_strcasecmp(name->data, value[1].data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the header \"%V\" is written by the module, "
                               "it cannot be set by \"header\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_strcasecmp(value[1].data, (u_char *) "authorization") == 0) {
        h = ngx_http_webhook_endpoint_authorization(cf, ec, "");

    } else {
        h = ngx_array_push(&ec->endpoint.headers);

        if (h) {
            ngx_memzero(h, sizeof(ngx_http_webhook_header_t));
        }
    }

    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    h->name = value[1];

    return ngx_http_webhook_endpoint_value(cf, &value[2], h);
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

    if (ngx_http_webhook_endpoint_secret(cf, &value[2], &password) != NGX_OK) {
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

    h = ngx_http_webhook_endpoint_authorization(cf, ec, "Bearer ");
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_endpoint_value(cf, &value[1], h);
}


static ngx_http_webhook_header_t *
ngx_http_webhook_endpoint_authorization(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, char *prefix)
{
    ngx_http_webhook_header_t  *h;

    if (ec->authorized) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the header \"Authorization\" is set twice in "
                           "webhook_endpoint \"%V\"", &ec->endpoint.name);
        return NULL;
    }

    ec->authorized = 1;

    h = ngx_array_push(&ec->endpoint.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_http_webhook_header_t));

    ngx_str_set(&h->name, "Authorization");
    h->prefix.data = (u_char *) prefix;
    h->prefix.len = ngx_strlen(prefix);

    return h;
}


/* a literal, "file:PATH", "env:NAME", or something with variables */

static char *
ngx_http_webhook_endpoint_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_webhook_header_t *h)
{
    ngx_http_complex_value_t           cv;
    ngx_http_compile_complex_value_t   ccv;

    if (ngx_strlchr(value->data, value->data + value->len, '$')
        && ngx_strncmp(value->data, "file:", 5) != 0)
    {
        ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

        ccv.cf = cf;
        ccv.value = value;
        ccv.complex_value = &cv;

        if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        h->cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
        if (h->cv == NULL) {
            return NGX_CONF_ERROR;
        }

        *h->cv = cv;

        return NGX_CONF_OK;
    }

    if (ngx_http_webhook_endpoint_secret(cf, value, &h->literal) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    h->secret = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_endpoint_secret(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    char  *env;

    if (ngx_strncmp(value->data, "file:", 5) == 0) {
        return ngx_http_webhook_endpoint_secret_file(cf, value, secret);
    }

    *secret = *value;

    if (ngx_strncmp(value->data, "env:", 4) == 0) {

        env = getenv((char *) value->data + 4);

        if (env == NULL || env[0] == '\0') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the environment variable of \"%V\" is not set",
                               value);
            return NGX_ERROR;
        }

        secret->len = ngx_strlen(env);
        secret->data = ngx_pnalloc(cf->pool, secret->len);
        if (secret->data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(secret->data, env, secret->len);
    }

    if (!wh_header_value_ok((char *) secret->data, secret->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "control character in the value of a header");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_endpoint_secret_file(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret)
{
    size_t            size;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    path.data = value->data + 5;
    path.len = value->len - 5;

    if (path.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no path in \"%V\"", value);
        return NGX_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", &path);
        goto done;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a regular file", &path);
        goto done;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_WEBHOOK_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %d octets", &path,
                           NGX_HTTP_WEBHOOK_SECRET_MAX);
        goto done;
    }

    size = (size_t) ngx_file_size(&fi);

    secret->data = ngx_pnalloc(cf->pool, size + 1);
    if (secret->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, secret->data, size);

    if (n == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_fd_n " \"%V\" failed", &path);
        goto done;
    }

    if (n && secret->data[n - 1] == LF) {
        n--;

        if (n && secret->data[n - 1] == CR) {
            n--;
        }
    }

    secret->len = n;

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" is empty", &path);
        goto done;
    }

    if (!wh_header_value_ok((char *) secret->data, secret->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has more than one line, "
                           "or a control character", &path);
        goto done;
    }

    if (ngx_file_access(&fi) & S_IROTH) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" can be read by everybody", &path);
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", &path);
    }

    return rc;
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

    if (t == NGX_ERROR || t == 0) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a time above 0");
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
    ngx_int_t    t;
    ngx_str_t   *value;
    ngx_uint_t   i, n;
    ngx_msec_t  *retry;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    if (n == 1 && ngx_strcmp(value[1].data, "off") == 0) {
        ec->endpoint.retry = NULL;
        ec->endpoint.nretry = 0;
        return NGX_CONF_OK;
    }

    retry = ngx_palloc(cf->pool, n * sizeof(ngx_msec_t));
    if (retry == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        t = ngx_parse_time(&value[i + 1], 0);

        if (t == NGX_ERROR || t == 0) {
            return ngx_http_webhook_endpoint_invalid(cf, &value[i + 1],
                       &cmd->name, "\"off\", or one or more times above 0");
        }

        retry[i] = t;
    }

    ec->endpoint.retry = retry;
    ec->endpoint.nretry = n;

    return NGX_CONF_OK;
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

    if (t == NGX_ERROR) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a time, or 0 for never");
    }

    ec->endpoint.expire = t;

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
ngx_http_webhook_endpoint_order(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                          *value;
    ngx_uint_t                          i;
    ngx_http_complex_value_t           *cv;
    ngx_http_compile_complex_value_t    ccv;

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

    ec->endpoint.order = i;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (i != NGX_HTTP_WEBHOOK_ORDER_KEY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"order\" has no value \"%V\", "
                           "only \"key\" may have one",
                           &value[1], &value[2]);
        return NGX_CONF_ERROR;
    }

    cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ec->endpoint.order_key = cv;

    return NGX_CONF_OK;
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

    if (n < 1 || n > 65535) {
        return ngx_http_webhook_endpoint_invalid(cf, &value[1], &cmd->name,
                                                 "a number of 1 to 65535");
    }

    ec->endpoint.concurrency = n;

    return NGX_CONF_OK;
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
    ngx_array_t                         contexts, identities;

    if (ngx_array_init(&contexts, cf->temp_pool, 4,
                       sizeof(ngx_http_webhook_tls_t *))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&identities, cf->temp_pool, 4,
                       sizeof(ngx_http_webhook_tls_t *))
        != NGX_OK)
    {
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
                              &ec->payload, &ep->name, &ep->file,
                              ec->payload_line);
                return NGX_CONF_ERROR;
            }
        }

        ep->zone = ngx_http_webhook_zone_find(wmcf, &ec->zone);

        if (ep->zone == NULL && ec->zone.len) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown webhook_zone \"%V\" in "
                          "webhook_endpoint \"%V\" in %V:%ui",
                          &ec->zone, &ep->name, &ep->file, ec->zone_line);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_endpoint_upstream(cf, ec) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

#if (NGX_HTTP_SSL)
        if (ep->ssl
            && ngx_http_webhook_endpoint_tls(cf, ec, &contexts, &identities)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
#endif
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_http_core_loc_conf_t      *clcf;
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

    if (ec->host_type != WH_URL_NAME
        || (ep->uscf->flags & NGX_HTTP_UPSTREAM_CREATE))
    {
        return NGX_CONF_OK;
    }

    /* with a resolver in http {}, a name follows its TTL */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        ep->resolver = clcf->resolver;
        ep->resolver_timeout = clcf->resolver_timeout == NGX_CONF_UNSET_MSEC
                               ? 30000 : clcf->resolver_timeout;
    }

    return NGX_CONF_OK;
}


#if (NGX_HTTP_SSL)

static char *
ngx_http_webhook_endpoint_tls(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_array_t *contexts,
    ngx_array_t *identities)
{
    u_char                       *p;
    ngx_uint_t                    i;
    ngx_str_t                    *name;
    ngx_http_upstream_conf_t     *ucf;
    ngx_http_webhook_tls_t       *context, *tls, **tlsp;
    ngx_http_webhook_endpoint_t  *ep;
    u_char                        address[16];

    ep = &ec->endpoint;
    name = &ep->ssl_name;

    if (name->len == 0) {
        *name = ep->resolve;
    }

    /* the root's dot is no part of a certificate's name */

    if (name->len > 1 && name->data[name->len - 1] == '.') {
        name->len--;
    }

    if (ngx_inet_addr(name->data, name->len) != INADDR_NONE
#if (NGX_HAVE_INET6)
        || ngx_inet6_addr(name->data, name->len, address) == NGX_OK
#endif
       )
    {
        ec->tls.address = *name;
    }

    context = ngx_http_webhook_tls_context(cf, ec, contexts);
    if (context == NULL) {
        return NGX_CONF_ERROR;
    }

    ucf = &ep->upstream;

    ucf->ssl = context->ssl;
    ucf->ssl_session_reuse = 1;
    ucf->ssl_server_name = 1;

    /* nginx compares names only: an address is verified by the context */

    ucf->ssl_verify = ec->tls.verify && ec->tls.address.len == 0;

    tlsp = identities->elts;

    for (i = 0; i < identities->nelts; i++) {

        if (tlsp[i]->ssl == context->ssl
            && tlsp[i]->name.len == name->len
            && ngx_strncasecmp(tlsp[i]->name.data, name->data, name->len)
               == 0)
        {
            ep->tls = tlsp[i];
            ucf->ssl_name = &tlsp[i]->cv;

            return NGX_CONF_OK;
        }
    }

    tls = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_tls_t));
    if (tls == NULL) {
        return NGX_CONF_ERROR;
    }

    tls->conf = context->conf;
    tls->ssl = context->ssl;
    tls->name = *name;

    if (ngx_strlchr(name->data, name->data + name->len, ':')) {

        /* nginx would take a colon for that of a port */

        p = ngx_pnalloc(cf->pool, name->len + 2);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }

        tls->cv.value.data = p;
        tls->cv.value.len = ngx_sprintf(p, "[%V]", name) - p;

    } else {
        tls->cv.value = *name;
    }

    tlsp = ngx_array_push(identities);
    if (tlsp == NULL) {
        return NGX_CONF_ERROR;
    }

    *tlsp = tls;

    ep->tls = tls;
    ucf->ssl_name = &tls->cv;

    return NGX_CONF_OK;
}


static ngx_http_webhook_tls_t *
ngx_http_webhook_tls_context(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_array_t *contexts)
{
    ngx_ssl_t                    *ssl;
    ngx_uint_t                    i;
    ngx_pool_cleanup_t           *cln;
    ngx_http_webhook_tls_t       *tls, **tlsp;
    ngx_http_webhook_tls_conf_t  *tc;

    tc = &ec->tls;

    if (tc->protocols == 0) {
        tc->protocols = NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3;
    }

    if (tc->ciphers.len == 0) {
        ngx_str_set(&tc->ciphers, "DEFAULT");
    }

    if (!tc->verify) {
        ngx_str_null(&tc->address);
        ngx_str_null(&tc->trusted);
    }

    tlsp = contexts->elts;

    for (i = 0; i < contexts->nelts; i++) {
        if (ngx_http_webhook_tls_same(tlsp[i]->conf, tc)) {
            return tlsp[i];
        }
    }

    tls = ngx_pcalloc(cf->temp_pool, sizeof(ngx_http_webhook_tls_t));
    if (tls == NULL) {
        return NULL;
    }

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, tc->protocols, NULL) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_ssl_ciphers(cf, ssl, &tc->ciphers, 0) != NGX_OK) {
        return NULL;
    }

    /* the copies: nginx makes full names of them, which compare differently */

    if (tc->certificate.len) {
        ngx_str_t  certificate, key;

        certificate = tc->certificate;
        key = tc->key;

        if (ngx_ssl_certificate(cf, ssl, &certificate, &key, NULL) != NGX_OK) {
            return NULL;
        }
    }

    if (tc->verify && ngx_http_webhook_tls_trust(cf, ssl, tc) != NGX_OK) {
        return NULL;
    }

    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) {
        return NULL;
    }

    tls->conf = tc;
    tls->ssl = ssl;

    tlsp = ngx_array_push(contexts);
    if (tlsp == NULL) {
        return NULL;
    }

    *tlsp = tls;

    return tls;
}


static ngx_int_t
ngx_http_webhook_tls_trust(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_http_webhook_tls_conf_t *tc)
{
    u_char           *address;
    ngx_str_t         trusted;
    const char       *file, *dir;
    ngx_file_info_t   fi;

    trusted = tc->trusted;

    /* with an empty name only the depth is set */

    if (ngx_ssl_trusted_certificate(cf, ssl, &trusted,
                                    NGX_HTTP_WEBHOOK_VERIFY_DEPTH)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (trusted.len == 0) {

        file = getenv(X509_get_default_cert_file_env());
        if (file == NULL) {
            file = X509_get_default_cert_file();
        }

        dir = getenv(X509_get_default_cert_dir_env());
        if (dir == NULL) {
            dir = X509_get_default_cert_dir();
        }

        if (ngx_file_info(file, &fi) == NGX_FILE_ERROR
            && ngx_file_info(dir, &fi) == NGX_FILE_ERROR)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "the system's CA certificates are neither in "
                          "\"%s\" nor in \"%s\", \"ssl_trusted_certificate\" "
                          "is needed", file, dir);
            return NGX_ERROR;
        }

        if (SSL_CTX_set_default_verify_paths(ssl->ctx) == 0) {
            ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                          "SSL_CTX_set_default_verify_paths() failed");
            return NGX_ERROR;
        }

        /* a missing file is no error, but leaves one in the queue */

        ERR_clear_error();
    }

    if (tc->address.len) {

        address = ngx_pnalloc(cf->temp_pool, tc->address.len + 1);
        if (address == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(address, tc->address.data, tc->address.len + 1);

        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(ssl->ctx),
                                          (char *) address)
            == 0)
        {
            ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                          "X509_VERIFY_PARAM_set1_ip_asc(\"%s\") failed",
                          address);
            return NGX_ERROR;
        }

        SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_tls_same(ngx_http_webhook_tls_conf_t *a,
    ngx_http_webhook_tls_conf_t *b)
{
#define ngx_http_webhook_tls_equal(x, y)                                      \
    ((x).len == (y).len && ngx_memcmp((x).data, (y).data, (x).len) == 0)

    return a->verify == b->verify
           && a->protocols == b->protocols
           && ngx_http_webhook_tls_equal(a->address, b->address)
           && ngx_http_webhook_tls_equal(a->trusted, b->trusted)
           && ngx_http_webhook_tls_equal(a->certificate, b->certificate)
           && ngx_http_webhook_tls_equal(a->key, b->key)
           && ngx_http_webhook_tls_equal(a->ciphers, b->ciphers);

#undef ngx_http_webhook_tls_equal
}

#endif


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


ngx_int_t
ngx_http_webhook_statuses_parse(ngx_str_t *value,
    ngx_http_webhook_statuses_t *s, ngx_str_t *bad)
{
    u_char  *p, *last, *comma;

    ngx_memzero(s, sizeof(ngx_http_webhook_statuses_t));

    if (value->len == 3 && ngx_strncmp(value->data, "any", 3) == 0) {
        return ngx_http_webhook_statuses_add((u_char *) "100-599", 7, s);
    }

    p = value->data;
    last = p + value->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        if (comma == NULL) {
            comma = last;
        }

        if (ngx_http_webhook_statuses_add(p, comma - p, s) != NGX_OK) {
            bad->data = p;
            bad->len = comma - p;

            return NGX_ERROR;
        }

        if (comma == last) {
            return NGX_OK;
        }

        p = comma + 1;
    }
}


static ngx_int_t
ngx_http_webhook_statuses_add(u_char *p, size_t n,
    ngx_http_webhook_statuses_t *s)
{
    ngx_int_t  from, to;

    if (n == 3 && p[1] == 'x' && p[2] == 'x' && p[0] >= '1' && p[0] <= '5') {
        from = (p[0] - '0') * 100;
        to = from + 99;

    } else if (n == 3) {
        from = ngx_atoi(p, 3);
        to = from;

    } else if (n == 7 && p[3] == '-') {
        from = ngx_atoi(p, 3);
        to = ngx_atoi(p + 4, 3);

    } else {
        return NGX_ERROR;
    }

    if (from < 100 || to > 599 || from > to) {
        return NGX_ERROR;
    }

    for ( /* void */ ; from <= to; from++) {
        s->bits[(from - 100) / 8] |= 1 << ((from - 100) % 8);
    }

    return NGX_OK;
}
