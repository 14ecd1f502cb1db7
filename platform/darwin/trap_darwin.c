// trap_darwin.c - being told of accesses that trap on Darwin.

#include <mach/mach_init.h>
#include <mach/mach_vm.h>

#include "platform/posix/posix_trap.h"

struct mh_os_err mh_os_on_trap(void (*hook)(uintptr_t address)) {
    return mh_posix_on_trap(hook);
}

// A copy of what cannot be read fails.
bool mh_os_can_read(uintptr_t address, size_t size) {
    unsigned char copy[64];
    mach_vm_size_t got = 0;

    return size <= sizeof(copy) &&
           mach_vm_read_overwrite(mach_task_self(), address, size,
                                  (mach_vm_address_t)(uintptr_t)copy,
                                  &got) == KERN_SUCCESS;
}
