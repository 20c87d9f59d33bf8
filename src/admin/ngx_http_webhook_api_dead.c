
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Dead letters, and deliveries whose endpoint is not configured any more.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_record.h"

#include "wh_delivery.h"


static int ngx_http_webhook_api_dead_put(ngx_http_webhook_page_t *page,
    ngx_http_webhook_letter_t *letter);
static void ngx_http_webhook_api_dead_whole(ngx_http_webhook_api_t *api,
    ngx_http_webhook_letter_t *letter);
static ngx_int_t ngx_http_webhook_api_unknown(ngx_http_webhook_api_t *api);
static ngx_http_webhook_resend_t *ngx_http_webhook_api_resend(
    ngx_http_webhook_api_t *api, ngx_int_t *rc);
static ngx_int_t ngx_http_webhook_api_resend_start(
    ngx_http_webhook_api_t *api, ngx_http_webhook_resend_t *rs);
static void ngx_http_webhook_api_resend_done(ngx_http_webhook_job_t *job);
static ngx_int_t ngx_http_webhook_api_resend_answer(
    ngx_http_webhook_api_t *api, ngx_http_webhook_resend_t *rs);
static ngx_int_t ngx_http_webhook_api_orphan(ngx_http_webhook_api_t *api,
    ngx_http_webhook_resend_t **rs);
static void ngx_http_webhook_api_orphans_done(ngx_http_webhook_job_t *job);


static ngx_http_webhook_api_pages_t  ngx_http_webhook_api_dead_pages = {
    NGX_HTTP_WEBHOOK_DEAD_KEY,
    NGX_HTTP_WEBHOOK_DEAD_KEY,
    ngx_http_webhook_dead_page,
    ngx_http_webhook_api_dead_put,
    NULL,
    ngx_http_webhook_api_unknown,
    NULL
};


ngx_int_t
ngx_http_webhook_api_dead(ngx_http_webhook_api_t *api)
{
    (void) wh_buf_put_literal(&api->out, "{\"dead\":[");

    return ngx_http_webhook_api_page(api, &ngx_http_webhook_api_dead_pages, 0);
}


ngx_int_t
ngx_http_webhook_api_dead_one(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_page(api, &ngx_http_webhook_api_dead_pages, 1);
}


/* in a thread */

static int
ngx_http_webhook_api_dead_put(ngx_http_webhook_page_t *page,
    ngx_http_webhook_letter_t *letter)
{
    wh_buf_t       *b;
    wh_str_t        text;
    wh_progress_t  *progress;

    b = ngx_http_webhook_api_page_element(page);
    progress = &letter->progress;

    ngx_http_webhook_api_put_key(b, "key", letter->key, letter->keylen);

    text.data = (char *) letter->name.data;
    text.len = letter->name.len;
    ngx_http_webhook_api_put_text(b, "endpoint", &text);

    ngx_http_webhook_api_put_text(b, "event", &letter->event);
    ngx_http_webhook_api_put_text(b, "id", &letter->id);
    ngx_http_webhook_api_put_number(b, "time", progress->time);
    ngx_http_webhook_api_put_number(b, "ended", progress->ended);

    text.data = ngx_http_webhook_zone_end_name(progress->end < WH_NEND
                                               ? progress->end : WH_END_DEAD);
    text.len = ngx_strlen(text.data);
    ngx_http_webhook_api_put_text(b, "end", &text);

    ngx_http_webhook_api_put_progress(b, progress);

    if (page->single) {
        ngx_http_webhook_api_dead_whole(page->data, letter);
    }

    (void) wh_buf_putc(b, '}');

    return b->err ? ENOMEM : 0;
}


/*
 * As it was captured: what the configuration adds to an attempt, secrets
 * among it, is not in the record.
 */

static void
ngx_http_webhook_api_dead_whole(ngx_http_webhook_api_t *api,
    ngx_http_webhook_letter_t *letter)
{
    size_t                        pos, n;
    unsigned                      type;
    wh_buf_t                     *b;
    wh_str_t                      value, text;
    ngx_uint_t                    first;
    ngx_http_webhook_endpoint_t  *ep;

    b = &api->out;
    ep = ngx_http_webhook_endpoint_find(api->main, &letter->name);

    if (letter->lane.len) {
        text.data = (char *) letter->lane.data;
        text.len = letter->lane.len;
        ngx_http_webhook_api_put_octets(b, "lane", &text);
    }

    ngx_http_webhook_api_put_name(b, "headers");
    (void) wh_buf_putc(b, '[');

    first = 1;
    pos = 0;

    while (wh_delivery_next(letter->record, &pos, &type, &value) == WH_OK) {

        if (type != WH_FIELD_HEADER && type != WH_FIELD_CONTENT_TYPE
            && type != WH_FIELD_ENCODING)
        {
            continue;
        }

        if (!first) {
            (void) wh_buf_putc(b, ',');
        }

        (void) wh_buf_putc(b, '{');
        first = 0;

        n = 0;

        if (type == WH_FIELD_CONTENT_TYPE) {
            text.data = "Content-Type";
            text.len = 12;

        } else if (type == WH_FIELD_ENCODING) {
            text.data = "Content-Encoding";
            text.len = 16;

        } else {
            while (n < value.len && value.data[n] != ':') {
                n++;
            }

            text.data = value.data;
            text.len = n;
            n = ngx_min(n + 1, value.len);
        }

        value.data += n;
        value.len -= n;

        ngx_http_webhook_api_put_text(b, "name", &text);

        /*
         * of a variable, but it may be as secret as any; without its
         * endpoint nobody knows
         */

        if (type == WH_FIELD_HEADER
            && (ep == NULL || ngx_http_webhook_record_secret(ep, &text)))
        {
            value.data = "***";
            value.len = 3;
        }

        ngx_http_webhook_api_put_text(b, "value", &value);
        (void) wh_buf_putc(b, '}');
    }

    (void) wh_buf_putc(b, ']');

    if (wh_delivery_get(letter->record, WH_FIELD_BODY, &value) == WH_OK) {
        ngx_http_webhook_api_put_octets(b, "body", &value);
    }
}


static ngx_int_t
ngx_http_webhook_api_unknown(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
               "no_such_dead_letter", "There is no dead letter of this key, "
               "or not any more.");
}


ngx_int_t
ngx_http_webhook_api_dead_replay(ngx_http_webhook_api_t *api)
{
    ngx_int_t                   rc;
    ngx_http_webhook_resend_t  *rs;

    rs = ngx_http_webhook_api_resend(api, &rc);

    return rs ? ngx_http_webhook_api_resend_start(api, rs) : rc;
}


ngx_int_t
ngx_http_webhook_api_dead_purge(ngx_http_webhook_api_t *api)
{
    ngx_int_t                   rc;
    ngx_http_webhook_resend_t  *rs;

    if (api->name.len == 0 && !ngx_http_webhook_api_filtered(api)) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                   "no_filter", "Which ones?  Give a filter, or \"all=1\".");
    }

    rs = ngx_http_webhook_api_resend(api, &rc);

    if (rs == NULL) {
        return rc;
    }

    rs->purge = 1;

    return ngx_http_webhook_api_resend_start(api, rs);
}


static ngx_http_webhook_resend_t *
ngx_http_webhook_api_resend(ngx_http_webhook_api_t *api, ngx_int_t *rc)
{
    size_t                      n;
    ngx_http_webhook_resend_t  *rs;

    rs = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_resend_t));
    if (rs == NULL) {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NULL;
    }

    n = api->main->endpoints.nelts * sizeof(ngx_uint_t);

    rs->dropped = ngx_pcalloc(api->pool, 2 * n + 1);
    if (rs->dropped == NULL) {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NULL;
    }

    rs->ndropped = rs->dropped + api->main->endpoints.nelts;

    rs->single = (api->name.len != 0);

    if (ngx_http_webhook_api_from(api, &ngx_http_webhook_api_dead_pages,
                                  rs->single, rs->from, &rs->fromlen, rc)
        != NGX_OK)
    {
        return NULL;
    }

    rs->main = api->main;
    rs->filter = api->filter;
    rs->limit = api->limit;

    return rs;
}


static ngx_int_t
ngx_http_webhook_api_resend_start(ngx_http_webhook_api_t *api,
    ngx_http_webhook_resend_t *rs)
{
    api->data = rs;

    rs->job.run = ngx_http_webhook_resend_run;
    rs->job.done = ngx_http_webhook_api_resend_done;
    rs->job.data = api;
    rs->job.tells = !rs->purge;

    (void) ngx_http_webhook_api_wait(api);

    ngx_http_webhook_job_write(api->store, &rs->job);

    return NGX_DONE;
}


/* what was begun is done, whoever still waits for the answer */

static void
ngx_http_webhook_api_resend_done(ngx_http_webhook_job_t *job)
{
    ngx_int_t                       rc;
    ngx_uint_t                      i;
    ngx_http_webhook_api_t         *api;
    ngx_http_webhook_resend_t      *rs;
    ngx_http_webhook_counters_t    *counters;
    ngx_http_webhook_endpoint_t   **ep;

    rs = (ngx_http_webhook_resend_t *) job;
    api = job->data;

    if (job->rc == NGX_OK) {
        ngx_http_webhook_resend_told(api->store, rs);

        if (job->more && !rs->full && rs->done < rs->limit) {
            ngx_http_webhook_job_write(api->store, job);
            return;
        }
    }

    if (rs->done) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "webhook: %ui %s%s %s %s by an operator", rs->done,
                      rs->done == 1
                      ? (rs->orphans ? "delivery" : "dead letter")
                      : (rs->orphans ? "deliveries" : "dead letters"),
                      rs->orphans ? " of no endpoint" : "",
                      rs->done == 1 ? "is" : "are",
                      rs->purge ? "dropped" : "sent again");
    }

    ep = api->main->endpoints.elts;

    for (i = 0; rs->dropped && i < api->main->endpoints.nelts; i++) {
        counters = ep[i]->counters;

        if (rs->dropped[i]) {
            (void) ngx_atomic_fetch_add(&counters->ends[WH_END_DROPPED],
                                        rs->dropped[i]);
        }
    }

    if (!ngx_http_webhook_api_waits(api)) {
        return;
    }

    if (job->rc != NGX_OK && rs->done == 0) {
        rc = ngx_http_webhook_api_failed(api, job->rc);

    } else {
        rc = ngx_http_webhook_api_resend_answer(api, rs);
    }

    ngx_http_webhook_api_finish(api, rc);
}


static ngx_int_t
ngx_http_webhook_api_resend_answer(ngx_http_webhook_api_t *api,
    ngx_http_webhook_resend_t *rs)
{
    wh_buf_t    *b;
    ngx_uint_t   more;

    if (rs->full && rs->done == 0) {
        return ngx_http_webhook_api_failed(api, NGX_DECLINED);
    }

    if (rs->single && rs->unknown) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "no_such_endpoint", "The endpoint of this dead letter is "
                   "not configured.");
    }

    if (rs->single && rs->done == 0) {
        return ngx_http_webhook_api_unknown(api);
    }

    more = (rs->job.more || rs->full || rs->job.rc != NGX_OK);

    b = &api->out;

    (void) wh_buf_putc(b, '{');
    ngx_http_webhook_api_put_number(b, rs->purge ? "dropped"
                                       : rs->orphans ? "moved" : "replayed",
                                    rs->done);

    if (!rs->single) {

        if (!rs->purge && !rs->orphans) {
            ngx_http_webhook_api_put_number(b, "unknown", rs->unknown);
        }

        if (rs->orphans) {
            ngx_http_webhook_api_put_flag(b, "more", more);

        } else {
            ngx_http_webhook_api_put_key(b, "next",
                                         more && rs->fromlen ? rs->from
                                                             : NULL,
                                         NGX_HTTP_WEBHOOK_DEAD_KEY);
        }
    }

    (void) wh_buf_putc(b, '}');

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_webhook_api_orphans(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_orphans_t  *or;

    or = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_orphans_t));
    if (or == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    or->main = api->main;
    or->job.run = ngx_http_webhook_orphans_run;
    or->job.done = ngx_http_webhook_api_orphans_done;
    or->job.data = api;

    if (ngx_http_webhook_job_read(api->store, &or->job, api->pool) != NGX_OK) {
        return ngx_http_webhook_api_failed(api, NGX_BUSY);
    }

    return ngx_http_webhook_api_wait(api);
}


static void
ngx_http_webhook_api_orphans_done(ngx_http_webhook_job_t *job)
{
    wh_buf_t                    *b;
    wh_str_t                     name;
    ngx_int_t                    rc;
    ngx_http_webhook_api_t      *api;
    ngx_http_webhook_stray_t    *stray, *strays;
    ngx_http_webhook_orphans_t  *or;

    or = (ngx_http_webhook_orphans_t *) job;
    api = job->data;

    /* the job may be gone with the request */

    strays = or->strays;

    if (!ngx_http_webhook_api_waits(api)) {
        ngx_http_webhook_strays_free(strays);
        return;
    }

    if (job->rc != NGX_OK) {
        rc = ngx_http_webhook_api_failed(api, job->rc);

    } else {
        b = &api->out;

        (void) wh_buf_put_literal(b, "{\"orphans\":[");

        for (stray = strays; stray; stray = stray->next) {

            if (stray != strays) {
                (void) wh_buf_putc(b, ',');
            }

            name.data = (char *) stray->name.data;
            name.len = stray->name.len;

            (void) wh_buf_putc(b, '{');
            ngx_http_webhook_api_put_text(b, "endpoint", &name);
            ngx_http_webhook_api_put_number(b, "deliveries", stray->n);
            (void) wh_buf_putc(b, '}');
        }

        (void) wh_buf_putc(b, ']');
        ngx_http_webhook_api_put_flag(b, "complete", !job->more);
        (void) wh_buf_putc(b, '}');

        rc = ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
    }

    ngx_http_webhook_strays_free(strays);

    ngx_http_webhook_api_finish(api, rc);
}


/* NGX_OK: *rs is made; else it is answered */

static ngx_int_t
ngx_http_webhook_api_orphan(ngx_http_webhook_api_t *api,
    ngx_http_webhook_resend_t **rs)
{
    ngx_http_webhook_resend_t  *o;

    if (api->name.len > WH_NAME_MAX) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
                   "no_such_orphan", "No endpoint has such a name.");
    }

    if (ngx_http_webhook_endpoint_find(api->main, &api->name)) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "endpoint_configured", "The endpoint \"%V\" is "
                   "configured, its deliveries are no orphans.", &api->name);
    }

    o = ngx_pcalloc(api->pool, sizeof(ngx_http_webhook_resend_t));
    if (o == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    o->main = api->main;
    o->orphans = 1;
    o->limit = api->limit;
    o->filter.endpoint.len = api->name.len;
    o->filter.endpoint.data = (char *) ngx_pstrdup(api->pool, &api->name);

    if (o->filter.endpoint.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *rs = o;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_orphans_purge(ngx_http_webhook_api_t *api)
{
    ngx_int_t                   rc;
    ngx_http_webhook_resend_t  *rs;

    rs = NULL;
    rc = ngx_http_webhook_api_orphan(api, &rs);

    if (rs == NULL) {
        return rc;
    }

    rs->purge = 1;

    return ngx_http_webhook_api_resend_start(api, rs);
}


ngx_int_t
ngx_http_webhook_api_orphans_move(ngx_http_webhook_api_t *api)
{
    ngx_int_t                   rc;
    ngx_str_t                   to;
    ngx_http_webhook_resend_t  *rs;

    rs = NULL;
    rc = ngx_http_webhook_api_orphan(api, &rs);

    if (rs == NULL) {
        return rc;
    }

    to.data = (u_char *) api->to.data;
    to.len = api->to.len;

    if (to.len) {
        rs->to = ngx_http_webhook_endpoint_find(api->main, &to);
    }

    if (rs->to == NULL) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                   "no_such_endpoint", "\"to\" has to be the name of an "
                   "endpoint.");
    }

    return ngx_http_webhook_api_resend_start(api, rs);
}
