// fcntl.h - "open ... Subroutine" of IBM's "Technical Reference: Base Operating
// System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_FCNTL_H
#define MHEAP_TESTS_AIX_INCLUDE_FCNTL_H

#include <sys/types.h>

// rust-lang/libc, src/unix/aix/mod.rs.
#define O_RDONLY 0x0

int open(const char *path, int flags, ...);

#endif // MHEAP_TESTS_AIX_INCLUDE_FCNTL_H
