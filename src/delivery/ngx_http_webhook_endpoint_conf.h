
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_ENDPOINT_CONF_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ENDPOINT_CONF_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "ngx_http_webhook_tls.h"


/* the last argument; those that are keys */

#define NGX_HTTP_WEBHOOK_SECRET_LAST  1
#define NGX_HTTP_WEBHOOK_SECRET_KEYS  2


/* a block that is looked up when all were read */

typedef struct {
    ngx_str_t                         name;
    ngx_str_t                         file;       /* where it was named */
    ngx_uint_t                        line;
} ngx_http_webhook_endpoint_ref_t;


/* an endpoint, and what is needed until the end of the configuration */

typedef struct {
    ngx_http_webhook_endpoint_t       endpoint;   /* must be first */
    ngx_http_webhook_endpoint_ref_t   payload;
    ngx_http_webhook_endpoint_ref_t   zone;
    ngx_url_t                         address;   /* of the url's host */
    int                               host_type;  /* WH_URL_... */
    ngx_http_webhook_tls_conf_t       tls;
    uint64_t                          seen;       /* directives, by index */
    ngx_str_t                         bad;        /* argument of the line */
} ngx_http_webhook_endpoint_conf_t;


typedef struct ngx_http_webhook_endpoint_cmd_s
    ngx_http_webhook_endpoint_cmd_t;

/*
 * Sets what the line in cf->args says.  Returns NGX_CONF_OK, NGX_CONF_ERROR
 * when it was logged, or what ec->bad must be: that is the first argument,
 * unless the handler sets another one.
 */
typedef char *(*ngx_http_webhook_endpoint_set_pt)(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);


struct ngx_http_webhook_endpoint_cmd_s {
    ngx_str_t                         name;
    ngx_uint_t                        min;        /* of arguments */
    ngx_uint_t                        max;        /* 0: no limit */
    ngx_http_webhook_endpoint_set_pt  set;
    size_t                            offset;
    unsigned                          repeat:1;
    unsigned                          secret:2;   /* among the arguments */
    char                             *preset;     /* NULL: see ..._preset() */
};


/* directive number "i" of those that there are; NULL: there are no more */
ngx_http_webhook_endpoint_cmd_t *ngx_http_webhook_endpoint_cmd(ngx_uint_t i);

/* handlers of headers and of what is sent in "Authorization" */
char *ngx_http_webhook_endpoint_header(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
char *ngx_http_webhook_endpoint_api_key(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
char *ngx_http_webhook_endpoint_basic(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
char *ngx_http_webhook_endpoint_bearer(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);

#if (NGX_HTTP_SSL)

/* handlers of TLS: what stands at cmd->offset, and the two that are special */
char *ngx_http_webhook_endpoint_str(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
char *ngx_http_webhook_endpoint_ssl_name(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);
char *ngx_http_webhook_endpoint_protocols(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_cmd_t *cmd,
    ngx_http_webhook_endpoint_conf_t *ec);

#endif

/* after the whole http {}: the upstream's configuration, and its peers */
char *ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);


#endif /* _NGX_HTTP_WEBHOOK_ENDPOINT_CONF_H_INCLUDED_ */
