// large_test.c - objects of over 32 KiB: a span each, resized where they are.

#include <check.h>
#include <string.h>

#include "core/heap/heap.h"
#include "core/heap/large.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

// How many of n moves the system makes.
static uint64_t moves_of(uint64_t n) {
    return mh_sys_facts()->can_move ? n : 0;
}

static void *get(size_t size) {
    void *p = mheap_malloc(size);
    ck_assert_ptr_nonnull(p);
    mh_pattern_fill(p, size, 7);
    return p;
}

START_TEST(the_smallest_large_object_is_over_32_kib) {
    void *small = get(32 * KIB), *large = get(32 * KIB + 1);
    ck_assert_uint_eq(mh_stats_now().large_objects, 1);
    ck_assert_uint_eq(mheap_usable_size(small), 32 * KIB);
    ck_assert_uint_eq(mheap_usable_size(large), 40 * KIB);
    ck_assert_uint_eq((uintptr_t)large % MH_PAGE_SIZE, 0);
    mheap_free(small);
    mheap_free(large);
    ck_assert_uint_eq(mh_stats_now().large_objects, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(it_grows_in_place_into_free_pages) {
    char *p = get(100 * KIB);
    for (size_t size = 110 * KIB; size < 3 * MIB; size += 100 * KIB) {
        ck_assert_ptr_eq(mheap_realloc(p, size), p);
        ck_assert_uint_ge(mheap_usable_size(p), size);
        p[size - 1] = 1;
    }
    ck_assert_uint_eq(mh_stats_now().large_objects, 1);
    ck_assert_uint_eq(mh_stats_now().large_bytes, mheap_usable_size(p));
    mh_check_books(mheap_default());
    mheap_free(p);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(what_stands_behind_makes_it_move) {
    char *p = get(100 * KIB), *wall = get(40 * KIB);
    memset(p, 0x42, 100 * KIB);
    ck_assert_ptr_eq(wall, p + 104 * KIB);
    char *q = mheap_realloc(p, 200 * KIB);
    ck_assert_ptr_ne(q, p);
    ck_assert(mh_is_filled(q, 100 * KIB, 0x42));
    ck_assert(mh_pattern_holds(wall, 40 * KIB, 7));
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    ck_assert_uint_eq(mh_stats_now().large_objects, 2);
    mh_check_books(mheap_default());
}
END_TEST

// Two that grow in turns stand in each other's way once; then each has room.
START_TEST(what_has_moved_has_room_to_grow_in) {
    char *p[2] = {get(100 * KIB), get(100 * KIB)};
    mheap_free(get(3 * MIB)); // so much is free behind them
    unsigned moves = 0;
    for (size_t size = 150 * KIB; size <= 600 * KIB; size += 50 * KIB) {
        for (int i = 0; i < 2; i++) {
            char *to = mheap_realloc(p[i], size);
            ck_assert_ptr_nonnull(to);
            moves += to != p[i];
            p[i] = to;
        }
    }
    ck_assert_uint_ge(moves, 1);
    ck_assert_uint_le(moves, 4); // without room: 6
    mheap_free(p[0]);
    mheap_free(p[1]);
    mh_check_books(mheap_default());
}
END_TEST

// The heap is never made larger for room that nobody has asked for.
START_TEST(room_to_grow_in_is_taken_from_no_one) {
    static char *p[200];
    uint64_t sizes = 0;
    for (size_t size = 40 * KIB; size <= 80 * KIB; size += 20 * KIB) {
        for (size_t i = 0; i < 200; i++) {
            p[i] = mheap_realloc(p[i], size);
            ck_assert_ptr_nonnull(p[i]);
        }
        sizes += 200 * size;
    }
    // Each object moved at most twice, into pages of its own.
    struct mheap_stats now = mh_stats_now();
    ck_assert_uint_le(now.prepared_bytes + now.ready_bytes, sizes + 24 * MIB);
    for (size_t i = 0; i < 200; i++) {
        mheap_free(p[i]);
    }
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(shrinking_gives_the_end_back) {
    char *p = get(MIB);
    uint64_t before = mh_stats_now().in_use_bytes;
    ck_assert_ptr_eq(mheap_realloc(p, 100 * KIB), p);
    ck_assert_uint_eq(mh_stats_now().in_use_bytes, before - MIB + 104 * KIB);
    ck_assert_ptr_eq(mheap_malloc(500 * KIB), p + 104 * KIB);
    ck_assert_ptr_eq(mheap_realloc(p, 100 * KIB + 1), p); // fits as it is
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(a_shrunk_object_becomes_small) {
    char *p = get(MIB);
    char *q = mheap_realloc(p, 5000);
    ck_assert_uint_le(mheap_usable_size(q), 8192);
    ck_assert(mh_pattern_holds(q, 8, 7));
    ck_assert_uint_eq(mh_stats_now().large_objects, 0);
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(huge_objects_move_by_pages_where_the_system_can) {
    mh_sim_become(MH_SIM_LINUX); // which can
    size_t size = 6 * MIB;
    char *p = get(size), *wall = get(40 * KIB);
    memset(p, 0x42, size);
    uint64_t moves = mh_sim_calls(MH_SIM_MOVE);
    char *q = mheap_realloc(p, 2 * size);
    ck_assert_ptr_ne(q, p);
    ck_assert_uint_eq(mh_sim_calls(MH_SIM_MOVE), moves + moves_of(1));
    ck_assert(mh_is_filled(q, size, 0x42));
    ck_assert(mh_pattern_holds(wall, 40 * KIB, 7));
    mh_check_books(mheap_default());
    mheap_free(q);
    // What was left behind can be used, and calloc knows what it holds.
    char *z = mheap_calloc(1, size);
    ck_assert(mh_is_filled(z, size, 0));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(only_so_many_moves_are_made) {
    mh_sim_become(MH_SIM_LINUX); // which can
    uint64_t before = mh_sim_calls(MH_SIM_MOVE);
    for (int i = 0; i < 40; i++) {
        char *p = get(5 * MIB), *wall = get(40 * KIB);
        char *q = mheap_realloc(p, 7 * MIB);
        ck_assert_ptr_nonnull(q);
        mheap_free(q);
        mheap_free(wall);
    }
    uint64_t moves = mh_sim_calls(MH_SIM_MOVE) - before;
    ck_assert_uint_ge(moves, moves_of(1));
    ck_assert_uint_le(moves, 32);
}
END_TEST

START_TEST(moves_that_are_refused_become_copies) {
    mh_sim_fail_kind(MH_SIM_MOVE, true);
    char *p = get(5 * MIB);
    (void)get(40 * KIB);
    memset(p, 0x42, 5 * MIB);
    char *q = mheap_realloc(p, 7 * MIB);
    ck_assert_ptr_ne(q, p);
    ck_assert(mh_is_filled(q, 5 * MIB, 0x42));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(realloc_of_too_much_uses_no_move_up) {
    mh_sim_become(MH_SIM_LINUX); // which can
    char *p = get(5 * MIB);
    (void)get(40 * KIB);
    for (int i = 0; i < 100; i++) {
        ck_assert_ptr_null(mheap_realloc(p, SIZE_MAX / 2 + 1));
    }
    uint64_t before = mh_sim_calls(MH_SIM_MOVE);
    ck_assert_ptr_nonnull(mheap_realloc(p, 7 * MIB));
    ck_assert_uint_eq(mh_sim_calls(MH_SIM_MOVE), before + moves_of(1));
}
END_TEST

START_TEST(fresh_memory_is_known_to_be_zero_and_used_memory_is_not) {
    mh_sim_become(MH_SIM_LINUX); // which can
    struct mheap *heap = mheap_default();
    bool zero = false, known = mh_sys_facts()->unused_zeroes;
    void *p = mh_large_alloc(heap, MIB, 1, &zero);
    ck_assert_int_eq(zero, known);
    ck_assert(!zero || mh_is_filled(p, MIB, 0));
    memset(p, 0xff, MIB);
    mheap_free(p);
    p = mh_large_alloc(heap, MIB, 1, &zero);
    ck_assert(!zero);
    mheap_free(p);
    mheap_release();
    p = mh_large_alloc(heap, MIB, 1, &zero);
    ck_assert_int_eq(zero, known);
    ck_assert(!zero || mh_is_filled(p, MIB, 0));
}
END_TEST

static void become(int os) {
    mh_sim_become((enum mh_sim_os)os);
}

// Where released memory may come back as anything, it is not known to be zero.
START_TEST(calloc_is_zero_on_every_system) {
    become(_i);
    for (int round = 0; round < 3; round++) {
        void *p = mheap_calloc(1, MIB);
        ck_assert_ptr_nonnull(p);
        ck_assert(mh_is_filled(p, MIB, 0));
        memset(p, 0xff, MIB);
        mheap_free(p);
        mheap_release();
    }
}
END_TEST

START_TEST(an_object_may_reach_over_arenas) {
    char *p = mheap_malloc(3 * MH_ARENA_SIZE);
    ck_assert_ptr_nonnull(p);
    p[0] = p[3 * MH_ARENA_SIZE - 1] = 1;
    ck_assert_uint_eq(mheap_usable_size(p + MH_ARENA_SIZE), 0);
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    mheap_free(p + MH_ARENA_SIZE);
    mheap_free(p + MIB);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    mheap_free(p);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    ck_assert_uint_eq(mh_stats_now().large_bytes, 0);
    mh_check_books(mheap_default());
}
END_TEST

// More than any system gives, and no more than a size can say.
#define OUT_OF_REACH ((size_t)1 << (sizeof(size_t) == 8 ? 46 : 31))

START_TEST(sizes_that_cannot_be_are_refused) {
    bool zero = false;
    struct mheap *heap = mheap_default();
    ck_assert_ptr_null(mh_large_alloc(heap, SIZE_MAX, 1, &zero));
    ck_assert_ptr_null(mh_large_alloc(heap, (size_t)PTRDIFF_MAX + 1, 1, &zero));
    ck_assert_ptr_null(mh_large_alloc(heap, OUT_OF_REACH, 1, &zero));
    ck_assert_ptr_null(mh_large_alloc(heap, MIB, SIZE_MAX / 2 + 1, &zero));
    mh_check_books(mheap_default());
}
END_TEST

// The test's number is the power of two.
START_TEST(every_alignment_up_to_a_gib_can_be_had) {
    size_t align = (size_t)1 << _i;
    void *p = mheap_aligned_alloc(align, 100),
         *q = mheap_aligned_alloc(align, 1);
    ck_assert_ptr_nonnull(p);
    ck_assert_uint_eq((uintptr_t)p % align, 0);
    ck_assert_uint_eq((uintptr_t)q % align, 0);
    ck_assert_ptr_ne(p, q);
    memset(p, 1, 100);
    mh_check_books(mheap_default());
    mheap_free_aligned_sized(p, align, 100);
    mheap_free_aligned_sized(q, align, 1);
    mh_check_books(mheap_default());
}
END_TEST

static void free_it(void *p) {
    mheap_free(p);
}

START_TEST(any_thread_frees_it_once) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    void *p = get(MIB);
    uintptr_t at = (uintptr_t)p;
    mh_in_thread(free_it, p);
    ck_assert_uint_eq(mh_stats_now().large_objects, 0);
    mheap_free(p);
    mh_in_thread(free_it, p);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    ck_assert(!mh_large_free(mh_arena_of(at), at));
    mh_check_books(mheap_default());
}
END_TEST

START_TEST(manual_pages_are_no_objects) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    char *p = mheap_pages_alloc(mheap_default(), 3);
    ck_assert_ptr_nonnull(p);
    memset(p, 1, 3 * MH_PAGE_SIZE);
    ck_assert_uint_eq(mh_stats_now().manual_bytes, 3 * MH_PAGE_SIZE);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
    mh_check_books(mheap_default());
    mheap_free(p);
    ck_assert_ptr_null(mheap_realloc(p, 10));
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    mheap_pages_free(p + MH_PAGE_SIZE); // not where they begin
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 3);
    void *large = get(MIB);
    mheap_pages_free(large);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 4);
    mheap_pages_free(p);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 4);
    mheap_pages_free(p);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 5);
    ck_assert_uint_eq(mh_stats_now().manual_bytes, 0);
    mheap_free(large);
    mh_check_books(mheap_default());
}
END_TEST

int main(void) {
    Suite *suite = suite_create("large");
    TCase *tcase = tcase_create("large");
    tcase_add_test(tcase, the_smallest_large_object_is_over_32_kib);
    tcase_add_test(tcase, it_grows_in_place_into_free_pages);
    tcase_add_test(tcase, what_stands_behind_makes_it_move);
    tcase_add_test(tcase, what_has_moved_has_room_to_grow_in);
    tcase_add_test(tcase, room_to_grow_in_is_taken_from_no_one);
    tcase_add_test(tcase, shrinking_gives_the_end_back);
    tcase_add_test(tcase, a_shrunk_object_becomes_small);
    tcase_add_test(tcase, huge_objects_move_by_pages_where_the_system_can);
    tcase_add_test(tcase, only_so_many_moves_are_made);
    tcase_add_test(tcase, moves_that_are_refused_become_copies);
    tcase_add_test(tcase, realloc_of_too_much_uses_no_move_up);
    tcase_add_test(tcase,
                   fresh_memory_is_known_to_be_zero_and_used_memory_is_not);
    tcase_add_loop_test(tcase, calloc_is_zero_on_every_system, 0, MH_SIM_NOS);
    tcase_add_test(tcase, an_object_may_reach_over_arenas);
    tcase_add_test(tcase, sizes_that_cannot_be_are_refused);
    tcase_add_loop_test(tcase, every_alignment_up_to_a_gib_can_be_had, 4,
                        sizeof(size_t) == 8 ? 31 : 29);
    tcase_add_test(tcase, any_thread_frees_it_once);
    tcase_add_test(tcase, manual_pages_are_no_objects);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
