
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include "wh_address.h"


/*
 * Addresses as name servers give them: of no prefix that leads inside, or to
 * an IPv4 address, is one public; in IPv6 an IPv4 address is what it is.
 */


static int inside(const unsigned char *a);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc;
    unsigned char  *p, mapped[16];

    p = fuzz_copy(data, size);

    rc = wh_address_public(p, size);

    switch (size) {

    case 4:
        CHECK(rc == !inside(p));

        memset(mapped, 0, 10);
        memset(mapped + 10, 0xff, 2);
        memcpy(mapped + 12, p, 4);

        CHECK(wh_address_public(mapped, 16) == rc);
        break;

    case 16:
        if (rc && (p[0] & 0xe0) != 0x20) {
            memset(mapped, 0, 10);
            memset(mapped + 10, 0xff, 2);

            CHECK(memcmp(p, mapped, 12) == 0 && !inside(p + 12));
        }

        if (p[0] == 0x20 && (p[1] == 2 || (p[1] == 1 && p[2] < 2))) {
            CHECK(!rc);
        }

        break;

    default:
        CHECK(!rc);
    }

    free(p);

    return 0;
}


/* by numbers rather than by prefixes */

static int
inside(const unsigned char *a)
{
    size_t    i;
    uint32_t  n;

    static const struct {
        uint32_t  first;
        uint32_t  last;
    } ranges[] = {
        { 0x00000000, 0x00ffffff },     /* 0.0.0.0 */
        { 0x0a000000, 0x0affffff },     /* 10.0.0.0 */
        { 0x64400000, 0x647fffff },     /* 100.64.0.0 */
        { 0x7f000000, 0x7fffffff },     /* 127.0.0.0 */
        { 0xa9fe0000, 0xa9feffff },     /* 169.254.0.0 */
        { 0xac100000, 0xac1fffff },     /* 172.16.0.0 */
        { 0xc0000000, 0xc00000ff },     /* 192.0.0.0 */
        { 0xc0000200, 0xc00002ff },     /* 192.0.2.0 */
        { 0xc0586300, 0xc05863ff },     /* 192.88.99.0 */
        { 0xc0a80000, 0xc0a8ffff },     /* 192.168.0.0 */
        { 0xc6120000, 0xc613ffff },     /* 198.18.0.0 */
        { 0xc6336400, 0xc63364ff },     /* 198.51.100.0 */
        { 0xcb007100, 0xcb0071ff },     /* 203.0.113.0 */
        { 0xe0000000, 0xffffffff }      /* 224.0.0.0 */
    };

    n = (uint32_t) a[0] << 24 | (uint32_t) a[1] << 16 | (uint32_t) a[2] << 8
        | a[3];

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (n >= ranges[i].first && n <= ranges[i].last) {
            return 1;
        }
    }

    return 0;
}
