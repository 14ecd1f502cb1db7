// time.h - "clock_getres, clock_gettime, and clock_settime Subroutine" of IBM's
// "Technical Reference: Base Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_TIME_H
#define MHEAP_TESTS_AIX_INCLUDE_TIME_H

#include <sys/types.h>

struct timespec {
    time_t tv_sec;
    long tv_nsec;
};

// rust-lang/libc, src/unix/aix/mod.rs.
#define CLOCK_REALTIME  9
#define CLOCK_MONOTONIC 10

int clock_gettime(clockid_t clock, struct timespec *now);

#endif // MHEAP_TESTS_AIX_INCLUDE_TIME_H
