// palloc_fault_test.c - growth of the page allocator when memory runs out.
//
// Each test counts the calls to the system that a growth makes, then fails them
// one by one. After a failure the allocator is what it was, and the same growth
// succeeds once there is memory again.

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/meta/persistent.h"
#include "core/page/palloc.h"
#include "platform/sim/sim.h"
#include "tests/support/test_main.h"

#define HEAP  UINT32_C(0x40000000)
#define CHUNK (MH_CHUNK_SIZE)

static struct mh_persistent mem;
static struct mh_palloc p;

static void make_palloc(void) {
    mh_persistent_init(&mem, MH_FOR_OTHER);
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_OK);
}

static void check_palloc(void) {
    ck_assert_int_eq(mh_palloc_check(&p), 0);
}

// A growth and the heap that was there before it, in chunks.
struct growth {
    size_t before, at, n;
};

// Enough chunks for records and arrays of more than the first piece of memory
// holds; above the heap, below all of it, and a single chunk once more.
static const struct growth growths[] = {
    {0, 0, 700},
    {60, 100, 600},
    {60, 0, 30},
    {300, 400, 300},
};

static enum mh_status grow_by(const struct growth *growth) {
    return mh_palloc_grow(&p, HEAP + growth->at * CHUNK,
                          growth->n * MH_CHUNK_PAGES);
}

static void grow_before(const struct growth *growth) {
    size_t n = growth->before * MH_CHUNK_PAGES;
    if (n > 0) {
        ck_assert_int_eq(mh_palloc_grow(&p, HEAP + 40 * CHUNK, n), MH_OK);
    }
}

START_TEST(a_growth_that_fails_changes_nothing) {
    const struct growth *growth = &growths[_i];
    unsigned failures = 0;

    for (uint64_t nth = 1;; nth++) {
        make_palloc();
        grow_before(growth);
        uint64_t before = p.total_pages, nslots = p.index.nnodes[0];

        mh_sim_fail_from(nth);
        enum mh_status status = grow_by(growth);
        mh_sim_fail_nothing();

        ck_assert_int_eq(mh_palloc_check(&p), 0);
        if (status == MH_OK) {
            break;
        }
        failures++;
        ck_assert_int_eq(status, MH_NO_MEMORY);
        ck_assert_uint_eq(p.total_pages, before);
        ck_assert_uint_eq(p.index.nnodes[0], nslots);
        ck_assert_int_eq(grow_by(growth), MH_OK);
        ck_assert_int_eq(mh_palloc_check(&p), 0);
        ck_assert_uint_eq(p.total_pages, before + growth->n * MH_CHUNK_PAGES);
    }
    // The last is small enough to need no call once there is a heap.
    ck_assert_uint_ge(failures, _i == 2 ? 0 : 1);
}
END_TEST

START_TEST(chunks_one_by_one_with_most_calls_failing) {
    size_t grown = 0, refused = 0, released;
    make_palloc();
    mh_sim_set_seed(7);
    mh_sim_fail_rate(900);
    for (uintptr_t i = 0; i < 700; i++) {
        uintptr_t base = HEAP + (i * 257 % 700) * CHUNK;
        if (mh_palloc_grow(&p, base, MH_CHUNK_PAGES) == MH_OK) {
            grown++;
        } else {
            refused++;
        }
    }
    mh_sim_fail_nothing();
    ck_assert_uint_eq(p.total_pages, grown * MH_CHUNK_PAGES);
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_ne(mh_palloc_alloc(&p, 512, 512, &released), 0);
}
END_TEST

START_TEST(init_reports_that_there_is_no_memory) {
    mh_persistent_init(&mem, MH_FOR_OTHER);
    mh_sim_fail_from(1);
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_NO_MEMORY);
    mh_sim_fail_nothing();
    ck_assert_int_eq(mh_palloc_init(&p, &mem), MH_OK);
}
END_TEST

START_TEST(a_heap_ends_where_page_counts_do) {
    make_palloc();
#if UINTPTR_MAX > UINT32_MAX
    size_t most = (MH_PALLOC_MAX_SLOTS + 1) * MH_CHUNK_PAGES;
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, most), MH_NO_MEMORY);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, SIZE_MAX >> 14), MH_NO_MEMORY);
#endif
    ck_assert_uint_eq(p.total_pages, 0);
    ck_assert_int_eq(mh_palloc_grow(&p, HEAP, MH_CHUNK_PAGES), MH_OK);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("palloc_fault");
    TCase *tcase = tcase_create("growth");
    tcase_add_checked_fixture(tcase, NULL, check_palloc);
    tcase_add_loop_test(tcase, a_growth_that_fails_changes_nothing, 0, 4);
    tcase_add_test(tcase, chunks_one_by_one_with_most_calls_failing);
    tcase_add_test(tcase, init_reports_that_there_is_no_memory);
    tcase_add_test(tcase, a_heap_ends_where_page_counts_do);
    suite_add_tcase(suite, tcase);

    return mh_test_main(suite);
}
