
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Fields with the values of an event.
 */


#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_lacks.h"
#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_zone.h"
#include "wh_escape.h"
#include "wh_flatten.h"
#include "wh_pairs.h"


typedef struct {
    ngx_http_request_t            *request;
    ngx_http_webhook_endpoint_t   *endpoint;
    ngx_http_webhook_event_t      *event;
    wh_buf_t                      *out;
    ngx_uint_t                     quiet;

    /* of one level only */

    wh_flatten_how_t               how;
    wh_buf_t                       name;
    wh_buf_t                       joined;
    size_t                         declared; /* octets of "name" that are so */
    ngx_uint_t                     found;    /* a value that has but these */
    wh_pairs_t                     pairs;
} ngx_http_webhook_fields_ctx_t;


static ngx_int_t ngx_http_webhook_fields_tree(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_field_t *field,
    ngx_uint_t array);
static ngx_int_t ngx_http_webhook_fields_flat(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_fields_t *fields);
static void ngx_http_webhook_fields_how(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_fields_t *fields);
static ngx_int_t ngx_http_webhook_field_flatten(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_field_t *field,
    ngx_str_t *text, wh_flatten_pt leaf);
static int ngx_http_webhook_field_leaf(void *data, const wh_buf_t *name,
    int kind, const char *p, size_t n);
static int ngx_http_webhook_field_leaf_url(void *data, const wh_buf_t *name,
    int kind, const char *p, size_t n);
static ngx_int_t ngx_http_webhook_field_value(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_field_t *field,
    ngx_http_webhook_typed_t *buf, ngx_http_webhook_typed_t **v);
static ngx_int_t ngx_http_webhook_field_holes(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_field_t *field);
static ngx_int_t ngx_http_webhook_field_typed(
    ngx_http_webhook_fields_ctx_t *ctx, ngx_http_webhook_field_t *field,
    ngx_str_t *text, ngx_http_webhook_typed_t *v);


static ngx_str_t  ngx_http_webhook_fields_nothing = ngx_string("");


ngx_http_webhook_field_t *
ngx_http_webhook_fields_find(ngx_http_webhook_field_t *list, ngx_str_t *name)
{
    ngx_http_webhook_field_t  *field;

    for ( /* void */ ; list; list = list->next) {

        if (list->child) {
            field = ngx_http_webhook_fields_find(list->child, name);

            if (field) {
                return field;
            }

            continue;
        }

        if (list->name.len == name->len
            && ngx_memcmp(list->name.data, name->data, name->len) == 0)
        {
            return list;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_webhook_field_put_url(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_fields_t *fields, ngx_http_webhook_field_t *field,
    wh_buf_t *out)
{
    ngx_int_t                       rc;
    ngx_str_t                      *text;
    ngx_http_webhook_typed_t        buf, *v;
    ngx_http_webhook_fields_ctx_t   ctx;

    if (field->value.holes) {
        return ngx_http_webhook_text_escaped(r, evt, &field->value,
                                             NGX_HTTP_WEBHOOK_ESCAPE_URL, out);
    }

    ngx_memzero(&ctx, sizeof(ngx_http_webhook_fields_ctx_t));

    ctx.request = r;
    ctx.endpoint = ep;
    ctx.event = evt;
    ctx.out = out;
    ctx.quiet = 1;

    rc = ngx_http_webhook_field_value(&ctx, field, &buf, &v);

    if (rc != NGX_OK) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (v == &field->fixed) {
        text = &field->fixed_text;

    } else if (v == &field->fallback) {
        text = &field->fallback_text;

    } else if (v->kind == WH_JSON_NULL) {
        return NGX_OK;

    } else {
        text = &v->text;
    }

    /* what the body has under that very name, if there is such a value */

    if (v->kind == WH_JSON_TEXT
        && fields->shape != NGX_HTTP_WEBHOOK_SHAPE_TREE)
    {
        ngx_http_webhook_fields_how(&ctx, fields);

        rc = ngx_http_webhook_field_flatten(&ctx, field, text,
                                            ngx_http_webhook_field_leaf_url);

        if (rc != NGX_OK || ctx.found) {
            return rc;
        }
    }

    (void) wh_put_url(out, (char *) text->data, text->len);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_fields_put(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_fields_t *fields, wh_buf_t *out)
{
    ngx_http_webhook_fields_ctx_t  ctx;

    ngx_memzero(&ctx, sizeof(ngx_http_webhook_fields_ctx_t));

    ctx.request = r;
    ctx.endpoint = ep;
    ctx.event = evt;
    ctx.out = out;

    if (fields->shape == NGX_HTTP_WEBHOOK_SHAPE_TREE) {
        return ngx_http_webhook_fields_tree(&ctx, fields->list, fields->array);
    }

    return ngx_http_webhook_fields_flat(&ctx, fields);
}


/* no deeper than the configuration says */

static ngx_int_t
ngx_http_webhook_fields_tree(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_field_t *field, ngx_uint_t array)
{
    size_t                     start;
    wh_buf_t                  *out;
    ngx_int_t                  rc;
    ngx_uint_t                 n;
    ngx_http_webhook_typed_t   buf, *v;

    n = 0;
    out = ctx->out;

    (void) wh_buf_putc(out, array ? '[' : '{');

    for ( /* void */ ; field && out->err == WH_OK; field = field->next) {

        start = out->len;

        if (n) {
            (void) wh_buf_putc(out, ',');
        }

        if (!array) {
            (void) wh_buf_put(out, (char *) field->key.data, field->key.len);
        }

        if (field->child) {
            rc = ngx_http_webhook_fields_tree(ctx, field->child, field->array);

        } else if (field->value.holes) {
            rc = ngx_http_webhook_field_holes(ctx, field);

        } else {
            rc = ngx_http_webhook_field_value(ctx, field, &buf, &v);

            if (rc == NGX_OK) {
                (void) wh_put_json_value(out, (int) v->kind,
                                         (char *) v->text.data, v->text.len);
            }
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

    (void) wh_buf_putc(out, array ? ']' : '}');

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_fields_flat(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_fields_t *fields)
{
    size_t                     n;
    wh_buf_t                   index;
    ngx_int_t                  rc;
    ngx_http_webhook_typed_t   buf, *v;
    ngx_http_webhook_field_t  *field;

    ngx_memzero(&index, sizeof(wh_buf_t));

    index.max = NGX_MAX_SIZE_T_VALUE;
    index.grow = ngx_http_webhook_payload_grow;
    index.ctx = ctx->request->pool;

    ngx_http_webhook_fields_how(ctx, fields);

    (void) wh_pairs_begin(&ctx->pairs, ctx->out, fields->json ? &index : NULL,
                          fields->shape == NGX_HTTP_WEBHOOK_SHAPE_FORM);

    ctx->pairs.holes = &ctx->event->holes;

    for (field = fields->list;
         field && ctx->out->err == WH_OK;
         field = field->next)
    {
        if (field->value.holes) {
            (void) wh_pairs_encoded(&ctx->pairs, WH_PAIR_DECLARED,
                                    (char *) field->key.data, field->key.len);

            if (ngx_http_webhook_field_holes(ctx, field) != NGX_OK) {
                return NGX_ERROR;
            }

            continue;
        }

        rc = ngx_http_webhook_field_value(ctx, field, &buf, &v);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {

            /* no client is to have a name that the configuration has */

            if (fields->json) {
                (void) wh_pairs_encoded(&ctx->pairs, WH_PAIR_ABSENT,
                                        (char *) field->key.data,
                                        field->key.len);
            }

            continue;
        }

        if (v->kind == WH_JSON_TEXT) {

            if (ngx_http_webhook_field_flatten(ctx, field, &v->text,
                                               ngx_http_webhook_field_leaf)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        (void) wh_pairs_encoded(&ctx->pairs, WH_PAIR_DECLARED,
                                (char *) field->key.data, field->key.len);
        (void) wh_pairs_value(&ctx->pairs, (int) v->kind,
                              (char *) v->text.data, v->text.len);
    }

    if (fields->json) {
        ngx_http_webhook_keys_absent(ctx->endpoint, &ctx->pairs);
    }

    (void) wh_pairs_end(&ctx->pairs, &n);

    if (n) {
        ngx_log_error(NGX_LOG_INFO, ctx->request->connection->log, 0,
                      "webhook event \"%V\": %uz %s", &ctx->event->type, n,
                      n == 1 ? "value is left out, there are others of its name"
                             : "values are left out, there are others of "
                               "their names");
    }

    return index.err ? NGX_ERROR : NGX_OK;
}


static void
ngx_http_webhook_fields_how(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_fields_t *fields)
{
    ctx->name.max = NGX_MAX_SIZE_T_VALUE;
    ctx->name.grow = ngx_http_webhook_payload_grow;
    ctx->name.ctx = ctx->request->pool;

    ctx->how.separator.len = fields->separator.len;
    ctx->how.separator.data = (char *) fields->separator.data;

    if (fields->join.data) {
        ctx->joined = ctx->name;
        ctx->how.join.len = fields->join.len;
        ctx->how.join.data = (char *) fields->join.data;
        ctx->how.joined = &ctx->joined;
    }
}


/* the text is JSON already */

static ngx_int_t
ngx_http_webhook_field_flatten(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_field_t *field, ngx_str_t *text, wh_flatten_pt leaf)
{
    int         rc;
    wh_alloc_t  mem;

    ctx->name.len = 0;
    ctx->declared = field->label.len;

    if (wh_buf_put(&ctx->name, (char *) field->label.data, field->label.len)
        != WH_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_webhook_type_memory(&mem, ctx->request->connection->log);

    rc = wh_flatten((char *) text->data, text->len, &ctx->name,
                    &ctx->how, leaf, ctx, &mem);

    /* the caller of all looks at the buffer's own error */

    return rc == WH_OK || ctx->out->err ? NGX_OK : NGX_ERROR;
}


static int
ngx_http_webhook_field_leaf(void *data, const wh_buf_t *name, int kind,
    const char *p, size_t n)
{
    ngx_http_webhook_fields_ctx_t  *ctx = data;

    (void) wh_pairs_name(&ctx->pairs,
                         name->len == ctx->declared ? WH_PAIR_DECLARED
                                                    : WH_PAIR_DATA,
                         name->data, name->len);

    return wh_pairs_value(&ctx->pairs, kind, p, n);
}


static int
ngx_http_webhook_field_leaf_url(void *data, const wh_buf_t *name, int kind,
    const char *p, size_t n)
{
    ngx_http_webhook_fields_ctx_t  *ctx = data;

    if (name->len != ctx->declared) {
        return WH_OK;
    }

    ctx->found = 1;

    return kind == WH_JSON_NULL ? WH_OK : wh_put_url(ctx->out, p, n);
}


/*
 * The value is in *buf, or of the field itself.  NGX_DECLINED: the field is to
 * be left out.
 */

static ngx_int_t
ngx_http_webhook_field_value(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_field_t *field, ngx_http_webhook_typed_t *buf,
    ngx_http_webhook_typed_t **v)
{
    wh_buf_t    *out;
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_uint_t   n;

    out = ctx->out;

    ngx_http_webhook_lacks_at(ctx->event, "field", &field->name);

    n = ngx_http_webhook_lacks_count(ctx->event);

    if (field->constant) {
        *v = &field->fixed;
        return field->left_out ? NGX_DECLINED : NGX_OK;
    }

    *v = buf;

    if (ngx_http_webhook_type_is_time(field->type)
        && field->value.nparts == 1
        && field->value.parts[0].kind == NGX_HTTP_WEBHOOK_PART_TIME)
    {
        ngx_http_webhook_type_time(field->type, ctx->event->time * 1000, buf);
        return NGX_OK;
    }

    rc = ngx_http_webhook_text_get(ctx->request, ctx->event, &field->value,
                                   out->max, &text);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* what is missing in a longer text is empty, there is the rest of it */

    if (rc == NGX_DECLINED && field->value.nparts > 1) {
        ngx_http_webhook_lacks_field(ctx->event, n, &field->name,
                                     WH_JSON_STRING,
                                     &ngx_http_webhook_fields_nothing);
        n = ngx_http_webhook_lacks_count(ctx->event);
        rc = NGX_OK;
    }

    /* no need to look at what will not fit */

    if (rc == NGX_BUSY
        || (rc == NGX_OK
            && ngx_http_webhook_type_is_json(field->type)
            && field->diff == NULL
            && text.len > out->max - out->len))
    {
        out->err = WH_LIMIT;
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED && field->omit_empty && !field->has_default) {
        ngx_http_webhook_lacks_field(ctx->event, n, &field->name, WH_JSON_NONE,
                                     &ngx_http_webhook_fields_nothing);
        return NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_field_typed(ctx, field, &text, buf);

        if (rc == NGX_OK && text.len == 0 && field->omit_empty) {
            return NGX_DECLINED;
        }

        if (rc == NGX_BUSY) {
            out->err = WH_LIMIT;
            return NGX_DECLINED;
        }

        if (rc == NGX_OK || rc == NGX_ERROR) {
            return rc;
        }

        /* in a URL: it is told when the body is made */

        if (rc == NGX_DECLINED && !ctx->quiet) {
            ngx_http_webhook_field_mistyped(ctx->request, ctx->endpoint,
                                            ctx->event, &field->name);
        }
    }

    *v = &field->fallback;

    ngx_http_webhook_lacks_field(ctx->event, n, &field->name, (*v)->kind,
                                 &(*v)->text);

    return NGX_OK;
}


/* what is missing in such a text is empty */

static ngx_int_t
ngx_http_webhook_field_holes(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_field_t *field)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    ngx_http_webhook_lacks_at(ctx->event, "field", &field->name);

    n = ngx_http_webhook_lacks_count(ctx->event);

    if (field->quoted) {
        (void) wh_buf_putc(ctx->out, '"');
    }

    rc = ngx_http_webhook_text_escaped(ctx->request, ctx->event,
                                       &field->value, field->escape, ctx->out);

    ngx_http_webhook_lacks_field(ctx->event, n, &field->name, WH_JSON_STRING,
                                 &ngx_http_webhook_fields_nothing);

    if (field->quoted) {
        (void) wh_buf_putc(ctx->out, '"');
    }

    return rc;
}


/* an empty text is for the caller to look at */

static ngx_int_t
ngx_http_webhook_field_typed(ngx_http_webhook_fields_ctx_t *ctx,
    ngx_http_webhook_field_t *field, ngx_str_t *text,
    ngx_http_webhook_typed_t *v)
{
    ngx_int_t  rc;

    if (text->len == 0 && field->omit_empty) {
        return NGX_OK;
    }

    if (field->diff) {
        rc = ngx_http_webhook_field_diff(ctx->request, ctx->event, field,
                                         text);

        if (rc != NGX_OK || field->local == NULL || text->len == 0) {
            v->kind = WH_JSON_TEXT;
            v->text = *text;
            return rc;
        }
    }

    if (field->local) {
        return ngx_http_webhook_local_value(ctx->request, ctx->endpoint,
                                            field, text,
                                            ctx->out->max - ctx->out->len, v);
    }

    return ngx_http_webhook_type_value(field->type, text, v,
                                       ctx->request->connection->log);
}


void
ngx_http_webhook_field_mistyped(ngx_http_request_t *r,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_event_t *evt,
    ngx_str_t *name)
{
    ngx_uint_t                    n;
    ngx_http_webhook_counters_t  *c;

    if (ngx_http_webhook_lacks_type(evt, name)) {
        return;
    }

    n = 0;
    c = ep->counters;

    if (c) {
        n = (ngx_uint_t) ngx_atomic_fetch_add(&c->mistyped, 1) + 1;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "webhook event \"%V\": value of field \"%V\" is not "
                  "of its type, endpoint \"%V\" has had %ui such value%s",
                  &evt->type, name, &ep->name, n, n == 1 ? "" : "s");
}
