// layout_test.c - every row of the address layout, asked about on any host.
//
// The expected values are written out from the table in the design, not taken
// from the rows.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/params.h"
#include "core/meta/layout.h"
#include "tests/support/pure_main.h"

#define MIB(n) ((uint64_t)(n) << 20)

struct expected {
    const char *os, *arch;
    unsigned pointer_bits, address_bits, user_bits;
    uint64_t arena_bytes;
    unsigned l1_bits;
    uint64_t l2_entries, map_bytes, base;
    unsigned nhints;
    uint64_t hint0, hint1, last_hint;
};

#define AMD64_HINTS 128, 0x00c000000000, 0x01c000000000, 0x7fc000000000
#define ARM64_HINTS 128, 0x004000000000, 0x014000000000, 0x7f4000000000
#define APPLE_HINTS 128, 0x000130000000, 0x010130000000, 0x7f0130000000
#define NO_HINTS    0, 0, 0, 0

// clang-format off
static const struct expected rows[] = {
    {"linux", "amd64", 64, 48, 47, MIB(64), 0, 4194304, MIB(32),
     0xffff800000000000, AMD64_HINTS},
    {"darwin", "amd64", 64, 48, 47, MIB(64), 0, 4194304, MIB(32),
     0xffff800000000000, AMD64_HINTS},
    {"linux", "arm64", 64, 48, 48, MIB(64), 0, 4194304, MIB(32), 0,
     ARM64_HINTS},
    {"darwin", "arm64", 64, 48, 47, MIB(64), 0, 4194304, MIB(32), 0,
     APPLE_HINTS},
    {"ios", "arm64", 64, 40, 40, MIB(64), 0, 16384, 131072, 0, APPLE_HINTS},
    {"windows", "amd64", 64, 48, 47, MIB(4), 6, 1048576, MIB(8),
     0xffff800000000000, AMD64_HINTS},
    {"windows", "arm64", 64, 48, 47, MIB(4), 6, 1048576, MIB(8), 0,
     ARM64_HINTS},
    {"aix", "ppc64", 64, 48, 60, MIB(64), 0, 4194304, MIB(32),
     0x0a00000000000000,
     127, 0x0a00010000000000, 0x0a00020000000000, 0x0a007f0000000000},
    {"linux", "riscv64", 64, 48, 47, MIB(64), 0, 4194304, MIB(32), 0,
     129, 0x001000000000, 0x00c000000000, 0x7fc000000000},
    {"linux", "ppc64", 64, 48, 46, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
    {"linux", "ppc64le", 64, 48, 46, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
    {"linux", "mips64", 64, 48, 40, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
    {"linux", "mips64le", 64, 48, 40, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
    {"linux", "s390x", 64, 48, 64, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
    {"linux", "386", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"linux", "arm", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"windows", "386", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"aix", "ppc", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"linux", "amd64", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"linux", "mips", 32, 31, 31, MIB(4), 0, 512, 2048, 0, NO_HINTS},
    {"linux", "mipsle", 32, 31, 31, MIB(4), 0, 512, 2048, 0, NO_HINTS},
    {"wasm", "wasm32", 32, 32, 32, MIB(4), 0, 1024, 4096, 0, NO_HINTS},
    {"sim", "amd64", 64, 48, 47, MIB(64), 0, 4194304, MIB(32),
     0xffff800000000000, AMD64_HINTS},
    {"sim", "arm64", 64, 48, 48, MIB(64), 0, 4194304, MIB(32), 0,
     ARM64_HINTS},
    {"plan9", "vax", 64, 48, 47, MIB(64), 0, 4194304, MIB(32), 0,
     AMD64_HINTS},
};
// clang-format on

enum { NROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct mh_layout *layout_of(const struct expected *row) {
    const struct mh_layout *layout =
        mh_layout_find(row->os, row->arch, row->pointer_bits);
    ck_assert_msg(layout != NULL, "%s/%s", row->os, row->arch);
    return layout;
}

START_TEST(the_row_has_the_values_of_the_design) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);

    ck_assert_uint_eq(layout->pointer_bits, row->pointer_bits);
    ck_assert_uint_eq(layout->address_bits, row->address_bits);
    ck_assert_uint_eq(layout->user_bits, row->user_bits);
    ck_assert_uint_eq(mh_layout_arena_bytes(layout), row->arena_bytes);
    ck_assert_uint_eq(layout->l1_bits, row->l1_bits);
    ck_assert_uint_eq(layout->l2_entries, row->l2_entries);
    ck_assert_uint_eq(mh_layout_map_bytes(layout), row->map_bytes);
    ck_assert_uint_eq(layout->base, row->base);
}
END_TEST

START_TEST(the_hints_are_those_of_the_design_in_order) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);

    ck_assert_uint_eq(mh_layout_nhints(layout), row->nhints);
    if (row->nhints != 0) {
        ck_assert_uint_eq(mh_layout_hint(layout, 0), row->hint0);
        ck_assert_uint_eq(mh_layout_hint(layout, 1), row->hint1);
        ck_assert_uint_eq(mh_layout_hint(layout, row->nhints - 1),
                          row->last_hint);
    }
    for (unsigned i = 1; i < row->nhints; i++) {
        ck_assert_uint_gt(mh_layout_hint(layout, i),
                          mh_layout_hint(layout, i - 1));
    }
}
END_TEST

START_TEST(hints_are_arenas_and_the_first_is_within_reach) {
    const struct mh_layout *layout = layout_of(&rows[_i]);
    uint64_t arena = mh_layout_arena_bytes(layout);

    for (unsigned i = 0; i < mh_layout_nhints(layout); i++) {
        ck_assert_uint_eq(mh_layout_hint(layout, i) % arena, 0);
    }
    if (mh_layout_nhints(layout) != 0) {
        uint64_t hint = mh_layout_hint(layout, 0);
        ck_assert(mh_layout_addressable(layout, hint, hint + arena));
    }
}
END_TEST

START_TEST(the_arenas_fill_the_address_space) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);

    ck_assert_uint_eq(mh_layout_arenas(layout) * row->arena_bytes,
                      UINT64_C(1) << row->address_bits);
}
END_TEST

START_TEST(arena_numbers_and_addresses_are_inverse) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);
    uint64_t n = mh_layout_arenas(layout);
    const uint64_t samples[] = {0, 1, n / 3, n / 2, n - 1};

    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        uint64_t base = mh_layout_arena_base(layout, samples[i]);
        uint64_t last = base + row->arena_bytes - 1;
        ck_assert_uint_eq(base, row->base + samples[i] * row->arena_bytes);
        ck_assert_uint_eq(mh_layout_arena_index(layout, base), samples[i]);
        ck_assert_uint_eq(mh_layout_arena_index(layout, last), samples[i]);
    }
}
END_TEST

START_TEST(addresses_outside_have_numbers_beyond_the_last) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);
    uint64_t limit = row->base + (UINT64_C(1) << row->address_bits);

    ck_assert_uint_ge(mh_layout_arena_index(layout, limit),
                      mh_layout_arenas(layout));
    ck_assert_uint_ge(mh_layout_arena_index(layout, row->base - 1),
                      mh_layout_arenas(layout));
    ck_assert_uint_lt(mh_layout_arena_index(layout, limit - 1),
                      mh_layout_arenas(layout));
}
END_TEST

START_TEST(a_range_is_addressable_when_all_of_it_is) {
    const struct expected *row = &rows[_i];
    const struct mh_layout *layout = layout_of(row);
    uint64_t arena = row->arena_bytes;
    uint64_t limit = row->base + (UINT64_C(1) << row->address_bits);

    ck_assert(mh_layout_addressable(layout, limit - arena, limit));
    ck_assert(!mh_layout_addressable(layout, limit - arena, limit + 1));
    ck_assert(!mh_layout_addressable(layout, limit, limit + arena));
    ck_assert(
        !mh_layout_addressable(layout, row->base - arena, row->base + arena));
    ck_assert(mh_layout_addressable(layout, limit - 2 * arena, limit - arena));
}
END_TEST

START_TEST(an_empty_or_wrapping_range_is_not_addressable) {
    const struct mh_layout *layout = layout_of(&rows[_i]);
    uint64_t inside = mh_layout_arena_base(layout, 1);
    uint64_t arena = mh_layout_arena_bytes(layout);

    ck_assert(!mh_layout_addressable(layout, inside, inside));
    ck_assert(!mh_layout_addressable(layout, inside + arena, inside));
    ck_assert(!mh_layout_addressable(layout, inside, 0));
    ck_assert(!mh_layout_addressable(layout, UINT64_MAX - arena + 1, 0));
}
END_TEST

START_TEST(the_hole_between_the_halves_of_amd64_is_not_addressable) {
    const struct mh_layout *layout = mh_layout_find("linux", "amd64", 64);

    ck_assert(
        !mh_layout_addressable(layout, 0x7fffffff0000, 0xffff800000010000));
    ck_assert(mh_layout_addressable(layout, 0x7ffffc000000, 0x800000000000));
    ck_assert_uint_eq(mh_layout_arena_index(layout, 0xc000000000),
                      0x80c000000000 / MIB(64));
}
END_TEST

START_TEST(every_row_is_found_by_its_own_name) {
    const struct mh_layout *row = &mh_layouts[_i];
    const char *os = row->os[0] == '*' ? "nowhere" : row->os;
    const char *arch = row->arch[0] == '*' ? "nothing" : row->arch;

    ck_assert_ptr_eq(mh_layout_find(os, arch, row->pointer_bits), row);
}
END_TEST

START_TEST(no_row_serves_an_unknown_pointer_size) {
    ck_assert_ptr_null(mh_layout_find("linux", "amd64", 16));
    ck_assert_ptr_null(mh_layout_find("linux", "amd64", 128));
}
END_TEST

START_TEST(the_build_has_its_own_row) {
    const struct mh_layout *layout = mh_layout_own();

    ck_assert_uint_eq(layout->pointer_bits, sizeof(void *) * 8);
    ck_assert_ptr_eq(
        layout, mh_layout_find(MH_OS_NAME, MH_ARCH_NAME, layout->pointer_bits));
    ck_assert_uint_eq(mh_layout_arena_bytes(layout), MH_ARENA_SIZE);
    ck_assert_uint_lt(mh_layout_arena_index(layout, (uintptr_t)&mh_layouts[0]),
                      mh_layout_arenas(layout));
}
END_TEST

struct program_case {
    uint64_t end, hint;
};

START_TEST(a_32_bit_heap_starts_behind_the_program_and_some_room) {
    static const struct program_case cases[] = {
        {0, 0x400000},
        {1, 0x400000},
        {0x3c0000, 0x400000}, // a quarter MiB below the boundary
        {0x3c0001, 0x800000},
        {0x0804b000, 0x08400000},
        {0x5663f123, 0x56800000},
        {0xff7c0000, 0xff800000},
        {0xffbc0000, 0xffc00000}, // the last arena
        {0xffbc0001, 0},
        {0xffffffff, 0},
        {UINT64_MAX, 0},
    };
    const struct mh_layout *layout = mh_layout_find("linux", "386", 32);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_uint_eq(mh_layout_program_hint(layout, cases[i].end),
                          cases[i].hint);
    }
}
END_TEST

START_TEST(on_mips_the_program_hint_stays_below_two_gib) {
    const struct mh_layout *layout = mh_layout_find("linux", "mips", 32);

    ck_assert_uint_eq(mh_layout_program_hint(layout, 0x7fbc0000), 0x7fc00000);
    ck_assert_uint_eq(mh_layout_program_hint(layout, 0x7fbc0001), 0);
}
END_TEST

START_TEST(the_initial_reservation_is_tried_in_three_sizes_on_32_bits) {
    const struct mh_layout *layout = mh_layout_find("linux", "386", 32);

    ck_assert_uint_eq(mh_layout_initial_bytes(layout, 0), MIB(512));
    ck_assert_uint_eq(mh_layout_initial_bytes(layout, 1), MIB(256));
    ck_assert_uint_eq(mh_layout_initial_bytes(layout, 2), MIB(128));
    ck_assert_uint_eq(mh_layout_initial_bytes(layout, 3), 0);
}
END_TEST

START_TEST(only_rows_above_the_program_have_an_initial_reservation) {
    const struct mh_layout *layout = layout_of(&rows[_i]);
    bool wasm = strcmp(rows[_i].arch, "wasm32") == 0;
    bool above = rows[_i].pointer_bits == 32 && !wasm;

    ck_assert_int_eq(mh_layout_initial_bytes(layout, 0) != 0, above);
    ck_assert_int_eq(layout->rule == MH_HINTS_ABOVE_PROGRAM, above);
    ck_assert_int_eq(layout->rule == MH_HINTS_LINEAR_MEMORY, wasm);
}
END_TEST

static Suite *layout_suite(void) {
    Suite *suite = suite_create("layout");

    TCase *table = tcase_create("rows");
    tcase_add_loop_test(table, the_row_has_the_values_of_the_design, 0, NROWS);
    tcase_add_loop_test(table, the_hints_are_those_of_the_design_in_order, 0,
                        NROWS);
    tcase_add_loop_test(table, hints_are_arenas_and_the_first_is_within_reach,
                        0, NROWS);
    tcase_add_loop_test(table, every_row_is_found_by_its_own_name, 0,
                        (int)mh_nlayouts);
    tcase_add_test(table, no_row_serves_an_unknown_pointer_size);
    tcase_add_test(table, the_build_has_its_own_row);
    suite_add_tcase(suite, table);

    TCase *arenas = tcase_create("arenas");
    tcase_add_loop_test(arenas, the_arenas_fill_the_address_space, 0, NROWS);
    tcase_add_loop_test(arenas, arena_numbers_and_addresses_are_inverse, 0,
                        NROWS);
    tcase_add_loop_test(arenas, addresses_outside_have_numbers_beyond_the_last,
                        0, NROWS);
    tcase_add_loop_test(arenas, a_range_is_addressable_when_all_of_it_is, 0,
                        NROWS);
    tcase_add_loop_test(arenas, an_empty_or_wrapping_range_is_not_addressable,
                        0, NROWS);
    tcase_add_test(arenas,
                   the_hole_between_the_halves_of_amd64_is_not_addressable);
    suite_add_tcase(suite, arenas);

    TCase *small = tcase_create("32 bits");
    tcase_add_test(small,
                   a_32_bit_heap_starts_behind_the_program_and_some_room);
    tcase_add_test(small, on_mips_the_program_hint_stays_below_two_gib);
    tcase_add_test(small,
                   the_initial_reservation_is_tried_in_three_sizes_on_32_bits);
    tcase_add_loop_test(small,
                        only_rows_above_the_program_have_an_initial_reservation,
                        0, NROWS);
    suite_add_tcase(suite, small);
    return suite;
}

int main(void) {
    return mh_pure_test_main(layout_suite());
}
