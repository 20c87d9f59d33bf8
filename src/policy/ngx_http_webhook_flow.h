
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * How often, and how much: rates and backlogs of endpoints, quotas of
 * endpoints and zones.
 */


#ifndef _NGX_HTTP_WEBHOOK_FLOW_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_FLOW_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


/*
 * Directives of an endpoint: NULL, or what is allowed instead of *bad, which
 * is set.
 */
char *ngx_http_webhook_flow_rate(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);
char *ngx_http_webhook_flow_quota(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);
char *ngx_http_webhook_flow_backlog(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);

/*
 * A tenth of the store, for endpoints that say nothing.  Not in workers: they
 * do not write to all endpoints, whose memory is that of the master.
 */
void ngx_http_webhook_flow_init_conf(ngx_http_webhook_main_conf_t *wmcf);

/* the word behind "overflow=" */
char *ngx_http_webhook_flow_overflow(wh_overflow_e overflow);

/* "N/TIME"; NGX_ERROR: it is none */
ngx_int_t ngx_http_webhook_flow_parse_quota(ngx_str_t *value,
    wh_quota_t *quota);


#endif /* _NGX_HTTP_WEBHOOK_FLOW_H_INCLUDED_ */
