
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Languages of endpoints: catalogues of translations, numbers and dates.
 */


#ifndef _NGX_HTTP_WEBHOOK_LANGUAGE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LANGUAGE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "wh_catalogue.h"
#include "wh_locale.h"


/* of dates, in all languages */

typedef struct {
    int                           date;       /* WH_STYLE_... */
    int                           time;
    ngx_str_t                     zone;
} ngx_http_webhook_format_t;


/*
 * One of a name, whatever the number of its endpoints.  What fields need is
 * made with the configuration, before workers are: they share its memory.
 */

struct ngx_http_webhook_language_s {
    ngx_str_t                     name;       /* as it is written first */

    ngx_str_t                     endpoint;   /* the first one, or empty */
    ngx_str_t                     file;       /* where that is */
    ngx_uint_t                    line;

    wh_catalogue_t               *own;        /* NULL: no translations */
    wh_catalogue_t               *catalogue;  /* likewise, or of "de" */
    wh_decimal_t                 *decimal;    /* NULL: no numbers in text */
    wh_date_t                   **dates;      /* by index of the format */

    time_t                        quiet;      /* of the last line on missing */
    ngx_uint_t                    missing;    /* since then */
};


struct ngx_http_webhook_languages_s {
    ngx_array_t                   list;       /* ..._language_t * */
    ngx_array_t                   formats;    /* ..._format_t */
};


/* "webhook_translations LANG FILE" */
char *ngx_http_webhook_translations(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "language LANG" of an endpoint; NGX_OK, NGX_DECLINED: no tag, NGX_ERROR */
ngx_int_t ngx_http_webhook_language_set(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_str_t *name);

/* the index of a format, which is one for all fields; NGX_ERROR: no memory */
ngx_int_t ngx_http_webhook_language_format(ngx_conf_t *cf,
    ngx_http_webhook_format_t *format);

/* when all are there, and before the first ..._use() */
char *ngx_http_webhook_language_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * Makes what the payload (NULL: none is needed) needs of the endpoint's
 * language.  If the endpoint will surely have that payload, it is an error
 * if there is no such thing, which is logged.
 */
char *ngx_http_webhook_language_use(ngx_conf_t *cf,
    ngx_http_webhook_endpoint_t *ep, ngx_http_webhook_payload_t *payload,
    ngx_uint_t surely);


#endif /* _NGX_HTTP_WEBHOOK_LANGUAGE_H_INCLUDED_ */
