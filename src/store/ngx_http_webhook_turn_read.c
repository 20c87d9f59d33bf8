
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a turn in the warehouse brings: deliveries of adopted shards, the next
 * ones of a lane, lanes that had found no place in memory.
 */


#include "ngx_http_webhook_local.h"


static ngx_uint_t ngx_http_webhook_turn_waits(ngx_http_webhook_lane_t *lane,
    uint64_t due);
static void ngx_http_webhook_turn_forget(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_turn_ready(ngx_http_webhook_store_t *st,
    unsigned shard);
static void ngx_http_webhook_turn_partial(ngx_http_webhook_store_t *st,
    unsigned shard);
static void ngx_http_webhook_turn_sort(ngx_http_webhook_turn_t *turn,
    ngx_uint_t n);
static int ngx_libc_cdecl ngx_http_webhook_turn_found_cmp(const void *one,
    const void *two);
static void ngx_http_webhook_turn_stored(ngx_http_webhook_turn_t *turn);


/*
 * Adopting shards: whatever is open of them in the journal, with our fence
 * stamped in, so that no former owner can acknowledge it any more.  Runs in
 * a thread, beside appends.
 */

void
ngx_http_webhook_turn_walk(ngx_http_webhook_visit_t *v)
{
    u_char                     *p;
    size_t                      off;
    uint32_t                    seg, i, n;
    uint64_t                    value;
    wh_ref_t                    ref;
    wh_view_t                   view;
    ngx_uint_t                  nfound;
    wh_journal_t               *j;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_found_t   *found, **last;

    turn = v->data;
    j = &turn->store->journal;
    last = &turn->found;
    nfound = 0;

    for (seg = 0; seg < j->nsegs; seg++) {

        off = 0;

        while (wh_journal_walk(j, seg, &off, &ref) == WH_OK) {

            n = wh_journal_count(j, &ref);

            for (i = 0; i < n; i++) {

                if (wh_journal_view(j, &ref, i, &view) != WH_OK
                    || !turn->shards[view.shard]
                    || wh_word_state(wh_word_read(view.word)) != WH_WORD_OPEN
                    || (wh_word_read(view.word) >> 40)
                       != (ref.gen & 0xffffff))
                {
                    continue;
                }

                found = malloc(sizeof(ngx_http_webhook_found_t));

                if (found == NULL) {
                    turn->nomem = 1;
                    return;
                }

                found->view = view;
                found->stored = 0;
                found->next = NULL;

                p = ngx_cpymem(found->text, view.name.data, view.name.len);
                found->view.name.data = (char *) found->text;
                found->view.key.data = (char *) p;

                ngx_memcpy(p, view.key.data, view.key.len);

                value = wh_view_stamp(j, &view, turn->fences[view.shard]);

                if (value == 0) {
                    free(found);
                    continue;
                }

                found->value = value;

                *last = found;
                last = &found->next;
                nfound++;
            }
        }
    }

    ngx_http_webhook_turn_sort(turn, nfound);
    ngx_http_webhook_turn_stored(turn);
}


/*
 * Segments are those of several workers, and in use again in any order.  By
 * number each delivery comes to the end of its lane; the event loop would look
 * for the place of others among all that are there.
 */

static void
ngx_http_webhook_turn_sort(ngx_http_webhook_turn_t *turn, ngx_uint_t n)
{
    ngx_uint_t                  i;
    ngx_http_webhook_found_t   *found, **sorted, **last;

    if (n < 2) {
        return;
    }

    sorted = malloc(n * sizeof(ngx_http_webhook_found_t *));

    if (sorted == NULL) {
        turn->nomem = 1;
        return;
    }

    i = 0;

    for (found = turn->found; found; found = found->next) {
        sorted[i++] = found;
    }

    ngx_qsort(sorted, (size_t) n, sizeof(ngx_http_webhook_found_t *),
              ngx_http_webhook_turn_found_cmp);

    last = &turn->found;

    for (i = 0; i < n; i++) {
        *last = sorted[i];
        last = &sorted[i]->next;
    }

    *last = NULL;

    free(sorted);
}


static int ngx_libc_cdecl
ngx_http_webhook_turn_found_cmp(const void *one, const void *two)
{
    const ngx_http_webhook_found_t *a = *(ngx_http_webhook_found_t **) one;
    const ngx_http_webhook_found_t *b = *(ngx_http_webhook_found_t **) two;

    if (a->view.ref.seq != b->view.ref.seq) {
        return a->view.ref.seq < b->view.ref.seq ? -1 : 1;
    }

    return a->view.index < b->view.index ? -1 : a->view.index > b->view.index;
}


/*
 * A mover that has died behind its commit could not say so in the journal:
 * such deliveries are not to be counted twice.
 */

static void
ngx_http_webhook_turn_stored(ngx_http_webhook_turn_t *turn)
{
    size_t                     len;
    u_char                     key[NGX_HTTP_WEBHOOK_KEY_SIZE];
    MDB_txn                   *txn;
    wh_view_t                 *v;
    ngx_str_t                  name, lane;
    ngx_http_webhook_found_t  *found;

    if (turn->found == NULL) {
        return;
    }

    txn = ngx_http_webhook_warehouse_look(&turn->store->warehouse);
    if (txn == NULL) {
        return;
    }

    for (found = turn->found; found; found = found->next) {
        v = &found->view;

        name.data = (u_char *) v->name.data;
        name.len = v->name.len;
        lane.data = (u_char *) v->key.data;
        lane.len = v->key.len;

        len = ngx_http_webhook_warehouse_key(key, v->shard, &name, &lane,
                                             v->ref.seq, v->index);

        found->stored = ngx_http_webhook_warehouse_has(
                                  &turn->store->warehouse, txn, key, len);
    }

    ngx_http_webhook_warehouse_looked(txn);
}


void
ngx_http_webhook_turn_adopted(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                  i;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_shard_t   *sh;
    ngx_http_webhook_found_t   *found, *next;
    ngx_http_webhook_loaded_t  *loaded;

    turn = st->turn;

    /* a shard that was lost meanwhile, or taken again, is not this one */

    for (i = 0; i < WH_SHARDS; i++) {
        sh = &st->shards[i];

        if (turn->shards[i]
            && (!sh->owned || !sh->adopt || sh->fence != turn->fences[i]))
        {
            turn->shards[i] = 0;
        }
    }

    for (found = turn->found; found; found = next) {
        next = found->next;

        if (turn->shards[found->view.shard]
            && st->shards[found->view.shard].owned)
        {
            ngx_http_webhook_enqueue(st, &found->view,
                                     found->stored
                                     ? NGX_HTTP_WEBHOOK_ADOPTED_STORED
                                     : NGX_HTTP_WEBHOOK_ADOPTED);
        }

        free(found);
    }

    turn->found = NULL;

    for (loaded = turn->visit.loaded; loaded; loaded = loaded->next) {
        if (turn->shards[loaded->shard]) {
            ngx_http_webhook_load(st, loaded, 0);
        }
    }

    for (i = 0; i < WH_SHARDS; i++) {

        if (turn->shards[i] && turn->skipped[i] && st->shards[i].owned) {
            ngx_http_webhook_turn_partial(st, i);
        }

        if (turn->shards[i] && st->shards[i].owned) {
            st->shards[i].adopt = 0;
            st->shards[i].loading = 0;
            st->orphans = 1;

            /* what was captured meanwhile has waited, and may be in neither */

            ngx_http_webhook_turn_ready(st, i);

            ngx_http_webhook_lane_settle(st, i);
        }
    }

    ngx_post_event(&st->drive, &ngx_posted_next_events);
}


static void
ngx_http_webhook_turn_ready(ngx_http_webhook_store_t *st, unsigned shard)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    for (q = ngx_queue_head(&st->shards[shard].lanes);
         q != ngx_queue_sentinel(&st->shards[shard].lanes);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        ngx_http_webhook_lane_ready(st, lane);
    }
}


/*
 * A shard of which not all lanes are in memory.  Those that are may have more
 * behind: what is not known to be all is read on before it is sent.
 */

static void
ngx_http_webhook_turn_partial(ngx_http_webhook_store_t *st, unsigned shard)
{
    ngx_queue_t               *q;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_shard_t  *sh;

    sh = &st->shards[shard];

    sh->partial = 1;
    sh->whole = 0;

    for (q = ngx_queue_head(&sh->lanes);
         q != ngx_queue_sentinel(&sh->lanes);
         q = ngx_queue_next(q))
    {
        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

        if (lane->nmoved == 0 && lane->endpoint && !lane->core.more) {
            lane->core.more = 1;
            ngx_http_webhook_turn_read(st, lane);
        }
    }
}


void
ngx_http_webhook_turn_lane_done(ngx_http_webhook_store_t *st)
{
    ngx_http_webhook_lane_t    *lane;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_visit_t   *v;
    ngx_http_webhook_loaded_t  *loaded;

    turn = st->turn;
    lane = turn->lane;

    if (lane == NULL) {
        return;
    }

    if (!lane->core.more || lane->core.loaded_seq != turn->seq
        || lane->core.loaded_index != turn->index || st->blind)
    {
        /* the lane was cut further in front meanwhile */

        ngx_http_webhook_turn_read(st, lane);
        return;
    }

    v = &turn->visit;

    if (!v->loaded_more) {
        lane->core.more = 0;
    }

    for (loaded = v->loaded; loaded && turn->lane; loaded = loaded->next) {

        if (loaded->shard == lane->shard
            && loaded->name.len == lane->name.len
            && loaded->key.len == lane->key.len
            && ngx_memcmp(loaded->name.data, lane->name.data, lane->name.len)
               == 0
            && ngx_memcmp(loaded->key.data, lane->key.data, lane->key.len)
               == 0)
        {
            ngx_http_webhook_load(st, loaded, 0);
        }
    }

    if (turn->lane) {
        ngx_http_webhook_lane_ready(st, lane);
    }
}


void
ngx_http_webhook_turn_slice(ngx_http_webhook_store_t *st)
{
    ngx_time_t                *tp;
    ngx_uint_t                 i, n;
    ngx_http_webhook_turn_t   *turn;
    ngx_http_webhook_visit_t  *v;

    turn = st->turn;
    v = &turn->visit;

    st->slice = 0;

    if (st->memory > st->wmcf->memory / 4 * 3) {
        return;
    }

    n = 0;

    for (i = 0; i < WH_SHARDS; i++) {
        turn->partial[i] = (st->shards[i].owned && st->shards[i].partial);

        if (turn->partial[i]) {
            turn->fences[i] = st->shards[i].fence;
            n++;

            if (st->fromlen == 0) {
                st->shards[i].whole = 1;
            }
        }
    }

    if (n == 0) {
        return;
    }

    tp = ngx_timeofday();

    v->partial = turn->partial;
    v->due = (uint64_t) tp->sec * 1000 + tp->msec + NGX_HTTP_WEBHOOK_DUE;

    ngx_memcpy(v->from, st->from, st->fromlen);
    v->fromlen = st->fromlen;

    st->slices++;
}


void
ngx_http_webhook_turn_sliced(ngx_http_webhook_store_t *st)
{
    ngx_uint_t                  i;
    ngx_http_webhook_turn_t    *turn;
    ngx_http_webhook_shard_t   *sh;
    ngx_http_webhook_visit_t   *v;
    ngx_http_webhook_loaded_t  *loaded;

    turn = st->turn;
    v = &turn->visit;

    for (i = 0; i < WH_SHARDS; i++) {
        sh = &st->shards[i];

        if (turn->partial[i]
            && (!sh->owned || sh->fence != turn->fences[i]))
        {
            turn->partial[i] = 0;
        }

        if (turn->skipped[i] || st->blind) {
            sh->whole = 0;
        }
    }

    if (st->blind) {
        return;
    }

    for (loaded = v->loaded; loaded; loaded = loaded->next) {

        if (turn->partial[loaded->shard]
            && !ngx_http_webhook_lane_known_by(st, loaded, st->slices))
        {
            ngx_http_webhook_load(st, loaded, st->slices);
        }
    }

    ngx_memcpy(st->from, v->from, v->fromlen);
    st->fromlen = v->fromlen;

    if (st->fromlen) {

        /* on, while there is room */

        st->slice = (v->loaded != NULL);
        return;
    }

    for (i = 0; i < WH_SHARDS; i++) {
        sh = &st->shards[i];

        if (turn->partial[i] && sh->owned && sh->whole) {
            sh->partial = 0;
            ngx_http_webhook_lane_settle(st, i);
        }
    }
}


/* lanes that wait make room for those that had found none */

void
ngx_http_webhook_turn_room(ngx_http_webhook_store_t *st)
{
    uint64_t                   due;
    ngx_uint_t                 i;
    ngx_queue_t               *q, *next;
    ngx_http_webhook_lane_t   *lane;
    ngx_http_webhook_shard_t  *sh;

    if (st->memory <= st->wmcf->memory / 4 * 3) {
        return;
    }

    for (i = 0; i < WH_SHARDS && !st->shards[i].partial; i++) { /* void */ }

    if (i == WH_SHARDS) {
        return;
    }

    due = ngx_http_webhook_store_now() + NGX_HTTP_WEBHOOK_DUE;

    for (i = 0; i < WH_SHARDS && st->memory > st->wmcf->memory / 2; i++) {
        sh = &st->shards[i];

        if (!sh->owned || sh->loading) {
            continue;
        }

        for (q = ngx_queue_head(&sh->lanes);
             q != ngx_queue_sentinel(&sh->lanes);
             q = next)
        {
            next = ngx_queue_next(q);
            lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);

            if (!ngx_http_webhook_turn_waits(lane, due)) {
                continue;
            }

            while (!wh_queue_empty(&lane->core.items)) {
                ngx_http_webhook_turn_forget(st, lane);
            }

            sh->partial = 1;
            sh->whole = 0;

            ngx_http_webhook_lane_free(st, lane);
        }
    }
}


/* all of it lives in the warehouse, and its first one is not to be sent */

static ngx_uint_t
ngx_http_webhook_turn_waits(ngx_http_webhook_lane_t *lane, uint64_t due)
{
    wh_queue_t               *q;
    ngx_http_webhook_item_t  *item;

    if (lane->endpoint == NULL || lane->core.unordered || lane->core.inflight
        || lane->core.nitems == 0 || lane->core.nitems != lane->nmoved)
    {
        return 0;
    }

    q = wh_queue_head(&lane->core.items);
    item = wh_queue_data(q, ngx_http_webhook_item_t, core.queue);

    if (item->core.progress.planned <= due
        && lane->waiting != NGX_HTTP_WEBHOOK_WAIT_ENABLED)
    {
        return 0;
    }

    for ( /* void */ ;
         q != wh_queue_sentinel(&lane->core.items);
         q = wh_queue_next(q))
    {
        item = wh_queue_data(q, ngx_http_webhook_item_t, core.queue);

        if (item->nops) {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_webhook_turn_forget(ngx_http_webhook_store_t *st,
    ngx_http_webhook_lane_t *lane)
{
    wh_queue_t               *q;
    ngx_http_webhook_item_t  *item;

    q = wh_queue_head(&lane->core.items);
    item = wh_queue_data(q, ngx_http_webhook_item_t, core.queue);

    ngx_http_webhook_item_unlink(st, item);
    ngx_http_webhook_item_free(item);
}


/* an endpoint's name, or one that was warned about; runs in a thread */

ngx_uint_t
ngx_http_webhook_turn_known(ngx_http_webhook_visit_t *v, ngx_str_t *name)
{
    ngx_http_webhook_turn_t   *turn;
    ngx_http_webhook_stray_t  *stray;

    turn = v->data;

    for (stray = turn->store->strays; stray; stray = stray->next) {

        if (stray->name.len == name->len
            && ngx_memcmp(stray->name.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return ngx_http_webhook_endpoint_find(turn->store->wmcf, name) != NULL;
}


/*
 * Deliveries in the warehouse with nobody to own them: what a stopped worker
 * has committed after its lanes were taken over.
 */

void
ngx_http_webhook_turn_swept(ngx_http_webhook_store_t *st)
{
    int                         taken;
    uint32_t                    fence;
    ngx_uint_t                  i;
    ngx_http_webhook_stray_t   *stray;
    ngx_http_webhook_visit_t   *v;

    st->sweep = 0;

    v = &st->turn->visit;

    if (v->known) {
        st->names = 0;
    }

    while (v->strays) {
        stray = v->strays;
        v->strays = stray->next;

        stray->next = st->strays;
        st->strays = stray;

        ngx_log_error(NGX_LOG_WARN, st->log, 0,
                      "webhook endpoint \"%V\" is not configured any more, "
                      "%s%ui %s kept until it is",
                      &stray->name, stray->most ? "more than " : "", stray->n,
                      stray->n == 1 ? "delivery of it is"
                                    : "deliveries of it are");
    }

    for (i = 0; i < WH_SHARDS; i++) {
        if (st->turn->present[i]
            && wh_shard_owner(wh_shard_read(&st->journal, i)) == 0)
        {
            (void) wh_shard_raise(&st->journal, i, st->slot, 1, &fence,
                                  &taken);
            st->orphans = 1;
        }
    }

    ngx_post_event(&st->drive, &ngx_posted_next_events);
}
