// bins_home_test.c - slots in the bins of a thread that makes fast calls only.
//
// Over the simulated OS, whose clock stands still until a test moves it.

#include <check.h>

#include "core/heap/cache.h"
#include "core/heap/heap.h"
#include "tests/support/check_books.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { NOBJECTS = 3000, OBJECT_BYTES = 512 };

static struct mh_actor other;
static struct mh_cache *others_cache;
static void *objects[NOBJECTS];

static void make_objects(void *arg) {
    (void)arg;
    for (size_t i = 0; i < NOBJECTS; i++) {
        objects[i] = mheap_malloc(OBJECT_BYTES);
        ck_assert_ptr_nonnull(objects[i]);
    }
    others_cache = mh_tls_get();
}

static void free_one(void *arg) {
    mheap_free(arg);
}

static struct mheap_class_stats of_class(void) {
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(NULL, mh_size_class(OBJECT_BYTES), &stats));
    return stats;
}

static void begin(void) {
    start_the_clock();
    make_a_call(); // the first round, of a heap so small
    make_a_call();
    mh_actor_do(&other, make_objects, NULL);
}

static void end(void) {
    mh_actor_end(&other);
    mh_check_books(mheap_default());
}

static size_t bin_of_other(void) {
    return mh_bin_fill(others_cache, mh_size_class(OBJECT_BYTES));
}

static void free_some(void *arg) {
    (void)arg;
    for (size_t i = 0; i < 7; i++) {
        mheap_free(objects[i]);
    }
}

static void get_asked(void) {
    mh_actor_do(&other, free_some, NULL);
    ck_assert_uint_ge(bin_of_other(), 7);
    let_a_period_pass();
    ck_assert(!mh_cache_is_asked(others_cache)); // is it quiet?
    let_a_period_pass();
    ck_assert(mh_cache_is_asked(others_cache));
}

START_TEST(a_thread_that_only_pops_and_pushes_gives_up_its_bins_when_asked) {
    get_asked();
    uint64_t cached = mh_stats_now().cached_bytes;
    mh_actor_do(&other, free_one, objects[7]);
    ck_assert(!mh_cache_is_asked(others_cache));
    ck_assert_uint_eq(bin_of_other(), 1);
    ck_assert_uint_lt(mh_stats_now().cached_bytes, cached);
    ck_assert_ptr_null(others_cache->current[mh_size_class(OBJECT_BYTES)]);
    mh_actor_do(&other, free_one, objects[8]);
    ck_assert_uint_eq(bin_of_other(), 2); // asked once, it answers once
}
END_TEST

START_TEST(a_thread_that_was_in_its_cache_since_keeps_its_bins) {
    get_asked();
    size_t fill = bin_of_other();
    mh_cache_enter(others_cache); // a call of its thread
    mh_cache_leave(others_cache);
    mh_actor_do(&other, free_one, objects[7]);
    ck_assert(!mh_cache_is_asked(others_cache));
    ck_assert_uint_eq(bin_of_other(), fill + 1);
}
END_TEST

// In the bin are then neighbours of the first, and the last.
static void free_all_but_first(void *arg) {
    (void)arg;
    for (size_t i = NOBJECTS - 2; i > 0; i--) {
        mheap_free(objects[i]);
    }
    mheap_free(objects[NOBJECTS - 1]);
}

static void free_another(void *arg) {
    mheap_free(mheap_malloc(64));
    (void)arg;
}

// The thread had been quiet for a period: so had what it gives up.
START_TEST(what_is_given_up_with_the_bins_goes_home_in_the_next_round) {
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[0]);
    mh_actor_do(&other, free_another, NULL); // there is a 64-byte slot to pop
    mh_actor_do(&other, free_all_but_first, NULL);
    for (int i = 0; i < 4; i++) {
        let_a_period_pass();
    }
    uint32_t holes = span->holes; // not where slots in the bin are
    ck_assert_uint_eq(of_class().spans, 2);
    struct mh_palloc *pages = &mheap_default()->pages;
    uint64_t before = mh_palloc_idle(pages);
    (void)mh_palloc_surplus(pages); // what is idle later is not old yet
    mh_actor_do(&other, free_another, NULL);
    ck_assert_uint_eq(of_class().spans, 1);
    ck_assert_uint_gt(mh_palloc_idle(pages), before);
    ck_assert_uint_eq(mh_palloc_surplus(pages), mh_palloc_idle(pages));
    let_a_period_pass();
    if (mh_sys_facts()->page_size <= MH_PAGE_SIZE) {
        ck_assert_uint_gt(span->holes, holes);
    }
}
END_TEST

static void free_twice(void *arg) {
    mheap_free(arg);
    mheap_free(arg);
}

START_TEST(a_bad_free_that_comes_with_the_answer_is_caught) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    get_asked();
    mh_actor_do(&other, free_one, objects[6]); // freed before it was asked
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 1);
    mh_actor_do(&other, free_twice, objects[7]);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    ck_assert_uint_eq(bin_of_other(), 1);
}
END_TEST

START_TEST(a_question_ends_with_its_thread) {
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    get_asked();
    mh_actor_end(&other);
    struct mh_cache *before = others_cache;
    mh_actor_do(&other, make_objects, NULL);
    ck_assert_ptr_eq(others_cache, before); // the record is another's now
    ck_assert(!mh_cache_is_asked(others_cache));
}
END_TEST

static void flush(void *arg) {
    (void)arg;
    mheap_thread_flush();
}

START_TEST(a_thread_with_empty_bins_is_not_asked) {
    mh_actor_do(&other, flush, NULL);
    for (int i = 0; i < 4; i++) {
        let_a_period_pass();
        ck_assert(!mh_cache_is_asked(others_cache));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("bins_home");
    TCase *tcase = tcase_create("bins");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(
        tcase, a_thread_that_only_pops_and_pushes_gives_up_its_bins_when_asked);
    tcase_add_test(tcase, a_thread_that_was_in_its_cache_since_keeps_its_bins);
    tcase_add_test(tcase,
                   what_is_given_up_with_the_bins_goes_home_in_the_next_round);
    tcase_add_test(tcase, a_bad_free_that_comes_with_the_answer_is_caught);
    tcase_add_test(tcase, a_question_ends_with_its_thread);
    tcase_add_test(tcase, a_thread_with_empty_bins_is_not_asked);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
