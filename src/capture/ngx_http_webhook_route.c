
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_route.h"


/* a pattern of "events", known by what stands before its first "*" */

typedef struct {
    ngx_str_t                      start;
    ngx_str_t                     *pattern;
    ngx_http_webhook_endpoint_t   *endpoint;
} ngx_http_webhook_route_t;


struct ngx_http_webhook_routes_s {
    ngx_http_webhook_route_t      *elts;      /* by start */
    ngx_uint_t                     nelts;
    ngx_uint_t                    *seen;      /* by endpoints: the last call */
    ngx_uint_t                     calls;
    ngx_http_webhook_endpoint_t  **found;
    ngx_uint_t                     nfound;
};


static int ngx_libc_cdecl ngx_http_webhook_route_cmp(const void *one,
    const void *two);
static int ngx_libc_cdecl ngx_http_webhook_route_cmp_endpoints(
    const void *one, const void *two);
static ngx_int_t ngx_http_webhook_route_cmp_start(ngx_str_t *one,
    ngx_str_t *two);
static void ngx_http_webhook_routes_look(ngx_http_webhook_routes_t *routes,
    ngx_str_t *start, ngx_str_t *event);


ngx_http_webhook_routes_t *
ngx_http_webhook_routes_create(ngx_http_webhook_main_conf_t *wmcf,
    ngx_pool_t *pool)
{
    u_char                        *p;
    ngx_str_t                     *pattern;
    ngx_uint_t                     i, k, n;
    ngx_http_webhook_route_t      *route;
    ngx_http_webhook_routes_t     *routes;
    ngx_http_webhook_endpoint_t  **ep;

    routes = ngx_pcalloc(pool, sizeof(ngx_http_webhook_routes_t));
    if (routes == NULL) {
        return NULL;
    }

    ep = wmcf->endpoints.elts;
    n = 0;

    for (i = 0; i < wmcf->endpoints.nelts; i++) {
        n += ep[i]->events.nelts;
    }

    if (n == 0) {
        return routes;
    }

    routes->elts = ngx_palloc(pool, n * sizeof(ngx_http_webhook_route_t));
    routes->seen = ngx_pcalloc(pool, wmcf->endpoints.nelts
                                     * sizeof(ngx_uint_t));
    routes->found = ngx_palloc(pool, wmcf->endpoints.nelts
                                     * sizeof(ngx_http_webhook_endpoint_t *));

    if (routes->elts == NULL || routes->seen == NULL || routes->found == NULL)
    {
        return NULL;
    }

    for (i = 0; i < wmcf->endpoints.nelts; i++) {

        pattern = ep[i]->events.elts;

        for (k = 0; k < ep[i]->events.nelts; k++) {

            route = &routes->elts[routes->nelts++];

            p = ngx_strlchr(pattern[k].data, pattern[k].data + pattern[k].len,
                            '*');

            route->start.data = pattern[k].data;
            route->start.len = p ? (size_t) (p - pattern[k].data)
                                 : pattern[k].len;
            route->pattern = &pattern[k];
            route->endpoint = ep[i];
        }
    }

    ngx_qsort(routes->elts, n, sizeof(ngx_http_webhook_route_t),
              ngx_http_webhook_route_cmp);

    return routes;
}


static int ngx_libc_cdecl
ngx_http_webhook_route_cmp(const void *one, const void *two)
{
    ngx_http_webhook_route_t  *first, *second;

    first = (ngx_http_webhook_route_t *) one;
    second = (ngx_http_webhook_route_t *) two;

    return (int) ngx_http_webhook_route_cmp_start(&first->start,
                                                  &second->start);
}


static int ngx_libc_cdecl
ngx_http_webhook_route_cmp_endpoints(const void *one, const void *two)
{
    ngx_http_webhook_endpoint_t  *first, *second;

    first = *(ngx_http_webhook_endpoint_t **) one;
    second = *(ngx_http_webhook_endpoint_t **) two;

    return first->index < second->index ? -1 : 1;
}


static ngx_int_t
ngx_http_webhook_route_cmp_start(ngx_str_t *one, ngx_str_t *two)
{
    return ngx_memn2cmp(one->data, two->data, one->len, two->len);
}


ngx_uint_t
ngx_http_webhook_routes_find(ngx_http_webhook_routes_t *routes,
    ngx_str_t *event, ngx_http_webhook_endpoint_t ***endpoints)
{
    size_t     i;
    ngx_str_t  start;

    routes->calls++;
    routes->nfound = 0;

    /* "a.b" itself, and what may stand before a "*": "a.", and nothing */

    ngx_http_webhook_routes_look(routes, event, event);

    start.data = event->data;

    for (i = event->len; i > 0; i--) {

        if (event->data[i - 1] == '.') {
            start.len = i;
            ngx_http_webhook_routes_look(routes, &start, event);
        }
    }

    start.len = 0;
    ngx_http_webhook_routes_look(routes, &start, event);

    if (routes->nfound > 1) {
        ngx_qsort(routes->found, routes->nfound,
                  sizeof(ngx_http_webhook_endpoint_t *),
                  ngx_http_webhook_route_cmp_endpoints);
    }

    *endpoints = routes->found;

    return routes->nfound;
}


static void
ngx_http_webhook_routes_look(ngx_http_webhook_routes_t *routes,
    ngx_str_t *start, ngx_str_t *event)
{
    ngx_uint_t                 low, high, mid;
    ngx_http_webhook_route_t  *route;

    low = 0;
    high = routes->nelts;

    while (low < high) {
        mid = low + (high - low) / 2;

        if (ngx_http_webhook_route_cmp_start(&routes->elts[mid].start, start)
            < 0)
        {
            low = mid + 1;

        } else {
            high = mid;
        }
    }

    for ( /* void */ ; low < routes->nelts; low++) {

        route = &routes->elts[low];

        if (ngx_http_webhook_route_cmp_start(&route->start, start) != 0) {
            return;
        }

        if (routes->seen[route->endpoint->index] != routes->calls
            && ngx_http_webhook_event_matches(route->pattern, event))
        {
            routes->seen[route->endpoint->index] = routes->calls;
            routes->found[routes->nfound++] = route->endpoint;
        }
    }
}
