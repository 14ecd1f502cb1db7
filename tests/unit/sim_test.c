// sim_test.c - the simulated OS is like the systems it stands for, and does not
// let a broken rule pass.
//
// A test picks its personality itself, whatever MHEAP_SIM says.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"
#include "platform/sim/sim.h"
#include "platform/sim/sim_host.h"
#include "tests/support/expect.h"
#include "tests/support/sim_memory.h"
#include "tests/support/test_main.h"

static void be_linux(void) {
    become(MH_SIM_LINUX);
}

// Personalities -----------------------------------------------------------

START_TEST(each_system_says_what_its_documents_say) {
    struct mh_os_info info;
    become((enum mh_sim_os)_i);
    mh_os_query(&info);
    ck_assert_uint_eq(info.page_size, page);
    ck_assert_int_eq(info.partial_free, _i != MH_SIM_WINDOWS);
    ck_assert_int_eq(info.commit_charged, _i == MH_SIM_WINDOWS);
    ck_assert_int_eq(info.can_move, _i == MH_SIM_LINUX);
    ck_assert_int_eq(info.can_discard, _i == MH_SIM_LINUX);
    ck_assert_int_eq(info.unused_zeroes,
                     _i == MH_SIM_LINUX || _i == MH_SIM_WINDOWS);
    ck_assert_uint_ge(info.address_bits, 32);
}
END_TEST

START_TEST(the_environment_picks_the_system) {
    // The first call of this process: fork mode gives each test its own.
    static const char *const names[] = {"linux", "darwin", "windows", "aix"};
    mh_set_variable("MHEAP_SIM", names[_i]);
    ck_assert_str_eq(mh_sim_traits_now()->name, names[_i]);
    ck_assert_int_eq(mh_sim_os_now(), _i);
}
END_TEST

static void ask_for_a_system_that_is_not_there(void) {
    mh_set_variable("MHEAP_SIM", "plan9");
    (void)mh_sim_traits_now();
}

START_TEST(an_unknown_system_is_no_linux) {
    mh_expect_fatal(ask_for_a_system_that_is_not_there,
                    "mheap: sim: MHEAP_SIM: no such system");
}
END_TEST

START_TEST(prepared_memory_traps_on_windows_and_nowhere_else) {
    become((enum mh_sim_os)_i);
    unsigned char *p = reserve(granule);
    must(mh_os_map(p, page));
    mh_expect_trap(p, _i == MH_SIM_WINDOWS);
    must(mh_os_used(p, page));
    must(mh_os_unused(p, page));
    mh_expect_trap(p, _i == MH_SIM_WINDOWS);
}
END_TEST

START_TEST(faulted_pages_stay_behind_on_aix_only) {
    become((enum mh_sim_os)_i);
    unsigned char *p = make_ready(page);
    memset(p, 0xc3, page);
    must(mh_os_fault(p, page));
    mh_expect_trap(p, true);
    must(mh_os_map(p, page));
    must(mh_os_used(p, page));
    ck_assert(mh_is_filled(p, page, _i == MH_SIM_AIX ? 0xc3 : 0));
}
END_TEST

START_TEST(windows_frees_one_whole_reservation_or_nothing) {
    become(MH_SIM_WINDOWS);
    unsigned char *p = reserve(4 * granule);
    ck_assert(!mh_os_ok(mh_os_free(p, granule)));
    ck_assert(!mh_os_ok(mh_os_free(p + granule, 3 * granule)));
    ck_assert(!mh_os_err_is_oom(mh_os_free(p, granule)));
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), 4 * granule);
    must(mh_os_free(p, 4 * granule));
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), 0);
}
END_TEST

// Two reservations side by side, as a heap that grows has them.
static unsigned char *two_neighbours(void) {
    unsigned char *room = reserve(2 * granule);
    void *first, *second;

    must(mh_os_free(room, 2 * granule));
    must(mh_os_reserve(room, granule, &first));
    must(mh_os_reserve(room + granule, granule, &second));
    ck_assert_ptr_eq(first, room);
    ck_assert_ptr_eq(second, room + granule);
    return room;
}

START_TEST(a_range_over_two_reservations_is_two_calls_on_windows) {
    uint64_t each = _i == MH_SIM_WINDOWS ? 2 : 1;
    become((enum mh_sim_os)_i);
    unsigned char *p = two_neighbours();
    must(mh_os_map(p, 2 * granule));
    must(mh_os_used(p, 2 * granule));
    must(mh_os_unused(p, 2 * granule));
    must(mh_os_fault(p, 2 * granule));
    ck_assert_uint_eq(mh_sim_calls(MH_OP_used), each);
    ck_assert_uint_eq(mh_sim_calls(MH_OP_unused), each);
    ck_assert_uint_eq(mh_sim_calls(MH_OP_fault), each);
}
END_TEST

START_TEST(the_second_call_of_two_may_fail_alone) {
    become(MH_SIM_WINDOWS);
    unsigned char *p = two_neighbours();
    must(mh_os_map(p, 2 * granule));
    mh_sim_fail_nth(2);
    ck_assert(!mh_os_ok(mh_os_used(p, 2 * granule)));
    must(mh_os_used(p, 2 * granule));
    p[0] = 1;
    p[2 * granule - 1] = 1;
}
END_TEST

START_TEST(two_neighbours_are_not_one_reservation) {
    become(MH_SIM_WINDOWS);
    unsigned char *p = two_neighbours();
    ck_assert(!mh_os_ok(mh_os_free(p, 2 * granule)));
    must(mh_os_free(p + granule, granule));
    must(mh_os_free(p, granule));
}
END_TEST

START_TEST(a_page_may_be_large) {
    static const size_t sizes[] = {4096, 16384, 65536};
    become(MH_SIM_LINUX);
    mh_sim_set_page_size(sizes[_i]);
    page = mh_sim_traits_now()->page_size; // the host's, where that is larger
    size_t host = mh_host_page_size();
    ck_assert_uint_eq(page, sizes[_i] > host ? sizes[_i] : host);
    granule = mh_sim_traits_now()->reserve_align;
    unsigned char *p = make_ready(page);
    ck_assert_uint_eq((uintptr_t)p % page, 0);
    p[page - 1] = 1;
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), page);
}
END_TEST

START_TEST(lazy_linux_promises_no_zeroes) {
    struct mh_os_info info;
    become((enum mh_sim_os)_i);
    mh_os_set_lazy(true);
    mh_os_query(&info);
    ck_assert_int_eq(info.unused_zeroes, _i == MH_SIM_WINDOWS);
}
END_TEST

// Rules -------------------------------------------------------------------

static void map_twice(void) {
    unsigned char *p = reserve(granule);
    must(mh_os_map(p, page));
    (void)mh_os_ok(mh_os_map(p, page));
}
static void use_reserved(void) {
    (void)mh_os_ok(mh_os_used(reserve(granule), page));
}
static void unuse_prepared(void) {
    unsigned char *p = reserve(granule);
    must(mh_os_map(p, page));
    (void)mh_os_ok(mh_os_unused(p, page));
}
static void fault_reserved(void) {
    (void)mh_os_ok(mh_os_fault(reserve(granule), page));
}
static void free_what_is_free(void) {
    unsigned char *p = reserve(granule);
    must(mh_os_free(p, granule));
    (void)mh_os_ok(mh_os_free(p, granule));
}
static void map_the_page_behind(void) {
    unsigned char *p = reserve(granule);
    (void)mh_os_ok(mh_os_map(p, granule + page));
}
static void use_half_a_page(void) {
    unsigned char *p = reserve(granule);
    must(mh_os_map(p, page));
    (void)mh_os_ok(mh_os_used(p, page / 2));
}
static void reserve_odd(void) {
    (void)reserve(granule + page / 2);
}
static void move_prepared(void) {
    unsigned char *p = make_ready(2 * page);
    must(mh_os_unused(p + page, page));
    (void)mh_os_ok(mh_os_move(p, p + page, page));
}

static void discard_prepared(void) {
    unsigned char *p = make_ready(2 * page);
    must(mh_os_unused(p + page, page));
    (void)mh_os_ok(mh_os_discard(p, 2 * page));
}

static const struct {
    void (*act)(void);
    const char *message;
} crimes[] = {
    {map_twice, "mheap: sim: map: page in a state the rule forbids: base=0x"},
    {use_reserved, "mheap: sim: used: page in a state the rule forbids"},
    {unuse_prepared, "mheap: sim: unused: page in a state the rule forbids"},
    {fault_reserved, "mheap: sim: fault: page in a state the rule forbids"},
    {free_what_is_free, "mheap: sim: free: page in a state the rule forbids"},
    {map_the_page_behind, "mheap: sim: map: page in a state the rule forbids"},
    {use_half_a_page, "mheap: sim: used: not whole pages"},
    {reserve_odd, "mheap: sim: reserve: not aligned for it"},
    {move_prepared, "mheap: sim: move: a page is not ready"},
    {discard_prepared, "mheap: sim: discard: a page is not ready"},
};

START_TEST(a_broken_rule_ends_the_process) {
    mh_expect_fatal(crimes[_i].act, crimes[_i].message);
}
END_TEST

START_TEST(the_page_table_follows_every_move) {
    unsigned char *p = reserve(granule);
    ck_assert_int_eq(mh_sim_state_of(p), MH_RESERVED);
    must(mh_os_map(p, page));
    ck_assert_int_eq(mh_sim_state_of(p + page - 1), MH_PREPARED);
    must(mh_os_used(p, page));
    ck_assert_int_eq(mh_sim_state_of(p), MH_READY);
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), page);
    must(mh_os_free(p, granule));
    ck_assert_int_eq(mh_sim_state_of(p), MH_NONE);
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), 0);
}
END_TEST

// Failure -----------------------------------------------------------------

static bool alloc_works(void) {
    void *base;

    return mh_os_ok(mh_os_alloc(page, &base));
}

START_TEST(the_nth_call_fails_once) {
    mh_sim_fail_nth(3);
    ck_assert(alloc_works());
    ck_assert(alloc_works());
    ck_assert(!alloc_works());
    ck_assert(alloc_works());
    ck_assert_uint_eq(mh_sim_calls(MH_OP_alloc), 4);
    ck_assert_uint_eq(mh_sim_failures(MH_SIM_NCALLS), 1);
}
END_TEST

START_TEST(from_the_nth_on_every_call_fails) {
    mh_sim_fail_from(2);
    ck_assert(alloc_works());
    ck_assert(!alloc_works());
    ck_assert(!alloc_works());
    mh_sim_fail_nothing();
    ck_assert(alloc_works());
}
END_TEST

START_TEST(one_kind_of_call_fails_and_the_others_do_not) {
    unsigned char *p = reserve(granule);
    mh_sim_fail_kind(MH_OP_used, true);
    must(mh_os_map(p, page));
    ck_assert(mh_os_err_is_oom(mh_os_used(p, page)));
    ck_assert_int_eq(mh_sim_state_of(p), MH_PREPARED);
    mh_sim_fail_kind(MH_OP_used, false);
    must(mh_os_used(p, page));
}
END_TEST

START_TEST(a_rate_fails_about_so_many) {
    int failed = 0;
    mh_sim_fail_rate(250);
    for (int i = 0; i < 1000; i++) {
        failed += !alloc_works();
    }
    ck_assert_int_gt(failed, 150);
    ck_assert_int_lt(failed, 350);
}
END_TEST

START_TEST(the_same_seed_fails_the_same_calls) {
    bool first[200];
    for (int round = 0; round < 2; round++) {
        mh_sim_set_seed(99);
        mh_sim_fail_rate(500);
        for (int i = 0; i < 200; i++) {
            bool works = alloc_works();
            ck_assert(round == 0 || works == first[i]);
            first[i] = works;
        }
    }
}
END_TEST

START_TEST(a_code_of_ones_own_is_no_want_of_memory) {
    void *base;
    mh_sim_fail_code(EPERM);
    mh_sim_fail_nth(1);
    struct mh_os_err err = mh_os_alloc(page, &base);
    ck_assert_int_eq(err.code, EPERM);
    ck_assert(!mh_os_err_is_oom(err));
}
END_TEST

START_TEST(out_of_memory_is_known_by_each_systems_code) {
    void *base;
    become((enum mh_sim_os)_i);
    mh_sim_fail_nth(1);
    ck_assert(mh_os_err_is_oom(mh_os_alloc(page, &base)));
    mh_sim_limit_commit(page);
    ck_assert(mh_os_err_is_oom(mh_os_alloc(2 * page, &base)));
}
END_TEST

START_TEST(a_failed_call_leaves_every_state_as_it_was) {
    static const enum mh_sys_op ops[] = {MH_OP_map, MH_OP_used, MH_OP_unused,
                                         MH_OP_fault, MH_OP_free};
    struct mh_os_err (*const calls[])(void *, size_t) = {
        mh_os_map, mh_os_used, mh_os_unused, mh_os_fault, mh_os_free};
    unsigned char *p = reserve(16 * granule);
    size_t size = 16 * granule;
    enum mh_state state = MH_RESERVED;

    for (size_t i = 0; i < 5; i++) {
        for (int again = 0; again < 20; again++) {
            mh_sim_fail_nth(1);
            ck_assert(!mh_os_ok(calls[i](p, size)));
            ck_assert_uint_eq(mh_sim_bytes(state), size);
        }
        if (state == MH_READY) {
            memset(p, 1, size); // Ready, however often unused failed
        }
        if (ops[i] != MH_OP_unused) {
            must(calls[i](p, size));
            state = mh_rules[ops[i]].to;
        }
    }
    ck_assert_int_eq(state, MH_NONE);
}
END_TEST

START_TEST(commit_is_limited_where_ready_begins) {
    unsigned char *p = reserve(16 * granule);
    mh_sim_limit_commit(4 * granule);
    must(mh_os_map(p, 16 * granule));
    must(mh_os_used(p, 4 * granule));
    ck_assert(mh_os_err_is_oom(mh_os_used(p, 5 * granule)));
    must(mh_os_used(p, 4 * granule)); // all Ready already: costs nothing
    must(mh_os_unused(p, granule));
    must(mh_os_used(p + 8 * granule, granule));
    ck_assert(!mh_os_ok(mh_os_used(p, granule)));
}
END_TEST

START_TEST(space_is_limited_and_comes_back) {
    void *base;
    mh_sim_limit_space(8 * granule);
    unsigned char *p = reserve(8 * granule);
    ck_assert(mh_os_err_is_oom(mh_os_reserve(NULL, granule, &base)));
    ck_assert(mh_os_err_is_oom(mh_os_alloc(page, &base)));
    must(mh_os_free(p, 8 * granule));
    must(mh_os_reserve(NULL, granule, &base));
}
END_TEST

// Hints and the rest ------------------------------------------------------

START_TEST(hints_can_be_refused) {
    void *base;
    unsigned char *p = reserve(granule);
    must(mh_os_free(p, granule));
    must(mh_os_reserve(p, granule, &base));
    ck_assert_ptr_eq(base, p);
    must(mh_os_free(p, granule));
    void *far = (void *)(UINTPTR_MAX / 4 + 1);
    mh_sim_refuse_hints(true);
    must(mh_os_reserve(far, granule, &base));
    ck_assert_ptr_ne(base, far);
}
END_TEST

START_TEST(becoming_another_starts_over) {
    unsigned char *p = make_ready(page);
    mh_sim_fail_from(1);
    mh_sim_limit_space(1);
    become(MH_SIM_DARWIN);
    mh_expect_trap(p, true);
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), 0);
    ck_assert_uint_eq(mh_sim_calls(MH_SIM_NCALLS), 0);
    ck_assert(alloc_works());
}
END_TEST

// Places a gigabyte apart have leaves of their own in the page table.
START_TEST(becoming_another_forgets_memory_wherever_it_lay) {
    enum { PLACES = 3 };
    void *places[PLACES];

    for (uintptr_t i = 0; i < PLACES; i++) {
        must(mh_os_reserve((void *)((i + 1) << 30), granule, &places[i]));
    }
    mh_sim_become(MH_SIM_LINUX);
    for (size_t i = 0; i < PLACES; i++) {
        ck_assert_int_eq(mh_sim_state_of(places[i]), MH_NONE);
    }
}
END_TEST

START_TEST(the_clock_stops_where_it_is_put) {
    uint64_t before = mh_os_now_ns();
    mh_sim_set_clock(12345);
    ck_assert_uint_eq(mh_os_now_ns(), 12345);
    ck_assert_uint_eq(mh_os_now_ns(), 12345);
    mh_sim_set_clock(0);
    ck_assert_uint_ge(mh_os_now_ns(), before);
}
END_TEST

START_TEST(randomness_repeats_with_the_seed) {
    unsigned char a[64], b[64];
    mh_sim_set_seed(7);
    mh_os_entropy(a, sizeof(a));
    mh_sim_set_seed(7);
    mh_os_entropy(b, sizeof(b));
    ck_assert_int_eq(memcmp(a, b, sizeof(a)), 0);
    mh_os_entropy(b, sizeof(b));
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
}
END_TEST

static void add_personalities(Suite *suite) {
    TCase *tests = tcase_create("personalities");

    tcase_add_loop_test(tests, each_system_says_what_its_documents_say, 0,
                        MH_SIM_NOS);
    tcase_add_loop_test(tests, the_environment_picks_the_system, 0, MH_SIM_NOS);
    tcase_add_test(tests, an_unknown_system_is_no_linux);
    tcase_add_loop_test(tests,
                        prepared_memory_traps_on_windows_and_nowhere_else, 0,
                        MH_SIM_NOS);
    tcase_add_loop_test(tests, faulted_pages_stay_behind_on_aix_only, 0,
                        MH_SIM_NOS);
    tcase_add_test(tests, windows_frees_one_whole_reservation_or_nothing);
    tcase_add_loop_test(tests,
                        a_range_over_two_reservations_is_two_calls_on_windows,
                        0, MH_SIM_NOS);
    tcase_add_test(tests, the_second_call_of_two_may_fail_alone);
    tcase_add_test(tests, two_neighbours_are_not_one_reservation);
    tcase_add_loop_test(tests, a_page_may_be_large, 0, 3);
    tcase_add_loop_test(tests, lazy_linux_promises_no_zeroes, 0, MH_SIM_NOS);
    suite_add_tcase(suite, tests);
}

static void add_failures(Suite *suite) {
    TCase *tests = tcase_create("failures");

    tcase_add_checked_fixture(tests, be_linux, NULL);
    tcase_add_test(tests, the_nth_call_fails_once);
    tcase_add_test(tests, from_the_nth_on_every_call_fails);
    tcase_add_test(tests, one_kind_of_call_fails_and_the_others_do_not);
    tcase_add_test(tests, a_rate_fails_about_so_many);
    tcase_add_test(tests, the_same_seed_fails_the_same_calls);
    tcase_add_test(tests, a_code_of_ones_own_is_no_want_of_memory);
    tcase_add_loop_test(tests, out_of_memory_is_known_by_each_systems_code, 0,
                        MH_SIM_NOS);
    tcase_add_test(tests, a_failed_call_leaves_every_state_as_it_was);
    tcase_add_test(tests, commit_is_limited_where_ready_begins);
    tcase_add_test(tests, space_is_limited_and_comes_back);
    suite_add_tcase(suite, tests);
}

int main(void) {
    Suite *suite = suite_create("sim");

    add_personalities(suite);
    add_failures(suite);

    TCase *rules = tcase_create("rules");
    tcase_add_checked_fixture(rules, be_linux, NULL);
    tcase_add_loop_test(rules, a_broken_rule_ends_the_process, 0,
                        sizeof(crimes) / sizeof(crimes[0]));
    tcase_add_test(rules, the_page_table_follows_every_move);
    suite_add_tcase(suite, rules);

    TCase *rest = tcase_create("rest");
    tcase_add_checked_fixture(rest, be_linux, NULL);
    tcase_add_test(rest, hints_can_be_refused);
    tcase_add_test(rest, becoming_another_starts_over);
    tcase_add_test(rest, becoming_another_forgets_memory_wherever_it_lay);
    tcase_add_test(rest, the_clock_stops_where_it_is_put);
    tcase_add_test(rest, randomness_repeats_with_the_seed);
    suite_add_tcase(suite, rest);
    return mh_test_main(suite);
}
