
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_payload_conf.h"
#include "wh_escape.h"


static ngx_int_t ngx_http_webhook_keys_encode(ngx_conf_t *cf,
    ngx_http_webhook_key_t *key);
static ngx_int_t ngx_http_webhook_keys_secret(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_key_t *key);
static ngx_int_t ngx_http_webhook_keys_append(ngx_conf_t *cf, ngx_str_t *list,
    char join, ngx_str_t *name, int (*put)(wh_buf_t *b, const char *p,
    size_t n), ngx_str_t *value);
static ngx_int_t ngx_http_webhook_keys_url(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_key_t *key);
static ngx_int_t ngx_http_webhook_keys_kind(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_payload_t *payload,
    ngx_http_webhook_key_t *key, u_char *file, ngx_uint_t line);
static ngx_uint_t ngx_http_webhook_keys_has(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_key_t *key, ngx_uint_t form);
static void ngx_http_webhook_keys_buf(wh_buf_t *b, ngx_pool_t *pool);


ngx_int_t
ngx_http_webhook_keys_end(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                i;
    ngx_http_webhook_key_t   *key;
    ngx_http_webhook_head_t  *head;

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {

        ep->key_fields += !key[i].query;

        if (ngx_http_webhook_keys_encode(cf, &key[i]) != NGX_OK
            || ngx_http_webhook_keys_url(cf, ep, &key[i]) != NGX_OK
            || ngx_http_webhook_keys_secret(cf, ep, &key[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ep->key_query.len
        && ep->target.len + 1 + ep->key_query.len
           > NGX_HTTP_WEBHOOK_MAX_TARGET)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "path and query of the URL of webhook_endpoint "
                           "\"%V\" have more than %d octets with \"api_key "
                           "query\"", &ep->name, NGX_HTTP_WEBHOOK_MAX_TARGET);
        return NGX_ERROR;
    }

    /* nothing could ever be sent */

    head = ngx_http_webhook_head(ep);
    if (head == NULL) {
        return NGX_ERROR;
    }

    if (head->reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no request can be made for webhook_endpoint "
                           "\"%V\": %s, it may have %d octets at most",
                           &ep->name, head->reason, NGX_HTTP_WEBHOOK_MAX_HEAD);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_keys_encode(ngx_conf_t *cf, ngx_http_webhook_key_t *key)
{
    char      *name;
    size_t     len;
    wh_buf_t   form, member;

    name = (char *) key->value.name.data;
    len = key->value.name.len;

    ngx_http_webhook_keys_buf(&form, cf->pool);
    ngx_http_webhook_keys_buf(&member, cf->pool);

    if (key->query) {
        (void) wh_put_url(&form, name, len);
        (void) wh_buf_putc(&form, '=');

    } else {
        (void) wh_pairs_encode(&form, 1, name, len);
        (void) wh_pairs_encode(&member, 0, name, len);
    }

    if (form.err || member.err) {
        return NGX_ERROR;
    }

    key->form.len = form.len;
    key->form.data = (u_char *) form.data;
    key->member.len = member.len;
    key->member.data = (u_char *) member.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_keys_secret(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_key_t *key)
{
    ngx_str_t  *value;

    if (key->value.text) {
        return NGX_OK;
    }

    value = &key->value.literal;

    if (key->query) {
        return ngx_http_webhook_keys_append(cf, &ep->key_query, '&',
                                            &key->form, wh_put_url, value);
    }

    if (ngx_http_webhook_keys_append(cf, &ep->key_form, '&', &key->form,
                                     wh_put_form, value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_keys_append(cf, &ep->key_members, ',',
                                        &key->member, wh_put_json_quoted,
                                        value);
}


static ngx_int_t
ngx_http_webhook_keys_append(ngx_conf_t *cf, ngx_str_t *list, char join,
    ngx_str_t *name, int (*put)(wh_buf_t *b, const char *p, size_t n),
    ngx_str_t *value)
{
    wh_buf_t  b;

    ngx_http_webhook_keys_buf(&b, cf->pool);

    (void) wh_buf_put(&b, (char *) list->data, list->len);

    if (b.len) {
        (void) wh_buf_putc(&b, join);
    }

    (void) wh_buf_put(&b, (char *) name->data, name->len);
    (void) put(&b, (char *) value->data, value->len);

    list->len = b.len;
    list->data = (u_char *) b.data;

    return b.err ? NGX_ERROR : NGX_OK;
}


/* a receiver would take either */

static ngx_int_t
ngx_http_webhook_keys_url(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_key_t *key)
{
    u_char  *p, *last, *next;
    size_t   len;

    if (!key->query) {
        return NGX_OK;
    }

    /* without "=" the name alone is a parameter, too */

    len = key->form.len - 1;
    last = ep->target.data + ep->target.len;
    next = ngx_strlchr(ep->target.data, last, '?');

    while (next) {
        p = next + 1;
        next = ngx_strlchr(p, last, '&');

        if ((size_t) (last - p) < len
            || ngx_strncasecmp(p, key->form.data, len) != 0
            || (p + len != last && p[len] != '=' && p[len] != '&'))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the URL of webhook_endpoint \"%V\" in %V:%ui has a "
                      "parameter \"%V\" of its own beside that of "
                      "\"api_key query\" in %V:%ui",
                      &ep->name, &ep->file, ep->line, &key->value.name,
                      &key->value.file, key->value.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_keys_equal(ngx_uint_t query, ngx_str_t *one, ngx_str_t *two)
{
    if (one->len != two->len) {
        return 0;
    }

    return query ? ngx_strncasecmp(one->data, two->data, one->len) == 0
                 : ngx_memcmp(one->data, two->data, one->len) == 0;
}


ngx_int_t
ngx_http_webhook_keys_check(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_payload_t *payload, u_char *file, ngx_uint_t line)
{
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_http_webhook_key_t    *key;
    ngx_http_webhook_field_t  *field;

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {

        if (ngx_http_webhook_keys_kind(cf, ep, payload, &key[i], file, line)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (payload == NULL
            || !ngx_http_webhook_keys_has(ep, &key[i],
                                payload->kind == NGX_HTTP_WEBHOOK_FORM))
        {
            continue;
        }

        name = &key[i].value.name;

        for (field = payload->fields.list; field; field = field->next) {

            if (!ngx_http_webhook_keys_equal(key[i].query, name,
                                             &field->label))
            {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"api_key\" of webhook_endpoint \"%V\" in %V:%ui "
                          "has the name of field \"%V\" in %s:%ui, they meet "
                          "in %s:%ui", &ep->name,
                          &key[i].value.file, key[i].value.line,
                          &field->name, field->file, field->line, file, line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_keys_kind(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_key_t *key,
    u_char *file, ngx_uint_t line)
{
    char       *kinds;
    ngx_str_t   none;

    ngx_str_null(&none);

    if (key->query
        || (payload && payload->kind == NGX_HTTP_WEBHOOK_FORM))
    {
        return NGX_OK;
    }

    if (ngx_http_webhook_head_is_get(ep)) {
        kinds = "\"form\", as there is no body with GET";

    } else if (payload && ngx_http_webhook_payload_is_object(payload)) {
        return NGX_OK;

    } else if (payload && payload->kind == NGX_HTTP_WEBHOOK_STRUCTURED) {
        kinds = "\"structured\" that is no array, \"flat\" or \"form\"";

    } else {
        kinds = "\"structured\", \"flat\" or \"form\"";
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"api_key field\" of webhook_endpoint \"%V\" in %V:%ui "
                  "needs a payload of kind %s, not %s%V%s in %s:%ui",
                  &ep->name, &key->value.file, key->value.line, kinds,
                  payload ? "\"" : "the default payload",
                  payload ? &payload->name : &none,
                  payload ? "\"" : "", file, line);

    return NGX_ERROR;
}


/* true if the key is where the names of such a payload are */

static ngx_uint_t
ngx_http_webhook_keys_has(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_key_t *key, ngx_uint_t form)
{
    return !key->query || (form && ngx_http_webhook_head_is_get(ep));
}


void
ngx_http_webhook_keys_absent(ngx_http_webhook_endpoint_t *ep,
    wh_pairs_t *pairs)
{
    ngx_str_t               *name;
    ngx_uint_t               i;
    ngx_http_webhook_key_t  *key;

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {

        if (ngx_http_webhook_keys_has(ep, &key[i], pairs->form)) {
            name = &key[i].value.name;

            (void) wh_pairs_name(pairs, WH_PAIR_ABSENT, (char *) name->data,
                                 name->len);
        }
    }
}


ngx_int_t
ngx_http_webhook_keys_query(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    wh_buf_t *out)
{
    size_t                   pos, start;
    ngx_uint_t               i;
    ngx_http_webhook_key_t  *key;

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {

        if (!key[i].query || key[i].value.text == NULL) {
            continue;
        }

        (void) wh_delivery_open(out, WH_FIELD_QUERY, &pos);

        wh_holes_begin(&evt->holes, out);

        (void) wh_buf_put(out, (char *) key[i].form.data, key[i].form.len);

        start = out->len;

        if (ngx_http_webhook_text_escaped(r, evt, key[i].value.text,
                                          NGX_HTTP_WEBHOOK_ESCAPE_URL, out)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* as a header */

        if (out->len == start) {
            out->len = pos;
            continue;
        }

        (void) wh_delivery_close(out, pos);
        (void) wh_holes_close(&evt->holes, out);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_keys_body(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_uint_t form, wh_buf_t *out, size_t start)
{
    size_t                      end, value;
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_http_webhook_key_t     *key;
    ngx_http_webhook_escape_e   escape;

    key = ep->keys.elts;

    escape = form ? NGX_HTTP_WEBHOOK_ESCAPE_FORM
                  : NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING;

    for (i = 0; i < ep->keys.nelts && out->err == WH_OK; i++) {

        if (key[i].query || key[i].value.text == NULL) {
            continue;
        }

        name = form ? &key[i].form : &key[i].member;

        /* the brace of an object is put again */

        end = out->len;

        if (!form) {
            out->len--;
        }

        if (out->len > start + (form ? 0 : 1)) {
            (void) wh_buf_putc(out, form ? '&' : ',');
        }

        (void) wh_buf_put(out, (char *) name->data, name->len);

        if (!form) {
            (void) wh_buf_putc(out, '"');
        }

        value = out->len;

        if (ngx_http_webhook_text_escaped(r, evt, key[i].value.text,
                                          escape, out)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (out->len == value && out->err == WH_OK) {
            out->len = end;

            if (!form) {
                out->data[end - 1] = '}';
            }

            continue;
        }

        if (!form) {
            (void) wh_buf_put_literal(out, "\"}");
        }
    }

    return NGX_OK;
}


size_t
ngx_http_webhook_keys_room(ngx_http_webhook_endpoint_t *ep)
{
    size_t  room;

    room = ep->key_query.len ? ep->key_query.len + 1 : 0;

    return room + (ep->key_form.len ? ep->key_form.len + 1 : 0);
}


static void
ngx_http_webhook_keys_buf(wh_buf_t *b, ngx_pool_t *pool)
{
    ngx_memzero(b, sizeof(wh_buf_t));

    b->max = NGX_MAX_SIZE_T_VALUE;
    b->grow = ngx_http_webhook_payload_grow;
    b->ctx = pool;
}
