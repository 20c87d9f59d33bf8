
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>


/*
 * A main() for a fuzz target without libFuzzer: replays the files given as
 * arguments.  A target aborts if an invariant does not hold.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
main(int argc, char *const *argv)
{
    int       i;
    FILE     *f;
    size_t    n, size;
    uint8_t  *data;

    size = 1 << 20;

    data = malloc(size);
    if (data == NULL) {
        return 2;
    }

    for (i = 1; i < argc; i++) {
        f = fopen(argv[i], "rb");

        if (f == NULL) {
            perror(argv[i]);
            free(data);
            return 2;
        }

        n = fread(data, 1, size, f);
        (void) fclose(f);

        (void) LLVMFuzzerTestOneInput(data, n);
    }

    printf("%d inputs replayed\n", argc - 1);

    free(data);

    return 0;
}
