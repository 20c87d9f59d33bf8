
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Blocks of lines of any words, with blocks within.  The parser of nginx has
 * either directives, or such lines but no blocks.
 */


#ifndef _NGX_HTTP_WEBHOOK_BLOCK_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_BLOCK_H_INCLUDED_


#include "ngx_http_webhook_module.h"


/*
 * "line" is called for each line, its words are cf->args.  "open" is called
 * behind the "{" of a block whose name is names[i], and has to give what is
 * in it to ngx_http_webhook_block_parse().  Both return NGX_CONF_OK, or
 * NGX_CONF_ERROR after they have logged why.
 */

typedef struct {
    ngx_str_t   *names;         /* of blocks within, up to a null string */
    char      *(*line)(ngx_conf_t *cf, void *data);
    char      *(*open)(ngx_conf_t *cf, ngx_uint_t i, void *data);
} ngx_http_webhook_block_t;


/*
 * Parses behind "{", up to "}".  "include FILE" is done here, it is no line.
 * NGX_CONF_OK, or NGX_CONF_ERROR, logged.
 */
char *ngx_http_webhook_block_parse(ngx_conf_t *cf,
    const ngx_http_webhook_block_t *block, void *data);


#endif /* _NGX_HTTP_WEBHOOK_BLOCK_H_INCLUDED_ */
