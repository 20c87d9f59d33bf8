
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * JSON text with what is in it translated.
 */


#ifndef _WH_TRANSLATE_H_INCLUDED_
#define _WH_TRANSLATE_H_INCLUDED_


#include "wh_catalogue.h"


typedef struct {
    const wh_catalogue_t   *catalogue;   /* NULL: an empty one */
    wh_str_t                group;       /* see wh_catalogue_find() */
    const wh_alloc_t       *mem;
    size_t                  missing;     /* values without a translation */
    char                    first[64];   /* the first of them, or its begin */
    size_t                  first_len;
} wh_translator_t;


/*
 * The translation of one value, or the value, which is counted.  "missing" has
 * to be 0 at first.
 */
wh_str_t wh_translate(wh_translator_t *t, wh_str_t value);

/*
 * Appends JSON text n octets at p with all strings in it, names not included,
 * translated; white space is left out.  WH_OK; WH_ERROR: it is not JSON;
 * WH_LIMIT: it is too deep; WH_NOMEM; or the sticky error of the buffer.
 */
int wh_translate_values(wh_translator_t *t, const char *p, size_t n,
    wh_buf_t *out);

/*
 * Appends an object of translations.  Its names are what JSON text has: the
 * elements of an array, but null; the names of an object; or one value.  null
 * gives null.  A name is there once.  "index" is as of wh_pairs_begin().  The
 * same is returned; an array with arrays or objects in it is WH_ERROR, too.
 */
int wh_translate_map(wh_translator_t *t, const char *p, size_t n,
    wh_buf_t *out, wh_buf_t *index);


#endif /* _WH_TRANSLATE_H_INCLUDED_ */
