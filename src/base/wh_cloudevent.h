
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Attributes of CloudEvents 1.0.2, and how HTTP headers carry them.
 */


#ifndef _WH_CLOUDEVENT_H_INCLUDED_
#define _WH_CLOUDEVENT_H_INCLUDED_


#include "wh.h"


/* types of attributes, other than Boolean and Binary */

typedef enum {
    WH_CE_STRING = 0,            /* characters, none of control */
    WH_CE_INTEGER,               /* of 32 bits, in decimal */
    WH_CE_URI,                   /* with a scheme */
    WH_CE_URIREF,                /* with a scheme or without */
    WH_CE_TIMESTAMP              /* of RFC 3339 */
} wh_ce_type_e;


/* 1 if the octets can be the name of an attribute: of a to z and 0 to 9 */
int wh_ce_name_ok(const char *p, size_t n);

/* 1 if they are a value of the type; an empty one never is */
int wh_ce_value_ok(wh_ce_type_e type, const char *p, size_t n);

/* 1 if a media type says that data is JSON: "*" "/json", or with "+json" */
int wh_ce_type_is_json(const char *p, size_t n);

/*
 * Appends a string as the value of a "ce-" header: a space, '"', "%" and all
 * but U+0021 to U+007E are percent-encoded, an invalid sequence of UTF-8
 * becomes one U+FFFD.  Returns the sticky error of the buffer.
 */
int wh_put_ce_header(wh_buf_t *b, const char *p, size_t n);


#endif /* _WH_CLOUDEVENT_H_INCLUDED_ */
