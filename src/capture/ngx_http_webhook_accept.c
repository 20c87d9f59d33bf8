
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_accept;": applications post events themselves.
 */


#include "ngx_http_webhook_batch.h"


static ngx_int_t ngx_http_webhook_accept_handler(ngx_http_request_t *r);


char *
ngx_http_webhook_accept_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (wlcf->accept) {
        return "is duplicate";
    }

    wlcf->accept = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_webhook_accept_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_accept_handler(ngx_http_request_t *r)
{
    return NGX_HTTP_NOT_IMPLEMENTED;
}
