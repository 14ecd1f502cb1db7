// sys_state_test.c - the moves of core/sys over the simulated system: what the
// memory does, what the books say, and what an argument out of line costs.
//
// MHEAP_SIM decides the system, so this runs once per personality.

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/bits.h"
#include "core/sys/account.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static size_t page;        // bytes
static size_t region_size; // always four pages or more
static unsigned char *region;

static void reserve_region(void) {
    page = mh_sys_facts()->page_size;
    region_size = 4 * mh_sys_facts()->reserve_align;
    region = mh_sys_reserve(NULL, region_size, MH_FOR_HEAP);
    ck_assert_ptr_nonnull(region);
}

static void must(enum mh_status status) {
    ck_assert_int_eq(status, MH_OK);
}

static void make_ready(size_t size) {
    must(mh_sys_map(region, size, MH_FOR_HEAP));
    must(mh_sys_used(region, size, size, MH_FOR_HEAP));
}

// The books, the simulator's page table and what the test expects agree.
static void expect_books(size_t reserved, size_t prepared, size_t ready) {
    struct mh_account book = mh_sys_account(MH_FOR_HEAP);

    ck_assert_uint_eq(book.reserved, reserved);
    ck_assert_uint_eq(book.prepared, prepared);
    ck_assert_uint_eq(book.ready, ready);
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), reserved);
    ck_assert_uint_eq(mh_sim_bytes(MH_PREPARED), prepared);
    mh_account_check();
}

START_TEST(facts_are_those_of_the_system) {
    const struct mh_sim_traits *traits = mh_sim_traits_now();
    const struct mh_os_facts *facts = mh_sys_facts();
    ck_assert_uint_eq(facts->page_size, traits->page_size);
    ck_assert_uint_eq(facts->reserve_align, traits->reserve_align);
    ck_assert_uint_eq(facts->huge_page_size, traits->huge_page_size);
    ck_assert_int_eq(facts->partial_free, traits->partial_free);
    ck_assert_int_eq(facts->commit_charged, traits->commit_charged);
    ck_assert_int_eq(facts->can_move, traits->can_move);
    ck_assert_int_eq(facts->can_discard, traits->can_discard);
    ck_assert_ptr_eq(mh_sys_facts(), facts);
}
END_TEST

START_TEST(reserved_memory_traps) {
    mh_expect_trap(region, true);
    mh_expect_trap(region + region_size - 1, true);
    expect_books(region_size, 0, 0);
}
END_TEST

START_TEST(ready_memory_starts_zeroed_and_is_writable) {
    make_ready(page);
    ck_assert(mh_is_filled(region, page, 0));
    memset(region, 0xa5, page);
    ck_assert_uint_eq(region[page - 1], 0xa5);
    mh_expect_trap(region + page, true);
    expect_books(region_size - page, 0, page);
}
END_TEST

START_TEST(used_keeps_the_contents_of_pages_already_ready) {
    must(mh_sys_map(region, 2 * page, MH_FOR_HEAP));
    must(mh_sys_used(region, page, page, MH_FOR_HEAP));
    region[0] = 1;
    must(mh_sys_used(region, 2 * page, page, MH_FOR_HEAP));
    ck_assert_uint_eq(region[0], 1);
    region[page] = 2; // the second page became writable
    expect_books(region_size - 2 * page, 0, 2 * page);
}
END_TEST

START_TEST(used_of_nothing_prepared_makes_no_call) {
    make_ready(page);
    uint64_t calls = mh_sys_account(MH_FOR_HEAP).calls;
    must(mh_sys_used(region, page, 0, MH_FOR_HEAP));
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).calls, calls);
}
END_TEST

START_TEST(memory_comes_back_as_zeroes_only_where_that_is_promised) {
    make_ready(4 * page);
    memset(region, 0xa5, 4 * page);
    must(mh_sys_unused(region, 4 * page, MH_FOR_HEAP));
    expect_books(region_size - 4 * page, 4 * page, 0);
    must(mh_sys_used(region, 4 * page, 4 * page, MH_FOR_HEAP));
    if (mh_sys_facts()->unused_zeroes) {
        ck_assert(mh_is_filled(region, 4 * page, 0));
    }
    memset(region, 0x3c, 4 * page);
    ck_assert_uint_eq(region[4 * page - 1], 0x3c);
    expect_books(region_size - 4 * page, 0, 4 * page);
}
END_TEST

START_TEST(fault_makes_prepared_and_ready_trap) {
    make_ready(2 * page);
    must(mh_sys_unused(region + page, page, MH_FOR_HEAP));
    must(mh_sys_fault(region, 2 * page,
                      (struct mh_split){.prepared = page, .ready = page},
                      MH_FOR_HEAP));
    mh_expect_trap(region, true);
    mh_expect_trap(region + page, true);
    expect_books(region_size, 0, 0);
}
END_TEST

START_TEST(memory_that_was_faulted_can_be_mapped_again) {
    make_ready(page);
    must(mh_sys_fault(region, page, (struct mh_split){.ready = page},
                      MH_FOR_HEAP));
    make_ready(page);
    region[page - 1] = 1;
    expect_books(region_size - page, 0, page);
}
END_TEST

START_TEST(free_takes_a_range_in_three_states) {
    must(mh_sys_map(region, 2 * page, MH_FOR_HEAP));
    must(mh_sys_used(region, page, page, MH_FOR_HEAP));
    must(mh_sys_free(region, region_size,
                     (struct mh_split){region_size - 2 * page, page, page},
                     MH_FOR_HEAP));
    mh_expect_trap(region, true);
    expect_books(0, 0, 0);
}
END_TEST

START_TEST(part_of_a_reservation_is_freed_or_refused_as_the_facts_say) {
    size_t granule = mh_sys_facts()->reserve_align;
    enum mh_status status =
        mh_sys_free(region + granule, granule,
                    (struct mh_split){.reserved = granule}, MH_FOR_HEAP);
    if (mh_sys_facts()->partial_free) {
        ck_assert_int_eq(status, MH_OK);
        expect_books(region_size - granule, 0, 0);
    } else {
        ck_assert_int_eq(status, MH_REFUSED);
        expect_books(region_size, 0, 0);
    }
}
END_TEST

START_TEST(alloc_rounds_up_to_pages_and_is_zeroed) {
    unsigned char *p = mh_sys_alloc(page + 1, MH_FOR_CACHES);
    ck_assert_ptr_nonnull(p);
    ck_assert(mh_is_filled(p, 2 * page, 0));
    p[2 * page - 1] = 1;
    ck_assert_uint_eq(mh_sys_account(MH_FOR_CACHES).ready, 2 * page);
    must(mh_sys_free(p, 2 * page, (struct mh_split){.ready = 2 * page},
                     MH_FOR_CACHES));
    ck_assert_uint_eq(mh_sys_account(MH_FOR_CACHES).ready, 0);
}
END_TEST

START_TEST(sizes_that_cannot_be_are_refused_without_a_call) {
    uint64_t calls = mh_sys_account(MH_NPURPOSES).calls;
    ck_assert_ptr_null(mh_sys_alloc(0, MH_FOR_OTHER));
    ck_assert_ptr_null(mh_sys_alloc(SIZE_MAX, MH_FOR_OTHER));
    ck_assert_ptr_null(mh_sys_reserve_aligned(SIZE_MAX & ~(size_t)0xfffff,
                                              (size_t)1 << 30, MH_FOR_OTHER));
    ck_assert_uint_eq(mh_sys_account(MH_NPURPOSES).calls, calls);
}
END_TEST

START_TEST(aligned_reservations_are_aligned_and_leave_nothing_behind) {
    size_t align = (size_t)1 << _i;
    size_t size = 4 * mh_sys_facts()->reserve_align;
    unsigned char *p = mh_sys_reserve_aligned(size, align, MH_FOR_SPANS);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p & (align - 1), 0);
    ck_assert_uint_eq(mh_sys_account(MH_FOR_SPANS).reserved, size);
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), size);
    must(mh_sys_free(p, size, (struct mh_split){.reserved = size},
                     MH_FOR_SPANS));
}
END_TEST

START_TEST(many_aligned_reservations_do_not_overlap) {
    enum { N = 32 };
    size_t align = (size_t)1 << 22;
    size_t size = (size_t)1 << 20;
    uintptr_t base[N];

    for (int i = 0; i < N; i++) {
        base[i] = (uintptr_t)mh_sys_reserve_aligned(size, align, MH_FOR_HEAP);
        ck_assert_uint_ne(base[i], 0);
        ck_assert_uint_eq(base[i] % align, 0);
        for (int j = 0; j < i; j++) {
            ck_assert(base[i] + size <= base[j] || base[j] + size <= base[i]);
        }
    }
    ck_assert_uint_eq(mh_sys_account(MH_FOR_HEAP).reserved, N * size);
}
END_TEST

START_TEST(a_hint_is_a_wish) {
    char *wish = (char *)region + region_size + ((size_t)64 << 20);
    size_t granule = mh_sys_facts()->reserve_align;
    ck_assert_ptr_eq(mh_sys_reserve(wish, granule, MH_FOR_HEAP), wish);
    void *second = mh_sys_reserve(wish, granule, MH_FOR_HEAP);
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_ne(second, wish);
}
END_TEST

START_TEST(move_carries_pages_or_says_it_cannot) {
    make_ready(4 * page);
    memset(region, 0x77, 2 * page);
    enum mh_status status = mh_sys_move(region, region + 2 * page, 2 * page);
    if (mh_sys_facts()->can_move) {
        ck_assert_int_eq(status, MH_OK);
        ck_assert(mh_is_filled(region, 2 * page, 0));
        ck_assert(mh_is_filled(region + 2 * page, 2 * page, 0x77));
    } else {
        ck_assert_int_eq(status, MH_REFUSED);
        ck_assert(mh_is_filled(region, 2 * page, 0x77));
    }
    expect_books(region_size - 4 * page, 0, 4 * page);
}
END_TEST

START_TEST(discard_leaves_zeroes_on_the_books_or_says_it_cannot) {
    make_ready(2 * page);
    memset(region, 0x77, 2 * page);
    enum mh_status status = mh_sys_discard(region, page, MH_FOR_HEAP);
    bool can = mh_sys_facts()->can_discard;
    ck_assert_int_eq(status, can ? MH_OK : MH_REFUSED);
    ck_assert(mh_is_filled(region, page, can ? 0 : 0x77));
    ck_assert(mh_is_filled(region + page, page, 0x77));
    expect_books(region_size - 2 * page, 0, 2 * page);
}
END_TEST

START_TEST(a_discard_that_the_system_refuses_changes_nothing) {
    make_ready(page);
    memset(region, 0x77, page);
    mh_sim_fail_kind(MH_SIM_DISCARD, true);
    ck_assert_int_ne(mh_sys_discard(region, page, MH_FOR_HEAP), MH_OK);
    ck_assert(mh_is_filled(region, page, 0x77));
    expect_books(region_size - page, 0, page);
}
END_TEST

START_TEST(errno_is_kept_by_calls_that_fail) {
    must(mh_sys_map(region, page, MH_FOR_HEAP));
    mh_sim_fail_from(1);
    errno = 1234;
    ck_assert_int_eq(mh_sys_used(region, page, page, MH_FOR_HEAP),
                     MH_NO_MEMORY);
    ck_assert_ptr_null(mh_sys_alloc(page, MH_FOR_HEAP));
    ck_assert_ptr_null(mh_sys_reserve(NULL, region_size, MH_FOR_HEAP));
    ck_assert_int_eq(errno, 1234);
    expect_books(region_size - page, page, 0);
}
END_TEST

START_TEST(another_reason_than_exhaustion_is_a_refusal) {
    make_ready(page);
    mh_sim_fail_code(EPERM);
    mh_sim_fail_nth(1);
    ck_assert_int_eq(mh_sys_unused(region, page, MH_FOR_HEAP), MH_REFUSED);
    region[0] = 1; // still Ready
    expect_books(region_size - page, 0, page);
}
END_TEST

// Arguments that no caller may pass. Each is an act of its own for a child.
static void map_half_a_page(void) {
    must(mh_sys_map(region, page / 2, MH_FOR_HEAP));
}
static void map_off_a_page(void) {
    must(mh_sys_map(region + 16, page, MH_FOR_HEAP));
}
static void map_nothing(void) {
    must(mh_sys_map(region, 0, MH_FOR_HEAP));
}
static void map_past_the_end_of_memory(void) {
    must(mh_sys_map(region, SIZE_MAX & ~(page - 1), MH_FOR_HEAP));
}
static void reserve_off_its_granule(void) {
    (void)mh_sys_reserve(NULL, mh_sys_facts()->reserve_align + 1, MH_FOR_HEAP);
}
static void move_onto_itself(void) {
    make_ready(4 * page);
    must(mh_sys_move(region, region + page, 2 * page));
}
static void discard_half_a_page(void) {
    make_ready(page);
    (void)(mh_sys_discard(region, page / 2, MH_FOR_HEAP) == MH_OK);
}
static void free_with_a_wrong_split(void) {
    must(mh_sys_free(region, region_size,
                     (struct mh_split){.reserved = region_size - page},
                     MH_FOR_HEAP));
}
static void use_more_than_there_is(void) {
    must(mh_sys_used(region, page, 2 * page, MH_FOR_HEAP));
}
static void align_to_no_power_of_two(void) {
    (void)mh_sys_reserve_aligned(region_size, 3 * page, MH_FOR_HEAP);
}

static const struct {
    void (*act)(void);
    const char *message;
} crimes[] = {
    {map_half_a_page, "mheap: fatal: map: not whole pages: base=0x"},
    {map_off_a_page, "mheap: fatal: map: not whole pages: base=0x"},
    {map_nothing, "mheap: fatal: map: not whole pages: base=0x"},
    {map_past_the_end_of_memory, "mheap: fatal: map: not whole pages: base=0x"},
    {reserve_off_its_granule, "mheap: fatal: reserve: not whole pages: "},
    {move_onto_itself, "mheap: fatal: check failed: "},
    {discard_half_a_page, "mheap: fatal: discard: not whole pages: base=0x"},
    {free_with_a_wrong_split, "mheap: fatal: check failed: "},
    {use_more_than_there_is, "mheap: fatal: check failed: "},
    {align_to_no_power_of_two, "mheap: fatal: check failed: "},
};

START_TEST(arguments_out_of_line_stop_the_program) {
    mh_expect_fatal(crimes[_i].act, crimes[_i].message);
}
END_TEST

// The state of every page is checked: by the shadow from debug level 2 up, and
// by the simulator below that.
static void unuse_what_was_never_used(void) {
    must(mh_sys_map(region, 2 * page, MH_FOR_HEAP));
    must(mh_sys_used(region, page, page, MH_FOR_HEAP));
    must(mh_sys_unused(region, 2 * page, MH_FOR_HEAP));
}

START_TEST(a_page_in_the_wrong_state_stops_the_program) {
    mh_expect_fatal(unuse_what_was_never_used,
                    MH_DEBUG_LEVEL >= 2
                        ? "mheap: fatal: unused: page not ready: base=0x"
                        : "mheap: sim: unused: ");
}
END_TEST

static void say_what_the_option_is(void) {
    const char *value = mh_sys_option("MHEAP_SYS_STATE_TEST");
    mh_fatal(value == NULL ? "unset" : value);
}

START_TEST(options_come_from_the_environment_unless_it_is_not_to_be_trusted) {
    mh_expect_fatal(say_what_the_option_is, "mheap: fatal: unset\n");
    mh_set_variable("MHEAP_SYS_STATE_TEST", "yes=no");
    mh_set_variable("MHEAP_SYS_STATE_TEST2", "other");
    mh_expect_fatal(say_what_the_option_is, "mheap: fatal: yes=no\n");
    mh_sim_set_secure(true);
    mh_expect_fatal(say_what_the_option_is, "mheap: fatal: unset\n");
}
END_TEST

static void say_too_much(void) {
    char long_text[2000];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    mh_fatal(long_text);
}

START_TEST(a_message_too_long_is_cut_and_still_ends_its_line) {
    mh_expect_fatal(say_too_much, "aaaa\n");
}
END_TEST

START_TEST(random_bytes_differ_from_call_to_call) {
    unsigned char a[256] = {0}, b[256] = {0};
    mh_sys_random(a, sizeof(a));
    mh_sys_random(b, sizeof(b));
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
    ck_assert(!mh_is_filled(a + 128, 128, 0));
}
END_TEST

static Suite *sys_state_suite(void) {
    Suite *suite = suite_create("sys_state");

    TCase *moves = tcase_create("moves");
    tcase_add_checked_fixture(moves, reserve_region, NULL);
    tcase_add_test(moves, reserved_memory_traps);
    tcase_add_test(moves, ready_memory_starts_zeroed_and_is_writable);
    tcase_add_test(moves, used_keeps_the_contents_of_pages_already_ready);
    tcase_add_test(moves, used_of_nothing_prepared_makes_no_call);
    tcase_add_test(moves,
                   memory_comes_back_as_zeroes_only_where_that_is_promised);
    tcase_add_test(moves, fault_makes_prepared_and_ready_trap);
    tcase_add_test(moves, memory_that_was_faulted_can_be_mapped_again);
    tcase_add_test(moves, free_takes_a_range_in_three_states);
    tcase_add_test(moves,
                   part_of_a_reservation_is_freed_or_refused_as_the_facts_say);
    tcase_add_test(moves, a_hint_is_a_wish);
    tcase_add_test(moves, move_carries_pages_or_says_it_cannot);
    tcase_add_test(moves, discard_leaves_zeroes_on_the_books_or_says_it_cannot);
    tcase_add_test(moves, a_discard_that_the_system_refuses_changes_nothing);
    tcase_add_test(moves, errno_is_kept_by_calls_that_fail);
    tcase_add_test(moves, another_reason_than_exhaustion_is_a_refusal);
    tcase_add_loop_test(moves, arguments_out_of_line_stop_the_program, 0,
                        sizeof(crimes) / sizeof(crimes[0]));
    tcase_add_test(moves, a_page_in_the_wrong_state_stops_the_program);
    suite_add_tcase(suite, moves);

    TCase *rest = tcase_create("rest");
    tcase_add_test(rest, facts_are_those_of_the_system);
    tcase_add_test(rest, sizes_that_cannot_be_are_refused_without_a_call);
    tcase_add_loop_test(
        rest, aligned_reservations_are_aligned_and_leave_nothing_behind, 12,
        31);
    tcase_add_test(rest, many_aligned_reservations_do_not_overlap);
    tcase_add_test(
        rest, options_come_from_the_environment_unless_it_is_not_to_be_trusted);
    tcase_add_test(rest, a_message_too_long_is_cut_and_still_ends_its_line);
    tcase_add_test(rest, random_bytes_differ_from_call_to_call);
    suite_add_tcase(suite, rest);

    TCase *memory = tcase_create("alloc");
    tcase_add_checked_fixture(memory, reserve_region, NULL);
    tcase_add_test(memory, alloc_rounds_up_to_pages_and_is_zeroed);
    suite_add_tcase(suite, memory);
    return suite;
}

int main(void) {
    return mh_test_main(sys_state_suite());
}
