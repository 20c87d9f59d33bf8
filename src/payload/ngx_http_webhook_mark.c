
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_mark.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_store.h"


#if (NGX_OPENSSL)

/* so that nothing else that the key may sign passes as a mark */

#define NGX_HTTP_WEBHOOK_MARK_DOMAIN  "ngx_http_webhook_module hops 1\n"


static ngx_int_t ngx_http_webhook_mark_hmac(
    ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_mark_cleanup(void *data);


ngx_int_t
ngx_http_webhook_mark_mac(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac)
{
    u_char      digest[EVP_MAX_MD_SIZE];
    HMAC_CTX   *hmac;
    ngx_int_t   rc;
    ngx_str_t   src, dst, *part[4];
    ngx_uint_t  i;

    if (wmcf->worker == NULL || wmcf->store == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_http_webhook_mark_hmac(wmcf);
    if (rc != NGX_OK) {
        return rc;
    }

    hmac = wmcf->worker->mark;

    /* without a key: that of the last time */

    if (HMAC_Init_ex(hmac, NULL, 0, NULL, NULL) != 1
        || HMAC_Update(hmac, (u_char *) NGX_HTTP_WEBHOOK_MARK_DOMAIN,
                       sizeof(NGX_HTTP_WEBHOOK_MARK_DOMAIN) - 1)
           != 1)
    {
        goto failed;
    }

    part[0] = &mark->stamp;
    part[1] = &mark->method;
    part[2] = &mark->host;
    part[3] = &mark->uri;

    for (i = 0; i < 4; i++) {

        if (HMAC_Update(hmac, part[i]->data, part[i]->len) != 1
            || HMAC_Update(hmac, (u_char *) "\n", 1) != 1)
        {
            goto failed;
        }
    }

    if (HMAC_Final(hmac, digest, NULL) != 1) {
        goto failed;
    }

    src.len = 32;
    src.data = digest;
    dst.data = mac;

    ngx_encode_base64url(&dst, &src);

    return NGX_OK;

failed:

    return ngx_http_webhook_sign_failed(wmcf->worker->log, "HMAC_Final()");
}


ngx_int_t
ngx_http_webhook_mark_check(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac)
{
    u_char     right[NGX_HTTP_WEBHOOK_MARK_MAC];
    ngx_int_t  rc;

    rc = ngx_http_webhook_mark_mac(wmcf, mark, right);

    if (rc == NGX_OK
        && CRYPTO_memcmp(right, mac, NGX_HTTP_WEBHOOK_MARK_MAC) != 0)
    {
        rc = NGX_DECLINED;
    }

    return rc;
}


/* one for the worker: to make it costs more than to use it */

static ngx_int_t
ngx_http_webhook_mark_hmac(ngx_http_webhook_main_conf_t *wmcf)
{
    HMAC_CTX            *hmac;
    ngx_pool_cleanup_t  *cln;

    if (wmcf->worker->mark) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(ngx_cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    hmac = HMAC_CTX_new();
    if (hmac == NULL) {
        return ngx_http_webhook_sign_failed(wmcf->worker->log,
                                            "HMAC_CTX_new()");
    }

    if (HMAC_Init_ex(hmac, ngx_http_webhook_store_secret(wmcf),
                     NGX_HTTP_WEBHOOK_SECRET, EVP_sha256(), NULL)
        != 1)
    {
        HMAC_CTX_free(hmac);
        return ngx_http_webhook_sign_failed(wmcf->worker->log,
                                            "HMAC_Init_ex()");
    }

    cln->handler = ngx_http_webhook_mark_cleanup;
    cln->data = hmac;

    wmcf->worker->mark = hmac;

    return NGX_OK;
}


static void
ngx_http_webhook_mark_cleanup(void *data)
{
    HMAC_CTX_free(data);
}


#else /* !NGX_OPENSSL */

ngx_int_t
ngx_http_webhook_mark_mac(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac)
{
    return NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_mark_check(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_mark_t *mark, u_char *mac)
{
    return NGX_DECLINED;
}

#endif
