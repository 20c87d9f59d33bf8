
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Endpoints: how they are, what waits for them, and commands.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_disable.h"
#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_states.h"


/* octets of an endpoint's JSON, without its name and its zone's */
#define NGX_HTTP_WEBHOOK_API_STATE    1024
#define NGX_HTTP_WEBHOOK_API_WINDOW   128  /* or a quota */
#define NGX_HTTP_WEBHOOK_API_BACKLOG  256

/* times that a command is repeated over a newer state out of the store */
#define NGX_HTTP_WEBHOOK_API_TRIES    3


/* NGX_DECLINED: it is so already; NGX_ABORT: it is disabled */
typedef ngx_int_t (*ngx_http_webhook_api_command_pt)(
    ngx_http_webhook_endpoint_t *ep, uint64_t now);


/* a command whose end is not in the store yet */

typedef struct {
    ngx_http_webhook_api_t          *api;
    ngx_http_webhook_endpoint_t     *endpoint;
    ngx_http_webhook_api_command_pt  run;
    ngx_uint_t                       tries;
} ngx_http_webhook_api_command_t;


static ngx_int_t ngx_http_webhook_api_put_endpoint(
    ngx_http_webhook_api_t *api, ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t stored);
static ngx_int_t ngx_http_webhook_api_command(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_command_pt run);
static ngx_int_t ngx_http_webhook_api_do(ngx_http_webhook_api_command_t *cmd);
static void ngx_http_webhook_api_done(void *data, ngx_int_t rc);
static ngx_int_t ngx_http_webhook_api_put_result(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep);
static ngx_uint_t ngx_http_webhook_api_obeyed(
    ngx_http_webhook_api_command_t *cmd, wh_state_t *s);
static size_t ngx_http_webhook_api_size(ngx_http_webhook_endpoint_t *ep);
static u_char *ngx_http_webhook_api_state(u_char *p,
    ngx_http_webhook_endpoint_t *ep, ngx_uint_t stored);
static u_char *ngx_http_webhook_api_window(u_char *p, wh_limit_t *limit,
    uint64_t now);
static u_char *ngx_http_webhook_api_backlog(u_char *p,
    ngx_http_webhook_endpoint_t *ep);
static u_char *ngx_http_webhook_api_quota(u_char *p, char *name,
    wh_quota_t *quota, uint64_t now);
static int ngx_http_webhook_api_queued(ngx_http_webhook_page_t *page,
    ngx_http_webhook_letter_t *letter);


static ngx_http_webhook_api_pages_t  ngx_http_webhook_api_queue_pages = {
    1,
    NGX_HTTP_WEBHOOK_KEY_SIZE - 1,
    ngx_http_webhook_queue_page,
    ngx_http_webhook_api_queued,
    NULL,
    NULL,
    NULL
};


ngx_int_t
ngx_http_webhook_api_endpoint(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_http_webhook_endpoint_t  *ep;

    ep = ngx_http_webhook_api_named(api, &rc);
    if (ep == NULL) {
        return rc;
    }

    if (ngx_http_webhook_api_put(api, ep) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


ngx_http_webhook_endpoint_t *
ngx_http_webhook_api_named(ngx_http_webhook_api_t *api, ngx_int_t *rc)
{
    ngx_http_webhook_endpoint_t  *ep;

    ep = ngx_http_webhook_endpoint_find(api->main, &api->name);

    if (ep == NULL) {
        *rc = ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
                                         "no_such_endpoint",
                                         "There is no endpoint \"%V\".",
                                         &api->name);
    }

    return ep;
}


ngx_int_t
ngx_http_webhook_api_put(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep)
{
    return ngx_http_webhook_api_put_endpoint(api, ep,
                                         ngx_http_webhook_disable_stored(ep));
}


static ngx_int_t
ngx_http_webhook_api_put_endpoint(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep, ngx_uint_t stored)
{
    u_char  *p;

    p = (u_char *) wh_buf_need(&api->out, ngx_http_webhook_api_size(ep));
    if (p == NULL) {
        return NGX_ERROR;
    }

    api->out.len += ngx_http_webhook_api_state(p, ep, stored) - p;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_enable(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_command(api,
                                        ngx_http_webhook_enable_by_operator);
}


ngx_int_t
ngx_http_webhook_api_disable(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_command(api,
                                        ngx_http_webhook_disable_by_operator);
}


ngx_int_t
ngx_http_webhook_api_pause(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_command(api,
                                        ngx_http_webhook_pause_by_operator);
}


ngx_int_t
ngx_http_webhook_api_resume(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_command(api,
                                        ngx_http_webhook_resume_by_operator);
}


static ngx_int_t
ngx_http_webhook_api_command(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_command_pt run)
{
    ngx_int_t                        rc;
    ngx_http_webhook_endpoint_t     *ep;
    ngx_http_webhook_api_command_t  *cmd;

    ep = ngx_http_webhook_api_named(api, &rc);
    if (ep == NULL) {
        return rc;
    }

    cmd = ngx_pcalloc(api->request->pool,
                      sizeof(ngx_http_webhook_api_command_t));
    if (cmd == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cmd->api = api;
    cmd->endpoint = ep;
    cmd->run = run;

    rc = ngx_http_webhook_api_do(cmd);

    if (rc == NGX_DONE) {
        api->request->main->count++;
    }

    return rc;
}


/* NGX_DONE: it is done, but not answered yet; else as of an answer */

static ngx_int_t
ngx_http_webhook_api_do(ngx_http_webhook_api_command_t *cmd)
{
    uint64_t                      now;
    ngx_int_t                     rc;
    ngx_http_webhook_api_t       *api;
    ngx_http_webhook_endpoint_t  *ep;

    api = cmd->api;
    ep = cmd->endpoint;
    now = ngx_http_webhook_store_now();

    rc = cmd->run(ep, now);

    if (rc == NGX_ABORT) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "endpoint_disabled", "\"%V\" is disabled, only an endpoint "
                   "that is not can be paused.", &ep->name);
    }

    /* what was so already is no error: commands may be repeated */

    if (rc == NGX_OK) {
        ngx_http_webhook_delivery_changed(ep->main);
    }

    rc = ngx_http_webhook_states_wait(ep, api->request->pool,
                                      ngx_http_webhook_api_done, cmd);

    if (rc == NGX_AGAIN) {
        return NGX_DONE;
    }

    if (ngx_http_webhook_api_put_result(api, ep) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


static void
ngx_http_webhook_api_done(void *data, ngx_int_t rc)
{
    ngx_http_webhook_api_command_t *cmd = data;

    wh_state_t  s;

    ngx_http_webhook_disable_state(cmd->endpoint, ngx_http_webhook_store_now(),
                                   &s);

    /* it may be another one than was asked for */

    if (rc == NGX_ABORT
        && !ngx_http_webhook_api_obeyed(cmd, &s)
        && ++cmd->tries < NGX_HTTP_WEBHOOK_API_TRIES)
    {
        rc = ngx_http_webhook_api_do(cmd);

        if (rc == NGX_DONE) {
            return;
        }

    } else if (ngx_http_webhook_api_put_result(cmd->api, cmd->endpoint)
               == NGX_OK)
    {
        rc = ngx_http_webhook_api_answer(cmd->api, NGX_HTTP_OK);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_api_finish(cmd->api, rc);
}


/* what was counted or told meanwhile is no part of what was commanded */

static ngx_int_t
ngx_http_webhook_api_put_result(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep)
{
    return ngx_http_webhook_api_put_endpoint(api, ep,
                                   ngx_http_webhook_disable_state_stored(ep));
}


static ngx_uint_t
ngx_http_webhook_api_obeyed(ngx_http_webhook_api_command_t *cmd,
    wh_state_t *s)
{
    if (cmd->run == ngx_http_webhook_enable_by_operator) {
        return s->reason == WH_STATE_ENABLED;
    }

    if (cmd->run == ngx_http_webhook_disable_by_operator) {
        return s->reason == WH_STATE_OPERATOR;
    }

    return (s->reason == WH_STATE_PAUSE)
           == (cmd->run == ngx_http_webhook_pause_by_operator);
}


/*
 * What is in the warehouse; what is younger than about a second is in the
 * journal alone, and counted as far as this worker has it.
 */

ngx_int_t
ngx_http_webhook_api_queue(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_http_webhook_endpoint_t  *ep;

    ep = ngx_http_webhook_api_named(api, &rc);
    if (ep == NULL) {
        return rc;
    }

    api->filter.endpoint.data = (char *) ep->name.data;
    api->filter.endpoint.len = ep->name.len;

    (void) wh_buf_putc(&api->out, '{');
    ngx_http_webhook_api_put_number(&api->out, "journal",
                            ngx_http_webhook_store_unmoved(api->store,
                                                           &ep->name));
    (void) wh_buf_put_literal(&api->out, ",\"deliveries\":[");

    return ngx_http_webhook_api_page(api, &ngx_http_webhook_api_queue_pages, 0);
}


static int
ngx_http_webhook_api_queued(ngx_http_webhook_page_t *page,
    ngx_http_webhook_letter_t *letter)
{
    wh_buf_t  *b;
    wh_str_t   text;

    b = ngx_http_webhook_api_page_element(page);

    ngx_http_webhook_api_put_text(b, "event", &letter->event);
    ngx_http_webhook_api_put_text(b, "id", &letter->id);

    text.data = (char *) letter->lane.data;
    text.len = letter->lane.len;
    ngx_http_webhook_api_put_text(b, "lane", &text);

    ngx_http_webhook_api_put_number(b, "time", letter->progress.time);
    ngx_http_webhook_api_put_number(b, "planned", letter->progress.planned);
    ngx_http_webhook_api_put_progress(b, &letter->progress);

    (void) wh_buf_putc(b, '}');

    return b->err ? ENOMEM : 0;
}


static size_t
ngx_http_webhook_api_size(ngx_http_webhook_endpoint_t *ep)
{
    return NGX_HTTP_WEBHOOK_API_STATE
           + (ep->policy.nlimits + 3) * NGX_HTTP_WEBHOOK_API_WINDOW
           + NGX_HTTP_WEBHOOK_API_BACKLOG
           + ep->name.len
           + ngx_http_webhook_zone_name(ep->zone)->len * 6;
}


static u_char *
ngx_http_webhook_api_state(u_char *p, ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t stored)
{
    uint64_t                      now;
    ngx_str_t                    *zone;
    wh_state_t                    s;
    ngx_uint_t                    i;
    wh_limit_t                   *limit;
    ngx_http_webhook_counters_t  *c;

    c = ep->counters;
    now = ngx_http_webhook_store_now();

    ngx_http_webhook_disable_state(ep, now, &s);

    p = ngx_sprintf(p, "{\"name\":\"%V\",\"zone\":\"", &ep->name);

    zone = ngx_http_webhook_zone_name(ep->zone);

    p = (u_char *) ngx_escape_json(p, zone->data, zone->len);

    p = ngx_sprintf(p, "\",\"state\":\"%s\"",
                    s.reason == WH_STATE_ENABLED ? "enabled"
                    : wh_state_paused(&s) ? "paused"
                    : s.probing ? "probing" : "disabled");

    if (s.reason != WH_STATE_ENABLED) {
        p = ngx_sprintf(p, ",\"reason\":\"%s\",\"failures\":%uD,"
                        "\"since\":%uL",
                        ngx_http_webhook_disable_reason(s.reason), s.count,
                        s.since);

        if (s.until) {
            p = ngx_sprintf(p, ",\"until\":%uL", s.until);
        }

        if (s.probe) {
            p = ngx_sprintf(p, ",\"probe\":%uL", s.probe);
        }
    }

    p = ngx_sprintf(p, ",\"stored\":%s,\"failures_in_a_row\":%uL,"
                    "\"windows\":[",
                    stored ? "true" : "false",
                    (uint64_t) c->cell.row);

    for (i = 0; i < ep->policy.nlimits; i++) {
        if (i) {
            *p++ = ',';
        }

        p = ngx_http_webhook_api_window(p, &ep->policy.limits[i], now);
    }

    *p++ = ']';

    limit = &ngx_http_webhook_zone_policy(ep->zone)->limit;

    if (limit->n) {
        p = ngx_sprintf(p, ",\"zone_window\":");
        p = ngx_http_webhook_api_window(p, limit, now);
    }

    p = ngx_http_webhook_api_quota(p, "quota", &ep->policy.quota, now);
    p = ngx_http_webhook_api_quota(p, "zone_quota", &ep->policy.zone->quota,
                                   now);

    p = ngx_http_webhook_api_backlog(p, ep);

    p = ngx_sprintf(p, ",\"ends\":{");

    for (i = 0; i < WH_NEND; i++) {
        p = ngx_sprintf(p, "%s\"%s\":%uA", i ? "," : "",
                        ngx_http_webhook_zone_end_name(i), c->ends[i]);
    }

    return ngx_cpymem(p, "}}", 2);
}


static u_char *
ngx_http_webhook_api_window(u_char *p, wh_limit_t *limit, uint64_t now)
{
    return ngx_sprintf(p, "{\"tolerated\":%uD,\"time\":%uL,\"failures\":%uD}",
                       limit->n, limit->time,
                       wh_window_count(limit->window, limit->n, limit->time,
                                       now));
}


static u_char *
ngx_http_webhook_api_backlog(u_char *p, ngx_http_webhook_endpoint_t *ep)
{
    uint64_t                   oldest;
    wh_amount_t                total, *most;
    ngx_http_webhook_store_t  *st;

    st = ep->main->worker->store;
    most = &ep->backlog.most;

    ngx_http_webhook_store_backlog(st, ep, &total);
    oldest = ngx_http_webhook_store_oldest(st, ep);

    p = ngx_sprintf(p, ",\"backlog\":{\"events\":%L,\"octets\":%L,"
                    "\"oldest\":", total.events, total.octets);

    /* workers tell it from time to time */

    if (total.events && oldest) {
        p = ngx_sprintf(p, "%uL", oldest);

    } else {
        p = ngx_cpymem(p, "null", 4);
    }

    return ngx_sprintf(p, ",\"limit\":{\"%s\":%L},\"overflow\":\"%s\"}",
                       most->events ? "events" : "octets",
                       most->events ? most->events : most->octets,
                       ngx_http_webhook_flow_overflow(ep->backlog.overflow));
}


static u_char *
ngx_http_webhook_api_quota(u_char *p, char *name, wh_quota_t *quota,
    uint64_t now)
{
    uint32_t  used;
    uint64_t  until;

    if (quota->n == 0) {
        return p;
    }

    used = wh_quota_used(quota, now, &until);

    return ngx_sprintf(p, ",\"%s\":{\"limit\":%uD,\"time\":%uL,"
                       "\"used\":%uD,\"until\":%uL}", name, quota->n,
                       quota->time, used, until);
}
