
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_kept.h"


static wh_window_t *
window(uint32_t n, uint32_t failures)
{
    wh_window_t  *w;

    w = calloc(1, wh_window_size(n));

    if (w == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    wh_window_init(w, n);

    while (failures--) {
        (void) wh_window_add(w, n, 60, 1000);
    }

    return w;
}


static void
records(void)
{
    int           bad;
    char         *p, *cut;
    size_t        i, size;
    wh_tag_t      tags[2];
    wh_cell_t     cell;
    wh_kept_t     k, got;
    wh_line_t     lines[3];
    wh_state_t    s, n;
    wh_window_t  *one, *two;

    memset(&k, 0, sizeof(k));
    memset(&cell, 0, sizeof(cell));
    memset(&s, 0, sizeof(s));
    memset(tags, 0, sizeof(tags));
    memset(lines, 0, sizeof(lines));

    s.reason = WH_STATE_OPERATOR;
    (void) wh_state_enable(&s, 10, &n);
    memset(&s, 0, sizeof(s));
    (void) wh_cell_write(&cell, &s, &n);
    wh_cell_read(&cell, &k.state);

    k.row = 7;
    k.failing = 8;
    k.quota = 9;
    k.noticed = 9;
    k.changes = 10;

    tags[0].n = 5;
    tags[0].time = 60;
    tags[1].n = 9;
    tags[1].time = 60;
    tags[1].first = 1;

    one = window(5, 2);
    two = window(9, 4);

    wh_kept_add(&k, &tags[0], one);
    wh_kept_add(&k, &tags[1], two);

    size = wh_kept_size(&k);
    p = malloc(size + 1);

    if (p == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    wh_kept_put(&k, p);

    ok(wh_kept_get(p, size, &got) == WH_OK && got.nwindows == 2
       && got.row == 7 && got.failing == 8 && got.noticed == 9, "a record is read");
    ok(got.state.number == k.state.number
       && wh_state_same(&got.state, &k.state), "with its state");

    lines[0].tag.n = 3;
    lines[0].tag.time = 30;
    lines[0].window = window(3, 0);
    lines[1].tag = tags[1];
    lines[1].window = window(9, 0);
    lines[2].tag = tags[0];
    lines[2].window = window(5, 0);

    wh_kept_windows(&got, lines, 3);

    ok(wh_window_count(lines[0].window, 3, 30, 1000) == 0
       && wh_window_count(lines[1].window, 9, 60, 1000) == 4
       && wh_window_count(lines[2].window, 5, 60, 1000) == 2,
       "windows are found by what they count, not by their place");

    ok(got.changes == 10 && wh_kept_newer(&got, &k.state, 9)
       && !wh_kept_newer(&got, &k.state, 10)
       && !wh_kept_newer(&got, &k.state, 11),
       "of the same state, one of more changes is newer");

    memset(&s, 0, sizeof(s));

    ok(wh_kept_newer(&got, &s, 11), "and one of a newer state is");

    bad = 0;

    for (i = 0; i < size; i++) {

        cut = malloc(i ? i : 1);

        if (cut) {
            memcpy(cut, p, i);
            bad += (wh_kept_get(cut, i, &got) == WH_OK);
            free(cut);
        }

        p[i] ^= 0x10;
        bad += (wh_kept_get(p, size, &got) == WH_OK);
        p[i] ^= 0x10;
    }

    is_int(bad, 0, "one that is cut, or has an octet changed, is none");

    p[size] = 0;
    ok(wh_kept_get(p, size + 1, &got) == WH_ERROR, "nor is a longer one");

    k.state.number = UINT64_MAX;
    wh_kept_put(&k, p);
    ok(wh_kept_get(p, size, &got) == WH_ERROR, "nor one of a number too high");

    free(p);
    free(one);
    free(two);
    free(lines[0].window);
    free(lines[1].window);
    free(lines[2].window);
}


int
main(void)
{
    records();

    return done_testing();
}
