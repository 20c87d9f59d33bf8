
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "wh_journal.h"


/*
 * Processes that append and deliver over one journal while a parent kills,
 * stops and continues them.  The part between the two lines of "=" is how a
 * store uses the journal: it is meant to be read.
 *
 * "Sending" is a line in a shared log.  Afterwards the parent tells from it
 *
 *     that no published delivery was lost,
 *     that each was sent once, if nobody was killed or stopped,
 *     that a delivery was sent once by an owner, in any case,
 *     that an event is first sent after those of its lane that had been
 *         published before it was begun,
 *     that a delivery ended once, and for the last owner that sent it.
 *
 * WH_SEED and WH_SECONDS may be set in the environment.
 */


#define WORKERS     4
#define SLOTS       24
#define NSEGS       40
#define SEG_SIZE    WH_SEG_MIN
#define LANES       15
#define SHARDS      5
#define PER_RECORD  3
#define EVENTS      (1 << 19)
#define LINES       (1 << 22)
#define HELD        12      /* records to be published together */
#define SUSPECT     40      /* ms without a sign of life */


typedef enum {
    SENT = 1,
    ENDED
} what_e;


typedef struct {
    uint64_t     begin;
    uint64_t     end;       /* 0: never complete */
    uint32_t     n;
    uint8_t      lane[PER_RECORD];
} event_t;


typedef struct {
    uint32_t     what;
    uint32_t     event;
    uint32_t     index;
    uint32_t     fence;
    uint32_t     slot;
    uint32_t     prev;      /* line of the same delivery, for the parent */
} line_t;


typedef struct {
    uint64_t     clock;
    uint64_t     nevents;
    uint64_t     nlines;
    uint64_t     errors;
    uint32_t     chaos;     /* whom to suspect, and what to check */
    uint32_t     quiet;     /* nothing more to append */
    uint32_t     spawned;
    uint32_t     leave[SLOTS + 1];
    uint32_t     held[SLOTS + 1];
    event_t      events[EVENTS];
    line_t       lines[LINES];
} shared_t;


typedef struct {
    uint64_t     event;
    uint64_t     size;
} payload_t;


/* a delivery that an owner knows of */

typedef struct {
    wh_ref_t     ref;
    uint32_t     index;
    uint64_t    *word;
    uint64_t     known;     /* the word's value */
    uint64_t     found;     /* in which pass */
    uint32_t     fence;
    uint32_t     event;
} item_t;


typedef struct {
    item_t      *items;     /* by sequence number and index */
    size_t       first;
    size_t       last;
    size_t       size;
    item_t       current;   /* being sent */
    uint64_t     until;     /* its answer is there then, 0: none is sent */
} lane_t;


typedef struct {
    wh_ref_t     ref;
    uint32_t     event;
    uint32_t     n;
    unsigned     shards[PER_RECORD];
} held_t;


typedef struct {
    unsigned     slot;
    int          lock;
    int          leaving;
    uint64_t     turn;
    wh_writer_t  writer;

    wh_cursor_t  cursors[WH_SLOTS];
    uint64_t     pass;      /* begun */
    uint64_t     complete;  /* ended */

    int          own[SHARDS];
    uint32_t     fence[SHARDS];
    lane_t       lanes[LANES];

    wh_ref_t     pending[WH_SLOTS];
    unsigned     npending;

    held_t       held[HELD];
    unsigned     nheld;
    unsigned     eager;
} worker_t;


static void scan(void);
static void find(const wh_ref_t *ref);
static void enqueue(const wh_view_t *v, uint64_t known, uint32_t event);
static void look_pending(void);
static void publish(held_t *h);
static void take(unsigned shard, uint32_t fence);
static void lose(unsigned shard);
static int mine(unsigned shard, uint64_t w);
static void adopt(void);
static void send_heads(void);
static void answer(unsigned l);
static void release(void);
static void bury(void);
static void suspect(void);
static void beat(void);
static void wake(void *ctx, unsigned slot);

static void worker(void);
static void start(void);
static int append(void);
static int idle(unsigned shard);
static uint32_t event_of(const wh_view_t *v);
static void log_line(what_e what, const item_t *item);
static int lock(int fd, unsigned slot, short type);
static int lock_open(void);
static void chaos(void);
static void failed(const char *what);
static uint32_t rnd(uint32_t n);
static uint64_t now(void);

static void run(const char *name, double seconds, int disturb);
static void disturbing(uint64_t until);
static unsigned slots_used(void);
static void spawn(unsigned i);
static void kill_all(void);
static int drain(void);
static int drained(void);
static void show(void);
static void check(const char *name, int disturb);
static void check_order(const char *name, const uint32_t *first);


static shared_t      *shared;
static wh_journal_t   journal;
static worker_t       me;
static pid_t          pids[WORKERS];
static int            stopped[WORKERS];
static char           dir[] = "/tmp/wh_journal_stress.XXXXXX";
static char           path[128];
static uint64_t       seed;
static uint64_t       state;


/* ======================================================================== */


/* one complete pass over the records of all others */

static void
scan(void)
{
    unsigned  slot;
    wh_ref_t  ref;

    me.pass++;

    for (slot = 1; slot <= journal.head->last_slot; slot++) {

        if (slot == me.slot) {
            continue;
        }

        while (wh_journal_next(&journal, slot, &me.cursors[slot], &ref)
               == WH_OK)
        {
            find(&ref);
        }

        chaos();
    }

    me.complete = me.pass;
}


/*
 * Takes up the deliveries of a record that are ours.  Each is stamped: not
 * only may a former owner not end it, one that has not yet noticed that it is
 * a former one may not put its fence into it either.  What was copied out of
 * the mapping counts only if the record was still valid then.
 */

static void
find(const wh_ref_t *ref)
{
    uint32_t   i, n, event;
    uint64_t   known;
    wh_view_t  v;

    beat();

    n = wh_journal_count(&journal, ref);

    for (i = 0; i < n; i++) {

        if (wh_journal_view(&journal, ref, i, &v) != WH_OK) {
            return;
        }

        if (!me.own[v.shard]) {
            continue;
        }

        known = wh_view_stamp(&journal, &v, me.fence[v.shard]);

        if (known == 0) {
            continue;
        }

        event = event_of(&v);

        if (wh_journal_valid(&journal, ref)) {
            enqueue(&v, known, event);
        }
    }
}


static void
enqueue(const wh_view_t *v, uint64_t known, uint32_t event)
{
    size_t   i;
    item_t  *p;
    lane_t  *lane;

    lane = &me.lanes[v->key.data[0] - 'a'];

    if (lane->until && lane->current.ref.seq == v->ref.seq
        && lane->current.index == v->index)
    {
        return;
    }

    if (lane->last == lane->size) {
        lane->size = lane->size ? lane->size * 2 : 64;
        lane->items = realloc(lane->items, lane->size * sizeof(item_t));
    }

    for (i = lane->last; i > lane->first; i--) {
        p = &lane->items[i - 1];

        if (p->ref.seq == v->ref.seq && p->index == v->index) {
            return;
        }

        if (p->ref.seq < v->ref.seq
            || (p->ref.seq == v->ref.seq && p->index < v->index))
        {
            break;
        }
    }

    p = &lane->items[i];
    memmove(p + 1, p, (lane->last - i) * sizeof(item_t));
    lane->last++;

    p->ref = v->ref;
    p->index = v->index;
    p->word = v->word;
    p->known = known;
    p->found = me.pass;
    p->fence = me.fence[v->shard];
    p->event = event;
}


/*
 * Before idle shards may be taken: records that our cursors may have passed
 * and whose shards are not all raised yet.  Cursors must not move between
 * this and take().
 */

static void
look_pending(void)
{
    unsigned  slot;

    me.npending = 0;

    for (slot = 1; slot <= journal.head->last_slot; slot++) {
        if (slot != me.slot
            && wh_journal_pending(&journal, slot, &me.pending[me.npending])
               == WH_OK)
        {
            me.npending++;
        }
    }
}


/* shows a record, and raises the shards of its deliveries */

static void
publish(held_t *h)
{
    int        taken, orphans;
    unsigned   owner, shard;
    uint32_t   i, fence;

    orphans = 0;

    look_pending();
    chaos();

    wh_journal_publish_begin(&me.writer, &h->ref);

    for (i = 0; i < h->n; i++) {

        chaos();

        shard = h->shards[i];
        owner = wh_shard_raise(&journal, shard, me.slot, me.leaving, &fence,
                               &taken);

        chaos();

        if (owner == me.slot) {

            if (taken) {
                take(shard, fence);
            }

            /* another one may have ended it before we took the shard */

            find(&h->ref);
            continue;
        }

        if (me.own[shard]) {
            lose(shard);
        }

        if (owner == WH_ORPHAN) {
            orphans = 1;

        } else {
            wake(NULL, owner);
        }
    }

    wh_journal_publish_end(&me.writer);

    if (orphans && !me.leaving) {
        adopt();
    }
}


/* a shard that was idle: there is nothing in it, but what is just raised */

static void
take(unsigned shard, uint32_t fence)
{
    unsigned  i;

    if (me.own[shard]) {
        lose(shard);
    }

    me.own[shard] = 1;
    me.fence[shard] = fence;

    for (i = 0; i < me.npending; i++) {
        find(&me.pending[i]);
    }
}


/* it was taken from us while we were stopped: nothing we know of it counts */

static void
lose(unsigned shard)
{
    unsigned  l;

    for (l = shard; l < LANES; l += SHARDS) {

        if (me.lanes[l].until && rnd(2)) {

            /* a late answer; it ends the delivery if nobody stamped it yet */

            if (wh_word_change(me.lanes[l].current.word,
                               me.lanes[l].current.known, WH_WORD_ENDED)
                == WH_OK)
            {
                log_line(ENDED, &me.lanes[l].current);
            }
        }

        me.lanes[l].until = 0;
        me.lanes[l].first = 0;
        me.lanes[l].last = 0;
    }

    me.own[shard] = 0;
}


static int
mine(unsigned shard, uint64_t w)
{
    return wh_shard_owner(w) == me.slot
           && wh_shard_fence(w) == me.fence[shard];
}


/*
 * Shards without an owner: takes them, and only then walks all that is
 * published; what is published later is found by the cursors.
 */

static void
adopt(void)
{
    int       n;
    size_t    off;
    uint32_t  i, fence;
    unsigned  shard;
    wh_ref_t  ref;

    n = 0;

    for (shard = 0; shard < SHARDS; shard++) {
        if (wh_shard_owner(wh_shard_read(&journal, shard)) == WH_ORPHAN
            && wh_shard_adopt(&journal, shard, me.slot, &fence) == WH_OK)
        {
            if (me.own[shard]) {
                lose(shard);
            }

            me.own[shard] = 1;
            me.fence[shard] = fence;
            n++;
        }
    }

    if (n == 0) {
        return;
    }

    for (i = 0; i < journal.nsegs; i++) {

        off = 0;

        while (wh_journal_walk(&journal, i, &off, &ref) == WH_OK) {
            find(&ref);
            chaos();
        }
    }
}


/*
 * Sends the first delivery of each lane.  All that was published before it
 * is known when a pass has ended that was begun after it was found; that the
 * shard is still ours is asked after that pass, since it may have found what
 * was published for a later owner.
 */

static void
send_heads(void)
{
    unsigned   l;
    lane_t    *lane;
    uint64_t   w;

    for (l = 0; l < LANES; l++) {
        lane = &me.lanes[l];

        if (!me.own[l % SHARDS] || lane->until || lane->first == lane->last) {
            continue;
        }

        if (lane->items[lane->first].found >= me.complete) {
            scan();
        }

        if (lane->items[lane->first].found >= me.complete) {
            continue;
        }

        w = wh_shard_read(&journal, l % SHARDS);

        if (!mine(l % SHARDS, w)) {
            lose(l % SHARDS);
            continue;
        }

        chaos();

        lane->current = lane->items[lane->first++];
        lane->until = me.turn + 1 + rnd(4);

        if (lane->first == lane->last) {
            lane->first = 0;
            lane->last = 0;
        }

        log_line(SENT, &lane->current);
    }
}


static void
answer(unsigned l)
{
    item_t  *item;

    item = &me.lanes[l].current;

    if (wh_word_change(item->word, item->known, WH_WORD_ENDED) == WH_OK) {
        log_line(ENDED, item);
        me.lanes[l].until = 0;
        return;
    }

    if (mine(l % SHARDS, wh_shard_read(&journal, l % SHARDS))) {
        failed("a word was changed under its owner");
    }

    me.lanes[l].until = 0;
    lose(l % SHARDS);
}


/* gives back the shards in which there is nothing left */

static void
release(void)
{
    int       n;
    uint64_t  words[SHARDS];
    unsigned  shard;

    n = 0;

    for (shard = 0; shard < SHARDS; shard++) {
        words[shard] = 0;

        if (!me.own[shard] || !idle(shard)) {
            continue;
        }

        words[shard] = wh_shard_read(&journal, shard);

        if (!mine(shard, words[shard])) {
            lose(shard);
            words[shard] = 0;
            continue;
        }

        n++;
    }

    if (n == 0) {
        return;
    }

    scan();

    for (shard = 0; shard < SHARDS; shard++) {
        if (words[shard] && idle(shard)
            && wh_shard_release(&journal, shard, words[shard]) == WH_OK)
        {
            me.own[shard] = 0;
        }
    }
}


/* who holds the lock of a slot in use may bury it, and reuse its segments */

static void
bury(void)
{
    unsigned    slot;
    wh_slot_t  *s;

    for (slot = 1; slot <= journal.head->last_slot; slot++) {
        s = &journal.slots[slot];

        if (slot == me.slot
            || __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == WH_SLOT_FREE
            || lock(me.lock, slot, F_WRLCK) == -1)
        {
            continue;
        }

        if (s->state == WH_SLOT_LIVE || s->state == WH_SLOT_LEAVING) {
            wh_slot_bury(&journal, slot, wake, NULL);
        }

        if (s->state == WH_SLOT_DEAD
            && wh_journal_reclaim(&journal, slot) == 0)
        {
            __atomic_store_n(&s->state, WH_SLOT_FREE, __ATOMIC_RELEASE);
        }

        (void) lock(me.lock, slot, F_UNLCK);
    }
}


/* the shards of one that gives no sign of life, dead or not */

static void
suspect(void)
{
    uint64_t  w;
    unsigned  shard, slot;

    for (shard = 0; shard < SHARDS; shard++) {
        w = wh_shard_read(&journal, shard);
        slot = wh_shard_owner(w);

        if (slot == 0 || slot == WH_ORPHAN || slot == me.slot) {
            continue;
        }

        if (__atomic_load_n(&journal.slots[slot].beat, __ATOMIC_ACQUIRE)
            + SUSPECT < now())
        {
            (void) wh_shard_orphan(&journal, shard, w);
        }
    }
}


static void
beat(void)
{
    __atomic_store_n(&journal.slots[me.slot].beat, now(), __ATOMIC_RELEASE);
}


static void
wake(void *ctx, unsigned slot)
{
    (void) ctx;

    chaos();

    __atomic_store_n(&journal.slots[slot].wake, 1, __ATOMIC_SEQ_CST);
}


/* ======================================================================== */


static void
worker(void)
{
    int       busy;
    unsigned  l, shard;

    start();

    for ( ;; ) {
        me.turn++;
        busy = 0;

        beat();

        if (__atomic_exchange_n(&journal.slots[me.slot].wake, 0,
                                __ATOMIC_SEQ_CST))
        {
            scan();
            busy = 1;
        }

        if (me.nheld
            && (me.leaving || shared->quiet || me.nheld == HELD
                || rnd(me.eager ? 2 : 20) == 0))
        {
            publish(&me.held[0]);

            __atomic_store_n(&shared->events[me.held[0].event].end,
                             __atomic_add_fetch(&shared->clock, 1,
                                                __ATOMIC_SEQ_CST),
                             __ATOMIC_RELEASE);

            shared->held[me.slot] = --me.nheld;
            memmove(&me.held[0], &me.held[1], me.nheld * sizeof(held_t));
            busy = 1;
        }

        if (!me.leaving && me.nheld < HELD && rnd(2)) {
            busy |= append();
        }

        for (l = 0; l < LANES; l++) {
            if (me.lanes[l].until) {
                busy = 1;

                if (me.lanes[l].until <= me.turn) {
                    answer(l);
                }
            }
        }

        if (!me.leaving) {
            adopt();
            send_heads();
        }

        release();

        if (me.turn % 8 == 0) {
            (void) wh_journal_reclaim(&journal, me.slot);
        }

        if (me.turn % 32 == 0) {
            bury();

            if (shared->chaos) {
                suspect();
            }
        }

        if (__atomic_load_n(&shared->leave[me.slot], __ATOMIC_ACQUIRE)) {
            journal.slots[me.slot].state = WH_SLOT_LEAVING;
            me.leaving = 1;
        }

        for (l = 0; l < LANES; l++) {
            busy |= me.lanes[l].until != 0;
        }

        if (me.leaving && me.nheld == 0 && !busy) {

            for (shard = 0; shard < SHARDS; shard++) {
                if (me.own[shard]) {
                    (void) wh_shard_orphan(&journal, shard,
                                           wh_shard_read(&journal, shard));
                }
            }

            _exit(0);
        }

        if (!busy) {
            usleep(50);
        }
    }
}


/* cursors exist before anything is owned */

static void
start(void)
{
    unsigned  slot, i;

    me.lock = lock_open();
    state = seed + __atomic_add_fetch(&shared->spawned, 1, __ATOMIC_SEQ_CST);

    for ( ;; ) {
        for (slot = 1; slot <= SLOTS; slot++) {

            if (lock(me.lock, slot, F_WRLCK) == -1) {
                continue;
            }

            if (journal.slots[slot].state == WH_SLOT_FREE) {
                goto found;
            }

            (void) lock(me.lock, slot, F_UNLCK);
        }

        bury();
        usleep(1000);
    }

found:

    me.slot = slot;

    for (i = 1; i < WH_SLOTS; i++) {
        wh_cursor_init(&journal, i, &me.cursors[i]);
    }

    me.writer.j = &journal;
    me.writer.slot = slot;
    me.writer.seg = -1;

    me.eager = rnd(2);

    shared->leave[slot] = 0;
    shared->held[slot] = 0;
    journal.slots[slot].wake = 0;
    journal.slots[slot].beat = now();
    __atomic_store_n(&journal.slots[slot].state, WH_SLOT_LIVE,
                     __ATOMIC_RELEASE);
}


/* returns true if something was appended */

static int
append(void)
{
    char         data[16384], key[PER_RECORD];
    held_t      *h;
    event_t     *event;
    uint32_t     i, lane;
    payload_t   *p;
    uint64_t     k;
    wh_entry_t   e[PER_RECORD];

    if (shared->quiet || shared->nevents >= EVENTS - WORKERS
        || shared->nlines >= LINES / 4 * 3)
    {
        return 0;
    }

    k = __atomic_fetch_add(&shared->nevents, 1, __ATOMIC_SEQ_CST);

    h = &me.held[me.nheld];
    h->event = (uint32_t) k;
    h->n = 1 + rnd(PER_RECORD);

    event = &shared->events[k];
    event->n = h->n;

    p = (payload_t *) (void *) data;
    p->event = k;
    p->size = sizeof(payload_t) + rnd(rnd(16) ? 300 : sizeof(data) - 100);
    memset(p + 1, (int) (k & 0xff), p->size - sizeof(payload_t));

    for (i = 0; i < h->n; i++) {
        lane = rnd(LANES);

        event->lane[i] = (uint8_t) lane;
        h->shards[i] = lane % SHARDS;

        key[i] = (char) ('a' + lane);

        e[i].name.data = "endpoint";
        e[i].name.len = 8;
        e[i].key.data = &key[i];
        e[i].key.len = 1;
        e[i].data.data = data;
        e[i].data.len = p->size;
        e[i].shard = h->shards[i];
    }

    event->begin = __atomic_add_fetch(&shared->clock, 1, __ATOMIC_SEQ_CST);

    if (wh_journal_append(&me.writer, 0, e, h->n, &h->ref) != WH_OK) {
        return 0;
    }

    shared->held[me.slot] = ++me.nheld;

    return 1;
}


static int
idle(unsigned shard)
{
    unsigned  l;

    for (l = shard; l < LANES; l += SHARDS) {
        if (me.lanes[l].until || me.lanes[l].first < me.lanes[l].last) {
            return 0;
        }
    }

    return 1;
}


/* what a delivery would be made of: it must be whole if it counts */

static uint32_t
event_of(const wh_view_t *v)
{
    size_t      i;
    payload_t   p;
    const char *d;

    memset(&p, 0, sizeof(payload_t));

    if (v->data.len >= sizeof(payload_t)) {
        memcpy(&p, v->data.data, sizeof(payload_t));
    }

    d = v->data.data;

    for (i = sizeof(payload_t); i < v->data.len; i++) {
        if ((uint8_t) d[i] != (uint8_t) p.event) {
            break;
        }
    }

    if ((p.size != v->data.len || i != p.size || p.event >= shared->nevents
         || v->key.len != 1
         || shared->events[p.event].lane[v->index] != v->key.data[0] - 'a')
        && wh_journal_valid(&journal, &v->ref))
    {
        failed("a record was not what had been appended");
    }

    return (uint32_t) p.event;
}


static void
log_line(what_e what, const item_t *item)
{
    line_t    *p;
    uint64_t   n;

    n = __atomic_fetch_add(&shared->nlines, 1, __ATOMIC_SEQ_CST);

    if (n >= LINES) {
        failed("the log is full");
        _exit(1);
    }

    p = &shared->lines[n];

    p->event = item->event;
    p->index = item->index;
    p->fence = item->fence;
    p->slot = me.slot;

    __atomic_store_n(&p->what, what, __ATOMIC_RELEASE);
}


static int
lock(int fd, unsigned slot, short type)
{
    struct flock  f;

    memset(&f, 0, sizeof(struct flock));

    f.l_type = type;
    f.l_whence = SEEK_SET;
    f.l_start = slot;
    f.l_len = 1;

    return fcntl(fd, F_OFD_SETLK, &f);
}


static int
lock_open(void)
{
    int  fd;

    fd = open(path, O_RDWR|O_CREAT|O_CLOEXEC, 0600);

    if (fd == -1) {
        perror(path);
        exit(2);
    }

    return fd;
}


/* gives others, and the parent's signals, a chance to come in between */

static void
chaos(void)
{
    uint32_t  n;

    n = rnd(8192);

    if (n < 8) {
        usleep(n * 300);

    } else if (n < 64) {
        (void) sched_yield();
    }
}


static void
failed(const char *what)
{
    fprintf(stderr, "# slot %u: %s\n", me.slot, what);
    __atomic_fetch_add(&shared->errors, 1, __ATOMIC_SEQ_CST);
}


static uint32_t
rnd(uint32_t n)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;

    return (uint32_t) (state >> 33) % n;
}


static uint64_t
now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


int
main(void)
{
    int          fd;
    void        *base;
    double       seconds;
    size_t       size;
    const char  *s;

    s = getenv("WH_SEED");
    seed = s ? strtoull(s, NULL, 10) : now() ^ (uint64_t) getpid() << 32;
    state = seed;

    s = getenv("WH_SECONDS");
    seconds = s ? atof(s) : 6;

    printf("# WH_SEED=%llu\n", (unsigned long long) seed);
    fflush(stdout);

    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 2;
    }

    size = wh_journal_size(NSEGS, SEG_SIZE);

    (void) snprintf(path, sizeof(path), "%s/journal", dir);
    fd = lock_open();

    if (ftruncate(fd, (off_t) size) == -1) {
        perror(path);
        return 2;
    }

    base = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS|MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED || shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }

    (void) unlink(path);
    (void) close(fd);

    (void) snprintf(path, sizeof(path), "%s/lock", dir);

    ok(wh_journal_format(base, size, NSEGS, SEG_SIZE) == WH_OK
       && wh_journal_attach(&journal, base, size) == WH_OK,
       "a journal is made");

    run("undisturbed", seconds / 4, 0);
    run("killed and stopped", seconds * 3 / 4, 1);

    (void) unlink(path);
    (void) rmdir(dir);

    return done_testing();
}


static void
run(const char *name, double seconds, int disturb)
{
    int       fd;
    unsigned  i, slot;
    uint64_t  until;

    memset(shared, 0, sizeof(shared_t));
    shared->chaos = (uint32_t) disturb;

    (void) wh_journal_cold_start(&journal, journal.head->epoch + 1);
    journal.head->last_slot = SLOTS;
    journal.head->damaged = 0;

    for (i = 0; i < WORKERS; i++) {
        spawn(i);
    }

    until = now() + (uint64_t) (seconds * 1000);

    if (disturb) {
        disturbing(now() + (until - now()) / 2);

        /* all of them at once, and a start over what they left */

        kill_all();
        (void) wh_journal_cold_start(&journal, journal.head->epoch + 1);
        journal.head->last_slot = SLOTS;

        for (i = 0; i < WORKERS; i++) {
            spawn(i);
        }

        disturbing(until);

    } else {
        while (now() < until) {
            usleep(20000);

            /* one leaves in peace, and another one comes */

            i = rnd(WORKERS);
            slot = 1 + rnd(SLOTS);

            __atomic_store_n(&shared->leave[slot], 1, __ATOMIC_RELEASE);

            for (i = 0; i < WORKERS; i++) {
                if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
                    spawn(i);
                }
            }
        }
    }

    ok(drain(), "%s: all is drained", name);

    kill_all();

    fd = lock_open();
    me.lock = fd;

    for (i = 1; i <= SLOTS; i++) {
        bury();
    }

    (void) close(fd);

    is_int(slots_used(), 0, "%s: all slots are free", name);
    is_int(wh_journal_free_segments(&journal), NSEGS,
           "%s: all segments are free", name);

    check(name, disturb);
}


static void
disturbing(uint64_t until)
{
    unsigned  i;

    while (now() < until) {
        usleep(rnd(8000));

        i = rnd(WORKERS);

        switch (rnd(stopped[i] ? 3 : 5)) {

        case 0:
            if (slots_used() > SLOTS / 2) {
                break;
            }

            (void) kill(pids[i], SIGKILL);
            (void) waitpid(pids[i], NULL, 0);
            spawn(i);
            break;

        case 1:
        case 2:
            if (stopped[i]) {
                (void) kill(pids[i], SIGCONT);
                stopped[i] = 0;
                break;
            }

            (void) kill(pids[i], SIGSTOP);
            stopped[i] = 1;
            break;

        case 3:
            __atomic_store_n(&shared->leave[1 + rnd(SLOTS)], 1,
                             __ATOMIC_RELEASE);
            break;
        }

        for (i = 0; i < WORKERS; i++) {
            if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
                spawn(i);
            }
        }
    }

    for (i = 0; i < WORKERS; i++) {
        (void) kill(pids[i], SIGCONT);
        stopped[i] = 0;
    }
}


/* the dead need their slots until the living have done their work */

static unsigned
slots_used(void)
{
    unsigned  i, n;

    n = 0;

    for (i = 1; i <= SLOTS; i++) {
        n += journal.slots[i].state != WH_SLOT_FREE;
    }

    return n;
}


static void
spawn(unsigned i)
{
    pid_t  pid;

    pid = fork();

    if (pid == -1) {
        perror("fork");
        exit(2);
    }

    if (pid == 0) {
        worker();
    }

    pids[i] = pid;
    stopped[i] = 0;
}


static void
kill_all(void)
{
    unsigned  i;

    for (i = 0; i < WORKERS; i++) {
        (void) kill(pids[i], SIGKILL);
        (void) waitpid(pids[i], NULL, 0);
    }
}


static int
drain(void)
{
    unsigned  i;
    uint64_t  until;

    until = now() + 30000;

    __atomic_store_n(&shared->quiet, 1, __ATOMIC_RELEASE);

    while (now() < until) {
        usleep(20000);

        for (i = 0; i < WORKERS; i++) {
            if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
                spawn(i);
            }
        }

        if (drained()) {
            return 1;
        }
    }

    show();

    return 0;
}


/* what could not be drained */

static void
show(void)
{
    size_t     off;
    uint32_t   i, k, n, open;
    uint64_t   w;
    wh_ref_t   ref;
    wh_seg_t  *s;
    wh_view_t  v;

    for (i = 1; i <= SLOTS; i++) {
        if (journal.slots[i].state != WH_SLOT_FREE) {
            printf("# slot %u: state %u, pending %llx\n", i,
                   journal.slots[i].state,
                   (unsigned long long) journal.slots[i].pending);
        }
    }

    for (i = 0; i < SHARDS; i++) {
        w = wh_shard_read(&journal, i);
        printf("# shard %u: owner %u, fence %u\n", i, wh_shard_owner(w),
               wh_shard_fence(w));
    }

    for (i = 0; i < journal.nsegs; i++) {
        s = &journal.segs[i];
        off = 0;
        open = 0;

        printf("# segment %u: owner %llx, tail %llu, closed %llu", i,
               (unsigned long long) s->owner, (unsigned long long) s->tail,
               (unsigned long long) s->closed);

        while (wh_journal_walk(&journal, i, &off, &ref) == WH_OK) {
            n = wh_journal_count(&journal, &ref);

            for (k = 0; k < n; k++) {
                if (wh_journal_view(&journal, &ref, k, &v) != WH_OK) {
                    continue;
                }

                w = wh_word_read(v.word);

                if (wh_word_state(w) == WH_WORD_OPEN && open++ < 4) {
                    printf(" %u:%llx", v.shard, (unsigned long long) w);
                }
            }
        }

        printf(", open %u\n", open);
    }
}


static int
drained(void)
{
    size_t     off;
    uint32_t   i, k, n;
    wh_ref_t   ref;
    wh_view_t  v;

    n = 0;

    for (i = 1; i <= SLOTS; i++) {
        k = journal.slots[i].state;

        if (k == WH_SLOT_LIVE || k == WH_SLOT_LEAVING) {
            n++;

            if (shared->held[i] || journal.slots[i].pending) {
                return 0;
            }
        }
    }

    if (n != WORKERS) {
        return 0;       /* not buried, or not begun yet */
    }

    for (i = 0; i < journal.nsegs; i++) {

        if (journal.segs[i].closed
            && journal.segs[i].closed != journal.segs[i].tail)
        {
            return 0;
        }

        off = 0;

        while (wh_journal_walk(&journal, i, &off, &ref) == WH_OK) {
            n = wh_journal_count(&journal, &ref);

            for (k = 0; k < n; k++) {
                if (wh_journal_view(&journal, &ref, k, &v) == WH_OK
                    && wh_word_state(wh_word_read(v.word)) == WH_WORD_OPEN)
                {
                    return 0;
                }
            }
        }
    }

    for (i = 0; i < SHARDS; i++) {
        if (wh_shard_owner(wh_shard_read(&journal, i)) != 0) {
            return 0;
        }
    }

    return 1;
}


static void
check(const char *name, int disturb)
{
    line_t    *p, *q;
    uint32_t  *last, *first, i, k, line, nlines, nevents, sent, ended, fence,
               count[6];

    enum { LOST, TWICE, SAME_OWNER, ENDED_TWICE, NOT_ENDED, STALE };

    nlines = (uint32_t) shared->nlines;
    nevents = (uint32_t) shared->nevents;

    last = calloc(PER_RECORD * EVENTS, sizeof(uint32_t));
    first = calloc(PER_RECORD * EVENTS, sizeof(uint32_t));
    memset(count, 0, sizeof(count));

    /* lines from 1 on: 0 is none; a line may be empty if its author died */

    for (line = 1; line <= nlines; line++) {
        p = &shared->lines[line - 1];

        if (p->what == 0) {
            continue;
        }

        i = p->event * PER_RECORD + p->index;

        p->prev = last[i];
        last[i] = line;

        if (p->what == SENT && first[i] == 0) {
            first[i] = line;
        }
    }

    for (i = 0; i < nevents; i++) {
        for (k = 0; k < shared->events[i].n; k++) {

            sent = 0;
            ended = 0;
            fence = 0;

            for (line = last[i * PER_RECORD + k]; line; line = p->prev) {
                p = &shared->lines[line - 1];

                if (p->what == ENDED) {
                    ended++;
                    fence = p->fence;
                    continue;
                }

                sent++;

                for (q = p; q->prev; /* void */ ) {
                    q = &shared->lines[q->prev - 1];

                    if (q->what == SENT && q->fence == p->fence) {
                        count[SAME_OWNER]++;
                    }
                }
            }

            for (line = last[i * PER_RECORD + k]; line; line = p->prev) {
                p = &shared->lines[line - 1];

                if (ended && p->what == SENT && p->fence > fence) {
                    count[STALE]++;
                }
            }

            count[LOST] += (shared->events[i].end && sent == 0);
            count[TWICE] += sent > 1;
            count[ENDED_TWICE] += ended > 1;
            count[NOT_ENDED] += sent && ended == 0;
        }
    }

    printf("# %s: %u events, %u lines, %u deliveries sent again\n", name,
           nevents, nlines, count[TWICE]);

    is_int(count[LOST], 0, "%s: nothing is lost", name);
    is_int(count[SAME_OWNER], 0, "%s: an owner sends once", name);
    is_int(count[ENDED_TWICE], 0, "%s: nothing ends twice", name);
    is_int(count[STALE], 0, "%s: who sends last ends it", name);

    if (!disturb) {
        is_int(count[TWICE], 0, "%s: nothing is sent twice", name);
        is_int(count[NOT_ENDED], 0, "%s: everything ends", name);
        is_int((int64_t) journal.head->damaged, 0, "%s: nothing is damaged",
               name);
    }

    is_int((int64_t) shared->errors, 0, "%s: no error in a worker", name);

    check_order(name, first);

    free(first);
    free(last);
}


/* an event begun after another one of its lane was complete is sent later */

static void
check_order(const char *name, const uint32_t *first)
{
    line_t    *p;
    event_t   *e;
    uint32_t   line, wrong;
    uint64_t   latest[LANES];

    memset(latest, 0, sizeof(latest));
    wrong = 0;

    for (line = 1; line <= shared->nlines; line++) {
        p = &shared->lines[line - 1];

        if (p->what != SENT
            || first[p->event * PER_RECORD + p->index] != line)
        {
            continue;
        }

        e = &shared->events[p->event];

        if (e->end && e->end < latest[e->lane[p->index]]) {
            wrong++;
        }

        if (e->begin > latest[e->lane[p->index]]) {
            latest[e->lane[p->index]] = e->begin;
        }
    }

    is_int(wrong, 0, "%s: events are first sent in order", name);
}
