// hard_large_test.c - large objects of the hardened mode: guards on either
// side, and addresses that are held back.

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/hard.h"
#include "core/heap/hard_large.h"
#include "core/heap/heap.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/hardened.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

// To the end of the object's pages, which are whole ones of the system's.
static size_t whole(size_t size) {
    size_t page = mh_sys_facts()->page_size;
    page = page < 8192 ? 8192 : page;
    return (size + page - 1) / page * page;
}

START_TEST(both_sides_of_an_object_trap) {
    for (size_t size = MH_HARD_SMALL_MAX + 1; size < 2000000;
         size = size * 3 / 2) {
        char *p = mheap_malloc(size);
        ck_assert_uint_eq(mheap_usable_size(p), size);
        ck_assert(mh_is_filled(p, size, 0));
        memset(p, 'x', size);
        mh_expect_trap(p - 1, true);
        mh_expect_trap(p + whole(size), true);
        mh_expect_trap(p + whole(size) - 1, false);
        ck_assert_int_eq(mh_sim_state_of(p - 1), MH_RESERVED);
        ck_assert_int_eq(mh_sim_state_of(p + whole(size)), MH_RESERVED);
        mheap_free_sized(p, size);
    }
    require_sound();
}
END_TEST

START_TEST(a_freed_object_traps) {
    char *p = mheap_malloc(100000);
    mheap_free(p);
    mh_expect_trap(p, true);
    mh_expect_trap(p + 99999, true);
    ck_assert_int_eq(mh_sim_state_of(p), MH_RESERVED);
    require_sound();
}
END_TEST

START_TEST(a_write_before_the_guard_is_found_by_free_and_by_realloc) {
    char *p = mheap_malloc(100000);
    p[100000] ^= 1;
    mheap_free(p);
    require(MHEAP_BAD_OVERFLOW, p);
    p = mheap_malloc(100000);
    p[whole(100000) - 1] ^= 1;
    ck_assert_ptr_eq(mheap_realloc(p, 100001), p);
    require(MHEAP_BAD_OVERFLOW, p);
    ck_assert_uint_eq(mheap_usable_size(p), 100001);
    p[100000] = 'x'; // its own by now
    mheap_free(p);
    require_sound();
}
END_TEST

START_TEST(a_second_free_is_found_while_the_addresses_are_held_and_later) {
    char *p = mheap_malloc(100000);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_FREE_PAGE, p);
    for (int i = 0; i < MH_HARD_HELD; i++) {
        mheap_free(mheap_malloc(100000));
    }
    mheap_free(p - 100000);
    ck_assert_uint_eq(reports, 1);
}
END_TEST

START_TEST(guards_are_nobodys_to_free) {
    char *p = mheap_malloc(100000);
    char *guard = p + whole(100000);
    mheap_free(guard);
    require(MHEAP_BAD_FREE_PAGE, guard);
    mheap_pages_free(guard);
    require(MHEAP_BAD_FREE_PAGE, guard);
    mheap_free(p);
    mheap_pages_free(p);
    require(MHEAP_BAD_FREE_PAGE, p);
    require_sound();
}
END_TEST

START_TEST(addresses_come_back_after_as_many_others) {
    char *first = mheap_malloc(100000);
    mheap_free(first);
    for (int i = 0; i < MH_HARD_HELD; i++) {
        char *p = mheap_malloc(100000);
        ck_assert_ptr_ne(p, first);
        mheap_free(p);
    }
    // The first went with the last of these; it is the lowest.
    char *p = mheap_malloc(100000);
    ck_assert_ptr_eq(p, first);
    ck_assert(mh_is_filled(p, 100000, 0));
    mheap_free(p);
    require_sound();
}
END_TEST

START_TEST(alignments_hold_to_megabytes) {
    for (size_t align = 16; align <= (size_t)4 << 20; align *= 2) {
        char *p = mheap_aligned_alloc(align, 50000);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % align, 0);
        memset(p, 'x', 50000);
        mheap_free_aligned_sized(p, align, 50000);
    }
    require_sound();
}
END_TEST

START_TEST(realloc_moves_what_it_held) {
    char *p = mheap_malloc(40000);
    memset(p, 'x', 40000);
    p = mheap_realloc(p, 300000);
    ck_assert(mh_is_filled(p, 40000, 'x'));
    ck_assert(mh_is_filled(p + 40000, 260000, 0));
    p = mheap_realloc(p, 35000);
    ck_assert(mh_is_filled(p, 35000, 'x'));
    p = mheap_realloc(p, 100);
    ck_assert(mh_is_filled(p, 100, 'x'));
    mheap_free(p);
    require_sound();
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

static uint64_t counted_objects(void) {
    const struct mh_heap_counts *counts = &mheap_default()->counts;
    return counts->large_allocs - counts->large_frees;
}

static uint64_t counted_bytes(void) {
    const struct mh_heap_counts *counts = &mheap_default()->counts;
    return counts->large_alloc_bytes - counts->large_free_bytes;
}

START_TEST(they_are_counted_without_their_guards) {
    char *p = mheap_malloc(100000);
    ck_assert_uint_eq(counted_objects(), 1);
    ck_assert_uint_eq(counted_bytes(), whole(100000));
    mheap_free(p);
    ck_assert_uint_eq(counted_objects(), 0);
    ck_assert_uint_eq(counted_bytes(), 0);
}
END_TEST

START_TEST(any_thread_frees_them) {
    char *p = mheap_malloc(100000);
    mh_in_thread(free_it, p);
    mh_expect_trap(p, true);
    require_sound();
}
END_TEST

START_TEST(heaps_that_can_end_have_no_guards) {
    struct mheap *heap = mheap_create("own");
    char *p = mheap_alloc_in(heap, 100000);
    ck_assert(mh_is_filled(p, 100000, 0));
    p[100000] ^= 1;
    mheap_free(p);
    require(MHEAP_BAD_OVERFLOW, p);
    ck_assert_ptr_nonnull(mheap_alloc_in(heap, 100000));
    mheap_destroy(heap);
    require_sound();
}
END_TEST

// Whatever is refused: no object is lost, none is where another is, and what
// should trap is at most not guarded.
START_TEST(every_refused_call_is_survived) {
    for (uint64_t n = 1; n < 80; n++) {
        char *p[4];
        mh_sim_fail_nth(n);
        for (int i = 0; i < 4; i++) {
            p[i] = mheap_malloc(70000);
            ck_assert(p[i] == NULL || mh_is_filled(p[i], 70000, 0));
            if (p[i] != NULL) {
                memset(p[i], i + 1, 70000);
            }
        }
        for (int i = 0; i < 4; i++) {
            ck_assert(p[i] == NULL ||
                      mh_is_filled(p[i], 70000, (unsigned char)(i + 1)));
            mheap_free(p[i]);
        }
        mh_sim_fail_nothing();
        require_sound();
    }
}
END_TEST

START_TEST(where_nothing_may_become_a_guard_objects_have_none) {
    mheap_free(mheap_malloc(1));
    mh_sim_fail_kind(MH_OP_fault, true);
    for (int i = 0; i < 3 * MH_HARD_HELD; i++) {
        char *p = mheap_malloc(100000);
        ck_assert(mh_is_filled(p, 100000, 0));
        memset(p, 'x', 100000);
        mheap_free(p);
    }
    mh_sim_fail_nothing();
    require_sound();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hard_large");
    TCase *tcase = tcase_create("guards");
    tcase_add_checked_fixture(tcase, harden, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, both_sides_of_an_object_trap);
    tcase_add_test(tcase, a_freed_object_traps);
    tcase_add_test(tcase,
                   a_write_before_the_guard_is_found_by_free_and_by_realloc);
    tcase_add_test(
        tcase, a_second_free_is_found_while_the_addresses_are_held_and_later);
    tcase_add_test(tcase, guards_are_nobodys_to_free);
    tcase_add_test(tcase, addresses_come_back_after_as_many_others);
    tcase_add_test(tcase, alignments_hold_to_megabytes);
    tcase_add_test(tcase, realloc_moves_what_it_held);
    tcase_add_test(tcase, they_are_counted_without_their_guards);
    tcase_add_test(tcase, any_thread_frees_them);
    tcase_add_test(tcase, heaps_that_can_end_have_no_guards);
    tcase_add_test(tcase, every_refused_call_is_survived);
    tcase_add_test(tcase, where_nothing_may_become_a_guard_objects_have_none);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
