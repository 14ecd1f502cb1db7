// palloc_grow_test.c - a heap that grows: pieces, holes, any order.
//
// The heaps here are addresses only; no page is ever touched.

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

START_TEST(runs_cross_chunks_that_touch) {
    grow(HEAP, 512);
    grow(HEAP + CHUNK, 512);
    ck_assert_uint_eq(alloc(300), HEAP);
    ck_assert_uint_eq(alloc(700), HEAP + 300 * PAGE);
    ck_assert_uint_eq(alloc(24), HEAP + 1000 * PAGE);
}
END_TEST

START_TEST(runs_never_bridge_a_hole) {
    grow(HEAP, 512);
    grow(HEAP + 2 * CHUNK, 512);
    grow(HEAP + 9 * CHUNK, 1024);
    ck_assert_uint_eq(alloc(513), HEAP + 9 * CHUNK);
    ck_assert_uint_eq(alloc(513), 0);
    ck_assert(!mh_palloc_take(&p, HEAP + 500 * PAGE, 13, &released));
    ck_assert(!mh_palloc_take(&p, HEAP + CHUNK, 1, &released));
    ck_assert(!mh_palloc_extend(&p, HEAP, 512, 1, &released));
}
END_TEST

START_TEST(a_hole_that_is_filled_joins_both_sides) {
    grow(HEAP, 512);
    grow(HEAP + 3 * CHUNK, 512);
    grow(HEAP + 2 * CHUNK, 512); // the upper half of the hole
    ck_assert_uint_eq(alloc(1024), HEAP + 2 * CHUNK);
    mh_palloc_free(&p, HEAP + 2 * CHUNK, 1024);
    grow(HEAP + CHUNK, 512); // the rest of it
    ck_assert_uint_eq(alloc(2048), HEAP);
}
END_TEST

START_TEST(arenas_may_come_below_those_there_are) {
    grow(HEAP + 40 * CHUNK, 512);
    ck_assert_uint_eq(alloc(500), HEAP + 40 * CHUNK);
    grow(HEAP, 16 * MH_CHUNK_PAGES);
    ck_assert_uint_eq(alloc(1), HEAP);
    mh_palloc_free(&p, HEAP + 40 * CHUNK, 500);
    ck_assert_uint_eq(alloc(16 * MH_CHUNK_PAGES), 0);
    ck_assert_uint_eq(alloc(512), HEAP + PAGE);
}
END_TEST

START_TEST(pieces_of_a_chunk_come_one_by_one_in_any_order) {
    uintptr_t mib = 128 * PAGE;
    grow(HEAP + 2 * mib, 128);
    ck_assert_uint_eq(alloc(129), 0);
    grow(HEAP, 128);
    ck_assert_uint_eq(alloc(129), 0);
    grow(HEAP + 3 * mib, 256); // and a part of the next chunk
    ck_assert_uint_eq(alloc(384), HEAP + 2 * mib);
    grow(HEAP + mib, 128);
    ck_assert_uint_eq(alloc(256), HEAP);
    ck_assert_uint_eq(p.total_pages, 640);
}
END_TEST

START_TEST(a_heap_has_the_pages_it_was_given_whatever_became_of_them) {
    grow(HEAP + 128 * PAGE, 384);
    ck_assert(mh_palloc_has(&p, HEAP + 128 * PAGE, 384));
    ck_assert(!mh_palloc_has(&p, HEAP, 512)); // of the chunk a part is ours
    ck_assert(!mh_palloc_has(&p, HEAP + 127 * PAGE, 2));
    ck_assert(!mh_palloc_has(&p, HEAP + 511 * PAGE, 2));
    ck_assert_uint_ne(alloc(100), 0);
    grow(HEAP + CHUNK, 512);
    ck_assert(mh_palloc_has(&p, HEAP + 128 * PAGE, 896));
    grow(HEAP, 128);
    ck_assert(mh_palloc_has(&p, HEAP, 1024));
    ck_assert(!mh_palloc_has(&p, HEAP, 1025));
    ck_assert(!mh_palloc_has(&p, HEAP - PAGE, 1));
}
END_TEST

START_TEST(the_lowest_and_the_highest_addresses_work) {
    size_t n = 0;
    uintptr_t top = 0 - 100 * PAGE;
    grow(top, 100);
    grow(64 * PAGE, 64);

    ck_assert_uint_eq(alloc(64), 64 * PAGE);
    ck_assert_uint_eq(alloc_at(1, 8192), 0);
    ck_assert_uint_eq(alloc(90), top);
    ck_assert(mh_palloc_extend(&p, top, 90, 10, &released));
    ck_assert(!mh_palloc_extend(&p, top, 100, 1, &released));
    mh_palloc_free(&p, top, 100);
    // The very last page is not wholly below any address.
    ck_assert_uint_eq(mh_palloc_find_scavengable(&p, UINTPTR_MAX, 512, 1, &n),
                      top);
    ck_assert_uint_eq(n, 99);
}
END_TEST

START_TEST(a_heap_may_grow_in_any_order) {
    static const int strides[] = {1, 7, -1};
    const int n = 600;
    for (int k = 0; k < n; k++) {
        int at = (k * strides[_i] % n + n) % n;
        ck_assert_int_eq(
            mh_palloc_grow(&p, HEAP + (uintptr_t)at * CHUNK, MH_CHUNK_PAGES),
            MH_OK);
        if (k % 32 == 0) {
            ck_assert_int_eq(mh_palloc_check(&p), 0);
        }
    }
    ck_assert_uint_eq(alloc((size_t)n * MH_CHUNK_PAGES), HEAP);
}
END_TEST

START_TEST(chunk_records_stay_where_they_are) {
    grow(HEAP, 16 * MH_CHUNK_PAGES);
    const struct mh_palloc_table *old = p.table;
    const struct mh_palloc_chunk *first = old->blocks[0].chunks;
    for (uintptr_t i = 1; i < 200; i++) {
        grow(HEAP + (16 + 3 * i) * CHUNK, MH_CHUNK_PAGES);
    }

    ck_assert_ptr_ne(old, p.table); // it had to be replaced
    ck_assert_uint_ge(old->nblocks, 1);
    ck_assert_ptr_eq(old->blocks[0].chunks, first);
    ck_assert_ptr_eq(p.table->blocks[0].chunks, first);
    ck_assert_uint_eq(p.table->nblocks, 200);
    ck_assert_uint_eq(first->base, HEAP);
    ck_assert_uint_eq(first[15].base, HEAP + 15 * CHUNK);
}
END_TEST

static void add_growth_tests(Suite *suite) {
    TCase *tcase = tcase_create("growth");
    tcase_add_checked_fixture(tcase, make_palloc, check_palloc);
    tcase_add_test(tcase, runs_cross_chunks_that_touch);
    tcase_add_test(tcase, runs_never_bridge_a_hole);
    tcase_add_test(tcase, a_hole_that_is_filled_joins_both_sides);
    tcase_add_test(tcase, arenas_may_come_below_those_there_are);
    tcase_add_test(tcase, pieces_of_a_chunk_come_one_by_one_in_any_order);
    tcase_add_test(tcase,
                   a_heap_has_the_pages_it_was_given_whatever_became_of_them);
    tcase_add_test(tcase, the_lowest_and_the_highest_addresses_work);
    tcase_add_loop_test(tcase, a_heap_may_grow_in_any_order, 0, 3);
    tcase_add_test(tcase, chunk_records_stay_where_they_are);
    suite_add_tcase(suite, tcase);
}

int main(void) {
    Suite *suite = suite_create("palloc_grow");
    add_growth_tests(suite);

    return mh_test_main(suite);
}
