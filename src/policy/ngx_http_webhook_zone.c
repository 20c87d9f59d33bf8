
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_zone.h"
#include "ngx_http_webhook_endpoint.h"


#define NGX_HTTP_WEBHOOK_ZONE_VERSION  1
#define NGX_HTTP_WEBHOOK_ZONE_SIZE     (1024 * 1024)


typedef struct {
    ngx_uint_t                    len;
    u_char                        name[NGX_HTTP_WEBHOOK_NAME_MAX];
    ngx_http_webhook_counters_t   counters;
} ngx_http_webhook_zone_entry_t;


/*
 * Entries are filled first and published by the increment of "n", never moved
 * and never freed: there is no moment at which the death of a process leaves
 * them torn, and finding one takes no lock.
 */

typedef struct {
    ngx_uint_t                    version;
    ngx_uint_t                    size;      /* of an entry */
    ngx_uint_t                    max;
    ngx_atomic_t                  n;
    ngx_atomic_t                  full;      /* was logged */
    ngx_atomic_t                  results[NGX_HTTP_WEBHOOK_NRESULT];
    ngx_http_webhook_zone_entry_t  entries[1];
} ngx_http_webhook_zone_sh_t;


struct ngx_http_webhook_zone_s {
    ngx_str_t                     name;
    ngx_slab_pool_t              *shpool;
    ngx_http_webhook_zone_sh_t   *sh;
};


static ngx_http_webhook_zone_t *ngx_http_webhook_zone_add(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name, size_t size);
static ngx_int_t ngx_http_webhook_zone_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_http_webhook_counters_t *ngx_http_webhook_zone_lookup(
    ngx_http_webhook_zone_sh_t *sh, ngx_str_t *endpoint);


static char  *ngx_http_webhook_result_names[] = {
    "committed",
    "late",
    "duplicate",
    "suppressed",
    "filtered",
    "dropped",
    "rejected"
};


char *
ngx_http_webhook_zone_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t  *wmcf = conf;

    ssize_t      size;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (cf->args->nelts < 3) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"webhook_zone\" must have a name and a size");
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid zone name \"\"");
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of zone \"%V\", it must be a "
                           "size such as \"64k\" or \"1m\"",
                           &value[2], &value[1]);
        return NGX_CONF_ERROR;
    }

    if (size < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it must be at least %uz",
                           &value[1], (size_t) (8 * ngx_pagesize));
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", \"webhook_zone\" has a "
                           "name and a size only", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_zone_add(cf, wmcf, &value[1], size) == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_http_webhook_zone_t *
ngx_http_webhook_zone_find(ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name)
{
    ngx_uint_t                 i;
    ngx_http_webhook_zone_t  **zones;

    zones = wmcf->zones.elts;

    for (i = 0; i < wmcf->zones.nelts; i++) {

        if (name->len == 0
            || (name->len == zones[i]->name.len
                && ngx_memcmp(name->data, zones[i]->name.data, name->len)
                   == 0))
        {
            return zones[i];
        }
    }

    return NULL;
}


char *
ngx_http_webhook_zone_init(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    size_t     size;
    ngx_str_t  name = ngx_string("webhook");

    if (wmcf->zones.nelts || wmcf->endpoints.nelts == 0) {
        return NGX_CONF_OK;
    }

    /* room for as many again, as names of later reloads come on top */

    size = wmcf->endpoints.nelts * 2 * sizeof(ngx_http_webhook_zone_entry_t);
    size += 16 * ngx_pagesize + size / 64;
    size = ngx_max(size, NGX_HTTP_WEBHOOK_ZONE_SIZE);
    size = ngx_align(size, ngx_pagesize);

    if (ngx_http_webhook_zone_add(cf, wmcf, &name, size) == NULL) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_webhook_zone_t *
ngx_http_webhook_zone_add(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf,
    ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t            *shm_zone;
    ngx_http_webhook_zone_t   *zone, **zp;

    shm_zone = ngx_shared_memory_add(cf, name, size, &ngx_http_webhook_module);
    if (shm_zone == NULL) {
        return NULL;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate zone \"%V\"", name);
        return NULL;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_zone_t));
    if (zone == NULL) {
        return NULL;
    }

    zone->name = *name;

    zp = ngx_array_push(&wmcf->zones);
    if (zp == NULL) {
        return NULL;
    }

    *zp = zone;

    shm_zone->init = ngx_http_webhook_zone_init_zone;
    shm_zone->data = zone;

    return zone;
}


static ngx_int_t
ngx_http_webhook_zone_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    size_t                       len, size;
    ngx_http_webhook_zone_t     *zone;
    ngx_http_webhook_zone_sh_t  *sh;

    zone = shm_zone->data;

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    sh = zone->shpool->data;

    if (sh
        && sh->version == NGX_HTTP_WEBHOOK_ZONE_VERSION
        && sh->size == sizeof(ngx_http_webhook_zone_entry_t))
    {
        zone->sh = sh;
        return NGX_OK;
    }

    len = sizeof(" in webhook zone \"\"") + shm_zone->shm.name.len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in webhook zone \"%V\"%Z",
                &shm_zone->shm.name);

    /* all in one piece, the slab is not used again */

    size = zone->shpool->pfree * ngx_pagesize;

    if (size < sizeof(ngx_http_webhook_zone_sh_t)) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "no room%s for another layout",
                      zone->shpool->log_ctx);
        return NGX_ERROR;
    }

    sh = ngx_slab_calloc(zone->shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->version = NGX_HTTP_WEBHOOK_ZONE_VERSION;
    sh->size = sizeof(ngx_http_webhook_zone_entry_t);
    sh->max = (size - offsetof(ngx_http_webhook_zone_sh_t, entries))
              / sizeof(ngx_http_webhook_zone_entry_t);

    zone->shpool->data = sh;
    zone->sh = sh;

    return NGX_OK;
}


ngx_http_webhook_counters_t *
ngx_http_webhook_zone_counters(ngx_http_webhook_zone_t *zone,
    ngx_str_t *endpoint)
{
    ngx_http_webhook_counters_t    *c;
    ngx_http_webhook_zone_sh_t     *sh;
    ngx_http_webhook_zone_entry_t  *e;

    sh = zone->sh;

    c = ngx_http_webhook_zone_lookup(sh, endpoint);
    if (c) {
        return c;
    }

    if (endpoint->len > NGX_HTTP_WEBHOOK_NAME_MAX) {
        return NULL;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    c = ngx_http_webhook_zone_lookup(sh, endpoint);

    if (c == NULL && sh->n < sh->max) {

        e = &sh->entries[sh->n];

        e->len = endpoint->len;
        ngx_memcpy(e->name, endpoint->data, endpoint->len);
        c = &e->counters;

        ngx_memory_barrier();

        sh->n++;
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (c == NULL && ngx_atomic_cmp_set(&sh->full, 0, 1)) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "webhook zone \"%V\" is full, there are %ui endpoints "
                      "in it, no room for \"%V\"",
                      &zone->name, sh->max, endpoint);
    }

    return c;
}


static ngx_http_webhook_counters_t *
ngx_http_webhook_zone_lookup(ngx_http_webhook_zone_sh_t *sh,
    ngx_str_t *endpoint)
{
    ngx_uint_t                      i, n;
    ngx_http_webhook_zone_entry_t  *e;

    n = sh->n;

    ngx_memory_barrier();

    for (i = 0; i < n; i++) {
        e = &sh->entries[i];

        if (e->len == endpoint->len
            && ngx_memcmp(e->name, endpoint->data, e->len) == 0)
        {
            return &e->counters;
        }
    }

    return NULL;
}


void
ngx_http_webhook_zone_count(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_result_e result)
{
    (void) ngx_atomic_fetch_add(&zone->sh->results[result], 1);
}


ngx_uint_t
ngx_http_webhook_zone_counted(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_result_e result)
{
    return zone->sh->results[result];
}


ngx_int_t
ngx_http_webhook_permit_take(ngx_http_webhook_counters_t *c, ngx_uint_t slot,
    ngx_uint_t max)
{
    ngx_uint_t  i;

    max = ngx_min(max, NGX_HTTP_WEBHOOK_PERMITS);

    for (i = 0; i < max; i++) {
        if (c->permits[i] == 0
            && ngx_atomic_cmp_set(&c->permits[i], 0, slot + 1))
        {
            return (ngx_int_t) i;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_webhook_permit_give(ngx_http_webhook_counters_t *c, ngx_uint_t slot,
    ngx_int_t permit)
{
    /* it may be void, and another one's by now */

    (void) ngx_atomic_cmp_set(&c->permits[permit], slot + 1, 0);
}


ngx_uint_t
ngx_http_webhook_permit_void(ngx_http_webhook_counters_t *c, ngx_uint_t slot)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_HTTP_WEBHOOK_PERMITS; i++) {
        if (c->permits[i] == slot + 1
            && ngx_atomic_cmp_set(&c->permits[i], slot + 1, 0))
        {
            n++;
        }
    }

    return n;
}


char *
ngx_http_webhook_result_name(ngx_http_webhook_result_e result)
{
    return ngx_http_webhook_result_names[result];
}
