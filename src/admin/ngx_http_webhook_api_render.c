
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * A dry run: what an attempt would send, of an event that an operator has made
 * up, or of a test.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_dry.h"
#include "ngx_http_webhook_language.h"
#include "ngx_http_webhook_record.h"


static ngx_int_t ngx_http_webhook_api_dry(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t **attempt, ngx_http_webhook_dry_t *dry);
static ngx_int_t ngx_http_webhook_api_dry_make(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t *a, ngx_http_webhook_dry_t *dry);
static ngx_int_t ngx_http_webhook_api_dry_wrong(ngx_http_webhook_api_t *api,
    wh_dry_t *cmd);
static ngx_int_t ngx_http_webhook_api_dry_failed(ngx_http_webhook_api_t *api,
    ngx_http_webhook_dry_t *dry, ngx_int_t rc);
static void ngx_http_webhook_api_put_lacks(wh_buf_t *b,
    ngx_http_webhook_lacks_t *lacks);
static ngx_uint_t ngx_http_webhook_api_told(ngx_http_webhook_lack_t *lack,
    ngx_uint_t n);
static void ngx_http_webhook_api_put_str(wh_buf_t *b, char *name,
    ngx_str_t *text);
static void ngx_http_webhook_api_put_type(wh_buf_t *b, wh_str_t *head);


ngx_int_t
ngx_http_webhook_api_render(ngx_http_webhook_api_t *api)
{
    wh_buf_t                    *b;
    ngx_int_t                    rc;
    ngx_http_webhook_dry_t      *dry;
    ngx_http_webhook_record_t    rec;
    ngx_http_webhook_attempt_t  *a;

    /* its command is freed with the request */

    dry = ngx_pcalloc(api->request->pool, sizeof(ngx_http_webhook_dry_t));
    if (dry == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = api->body.len ? ngx_http_webhook_api_dry(api, &a, dry)
                       : ngx_http_webhook_api_test_make(api, &a);

    if (a == NULL) {
        return rc;
    }

    if (ngx_http_webhook_record_make(a, &rec) != NGX_OK) {
        ngx_http_webhook_attempt_discard(a);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* with GET it is in the URL */

    if (a->request->next == NULL) {
        rec.body.len = 0;
    }

    b = &api->out;

    (void) wh_buf_putc(b, '{');
    ngx_http_webhook_api_put_text(b, "endpoint", &rec.row.endpoint);
    ngx_http_webhook_api_put_text(b, "event", &rec.row.event);
    ngx_http_webhook_api_put_text(b, "id", &rec.row.id);

    if (dry->location) {
        ngx_http_webhook_api_put_str(b, "location", &dry->location->name);
        ngx_http_webhook_api_put_flag(b, "fires", dry->fires);
    }

    if (a->endpoint->language) {
        ngx_http_webhook_api_put_str(b, "language",
                                     &a->endpoint->language->name);
    }

    ngx_http_webhook_api_put_text(b, "method", &rec.row.method);
    ngx_http_webhook_api_put_text(b, "url", &rec.row.url);
    ngx_http_webhook_api_put_headers(b, "headers", &rec.more.request);
    ngx_http_webhook_api_put_type(b, &rec.more.request);
    ngx_http_webhook_api_put_octets(b, "body", &rec.body);
    ngx_http_webhook_api_put_lacks(b, &dry->lacks);
    (void) wh_buf_putc(b, '}');

    ngx_http_webhook_attempt_discard(a);

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


/* *attempt is NULL: it is answered, or the code of an error */

static ngx_int_t
ngx_http_webhook_api_dry(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t **attempt, ngx_http_webhook_dry_t *dry)
{
    ngx_int_t                    rc;
    ngx_http_webhook_attempt_t  *a;

    *attempt = NULL;

    dry->request = api->request;
    dry->endpoint = ngx_http_webhook_api_named(api, &rc);

    if (dry->endpoint == NULL) {
        return rc;
    }

    if (dry->endpoint->mailbox) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "cannot_render", "\"%V\" is for mail.", &api->name);
    }

    switch (ngx_http_webhook_dry_read(dry, &api->body)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_webhook_api_dry_wrong(api, &dry->command);

    case NGX_ABORT:
        return ngx_http_webhook_api_error(api, NGX_HTTP_NOT_FOUND,
                   "no_such_event", "There is no \"webhook\" that makes this "
                   "event for \"%V\"%s.", &api->name,
                   dry->command.location.len ? " in this location" : "");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a = ngx_http_webhook_attempt_create(dry->endpoint, ngx_cycle->log);
    if (a == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_dry_make(api, a, dry);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_api_test_finish(api, a);
    }

    if (rc == NGX_OK) {
        *attempt = a;
        return NGX_OK;
    }

    ngx_http_webhook_attempt_discard(a);

    return ngx_http_webhook_api_dry_failed(api, dry, rc);
}


static ngx_int_t
ngx_http_webhook_api_dry_make(ngx_http_webhook_api_t *api,
    ngx_http_webhook_attempt_t *a, ngx_http_webhook_dry_t *dry)
{
    wh_buf_t   out;
    ngx_int_t  rc;

    ngx_memzero(&out, sizeof(wh_buf_t));

    out.max = api->main->max_event_size;
    out.grow = ngx_http_webhook_payload_grow;
    out.ctx = a->pool;

    rc = ngx_http_webhook_dry_render(dry, &out);

    a->number = 1;
    a->permit = -1;
    a->id = dry->event.id;
    a->event = dry->event.type;
    a->record.data = out.data;
    a->record.len = out.len;

    return rc;
}


static ngx_int_t
ngx_http_webhook_api_dry_wrong(ngx_http_webhook_api_t *api, wh_dry_t *cmd)
{
    if (cmd->error == NULL) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                          "bad_body", "The body is not JSON, "
                                          "that shows at octet %uL.",
                                          cmd->offset);
    }

    if (cmd->member[0] == '\0') {
        return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST,
                                          "bad_body", "The body is not "
                                          "valid, %s.", cmd->error);
    }

    return ngx_http_webhook_api_error(api, NGX_HTTP_BAD_REQUEST, "bad_body",
                                      "The member \"%s\" is not valid, %s.",
                                      cmd->member, cmd->error);
}


/* what would drop the event, and where */

static ngx_int_t
ngx_http_webhook_api_dry_failed(ngx_http_webhook_api_t *api,
    ngx_http_webhook_dry_t *dry, ngx_int_t rc)
{
    char       *why, *place;
    ngx_str_t  *name;

    place = dry->lacks.place;
    name = &dry->lacks.name;

    switch (rc) {

    case NGX_DONE:
        return ngx_http_webhook_api_dry_wrong(api, &dry->command);

    case NGX_DECLINED:
        why = api->data ? api->data
                        : "it is larger than \"webhook_max_event_size\"";
        break;

    case NGX_BUSY:
        why = "the URL would be too long";
        break;

    case NGX_AGAIN:
        why = "its values make no valid URL, see the error log";
        break;

    case NGX_ABORT:
        why = "the payload is a body, and there is none";
        break;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (place == NULL) {
        return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT,
                   "cannot_render", "The event would be dropped: %s.", why);
    }

    return ngx_http_webhook_api_error(api, NGX_HTTP_CONFLICT, "cannot_render",
                                      "The event would be dropped: %s, at "
                                      "the %s%s%V%s.", why, place,
                                      name->len ? " \"" : "", name,
                                      name->len ? "\"" : "");
}


static void
ngx_http_webhook_api_put_lacks(wh_buf_t *b, ngx_http_webhook_lacks_t *lacks)
{
    ngx_uint_t                i, n;
    ngx_http_webhook_lack_t  *lack;

    ngx_http_webhook_api_put_name(b, "missing");
    (void) wh_buf_putc(b, '[');

    lack = lacks->list.elts;

    for (i = 0, n = 0; i < lacks->list.nelts; i++) {

        if (ngx_http_webhook_api_told(lack, i)) {
            continue;
        }

        if (n++) {
            (void) wh_buf_putc(b, ',');
        }

        (void) wh_buf_putc(b, '{');

        if (lack[i].variable.len) {
            ngx_http_webhook_api_put_str(b, "variable", &lack[i].variable);

        } else {
            ngx_http_webhook_api_put_flag(b, "wrong_type", 1);
        }

        if (lack[i].field.len) {
            ngx_http_webhook_api_put_str(b, "field", &lack[i].field);
        }

        if (lack[i].kind == WH_JSON_NONE) {
            ngx_http_webhook_api_put_flag(b, "left_out", 1);

        } else {
            ngx_http_webhook_api_put_name(b, "instead");
            (void) wh_put_json_value(b, (int) lack[i].kind,
                                     (char *) lack[i].text.data,
                                     lack[i].text.len);
        }

        (void) wh_buf_putc(b, '}');
    }

    (void) wh_buf_putc(b, ']');
}


/* a field may be in the URL, too */

static ngx_uint_t
ngx_http_webhook_api_told(ngx_http_webhook_lack_t *lack, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (lack[i].variable.len == lack[n].variable.len
            && lack[i].field.len == lack[n].field.len
            && (lack[n].variable.len == 0
                || ngx_memcmp(lack[i].variable.data, lack[n].variable.data,
                              lack[n].variable.len)
                   == 0)
            && (lack[n].field.len == 0
                || ngx_memcmp(lack[i].field.data, lack[n].field.data,
                              lack[n].field.len)
                   == 0))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_webhook_api_put_str(wh_buf_t *b, char *name, ngx_str_t *text)
{
    wh_str_t  s;

    s.len = text->len;
    s.data = (char *) text->data;

    ngx_http_webhook_api_put_text(b, name, &s);
}


/* out of the header as it is sent */

static void
ngx_http_webhook_api_put_type(wh_buf_t *b, wh_str_t *head)
{
    u_char    *p, *last, *end;
    wh_str_t   type;

    static u_char  name[] = "Content-Type: ";

    p = (u_char *) head->data;
    last = p + head->len;

    while (p < last) {

        end = ngx_strlchr(p, last, CR);
        end = end ? end : last;

        if ((size_t) (end - p) >= sizeof(name) - 1
            && ngx_strncasecmp(p, name, sizeof(name) - 1) == 0)
        {
            type.data = (char *) p + sizeof(name) - 1;
            type.len = end - p - (sizeof(name) - 1);
            ngx_http_webhook_api_put_text(b, "content_type", &type);
            return;
        }

        p = end + 2;
    }
}
