
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include "fuzz.h"
#include <zlib.h>

#include "wh_kept.h"


/*
 * Windows lie inside of their record, and can be taken over.  The version, the
 * length and the checksum are made right, so that more than these is tested.
 */


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char         *p;
    uint32_t      i, version, crc;
    uint64_t      len;
    wh_kept_t     k;
    wh_line_t     line;
    const char   *window;

    p = fuzz_copy(data, size);

    if (size >= 16) {
        version = WH_KEPT_VERSION;
        len = size;

        memcpy(p, &version, sizeof(version));
        memcpy(p + 8, &len, sizeof(len));

        crc = (uint32_t) crc32_z(version, (Bytef *) p + 8, size - 8);
        memcpy(p + 4, &crc, sizeof(crc));
    }

    if (wh_kept_get(p, size, &k) == WH_OK) {

        for (i = 0; i < k.nwindows; i++) {
            window = k.windows[i].data;

            CHECK(window >= p && window + k.windows[i].len <= p + size);

            line.tag = k.windows[i].tag;
            line.window = calloc(1, wh_window_size(10));
            CHECK(line.window != NULL);

            wh_window_init(line.window, 10);
            wh_kept_windows(&k, &line, 1);

            CHECK(line.window->base <= line.window->head);
            (void) wh_window_add(line.window, 10, 1000, 1000);

            free(line.window);
        }
    }

    free(p);

    return 0;
}
