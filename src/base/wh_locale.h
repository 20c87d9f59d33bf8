
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What ICU knows of languages.  There are two of this: wh_locale.c, and
 * wh_locale_none.c for a build without ICU, which knows nothing.
 */


#ifndef _WH_LOCALE_H_INCLUDED_
#define _WH_LOCALE_H_INCLUDED_


#include "wh_decimal.h"
#include "wh_tag.h"


#define WH_LOCALE_ZONE_MAX  63     /* of a time zone */


/* styles of dates and times */

#define WH_STYLE_NONE    0
#define WH_STYLE_SHORT   1
#define WH_STYLE_MEDIUM  2
#define WH_STYLE_LONG    3
#define WH_STYLE_FULL    4


typedef struct wh_date_s  wh_date_t;


/* 1 if this is a build with ICU */
int wh_locale_available(void);

/* WH_OK, or WH_LOST if ICU has nothing of the language; or it is no tag */
int wh_locale_find(wh_str_t tag);

/* sets *d for a language; WH_OK, WH_LOST, WH_NOMEM, WH_ERROR */
int wh_locale_decimal(wh_str_t tag, wh_decimal_t *d);

/* WH_OK, or WH_LOST if there is no such time zone ("Europe/Berlin") */
int wh_locale_zone(wh_str_t zone);

/*
 * A format of dates, of times, or both (WH_STYLE_...), for the use of one
 * thread at a time; after fork() each process has its own.  NULL: no memory,
 * or no such language, zone or style.
 */
wh_date_t *wh_date_open(wh_str_t tag, int date, int time, wh_str_t zone);

/* NULL is fine */
void wh_date_close(wh_date_t *d);

/*
 * Appends a time in milliseconds since the epoch.  WH_OK; WH_ERROR: ICU can't,
 * nothing was appended; or the sticky error of the buffer.
 */
int wh_date_put(wh_buf_t *b, wh_date_t *d, int64_t ms);


#endif /* _WH_LOCALE_H_INCLUDED_ */
