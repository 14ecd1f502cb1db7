// sys/types.h - what the library needs of AIX's types, declared for machines
// that have none of its headers.

#ifndef MHEAP_TESTS_AIX_INCLUDE_SYS_TYPES_H
#define MHEAP_TESTS_AIX_INCLUDE_SYS_TYPES_H

#include <stddef.h>

// Sizes as rust-lang/libc has them for AIX (src/unix/aix/mod.rs): the C library
// calls a 32-bit and a 64-bit program alike but for what is long.
typedef long off_t;
typedef long ssize_t;
typedef long time_t;
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned int mode_t;
typedef unsigned long dev_t;
typedef unsigned long ino_t;
typedef short nlink_t;
typedef long blksize_t;
typedef long blkcnt_t;
typedef long long clockid_t;
typedef unsigned int pthread_t;
typedef unsigned int pthread_key_t;
typedef void *pthread_attr_t;
typedef void *pthread_mutexattr_t;
typedef void *pthread_condattr_t;

// rust-lang/libc, src/unix/aix/powerpc64.rs: pthread_mutex_t, pthread_cond_t,
// sigset_t, for 64 bits. Of 32 bits the sizes are IBM's alone to know: 32-bit
// objects that are compiled with these are not to be linked.
typedef struct {
    long word[8];
} pthread_mutex_t;
typedef struct {
    long word[6];
} pthread_cond_t;
typedef struct {
    unsigned long set[4];
} sigset_t;

#endif // MHEAP_TESTS_AIX_INCLUDE_SYS_TYPES_H
