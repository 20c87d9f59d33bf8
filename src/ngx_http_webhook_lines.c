
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_lines.h"


ngx_http_webhook_line_t *
ngx_http_webhook_line_create(ngx_conf_t *cf)
{
    ngx_http_webhook_line_t  *line;

    line = ngx_palloc(cf->pool, sizeof(ngx_http_webhook_line_t));
    if (line == NULL) {
        return NULL;
    }

    line->nwords = cf->args->nelts;
    line->file = cf->conf_file->file.name;
    line->line = cf->conf_file->line;

    /* the words stay, the array of them is used again */

    line->words = ngx_palloc(cf->pool, line->nwords * sizeof(ngx_str_t));
    if (line->words == NULL) {
        return NULL;
    }

    ngx_memcpy(line->words, cf->args->elts, line->nwords * sizeof(ngx_str_t));

    return line;
}


ngx_http_webhook_line_t *
ngx_http_webhook_lines_add(ngx_conf_t *cf, ngx_array_t **lines)
{
    ngx_http_webhook_line_t  *line, **place;

    if (*lines == NULL) {
        *lines = ngx_array_create(cf->pool, 4, sizeof(void *));
        if (*lines == NULL) {
            return NULL;
        }
    }

    line = ngx_http_webhook_line_create(cf);
    place = ngx_array_push(*lines);

    if (line == NULL || place == NULL) {
        return NULL;
    }

    *place = line;

    return line;
}


ngx_int_t
ngx_http_webhook_line_mask(ngx_conf_t *cf, ngx_http_webhook_line_t *line,
    ngx_uint_t word, size_t shown)
{
    u_char     *p;
    ngx_str_t  *w;

    w = &line->words[word];

    p = ngx_pnalloc(cf->pool, shown + 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, w->data, shown);
    ngx_memcpy(p + shown, "***", 3);

    w->len = shown + 3;
    w->data = p;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_line_secret(ngx_conf_t *cf, ngx_http_webhook_line_t *line,
    ngx_uint_t word)
{
    u_char      c;
    size_t      i, last;
    ngx_str_t  *w;

    w = &line->words[word];
    i = 1;
    last = w->len;

    if (w->len > 3 && w->data[1] == '{' && w->data[w->len - 1] == '}') {
        i = 2;
        last = w->len - 1;
    }

    if (w->len < 2 || w->data[0] != '$') {
        last = 0;
    }

    for ( /* void */ ; i < last; i++) {
        c = w->data[i];

        if (c != '_' && (c < '0' || c > '9')
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z'))
        {
            break;
        }
    }

    if (last && i == last) {
        return NGX_OK;
    }

    return ngx_http_webhook_line_mask(cf, line, word, 0);
}
