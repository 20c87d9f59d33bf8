
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A body on its way past: it is decoded and parsed for values, and kept if a
 * payload is made of it.  What passes at once is examined in slices, one in a
 * turn of the event loop; the rest waits in a copy.
 */


#ifndef _NGX_HTTP_WEBHOOK_BODY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_BODY_H_INCLUDED_


#include "ngx_http_webhook_module.h"
#include "wh_form.h"
#include "wh_json.h"


/* octets of a body, and those decoded from it, in a turn of the loop */
#define NGX_HTTP_WEBHOOK_SLICE  (64 * 1024)


typedef enum {
    NGX_HTTP_WEBHOOK_BODY_NONE = 0,
    NGX_HTTP_WEBHOOK_BODY_READING,
    NGX_HTTP_WEBHOOK_BODY_COMPLETE,
    NGX_HTTP_WEBHOOK_BODY_TRUNCATED,
    NGX_HTTP_WEBHOOK_BODY_INVALID,
    NGX_HTTP_WEBHOOK_BODY_ENCODED
} ngx_http_webhook_body_e;


typedef enum {
    NGX_HTTP_WEBHOOK_IDENTITY = 0,
    NGX_HTTP_WEBHOOK_GZIP,
    NGX_HTTP_WEBHOOK_DEFLATE,
    NGX_HTTP_WEBHOOK_UNKNOWN
} ngx_http_webhook_coding_e;


/* what all captures of a worker hold, in octets */

typedef struct {
    size_t                         used;
    size_t                         max;
} ngx_http_webhook_account_t;


typedef struct ngx_http_webhook_block_s    ngx_http_webhook_block_t;
typedef struct ngx_http_webhook_inflate_s  ngx_http_webhook_inflate_t;

typedef void (*ngx_http_webhook_examined_pt)(void *data);


/* set to zero, then by who wants the body: the first part */

typedef struct {
    wh_pointers_t                 *pointers;     /* of JSON, NULL: none */
    wh_str_t                      *fields;       /* of a form, or none */
    ngx_uint_t                     nfields;
    int                            form;         /* its kind, WH_FORM_... */
    wh_str_t                       boundary;
    ngx_http_webhook_coding_e      coding;
    size_t                         max_size;     /* to parse, decoded */
    size_t                         max_value;    /* of all values held */
    size_t                         max_raw;      /* 0: it is not kept */
    ngx_http_webhook_account_t    *account;
    ngx_log_t                     *log;
    ngx_http_webhook_examined_pt   handler;
    void                          *data;         /* and "decoded" */

    ngx_http_webhook_body_e        state;
    wh_json_t                     *json;         /* one of the two, or none */
    wh_form_t                     *fielded;
    wh_buf_t                       raw;

    ngx_http_webhook_inflate_t    *inflate;
    size_t                         taken;        /* octets before decoding */
    size_t                         size;         /* and after */
    size_t                         allowance;    /* in this turn */
    size_t                         queued;       /* octets in the backlog */
    ngx_http_webhook_block_t      *backlog;
    ngx_http_webhook_block_t     **last;
    ngx_event_t                    event;

    unsigned                       decoded:1;    /* to be kept, not parsed */
    unsigned                       pending:1;    /* output in the decoder */
    unsigned                       ended:1;
    unsigned                       finished:1;
    unsigned                       large:1;      /* to be kept */
    unsigned                       starved:1;    /* no memory: incomplete */
} ngx_http_webhook_body_t;


/* begins; if there is nothing to look for the state is ..._BODY_NONE */
void ngx_http_webhook_body_begin(ngx_http_webhook_body_t *body);

/* the next octets, which may be gone after the call */
void ngx_http_webhook_body_feed(ngx_http_webhook_body_t *body, u_char *p,
    size_t n);

/*
 * There is no more.  If the body is busy then, its handler will be called,
 * never from within this.
 */
void ngx_http_webhook_body_end(ngx_http_webhook_body_t *body);

/* the rest was lost: what was found is all there will be */
void ngx_http_webhook_body_cut(ngx_http_webhook_body_t *body);

/* ended, but not examined to its end */
#define ngx_http_webhook_body_busy(body)                                      \
    ((body)->ended && !(body)->finished)

/* examines what is left at once; the handler is not called any more */
void ngx_http_webhook_body_rush(ngx_http_webhook_body_t *body);

/* frees all it holds, values too */
void ngx_http_webhook_body_destroy(ngx_http_webhook_body_t *body);

/*
 * The coding of a Content-Encoding header's value: of none or "identity",
 * NGX_HTTP_WEBHOOK_IDENTITY; of several, NGX_HTTP_WEBHOOK_UNKNOWN.
 */
ngx_http_webhook_coding_e ngx_http_webhook_body_coding(ngx_str_t *value);

/* memory of the account, for parsers beside the body's own */
void ngx_http_webhook_body_memory(ngx_http_webhook_body_t *body,
    wh_alloc_t *mem);

/* "grow" of a wh_buf_t whose "ctx" is the body: likewise */
void *ngx_http_webhook_body_grow(void *ctx, void *old, size_t old_size,
    size_t size);

/* NULL as well when the account is at its limit */
void *ngx_http_webhook_account_alloc(ngx_http_webhook_account_t *account,
    size_t size, ngx_log_t *log);
void ngx_http_webhook_account_free(ngx_http_webhook_account_t *account,
    void *p);


#endif /* _NGX_HTTP_WEBHOOK_BODY_H_INCLUDED_ */
