
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_store.h"


#define NGX_HTTP_WEBHOOK_RATE_MAX   1000000
#define NGX_HTTP_WEBHOOK_BURST_MAX  1000000
#define NGX_HTTP_WEBHOOK_BACKLOG    4000000000LL


typedef struct {
    ngx_str_t   name;
    uint64_t    ms;
} ngx_http_webhook_flow_unit_t;


static ngx_http_webhook_flow_unit_t  ngx_http_webhook_flow_units[] = {
    { ngx_string("r/s"), 1000 },
    { ngx_string("r/m"), 60 * 1000 },
    { ngx_string("r/h"), 3600 * 1000 },
    { ngx_string("r/d"), 86400 * 1000 },
    { ngx_null_string, 0 }
};


/* in the order of wh_overflow_e */

static char  *ngx_http_webhook_flow_overflows[] = {
    "dead",
    "drop_oldest",
    "drop_newest",
    "reject",
    NULL
};


char *
ngx_http_webhook_flow_rate(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_int_t                      n, burst;
    ngx_str_t                     *value;
    ngx_http_webhook_flow_unit_t  *unit;

    value = cf->args->elts;
    *bad = &value[1];

    for (unit = ngx_http_webhook_flow_units; unit->name.len; unit++) {

        if (value[1].len > unit->name.len
            && ngx_strcmp(value[1].data + value[1].len - unit->name.len,
                          unit->name.data)
               == 0)
        {
            break;
        }
    }

    n = unit->name.len ? ngx_atoi(value[1].data,
                                  value[1].len - unit->name.len)
                       : NGX_ERROR;

    if (n < 1 || n > NGX_HTTP_WEBHOOK_RATE_MAX) {
        return "a number of 1 to 1000000 with \"r/s\", \"r/m\", \"r/h\" or "
               "\"r/d\"";
    }

    burst = 0;

    if (cf->args->nelts == 3) {
        *bad = &value[2];

        burst = (ngx_strncmp(value[2].data, "burst=", 6) == 0)
                ? ngx_atoi(value[2].data + 6, value[2].len - 6) : NGX_ERROR;

        if (burst < 1 || burst > NGX_HTTP_WEBHOOK_BURST_MAX) {
            return "\"burst=N\" with a number of 1 to 1000000";
        }
    }

    wh_rate_init(&ep->policy.rate, (uint32_t) n, unit->ms, (uint32_t) burst);

    return NULL;
}


char *
ngx_http_webhook_flow_quota(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_str_t  *value;

    value = cf->args->elts;
    *bad = &value[1];

    return ngx_http_webhook_flow_parse_quota(&value[1], &ep->policy.quota)
           == NGX_OK
           ? NULL : "\"N/TIME\" with a number of 1 to 4000000 and a time "
                    "above 0, at most 3650d";
}


char *
ngx_http_webhook_flow_backlog(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    off_t        n;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;
    *bad = &value[1];

    /* a number of deliveries, or with a unit the octets of them */

    n = ngx_atoof(value[1].data, value[1].len);

    if (n != NGX_ERROR) {
        ep->backlog.most.events = n;

    } else {
        n = ngx_parse_offset(&value[1]);
        ep->backlog.most.octets = n;
    }

    if (n < 1 || (ep->backlog.most.events > NGX_HTTP_WEBHOOK_BACKLOG)) {
        return "a number of deliveries of 1 to 4000000000, or a size such as "
               "\"64k\", \"100m\" or \"2g\"";
    }

    if (cf->args->nelts == 2) {
        return NULL;
    }

    *bad = &value[2];

    if (ngx_strncmp(value[2].data, "overflow=", 9) == 0) {

        for (i = 0; ngx_http_webhook_flow_overflows[i]; i++) {

            if (ngx_strcmp(value[2].data + 9,
                           ngx_http_webhook_flow_overflows[i])
                == 0)
            {
                ep->backlog.overflow = (wh_overflow_e) i;
                return NULL;
            }
        }
    }

    return "\"overflow=dead\", \"overflow=drop_oldest\", "
           "\"overflow=drop_newest\" or \"overflow=reject\"";
}


void
ngx_http_webhook_flow_init_conf(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i;
    wh_limits_t                   *backlog;
    ngx_http_webhook_endpoint_t  **ep;

    ep = wmcf->endpoints.elts;

    for (i = 0; wmcf->store && i < wmcf->endpoints.nelts; i++) {
        backlog = &ep[i]->backlog;

        if (backlog->most.events == 0 && backlog->most.octets == 0) {
            backlog->most.octets = (int64_t)
                              ngx_http_webhook_store_capacity(wmcf->store) / 10;
        }
    }
}


char *
ngx_http_webhook_flow_overflow(wh_overflow_e overflow)
{
    return ngx_http_webhook_flow_overflows[overflow];
}


ngx_int_t
ngx_http_webhook_flow_parse_quota(ngx_str_t *value, wh_quota_t *quota)
{
    u_char     *slash, *last;
    ngx_int_t   n, ms;
    ngx_str_t   time;

    last = value->data + value->len;
    slash = ngx_strlchr(value->data, last, '/');

    if (slash == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, slash - value->data);

    time.data = slash + 1;
    time.len = last - time.data;

    ms = ngx_parse_time(&time, 0);

    if (n < 1 || n > WH_QUOTA_MAX || ms == NGX_ERROR || ms == 0
        || ms > NGX_HTTP_WEBHOOK_MAX_TIME)
    {
        return NGX_ERROR;
    }

    quota->n = (uint32_t) n;
    quota->time = ms;

    return NGX_OK;
}
