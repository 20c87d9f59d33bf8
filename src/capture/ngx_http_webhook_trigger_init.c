
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Triggers at the end of the configuration: what they name is looked up.
 */


#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_route.h"
#include "ngx_http_webhook_url.h"
#include "ngx_http_webhook_zone.h"


static ngx_int_t ngx_http_webhook_trigger_endpoints(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t);
static char *ngx_http_webhook_trigger_languages(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t);
static void ngx_http_webhook_trigger_bodies(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t);
static ngx_int_t ngx_http_webhook_trigger_check(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t);
static ngx_int_t ngx_http_webhook_trigger_unknown(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *name);


char *
ngx_http_webhook_trigger_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                    i;
    ngx_http_webhook_trigger_t  **t;

    t = wmcf->triggers.elts;

    wmcf->routes = ngx_http_webhook_routes_create(wmcf, cf->pool);
    if (wmcf->routes == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < wmcf->triggers.nelts; i++) {

        if (wmcf->store == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no \"webhook_store\" is defined for \"webhook %V\" "
                          "in %s:%ui", &t[i]->event, t[i]->file, t[i]->line);
            return NGX_CONF_ERROR;
        }

        if (t[i]->pattern && !t[i]->accepted) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "event \"%V\" is a pattern, which is for locations "
                          "with \"webhook_accept\" only, in %s:%ui",
                          &t[i]->event, t[i]->file, t[i]->line);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_trigger_endpoints(cf, wmcf, t[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        if (t[i]->payload_name.len) {
            t[i]->payload = ngx_http_webhook_payload_find(wmcf,
                                                      &t[i]->payload_name);
        }

        if (t[i]->payload == NULL && t[i]->payload_name.len) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown payload \"%V\", it must be the name of a "
                          "\"webhook_payload\" in %s:%ui",
                          &t[i]->payload_name, t[i]->file, t[i]->line);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_trigger_languages(cf, wmcf, t[i]) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        ngx_http_webhook_trigger_bodies(wmcf, t[i]);

        if (ngx_http_webhook_trigger_check(cf, t[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* the payload of the trigger may be of any endpoint that a variable names */

static char *
ngx_http_webhook_trigger_languages(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t)
{
    ngx_uint_t                     i;
    ngx_http_webhook_endpoint_t  **ep;

    for (i = 0; i < t->nendpoints; i++) {

        if (ngx_http_webhook_language_use(cf, t->endpoints[i], t->payload, 1)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (t->nvariables == 0) {
        return NGX_CONF_OK;
    }

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        if (ngx_http_webhook_language_use(cf, ep[i], t->payload, 0)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* endpoints that are not known before an event may turn out to be wrong ones */

static ngx_int_t
ngx_http_webhook_trigger_check(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t)
{
    ngx_uint_t                    i;
    ngx_http_webhook_payload_t   *payload;
    ngx_http_webhook_endpoint_t  *ep;

    if (t->pattern && t->to == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < t->nendpoints; i++) {
        ep = t->endpoints[i];

        payload = t->payload ? t->payload : ep->payload;

        if (ngx_http_webhook_keys_check(cf, ep, payload, t->file, t->line)
            != NGX_OK
            || ngx_http_webhook_url_check(cf, ep, payload) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* the bodies that payloads of this trigger are made of */

static void
ngx_http_webhook_trigger_bodies(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_trigger_t *t)
{
    ngx_uint_t                     i;
    ngx_http_webhook_endpoint_t  **ep;

    if (t->payload) {
        t->bodies = ngx_http_webhook_payload_bodies(t->payload);
        return;
    }

    for (i = 0; i < t->nendpoints; i++) {
        t->bodies |= ngx_http_webhook_payload_bodies(t->endpoints[i]->payload);
    }

    if (t->nvariables == 0) {
        return;
    }

    /* it may be any of them */

    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        t->bodies |= ngx_http_webhook_payload_bodies(ep[i]->payload);
    }
}


static ngx_int_t
ngx_http_webhook_trigger_endpoints(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t)
{
    ngx_uint_t                     i, n;
    ngx_http_webhook_to_t         *to;
    ngx_http_webhook_endpoint_t   *found, **ep;

    ep = wmcf->endpoints.elts;

    if (t->to) {
        n = t->to->nelts;

    } else if (t->pattern) {

        /* of all that have "events", when the event is known */

        n = wmcf->endpoints.nelts;

    } else {
        n = ngx_http_webhook_routes_find(wmcf->routes, &t->event, &ep);
    }

    if (n) {
        t->endpoints = ngx_palloc(cf->pool,
                                  n * sizeof(ngx_http_webhook_endpoint_t *));
        if (t->endpoints == NULL) {
            return NGX_ERROR;
        }
    }

    if (t->to) {
        to = t->to->elts;

        for (i = 0; i < n; i++) {

            if (to[i].text) {
                continue;
            }

            found = ngx_http_webhook_endpoint_find(wmcf, &to[i].name);

            if (found == NULL || found->mailbox) {
                return ngx_http_webhook_trigger_unknown(cf, wmcf, t,
                                                        &to[i].name);
            }

            t->endpoints[t->nendpoints++] = found;
        }

        if (wmcf->endpoints.nelts == 0) {
            return ngx_http_webhook_trigger_unknown(cf, wmcf, t, &to[0].name);
        }

        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        if (ep[i]->events.nelts) {
            t->endpoints[t->nendpoints++] = ep[i];
        }
    }

    if (t->nendpoints == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "event \"%V\" has no endpoint, it must have \"to=\", or "
                      "match \"events\" of a \"webhook_endpoint\" in %s:%ui",
                      &t->event, t->file, t->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_trigger_unknown(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *name)
{
    u_char                        *p, *last;
    ngx_uint_t                     i;
    ngx_http_webhook_endpoint_t  **ep;
    u_char                         buf[512];

    if (wmcf->endpoints.nelts == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown endpoint \"%V\" in \"to=\" of event \"%V\", "
                      "it must be a \"webhook_endpoint\", there is none, in "
                      "%s:%ui", name, &t->event, t->file, t->line);
        return NGX_ERROR;
    }

    p = buf;
    last = buf + sizeof(buf);
    ep = wmcf->endpoints.elts;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        p = ngx_slprintf(p, last, "%s\"%V\"", i ? ", " : "", &ep[i]->name);
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "unknown endpoint \"%V\" in \"to=\" of event \"%V\", "
                  "it must be a \"webhook_endpoint\" (%*s) in %s:%ui",
                  name, &t->event, (size_t) (p - buf), buf, t->file, t->line);

    return NGX_ERROR;
}


/* all in one zone: an event is one, whatever zones its endpoints have */

void
ngx_http_webhook_trigger_init_module(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                    i;
    ngx_http_webhook_zone_t     **zone;
    ngx_http_webhook_trigger_t  **t;
    ngx_http_webhook_results_t   *results;

    t = wmcf->triggers.elts;
    zone = wmcf->zones.elts;

    for (i = 0; i < wmcf->triggers.nelts; i++) {
        results = ngx_http_webhook_zone_results(zone[0], &t[i]->event);
        t[i]->results = results->results;
    }
}
