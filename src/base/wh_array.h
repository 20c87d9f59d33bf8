
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The elements of a JSON array (RFC 8259), one after the other.
 */


#ifndef _WH_ARRAY_H_INCLUDED_
#define _WH_ARRAY_H_INCLUDED_


#include "wh.h"


/*
 * The next element of the array that "text" is; *pos is 0 at first.  WH_OK:
 * the octets of an element, without white space around it.  Whether they are
 * JSON is not checked, but wherever they are, the array's other elements are
 * told right.  WH_AGAIN: there are no more, and nothing else follows the
 * array.  WH_ERROR: it is no array, *pos is where that shows.
 */
int wh_array_next(wh_str_t text, size_t *pos, wh_str_t *element);

/* true if the first octet that is no white space begins an array */
int wh_array_is(wh_str_t text);


#endif /* _WH_ARRAY_H_INCLUDED_ */
