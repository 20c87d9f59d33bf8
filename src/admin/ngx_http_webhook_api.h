
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * JSON over HTTP, for operators.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_H_INCLUDED_


#include "ngx_http_webhook_module.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_job.h"


/* "webhook_api [write=on] [streams=NUMBER];" */
char *ngx_http_webhook_api_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* "if" and "limit_except" have the API of their location */
void ngx_http_webhook_api_merge(ngx_conf_t *cf,
    ngx_http_webhook_loc_conf_t *prev, ngx_http_webhook_loc_conf_t *conf);


/* between the files of the API */

/* arguments, bits of what a route knows and of what was given */

#define NGX_HTTP_WEBHOOK_API_ENDPOINT  0x0001
#define NGX_HTTP_WEBHOOK_API_EVENT     0x0002
#define NGX_HTTP_WEBHOOK_API_ID        0x0004
#define NGX_HTTP_WEBHOOK_API_SINCE     0x0008
#define NGX_HTTP_WEBHOOK_API_UNTIL     0x0010
#define NGX_HTTP_WEBHOOK_API_CLASS     0x0020
#define NGX_HTTP_WEBHOOK_API_STATUS    0x0040
#define NGX_HTTP_WEBHOOK_API_FAILED    0x0080
#define NGX_HTTP_WEBHOOK_API_LIMIT     0x0100
#define NGX_HTTP_WEBHOOK_API_CURSOR    0x0200
#define NGX_HTTP_WEBHOOK_API_ALL       0x0400
#define NGX_HTTP_WEBHOOK_API_TO        0x0800
#define NGX_HTTP_WEBHOOK_API_AFTER     0x1000

/* no arguments: it writes nothing, though it is no GET; it takes a body */

#define NGX_HTTP_WEBHOOK_API_READS     0x2000
#define NGX_HTTP_WEBHOOK_API_BODY      0x4000

#define NGX_HTTP_WEBHOOK_API_FILTERS   0x007f


typedef struct ngx_http_webhook_api_route_s  ngx_http_webhook_api_route_t;


typedef struct {
    ngx_http_request_t            *request;    /* NULL: it is gone */
    ngx_http_webhook_main_conf_t  *main;
    ngx_http_webhook_store_t      *store;
    ngx_pool_t                    *pool;       /* its own: threads use it */
    ngx_uint_t                     busy;       /* in a thread */
    ngx_event_t                    hold;       /* of the exit: who waits */

    ngx_str_t                      name;       /* out of the path */
    ngx_uint_t                     given;      /* arguments, bits */
    wh_filter_t                    filter;
    ngx_uint_t                     limit;
    wh_str_t                       cursor;
    wh_str_t                       to;
    wh_str_t                       after;
    ngx_http_webhook_api_route_t  *route;      /* that takes a body */
    ngx_str_t                      body;

    wh_buf_t                       out;        /* JSON, by malloc() */
    void                          *data;       /* the route's */
} ngx_http_webhook_api_t;


/* of a route: as an nginx handler, NGX_DONE when it is answered later */
typedef ngx_int_t (*ngx_http_webhook_api_pt)(ngx_http_webhook_api_t *api);

struct ngx_http_webhook_api_route_s {
    char                          *path;       /* a "*" is a name */
    ngx_uint_t                     method;     /* NGX_HTTP_GET, ... */
    ngx_uint_t                     args;       /* that it knows */
    ngx_uint_t                     limit;      /* default, and the largest */
    ngx_uint_t                     most;
    ngx_http_webhook_api_pt        handler;
};


/* sends api->out */
ngx_int_t ngx_http_webhook_api_answer(ngx_http_webhook_api_t *api,
    ngx_uint_t status);

/*
 * An error: {"error":{"code":"...","message":"..."}}, the message as of
 * ngx_sprintf().
 */
ngx_int_t ngx_http_webhook_api_error(ngx_http_webhook_api_t *api,
    ngx_uint_t status, char *code, const char *fmt, ...);

/* the answer of a job that did not succeed */
ngx_int_t ngx_http_webhook_api_failed(ngx_http_webhook_api_t *api,
    ngx_int_t rc);

/* it is answered later: NGX_DONE.  Then: true, if somebody still waits */
ngx_int_t ngx_http_webhook_api_wait(ngx_http_webhook_api_t *api);
ngx_uint_t ngx_http_webhook_api_waits(ngx_http_webhook_api_t *api);
void ngx_http_webhook_api_finish(ngx_http_webhook_api_t *api, ngx_int_t rc);

/*
 * Reads the arguments that are among "args" bits.  NGX_OK; NGX_DECLINED: it
 * was answered by an error, *rc is what to return; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_api_args(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_route_t *route, ngx_int_t *rc);

/* true: a filter that leaves some out is given, or "all=1" */
ngx_uint_t ngx_http_webhook_api_filtered(ngx_http_webhook_api_t *api);

/* a key, or a cursor, into octets; NGX_DECLINED: it is none */
ngx_int_t ngx_http_webhook_api_octets(wh_str_t *text, u_char *key, size_t len);


/* a list that is read from the store page by page, and one of its elements */

typedef struct {
    size_t                         least;      /* octets of a key */
    size_t                         most;
    int                          (*run)(ngx_http_webhook_job_t *job,
                                        ngx_http_webhook_inside_t *in);

    /* of a page, one of them */
    int                          (*letter)(ngx_http_webhook_page_t *page,
                                       ngx_http_webhook_letter_t *letter);
    int                          (*row)(ngx_http_webhook_page_t *page,
                                        u_char *key, wh_row_t *row,
                                        wh_row_more_t *more, wh_str_t *body);

    /* the answer when there is no such element; NULL: none is asked for */
    ngx_http_webhook_api_pt        unknown;

    /* what follows "next", or NULL */
    void                         (*rest)(ngx_http_webhook_api_t *api);
} ngx_http_webhook_api_pages_t;

/*
 * As a handler: answers with a page, of which api->out has the beginning up to
 * "[", or with the single element that the path names.
 */
ngx_int_t ngx_http_webhook_api_page(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_pages_t *pages, ngx_uint_t single);

/* in the thread: begins an element, an object, of a page */
wh_buf_t *ngx_http_webhook_api_page_element(ngx_http_webhook_page_t *page);

/*
 * The key in the path when "single", else the cursor, into "from" of "most"
 * octets; without a cursor *fromlen is left as it is.  NGX_OK; NGX_DECLINED:
 * it is none, which is answered, *rc is what to return.
 */
ngx_int_t ngx_http_webhook_api_from(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_pages_t *pages, ngx_uint_t single, u_char *from,
    size_t *fromlen, ngx_int_t *rc);

/* the answer to a cursor that is none */
ngx_int_t ngx_http_webhook_api_bad_cursor(ngx_http_webhook_api_t *api);


/* parts of JSON, each with a comma in front of it unless it is the first */
void ngx_http_webhook_api_put_name(wh_buf_t *b, char *name);
void ngx_http_webhook_api_put_text(wh_buf_t *b, char *name, wh_str_t *text);
void ngx_http_webhook_api_put_number(wh_buf_t *b, char *name, uint64_t n);
void ngx_http_webhook_api_put_flag(wh_buf_t *b, char *name, ngx_uint_t flag);
void ngx_http_webhook_api_put_key(wh_buf_t *b, char *name, u_char *key,
    size_t len);
/* octets: text if they are UTF-8, else NAME_base64 */
void ngx_http_webhook_api_put_octets(wh_buf_t *b, char *name,
    wh_str_t *octets);
/* how far a delivery is: number, class and status of its attempts */
void ngx_http_webhook_api_put_progress(wh_buf_t *b, wh_progress_t *progress);
/* header lines, as an array of objects */
void ngx_http_webhook_api_put_headers(wh_buf_t *b, char *name,
    wh_str_t *head);


/*
 * An attempt of a test, which was not started: *attempt is NULL when it is
 * answered, or the code of an error returned.
 */
ngx_int_t ngx_http_webhook_api_test_make(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t **attempt);

/* the request of its record; as ngx_http_webhook_payload_finish() */
ngx_int_t ngx_http_webhook_api_test_finish(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t *a);

/* the endpoint of the path; NULL: *rc is what to return */
ngx_http_webhook_endpoint_t *ngx_http_webhook_api_named(
    ngx_http_webhook_api_t *api, ngx_int_t *rc);

/* appends an endpoint; NGX_ERROR: no memory */
ngx_int_t ngx_http_webhook_api_put(ngx_http_webhook_api_t *api,
    ngx_http_webhook_endpoint_t *ep);


/* the routes */

ngx_int_t ngx_http_webhook_api_openapi(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_endpoints(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_endpoint(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_enable(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_disable(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_pause(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_resume(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_test(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_render(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_queue(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_config(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_endpoint_config(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_dead(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_dead_one(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_dead_replay(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_dead_purge(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_orphans(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_orphans_move(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_orphans_purge(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_attempts(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_attempt(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_stream(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_forget(ngx_http_webhook_api_t *api);

/* an attempt as an object without its end, by which all ways show it */
void ngx_http_webhook_api_put_row(wh_buf_t *b, wh_row_t *row);
void ngx_http_webhook_api_put_more(wh_buf_t *b, wh_row_t *row,
    wh_row_more_t *more, wh_str_t *body);


#endif /* _NGX_HTTP_WEBHOOK_API_H_INCLUDED_ */
