
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_fields.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_type.h"
#include "wh_escape.h"


/* an object if it has a child, else a value */

struct ngx_http_webhook_field_s {
    ngx_http_webhook_field_t     *next;
    ngx_http_webhook_field_t     *child;

    ngx_str_t                     label;     /* of this level, decoded */
    ngx_str_t                     key;       /* the label as JSON, and ":" */

    ngx_str_t                     name;      /* as configured first */
    u_char                       *file;
    ngx_uint_t                    line;

    ngx_http_webhook_type_e       type;
    ngx_http_webhook_template_t   value;
    ngx_str_t                     fixed;     /* JSON; empty: left out */
    ngx_str_t                     fallback;  /* JSON */
    wh_pointers_t                *none;      /* to check JSON */
    unsigned                      constant:1;
    unsigned                      omit_empty:1;
    unsigned                      has_default:1;
};


static char *ngx_http_webhook_field_set(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field);
static ngx_http_webhook_field_t *ngx_http_webhook_field_place(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields, ngx_str_t *name);
static ngx_http_webhook_field_t *ngx_http_webhook_field_find(
    ngx_http_webhook_field_t *fields, ngx_str_t *label);
static ngx_http_webhook_field_t *ngx_http_webhook_field_create(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields, ngx_str_t *name, ngx_str_t *label);
static char *ngx_http_webhook_field_constant(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_str_t *text, ngx_str_t *json);
static ngx_int_t ngx_http_webhook_field_value(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *field,
    wh_buf_t *out);
static void *ngx_http_webhook_field_palloc(void *ctx, size_t size);


char *
ngx_http_webhook_fields_add(ngx_conf_t *cf, ngx_http_webhook_field_t **fields)
{
    ngx_str_t                 *value;
    ngx_http_webhook_field_t  *field;

    value = cf->args->elts;

    if (cf->args->nelts < 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"field\" must have a name and a value");
        return NGX_CONF_ERROR;
    }

    field = ngx_http_webhook_field_place(cf, fields, &value[1]);
    if (field == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_field_set(cf, field);
}


static char *
ngx_http_webhook_field_set(ngx_conf_t *cf, ngx_http_webhook_field_t *field)
{
    size_t       bad;
    ngx_str_t   *value, text, fallback;
    ngx_uint_t   i, typed;

    value = cf->args->elts;
    typed = 0;
    ngx_str_null(&fallback);

    for (i = 3; i < cf->args->nelts; i++) {

        if (!typed
            && ngx_http_webhook_type_find(&value[i], &field->type) == NGX_OK)
        {
            typed = 1;
            continue;
        }

        if (!field->has_default
            && value[i].len >= sizeof("default=") - 1
            && ngx_memcmp(value[i].data, "default=", sizeof("default=") - 1)
               == 0)
        {
            field->has_default = 1;
            fallback.len = value[i].len - (sizeof("default=") - 1);
            fallback.data = value[i].data + sizeof("default=") - 1;
            continue;
        }

        if (!field->omit_empty
            && value[i].len == sizeof("omit_empty") - 1
            && ngx_memcmp(value[i].data, "omit_empty", value[i].len) == 0)
        {
            field->omit_empty = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of field \"%V\", it must "
                           "be one type (\"string\", \"number\", \"boolean\", "
                           "\"json\", \"null\", \"time\", \"time:iso\", "
                           "\"time:unix\", \"time:ms\" or \"time:us\"), "
                           "\"default=\" or \"omit_empty\"",
                           &value[i], &value[1]);
        return NGX_CONF_ERROR;
    }

    if (field->type == NGX_HTTP_WEBHOOK_TYPE_JSON) {

        field->none = ngx_palloc(cf->pool, sizeof(wh_pointers_t));
        if (field->none == NULL) {
            return NGX_CONF_ERROR;
        }

        if (wh_pointers_compile(field->none, NULL, NULL, 0,
                                ngx_http_webhook_field_palloc, cf->pool, &bad)
            != WH_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_webhook_template_compile(cf, &value[2],
                                          NGX_HTTP_WEBHOOK_NO_ESCAPES, NULL,
                                          &field->value)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&field->fallback, "null");

    if (field->has_default
        && ngx_http_webhook_field_constant(cf, field, &fallback,
                                           &field->fallback)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_webhook_template_constant(&field->value)) {

        if (field->type == NGX_HTTP_WEBHOOK_TYPE_NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" of type \"null\" must have the "
                               "value \"\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    field->constant = 1;

    if (field->value.nparts) {
        text = field->value.parts[0].text;

    } else {
        ngx_str_null(&text);
    }

    if (text.len == 0 && field->omit_empty) {
        return NGX_CONF_OK;
    }

    return ngx_http_webhook_field_constant(cf, field, &text, &field->fixed);
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_place(ngx_conf_t *cf, ngx_http_webhook_field_t **fields,
    ngx_str_t *name)
{
    u_char                    *p, *last, *dst;
    ngx_str_t                  label;
    ngx_uint_t                 depth, leaf;
    ngx_http_webhook_field_t  *field;

    p = name->data;
    last = name->data + name->len;

    dst = ngx_pnalloc(cf->pool, name->len + 1);
    if (dst == NULL) {
        return NULL;
    }

    for (depth = 1; /* void */ ; depth++) {

        label.data = dst;

        while (p < last && *p != '.') {

            if (*p == '\\' && last - p >= 2 && (p[1] == '.' || p[1] == '\\')) {
                p++;
            }

            *dst++ = *p++;
        }

        label.len = dst - label.data;

        if (label.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid field name \"%V\", a part of it is "
                               "empty; a dot in a name is \"\\.\"", name);
            return NULL;
        }

        if (depth > NGX_HTTP_WEBHOOK_MAX_DEPTH) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" is deeper than %d levels",
                               name, NGX_HTTP_WEBHOOK_MAX_DEPTH);
            return NULL;
        }

        leaf = (p == last);

        field = ngx_http_webhook_field_find(*fields, &label);

        if (field == NULL) {
            field = ngx_http_webhook_field_create(cf, fields, name, &label);
            if (field == NULL) {
                return NULL;
            }

        } else if (leaf && field->child == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate field \"%V\", the first is in "
                               "%s:%ui", name, field->file, field->line);
            return NULL;

        } else if (leaf || field->child == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" conflicts with field \"%V\" in "
                               "%s:%ui: \"%V\" cannot be both a value and an "
                               "object",
                               name, &field->name, field->file, field->line,
                               leaf ? name : &field->name);
            return NULL;
        }

        if (leaf) {
            return field;
        }

        fields = &field->child;
        p++;
    }
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_find(ngx_http_webhook_field_t *fields, ngx_str_t *label)
{
    ngx_http_webhook_field_t  *field;

    for (field = fields; field; field = field->next) {

        if (field->label.len == label->len
            && ngx_memcmp(field->label.data, label->data, label->len) == 0)
        {
            return field;
        }
    }

    return NULL;
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_create(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields, ngx_str_t *name, ngx_str_t *label)
{
    wh_buf_t                   key;
    ngx_http_webhook_field_t  *field;

    field = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_field_t));
    if (field == NULL) {
        return NULL;
    }

    ngx_memzero(&key, sizeof(wh_buf_t));

    key.max = NGX_MAX_SIZE_T_VALUE;
    key.grow = ngx_http_webhook_payload_grow;
    key.ctx = cf->pool;

    (void) wh_put_json_quoted(&key, (char *) label->data, label->len);

    if (wh_buf_putc(&key, ':') != WH_OK) {
        return NULL;
    }

    field->label = *label;
    field->key.len = key.len;
    field->key.data = (u_char *) key.data;
    field->name = *name;
    field->file = cf->conf_file->file.name.data;
    field->line = cf->conf_file->line;

    while (*fields) {
        fields = &(*fields)->next;
    }

    *fields = field;

    return field;
}


static char *
ngx_http_webhook_field_constant(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_str_t *text, ngx_str_t *json)
{
    wh_buf_t                       b;
    ngx_int_t                      rc;

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = cf->pool;

    rc = ngx_http_webhook_type_put(&b, field->type, text, field->none,
                                   cf->log);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in field \"%V\" is not of type \"%V\"",
                           text, &field->name,
                           ngx_http_webhook_type_name(field->type));
        return NGX_CONF_ERROR;
    }

    if (rc == NGX_ERROR || b.err) {
        return NGX_CONF_ERROR;
    }

    json->len = b.len;
    json->data = (u_char *) b.data;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_fields_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *fields,
    wh_buf_t *out)
{
    size_t                     start;
    ngx_int_t                  rc;
    ngx_uint_t                 n;
    ngx_http_webhook_field_t  *field;

    n = 0;

    (void) wh_buf_putc(out, '{');

    for (field = fields; field && out->err == WH_OK; field = field->next) {

        start = out->len;

        if (n) {
            (void) wh_buf_putc(out, ',');
        }

        (void) wh_buf_put(out, (char *) field->key.data, field->key.len);

        if (field->child) {
            rc = ngx_http_webhook_fields_put(r, evt, field->child, out);

        } else {
            rc = ngx_http_webhook_field_value(r, evt, field, out);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            out->len = start;
            continue;
        }

        n++;
    }

    (void) wh_buf_putc(out, '}');

    return NGX_OK;
}


/* NGX_DECLINED: the field is to be left out */

static ngx_int_t
ngx_http_webhook_field_value(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_field_t *field,
    wh_buf_t *out)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    if (field->constant) {

        if (field->fixed.len == 0) {
            return NGX_DECLINED;
        }

        (void) wh_buf_put(out, (char *) field->fixed.data, field->fixed.len);

        return NGX_OK;
    }

    if (ngx_http_webhook_type_is_time(field->type)
        && field->value.nparts == 1
        && field->value.parts[0].kind == NGX_HTTP_WEBHOOK_PART_TIME)
    {
        ngx_http_webhook_type_put_time(out, field->type, evt->time * 1000);
        return NGX_OK;
    }

    rc = ngx_http_webhook_template_text(r, evt, &field->value, out->max,
                                        &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_BUSY) {
        out->err = WH_LIMIT;
        return NGX_OK;
    }

    if (rc == NGX_DECLINED && field->omit_empty && !field->has_default) {
        return NGX_DECLINED;
    }

    if (rc == NGX_OK) {

        if (text.len == 0 && field->omit_empty) {
            return NGX_DECLINED;
        }

        rc = ngx_http_webhook_type_put(out, field->type, &text, field->none,
                                       r->connection->log);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "webhook event \"%V\": value of field \"%V\" is not "
                      "of its type", &evt->type, &field->name);
    }

    (void) wh_buf_put(out, (char *) field->fallback.data,
                      field->fallback.len);

    return NGX_OK;
}


static void *
ngx_http_webhook_field_palloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}
