
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_json_local.h"
#include "wh_word.h"


/* a piece of input: what is before "start" has been dealt with */

typedef struct {
    const char           *p;
    size_t                start;
    size_t                esc;           /* where esc[] starts, unless held */
} wh_json_piece_t;


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
static int wh_json_is_scanned(char c);
static void wh_json_token(wh_json_t *j, size_t units);


int
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


/* what a string begins with, or a number has in it, or a text never has */

static int
wh_json_is_scanned(char c)
{
    return c == '"' || wh_json_is_digit(c) || c == '.' || c == '-'
           || c == '+' || c == 'e' || c == 'E' || c == '\v' || c == '\f';
}


/* one may begin at the next octet, or has just begun */

static void
wh_json_token(wh_json_t *j, size_t units)
{
    j->units = units;
    j->given = 0;
}
