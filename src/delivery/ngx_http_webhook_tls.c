
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_tls.h"


#if (NGX_HTTP_SSL)

#define NGX_HTTP_WEBHOOK_VERIFY_DEPTH  9
#define NGX_HTTP_WEBHOOK_TLS_BUCKETS   1024


typedef struct {
    ngx_queue_t                   queue;   /* of the same hash */
    ngx_http_webhook_tls_conf_t  *conf;
    ngx_ssl_t                    *ssl;
} ngx_http_webhook_tls_context_t;


/* of the first context that has loaded them */

typedef struct {
    ngx_str_t                     trusted;
    ngx_ssl_t                    *ssl;
} ngx_http_webhook_tls_store_t;


/* an identity */

typedef struct {
    ngx_queue_t                   queue;   /* of the same hash */
    ngx_ssl_t                    *ssl;
    ngx_str_t                     name;
    ngx_str_t                     text;    /* the name, for nginx */
} ngx_http_webhook_tls_t;


static ngx_queue_t *ngx_http_webhook_tls_buckets(ngx_conf_t *cf);
static ngx_queue_t *ngx_http_webhook_tls_context_bucket(
    ngx_http_webhook_tls_set_t *set, ngx_http_webhook_tls_conf_t *tc);
static ngx_queue_t *ngx_http_webhook_tls_identity_bucket(
    ngx_http_webhook_tls_set_t *set, ngx_ssl_t *ssl, ngx_str_t *name);
static ngx_http_webhook_tls_context_t *ngx_http_webhook_tls_context(
    ngx_conf_t *cf, ngx_http_webhook_tls_set_t *set,
    ngx_http_webhook_tls_conf_t *tc);
static ngx_int_t ngx_http_webhook_tls_trust(ngx_conf_t *cf,
    ngx_http_webhook_tls_set_t *set, ngx_ssl_t *ssl,
    ngx_http_webhook_tls_conf_t *tc);
static ngx_int_t ngx_http_webhook_tls_store(ngx_conf_t *cf, ngx_ssl_t *ssl,
    ngx_str_t *name);
static int ngx_http_webhook_tls_verify(int ok, X509_STORE_CTX *store);
static ngx_int_t ngx_http_webhook_tls_same(ngx_http_webhook_tls_conf_t *a,
    ngx_http_webhook_tls_conf_t *b);


#define ngx_http_webhook_tls_equal(x, y)                                      \
    ((x).len == (y).len                                                       \
     && ((x).len == 0 || ngx_memcmp((x).data, (y).data, (x).len) == 0))


ngx_int_t
ngx_http_webhook_tls_set_init(ngx_conf_t *cf, ngx_http_webhook_tls_set_t *set)
{
    set->contexts = ngx_http_webhook_tls_buckets(cf);
    set->identities = ngx_http_webhook_tls_buckets(cf);

    if (set->contexts == NULL || set->identities == NULL) {
        return NGX_ERROR;
    }

    return ngx_array_init(&set->stores, cf->temp_pool, 4,
                          sizeof(ngx_http_webhook_tls_store_t));
}


static ngx_queue_t *
ngx_http_webhook_tls_buckets(ngx_conf_t *cf)
{
    ngx_uint_t    i;
    ngx_queue_t  *buckets;

    buckets = ngx_palloc(cf->temp_pool,
                         NGX_HTTP_WEBHOOK_TLS_BUCKETS * sizeof(ngx_queue_t));
    if (buckets == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_TLS_BUCKETS; i++) {
        ngx_queue_init(&buckets[i]);
    }

    return buckets;
}


/* of what differs where there are many: the others are compared */

static ngx_queue_t *
ngx_http_webhook_tls_context_bucket(ngx_http_webhook_tls_set_t *set,
    ngx_http_webhook_tls_conf_t *tc)
{
    uint32_t  hash;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, tc->certificate.data, tc->certificate.len);
    ngx_crc32_update(&hash, tc->trusted.data, tc->trusted.len);
    ngx_crc32_update(&hash, tc->address.data, tc->address.len);
    ngx_crc32_final(hash);

    return &set->contexts[hash % NGX_HTTP_WEBHOOK_TLS_BUCKETS];
}


static ngx_queue_t *
ngx_http_webhook_tls_identity_bucket(ngx_http_webhook_tls_set_t *set,
    ngx_ssl_t *ssl, ngx_str_t *name)
{
    u_char     c;
    size_t     i;
    uint32_t   hash;

    ngx_crc32_init(hash);
    ngx_crc32_update(&hash, (u_char *) &ssl, sizeof(ngx_ssl_t *));

    for (i = 0; i < name->len; i++) {
        c = ngx_tolower(name->data[i]);
        ngx_crc32_update(&hash, &c, 1);
    }

    ngx_crc32_final(hash);

    return &set->identities[hash % NGX_HTTP_WEBHOOK_TLS_BUCKETS];
}


ngx_int_t
ngx_http_webhook_tls_init(ngx_conf_t *cf, ngx_http_webhook_tls_set_t *set,
    ngx_http_webhook_tls_conf_t *tc, ngx_http_webhook_endpoint_t *ep)
{
    u_char                           *p;
    ngx_str_t                        *name;
    ngx_queue_t                      *q, *bucket;
    ngx_http_upstream_conf_t         *ucf;
    ngx_http_webhook_tls_t           *tls;
    ngx_http_webhook_tls_context_t   *context;
#if (NGX_HAVE_INET6)
    u_char                            address[16];
#endif

    name = &ep->ssl_name;

    if (name->len == 0) {
        *name = ep->resolve;
    }

    /* the root's dot is no part of a certificate's name */

    if (name->len > 1 && name->data[name->len - 1] == '.') {
        name->len--;
    }

    if (ngx_inet_addr(name->data, name->len) != INADDR_NONE
#if (NGX_HAVE_INET6)
        || ngx_inet6_addr(name->data, name->len, address) == NGX_OK
#endif
       )
    {
        tc->address = *name;
    }

    context = ngx_http_webhook_tls_context(cf, set, tc);
    if (context == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "TLS of webhook_endpoint \"%V\" in %V:%ui "
                      "cannot be set up", &ep->name, &ep->file, ep->line);
        return NGX_ERROR;
    }

    ucf = &ep->upstream;

    ucf->ssl = context->ssl;
    ucf->ssl_session_reuse = 1;
    ucf->ssl_server_name = 1;

    /* nginx compares names only: an address is verified by the context */

    ucf->ssl_verify = tc->verify && tc->address.len == 0;

    ep->unnamed = ngx_palloc(cf->pool, sizeof(ngx_http_upstream_conf_t));
    if (ep->unnamed == NULL) {
        return NGX_ERROR;
    }

    *ep->unnamed = *ucf;
    ep->unnamed->ssl_verify = 0;
    ep->verify = (tc->verify != 0);

    bucket = ngx_http_webhook_tls_identity_bucket(set, context->ssl, name);

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        tls = ngx_queue_data(q, ngx_http_webhook_tls_t, queue);

        if (tls->ssl == context->ssl
            && tls->name.len == name->len
            && ngx_strncasecmp(tls->name.data, name->data, name->len) == 0)
        {
            ep->tls = tls;

            return NGX_OK;
        }
    }

    tls = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_tls_t));
    if (tls == NULL) {
        return NGX_ERROR;
    }

    tls->ssl = context->ssl;
    tls->name = *name;

    if (ngx_strlchr(name->data, name->data + name->len, ':')) {

        /* nginx would take a colon for that of a port */

        p = ngx_pnalloc(cf->pool, name->len + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        tls->text.data = p;
        tls->text.len = ngx_sprintf(p, "[%V]", name) - p;

    } else {
        tls->text = *name;
    }

    ngx_queue_insert_tail(bucket, &tls->queue);

    ep->tls = tls;

    return NGX_OK;
}


ngx_str_t *
ngx_http_webhook_tls_name(void *tls)
{
    return &((ngx_http_webhook_tls_t *) tls)->text;
}


/* what the context does for an address that is known at start */

ngx_int_t
ngx_http_webhook_tls_address(ngx_connection_t *c, ngx_str_t *address)
{
    u_char  text[NGX_INET6_ADDRSTRLEN + 1];

    (void) ngx_cpystrn(text, address->data,
                       ngx_min(address->len + 1, sizeof(text)));

    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl->connection),
                                      (char *) text)
        == 0)
    {
        ngx_ssl_error(NGX_LOG_ALERT, c->log, 0,
                      "X509_VERIFY_PARAM_set1_ip_asc(\"%s\") failed", text);
        return NGX_ERROR;
    }

    SSL_set_verify(c->ssl->connection, SSL_VERIFY_PEER,
                   ngx_http_webhook_tls_verify);

    return NGX_OK;
}


/* without one, that of the context stays: nginx's, which accepts all */

static int
ngx_http_webhook_tls_verify(int ok, X509_STORE_CTX *store)
{
    return ok;
}


static ngx_http_webhook_tls_context_t *
ngx_http_webhook_tls_context(ngx_conf_t *cf, ngx_http_webhook_tls_set_t *set,
    ngx_http_webhook_tls_conf_t *tc)
{
    ngx_ssl_t                       *ssl;
    ngx_str_t                        certificate, key;
    ngx_queue_t                     *q, *bucket;
    ngx_pool_cleanup_t              *cln;
    ngx_http_webhook_tls_context_t  *context;

    if (tc->protocols == 0) {
        tc->protocols = NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3;
    }

    if (tc->ciphers.len == 0) {
        ngx_str_set(&tc->ciphers, "DEFAULT");
    }

    if (!tc->verify) {
        ngx_str_null(&tc->address);
        ngx_str_null(&tc->trusted);
    }

    bucket = ngx_http_webhook_tls_context_bucket(set, tc);

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        context = ngx_queue_data(q, ngx_http_webhook_tls_context_t, queue);

        if (ngx_http_webhook_tls_same(context->conf, tc)) {
            return context;
        }
    }

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, tc->protocols, NULL) != NGX_OK) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_ssl_ciphers(cf, ssl, &tc->ciphers, 0) != NGX_OK) {
        return NULL;
    }

    /* the copies: nginx makes full names of them, which compare differently */

    if (tc->certificate.len) {
        certificate = tc->certificate;
        key = tc->key;

        if (ngx_ssl_certificate(cf, ssl, &certificate, &key, NULL) != NGX_OK) {
            return NULL;
        }
    }

    if (tc->verify && ngx_http_webhook_tls_trust(cf, set, ssl, tc) != NGX_OK)
    {
        return NULL;
    }

    if (ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK) {
        return NULL;
    }

    context = ngx_palloc(cf->temp_pool,
                         sizeof(ngx_http_webhook_tls_context_t));
    if (context == NULL) {
        return NULL;
    }

    context->conf = tc;
    context->ssl = ssl;

    ngx_queue_insert_tail(bucket, &context->queue);

    return context;
}


static ngx_int_t
ngx_http_webhook_tls_trust(ngx_conf_t *cf, ngx_http_webhook_tls_set_t *set,
    ngx_ssl_t *ssl, ngx_http_webhook_tls_conf_t *tc)
{
    u_char                        *address;
    ngx_uint_t                     i;
    X509_STORE                    *certificates;
    ngx_str_t                      none = ngx_null_string;
    ngx_http_webhook_tls_store_t  *store;

    store = set->stores.elts;

    for (i = 0; i < set->stores.nelts; i++) {
        if (ngx_http_webhook_tls_equal(store[i].trusted, tc->trusted)) {
            break;
        }
    }

    if (i < set->stores.nelts) {

        /* with an empty name only the depth is set */

        if (ngx_ssl_trusted_certificate(cf, ssl, &none,
                                        NGX_HTTP_WEBHOOK_VERIFY_DEPTH)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* hundreds of the system's certificates take a megabyte */

        certificates = SSL_CTX_get_cert_store(store[i].ssl->ctx);

        if (X509_STORE_up_ref(certificates) == 0) {
            ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                          "X509_STORE_up_ref() failed");
            return NGX_ERROR;
        }

        SSL_CTX_set_cert_store(ssl->ctx, certificates);

    } else {

        if (ngx_http_webhook_tls_store(cf, ssl, &tc->trusted) != NGX_OK) {
            return NGX_ERROR;
        }

        store = ngx_array_push(&set->stores);
        if (store == NULL) {
            return NGX_ERROR;
        }

        store->trusted = tc->trusted;
        store->ssl = ssl;
    }

    if (tc->address.len) {

        address = ngx_pnalloc(cf->temp_pool, tc->address.len + 1);
        if (address == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(address, tc->address.data, tc->address.len + 1);

        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(ssl->ctx),
                                          (char *) address)
            == 0)
        {
            ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                          "X509_VERIFY_PARAM_set1_ip_asc(\"%s\") failed",
                          address);
            return NGX_ERROR;
        }

        SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);
    }

    return NGX_OK;
}


/* CA certificates of a file, or with an empty name the system's */

static ngx_int_t
ngx_http_webhook_tls_store(ngx_conf_t *cf, ngx_ssl_t *ssl, ngx_str_t *name)
{
    ngx_str_t         trusted;
    const char       *file, *dir;
    ngx_file_info_t   fi;

    trusted = *name;

    if (ngx_ssl_trusted_certificate(cf, ssl, &trusted,
                                    NGX_HTTP_WEBHOOK_VERIFY_DEPTH)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (trusted.len) {
        return NGX_OK;
    }

    file = getenv(X509_get_default_cert_file_env());
    if (file == NULL) {
        file = X509_get_default_cert_file();
    }

    dir = getenv(X509_get_default_cert_dir_env());
    if (dir == NULL) {
        dir = X509_get_default_cert_dir();
    }

    if (ngx_file_info(file, &fi) == NGX_FILE_ERROR
        && ngx_file_info(dir, &fi) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the system's CA certificates are neither in \"%s\" nor "
                      "in \"%s\", \"ssl_trusted_certificate\" is needed",
                      file, dir);
        return NGX_ERROR;
    }

    if (SSL_CTX_set_default_verify_paths(ssl->ctx) == 0) {
        ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
                      "SSL_CTX_set_default_verify_paths() failed");
        return NGX_ERROR;
    }

    /* a missing file is no error, but leaves one in the queue */

    ERR_clear_error();

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_tls_same(ngx_http_webhook_tls_conf_t *a,
    ngx_http_webhook_tls_conf_t *b)
{
    return a->verify == b->verify
           && a->protocols == b->protocols
           && ngx_http_webhook_tls_equal(a->address, b->address)
           && ngx_http_webhook_tls_equal(a->trusted, b->trusted)
           && ngx_http_webhook_tls_equal(a->certificate, b->certificate)
           && ngx_http_webhook_tls_equal(a->key, b->key)
           && ngx_http_webhook_tls_equal(a->ciphers, b->ciphers);
}

#endif
