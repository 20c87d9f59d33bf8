
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a payload is made of, inside its room.
 */


#ifndef _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_


#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_fields.h"


typedef enum {
    NGX_HTTP_WEBHOOK_STRUCTURED = 0,
    NGX_HTTP_WEBHOOK_FLAT,
    NGX_HTTP_WEBHOOK_FORM,
    NGX_HTTP_WEBHOOK_TEXT,
    NGX_HTTP_WEBHOOK_RAW
} ngx_http_webhook_kind_e;


struct ngx_http_webhook_payload_s {
    ngx_str_t                     name;
    ngx_http_webhook_kind_e       kind;
    ngx_str_t                     content_type;  /* raw: may be empty */
    ngx_http_webhook_fields_t     fields;    /* structured, flat, form */
    ngx_http_webhook_text_t       template;  /* text */
    ngx_uint_t                    body;      /* raw: ..._REQUEST, _RESPONSE */
    unsigned                      has_template:1;
    unsigned                      has_body:1;
};


/* a whole file, from cf->pool; errors are logged */
char *ngx_http_webhook_payload_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);


#endif /* _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_ */
