/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_endpoint_conf.h"
#include "ngx_http_webhook_fake.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_lines.h"
#include "ngx_http_webhook_secret.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_tls.h"
#include "ngx_http_webhook_url.h"
#include "ngx_http_webhook_zone.h"


#define NGX_HTTP_WEBHOOK_CONCURRENCY  8


static char *ngx_http_webhook_endpoint_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static ngx_int_t ngx_http_webhook_endpoint_note(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static ngx_int_t ngx_http_webhook_endpoint_name_ok(ngx_str_t *name);
static void ngx_http_webhook_endpoint_unsent(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);
static char *ngx_http_webhook_endpoint_invalid(ngx_conf_t *cf,
    ngx_str_t *value, ngx_str_t *name, char *allowed);


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
    ep->event_headers = NGX_CONF_UNSET;
    ep->allow_http = NGX_CONF_UNSET;
    ep->timeout = 10000;
    ep->history = NGX_CONF_UNSET_UINT;
    ep->policy.retry.delays = ngx_http_webhook_retry_default;
    ep->policy.retry.n = sizeof(ngx_http_webhook_retry_default)
                         / sizeof(uint64_t);
    ep->policy.retry.after_max = 3600000;
    ep->count_throttled = NGX_CONF_UNSET;

    ngx_str_set(&ep->method, "POST");

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

    char                             *rv;
    ngx_str_t                        *value;
    ngx_uint_t                        i, n;
    ngx_http_webhook_endpoint_cmd_t  *cmd;

    value = cf->args->elts;

    if (cf->args->nelts == 2
        && ngx_strcmp(value[0].data, "include") == 0)
    {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (i = 0; (cmd = ngx_http_webhook_endpoint_cmd(i)) != NULL; i++) {

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

        if ((ec->seen & ((uint64_t) 1 << i)) && !cmd->repeat) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive is duplicate", &value[0]);
            return NGX_CONF_ERROR;
        }

        ec->seen |= (uint64_t) 1 << i;

        if (ngx_http_webhook_endpoint_note(cf, cmd, ec) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        ec->bad = value[1];

        rv = cmd->set(cf, cmd, ec);

        if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
            return rv;
        }

        return ngx_http_webhook_endpoint_invalid(cf, &ec->bad, &cmd->name, rv);
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


static char *
ngx_http_webhook_endpoint_invalid(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\", it must be %s",
                       value, name, allowed);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_webhook_endpoint_preset(ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t i, ngx_str_t *name, ngx_str_t *preset)
{
    static char  *histories[] = { "off", "failures", "all" };

    ngx_http_webhook_endpoint_cmd_t  *cmd;

    cmd = ngx_http_webhook_endpoint_cmd(i);

    if (cmd == NULL) {
        return NGX_DECLINED;
    }

    *name = cmd->name;
    preset->data = (u_char *) cmd->preset;

    /* those that depend on others, or on the level outside */

    if (ngx_strcmp(name->data, "zone") == 0) {
        *preset = *ngx_http_webhook_zone_name(ep->zone);
        return NGX_OK;
    }

    if (ngx_strcmp(name->data, "concurrency") == 0) {
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
                      "webhook_endpoint needs a \"server\" beside it in "
                      "%V:%ui",
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

        if (ec->payload.name.len) {
            ep->payload = ngx_http_webhook_payload_find(wmcf,
                                                        &ec->payload.name);

            if (ep->payload == NULL) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown webhook_payload \"%V\" in "
                              "webhook_endpoint \"%V\" in %V:%ui",
                              &ec->payload.name, &ep->name, &ec->payload.file,
                              ec->payload.line);
                return NGX_CONF_ERROR;
            }

            if (ngx_http_webhook_keys_check(cf, ep, ep->payload,
                                            ec->payload.file.data,
                                            ec->payload.line)
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

        if (ngx_http_webhook_url_check(cf, ep, ep->payload) != NGX_OK
            || ngx_http_webhook_sign_check_covered(cf, wmcf, ep)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        ep->zone = ngx_http_webhook_zone_find(wmcf, &ec->zone.name);

        if (ep->zone == NULL && ec->zone.name.len) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown webhook_zone \"%V\" in "
                          "webhook_endpoint \"%V\" in %V:%ui",
                          &ec->zone.name, &ep->name, &ec->zone.file,
                          ec->zone.line);
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
                  &ec->payload.name, &ep->name, &ec->payload.file,
                  ec->payload.line);
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
