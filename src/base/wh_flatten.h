
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * JSON text taken apart into names and values of one level.
 */


#ifndef _WH_FLATTEN_H_INCLUDED_
#define _WH_FLATTEN_H_INCLUDED_


#include "wh_json.h"


/*
 * A value that is no object and no array: kind and text as of wh_json_value_t.
 * The octets are there for the call only.  What is returned unless WH_OK ends
 * it all.
 */
typedef int (*wh_flatten_pt)(void *ctx, const wh_buf_t *name, int kind,
    const char *p, size_t n);

typedef struct {
    wh_str_t       separator;
    wh_str_t       join;
    wh_buf_t      *joined;       /* empty; NULL: all elements are numbered */
} wh_flatten_how_t;


/*
 * Gives all values of a JSON text to "leaf", in their order.  The name of each
 * is what is in "name" already, and for each object and array it is in, the
 * separator, and its name or its index from 0.  With "joined", for the use of
 * this, elements of an array that are no objects or arrays are one string,
 * with "join" in between, at the end of the array; null is empty in it, the
 * others are numbered still.  An empty object or array is one null.  Names may
 * be repeated, if they are so in the text, or if the separator is a part of
 * them.
 *
 * WH_OK; WH_ERROR if the text is not JSON; WH_LIMIT if it is deeper than
 * WH_JSON_MAX_DEPTH, or a name does not fit; WH_NOMEM; or what "leaf"
 * returned.  "leaf" may have been called before any of them.  "name" has in
 * the end what it had at first.
 */
int wh_flatten(const char *p, size_t n, wh_buf_t *name,
    const wh_flatten_how_t *how, wh_flatten_pt leaf, void *ctx,
    const wh_alloc_t *mem);


#endif /* _WH_FLATTEN_H_INCLUDED_ */
