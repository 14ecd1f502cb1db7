// sys/resource.h - "getrlimit, getrlimit64 ... Subroutine" of IBM's "Technical
// Reference: Base Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SYS_RESOURCE_H
#define MHEAP_TESTS_AIX_INCLUDE_SYS_RESOURCE_H

// rust-lang/libc, src/unix/aix: rlim_t, RLIMIT_AS, RLIM_INFINITY of 64 bits.
typedef unsigned long rlim_t;
struct rlimit {
    rlim_t rlim_cur, rlim_max;
};
#define RLIMIT_AS     6
#define RLIM_INFINITY ((rlim_t)-1 >> 1)

int getrlimit(int resource, struct rlimit *limit);

#endif // MHEAP_TESTS_AIX_INCLUDE_SYS_RESOURCE_H
