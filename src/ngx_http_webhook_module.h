
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_MODULE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "wh.h"
#include "wh_hole.h"
#include "ngx_http_webhook_compat.h"


#define NGX_HTTP_WEBHOOK_VERSION  "0.1.0"

/* of webhook_max_hops: an octet of a record */
#define NGX_HTTP_WEBHOOK_MAX_HOPS  255


typedef struct ngx_http_webhook_endpoint_s  ngx_http_webhook_endpoint_t;
typedef struct ngx_http_webhook_payload_s   ngx_http_webhook_payload_t;
typedef struct ngx_http_webhook_language_s  ngx_http_webhook_language_t;
typedef struct ngx_http_webhook_languages_s  ngx_http_webhook_languages_t;
typedef struct ngx_http_webhook_trigger_s   ngx_http_webhook_trigger_t;
typedef struct ngx_http_webhook_values_s    ngx_http_webhook_values_t;
typedef struct ngx_http_webhook_zone_s      ngx_http_webhook_zone_t;
typedef struct ngx_http_webhook_store_s     ngx_http_webhook_store_t;
typedef struct ngx_http_webhook_random_s    ngx_http_webhook_random_t;
typedef struct ngx_http_webhook_meter_s     ngx_http_webhook_meter_t;
typedef struct ngx_http_webhook_sign_s      ngx_http_webhook_sign_t;
typedef struct ngx_http_webhook_notify_s    ngx_http_webhook_notify_t;
typedef struct ngx_http_webhook_lacks_s     ngx_http_webhook_lacks_t;
typedef struct ngx_http_webhook_line_s      ngx_http_webhook_line_t;
typedef struct ngx_http_webhook_mailbox_s   ngx_http_webhook_mailbox_t;
typedef struct ngx_http_webhook_store_conf_s  ngx_http_webhook_store_conf_t;


/* what hangs off a worker process; one per cycle, made in init_process */

typedef struct {
    ngx_http_webhook_store_t   *store;        /* NULL: no webhook_store */
    void                       *peers;        /* ..._peer.h */
    void                       *delivery;
    void                       *waiting;
    void                       *states;       /* ..._states.c */
    void                       *notices;      /* ..._notice.c */
    void                       *capture;
    ngx_http_webhook_random_t  *random;       /* made at first use */
    void                       *mark;         /* likewise, ..._mark.h */
    ngx_uint_t                  streams;      /* of webhook_api, open ones */
    ngx_log_t                  *log;
} ngx_http_webhook_worker_t;


/* "webhook_history" */

#define NGX_HTTP_WEBHOOK_HISTORY_OFF       0
#define NGX_HTTP_WEBHOOK_HISTORY_FAILURES  1
#define NGX_HTTP_WEBHOOK_HISTORY_ALL       2

typedef struct {
    ngx_uint_t                      mode;       /* NGX_HTTP_WEBHOOK_HISTORY_ */
    ngx_uint_t                      count;
    ngx_msec_t                      age;
    size_t                          size;       /* 0: of the store's size */
    size_t                          body;       /* octets kept of one */
} ngx_http_webhook_history_conf_t;


typedef struct {
    ngx_array_t                     endpoints;  /* ..._endpoint_t * */
    ngx_rbtree_t                    endpoint_tree;  /* of them, by name */
    ngx_rbtree_node_t               endpoint_sentinel;
    ngx_array_t                     payloads;   /* ..._payload_t * */
    ngx_array_t                     zones;      /* ..._zone_t * */
    ngx_http_webhook_languages_t   *languages;  /* NULL: none */

    ngx_http_webhook_store_conf_t  *store;      /* NULL: no webhook_store */
    ngx_http_webhook_notify_t      *notify;     /* NULL: no webhook_notify */

    size_t                          max_event_size;
    size_t                          memory;     /* of a worker */
    ngx_uint_t                      connections;
    ngx_uint_t                      max_hops;
    ngx_http_webhook_history_conf_t  history;

    ngx_uint_t                      enters;     /* some location does */
    ngx_uint_t                      reads;      /* and wants its body */
    ngx_array_t                     triggers;   /* ..._trigger_t * */
    ngx_array_t                    *lines;      /* ..._line_t *, or NULL */
    ngx_array_t                     scopes;     /* ngx_http_core_loc_conf_t *,
                                                   with triggers */
    void                           *routes;     /* see ..._route.h */
    ngx_array_t                     references;  /* ..._reference_t */

    ngx_http_conf_ctx_t            *ctx;        /* of synthetic requests */
    void                           *log;        /* ..._log.h; NULL: none */
    ngx_http_webhook_meter_t       *meter;      /* in a zone; NULL: none */
    ngx_http_webhook_worker_t      *worker;     /* NULL outside of workers */
} ngx_http_webhook_main_conf_t;


typedef struct {
    ngx_array_t                    *triggers;   /* ..._trigger_t *, or NULL */
    ngx_array_t                    *own_values; /* of this level */
    ngx_http_webhook_values_t      *values;     /* NULL: none */
    size_t                          max_body_size;
    ngx_flag_t                      capture;
    ngx_flag_t                      accept;
    u_char                         *accept_file;
    ngx_uint_t                      accept_line;
    ngx_uint_t                      enters;     /* requests get a context */
    ngx_flag_t                      api;        /* webhook_api */
    ngx_flag_t                      api_write;
    ngx_uint_t                      api_streams;  /* of a worker */
} ngx_http_webhook_loc_conf_t;


/* an event on its way from a request to a payload */

typedef struct {
    ngx_str_t                       name;       /* of the variable, no "$" */
    ngx_uint_t                      kind;       /* WH_JSON_..., see wh_json.h */
    ngx_str_t                       text;
} ngx_http_webhook_captured_t;


/* a body as it was on the wire, for payloads that are that body */

typedef struct {
    ngx_str_t                       type;       /* Content-Type, may be empty */
    ngx_str_t                       encoding;   /* Content-Encoding, likewise */
    ngx_str_t                       octets;
} ngx_http_webhook_raw_t;


/* whose body: indices of "raw", and bits of what is wanted */

#define NGX_HTTP_WEBHOOK_REQUEST    0
#define NGX_HTTP_WEBHOOK_RESPONSE   1


typedef struct {
    ngx_str_t                       type;       /* "contact.created" */
    ngx_str_t                       id;
    uint64_t                        time;       /* ms since the epoch */
    ngx_uint_t                      status;     /* sent; 0: not known yet */
    ngx_uint_t                      hops;       /* 0: no delivery caused it */
    ngx_uint_t                      nvalues;
    ngx_http_webhook_captured_t    *values;     /* found ones only */
    ngx_str_t                       data;       /* JSON, instead of values */
    ngx_http_webhook_raw_t         *raw[2];     /* NULL: not to be had */
    ngx_uint_t                      large;      /* bits, why it is not */
    wh_holes_t                      holes;      /* of what is rendered */
    ngx_http_webhook_lacks_t       *lacks;      /* NULL: it is no dry run */
} ngx_http_webhook_event_t;


/* a variable that the configuration mentions */

typedef struct {
    ngx_str_t                       name;
    ngx_http_get_variable_pt        handler;    /* defined so; NULL: used */
    u_char                         *file;
    ngx_uint_t                      line;
} ngx_http_webhook_reference_t;


/*
 * nginx does not say where a variable is that nobody defines.  The first one
 * remembers the place of a variable, the second one is for postconfiguration.
 */
ngx_int_t ngx_http_webhook_reference(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_get_variable_pt handler);
ngx_int_t ngx_http_webhook_references_check(ngx_conf_t *cf);


/* how many headers of the request have that name, and the last one's value */
ngx_uint_t ngx_http_webhook_header_find(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);


extern ngx_module_t  ngx_http_webhook_module;


#endif /* _NGX_HTTP_WEBHOOK_MODULE_H_INCLUDED_ */
