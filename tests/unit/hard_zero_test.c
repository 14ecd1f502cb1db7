// hard_zero_test.c - objects of no bytes in the hardened mode.

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/heap/hard_zero.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/hardened.h"
#include "tests/support/test_main.h"

enum { ALL = 65536 };

// volatile: compilers know what malloc(0) is.
static volatile size_t none = 0;

START_TEST(each_has_an_address_of_its_own_at_which_nothing_is) {
    static char *p[1000];
    for (int i = 0; i < 1000; i++) {
        p[i] = mheap_malloc(none);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
        ck_assert_uint_eq(mheap_usable_size(p[i]), 0);
        for (int j = 0; j < i; j++) {
            ck_assert_ptr_ne(p[i], p[j]);
        }
    }
    mh_expect_trap(p[0], true);
    mh_expect_trap(p[999], true);
    ck_assert_int_eq(mh_sim_state_of(p[0]), MH_RESERVED);
    for (int i = 0; i < 1000; i++) {
        mheap_free(p[i]);
    }
    ck_assert_uint_eq(reports, 0);
    ck_assert_ptr_null(mh_books_wrong(mheap_default()));
}
END_TEST

START_TEST(calloc_and_aligned_ones_are_such_too) {
    char *p = mheap_calloc(none, 8);
    char *q = mheap_aligned_alloc(16, none);
    ck_assert(mh_hard_zero_is_live((uintptr_t)p));
    ck_assert(mh_hard_zero_is_live((uintptr_t)q));
    ck_assert_ptr_eq(mheap_heap_of(p), mheap_default());
    mheap_free_sized(p, 0);
    mheap_free_aligned_sized(q, 16, 0);
    ck_assert(!mh_hard_zero_is_live((uintptr_t)p));
    ck_assert(!mh_hard_zero_is_live((uintptr_t)q));
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(a_size_that_none_can_have_is_wrong) {
    char *p = mheap_malloc(none);
    mheap_free_sized(p, 5000);
    require(MHEAP_BAD_SIZE, p);
    ck_assert(mh_hard_zero_is_live((uintptr_t)p));
    mheap_free_sized(p, 16); // what a size of 0 that compilers know becomes
    ck_assert(!mh_hard_zero_is_live((uintptr_t)p));
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(realloc_makes_one_larger_and_frees_it) {
    char *p = mheap_malloc(none);
    char *q = mheap_realloc(p, 100);
    ck_assert_uint_eq(mheap_usable_size(q), 100);
    ck_assert(!mh_hard_zero_is_live((uintptr_t)p));
    mheap_free(q);
    p = mheap_malloc(none);
    ck_assert_ptr_null(mheap_realloc(p, 0));
    ck_assert(!mh_hard_zero_is_live((uintptr_t)p));
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(a_second_free_is_found) {
    char *p = mheap_malloc(none);
    mheap_free(p);
    mheap_free(p);
    require(MHEAP_BAD_DOUBLE, p);
    ck_assert_ptr_null(mheap_realloc(p, 10));
    require(MHEAP_BAD_DOUBLE, p);
    char *q = mheap_malloc(none);
    mheap_free(q + 1);
    require(MHEAP_BAD_MISALIGNED, q + 1);
    mheap_free(q);
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(an_address_comes_back_after_all_others) {
    char *p = mheap_malloc(none);
    mheap_free(p);
    int n = 1;
    for (char *q = NULL; q != p; n++) {
        q = mheap_malloc(none);
        mheap_free(q);
    }
    ck_assert_int_eq(n, ALL + 1);
}
END_TEST

START_TEST(who_wants_more_gets_slots) {
    static char *p[ALL + 10];
    int outside = 0;
    for (int i = 0; i < ALL + 10; i++) {
        p[i] = mheap_malloc(none);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq(mheap_usable_size(p[i]), 0);
        outside += !mh_hard_zero_owns((uintptr_t)p[i]);
    }
    ck_assert_int_eq(outside, 10);
    for (int i = 0; i < ALL + 10; i++) {
        mheap_free(p[i]);
    }
    ck_assert_uint_eq(reports, 0);
}
END_TEST

START_TEST(without_room_for_the_range_there_are_slots) {
    // The heap itself asks for much more, later.
    mh_sim_fail_kind(MH_OP_reserve, true);
    mh_hard_zero_init();
    mh_sim_fail_nothing();
    ck_assert_uint_eq(mh_hard_zero_alloc(), 0);
    ck_assert(!mh_hard_zero_owns(0));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hard_zero");
    TCase *tcase = tcase_create("no bytes");
    tcase_add_checked_fixture(tcase, harden, NULL);
    tcase_add_test(tcase, each_has_an_address_of_its_own_at_which_nothing_is);
    tcase_add_test(tcase, calloc_and_aligned_ones_are_such_too);
    tcase_add_test(tcase, a_size_that_none_can_have_is_wrong);
    tcase_add_test(tcase, realloc_makes_one_larger_and_frees_it);
    tcase_add_test(tcase, a_second_free_is_found);
    tcase_add_test(tcase, an_address_comes_back_after_all_others);
    tcase_add_test(tcase, who_wants_more_gets_slots);
    tcase_add_test(tcase, without_room_for_the_range_there_are_slots);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
