
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_shelf.h"


#define SIZE  65536
#define USED  256


static uint64_t    memory[SIZE / 8];
static wh_line_t   lines[4];
static wh_shelf_t  *s = (wh_shelf_t *) memory;

/* all is done with an index, and again without one */

static wh_shelf_ref_t    refs[64];
static wh_shelf_size_t   sizes[64];
static wh_shelf_index_t  index_of, *ix;


static void
begin(void)
{
    (void) wh_shelf_begin(s);

    if (ix) {
        index_of.refs = refs;
        index_of.sizes = sizes;
        ok(wh_shelf_count(s) <= 64, "there is room for an index");
        wh_shelf_index(s, &index_of);
    }

    memset(lines, 0, sizeof(lines));
}


static void
line(int i, uint32_t n, uint64_t time)
{
    lines[i].tag.n = n;
    lines[i].tag.time = time;
}


static void
place(uint64_t owner, uint32_t n)
{
    wh_shelf_keep(s, ix, owner, lines, n);
    wh_shelf_add(s, ix, owner, lines, n, 1, USED);
    wh_shelf_add(s, ix, owner, lines, n, 0, USED);
}


static void
fail(int i, uint32_t n)
{
    while (n--) {
        (void) wh_window_add(lines[i].window, lines[i].tag.n,
                             lines[i].tag.time, 1000);
    }
}


static int
failures(int i)
{
    return (int) wh_window_count(lines[i].window, lines[i].tag.n,
                                 lines[i].tag.time, 1000);
}


static void
configurations(void)
{
    wh_window_t  *w;

    memset(memory, 0, sizeof(memory));
    wh_shelf_init(s, SIZE);

    begin();
    line(0, 5, 60);
    place(1, 1);
    fail(0, 3);
    w = lines[0].window;

    begin();
    line(0, 7, 30);
    line(1, 5, 60);
    place(1, 2);

    ok(lines[1].window == w && failures(1) == 3,
       "a line keeps its failures behind a new one");
    is_int(failures(0), 0, "which begins empty");

    fail(0, 1);

    begin();
    line(0, 5, 60);
    line(1, 8, 30);
    place(1, 2);
    ok(failures(0) == 3 && failures(1) == 1,
       "so do lines in another order, and one that tolerates more");

    begin();
    line(0, 5, 61);
    line(1, 8, 30);
    lines[1].tag.first = 1;
    place(1, 2);
    ok(failures(0) == 0 && failures(1) == 0,
       "another time, or other failures, begin empty");

    begin();
    line(0, 5, 61);
    place(2, 1);
    is_int(failures(0), 0, "and so does another owner");

    begin();
    line(0, 5, 61);
    place(1, 1);
    is_int(failures(0), 0, "and a line that was away");
    fail(0, 5);

    begin();
    line(0, 500, 61);
    place(1, 1);
    ok(failures(0) == 5 && wh_window_fits(lines[0].window, 500),
       "a larger one takes its failures along");
}


static void
room(void)
{
    int       bad;
    uint32_t  i;
    uint64_t  bottom;

    memset(memory, 0, sizeof(memory));
    wh_shelf_init(s, SIZE);

    bad = 0;
    bottom = 0;

    for (i = 1; i <= 10000; i++) {
        begin();
        line(0, 10, i);
        line(1, 20, i);
        place(1, 2);

        if (lines[0].window == NULL || lines[1].window == NULL
            || failures(0) || failures(1)
            || (char *) lines[0].window < (char *) s + USED
            || (char *) lines[1].window < (char *) s + USED)
        {
            bad++;
        }

        fail(0, 3);
        fail(1, 3);

        if (i == 3) {
            bottom = s->bottom;
        }
    }

    is_int(bad, 0, "ten thousand configurations, each with other lines");
    is_int((int64_t) s->bottom, (int64_t) bottom,
           "take the room of three");

    bad = 0;

    for (i = 1; i <= 1000; i++) {
        begin();
        line(0, i, 60);
        place(1, 1);

        if (lines[0].window == NULL
            || failures(0) != (int) (i == 1 ? 0 : 1))
        {
            bad++;
        }

        if (i == 1) {
            fail(0, 1);
        }
    }

    is_int(bad, 0, "a line that grows a little each time has room for it");

    begin();
    line(0, 9000, 60);
    place(1, 1);
    ok(lines[0].window == NULL, "no room is no window");

    begin();
    line(0, 900, 60);
    place(1, 1);
    ok(lines[0].window != NULL, "and nothing is broken by that");
}


static void
full(void)
{
    int     i, bad;
    size_t  size;

    size = USED + 20 * wh_shelf_need(100);

    memset(memory, 0, sizeof(memory));
    wh_shelf_init(s, size);

    begin();
    line(0, 100, 60);

    for (i = 1; i <= 20; i++) {
        wh_shelf_keep(s, ix, (uint64_t) i, lines, 1);
    }

    bad = 0;

    for (i = 1; i <= 20; i++) {
        lines[0].window = NULL;
        wh_shelf_add(s, ix, (uint64_t) i, lines, 1, 0, USED);
        bad += (lines[0].window == NULL);
    }

    ok(bad == 0 && s->bottom == USED, "what just fits has room");
}


/* random lines of random owners get the same places as without an index */

static void
same(void)
{
    int                i, k, n, bad, moved;
    size_t             size;
    wh_line_t          want[2][40];
    wh_shelf_t        *both[2];
    wh_shelf_index_t   index;

    size = USED + 25 * wh_shelf_need(30);

    index.refs = refs;
    index.sizes = sizes;

    bad = 0;
    moved = 0;

    srandom(1);

    for (k = 0; k < 2; k++) {
        both[k] = (wh_shelf_t *) &memory[(size_t) k * (SIZE / 16)];
    }

    memset(memory, 0, sizeof(memory));
    wh_shelf_init(both[0], size);
    wh_shelf_init(both[1], size);

    for (n = 0; n < 2000; n++) {

        memset(want, 0, sizeof(want));

        (void) wh_shelf_begin(both[0]);
        (void) wh_shelf_begin(both[1]);

        if (wh_shelf_count(both[1]) > 64) {
            bad++;
            break;
        }

        wh_shelf_index(both[1], &index);

        for (i = 0; i < 40; i++) {
            want[0][i].tag.n = (uint32_t) random() % 30 + 1;
            want[0][i].tag.time = (uint64_t) random() % 3 + 1;
            want[1][i].tag = want[0][i].tag;
        }

        for (k = 0; k < 6; k++) {

            for (i = n % 7; i < 40 - n % 11; i++) {
                const wh_shelf_index_t *x = k % 2 ? &index : NULL;

                uint64_t owner = (uint64_t) (i + n % 3 * 100);

                if (k < 2) {
                    wh_shelf_keep(both[k % 2], x, owner, &want[k % 2][i], 1);

                } else {
                    wh_shelf_add(both[k % 2], x, owner, &want[k % 2][i], 1,
                                 k < 4, USED);
                }
            }
        }

        for (i = 0; i < 40; i++) {
            bad += (want[0][i].window ? (char *) want[0][i].window
                                        - (char *) both[0] : 0)
                   != (want[1][i].window ? (char *) want[1][i].window
                                           - (char *) both[1] : 0);
            moved += (want[0][i].window != NULL);
        }
    }

    is_int(bad, 0, "with an index all have the places that they have without");
    ok(moved > 1000, "and there were places");
}


int
main(void)
{
    int  i;

    for (i = 0; i < 2; i++) {
        memset(memory, 0, sizeof(memory));

        configurations();
        room();
        full();

        ix = &index_of;
    }

    same();

    return done_testing();
}
