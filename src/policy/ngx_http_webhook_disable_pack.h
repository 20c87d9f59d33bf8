
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The state and the windows of an endpoint, or the window of a zone, on their
 * way into a store and back: see wh_kept.h for the record.
 */


#ifndef _NGX_HTTP_WEBHOOK_DISABLE_PACK_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DISABLE_PACK_H_INCLUDED_


#include "ngx_http_webhook_zone.h"

#include "wh_kept.h"


/* fills *k, which is valid as long as the windows are */
void ngx_http_webhook_disable_pack(ngx_http_webhook_endpoint_t *ep,
    wh_kept_t *k);
void ngx_http_webhook_disable_pack_zone(ngx_http_webhook_zone_t *zone,
    wh_kept_t *k);

/*
 * Takes over what counts failures, and the state if there was none; for the
 * master, when nobody counts yet.  Lines that are not in the record are left
 * as they are.
 */
void ngx_http_webhook_disable_unpack(ngx_http_webhook_endpoint_t *ep,
    const wh_kept_t *k);
void ngx_http_webhook_disable_unpack_zone(ngx_http_webhook_zone_t *zone,
    const wh_kept_t *k);

/* a counter that others raise, too, is at least "n" afterwards */
void ngx_http_webhook_disable_raise(ngx_atomic_t *counter, uint64_t n);

/*
 * Takes over a state that is newer than the one in shared memory, whoever uses
 * that.  NGX_OK: the endpoint's state is another one by that (logged);
 * NGX_DECLINED: it is not.
 */
ngx_int_t ngx_http_webhook_disable_adopt(ngx_http_webhook_endpoint_t *ep,
    const wh_kept_t *k, ngx_log_t *log);


#endif /* _NGX_HTTP_WEBHOOK_DISABLE_PACK_H_INCLUDED_ */
