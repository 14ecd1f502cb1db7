// page_cache_test.c - 64 pages taken from the heap at once.

#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "core/meta/persistent.h"
#include "core/page/page_cache.h"
#include "core/page/palloc.h"
#include "tests/support/test_main.h"

#define BLOCK ((uintptr_t)MH_PAGE_CACHE_PAGES * MH_PAGE_SIZE)

// Addresses only; no page is touched.
#define HEAP (UINT32_C(0x40000000) + 3 * MH_CHUNK_SIZE)

static struct mh_persistent mem;
static struct mh_palloc p;
static struct mh_page_cache cache;

// The heap of each test: two chunks, the first 10 pages taken.
static void make_heap(void) {
    size_t released;
    mh_persistent_init(&mem, MH_FOR_OTHER);
    cache = (struct mh_page_cache){0, 0, 0};
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_OK);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, 2 * MH_CHUNK_PAGES), MH_OK);
    ck_assert_uint_eq(mh_palloc_alloc(&p, 10, 1, &released), HEAP);
}

static void check_heap(void) {
    ck_assert_int_eq(mh_palloc_check(&p), 0);
    ck_assert_int_eq(mh_page_cache_check(&cache), 0);
}

START_TEST(fill_takes_the_free_pages_of_the_lowest_block) {
    ck_assert(mh_page_cache_fill(&p, &cache));

    ck_assert_uint_eq(cache.base, HEAP);
    ck_assert_uint_eq(cache.free, ~UINT64_C(0) << 10);
    ck_assert_uint_eq(cache.released, ~UINT64_C(0) << 10);
    ck_assert_uint_eq(p.free_pages, 2 * MH_CHUNK_PAGES - 64);
    ck_assert_uint_eq(p.released_pages, 2 * MH_CHUNK_PAGES - 64);
}
END_TEST

START_TEST(the_heap_does_not_hand_out_pages_of_a_cache) {
    size_t released;
    ck_assert(mh_page_cache_fill(&p, &cache));
    ck_assert_uint_eq(mh_palloc_alloc(&p, 1, 1, &released), HEAP + BLOCK);
    ck_assert(!mh_palloc_take(&p, HEAP + 20 * MH_PAGE_SIZE, 1, &released));
}
END_TEST

START_TEST(two_caches_hold_different_blocks) {
    struct mh_page_cache other = {0, 0, 0};
    ck_assert(mh_page_cache_fill(&p, &cache));
    ck_assert(mh_page_cache_fill(&p, &other));
    ck_assert_uint_eq(other.base, HEAP + BLOCK);
    ck_assert_uint_eq(other.free, ~UINT64_C(0));
    mh_page_cache_flush(&p, &other);
}
END_TEST

START_TEST(alloc_takes_the_lowest_run_that_fits) {
    size_t released = 0;
    cache = (struct mh_page_cache){HEAP, UINT64_C(0xf0036), UINT64_C(0x10030)};

    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 3, &released),
                      HEAP + 16 * MH_PAGE_SIZE);
    ck_assert_uint_eq(released, 1);
    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 2, &released),
                      HEAP + 1 * MH_PAGE_SIZE);
    ck_assert_uint_eq(released, 0);
    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 2, &released),
                      HEAP + 4 * MH_PAGE_SIZE);
    ck_assert_uint_eq(released, 2);
    ck_assert_uint_eq(cache.free, UINT64_C(1) << 19);
    ck_assert_uint_eq(cache.released, 0);
}
END_TEST

START_TEST(alloc_fails_when_no_run_is_long_enough) {
    size_t released = 77;
    cache = (struct mh_page_cache){HEAP, UINT64_C(0x5555555555555555), 0};
    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 2, &released), 0);
    ck_assert_uint_eq(released, 77);
    cache = (struct mh_page_cache){0, 0, 0};
    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 1, &released), 0);
}
END_TEST

START_TEST(alloc_finds_each_length_at_each_place) {
    for (unsigned n = 1; n <= MH_PAGE_CACHE_MAX_ALLOC; n++) {
        for (unsigned first = 0; first + n <= 64; first++) {
            size_t released = 0;
            uint64_t run = ((UINT64_C(1) << n) - 1) << first;
            struct mh_page_cache c = {HEAP, run, run};
            ck_assert_uint_eq(mh_page_cache_alloc(&c, n, &released),
                              HEAP + first * MH_PAGE_SIZE);
            ck_assert_uint_eq(released, n);
            ck_assert_uint_eq(c.free | c.released, 0);
        }
    }
}
END_TEST

START_TEST(freed_pages_are_reused_first_and_count_as_ready) {
    size_t released = 0;
    ck_assert(mh_page_cache_fill(&p, &cache));
    uintptr_t a = mh_page_cache_alloc(&cache, 4, &released);
    ck_assert_uint_eq(released, 4);

    ck_assert(mh_page_cache_free(&cache, a, 4));

    ck_assert_uint_eq(mh_page_cache_alloc(&cache, 4, &released), a);
    ck_assert_uint_eq(released, 0);
}
END_TEST

START_TEST(a_cache_takes_no_pages_outside_its_block) {
    size_t released;
    ck_assert(!mh_page_cache_free(&cache, HEAP, 1)); // holds no block yet

    uintptr_t all = mh_palloc_alloc(&p, 200, 1, &released);
    ck_assert_uint_eq(all, HEAP + 10 * MH_PAGE_SIZE);
    cache = (struct mh_page_cache){HEAP + BLOCK, 0, 0};

    ck_assert(!mh_page_cache_free(&cache, HEAP + BLOCK - MH_PAGE_SIZE, 1));
    ck_assert(!mh_page_cache_free(&cache, HEAP + BLOCK - MH_PAGE_SIZE, 2));
    ck_assert(!mh_page_cache_free(&cache, HEAP + 2 * BLOCK, 1));
    ck_assert(!mh_page_cache_free(&cache, HEAP + 2 * BLOCK - MH_PAGE_SIZE, 2));
    ck_assert(!mh_page_cache_free(&cache, HEAP + BLOCK, 65));
    ck_assert_uint_eq(cache.free, 0);
    ck_assert(mh_page_cache_free(&cache, HEAP + BLOCK, 64));
    ck_assert_uint_eq(cache.free, ~UINT64_C(0));
}
END_TEST

START_TEST(flush_gives_back_what_is_left_released_pages_as_such) {
    size_t released = 0;
    ck_assert(mh_page_cache_fill(&p, &cache));
    uintptr_t kept = mh_page_cache_alloc(&cache, 2, &released);
    uintptr_t used = mh_page_cache_alloc(&cache, 3, &released);
    ck_assert(mh_page_cache_free(&cache, used, 3));

    mh_page_cache_flush(&p, &cache);

    ck_assert_uint_eq(cache.base | cache.free | cache.released, 0);
    ck_assert_uint_eq(p.free_pages, 2 * MH_CHUNK_PAGES - 12);
    ck_assert_uint_eq(p.released_pages, 2 * MH_CHUNK_PAGES - 15);
    ck_assert_uint_eq(mh_palloc_released(&p, used, 3), 0);
    ck_assert_uint_eq(mh_palloc_alloc(&p, 1, 1, &released), used);
    mh_palloc_free(&p, kept, 2);
}
END_TEST

START_TEST(pages_that_came_back_by_flush_can_be_scavenged) {
    size_t released, n = 0;
    ck_assert_uint_eq(mh_palloc_find_scavengable(&p, UINTPTR_MAX, 64, 1, &n),
                      0); // nothing is idle yet
    ck_assert(mh_page_cache_fill(&p, &cache));
    uintptr_t a = mh_page_cache_alloc(&cache, 5, &released);
    ck_assert(mh_page_cache_free(&cache, a, 5));
    mh_page_cache_flush(&p, &cache);

    ck_assert_uint_eq(mh_palloc_find_scavengable(&p, UINTPTR_MAX, 64, 1, &n),
                      a);
    ck_assert_uint_eq(n, 5);
}
END_TEST

START_TEST(flushing_an_empty_cache_changes_nothing) {
    uint64_t before = p.free_pages;
    mh_page_cache_flush(&p, &cache);
    mh_page_cache_flush(&p, &cache);
    ck_assert_uint_eq(p.free_pages, before);

    ck_assert(mh_page_cache_fill(&p, &cache)); // a block, all of it in use
    cache.free = cache.released = 0;
    mh_page_cache_flush(&p, &cache);
    ck_assert_uint_eq(cache.base, 0);
    ck_assert_uint_eq(p.free_pages, 2 * MH_CHUNK_PAGES - 64);
}
END_TEST

START_TEST(fill_fails_when_the_heap_is_full) {
    size_t released;
    uintptr_t rest = mh_palloc_alloc(&p, 2 * MH_CHUNK_PAGES - 10, 1, &released);
    ck_assert_uint_ne(rest, 0);
    ck_assert(!mh_page_cache_fill(&p, &cache));
    ck_assert_uint_eq(cache.base, 0);
}
END_TEST

START_TEST(a_block_half_ours_gives_our_half_only) {
    struct mh_palloc small;
    uintptr_t base = HEAP + 32 * MH_PAGE_SIZE;
    ck_assert_int_eq(mh_palloc_init(&small, &mem), MH_OK);
    ck_assert_int_eq(mh_palloc_grow(&small, base, 16), MH_OK);

    ck_assert(mh_page_cache_fill(&small, &cache));

    ck_assert_uint_eq(cache.base, HEAP);
    ck_assert_uint_eq(cache.free, UINT64_C(0xffff) << 32);
    mh_page_cache_flush(&small, &cache);
    ck_assert_int_eq(mh_palloc_check(&small), 0);
}
END_TEST

START_TEST(freeing_a_page_twice_stops_the_program) {
    size_t released;
    ck_assert(mh_page_cache_fill(&p, &cache));
    uintptr_t a = mh_page_cache_alloc(&cache, 2, &released);
    ck_assert(mh_page_cache_free(&cache, a, 2));
    ck_assert(mh_page_cache_free(&cache, a + MH_PAGE_SIZE, 1));
}
END_TEST

START_TEST(filling_over_pages_stops_the_program) {
    ck_assert(mh_page_cache_fill(&p, &cache));
    ck_assert(mh_page_cache_fill(&p, &cache));
}
END_TEST

START_TEST(flushing_foreign_pages_stops_the_program) {
    cache = (struct mh_page_cache){HEAP, UINT64_C(1) << 20, 0}; // free already
    mh_page_cache_flush(&p, &cache);
}
END_TEST

START_TEST(the_check_names_what_is_broken) {
    struct mh_page_cache c = {HEAP + MH_PAGE_SIZE, 0, 0};
    ck_assert_int_eq(mh_page_cache_check(&c), 1);
    c = (struct mh_page_cache){0, 1, 0};
    ck_assert_int_eq(mh_page_cache_check(&c), 1);
    c = (struct mh_page_cache){HEAP, 1, 2};
    ck_assert_int_eq(mh_page_cache_check(&c), 2);
}
END_TEST

static Suite *page_cache_suite(void) {
    Suite *suite = suite_create("page_cache");

    TCase *use = tcase_create("use");
    tcase_add_checked_fixture(use, make_heap, check_heap);
    tcase_add_test(use, fill_takes_the_free_pages_of_the_lowest_block);
    tcase_add_test(use, the_heap_does_not_hand_out_pages_of_a_cache);
    tcase_add_test(use, two_caches_hold_different_blocks);
    tcase_add_test(use, alloc_takes_the_lowest_run_that_fits);
    tcase_add_test(use, alloc_fails_when_no_run_is_long_enough);
    tcase_add_test(use, alloc_finds_each_length_at_each_place);
    tcase_add_test(use, freed_pages_are_reused_first_and_count_as_ready);
    tcase_add_test(use, a_cache_takes_no_pages_outside_its_block);
    tcase_add_test(use, flush_gives_back_what_is_left_released_pages_as_such);
    tcase_add_test(use, pages_that_came_back_by_flush_can_be_scavenged);
    tcase_add_test(use, flushing_an_empty_cache_changes_nothing);
    tcase_add_test(use, fill_fails_when_the_heap_is_full);
    tcase_add_test(use, a_block_half_ours_gives_our_half_only);
    suite_add_tcase(suite, use);

    TCase *misuse = tcase_create("misuse");
    tcase_add_checked_fixture(misuse, make_heap, NULL);
    tcase_add_test(misuse, the_check_names_what_is_broken);
    tcase_add_test_raise_signal(misuse, freeing_a_page_twice_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(misuse, filling_over_pages_stops_the_program,
                                SIGABRT);
    tcase_add_test_raise_signal(
        misuse, flushing_foreign_pages_stops_the_program, SIGABRT);
    suite_add_tcase(suite, misuse);
    return suite;
}

int main(void) {
    return mh_test_main(page_cache_suite());
}
