
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "tap.h"
#include "wh_sha256.h"


static void
hex(const char *p, size_t n, size_t step, char out[65])
{
    size_t         i, k;
    wh_sha256_t    s;
    unsigned char  digest[WH_SHA256_SIZE];

    wh_sha256_init(&s);

    for (i = 0; i < n; i += k) {
        k = step < n - i ? step : n - i;
        wh_sha256_update(&s, p + i, k);
    }

    wh_sha256_final(&s, digest);

    for (i = 0; i < WH_SHA256_SIZE; i++) {
        sprintf(out + i * 2, "%02x", digest[i]);
    }
}


int
main(void)
{
    char         got[65], whole[65], *p;
    size_t       i, n, same;
    const char  *text;

    hex("", 0, 1, got);
    is_str(got, 64, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
           "7852b855", "nothing");

    hex("abc", 3, 3, got);
    is_str(got, 64, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
           "f20015ad", "one block");

    text = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    hex(text, 56, 56, got);
    is_str(got, 64, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd4"
           "19db06c1", "padding in a block of its own");

    p = malloc(1000000);
    memset(p, 'a', 1000000);

    hex(p, 1000000, 1000000, got);
    is_str(got, 64, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39cc"
           "c7112cd0", "a million octets");

    hex(p, 1000000, 1009, got);
    is_str(got, 64, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39cc"
           "c7112cd0", "a million octets in pieces");

    free(p);

    same = 0;

    for (n = 0; n < 200; n++) {
        p = malloc(n + 1);
        memset(p, 'x', n);
        p = realloc(p, n ? n : 1);

        hex(p, n, n ? n : 1, whole);

        for (i = 1; i <= 130; i++) {
            hex(p, n, i, got);
            same += memcmp(got, whole, 64) == 0;
        }

        free(p);
    }

    is_int((int64_t) same, 200 * 130, "pieces of any size give the same");

    return done_testing();
}
