
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * States and windows on their way into the store, and back at a start.  The
 * zone is what counts while nginx runs; a transition is written right after
 * it was made, failures at most half a second later.
 */


#ifndef _NGX_HTTP_WEBHOOK_STATES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_STATES_H_INCLUDED_


#include "ngx_http_webhook_module.h"


/*
 * Master: windows find their places in the zones; what the zones do not know
 * yet, or is newer in the store, comes out of that.
 */
ngx_int_t ngx_http_webhook_states_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

ngx_int_t ngx_http_webhook_states_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* the endpoint has changed in this process: that is written soon */
void ngx_http_webhook_states_later(ngx_http_webhook_endpoint_t *ep);

/* all such endpoints are written now */
void ngx_http_webhook_states_save(ngx_http_webhook_main_conf_t *wmcf);

/*
 * A process has ended, perhaps before it could store what it has changed, or
 * this one is about to: all endpoints are looked at, a slice in a turn.
 */
void ngx_http_webhook_states_check(ngx_http_webhook_main_conf_t *wmcf);

/*
 * Waits until it was tried to write the endpoint's state as it is now, at most
 * a second.  NGX_OK: the store has it; NGX_AGAIN: the handler is called once,
 * never before this returns, unless "pool" goes away; NGX_ERROR: no memory.
 * The handler's rc is NGX_OK, or NGX_ABORT: the store had a newer state, which
 * is the endpoint's now.
 */
typedef void (*ngx_http_webhook_states_pt)(void *data, ngx_int_t rc);

ngx_int_t ngx_http_webhook_states_wait(ngx_http_webhook_endpoint_t *ep,
    ngx_pool_t *pool, ngx_http_webhook_states_pt handler, void *data);

/* for the store: see ngx_http_webhook_driver_t */
void ngx_http_webhook_states_stored(void *data, u_char type,
    uint64_t number, ngx_int_t rc, ngx_str_t *newer);


#endif /* _NGX_HTTP_WEBHOOK_STATES_H_INCLUDED_ */
