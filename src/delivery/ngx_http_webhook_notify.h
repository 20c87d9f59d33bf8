
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_notify": who is told when endpoints are disabled, and the like.
 */


#ifndef _NGX_HTTP_WEBHOOK_NOTIFY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_NOTIFY_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


struct ngx_http_webhook_notify_s {
    ngx_array_t   lines;
    ngx_array_t   targets;       /* ..._endpoint_t *, recipients of mail, too */
    uint64_t      summary[2];    /* ms, for endpoints, and for mail */
};


char *ngx_http_webhook_notify_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* after all endpoints are known: those of mail are added to them */
char *ngx_http_webhook_notify_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_NOTIFY_H_INCLUDED_ */
