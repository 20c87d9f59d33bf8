
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_states.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_lane.h"


#define NGX_HTTP_WEBHOOK_STATES_DELAY  500    /* ms */


static void ngx_http_webhook_states_restore(ngx_http_webhook_kept_t *kept,
    ngx_str_t *value, ngx_log_t *log);
static size_t ngx_http_webhook_states_pack(void *data, u_char *p);
static size_t ngx_http_webhook_states_pack_zone(void *data, u_char *p);
static void ngx_http_webhook_states_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_webhook_states_init_module(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i, n;
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
        return NGX_ERROR;
    }

    n = 0;
    zone = wmcf->zones.elts;

    for (i = 0; i < wmcf->zones.nelts; i++) {

        if (ngx_http_webhook_zone_window(cycle, zone[i]) != NGX_OK) {
            goto failed;
        }

        if (ngx_http_webhook_zone_restore(zone[i])) {
            kept[n].type = 'z';
            kept[n].name = ngx_http_webhook_zone_name(zone[i]);
            kept[n++].data = zone[i];
        }
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        c = ngx_http_webhook_zone_counters(ep[i]->zone, &ep[i]->name);
        if (c == NULL) {
            continue;
        }

        ep[i]->counters = c;

        if (ngx_http_webhook_zone_attach(cycle, ep[i]) != NGX_OK) {
            goto failed;
        }

        if (ngx_atomic_cmp_set(&c->restored, 0, 1)) {
            kept[n].type = 'e';
            kept[n].name = &ep[i]->name;
            kept[n++].data = ep[i];
        }
    }

    if (n) {
        ngx_http_webhook_store_states(wmcf, kept, n,
                                      ngx_http_webhook_states_restore,
                                      cycle->log);
    }

    ngx_free(kept);

    return NGX_OK;

failed:

    ngx_free(kept);

    return NGX_ERROR;
}


static void
ngx_http_webhook_states_restore(ngx_http_webhook_kept_t *kept,
    ngx_str_t *value, ngx_log_t *log)
{
    ngx_uint_t  zone;

    zone = (kept->type == 'z');

    if (ngx_http_webhook_disable_unpack(zone ? NULL : kept->data,
                                        zone ? kept->data : NULL,
                                        value->data, value->len)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "webhook_store: the state of \"%V\" is damaged, it "
                      "begins anew", kept->name);
    }
}


ngx_int_t
ngx_http_webhook_states_init_process(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_event_t  *ev;

    ev = ngx_pcalloc(cycle->pool, sizeof(ngx_event_t));
    if (ev == NULL) {
        return NGX_ERROR;
    }

    ev->handler = ngx_http_webhook_states_handler;
    ev->data = wmcf;
    ev->log = wmcf->worker->log;
    ev->cancelable = 1;

    wmcf->worker->states = ev;

    return NGX_OK;
}


void
ngx_http_webhook_states_save(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                     i, z, again;
    ngx_http_webhook_zone_t      **zone;
    ngx_http_webhook_store_t      *st;
    wh_limit_t                    *limit;
    ngx_http_webhook_counters_t   *c;
    ngx_http_webhook_endpoint_t  **ep;

    st = wmcf->worker->store;
    ep = wmcf->endpoints.elts;
    zone = wmcf->zones.elts;
    again = 0;

    for (z = 0; z < wmcf->zones.nelts; z++) {

        limit = &ngx_http_webhook_zone_policy(zone[z])->limit;

        for (i = 0; limit->n && i < wmcf->endpoints.nelts; i++) {

            if (ep[i]->zone == zone[z]
                && !ngx_http_webhook_disable_stored(ep[i]))
            {
                (void) ngx_http_webhook_store_state(st, 'z',
                               ngx_http_webhook_zone_name(zone[z]), 0,
                               ngx_http_webhook_disable_size(NULL, zone[z]),
                               ngx_http_webhook_states_pack_zone, zone[z]);
                break;
            }
        }
    }

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        c = ep[i]->counters;

        if (ngx_http_webhook_disable_stored(ep[i])) {
            continue;
        }

        if (ep[i]->storing) {
            again = 1;
            continue;
        }

        ep[i]->changes = c->changes;

        if (ngx_http_webhook_store_state(st, 'e', &ep[i]->name,
                                    c->cell.number,
                                    ngx_http_webhook_disable_size(ep[i], NULL),
                                    ngx_http_webhook_states_pack, ep[i])
            != NGX_OK)
        {
            again = 1;
            continue;
        }

        ep[i]->storing = 1;
    }

    if (again) {
        ngx_http_webhook_states_later(wmcf);
    }
}


static size_t
ngx_http_webhook_states_pack(void *data, u_char *p)
{
    return ngx_http_webhook_disable_pack(data, NULL, p);
}


static size_t
ngx_http_webhook_states_pack_zone(void *data, u_char *p)
{
    return ngx_http_webhook_disable_pack(NULL, data, p);
}


void
ngx_http_webhook_states_stored(void *data, u_char type, uint64_t number,
    ngx_int_t rc)
{
    ngx_http_webhook_counters_t  *c;
    ngx_http_webhook_endpoint_t  *ep;

    if (type != 'e') {
        return;
    }

    ep = data;
    c = ep->counters;
    ep->storing = 0;

    if (rc == NGX_OK) {
        c->cell.saved = number;
        c->stored = ep->changes;
    }

    if (!ngx_http_webhook_disable_stored(ep)) {
        ngx_http_webhook_states_later(ep->main);
    }
}


void
ngx_http_webhook_states_later(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_event_t  *ev;

    ev = wmcf->worker->states;

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_WEBHOOK_STATES_DELAY);
    }
}


static void
ngx_http_webhook_states_handler(ngx_event_t *ev)
{
    ngx_http_webhook_states_save(ev->data);
}
