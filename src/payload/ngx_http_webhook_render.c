
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From an event to a record: all that is fixed at capture.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_lacks.h"
#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_url.h"
#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_id.h"
#include "wh_json.h"


#define NGX_HTTP_WEBHOOK_TRACE_LEN  55

#define NGX_HTTP_WEBHOOK_CLOUDEVENT                                           \
    "application/cloudevents+json; charset=utf-8"


static ngx_int_t ngx_http_webhook_render_check(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt);
static ngx_int_t ngx_http_webhook_render_headers(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    wh_buf_t *out);
static ngx_int_t ngx_http_webhook_render_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *text,
    wh_buf_t *out);
static void ngx_http_webhook_render_hops(ngx_http_webhook_event_t *evt,
    wh_buf_t *out);
static void ngx_http_webhook_render_trace(ngx_http_request_t *r,
    wh_buf_t *out);
static ngx_int_t ngx_http_webhook_render_type(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_event_t *evt,
    wh_buf_t *out);
static ngx_int_t ngx_http_webhook_render_raw(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_event_t *evt,
    ngx_str_t *type, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_render_body(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, size_t target, wh_buf_t *out);
static void ngx_http_webhook_render_envelope(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);
static void ngx_http_webhook_render_values(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);
static ngx_uint_t ngx_http_webhook_render_named(ngx_http_webhook_event_t *evt,
    char *name);
static void ngx_http_webhook_render_method(ngx_http_request_t *r,
    ngx_str_t *method);
static void ngx_http_webhook_render_path(ngx_http_request_t *r,
    ngx_str_t *path);


ngx_int_t
ngx_http_webhook_payload_render(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    size_t     target;
    ngx_int_t  rc;

    if (ngx_http_webhook_render_check(r, evt) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&evt->holes, sizeof(wh_holes_t));

    evt->holes.list.max = NGX_MAX_SIZE_T_VALUE;
    evt->holes.list.grow = ngx_http_webhook_payload_grow;
    evt->holes.list.ctx = r->pool;

    (void) wh_delivery_begin(out);
    (void) wh_delivery_put(out, WH_FIELD_EVENT, (char *) evt->type.data,
                           evt->type.len);
    (void) wh_delivery_put(out, WH_FIELD_ID, (char *) evt->id.data,
                           evt->id.len);
    (void) wh_delivery_put_time(out, evt->time);

    target = ep->target.len;

    if (ep->texts) {
        ngx_http_webhook_lacks_at(evt, "url", NULL);

        rc = ngx_http_webhook_url_put(r, payload, ep, evt, out, &target);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_webhook_render_type(r, payload, evt, out);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_webhook_render_headers(r, ep, evt, out) != NGX_OK
        || ngx_http_webhook_keys_query(r, ep, evt, out) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (payload && payload->binary
        && ngx_http_webhook_cloudevents_headers(r, payload, ep, evt, out)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_webhook_render_hops(evt, out);
    ngx_http_webhook_render_trace(r, out);

    rc = ngx_http_webhook_render_body(r, payload, ep, evt, target, out);

    if (rc == NGX_ERROR || out->err == WH_OK) {
        return rc;
    }

    return out->err == WH_LIMIT ? NGX_DECLINED : NGX_ERROR;
}


/* a record that could never be sent must not be made */

static ngx_int_t
ngx_http_webhook_render_check(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt)
{
    if (evt->type.len
        && wh_header_value_ok((char *) evt->type.data, evt->type.len)
        && evt->id.len
        && wh_header_value_ok((char *) evt->id.data, evt->id.len))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "webhook event has an invalid type or id");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_render_headers(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    wh_buf_t *out)
{
    size_t                      pos, start;
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (h[i].text == NULL) {
            continue;
        }

        ngx_http_webhook_lacks_at(evt, "header", &h[i].name);

        (void) wh_delivery_open(out, WH_FIELD_HEADER, &pos);
        (void) wh_buf_put(out, (char *) h[i].name.data, h[i].name.len);
        (void) wh_buf_putc(out, ':');

        wh_holes_begin(&evt->holes, out);

        (void) wh_buf_put(out, (char *) h[i].prefix.data, h[i].prefix.len);

        start = out->len;

        if (ngx_http_webhook_render_text(r, evt, h[i].text, out) != NGX_OK) {
            return NGX_ERROR;
        }

        if (out->err) {
            return NGX_OK;
        }

        /* as proxy_set_header does */

        if (out->len == start) {
            out->len = pos;
            continue;
        }

        if (!wh_header_value_ok(out->data + start, out->len - start)) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "webhook endpoint \"%V\": value of header \"%V\" "
                          "has a control character, header is left out",
                          &ep->name, &h[i].name);
            out->len = pos;
            continue;
        }

        (void) wh_delivery_close(out, pos);
        (void) wh_holes_close(&evt->holes, out);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_render_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_text_t *text,
    wh_buf_t *out)
{
    ngx_str_t  value;

    if (text->holes) {
        return ngx_http_webhook_text_put(r, evt, text, out);
    }

    if (ngx_http_webhook_text_value(r, evt, text, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) wh_buf_put(out, (char *) value.data, value.len);

    return NGX_OK;
}


static void
ngx_http_webhook_render_hops(ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    char  hops;

    if (evt->hops == 0) {
        return;
    }

    hops = (char) evt->hops;

    (void) wh_delivery_put(out, WH_FIELD_HOPS, &hops, 1);
}


static void
ngx_http_webhook_render_trace(ngx_http_request_t *r, wh_buf_t *out)
{
    char       id[32], flags[2];
    wh_str_t   trace;
    ngx_str_t  value;

    static ngx_str_t  name = ngx_string("traceparent");

    /* of several none is to be believed */

    if (ngx_http_webhook_header_find(r->main, &name, &value) != 1) {
        return;
    }

    trace.len = value.len;
    trace.data = (char *) value.data;

    if (wh_traceparent_parse(trace, id, flags) != WH_OK) {
        return;
    }

    (void) wh_delivery_put(out, WH_FIELD_TRACE, trace.data,
                           NGX_HTTP_WEBHOOK_TRACE_LEN);
}


/* Content-Type, and what else there is to say of the body */

static ngx_int_t
ngx_http_webhook_render_type(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_event_t *evt,
    wh_buf_t *out)
{
    ngx_str_t  type = ngx_string("application/json");

    if (payload) {
        type = payload->content_type;

        if (payload->kind == NGX_HTTP_WEBHOOK_FORM) {
            (void) wh_delivery_put(out, WH_FIELD_FORM, NULL, 0);

        } else if (ngx_http_webhook_payload_is_object(payload)) {
            (void) wh_delivery_put(out, WH_FIELD_OBJECT, NULL, 0);
        }

        if (payload->has_body
            && ngx_http_webhook_render_raw(r, payload, evt, &type, out)
               != NGX_OK)
        {
            return evt->large & 1 << payload->body ? NGX_DECLINED : NGX_ABORT;
        }

        if (payload->kind == NGX_HTTP_WEBHOOK_CLOUDEVENTS && !payload->binary)
        {
            ngx_str_set(&type, NGX_HTTP_WEBHOOK_CLOUDEVENT);
        }
    }

    (void) wh_delivery_put(out, WH_FIELD_CONTENT_TYPE, (char *) type.data,
                           type.len);

    return NGX_OK;
}


/* what came with the body goes with it, unless it cannot stand in a header */

static ngx_int_t
ngx_http_webhook_render_raw(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_event_t *evt,
    ngx_str_t *type, wh_buf_t *out)
{
    char                    *bad;
    ngx_http_webhook_raw_t  *raw;

    raw = evt->raw[payload->body];

    if (raw == NULL) {
        return NGX_DECLINED;
    }

    /* within JSON nothing could tell how the octets are encoded */

    if (payload->kind == NGX_HTTP_WEBHOOK_CLOUDEVENTS && !payload->binary) {
        return raw->encoding.len ? NGX_DECLINED : NGX_OK;
    }

    bad = NULL;

    if (type->len == 0) {

        if (wh_header_value_ok((char *) raw->type.data, raw->type.len)) {
            *type = raw->type;

        } else {
            bad = "Content-Type";
        }
    }

    if (!wh_header_value_ok((char *) raw->encoding.data, raw->encoding.len)) {
        bad = "Content-Encoding";

    } else if (raw->encoding.len) {
        (void) wh_delivery_put(out, WH_FIELD_ENCODING,
                               (char *) raw->encoding.data,
                               raw->encoding.len);
    }

    if (bad) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "webhook payload \"%V\": %s of the body has a control "
                      "character, header is left out", &payload->name, bad);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_render_body(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, size_t target, wh_buf_t *out)
{
    size_t       pos, start;
    ngx_int_t    rc;
    ngx_str_t   *octets;
    ngx_uint_t   form;

    rc = NGX_OK;

    (void) wh_delivery_open(out, WH_FIELD_BODY, &pos);

    start = out->len;

    ngx_http_webhook_lacks_at(evt, "body", NULL);

    wh_holes_begin(&evt->holes, out);

    if (payload == NULL) {
        ngx_http_webhook_render_envelope(r, evt, out);
        goto done;
    }

    switch (payload->kind) {

    case NGX_HTTP_WEBHOOK_TEXT:
        rc = ngx_http_webhook_text_put(r, evt, &payload->template, out);
        break;

    case NGX_HTTP_WEBHOOK_RAW:
        octets = &evt->raw[payload->body]->octets;
        (void) wh_buf_put(out, (char *) octets->data, octets->len);
        break;

    case NGX_HTTP_WEBHOOK_CLOUDEVENTS:
        rc = ngx_http_webhook_cloudevents_body(r, payload, ep, evt, out);
        break;

    default: /* made of fields */
        form = (payload->kind == NGX_HTTP_WEBHOOK_FORM);

        rc = ngx_http_webhook_fields_put(r, ep, evt, &payload->fields, out);

        /* an endpoint that a variable has named may not get this body */

        if (rc == NGX_OK
            && (form || ngx_http_webhook_payload_is_object(payload)))
        {
            rc = ngx_http_webhook_keys_body(r, ep, evt, form, out, start);
        }

        break;
    }

    if (rc == NGX_OK
        && payload->kind == NGX_HTTP_WEBHOOK_FORM
        && ngx_http_webhook_head_is_get(ep)
        && !ngx_http_webhook_head_fits(target,
                                       out->len - start
                                       + ngx_http_webhook_keys_room(ep)))
    {
        return NGX_BUSY;
    }

done:

    (void) wh_delivery_close(out, pos);
    (void) wh_holes_close(&evt->holes, out);

    return rc;
}


static void
ngx_http_webhook_render_envelope(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    char  time[24];

    wh_time_iso(time, evt->time);

    /* the time and the id have nothing in them that needs an escape */

    (void) wh_buf_put_literal(out, "{\"type\":\"");
    (void) wh_put_json_string(out, (char *) evt->type.data, evt->type.len);
    (void) wh_buf_put_literal(out, "\",\"timestamp\":\"");
    (void) wh_buf_put(out, time, sizeof(time));
    (void) wh_buf_put_literal(out, "\",\"id\":\"");
    (void) wh_buf_put(out, (char *) evt->id.data, evt->id.len);
    (void) wh_buf_put_literal(out, "\",\"data\":");

    ngx_http_webhook_render_data(r, evt, out);

    (void) wh_buf_putc(out, '}');
}


void
ngx_http_webhook_render_data(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    if (evt->data.len) {
        (void) wh_buf_put(out, (char *) evt->data.data, evt->data.len);
        return;
    }

    ngx_http_webhook_render_values(r, evt, out);
}


static void
ngx_http_webhook_render_values(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out)
{
    size_t                        start;
    ngx_str_t                     text;
    ngx_uint_t                    i;
    ngx_http_webhook_captured_t  *value;

    (void) wh_buf_putc(out, '{');

    start = out->len;

    if (!ngx_http_webhook_render_named(evt, "method")) {
        ngx_http_webhook_render_method(r->main, &text);
        (void) wh_buf_put_literal(out, "\"method\":");
        (void) wh_put_json_quoted(out, (char *) text.data, text.len);
    }

    if (!ngx_http_webhook_render_named(evt, "path")) {

        if (out->len != start) {
            (void) wh_buf_putc(out, ',');
        }

        ngx_http_webhook_render_path(r->main, &text);
        (void) wh_buf_put_literal(out, "\"path\":");
        (void) wh_put_json_quoted(out, (char *) text.data, text.len);
    }

    if (evt->status && !ngx_http_webhook_render_named(evt, "status")) {

        if (out->len != start) {
            (void) wh_buf_putc(out, ',');
        }

        (void) wh_buf_put_literal(out, "\"status\":");
        (void) wh_buf_put_number(out, evt->status);
    }

    for (i = 0; i < evt->nvalues; i++) {
        value = &evt->values[i];

        if (out->len != start) {
            (void) wh_buf_putc(out, ',');
        }

        (void) wh_put_json_quoted(out, (char *) value->name.data,
                                  value->name.len);
        (void) wh_buf_putc(out, ':');
        (void) wh_put_json_value(out, (int) value->kind,
                                 (char *) value->text.data, value->text.len);
    }

    (void) wh_buf_putc(out, '}');
}


/* a declared value stands in place of one that comes by itself */

static ngx_uint_t
ngx_http_webhook_render_named(ngx_http_webhook_event_t *evt, char *name)
{
    size_t      len;
    ngx_uint_t  i;

    len = ngx_strlen(name);

    for (i = 0; i < evt->nvalues; i++) {

        if (evt->values[i].name.len == len
            && ngx_memcmp(evt->values[i].name.data, name, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* as the client sent it: error_page and X-Accel-Redirect make it GET later */

static void
ngx_http_webhook_render_method(ngx_http_request_t *r, ngx_str_t *method)
{
    u_char  *p;

    p = NULL;

    if (r->request_line.len) {
        p = ngx_strlchr(r->request_line.data,
                        r->request_line.data + r->request_line.len, ' ');
    }

    if (p == NULL) {
        *method = r->method_name;
        return;
    }

    method->data = r->request_line.data;
    method->len = p - method->data;
}


/*
 * As the client sent it, percent-encoding and all, since r->uri changes by
 * internal redirects.  The query stays here: nobody named what is in it.
 */

static void
ngx_http_webhook_render_path(ngx_http_request_t *r, ngx_str_t *path)
{
    size_t  n;

    *path = r->unparsed_uri;

    for (n = 0; n < path->len; n++) {

        if (path->data[n] == '?' || path->data[n] == '#') {
            path->len = n;
            break;
        }
    }
}
