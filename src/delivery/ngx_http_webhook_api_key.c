
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_api_key.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_secret.h"
#include "wh_escape.h"
#include "wh_utf8.h"


static char *ngx_http_webhook_api_key_field(ngx_conf_t *cf,
    ngx_http_webhook_key_t *key);


char *
ngx_http_webhook_api_key(ngx_conf_t *cf, ngx_http_webhook_endpoint_t *ep)
{
    ngx_str_t               *value;
    ngx_uint_t               i, query;
    ngx_http_webhook_key_t  *key;

    value = cf->args->elts;

    query = (ngx_strcmp(value[1].data, "query") == 0);

    if (!query && ngx_strcmp(value[1].data, "field") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"api_key\", it must be "
                           "\"header\", \"query\" or \"field\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (value[2].len == 0
        || !wh_header_value_ok((char *) value[2].data, value[2].len)
        || wh_utf8_valid((char *) value[2].data, value[2].len)
           != value[2].len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" in \"api_key %V\", it must be "
                           "1 octet or more of UTF-8 without control "
                           "characters", &value[2], &value[1]);
        return NGX_CONF_ERROR;
    }

    if (value[3].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"\" in \"api_key\", it must be a "
                           "key");
        return NGX_CONF_ERROR;
    }

    key = ep->keys.elts;

    for (i = 0; i < ep->keys.nelts; i++) {

        if (key[i].query == query
            && ngx_http_webhook_keys_equal(query, &key[i].value.name,
                                           &value[2]))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate \"api_key %V %V\", the other one is "
                               "in %V:%ui", &value[1], &value[2],
                               &key[i].value.file, key[i].value.line);
            return NGX_CONF_ERROR;
        }
    }

    key = ngx_array_push(&ep->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(ngx_http_webhook_key_t));

    key->query = query;
    key->value.name = value[2];
    key->value.key = 1;
    key->value.file = cf->conf_file->file.name;
    key->value.line = cf->conf_file->line;

    if (ngx_http_webhook_secret_value(cf, &value[3], &key->value)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return query ? NGX_CONF_OK : ngx_http_webhook_api_key_field(cf, key);
}


/* JSON could not have another key than the one that is meant */

static char *
ngx_http_webhook_api_key_field(ngx_conf_t *cf, ngx_http_webhook_key_t *key)
{
    ngx_str_t  *literal;

    literal = &key->value.literal;

    if (wh_utf8_valid((char *) literal->data, literal->len) == literal->len) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "the value of \"api_key field %V\" is not UTF-8",
                       &key->value.name);

    return NGX_CONF_ERROR;
}
