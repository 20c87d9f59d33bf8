
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What differs between two JSON objects.
 */


#ifndef _WH_DIFF_H_INCLUDED_
#define _WH_DIFF_H_INCLUDED_


#include "wh_json.h"


/*
 * Appends, as a JSON object, the members of the object "text" whose values are
 * others in the object "other", or which are not in it; *n is their number.
 * Values are compared as what they mean: "1.0" is 1, "\u0061" is "a", the order
 * of names does not matter, and of repeated ones the last counts.  What is
 * put is compact, in the order of "text", with numbers as written.  An
 * "other" that is empty, or JSON but no object, has no members.
 *
 * WH_OK; WH_ERROR if "text" is no JSON object, or "other" is not JSON; WH_LIMIT
 * if one of them is deeper than WH_JSON_MAX_DEPTH, or does not fit; WH_NOMEM.
 * Memory is some 15 times the length of both at most, and freed at the end.
 */
int wh_put_json_diff(wh_buf_t *b, wh_str_t text, wh_str_t other,
    const wh_alloc_t *mem, size_t *n);


#endif /* _WH_DIFF_H_INCLUDED_ */
