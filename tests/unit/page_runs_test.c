// page_runs_test.c - runs of free pages that a thread keeps whole.

#include <check.h>
#include <signal.h>

#include "core/meta/persistent.h"
#include "core/page/page_runs.h"
#include "core/page/palloc.h"
#include "tests/support/test_main.h"

// Addresses only; no page is touched.
#define HEAP (UINT32_C(0x40000000) + 3 * MH_CHUNK_SIZE)

static struct mh_persistent mem;
static struct mh_palloc p;
static struct mh_page_runs runs;

static void make_heap(void) {
    mh_persistent_init(&mem, MH_FOR_OTHER);
    runs = (struct mh_page_runs){{0}};
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_OK);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, 2 * MH_CHUNK_PAGES), MH_OK);
}

static void check_heap(void) {
    ck_assert_int_eq(mh_palloc_check(&p), 0);
    ck_assert_int_eq(mh_page_runs_check(&runs), 0);
}

static uintptr_t take_from_heap(size_t npages) {
    size_t released;
    uintptr_t base = mh_palloc_alloc(&p, npages, 1, &released);
    ck_assert_uint_ne(base, 0);
    return base;
}

// Takes a run from the heap and keeps it.
static uintptr_t keep(size_t npages) {
    uintptr_t base = take_from_heap(npages);
    ck_assert(mh_page_runs_put(&runs, base, npages));
    return base;
}

START_TEST(a_kept_run_comes_back_for_as_many_pages_only) {
    uintptr_t base = keep(7);
    ck_assert_uint_eq(mh_page_runs_count(&runs), 7);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 6), 0);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 8), 0);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 7), base);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 7), 0);
    ck_assert(mh_page_runs_is_empty(&runs));
}
END_TEST

START_TEST(the_youngest_of_equal_runs_comes_first) {
    uintptr_t old = keep(5);
    uintptr_t other = keep(6);
    uintptr_t young = keep(5);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 5), young);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 5), old);
    ck_assert_uint_eq(mh_page_runs_take(&runs, 6), other);
}
END_TEST

START_TEST(runs_of_five_to_sixteen_pages_are_kept) {
    for (size_t n = 0; n < 100; n++) {
        ck_assert_int_eq(mh_page_runs_serves(n), n >= 5 && n <= 16);
    }
    ck_assert(!mh_page_runs_serves(SIZE_MAX));
}
END_TEST

START_TEST(eight_runs_are_kept) {
    for (unsigned i = 0; i < MH_PAGE_RUNS; i++) {
        keep(5);
    }
    ck_assert(!mh_page_runs_put(&runs, take_from_heap(5), 5));
    ck_assert_uint_eq(mh_page_runs_count(&runs), 5 * MH_PAGE_RUNS);
}
END_TEST

START_TEST(sixty_four_pages_are_kept) {
    for (unsigned i = 0; i < 4; i++) {
        keep(16);
    }
    uintptr_t base = take_from_heap(5);
    ck_assert(!mh_page_runs_put(&runs, base, 5));
    ck_assert_uint_ne(mh_page_runs_take(&runs, 16), 0);
    ck_assert(mh_page_runs_put(&runs, base, 5));
    ck_assert_uint_eq(mh_page_runs_count(&runs), 53);
}
END_TEST

START_TEST(room_is_made_by_the_oldest_runs) {
    uintptr_t oldest = keep(16);
    for (unsigned i = 0; i < 3; i++) {
        keep(16);
    }
    uint64_t free = p.free_pages;
    mh_page_runs_make_room(&p, &runs, 12);
    ck_assert_uint_eq(p.free_pages, free + 16);
    ck_assert_uint_eq(take_from_heap(16), oldest);
    ck_assert_uint_eq(mh_page_runs_count(&runs), 48);
    mh_page_runs_make_room(&p, &runs, 16); // there is
    ck_assert_uint_eq(mh_page_runs_count(&runs), 48);
}
END_TEST

START_TEST(flush_gives_every_page_back) {
    uint64_t free = p.free_pages;
    for (size_t n = 5; n <= 10; n++) {
        keep(n);
    }
    ck_assert_uint_eq(p.free_pages, free - 45);
    mh_page_runs_flush(&p, &runs);
    ck_assert_uint_eq(p.free_pages, free);
    ck_assert(mh_page_runs_is_empty(&runs));
    mh_page_runs_flush(&p, &runs); // of nothing
    ck_assert_uint_eq(p.free_pages, free);
}
END_TEST

START_TEST(a_run_that_is_not_served_stops_the_program) {
    ck_assert(!mh_page_runs_put(&runs, take_from_heap(4), 4));
}
END_TEST

START_TEST(flushing_pages_that_are_free_stops_the_program) {
    runs.run[0] = HEAP + 5;
    mh_page_runs_flush(&p, &runs);
}
END_TEST

START_TEST(the_check_names_what_is_broken) {
    runs = (struct mh_page_runs){{0, HEAP + 5}};
    ck_assert_int_eq(mh_page_runs_check(&runs), 1);
    runs = (struct mh_page_runs){{HEAP + 4}};
    ck_assert_int_eq(mh_page_runs_check(&runs), 2);
    runs = (struct mh_page_runs){{HEAP + 17}};
    ck_assert_int_eq(mh_page_runs_check(&runs), 2);
    for (unsigned i = 0; i < 5; i++) {
        runs.run[i] = HEAP + i * 16 * MH_PAGE_SIZE + 16;
    }
    ck_assert_int_eq(mh_page_runs_check(&runs), 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("page_runs");
    TCase *use = tcase_create("use");
    tcase_add_checked_fixture(use, make_heap, check_heap);
    tcase_add_test(use, a_kept_run_comes_back_for_as_many_pages_only);
    tcase_add_test(use, the_youngest_of_equal_runs_comes_first);
    tcase_add_test(use, runs_of_five_to_sixteen_pages_are_kept);
    tcase_add_test(use, eight_runs_are_kept);
    tcase_add_test(use, sixty_four_pages_are_kept);
    tcase_add_test(use, room_is_made_by_the_oldest_runs);
    tcase_add_test(use, flush_gives_every_page_back);
    suite_add_tcase(suite, use);

    TCase *misuse = tcase_create("misuse");
    tcase_add_checked_fixture(misuse, make_heap, NULL);
    tcase_add_test(misuse, the_check_names_what_is_broken);
    tcase_add_test_raise_signal(
        misuse, a_run_that_is_not_served_stops_the_program, SIGABRT);
    tcase_add_test_raise_signal(
        misuse, flushing_pages_that_are_free_stops_the_program, SIGABRT);
    suite_add_tcase(suite, misuse);
    return mh_test_main(suite);
}
