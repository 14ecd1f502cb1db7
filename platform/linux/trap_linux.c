// trap_linux.c - being told of accesses that trap on Linux.

#include <sys/syscall.h>
#include <unistd.h>

#include "platform/posix/posix_trap.h"

// Not one of the ways to change a mask.
enum { NO_SUCH_WAY = -1 };

struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address)) {
    return mh_posix_on_trap(hook);
}

// The kernel copies the mask before it looks at what is to be done with it:
// EFAULT or EINVAL, and nothing happens either way.
static bool holds_mask(uintptr_t address) {
    return syscall(SYS_rt_sigprocmask, NO_SUCH_WAY, address, NULL, _NSIG / 8) !=
               0 &&
           errno == EINVAL;
}

bool mh_os_can_read(uintptr_t address, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = address + size;
    int saved = errno;
    bool can = end >= address;

    // A mask is 8 or 16 bytes: the last of each page.
    for (uintptr_t at = address & ~(page - 1); can && at < end; at += page) {
        can = holds_mask(at + page - _NSIG / 8);
    }
    errno = saved;
    return can;
}
