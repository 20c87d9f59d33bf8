
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What the oracle knows.
 */


#ifndef _ORACLE_H_INCLUDED_
#define _ORACLE_H_INCLUDED_


#include "model.h"


/* times are by the delivery's own clock, but for "since" and "notbefore" */

typedef struct {
    uint32_t      attempts;
    uint32_t      throttled;
    uint64_t      first;
    uint64_t      planned;
    unsigned      ended:1;
} oracle_progress_t;


typedef struct {
    uint32_t           attempts;
    uint32_t           throttled;
    uint64_t           first;
    uint64_t           planned;
    uint64_t           notbefore;
    unsigned           ended:1;
    unsigned           inflight:1;
    unsigned           here:1;       /* in the memory of its owner */
    unsigned           counted:1;    /* by quotas */
    unsigned           disabled:1;   /* captured while its endpoint was */
    uint64_t           since;        /* ... since then */
    oracle_progress_t  stored;
} oracle_delivery_t;


typedef struct {
    uint64_t           start;
    uint32_t           count;
} oracle_quota_t;


/* what a store brings back beside windows */

typedef struct {
    uint64_t           row;
    uint64_t           failing;
    uint64_t           probe;
    int                lease;
    oracle_quota_t     quota;
} oracle_saved_t;


typedef struct {
    uint32_t           reason;
    uint64_t           since;
    uint64_t           until;        /* 0: no end of its own */
    uint64_t           probe;        /* the next one is due; 0: not known */
    int                lease;        /* lane whose probe it is, or NOBODY */
    int                probing;      /* attempt that is the probe */
    uint32_t           nperiods;
    uint64_t           from[PERIODS];
    uint64_t           to[PERIODS];  /* NEVER: still disabled */
    uint64_t           row;          /* failures */
    uint64_t           failing;      /* since; 0: not */
    oracle_quota_t     quota;
    uint32_t           ntakes;
    uint64_t           takes[TAKES];
    oracle_saved_t     saved;
} oracle_endpoint_t;


extern oracle_delivery_t  known[DELIVERIES];
extern oracle_endpoint_t  endpoints[ENDPOINTS];
extern oracle_quota_t     zones[ZONES];
extern oracle_quota_t     saved_zones[ZONES];


void oracle_policy_init(void);

/* ms that the endpoint was disabled, or paused, before "now" */
uint64_t oracle_halted(int e, uint64_t now);

/* true when it is not enabled, and not paused either */
int oracle_disabled(int e);

/* how long it holds; the transition, and whether there is one */
int oracle_strength(uint32_t reason, uint64_t until);
int oracle_disable(const endpoint_conf_t *c, int e, uint32_t reason,
    uint64_t ban);

uint64_t oracle_probe(const endpoint_conf_t *c, int e);
int oracle_used_up(const conf_t *conf, int e);
void oracle_begin_policy(const endpoint_conf_t *c, attempt_t *a);
int oracle_rate_room(const endpoint_conf_t *c, int e);
int oracle_probe_due(const endpoint_conf_t *c, int e);
int oracle_leased_by(int e, int lane);


#endif /* _ORACLE_H_INCLUDED_ */
