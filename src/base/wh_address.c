
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_address.h"


typedef struct {
    unsigned char  addr[6];    /* the first octets */
    unsigned       bits;
} wh_block_t;


static int wh_address_in(const unsigned char *addr, const wh_block_t *block);


/* ends with a block of 0 bits */

static const wh_block_t  wh_address_ipv4[] = {
    { { 0 }, 8 },                           /* this network */
    { { 10 }, 8 },                          /* private */
    { { 100, 64 }, 10 },                    /* carriers' NAT */
    { { 127 }, 8 },                         /* loopback */
    { { 169, 254 }, 16 },                   /* link-local */
    { { 172, 16 }, 12 },                    /* private */
    { { 192, 0, 0 }, 24 },                  /* IETF protocols */
    { { 192, 0, 2 }, 24 },                  /* documentation */
    { { 192, 88, 99 }, 24 },                /* relays of 6to4 */
    { { 192, 168 }, 16 },                   /* private */
    { { 198, 18 }, 15 },                    /* benchmarks */
    { { 198, 51, 100 }, 24 },               /* documentation */
    { { 203, 0, 113 }, 24 },                /* documentation */
    { { 224 }, 4 },                         /* multicast */
    { { 240 }, 4 },                         /* reserved, broadcast */
    { { 0 }, 0 }
};


static const wh_block_t  wh_address_global = { { 0x20 }, 3 };


/* of that */

static const wh_block_t  wh_address_ipv6[] = {
    { { 0x20, 0x01 }, 23 },                 /* IETF protocols, Teredo */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 },     /* documentation */
    { { 0x20, 0x02 }, 16 },                 /* 6to4 */
    { { 0x3f, 0xff }, 20 },                 /* documentation */
    { { 0 }, 0 }
};


static const unsigned char  wh_address_mapped[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};


int
wh_address_public(const unsigned char *addr, size_t n)
{
    const wh_block_t  *block;

    if (n == 16) {

        if (memcmp(addr, wh_address_mapped, sizeof(wh_address_mapped)) == 0) {
            addr += sizeof(wh_address_mapped);
            n = 4;

        } else if (!wh_address_in(addr, &wh_address_global)) {
            return 0;
        }
    }

    switch (n) {

    case 4:
        block = wh_address_ipv4;
        break;

    case 16:
        block = wh_address_ipv6;
        break;

    default:
        return 0;
    }

    for ( /* void */ ; block->bits; block++) {
        if (wh_address_in(addr, block)) {
            return 0;
        }
    }

    return 1;
}


static int
wh_address_in(const unsigned char *addr, const wh_block_t *block)
{
    size_t    n;
    unsigned  rest;

    n = block->bits / 8;
    rest = block->bits % 8;

    if (memcmp(addr, block->addr, n) != 0) {
        return 0;
    }

    return rest == 0 || (addr[n] ^ block->addr[n]) >> (8 - rest) == 0;
}
