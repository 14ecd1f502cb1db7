// sim_contents_test.c - what the simulated systems leave in memory that was
// given up.
//
// A test picks its personality itself, whatever MHEAP_SIM says.

#include <string.h>

#include "platform/os.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/sim_memory.h"
#include "tests/support/test_main.h"

START_TEST(linux_shows_a_pattern_in_memory_that_was_given_up) {
    become(MH_SIM_LINUX);
    unsigned char *p = make_ready(page);
    memset(p, 1, page);
    must(mh_os_unused(p, page));
    ck_assert(mh_is_filled(p, page, 0x5a));
    must(mh_os_used(p, page));
    ck_assert(mh_is_filled(p, page, 0));
}
END_TEST

// A call that fails may let the program in: what it sees then is nobody's.
START_TEST(windows_shows_a_pattern_where_a_failed_commit_lets_in) {
    enum { PAGES = 4, TRIES = 40 };

    become(MH_SIM_WINDOWS);
    unsigned char *p = make_ready(PAGES * page);
    memset(p, 1, PAGES * page);
    must(mh_os_unused(p, PAGES * page));
    for (int i = 0; i < TRIES; i++) {
        mh_sim_fail_nth(1);
        ck_assert(!mh_os_ok(mh_os_used(p, PAGES * page)));
    }
    ck_assert(mh_is_filled(p, PAGES * page, 0x5a));
    must(mh_os_used(p, PAGES * page));
    ck_assert(mh_is_filled(p, PAGES * page, 0));
}
END_TEST

// Small or large, what was given up is zero where zeroes are promised.
START_TEST(whatever_its_size_memory_comes_back_as_zeroes) {
    static const size_t sizes[] = {1, 64, 1024, 5000}; // pages

    become((enum mh_sim_os)_i);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i] * page;
        unsigned char *p = make_ready(size);
        memset(p, 1, size);
        for (size_t at = 0; at < size; at += 1000 * page) {
            size_t left = size - at;
            must(mh_os_unused(p + at, left < 1000 * page ? left : 1000 * page));
        }
        must(mh_os_used(p, size));
        ck_assert(mh_is_filled(p, size, 0));
    }
}
END_TEST

// Whoever takes memory of these systems for zeroed, or for unchanged, is wrong
// sooner or later.
START_TEST(darwin_and_aix_bring_back_zeroes_old_bytes_and_junk) {
    enum { ROUNDS = 60 };
    int zeroes = 0, old = 0, junk = 0;

    become((enum mh_sim_os)_i);
    unsigned char *p = make_ready(page);
    for (int i = 0; i < ROUNDS; i++) {
        memset(p, 0xc3, page);
        must(mh_os_unused(p, page));
        must(mh_os_used(p, page));
        zeroes += mh_is_filled(p, page, 0);
        old += mh_is_filled(p, page, 0xc3);
        junk += p[0] != 0 && p[0] != 0xc3;
    }
    ck_assert_int_gt(zeroes, 0);
    ck_assert_int_gt(old, 0);
    ck_assert_int_gt(junk, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sim_contents");
    TCase *tests = tcase_create("contents");

    tcase_add_test(tests, linux_shows_a_pattern_in_memory_that_was_given_up);
    tcase_add_test(tests,
                   windows_shows_a_pattern_where_a_failed_commit_lets_in);
    tcase_add_loop_test(tests, whatever_its_size_memory_comes_back_as_zeroes,
                        MH_SIM_LINUX, MH_SIM_LINUX + 1);
    tcase_add_loop_test(tests, whatever_its_size_memory_comes_back_as_zeroes,
                        MH_SIM_WINDOWS, MH_SIM_WINDOWS + 1);
    tcase_add_loop_test(tests,
                        darwin_and_aix_bring_back_zeroes_old_bytes_and_junk,
                        MH_SIM_DARWIN, MH_SIM_DARWIN + 1);
    tcase_add_loop_test(tests,
                        darwin_and_aix_bring_back_zeroes_old_bytes_and_junk,
                        MH_SIM_AIX, MH_SIM_AIX + 1);
    suite_add_tcase(suite, tests);
    return mh_test_main(suite);
}
