
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * Keys of signatures, as they are written.
 */


#ifndef _WH_KEY_H_INCLUDED_
#define _WH_KEY_H_INCLUDED_


#include "wh.h"


#define WH_KEY_HMAC     0
#define WH_KEY_ED25519  1

#define WH_KEY_SIZE     64    /* octets of the longest one of wh_key_t */
#define WH_KEY_SEED     32    /* of a secret of Ed25519 */
#define WH_KEY_PUBLIC   32


typedef struct {
    int            type;
    int            has_public;               /* "public" was there, too */
    size_t         len;
    unsigned char  secret[WH_KEY_SIZE];      /* of Ed25519: the seed */
    unsigned char  public[WH_KEY_PUBLIC];
} wh_key_t;


/*
 * A key of Standard Webhooks: "whsec_" and base64 of 24 to 64 octets for
 * HMAC-SHA256, or "whsk_" and base64 of 32 or 64 octets for Ed25519: the
 * seed, or the seed and the public key.  On WH_ERROR *err is a static
 * sentence that says what is allowed, and has nothing of the text.  The
 * caller cleanses *key, which is written to in any case.
 */
int wh_key_standard(wh_str_t text, wh_key_t *key, const char **err);

/*
 * A secret key of Ed25519, likewise: as above, or base64 without "whsk_", or
 * base64 of PKCS#8 (RFC 8410), which is the line between those of a PEM file.
 */
int wh_key_ed25519(wh_str_t text, wh_key_t *key, const char **err);

/*
 * RFC 4648, section 4, strictly: padded, no unused bits, nothing else.  Puts
 * *len octets into "out", which has room for "size".  WH_OK, WH_ERROR, or
 * WH_LIMIT: there is no room; "out" may be written to then.
 */
int wh_base64_decode(wh_str_t in, unsigned char *out, size_t size,
    size_t *len);

/* the same for hexadecimal digits of both cases */
int wh_hex_decode(wh_str_t in, unsigned char *out, size_t size, size_t *len);


#endif /* _WH_KEY_H_INCLUDED_ */
