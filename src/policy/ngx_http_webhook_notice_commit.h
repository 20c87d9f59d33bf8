
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A notice on its way into the store; private to notices.
 */


#ifndef _NGX_HTTP_WEBHOOK_NOTICE_COMMIT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_NOTICE_COMMIT_H_INCLUDED_


#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_notice.h"
#include "ngx_http_webhook_notify.h"
#include "ngx_http_webhook_random.h"
#include "wh_id.h"
#include "wh_notice.h"


typedef struct {
    ngx_queue_t                    queue;
    wh_notice_e                    kind;
    ngx_http_webhook_endpoint_t   *endpoint;   /* NULL: it is a sum */
    wh_change_t                    change;
    uint64_t                       trip;       /* ms, of its zone; 0: no */
    uint64_t                       time;       /* ms since the epoch */
    ngx_uint_t                     mail;       /* of a sum: to whom */
    uint64_t                       count;      /* and of how many */
    uint64_t                       full;
    ngx_uint_t                     tries;
    u_char                         id[36];
} ngx_http_webhook_notice_t;


/*
 * NGX_OK: all that are to be told will be, or were before; NGX_DECLINED: the
 * store is full, again later; NGX_AGAIN: another worker may be telling of the
 * same transition, again in a moment; NGX_ERROR: it is not to be (logged).
 */
ngx_int_t ngx_http_webhook_notice_commit(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n);

/* how many a sum is of; these were told, and are not in the next one */
uint64_t ngx_http_webhook_notice_count(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n);
void ngx_http_webhook_notice_counted(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notice_t *n);

/* true, and the state, if the endpoint is disabled by that zone's window */
ngx_uint_t ngx_http_webhook_notice_by_zone(ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_zone_t *zone, wh_state_t *s);


#endif /* _NGX_HTTP_WEBHOOK_NOTICE_COMMIT_H_INCLUDED_ */
