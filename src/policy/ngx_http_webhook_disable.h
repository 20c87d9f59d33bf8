
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Which endpoints are disabled, and since when: what attempts come to is
 * counted, and an operator has the last word.
 */


#ifndef _NGX_HTTP_WEBHOOK_DISABLE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DISABLE_H_INCLUDED_


#include "ngx_http_webhook_zone.h"




/* "N/TIME" into limit->n, limit->time; NGX_ERROR: it is none */
ngx_int_t ngx_http_webhook_disable_rate(ngx_str_t *value,
    wh_limit_t *limit);

/*
 * Directives of an endpoint: NULL, or what is allowed instead of *bad, which
 * is set.
 */
char *ngx_http_webhook_disable_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);
char *ngx_http_webhook_disable_while(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);
char *ngx_http_webhook_disable_probe(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad);

/*
 * The endpoint's state as of "now" (ms since the epoch): a ban that is over
 * has ended.  No lock, no system call.
 */
void ngx_http_webhook_disable_state(ngx_http_webhook_endpoint_t *ep,
    uint64_t now, wh_state_t *s);

/* what has become of an attempt; transitions that follow are logged */
void ngx_http_webhook_disable_report(ngx_http_webhook_endpoint_t *ep,
    wh_outcome_t *outcome, uint64_t now, wh_report_t *r);

/* a transition was made: it is logged, and others are to see it */
void ngx_http_webhook_disable_changed(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change);

/* operators' commands: NGX_OK, or NGX_DECLINED: it was so already */
ngx_int_t ngx_http_webhook_disable_by_operator(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);
ngx_int_t ngx_http_webhook_enable_by_operator(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);

/* likewise; NGX_ABORT: it is disabled, and cannot be paused */
ngx_int_t ngx_http_webhook_pause_by_operator(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);
ngx_int_t ngx_http_webhook_resume_by_operator(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);

/* true when the store has the endpoint's state and its windows */
ngx_uint_t ngx_http_webhook_disable_stored(ngx_http_webhook_endpoint_t *ep);

/* true when the store has its state, whatever was counted since */
ngx_uint_t ngx_http_webhook_disable_state_stored(
    ngx_http_webhook_endpoint_t *ep);

/* "window", "operator" and so on; "enabled" */
char *ngx_http_webhook_disable_reason(wh_state_e reason);


#endif /* _NGX_HTTP_WEBHOOK_DISABLE_H_INCLUDED_ */
