
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A model of everything around the scheduler: processes, what they share, the
 * store, targets and a clock, all made of one seed; and an oracle that knows
 * the contract, and nothing of how the scheduler keeps it.
 */


#ifndef _MODEL_H_INCLUDED_
#define _MODEL_H_INCLUDED_


#include "wh_sched.h"

#include <stdio.h>
#include <stdlib.h>


#define ENDPOINTS   3
#define KEYS        3
#define LANES       (ENDPOINTS * KEYS)
#define ZONES       2
#define WORKERS     10           /* slots of processes */
#define DELIVERIES  48
#define ATTEMPTS    256          /* at a time */
#define WINDOWS     96           /* also those of former configurations */
#define FAILURES    128          /* the last ones of a window */
#define PERIODS     1024         /* an endpoint was disabled so often */
#define TAKES       1024         /* the last ones of a rate */
#define LIMIT_MAX   5            /* failures that windows tolerate here */

#define MARGIN      100          /* ms a lease is longer than an attempt */
#define NONE_DELAY  100          /* ms after no local resources */
#define BAN_MAX     8000         /* ms, also of a pause */
#define DAY         86400000

#define NOBODY      -1
#define NEVER       UINT64_MAX


/* a configuration, in the words of the contract; times in ms */

typedef struct {
    uint32_t      n;             /* 0: none */
    uint64_t      time;
    uint64_t      ban;
    int           first;
} limit_t;


typedef struct {
    wh_order_e    order;
    uint32_t      concurrency;
    uint32_t      ndelays;       /* exponential: count=, 0: without */
    uint64_t      delays[4];
    uint64_t      min;
    uint64_t      max;           /* 0: a list, or off */
    uint32_t      jitter;
    uint64_t      expire;
    uint64_t      max_age;
    uint64_t      after_max;
    uint32_t      rate;          /* in rate_time */
    uint64_t      rate_time;
    uint32_t      burst;
    uint32_t      quota;
    uint64_t      quota_time;
    uint32_t      nlimits;
    limit_t       limits[WH_LIMITS];
    uint32_t      consecutive;
    uint64_t      after;
    wh_while_e    while_disabled;
    uint64_t      probe;
    int           zone;
    uint64_t      timeout;
    int           count_throttled;
} endpoint_conf_t;


typedef struct {
    limit_t       limit;
    uint32_t      quota;
    uint64_t      quota_time;
} zone_conf_t;


typedef struct {
    unsigned         number;
    endpoint_conf_t  endpoints[ENDPOINTS];
    zone_conf_t      zones[ZONES];
} conf_t;


/* times of failures since the window began anew */

typedef struct {
    uint32_t      n;
    uint64_t      times[FAILURES];
} failures_t;


/* a window, and what the oracle knows of it */

typedef struct {
    union {
        wh_window_t  window;
        char         room[sizeof(wh_window_t)
                          + (LIMIT_MAX + 1 + WH_WINDOW_SLACK)
                            * sizeof(uint64_t)];
    } u;

    failures_t    failures;
} window_t;


typedef struct {
    int           endpoint;
    int           key;
    uint64_t      seq;
    uint64_t      time;          /* of the commit */

    /* the store */

    wh_progress_t progress;
    unsigned      moved:1;       /* the progress is its */
    unsigned      ended:1;
    wh_end_e      end;

    /* what its owner has not stored yet */

    unsigned      op;            /* its number; 0: nothing */
    unsigned      op_end:1;
    wh_end_e      op_ended;
    wh_progress_t op_progress;
    int           op_worker;
    unsigned      op_fence;
} delivery_t;


typedef struct {
    unsigned      used:1;
    unsigned      first:1;       /* of its delivery */
    unsigned      voided:1;      /* its permit is another one's */
    unsigned      lost:1;        /* its lane is another one's */
    unsigned      gone:1;        /* its process is dead */
    unsigned      number;
    int           worker;
    int           delivery;
    int           endpoint;
    unsigned      conf;
    int           permit;
    uint64_t      probe;         /* its number; 0: it is none */
    uint64_t      begin;
    wh_outcome_t  outcome;
    struct item_s  *item;
} attempt_t;


typedef enum {
    COMMAND_DISABLE = 0,
    COMMAND_ENABLE,
    COMMAND_PAUSE,
    COMMAND_RESUME,
    COMMANDS
} command_e;


/* the run */

typedef struct {
    uint64_t      seed;
    uint64_t      random;
    uint64_t      now;           /* the clock of the kernel */
    int64_t       offset;        /* that of the wall to it */
    unsigned      exact:1;       /* no clock is set, no transition is lost */
    unsigned      trace:1;
    unsigned      final:1;       /* all targets are well */
    int           nendpoints;
    int           nkeys;
    uint64_t      steps;
    int           ndeliveries;
    delivery_t    deliveries[DELIVERIES];
    attempt_t     attempts[ATTEMPTS];
} run_t;


extern run_t  run;


__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *fmt,
    ...);
__attribute__((format(printf, 1, 2))) void trace(const char *fmt, ...);

#define check(cond, ...)                                                      \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fail(__VA_ARGS__);                                                \
        }                                                                     \
    } while (0)


/* random numbers out of the seed: 0 to n - 1, and true once in n times */
uint32_t pick(uint32_t n);
int one_in(uint32_t n);


/* conf.c */
void conf_random(conf_t *conf, unsigned number, const conf_t *old);
void conf_policy(const endpoint_conf_t *c, wh_policy_t *p);


/*
 * The oracle.  It is told what happens, when it does, and fails the run where
 * that is not what the contract says.
 */

void oracle_init(void);
void oracle_tick(void);
void oracle_captured(int d);
void oracle_known(int d);

/* what a call of the scheduler has answered */
void oracle_permit_refused(const endpoint_conf_t *c, int e);
void oracle_rate(const endpoint_conf_t *c, int e, int taken);
void oracle_quota(const conf_t *conf, int e, int d, int taken,
    const wh_change_t *change);
void oracle_begin(const conf_t *conf, attempt_t *a, int unordered,
    uint64_t now);
void oracle_leased(const endpoint_conf_t *c, int e, int lane, uint64_t until);
void oracle_renewed(const endpoint_conf_t *c, int e, int lane);
void oracle_lease_void(int e, int lane);
void oracle_refused(const endpoint_conf_t *c, int d, wh_end_e end,
    int probe);

/* an attempt is over; its report, then its end */
void oracle_report(const conf_t *conf, const attempt_t *a,
    window_t *const *windows, window_t *zone, const wh_report_t *r);
void oracle_tripped(const conf_t *conf, int e, const wh_change_t *change);
void oracle_operator(const conf_t *conf, int e, command_e command,
    window_t *const *windows, const wh_change_t *change);
void oracle_done(const conf_t *conf, const attempt_t *a, wh_done_e rc,
    wh_end_e end, const wh_progress_t *progress);

/* the store, and processes */
void oracle_stored(int d);
void oracle_forget(int d);
void oracle_save(int e);
void oracle_save_zone(int z);
void oracle_restart(void);

/* a process looks at an endpoint: what its configuration allows goes on */
void oracle_look(const conf_t *conf, int e);

/* the state of an endpoint that it has seen */
void oracle_state(const conf_t *conf, int e, const wh_state_t *s);

/* nothing more happens at this time: has all that had to? */
void oracle_settled(const conf_t *conf, int lane, int unordered, int partial,
    uint64_t idle_until);
void oracle_settled_probe(const conf_t *conf, int e, int lane);
void oracle_finished(void);


/* world.c: endpoint and key of a lane */
#define lane_endpoint(lane)  ((lane) / KEYS)
#define lane_key(lane)       ((lane) % KEYS)
#define delivery_lane(d)                                                      \
    (run.deliveries[d].endpoint * KEYS + run.deliveries[d].key)

void world_run(void);


#endif /* _MODEL_H_INCLUDED_ */
