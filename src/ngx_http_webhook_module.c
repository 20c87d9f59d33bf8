
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_attempt.h"
#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_condition.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_flow.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_notice.h"
#include "ngx_http_webhook_notify.h"
#include "ngx_http_webhook_log.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_payload.h"
#include "ngx_http_webhook_record.h"
#include "ngx_http_webhook_states.h"
#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_zone.h"


static ngx_int_t ngx_http_webhook_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_webhook_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_webhook_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_webhook_init_main_conf(ngx_conf_t *cf, void *conf);
static char *ngx_http_webhook_size(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_max_hops(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_http_webhook_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_webhook_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_webhook_init_process(ngx_cycle_t *cycle);
static void ngx_http_webhook_exit_process(ngx_cycle_t *cycle);


static ngx_conf_num_bounds_t  ngx_http_webhook_max_event_size_bounds = {
    NULL, 1024, 16 * 1024 * 1024
};


static ngx_conf_num_bounds_t  ngx_http_webhook_memory_bounds = {
    NULL, 64 * 1024, -1
};


static ngx_command_t  ngx_http_webhook_commands[] = {

    { ngx_string("webhook"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_trigger_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_json"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE3|NGX_CONF_TAKE4,
      ngx_http_webhook_json_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_form"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE3,
      ngx_http_webhook_form_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_capture"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, capture),
      NULL },

    { ngx_string("webhook_accept"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_webhook_accept_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE12,
      ngx_http_webhook_api_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_webhook_metrics_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_condition"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_webhook_condition_block,
      0,
      0,
      NULL },

    { ngx_string("webhook_max_body_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, max_body_size),
      NULL },

    { ngx_string("webhook_log"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_log_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_store_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_history_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_http_webhook_zone_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_notify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_notify_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_endpoint"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_webhook_endpoint_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_payload"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE23,
      ngx_http_webhook_payload_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_translations"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_webhook_translations,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_max_event_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_size,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, max_event_size),
      &ngx_http_webhook_max_event_size_bounds },

    { ngx_string("webhook_memory"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_size,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, memory),
      &ngx_http_webhook_memory_bounds },

    { ngx_string("webhook_connections"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, connections),
      NULL },

    { ngx_string("webhook_max_hops"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_max_hops,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_webhook_module_ctx = {
    ngx_http_webhook_preconfiguration,     /* preconfiguration */
    ngx_http_webhook_postconfiguration,    /* postconfiguration */

    ngx_http_webhook_create_main_conf,     /* create main configuration */
    ngx_http_webhook_init_main_conf,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_webhook_create_loc_conf,      /* create location configuration */
    ngx_http_webhook_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_webhook_module = {
    NGX_MODULE_V1,
    &ngx_http_webhook_module_ctx,          /* module context */
    ngx_http_webhook_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_webhook_init_module,          /* init module */
    ngx_http_webhook_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_webhook_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_webhook_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_http_webhook_variables_add(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_log_variables_add(cf);
}


static ngx_int_t
ngx_http_webhook_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    if (ngx_http_webhook_references_check(cf) != NGX_OK
        || ngx_http_webhook_zone_init(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_language_init(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_endpoint_init(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_notify_init(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_zone_check(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_trigger_init(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_store_init_conf(cf, wmcf) != NGX_CONF_OK
        || ngx_http_webhook_log_init(cf, wmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_webhook_history_init_conf(wmcf);
    ngx_http_webhook_flow_init_conf(wmcf);

    /* with a store there may be a backlog, even without a trigger */

    if (wmcf->store && ngx_http_webhook_fake_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!wmcf->enters) {
        return NGX_OK;
    }

    return ngx_http_webhook_capture_init(cf);
}


static void *
ngx_http_webhook_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_main_conf_t));
    if (wmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     wmcf->languages = NULL;
     *     wmcf->history.size = 0;
     *     wmcf->store = NULL;
     *     wmcf->notify = NULL;
     *     wmcf->log = NULL;
     *     wmcf->enters = 0;
     *     wmcf->reads = 0;
     *     wmcf->worker = NULL;
     */

    wmcf->max_event_size = NGX_CONF_UNSET_SIZE;
    wmcf->memory = NGX_CONF_UNSET_SIZE;
    wmcf->connections = NGX_CONF_UNSET_UINT;
    wmcf->max_hops = NGX_CONF_UNSET_UINT;
    wmcf->history.mode = NGX_CONF_UNSET_UINT;
    wmcf->history.count = NGX_CONF_UNSET_UINT;
    wmcf->history.age = NGX_CONF_UNSET_MSEC;
    wmcf->history.body = NGX_CONF_UNSET_SIZE;

    if (ngx_array_init(&wmcf->endpoints, cf->pool, 4, sizeof(void *))
        != NGX_OK
        || ngx_array_init(&wmcf->payloads, cf->pool, 4, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&wmcf->zones, cf->pool, 1, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&wmcf->triggers, cf->pool, 4, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&wmcf->scopes, cf->pool, 4, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&wmcf->references, cf->pool, 4,
                          sizeof(ngx_http_webhook_reference_t))
           != NGX_OK)
    {
        return NULL;
    }

    return wmcf;
}


static char *
ngx_http_webhook_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_conf_init_size_value(wmcf->max_event_size, 64 * 1024);
    ngx_conf_init_size_value(wmcf->memory, 64 * 1024 * 1024);
    ngx_conf_init_uint_value(wmcf->connections, 0);
    ngx_conf_init_uint_value(wmcf->max_hops, 1);

    return NGX_CONF_OK;
}


/* as ngx_conf_set_size_slot() does, but with "g", and errors that tell more */

static char *
ngx_http_webhook_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    off_t                   n;
    size_t                 *size;
    ngx_str_t              *value;
    ngx_conf_num_bounds_t  *bounds;

    size = (size_t *) (p + cmd->offset);

    if (*size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_parse_offset(&value[1]);

    if (n == (off_t) NGX_ERROR
        || (uint64_t) n > (uint64_t) NGX_MAX_SIZE_T_VALUE)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"%V\", it must be a "
                           "number of octets, or one with \"k\", \"m\" or "
                           "\"g\"", &value[1], &value[0]);
        return NGX_CONF_ERROR;
    }

    bounds = cmd->post;

    if (bounds && n < (off_t) bounds->low) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is too small in \"%V\", it must be at "
                           "least %i", &value[1], &value[0], bounds->low);
        return NGX_CONF_ERROR;
    }

    if (bounds && bounds->high != -1 && n > (off_t) bounds->high) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is too large in \"%V\", it must be at "
                           "most %i", &value[1], &value[0], bounds->high);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_max_hops(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (wmcf->max_hops != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > NGX_HTTP_WEBHOOK_MAX_HOPS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in \"%V\", it must be from "
                           "1 to %d", &value[1], &value[0],
                           NGX_HTTP_WEBHOOK_MAX_HOPS);
        return NGX_CONF_ERROR;
    }

    wmcf->max_hops = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


static void *
ngx_http_webhook_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_loc_conf_t));
    if (wlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     wlcf->triggers = NULL;
     *     wlcf->own_values = NULL;
     *     wlcf->values = NULL;
     *     wlcf->accept = 0;
     *     wlcf->enters = 0;
     *     wlcf->api = 0;
     *     wlcf->api_write = 0;
     *     wlcf->api_streams = 0;
     */

    wlcf->capture = NGX_CONF_UNSET;
    wlcf->max_body_size = NGX_CONF_UNSET_SIZE;

    return wlcf;
}


static char *
ngx_http_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_webhook_loc_conf_t *prev = parent;
    ngx_http_webhook_loc_conf_t *conf = child;

    ngx_conf_merge_size_value(conf->max_body_size, prev->max_body_size,
                              1024 * 1024);
    ngx_conf_merge_value(conf->capture, prev->capture, 0);

    ngx_http_webhook_api_merge(cf, prev, conf);

    return ngx_http_webhook_capture_merge(cf, prev, conf);
}


static ngx_int_t
ngx_http_webhook_init_module(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_webhook_module);

    if (ngx_http_webhook_store_init_module(cycle, wmcf) != NGX_OK
        || ngx_http_webhook_states_init_module(cycle, wmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* endpoints and their windows have found their room by now */

    if (wmcf && !ngx_test_config) {
        ngx_http_webhook_zone_init_module(wmcf);
        ngx_http_webhook_trigger_init_module(wmcf);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_init_process(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_webhook_module);

    if (wmcf == NULL || (wmcf->store == NULL && !wmcf->enters)) {
        return NGX_OK;
    }

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        if (wmcf->store) {
            ngx_http_webhook_store_drop_master(wmcf);
        }

        return NGX_OK;
    }

    wmcf->worker = ngx_pcalloc(cycle->pool,
                               sizeof(ngx_http_webhook_worker_t));
    if (wmcf->worker == NULL) {
        return NGX_ERROR;
    }

    wmcf->worker->log = cycle->log;

    if (wmcf->store == NULL) {
        return NGX_OK;
    }

    if (ngx_http_webhook_peer_init_process(cycle, wmcf) == NGX_OK
        && ngx_http_webhook_delivery_init_process(cycle, wmcf) == NGX_OK
        && ngx_http_webhook_store_init_process(cycle, wmcf,
                                       &ngx_http_webhook_delivery_driver)
           == NGX_OK)
    {
        return NGX_OK;
    }

    /* clients are served on, whatever has become of the webhooks */

    wmcf->worker->store = NULL;

    ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                  "webhooks are out of order in this worker process, its "
                  "events are dropped");

    return NGX_OK;
}


static void
ngx_http_webhook_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_webhook_module);

    if (wmcf == NULL || wmcf->worker == NULL || wmcf->store == NULL) {
        return;
    }

    ngx_http_webhook_peer_exit_process(wmcf);
    ngx_http_webhook_store_exit_process(cycle, wmcf);
}
