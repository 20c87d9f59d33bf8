
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_locale.h"


int
wh_locale_available(void)
{
    return 0;
}


int
wh_locale_find(wh_str_t tag)
{
    (void) tag;

    return WH_LOST;
}


int
wh_locale_decimal(wh_str_t tag, wh_decimal_t *d)
{
    (void) tag;
    (void) d;

    return WH_LOST;
}


int
wh_locale_zone(wh_str_t zone)
{
    (void) zone;

    return WH_LOST;
}


wh_date_t *
wh_date_open(wh_str_t tag, int date, int time, wh_str_t zone)
{
    (void) tag;
    (void) date;
    (void) time;
    (void) zone;

    return NULL;
}


void
wh_date_close(wh_date_t *d)
{
    (void) d;
}


int
wh_date_put(wh_buf_t *b, wh_date_t *d, int64_t ms)
{
    (void) d;
    (void) ms;

    return b->err ? b->err : WH_ERROR;
}
