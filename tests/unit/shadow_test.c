// shadow_test.c - the shadow remembers the state of every page, finds the first
// wrong one and never makes a program fail for want of memory of its own.

#include <stdio.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/base/assert.h"
#include "core/sys/shadow.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { LEAF_PAGES = 1 << 18 };

#define ANY \
    (MH_IN(MH_NONE) | MH_IN(MH_RESERVED) | MH_IN(MH_PREPARED) | MH_IN(MH_READY))

static size_t page;
static char *base; // an address in the middle of a leaf; nothing lies there

// Addresses of 32 bits end where the fourth leaf does.
#define BASE_LEAF (UINTPTR_MAX > UINT32_MAX ? (uintptr_t)3 : 0)

static void find_page_size(void) {
    page = mh_sys_facts()->page_size;
    base = (char *)(page * (BASE_LEAF * LEAF_PAGES + 1000));
}

static void check_all(const char *at, size_t npages, enum mh_state state) {
    mh_shadow_check("test", MH_IN(state), at, npages * page);
}

START_TEST(pages_are_none_at_first) {
    check_all(base, 10000, MH_NONE);
    mh_shadow_check_split("test", base, 100 * page, (struct mh_split){0});
}
END_TEST

START_TEST(a_state_reaches_from_its_first_page_to_its_last) {
    // Every offset in a word and lengths around one and two words.
    size_t npages = 1 + (size_t)_i % 70;
    char *at = base + (size_t)_i * page;
    enum mh_state state = (enum mh_state)(1 + _i % 3);

    mh_shadow_set(base, 400 * page, MH_NONE);
    mh_shadow_set(at, npages * page, state);
    check_all(at, npages, state);
    check_all(at - page, 1, MH_NONE);
    check_all(at + npages * page, 1, MH_NONE);
}
END_TEST

START_TEST(ranges_cross_from_leaf_to_leaf) {
    char *edge = (char *)(page * (BASE_LEAF + 1) * LEAF_PAGES);
    mh_shadow_set(edge - 3 * page, 7 * page, MH_PREPARED);
    check_all(edge - 3 * page, 7, MH_PREPARED);
    check_all(edge - 4 * page, 1, MH_NONE);
    check_all(edge + 4 * page, 1, MH_NONE);
}
END_TEST

START_TEST(more_than_a_whole_leaf_at_once) {
    size_t npages = 2 * (size_t)LEAF_PAGES + 5;
    mh_shadow_set(base, npages * page, MH_RESERVED);
    check_all(base, npages, MH_RESERVED);
    check_all(base + npages * page, 1, MH_NONE);
}
END_TEST

START_TEST(the_last_state_counts) {
    mh_shadow_set(base, 10 * page, MH_READY);
    mh_shadow_set(base + 2 * page, 3 * page, MH_RESERVED);
    check_all(base, 2, MH_READY);
    check_all(base + 2 * page, 3, MH_RESERVED);
    check_all(base + 5 * page, 5, MH_READY);
}
END_TEST

START_TEST(a_check_may_allow_several_states) {
    mh_shadow_set(base, page, MH_READY);
    mh_shadow_set(base + page, page, MH_PREPARED);
    mh_shadow_check("used", MH_IN(MH_READY) | MH_IN(MH_PREPARED), base,
                    2 * page);
    mh_shadow_check("any", ANY, base - page, 4 * page);
}
END_TEST

START_TEST(a_split_counts_each_state) {
    mh_shadow_set(base, 100 * page, MH_RESERVED);
    mh_shadow_set(base + 10 * page, 40 * page, MH_PREPARED);
    mh_shadow_set(base + 20 * page, 5 * page, MH_READY);
    mh_shadow_check_split("free", base, 100 * page,
                          (struct mh_split){60 * page, 35 * page, 5 * page});
}
END_TEST

static void use_a_reserved_page(void) {
    mh_shadow_set(base, 64 * page, MH_READY);
    mh_shadow_set(base + 37 * page, page, MH_RESERVED);
    mh_shadow_check("used", MH_IN(MH_PREPARED) | MH_IN(MH_READY), base,
                    64 * page);
}

START_TEST(the_message_names_the_move_the_page_and_its_state) {
    char expected[160];
    snprintf(expected, sizeof(expected),
             "mheap: fatal: used: page not prepared or ready: "
             "base=0x%zx state=reserved\n",
             (size_t)base + 37 * page);
    mh_expect_fatal(use_a_reserved_page, expected);
}
END_TEST

static void miscount(void) {
    mh_shadow_set(base, 8 * page, MH_PREPARED);
    mh_shadow_set(base + page, page, MH_READY);
    mh_shadow_check_split("free", base, 8 * page,
                          (struct mh_split){.prepared = 8 * page});
}

START_TEST(a_split_that_is_not_so_stops_the_program) {
    mh_expect_fatal(miscount,
                    "mheap: fatal: free: not what the range holds: base=0x");
}
END_TEST

START_TEST(fill_overwrites_ready_pages_and_no_others) {
    char *memory = mh_sys_alloc(4 * page, MH_FOR_OTHER);
    mh_shadow_set(memory, 4 * page, MH_READY);
    mh_shadow_set(memory + page, page, MH_PREPARED);
    memset(memory, 1, 4 * page);
    mh_shadow_fill(memory, 3 * page, 0x5a);
    ck_assert(mh_is_filled(memory, page, 0x5a));
    ck_assert(mh_is_filled(memory + page, page, 1));
    ck_assert(mh_is_filled(memory + 2 * page, page, 0x5a));
    ck_assert(mh_is_filled(memory + 3 * page, page, 1));
}
END_TEST

// The first two calls for memory are the root's and the first leaf's.
START_TEST(without_memory_the_shadow_turns_itself_off) {
    mh_sim_fail_nth((uint64_t)_i);
    mh_shadow_set(base, page, MH_RESERVED);
    mh_sim_fail_nothing();
    mh_shadow_set(base, page, MH_RESERVED);
    check_all(base, 1, MH_READY);
    mh_shadow_check_split("free", base, page, (struct mh_split){.ready = page});
    ck_assert_uint_eq(mh_sim_failures(MH_OP_alloc), 1);
}
END_TEST

#if MH_HAVE_FORK
START_TEST(the_child_of_a_fork_takes_over_from_a_vanished_thread) {
    int status;
    mh_shadow_enter();
    pid_t child = fork();
    if (child == 0) {
        mh_shadow_enter();
        mh_shadow_leave();
        _exit(42);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
    mh_shadow_leave();
}
END_TEST
#endif

#if MH_DEBUG_LEVEL >= 2
static void use_what_is_reserved(void) {
    char *region =
        mh_sys_reserve(NULL, mh_sys_facts()->reserve_align, MH_FOR_HEAP);
    ck_assert_int_eq(mh_sys_used(region, page, page, MH_FOR_HEAP), MH_OK);
}

START_TEST(core_sys_asks_the_shadow) {
    mh_expect_fatal(use_what_is_reserved,
                    "mheap: fatal: used: page not prepared or ready: base=0x");
}
END_TEST

static void count_prepared_as_ready(void) {
    char *region =
        mh_sys_reserve(NULL, mh_sys_facts()->reserve_align, MH_FOR_HEAP);
    ck_assert_int_eq(mh_sys_map(region, page, MH_FOR_HEAP), MH_OK);
    ck_assert_int_eq(mh_sys_used(region, page, 0, MH_FOR_HEAP), MH_OK);
}

START_TEST(core_sys_has_its_callers_figures_checked) {
    mh_expect_fatal(count_prepared_as_ready,
                    "mheap: fatal: used: not what the range holds: base=0x");
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("shadow");

    TCase *states = tcase_create("states");
    tcase_add_checked_fixture(states, find_page_size, NULL);
    tcase_add_test(states, pages_are_none_at_first);
    tcase_add_loop_test(states, a_state_reaches_from_its_first_page_to_its_last,
                        1, 150);
    tcase_add_test(states, ranges_cross_from_leaf_to_leaf);
    tcase_add_test(states, more_than_a_whole_leaf_at_once);
    tcase_add_test(states, the_last_state_counts);
    tcase_add_test(states, a_check_may_allow_several_states);
    tcase_add_test(states, a_split_counts_each_state);
    tcase_add_test(states, fill_overwrites_ready_pages_and_no_others);
    suite_add_tcase(suite, states);

    TCase *wrong = tcase_create("wrong");
    tcase_add_checked_fixture(wrong, find_page_size, NULL);
    tcase_add_test(wrong, the_message_names_the_move_the_page_and_its_state);
    tcase_add_test(wrong, a_split_that_is_not_so_stops_the_program);
#if MH_DEBUG_LEVEL >= 2
    tcase_add_test(wrong, core_sys_asks_the_shadow);
    tcase_add_test(wrong, core_sys_has_its_callers_figures_checked);
#endif
    suite_add_tcase(suite, wrong);

    TCase *trouble = tcase_create("trouble");
    tcase_add_checked_fixture(trouble, find_page_size, NULL);
    tcase_add_loop_test(trouble, without_memory_the_shadow_turns_itself_off, 1,
                        3);
#if MH_HAVE_FORK
    tcase_add_test(trouble,
                   the_child_of_a_fork_takes_over_from_a_vanished_thread);
#else
    mh_leave_out(the_child_of_a_fork_takes_over_from_a_vanished_thread,
                 "needs fork");
#endif
    suite_add_tcase(suite, trouble);
    return mh_test_main(suite);
}
