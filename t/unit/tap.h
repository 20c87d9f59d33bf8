
/*
 * Copyright (C) ngx_http_webhook_module authors
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


/*
 * TAP for unit tests.  Every check takes a name in printf() style, which
 * states what is expected; main() ends with "return done_testing();".
 */

#define TAP_FUNC  static __attribute__((unused))


TAP_FUNC int  tap_count;
TAP_FUNC int  tap_failed;


/* octets that would spoil the output are shown in hex */

TAP_FUNC void
tap_print(const char *p, size_t n, const char *special)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < n; i++) {
        c = (unsigned char) p[i];

        if (c >= 0x20 && c < 0x7f && strchr(special, c) == NULL) {
            printf("%c", c);

        } else {
            printf("\\x%02x", c);
        }
    }
}


TAP_FUNC __attribute__((format(printf, 2, 0))) int
tap_result(int passed, const char *fmt, va_list args)
{
    char  name[1024];

    (void) vsnprintf(name, sizeof(name), fmt, args);

    tap_count++;

    if (!passed) {
        tap_failed++;
    }

    printf("%s %d - ", passed ? "ok" : "not ok", tap_count);
    tap_print(name, strlen(name), "#");
    printf("\n");
    fflush(stdout);

    return passed;
}


TAP_FUNC void
tap_show(const char *what, const char *p, size_t n)
{
    size_t  max;

    max = n < 512 ? n : 512;

    printf("#   %s (%zu): \"", what, n);
    tap_print(p, max, "\"\\");
    printf(max < n ? "\"...\n" : "\"\n");
}


TAP_FUNC __attribute__((format(printf, 2, 3))) int
ok(int cond, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    cond = tap_result(cond != 0, fmt, args);
    va_end(args);

    return cond;
}


TAP_FUNC __attribute__((format(printf, 3, 4))) int
is_int(int64_t got, int64_t expected, const char *fmt, ...)
{
    int      passed;
    va_list  args;

    va_start(args, fmt);
    passed = tap_result(got == expected, fmt, args);
    va_end(args);

    if (!passed) {
        printf("#   got: %lld\n#   expected: %lld\n", (long long) got,
               (long long) expected);
    }

    return passed;
}


TAP_FUNC __attribute__((format(printf, 5, 6))) int
is_mem(const char *got, size_t got_len, const char *expected,
    size_t expected_len, const char *fmt, ...)
{
    int      passed;
    va_list  args;

    passed = (got_len == expected_len
              && (got_len == 0 || memcmp(got, expected, got_len) == 0));

    va_start(args, fmt);
    passed = tap_result(passed, fmt, args);
    va_end(args);

    if (!passed) {
        tap_show("got", got, got_len);
        tap_show("expected", expected, expected_len);
    }

    return passed;
}


/* octets against a C string */

#define is_str(got, len, expected, ...)                                      \
    is_mem(got, len, expected, strlen(expected), __VA_ARGS__)


TAP_FUNC int
done_testing(void)
{
    printf("1..%d\n", tap_count);

    if (tap_failed) {
        printf("# %d of %d failed\n", tap_failed, tap_count);
    }

    return tap_failed ? 1 : 0;
}


/*
 * A copy of n octets that ends where an unmapped page starts: reading past
 * the end crashes.  guard_free() takes what guard_copy() gave, and n.
 */

TAP_FUNC size_t
guard_pages(size_t n)
{
    size_t  page;

    page = (size_t) sysconf(_SC_PAGESIZE);

    return (n / page + 1) * page;
}


TAP_FUNC char *
guard_copy(const char *p, size_t n)
{
    char    *m;
    size_t   page, size;

    page = (size_t) sysconf(_SC_PAGESIZE);
    size = guard_pages(n);

    m = mmap(NULL, size + page, PROT_READ|PROT_WRITE,
             MAP_PRIVATE|MAP_ANONYMOUS, -1, 0);

    if (m == MAP_FAILED || mprotect(m + size, page, PROT_NONE) == -1) {
        printf("Bail out! no memory for a guard page\n");
        exit(2);
    }

    if (n) {
        memcpy(m + size - n, p, n);
    }

    return m + size - n;
}


TAP_FUNC void
guard_free(char *p, size_t n)
{
    size_t  page, size;

    page = (size_t) sysconf(_SC_PAGESIZE);
    size = guard_pages(n);

    (void) munmap(p + n - size, size + page);
}


#endif /* _TAP_H_INCLUDED_ */
