
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_lacks.h"
#include "wh_json.h"


static ngx_http_webhook_lack_t *ngx_http_webhook_lacks_push(
    ngx_http_webhook_event_t *evt);


void
ngx_http_webhook_lacks_at(ngx_http_webhook_event_t *evt, char *place,
    ngx_str_t *name)
{
    if (evt->lacks == NULL) {
        return;
    }

    evt->lacks->place = place;

    if (name) {
        evt->lacks->name = *name;

    } else {
        ngx_str_null(&evt->lacks->name);
    }
}


ngx_uint_t
ngx_http_webhook_lacks_count(ngx_http_webhook_event_t *evt)
{
    return evt->lacks ? evt->lacks->list.nelts : 0;
}


void
ngx_http_webhook_lacks_variable(ngx_http_webhook_event_t *evt,
    ngx_str_t *variable, ngx_uint_t kind)
{
    ngx_http_webhook_lack_t  *lack;

    lack = ngx_http_webhook_lacks_push(evt);

    if (lack) {
        lack->variable = *variable;
        lack->kind = kind;
    }
}


ngx_uint_t
ngx_http_webhook_lacks_type(ngx_http_webhook_event_t *evt, ngx_str_t *field)
{
    ngx_http_webhook_lack_t  *lack;

    if (evt->lacks == NULL) {
        return 0;
    }

    lack = ngx_http_webhook_lacks_push(evt);

    if (lack) {
        lack->field = *field;
        lack->kind = WH_JSON_NONE;
    }

    return 1;
}


void
ngx_http_webhook_lacks_field(ngx_http_webhook_event_t *evt, ngx_uint_t n,
    ngx_str_t *field, ngx_uint_t kind, ngx_str_t *text)
{
    ngx_http_webhook_lack_t  *lack;

    if (evt->lacks == NULL) {
        return;
    }

    lack = evt->lacks->list.elts;

    for ( /* void */ ; n < evt->lacks->list.nelts; n++) {
        lack[n].field = *field;
        lack[n].kind = kind;
        lack[n].text = *text;
    }
}


static ngx_http_webhook_lack_t *
ngx_http_webhook_lacks_push(ngx_http_webhook_event_t *evt)
{
    ngx_http_webhook_lack_t  *lack;

    if (evt == NULL || evt->lacks == NULL) {
        return NULL;
    }

    lack = ngx_array_push(&evt->lacks->list);

    if (lack) {
        ngx_memzero(lack, sizeof(ngx_http_webhook_lack_t));
    }

    return lack;
}
