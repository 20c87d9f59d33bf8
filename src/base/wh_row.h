
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is kept of an attempt: a row that is small, so that many can be looked
 * through, and apart from it what was sent and what came back.
 *
 *     version (1 octet), fixed fields, then five texts, each behind its length
 *     (2 octets); numbers are little-endian
 */


#ifndef _WH_ROW_H_INCLUDED_
#define _WH_ROW_H_INCLUDED_


#include "wh.h"


#define WH_ROW_VERSION   1

#define WH_ROW_UNKNOWN   UINT32_MAX   /* a time that was not measured */

#define WH_ROW_FAILED    0x01         /* not a success */
#define WH_ROW_PROBE     0x02
#define WH_ROW_TEST      0x04         /* an operator's */
#define WH_ROW_REUSED    0x08         /* the connection was kept alive */
#define WH_ROW_BODY      0x10         /* its delivery's body is kept */
#define WH_ROW_CUT       0x20         /* ... not all of it */


/* of an attempt, in ms */

typedef enum {
    WH_ROW_DNS = 0,
    WH_ROW_CONNECT,
    WH_ROW_TLS,
    WH_ROW_FIRST,              /* octet of the answer */
    WH_ROW_TOTAL,
    WH_ROW_NTIMES
} wh_row_time_e;


typedef struct {
    uint64_t    time;          /* of its end, ms since the epoch */
    uint64_t    seq;           /* of the delivery, with "index" */
    uint32_t    index;
    uint32_t    attempt;       /* from 1 */
    uint32_t    worker;        /* process id */
    uint32_t    status;        /* 0: none */
    uint32_t    kept;          /* octets that all of it takes */
    uint32_t    times[WH_ROW_NTIMES];
    uint8_t     outcome;       /* number of its class */
    uint8_t     flags;         /* WH_ROW_... */
    wh_str_t    endpoint;
    wh_str_t    event;
    wh_str_t    id;
    wh_str_t    method;
    wh_str_t    url;
} wh_row_t;


/* octets of a row; longer texts than fit are cut */
size_t wh_row_size(const wh_row_t *row);
void wh_row_put(const wh_row_t *row, char *p);

/* texts point into "in"; WH_ERROR: damaged, or of another version */
int wh_row_get(wh_str_t in, wh_row_t *row);


/* the other part: masked heads, and how the answer's body begins */

typedef struct {
    wh_str_t    request;       /* header lines, without the first one */
    wh_str_t    response;      /* with the status line */
    wh_str_t    excerpt;
} wh_row_more_t;

size_t wh_row_more_size(const wh_row_more_t *more);
void wh_row_more_put(const wh_row_more_t *more, char *p);
int wh_row_more_get(wh_str_t in, wh_row_more_t *more);


#endif /* _WH_ROW_H_INCLUDED_ */
