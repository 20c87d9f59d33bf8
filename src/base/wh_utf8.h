
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_UTF8_H_INCLUDED_
#define _WH_UTF8_H_INCLUDED_


#include "wh.h"


/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above
 * U+10FFFF.  A zeroed wh_utf8_t is ready for use.
 */

typedef struct {
    uint64_t       offset;    /* octets accepted; on error, the bad one's */
    unsigned char  need;      /* octets missing from the last character */
    unsigned char  lo;        /* range of the next octet, if need */
    unsigned char  hi;
    unsigned char  bad;
} wh_utf8_t;


/*
 * Takes the next n octets, split anywhere.  WH_OK, or WH_ERROR at the first
 * octet that cannot continue the text; s->offset is then its offset from the
 * start of the text, and the error is sticky.
 */
int wh_utf8_feed(wh_utf8_t *s, const char *p, size_t n);

/* end of text: WH_OK, WH_AGAIN within a character, WH_ERROR as above */
int wh_utf8_finish(const wh_utf8_t *s);

/* octets in the longest prefix of p that is whole valid characters */
size_t wh_utf8_valid(const char *p, size_t n);

/*
 * Octets of a text that was cut, without the character it was cut in; all of
 * them, if it is no UTF-8 anyway.
 */
size_t wh_utf8_whole(const char *p, size_t n);

/*
 * Octets of the first character, *ok set to 1; or, *ok set to 0, octets of
 * the invalid sequence that one U+FFFD stands for (the "maximal subpart" of
 * Unicode, section 3.9).  Gives 0 only if n is 0.
 */
size_t wh_utf8_next(const char *p, size_t n, int *ok);


#endif /* _WH_UTF8_H_INCLUDED_ */
