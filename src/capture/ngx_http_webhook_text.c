
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Texts with variables.  A complex value of nginx goes over its variables
 * twice, for lengths and for values, and does not tell if one is missing.
 */


#include "ngx_http_webhook_condition.h"


#define ngx_http_webhook_text_name_char(c)                                    \
    (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z')                 \
     || ((c) >= '0' && (c) <= '9') || (c) == '_')


static ngx_int_t ngx_http_webhook_text_variable(ngx_conf_t *cf,
    ngx_http_webhook_text_t *t, ngx_str_t *word, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_text_part(ngx_http_request_t *r,
    ngx_http_webhook_text_part_t *part, ngx_str_t *text);


ngx_int_t
ngx_http_webhook_text_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_webhook_text_t *t)
{
    u_char                        *p, *last;
    ngx_str_t                      word, name;
    ngx_uint_t                     braces;
    ngx_http_webhook_text_part_t  *part;

    t->nvariables = 0;

    if (ngx_array_init(&t->parts, cf->pool, 2,
                       sizeof(ngx_http_webhook_text_part_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = value->data;
    last = p + value->len;

    while (p < last) {
        word.data = p++;

        if (*word.data != '$' || (p < last && *p == '$')) {

            /* of "$$" the second one is left */

            if (*word.data == '$') {
                word.data = p++;
            }

            while (p < last && *p != '$') {
                p++;
            }

            part = ngx_array_push(&t->parts);
            if (part == NULL) {
                return NGX_ERROR;
            }

            part->index = NGX_ERROR;
            part->text.len = p - word.data;
            part->text.data = word.data;

            continue;
        }

        braces = (p < last && *p == '{');
        p += braces;

        name.data = p;

        while (p < last && ngx_http_webhook_text_name_char(*p)) {
            p++;
        }

        name.len = p - name.data;

        if (braces) {

            if (p == last || *p != '}') {
                name.len = 0;

            } else {
                p++;
            }
        }

        word.len = p - word.data;

        if (ngx_http_webhook_text_variable(cf, t, &word, &name) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_text_variable(ngx_conf_t *cf, ngx_http_webhook_text_t *t,
    ngx_str_t *word, ngx_str_t *name)
{
    ngx_http_webhook_text_part_t  *part;

    if (name->len == 0 || (name->data[0] >= '0' && name->data[0] <= '9')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable \"%V\", it must be like "
                           "\"$name\" or \"${name}\"; a dollar is \"$$\"",
                           word);
        return NGX_ERROR;
    }

    part = ngx_array_push(&t->parts);
    if (part == NULL) {
        return NGX_ERROR;
    }

    part->index = ngx_http_get_variable_index(cf, name);
    part->text = *name;

    if (part->index == NGX_ERROR) {
        return NGX_ERROR;
    }

    t->nvariables++;

    return ngx_http_webhook_reference(cf, name, NULL);
}


ngx_int_t
ngx_http_webhook_text_get(ngx_http_request_t *r, ngx_http_webhook_text_t *t,
    ngx_str_t *text)
{
    u_char                        *p;
    ngx_str_t                     *words;
    ngx_int_t                      rc;
    ngx_uint_t                     i, n;
    ngx_http_webhook_text_part_t  *part;

    ngx_str_set(text, "");

    part = t->parts.elts;
    n = t->parts.nelts;

    if (n == 0) {
        return NGX_OK;
    }

    if (n == 1) {
        return ngx_http_webhook_text_part(r, part, text);
    }

    words = ngx_palloc(r->pool, n * sizeof(ngx_str_t));
    if (words == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (i = 0; i < n; i++) {

        if (ngx_http_webhook_text_part(r, &part[i], &words[i]) != NGX_OK) {
            rc = NGX_DECLINED;
        }

        text->len += words[i].len;
    }

    p = ngx_pnalloc(r->pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < n; i++) {
        p = ngx_cpymem(p, words[i].data, words[i].len);
    }

    return rc;
}


static ngx_int_t
ngx_http_webhook_text_part(ngx_http_request_t *r,
    ngx_http_webhook_text_part_t *part, ngx_str_t *text)
{
    ngx_http_variable_value_t  *vv;

    if (part->index == NGX_ERROR) {
        *text = part->text;
        return NGX_OK;
    }

    ngx_str_set(text, "");

    vv = ngx_http_get_flushed_variable(r, part->index);

    if (vv == NULL || vv->not_found) {
        return NGX_DECLINED;
    }

    if (vv->len) {
        text->len = vv->len;
        text->data = vv->data;
    }

    return NGX_OK;
}
