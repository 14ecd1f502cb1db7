// mem_aix.c - the four states of memory on AIX.
//
//   Reserved  mapped without access
//   Prepared  mapped for reading and writing
//   Ready     the same; pages come when they are touched
//
// What bites, each with the page of IBM's "AIX Technical Reference: Base
// Operating System and Extensions" that says so:
//
// - mmap with MAP_FIXED over a mapping fails, ENOMEM, unless the process was
//   started with XPG_SUS_ENV=ON ("mmap or mmap64 Subroutine", MAP_FIXED and
//   Error Codes). A library cannot ask for that, so no call here maps over
//   anything: rights change by mprotect, which keeps the pages.
// - Without that variable mprotect returns 0 also for what no mmap made
//   ("mprotect Subroutine", Return Values). Nothing is learned from a 0, but
//   all memory here is mmap's; a failure is real.
// - madvise is there for compatibility and does nothing ("madvise Subroutine").
//   disclaim zeroes an area that the process may write, and its page does not
//   say whether what mmap made is one ("disclaim and disclaim64 Subroutines").
//   So nothing is promised to give a page back: unused keeps it, and the facts
//   say that it comes back as it was.
// - munmap takes time by the pages that were touched in a sparse range, seconds
//   where they are many and far apart (measured in golang/go issue 35451). What
//   is reserved large and touched here and there, the arena map, is therefore
//   never unmapped; what is trimmed off or given back was never touched.

#include <errno.h>
#include <sys/mman.h>

#include "platform/os.h"
#include "platform/posix/posix_util.h"

struct mh_os_err mh_os_alloc(size_t size, void **base_out) {
    return mh_posix_map(NULL, size, PROT_READ | PROT_WRITE, 0, base_out);
}

// Without MAP_FIXED the address is a hint: the system goes elsewhere when the
// place is taken ("mmap or mmap64 Subroutine", addr and MAP_VARIABLE).
struct mh_os_err mh_os_reserve(void *hint, size_t size, void **base_out) {
    return mh_posix_map(hint, size, PROT_NONE, 0, base_out);
}

struct mh_os_err mh_os_map(void *base, size_t size) {
    return mh_posix_protect(base, size, PROT_READ | PROT_WRITE);
}

struct mh_os_err mh_os_used(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){0};
}

struct mh_os_err mh_os_unused(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){0};
}

// The pages stay, and hold what they held when the range is mapped again.
struct mh_os_err mh_os_fault(void *base, size_t size) {
    return mh_posix_protect(base, size, PROT_NONE);
}

struct mh_os_err mh_os_free(void *base, size_t size) {
    return mh_posix_unmap(base, size);
}

// There is no mremap.
struct mh_os_err mh_os_move(void *from, void *to, size_t size) {
    (void)from;
    (void)to;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

// A new mapping over the range would do it, if it were not refused.
struct mh_os_err mh_os_discard(void *base, size_t size) {
    (void)base;
    (void)size;
    return (struct mh_os_err){ENOTSUP};
}

struct mh_os_err mh_os_map_shared(int fd, size_t size, void **base_out) {
    return mh_posix_map_shared(fd, size, base_out);
}

bool mh_os_err_is_oom(struct mh_os_err err) {
    return mh_posix_is_oom(err.code);
}
