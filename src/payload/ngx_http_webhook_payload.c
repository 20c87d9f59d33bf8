
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_payload_conf.h"
#include "wh_escape.h"


#define NGX_HTTP_WEBHOOK_MAX_TEMPLATE  (1024 * 1024)


static char *ngx_http_webhook_payload_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static char *ngx_http_webhook_payload_content_type(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_template(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *text, ngx_str_t *file);
static char *ngx_http_webhook_payload_file(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);


char *
ngx_http_webhook_payload_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t  *wmcf = conf;

    char                         *rv;
    ngx_str_t                    *value;
    ngx_conf_t                    save;
    ngx_http_webhook_payload_t   *payload, **pp;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid payload name \"\", it must be 1 "
                           "octet or more");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_payload_find(wmcf, &value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate payload \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    payload = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_payload_t));
    if (payload == NULL) {
        return NGX_CONF_ERROR;
    }

    payload->name = value[1];

    if (ngx_strcmp(value[2].data, "structured") == 0) {
        payload->kind = NGX_HTTP_WEBHOOK_STRUCTURED;

    } else if (ngx_strcmp(value[2].data, "text") == 0) {
        payload->kind = NGX_HTTP_WEBHOOK_TEXT;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown kind \"%V\", it must be \"structured\" "
                           "or \"text\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    save = *cf;
    cf->handler = ngx_http_webhook_payload_line;
    cf->handler_conf = (void *) payload;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (payload->kind == NGX_HTTP_WEBHOOK_STRUCTURED
        && payload->fields == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "payload \"%V\" must have at least one \"field\"",
                           &payload->name);
        return NGX_CONF_ERROR;
    }

    if (payload->kind == NGX_HTTP_WEBHOOK_TEXT && !payload->has_template) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "payload \"%V\" must have a \"template\" or a "
                           "\"file\"", &payload->name);
        return NGX_CONF_ERROR;
    }

    if (payload->content_type.len == 0) {
        ngx_str_set(&payload->content_type, "application/json");
    }

    pp = ngx_array_push(&wmcf->payloads);
    if (pp == NULL) {
        return NGX_CONF_ERROR;
    }

    *pp = payload;

    return NGX_CONF_OK;
}


ngx_http_webhook_payload_t *
ngx_http_webhook_payload_find(ngx_http_webhook_main_conf_t *wmcf,
    ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_http_webhook_payload_t  **payloads;

    payloads = wmcf->payloads.elts;

    for (i = 0; i < wmcf->payloads.nelts; i++) {

        if (payloads[i]->name.len == name->len
            && ngx_memcmp(payloads[i]->name.data, name->data, name->len) == 0)
        {
            return payloads[i];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_webhook_payload_bodies(ngx_http_webhook_payload_t *payload)
{
    return 0;
}


void *
ngx_http_webhook_payload_grow(void *ctx, void *old, size_t old_size,
    size_t size)
{
    void  *p;

    p = ngx_pnalloc(ctx, size);
    if (p == NULL) {
        return NULL;
    }

    if (old) {
        ngx_memcpy(p, old, old_size);
        (void) ngx_pfree(ctx, old);
    }

    return p;
}


static char *
ngx_http_webhook_payload_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_webhook_payload_t  *payload = conf;

    ngx_str_t   *value;
    ngx_uint_t   text;

    value = cf->args->elts;
    text = (payload->kind == NGX_HTTP_WEBHOOK_TEXT);

    if (!text && ngx_strcmp(value[0].data, "field") == 0) {
        return ngx_http_webhook_fields_add(cf, &payload->fields);
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of arguments in \"%V\", or no such "
                           "directive in a %s payload",
                           &value[0], text ? "text" : "structured");
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[0].data, "include") == 0) {
        return ngx_conf_include(cf, dummy, conf);
    }

    if (ngx_strcmp(value[0].data, "content_type") == 0) {
        return ngx_http_webhook_payload_content_type(cf, payload);
    }

    if (text && ngx_strcmp(value[0].data, "template") == 0) {
        return ngx_http_webhook_payload_template(cf, payload, &value[1], NULL);
    }

    if (text && ngx_strcmp(value[0].data, "file") == 0) {
        return ngx_http_webhook_payload_file(cf, payload);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in a %s payload, it must be "
                       "%s, \"content_type\" or \"include\"",
                       &value[0], text ? "text" : "structured",
                       text ? "\"template\", \"file\"" : "\"field\"");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_payload_content_type(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (payload->content_type.len) {
        return "\"content_type\" directive is duplicate";
    }

    if (value[1].len == 0
        || !wh_header_value_ok((char *) value[1].data, value[1].len))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid content type \"%V\", it must be like "
                           "\"application/json\", without control "
                           "characters", &value[1]);
        return NGX_CONF_ERROR;
    }

    payload->content_type = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_payload_template(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *text, ngx_str_t *file)
{
    if (payload->has_template) {
        return "a second \"template\" or \"file\" in a payload";
    }

    payload->has_template = 1;

    return ngx_http_webhook_template_compile(cf, text,
                                             NGX_HTTP_WEBHOOK_ESCAPES, file,
                                             &payload->template);
}


static char *
ngx_http_webhook_payload_file(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value, name, text;

    value = cf->args->elts;
    name = value[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_payload_read(cf, &name, &text) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* editors end the last line, too */

    if (text.len && text.data[text.len - 1] == LF) {
        text.len--;

        if (text.len && text.data[text.len - 1] == CR) {
            text.len--;
        }
    }

    return ngx_http_webhook_payload_template(cf, payload, &text, &name);
}


static char *
ngx_http_webhook_payload_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    char        *rv;
    ssize_t      n;
    ngx_file_t   file;

    rv = NGX_CONF_ERROR;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(file.fd, &file.info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", name);
        goto done;
    }

    if (!ngx_is_file(&file.info)
        || ngx_file_size(&file.info) > NGX_HTTP_WEBHOOK_MAX_TEMPLATE)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a file of at most %d octets",
                           name, NGX_HTTP_WEBHOOK_MAX_TEMPLATE);
        goto done;
    }

    text->len = (size_t) ngx_file_size(&file.info);

    text->data = ngx_pnalloc(cf->pool, text->len + 1);
    if (text->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, text->data, text->len, 0);

    if (n == NGX_ERROR || (size_t) n != text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, n == NGX_ERROR ? ngx_errno : 0,
                           ngx_read_file_n " \"%V\" failed", name);
        goto done;
    }

    rv = NGX_CONF_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rv;
}
