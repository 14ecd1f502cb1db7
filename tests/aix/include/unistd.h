// unistd.h - the subroutines of their names in IBM's "Technical Reference: Base
// Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_UNISTD_H
#define MHEAP_TESTS_AIX_INCLUDE_UNISTD_H

#include <sys/types.h>

#define STDERR_FILENO 2
// golang/go, src/runtime/defs_aix_ppc64.go: __SC_PAGE_SIZE.
#define _SC_PAGESIZE 0x30

int close(int fildes);
ssize_t read(int fildes, void *buffer, size_t size);
ssize_t write(int fildes, const void *buffer, size_t size);
long sysconf(int name);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
pid_t getpid(void);
void _exit(int status);

#endif // MHEAP_TESTS_AIX_INCLUDE_UNISTD_H
