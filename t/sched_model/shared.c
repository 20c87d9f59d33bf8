
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What processes share, and the copy of it in the store.
 */


#include "world.h"


/* of an endpoint, or of a zone; as it is packed by the module */

typedef struct {
    unsigned      used:1;
    wh_state_t    state;
    uint64_t      row;
    uint64_t      failing;
    uint64_t      quota;
    uint32_t      nwindows;
    window_t      windows[WH_LIMITS];
} saved_t;


static void shared_window(window_t **place, uint32_t n);
static void shared_save_zone(const worker_t *w, int z);
static void shared_copy(window_t *to, const window_t *from);


shared_t         shared;
static saved_t   saved[ENDPOINTS];
static saved_t   saved_zones[ZONES];

static window_t  windows[WINDOWS];
static uint32_t  nwindows;


void
shared_init(void)
{
    int  i;

    memset(&shared, 0, sizeof(shared_t));
    nwindows = 0;

    for (i = 0; i < ENDPOINTS; i++) {
        saved[i].used = 0;
    }

    for (i = 0; i < ZONES; i++) {
        saved_zones[i].used = 0;
    }
}


window_t *
window_create(uint32_t n)
{
    window_t  *w;

    check(nwindows < WINDOWS, "too many windows");

    w = &windows[nwindows++];

    memset(&w->u, 0, sizeof(w->u));
    w->failures.n = 0;

    wh_window_init(&w->u.window, n);

    return w;
}


static void
shared_copy(window_t *to, const window_t *from)
{
    check(wh_window_copy(&to->u.window, &from->u.window, sizeof(from->u.room))
          == WH_OK, "a window is damaged");

    to->failures = from->failures;
}


/* there is one, it is too small, or there is none */

static void
shared_window(window_t **place, uint32_t n)
{
    window_t  *old;

    old = *place;

    if (old && wh_window_fits(&old->u.window, n)) {
        return;
    }

    *place = window_create(n);

    if (old) {
        shared_copy(*place, old);
    }
}


void
shared_attach(worker_t *w)
{
    int                     e, z;
    uint32_t                i;
    wh_policy_t            *p;
    const zone_conf_t      *zc;
    const endpoint_conf_t  *c;

    for (z = 0; z < ZONES; z++) {
        zc = &w->conf->zones[z];

        memset(&w->zones[z], 0, sizeof(wh_zone_t));

        w->zones[z].quota.n = zc->quota;
        w->zones[z].quota.time = zc->quota_time;
        w->zones[z].quota.word = &shared.zone_quotas[z];

        if (zc->limit.n) {
            shared_window(&shared.zone_windows[z], zc->limit.n);

            w->zone_windows[z] = shared.zone_windows[z];

            w->zones[z].limit.n = zc->limit.n;
            w->zones[z].limit.time = zc->limit.time;
            w->zones[z].limit.ban = zc->limit.ban;
            w->zones[z].limit.window = &w->zone_windows[z]->u.window;
        }
    }

    for (e = 0; e < run.nendpoints; e++) {
        c = &w->conf->endpoints[e];
        p = &w->policies[e];

        conf_policy(c, p);

        p->zone = &w->zones[c->zone];
        p->cell = &shared.cells[e];
        p->permits = &shared.permits[e];
        p->rate.word = &shared.rates[e];
        p->quota.word = &shared.quotas[e];

        for (i = 0; i < c->nlimits; i++) {
            shared_window(&shared.windows[e][i], c->limits[i].n);

            w->windows[e][i] = shared.windows[e][i];
            p->limits[i].window = &w->windows[e][i]->u.window;
        }
    }
}


void
shared_save(const worker_t *w, int e)
{
    uint32_t                i;
    const endpoint_conf_t  *c;

    c = &w->conf->endpoints[e];

    saved[e].used = 1;

    wh_cell_read(&shared.cells[e], &saved[e].state);

    saved[e].row = shared.cells[e].row;
    saved[e].failing = shared.cells[e].failing;
    saved[e].quota = shared.quotas[e];
    saved[e].nwindows = c->nlimits;

    for (i = 0; i < c->nlimits; i++) {
        saved[e].windows[i] = *w->windows[e][i];
    }

    oracle_save(e);

    shared_save_zone(w, c->zone);
}


static void
shared_save_zone(const worker_t *w, int z)
{
    saved_zones[z].used = 1;
    saved_zones[z].quota = shared.zone_quotas[z];
    saved_zones[z].nwindows = w->conf->zones[z].limit.n ? 1 : 0;

    if (saved_zones[z].nwindows) {
        saved_zones[z].windows[0] = *w->zone_windows[z];
    }

    oracle_save_zone(z);
}


void
shared_save_all(const worker_t *w)
{
    int  e;

    for (e = 0; e < run.nendpoints; e++) {
        shared_save(w, e);
    }
}


/* everything was ended, and is started again */

void
shared_restore(const conf_t *conf)
{
    int        e, z;
    uint32_t   i;
    worker_t  *w;

    memset(&shared, 0, sizeof(shared_t));
    nwindows = 0;

    /* any process will do: it attaches to what is there */

    w = &workers[0];
    w->conf = conf;

    shared_attach(w);

    for (e = 0; e < run.nendpoints; e++) {

        if (!saved[e].used) {
            continue;
        }

        if (saved[e].state.number) {
            check(wh_cell_restore(&shared.cells[e], &saved[e].state) == WH_OK,
                  "a state is damaged");
        }

        shared.cells[e].row = saved[e].row;
        shared.cells[e].failing = saved[e].failing;
        shared.quotas[e] = saved[e].quota;

        for (i = 0;
             i < saved[e].nwindows && i < conf->endpoints[e].nlimits;
             i++)
        {
            shared_copy(shared.windows[e][i], &saved[e].windows[i]);
        }
    }

    for (z = 0; z < ZONES; z++) {

        if (!saved_zones[z].used) {
            continue;
        }

        shared.zone_quotas[z] = saved_zones[z].quota;

        if (saved_zones[z].nwindows && conf->zones[z].limit.n) {
            shared_copy(shared.zone_windows[z], &saved_zones[z].windows[0]);
        }
    }
}
