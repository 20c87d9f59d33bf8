
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables out of bodies, which are parsed on their way past.
 */


#include "ngx_http_webhook_batch.h"


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
static ngx_int_t ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_value_get(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_value_t *value, ngx_http_webhook_captured_t *c);
static ngx_uint_t ngx_http_webhook_value_early(ngx_http_webhook_ctx_t *ctx,
    ngx_uint_t source);
static void ngx_http_webhook_value_raw(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_raw_t *raw, ngx_uint_t source);
static ngx_int_t ngx_http_webhook_request_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_request_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static void ngx_http_webhook_value_feed(ngx_http_webhook_body_t *body,
    ngx_buf_t *b);
static ngx_http_webhook_body_t *ngx_http_webhook_value_begin(
    ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx, ngx_uint_t source);
static ngx_int_t ngx_http_webhook_value_form(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_body_t *body);
static ngx_uint_t ngx_http_webhook_value_bodies(ngx_http_webhook_ctx_t *ctx);
static ngx_uint_t ngx_http_webhook_value_raws(ngx_http_webhook_ctx_t *ctx);
static ngx_uint_t ngx_http_webhook_value_encoding(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source, ngx_str_t *encoding);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


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


static ngx_int_t
ngx_http_webhook_value_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                       *p;
    ngx_uint_t                    i, n;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t   c;

    v->not_found = 1;

    ctx = ngx_http_webhook_ctx(r);

    if (ctx == NULL || ctx->conf->values == NULL) {
        return NGX_OK;
    }

    value = ctx->conf->values->list.elts;
    n = ctx->conf->values->list.nelts;

    for (i = 0; i < n; i++) {
        if (value[i].index == (ngx_int_t) data) {
            break;
        }
    }

    if (i == n
        || ngx_http_webhook_value_get(ctx, &value[i], &c) != NGX_OK
        || c.kind == WH_JSON_NULL)
    {
        return NGX_OK;
    }

    p = c.text.data;

    if (ctx->element
        || (ctx->bodies[value[i].source]
            && ctx->bodies[value[i].source]->state
               == NGX_HTTP_WEBHOOK_BODY_READING))
    {
        /* the parser moves its values */

        p = ngx_pnalloc(r->pool, c.text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, c.text.data, c.text.len);
    }

    v->len = c.text.len;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


/* NGX_DECLINED: there is none that has a text or is null */

static ngx_int_t
ngx_http_webhook_value_get(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_value_t *value, ngx_http_webhook_captured_t *c)
{
    wh_json_t                *json;
    const wh_json_value_t    *jv;
    const wh_form_value_t    *fv;
    ngx_http_webhook_body_t  *body;

    if (ngx_http_webhook_value_early(ctx, value->source)) {
        return NGX_DECLINED;
    }

    body = ctx->bodies[value->source];

    if (value->form) {
        fv = body && body->fielded ? wh_form_value(body->fielded, value->slot)
                                   : NULL;

        if (fv == NULL || !fv->found) {
            return NGX_DECLINED;
        }

        c->name = value->name;
        c->kind = WH_JSON_STRING;
        c->text.len = fv->text.len;
        c->text.data = (u_char *) fv->text.data;

        return NGX_OK;
    }

    if (ctx->element && value->source == NGX_HTTP_WEBHOOK_REQUEST) {
        json = ctx->element;

    } else {
        json = body ? body->json : NULL;
    }

    if (json == NULL) {
        return NGX_DECLINED;
    }

    jv = wh_json_value(json, value->slot);

    switch (jv->kind) {

    case WH_JSON_NONE:
    case WH_JSON_OBJECT:
    case WH_JSON_ARRAY:
        return NGX_DECLINED;

    default:
        c->name = value->name;
        c->kind = jv->kind;
        c->text.len = jv->text.len;
        c->text.data = (u_char *) jv->text.data;

        return NGX_OK;
    }
}


ngx_int_t
ngx_http_webhook_value_collect(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt)
{
    ngx_uint_t                    i;
    ngx_array_t                  *list;
    ngx_http_webhook_raw_t       *raw;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t  *c;

    if (ctx->element == NULL && ngx_http_webhook_value_raws(ctx)) {

        raw = ngx_pcalloc(r->pool, 2 * sizeof(ngx_http_webhook_raw_t));
        if (raw == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < 2; i++) {
            ngx_http_webhook_value_raw(r, ctx, evt, &raw[i], i);
        }
    }

    if (ctx->conf->values == NULL
        || (ctx->bodies[0] == NULL
            && ctx->bodies[1] == NULL
            && ctx->element == NULL))
    {
        return NGX_OK;
    }

    list = &ctx->conf->values->list;
    value = list->elts;

    c = ngx_palloc(r->pool, list->nelts * sizeof(ngx_http_webhook_captured_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    evt->values = c;

    for (i = 0; i < list->nelts; i++) {
        if (ngx_http_webhook_value_get(ctx, &value[i], c) == NGX_OK) {
            c++;
            evt->nvalues++;
        }
    }

    return NGX_OK;
}


/*
 * An application may answer before the request is examined, or read: events of
 * the request are the same then.
 */

static ngx_uint_t
ngx_http_webhook_value_early(ngx_http_webhook_ctx_t *ctx, ngx_uint_t source)
{
    return ctx->asking && source == NGX_HTTP_WEBHOOK_RESPONSE;
}


static void
ngx_http_webhook_value_raw(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_raw_t *raw,
    ngx_uint_t source)
{
    ngx_http_webhook_body_t  *body;

    if (ngx_http_webhook_value_early(ctx, source)) {
        return;
    }

    body = ctx->bodies[source];

    if (body) {

        if (body->max_raw == 0 || !body->finished) {
            return;
        }

        raw->octets.len = body->raw.len;
        raw->octets.data = (u_char *) body->raw.data;

    } else if (!(ngx_http_webhook_value_raws(ctx) & (1 << source))
               || ctx->cut
               || (source == NGX_HTTP_WEBHOOK_REQUEST && !ctx->received))
    {
        return;
    }

    if (ngx_http_webhook_value_encoding(r, ctx, source, &raw->encoding) > 1) {
        return;
    }

    if (source == NGX_HTTP_WEBHOOK_RESPONSE) {
        raw->type = r->headers_out.content_type;

    } else if (r->headers_in.content_type) {
        raw->type = r->headers_in.content_type->value;
    }

    evt->raw[source] = raw;
}


static ngx_int_t
ngx_http_webhook_request_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    if (ngx_http_webhook_is_bare(r)) {
        return ngx_http_next_request_body_filter(r, in);
    }

    return ngx_http_webhook_request_body(r, in);
}


static ngx_http_webhook_noinline ngx_int_t
ngx_http_webhook_request_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_http_webhook_ctx_t  *ctx;

    /* what was seen before does not come again, "in" is newly read */

    if (in && r == r->main) {
        ctx = ngx_http_webhook_ctx(r);

        if (ctx) {
            ngx_http_webhook_value_parse(r, ctx, in);
        }
    }

    return ngx_http_next_request_body_filter(r, in);
}


void
ngx_http_webhook_value_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in)
{
    ngx_chain_t              *cl;
    ngx_http_webhook_body_t  *body;

    if (ctx->received) {
        return;
    }

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_size(cl->buf) && body == NULL
            && (ngx_http_webhook_value_bodies(ctx)
                & (1 << NGX_HTTP_WEBHOOK_REQUEST)))
        {
            body = ngx_http_webhook_value_begin(r, ctx,
                                                NGX_HTTP_WEBHOOK_REQUEST);
        }

        if (body) {
            ngx_http_webhook_value_feed(body, cl->buf);
        }

        if (cl->buf->last_buf) {
            ngx_http_webhook_value_received(r, ctx);
            return;
        }
    }
}


/* the last octet of the request was read */

void
ngx_http_webhook_value_received(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t  *body;

    ctx->received = 1;

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    if (body) {
        ngx_http_webhook_body_end(body);
    }

    ngx_http_webhook_commit_request(r, ctx);
}


ngx_uint_t
ngx_http_webhook_value_wanted(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    /* a part of something is nothing to read values from */

    return (ctx->conf->capture
            || !ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE].decided)
           && ctx->status != NGX_HTTP_PARTIAL_CONTENT
           && (ngx_http_webhook_value_bodies(ctx)
               & (1 << NGX_HTTP_WEBHOOK_RESPONSE));
}


void
ngx_http_webhook_value_again(ngx_http_webhook_ctx_t *ctx)
{
    if (ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE]) {
        ngx_http_webhook_body_destroy(ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE]);
        ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE] = NULL;
    }
}


void
ngx_http_webhook_value_response(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_chain_t *in, ngx_uint_t last)
{
    ngx_chain_t              *cl;
    ngx_http_webhook_body_t  *body;

    body = ctx->bodies[NGX_HTTP_WEBHOOK_RESPONSE];

    if (body == NULL) {
        body = ngx_http_webhook_value_begin(r, ctx,
                                            NGX_HTTP_WEBHOOK_RESPONSE);
        if (body == NULL) {
            return;
        }
    }

    for (cl = in; cl; cl = cl->next) {
        ngx_http_webhook_value_feed(body, cl->buf);
    }

    if (last) {

        if (r->headers_out.content_length_n != -1
            && ctx->sent < r->headers_out.content_length_n)
        {
            /* the rest is somebody else's, as of a slice */
            ngx_http_webhook_body_cut(body);
            return;
        }

        ngx_http_webhook_body_end(body);
    }
}


static void
ngx_http_webhook_value_feed(ngx_http_webhook_body_t *body, ngx_buf_t *b)
{
    if (ngx_buf_size(b) == 0) {
        return;
    }

    if (!ngx_buf_in_memory(b)) {
        ngx_http_webhook_body_cut(body);
        return;
    }

    ngx_http_webhook_body_feed(body, b->pos, b->last - b->pos);
}


static ngx_http_webhook_body_t *
ngx_http_webhook_value_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source)
{
    ngx_int_t                      valid;
    ngx_str_t                      encoding;
    ngx_http_webhook_body_t       *body;
    ngx_http_webhook_capturer_t   *cap;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    cap = ngx_http_webhook_capturer(wmcf);
    body = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_body_t));

    if (cap == NULL || body == NULL) {
        return NULL;
    }

    valid = NGX_OK;

    if (ngx_http_webhook_value_encoding(r, ctx, source, &encoding) > 1) {
        body->coding = NGX_HTTP_WEBHOOK_UNKNOWN;

    } else {
        body->coding = ngx_http_webhook_body_coding(&encoding);
    }

    if (ctx->conf->values) {
        body->pointers = ctx->conf->values->pointers[source];
    }

    body->max_size = ctx->conf->max_body_size;
    body->max_value = wmcf->max_event_size;
    body->account = &cap->account;
    body->log = r->connection->log;
    body->handler = ngx_http_webhook_examined;
    body->data = ctx;

    if (ngx_http_webhook_value_raws(ctx) & (1 << source)) {
        body->max_raw = wmcf->max_event_size;
    }

    if (source == NGX_HTTP_WEBHOOK_REQUEST) {
        valid = ngx_http_webhook_value_form(r, ctx, body);
    }

    if (ctx->conf->accept) {
        /* its elements are parsed one by one */
        body->pointers = NULL;
        body->max_raw = body->max_size;
        body->decoded = 1;
    }

    ngx_http_webhook_body_begin(body);

    if (valid != NGX_OK) {
        /* a form, but nobody could tell its fields */
        body->state = NGX_HTTP_WEBHOOK_BODY_INVALID;
    }

    ctx->bodies[source] = body;

    return body;
}


static ngx_int_t
ngx_http_webhook_value_form(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_body_t *body)
{
    wh_str_t  type;

    if (ctx->conf->values == NULL
        || ctx->conf->values->nfields == 0
        || ctx->conf->accept
        || r->headers_in.content_type == NULL)
    {
        return NGX_OK;
    }

    body->fields = ctx->conf->values->fields;
    body->nfields = ctx->conf->values->nfields;

    type.len = r->headers_in.content_type->value.len;
    type.data = (char *) r->headers_in.content_type->value.data;

    if (wh_form_type(type, &body->form, &body->boundary) == WH_OK) {
        return NGX_OK;
    }

    body->form = WH_FORM_OTHER;
    body->pointers = NULL;

    return NGX_DECLINED;
}


/* the bodies that triggers, or payloads, need; as bits */

static ngx_uint_t
ngx_http_webhook_value_bodies(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t                    i, bodies, possible;
    ngx_http_webhook_values_t    *values;
    ngx_http_webhook_trigger_t   *t;

    bodies = 0;
    values = ctx->conf->values;

    if (ctx->conf->accept) {
        return 1 << NGX_HTTP_WEBHOOK_REQUEST;
    }

    if (values) {

        if (values->pointers[NGX_HTTP_WEBHOOK_REQUEST] || values->nfields) {
            bodies |= 1 << NGX_HTTP_WEBHOOK_REQUEST;
        }

        if (values->pointers[NGX_HTTP_WEBHOOK_RESPONSE]) {
            bodies |= 1 << NGX_HTTP_WEBHOOK_RESPONSE;
        }

        if (ctx->conf->capture) {
            return bodies;
        }
    }

    possible = 0;

    for (i = 0; i < ctx->nfired; i++) {
        t = ctx->fired[i]->trigger;

        if (ctx->fired[i]->result == NGX_HTTP_WEBHOOK_UNDECIDED
            && (t->methods == 0 || (t->methods & ctx->method))
            && (ctx->status == 0
                || t->on == NGX_HTTP_WEBHOOK_ON_REQUEST
                || ngx_http_webhook_statuses_has(&t->status, ctx->status)))
        {
            bodies |= t->bodies;
            possible = 1;
        }
    }

    return possible ? bodies : 0;
}


static ngx_uint_t
ngx_http_webhook_value_raws(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i, bodies;

    bodies = 0;

    for (i = 0; i < ctx->nfired; i++) {
        bodies |= ctx->fired[i]->trigger->bodies;
    }

    return bodies;
}


/* of how many headers, and the last of them */

static ngx_uint_t
ngx_http_webhook_value_encoding(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_uint_t source, ngx_str_t *encoding)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    ngx_str_null(encoding);

    if (source == NGX_HTTP_WEBHOOK_RESPONSE) {
        *encoding = ctx->encoding;
        return 1;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0
            || h[i].key.len != sizeof("Content-Encoding") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "Content-Encoding",
                               sizeof("Content-Encoding") - 1)
               != 0)
        {
            continue;
        }

        *encoding = h[i].value;
        n++;
    }

    return n;
}


ngx_uint_t
ngx_http_webhook_value_busy(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on)
{
    ngx_uint_t                i, n;
    ngx_http_webhook_body_t  *body;

    n = (on == NGX_HTTP_WEBHOOK_ON_REQUEST) ? 1 : 2;

    for (i = 0; i < n; i++) {
        body = ctx->bodies[i];

        if (body && ngx_http_webhook_body_busy(body)) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_webhook_value_rush(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {
        if (ctx->bodies[i]) {
            ngx_http_webhook_body_rush(ctx->bodies[i]);
        }
    }
}


void
ngx_http_webhook_value_cut(ngx_http_webhook_ctx_t *ctx)
{
    ngx_uint_t  i;

    ngx_http_webhook_value_rush(ctx);

    for (i = 0; i < 2; i++) {
        if (ctx->bodies[i]) {
            ngx_http_webhook_body_cut(ctx->bodies[i]);
        }
    }
}


ngx_uint_t
ngx_http_webhook_value_starved(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_stage_e on)
{
    ngx_uint_t  i, n;

    n = (on == NGX_HTTP_WEBHOOK_ON_REQUEST) ? 1 : 2;

    for (i = 0; i < n; i++) {
        if (ctx->bodies[i] && ctx->bodies[i]->starved) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_webhook_value_init(void)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_webhook_request_body_filter;
}
