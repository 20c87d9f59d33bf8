
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_sched.h"


#define NOW    UINT64_C(1000000)
#define LEASE  30


static void fresh(int unordered);
static void put(unsigned n, uint64_t time);
static wh_next_e next(uint64_t now);
static wh_take_e take(uint64_t now);
static wh_done_e done(wh_outcome_e outcome, unsigned permanent, uint64_t now);
static void orders(void);
static void retries(void);
static void ages(void);
static void throttled(void);
static void halted(void);
static void refused(void);
static void probes(void);
static void limits(void);
static void set_back(void);


static uint64_t      delays[] = { 100, 200 };
static wh_cell_t     cell;
static wh_zone_t     zone;
static wh_permits_t  permits;
static uint64_t      words[3];
static wh_policy_t   p;
static wh_lane_t     lane;
static wh_item_t     items[4];
static wh_item_t    *item;
static wh_next_t     n;
static wh_take_t     t;
static wh_end_e      end;
static wh_change_t   change;


int
main(void)
{
    orders();
    retries();
    ages();
    throttled();
    halted();
    refused();
    probes();
    limits();
    set_back();

    return done_testing();
}


static void
fresh(int unordered)
{
    memset(&p, 0, sizeof(p));
    memset(&cell, 0, sizeof(cell));
    memset(&zone, 0, sizeof(zone));
    memset(&permits, 0, sizeof(permits));
    memset(words, 0, sizeof(words));
    memset(items, 0, sizeof(items));

    p.order = unordered ? WH_ORDER_NONE : WH_ORDER_STRICT;
    p.concurrency = unordered ? 2 : 1;
    p.retry.delays = delays;
    p.retry.n = 2;
    p.cell = &cell;
    p.zone = &zone;
    p.permits = &permits;
    p.rate.word = &words[0];
    p.quota.word = &words[1];
    zone.quota.word = &words[2];

    wh_lane_init(&lane, unordered);
}


static void
put(unsigned i, uint64_t time)
{
    wh_queue_t  *behind;

    (void) wh_lane_place(&lane, i + 1, 0, 0, &behind);

    items[i].seq = i + 1;
    items[i].progress.time = time;

    wh_lane_insert(&lane, &items[i], behind);
    wh_lane_list(&lane, &items[i], 0);
}


static wh_next_e
next(uint64_t now)
{
    wh_next_e  rc;

    rc = wh_sched_next(&p, &lane, now, &n);
    item = n.item;

    return rc;
}


static wh_take_e
take(uint64_t now)
{
    wh_take_e  rc;

    rc = wh_sched_take(&p, &lane, item, 0, LEASE, now, &t);

    if (rc == WH_TAKE_OK) {
        wh_sched_begin(&lane, item, now);
    }

    return rc;
}


/* of the item whose turn it was */

static wh_done_e
done(wh_outcome_e outcome, unsigned permanent, uint64_t now)
{
    wh_done_e     rc;
    wh_report_t   report;
    wh_outcome_t  o;

    memset(&o, 0, sizeof(o));

    o.outcome = outcome;
    o.permanent = permanent & 1;
    o.counts = (outcome == WH_OUTCOME_FAILURE);
    o.after = (outcome == WH_OUTCOME_THROTTLED) ? 500 : 0;
    o.probe = t.probe;

    if (t.permit != -1) {
        (void) wh_permit_give(&permits, 0, t.permit);
    }

    wh_policy_report(&p, &o, now, &report);

    rc = wh_sched_done(&p, &lane, item, &o, &report, 0, now, &end);

    if (rc == WH_DONE_END) {
        wh_lane_remove(&lane, item);
    }

    return rc;
}


static void
orders(void)
{
    wh_item_t  *one;

    fresh(0);

    is_int(next(NOW), WH_NEXT_NOTHING, "an empty lane");
    lane.more = 1;
    is_int(next(NOW), WH_NEXT_READ, "of which there is more");
    lane.more = 0;

    put(0, NOW);
    put(1, NOW);

    ok(next(NOW) == WH_NEXT_SEND && item == &items[0], "the first one");
    ok(take(NOW) == WH_TAKE_OK && t.permit == -1, "needs no permit");
    is_int(next(NOW), WH_NEXT_NOTHING, "the second one waits for it");
    item = &items[0];
    is_int(done(WH_OUTCOME_FAILURE, 0, NOW), WH_DONE_RETRY, "it fails");
    ok(next(NOW + 99) == WH_NEXT_WAIT && n.when == NOW + 100,
       "and holds up its lane");
    (void) next(NOW + 100);
    (void) take(NOW + 100);
    ok(done(WH_OUTCOME_SUCCESS, 0, NOW + 100) == WH_DONE_END
       && end == WH_END_DELIVERED, "until it is delivered");
    ok(next(NOW + 100) == WH_NEXT_SEND && item == &items[1],
       "then it is the second one's turn");

    /* with keys: a lane of each, with permits for all of them */

    fresh(0);
    p.order = WH_ORDER_KEY;
    p.concurrency = 2;
    put(0, NOW);
    put(1, NOW);

    (void) next(NOW);
    ok(take(NOW) == WH_TAKE_OK && t.permit != -1, "a key takes a permit");
    is_int(next(NOW), WH_NEXT_NOTHING, "its lane is ordered");

    fresh(1);
    put(0, NOW);
    put(1, NOW);
    put(2, NOW);

    (void) next(NOW);
    one = item;
    ok(take(NOW) == WH_TAKE_OK && next(NOW) == WH_NEXT_SEND && item != one,
       "without order another one is sent beside");
    (void) take(NOW);
    is_int(next(NOW), WH_NEXT_NOTHING, "as far as concurrency goes");
    item = one;
    (void) done(WH_OUTCOME_FAILURE, 0, NOW);
    ok(next(NOW) == WH_NEXT_SEND && item == &items[2],
       "what has failed lets others pass");

    fresh(1);
    put(0, NOW);
    (void) next(NOW);
    (void) wh_permit_take(&permits, 1, 2);
    (void) wh_permit_take(&permits, 1, 2);
    is_int(take(NOW), WH_TAKE_PERMIT, "permits are those of all processes");
    is_int(wh_permit_count(&permits), 2, "as many as are held");
    (void) wh_permit_void(&permits, 1);
    is_int(wh_permit_count(&permits), 0, "void ones are not held");
    is_int(take(NOW), WH_TAKE_OK, "of a dead one they are void");
}


static void
retries(void)
{
    fresh(0);
    p.retry.expire = 300;
    put(0, NOW - 5);

    (void) next(NOW);
    (void) take(NOW);
    is_int(done(WH_OUTCOME_FAILURE, 0, NOW + 70), WH_DONE_RETRY, "fails");
    ok(item->progress.planned == NOW + 100 && item->progress.first == NOW
       && item->progress.attempts == 1,
       "a delay adds to the planned time");
    (void) next(NOW + 150);
    (void) take(NOW + 150);
    is_int(done(WH_OUTCOME_FAILURE, 0, NOW + 160), WH_DONE_RETRY,
           "planned exactly at \"expire\"");
    is_int((int64_t) item->progress.planned, NOW + 300,
           "however late the attempt was");
    (void) next(NOW + 300);
    (void) take(NOW + 300);
    ok(done(WH_OUTCOME_FAILURE, 0, NOW + 301) == WH_DONE_END
       && end == WH_END_DEAD, "after the last delay it is dead");

    fresh(0);
    p.retry.expire = 99;
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    ok(done(WH_OUTCOME_FAILURE, 0, NOW) == WH_DONE_END
       && end == WH_END_EXPIRED, "beyond \"expire\"");

    fresh(0);
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    ok(done(WH_OUTCOME_FAILURE, 1, NOW) == WH_DONE_END && end == WH_END_DEAD,
       "permanent: dead at once");

    fresh(0);
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    is_int(done(WH_OUTCOME_NONE, 0, NOW), WH_DONE_WAIT,
           "without local resources it was no attempt");
    ok(item->progress.attempts == 0 && item->progress.first == 0,
       "nothing has begun");
    ok(next(NOW + 99) == WH_NEXT_WAIT && next(NOW + 100) == WH_NEXT_SEND,
       "it is tried again soon");

    fresh(0);
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_GONE, 0, NOW);
    ok(next(NOW + 1000000) == WH_NEXT_HOLD && n.when == 0
       && item == NULL && items[0].progress.attempts == 1,
       "410 keeps the delivery, and holds it until an operator comes");
}


static void
ages(void)
{
    fresh(0);
    p.retry.max_age = 100;
    put(0, NOW);
    put(1, NOW + 1);

    is_int(next(NOW + 100), WH_NEXT_SEND, "exactly \"max_age\" old");
    ok(next(NOW + 101) == WH_NEXT_END && n.end == WH_END_EXPIRED,
       "older: it expires");
    wh_lane_remove(&lane, item);
    is_int(next(NOW + 101), WH_NEXT_SEND, "the next one is younger");
    (void) take(NOW + 101);
    ok(done(WH_OUTCOME_FAILURE, 0, NOW + 101) == WH_DONE_END
       && end == WH_END_EXPIRED, "its next attempt would be too late");
}


static void
throttled(void)
{
    fresh(0);
    p.retry.after_max = 400;
    put(0, NOW);

    (void) next(NOW);
    (void) take(NOW);
    ok(done(WH_OUTCOME_THROTTLED, 0, NOW + 10) == WH_DONE_RETRY
       && item->progress.planned == NOW + 410
       && item->progress.throttled == 1,
       "Retry-After counts from the answer, up to its most");
    (void) next(NOW + 410);
    (void) take(NOW + 410);
    (void) done(WH_OUTCOME_FAILURE, 0, NOW + 410);
    is_int((int64_t) item->progress.planned, NOW + 510,
           "it has used no delay, and the next adds to its time");

    fresh(0);
    p.retry.after_max = 50;
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_THROTTLED, 0, NOW + 10);
    is_int((int64_t) item->progress.planned, NOW + 100,
           "the schedule's delay when that is longer");
}


/* the clock stands still while it is disabled */

static void
halted(void)
{
    fresh(0);
    p.retry.expire = 300;
    put(0, NOW);

    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_FAILURE, 0, NOW);
    (void) wh_policy_disable(&p, NOW + 60, &change);

    ok(next(NOW + 100) == WH_NEXT_HOLD && n.when == 0, "it is held");

    (void) wh_policy_enable(&p, NOW + 1060, &change);

    ok(next(NOW + 1060) == WH_NEXT_WAIT && n.when == NOW + 1100,
       "its time is later by that");
    (void) next(NOW + 1100);
    (void) take(NOW + 1100);

    /* once more, with the attempt on its way */

    (void) wh_policy_disable(&p, NOW + 1110, &change);
    ok(done(WH_OUTCOME_FAILURE, 0, NOW + 1120) == WH_DONE_RETRY,
       "so is \"expire\"");
    (void) wh_policy_enable(&p, NOW + 1210, &change);
    ok(next(NOW + 1210) == WH_NEXT_WAIT && n.when == NOW + 1400,
       "also when it was disabled during the attempt");

    /* a pause */

    fresh(0);
    p.quota.n = 1;
    p.quota.time = 500;
    put(0, NOW);
    put(1, NOW);
    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_SUCCESS, 0, NOW + 10);
    (void) next(NOW + 10);
    ok(take(NOW + 10) == WH_TAKE_AGAIN && t.change.to.until == NOW + 500,
       "over quota");
    ok(next(NOW + 499) == WH_NEXT_HOLD && n.when == NOW + 500, "it is paused");
    ok(next(NOW + 500) == WH_NEXT_SEND && take(NOW + 500) == WH_TAKE_OK,
       "and resumes by itself");

    (void) done(WH_OUTCOME_FAILURE, 0, NOW + 500);
    (void) next(NOW + 600);
    is_int(take(NOW + 600), WH_TAKE_OK, "a retry is not counted");
}


static void
refused(void)
{
    fresh(0);
    p.while_disabled = WH_WHILE_DROP;
    put(0, NOW - 1);
    put(1, NOW);
    (void) wh_policy_disable(&p, NOW, &change);

    is_int(next(NOW), WH_NEXT_HOLD, "the backlog is kept");

    put(2, NOW);
    is_int(next(NOW), WH_NEXT_HOLD, "so is what is of the same millisecond");

    put(3, NOW + 1);
    ok(next(NOW + 1) == WH_NEXT_END && n.end == WH_END_DROPPED
       && item == &items[3], "what is captured later is dropped");
    p.while_disabled = WH_WHILE_DEAD;
    ok(next(NOW + 1) == WH_NEXT_END && n.end == WH_END_DEAD, "or dead");
    p.while_disabled = WH_WHILE_HOLD;
    is_int(next(NOW + 1), WH_NEXT_HOLD, "or held");

    /* a pause refuses nothing */

    fresh(0);
    p.while_disabled = WH_WHILE_DROP;
    p.quota.n = 1;
    p.quota.time = 100;
    (void) wh_policy_quota(&p, NOW, &change);
    (void) wh_policy_quota(&p, NOW, &change);
    put(0, NOW + 50);
    is_int(next(NOW + 50), WH_NEXT_HOLD, "a pause keeps what is captured");
    (void) wh_policy_disable(&p, NOW + 60, &change);
    is_int(next(NOW + 60), WH_NEXT_HOLD, "also when it is disabled then");
}


static void
probes(void)
{
    uint64_t  number;

    fresh(0);
    p.probe = 100;
    p.consecutive = 1;
    p.retry.max_age = 1000;
    put(0, NOW);
    put(1, NOW + 500);

    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_FAILURE, 0, NOW);

    ok(next(NOW + 50) == WH_NEXT_HOLD && n.when == NOW + 100,
       "a probe is waited for");

    (void) wh_policy_probe(&p, NOW + 100, LEASE, &number);
    lane.probe = 1;
    lane.number = number;

    ok(next(NOW + 100) == WH_NEXT_SEND && take(NOW + 100) == WH_TAKE_OK
       && t.probe, "it is sent, whatever its delivery was planned for");
    is_int(done(WH_OUTCOME_FAILURE, 0, NOW + 110), WH_DONE_WAIT,
           "it takes no retry");
    ok(item->progress.attempts == 1 && item->progress.planned == NOW + 210,
       "the clock of its delivery still stands");

    /* the lease of one that has waited */

    (void) wh_policy_probe(&p, NOW + 210, LEASE, &number);
    lane.probe = 1;
    lane.number = number;
    (void) next(NOW + 210);
    (void) wh_policy_probe(&p, NOW + 240, LEASE, &number);
    ok(take(NOW + 240) == WH_TAKE_AGAIN && !lane.probe,
       "it is another lane's by now");
    is_int(next(NOW + 240), WH_NEXT_HOLD, "so that this one is held");

    lane.probe = 1;
    lane.number = number;
    ok(next(NOW + 1001) == WH_NEXT_END && n.end == WH_END_EXPIRED
       && item == &items[0], "no probe sends what is older than \"max_age\"");
    wh_lane_remove(&lane, item);
    ok(next(NOW + 1001) == WH_NEXT_SEND && item == &items[1]
       && take(NOW + 1001) == WH_TAKE_OK, "but the next one");

    ok(done(WH_OUTCOME_SUCCESS, 0, NOW + 1010) == WH_DONE_END
       && end == WH_END_DELIVERED, "whose success is its end");
    put(2, NOW + 1010);
    is_int(next(NOW + 1010), WH_NEXT_SEND, "and enables the endpoint");

    /* a permanent failure */

    (void) take(NOW + 1010);
    (void) done(WH_OUTCOME_FAILURE, 0, NOW + 1010);
    (void) wh_policy_probe(&p, NOW + 1110, LEASE, &number);
    lane.probe = 1;
    lane.number = number;
    (void) next(NOW + 1110);
    (void) take(NOW + 1110);
    ok(done(WH_OUTCOME_FAILURE, 1, NOW + 1110) == WH_DONE_END
       && end == WH_END_DEAD, "what is permanent is so for a probe, too");

    lane.probe = 1;
    ok(next(NOW + 1110) == WH_NEXT_HOLD && !lane.probe,
       "an empty lane has nothing to probe with");
}


/* a rate beside concurrency */

static void
limits(void)
{
    wh_item_t  *one;

    fresh(1);
    wh_rate_init(&p.rate, 1, 100, 1);
    p.rate.word = &words[0];
    put(0, NOW);
    put(1, NOW);

    (void) next(NOW);
    is_int(take(NOW), WH_TAKE_OK, "one at once");
    one = item;
    (void) next(NOW);
    ok(take(NOW) == WH_TAKE_RATE && t.when == NOW + 100,
       "the next one not before its turn");
    is_int(take(NOW + 99), WH_TAKE_RATE, "in a millisecond");
    ok(take(NOW + 100) == WH_TAKE_OK && item != one, "at its turn");

    fresh(1);
    p.concurrency = 1;
    wh_rate_init(&p.rate, 1, 100, 1);
    p.rate.word = &words[0];
    put(0, NOW);
    (void) wh_permit_take(&permits, 1, 1);
    (void) next(NOW);
    is_int(take(NOW), WH_TAKE_PERMIT, "what waits for a permit");
    (void) wh_permit_void(&permits, 1);
    is_int(take(NOW), WH_TAKE_OK, "has taken no turn of the rate");

    (void) done(WH_OUTCOME_FAILURE, 0, NOW);
    put(1, NOW);
    (void) next(NOW);
    ok(take(NOW) == WH_TAKE_RATE && t.permit == -1,
       "what waits for the rate");
    ok(wh_permit_take(&permits, 1, 1) != -1, "has no permit");
}


static void
set_back(void)
{
    uint64_t  back;

    /* what was there before is not refused, though its time is later */

    back = NOW / 2;

    fresh(0);
    p.while_disabled = WH_WHILE_DROP;
    put(0, NOW - 500);
    (void) wh_policy_disable(&p, NOW, &change);
    is_int(next(back), WH_NEXT_HOLD, "the clock is set back");
    is_int(next(NOW + 500), WH_NEXT_HOLD, "the backlog is kept for good");
    put(1, NOW + 500);
    ok(next(NOW + 500) == WH_NEXT_END && item == &items[1],
       "what is captured since is not");

    /* during an attempt, and before a retry */

    fresh(0);
    put(0, NOW);
    (void) next(NOW);
    (void) take(NOW);
    (void) done(WH_OUTCOME_FAILURE, 0, back);
    ok(next(back) == WH_NEXT_WAIT && n.when == back + 100,
       "a delay begins when its attempt ends");
    ok(next(back / 2) == WH_NEXT_WAIT && n.when == back / 2 + 100,
       "and is no longer ever");
    is_int(next(back / 2 + 100), WH_NEXT_SEND, "its turn");
    (void) take(back / 2 + 50);
    (void) done(WH_OUTCOME_FAILURE, 0, back / 2 + 60);
    ok(next(back / 2 + 60) == WH_NEXT_WAIT && n.when <= back / 2 + 250,
       "no attempt is before its time");
}
