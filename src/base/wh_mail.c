
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_mail.h"
#include "wh_escape.h"
#include "wh_utf8.h"


#define WH_MAIL_ADDRESS  254     /* octets, RFC 5321 */
#define WH_MAIL_LOCAL    64
#define WH_MAIL_LABEL    63
#define WH_MAIL_LINE     998     /* without its end */
#define WH_MAIL_QP       76      /* likewise, quoted-printable */
#define WH_MAIL_WORD     39      /* octets of text in an encoded word */
#define WH_MAIL_SUBJECT  512     /* octets of a subject */


typedef enum {
    WH_MAIL_7BIT = 0,
    WH_MAIL_8BIT,
    WH_MAIL_QUOTED
} wh_mail_encoding_e;


static int wh_mail_atom(char c);
static void wh_mail_date(uint64_t ms, wh_buf_t *out);
static void wh_mail_two(wh_buf_t *out, uint64_t v);
static void wh_mail_subject(wh_str_t s, wh_buf_t *out);
static void wh_mail_word(const char *word, size_t len, wh_buf_t *out);
static size_t wh_mail_char(const char *p, size_t n, char *to, size_t *size);
static wh_mail_encoding_e wh_mail_encoding(const wh_mail_t *m);
static void wh_mail_text(wh_str_t text, wh_buf_t *out);
static void wh_mail_quoted(wh_str_t text, wh_buf_t *out);


static const char *const  wh_mail_days[] = {
    "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"
};


static const char *const  wh_mail_months[] = {
    "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    "Jan", "Feb"
};


static const char *const  wh_mail_encodings[] = {
    "7bit", "8bit", "quoted-printable"
};


static int
wh_mail_atom(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9'))
    {
        return 1;
    }

    return c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}


int
wh_mail_address_ok(const char *p, size_t n)
{
    size_t  i, start;

    if (n > WH_MAIL_ADDRESS) {
        return 0;
    }

    start = 0;

    for (i = 0; i < n && p[i] != '@'; i++) {

        if (p[i] == '.') {

            if (i == start) {
                return 0;
            }

            start = i + 1;
            continue;
        }

        if (!wh_mail_atom(p[i])) {
            return 0;
        }
    }

    if (i == n || i == start || i > WH_MAIL_LOCAL) {
        return 0;
    }

    return wh_mail_host_ok(p + i + 1, n - i - 1);
}


int
wh_mail_host_ok(const char *p, size_t n)
{
    char    c;
    size_t  i, start;

    if (n == 0 || n > WH_MAIL_ADDRESS) {
        return 0;
    }

    if (p[0] == '[') {

        for (i = 1; i < n - 1; i++) {
            c = p[i];

            if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
                && (c < '0' || c > '9') && c != '.' && c != ':')
            {
                return 0;
            }
        }

        return n > 2 && p[n - 1] == ']';
    }

    start = 0;

    for (i = 0; i <= n; i++) {
        c = (i < n) ? p[i] : '.';

        if (c == '.') {

            if (i == start || i - start > WH_MAIL_LABEL
                || p[start] == '-' || p[i - 1] == '-')
            {
                return 0;
            }

            start = i + 1;
            continue;
        }

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
            && (c < '0' || c > '9') && c != '-' && c != '_')
        {
            return 0;
        }
    }

    return 1;
}


int
wh_mail_utf8(const wh_mail_t *m)
{
    size_t  i;

    for (i = 0; i < m->text.len; i++) {
        if ((unsigned char) m->text.data[i] >= 0x80) {
            return 1;
        }
    }

    return 0;
}


int
wh_mail_put(const wh_mail_t *m, wh_buf_t *out)
{
    wh_mail_encoding_e  encoding;

    encoding = wh_mail_encoding(m);

    (void) wh_buf_put_literal(out, "Date: ");
    wh_mail_date(m->time, out);

    (void) wh_buf_put_literal(out, "\r\nMessage-ID: <");
    (void) wh_buf_put(out, m->id.data, m->id.len);
    (void) wh_buf_putc(out, '@');
    (void) wh_buf_put(out, m->host.data, m->host.len);

    (void) wh_buf_put_literal(out, ">\r\nFrom: <");
    (void) wh_buf_put(out, m->from.data, m->from.len);

    (void) wh_buf_put_literal(out, ">\r\nTo: <");
    (void) wh_buf_put(out, m->to.data, m->to.len);

    (void) wh_buf_put_literal(out, ">\r\nSubject:");
    wh_mail_subject(m->subject, out);

    (void) wh_buf_put_literal(out, "\r\nAuto-Submitted: auto-generated"
                                   "\r\nX-Webhook-Event: ");
    (void) wh_buf_put(out, m->event.data, m->event.len);

    (void) wh_buf_put_literal(out, "\r\nMIME-Version: 1.0"
                                   "\r\nContent-Type: text/plain; "
                                   "charset=utf-8"
                                   "\r\nContent-Transfer-Encoding: ");
    (void) wh_buf_put(out, wh_mail_encodings[encoding],
                      strlen(wh_mail_encodings[encoding]));
    (void) wh_buf_put_literal(out, "\r\n\r\n");

    if (encoding == WH_MAIL_QUOTED) {
        wh_mail_quoted(m->text, out);

    } else {
        wh_mail_text(m->text, out);
    }

    return wh_buf_put_literal(out, ".\r\n");
}


/* "Thu, 1 Jan 1970 00:00:00 +0000" */

static void
wh_mail_date(uint64_t ms, wh_buf_t *out)
{
    uint64_t     day, sec, doe, yoe, doy, mp, year;
    const char  *name;

    /* until the year 9999, which has four digits */

    sec = ms / 1000 < 253402300799 ? ms / 1000 : 253402300799;
    day = sec / 86400;
    sec %= 86400;

    name = wh_mail_days[day % 7];

    (void) wh_buf_put(out, name, 3);
    (void) wh_buf_put_literal(out, ", ");

    /* see wh_time_iso() */

    day += 719468;
    doe = day % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    year = yoe + day / 146097 * 400 + (mp >= 10 ? 1 : 0);

    (void) wh_buf_put_number(out, doy - (153 * mp + 2) / 5 + 1);
    (void) wh_buf_putc(out, ' ');
    (void) wh_buf_put(out, wh_mail_months[mp], 3);
    (void) wh_buf_putc(out, ' ');
    (void) wh_buf_put_number(out, year);
    (void) wh_buf_putc(out, ' ');

    wh_mail_two(out, sec / 3600);
    (void) wh_buf_putc(out, ':');
    wh_mail_two(out, sec / 60 % 60);
    (void) wh_buf_putc(out, ':');
    wh_mail_two(out, sec % 60);

    (void) wh_buf_put_literal(out, " +0000");
}


static void
wh_mail_two(wh_buf_t *out, uint64_t v)
{
    if (v < 10) {
        (void) wh_buf_putc(out, '0');
    }

    (void) wh_buf_put_number(out, v);
}


/* as it is if it is short and plain; else in encoded words (RFC 2047) */

static void
wh_mail_subject(wh_str_t s, wh_buf_t *out)
{
    char    word[WH_MAIL_WORD + 4];
    size_t  i, n, len, size, used;

    n = s.len < WH_MAIL_SUBJECT ? s.len : WH_MAIL_SUBJECT;

    for (i = 0; i < n; i++) {

        if (s.data[i] < ' ' || s.data[i] > '~') {
            break;
        }

        /* nobody may write an encoded word but us */

        if (s.data[i] == '=' && i + 1 < n && s.data[i + 1] == '?') {
            break;
        }
    }

    if (i == n && n < WH_MAIL_QP - sizeof("Subject: ")) {
        (void) wh_buf_putc(out, ' ');
        (void) wh_buf_put(out, s.data, n);
        return;
    }

    len = 0;

    for (i = 0; i < n; i += used) {

        /* a character is not split between words */

        used = wh_mail_char(s.data + i, s.len - i, word + len, &size);

        if (len + size > WH_MAIL_WORD) {
            wh_mail_word(word, len, out);
            (void) wh_buf_put_literal(out, "\r\n");

            memmove(word, word + len, size);
            len = 0;
        }

        len += size;
    }

    wh_mail_word(word, len, out);
}


static void
wh_mail_word(const char *word, size_t len, wh_buf_t *out)
{
    (void) wh_buf_put_literal(out, " =?utf-8?B?");
    (void) wh_put_base64(out, word, len);
    (void) wh_buf_put_literal(out, "?=");
}


/* one character, or what stands for it: octets read, *size of them written */

static size_t
wh_mail_char(const char *p, size_t n, char *to, size_t *size)
{
    int     ok;
    size_t  used;

    used = wh_utf8_next(p, n, &ok);

    if (!ok) {
        memcpy(to, "\xef\xbf\xbd", 3);
        *size = 3;
        return used;
    }

    if (used == 1 && (p[0] < ' ' || p[0] == 0x7f)) {
        to[0] = ' ';
        *size = 1;
        return 1;
    }

    memcpy(to, p, used);
    *size = used;

    return used;
}


static wh_mail_encoding_e
wh_mail_encoding(const wh_mail_t *m)
{
    size_t         i, start;
    unsigned char  c;

    start = 0;

    for (i = 0; i < m->text.len; i++) {
        c = (unsigned char) m->text.data[i];

        if (c == '\n') {
            start = i + 1;
            continue;
        }

        /* there may be a dot more */

        if (i - start >= WH_MAIL_LINE - 1 || c < ' ' || c == 0x7f) {
            return WH_MAIL_QUOTED;
        }
    }

    if (!wh_mail_utf8(m)) {
        return WH_MAIL_7BIT;
    }

    return m->allow_8bit ? WH_MAIL_8BIT : WH_MAIL_QUOTED;
}


static void
wh_mail_text(wh_str_t text, wh_buf_t *out)
{
    size_t  i, start;

    for (i = 0; i < text.len; i++) {

        start = i;

        while (i < text.len && text.data[i] != '\n') {
            i++;
        }

        if (text.data[start] == '.') {
            (void) wh_buf_putc(out, '.');
        }

        (void) wh_buf_put(out, text.data + start, i - start);
        (void) wh_buf_put_literal(out, "\r\n");
    }
}


/* RFC 2045, section 6.7; dots are quoted where they are first in a line */

static void
wh_mail_quoted(wh_str_t text, wh_buf_t *out)
{
    char           quoted[3];
    size_t         i, column;
    unsigned char  c;

    static const char  hex[] = "0123456789ABCDEF";

    column = 0;

    for (i = 0; i < text.len; i++) {
        c = (unsigned char) text.data[i];

        if (c == '\n') {
            (void) wh_buf_put_literal(out, "\r\n");
            column = 0;
            continue;
        }

        /* room for what is quoted, and the "=" of a soft end */

        if (column > WH_MAIL_QP - 4) {
            (void) wh_buf_put_literal(out, "=\r\n");
            column = 0;
        }

        if (c > ' ' && c <= '~' && c != '=' && (c != '.' || column)) {
            (void) wh_buf_putc(out, (char) c);
            column++;
            continue;
        }

        /* a space is fine, unless it is the last of its line */

        if (c == ' ' && i + 1 < text.len && text.data[i + 1] != '\n') {
            (void) wh_buf_putc(out, ' ');
            column++;
            continue;
        }

        quoted[0] = '=';
        quoted[1] = hex[c >> 4];
        quoted[2] = hex[c & 15];

        (void) wh_buf_put(out, quoted, 3);
        column += 3;
    }

    if (column) {
        (void) wh_buf_put_literal(out, "\r\n");
    }
}
