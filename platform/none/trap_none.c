// trap_none.c - where traps cannot be told of, nor stacks be walked.

#include <errno.h>

#include "platform/os_trap.h"

struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address)) {
    (void)hook;
    return (struct mh_os_err){ENOTSUP};
}

bool mh_os_can_read(uintptr_t address, size_t size) {
    (void)address;
    (void)size;
    return false;
}
