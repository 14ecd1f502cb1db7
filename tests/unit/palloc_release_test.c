// palloc_release_test.c - free pages: which go back to the system, and which
// have.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bits.h"
#include "core/meta/persistent.h"
#include "core/page/palloc.h"
#include "tests/support/test_main.h"

// A multiple of the largest alignment asked for, 8192 pages.
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

static void check_palloc(void) {
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}

static void grow(uintptr_t base, size_t npages) {
    ck_assert_int_eq(mh_palloc_grow(&p, base, npages), MH_OK);
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}

static uintptr_t alloc(size_t npages) {
    return mh_palloc_alloc(&p, npages, 1, &released);
}

// idle makes [first, first + n) of an otherwise allocated heap free and not
// released.
static void idle(uintptr_t first, size_t n) {
    mh_palloc_free(&p, HEAP + first * PAGE, n);
}

static uintptr_t scavengable(uintptr_t below, size_t max, size_t min,
                             size_t *n) {
    return mh_palloc_find_scavengable(&p, below, max, min, n);
}

START_TEST(scavenging_begins_with_the_highest_run) {
    size_t n = 0;
    grow(HEAP, 2048);
    ck_assert_uint_eq(alloc(2000), HEAP); // 48 stay free, and released
    idle(10, 20);
    idle(700, 5);
    idle(1990, 10);

    uintptr_t at = scavengable(UINTPTR_MAX, 512, 1, &n);
    ck_assert_uint_eq(at, HEAP + 1990 * PAGE);
    ck_assert_uint_eq(n, 10);
    at = scavengable(at, 512, 1, &n);
    ck_assert_uint_eq(at, HEAP + 700 * PAGE);
    ck_assert_uint_eq(n, 5);
    at = scavengable(at, 512, 1, &n);
    ck_assert_uint_eq(at, HEAP + 10 * PAGE);
    ck_assert_uint_eq(n, 20);
    ck_assert_uint_eq(scavengable(at, 512, 1, &n), 0);
    ck_assert_uint_eq(n, 20);
}
END_TEST

START_TEST(marked_pages_are_not_found_again) {
    size_t n = 0;
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(1024), HEAP);
    idle(0, 1024);

    uintptr_t at = scavengable(UINTPTR_MAX, 100, 1, &n);
    ck_assert_uint_eq(at, HEAP + 924 * PAGE);
    ck_assert_uint_eq(n, 100);
    mh_palloc_mark_released(&p, at, n);
    ck_assert_uint_eq(p.released_pages, 100);
    mh_palloc_mark_released(&p, at - 10 * PAGE, n); // 90 of them once more
    ck_assert_uint_eq(p.released_pages, 110);
    at = scavengable(UINTPTR_MAX, 1000, 1, &n);
    ck_assert_uint_eq(at, HEAP + CHUNK);
    ck_assert_uint_eq(n, 402);
}
END_TEST

START_TEST(idle_pages_of_a_range_are_free_and_not_released) {
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(1000), HEAP); // 24 stay free, and released
    ck_assert_uint_eq(mh_palloc_idle_in(&p, HEAP, 1024), 0);
    idle(500, 30); // across a border of chunks
    idle(990, 10);
    ck_assert_uint_eq(mh_palloc_idle_in(&p, HEAP, 1024), 40);
    ck_assert_uint_eq(mh_palloc_idle_in(&p, HEAP + 510 * PAGE, 4), 4);
    ck_assert_uint_eq(mh_palloc_idle_in(&p, HEAP + 498 * PAGE, 4), 2);
    mh_palloc_mark_released(&p, HEAP + 500 * PAGE, 25);
    ck_assert_uint_eq(mh_palloc_idle_in(&p, HEAP, 1024), 15);
}
END_TEST

// Pages 500 to 539, across a border of chunks, are released, and those from 600
// to 1023 were never used.
START_TEST(a_range_is_released_when_all_of_it_is) {
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(600), HEAP);
    idle(499, 42);
    mh_palloc_mark_released(&p, HEAP + 500 * PAGE, 40);
    ck_assert(mh_palloc_is_released(&p, HEAP + 500 * PAGE, 40));
    ck_assert(!mh_palloc_is_released(&p, HEAP + 499 * PAGE, 40)); // only free
    ck_assert(!mh_palloc_is_released(&p, HEAP + 501 * PAGE, 40));
    ck_assert(!mh_palloc_is_released(&p, HEAP + 599 * PAGE, 2)); // allocated
    ck_assert(mh_palloc_is_released(&p, HEAP + 600 * PAGE, 424));
    ck_assert(!mh_palloc_is_released(&p, HEAP + 601 * PAGE, 424)); // not ours
    ck_assert(!mh_palloc_is_released(&p, HEAP - PAGE, 1));
    ck_assert(!mh_palloc_is_released(&p, HEAP + (uintptr_t)64 * CHUNK, 1));
}
END_TEST

START_TEST(idle_pages_that_count_as_old_are_no_more_than_there_are) {
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(1024), HEAP);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 0);
    idle(0, 10);
    mh_palloc_note_old(&p, 4);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 4);
    mh_palloc_note_old(&p, 4); // all ten count by now
    ck_assert_uint_eq(mh_palloc_surplus(&p), 10);
}
END_TEST

START_TEST(everything_idle_is_found_in_the_end) {
    size_t n = 0, total = 0, calls = 0;
    grow(HEAP, 700 * MH_CHUNK_PAGES);
    ck_assert_uint_eq(alloc(700 * MH_CHUNK_PAGES), HEAP);
    for (uintptr_t i = 0; i < 700; i += 7) {
        idle(i * MH_CHUNK_PAGES + i % 500, 3);
    }
    for (;;) {
        uintptr_t at = scavengable(UINTPTR_MAX, 512, 1, &n);
        if (at == 0) {
            break;
        }
        mh_palloc_mark_released(&p, at, n);
        total += n;
        calls++;
    }
    ck_assert_uint_eq(total, 300);
    ck_assert_uint_eq(calls, 100);
    ck_assert_uint_eq(p.released_pages, 300);
}
END_TEST

START_TEST(scavenging_keeps_to_whole_pages_of_the_system) {
    size_t n = 0;
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(512), HEAP);
    idle(100, 1);
    idle(203, 10); // holds 208..211 and 204..207 of 4, 208 needs 8
    idle(511, 1);

    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 512, 4, &n), HEAP + 204 * PAGE);
    ck_assert_uint_eq(n, 8);
    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 7, 4, &n), HEAP + 208 * PAGE);
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 1, 4, &n), HEAP + 208 * PAGE);
    ck_assert_uint_eq(n, 4);
    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 512, 8, &n), 0);
    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 512, 512, &n), 0);
    // Asking for whole large pages must not hide the small ones.
    ck_assert_uint_eq(scavengable(UINTPTR_MAX, 512, 1, &n), HEAP + 511 * PAGE);
}
END_TEST

START_TEST(scavenging_below_an_address_leaves_its_page_alone) {
    size_t n = 0;
    grow(HEAP, 512);
    grow(HEAP + 2 * CHUNK, 512);
    ck_assert_uint_eq(alloc(512), HEAP);
    ck_assert_uint_eq(alloc(512), HEAP + 2 * CHUNK);
    idle(0, 512);
    mh_palloc_free(&p, HEAP + 2 * CHUNK, 512);

    ck_assert_uint_eq(scavengable(HEAP + 2 * CHUNK + 3 * PAGE + 1, 512, 1, &n),
                      HEAP + 2 * CHUNK);
    ck_assert_uint_eq(n, 3);
    ck_assert_uint_eq(scavengable(HEAP + CHUNK + PAGE, 512, 1, &n), HEAP);
    ck_assert_uint_eq(n, 512);
    ck_assert_uint_eq(scavengable(HEAP + 10 * PAGE, 4, 1, &n), HEAP + 6 * PAGE);
    ck_assert_uint_eq(scavengable(HEAP, 512, 1, &n), 0);
    ck_assert_uint_eq(scavengable(HEAP - PAGE, 512, 1, &n), 0);
}
END_TEST

// The least that lay idle since the last question, whoever took it.
START_TEST(surplus_is_what_nobody_needed_meanwhile) {
    grow(HEAP, 1024);
    uintptr_t a = alloc(200), b = alloc(300);
    mh_palloc_free(&p, a, 200);
    mh_palloc_free(&p, b, 300);
    (void)mh_palloc_surplus(&p);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 500);

    ck_assert_uint_eq(alloc(150), HEAP);
    mh_palloc_free(&p, HEAP, 150);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 350);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 500);

    uint64_t taken, gone;
    uintptr_t block = mh_palloc_take_block(&p, &taken, &gone);
    check_palloc();
    mh_palloc_put_block(&p, block, taken, gone);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 436);

    mh_palloc_mark_released(&p, HEAP + 400 * PAGE, 100);
    check_palloc();
    ck_assert_uint_eq(mh_palloc_surplus(&p), 400);
    ck_assert_uint_eq(alloc(1024), HEAP); // what was released is no surplus
    mh_palloc_undo(&p, HEAP, 1024);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 0);
    ck_assert_uint_eq(mh_palloc_surplus(&p), 400);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("palloc_release");
    TCase *tcase = tcase_create("release");
    tcase_add_checked_fixture(tcase, make_palloc, check_palloc);
    tcase_add_test(tcase, idle_pages_of_a_range_are_free_and_not_released);
    tcase_add_test(tcase, scavenging_begins_with_the_highest_run);
    tcase_add_test(tcase, marked_pages_are_not_found_again);
    tcase_add_test(tcase, surplus_is_what_nobody_needed_meanwhile);
    tcase_add_test(tcase, a_range_is_released_when_all_of_it_is);
    tcase_add_test(tcase,
                   idle_pages_that_count_as_old_are_no_more_than_there_are);
    tcase_add_test(tcase, everything_idle_is_found_in_the_end);
    tcase_add_test(tcase, scavenging_keeps_to_whole_pages_of_the_system);
    tcase_add_test(tcase, scavenging_below_an_address_leaves_its_page_alone);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
