
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_smtp.h"


typedef struct {
    const char      *name;
    const char      *user;
    int              starttls;
    int              utf8;

    /* "server", "what follows", and so on; "TLS" is a handshake */
    const char      *talk[24];
    wh_smtp_next_e   end;
    wh_smtp_why_e    why;
    unsigned         code;
} talk_t;


static void set(wh_smtp_t *s, const talk_t *t, wh_buf_t *out);
static void talk(const talk_t *t);
static void replies(void);
static int reply(const char *text, size_t step, unsigned *code);


#define EHLO  "EHLO web.example.com\r\n"
#define HELO  "HELO web.example.com\r\n"
#define MAIL  "MAIL FROM:<from@example.com>\r\n"
#define RCPT  "RCPT TO:<to@example.com>\r\n"

static const talk_t  talks[] = {

    { "a mail in the clear", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "220 mx ESMTP\r\n", EHLO, "250-mx\r\n250 SIZE 1\r\n", MAIL,
        "250 ok\r\n", RCPT, "250 ok\r\n", "DATA\r\n", "354 go\r\n", "message",
        "250 queued\r\n", "QUIT\r\n", NULL },
      WH_SMTP_DONE, WH_SMTP_WHY_NONE, 0 },

    { "HELO for an old server, and lines of LF", "", WH_SMTP_STARTTLS_AUTO, 1,
      { "220 mx\n", EHLO, "502 what\n", HELO, "250 mx\n", MAIL, "250\n", RCPT,
        "251 moved\n", "DATA\r\n", "354\n", "message", "250\n", "QUIT\r\n",
        NULL },
      WH_SMTP_DONE, WH_SMTP_WHY_NONE, 0 },

    { "8BITMIME, when it is of use", "", WH_SMTP_STARTTLS_OFF, 1,
      { "220-a\r\n220 b\r\n", EHLO,
        "250-mx\r\n250-StartTLS\r\n250 8bitmime\r\n",
        "MAIL FROM:<from@example.com> BODY=8BITMIME\r\n", "552 no\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_REFUSED, 552 },

    { "AUTH PLAIN after TLS", "user", WH_SMTP_STARTTLS_REQUIRED, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        "STARTTLS\r\n", "220 go\r\n", "TLS", EHLO,
        "250-mx\r\n250 AUTH LOGIN PLAIN\r\n",
        "AUTH PLAIN AHVzZXIAc2VjcmV0\r\n", "235 ok\r\n", MAIL, "421 bye\r\n",
        NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_REFUSED, 421 },

    { "AUTH LOGIN, of an old server", "user", WH_SMTP_STARTTLS_OFF, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250 AUTH=LOGIN\r\n", "AUTH LOGIN\r\n",
        "334 VXNlcm5hbWU6\r\n", "dXNlcg==\r\n", "334 UGFzc3dvcmQ6\r\n",
        "c2VjcmV0\r\n", "535 no\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_REFUSED, 535 },

    { "what was offered in the clear is forgotten", "user",
      WH_SMTP_STARTTLS_AUTO, 1,
      { "220 mx\r\n", EHLO, "250-mx\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        "STARTTLS\r\n", "220 go\r\n", "TLS", EHLO, "250 mx\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_AUTH, 0 },

    { "no STARTTLS, but required", "", WH_SMTP_STARTTLS_REQUIRED, 0,
      { "220 mx\r\n", EHLO, "250 mx\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_TLS, 0 },

    { "required, and refused", "", WH_SMTP_STARTTLS_REQUIRED, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250 STARTTLS\r\n", "STARTTLS\r\n",
        "454 no\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_TLS, 0 },

    { "refused where it was not required", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250 STARTTLS\r\n", "STARTTLS\r\n",
        "454 no\r\n", MAIL, "450 later\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_REFUSED, 450 },

    { "no password without TLS", "user", WH_SMTP_STARTTLS_AUTO, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250 AUTH PLAIN\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_AUTH_TLS, 0 },

    { "words put behind the answer to STARTTLS", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "220 mx\r\n", EHLO, "250-mx\r\n250 STARTTLS\r\n", "STARTTLS\r\n",
        "220 go\r\n250 mx\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_INJECTED, 0 },

    { "a server that says too much", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "220 mx\r\n250 ok\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_BROKEN, 0 },

    { "a server that does not want us", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "554 no\r\n", NULL }, WH_SMTP_FAILED, WH_SMTP_WHY_REFUSED, 554 },

    { "another protocol", "", WH_SMTP_STARTTLS_AUTO, 0,
      { "HTTP/1.1 400 Bad Request\r\n", NULL },
      WH_SMTP_FAILED, WH_SMTP_WHY_BROKEN, 0 },

    { NULL, NULL, 0, 0, { NULL }, WH_SMTP_DONE, WH_SMTP_WHY_NONE, 0 }
};


static void
set(wh_smtp_t *s, const talk_t *t, wh_buf_t *out)
{
    memset(s, 0, sizeof(wh_smtp_t));
    memset(out, 0, sizeof(wh_buf_t));

    out->max = 4096;
    out->grow = wh_buf_malloc;

#define put(field, text)                                                     \
    s->field.data = text;                                                    \
    s->field.len = strlen(text)

    put(helo, "web.example.com");
    put(from, "from@example.com");
    put(to, "to@example.com");
    put(user, t->user);
    put(password, "secret");

    s->starttls = (wh_smtp_starttls_e) t->starttls;
    s->utf8 = t->utf8 ? 1 : 0;
}


/* each with answers that come at once, and octet by octet */

static void
talk(const talk_t *t)
{
    int              rc, bad;
    size_t           i, k, n, step;
    wh_buf_t         out;
    wh_smtp_t        s;
    const char      *says;
    wh_smtp_next_e   next;

    for (step = 0; step < 2; step++) {

        set(&s, t, &out);

        bad = 0;
        next = WH_SMTP_SEND;

        for (i = 0; t->talk[i]; i++) {
            says = t->talk[i];
            n = strlen(says);
            out.len = 0;

            if (step == 0) {
                rc = wh_smtp_feed(&s, says, n, &out, &next);

            } else {
                rc = WH_AGAIN;

                for (k = 0; k < n && rc == WH_AGAIN; k++) {
                    rc = wh_smtp_feed(&s, says + k, 1, &out, &next);
                }

                /* what has come later is not seen */

                if (k < n) {
                    bad = -1;
                    break;
                }
            }

            if (rc != WH_OK) {
                bad = 1;
                break;
            }

            says = t->talk[i + 1];

            if (says == NULL) {
                break;
            }

            i++;

            if (next == WH_SMTP_TLS && strcmp(says, "TLS") == 0) {
                (void) wh_smtp_secured(&s, &out);
                says = t->talk[++i];
                next = WH_SMTP_SEND;
            }

            if (next == WH_SMTP_MESSAGE) {
                bad += (strcmp(says, "message") != 0);
                continue;
            }

            if (out.len != strlen(says) || memcmp(out.data, says, out.len)) {
                bad = 1;
                break;
            }
        }

        if (bad != -1) {
            ok(bad == 0 && next == t->end && s.why == t->why
               && s.code == t->code, "%s", t->name);
        }

        free(out.data);
    }
}


static int
reply(const char *text, size_t step, unsigned *code)
{
    int               rc;
    size_t            n, used;
    wh_smtp_reply_t   r;

    memset(&r, 0, sizeof(r));

    n = strlen(text);
    rc = WH_AGAIN;

    while (n) {
        rc = wh_smtp_read(&r, text, step < n ? step : n, &used);

        if (rc == WH_ERROR || (rc == WH_OK && r.last)) {
            break;
        }

        text += used;
        n -= used;
    }

    *code = r.code;

    return rc;
}


static void
replies(void)
{
    char      *p;
    size_t     i;
    unsigned   code;

    static const struct {
        const char  *text;
        int          rc;
        unsigned     code;
    } rows[] = {
        { "250 ok\r\n", WH_OK, 250 },
        { "250\r\n", WH_OK, 250 },
        { "250-a\r\n250-b\r\n250 c\r\n", WH_OK, 250 },
        { "250-a\r\n250\r\n", WH_OK, 250 },
        { "250 ok\r", WH_AGAIN, 0 },
        { "250-ok\r\n", WH_OK, 0 },
        { "250-a\r\n251 b\r\n", WH_ERROR, 0 },
        { "250+a\r\n", WH_ERROR, 0 },
        { "25\r\n", WH_ERROR, 0 },
        { "\r\n", WH_ERROR, 0 },
        { "199 a\r\n", WH_ERROR, 0 },
        { "600 a\r\n", WH_ERROR, 0 },
        { "2x0 a\r\n", WH_ERROR, 0 },
        { NULL, 0, 0 }
    };

    for (i = 0; rows[i].text; i++) {
        is_int(reply(rows[i].text, 1, &code), rows[i].rc, "reply %d", (int) i);

        if (rows[i].code) {
            is_int(code, rows[i].code, "its code");
        }

        is_int(reply(rows[i].text, 100, &code), rows[i].rc, "at once");
    }

    p = malloc(2 * WH_SMTP_REPLY + 1);

    if (p == NULL) {
        printf("Bail out! no memory\n");
        exit(2);
    }

    memset(p, 'a', WH_SMTP_LINE + 1);
    memcpy(p, "250 ", 4);
    p[WH_SMTP_LINE + 1] = '\0';

    ok(reply(p, 7, &code) == WH_ERROR, "a line that is too long");

    p[WH_SMTP_LINE] = '\n';
    ok(reply(p, 7, &code) == WH_OK, "one that is not");

    for (i = 0; i < WH_SMTP_REPLY; i += 8) {
        memcpy(p + i, "250-ab\r\n", 8);
    }

    memcpy(p + i, "250 a\r\n", 8);
    ok(reply(p, 100, &code) == WH_ERROR, "too many lines");

    free(p);
}


int
main(void)
{
    size_t  i;

    for (i = 0; talks[i].name; i++) {
        talk(&talks[i]);
    }

    replies();

    return done_testing();
}
