
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_zone.h"
#include "wh_time.h"
#include "wh_translate.h"


#define NGX_HTTP_WEBHOOK_QUIET  60   /* seconds from line to line */


static ngx_http_webhook_local_t *ngx_http_webhook_local_get(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field);
static ngx_int_t ngx_http_webhook_local_style(ngx_conf_t *cf,
    ngx_http_webhook_local_t *local, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_local_group(ngx_conf_t *cf,
    ngx_http_webhook_local_t *local, ngx_str_t *value);
static char *ngx_http_webhook_local_check(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field);
static char *ngx_http_webhook_local_constant(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field);
static ngx_int_t ngx_http_webhook_local_number(
    ngx_http_webhook_language_t *lang, ngx_str_t *text, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_local_date(
    ngx_http_webhook_language_t *lang, ngx_http_webhook_local_t *local,
    ngx_str_t *text, wh_buf_t *out);
static ngx_int_t ngx_http_webhook_local_time(ngx_str_t *text, int64_t *ms);
static ngx_int_t ngx_http_webhook_local_translate(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    ngx_str_t *text, wh_buf_t *out, ngx_http_webhook_typed_t *v);
static ngx_int_t ngx_http_webhook_local_result(int rc, wh_buf_t *out);
static void ngx_http_webhook_local_missing(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    wh_translator_t *t);


/* from WH_STYLE_SHORT on */

static ngx_str_t  ngx_http_webhook_styles[] = {
    ngx_string("short"),
    ngx_string("medium"),
    ngx_string("long"),
    ngx_string("full"),
    ngx_null_string
};


#define ngx_http_webhook_local_is(value, word)                                \
    ((value)->len == sizeof(word) - 1                                         \
     && ngx_memcmp((value)->data, word, sizeof(word) - 1) == 0)

#define ngx_http_webhook_local_begins(value, word)                            \
    ((value)->len >= sizeof(word) - 1                                         \
     && ngx_memcmp((value)->data, word, sizeof(word) - 1) == 0)


ngx_int_t
ngx_http_webhook_local_parameter(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_str_t *value)
{
    ngx_str_t                  text;
    ngx_http_webhook_local_t  *local;

    if (!ngx_http_webhook_local_is(value, "map")
        && !ngx_http_webhook_local_is(value, "translate")
        && !ngx_http_webhook_local_begins(value, "translate=")
        && !ngx_http_webhook_local_begins(value, "style=")
        && !ngx_http_webhook_local_begins(value, "zone="))
    {
        return NGX_DECLINED;
    }

    local = ngx_http_webhook_local_get(cf, field);
    if (local == NULL) {
        return NGX_ERROR;
    }

    if (value->data[0] == 'm') {

        if (local->map) {
            return NGX_DECLINED;
        }

        local->map = 1;

        return NGX_OK;
    }

    if (value->data[0] == 't') {

        if (local->translate) {
            return NGX_DECLINED;
        }

        local->translate = 1;

        return ngx_http_webhook_local_group(cf, local, value);
    }

    if (value->data[0] == 's') {
        return ngx_http_webhook_local_style(cf, local, value);
    }

    text.len = value->len - (sizeof("zone=") - 1);
    text.data = value->data + sizeof("zone=") - 1;

    if (text.len == 0 || local->zone.len) {
        return NGX_DECLINED;
    }

    local->zone = text;

    return NGX_OK;
}


static ngx_http_webhook_local_t *
ngx_http_webhook_local_get(ngx_conf_t *cf, ngx_http_webhook_field_t *field)
{
    ngx_http_webhook_local_t  *local;

    if (field->local) {
        return field->local;
    }

    local = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_local_t));
    if (local == NULL) {
        return NULL;
    }

    local->field = field;
    field->local = local;

    return local;
}


static ngx_int_t
ngx_http_webhook_local_style(ngx_conf_t *cf, ngx_http_webhook_local_t *local,
    ngx_str_t *value)
{
    int         i;
    ngx_str_t   text, *style;

    if (local->style) {
        return NGX_DECLINED;
    }

    text.len = value->len - (sizeof("style=") - 1);
    text.data = value->data + sizeof("style=") - 1;

    style = ngx_http_webhook_styles;

    for (i = 0; style[i].len; i++) {

        if (style[i].len == text.len
            && ngx_memcmp(style[i].data, text.data, text.len) == 0)
        {
            local->style = WH_STYLE_SHORT + i;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of field \"%V\", the style "
                       "must be \"short\", \"medium\", \"long\" or \"full\"",
                       value, &local->field->name);

    return NGX_ERROR;
}


/* "translate", "translate=GROUP" */

static ngx_int_t
ngx_http_webhook_local_group(ngx_conf_t *cf, ngx_http_webhook_local_t *local,
    ngx_str_t *value)
{
    size_t   len;
    u_char  *p;

    if (value->len < sizeof("translate=") - 1) {
        return NGX_OK;
    }

    len = value->len - (sizeof("translate=") - 1);

    if (len == 0) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(cf->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, value->data + sizeof("translate=") - 1, len);
    p[len] = '.';

    local->group.len = len + 1;
    local->group.data = p;

    return NGX_OK;
}


char *
ngx_http_webhook_local_end(ngx_conf_t *cf, ngx_http_webhook_fields_t *fields,
    ngx_http_webhook_field_t *field)
{
    ngx_int_t                   n;
    ngx_http_webhook_local_t   *local, **p;
    ngx_http_webhook_format_t   format;

    if (field->local == NULL && !ngx_http_webhook_type_is_text(field->type)) {
        return NGX_CONF_OK;
    }

    local = ngx_http_webhook_local_get(cf, field);
    if (local == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_local_check(cf, field) != NGX_CONF_OK
        || ngx_http_webhook_local_constant(cf, field) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_type_is_date(field->type)) {
        format.date = local->style ? local->style : WH_STYLE_MEDIUM;
        format.time = field->type == NGX_HTTP_WEBHOOK_TYPE_DATETIME_TEXT
                      ? format.date : WH_STYLE_NONE;
        format.zone = local->zone;

        if (format.zone.len == 0) {
            ngx_str_set(&format.zone, "UTC");
        }

        n = ngx_http_webhook_language_format(cf, &format);
        if (n == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        local->format = n;
    }

    for (p = &fields->locals; *p; p = &(*p)->next) {
        /* void */
    }

    *p = local;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_local_check(ngx_conf_t *cf, ngx_http_webhook_field_t *field)
{
    char                      *what, *must;
    wh_str_t                   zone;
    ngx_http_webhook_local_t  *local;

    local = field->local;

    if (ngx_http_webhook_type_is_text(field->type) && !wh_locale_available()) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "type \"%V\" of field \"%V\" needs the module "
                           "built with ICU",
                           ngx_http_webhook_type_name(field->type),
                           &field->name);
        return NGX_CONF_ERROR;
    }

    what = NULL;
    must = NULL;

    if ((local->style || local->zone.len)
        && !ngx_http_webhook_type_is_date(field->type))
    {
        what = local->style ? "style=" : "zone=";
        must = "the type \"date_text\" or \"datetime_text\"";

    } else if (local->translate
               && field->type != NGX_HTTP_WEBHOOK_TYPE_STRING
               && field->type != NGX_HTTP_WEBHOOK_TYPE_JSON)
    {
        what = "translate";
        must = "the type \"string\" or \"json\"";

    } else if (local->map
               && (!local->translate
                   || field->type != NGX_HTTP_WEBHOOK_TYPE_JSON))
    {
        what = "map";
        must = "\"translate\" and the type \"json\"";
    }

    if (what) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" of field \"%V\" must come with %s",
                           what, &field->name, must);
        return NGX_CONF_ERROR;
    }

    if (local->zone.len == 0) {
        return NGX_CONF_OK;
    }

    zone.len = local->zone.len;
    zone.data = (char *) local->zone.data;

    if (wh_locale_zone(zone) != WH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown time zone \"%V\" of field \"%V\", it must "
                           "be \"UTC\" or like \"Europe/Berlin\"",
                           &local->zone, &field->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what is never right is an error, though it is not rendered here */

static char *
ngx_http_webhook_local_constant(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field)
{
    int64_t                    ms;
    ngx_int_t                  rc;
    ngx_str_t                  text;
    ngx_http_webhook_typed_t   v;

    if (!ngx_http_webhook_text_constant(&field->value)) {
        return NGX_CONF_OK;
    }

    ngx_str_null(&text);

    if (field->value.nparts) {
        text = field->value.parts[0].text;
    }

    if (text.len == 0 && field->omit_empty) {
        return NGX_CONF_OK;
    }

    if (ngx_http_webhook_type_is_date(field->type)) {
        rc = ngx_http_webhook_local_time(&text, &ms);

    } else if (field->type == NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT) {
        rc = wh_json_number_ok((char *) text.data, text.len) ? NGX_OK
                                                             : NGX_DECLINED;

    } else {
        rc = ngx_http_webhook_type_value(field->type, &text, &v, cf->log);
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in field \"%V\" is not of type \"%V\"",
                           &text, &field->name,
                           ngx_http_webhook_type_name(field->type));
    }

    return rc == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_webhook_local_value(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    ngx_str_t *text, size_t max, ngx_http_webhook_typed_t *v)
{
    wh_buf_t   out;
    ngx_int_t  rc;

    ngx_memzero(&out, sizeof(wh_buf_t));

    out.max = max;
    out.grow = ngx_http_webhook_payload_grow;
    out.ctx = r->pool;

    if (field->local->translate) {
        return ngx_http_webhook_local_translate(r, ep, field, text, &out, v);
    }

    /* of an endpoint that a variable named it is not sure */

    if (ep->language == NULL) {
        return NGX_DECLINED;
    }

    if (field->type == NGX_HTTP_WEBHOOK_TYPE_NUMBER_TEXT) {
        rc = ngx_http_webhook_local_number(ep->language, text, &out);

    } else {
        rc = ngx_http_webhook_local_date(ep->language, field->local, text,
                                         &out);
    }

    v->kind = WH_JSON_STRING;
    v->text.len = out.len;
    v->text.data = (u_char *) out.data;

    return rc;
}


static ngx_int_t
ngx_http_webhook_local_number(ngx_http_webhook_language_t *lang,
    ngx_str_t *text, wh_buf_t *out)
{
    wh_str_t  number;

    number.len = text->len;
    number.data = (char *) text->data;

    if (lang->decimal == NULL || !wh_number_ok(number)) {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_local_result(
               wh_decimal_put(out, lang->decimal, number), out);
}


static ngx_int_t
ngx_http_webhook_local_date(ngx_http_webhook_language_t *lang,
    ngx_http_webhook_local_t *local, ngx_str_t *text, wh_buf_t *out)
{
    int64_t  ms;

    if (lang->dates == NULL || lang->dates[local->format] == NULL
        || ngx_http_webhook_local_time(text, &ms) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_local_result(
               wh_date_put(out, lang->dates[local->format], ms), out);
}


/* as applications write it, or as nginx does: seconds since the epoch */

static ngx_int_t
ngx_http_webhook_local_time(ngx_str_t *text, int64_t *ms)
{
    uint64_t  us;
    wh_str_t  time;

    if (ngx_http_webhook_type_seconds(text, &us) == NGX_OK) {
        *ms = (int64_t) (us / 1000);
        return NGX_OK;
    }

    time.len = text->len;
    time.data = (char *) text->data;

    return wh_time_parse(time, ms) == WH_OK ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_local_translate(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    ngx_str_t *text, wh_buf_t *out, ngx_http_webhook_typed_t *v)
{
    int                        rc;
    char                      *p;
    wh_str_t                   value;
    wh_buf_t                   index;
    wh_alloc_t                 mem;
    wh_translator_t            t;
    ngx_http_webhook_local_t  *local;

    local = field->local;
    index = *out;
    index.max = NGX_MAX_SIZE_T_VALUE;

    ngx_http_webhook_type_memory(&mem, r->connection->log);

    t.catalogue = ep->language ? ep->language->catalogue : NULL;
    t.group.len = local->group.len;
    t.group.data = (char *) local->group.data;
    t.mem = &mem;
    t.missing = 0;

    p = (char *) text->data;

    if (field->type == NGX_HTTP_WEBHOOK_TYPE_STRING) {
        value.len = text->len;
        value.data = p;

        value = wh_translate(&t, value);

        v->kind = WH_JSON_STRING;
        v->text.len = value.len;
        v->text.data = (u_char *) value.data;

        if (t.missing) {
            ngx_http_webhook_local_missing(r, ep, field, &t);
        }

        return t.missing && field->has_default ? NGX_ABORT : NGX_OK;
    }

    if (local->map) {
        rc = wh_translate_map(&t, p, text->len, out, &index);

    } else {
        rc = wh_translate_values(&t, p, text->len, out);
    }

    v->kind = WH_JSON_TEXT;
    v->text.len = out->len;
    v->text.data = (u_char *) out->data;

    if (rc == WH_OK && t.missing) {
        ngx_http_webhook_local_missing(r, ep, field, &t);
    }

    return ngx_http_webhook_local_result(rc, out);
}


static ngx_int_t
ngx_http_webhook_local_result(int rc, wh_buf_t *out)
{
    if (rc == WH_OK) {
        return NGX_OK;
    }

    if (rc == WH_NOMEM) {
        return NGX_ERROR;
    }

    return out->err == WH_LIMIT ? NGX_BUSY : NGX_DECLINED;
}


/* what clients send may be unknown a thousand times a second */

static void
ngx_http_webhook_local_missing(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_field_t *field,
    wh_translator_t *t)
{
    u_char                       *p, text[sizeof(t->first) * 6];
    ngx_http_webhook_counters_t  *c;
    ngx_http_webhook_language_t  *lang;

    c = ep->counters;

    if (c) {
        (void) ngx_atomic_fetch_add(&c->untranslated, t->missing);
    }

    lang = ep->language;

    if (lang == NULL) {
        return;
    }

    lang->missing += t->missing;

    if (lang->quiet && ngx_time() - lang->quiet < NGX_HTTP_WEBHOOK_QUIET) {
        return;
    }

    p = (u_char *) ngx_escape_json(text, (u_char *) t->first, t->first_len);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "webhook: no translation of \"%*s\" into \"%V\" for field "
                  "\"%V\" and endpoint \"%V\", %ui %s not translated into it "
                  "since the last such line",
                  (size_t) (p - text), text, &lang->name, &field->name,
                  &ep->name, lang->missing,
                  lang->missing == 1 ? "value was" : "values were");

    lang->quiet = ngx_time();
    lang->missing = 0;
}
