
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_dry.h"
#include "ngx_http_webhook_batch.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_route.h"
#include "ngx_http_webhook_type.h"


/* of one run: the parts of a capture, which nobody waits for */

typedef struct {
    ngx_http_webhook_dry_t        *dry;
    ngx_http_request_t            *request;
    ngx_http_webhook_ctx_t         ctx;
    ngx_http_webhook_fired_t       fired;
    ngx_http_webhook_trigger_t     none;        /* of a test */
    ngx_http_webhook_fired_t      *list[1];
    ngx_http_webhook_body_t        bodies[2];
    ngx_http_webhook_raw_t         raw[2];
    ngx_http_webhook_endpoint_t    endpoint;
    ngx_http_webhook_language_t    language;
} ngx_http_webhook_dry_run_t;


static void ngx_http_webhook_dry_cleanup(void *data);
static void *ngx_http_webhook_dry_palloc(void *ctx, size_t size);
static ngx_int_t ngx_http_webhook_dry_wrong(ngx_http_webhook_dry_t *dry,
    char *member, char *error);
static ngx_int_t ngx_http_webhook_dry_check(ngx_http_webhook_dry_t *dry);
static ngx_int_t ngx_http_webhook_dry_find(ngx_http_webhook_dry_t *dry);
static ngx_uint_t ngx_http_webhook_dry_makes(ngx_http_webhook_dry_t *dry,
    ngx_http_webhook_trigger_t *t, ngx_uint_t accept);
static ngx_int_t ngx_http_webhook_dry_capture(
    ngx_http_webhook_dry_run_t *run);
static ngx_int_t ngx_http_webhook_dry_body(ngx_http_webhook_dry_run_t *run,
    ngx_uint_t source, wh_str_t *text);
static ngx_int_t ngx_http_webhook_dry_event(ngx_http_webhook_dry_run_t *run);
static ngx_int_t ngx_http_webhook_dry_values(ngx_http_webhook_dry_run_t *run);
static void ngx_http_webhook_dry_accepted(ngx_http_webhook_dry_run_t *run);
static ngx_int_t ngx_http_webhook_dry_fires(ngx_http_webhook_dry_run_t *run);
static void ngx_http_webhook_dry_json_cleanup(void *data);


ngx_int_t
ngx_http_webhook_dry_scope(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_http_core_loc_conf_t      **scope;
    ngx_http_webhook_main_conf_t   *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    scope = ngx_array_push(&wmcf->scopes);
    if (scope == NULL) {
        return NGX_ERROR;
    }

    *scope = clcf;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_dry_read(ngx_http_webhook_dry_t *dry, ngx_str_t *text)
{
    int                  rc;
    wh_str_t             s;
    wh_alloc_t           mem;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(dry->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    s.len = text->len;
    s.data = (char *) text->data;

    ngx_http_webhook_type_memory(&mem, dry->request->connection->log);

    rc = wh_dry_parse(&dry->command, s, &mem, ngx_http_webhook_dry_palloc,
                      dry->request->pool);

    cln->handler = ngx_http_webhook_dry_cleanup;
    cln->data = &dry->command;

    if (rc == WH_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != WH_OK || ngx_http_webhook_dry_check(dry) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_webhook_dry_find(dry);
}


static void
ngx_http_webhook_dry_cleanup(void *data)
{
    wh_dry_free(data);
}


static void *
ngx_http_webhook_dry_palloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}


static ngx_int_t
ngx_http_webhook_dry_wrong(ngx_http_webhook_dry_t *dry, char *member,
    char *error)
{
    dry->command.member = member;
    dry->command.error = error;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_dry_check(ngx_http_webhook_dry_t *dry)
{
    size_t      i;
    ngx_str_t   text;
    wh_dry_t   *cmd;

    cmd = &dry->command;

    if (cmd->given & WH_DRY_EVENT) {
        text.len = cmd->event.len;
        text.data = (u_char *) cmd->event.data;

        if (ngx_http_webhook_event_ok(&text, 0) != NGX_OK) {
            return ngx_http_webhook_dry_wrong(dry, "event", "it must be "
                       "labels of letters, digits and \"_\", joined by \".\"");
        }

    } else if (cmd->given & WH_DRY_LOCATION) {
        return ngx_http_webhook_dry_wrong(dry, "location", "it needs an "
                                          "event");
    }

    if (cmd->given & WH_DRY_ID) {
        text.len = cmd->id.len;
        text.data = (u_char *) cmd->id.data;

        if (!ngx_http_webhook_id_ok(&text)) {
            return ngx_http_webhook_dry_wrong(dry, "id", "it must be 1 to "
                       "128 of A-Z, a-z, 0-9, \"_\" and \"-\"");
        }
    }

    for (i = 0; i < cmd->method.len; i++) {

        if (cmd->method.data[i] < 'A' || cmd->method.data[i] > 'Z') {
            return ngx_http_webhook_dry_wrong(dry, "method", "it must be of "
                                              "A-Z");
        }
    }

    for (i = 0; i < cmd->path.len; i++) {

        if ((u_char) cmd->path.data[i] <= ' ' || cmd->path.data[i] == 0x7f
            || cmd->path.data[0] != '/')
        {
            return ngx_http_webhook_dry_wrong(dry, "path", "it must begin "
                       "with \"/\", and have no spaces");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_dry_find(ngx_http_webhook_dry_t *dry)
{
    wh_dry_t                        *cmd;
    ngx_uint_t                       i, k;
    ngx_http_core_loc_conf_t       **scope;
    ngx_http_webhook_trigger_t     **t;
    ngx_http_webhook_loc_conf_t     *wlcf;
    ngx_http_webhook_main_conf_t    *wmcf;

    cmd = &dry->command;
    wmcf = dry->endpoint->main;

    if (!(cmd->given & WH_DRY_EVENT)) {
        return NGX_OK;
    }

    scope = wmcf->scopes.elts;

    for (i = 0; i < wmcf->scopes.nelts; i++) {

        if ((cmd->given & WH_DRY_LOCATION)
            && (scope[i]->name.len != cmd->location.len
                || ngx_memcmp(scope[i]->name.data, cmd->location.data,
                              cmd->location.len)
                   != 0))
        {
            continue;
        }

        wlcf = scope[i]->loc_conf[ngx_http_webhook_module.ctx_index];
        t = wlcf->triggers->elts;

        for (k = 0; k < wlcf->triggers->nelts; k++) {

            if (ngx_http_webhook_dry_makes(dry, t[k], wlcf->accept)) {
                dry->location = scope[i];
                dry->trigger = t[k];

                return NGX_OK;
            }
        }
    }

    return NGX_ABORT;
}


static ngx_uint_t
ngx_http_webhook_dry_makes(ngx_http_webhook_dry_t *dry,
    ngx_http_webhook_trigger_t *t, ngx_uint_t accept)
{
    ngx_str_t                      type;
    ngx_uint_t                     i, n;
    ngx_http_webhook_endpoint_t  **ep;

    type.len = dry->command.event.len;
    type.data = (u_char *) dry->command.event.data;

    if (t->pattern && !accept) {
        return 0;
    }

    if (!ngx_http_webhook_event_matches(&t->event, &type)) {
        return 0;
    }

    if (t->nvariables) {
        return 1;
    }

    if (t->pattern && t->to == NULL) {
        n = ngx_http_webhook_routes_find(dry->endpoint->main->routes, &type,
                                         &ep);

    } else {
        n = t->nendpoints;
        ep = t->endpoints;
    }

    for (i = 0; i < n; i++) {
        if (ep[i] == dry->endpoint) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_webhook_dry_render(ngx_http_webhook_dry_t *dry, wh_buf_t *out)
{
    ngx_int_t                    rc;
    ngx_http_webhook_payload_t  *payload;
    ngx_http_webhook_dry_run_t  *run;

    run = ngx_pcalloc(dry->request->pool, sizeof(ngx_http_webhook_dry_run_t));
    if (run == NULL) {
        return NGX_ERROR;
    }

    run->dry = dry;

    if (ngx_array_init(&dry->lacks.list, dry->request->pool, 4,
                       sizeof(ngx_http_webhook_lack_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_dry_capture(run);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_dry_event(run);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_dry_fires(run);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* nothing is counted, and nobody is told but the operator */

    run->endpoint = *dry->endpoint;
    run->endpoint.counters = NULL;

    if (run->endpoint.language) {
        run->language = *run->endpoint.language;
        run->language.quiet = ngx_time();
        run->endpoint.language = &run->language;
    }

    payload = dry->trigger && dry->trigger->payload ? dry->trigger->payload
                                                    : run->endpoint.payload;

    dry->event.lacks = &dry->lacks;

    return ngx_http_webhook_payload_render(run->request, payload,
                                           &run->endpoint, &dry->event, out);
}


static ngx_int_t
ngx_http_webhook_dry_capture(ngx_http_webhook_dry_run_t *run)
{
    wh_dry_t                *cmd;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_http_request_t      *r;
    ngx_http_webhook_ctx_t  *ctx;

    cmd = &run->dry->command;

    r = ngx_http_webhook_dry_request(run->dry);
    if (r == NULL) {
        return NGX_ERROR;
    }

    run->request = r;
    ctx = &run->ctx;

    ctx->request = r;
    ctx->conf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    ctx->triggers = ctx->conf->triggers;
    ctx->method = r->method;
    ctx->status = r->headers_out.status;
    ctx->received = 1;

    for (i = 0; i < NGX_HTTP_WEBHOOK_NSTAGE; i++) {
        ctx->stages[i].ctx = ctx;
        ctx->stages[i].on = i;
        ctx->stages[i].decided = 1;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);

    rc = ngx_http_webhook_dry_variables(run->dry, r);

    if (rc == NGX_OK && (cmd->given & WH_DRY_REQUEST)) {
        rc = ngx_http_webhook_dry_body(run, NGX_HTTP_WEBHOOK_REQUEST,
                                       &cmd->request);
    }

    if (rc == NGX_OK && (cmd->given & WH_DRY_RESPONSE)) {
        rc = ngx_http_webhook_dry_body(run, NGX_HTTP_WEBHOOK_RESPONSE,
                                       &cmd->response);
    }

    return rc;
}


/* no longer than a command, and so examined at once */

static ngx_int_t
ngx_http_webhook_dry_body(ngx_http_webhook_dry_run_t *run, ngx_uint_t source,
    wh_str_t *text)
{
    wh_alloc_t                   mem;
    wh_pointers_t               *set;
    ngx_pool_cleanup_t          *cln;
    ngx_http_webhook_ctx_t      *ctx;
    ngx_http_webhook_raw_t      *raw;
    ngx_http_webhook_body_t     *body;

    ctx = &run->ctx;
    body = &run->bodies[source];

    body->state = NGX_HTTP_WEBHOOK_BODY_COMPLETE;
    body->ended = 1;
    body->finished = 1;

    ctx->bodies[source] = body;

    raw = &run->raw[source];

    raw->octets.len = text->len;
    raw->octets.data = (u_char *) text->data;
    ngx_str_set(&raw->type, "application/json");

    run->dry->event.raw[source] = raw;

    set = ctx->conf->values ? ctx->conf->values->pointers[source] : NULL;

    if (set == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(run->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_type_memory(&mem, run->request->connection->log);

    body->json = wh_json_create(set,
                                2 * run->dry->endpoint->main->max_event_size,
                                &mem);
    if (body->json == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_webhook_dry_json_cleanup;
    cln->data = body->json;

    if (wh_json_feed(body->json, text->data, text->len) != WH_OK
        || wh_json_finish(body->json) != WH_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_webhook_dry_json_cleanup(void *data)
{
    wh_json_destroy(data);
}


static ngx_int_t
ngx_http_webhook_dry_event(ngx_http_webhook_dry_run_t *run)
{
    wh_dry_t                  *cmd;
    ngx_http_webhook_ctx_t    *ctx;
    ngx_http_webhook_event_t  *evt;
    ngx_http_webhook_fired_t  *f;

    ctx = &run->ctx;
    cmd = &run->dry->command;
    evt = &run->dry->event;
    f = &run->fired;

    f->trigger = run->dry->trigger ? run->dry->trigger : &run->none;
    f->on = f->trigger->on;
    f->result = NGX_HTTP_WEBHOOK_UNDECIDED;

    ngx_str_set(&f->type, "webhook.test");

    if (cmd->given & WH_DRY_EVENT) {
        f->type.len = cmd->event.len;
        f->type.data = (u_char *) cmd->event.data;
    }

    if (cmd->given & WH_DRY_ID) {
        f->id.len = cmd->id.len;
        f->id.data = (u_char *) cmd->id.data;
        f->fixed = 1;
    }

    run->list[0] = f;
    ctx->fired = run->list;
    ctx->nfired = 1;
    ctx->asking = (f->on == NGX_HTTP_WEBHOOK_ON_REQUEST);

    evt->time = (cmd->given & WH_DRY_TIME) ? cmd->time
                                           : ngx_http_webhook_now();

    if (!ctx->asking && !ctx->conf->accept
        && (run->dry->trigger || (cmd->given & WH_DRY_STATUS)))
    {
        evt->status = ctx->status;
    }

    if (ctx->asking) {
        evt->raw[NGX_HTTP_WEBHOOK_RESPONSE] = NULL;
    }

    if (ngx_http_webhook_dry_values(run) != NGX_OK) {
        return NGX_ERROR;
    }

    evt->type = f->type;
    evt->id = *ngx_http_webhook_event_id(run->request, f, 1);

    return NGX_OK;
}


/* as they are found, but for those that were given as variables */

static ngx_int_t
ngx_http_webhook_dry_values(ngx_http_webhook_dry_run_t *run)
{
    int                           kind;
    size_t                        pos;
    wh_str_t                      name, text;
    ngx_uint_t                    i, k;
    ngx_array_t                  *list;
    ngx_http_webhook_ctx_t       *ctx;
    ngx_http_webhook_event_t     *evt;
    ngx_http_webhook_value_t     *value;
    ngx_http_webhook_captured_t  *c;

    ctx = &run->ctx;
    evt = &run->dry->event;

    if (ctx->conf->values == NULL || run->dry->location == NULL) {
        return NGX_OK;
    }

    if (ctx->conf->accept) {
        ngx_http_webhook_dry_accepted(run);
    }

    if (ngx_http_webhook_value_collect(run->request, ctx, evt) != NGX_OK) {
        return NGX_ERROR;
    }

    list = &ctx->conf->values->list;
    value = list->elts;

    if (evt->values == NULL) {
        evt->values = ngx_palloc(run->request->pool, list->nelts
                                       * sizeof(ngx_http_webhook_captured_t));
        if (evt->values == NULL) {
            return NGX_ERROR;
        }
    }

    pos = 0;

    while (wh_dry_variable(&run->dry->command, &pos, &name, &kind, &text)
           == WH_OK)
    {
        for (i = 0; i < list->nelts; i++) {
            if (value[i].name.len == name.len
                && ngx_memcmp(value[i].name.data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (i == list->nelts) {
            continue;
        }

        for (k = 0; k < evt->nvalues; k++) {
            if (evt->values[k].name.data == value[i].name.data) {
                break;
            }
        }

        if (k == evt->nvalues) {
            evt->nvalues++;
        }

        c = &evt->values[k];

        c->name = value[i].name;
        c->kind = kind;
        c->text.len = text.len;
        c->text.data = (u_char *) text.data;
    }

    return NGX_OK;
}


/* the request is an event that is posted */

static void
ngx_http_webhook_dry_accepted(ngx_http_webhook_dry_run_t *run)
{
    wh_json_t                 *json;
    const wh_json_value_t     *jv;
    ngx_http_webhook_event_t  *evt;

    evt = &run->dry->event;
    json = run->bodies[NGX_HTTP_WEBHOOK_REQUEST].json;

    ngx_str_set(&evt->data, "null");

    if (json == NULL) {
        return;
    }

    jv = wh_json_value(json, NGX_HTTP_WEBHOOK_ACCEPT_DATA);

    if (jv->text.len) {
        evt->data.len = jv->text.len;
        evt->data.data = (u_char *) jv->text.data;
    }

    run->ctx.element = json;
}


/* its filters, as requests would be tested by them */

static ngx_int_t
ngx_http_webhook_dry_fires(ngx_http_webhook_dry_run_t *run)
{
    ngx_http_webhook_trigger_t  *t;

    t = run->dry->trigger;

    if (t == NULL) {
        return NGX_OK;
    }

    if (!run->ctx.conf->accept) {

        if (t->on == NGX_HTTP_WEBHOOK_ON_RESPONSE
            && !ngx_http_webhook_statuses_has(&t->status, run->ctx.status))
        {
            return NGX_OK;
        }

        if (t->methods && !(t->methods & run->ctx.method)) {
            return NGX_OK;
        }
    }

    switch (ngx_http_webhook_condition_test(run->request, t)) {

    case NGX_OK:
        run->dry->fires = 1;
        return NGX_OK;

    case NGX_DECLINED:
        return NGX_OK;

    default:
        return NGX_ERROR;
    }
}
