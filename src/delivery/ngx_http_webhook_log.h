
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The log of attempts.  It is written by nginx's own ngx_http_log_module, so
 * that formats, conditions, buffers, syslog and names of files are those of
 * "access_log": of that module nothing is used but its table of directives,
 * the functions that make its configuration, and the handler that it puts
 * into the log phase.  Its structures stay its own.
 */


#ifndef _NGX_HTTP_WEBHOOK_LOG_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LOG_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"


/* "webhook_log PATH [FORMAT] [parameters]"; takes the main configuration */
char *ngx_http_webhook_log_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* postconfiguration, after endpoints have their synthetic requests */
ngx_int_t ngx_http_webhook_log_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* in the handler of an attempt, once a->end is known */
void ngx_http_webhook_log_attempt(ngx_http_webhook_attempt_t *a);

/* $webhook_endpoint, $webhook_class, ...; preconfiguration */
ngx_int_t ngx_http_webhook_log_variables_add(ngx_conf_t *cf);

/* values of attempts; the first ones have names that clients have, too */

typedef enum {
    NGX_HTTP_WEBHOOK_LOG_EVENT = 0,
    NGX_HTTP_WEBHOOK_LOG_ID,
    NGX_HTTP_WEBHOOK_LOG_ATTEMPT,
    NGX_HTTP_WEBHOOK_LOG_RETRY,
    NGX_HTTP_WEBHOOK_LOG_TIME,
    NGX_HTTP_WEBHOOK_LOG_ENDPOINT,
    NGX_HTTP_WEBHOOK_LOG_CLASS,
    NGX_HTTP_WEBHOOK_LOG_END,
    NGX_HTTP_WEBHOOK_LOG_METHOD,
    NGX_HTTP_WEBHOOK_LOG_URL,
    NGX_HTTP_WEBHOOK_LOG_PEER,
    NGX_HTTP_WEBHOOK_LOG_STATUS,
    NGX_HTTP_WEBHOOK_LOG_WORKER,
    NGX_HTTP_WEBHOOK_LOG_REUSED,
    NGX_HTTP_WEBHOOK_LOG_SENT,
    NGX_HTTP_WEBHOOK_LOG_RECEIVED,
    NGX_HTTP_WEBHOOK_LOG_DURATION,
    NGX_HTTP_WEBHOOK_LOG_DNS,
    NGX_HTTP_WEBHOOK_LOG_CONNECT,
    NGX_HTTP_WEBHOOK_LOG_TLS,
    NGX_HTTP_WEBHOOK_LOG_HEADER,
    NGX_HTTP_WEBHOOK_LOG_LATENCY
} ngx_http_webhook_log_e;

/* a variable's handler, "data" is one of these; none for clients' requests */
ngx_int_t ngx_http_webhook_log_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#endif /* _NGX_HTTP_WEBHOOK_LOG_H_INCLUDED_ */
