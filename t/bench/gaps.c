
/*
 * What a process sees that does nothing but to read the clock: how long others
 * have the processor, be they processes, interrupts, or guests of the host.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>


static uint64_t
gaps_clock(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


int
main(int argc, char **argv)
{
    uint64_t  end, last, now, longest;
    unsigned  n;

    longest = 0;
    n = 0;

    last = gaps_clock();
    end = last + (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000000000;

    while (last < end) {
        now = gaps_clock();

        if (now - last > longest) {
            longest = now - last;
        }

        n += (now - last >= 1000000);
        last = now;
    }

    printf("%u gaps of 1 ms or more, the longest is %.3f ms\n", n,
           (double) longest / 1e6);

    return 0;
}
