
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The shared memory zone.  The only file that knows its locks and its slab.
 */


#ifndef _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"

#include "wh_hist.h"
#include "wh_lane.h"
#include "wh_shelf.h"


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


#define NGX_HTTP_WEBHOOK_SLOTS    256  /* worker processes beside each other */
#define NGX_HTTP_WEBHOOK_NCLASS   16


/* failures of an endpoint that are remembered */
#define NGX_HTTP_WEBHOOK_FAILURES    4
#define NGX_HTTP_WEBHOOK_FAILURE_ID  64


/* without a lock: it is there if both numbers are the same, and not 0 */

typedef struct {
    uint64_t                      begun;
    uint64_t                      time;      /* ms since the epoch */
    uint16_t                      status;
    uint8_t                       class;
    uint8_t                       len;       /* of the id, 0: a longer one */
    u_char                        id[NGX_HTTP_WEBHOOK_FAILURE_ID];
    uint64_t                      ended;
} ngx_http_webhook_failure_t;


/* what operators know of; see ..._notice.c, by recipients: webhooks, mail */

typedef struct {
    uint64_t                      trip;      /* ms, of the zone's window */
    ngx_atomic_t                  full;      /* events without room */
    ngx_atomic_t                  told[2];   /* of these */
    uint64_t                      stamps[2][2];  /* ms: the first that is */
                                             /* dead; told that it is full */
} ngx_http_webhook_told_t;


/* one endpoint in shared memory: fixed layout, no pointers */

typedef struct {
    ngx_atomic_t                  ends[WH_NEND];
    ngx_atomic_t                  attempts[NGX_HTTP_WEBHOOK_NCLASS];
    ngx_atomic_t                  mistyped;  /* values not of their type */
    ngx_atomic_t                  untranslated;  /* values */
    wh_permits_t                  permits;
    ngx_atomic_t                  pace;      /* of the last attempt, see peer */
    wh_cell_t                     cell;      /* enabled or disabled */
    uint64_t                      rate;
    uint64_t                      quota;
    ngx_atomic_t                  config;    /* that it was in last */
    ngx_atomic_t                  changes;   /* of windows */
    ngx_atomic_t                  stored;    /* those that the store has */
    ngx_atomic_t                  told[2];   /* dead ones, see ..._told_t */
    ngx_atomic_t                  probe;     /* ms, one that was told of */
    ngx_atomic_t                  nfailures;
    ngx_http_webhook_failure_t    failures[NGX_HTTP_WEBHOOK_FAILURES];
    wh_hist_t                     durations; /* of attempts */
    wh_hist_t                     latencies; /* of deliveries */
    wh_backlog_t                  backlog;
} ngx_http_webhook_counters_t;


/* octets of an event, or of a pattern of events */
#define NGX_HTTP_WEBHOOK_EVENT_NAME  128


/* one event in shared memory, as it is configured; likewise */

typedef struct {
    ngx_uint_t                    prev;      /* the one before, as the zone
                                                counts; 0: none */
    ngx_uint_t                    len;
    u_char                        name[NGX_HTTP_WEBHOOK_EVENT_NAME];
    ngx_atomic_t                  results[NGX_HTTP_WEBHOOK_NRESULT];
} ngx_http_webhook_results_t;


/* what is measured of all processes that use the zone */

struct ngx_http_webhook_meter_s {
    wh_hist_t                     commits;
    uint64_t                      stall;     /* ns, the longest */
    uint64_t                      warehouse; /* octets used, as last seen */
};


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
 * The endpoint's counters, made on first use, with permits for its
 * concurrency.  NULL: the zone is full (logged).  Takes the zone's lock: not
 * for the hot path.
 */
ngx_http_webhook_counters_t *ngx_http_webhook_zone_counters(
    ngx_http_webhook_zone_t *zone, ngx_http_webhook_endpoint_t *ep);

/* after endpoints are known: is there room for all their windows? */
char *ngx_http_webhook_zone_check(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* what an endpoint's policy shares, once the endpoint has its counters */
void ngx_http_webhook_zone_attach(ngx_http_webhook_endpoint_t *ep);

/*
 * Permits of a process that has ended, or does not run, are void, and what the
 * one in "slot" knows of backlogs: those of all endpoints that the zone knows,
 * whatever configuration they are from.  *entry is 0 at first, and where to go
 * on after NGX_AGAIN; NGX_OK: that was all.  *n entries are looked at at most,
 * it is less by those that were.
 */
ngx_int_t ngx_http_webhook_zone_void(ngx_http_webhook_zone_t *zone,
    uint32_t pid, unsigned slot, ngx_uint_t *entry, ngx_uint_t *n);

/*
 * The part of a backlog that the process in "slot" writes, made on first use.
 * NULL: the zone is full (logged), or the counters are not in it.  May take
 * the zone's lock: not for the hot path.
 */
wh_part_t *ngx_http_webhook_zone_part(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_counters_t *counters, unsigned slot);

/*
 * Master: another configuration uses the zone; its number, from 1.  Then, when
 * the endpoints have their counters: their windows, and the zone's own, are put
 * into the limits, those of unchanged lines as they are.  Takes the lock.
 */
ngx_uint_t ngx_http_webhook_zone_begin(ngx_http_webhook_zone_t *zone);
void ngx_http_webhook_zone_windows(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * Worker: a limit that has found no room gets a window of the worker's own,
 * logged.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_zone_own(ngx_cycle_t *cycle,
    ngx_http_webhook_zone_t *zone, wh_limit_t *limit,
    ngx_str_t *name);

/* limits as lines of a shelf, which there is room for */
void ngx_http_webhook_zone_lines(wh_limit_t *limits,
    ngx_uint_t n, wh_line_t *lines);

/* what holds for all endpoints of the zone */
wh_zone_t *ngx_http_webhook_zone_policy(ngx_http_webhook_zone_t *zone);

ngx_http_webhook_told_t *ngx_http_webhook_zone_told(
    ngx_http_webhook_zone_t *zone);

ngx_str_t *ngx_http_webhook_zone_name(ngx_http_webhook_zone_t *zone);

/* a constant, NUL-terminated, as API and logs have it */
char *ngx_http_webhook_zone_end_name(wh_end_e end);

/* transitions of all endpoints of the zone so far, and one more of them */
ngx_uint_t ngx_http_webhook_zone_generation(ngx_http_webhook_zone_t *zone);
void ngx_http_webhook_zone_changed(ngx_http_webhook_zone_t *zone);

/*
 * Where results of an event are counted, without a lock; made on first use,
 * which takes it.  Without room, those of all such events.
 */
ngx_http_webhook_results_t *ngx_http_webhook_zone_results(
    ngx_http_webhook_zone_t *zone, ngx_str_t *event);

/*
 * The next one, "results" is NULL at first, and at last that of events without
 * a name of their own (len is 0); NULL: there is no more.
 */
ngx_http_webhook_results_t *ngx_http_webhook_zone_next(
    ngx_http_webhook_zone_t *zone, ngx_http_webhook_results_t *results);

/* master: wmcf->meter is in the first zone */
void ngx_http_webhook_zone_init_module(ngx_http_webhook_main_conf_t *wmcf);

/* octets of its memory that are used, and those that are not */
void ngx_http_webhook_zone_bytes(ngx_http_webhook_zone_t *zone,
    size_t *used, size_t *unused);

char *ngx_http_webhook_result_name(ngx_http_webhook_result_e result);


#endif /* _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_ */
