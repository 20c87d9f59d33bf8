
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Drives the lanes that this worker owns.
 */


#ifndef _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_lane.h"


ngx_int_t ngx_http_webhook_delivery_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* what an endpoint's policy shares, once the endpoint has its counters */
void ngx_http_webhook_delivery_attach(ngx_http_webhook_endpoint_t *ep);

/* an endpoint was enabled or disabled: all workers look at it at once */
void ngx_http_webhook_delivery_changed(ngx_http_webhook_main_conf_t *wmcf);


/*
 * Starts an attempt that is of no delivery.  Its handler takes it out of a
 * queue, by "queue".
 */
void ngx_http_webhook_delivery_alone(ngx_http_webhook_attempt_t *a);


/* without an attempt, in a turn */
#define NGX_HTTP_WEBHOOK_DRIVE_ENDS  64

/*
 * The delivery ends, and is counted; the name of the end, or NULL: it was
 * taken over, it may be that its lane is gone.
 */
char *ngx_http_webhook_delivery_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_item_t *item, wh_end_e end);


/* for the store: how its lanes are driven */
extern ngx_http_webhook_driver_t  ngx_http_webhook_delivery_driver;


#endif /* _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_ */
