
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The directive "sign".  What has a name of its own is no more than values of
 * parameters that everybody may give.
 */


#include "ngx_http_webhook_lines.h"
#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_sign_conf.h"
#include "wh_escape.h"


#if (NGX_OPENSSL)

typedef struct {
    ngx_str_t                      name;
    ngx_uint_t                     forms;
} ngx_http_webhook_sign_param_t;


/* from ..._SIGN_HEADER to ..._SIGN_ENCODING; NULL: the default */

#define NGX_HTTP_WEBHOOK_SIGN_TEXTS  6

typedef struct {
    ngx_str_t                      name;
    ngx_uint_t                     form;
    char                          *texts[NGX_HTTP_WEBHOOK_SIGN_TEXTS];
} ngx_http_webhook_sign_preset_t;


static char *ngx_http_webhook_sign_preset(
    ngx_http_webhook_sign_conf_ctx_t *ctx);
static char *ngx_http_webhook_sign_word(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_str_t *word);
static ngx_uint_t ngx_http_webhook_sign_is_param(ngx_str_t *word,
    ngx_str_t *name);
static char *ngx_http_webhook_sign_build(
    ngx_http_webhook_sign_conf_ctx_t *ctx);
static char *ngx_http_webhook_sign_build_header(
    ngx_http_webhook_sign_conf_ctx_t *ctx);
static char *ngx_http_webhook_sign_header_name(
    ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *name);
static char *ngx_http_webhook_sign_text(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, wh_str_t *text);


/* in the order of ngx_http_webhook_sign_param_e */

static ngx_http_webhook_sign_param_t  ngx_http_webhook_sign_params[] = {
    { ngx_string("key"), NGX_HTTP_WEBHOOK_SIGN_IS_STANDARD
                         |NGX_HTTP_WEBHOOK_SIGN_IS_HEADER
                         |NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("key_encoding"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER
                                  |NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("algorithm"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER
                               |NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("timestamp_header"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("header"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("content"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("start"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("prefix"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("separator"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("encoding"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER },
    { ngx_string("label"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("keyid"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("components"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("digest"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("expires"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("nonce"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
    { ngx_string("tag"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP },
};


static ngx_http_webhook_sign_preset_t  ngx_http_webhook_sign_presets[] = {

    { ngx_string("standard"), NGX_HTTP_WEBHOOK_SIGN_IS_STANDARD,
      { "webhook-signature", "$id.$timestamp.$body", NULL, NULL, " ",
        "base64" } },

    { ngx_string("github"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER,
      { "X-Hub-Signature-256", NULL, NULL, "sha256=", NULL, NULL } },

    { ngx_string("stripe"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER,
      { "Stripe-Signature", "$timestamp.$body", "t=$timestamp,", "v1=", ",",
        NULL } },

    { ngx_string("shopify"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER,
      { "X-Shopify-Hmac-SHA256", NULL, NULL, NULL, NULL, "base64" } },

    { ngx_string("respond.io"), NGX_HTTP_WEBHOOK_SIGN_IS_HEADER,
      { "X-Webhook-Signature", NULL, NULL, NULL, NULL, "base64" } },

    { ngx_string("http"), NGX_HTTP_WEBHOOK_SIGN_IS_HTTP,
      { NULL, NULL, NULL, NULL, NULL, NULL } },

    { ngx_null_string, 0, { NULL, NULL, NULL, NULL, NULL, NULL } }
};


/* in the order of NGX_HTTP_WEBHOOK_SIGN_HMAC_SHA256 and the others */

static ngx_str_t  ngx_http_webhook_sign_algorithms[] = {
    ngx_string("hmac-sha256"),
    ngx_string("hmac-sha512"),
    ngx_string("ed25519"),
    ngx_null_string
};


/* in the order of NGX_HTTP_WEBHOOK_SIGN_HEX and the others */

static ngx_str_t  ngx_http_webhook_sign_encodings[] = {
    ngx_string("hex"),
    ngx_string("base64"),
    ngx_string("base64url"),
    ngx_null_string
};


/* in the order of NGX_HTTP_WEBHOOK_KEY_TEXT and the others */

static ngx_str_t  ngx_http_webhook_sign_key_encodings[] = {
    ngx_string("text"),
    ngx_string("base64"),
    ngx_string("hex"),
    ngx_null_string
};


/* of the connection, and no business of a signature */

static ngx_str_t  ngx_http_webhook_sign_reserved[] = {
    ngx_string("upgrade"),
    ngx_string("expect"),
    ngx_string("te"),
    ngx_string("trailer"),
    ngx_null_string
};


char *
ngx_http_webhook_sign_line(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    char                              *rv;
    ngx_str_t                         *value, name;
    ngx_uint_t                         i;
    ngx_http_webhook_sign_t           *sign;
    ngx_http_webhook_signature_t      *s;
    ngx_http_webhook_sign_conf_ctx_t   ctx;

    sign = ep->sign;

    if (sign == NULL) {
        sign = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_sign_t));

        if (sign == NULL
            || ngx_array_init(&sign->signatures, cf->pool, 2,
                              sizeof(ngx_http_webhook_signature_t))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        ep->sign = sign;
    }

    s = ngx_array_push(&sign->signatures);
    if (s == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(s, sizeof(ngx_http_webhook_signature_t));
    ngx_memzero(&ctx, sizeof(ngx_http_webhook_sign_conf_ctx_t));

    s->file = cf->conf_file->file.name.data;
    s->line = cf->conf_file->line;

    ctx.cf = cf;
    ctx.ep = ep;
    ctx.s = s;

    if (ngx_array_init(&s->keys, cf->pool, 2,
                       sizeof(ngx_http_webhook_sign_key_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&ctx.keys, cf->temp_pool, 2, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    i = 1;

    if (ngx_http_webhook_sign_is_param(&value[1], &name)) {
        ctx.form = NGX_HTTP_WEBHOOK_SIGN_IS_HEADER;

    } else {
        rv = ngx_http_webhook_sign_preset(&ctx);

        if (rv != NGX_CONF_OK) {
            return rv;
        }

        i = 2;
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {
        rv = ngx_http_webhook_sign_word(&ctx, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return ngx_http_webhook_sign_build(&ctx);
}


/* the first word, unless that is a parameter already */

static char *
ngx_http_webhook_sign_preset(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    ngx_str_t                       *value, *text;
    ngx_uint_t                       i;
    ngx_http_webhook_sign_preset_t  *p;

    value = ctx->cf->args->elts;

    for (p = ngx_http_webhook_sign_presets; p->name.len; p++) {

        if (p->name.len == value[1].len
            && ngx_strcmp(p->name.data, value[1].data) == 0)
        {
            break;
        }
    }

    if (p->name.len == 0) {

        /* it may be a key where the name was forgotten: that is not logged */

        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "the first word of \"sign\" must be \"standard\", "
                           "\"github\", \"stripe\", \"shopify\", "
                           "\"respond.io\", \"http\", or a parameter like "
                           "\"header=\"");
        return NGX_CONF_ERROR;
    }

    ctx->form = p->form;

    text = &ctx->values[NGX_HTTP_WEBHOOK_SIGN_HEADER];

    for (i = 0; i < NGX_HTTP_WEBHOOK_SIGN_TEXTS; i++) {

        if (p->texts[i]) {
            text[i].len = ngx_strlen(p->texts[i]);
            text[i].data = (u_char *) p->texts[i];
        }
    }

    return NGX_CONF_OK;
}


/* a parameter, or a key */

static char *
ngx_http_webhook_sign_word(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_str_t *word)
{
    ngx_str_t                      *key, name, value;
    ngx_uint_t                      i;
    ngx_http_webhook_sign_param_t  *param;

    param = ngx_http_webhook_sign_params;

    value = *word;
    i = NGX_HTTP_WEBHOOK_SIGN_KEY;

    if (ngx_http_webhook_sign_is_param(word, &name)) {

        for (i = 0; i < NGX_HTTP_WEBHOOK_SIGN_PARAMS; i++) {

            if (param[i].name.len == name.len
                && ngx_memcmp(param[i].name.data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (i == NGX_HTTP_WEBHOOK_SIGN_PARAMS
            || !(param[i].forms & ctx->form))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                   "unknown parameter \"%V=\" in \"sign\", it must be %s; "
                   "a key like that is given by \"key=\"", &name,
                   ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_STANDARD
                   ? "\"key=\""
                   : ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_HTTP
                     ? "\"key=\", \"key_encoding=\", \"algorithm=\", "
                       "\"label=\", \"keyid=\", \"components=\", "
                       "\"digest=\", \"expires=\", \"nonce=\" or \"tag=\""
                     : "\"key=\", \"key_encoding=\", \"algorithm=\", "
                       "\"header=\", \"timestamp_header=\", \"content=\", "
                       "\"start=\", \"prefix=\", \"separator=\" or "
                       "\"encoding=\"");
            return NGX_CONF_ERROR;
        }

        value.len -= name.len + 1;
        value.data += name.len + 1;
    }

    if (i == NGX_HTTP_WEBHOOK_SIGN_KEY) {
        key = ngx_array_push(&ctx->keys);
        if (key == NULL) {
            return NGX_CONF_ERROR;
        }

        *key = value;

        return NGX_CONF_OK;
    }

    if (ctx->given & (ngx_uint_t) 1 << i) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "duplicate parameter \"%V=\" in \"sign\"", &name);
        return NGX_CONF_ERROR;
    }

    ctx->given |= (ngx_uint_t) 1 << i;
    ctx->values[i] = value;

    return NGX_CONF_OK;
}


/*
 * "name=value", even if there is no such name: most likely it is misspelt.
 * Base64 with its padding is not, nor is "file:" or "env:".
 */

static ngx_uint_t
ngx_http_webhook_sign_is_param(ngx_str_t *word, ngx_str_t *name)
{
    u_char                         *p, *last;
    ngx_uint_t                      i;
    ngx_http_webhook_sign_param_t  *param;

    last = word->data + word->len;

    for (p = word->data; p < last; p++) {

        if ((*p < 'a' || *p > 'z') && *p != '_') {
            break;
        }
    }

    if (p == word->data || p == last || *p != '=') {
        return 0;
    }

    name->len = p - word->data;
    name->data = word->data;

    param = ngx_http_webhook_sign_params;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SIGN_PARAMS; i++) {

        if (param[i].name.len == name->len
            && ngx_memcmp(param[i].name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return last - p > 1 && p[1] != '=';
}


static char *
ngx_http_webhook_sign_build(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    char                          *rv;
    ngx_str_t                     *key, *value;
    ngx_uint_t                     i, encoding;
    ngx_http_webhook_signature_t  *s;

    s = ctx->s;

    encoding = ngx_http_webhook_sign_choice(ctx,
                                          NGX_HTTP_WEBHOOK_SIGN_KEY_ENCODING,
                                          ngx_http_webhook_sign_key_encodings);
    value = &ctx->values[NGX_HTTP_WEBHOOK_SIGN_KEY_ENCODING];

    if (ngx_http_webhook_sign_key_encodings[encoding].len == 0) {
        return ngx_http_webhook_sign_invalid(ctx,
                   NGX_HTTP_WEBHOOK_SIGN_KEY_ENCODING, value,
                   "\"text\", \"base64\" or \"hex\"");
    }

    s->algorithm = ngx_http_webhook_sign_choice(ctx,
                                             NGX_HTTP_WEBHOOK_SIGN_ALGORITHM,
                                             ngx_http_webhook_sign_algorithms);

    if (ngx_http_webhook_sign_algorithms[s->algorithm].len == 0
        || (ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_HTTP
            && s->algorithm == NGX_HTTP_WEBHOOK_SIGN_HMAC_SHA512))
    {
        return ngx_http_webhook_sign_invalid(ctx,
                   NGX_HTTP_WEBHOOK_SIGN_ALGORITHM,
                   &ctx->values[NGX_HTTP_WEBHOOK_SIGN_ALGORITHM],
                   ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_HTTP
                   ? "\"hmac-sha256\" or \"ed25519\""
                   : "\"hmac-sha256\", \"hmac-sha512\" or \"ed25519\"");
    }

    if (s->algorithm == NGX_HTTP_WEBHOOK_SIGN_ED25519 && value->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "\"key_encoding=\" in \"sign\" is for HMAC, keys "
                           "of Ed25519 are base64 always");
        return NGX_CONF_ERROR;
    }

    rv = ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_HTTP
         ? ngx_http_webhook_sign_build_http(ctx)
         : ngx_http_webhook_sign_build_header(ctx);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ctx->form == NGX_HTTP_WEBHOOK_SIGN_IS_STANDARD) {
        ctx->ep->sign->standard = 1;
        encoding = NGX_HTTP_WEBHOOK_KEY_STANDARD;
    }

    if (ctx->keys.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "no key in \"sign\"");
        return NGX_CONF_ERROR;
    }

    key = ctx->keys.elts;

    for (i = 0; i < ctx->keys.nelts; i++) {

        if (ngx_http_webhook_sign_key(ctx->cf, s, &key[i], i + 1, encoding)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_sign_build_header(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    char                          *rv;
    ngx_str_t                     *separator;
    ngx_http_webhook_signature_t  *s;

    s = ctx->s;

    if (ctx->values[NGX_HTTP_WEBHOOK_SIGN_HEADER].data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "no \"header=\" in \"sign\"");
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_webhook_sign_header_name(ctx, NGX_HTTP_WEBHOOK_SIGN_HEADER,
                                           &s->header);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_sign_header_name(ctx,
                                       NGX_HTTP_WEBHOOK_SIGN_TIMESTAMP_HEADER,
                                       &s->timestamp);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ctx->values[NGX_HTTP_WEBHOOK_SIGN_CONTENT].data == NULL) {
        ngx_str_set(&ctx->values[NGX_HTTP_WEBHOOK_SIGN_CONTENT], "$body");
    }

    rv = ngx_http_webhook_sign_text(ctx, NGX_HTTP_WEBHOOK_SIGN_CONTENT,
                                    &s->content);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_sign_text(ctx, NGX_HTTP_WEBHOOK_SIGN_START,
                                    &s->start);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_sign_text(ctx, NGX_HTTP_WEBHOOK_SIGN_PREFIX,
                                    &s->prefix);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    separator = &ctx->values[NGX_HTTP_WEBHOOK_SIGN_SEPARATOR];

    if (separator->data
        && (separator->len == 0
            || !wh_header_value_ok((char *) separator->data, separator->len)))
    {
        return ngx_http_webhook_sign_invalid(ctx,
                   NGX_HTTP_WEBHOOK_SIGN_SEPARATOR, separator,
                   "text without control characters");
    }

    s->separator = *separator;

    if (s->separator.len == 0 && ctx->keys.nelts > 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "more than one key in \"sign\", it must be one: "
                           "there is no \"separator=\" of several signatures");
        return NGX_CONF_ERROR;
    }

    s->encoding = ngx_http_webhook_sign_choice(ctx,
                                              NGX_HTTP_WEBHOOK_SIGN_ENCODING,
                                              ngx_http_webhook_sign_encodings);

    if (ngx_http_webhook_sign_encodings[s->encoding].len == 0) {
        return ngx_http_webhook_sign_invalid(ctx,
                   NGX_HTTP_WEBHOOK_SIGN_ENCODING,
                   &ctx->values[NGX_HTTP_WEBHOOK_SIGN_ENCODING],
                   "\"hex\", \"base64\" or \"base64url\"");
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_sign_header_name(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *name)
{
    wh_str_t    text;
    ngx_str_t  *value, *reserved;

    value = &ctx->values[param];

    if (value->data == NULL) {
        return NGX_CONF_OK;
    }

    text.len = value->len;
    text.data = (char *) value->data;

    if (!wh_header_name_ok(text.data, text.len)) {
        return ngx_http_webhook_sign_invalid(ctx, param, value,
                                             "the name of a header");
    }

    for (reserved = ngx_http_webhook_sign_reserved;
         reserved->len;
         reserved++)
    {
        if (ngx_http_webhook_head_equal(&text, reserved->len,
                                        (char *) reserved->data))
        {
            break;
        }
    }

    if (reserved->len || ngx_http_webhook_head_own(&text)
        || ngx_http_webhook_head_is_framing(&text))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "the header \"%V\" is written by the module, "
                           "it cannot be set by \"sign\"", value);
        return NGX_CONF_ERROR;
    }

    *name = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_sign_text(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, wh_str_t *text)
{
    int         part;
    size_t      pos;
    wh_str_t    word;
    ngx_str_t  *value, bad;

    value = &ctx->values[param];

    text->len = value->len;
    text->data = (char *) value->data;

    pos = 0;

    while (pos < text->len) {
        part = wh_sign_next(*text, &pos, &word);

        if (part == WH_ERROR
            || (part == WH_SIGN_BODY
                && param != NGX_HTTP_WEBHOOK_SIGN_CONTENT))
        {
            bad.len = word.len;
            bad.data = (u_char *) word.data;

            return ngx_http_webhook_sign_invalid(ctx, param, &bad,
                       param == NGX_HTTP_WEBHOOK_SIGN_CONTENT
                       ? "\"$body\", \"$timestamp\", \"$timestamp_ms\", "
                         "\"$id\", \"$event\", \"$method\", \"$target\", "
                         "\"$host\", \"$url\", or \"$$\" for a dollar"
                       : "\"$timestamp\", \"$timestamp_ms\", \"$id\", "
                         "\"$event\", \"$method\", \"$target\", \"$host\", "
                         "\"$url\", or \"$$\" for a dollar");
        }

        if (part == WH_SIGN_TEXT && param != NGX_HTTP_WEBHOOK_SIGN_CONTENT
            && !wh_header_value_ok(word.data, word.len))
        {
            return ngx_http_webhook_sign_invalid(ctx, param, value,
                       "text without control characters");
        }
    }

    return NGX_CONF_OK;
}


/* the index of a choice, by default the first one; that of the end: none */

ngx_uint_t
ngx_http_webhook_sign_choice(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *choices)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = &ctx->values[param];

    if (value->data == NULL) {
        return 0;
    }

    for (i = 0; choices[i].len; i++) {

        if (choices[i].len == value->len
            && ngx_memcmp(choices[i].data, value->data, value->len) == 0)
        {
            break;
        }
    }

    return i;
}


char *
ngx_http_webhook_sign_invalid(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, ngx_str_t *value, char *allowed)
{
    ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                       "invalid value \"%V\" in \"%V=\" of \"sign\", "
                       "it must be %s", value,
                       &ngx_http_webhook_sign_params[param].name, allowed);

    return NGX_CONF_ERROR;
}


#else /* !NGX_OPENSSL */

char *
ngx_http_webhook_sign_line(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"sign\" needs an nginx built with "
                       "the \"--with-http_ssl_module\" option");

    return NGX_CONF_ERROR;
}

#endif


ngx_int_t
ngx_http_webhook_sign_mask(ngx_conf_t *cf, ngx_http_webhook_line_t *line,
    ngx_uint_t word)
{
    ngx_str_t                      *w, name;
    ngx_uint_t                      i;
    ngx_http_webhook_sign_param_t  *param;

    w = &line->words[word];
    param = ngx_http_webhook_sign_params;

    if (!ngx_http_webhook_sign_is_param(w, &name)) {

        /* the first one is a name, or a parameter */

        return word == 1 ? NGX_OK : ngx_http_webhook_line_mask(cf, line, word,
                                                               0);
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_SIGN_PARAMS; i++) {

        if (i != NGX_HTTP_WEBHOOK_SIGN_KEY
            && param[i].name.len == name.len
            && ngx_memcmp(param[i].name.data, name.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    return ngx_http_webhook_line_mask(cf, line, word, 0);
}
