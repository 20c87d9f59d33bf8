
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * URLs without the secrets in them, to be shown.
 */


#ifndef _WH_MASK_H_INCLUDED_
#define _WH_MASK_H_INCLUDED_


#include "wh.h"


#define WH_MASK  "***"


/*
 * Appends the path and query "target".  Of a parameter of its query that
 * begins with one of the "n" prefixes, each a name as it is encoded and "=",
 * what follows is WH_MASK, and of one behind octet "from" the whole value.
 * Errors stick in out->err.
 */
void wh_mask_query(wh_buf_t *out, wh_str_t target, size_t from,
    const wh_str_t *prefixes, size_t n);


#endif /* _WH_MASK_H_INCLUDED_ */
