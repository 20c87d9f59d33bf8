
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <setjmp.h>

#include <yajl/yajl_parse.h>

#include "wh_escape.h"
#include "wh_json.h"
#include "wh_utf8.h"
#include "wh_word.h"


/*
 * yajl does the grammar.  What it does not do is done before it, on the raw
 * octets, by a small scanner that knows strings, escapes and numbers:
 *
 *  - yajl keeps a whole string or number if it comes in pieces, of any
 *    length.  The scanner withholds what is beyond max_units of one, a unit
 *    making at least one octet of a decoded string.  What is cut is longer
 *    than max_value and than any name looked for: it could not have been of
 *    use anyway.
 *
 *  - yajl takes overlong UTF-8 and surrogates in it, writes surrogates in
 *    UTF-8 if "\udc00" comes first, and merges "\ud800\u0041" into one wrong
 *    character.  The scanner checks UTF-8, and gives yajl a "?" in place of
 *    each lone surrogate.
 *
 *  - yajl looks again at all of a string or number with each piece of it: a
 *    long one in many pieces would take a time of its square.  It is given
 *    pieces of a long one that double it, the rest is kept until then, or until
 *    its end.
 *
 *  - yajl takes an unfinished string after the end of a text.
 *
 *  - yajl uses what an allocator returns without a look at it.  The way out
 *    of a failed allocation is longjmp(); all blocks are on a list, so those
 *    of an abandoned yajl are freed nevertheless.
 */


#define WH_JSON_LEX_TEXT    0    /* not in a string */
#define WH_JSON_LEX_STRING  1
#define WH_JSON_LEX_ESCAPE  2    /* after a backslash */
#define WH_JSON_LEX_HEX     3    /* after "\u" */
#define WH_JSON_LEX_HIGH    4    /* after a high surrogate */

#define WH_JSON_FRAMES      8    /* more are allocated when it gets deeper */

#define WH_JSON_LONG        64   /* units of a string or number */


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


typedef struct wh_json_slot_s   wh_json_slot_t;
typedef struct wh_json_block_s  wh_json_block_t;


struct wh_json_slot_s {
    wh_json_value_t     value;
    wh_buf_t            buf;
    wh_json_slot_t     *next;        /* the enclosing one being captured */
    size_t              level;       /* depth at which the capture ends */
};


/* the header of a block given to yajl; what follows has to be aligned */

struct wh_json_block_s {
    wh_json_block_t    *prev;
    wh_json_block_t    *next;
    size_t              size;
    size_t              unused;
};


typedef struct {
    const wh_pointer_node_t  *node;      /* NULL if no pointer leads here */
    const wh_pointer_node_t  *member;    /* of the last name, in an object */
    uint64_t                  index;     /* of the next element, in an array */
    unsigned char             array;
    unsigned char             comma;
} wh_json_frame_t;


struct wh_json_s {
    const wh_pointers_t      *set;
    const wh_json_visitor_t  *visitor;   /* may be NULL */
    wh_json_slot_t           *slots;     /* [set->n] */
    wh_json_slot_t           *active;    /* being captured, innermost first */
    size_t                    max_value;
    size_t                    used;      /* octets in all slots */

    wh_alloc_t                mem;
    wh_json_block_t          *blocks;
    yajl_handle               yajl;
    jmp_buf                   nomem;

    int                       rc;        /* sticky result */
    int                       why;       /* result asked for by a callback */
    int                       state;
    unsigned                  finished:1;
    unsigned                  done:1;    /* the value has ended */
    unsigned                  elided:1;  /* the next scalar was shortened */

    uint64_t                  offset;    /* octets taken */
    uint64_t                  bad;
    uint64_t                  at;        /* of what yajl is given */
    uint64_t                  last;      /* end of the last value */

    wh_utf8_t                 utf8;
    int                       lex;
    size_t                    max_units;
    size_t                    units;     /* of the current token */
    uint64_t                  quote;     /* offset of the last string */
    char                      prev;      /* the last octet not in a string */
    unsigned                  held:1;    /* yajl does not have esc[] yet */
    size_t                    esc_len;
    char                      esc[12];   /* the last escape, or a pair */

    size_t                    given;     /* units of the token yajl has */
    uint64_t                  late_at;   /* of what is kept back */
    wh_buf_t                  late;      /* of the token, and goes on later */

    size_t                    depth;
    size_t                    nframes;
    wh_json_frame_t          *stack;     /* [nframes] */
    wh_json_frame_t           frames[WH_JSON_FRAMES];
};


/* a piece of input: what is before "start" has been dealt with */

typedef struct {
    const char           *p;
    size_t                start;
    size_t                esc;           /* where esc[] starts, unless held */
} wh_json_piece_t;


static const wh_pointer_node_t *wh_pointer_member(
    const wh_pointer_node_t *node, const char *p, size_t n);
static const wh_pointer_node_t *wh_pointer_element(
    const wh_pointer_node_t *node, uint64_t index);
static void wh_pointer_index(wh_pointer_node_t *node);

static int wh_json_scan(wh_json_t *j, const char *p, size_t n);
static size_t wh_json_skip(wh_json_t *j, wh_json_piece_t *s, size_t i,
    size_t n);
static int wh_json_scan_text(wh_json_t *j, wh_json_piece_t *s, size_t i);
static int wh_json_scan_string(wh_json_t *j, wh_json_piece_t *s, size_t i);
static int wh_json_scan_escape(wh_json_t *j, wh_json_piece_t *s, size_t i);
static int wh_json_scan_hex(wh_json_t *j, wh_json_piece_t *s, size_t i);
static int wh_json_drop(wh_json_t *j, wh_json_piece_t *s, size_t i);
static int wh_json_escape(wh_json_t *j, wh_json_piece_t *s, size_t len,
    int lone, size_t next);
static int wh_json_reject(wh_json_t *j, wh_json_piece_t *s, size_t i);
static unsigned wh_json_hex(const char *p);
static int wh_json_is_digit(char c);
static int wh_json_is_scanned(char c);
static int wh_json_fail(wh_json_t *j, int rc, uint64_t offset);

static void wh_json_token(wh_json_t *j, size_t units);
static int wh_json_yajl(wh_json_t *j, const char *p, size_t n, uint64_t at);
static int wh_json_flush(wh_json_t *j);
static int wh_json_give(wh_json_t *j, const char *p, size_t n, uint64_t at);
static int wh_json_yajl_create(wh_json_t *j);
static yajl_status wh_json_yajl_parse(wh_json_t *j, const char *p, size_t n);
static yajl_status wh_json_yajl_finish(wh_json_t *j);
static int wh_json_yajl_moved(wh_json_t *j);
static void *wh_json_yajl_malloc(void *ctx, size_t size);
static void *wh_json_yajl_realloc(void *ctx, void *p, size_t size);
static void wh_json_yajl_free(void *ctx, void *p);
static void wh_json_free_blocks(wh_json_t *j);

static int wh_json_null(void *ctx);
static int wh_json_boolean(void *ctx, int v);
static int wh_json_number(void *ctx, const char *p, size_t n);
static int wh_json_string(void *ctx, const unsigned char *p, size_t n);
static int wh_json_start_map(void *ctx);
static int wh_json_map_key(void *ctx, const unsigned char *p, size_t n);
static int wh_json_end_map(void *ctx);
static int wh_json_start_array(void *ctx);
static int wh_json_end_array(void *ctx);

static const wh_pointer_node_t *wh_json_enter(wh_json_t *j);
static int wh_json_scalar(wh_json_t *j, int kind, const char *p, size_t n);
static int wh_json_open(wh_json_t *j, int array);
static int wh_json_deeper(wh_json_t *j);
static int wh_json_close(wh_json_t *j, const char *p);
static void wh_json_visited(wh_json_t *j, int rc);
static void wh_json_ended(wh_json_t *j);
static void wh_json_reset(wh_json_t *j, const wh_pointer_node_t *node);
static void wh_json_put_active(wh_json_t *j, const char *p, size_t n,
    int quoted);
static void wh_json_put(wh_json_t *j, wh_json_slot_t *slot, const char *p,
    size_t n, int quoted);
static void wh_json_set(wh_json_slot_t *slot, int kind);
static void wh_json_clear(wh_json_t *j, wh_json_slot_t *slot, int truncated);
static void *wh_json_grow(void *ctx, void *old, size_t old_size, size_t size);


static wh_pointer_node_t    wh_json_no_node;
static const wh_pointers_t  wh_json_no_pointers = {
    0, 0, &wh_json_no_node, NULL
};


static const yajl_callbacks  wh_json_callbacks = {
    wh_json_null,
    wh_json_boolean,
    NULL,
    NULL,
    wh_json_number,
    wh_json_string,
    wh_json_start_map,
    wh_json_map_key,
    wh_json_end_map,
    wh_json_start_array,
    wh_json_end_array
};


int
wh_pointer_check(wh_str_t p, size_t *offset)
{
    size_t  i;

    for (i = 0; i < p.len; i++) {

        if (i == 0 && p.data[0] != '/') {
            *offset = 0;
            return WH_ERROR;
        }

        if (p.data[i] == '~'
            && (i + 1 == p.len
                || (p.data[i + 1] != '0' && p.data[i + 1] != '1')))
        {
            *offset = i;
            return WH_ERROR;
        }
    }

    i = wh_utf8_valid(p.data, p.len);

    if (i < p.len) {
        *offset = i;
        return WH_ERROR;
    }

    return WH_OK;
}


int
wh_pointers_compile(wh_pointers_t *set, const wh_str_t *ptrs,
    const unsigned char *flags, size_t n, void *(*alloc)(void *ctx, size_t),
    void *ctx, size_t *bad)
{
    char                     *text;
    size_t                    i, k, len, nodes, octets, start, offset;
    wh_pointer_node_t        *node, *last, *free_node;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *child;

    nodes = 1;
    octets = 1;

    for (i = 0; i < n; i++) {

        if (wh_pointer_check(ptrs[i], &offset) != WH_OK) {
            *bad = i;
            return WH_ERROR;
        }

        for (k = 0; k < ptrs[i].len; k++) {
            nodes += (ptrs[i].data[k] == '/');
        }

        /* the same text may be given many times */

        if (ptrs[i].len > SIZE_MAX - octets) {
            return WH_NOMEM;
        }

        octets += ptrs[i].len;
    }

    if (nodes > SIZE_MAX / sizeof(wh_pointer_node_t)
        || n >= SIZE_MAX / sizeof(wh_pointer_item_t))
    {
        return WH_NOMEM;
    }

    set->n = n;
    set->max_token = 0;

    set->root = alloc(ctx, nodes * sizeof(wh_pointer_node_t));
    set->items = alloc(ctx, (n + 1) * sizeof(wh_pointer_item_t));
    text = alloc(ctx, octets);

    if (set->root == NULL || set->items == NULL || text == NULL) {
        return WH_NOMEM;
    }

    memset(set->root, 0, nodes * sizeof(wh_pointer_node_t));

    set->root->token.data = text;
    free_node = set->root + 1;

    for (i = 0; i < n; i++) {
        node = set->root;
        k = 0;

        while (k < ptrs[i].len) {

            /* at a "/" */

            start = ++k;
            len = 0;

            for ( /* void */ ; k < ptrs[i].len; k++) {

                if (ptrs[i].data[k] == '/') {
                    break;
                }

                if (ptrs[i].data[k] == '~') {
                    k++;
                    text[len++] = ptrs[i].data[k] == '0' ? '~' : '/';
                    continue;
                }

                text[len++] = ptrs[i].data[k];
            }

            child = wh_pointer_member(node, text, len);

            if (child) {
                node = set->root + (child - set->root);
                continue;
            }

            free_node->token.data = text;
            free_node->token.len = len;
            free_node->parent = node;
            wh_pointer_index(free_node);

            text += k - start;

            if (node->child == NULL) {
                node->child = free_node;

            } else {
                for (last = node->child; last->next; last = last->next) {
                    /* void */
                }

                last->next = free_node;
            }

            if (len > set->max_token) {
                set->max_token = len;
            }

            node = free_node++;
        }

        item = &set->items[i];

        item->raw = (flags && (flags[i] & WH_JSON_RAW));
        item->next = node->items;
        node->items = item;
    }

    return WH_OK;
}


static const wh_pointer_node_t *
wh_pointer_member(const wh_pointer_node_t *node, const char *p, size_t n)
{
    const wh_pointer_node_t  *child;

    for (child = node->child; child; child = child->next) {

        if (child->token.len == n
            && (n == 0 || memcmp(child->token.data, p, n) == 0))
        {
            return child;
        }
    }

    return NULL;
}


static const wh_pointer_node_t *
wh_pointer_element(const wh_pointer_node_t *node, uint64_t index)
{
    const wh_pointer_node_t  *child;

    for (child = node->child; child; child = child->next) {

        if (child->is_index && child->index == index) {
            return child;
        }
    }

    return NULL;
}


/* RFC 6901, section 4: digits without leading zeros; "-" is no element */

static void
wh_pointer_index(wh_pointer_node_t *node)
{
    char      c;
    size_t    i;
    uint64_t  v;

    v = 0;

    for (i = 0; i < node->token.len; i++) {
        c = node->token.data[i];

        if (c < '0' || c > '9' || (i == 1 && v == 0)
            || v > (UINT64_MAX - 9) / 10)
        {
            return;
        }

        v = v * 10 + (uint64_t) (c - '0');
    }

    node->index = v;
    node->is_index = (i != 0);
}


wh_json_t *
wh_json_create(const wh_pointers_t *set, size_t max_value,
    const wh_alloc_t *mem)
{
    size_t      i, max;
    wh_json_t  *j;

    if (set == NULL) {
        set = &wh_json_no_pointers;
    }

    if (set->n > (SIZE_MAX - sizeof(wh_json_t)) / sizeof(wh_json_slot_t)) {
        return NULL;
    }

    j = mem->alloc(mem->ctx, sizeof(wh_json_t)
                             + set->n * sizeof(wh_json_slot_t));
    if (j == NULL) {
        return NULL;
    }

    /* a frame is cleared when it is needed */

    memset(j, 0, offsetof(wh_json_t, frames));

    j->set = set;
    j->mem = *mem;
    j->max_value = max_value;
    j->slots = (wh_json_slot_t *) (j + 1);
    j->stack = j->frames;
    j->nframes = WH_JSON_FRAMES;

    /*
     * One more than a useful string has.  A number needs some for its first
     * digits, for a zero must not be followed by others.
     */

    max = max_value > set->max_token ? max_value : set->max_token;
    max = max > 16 ? max : 16;

    j->max_units = max < SIZE_MAX ? max + 1 : max;

    j->late.max = SIZE_MAX;
    j->late.grow = wh_json_grow;
    j->late.ctx = j;

    if (set->n) {
        memset(j->slots, 0, set->n * sizeof(wh_json_slot_t));
    }

    for (i = 0; i < set->n; i++) {
        j->slots[i].buf.grow = wh_json_grow;
        j->slots[i].buf.ctx = j;
        j->slots[i].value.text.data = "";
    }

    if (wh_json_yajl_create(j) != WH_OK) {
        wh_json_destroy(j);
        return NULL;
    }

    return j;
}


void
wh_json_destroy(wh_json_t *j)
{
    size_t  i;

    if (j == NULL) {
        return;
    }

    for (i = 0; i < j->set->n; i++) {
        if (j->slots[i].buf.data) {
            j->mem.free(j->mem.ctx, j->slots[i].buf.data);
        }
    }

    if (j->stack != j->frames) {
        j->mem.free(j->mem.ctx, j->stack);
    }

    if (j->late.data) {
        j->mem.free(j->mem.ctx, j->late.data);
    }

    wh_json_free_blocks(j);

    j->mem.free(j->mem.ctx, j);
}


void
wh_json_visit(wh_json_t *j, const wh_json_visitor_t *v)
{
    j->visitor = v;
}


int
wh_json_feed(wh_json_t *j, const char *p, size_t n)
{
    int     rc;
    size_t  good;

    if (j->rc != WH_OK) {
        return j->rc;
    }

    if (j->finished) {
        return WH_ERROR;
    }

    good = n;

    rc = wh_utf8_feed(&j->utf8, p, n);

    if (rc != WH_OK) {
        good = (size_t) (j->utf8.offset - j->offset);
    }

    /* an error before the one in UTF-8 counts */

    if (wh_json_scan(j, p, good) != WH_OK) {
        return j->rc;
    }

    j->offset += good;

    if (rc != WH_OK) {

        if (wh_json_flush(j) != WH_OK) {
            return j->rc;
        }

        return wh_json_fail(j, WH_ERROR, j->offset);
    }

    return WH_OK;
}


int
wh_json_finish(wh_json_t *j)
{
    int          digit;
    yajl_status  status;

    if (j->rc != WH_OK || j->finished) {
        return j->rc;
    }

    j->finished = 1;

    if (j->lex != WH_JSON_LEX_TEXT) {

        if (j->done) {
            return wh_json_fail(j, WH_ERROR, j->quote);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    /*
     * A number ends only now; "[1 2" is wrong, while "[1" is incomplete.
     * If the last octet is not of a number that could end here, then an
     * error is due to a part of a token: "tru", "1.".
     */

    if (wh_json_flush(j) != WH_OK) {
        return j->rc;
    }

    digit = wh_json_is_digit(j->prev);

    status = wh_json_yajl_parse(j, " ", 1);

    if (status != yajl_status_ok) {

        if (j->why) {
            return wh_json_fail(j, j->why, j->offset);
        }

        if (digit || j->done) {
            return wh_json_fail(j, WH_ERROR, j->offset);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    status = wh_json_yajl_finish(j);

    if (status != yajl_status_ok) {

        if (j->why) {
            return wh_json_fail(j, j->why, j->offset);
        }

        j->rc = WH_AGAIN;
        return WH_AGAIN;
    }

    j->state = WH_JSON_COMPLETE;

    return WH_OK;
}


int
wh_json_state(const wh_json_t *j, uint64_t *offset)
{
    if (offset) {
        *offset = j->state == WH_JSON_INVALID ? j->bad : j->offset;
    }

    return j->state;
}


const wh_json_value_t *
wh_json_value(const wh_json_t *j, size_t i)
{
    return &j->slots[i].value;
}


int
wh_put_json_value(wh_buf_t *b, int kind, const char *p, size_t n)
{
    switch (kind) {

    case WH_JSON_STRING:
        return wh_put_json_quoted(b, p, n);

    case WH_JSON_BOOL:
    case WH_JSON_NUMBER:
    case WH_JSON_TEXT:
        return wh_buf_put(b, p, n);

    default: /* without a text */
        return wh_buf_put_literal(b, "null");
    }
}


static int
wh_json_scan(wh_json_t *j, const char *p, size_t n)
{
    int              rc;
    size_t           i;
    wh_json_piece_t  s;

    s.p = p;
    s.start = 0;
    s.esc = 0;

    for (i = 0; i < n; i++) {

        i = wh_json_skip(j, &s, i, n);

        if (i == n) {
            break;
        }

        switch (j->lex) {

        case WH_JSON_LEX_TEXT:
            rc = wh_json_scan_text(j, &s, i);
            break;

        case WH_JSON_LEX_ESCAPE:
            rc = wh_json_scan_escape(j, &s, i);
            break;

        case WH_JSON_LEX_HEX:
            rc = wh_json_scan_hex(j, &s, i);
            break;

        default: /* WH_JSON_LEX_STRING, WH_JSON_LEX_HIGH */
            rc = wh_json_scan_string(j, &s, i);
        }

        if (rc != WH_OK) {
            return rc;
        }
    }

    if (j->esc_len == 0) {

        if (s.start == n) {
            return WH_OK;
        }

        return wh_json_yajl(j, p + s.start, n - s.start, j->offset + s.start);
    }

    /* an escape goes on in the next piece */

    if (!j->held) {
        j->held = 1;
        return wh_json_yajl(j, p + s.start, s.esc - s.start,
                            j->offset + s.start);
    }

    return WH_OK;
}


/* the next octet that the scanner has to look at, or n */

static size_t
wh_json_skip(wh_json_t *j, wh_json_piece_t *s, size_t i, size_t n)
{
    size_t  run, left;

    switch (j->lex) {

    case WH_JSON_LEX_TEXT:

        if (wh_json_is_scanned(s->p[i])) {
            return i;
        }

        do {
            i++;
        } while (i < n && !wh_json_is_scanned(s->p[i]));

        j->prev = s->p[i - 1];
        wh_json_token(j, 0);

        return i;

    case WH_JSON_LEX_STRING:
        left = j->max_units - j->units;

        if (left) {
            run = wh_plain_run(s->p + i, n - i < left ? n - i : left);
            j->units += run;

        } else if (s->start == i) {

            /* withheld, as yajl has all that was before */

            run = wh_plain_run(s->p + i, n - i);
            s->start += run;
            j->elided |= (run != 0);

        } else {
            run = 0;
        }

        return i + run;

    default:
        return i;
    }
}


static int
wh_json_scan_text(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    char  c, prev;

    c = s->p[i];

    prev = j->prev;
    j->prev = c;

    if (c == '"') {
        j->lex = WH_JSON_LEX_STRING;
        wh_json_token(j, 0);
        j->quote = j->offset + i;
        return WH_OK;
    }

    /* for yajl these are white space */

    if (c == '\v' || c == '\f') {
        return wh_json_reject(j, s, i);
    }

    if (c == '-' && prev != 'e' && prev != 'E') {
        wh_json_token(j, 1);
        return WH_OK;
    }

    if (j->units < j->max_units) {
        j->units++;
        return WH_OK;
    }

    /* any digits but the first of several make no difference to grammar */

    if (wh_json_is_digit(c) && wh_json_is_digit(prev)) {
        return wh_json_drop(j, s, i);
    }

    return WH_OK;
}


static int
wh_json_scan_string(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    unsigned char  c;

    c = (unsigned char) s->p[i];

    if (c == '\\') {

        if (j->lex == WH_JSON_LEX_STRING) {
            s->esc = i;
        }

        j->lex = WH_JSON_LEX_ESCAPE;
        j->esc[j->esc_len++] = '\\';
        return WH_OK;
    }

    if (j->lex == WH_JSON_LEX_HIGH) {
        j->lex = WH_JSON_LEX_STRING;

        if (wh_json_escape(j, s, 6, 1, i) != WH_OK) {
            return j->rc;
        }
    }

    if (c == '"') {
        j->lex = WH_JSON_LEX_TEXT;
        wh_json_token(j, 0);
        return WH_OK;
    }

    if (c < 0x20) {
        return wh_json_reject(j, s, i);
    }

    if (j->units < j->max_units) {
        j->units++;
        return WH_OK;
    }

    return wh_json_drop(j, s, i);
}


static int
wh_json_scan_escape(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    char  c;

    c = s->p[i];

    switch (c) {

    case 'u':
        j->esc[j->esc_len++] = 'u';
        j->lex = WH_JSON_LEX_HEX;
        return WH_OK;

    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        j->esc[j->esc_len++] = c;
        j->lex = WH_JSON_LEX_STRING;

        /* a high surrogate may be before it */

        if (j->esc_len > 2 && wh_json_escape(j, s, 6, 1, i + 1) != WH_OK) {
            return j->rc;
        }

        return wh_json_escape(j, s, 2, 0, i + 1);

    default:
        return wh_json_reject(j, s, i);
    }
}


static int
wh_json_scan_hex(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    char      c;
    unsigned  v;

    c = s->p[i];

    if ((c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F')) {
        return wh_json_reject(j, s, i);
    }

    j->esc[j->esc_len++] = c;

    if (j->esc_len != 6 && j->esc_len != 12) {
        return WH_OK;
    }

    v = wh_json_hex(j->esc + j->esc_len - 4);

    j->lex = WH_JSON_LEX_STRING;

    if (j->esc_len == 12) {

        if (v >= 0xdc00 && v <= 0xdfff) {
            return wh_json_escape(j, s, 12, 0, i + 1);
        }

        if (wh_json_escape(j, s, 6, 1, i + 1) != WH_OK) {
            return j->rc;
        }
    }

    if (v >= 0xd800 && v <= 0xdbff) {
        j->lex = WH_JSON_LEX_HIGH;
        return WH_OK;
    }

    return wh_json_escape(j, s, 6, v >= 0xdc00 && v <= 0xdfff, i + 1);
}


/* withholds the octet at i from yajl */

static int
wh_json_drop(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    size_t  start;

    start = s->start;
    s->start = i + 1;

    if (start < i
        && wh_json_yajl(j, s->p + start, i - start, j->offset + start)
           != WH_OK)
    {
        return j->rc;
    }

    /* what is kept of a number has no gaps, so that errors have a place */

    if (j->lex == WH_JSON_LEX_TEXT && wh_json_flush(j) != WH_OK) {
        return j->rc;
    }

    /* not before yajl has reported all that was before this token */

    j->elided = 1;

    return WH_OK;
}


/*
 * The first len octets of esc[] are an escape, or a pair, or a surrogate that
 * lacks its pair.  "next" is where the piece goes on behind all of esc[].
 */

static int
wh_json_escape(wh_json_t *j, wh_json_piece_t *s, size_t len, int lone,
    size_t next)
{
    size_t  i;

    if (!lone && !j->held && j->units < j->max_units) {

        /* a usual escape, nothing has to be done to it */

        j->units += (len == 12) ? 4 : 1;
        j->esc_len = 0;
        return WH_OK;
    }

    if (!j->held) {
        j->held = 1;

        if (s->start < s->esc
            && wh_json_yajl(j, s->p + s->start, s->esc - s->start,
                            j->offset + s->start)
               != WH_OK)
        {
            return j->rc;
        }
    }

    s->start = next;

    if (j->units >= j->max_units) {
        j->elided = 1;

    } else {
        j->units += (len == 12) ? 4 : 1;

        if (wh_json_yajl(j, lone ? "?" : j->esc, lone ? 1 : len, j->offset)
            != WH_OK)
        {
            return j->rc;
        }
    }

    j->esc_len -= len;

    for (i = 0; i < j->esc_len; i++) {
        j->esc[i] = j->esc[len + i];
    }

    if (j->esc_len == 0) {
        j->held = 0;
    }

    return WH_OK;
}


/* the octet at i cannot be there, unless yajl finds an error before it */

static int
wh_json_reject(wh_json_t *j, wh_json_piece_t *s, size_t i)
{
    size_t  end;

    end = j->esc_len ? s->esc : i;

    if (!j->held && s->start < end
        && wh_json_yajl(j, s->p + s->start, end - s->start,
                        j->offset + s->start)
           != WH_OK)
    {
        return j->rc;
    }

    if (wh_json_flush(j) != WH_OK) {
        return j->rc;
    }

    return wh_json_fail(j, WH_ERROR, j->offset + i);
}


static unsigned
wh_json_hex(const char *p)
{
    char      c;
    size_t    i;
    unsigned  v;

    v = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];

        v <<= 4;

        if (c <= '9') {
            v += (unsigned) (c - '0');

        } else {
            v += (unsigned) ((c | 0x20) - 'a' + 10);
        }
    }

    return v;
}


static int
wh_json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}


/* what a string begins with, or a number has in it, or a text never has */

static int
wh_json_is_scanned(char c)
{
    return c == '"' || wh_json_is_digit(c) || c == '.' || c == '-'
           || c == '+' || c == 'e' || c == 'E' || c == '\v' || c == '\f';
}


static int
wh_json_fail(wh_json_t *j, int rc, uint64_t offset)
{
    j->rc = rc;

    if (rc != WH_NOMEM) {
        j->state = WH_JSON_INVALID;
        j->bad = offset;
    }

    return rc;
}


/* one may begin at the next octet, or has just begun */

static void
wh_json_token(wh_json_t *j, size_t units)
{
    j->units = units;
    j->given = 0;
}


/* now, or with what follows of a long token */

static int
wh_json_yajl(wh_json_t *j, const char *p, size_t n, uint64_t at)
{
    if (n == 0) {
        return WH_OK;
    }

    if (j->given < WH_JSON_LONG || j->units / 2 >= j->given) {

        if (wh_json_flush(j) != WH_OK) {
            return j->rc;
        }

        j->given = j->units;

        return wh_json_give(j, p, n, at);
    }

    if (j->late.len == 0) {
        j->late_at = at;
    }

    if (wh_buf_put(&j->late, p, n) != WH_OK) {
        return wh_json_fail(j, WH_NOMEM, 0);
    }

    return WH_OK;
}


static int
wh_json_flush(wh_json_t *j)
{
    size_t  n;

    n = j->late.len;
    j->late.len = 0;

    return n ? wh_json_give(j, j->late.data, n, j->late_at) : WH_OK;
}


static int
wh_json_give(wh_json_t *j, const char *p, size_t n, uint64_t at)
{
    j->at = at;

    if (wh_json_yajl_parse(j, p, n) == yajl_status_ok) {
        return WH_OK;
    }

    if (j->why == WH_NOMEM) {
        return wh_json_fail(j, WH_NOMEM, 0);
    }

    at += yajl_get_bytes_consumed(j->yajl);

    if (j->why) {
        return wh_json_fail(j, j->why, at);
    }

    return wh_json_fail(j, WH_ERROR, wh_json_yajl_moved(j) ? j->last : at);
}


static int
wh_json_yajl_create(wh_json_t *j)
{
    yajl_alloc_funcs  funcs;

    if (setjmp(j->nomem)) {
        return WH_NOMEM;
    }

    funcs.malloc = wh_json_yajl_malloc;
    funcs.realloc = wh_json_yajl_realloc;
    funcs.free = wh_json_yajl_free;
    funcs.ctx = j;

    j->yajl = yajl_alloc(&wh_json_callbacks, &funcs, j);

    /* its check is lax, and UTF-8 is checked already */

    (void) yajl_config(j->yajl, yajl_dont_validate_strings, 1);

    return WH_OK;
}


static yajl_status
wh_json_yajl_parse(wh_json_t *j, const char *p, size_t n)
{
    if (setjmp(j->nomem)) {
        wh_json_free_blocks(j);
        j->why = WH_NOMEM;
        return yajl_status_error;
    }

    return yajl_parse(j->yajl, (const unsigned char *) p, n);
}


static yajl_status
wh_json_yajl_finish(wh_json_t *j)
{
    if (setjmp(j->nomem)) {
        wh_json_free_blocks(j);
        j->why = WH_NOMEM;
        return yajl_status_error;
    }

    return yajl_complete_parse(j->yajl);
}


/*
 * In one of its states yajl moves the place of an error back, by as much as
 * the current piece allows; it can be told by the message only.
 */

static int
wh_json_yajl_moved(wh_json_t *j)
{
    int             moved;
    unsigned char  *text;

    if (setjmp(j->nomem)) {
        wh_json_free_blocks(j);
        return 0;
    }

    text = yajl_get_error(j->yajl, 0, NULL, 0);
    moved = (strstr((char *) text, "after key and value") != NULL);
    yajl_free_error(j->yajl, text);

    return moved;
}


static void *
wh_json_yajl_malloc(void *ctx, size_t size)
{
    wh_json_t        *j;
    wh_json_block_t  *b;

    j = ctx;
    b = NULL;

    if (size <= SIZE_MAX - sizeof(wh_json_block_t)) {
        b = j->mem.alloc(j->mem.ctx, size + sizeof(wh_json_block_t));
    }

    if (b == NULL) {
        longjmp(j->nomem, 1);
    }

    b->size = size;
    b->prev = NULL;
    b->next = j->blocks;

    if (b->next) {
        b->next->prev = b;
    }

    j->blocks = b;

    return b + 1;
}


static void *
wh_json_yajl_realloc(void *ctx, void *p, size_t size)
{
    void             *new;
    wh_json_block_t  *b;

    new = wh_json_yajl_malloc(ctx, size);

    if (p) {
        b = (wh_json_block_t *) p - 1;

        memcpy(new, p, b->size < size ? b->size : size);

        wh_json_yajl_free(ctx, p);
    }

    return new;
}


static void
wh_json_yajl_free(void *ctx, void *p)
{
    wh_json_t        *j;
    wh_json_block_t  *b;

    if (p == NULL) {
        return;
    }

    j = ctx;
    b = (wh_json_block_t *) p - 1;

    if (b->next) {
        b->next->prev = b->prev;
    }

    if (b->prev) {
        b->prev->next = b->next;

    } else {
        j->blocks = b->next;
    }

    j->mem.free(j->mem.ctx, b);
}


static void
wh_json_free_blocks(wh_json_t *j)
{
    wh_json_block_t  *b, *next;

    for (b = j->blocks; b; b = next) {
        next = b->next;
        j->mem.free(j->mem.ctx, b);
    }

    j->blocks = NULL;
    j->yajl = NULL;
}


static int
wh_json_null(void *ctx)
{
    return wh_json_scalar(ctx, WH_JSON_NULL, "null", 4);
}


static int
wh_json_boolean(void *ctx, int v)
{
    if (v) {
        return wh_json_scalar(ctx, WH_JSON_BOOL, "true", 4);
    }

    return wh_json_scalar(ctx, WH_JSON_BOOL, "false", 5);
}


static int
wh_json_number(void *ctx, const char *p, size_t n)
{
    return wh_json_scalar(ctx, WH_JSON_NUMBER, p, n);
}


static int
wh_json_string(void *ctx, const unsigned char *p, size_t n)
{
    return wh_json_scalar(ctx, WH_JSON_STRING, (const char *) p, n);
}


static int
wh_json_start_map(void *ctx)
{
    return wh_json_open(ctx, 0);
}


static int
wh_json_map_key(void *ctx, const unsigned char *p, size_t n)
{
    wh_json_t        *j;
    wh_json_slot_t   *slot;
    wh_json_frame_t  *f;

    j = ctx;
    f = &j->stack[j->depth - 1];

    if (f->comma) {
        wh_json_put_active(j, ",", 1, 0);
    }

    f->comma = 1;
    f->member = NULL;

    if (j->elided) {
        j->elided = 0;

        for (slot = j->active; slot; slot = slot->next) {
            wh_json_clear(j, slot, 1);
        }

        return j->why == WH_OK;
    }

    if (f->node) {
        f->member = wh_pointer_member(f->node, (const char *) p, n);
    }

    wh_json_put_active(j, (const char *) p, n, 1);
    wh_json_put_active(j, ":", 1, 0);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->name(j->visitor->ctx,
                                            (const char *) p, n));
    }

    return j->why == WH_OK;
}


static int
wh_json_end_map(void *ctx)
{
    return wh_json_close(ctx, "}");
}


static int
wh_json_start_array(void *ctx)
{
    return wh_json_open(ctx, 1);
}


static int
wh_json_end_array(void *ctx)
{
    return wh_json_close(ctx, "]");
}


/* a value begins: gives its node, all under which is void from now on */

static const wh_pointer_node_t *
wh_json_enter(wh_json_t *j)
{
    wh_json_frame_t          *f;
    const wh_pointer_node_t  *node;

    if (j->depth == 0) {
        node = j->set->root;

    } else {
        f = &j->stack[j->depth - 1];

        if (f->array) {

            if (f->comma) {
                wh_json_put_active(j, ",", 1, 0);
            }

            f->comma = 1;

            node = f->node ? wh_pointer_element(f->node, f->index) : NULL;
            f->index++;

        } else {
            node = f->member;
        }
    }

    if (node) {
        wh_json_reset(j, node);
    }

    return node;
}


static int
wh_json_scalar(wh_json_t *j, int kind, const char *p, size_t n)
{
    int                       quoted;
    unsigned                  elided;
    wh_json_slot_t           *slot;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *node;

    elided = j->elided;
    j->elided = 0;

    quoted = (kind == WH_JSON_STRING);

    node = wh_json_enter(j);

    if (elided) {
        for (slot = j->active; slot; slot = slot->next) {
            wh_json_clear(j, slot, 1);
        }

    } else {
        wh_json_put_active(j, p, n, quoted);
    }

    for (item = node ? node->items : NULL; item; item = item->next) {
        slot = &j->slots[item - j->set->items];

        if (elided) {
            wh_json_clear(j, slot, 1);
            continue;
        }

        if (item->raw) {
            wh_json_put(j, slot, p, n, quoted);
            wh_json_set(slot, WH_JSON_TEXT);
            continue;
        }

        switch (kind) {

        case WH_JSON_NULL:
            slot->value.kind = kind;
            break;

        case WH_JSON_BOOL:

            /* static text, it takes nothing */

            slot->value.kind = kind;
            slot->value.text.data = p;
            slot->value.text.len = n;
            break;

        default:
            wh_json_put(j, slot, p, n, 0);
            wh_json_set(slot, kind);
        }
    }

    wh_json_ended(j);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->value(j->visitor->ctx, kind, p, n));
    }

    return j->why == WH_OK;
}


static int
wh_json_open(wh_json_t *j, int array)
{
    wh_json_slot_t           *slot;
    wh_json_frame_t          *f;
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *node;

    if (j->depth == WH_JSON_MAX_DEPTH) {
        j->why = WH_LIMIT;
        return 0;
    }

    if (j->depth == j->nframes && wh_json_deeper(j) != WH_OK) {
        j->why = WH_NOMEM;
        return 0;
    }

    node = wh_json_enter(j);

    f = &j->stack[j->depth++];

    memset(f, 0, sizeof(wh_json_frame_t));

    f->node = node;
    f->array = array ? 1 : 0;

    for (item = node ? node->items : NULL; item; item = item->next) {
        slot = &j->slots[item - j->set->items];

        if (item->raw) {
            slot->level = j->depth;
            slot->next = j->active;
            j->active = slot;

        } else {
            slot->value.kind = array ? WH_JSON_ARRAY : WH_JSON_OBJECT;
        }
    }

    wh_json_put_active(j, array ? "[" : "{", 1, 0);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->open(j->visitor->ctx,
                                            array ? WH_JSON_ARRAY
                                                  : WH_JSON_OBJECT));
    }

    return j->why == WH_OK;
}


static int
wh_json_deeper(wh_json_t *j)
{
    wh_json_frame_t  *stack;

    stack = j->mem.alloc(j->mem.ctx, 2 * j->nframes * sizeof(wh_json_frame_t));
    if (stack == NULL) {
        return WH_NOMEM;
    }

    memcpy(stack, j->stack, j->nframes * sizeof(wh_json_frame_t));

    if (j->stack != j->frames) {
        j->mem.free(j->mem.ctx, j->stack);
    }

    j->stack = stack;
    j->nframes *= 2;

    return WH_OK;
}


static int
wh_json_close(wh_json_t *j, const char *p)
{
    wh_json_put_active(j, p, 1, 0);

    while (j->active && j->active->level == j->depth) {
        wh_json_set(j->active, WH_JSON_TEXT);
        j->active = j->active->next;
    }

    j->depth--;

    wh_json_ended(j);

    if (j->visitor) {
        wh_json_visited(j, j->visitor->close(j->visitor->ctx));
    }

    return j->why == WH_OK;
}


/* the first error counts */

static void
wh_json_visited(wh_json_t *j, int rc)
{
    if (j->why == WH_OK) {
        j->why = rc;
    }
}


static void
wh_json_ended(wh_json_t *j)
{
    j->last = j->at + yajl_get_bytes_consumed(j->yajl);

    if (j->depth == 0) {
        j->done = 1;
    }
}


/* what an earlier value of the same name gave is gone, at any depth */

static void
wh_json_reset(wh_json_t *j, const wh_pointer_node_t *node)
{
    wh_pointer_item_t        *item;
    const wh_pointer_node_t  *n;

    n = node;

    for ( ;; ) {

        for (item = n->items; item; item = item->next) {
            wh_json_clear(j, &j->slots[item - j->set->items], 0);
        }

        if (n->child) {
            n = n->child;
            continue;
        }

        while (n != node && n->next == NULL) {
            n = n->parent;
        }

        if (n == node) {
            return;
        }

        n = n->next;
    }
}


static void
wh_json_put_active(wh_json_t *j, const char *p, size_t n, int quoted)
{
    wh_json_slot_t  *slot;

    if (j->active == NULL) {
        return;
    }

    for (slot = j->active; slot; slot = slot->next) {
        wh_json_put(j, slot, p, n, quoted);
    }
}


static void
wh_json_put(wh_json_t *j, wh_json_slot_t *slot, const char *p, size_t n,
    int quoted)
{
    int        rc;
    size_t     len;
    wh_buf_t  *b;

    if (slot->value.truncated) {
        return;
    }

    b = &slot->buf;

    /* this one may take all that the others have left */

    len = b->len;
    b->max = len + (j->max_value - j->used);

    if (quoted) {
        rc = wh_put_json_quoted(b, p, n);

    } else if (n) {
        rc = wh_buf_put(b, p, n);

    } else {
        rc = WH_OK;
    }

    if (rc == WH_OK) {
        j->used += b->len - len;
        return;
    }

    b->len = len;

    wh_json_clear(j, slot, 1);

    if (rc == WH_NOMEM) {
        j->why = WH_NOMEM;
    }
}


static void
wh_json_set(wh_json_slot_t *slot, int kind)
{
    if (slot->value.truncated) {
        return;
    }

    slot->value.kind = kind;
    slot->value.text.len = slot->buf.len;

    if (slot->buf.len) {
        slot->value.text.data = slot->buf.data;
    }
}


static void
wh_json_clear(wh_json_t *j, wh_json_slot_t *slot, int truncated)
{
    j->used -= slot->buf.len;

    if (slot->buf.data) {
        j->mem.free(j->mem.ctx, slot->buf.data);
    }

    slot->buf.data = NULL;
    slot->buf.len = 0;
    slot->buf.size = 0;
    slot->buf.err = WH_OK;

    slot->value.kind = WH_JSON_NONE;
    slot->value.truncated = truncated;
    slot->value.text.data = "";
    slot->value.text.len = 0;
}


static void *
wh_json_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void       *new;
    wh_json_t  *j;

    j = ctx;

    new = j->mem.alloc(j->mem.ctx, size);

    if (new && old) {
        memcpy(new, old, old_size);
        j->mem.free(j->mem.ctx, old);
    }

    return new;
}
