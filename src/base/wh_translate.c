
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_translate.h"
#include "wh_escape.h"
#include "wh_pairs.h"


typedef struct {
    wh_translator_t  *translator;
    wh_buf_t         *out;
    wh_pairs_t        pairs;
    size_t            depth;
    int               array;                      /* a map of an array */
    int               null;                       /* a map of null */
    unsigned char     close[WH_JSON_MAX_DEPTH];   /* "}" or "]" */
    unsigned char     comma[WH_JSON_MAX_DEPTH];   /* there are some already */
} wh_translate_t;


static int wh_translate_parse(wh_translate_t *w, const char *p, size_t n,
    wh_json_visitor_t *v);
static int wh_translate_value(void *ctx, int kind, const char *p, size_t n);
static int wh_translate_open(void *ctx, int kind);
static int wh_translate_name(void *ctx, const char *p, size_t n);
static int wh_translate_close(void *ctx);
static void wh_translate_next(wh_translate_t *w);
static int wh_translate_map_value(void *ctx, int kind, const char *p,
    size_t n);
static int wh_translate_map_open(void *ctx, int kind);
static int wh_translate_map_name(void *ctx, const char *p, size_t n);
static int wh_translate_map_close(void *ctx);
static int wh_translate_map_put(wh_translate_t *w, const char *p, size_t n);


wh_str_t
wh_translate(wh_translator_t *t, wh_str_t value)
{
    const wh_str_t  *text;

    text = wh_catalogue_find(t->catalogue, t->group, value);

    if (text) {
        return *text;
    }

    if (t->missing++ == 0) {
        t->first_len = value.len < sizeof(t->first) ? value.len
                                                    : sizeof(t->first);
        memcpy(t->first, value.data, t->first_len);
    }

    return value;
}


int
wh_translate_values(wh_translator_t *t, const char *p, size_t n, wh_buf_t *out)
{
    wh_translate_t     w;
    wh_json_visitor_t  v;

    v.value = wh_translate_value;
    v.open = wh_translate_open;
    v.name = wh_translate_name;
    v.close = wh_translate_close;

    w.translator = t;
    w.out = out;

    return wh_translate_parse(&w, p, n, &v);
}


int
wh_translate_map(wh_translator_t *t, const char *p, size_t n, wh_buf_t *out,
    wh_buf_t *index)
{
    int                rc;
    size_t             start, dropped;
    wh_translate_t     w;
    wh_json_visitor_t  v;

    v.value = wh_translate_map_value;
    v.open = wh_translate_map_open;
    v.name = wh_translate_map_name;
    v.close = wh_translate_map_close;

    w.translator = t;
    w.out = out;
    w.array = 0;
    w.null = 0;

    start = out->len;

    (void) wh_pairs_begin(&w.pairs, out, index, 0);

    rc = wh_translate_parse(&w, p, n, &v);

    if (rc != WH_OK) {
        return rc;
    }

    if (w.null) {
        out->len = start;
        return wh_buf_put_literal(out, "null");
    }

    return wh_pairs_end(&w.pairs, &dropped);
}


static int
wh_translate_parse(wh_translate_t *w, const char *p, size_t n,
    wh_json_visitor_t *v)
{
    int         rc;
    wh_json_t  *j;

    v->ctx = w;
    w->depth = 0;

    j = wh_json_create(NULL, n, w->translator->mem);
    if (j == NULL) {
        return WH_NOMEM;
    }

    wh_json_visit(j, v);

    rc = wh_json_feed(j, p, n);

    if (rc == WH_OK) {
        rc = wh_json_finish(j);
    }

    wh_json_destroy(j);

    return rc == WH_AGAIN ? WH_ERROR : rc;
}


static int
wh_translate_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_str_t         text;
    wh_translate_t  *w;

    w = ctx;

    text.len = n;
    text.data = p;

    if (kind == WH_JSON_STRING) {
        text = wh_translate(w->translator, text);
    }

    wh_translate_next(w);

    return wh_put_json_value(w->out, kind, text.data, text.len);
}


static int
wh_translate_open(void *ctx, int kind)
{
    wh_translate_t  *w;

    w = ctx;

    wh_translate_next(w);

    /* the parser knows how deep it may be */

    w->comma[w->depth] = 0;
    w->close[w->depth++] = (kind == WH_JSON_ARRAY) ? ']' : '}';

    return wh_buf_putc(w->out, kind == WH_JSON_ARRAY ? '[' : '{');
}


static int
wh_translate_name(void *ctx, const char *p, size_t n)
{
    wh_translate_t  *w;

    w = ctx;

    wh_translate_next(w);
    (void) wh_put_json_quoted(w->out, p, n);

    w->comma[w->depth - 1] = 0;

    return wh_buf_putc(w->out, ':');
}


static int
wh_translate_close(void *ctx)
{
    wh_translate_t  *w;

    w = ctx;

    return wh_buf_putc(w->out, (char) w->close[--w->depth]);
}


static void
wh_translate_next(wh_translate_t *w)
{
    if (w->depth == 0) {
        return;
    }

    if (w->comma[w->depth - 1]) {
        (void) wh_buf_putc(w->out, ',');
    }

    w->comma[w->depth - 1] = 1;
}


static int
wh_translate_map_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_translate_t  *w;

    w = ctx;

    if (kind == WH_JSON_NULL) {
        w->null = (w->depth == 0);
        return WH_OK;
    }

    if (w->depth && !w->array) {
        return WH_OK;
    }

    return wh_translate_map_put(w, p, n);
}


static int
wh_translate_map_open(void *ctx, int kind)
{
    wh_translate_t  *w;

    w = ctx;

    if (w->depth++ == 0) {
        w->array = (kind == WH_JSON_ARRAY);
        return WH_OK;
    }

    return w->array ? WH_ERROR : WH_OK;
}


static int
wh_translate_map_name(void *ctx, const char *p, size_t n)
{
    wh_translate_t  *w;

    w = ctx;

    return w->depth == 1 ? wh_translate_map_put(w, p, n) : WH_OK;
}


static int
wh_translate_map_close(void *ctx)
{
    wh_translate_t  *w;

    w = ctx;
    w->depth--;

    return WH_OK;
}


static int
wh_translate_map_put(wh_translate_t *w, const char *p, size_t n)
{
    wh_str_t  text;

    text.len = n;
    text.data = p;

    text = wh_translate(w->translator, text);

    (void) wh_pairs_name(&w->pairs, WH_PAIR_DATA, p, n);

    return wh_pairs_value(&w->pairs, WH_JSON_STRING, text.data, text.len);
}
