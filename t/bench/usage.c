
/*
 * Runs a command, and prints on its standard output what it has taken: seconds
 * of CPU time, of the wall, and the largest resident set in kilobytes.  Exits
 * as the command does.
 */

#define _GNU_SOURCE

#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


int
main(int argc, char **argv)
{
    int              status;
    pid_t            pid;
    struct rusage    ru;
    struct timespec  from, to;

    if (argc < 2) {
        return 2;
    }

    clock_gettime(CLOCK_MONOTONIC, &from);

    pid = fork();

    if (pid == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }

    if (pid == -1 || wait4(pid, &status, 0, &ru) != pid) {
        return 2;
    }

    clock_gettime(CLOCK_MONOTONIC, &to);

    printf("%.3f %.3f %ld\n", ru.ru_utime.tv_sec + ru.ru_stime.tv_sec
           + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
           to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9,
           ru.ru_maxrss);

    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
