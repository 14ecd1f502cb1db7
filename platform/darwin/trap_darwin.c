// trap_darwin.c - being told of accesses that trap on Darwin.

#include <mach/mach_init.h>
#include <mach/mach_types.h>

#include "platform/posix/posix_trap.h"

// In <mach/mach_vm.h>, which not every copy of the system's headers has.
kern_return_t mach_vm_read_overwrite(vm_map_read_t task, mach_vm_address_t at,
                                     mach_vm_size_t size, mach_vm_address_t to,
                                     mach_vm_size_t *read_out);

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
