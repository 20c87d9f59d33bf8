
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Metrics for Prometheus.
 */


#ifndef _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_


#include "ngx_http_webhook_module.h"
#include "wh_metric.h"


/* where in all of it one is; zeroed at the beginning */

typedef struct {
    ngx_http_webhook_main_conf_t  *main;
    ngx_uint_t                     openmetrics;
    ngx_uint_t                     family;
    ngx_uint_t                     index;    /* of an endpoint or a zone */
    void                          *next;     /* of an event */
    unsigned                       headed:1; /* the family has its head */
} ngx_http_webhook_metrics_t;


/* octets of the largest piece */
#define NGX_HTTP_WEBHOOK_METRICS_PIECE  (16 * 1024)


/* "webhook_metrics" of a location */
char *ngx_http_webhook_metrics_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * Appends the next piece, of at most ..._PIECE octets: a head, or all that a
 * family has of one endpoint, zone or event.  NGX_OK; NGX_DONE: that was all.
 */
ngx_int_t ngx_http_webhook_metrics_put(ngx_http_webhook_metrics_t *m,
    wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_ */
