
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_permit.h"


static wh_permits_t  p;
static uint64_t      more[WH_PERMITS_MORE];


int
main(void)
{
    int  i, one, two, again, taken;

    one = wh_permit_take(&p, 0, 2);
    two = wh_permit_take(&p, 1, 2);

    ok(one != -1 && two != -1 && one != two, "as many as are allowed");
    ok(wh_permit_take(&p, 1, 2) == -1, "and not one more");
    ok(wh_permit_give(&p, 0, one) == 1, "who waits for one is told");

    one = wh_permit_take(&p, 0, 2);

    ok(one != -1, "it is free again");
    ok(wh_permit_give(&p, 0, one) == 0, "nobody is told when nobody waits");

    /* void ones */

    one = wh_permit_take(&p, 1, 2);

    ok(wh_permit_void(&p, 1) == 2, "all of a process are void");
    ok(wh_permit_void(&p, 1) == 0, "once");

    two = wh_permit_take(&p, 2, 1);

    ok(two != -1, "what is void is free");

    (void) wh_permit_give(&p, 1, one);

    ok(wh_permit_take(&p, 3, 1) == -1,
       "a void one that is given back is not the next holder's");

    ok(wh_permit_void(&p, 2) == 1, "its process is stopped");

    again = wh_permit_take(&p, 2, 1);

    ok(again != -1 && again != two, "it comes to itself, and takes another");

    (void) wh_permit_give(&p, 2, two);

    ok(wh_permit_take(&p, 3, 1) == -1,
       "a void one is not mistaken for another one of the same holder");

    (void) wh_permit_give(&p, 2, again);

    ok(wh_permit_take(&p, 3, 1) != -1, "which is given back by itself");

    /* without an extension */

    memset(&p, 0, sizeof(p));

    for (i = 0, taken = 0; i < WH_PERMITS + 1; i++) {
        taken += (wh_permit_take(&p, 4, 1000000) != -1);
    }

    is_int(taken, WH_PERMITS_FIRST, "no more than the first");
    is_int(wh_permit_count(&p), WH_PERMITS_FIRST, "which are counted");
    ok(!wh_permit_extended(&p), "there are no others");

    /* another configuration has more, those in flight are still counted */

    wh_permit_extend(&p, more);

    ok(wh_permit_extended(&p), "there are others");
    ok(wh_permit_take(&p, 5, WH_PERMITS_FIRST) == -1, "for a larger number");

    one = wh_permit_take(&p, 5, WH_PERMITS_FIRST + 1);

    ok(one != -1, "one more");
    ok(wh_permit_take(&p, 5, WH_PERMITS_FIRST + 1) == -1, "and only one");
    is_int(wh_permit_count(&p), WH_PERMITS_FIRST + 1, "all are counted");
    ok(wh_permit_give(&p, 5, one) == 1, "it is given back");
    is_int(wh_permit_count(&p), WH_PERMITS_FIRST, "and free");
    is_int(wh_permit_void(&p, 4), WH_PERMITS_FIRST, "so are void ones");

    /* the most */

    memset(&p, 0, sizeof(p));
    memset(more, 0, sizeof(more));
    wh_permit_extend(&p, more);

    for (i = 0, taken = 0; i < WH_PERMITS + 1; i++) {
        taken += (wh_permit_take(&p, UINT32_MAX - 1, 1000000) != -1);
    }

    is_int(taken, WH_PERMITS, "no more than there are");
    is_int(wh_permit_void(&p, UINT32_MAX - 1), WH_PERMITS, "of the last slot");

    /* numbers of permits begin anew */

    memset(&p, 0, sizeof(p));

    p.holders[0] = UINT64_MAX << 32;
    one = wh_permit_take(&p, 5, 1);

    ok(one != -1, "after as many times as can be counted");

    (void) wh_permit_give(&p, 5, one);

    ok(wh_permit_take(&p, 5, 1) != -1, "it is given back all the same");

    return done_testing();
}
