
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Random octets for ids and spans.
 */


#ifndef _NGX_HTTP_WEBHOOK_RANDOM_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_RANDOM_H_INCLUDED_


#include "ngx_http_webhook_module.h"


/*
 * n random octets, each given out once.  By the event loop of a process only,
 * not by threads.
 */
void ngx_http_webhook_random(ngx_http_webhook_worker_t *worker, u_char *p,
    size_t n);


#endif /* _NGX_HTTP_WEBHOOK_RANDOM_H_INCLUDED_ */
