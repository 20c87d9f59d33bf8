
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Retry-After and dates of HTTP (RFC 9110, 10.2.3 and 5.6.7).
 */


#ifndef _WH_AFTER_H_INCLUDED_
#define _WH_AFTER_H_INCLUDED_


#include "wh.h"


/*
 * The value of a Retry-After header, which is a number of seconds or a date.
 * "now" is in seconds since the epoch.  WH_OK and the ms to wait in *ms, 0
 * for a date that is over; WH_ERROR for anything else, also for a number that
 * cannot be held in ms.  Spaces and tabs around it are skipped.
 */
int wh_retry_after(wh_str_t value, uint64_t now, uint64_t *ms);

/*
 * A date in one of the three forms: IMF-fixdate, RFC 850, asctime().  WH_OK
 * and the seconds since the epoch, which may be negative, in *seconds;
 * WH_ERROR.  The name of the day must be one, and is not compared.  "now" is
 * for the two digits of RFC 850, a year of the 50 before or after it.
 */
int wh_http_date(wh_str_t value, uint64_t now, int64_t *seconds);


#endif /* _WH_AFTER_H_INCLUDED_ */
