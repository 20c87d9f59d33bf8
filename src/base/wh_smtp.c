
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_smtp.h"
#include "wh_escape.h"


typedef enum {
    WH_SMTP_GREETING = 0,
    WH_SMTP_EHLO,
    WH_SMTP_HELO,
    WH_SMTP_STARTTLS,
    WH_SMTP_HANDSHAKE,
    WH_SMTP_PLAIN,
    WH_SMTP_LOGIN,
    WH_SMTP_USER,
    WH_SMTP_PASSWORD,
    WH_SMTP_MAIL,
    WH_SMTP_RCPT,
    WH_SMTP_DATA,
    WH_SMTP_BODY,
    WH_SMTP_QUIT
} wh_smtp_state_e;


static const char *const  wh_smtp_steps[] = {
    "waiting for the greeting",
    "EHLO",
    "HELO",
    "STARTTLS",
    "the TLS handshake",
    "AUTH PLAIN",
    "AUTH LOGIN",
    "AUTH LOGIN, user",
    "AUTH LOGIN, password",
    "MAIL FROM",
    "RCPT TO",
    "DATA",
    "the message",
    "QUIT"
};


static int wh_smtp_line(wh_smtp_reply_t *r);
static void wh_smtp_offer(wh_smtp_t *s);
static int wh_smtp_word(const char *p, size_t n, const char *word);
static wh_smtp_next_e wh_smtp_answered(wh_smtp_t *s, size_t left,
    wh_buf_t *out);
static wh_smtp_next_e wh_smtp_greeted(wh_smtp_t *s, wh_buf_t *out);
static wh_smtp_next_e wh_smtp_auth(wh_smtp_t *s, wh_buf_t *out);
static wh_smtp_next_e wh_smtp_say(wh_smtp_t *s, wh_smtp_state_e state,
    wh_buf_t *out);
static void wh_smtp_plain(const wh_smtp_t *s, wh_buf_t *out);
static wh_smtp_next_e wh_smtp_failed(wh_smtp_t *s, wh_smtp_why_e why);


int
wh_smtp_read(wh_smtp_reply_t *r, const char *p, size_t n, size_t *used)
{
    char    c;
    size_t  i;

    if (r->whole) {
        r->whole = 0;
        r->len = 0;

        if (r->last) {
            r->last = 0;
            r->code = 0;
            r->total = 0;
        }
    }

    for (i = 0; i < n; i++) {
        c = p[i];

        if (r->total++ == WH_SMTP_REPLY) {
            return WH_ERROR;
        }

        if (c == '\n') {
            *used = i + 1;
            return wh_smtp_line(r);
        }

        if (r->len == WH_SMTP_LINE) {
            return WH_ERROR;
        }

        r->line[r->len++] = c;
    }

    *used = n;

    return WH_AGAIN;
}


/* "250-text", or "250 text" or "250" of the last one */

static int
wh_smtp_line(wh_smtp_reply_t *r)
{
    char      c;
    size_t    i;
    unsigned  code;

    if (r->len && r->line[r->len - 1] == '\r') {
        r->len--;
    }

    if (r->len < 3) {
        return WH_ERROR;
    }

    code = 0;

    for (i = 0; i < 3; i++) {
        c = r->line[i];

        if (c < '0' || c > '9') {
            return WH_ERROR;
        }

        code = code * 10 + (unsigned) (c - '0');
    }

    if (code < 200 || code > 599 || (r->code && r->code != code)) {
        return WH_ERROR;
    }

    if (r->len > 3 && r->line[3] != ' ' && r->line[3] != '-') {
        return WH_ERROR;
    }

    r->code = code;
    r->ntext = 0;

    for (i = 4; i < r->len && r->ntext < WH_SMTP_TEXT; i++) {
        c = r->line[i];
        r->text[r->ntext++] = (c >= ' ' && c <= '~' && c != '"') ? c : '?';
    }

    r->whole = 1;
    r->last = (r->len == 3 || r->line[3] == ' ');

    return WH_OK;
}


int
wh_smtp_feed(wh_smtp_t *s, const char *p, size_t n, wh_buf_t *out,
    wh_smtp_next_e *next)
{
    int     rc;
    size_t  used;

    if (s->step == NULL) {
        s->step = wh_smtp_steps[WH_SMTP_GREETING];
    }

    do {
        rc = wh_smtp_read(&s->reply, p, n, &used);

        if (rc == WH_AGAIN) {
            return WH_AGAIN;
        }

        if (rc != WH_OK) {
            *next = wh_smtp_failed(s, WH_SMTP_WHY_BROKEN);
            return WH_OK;
        }

        p += used;
        n -= used;

        if (s->state == WH_SMTP_EHLO && s->reply.code == 250) {
            wh_smtp_offer(s);
        }

    } while (!s->reply.last);

    *next = wh_smtp_answered(s, n, out);

    return out->err;
}


/* a line of the answer to EHLO; the first one has the server's name */

static void
wh_smtp_offer(wh_smtp_t *s)
{
    char              c;
    size_t            n, i, start;
    const char       *p;
    wh_smtp_reply_t  *r;

    r = &s->reply;

    if (r->len < 5) {
        return;
    }

    p = r->line + 4;
    n = r->len - 4;

    if (wh_smtp_word(p, n, "STARTTLS")) {
        s->offers_tls = 1;
        return;
    }

    if (wh_smtp_word(p, n, "8BITMIME")) {
        s->offers_8bit = 1;
        return;
    }

    /* "AUTH=" is what old servers say */

    if (n < 5 || !wh_smtp_word(p, 4, "AUTH") || (p[4] != ' ' && p[4] != '='))
    {
        return;
    }

    for (i = 5; i < n; i++) {

        start = i;

        for ( /* void */ ; i < n; i++) {
            c = p[i];

            if (c == ' ') {
                break;
            }
        }

        if (wh_smtp_word(p + start, i - start, "PLAIN")) {
            s->offers_plain = 1;
        }

        if (wh_smtp_word(p + start, i - start, "LOGIN")) {
            s->offers_login = 1;
        }
    }
}


/* true if the first word is that one, in letters of any case */

static int
wh_smtp_word(const char *p, size_t n, const char *word)
{
    char    c;
    size_t  i;

    for (i = 0; word[i]; i++) {

        if (i == n) {
            return 0;
        }

        c = p[i];

        if (c >= 'a' && c <= 'z') {
            c = (char) (c - 'a' + 'A');
        }

        if (c != word[i]) {
            return 0;
        }
    }

    return i == n || p[i] == ' ';
}


static wh_smtp_next_e
wh_smtp_answered(wh_smtp_t *s, size_t left, wh_buf_t *out)
{
    unsigned  code;

    code = s->reply.code;

    /* nobody has asked for more: it may be somebody else's */

    if (left && s->state == WH_SMTP_STARTTLS) {
        return wh_smtp_failed(s, WH_SMTP_WHY_INJECTED);
    }

    if (left) {
        return wh_smtp_failed(s, WH_SMTP_WHY_BROKEN);
    }

    switch (s->state) {

    case WH_SMTP_GREETING:

        if (code == 220) {
            return wh_smtp_say(s, WH_SMTP_EHLO, out);
        }

        break;

    case WH_SMTP_EHLO:

        if (code == 250) {
            return wh_smtp_greeted(s, out);
        }

        if (code >= 500 && code != 521 && code != 554) {
            return wh_smtp_say(s, WH_SMTP_HELO, out);
        }

        break;

    case WH_SMTP_HELO:

        if (code == 250) {
            return wh_smtp_greeted(s, out);
        }

        break;

    case WH_SMTP_STARTTLS:

        if (code == 220) {
            s->state = WH_SMTP_HANDSHAKE;
            s->step = wh_smtp_steps[WH_SMTP_HANDSHAKE];
            return WH_SMTP_TLS;
        }

        if (s->starttls == WH_SMTP_STARTTLS_REQUIRED) {
            return wh_smtp_failed(s, WH_SMTP_WHY_TLS);
        }

        return wh_smtp_auth(s, out);

    case WH_SMTP_LOGIN:

        if (code == 334) {
            return wh_smtp_say(s, WH_SMTP_USER, out);
        }

        break;

    case WH_SMTP_USER:

        if (code == 334) {
            return wh_smtp_say(s, WH_SMTP_PASSWORD, out);
        }

        break;

    case WH_SMTP_PLAIN:
    case WH_SMTP_PASSWORD:

        if (code == 235) {
            return wh_smtp_say(s, WH_SMTP_MAIL, out);
        }

        break;

    case WH_SMTP_MAIL:

        if (code == 250) {
            return wh_smtp_say(s, WH_SMTP_RCPT, out);
        }

        break;

    case WH_SMTP_RCPT:

        if (code == 250 || code == 251) {
            return wh_smtp_say(s, WH_SMTP_DATA, out);
        }

        break;

    case WH_SMTP_DATA:

        if (code == 354) {
            s->state = WH_SMTP_BODY;
            s->step = wh_smtp_steps[WH_SMTP_BODY];
            return WH_SMTP_MESSAGE;
        }

        break;

    case WH_SMTP_BODY:

        if (code == 250) {
            (void) wh_smtp_say(s, WH_SMTP_QUIT, out);
            return WH_SMTP_DONE;
        }

        break;

    default:
        return wh_smtp_failed(s, WH_SMTP_WHY_BROKEN);
    }

    return wh_smtp_failed(s, WH_SMTP_WHY_REFUSED);
}


/* we know what the server can do */

static wh_smtp_next_e
wh_smtp_greeted(wh_smtp_t *s, wh_buf_t *out)
{
    if (!s->secure && s->starttls != WH_SMTP_STARTTLS_OFF) {

        if (s->offers_tls) {
            return wh_smtp_say(s, WH_SMTP_STARTTLS, out);
        }

        if (s->starttls == WH_SMTP_STARTTLS_REQUIRED) {
            return wh_smtp_failed(s, WH_SMTP_WHY_TLS);
        }
    }

    return wh_smtp_auth(s, out);
}


static wh_smtp_next_e
wh_smtp_auth(wh_smtp_t *s, wh_buf_t *out)
{
    if (s->user.len == 0) {
        return wh_smtp_say(s, WH_SMTP_MAIL, out);
    }

    if (!s->secure && s->starttls != WH_SMTP_STARTTLS_OFF) {
        return wh_smtp_failed(s, WH_SMTP_WHY_AUTH_TLS);
    }

    if (s->offers_plain) {
        return wh_smtp_say(s, WH_SMTP_PLAIN, out);
    }

    if (s->offers_login) {
        return wh_smtp_say(s, WH_SMTP_LOGIN, out);
    }

    return wh_smtp_failed(s, WH_SMTP_WHY_AUTH);
}


int
wh_smtp_secured(wh_smtp_t *s, wh_buf_t *out)
{
    /* what was said in the clear is forgotten, anybody may have said it */

    s->secure = 1;
    s->offers_tls = 0;
    s->offers_plain = 0;
    s->offers_login = 0;
    s->offers_8bit = 0;

    (void) wh_smtp_say(s, WH_SMTP_EHLO, out);

    return out->err;
}


static wh_smtp_next_e
wh_smtp_say(wh_smtp_t *s, wh_smtp_state_e state, wh_buf_t *out)
{
    s->state = state;
    s->step = wh_smtp_steps[state];

    switch (state) {

    case WH_SMTP_EHLO:
        (void) wh_buf_put_literal(out, "EHLO ");
        (void) wh_buf_put(out, s->helo.data, s->helo.len);
        break;

    case WH_SMTP_HELO:
        (void) wh_buf_put_literal(out, "HELO ");
        (void) wh_buf_put(out, s->helo.data, s->helo.len);
        break;

    case WH_SMTP_STARTTLS:
        (void) wh_buf_put_literal(out, "STARTTLS");
        break;

    case WH_SMTP_PLAIN:
        (void) wh_buf_put_literal(out, "AUTH PLAIN ");
        wh_smtp_plain(s, out);
        break;

    case WH_SMTP_LOGIN:
        (void) wh_buf_put_literal(out, "AUTH LOGIN");
        break;

    case WH_SMTP_USER:
        (void) wh_put_base64(out, s->user.data, s->user.len);
        break;

    case WH_SMTP_PASSWORD:
        (void) wh_put_base64(out, s->password.data, s->password.len);
        break;

    case WH_SMTP_MAIL:
        (void) wh_buf_put_literal(out, "MAIL FROM:<");
        (void) wh_buf_put(out, s->from.data, s->from.len);
        (void) wh_buf_putc(out, '>');

        if (s->utf8 && s->offers_8bit) {
            (void) wh_buf_put_literal(out, " BODY=8BITMIME");
        }

        break;

    case WH_SMTP_RCPT:
        (void) wh_buf_put_literal(out, "RCPT TO:<");
        (void) wh_buf_put(out, s->to.data, s->to.len);
        (void) wh_buf_putc(out, '>');
        break;

    case WH_SMTP_DATA:
        (void) wh_buf_put_literal(out, "DATA");
        break;

    default: /* WH_SMTP_QUIT */
        (void) wh_buf_put_literal(out, "QUIT");
        break;
    }

    (void) wh_buf_put_literal(out, "\r\n");

    return WH_SMTP_SEND;
}


/* RFC 4616: NUL, user, NUL, password; in groups of three octets, base64 */

static void
wh_smtp_plain(const wh_smtp_t *s, wh_buf_t *out)
{
    char    group[3];
    size_t  i, n, total;

    total = 2 + s->user.len + s->password.len;
    n = 0;

    for (i = 0; i < total; i++) {

        if (i == 0 || i == 1 + s->user.len) {
            group[n++] = '\0';

        } else if (i <= s->user.len) {
            group[n++] = s->user.data[i - 1];

        } else {
            group[n++] = s->password.data[i - 2 - s->user.len];
        }

        if (n == 3 || i == total - 1) {
            (void) wh_put_base64(out, group, n);
            n = 0;
        }
    }
}


static wh_smtp_next_e
wh_smtp_failed(wh_smtp_t *s, wh_smtp_why_e why)
{
    s->why = why;
    s->code = (why == WH_SMTP_WHY_REFUSED) ? s->reply.code : 0;

    return WH_SMTP_FAILED;
}


int
wh_smtp_secret(const wh_smtp_t *s)
{
    switch (s->state) {

    case WH_SMTP_PLAIN:
    case WH_SMTP_LOGIN:
    case WH_SMTP_USER:
    case WH_SMTP_PASSWORD:
        return 1;

    default:
        return 0;
    }
}
