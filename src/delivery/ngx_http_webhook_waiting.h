
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lanes of this worker that wait for something that does not come by time
 * alone: a socket or a permit, their endpoint to be enabled, its rate.
 */


#ifndef _NGX_HTTP_WEBHOOK_WAITING_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_WAITING_H_INCLUDED_


#include "ngx_http_webhook_lane.h"
#include "wh_sched.h"


#define NGX_HTTP_WEBHOOK_MARGIN  2000      /* ms behind an attempt's timeout */


ngx_int_t ngx_http_webhook_waiting_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* for a socket, or memory */
void ngx_http_webhook_waiting_room(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);

/* true: some of slow endpoints do, or have done so a moment ago */
ngx_uint_t ngx_http_webhook_waiting_slow(ngx_http_webhook_main_conf_t *wmcf);

/* for a permit of its endpoint; one was given back, the first one is ready */
void ngx_http_webhook_waiting_permit(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
void ngx_http_webhook_waiting_granted(ngx_http_webhook_store_t *st,
    ngx_http_webhook_endpoint_t *ep);

/* for its endpoint, in the state "s"; a probe is sent if one is due */
void ngx_http_webhook_waiting_enabled(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, wh_state_t *s, uint64_t now);

/* for its endpoint's rate, "when" in ms since the epoch; others come first */
void ngx_http_webhook_waiting_rate(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane, uint64_t when);
ngx_uint_t ngx_http_webhook_waiting_paced(ngx_http_webhook_lane_t *lane);

/* it waits no more */
void ngx_http_webhook_waiting_forget(ngx_http_webhook_lane_t *lane);

/* a socket may be free, or some endpoint enabled, by whomsoever */
void ngx_http_webhook_waiting_wake(ngx_http_webhook_store_t *st);

/* the same, and another worker may have given permits back */
void ngx_http_webhook_waiting_others(ngx_http_webhook_store_t *st);

/* transitions of all endpoints so far */
ngx_uint_t ngx_http_webhook_waiting_generation(
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_WAITING_H_INCLUDED_ */
