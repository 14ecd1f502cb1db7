// limit_test.c - what the limits count, and what the hard one refuses.

#include <check.h>

#include "core/sys/account.h"
#include "core/sys/limit.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

static size_t page;

static void begin(void) {
    page = mh_sys_facts()->page_size;
}

static uint64_t counted(void) {
    return mh_limits.counted;
}

// Reserved and mapped, n pages.
static char *prepare(size_t n) {
    size_t align = mh_sys_facts()->reserve_align;
    size_t size = (n * page + align - 1) / align * align;
    char *base = mh_sys_reserve(NULL, size, MH_FOR_HEAP);
    ck_assert_ptr_nonnull(base);
    ck_assert_int_eq(mh_sys_map(base, n * page, MH_FOR_HEAP), MH_OK);
    return base;
}

START_TEST(only_ready_memory_counts) {
    char *base = prepare(8);
    ck_assert_uint_eq(counted(), 0);
    ck_assert_int_eq(mh_sys_used(base, 6 * page, 6 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(counted(), 6 * page);
    ck_assert_int_eq(mh_sys_unused(base, 2 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(counted(), 4 * page);
    struct mh_split was = {.ready = page};
    ck_assert_int_eq(mh_sys_fault(base + 2 * page, page, was, MH_FOR_HEAP),
                     MH_OK);
    ck_assert_uint_eq(counted(), 3 * page);
    mh_account_check();
}
END_TEST

START_TEST(what_is_ready_already_is_counted_once) {
    char *base = prepare(4);
    ck_assert_int_eq(mh_sys_used(base, 2 * page, 2 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_eq(mh_sys_used(base, 4 * page, 2 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(counted(), 4 * page);
}
END_TEST

START_TEST(memory_from_the_system_counts_until_it_is_freed) {
    void *base = mh_sys_alloc(3 * page - 1, MH_FOR_SPANS);
    ck_assert_ptr_nonnull(base);
    ck_assert_uint_eq(counted(), 3 * page);
    struct mh_split was = {.ready = 3 * page};
    ck_assert_int_eq(mh_sys_free(base, 3 * page, was, MH_FOR_SPANS), MH_OK);
    ck_assert_uint_eq(counted(), 0);
}
END_TEST

START_TEST(a_sparse_table_is_ready_and_does_not_count) {
    mh_limits.hard = page;
    ck_assert_ptr_nonnull(mh_sys_alloc_sparse(9 * page - 1, MH_FOR_OTHER));
    ck_assert_uint_eq(counted(), 0);
    ck_assert_uint_eq(mh_limits.sparse, 9 * page);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_OTHER).ready, 9 * page);
}
END_TEST

START_TEST(the_hard_limit_may_be_reached_and_not_passed) {
    mh_limits.hard = 5 * page;
    char *base = prepare(8);
    uint64_t before = mh_sim_bytes(MH_READY); // of the shadow, in debug builds
    ck_assert_int_eq(mh_sys_used(base, 5 * page, 5 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_eq(mh_sys_used(base, 6 * page, page, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_ptr_null(mh_sys_alloc(1, MH_FOR_CACHES));
    ck_assert_uint_eq(mh_limits.refusals, 2);
    ck_assert_uint_eq(counted(), 5 * page);
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), before + 5 * page);
    mh_account_check();
    // What is given back can be had again.
    ck_assert_int_eq(mh_sys_unused(base, page, MH_FOR_HEAP), MH_OK);
    ck_assert_ptr_nonnull(mh_sys_alloc(1, MH_FOR_CACHES));
    ck_assert_int_eq(mh_sys_used(base, page, page, MH_FOR_HEAP), MH_NO_MEMORY);
}
END_TEST

START_TEST(what_the_limit_refuses_the_system_is_not_asked_for) {
    mh_limits.hard = page;
    char *base = prepare(8);
    uint64_t calls = mh_sim_calls(MH_SIM_NCALLS);
    struct mh_account before = mh_sys_account(MH_NPURPOSES);
    ck_assert_int_eq(mh_sys_used(base, 2 * page, 2 * page, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_ptr_null(mh_sys_alloc(2 * page, MH_FOR_HEAP));
    ck_assert_uint_eq(mh_sim_calls(MH_SIM_NCALLS), calls);
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).failures, before.failures);
}
END_TEST

START_TEST(ready_pages_are_used_at_the_limit) {
    mh_limits.hard = page;
    char *base = prepare(2);
    ck_assert_int_eq(mh_sys_used(base, page, page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_eq(mh_sys_used(base, page, 0, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(mh_limits.refusals, 0);
}
END_TEST

START_TEST(what_the_system_refuses_is_not_counted) {
    char *base = prepare(4);
    mh_sim_fail_kind(MH_OP_used, true);
    mh_sim_fail_kind(MH_OP_alloc, true);
    ck_assert_int_ne(mh_sys_used(base, page, page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_ne(mh_sys_used_anyway(base, page, page, MH_FOR_HEAP), MH_OK);
    ck_assert_ptr_null(mh_sys_alloc(page, MH_FOR_HEAP));
    ck_assert_ptr_null(mh_sys_alloc_sparse(page, MH_FOR_OTHER));
    ck_assert_uint_eq(counted(), 0);
    ck_assert_uint_eq(mh_limits.sparse, 0);
    ck_assert_uint_eq(mh_limits.refusals, 0);
}
END_TEST

START_TEST(what_there_cannot_be_is_refused_and_leaves_the_count_whole) {
    void *base = mh_sys_alloc(page, MH_FOR_HEAP);
    ck_assert_ptr_nonnull(base);
    ck_assert_ptr_null(mh_sys_alloc(SIZE_MAX - page + 1, MH_FOR_HEAP));
    ck_assert_uint_eq(counted(), page);
    ck_assert_uint_eq(mh_limits.refusals, 0);
}
END_TEST

START_TEST(what_the_system_does_not_take_back_stays_counted) {
    void *base = mh_sys_alloc(page, MH_FOR_HEAP);
    mh_sim_fail_kind(MH_OP_unused, true);
    mh_sim_fail_kind(MH_OP_free, true);
    struct mh_split was = {.ready = page};
    ck_assert_int_ne(mh_sys_unused(base, page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_ne(mh_sys_free(base, page, was, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(counted(), page);
}
END_TEST

START_TEST(what_is_about_to_go_may_pass_the_limit) {
    mh_limits.hard = page;
    char *base = prepare(4);
    ck_assert_int_eq(mh_sys_used_anyway(base, 3 * page, 3 * page, MH_FOR_HEAP),
                     MH_OK);
    ck_assert_uint_eq(counted(), 3 * page);
    ck_assert_int_eq(mh_sys_used(base, 4 * page, page, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_int_eq(mh_sys_unused(base, 3 * page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_eq(mh_sys_used(base, page, page, MH_FOR_HEAP), MH_OK);
}
END_TEST

START_TEST(a_limit_below_what_is_counted_refuses_and_nothing_else) {
    char *base = prepare(4);
    ck_assert_int_eq(mh_sys_used(base, 3 * page, 3 * page, MH_FOR_HEAP), MH_OK);
    mh_limits.hard = 1;
    ck_assert_int_eq(mh_sys_used(base, 4 * page, page, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_int_eq(mh_sys_unused(base, page, MH_FOR_HEAP), MH_OK);
    ck_assert_uint_eq(counted(), 2 * page);
}
END_TEST

START_TEST(how_much_is_too_much_is_said_for_any_numbers) {
    ck_assert_uint_eq(mh_limit_over_soft(UINT64_MAX), 0); // there is none
    mh_limits.soft = 10 * page;
    mh_limit_claim_anyway(7 * page);
    ck_assert_uint_eq(mh_limit_over_soft(3 * page), 0);
    ck_assert_uint_eq(mh_limit_over_soft(3 * page + 1), 1);
    ck_assert_uint_eq(mh_limit_over_soft(UINT64_MAX), UINT64_MAX - 10 * page);
    ck_assert_uint_eq(mh_limit_over_hard(UINT64_MAX), 0);
    mh_limits.hard = UINT64_MAX;
    ck_assert(!mh_limit_claim(UINT64_MAX));
    ck_assert(!mh_limit_claim(UINT64_MAX - 7 * page + 1));
    ck_assert_uint_eq(counted(), 7 * page);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("limit");
    TCase *tcase = tcase_create("limit");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, only_ready_memory_counts);
    tcase_add_test(tcase, what_is_ready_already_is_counted_once);
    tcase_add_test(tcase, memory_from_the_system_counts_until_it_is_freed);
    tcase_add_test(tcase, a_sparse_table_is_ready_and_does_not_count);
    tcase_add_test(tcase, the_hard_limit_may_be_reached_and_not_passed);
    tcase_add_test(tcase, what_the_limit_refuses_the_system_is_not_asked_for);
    tcase_add_test(tcase, ready_pages_are_used_at_the_limit);
    tcase_add_test(tcase, what_the_system_refuses_is_not_counted);
    tcase_add_test(tcase, what_the_system_does_not_take_back_stays_counted);
    tcase_add_test(tcase, what_is_about_to_go_may_pass_the_limit);
    tcase_add_test(tcase,
                   what_there_cannot_be_is_refused_and_leaves_the_count_whole);
    tcase_add_test(tcase,
                   a_limit_below_what_is_counted_refuses_and_nothing_else);
    tcase_add_test(tcase, how_much_is_too_much_is_said_for_any_numbers);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
