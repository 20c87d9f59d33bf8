
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"
#include "wh_json.h"


#define NGX_HTTP_WEBHOOK_MAX_TRIGGERS  32    /* of one location */
#define NGX_HTTP_WEBHOOK_EVENT_MAX     128   /* octets of an event's name */


/* when a trigger fires */

typedef enum {
    NGX_HTTP_WEBHOOK_ON_RESPONSE = 0,
    NGX_HTTP_WEBHOOK_ON_REQUEST,
    NGX_HTTP_WEBHOOK_NSTAGE
} ngx_http_webhook_stage_e;


/* a name in "to=" */

typedef struct {
    ngx_str_t                     name;
    ngx_http_webhook_text_t      *text;       /* NULL: the name is literal */
} ngx_http_webhook_to_t;


/* "webhook EVENT [parameters] | off" */

struct ngx_http_webhook_trigger_s {
    ngx_str_t                     event;      /* or a pattern */
    ngx_http_webhook_stage_e      on;
    ngx_array_t                  *to;         /* ..._to_t, NULL: all */
    ngx_uint_t                    nvariables; /* among "to" */
    ngx_uint_t                    nendpoints; /* literal or by "events" */
    ngx_http_webhook_endpoint_t **endpoints;
    ngx_http_webhook_statuses_t   status;
    ngx_uint_t                    methods;    /* NGX_HTTP_..., 0: any */
    ngx_http_webhook_text_t      *condition;  /* if=, NULL: none */
    ngx_http_webhook_text_t      *order_key;  /* NULL: none */
    ngx_http_webhook_text_t      *id;         /* NULL: a UUID */
    ngx_msec_t                    every;      /* 0: always */
    ngx_http_webhook_text_t      *per;        /* NULL: one interval */
    ngx_str_t                     payload_name;
    ngx_http_webhook_payload_t   *payload;    /* NULL: the endpoint's */
    ngx_uint_t                    bodies;     /* that payloads are made of */
    ngx_http_webhook_line_t      *conf;       /* as it is written */
    ngx_atomic_t                 *results;    /* where they are counted */
    u_char                       *file;
    ngx_uint_t                    line;
    unsigned                      status_set:1;
    unsigned                      pattern:1;  /* "event" has a "*" */
    unsigned                      accepted:1; /* by a "webhook_accept" */
};


/* "webhook_json $var request|response POINTER", "webhook_form ..." */

typedef struct {
    ngx_str_t                     name;       /* of the variable, no "$" */
    ngx_int_t                     index;      /* of the variable */
    ngx_str_t                     pointer;    /* or the form field's name */
    ngx_uint_t                    source;     /* NGX_HTTP_WEBHOOK_REQUEST */
    ngx_uint_t                    slot;       /* among its like */
    unsigned                      form:1;
    unsigned                      raw:1;      /* type=json */
} ngx_http_webhook_value_t;


/* all values of a location, compiled */

struct ngx_http_webhook_values_s {
    ngx_array_t                   list;       /* ..._value_t */
    wh_pointers_t                *pointers[2];  /* NULL: none */
    ngx_uint_t                    nfields;
    wh_str_t                     *fields;     /* names, of the form */
};


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
char *ngx_http_webhook_form_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_accept_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* merges triggers and values, and compiles the values of a location */
char *ngx_http_webhook_capture_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf);

/* $webhook_id, $webhook_event, $webhook_result, ...; preconfiguration */
ngx_int_t ngx_http_webhook_variables_add(ngx_conf_t *cf);

/* NGX_HTTP_GET and the like, NGX_HTTP_UNKNOWN */
ngx_uint_t ngx_http_webhook_method_find(ngx_str_t *name);

/* labels joined by "."; in a pattern "*" is one, too */
ngx_int_t ngx_http_webhook_event_ok(ngx_str_t *event, ngx_uint_t pattern);

/* "*" in the pattern stands for one label or more */
ngx_uint_t ngx_http_webhook_event_matches(ngx_str_t *pattern,
    ngx_str_t *event);

/* names of endpoints and payloads to pointers; after endpoints were made */
char *ngx_http_webhook_trigger_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* master: where results of triggers are counted */
void ngx_http_webhook_trigger_init_module(ngx_http_webhook_main_conf_t *wmcf);

/* phases and filters; postconfiguration, only if a location "enters" */
ngx_int_t ngx_http_webhook_capture_init(ngx_conf_t *cf);


#endif /* _NGX_HTTP_WEBHOOK_CAPTURE_H_INCLUDED_ */
