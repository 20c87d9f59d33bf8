
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A worker's place among the others: its slot and its lock, wake-ups, the
 * tick that finds the dead and the stopped, and the way out.
 */


#include "ngx_http_webhook_local.h"
#include "ngx_http_webhook_meter.h"

#include <ngx_channel.h>


#define NGX_HTTP_WEBHOOK_ADOPT  64     /* shards at a time */
#define NGX_HTTP_WEBHOOK_SWEEP  120    /* ticks */
#define NGX_HTTP_WEBHOOK_NAMES  6      /* ticks until all has been moved */


static ngx_int_t ngx_http_webhook_worker_map(ngx_http_webhook_store_t *st);
static ngx_int_t ngx_http_webhook_worker_slot(ngx_http_webhook_store_t *st);
static ngx_int_t ngx_http_webhook_worker_fifo(ngx_http_webhook_store_t *st,
    ngx_cycle_t *cycle);
static void ngx_http_webhook_worker_fifo_handler(ngx_event_t *ev);
static void ngx_http_webhook_worker_tick_handler(ngx_event_t *ev);
static void ngx_http_webhook_worker_tick(ngx_event_t *ev);
static void ngx_http_webhook_worker_others(ngx_http_webhook_store_t *st);
static void ngx_http_webhook_worker_other(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_worker_bury(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_worker_bury_handler(ngx_event_t *ev);
static void ngx_http_webhook_worker_free(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_worker_stalled(ngx_http_webhook_store_t *st,
    unsigned slot);
static void ngx_http_webhook_worker_leave(ngx_http_webhook_store_t *st);


ngx_int_t
ngx_http_webhook_store_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_driver_t *driver)
{
    u_char                          path[NGX_MAX_PATH];
    unsigned                        slot;
    ngx_http_webhook_store_t       *st;
    ngx_http_webhook_store_conf_t  *sc;

    sc = wmcf->store;

    st = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_store_t));
    if (st == NULL) {
        return NGX_ERROR;
    }

    st->wmcf = wmcf;
    st->conf = sc;
    st->driver = driver;
    st->log = wmcf->worker->log;
    st->fifo = NGX_INVALID_FILE;

    for (slot = 0; slot < WH_SLOTS; slot++) {
        st->wakes[slot] = NGX_INVALID_FILE;
    }

    if (ngx_process == NGX_PROCESS_WORKER) {
        ngx_http_webhook_store_drop_master(wmcf);
    }

    ngx_snprintf(path, NGX_MAX_PATH, "%V/lock%Z", &sc->path);

    st->lock = open((const char *) path, O_RDWR|O_CLOEXEC);

    if (st->lock == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ALERT, st->log, ngx_errno,
                      "open() \"%s\" failed", path);
        return NGX_ERROR;
    }

    ngx_http_webhook_claims_open(st);

    if (ngx_http_webhook_worker_map(st) != NGX_OK
        || ngx_http_webhook_worker_slot(st) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_webhook_lanes_init(st);
    ngx_http_webhook_backlog_init(st);

    for (slot = 1; slot < WH_SLOTS; slot++) {
        wh_cursor_init(&st->journal, slot, &st->cursors[slot]);
    }

    st->warehouse.size = sc->size;
    st->warehouse.lock = st->lock;
    st->warehouse.slot = st->slot;
    st->warehouse.journal = &st->journal;
    st->warehouse.dead_count = sc->dead_count;
    st->warehouse.dead_time = sc->dead_time;
    st->warehouse.history_count = wmcf->history.count;
    st->warehouse.history_time = wmcf->history.age;
    st->warehouse.history_size = wmcf->history.size ? wmcf->history.size
                                                    : sc->size / 16;
    st->warehouse.log = st->log;

    if (ngx_http_webhook_warehouse_open(&st->warehouse, sc->path.data)
        != NGX_OK
        || ngx_http_webhook_turn_init(st) != NGX_OK
        || ngx_http_webhook_flush_init(st) != NGX_OK
        || ngx_http_webhook_worker_fifo(st, cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    st->drive.handler = ngx_http_webhook_drive_handler;
    st->drive.data = st;
    st->drive.log = st->log;

    st->soon.handler = ngx_http_webhook_soon_handler;
    st->soon.data = st;
    st->soon.log = st->log;

    st->tick.handler = ngx_http_webhook_worker_tick_handler;
    st->tick.data = st;
    st->tick.log = st->log;
    st->tick.cancelable = 1;

    st->bury.handler = ngx_http_webhook_worker_bury_handler;
    st->bury.data = st;
    st->bury.log = st->log;
    st->bury.cancelable = 1;

    st->orphans = 1;

    wmcf->worker->store = st;

    ngx_add_timer(&st->tick, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_worker_map(ngx_http_webhook_store_t *st)
{
    u_char           path[NGX_MAX_PATH];
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    ngx_snprintf(path, NGX_MAX_PATH, "%V/journal%Z", &st->conf->path);

    fd = ngx_open_file(path, NGX_FILE_RDWR, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, st->log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", path);
        return NGX_ERROR;
    }

    st->map_size = (size_t) ngx_file_size(&fi);
    st->map = mmap(NULL, st->map_size, PROT_READ|PROT_WRITE, MAP_SHARED, fd,
                   0);

    ngx_close_file(fd);

    if (st->map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, st->log, ngx_errno,
                      "mmap(\"%s\", %uz) failed", path, st->map_size);
        return NGX_ERROR;
    }

    if (wh_journal_attach(&st->journal, st->map, st->map_size) != WH_OK) {
        ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                      "\"%s\" cannot be used", path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_worker_slot(ngx_http_webhook_store_t *st)
{
    uint64_t    last;
    unsigned    i;
    wh_slot_t  *slot;

    for (i = 1; i < WH_SLOTS; i++) {

        slot = &st->journal.slots[i];

        if (slot->state != WH_SLOT_FREE
            || ngx_http_webhook_lease_try(st->lock, i) != NGX_OK)
        {
            continue;
        }

        if (slot->state == WH_SLOT_FREE) {
            break;
        }

        ngx_http_webhook_lease_drop(st->lock, i);
    }

    if (i == WH_SLOTS) {
        ngx_log_error(NGX_LOG_ALERT, st->log, 0,
                      "webhook_store \"%V\": more than %d worker processes",
                      &st->conf->path, WH_SLOTS - 1);
        return NGX_ERROR;
    }

    st->slot = i;
    slot = &st->journal.slots[i];

    slot->pid = (uint32_t) ngx_pid;
    slot->beat = ngx_current_msec;
    slot->deadline = ngx_current_msec;
    slot->reserved = 0;
    slot->pending = 0;
    slot->gate = 0;
    slot->wake = 0;
    slot->news = 0;

    ngx_http_webhook_claims_enter(st, i);

    __atomic_store_n(&slot->state, WH_SLOT_LIVE, __ATOMIC_SEQ_CST);

    do {
        last = st->journal.head->last_slot;

    } while (last < i
             && !__sync_bool_compare_and_swap(&st->journal.head->last_slot,
                                              last, i));

    st->writer.j = &st->journal;
    st->writer.slot = i;
    st->writer.seg = -1;

    ngx_log_error(NGX_LOG_INFO, st->log, 0, "webhook worker in slot %ui",
                  (ngx_uint_t) i);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_worker_fifo(ngx_http_webhook_store_t *st,
    ngx_cycle_t *cycle)
{
    u_char  path[NGX_MAX_PATH];

    ngx_snprintf(path, NGX_MAX_PATH, "%V/wake.%ui%Z", &st->conf->path,
                 (ngx_uint_t) st->slot);

    if (mkfifo((const char *) path, 0600) == -1 && ngx_errno != NGX_EEXIST) {
        ngx_log_error(NGX_LOG_ALERT, st->log, ngx_errno,
                      "mkfifo() \"%s\" failed", path);
        return NGX_ERROR;
    }

    /* for writing, too: or it would be at its end without a writer */

    st->fifo = open((const char *) path, O_RDWR|O_NONBLOCK|O_CLOEXEC);

    if (st->fifo == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ALERT, st->log, ngx_errno,
                      "open() \"%s\" failed", path);
        return NGX_ERROR;
    }

    st->fifo_connection = ngx_get_connection(st->fifo, cycle->log);

    if (st->fifo_connection == NULL) {
        return NGX_ERROR;
    }

    st->fifo_connection->pool = cycle->pool;
    st->fifo_connection->data = st;
    st->fifo_connection->read->log = st->log;
    st->fifo_connection->write->log = st->log;
    st->fifo_connection->read->handler = ngx_http_webhook_worker_fifo_handler;

    /* "channel": nginx leaves it alone at exit; "idle": it tells us of it */

    st->fifo_connection->read->channel = 1;
    st->fifo_connection->write->channel = 1;
    st->fifo_connection->idle = 1;

    return ngx_add_event(st->fifo_connection->read, NGX_READ_EVENT,
                         (ngx_event_flags & NGX_USE_CLEAR_EVENT)
                             ? NGX_CLEAR_EVENT : NGX_LEVEL_EVENT);
}


static void
ngx_http_webhook_worker_fifo_handler(ngx_event_t *ev)
{
    u_char                     buf[256];
    ngx_connection_t          *c;
    ngx_http_webhook_store_t  *st;

    c = ev->data;
    st = c->data;

    if (c->close) {
        c->close = 0;
        ngx_http_webhook_worker_leave(st);
        return;
    }

    /* whatever is published from now on wakes again */

    __atomic_store_n(&st->journal.slots[st->slot].wake, 0, __ATOMIC_SEQ_CST);

    while (read(c->fd, buf, sizeof(buf)) == sizeof(buf)) { /* void */ }

    st->orphans = 1;

    if (st->journal.slots[st->slot].news & WH_NEWS_COME) {
        st->news = 1;
    }

    st->driver->wake(st);

    ngx_post_event(&st->drive, &ngx_posted_events);
}


void
ngx_http_webhook_wake(void *data, unsigned slot)
{
    ngx_http_webhook_store_t *st = data;

    u_char      path[NGX_MAX_PATH];
    wh_slot_t  *s;

    if (slot == 0 || slot >= WH_SLOTS || slot == st->slot) {
        return;
    }

    s = &st->journal.slots[slot];

    if (__atomic_exchange_n(&s->wake, 1, __ATOMIC_SEQ_CST)) {
        return;
    }

    if (st->wakes[slot] == NGX_INVALID_FILE) {
        ngx_snprintf(path, NGX_MAX_PATH, "%V/wake.%ui%Z", &st->conf->path,
                     (ngx_uint_t) slot);

        st->wakes[slot] = open((const char *) path,
                               O_WRONLY|O_NONBLOCK|O_CLOEXEC);
    }

    /* nobody reads any more: its lanes will be taken over */

    if (st->wakes[slot] != NGX_INVALID_FILE) {
        (void) !write(st->wakes[slot], "", 1);
    }
}


void
ngx_http_webhook_store_wake_all(ngx_http_webhook_store_t *st)
{
    unsigned  slot, last;

    last = (unsigned) st->journal.head->last_slot;

    for (slot = 1; slot <= last; slot++) {
        if (st->journal.slots[slot].state == WH_SLOT_LIVE) {
            ngx_http_webhook_wake(st, slot);
        }
    }
}


ngx_http_webhook_main_conf_t *
ngx_http_webhook_store_main(ngx_http_webhook_store_t *st)
{
    return st->wmcf;
}


uint64_t
ngx_http_webhook_store_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}


unsigned
ngx_http_webhook_store_slot(ngx_http_webhook_store_t *st)
{
    return st->slot;
}


uint32_t
ngx_http_webhook_store_pid(ngx_http_webhook_store_t *st, unsigned slot)
{
    return st->journal.slots[slot].pid;
}


/* takes all orphans; their deliveries are loaded before any is sent */

void
ngx_http_webhook_adopt(ngx_http_webhook_store_t *st)
{
    uint32_t                   fence;
    ngx_uint_t                 i, n;
    ngx_http_webhook_shard_t  *sh;

    st->orphans = 0;

    if (st->leaving) {
        return;
    }

    n = 0;

    /* a slice at a time: so the others have their share, and the loop, too */

    for (i = 0; i < WH_SHARDS; i++) {
        if (st->shards[i].loading) {
            return;
        }
    }

    for (i = 0; i < WH_SHARDS && n < NGX_HTTP_WEBHOOK_ADOPT; i++) {

        if (wh_shard_owner(wh_shard_read(&st->journal, i)) != WH_ORPHAN
            || wh_shard_adopt(&st->journal, i, st->slot, &fence) != WH_OK)
        {
            continue;
        }

        ngx_http_webhook_shard_taken(st, i, fence);

        sh = &st->shards[i];
        sh->loading = 1;
        sh->adopt = 1;
        n++;
    }

    if (n) {
        st->adopted += n;
        ngx_http_webhook_turn_start(st);
        return;
    }

    /* all slices of it are told of at once */

    if (st->adopted) {
        ngx_log_error(NGX_LOG_INFO, st->log, 0,
                      "webhook worker in slot %ui has adopted %ui %s",
                      (ngx_uint_t) st->slot, st->adopted,
                      st->adopted == 1 ? "shard" : "shards");

        st->adopted = 0;
    }
}


static void
ngx_http_webhook_worker_tick_handler(ngx_event_t *ev)
{
    uint64_t                   since;
    ngx_http_webhook_store_t  *st;

    st = ev->data;
    since = ngx_http_webhook_meter_now();

    ngx_http_webhook_worker_tick(ev);

    ngx_http_webhook_meter_held(st->wmcf, since);
}


static void
ngx_http_webhook_worker_tick(ngx_event_t *ev)
{
    ngx_http_webhook_store_t  *st;

    st = ev->data;

    st->journal.slots[st->slot].beat = ngx_current_msec;

    /* whoever set it may have found no FIFO yet */

    __atomic_store_n(&st->journal.slots[st->slot].wake, 0, __ATOMIC_SEQ_CST);

    if (st->journal.slots[st->slot].news & WH_NEWS_COME) {
        st->news = 1;
    }

    if (ngx_exiting && !st->leaving) {
        ngx_http_webhook_worker_leave(st);
    }

    ngx_http_webhook_worker_others(st);

    (void) wh_journal_reclaim(&st->journal, st->slot);

    ngx_http_webhook_oldest_tell(st);
    ngx_http_webhook_turn_tell(st, 0);

    if (!st->leaving) {
        if (st->journal.head->full) {
            st->relieve = 1;
        }

        if (++st->ticks % NGX_HTTP_WEBHOOK_SWEEP == NGX_HTTP_WEBHOOK_NAMES) {
            st->sweep = 1;
            st->counts = 1;
            st->names = (ngx_worker == 0);

            /* what is too old goes, also when nothing is written */

            st->relieve = 1;
        }

        ngx_http_webhook_turn_room(st);
        st->slice = 1;

        ngx_http_webhook_adopt(st);
        ngx_http_webhook_turn_move(st);
        ngx_http_webhook_turn_start(st);
    }

    ngx_post_event(&st->drive, &ngx_posted_events);

    ngx_add_timer(ev, NGX_HTTP_WEBHOOK_TICK);
}


static void
ngx_http_webhook_worker_others(ngx_http_webhook_store_t *st)
{
    unsigned  slot, last;

    last = (unsigned) st->journal.head->last_slot;

    /* one burial at a time */

    for (slot = 1; slot <= last && !st->buried; slot++) {
        if (slot != st->slot
            && st->journal.slots[slot].state != WH_SLOT_FREE)
        {
            ngx_http_webhook_worker_other(st, slot);
        }
    }
}


static void
ngx_http_webhook_worker_other(ngx_http_webhook_store_t *st, unsigned slot)
{
    wh_slot_t  *s;

    s = &st->journal.slots[slot];

    switch (ngx_http_webhook_lease_try(st->lock, slot)) {

    case NGX_OK:
        break;

    case NGX_BUSY:
        if (s->state != WH_SLOT_DEAD
            && (int64_t) (ngx_current_msec - s->beat)
               > NGX_HTTP_WEBHOOK_STALL
            && (int64_t) (ngx_current_msec - s->deadline) > 0)
        {
            ngx_http_webhook_worker_stalled(st, slot);
        }

        return;

    default:
        return;
    }

    /* nobody holds its lock: the process has ended */

    if (s->state == WH_SLOT_LIVE || s->state == WH_SLOT_LEAVING) {

        ngx_log_error(NGX_LOG_NOTICE, st->log, 0,
                      "webhook worker process %uD in slot %ui has ended, its "
                      "lanes are taken over", s->pid, (ngx_uint_t) slot);


        ngx_http_webhook_worker_bury(st, slot);
        return;
    }

    ngx_http_webhook_worker_free(st, slot);
}


/*
 * Its permits, over turns, and then its lanes: a slot is buried only once, and
 * who adopts a shard counts what is in it, too.  Meanwhile its lock is ours; if
 * we end before that, another one begins anew.
 */

static void
ngx_http_webhook_worker_bury(ngx_http_webhook_store_t *st, unsigned slot)
{
    if (st->driver->bury(st, slot) == NGX_AGAIN) {
        st->buried = slot;
        ngx_add_timer(&st->bury, 1);
        return;
    }

    st->buried = 0;

    wh_slot_bury(&st->journal, slot, ngx_http_webhook_wake, st);
    ngx_http_webhook_worker_free(st, slot);
}


static void
ngx_http_webhook_worker_bury_handler(ngx_event_t *ev)
{
    uint64_t                   since;
    ngx_http_webhook_store_t  *st;

    st = ev->data;
    since = ngx_http_webhook_meter_now();

    ngx_http_webhook_worker_bury(st, st->buried);
    ngx_http_webhook_worker_others(st);

    ngx_http_webhook_meter_held(st->wmcf, since);
}


static void
ngx_http_webhook_worker_free(ngx_http_webhook_store_t *st, unsigned slot)
{
    wh_slot_t  *s;

    s = &st->journal.slots[slot];

    if (s->state == WH_SLOT_DEAD
        && wh_journal_reclaim(&st->journal, slot) == 0)
    {
        __atomic_store_n(&s->state, WH_SLOT_FREE, __ATOMIC_SEQ_CST);
    }

    ngx_http_webhook_lease_drop(st->lock, slot);

    if (st->wakes[slot] != NGX_INVALID_FILE) {
        ngx_close_file(st->wakes[slot]);
        st->wakes[slot] = NGX_INVALID_FILE;
    }
}


/* it lives, and does not run: no attempt of it can be in time any more */

static void
ngx_http_webhook_worker_stalled(ngx_http_webhook_store_t *st, unsigned slot)
{
    uint64_t    word;
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < WH_SHARDS; i++) {
        word = wh_shard_read(&st->journal, i);

        if (wh_shard_owner(word) != slot) {
            continue;
        }

        if (n == 0) {

            /* it may go on at any time, and who comes then has its slot */

            while (st->driver->bury(st, slot) == NGX_AGAIN) { /* void */ }
        }

        if (wh_shard_orphan(&st->journal, i, word) == WH_OK) {
            n++;
        }
    }

    if (n) {
        ngx_log_error(NGX_LOG_WARN, st->log, 0,
                      "webhook worker process %uD in slot %ui does not run, "
                      "%ui %s taken over",
                      st->journal.slots[slot].pid, (ngx_uint_t) slot, n,
                      n == 1 ? "shard of it is" : "shards of it are");
    }
}


/*
 * A graceful end: lanes without an attempt in flight go to the others at
 * once, the rest when their attempts have ended.
 */

static void
ngx_http_webhook_worker_leave(ngx_http_webhook_store_t *st)
{
    ngx_uint_t  i;

    if (st->leaving) {
        return;
    }

    st->leaving = 1;

    __atomic_store_n(&st->journal.slots[st->slot].state, WH_SLOT_LEAVING,
                     __ATOMIC_SEQ_CST);

    st->driver->leave(st);

    ngx_http_webhook_turn_start(st);

    for (i = 0; i < WH_SHARDS; i++) {
        ngx_http_webhook_lane_settle(st, i);
    }
}


void
ngx_http_webhook_store_exit_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                 i;
    ngx_http_webhook_store_t  *st;

    st = wmcf->worker->store;

    if (st == NULL) {
        return;
    }

    for (i = 0; i < WH_SHARDS; i++) {
        if (st->shards[i].owned) {
            ngx_http_webhook_shard_give_up(st, i);
        }
    }

    ngx_http_webhook_store_wake_all(st);
    ngx_http_webhook_turn_tell(st, 1);

    ngx_http_webhook_warehouse_close(&st->warehouse);

    /* the lock goes with the process */
}


void
ngx_http_webhook_store_drop_master(ngx_http_webhook_main_conf_t *wmcf)
{
    if (wmcf->store && wmcf->store->lock != NGX_INVALID_FILE) {
        ngx_close_file(wmcf->store->lock);
        wmcf->store->lock = NGX_INVALID_FILE;
    }
}
