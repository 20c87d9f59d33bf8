
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _WH_TIME_H_INCLUDED_
#define _WH_TIME_H_INCLUDED_


#include "wh.h"


/*
 * A time as of RFC 3339, section 5.6: "2026-01-02T03:04:05.678+01:00", with
 * any number of digits of a second, or none; or a date alone, which is its
 * midnight in UTC.  *ms is milliseconds since the epoch, from the year 1 to
 * 9999, what is less is cut off.  A leap second is the first of the next
 * minute.  WH_OK or WH_ERROR.
 */
int wh_time_parse(wh_str_t s, int64_t *ms);


#endif /* _WH_TIME_H_INCLUDED_ */
