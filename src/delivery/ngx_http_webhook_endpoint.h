
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _NGX_HTTP_WEBHOOK_ENDPOINT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ENDPOINT_H_INCLUDED_


#include "ngx_http_webhook_text.h"
#include "wh_backlog.h"
#include "wh_policy.h"


#define NGX_HTTP_WEBHOOK_RETRIES_MAX   64     /* delays of a list */
#define NGX_HTTP_WEBHOOK_COUNT_MAX     10000  /* exponential delays */
#define NGX_HTTP_WEBHOOK_NAME_MAX      64     /* octets of an endpoint's name */

/* ten years: sums of times stay far from any overflow */
#define NGX_HTTP_WEBHOOK_MAX_TIME      (10 * 365 * 86400000LL)


/* a list of status codes: a bit for each of 100 to 599 */

typedef struct {
    u_char                      bits[500 / 8 + 1];
} ngx_http_webhook_statuses_t;


/*
 * A value of a header or of authentication: a literal, the content of a file
 * (without its last line end), or a text with variables.  A secret is never
 * copied into a record: it is filled in at the attempt.
 */

typedef struct {
    ngx_str_t                   name;     /* header name */
    ngx_str_t                   prefix;   /* "Bearer ", "Basic " or empty */
    ngx_str_t                   literal;  /* when text is NULL */
    ngx_str_t                   plain;    /* of "Basic ": the password */
    ngx_http_webhook_text_t    *text;     /* evaluated at capture */
    unsigned                    secret:1; /* literal filled at the attempt */
    unsigned                    key:1;    /* by "api_key" */
    ngx_str_t                   file;     /* where it was configured */
    ngx_uint_t                  line;
} ngx_http_webhook_header_t;


/* "api_key query" or "api_key field" */

typedef struct {
    ngx_http_webhook_header_t   value;
    ngx_uint_t                  query;    /* else of the body */
    ngx_str_t                   form;     /* the name encoded, "=" */
    ngx_str_t                   member;   /* of a field: in JSON, ":" */
} ngx_http_webhook_key_t;


typedef struct ngx_http_webhook_url_s  ngx_http_webhook_url_t;


struct ngx_http_webhook_endpoint_s {
    ngx_str_node_t                node;       /* in main conf's tree */
    ngx_http_webhook_main_conf_t *main;
    ngx_str_t                     name;
    ngx_uint_t                    index;      /* in main conf's array */
    ngx_str_t                     file;       /* where it was configured */
    ngx_uint_t                    line;

    ngx_array_t                  *lines;      /* ..._line_t *, as written */

    ngx_str_t                     url;        /* as configured */
    ngx_str_t                     url_file;   /* it may be an included one */
    ngx_uint_t                    url_line;
    ngx_http_webhook_url_t       *texts;      /* NULL: it has no values */
    ngx_str_t                     host;       /* value of Host, if literal */
    ngx_str_t                     ssl_name;   /* for SNI and verification */
    ngx_str_t                     target;     /* path and query, "x": values */
    in_port_t                     port;
    unsigned                      ssl:1;

    ngx_http_upstream_conf_t      upstream;   /* for ngx_http_upstream_t.conf */
    ngx_http_upstream_srv_conf_t *uscf;       /* peers; NULL: resolver */
    unsigned                      plain:1;    /* they are a name's addresses */
    void                         *tls;        /* identity: TLS context, name */
    ngx_http_upstream_conf_t     *unnamed;    /* "upstream" for addresses out
                                                 of records, NULL: no TLS */

    ngx_array_t                  *addresses;  /* ngx_cidr_t, NULL: none */
    unsigned                      verify:1;   /* certificates of receivers */
    unsigned                      any:1;      /* all addresses are allowed */
    unsigned                      public:1;   /* public ones */

    ngx_resolver_t               *resolver;   /* NULL: resolved at start */
    ngx_resolver_t               *names;      /* of URLs out of records */
    ngx_str_t                     resolve;    /* name to be resolved */
    ngx_msec_t                    resolver_timeout;

    ngx_str_t                     method;
    ngx_http_webhook_payload_t   *payload;    /* NULL: the default envelope */
    ngx_http_webhook_language_t  *language;   /* NULL: none */
    ngx_array_t                   headers;    /* ..._header_t */
    ngx_array_t                   keys;       /* ..._key_t */
    ngx_str_t                     key_query;  /* secrets for the URL */
    ngx_str_t                     key_form;   /* for the body */
    ngx_str_t                     key_members;  /* likewise in JSON */
    ngx_uint_t                    key_fields;   /* also with variables */
    ngx_http_webhook_sign_t      *sign;       /* signatures; NULL: none */
    ngx_array_t                   events;     /* ngx_str_t patterns */
    ngx_flag_t                    event_headers;
    ngx_flag_t                    allow_http;

    ngx_uint_t                    history;    /* NGX_HTTP_WEBHOOK_HISTORY_ */

    ngx_msec_t                    timeout;    /* of the whole attempt */
    ngx_http_webhook_statuses_t   success;
    ngx_http_webhook_statuses_t   permanent;

    wh_policy_t                   policy;
    unsigned                      expire_drop:1;
    ngx_flag_t                    count_throttled;
    ngx_http_webhook_text_t      *order_key;

    ngx_queue_t                   held;       /* lanes, while it is disabled */
    ngx_queue_t                   disabled;   /* among those with such lanes */
    ngx_queue_t                   queued;     /* lanes that wait for a permit */
    ngx_queue_t                   wanting;    /* among those with such lanes */
    ngx_queue_t                   paced;      /* lanes that wait for its rate */
    ngx_event_t                   pace;
    ngx_event_t                   quiet;      /* after a line on drops */
    ngx_uint_t                    skipped;
    ngx_queue_t                   refused;    /* among those with "skipped" */
    ngx_queue_t                   unstored;   /* among those to be stored */
    unsigned                      unstored_set:1;
    ngx_uint_t                    changes;    /* that are being stored */
    unsigned                      storing:1;
    unsigned                      behind:1;   /* more of them, meanwhile */

    wh_limits_t                   backlog;
    wh_amount_t                   taken;      /* by this worker, see backlog */
    wh_amount_t                   promised;   /* likewise */
    wh_part_t                    *part;       /* where others see that */
    wh_part_t                     own;        /* nobody does: no room */
    ngx_http_webhook_endpoint_t  *unsettled;  /* the next one of those */
    ngx_rbtree_t                  ages;       /* lanes in memory, see oldest */
    ngx_rbtree_node_t             no_age;
    ngx_queue_t                   aging;      /* among those with such lanes */
    ngx_uint_t                    ages_told;  /* it is */
    ngx_uint_t                    unsettling; /* in a list, also by a thread */
    time_t                        full;       /* last line on an overflow */
    ngx_uint_t                    overflows;  /* since then */

    ngx_http_webhook_zone_t      *zone;
    ngx_http_webhook_mailbox_t   *mailbox;    /* NULL: it is no mail */
    unsigned                      notified:1; /* by webhook_notify */
    void                         *head;       /* of requests, ..._head.h */
    void                         *counters;   /* in the zone, per worker set */

    ngx_uint_t                    active;     /* attempts in this worker */
    ngx_uint_t                    dead;       /* deliveries, for a notice */
    unsigned                      slow:1;     /* they are counted as such */
};


/* "webhook_endpoint NAME { ... }", and the directives inside */
char *ngx_http_webhook_endpoint_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* after the whole http {}: payloads and zones by name, defaults, TLS */
char *ngx_http_webhook_endpoint_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * Directive number "i" of those that there are, and what an endpoint has that
 * is without it, which may be empty.  NGX_DECLINED: there are no more.
 */
ngx_int_t ngx_http_webhook_endpoint_preset(ngx_http_webhook_endpoint_t *ep,
    ngx_uint_t i, ngx_str_t *name, ngx_str_t *preset);

/* by name; NULL if there is none */
ngx_http_webhook_endpoint_t *ngx_http_webhook_endpoint_find(
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *name);

/* the arguments of "retry"; sets the delays in *r */
char *ngx_http_webhook_retry_parse(ngx_conf_t *cf, wh_retry_t *r);

/* "2xx,404,500-599" or "any"; *bad is set to the offending word */
ngx_int_t ngx_http_webhook_statuses_parse(ngx_str_t *value,
    ngx_http_webhook_statuses_t *s, ngx_str_t *bad);

#define ngx_http_webhook_statuses_has(s, n)                                   \
    ((n) >= 100 && (n) <= 599                                                 \
     && ((s)->bits[((n) - 100) / 8] & (1 << (((n) - 100) % 8))))


#endif /* _NGX_HTTP_WEBHOOK_ENDPOINT_H_INCLUDED_ */
