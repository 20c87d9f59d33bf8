
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is captured beyond the backlog that an endpoint may have.
 */


#ifndef _NGX_HTTP_WEBHOOK_OVERFLOW_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_OVERFLOW_H_INCLUDED_


#include "ngx_http_webhook_lane.h"


/*
 * Deliveries of the lane that is driven, and usable, were captured: what is
 * too many ends.  NGX_OK, or NGX_DECLINED: no more of this lane now, which
 * may be gone.
 */
ngx_int_t ngx_http_webhook_overflow(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);


#endif /* _NGX_HTTP_WEBHOOK_OVERFLOW_H_INCLUDED_ */
