
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_log.h"
#include "ngx_http_webhook_lines.h"


/* what is made of a main configuration, see wmcf->log */

typedef struct {
    void                 *conf;       /* of a location, nginx's own */
    ngx_http_handler_pt   handler;    /* likewise */
    ngx_http_conf_ctx_t  *ctx;        /* of the requests that are logged */
    unsigned              format:1;   /* the default one is known */
} ngx_http_webhook_log_t;


static ngx_command_t *ngx_http_webhook_log_command(char *name);
static ngx_int_t ngx_http_webhook_log_format(ngx_conf_t *cf);
static ngx_uint_t ngx_http_webhook_log_is_parameter(ngx_str_t *value);
static ngx_http_handler_pt ngx_http_webhook_log_handler(ngx_conf_t *cf);


extern ngx_module_t  ngx_http_log_module;


static ngx_str_t  ngx_http_webhook_log_name = ngx_string("webhook_attempts");

static ngx_str_t  ngx_http_webhook_log_text =
    ngx_string("$time_iso8601 $webhook_endpoint $webhook_event $webhook_id "
               "$webhook_attempt $webhook_class $webhook_status $webhook_end "
               "$webhook_attempt_duration \"$webhook_method $webhook_url\"");

/* those that may stand where a format is left out */

static ngx_str_t  ngx_http_webhook_log_parameters[] = {
    ngx_string("buffer="),
    ngx_string("flush="),
    ngx_string("gzip="),
    ngx_string("if="),
    ngx_null_string
};


char *
ngx_http_webhook_log_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t  *wmcf = conf;

    char                    *rv;
    ngx_str_t               *value, *word;
    ngx_uint_t               i;
    ngx_array_t             *args, with;
    ngx_command_t           *access_log;
    ngx_http_module_t       *module;
    ngx_http_webhook_log_t  *log;

    if (ngx_http_webhook_lines_add(cf, &wmcf->lines) == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"\" in \"%V\", it must be a file, "
                           "\"syslog:\" or \"off\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    module = ngx_http_log_module.ctx;
    log = wmcf->log;

    if (log == NULL) {
        log = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_log_t));
        if (log == NULL) {
            return NGX_CONF_ERROR;
        }

        log->conf = module->create_loc_conf(cf);
        if (log->conf == NULL) {
            return NGX_CONF_ERROR;
        }

        wmcf->log = log;
    }

    access_log = ngx_http_webhook_log_command("access_log");
    if (access_log == NULL) {
        return "is not supported by this nginx";
    }

    args = cf->args;

    if (ngx_strcmp(value[1].data, "off") == 0
        || (args->nelts > 2 && !ngx_http_webhook_log_is_parameter(&value[2])
            && ngx_strcmp(value[2].data, ngx_http_webhook_log_name.data)
               != 0))
    {
        return access_log->set(cf, access_log, log->conf);
    }

    if (!log->format) {
        log->format = 1;

        if (ngx_http_webhook_log_format(cf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (args->nelts > 2 && !ngx_http_webhook_log_is_parameter(&value[2])) {
        return access_log->set(cf, access_log, log->conf);
    }

    if (ngx_array_init(&with, cf->pool, args->nelts + 1, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i <= args->nelts; i++) {
        word = ngx_array_push(&with);
        if (word == NULL) {
            return NGX_CONF_ERROR;
        }

        *word = i < 2 ? value[i]
              : i == 2 ? ngx_http_webhook_log_name : value[i - 1];
    }

    cf->args = &with;
    rv = access_log->set(cf, access_log, log->conf);
    cf->args = args;

    return rv;
}


static ngx_uint_t
ngx_http_webhook_log_is_parameter(ngx_str_t *value)
{
    ngx_str_t  *p;

    if (ngx_strcmp(value->data, "gzip") == 0) {
        return 1;
    }

    for (p = ngx_http_webhook_log_parameters; p->len; p++) {
        if (ngx_strncmp(value->data, p->data, p->len) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_command_t *
ngx_http_webhook_log_command(char *name)
{
    ngx_command_t  *cmd;

    for (cmd = ngx_http_log_module.commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, name) == 0) {
            return cmd;
        }
    }

    return NULL;
}


/* a log_format as if it stood in front of the line that needs it */

static ngx_int_t
ngx_http_webhook_log_format(ngx_conf_t *cf)
{
    char           *rv;
    ngx_str_t      *word;
    ngx_array_t    *args, words;
    ngx_command_t  *log_format;

    log_format = ngx_http_webhook_log_command("log_format");

    if (log_format == NULL
        || ngx_array_init(&words, cf->pool, 3, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    word = ngx_array_push_n(&words, 3);
    if (word == NULL) {
        return NGX_ERROR;
    }

    word[0] = log_format->name;
    word[1] = ngx_http_webhook_log_name;
    word[2] = ngx_http_webhook_log_text;

    args = cf->args;
    cf->args = &words;

    rv = log_format->set(cf, log_format,
                         ngx_http_conf_get_module_main_conf(cf,
                                                        ngx_http_log_module));
    cf->args = args;

    return rv == NGX_CONF_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_log_init(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    void                    *prev;
    ngx_http_module_t       *module;
    ngx_http_conf_ctx_t     *ctx;
    ngx_http_webhook_log_t  *log;

    log = wmcf->log;

    if (log == NULL) {
        return NGX_OK;
    }

    if (wmcf->ctx == NULL) {

        /* no endpoint: nothing is ever attempted */

        wmcf->log = NULL;
        return NGX_OK;
    }

    module = ngx_http_log_module.ctx;
    prev = ngx_http_conf_get_module_loc_conf(cf, ngx_http_log_module);

    if (module->merge_loc_conf(cf, prev, log->conf) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    log->handler = ngx_http_webhook_log_handler(cf);

    ctx = ngx_palloc(cf->pool, sizeof(ngx_http_conf_ctx_t));

    if (log->handler == NULL || ctx == NULL) {
        return NGX_ERROR;
    }

    *ctx = *wmcf->ctx;

    ctx->loc_conf = ngx_palloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    if (ctx->loc_conf == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(ctx->loc_conf, wmcf->ctx->loc_conf,
               sizeof(void *) * ngx_http_max_module);

    ctx->loc_conf[ngx_http_log_module.ctx_index] = log->conf;

    log->ctx = ctx;

    return NGX_OK;
}


/*
 * The module is asked once more to put its handler into the log phase, from
 * where it is taken back; with a configuration of its own, as it would compile
 * its default format a second time.
 */

static ngx_http_handler_pt
ngx_http_webhook_log_handler(ngx_conf_t *cf)
{
    void                       *own, *fresh;
    ngx_int_t                   rc;
    ngx_uint_t                  n, index;
    ngx_array_t                *handlers;
    ngx_http_module_t          *module;
    ngx_http_conf_ctx_t        *ctx;
    ngx_http_handler_pt        *h, handler;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;
    n = handlers->nelts;

    module = ngx_http_log_module.ctx;
    index = ngx_http_log_module.ctx_index;
    ctx = cf->ctx;

    fresh = module->create_main_conf(cf);
    if (fresh == NULL) {
        return NULL;
    }

    own = ctx->main_conf[index];
    ctx->main_conf[index] = fresh;

    rc = module->postconfiguration(cf);

    ctx->main_conf[index] = own;

    if (rc != NGX_OK || handlers->nelts != n + 1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_log\" is not supported by this nginx");
        return NULL;
    }

    h = handlers->elts;
    handler = h[n];
    handlers->nelts = n;

    return handler;
}


void
ngx_http_webhook_log_attempt(ngx_http_webhook_attempt_t *a)
{
    ngx_http_request_t      *r;
    ngx_http_webhook_log_t  *log;

    log = a->endpoint->main->log;

    if (log == NULL) {
        return;
    }

    r = ngx_http_webhook_attempt_request(a, log->ctx);

    if (r == NULL) {
        return;
    }

    /* there is no document for which a log with variables could be meant */

    r->root_tested = 1;

    (void) log->handler(r);
}
