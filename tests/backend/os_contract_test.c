// os_contract_test.c - what every backend promises of memory.
//
// The same suite runs over the real system and over each system the simulator
// knows; a backend is done when it passes this, os_thread_test.c and
// os_world_test.c. The tests ask mh_os_query what to expect and name no system.
// What only the simulator can be made to do (run out of commit, say) is marked
// by MH_TEST_SIM, and what only real memory shows (what is resident) by its
// absence.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/range.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"
#if MH_TEST_SIM
#    include "platform/sim/sim.h"
#endif

static struct mh_os_info os;
static size_t page; // bytes
static unsigned char *region;
static size_t region_size; // four reservation granules, so four pages or more

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

static void *reserve(size_t size) {
    void *base = NULL;

    must(mh_os_reserve(NULL, size, &base));
    ck_assert_ptr_nonnull(base);
    return base;
}

static void reserve_region(void) {
    mh_os_query(&os);
    page = os.page_size;
    region_size = 4 * os.reserve_align;
    region = reserve(region_size);
}

static void make_ready(size_t size) {
    must(mh_os_map(region, size));
    must(mh_os_used(region, size));
}

// States ------------------------------------------------------------------

START_TEST(facts_are_within_bounds_and_do_not_change) {
    struct mh_os_info again;
    ck_assert_uint_ge(os.page_size, 4096);
    ck_assert_uint_eq(os.page_size & (os.page_size - 1), 0);
    ck_assert_uint_eq(os.reserve_align % os.page_size, 0);
    ck_assert_uint_eq(os.reserve_align & (os.reserve_align - 1), 0);
    ck_assert(os.huge_page_size == 0 || os.huge_page_size >= os.page_size);
    ck_assert_uint_le(os.address_bits, sizeof(void *) * 8);
    ck_assert_uint_eq((uintptr_t)region >> (os.address_bits - 1) >> 1, 0);
    mh_os_query(&again);
    ck_assert_uint_eq(again.page_size, os.page_size);
    ck_assert_uint_eq(again.address_bits, os.address_bits);
    ck_assert_int_eq(again.can_move, os.can_move);
    ck_assert_int_eq(again.can_discard, os.can_discard);
}
END_TEST

START_TEST(reserved_memory_traps_everywhere) {
    for (size_t at = 0; at < region_size; at += page) {
        mh_expect_trap(region + at, true);
        mh_expect_trap(region + at + page - 1, true);
    }
}
END_TEST

START_TEST(ready_memory_is_zeroed_and_writable) {
    make_ready(region_size);
    ck_assert(mh_is_filled(region, region_size, 0));
    memset(region, 0xa5, region_size);
    ck_assert(mh_is_filled(region, region_size, 0xa5));
}
END_TEST

START_TEST(map_and_used_change_only_their_range) {
    must(mh_os_map(region + page, 2 * page));
    must(mh_os_used(region + page, page));
    region[page] = 1;
    region[2 * page - 1] = 1;
    mh_expect_trap(region, true);
    mh_expect_trap(region + 3 * page, true);
}
END_TEST

START_TEST(used_keeps_what_ready_pages_hold) {
    must(mh_os_map(region, 3 * page));
    must(mh_os_used(region + page, page));
    memset(region + page, 0x11, page);
    must(mh_os_used(region, 3 * page));
    ck_assert(mh_is_filled(region, page, 0));
    ck_assert(mh_is_filled(region + page, page, 0x11));
    ck_assert(mh_is_filled(region + 2 * page, page, 0));
    must(mh_os_used(region, 3 * page));
    ck_assert(mh_is_filled(region + page, page, 0x11));
}
END_TEST

START_TEST(unused_memory_comes_back_writable_and_zeroed_if_promised) {
    make_ready(4 * page);
    for (int round = 0; round < 10; round++) {
        memset(region, 0xa5, 4 * page);
        must(mh_os_unused(region, 4 * page));
        must(mh_os_used(region, 4 * page));
        ck_assert(!os.unused_zeroes || mh_is_filled(region, 4 * page, 0));
    }
}
END_TEST

START_TEST(unused_spares_the_neighbours) {
    make_ready(4 * page);
    memset(region, 0xa5, 4 * page);
    must(mh_os_unused(region + page, 2 * page));
    ck_assert(mh_is_filled(region, page, 0xa5));
    ck_assert(mh_is_filled(region + 3 * page, page, 0xa5));
}
END_TEST

// As many as the system takes in one call, and exactly those.
START_TEST(ranges_are_given_up_together_and_spare_what_is_between) {
    make_ready(4 * page);
    memset(region, 0xa5, 4 * page);
    struct mh_range ranges[] = {{region + 3 * page, page},
                                {region + page, page}};
    size_t done = mh_os_unused_ranges(ranges, 2);
    ck_assert_uint_le(done, 2);
    for (size_t i = 0; i < 2; i++) {
        if (i >= done) {
            ck_assert(mh_is_filled(ranges[i].base, ranges[i].size, 0xa5));
            continue;
        }
        must(mh_os_used(ranges[i].base, ranges[i].size));
        if (os.unused_zeroes) {
            ck_assert(mh_is_filled(ranges[i].base, ranges[i].size, 0));
        }
        memset(ranges[i].base, 0xa5, ranges[i].size);
    }
    ck_assert(mh_is_filled(region, 4 * page, 0xa5));
}
END_TEST

START_TEST(fault_traps_from_prepared_and_from_ready) {
    make_ready(4 * page);
    must(mh_os_unused(region + page, page));
    must(mh_os_fault(region, 3 * page));
    for (int i = 0; i < 3; i++) {
        mh_expect_trap(region + (size_t)i * page, true);
    }
    region[3 * page] = 1;
}
END_TEST

START_TEST(faulted_memory_can_become_ready_again) {
    make_ready(2 * page);
    must(mh_os_fault(region, 2 * page));
    make_ready(2 * page);
    memset(region, 0x77, 2 * page);
    ck_assert(mh_is_filled(region, 2 * page, 0x77));
}
END_TEST

START_TEST(alloc_gives_zeroed_memory_at_once) {
    void *base = NULL;
    must(mh_os_alloc(4 * page, &base));
    ck_assert_uint_eq((uintptr_t)base % page, 0);
    ck_assert(mh_is_filled(base, 4 * page, 0));
    memset(base, 1, 4 * page);
    must(mh_os_unused(base, page));
    must(mh_os_used(base, page));
    must(mh_os_free(base, 4 * page));
    mh_expect_trap(base, true);
}
END_TEST

// Places ------------------------------------------------------------------

START_TEST(reservations_are_aligned_and_apart) {
    enum { N = 20 };
    unsigned char *base[N];
    for (int i = 0; i < N; i++) {
        base[i] = reserve(os.reserve_align);
        ck_assert_uint_eq((uintptr_t)base[i] % os.reserve_align, 0);
        for (int j = 0; j < i; j++) {
            ck_assert(base[i] >= base[j] + os.reserve_align ||
                      base[j] >= base[i] + os.reserve_align);
        }
    }
}
END_TEST

START_TEST(a_free_hint_is_honoured_and_a_taken_one_is_moved) {
    void *hole = reserve(os.reserve_align);
    void *base = NULL;
    must(mh_os_free(hole, os.reserve_align));
    must(mh_os_reserve(hole, os.reserve_align, &base));
    ck_assert_ptr_eq(base, hole);
    make_ready(page);
    region[0] = 42;
    must(mh_os_reserve(region, region_size, &base));
    ck_assert_ptr_ne(base, region);
    ck_assert_uint_eq(region[0], 42);
}
END_TEST

START_TEST(a_hint_outside_the_address_space_is_no_failure) {
    void *base = NULL;
    uintptr_t far = (uintptr_t)0x0a << (sizeof(far) * 8 - 8);
    must(mh_os_reserve((void *)far, os.reserve_align, &base));
    ck_assert_ptr_nonnull(base);
}
END_TEST

START_TEST(a_whole_reservation_is_freed_from_any_mixture) {
    must(mh_os_map(region, 3 * page));
    must(mh_os_used(region, 2 * page));
    must(mh_os_unused(region, page));
    must(mh_os_free(region, region_size));
    mh_expect_trap(region, true);
    mh_expect_trap(region + page, true);
}
END_TEST

START_TEST(a_part_is_freed_where_that_is_said_to_work) {
    // The middle, and (loop) the start, which is all that the system is told
    // of by one that frees whole reservations.
    size_t part = os.reserve_align;
    size_t at = _i == 0 ? part : 0;
    must(mh_os_map(region, region_size));
    must(mh_os_used(region, region_size));
    memset(region, 0x66, region_size);
    ck_assert_int_eq(mh_os_ok(mh_os_free(region + at, part)), os.partial_free);
    mh_expect_trap(region + at, os.partial_free);
    if (at != 0) {
        ck_assert(mh_is_filled(region, at, 0x66));
    }
    ck_assert(mh_is_filled(region + at + part, region_size - at - part, 0x66));
}
END_TEST

// Neighbours that were reserved one by one: the system may take them for two,
// the heap takes them for one arena.
static void reserve_two(void) {
    size_t half = region_size / 2;
    void *base[2] = {NULL, NULL};

    must(mh_os_free(region, region_size));
    must(mh_os_reserve(region, half, &base[0]));
    must(mh_os_reserve(region + half, half, &base[1]));
    ck_assert_ptr_eq(base[0], region);
    ck_assert_ptr_eq(base[1], region + half);
}

START_TEST(a_range_in_two_reservations_is_converted_as_one) {
    size_t half = region_size / 2;
    reserve_two();
    make_ready(region_size);
    memset(region, 0x44, region_size);
    must(mh_os_unused(region + half - page, 2 * page));
    ck_assert(mh_is_filled(region, half - page, 0x44));
    ck_assert(mh_is_filled(region + half + page, half - page, 0x44));
    must(mh_os_used(region, region_size));
    memset(region + half - page, 0x55, 2 * page);
    ck_assert(mh_is_filled(region, half - page, 0x44));
    ck_assert(mh_is_filled(region + half + page, half - page, 0x44));
    must(mh_os_fault(region, region_size));
    mh_expect_trap(region, true);
    mh_expect_trap(region + half - page, true);
    mh_expect_trap(region + half, true);
    mh_expect_trap(region + region_size - page, true);
    must(mh_os_free(region, half));
    mh_expect_trap(region, true);
    must(mh_os_map(region + half, page));
    must(mh_os_used(region + half, page));
    region[half] = 1;
    must(mh_os_free(region + half, half));
}
END_TEST

START_TEST(two_reservations_are_not_freed_as_one_where_parts_are_not) {
    reserve_two();
    make_ready(region_size);
    ck_assert_int_eq(mh_os_ok(mh_os_free(region, region_size)),
                     os.partial_free);
    mh_expect_trap(region, os.partial_free);
    mh_expect_trap(region + region_size / 2, os.partial_free);
}
END_TEST

START_TEST(move_carries_pages_where_that_is_said_to_work) {
    make_ready(4 * page);
    memset(region, 0x33, 2 * page);
    memset(region + 2 * page, 0x44, 2 * page);
    struct mh_os_err err = mh_os_move(region, region + 2 * page, 2 * page);
    ck_assert_int_eq(mh_os_ok(err), os.can_move);
    if (os.can_move) {
        ck_assert(mh_is_filled(region, 2 * page, 0));
        ck_assert(mh_is_filled(region + 2 * page, 2 * page, 0x33));
    } else {
        ck_assert(mh_is_filled(region, 2 * page, 0x33));
        ck_assert(mh_is_filled(region + 2 * page, 2 * page, 0x44));
    }
    memset(region, 0x55, 4 * page); // both are Ready
}
END_TEST

START_TEST(discard_leaves_ready_zeroes_where_that_is_said_to_work) {
    make_ready(4 * page);
    memset(region, 0x33, 4 * page);
    errno = 1234;
    struct mh_os_err err = mh_os_discard(region + page, 2 * page);
    ck_assert_int_eq(errno, 1234);
    ck_assert_int_eq(mh_os_ok(err), os.can_discard);
    ck_assert(mh_is_filled(region, page, 0x33));
    ck_assert(mh_is_filled(region + page, 2 * page, os.can_discard ? 0 : 0x33));
    ck_assert(mh_is_filled(region + 3 * page, page, 0x33));
    memset(region, 0x55, 4 * page); // Ready as before
    must(mh_os_unused(region, 4 * page));
}
END_TEST

// The simulator takes what is Ready for resident; what cannot be asked says 0.
START_TEST(what_was_touched_is_resident_until_it_is_given_back) {
    make_ready(4 * page);
    memset(region, 0x22, 2 * page);
    errno = 1234;
    size_t resident = mh_os_resident(region, 4 * page);
    ck_assert_int_eq(errno, 1234);
    ck_assert_uint_eq(resident % page, 0);
    ck_assert_uint_le(resident, 4 * page);
    ck_assert(resident >= 2 * page ||
              (resident == 0 && os.huge_page_size == 0));
    ck_assert(mh_is_filled(region, 2 * page, 0x22));
    must(mh_os_unused(region, 4 * page));
    ck_assert_uint_le(mh_os_resident(region, 4 * page), resident);
    if (MH_TEST_SIM || os.unused_zeroes) { // and so at once
        ck_assert_uint_eq(mh_os_resident(region, 4 * page), 0);
    }
}
END_TEST

START_TEST(hints_change_nothing) {
    make_ready(4 * page);
    memset(region, 0x22, 4 * page);
    errno = 1234;
    mh_os_hugepage(region, 4 * page);
    mh_os_nohugepage(region, 4 * page);
    mh_os_name(region, 4 * page, "mheap test");
    ck_assert_int_eq(errno, 1234);
    ck_assert(mh_is_filled(region, 4 * page, 0x22));
}
END_TEST

// Running out -------------------------------------------------------------

#if MH_TEST_SIM
START_TEST(running_out_of_commit_is_a_value_and_passes) {
    mh_sim_limit_commit(page);
    must(mh_os_map(region, 3 * page));
    must(mh_os_used(region, page));
    struct mh_os_err err = mh_os_used(region + page, page);
    ck_assert(mh_os_err_is_oom(err));
    must(mh_os_unused(region, page));
    must(mh_os_used(region + page, page));
    region[page] = 1;
}
END_TEST

START_TEST(each_call_can_fail_and_be_made_again) {
    struct mh_os_err (*const calls[])(void *, size_t) = {
        mh_os_map, mh_os_used, mh_os_unused, mh_os_fault, mh_os_free};

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        errno = 1234;
        mh_sim_fail_nth(1);
        struct mh_os_err err = calls[i](region, region_size);
        ck_assert(mh_os_err_is_oom(err));
        ck_assert_int_eq(errno, 1234);
        if (calls[i] == mh_os_unused) {
            region[0] = 1; // Ready until unused succeeds
        }
        must(calls[i](region, region_size));
        if (calls[i] == mh_os_unused) {
            must(mh_os_used(region, region_size));
        }
    }
}
END_TEST
#else
START_TEST(pages_cost_memory_from_first_touch_to_unused) {
    region = reserve(64 * page);
    ck_assert_uint_eq(mh_resident_pages(region, 64), 0);
    make_ready(64 * page);
    ck_assert_uint_eq(mh_resident_pages(region, 64), 0);
    memset(region, 1, 64 * page);
    ck_assert_uint_eq(mh_resident_pages(region, 64), 64);
    must(mh_os_unused(region + 16 * page, 16 * page));
    ck_assert_uint_eq(mh_resident_pages(region, 64), 48);
    must(mh_os_used(region + 16 * page, 16 * page));
    memset(region + 16 * page, 1, 16 * page);
    ck_assert_uint_eq(mh_resident_pages(region, 64), 64);
    must(mh_os_fault(region, 8 * page));
    ck_assert_uint_eq(mh_resident_pages(region, 64), 56);
}
END_TEST

// A system that gives up reservation by reservation must not stop half-way: the
// caller goes on using what it was not rid of.
START_TEST(a_range_that_is_ours_in_part_is_left_alone) {
    size_t half = region_size / 2;
    if (os.partial_free) {
        return; // such systems do what they can, and nobody calls them so
    }
    reserve_two();
    make_ready(region_size);
    memset(region, 0x66, region_size);
    must(mh_os_free(region + half, half));
    ck_assert(!mh_os_ok(mh_os_unused(region, region_size)));
    ck_assert(mh_is_filled(region, half, 0x66));
    ck_assert(!mh_os_ok(mh_os_fault(region + page, region_size - page)));
    ck_assert(mh_is_filled(region, half, 0x66));
    struct mh_os_err err = mh_os_used(region, region_size);
    ck_assert(!mh_os_ok(err) && !mh_os_err_is_oom(err));
    ck_assert(mh_is_filled(region, half, 0x66));
}
END_TEST

// More than any machine has, where what is Ready is charged.
START_TEST(running_out_of_commit_is_a_value_and_the_rest_stays_usable) {
    size_t size = (size_t)1 << (sizeof(size) == 8 ? 40 : 29);
    if (!os.commit_charged || sizeof(size) < 8) {
        return;
    }
    region = reserve(size);
    must(mh_os_map(region, size));
    must(mh_os_used(region, page));
    memset(region, 0x11, page);
    errno = 1234;
    struct mh_os_err err = mh_os_used(region, size);
    ck_assert(!mh_os_ok(err) && mh_os_err_is_oom(err));
    ck_assert_int_eq(errno, 1234);
    ck_assert(mh_is_filled(region, page, 0x11));
    void *none = NULL;
    ck_assert(mh_os_err_is_oom(mh_os_alloc(size, &none)));
    ck_assert_ptr_null(none);
    must(mh_os_used(region + size - page, page));
    ck_assert(mh_is_filled(region + size - page, page, 0));
    must(mh_os_free(region, size));
}
END_TEST

START_TEST(of_ranges_a_refused_one_and_those_behind_it_are_left_alone) {
    unsigned char *gone = reserve(region_size);
    make_ready(4 * page);
    memset(region, 0x66, 4 * page);
    must(mh_os_free(gone, region_size));
    struct mh_range ranges[] = {
        {region, page}, {gone, page}, {region + 2 * page, page}};
    size_t done = mh_os_unused_ranges(ranges, 3);
    ck_assert_uint_le(done, 1);
    ck_assert(mh_is_filled(region + page, 3 * page, 0x66));
    ck_assert(done == 1 || mh_is_filled(region, page, 0x66));
}
END_TEST

START_TEST(calls_on_memory_of_nobody_fail_with_a_value) {
    must(mh_os_free(region, region_size));
    errno = 1234;
    // Where used is the call that gets memory, map is one on the books only.
    ck_assert(!mh_os_ok(os.commit_charged ? mh_os_used(region, page)
                                          : mh_os_map(region, page)));
    ck_assert(os.partial_free || !mh_os_ok(mh_os_free(region, region_size)));
    ck_assert(!mh_os_ok(mh_os_unused(region, page)));
    ck_assert(!mh_os_ok(mh_os_move(region, region + page, page)));
    ck_assert_int_eq(errno, 1234);
}
END_TEST
#endif

static void add_running_out(Suite *suite) {
    TCase *tests = tcase_create("running out");

    tcase_add_checked_fixture(tests, reserve_region, NULL);
#if MH_TEST_SIM
    tcase_add_test(tests, running_out_of_commit_is_a_value_and_passes);
    tcase_add_test(tests, each_call_can_fail_and_be_made_again);
#else
    MH_ADD_NATIVE_TEST(tests, pages_cost_memory_from_first_touch_to_unused);
    MH_ADD_NATIVE_TEST(tests, calls_on_memory_of_nobody_fail_with_a_value);
    MH_ADD_NATIVE_TEST(
        tests, of_ranges_a_refused_one_and_those_behind_it_are_left_alone);
    tcase_add_test(tests, a_range_that_is_ours_in_part_is_left_alone);
    tcase_add_test(tests,
                   running_out_of_commit_is_a_value_and_the_rest_stays_usable);
#endif
    suite_add_tcase(suite, tests);
}

int main(void) {
    Suite *suite = suite_create("os_contract");

    TCase *states = tcase_create("states");
    tcase_add_checked_fixture(states, reserve_region, NULL);
    tcase_add_test(states, facts_are_within_bounds_and_do_not_change);
    tcase_add_test(states, reserved_memory_traps_everywhere);
    tcase_add_test(states, ready_memory_is_zeroed_and_writable);
    tcase_add_test(states, map_and_used_change_only_their_range);
    tcase_add_test(states, used_keeps_what_ready_pages_hold);
    tcase_add_test(states,
                   unused_memory_comes_back_writable_and_zeroed_if_promised);
    tcase_add_test(states, unused_spares_the_neighbours);
    tcase_add_test(states,
                   ranges_are_given_up_together_and_spare_what_is_between);
    tcase_add_test(states, fault_traps_from_prepared_and_from_ready);
    tcase_add_test(states, faulted_memory_can_become_ready_again);
    tcase_add_test(states, alloc_gives_zeroed_memory_at_once);
    suite_add_tcase(suite, states);

    TCase *places = tcase_create("places");
    tcase_add_checked_fixture(places, reserve_region, NULL);
    tcase_add_test(places, reservations_are_aligned_and_apart);
    tcase_add_test(places, a_free_hint_is_honoured_and_a_taken_one_is_moved);
    tcase_add_test(places, a_hint_outside_the_address_space_is_no_failure);
    tcase_add_test(places, a_whole_reservation_is_freed_from_any_mixture);
    tcase_add_loop_test(places, a_part_is_freed_where_that_is_said_to_work, 0,
                        2);
    tcase_add_test(places, a_range_in_two_reservations_is_converted_as_one);
    tcase_add_test(places,
                   two_reservations_are_not_freed_as_one_where_parts_are_not);
    MH_ADD_NATIVE_TEST(places, move_carries_pages_where_that_is_said_to_work);
    tcase_add_test(places,
                   discard_leaves_ready_zeroes_where_that_is_said_to_work);
    tcase_add_test(places, what_was_touched_is_resident_until_it_is_given_back);
    tcase_add_test(places, hints_change_nothing);
    suite_add_tcase(suite, places);

    add_running_out(suite);
    return mh_test_main(suite);
}
