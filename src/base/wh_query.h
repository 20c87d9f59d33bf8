
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Arguments of a request, and what operators filter by.
 */


#ifndef _WH_QUERY_H_INCLUDED_
#define _WH_QUERY_H_INCLUDED_


#include "wh.h"


/*
 * The next "name=value" of a query, as it stands there; *pos is 0 at first.
 * Empty ones are skipped.  WH_OK; WH_AGAIN at the end; WH_ERROR: there is no
 * "=".
 */
int wh_query_next(wh_str_t query, size_t *pos, wh_str_t *name,
    wh_str_t *value);

/*
 * Decodes "%XX" and "+" into "out", which has room for as many octets as the
 * value has.  WH_OK and the result in *text; WH_ERROR: a broken escape, or
 * one of NUL.
 */
int wh_query_decode(wh_str_t value, char *out, wh_str_t *text);

/* a decimal number of "least" to "most"; WH_OK or WH_ERROR */
int wh_query_number(wh_str_t value, uint64_t least, uint64_t most,
    uint64_t *n);

/*
 * A time: milliseconds since the epoch in digits, or as of RFC 3339.  WH_OK
 * and milliseconds since the epoch, or WH_ERROR.
 */
int wh_query_time(wh_str_t value, uint64_t *ms);


/* keys and cursors: lower-case hexadecimal, two digits for an octet */
void wh_hex_put(char *out, const char *p, size_t n);

/* exactly "n" octets of it; WH_OK or WH_ERROR */
int wh_hex_get(wh_str_t text, char *out, size_t n);


/* empty texts, and zeros, are what is not filtered by */

typedef struct {
    wh_str_t   endpoint;
    wh_str_t   event;
    wh_str_t   id;
    uint64_t   since;          /* ms since the epoch, included */
    uint64_t   until;          /* likewise, not included */
    uint32_t   status;
    int        outcome;        /* its number and 1 */
    int        failed;         /* only those */
} wh_filter_t;

/* what is known of a delivery, or of an attempt */

typedef struct {
    wh_str_t   endpoint;
    wh_str_t   event;
    wh_str_t   id;
    uint64_t   time;
    uint32_t   status;
    int        outcome;
    int        failed;
} wh_fact_t;

/* 1: it is one of those that are asked for */
int wh_filter_match(const wh_filter_t *f, const wh_fact_t *fact);


#endif /* _WH_QUERY_H_INCLUDED_ */
