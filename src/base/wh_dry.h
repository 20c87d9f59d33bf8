
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What an operator gives for a dry run: an event, and the values it has.
 */


#ifndef _WH_DRY_H_INCLUDED_
#define _WH_DRY_H_INCLUDED_


#include "wh_json.h"


/* members that are there, bits */

#define WH_DRY_EVENT      0x0001
#define WH_DRY_ID         0x0002
#define WH_DRY_LOCATION   0x0004
#define WH_DRY_METHOD     0x0008
#define WH_DRY_PATH       0x0010
#define WH_DRY_STATUS     0x0020
#define WH_DRY_TIME       0x0040
#define WH_DRY_REQUEST    0x0080
#define WH_DRY_RESPONSE   0x0100
#define WH_DRY_VARIABLES  0x0200

#define WH_DRY_MEMBERS    10


typedef struct {
    unsigned     given;
    wh_str_t     event;
    wh_str_t     id;
    wh_str_t     location;
    wh_str_t     method;
    wh_str_t     path;
    uint32_t     status;
    uint64_t     time;               /* ms since the epoch */
    wh_str_t     request;            /* JSON, compact */
    wh_str_t     response;

    const char  *error;              /* what is wrong; NULL: it is not JSON */
    const char  *member;             /* of that, or "" */
    uint64_t     offset;             /* of what is not JSON */

    /* private */

    wh_json_t   *json;
    wh_buf_t     variables;
    size_t       start;              /* of the last one of these */
    unsigned     depth;
    unsigned     within;             /* a variable's name or value is next */
} wh_dry_t;


/*
 * Reads the object that "text" is; all texts of *d are octets of it, or of
 * memory of "mem", until wh_dry_free(), which is needed on errors, too.
 * "palloc" and "ctx" are a pool.  WH_OK; WH_ERROR, with "error"; WH_NOMEM.
 */
int wh_dry_parse(wh_dry_t *d, wh_str_t text, const wh_alloc_t *mem,
    void *(*palloc)(void *ctx, size_t size), void *ctx);

/*
 * The next one of the variables, *pos is 0 at first: WH_OK, its name without
 * "$", and kind and text as of wh_json_value_t; WH_AGAIN: there are no more.
 */
int wh_dry_variable(const wh_dry_t *d, size_t *pos, wh_str_t *name, int *kind,
    wh_str_t *text);

void wh_dry_free(wh_dry_t *d);


#endif /* _WH_DRY_H_INCLUDED_ */
