
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <arpa/inet.h>

#include "tap.h"
#include "wh_address.h"


static void address(const char *text, int expected);


/* the first and the last of each block, and what is beside it */

static const char  *not_public[] = {
    "0.0.0.0", "0.255.255.255",
    "10.0.0.0", "10.255.255.255",
    "100.64.0.0", "100.127.255.255",
    "127.0.0.0", "127.0.0.1", "127.255.255.255",
    "169.254.0.0", "169.254.169.254", "169.254.255.255",
    "172.16.0.0", "172.31.255.255",
    "192.0.0.0", "192.0.0.170", "192.0.0.255",
    "192.0.2.0", "192.0.2.255",
    "192.88.99.0", "192.88.99.255",
    "192.168.0.0", "192.168.255.255",
    "198.18.0.0", "198.19.255.255",
    "198.51.100.0", "198.51.100.255",
    "203.0.113.0", "203.0.113.255",
    "224.0.0.0", "239.255.255.255",
    "240.0.0.0", "255.255.255.255",

    "::", "::1", "::7f00:1", "::8.8.8.8",
    "::ffff:0.0.0.0", "::ffff:10.0.0.1", "::ffff:100.64.0.1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:192.168.1.1",
    "::fffe:8.8.8.8", "::ffff:0:8.8.8.8",
    "64:ff9b::", "64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1",
    "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::",
    "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001::", "2001:0:ffff::1", "2001:2::1", "2001:10::1", "2001:20::1",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::", "2002:7f00:1::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
    "4000::", "5f00::1", "fc00::", "fc00::1", "fd00::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::", "fe80::1", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::1", "ff00::", "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
};


static const char  *public[] = {
    "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0",
    "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0",
    "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0",
    "203.0.112.255", "203.0.114.0", "223.255.255.255",

    "::ffff:8.8.8.8", "::ffff:223.255.255.255",
    "2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::", "2001:4860:4860::8888",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::",
    "2003::", "2606:4700::1111", "2a00::1",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"
};


int
main(void)
{
    size_t         i;
    unsigned char  addr[17];

    for (i = 0; i < sizeof(not_public) / sizeof(not_public[0]); i++) {
        address(not_public[i], 0);
    }

    for (i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
        address(public[i], 1);
    }

    memset(addr, 0x22, sizeof(addr));

    for (i = 0; i < sizeof(addr) + 1; i++) {
        is_int(wh_address_public(addr, i), i == 4 || i == 16,
               "%u octets", (unsigned) i);
    }

    return done_testing();
}


static void
address(const char *text, int expected)
{
    char           *p;
    size_t          n;
    unsigned char   addr[16];

    n = strchr(text, ':') ? 16 : 4;

    if (inet_pton(n == 16 ? AF_INET6 : AF_INET, text, addr) != 1) {
        ok(0, "%s is an address", text);
        return;
    }

    p = guard_copy((char *) addr, n);

    is_int(wh_address_public((unsigned char *) p, n), expected,
           "%s is%s public", text, expected ? "" : " not");

    guard_free(p, n);
}
