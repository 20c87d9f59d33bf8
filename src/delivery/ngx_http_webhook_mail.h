
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Mail.  A recipient is an endpoint that is not written by an operator: what
 * is kept, retried and counted for it is what is for any endpoint, and only
 * its attempts are made here, by SMTP.
 */


#ifndef _NGX_HTTP_WEBHOOK_MAIL_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_MAIL_H_INCLUDED_


#include "ngx_http_webhook_attempt.h"
#include "wh_smtp.h"


struct ngx_http_webhook_mailbox_s {
    ngx_str_t                     to;
    ngx_str_t                     from;
    ngx_str_t                     domain;     /* of "from" */
    ngx_str_t                     helo;
    ngx_str_t                     user;       /* empty: no authentication */
    ngx_str_t                     password;
    wh_smtp_starttls_e            starttls;
    ngx_msec_t                    timeout;    /* of a step */
    ngx_addr_t                   *addrs;      /* unless there is a resolver */
    ngx_uint_t                    naddrs;
    ngx_uint_t                    named;      /* unsigned  named:1; */
    wh_zone_t                     zone;       /* nothing is limited */
};


typedef void (*ngx_http_webhook_mail_pt)(void *data,
    ngx_http_webhook_class_e class, ngx_uint_t status, ngx_str_t *text);


/*
 * What is to be sent, out of a record that lives as long as the attempt's
 * pool; a->mail is set.  NGX_OK, NGX_DECLINED: *reason says why no mail can
 * be made of it; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_mail_prepare(ngx_http_webhook_attempt_t *a,
    wh_str_t record, char **reason);

/*
 * Sends it, to the first of the addresses that can be connected to.  They are
 * copied.  The handler is called once, perhaps before this returns, with the
 * server's last reply, if there was one; never after a close.
 */
void ngx_http_webhook_mail_start(ngx_http_webhook_attempt_t *a,
    ngx_resolver_addr_t *addrs, ngx_uint_t naddrs, ngx_log_t *log,
    ngx_http_webhook_mail_pt handler, void *data);

/* gives back what is not in the pool */
void ngx_http_webhook_mail_close(ngx_http_webhook_attempt_t *a);


#endif /* _NGX_HTTP_WEBHOOK_MAIL_H_INCLUDED_ */
