
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * SHA-256 (FIPS 180-4), since nginx may be built without OpenSSL.
 */


#ifndef _WH_SHA256_H_INCLUDED_
#define _WH_SHA256_H_INCLUDED_


#include "wh.h"


#define WH_SHA256_SIZE   32
#define WH_SHA256_BLOCK  64


typedef struct {
    uint32_t       h[8];
    uint64_t       len;                      /* octets so far */
    unsigned char  block[WH_SHA256_BLOCK];
} wh_sha256_t;


void wh_sha256_init(wh_sha256_t *s);
void wh_sha256_update(wh_sha256_t *s, const char *data, size_t len);
void wh_sha256_final(wh_sha256_t *s, unsigned char digest[WH_SHA256_SIZE]);


#endif /* _WH_SHA256_H_INCLUDED_ */
