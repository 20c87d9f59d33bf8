
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_backlog.h"
#include "wh_lane.h"


static void amounts(void);
static void amount(int64_t events, int64_t octets);
static void limits(void);
static void totals(void);
static void owns(void);
static void moves(void);
static void oldest(void);
static void lanes(void);
static void blocks(void);
static wh_part_t *part(unsigned n);
static int64_t total(unsigned last, int64_t *octets);


/* as in a zone: blocks are somewhere behind it */

static struct {
    wh_backlog_t  b;
    wh_block_t    blocks[WH_BACKLOG_BLOCKS];
} sh;

#define b  sh.b


int
main(void)
{
    amounts();
    limits();
    totals();
    owns();
    moves();
    oldest();
    lanes();
    blocks();

    return done_testing();
}


static void
amounts(void)
{
    wh_amount_t  a;

    amount(0, 0);
    amount(1, 300);
    amount(-1, -300);
    amount(-1, 300);
    amount(8388607, 549755813887);
    amount(-8388607, -549755813887);

    a.events = INT64_MAX;
    a.octets = INT64_MIN;

    wh_amount_unpack(wh_amount_pack(&a), &a);

    is_int(a.events, 8388607, "too many events are cut");
    is_int(a.octets, -549755813887, "too few octets are cut");
}


static void
amount(int64_t events, int64_t octets)
{
    wh_amount_t  a;

    a.events = events;
    a.octets = octets;

    wh_amount_unpack(wh_amount_pack(&a), &a);

    is_int(a.events, events, "%lld events in a word", (long long) events);
    is_int(a.octets, octets, "%lld octets in a word", (long long) octets);
}


static void
limits(void)
{
    wh_limits_t  l;
    wh_amount_t  a;

    memset(&l, 0, sizeof(l));

    a.events = 1000000;
    a.octets = 1000000000;

    ok(!wh_limits_over(&l, &a), "without a limit nothing is too much");

    l.most.events = 3;

    a.events = 3;
    ok(!wh_limits_over(&l, &a), "N are not too many");

    a.events = 4;
    ok(wh_limits_over(&l, &a), "N + 1 are");

    a.events = 2;
    ok(wh_limits_room(&l, &a, 1, 500), "there is room for the Nth");
    ok(!wh_limits_room(&l, &a, 2, 500), "but not for two");

    a.events = 3;
    ok(!wh_limits_room(&l, &a, 1, 1), "there is none for the N + 1st");

    l.most.events = 0;
    l.most.octets = 1000;

    a.octets = 1000;
    ok(!wh_limits_over(&l, &a), "N octets are not too many");

    a.octets = 1001;
    ok(wh_limits_over(&l, &a), "N + 1 octets are");

    a.octets = 700;
    ok(wh_limits_room(&l, &a, 1, 300), "there is room for the rest");
    ok(!wh_limits_room(&l, &a, 1, 301), "and not for one octet more");
}


static void
totals(void)
{
    int64_t      octets;
    wh_amount_t  a, all, promised;

    memset(&sh, 0, sizeof(sh));

    is_int(total(255, &octets), 0, "there is nothing at first");

    a.events = 2;
    a.octets = 600;
    wh_part_take(part(1), &a);

    a.events = 3;
    a.octets = 900;
    wh_part_take(part(255), &a);

    is_int(total(255, &octets), 5, "parts are summed up");
    is_int(octets, 1500, "and their octets");

    a.events = 1;
    a.octets = 100;
    wh_part_promise(part(2), &a);

    wh_backlog_total(&b, 255, NULL, &all);
    wh_backlog_promised(&b, 255, NULL, &promised);

    is_int(all.events, 5, "what is promised is not there");
    is_int(promised.events, 1, "but told");
    is_int(promised.octets, 100, "with its octets");

    wh_part_void(part(255));
    is_int(total(255, &octets), 2, "what a dead process had is void");

    wh_part_void(part(2));
    wh_backlog_promised(&b, 255, NULL, &promised);
    is_int(promised.events, 0, "and what it had promised");

    a.events = -5;
    a.octets = -1;
    wh_part_take(part(3), &a);
    is_int(total(255, &octets), 0, "there never is less than nothing");
    is_int(octets, 0, "nor of octets");
}


/* of a process that found no room */

static void
owns(void)
{
    wh_part_t    own;
    wh_amount_t  a, all, promised;

    memset(&sh, 0, sizeof(sh));
    memset(&own, 0, sizeof(own));

    a.events = 2;
    a.octets = 600;
    wh_part_take(part(1), &a);
    wh_part_promise(part(1), &a);

    a.events = 3;
    a.octets = 900;
    wh_part_take(&own, &a);
    wh_part_promise(&own, &a);

    wh_backlog_total(&b, 255, &own, &all);

    is_int(all.events, 5, "a part beside the others counts");
    is_int(all.octets, 1500, "with its octets");

    wh_backlog_promised(&b, 255, &own, &promised);

    is_int(promised.events, 5, "and what it has promised");
    is_int(promised.octets, 1500, "with its octets, too");

    a.events = -4;
    a.octets = -1200;
    wh_part_take(&own, &a);

    wh_backlog_total(&b, 255, &own, &all);

    is_int(all.events, 0, "with it there is not less than nothing");
    is_int(all.octets, 0, "nor of octets");

    /* what it has can be what the others lack */

    a.events = -2;
    a.octets = -600;
    wh_part_take(part(1), &a);

    a.events = 3;
    a.octets = 900;
    wh_part_take(&own, &a);

    wh_backlog_total(&b, 255, &own, &all);

    is_int(all.events, 1, "it makes up for them");
    is_int(all.octets, 300, "also for their octets");
}


/* into the warehouse and out of it again, at each step */

static void
moves(void)
{
    int64_t      octets;
    wh_amount_t  a, change, now;

    memset(&sh, 0, sizeof(sh));

    a.events = 4;
    a.octets = 400;
    wh_part_take(part(7), &a);

    /* three of them are put there */

    change.events = 3;
    change.octets = 300;
    now = change;

    wh_part_land(part(7), &change);
    wh_backlog_store(&b, &now);

    is_int(total(7, &octets), 4, "what has landed counts once");
    is_int(octets, 400, "with its octets");

    a.events = 1;
    a.octets = 100;
    wh_part_settle(part(7), &a);

    is_int(total(7, &octets), 4, "also when it is settled");

    /* one ends, and is to be deleted */

    a.events = 0;
    a.octets = 0;
    wh_part_take(part(7), &a);

    is_int(total(7, &octets), 3, "what ends is deducted at once");

    change.events = -1;
    change.octets = -100;
    now.events = 2;
    now.octets = 200;

    wh_part_land(part(7), &change);
    wh_backlog_store(&b, &now);

    is_int(total(7, &octets), 3, "its deletion changes nothing");

    a.events = 1;
    a.octets = 100;
    wh_part_settle(part(7), &a);

    is_int(total(7, &octets), 3, "nor does its settlement");
    is_int(octets, 300, "in octets");

    /* a commit whose visit failed, and was repeated */

    change.events = 1;
    change.octets = 100;
    now.events = 3;
    now.octets = 300;
    wh_part_land(part(7), &change);
    wh_backlog_store(&b, &now);

    change.events = 0;
    change.octets = 0;
    wh_part_land(part(7), &change);
    wh_backlog_store(&b, &now);

    is_int(total(7, &octets), 3, "a commit may be repeated");

    wh_part_void(part(7));

    is_int(total(7, &octets), 3, "the warehouse outlives its process");
}


static void
oldest(void)
{
    memset(&sh, 0, sizeof(sh));

    is_int((int64_t) wh_backlog_oldest(&b, 255), 0, "there is no oldest one");

    wh_part_age(part(9), 5000);
    wh_part_age(part(3), 6000);

    is_int((int64_t) wh_backlog_oldest(&b, 255), 5000,
           "the oldest one of all");

    wh_part_void(part(9));

    is_int((int64_t) wh_backlog_oldest(&b, 255), 6000,
           "of those that live");
}


static void
lanes(void)
{
    wh_item_t   items[3];
    wh_lane_t   lane;
    uint64_t    i;

    wh_lane_init(&lane, 1);
    memset(items, 0, sizeof(items));

    ok(wh_lane_oldest(&lane) == NULL, "an empty lane has no oldest one");

    for (i = 0; i < 3; i++) {
        items[i].seq = i + 1;
        wh_lane_insert(&lane, &items[i], wh_queue_last(&lane.items));
    }

    ok(wh_lane_oldest(&lane) == &items[0], "the first one is");

    wh_item_begin(&lane, &items[0]);
    wh_item_begin(&lane, &items[1]);

    ok(wh_lane_oldest(&lane) == &items[2], "unless it is in flight");

    lane.more = 1;
    lane.loaded_seq = 2;

    ok(wh_lane_oldest(&lane) == NULL, "or others may be before it");
}


static void
blocks(void)
{
    int64_t      octets;
    unsigned     i, k;
    wh_part_t   *p;
    wh_amount_t  a;

    memset(&sh, 0, sizeof(sh));

    ok(wh_backlog_part(&b, 0) == NULL, "nobody has no part");
    ok(wh_backlog_part(&b, 8) != NULL, "eight processes have one");
    ok(wh_backlog_part(&b, 9) == NULL, "further ones need a block");
    ok(wh_backlog_part(&b, 255) == NULL, "also the last one");
    ok(wh_backlog_part(&b, 257) == NULL, "there are not more");
    is_int(total(255, &octets), 0, "what is not there is not counted");

    is_int(wh_backlog_blocks(0), 0, "no process needs no block");
    is_int(wh_backlog_blocks(8), 0, "8 need none");
    is_int(wh_backlog_blocks(9), 1, "9 need one");
    is_int(wh_backlog_blocks(39), 1, "39, too");
    is_int(wh_backlog_blocks(40), 2, "40 need two");
    is_int(wh_backlog_blocks(255), 8, "255 need all");
    is_int(wh_backlog_blocks(1000), 8, "there never are more");

    for (i = 1; i <= 255; i++) {
        p = part(i);

        ok(p->taken == 0, "part %u is nobody else's", i);

        a.events = (int64_t) i;
        a.octets = 2 * (int64_t) i;
        wh_part_take(p, &a);
    }

    for (i = 1, k = 0; i <= 255; i++) {
        wh_amount_unpack(part(i)->taken, &a);
        k += (a.events == (int64_t) i);
    }

    is_int(k, 255, "all parts are different ones");
    is_int(total(255, &octets), 255 * 128, "all parts count");
    is_int(octets, 255 * 256, "with their octets");
    is_int(total(16, &octets), 16 * 17 / 2, "as far as they are asked for");
}


static wh_part_t *
part(unsigned n)
{
    unsigned  k;

    if (wh_backlog_part(&b, n) == NULL) {
        k = wh_backlog_blocks(n) - 1;
        wh_backlog_extend(&b, n, &sh.blocks[k]);
    }

    return wh_backlog_part(&b, n);
}


static int64_t
total(unsigned last, int64_t *octets)
{
    wh_amount_t  a;

    wh_backlog_total(&b, last, NULL, &a);

    *octets = a.octets;

    return a.events;
}
