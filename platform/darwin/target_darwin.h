// target_darwin.h - what the parts of the reader for Darwin share.

#ifndef MHEAP_PLATFORM_DARWIN_TARGET_DARWIN_H
#define MHEAP_PLATFORM_DARWIN_TARGET_DARWIN_H

#include <libproc.h>
#include <mach/kern_return.h>
#include <mach/mach_types.h>
#include <stdbool.h>

#include "platform/target.h"

struct mh_target {
    task_t task;
    int pid;
    uint64_t started; // in microseconds: tells a process from a later one
    size_t page_size;
};

// mh_darwin_target_status sorts what a call of Mach's returned.
enum mh_target_status mh_darwin_target_status(struct mh_target *target,
                                              kern_return_t code);

// mh_darwin_describe fills what the system tells everybody about a process.
// False: there is no such process, or none that still runs.
bool mh_darwin_describe(int pid, struct proc_bsdinfo *info);

// mach/mach_vm.h. Not every collection of the system's headers has that file;
// the library has the functions.
kern_return_t mach_vm_read_overwrite(vm_map_read_t task, mach_vm_address_t at,
                                     mach_vm_size_t size, mach_vm_address_t to,
                                     mach_vm_size_t *size_out);
kern_return_t mach_vm_region_recurse(vm_map_read_t task, mach_vm_address_t *at,
                                     mach_vm_size_t *size, natural_t *depth,
                                     int *info, mach_msg_type_number_t *count);
kern_return_t mach_vm_page_range_query(vm_map_read_t task, mach_vm_offset_t at,
                                       mach_vm_size_t size,
                                       mach_vm_address_t words,
                                       mach_vm_size_t *count);

#endif // MHEAP_PLATFORM_DARWIN_TARGET_DARWIN_H
