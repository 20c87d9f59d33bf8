
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A test: an event of an operator's, rendered and sent as any other, but at
 * once and by this worker.  It waits for no lane, no rate and no quota, also
 * of an endpoint that is disabled, and its outcome counts for nothing: it is
 * told, and kept in the history.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_random.h"
#include "ngx_http_webhook_record.h"

#include "wh_id.h"


static ngx_int_t ngx_http_webhook_api_test_render(
    ngx_http_webhook_api_t *api, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_api_test_done(ngx_http_webhook_attempt_t *a);


ngx_int_t
ngx_http_webhook_api_test(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_attempt_t  *a;

    rc = ngx_http_webhook_api_test_make(api, &a);

    if (a == NULL) {
        return rc;
    }

    if (!ngx_http_webhook_attempt_room(a->endpoint)) {
        ngx_http_webhook_attempt_discard(a);
        return ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                   "no_connection", "This worker has no connection free for "
                   "the endpoint, see \"webhook_connections\".");
    }

    a->handler = ngx_http_webhook_api_test_done;
    a->data = api;

    (void) ngx_http_webhook_api_wait(api);

    ngx_http_webhook_delivery_alone(a);

    return NGX_DONE;
}


ngx_int_t
ngx_http_webhook_api_test_make(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t **attempt)
{
    ngx_int_t                     rc;
    ngx_http_webhook_attempt_t   *a;
    ngx_http_webhook_endpoint_t  *ep;

    *attempt = NULL;

    ep = ngx_http_webhook_api_named(api, &rc);
    if (ep == NULL) {
        return rc;
    }

    if (ep->mailbox) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "cannot_render", "\"%V\" is for mail.", &ep->name);
    }

    a = ngx_http_webhook_attempt_create(ep, ngx_cycle->log);
    if (a == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->number = 1;
    a->permit = -1;
    a->whole = 1;

    rc = ngx_http_webhook_api_test_render(api, ep, a);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_api_test_finish(api, a);
    }

    if (rc == NGX_OK) {
        *attempt = a;
        return NGX_OK;
    }

    ngx_http_webhook_attempt_discard(a);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
               "cannot_render", "No request can be made of a test event: %s.",
               rc == NGX_ABORT ? "the payload is a body, and it has none"
               : rc == NGX_BUSY ? "the URL would be too long"
               : rc == NGX_AGAIN
                 ? "its values make no valid URL, see the error log"
               : api->data ? (char *) api->data : "it is too large");
}


static ngx_int_t
ngx_http_webhook_api_test_render(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_attempt_t *a)
{
    u_char                     random[10];
    wh_buf_t                   out;
    ngx_int_t                  rc;
    ngx_http_webhook_event_t   evt;

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));
    ngx_memzero(&out, sizeof(wh_buf_t));

    evt.time = ngx_http_webhook_store_now();
    ngx_str_set(&evt.type, "webhook.test");

    evt.id.len = 36;
    evt.id.data = ngx_pnalloc(a->pool, evt.id.len);
    if (evt.id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_random(api->main->worker, random, sizeof(random));
    wh_uuid7((char *) evt.id.data, evt.time, random);

    out.max = api->main->max_event_size;
    out.grow = ngx_http_webhook_payload_grow;
    out.ctx = a->pool;

    rc = ngx_http_webhook_payload_render(api->request, ep->payload, ep, &evt,
                                         &out);
    if (rc != NGX_OK) {
        return rc;
    }

    a->id = evt.id;
    a->event = evt.type;
    a->record.data = out.data;
    a->record.len = out.len;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_test_finish(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t *a)
{
    char                               *reason;
    ngx_int_t                           rc;
    ngx_http_webhook_attempt_values_t   v;

    v.number = 1;
    v.time = ngx_http_webhook_store_now();

    ngx_http_webhook_random(api->main->worker, v.span, sizeof(v.span));

    reason = NULL;
    rc = ngx_http_webhook_payload_finish(a->pool, a->endpoint, a->record, &v,
                                         &a->request, &a->url, &reason);
    api->data = reason;

    return rc;
}


static void
ngx_http_webhook_api_test_done(ngx_http_webhook_attempt_t *a)
{
    wh_buf_t                   *b;
    ngx_int_t                   rc;
    ngx_http_webhook_api_t     *api;
    ngx_http_webhook_record_t   rec;

    api = a->data;

    ngx_queue_remove(&a->queue);

    ngx_http_webhook_record(api->store, a,
                            ngx_http_webhook_store_number(api->store), 0,
                            WH_ROW_TEST);

    if (!ngx_http_webhook_api_waits(api)) {
        return;
    }

    if (a->class == NGX_HTTP_WEBHOOK_LOCAL) {
        rc = ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                 "no_resources", "This worker has not the resources for an "
                 "attempt; see the error log.");

    } else if (ngx_http_webhook_record_make(a, &rec) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rec.row.time = ngx_http_webhook_store_now();
        rec.row.flags |= WH_ROW_TEST|WH_ROW_BODY;

        b = &api->out;

        (void) wh_buf_putc(b, '{');
        ngx_http_webhook_api_put_row(b, &rec.row);
        ngx_http_webhook_api_put_more(b, &rec.row, &rec.more, &rec.body);
        (void) wh_buf_putc(b, '}');

        rc = ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
    }

    ngx_http_webhook_api_finish(api, rc);
}
