
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Numbers as they stand in a text of some language: "1.234,56".
 */


#ifndef _WH_DECIMAL_H_INCLUDED_
#define _WH_DECIMAL_H_INCLUDED_


#include "wh_number.h"


#define WH_SYMBOL_MAX     15     /* octets of a symbol */
#define WH_DECIMAL_ZEROS  1024   /* that an exponent may stand for */


/* in UTF-8 */

typedef struct {
    unsigned char   len;
    char            data[WH_SYMBOL_MAX];
} wh_symbol_t;


/* what a language has; plain octets, may be copied and shared */

typedef struct {
    wh_symbol_t     digits[10];
    wh_symbol_t     point;
    wh_symbol_t     group;
    wh_symbol_t     prefix;      /* of a negative number */
    wh_symbol_t     suffix;      /* likewise */
    unsigned        primary;     /* digits of the last group; 0: no groups */
    unsigned        secondary;   /* of the others */
    unsigned        minimum;     /* before the last group, or there is none */
} wh_decimal_t;


/*
 * Appends a number, which must be wh_number_ok(), exactly: with all digits
 * that it has after the point, zeros too, without leading zeros and exponent.
 * WH_OK; WH_LIMIT: the exponent stands for more than WH_DECIMAL_ZEROS zeros,
 * nothing was appended; or the sticky error of the buffer.
 */
int wh_decimal_put(wh_buf_t *b, const wh_decimal_t *d, wh_str_t number);


#endif /* _WH_DECIMAL_H_INCLUDED_ */
