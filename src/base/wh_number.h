
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Numbers as decimal text: exact, of any length, with exponents of any size.
 */


#ifndef _WH_NUMBER_H_INCLUDED_
#define _WH_NUMBER_H_INCLUDED_


#include "wh_escape.h"


/* 1 if s is one number of RFC 8259, section 6, and nothing else */

static inline int
wh_number_ok(wh_str_t s)
{
    return wh_json_number_ok(s.data, s.len);
}


/*
 * -1, 0 or 1: a is less than, equal to, or greater than b, as numbers: "1.0"
 * equals "1" and "10e-1", "-0" equals "0".  Both must be wh_number_ok().
 */
int wh_number_compare(wh_str_t a, wh_str_t b);


#endif /* _WH_NUMBER_H_INCLUDED_ */
