
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_key.h"
#include "wh_mail.h"
#include "wh_utf8.h"


/*
 * A mail of any subject and text, the octet 255 between them: it has the
 * headers that it has to have, each line is one of SMTP, the only line of a
 * dot is the last, and decoded it is the same text.
 */


static void mail(wh_str_t subject, wh_str_t text, int allow_8bit);
static size_t line(const char *p, const char *last, int is_8bit, size_t max);
static const char *head(const char *p, const char *last, wh_str_t *subject,
    wh_str_t *encoding);
static void words(wh_str_t in, wh_str_t subject);
static void body(wh_str_t in, wh_str_t encoding, wh_buf_t *out);
static int unquote(const char *p);
static void address(wh_str_t in);
static int is(wh_str_t s, const char *literal);


static const char *const  names[] = {
    "Date: ", "Message-ID: <0@h>", "From: <f@h>", "To: <t@h>", "Subject: ",
    "Auto-Submitted: auto-generated", "X-Webhook-Event: e",
    "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: ", NULL
};


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char      *p, *end;
    wh_str_t   subject, text;

    p = fuzz_copy(data, size);

    end = size ? memchr(p, 255, size) : NULL;

    subject.data = p;
    subject.len = end ? (size_t) (end - p) : size;

    text.data = end ? end + 1 : p;
    text.len = end ? size - subject.len - 1 : size;

    mail(subject, text, 0);
    mail(subject, text, 1);

    address(subject);

    free(p);

    return 0;
}


static void
mail(wh_str_t subject, wh_str_t text, int allow_8bit)
{
    size_t       n;
    wh_str_t     put, encoding;
    wh_buf_t     out, plain, again;
    wh_mail_t    m;
    const char  *p, *start, *last;

    memset(&m, 0, sizeof(wh_mail_t));
    fuzz_buf(&out, SIZE_MAX);

    plain = out;
    again = out;

    m.time = text.len * 1000003;
    m.id.data = "0";
    m.id.len = 1;
    m.host.data = "h";
    m.host.len = 1;
    m.from.data = "f@h";
    m.from.len = 3;
    m.to.data = "t@h";
    m.to.len = 3;
    m.event.data = "e";
    m.event.len = 1;
    m.subject = subject;
    m.text = text;
    m.allow_8bit = (allow_8bit != 0);

    CHECK(wh_mail_put(&m, &out) == WH_OK);

    last = out.data + out.len;

    start = head(out.data, last, &put, &encoding);

    words(put, subject);

    if (is(encoding, "8bit")) {
        CHECK(allow_8bit && wh_mail_utf8(&m));
    }

    /* lines of the text, without dots that were doubled */

    for (p = start; ; p += n + 2) {
        n = line(p, last, is(encoding, "8bit"),
                 is(encoding, "quoted-printable") ? 76 : 998);

        if (n == 1 && *p == '.') {
            break;
        }

        if (*p == '.') {
            CHECK(p[1] == '.');
            (void) wh_buf_put(&plain, p + 1, n + 1);
            continue;
        }

        (void) wh_buf_put(&plain, p, n + 2);
    }

    CHECK(p + 3 == last);

    put.data = plain.data;
    put.len = plain.len;

    body(put, encoding, &again);

    if (text.len && text.data[text.len - 1] != '\n') {
        CHECK(again.len > 0 && again.data[again.len - 1] == '\n');
        again.len--;
    }

    CHECK(again.len == text.len);
    CHECK(text.len == 0 || memcmp(again.data, text.data, text.len) == 0);

    free(again.data);
    free(plain.data);
    free(out.data);
}


/* octets of a line, which ends as a line has to */

static size_t
line(const char *p, const char *last, int is_8bit, size_t max)
{
    size_t         n;
    unsigned char  c;

    for (n = 0; p + n < last; n++) {
        c = (unsigned char) p[n];

        if (c == '\r') {
            CHECK(p + n + 1 < last && p[n + 1] == '\n');
            CHECK(n <= max);
            return n;
        }

        CHECK(c >= ' ' && c != 0x7f && (c < 0x80 || is_8bit));
    }

    CHECK(0);

    return 0;
}


static const char *
head(const char *p, const char *last, wh_str_t *subject, wh_str_t *encoding)
{
    size_t    i, n, len;
    wh_str_t  value;

    for (i = 0; names[i] != NULL; i++) {
        n = line(p, last, 0, 998);
        len = strlen(names[i]);

        CHECK(n >= len && memcmp(p, names[i], len) == 0);

        value.data = p + len;
        value.len = n - len;

        /* of the subject, those that go on */

        while (p[n + 2] == ' ') {
            CHECK(i == 4);
            n += 2 + line(p + n + 2, last, 0, 76);
            value.len = n - len;
        }

        CHECK(value.len == 0 || names[i][len - 1] == ' ');

        if (i == 4) {
            *subject = value;
        }

        p += n + 2;
    }

    *encoding = value;

    CHECK(line(p, last, 0, 0) == 0);

    return p + 2;
}


static void
words(wh_str_t in, wh_str_t subject)
{
    int             ok, whole;
    char            text[2048];
    size_t          i, n, len, used;
    wh_str_t        word;
    const char     *end;
    unsigned char  *to;

    static const char  begin[] = "=?utf-8?B?";

    n = sizeof(begin) - 1;

    if (in.len < n || memcmp(in.data, begin, n) != 0) {
        CHECK(in.len == subject.len);
        CHECK(in.len == 0 || memcmp(in.data, subject.data, in.len) == 0);

        for (i = 1; i < in.len; i++) {
            CHECK(in.data[i] != '?' || in.data[i - 1] != '=');
        }

        return;
    }

    len = 0;

    while (in.len) {
        CHECK(in.len > n && memcmp(in.data, begin, n) == 0);

        end = memchr(in.data + n, '?', in.len - n);
        CHECK(end != NULL && end[1] == '=');

        word.data = in.data + n;
        word.len = (size_t) (end - word.data);

        to = (unsigned char *) text + len;
        CHECK(wh_base64_decode(word, to, sizeof(text) - len, &used) == WH_OK);

        /* each word is text by itself */

        CHECK(wh_utf8_valid(text + len, used) == used);
        len += used;

        end += 2;
        in.len -= (size_t) (end - in.data);
        in.data = end;

        if (in.len) {
            CHECK(in.len > 3 && memcmp(in.data, "\r\n ", 3) == 0);
            in.data += 3;
            in.len -= 3;
        }
    }

    /* what the subject is, if nothing in it has to be replaced, or is cut */

    whole = (subject.len <= 512);

    for (i = 0; i < subject.len; i += used) {
        used = wh_utf8_next(subject.data + i, subject.len - i, &ok);

        if (!ok || (used == 1 && (subject.data[i] < ' '
                                  || subject.data[i] == 0x7f)))
        {
            whole = 0;
        }
    }

    if (whole) {
        CHECK(len == subject.len && memcmp(text, subject.data, len) == 0);
    }

    for (i = 0; i < len; i++) {
        CHECK((unsigned char) text[i] >= ' ' && text[i] != 0x7f);
    }
}


static void
body(wh_str_t in, wh_str_t encoding, wh_buf_t *out)
{
    size_t  i;

    for (i = 0; i < in.len; i++) {

        if (in.data[i] == '\r') {
            continue;
        }

        if (in.data[i] != '=' || !is(encoding, "quoted-printable")) {
            (void) wh_buf_putc(out, in.data[i]);
            continue;
        }

        CHECK(in.len - i > 2);

        if (in.data[i + 1] != '\r') {
            (void) wh_buf_putc(out, (char) unquote(in.data + i + 1));
        }

        i += 2;
    }

    CHECK(out->err == WH_OK);
}


static int
unquote(const char *p)
{
    const char  *hi, *lo;

    static const char  digits[] = "0123456789ABCDEF";

    CHECK(p[0] != '\0' && p[1] != '\0');

    hi = strchr(digits, p[0]);
    lo = strchr(digits, p[1]);

    CHECK(hi != NULL && lo != NULL);

    return (int) ((hi - digits) << 4 | (lo - digits));
}


/* what may stand between angle brackets stays there */

static void
address(wh_str_t in)
{
    size_t  i, ats;

    if (!wh_mail_address_ok(in.data, in.len)) {
        return;
    }

    ats = 0;

    for (i = 0; i < in.len; i++) {
        CHECK(in.data[i] > ' ' && in.data[i] < 0x7f);
        CHECK(strchr("<>(),;\\\"", in.data[i]) == NULL);

        if (in.data[i] == '@') {
            ats++;
            CHECK(wh_mail_host_ok(in.data + i + 1, in.len - i - 1));
        }
    }

    CHECK(ats == 1);
}


static int
is(wh_str_t s, const char *literal)
{
    return s.len == strlen(literal) && memcmp(s.data, literal, s.len) == 0;
}
