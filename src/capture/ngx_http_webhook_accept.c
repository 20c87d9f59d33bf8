
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook_accept;": applications post events themselves.
 */


#include "ngx_http_webhook_batch.h"
#include "wh_array.h"
#include "wh_escape.h"


/* elements of an array */
#define NGX_HTTP_WEBHOOK_ACCEPT_MAX   1024

/* of an element, and of each delivery that is tried, as octets of a slice */
#define NGX_HTTP_WEBHOOK_ACCEPT_COST  1024


struct ngx_http_webhook_accept_s {
    ngx_http_webhook_batch_t       batch;
    wh_buf_t                       records;
    wh_str_t                       text;
    size_t                         pos;       /* in the text */
    ngx_uint_t                     n;         /* elements */
    size_t                         max_record;
    ngx_http_webhook_raw_t         raw;       /* the element */
    ngx_array_t                    ids;       /* ngx_str_t, of elements */
    ngx_array_t                    fired;     /* ..._fired_t * */
    ngx_event_t                    event;     /* the next turn */

    unsigned                       begun:1;
    unsigned                       array:1;
    unsigned                       appended:1;
};


/* why an element, or all, is refused */

typedef struct {
    ngx_uint_t                     status;
    char                          *text;
    char                          *member;    /* "/type", or "" */
} ngx_http_webhook_refusal_t;


static void ngx_http_webhook_accept_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_accept_run(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_elements(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_commit(ngx_http_webhook_batch_t *b);
static void ngx_http_webhook_accept_turn_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_webhook_accept_element(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element,
    ngx_http_webhook_refusal_t *why);
static ngx_int_t ngx_http_webhook_accept_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element, wh_json_t **json,
    ngx_http_webhook_refusal_t *why);
static ngx_int_t ngx_http_webhook_accept_fire(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_refusal_t *why);
static ngx_http_webhook_fired_t *ngx_http_webhook_accept_fired(
    ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_trigger_t *t, ngx_http_webhook_event_t *evt);
static void ngx_http_webhook_accept_failed(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_refusal_t *why);
static ngx_int_t ngx_http_webhook_accept_refuse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_refusal_t *why,
    ngx_uint_t located);
static ngx_int_t ngx_http_webhook_accept_answer(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);
static ngx_int_t ngx_http_webhook_accept_send(ngx_http_request_t *r,
    ngx_uint_t status, wh_buf_t *b);


char *
ngx_http_webhook_accept_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (wlcf->accept) {
        return "is duplicate";
    }

    wlcf->accept = 1;
    wlcf->accept_file = cf->conf_file->file.name.data;
    wlcf->accept_line = cf->conf_file->line;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"webhook_accept\" must be the only directive "
                           "that answers, as \"proxy_pass\" does");
        return NGX_CONF_ERROR;
    }

    clcf->handler = ngx_http_webhook_accept_handler;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_accept_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_loc_conf_t  *wlcf;

    if (r->method != NGX_HTTP_POST) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ctx = ngx_http_webhook_ctx(r);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (r != r->main
        || ctx == NULL
        || ctx->conf != wlcf
        || ctx->triggers != wlcf->triggers)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"webhook_accept\" is for requests that come to its "
                      "location first");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->accept = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_accept_t));
    if (ctx->accept == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->hops = ngx_http_webhook_hops(r);

    rc = ngx_http_read_client_request_body(r,
                                        ngx_http_webhook_accept_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_webhook_accept_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_webhook_ctx(r);

    if (ngx_http_webhook_bodies_busy(ctx, NGX_HTTP_WEBHOOK_ON_REQUEST)) {
        return;
    }

    rc = ngx_http_webhook_accept_run(r, ctx);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


void
ngx_http_webhook_accept_go_on(ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_webhook_accept_run(r, ctx);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


void
ngx_http_webhook_accept_drop(ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t    *body;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    if (a->event.posted) {
        ngx_delete_posted_event(&a->event);
    }

    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    if (body) {
        ngx_http_webhook_account_free(body->account, a->records.data);
        ngx_memzero(&a->records, sizeof(wh_buf_t));
    }
}


/* NGX_DONE: it goes on later; other codes end the request */

static ngx_int_t
ngx_http_webhook_accept_run(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_int_t                    rc;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;

    if (a->appended) {
        return ngx_http_webhook_accept_answer(r, ctx);
    }

    rc = a->begun ? NGX_OK : ngx_http_webhook_accept_begin(r, ctx);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_accept_elements(r, ctx);
    }

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? NGX_OK : rc;
    }

    a->appended = 1;

    rc = ngx_http_webhook_accept_commit(&a->batch);

    if (rc == NGX_AGAIN) {
        return NGX_DONE;
    }

    if (rc == NGX_OK) {
        return ngx_http_webhook_accept_answer(r, ctx);
    }

    ngx_http_webhook_accept_failed(ctx, &why);

    rc = ngx_http_webhook_accept_refuse(r, ctx, &why, 0);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


/* NGX_OK: go on; other codes are of an answer, NGX_DECLINED is NGX_OK then */

static ngx_int_t
ngx_http_webhook_accept_begin(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    ngx_http_webhook_body_t     *body;
    ngx_http_webhook_store_t    *store;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;
    body = ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST];

    a->begun = 1;

    why.member = "";

    if (body == NULL) {
        why.status = NGX_HTTP_BAD_REQUEST;
        why.text = "the body is empty, it must be an event or an array of "
                   "events";
        goto refuse;
    }

    if (body->starved) {
        why.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why.text = "there is no memory for more events";
        goto refuse;
    }

    switch (body->state) {

    case NGX_HTTP_WEBHOOK_BODY_COMPLETE:
        break;

    case NGX_HTTP_WEBHOOK_BODY_TRUNCATED:
        why.status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why.text = "the body is larger than \"webhook_max_body_size\"";
        goto refuse;

    case NGX_HTTP_WEBHOOK_BODY_ENCODED:
        why.status = NGX_HTTP_UNSUPPORTED_MEDIA_TYPE;
        why.text = "the Content-Encoding must be gzip, deflate or none";
        goto refuse;

    default:
        why.status = NGX_HTTP_BAD_REQUEST;
        why.text = "the body is not of its Content-Encoding";
        goto refuse;
    }

    if (ngx_http_webhook_batch_init(&a->batch, r,
                                &ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE])
        != NGX_OK)
    {
        why.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why.text = "the store is out of order";
        goto refuse;
    }

    if (ngx_array_init(&a->ids, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&a->fired, r->pool, 4, sizeof(void *)) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* it may take several turns, the worker's buffer is for one */

    a->records.grow = ngx_http_webhook_body_grow;
    a->records.ctx = body;

    a->batch.buf = &a->records;
    a->batch.whole = 1;

    a->text.len = body->raw.len;
    a->text.data = body->raw.data;

    store = a->batch.main->worker->store;
    a->max_record = ngx_http_webhook_store_max_record(store);
    ngx_str_set(&a->raw.type, "application/json");

    a->array = wh_array_is(a->text);

    return NGX_OK;

refuse:

    return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
}


/* with full=reject room may be there, but promised to others */

static ngx_int_t
ngx_http_webhook_accept_commit(ngx_http_webhook_batch_t *b)
{
    size_t                     size;
    ngx_http_webhook_store_t  *st;

    ngx_http_webhook_unpromise(b->stage->ctx);

    if (!ngx_http_webhook_batch_room(b)) {
        b->failed = NGX_HTTP_WEBHOOK_DROP_OVERFLOW;
        return NGX_DECLINED;
    }

    if (b->pending.nelts
        && ngx_http_webhook_store_rejects(b->main->store))
    {
        st = b->main->worker->store;

        size = b->buf->len + b->pending.nelts * NGX_HTTP_WEBHOOK_OVERHEAD;

        if (ngx_http_webhook_store_reserve(st, size) != NGX_OK) {
            b->failed = NGX_HTTP_WEBHOOK_DROP_FULL;
            return NGX_DECLINED;
        }

        ngx_http_webhook_store_unreserve(st, size);
    }

    return ngx_http_webhook_batch_commit(b);
}


static ngx_int_t
ngx_http_webhook_accept_elements(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    int                          rc;
    size_t                       cost, left;
    wh_str_t                     element;
    ngx_http_webhook_accept_t   *a;
    ngx_http_webhook_refusal_t   why;

    a = ctx->accept;

    left = NGX_HTTP_WEBHOOK_SLICE;

    for ( ;; ) {

        if (a->array) {
            rc = wh_array_next(a->text, &a->pos, &element);

        } else {
            rc = a->n ? WH_AGAIN : WH_OK;
            element = a->text;
        }

        if (rc == WH_AGAIN) {
            return NGX_OK;
        }

        if (rc != WH_OK) {
            why.status = NGX_HTTP_BAD_REQUEST;
            why.text = "the body is not a JSON array";
            why.member = "";

            return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
        }

        if (a->n == NGX_HTTP_WEBHOOK_ACCEPT_MAX) {
            why.status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
            why.text = "there are more than 1024 events";
            why.member = "";

            return ngx_http_webhook_accept_refuse(r, ctx, &why, 0);
        }

        cost = a->batch.tried;

        if (ngx_http_webhook_accept_element(r, ctx, &element, &why)
            != NGX_OK)
        {
            return ngx_http_webhook_accept_refuse(r, ctx, &why, 1);
        }

        a->n++;

        cost = element.len
               + (a->batch.tried - cost + 1) * NGX_HTTP_WEBHOOK_ACCEPT_COST;

        if (cost >= left) {
            break;
        }

        left -= cost;
    }

    a->event.data = ctx;
    a->event.handler = ngx_http_webhook_accept_turn_handler;
    a->event.log = r->connection->log;

    ngx_post_event(&a->event, &ngx_posted_next_events);

    return NGX_DONE;
}


static void
ngx_http_webhook_accept_turn_handler(ngx_event_t *ev)
{
    ngx_http_webhook_accept_go_on(ev->data);
}


static ngx_int_t
ngx_http_webhook_accept_element(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element,
    ngx_http_webhook_refusal_t *why)
{
    ngx_int_t                  rc;
    wh_json_t                 *json;
    const wh_json_value_t     *jv;
    ngx_http_webhook_event_t   evt;

    rc = ngx_http_webhook_accept_parse(r, ctx, element, &json, why);

    if (rc != NGX_OK) {
        wh_json_destroy(json);
        return rc;
    }

    ngx_memzero(&evt, sizeof(ngx_http_webhook_event_t));

    evt.time = ctx->accept->batch.now;
    evt.hops = ctx->hops;

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_TYPE);

    evt.type.len = jv->text.len;
    evt.type.data = (u_char *) jv->text.data;

    if (jv->kind != WH_JSON_STRING
        || ngx_http_webhook_event_ok(&evt.type, 0) != NGX_OK)
    {
        why->text = "the type must be a string of 1 to 128 octets of labels "
                    "of letters, digits and \"_\", joined by \".\"";
        why->member = "/type";
        goto refuse;
    }

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_ID);

    if (jv->kind != WH_JSON_NONE || jv->truncated) {
        evt.id.len = jv->text.len;
        evt.id.data = (u_char *) jv->text.data;

        if (jv->kind != WH_JSON_STRING || !ngx_http_webhook_id_ok(&evt.id)) {
            why->text = "the id must be a string of 1 to 128 of A-Z, a-z, "
                        "0-9, \"_\" and \"-\"";
            why->member = "/id";
            goto refuse;
        }
    }

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_DATA);

    evt.data.len = jv->text.len;
    evt.data.data = (u_char *) jv->text.data;

    if (jv->truncated) {
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the values of the event are larger than twice "
                    "\"webhook_max_event_size\"";
        wh_json_destroy(json);
        return NGX_ERROR;
    }

    if (jv->kind == WH_JSON_NONE) {
        ngx_str_set(&evt.data, "null");
    }

    ctx->element = json;
    ctx->accept->raw.octets.len = element->len;
    ctx->accept->raw.octets.data = (u_char *) element->data;

    rc = ngx_http_webhook_accept_fire(r, ctx, &evt, why);

    ctx->element = NULL;

    wh_json_destroy(json);

    return rc;

refuse:

    why->status = NGX_HTTP_BAD_REQUEST;

    wh_json_destroy(json);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_accept_parse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, wh_str_t *element, wh_json_t **json,
    ngx_http_webhook_refusal_t *why)
{
    int                            rc;
    wh_alloc_t                mem;
    ngx_http_webhook_main_conf_t  *wmcf;

    *json = NULL;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    why->member = "";

    if (element->len > wmcf->max_event_size) {
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event is larger than \"webhook_max_event_size\"";
        return NGX_ERROR;
    }

    ngx_http_webhook_body_memory(ctx->bodies[NGX_HTTP_WEBHOOK_REQUEST], &mem);

    /* no value is longer than the element, but several may be the same */

    *json = wh_json_create(
                       ctx->conf->values->pointers[NGX_HTTP_WEBHOOK_REQUEST],
                       2 * wmcf->max_event_size, &mem);

    rc = *json ? wh_json_feed(*json, element->data, element->len) : WH_NOMEM;

    if (rc == WH_OK) {
        rc = wh_json_finish(*json);
    }

    if (rc == WH_NOMEM) {
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "there is no memory for more events";
        return NGX_ERROR;
    }

    why->status = NGX_HTTP_BAD_REQUEST;

    if (rc != WH_OK) {
        why->text = "the event is not JSON in UTF-8, or too deep";
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_accept_fire(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_event_t *evt,
    ngx_http_webhook_refusal_t *why)
{
    ngx_int_t                     rc;
    ngx_str_t                    *id;
    ngx_uint_t                    i, n;
    ngx_http_webhook_fired_t     *f, *first;
    ngx_http_webhook_accept_t    *a;
    ngx_http_webhook_trigger_t  **t;

    a = ctx->accept;

    if (ngx_http_webhook_value_collect(r, ctx, evt) != NGX_OK) {
        goto failed;
    }

    evt->raw[NGX_HTTP_WEBHOOK_REQUEST] = &a->raw;

    first = NULL;
    t = ctx->triggers->elts;
    n = ctx->triggers->nelts;

    for (i = 0; i < n; i++) {

        if (!ngx_http_webhook_event_matches(&t[i]->event, &evt->type)) {
            continue;
        }

        f = ngx_http_webhook_accept_fired(r, ctx, t[i], evt);
        if (f == NULL) {
            goto failed;
        }

        if (first) {
            /* one event, one id */
            f->id = first->id;
            f->fixed = 1;
            f->given = first->given;

        } else {
            (void) ngx_http_webhook_event_id(r, f, 1);
            first = f;
        }

        if (ctx->hops < a->batch.main->max_hops) {
            rc = ngx_http_webhook_condition_test(r, t[i]);

        } else {
            /* the application passes on what it was sent */
            rc = NGX_DECLINED;
        }

        if (rc == NGX_ERROR) {
            goto failed;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        ngx_http_webhook_batch_add(&a->batch, evt, f);

        if (a->batch.buf->len > a->max_record) {
            a->batch.failed = NGX_HTTP_WEBHOOK_DROP_RECORD;
        }

        if (a->batch.failed) {
            ngx_http_webhook_accept_failed(ctx, why);
            return NGX_ERROR;
        }
    }

    if (first == NULL) {
        why->status = NGX_HTTP_BAD_REQUEST;
        why->text = "no event of this type is accepted here";
        why->member = "/type";
        return NGX_ERROR;
    }

    id = ngx_array_push(&a->ids);
    if (id == NULL) {
        goto failed;
    }

    *id = first->id;

    return NGX_OK;

failed:

    why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    why->text = "there is no memory";
    why->member = "";

    return NGX_ERROR;
}


static ngx_http_webhook_fired_t *
ngx_http_webhook_accept_fired(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_trigger_t *t,
    ngx_http_webhook_event_t *evt)
{
    ngx_http_webhook_fired_t   *f, **fp;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    f = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_fired_t));
    if (f == NULL) {
        return NULL;
    }

    f->trigger = t;
    f->on = NGX_HTTP_WEBHOOK_ON_RESPONSE;
    f->result = NGX_HTTP_WEBHOOK_UNDECIDED;

    f->type.len = evt->type.len;
    f->type.data = ngx_pstrdup(r->pool, &evt->type);
    if (f->type.data == NULL) {
        return NULL;
    }

    if (evt->id.len) {
        f->id.len = evt->id.len;
        f->id.data = ngx_pstrdup(r->pool, &evt->id);
        if (f->id.data == NULL) {
            return NULL;
        }

        f->fixed = 1;
        f->given = 1;
    }

    fp = ngx_array_push(&a->fired);
    if (fp == NULL) {
        return NULL;
    }

    *fp = f;

    ctx->fired = a->fired.elts;
    ctx->nfired = a->fired.nelts;

    return f;
}


static void
ngx_http_webhook_accept_failed(ngx_http_webhook_ctx_t *ctx,
    ngx_http_webhook_refusal_t *why)
{
    why->member = "";

    switch (ctx->accept->batch.failed) {

    case NGX_HTTP_WEBHOOK_DROP_FULL:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the store is full";
        break;

    case NGX_HTTP_WEBHOOK_DROP_OVERFLOW:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the backlog of an endpoint is full";
        break;

    case NGX_HTTP_WEBHOOK_DROP_LARGE:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event is larger than \"webhook_max_event_size\"";
        break;

    case NGX_HTTP_WEBHOOK_DROP_URL:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the event makes a URL too long";
        break;

    case NGX_HTTP_WEBHOOK_DROP_BAD_URL:
        why->status = NGX_HTTP_BAD_REQUEST;
        why->text = "the event makes no valid URL";
        break;

    case NGX_HTTP_WEBHOOK_DROP_RECORD:
        why->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        why->text = "the events are too large to be committed together";
        break;

    case NGX_HTTP_WEBHOOK_DROP_UNKNOWN:
        why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        why->text = "there is no endpoint for the event";
        break;

    case NGX_HTTP_WEBHOOK_DROP_BODY:
        why->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        why->text = "the payload is a body that is not there";
        break;

    default:
        why->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        why->text = "the event could not be stored";
        break;
    }
}


static ngx_int_t
ngx_http_webhook_accept_refuse(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_http_webhook_refusal_t *why,
    ngx_uint_t located)
{
    wh_buf_t                    b;
    ngx_int_t                   rc;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    ngx_http_webhook_settle(&ctx->stages[NGX_HTTP_WEBHOOK_ON_RESPONSE],
                            NGX_HTTP_WEBHOOK_REJECTED);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "webhook_accept: %s", why->text);

    if (why->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_webhook_retry_after(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    (void) wh_buf_put_literal(&b, "{\"error\":");
    (void) wh_put_json_quoted(&b, why->text, ngx_strlen(why->text));

    if (located) {
        (void) wh_buf_put_literal(&b, ",\"at\":\"");

        if (a->array) {
            (void) wh_buf_putc(&b, '/');
            (void) wh_buf_put_number(&b, a->n);
        }

        (void) wh_buf_put(&b, why->member, ngx_strlen(why->member));
        (void) wh_buf_putc(&b, '"');
    }

    (void) wh_buf_put_literal(&b, "}\n");

    rc = ngx_http_webhook_accept_send(r, why->status, &b);

    /* the caller goes on after NGX_OK, but not after this */

    return rc == NGX_OK ? NGX_DECLINED : rc;
}


static ngx_int_t
ngx_http_webhook_accept_answer(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx)
{
    wh_buf_t                    b;
    ngx_str_t                  *id;
    ngx_uint_t                  i, status;
    ngx_http_webhook_accept_t  *a;

    a = ctx->accept;

    status = NGX_HTTP_OK;

    for (i = 0; i < ctx->nfired; i++) {
        if (ctx->fired[i]->result != NGX_HTTP_WEBHOOK_DUPLICATE) {
            status = NGX_HTTP_ACCEPTED;
        }
    }

    ngx_memzero(&b, sizeof(wh_buf_t));

    b.max = NGX_MAX_SIZE_T_VALUE;
    b.grow = ngx_http_webhook_payload_grow;
    b.ctx = r->pool;

    (void) wh_buf_put_literal(&b, "{\"ids\":[");

    id = a->ids.elts;

    for (i = 0; i < a->ids.nelts; i++) {

        if (i) {
            (void) wh_buf_putc(&b, ',');
        }

        (void) wh_buf_putc(&b, '"');
        (void) wh_buf_put(&b, (char *) id[i].data, id[i].len);
        (void) wh_buf_putc(&b, '"');
    }

    (void) wh_buf_put_literal(&b, "]}\n");

    return ngx_http_webhook_accept_send(r, status, &b);
}


static ngx_int_t
ngx_http_webhook_accept_send(ngx_http_request_t *r, ngx_uint_t status,
    wh_buf_t *b)
{
    ngx_str_t                 type = ngx_string("application/json");
    ngx_http_complex_value_t  cv;

    if (b->err) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    cv.value.len = b->len;
    cv.value.data = (u_char *) b->data;

    return ngx_http_send_response(r, status, &type, &cv);
}
