/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint_conf.h"
#include "ngx_http_webhook_api_key.h"
#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_secret.h"

#include "wh_escape.h"


static char *ngx_http_webhook_endpoint_named(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *value, ngx_uint_t key);
static ngx_http_webhook_header_t *ngx_http_webhook_endpoint_add(
    ngx_conf_t *cf, ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *name,
    ngx_uint_t key);
static ngx_http_webhook_header_t *ngx_http_webhook_endpoint_authorization(
    ngx_conf_t *cf, ngx_http_webhook_endpoint_conf_t *ec, char *prefix);


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


char *
ngx_http_webhook_endpoint_header(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_webhook_endpoint_named(cf, cmd, ec, &value[1], 0);
}


char *
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
        ec->bad = value[3];
        return "a key";
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
        ec->bad = value[0];
        return "the name of a header";
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


/* several of one name are fine, but for credentials, and for what is single */

static ngx_http_webhook_header_t *
ngx_http_webhook_endpoint_add(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec, ngx_str_t *name, ngx_uint_t key)
{
    wh_str_t                    text;
    ngx_uint_t                  i, once;
    ngx_http_webhook_header_t  *h;

    if (ngx_strcasecmp(name->data, (u_char *) "authorization") == 0) {
        key = 1;
    }

    text.len = name->len;
    text.data = (char *) name->data;

    once = key || ngx_http_webhook_head_own(&text);

    h = ec->endpoint.headers.elts;

    for (i = 0; i < ec->endpoint.headers.nelts; i++) {

        if ((!once && !h[i].key)
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


char *
ngx_http_webhook_endpoint_basic(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    u_char                     *p;
    ngx_str_t                  *value, password, plain;
    ngx_http_webhook_header_t  *h;

    value = cf->args->elts;

    p = ngx_strlchr(value[1].data, value[1].data + value[1].len, ':');

    if (p || !wh_header_value_ok((char *) value[1].data, value[1].len)) {

        /* what follows is a password, most likely */

        if (p) {
            ec->bad.len = p + 1 - value[1].data;
        }

        return "a user name without colon and control characters";
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


char *
ngx_http_webhook_endpoint_bearer(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_str_t                  *value;
    ngx_http_webhook_header_t  *h;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "a token";
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
