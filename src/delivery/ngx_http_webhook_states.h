
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


/* master: what the zones do not know yet comes out of the store */
ngx_int_t ngx_http_webhook_states_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

ngx_int_t ngx_http_webhook_states_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/* what the store does not have is written, now, or within half a second */
void ngx_http_webhook_states_save(ngx_http_webhook_main_conf_t *wmcf);
void ngx_http_webhook_states_later(ngx_http_webhook_main_conf_t *wmcf);

/* for the store: see ngx_http_webhook_driver_t */
void ngx_http_webhook_states_stored(void *data, u_char type,
    uint64_t number, ngx_int_t rc);


#endif /* _NGX_HTTP_WEBHOOK_STATES_H_INCLUDED_ */
