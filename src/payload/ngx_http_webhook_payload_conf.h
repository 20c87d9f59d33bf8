
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a payload is made of, inside its room.
 */


#ifndef _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_


#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_fields.h"
#include "wh_cloudevent.h"


typedef enum {
    NGX_HTTP_WEBHOOK_STRUCTURED = 0,
    NGX_HTTP_WEBHOOK_FLAT,
    NGX_HTTP_WEBHOOK_FORM,
    NGX_HTTP_WEBHOOK_TEXT,
    NGX_HTTP_WEBHOOK_RAW,
    NGX_HTTP_WEBHOOK_CLOUDEVENTS
} ngx_http_webhook_kind_e;


/* types of attributes that wh_ce_value_ok() does not know */

#define NGX_HTTP_WEBHOOK_CE_BOOLEAN      (WH_CE_TIMESTAMP + 1)
#define NGX_HTTP_WEBHOOK_CE_BINARY       (WH_CE_TIMESTAMP + 2)
#define NGX_HTTP_WEBHOOK_CE_TRACEPARENT  (WH_CE_TIMESTAMP + 3)


/* an attribute of CloudEvents */

typedef struct {
    ngx_str_t                     name;
    ngx_uint_t                    type;      /* WH_CE_... and others */
    ngx_http_webhook_text_t       value;
} ngx_http_webhook_attribute_t;


struct ngx_http_webhook_payload_s {
    ngx_str_t                     name;
    ngx_array_t                  *lines;     /* ..._line_t *, as written */
    ngx_http_webhook_kind_e       kind;
    ngx_str_t                     content_type;  /* raw: may be empty */
    ngx_http_webhook_fields_t     fields;    /* structured, flat, form */
    ngx_http_webhook_text_t       template;  /* text */
    ngx_uint_t                    body;      /* raw: ..._REQUEST, _RESPONSE */
    ngx_array_t                   attributes;  /* cloudevents; as configured */
    unsigned                      has_template:1;
    unsigned                      has_body:1;
    unsigned                      binary:1;  /* cloudevents: "ce-" headers */
};


/* true if the body is a JSON object of fields, to which others may be added */
#define ngx_http_webhook_payload_is_object(payload)                           \
    (((payload)->kind == NGX_HTTP_WEBHOOK_STRUCTURED                          \
      && !(payload)->fields.array)                                            \
     || (payload)->kind == NGX_HTTP_WEBHOOK_FLAT)

/* a whole file, from cf->pool; errors are logged */
char *ngx_http_webhook_payload_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);

/* puts the data of an event that comes without any fields */
void ngx_http_webhook_render_data(ngx_http_request_t *r,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);

/* directives of cloudevents: "source" and others, "extension", ... */
char *ngx_http_webhook_cloudevents_attribute(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);
char *ngx_http_webhook_cloudevents_extension(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);

char *ngx_http_webhook_cloudevents_type(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);

/* the mode; NGX_OK or NGX_ERROR, errors are logged */
ngx_int_t ngx_http_webhook_cloudevents_mode(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload, ngx_str_t *mode);

/* the whole block was read */
char *ngx_http_webhook_cloudevents_check(ngx_conf_t *cf,
    ngx_http_webhook_payload_t *payload);

/* NGX_OK or NGX_DECLINED; the text may become a static one */
ngx_int_t ngx_http_webhook_attribute_check(ngx_uint_t type, ngx_str_t *text,
    ngx_log_t *log);

/* true if a header, in lower case, is one of those of "binary" */
ngx_uint_t ngx_http_webhook_cloudevents_sends(
    ngx_http_webhook_payload_t *payload, wh_str_t *name);

/* "binary": the headers; NGX_OK or NGX_ERROR, see also out->err */
ngx_int_t ngx_http_webhook_cloudevents_headers(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);

/* the body, in both modes; likewise */
ngx_int_t ngx_http_webhook_cloudevents_body(ngx_http_request_t *r,
    ngx_http_webhook_payload_t *payload, ngx_http_webhook_endpoint_t *ep,
    ngx_http_webhook_event_t *evt, wh_buf_t *out);


#endif /* _NGX_HTTP_WEBHOOK_PAYLOAD_CONF_H_INCLUDED_ */
