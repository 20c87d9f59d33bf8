
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Processes, what they share, and what happens.
 */


#ifndef _WORLD_H_INCLUDED_
#define _WORLD_H_INCLUDED_


#include "model.h"


#define EVENTS  8192


typedef enum {
    EVENT_CAPTURE = 0,           /* endpoint, key */
    EVENT_NOTIFY,                /* worker, lane: there is something new */
    EVENT_ATTEMPT,               /* attempt, its number: it is over */
    EVENT_LANE,                  /* worker, lane: a timer */
    EVENT_ROOM,                  /* worker: likewise */
    EVENT_STATE,                 /* worker: likewise */
    EVENT_PACE,                  /* worker, endpoint: likewise */
    EVENT_READ,                  /* worker, lane: out of the store */
    EVENT_STORE,                 /* delivery, number of the operation */
    EVENT_MOVE,                  /* delivery: to the store */
    EVENT_SAVE,                  /* worker: states */
    EVENT_TARGET,                /* endpoint, mode */
    EVENT_OPERATOR,              /* endpoint, command */
    EVENT_KILL,
    EVENT_STOP,
    EVENT_RESUME,                /* worker */
    EVENT_TAKEOVER,              /* worker, whether it was stopped only */
    EVENT_SPAWN,
    EVENT_RELOAD,
    EVENT_RESTART,
    EVENT_CUT,
    EVENT_CLOCK,
    EVENT_FINAL
} event_e;


typedef struct {
    uint64_t      time;
    uint64_t      number;
    event_e       type;
    int           a;
    unsigned      b;
    unsigned      life;          /* of a process; 0: any */
} event_t;


typedef enum {
    WAIT_NOTHING = 0,
    WAIT_ROOM,
    WAIT_ENABLED,
    WAIT_RATE
} wait_e;


typedef struct item_s {
    wh_item_t     core;
    int           delivery;
    uint64_t      delay;         /* it may wait for so long */
} item_t;


typedef struct {
    wh_lane_t     core;
    unsigned      fence;
    unsigned      mine:1;
    unsigned      ready:1;
    unsigned      reading:1;
    unsigned      turn:1;
    wait_e        waiting;
    uint64_t      turns;         /* in what order they wait */
    uint64_t      timer;
    uint64_t      idle_until;    /* no local resources */
} lane_t;


typedef enum {
    PROCESS_NONE = 0,
    PROCESS_RUNNING,
    PROCESS_STOPPED,
    PROCESS_DEAD                 /* nobody has taken over its lanes yet */
} process_e;


typedef struct {
    process_e     state;
    unsigned      leaving:1;     /* a former configuration's */
    unsigned      woken:1;
    unsigned      life;
    int64_t       skew;          /* of its clock */
    uint64_t      resumed;       /* its timers are late then */
    const conf_t *conf;
    wh_policy_t   policies[ENDPOINTS];
    wh_zone_t     zones[ZONES];
    window_t     *windows[ENDPOINTS][WH_LIMITS];
    window_t     *zone_windows[ZONES];
    lane_t        lanes[LANES];
    uint64_t      room_timer;
    uint64_t      state_timer;
    uint64_t      pace_timer[ENDPOINTS];
} worker_t;


typedef struct {
    wh_cell_t     cells[ENDPOINTS];
    wh_permits_t  permits[ENDPOINTS];
    uint64_t      rates[ENDPOINTS];
    uint64_t      quotas[ENDPOINTS];
    uint64_t      zone_quotas[ZONES];
    window_t     *windows[ENDPOINTS][WH_LIMITS];
    window_t     *zone_windows[ZONES];
} shared_t;


typedef struct {
    int           owner;
    unsigned      fence;
} owner_t;


extern worker_t  workers[WORKERS];
extern shared_t  shared;
extern owner_t   owners[LANES];


/* events.c */
void events_init(void);
void push(event_e type, uint64_t delay, int a, unsigned b, unsigned life);
int pop(event_t *event);

/* plan.c */
void plan(uint64_t until);
void target_set(int e, unsigned mode);
uint64_t target_answer(int e, const endpoint_conf_t *c, wh_outcome_t *o);

/* world.c */
uint64_t wall(const worker_t *w);
void wake_all(void);

/* processes.c */
void processes_init(void);
void process_start(int i, const conf_t *conf);
int process_random(void);
int process_unused(void);
void process_kill(int i);
void process_stop(int i);
void process_resume(int i);
void process_takeover(int i, int stopped);
void process_reload(const conf_t *conf);
void process_restart(const conf_t *conf);
int process_leave(int i);

/* shared.c */
void shared_init(void);
void shared_attach(worker_t *w);
void shared_save(const worker_t *w, int e);
void shared_save_all(const worker_t *w);
void shared_restore(const conf_t *conf);
window_t *window_create(uint32_t n);

/* store.c */
void lane_adopt(int i, int lane);
void lane_drop(int i, int lane);
void lane_notice(int i, int lane);
void lane_read(int i, int lane);
void lane_low(int i, int lane);
void lane_cut(int i, int lane);
void item_free(worker_t *w, lane_t *l, item_t *item);
void store_put(int i, item_t *item, int end, wh_end_e as);
void store_flush(int d);
void store_move(int d);

/* drive.c */
void drive(int i, int lane);
void drive_attempt(attempt_t *a);
void drive_operator(int i, int e, command_e command);

/* waiting.c */
void waiting_room(int i, int lane);
void waiting_enabled(int i, int lane, const wh_state_t *s);
void waiting_rate(int i, int lane, uint64_t when);
int waiting_paced(int i, int lane);
void waiting_wake(int i);
void waiting_look(int i);
void waiting_pace(int i, int e);
void changed(int i, int e, const wh_change_t *change);


#endif /* _WORLD_H_INCLUDED_ */
