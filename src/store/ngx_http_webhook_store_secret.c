
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The key of the store: random octets that nobody else has.
 */


#include "ngx_http_webhook_local.h"

#include <sys/random.h>


static ngx_int_t ngx_http_webhook_store_secret_read(
    ngx_http_webhook_store_conf_t *sc, u_char *path, ngx_log_t *log);
static ngx_uint_t ngx_http_webhook_store_secret_is_good(u_char *key);
static ngx_int_t ngx_http_webhook_store_secret_create(
    ngx_http_webhook_store_conf_t *sc, u_char *path, ngx_log_t *log);


ngx_int_t
ngx_http_webhook_store_secret_open(ngx_http_webhook_store_conf_t *sc,
    ngx_uint_t first, ngx_log_t *log)
{
    u_char     path[NGX_MAX_PATH];
    ngx_int_t  rc;

    ngx_snprintf(path, NGX_MAX_PATH, "%V/key%Z", &sc->path);

    rc = ngx_http_webhook_store_secret_read(sc, path, log);

    if (rc == NGX_OK || rc == NGX_ERROR) {
        return rc;
    }

    if (!first) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"%s\" is %s, a new one is made: deliveries under way "
                      "that come back through this nginx may cause events",
                      path, rc == NGX_DECLINED ? "missing" : "damaged");
    }

    return ngx_http_webhook_store_secret_create(sc, path, log);
}


u_char *
ngx_http_webhook_store_secret(ngx_http_webhook_main_conf_t *wmcf)
{
    return wmcf->store->secret;
}


/* NGX_OK; NGX_DECLINED: there is no file; NGX_ABORT: it cannot be used */

static ngx_int_t
ngx_http_webhook_store_secret_read(ngx_http_webhook_store_conf_t *sc,
    u_char *path, ngx_log_t *log)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    /* whatever is there, the master neither waits for it nor follows it */

    fd = ngx_open_file(path,
                       NGX_FILE_RDONLY|NGX_FILE_NONBLOCK|NGX_FILE_NOFOLLOW,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return NGX_DECLINED;
        }

        if (ngx_errno == NGX_ELOOP) {
            return NGX_ABORT;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", path);
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_fd_info_n " \"%s\" failed", path);
        ngx_close_file(fd);
        return NGX_ERROR;
    }

    n = -1;

    /* one that others could read is no secret any more */

    if (ngx_is_file(&fi)
        && ngx_file_size(&fi) == NGX_HTTP_WEBHOOK_SECRET
        && (fi.st_mode & 077) == 0)
    {
        n = ngx_read_fd(fd, sc->secret, NGX_HTTP_WEBHOOK_SECRET);
    }

    ngx_close_file(fd);

    if (n != NGX_HTTP_WEBHOOK_SECRET
        || !ngx_http_webhook_store_secret_is_good(sc->secret))
    {
        return NGX_ABORT;
    }

    return NGX_OK;
}


/* zeroes are what a file system may leave of a file after a power cut */

static ngx_uint_t
ngx_http_webhook_store_secret_is_good(u_char *key)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SECRET; i++) {
        if (key[i]) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_webhook_store_secret_create(ngx_http_webhook_store_conf_t *sc,
    u_char *path, ngx_log_t *log)
{
    u_char    fresh[NGX_MAX_PATH];
    ngx_fd_t  fd;

    if (getrandom(sc->secret, NGX_HTTP_WEBHOOK_SECRET, 0)
        != NGX_HTTP_WEBHOOK_SECRET)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "getrandom() failed");
        return NGX_ERROR;
    }

    ngx_snprintf(fresh, NGX_MAX_PATH, "%s.new%Z", path);

    if (ngx_delete_file(fresh) == NGX_FILE_ERROR && ngx_errno != NGX_ENOENT) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_delete_file_n " \"%s\" failed", fresh);
        return NGX_ERROR;
    }

    fd = ngx_open_file(fresh, NGX_FILE_WRONLY|NGX_FILE_NOFOLLOW,
                       O_CREAT|O_EXCL, NGX_FILE_OWNER_ACCESS);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", fresh);
        return NGX_ERROR;
    }

    if (ngx_write_fd(fd, sc->secret, NGX_HTTP_WEBHOOK_SECRET)
        != NGX_HTTP_WEBHOOK_SECRET
        || fsync(fd) == -1
        || ngx_rename_file(fresh, path) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "cannot create \"%s\"", path);
        ngx_close_file(fd);
        (void) ngx_delete_file(fresh);
        return NGX_ERROR;
    }

    ngx_close_file(fd);

    return NGX_OK;
}
