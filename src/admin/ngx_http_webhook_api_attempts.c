
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The history of attempts.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_history.h"


static int ngx_http_webhook_api_attempts_row(ngx_http_webhook_page_t *page,
    u_char *key, wh_row_t *row, wh_row_more_t *more, wh_str_t *body);
static ngx_int_t ngx_http_webhook_api_attempts_unknown(
    ngx_http_webhook_api_t *api);
static void ngx_http_webhook_api_attempts_lost(ngx_http_webhook_api_t *api);
static void ngx_http_webhook_api_forget_done(ngx_http_webhook_job_t *job);
static void ngx_http_webhook_api_put_time(wh_buf_t *b, char *name,
    uint32_t ms);


static ngx_http_webhook_api_pages_t  ngx_http_webhook_api_attempts_pages = {
    NGX_HTTP_WEBHOOK_ATTEMPT_KEY,
    NGX_HTTP_WEBHOOK_ATTEMPT_KEY,
    ngx_http_webhook_history_page,
    NULL,
    ngx_http_webhook_api_attempts_row,
    ngx_http_webhook_api_attempts_unknown,
    ngx_http_webhook_api_attempts_lost
};


ngx_int_t
ngx_http_webhook_api_attempts(ngx_http_webhook_api_t *api)
{
    (void) wh_buf_put_literal(&api->out, "{\"attempts\":[");

    return ngx_http_webhook_api_page(api, &ngx_http_webhook_api_attempts_pages,
                                     0);
}


ngx_int_t
ngx_http_webhook_api_attempt(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_page(api, &ngx_http_webhook_api_attempts_pages,
                                     1);
}


/* in a thread */

static int
ngx_http_webhook_api_attempts_row(ngx_http_webhook_page_t *page, u_char *key,
    wh_row_t *row, wh_row_more_t *more, wh_str_t *body)
{
    wh_buf_t  *b;

    b = ngx_http_webhook_api_page_element(page);

    ngx_http_webhook_api_put_key(b, "key", key, NGX_HTTP_WEBHOOK_ATTEMPT_KEY);
    ngx_http_webhook_api_put_row(b, row);

    if (more) {
        ngx_http_webhook_api_put_more(b, row, more, body);
    }

    (void) wh_buf_putc(b, '}');

    return b->err ? ENOMEM : 0;
}


void
ngx_http_webhook_api_put_row(wh_buf_t *b, wh_row_t *row)
{
    wh_str_t  class;

    class.data = ngx_http_webhook_class_name(
                     row->outcome <= NGX_HTTP_WEBHOOK_BLOCKED
                     ? row->outcome : NGX_HTTP_WEBHOOK_BROKEN);
    class.len = ngx_strlen(class.data);

    ngx_http_webhook_api_put_number(b, "time", row->time);
    ngx_http_webhook_api_put_text(b, "endpoint", &row->endpoint);
    ngx_http_webhook_api_put_text(b, "event", &row->event);
    ngx_http_webhook_api_put_text(b, "id", &row->id);
    ngx_http_webhook_api_put_number(b, "attempt", row->attempt);
    ngx_http_webhook_api_put_text(b, "class", &class);
    ngx_http_webhook_api_put_number(b, "status", row->status);
    ngx_http_webhook_api_put_flag(b, "failed", row->flags & WH_ROW_FAILED);
    ngx_http_webhook_api_put_flag(b, "probe", row->flags & WH_ROW_PROBE);
    ngx_http_webhook_api_put_flag(b, "test", row->flags & WH_ROW_TEST);
    ngx_http_webhook_api_put_text(b, "method", &row->method);
    ngx_http_webhook_api_put_text(b, "url", &row->url);
    ngx_http_webhook_api_put_number(b, "duration",
                                    row->times[WH_ROW_TOTAL]);
    ngx_http_webhook_api_put_number(b, "worker", row->worker);
}


void
ngx_http_webhook_api_put_more(wh_buf_t *b, wh_row_t *row, wh_row_more_t *more,
    wh_str_t *body)
{
    size_t    n;
    wh_str_t  line;

    ngx_http_webhook_api_put_name(b, "timings");
    (void) wh_buf_putc(b, '{');
    ngx_http_webhook_api_put_time(b, "dns", row->times[WH_ROW_DNS]);
    ngx_http_webhook_api_put_time(b, "connect", row->times[WH_ROW_CONNECT]);
    ngx_http_webhook_api_put_time(b, "tls", row->times[WH_ROW_TLS]);
    ngx_http_webhook_api_put_time(b, "first_byte", row->times[WH_ROW_FIRST]);
    ngx_http_webhook_api_put_time(b, "total", row->times[WH_ROW_TOTAL]);
    ngx_http_webhook_api_put_flag(b, "reused", row->flags & WH_ROW_REUSED);
    (void) wh_buf_putc(b, '}');

    ngx_http_webhook_api_put_name(b, "request");
    (void) wh_buf_putc(b, '{');
    ngx_http_webhook_api_put_headers(b, "headers", &more->request);

    if (row->flags & WH_ROW_BODY) {
        ngx_http_webhook_api_put_octets(b, "body", body);
        ngx_http_webhook_api_put_flag(b, "cut", row->flags & WH_ROW_CUT);
    }

    (void) wh_buf_putc(b, '}');

    ngx_http_webhook_api_put_name(b, "response");
    (void) wh_buf_putc(b, '{');

    for (n = 0; n < more->response.len; n++) {
        if (more->response.data[n] == CR || more->response.data[n] == LF) {
            break;
        }
    }

    line.data = more->response.data;
    line.len = n;
    ngx_http_webhook_api_put_text(b, "line", &line);

    line.data = more->response.data + n;
    line.len = more->response.len - n;

    if (n) {
        while (line.len && (line.data[0] == CR || line.data[0] == LF)) {
            line.data++;
            line.len--;
        }
    }

    ngx_http_webhook_api_put_headers(b, "headers", &line);
    ngx_http_webhook_api_put_octets(b, "excerpt", &more->excerpt);

    (void) wh_buf_putc(b, '}');
}


static void
ngx_http_webhook_api_put_time(wh_buf_t *b, char *name, uint32_t ms)
{
    if (ms == WH_ROW_UNKNOWN) {
        ngx_http_webhook_api_put_name(b, name);
        (void) wh_buf_put_literal(b, "null");
        return;
    }

    ngx_http_webhook_api_put_number(b, name, ms);
}


static ngx_int_t
ngx_http_webhook_api_attempts_unknown(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
               "no_such_attempt", "There is no attempt of this key, or not "
               "any more.");
}


static void
ngx_http_webhook_api_attempts_lost(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_api_put_number(&api->out, "lost",
                              ngx_http_webhook_store_history_lost(api->store));
}


ngx_int_t
ngx_http_webhook_api_forget(ngx_http_webhook_api_t *api)
{
    ngx_int_t                   rc;
    ngx_http_webhook_forget_t  *f;

    f = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_forget_t));
    if (f == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (api->name.len) {
        f->single = 1;

        if (ngx_http_webhook_api_from(api,
                                      &ngx_http_webhook_api_attempts_pages, 1,
                                      f->from, &f->fromlen, &rc)
            != NGX_OK)
        {
            return rc;
        }

    } else if (!ngx_http_webhook_api_filtered(api)) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                   "no_filter", "Which ones?  Give a filter, or \"all=1\".");
    }

    f->job.run = ngx_http_webhook_forget_run;
    f->job.done = ngx_http_webhook_api_forget_done;
    f->job.data = api;
    f->filter = api->filter;

    (void) ngx_http_webhook_api_wait(api);

    ngx_http_webhook_job_write(api->store, &f->job);

    return NGX_DONE;
}


static void
ngx_http_webhook_api_forget_done(ngx_http_webhook_job_t *job)
{
    ngx_int_t                   rc;
    ngx_http_webhook_api_t     *api;
    ngx_http_webhook_forget_t  *f;

    f = (ngx_http_webhook_forget_t *) job;
    api = job->data;

    if (job->rc == NGX_OK) {
        f->done += f->ndone;
        f->fromlen = f->tolen;
        ngx_memcpy(f->from, f->to, f->tolen);

        if (job->more) {
            ngx_http_webhook_job_write(api->store, job);
            return;
        }
    }

    if (!ngx_http_webhook_api_waits(api)) {
        return;
    }

    if (job->rc == NGX_BUSY && f->done) {
        rc = ngx_http_webhook_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                 "store_busy", "The store could not be had in time: not all "
                 "attempts are forgotten, but %ui of them.", f->done);

    } else if (job->rc == NGX_DECLINED && f->done) {
        rc = ngx_http_webhook_api_error(api, NGX_HTTP_INSUFFICIENT_STORAGE,
                 "store_full", "The store has no room for this: not all "
                 "attempts are forgotten, but %ui of them.", f->done);

    } else if (job->rc != NGX_OK) {
        rc = ngx_http_webhook_api_failed(api, job->rc);

    } else if (f->single && f->done == 0) {
        rc = ngx_http_webhook_api_attempts_unknown(api);

    } else {
        (void) wh_buf_putc(&api->out, '{');
        ngx_http_webhook_api_put_number(&api->out, "forgotten", f->done);
        (void) wh_buf_putc(&api->out, '}');

        rc = ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
    }

    ngx_http_webhook_api_finish(api, rc);
}
