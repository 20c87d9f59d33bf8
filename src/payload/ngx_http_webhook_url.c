
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * URLs with values, as they are configured.
 */


#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_url.h"
#include "wh_url.h"


typedef struct {
    ngx_conf_t                    *cf;
    ngx_str_t                     *word;
    ngx_http_webhook_url_t        *url;
    ngx_http_webhook_url_place_e   place;
    u_char                        *sample;   /* its end */
    ngx_uint_t                     literal;  /* octets in the segment */
    ngx_uint_t                     values;   /* in the segment */
} ngx_http_webhook_url_ctx_t;


static ngx_int_t ngx_http_webhook_url_parse(ngx_http_webhook_url_ctx_t *ctx,
    ngx_http_webhook_text_t *t);
static ngx_int_t ngx_http_webhook_url_sample(ngx_http_webhook_url_ctx_t *ctx);
static void ngx_http_webhook_url_invalid(ngx_http_webhook_url_ctx_t *ctx,
    const char *err);
static ngx_int_t ngx_http_webhook_url_literal(ngx_http_webhook_url_ctx_t *ctx,
    ngx_str_t *text);
static size_t ngx_http_webhook_url_field(u_char *p, u_char *last,
    ngx_str_t *name);
static void ngx_http_webhook_url_octet(ngx_http_webhook_url_ctx_t *ctx,
    u_char c);
static ngx_int_t ngx_http_webhook_url_octets(ngx_http_webhook_url_ctx_t *ctx,
    u_char *start, u_char *end);
static ngx_int_t ngx_http_webhook_url_value(ngx_http_webhook_url_ctx_t *ctx,
    ngx_http_webhook_part_t *part, ngx_str_t *field);
static ngx_http_webhook_url_part_t *ngx_http_webhook_url_push(
    ngx_http_webhook_url_ctx_t *ctx);
static void ngx_http_webhook_url_segment(ngx_http_webhook_url_ctx_t *ctx);


ngx_http_webhook_url_t *
ngx_http_webhook_url_create(ngx_conf_t *cf, ngx_str_t *word)
{
    ngx_http_webhook_url_t      *url;
    ngx_http_webhook_text_t      t;
    ngx_http_webhook_url_ctx_t   ctx;

    url = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_url_t));
    if (url == NULL) {
        return NULL;
    }

    if (ngx_http_webhook_text_compile(cf, word, NGX_HTTP_WEBHOOK_TEXT_CAPTURES
                                                |NGX_HTTP_WEBHOOK_TEXT_EVENT
                                                |NGX_HTTP_WEBHOOK_TEXT_ATTEMPT
                                                |NGX_HTTP_WEBHOOK_TEXT_URL,
                                      NULL, &t)
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&url->parts, cf->pool, 4,
                       sizeof(ngx_http_webhook_url_part_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_memzero(&ctx, sizeof(ngx_http_webhook_url_ctx_t));

    ctx.cf = cf;
    ctx.word = word;
    ctx.url = url;

    /* a value is one octet of the example, and two or more of the word */

    url->sample.data = ngx_pnalloc(cf->pool,
                                   word->len + sizeof("https://x/"));
    if (url->sample.data == NULL) {
        return NULL;
    }

    url->authority.data = ngx_pnalloc(cf->pool, word->len);
    if (url->authority.data == NULL) {
        return NULL;
    }

    ctx.sample = url->sample.data;

    if (ngx_http_webhook_url_parse(&ctx, &t) != NGX_OK
        || ngx_http_webhook_url_sample(&ctx) != NGX_OK)
    {
        return NULL;
    }

    return url;
}


static ngx_int_t
ngx_http_webhook_url_parse(ngx_http_webhook_url_ctx_t *ctx,
    ngx_http_webhook_text_t *t)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_webhook_part_t  *part;

    part = t->parts;

    if (t->nparts != 1 || part->kind == NGX_HTTP_WEBHOOK_PART_LITERAL) {
        ctx->place = NGX_HTTP_WEBHOOK_URL_HOST;
    }

    for (i = 0; i < t->nparts; i++) {

        if (part[i].kind == NGX_HTTP_WEBHOOK_PART_LITERAL) {
            rc = ngx_http_webhook_url_literal(ctx, &part[i].text);

        } else {
            rc = ngx_http_webhook_url_value(ctx, &part[i], NULL);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ctx->place == NGX_HTTP_WEBHOOK_URL_PATH) {
        ngx_http_webhook_url_segment(ctx);
    }

    return NGX_OK;
}


/* the URL must be one with values in it that are not special */

static ngx_int_t
ngx_http_webhook_url_sample(ngx_http_webhook_url_ctx_t *ctx)
{
    wh_str_t     in;
    wh_url_t     u;
    const char  *err;

    ctx->url->sample.len = ctx->sample - ctx->url->sample.data;

    in.len = ctx->url->sample.len;
    in.data = (char *) ctx->url->sample.data;

    if (wh_url_parse(in, &u, &err) == WH_OK) {

        if (!ctx->url->values || !wh_url_has_dots(u.target)) {
            return NGX_OK;
        }

        err = "with variables it must have no \".\" or \"..\" as a segment";
    }

    ngx_http_webhook_url_invalid(ctx, err);

    return NGX_ERROR;
}


/*
 * Of user information, a password among it most likely, nothing is shown.  What
 * is behind a colon and no port may be one with a slash in it.
 */

static void
ngx_http_webhook_url_invalid(ngx_http_webhook_url_ctx_t *ctx,
    const char *err)
{
    u_char      *p, *at, *last, *start;
    ngx_uint_t   colon, secret;

    p = ctx->word->data;
    last = p + ctx->word->len;

    start = (u_char *) ngx_strnstr(p, "://", ctx->word->len);
    start = start ? start + 3 : p;

    at = start;
    colon = 0;
    secret = 0;

    for (p = start; p < last; p++) {

        if (*p == '@') {
            at = p;

        } else if (*p == '/' || *p == '?') {

            if (!secret) {
                break;
            }

        } else if (*p == ':') {
            colon = 1;

        } else if (*p < '0' || *p > '9') {
            secret |= colon;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                       "invalid value \"%*s%s%*s\" in \"url\": %s",
                       (size_t) (start - ctx->word->data), ctx->word->data,
                       at > start ? "***" : "", (size_t) (last - at), at, err);
}


static ngx_int_t
ngx_http_webhook_url_literal(ngx_http_webhook_url_ctx_t *ctx, ngx_str_t *text)
{
    u_char     *p, *last, *start;
    size_t      n;
    ngx_str_t   name;

    p = text->data;
    last = p + text->len;

    /* the slashes of the scheme are not those of a path */

    if (ctx->url->parts.nelts == 0) {

        if (text->len >= 8
            && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0)
        {
            p += 8;

        } else if (text->len >= 7
                   && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0)
        {
            p += 7;
        }

        ctx->sample = ngx_cpymem(ctx->sample, text->data, p - text->data);
    }

    start = text->data;

    while (p < last) {
        n = ngx_http_webhook_url_field(p, last, &name);

        if (n == 0) {
            ngx_http_webhook_url_octet(ctx, *p++);
            continue;
        }

        if (ctx->place == NGX_HTTP_WEBHOOK_URL_HOST) {
            ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                               "\"__%V__\" in \"url\" must be in the path or "
                               "the query", &name);
            return NGX_ERROR;
        }

        if (ngx_http_webhook_url_octets(ctx, start, p) != NGX_OK
            || ngx_http_webhook_url_value(ctx, NULL, &name) != NGX_OK)
        {
            return NGX_ERROR;
        }

        p += n;
        start = p;
    }

    return ngx_http_webhook_url_octets(ctx, start, last);
}


/* octets of "__name__" at p; 0: it is none */

static size_t
ngx_http_webhook_url_field(u_char *p, u_char *last, ngx_str_t *name)
{
    u_char  c, *q;

    if (last - p < 5 || p[0] != '_' || p[1] != '_' || p[2] == '_') {
        return 0;
    }

    name->data = p + 2;

    for (q = name->data; q < last - 1; q++) {

        if (q[0] == '_' && q[1] == '_') {
            name->len = q - name->data;
            return q + 2 - p;
        }

        c = *q | 0x20;

        if ((c < 'a' || c > 'z') && (*q < '0' || *q > '9')
            && *q != '_' && *q != '-' && *q != '.'
            && *q != '[' && *q != ']' && *q != '\\')
        {
            break;
        }
    }

    return 0;
}


/* follows what is literal */

static void
ngx_http_webhook_url_octet(ngx_http_webhook_url_ctx_t *ctx, u_char c)
{
    *ctx->sample++ = c;

    if (ctx->place == NGX_HTTP_WEBHOOK_URL_QUERY) {
        return;
    }

    if (c != '/' && c != '?') {
        ctx->literal = 1;

        if (ctx->place == NGX_HTTP_WEBHOOK_URL_HOST) {
            ctx->url->authority.data[ctx->url->authority.len++] = c;
        }

        return;
    }

    if (ctx->place == NGX_HTTP_WEBHOOK_URL_PATH) {
        ngx_http_webhook_url_segment(ctx);
    }

    ctx->literal = 0;
    ctx->values = 0;
    ctx->place = (c == '/') ? NGX_HTTP_WEBHOOK_URL_PATH
                            : NGX_HTTP_WEBHOOK_URL_QUERY;
}


static ngx_int_t
ngx_http_webhook_url_octets(ngx_http_webhook_url_ctx_t *ctx, u_char *start,
    u_char *end)
{
    ngx_http_webhook_part_t      *literal;
    ngx_http_webhook_url_part_t  *part;

    if (start == end) {
        return NGX_OK;
    }

    part = ngx_http_webhook_url_push(ctx);
    literal = ngx_pcalloc(ctx->cf->pool, sizeof(ngx_http_webhook_part_t));

    if (part == NULL || literal == NULL) {
        return NGX_ERROR;
    }

    literal->kind = NGX_HTTP_WEBHOOK_PART_LITERAL;
    literal->text.data = start;
    literal->text.len = end - start;

    part->text.nparts = 1;
    part->text.parts = literal;

    return NGX_OK;
}


/* a variable, or else a field */

static ngx_int_t
ngx_http_webhook_url_value(ngx_http_webhook_url_ctx_t *ctx,
    ngx_http_webhook_part_t *value, ngx_str_t *field)
{
    ngx_http_webhook_url_part_t  *part;

    if (value
        && value->escape == NGX_HTTP_WEBHOOK_ESCAPE_PATH
        && ctx->place != NGX_HTTP_WEBHOOK_URL_PATH)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "\"${%V|path}\" in \"url\" must be in the path",
                           &value->text);
        return NGX_ERROR;
    }

    if (value
        && value->kind == NGX_HTTP_WEBHOOK_PART_HOLE
        && ctx->place <= NGX_HTTP_WEBHOOK_URL_HOST)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "\"$%V\" in \"url\" must be in the path or the "
                           "query", &value->text);
        return NGX_ERROR;
    }

    part = ngx_http_webhook_url_push(ctx);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->value = 1;

    if (field) {
        part->field = *field;
        ctx->url->fields = 1;

    } else {
        part->text.nparts = 1;
        part->text.parts = value;
    }

    ctx->values = 1;
    ctx->url->values = 1;

    switch (ctx->place) {

    case NGX_HTTP_WEBHOOK_URL_WHOLE:
        ctx->url->host = 1;
        ctx->sample = ngx_cpymem(ctx->sample, "https://x/",
                                 sizeof("https://x/") - 1);
        break;

    case NGX_HTTP_WEBHOOK_URL_HOST:
        ctx->url->host = 1;

        /* an octet that is good for a port, or else for a name */

        *ctx->sample = (ctx->sample > ctx->url->sample.data
                        && ctx->sample[-1] == ':') ? '1' : 'x';
        ctx->sample++;

        ctx->url->authority.data[ctx->url->authority.len++] = '*';
        break;

    default:
        *ctx->sample++ = 'x';
    }

    return NGX_OK;
}


static ngx_http_webhook_url_part_t *
ngx_http_webhook_url_push(ngx_http_webhook_url_ctx_t *ctx)
{
    ngx_http_webhook_url_part_t  *part;

    part = ngx_array_push(&ctx->url->parts);
    if (part == NULL) {
        return NULL;
    }

    ngx_memzero(part, sizeof(ngx_http_webhook_url_part_t));

    part->place = ctx->place;

    return part;
}


/* of the path, as it ends */

static void
ngx_http_webhook_url_segment(ngx_http_webhook_url_ctx_t *ctx)
{
    ngx_http_webhook_url_part_t  *part;

    if (ctx->values && !ctx->literal) {
        part = ctx->url->parts.elts;
        part[ctx->url->parts.nelts - 1].segment = 1;
    }
}


ngx_int_t
ngx_http_webhook_url_check(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_payload_t *payload)
{
    ngx_uint_t                    i;
    ngx_http_webhook_url_part_t  *part;

    if (ep->texts == NULL) {
        return NGX_OK;
    }

    part = ep->texts->parts.elts;

    for (i = 0; i < ep->texts->parts.nelts; i++) {

        if (part[i].field.len == 0) {
            continue;
        }

        if (payload == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"__%V__\" in \"url\" of webhook_endpoint \"%V\" "
                          "needs a \"payload\" with that field in %V:%ui",
                          &part[i].field, &ep->name, &ep->url_file,
                          ep->url_line);
            return NGX_ERROR;
        }

        if (ngx_http_webhook_fields_find(payload->fields.list, &part[i].field)
            == NULL)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"__%V__\" in \"url\" of webhook_endpoint \"%V\" "
                          "is no \"field\" of webhook_payload \"%V\" in "
                          "%V:%ui", &part[i].field, &ep->name, &payload->name,
                          &ep->url_file, ep->url_line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
