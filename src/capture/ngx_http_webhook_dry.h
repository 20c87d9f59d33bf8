
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A dry run: the event of a trigger with values that an operator gives,
 * rendered as any other, of a request that there never was.  It is not counted
 * and not stored.
 */


#ifndef _NGX_HTTP_WEBHOOK_DRY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DRY_H_INCLUDED_


#include "ngx_http_webhook_ctx.h"
#include "ngx_http_webhook_lacks.h"
#include "wh_dry.h"


typedef struct {
    ngx_http_request_t            *request;    /* of the operator */
    ngx_http_webhook_endpoint_t   *endpoint;
    wh_dry_t                       command;    /* freed with the request */

    /* what has become of it */

    ngx_http_core_loc_conf_t      *location;   /* NULL: no event is named */
    ngx_http_webhook_trigger_t    *trigger;    /* likewise */
    ngx_uint_t                     fires;
    ngx_http_webhook_event_t       event;
    ngx_http_webhook_lacks_t       lacks;
} ngx_http_webhook_dry_t;


/* remembers a location that has triggers */
ngx_int_t ngx_http_webhook_dry_scope(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);

/*
 * Reads the command and finds its trigger: the first one in the configuration
 * that makes the event for the endpoint, in the location if one is named.
 * NGX_OK; NGX_DECLINED: the command is wrong, see command.error; NGX_ABORT:
 * there is no such trigger; NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_webhook_dry_read(ngx_http_webhook_dry_t *dry,
    ngx_str_t *text);

/*
 * Renders the event into "out"; besides the codes of
 * ngx_http_webhook_payload_render(), NGX_DONE: the command is wrong.
 */
ngx_int_t ngx_http_webhook_dry_render(ngx_http_webhook_dry_t *dry,
    wh_buf_t *out);

/*
 * The request that there never was, with variables and headers of its own; a
 * context is to be set.  NULL: no memory.
 */
ngx_http_request_t *ngx_http_webhook_dry_request(
    ngx_http_webhook_dry_t *dry);

/* its variables as they were given; NGX_DONE: there is none of a name */
ngx_int_t ngx_http_webhook_dry_variables(ngx_http_webhook_dry_t *dry,
    ngx_http_request_t *r);


#endif /* _NGX_HTTP_WEBHOOK_DRY_H_INCLUDED_ */
