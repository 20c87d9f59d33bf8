
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Values that an operator may keep outside of the configuration.
 */


#ifndef _NGX_HTTP_WEBHOOK_SECRET_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SECRET_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/*
 * A literal, "file:PATH" (without its last line end) or "env:NAME", fit for
 * a header; errors are logged.
 */
ngx_int_t ngx_http_webhook_secret(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *secret);

/* the same, or something with variables: sets h->text, or h->literal */
char *ngx_http_webhook_secret_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_webhook_header_t *h);


#endif /* _NGX_HTTP_WEBHOOK_SECRET_H_INCLUDED_ */
