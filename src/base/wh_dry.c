
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_dry.h"

#include <stdlib.h>


/* each of "variables" in their buffer, its name and its text follow */

typedef struct {
    size_t  name;
    size_t  text;
    int     kind;
} wh_dry_head_t;


static int wh_dry_value(void *ctx, int kind, const char *p, size_t n);
static int wh_dry_open(void *ctx, int kind);
static int wh_dry_name(void *ctx, const char *p, size_t n);
static int wh_dry_close(void *ctx);
static int wh_dry_known(const char *p, size_t n);
static int wh_dry_wrong(wh_dry_t *d, const char *member, const char *error);
static int wh_dry_members(wh_dry_t *d);
static int wh_dry_text(wh_dry_t *d, int member, wh_str_t *text);
static int wh_dry_number(wh_dry_t *d, int member, uint64_t *n);


/* in the order of bits, and as pointers */

static const wh_str_t  wh_dry_names[WH_DRY_MEMBERS] = {
    { 6, "/event" },
    { 3, "/id" },
    { 9, "/location" },
    { 7, "/method" },
    { 5, "/path" },
    { 7, "/status" },
    { 5, "/time" },
    { 8, "/request" },
    { 9, "/response" },
    { 10, "/variables" }
};


static const unsigned char  wh_dry_flags[WH_DRY_MEMBERS] = {
    0, 0, 0, 0, 0, 0, 0, WH_JSON_RAW, WH_JSON_RAW, 0
};


int
wh_dry_parse(wh_dry_t *d, wh_str_t text, const wh_alloc_t *mem,
    void *(*palloc)(void *ctx, size_t size), void *ctx)
{
    int                rc;
    size_t             bad;
    wh_pointers_t     *set;
    wh_json_visitor_t  visitor;

    memset(d, 0, sizeof(wh_dry_t));

    d->member = "";
    d->variables.max = SIZE_MAX;
    d->variables.grow = wh_buf_malloc;

    set = palloc(ctx, sizeof(wh_pointers_t));
    if (set == NULL) {
        return WH_NOMEM;
    }

    if (wh_pointers_compile(set, wh_dry_names, wh_dry_flags, WH_DRY_MEMBERS,
                            palloc, ctx, &bad)
        != WH_OK)
    {
        return WH_NOMEM;
    }

    /* no value is longer, but a name may come again */

    d->json = wh_json_create(set, text.len + 1, mem);
    if (d->json == NULL) {
        return WH_NOMEM;
    }

    visitor.value = wh_dry_value;
    visitor.open = wh_dry_open;
    visitor.name = wh_dry_name;
    visitor.close = wh_dry_close;
    visitor.ctx = d;

    wh_json_visit(d->json, &visitor);

    rc = wh_json_feed(d->json, text.data, text.len);

    if (rc == WH_OK) {
        rc = wh_json_finish(d->json);
    }

    if (d->error) {
        return WH_ERROR;
    }

    if (rc == WH_NOMEM || d->variables.err) {
        return WH_NOMEM;
    }

    if (rc != WH_OK) {
        (void) wh_json_state(d->json, &d->offset);
        return WH_ERROR;
    }

    return wh_dry_members(d);
}


static int
wh_dry_value(void *ctx, int kind, const char *p, size_t n)
{
    wh_dry_t *d = ctx;

    wh_dry_head_t  head;

    if (d->depth == 0) {
        return wh_dry_wrong(d, "", "it must be an object");
    }

    if (!d->within) {
        return WH_OK;
    }

    if (d->depth == 1) {
        return wh_dry_wrong(d, "variables", "it must be an object");
    }

    if (kind == WH_JSON_NULL) {
        n = 0;
    }

    if (wh_buf_put(&d->variables, p, n) != WH_OK) {
        return WH_NOMEM;
    }

    memcpy(&head, d->variables.data + d->start, sizeof(wh_dry_head_t));

    head.text = n;
    head.kind = kind;

    memcpy(d->variables.data + d->start, &head, sizeof(wh_dry_head_t));

    return WH_OK;
}


static int
wh_dry_open(void *ctx, int kind)
{
    wh_dry_t *d = ctx;

    if (d->depth == 0 && kind != WH_JSON_OBJECT) {
        return wh_dry_wrong(d, "", "it must be an object");
    }

    if (d->within && d->depth == 1 && kind != WH_JSON_OBJECT) {
        return wh_dry_wrong(d, "variables", "it must be an object");
    }

    if (d->within && d->depth == 2) {
        return wh_dry_wrong(d, "variables", "its members must be strings, "
                            "numbers, true, false or null");
    }

    d->depth++;

    return WH_OK;
}


static int
wh_dry_name(void *ctx, const char *p, size_t n)
{
    wh_dry_t *d = ctx;

    int            member;
    wh_dry_head_t  head;

    if (d->depth == 1) {
        member = wh_dry_known(p, n);

        if (member == WH_DRY_MEMBERS) {
            return wh_dry_wrong(d, "", "its members must be among event, id, "
                                "location, method, path, status, time, "
                                "request, response and variables");
        }

        d->given |= 1U << member;
        d->within = (1U << member == WH_DRY_VARIABLES);

        return WH_OK;
    }

    if (!d->within) {
        return WH_OK;
    }

    memset(&head, 0, sizeof(wh_dry_head_t));

    head.name = n;
    d->start = d->variables.len;

    (void) wh_buf_put(&d->variables, (char *) &head, sizeof(wh_dry_head_t));

    return wh_buf_put(&d->variables, p, n) == WH_OK ? WH_OK : WH_NOMEM;
}


static int
wh_dry_close(void *ctx)
{
    wh_dry_t *d = ctx;

    d->depth--;

    return WH_OK;
}


static int
wh_dry_known(const char *p, size_t n)
{
    int  i;

    for (i = 0; i < WH_DRY_MEMBERS; i++) {
        if (wh_dry_names[i].len == n + 1
            && memcmp(wh_dry_names[i].data + 1, p, n) == 0)
        {
            break;
        }
    }

    return i;
}


static int
wh_dry_wrong(wh_dry_t *d, const char *member, const char *error)
{
    d->member = member;
    d->error = error;

    return WH_ERROR;
}


/* in the order of bits */

static int
wh_dry_members(wh_dry_t *d)
{
    uint64_t  n;

    if (wh_dry_text(d, 0, &d->event) != WH_OK
        || wh_dry_text(d, 1, &d->id) != WH_OK
        || wh_dry_text(d, 2, &d->location) != WH_OK
        || wh_dry_text(d, 3, &d->method) != WH_OK
        || wh_dry_text(d, 4, &d->path) != WH_OK)
    {
        return WH_ERROR;
    }

    if (d->given & WH_DRY_STATUS) {

        if (wh_dry_number(d, 5, &n) != WH_OK || n < 100 || n > 599) {
            return wh_dry_wrong(d, "status", "it must be a number of 100 to "
                                "599");
        }

        d->status = (uint32_t) n;
    }

    if (d->given & WH_DRY_TIME) {

        if (wh_dry_number(d, 6, &d->time) != WH_OK) {
            return wh_dry_wrong(d, "time", "it must be a time in "
                                "milliseconds since the epoch, before the "
                                "year 10000");
        }
    }

    d->request = wh_json_value(d->json, 7)->text;
    d->response = wh_json_value(d->json, 8)->text;

    return WH_OK;
}


static int
wh_dry_text(wh_dry_t *d, int member, wh_str_t *text)
{
    const wh_json_value_t  *v;

    if (!(d->given & 1U << member)) {
        return WH_OK;
    }

    v = wh_json_value(d->json, (size_t) member);

    if (v->kind != WH_JSON_STRING || v->text.len == 0
        || memchr(v->text.data, '\0', v->text.len))
    {
        return wh_dry_wrong(d, wh_dry_names[member].data + 1,
                            "it must be a string that is not empty");
    }

    *text = v->text;

    return WH_OK;
}


/* without a sign, a fraction or an exponent; the last time is 9999-12-31 */

static int
wh_dry_number(wh_dry_t *d, int member, uint64_t *n)
{
    size_t                  i;
    const wh_json_value_t  *v;

    v = wh_json_value(d->json, (size_t) member);

    if (v->kind != WH_JSON_NUMBER || v->text.len > 15) {
        return WH_ERROR;
    }

    *n = 0;

    for (i = 0; i < v->text.len; i++) {

        if (v->text.data[i] < '0' || v->text.data[i] > '9') {
            return WH_ERROR;
        }

        *n = *n * 10 + (uint64_t) (v->text.data[i] - '0');
    }

    return *n <= UINT64_C(253402300799999) ? WH_OK : WH_ERROR;
}


int
wh_dry_variable(const wh_dry_t *d, size_t *pos, wh_str_t *name, int *kind,
    wh_str_t *text)
{
    const char     *p;
    wh_dry_head_t   head;

    if (*pos == d->variables.len) {
        return WH_AGAIN;
    }

    p = d->variables.data + *pos;

    memcpy(&head, p, sizeof(wh_dry_head_t));
    p += sizeof(wh_dry_head_t);

    name->data = (char *) p;
    name->len = head.name;
    text->data = (char *) p + head.name;
    text->len = head.text;
    *kind = head.kind;

    *pos += sizeof(wh_dry_head_t) + head.name + head.text;

    return WH_OK;
}


void
wh_dry_free(wh_dry_t *d)
{
    wh_json_destroy(d->json);
    free(d->variables.data);

    d->json = NULL;
    d->variables.data = NULL;
    d->variables.len = 0;
}
