
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The master's part of the claims: their file is made, checked, or gets
 * another size.  Without it nginx serves on, and so do webhooks: events that
 * could have been told for repeated are sent.
 */


#include "ngx_http_webhook_local.h"

#include <sys/random.h>


#define NGX_HTTP_WEBHOOK_BOOT_ID  "/proc/sys/kernel/random/boot_id"


typedef struct {
    wh_claim_t   claims;
    void        *map;
    size_t       size;
    u_char       path[NGX_MAX_PATH];
} ngx_http_webhook_claim_file_t;


static ngx_int_t ngx_http_webhook_claims_map(
    ngx_http_webhook_claim_file_t *f, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_claims_fresh(
    ngx_http_webhook_claim_file_t *f, size_t size, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_claims_rename(
    ngx_http_webhook_claim_file_t *f, ngx_log_t *log);
static void ngx_http_webhook_claims_unmap(ngx_http_webhook_claim_file_t *f);
static void ngx_http_webhook_claims_resize(ngx_http_webhook_store_conf_t *sc,
    ngx_http_webhook_claim_file_t *f, ngx_log_t *log);
static size_t ngx_http_webhook_claims_boot(u_char *buf, size_t size);
static uint64_t ngx_http_webhook_claims_now(void);


void
ngx_http_webhook_claims_create(ngx_http_webhook_store_conf_t *sc,
    ngx_uint_t cold, ngx_log_t *log)
{
    size_t                         voided;
    u_char                         id[WH_CLAIM_BOOT];
    wh_str_t                       boot;
    ngx_http_webhook_claim_file_t  file;

    sc->claims_ready = 0;

    ngx_snprintf(file.path, NGX_MAX_PATH, "%V/claims%Z", &sc->path);

    boot.len = ngx_http_webhook_claims_boot(id, sizeof(id));
    boot.data = (char *) id;

    switch (ngx_http_webhook_claims_map(&file, log)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:

        if (ngx_http_webhook_claims_fresh(&file, sc->claims, log) != NGX_OK) {
            goto failed;
        }

        (void) wh_claim_cold_start(&file.claims, boot,
                                   ngx_http_webhook_claims_now());

        if (ngx_http_webhook_claims_rename(&file, log) != NGX_OK) {
            ngx_http_webhook_claims_unmap(&file);
            goto failed;
        }

        cold = 0;
        break;

    default:
        goto failed;
    }

    if (cold) {
        voided = wh_claim_cold_start(&file.claims, boot,
                                     ngx_http_webhook_claims_now());

        if (voided) {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "webhook_store \"%V\": %uz %s may have been lost "
                          "with the power", &sc->path, voided,
                          voided == 1
                          ? "interval or id is forgotten, its event"
                          : "intervals and ids are forgotten, their events");
        }
    }

    if (file.size != wh_claim_size(sc->claims)) {

        if (cold) {
            ngx_http_webhook_claims_resize(sc, &file, log);

        } else {
            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "webhook_store \"%V\": \"claims\" keeps its size of "
                          "%uz until nginx is started anew", &sc->path,
                          file.size);
        }
    }

    ngx_http_webhook_claims_unmap(&file);

    sc->claims_ready = 1;

    return;

failed:

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "webhook_store \"%V\": \"claims\" is out of order, intervals "
                  "and ids are not kept", &sc->path);
}


/* NGX_DECLINED: there is none that could be used */

static ngx_int_t
ngx_http_webhook_claims_map(ngx_http_webhook_claim_file_t *f, ngx_log_t *log)
{
    int              rc;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = ngx_open_file(f->path,
                       NGX_FILE_RDWR|NGX_FILE_NONBLOCK|NGX_FILE_NOFOLLOW,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", f->path);

        return NGX_DECLINED;
    }

    f->map = MAP_FAILED;
    f->size = 0;
    rc = WH_ERROR;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)
        && ngx_file_size(&fi) > 0)
    {
        f->size = (size_t) ngx_file_size(&fi);
        f->map = mmap(NULL, f->size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

        if (f->map == MAP_FAILED) {
            ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                          "mmap(\"%s\", %uz) failed", f->path, f->size);
            ngx_close_file(fd);
            return NGX_ERROR;
        }

        rc = wh_claim_attach(&f->claims, f->map, f->size);
    }

    /* holes would be met as SIGBUS on a full disk */

    if (rc == WH_OK) {
        rc = posix_fallocate(fd, 0, f->size);

        if (rc) {
            ngx_log_error(NGX_LOG_ERR, log, rc,
                          "posix_fallocate() of %uz octets for \"%s\" failed",
                          f->size, f->path);
            ngx_close_file(fd);
            ngx_http_webhook_claims_unmap(f);
            return NGX_ERROR;
        }
    }

    ngx_close_file(fd);

    if (rc == WH_OK) {
        return NGX_OK;
    }

    if (f->map != MAP_FAILED) {
        ngx_http_webhook_claims_unmap(f);
    }

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "\"%s\" is %s, intervals and ids are forgotten", f->path,
                  rc == WH_LOST ? "of another version" : "damaged");

    return NGX_DECLINED;
}


/* not in its place yet, and there is nothing in it */

static ngx_int_t
ngx_http_webhook_claims_fresh(ngx_http_webhook_claim_file_t *f, size_t size,
    ngx_log_t *log)
{
    int        err;
    u_char     fresh[NGX_MAX_PATH];
    uint64_t   salt;
    ngx_fd_t   fd;

    ngx_snprintf(fresh, NGX_MAX_PATH, "%s.new%Z", f->path);

    (void) ngx_delete_file(fresh);

    fd = ngx_open_file(fresh, NGX_FILE_RDWR|NGX_FILE_NOFOLLOW,
                       O_CREAT|O_EXCL, NGX_FILE_OWNER_ACCESS);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", fresh);
        return NGX_ERROR;
    }

    f->size = wh_claim_size(size);

    err = posix_fallocate(fd, 0, f->size);

    if (err) {
        ngx_log_error(NGX_LOG_ERR, log, err,
                      "posix_fallocate() of %uz octets for \"%s\" failed",
                      f->size, fresh);
        goto failed;
    }

    f->map = mmap(NULL, f->size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (f->map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                      "mmap(\"%s\", %uz) failed", fresh, f->size);
        goto failed;
    }

    if (getrandom(&salt, sizeof(uint64_t), 0) != sizeof(uint64_t)) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno, "getrandom() failed");
        ngx_http_webhook_claims_unmap(f);
        goto failed;
    }

    ngx_close_file(fd);

    wh_claim_format(f->map, f->size, salt);
    (void) wh_claim_attach(&f->claims, f->map, f->size);

    return NGX_OK;

failed:

    ngx_close_file(fd);
    (void) ngx_delete_file(fresh);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_claims_rename(ngx_http_webhook_claim_file_t *f,
    ngx_log_t *log)
{
    u_char  fresh[NGX_MAX_PATH];

    ngx_snprintf(fresh, NGX_MAX_PATH, "%s.new%Z", f->path);

    /* a power cut is to leave the old file or the new one */

    (void) msync(f->map, f->size, MS_SYNC);

    if (ngx_rename_file(fresh, f->path) != NGX_FILE_ERROR) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, log, ngx_errno,
                  ngx_rename_file_n " \"%s\" to \"%s\" failed", fresh,
                  f->path);

    (void) ngx_delete_file(fresh);

    return NGX_ERROR;
}


static void
ngx_http_webhook_claims_unmap(ngx_http_webhook_claim_file_t *f)
{
    (void) munmap(f->map, f->size);
}


/* whatever fails here, the old file goes on */

static void
ngx_http_webhook_claims_resize(ngx_http_webhook_store_conf_t *sc,
    ngx_http_webhook_claim_file_t *f, ngx_log_t *log)
{
    size_t                         n;
    ngx_http_webhook_claim_file_t  other;

    ngx_memcpy(other.path, f->path, NGX_MAX_PATH);

    if (ngx_http_webhook_claims_fresh(&other, sc->claims, log) != NGX_OK) {
        goto failed;
    }

    n = wh_claim_copy(&other.claims, &f->claims,
                      ngx_http_webhook_claims_now());

    if (ngx_http_webhook_claims_rename(&other, log) != NGX_OK) {
        ngx_http_webhook_claims_unmap(&other);
        goto failed;
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "webhook_store \"%V\": \"claims\" has %uz octets now, with "
                  "%uz %s", &sc->path, other.size, n,
                  n == 1 ? "interval or id" : "intervals and ids");

    ngx_http_webhook_claims_unmap(f);
    *f = other;

    return;

failed:

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "webhook_store \"%V\": \"claims\" keeps its size of %uz",
                  &sc->path, f->size);
}


/* octets, 0: there is none to be read */

static size_t
ngx_http_webhook_claims_boot(u_char *buf, size_t size)
{
    ssize_t   n;
    ngx_fd_t  fd;

    fd = ngx_open_file(NGX_HTTP_WEBHOOK_BOOT_ID, NGX_FILE_RDONLY,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = ngx_read_fd(fd, buf, size);

    ngx_close_file(fd);

    return n > 0 ? (size_t) n : 0;
}


static uint64_t
ngx_http_webhook_claims_now(void)
{
    ngx_time_update();

    return ngx_http_webhook_store_now();
}
