
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_API_KEY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_KEY_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/*
 * The line "api_key query NAME VALUE" or "api_key field NAME VALUE": adds to
 * ep->keys.  Errors are logged.
 */
char *ngx_http_webhook_api_key(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep);


#endif /* _NGX_HTTP_WEBHOOK_API_KEY_H_INCLUDED_ */
