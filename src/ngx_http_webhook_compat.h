
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Everything that depends on nginx_version or the compiler, nothing else.
 */


#ifndef _NGX_HTTP_WEBHOOK_COMPAT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* since 1.23.0 header lines of one name are linked; "next" must be set */

#if (nginx_version >= 1023000)
#define ngx_http_webhook_header_init(h)  (h)->next = NULL
#else
#define ngx_http_webhook_header_init(h)
#endif


/* since 1.27.2 the chunked parser can keep trailers */

#if (nginx_version >= 1027002)
#define ngx_http_webhook_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_webhook_parse_chunked(r, b, ctx)                             \
    ngx_http_parse_chunked(r, b, ctx)
#endif


/*
 * Of a function that goes on where a short one has made the first decision:
 * inlined there it would make that one save registers for nothing.
 */

#if (__GNUC__)
#define ngx_http_webhook_noinline  __attribute__((noinline))
#else
#define ngx_http_webhook_noinline
#endif


#endif /* _NGX_HTTP_WEBHOOK_COMPAT_H_INCLUDED_ */
