
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <setjmp.h>

#include "tap.h"
#include "wh_journal.h"


#define NSEGS   4
#define SEG     WH_SEG_MIN
#define PAGE    4096
#define RECS    20000
#define N(a)    (sizeof(a) / sizeof((a)[0]))


/* what was ever appended: a number from which all octets follow */

typedef struct {
    unsigned   kind;
    uint64_t   seq;
    wh_ref_t   ref;
} rec_t;


/* what a journal holds, as a walk tells */

typedef struct {
    unsigned   records;
    unsigned   strange;     /* nobody ever appended this */
    unsigned   badwords;
    unsigned   open;
    uint8_t    seen[RECS];
} found_t;


static void geometry(void);
static void reading(void);
static void sharing(void);
static void limits(void);
static void segments(void);
static void cursors(void);
static void late_cursor(void);
static void walking(void);
static void full(void);
static void prefixes(void);
static void interrupted(const char *name, int reused);
static void flips(void);
static void forged(void);
static void pages(void);
static void epochs(void);
static void shards(void);
static void telling(void);
static void stamps(void);
static void reclaim(void);
static void pending(void);
static void burying(void);
static void buried_twice(void);
static void settling(void);

static void reset(void);
static void writer(unsigned slot);
static int append(unsigned kind);
static void publish(void);
static int put(unsigned kind);
static void entries(unsigned kind, wh_entry_t *e, uint32_t *n);
static int same(const wh_view_t *v, unsigned kind);
static void look(int words);
static void end_all(unsigned slot);
static uint64_t *word_of(const wh_ref_t *ref, uint32_t i);
static char *octets(const wh_ref_t *ref);
static void wake(void *ctx, unsigned slot);
static uint32_t rnd(uint32_t n);


static wh_journal_t  j;
static wh_writer_t   w;
static char         *base, *before, *after;
static size_t        size;
static rec_t         recs[RECS];
static unsigned      nrecs;
static found_t       found;
static char          text[SEG];
static uint64_t      state = 1;
static unsigned      wakes, woken;
static jmp_buf       killed;
static unsigned      kill_at;


int
main(void)
{
    size_t  i;

    size = wh_journal_size(NSEGS, SEG);

    if (posix_memalign((void **) (void *) &base, PAGE, size)
        || posix_memalign((void **) (void *) &before, PAGE, size)
        || posix_memalign((void **) (void *) &after, PAGE, size))
    {
        return 2;
    }

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (char) ('a' + rnd(26));
    }

    geometry();
    reading();
    sharing();
    limits();
    segments();
    cursors();
    late_cursor();
    walking();
    full();
    prefixes();
    flips();
    forged();
    pages();
    epochs();
    shards();
    telling();
    stamps();
    reclaim();
    pending();
    burying();
    buried_twice();
    settling();

    free(base);
    free(before);
    free(after);

    return done_testing();
}


static void
geometry(void)
{
    wh_journal_head_t  *h;

    ok(wh_journal_data_offset(NSEGS) % PAGE == 0,
       "segments begin at a page");
    ok(wh_journal_size(NSEGS, SEG)
       == wh_journal_data_offset(NSEGS) + (size_t) NSEGS * SEG,
       "the size is that of tables and segments");
    ok(wh_journal_record_max(SEG) == SEG, "a record may fill a segment");

    memset(base, 0, size);
    h = (wh_journal_head_t *) (void *) base;

    is_int(wh_journal_attach(&j, base, size), WH_ERROR,
           "zeroes are no journal");

    is_int(wh_journal_format(base, size, 0, SEG), WH_ERROR, "no segment");
    is_int(wh_journal_format(base, size, NSEGS, SEG - PAGE), WH_ERROR,
           "segments too small");
    is_int(wh_journal_format(base, size, 1, SEG + 8), WH_ERROR,
           "segments that are no pages");
    is_int(wh_journal_format(base, size, NSEGS, (size_t) 1 << 31), WH_ERROR,
           "segments too large");
    is_int(wh_journal_format(base, size, UINT32_MAX, SEG), WH_ERROR,
           "too many segments");
    is_int(wh_journal_format(base, size - 1, NSEGS, SEG), WH_ERROR,
           "too small a file");
    is_int(wh_journal_attach(&j, base, size), WH_ERROR,
           "none of these wrote a header");

    is_int(wh_journal_format(base, size, NSEGS, SEG), WH_OK, "formatted");
    is_int(wh_journal_attach(&j, base, size), WH_OK, "attached");
    ok(j.nsegs == NSEGS && j.seg_size == SEG
       && j.data == base + wh_journal_data_offset(NSEGS)
       && (char *) (j.segs + NSEGS) <= j.data,
       "tables and segments lie one after another");

    is_int(wh_journal_attach(&j, base, PAGE - 1), WH_ERROR, "a cut header");
    is_int(wh_journal_attach(&j, base, size - 1), WH_ERROR, "a cut file");

    h->version++;
    is_int(wh_journal_attach(&j, base, size), WH_LOST, "another version");
    h->version--;

    h->nsegs++;
    is_int(wh_journal_attach(&j, base, size), WH_ERROR,
           "more segments than there are");
    h->nsegs = 0;
    is_int(wh_journal_attach(&j, base, size), WH_ERROR, "zero segments");
    h->nsegs = NSEGS;

    h->seg_size = SEG + 1;
    is_int(wh_journal_attach(&j, base, size), WH_ERROR, "odd segments");
    h->seg_size = (uint64_t) 1 << 63;
    is_int(wh_journal_attach(&j, base, size), WH_ERROR, "huge segments");
    h->seg_size = SEG;

    h->magic[3] ^= 1;
    is_int(wh_journal_attach(&j, base, size), WH_ERROR, "no magic");
    h->magic[3] ^= 1;

    is_int(wh_journal_attach(&j, base, size), WH_OK, "attached again");

    is_int(wh_journal_segments_for(&j, 0), 0, "nothing needs no segment");
    is_int(wh_journal_segments_for(&j, 1), 1, "an octet needs one");
    is_int(wh_journal_segments_for(&j, SEG), 1, "a full segment needs one");
    is_int(wh_journal_segments_for(&j, SEG + 8), 3,
           "a bit more may need three");
    is_int(wh_journal_segments_for(&j, UINT64_MAX), UINT32_MAX,
           "a lot is a lot");
}


static void
reading(void)
{
    unsigned     i, bad;
    wh_ref_t     ref;
    wh_cursor_t  c, late;

    reset();
    writer(2);
    wh_cursor_init(&j, 2, &c);
    wh_cursor_init(&j, 3, &late);

    is_int(wh_journal_next(&j, 2, &c, &ref), WH_AGAIN, "nothing to read");

    is_int(append(7), WH_OK, "appended");
    is_int(wh_journal_next(&j, 2, &c, &ref), WH_AGAIN,
           "not to be read before it is published");
    is_int(wh_journal_next(&j, 3, &late, &ref), WH_AGAIN,
           "nothing of another slot");

    publish();

    is_int(wh_journal_next(&j, 2, &c, &ref), WH_OK, "published and read");
    ok(ref.seq == recs[0].seq && ref.off == 0
       && ref.len == recs[0].ref.len && ref.gen == recs[0].ref.gen,
       "it is this record");
    is_int(wh_journal_next(&j, 2, &c, &ref), WH_AGAIN, "and no other one");

    bad = 0;

    for (i = 0; i < 100; i++) {
        bad += put(i) != WH_OK;
    }

    is_int(bad, 0, "100 more are published");

    wh_cursor_init(&j, 2, &late);

    for (i = 1; wh_journal_next(&j, 2, &c, &ref) == WH_OK; i++) {
        bad += (ref.seq != recs[i].seq || ref.off != recs[i].ref.off
                || ref.off % 8);
    }

    ok(i == nrecs && bad == 0, "all are read in order, %u of %u", i, nrecs);

    is_int(wh_journal_next(&j, 2, &late, &ref), WH_AGAIN,
           "a new cursor stands behind them");

    (void) put(5);

    ok(wh_journal_next(&j, 2, &late, &ref) == WH_OK
       && ref.seq == recs[nrecs - 1].seq, "and sees what comes");

    look(0);
    ok(found.records == nrecs && found.strange == 0,
       "a walk finds the same");
}


static void
sharing(void)
{
    size_t      one, two;
    wh_ref_t    ref;
    wh_view_t   a, b, v;
    wh_entry_t  e[3];

    reset();
    writer(2);

    memset(e, 0, sizeof(e));

    e[0].name.data = "crm";
    e[0].name.len = 3;
    e[0].key.data = "key";
    e[0].key.len = 3;
    e[0].data.data = text;
    e[0].data.len = 1000;
    e[0].shard = 1;

    e[1] = e[0];
    e[1].name.data = "mail";
    e[1].name.len = 4;
    e[1].key.len = 0;
    e[1].shard = WH_SHARDS - 1;

    e[2] = e[1];
    e[2].data.data = NULL;
    e[2].data.len = 0;
    e[2].shard = 0;

    one = wh_journal_record_size(e, 1);
    two = wh_journal_record_size(e, 2);

    ok(two < one + 100, "two deliveries of one payload share it: %zu, %zu",
       one, two);

    is_int(wh_journal_append(&w, 12345, e, 3, &ref), WH_OK, "appended");
    wh_journal_publish_begin(&w, &ref);
    wh_journal_publish_end(&w);

    is_int(wh_journal_count(&j, &ref), 3, "three deliveries");
    is_int(ref.len, (int64_t) wh_journal_record_size(e, 3),
           "the size is as foretold");

    ok(wh_journal_view(&j, &ref, 0, &a) == WH_OK
       && wh_journal_view(&j, &ref, 1, &b) == WH_OK
       && wh_journal_view(&j, &ref, 2, &v) == WH_OK, "all can be seen");
    is_int(wh_journal_view(&j, &ref, 3, &v), WH_LOST, "there is no fourth");

    (void) wh_journal_view(&j, &ref, 2, &v);

    ok(a.data.data == b.data.data, "the payload is shared");
    is_mem(b.data.data, b.data.len, text, 1000, "the payload");
    is_str(a.name.data, a.name.len, "crm", "the name");
    is_str(a.key.data, a.key.len, "key", "the key");
    is_str(b.name.data, b.name.len, "mail", "another name");
    ok(b.key.len == 0 && v.data.len == 0, "empty key, empty payload");
    ok(a.shard == 1 && b.shard == WH_SHARDS - 1 && v.shard == 0, "shards");
    ok(a.time == 12345 && a.index == 0 && v.index == 2
       && a.ref.seq == ref.seq, "time, index and number");
    ok(wh_word_read(a.word) == wh_word(ref.gen, 0, WH_WORD_OPEN)
       && b.word == a.word + 1, "words are open");

    ok(wh_journal_shard(a.name, a.key) < WH_SHARDS
       && wh_journal_shard(a.name, a.key) != wh_journal_shard(b.name, b.key),
       "a lane has a shard");
}


static void
limits(void)
{
    uint32_t     i;
    wh_ref_t     ref;
    wh_entry_t   e, *many;

    reset();
    writer(2);

    memset(&e, 0, sizeof(wh_entry_t));
    e.name.data = text;
    e.name.len = WH_NAME_MAX;
    e.key.data = text;
    e.key.len = WH_KEY_MAX;
    e.data.data = text;

    is_int(wh_journal_append(&w, 0, &e, 0, &ref), WH_LIMIT, "no delivery");

    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_OK,
           "the longest name and key");

    e.name.len++;
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_LIMIT, "a longer name");
    e.name.len--;

    e.key.len++;
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_LIMIT, "a longer key");
    e.key.len--;

    e.shard = WH_SHARDS;
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_LIMIT, "no such shard");
    e.shard = 0;

    e.data.len = SEG - wh_journal_record_size(&e, 1);
    is_int((int64_t) wh_journal_record_size(&e, 1), SEG,
           "a record as large as a segment");
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_OK, "is appended");

    e.data.len += 8;
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_LIMIT,
           "a larger one is not");
    e.data.len = SIZE_MAX - 8;
    is_int(wh_journal_append(&w, 0, &e, 1, &ref), WH_LIMIT,
           "nor is one that overflows");

    many = calloc(UINT16_MAX + 1, sizeof(wh_entry_t));

    for (i = 0; i <= UINT16_MAX; i++) {
        many[i].name.data = text;
        many[i].name.len = 1;
    }

    is_int(wh_journal_append(&w, 0, many, UINT16_MAX + 1, &ref), WH_LIMIT,
           "too many deliveries");
    is_int(wh_journal_append(&w, 0, many, UINT16_MAX, &ref), WH_LIMIT,
           "more deliveries than fit");
    is_int(wh_journal_append(&w, 0, many, 1000, &ref), WH_OK,
           "a lot of deliveries");
    is_int(wh_journal_free_segments(&j), NSEGS - 3,
           "what was refused took no segment");

    free(many);
}


static void
segments(void)
{
    unsigned     i, first, bad;
    uint64_t     gen;
    wh_ref_t     ref, old;
    wh_view_t    v;
    wh_cursor_t  c, stale;

    reset();
    writer(2);
    wh_cursor_init(&j, 2, &c);
    stale = c;

    while (w.seg <= 0) {
        (void) put(nrecs);
    }

    gen = recs[0].ref.gen;
    old = recs[0].ref;

    ok(w.seg == 1 && w.gen > gen, "the next segment has a higher generation");
    ok(j.segs[0].closed == j.segs[0].tail && j.segs[1].closed == 0,
       "the first one is closed");

    (void) wh_journal_next(&j, 2, &stale, &ref);

    for (i = 0; wh_journal_next(&j, 2, &c, &ref) == WH_OK; i++) {
        /* void */
    }

    is_int(i, nrecs, "a cursor goes over to the next one");

    is_int(wh_journal_reclaim(&j, 2), 2, "no segment can be freed");

    end_all(2);

    is_int(wh_journal_reclaim(&j, 2), 1, "a segment can be freed");
    is_int(wh_journal_free_segments(&j), NSEGS - 1, "and is");
    ok(wh_journal_valid(&j, &old), "it is there until it is used");

    /* the first one again */

    first = nrecs;

    while (w.seg == 1) {
        (void) put(nrecs);
    }

    is_int(w.seg, 0, "the lowest free segment is taken");
    ok(w.gen > gen + 1, "with a generation never used");
    ok(!wh_journal_valid(&j, &old)
       && wh_journal_view(&j, &old, 0, &v) == WH_LOST
       && wh_journal_count(&j, &old) == 0, "an old record is lost");

    ok(wh_journal_next(&j, 2, &stale, &ref) == WH_OK
       && ref.seg == 1 && ref.gen == gen + 1,
       "a stale cursor goes on with what is left");

    bad = 0;

    for (i = 0; wh_journal_next(&j, 2, &c, &ref) == WH_OK; i++) {
        bad += ref.seq != recs[first + i].seq;
    }

    ok(bad == 0 && first + i == nrecs, "a cursor misses nothing");
}


/* a cursor made while records in two segments are not published yet */

static void
late_cursor(void)
{
    unsigned     i, k, first, bad;
    wh_ref_t     ref;
    wh_cursor_t  c;

    reset();
    writer(2);

    for (i = 0; i < 10; i++) {
        (void) put(i);
    }

    first = nrecs;

    while (w.seg <= 0) {
        (void) append(nrecs % 9);
    }

    wh_cursor_init(&j, 2, &c);
    is_int(c.seg, 0, "a cursor begins where records are to come");

    bad = 0;
    k = first;

    for (i = first; i < nrecs; i++) {
        wh_journal_publish_begin(&w, &recs[i].ref);
        wh_journal_publish_end(&w);

        while (wh_journal_next(&j, 2, &c, &ref) == WH_OK) {
            bad += ref.seq != recs[k++].seq;
        }
    }

    ok(k == nrecs && bad == 0, "and misses none of them");

    wh_cursor_init(&j, 2, &c);
    ok(c.seg == w.seg && c.off == w.end, "or behind all of them");

    end_all(2);
    (void) wh_journal_reclaim(&j, 2);
    wh_slot_bury(&j, 2, wake, NULL);
    (void) wh_journal_reclaim(&j, 2);
    wh_cursor_init(&j, 2, &c);
    ok(c.seg == -1 && wh_journal_next(&j, 2, &c, &ref) == WH_AGAIN,
       "or nowhere");
}


/* another process opens segments while a cursor looks for the next one */

static void
cursors(void)
{
    wh_ref_t     ref;
    wh_cursor_t  c;

    reset();
    writer(2);
    wh_cursor_init(&j, 2, &c);

    (void) put(1);
    (void) wh_journal_next(&j, 2, &c, &ref);

    /*
     * The next one is in use by others again, and two more are opened during
     * the search: the earlier one is overlooked, the later one is seen.
     */

    j.segs[0].closed = j.segs[0].tail;
    j.slots[2].opened = w.gen + 1;

    j.segs[2].gen = w.gen + 3;
    j.segs[2].owner = 2;

    is_int(wh_journal_next(&j, 2, &c, &ref), WH_AGAIN,
           "a segment not announced is not read");

    j.segs[1].gen = w.gen + 2;
    j.segs[1].owner = 2;
    j.slots[2].opened = w.gen + 3;

    is_int(wh_journal_next(&j, 2, &c, &ref), WH_AGAIN, "they are empty");
    is_int(c.seg, 1, "the earlier one is read first");
}


static void
walking(void)
{
    size_t     off;
    unsigned   i;
    wh_ref_t   ref;
    wh_view_t  v;

    reset();
    writer(2);

    while (w.seg <= 0) {
        (void) put(3);
    }

    off = 0;

    for (i = 0; i < 10; i++) {
        (void) wh_journal_walk(&j, 0, &off, &ref);
    }

    end_all(2);
    (void) wh_journal_reclaim(&j, 2);

    while (w.seg == 1) {
        (void) put(4);
    }

    while (w.seg == 0 && w.end < SEG / 2) {
        (void) put(4);
    }

    is_int(wh_journal_walk(&j, 0, &off, &ref), WH_AGAIN,
           "a segment used anew is not walked on");

    off = 0;
    ok(wh_journal_walk(&j, 0, &off, &ref) == WH_OK && ref.off == 0
       && wh_journal_view(&j, &ref, 0, &v) == WH_OK && same(&v, 4),
       "but from its beginning");

    is_int(wh_journal_walk(&j, 3, &off, &ref), WH_AGAIN,
           "a free segment is not walked");
}


static void
full(void)
{
    int        rc;
    unsigned   n;
    wh_ref_t   ref;
    wh_seg_t  *s;

    reset();
    writer(2);

    while ((rc = put(nrecs)) == WH_OK) {
        /* void */
    }

    is_int(rc, WH_FULL, "all segments are used");
    is_int(wh_journal_free_segments(&j), 0, "none is free");
    is_int(put(nrecs), WH_FULL, "it stays full");

    n = nrecs;
    s = &j.segs[w.seg];

    ok(w.seg == NSEGS - 1 && s->closed == 0, "the last one stays open");

    look(0);
    ok(found.records == n && found.strange == 0, "nothing was harmed");

    end_all(2);
    (void) wh_journal_reclaim(&j, 2);

    is_int(wh_journal_free_segments(&j), NSEGS - 1, "all but one are freed");
    is_int(append(1), WH_OK, "there is room again");

    /* two writers */

    reset();
    writer(2);
    (void) put(1);
    writer(3);
    (void) put(2);
    ok(j.segs[0].owner == 2 && j.segs[1].owner == 3
       && recs[1].seq > recs[0].seq, "each writer has its own segment");

    w.slot = 2;
    is_int(wh_journal_next(&j, 3, &(wh_cursor_t) { -1, 0, 0 }, &ref), WH_OK,
           "and is read by itself");
}


/*
 * An append is interrupted after each of its octets: by a kill, when the
 * tables are as they were, or by a power cut, when some of them got to disk.
 */

static void
prefixes(void)
{
    interrupted("fresh segment", 0);
    interrupted("reused segment", 1);
}


static void
interrupted(const char *name, int reused)
{
    char      *p;
    size_t     i, k, n, *changed, unit;
    unsigned   old, bad_old, bad_new, strange, words, whole, t;

    reset();
    writer(2);

    if (reused) {
        while (w.seg < 1) {
            (void) put(nrecs % 7 + 3);
        }

        end_all(2);
        (void) wh_journal_reclaim(&j, 2);

        while (w.seg == 1) {
            (void) put(nrecs % 5 + 10);
        }
    }

    (void) put(11);
    (void) put(12);

    old = nrecs;

    memcpy(before, base, size);
    (void) append(17);
    memcpy(after, base, size);

    changed = malloc(size * sizeof(size_t));
    p = octets(&recs[old].ref);
    n = 0;

    for (i = (size_t) (p - base); i < (size_t) (p - base) + SEG / 2; i++) {
        if (before[i] != after[i]) {
            changed[n++] = i;
        }
    }

    /* a kill, in the order of the octets */

    bad_old = 0;
    bad_new = 0;
    strange = 0;
    words = 0;
    whole = 0;

    for (k = 0; k <= n; k++) {

        memcpy(base, before, size);

        for (i = 0; i < k; i++) {
            base[changed[i]] = after[changed[i]];
        }

        wakes = 0;
        kill_at = 0;

        if (k % 2) {
            (void) wh_journal_cold_start(&j, 2);

        } else {
            wh_slot_bury(&j, 2, wake, NULL);
        }

        look(1);

        bad_old += !found.seen[old - 1] || !found.seen[old - 2];
        bad_new += k == n && !found.seen[old];
        whole += found.seen[old];
        strange += found.strange;
        words += found.badwords;
    }

    is_int(bad_old, 0, "%s, each of %zu prefixes: earlier records", name, n);
    is_int(bad_new, 0, "%s, each prefix: the whole record is found", name);
    ok(whole >= 1 && strange == 0,
       "%s, each prefix: the record or nothing", name);
    is_int(words, 0, "%s, each prefix: words", name);

    /* a power cut, in units that a disk or a machine writes */

    bad_old = 0;
    strange = 0;
    words = 0;

    for (k = 0; k < 3000; k++) {

        memcpy(base, before, size);

        unit = k % 3 == 0 ? PAGE : k % 3 == 1 ? 512 : 8;
        t = 1 + rnd(8);

        for (i = 0; i < n; i++) {
            if ((changed[i] / unit * 2654435761U + k * 40503U) % 9 < t) {
                base[changed[i]] = after[changed[i]];
            }
        }

        (void) wh_journal_cold_start(&j, 2);
        look(1);

        bad_old += !found.seen[old - 1] || !found.seen[old - 2];
        strange += found.strange;
        words += found.badwords;
    }

    is_int(bad_old, 0, "%s, 3000 power cuts: earlier records", name);
    is_int(strange, 0, "%s, 3000 power cuts: the record or nothing", name);
    is_int(words, 0, "%s, 3000 power cuts: words", name);

    free(changed);
}


static void
flips(void)
{
    char      *p;
    size_t     i, first, words;
    unsigned   k, n, accepted, missing, bad, lost;
    wh_ref_t   ref;
    uint64_t   last;

    reset();
    writer(2);

    (void) put(11);
    (void) put(17);
    (void) put(12);

    ref = recs[1].ref;
    n = wh_journal_count(&j, &ref);

    (void) wh_word_change(word_of(&ref, 0), wh_word_read(word_of(&ref, 0)),
                          WH_WORD_ENDED);
    last = wh_word_read(word_of(&ref, 0));

    memcpy(before, base, size);

    p = octets(&ref);
    first = sizeof(wh_rec_t);
    words = first + n * sizeof(uint64_t);

    accepted = 0;
    missing = 0;
    bad = 0;
    lost = 0;

    for (i = 0; i < ref.len; i++) {
        for (k = 0; k < 9; k++) {

            memcpy(base, before, size);
            p[i] = (char) (p[i] ^ (k < 8 ? 1 << k : 0xff));

            (void) wh_journal_cold_start(&j, 2);
            look(1);

            missing += !found.seen[0];
            bad += found.strange + found.badwords;

            if (i < first || i >= words) {
                accepted += found.seen[1] || found.seen[2];

            } else {
                missing += !found.seen[1] || !found.seen[2];

                if (i >= first + 8) {
                    lost += wh_word_read(word_of(&ref, 0)) != last;
                }
            }
        }
    }

    is_int(accepted, 0, "no flipped octet of a record is accepted");
    is_int(missing, 0, "what is in front of it, and flipped words, are");
    is_int(bad, 0, "words are repaired");
    is_int(lost, 0, "good ones are left as they are");

    memcpy(base, before, size);
    p[words] ^= 1;
    (void) wh_journal_cold_start(&j, 2);
    is_int((int64_t) j.head->damaged, 1, "damage is counted");

    memcpy(base, before, size);
    *word_of(&ref, 1) = wh_word(ref.gen, 77, WH_WORD_OPEN);
    (void) wh_journal_cold_start(&j, 2);
    ok(wh_word_read(word_of(&ref, 1)) == wh_word(ref.gen, 0, WH_WORD_OPEN),
       "a fence of before does not outlast a cold start");
}


/* octets of an old payload where a later record ends */

static void
forged(void)
{
    char        *forgery;
    size_t       len;
    unsigned     salt, hits[2];
    uint64_t     gen;
    wh_ref_t     ref;

    for (salt = 0; salt < 2; salt++) {

        /* a client makes a record of a generation to come */

        reset();
        j.head->salt = 0;
        j.head->gen += 1;
        writer(2);
        (void) put(4);

        gen = recs[0].ref.gen;
        len = recs[0].ref.len;
        forgery = malloc(len);
        memcpy(forgery, octets(&recs[0].ref), len);

        /* what it sends lies where a record of that generation ends */

        reset();
        j.head->salt = salt ? 0x123456789abcdef : 0;
        j.head->gen = gen - 1;
        writer(2);
        (void) put(5);

        ref = recs[0].ref;
        memcpy(octets(&ref) + ref.len, forgery, len);
        free(forgery);

        kill_at = 0;
        wh_slot_bury(&j, 2, wake, NULL);

        hits[salt] = j.segs[0].tail > ref.len;
    }

    ok(hits[0] && !hits[1], "a salt unmasks forged records");
}


/* a newer state of some pages over an older state of the others */

static void
pages(void)
{
    size_t     i;
    uint64_t   gens[NSEGS];
    unsigned   k, r, round, old, strange, words, missing, again, broken, open;

    strange = 0;
    words = 0;
    missing = 0;
    again = 0;
    broken = 0;

    for (round = 0; round < 12; round++) {

        reset();
        writer(2);

        for (k = 0; k < 200 + rnd(600); k++) {
            if (put(rnd(20)) != WH_OK) {
                end_all(2);
                (void) wh_journal_reclaim(&j, 2);
            }
        }

        for (i = 0; i < NSEGS; i++) {
            gens[i] = j.segs[i].owner ? j.segs[i].gen : 0;
        }

        memcpy(before, base, size);
        old = nrecs;

        for (k = 0; k < 100 + rnd(800); k++) {
            if (put(rnd(20)) != WH_OK) {
                end_all(2);
                (void) wh_journal_reclaim(&j, 2);
            }
        }

        for (i = 0; i < NSEGS; i++) {
            if (j.segs[i].gen != gens[i] || j.segs[i].owner == 0) {
                gens[i] = 0;
            }
        }

        memcpy(after, base, size);

        for (k = 0; k < 50; k++) {

            memcpy(base, before, size);

            for (i = 0; i < size; i += PAGE) {
                if (rnd(2)) {
                    memcpy(base + i, after + i, PAGE);
                }
            }

            open = (unsigned) wh_journal_cold_start(&j, 7);
            look(1);

            strange += found.strange;
            words += found.badwords;

            /* what had been there, in segments not used anew */

            for (r = 0; r < old; r++) {
                if (gens[recs[r].ref.seg] == recs[r].ref.gen) {
                    missing += !found.seen[r]
                               && j.segs[recs[r].ref.seg].owner;
                }
            }

            again += wh_journal_cold_start(&j, 8) != open;

            /* and it goes on */

            r = nrecs;
            writer(2);

            while (put(3) == WH_OK && nrecs < r + 20) {
                /* void */
            }

            end_all(1);
            broken += (wh_journal_reclaim(&j, 1) != 0);

            look(1);
            broken += found.strange + found.badwords;

            for (i = r; i < nrecs; i++) {
                broken += !found.seen[i];
            }

            nrecs = r;
        }
    }

    is_int(strange, 0, "pages of two states: nothing that never was");
    is_int(words, 0, "pages of two states: words are made good");
    is_int(missing, 0, "pages of two states: what both have is there");
    is_int(again, 0, "pages of two states: a second start finds the same");
    is_int(broken, 0, "pages of two states: it goes on");
}


static void
epochs(void)
{
    uint64_t  seq, gen;

    reset();
    writer(2);
    (void) put(1);
    (void) wh_journal_cold_start(&j, 5);
    writer(2);
    (void) put(2);

    ok(recs[1].seq > recs[0].seq && recs[1].ref.gen > recs[0].ref.gen,
       "numbers grow over cold starts");
    ok((recs[1].ref.gen & 0xffffff) != (recs[0].ref.gen & 0xffffff),
       "also as far as words know them");

    seq = recs[1].seq;
    gen = recs[1].ref.gen;

    /* the page with the epoch was not written */

    j.head->epoch = 1;
    j.head->seq = 0;
    j.head->gen = 0;

    is_int((int64_t) wh_journal_cold_start(&j, 2),
           wh_journal_count(&j, &recs[0].ref)
           + wh_journal_count(&j, &recs[1].ref), "all is open");
    is_int((int64_t) j.head->epoch, 6, "an epoch too small is not taken");

    writer(2);
    (void) put(3);
    ok(recs[2].seq > seq && recs[2].ref.gen > gen, "numbers grow all the same");

    ok(j.slots[1].state == WH_SLOT_DEAD
       && wh_shard_owner(wh_shard_read(&j, 0)) == WH_ORPHAN
       && wh_shard_owner(wh_shard_read(&j, WH_SHARDS - 1)) == WH_ORPHAN,
       "what is left is a dead one's, and shards are orphans");
}


static void
shards(void)
{
    int       taken;
    uint32_t  fence, last;
    uint64_t  word;

    reset();

    is_int(wh_shard_raise(&j, 5, 2, 0, &fence, &taken), 2,
           "an idle shard is taken");
    is_int(taken, 1, "and this is told");

    last = fence;
    word = wh_shard_read(&j, 5);

    ok(wh_shard_owner(word) == 2 && wh_shard_fence(word) == fence,
       "its word tells the same");

    is_int(wh_shard_raise(&j, 5, 2, 0, &fence, &taken), 2,
           "one's own shard is raised");
    ok(!taken && fence == last && wh_shard_read(&j, 5) == word,
       "which changes nothing");

    is_int(wh_shard_raise(&j, 5, 3, 0, &fence, &taken), 2,
           "another one raises it");
    ok(!taken && wh_shard_read(&j, 5) != word, "the version changes");
    is_int(wh_shard_release(&j, 5, word), WH_LOST,
           "it is not given back with an old word");

    word = wh_shard_read(&j, 5);
    is_int(wh_shard_release(&j, 5, word), WH_OK, "it is with the new one");
    is_int(wh_shard_owner(wh_shard_read(&j, 5)), 0, "it is idle");
    is_int(wh_shard_release(&j, 5, word), WH_LOST, "only once");

    is_int(wh_shard_adopt(&j, 5, 3, &fence), WH_LOST,
           "idle ones are not adopted");

    (void) wh_shard_raise(&j, 5, 4, 0, &fence, &taken);
    ok(taken && fence > last, "the next owner has a higher fence");
    last = fence;

    word = wh_shard_read(&j, 5);
    is_int(wh_shard_orphan(&j, 5, word), WH_OK, "it becomes an orphan");
    is_int(wh_shard_orphan(&j, 5, word), WH_LOST, "only once");
    is_int(wh_shard_release(&j, 5, word), WH_LOST,
           "the former owner cannot give it back");

    is_int(wh_shard_raise(&j, 5, 4, 0, &fence, &taken), WH_ORPHAN,
           "an orphan is raised");
    is_int(taken, 0, "and not taken thereby");

    is_int(wh_shard_adopt(&j, 5, 6, &fence), WH_OK, "it is adopted");
    ok(fence > last, "with a higher fence");
    is_int(wh_shard_adopt(&j, 5, 7, &fence), WH_LOST, "by one only");
    is_int(wh_shard_owner(wh_shard_read(&j, 5)), 6, "by this one");

    is_int(wh_shard_raise(&j, 6, 2, 1, &fence, &taken), WH_ORPHAN,
           "one that leaves makes an orphan");
    ok(!taken && wh_shard_owner(wh_shard_read(&j, 6)) == WH_ORPHAN,
       "of an idle one");

    /* the version goes round */

    (void) wh_shard_raise(&j, 7, 2, 0, &fence, &taken);
    last = fence;

    for (word = 0; word < 0x100001; word++) {
        (void) wh_shard_raise(&j, 7, 3, 0, &fence, &taken);
    }

    ok(wh_shard_owner(wh_shard_read(&j, 7)) == 2
       && wh_shard_fence(wh_shard_read(&j, 7)) == last,
       "a version that goes round harms nothing");

    j.shards[8].word = (uint64_t) UINT32_MAX << 32;
    (void) wh_shard_raise(&j, 8, 2, 0, &fence, &taken);
    is_int(fence, 1, "a fence that goes round is not 0");
}


/* deliveries that another than the owner has put into the warehouse */

static void
telling(void)
{
    int       taken;
    uint32_t  fence;
    uint64_t  word, news, number;

    reset();

    number = wh_journal_number(&j);
    ok(wh_journal_number(&j) == number + 1, "numbers grow");

    news = wh_shard_news(&j, 7);

    is_int(wh_shard_tell(&j, 7, 3), WH_ORPHAN,
           "what is nobody's becomes an orphan");
    ok(wh_shard_news(&j, 7) == news + 1, "there are news");

    is_int(wh_shard_tell(&j, 7, 3), WH_ORPHAN, "it stays one");

    is_int(wh_shard_raise(&j, 8, 2, 0, &fence, &taken), 2, "another's");
    word = wh_shard_read(&j, 8);

    is_int(wh_shard_tell(&j, 8, 3), 2, "its owner is to be woken");
    is_int(wh_slot_news(&j, 2, 0, WH_NEWS_COME), WH_NEWS_COME,
           "and finds the flag");
    is_int(wh_slot_news(&j, 2, 0, 0), 0, "once");
    is_int(wh_shard_release(&j, 8, word), WH_LOST,
           "it cannot be given back by who has not looked");

    is_int(wh_shard_tell(&j, 8, 2), 2, "one's own");
    is_int(wh_slot_news(&j, 2, 0, 0), WH_NEWS_COME, "the same flag");

    /* killed before it had told of them */

    is_int(wh_slot_news(&j, 3, WH_NEWS_MADE, 0), 0, "a flag of the other");
    news = wh_shard_news(&j, 9);
    wh_slot_bury(&j, 3, wake, NULL);
    ok(wh_shard_news(&j, 9) == news + 1, "told for it");
    is_int(wh_slot_news(&j, 3, 0, 0), 0, "once");

    j.slots[3].news = WH_NEWS_MADE;
    is_int(wh_slot_news(&j, 3, 0, WH_NEWS_MADE), WH_NEWS_MADE, "cleared");
    is_int(wh_slot_news(&j, 3, 0, 0), 0, "by itself");
}


static void
stamps(void)
{
    uint64_t   mine, theirs, *word;
    wh_ref_t   ref;
    wh_view_t  v;

    reset();
    writer(2);
    (void) put(4);
    ref = recs[0].ref;
    (void) wh_journal_view(&j, &ref, 0, &v);
    word = v.word;

    mine = wh_view_stamp(&j, &v, 7);
    ok(mine == wh_word(ref.gen, 7, WH_WORD_OPEN)
       && wh_word_read(word) == mine, "an open word is stamped");
    ok(wh_view_stamp(&j, &v, 7) == mine, "twice is once");

    theirs = wh_view_stamp(&j, &v, 8);
    ok(theirs == wh_word(ref.gen, 8, WH_WORD_OPEN), "a later fence wins");
    is_int(wh_word_change(word, mine, WH_WORD_ENDED), WH_LOST,
           "a stale owner ends nothing");
    ok(wh_view_stamp(&j, &v, 7) == 0 && wh_word_stamp(word, 7) == 0
       && wh_word_read(word) == theirs,
       "a stale adopter does not stamp over a later one");

    is_int(wh_word_change(word, theirs, WH_WORD_ENDED), WH_OK,
           "the owner ends it");
    is_int(wh_word_change(word, theirs, WH_WORD_ENDED), WH_LOST, "once");
    ok(wh_word_read(word) == wh_word(ref.gen, 8, WH_WORD_ENDED),
       "the word tells who did");
    ok(wh_view_stamp(&j, &v, 9) == 0, "what has ended is not stamped");

    word++;

    ok(wh_word_stamp(word, UINT32_MAX) != 0 && wh_word_stamp(word, 1) != 0
       && wh_word_stamp(word, UINT32_MAX) == 0, "fences go round");
    is_int(wh_word_change(word, wh_word_read(word), WH_WORD_MOVED), WH_OK,
           "a delivery is moved");
    is_int(wh_word_state(wh_word_read(word)), WH_WORD_MOVED, "it tells so");

    /* the segment is in use again, with something that looks like a word */

    (void) put(4);
    ref = recs[1].ref;
    (void) wh_journal_view(&j, &ref, 0, &v);
    *v.word = wh_word(ref.gen + 1, 0, WH_WORD_OPEN);
    ok(wh_view_stamp(&j, &v, 9) == 0, "a word of another use is not stamped");

    *v.word = wh_word(ref.gen, 0, WH_WORD_OPEN);
    j.segs[ref.seg].gen++;
    ok(wh_view_stamp(&j, &v, 9) == 0
       && wh_word_read(v.word) == wh_word(ref.gen, 0, WH_WORD_OPEN),
       "nor are octets of another one");
}


static void
reclaim(void)
{
    unsigned   n, i;
    uint64_t  *word;

    reset();
    writer(2);

    while (w.seg <= 1) {
        (void) append(nrecs % 9);
        if (w.seg <= 1) {
            publish();
        }
    }

    is_int(wh_journal_reclaim(&j, 2), 3, "three segments in use");
    is_int(wh_journal_reclaim(&j, 3), 0, "none of them another one's");

    n = nrecs / 3;

    for (i = 0; i < n; i++) {
        word = word_of(&recs[i].ref, 0);
        *word = wh_word(recs[i].ref.gen, 0, WH_WORD_ENDED);

        if (wh_journal_count(&j, &recs[i].ref) > 1) {
            word_of(&recs[i].ref, 1)[0] =
                                  wh_word(recs[i].ref.gen, 0, WH_WORD_MOVED);
        }

        if (wh_journal_count(&j, &recs[i].ref) > 2) {
            word_of(&recs[i].ref, 2)[0] =
                                  wh_word(recs[i].ref.gen, 0, WH_WORD_ENDED);
        }
    }

    is_int(wh_journal_reclaim(&j, 2), 3, "a part of it is not enough");
    is_int((int64_t) j.segs[0].drained, recs[n].ref.off,
           "it is noted how far all has ended");

    end_all(2);

    is_int(wh_journal_reclaim(&j, 2), 1, "ended ones are free");
    is_int(wh_journal_free_segments(&j), NSEGS - 1, "two of them");

    publish();
    end_all(2);
    is_int(wh_journal_reclaim(&j, 2), 1, "the current one stays");

    /* closed with records not yet published */

    reset();
    writer(2);

    while (w.seg <= 0) {
        (void) append(3);
    }

    ok(j.segs[0].closed && j.segs[0].tail == 0, "a closed one, not published");
    is_int(wh_journal_reclaim(&j, 2), 2, "is not freed");
}


static void
pending(void)
{
    wh_ref_t  ref;

    reset();
    writer(2);

    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN, "nothing is pending");

    (void) append(3);
    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN,
           "not what is just appended");

    wh_journal_publish_begin(&w, &recs[0].ref);
    is_int(wh_journal_pending(&j, 2, &ref), WH_OK, "what is being published");
    ok(ref.seg == recs[0].ref.seg && ref.off == recs[0].ref.off
       && ref.gen == recs[0].ref.gen && wh_journal_count(&j, &ref) == 1,
       "it is this record");
    is_int(wh_journal_pending(&j, 3, &ref), WH_AGAIN, "of this slot only");

    wh_journal_publish_end(&w);
    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN, "until it is raised");

    /* between "pending" and the tail */

    (void) append(4);
    j.slots[2].pending = (uint64_t) 1 << 32 | recs[1].ref.off;
    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN,
           "a record that no cursor can have passed is not pending");

    j.slots[2].pending = (uint64_t) (NSEGS + 1) << 32;
    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN, "no such segment");
    j.slots[2].pending = 8;
    is_int(wh_journal_pending(&j, 2, &ref), WH_AGAIN, "no segment");
}


static void
burying(void)
{
    int          taken;
    unsigned     i, left;
    uint32_t     fence;
    wh_ref_t     ref;
    wh_cursor_t  c;

    reset();
    writer(2);
    wh_cursor_init(&j, 2, &c);
    j.slots[2].state = WH_SLOT_LIVE;
    j.slots[2].reserved = 10;
    j.slots[2].gate = 10;

    while (w.seg <= 0) {
        (void) append(nrecs % 9);
        if (w.seg <= 0) {
            publish();
        }
    }

    (void) append(5);
    (void) append(6);

    (void) wh_shard_raise(&j, 900, 2, 0, &fence, &taken);
    (void) wh_shard_raise(&j, 901, 3, 0, &fence, &taken);
    (void) wh_shard_raise(&j, recs[0].kind % 3, 4, 0, &fence, &taken);

    /* died between claiming and using another one */

    j.segs[3].owner = 2 | WH_SEG_CLAIMED;

    wakes = 0;
    woken = 0;
    kill_at = 0;
    wh_slot_bury(&j, 2, wake, NULL);

    is_int(wh_shard_owner(wh_shard_read(&j, 900)), WH_ORPHAN,
           "its shard is an orphan");
    is_int(wh_shard_owner(wh_shard_read(&j, 901)), 3,
           "another one's is not");
    ok(wakes && woken == 4, "owners of its deliveries are woken");
    is_int(wh_shard_owner(wh_shard_read(&j, 1)), WH_ORPHAN,
           "idle shards of its deliveries are orphans");
    is_int((int64_t) j.segs[3].owner, 0, "a claimed segment is free");
    ok(j.slots[2].state == WH_SLOT_DEAD && j.slots[2].pending == 0
       && j.slots[2].reserved == 0 && j.slots[2].gate == 0,
       "the slot is dead and holds nothing");

    look(0);
    ok(found.records == nrecs && found.strange == 0,
       "what it had written is published");

    for (i = 0; wh_journal_next(&j, 2, &c, &ref) == WH_OK; i++) {
        /* void */
    }

    is_int(i, nrecs, "and is read by cursors");

    end_all(2);
    left = wh_journal_reclaim(&j, 2);
    ok(left == 0 && wh_journal_free_segments(&j) == NSEGS,
       "all its segments can be freed");

    /* a torn record of a dead one */

    reset();
    writer(2);
    (void) put(3);
    (void) append(4);
    octets(&recs[1].ref)[60] ^= 1;
    wh_slot_bury(&j, 2, wake, NULL);
    is_int((int64_t) j.segs[0].tail, recs[1].ref.off,
           "what it had not written to the end is not published");

    reset();
    writer(2);
    (void) append(4);
    octets(&recs[0].ref)[60] ^= 1;
    wh_slot_bury(&j, 2, wake, NULL);
    is_int(wh_journal_free_segments(&j), NSEGS, "an empty segment is free");
}


/* who buries is killed, and another one begins anew */

static void
buried_twice(void)
{
    int                taken;
    uint32_t           fence;
    volatile unsigned  k, bad;

    bad = 0;

    for (k = 1; /* void */ ; k++) {

        reset();
        writer(2);
        (void) wh_shard_raise(&j, 0, 5, 0, &fence, &taken);
        (void) wh_shard_raise(&j, 1, 6, 0, &fence, &taken);
        (void) wh_shard_raise(&j, 2, 7, 0, &fence, &taken);

        (void) put(3);
        (void) append(4);
        (void) append(7);
        (void) append(11);
        wh_journal_publish_begin(&w, &recs[1].ref);

        wakes = 0;
        kill_at = k;

        if (setjmp(killed) == 0) {
            wh_slot_bury(&j, 2, wake, NULL);
            break;
        }

        /* all that can be seen is raised, or pending */

        bad += (j.segs[0].tail < recs[1].ref.off
                || (j.segs[0].tail > recs[2].ref.off
                    && j.slots[2].pending == 0));

        kill_at = 0;
        wakes = 0;
        wh_slot_bury(&j, 2, wake, NULL);

        look(0);
        bad += found.records != nrecs || j.slots[2].pending
               || j.slots[2].state != WH_SLOT_DEAD || wakes < 9
               || j.segs[0].closed != w.end;
    }

    ok(k > 9 && bad == 0, "killed at each of %u wake-ups, it is repeated",
       k - 1);
}


/*
 * A taker's cursor passes a record of a dead one as soon as it is published,
 * and before its shards are raised: it must be pending by then.
 */

static uint32_t      settle_raised;
static unsigned      settle_bad;
static wh_cursor_t   settle_cursor;

static void settle_wake(void *ctx, unsigned slot);


static void
settling(void)
{
    int       taken;
    uint32_t  fence, i;

    reset();
    writer(2);
    wh_cursor_init(&j, 2, &settle_cursor);

    for (i = 0; i < 3; i++) {
        (void) wh_shard_raise(&j, i, 5, 0, &fence, &taken);
    }

    for (i = 0; i < 6; i++) {
        (void) append(2);
    }

    wakes = 0;
    settle_raised = 0;
    settle_bad = 0;
    wh_slot_bury(&j, 2, settle_wake, NULL);

    is_int(settle_bad, 0,
           "what is published for a dead one is pending until it is raised");
    is_int(settle_raised, 6, "each of its records");
}


/* called when one of the shards of the last record is just raised */

static void
settle_wake(void *ctx, unsigned slot)
{
    unsigned  n;
    wh_ref_t  ref, p;

    (void) ctx;
    (void) slot;

    n = 0;

    while (wh_journal_next(&j, 2, &settle_cursor, &ref) == WH_OK) {
        n++;
    }

    if (n == 0) {
        return;
    }

    settle_raised += n;

    if (n > 1 || wh_journal_pending(&j, 2, &p) != WH_OK
        || p.off != ref.off || p.gen != ref.gen)
    {
        settle_bad++;
    }
}


/* an empty journal */

static void
reset(void)
{
    memset(base, 0, size);
    (void) wh_journal_format(base, size, NSEGS, SEG);
    (void) wh_journal_attach(&j, base, size);
    j.head->epoch = 1;
    j.head->seq = 1ULL << 40;
    j.head->gen = 1ULL << 40;
    j.head->salt = 0x1234567;
    nrecs = 0;
}


static void
writer(unsigned slot)
{
    w.j = &j;
    w.slot = slot;
    w.seg = -1;
    w.gen = 0;
    w.end = 0;
}


static int
append(unsigned kind)
{
    int         rc;
    uint32_t    n;
    wh_entry_t  e[3];

    entries(kind, e, &n);

    rc = wh_journal_append(&w, kind, e, n, &recs[nrecs].ref);

    if (rc == WH_OK) {
        recs[nrecs].kind = kind;
        recs[nrecs].seq = recs[nrecs].ref.seq;
        nrecs++;
    }

    return rc;
}


/* the last one appended */

static void
publish(void)
{
    wh_journal_publish_begin(&w, &recs[nrecs - 1].ref);
    wh_journal_publish_end(&w);
}


static int
put(unsigned kind)
{
    int  rc;

    rc = append(kind);

    if (rc == WH_OK) {
        publish();
    }

    return rc;
}


static void
entries(unsigned kind, wh_entry_t *e, uint32_t *n)
{
    uint32_t  i;

    kind %= 4096;

    *n = 1 + kind % 3;

    for (i = 0; i < *n; i++) {
        e[i].name.data = text + kind;
        e[i].name.len = 1 + (kind + i) % 20;
        e[i].key.data = text + 40 + kind;
        e[i].key.len = (kind * 3 + i) % 30;
        e[i].data.data = text + 100 + kind;
        e[i].data.len = kind * 37 % 900 + (kind % 2 ? 0 : i);
        e[i].shard = (kind + i) % 3;
    }
}


static int
same(const wh_view_t *v, unsigned kind)
{
    uint32_t    n;
    wh_entry_t  e[3];

    entries(kind, e, &n);

    e[0] = e[v->index];

    return v->index < n && v->time == kind && v->shard == e[0].shard
           && v->name.len == e[0].name.len && v->key.len == e[0].key.len
           && v->data.len == e[0].data.len
           && memcmp(v->name.data, e[0].name.data, v->name.len) == 0
           && memcmp(v->key.data, e[0].key.data, v->key.len) == 0
           && memcmp(v->data.data, e[0].data.data, v->data.len) == 0;
}


/* all that a walk finds, compared with what was ever appended */

static void
look(int words)
{
    size_t     off;
    unsigned   r, lo, hi;
    uint32_t   i, k, n;
    uint64_t   word;
    wh_ref_t   ref;
    wh_view_t  v;

    memset(&found, 0, sizeof(found_t));

    for (i = 0; i < j.nsegs; i++) {

        off = 0;

        while (wh_journal_walk(&j, i, &off, &ref) == WH_OK) {

            lo = 0;
            hi = nrecs;

            while (lo < hi) {
                r = (lo + hi) / 2;

                if (recs[r].seq < ref.seq) {
                    lo = r + 1;

                } else {
                    hi = r;
                }
            }

            r = lo;
            found.records++;

            if (r == nrecs || recs[r].seq != ref.seq
                || recs[r].ref.gen != ref.gen || recs[r].ref.off != ref.off
                || recs[r].ref.len != ref.len || found.seen[r])
            {
                found.strange++;
                continue;
            }

            found.seen[r] = 1;
            n = wh_journal_count(&j, &ref);

            for (k = 0; k < n; k++) {

                if (wh_journal_view(&j, &ref, k, &v) != WH_OK
                    || !same(&v, recs[r].kind))
                {
                    found.strange++;
                    continue;
                }

                word = wh_word_read(v.word);

                found.open += wh_word_state(word) == WH_WORD_OPEN;

                if (words
                    && (word >> 40 != (ref.gen & 0xffffff)
                        || wh_word_state(word) < WH_WORD_OPEN
                        || wh_word_state(word) > WH_WORD_MOVED))
                {
                    found.badwords++;
                }
            }
        }
    }
}


static void
end_all(unsigned slot)
{
    size_t     off;
    uint32_t   i, k, n;
    wh_ref_t   ref;
    wh_view_t  v;

    for (i = 0; i < j.nsegs; i++) {

        if (j.segs[i].owner != slot) {
            continue;
        }

        off = 0;

        while (wh_journal_walk(&j, i, &off, &ref) == WH_OK) {
            n = wh_journal_count(&j, &ref);

            for (k = 0; k < n; k++) {
                if (wh_journal_view(&j, &ref, k, &v) == WH_OK) {
                    (void) wh_word_change(v.word, wh_word_read(v.word),
                                          WH_WORD_ENDED);
                }
            }
        }
    }
}


static uint64_t *
word_of(const wh_ref_t *ref, uint32_t i)
{
    return (uint64_t *) (void *) (octets(ref) + sizeof(wh_rec_t)) + i;
}


static char *
octets(const wh_ref_t *ref)
{
    return j.data + (size_t) ref->seg * SEG + ref->off;
}


static void
wake(void *ctx, unsigned slot)
{
    (void) ctx;

    woken = slot;

    if (++wakes == kill_at) {
        longjmp(killed, 1);
    }
}


static uint32_t
rnd(uint32_t n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (uint32_t) (state >> 33) % n;
}
