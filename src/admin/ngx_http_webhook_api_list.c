
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The list of endpoints, of which there may be thousands.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_meter.h"


#define NGX_HTTP_WEBHOOK_API_TURN  200000  /* ns of a turn, about */


typedef struct {
    ngx_http_webhook_api_t  *api;
    ngx_event_t              turn;
    ngx_uint_t               next;
} ngx_http_webhook_api_list_t;


static ngx_int_t ngx_http_webhook_api_list_slice(
    ngx_http_webhook_api_list_t *list, uint64_t since);
static ngx_int_t ngx_http_webhook_api_list_answer(
    ngx_http_webhook_api_list_t *list, ngx_int_t rc);
static void ngx_http_webhook_api_list_turn(ngx_event_t *ev);


ngx_int_t
ngx_http_webhook_api_endpoints(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_http_webhook_api_list_t  *list;

    list = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_api_list_t));
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list->api = api;

    (void) wh_buf_put_literal(&api->out, "{\"endpoints\":[");

    rc = ngx_http_webhook_api_list_slice(list, ngx_http_webhook_meter_now());

    if (rc != NGX_AGAIN) {
        return ngx_http_webhook_api_list_answer(list, rc);
    }

    list->turn.handler = ngx_http_webhook_api_list_turn;
    list->turn.data = list;
    list->turn.log = ngx_cycle->log;

    ngx_post_event(&list->turn, &ngx_posted_next_events);

    return ngx_http_webhook_api_wait(api);
}


/* NGX_OK; NGX_AGAIN: more follows in another turn; NGX_ERROR: no memory */

static ngx_int_t
ngx_http_webhook_api_list_slice(ngx_http_webhook_api_list_t *list,
    uint64_t since)
{
    ngx_http_webhook_api_t        *api;
    ngx_http_webhook_endpoint_t  **ep;

    api = list->api;
    ep = api->main->endpoints.elts;

    while (list->next < api->main->endpoints.nelts) {

        if (list->next) {
            (void) wh_buf_putc(&api->out, ',');
        }

        if (ngx_http_webhook_api_put(api, ep[list->next++]) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_webhook_meter_now() - since > NGX_HTTP_WEBHOOK_API_TURN
            && list->next < api->main->endpoints.nelts)
        {
            return NGX_AGAIN;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_api_list_answer(ngx_http_webhook_api_list_t *list,
    ngx_int_t rc)
{
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) wh_buf_put_literal(&list->api->out, "]}");

    return ngx_http_webhook_api_answer(list->api, NGX_HTTP_OK);
}


static void
ngx_http_webhook_api_list_turn(ngx_event_t *ev)
{
    uint64_t                       since;
    ngx_int_t                      rc;
    ngx_http_webhook_api_t        *api;
    ngx_http_webhook_main_conf_t  *wmcf;
    ngx_http_webhook_api_list_t   *list;

    list = ev->data;
    api = list->api;

    if (api->request == NULL) {
        (void) ngx_http_webhook_api_waits(api);
        return;
    }

    wmcf = api->main;
    since = ngx_http_webhook_meter_now();

    rc = ngx_http_webhook_api_list_slice(list, since);

    if (rc == NGX_AGAIN) {
        ngx_post_event(ev, &ngx_posted_next_events);

    } else {
        (void) ngx_http_webhook_api_waits(api);

        rc = ngx_http_webhook_api_list_answer(list, rc);
        ngx_http_webhook_api_finish(api, rc);
    }

    ngx_http_webhook_meter_held(wmcf, since);
}
