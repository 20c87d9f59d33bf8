
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_policy.h"


#define NOW  UINT64_C(1000000)


static void fresh(wh_policy_t *p);
static wh_limit_t *window(wh_policy_t *p, uint32_t n, uint64_t time);
static void failure(const wh_policy_t *p, uint64_t now);
static void success(const wh_policy_t *p, uint64_t now);
static uint32_t reason(const wh_policy_t *p, uint64_t now);
static void windows(void);
static void rows(void);
static void bans(void);
static void zones(void);
static void gone(void);
static void probes(void);
static void quotas(void);
static void pauses(void);
static void changed(void);
static void set_back(void);


static wh_cell_t     cell;
static wh_zone_t     zone;
static wh_permits_t  permits;
static uint64_t      words[3];
static uint64_t      room[WH_LIMITS + 1][128];
static wh_report_t   report;


int
main(void)
{
    windows();
    rows();
    bans();
    zones();
    gone();
    probes();
    quotas();
    pauses();
    changed();
    set_back();

    return done_testing();
}


static void
fresh(wh_policy_t *p)
{
    memset(p, 0, sizeof(wh_policy_t));
    memset(&cell, 0, sizeof(cell));
    memset(&zone, 0, sizeof(zone));
    memset(words, 0, sizeof(words));
    memset(room, 0, sizeof(room));

    p->cell = &cell;
    p->zone = &zone;
    p->permits = &permits;
    p->rate.word = &words[0];
    p->quota.word = &words[1];
    zone.quota.word = &words[2];
}


static wh_limit_t *
window(wh_policy_t *p, uint32_t n, uint64_t time)
{
    wh_limit_t  *limit;

    limit = &p->limits[p->nlimits];
    limit->n = n;
    limit->time = time;
    limit->window = (wh_window_t *) (void *) room[p->nlimits++];

    wh_window_init(limit->window, n);

    return limit;
}


static void
failure(const wh_policy_t *p, uint64_t now)
{
    wh_outcome_t  o;

    memset(&o, 0, sizeof(o));
    o.outcome = WH_OUTCOME_FAILURE;
    o.counts = 1;

    wh_policy_report(p, &o, now, &report);
}


static void
success(const wh_policy_t *p, uint64_t now)
{
    wh_outcome_t  o;

    memset(&o, 0, sizeof(o));

    wh_policy_report(p, &o, now, &report);
}


static uint32_t
reason(const wh_policy_t *p, uint64_t now)
{
    wh_state_t   s;
    wh_change_t  change;

    (void) wh_policy_state(p, now, &s, &change);

    return s.reason;
}


static void
windows(void)
{
    wh_limit_t   *limit;
    wh_policy_t   p;
    wh_outcome_t  o;

    fresh(&p);
    (void) window(&p, 2, 100);

    failure(&p, NOW);
    failure(&p, NOW + 50);
    is_int(reason(&p, NOW + 50), WH_STATE_ENABLED, "N are tolerated");
    failure(&p, NOW + 101);
    is_int(reason(&p, NOW + 101), WH_STATE_ENABLED,
           "one more does nothing when the first is too long ago");
    failure(&p, NOW + 150);
    ok(reason(&p, NOW + 150) == WH_STATE_WINDOW && report.n == 1
       && report.changes[0].count == 3 && report.changes[0].time == 100,
       "and disables exactly at the end of the time");

    failure(&p, NOW + 151);
    ok(report.n == 0, "once");
    (void) wh_policy_enable(&p, NOW + 200, &report.changes[0]);
    failure(&p, NOW + 201);
    failure(&p, NOW + 201);
    is_int(reason(&p, NOW + 201), WH_STATE_ENABLED,
           "what was before, and meanwhile, does not count again");
    failure(&p, NOW + 201);
    is_int(reason(&p, NOW + 201), WH_STATE_WINDOW, "the next ones do");

    fresh(&p);
    limit = window(&p, 1, 100);
    limit->first = 1;

    failure(&p, NOW);
    failure(&p, NOW);
    failure(&p, NOW);
    is_int(reason(&p, NOW), WH_STATE_ENABLED, "count=first leaves retries");

    memset(&o, 0, sizeof(o));
    o.outcome = WH_OUTCOME_FAILURE;
    o.counts = 1;
    o.first = 1;

    wh_policy_report(&p, &o, NOW, &report);
    o.counts = 0;
    wh_policy_report(&p, &o, NOW, &report);
    is_int(reason(&p, NOW), WH_STATE_ENABLED, "what does not count does not");
    o.counts = 1;
    wh_policy_report(&p, &o, NOW, &report);
    is_int(reason(&p, NOW), WH_STATE_WINDOW, "first attempts count");
}


static void
rows(void)
{
    wh_policy_t  p;

    fresh(&p);
    p.consecutive = 3;

    failure(&p, NOW);
    failure(&p, NOW);
    success(&p, NOW);
    failure(&p, NOW);
    failure(&p, NOW);
    is_int(reason(&p, NOW), WH_STATE_ENABLED, "a success between them");
    failure(&p, NOW);
    is_int(reason(&p, NOW), WH_STATE_CONSECUTIVE, "the Nth in a row");

    fresh(&p);
    p.after = 100;

    failure(&p, NOW);
    failure(&p, NOW + 99);
    is_int(reason(&p, NOW + 99), WH_STATE_ENABLED, "not before \"after\"");
    success(&p, NOW + 99);
    failure(&p, NOW + 100);
    is_int(reason(&p, NOW + 199), WH_STATE_ENABLED, "since a success");
    failure(&p, NOW + 200);
    is_int(reason(&p, NOW + 200), WH_STATE_AFTER, "exactly after it");
}


static void
bans(void)
{
    wh_state_t    s;
    wh_policy_t   p;
    wh_change_t   change;

    fresh(&p);
    window(&p, 1, 100)->ban = 50;
    window(&p, 1, 100)->ban = 70;

    failure(&p, NOW);
    failure(&p, NOW);

    ok(report.n == 1 && report.changes[0].to.until == NOW + 70,
       "the longest ban of those that trip");
    is_int(reason(&p, NOW + 69), WH_STATE_WINDOW, "until its end");

    ok(wh_policy_state(&p, NOW + 1000, &s, &change) == WH_OK
       && change.by == WH_BY_TIME && s.reason == WH_STATE_ENABLED,
       "it ends by itself");
    ok(s.since == NOW + 70 && wh_state_held(&s, NOW + 1000) == 70,
       "at its time, however late that is seen");
    ok(wh_policy_state(&p, NOW + 1000, &s, &change) == WH_AGAIN,
       "which is told once");

    fresh(&p);
    window(&p, 1, 100)->ban = 50;
    window(&p, 1, 100)->ban = 0;

    failure(&p, NOW);
    failure(&p, NOW);

    ok(report.changes[0].to.until == 0, "no ban is longer than any");
}


/* two endpoints, of which this one has a ban */

static void
zones(void)
{
    wh_state_t    s;
    wh_policy_t   p;
    wh_change_t   change;

    fresh(&p);
    window(&p, 1, 100)->ban = 50;

    zone.limit.n = 3;
    zone.limit.time = 100;
    zone.limit.ban = 500;
    zone.limit.window = (wh_window_t *) (void *) room[WH_LIMITS];
    wh_window_init(zone.limit.window, 3);

    failure(&p, NOW);
    failure(&p, NOW);
    ok(reason(&p, NOW) == WH_STATE_WINDOW && !report.tripped,
       "the endpoint's own window");

    ok(wh_policy_trip(&p, NOW + 49, &change) == WH_AGAIN,
       "a ban is not made longer by the zone's");
    ok(wh_policy_trip(&p, NOW + 50, &change) == WH_OK
       && change.to.reason == WH_STATE_ZONE,
       "a ban that is over, and that nobody has seen the end of, is none");

    wh_cell_read(&cell, &s);
    ok(s.since == NOW + 50 && s.until == NOW + 550
       && wh_state_held(&s, NOW + 60) == 60, "it is disabled since then");

    is_int(reason(&p, NOW + 550), WH_STATE_ENABLED, "until its end");
    failure(&p, NOW + 550);
    ok(!report.tripped, "failures of long ago");
    failure(&p, NOW + 551);
    is_int(reason(&p, NOW + 551), WH_STATE_WINDOW, "again its own");
    failure(&p, NOW + 551);
    failure(&p, NOW + 601);
    failure(&p, NOW + 602);
    ok(report.tripped && report.changes[0].to.reason == WH_STATE_ZONE,
       "N + 1 failures of the zone, none of them while disabled");
}


static void
gone(void)
{
    wh_policy_t   p;
    wh_change_t   change;
    wh_outcome_t  o;

    fresh(&p);
    p.probe = 10;
    window(&p, 1, 100)->ban = 50;

    memset(&o, 0, sizeof(o));
    o.outcome = WH_OUTCOME_GONE;
    o.counts = 1;

    wh_policy_report(&p, &o, NOW, &report);

    ok(report.n == 1 && report.changes[0].to.reason == WH_STATE_GONE
       && report.changes[0].to.probe == 0, "410 disables at once");

    failure(&p, NOW + 1);
    success(&p, NOW + 2);

    ok(report.n == 0 && reason(&p, NOW + 1000000) == WH_STATE_GONE,
       "nothing but an operator enables it");
    ok(wh_policy_disable(&p, NOW + 3, &change) == WH_OK,
       "an operator has the last word");
    ok(wh_policy_disable(&p, NOW + 3, &change) == WH_AGAIN, "once");
    ok(wh_policy_enable(&p, NOW + 4, &change) == WH_OK
       && change.by == WH_BY_OPERATOR, "and enables it");
    ok(wh_policy_enable(&p, NOW + 4, &change) == WH_AGAIN, "once, too");
}


static void
probes(void)
{
    uint64_t      number, other;
    wh_state_t    s;
    wh_policy_t   p;
    wh_change_t   change;
    wh_outcome_t  o;

    fresh(&p);
    p.probe = 100;
    p.consecutive = 1;

    failure(&p, NOW);

    ok(wh_policy_probe(&p, NOW + 99, 30, &number) == WH_AGAIN,
       "a probe is not due before its time");
    ok(wh_policy_probe(&p, NOW + 100, 30, &number) == WH_OK, "and is at it");
    ok(wh_policy_probe(&p, NOW + 129, 30, &other) == WH_AGAIN,
       "nobody else is told so");
    ok(wh_policy_probe_begin(&p, NOW + 129, 30, &number) == WH_OK
       && wh_policy_probe(&p, NOW + 158, 30, &other) == WH_AGAIN,
       "its lease begins when it is sent");
    ok(wh_policy_probe(&p, NOW + 159, 30, &other) == WH_OK,
       "it is another one's when the lease is over");
    ok(wh_policy_probe_begin(&p, NOW + 159, 30, &number) == WH_AGAIN,
       "which the one that has waited is told");
    ok(wh_policy_probe_begin(&p, NOW + 159, 30, &other) == WH_OK,
       "the other one is sent");

    memset(&o, 0, sizeof(o));
    o.outcome = WH_OUTCOME_FAILURE;
    o.counts = 1;
    o.probe = number;

    wh_policy_report(&p, &o, NOW + 160, &report);
    ok(!report.probed && wh_policy_probe(&p, NOW + 188, 30, &number)
       == WH_AGAIN, "what the former one comes to is not the other's end");
    o.outcome = WH_OUTCOME_SUCCESS;
    wh_policy_report(&p, &o, NOW + 160, &report);
    is_int(reason(&p, NOW + 160), WH_STATE_CONSECUTIVE,
           "nor does it enable the endpoint");

    o.outcome = WH_OUTCOME_NONE;
    o.probe = other;
    wh_policy_report(&p, &o, NOW + 170, &report);
    ok(report.probed && wh_policy_probe(&p, NOW + 269, 30, &number)
       == WH_AGAIN, "without local resources it was none");
    ok(wh_policy_probe(&p, NOW + 270, 30, &number) == WH_OK,
       "and is due again soon");

    o.outcome = WH_OUTCOME_FAILURE;
    o.probe = number;
    wh_policy_report(&p, &o, NOW + 280, &report);
    (void) wh_policy_state(&p, NOW + 280, &s, &change);
    ok(report.probed && s.probe == NOW + 380 && report.n == 0,
       "its failure only re-arms it");

    p.probe = 0;
    ok(wh_policy_probe(&p, NOW + 380, 30, &number) == WH_AGAIN,
       "\"probe\" may go while it is disabled");
    p.probe = 100;

    (void) wh_policy_probe(&p, NOW + 380, 30, &number);
    o.outcome = WH_OUTCOME_SUCCESS;
    o.probe = number;
    wh_policy_report(&p, &o, NOW + 390, &report);
    ok(report.n == 1 && report.changes[0].by == WH_BY_PROBE
       && report.changes[0].to.held == 390, "its success enables");

    p.probe = 0;
    failure(&p, NOW + 400);
    p.probe = 50;
    ok(wh_policy_probe(&p, NOW + 449, 30, &number) == WH_AGAIN
       && wh_policy_probe(&p, NOW + 450, 30, &number) == WH_OK,
       "\"probe\" may come while it is disabled");

    (void) wh_policy_disable(&p, NOW + 450, &change);
    ok(wh_policy_probe(&p, NOW + 1000, 30, &number) == WH_AGAIN,
       "an operator's is not probed");
}


static void
quotas(void)
{
    wh_state_t    s;
    wh_policy_t   p;
    wh_change_t   change;

    fresh(&p);
    p.quota.n = 2;
    p.quota.time = 100;
    zone.quota.n = 3;
    zone.quota.time = 100;

    ok(wh_policy_quota(&p, NOW, &change) == WH_OK
       && wh_policy_quota(&p, NOW + 10, &change) == WH_OK, "N in a window");
    ok(wh_policy_quota(&p, NOW + 99, &change) == WH_AGAIN
       && change.to.reason == WH_STATE_QUOTA && change.to.until == NOW + 100,
       "one more pauses it until the window ends");
    ok(wh_policy_quota(&p, NOW + 99, &change) == WH_AGAIN
       && change.to.number == 0, "once");

    ok(wh_policy_state(&p, NOW + 100, &s, &change) == WH_OK
       && s.reason == WH_STATE_ENABLED, "it resumes by itself");

    failure(&p, NOW + 100);

    ok(wh_policy_quota(&p, NOW + 150, &change) == WH_OK
       && wh_policy_quota(&p, NOW + 150, &change) == WH_OK,
       "the next window begins with the first that is counted");
    ok(wh_policy_quota(&p, NOW + 249, &change) == WH_AGAIN
       && change.to.until == NOW + 250, "and ends after its time");

    /* the zone's was not touched by what the endpoint's has refused */

    fresh(&p);
    p.quota.n = 1;
    p.quota.time = 1000;
    zone.quota.n = 1;
    zone.quota.time = 100;

    (void) wh_policy_quota(&p, NOW, &change);
    ok(wh_policy_quota(&p, NOW + 100, &change) == WH_AGAIN
       && change.to.until == NOW + 1000, "the endpoint's own is used up");
    (void) wh_policy_enable(&p, NOW + 150, &change);
    ok(wh_policy_quota(&p, NOW + 150, &change) == WH_OK,
       "the zone's window does not begin with what was refused");
    ok(wh_policy_quota(&p, NOW + 249, &change) == WH_AGAIN
       && change.to.until == NOW + 250, "the zone's is used up");

    (void) wh_policy_disable(&p, NOW + 249, &change);
    (void) wh_policy_state(&p, NOW + 500, &s, &change);
    ok(s.reason == WH_STATE_OPERATOR && s.since == NOW + 249,
       "what is paused can be disabled");
}


/* by an operator */

static void
pauses(void)
{
    wh_state_t    s;
    wh_policy_t   p;
    wh_change_t   change;
    wh_outcome_t  o;

    fresh(&p);
    p.quota.n = 1;
    p.quota.time = 1000;
    window(&p, 1, 10000)->ban = 50;
    p.consecutive = 4;
    p.after = 1000;

    ok(wh_policy_resume(&p, NOW, &change) == WH_AGAIN, "it is not paused");

    failure(&p, NOW);

    ok(wh_policy_pause(&p, NOW + 10, &change) == WH_OK
       && change.from.reason == WH_STATE_ENABLED
       && change.to.reason == WH_STATE_PAUSE, "an operator pauses");
    ok(wh_policy_pause(&p, NOW + 20, &change) == WH_AGAIN, "once");

    failure(&p, NOW + 30);
    failure(&p, NOW + 30);
    is_int(reason(&p, NOW + 30), WH_STATE_PAUSE, "failures change nothing");

    memset(&o, 0, sizeof(o));
    o.outcome = WH_OUTCOME_GONE;
    wh_policy_report(&p, &o, NOW + 30, &report);
    ok(report.n == 0 && reason(&p, NOW + 30) == WH_STATE_PAUSE,
       "nor does a 410");
    ok(wh_policy_trip(&p, NOW + 30, &change) == WH_AGAIN,
       "nor the window of its zone");

    (void) wh_policy_quota(&p, NOW + 30, &change);
    ok(wh_policy_quota(&p, NOW + 40, &change) == WH_AGAIN
       && change.to.number == 0, "nor a quota");

    ok(wh_policy_state(&p, NOW + 1000000, &s, &change) == WH_AGAIN
       && s.reason == WH_STATE_PAUSE, "nor time");

    ok(wh_policy_resume(&p, NOW + 5010, &change) == WH_OK
       && change.by == WH_BY_OPERATOR
       && change.from.reason == WH_STATE_PAUSE
       && change.to.reason == WH_STATE_ENABLED && change.to.held == 5000,
       "an operator resumes");
    ok(wh_policy_quota(&p, NOW + 5010, &change) == WH_OK,
       "a quota's window has ended meanwhile");

    failure(&p, NOW + 5011);
    ok(wh_policy_state(&p, NOW + 5012, &s, &change) == WH_AGAIN
       && s.reason == WH_STATE_WINDOW && s.count == 2,
       "failures before a pause count, its time does not");

    ok(wh_policy_pause(&p, NOW + 5020, &change) == WH_ERROR
       && reason(&p, NOW + 5020) == WH_STATE_WINDOW,
       "what is disabled is not paused");
    ok(wh_policy_pause(&p, NOW + 5100, &change) == WH_OK
       && change.to.since == NOW + 5100 && change.to.held == 5050,
       "a ban that is over is none");

    (void) wh_policy_enable(&p, NOW + 5200, &change);
    failure(&p, NOW + 5200);
    is_int(reason(&p, NOW + 5200), WH_STATE_ENABLED,
           "enabling forgets failures");

    (void) wh_policy_quota(&p, NOW + 5300, &change);
    is_int(reason(&p, NOW + 5300), WH_STATE_QUOTA, "a quota pauses");
    ok(wh_policy_pause(&p, NOW + 5300, &change) == WH_OK
       && reason(&p, NOW + 9999) == WH_STATE_PAUSE, "then an operator, too");
    ok(wh_policy_disable(&p, NOW + 9999, &change) == WH_OK
       && change.from.reason == WH_STATE_PAUSE, "who disables it then");
}


/* by a reload: another configuration looks at the same pause */

static void
changed(void)
{
    wh_zone_t     other;
    wh_state_t    s;
    wh_policy_t   p, q;
    wh_change_t   change;

    fresh(&p);
    p.quota.n = 1;
    p.quota.time = 1000;

    (void) wh_policy_quota(&p, NOW, &change);
    (void) wh_policy_quota(&p, NOW + 10, &change);

    q = p;
    ok(wh_policy_state(&q, NOW + 20, &s, &change) == WH_AGAIN
       && s.reason == WH_STATE_QUOTA && s.until == NOW + 1000,
       "a pause outlasts a reload that changes nothing");

    q.quota.n = 2;
    ok(wh_policy_state(&q, NOW + 30, &s, &change) == WH_OK
       && s.reason == WH_STATE_ENABLED && s.since == NOW + 30
       && s.held == 20 && change.by == WH_BY_TIME
       && change.from.reason == WH_STATE_QUOTA,
       "a quota that is raised ends it");
    ok(wh_policy_quota(&q, NOW + 30, &change) == WH_OK
       && wh_policy_quota(&q, NOW + 30, &change) == WH_AGAIN
       && change.to.until == NOW + 1000, "and has what is left of the window");

    q.quota.time = 40;
    ok(wh_policy_state(&q, NOW + 39, &s, &change) == WH_AGAIN
       && wh_policy_state(&q, NOW + 40, &s, &change) == WH_OK,
       "a shorter window ends it at its own end");

    (void) wh_policy_quota(&p, NOW + 50, &change);
    q.quota.n = 0;
    ok(wh_policy_state(&q, NOW + 60, &s, &change) == WH_OK
       && s.reason == WH_STATE_ENABLED, "and so does none at all");

    /* the zone's, beside it */

    fresh(&p);
    zone.quota.n = 1;
    zone.quota.time = 1000;

    (void) wh_policy_quota(&p, NOW, &change);
    (void) wh_policy_quota(&p, NOW + 10, &change);

    q = p;
    other = zone;
    q.zone = &other;
    q.quota.n = 5;
    q.quota.time = 1000;
    ok(wh_policy_state(&q, NOW + 20, &s, &change) == WH_AGAIN,
       "a zone's quota outlasts one of the endpoint");
    other.quota.n = 2;
    ok(wh_policy_state(&q, NOW + 20, &s, &change) == WH_OK,
       "until it is raised");

    (void) wh_policy_disable(&q, NOW + 30, &change);
    ok(wh_policy_state(&q, NOW + 40, &s, &change) == WH_AGAIN
       && s.reason == WH_STATE_OPERATOR, "it ends pauses only");
}


static void
set_back(void)
{
    uint64_t       number;
    wh_state_t     s;
    wh_policy_t    p;
    wh_change_t    change;
    wh_outcome_t   o;

    fresh(&p);
    p.quota.n = 1;
    p.quota.time = 60000;

    (void) wh_policy_quota(&p, NOW, &change);
    (void) wh_policy_quota(&p, NOW + 10, &change);
    ok(wh_policy_state(&p, NOW / 2, &s, &change) == WH_OK
       && s.reason == WH_STATE_ENABLED && s.held == 0,
       "the clock is set back: a window of the future is none");

    fresh(&p);
    window(&p, 0, 100)->ban = 60000;
    p.probe = 5000;

    failure(&p, NOW);
    number = cell.number;
    ok(wh_policy_state(&p, NOW / 2, &s, &change) == WH_AGAIN
       && s.reason == WH_STATE_WINDOW && s.since == NOW / 2
       && s.until == NOW / 2 + 60000 && s.probe == NOW / 2 + 5000,
       "a ban begins anew");
    ok(cell.number > number && cell.number == s.number,
       "which is a transition of its own");
    is_int(reason(&p, NOW / 2 + 59999), WH_STATE_WINDOW, "it is as long");
    is_int(reason(&p, NOW / 2 + 60000), WH_STATE_ENABLED, "and no longer");

    /* a probe that was sent before tells nothing of what begins anew */

    fresh(&p);
    window(&p, 0, 100)->ban = 0;
    p.probe = 5000;

    failure(&p, NOW);
    (void) wh_policy_probe(&p, NOW + 5000, 100, &number);
    (void) wh_policy_state(&p, NOW / 2, &s, &change);
    ok(wh_policy_probe_begin(&p, NOW / 2, 100, &number) == WH_AGAIN,
       "it is not sent any more");

    memset(&o, 0, sizeof(o));
    o.probe = number;
    wh_policy_report(&p, &o, NOW / 2, &report);
    ok(report.n == 0 && reason(&p, NOW / 2) == WH_STATE_WINDOW,
       "it does not enable");
    ok(wh_policy_probe(&p, NOW / 2 + 4999, 100, &number) == WH_AGAIN
       && wh_policy_probe(&p, NOW / 2 + 5000, 100, &number) == WH_OK,
       "the next one is sent in its interval");

    o.outcome = WH_OUTCOME_FAILURE;
    o.probe = number;
    p.probe = 50000;
    wh_policy_report(&p, &o, NOW / 2 + 5000, &report);
    p.probe = 500;
    (void) wh_policy_state(&p, NOW / 2 + 5000, &s, &change);
    is_int((int64_t) s.probe, (int64_t) (NOW / 2 + 5500),
           "and so is one that was planned by another interval");
}
