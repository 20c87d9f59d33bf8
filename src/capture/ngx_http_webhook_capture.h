
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


#define NGX_HTTP_WEBHOOK_MAX_TRIGGERS  32    /* of one location */


/* "webhook EVENT [parameters] | off" */

struct ngx_http_webhook_trigger_s {
    ngx_str_t                     event;
    ngx_array_t                  *to;         /* ngx_str_t names, NULL: all */
    ngx_uint_t                    nendpoints; /* resolved, after http {} */
    ngx_http_webhook_endpoint_t **endpoints;
    ngx_http_webhook_statuses_t   status;
    ngx_uint_t                    methods;    /* NGX_HTTP_..., 0: any */
    ngx_http_complex_value_t     *condition;  /* if=, NULL: none */
    ngx_http_complex_value_t     *order_key;  /* NULL: none */
    ngx_str_t                     payload_name;
    ngx_http_webhook_payload_t   *payload;    /* NULL: the endpoint's */
    u_char                       *file;
    ngx_uint_t                    line;
    unsigned                      status_set:1;
};


/* "webhook_json $var request POINTER" */

typedef struct {
    ngx_str_t                     name;       /* of the variable, no "$" */
    ngx_int_t                     index;      /* of the variable */
    ngx_str_t                     pointer;
    unsigned                      raw:1;      /* type=json */
} ngx_http_webhook_value_t;


/*
 * In a location's configuration "triggers" are pointers (..._trigger_t *):
 * NULL is "none on any level", an empty array is "webhook off".
 *
 * The directives; all take the location's configuration.
 */

char *ngx_http_webhook_trigger_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_json_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* merges triggers and values, and compiles the pointers of a location */
char *ngx_http_webhook_capture_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf);

/* $webhook_id, $webhook_event, $webhook_result, ...; preconfiguration */
ngx_int_t ngx_http_webhook_variables_add(ngx_conf_t *cf);

/* names of endpoints and payloads to pointers; after endpoints were made */
char *ngx_http_webhook_trigger_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* phases and filters; postconfiguration, only if there is any trigger */
ngx_int_t ngx_http_webhook_capture_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_ */
