
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_random.h"

#if (NGX_OPENSSL)
#include <openssl/rand.h>
#endif


#define NGX_HTTP_WEBHOOK_RANDOM_POOL  4096


/*
 * A stock of octets in the worker, since asking OpenSSL for a few costs as
 * much as asking for many.
 */

struct ngx_http_webhook_random_s {
    size_t       left;
    u_char       octets[NGX_HTTP_WEBHOOK_RANDOM_POOL];
};


static ngx_int_t ngx_http_webhook_random_fill(ngx_http_webhook_random_t *rnd);


void
ngx_http_webhook_random(ngx_http_webhook_worker_t *worker, u_char *p,
    size_t n)
{
    size_t                      len;
    ngx_http_webhook_random_t  *rnd;

    rnd = worker ? worker->random : NULL;

    if (worker && rnd == NULL) {
        rnd = ngx_calloc(sizeof(ngx_http_webhook_random_t), worker->log);
        worker->random = rnd;
    }

    while (n && rnd) {

        if (rnd->left == 0 && ngx_http_webhook_random_fill(rnd) != NGX_OK) {
            break;
        }

        len = ngx_min(n, rnd->left);

        rnd->left -= len;

        ngx_memcpy(p, rnd->octets + rnd->left, len);
        ngx_explicit_memzero(rnd->octets + rnd->left, len);

        p += len;
        n -= len;
    }

    /* better than no id */

    while (n) {
        *p++ = (u_char) (ngx_random() >> 8);
        n--;
    }
}


static ngx_int_t
ngx_http_webhook_random_fill(ngx_http_webhook_random_t *rnd)
{
    rnd->left = 0;

#if (NGX_OPENSSL)

    if (RAND_bytes(rnd->octets, NGX_HTTP_WEBHOOK_RANDOM_POOL) == 1) {
        rnd->left = NGX_HTTP_WEBHOOK_RANDOM_POOL;
        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}
