// huge_stress_test.c - sizes that no machine has.
//
// Asking is free: what the system would never give costs neither memory nor
// time for metadata.

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "mheap/mheap.h"
#include "tests/support/test_main.h"

static long resident_kib(void) {
    struct rusage usage;
    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_maxrss;
}

static bool system_gives(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && munmap(p, size) == 0;
}

START_TEST(a_size_that_the_system_does_not_give_is_refused_at_no_cost) {
    mheap_free(mheap_malloc(100));
    long before = resident_kib();
    for (unsigned shift = 38; shift < 44; shift++) {
        size_t huge = (size_t)1 << shift;
        if (system_gives(huge)) {
            continue;
        }
        errno = 0;
        ck_assert_ptr_null(mheap_malloc(huge));
        ck_assert_ptr_null(mheap_aligned_alloc(huge, 100));
        ck_assert_int_eq(errno, ENOMEM);
        ck_assert_int_lt(resident_kib() - before, 8L << 10);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("huge");
    TCase *sizes = tcase_create("sizes");
    tcase_add_test(sizes,
                   a_size_that_the_system_does_not_give_is_refused_at_no_cost);
    suite_add_tcase(suite, sizes);
    return mh_test_main(suite);
}
