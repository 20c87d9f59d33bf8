
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_payload.h"
#include "wh_pairs.h"


static char *ngx_http_webhook_field_set(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field);
static ngx_int_t ngx_http_webhook_field_json(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field);
static ngx_http_webhook_field_t *ngx_http_webhook_field_list(ngx_conf_t *cf,
    ngx_http_webhook_field_t **list, ngx_str_t *name);
static ngx_http_webhook_field_t *ngx_http_webhook_field_place(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_field_element(ngx_str_t *name, u_char **p);
static u_char *ngx_http_webhook_field_label(ngx_conf_t *cf, ngx_str_t *name,
    u_char *p, u_char *dst, ngx_str_t *label, ngx_uint_t elements);
static ngx_http_webhook_field_t *ngx_http_webhook_field_find(
    ngx_http_webhook_field_t *fields, ngx_str_t *label);
static ngx_http_webhook_field_t *ngx_http_webhook_field_nth(
    ngx_http_webhook_field_t *fields, ngx_int_t n);
static ngx_http_webhook_field_t *ngx_http_webhook_field_create(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields, ngx_str_t *name, ngx_str_t *label);
static ngx_int_t ngx_http_webhook_field_join(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_str_t *separator);
static ngx_int_t ngx_http_webhook_field_key(ngx_conf_t *cf,
    ngx_http_webhook_field_t *field, ngx_uint_t form);
static char *ngx_http_webhook_field_constant(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field,
    ngx_str_t *text, ngx_http_webhook_typed_t *v, ngx_str_t *plain);
static char *ngx_http_webhook_field_attempt(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field);


char *
ngx_http_webhook_fields_add(ngx_conf_t *cf, ngx_http_webhook_fields_t *fields)
{
    ngx_str_t                 *value;
    ngx_http_webhook_field_t  *field;

    value = cf->args->elts;

    if (cf->args->nelts < 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"field\" must have a name and a value");
        return NGX_CONF_ERROR;
    }

    if (fields->shape == NGX_HTTP_WEBHOOK_SHAPE_TREE) {
        field = ngx_http_webhook_field_place(cf, fields, &value[1]);

    } else {
        field = ngx_http_webhook_field_list(cf, &fields->list, &value[1]);
    }

    if (field == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_webhook_field_set(cf, fields, field);
}


/* names of one level depend on the separator, which may stand anywhere */

char *
ngx_http_webhook_fields_end(ngx_conf_t *cf, ngx_http_webhook_fields_t *fields)
{
    ngx_uint_t                 form;
    ngx_http_webhook_field_t  *field, *other;

    if (fields->shape == NGX_HTTP_WEBHOOK_SHAPE_TREE) {
        return NGX_CONF_OK;
    }

    form = (fields->shape == NGX_HTTP_WEBHOOK_SHAPE_FORM);

    if (fields->separator.data == NULL) {
        ngx_str_set(&fields->separator, "_");
    }

    for (field = fields->list; field; field = field->next) {

        if (ngx_http_webhook_field_join(cf, field, &fields->separator)
            != NGX_OK
            || ngx_http_webhook_field_key(cf, field, form) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        for (other = fields->list; other != field; other = other->next) {

            if (other->key.len != field->key.len
                || ngx_memcmp(other->key.data, field->key.data, field->key.len)
                   != 0)
            {
                continue;
            }

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "duplicate field \"%V\", its name is \"%V\" as that "
                          "of field \"%V\" in %s:%ui in %s:%ui",
                          &field->name, &field->label, &other->name,
                          other->file, other->line, field->file, field->line);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_field_set(ngx_conf_t *cf, ngx_http_webhook_fields_t *fields,
    ngx_http_webhook_field_t *field)
{
    ngx_int_t    rc;
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

        if (field->diff == NULL
            && value[i].len > sizeof("diff=") - 1
            && ngx_memcmp(value[i].data, "diff=", sizeof("diff=") - 1) == 0)
        {
            text.len = value[i].len - (sizeof("diff=") - 1);
            text.data = value[i].data + sizeof("diff=") - 1;

            field->diff = ngx_http_webhook_text_create(cf, &text,
                                                  NGX_HTTP_WEBHOOK_TEXT_EVENT);
            if (field->diff == NULL) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (!field->omit_empty
            && value[i].len == sizeof("omit_empty") - 1
            && ngx_memcmp(value[i].data, "omit_empty", value[i].len) == 0)
        {
            field->omit_empty = 1;
            continue;
        }

        rc = ngx_http_webhook_local_parameter(cf, field, &value[i]);

        if (rc == NGX_OK) {
            continue;
        }

        if (rc == NGX_ERROR) {
            return NGX_CONF_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of field \"%V\", it must "
                           "be one type (\"string\", \"number\", \"boolean\", "
                           "\"json\", \"json_string\", \"null\", \"time\", "
                           "\"time:iso\", \"time:unix\", \"time:ms\", "
                           "\"time:us\", \"number_text\", \"date_text\" or "
                           "\"datetime_text\"), \"default=\", \"diff=\", "
                           "\"translate\", \"translate=\", \"map\", "
                           "\"style=\", \"zone=\" or \"omit_empty\"",
                           &value[i], &value[1]);
        return NGX_CONF_ERROR;
    }

    if (field->type == NGX_HTTP_WEBHOOK_TYPE_JSON) {
        fields->json = 1;
    }

    if (ngx_http_webhook_text_compile(cf, &value[2],
                                      NGX_HTTP_WEBHOOK_TEXT_EVENT
                                      |NGX_HTTP_WEBHOOK_TEXT_ATTEMPT,
                                      NULL, &field->value)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_field_json(cf, field) != NGX_OK
        || ngx_http_webhook_local_end(cf, fields, field) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    field->fallback.kind = WH_JSON_NULL;

    if (field->has_default
        && ngx_http_webhook_field_constant(cf, fields, field, &fallback,
                                           &field->fallback,
                                           &field->fallback_text)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!ngx_http_webhook_text_constant(&field->value)) {

        if (field->type == NGX_HTTP_WEBHOOK_TYPE_NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" of type \"null\" must have the "
                               "value \"\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        return field->value.holes
               ? ngx_http_webhook_field_attempt(cf, fields, field)
               : NGX_CONF_OK;
    }

    /* what depends on the endpoint is rendered with the event */

    if (field->local) {
        return NGX_CONF_OK;
    }

    field->constant = 1;

    if (field->value.nparts) {
        text = field->value.parts[0].text;

    } else {
        ngx_str_null(&text);
    }

    if (text.len == 0 && field->omit_empty) {
        field->left_out = 1;
        return NGX_CONF_OK;
    }

    return ngx_http_webhook_field_constant(cf, fields, field, &text,
                                           &field->fixed,
                                           &field->fixed_text);
}


/* a value among JSON could end a string, and say more than one value */

static ngx_int_t
ngx_http_webhook_field_json(ngx_conf_t *cf, ngx_http_webhook_field_t *field)
{
    if (field->diff
        && (field->type != NGX_HTTP_WEBHOOK_TYPE_JSON
            || ngx_http_webhook_text_constant(&field->value)
            || ngx_http_webhook_text_constant(field->diff)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "field \"%V\" with \"diff=\" must be of the type "
                           "\"json\", and both values must be variables",
                           &field->name);
        return NGX_ERROR;
    }

    if (!ngx_http_webhook_type_is_json(field->type)
        || (field->value.nparts <= 1
            && (field->diff == NULL || field->diff->nparts == 1)))
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "value of field \"%V\" of type \"%V\" must be one "
                       "variable, or a text without variables; arrays and "
                       "objects are made of fields, as \"%V[0]\"",
                       &field->name,
                       ngx_http_webhook_type_name(field->type), &field->name);

    return NGX_ERROR;
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_list(ngx_conf_t *cf, ngx_http_webhook_field_t **list,
    ngx_str_t *name)
{
    u_char     *p, *dst;
    ngx_str_t   label;

    dst = ngx_pnalloc(cf->pool, name->len + 1);
    if (dst == NULL) {
        return NULL;
    }

    p = name->data;

    do {
        p = ngx_http_webhook_field_label(cf, name, p, dst, &label, 0);
        if (p == NULL) {
            return NULL;
        }

    } while (p++ != name->data + name->len);

    return ngx_http_webhook_field_create(cf, list, name, name);
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_place(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_str_t *name)
{
    u_char                    *p, *dst;
    ngx_int_t                  element;
    ngx_str_t                  label;
    ngx_uint_t                 dot, leaf, depth, *array;
    ngx_http_webhook_field_t  *field, **list;

    dot = 0;
    p = name->data;
    list = &fields->list;
    array = &fields->array;

    dst = ngx_pnalloc(cf->pool, name->len + 1);
    if (dst == NULL) {
        return NULL;
    }

    for (depth = 1; /* void */ ; depth++) {

        label.data = p;
        element = dot ? NGX_ERROR : ngx_http_webhook_field_element(name, &p);

        if (element == NGX_ERROR) {
            p = ngx_http_webhook_field_label(cf, name, p, dst, &label, 1);
            if (p == NULL) {
                return NULL;
            }

            dst += label.len;

        } else {
            label.len = p - label.data;
        }

        if (depth > NGX_HTTP_WEBHOOK_MAX_DEPTH) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" is deeper than %d levels",
                               name, NGX_HTTP_WEBHOOK_MAX_DEPTH);
            return NULL;
        }

        leaf = (p == name->data + name->len);

        if (*list == NULL) {
            *array = (element != NGX_ERROR);

        } else if (*array != (ngx_uint_t) (element != NGX_ERROR)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "field \"%V\" conflicts with field \"%V\" in "
                               "%s:%ui: one is in an array where the other "
                               "is in an object",
                               name, &(*list)->name, (*list)->file,
                               (*list)->line);
            return NULL;
        }

        field = *array ? ngx_http_webhook_field_nth(*list, element)
                       : ngx_http_webhook_field_find(*list, &label);

        if (field == NULL) {

            if (element > 0
                && ngx_http_webhook_field_nth(*list, element - 1) == NULL)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "field \"%V\" has no element [%i] before "
                                   "the element [%i]",
                                   name, element - 1, element);
                return NULL;
            }

            field = ngx_http_webhook_field_create(cf, list, name, &label);

            if (field == NULL
                || ngx_http_webhook_field_key(cf, field, 0) != NGX_OK)
            {
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

        list = &field->child;
        array = &field->array;

        dot = (*p == '.');
        p += dot;
    }
}


/*
 * The number of an element "[N]" at *p, which goes behind it then; NGX_ERROR:
 * there is none, brackets elsewhere are as other characters.
 */

static ngx_int_t
ngx_http_webhook_field_element(ngx_str_t *name, u_char **p)
{
    u_char     *start, *end, *last;
    ngx_int_t   n;

    last = name->data + name->len;
    start = *p;

    if (start == last || *start != '[') {
        return NGX_ERROR;
    }

    start++;

    for (end = start; end < last && *end >= '0' && *end <= '9'; end++) {
        /* void */
    }

    if (end == last || *end != ']'
        || (end + 1 < last && end[1] != '.' && end[1] != '['))
    {
        return NGX_ERROR;
    }

    n = ngx_atoi(start, end - start);
    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    *p = end + 1;

    return n;
}


/*
 * Decodes the label at "p" into "dst"; gives the place of the dot after it, or
 * with "elements" of the bracket, or the end of the name.  NULL: it is empty
 * (logged).
 */

static u_char *
ngx_http_webhook_field_label(ngx_conf_t *cf, ngx_str_t *name, u_char *p,
    u_char *dst, ngx_str_t *label, ngx_uint_t elements)
{
    u_char  *q, *last;

    last = name->data + name->len;
    label->data = dst;

    while (p < last && *p != '.') {
        q = p;

        if (elements && ngx_http_webhook_field_element(name, &q) != NGX_ERROR) {
            break;
        }

        if (*p == '\\' && last - p >= 2
            && (p[1] == '.' || p[1] == '\\' || p[1] == '['))
        {
            p++;
        }

        *dst++ = *p++;
    }

    label->len = dst - label->data;

    if (label->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid field name \"%V\", a part of it is "
                           "empty; a dot in a name is \"\\.\"", name);
        return NULL;
    }

    return p;
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
ngx_http_webhook_field_nth(ngx_http_webhook_field_t *fields, ngx_int_t n)
{
    while (fields && n) {
        fields = fields->next;
        n--;
    }

    return fields;
}


static ngx_http_webhook_field_t *
ngx_http_webhook_field_create(ngx_conf_t *cf,
    ngx_http_webhook_field_t **fields, ngx_str_t *name, ngx_str_t *label)
{
    ngx_http_webhook_field_t  *field;

    field = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_field_t));
    if (field == NULL) {
        return NULL;
    }

    field->label = *label;
    field->name = *name;
    field->file = cf->conf_file->file.name.data;
    field->line = cf->conf_file->line;

    while (*fields) {
        fields = &(*fields)->next;
    }

    *fields = field;

    return field;
}


/* the labels of the name with the separator in between */

static ngx_int_t
ngx_http_webhook_field_join(ngx_conf_t *cf, ngx_http_webhook_field_t *field,
    ngx_str_t *separator)
{
    u_char     *p, *dst;
    ngx_str_t  *name, label;

    name = &field->name;

    /* a name of n octets has less than n dots */

    dst = ngx_pnalloc(cf->pool, name->len * (1 + separator->len));
    if (dst == NULL) {
        return NGX_ERROR;
    }

    field->label.data = dst;

    p = ngx_http_webhook_field_label(cf, name, name->data, dst, &label, 0);

    while (p) {
        dst += label.len;

        if (p == name->data + name->len) {
            field->label.len = dst - field->label.data;
            return NGX_OK;
        }

        dst = ngx_cpymem(dst, separator->data, separator->len);

        p = ngx_http_webhook_field_label(cf, name, p + 1, dst, &label, 0);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_field_key(ngx_conf_t *cf, ngx_http_webhook_field_t *field,
    ngx_uint_t form)
{
    wh_buf_t  key;

    ngx_memzero(&key, sizeof(wh_buf_t));

    key.max = NGX_MAX_SIZE_T_VALUE;
    key.grow = ngx_http_webhook_payload_grow;
    key.ctx = cf->pool;

    if (wh_pairs_encode(&key, (int) form, (char *) field->label.data,
                        field->label.len)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    field->key.len = key.len;
    field->key.data = (u_char *) key.data;

    return NGX_OK;
}


static char *
ngx_http_webhook_field_constant(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field,
    ngx_str_t *text, ngx_http_webhook_typed_t *v, ngx_str_t *plain)
{
    wh_buf_t   b;
    ngx_int_t  rc;

    rc = ngx_http_webhook_type_value(field->type, text, v, cf->log);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in field \"%V\" is not of type \"%V\"",
                           text, &field->name,
                           ngx_http_webhook_type_name(field->type));
        return NGX_CONF_ERROR;
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (v->kind != WH_JSON_NULL) {
        *plain = v->text;
    }

    if (fields->shape != NGX_HTTP_WEBHOOK_SHAPE_TREE) {
        return NGX_CONF_OK;
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = cf->pool;

    if (wh_put_json_value(&b, (int) v->kind, (char *) v->text.data,
                          v->text.len)
        != WH_OK)
    {
        return NGX_CONF_ERROR;
    }

    v->kind = WH_JSON_TEXT;
    v->text.len = b.len;
    v->text.data = (u_char *) b.data;

    return NGX_CONF_OK;
}


/* values of an attempt come too late to be looked at: their types must fit */

static char *
ngx_http_webhook_field_attempt(ngx_conf_t *cf,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field)
{
    ngx_uint_t                form, time;
    ngx_http_webhook_part_t  *part;

    part = field->value.parts;
    form = (fields->shape == NGX_HTTP_WEBHOOK_SHAPE_FORM);
    time = (part->kind == NGX_HTTP_WEBHOOK_PART_HOLE
            && part->index == WH_HOLE_TIME);

    field->escape = form ? NGX_HTTP_WEBHOOK_ESCAPE_FORM
                         : NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING;

    field->quoted = !form;

    if (field->type == NGX_HTTP_WEBHOOK_TYPE_STRING && field->local == NULL) {
        return NGX_CONF_OK;
    }

    if (field->value.nparts == 1 && time) {

        switch (field->type) {

        case NGX_HTTP_WEBHOOK_TYPE_ISO:
            return NGX_CONF_OK;

        case NGX_HTTP_WEBHOOK_TYPE_UNIX:
            part->index = WH_HOLE_UNIX;
            break;

        case NGX_HTTP_WEBHOOK_TYPE_MS:
            part->index = WH_HOLE_MS;
            break;

        case NGX_HTTP_WEBHOOK_TYPE_US:
            part->index = WH_HOLE_US;
            break;

        default:
            goto invalid;
        }

        field->quoted = 0;

        return NGX_CONF_OK;
    }

    if (field->value.nparts == 1
        && field->type == NGX_HTTP_WEBHOOK_TYPE_NUMBER)
    {
        field->quoted = 0;
        return NGX_CONF_OK;
    }

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "field \"%V\" cannot be of type \"%V\", "
                       "\"$webhook_attempt\" and \"$webhook_retry\" must be "
                       "\"string\", or \"number\" if there is nothing else, "
                       "and \"$webhook_attempt_time\" likewise \"string\" or "
                       "a time, without \"translate\"", &field->name,
                       ngx_http_webhook_type_name(field->type));

    return NGX_CONF_ERROR;
}
