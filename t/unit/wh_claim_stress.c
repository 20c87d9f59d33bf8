
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
#include "wh_claim.h"


/*
 * Processes that take the same keys while a parent kills, stops and continues
 * them.  Processes and not threads: only these can be killed at any
 * instruction, with a lock held or an entry half written.
 *
 * An event is a line in a shared log: its number is taken and it is written
 * between the taking of a claim and its end, as a record is appended.
 * Afterwards the parent tells from it
 *
 *     that of the same key, after a claim that was ended, nobody has won
 *         before its time was over, whatever happened to others,
 *     that undisturbed nobody has gone on without a claim,
 *     that when all are dead each key can be taken.
 *
 * WH_SEED and WH_SECONDS may be set in the environment.
 */


#define WORKERS     4
#define BUCKETS     3
#define KEYS        24
#define LENGTH      2       /* ms, of a claim */
#define LINES       (1 << 21)
#define SIZE        WH_CLAIM_SIZE_MIN


typedef enum {
    NONE = 0,
    CLAIMED,
    WITHOUT
} how_e;


typedef struct {
    uint64_t     now;       /* as the process believed */
    uint64_t     time;      /* with the claim taken */
    uint32_t     key;
    uint16_t     how;
    uint16_t     ended;
} line_t;


typedef struct {
    uint64_t     nlines;
    uint64_t     taken;
    uint64_t     held;
    uint64_t     full;
    uint32_t     quiet;
    uint32_t     chaos;
    uint32_t     pauses;    /* 0: as long as it takes */
    uint64_t     keys[KEYS][2];
    line_t       lines[LINES];
} shared_t;


static void run(const char *name, double seconds, int disturb);
static void disturbing(uint64_t until);
static void spawn(unsigned i);
static void worker(unsigned slot);
static void event(wh_claim_t *c);
static void chaos(void);
static void abandon(wh_claim_t *c, uint64_t now);
static void append(how_e how, uint32_t key, uint64_t now,
    wh_claim_entry_t *entry);
static void check(const char *name, int disturb);
static void attach(wh_claim_t *c, unsigned slot);
static void find_keys(void);
static int alive(void *ctx, unsigned slot);
static int spin(void *ctx, unsigned n);
static int lock(unsigned slot, short type, int cmd);
static uint64_t msec(void);
static uint32_t rnd(uint32_t n);


static void      *base;
static shared_t  *shared;
static pid_t      pids[WORKERS];
static int        stopped[WORKERS];
static int        lock_fd;
static char       path[] = "/tmp/wh_claim_stress.XXXXXX";
static uint64_t   state;


int
main(void)
{
    char    *value;
    double   seconds;

    value = getenv("WH_SECONDS");
    seconds = value ? atof(value) : 2;

    value = getenv("WH_SEED");
    state = value ? strtoull(value, NULL, 10) : (uint64_t) time(NULL);

    printf("# WH_SEED=%llu\n", (unsigned long long) state);
    state = state * 2 + 1;

    lock_fd = mkstemp(path);

    base = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS,
                -1, 0);
    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (lock_fd == -1 || base == MAP_FAILED || shared == MAP_FAILED) {
        printf("Bail out! no file or no memory\n");
        return 2;
    }

    wh_claim_format(base, SIZE, 1);
    find_keys();

    run("undisturbed", seconds / 2, 0);
    run("killed and stopped", seconds, 1);

    (void) unlink(path);

    return done_testing();
}


static void
run(const char *name, double seconds, int disturb)
{
    int                blocked;
    unsigned           i;
    uint64_t           until, now;
    wh_claim_t         c;
    wh_claim_entry_t  *entry;

    memset(shared->lines, 0, shared->nlines * sizeof(line_t));
    shared->nlines = 0;
    shared->taken = 0;
    shared->held = 0;
    shared->full = 0;
    shared->quiet = 0;
    shared->chaos = (uint32_t) disturb;
    shared->pauses = disturb ? 100 : 0;

    for (i = 0; i < WORKERS; i++) {
        spawn(i);
    }

    until = msec() + (uint64_t) (seconds * 1000);

    if (disturb) {
        disturbing(until);

        for (i = 0; i < WORKERS; i++) {
            (void) kill(pids[i], SIGKILL);
        }

    } else {

        while (msec() < until) {
            (void) usleep(10000);
        }

        shared->quiet = 1;
    }

    for (i = 0; i < WORKERS; i++) {
        (void) waitpid(pids[i], NULL, 0);
    }

    check(name, disturb);

    /* they have left what they had */

    attach(&c, WORKERS + 1);
    now = msec() + LENGTH;
    shared->pauses = 1;
    blocked = 0;

    for (i = 0; i < KEYS; i++) {

        if (wh_claim_take(&c, shared->keys[i], now + LENGTH, now, &entry)
            != WH_OK)
        {
            blocked++;
            continue;
        }

        wh_claim_end(entry, 1);
    }

    is_int(blocked, 0, "%s: in the end no key is blocked", name);

    (void) lock(WORKERS + 1, F_UNLCK, F_OFD_SETLK);
}


static void
disturbing(uint64_t until)
{
    unsigned  i;

    while (msec() < until) {
        (void) usleep(rnd(2000));

        i = rnd(WORKERS);

        if (stopped[i]) {

            if (rnd(4) == 0) {
                stopped[i] = 0;
                (void) kill(pids[i], rnd(2) ? SIGCONT : SIGKILL);
            }

            continue;
        }

        switch (rnd(4)) {

        case 0:
            (void) kill(pids[i], SIGSTOP);
            stopped[i] = 1;
            break;

        case 1:
            (void) usleep(rnd(500));
            break;

        default:
            (void) kill(pids[i], SIGKILL);
        }

        for (i = 0; i < WORKERS; i++) {
            if (waitpid(pids[i], NULL, WNOHANG) == pids[i]) {
                spawn(i);
            }
        }
    }

    memset(stopped, 0, sizeof(stopped));
}


static void
spawn(unsigned i)
{
    uint64_t  seed;

    seed = state + rnd(UINT32_MAX);

    (void) fflush(stdout);

    pids[i] = fork();

    if (pids[i] == 0) {
        state = seed * 2 + 1;
        worker(i + 1);
        _exit(0);
    }
}


static void
worker(unsigned slot)
{
    wh_claim_t  c;

    attach(&c, slot);

    while (!__atomic_load_n(&shared->quiet, __ATOMIC_RELAXED)) {
        event(&c);
    }
}


static void
event(wh_claim_t *c)
{
    uint32_t           key;
    uint64_t           now;
    wh_claim_entry_t  *entry;

    key = rnd(KEYS);

    now = msec();

    if (shared->chaos && rnd(5000) == 0) {
        abandon(c, now);
    }

    if (rnd(4) == 0 && wh_claim_held(c, shared->keys[key], now)) {
        return;
    }

    switch (wh_claim_take(c, shared->keys[key], now + LENGTH, now, &entry)) {

    case WH_OK:

        if (rnd(10) == 0) {
            wh_claim_end(entry, 0);
            break;
        }

        chaos();
        append(CLAIMED, key, now, entry);
        (void) __atomic_add_fetch(&shared->taken, 1, __ATOMIC_RELAXED);
        break;

    case WH_AGAIN:
        (void) __atomic_add_fetch(&shared->held, 1, __ATOMIC_RELAXED);
        break;

    default:
        append(WITHOUT, key, now, NULL);
        (void) __atomic_add_fetch(&shared->full, 1, __ATOMIC_RELAXED);
    }
}


static void
append(how_e how, uint32_t key, uint64_t now, wh_claim_entry_t *entry)
{
    line_t    *line;
    uint64_t   n;

    n = __atomic_fetch_add(&shared->nlines, 1, __ATOMIC_SEQ_CST);

    if (n >= LINES) {
        __atomic_store_n(&shared->quiet, 1, __ATOMIC_RELAXED);
        (void) __atomic_fetch_sub(&shared->nlines, 1, __ATOMIC_SEQ_CST);

        if (entry) {
            wh_claim_end(entry, 1);
        }

        return;
    }

    line = &shared->lines[n];

    line->now = now;
    line->time = msec();
    line->key = key;
    line->how = (uint16_t) how;

    if (entry) {
        chaos();
        wh_claim_end(entry, 1);
        line->ended = 1;
    }
}


/* the parent's blows hardly ever meet the short moments that matter */

static void
chaos(void)
{
    if (shared->chaos && rnd(100) == 0) {
        (void) raise(rnd(2) ? SIGSTOP : SIGKILL);
    }
}


/* as wh_claim.c would be left by a process that got so far */

static void
abandon(wh_claim_t *c, uint64_t now)
{
    uint64_t            none;
    unsigned            step;
    wh_claim_entry_t   *e;
    wh_claim_bucket_t  *b;

    b = &c->buckets[rnd(BUCKETS) * 10];
    e = &b->entries[rnd(WH_CLAIM_WAYS)];
    none = 0;

    if (!__atomic_compare_exchange_n(&b->lock, &none, c->owner, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        return;
    }

    step = rnd(4);

    if (step && (__atomic_load_n(&e->word, __ATOMIC_ACQUIRE) & 3)
                != WH_CLAIM_OPEN
        && e->until <= now)
    {
        __atomic_store_n(&e->word, WH_CLAIM_VOID, __ATOMIC_RELEASE);

        if (step > 1) {
            e->key[0] = shared->keys[rnd(KEYS)][0];
        }

        if (step > 2) {
            e->key[1] = shared->keys[rnd(KEYS)][1];
            e->until = UINT64_MAX;
        }
    }

    (void) raise(rnd(2) ? SIGSTOP : SIGKILL);

    __atomic_store_n(&b->lock, 0, __ATOMIC_RELEASE);
}


static void
check(const char *name, int disturb)
{
    line_t    *line;
    uint64_t   i, until[KEYS];
    unsigned   early, open, without;

    memset(until, 0, sizeof(until));

    early = 0;
    open = 0;
    without = 0;

    for (i = 0; i < shared->nlines; i++) {
        line = &shared->lines[i];

        if (line->how == NONE) {
            continue;
        }

        if (line->how == WITHOUT) {
            without++;
            continue;
        }

        if (line->time < until[line->key]) {
            early++;
        }

        if (line->ended) {
            until[line->key] = line->now + LENGTH;

        } else {
            open++;
        }
    }

    printf("# %s: %llu events, %u without a claim, %u claims not ended, %llu "
           "times held\n", name, (unsigned long long) shared->nlines, without,
           open, (unsigned long long) shared->held);

    ok(shared->taken > 100 && shared->held > 100, "%s: there were enough",
       name);
    is_int(early, 0, "%s: one winner until its time is over", name);

    if (!disturb) {
        is_int(without, 0, "%s: nobody goes on without", name);
        is_int(open, 0, "%s: all claims are ended", name);
    }
}


static void
attach(wh_claim_t *c, unsigned slot)
{
    /* a description of its own, so a lock of its own */

    lock_fd = open(path, O_RDWR);

    memset(c, 0, sizeof(wh_claim_t));

    if (lock_fd == -1 || lock(slot, F_WRLCK, F_OFD_SETLK) != 0
        || wh_claim_attach(c, base, SIZE) != WH_OK)
    {
        printf("Bail out! cannot attach: %s\n", strerror(errno));
        exit(2);
    }

    c->alive = alive;
    c->pause = spin;

    wh_claim_enter(c, slot);
}


/* keys that share few buckets, which never are full */

static void
find_keys(void)
{
    uint64_t            key[2];
    unsigned            i, n, used[BUCKETS];
    wh_claim_t          c;
    wh_claim_entry_t   *entry;
    wh_claim_bucket_t  *b;

    attach(&c, WORKERS + 1);

    memset(used, 0, sizeof(used));
    key[1] = 0;
    n = 0;

    for (key[0] = 1; n < KEYS; key[0]++) {

        if (wh_claim_take(&c, key, 2, 1, &entry) != WH_OK) {
            continue;
        }

        wh_claim_end(entry, 0);

        for (i = 0; i < BUCKETS; i++) {
            b = &c.buckets[i * 10];

            if ((char *) entry >= (char *) b
                && (char *) entry < (char *) (b + 1)
                && used[i] < KEYS / BUCKETS)
            {
                used[i]++;
                memcpy(shared->keys[n++], key, sizeof(key));
            }
        }
    }

    (void) lock(WORKERS + 1, F_UNLCK, F_OFD_SETLK);
}


static int
alive(void *ctx, unsigned slot)
{
    (void) ctx;

    return lock(slot, F_WRLCK, F_OFD_GETLK);
}


static int
spin(void *ctx, unsigned n)
{
    (void) ctx;

    if (n % 16 == 15) {
        (void) sched_yield();
    }

    return shared->pauses == 0 || n < shared->pauses;
}


static int
lock(unsigned slot, short type, int cmd)
{
    struct flock  fl;

    memset(&fl, 0, sizeof(struct flock));
    fl.l_type = type;
    fl.l_whence = SEEK_SET;
    fl.l_start = slot;
    fl.l_len = 1;

    if (fcntl(lock_fd, cmd, &fl) == -1) {
        return -1;
    }

    return cmd == F_OFD_GETLK && fl.l_type != F_UNLCK;
}


static uint64_t
msec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static uint32_t
rnd(uint32_t n)
{
    /* xorshift64 */

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;

    return (uint32_t) (state >> 32) % n;
}
