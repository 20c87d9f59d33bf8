
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_array.h"


static wh_str_t
str(const char *s)
{
    wh_str_t  t;

    t.len = strlen(s);
    t.data = s;

    return t;
}


/* all elements, joined by "|", and what ended them */

static const char *
walk(const char *s)
{
    int          rc;
    size_t       pos, n;
    wh_str_t     e;
    static char  out[512];

    pos = 0;
    n = 0;

    for ( ;; ) {
        rc = wh_array_next(str(s), &pos, &e);

        if (rc != WH_OK) {
            break;
        }

        memcpy(out + n, e.data, e.len);
        n += e.len;
        out[n++] = '|';
    }

    n += (size_t) snprintf(out + n, sizeof(out) - n, "%s at %u",
                           rc == WH_AGAIN ? "end" : "error", (unsigned) pos);
    out[n] = '\0';

    return out;
}


int
main(void)
{
    size_t       i;
    const char  *got;

    static struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "[]", "end at 2" },
        { " [ ] ", "end at 5" },
        { "[1]", "1|end at 3" },
        { "[ 1 , 2.50\n,\t\"a\" ]", "1|2.50|\"a\"|end at 18" },
        { "[{\"a\":[1,{}]},[[],[]]]", "{\"a\":[1,{}]}|[[],[]]|end at 22" },
        { "[\"],[\\\",\\\\\",2]", "\"],[\\\",\\\\\"|2|end at 14" },
        { "[null,true,false]", "null|true|false|end at 17" },
        { "", "error at 0" },
        { "  ", "error at 2" },
        { "{}", "error at 0" },
        { "[", "error at 1" },
        { "[,1]", "error at 1" },
        { "[1,]", "1|error at 3" },
        { "[1,,2]", "1|error at 3" },
        { "[1", "1|error at 2" },
        { "[1}", "1|error at 2" },
        { "[1] 2", "1|error at 4" },
        { "[1]]", "1|error at 3" },
        { "[\"a", "\"a|error at 3" },
        { "[\"a\\", "\"a\\|error at 4" },
        { "[1 2]", "1 2|end at 5" },
        { "[{]", "{]|error at 3" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        got = walk(cases[i].text);

        ok(strcmp(got, cases[i].want) == 0, "elements of %s (%s)",
           cases[i].text, got);
    }

    ok(wh_array_is(str(" \r\n\t[")), "an array after white space");
    ok(!wh_array_is(str(" {")), "an object is no array");
    ok(!wh_array_is(str(" ")), "white space is no array");

    return done_testing();
}
