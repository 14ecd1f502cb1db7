// palloc_test.c - runs of pages: taken and given back, in every corner.
//
// The heaps here are addresses only; no page is ever touched. What random use
// finds is in palloc_fuzz.c; here stand the promises one by one, and small
// heaps of which every state is tried.

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

static uintptr_t alloc_at(size_t npages, size_t align) {
    return mh_palloc_alloc(&p, npages, align, &released);
}

START_TEST(an_empty_heap_has_nothing_to_give) {
    size_t n;
    ck_assert_uint_eq(alloc(1), 0);
    ck_assert_uint_eq(alloc_at(1, 64), 0);
    ck_assert(!mh_palloc_take(&p, HEAP, 1, &released));
    ck_assert_uint_eq(mh_palloc_find_scavengable(&p, UINTPTR_MAX, 1, 1, &n), 0);
    ck_assert_uint_eq(p.total_pages, 0);
}
END_TEST

START_TEST(new_pages_are_free_and_released) {
    grow(HEAP, 128);
    ck_assert_uint_eq(p.total_pages, 128);
    ck_assert_uint_eq(p.free_pages, 128);
    ck_assert_uint_eq(p.released_pages, 128);
    ck_assert_uint_eq(mh_palloc_released(&p, HEAP, 128), 128);
}
END_TEST

START_TEST(alloc_takes_the_lowest_address_that_fits) {
    grow(HEAP, 1024);
    uintptr_t a = alloc(3), b = alloc(5), c = alloc(2);
    ck_assert_uint_eq(a, HEAP);
    ck_assert_uint_eq(b, HEAP + 3 * PAGE);
    ck_assert_uint_eq(c, HEAP + 8 * PAGE);

    mh_palloc_free(&p, a, 3);
    mh_palloc_free(&p, c, 2);

    ck_assert_uint_eq(alloc(4), HEAP + 8 * PAGE);
    ck_assert_uint_eq(alloc(3), HEAP);
}
END_TEST

START_TEST(released_pages_are_reported_once) {
    grow(HEAP, 64);
    ck_assert_uint_eq(alloc(10), HEAP);
    ck_assert_uint_eq(released, 10);
    ck_assert_uint_eq(p.released_pages, 54);

    mh_palloc_free(&p, HEAP, 10);
    ck_assert_uint_eq(p.released_pages, 54);
    ck_assert_uint_eq(alloc(12), HEAP);
    ck_assert_uint_eq(released, 2);
}
END_TEST

START_TEST(alloc_takes_everything_and_then_nothing) {
    grow(HEAP, 1000);
    ck_assert_uint_eq(alloc(1001), 0);
    ck_assert_uint_eq(alloc(1000), HEAP);
    ck_assert_uint_eq(alloc(1), 0);
    ck_assert_uint_eq(p.free_pages, 0);
}
END_TEST

START_TEST(any_part_of_a_run_can_be_freed) {
    grow(HEAP, 2048);
    ck_assert_uint_eq(alloc(2048), HEAP);
    mh_palloc_free(&p, HEAP + 100 * PAGE, 1500);
    ck_assert_int_eq(mh_palloc_check(&p), 0);
    ck_assert_uint_eq(alloc(1500), HEAP + 100 * PAGE);
}
END_TEST

START_TEST(neighbours_join_when_they_are_free) {
    grow(HEAP, 512);
    uintptr_t a = alloc(10), b = alloc(10), c = alloc(10);
    ck_assert_uint_ne(alloc(482), 0);
    mh_palloc_free(&p, a, 10);
    mh_palloc_free(&p, c, 10);
    ck_assert_uint_eq(alloc(11), 0);
    mh_palloc_free(&p, b, 10);
    ck_assert_uint_eq(alloc(30), a);
}
END_TEST

START_TEST(aligned_runs_begin_at_a_multiple) {
    grow(HEAP, 4 * 8192);
    ck_assert_uint_eq(alloc(1), HEAP);
    ck_assert_uint_eq(alloc_at(1, 1), HEAP + PAGE);
    ck_assert_uint_eq(alloc_at(1, 4), HEAP + 4 * PAGE);
    ck_assert_uint_eq(alloc_at(3, 2), HEAP + 6 * PAGE);
    ck_assert_uint_eq(alloc_at(100, 64), HEAP + 64 * PAGE);
    ck_assert_uint_eq(alloc_at(1, 512), HEAP + CHUNK);
    ck_assert_uint_eq(alloc_at(8192, 8192), HEAP + 8192 * PAGE);
    ck_assert_uint_eq(alloc_at(2, 8192), HEAP + 2 * 8192 * PAGE);
    ck_assert_uint_eq(alloc_at(1, 8192), HEAP + 3 * 8192 * PAGE);
    ck_assert_uint_eq(alloc_at(1, 8192), 0);
}
END_TEST

START_TEST(alignment_is_of_addresses_not_of_places_in_the_heap) {
    grow(HEAP + 3 * CHUNK + 5 * PAGE, 100);
    grow(HEAP + 21 * CHUNK + 7 * PAGE, 20 * 512);
    ck_assert_uint_eq(alloc_at(1, 8), HEAP + 3 * CHUNK + 8 * PAGE);
    ck_assert_uint_eq(alloc_at(1, 512), HEAP + 22 * CHUNK);
    ck_assert_uint_eq(alloc_at(1, 8192), HEAP + 32 * CHUNK);
}
END_TEST

START_TEST(aligned_runs_are_found_between_odd_holes) {
    grow(HEAP, 2048);
    ck_assert_uint_eq(alloc(2048), HEAP);
    for (uintptr_t i = 1; i < 2047; i += 2) {
        mh_palloc_free(&p, HEAP + i * PAGE, 1);
    }
    ck_assert_uint_eq(alloc_at(1, 2), 0);
    mh_palloc_free(&p, HEAP + 1024 * PAGE, 1); // joins its neighbours
    ck_assert_uint_eq(alloc_at(2, 2), HEAP + 1024 * PAGE);
    mh_palloc_free(&p, HEAP + 512 * PAGE, 1); // at a border of chunks
    ck_assert_uint_eq(alloc_at(3, 1), HEAP + 511 * PAGE);
}
END_TEST

START_TEST(aligned_runs_are_found_across_a_border_of_chunks) {
    grow(HEAP, 2048);
    ck_assert_uint_eq(alloc(2048), HEAP);
    for (uintptr_t i = 1; i < 500; i += 8) {
        mh_palloc_free(&p, HEAP + i * PAGE, 4); // long enough, but misplaced
    }
    mh_palloc_free(&p, HEAP + 510 * PAGE, 4);
    mh_palloc_free(&p, HEAP + 1024 * PAGE, 4);
    ck_assert_uint_eq(alloc_at(4, 2), HEAP + 510 * PAGE);
    ck_assert_uint_eq(alloc_at(4, 2), HEAP + 1024 * PAGE);
    ck_assert_uint_eq(alloc_at(4, 2), 0);
}
END_TEST

START_TEST(take_takes_exactly_the_pages_asked_for_or_none) {
    grow(HEAP, 1024);
    ck_assert(mh_palloc_take(&p, HEAP + 500 * PAGE, 24, &released));
    ck_assert_uint_eq(released, 24);
    ck_assert(!mh_palloc_take(&p, HEAP + 523 * PAGE, 2, &released));
    ck_assert(!mh_palloc_take(&p, HEAP + 499 * PAGE, 2, &released));
    ck_assert(!mh_palloc_take(&p, HEAP + 1000 * PAGE, 25, &released));
    ck_assert(!mh_palloc_take(&p, HEAP + 1000 * PAGE, SIZE_MAX, &released));
    ck_assert(!mh_palloc_take(&p, HEAP - PAGE, 2, &released));
    ck_assert(mh_palloc_take(&p, HEAP + 1000 * PAGE, 24, &released));
    ck_assert_uint_eq(p.free_pages, 1024 - 48);
}
END_TEST

START_TEST(taking_the_lowest_page_does_not_hide_the_next) {
    grow(HEAP, 10);
    ck_assert(mh_palloc_take(&p, HEAP, 2, &released));
    ck_assert_uint_eq(alloc(1), HEAP + 2 * PAGE);
}
END_TEST

START_TEST(extend_needs_the_pages_right_behind) {
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(100), HEAP);
    ck_assert(mh_palloc_extend(&p, HEAP, 100, 500, &released));
    ck_assert_uint_eq(released, 500);
    ck_assert_uint_eq(alloc(1), HEAP + 600 * PAGE);
    ck_assert(!mh_palloc_extend(&p, HEAP, 600, 1, &released));
    mh_palloc_free(&p, HEAP + 600 * PAGE, 1);
    ck_assert(mh_palloc_extend(&p, HEAP, 600, 2, &released));
    ck_assert_uint_eq(released, 1);
    ck_assert(!mh_palloc_extend(&p, HEAP, 602, 423, &released));
    ck_assert(mh_palloc_extend(&p, HEAP, 602, 422, &released));
}
END_TEST

START_TEST(a_run_with_room_has_free_pages_behind_it) {
    grow(HEAP, 1024);
    ck_assert_uint_eq(alloc(100), HEAP);
    ck_assert(mh_palloc_take(&p, HEAP + 130 * PAGE, 10, &released));
    // The hole of 30 is passed over, and stays for others.
    ck_assert_uint_eq(mh_palloc_alloc_with_room(&p, 10, 40, 5, &released),
                      HEAP + 145 * PAGE);
    ck_assert_uint_eq(released, 10);
    ck_assert(mh_palloc_extend(&p, HEAP + 145 * PAGE, 10, 25, &released));
    ck_assert_uint_eq(mh_palloc_alloc_with_room(&p, 10, 30, 20, &released),
                      HEAP + 120 * PAGE);
    ck_assert_uint_eq(alloc(5), HEAP + 100 * PAGE);
    uint64_t free = p.free_pages;
    ck_assert_uint_eq(mh_palloc_alloc_with_room(&p, 1, 1024, 0, &released), 0);
    ck_assert_uint_eq(p.free_pages, free);
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}
END_TEST

START_TEST(undo_puts_pages_back_as_they_were) {
    grow(HEAP, 1500);
    ck_assert_uint_eq(alloc(700), HEAP);
    mh_palloc_free(&p, HEAP + 400 * PAGE, 300); // free and Ready

    for (size_t n = 1; n < 1100; n += 97) {
        uintptr_t base = alloc(n);
        size_t were_released = released;
        ck_assert_uint_eq(base, HEAP + 400 * PAGE);
        mh_palloc_undo(&p, base, n);
        ck_assert_int_eq(mh_palloc_check(&p), 0);
        ck_assert_uint_eq(p.free_pages, 1100);
        ck_assert_uint_eq(p.released_pages, 800);
        ck_assert_uint_eq(mh_palloc_released(&p, base, n), were_released);
    }
    ck_assert_uint_eq(mh_palloc_released(&p, HEAP + 400 * PAGE, 300), 0);

    ck_assert(mh_palloc_extend(&p, HEAP, 400, 400, &released));
    mh_palloc_undo(&p, HEAP + 400 * PAGE, 400);
    ck_assert_uint_eq(p.released_pages, 800);
}
END_TEST

START_TEST(undo_is_not_led_astray_by_what_its_neighbours_were) {
    grow(HEAP, 512);
    ck_assert_uint_eq(alloc(8), HEAP);
    mh_palloc_free(&p, HEAP, 4); // free and Ready; pages from 8 are released
    ck_assert(mh_palloc_take(&p, HEAP + 8 * PAGE, 4, &released));
    ck_assert_uint_eq(released, 4);
    ck_assert(mh_palloc_take(&p, HEAP, 4, &released));
    ck_assert_uint_eq(released, 0);
    mh_palloc_undo(&p, HEAP + 8 * PAGE, 4);
    ck_assert_uint_eq(mh_palloc_released(&p, HEAP + 8 * PAGE, 4), 4);
    mh_palloc_undo(&p, HEAP, 4);
    ck_assert_uint_eq(mh_palloc_released(&p, HEAP, 4), 0);
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}
END_TEST

// Which pages the callback of a rebuild was asked about, and its answers.
static unsigned asked;
static uintptr_t last_asked;

static bool every_third_page(void *arg, uintptr_t page) {
    ck_assert_ptr_eq(arg, &asked);
    ck_assert_uint_gt(page, last_asked);
    last_asked = page;
    asked++;
    return (page >> MH_PAGE_SHIFT) % 3 == 0;
}

START_TEST(rebuild_asks_about_our_pages_and_believes_the_answers) {
    asked = 0;
    last_asked = 0;
    grow(HEAP + 2 * CHUNK, 700);
    grow(HEAP + 9 * PAGE, 9);
    ck_assert_uint_eq(alloc(5), HEAP + 9 * PAGE);

    mh_palloc_rebuild(&p, every_third_page, &asked);

    ck_assert_uint_eq(asked, 709);
    uintptr_t first = HEAP >> MH_PAGE_SHIFT;
    for (uintptr_t i = 0; i < 709; i++) {
        uintptr_t page = i < 9 ? first + 9 + i : first + 1024 + i - 9;
        bool taken = mh_palloc_take(&p, page << MH_PAGE_SHIFT, 1, &released);
        ck_assert(taken == (page % 3 != 0));
        ck_assert(!taken || released == (i >= 5));
    }
    ck_assert_uint_eq(p.free_pages, 0);
    ck_assert_uint_eq(p.total_pages, 709);
}
END_TEST

// A heap of many chunks, all allocated but for one run far up: the tree has to
// lead there, over 1, 2, 3 and 4 levels.
START_TEST(the_only_run_of_a_large_heap_is_found) {
    static const size_t sizes[] = {5, 8, 9, 64, 65, 512, 513, 766};
    size_t n = sizes[_i] * MH_CHUNK_PAGES;
    grow(HEAP, n);
    ck_assert_uint_eq(alloc(n), HEAP);
    for (size_t at = 0; at + 700 < n; at += n / 13 + 1) {
        uintptr_t base = HEAP + at * PAGE;
        mh_palloc_free(&p, base, 700);
        ck_assert_int_eq(mh_palloc_check(&p), 0);
        ck_assert_uint_eq(alloc(701), 0);
        ck_assert_uint_eq(alloc(700), base);
        ck_assert_uint_eq(alloc(1), 0);
    }
}
END_TEST

// Growth by one chunk at a time, in three orders; at the end the heap is one
// run. 1 and 7: in address order, and every seventh; -1: downwards.
// Eight pages, four on either side of a border of chunks, in all 256 states,
// against a look at every page: with the chunks side by side (0), and with a
// hole between them (1).
static uintptr_t border_page(unsigned i, int hole) {
    uintptr_t upper = HEAP + CHUNK + (hole != 0 ? 3 * CHUNK : 0);
    return i < 4 ? HEAP + CHUNK - (4 - i) * PAGE : upper + (i - 4) * PAGE;
}

// look_for is the naive answer; bit i of free_pages stands for border page i.
static uintptr_t look_for(unsigned free_pages, size_t n, size_t align,
                          int hole) {
    for (unsigned i = 0; i + n <= 8; i++) {
        uintptr_t base = border_page(i, hole);
        bool fits = base % (align * PAGE) == 0;
        for (unsigned k = 0; k < n; k++) {
            fits = fits && (free_pages >> (i + k) & 1) != 0 &&
                   border_page(i + k, hole) == base + k * PAGE;
        }
        if (fits) {
            return base;
        }
    }
    return 0;
}

START_TEST(all_states_of_pages_at_a_border_of_chunks) {
    grow(border_page(4, _i), 4);
    grow(border_page(0, _i), 4);
    for (unsigned free_pages = 0; free_pages < 256; free_pages++) {
        for (unsigned i = 0; i < 8; i++) {
            if ((free_pages >> i & 1) == 0) {
                ck_assert(mh_palloc_take(&p, border_page(i, _i), 1, &released));
            }
        }
        ck_assert_int_eq(mh_palloc_check(&p), 0);
        for (size_t n = 1; n <= 9; n++) {
            for (size_t align = 1; align <= 1024; align *= 2) {
                uintptr_t base = alloc_at(n, align);
                ck_assert_uint_eq(base, look_for(free_pages, n, align, _i));
                if (base != 0) {
                    mh_palloc_free(&p, base, n);
                }
            }
        }
        for (unsigned i = 0; i < 8; i++) {
            if ((free_pages >> i & 1) == 0) {
                mh_palloc_free(&p, border_page(i, _i), 1);
            }
        }
    }
}
END_TEST

static void add_alloc_tests(Suite *suite) {
    TCase *tcase = tcase_create("alloc");
    tcase_add_checked_fixture(tcase, make_palloc, check_palloc);
    tcase_add_test(tcase, an_empty_heap_has_nothing_to_give);
    tcase_add_test(tcase, new_pages_are_free_and_released);
    tcase_add_test(tcase, alloc_takes_the_lowest_address_that_fits);
    tcase_add_test(tcase, released_pages_are_reported_once);
    tcase_add_test(tcase, alloc_takes_everything_and_then_nothing);
    tcase_add_test(tcase, any_part_of_a_run_can_be_freed);
    tcase_add_test(tcase, neighbours_join_when_they_are_free);
    tcase_add_test(tcase, aligned_runs_begin_at_a_multiple);
    tcase_add_test(tcase, alignment_is_of_addresses_not_of_places_in_the_heap);
    tcase_add_test(tcase, aligned_runs_are_found_between_odd_holes);
    tcase_add_test(tcase, aligned_runs_are_found_across_a_border_of_chunks);
    tcase_add_test(tcase, take_takes_exactly_the_pages_asked_for_or_none);
    tcase_add_test(tcase, taking_the_lowest_page_does_not_hide_the_next);
    tcase_add_test(tcase, extend_needs_the_pages_right_behind);
    tcase_add_test(tcase, a_run_with_room_has_free_pages_behind_it);
    tcase_add_test(tcase, undo_puts_pages_back_as_they_were);
    tcase_add_test(tcase, undo_is_not_led_astray_by_what_its_neighbours_were);
    tcase_add_test(tcase,
                   rebuild_asks_about_our_pages_and_believes_the_answers);
    tcase_add_loop_test(tcase, the_only_run_of_a_large_heap_is_found, 0, 8);
    tcase_add_loop_test(tcase, all_states_of_pages_at_a_border_of_chunks, 0, 2);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    Suite *suite = suite_create("palloc");
    add_alloc_tests(suite);

    return mh_test_main(suite);
}
