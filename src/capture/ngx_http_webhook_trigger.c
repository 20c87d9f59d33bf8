
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * "webhook EVENT [parameters] | off"
 */


#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_lines.h"


/* as long as claims last */
#define NGX_HTTP_WEBHOOK_EVERY_MAX  ((ngx_int_t) 365 * 24 * 60 * 60 * 1000)

/* texts that are evaluated for an event, when it is about to be committed */
#define NGX_HTTP_WEBHOOK_TRIGGER_EVENT                                        \
    (NGX_HTTP_WEBHOOK_TEXT_CAPTURES|NGX_HTTP_WEBHOOK_TEXT_EVENT)


typedef char *(*ngx_http_webhook_trigger_param_pt)(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);


typedef struct {
    ngx_str_t                          name;
    ngx_http_webhook_trigger_param_pt  handler;
} ngx_http_webhook_trigger_param_t;


static char *ngx_http_webhook_trigger_params(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t);
static char *ngx_http_webhook_trigger_to(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_on(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_status(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_method(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_if(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_order_key(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_payload(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_every(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_per(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static char *ngx_http_webhook_trigger_id(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_trigger_word(ngx_str_t *list,
    ngx_str_t *word);


static ngx_http_webhook_trigger_param_t  ngx_http_webhook_trigger_param[] = {
    { ngx_string("to="), ngx_http_webhook_trigger_to },
    { ngx_string("on="), ngx_http_webhook_trigger_on },
    { ngx_string("status="), ngx_http_webhook_trigger_status },
    { ngx_string("method="), ngx_http_webhook_trigger_method },
    { ngx_string("if="), ngx_http_webhook_trigger_if },
    { ngx_string("order_key="), ngx_http_webhook_trigger_order_key },
    { ngx_string("payload="), ngx_http_webhook_trigger_payload },
    { ngx_string("every="), ngx_http_webhook_trigger_every },
    { ngx_string("per="), ngx_http_webhook_trigger_per },
    { ngx_string("id="), ngx_http_webhook_trigger_id },
    { ngx_null_string, NULL }
};


static ngx_conf_bitmask_t  ngx_http_webhook_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_string("PUT"), NGX_HTTP_PUT },
    { ngx_string("PATCH"), NGX_HTTP_PATCH },
    { ngx_string("DELETE"), NGX_HTTP_DELETE },
    { ngx_string("OPTIONS"), NGX_HTTP_OPTIONS },
    { ngx_string("MKCOL"), NGX_HTTP_MKCOL },
    { ngx_string("COPY"), NGX_HTTP_COPY },
    { ngx_string("MOVE"), NGX_HTTP_MOVE },
    { ngx_string("PROPFIND"), NGX_HTTP_PROPFIND },
    { ngx_string("PROPPATCH"), NGX_HTTP_PROPPATCH },
    { ngx_string("LOCK"), NGX_HTTP_LOCK },
    { ngx_string("UNLOCK"), NGX_HTTP_UNLOCK },
    { ngx_null_string, 0 }
};


char *
ngx_http_webhook_trigger_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_loc_conf_t *wlcf = conf;

    char                           *rv;
    ngx_str_t                      *value;
    ngx_uint_t                      off;
    ngx_http_webhook_trigger_t     *t, **tp;
    ngx_http_webhook_main_conf_t   *wmcf;

    value = cf->args->elts;
    off = (ngx_strcmp(value[1].data, "off") == 0);

    if (off && cf->args->nelts > 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\", \"webhook off\" "
                           "has none", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (wlcf->triggers && (off || wlcf->triggers->nelts == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"webhook off\" must be the only \"webhook\" "
                           "directive on its level");
        return NGX_CONF_ERROR;
    }

    if (wlcf->triggers == NULL) {
        wlcf->triggers = ngx_array_create(cf->pool, 1,
                                       sizeof(ngx_http_webhook_trigger_t *));
        if (wlcf->triggers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (off) {
        return NGX_CONF_OK;
    }

    if (wlcf->triggers->nelts == NGX_HTTP_WEBHOOK_MAX_TRIGGERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many \"webhook\" directives on one level, "
                           "at most %d are allowed",
                           NGX_HTTP_WEBHOOK_MAX_TRIGGERS);
        return NGX_CONF_ERROR;
    }

    t = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_trigger_t));
    if (t == NULL) {
        return NGX_CONF_ERROR;
    }

    t->event = value[1];
    t->file = cf->conf_file->file.name.data;
    t->line = cf->conf_file->line;

    t->conf = ngx_http_webhook_line_create(cf);
    if (t->conf == NULL) {
        return NGX_CONF_ERROR;
    }

    t->pattern = (ngx_strlchr(t->event.data, t->event.data + t->event.len,
                              '*')
                  != NULL);

    if (ngx_http_webhook_event_ok(&t->event, 1) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid event \"%V\", it must be 1 to %d octets "
                           "of labels of letters, digits and \"_\", "
                           "joined by \".\"",
                           &t->event, NGX_HTTP_WEBHOOK_EVENT_MAX);
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_webhook_trigger_params(cf, t);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    tp = ngx_array_push(wlcf->triggers);
    if (tp == NULL) {
        return NGX_CONF_ERROR;
    }

    *tp = t;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    tp = ngx_array_push(&wmcf->triggers);
    if (tp == NULL) {
        return NGX_CONF_ERROR;
    }

    *tp = t;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_params(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t)
{
    char                              *rv;
    ngx_str_t                         *value, s;
    ngx_uint_t                         i, k, seen;
    ngx_http_webhook_trigger_param_t  *param;

    seen = 0;
    value = cf->args->elts;
    param = ngx_http_webhook_trigger_param;

    for (i = 2; i < cf->args->nelts; i++) {

        for (k = 0; param[k].name.len; k++) {
            if (ngx_strncmp(value[i].data, param[k].name.data,
                            param[k].name.len)
                == 0)
            {
                break;
            }
        }

        if (param[k].name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it must be one of "
                               "\"to=\", \"on=\", \"status=\", \"method=\", "
                               "\"if=\", \"order_key=\", \"payload=\", "
                               "\"every=\", \"per=\", \"id=\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        if (seen & ((ngx_uint_t) 1 << k)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        seen |= (ngx_uint_t) 1 << k;

        s.len = value[i].len - param[k].name.len;
        s.data = value[i].data + param[k].name.len;

        if (s.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "empty parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        rv = param[k].handler(cf, t, &s);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (t->per && t->every == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"per=\" must come with \"every=\"");
        return NGX_CONF_ERROR;
    }

    if (t->on == NGX_HTTP_WEBHOOK_ON_REQUEST && t->status_set) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"status=\" must not come with \"on=request\", "
                           "there is no status yet");
        return NGX_CONF_ERROR;
    }

    if (!t->status_set) {
        ngx_str_set(&s, "2xx,3xx");
        return ngx_http_webhook_trigger_status(cf, t, &s);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_to(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    ngx_str_t               list, word;
    ngx_uint_t              i;
    ngx_http_webhook_to_t  *to;

    t->to = ngx_array_create(cf->pool, 2, sizeof(ngx_http_webhook_to_t));
    if (t->to == NULL) {
        return NGX_CONF_ERROR;
    }

    list = *value;

    while (ngx_http_webhook_trigger_word(&list, &word) == NGX_OK) {

        if (word.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "empty name in \"to=%V\"", value);
            return NGX_CONF_ERROR;
        }

        to = t->to->elts;

        for (i = 0; i < t->to->nelts; i++) {

            if (to[i].name.len == word.len
                && ngx_strncmp(to[i].name.data, word.data, word.len) == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate endpoint \"%V\" in \"to=%V\"",
                                   &word, value);
                return NGX_CONF_ERROR;
            }
        }

        to = ngx_array_push(t->to);
        if (to == NULL) {
            return NGX_CONF_ERROR;
        }

        to->name = word;
        to->text = NULL;

        if (ngx_strlchr(word.data, word.data + word.len, '$') == NULL) {
            continue;
        }

        to->text = ngx_http_webhook_text_create(cf, &to->name,
                                             NGX_HTTP_WEBHOOK_TRIGGER_EVENT);
        if (to->text == NULL) {
            return NGX_CONF_ERROR;
        }

        t->nvariables++;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_on(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "response") == 0) {
        t->on = NGX_HTTP_WEBHOOK_ON_RESPONSE;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "request") == 0) {
        t->on = NGX_HTTP_WEBHOOK_ON_REQUEST;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"on=\", it must be "
                       "\"response\" or \"request\"", value);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_trigger_status(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    ngx_str_t  bad;

    t->status_set = 1;

    if (ngx_http_webhook_statuses_parse(value, &t->status, &bad) == NGX_OK) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid status \"%V\" in \"status=%V\", it must be "
                       "\"any\", or a list of codes (404), classes (2xx) "
                       "and ranges (500-599)", &bad, value);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_trigger_method(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    ngx_str_t            list, word;
    ngx_conf_bitmask_t  *m;

    list = *value;

    while (ngx_http_webhook_trigger_word(&list, &word) == NGX_OK) {

        for (m = ngx_http_webhook_methods; m->name.len; m++) {

            if (m->name.len == word.len
                && ngx_strncasecmp(m->name.data, word.data, word.len) == 0)
            {
                break;
            }
        }

        if (m->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid method \"%V\" in \"method=%V\", it "
                               "must be GET, HEAD, POST, PUT, PATCH, DELETE, "
                               "OPTIONS, MKCOL, COPY, MOVE, PROPFIND, "
                               "PROPPATCH, LOCK or UNLOCK", &word, value);
            return NGX_CONF_ERROR;
        }

        t->methods |= m->mask;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_if(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    t->condition = ngx_http_webhook_text_create(cf, value,
                                             NGX_HTTP_WEBHOOK_TEXT_CAPTURES);
    if (t->condition == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_webhook_text_constant(t->condition)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no variable in \"if=%V\", it must have one, as "
                           "\"if=$name\"", value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_order_key(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value)
{
    t->order_key = ngx_http_webhook_text_create(cf, value,
                                             NGX_HTTP_WEBHOOK_TRIGGER_EVENT);

    return t->order_key ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_trigger_payload(ngx_conf_t *cf,
    ngx_http_webhook_trigger_t *t, ngx_str_t *value)
{
    t->payload_name = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_every(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    ngx_int_t  every;

    every = ngx_parse_time(value, 0);

    if (every == NGX_ERROR
        || every == 0
        || every > NGX_HTTP_WEBHOOK_EVERY_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"every=\", it must be "
                           "longer than 0 and at most 365d, as \"30s\" or "
                           "\"6h\"", value);
        return NGX_CONF_ERROR;
    }

    t->every = (ngx_msec_t) every;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_trigger_per(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    t->per = ngx_http_webhook_text_create(cf, value,
                                             NGX_HTTP_WEBHOOK_TRIGGER_EVENT);

    return t->per ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_trigger_id(ngx_conf_t *cf, ngx_http_webhook_trigger_t *t,
    ngx_str_t *value)
{
    t->id = ngx_http_webhook_text_create(cf, value,
                                         NGX_HTTP_WEBHOOK_TEXT_CAPTURES);

    return t->id ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* takes the first word off a list; NGX_DECLINED: there is none */

static ngx_int_t
ngx_http_webhook_trigger_word(ngx_str_t *list, ngx_str_t *word)
{
    u_char  *p;

    if (list->data == NULL) {
        return NGX_DECLINED;
    }

    *word = *list;

    p = ngx_strlchr(list->data, list->data + list->len, ',');

    if (p == NULL) {
        ngx_str_null(list);
        return NGX_OK;
    }

    word->len = p - list->data;

    list->len -= word->len + 1;
    list->data = p + 1;

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_method_find(ngx_str_t *name)
{
    ngx_conf_bitmask_t  *m;

    for (m = ngx_http_webhook_methods; m->name.len; m++) {

        if (m->name.len == name->len
            && ngx_memcmp(m->name.data, name->data, name->len) == 0)
        {
            return m->mask;
        }
    }

    return NGX_HTTP_UNKNOWN;
}
