
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_addresses.h"
#include "ngx_http_webhook_lines.h"
#include "wh_address.h"


static ngx_uint_t ngx_http_webhook_addresses_public(struct sockaddr *sa);


static char  ngx_http_webhook_no_memory[] = "short, there is no memory for it";


char *
ngx_http_webhook_addresses_line(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t **bad)
{
    ngx_int_t    rc;
    ngx_str_t   *value;
    ngx_uint_t   i;
    ngx_cidr_t  *cidr;

    static char  *allowed = "\"any\", or a list of \"public\" and addresses "
                            "as in 192.0.2.0/24 or 2001:db8::/32";

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        *bad = &value[i];

        if (ngx_strcmp(value[i].data, "any") == 0) {

            if (cf->args->nelts > 2) {
                return "alone";
            }

            ep->any = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "public") == 0) {
            ep->public = 1;
            continue;
        }

        if (ep->addresses == NULL) {
            ep->addresses = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
            if (ep->addresses == NULL) {
                return ngx_http_webhook_no_memory;
            }
        }

        cidr = ngx_array_push(ep->addresses);
        if (cidr == NULL) {
            return ngx_http_webhook_no_memory;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            return allowed;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "low address bits of %V are meaningless",
                               &value[i]);
        }
    }

    return NULL;
}


char *
ngx_http_webhook_bind_line(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_str_t **bad)
{
    ngx_str_t                  *value;
    ngx_http_upstream_local_t  *local;

    value = cf->args->elts;
    *bad = &value[1];

    local = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_local_t));
    if (local == NULL) {
        return ngx_http_webhook_no_memory;
    }

    local->addr = ngx_pcalloc(cf->pool, sizeof(ngx_addr_t));
    if (local->addr == NULL) {
        return ngx_http_webhook_no_memory;
    }

    if (ngx_parse_addr(cf->pool, local->addr, value[1].data, value[1].len)
        != NGX_OK)
    {
        return "an address as 192.0.2.7 or 2001:db8::7";
    }

    local->addr->name = value[1];

    ep->upstream.local = local;

    return NULL;
}


/* a host that is not the operator's own word must not lead inside */

void
ngx_http_webhook_addresses_default(ngx_http_webhook_endpoint_t *ep)
{
    if (ep->any || ep->public || ep->addresses) {
        return;
    }

    if (ep->host.len) {
        ep->any = 1;

    } else {
        ep->public = 1;
    }
}


/* what is literal in "url" will never be another one */

ngx_int_t
ngx_http_webhook_addresses_check(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_addr_t *addr)
{
    u_char                    *p, text[NGX_SOCKADDR_STRLEN];
    size_t                     len;
    ngx_str_t                  address, allowed, *word;
    ngx_uint_t                 i;
    ngx_http_webhook_line_t  **line;

    if (ngx_http_webhook_addresses_allow(ep, addr->sockaddr)) {
        return NGX_OK;
    }

    address.data = text;
    address.len = ngx_sock_ntop(addr->sockaddr, addr->socklen, text,
                                NGX_SOCKADDR_STRLEN, 0);

    /* without that line all are allowed */

    for (line = ep->lines->elts; /* void */ ; line++) {
        if (ngx_strcmp((*line)->words[0].data, "addresses") == 0) {
            break;
        }
    }

    len = 0;

    for (i = 1; i < (*line)->nwords; i++) {
        len += (*line)->words[i].len + 1;
    }

    allowed.data = ngx_pnalloc(cf->temp_pool, len);
    if (allowed.data == NULL) {
        return NGX_ERROR;
    }

    p = allowed.data;

    for (i = 1; i < (*line)->nwords; i++) {
        word = &(*line)->words[i];

        p = ngx_cpymem(p, word->data, word->len);
        *p++ = ' ';
    }

    allowed.len = len - 1;

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "invalid address %V, by \"addresses\" in %V:%ui it must be "
                  "one of \"%V\", in \"url\" of webhook_endpoint \"%V\" in "
                  "%V:%ui",
                  &address, &(*line)->file, (*line)->line, &allowed, &ep->name,
                  &ep->url_file, ep->url_line);

    return NGX_ERROR;
}


ngx_uint_t
ngx_http_webhook_addresses_allow(ngx_http_webhook_endpoint_t *ep,
    struct sockaddr *sa)
{
    if (ep->any) {
        return 1;
    }

    if (ep->public && ngx_http_webhook_addresses_public(sa)) {
        return 1;
    }

    return ep->addresses && ngx_cidr_match(sa, ep->addresses) == NGX_OK;
}


static ngx_uint_t
ngx_http_webhook_addresses_public(struct sockaddr *sa)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return wh_address_public(sin6->sin6_addr.s6_addr, 16);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return wh_address_public((u_char *) &sin->sin_addr, 4);

    default: /* AF_UNIX */
        return 0;
    }
}


ngx_uint_t
ngx_http_webhook_bind_fits(ngx_http_webhook_endpoint_t *ep,
    struct sockaddr *sa)
{
    return ep->upstream.local == NULL
           || ep->upstream.local->addr->sockaddr->sa_family == sa->sa_family;
}
