
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The shared memory zone.  The only file that knows its locks and its slab.
 */


#ifndef _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"

#include "wh_state.h"


/* what becomes of a trigger's match; names in ngx_http_webhook_result_name() */

typedef enum {
    NGX_HTTP_WEBHOOK_COMMITTED = 0,
    NGX_HTTP_WEBHOOK_LATE,
    NGX_HTTP_WEBHOOK_DUPLICATE,
    NGX_HTTP_WEBHOOK_SUPPRESSED,
    NGX_HTTP_WEBHOOK_FILTERED,
    NGX_HTTP_WEBHOOK_DROPPED,
    NGX_HTTP_WEBHOOK_REJECTED,
    NGX_HTTP_WEBHOOK_NRESULT
} ngx_http_webhook_result_e;


/* the four ends of a delivery */

typedef enum {
    NGX_HTTP_WEBHOOK_DELIVERED = 0,
    NGX_HTTP_WEBHOOK_DEAD,
    NGX_HTTP_WEBHOOK_EXPIRED,
    NGX_HTTP_WEBHOOK_LOST_DROPPED,
    NGX_HTTP_WEBHOOK_NEND
} ngx_http_webhook_end_e;


#define NGX_HTTP_WEBHOOK_SLOTS    256  /* worker processes beside each other */
#define NGX_HTTP_WEBHOOK_NCLASS   16
#define NGX_HTTP_WEBHOOK_PERMITS  256  /* the most that "concurrency" allows */


/*
 * One endpoint in shared memory: fixed layout, no pointers.  A permit names
 * who holds it, so that taking one and recording its holder is one step, and
 * a holder's death at any point leaks nothing.
 */

typedef struct {
    ngx_atomic_t                  ends[NGX_HTTP_WEBHOOK_NEND];
    ngx_atomic_t                  attempts[NGX_HTTP_WEBHOOK_NCLASS];
    ngx_atomic_t                  mistyped;  /* values not of their type */
    ngx_atomic_t                  permits[NGX_HTTP_WEBHOOK_PERMITS];
    ngx_atomic_t                  wanted;    /* somebody waits for a permit */
    wh_cell_t                     cell;      /* enabled or disabled */
    ngx_atomic_t                  windows[NGX_HTTP_WEBHOOK_LIMITS];
                                             /* where they are, 0: none */
    ngx_atomic_t                  restored;  /* out of the store */
    ngx_atomic_t                  changes;   /* of windows */
    ngx_atomic_t                  stored;    /* those that the store has */
} ngx_http_webhook_counters_t;


/* "webhook_zone NAME SIZE [disable=N/TIME];" */
char *ngx_http_webhook_zone_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* by name; NULL if there is none; an empty name gives the first one */
ngx_http_webhook_zone_t *ngx_http_webhook_zone_find(
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name);

/* after the configuration was read: the implicit zone when none was named */
char *ngx_http_webhook_zone_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * The endpoint's counters, made on first use.  NULL: the zone is full
 * (logged).  Takes the zone's lock: not for the hot path.
 */
ngx_http_webhook_counters_t *ngx_http_webhook_zone_counters(
    ngx_http_webhook_zone_t *zone, ngx_str_t *endpoint);

/* after endpoints are known: is there room for all their windows? */
char *ngx_http_webhook_zone_check(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * The windows of an endpoint, or of the zone itself, made on first use, are
 * put into its limits.  NGX_ERROR: no memory.  Takes the zone's lock.
 */
ngx_int_t ngx_http_webhook_zone_windows(ngx_cycle_t *cycle,
    ngx_http_webhook_endpoint_t *ep);
ngx_int_t ngx_http_webhook_zone_window(ngx_cycle_t *cycle,
    ngx_http_webhook_zone_t *zone);

/* of all endpoints of the zone; n is 0 when there is none */
ngx_http_webhook_limit_t *ngx_http_webhook_zone_limit(
    ngx_http_webhook_zone_t *zone);

ngx_str_t *ngx_http_webhook_zone_name(ngx_http_webhook_zone_t *zone);

/* true to the first one who asks: what the store has is to be read */
ngx_uint_t ngx_http_webhook_zone_restore(ngx_http_webhook_zone_t *zone);

/* transitions of all endpoints of the zone so far, and one more of them */
ngx_uint_t ngx_http_webhook_zone_generation(ngx_http_webhook_zone_t *zone);
void ngx_http_webhook_zone_changed(ngx_http_webhook_zone_t *zone);

/* counts one result of a trigger in a zone; no lock */
void ngx_http_webhook_zone_count(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_result_e result);
ngx_uint_t ngx_http_webhook_zone_counted(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_result_e result);

/*
 * A permit to have one more attempt of the endpoint in flight, over all
 * workers: its number, or NGX_DECLINED when "max" are in flight.  Any number
 * will do for "slot" that no other living worker uses.
 */
ngx_int_t ngx_http_webhook_permit_take(ngx_http_webhook_counters_t *c,
    ngx_uint_t slot, ngx_uint_t max);
void ngx_http_webhook_permit_give(ngx_http_webhook_counters_t *c,
    ngx_uint_t slot, ngx_int_t permit);

/* a dead or stopped worker's permits are void; how many there were */
ngx_uint_t ngx_http_webhook_permit_void(ngx_http_webhook_counters_t *c,
    ngx_uint_t slot);

char *ngx_http_webhook_result_name(ngx_http_webhook_result_e result);


#endif /* _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_ */
