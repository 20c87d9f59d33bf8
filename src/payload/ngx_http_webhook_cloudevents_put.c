
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * CloudEvents 1.0.2: "structured" is one JSON object, "binary" are headers and
 * the data.
 */


#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_payload.h"
#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_id.h"
#include "wh_utf8.h"


/* all of them have to fit into a head */

#define NGX_HTTP_WEBHOOK_MAX_ATTRIBUTE  4096


typedef struct {
    ngx_http_request_t           *request;
    ngx_http_webhook_payload_t   *payload;
    ngx_http_webhook_endpoint_t  *endpoint;
    ngx_http_webhook_event_t     *event;
    wh_buf_t                     *out;
} ngx_http_webhook_cloudevent_t;


static ngx_int_t ngx_http_webhook_cloudevent_attributes(
    ngx_http_webhook_cloudevent_t *ce);
static ngx_int_t ngx_http_webhook_cloudevent_own(
    ngx_http_webhook_cloudevent_t *ce, char *name, ngx_str_t *text);
static ngx_int_t ngx_http_webhook_cloudevent_source(
    ngx_http_webhook_cloudevent_t *ce, ngx_str_t *text);
static ngx_int_t ngx_http_webhook_cloudevent_get(
    ngx_http_webhook_cloudevent_t *ce, ngx_http_webhook_attribute_t *attr,
    ngx_str_t *text);
static void ngx_http_webhook_cloudevent_put(
    ngx_http_webhook_cloudevent_t *ce, ngx_str_t *name, ngx_uint_t type,
    ngx_str_t *text);
static ngx_int_t ngx_http_webhook_cloudevent_data(
    ngx_http_webhook_cloudevent_t *ce);
static ngx_int_t ngx_http_webhook_cloudevent_raw(
    ngx_http_webhook_cloudevent_t *ce, ngx_http_webhook_raw_t *raw);


#define ngx_http_webhook_attribute_is(attr, s)                                \
    ((attr)->name.len == sizeof(s) - 1                                        \
     && ngx_memcmp((attr)->name.data, s, sizeof(s) - 1) == 0)


ngx_int_t
ngx_http_webhook_cloudevents_headers(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    ngx_http_webhook_cloudevent_t  ce;

    ce.request = r;
    ce.payload = payload;
    ce.endpoint = ep;
    ce.event = evt;
    ce.out = out;

    return ngx_http_webhook_cloudevent_attributes(&ce);
}


ngx_int_t
ngx_http_webhook_cloudevents_body(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    ngx_str_t                      *octets;
    ngx_http_webhook_cloudevent_t   ce;

    ce.request = r;
    ce.payload = payload;
    ce.endpoint = ep;
    ce.event = evt;
    ce.out = out;

    if (!payload->binary) {

        if (ngx_http_webhook_cloudevent_attributes(&ce) != NGX_OK
            || ngx_http_webhook_cloudevent_data(&ce) != NGX_OK)
        {
            return NGX_ERROR;
        }

        (void) wh_buf_putc(out, '}');

        return NGX_OK;
    }

    if (payload->has_body) {
        octets = &evt->raw[payload->body]->octets;
        (void) wh_buf_put(out, (char *) octets->data, octets->len);
        return NGX_OK;
    }

    if (payload->fields.list) {
        return ngx_http_webhook_fields_put(r, ep, evt, &payload->fields, out);
    }

    ngx_http_webhook_render_data(r, evt, out);

    return NGX_OK;
}


/* the required ones first, others as they are configured */

static ngx_int_t
ngx_http_webhook_cloudevent_attributes(ngx_http_webhook_cloudevent_t *ce)
{
    u_char                         time[sizeof("2026-01-02T03:04:05.678Z") - 1];
    ngx_int_t                      rc;
    ngx_str_t                      text;
    ngx_uint_t                     i;
    ngx_http_webhook_attribute_t  *attr;

    static ngx_str_t  version = ngx_string("specversion");

    ngx_str_set(&text, "1.0");
    ngx_http_webhook_cloudevent_put(ce, &version, WH_CE_STRING, &text);

    text = ce->event->id;

    if (ngx_http_webhook_cloudevent_own(ce, "id", &text) != NGX_OK
        || ngx_http_webhook_cloudevent_source(ce, &text) != NGX_OK
        || ngx_http_webhook_cloudevent_own(ce, "source", &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    text = ce->event->type;

    if (ngx_http_webhook_cloudevent_own(ce, "type", &text) != NGX_OK) {
        return NGX_ERROR;
    }

    wh_time_iso((char *) time, ce->event->time);

    text.len = sizeof(time);
    text.data = time;

    if (ngx_http_webhook_cloudevent_own(ce, "time", &text) != NGX_OK) {
        return NGX_ERROR;
    }

    attr = ce->payload->attributes.elts;

    for (i = 0; i < ce->payload->attributes.nelts; i++) {

        if (ngx_http_webhook_attribute_is(&attr[i], "source")
            || ngx_http_webhook_attribute_is(&attr[i], "type"))
        {
            continue;
        }

        rc = ngx_http_webhook_cloudevent_get(ce, &attr[i], &text);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            ngx_http_webhook_cloudevent_put(ce, &attr[i].name, attr[i].type,
                                            &text);
        }
    }

    return NGX_OK;
}


/* "text" is what it is unless it is configured, and of its type */

static ngx_int_t
ngx_http_webhook_cloudevent_own(ngx_http_webhook_cloudevent_t *ce, char *name,
    ngx_str_t *text)
{
    ngx_int_t                      rc;
    ngx_str_t                      own, value;
    ngx_uint_t                     i;
    ngx_http_webhook_attribute_t  *attr;

    own.len = ngx_strlen(name);
    own.data = (u_char *) name;

    attr = ce->payload->attributes.elts;

    for (i = 0; i < ce->payload->attributes.nelts; i++) {

        if (attr[i].name.len != own.len
            || ngx_memcmp(attr[i].name.data, own.data, own.len) != 0)
        {
            continue;
        }

        rc = ngx_http_webhook_cloudevent_get(ce, &attr[i], &value);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK) {
            *text = value;
        }

        break;
    }

    ngx_http_webhook_cloudevent_put(ce, &own, WH_CE_STRING, text);

    return NGX_OK;
}


/* "//NAME" of the server: nothing that a client chooses */

static ngx_int_t
ngx_http_webhook_cloudevent_source(ngx_http_webhook_cloudevent_t *ce,
    ngx_str_t *text)
{
    wh_buf_t                   b;
    ngx_str_t                 *name;
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_get_module_srv_conf(ce->request->main,
                                        ngx_http_core_module);

    name = &cscf->server_name;

    /* a regular expression is no name */

    if (name->len == 0 || name->data[0] == '~') {
        name = (ngx_str_t *) &ngx_cycle->hostname;
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = ce->request->pool;

    (void) wh_buf_put_literal(&b, "//");

    if (wh_put_url(&b, (char *) name->data, name->len) != WH_OK) {
        return NGX_ERROR;
    }

    text->len = b.len;
    text->data = (u_char *) b.data;

    return NGX_OK;
}


/* NGX_DECLINED: there is no such value, or it is not of its type */

static ngx_int_t
ngx_http_webhook_cloudevent_get(ngx_http_webhook_cloudevent_t *ce,
    ngx_http_webhook_attribute_t *attr, ngx_str_t *text)
{
    ngx_int_t  rc;

    rc = ngx_http_webhook_text_get(ce->request, ce->event, &attr->value,
                                   NGX_HTTP_WEBHOOK_MAX_ATTRIBUTE, text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc != NGX_BUSY) {

        if (text->len == 0) {
            return NGX_DECLINED;
        }

        if (text->len <= NGX_HTTP_WEBHOOK_MAX_ATTRIBUTE
            && ngx_http_webhook_attribute_check(attr->type, text,
                                                ce->request->connection->log)
               == NGX_OK)
        {
            return NGX_OK;
        }
    }

    ngx_http_webhook_field_mistyped(ce->request, ce->endpoint, ce->event,
                                    &attr->name);

    return NGX_DECLINED;
}


static void
ngx_http_webhook_cloudevent_put(ngx_http_webhook_cloudevent_t *ce,
    ngx_str_t *name, ngx_uint_t type, ngx_str_t *text)
{
    char      *p;
    size_t     pos, n;
    wh_buf_t  *out;

    out = ce->out;
    p = (char *) text->data;
    n = text->len;

    if (ce->payload->binary) {
        (void) wh_delivery_open(out, WH_FIELD_HEADER, &pos);
        (void) wh_buf_put_literal(out, "ce-");
        (void) wh_buf_put(out, (char *) name->data, name->len);
        (void) wh_buf_putc(out, ':');

        if (type == NGX_HTTP_WEBHOOK_CE_BINARY) {
            (void) wh_put_base64(out, p, n);

        } else {
            (void) wh_put_ce_header(out, p, n);
        }

        (void) wh_delivery_close(out, pos);

        return;
    }

    /* the first one is "specversion" */

    (void) wh_buf_putc(out, name->len == sizeof("specversion") - 1
                            && ngx_strncmp(name->data, "specversion",
                                           name->len) == 0 ? '{' : ',');
    (void) wh_put_json_quoted(out, (char *) name->data, name->len);
    (void) wh_buf_putc(out, ':');

    switch (type) {

    case NGX_HTTP_WEBHOOK_CE_BOOLEAN:
    case WH_CE_INTEGER:
        (void) wh_buf_put(out, p, n);
        break;

    case NGX_HTTP_WEBHOOK_CE_BINARY:
        (void) wh_buf_putc(out, '"');
        (void) wh_put_base64(out, p, n);
        (void) wh_buf_putc(out, '"');
        break;

    default: /* a string */
        (void) wh_put_json_quoted(out, p, n);
        break;
    }
}


/* "datacontenttype" and "data" */

static ngx_int_t
ngx_http_webhook_cloudevent_data(ngx_http_webhook_cloudevent_t *ce)
{
    ngx_str_t                   *type;
    ngx_http_webhook_payload_t  *payload;

    static ngx_str_t  name = ngx_string("datacontenttype");

    payload = ce->payload;
    type = &payload->content_type;

    if (payload->has_body) {
        return ngx_http_webhook_cloudevent_raw(ce,
                                              ce->event->raw[payload->body]);
    }

    ngx_http_webhook_cloudevent_put(ce, &name, WH_CE_STRING, type);

    (void) wh_buf_put_literal(ce->out, ",\"data\":");

    if (payload->fields.list) {
        return ngx_http_webhook_fields_put(ce->request, ce->endpoint,
                                           ce->event, &payload->fields,
                                           ce->out);
    }

    ngx_http_webhook_render_data(ce->request, ce->event, ce->out);

    return NGX_OK;
}


/*
 * JSON stays JSON, other text is a string; what cannot be told so without a
 * change are octets.
 */

static ngx_int_t
ngx_http_webhook_cloudevent_raw(ngx_http_webhook_cloudevent_t *ce,
    ngx_http_webhook_raw_t *raw)
{
    char                      *p;
    size_t                     n;
    wh_buf_t                  *out;
    ngx_int_t                  json;
    ngx_str_t                 *type, binary;
    ngx_uint_t                 is_json;
    ngx_http_webhook_typed_t   v;

    static ngx_str_t  name = ngx_string("datacontenttype");

    out = ce->out;
    p = (char *) raw->octets.data;
    n = raw->octets.len;

    type = &ce->payload->content_type;

    if (type->len == 0
        && ngx_http_webhook_attribute_check(WH_CE_STRING, &raw->type,
                                            ce->request->connection->log)
           == NGX_OK)
    {
        type = &raw->type;
    }

    /* data of no type is JSON by definition */

    is_json = type->len == 0
              || wh_ce_type_is_json((char *) type->data, type->len);

    json = NGX_DECLINED;

    if (is_json) {
        json = ngx_http_webhook_type_value(NGX_HTTP_WEBHOOK_TYPE_JSON,
                                           &raw->octets, &v,
                                           ce->request->connection->log);
        if (json == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    if (type->len == 0 && n && json != NGX_OK) {
        ngx_str_set(&binary, "application/octet-stream");
        type = &binary;
    }

    if (type->len) {
        ngx_http_webhook_cloudevent_put(ce, &name, WH_CE_STRING, type);
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (json == NGX_OK) {
        (void) wh_buf_put_literal(out, ",\"data\":");
        (void) wh_buf_put(out, p, n);

    } else if (!is_json && wh_utf8_valid(p, n) == n) {
        (void) wh_buf_put_literal(out, ",\"data\":");
        (void) wh_put_json_quoted(out, p, n);

    } else {
        (void) wh_buf_put_literal(out, ",\"data_base64\":\"");
        (void) wh_put_base64(out, p, n);
        (void) wh_buf_putc(out, '"');
    }

    return NGX_OK;
}
