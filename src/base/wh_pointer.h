
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * JSON Pointers (RFC 6901): sets of them, and where a text leads in a set.
 */


#ifndef _WH_POINTER_H_INCLUDED_
#define _WH_POINTER_H_INCLUDED_


#include "wh.h"


/* flags of a pointer */

#define WH_JSON_RAW         0x01   /* the value as JSON text, of any type */


typedef struct wh_pointer_node_s  wh_pointer_node_t;
typedef struct wh_pointer_item_s  wh_pointer_item_t;


struct wh_pointer_item_s {
    wh_pointer_item_t  *next;        /* of the same node */
    int                 raw;
};


struct wh_pointer_node_s {
    wh_str_t            token;
    uint64_t            index;       /* the token as an array index */
    int                 is_index;
    wh_pointer_node_t  *parent;
    wh_pointer_node_t  *child;
    wh_pointer_node_t  *next;        /* of the same parent */
    wh_pointer_item_t  *items;       /* pointers that end here */
};


/*
 * A compiled set of pointers: a trie of reference tokens.  Nothing changes it
 * after wh_pointers_compile(), parsers of any threads may share it.
 */

typedef struct {
    size_t              n;           /* pointers */
    size_t              max_token;   /* octets in the longest token */
    wh_pointer_node_t  *root;
    wh_pointer_item_t  *items;       /* [n] */
} wh_pointers_t;


/*
 * Checks the syntax of a pointer (RFC 6901, section 3), which has to be valid
 * UTF-8 as well.  WH_OK, or WH_ERROR with *offset of the offending octet: of
 * the first one if it is not "/", of a "~" not followed by "0" or "1".
 */
int wh_pointer_check(wh_str_t p, size_t *offset);

/*
 * Compiles n pointers; a pointer may occur any number of times.  flags may be
 * NULL (all 0).  What it needs comes from "alloc" in a few pieces, which live
 * as long as the set and are not freed here, on error neither (a pool).  The
 * pointers' text is copied.  WH_OK; WH_ERROR, *bad being the index of the
 * pointer with wrong syntax; WH_NOMEM.
 */
int wh_pointers_compile(wh_pointers_t *set, const wh_str_t *ptrs,
    const unsigned char *flags, size_t n, void *(*alloc)(void *ctx, size_t),
    void *ctx, size_t *bad);

/*
 * One step down from a node: the child for the name of a member, or for an
 * element by its number, from 0.  NULL: no pointer leads there.
 */
const wh_pointer_node_t *wh_pointer_member(const wh_pointer_node_t *node,
    const char *p, size_t n);
const wh_pointer_node_t *wh_pointer_element(const wh_pointer_node_t *node,
    uint64_t index);


#endif /* _WH_POINTER_H_INCLUDED_ */
