
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What a dry run tells of the renderer: values that were missing, what is
 * there instead, and where it was when it came to an end.
 */


#ifndef _NGX_HTTP_WEBHOOK_LACKS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LACKS_H_INCLUDED_


#include "ngx_http_webhook_module.h"


typedef struct {
    ngx_str_t                     variable;  /* empty: it has a wrong type */
    ngx_str_t                     field;     /* empty: of none */
    ngx_uint_t                    kind;      /* WH_JSON_NONE: left out */
    ngx_str_t                     text;      /* what is there instead */
} ngx_http_webhook_lack_t;


struct ngx_http_webhook_lacks_s {
    ngx_array_t                   list;      /* ..._lack_t */
    char                         *place;     /* "url", "field", NULL */
    ngx_str_t                     name;      /* of that, or empty */
};


/*
 * All of these do nothing for events that are no dry run; "evt" may be NULL.
 * A lack that there is no memory for is not told.
 */

/* where the renderer is, "name" may be NULL */
void ngx_http_webhook_lacks_at(ngx_http_webhook_event_t *evt, char *place,
    ngx_str_t *name);

/* how many there are */
ngx_uint_t ngx_http_webhook_lacks_count(ngx_http_webhook_event_t *evt);

/* a variable has no value, as in a text: there is nothing, or null */
void ngx_http_webhook_lacks_variable(ngx_http_webhook_event_t *evt,
    ngx_str_t *variable, ngx_uint_t kind);

/* a value is not of its type; true: it is a dry run, and told by that */
ngx_uint_t ngx_http_webhook_lacks_type(ngx_http_webhook_event_t *evt,
    ngx_str_t *field);

/* those from the number "n" on are of a field, which has that instead */
void ngx_http_webhook_lacks_field(ngx_http_webhook_event_t *evt, ngx_uint_t n,
    ngx_str_t *field, ngx_uint_t kind, ngx_str_t *text);


#endif /* _NGX_HTTP_WEBHOOK_LACKS_H_INCLUDED_ */
