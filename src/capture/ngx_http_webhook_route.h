
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * From the type of an event to the endpoints whose "events" match it.
 */


#ifndef _NGX_HTTP_WEBHOOK_ROUTE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ROUTE_H_INCLUDED_


#include "ngx_http_webhook_endpoint.h"


typedef struct ngx_http_webhook_routes_s  ngx_http_webhook_routes_t;


/* once all endpoints are known; from "pool", NULL: no memory */
ngx_http_webhook_routes_t *ngx_http_webhook_routes_create(
    ngx_http_webhook_main_conf_t *wmcf, ngx_pool_t *pool);

/*
 * The endpoints that want the event, in the order of the configuration, put
 * into *endpoints: they are valid until the next call.  Returns their number.
 * The time it takes depends on the labels of the event and on how many
 * patterns begin like it, not on the number of endpoints.
 */
ngx_uint_t ngx_http_webhook_routes_find(ngx_http_webhook_routes_t *routes,
    ngx_str_t *event, ngx_http_webhook_endpoint_t ***endpoints);


#endif /* _NGX_HTTP_WEBHOOK_ROUTE_H_INCLUDED_ */
