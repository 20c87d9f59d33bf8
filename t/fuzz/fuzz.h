
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wh.h"
#include "wh_json.h"


/* what fuzzers share: they abort where something is not as it is stated */

#define FUZZ_FUNC  static __attribute__((unused))


#define CHECK(cond)                                                          \
    if (!(cond)) {                                                           \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);           \
        abort();                                                             \
    }


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/*
 * A block of its own, for the sanitizer to see what is beyond it, or NULL for
 * nothing at all; to be freed by the caller.
 */

FUZZ_FUNC void *
fuzz_copy(const void *data, size_t size)
{
    void  *p;

    if (size == 0) {
        return NULL;
    }

    p = malloc(size);
    CHECK(p != NULL);

    memcpy(p, data, size);

    return p;
}


/* an empty buffer that grows up to "max" octets; its data are to be freed */

FUZZ_FUNC void
fuzz_buf(wh_buf_t *b, size_t max)
{
    memset(b, 0, sizeof(wh_buf_t));

    b->max = max;
    b->grow = wh_buf_malloc;
}


FUZZ_FUNC void *
fuzz_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


FUZZ_FUNC void
fuzz_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}


/* whether it is JSON */

FUZZ_FUNC int
fuzz_json_valid(const char *p, size_t n)
{
    int          rc;
    wh_json_t   *j;
    wh_alloc_t   mem;

    mem.alloc = fuzz_alloc;
    mem.free = fuzz_free;
    mem.ctx = NULL;

    j = wh_json_create(NULL, 0, &mem);
    CHECK(j != NULL);

    (void) wh_json_feed(j, p, n);
    rc = wh_json_finish(j);

    wh_json_destroy(j);

    return rc == WH_OK;
}


#endif /* _FUZZ_H_INCLUDED_ */
