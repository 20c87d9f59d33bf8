
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Translations of one language: texts by name, out of a JSON file.
 */


#ifndef _WH_CATALOGUE_H_INCLUDED_
#define _WH_CATALOGUE_H_INCLUDED_


#include "wh_json.h"


typedef struct {
    wh_str_t                name;
    wh_str_t                text;
    size_t                  line;    /* of the file, from 1 */
} wh_translation_t;


typedef struct wh_catalogue_s  wh_catalogue_t;

struct wh_catalogue_s {
    size_t                  n;
    wh_translation_t       *list;    /* by name */
    const wh_catalogue_t   *parent;  /* asked for what is not here; or NULL */
};


/* what is wrong with a file */

typedef struct {
    const char             *what;
    wh_str_t                name;    /* in question, may be empty */
    size_t                  line;    /* both from 1 */
    size_t                  column;  /* in octets; 0: the whole line */
} wh_catalogue_error_t;


/*
 * Reads a file: an object of strings, or of such objects, whose names are
 * joined by dots then: {"status":{"open":"offen"}} has "status.open".  What
 * is kept comes from "grow" with "ctx", see wh_buf_t, what is not from *mem.
 * WH_OK; WH_NOMEM; WH_ERROR, and *err says what is wrong.
 */
int wh_catalogue_read(wh_catalogue_t *c, wh_str_t file,
    void *(*grow)(void *ctx, void *old, size_t old_size, size_t size),
    void *ctx, const wh_alloc_t *mem, wh_catalogue_error_t *err);

/*
 * The text of the name that "group" and "name" are one after the other; NULL:
 * there is none.  "c" may be NULL, and so may be the data of an empty "group".
 */
const wh_str_t *wh_catalogue_find(const wh_catalogue_t *c, wh_str_t group,
    wh_str_t name);


#endif /* _WH_CATALOGUE_H_INCLUDED_ */
