
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The delivery record: what is kept of one event for one endpoint.
 *
 *     version (1 octet, WH_DELIVERY_VERSION)
 *     fields: type (1 octet), length (4 octets, little-endian), octets
 *
 * Unknown fields are skipped by readers, so that an older version can read
 * what a newer one of the same WH_DELIVERY_VERSION wrote.
 */


#ifndef _WH_DELIVERY_H_INCLUDED_
#define _WH_DELIVERY_H_INCLUDED_


#include "wh.h"


#define WH_DELIVERY_VERSION  1

typedef enum {
    WH_FIELD_EVENT = 1,        /* event type */
    WH_FIELD_ID,               /* event id */
    WH_FIELD_TIME,             /* 8 octets, little-endian: ms since the epoch */
    WH_FIELD_CONTENT_TYPE,
    WH_FIELD_HEADER,           /* name, ':', value; may be repeated */
    WH_FIELD_BODY,
    WH_FIELD_TRACE,            /* a received, valid traceparent */
    WH_FIELD_HOPS,             /* 1 octet: deliveries that led to the event */
    WH_FIELD_ENCODING,         /* Content-Encoding of the body */
    WH_FIELD_FORM,             /* empty; the body is a form: GET's query */
    WH_FIELD_URL,              /* the whole one, if it has variables */
    WH_FIELD_HOLES,            /* of the field before, see wh_hole.h */
    WH_FIELD_OBJECT,           /* empty; the body is an object of fields */
    WH_FIELD_QUERY             /* "name=value" for the URL; may be repeated */
} wh_field_e;


/* begin a record; then put fields; errors stick in b->err */
int wh_delivery_begin(wh_buf_t *b);
int wh_delivery_put(wh_buf_t *b, wh_field_e type, const char *p, size_t n);
int wh_delivery_put_time(wh_buf_t *b, uint64_t ms);

/*
 * For octets rendered in place: open writes the field's head and gives its
 * position in *pos, close sets the length of all that was put since.
 */
int wh_delivery_open(wh_buf_t *b, wh_field_e type, size_t *pos);
int wh_delivery_close(wh_buf_t *b, size_t pos);

/*
 * Walks a record: *pos is 0 at first.  WH_OK and the field; WH_AGAIN at the
 * end; WH_ERROR for a damaged record or another version.
 */
int wh_delivery_next(wh_str_t record, size_t *pos, unsigned *type,
    wh_str_t *value);

/* the first field of a type; WH_AGAIN: there is none; WH_ERROR as above */
int wh_delivery_get(wh_str_t record, wh_field_e type, wh_str_t *value);

/* the event's time; 0 when there is none */
uint64_t wh_delivery_time(wh_str_t record);

/* four octets, little-endian */
void wh_put_le32(char *p, uint32_t v);
uint32_t wh_get_le32(const char *p);


#endif /* _WH_DELIVERY_H_INCLUDED_ */
