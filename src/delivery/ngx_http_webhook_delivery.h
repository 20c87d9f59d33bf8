
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Drives the lanes that this worker owns.
 */


#ifndef _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_


#include "ngx_http_webhook_lane.h"


ngx_int_t ngx_http_webhook_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* sends what may be sent of a lane; called whenever it may have changed */
void ngx_http_webhook_delivery_drive(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/* a lane goes away: its timer and its place in a waiting list, too */
void ngx_http_webhook_delivery_forget(ngx_http_webhook_lane_t *lane);

/* another worker gave a permit back, or this one was woken */
void ngx_http_webhook_delivery_wake(ngx_http_webhook_store_t *st);

/* a stopped or dead worker's permits are void */
void ngx_http_webhook_delivery_void(ngx_http_webhook_store_t *st,
    unsigned slot);


#endif /* _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_ */
