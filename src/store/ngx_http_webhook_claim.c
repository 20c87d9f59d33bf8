
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Claims as a worker sees them.
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_claim.h"

#include "wh_sha256.h"


#define NGX_HTTP_WEBHOOK_CLAIM_SPIN  20000    /* ns */

#if (WH_CLAIM_SLOTS != WH_SLOTS)
#error "a worker's slot of the journal is its slot of the claims"
#endif


static int ngx_http_webhook_claim_alive(void *data, unsigned slot);
static int ngx_http_webhook_claim_pause(void *data, unsigned n);
static uint64_t ngx_http_webhook_claim_clock(void);


void
ngx_http_webhook_claim_key(ngx_http_webhook_claim_t *c, ngx_str_t *parts,
    ngx_uint_t n)
{
    uint64_t     len;
    ngx_uint_t   i;
    wh_sha256_t  sha256;
    u_char       digest[WH_SHA256_SIZE];

    wh_sha256_init(&sha256);

    for (i = 0; i < n; i++) {
        len = parts[i].len;

        wh_sha256_update(&sha256, (char *) &len, sizeof(uint64_t));
        wh_sha256_update(&sha256, (char *) parts[i].data, parts[i].len);
    }

    wh_sha256_final(&sha256, digest);

    ngx_memcpy(c->key, digest, sizeof(c->key));
    c->entry = NULL;
}


ngx_uint_t
ngx_http_webhook_claim_held(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, uint64_t now)
{
    if (st->claims.head == NULL) {
        return 0;
    }

    return wh_claim_held(&st->claims, c->key, now) ? 1 : 0;
}


ngx_int_t
ngx_http_webhook_claim_take(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, uint64_t now)
{
    wh_claim_entry_t  *entry;

    c->entry = NULL;

    if (st->claims.head == NULL) {
        return NGX_DECLINED;
    }

    switch (wh_claim_take(&st->claims, c->key, c->until, now, &entry)) {

    case WH_OK:
        c->entry = entry;
        break;

    case WH_AGAIN:
        return NGX_BUSY;

    default: /* WH_FULL */
        return NGX_AGAIN;
    }

    ngx_http_webhook_stop_point("claim");

    return NGX_OK;
}


void
ngx_http_webhook_claim_end(ngx_http_webhook_store_t *st,
    ngx_http_webhook_claim_t *c, ngx_uint_t committed)
{
    wh_claim_end(c->entry, committed ? 1 : 0);

    c->entry = NULL;
}


void
ngx_http_webhook_claims_open(ngx_http_webhook_store_t *st)
{
    int               rc;
    void             *map;
    size_t            size;
    u_char            path[NGX_MAX_PATH];
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    if (!st->conf->claims_ready) {
        return;
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%V/claims%Z", &st->conf->path);

    fd = ngx_open_file(path, NGX_FILE_RDWR, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ERR, st->log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed, intervals and ids are "
                      "not kept", path);

        if (fd != NGX_INVALID_FILE) {
            ngx_close_file(fd);
        }

        return;
    }

    size = (size_t) ngx_file_size(&fi);
    map = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    ngx_close_file(fd);

    if (map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ERR, st->log, ngx_errno,
                      "mmap(\"%s\", %uz) failed, intervals and ids are not "
                      "kept", path, size);
        return;
    }

    rc = wh_claim_attach(&st->claims, map, size);

    if (rc != WH_OK) {
        ngx_log_error(NGX_LOG_ERR, st->log, 0,
                      "\"%s\" cannot be used, intervals and ids are not kept",
                      path);
        (void) munmap(map, size);
        return;
    }

    st->claims.alive = ngx_http_webhook_claim_alive;
    st->claims.pause = ngx_http_webhook_claim_pause;
    st->claims.ctx = st;
}


void
ngx_http_webhook_claims_enter(ngx_http_webhook_store_t *st, unsigned slot)
{
    if (st->claims.head) {
        wh_claim_enter(&st->claims, slot);
    }
}


/*
 * The lock alone does not tell: whoever buries a slot, and whoever is about
 * to live in it, holds it, too.
 */

static int
ngx_http_webhook_claim_alive(void *data, unsigned slot)
{
    ngx_http_webhook_store_t *st = data;

    uint32_t  state;

    state = __atomic_load_n(&st->journal.slots[slot].state, __ATOMIC_SEQ_CST);

    if (state != WH_SLOT_LIVE && state != WH_SLOT_LEAVING) {
        return 0;
    }

    return ngx_http_webhook_lease_test(st->lock, slot, 1) != NGX_OK;
}


static int
ngx_http_webhook_claim_pause(void *data, unsigned n)
{
    ngx_http_webhook_store_t *st = data;

    ngx_uint_t  i;

    if (n == 0) {
        st->claims_since = ngx_http_webhook_claim_clock();
    }

    for (i = 0; i < 16; i++) {
        ngx_cpu_pause();
    }

    return ngx_http_webhook_claim_clock() - st->claims_since
           < NGX_HTTP_WEBHOOK_CLAIM_SPIN;
}


static uint64_t
ngx_http_webhook_claim_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}
