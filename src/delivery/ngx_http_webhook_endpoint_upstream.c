/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_endpoint_conf.h"
#include "ngx_http_webhook_peer.h"

#include "wh_url.h"


#define NGX_HTTP_WEBHOOK_BUFFER_SIZE  4096


static char *ngx_http_webhook_endpoint_peers(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec);


char *
ngx_http_webhook_endpoint_upstream(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_http_upstream_conf_t      *ucf;
    ngx_http_webhook_endpoint_t   *ep;
    ngx_http_upstream_srv_conf_t  *uscf;

    ep = &ec->endpoint;

    /* of our own, since others may use the upstream's, without our caches */

    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    uscf->peer.init = ngx_http_webhook_peer_init;
    uscf->host = ep->host;
    uscf->file_name = ep->file.data;
    uscf->line = ep->line;

    ucf = &ep->upstream;

    ucf->upstream = uscf;

    /* the attempt's own timer is set earlier and ends it, whatever happens */

    ucf->connect_timeout = ep->timeout;
    ucf->send_timeout = ep->timeout;
    ucf->read_timeout = ep->timeout;

    ucf->buffer_size = NGX_HTTP_WEBHOOK_BUFFER_SIZE;
    ucf->ignore_client_abort = 1;

    /* how far this goes is decided in ngx_http_webhook_peer_free() */

    ucf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                         |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    ucf->ignore_headers = NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                          |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                          |NGX_HTTP_UPSTREAM_IGN_EXPIRES
                          |NGX_HTTP_UPSTREAM_IGN_CACHE_CONTROL
                          |NGX_HTTP_UPSTREAM_IGN_SET_COOKIE
                          |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                          |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                          |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET
                          |NGX_HTTP_UPSTREAM_IGN_VARY;

    ngx_str_set(&ucf->module, "webhook");

    return ngx_http_webhook_endpoint_peers(cf, ec);
}


/* where the addresses come from */

static char *
ngx_http_webhook_endpoint_peers(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_conf_t *ec)
{
    ngx_url_t                      *u;
    ngx_uint_t                      i;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_upstream_server_t     *server;
    ngx_http_webhook_endpoint_t    *ep;
    ngx_http_upstream_srv_conf_t   *uscf, **uscfp;
    ngx_http_upstream_main_conf_t  *umcf;

    ep = &ec->endpoint;
    u = &ec->address;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        ep->names = clcf->resolver;
        ep->resolver_timeout = clcf->resolver_timeout == NGX_CONF_UNSET_MSEC
                               ? 30000 : clcf->resolver_timeout;
    }

    if (ep->host.len == 0) {

        if (ep->names) {
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the host of \"%V\" in \"url\" of webhook_endpoint "
                      "\"%V\" comes from variables, which needs a "
                      "\"resolver\" on the \"http\" level in %V:%ui",
                      &ep->url, &ep->name, &ep->url_file, ep->url_line);
        return NGX_CONF_ERROR;
    }

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);

    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (!(uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            || uscfp[i]->host.len != u->host.len
            || ngx_strncasecmp(uscfp[i]->host.data, u->host.data, u->host.len)
               != 0)
        {
            continue;
        }

        if (!u->no_port) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "upstream \"%V\" may not have port %d in %V:%ui",
                          &u->host, (int) u->port, &ep->url_file,
                          ep->url_line);
            return NGX_CONF_ERROR;
        }

        ep->uscf = uscfp[i];

        return NGX_CONF_OK;
    }

    /* with a resolver in http {}, a name follows its TTL */

    if (ec->host_type == WH_URL_NAME && ep->names) {
        ep->resolver = ep->names;
        return NGX_CONF_OK;
    }

    /*
     * Not by ngx_http_upstream_add(): nginx would look up the name of what it
     * makes before it is known whether there is a resolver.
     */

    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));
    if (uscf == NULL) {
        return NGX_CONF_ERROR;
    }

    uscf->host = u->host;
    uscf->port = u->port;
    uscf->no_port = u->no_port;
    uscf->file_name = ep->url_file.data;
    uscf->line = ep->url_line;

    if (u->naddrs == 1) {

        if (ngx_http_webhook_addresses_check(cf, ep, &u->addrs[0])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        uscf->servers = ngx_array_create(cf->pool, 1,
                                         sizeof(ngx_http_upstream_server_t));
        if (uscf->servers == NULL) {
            return NGX_CONF_ERROR;
        }

        server = ngx_array_push(uscf->servers);
        if (server == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

        server->addrs = u->addrs;
        server->naddrs = 1;
    }

    if (ngx_http_upstream_init_round_robin(cf, uscf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ep->uscf = uscf;
    ep->plain = 1;

    return NGX_CONF_OK;
}
