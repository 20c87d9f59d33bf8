
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_fake.h"


static ngx_http_request_t *ngx_http_webhook_fake_main(
    ngx_http_webhook_fake_t *f, ngx_pool_t *pool);
static void ngx_http_webhook_fake_run(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_fake_post(ngx_http_request_t *r, void *data,
    ngx_int_t rc);
static void ngx_http_webhook_fake_event(ngx_event_t *ev);

static ngx_int_t ngx_http_webhook_fake_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_fake_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;

static ngx_str_t  ngx_http_webhook_fake_uri = ngx_string("/");
static ngx_str_t  ngx_http_webhook_fake_method = ngx_string("POST");
static ngx_str_t  ngx_http_webhook_fake_protocol = ngx_string("HTTP/1.1");


ngx_http_conf_ctx_t *
ngx_http_webhook_fake_ctx(ngx_conf_t *cf)
{
    ngx_http_conf_ctx_t         *ctx, *server;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;
    server = cscfp[0]->ctx;

    ctx = ngx_palloc(cf->pool, sizeof(ngx_http_conf_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    *ctx = *server;

    ctx->loc_conf = ngx_palloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    if (ctx->loc_conf == NULL) {
        return NULL;
    }

    ngx_memcpy(ctx->loc_conf, server->loc_conf,
               sizeof(void *) * ngx_http_max_module);

    clcf = ngx_palloc(cf->pool, sizeof(ngx_http_core_loc_conf_t));
    if (clcf == NULL) {
        return NULL;
    }

    *clcf = *(ngx_http_core_loc_conf_t *)
                ctx->loc_conf[ngx_http_core_module.ctx_index];

    ctx->loc_conf[ngx_http_core_module.ctx_index] = clcf;

    /* what an operator says about that server is not meant for us */

    clcf->log_subrequest = 0;
    clcf->tcp_nodelay = 1;
    clcf->directio_alignment = 512;
    clcf->sendfile_max_chunk = 0;

    return ctx;
}


ngx_int_t
ngx_http_webhook_fake_create(ngx_http_webhook_fake_t *f, ngx_pool_t *pool,
    ngx_log_t *log, ngx_http_conf_ctx_t *ctx)
{
    ngx_http_request_t  *r, *sr;

    r = ngx_http_webhook_fake_bare(f, pool, log, ctx);
    if (r == NULL) {
        return NGX_ERROR;
    }

    f->main = r;

    f->post.handler = ngx_http_webhook_fake_post;
    f->post.data = f;

    if (ngx_http_subrequest(r, &ngx_http_webhook_fake_uri, NULL, &sr,
                            &f->post, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->loc_conf = ctx->loc_conf;
    sr->method = NGX_HTTP_POST;
    sr->method_name = ngx_http_webhook_fake_method;
    sr->write_event_handler = ngx_http_webhook_fake_run;

    return NGX_OK;
}


ngx_http_request_t *
ngx_http_webhook_fake_bare(ngx_http_webhook_fake_t *f, ngx_pool_t *pool,
    ngx_log_t *log, ngx_http_conf_ctx_t *ctx)
{
    ngx_event_t         *rev, *wev;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = &f->connection;
    rev = &f->read;
    wev = &f->write;

    c->fd = (ngx_socket_t) -1;
    c->read = rev;
    c->write = wev;
    c->log = log;
    c->pool = pool;
    c->type = SOCK_STREAM;
    c->log_error = NGX_ERROR_INFO;

    /* "unix:" is the address of nobody, for balancers that look at it */

    f->sockaddr.sa_family = AF_UNIX;
    c->sockaddr = &f->sockaddr;
    c->socklen = sizeof(f->sockaddr.sa_family);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;
    ngx_str_set(&c->addr_text, "unix:");

    /*
     * neither epoll nor the socket may ever be touched: a read event that is
     * being waited for, and a write event that is ready, need no descriptor
     */

    rev->data = c;
    rev->log = log;
    rev->index = NGX_INVALID_INDEX;
    rev->handler = ngx_http_webhook_fake_event;
    rev->active = 1;

    wev->data = c;
    wev->log = log;
    wev->index = NGX_INVALID_INDEX;
    wev->handler = ngx_http_webhook_fake_event;
    wev->write = 1;
    wev->ready = 1;
    wev->active = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? 1 : 0;

    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    f->http.conf_ctx = ctx;

    r = ngx_http_webhook_fake_main(f, pool);
    if (r == NULL) {
        return NULL;
    }

    c->data = r;

    return r;
}


/*
 * What ngx_http_create_request() does, but in a pool of ours, and without
 * being counted by stub_status.
 */

static ngx_http_request_t *
ngx_http_webhook_fake_main(ngx_http_webhook_fake_t *f, ngx_pool_t *pool)
{
    ngx_time_t                 *tp;
    ngx_http_request_t         *r;
    ngx_http_core_main_conf_t  *cmcf;

    r = ngx_pcalloc(pool, sizeof(ngx_http_request_t));
    if (r == NULL) {
        return NULL;
    }

    r->pool = pool;
    r->http_connection = &f->http;
    r->signature = NGX_HTTP_MODULE;
    r->connection = &f->connection;

    r->main_conf = f->http.conf_ctx->main_conf;
    r->srv_conf = f->http.conf_ctx->srv_conf;
    r->loc_conf = f->http.conf_ctx->loc_conf;

    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (ngx_list_init(&r->headers_in.headers, pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_list_init(&r->headers_out.headers, pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_list_init(&r->headers_out.trailers, pool, 1,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NULL;
    }

    r->ctx = ngx_pcalloc(pool, sizeof(void *) * ngx_http_max_module);
    if (r->ctx == NULL) {
        return NULL;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    r->variables = ngx_pcalloc(pool, cmcf->variables.nelts
                                     * sizeof(ngx_http_variable_value_t));
    if (r->variables == NULL) {
        return NULL;
    }

    r->main = r;

    /* one more than there are: nginx must never free the request itself */

    r->count = 2;

    tp = ngx_timeofday();
    r->start_sec = tp->sec;
    r->start_msec = tp->msec;

    r->method = NGX_HTTP_POST;
    r->method_name = ngx_http_webhook_fake_method;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_protocol = ngx_http_webhook_fake_protocol;
    r->uri = ngx_http_webhook_fake_uri;
    r->unparsed_uri = ngx_http_webhook_fake_uri;

    r->headers_in.content_length_n = -1;
    r->headers_in.keep_alive_n = -1;
    r->headers_out.content_length_n = -1;
    r->headers_out.last_modified_time = -1;

    r->uri_changes = NGX_HTTP_MAX_URI_CHANGES + 1;
    r->subrequests = NGX_HTTP_MAX_SUBREQUESTS + 1;

    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;

    r->internal = 1;
    r->logged = 1;

    r->log_handler = ngx_http_webhook_fake_log_handler;

    return r;
}


void
ngx_http_webhook_fake_start(ngx_http_webhook_fake_t *f)
{
    ngx_http_run_posted_requests(&f->connection);
}


static void
ngx_http_webhook_fake_run(ngx_http_request_t *r)
{
    ngx_http_webhook_fake_t  *f;

    r->write_event_handler = ngx_http_request_empty_handler;

    f = r->post_subrequest->data;

    f->run(r, f->data);
}


/*
 * Whatever has happened, the request ends well here: else nginx would send a
 * special response, or terminate the main request.
 */

static ngx_int_t
ngx_http_webhook_fake_post(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_webhook_fake_t  *f = data;

    ngx_http_webhook_fake_done_pt  done;

    r->connection->error = 0;

    done = f->done;

    if (done) {
        f->done = NULL;
        done(f->data, rc);
    }

    return NGX_OK;
}


void
ngx_http_webhook_fake_destroy(ngx_http_webhook_fake_t *f)
{
    ngx_http_cleanup_t  *cln;

    if (f->main == NULL) {
        return;
    }

    f->done = NULL;

    /* closes the connection to the peer, if there still is one */

    cln = f->main->cleanup;
    f->main->cleanup = NULL;

    while (cln) {
        if (cln->handler) {
            cln->handler(cln->data);
        }

        cln = cln->next;
    }

    if (f->read.timer_set) {
        ngx_del_timer(&f->read);
    }

    if (f->write.timer_set) {
        ngx_del_timer(&f->write);
    }

    if (f->read.posted) {
        ngx_delete_posted_event(&f->read);
    }

    if (f->write.posted) {
        ngx_delete_posted_event(&f->write);
    }

    f->connection.destroyed = 1;
    f->main = NULL;
}


static void
ngx_http_webhook_fake_event(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "webhook fake event");
}


u_char *
ngx_http_webhook_fake_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len)
{
    return buf;
}


ngx_int_t
ngx_http_webhook_fake_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_webhook_fake_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_webhook_fake_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_fake_header_filter(ngx_http_request_t *r)
{
    if (ngx_http_webhook_fake(r)) {
        r->header_sent = 1;
        return NGX_OK;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_webhook_fake_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t  *cl;

    if (ngx_http_webhook_fake(r)) {

        for (cl = in; cl; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
            cl->buf->file_pos = cl->buf->file_last;
        }

        return NGX_OK;
    }

    return ngx_http_next_body_filter(r, in);
}
