
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <zlib.h>

#include "wh_claim.h"


#define WH_CLAIM_STATES        3      /* a mask */

#define wh_claim_word(o, s)    ((o) << 2 | (uint64_t) (s))
#define wh_claim_state(w)      ((unsigned) ((w) & WH_CLAIM_STATES))
#define wh_claim_owner(w)      ((w) >> 2)

/* an owner: number and slot */

#define wh_claim_id(n, slot)   ((n) << 8 | (slot))
#define wh_claim_slot(o)       ((unsigned) ((o) & (WH_CLAIM_SLOTS - 1)))

#define wh_load(p)             __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define wh_store(p, v)         __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define wh_cas(p, o, n)                                                       \
    __atomic_compare_exchange_n(p, o, n, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)


static const char  wh_claim_magic[8] = { 'w', 'h', 'c', 'l', 'a', 'i', 'm',
                                         's' };


static uint32_t wh_claim_crc(const wh_claim_head_t *head);
static wh_claim_bucket_t *wh_claim_bucket(const wh_claim_t *c,
    const uint64_t key[2]);
static int wh_claim_lock(wh_claim_t *c, wh_claim_bucket_t *b, unsigned *n);
static int wh_claim_dead(wh_claim_t *c, uint64_t owner, int ask);
static wh_claim_entry_t *wh_claim_find(wh_claim_bucket_t *b,
    const uint64_t key[2], uint64_t *word);
static int wh_claim_try(wh_claim_t *c, wh_claim_bucket_t *b,
    const uint64_t key[2], uint64_t now, int last, wh_claim_entry_t **entry);
static wh_claim_entry_t *wh_claim_room(wh_claim_t *c, wh_claim_bucket_t *b,
    uint64_t now);
static int wh_claim_holds(wh_claim_entry_t *e, uint64_t now);
static void wh_claim_put(wh_claim_entry_t *e, const uint64_t key[2],
    uint64_t until, uint64_t time, uint64_t word);


size_t
wh_claim_size(size_t size)
{
    if (size < WH_CLAIM_SIZE_MIN) {
        size = WH_CLAIM_SIZE_MIN;
    }

    return size - size % sizeof(wh_claim_bucket_t);
}


void
wh_claim_format(void *base, size_t size, uint64_t salt)
{
    wh_claim_head_t  *head;

    head = base;

    head->version = WH_CLAIM_VERSION;
    head->nbuckets = (size - WH_CLAIM_HEAD) / sizeof(wh_claim_bucket_t);
    head->salt = salt;
    head->crc = wh_claim_crc(head);

    memcpy(head->magic, wh_claim_magic, sizeof(wh_claim_magic));
}


int
wh_claim_attach(wh_claim_t *c, void *base, size_t size)
{
    wh_claim_head_t  *head;

    if (size < WH_CLAIM_SIZE_MIN) {
        return WH_ERROR;
    }

    head = base;

    if (memcmp(head->magic, wh_claim_magic, sizeof(wh_claim_magic)) != 0) {
        return WH_ERROR;
    }

    if (head->version != WH_CLAIM_VERSION) {
        return WH_LOST;
    }

    if (head->crc != wh_claim_crc(head)
        || head->nbuckets == 0
        || head->nbuckets
           != (size - WH_CLAIM_HEAD) / sizeof(wh_claim_bucket_t))
    {
        return WH_ERROR;
    }

    c->head = head;
    c->buckets = (wh_claim_bucket_t *) ((char *) base + WH_CLAIM_HEAD);
    c->nbuckets = head->nbuckets;
    c->owner = 0;

    return WH_OK;
}


static uint32_t
wh_claim_crc(const wh_claim_head_t *head)
{
    uLong  crc;

    crc = crc32_z(0, (const Bytef *) &head->version, sizeof(uint32_t));
    crc = crc32_z(crc, (const Bytef *) &head->nbuckets, sizeof(uint64_t));
    crc = crc32_z(crc, (const Bytef *) &head->salt, sizeof(uint64_t));

    return (uint32_t) crc;
}


size_t
wh_claim_cold_start(wh_claim_t *c, wh_str_t boot, uint64_t now)
{
    int                same;
    char               id[WH_CLAIM_BOOT];
    size_t             voided;
    uint64_t           i, newest;
    unsigned           k;
    wh_claim_entry_t  *e;

    memset(id, 0, WH_CLAIM_BOOT);

    if (boot.len) {
        memcpy(id, boot.data, boot.len < WH_CLAIM_BOOT ? boot.len
                                                       : WH_CLAIM_BOOT);
    }

    same = (boot.len && memcmp(c->head->boot, id, WH_CLAIM_BOOT) == 0);
    newest = 0;
    voided = 0;

    for (i = 0; i < c->nbuckets; i++) {

        c->buckets[i].lock = 0;

        for (k = 0; k < WH_CLAIM_WAYS; k++) {
            e = &c->buckets[i].entries[k];

            if (wh_claim_state(e->word) != WH_CLAIM_CLOSED) {
                e->word = WH_CLAIM_VOID;
                continue;
            }

            /* of a future there is no telling what is recent in it */

            if (!same && e->time > now) {
                e->word = WH_CLAIM_VOID;
                voided++;
                continue;
            }

            if (e->time > newest) {
                newest = e->time;
            }
        }
    }

    for (i = 0; !same && i < c->nbuckets; i++) {

        for (k = 0; k < WH_CLAIM_WAYS; k++) {
            e = &c->buckets[i].entries[k];

            if (e->word != WH_CLAIM_VOID
                && newest - e->time <= WH_CLAIM_RECENT)
            {
                e->word = WH_CLAIM_VOID;
                voided++;
            }
        }
    }

    memset(c->head->owners, 0, sizeof(c->head->owners));
    memcpy(c->head->boot, id, WH_CLAIM_BOOT);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    return voided;
}


size_t
wh_claim_copy(wh_claim_t *to, wh_claim_t *from, uint64_t now)
{
    size_t             n;
    uint64_t           i;
    unsigned           k;
    wh_claim_entry_t  *e, *room;

    n = 0;

    for (i = 0; i < from->nbuckets; i++) {

        for (k = 0; k < WH_CLAIM_WAYS; k++) {
            e = &from->buckets[i].entries[k];

            if (wh_claim_state(e->word) != WH_CLAIM_CLOSED
                || !wh_claim_holds(e, now))
            {
                continue;
            }

            room = wh_claim_room(to, wh_claim_bucket(to, e->key), now);

            if (room->word != WH_CLAIM_VOID) {

                if (room->time >= e->time) {
                    continue;
                }

                n--;
            }

            wh_claim_put(room, e->key, e->until, e->time, WH_CLAIM_CLOSED);
            n++;
        }
    }

    to->head->last = from->head->last;
    memcpy(to->head->boot, from->head->boot, WH_CLAIM_BOOT);

    return n;
}


void
wh_claim_enter(wh_claim_t *c, unsigned slot)
{
    uint64_t  n;

    n = __atomic_add_fetch(&c->head->last, 1, __ATOMIC_ACQ_REL);

    /* what of it fits into an entry's word */

    c->owner = wh_claim_id(n, slot) & (UINT64_MAX >> 2);

    __atomic_store_n(&c->head->owners[slot], c->owner, __ATOMIC_SEQ_CST);
}


int
wh_claim_take(wh_claim_t *c, const uint64_t key[2], uint64_t until,
    uint64_t now, wh_claim_entry_t **entry)
{
    int                 rc, last;
    unsigned            n;
    wh_claim_bucket_t  *b;

    b = wh_claim_bucket(c, key);
    n = 0;
    last = 0;

    if (until > now && until - now > WH_CLAIM_MAX) {
        until = now + WH_CLAIM_MAX;
    }

    for ( ;; ) {

        if (wh_claim_lock(c, b, &n) != WH_OK) {
            return WH_FULL;
        }

        rc = wh_claim_try(c, b, key, now, last, entry);

        if (rc == WH_OK) {
            wh_claim_put(*entry, key, until, now,
                         wh_claim_word(c->owner, WH_CLAIM_OPEN));
        }

        wh_store(&b->lock, 0);

        if (rc != WH_LOST) {
            return rc;
        }

        if (last) {
            return WH_FULL;
        }

        /* the record of another one is about to be appended */

        last = !c->pause(c->ctx, n++);
    }
}


/* the entry to be written; WH_LOST: another one is OPEN */

static int
wh_claim_try(wh_claim_t *c, wh_claim_bucket_t *b, const uint64_t key[2],
    uint64_t now, int last, wh_claim_entry_t **entry)
{
    uint64_t           word;
    wh_claim_entry_t  *e;

    e = wh_claim_find(b, key, &word);

    if (e == NULL) {
        *entry = wh_claim_room(c, b, now);

        return *entry ? WH_OK : WH_FULL;
    }

    *entry = e;

    if (wh_claim_state(word) == WH_CLAIM_CLOSED) {
        return wh_claim_holds(e, now) ? WH_AGAIN : WH_OK;
    }

    if (wh_claim_owner(word) == c->owner) {
        return WH_AGAIN;
    }

    /* it may have been closed just before the end of its owner */

    if (wh_claim_dead(c, wh_claim_owner(word), last)
        && wh_load(&e->word) == word)
    {
        return WH_OK;
    }

    return WH_LOST;
}


int
wh_claim_held(wh_claim_t *c, const uint64_t key[2], uint64_t now)
{
    int                 held;
    unsigned            n;
    uint64_t            word;
    wh_claim_entry_t   *e;
    wh_claim_bucket_t  *b;

    b = wh_claim_bucket(c, key);
    n = 0;

    if (wh_claim_lock(c, b, &n) != WH_OK) {
        return 0;
    }

    held = 0;
    e = wh_claim_find(b, key, &word);

    if (e) {
        held = wh_claim_state(word) == WH_CLAIM_CLOSED
                   ? wh_claim_holds(e, now)
                   : wh_claim_owner(word) == c->owner;
    }

    wh_store(&b->lock, 0);

    return held;
}


void
wh_claim_end(wh_claim_entry_t *entry, int committed)
{
    wh_store(&entry->word, committed ? WH_CLAIM_CLOSED : WH_CLAIM_VOID);
}


static wh_claim_bucket_t *
wh_claim_bucket(const wh_claim_t *c, const uint64_t key[2])
{
    uint64_t  h;

    h = key[0] ^ c->head->salt;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h += key[1];
    h *= 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 33;

    return &c->buckets[h % c->nbuckets];
}


static int
wh_claim_lock(wh_claim_t *c, wh_claim_bucket_t *b, unsigned *n)
{
    uint64_t  owner;

    for ( ;; ) {

        owner = 0;

        if (wh_cas(&b->lock, &owner, c->owner)) {
            return WH_OK;
        }

        if (c->pause(c->ctx, (*n)++)) {
            continue;
        }

        /* not again the value that it has now: nobody is an owner twice */

        if (wh_claim_dead(c, owner, 1)
            && wh_cas(&b->lock, &owner, c->owner))
        {
            return WH_OK;
        }

        return WH_FULL;
    }
}


/* that another one has the slot tells at once, else the kernel is asked */

static int
wh_claim_dead(wh_claim_t *c, uint64_t owner, int ask)
{
    unsigned  slot;

    slot = wh_claim_slot(owner);

    if (__atomic_load_n(&c->head->owners[slot], __ATOMIC_SEQ_CST) != owner) {
        return 1;
    }

    return ask && owner != c->owner && !c->alive(c->ctx, slot);
}


static wh_claim_entry_t *
wh_claim_find(wh_claim_bucket_t *b, const uint64_t key[2], uint64_t *word)
{
    unsigned           i;
    wh_claim_entry_t  *e;

    for (i = 0; i < WH_CLAIM_WAYS; i++) {
        e = &b->entries[i];

        if (e->key[0] != key[0] || e->key[1] != key[1]) {
            continue;
        }

        *word = wh_load(&e->word);

        if (wh_claim_state(*word) == WH_CLAIM_OPEN
            || wh_claim_state(*word) == WH_CLAIM_CLOSED)
        {
            return e;
        }
    }

    return NULL;
}


/* what is void or over, else the oldest; NULL: all are OPEN */

static wh_claim_entry_t *
wh_claim_room(wh_claim_t *c, wh_claim_bucket_t *b, uint64_t now)
{
    int                ask;
    uint64_t           word;
    unsigned           i;
    wh_claim_entry_t  *e, *oldest;

    oldest = NULL;

    for (ask = 0; ask < 2; ask++) {

        for (i = 0; i < WH_CLAIM_WAYS; i++) {
            e = &b->entries[i];
            word = wh_load(&e->word);

            switch (wh_claim_state(word)) {

            case WH_CLAIM_CLOSED:
                if (!wh_claim_holds(e, now)) {
                    return e;
                }

                if (oldest == NULL || e->time < oldest->time) {
                    oldest = e;
                }

                break;

            case WH_CLAIM_OPEN:
                if (wh_claim_dead(c, wh_claim_owner(word), ask)
                    && wh_load(&e->word) == word)
                {
                    return e;
                }

                break;

            default:
                return e;
            }
        }
    }

    return oldest;
}


static int
wh_claim_holds(wh_claim_entry_t *e, uint64_t now)
{
    uint64_t  len;

    if (e->until <= now || e->until <= e->time) {
        return 0;
    }

    len = e->until - e->time;

    if (len > WH_CLAIM_MAX) {
        return 0;
    }

    if (e->time > now && e->time - now > WH_CLAIM_SKEW) {

        /* in this order: should it be cut short, the claim is over */

        wh_store(&e->until, now + len);
        wh_store(&e->time, now);
    }

    return 1;
}


static void
wh_claim_put(wh_claim_entry_t *e, const uint64_t key[2], uint64_t until,
    uint64_t time, uint64_t word)
{
    wh_store(&e->word, WH_CLAIM_VOID);
    __atomic_thread_fence(__ATOMIC_RELEASE);

    e->key[0] = key[0];
    e->key[1] = key[1];
    e->until = until;
    e->time = time;

    wh_store(&e->word, word);
}
