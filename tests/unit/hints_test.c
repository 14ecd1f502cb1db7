// hints_test.c - where the heap asks for address space, and what becomes of a
// hint that worked, that was not honoured, and that was refused.
//
// The list is tested as data first. Then it runs over each simulated system,
// with hints that point to places the host has free, so that no test depends on
// what else lives in the address space.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/hints.h"
#include "core/sys/sys.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define MIB   ((size_t)1 << 20)
#define ARENA (4 * MIB)

static struct mh_hints hints;

static const struct mh_layout *row(const char *os, const char *arch,
                                   unsigned bits) {
    const struct mh_layout *layout = mh_layout_find(os, arch, bits);
    ck_assert_ptr_nonnull(layout);
    return layout;
}

// The list.

START_TEST(a_new_list_holds_the_hints_of_the_layout_in_order) {
    const struct mh_layout *layout = &mh_layouts[_i];
    mh_hints_init(&hints, layout);

    ck_assert_uint_eq(hints.nhints, mh_layout_nhints(layout));
    for (unsigned i = 0; i < hints.nhints; i++) {
        ck_assert_uint_eq(hints.hints[i].address, mh_layout_hint(layout, i));
        ck_assert(!hints.hints[i].down);
    }
}
END_TEST

// Of layouts with a list: its first hint, and what is there when it is
// scattered.
START_TEST(a_scattered_list_begins_at_an_arena_that_a_program_can_have) {
    const struct mh_layout *layout = &mh_layouts[_i];
    uint64_t seen = 0, arena = mh_layout_arena_bytes(layout);
    for (unsigned bit = 0; bit < 64; bit++) {
        mh_hints_init(&hints, layout);
        unsigned before = hints.nhints;
        mh_hints_scatter(&hints, UINT64_C(1) << bit);
        if (before == 0) {
            ck_assert_uint_eq(hints.nhints, 0);
            continue;
        }
        uint64_t first = mh_layout_hint(layout, 0);
        uint64_t distance = hints.hints[0].address - first;
        ck_assert_uint_eq(hints.nhints, before + 1);
        ck_assert_uint_eq(hints.hints[1].address, first);
        ck_assert_uint_eq(distance % arena, 0);
        ck_assert_uint_lt(distance, UINT64_C(1) << (layout->user_bits - 2));
        ck_assert_uint_lt(distance, UINT64_C(1) << 45);
        seen |= distance;
    }
    if (mh_layout_nhints(layout) != 0 && layout->user_bits >= 47) {
        ck_assert_uint_eq(seen, (UINT64_C(1) << 45) - arena);
    }
}
END_TEST

struct usable {
    const char *os, *arch;
    unsigned count; // of hints at which one arena fits
};

START_TEST(hints_out_of_a_program_s_reach_are_skipped) {
    static const struct usable cases[] = {
        {"linux", "amd64", 128},   {"linux", "arm64", 128},
        {"linux", "riscv64", 129}, {"linux", "ppc64", 64},
        {"linux", "mips64", 1},    {"linux", "s390x", 128},
        {"aix", "ppc64", 127},     {"ios", "arm64", 1},
        {"windows", "amd64", 128},
    };
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        const struct mh_layout *layout = row(cases[c].os, cases[c].arch, 64);
        size_t arena = (size_t)mh_layout_arena_bytes(layout);
        uint64_t start = 0;
        unsigned count = 0;
        mh_hints_init(&hints, layout);
        for (unsigned i = 0; i < hints.nhints; i++) {
            i = mh_hints_next(&hints, i, arena, arena, &start);
            count += i < hints.nhints;
        }
        ck_assert_msg(count == cases[c].count, "%s/%s: %u", cases[c].os,
                      cases[c].arch, count);
    }
}
END_TEST

static void set_hints(const struct mh_layout *layout, unsigned n,
                      const struct mh_hint *list) {
    mh_hints_init(&hints, layout);
    hints.nhints = n;
    memcpy(hints.hints, list, n * sizeof(list[0]));
}

START_TEST(a_piece_starts_at_the_hint_or_ends_there) {
    static const struct mh_hint list[] = {{0xc000000000, false},
                                          {0xd000000000, true}};
    uint64_t start = 0;
    set_hints(row("linux", "amd64", 64), 2, list);

    ck_assert_uint_eq(mh_hints_next(&hints, 0, 3 * MIB, MIB, &start), 0);
    ck_assert_uint_eq(start, 0xc000000000);
    ck_assert_uint_eq(mh_hints_next(&hints, 1, 3 * MIB, MIB, &start), 1);
    ck_assert_uint_eq(start, 0xd000000000 - 3 * MIB);
}
END_TEST

START_TEST(a_piece_is_aligned_inwards) {
    static const struct mh_hint list[] = {{0xc000100000, false},
                                          {0xd000100000, true}};
    uint64_t start = 0;
    set_hints(row("linux", "amd64", 64), 2, list);

    mh_hints_next(&hints, 0, 64 * MIB, 64 * MIB, &start);
    ck_assert_uint_eq(start, 0xc004000000);
    mh_hints_next(&hints, 1, 64 * MIB, 64 * MIB, &start);
    ck_assert_uint_eq(start, 0xcffc000000);
}
END_TEST

START_TEST(hints_whose_piece_wraps_are_skipped_and_kept) {
    static const struct mh_hint list[] = {{UINT64_MAX - 0xfffff, false},
                                          {UINT64_MAX, false},
                                          {0x100000, true},
                                          {0x400000, true},
                                          {0xc000000000, false}};
    uint64_t start = 0;
    set_hints(row("linux", "s390x", 64), 5, list);

    ck_assert_uint_eq(mh_hints_next(&hints, 0, 4 * MIB, 4 * MIB, &start), 4);
    ck_assert_uint_eq(start, 0xc000000000);
    ck_assert_uint_eq(hints.nhints, 5);
    ck_assert_uint_eq(mh_hints_next(&hints, 0, 2 * MIB, MIB, &start), 3);
    ck_assert_uint_eq(start, 0x200000);
}
END_TEST

START_TEST(hints_outside_the_address_space_are_skipped) {
    static const struct mh_hint list[] = {{0xffc00000, false}, // last arena
                                          {0x80000000, false}};
    uint64_t start = 0;
    set_hints(row("linux", "386", 32), 2, list);

    ck_assert_uint_eq(mh_hints_next(&hints, 0, 4 * MIB, 4 * MIB, &start), 0);
    ck_assert_uint_eq(mh_hints_next(&hints, 0, 8 * MIB, 4 * MIB, &start), 1);
    set_hints(row("linux", "mips", 32), 2, list);
    ck_assert_uint_eq(mh_hints_next(&hints, 0, 4 * MIB, 4 * MIB, &start), 2);
}
END_TEST

START_TEST(a_hint_that_worked_moves_past_the_piece) {
    static const struct mh_hint list[] = {{0xc000000000, false},
                                          {0xd000000000, true}};
    set_hints(row("linux", "amd64", 64), 2, list);

    mh_hints_advance(&hints, 0, 0xc000000000, 64 * MIB);
    mh_hints_advance(&hints, 1, 0xcffc000000, 64 * MIB);
    ck_assert_uint_eq(hints.hints[0].address, 0xc004000000);
    ck_assert_uint_eq(hints.hints[1].address, 0xcffc000000);
}
END_TEST

START_TEST(dropping_keeps_the_order_of_the_others) {
    mh_hints_init(&hints, row("linux", "amd64", 64));
    mh_hints_drop(&hints, 1);
    ck_assert_uint_eq(hints.nhints, 127);
    ck_assert_uint_eq(hints.hints[0].address, 0x00c000000000);
    ck_assert_uint_eq(hints.hints[1].address, 0x02c000000000);
    ck_assert_uint_eq(hints.hints[126].address, 0x7fc000000000);
    mh_hints_drop(&hints, 126);
    ck_assert_uint_eq(hints.hints[125].address, 0x7ec000000000);
}
END_TEST

START_TEST(new_hints_go_up_from_the_end_and_down_from_the_start) {
    mh_hints_init(&hints, row("linux", "amd64", 64));
    mh_hints_add_around(&hints, 0x10000000, 0x20000000);

    ck_assert_uint_eq(hints.nhints, 130);
    ck_assert_uint_eq(hints.hints[0].address, 0x20000000);
    ck_assert(!hints.hints[0].down);
    ck_assert_uint_eq(hints.hints[1].address, 0x10000000);
    ck_assert(hints.hints[1].down);
    ck_assert_uint_eq(hints.hints[2].address, 0x00c000000000);
}
END_TEST

START_TEST(a_full_list_forgets_its_last_hints) {
    mh_hints_init(&hints, row("linux", "riscv64", 64));
    for (uint64_t i = 1; i <= 100; i++) {
        mh_hints_add_around(&hints, i << 30, (i << 30) + ARENA);
        ck_assert_uint_le(hints.nhints, MH_MAX_HINTS);
    }
    ck_assert_uint_eq(hints.nhints, MH_MAX_HINTS);
    ck_assert_uint_eq(hints.hints[0].address, (UINT64_C(100) << 30) + ARENA);
    ck_assert_uint_eq(hints.hints[1].address, UINT64_C(100) << 30);
}
END_TEST

// The protocol, over each simulated system.

static struct mh_layout layout;
static struct mh_account before;

// room finds a place that is free now.
static uint64_t room(size_t size) {
    struct mh_split was = {.reserved = size};
    void *base = mh_sys_reserve_aligned(size, ARENA, MH_FOR_OTHER);
    ck_assert_ptr_nonnull(base);
    ck_assert_int_eq(mh_sys_free(base, size, was, MH_FOR_OTHER), MH_OK);
    return (uintptr_t)base;
}

// Arenas of 4 MiB in the address space of this host.
static void start_over(int os) {
    mh_sim_become((enum mh_sim_os)os);
    layout = *mh_layout_own();
    layout.l2_entries <<= layout.arena_shift - 22;
    layout.arena_shift = 22;
    mh_hints_init(&hints, &layout);
    hints.nhints = 0;
    before = mh_sys_account(MH_FOR_HEAP);
}

static void add_hint(uint64_t address, bool down) {
    hints.hints[hints.nhints++] = (struct mh_hint){address, down};
}

static uint64_t reserve(size_t size, size_t align) {
    void *base = mh_hints_reserve(&hints, size, align, MH_FOR_HEAP);
    if (base != NULL) {
        ck_assert_uint_eq((uintptr_t)base % align, 0);
        ck_assert_int_eq(mh_sim_state_of(base), MH_RESERVED);
    }
    return (uintptr_t)base;
}

static void occupy(uint64_t address, size_t size) {
    void *base = mh_sys_reserve((void *)(uintptr_t)address, size, MH_FOR_OTHER);
    ck_assert_uint_eq((uintptr_t)base, address);
}

// held is the address space booked for the heap since the test began. It must
// be what the test thinks that it was given.
static size_t held(void) {
    struct mh_account now = mh_sys_account(MH_FOR_HEAP);
    ck_assert_uint_eq(now.prepared, before.prepared);
    ck_assert_uint_eq(now.ready, before.ready);
    return (size_t)(now.reserved - before.reserved);
}

START_TEST(pieces_follow_each_other_upwards) {
    start_over(_i);
    uint64_t place = room(64 * MIB);
    add_hint(place, false);

    ck_assert_uint_eq(reserve(ARENA, ARENA), place);
    ck_assert_uint_eq(reserve(2 * ARENA, ARENA), place + ARENA);
    ck_assert_uint_eq(reserve(MIB, MIB), place + 3 * ARENA);
    ck_assert_uint_eq(reserve(MIB, MIB), place + 3 * ARENA + MIB);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place + 4 * ARENA);
    ck_assert_uint_eq(held(), 4 * ARENA + 2 * MIB);
    ck_assert_uint_eq(hints.nhints, 1);
}
END_TEST

START_TEST(pieces_follow_each_other_downwards) {
    start_over(_i);
    uint64_t place = room(64 * MIB) + 64 * MIB;
    add_hint(place, true);

    ck_assert_uint_eq(reserve(ARENA, ARENA), place - ARENA);
    ck_assert_uint_eq(reserve(2 * ARENA, ARENA), place - 3 * ARENA);
    ck_assert_uint_eq(reserve(MIB, MIB), place - 3 * ARENA - MIB);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place - 5 * ARENA);
    ck_assert_uint_eq(held(), 4 * ARENA + MIB);
}
END_TEST

START_TEST(a_hint_whose_place_is_taken_is_dropped_and_the_next_one_used) {
    start_over(_i);
    uint64_t place = room(64 * MIB);
    occupy(place, ARENA);
    add_hint(place, false);
    add_hint(place + 32 * MIB, false);

    ck_assert_uint_eq(reserve(ARENA, ARENA), place + 32 * MIB);
    ck_assert_uint_eq(held(), ARENA); // what came back elsewhere was freed
    ck_assert_uint_eq(hints.nhints, 1);
    ck_assert_uint_eq(hints.hints[0].address, place + 32 * MIB + ARENA);
}
END_TEST

START_TEST(without_hints_room_anywhere_will_do) {
    start_over(_i);
    uint64_t start = reserve(2 * ARENA, ARENA);

    ck_assert_uint_ne(start, 0);
    ck_assert_uint_eq(held(), 2 * ARENA);
    ck_assert_uint_eq(hints.nhints, 2);
    ck_assert_uint_eq(hints.hints[0].address, start + 2 * ARENA);
    ck_assert(!hints.hints[0].down);
    ck_assert_uint_eq(hints.hints[1].address, start);
    ck_assert(hints.hints[1].down);
}
END_TEST

// Hints at which an arena fits into the addresses of a program.
static unsigned usable_hints(void) {
    uint64_t start = 0;
    unsigned n = 0;
    unsigned i = mh_hints_next(&hints, 0, ARENA, ARENA, &start);
    while (i < hints.nhints) {
        n++;
        i = mh_hints_next(&hints, i + 1, ARENA, ARENA, &start);
    }
    return n;
}

START_TEST(a_system_that_refuses_all_hints_still_gives_room) {
    start_over(_i);
    mh_sim_refuse_hints(true);
    // Windows needs a place of its choice to align: that is refused as well.
    size_t align = _i == MH_SIM_WINDOWS ? mh_sys_facts()->reserve_align : ARENA;
    mh_hints_init(&hints, &layout);
    // Hints that no program can be given, with 46 bits of address: never tried.
    unsigned beyond = hints.nhints - usable_hints();

    for (size_t i = 1; i <= 5; i++) {
        ck_assert_uint_ne(reserve(ARENA, align), 0);
        ck_assert_uint_eq(held(), i * ARENA);
        // Around the newest piece.
        ck_assert_uint_eq(hints.nhints, 2 + beyond);
    }
}
END_TEST

START_TEST(growth_goes_on_at_the_ends_of_a_piece_made_anywhere) {
    start_over(_i);
    uint64_t place = room(64 * MIB) + 32 * MIB;
    add_hint(place, false);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place);
    mh_hints_drop(&hints, 0);
    mh_hints_add_around(&hints, place, place + ARENA);

    ck_assert_uint_eq(reserve(ARENA, ARENA), place + ARENA);
    occupy(place + 2 * ARENA, ARENA);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place - ARENA);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place - 2 * ARENA);
    ck_assert_uint_eq(held(), 4 * ARENA);
}
END_TEST

START_TEST(out_of_room_is_null_and_keeps_the_hints) {
    start_over(_i);
    uint64_t place = room(64 * MIB);
    add_hint(place, false);
    ck_assert_uint_eq(reserve(ARENA, ARENA), place);
    mh_sim_limit_space(
        (size_t)(mh_sim_bytes(MH_RESERVED) + mh_sim_bytes(MH_READY)) + 2 * MIB);

    ck_assert_uint_eq(reserve(ARENA, ARENA), 0);
    ck_assert_uint_eq(held(), ARENA);
    ck_assert_uint_eq(reserve(MIB, MIB), place + ARENA); // a piece still fits
    mh_sim_limit_space(0);
    ck_assert_uint_eq(reserve(MIB, MIB), place + ARENA + MIB);
}
END_TEST

START_TEST(a_refusal_at_one_place_only_drops_that_hint) {
    start_over(_i);
    uint64_t place = room(64 * MIB);
    add_hint(place, false);
    add_hint(place + 32 * MIB, false);
    mh_sim_fail_nth(1);

    uint64_t start = reserve(ARENA, ARENA);
    ck_assert_uint_ne(start, 0);
    ck_assert_uint_eq(held(), ARENA);
    ck_assert_uint_eq(hints.nhints, 3);
    ck_assert_uint_eq(hints.hints[0].address, start + ARENA);
    ck_assert_uint_eq(hints.hints[1].address, start);
    ck_assert_uint_eq(hints.hints[2].address, place + 32 * MIB);
}
END_TEST

START_TEST(room_that_cannot_be_addressed_is_given_back) {
    start_over(_i);
    layout.base += UINT64_C(1) << 60; // nothing the host has lies in there
    mh_hints_init(&hints, &layout);
    hints.nhints = 0;

    ck_assert_uint_eq(reserve(ARENA, ARENA), 0);
    ck_assert_uint_eq(held(), 0);
    ck_assert_uint_eq(hints.nhints, 0);
}
END_TEST

// The start-up rule of 32-bit systems, moved to where the host has room.

static uint64_t program_end;

static void start_above_program(int os, size_t space) {
    start_over(os);
    program_end = room(1024 * MIB) + ARENA + 12345;
    layout.rule = MH_HINTS_ABOVE_PROGRAM;
    mh_hints_init(&hints, &layout);
    mh_sim_limit_space(space);
    mh_hints_start(&hints, program_end, true, MH_FOR_HEAP);
}

static uint64_t above_program(void) {
    return mh_layout_program_hint(&layout, program_end);
}

START_TEST(the_initial_reservation_lies_above_the_program) {
    start_above_program(_i, 0);

    ck_assert_uint_eq(held(), 512 * MIB);
    ck_assert_uint_eq(reserve(ARENA, ARENA), above_program());
    ck_assert_uint_eq(reserve(MIB, MIB), above_program() + ARENA);
    ck_assert_uint_eq(reserve(ARENA, ARENA), above_program() + 2 * ARENA);
    ck_assert_uint_eq(held(), 512 * MIB);
}
END_TEST

START_TEST(growth_continues_behind_the_initial_reservation) {
    start_above_program(_i, 0);
    uint64_t end = above_program() + 512 * MIB;

    ck_assert_uint_eq(reserve(508 * MIB, ARENA), above_program());
    ck_assert_uint_eq(reserve(2 * ARENA, ARENA), end); // does not fit before
    ck_assert_uint_eq(reserve(ARENA, ARENA), end - ARENA);
    ck_assert_uint_eq(held(), 520 * MIB);
}
END_TEST

START_TEST(a_smaller_initial_reservation_is_taken_where_room_is_scarce) {
    start_above_program(_i, 300 * MIB);
    ck_assert_uint_eq(held(), 256 * MIB);
    ck_assert_uint_eq(reserve(256 * MIB, ARENA), above_program());
}
END_TEST

START_TEST(the_smallest_initial_reservation_is_128_mib) {
    start_above_program(_i, 200 * MIB);
    ck_assert_uint_eq(held(), 128 * MIB);
    ck_assert_uint_eq(reserve(128 * MIB, ARENA), above_program());
}
END_TEST

START_TEST(without_an_initial_reservation_the_heap_grows_above_the_program) {
    start_above_program(_i, 100 * MIB);

    ck_assert_uint_eq(held(), 0);
    ck_assert_uint_eq(hints.nhints, 1);
    ck_assert_uint_eq(reserve(ARENA, ARENA), above_program());
}
END_TEST

// As where addresses are limited.
START_TEST(nothing_is_reserved_ahead_unless_asked_for) {
    start_over(_i);
    program_end = room(1024 * MIB);
    layout.rule = MH_HINTS_ABOVE_PROGRAM;
    mh_hints_init(&hints, &layout);
    mh_hints_start(&hints, program_end, false, MH_FOR_HEAP);

    ck_assert_uint_eq(held(), 0);
    ck_assert_uint_eq(reserve(MIB, MIB), above_program());
    ck_assert_uint_eq(reserve(MIB, MIB), above_program() + MIB);
    ck_assert_uint_eq(held(), 2 * MIB);
}
END_TEST

START_TEST(an_initial_reservation_elsewhere_is_as_good) {
    start_over(_i);
    uint64_t place = room(1024 * MIB);
    layout.rule = MH_HINTS_ABOVE_PROGRAM;
    mh_hints_init(&hints, &layout);
    program_end = place;
    occupy(above_program(), ARENA);
    mh_hints_start(&hints, program_end, true, MH_FOR_HEAP);

    ck_assert_uint_eq(held(), 512 * MIB);
    uint64_t start = reserve(512 * MIB, ARENA);
    ck_assert_uint_ne(start, 0);
    ck_assert_uint_eq(held(), 512 * MIB);
    ck_assert_uint_eq(hints.hints[0].address, start + 512 * MIB);
}
END_TEST

START_TEST(only_what_is_left_of_the_initial_reservation_is_initial) {
    start_over(_i);
    uint64_t place = room(1024 * MIB);
    layout.rule = MH_HINTS_ABOVE_PROGRAM;
    mh_hints_init(&hints, &layout);
    ck_assert(!mh_hints_is_initial(&hints, 0));
    program_end = place;
    mh_hints_start(&hints, program_end, true, MH_FOR_HEAP);

    struct mh_hints untouched = hints;
    uint64_t first = reserve(ARENA, ARENA);
    ck_assert(mh_hints_is_initial(&untouched, first));
    ck_assert(!mh_hints_is_initial(&hints, first));
    // Put back, it is what comes next.
    hints = untouched;
    ck_assert_uint_eq(reserve(ARENA, ARENA), first);
    ck_assert(mh_hints_is_initial(&hints, first + ARENA));
    ck_assert(!mh_hints_is_initial(&hints, hints.initial_end));
}
END_TEST

START_TEST(other_layouts_reserve_nothing_at_start) {
    start_over(_i);
    layout.rule = MH_HINTS_LISTED;
    mh_hints_init(&hints, &layout);
    mh_hints_start(&hints, 0x400000, true, MH_FOR_HEAP);

    ck_assert_uint_eq(held(), 0);
    ck_assert_uint_eq(hints.nhints, mh_layout_nhints(&layout));
}
END_TEST

static void add_list_tests(Suite *suite) {
    TCase *list = tcase_create("list");
    tcase_add_loop_test(list, a_new_list_holds_the_hints_of_the_layout_in_order,
                        0, (int)mh_nlayouts);
    tcase_add_loop_test(
        list, a_scattered_list_begins_at_an_arena_that_a_program_can_have, 0,
        (int)mh_nlayouts);
    tcase_add_test(list, hints_out_of_a_program_s_reach_are_skipped);
    tcase_add_test(list, a_piece_starts_at_the_hint_or_ends_there);
    tcase_add_test(list, a_piece_is_aligned_inwards);
    tcase_add_test(list, hints_whose_piece_wraps_are_skipped_and_kept);
    tcase_add_test(list, hints_outside_the_address_space_are_skipped);
    tcase_add_test(list, a_hint_that_worked_moves_past_the_piece);
    tcase_add_test(list, dropping_keeps_the_order_of_the_others);
    tcase_add_test(list, new_hints_go_up_from_the_end_and_down_from_the_start);
    tcase_add_test(list, a_full_list_forgets_its_last_hints);
    suite_add_tcase(suite, list);
}

static Suite *hints_suite(void) {
    const TTest *const growing[] = {
        pieces_follow_each_other_upwards,
        pieces_follow_each_other_downwards,
        a_hint_whose_place_is_taken_is_dropped_and_the_next_one_used,
        without_hints_room_anywhere_will_do,
        a_system_that_refuses_all_hints_still_gives_room,
        growth_goes_on_at_the_ends_of_a_piece_made_anywhere,
        out_of_room_is_null_and_keeps_the_hints,
        a_refusal_at_one_place_only_drops_that_hint,
        room_that_cannot_be_addressed_is_given_back,
    };
    const TTest *const starting[] = {
        the_initial_reservation_lies_above_the_program,
        growth_continues_behind_the_initial_reservation,
        a_smaller_initial_reservation_is_taken_where_room_is_scarce,
        the_smallest_initial_reservation_is_128_mib,
        without_an_initial_reservation_the_heap_grows_above_the_program,
        nothing_is_reserved_ahead_unless_asked_for,
        an_initial_reservation_elsewhere_is_as_good,
        other_layouts_reserve_nothing_at_start,
        only_what_is_left_of_the_initial_reservation_is_initial,
    };
    Suite *suite = suite_create("hints");
    add_list_tests(suite);

    TCase *growth = tcase_create("growth");
    for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++) {
        tcase_add_loop_test(growth, growing[i], 0, MH_SIM_NOS);
    }
    suite_add_tcase(suite, growth);

    TCase *start = tcase_create("start");
    for (size_t i = 0; i < sizeof(starting) / sizeof(starting[0]); i++) {
        tcase_add_loop_test(start, starting[i], 0, MH_SIM_NOS);
    }
    suite_add_tcase(suite, start);
    return suite;
}

int main(void) {
    return mh_test_main(hints_suite());
}
