
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * CloudEvents, as they are configured.
 */


#include "ngx_http_webhook_payload_conf.h"
#include "wh_escape.h"
#include "wh_id.h"


#define NGX_HTTP_WEBHOOK_ATTRIBUTE_NAME  20


typedef struct {
    ngx_str_t                     name;
    ngx_uint_t                    type;
} ngx_http_webhook_attribute_name_t;


static ngx_http_webhook_attribute_t *ngx_http_webhook_attribute_add(
    ngx_conf_t *cf, ngx_http_webhook_payload_t *payload, ngx_str_t *name);
static char *ngx_http_webhook_attribute_set(ngx_conf_t *cf,
    ngx_http_webhook_attribute_t *attr, ngx_uint_t type, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_attribute_type(ngx_str_t *name,
    ngx_uint_t *type);
static ngx_uint_t ngx_http_webhook_attribute_reserved(ngx_str_t *name);


static ngx_http_webhook_attribute_name_t  ngx_http_webhook_attributes[] = {
    { ngx_string("source"), WH_CE_URIREF },
    { ngx_string("type"), WH_CE_STRING },
    { ngx_string("subject"), WH_CE_STRING },
    { ngx_string("dataschema"), WH_CE_URI },
    { ngx_null_string, 0 }
};


static ngx_http_webhook_attribute_name_t  ngx_http_webhook_attribute_types[] = {
    { ngx_string("string"), WH_CE_STRING },
    { ngx_string("integer"), WH_CE_INTEGER },
    { ngx_string("boolean"), NGX_HTTP_WEBHOOK_CE_BOOLEAN },
    { ngx_string("binary"), NGX_HTTP_WEBHOOK_CE_BINARY },
    { ngx_string("uri"), WH_CE_URI },
    { ngx_string("uriref"), WH_CE_URIREF },
    { ngx_string("timestamp"), WH_CE_TIMESTAMP },
    { ngx_null_string, 0 }
};


/* what the module says itself, beside ngx_http_webhook_attributes */

static ngx_str_t  ngx_http_webhook_attribute_names[] = {
    ngx_string("specversion"),
    ngx_string("id"),
    ngx_string("time"),
    ngx_string("datacontenttype"),
    ngx_string("data"),
    ngx_null_string
};


ngx_int_t
ngx_http_webhook_cloudevents_mode(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *mode)
{
    if (mode && ngx_strcmp(mode->data, "binary") == 0) {
        payload->binary = 1;

    } else if (mode == NULL || ngx_strcmp(mode->data, "structured") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "kind \"cloudevents\" must be followed by "
                           "\"structured\" or \"binary\"");
        return NGX_ERROR;
    }

    return ngx_array_init(&payload->attributes, cf->pool, 4,
                          sizeof(ngx_http_webhook_attribute_t));
}


char *
ngx_http_webhook_cloudevents_attribute(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t                          *value;
    ngx_http_webhook_attribute_t       *attr;
    ngx_http_webhook_attribute_name_t  *name;

    value = cf->args->elts;

    for (name = ngx_http_webhook_attributes; name->name.len; name++) {
        if (ngx_strcmp(value[0].data, name->name.data) == 0) {
            break;
        }
    }

    attr = ngx_http_webhook_attribute_add(cf, payload, &value[0]);
    if (attr == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_attribute_set(cf, attr, name->type, &value[1]);
}


char *
ngx_http_webhook_cloudevents_extension(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t                     *value;
    ngx_uint_t                     type;
    ngx_http_webhook_attribute_t  *attr;

    static ngx_str_t  trace = ngx_string("traceparent");

    value = cf->args->elts;

    if (cf->args->nelts < 3 || cf->args->nelts > 4) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"extension\" must have a name and a value, and "
                           "may have a type");
        return NGX_CONF_ERROR;
    }

    if (!wh_ce_name_ok((char *) value[1].data, value[1].len)
        || value[1].len > NGX_HTTP_WEBHOOK_ATTRIBUTE_NAME
        || ngx_http_webhook_attribute_reserved(&value[1]))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of an extension, it must be 1 "
                           "to %d of \"a\" to \"z\" and \"0\" to \"9\", and "
                           "none of the attributes of CloudEvents",
                           &value[1], NGX_HTTP_WEBHOOK_ATTRIBUTE_NAME);
        return NGX_CONF_ERROR;
    }

    type = WH_CE_STRING;

    if (cf->args->nelts == 4
        && ngx_http_webhook_attribute_type(&value[3], &type) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid type \"%V\" of extension \"%V\", it must "
                           "be \"string\", \"integer\", \"boolean\", "
                           "\"binary\", \"uri\", \"uriref\" or \"timestamp\"",
                           &value[3], &value[1]);
        return NGX_CONF_ERROR;
    }

    /* an invalid one must not be passed on */

    if (value[1].len == trace.len
        && ngx_memcmp(value[1].data, trace.data, trace.len) == 0)
    {
        type = NGX_HTTP_WEBHOOK_CE_TRACEPARENT;
    }

    attr = ngx_http_webhook_attribute_add(cf, payload, &value[1]);
    if (attr == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_attribute_set(cf, attr, type, &value[2]);
}


char *
ngx_http_webhook_cloudevents_type(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (payload->content_type.len) {
        return "\"datacontenttype\" directive is duplicate";
    }

    if (!wh_ce_value_ok(WH_CE_STRING, (char *) value[1].data, value[1].len)
        || ngx_strchr(value[1].data, '/') == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid datacontenttype \"%V\", it must be like "
                           "\"application/json\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    payload->content_type = value[1];

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_cloudevents_check(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload)
{
    ngx_str_t  *type;

    type = &payload->content_type;

    if (payload->has_body) {

        if (payload->fields.list == NULL) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "payload \"%V\" must have either a \"body\" or "
                           "\"field\" directives", &payload->name);
        return NGX_CONF_ERROR;
    }

    if (type->len == 0) {
        ngx_str_set(type, "application/json");
    }

    if (!wh_ce_type_is_json((char *) type->data, type->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "datacontenttype \"%V\" of payload \"%V\" must be "
                           "one of JSON, as its data is, unless there is a "
                           "\"body\"", type, &payload->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_attribute_check(ngx_uint_t type, ngx_str_t *text,
    ngx_log_t *log)
{
    char                      id[32], flags[2];
    wh_str_t                  trace;
    ngx_http_webhook_typed_t  v;

    switch (type) {

    case NGX_HTTP_WEBHOOK_CE_BINARY:
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_CE_BOOLEAN:

        if (ngx_http_webhook_type_value(NGX_HTTP_WEBHOOK_TYPE_BOOLEAN, text,
                                        &v, log)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        *text = v.text;

        return NGX_OK;

    case NGX_HTTP_WEBHOOK_CE_TRACEPARENT:

        trace.len = text->len;
        trace.data = (char *) text->data;

        return wh_traceparent_parse(trace, id, flags) == WH_OK ? NGX_OK
                                                               : NGX_DECLINED;

    default:
        return wh_ce_value_ok((wh_ce_type_e) type, (char *) text->data,
                              text->len)
               ? NGX_OK : NGX_DECLINED;
    }
}


static ngx_http_webhook_attribute_t *
ngx_http_webhook_attribute_add(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *name)
{
    ngx_uint_t                     i;
    ngx_http_webhook_attribute_t  *attr;

    attr = payload->attributes.elts;

    for (i = 0; i < payload->attributes.nelts; i++) {

        if (attr[i].name.len == name->len
            && ngx_memcmp(attr[i].name.data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate attribute \"%V\"", name);
            return NULL;
        }
    }

    attr = ngx_array_push(&payload->attributes);

    if (attr) {
        attr->name = *name;
    }

    return attr;
}


static char *
ngx_http_webhook_attribute_set(ngx_conf_t *cf,
    ngx_http_webhook_attribute_t *attr, ngx_uint_t type, ngx_str_t *value)
{
    ngx_str_t  text;

    attr->type = type;

    if (ngx_http_webhook_text_compile(cf, value, NGX_HTTP_WEBHOOK_TEXT_EVENT,
                                      NULL, &attr->value)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_webhook_text_constant(&attr->value)) {
        return NGX_CONF_OK;
    }

    ngx_str_null(&text);

    if (attr->value.nparts) {
        text = attr->value.parts[0].text;
    }

    if (text.len == 0
        || ngx_http_webhook_attribute_check(type, &text, cf->log) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"%V\", it is not of the "
                           "type of that attribute", &text, &attr->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_attribute_type(ngx_str_t *name, ngx_uint_t *type)
{
    ngx_http_webhook_attribute_name_t  *t;

    for (t = ngx_http_webhook_attribute_types; t->name.len; t++) {
        if (ngx_strcmp(name->data, t->name.data) == 0) {
            *type = t->type;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ngx_http_webhook_attribute_reserved(ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_webhook_attributes[i].name.len; i++) {
        if (ngx_strcmp(name->data, ngx_http_webhook_attributes[i].name.data)
            == 0)
        {
            return 1;
        }
    }

    for (i = 0; ngx_http_webhook_attribute_names[i].len; i++) {
        if (ngx_strcmp(name->data, ngx_http_webhook_attribute_names[i].data)
            == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_webhook_cloudevents_sends(ngx_http_webhook_payload_t *payload,
    wh_str_t *name)
{
    ngx_str_t                      text;
    ngx_uint_t                     i;
    ngx_http_webhook_attribute_t  *attr;

    static ngx_str_t  always[] = {
        ngx_string("specversion"),
        ngx_string("id"),
        ngx_string("source"),
        ngx_string("type"),
        ngx_string("time")
    };

    if (!payload->binary
        || name->len < 3
        || ngx_memcmp(name->data, "ce-", 3) != 0)
    {
        return 0;
    }

    text.len = name->len - 3;
    text.data = (u_char *) name->data + 3;

    for (i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (text.len == always[i].len
            && ngx_memcmp(text.data, always[i].data, text.len) == 0)
        {
            return 1;
        }
    }

    attr = payload->attributes.elts;

    for (i = 0; i < payload->attributes.nelts; i++) {
        if (text.len == attr[i].name.len
            && ngx_memcmp(text.data, attr[i].name.data, text.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
