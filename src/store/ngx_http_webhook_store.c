
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_local.h"

#include <ngx_sha1.h>
#include <sys/random.h>


#define NGX_HTTP_WEBHOOK_STORE_SIZE_MIN  (16 * 1024 * 1024)
#define NGX_HTTP_WEBHOOK_SEG_SIZE        (256 * 1024)
#define NGX_HTTP_WEBHOOK_SEGS_MIN        16
#define NGX_HTTP_WEBHOOK_KEY_HEAD        200


static char *ngx_http_webhook_store_size(ngx_conf_t *cf, ngx_str_t *value,
    size_t skip, size_t least, size_t *size);
static ngx_int_t ngx_http_webhook_store_open(
    ngx_http_webhook_store_conf_t *sc, ngx_core_conf_t *ccf, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_directory(
    ngx_http_webhook_store_conf_t *sc, ngx_uid_t user, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_cold(
    ngx_http_webhook_store_conf_t *sc, ngx_log_t *log);
static void *ngx_http_webhook_store_journal(
    ngx_http_webhook_store_conf_t *sc, u_char *path, size_t *size,
    uint64_t *damaged, ngx_log_t *log);
static void *ngx_http_webhook_store_fresh(ngx_http_webhook_store_conf_t *sc,
    u_char *path, size_t *size, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_store_chown(
    ngx_http_webhook_store_conf_t *sc, ngx_uid_t user, ngx_log_t *log);
static uint64_t ngx_http_webhook_store_weight(ngx_http_webhook_store_t *st,
    size_t size);


char *
ngx_http_webhook_store_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t  *wmcf = conf;

    char                           *rv;
    ngx_int_t                       n;
    ngx_str_t                      *value, s;
    ngx_uint_t                      i;
    ngx_http_webhook_store_conf_t  *sc;

    if (wmcf->store) {
        return "is duplicate";
    }

    sc = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_store_conf_t));
    if (sc == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len >= 8 && ngx_strncmp(value[1].data, "redis://", 8) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not supported by this version, the "
                           "store must be a directory", &value[1]);
        return NGX_CONF_ERROR;
    }

    sc->path = value[1];

    if (sc->path.len && sc->path.data[sc->path.len - 1] == '/') {
        sc->path.len--;
    }

    if (sc->path.len == 0) {
        return "needs a directory";
    }

    s.data = ngx_pnalloc(cf->pool, sc->path.len + 1);
    if (s.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_cpystrn(s.data, sc->path.data, sc->path.len + 1);
    sc->path.data = s.data;

    if (ngx_conf_full_name(cf->cycle, &sc->path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (sc->path.len > NGX_MAX_PATH - 64) {
        return "has too long a path";
    }

    sc->file = cf->conf_file->file.name.data;
    sc->line = cf->conf_file->line;
    sc->size = 1024 * 1024 * 1024;
    sc->commit_timeout = 1000;
    sc->dead_count = 100000;
    sc->lock = NGX_INVALID_FILE;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "size=", 5) == 0) {
            rv = ngx_http_webhook_store_size(cf, &value[i], 5,
                                             NGX_HTTP_WEBHOOK_STORE_SIZE_MIN,
                                             &sc->size);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "journal=", 8) == 0) {
            rv = ngx_http_webhook_store_size(cf, &value[i], 8, 1,
                                             &sc->journal);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_strcmp(value[i].data, "sync=off") == 0) {
            sc->always = 0;
            continue;
        }

        if (ngx_strcmp(value[i].data, "sync=always") == 0) {
            sc->always = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "full=drop") == 0) {
            sc->reject = 0;
            continue;
        }

        if (ngx_strcmp(value[i].data, "full=reject") == 0) {
            sc->reject = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "commit_timeout=", 15) == 0) {
            s.data = value[i].data + 15;
            s.len = value[i].len - 15;

            n = ngx_parse_time(&s, 0);

            if (n == NGX_ERROR || n == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid time \"%V\" in "
                                   "\"commit_timeout\"", &s);
                return NGX_CONF_ERROR;
            }

            sc->commit_timeout = (ngx_msec_t) n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "dead=", 5) == 0) {
            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            n = ngx_atoi(s.data, s.len);

            if (n != NGX_ERROR && n > 0) {
                sc->dead_count = (ngx_uint_t) n;
                sc->dead_time = 0;
                continue;
            }

            n = ngx_parse_time(&s, 0);

            if (n == NGX_ERROR || n == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid value \"%V\" in \"dead\", it must "
                                   "be a number or a time", &s);
                return NGX_CONF_ERROR;
            }

            sc->dead_count = 0;
            sc->dead_time = (ngx_msec_t) n;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be \"size=\", "
                           "\"journal=\", \"sync=off\", \"sync=always\", "
                           "\"full=drop\", \"full=reject\", "
                           "\"commit_timeout=\" or \"dead=\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (sc->journal == 0) {
        sc->journal = ngx_max(sc->size / 8, 64 * 1024 * 1024);
    }

    sc->pool = ngx_thread_pool_add(cf, NULL);
    if (sc->pool == NULL) {
        return NGX_CONF_ERROR;
    }

    wmcf->store = sc;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_store_size(ngx_conf_t *cf, ngx_str_t *value, size_t skip,
    size_t least, size_t *size)
{
    off_t      n;
    ngx_str_t  s;

    s.data = value->data + skip;
    s.len = value->len - skip;

    n = ngx_parse_offset(&s);

    if (n == NGX_ERROR || n <= 0 || (uint64_t) n > NGX_MAX_SIZE_T_VALUE / 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid size \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    if ((size_t) n < least) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is too small, it must be at least %uz",
                           value, least);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_store_init_conf(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    size_t                          n;
    ngx_core_conf_t                 *ccf;
    ngx_http_webhook_store_conf_t   *sc;

    sc = wmcf->store;

    if (sc == NULL) {
        return NGX_CONF_OK;
    }

    /* an event is at most a quarter of a segment */

    n = ngx_max(NGX_HTTP_WEBHOOK_SEG_SIZE, wmcf->max_event_size * 4);
    sc->seg_size = ngx_align(n, 4096);

    if (sc->journal / sc->seg_size < NGX_HTTP_WEBHOOK_SEGS_MIN) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"journal\" of \"webhook_store\" must be at least %uz "
                      "with \"webhook_max_event_size\" %uz in %s:%ui",
                      sc->seg_size * NGX_HTTP_WEBHOOK_SEGS_MIN,
                      wmcf->max_event_size, sc->file, sc->line);
        return NGX_CONF_ERROR;
    }

    sc->nsegs = (uint32_t) (sc->journal / sc->seg_size);

    /*
     * While a configuration is reloaded an error must come before it is in
     * force: later, it would end the master.
     */

    if (ngx_process == NGX_PROCESS_MASTER && !ngx_test_config) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                               ngx_core_module);

        if (ngx_http_webhook_store_open(sc, ccf, cf->log) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_store_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_core_conf_t                *ccf;
    ngx_http_webhook_store_conf_t  *sc;

    sc = wmcf->store;

    if (sc == NULL || ngx_test_config || sc->lock != NGX_INVALID_FILE) {
        return NGX_OK;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    return ngx_http_webhook_store_open(sc, ccf, cycle->log);
}


static ngx_int_t
ngx_http_webhook_store_open(ngx_http_webhook_store_conf_t *sc,
    ngx_core_conf_t *ccf, ngx_log_t *log)
{
    u_char          path[NGX_MAX_PATH];
    ngx_uid_t       user;
    ngx_uint_t      busy, fresh;
    struct passwd  *pwd;

    user = ccf->user;

    if (user == (ngx_uid_t) NGX_CONF_UNSET_UINT) {
        user = geteuid();

        if (user == 0) {
            pwd = getpwnam(NGX_USER);
            user = pwd ? pwd->pw_uid : 0;
        }
    }

    if (ngx_http_webhook_store_directory(sc, user, log) != NGX_OK) {
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

    /* anybody there: a reload, an upgrade, or orphans of a killed master */

    if (fresh
        && ngx_http_webhook_lease_test(sc->lock, 1, WH_SLOTS - 1) == NGX_OK
        && ngx_http_webhook_store_cold(sc, log) != NGX_OK)
    {
        ngx_close_file(sc->lock);
        sc->lock = NGX_INVALID_FILE;
        return NGX_ERROR;
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


static ngx_int_t
ngx_http_webhook_store_cold(ngx_http_webhook_store_conf_t *sc,
    ngx_log_t *log)
{
    void         *map;
    size_t        size, open;
    u_char        path[NGX_MAX_PATH];
    uint64_t      damaged, epoch, before;
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

    open = wh_journal_cold_start(&j, epoch);

    if (j.head->damaged != before) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook_store \"%V\": %uL records of the journal were "
                      "not written completely", &sc->path,
                      j.head->damaged - before);
    }

    if (open) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "webhook_store \"%V\": %uz deliveries recovered from "
                      "the journal", &sc->path, open);
    }

    if (j.nsegs != sc->nsegs || j.seg_size != sc->seg_size) {

        if (open) {
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

    fd = ngx_open_file(path, NGX_FILE_RDWR, NGX_FILE_OPEN, 0);

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

    fd = ngx_open_file(fresh, NGX_FILE_RDWR, NGX_FILE_TRUNCATE, 0600);

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


/* what the master has made belongs to the workers */

static ngx_int_t
ngx_http_webhook_store_chown(ngx_http_webhook_store_conf_t *sc,
    ngx_uid_t user, ngx_log_t *log)
{
    u_char             path[NGX_MAX_PATH];
    ngx_uint_t         i;
    ngx_file_info_t    fi;
    static char       *names[] = { "lock", "journal", "data.mdb", "lock.mdb" };

    if (geteuid() != 0) {
        return NGX_OK;
    }

    for (i = 1; i < WH_SLOTS; i++) {
        ngx_snprintf(path, NGX_MAX_PATH, "%V/wake.%ui%Z", &sc->path, i);

        if (ngx_file_info(path, &fi) != NGX_FILE_ERROR && fi.st_uid != user) {
            (void) !chown((const char *) path, user, -1);
        }
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ngx_snprintf(path, NGX_MAX_PATH, "%V/%s%Z", &sc->path, names[i]);

        if (ngx_file_info(path, &fi) != NGX_FILE_ERROR && fi.st_uid != user
            && chown((const char *) path, user, -1) == -1)
        {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "chown(\"%s\", %d) failed", path, user);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_store_append(ngx_http_webhook_store_t *st,
    ngx_http_webhook_entry_t *entries, ngx_uint_t n, uint64_t time,
    ngx_http_webhook_append_pt handler, void *data, void **ticket)
{
    int                           rc, seg;
    u_char                        slot[2];
    wh_str_t                      lane;
    wh_ref_t                      ref;
    ngx_uint_t                    i;
    wh_entry_t                   *e, few[8];
    ngx_http_webhook_ticket_t    *t;
    ngx_http_webhook_endpoint_t  *ep;

    *ticket = NULL;

    if (n == 0) {
        return NGX_OK;
    }

    e = few;

    if (n > sizeof(few) / sizeof(few[0])) {
        e = ngx_alloc(n * sizeof(wh_entry_t), st->log);
        if (e == NULL) {
            return NGX_ERROR;
        }
    }

    t = NULL;

    if (st->conf->always) {
        t = ngx_http_webhook_flush_ticket(st, handler, data);

        if (t == NULL) {
            rc = WH_NOMEM;
            goto failed;
        }
    }

    slot[0] = (u_char) (st->slot & 0xff);
    slot[1] = (u_char) (st->slot >> 8);

    for (i = 0; i < n; i++) {
        ep = entries[i].endpoint;

        e[i].name.data = (char *) ep->name.data;
        e[i].name.len = ep->name.len;
        e[i].key.data = (char *) entries[i].key.data;
        e[i].key.len = entries[i].key.len;
        e[i].data.data = (char *) entries[i].record.data;
        e[i].data.len = entries[i].record.len;

        lane = e[i].key;

        if (ep->order == NGX_HTTP_WEBHOOK_ORDER_NONE) {

            /* nothing to keep in order: each worker sends its own */

            lane.data = (char *) slot;
            lane.len = 2;
        }

        e[i].shard = wh_journal_shard(e[i].name, lane);
    }

    seg = st->writer.seg;

    rc = wh_journal_append(&st->writer, time, e, (uint32_t) n, &ref);

    if (rc == WH_FULL || st->writer.seg != seg) {
        (void) wh_journal_reclaim(&st->journal, st->slot);

        ngx_http_webhook_turn_move(st);
    }

    if (rc == WH_FULL) {
        rc = wh_journal_append(&st->writer, time, e, (uint32_t) n, &ref);
    }

    if (rc != WH_OK) {
        goto failed;
    }

    if (e != few) {
        ngx_free(e);
    }

    ngx_http_webhook_stop_point("append");

    if (t) {
        ngx_http_webhook_flush_add(st, t, &ref);
        *ticket = t;

        return NGX_AGAIN;
    }

    ngx_http_webhook_publish(st, &ref);

    return NGX_OK;

failed:

    if (e != few) {
        ngx_free(e);
    }

    if (t) {
        ngx_free(t);
    }

    switch (rc) {

    case WH_FULL:
        return NGX_DECLINED;

    case WH_LIMIT:
        return NGX_BUSY;

    default:
        return NGX_ERROR;
    }
}


ngx_int_t
ngx_http_webhook_store_key(ngx_pool_t *pool, ngx_str_t *key)
{
    u_char      *p, digest[20];
    ngx_sha1_t   sha1;

    if (key->len <= WH_KEY_MAX) {
        return NGX_OK;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_final(digest, &sha1);

    p = ngx_pnalloc(pool, NGX_HTTP_WEBHOOK_KEY_HEAD + 2 * sizeof(digest));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, key->data, NGX_HTTP_WEBHOOK_KEY_HEAD);
    ngx_hex_dump(p + NGX_HTTP_WEBHOOK_KEY_HEAD, digest, sizeof(digest));

    key->data = p;
    key->len = NGX_HTTP_WEBHOOK_KEY_HEAD + 2 * sizeof(digest);

    return NGX_OK;
}


/*
 * Shows a record to everybody, and finds each of its deliveries an owner.
 */

void
ngx_http_webhook_publish(ngx_http_webhook_store_t *st, wh_ref_t *ref)
{
    int            taken;
    unsigned       owner, slot, npending, last;
    uint32_t       i, n, fence;
    wh_ref_t       pending[WH_SLOTS];
    wh_view_t      v;
    ngx_uint_t     k;
    wh_journal_t  *j;

    j = &st->journal;
    last = (unsigned) j->head->last_slot;
    npending = 0;

    /* each raise may take a shard; see wh_journal_pending() */

    for (slot = 1; slot <= last; slot++) {
        if (slot != st->slot
            && wh_journal_pending(j, slot, &pending[npending]) == WH_OK)
        {
            npending++;
        }
    }

    wh_journal_publish_begin(&st->writer, ref);

    ngx_http_webhook_stop_point("publish");

    n = wh_journal_count(j, ref);

    for (i = 0; i < n; i++) {

        if (wh_journal_view(j, ref, i, &v) != WH_OK) {
            continue;
        }

        owner = wh_shard_raise(j, v.shard, st->slot, st->leaving, &fence,
                               &taken);

        if (owner == st->slot) {

            if (taken) {
                ngx_http_webhook_shard_taken(st, v.shard, fence);

                for (k = 0; k < npending; k++) {
                    ngx_http_webhook_look(st, &pending[k], v.shard);
                }
            }

            if (ngx_http_webhook_shard_mine(st, v.shard)) {
                ngx_http_webhook_enqueue(st, &v);
            }

        } else if (owner == WH_ORPHAN) {

            if (st->leaving) {
                ngx_http_webhook_store_wake_all(st);

            } else {
                st->orphans = 1;
            }

        } else {
            ngx_http_webhook_wake(st, owner);
        }
    }

    wh_journal_publish_end(&st->writer);

    ngx_post_event(&st->drive, &ngx_posted_events);
}


ngx_uint_t
ngx_http_webhook_store_rejects(ngx_http_webhook_store_t *st)
{
    return st->conf->reject;
}


ngx_int_t
ngx_http_webhook_store_reserve(ngx_http_webhook_store_t *st, size_t size)
{
    uint64_t       weight;
    uint32_t       need;
    unsigned       slot;
    wh_slot_t     *slots;
    wh_journal_t  *j;

    j = &st->journal;
    slots = j->slots;
    weight = ngx_http_webhook_store_weight(st, size);

    if (j->head->full) {
        return NGX_DECLINED;
    }

    need = 0;

    for (slot = 1; slot <= (unsigned) j->head->last_slot; slot++) {
        need += wh_journal_segments_for(j, slots[slot].reserved
                                           + (slot == st->slot ? weight : 0));
    }

    if (need > wh_journal_free_segments(j)) {
        (void) wh_journal_reclaim(j, st->slot);

        if (need > wh_journal_free_segments(j)) {
            return NGX_DECLINED;
        }
    }

    slots[st->slot].reserved += weight;

    return NGX_OK;
}


void
ngx_http_webhook_store_unreserve(ngx_http_webhook_store_t *st, size_t size)
{
    uint64_t    weight;
    wh_slot_t  *slot;

    slot = &st->journal.slots[st->slot];
    weight = ngx_http_webhook_store_weight(st, size);

    slot->reserved -= ngx_min(weight, slot->reserved);
}


/* records do not fill segments to the end: a quarter, or half may be lost */

static uint64_t
ngx_http_webhook_store_weight(ngx_http_webhook_store_t *st, size_t size)
{
    return size > st->journal.seg_size / 4 ? (uint64_t) size * 2
                                           : (uint64_t) size + size / 3;
}
