// resident.c - how much of a range takes up memory.

#include <check.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/expect.h"

size_t mh_resident_pages(const void *base, size_t npages) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t n = 0;

    for (size_t i = 0; i < npages; i++) {
        unsigned char in_core = 0;
        void *at = (void *)((uintptr_t)base + i * page);
        ck_assert_int_eq(mincore(at, page, &in_core), 0);
        n += in_core & 1;
    }
    return n;
}
