
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_zone.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_lines.h"


#define NGX_HTTP_WEBHOOK_ZONE_VERSION  6
#define NGX_HTTP_WEBHOOK_ZONE_SIZE     (1024 * 1024)


typedef enum {
    NGX_HTTP_WEBHOOK_ZONE_ENDPOINT = 1,
    NGX_HTTP_WEBHOOK_ZONE_EVENT,
    NGX_HTTP_WEBHOOK_ZONE_PERMITS,
    NGX_HTTP_WEBHOOK_ZONE_PARTS
} ngx_http_webhook_zone_type_e;


/* octets are counted from the first entry on, and from 1 where 0 is none */

typedef struct {
    ngx_uint_t                    size;      /* octets, with this */
    ngx_uint_t                    type;
    ngx_uint_t                    hash;
    ngx_uint_t                    next;      /* octets, of the same bucket */
} ngx_http_webhook_zone_entry_t;


typedef struct {
    ngx_http_webhook_zone_entry_t  entry;    /* must be first */
    ngx_uint_t                    len;
    u_char                        name[NGX_HTTP_WEBHOOK_NAME_MAX];
    ngx_http_webhook_counters_t   counters;
} ngx_http_webhook_zone_endpoint_t;


typedef struct {
    ngx_http_webhook_zone_entry_t  entry;    /* must be first */
    ngx_http_webhook_results_t    results;
} ngx_http_webhook_zone_event_t;


/* more permits of an endpoint, which has their place */

typedef struct {
    ngx_http_webhook_zone_entry_t  entry;    /* must be first */
    uint64_t                      holders[WH_PERMITS_MORE];
} ngx_http_webhook_zone_permits_t;


/* likewise more parts of its backlog */

typedef struct {
    ngx_http_webhook_zone_entry_t  entry;    /* must be first */
    wh_block_t                    block;
} ngx_http_webhook_zone_parts_t;


/*
 * Entries are filled first and published by the increment of "used", never
 * moved and never freed; the index, of "nbuckets" words before the first one,
 * follows, up to "indexed": there is no moment at which the death of a process
 * leaves them torn, and finding one takes no lock.  Windows are at the end.
 */

typedef struct {
    ngx_uint_t                    version;
    ngx_uint_t                    size;      /* of an endpoint */
    wh_shelf_t                    shelf;     /* windows, down to the entries */
    ngx_atomic_t                  generation;
    uint64_t                      quota;
    ngx_atomic_t                  used;      /* octets of entries */
    ngx_uint_t                    indexed;   /* octets of them */
    ngx_uint_t                    nbuckets;  /* a power of two */
    ngx_atomic_t                  full;      /* was logged */
    ngx_http_webhook_told_t       told;
    ngx_atomic_t                  events;    /* the last of them, octets */
    ngx_http_webhook_results_t    others;    /* that no entry is for */
    ngx_http_webhook_meter_t      meter;
    ngx_atomic_t                  buckets[1];
} ngx_http_webhook_zone_sh_t;


struct ngx_http_webhook_zone_s {
    ngx_str_t                     name;
    size_t                        size;
    u_char                       *file;      /* NULL: it is the implicit one */
    ngx_uint_t                    line;
    wh_zone_t                     policy;
    ngx_slab_pool_t              *shpool;
    ngx_http_webhook_zone_sh_t   *sh;
};


static ngx_http_webhook_zone_t *ngx_http_webhook_zone_add(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name, size_t size);
static ngx_int_t ngx_http_webhook_zone_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static size_t ngx_http_webhook_zone_need(wh_limit_t *limit);
static void ngx_http_webhook_zone_place(ngx_http_webhook_zone_t *zone,
    wh_shelf_index_t *index, uint64_t owner, wh_limit_t *limits, ngx_uint_t n,
    ngx_uint_t pass);
static size_t ngx_http_webhook_zone_used(ngx_http_webhook_zone_sh_t *sh);
static ngx_uint_t ngx_http_webhook_zone_buckets(size_t size);
static size_t ngx_http_webhook_zone_endpoint_size(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep);
static ngx_http_webhook_zone_entry_t *ngx_http_webhook_zone_new(
    ngx_http_webhook_zone_sh_t *sh, ngx_uint_t type, size_t size);
static void ngx_http_webhook_zone_index(ngx_http_webhook_zone_sh_t *sh);
static ngx_http_webhook_zone_entry_t *ngx_http_webhook_zone_lookup(
    ngx_http_webhook_zone_sh_t *sh, ngx_uint_t type, ngx_str_t *name);


#define ngx_http_webhook_zone_bucket(sh, hash)                                \
    (&(sh)->buckets[(hash) & ((sh)->nbuckets - 1)])

#define ngx_http_webhook_zone_entries(sh)                                     \
    ((u_char *) &(sh)->buckets[(sh)->nbuckets])

/* by octets from 1 */

#define ngx_http_webhook_zone_entry(sh, n)                                    \
    ((ngx_http_webhook_zone_entry_t *)                                        \
         (ngx_http_webhook_zone_entries(sh) + (n) - 1))


static char  *ngx_http_webhook_zone_ends[] = {
    "delivered",
    "dead",
    "expired",
    "dropped"
};


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

    ssize_t                   size;
    ngx_str_t                *value, s;
    wh_zone_t                 policy;
    ngx_uint_t                i;
    ngx_http_webhook_zone_t  *zone;

    if (ngx_http_webhook_lines_add(cf, &wmcf->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    ngx_memzero(&policy, sizeof(wh_zone_t));

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

        if (ngx_strncmp(value[i].data, "disable=", 8) == 0
            && policy.limit.n == 0)
        {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            if (ngx_http_webhook_disable_rate(&s, &policy.limit) == NGX_OK) {
                continue;
            }
        }

        if (ngx_strncmp(value[i].data, "quota=", 6) == 0
            && policy.quota.n == 0)
        {
            s.data = value[i].data + 6;
            s.len = value[i].len - 6;

            if (ngx_http_webhook_flow_parse_quota(&s, &policy.quota)
                == NGX_OK)
            {
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", \"webhook_zone\" may "
                           "have one \"disable=N/TIME\" with a number of 1 to "
                           "%d and one \"quota=N/TIME\" with a number of 1 "
                           "to %d, and a time above 0, at most 3650d",
                           &value[i], WH_WINDOW_MAX, WH_QUOTA_MAX);
        return NGX_CONF_ERROR;
    }

    zone = ngx_http_webhook_zone_add(cf, wmcf, &value[1], size);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->policy = policy;
    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;

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
    size_t                         size;
    ngx_str_t                      name = ngx_string("webhook");
    ngx_uint_t                     i, k;
    ngx_http_webhook_endpoint_t  **ep;

    if (wmcf->zones.nelts || wmcf->endpoints.nelts == 0) {
        return NGX_CONF_OK;
    }

    /* room for as many again, as names of later reloads come on top */

    size = wmcf->triggers.nelts * 2 * sizeof(ngx_http_webhook_zone_event_t);

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        size += 2 * ngx_http_webhook_zone_endpoint_size(cf, ep[i]);

        for (k = 0; k < ep[i]->policy.nlimits; k++) {
            size += 2 * ngx_http_webhook_zone_need(&ep[i]->policy.limits[k]);
        }
    }

    size += 16 * ngx_pagesize + size / 64
            + ngx_http_webhook_zone_buckets(size) * sizeof(ngx_atomic_t);
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
    zone->size = size;

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
    ngx_uint_t                   n;
    ngx_http_webhook_zone_t     *zone;
    ngx_http_webhook_zone_sh_t  *sh;

    zone = shm_zone->data;

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    sh = zone->shpool->data;

    if (sh
        && sh->version == NGX_HTTP_WEBHOOK_ZONE_VERSION
        && sh->size == sizeof(ngx_http_webhook_zone_endpoint_t))
    {
        zone->sh = sh;
        zone->policy.quota.word = &sh->quota;

        return NGX_OK;
    }

    len = sizeof(" in webhook zone \"\"") + shm_zone->shm.name.len;

    zone->shpool->log_ctx = ngx_slab_alloc(zone->shpool, len);
    if (zone->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(zone->shpool->log_ctx, " in webhook zone \"%V\"%Z",
                &shm_zone->shm.name);

    /*
     * All in one piece, the slab is not used again.  It was not used before
     * either, so it is all zeroes, and stays unmapped where nothing is: most
     * of a large zone.
     */

    size = zone->shpool->pfree * ngx_pagesize;
    n = ngx_http_webhook_zone_buckets(size);

    if (size < offsetof(ngx_http_webhook_zone_sh_t, buckets)
               + n * sizeof(ngx_atomic_t))
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "no room%s for another layout",
                      zone->shpool->log_ctx);
        return NGX_ERROR;
    }

    sh = ngx_slab_alloc(zone->shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->version = NGX_HTTP_WEBHOOK_ZONE_VERSION;
    sh->size = sizeof(ngx_http_webhook_zone_endpoint_t);
    sh->nbuckets = n;

    wh_shelf_init(&sh->shelf,
                  size - offsetof(ngx_http_webhook_zone_sh_t, shelf));

    zone->shpool->data = sh;
    zone->sh = sh;
    zone->policy.quota.word = &sh->quota;

    return NGX_OK;
}


/* so that few entries are in one of them, if the zone is full of endpoints */

static ngx_uint_t
ngx_http_webhook_zone_buckets(size_t size)
{
    ngx_uint_t  n;

    for (n = 8; n < size / sizeof(ngx_http_webhook_zone_endpoint_t); n *= 2) {
        /* void */
    }

    return n;
}


/*
 * Workers of before a reload may still be there; with "worker_processes" behind
 * "http" their number is not known here.
 */

static size_t
ngx_http_webhook_zone_endpoint_size(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep)
{
    size_t            size;
    unsigned          n;
    ngx_core_conf_t  *ccf;

    size = sizeof(ngx_http_webhook_zone_endpoint_t);

    if (ep->policy.concurrency > WH_PERMITS_FIRST) {
        size += sizeof(ngx_http_webhook_zone_permits_t);
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->worker_processes > 0) {
        n = (unsigned) ngx_min(ccf->worker_processes,
                               NGX_HTTP_WEBHOOK_SLOTS / 2);

        size += wh_backlog_blocks(2 * n)
                * sizeof(ngx_http_webhook_zone_parts_t);
    }

    return size;
}


ngx_http_webhook_counters_t *
ngx_http_webhook_zone_counters(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_str_t                         *name;
    ngx_http_webhook_counters_t       *c;
    ngx_http_webhook_zone_sh_t        *sh;
    ngx_http_webhook_zone_permits_t   *more;
    ngx_http_webhook_zone_endpoint_t  *e;

    sh = zone->sh;
    name = &ep->name;

    if (name->len > NGX_HTTP_WEBHOOK_NAME_MAX) {
        return NULL;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_http_webhook_zone_index(sh);

    e = (ngx_http_webhook_zone_endpoint_t *)
            ngx_http_webhook_zone_lookup(sh, NGX_HTTP_WEBHOOK_ZONE_ENDPOINT,
                                         name);
    if (e == NULL) {
        e = (ngx_http_webhook_zone_endpoint_t *)
                ngx_http_webhook_zone_new(sh, NGX_HTTP_WEBHOOK_ZONE_ENDPOINT,
                                     sizeof(ngx_http_webhook_zone_endpoint_t));
        if (e) {
            e->entry.hash = ngx_crc32_short(name->data, name->len);
            e->len = name->len;
            ngx_memcpy(e->name, name->data, name->len);

            ngx_memory_barrier();

            sh->used += e->entry.size;

            ngx_http_webhook_zone_index(sh);
        }
    }

    c = e ? &e->counters : NULL;

    if (c && ep->policy.concurrency > WH_PERMITS_FIRST
        && !wh_permit_extended(&c->permits))
    {
        more = (ngx_http_webhook_zone_permits_t *)
                   ngx_http_webhook_zone_new(sh, NGX_HTTP_WEBHOOK_ZONE_PERMITS,
                                      sizeof(ngx_http_webhook_zone_permits_t));
        if (more) {
            sh->used += more->entry.size;

            wh_permit_extend(&c->permits, more->holders);

        } else {
            c = NULL;
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (c == NULL && ngx_atomic_cmp_set(&sh->full, 0, 1)) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "webhook zone \"%V\" is full, there is no room for "
                      "endpoint \"%V\"", &zone->name, name);
    }

    return c;
}


/* zeroed memory behind what is used, NULL: there is no more */

static ngx_http_webhook_zone_entry_t *
ngx_http_webhook_zone_new(ngx_http_webhook_zone_sh_t *sh, ngx_uint_t type,
    size_t size)
{
    size_t                          bottom, used;
    ngx_http_webhook_zone_entry_t  *e;

    used = ngx_http_webhook_zone_used(sh);
    bottom = sh->shelf.bottom;

    if (used > bottom || bottom - used < size) {
        return NULL;
    }

    e = ngx_http_webhook_zone_entry(sh, sh->used + 1);

    /* it may be that a process was killed when it filled this */

    ngx_memzero(e, size);

    e->size = size;
    e->type = type;

    return e;
}


static void
ngx_http_webhook_zone_index(ngx_http_webhook_zone_sh_t *sh)
{
    ngx_uint_t                      n;
    ngx_atomic_t                   *bucket;
    ngx_http_webhook_zone_event_t  *event;
    ngx_http_webhook_zone_entry_t  *e;

    while (sh->indexed < sh->used) {

        n = sh->indexed + 1;
        e = ngx_http_webhook_zone_entry(sh, n);

        /* this may have been done, but for the last step */

        bucket = ngx_http_webhook_zone_bucket(sh, e->hash);

        if ((e->type == NGX_HTTP_WEBHOOK_ZONE_ENDPOINT
             || e->type == NGX_HTTP_WEBHOOK_ZONE_EVENT)
            && *bucket != n)
        {
            e->next = *bucket;

            ngx_memory_barrier();

            *bucket = n;
        }

        if (e->type == NGX_HTTP_WEBHOOK_ZONE_EVENT && sh->events != n) {
            event = (ngx_http_webhook_zone_event_t *) e;
            event->results.prev = sh->events;

            ngx_memory_barrier();

            sh->events = n;
        }

        ngx_memory_barrier();

        sh->indexed += e->size;
    }
}


/* octets of the shelf that are not for windows */

static size_t
ngx_http_webhook_zone_used(ngx_http_webhook_zone_sh_t *sh)
{
    return (size_t) (ngx_http_webhook_zone_entries(sh) - (u_char *) &sh->shelf)
           + sh->used;
}


static size_t
ngx_http_webhook_zone_need(wh_limit_t *limit)
{
    return limit->n ? wh_shelf_need(limit->n) : 0;
}


char *
ngx_http_webhook_zone_check(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    size_t                         room, need, windows;
    ngx_uint_t                     i, k, z;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_endpoint_t  **ep;

    zone = wmcf->zones.elts;
    ep = wmcf->endpoints.elts;

    for (z = 0; z < wmcf->zones.nelts; z++) {

        /* what nginx's own structures take of it, about */

        room = zone[z]->size - 4 * ngx_pagesize - zone[z]->size / 64;

        windows = ngx_http_webhook_zone_need(&zone[z]->policy.limit);
        need = sizeof(ngx_http_webhook_zone_sh_t)
               + ngx_http_webhook_zone_buckets(zone[z]->size)
                 * sizeof(ngx_atomic_t);

        for (i = 0; i < wmcf->endpoints.nelts; i++) {

            if (ep[i]->zone != zone[z]) {
                continue;
            }

            need += ngx_http_webhook_zone_endpoint_size(cf, ep[i]);

            for (k = 0; k < ep[i]->policy.nlimits; k++) {
                windows += ngx_http_webhook_zone_need(&ep[i]->policy.limits[k]);
            }
        }

        if (windows && need + windows > room) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "webhook_zone \"%V\" of %uz is too small for the "
                          "failure windows of its endpoints, it must be at "
                          "least %uz in %s:%ui",
                          &zone[z]->name, zone[z]->size,
                          ngx_align((need + windows) / 63 * 64
                                    + 5 * ngx_pagesize, ngx_pagesize),
                          zone[z]->file ? (char *) zone[z]->file : "-",
                          zone[z]->line);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


void
ngx_http_webhook_zone_attach(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;

    ep->policy.zone = &ep->zone->policy;
    ep->policy.cell = &c->cell;
    ep->policy.permits = &c->permits;
    ep->policy.rate.word = &c->rate;
    ep->policy.quota.word = &c->quota;
}


ngx_int_t
ngx_http_webhook_zone_void(ngx_http_webhook_zone_t *zone, uint32_t pid,
    unsigned slot, ngx_uint_t *entry, ngx_uint_t *n)
{
    wh_part_t                         *part;
    ngx_uint_t                         used;
    ngx_http_webhook_counters_t       *c;
    ngx_http_webhook_zone_sh_t        *sh;
    ngx_http_webhook_zone_entry_t     *e;
    ngx_http_webhook_zone_endpoint_t  *endpoint;

    sh = zone->sh;
    used = sh->used;

    ngx_memory_barrier();

    while (*entry < used) {

        if (*n == 0) {
            return NGX_AGAIN;
        }

        (*n)--;

        e = ngx_http_webhook_zone_entry(sh, *entry + 1);

        if (e->type == NGX_HTTP_WEBHOOK_ZONE_ENDPOINT) {
            endpoint = (ngx_http_webhook_zone_endpoint_t *) e;
            c = &endpoint->counters;

            (void) wh_permit_void(&c->permits, pid);

            part = wh_backlog_part(&c->backlog, slot);

            if (part) {
                wh_part_void(part);
            }
        }

        *entry += e->size;
    }

    return NGX_OK;
}


wh_part_t *
ngx_http_webhook_zone_part(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_counters_t *counters, unsigned slot)
{
    wh_part_t                      *part;
    ngx_http_webhook_zone_sh_t     *sh;
    ngx_http_webhook_zone_parts_t  *parts;

    sh = zone->sh;

    part = wh_backlog_part(&counters->backlog, slot);

    if (part
        || (u_char *) counters < (u_char *) sh
        || (u_char *) counters >= (u_char *) sh + zone->size)
    {
        return part;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_http_webhook_zone_index(sh);

    part = wh_backlog_part(&counters->backlog, slot);

    if (part == NULL) {
        parts = (ngx_http_webhook_zone_parts_t *)
                    ngx_http_webhook_zone_new(sh, NGX_HTTP_WEBHOOK_ZONE_PARTS,
                                        sizeof(ngx_http_webhook_zone_parts_t));
        if (parts) {

            /* whoever dies here leaves a block that nobody uses */

            sh->used += parts->entry.size;

            wh_backlog_extend(&counters->backlog, slot, &parts->block);

            part = wh_backlog_part(&counters->backlog, slot);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (part == NULL && ngx_atomic_cmp_set(&sh->full, 0, 1)) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "webhook zone \"%V\" is full, there is no room for "
                      "backlogs of so many worker processes", &zone->name);
    }

    return part;
}


ngx_uint_t
ngx_http_webhook_zone_begin(ngx_http_webhook_zone_t *zone)
{
    return (ngx_uint_t) wh_shelf_begin(&zone->sh->shelf);
}


void
ngx_http_webhook_zone_windows(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_main_conf_t *wmcf)
{
    uint32_t                       n;
    ngx_uint_t                     i, pass;
    wh_shelf_index_t               index, *ix;
    ngx_http_webhook_endpoint_t  **ep;

    ep = wmcf->endpoints.elts;

    ngx_shmtx_lock(&zone->shpool->mutex);

    /* without memory it takes longer */

    n = wh_shelf_count(&zone->sh->shelf);
    index.refs = n ? ngx_alloc(n * (sizeof(wh_shelf_ref_t)
                                    + sizeof(wh_shelf_size_t)),
                               ngx_cycle->log)
                   : NULL;
    ix = NULL;

    if (n == 0 || index.refs) {
        index.sizes = (wh_shelf_size_t *) (index.refs + n);
        wh_shelf_index(&zone->sh->shelf, &index);
        ix = &index;
    }

    for (pass = 0; pass < 3; pass++) {

        ngx_http_webhook_zone_place(zone, ix, 0, &zone->policy.limit,
                                    zone->policy.limit.n ? 1 : 0, pass);

        for (i = 0; i < wmcf->endpoints.nelts; i++) {

            /* an endpoint that has found no room is each worker's own */

            if (ep[i]->zone == zone && ep[i]->counters) {
                ngx_http_webhook_zone_place(zone, ix,
                                            (u_char *) ep[i]->counters
                                            - (u_char *) zone->sh,
                                            ep[i]->policy.limits,
                                            ep[i]->policy.nlimits,
                                            pass);
            }
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (index.refs) {
        ngx_free(index.refs);
    }
}


/* what is there is kept, what is too small moves, then comes what is new */

static void
ngx_http_webhook_zone_place(ngx_http_webhook_zone_t *zone,
    wh_shelf_index_t *index, uint64_t owner, wh_limit_t *limits, ngx_uint_t n,
    ngx_uint_t pass)
{
    wh_line_t    lines[WH_LIMITS];
    wh_shelf_t  *shelf;
    ngx_uint_t   i;

    if (n == 0) {
        return;
    }

    shelf = &zone->sh->shelf;

    ngx_http_webhook_zone_lines(limits, n, lines);

    if (pass == 0) {
        wh_shelf_keep(shelf, index, owner, lines, (uint32_t) n);

    } else {
        wh_shelf_add(shelf, index, owner, lines, (uint32_t) n, pass == 1,
                     ngx_http_webhook_zone_used(zone->sh));
    }

    for (i = 0; i < n; i++) {
        limits[i].window = lines[i].window;
    }
}


void
ngx_http_webhook_zone_lines(wh_limit_t *limits, ngx_uint_t n,
    wh_line_t *lines)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        lines[i].tag.time = limits[i].time;
        lines[i].tag.ban = limits[i].ban;
        lines[i].tag.n = limits[i].n;
        lines[i].tag.first = limits[i].first;
        lines[i].window = limits[i].window;
    }
}


ngx_int_t
ngx_http_webhook_zone_own(ngx_cycle_t *cycle, ngx_http_webhook_zone_t *zone,
    wh_limit_t *limit, ngx_str_t *name)
{
    wh_window_t  *w;

    if (limit->n == 0 || limit->window) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                  "no room for a failure window of \"%V\" in webhook zone "
                  "\"%V\", each worker process counts for itself until "
                  "nginx is started again", name, &zone->name);

    w = ngx_pcalloc(cycle->pool, wh_window_size(limit->n));
    if (w == NULL) {
        return NGX_ERROR;
    }

    wh_window_init(w, limit->n);

    limit->window = w;

    return NGX_OK;
}


wh_zone_t *
ngx_http_webhook_zone_policy(ngx_http_webhook_zone_t *zone)
{
    return &zone->policy;
}


ngx_http_webhook_told_t *
ngx_http_webhook_zone_told(ngx_http_webhook_zone_t *zone)
{
    return &zone->sh->told;
}


ngx_str_t *
ngx_http_webhook_zone_name(ngx_http_webhook_zone_t *zone)
{
    return &zone->name;
}


char *
ngx_http_webhook_zone_end_name(wh_end_e end)
{
    return ngx_http_webhook_zone_ends[end];
}


ngx_uint_t
ngx_http_webhook_zone_generation(ngx_http_webhook_zone_t *zone)
{
    return zone->sh->generation;
}


void
ngx_http_webhook_zone_changed(ngx_http_webhook_zone_t *zone)
{
    (void) ngx_atomic_fetch_add(&zone->sh->generation, 1);
}


static ngx_http_webhook_zone_entry_t *
ngx_http_webhook_zone_lookup(ngx_http_webhook_zone_sh_t *sh, ngx_uint_t type,
    ngx_str_t *name)
{
    size_t                             len;
    u_char                            *data;
    ngx_uint_t                         n, hash;
    ngx_http_webhook_zone_entry_t     *e;
    ngx_http_webhook_zone_event_t     *event;
    ngx_http_webhook_zone_endpoint_t  *endpoint;

    hash = ngx_crc32_short(name->data, name->len);

    for (n = *ngx_http_webhook_zone_bucket(sh, hash); n; n = e->next) {

        e = ngx_http_webhook_zone_entry(sh, n);

        if (e->hash != hash || e->type != type) {
            continue;
        }

        if (type == NGX_HTTP_WEBHOOK_ZONE_ENDPOINT) {
            endpoint = (ngx_http_webhook_zone_endpoint_t *) e;
            len = endpoint->len;
            data = endpoint->name;

        } else {
            event = (ngx_http_webhook_zone_event_t *) e;
            len = event->results.len;
            data = event->results.name;
        }

        if (len == name->len && ngx_memcmp(data, name->data, len) == 0) {
            return e;
        }
    }

    return NULL;
}


ngx_http_webhook_results_t *
ngx_http_webhook_zone_results(ngx_http_webhook_zone_t *zone, ngx_str_t *event)
{
    ngx_http_webhook_zone_sh_t     *sh;
    ngx_http_webhook_zone_event_t  *e;

    sh = zone->sh;

    if (event->len > NGX_HTTP_WEBHOOK_EVENT_NAME) {
        return &sh->others;
    }

    ngx_shmtx_lock(&zone->shpool->mutex);

    ngx_http_webhook_zone_index(sh);

    e = (ngx_http_webhook_zone_event_t *)
            ngx_http_webhook_zone_lookup(sh, NGX_HTTP_WEBHOOK_ZONE_EVENT,
                                         event);
    if (e == NULL) {
        e = (ngx_http_webhook_zone_event_t *)
                ngx_http_webhook_zone_new(sh, NGX_HTTP_WEBHOOK_ZONE_EVENT,
                                        sizeof(ngx_http_webhook_zone_event_t));
        if (e) {
            e->entry.hash = ngx_crc32_short(event->data, event->len);
            e->results.len = event->len;
            ngx_memcpy(e->results.name, event->data, event->len);

            ngx_memory_barrier();

            sh->used += e->entry.size;

            ngx_http_webhook_zone_index(sh);
        }
    }

    ngx_shmtx_unlock(&zone->shpool->mutex);

    return e ? &e->results : &sh->others;
}


ngx_http_webhook_results_t *
ngx_http_webhook_zone_next(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_results_t *results)
{
    ngx_uint_t                      n;
    ngx_http_webhook_zone_sh_t     *sh;
    ngx_http_webhook_zone_event_t  *e;

    sh = zone->sh;

    if (results == &sh->others) {
        return NULL;
    }

    n = results ? results->prev : sh->events;

    if (n == 0) {
        return &sh->others;
    }

    e = (ngx_http_webhook_zone_event_t *) ngx_http_webhook_zone_entry(sh, n);

    return &e->results;
}


void
ngx_http_webhook_zone_init_module(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_zone_t  **zone;

    if (wmcf->zones.nelts) {
        zone = wmcf->zones.elts;
        wmcf->meter = &zone[0]->sh->meter;
    }
}


void
ngx_http_webhook_zone_bytes(ngx_http_webhook_zone_t *zone, size_t *used,
    size_t *unused)
{
    size_t  bottom, entries;

    bottom = zone->sh->shelf.bottom;
    entries = ngx_http_webhook_zone_used(zone->sh);

    *unused = bottom > entries ? bottom - entries : 0;
    *used = zone->size - *unused;
}


char *
ngx_http_webhook_result_name(ngx_http_webhook_result_e result)
{
    return ngx_http_webhook_result_names[result];
}
