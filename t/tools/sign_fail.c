
/*
 * An interposer for tests: as long as the file SIGN_FAIL_HMAC, or the file
 * SIGN_FAIL_PKEY, is there, the TLS library fails to make a MAC with a key that
 * was set before, or a signature.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>


int
HMAC_Init_ex(void *ctx, const void *key, int len, const void *md,
    void *engine)
{
    static int  (*next)(void *, const void *, int, const void *, void *);

    if (key == NULL && access(getenv("SIGN_FAIL_HMAC"), F_OK) == 0) {
        return 0;
    }

    if (next == NULL) {
        next = (int (*)(void *, const void *, int, const void *, void *))
               dlsym(RTLD_NEXT, "HMAC_Init_ex");
    }

    return next(ctx, key, len, md, engine);
}


int
EVP_DigestSign(void *ctx, unsigned char *sig, size_t *siglen,
    const unsigned char *data, size_t len)
{
    static int  (*next)(void *, unsigned char *, size_t *,
                        const unsigned char *, size_t);

    if (access(getenv("SIGN_FAIL_PKEY"), F_OK) == 0) {
        return 0;
    }

    if (next == NULL) {
        next = (int (*)(void *, unsigned char *, size_t *,
                        const unsigned char *, size_t))
               dlsym(RTLD_NEXT, "EVP_DigestSign");
    }

    return next(ctx, sig, siglen, data, len);
}
