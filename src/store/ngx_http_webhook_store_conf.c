
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_store": its parameters, and when its files are opened.
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_lines.h"


#define NGX_HTTP_WEBHOOK_STORE_SIZE_MIN  (16 * 1024 * 1024)
#define NGX_HTTP_WEBHOOK_STORE_SIZE_MAX  ((off_t) 16384 << 30)
#define NGX_HTTP_WEBHOOK_CLAIMS_DEFAULT  (1024 * 1024)
#define NGX_HTTP_WEBHOOK_DEDUPE_MAX      ((ngx_int_t) 365 * 86400000)
#define NGX_HTTP_WEBHOOK_SEG_SIZE        (256 * 1024)
#define NGX_HTTP_WEBHOOK_SEGS_MIN        16


static char *ngx_http_webhook_store_size(ngx_conf_t *cf, ngx_str_t *value,
    size_t skip, size_t least, size_t *size);
static void ngx_http_webhook_store_compare(ngx_http_webhook_store_conf_t *sc,
    ngx_log_t *log);
static void ngx_http_webhook_store_cleanup(void *data);


char *
ngx_http_webhook_store_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t  *wmcf = conf;

    char                           *rv;
    u_char                         *p;
    ngx_int_t                       n;
    ngx_str_t                      *value, s;
    ngx_uint_t                      i, k;
    ngx_pool_cleanup_t             *cln;
    ngx_http_webhook_store_conf_t  *sc;

    if (ngx_http_webhook_lines_add(cf, &wmcf->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    if (wmcf->store) {
        return "is duplicate";
    }

    sc = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_store_conf_t));
    if (sc == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strstr(value[1].data, "://");

    if (p) {
        /* what follows may have a password in it */

        s.data = value[1].data;
        s.len = p + 3 - s.data;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not supported by this version, the "
                           "store must be a directory", &s);
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
    sc->dedupe = 86400000;
    sc->lock = NGX_INVALID_FILE;

    /* a store that the next configuration has not is free for another nginx */

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_webhook_store_cleanup;
    cln->data = sc;

    for (i = 2; i < cf->args->nelts; i++) {

        p = ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        for (k = 2; p && k < i; k++) {

            if (ngx_strncmp(value[i].data, value[k].data,
                            p + 1 - value[i].data)
                == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate parameter \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }
        }

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

        if (ngx_strncmp(value[i].data, "claims=", 7) == 0) {
            rv = ngx_http_webhook_store_size(cf, &value[i], 7,
                                             WH_CLAIM_SIZE_MIN, &sc->claims);
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

            if (n == NGX_ERROR || n == 0 || n > 3600000) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid time \"%V\" in "
                                   "\"commit_timeout\", it must be a time "
                                   "above 0, at most 1h", &s);
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
                                   "be a number or a time above 0", &s);
                return NGX_CONF_ERROR;
            }

            sc->dead_count = 0;
            sc->dead_time = (ngx_msec_t) n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "dedupe=", 7) == 0) {
            s.data = value[i].data + 7;
            s.len = value[i].len - 7;

            n = ngx_parse_time(&s, 0);

            if (n == NGX_ERROR || n == 0 || n > NGX_HTTP_WEBHOOK_DEDUPE_MAX) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid time \"%V\" in \"dedupe\", it must "
                                   "be a time above 0, at most 365d", &s);
                return NGX_CONF_ERROR;
            }

            sc->dedupe = (uint64_t) n;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", it must be \"size=\", "
                           "\"journal=\", \"claims=\", \"sync=off\", "
                           "\"sync=always\", \"full=drop\", "
                           "\"full=reject\", \"commit_timeout=\", \"dead=\" "
                           "or \"dedupe=\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (sc->journal == 0) {
        sc->journal = ngx_max(sc->size / 8, 64 * 1024 * 1024);
    }

    if (sc->claims == 0) {
        sc->claims = ngx_max(sc->size / 64, NGX_HTTP_WEBHOOK_CLAIMS_DEFAULT);
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

    if (n == NGX_ERROR || n <= 0 || n > NGX_HTTP_WEBHOOK_STORE_SIZE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\", it must be a size such as "
                           "\"64m\" or \"4g\", at most 16384g", value);
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

    if (ngx_test_config) {
        return NGX_OK;
    }

    sc = wmcf ? wmcf->store : NULL;

    if (sc && sc->lock == NGX_INVALID_FILE) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                               ngx_core_module);

        if (ngx_http_webhook_store_open(sc, ccf, cycle->log) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (sc) {
        sc->since = ngx_http_webhook_store_now();
    }

    ngx_http_webhook_store_compare(sc, cycle->log);

    return NGX_OK;
}


/* what a reload does not do, or does to events that were captured before it */

static void
ngx_http_webhook_store_compare(ngx_http_webhook_store_conf_t *sc,
    ngx_log_t *log)
{
    ngx_uint_t                      i;
    ngx_file_info_t                 fi, old_fi;
    ngx_http_webhook_store_conf_t  *old;
    ngx_http_webhook_main_conf_t   *wmcf;

    /* "ngx_cycle" is the old one, or at a start none */

    if (ngx_cycle->conf_ctx == NULL) {
        return;
    }

    for (i = 0; ngx_cycle->modules[i] != &ngx_http_webhook_module; i++) {
        if (ngx_cycle->modules[i] == NULL) {
            return;
        }
    }

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    if (wmcf == NULL || wmcf->store == NULL) {
        return;
    }

    old = wmcf->store;

    if (sc == NULL) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook_store \"%V\" is not configured any more, "
                      "deliveries left in it are kept until it is",
                      &old->path);
        return;
    }

    if (ngx_fd_info(sc->lock, &fi) == NGX_FILE_ERROR
        || ngx_fd_info(old->lock, &old_fi) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      ngx_fd_info_n " of a lock of \"webhook_store\" failed");
        return;
    }

    if (ngx_file_uniq(&fi) != ngx_file_uniq(&old_fi)
        || fi.st_dev != old_fi.st_dev)
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook_store is \"%V\" now, deliveries left in "
                      "\"%V\" are kept until it is configured again",
                      &sc->path, &old->path);
        return;
    }

    if (sc->nsegs != old->nsegs || sc->seg_size != old->seg_size) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "webhook_store \"%V\": the journal keeps its size "
                      "until nginx is started with an empty one", &sc->path);
    }
}


static void
ngx_http_webhook_store_cleanup(void *data)
{
    ngx_http_webhook_store_conf_t  *sc = data;

    if (sc->lock != NGX_INVALID_FILE) {
        ngx_close_file(sc->lock);
        sc->lock = NGX_INVALID_FILE;
    }
}
