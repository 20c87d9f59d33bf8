
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_lease.h"


static int ngx_http_webhook_lease_inherited(u_char *path);


ngx_int_t
ngx_http_webhook_lease_try(int fd, off_t octet)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = octet;
    fl.l_len = 1;

    if (fcntl(fd, F_OFD_SETLK, &fl) == 0) {
        return NGX_OK;
    }

    return (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EACCES) ? NGX_BUSY
                                                                : NGX_ERROR;
}


void
ngx_http_webhook_lease_drop(int fd, off_t octet)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));
    fl.l_type = F_UNLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = octet;
    fl.l_len = 1;

    (void) fcntl(fd, F_OFD_SETLK, &fl);
}


ngx_int_t
ngx_http_webhook_lease_test(int fd, off_t octet, off_t n)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));
    fl.l_type = F_WRLCK;
    fl.l_whence = SEEK_SET;
    fl.l_start = octet;
    fl.l_len = n;

    if (fcntl(fd, F_OFD_GETLK, &fl) != 0) {
        return NGX_ERROR;
    }

    return fl.l_type == F_UNLCK ? NGX_OK : NGX_BUSY;
}


int
ngx_http_webhook_lease_master(u_char *path, ngx_uint_t *busy,
    ngx_uint_t *fresh, ngx_log_t *log)
{
    int  fd;

    *busy = 0;

    fd = ngx_http_webhook_lease_inherited(path);

    *fresh = (fd == NGX_INVALID_FILE);

    if (fd != NGX_INVALID_FILE && ngx_cycle->conf_ctx) {

        /* not of an old binary, but of the old configuration: both have one */

        fd = fcntl(fd, F_DUPFD, 0);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "fcntl(F_DUPFD) \"%s\" failed", path);
            return NGX_INVALID_FILE;
        }
    }

    if (fd == NGX_INVALID_FILE) {

        /* without O_CLOEXEC: a new binary is to inherit it */

        fd = open((const char *) path, O_RDWR|O_CREAT|O_NOFOLLOW, 0600);

        if (fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "open() \"%s\" failed", path);
            return NGX_INVALID_FILE;
        }
    }

    switch (ngx_http_webhook_lease_try(fd, NGX_HTTP_WEBHOOK_LOCK_MASTER)) {

    case NGX_OK:
        return fd;

    case NGX_BUSY:
        *busy = 1;
        break;

    default:
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "fcntl(F_OFD_SETLK) \"%s\" failed", path);
    }

    ngx_close_file(fd);

    return NGX_INVALID_FILE;
}


static int
ngx_http_webhook_lease_inherited(u_char *path)
{
    int             fd, found;
    DIR            *dir;
    ngx_file_info_t  fi, fd_fi;
    struct dirent  *de;

    if (ngx_link_info(path, &fi) == NGX_FILE_ERROR) {
        return NGX_INVALID_FILE;
    }

    dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return NGX_INVALID_FILE;
    }

    found = NGX_INVALID_FILE;

    while ((de = readdir(dir)) != NULL) {

        fd = ngx_atoi((u_char *) de->d_name, ngx_strlen(de->d_name));

        if (fd == NGX_ERROR || fd == dirfd(dir)
            || ngx_fd_info(fd, &fd_fi) == NGX_FILE_ERROR)
        {
            continue;
        }

        if (fd_fi.st_ino == fi.st_ino && fd_fi.st_dev == fi.st_dev) {
            found = fd;
            break;
        }
    }

    (void) closedir(dir);

    return found;
}
