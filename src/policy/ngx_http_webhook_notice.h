
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Notices to operators, as deliveries for the endpoints and recipients of
 * "webhook_notify".  Of a transition the worker that has made it tells; what
 * it was killed before, is made up for.  All of this does nothing where there
 * is no "webhook_notify".
 */


#ifndef _NGX_HTTP_WEBHOOK_NOTICE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_NOTICE_H_INCLUDED_


#include "ngx_http_webhook_zone.h"


ngx_int_t ngx_http_webhook_notice_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* a transition was made by this process; told of in this turn of the loop */
void ngx_http_webhook_notice_changed(ngx_http_webhook_endpoint_t *ep,
    wh_change_t *change);

/* an attempt has failed, that of the event "id": it is remembered */
void ngx_http_webhook_notice_failed(ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t class, ngx_uint_t status, ngx_str_t *id, uint64_t now);

/* a probe has failed; told once a minute */
void ngx_http_webhook_notice_probe(ngx_http_webhook_endpoint_t *ep,
    uint64_t now);

/* a delivery is dead; the store had no room for an event: both summed up */
void ngx_http_webhook_notice_dead(ngx_http_webhook_endpoint_t *ep);
void ngx_http_webhook_notice_full(ngx_http_webhook_main_conf_t *wmcf);

/* soon: is there a state that nobody was told of? */
void ngx_http_webhook_notice_check(ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_NOTICE_H_INCLUDED_ */
