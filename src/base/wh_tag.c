
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_tag.h"


int
wh_tag_ok(const char *p, size_t n)
{
    char    c;
    size_t  i, start;

    if (n > WH_TAG_MAX) {
        return 0;
    }

    start = 0;

    for (i = 0; /* void */ ; i++) {

        if (i < n && p[i] != '-') {
            c = p[i];

            /* the language itself has letters only */

            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                  || (c >= '0' && c <= '9' && start)))
            {
                return 0;
            }

            continue;
        }

        /* a subtag of one character begins an extension */

        if (i - start < 2 || i - start > 8) {
            return 0;
        }

        if (i == n) {
            return 1;
        }

        start = i + 1;
    }
}


size_t
wh_tag_parent(const char *p, size_t n)
{
    while (n && p[n - 1] != '-') {
        n--;
    }

    return n ? n - 1 : 0;
}
