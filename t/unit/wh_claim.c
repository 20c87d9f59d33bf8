
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_claim.h"


#define DAY  86400000ULL
#define NOW  (1000 * DAY)


typedef struct {
    unsigned  pauses;       /* allowed in a call */
    unsigned  paused;       /* in all */
    unsigned  asked;
    int       living;
    void    (*meanwhile)(void);
} test_t;


static void basics(void);
static void others(void);
static void closed_meanwhile(void);
static void locks(void);
static void full(void);
static void clocks(void);
static void cold(void);
static void copies(void);
static void damage(void);

static void *table(wh_claim_t *c, size_t size);
static void process(wh_claim_t *c, void *base, size_t size, unsigned slot);
static int alive(void *ctx, unsigned slot);
static int spin(void *ctx, unsigned n);
static void end_other(void);
static int take(wh_claim_t *c, uint64_t n, uint64_t until, uint64_t now);
static int put(wh_claim_t *c, uint64_t n, uint64_t until, uint64_t now);
static int held(wh_claim_t *c, uint64_t n, uint64_t now);
static uint64_t same_bucket(wh_claim_t *c, uint64_t from,
    wh_claim_bucket_t *b);
static wh_str_t str(const char *s);


static test_t             test;
static wh_claim_entry_t  *entry;    /* of the last take */
static wh_claim_entry_t  *other;


int
main(void)
{
    basics();
    others();
    locks();
    full();
    clocks();
    cold();
    copies();
    damage();

    return done_testing();
}


static void
basics(void)
{
    void        *base;
    wh_claim_t   c;

    base = table(&c, WH_CLAIM_SIZE_MIN);

    is_int((int64_t) sizeof(wh_claim_bucket_t), 512, "a bucket is a sector");
    ok(sizeof(wh_claim_head_t) <= WH_CLAIM_HEAD, "the header is a page");
    is_int((int64_t) c.nbuckets, (65536 - 4096) / 512, "all has buckets");

    ok(!held(&c, 1, NOW), "a new key is not held");
    is_int(take(&c, 1, NOW + 100, NOW), WH_OK, "and is taken");
    is_int(take(&c, 1, NOW + 100, NOW), WH_AGAIN, "not twice by a request");
    ok(held(&c, 1, NOW), "an open claim is held for its owner");
    is_int(take(&c, 2, NOW + 100, NOW), WH_OK, "another key is");
    is_int(take(&c, 1, NOW + 100, NOW), WH_AGAIN, "the first is still held");

    (void) take(&c, 3, NOW + 100, NOW);
    wh_claim_end(entry, 0);

    ok(!held(&c, 3, NOW), "what was not committed is not held");
    is_int(put(&c, 3, NOW + 100, NOW), WH_OK, "and taken by the next");
    is_int(take(&c, 3, NOW + 200, NOW + 99), WH_AGAIN, "held until its end");
    ok(held(&c, 3, NOW + 99), "asked, too");
    ok(!held(&c, 3, NOW + 100), "not at its end");
    is_int(take(&c, 3, NOW + 200, NOW + 100), WH_OK, "then it is taken anew");

    is_int(put(&c, 4, NOW + 3 * WH_CLAIM_MAX, NOW), WH_OK, "a claim");
    ok(held(&c, 4, NOW + WH_CLAIM_MAX - 1), "for the longest time");
    ok(!held(&c, 4, NOW + WH_CLAIM_MAX), "is no longer than that");

    is_int(put(&c, 5, UINT64_MAX, NOW), WH_OK, "times do not wrap");
    ok(held(&c, 5, NOW + WH_CLAIM_MAX - 1), "and are the longest then");
    is_int(put(&c, 6, NOW, NOW), WH_OK, "a claim for no time");
    is_int(put(&c, 6, NOW - 1, NOW), WH_OK, "is no claim");

    is_int(test.asked, 0, "nobody is asked for without need");
    is_int(test.paused, 0, "nor waited for");

    free(base);
}


static void
others(void)
{
    void        *base;
    wh_claim_t   c, d, e;

    base = table(&c, WH_CLAIM_SIZE_MIN);
    process(&d, base, WH_CLAIM_SIZE_MIN, 2);

    (void) put(&c, 1, NOW + 100, NOW);
    is_int(take(&d, 1, NOW + 100, NOW), WH_AGAIN, "what is held is for all");
    is_int(test.paused, 0, "at once");

    (void) take(&c, 2, NOW + 100, NOW);
    test.pauses = 5;

    ok(!held(&d, 2, NOW), "an open claim of another is not held");
    is_int(take(&d, 2, NOW + 100, NOW), WH_FULL,
           "behind an open claim of a living one all goes on without");
    is_int(test.paused, 6, "after waiting for it as long as is allowed");
    is_int(test.asked, 1, "and asking once");

    other = entry;
    test.meanwhile = end_other;
    is_int(take(&d, 2, NOW + 100, NOW), WH_AGAIN,
           "which may be committed meanwhile");

    (void) take(&c, 3, NOW + 100, NOW);
    test.living = 0;
    is_int(take(&d, 3, NOW + 100, NOW), WH_OK, "that of a dead one is void");
    is_int(take(&d, 3, NOW + 100, NOW), WH_AGAIN, "for one alone");

    closed_meanwhile();

    test.living = 1;
    test.asked = 0;
    test.paused = 0;

    (void) take(&c, 4, NOW + 100, NOW);
    process(&e, base, WH_CLAIM_SIZE_MIN, 1);
    is_int(take(&d, 4, NOW + 100, NOW), WH_OK,
           "a new process in the slot tells that the old one is dead");
    is_int(test.asked + test.paused, 0, "without asking");

    (void) take(&c, 5, NOW + 100, NOW);
    is_int(take(&e, 5, NOW + 100, NOW), WH_OK,
           "what it finds of its predecessor is not its own");

    free(base);
}


/* a dead process had got to the end of its claim before */

static void
closed_meanwhile(void)
{
    void        *base;
    wh_claim_t   c, d;

    base = table(&c, WH_CLAIM_SIZE_MIN);
    process(&d, base, WH_CLAIM_SIZE_MIN, 2);

    (void) take(&c, 1, NOW + 100, NOW);
    other = entry;
    test.living = -1;
    is_int(take(&d, 1, NOW + 100, NOW), WH_FULL,
           "what was closed while its owner was asked for is not void");
    is_int(take(&d, 1, NOW + 100, NOW), WH_AGAIN, "it is held");

    test.living = 0;
    free(base);
}


static void
locks(void)
{
    void               *base;
    wh_claim_t          c, d, e;
    wh_claim_bucket_t  *b;

    base = table(&c, WH_CLAIM_SIZE_MIN);
    process(&d, base, WH_CLAIM_SIZE_MIN, 2);

    (void) put(&c, 1, NOW + 100, NOW);
    b = (wh_claim_bucket_t *)
        ((char *) c.buckets + ((char *) entry - (char *) c.buckets)
                              / (ptrdiff_t) sizeof(wh_claim_bucket_t)
                              * (ptrdiff_t) sizeof(wh_claim_bucket_t));

    is_int((int64_t) b->lock, 0, "a lock is given back");

    b->lock = c.owner;
    test.pauses = 3;

    is_int(take(&d, 1, NOW + 100, NOW), WH_FULL,
           "behind the lock of a stopped one all goes on without");
    is_int(test.paused, 4, "after a while");
    ok(!held(&d, 1, NOW), "and nothing is said to be held");
    ok(b->lock == c.owner, "the lock is left to it");

    test.living = 0;
    is_int(take(&d, 1, NOW + 100, NOW), WH_AGAIN,
           "the lock of a dead one is taken over");
    is_int((int64_t) b->lock, 0, "and given back");

    test.living = 1;
    b->lock = c.owner;
    process(&e, base, WH_CLAIM_SIZE_MIN, 1);
    is_int(take(&d, 1, NOW + 100, NOW), WH_AGAIN,
           "that of a predecessor in a slot, too");

    b->lock = c.owner;
    is_int(take(&e, 1, NOW + 100, NOW), WH_AGAIN, "and of one's own");

    b->lock = UINT64_MAX;
    is_int(take(&e, 1, NOW + 100, NOW), WH_AGAIN, "and of nobody");

    free(base);
}


static void
full(void)
{
    int                 kept;
    void               *base;
    uint64_t            n[WH_CLAIM_WAYS + 2];
    unsigned            i;
    wh_claim_t          c, d;
    wh_claim_bucket_t  *b;

    base = table(&c, WH_CLAIM_SIZE_MIN);
    process(&d, base, WH_CLAIM_SIZE_MIN, 2);

    b = &c.buckets[7];
    n[0] = same_bucket(&c, 1, b);

    for (i = 1; i < WH_CLAIM_WAYS + 2; i++) {
        n[i] = same_bucket(&c, n[i - 1] + 1, b);
    }

    for (i = 0; i < WH_CLAIM_WAYS; i++) {
        (void) put(&c, n[i], NOW + DAY + i, NOW + (i + 5) % WH_CLAIM_WAYS);
    }

    is_int(put(&c, n[i], NOW + DAY, NOW + 50), WH_OK,
           "there is room in a full bucket");

    kept = 0;

    for (i = 0; i <= WH_CLAIM_WAYS; i++) {
        kept += held(&c, n[i], NOW + 50);
    }

    is_int(kept, WH_CLAIM_WAYS, "one claim had to go");
    ok(!held(&c, n[7], NOW + 50), "the oldest one");

    is_int(put(&c, n[7], NOW + 2 * DAY, NOW + DAY + 3), WH_OK,
           "it is taken anew");
    ok(!held(&c, n[2], NOW + DAY + 3) && held(&c, n[4], NOW + DAY + 3)
       && held(&c, n[8], NOW + DAY + 3),
       "in the place of one that was over");

    free(base);

    base = table(&c, WH_CLAIM_SIZE_MIN);
    process(&d, base, WH_CLAIM_SIZE_MIN, 2);
    b = &c.buckets[7];

    for (i = 0; i < WH_CLAIM_WAYS; i++) {
        (void) take(&c, n[i], NOW + DAY, NOW);
    }

    is_int(take(&c, n[i], NOW + DAY, NOW), WH_FULL,
           "what is open does not go");
    is_int(take(&d, n[i], NOW + DAY, NOW), WH_FULL, "for others, too");

    wh_claim_end(&b->entries[3], 1);
    is_int(put(&d, n[i], NOW + DAY, NOW), WH_OK, "but what is closed does");
    ok(!held(&d, n[3], NOW), "that one");

    test.living = 0;
    is_int(put(&d, n[i + 1], NOW + DAY, NOW), WH_OK,
           "what a dead one left goes");
    ok(held(&d, n[i], NOW), "before anything that holds");

    free(base);
}


static void
clocks(void)
{
    void              *base;
    wh_claim_t         c;
    wh_claim_entry_t  *e;

    base = table(&c, WH_CLAIM_SIZE_MIN);

    (void) put(&c, 1, NOW + DAY, NOW);
    e = entry;

    ok(held(&c, 1, NOW - 10), "a clock that lags a little");
    ok(e->until == NOW + DAY, "changes nothing");

    ok(held(&c, 1, NOW - 10 * DAY), "a clock that was set back");
    ok(held(&c, 1, NOW - 9 * DAY - 1), "lets a claim hold for its length");
    ok(!held(&c, 1, NOW - 9 * DAY), "but not any longer");

    (void) put(&c, 2, NOW + DAY, NOW);
    entry->until = NOW + 10 * WH_CLAIM_MAX;
    ok(!held(&c, 2, NOW), "a damaged length does not hold");

    (void) put(&c, 2, NOW + DAY, NOW);
    entry->time = NOW + 2 * DAY;
    ok(!held(&c, 2, NOW), "nor does an end before the begin");

    (void) put(&c, 3, NOW + DAY, NOW);
    entry->time = UINT64_MAX;
    entry->until = UINT64_MAX;
    ok(!held(&c, 3, NOW), "nor do times without bounds");

    free(base);
}


static void
cold(void)
{
    void               *base;
    wh_claim_t          c, d;
    wh_claim_entry_t   *open;
    wh_claim_bucket_t  *b;

    base = table(&c, WH_CLAIM_SIZE_MIN);

    is_int((int64_t) wh_claim_cold_start(&c, str("one"), NOW), 0,
           "a cold start of an empty table");
    ok(memcmp(c.head->boot, "one", 4) == 0, "keeps the boot");

    process(&c, base, WH_CLAIM_SIZE_MIN, 1);

    (void) put(&c, 1, NOW + DAY, NOW - WH_CLAIM_RECENT - 1);
    (void) put(&c, 2, NOW + DAY, NOW - WH_CLAIM_RECENT);
    (void) put(&c, 3, NOW + DAY, NOW);
    (void) take(&c, 4, NOW + DAY, NOW);
    open = entry;

    b = &c.buckets[3];
    b->lock = c.owner;

    is_int((int64_t) wh_claim_cold_start(&c, str("one"), NOW), 0,
           "with the same boot");
    is_int((int64_t) b->lock, 0, "locks are void");
    ok(open->word == WH_CLAIM_VOID, "and open claims");

    process(&d, base, WH_CLAIM_SIZE_MIN, 1);
    ok(d.owner != c.owner, "a process is not taken for an earlier one");

    ok(held(&d, 1, NOW) && held(&d, 2, NOW) && held(&d, 3, NOW),
       "all others hold");

    is_int((int64_t) wh_claim_cold_start(&d, str("two"), NOW + 50), 2,
           "with another boot the last ones before the newest are voided");

    process(&d, base, WH_CLAIM_SIZE_MIN, 1);
    ok(held(&d, 1, NOW) && !held(&d, 2, NOW) && !held(&d, 3, NOW), "these");

    (void) put(&d, 2, NOW + DAY, NOW);
    (void) put(&d, 5, NOW + 9 * DAY, NOW + 8 * DAY);
    is_int((int64_t) wh_claim_cold_start(&d, str("three"), NOW + 50), 2,
           "a time in the future");

    process(&d, base, WH_CLAIM_SIZE_MIN, 1);
    ok(held(&d, 1, NOW) && !held(&d, 2, NOW) && !held(&d, 5, NOW),
       "is voided, and does not save what is recent");

    is_int((int64_t) wh_claim_cold_start(&d, str(""), NOW + 50), 1,
           "without a boot's id it may always be another one");

    free(base);
}


static void
copies(void)
{
    int         kept, newest;
    void       *base, *base2;
    uint64_t    i;
    wh_claim_t  c, d;

    base = table(&c, 1024 * 1024);
    (void) wh_claim_cold_start(&c, str("one"), NOW);
    process(&c, base, 1024 * 1024, 9);

    for (i = 1; i <= 500; i++) {
        (void) put(&c, i, NOW + (i % 10 ? DAY : 5), NOW + i % 5);
    }

    (void) take(&c, 501, NOW + DAY, NOW);

    is_int((int64_t) wh_claim_cold_start(&c, str("one"), NOW), 0, "at rest");

    base2 = table(&d, 2 * 1024 * 1024);
    is_int((int64_t) wh_claim_copy(&d, &c, NOW + 10), 450,
           "what holds is copied into a larger table");

    ok(memcmp(d.head->boot, "one", 4) == 0, "with the boot");
    process(&d, base2, 2 * 1024 * 1024, 9);
    ok(d.owner > c.owner, "and the number of the last process");

    kept = 0;

    for (i = 1; i <= 501; i++) {
        kept += held(&d, i, NOW + 10);
    }

    is_int(kept, 450, "it holds there");
    ok(!held(&d, 501, NOW), "without open ones");

    for (i = 502; i < 5000; i++) {
        (void) put(&d, i, NOW + DAY, NOW + i % 5);
    }

    free(base);
    base = table(&c, WH_CLAIM_SIZE_MIN);

    is_int((int64_t) wh_claim_copy(&c, &d, NOW + 10),
           (int64_t) c.nbuckets * WH_CLAIM_WAYS, "a smaller one is filled");

    process(&c, base, WH_CLAIM_SIZE_MIN, 9);
    kept = 0;
    newest = 0;

    for (i = 1; i < 5000; i++) {
        if (held(&c, i, NOW + 10)) {
            kept++;
            newest += i % 5 == 4;
        }
    }

    is_int(kept, (int64_t) c.nbuckets * WH_CLAIM_WAYS, "all of it holds");
    ok(newest > kept / 2, "the newest are kept (%d of %d)", newest, kept);

    free(base);
    free(base2);
}


static void
damage(void)
{
    int           rc;
    char         *base, *copy;
    size_t        i, size, bad;
    wh_claim_t    c;
    unsigned      k;
    uint32_t      seed;

    is_int((int64_t) wh_claim_size(0), WH_CLAIM_SIZE_MIN, "the least size");
    is_int((int64_t) wh_claim_size(100001), 99840, "whole buckets");

    size = 128 * 1024;
    base = table(&c, size);
    copy = malloc(size);
    bad = 0;

    for (i = 0; i < offsetof(wh_claim_head_t, boot); i++) {
        base[i] = (char) (base[i] ^ 0x10);
        bad += wh_claim_attach(&c, base, size) != WH_OK;
        base[i] = (char) (base[i] ^ 0x10);
    }

    is_int((int64_t) bad, (int64_t) offsetof(wh_claim_head_t, boot),
           "a header with any octet changed is refused");

    c.head = (wh_claim_head_t *) base;
    c.head->version = 2;
    is_int(wh_claim_attach(&c, base, size), WH_LOST, "another version");
    c.head->version = WH_CLAIM_VERSION;

    is_int(wh_claim_attach(&c, base, size), WH_OK, "the whole file");
    is_int(wh_claim_attach(&c, base, size - 512), WH_ERROR, "a cut one");
    is_int(wh_claim_attach(&c, base, size + 512), WH_ERROR, "a longer one");
    is_int(wh_claim_attach(&c, base, 100), WH_ERROR, "hardly any");

    /* buckets of noise: nothing crashes, nothing is held for ever */

    seed = 1;
    bad = 0;
    test.living = 0;

    for (i = WH_CLAIM_HEAD; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        base[i] = (char) (seed >> 16);
    }

    memcpy(copy, base, size);

    for (k = 0; k < 2; k++) {
        memcpy(base, copy, size);
        (void) wh_claim_attach(&c, base, size);

        if (k) {
            (void) wh_claim_cold_start(&c, str("one"), NOW);
        }

        process(&c, base, size, 1);

        for (i = 1; i < 1000; i++) {
            rc = put(&c, i, NOW + DAY, NOW);
            bad += rc != WH_OK || !held(&c, i, NOW);
        }
    }

    is_int((int64_t) bad, 0, "noise in buckets is taken for void");

    free(copy);
    free(base);
}


static void *
table(wh_claim_t *c, size_t size)
{
    void  *base;

    memset(&test, 0, sizeof(test_t));
    test.living = 1;

    base = calloc(1, size);

    wh_claim_format(base, size, 0x123456789abcdef0);
    process(c, base, size, 1);

    return base;
}


static void
process(wh_claim_t *c, void *base, size_t size, unsigned slot)
{
    memset(c, 0, sizeof(wh_claim_t));

    if (wh_claim_attach(c, base, size) != WH_OK) {
        ok(0, "attached");
        exit(2);
    }

    c->alive = alive;
    c->pause = spin;
    c->ctx = &test;

    wh_claim_enter(c, slot);
}


static int
alive(void *ctx, unsigned slot)
{
    test_t  *t = ctx;

    (void) slot;

    t->asked++;

    if (t->living < 0) {
        wh_claim_end(other, 1);
        return 0;
    }

    return t->living;
}


static int
spin(void *ctx, unsigned n)
{
    test_t  *t = ctx;

    t->paused++;

    if (t->meanwhile) {
        t->meanwhile();
        t->meanwhile = NULL;
    }

    return n < t->pauses;
}


static void
end_other(void)
{
    wh_claim_end(other, 1);
}


static int
take(wh_claim_t *c, uint64_t n, uint64_t until, uint64_t now)
{
    uint64_t  key[2];

    key[0] = n;
    key[1] = n * 7;

    return wh_claim_take(c, key, until, now, &entry);
}


static int
put(wh_claim_t *c, uint64_t n, uint64_t until, uint64_t now)
{
    int  rc;

    rc = take(c, n, until, now);

    if (rc == WH_OK) {
        wh_claim_end(entry, 1);
    }

    return rc;
}


static int
held(wh_claim_t *c, uint64_t n, uint64_t now)
{
    uint64_t  key[2];

    key[0] = n;
    key[1] = n * 7;

    return wh_claim_held(c, key, now);
}


/* the next key of a bucket, found by taking it */

static uint64_t
same_bucket(wh_claim_t *c, uint64_t from, wh_claim_bucket_t *b)
{
    for ( ;; ) {

        if (take(c, from, NOW + 1, NOW) == WH_OK) {
            wh_claim_end(entry, 0);

            if ((char *) entry >= (char *) b
                && (char *) entry < (char *) (b + 1))
            {
                return from;
            }
        }

        from++;
    }
}


static wh_str_t
str(const char *s)
{
    wh_str_t  r;

    r.data = s;
    r.len = strlen(s);

    return r;
}
