
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Variables that the configuration mentions, and where.
 */


#include "ngx_http_webhook_module.h"


static ngx_int_t ngx_http_webhook_reference_check(ngx_conf_t *cf,
    ngx_http_webhook_reference_t *ref);


ngx_int_t
ngx_http_webhook_reference(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_get_variable_pt handler)
{
    ngx_http_webhook_reference_t  *ref;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    ref = ngx_array_push(&wmcf->references);
    if (ref == NULL) {
        return NGX_ERROR;
    }

    ref->name.len = name->len;
    ref->name.data = ngx_pnalloc(cf->pool, name->len);
    if (ref->name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(ref->name.data, name->data, name->len);

    ref->handler = handler;
    ref->file = cf->conf_file->file.name.data;
    ref->line = cf->conf_file->line;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_references_check(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_http_webhook_reference_t  *ref;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    ref = wmcf->references.elts;

    for (i = 0; i < wmcf->references.nelts; i++) {
        if (ngx_http_webhook_reference_check(cf, &ref[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_reference_check(ngx_conf_t *cf,
    ngx_http_webhook_reference_t *ref)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_variable_t        *var, *prefix;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        if (key[i].key.len != ref->name.len
            || ngx_strncmp(key[i].key.data, ref->name.data, ref->name.len)
               != 0)
        {
            continue;
        }

        var = key[i].value;

        if (ref->handler == NULL || ref->handler == var->get_handler) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "variable \"$%V\" is already defined by another "
                      "directive in %s:%ui",
                      &ref->name, ref->file, ref->line);
        return NGX_ERROR;
    }

    prefix = cmcf->prefix_variables.elts;

    for (i = 0; i < cmcf->prefix_variables.nelts; i++) {

        if (ref->name.len >= prefix[i].name.len
            && ngx_strncmp(ref->name.data, prefix[i].name.data,
                           prefix[i].name.len)
               == 0)
        {
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "unknown variable \"$%V\", it must be one of nginx's, or "
                  "defined as by \"webhook_json\", \"map\" or \"set\" "
                  "in %s:%ui", &ref->name, ref->file, ref->line);

    return NGX_ERROR;
}
