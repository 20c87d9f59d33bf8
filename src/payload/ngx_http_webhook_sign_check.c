
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What can only be said of signatures at the end of an endpoint.
 */


#include "ngx_http_webhook_head.h"
#include "ngx_http_webhook_payload_conf.h"
#include "ngx_http_webhook_sign.h"


#if (NGX_OPENSSL)

static char *ngx_http_webhook_sign_twice(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_signature_t *s,
    ngx_str_t *name, ngx_array_t *names);
static char *ngx_http_webhook_sign_covered(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_signature_t *s);
static ngx_uint_t ngx_http_webhook_sign_is_sent(
    ngx_http_webhook_endpoint_t *ep, wh_str_t *name);
static ngx_uint_t ngx_http_webhook_sign_is_attribute(
    ngx_http_webhook_main_conf_t *wmcf, wh_str_t *name);


char *
ngx_http_webhook_sign_check(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    char                          *rv;
    ngx_uint_t                     i;
    ngx_array_t                    names;
    ngx_http_webhook_sign_t       *sign;
    ngx_http_webhook_signature_t  *s;

    static ngx_str_t  digest = ngx_string("Content-Digest");
    static ngx_str_t  input = ngx_string("Signature-Input");
    static ngx_str_t  signature = ngx_string("Signature");

    sign = ep->sign;

    if (sign == NULL) {
        return NGX_CONF_OK;
    }

    if (ngx_array_init(&names, cf->temp_pool, 4, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    s = sign->signatures.elts;

    for (i = 0; i < sign->signatures.nelts; i++) {

        if (s[i].label.len) {
            continue;
        }

        rv = ngx_http_webhook_sign_twice(cf, ep, &s[i], &s[i].header, &names);
        if (rv != NGX_CONF_OK) {
            return rv;
        }

        if (s[i].timestamp.len) {
            rv = ngx_http_webhook_sign_twice(cf, ep, &s[i], &s[i].timestamp,
                                             &names);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
        }
    }

    for (i = 0; i < sign->signatures.nelts; i++) {

        if (s[i].label.len == 0) {
            continue;
        }

        /* those are made once, for all lines */

        if ((sign->digests
             && ngx_http_webhook_sign_twice(cf, ep, &s[i], &digest, &names)
                != NGX_CONF_OK)
            || ngx_http_webhook_sign_twice(cf, ep, &s[i], &input, &names)
               != NGX_CONF_OK
            || ngx_http_webhook_sign_twice(cf, ep, &s[i], &signature, &names)
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }

        break;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_webhook_sign_check_covered(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_endpoint_t *ep)
{
    ngx_uint_t                     i;
    ngx_http_webhook_signature_t  *s;

    if (ep->sign == NULL) {
        return NGX_CONF_OK;
    }

    s = ep->sign->signatures.elts;

    for (i = 0; i < ep->sign->signatures.nelts; i++) {

        if (s[i].label.len
            && ngx_http_webhook_sign_covered(cf, wmcf, ep, &s[i])
               != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* a header that "header" or another "sign" writes, too */

static char *
ngx_http_webhook_sign_twice(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_signature_t *s, ngx_str_t *name, ngx_array_t *names)
{
    wh_str_t                    text;
    ngx_str_t                  *other;
    ngx_uint_t                  i;
    ngx_http_webhook_header_t  *h;

    text.len = name->len;
    text.data = (char *) name->data;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (ngx_http_webhook_head_equal(&text, h[i].name.len,
                                        (char *) h[i].name.data))
        {
            goto twice;
        }
    }

    other = names->elts;

    for (i = 0; i < names->nelts; i++) {

        if (ngx_http_webhook_head_equal(&text, other[i].len,
                                        (char *) other[i].data))
        {
            goto twice;
        }
    }

    other = ngx_array_push(names);
    if (other == NULL) {
        return NGX_CONF_ERROR;
    }

    *other = *name;

    return NGX_CONF_OK;

twice:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "the header \"%V\" is set twice in webhook_endpoint "
                  "\"%V\", by \"sign\" in %s:%ui and by another line; "
                  "several keys are given in one \"sign\"",
                  name, &ep->name, s->file, s->line);

    return NGX_CONF_ERROR;
}


/* what is never sent cannot be covered: most likely it is misspelt */

static char *
ngx_http_webhook_sign_covered(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_signature_t *s)
{
    size_t     i;
    wh_str_t   name;
    ngx_str_t  word;

    for (i = 0; i < s->http.ncomponents; i++) {
        name = s->http.components[i];

        if (name.data[0] == '@'
            || ngx_http_webhook_sign_is_sent(ep, &name)
            || ngx_http_webhook_sign_is_attribute(wmcf, &name))
        {
            continue;
        }

        word.len = name.len;
        word.data = (u_char *) name.data;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "webhook_endpoint \"%V\" has no header \"%V\" that "
                      "\"sign http\" in %s:%ui could cover",
                      &ep->name, &word, s->file, s->line);

        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_webhook_sign_is_sent(ngx_http_webhook_endpoint_t *ep, wh_str_t *name)
{
    ngx_uint_t                  i, own, off;
    ngx_http_webhook_header_t  *h;

    h = ep->headers.elts;

    for (i = 0; i < ep->headers.nelts; i++) {

        if (ngx_http_webhook_head_equal(name, h[i].name.len,
                                        (char *) h[i].name.data))
        {
            return 1;
        }
    }

    own = ngx_http_webhook_head_own(name);
    off = 0;

    if (!ep->event_headers) {
        off = 1 << NGX_HTTP_WEBHOOK_OWN_EVENT
              | 1 << NGX_HTTP_WEBHOOK_OWN_TRACE;

        if (!ep->sign->standard) {
            off |= 1 << NGX_HTTP_WEBHOOK_OWN_ID
                   | 1 << NGX_HTTP_WEBHOOK_OWN_TIMESTAMP;
        }
    }

    if (own) {
        return !(own & off);
    }

    return ngx_http_webhook_head_equal(name, 4, "host")
           || ngx_http_webhook_head_equal(name, 14, "content-length")
           || ngx_http_webhook_head_equal(name, 12, "webhook-hops")
           || ngx_http_webhook_sign_makes(ep, name);
}


/* of any payload: a trigger may bring another one than the endpoint has */

static ngx_uint_t
ngx_http_webhook_sign_is_attribute(ngx_http_webhook_main_conf_t *wmcf,
    wh_str_t *name)
{
    ngx_uint_t                    i;
    ngx_http_webhook_payload_t  **payload;

    payload = wmcf->payloads.elts;

    for (i = 0; i < wmcf->payloads.nelts; i++) {
        if (ngx_http_webhook_cloudevents_sends(payload[i], name)) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
ngx_http_webhook_sign_makes(ngx_http_webhook_endpoint_t *ep, wh_str_t *name)
{
    ngx_uint_t                     i;
    ngx_http_webhook_sign_t       *sign;
    ngx_http_webhook_signature_t  *s;

    sign = ep->sign;

    if (sign == NULL) {
        return 0;
    }

    if (sign->http
        && (ngx_http_webhook_head_equal(name, 9, "signature")
            || ngx_http_webhook_head_equal(name, 15, "signature-input")
            || (sign->digests
                && ngx_http_webhook_head_equal(name, 14, "content-digest"))))
    {
        return 1;
    }

    s = sign->signatures.elts;

    for (i = 0; i < sign->signatures.nelts; i++) {

        if (s[i].label.len) {
            continue;
        }

        if (ngx_http_webhook_head_equal(name, s[i].header.len,
                                        (char *) s[i].header.data)
            || (s[i].timestamp.len
                && ngx_http_webhook_head_equal(name, s[i].timestamp.len,
                                              (char *) s[i].timestamp.data)))
        {
            return 1;
        }
    }

    return 0;
}


#else /* !NGX_OPENSSL */

char *
ngx_http_webhook_sign_check(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    return NGX_CONF_OK;
}


char *
ngx_http_webhook_sign_check_covered(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_endpoint_t *ep)
{
    return NGX_CONF_OK;
}


ngx_uint_t
ngx_http_webhook_sign_makes(ngx_http_webhook_endpoint_t *ep, wh_str_t *name)
{
    return 0;
}

#endif
