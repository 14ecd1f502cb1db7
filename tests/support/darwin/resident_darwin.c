// resident_darwin.c - how much of a range counts against the process: pages
// that were given up may be there still, for the system to take.

#include <check.h>
#include <mach/mach_init.h>
#include <mach/vm_page_size.h>
#include <mach/vm_statistics.h>

#include "tests/support/expect.h"

// mach/mach_vm.h, which zig 0.11 does not bring.
kern_return_t mach_vm_page_range_query(task_t task, mach_vm_offset_t address,
                                       mach_vm_size_t size,
                                       mach_vm_address_t words,
                                       mach_vm_size_t *count);

size_t mh_resident_pages(const void *base, size_t npages) {
    size_t n = 0;

    for (size_t i = 0; i < npages; i++) {
        int word = 0;
        mach_vm_size_t count = 1;
        mach_vm_offset_t at = (uintptr_t)base + i * vm_page_size;
        ck_assert_int_eq(mach_vm_page_range_query(mach_task_self(), at,
                                                  vm_page_size,
                                                  (uintptr_t)&word, &count),
                         KERN_SUCCESS);
        n += (word & VM_PAGE_QUERY_PAGE_PRESENT) != 0 &&
             (word & VM_PAGE_QUERY_PAGE_REUSABLE) == 0;
    }
    return n;
}
