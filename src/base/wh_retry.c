
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_retry.h"


wh_retry_e
wh_retry_next(const wh_retry_t *r, uint32_t attempts, uint64_t first,
    uint64_t planned, uint64_t *next)
{
    uint64_t  delay;

    if (attempts == 0 || attempts > r->n) {
        return WH_RETRY_DEAD;
    }

    delay = r->delays[attempts - 1];

    if (delay > UINT64_MAX - planned) {
        return WH_RETRY_EXPIRED;
    }

    *next = planned + delay;

    if (r->expire && *next > first && *next - first > r->expire) {
        return WH_RETRY_EXPIRED;
    }

    return WH_RETRY_AGAIN;
}
