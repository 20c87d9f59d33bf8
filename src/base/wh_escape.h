
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_ESCAPE_H_INCLUDED_
#define _WH_ESCAPE_H_INCLUDED_


#include "wh.h"


/*
 * The appenders take n octets at p and return WH_OK, WH_NOMEM or WH_LIMIT,
 * the sticky error of the buffer; on error part of the text may be there.
 */

/*
 * The contents of a JSON string (RFC 8259, section 7), without the quotes.
 * Quote, backslash and U+0000 to U+001F are escaped, valid UTF-8 is left as
 * it is, an invalid sequence becomes one U+FFFD.
 */
int wh_put_json_string(wh_buf_t *b, const char *p, size_t n);

/* the same with the quotes */
int wh_put_json_quoted(wh_buf_t *b, const char *p, size_t n);

/* percent-encodes all but the unreserved characters of RFC 3986 */
int wh_put_url(wh_buf_t *b, const char *p, size_t n);

/*
 * A name or a value of application/x-www-form-urlencoded, as the URL
 * standard serialises them: a space is "+", letters, digits and "*-._" are
 * left, anything else is percent-encoded.
 */
int wh_put_form(wh_buf_t *b, const char *p, size_t n);

/* RFC 4648, section 4: the standard alphabet, padded */
int wh_put_base64(wh_buf_t *b, const char *p, size_t n);

/*
 * 1 if the octets may be sent as a header field value (RFC 9110, section
 * 5.5): no control characters but HTAB.  An empty one is fine; white space
 * at the ends is not looked at.
 */
int wh_header_value_ok(const char *p, size_t n);

/* 1 if the octets are a token (RFC 9110, section 5.6.2) */
int wh_header_name_ok(const char *p, size_t n);

/* 1 if the octets are one number of RFC 8259, section 6, and nothing else */
int wh_json_number_ok(const char *p, size_t n);


#endif /* _WH_ESCAPE_H_INCLUDED_ */
