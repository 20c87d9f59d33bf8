
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_form.h"
#include "wh_word.h"


/* where a parser is: a name, a value, and what is not wanted of a pair */

#define WH_FORM_NAME       0
#define WH_FORM_VALUE      1
#define WH_FORM_SKIP       2

/* the same of WH_FORM_MULTIPART; the preamble is data that nobody wants */

#define WH_FORM_DATA       3
#define WH_FORM_BOUNDARY   4    /* after a boundary */
#define WH_FORM_DASH       5    /* after "-" behind it */
#define WH_FORM_CR         6    /* after CR behind it */
#define WH_FORM_PADDING    7    /* after white space behind it */
#define WH_FORM_PADDED_CR  8    /* after CR behind that */
#define WH_FORM_HEADER     9

#define WH_FORM_DONE       10   /* what follows does not matter */


#define WH_FORM_DELIMITER  (4 + WH_FORM_MAX_BOUNDARY)


typedef struct {
    wh_form_value_t   value;
    wh_buf_t          buf;
    size_t            same;         /* the first of equal names */
    int               seen;         /* other values do not count any more */
} wh_form_slot_t;


struct wh_form_s {
    const wh_str_t   *names;        /* [n] */
    wh_form_slot_t   *slots;        /* [n] */
    wh_form_slot_t   *slot;         /* of the current value, if wanted */
    size_t            n;
    size_t            left;         /* different names not seen yet */
    size_t            max_value;
    size_t            used;         /* octets in all slots */

    wh_alloc_t        mem;

    int               rc;           /* sticky result */
    int               phase;
    int               kind;
    int               finished;

    char             *name;         /* the current one, decoded */
    size_t            name_len;
    size_t            max_name;     /* of those looked for */

    size_t            esc_len;
    char              esc[3];       /* "%" and what followed it so far */

    size_t            matched;      /* octets of the delimiter seen */
    size_t            given;        /* of these, not seen as data */
    size_t            delim_len;
    char              delim[WH_FORM_DELIMITER];

    wh_buf_t          header;       /* of the current part */
    size_t            line;         /* start of the last line in it */
};


static void wh_form_pairs(wh_form_t *f, const char *p, size_t n);
static void wh_form_pair_octets(wh_form_t *f, const char *p, size_t n);
static void wh_form_pair_escape(wh_form_t *f, char c);
static void wh_form_pair_literal(wh_form_t *f);
static void wh_form_pair_value(wh_form_t *f);
static void wh_form_pair_next(wh_form_t *f);
static void wh_form_pair_end(wh_form_t *f);
static int wh_form_hex(char c);

static void wh_form_parts(wh_form_t *f, const char *p, size_t n);
static size_t wh_form_data(wh_form_t *f, const char *p, size_t n);
static void wh_form_no_delimiter(wh_form_t *f);
static size_t wh_form_delimiter(wh_form_t *f, char c);
static size_t wh_form_header(wh_form_t *f, const char *p, size_t n);
static void wh_form_part(wh_form_t *f);
static void wh_form_part_name(wh_form_t *f, wh_str_t name);

static wh_form_slot_t *wh_form_wanted(wh_form_t *f);
static int wh_form_name_add(wh_form_t *f, const char *p, size_t n);
static void wh_form_put(wh_form_t *f, const char *p, size_t n);
static void wh_form_set(wh_form_t *f);
static void wh_form_drop(wh_form_t *f);
static void *wh_form_grow(void *ctx, void *old, size_t old_size, size_t size);

static int wh_form_boundary_ok(wh_str_t boundary);
static wh_str_t wh_form_first(wh_str_t *in);
static int wh_form_parameter(wh_str_t *in, wh_str_t *name, wh_str_t *value);
static void wh_form_space(wh_str_t *in);
static wh_str_t wh_form_token(wh_str_t *in, int assign);
static void wh_form_skip(wh_str_t *in, size_t n);
static int wh_form_is(wh_str_t s, const char *lower);
static int wh_form_is_space(char c);


int
wh_form_type(wh_str_t content_type, int *kind, wh_str_t *boundary)
{
    wh_str_t  type, name, value;

    *kind = WH_FORM_OTHER;

    boundary->data = "";
    boundary->len = 0;

    type = wh_form_first(&content_type);

    if (wh_form_is(type, "application/x-www-form-urlencoded")) {
        *kind = WH_FORM_URLENCODED;
        return WH_OK;
    }

    if (!wh_form_is(type, "multipart/form-data")) {
        return WH_OK;
    }

    *kind = WH_FORM_MULTIPART;

    while (wh_form_parameter(&content_type, &name, &value) == WH_OK) {

        if (!wh_form_is(name, "boundary")) {
            continue;
        }

        if (!wh_form_boundary_ok(value)) {
            return WH_ERROR;
        }

        *boundary = value;

        return WH_OK;
    }

    return WH_ERROR;
}


wh_form_t *
wh_form_create(const wh_str_t *names, size_t n, int kind, wh_str_t boundary,
    size_t max_value, const wh_alloc_t *mem)
{
    size_t           i, k, max, size;
    wh_form_t       *f;
    wh_form_slot_t  *slot;

    if (kind == WH_FORM_MULTIPART) {
        if (!wh_form_boundary_ok(boundary)) {
            return NULL;
        }

    } else if (kind != WH_FORM_URLENCODED) {
        return NULL;
    }

    max = 0;

    for (i = 0; i < n; i++) {
        max = names[i].len > max ? names[i].len : max;
    }

    if (n > (SIZE_MAX - sizeof(wh_form_t)) / sizeof(wh_form_slot_t)) {
        return NULL;
    }

    size = sizeof(wh_form_t) + n * sizeof(wh_form_slot_t);

    if (max > SIZE_MAX - size) {
        return NULL;
    }

    f = mem->alloc(mem->ctx, size + max);
    if (f == NULL) {
        return NULL;
    }

    memset(f, 0, size);

    f->names = names;
    f->n = n;
    f->slots = (wh_form_slot_t *) (f + 1);
    f->name = (char *) f + size;
    f->max_name = max;
    f->max_value = max_value;
    f->mem = *mem;
    f->kind = kind;

    f->header.grow = wh_form_grow;
    f->header.ctx = f;
    f->header.max = WH_FORM_MAX_HEADER;

    for (i = 0; i < n; i++) {
        slot = &f->slots[i];

        slot->buf.grow = wh_form_grow;
        slot->buf.ctx = f;
        slot->value.text.data = "";

        for (k = 0; k < i; k++) {
            if (names[k].len == names[i].len
                && (names[i].len == 0
                    || memcmp(names[k].data, names[i].data, names[i].len)
                       == 0))
            {
                break;
            }
        }

        slot->same = k;

        if (k == i) {
            f->left++;
        }
    }

    if (kind == WH_FORM_URLENCODED) {
        wh_form_pair_next(f);
        return f;
    }

    memcpy(f->delim, "\r\n--", 4);
    memcpy(f->delim + 4, boundary.data, boundary.len);

    f->delim_len = 4 + boundary.len;

    f->phase = WH_FORM_DATA;
    f->matched = 2;
    f->given = 2;

    return f;
}


void
wh_form_destroy(wh_form_t *f)
{
    size_t  i;

    if (f == NULL) {
        return;
    }

    for (i = 0; i < f->n; i++) {
        if (f->slots[i].buf.data) {
            f->mem.free(f->mem.ctx, f->slots[i].buf.data);
        }
    }

    if (f->header.data) {
        f->mem.free(f->mem.ctx, f->header.data);
    }

    f->mem.free(f->mem.ctx, f);
}


int
wh_form_feed(wh_form_t *f, const char *p, size_t n)
{
    if (f->rc != WH_OK) {
        return f->rc;
    }

    if (f->finished) {
        return WH_ERROR;
    }

    if (f->kind == WH_FORM_URLENCODED) {
        wh_form_pairs(f, p, n);

    } else {
        wh_form_parts(f, p, n);
    }

    return f->rc;
}


int
wh_form_finish(wh_form_t *f)
{
    if (f->rc != WH_OK || f->finished) {
        return f->rc;
    }

    f->finished = 1;

    if (f->kind == WH_FORM_URLENCODED) {
        wh_form_pair_end(f);

    } else if (f->phase != WH_FORM_DONE) {
        f->rc = WH_AGAIN;
    }

    return f->rc;
}


const wh_form_value_t *
wh_form_value(const wh_form_t *f, size_t i)
{
    return &f->slots[f->slots[i].same].value;
}


static void
wh_form_pairs(wh_form_t *f, const char *p, size_t n)
{
    char         c;
    size_t       i, run;
    uint64_t     mask;
    const char  *end;

    i = 0;

    while (i < n && f->rc == WH_OK && f->phase != WH_FORM_DONE) {

        if (f->phase == WH_FORM_SKIP) {
            end = memchr(p + i, '&', n - i);
            if (end == NULL) {
                return;
            }

            i = (size_t) (end - p) + 1;
            wh_form_pair_next(f);
            continue;
        }

        if (f->esc_len) {

            if (wh_form_hex(p[i]) >= 0) {
                wh_form_pair_escape(f, p[i++]);

            } else {
                wh_form_pair_literal(f);
            }

            continue;
        }

        for (run = i; run < n; run += WH_WORD) {
            mask = wh_word_form(wh_word_next(p + run, n - run));

            if (mask) {
                run += wh_word_first(mask);
                break;
            }
        }

        run = run < n ? run : n;

        if (run > i) {
            wh_form_pair_octets(f, p + i, run - i);
            i = run;
            continue;
        }

        c = p[i++];

        if (c == '&') {
            wh_form_pair_end(f);

        } else if (c == '+') {
            wh_form_pair_octets(f, " ", 1);

        } else if (c == '%') {
            f->esc[0] = c;
            f->esc_len = 1;

        } else if (f->phase == WH_FORM_NAME) {
            wh_form_pair_value(f);

        } else {
            wh_form_pair_octets(f, "=", 1);
        }
    }
}


/* decoded octets of a name or a value */

static void
wh_form_pair_octets(wh_form_t *f, const char *p, size_t n)
{
    if (f->phase == WH_FORM_VALUE) {
        wh_form_put(f, p, n);

        if (f->slot == NULL) {
            f->phase = WH_FORM_SKIP;
        }

    } else if (f->phase == WH_FORM_NAME && !wh_form_name_add(f, p, n)) {
        f->phase = WH_FORM_SKIP;
    }
}


static void
wh_form_pair_escape(wh_form_t *f, char c)
{
    char  octet;

    f->esc[f->esc_len++] = c;

    if (f->esc_len < 3) {
        return;
    }

    octet = (char) (wh_form_hex(f->esc[1]) << 4 | wh_form_hex(f->esc[2]));

    f->esc_len = 0;

    wh_form_pair_octets(f, &octet, 1);
}


/* what looked like an escape is none */

static void
wh_form_pair_literal(wh_form_t *f)
{
    size_t  n;

    n = f->esc_len;
    f->esc_len = 0;

    wh_form_pair_octets(f, f->esc, n);
}


static void
wh_form_pair_value(wh_form_t *f)
{
    f->slot = wh_form_wanted(f);
    f->phase = f->slot ? WH_FORM_VALUE : WH_FORM_SKIP;
}


static void
wh_form_pair_next(wh_form_t *f)
{
    f->name_len = 0;
    f->phase = f->left ? WH_FORM_NAME : WH_FORM_DONE;
}


/* at "&", or where there is no more */

static void
wh_form_pair_end(wh_form_t *f)
{
    wh_form_pair_literal(f);

    /* nothing between two "&" is no pair */

    if (f->phase == WH_FORM_NAME && f->name_len) {
        wh_form_pair_value(f);
    }

    if (f->slot) {
        wh_form_set(f);
    }

    wh_form_pair_next(f);
}


static int
wh_form_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }

    return -1;
}


static void
wh_form_parts(wh_form_t *f, const char *p, size_t n)
{
    size_t  i;

    i = 0;

    while (i < n && f->rc == WH_OK) {

        switch (f->phase) {

        case WH_FORM_DATA:
            i += wh_form_data(f, p + i, n - i);
            break;

        case WH_FORM_HEADER:
            i += wh_form_header(f, p + i, n - i);
            break;

        case WH_FORM_DONE:
            return;

        default:
            i += wh_form_delimiter(f, p[i]);
        }
    }
}


/*
 * Takes data up to a boundary, or the start of one.  CR is nowhere in a
 * delimiter but at its start: where one does not go on, the next may start
 * only at the octet that is wrong.
 */

static size_t
wh_form_data(wh_form_t *f, const char *p, size_t n)
{
    size_t       i, len;
    const char  *cr;

    if (f->matched) {
        len = f->delim_len - f->matched;
        len = len < n ? len : n;

        for (i = 0; i < len && p[i] == f->delim[f->matched]; i++) {
            f->matched++;
        }

        if (f->matched == f->delim_len) {
            f->phase = WH_FORM_BOUNDARY;

        } else if (i < len) {
            wh_form_no_delimiter(f);
        }

        return i;
    }

    for (i = 0; i < n; i++) {
        cr = memchr(p + i, '\r', n - i);
        if (cr == NULL) {
            break;
        }

        i = (size_t) (cr - p);

        len = n - i < f->delim_len ? n - i : f->delim_len;

        if (memcmp(cr, f->delim, len) != 0) {
            continue;
        }

        wh_form_put(f, p, i);

        f->matched = len;

        if (len == f->delim_len) {
            f->phase = WH_FORM_BOUNDARY;
        }

        return i + len;
    }

    wh_form_put(f, p, n);

    return n;
}


/* what looked like a delimiter is data */

static void
wh_form_no_delimiter(wh_form_t *f)
{
    wh_form_put(f, f->delim + f->given, f->matched - f->given);

    f->phase = WH_FORM_DATA;
    f->matched = 0;
    f->given = 0;
}


/* the octets behind a boundary; 0 if c is to be looked at again, as data */

static size_t
wh_form_delimiter(wh_form_t *f, char c)
{
    switch (f->phase) {

    case WH_FORM_BOUNDARY:

        if (c == '\r') {
            f->phase = WH_FORM_CR;
            return 1;
        }

        if (c == '-') {
            f->phase = WH_FORM_DASH;
            return 1;
        }

        if (c == ' ' || c == '\t') {
            f->phase = WH_FORM_PADDING;
            return 1;
        }

        wh_form_no_delimiter(f);
        return 0;

    case WH_FORM_DASH:

        if (c != '-') {
            wh_form_no_delimiter(f);
            wh_form_put(f, "-", 1);
            return 0;
        }

        if (f->slot) {
            wh_form_set(f);
        }

        f->phase = WH_FORM_DONE;
        return 1;

    case WH_FORM_CR:

        if (c != '\n') {
            wh_form_no_delimiter(f);
            f->matched = 1;
            return 0;
        }

        break;

    case WH_FORM_PADDING:

        if (c == '\r') {
            f->phase = WH_FORM_PADDED_CR;

        } else if (c != ' ' && c != '\t') {
            f->rc = WH_ERROR;
        }

        return 1;

    default: /* WH_FORM_PADDED_CR */

        if (c != '\n') {
            f->rc = WH_ERROR;
            return 1;
        }
    }

    if (f->slot) {
        wh_form_set(f);
    }

    f->header.len = 0;
    f->line = 0;

    f->phase = WH_FORM_HEADER;

    return 1;
}


static size_t
wh_form_header(wh_form_t *f, const char *p, size_t n)
{
    int          rc;
    size_t       len;
    wh_buf_t    *b;
    const char  *lf, *line;

    lf = memchr(p, '\n', n);

    if (lf) {
        n = (size_t) (lf - p) + 1;
    }

    b = &f->header;

    rc = wh_buf_put(b, p, n);

    if (rc != WH_OK) {
        f->rc = rc;
        return n;
    }

    if (lf == NULL || b->len < 2 || b->data[b->len - 2] != '\r') {
        return n;
    }

    line = b->data + f->line;
    len = b->len - f->line;

    f->line = b->len;

    if (len == 2) {
        wh_form_part(f);

        /* the empty line may be the CRLF of the delimiter */

        f->phase = WH_FORM_DATA;
        f->matched = 2;
        f->given = 2;

        return n;
    }

    /* else the next part's headers would pass as this one's */

    if (len > f->delim_len - 2
        && memcmp(line, f->delim + 2, f->delim_len - 2) == 0)
    {
        f->rc = WH_ERROR;
    }

    return n;
}


/* all headers of a part are there */

static void
wh_form_part(wh_form_t *f)
{
    size_t       i, start;
    wh_str_t     in, name, value;
    const char  *p;

    p = f->header.data;

    for (start = 0; start < f->header.len; start = i) {

        /* a field goes on in lines that start with white space */

        for (i = start + 2; i < f->header.len; i++) {
            if (p[i - 2] == '\r' && p[i - 1] == '\n'
                && p[i] != ' ' && p[i] != '\t')
            {
                break;
            }
        }

        in.data = p + start;
        in.len = i - start;

        name.data = in.data;
        name.len = sizeof("content-disposition:") - 1;

        if (in.len < name.len || !wh_form_is(name, "content-disposition:")) {
            continue;
        }

        wh_form_skip(&in, name.len);

        if (!wh_form_is(wh_form_first(&in), "form-data")) {
            return;
        }

        while (wh_form_parameter(&in, &name, &value) == WH_OK) {

            if (wh_form_is(name, "name")) {
                wh_form_part_name(f, value);
                return;
            }
        }

        return;
    }
}


static void
wh_form_part_name(wh_form_t *f, wh_str_t name)
{
    char    c;
    size_t  i, n;

    f->name_len = 0;

    for (i = 0; i < name.len; i += n) {
        c = name.data[i];
        n = 1;

        if (c == '\\' && name.len - i > 1
            && (name.data[i + 1] == '"' || name.data[i + 1] == '\\'))
        {
            c = name.data[i + 1];
            n = 2;

        } else if (c == '%' && name.len - i > 2) {

            if (memcmp(&name.data[i], "%22", 3) == 0) {
                c = '"';
                n = 3;

            } else if (memcmp(&name.data[i], "%0D", 3) == 0) {
                c = '\r';
                n = 3;

            } else if (memcmp(&name.data[i], "%0A", 3) == 0) {
                c = '\n';
                n = 3;
            }
        }

        if (!wh_form_name_add(f, &c, 1)) {
            return;
        }
    }

    f->slot = wh_form_wanted(f);
}


/* the slot of the current name, if a value for it is wanted still */

static wh_form_slot_t *
wh_form_wanted(wh_form_t *f)
{
    size_t           i;
    wh_form_slot_t  *slot;

    for (i = 0; i < f->n; i++) {
        slot = &f->slots[i];

        if (slot->seen || slot->same != i
            || f->names[i].len != f->name_len
            || (f->name_len
                && memcmp(f->names[i].data, f->name, f->name_len) != 0))
        {
            continue;
        }

        slot->seen = 1;
        f->left--;

        return slot;
    }

    return NULL;
}


/* 0 if the current name is longer than any one looked for */

static int
wh_form_name_add(wh_form_t *f, const char *p, size_t n)
{
    if (n > f->max_name - f->name_len) {
        return 0;
    }

    if (n) {
        memcpy(f->name + f->name_len, p, n);
        f->name_len += n;
    }

    return 1;
}


static void
wh_form_put(wh_form_t *f, const char *p, size_t n)
{
    int        rc;
    wh_buf_t  *b;

    if (f->slot == NULL) {
        return;
    }

    b = &f->slot->buf;

    /* this one may take all that the others have left */

    b->max = b->len + (f->max_value - f->used);

    rc = wh_buf_put(b, p, n);

    if (rc == WH_OK) {
        f->used += n;
        return;
    }

    wh_form_drop(f);

    if (rc == WH_NOMEM) {
        f->rc = WH_NOMEM;
    }
}


/* the current value has ended */

static void
wh_form_set(wh_form_t *f)
{
    wh_form_slot_t  *slot;

    slot = f->slot;

    slot->value.found = 1;
    slot->value.text.len = slot->buf.len;

    if (slot->buf.len) {
        slot->value.text.data = slot->buf.data;
    }

    f->slot = NULL;
}


/* the current value is not to be had */

static void
wh_form_drop(wh_form_t *f)
{
    wh_form_slot_t  *slot;

    slot = f->slot;

    f->used -= slot->buf.len;

    if (slot->buf.data) {
        f->mem.free(f->mem.ctx, slot->buf.data);
    }

    slot->buf.data = NULL;
    slot->buf.len = 0;
    slot->buf.size = 0;

    slot->value.truncated = 1;

    f->slot = NULL;
}


static void *
wh_form_grow(void *ctx, void *old, size_t old_size, size_t size)
{
    void       *new;
    wh_form_t  *f;

    f = ctx;

    new = f->mem.alloc(f->mem.ctx, size);

    if (new && old) {
        memcpy(new, old, old_size);
        f->mem.free(f->mem.ctx, old);
    }

    return new;
}


static int
wh_form_boundary_ok(wh_str_t boundary)
{
    char    c;
    size_t  i;

    if (boundary.len == 0 || boundary.len > WH_FORM_MAX_BOUNDARY
        || boundary.data[boundary.len - 1] == ' ')
    {
        return 0;
    }

    for (i = 0; i < boundary.len; i++) {
        c = boundary.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != '\0' && strchr("'()+_,-./:=? ", c)))
        {
            continue;
        }

        return 0;
    }

    return 1;
}


/* what is before the parameters of a header's value, without white space */

static wh_str_t
wh_form_first(wh_str_t *in)
{
    wh_str_t  first;

    wh_form_space(in);

    first = wh_form_token(in, 0);

    wh_form_space(in);

    if (in->len && in->data[0] != ';') {
        first.len = 0;
    }

    return first;
}


/*
 * Takes the next parameter off a header's value, a quoted one without its
 * quotes, but with the backslashes.  WH_AGAIN if there is none.
 */

static int
wh_form_parameter(wh_str_t *in, wh_str_t *name, wh_str_t *value)
{
    size_t       i;
    const char  *p;

    for ( ;; ) {
        p = in->len ? memchr(in->data, ';', in->len) : NULL;
        if (p == NULL) {
            return WH_AGAIN;
        }

        wh_form_skip(in, (size_t) (p - in->data) + 1);
        wh_form_space(in);

        *name = wh_form_token(in, 1);

        wh_form_space(in);

        if (in->len && in->data[0] == '=') {
            break;
        }
    }

    wh_form_skip(in, 1);
    wh_form_space(in);

    if (in->len == 0 || in->data[0] != '"') {
        *value = wh_form_token(in, 0);
        return WH_OK;
    }

    wh_form_skip(in, 1);

    p = in->data;

    for (i = 0; i < in->len && p[i] != '"'; i++) {
        if (p[i] == '\\' && in->len - i > 1
            && (p[i + 1] == '"' || p[i + 1] == '\\'))
        {
            i++;
        }
    }

    if (i == in->len) {
        return WH_AGAIN;
    }

    value->data = p;
    value->len = i;

    wh_form_skip(in, i + 1);

    return WH_OK;
}


/* line ends as well, which are in a folded header */

static void
wh_form_space(wh_str_t *in)
{
    while (in->len && wh_form_is_space(in->data[0])) {
        wh_form_skip(in, 1);
    }
}


static wh_str_t
wh_form_token(wh_str_t *in, int assign)
{
    size_t    i;
    wh_str_t  token;

    token = *in;

    for (i = 0; i < in->len; i++) {
        if (in->data[i] == ';' || wh_form_is_space(in->data[i])
            || (assign && in->data[i] == '='))
        {
            break;
        }
    }

    token.len = i;

    wh_form_skip(in, i);

    return token;
}


static void
wh_form_skip(wh_str_t *in, size_t n)
{
    if (n) {
        in->data += n;
        in->len -= n;
    }
}


static int
wh_form_is(wh_str_t s, const char *lower)
{
    char    c;
    size_t  i;

    if (s.len != strlen(lower)) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char) (c - 'A' + 'a');
        }

        if (c != lower[i]) {
            return 0;
        }
    }

    return 1;
}


static int
wh_form_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}
