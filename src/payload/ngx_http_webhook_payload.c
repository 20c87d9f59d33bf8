
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_lines.h"
#include "ngx_http_webhook_payload_conf.h"
#include "wh_escape.h"
#include "wh_utf8.h"


#define NGX_HTTP_WEBHOOK_MAX_TEMPLATE   (1024 * 1024)
#define NGX_HTTP_WEBHOOK_MAX_SEPARATOR  8


#define ngx_http_webhook_kind_bit(kind)  (1 << (kind))


typedef struct {
    ngx_str_t                     name;
    ngx_uint_t                    kinds;     /* bits */
    ngx_uint_t                    any;       /* of arguments; else one */
    char                       *(*handler)(ngx_conf_t *cf,
                                    ngx_http_webhook_payload_t *payload);
} ngx_http_webhook_payload_cmd_t;


static ngx_int_t ngx_http_webhook_payload_kind(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *value);
static char *ngx_http_webhook_payload_check(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_line(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static char *ngx_http_webhook_payload_unknown(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_field(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_separator(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_join(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static ngx_int_t ngx_http_webhook_payload_short(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_http_webhook_payload_body(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_content_type(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_template(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
static char *ngx_http_webhook_payload_set(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *text, ngx_str_t *file);
static char *ngx_http_webhook_payload_file(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);


/* in the order of ngx_http_webhook_kind_e */

static ngx_str_t  ngx_http_webhook_kinds[] = {
    ngx_string("structured"),
    ngx_string("flat"),
    ngx_string("form"),
    ngx_string("text"),
    ngx_string("raw"),
    ngx_string("cloudevents"),
    ngx_null_string
};


#define NGX_HTTP_WEBHOOK_IN_FLAT                                              \
    (ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_FLAT)                         \
     | ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_FORM))

#define NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS                                       \
    ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_CLOUDEVENTS)

#define NGX_HTTP_WEBHOOK_IN_FIELDS                                            \
    (ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_STRUCTURED)                   \
     | NGX_HTTP_WEBHOOK_IN_FLAT)

#define NGX_HTTP_WEBHOOK_IN_TEXT                                              \
    ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_TEXT)

#define NGX_HTTP_WEBHOOK_IN_RAW                                               \
    ngx_http_webhook_kind_bit(NGX_HTTP_WEBHOOK_RAW)

#define NGX_HTTP_WEBHOOK_IN_ALL                                               \
    (NGX_HTTP_WEBHOOK_IN_FIELDS|NGX_HTTP_WEBHOOK_IN_TEXT                      \
     |NGX_HTTP_WEBHOOK_IN_RAW)


static ngx_http_webhook_payload_cmd_t  ngx_http_webhook_payload_cmds[] = {

    { ngx_string("source"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_cloudevents_attribute },

    { ngx_string("type"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_cloudevents_attribute },

    { ngx_string("subject"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_cloudevents_attribute },

    { ngx_string("dataschema"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_cloudevents_attribute },

    { ngx_string("datacontenttype"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_cloudevents_type },

    { ngx_string("extension"), NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 1,
      ngx_http_webhook_cloudevents_extension },

    { ngx_string("field"),
      NGX_HTTP_WEBHOOK_IN_FIELDS|NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 1,
      ngx_http_webhook_payload_field },

    { ngx_string("separator"), NGX_HTTP_WEBHOOK_IN_FLAT, 0,
      ngx_http_webhook_payload_separator },

    { ngx_string("join"), NGX_HTTP_WEBHOOK_IN_FLAT, 0,
      ngx_http_webhook_payload_join },

    { ngx_string("template"), NGX_HTTP_WEBHOOK_IN_TEXT, 0,
      ngx_http_webhook_payload_template },

    { ngx_string("file"), NGX_HTTP_WEBHOOK_IN_TEXT, 0,
      ngx_http_webhook_payload_file },

    { ngx_string("body"),
      NGX_HTTP_WEBHOOK_IN_RAW|NGX_HTTP_WEBHOOK_IN_CLOUDEVENTS, 0,
      ngx_http_webhook_payload_body },

    { ngx_string("content_type"), NGX_HTTP_WEBHOOK_IN_ALL, 0,
      ngx_http_webhook_payload_content_type },

    { ngx_null_string, 0, 0, NULL }
};


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
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid payload name \"\", it must be 1 octet "
                           "or more");
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

    if (ngx_http_webhook_lines_add(cf, &payload->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_payload_kind(cf, payload, value) != NGX_OK) {
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

    if (ngx_http_webhook_payload_check(cf, payload) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
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
    if (payload == NULL || !payload->has_body) {
        return 0;
    }

    return (ngx_uint_t) 1 << payload->body;
}


ngx_uint_t
ngx_http_webhook_payload_in_head(ngx_http_webhook_payload_t *payload)
{
    return payload->kind == NGX_HTTP_WEBHOOK_FORM
           || payload->binary
           || (payload->kind == NGX_HTTP_WEBHOOK_TEXT
               && payload->template.nparts == 0);
}


void *
ngx_http_webhook_payload_grow(void *ctx, void *old, size_t old_size,
    size_t size)
{
    void  *p;

    p = ngx_palloc(ctx, size);
    if (p == NULL) {
        return NULL;
    }

    if (old) {
        ngx_memcpy(p, old, old_size);
        (void) ngx_pfree(ctx, old);
    }

    return p;
}


static ngx_int_t
ngx_http_webhook_payload_kind(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *value)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = &value[2];

    for (i = 0; ngx_http_webhook_kinds[i].len; i++) {
        if (ngx_strcmp(name->data, ngx_http_webhook_kinds[i].data) == 0) {
            payload->kind = i;
            break;
        }
    }

    if (i == NGX_HTTP_WEBHOOK_CLOUDEVENTS) {
        return ngx_http_webhook_cloudevents_mode(cf, payload,
                                 cf->args->nelts == 4 ? &value[3] : NULL);
    }

    if (ngx_http_webhook_kinds[i].len && cf->args->nelts == 4) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of a %V payload, it has "
                           "none", &value[3], name);
        return NGX_ERROR;
    }

    switch (i) {

    case NGX_HTTP_WEBHOOK_FLAT:
        payload->fields.shape = NGX_HTTP_WEBHOOK_SHAPE_OBJECT;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_FORM:
        payload->fields.shape = NGX_HTTP_WEBHOOK_SHAPE_FORM;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_STRUCTURED:
    case NGX_HTTP_WEBHOOK_TEXT:
    case NGX_HTTP_WEBHOOK_RAW:
        return NGX_OK;

    default:
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown kind \"%V\", it must be \"structured\", "
                           "\"flat\", \"form\", \"text\", \"raw\" or "
                           "\"cloudevents\"", name);
        return NGX_ERROR;
    }
}


/* the whole block was read */

static char *
ngx_http_webhook_payload_check(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    char  *what;

    what = NULL;

    switch (payload->kind) {

    case NGX_HTTP_WEBHOOK_TEXT:
        if (!payload->has_template) {
            what = "a \"template\" or a \"file\"";
        }

        break;

    case NGX_HTTP_WEBHOOK_RAW:
        if (!payload->has_body) {
            what = "a \"body\"";
        }

        break;

    case NGX_HTTP_WEBHOOK_CLOUDEVENTS:
        return ngx_http_webhook_cloudevents_check(cf, payload);

    default: /* made of fields */
        if (payload->fields.list == NULL) {
            what = "at least one \"field\"";
        }

        break;
    }

    if (what) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "payload \"%V\" must have %s",
                           &payload->name, what);
        return NGX_CONF_ERROR;
    }

    if (payload->content_type.len == 0) {

        if (payload->kind == NGX_HTTP_WEBHOOK_FORM) {
            ngx_str_set(&payload->content_type,
                        "application/x-www-form-urlencoded");

        } else if (payload->kind != NGX_HTTP_WEBHOOK_RAW) {
            ngx_str_set(&payload->content_type, "application/json");
        }
    }

    if (payload->fields.list) {
        return ngx_http_webhook_fields_end(cf, &payload->fields);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_payload_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_webhook_payload_t  *payload = conf;

    ngx_str_t                       *value;
    ngx_http_webhook_payload_cmd_t  *cmd;

    value = cf->args->elts;

    if (ngx_strcmp(value[0].data, "include") == 0 && cf->args->nelts == 2) {
        return ngx_conf_include(cf, dummy, conf);
    }

    for (cmd = ngx_http_webhook_payload_cmds; cmd->name.len; cmd++) {

        if (ngx_strcmp(value[0].data, cmd->name.data) != 0
            || !(cmd->kinds & ngx_http_webhook_kind_bit(payload->kind)))
        {
            continue;
        }

        if (!cmd->any && cf->args->nelts != 2) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\"",
                               &value[0]);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_lines_add(cf, &payload->lines) == NULL) {
            return NGX_CONF_ERROR;
        }

        return cmd->handler(cf, payload);
    }

    return ngx_http_webhook_payload_unknown(cf, payload);
}


static char *
ngx_http_webhook_payload_unknown(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    u_char                          *p, text[256];
    ngx_str_t                       *value;
    ngx_http_webhook_payload_cmd_t  *cmd;

    value = cf->args->elts;
    p = text;

    for (cmd = ngx_http_webhook_payload_cmds; cmd->name.len; cmd++) {

        if (!(cmd->kinds & ngx_http_webhook_kind_bit(payload->kind))) {
            continue;
        }

        p = ngx_slprintf(p, text + sizeof(text), "%s\"%V\"",
                         p == text ? "" : ", ", &cmd->name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in a %V payload, it must be "
                       "%*s or \"include\"", &value[0],
                       &ngx_http_webhook_kinds[payload->kind],
                       (size_t) (p - text), text);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_payload_field(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    return ngx_http_webhook_fields_add(cf, &payload->fields);
}


static char *
ngx_http_webhook_payload_separator(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (payload->fields.separator.data) {
        return "\"separator\" directive is duplicate";
    }

    if (ngx_http_webhook_payload_short(cf, value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    payload->fields.separator = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_payload_join(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (payload->fields.join.data) {
        return "\"join\" directive is duplicate";
    }

    if (ngx_http_webhook_payload_short(cf, value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    payload->fields.join = value[1];

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_payload_short(ngx_conf_t *cf, ngx_str_t *value)
{
    if (value[1].len && value[1].len <= NGX_HTTP_WEBHOOK_MAX_SEPARATOR
        && wh_header_value_ok((char *) value[1].data, value[1].len)
        && wh_utf8_valid((char *) value[1].data, value[1].len) == value[1].len)
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid %V \"%V\", it must be 1 to %d octets of UTF-8 "
                       "without control characters",
                       &value[0], &value[1], NGX_HTTP_WEBHOOK_MAX_SEPARATOR);

    return NGX_ERROR;
}


static char *
ngx_http_webhook_payload_body(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (payload->has_body) {
        return "\"body\" directive is duplicate";
    }

    if (ngx_strcmp(value[1].data, "request") == 0) {
        payload->body = NGX_HTTP_WEBHOOK_REQUEST;

    } else if (ngx_strcmp(value[1].data, "response") == 0) {
        payload->body = NGX_HTTP_WEBHOOK_RESPONSE;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid body \"%V\", it must be \"request\" or "
                           "\"response\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    payload->has_body = 1;

    return NGX_CONF_OK;
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
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_http_webhook_payload_set(cf, payload, &value[1], NULL);
}


static char *
ngx_http_webhook_payload_set(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *text, ngx_str_t *file)
{
    if (payload->has_template) {
        return "a second \"template\" or \"file\" in a payload";
    }

    payload->has_template = 1;

    if (ngx_http_webhook_text_compile(cf, text,
                                      NGX_HTTP_WEBHOOK_TEXT_EVENT
                                      |NGX_HTTP_WEBHOOK_TEXT_ESCAPES
                                      |NGX_HTTP_WEBHOOK_TEXT_ATTEMPT,
                                      file, &payload->template)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
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

    return ngx_http_webhook_payload_set(cf, payload, &text, &name);
}


char *
ngx_http_webhook_payload_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    char        *rv;
    ssize_t      n;
    ngx_file_t   file;

    rv = NGX_CONF_ERROR;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    /* a FIFO would be waited for, at a reload by the master */

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

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
