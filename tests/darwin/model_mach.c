// model_mach.c - what of Mach the backend and its tests ask.

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/darwin/model.h"
#include "tests/darwin/model_regions.h"

// xnu:osfmk/mach/kern_return.h
enum { SUCCESS = 0, INVALID_ADDRESS = 1, INVALID_ARGUMENT = 4 };

// xnu:osfmk/mach/vm_statistics.h
enum { PAGE_PRESENT = 0x1, PAGE_REUSABLE = 0x800 };

// xnu:osfmk/mach/vm_page_size.h: the pages of the process and of the kernel.
static size_t d_vm_page_size, d_vm_kernel_page_size;

static uint32_t d_mach_task_self = 0x103; // the process's own port

__attribute__((constructor(200))) static void self_is_known(void) {
    d_vm_page_size = 4096;
    d_vm_kernel_page_size = 4096;
}

// model_tasks.c
int task_page_words(uint32_t task, uint64_t address, uint64_t n, int *words);

void mach_start(void);
void mach_start(void) {
    d_vm_page_size = machine.page;
    d_vm_kernel_page_size = machine.kernel_page;
}

// xnu:osfmk/mach/mach_vm.defs, mach_vm_page_range_query: a word for each page,
// count says for how many there is room and then how many were told.
static int d_page_range_query(uint32_t task, uint64_t address, uint64_t size,
                              uint64_t words_address, uint64_t *count) {
    int *words = (int *)(uintptr_t)words_address;
    uint64_t n = size / machine.page;

    n = n < *count ? n : *count;
    if (address % machine.page != 0) {
        return INVALID_ARGUMENT;
    }
    if (task != d_mach_task_self) {
        *count = n;
        return task_page_words(task, address, n, words);
    }
    for (uint64_t i = 0; i < n; i++) {
        uintptr_t page = (uintptr_t)(address + i * machine.page);
        const struct region *region = regions_next(page);
        unsigned char bits[16] = {0};
        if (region == NULL || region->start > page) {
            return INVALID_ADDRESS;
        }
        (void)mincore((void *)page, machine.page, bits);
        words[i] = (bits[0] & 1) != 0 ? PAGE_PRESENT : 0;
        words[i] |= region->reusable ? PAGE_REUSABLE : 0;
    }
    *count = n;
    return SUCCESS;
}

const struct symbol mach_symbols[] = {
    {"vm_page_size", &d_vm_page_size},
    {"vm_kernel_page_size", &d_vm_kernel_page_size},
    {"mach_task_self_", &d_mach_task_self},
    {"mach_vm_page_range_query", (void *)d_page_range_query},
    {NULL, NULL},
};
