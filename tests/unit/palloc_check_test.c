// palloc_check_test.c - misuse stops the program, and damage is named.
//
// The heaps here are addresses only; no page is ever touched.

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/meta/persistent.h"
#include "core/page/palloc.h"
#include "tests/support/test_main.h"

#define HEAP UINT32_C(0x40000000)

#define CHUNK (MH_CHUNK_SIZE)
#define PAGE  (MH_PAGE_SIZE)

static struct mh_persistent mem;
static struct mh_palloc p;
static size_t released; // what the last call said

static void make_palloc(void) {
    mh_persistent_init(&mem, MH_FOR_OTHER);
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_OK);
}

static void grow(uintptr_t base, size_t npages) {
    ck_assert_int_eq(mh_palloc_grow(&p, base, npages), MH_OK);
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}

static uintptr_t alloc(size_t npages) {
    return mh_palloc_alloc(&p, npages, 1, &released);
}

START_TEST(freeing_a_page_twice_stops_the_program) {
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(10), HEAP);
    mh_palloc_free(&p, HEAP + 5 * PAGE, 1);
    mh_palloc_free(&p, HEAP, 10);
}
END_TEST

START_TEST(freeing_pages_that_are_not_ours_stops_the_program) {
    grow(HEAP, 500);
    ck_assert_uint_eq(alloc(500), HEAP);
    mh_palloc_free(&p, HEAP, 501);
}
END_TEST

START_TEST(freeing_outside_all_chunks_stops_the_program) {
    grow(HEAP, 512);
    mh_palloc_free(&p, HEAP + CHUNK, 1);
}
END_TEST

START_TEST(releasing_pages_in_use_stops_the_program) {
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(10), HEAP);
    mh_palloc_mark_released(&p, HEAP + 9 * PAGE, 2);
}
END_TEST

START_TEST(giving_pages_twice_stops_the_program) {
    grow(HEAP, 512);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP + 511 * PAGE, 2), MH_OK);
}
END_TEST

START_TEST(giving_chunks_twice_stops_the_program) {
    grow(HEAP + CHUNK, 512);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, 3 * MH_CHUNK_PAGES), MH_OK);
}
END_TEST

START_TEST(asking_for_no_pages_stops_the_program) {
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(0), 0);
}
END_TEST

START_TEST(addresses_inside_a_page_stop_the_program) {
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(10), HEAP);
    mh_palloc_free(&p, HEAP + 16, 1);
}
END_TEST

// idle makes [first, first + n) of an otherwise allocated heap free and not
// released.
static void idle(uintptr_t first, size_t n) {
    mh_palloc_free(&p, HEAP + first * PAGE, n);
}

// The heap that the tests below break: four chunks and a hole, a few pages in
// each state.
static void make_heap_to_break(void) {
    make_palloc();
    grow(HEAP, 3 * MH_CHUNK_PAGES - 10);
    grow(HEAP + 9 * CHUNK, 512);
    ck_assert_uint_eq(alloc(600), HEAP);
    idle(100, 50);
}

START_TEST(the_check_names_the_broken_invariant) {
    struct mh_palloc_chunk *chunk = p.index.slots[0].chunk;
    struct mh_palloc_chunk *part = p.index.slots[2].chunk;
    struct mh_palloc_slot *slots = p.index.slots;

    switch (_i) {
    case 1:
        chunk->base += PAGE;
        slots[0].base += PAGE;
        slots[1].base += PAGE; // still side by side
        slots[2].base += PAGE;
        slots[3].base += PAGE;
        slots[1].chunk->base += PAGE;
        part->base += PAGE;
        break;
    case 2:
        part->released[7] |= UINT64_C(1) << 63;
        break;
    case 3:
        chunk->released[0] |= 1;
        break;
    case 4:
        slots[3].base += CHUNK; // the hole begins late
        break;
    case 5:
        p.table->nblocks--;
        break;
    case 6:
        p.index.level[0][3].longest = 1;
        break;
    case 7:
        p.index.nlevels = 0;
        break;
    case 8:
        p.free_pages++;
        break;
    case 9:
        p.hint = 101;
        break;
    case 10:
        p.index.idle[0] = 0;
        break;
    case 11:
        p.idle_low = mh_palloc_idle(&p) + 1;
        break;
    default:
        break;
    }
    ck_assert_int_eq(mh_palloc_check(&p), _i);
}
END_TEST

START_TEST(the_check_looks_at_every_level) {
    grow(HEAP + 100 * CHUNK, 100 * MH_CHUNK_PAGES);
    ck_assert_uint_eq(p.index.nlevels, 3);
    for (unsigned level = 1; level < 3; level++) {
        struct mh_palloc_sum *last =
            &p.index.level[level][p.index.nnodes[level] - 1];
        last->end ^= 1;
        ck_assert_int_eq(mh_palloc_check(&p), 7);
        last->end ^= 1;
    }
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}
END_TEST

static void add_misuse_tests(Suite *suite) {
    TCase *tcase = tcase_create("misuse");
    tcase_add_checked_fixture(tcase, make_palloc, NULL);
    tcase_add_test_raise_signal(tcase, freeing_a_page_twice_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(
        tcase, freeing_pages_that_are_not_ours_stops_the_program, SIGABRT);
    tcase_add_test_raise_signal(
        tcase, freeing_outside_all_chunks_stops_the_program, SIGABRT);
    tcase_add_test_raise_signal(tcase, releasing_pages_in_use_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(tcase, giving_pages_twice_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(tcase, giving_chunks_twice_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(tcase, asking_for_no_pages_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(tcase, addresses_inside_a_page_stop_the_program,
                                SIGABRT);
    suite_add_tcase(suite, tcase);
}

static void add_check_tests(Suite *suite) {
    TCase *tcase = tcase_create("check");
    tcase_add_checked_fixture(tcase, make_heap_to_break, NULL);
    tcase_add_loop_test(tcase, the_check_names_the_broken_invariant, 0, 12);
    tcase_add_test(tcase, the_check_looks_at_every_level);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    Suite *suite = suite_create("palloc_check");
    add_misuse_tests(suite);
    add_check_tests(suite);

    return mh_test_main(suite);
}
