
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Lists: that of endpoints, of which there may be thousands, and those that
 * the store has.
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
static void ngx_http_webhook_api_page_done(ngx_http_webhook_job_t *job);


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


ngx_int_t
ngx_http_webhook_api_page(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_pages_t *pages, ngx_uint_t single)
{
    ngx_int_t                 rc;
    ngx_http_webhook_page_t  *page;

    page = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_page_t));
    if (page == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_from(api, pages, single, page->from,
                                  &page->fromlen, &rc)
        != NGX_OK)
    {
        return rc;
    }

    page->job.run = pages->run;
    page->job.done = ngx_http_webhook_api_page_done;
    page->filter = api->filter;
    page->limit = api->limit;
    page->single = single;
    page->letter = pages->letter;
    page->row = pages->row;
    page->data = api;

    api->data = pages;

    if (ngx_http_webhook_job_read(api->store, &page->job, api->pool)
        != NGX_OK)
    {
        return ngx_http_webhook_api_failed(api, NGX_BUSY);
    }

    return ngx_http_webhook_api_wait(api);
}


static void
ngx_http_webhook_api_page_done(ngx_http_webhook_job_t *job)
{
    ngx_int_t                      rc;
    ngx_http_webhook_api_t        *api;
    ngx_http_webhook_page_t       *page;
    ngx_http_webhook_api_pages_t  *pages;

    page = (ngx_http_webhook_page_t *) job;
    api = page->data;
    pages = api->data;

    if (!ngx_http_webhook_api_waits(api)) {
        return;
    }

    if (job->rc != NGX_OK) {
        rc = ngx_http_webhook_api_failed(api, job->rc);

    } else if (page->single && page->found == 0) {
        rc = pages->unknown(api);

    } else {

        if (!page->single) {
            (void) wh_buf_putc(&api->out, ']');
            ngx_http_webhook_api_put_key(&api->out, "next",
                                         page->end ? NULL : page->from,
                                         page->fromlen);

            if (pages->rest) {
                pages->rest(api);
            }

            (void) wh_buf_putc(&api->out, '}');
        }

        rc = ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
    }

    ngx_http_webhook_api_finish(api, rc);
}


wh_buf_t *
ngx_http_webhook_api_page_element(ngx_http_webhook_page_t *page)
{
    wh_buf_t                *b;
    ngx_http_webhook_api_t  *api;

    api = page->data;
    b = &api->out;

    if (page->found && !page->single) {
        (void) wh_buf_putc(b, ',');
    }

    (void) wh_buf_putc(b, '{');

    return b;
}


ngx_int_t
ngx_http_webhook_api_from(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_pages_t *pages, ngx_uint_t single, u_char *from,
    size_t *fromlen, ngx_int_t *rc)
{
    size_t    len;
    wh_str_t  key;

    key = api->cursor;

    if (single) {
        key.data = (char *) api->name.data;
        key.len = api->name.len;
    }

    if (key.len == 0) {
        return NGX_OK;
    }

    len = key.len / 2;

    if (len < pages->least || len > pages->most
        || ngx_http_webhook_api_octets(&key, from, len) != NGX_OK)
    {
        *rc = single ? pages->unknown(api)
                     : ngx_http_webhook_api_bad_cursor(api);
        return NGX_DECLINED;
    }

    *fromlen = len;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_bad_cursor(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
               "bad_cursor", "The cursor is not one of this list.");
}
