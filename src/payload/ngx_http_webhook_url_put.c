
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * URLs with the values of an event.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_url.h"
#include "wh_delivery.h"
#include "wh_escape.h"
#include "wh_url.h"


/* scheme, host and port are short, or wrong */

#define NGX_HTTP_WEBHOOK_MAX_URL  (NGX_HTTP_WEBHOOK_MAX_TARGET + 512)


static ngx_int_t ngx_http_webhook_url_values(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out, const char **err);
static ngx_int_t ngx_http_webhook_url_part(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_url_part_t *part, ngx_http_webhook_event_t *evt,
    wh_buf_t *out, const char **err);
static ngx_uint_t ngx_http_webhook_url_host_ok(ngx_str_t *text);
static void ngx_http_webhook_url_path(ngx_str_t *text, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_url_good(ngx_http_webhook_endpoint_t *ep,
    wh_str_t in, size_t *target, const char **err);


ngx_int_t
ngx_http_webhook_url_put(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out, size_t *target)
{
    size_t       pos, start, max;
    wh_str_t     in;
    ngx_int_t    rc;
    const char  *err;

    (void) wh_delivery_open(out, WH_FIELD_URL, &pos);

    wh_holes_begin(&evt->holes, out);

    start = out->len;
    max = out->max;
    err = NULL;

    if (out->err == WH_OK && max - start > NGX_HTTP_WEBHOOK_MAX_URL) {
        out->max = start + NGX_HTTP_WEBHOOK_MAX_URL;
    }

    rc = ngx_http_webhook_url_values(r, payload, ep, evt, out, &err);

    if (out->err == WH_LIMIT && out->max != max) {
        out->err = WH_OK;
        rc = NGX_BUSY;
    }

    out->max = max;

    if (rc == NGX_OK && out->err == WH_OK) {
        in.len = out->len - start;
        in.data = out->data + start;

        rc = ngx_http_webhook_url_good(ep, in, target, &err);
    }

    if (rc == NGX_AGAIN) {

        /* not with the URL: there may be anything in it */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "webhook endpoint \"%V\" has no valid URL for event "
                      "\"%V\": %s", &ep->name, &evt->type, err);
    }

    (void) wh_delivery_close(out, pos);
    (void) wh_holes_close(&evt->holes, out);

    return rc;
}


static ngx_int_t
ngx_http_webhook_url_values(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out, const char **err)
{
    size_t                        start;
    ngx_int_t                     rc;
    ngx_uint_t                    i;
    ngx_http_webhook_url_part_t  *part;

    part = ep->texts->parts.elts;
    start = out->len;

    for (i = 0; i < ep->texts->parts.nelts && out->err == WH_OK; i++) {

        if (!part[i].value) {
            (void) wh_buf_put(out, (char *) part[i].text.parts->text.data,
                              part[i].text.parts->text.len);
            start = out->len;
            continue;
        }

        rc = ngx_http_webhook_url_part(r, payload, ep, &part[i], evt, out,
                                       err);

        if (rc != NGX_OK) {
            return rc;
        }

        if (part[i].segment && out->len == start && out->err == WH_OK) {

            /* "/contacts/$id" without an id is another resource */

            *err = "a segment of the path is empty";
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_url_part(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_url_part_t *part, ngx_http_webhook_event_t *evt,
    wh_buf_t *out, const char **err)
{
    ngx_str_t                  text;
    ngx_http_webhook_field_t  *field;

    if (part->field.len) {

        /* an endpoint that a variable has named with another's payload */

        field = payload ? ngx_http_webhook_fields_find(payload->fields.list,
                                                       &part->field)
                        : NULL;
        if (field == NULL) {
            *err = "the payload has no such field";
            return NGX_AGAIN;
        }

        return ngx_http_webhook_field_put_url(r, ep, evt, &payload->fields,
                                              field, out);
    }

    if (part->text.parts->kind == NGX_HTTP_WEBHOOK_PART_HOLE) {
        return ngx_http_webhook_text_escaped(r, evt, &part->text,
                                             NGX_HTTP_WEBHOOK_ESCAPE_URL, out);
    }

    if (ngx_http_webhook_text_value(r, evt, &part->text, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (part->place) {

    case NGX_HTTP_WEBHOOK_URL_HOST:

        if (!ngx_http_webhook_url_host_ok(&text)) {
            *err = "invalid character in host in URL";
            return NGX_AGAIN;
        }

        /* fall through */

    case NGX_HTTP_WEBHOOK_URL_WHOLE:
        (void) wh_buf_put(out, (char *) text.data, text.len);
        break;

    default: /* NGX_HTTP_WEBHOOK_URL_PATH, NGX_HTTP_WEBHOOK_URL_QUERY */

        if (part->text.parts->escape == NGX_HTTP_WEBHOOK_ESCAPE_PATH) {
            ngx_http_webhook_url_path(&text, out);

        } else {
            (void) wh_put_url(out, (char *) text.data, text.len);
        }
    }

    return NGX_OK;
}


/* it may be a name or an address, with a port: nothing that ends a host */

static ngx_uint_t
ngx_http_webhook_url_host_ok(ngx_str_t *text)
{
    u_char  c;
    size_t  i;

    static ngx_str_t  others = ngx_string("-._~:[]");

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if ((c < '0' || c > '9')
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z')
            && ngx_strlchr(others.data, others.data + others.len, c) == NULL)
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_webhook_url_path(ngx_str_t *text, wh_buf_t *out)
{
    u_char  *p, *last, *slash;

    p = text->data;
    last = p + text->len;

    for ( ;; ) {
        slash = ngx_strlchr(p, last, '/');

        if (slash == NULL) {
            (void) wh_put_url(out, (char *) p, last - p);
            return;
        }

        (void) wh_put_url(out, (char *) p, slash - p);
        (void) wh_buf_putc(out, '/');

        p = slash + 1;
    }
}


static ngx_int_t
ngx_http_webhook_url_good(ngx_http_webhook_endpoint_t *ep, wh_str_t in,
    size_t *target, const char **err)
{
    wh_url_t  u;

    if (wh_url_parse(in, &u, err) != WH_OK) {
        return NGX_AGAIN;
    }

    if (!u.https && !ep->allow_http) {
        *err = "\"http://\" needs \"allow_http on\"";
        return NGX_AGAIN;
    }

#if !(NGX_HTTP_SSL)
    if (u.https) {
        *err = "\"https://\" needs an nginx built with the "
               "\"--with-http_ssl_module\" option";
        return NGX_AGAIN;
    }
#endif

    if (u.target.len > NGX_HTTP_WEBHOOK_MAX_TARGET
        || !ngx_http_webhook_head_fits(u.target.len, ep->key_query.len))
    {
        return NGX_BUSY;
    }

    /* who gives all of a URL may give any path */

    if (((ngx_http_webhook_url_part_t *) ep->texts->parts.elts)->place
        != NGX_HTTP_WEBHOOK_URL_WHOLE
        && wh_url_has_dots(u.target))
    {
        *err = "a value makes a segment \".\" or \"..\" in the path";
        return NGX_AGAIN;
    }

    *target = u.target.len;

    return NGX_OK;
}
