
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Texts with variables, as they are configured.
 */


#include "ngx_http_webhook_text.h"


#define ngx_http_webhook_name_char(c)                                         \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '_')


typedef struct {
    ngx_conf_t                   *cf;
    ngx_str_t                    *text;
    ngx_str_t                    *file;
    ngx_uint_t                    flags;
    ngx_uint_t                    holes;
    ngx_array_t                   parts;
} ngx_http_webhook_text_ctx_t;


/* "${name|escape}" */

typedef struct {
    u_char                       *start;     /* the dollar */
    u_char                       *end;
    ngx_str_t                     name;
    ngx_str_t                     escape;
    ngx_uint_t                    escaped;   /* unsigned  escaped:1; */
} ngx_http_webhook_text_word_t;


static ngx_int_t ngx_http_webhook_text_literal(
    ngx_http_webhook_text_ctx_t *ctx, u_char *start, u_char *end);
static ngx_int_t ngx_http_webhook_text_word(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w);
static ngx_int_t ngx_http_webhook_text_variable(
    ngx_http_webhook_text_ctx_t *ctx, ngx_http_webhook_text_word_t *w);
static ngx_int_t ngx_http_webhook_text_capture(
    ngx_http_webhook_text_ctx_t *ctx, ngx_http_webhook_text_word_t *w,
    ngx_http_webhook_part_t *part);
static ngx_int_t ngx_http_webhook_text_name(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part);
static ngx_int_t ngx_http_webhook_text_hole(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part);
static ngx_int_t ngx_http_webhook_text_escape(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part);
static ngx_int_t ngx_http_webhook_text_error(ngx_http_webhook_text_ctx_t *ctx,
    u_char *start, u_char *end, char *what);


/* as nginx has it: names of variables in any case */

#define ngx_http_webhook_text_is(w, s)                                        \
    ((w)->name.len == (s)->len                                                \
     && ngx_strncasecmp((w)->name.data, (s)->data, (s)->len) == 0)


/* in the order of ngx_http_webhook_escape_e */

static ngx_str_t  ngx_http_webhook_escapes[] = {
    ngx_string("none"),
    ngx_string("json"),
    ngx_string("json-in-string"),
    ngx_string("url"),
    ngx_string("form"),
    ngx_null_string
};


/* in the order of ngx_http_webhook_part_e, from ..._PART_EVENT on */

static ngx_str_t  ngx_http_webhook_text_events[] = {
    ngx_string("webhook_event"),
    ngx_string("webhook_id"),
    ngx_string("webhook_time"),
    ngx_null_string
};


/* in the order of wh_hole_e */

static ngx_str_t  ngx_http_webhook_text_attempts[] = {
    ngx_string("webhook_attempt"),
    ngx_string("webhook_retry"),
    ngx_string("webhook_attempt_time"),
    ngx_null_string
};


ngx_http_webhook_text_t *
ngx_http_webhook_text_create(ngx_conf_t *cf, ngx_str_t *text, ngx_uint_t flags)
{
    ngx_http_webhook_text_t  *t;

    t = ngx_palloc(cf->pool, sizeof(ngx_http_webhook_text_t));
    if (t == NULL) {
        return NULL;
    }

    if (ngx_http_webhook_text_compile(cf, text, flags, NULL, t) != NGX_OK) {
        return NULL;
    }

    return t;
}


ngx_int_t
ngx_http_webhook_text_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_uint_t flags, ngx_str_t *file, ngx_http_webhook_text_t *t)
{
    u_char                        *p, *last, *start, *dst;
    ngx_http_webhook_text_ctx_t    ctx;
    ngx_http_webhook_text_word_t   w;

    ctx.cf = cf;
    ctx.text = text;
    ctx.file = file;
    ctx.flags = flags;
    ctx.holes = 0;

    if (ngx_array_init(&ctx.parts, cf->pool, 2,
                       sizeof(ngx_http_webhook_part_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    start = ngx_pnalloc(cf->pool, text->len + 1);
    if (start == NULL) {
        return NGX_ERROR;
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

        w.start = p;

        if (ngx_http_webhook_text_literal(&ctx, start, dst) != NGX_OK
            || ngx_http_webhook_text_word(&ctx, &w) != NGX_OK
            || ngx_http_webhook_text_variable(&ctx, &w) != NGX_OK)
        {
            return NGX_ERROR;
        }

        start = dst;
        p = w.end;
    }

    *dst = '\0';

    if (ngx_http_webhook_text_literal(&ctx, start, dst) != NGX_OK) {
        return NGX_ERROR;
    }

    t->nparts = ctx.parts.nelts;
    t->parts = ctx.parts.elts;
    t->holes = ctx.holes;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_text_literal(ngx_http_webhook_text_ctx_t *ctx, u_char *start,
    u_char *end)
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


/* what is at w->start */

static ngx_int_t
ngx_http_webhook_text_word(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w)
{
    u_char      *p, *last;
    ngx_uint_t   braces;

    last = ctx->text->data + ctx->text->len;
    p = w->start + 1;

    w->escaped = 0;
    ngx_str_null(&w->escape);

    braces = (p < last && *p == '{');

    if (braces) {
        p++;
    }

    w->name.data = p;

    if (!braces && p < last && *p >= '0' && *p <= '9') {
        /* as nginx has it, "$10" is "${1}0" */
        p++;

    } else {

        while (p < last && ngx_http_webhook_name_char(*p)) {
            p++;
        }
    }

    w->name.len = p - w->name.data;

    if (!braces) {
        w->end = p;
        return NGX_OK;
    }

    if (p < last && *p == '|') {
        w->escaped = 1;
        w->escape.data = ++p;

        while (p < last && (ngx_http_webhook_name_char(*p) || *p == '-')) {
            p++;
        }

        w->escape.len = p - w->escape.data;
    }

    if (p == last || *p != '}') {
        return ngx_http_webhook_text_error(ctx, w->start, p,
                      "is not closed by \"}\" or has a wrong character in it");
    }

    w->end = p + 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_text_variable(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w)
{
    ngx_int_t                rc;
    ngx_http_webhook_part_t  part, *p;

    if (w->name.len == 0) {
        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "is not followed by a variable's name, a dollar is "
                    "\"$$\"");
    }

    part.index = 0;
    part.text = w->name;

    if (w->name.data[0] >= '0' && w->name.data[0] <= '9') {
        rc = ngx_http_webhook_text_capture(ctx, w, &part);

    } else {
        rc = ngx_http_webhook_text_name(ctx, w, &part);
    }

    if (rc != NGX_OK
        || ngx_http_webhook_text_escape(ctx, w, &part) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_array_push(&ctx->parts);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = part;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_text_capture(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part)
{
    if (!(ctx->flags & NGX_HTTP_WEBHOOK_TEXT_CAPTURES)) {
        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "is a capture, it must be a variable with a name");
    }

    if (w->name.len != 1 || w->name.data[0] == '0') {
        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "is no capture, it must be one of \"$1\" to \"$9\"");
    }

#if (NGX_PCRE)

    part->kind = NGX_HTTP_WEBHOOK_PART_CAPTURE;
    part->index = w->name.data[0] - '0';
    part->text = w->name;

    return NGX_OK;

#else

    return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "is a capture, which needs an nginx with the PCRE "
                    "library");

#endif
}


static ngx_int_t
ngx_http_webhook_text_name(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part)
{
    ngx_int_t    rc;
    ngx_str_t   *name;
    ngx_uint_t   i;

    rc = ngx_http_webhook_text_hole(ctx, w, part);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ctx->flags & NGX_HTTP_WEBHOOK_TEXT_EVENT) {
        name = ngx_http_webhook_text_events;

        for (i = 0; name[i].len; i++) {

            if (ngx_http_webhook_text_is(w, &name[i])) {
                part->kind = NGX_HTTP_WEBHOOK_PART_EVENT + i;
                return NGX_OK;
            }
        }
    }

    part->kind = NGX_HTTP_WEBHOOK_PART_VARIABLE;

    part->index = ngx_http_get_variable_index(ctx->cf, &w->name);
    if (part->index == NGX_ERROR) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_reference(ctx->cf, &w->name, NULL);
}


/* nothing that is decided before an attempt can depend on it */

static ngx_int_t
ngx_http_webhook_text_hole(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    name = ngx_http_webhook_text_attempts;

    for (i = 0; name[i].len; i++) {
        if (ngx_http_webhook_text_is(w, &name[i])) {
            break;
        }
    }

    if (name[i].len == 0) {
        return NGX_DECLINED;
    }

    if (!(ctx->flags & NGX_HTTP_WEBHOOK_TEXT_ATTEMPT)) {
        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "is not known before an attempt, it must be in a payload, "
                    "a URL, a header or another value that is sent");
    }

    part->kind = NGX_HTTP_WEBHOOK_PART_HOLE;
    part->index = WH_HOLE_ATTEMPT + i;

    ctx->holes = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_text_escape(ngx_http_webhook_text_ctx_t *ctx,
    ngx_http_webhook_text_word_t *w, ngx_http_webhook_part_t *part)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    part->escape = NGX_HTTP_WEBHOOK_ESCAPE_NONE;

    if (ctx->flags & NGX_HTTP_WEBHOOK_TEXT_URL) {

        if (!w->escaped) {
            part->escape = NGX_HTTP_WEBHOOK_ESCAPE_URL;
            return NGX_OK;
        }

        if (w->escape.len == 4 && ngx_memcmp(w->escape.data, "path", 4) == 0) {
            part->escape = NGX_HTTP_WEBHOOK_ESCAPE_PATH;
            return NGX_OK;
        }

        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "has an unknown escape, in a URL it must be \"path\", or "
                    "none");
    }

    if (!(ctx->flags & NGX_HTTP_WEBHOOK_TEXT_ESCAPES)) {

        if (!w->escaped) {
            return NGX_OK;
        }

        return ngx_http_webhook_text_error(ctx, w->start, w->end,
                    "must have no escape here, it is for templates of "
                    "\"text\" payloads");
    }

    if (!w->escaped) {
        return ngx_http_webhook_text_error(ctx, w->start, w->end,
            "must name its escape as in \"${name|json}\", one of \"json\", "
            "\"json-in-string\", \"url\", \"form\" or \"none\"");
    }

    name = ngx_http_webhook_escapes;

    for (i = 0; name[i].len; i++) {

        if (w->escape.len == name[i].len
            && ngx_memcmp(w->escape.data, name[i].data, name[i].len) == 0)
        {
            part->escape = i;
            return NGX_OK;
        }
    }

    return ngx_http_webhook_text_error(ctx, w->start, w->end,
            "has an unknown escape, it must be \"json\", \"json-in-string\", "
            "\"url\", \"form\" or \"none\"");
}


static ngx_int_t
ngx_http_webhook_text_error(ngx_http_webhook_text_ctx_t *ctx, u_char *start,
    u_char *end, char *what)
{
    u_char      *p;
    ngx_str_t    word;
    ngx_uint_t   line;

    word.data = start;
    word.len = end - start;

    if (ctx->file == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "\"%V\" %s", &word, what);
        return NGX_ERROR;
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

    return NGX_ERROR;
}
