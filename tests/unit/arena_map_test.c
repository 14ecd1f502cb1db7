// arena_map_test.c - from an address to an arena, and from no other.

#include <check.h>
#include <signal.h>

#include "core/page/arena_map.h"
#include "core/sys/limit.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define FEW  ((uintptr_t)64)
#define SIZE MH_ARENA_SIZE

// A map that is not of all addresses there can be: 48 bits of 64, 31 of 32.
#if UINTPTR_MAX > UINT32_MAX
#    define FULL   ((uintptr_t)1 << (48 - MH_ARENA_SHIFT))
#    define NEAR   ((uintptr_t)0xc0 << 32)
#    define LOWEST (UINTPTR_MAX << 47)
#else
#    define FULL   ((uintptr_t)1 << 9)
#    define NEAR   ((uintptr_t)0x20000000)
#    define LOWEST (UINTPTR_MAX << 30)
#endif

// Only its address counts.
static uint64_t memory[2];
static struct mh_arena *const arena = (struct mh_arena *)&memory[0];
static struct mh_arena *const other = (struct mh_arena *)&memory[1];

static struct mh_arena_map_plan plan = {
    .base = 0, .full = FULL, .near = NEAR, .few = FEW};

static void make_full(void) {
    ck_assert_int_eq(mh_arena_map_init(&plan), MH_OK);
    ck_assert_uint_eq(mh_arena_map.count, FULL);
}

static void make_window(uintptr_t near) {
    mh_sim_limit_commit(1 << 20); // no room for all of it
    plan.near = near;
    ck_assert_int_eq(mh_arena_map_init(&plan), MH_OK);
    ck_assert_uint_eq(mh_arena_map.count, FEW);
}

// A table in 64 parts.
#define PARTS (FULL / 64)
static void make_parts(void) {
    mh_sim_become(MH_SIM_WINDOWS); // which charges what is Ready
    plan.part_bits = 6;
    make_full();
}

// All of the addresses of one part are in reach of its first entry.
static uintptr_t part_base(uintptr_t part) {
    return part * PARTS * SIZE;
}

START_TEST(before_it_is_made_no_address_has_an_arena) {
    ck_assert_ptr_null(mh_arena_of(0));
    ck_assert_ptr_null(mh_arena_of(NEAR));
    ck_assert_ptr_null(mh_arena_of(UINTPTR_MAX & ~(uintptr_t)15));
}
END_TEST

START_TEST(a_full_map_covers_everything_and_nothing_behind) {
    make_full();
    ck_assert(mh_arena_map_covers(0));
    ck_assert(mh_arena_map_covers(NEAR));
    ck_assert(mh_arena_map_covers((FULL - 1) * SIZE));
    ck_assert(!mh_arena_map_covers(FULL * SIZE));
    ck_assert(!mh_arena_map_covers(0 - SIZE));
}
END_TEST

START_TEST(where_memory_is_short_a_window_lies_around_the_first_arena) {
    make_window(NEAR);
    ck_assert(mh_arena_map_covers(NEAR));
    ck_assert(mh_arena_map_covers(NEAR - FEW / 2 * SIZE));
    ck_assert(mh_arena_map_covers(NEAR + (FEW / 2 - 1) * SIZE));
    ck_assert(!mh_arena_map_covers(NEAR - (FEW / 2 + 1) * SIZE));
    ck_assert(!mh_arena_map_covers(NEAR + FEW / 2 * SIZE));
    ck_assert(!mh_arena_map_covers(0));
}
END_TEST

START_TEST(a_window_at_the_bottom_begins_there) {
    make_window(2 * SIZE);
    ck_assert(mh_arena_map_covers(0));
    ck_assert(mh_arena_map_covers((FEW - 1) * SIZE));
    ck_assert(!mh_arena_map_covers(FEW * SIZE));
}
END_TEST

START_TEST(no_room_for_the_smallest_map_is_reported) {
    mh_sim_fail_from(1);
    ck_assert_int_eq(mh_arena_map_init(&plan), MH_NO_MEMORY);
    mh_sim_fail_nothing();
    ck_assert_ptr_null(mh_arena_of(NEAR));
    make_full();
}
END_TEST

static void check_one_arena(void) {
    mh_arena_map_set(NEAR, arena);
    mh_arena_map_set(NEAR + SIZE, other);
    ck_assert_ptr_eq(mh_arena_of(NEAR), arena);
    ck_assert_ptr_eq(mh_arena_of(NEAR + SIZE - 16), arena);
    ck_assert_ptr_eq(mh_arena_of(NEAR + SIZE), other);
    ck_assert_ptr_null(mh_arena_of(NEAR - 16));
    ck_assert_ptr_null(mh_arena_of(NEAR + 2 * SIZE));
    ck_assert_ptr_eq(mh_arena_of_known(NEAR + 12345 * 16), arena);
    for (uintptr_t off = 1; off < 16; off++) {
        ck_assert_ptr_null(mh_arena_of(NEAR + off));
        ck_assert_ptr_null(mh_arena_of(NEAR + SIZE - off));
    }
}

START_TEST(an_arena_is_found_from_its_multiples_of_16) {
    make_full();
    check_one_arena();
}
END_TEST

START_TEST(so_it_is_in_a_window) {
    make_window(NEAR);
    check_one_arena();
}
END_TEST

START_TEST(wild_addresses_have_no_arena) {
    static const uint64_t wild[] = {0,
                                    16,
                                    4096,
                                    UINT64_C(0x7fffffffe000),
                                    UINT64_C(0x800000000000),
                                    UINT64_C(0xffff800000000000),
                                    UINT64_C(0xfffffffffffffff0),
                                    UINT64_C(0xdeadbeefdeadbeef)};
    make_full();
    mh_arena_map_set(NEAR, arena);
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        ck_assert_ptr_null(mh_arena_of((uintptr_t)wild[i]));
    }
}
END_TEST

// On amd64 the addressable space is centred: its base is the lowest negative
// address.
START_TEST(a_base_above_the_middle_works) {
    uintptr_t base = LOWEST;
    plan.base = base;
    ck_assert_int_eq(mh_arena_map_init(&plan), MH_OK);
    check_one_arena();
    mh_arena_map_set(base, arena);
    ck_assert_ptr_eq(mh_arena_of(base + 32), arena);
}
END_TEST

// Parts -------------------------------------------------------------------

START_TEST(a_map_in_parts_costs_addresses_until_an_arena_is_there) {
    make_parts();
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), 0);
    ck_assert_uint_eq(mh_sim_bytes(MH_RESERVED), FULL * sizeof(void *));
    ck_assert_int_eq(mh_arena_map_grow(NEAR), MH_OK);
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), PARTS * sizeof(void *));
    check_one_arena();
    ck_assert_uint_eq(mh_limits.sparse, PARTS * sizeof(void *));
    ck_assert_uint_eq(mh_limits.counted, 0);
}
END_TEST

START_TEST(an_address_in_a_part_that_is_not_there_has_no_arena) {
    make_parts();
    ck_assert_int_eq(mh_arena_map_grow(part_base(3)), MH_OK);
    mh_arena_map_set(part_base(3), arena);
    mh_arena_map_set(part_base(4) - SIZE, other);
    ck_assert_ptr_eq(mh_arena_of(part_base(3)), arena);
    ck_assert_ptr_eq(mh_arena_of(part_base(4) - 16), other);
    ck_assert_ptr_null(mh_arena_of(part_base(3) - 16));
    ck_assert_ptr_null(mh_arena_of(part_base(4)));
    ck_assert_ptr_null(mh_arena_of(0));
    ck_assert_ptr_null(mh_arena_of((FULL - 1) * SIZE));
    ck_assert_ptr_null(mh_arena_of(UINTPTR_MAX & ~(uintptr_t)15));
}
END_TEST

START_TEST(each_part_is_made_once_the_first_and_the_last_too) {
    make_parts();
    const uintptr_t bases[] = {0, part_base(63), (FULL - 1) * SIZE, SIZE};
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        ck_assert_int_eq(mh_arena_map_grow(bases[i]), MH_OK);
        mh_arena_map_set(bases[i], arena);
        ck_assert_ptr_eq(mh_arena_of(bases[i]), arena);
        ck_assert_ptr_eq(mh_arena_of_known(bases[i]), arena);
    }
    ck_assert_uint_eq(mh_sim_bytes(MH_READY), 2 * PARTS * sizeof(void *));
    ck_assert_uint_eq(mh_sim_calls(MH_OP_used), 2);
}
END_TEST

START_TEST(a_part_that_cannot_be_had_is_asked_for_again) {
    make_parts();
    // The call that failed is made again, and the next one fails.
    for (int call = 1; call <= 2; call++) {
        mh_sim_fail_nth(call == 1 ? 1 : 2);
        ck_assert_int_eq(mh_arena_map_grow(NEAR), MH_NO_MEMORY);
        ck_assert_ptr_null(mh_arena_of(NEAR));
    }
    ck_assert_int_eq(mh_arena_map_grow(NEAR), MH_OK);
    ck_assert_uint_eq(mh_sim_calls(MH_OP_map), 2);
    check_one_arena();
}
END_TEST

START_TEST(a_table_too_small_for_parts_is_whole) {
    mh_sim_become(MH_SIM_WINDOWS);
    plan.full = 1024; // of a 32-bit system
    plan.near = 3 * SIZE;
    plan.part_bits = 6;
    ck_assert_int_eq(mh_arena_map_init(&plan), MH_OK);
    ck_assert_int_eq(mh_arena_map_grow(0), MH_OK);
    mh_arena_map_set(1023 * SIZE, arena);
    ck_assert_ptr_eq(mh_arena_of(1023 * SIZE), arena);
    ck_assert_ptr_null(mh_arena_of(1024 * SIZE));
}
END_TEST

START_TEST(an_arena_in_a_part_that_is_not_there_stops_the_program) {
    make_parts();
    mh_arena_map_set(NEAR, arena);
}
END_TEST

START_TEST(an_arena_outside_the_window_stops_the_program) {
    make_window(NEAR);
    mh_arena_map_set(NEAR + FEW * SIZE, arena);
}
END_TEST

START_TEST(a_second_arena_in_one_place_stops_the_program) {
    make_full();
    mh_arena_map_set(NEAR, arena);
    mh_arena_map_set(NEAR, other);
}
END_TEST

// Of 32 bits the whole map is a page: there is always room for it.
static void add_windows(TCase *tcase) {
    tcase_add_test(tcase,
                   where_memory_is_short_a_window_lies_around_the_first_arena);
    tcase_add_test(tcase, a_window_at_the_bottom_begins_there);
    tcase_add_test(tcase, so_it_is_in_a_window);
    tcase_add_test_raise_signal(
        tcase, an_arena_outside_the_window_stops_the_program, SIGABRT);
}

// Of 32 bits a table is less than its parts must be.
static void add_parts(TCase *parts) {
    tcase_add_test(parts,
                   a_map_in_parts_costs_addresses_until_an_arena_is_there);
    tcase_add_test(parts, an_address_in_a_part_that_is_not_there_has_no_arena);
    tcase_add_test(parts, each_part_is_made_once_the_first_and_the_last_too);
    tcase_add_test(parts, a_part_that_cannot_be_had_is_asked_for_again);
    tcase_add_test_raise_signal(
        parts, an_arena_in_a_part_that_is_not_there_stops_the_program, SIGABRT);
}

int main(void) {
    Suite *suite = suite_create("arena_map");
    TCase *tcase = tcase_create("map");
    tcase_add_test(tcase, before_it_is_made_no_address_has_an_arena);
    tcase_add_test(tcase, a_full_map_covers_everything_and_nothing_behind);
    tcase_add_test(tcase, no_room_for_the_smallest_map_is_reported);
    tcase_add_test(tcase, an_arena_is_found_from_its_multiples_of_16);
    tcase_add_test(tcase, wild_addresses_have_no_arena);
    tcase_add_test(tcase, a_base_above_the_middle_works);
    tcase_add_test_raise_signal(
        tcase, a_second_arena_in_one_place_stops_the_program, SIGABRT);
    if (sizeof(void *) == 8) {
        add_windows(tcase);
    }
    suite_add_tcase(suite, tcase);

    TCase *parts = tcase_create("parts");
    if (sizeof(void *) == 8) {
        add_parts(parts);
    }
    tcase_add_test(parts, a_table_too_small_for_parts_is_whole);
    suite_add_tcase(suite, parts);
    return mh_test_main(suite);
}
