
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The state of an endpoint: enabled, or paused or disabled by whom, until when,
 * and when it may be tried.  Time is ms since the epoch, and an argument.
 */


#ifndef _WH_STATE_H_INCLUDED_
#define _WH_STATE_H_INCLUDED_


#include "wh.h"


/* numbers are stored */

typedef enum {
    WH_STATE_ENABLED = 0,
    WH_STATE_WINDOW,             /* disable N/TIME */
    WH_STATE_ZONE,               /* the same, of the zone */
    WH_STATE_CONSECUTIVE,        /* disable consecutive= */
    WH_STATE_AFTER,              /* disable after= */
    WH_STATE_GONE,               /* 410 */
    WH_STATE_OPERATOR,
    WH_STATE_QUOTA,              /* it is only paused, until its window ends */
    WH_STATE_PAUSE,              /* ... by an operator */
    WH_STATE_NREASON
} wh_state_e;


/*
 * Numbers of transitions follow the clock, so that of two cells' transitions
 * the later one has the higher number; they only grow, whatever the clock does.
 */

#define WH_STATE_CLOCK_BITS  6
#define WH_STATE_NUMBER_MAX  (UINT64_MAX / 2)


typedef struct {
    uint64_t  number;            /* of the transition; 0: there was none */
    uint64_t  since;             /* enabled, or disabled */
    uint64_t  until;             /* a ban; 0: no end of its own */
    uint64_t  probe;             /* not before; 0: none */
    uint64_t  held;              /* ms disabled, in all times before */
    uint32_t  reason;            /* WH_STATE_... */
    uint32_t  probing;           /* a probe is on its way */
    uint32_t  count;             /* of the failures that led here */
    uint32_t  sum;
} wh_state_t;


/* of the failures, and what follows out of them */

typedef struct {
    wh_state_e  reason;
    uint32_t    count;
    uint64_t    ban;             /* ms; 0: until an operator enables it */
    uint64_t    probe;           /* ms to the first probe; 0: none */
} wh_state_cause_t;


/*
 * Transitions.  WH_OK: there is one, *next is the state after it, its number
 * the lowest it may get; WH_AGAIN: there is none.  "s" and "next" must not be
 * the same.
 */

/*
 * What is disabled can only be disabled for longer, and by a better reason;
 * what an operator has paused only by an operator.
 */
int wh_state_disable(const wh_state_t *s, const wh_state_cause_t *cause,
    uint64_t now, wh_state_t *next);

/* an operator enables it */
int wh_state_enable(const wh_state_t *s, uint64_t now, wh_state_t *next);

/*
 * An operator pauses it, also while a quota does.  WH_ERROR: it is disabled,
 * and stays so.
 */
int wh_state_pause(const wh_state_t *s, uint64_t now, wh_state_t *next);

/* an operator's pause is over */
int wh_state_resume(const wh_state_t *s, uint64_t now, wh_state_t *next);

/* is it paused, by a quota or an operator?  It is not disabled then */
int wh_state_paused(const wh_state_t *s);

/* a ban is over */
int wh_state_due(const wh_state_t *s, uint64_t now, wh_state_t *next);

/*
 * The clock was set back: what has begun in the future begins now, and takes
 * as long; no probe is further off than "interval" (0: there are none).
 */
int wh_state_rebase(const wh_state_t *s, uint64_t now, uint64_t interval,
    wh_state_t *next);

/* may an endpoint that is disabled by this be probed? */
int wh_state_probeable(const wh_state_t *s);

/* may a probe be sent?  Should it never end, the next one is due in "lease" */
int wh_state_probe(const wh_state_t *s, uint64_t now, uint64_t lease,
    wh_state_t *next);

/* it is sent only now, "lease" begins anew */
int wh_state_probe_renew(const wh_state_t *s, uint64_t now, uint64_t lease,
    wh_state_t *next);

/* its end: enabled, or the next one in "interval" */
int wh_state_probed(const wh_state_t *s, int success, uint64_t now,
    uint64_t interval, wh_state_t *next);

/* ms that the endpoint was disabled so far, all times together */
uint64_t wh_state_held(const wh_state_t *s, uint64_t now);

/* true when it is what was numbered once, octet for octet */
int wh_state_whole(const wh_state_t *s);

/*
 * What tells one disabled state from another, as far as operators are told of
 * it: 0 when it is enabled, or paused.
 */
uint64_t wh_state_mark(const wh_state_t *s);

/* true when they are the same but for their numbers */
int wh_state_same(const wh_state_t *s, const wh_state_t *other);

/*
 * True when "s" is not to be replaced by "other": it is a later one, or none
 * of the two is, and they differ.  Both whole, or with the number 0.
 */
int wh_state_newer(const wh_state_t *s, const wh_state_t *other);


#define WH_CELL_STATES  8

/*
 * A state in shared memory.  A transition is written aside, with a number of
 * its own, and shown by one compare-and-swap: of several processes only one
 * makes it, and none can be killed in the middle.
 */

typedef struct {
    uint64_t    ticket;          /* the highest number given out */
    uint64_t    number;          /* of the state that is the one */
    uint64_t    saved;           /* ... that the store has */
    uint64_t    row;             /* failures since the last success */
    uint64_t    failing;         /* since when; 0: the last one succeeded */
    uint64_t    noticed;         /* see wh_state_mark() */
    wh_state_t  states[WH_CELL_STATES];
} wh_cell_t;


/* a damaged one is left for the newest one that is whole */
void wh_cell_read(const wh_cell_t *c, wh_state_t *s);

/*
 * The transition from "s", as it was read, to "next", which is numbered.
 * WH_OK, or WH_AGAIN: another process has made one meanwhile.
 */
int wh_cell_write(wh_cell_t *c, const wh_state_t *s, wh_state_t *next);

/* out of the store, before anybody uses it; WH_ERROR: damaged */
int wh_cell_restore(wh_cell_t *c, const wh_state_t *s);

/*
 * A newer one out of the store, for a cell in use: it is numbered anew.  WH_OK,
 * WH_AGAIN: the cell's own is newer, or the same; WH_ERROR: damaged.
 */
int wh_cell_adopt(wh_cell_t *c, const wh_state_t *s);

/* the store has the transition of that number, or a later one */
void wh_cell_saved(wh_cell_t *c, uint64_t number);

/* an attempt has failed: how many in a row, and for how long, in ms */
uint64_t wh_cell_failed(wh_cell_t *c, uint64_t now, uint64_t *time);

/* an attempt has succeeded, or all begins anew */
void wh_cell_succeeded(wh_cell_t *c);

/* for "time" ms no attempt was to be made: they are not those of failures */
void wh_cell_halted(wh_cell_t *c, uint64_t time);


#endif /* _WH_STATE_H_INCLUDED_ */
