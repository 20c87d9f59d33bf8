
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * How long the module takes: commits, and its own turns of the event loop.
 */


#ifndef _NGX_HTTP_WEBHOOK_METER_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_METER_H_INCLUDED_


#include "ngx_http_webhook_zone.h"


/* monotonic, in ns */

static ngx_inline uint64_t
ngx_http_webhook_meter_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/*
 * Something of the module's own has held the event loop from "since" to now.
 * Calls may be nested, the longest counts.
 */

static ngx_inline void
ngx_http_webhook_meter_held(ngx_http_webhook_main_conf_t *wmcf, uint64_t since)
{
    if (wmcf->meter) {
        wh_hist_max(&wmcf->meter->stall,
                    ngx_http_webhook_meter_now() - since);
    }
}


/* a commit was asked for then, and is made now */

static ngx_inline void
ngx_http_webhook_meter_committed(ngx_http_webhook_main_conf_t *wmcf,
    uint64_t since)
{
    if (wmcf->meter) {
        wh_hist_add(&wmcf->meter->commits, &wh_hist_commits,
                    ngx_http_webhook_meter_now() - since);
    }
}


#endif /* _NGX_HTTP_WEBHOOK_METER_H_INCLUDED_ */
