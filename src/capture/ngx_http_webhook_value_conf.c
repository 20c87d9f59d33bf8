
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_json" and "webhook_form": which values a location has.
 */


#include "ngx_http_webhook_ctx.h"


static ngx_int_t ngx_http_webhook_value_name(ngx_conf_t *cf,
    ngx_http_webhook_value_t *value, ngx_uint_t response);
static ngx_int_t ngx_http_webhook_value_add(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *wlcf, ngx_http_webhook_value_t *value);
static ngx_http_webhook_values_t *ngx_http_webhook_value_compile(
    ngx_conf_t *cf, ngx_array_t *own, ngx_array_t *outer, ngx_uint_t accept);
static ngx_int_t ngx_http_webhook_value_list(ngx_conf_t *cf,
    ngx_http_webhook_values_t *values, ngx_array_t *own, ngx_array_t *outer);
static ngx_int_t ngx_http_webhook_value_pointers(ngx_conf_t *cf,
    ngx_http_webhook_values_t *values, ngx_uint_t source, ngx_uint_t accept);
static ngx_int_t ngx_http_webhook_value_fields(ngx_conf_t *cf,
    ngx_http_webhook_values_t *values);
static void *ngx_http_webhook_value_palloc(void *ctx, size_t size);


/* before the location's own: what an accepted event is made of */

static struct {
    wh_str_t       pointer;
    unsigned char  flags;
} ngx_http_webhook_accepted[NGX_HTTP_WEBHOOK_NACCEPTED] = {
    { { sizeof("/type") - 1, "/type" }, 0 },
    { { sizeof("/id") - 1, "/id" }, 0 },
    { { sizeof("/data") - 1, "/data" }, WH_JSON_RAW }
};


char *
ngx_http_webhook_json_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    size_t                    offset;
    wh_str_t                  pointer;
    ngx_str_t                *args;
    ngx_http_webhook_value_t  value;

    args = cf->args->elts;

    if (ngx_http_webhook_value_name(cf, &value, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    pointer.len = args[3].len;
    pointer.data = (char *) args[3].data;

    if (wh_pointer_check(pointer, &offset) != WH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON pointer \"%V\" at octet %uz, it must "
                           "be like \"/contact/email\", with \"~0\" for \"~\" "
                           "and \"~1\" for \"/\" in names",
                           &args[3], offset + 1);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 5) {

        if (ngx_strcmp(args[4].data, "type=json") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", "
                               "it must be \"type=json\"", &args[4]);
            return NGX_CONF_ERROR;
        }

        value.raw = 1;
    }

    if (ngx_http_webhook_value_add(cf, wlcf, &value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_form_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_str_t                *args;
    ngx_http_webhook_value_t  value;

    args = cf->args->elts;

    if (ngx_http_webhook_value_name(cf, &value, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (args[3].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty name of a form field, it must be 1 octet "
                           "or more");
        return NGX_CONF_ERROR;
    }

    value.form = 1;

    if (ngx_http_webhook_value_add(cf, wlcf, &value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* the words that both directives have: "$name request POINTER" */

static ngx_int_t
ngx_http_webhook_value_name(ngx_conf_t *cf, ngx_http_webhook_value_t *value,
    ngx_uint_t response)
{
    u_char      c;
    size_t      i;
    ngx_str_t  *args;

    args = cf->args->elts;

    ngx_memzero(value, sizeof(ngx_http_webhook_value_t));

    for (i = 1; i < args[1].len; i++) {
        c = args[1].data[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_'
            && (c < '0' || c > '9' || i == 1))
        {
            break;
        }
    }

    if (args[1].len < 2 || args[1].data[0] != '$' || i < args[1].len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\", "
                           "it must be like \"$name\"", &args[1]);
        return NGX_ERROR;
    }

    value->name.len = args[1].len - 1;
    value->name.data = args[1].data + 1;
    value->pointer = args[3];

    if (ngx_strcmp(args[2].data, "request") == 0) {
        value->source = NGX_HTTP_WEBHOOK_REQUEST;
        return NGX_OK;
    }

    if (response && ngx_strcmp(args[2].data, "response") == 0) {
        value->source = NGX_HTTP_WEBHOOK_RESPONSE;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid source \"%V\", it must be \"request\"%s",
                       &args[2], response ? " or \"response\"" : "");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_value_add(ngx_conf_t *cf, ngx_http_webhook_loc_conf_t *wlcf,
    ngx_http_webhook_value_t *value)
{
    ngx_uint_t                 i;
    ngx_http_variable_t       *var;
    ngx_http_webhook_value_t  *v;

    var = ngx_http_add_variable(cf, &value->name,
                                NGX_HTTP_VAR_CHANGEABLE
                                |NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    if (var->get_handler
        && var->get_handler != ngx_http_webhook_value_variable)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "variable \"$%V\" is already defined by another "
                           "directive", &value->name);
        return NGX_ERROR;
    }

    value->index = ngx_http_get_variable_index(cf, &value->name);
    if (value->index == NGX_ERROR) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_webhook_value_variable;
    var->data = (uintptr_t) value->index;

    if (ngx_http_webhook_reference(cf, &value->name, var->get_handler)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (wlcf->own_values == NULL) {
        wlcf->own_values = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_http_webhook_value_t));
        if (wlcf->own_values == NULL) {
            return NGX_ERROR;
        }
    }

    v = wlcf->own_values->elts;

    for (i = 0; i < wlcf->own_values->nelts; i++) {

        if (v[i].index == value->index) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate variable \"$%V\" on one level",
                               &value->name);
            return NGX_ERROR;
        }
    }

    v = ngx_array_push(wlcf->own_values);
    if (v == NULL) {
        return NGX_ERROR;
    }

    *v = *value;

    return NGX_OK;
}


char *
ngx_http_webhook_value_merge(ngx_conf_t *cf, ngx_http_webhook_loc_conf_t *prev,
    ngx_http_webhook_loc_conf_t *conf)
{
    /* nobody merges the outermost level */

    if (prev->own_values && prev->values == NULL) {

        prev->values = ngx_http_webhook_value_compile(cf, prev->own_values,
                                                      NULL, 0);
        if (prev->values == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->own_values == NULL && !conf->accept) {
        conf->values = prev->values;
        return NGX_CONF_OK;
    }

    conf->values = ngx_http_webhook_value_compile(cf, conf->own_values,
                                 prev->values ? &prev->values->list : NULL,
                                 conf->accept);

    return conf->values ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_http_webhook_values_t *
ngx_http_webhook_value_compile(ngx_conf_t *cf, ngx_array_t *own,
    ngx_array_t *outer, ngx_uint_t accept)
{
    ngx_http_webhook_values_t  *values;

    values = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_values_t));
    if (values == NULL) {
        return NULL;
    }

    if (ngx_http_webhook_value_list(cf, values, own, outer) != NGX_OK
        || ngx_http_webhook_value_pointers(cf, values,
                                           NGX_HTTP_WEBHOOK_REQUEST, accept)
           != NGX_OK
        || ngx_http_webhook_value_pointers(cf, values,
                                           NGX_HTTP_WEBHOOK_RESPONSE, 0)
           != NGX_OK
        || ngx_http_webhook_value_fields(cf, values) != NGX_OK)
    {
        return NULL;
    }

    return values;
}


/* a level's own variables hide outer ones of the same name */

static ngx_int_t
ngx_http_webhook_value_list(ngx_conf_t *cf, ngx_http_webhook_values_t *values,
    ngx_array_t *own, ngx_array_t *outer)
{
    ngx_uint_t                 i, k, n;
    ngx_http_webhook_value_t  *v, *o;

    n = own ? own->nelts : 0;

    if (ngx_array_init(&values->list, cf->pool,
                       ngx_max(n + (outer ? outer->nelts : 0), 1),
                       sizeof(ngx_http_webhook_value_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* there is room for all, nothing moves */

    v = values->list.elts;

    if (n) {
        ngx_memcpy(v, own->elts, n * sizeof(ngx_http_webhook_value_t));
    }

    values->list.nelts = n;

    for (i = 0; outer && i < outer->nelts; i++) {
        o = outer->elts;

        for (k = 0; k < n; k++) {
            if (v[k].index == o[i].index) {
                break;
            }
        }

        if (k == n) {
            v[values->list.nelts++] = o[i];
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_value_pointers(ngx_conf_t *cf,
    ngx_http_webhook_values_t *values, ngx_uint_t source, ngx_uint_t accept)
{
    size_t                     bad;
    u_char                    *flags;
    wh_str_t                  *pointers;
    ngx_uint_t                 i, n;
    wh_pointers_t             *set;
    ngx_http_webhook_value_t  *v;

    v = values->list.elts;
    n = values->list.nelts + NGX_HTTP_WEBHOOK_NACCEPTED;

    set = ngx_palloc(cf->pool, sizeof(wh_pointers_t));
    pointers = ngx_palloc(cf->temp_pool, n * sizeof(wh_str_t));
    flags = ngx_palloc(cf->temp_pool, n);

    if (set == NULL || pointers == NULL || flags == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    if (accept) {
        for (i = 0; i < NGX_HTTP_WEBHOOK_NACCEPTED; i++) {
            pointers[n] = ngx_http_webhook_accepted[i].pointer;
            flags[n++] = ngx_http_webhook_accepted[i].flags;
        }
    }

    for (i = 0; i < values->list.nelts; i++) {

        if (v[i].form || v[i].source != source) {
            continue;
        }

        pointers[n].len = v[i].pointer.len;
        pointers[n].data = (char *) v[i].pointer.data;
        flags[n] = v[i].raw ? WH_JSON_RAW : 0;

        v[i].slot = n++;
    }

    if (n == 0) {
        return NGX_OK;
    }

    if (wh_pointers_compile(set, pointers, flags, n,
                            ngx_http_webhook_value_palloc, cf->pool, &bad)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    values->pointers[source] = set;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_value_fields(ngx_conf_t *cf,
    ngx_http_webhook_values_t *values)
{
    ngx_uint_t                 i, n;
    ngx_http_webhook_value_t  *v;

    v = values->list.elts;
    n = 0;

    for (i = 0; i < values->list.nelts; i++) {
        n += v[i].form;
    }

    if (n == 0) {
        return NGX_OK;
    }

    values->fields = ngx_palloc(cf->pool, n * sizeof(wh_str_t));
    if (values->fields == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < values->list.nelts; i++) {

        if (!v[i].form) {
            continue;
        }

        v[i].slot = values->nfields++;

        values->fields[v[i].slot].len = v[i].pointer.len;
        values->fields[v[i].slot].data = (char *) v[i].pointer.data;
    }

    return NGX_OK;
}


static void *
ngx_http_webhook_value_palloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}
