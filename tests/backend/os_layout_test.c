// os_layout_test.c - the whole heap over one backend: where its memory lies,
// and that little address space is enough to start.
//
// The row of the table of layouts that this build picks is data like the
// others; here it is held against what the system really gives.

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/resource.h>
#    include <unistd.h>
#endif

#include "core/base/params.h"
#include "core/heap/arena.h"
#include "core/meta/layout.h"
#include "core/sys/sys.h"
#include "mheap/mheap.h"
#include "tests/support/emulated.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

#if MH_TEST_SIM
#    include "platform/sim/sim.h"
#endif

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

// Objects of three kinds: of many to a page, of pages, and large ones.
static const size_t kinds[] = {512, 5000, 100 * KIB};
enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]), MOST = 16384 };
static unsigned char *objects[MOST];

// Gets `bytes` in objects of all kinds and fills each with its number.
static size_t fill(size_t bytes) {
    size_t n = 0;

    for (size_t got = 0; got < bytes; n++) {
        // As many bytes of each kind as of the others.
        size_t size = kinds[got * NKINDS / bytes];
        unsigned char *object = n < MOST ? mheap_malloc(size) : NULL;
        if (object == NULL) {
            ck_abort_msg("object %zu is not to be had", n);
        }
        memset(object, (int)(n & 0xff), size);
        objects[n % MOST] = object;
        got += size;
    }
    return n;
}

START_TEST(the_granule_of_the_build_is_that_of_its_row) {
    ck_assert_uint_eq(mh_layout_own()->arena_shift, MH_ARENA_SHIFT);
    ck_assert_uint_eq(mh_layout_own()->pointer_bits, sizeof(void *) * 8);
}
END_TEST

// Frees all objects; says how many still held their number.
static size_t empty(size_t n) {
    size_t good = 0;

    for (size_t i = 0; i < n; i++) {
        good += objects[i][0] == (i & 0xff);
        mheap_free(objects[i]);
    }
    return good;
}

static bool lies_where_the_row_says(const struct mh_layout *row, uintptr_t at) {
    struct mh_arena *arena = mh_arena_of(at);
    uint64_t number = mh_layout_arena_index(row, at);

    return mh_layout_addressable(row, at, (uint64_t)at + 1) && arena != NULL &&
           arena->base == mh_layout_arena_base(row, number);
}

START_TEST(every_object_lies_where_the_row_has_numbers) {
    size_t n = fill(8 * MIB);

    for (size_t i = 0; i < n; i++) {
        if (!lies_where_the_row_says(mh_layout_own(), (uintptr_t)objects[i])) {
            ck_abort_msg("object at %p", (void *)objects[i]);
        }
    }
    ck_assert_uint_eq(empty(n), n);
}
END_TEST

#if !MH_TEST_SIM && MH_HAVE_FORK
// What programs map otherwise lies at the other end of the address space.
START_TEST(a_heap_of_32_bits_begins_above_the_program) {
    uintptr_t program = (uintptr_t)sbrk(0);
    uintptr_t first = (uintptr_t)mheap_malloc(100);

    if (mh_layout_own()->rule == MH_HINTS_ABOVE_PROGRAM) {
        ck_assert_uint_gt(first, program);
        ck_assert_uint_lt(first - program, 512 * MIB);
        struct mh_account now = mh_sys_account(MH_FOR_HEAP);
        ck_assert_uint_ge(now.reserved + now.prepared + now.ready, 128 * MIB);
    } else {
        ck_assert_uint_eq(mh_layout_initial_bytes(mh_layout_own(), 0), 0);
    }
    mheap_free((void *)first);
}
END_TEST

// Else the first object that is larger than the hole up to one of them would
// find no room, though there is enough.
START_TEST(metadata_does_not_cut_up_what_the_heap_of_32_bits_grows_by) {
    size_t n = 0;
    while (n < 20 && (objects[n] = mheap_malloc(32 * MIB)) != NULL) {
        n++; // 640 MiB, where there are so many: more than is reserved at start
    }
    ck_assert_uint_ge(n, 4);
    size_t page = mh_sys_facts()->page_size;
    for (size_t i = 1; i < mh_arenas.count; i++) {
        const struct mh_arena *before = mh_arenas.table[i - 1];
        size_t size = mh_align_up((size_t)before->record_bytes, page);
        ck_assert_uint_eq((uintptr_t)mh_arenas.table[i],
                          (uintptr_t)before + size);
    }
}
END_TEST
#endif

#if MH_TEST_SIM || MH_HAVE_FORK
// ulimit -v of 32 MiB. Of the real system only natively: emulators do not hold
// a program to its limit; nor under a sanitizer, whose shadow is far larger.
static void leave_little_space(void) {
    size_t limit = 32 * MIB;
#    if MH_TEST_SIM
    mh_sim_limit_space(limit);
#    else
    struct rlimit little = {limit, limit};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &little), 0);
#    endif
}

START_TEST(a_heap_starts_and_serves_8_mb_in_32_mib_of_addresses) {
    leave_little_space();
    size_t n = fill(8 * MIB);

    ck_assert_uint_eq(empty(n), n);
    // What cannot be had is refused, and the heap is whole.
    ck_assert_ptr_null(mheap_malloc(64 * MIB));
    n = fill(4 * MIB);
    ck_assert_uint_eq(empty(n), n);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("os_layout");
    TCase *tests = tcase_create("own row");

    tcase_add_test(tests, the_granule_of_the_build_is_that_of_its_row);
    tcase_add_test(tests, every_object_lies_where_the_row_has_numbers);
#if MH_TEST_SIM
    tcase_add_test(tests, a_heap_starts_and_serves_8_mb_in_32_mib_of_addresses);
#elif MH_HAVE_FORK
    tcase_add_test(tests, a_heap_of_32_bits_begins_above_the_program);
    if (mh_layout_own()->rule == MH_HINTS_ABOVE_PROGRAM) {
        tcase_add_test(
            tests, metadata_does_not_cut_up_what_the_heap_of_32_bits_grows_by);
    }
    if (!MH_SANITIZED) {
        MH_ADD_NATIVE_TEST(
            tests, a_heap_starts_and_serves_8_mb_in_32_mib_of_addresses);
    }
#else
    mh_leave_out(a_heap_starts_and_serves_8_mb_in_32_mib_of_addresses,
                 "no limit of addresses");
#endif
    suite_add_tcase(suite, tests);
    return mh_test_main(suite);
}
