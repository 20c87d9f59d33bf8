
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_state.h"

#include <pthread.h>


#define THREADS  4


static wh_cell_t  shared;
static uint64_t   made;


static void
transitions(void)
{
    wh_state_t        s, n, m;
    wh_state_cause_t  cause;

    memset(&s, 0, sizeof(s));
    memset(&cause, 0, sizeof(cause));

    cause.reason = WH_STATE_WINDOW;
    cause.count = 31;

    ok(wh_state_enable(&s, 10, &n) == WH_AGAIN, "it is enabled at first");

    ok(wh_state_disable(&s, &cause, 1000, &n) == WH_OK
       && n.reason == WH_STATE_WINDOW && n.since == 1000 && n.count == 31
       && n.until == 0, "a window disables");
    ok(wh_state_disable(&n, &cause, 1001, &m) == WH_AGAIN, "once");
    ok(wh_state_due(&n, UINT64_MAX, &m) == WH_AGAIN,
       "without an end of its own");
    ok(wh_state_probe(&n, UINT64_MAX, 10, &m) == WH_AGAIN, "without a probe");

    is_int((int64_t) wh_state_held(&n, 1500), 500, "the time is counted");
    is_int((int64_t) wh_state_held(&n, 900), 0, "a clock may be set back");

    ok(wh_state_enable(&n, 3000, &m) == WH_OK
       && m.reason == WH_STATE_ENABLED && m.held == 2000 && m.since == 3000,
       "an operator enables it");

    s = m;

    ok(wh_state_disable(&s, &cause, 4000, &n) == WH_OK
       && wh_state_held(&n, 4001) == 2001, "times disabled add up");

    cause.reason = WH_STATE_GONE;
    cause.probe = 10;
    ok(wh_state_disable(&n, &cause, 5000, &m) == WH_OK && m.since == 4000
       && m.probe == 0, "410 is for longer than a window");
    cause.reason = WH_STATE_ZONE;
    ok(wh_state_disable(&m, &cause, 6000, &n) == WH_AGAIN,
       "and nothing becomes of it by a zone");
    cause.reason = WH_STATE_OPERATOR;
    ok(wh_state_disable(&m, &cause, 6000, &n) == WH_OK
       && n.reason == WH_STATE_OPERATOR, "an operator has the last word");

    /* bans */

    memset(&s, 0, sizeof(s));
    cause.reason = WH_STATE_WINDOW;
    cause.ban = 100;
    cause.probe = 0;

    ok(wh_state_disable(&s, &cause, 1000, &n) == WH_OK && n.until == 1100,
       "a ban");
    ok(wh_state_due(&n, 1099, &m) == WH_AGAIN, "is not over before its time");
    ok(wh_state_due(&n, 1100, &m) == WH_OK
       && m.reason == WH_STATE_ENABLED && m.held == 100, "and is at it");
    ok(wh_state_due(&m, 2000, &s) == WH_AGAIN, "once");

    cause.ban = 0;
    ok(wh_state_disable(&n, &cause, 1050, &m) == WH_OK && m.until == 0
       && m.since == 1000, "one without end is for longer");
    cause.ban = 1000;
    ok(wh_state_disable(&m, &cause, 1060, &n) == WH_AGAIN,
       "a ban makes it no shorter");

    memset(&s, 0, sizeof(s));
    cause.ban = UINT64_MAX;
    ok(wh_state_disable(&s, &cause, 1000, &n) == WH_OK
       && n.until == UINT64_MAX, "times do not wrap");

    /* probes */

    memset(&s, 0, sizeof(s));
    cause.ban = 0;
    cause.probe = 100;

    (void) wh_state_disable(&s, &cause, 1000, &n);
    ok(wh_state_probe(&n, 1099, 50, &m) == WH_AGAIN, "no probe before time");
    ok(wh_state_probe(&n, 1100, 50, &m) == WH_OK && m.probing,
       "a probe at its time");
    ok(wh_state_probed(&n, 1, 1120, 100, &s) == WH_AGAIN,
       "nothing ends that was not sent");
    ok(wh_state_probe(&m, 1149, 50, &s) == WH_AGAIN, "only one at a time");
    ok(wh_state_probe(&m, 1150, 50, &s) == WH_OK,
       "another when the first one never ends");
    ok(wh_state_probed(&m, 0, 1120, 100, &s) == WH_OK && !s.probing
       && s.probe == 1220 && s.reason == WH_STATE_WINDOW && s.since == 1000,
       "its failure arms it again");
    ok(wh_state_probed(&m, 1, 1120, 100, &s) == WH_OK
       && s.reason == WH_STATE_ENABLED && s.held == 120,
       "its success enables");
}


/* every state there is, and every command and cause, in the face of a pause */

static void
pauses(void)
{
    uint32_t          i;
    wh_state_t        s, n, m;
    wh_state_cause_t  cause;

    memset(&s, 0, sizeof(s));
    memset(&cause, 0, sizeof(cause));

    s.held = 7;

    ok(wh_state_resume(&s, 10, &n) == WH_AGAIN, "nothing to be resumed");
    ok(wh_state_pause(&s, 1000, &n) == WH_OK && n.reason == WH_STATE_PAUSE
       && n.since == 1000 && n.until == 0 && n.probe == 0 && n.count == 0,
       "an operator pauses");
    ok(wh_state_pause(&n, 1001, &m) == WH_AGAIN, "once");
    ok(wh_state_paused(&n) && !wh_state_paused(&s), "it is paused then");
    ok(wh_state_due(&n, UINT64_MAX, &m) == WH_AGAIN, "without an end");
    ok(!wh_state_probeable(&n)
       && wh_state_probe(&n, UINT64_MAX, 10, &m) == WH_AGAIN,
       "without a probe");
    ok(wh_state_mark(&n) == 0, "nobody is told of it");
    is_int((int64_t) wh_state_held(&n, 1500), 507, "its time is counted");

    ok(wh_state_rebase(&n, 1, 50, &m) == WH_AGAIN,
       "a clock that was set back by little");
    n.since = 1000000;
    ok(wh_state_rebase(&n, 1000, 50, &m) == WH_OK && m.since == 1000
       && m.probe == 0 && m.reason == WH_STATE_PAUSE, "and by much");
    n.since = 1000;

    for (i = WH_STATE_WINDOW; i < WH_STATE_NREASON; i++) {
        cause.reason = (wh_state_e) i;
        cause.ban = (i == WH_STATE_QUOTA) ? 100 : 0;

        if (i == WH_STATE_PAUSE) {
            continue;
        }

        if (i == WH_STATE_OPERATOR) {
            ok(wh_state_disable(&n, &cause, 1200, &m) == WH_OK
               && m.reason == WH_STATE_OPERATOR && m.since == 1200
               && m.held == 207, "an operator disables what is paused");
            ok(wh_state_pause(&m, 1300, &s) == WH_ERROR
               && wh_state_resume(&m, 1300, &s) == WH_AGAIN,
               "and it is not paused any more");
            continue;
        }

        ok(wh_state_disable(&n, &cause, 1200, &m) == WH_AGAIN,
           "what is paused stays so, cause %u", i);

        memset(&s, 0, sizeof(s));
        (void) wh_state_disable(&s, &cause, 900, &m);

        if (i == WH_STATE_QUOTA) {
            ok(wh_state_resume(&m, 950, &s) == WH_AGAIN,
               "a quota's pause is not resumed");
            ok(wh_state_pause(&m, 950, &s) == WH_OK
               && s.reason == WH_STATE_PAUSE && s.until == 0 && s.held == 50
               && s.since == 950 && s.count == 0,
               "an operator's pause is instead of a quota's");
            continue;
        }

        ok(wh_state_pause(&m, 950, &s) == WH_ERROR
           && wh_state_resume(&m, 950, &s) == WH_AGAIN,
           "what is disabled cannot be paused, nor resumed, cause %u", i);
    }

    ok(wh_state_resume(&n, 3000, &m) == WH_OK
       && m.reason == WH_STATE_ENABLED && m.since == 3000 && m.held == 2007,
       "an operator resumes");
    ok(wh_state_resume(&m, 3001, &s) == WH_AGAIN, "once");
    ok(wh_state_enable(&n, 3000, &m) == WH_OK
       && m.reason == WH_STATE_ENABLED && m.held == 2007,
       "an operator enables what is paused");
}


static void
halted(void)
{
    uint64_t   time;
    wh_cell_t  c;

    memset(&c, 0, sizeof(c));

    wh_cell_halted(&c, 100);
    ok(c.failing == 0, "no failures, no time without a success");

    (void) wh_cell_failed(&c, 1000, &time);
    wh_cell_halted(&c, 500);
    ok(wh_cell_failed(&c, 1600, &time) == 2 && time == 100,
       "times of pauses are none without a success");
    wh_cell_halted(&c, UINT64_MAX);
    ok(c.failing == UINT64_MAX, "they do not wrap");
}


static void
set_back(void)
{
    wh_state_t        s, n, m;
    wh_state_cause_t  cause;

    memset(&s, 0, sizeof(s));
    memset(&cause, 0, sizeof(cause));

    s.held = 70;
    s.since = UINT64_MAX;

    ok(wh_state_rebase(&s, 10, 100, &n) == WH_AGAIN,
       "the clock is set back: what is enabled stays so");

    cause.reason = WH_STATE_WINDOW;
    cause.ban = 60000;
    cause.probe = 5000;

    (void) wh_state_disable(&s, &cause, 1000000, &n);

    ok(wh_state_rebase(&n, 1000000 - WH_SKEW, 5000, &m) == WH_AGAIN
       && wh_state_rebase(&n, 1059999, 5000, &m) == WH_AGAIN,
       "clocks of processes are not the same");
    ok(wh_state_rebase(&n, 999999 - WH_SKEW, 5000, &m) == WH_OK
       && m.since == 998999 && m.until == 1058999 && m.probe == 1003999,
       "what begins later than that begins now");
    ok(m.reason == WH_STATE_WINDOW && m.count == n.count && !m.probing,
       "and is the same else");
    ok(wh_state_held(&m, 998999) == 70 && wh_state_held(&m, 999099) == 170,
       "so is the time that counts");
    ok(wh_state_rebase(&m, 998999, 5000, &s) == WH_AGAIN, "once");

    ok(wh_state_rebase(&n, 10, 0, &m) == WH_OK && m.until == 60010
       && m.probe == 0, "without probes there is none");

    /* one on its way was sent by another clock */

    (void) wh_state_probe(&n, 1005000, 100, &s);
    ok(wh_state_rebase(&s, 10, 5000, &m) == WH_OK && m.probe == 5010
       && !m.probing, "a probe on its way is none any more");
    ok(wh_state_rebase(&s, 1000000, 5000, &m) == WH_AGAIN,
       "unless it has begun before");
    (void) wh_state_probed(&s, 0, 1050000, 5000, &n);
    ok(wh_state_rebase(&n, 1050000 - WH_SKEW, 5000, &m) == WH_AGAIN
       && wh_state_rebase(&n, 1049999 - WH_SKEW, 5000, &m) == WH_OK
       && m.since == 1000000 && m.until == 1060000 && m.probe == 1053999,
       "the next one is never further off than its interval");

    /* what has no end */

    cause.ban = 0;
    cause.reason = WH_STATE_OPERATOR;
    (void) wh_state_disable(&n, &cause, 2000000, &s);
    ok(wh_state_rebase(&s, 500000, 5000, &m) == WH_OK && m.until == 0
       && m.probe == 0 && m.since == 500000, "an operator's has no end");

    s.reason = WH_STATE_WINDOW;
    s.until = UINT64_MAX;
    ok(wh_state_rebase(&s, 10, UINT64_MAX, &m) == WH_OK
       && m.until > m.since && m.probe == UINT64_MAX, "times do not wrap");
}


static void
rows(void)
{
    uint64_t   time;
    wh_cell_t  c;

    memset(&c, 0, sizeof(c));

    is_int((int64_t) wh_cell_failed(&c, 1000, &time), 1, "one failure");
    is_int((int64_t) time, 0, "just now");
    is_int((int64_t) wh_cell_failed(&c, 1500, &time), 2, "two in a row");
    is_int((int64_t) time, 500, "for half a second");

    wh_cell_succeeded(&c);

    is_int((int64_t) wh_cell_failed(&c, 1600, &time), 1,
           "a success ends a row");
    is_int((int64_t) time, 0, "and its time");

    is_int((int64_t) wh_cell_failed(&c, 100, &time), 2, "a clock set back");
    is_int((int64_t) time, 0, "begins the time anew");
    (void) wh_cell_failed(&c, 150, &time);
    is_int((int64_t) time, 50, "which goes on");
}


static void
cells(void)
{
    int               i, bad;
    wh_cell_t         c, d;
    wh_state_t        s, n, m;
    wh_state_cause_t  cause;

    memset(&c, 0, sizeof(c));
    memset(&d, 0, sizeof(d));
    memset(&cause, 0, sizeof(cause));
    cause.reason = WH_STATE_CONSECUTIVE;

    wh_cell_read(&c, &s);
    ok(s.number == 0 && s.reason == WH_STATE_ENABLED, "an empty cell");

    (void) wh_state_disable(&s, &cause, 100, &n);
    m = n;

    ok(wh_cell_write(&c, &s, &n) == WH_OK, "a transition is made");
    ok(wh_cell_write(&c, &s, &m) == WH_AGAIN, "by one process only");

    bad = 0;

    for (i = 0; i < 1000; i++) {
        wh_cell_read(&c, &s);

        if (s.reason != (i % 2 ? WH_STATE_ENABLED : WH_STATE_CONSECUTIVE)) {
            bad++;
        }

        if (s.reason) {
            (void) wh_state_enable(&s, 200, &n);

        } else {
            (void) wh_state_disable(&s, &cause, 300, &n);
        }

        if (wh_cell_write(&c, &s, &n) != WH_OK) {
            bad++;
        }

        /* processes that are killed before the last step */

        c.ticket += (uint64_t) (i % 20);
    }

    is_int(bad, 0, "a thousand transitions, some of them never finished");

    wh_cell_read(&c, &s);
    ok(wh_cell_restore(&d, &s) == WH_OK, "a state out of the store");
    wh_cell_read(&d, &n);
    is_mem((char *) &n, sizeof(n), (char *) &s, sizeof(s), "is the same");

    s.held++;
    ok(wh_cell_restore(&d, &s) == WH_ERROR, "a damaged one is refused");

    /* a process that was stopped writes over the state that is shown */

    wh_cell_read(&c, &s);
    (void) wh_state_enable(&s, 400, &n);

    if (s.reason == WH_STATE_ENABLED) {
        (void) wh_state_disable(&s, &cause, 400, &n);
    }

    (void) wh_cell_write(&c, &s, &n);
    memset(&c.states[c.number % WH_CELL_STATES], 0x5a, 20);

    wh_cell_read(&c, &m);
    ok(m.reason == s.reason, "a torn state is not used, but the one before");
    ok(wh_state_enable(&m, 500, &n) == WH_OK
       || wh_state_disable(&m, &cause, 500, &n) == WH_OK,
       "from which a transition");
    ok(wh_cell_write(&c, &m, &n) == WH_OK, "can be made");
    wh_cell_read(&c, &s);
    is_int((int64_t) s.number, (int64_t) n.number, "and is whole again");
}


/* two cells of one endpoint, of two zones */

static void
newer(void)
{
    wh_cell_t         a, b;
    wh_state_t        s, n, m, old;
    wh_state_cause_t  cause;

    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&s, 0, sizeof(s));
    memset(&cause, 0, sizeof(cause));
    cause.reason = WH_STATE_OPERATOR;

    (void) wh_state_disable(&s, &cause, 1000000, &n);
    (void) wh_cell_write(&a, &s, &n);
    old = n;

    ok(wh_cell_restore(&b, &n) == WH_OK, "a cell begins with a stored state");

    /* many transitions in the first one, then one in the other */

    for ( ;; ) {
        wh_cell_read(&a, &s);

        if (wh_state_enable(&s, 1000001, &n) != WH_OK) {
            (void) wh_state_disable(&s, &cause, 1000001, &n);
        }

        (void) wh_cell_write(&a, &s, &n);

        if (a.number > old.number + 20 && n.reason) {
            break;
        }
    }

    wh_cell_read(&b, &s);
    (void) wh_state_enable(&s, 1000002, &m);
    (void) wh_cell_write(&b, &s, &m);

    wh_cell_read(&a, &s);
    ok(wh_state_newer(&m, &s) && !wh_state_newer(&s, &m),
       "the later transition is newer, whatever their numbers were");

    ok(wh_cell_adopt(&b, &s) == WH_AGAIN, "an older one is not adopted");
    ok(wh_cell_adopt(&a, &m) == WH_OK, "a newer one is");
    wh_cell_read(&a, &s);
    ok(wh_state_same(&s, &m) && s.number > m.number, "as it is, with a number");
    ok(wh_cell_adopt(&a, &m) == WH_AGAIN, "once");

    /* the clock is set back */

    (void) wh_state_disable(&s, &cause, 10, &n);
    (void) wh_cell_write(&a, &s, &n);
    ok(n.number > s.number, "numbers grow with a clock that does not");

    m = n;
    m.number++;
    ok(wh_cell_adopt(&a, &m) == WH_ERROR, "a damaged one is not adopted");

    m = n;
    m.since++;
    ok(wh_state_newer(&m, &n) && wh_state_newer(&n, &m)
       && !wh_state_newer(&n, &n), "of two equal numbers both stay");

    wh_cell_saved(&a, 7);
    wh_cell_saved(&a, 5);
    is_int((int64_t) a.saved, 7, "what is saved stays so");
}


static void *
thread(void *arg)
{
    wh_state_t        s, n;
    wh_state_cause_t  cause;

    memset(&cause, 0, sizeof(cause));
    cause.reason = WH_STATE_ZONE;

    wh_cell_read(&shared, &s);

    if (wh_state_disable(&s, &cause, 100, &n) == WH_OK
        && wh_cell_write(&shared, &s, &n) == WH_OK)
    {
        (void) __atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST);
    }

    return arg;
}


static void
threads(void)
{
    int        i, run, bad;
    pthread_t  t[THREADS];

    bad = 0;

    for (run = 0; run < 200; run++) {

        memset(&shared, 0, sizeof(shared));
        made = 0;

        for (i = 0; i < THREADS; i++) {
            if (pthread_create(&t[i], NULL, thread, NULL) != 0) {
                printf("Bail out! no threads\n");
                exit(2);
            }
        }

        for (i = 0; i < THREADS; i++) {
            (void) pthread_join(t[i], NULL);
        }

        if (made != 1) {
            bad++;
        }
    }

    is_int(bad, 0, "of processes beside each other one makes the transition");
}


int
main(void)
{
    transitions();
    pauses();
    halted();
    set_back();
    rows();
    cells();
    newer();
    threads();

    return done_testing();
}
