
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "wh_sha256.h"


#define wh_ror(x, n)   ((x) >> (n) | (x) << (32 - (n)))

#define wh_big0(x)     (wh_ror(x, 2) ^ wh_ror(x, 13) ^ wh_ror(x, 22))
#define wh_big1(x)     (wh_ror(x, 6) ^ wh_ror(x, 11) ^ wh_ror(x, 25))
#define wh_small0(x)   (wh_ror(x, 7) ^ wh_ror(x, 18) ^ (x) >> 3)
#define wh_small1(x)   (wh_ror(x, 17) ^ wh_ror(x, 19) ^ (x) >> 10)


static void wh_sha256_block(wh_sha256_t *s, const unsigned char *p);
static void wh_sha256_put(unsigned char *p, uint32_t v);


static const uint32_t  wh_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
    0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
    0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};


void
wh_sha256_init(wh_sha256_t *s)
{
    s->h[0] = 0x6a09e667;
    s->h[1] = 0xbb67ae85;
    s->h[2] = 0x3c6ef372;
    s->h[3] = 0xa54ff53a;
    s->h[4] = 0x510e527f;
    s->h[5] = 0x9b05688c;
    s->h[6] = 0x1f83d9ab;
    s->h[7] = 0x5be0cd19;
    s->len = 0;
}


void
wh_sha256_update(wh_sha256_t *s, const char *data, size_t len)
{
    size_t                n, used;
    const unsigned char  *p;

    p = (const unsigned char *) data;
    used = (size_t) (s->len % WH_SHA256_BLOCK);
    s->len += len;

    while (len) {

        if (used == 0 && len >= WH_SHA256_BLOCK) {
            wh_sha256_block(s, p);
            p += WH_SHA256_BLOCK;
            len -= WH_SHA256_BLOCK;
            continue;
        }

        n = WH_SHA256_BLOCK - used;

        if (n > len) {
            n = len;
        }

        memcpy(s->block + used, p, n);
        p += n;
        len -= n;
        used += n;

        if (used == WH_SHA256_BLOCK) {
            wh_sha256_block(s, s->block);
            used = 0;
        }
    }
}


void
wh_sha256_final(wh_sha256_t *s, unsigned char digest[WH_SHA256_SIZE])
{
    size_t    used;
    uint64_t  bits;
    unsigned  i;

    bits = s->len * 8;
    used = (size_t) (s->len % WH_SHA256_BLOCK);

    s->block[used++] = 0x80;

    if (used > WH_SHA256_BLOCK - sizeof(uint64_t)) {
        memset(s->block + used, 0, WH_SHA256_BLOCK - used);
        wh_sha256_block(s, s->block);
        used = 0;
    }

    memset(s->block + used, 0, WH_SHA256_BLOCK - used);

    wh_sha256_put(s->block + WH_SHA256_BLOCK - 8, (uint32_t) (bits >> 32));
    wh_sha256_put(s->block + WH_SHA256_BLOCK - 4, (uint32_t) bits);
    wh_sha256_block(s, s->block);

    for (i = 0; i < 8; i++) {
        wh_sha256_put(digest + i * 4, s->h[i]);
    }
}


static void
wh_sha256_block(wh_sha256_t *s, const unsigned char *p)
{
    uint32_t  w[64], v[8], t1, t2;
    unsigned  i;

    for (i = 0; i < 16; i++) {
        w[i] = (uint32_t) p[i * 4] << 24 | (uint32_t) p[i * 4 + 1] << 16
               | (uint32_t) p[i * 4 + 2] << 8 | (uint32_t) p[i * 4 + 3];
    }

    for ( /* void */ ; i < 64; i++) {
        w[i] = wh_small1(w[i - 2]) + w[i - 7] + wh_small0(w[i - 15])
               + w[i - 16];
    }

    memcpy(v, s->h, sizeof(v));

    for (i = 0; i < 64; i++) {
        t1 = v[7] + wh_big1(v[4]) + ((v[4] & v[5]) ^ (~v[4] & v[6]))
             + wh_sha256_k[i] + w[i];
        t2 = wh_big0(v[0])
             + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + t1;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = t1 + t2;
    }

    for (i = 0; i < 8; i++) {
        s->h[i] += v[i];
    }
}


static void
wh_sha256_put(unsigned char *p, uint32_t v)
{
    p[0] = (unsigned char) (v >> 24);
    p[1] = (unsigned char) (v >> 16);
    p[2] = (unsigned char) (v >> 8);
    p[3] = (unsigned char) v;
}
