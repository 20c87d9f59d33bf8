
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The directive "sign http": RFC 9421, and RFC 9530.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_sign_conf.h"


#if (NGX_OPENSSL)

static char *ngx_http_webhook_sign_string(
    ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, wh_str_t *text);
static char *ngx_http_webhook_sign_list(ngx_http_webhook_sign_conf_ctx_t *ctx);
static char *ngx_http_webhook_sign_digests(
    ngx_http_webhook_sign_conf_ctx_t *ctx);
static ngx_str_t ngx_http_webhook_sign_next_word(ngx_str_t *list);


static ngx_str_t  ngx_http_webhook_sign_flags[] = {
    ngx_string("off"),
    ngx_string("on"),
    ngx_null_string
};


char *
ngx_http_webhook_sign_build_http(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    char                          *rv;
    wh_str_t                       label;
    ngx_str_t                     *value;
    ngx_uint_t                     i;
    ngx_http_webhook_sign_t       *sign;
    ngx_http_webhook_signature_t  *s, *other;

    s = ctx->s;
    sign = ctx->ep->sign;

    if (ctx->keys.nelts > 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                           "more than one key in \"sign http\", it must be "
                           "one: another one has a line and a \"label=\" of "
                           "its own");
        return NGX_CONF_ERROR;
    }

    value = &ctx->values[NGX_HTTP_WEBHOOK_SIGN_LABEL];

    if (value->data == NULL) {
        ngx_str_set(value, "sig1");
    }

    label.len = value->len;
    label.data = (char *) value->data;

    if (!wh_sign_label_ok(label)) {
        return ngx_http_webhook_sign_invalid(ctx, NGX_HTTP_WEBHOOK_SIGN_LABEL,
                   value, "lower case letters, digits, \"_\", \"-\", \".\" "
                   "and \"*\", and begin with a letter or \"*\"");
    }

    other = sign->signatures.elts;

    for (i = 0; i < sign->signatures.nelts - 1; i++) {

        if (other[i].label.len == value->len
            && ngx_memcmp(other[i].label.data, value->data, value->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, ctx->cf, 0,
                               "duplicate label \"%V\" in \"sign http\", each "
                               "line must have a \"label=\" of its own",
                               value);
            return NGX_CONF_ERROR;
        }
    }

    s->label = *value;
    sign->http = 1;

    s->http.alg.data = s->algorithm == NGX_HTTP_WEBHOOK_SIGN_ED25519
                       ? "ed25519" : "hmac-sha256";
    s->http.alg.len = ngx_strlen(s->http.alg.data);

    rv = ngx_http_webhook_sign_string(ctx, NGX_HTTP_WEBHOOK_SIGN_KEYID,
                                      &s->http.keyid);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_sign_string(ctx, NGX_HTTP_WEBHOOK_SIGN_TAG,
                                      &s->http.tag);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = &ctx->values[NGX_HTTP_WEBHOOK_SIGN_EXPIRES];

    if (value->data) {
        s->expires = ngx_parse_time(value, 1);

        if (s->expires == NGX_ERROR || s->expires == 0
            || s->expires > NGX_HTTP_WEBHOOK_MAX_TIME / 1000)
        {
            return ngx_http_webhook_sign_invalid(ctx,
                       NGX_HTTP_WEBHOOK_SIGN_EXPIRES, value,
                       "a time of 1s to 3650d");
        }
    }

    s->nonce = ngx_http_webhook_sign_choice(ctx,
                                            NGX_HTTP_WEBHOOK_SIGN_NONCE_FLAG,
                                            ngx_http_webhook_sign_flags);

    if (ngx_http_webhook_sign_flags[s->nonce].len == 0) {
        return ngx_http_webhook_sign_invalid(ctx,
                   NGX_HTTP_WEBHOOK_SIGN_NONCE_FLAG,
                   &ctx->values[NGX_HTTP_WEBHOOK_SIGN_NONCE_FLAG],
                   "\"on\" or \"off\"");
    }

    rv = ngx_http_webhook_sign_digests(ctx);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_webhook_sign_list(ctx);
}


static char *
ngx_http_webhook_sign_string(ngx_http_webhook_sign_conf_ctx_t *ctx,
    ngx_http_webhook_sign_param_e param, wh_str_t *text)
{
    ngx_str_t  *value;

    value = &ctx->values[param];

    text->len = value->len;
    text->data = (char *) value->data;

    if (!wh_sign_string_ok(*text)) {
        return ngx_http_webhook_sign_invalid(ctx, param, value,
                                             "printable ASCII characters");
    }

    return NGX_CONF_OK;
}


/* the covered components */

static char *
ngx_http_webhook_sign_list(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    wh_str_t                      *c, name;
    ngx_str_t                      list, word;
    ngx_uint_t                     i;
    ngx_array_t                    components;
    ngx_http_webhook_signature_t  *s;

    s = ctx->s;

    list = ctx->values[NGX_HTTP_WEBHOOK_SIGN_COMPONENTS];

    if (list.data == NULL) {

        if (s->digests) {
            ngx_str_set(&list,
                        "@method,@target-uri,content-type,content-digest");

        } else {
            ngx_str_set(&list, "@method,@target-uri,content-type");
        }
    }

    if (ngx_array_init(&components, ctx->cf->pool, 4, sizeof(wh_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    do {
        word = ngx_http_webhook_sign_next_word(&list);

        name.len = word.len;
        name.data = (char *) word.data;

        if (ctx->values[NGX_HTTP_WEBHOOK_SIGN_COMPONENTS].data) {
            ngx_strlow(word.data, word.data, word.len);
        }

        if (!wh_sign_component_ok(name)
            || ngx_http_webhook_head_equal(&name, 9, "signature")
            || ngx_http_webhook_head_equal(&name, 15, "signature-input"))
        {
            return ngx_http_webhook_sign_invalid(ctx,
                       NGX_HTTP_WEBHOOK_SIGN_COMPONENTS, &word,
                       "\"@method\", \"@target-uri\", \"@authority\", "
                       "\"@scheme\", \"@request-target\", \"@path\", "
                       "\"@query\", or a header, with commas");
        }

        c = components.elts;

        for (i = 0; i < components.nelts; i++) {

            if (ngx_http_webhook_head_equal(&name, c[i].len, c[i].data)) {
                return ngx_http_webhook_sign_invalid(ctx,
                           NGX_HTTP_WEBHOOK_SIGN_COMPONENTS, &word,
                           "there once only");
            }
        }

        c = ngx_array_push(&components);
        if (c == NULL) {
            return NGX_CONF_ERROR;
        }

        *c = name;

    } while (list.data);

    s->http.components = components.elts;
    s->http.ncomponents = components.nelts;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_sign_digests(ngx_http_webhook_sign_conf_ctx_t *ctx)
{
    ngx_str_t   list, word;
    ngx_uint_t  bit;

    list = ctx->values[NGX_HTTP_WEBHOOK_SIGN_DIGEST];

    if (list.data == NULL) {
        ngx_str_set(&list, "sha-256");
    }

    if (list.len == 3 && ngx_memcmp(list.data, "off", 3) == 0) {
        return NGX_CONF_OK;
    }

    do {
        word = ngx_http_webhook_sign_next_word(&list);

        if (word.len == 7 && ngx_memcmp(word.data, "sha-256", 7) == 0) {
            bit = NGX_HTTP_WEBHOOK_SIGN_SHA256;

        } else if (word.len == 7 && ngx_memcmp(word.data, "sha-512", 7) == 0) {
            bit = NGX_HTTP_WEBHOOK_SIGN_SHA512;

        } else {
            return ngx_http_webhook_sign_invalid(ctx,
                       NGX_HTTP_WEBHOOK_SIGN_DIGEST, &word,
                       "\"off\", or \"sha-256\" and \"sha-512\" with a comma");
        }

        ctx->s->digests |= bit;

    } while (list.data);

    ctx->ep->sign->digests |= ctx->s->digests;

    return NGX_CONF_OK;
}


/* up to a comma; the list has no data when that was the last one */

static ngx_str_t
ngx_http_webhook_sign_next_word(ngx_str_t *list)
{
    u_char     *p;
    ngx_str_t   word;

    word = *list;

    p = ngx_strlchr(word.data, word.data + word.len, ',');

    if (p == NULL) {
        ngx_str_null(list);
        return word;
    }

    word.len = p - word.data;

    list->data = p + 1;
    list->len -= word.len + 1;

    return word;
}

#endif
