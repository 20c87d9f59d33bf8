
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The master's part: the directory, its lock, and the files in it, made or
 * recovered before there is a worker.
 */


#include "ngx_http_webhook_local.h"

#include <sys/random.h>


static ngx_int_t ngx_http_webhook_store_directory(
    ngx_http_webhook_store_conf_t *sc, ngx_uid_t user, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_reach(
    ngx_http_webhook_store_conf_t *sc, ngx_core_conf_t *ccf, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_cold(
    ngx_http_webhook_store_conf_t *sc, ngx_log_t *log);
static void *ngx_http_webhook_store_journal(
    ngx_http_webhook_store_conf_t *sc, u_char *path, size_t *size,
    uint64_t *damaged, ngx_log_t *log);
static void *ngx_http_webhook_store_fresh(ngx_http_webhook_store_conf_t *sc,
    u_char *path, size_t *size, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_chown(
    ngx_http_webhook_store_conf_t *sc, ngx_uid_t user, ngx_log_t *log);


ngx_int_t
ngx_http_webhook_store_open(ngx_http_webhook_store_conf_t *sc,
    ngx_core_conf_t *ccf, ngx_log_t *log)
{
    u_char            path[NGX_MAX_PATH];
    ngx_uid_t         user;
    ngx_uint_t        busy, cold, fresh, first;
    struct passwd    *pwd;
    ngx_file_info_t   fi;

    user = ccf->user;

    if (user == (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        user = geteuid();

        if (user == 0) {
            pwd = getpwnam(NGX_USER);
            user = pwd ? pwd->pw_uid : 0;
        }
    }

    if (ngx_http_webhook_store_directory(sc, user, log) != NGX_OK
        || ngx_http_webhook_store_reach(sc, ccf, log) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%V/lock%Z", &sc->path);

    sc->lock = ngx_http_webhook_lease_master(path, &busy, &fresh, log);

    if (sc->lock == NGX_INVALID_FILE) {
        if (busy) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "webhook_store \"%V\" is used by another nginx, "
                          "each needs a directory of its own", &sc->path);
        }

        return NGX_ERROR;
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%V/journal%Z", &sc->path);

    first = (ngx_file_info(path, &fi) == NGX_FILE_ERROR);

    /* nobody there: no reload, no upgrade, no orphans of a killed master */

    cold = fresh
           && ngx_http_webhook_lease_test(sc->lock, 1, WH_SLOTS - 1) == NGX_OK;

    /* the key comes first, so that the name of its file is synced, too */

    if (ngx_http_webhook_store_secret_open(sc, first, log) != NGX_OK
        || (cold && ngx_http_webhook_store_cold(sc, log) != NGX_OK))
    {
        /* one that is not fresh belongs to the configuration in force */

        if (fresh) {
            ngx_close_file(sc->lock);
        }

        sc->lock = NGX_INVALID_FILE;
        return NGX_ERROR;
    }

    if (!cold) {
        ngx_http_webhook_claims_create(sc, 0, log);
    }

    return ngx_http_webhook_store_chown(sc, user, log);
}


static ngx_int_t
ngx_http_webhook_store_directory(ngx_http_webhook_store_conf_t *sc,
    ngx_uid_t user, ngx_log_t *log)
{
    ngx_file_info_t  fi;

    if (ngx_create_dir(sc->path.data, 0700) == NGX_FILE_ERROR
        && ngx_errno != NGX_EEXIST)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_create_dir_n " \"%V\" failed", &sc->path);
        return NGX_ERROR;
    }

    if (ngx_file_info(sc->path.data, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_file_info_n " \"%V\" failed", &sc->path);
        return NGX_ERROR;
    }

    if (!ngx_is_dir(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "webhook_store \"%V\" is not a directory", &sc->path);
        return NGX_ERROR;
    }

    if (geteuid() == 0 && fi.st_uid != user
        && chown((const char *) sc->path.data, user, -1) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "chown(\"%V\", %d) failed", &sc->path, user);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Root gets into any directory, workers may not: it is too late when they are
 * started, all events would be dropped.  Nobody but the kernel knows what their
 * user may do (groups, ACLs), so a process of that user asks it.
 */

static ngx_int_t
ngx_http_webhook_store_reach(ngx_http_webhook_store_conf_t *sc,
    ngx_core_conf_t *ccf, ngx_log_t *log)
{
    int    status;
    pid_t  pid;

    if (geteuid() != 0 || ccf->user == 0 || !ccf->master) {
        return NGX_OK;
    }

    pid = fork();

    if (pid == -1) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno, "fork() failed");
        return NGX_ERROR;
    }

    if (pid == 0) {
        /* as workers do, which go on without further groups */

        if (setgid(ccf->group) == -1) {
            _exit(ngx_errno);
        }

        (void) initgroups(ccf->username, ccf->group);

        if (setuid(ccf->user) == -1
            || access((const char *) sc->path.data, R_OK|W_OK|X_OK) == -1)
        {
            _exit(ngx_errno);
        }

        _exit(0);
    }

    while (waitpid(pid, &status, 0) == -1) {
        if (ngx_errno != NGX_EINTR) {

            /* who has started nginx may have it ignore SIGCHLD */

            return NGX_OK;
        }
    }

    if (status != 0) {
        ngx_log_error(NGX_LOG_EMERG, log,
                      WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                      "webhook_store \"%V\" is out of reach of the workers' "
                      "user \"%s\", who must be let through all directories "
                      "above it", &sc->path, ccf->username);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_store_cold(ngx_http_webhook_store_conf_t *sc,
    ngx_log_t *log)
{
    void         *map;
    size_t        size, left;
    u_char        path[NGX_MAX_PATH];
    uint64_t      damaged, epoch, before;
    ngx_fd_t      fd;
    wh_journal_t  j;

    damaged = 0;

    ngx_snprintf(path, NGX_MAX_PATH, "%V/journal%Z", &sc->path);

    map = ngx_http_webhook_store_journal(sc, path, &size, &damaged, log);
    if (map == NULL) {
        return NGX_ERROR;
    }

    if (wh_journal_attach(&j, map, size) != WH_OK) {
        (void) munmap(map, size);
        return NGX_ERROR;
    }

    if (ngx_http_webhook_warehouse_create(sc->path.data, sc->size,
                                          j.head->epoch, &epoch, &damaged,
                                          log)
        != NGX_OK)
    {
        (void) munmap(map, size);
        return NGX_ERROR;
    }

    j.head->damaged += damaged;
    j.head->full = 0;
    before = j.head->damaged;

    left = wh_journal_cold_start(&j, epoch);

    if (j.head->damaged != before) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook_store \"%V\": %uL %s not written completely",
                      &sc->path, j.head->damaged - before,
                      j.head->damaged - before == 1
                      ? "record of the journal was"
                      : "records of the journal were");
    }

    if (left) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "webhook_store \"%V\": %uz %s recovered from the "
                      "journal", &sc->path, left,
                      left == 1 ? "delivery" : "deliveries");
    }

    if (j.nsegs != sc->nsegs || j.seg_size != sc->seg_size) {

        if (left) {
            ngx_log_error(NGX_LOG_WARN, log, 0,
                          "webhook_store \"%V\": the journal keeps its size "
                          "until nginx is started with an empty one",
                          &sc->path);

        } else {
            (void) munmap(map, size);

            map = ngx_http_webhook_store_fresh(sc, path, &size, log);

            if (map == NULL || wh_journal_attach(&j, map, size) != WH_OK) {
                return NGX_ERROR;
            }

            (void) wh_journal_cold_start(&j, epoch);
        }
    }

    (void) msync(map, wh_journal_data_offset(j.nsegs), MS_SYNC);
    (void) munmap(map, size);

    ngx_http_webhook_claims_create(sc, 1, log);

    /* the names of files that were made are to survive a power cut, too */

    fd = ngx_open_file(sc->path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE || fsync(fd) == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "fsync() of \"%V\" failed", &sc->path);
    }

    if (fd != NGX_INVALID_FILE) {
        ngx_close_file(fd);
    }

    return NGX_OK;
}


/* maps the journal; one that cannot be read is set aside for a fresh one */

static void *
ngx_http_webhook_store_journal(ngx_http_webhook_store_conf_t *sc,
    u_char *path, size_t *size, uint64_t *damaged, ngx_log_t *log)
{
    int               rc;
    void             *map;
    u_char            aside[NGX_MAX_PATH];
    ngx_fd_t          fd;
    wh_journal_t      j;
    ngx_file_info_t   fi;

    fd = ngx_open_file(path, NGX_FILE_RDWR|NGX_FILE_NOFOLLOW, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT) {
            return ngx_http_webhook_store_fresh(sc, path, size, log);
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", path);
        return NULL;
    }

    map = MAP_FAILED;
    rc = WH_ERROR;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_file_size(&fi) > 0) {
        *size = (size_t) ngx_file_size(&fi);

        map = mmap(NULL, *size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

        if (map == MAP_FAILED) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "mmap(\"%s\", %uz) failed", path, *size);
            ngx_close_file(fd);
            return NULL;
        }

        rc = wh_journal_attach(&j, map, *size);
    }

    /* holes would be met as SIGBUS on a full disk */

    if (rc == WH_OK && posix_fallocate(fd, 0, *size) != 0) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "posix_fallocate() of %uz octets for \"%s\" failed",
                      *size, path);
        ngx_close_file(fd);
        (void) munmap(map, *size);
        return NULL;
    }

    ngx_close_file(fd);

    if (rc == WH_OK) {
        return map;
    }

    if (map != MAP_FAILED) {
        (void) munmap(map, *size);
    }

    if (rc == WH_LOST) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"%s\" is of another version, this module reads "
                      "version %d", path, WH_JOURNAL_VERSION);
        return NULL;
    }

    ngx_snprintf(aside, NGX_MAX_PATH, "%s.damaged.%T%Z", path, ngx_time());

    if (ngx_rename_file(path, aside) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_rename_file_n " \"%s\" to \"%s\" failed", path,
                      aside);
        return NULL;
    }

    (*damaged)++;

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "\"%s\" is damaged, it was set aside as \"%s\"", path,
                  aside);

    return ngx_http_webhook_store_fresh(sc, path, size, log);
}


static void *
ngx_http_webhook_store_fresh(ngx_http_webhook_store_conf_t *sc, u_char *path,
    size_t *size, ngx_log_t *log)
{
    int        err;
    void      *map;
    u_char     fresh[NGX_MAX_PATH];
    ngx_fd_t   fd;

    ngx_snprintf(fresh, NGX_MAX_PATH, "%s.new%Z", path);

    /* nothing that is there, a link least of all, is to be written */

    (void) ngx_delete_file(fresh);

    fd = ngx_open_file(fresh, NGX_FILE_RDWR|NGX_FILE_NOFOLLOW,
                       O_CREAT|O_EXCL, NGX_FILE_OWNER_ACCESS);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", fresh);
        return NULL;
    }

    *size = wh_journal_size(sc->nsegs, sc->seg_size);

    err = posix_fallocate(fd, 0, *size);

    if (err) {
        ngx_log_error(NGX_LOG_EMERG, log, err,
                      "posix_fallocate() of %uz octets for \"%s\" failed",
                      *size, fresh);
        goto failed;
    }

    map = mmap(NULL, *size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "mmap(\"%s\", %uz) failed", fresh, *size);
        goto failed;
    }

    ngx_close_file(fd);

    if (wh_journal_format(map, *size, sc->nsegs, sc->seg_size) != WH_OK
        || getrandom(&((wh_journal_head_t *) map)->salt, sizeof(uint64_t), 0)
           != sizeof(uint64_t)
        || ngx_rename_file(fresh, path) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "cannot create \"%s\"", path);
        (void) munmap(map, *size);
        return NULL;
    }

    return map;

failed:

    ngx_close_file(fd);
    (void) ngx_delete_file(fresh);

    return NULL;
}


/*
 * What the master has made belongs to the workers.  So does the directory, and
 * a link that somebody has put there must not give them a file elsewhere.
 */

static ngx_int_t
ngx_http_webhook_store_chown(ngx_http_webhook_store_conf_t *sc,
    ngx_uid_t user, ngx_log_t *log)
{
    u_char             path[NGX_MAX_PATH];
    ngx_uint_t         i;
    ngx_file_info_t    fi;
    static char       *names[] = { "lock", "journal", "key", "data.mdb",
                                   "lock.mdb" };

    if (geteuid() != 0) {
        return NGX_OK;
    }

    for (i = 1; i < WH_SLOTS; i++) {
        ngx_snprintf(path, NGX_MAX_PATH, "%V/wake.%ui%Z", &sc->path, i);

        if (ngx_link_info(path, &fi) != NGX_FILE_ERROR && fi.st_uid != user) {
            (void) !lchown((const char *) path, user, -1);
        }
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%V/claims%Z", &sc->path);

    if (ngx_link_info(path, &fi) != NGX_FILE_ERROR && fi.st_uid != user) {
        (void) !lchown((const char *) path, user, -1);
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ngx_snprintf(path, NGX_MAX_PATH, "%V/%s%Z", &sc->path, names[i]);

        if (ngx_link_info(path, &fi) != NGX_FILE_ERROR && fi.st_uid != user
            && lchown((const char *) path, user, -1) == -1)
        {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "lchown(\"%s\", %d) failed", path, user);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_webhook_store_states(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_kept_t *kept, ngx_uint_t n,
    ngx_http_webhook_restore_pt restore, ngx_log_t *log)
{
    size_t                          len;
    u_char                          key[NGX_HTTP_WEBHOOK_KEY_SIZE];
    ngx_str_t                       value;
    ngx_uint_t                      i;
    ngx_http_webhook_reader_t      *rd;
    ngx_http_webhook_store_conf_t  *sc;

    sc = wmcf->store;

    rd = ngx_http_webhook_warehouse_reader(sc->path.data, sc->size, log);
    if (rd == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        len = ngx_http_webhook_warehouse_state_key(key, kept[i].type,
                                                   kept[i].name);

        if (ngx_http_webhook_warehouse_reader_get(rd, key, len, &value)
            == NGX_OK)
        {
            restore(&kept[i], &value, log);

        } else {
            restore(&kept[i], NULL, log);
        }
    }

    ngx_http_webhook_warehouse_reader_done(rd);
}
