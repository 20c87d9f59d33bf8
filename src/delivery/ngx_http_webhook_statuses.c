
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_endpoint.h"


static ngx_int_t ngx_http_webhook_statuses_add(u_char *p, size_t n,
    ngx_http_webhook_statuses_t *s);


ngx_int_t
ngx_http_webhook_statuses_parse(ngx_str_t *value,
    ngx_http_webhook_statuses_t *s, ngx_str_t *bad)
{
    u_char  *p, *last, *comma;

    ngx_memzero(s, sizeof(ngx_http_webhook_statuses_t));

    if (value->len == 3 && ngx_strncmp(value->data, "any", 3) == 0) {
        return ngx_http_webhook_statuses_add((u_char *) "100-599", 7, s);
    }

    p = value->data;
    last = p + value->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');

        if (comma == NULL) {
            comma = last;
        }

        if (ngx_http_webhook_statuses_add(p, comma - p, s) != NGX_OK) {
            bad->data = p;
            bad->len = comma - p;

            return NGX_ERROR;
        }

        if (comma == last) {
            return NGX_OK;
        }

        p = comma + 1;
    }
}


static ngx_int_t
ngx_http_webhook_statuses_add(u_char *p, size_t n,
    ngx_http_webhook_statuses_t *s)
{
    ngx_int_t  from, to;

    if (n == 3 && p[1] == 'x' && p[2] == 'x' && p[0] >= '1' && p[0] <= '5') {
        from = (p[0] - '0') * 100;
        to = from + 99;

    } else if (n == 3) {
        from = ngx_atoi(p, 3);
        to = from;

    } else if (n == 7 && p[3] == '-') {
        from = ngx_atoi(p, 3);
        to = ngx_atoi(p + 4, 3);

    } else {
        return NGX_ERROR;
    }

    if (from < 100 || to > 599 || from > to) {
        return NGX_ERROR;
    }

    for ( /* void */ ; from <= to; from++) {
        s->bits[(from - 100) / 8] |= 1 << ((from - 100) % 8);
    }

    return NGX_OK;
}
