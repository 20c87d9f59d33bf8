
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The document of the API, in the form of OpenAPI.
 */


#include "ngx_http_webhook_api.h"


/* openapi.json, of which "config.make" makes numbers */

static u_char  ngx_http_webhook_api_json[] = {
#include "ngx_http_webhook_openapi.h"
};


ngx_int_t
ngx_http_webhook_api_openapi(ngx_http_webhook_api_t *api)
{
    u_char              *p;
    size_t               len;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = api->request;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 0;

    p = ngx_pnalloc(r->pool, NGX_INT32_LEN + 2);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* an answer ends by a line feed of its own */

    len = sizeof(ngx_http_webhook_api_json) - 1;

    h->hash = 1;
    ngx_str_set(&h->key, "ETag");
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "\"%08xD\"",
                           ngx_crc32_long(ngx_http_webhook_api_json, len))
                   - p;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    r->headers_out.etag = h;

    (void) wh_buf_put(&api->out, (char *) ngx_http_webhook_api_json, len);

    return api->out.err ? NGX_HTTP_INTERNAL_SERVER_ERROR
                        : ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}
