// sys/mman.h - "mmap or mmap64 Subroutine", "mprotect Subroutine" and "munmap
// Subroutine" of IBM's "Technical Reference: Base Operating System".

#ifndef MHEAP_TESTS_AIX_INCLUDE_SYS_MMAN_H
#define MHEAP_TESTS_AIX_INCLUDE_SYS_MMAN_H

#include <sys/types.h>

// golang/go, src/runtime/defs_aix_ppc64.go, which cgo made of IBM's header.
#define PROT_NONE     0x0
#define PROT_READ     0x1
#define PROT_WRITE    0x2
#define MAP_PRIVATE   0x2
#define MAP_ANONYMOUS 0x10
#define MAP_FIXED     0x100
// rust-lang/libc, src/unix/aix/mod.rs.
#define MAP_SHARED 0x1
#define MAP_FAILED ((void *)-1)

void *mmap(void *addr, size_t len, int prot, int flags, int fildes, off_t off);
int mprotect(void *addr, size_t len, int prot);
int munmap(void *addr, size_t len);

#endif // MHEAP_TESTS_AIX_INCLUDE_SYS_MMAN_H
