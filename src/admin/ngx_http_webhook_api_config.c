
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * The configuration in force: directives as they were written, those of
 * endpoints with their defaults, without secrets.  It is a list of blocks,
 * which is told in pages, so that no request takes long.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_capture.h"
#include "ngx_http_webhook_lines.h"
#include "ngx_http_webhook_payload_conf.h"

#include "wh_escape.h"


#define NGX_HTTP_WEBHOOK_API_CONFIG_KEY  4   /* octets of a cursor */


static void ngx_http_webhook_api_config_block(ngx_http_webhook_api_t *api,
    ngx_uint_t n);
static void ngx_http_webhook_api_config_http(ngx_http_webhook_api_t *api);
static void ngx_http_webhook_api_config_number(wh_buf_t *b, char *name,
    uint64_t n);
static void ngx_http_webhook_api_config_payload(wh_buf_t *b,
    ngx_http_webhook_payload_t *payload);
static void ngx_http_webhook_api_config_location(wh_buf_t *b,
    ngx_http_core_loc_conf_t *clcf);
static void ngx_http_webhook_api_config_value(wh_buf_t *b,
    ngx_http_webhook_value_t *value);
static void ngx_http_webhook_api_config_endpoint(wh_buf_t *b,
    ngx_http_webhook_endpoint_t *ep);
static void ngx_http_webhook_api_config_begin(wh_buf_t *b, char *context,
    ngx_str_t *name);
static void ngx_http_webhook_api_config_lines(wh_buf_t *b,
    ngx_array_t *lines);
static void ngx_http_webhook_api_config_line(wh_buf_t *b,
    ngx_http_webhook_line_t *line);
static void ngx_http_webhook_api_config_open(wh_buf_t *b, ngx_str_t *name);
static void ngx_http_webhook_api_config_word(wh_buf_t *b, ngx_str_t *word);


ngx_int_t
ngx_http_webhook_api_config(ngx_http_webhook_api_t *api)
{
    u_char       key[NGX_HTTP_WEBHOOK_API_CONFIG_KEY];
    ngx_uint_t   i, n, from, end;
    wh_buf_t    *b;

    b = &api->out;
    from = 0;

    if (api->cursor.len) {

        if (ngx_http_webhook_api_octets(&api->cursor, key, sizeof(key))
            != NGX_OK)
        {
            return ngx_http_webhook_api_bad_cursor(api);
        }

        for (i = 0; i < sizeof(key); i++) {
            from = from << 8 | key[i];
        }
    }

    n = 1 + api->main->payloads.nelts + api->main->scopes.nelts
        + api->main->endpoints.nelts;

    end = (from < n && n - from > api->limit) ? from + api->limit : n;

    (void) wh_buf_put_literal(b, "{\"blocks\":[");

    for (i = from; i < end; i++) {

        if (i > from) {
            (void) wh_buf_putc(b, ',');
        }

        ngx_http_webhook_api_config_block(api, i);
    }

    for (i = 0; i < sizeof(key); i++) {
        key[i] = (u_char) (end >> 8 * (sizeof(key) - 1 - i));
    }

    (void) wh_buf_putc(b, ']');
    ngx_http_webhook_api_put_key(b, "next", end < n ? key : NULL, sizeof(key));
    (void) wh_buf_putc(b, '}');

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_webhook_api_endpoint_config(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_http_webhook_endpoint_t  *ep;

    ep = ngx_http_webhook_api_named(api, &rc);
    if (ep == NULL) {
        return rc;
    }

    ngx_http_webhook_api_config_endpoint(&api->out, ep);

    return ngx_http_webhook_api_answer(api, NGX_HTTP_OK);
}


static void
ngx_http_webhook_api_config_block(ngx_http_webhook_api_t *api, ngx_uint_t n)
{
    void                          **elts;
    ngx_http_webhook_main_conf_t   *wmcf;

    wmcf = api->main;

    if (n == 0) {
        ngx_http_webhook_api_config_http(api);
        return;
    }

    n--;

    if (n < wmcf->payloads.nelts) {
        elts = wmcf->payloads.elts;
        ngx_http_webhook_api_config_payload(&api->out, elts[n]);
        return;
    }

    n -= wmcf->payloads.nelts;

    if (n < wmcf->scopes.nelts) {
        elts = wmcf->scopes.elts;
        ngx_http_webhook_api_config_location(&api->out, elts[n]);
        return;
    }

    elts = wmcf->endpoints.elts;
    ngx_http_webhook_api_config_endpoint(&api->out,
                                         elts[n - wmcf->scopes.nelts]);
}


/* numbers always, as nginx has them */

static void
ngx_http_webhook_api_config_http(ngx_http_webhook_api_t *api)
{
    wh_buf_t                      *b;
    ngx_http_webhook_main_conf_t  *wmcf;

    b = &api->out;
    wmcf = api->main;

    ngx_http_webhook_api_config_begin(b, "http", NULL);

    ngx_http_webhook_api_config_number(b, "webhook_max_event_size",
                                       wmcf->max_event_size);
    (void) wh_buf_putc(b, ',');
    ngx_http_webhook_api_config_number(b, "webhook_memory", wmcf->memory);
    (void) wh_buf_putc(b, ',');
    ngx_http_webhook_api_config_number(b, "webhook_connections",
                                       wmcf->connections);
    (void) wh_buf_putc(b, ',');
    ngx_http_webhook_api_config_number(b, "webhook_max_hops", wmcf->max_hops);

    if (wmcf->lines) {
        (void) wh_buf_putc(b, ',');
        ngx_http_webhook_api_config_lines(b, wmcf->lines);
    }

    (void) wh_buf_put_literal(b, "]}");
}


static void
ngx_http_webhook_api_config_number(wh_buf_t *b, char *name, uint64_t n)
{
    ngx_str_t  s;

    s.data = (u_char *) name;
    s.len = ngx_strlen(name);

    ngx_http_webhook_api_config_open(b, &s);
    (void) wh_buf_putc(b, '"');
    (void) wh_buf_put_number(b, n);
    (void) wh_buf_put_literal(b, "\"]}");
}


static void
ngx_http_webhook_api_config_payload(wh_buf_t *b,
    ngx_http_webhook_payload_t *payload)
{
    ngx_http_webhook_api_config_begin(b, "webhook_payload", &payload->name);
    ngx_http_webhook_api_config_lines(b, payload->lines);
    (void) wh_buf_put_literal(b, "]}");
}


/* what holds in it, wherever it is written */

static void
ngx_http_webhook_api_config_location(wh_buf_t *b,
    ngx_http_core_loc_conf_t *clcf)
{
    ngx_uint_t                     i;
    ngx_http_webhook_value_t      *value;
    ngx_http_webhook_trigger_t   **t;
    ngx_http_webhook_loc_conf_t   *wlcf;

    wlcf = clcf->loc_conf[ngx_http_webhook_module.ctx_index];

    ngx_http_webhook_api_config_begin(b, "location", &clcf->name);

    t = wlcf->triggers->elts;

    for (i = 0; i < wlcf->triggers->nelts; i++) {
        ngx_http_webhook_api_config_line(b, t[i]->conf);
        (void) wh_buf_putc(b, ',');
    }

    if (wlcf->values) {
        value = wlcf->values->list.elts;

        for (i = 0; i < wlcf->values->list.nelts; i++) {
            ngx_http_webhook_api_config_value(b, &value[i]);
            (void) wh_buf_putc(b, ',');
        }
    }

    if (wlcf->accept) {
        (void) wh_buf_put_literal(b, "{\"name\":\"webhook_accept\","
                                  "\"args\":[]},");
    }

    (void) wh_buf_put_literal(b, "{\"name\":\"webhook_capture\",\"args\":[");

    if (wlcf->capture) {
        (void) wh_buf_put_literal(b, "\"on\"]},");

    } else {
        (void) wh_buf_put_literal(b, "\"off\"]},");
    }

    ngx_http_webhook_api_config_number(b, "webhook_max_body_size",
                                       wlcf->max_body_size);

    (void) wh_buf_put_literal(b, "]}");
}


static void
ngx_http_webhook_api_config_value(wh_buf_t *b,
    ngx_http_webhook_value_t *value)
{
    if (value->form) {
        (void) wh_buf_put_literal(b, "{\"name\":\"webhook_form\",");

    } else {
        (void) wh_buf_put_literal(b, "{\"name\":\"webhook_json\",");
    }

    (void) wh_buf_put_literal(b, "\"args\":[\"$");
    (void) wh_put_json_string(b, (char *) value->name.data, value->name.len);

    if (value->source == NGX_HTTP_WEBHOOK_REQUEST) {
        (void) wh_buf_put_literal(b, "\",\"request\",");

    } else {
        (void) wh_buf_put_literal(b, "\",\"response\",");
    }

    ngx_http_webhook_api_config_word(b, &value->pointer);

    if (value->raw) {
        (void) wh_buf_put_literal(b, ",\"type=json\"");
    }

    (void) wh_buf_put_literal(b, "]}");
}


static void
ngx_http_webhook_api_config_endpoint(wh_buf_t *b,
    ngx_http_webhook_endpoint_t *ep)
{
    ngx_str_t                  name, preset;
    ngx_uint_t                 i, k, n;
    ngx_http_webhook_line_t  **line;

    if (ep->mailbox) {
        ngx_http_webhook_api_config_begin(b, "webhook_notify", &ep->name);
        (void) wh_buf_put_literal(b, "]}");
        return;
    }

    ngx_http_webhook_api_config_begin(b, "webhook_endpoint", &ep->name);

    line = ep->lines ? ep->lines->elts : NULL;
    n = ep->lines ? ep->lines->nelts : 0;

    for (i = 0;
         ngx_http_webhook_endpoint_preset(ep, i, &name, &preset) == NGX_OK;
         i++)
    {
        for (k = 0; k < n; k++) {
            if (line[k]->words[0].len == name.len
                && ngx_memcmp(line[k]->words[0].data, name.data, name.len)
                   == 0)
            {
                break;
            }
        }

        if (i) {
            (void) wh_buf_putc(b, ',');
        }

        if (k == n) {
            ngx_http_webhook_api_config_open(b, &name);

            if (preset.len) {
                ngx_http_webhook_api_config_word(b, &preset);
            }

            (void) wh_buf_put_literal(b, "],\"default\":true}");
            continue;
        }

        ngx_http_webhook_api_config_line(b, line[k]);

        for (k++; k < n; k++) {
            if (line[k]->words[0].len == name.len
                && ngx_memcmp(line[k]->words[0].data, name.data, name.len)
                   == 0)
            {
                (void) wh_buf_putc(b, ',');
                ngx_http_webhook_api_config_line(b, line[k]);
            }
        }
    }

    (void) wh_buf_put_literal(b, "]}");
}


static void
ngx_http_webhook_api_config_begin(wh_buf_t *b, char *context, ngx_str_t *name)
{
    (void) wh_buf_put_literal(b, "{\"context\":\"");
    (void) wh_buf_put(b, context, ngx_strlen(context));
    (void) wh_buf_putc(b, '"');

    if (name) {
        (void) wh_buf_put_literal(b, ",\"name\":");
        ngx_http_webhook_api_config_word(b, name);
    }

    (void) wh_buf_put_literal(b, ",\"directives\":[");
}


static void
ngx_http_webhook_api_config_lines(wh_buf_t *b, ngx_array_t *lines)
{
    ngx_uint_t                 i;
    ngx_http_webhook_line_t  **line;

    if (lines == NULL) {
        return;
    }

    line = lines->elts;

    for (i = 0; i < lines->nelts; i++) {

        if (i) {
            (void) wh_buf_putc(b, ',');
        }

        ngx_http_webhook_api_config_line(b, line[i]);
    }
}


static void
ngx_http_webhook_api_config_line(wh_buf_t *b, ngx_http_webhook_line_t *line)
{
    ngx_uint_t  i;

    ngx_http_webhook_api_config_open(b, &line->words[0]);

    for (i = 1; i < line->nwords; i++) {

        if (i > 1) {
            (void) wh_buf_putc(b, ',');
        }

        ngx_http_webhook_api_config_word(b, &line->words[i]);
    }

    (void) wh_buf_put_literal(b, "],\"file\":");
    ngx_http_webhook_api_config_word(b, &line->file);
    (void) wh_buf_put_literal(b, ",\"line\":");
    (void) wh_buf_put_number(b, line->line);
    (void) wh_buf_putc(b, '}');
}


static void
ngx_http_webhook_api_config_open(wh_buf_t *b, ngx_str_t *name)
{
    (void) wh_buf_put_literal(b, "{\"name\":");
    ngx_http_webhook_api_config_word(b, name);
    (void) wh_buf_put_literal(b, ",\"args\":[");
}


static void
ngx_http_webhook_api_config_word(wh_buf_t *b, ngx_str_t *word)
{
    (void) wh_put_json_quoted(b, (char *) word->data, word->len);
}
