
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * JSON over HTTP, for operators.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_H_INCLUDED_


#include "ngx_http_webhook_module.h"


/* "webhook_api [write=on];" */
char *ngx_http_webhook_api_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_WEBHOOK_API_H_INCLUDED_ */
