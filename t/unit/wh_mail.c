
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#define _GNU_SOURCE

#include "tap.h"
#include "wh_mail.h"


static void put(const char *subject, const char *text, int allow_8bit,
    wh_buf_t *out);
static int has(const wh_buf_t *b, const char *text);
static void bounds(const wh_buf_t *b, const char *name);
static void addresses(void);


#define str(s)  { sizeof(s) - 1, s }


static void
put(const char *subject, const char *text, int allow_8bit, wh_buf_t *out)
{
    wh_mail_t  m = {
        784111777123, str("id-1"), str("web.example.com"),
        str("webhook@web.example.com"), str("ops@example.com"),
        str("webhook.endpoint.disabled"), { 0, NULL }, { 0, NULL }, 0
    };

    m.subject.data = subject;
    m.subject.len = strlen(subject);
    m.text.data = text;
    m.text.len = strlen(text);
    m.allow_8bit = allow_8bit ? 1 : 0;

    memset(out, 0, sizeof(wh_buf_t));
    out->max = 65536;
    out->grow = wh_buf_malloc;

    is_int(wh_mail_put(&m, out), WH_OK, "a mail is made");
}


static int
has(const wh_buf_t *b, const char *text)
{
    return memmem(b->data, b->len, text, strlen(text)) != NULL;
}


/* lines, their ends, and the end of all */

static void
bounds(const wh_buf_t *b, const char *name)
{
    int     bad;
    size_t  i, start;

    bad = 0;
    start = 0;

    for (i = 0; i < b->len; i++) {

        if (b->data[i] == '\r') {
            bad += (i + 1 == b->len || b->data[i + 1] != '\n');
            continue;
        }

        if (b->data[i] != '\n') {
            continue;
        }

        bad += (i == 0 || b->data[i - 1] != '\r' || i - start > 999);

        if (b->data[start] == '.' && i + 1 < b->len) {
            bad += (b->data[start + 1] != '.');
        }

        start = i + 1;
    }

    bad += (b->len < 5 || memcmp(b->data + b->len - 5, "\r\n.\r\n", 5) != 0);

    is_int(bad, 0, "%s: lines, dots and the end", name);
}


static void
addresses(void)
{
    size_t  i;

    static const char  *good[] = {
        "a@b", "ops@example.com", "first.last+tag@sub.example.com",
        "o'neil@example.com", "a@[127.0.0.1]", "a_b-c@xn--kln-sna.example",
        NULL
    };

    static const char  *bad[] = {
        "", "a", "@b", "a@", "a@b@c", "a b@c", "<a@b>", "a@b>", "a@b\r\nDATA",
        "a\n@b", ".a@b", "a.@b", "a..b@c", "a@b..c", "a@.b", "a@-b", "a@b-",
        "\"a b\"@c", "a@b,c@d", "a@[", "a@[]", "a@[1>]", "k\xc3\xb6ln@b",
        "a@k\xc3\xb6ln", NULL
    };

    for (i = 0; good[i]; i++) {
        ok(wh_mail_address_ok(good[i], strlen(good[i])), "address %s",
           good[i]);
    }

    for (i = 0; bad[i]; i++) {
        ok(!wh_mail_address_ok(bad[i], strlen(bad[i])), "no address: %d",
           (int) i);
    }

    ok(!wh_mail_address_ok("a\0b@c", 5), "none with NUL");
}


int
main(void)
{
    char      text[3000];
    wh_buf_t  out;

    addresses();

    put("plain subject", "one\n.two\n..\n\nend\n", 0, &out);
    bounds(&out, "plain");
    ok(has(&out, "Date: Sun, 6 Nov 1994 08:49:37 +0000\r\n"), "the date");
    ok(has(&out, "Message-ID: <id-1@web.example.com>\r\n"), "the id");
    ok(has(&out, "From: <webhook@web.example.com>\r\n"), "the sender");
    ok(has(&out, "To: <ops@example.com>\r\n"), "the recipient");
    ok(has(&out, "Subject: plain subject\r\n"), "the subject as it is");
    ok(has(&out, "Auto-Submitted: auto-generated\r\n"), "made by a machine");
    ok(has(&out, "Encoding: 7bit\r\n\r\none\r\n..two\r\n...\r\n\r\n"
                 "end\r\n.\r\n"),
       "dots at the start of a line are doubled");
    free(out.data);

    put("a\r\nBcc: <x@y>\r\n\r\nb", "text\r\n.\r\nMAIL\r\n", 1, &out);
    bounds(&out, "line ends");
    ok(!has(&out, "\nBcc") && !has(&out, "\nMAIL\r\n"),
       "nothing comes in with a line end");
    free(out.data);

    put("=?utf-8?B?YQ==?=", "a", 0, &out);
    ok(!has(&out, "Subject: =?utf-8?B?YQ==?="), "an encoded word is encoded");
    free(out.data);

    put("K\xc3\xb6ln K\xc3\xb6ln K\xc3\xb6ln K\xc3\xb6ln K\xc3\xb6ln "
        "K\xc3\xb6ln K\xc3\xb6ln", "K\xc3\xb6ln\n", 1, &out);
    bounds(&out, "8bit");
    ok(has(&out, "Subject: =?utf-8?B?S8O2bG4gS8O2bG4gS8O2bG4gS8O2bG4gS8O2bG4g"
                 "S8O2bG4gS8O2?=\r\n =?utf-8?B?bG4=?=\r\n"),
       "a long subject is folded between characters");
    ok(has(&out, "8bit\r\n\r\nK\xc3\xb6ln\r\n"), "eight bits, if allowed");
    free(out.data);

    put("a", "K\xc3\xb6ln = \n.\xc3\xb6\n", 0, &out);
    bounds(&out, "quoted-printable");
    ok(has(&out, "quoted-printable\r\n\r\nK=C3=B6ln =3D=20\r\n=2E=C3=B6\r\n"),
       "quoted-printable, if not");
    free(out.data);

    memset(text, 'x', sizeof(text));
    memset(text + 900, '.', 200);
    text[sizeof(text) - 1] = '\0';

    put("a\xff\xfe", text, 1, &out);
    bounds(&out, "a long line");
    ok(has(&out, "quoted-printable"), "a long line is quoted");
    ok(has(&out, "=?utf-8?B?Ye+/ve+/vQ==?="), "what is no UTF-8 is marked");
    free(out.data);

    return done_testing();
}
