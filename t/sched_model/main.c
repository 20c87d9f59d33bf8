
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * sched_model [-n schedules] [-s first_seed] [-j jobs] [-t]
 *
 * Runs random schedules; -t shows what happens in one.
 */


#include "model.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>


#define SCHEDULE_MAX  20         /* seconds */
#define JOBS_MAX      64


static void schedule(uint64_t seed, unsigned traced);
static void hangs(int signo);


run_t  run;


void
fail(const char *fmt, ...)
{
    va_list  args;

    printf("# seed %llu, at %llu ms%s: ", (unsigned long long) run.seed,
           (unsigned long long) run.now, run.exact ? "" : " (loose)");

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);

    printf("\n# see it: sched_model -s %llu -t\n",
           (unsigned long long) run.seed);

    (void) fflush(stdout);
    _exit(1);
}


void
trace(const char *fmt, ...)
{
    va_list  args;

    if (!run.trace) {
        return;
    }

    printf("# %7llu  ", (unsigned long long) run.now);

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);

    printf("\n");
}


/* splitmix64 */

uint32_t
pick(uint32_t n)
{
    uint64_t  z;

    run.random += UINT64_C(0x9e3779b97f4a7c15);

    z = run.random;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z = z ^ (z >> 31);

    return n ? (uint32_t) ((z >> 32) * n >> 32) : (uint32_t) z;
}


int
one_in(uint32_t n)
{
    return pick(n) == 0;
}


static void
schedule(uint64_t seed, unsigned traced)
{
    memset(&run, 0, offsetof(run_t, deliveries));
    memset(run.attempts, 0, sizeof(run.attempts));

    run.seed = seed;
    run.random = seed * UINT64_C(0x2545f4914f6cdd1d);
    run.trace = traced ? 1 : 0;

    (void) alarm(SCHEDULE_MAX);

    world_run();
}


static void
hangs(int signo)
{
    (void) signo;

    fail("it hangs");
}


int
main(int argc, char **argv)
{
    int                 opt, status, failed;
    pid_t               pids[JOBS_MAX];
    unsigned            traced;
    unsigned long long  i, n, first, jobs, job;

    n = 0;
    first = 1;
    jobs = 1;
    traced = 0;

    while ((opt = getopt(argc, argv, "n:s:j:t")) != -1) {

        switch (opt) {

        case 'n':
            n = strtoull(optarg, NULL, 10);
            break;

        case 's':
            first = strtoull(optarg, NULL, 10);
            break;

        case 'j':
            jobs = strtoull(optarg, NULL, 10);
            break;

        case 't':
            traced = 1;
            break;

        default:
            return 2;
        }
    }

    n = n ? n : traced ? 1 : 3000;
    jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX;
    jobs = jobs ? jobs : 1;

    (void) signal(SIGALRM, hangs);

    for (job = 0; job < jobs; job++) {

        if (jobs > 1) {
            pids[job] = fork();

            if (pids[job] != 0) {
                continue;
            }
        }

        for (i = job; i < n; i += jobs) {
            schedule(first + i, traced);
        }

        if (jobs > 1) {
            _exit(0);
        }
    }

    failed = 0;

    while (jobs > 1 && wait(&status) != -1) {

        if (status == 0 || failed) {
            continue;
        }

        failed = 1;

        /* one is enough */

        for (job = 0; job < jobs; job++) {
            (void) kill(pids[job], SIGKILL);
        }
    }

    printf("%s 1 - %llu random schedules, seeds %llu to %llu\n1..1\n",
           failed ? "not ok" : "ok", n, first, first + n - 1);

    return failed;
}
