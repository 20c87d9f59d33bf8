
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_template.h"
#include "wh_escape.h"
#include "wh_id.h"


#define ngx_http_webhook_name_char(c)                                         \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '_')


typedef struct {
    ngx_conf_t                   *cf;
    ngx_str_t                    *text;
    ngx_str_t                    *file;
    ngx_uint_t                    escapes;
    ngx_array_t                   parts;
} ngx_http_webhook_template_ctx_t;


static ngx_int_t ngx_http_webhook_template_literal(
    ngx_http_webhook_template_ctx_t *ctx, u_char *start, u_char *end);
static u_char *ngx_http_webhook_template_variable(
    ngx_http_webhook_template_ctx_t *ctx, u_char *dollar);
static ngx_int_t ngx_http_webhook_template_escape(ngx_str_t *name,
    ngx_http_webhook_escape_e *escape);
static void ngx_http_webhook_template_error(
    ngx_http_webhook_template_ctx_t *ctx, u_char *start, u_char *end,
    char *what);
static ngx_int_t ngx_http_webhook_part_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_str_t *text);


static ngx_str_t  ngx_http_webhook_escapes[] = {
    ngx_string("none"),
    ngx_string("json"),
    ngx_string("json-in-string"),
    ngx_string("url"),
    ngx_string("form"),
    ngx_null_string
};


char *
ngx_http_webhook_template_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_uint_t escapes, ngx_str_t *file, ngx_http_webhook_template_t *t)
{
    u_char                           *p, *last, *start, *dst;
    ngx_http_webhook_template_ctx_t   ctx;

    ctx.cf = cf;
    ctx.text = text;
    ctx.file = file;
    ctx.escapes = escapes;

    if (ngx_array_init(&ctx.parts, cf->pool, 4,
                       sizeof(ngx_http_webhook_part_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    start = ngx_pnalloc(cf->pool, text->len + 1);
    if (start == NULL) {
        return NGX_CONF_ERROR;
    }

    dst = start;
    p = text->data;
    last = text->data + text->len;

    while (p < last) {

        if (*p != '$') {
            *dst++ = *p++;
            continue;
        }

        if (last - p >= 2 && p[1] == '$') {
            *dst++ = '$';
            p += 2;
            continue;
        }

        if (ngx_http_webhook_template_literal(&ctx, start, dst) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        start = dst;

        p = ngx_http_webhook_template_variable(&ctx, p);
        if (p == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_webhook_template_literal(&ctx, start, dst) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    t->nparts = ctx.parts.nelts;
    t->parts = ctx.parts.elts;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_template_literal(ngx_http_webhook_template_ctx_t *ctx,
    u_char *start, u_char *end)
{
    ngx_http_webhook_part_t  *part;

    if (start == end) {
        return NGX_OK;
    }

    part = ngx_array_push(&ctx->parts);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->kind = NGX_HTTP_WEBHOOK_PART_LITERAL;
    part->escape = NGX_HTTP_WEBHOOK_ESCAPE_NONE;
    part->index = 0;
    part->text.len = end - start;
    part->text.data = start;

    return NGX_OK;
}


static u_char *
ngx_http_webhook_template_variable(ngx_http_webhook_template_ctx_t *ctx,
    u_char *dollar)
{
    u_char                     *p, *last, *next;
    ngx_str_t                   name, word;
    ngx_int_t                   index;
    ngx_uint_t                  escaped;
    ngx_http_webhook_part_t    *part;
    ngx_http_webhook_part_e     kind;
    ngx_http_webhook_escape_e   escape;

    last = ctx->text->data + ctx->text->len;
    p = dollar + 1;

    escaped = 0;
    escape = NGX_HTTP_WEBHOOK_ESCAPE_NONE;
    ngx_str_null(&word);

    if (p < last && *p == '{') {
        name.data = ++p;

        while (p < last && ngx_http_webhook_name_char(*p)) {
            p++;
        }

        name.len = p - name.data;

        if (p < last && *p == '|') {
            escaped = 1;
            word.data = ++p;

            while (p < last
                   && (ngx_http_webhook_name_char(*p) || *p == '-'))
            {
                p++;
            }

            word.len = p - word.data;
        }

        if (p == last || *p != '}') {
            ngx_http_webhook_template_error(ctx, dollar, p,
                "is not closed by \"}\" or has a wrong character in it");
            return NULL;
        }

        next = p + 1;

    } else {
        name.data = p;

        while (p < last && ngx_http_webhook_name_char(*p)) {
            p++;
        }

        name.len = p - name.data;
        next = p;
    }

    if (name.len == 0) {
        ngx_http_webhook_template_error(ctx, dollar, next,
            "is not followed by a variable's name, a dollar is \"$$\"");
        return NULL;
    }

    if (name.data[0] >= '0' && name.data[0] <= '9') {
        ngx_http_webhook_template_error(ctx, dollar, next,
            "is a capture, which a payload does not have");
        return NULL;
    }

    if (escaped && ctx->escapes == NGX_HTTP_WEBHOOK_NO_ESCAPES) {
        ngx_http_webhook_template_error(ctx, dollar, next,
            "must have no escape here, the type of the field does that");
        return NULL;
    }

    if (!escaped && ctx->escapes == NGX_HTTP_WEBHOOK_ESCAPES) {
        ngx_http_webhook_template_error(ctx, dollar, next,
            "must name its escape as in \"${name|json}\", one of \"json\", "
            "\"json-in-string\", \"url\", \"form\" or \"none\"");
        return NULL;
    }

    if (escaped && ngx_http_webhook_template_escape(&word, &escape) != NGX_OK)
    {
        ngx_http_webhook_template_error(ctx, dollar, next,
            "has an unknown escape, it must be \"json\", \"json-in-string\", "
            "\"url\", \"form\" or \"none\"");
        return NULL;
    }

    index = 0;

    if (name.len == sizeof("webhook_event") - 1
        && ngx_strncasecmp(name.data, (u_char *) "webhook_event", name.len)
           == 0)
    {
        kind = NGX_HTTP_WEBHOOK_PART_EVENT;

    } else if (name.len == sizeof("webhook_id") - 1
               && ngx_strncasecmp(name.data, (u_char *) "webhook_id",
                                  name.len)
                  == 0)
    {
        kind = NGX_HTTP_WEBHOOK_PART_ID;

    } else if (name.len == sizeof("webhook_time") - 1
               && ngx_strncasecmp(name.data, (u_char *) "webhook_time",
                                  name.len)
                  == 0)
    {
        kind = NGX_HTTP_WEBHOOK_PART_TIME;

    } else {
        kind = NGX_HTTP_WEBHOOK_PART_VARIABLE;

        index = ngx_http_get_variable_index(ctx->cf, &name);
        if (index == NGX_ERROR
            || ngx_http_webhook_reference(ctx->cf, &name, NULL) != NGX_OK)
        {
            return NULL;
        }
    }

    part = ngx_array_push(&ctx->parts);
    if (part == NULL) {
        return NULL;
    }

    part->kind = kind;
    part->escape = escape;
    part->index = index;
    ngx_str_null(&part->text);

    return next;
}


static ngx_int_t
ngx_http_webhook_template_escape(ngx_str_t *name,
    ngx_http_webhook_escape_e *escape)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_webhook_escapes[i].len; i++) {

        if (name->len == ngx_http_webhook_escapes[i].len
            && ngx_memcmp(name->data, ngx_http_webhook_escapes[i].data,
                          name->len)
               == 0)
        {
            *escape = i;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


static void
ngx_http_webhook_template_error(ngx_http_webhook_template_ctx_t *ctx,
    u_char *start, u_char *end, char *what)
{
    u_char      *p;
    ngx_str_t    word;
    ngx_uint_t   line;

    word.data = start;
    word.len = end - start;

    if (end < ctx->text->data + ctx->text->len && *end == '}') {
        word.len++;
    }

    if (ctx->file == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "\"%V\" %s", &word, what);
        return;
    }

    line = 1;

    for (p = ctx->text->data; p < start; p++) {
        if (*p == LF) {
            line++;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                       "\"%V\" in line %ui of \"%V\" %s",
                       &word, line, ctx->file, what);
}


ngx_int_t
ngx_http_webhook_template_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_template_t *t, size_t max,
    ngx_str_t *text)
{
    wh_buf_t  b;

    if (t->nparts == 0) {
        ngx_str_set(text, "");
        return NGX_OK;
    }

    if (t->nparts == 1) {
        return ngx_http_webhook_part_text(r, evt, &t->parts[0], text);
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = max;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    if (ngx_http_webhook_template_put(r, evt, t, &b) != NGX_OK) {
        return NGX_ERROR;
    }

    if (b.err) {
        return b.err == WH_LIMIT ? NGX_BUSY : NGX_ERROR;
    }

    text->len = b.len;
    text->data = (u_char *) b.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_template_put(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_template_t *t,
    wh_buf_t *out)
{
    char                     *p;
    ngx_int_t                 rc;
    ngx_str_t                 text;
    ngx_uint_t                i;
    ngx_http_webhook_part_t  *part;

    for (i = 0; i < t->nparts && out->err == WH_OK; i++) {
        part = &t->parts[i];

        rc = ngx_http_webhook_part_text(r, evt, part, &text);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {

            if (part->escape == NGX_HTTP_WEBHOOK_ESCAPE_JSON) {
                (void) wh_buf_put(out, "null", sizeof("null") - 1);
            }

            continue;
        }

        p = (char *) text.data;

        switch (part->escape) {

        case NGX_HTTP_WEBHOOK_ESCAPE_JSON:
            (void) wh_put_json_quoted(out, p, text.len);
            break;

        case NGX_HTTP_WEBHOOK_ESCAPE_JSON_IN_STRING:
            (void) wh_put_json_in_string(out, p, text.len);
            break;

        case NGX_HTTP_WEBHOOK_ESCAPE_URL:
            (void) wh_put_url(out, p, text.len);
            break;

        case NGX_HTTP_WEBHOOK_ESCAPE_FORM:
            (void) wh_put_form(out, p, text.len);
            break;

        default: /* NGX_HTTP_WEBHOOK_ESCAPE_NONE */
            (void) wh_buf_put(out, p, text.len);
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_part_text(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, ngx_http_webhook_part_t *part,
    ngx_str_t *text)
{
    ngx_http_variable_value_t  *vv;

    switch (part->kind) {

    case NGX_HTTP_WEBHOOK_PART_EVENT:
        *text = evt->type;
        break;

    case NGX_HTTP_WEBHOOK_PART_ID:
        *text = evt->id;
        break;

    case NGX_HTTP_WEBHOOK_PART_TIME:
        text->data = ngx_pnalloc(r->pool, 24);
        if (text->data == NULL) {
            return NGX_ERROR;
        }

        wh_time_iso((char *) text->data, evt->time);
        text->len = 24;
        break;

    case NGX_HTTP_WEBHOOK_PART_VARIABLE:
        vv = ngx_http_get_flushed_variable(r, part->index);

        if (vv == NULL || vv->not_found) {
            return NGX_DECLINED;
        }

        text->len = vv->len;
        text->data = vv->data;
        break;

    default: /* NGX_HTTP_WEBHOOK_PART_LITERAL */
        *text = part->text;
        break;
    }

    return NGX_OK;
}
