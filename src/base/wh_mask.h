
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Requests and answers without the secrets in them, to be shown or kept.
 */


#ifndef _WH_MASK_H_INCLUDED_
#define _WH_MASK_H_INCLUDED_


#include "wh.h"


#define WH_MASK  "***"


/*
 * A head or a target, without what is secret.  "line" is called for the name
 * of each header, and tells whether its value is to be masked; "query" for
 * the name of each argument.  Appends to "out", whose error is given.
 */

typedef int (*wh_mask_pt)(void *ctx, wh_str_t name);

int wh_mask_head(wh_buf_t *out, wh_str_t head, wh_mask_pt line, void *ctx);
int wh_mask_target(wh_buf_t *out, wh_str_t target, wh_mask_pt query,
    void *ctx);

/*
 * Whatever else a secret of so many octets has come to: every place it
 * stands at, and where the text ends with that many or more of its first.
 */
#define WH_MASK_MIN  4

void wh_mask_text(char *p, size_t *len, wh_str_t secret);


#endif /* _WH_MASK_H_INCLUDED_ */
