
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_states.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_disable_pack.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_notice.h"


#define NGX_HTTP_WEBHOOK_STATES_DELAY  500    /* ms */
#define NGX_HTTP_WEBHOOK_STATES_EXIT   50     /* ms, of a process that ends */
#define NGX_HTTP_WEBHOOK_STATES_WAIT   1000
#define NGX_HTTP_WEBHOOK_STATES_TURN   (256 * 1024)  /* octets, or one */
#define NGX_HTTP_WEBHOOK_STATES_MANY   256    /* endpoints in a turn */


typedef struct {
    ngx_event_t                   event;
    ngx_queue_t                   unstored;   /* ..._endpoint_t */
    ngx_event_t                   rest;       /* of them, in the next turn */
    ngx_event_t                   check;
    ngx_uint_t                    checked;    /* of the endpoints */
    ngx_queue_t                   waiting;    /* ..._states_wait_t */
} ngx_http_webhook_states_t;


typedef struct {
    ngx_queue_t                   queue;
    ngx_event_t                   event;      /* the time is over, or it is */
    ngx_http_webhook_endpoint_t  *endpoint;
    uint64_t                      number;     /* of the state */
    ngx_http_webhook_states_pt    handler;
    void                         *data;
    ngx_int_t                     rc;
} ngx_http_webhook_states_wait_t;


static void ngx_http_webhook_states_restore(ngx_http_webhook_kept_t *kept,
    ngx_str_t *value, ngx_log_t *log);
static void ngx_http_webhook_states_save_zones(
    ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_states_save_endpoints(
    ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_states_rest_handler(ngx_event_t *ev);
static void ngx_http_webhook_states_add(ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_states_remove(ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_states_timer(ngx_http_webhook_main_conf_t *wmcf);
static void ngx_http_webhook_states_check_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_webhook_states_newer(
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *newer);
static void ngx_http_webhook_states_tell(ngx_http_webhook_endpoint_t *ep,
    uint64_t number, ngx_int_t rc);
static void ngx_http_webhook_states_handler(ngx_event_t *ev);
static void ngx_http_webhook_states_wait_handler(ngx_event_t *ev);
static void ngx_http_webhook_states_wait_cleanup(void *data);


ngx_int_t
ngx_http_webhook_states_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i, z, n, config;
    ngx_http_webhook_kept_t       *kept;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_counters_t   *c;
    ngx_http_webhook_endpoint_t  **ep;

    if (ngx_test_config || wmcf == NULL || wmcf->store == NULL
        || wmcf->endpoints.nelts == 0)
    {
        return NGX_OK;
    }

    kept = ngx_alloc((wmcf->endpoints.nelts + wmcf->zones.nelts)
                     * sizeof(ngx_http_webhook_kept_t), cycle->log);
    if (kept == NULL) {

        /* at a reload the master would end by an error, with all workers */

        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "webhook_store: no memory for the states of endpoints, "
                      "these are not read");
    }

    n = 0;
    zone = wmcf->zones.elts;
    ep = wmcf->endpoints.elts;

    for (z = 0; z < wmcf->zones.nelts; z++) {

        config = ngx_http_webhook_zone_begin(zone[z]);

        if (kept && config == 1) {
            kept[n].type = 'z';
            kept[n].name = ngx_http_webhook_zone_name(zone[z]);
            kept[n].fresh = 1;
            kept[n++].data = zone[z];
        }

        for (i = 0; i < wmcf->endpoints.nelts; i++) {

            if (ep[i]->zone != zone[z]) {
                continue;
            }

            c = ngx_http_webhook_zone_counters(zone[z], ep[i]);
            if (c == NULL) {
                continue;
            }

            /* here, as workers share what they do not write */

            ep[i]->counters = c;

            ngx_http_webhook_delivery_attach(ep[i]);

            /* it may have been in another zone meanwhile */

            if (kept) {
                kept[n].type = 'e';
                kept[n].name = &ep[i]->name;
                kept[n].fresh = (c->config == 0 || c->config + 1 != config);
                kept[n++].data = ep[i];
            }

            c->config = config;
        }

        ngx_http_webhook_zone_windows(zone[z], wmcf);
    }

    if (kept) {
        ngx_http_webhook_store_states(wmcf, kept, n,
                                      ngx_http_webhook_states_restore,
                                      cycle->log);
        ngx_free(kept);
    }

    return NGX_OK;
}


static void
ngx_http_webhook_states_restore(ngx_http_webhook_kept_t *kept,
    ngx_str_t *value, ngx_log_t *log)
{
    wh_kept_t                     k;
    ngx_http_webhook_counters_t  *c;
    ngx_http_webhook_endpoint_t  *ep;

    ep = kept->type == 'e' ? kept->data : NULL;

    if (value == NULL
        || wh_kept_get((char *) value->data, value->len, &k) != WH_OK)
    {
        if (value) {
            ngx_log_error(NGX_LOG_ERR, log, 0,
                          "webhook_store: the state of \"%V\" is damaged, "
                          "%s", kept->name,
                          kept->fresh ? "it begins anew"
                                      : "it is written again");
        }

        if (ep) {
            c = ep->counters;

            if (value || c->cell.number || c->changes) {
                c->cell.saved = 0;
                (void) ngx_atomic_fetch_add(&c->changes, 1);
            }
        }

        return;
    }

    if (ep == NULL) {
        ngx_http_webhook_disable_unpack_zone(kept->data, &k);
        return;
    }

    if (kept->fresh) {
        ngx_http_webhook_disable_unpack(ep, &k);
    }

    (void) ngx_http_webhook_disable_adopt(ep, &k, log);
}


ngx_int_t
ngx_http_webhook_states_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_t  *states;

    states = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_states_t));
    if (states == NULL) {
        return NGX_ERROR;
    }

    states->event.handler = ngx_http_webhook_states_handler;
    states->event.data = wmcf;
    states->event.log = wmcf->worker->log;
    states->event.cancelable = 1;

    states->rest.handler = ngx_http_webhook_states_rest_handler;
    states->rest.data = wmcf;
    states->rest.log = wmcf->worker->log;

    states->check.handler = ngx_http_webhook_states_check_handler;
    states->check.data = wmcf;
    states->check.log = wmcf->worker->log;
    states->check.cancelable = 1;

    ngx_queue_init(&states->unstored);
    ngx_queue_init(&states->waiting);

    wmcf->worker->states = states;

    /* the master, or a worker that was killed, has left some so */

    ngx_http_webhook_states_check(wmcf);

    return NGX_OK;
}


void
ngx_http_webhook_states_save(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_save_zones(wmcf);
    ngx_http_webhook_states_save_endpoints(wmcf);
}


/* those of which an endpoint has something to store */

static void
ngx_http_webhook_states_save_zones(ngx_http_webhook_main_conf_t *wmcf)
{
    wh_kept_t                      kept;
    wh_zone_t                     *policy;
    ngx_uint_t                     z;
    ngx_queue_t                   *q;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_states_t     *states;
    ngx_http_webhook_endpoint_t   *ep;

    states = wmcf->worker->states;
    zone = wmcf->zones.elts;

    for (z = 0; z < wmcf->zones.nelts; z++) {

        policy = ngx_http_webhook_zone_policy(zone[z]);

        if (policy->limit.n == 0 && policy->quota.n == 0) {
            continue;
        }

        for (q = ngx_queue_head(&states->unstored);
             q != ngx_queue_sentinel(&states->unstored);
             q = ngx_queue_next(q))
        {
            ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, unstored);

            if (ep->zone == zone[z] && !ngx_http_webhook_disable_stored(ep)) {
                ngx_http_webhook_disable_pack_zone(zone[z], &kept);

                (void) ngx_http_webhook_store_state(wmcf->worker->store, 'z',
                                      ngx_http_webhook_zone_name(zone[z]),
                                      &kept, zone[z]);
                break;
            }
        }
    }
}


/* a part of them in a turn: each may have a lot of windows */

static void
ngx_http_webhook_states_save_endpoints(ngx_http_webhook_main_conf_t *wmcf)
{
    size_t                        size;
    wh_kept_t                     kept;
    ngx_uint_t                    n, again;
    ngx_queue_t                  *q, *next;
    ngx_http_webhook_store_t     *st;
    ngx_http_webhook_states_t    *states;
    ngx_http_webhook_endpoint_t  *ep;

    st = wmcf->worker->store;
    states = wmcf->worker->states;
    again = 0;
    size = 0;
    n = 0;

    for (q = ngx_queue_head(&states->unstored);
         q != ngx_queue_sentinel(&states->unstored);
         q = next)
    {
        next = ngx_queue_next(q);

        ep = ngx_queue_data(q, ngx_http_webhook_endpoint_t, unstored);

        if (ngx_http_webhook_disable_stored(ep)) {
            ngx_http_webhook_states_remove(ep);
            continue;
        }

        if (ep->storing) {
            ep->behind = 1;
            again = 1;
            continue;
        }

        if (size >= NGX_HTTP_WEBHOOK_STATES_TURN
            || n++ == NGX_HTTP_WEBHOOK_STATES_MANY)
        {
            ngx_post_event(&states->rest, &ngx_posted_next_events);
            break;
        }

        ngx_http_webhook_disable_pack(ep, &kept);

        ep->changes = (ngx_uint_t) kept.changes;
        size += wh_kept_size(&kept);

        if (ngx_http_webhook_store_state(st, 'e', &ep->name, &kept, ep)
            != NGX_OK)
        {
            again = 1;
            break;
        }

        ep->storing = 1;
        ep->behind = 0;

        ngx_http_webhook_states_remove(ep);
    }

    /* what is being stored tells of its end, which an exit waits for */

    if (again && !ngx_exiting) {
        ngx_http_webhook_states_timer(wmcf);
    }
}


static void
ngx_http_webhook_states_rest_handler(ngx_event_t *ev)
{
    ngx_http_webhook_states_save_endpoints(ev->data);
}


static void
ngx_http_webhook_states_add(ngx_http_webhook_endpoint_t *ep)
{
    ngx_http_webhook_states_t  *states;

    states = ep->main->worker->states;

    if (!ep->unstored_set) {
        ep->unstored_set = 1;
        ngx_queue_insert_tail(&states->unstored, &ep->unstored);
    }
}


static void
ngx_http_webhook_states_remove(ngx_http_webhook_endpoint_t *ep)
{
    ngx_queue_remove(&ep->unstored);
    ep->unstored_set = 0;
}


void
ngx_http_webhook_states_stored(void *data, u_char type, uint64_t number,
    ngx_int_t rc, ngx_str_t *newer)
{
    ngx_int_t                     adopted;
    ngx_http_webhook_counters_t  *c;
    ngx_http_webhook_endpoint_t  *ep;

    if (type != 'e') {
        return;
    }

    ep = data;
    c = ep->counters;
    ep->storing = 0;

    if (rc == NGX_OK) {
        wh_cell_saved(&c->cell, number);
        ngx_http_webhook_disable_raise(&c->stored, ep->changes);

    } else if (rc == NGX_ABORT) {

        adopted = ngx_http_webhook_states_newer(ep, newer);

        if (adopted == NGX_OK) {
            ngx_http_webhook_states_tell(ep, WH_STATE_NUMBER_MAX, NGX_ABORT);

            ngx_http_webhook_delivery_changed(ep->main);
            ngx_http_webhook_notice_check(ep->main);
            return;
        }

        if (adopted == NGX_AGAIN
            && !ngx_http_webhook_disable_stored(ep))
        {
            ngx_http_webhook_states_add(ep);
            ngx_http_webhook_states_save(ep->main);
            return;
        }
    }

    ngx_http_webhook_states_tell(ep, number, NGX_OK);

    if (ngx_http_webhook_disable_stored(ep)) {
        return;
    }

    /*
     * What others add meanwhile is theirs to store, and an exit does not wait
     * for a store that cannot be written.
     */

    if (ngx_exiting && (rc != NGX_OK || !ep->behind)) {
        return;
    }

    if (rc == NGX_OK && c->cell.number > c->cell.saved) {

        /* a transition that was made meanwhile */

        ngx_http_webhook_states_add(ep);
        ngx_http_webhook_states_save(ep->main);
        return;
    }

    ngx_http_webhook_states_later(ep);
}


/*
 * Two zones know of the endpoint: that of a configuration that ends, or of a
 * binary that is replaced, and the one that has taken its place.  Or another
 * worker has stored more changes than there were to be stored here: NGX_AGAIN,
 * with those made meanwhile.  What a zone does not know counts as one to it.
 */

static ngx_int_t
ngx_http_webhook_states_newer(ngx_http_webhook_endpoint_t *ep,
    ngx_str_t *newer)
{
    wh_kept_t                     k;
    ngx_http_webhook_counters_t  *c;

    if (wh_kept_get((char *) newer->data, newer->len, &k) != WH_OK) {
        return NGX_DECLINED;
    }

    c = ep->counters;

    if (k.changes > c->changes) {
        ngx_http_webhook_disable_raise(&c->changes, k.changes + 1);
    }

    if (ngx_http_webhook_disable_adopt(ep, &k, ep->main->worker->log)
        == NGX_OK)
    {
        return NGX_OK;
    }

    return k.changes > ep->changes ? NGX_AGAIN : NGX_DECLINED;
}


void
ngx_http_webhook_states_later(ngx_http_webhook_endpoint_t *ep)
{
    /* it is none of a worker where webhooks are out of order */

    if (ep->main->worker->store) {
        ngx_http_webhook_states_add(ep);
        ngx_http_webhook_states_timer(ep->main);
    }
}


static void
ngx_http_webhook_states_timer(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_t  *states;

    states = wmcf->worker->states;

    if (ngx_exiting) {

        /* the process does not end before this */

        if (states->event.timer_set && states->event.cancelable) {
            ngx_del_timer(&states->event);
        }

        states->event.cancelable = 0;
    }

    if (!states->event.timer_set) {
        ngx_add_timer(&states->event,
                      ngx_exiting ? NGX_HTTP_WEBHOOK_STATES_EXIT
                                  : NGX_HTTP_WEBHOOK_STATES_DELAY);
    }
}


static void
ngx_http_webhook_states_handler(ngx_event_t *ev)
{
    ngx_http_webhook_states_save(ev->data);
}


void
ngx_http_webhook_states_check(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_http_webhook_states_t  *states;

    states = wmcf->worker->states;
    states->checked = 0;

    if (!ngx_exiting) {

        if (!states->check.timer_set) {
            ngx_add_timer(&states->check, 1);
        }

        return;
    }

    /* the process does not end before this */

    if (states->check.timer_set) {
        ngx_del_timer(&states->check);
    }

    states->check.cancelable = 0;

    ngx_http_webhook_states_check_handler(&states->check);
}


static void
ngx_http_webhook_states_check_handler(ngx_event_t *ev)
{
    ngx_uint_t                     n, found;
    ngx_http_webhook_states_t     *states;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_endpoint_t  **ep;

    wmcf = ev->data;

    if (wmcf->worker->store == NULL) {
        return;
    }

    states = wmcf->worker->states;
    ep = wmcf->endpoints.elts;
    found = 0;

    n = ngx_min(states->checked + NGX_HTTP_WEBHOOK_STATES_MANY,
                wmcf->endpoints.nelts);

    for ( /* void */ ; states->checked < n; states->checked++) {

        if (!ngx_http_webhook_disable_stored(ep[states->checked])) {
            ngx_http_webhook_states_add(ep[states->checked]);
            found = 1;
        }
    }

    if (states->checked < wmcf->endpoints.nelts) {
        ngx_add_timer(ev, 1);
    }

    if (found && ngx_exiting) {
        ngx_http_webhook_states_save(wmcf);

    } else if (found) {
        ngx_http_webhook_states_timer(wmcf);
    }
}


ngx_int_t
ngx_http_webhook_states_wait(ngx_http_webhook_endpoint_t *ep,
    ngx_pool_t *pool, ngx_http_webhook_states_pt handler, void *data)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_webhook_states_t       *states;
    ngx_http_webhook_counters_t     *c;
    ngx_http_webhook_states_wait_t  *wait;

    if (ngx_http_webhook_disable_stored(ep)) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_webhook_states_wait_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    wait = cln->data;
    ngx_memzero(wait, sizeof(ngx_http_webhook_states_wait_t));

    states = ep->main->worker->states;
    c = ep->counters;

    wait->endpoint = ep;
    wait->number = c->cell.number;
    wait->handler = handler;
    wait->data = data;

    wait->event.handler = ngx_http_webhook_states_wait_handler;
    wait->event.data = wait;
    wait->event.log = ep->main->worker->log;

    ngx_queue_insert_tail(&states->waiting, &wait->queue);
    ngx_add_timer(&wait->event, NGX_HTTP_WEBHOOK_STATES_WAIT);

    cln->handler = ngx_http_webhook_states_wait_cleanup;

    ngx_http_webhook_states_add(ep);
    ngx_http_webhook_states_save(ep->main);

    return NGX_AGAIN;
}


/* a write of that number has ended somehow */

static void
ngx_http_webhook_states_tell(ngx_http_webhook_endpoint_t *ep, uint64_t number,
    ngx_int_t rc)
{
    ngx_queue_t                     *q;
    ngx_http_webhook_states_t       *states;
    ngx_http_webhook_counters_t     *c;
    ngx_http_webhook_states_wait_t  *wait;

    states = ep->main->worker->states;
    c = ep->counters;

    for (q = ngx_queue_head(&states->waiting);
         q != ngx_queue_sentinel(&states->waiting);
         q = ngx_queue_next(q))
    {
        wait = ngx_queue_data(q, ngx_http_webhook_states_wait_t, queue);

        if (wait->endpoint == ep
            && (wait->number <= number || wait->number <= c->cell.saved))
        {
            wait->rc = rc;
            ngx_post_event(&wait->event, &ngx_posted_events);
        }
    }
}


static void
ngx_http_webhook_states_wait_handler(ngx_event_t *ev)
{
    ngx_http_webhook_states_wait_t  *wait;

    wait = ev->data;

    ngx_http_webhook_states_wait_cleanup(wait);

    wait->handler(wait->data, wait->rc);
}


static void
ngx_http_webhook_states_wait_cleanup(void *data)
{
    ngx_http_webhook_states_wait_t *wait = data;

    if (wait->endpoint == NULL) {
        return;
    }

    ngx_queue_remove(&wait->queue);

    if (wait->event.timer_set) {
        ngx_del_timer(&wait->event);
    }

    if (wait->event.posted) {
        ngx_delete_posted_event(&wait->event);
    }

    wait->endpoint = NULL;
}
