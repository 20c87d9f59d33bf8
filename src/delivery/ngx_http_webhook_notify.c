
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_notify.h"
#include "ngx_http_webhook_mail.h"
#include "ngx_http_webhook_secret.h"
#include "ngx_http_webhook_tls.h"
#include "ngx_http_webhook_zone.h"
#include "wh_mail.h"
#include "ngx_http_webhook_lines.h"

#include <ngx_md5.h>


#define NGX_HTTP_WEBHOOK_NOTIFY_STEPS    10     /* of a mail, each a timeout */
#define NGX_HTTP_WEBHOOK_NOTIFY_TIMEOUT  30000  /* ms */

/* RFC 5321 says days, but nobody waits for a notice that long */
#define NGX_HTTP_WEBHOOK_NOTIFY_EXPIRE   (6 * 3600000)


typedef struct {
    ngx_str_t                     endpoint;
    ngx_array_t                   emails;     /* ngx_str_t */
    ngx_str_t                     smtp;
    ngx_str_t                     user;
    ngx_str_t                     password;
    ngx_str_t                     from;
    ngx_str_t                     trusted;
    wh_smtp_starttls_e            starttls;
    ngx_msec_t                    timeout;
    ngx_msec_t                    summary;
    ngx_url_t                     url;
    ngx_uint_t                    by_name;    /* unsigned  by_name:1; */
    ngx_str_t                     file;
    ngx_uint_t                    line;
} ngx_http_webhook_notify_line_t;


static ngx_int_t ngx_http_webhook_notify_param(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_str_t *value, ngx_uint_t k);
static char *ngx_http_webhook_notify_line(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_uint_t seen);
static ngx_int_t ngx_http_webhook_notify_smtp(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l);
static ngx_int_t ngx_http_webhook_notify_target(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_notify_line_t *l,
    ngx_http_webhook_endpoint_t *ep);
static ngx_http_webhook_endpoint_t *ngx_http_webhook_notify_mailbox(
    ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notify_line_t *l, ngx_str_t *email);
static ngx_int_t ngx_http_webhook_notify_name(ngx_conf_t *cf,
    ngx_str_t *email, ngx_str_t *name);
static ngx_int_t ngx_http_webhook_notify_address(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_http_webhook_endpoint_t *ep);


typedef enum {
    NGX_HTTP_WEBHOOK_NOTIFY_ENDPOINT = 0,
    NGX_HTTP_WEBHOOK_NOTIFY_EMAIL,
    NGX_HTTP_WEBHOOK_NOTIFY_SMTP,
    NGX_HTTP_WEBHOOK_NOTIFY_USER,
    NGX_HTTP_WEBHOOK_NOTIFY_PASSWORD,
    NGX_HTTP_WEBHOOK_NOTIFY_STARTTLS,
    NGX_HTTP_WEBHOOK_NOTIFY_TRUSTED,
    NGX_HTTP_WEBHOOK_NOTIFY_FROM,
    NGX_HTTP_WEBHOOK_NOTIFY_TIME,
    NGX_HTTP_WEBHOOK_NOTIFY_SUMMARY
} ngx_http_webhook_notify_e;


static ngx_str_t  ngx_http_webhook_notify_params[] = {
    ngx_string("endpoint="),
    ngx_string("email="),
    ngx_string("smtp="),
    ngx_string("smtp_user="),
    ngx_string("smtp_password="),
    ngx_string("starttls="),
    ngx_string("trusted_certificate="),
    ngx_string("from="),
    ngx_string("timeout="),
    ngx_string("summary="),
    ngx_null_string
};


static char  *ngx_http_webhook_notify_allowed[] = {
    "the name of a webhook_endpoint",
    "an address as \"name@example.com\", in ASCII and without a display name",
    "\"HOST\" or \"HOST:PORT\"",
    "a user name of 1 to 255 octets without control characters",
    "a password, \"file:PATH\" or \"env:NAME\"",
    "\"auto\", \"required\" or \"off\"",
    "a file with certificates",
    "an address as \"name@example.com\", in ASCII and without a display name",
    "a time of 1s to 10m",
    "a time of 1s to 1d"
};


static ngx_str_t  ngx_http_webhook_notify_starttls[] = {
    ngx_string("auto"),
    ngx_string("required"),
    ngx_string("off"),
    ngx_null_string
};


static uint64_t  ngx_http_webhook_notify_delays[] = {
    5000, 30000, 120000, 600000, 1800000, 3600000, 3600000, 7200000
};


/* ms, for endpoints, and for mail */

static uint64_t  ngx_http_webhook_notify_summary[] = { 60000, 600000 };


char *
ngx_http_webhook_notify_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    u_char                          *p;
    ngx_str_t                       *value, *param, s;
    ngx_uint_t                       i, k, seen;
    ngx_http_webhook_line_t         *line;
    ngx_http_webhook_notify_line_t  *l;

    line = ngx_http_webhook_lines_add(cf, &wmcf->lines);
    if (line == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < line->nwords; i++) {

        if (ngx_strncmp(line->words[i].data, "smtp_password=", 14) == 0
            && ngx_http_webhook_line_mask(cf, line, i, 14) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (wmcf->notify == NULL) {

        wmcf->notify = ngx_pcalloc(cf->pool,
                                   sizeof(ngx_http_webhook_notify_t));
        if (wmcf->notify == NULL
            || ngx_array_init(&wmcf->notify->lines, cf->pool, 2,
                              sizeof(ngx_http_webhook_notify_line_t))
               != NGX_OK
            || ngx_array_init(&wmcf->notify->targets, cf->pool, 2,
                              sizeof(ngx_http_webhook_endpoint_t *))
               != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    l = ngx_array_push(&wmcf->notify->lines);
    if (l == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(l, sizeof(ngx_http_webhook_notify_line_t));

    l->file = cf->conf_file->file.name;
    l->line = cf->conf_file->line;
    l->timeout = NGX_HTTP_WEBHOOK_NOTIFY_TIMEOUT;

    if (ngx_array_init(&l->emails, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    seen = 0;
    value = cf->args->elts;
    param = ngx_http_webhook_notify_params;

    for (i = 1; i < cf->args->nelts; i++) {

        for (k = 0; param[k].len; k++) {
            if (ngx_strncmp(value[i].data, param[k].data, param[k].len) == 0) {
                break;
            }
        }

        if (param[k].len == 0) {

            /* most likely it is misspelt, and a password may follow */

            s = value[i];
            p = ngx_strlchr(s.data, s.data + s.len, '=');

            if (p) {
                s.len = p + 1 - s.data;
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\", it must "
                               "be one of \"endpoint=\", \"email=\", "
                               "\"smtp=\", \"smtp_user=\", "
                               "\"smtp_password=\", \"starttls=\", "
                               "\"trusted_certificate=\", \"from=\", "
                               "\"timeout=\", \"summary=\"",
                               &s, &cmd->name);
            return NGX_CONF_ERROR;
        }

        if ((seen & ((ngx_uint_t) 1 << k))
            && k != NGX_HTTP_WEBHOOK_NOTIFY_EMAIL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\" in \"%V\"",
                               &param[k], &cmd->name);
            return NGX_CONF_ERROR;
        }

        seen |= (ngx_uint_t) 1 << k;

        s.len = value[i].len - param[k].len;
        s.data = value[i].data + param[k].len;

        switch (ngx_http_webhook_notify_param(cf, l, &s, k)) {

        case NGX_OK:
            continue;

        case NGX_ERROR:
            return NGX_CONF_ERROR;

        default: /* NGX_DECLINED; of a password nothing is shown */

            if (k == NGX_HTTP_WEBHOOK_NOTIFY_SMTP) {
                /* it may be in front of the host */

                for (p = s.data + s.len; p > s.data; p--) {
                    if (p[-1] == '@') {
                        s.len -= p - s.data;
                        s.data = p;
                        break;
                    }
                }
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value of \"%V\" in \"%V\": \"%V\", "
                               "it must be %s", &param[k], &cmd->name,
                               k == NGX_HTTP_WEBHOOK_NOTIFY_PASSWORD
                               ? &param[k] : &s,
                               ngx_http_webhook_notify_allowed[k]);
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_webhook_notify_line(cf, l, seen);
}


/* NGX_DECLINED: it is not what is allowed; NGX_ERROR: logged */

static ngx_int_t
ngx_http_webhook_notify_param(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_str_t *value, ngx_uint_t k)
{
    ngx_int_t   t;
    ngx_str_t  *email;
    ngx_uint_t  i;

    if (value->len == 0) {
        return NGX_DECLINED;
    }

    switch (k) {

    case NGX_HTTP_WEBHOOK_NOTIFY_ENDPOINT:
        l->endpoint = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_NOTIFY_EMAIL:

        if (!wh_mail_address_ok((char *) value->data, value->len)) {
            return NGX_DECLINED;
        }

        email = ngx_array_push(&l->emails);
        if (email == NULL) {
            return NGX_ERROR;
        }

        *email = *value;

        return NGX_OK;

    case NGX_HTTP_WEBHOOK_NOTIFY_SMTP:
        l->smtp = *value;
        return ngx_http_webhook_notify_smtp(cf, l);

    case NGX_HTTP_WEBHOOK_NOTIFY_USER:

        if (value->len > 255) {
            return NGX_DECLINED;
        }

        for (i = 0; i < value->len; i++) {
            if (value->data[i] < ' ' || value->data[i] == 0x7f) {
                return NGX_DECLINED;
            }
        }

        l->user = *value;

        return NGX_OK;

    case NGX_HTTP_WEBHOOK_NOTIFY_PASSWORD:

        if (ngx_http_webhook_secret(cf, value, &l->password) != NGX_OK) {
            return NGX_ERROR;
        }

        return l->password.len > 255 ? NGX_DECLINED : NGX_OK;

    case NGX_HTTP_WEBHOOK_NOTIFY_STARTTLS:

        for (i = 0; ngx_http_webhook_notify_starttls[i].len; i++) {

            if (ngx_strcmp(ngx_http_webhook_notify_starttls[i].data,
                           value->data)
                == 0)
            {
                l->starttls = i;
                return NGX_OK;
            }
        }

        return NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_NOTIFY_TRUSTED:
        l->trusted = *value;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_NOTIFY_FROM:
        l->from = *value;
        return wh_mail_address_ok((char *) value->data, value->len)
               ? NGX_OK : NGX_DECLINED;

    case NGX_HTTP_WEBHOOK_NOTIFY_SUMMARY:

        t = ngx_parse_time(value, 0);

        if (t == NGX_ERROR || t < 1000 || t > 86400000) {
            return NGX_DECLINED;
        }

        l->summary = (ngx_msec_t) t;

        return NGX_OK;

    default: /* NGX_HTTP_WEBHOOK_NOTIFY_TIME */

        t = ngx_parse_time(value, 0);

        if (t == NGX_ERROR || t < 1000 || t > 600000) {
            return NGX_DECLINED;
        }

        l->timeout = (ngx_msec_t) t;

        return NGX_OK;
    }
}


static char *
ngx_http_webhook_notify_line(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_uint_t seen)
{
    u_char     *p;
    ngx_str_t  *name;

    name = cf->args->elts;

    if (l->endpoint.len == 0 && l->emails.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs \"endpoint=\" or \"email=\"", name);
        return NGX_CONF_ERROR;
    }

    if (l->emails.nelts == 0) {

        if (seen & ~((ngx_uint_t) 1 << NGX_HTTP_WEBHOOK_NOTIFY_ENDPOINT
                     |(ngx_uint_t) 1 << NGX_HTTP_WEBHOOK_NOTIFY_SUMMARY))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "without \"email=\" there may be nothing but "
                               "\"endpoint=\" and \"summary=\" in \"%V\"",
                               name);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if ((l->user.len == 0) != (l->password.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"smtp_user=\" and \"smtp_password=\" must be "
                           "both given in \"%V\"", name);
        return NGX_CONF_ERROR;
    }

#if !(NGX_HTTP_SSL)

    if (l->starttls == WH_SMTP_STARTTLS_REQUIRED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"starttls=required\" in \"%V\" needs an nginx "
                           "with \"--with-http_ssl_module\", it must be "
                           "\"off\"", name);
        return NGX_CONF_ERROR;
    }

    l->starttls = WH_SMTP_STARTTLS_OFF;

#endif

    if (l->trusted.len && l->starttls != WH_SMTP_STARTTLS_REQUIRED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"trusted_certificate=\" in \"%V\" needs "
                           "\"starttls=required\": otherwise no certificate "
                           "is verified", name);
        return NGX_CONF_ERROR;
    }

    if (l->smtp.len == 0) {
        ngx_str_set(&l->smtp, "localhost:25");

        if (ngx_http_webhook_notify_smtp(cf, l) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (l->from.len) {
        return NGX_CONF_OK;
    }

    l->from.data = ngx_pnalloc(cf->pool, sizeof("webhook@") - 1
                                         + cf->cycle->hostname.len);
    if (l->from.data == NULL) {
        return NGX_CONF_ERROR;
    }

    p = ngx_cpymem(l->from.data, "webhook@", sizeof("webhook@") - 1);
    p = ngx_cpymem(p, cf->cycle->hostname.data, cf->cycle->hostname.len);

    l->from.len = p - l->from.data;

    if (!wh_mail_address_ok((char *) l->from.data, l->from.len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs \"from=\": this host's name makes "
                           "no address, \"%V\"", name, &l->from);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_notify_smtp(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l)
{
    ngx_url_t  *u;

    u = &l->url;

    u->url = l->smtp;
    u->default_port = 25;
    u->no_resolve = 1;

    if (ngx_parse_url(cf->pool, u) != NGX_OK || u->uri.len || u->wildcard
        || u->family == AF_UNIX || u->host.len == 0)
    {
        return NGX_DECLINED;
    }

    /* an address is known at once */

    l->by_name = (u->naddrs == 0);

    if (!wh_mail_host_ok((char *) u->host.data, u->host.len)) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


char *
ngx_http_webhook_notify_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_str_t                       *email;
    ngx_uint_t                       i, k;
    ngx_http_webhook_endpoint_t     *ep;
    ngx_http_webhook_notify_line_t  *l;

#if (NGX_HTTP_SSL)
    ngx_http_webhook_tls_set_t       set;
    ngx_http_webhook_tls_conf_t     *tc;

    if (ngx_http_webhook_tls_set_init(cf, &set) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
#endif

    if (wmcf->notify == NULL) {
        return NGX_CONF_OK;
    }

    l = wmcf->notify->lines.elts;

    if (wmcf->endpoints.nelts == 0 || wmcf->store == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_notify\" needs %s beside it in %V:%ui",
                      wmcf->store ? "a \"webhook_endpoint\""
                                  : "\"webhook_store\"", &l->file, l->line);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < wmcf->notify->lines.nelts; i++) {

        if (l[i].endpoint.len) {
            ep = ngx_http_webhook_endpoint_find(wmcf, &l[i].endpoint);

            if (ep == NULL || ep->mailbox) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown webhook_endpoint \"%V\" in "
                              "\"webhook_notify\" in %V:%ui",
                              &l[i].endpoint, &l[i].file, l[i].line);
                return NGX_CONF_ERROR;
            }

            if (ngx_http_webhook_notify_target(wmcf, &l[i], ep) != NGX_OK) {
                return NGX_CONF_ERROR;
            }
        }

        email = l[i].emails.elts;

#if (NGX_HTTP_SSL)

        tc = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_tls_conf_t));
        if (tc == NULL) {
            return NGX_CONF_ERROR;
        }

        tc->verify = (l[i].starttls == WH_SMTP_STARTTLS_REQUIRED);
        tc->trusted = l[i].trusted;
        tc->protocols = NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3;
        ngx_str_set(&tc->ciphers, "DEFAULT");

#endif

        for (k = 0; k < l[i].emails.nelts; k++) {

            ep = ngx_http_webhook_notify_mailbox(cf, wmcf, &l[i], &email[k]);

            if (ep == NULL
                || ngx_http_webhook_notify_address(cf, &l[i], ep) != NGX_OK
                || ngx_http_webhook_notify_target(wmcf, &l[i], ep) != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

#if (NGX_HTTP_SSL)
            if (l[i].starttls != WH_SMTP_STARTTLS_OFF
                && ngx_http_webhook_tls_init(cf, &set, tc, ep) != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }
#endif
        }
    }

    for (i = 0; i < 2; i++) {
        if (wmcf->notify->summary[i] == 0) {
            wmcf->notify->summary[i] = ngx_http_webhook_notify_summary[i];
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_notify_target(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_notify_line_t *l, ngx_http_webhook_endpoint_t *ep)
{
    uint64_t                      *summary;
    ngx_http_webhook_endpoint_t  **target;

    /* of several times the shortest one is for all of the same kind */

    summary = &wmcf->notify->summary[ep->mailbox ? 1 : 0];

    if (l->summary && (*summary == 0 || l->summary < *summary)) {
        *summary = l->summary;
    }

    if (ep->notified) {
        return NGX_OK;
    }

    target = ngx_array_push(&wmcf->notify->targets);
    if (target == NULL) {
        return NGX_ERROR;
    }

    *target = ep;
    ep->notified = 1;

    return NGX_OK;
}


static ngx_http_webhook_endpoint_t *
ngx_http_webhook_notify_mailbox(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_notify_line_t *l,
    ngx_str_t *email)
{
    u_char                        *p;
    ngx_str_t                      name, bad;
    ngx_str_t                      final = ngx_string("5xx");
    ngx_http_webhook_mailbox_t    *mb;
    ngx_http_webhook_endpoint_t   *ep, **epp;

    if (ngx_http_webhook_notify_name(cf, email, &name) != NGX_OK) {
        return NULL;
    }

    ep = ngx_http_webhook_endpoint_find(wmcf, &name);

    if (ep) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "duplicate \"email=%V\" in \"webhook_notify\", "
                      "the other one is in %V:%ui in %V:%ui",
                      email, &ep->file, ep->line, &l->file, l->line);
        return NULL;
    }

    ep = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_endpoint_t));
    mb = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_mailbox_t));

    if (ep == NULL || mb == NULL
        || ngx_array_init(&ep->headers, cf->pool, 1,
                          sizeof(ngx_http_webhook_header_t))
           != NGX_OK
        || ngx_array_init(&ep->keys, cf->pool, 1,
                          sizeof(ngx_http_webhook_key_t))
           != NGX_OK
        || ngx_array_init(&ep->events, cf->pool, 1, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_http_webhook_statuses_parse(&final, &ep->permanent, &bad)
           != NGX_OK)
    {
        return NULL;
    }

    mb->to = *email;
    mb->from = l->from;
    mb->user = l->user;
    mb->password = l->password;
    mb->starttls = l->starttls;
    mb->timeout = l->timeout;
    mb->named = l->by_name;

    p = ngx_strlchr(mb->from.data, mb->from.data + mb->from.len, '@') + 1;

    mb->domain.data = p;
    mb->domain.len = mb->from.data + mb->from.len - p;

    mb->helo = cf->cycle->hostname;

    if (!wh_mail_host_ok((char *) mb->helo.data, mb->helo.len)) {
        mb->helo = mb->domain;
    }

    ngx_queue_init(&ep->held);
    ngx_queue_init(&ep->queued);
    ngx_queue_init(&ep->paced);

    ep->main = wmcf;
    ep->mailbox = mb;
    ep->name = name;
    ep->file = l->file;
    ep->line = l->line;
    ep->url = l->smtp;
    ep->host = l->url.host;
    ep->port = l->url.port;
    ep->resolve = l->url.host;

    if (ep->resolve.data[0] == '[') {
        ep->resolve.data++;
        ep->resolve.len -= 2;
    }

    ep->event_headers = 1;
    ep->timeout = NGX_HTTP_WEBHOOK_NOTIFY_STEPS * l->timeout;
    ngx_str_set(&ep->method, "MAIL");

    ep->policy.retry.delays = ngx_http_webhook_notify_delays;
    ep->policy.retry.n = sizeof(ngx_http_webhook_notify_delays)
                         / sizeof(uint64_t);
    ep->policy.retry.expire = NGX_HTTP_WEBHOOK_NOTIFY_EXPIRE;

    ngx_str_null(&name);
    ep->zone = ngx_http_webhook_zone_find(wmcf, &name);

    ep->index = wmcf->endpoints.nelts;

    epp = ngx_array_push(&wmcf->endpoints);
    if (epp == NULL) {
        return NULL;
    }

    *epp = ep;

    ep->node.str = ep->name;
    ep->node.node.key = ngx_crc32_long(ep->name.data, ep->name.len);

    ngx_rbtree_insert(&wmcf->endpoint_tree, &ep->node.node);

    return ep;
}


/* "mail:ADDRESS", which no operator can give to an endpoint */

static ngx_int_t
ngx_http_webhook_notify_name(ngx_conf_t *cf, ngx_str_t *email,
    ngx_str_t *name)
{
    u_char     *p, digest[16];
    size_t      len;
    ngx_md5_t   md5;

    name->data = ngx_pnalloc(cf->pool, NGX_HTTP_WEBHOOK_NAME_MAX);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(name->data, "mail:", 5);
    len = email->len;

    if (len <= NGX_HTTP_WEBHOOK_NAME_MAX - 5) {
        p = ngx_cpymem(p, email->data, len);

    } else {
        ngx_md5_init(&md5);
        ngx_md5_update(&md5, email->data, len);
        ngx_md5_final(digest, &md5);

        len = NGX_HTTP_WEBHOOK_NAME_MAX - 5 - 1 - 2 * sizeof(digest);

        p = ngx_cpymem(p, email->data, len);
        *p++ = ':';
        p = ngx_hex_dump(p, digest, sizeof(digest));
    }

    name->len = p - name->data;

    return NGX_OK;
}


/* where the server is: known, to be resolved now, or at each attempt */

static ngx_int_t
ngx_http_webhook_notify_address(ngx_conf_t *cf,
    ngx_http_webhook_notify_line_t *l, ngx_http_webhook_endpoint_t *ep)
{
    ngx_url_t                 *u;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  local = ngx_string("localhost");

    u = &l->url;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (l->by_name && clcf->resolver && clcf->resolver->connections.nelts
        && (u->host.len != local.len
            || ngx_strncasecmp(u->host.data, local.data, local.len) != 0))
    {
        ep->resolver = clcf->resolver;
        ep->resolver_timeout = clcf->resolver_timeout == NGX_CONF_UNSET_MSEC
                               ? 30000 : clcf->resolver_timeout;
        return NGX_OK;
    }

    if (u->naddrs == 0 && ngx_inet_resolve_host(cf->pool, u) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%s in \"smtp=%V\" of \"webhook_notify\" in %V:%ui",
                      u->err ? u->err : "no memory", &l->smtp, &l->file,
                      l->line);
        return NGX_ERROR;
    }

    ep->mailbox->addrs = u->addrs;
    ep->mailbox->naddrs = u->naddrs;

    return NGX_OK;
}
