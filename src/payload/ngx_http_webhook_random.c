
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_random.h"

#if (NGX_OPENSSL)
#include <openssl/rand.h>
#endif


#define NGX_HTTP_WEBHOOK_RANDOM_POOL  4096


/*
 * A stock of octets, since asking OpenSSL for a few costs as much as asking
 * for many.  What a process inherits over fork() is not its own: the stock is
 * of the process that filled it.
 */

typedef struct {
    ngx_pid_t    pid;
    size_t       left;
    u_char       octets[NGX_HTTP_WEBHOOK_RANDOM_POOL];
} ngx_http_webhook_random_t;


static ngx_int_t ngx_http_webhook_random_fill(ngx_http_webhook_random_t *rnd);


static ngx_http_webhook_random_t  ngx_http_webhook_random_pool;


void
ngx_http_webhook_random(u_char *p, size_t n)
{
    size_t                      len;
    ngx_http_webhook_random_t  *rnd;

    rnd = &ngx_http_webhook_random_pool;

    while (n) {

        if ((rnd->left == 0 || rnd->pid != ngx_pid)
            && ngx_http_webhook_random_fill(rnd) != NGX_OK)
        {
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
        rnd->pid = ngx_pid;
        rnd->left = NGX_HTTP_WEBHOOK_RANDOM_POOL;
        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}
