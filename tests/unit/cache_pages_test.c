// cache_pages_test.c - runs of pages that a thread keeps for what comes next.
//
// Over the simulated OS, whose clock stands still until a test moves it.

#include <check.h>
#include <string.h>

#include "core/heap/cache_pages.h"
#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/expect.h"
#include "tests/support/hardened.h"
#include "tests/support/rounds.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

#define KIB ((size_t)1 << 10)

static void begin(void) {
    start_the_clock();
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    mheap_free(mheap_malloc(1)); // the thread has a cache
    mheap_thread_flush();
}

static void finish(void) {
    mh_check_books(mheap_default());
}

static size_t kept_pages(void) {
    return mh_page_runs_count(&mh_tls_get()->runs);
}

static uint64_t heap_locks(void) {
    return mh_stats_now().locks_heap_total;
}

START_TEST(a_large_object_is_kept_for_the_next_of_as_many_pages) {
    char *p = mheap_malloc(60 * KIB);
    memset(p, 1, 60 * KIB);
    mheap_free(p);
    ck_assert_uint_eq(kept_pages(), 8);
    ck_assert_ptr_ne(mheap_malloc(40 * KIB), p);
    ck_assert_ptr_eq(mheap_malloc(57 * KIB), p);
    ck_assert_uint_eq(kept_pages(), 0);
    ck_assert_uint_eq(mh_stats_now().large_objects, 2);
}
END_TEST

START_TEST(a_kept_run_takes_no_lock_of_the_heap) {
    mheap_free(mheap_malloc(60 * KIB));
    uint64_t before = heap_locks();
    for (int i = 0; i < 100; i++) {
        mheap_free(mheap_malloc(60 * KIB));
    }
    // Both looks at the figures take it.
    ck_assert_uint_le(heap_locks(), before + 2);
}
END_TEST

START_TEST(what_is_kept_is_counted_as_free) {
    uint64_t in_use = mh_stats_now().in_use_bytes;
    void *p = mheap_malloc(60 * KIB);
    uint64_t free_before = mh_stats_now().free_page_bytes;
    mheap_free(p);
    ck_assert_uint_eq(mh_stats_now().in_use_bytes, in_use);
    ck_assert_uint_eq(mh_stats_now().free_page_bytes, free_before + 64 * KIB);
    ck_assert_uint_eq(mh_stats_now().large_objects, 0);
}
END_TEST

START_TEST(calloc_of_a_kept_run_is_zero) {
    char *p = mheap_malloc(60 * KIB);
    memset(p, 1, 60 * KIB);
    mheap_free(p);
    char *again = mheap_calloc(1, 60 * KIB);
    ck_assert_ptr_eq(again, p);
    for (size_t i = 0; i < 60 * KIB; i++) {
        ck_assert_int_eq(again[i], 0);
    }
}
END_TEST

START_TEST(freeing_what_is_kept_is_caught) {
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    char *p = mheap_malloc(60 * KIB);
    mheap_free(p);
    mheap_free(p);
    mheap_free(p + 8 * KIB);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    ck_assert_uint_eq(mheap_usable_size(p), 0);
    ck_assert_ptr_eq(mheap_malloc(60 * KIB), p);
    mheap_free(p);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
}
END_TEST

START_TEST(no_more_than_half_a_mib_is_kept) {
    void *p[20];
    for (int i = 0; i < 20; i++) {
        p[i] = mheap_malloc(60 * KIB);
    }
    for (int i = 0; i < 20; i++) {
        mheap_free(p[i]);
        ck_assert_uint_le(kept_pages() * MH_PAGE_SIZE, 512 * KIB);
    }
    ck_assert_ptr_eq(mheap_malloc(60 * KIB), p[19]);
    ck_assert_uint_gt(kept_pages(), 0);
}
END_TEST

START_TEST(objects_of_over_64_kib_are_not_kept) {
    mheap_free(mheap_malloc(64 * KIB + 1));
    ck_assert_uint_eq(kept_pages(), 0);
    mheap_free(mheap_malloc(64 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

// Spans of this class have nine pages, and four slots.
#define SPAN_OBJECT ((size_t)18 << 10)

START_TEST(spans_of_many_pages_are_kept_too) {
    void *p[8];
    for (int i = 0; i < 8; i++) {
        p[i] = mheap_malloc(SPAN_OBJECT);
    }
    for (int i = 0; i < 8; i++) {
        mheap_free(p[i]);
    }
    ck_assert_uint_eq(kept_pages() % 9, 0);
    ck_assert_uint_gt(kept_pages(), 0);
    size_t kept = kept_pages();
    for (int i = 0; i < 8; i++) {
        p[i] = mheap_malloc(SPAN_OBJECT);
    }
    ck_assert_uint_eq(kept_pages(), kept - 9);
}
END_TEST

START_TEST(a_run_over_two_arenas_is_none_for_a_span) {
    char *p = mheap_malloc(MH_ARENA_SIZE + 100 * KIB);
    uintptr_t border = mh_align_up((uintptr_t)p + 1, MH_ARENA_SIZE);
    uintptr_t at = border - 4 * MH_PAGE_SIZE;
    ck_assert_uint_gt(at, (uintptr_t)p);
    ck_assert(!mh_cache_keep_run(mh_tls_get(), at, 9));
    ck_assert_uint_eq(kept_pages(), 0);
    mheap_free(p);
}
END_TEST

static struct mh_actor other;
static struct mh_cache *others_cache;

static void keep_some(void *arg) {
    (void)arg;
    mheap_free(mheap_malloc(100));
    others_cache = mh_tls_get();
    mheap_free(mheap_malloc(60 * KIB));
}

START_TEST(what_a_quiet_thread_keeps_goes_back_to_the_heap) {
    make_a_call();
    mh_actor_do(&other, keep_some, NULL);
    ck_assert_uint_ne(mh_page_runs_count(&others_cache->runs), 0);
    let_a_period_pass();
    ck_assert_uint_ne(mh_page_runs_count(&others_cache->runs), 0);
    let_a_period_pass();
    ck_assert_uint_eq(mh_page_runs_count(&others_cache->runs), 0);
    mh_actor_do(&other, keep_some, NULL);
    ck_assert_uint_ne(mh_page_runs_count(&others_cache->runs), 0);
    mh_actor_end(&other);
}
END_TEST

START_TEST(nothing_is_kept_when_a_thread_ends) {
    mh_in_thread(keep_some, NULL);
    ck_assert_uint_eq(mh_page_runs_count(&others_cache->runs), 0);
}
END_TEST

static void free_it(void *p) {
    mheap_free(mheap_malloc(100));
    mheap_free(p);
    ck_assert_uint_eq(kept_pages(), 8);
}

START_TEST(whoever_frees_keeps) {
    void *p = mheap_malloc(60 * KIB);
    mh_actor_do(&other, free_it, p);
    ck_assert_uint_eq(kept_pages(), 0);
    mh_actor_end(&other);
}
END_TEST

START_TEST(release_leaves_nothing) {
    mheap_free(mheap_malloc(60 * KIB));
    mheap_release();
    ck_assert_uint_eq(kept_pages(), 0);
    ck_assert_uint_eq(mh_stats_now().free_page_bytes, 0);
}
END_TEST

START_TEST(another_heaps_pages_are_its_own) {
    struct mheap *heap = mheap_create("own");
    mheap_free(mheap_alloc_in(heap, 60 * KIB));
    ck_assert_uint_eq(kept_pages(), 0);
    mheap_destroy(heap);
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

START_TEST(nothing_is_kept_above_the_soft_limit) {
    void *live = mheap_malloc(1024 * KIB);
    mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, 64 * KIB);
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 0);
    mheap_option_set(MHEAP_OPTION_SOFT_LIMIT, 0);
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
    mheap_free(live);
}
END_TEST

static void *kept[8];

static void keep_all(void *arg) {
    (void)arg;
    mheap_free(mheap_malloc(100));
    others_cache = mh_tls_get();
    for (int i = 0; i < 8; i++) {
        kept[i] = mheap_malloc(64 * KIB);
    }
    for (int i = 0; i < 8; i++) {
        mheap_free(kept[i]);
    }
}

START_TEST(what_others_keep_serves_before_memory_is_said_to_be_out) {
    mh_actor_do(&other, keep_all, NULL);
    ck_assert_uint_eq(mh_page_runs_count(&others_cache->runs), 64);
    mh_sim_fail_from(1);
    bool had = false;
    for (void *p = mheap_malloc(250 * KIB); p != NULL;
         p = mheap_malloc(250 * KIB)) {
        had = had || p == kept[0];
    }
    mh_sim_fail_nothing();
    ck_assert(had);
    mh_actor_end(&other);
}
END_TEST

START_TEST(a_busy_thread_keeps_its_runs_from_round_to_round) {
    make_a_call();
    for (int i = 0; i < 4; i++) {
        mh_actor_do(&other, keep_some, NULL);
        let_a_period_pass();
        ck_assert_uint_eq(mh_page_runs_count(&others_cache->runs), 8);
    }
    mh_actor_end(&other);
}
END_TEST

static void *handed[64];

static void free_handed(void *count) {
    for (size_t i = 0; i < *(size_t *)count; i++) {
        mheap_free(handed[i]);
    }
}

// The other thread empties whole spans of this one, which makes no calls that
// would find out: its own rounds take them.
static uint64_t take_spans_of_own_thread(size_t size, size_t count) {
    uint64_t before = mh_stats_now().spans;
    for (size_t i = 0; i < count; i++) {
        handed[i] = mheap_malloc(size);
    }
    ck_assert_uint_gt(mh_stats_now().spans, before);
    mh_actor_do(&other, free_handed, &count);
    mh_actor_end(&other);
    make_a_call(); // a round sees what calls there have been
    let_a_period_pass();
    return mh_stats_now().spans - before;
}

START_TEST(what_a_round_takes_from_its_own_thread_is_not_kept) {
    ck_assert_uint_eq(take_spans_of_own_thread(SPAN_OBJECT, 4), 0);
    ck_assert_uint_eq(kept_pages(), 0);
}
END_TEST

START_TEST(pages_that_a_round_brings_make_no_thread_busy) {
    size_t released;
    ck_assert_uint_eq(take_spans_of_own_thread(8 * KIB, 32), 0);
    ck_assert_uint_eq(mh_cache_free_pages(mh_tls_get(), &released), 0);
}
END_TEST

START_TEST(keeping_anything_asks_for_a_round) {
    let_a_period_pass();
    let_a_period_pass();
    let_a_period_pass();
    mheap_release(); // nothing else asks for one
    mh_scavenger.notes = 0;
    uint32_t before = mh_scavenger.rounds;
    now += MH_SCAV_PERIOD_NS;
    mh_sim_set_clock(now);
    mh_actor_do(&other, keep_some, NULL);
    ck_assert_uint_eq(mh_scavenger.rounds, before + 1);
    mh_actor_end(&other);
}
END_TEST

START_TEST(an_object_grows_over_pages_that_are_kept) {
    char *p = mheap_malloc(64 * KIB);
    char *behind = mheap_malloc(64 * KIB);
    ck_assert_ptr_eq(behind, p + 64 * KIB);
    mheap_free(behind);
    ck_assert_uint_eq(kept_pages(), 8);
    ck_assert_ptr_eq(mheap_realloc(p, 128 * KIB), p);
    ck_assert_uint_eq(kept_pages(), 0);
}
END_TEST

START_TEST(an_object_that_must_move_leaves_alone_what_is_kept) {
    char *p = mheap_malloc(64 * KIB);
    char *behind = mheap_malloc(64 * KIB);
    char *kept_one = mheap_malloc(64 * KIB);
    ck_assert_ptr_eq(behind, p + 64 * KIB);
    mheap_free(kept_one);
    ck_assert_ptr_ne(mheap_realloc(p, 1024 * KIB), p);
    ck_assert_uint_eq(kept_pages(), 16); // and where it was
}
END_TEST

START_TEST(what_could_never_be_had_makes_no_heap_short) {
    uint64_t limit = mh_stats_now().counted_bytes + 16384 * KIB;
    ck_assert_int_eq(mheap_option_set(MHEAP_OPTION_HARD_LIMIT, limit), 0);
    ck_assert_ptr_null(mheap_malloc(32768 * KIB));
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

START_TEST(an_alignment_that_cannot_be_had_makes_no_heap_short) {
    mh_sim_fail_from(1);
    while (mheap_aligned_alloc(65536 * KIB, 60 * KIB) != NULL) {
        // A heap may begin at such an address.
    }
    mh_sim_fail_nothing();
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

// What is asked for in vain, from a heap that has this much, and then frees it.
static void be_short(void) {
    void *p = mheap_malloc(2048 * KIB);
    mh_sim_fail_from(1);
    while (mheap_malloc(1024 * KIB) != NULL) {
    }
    mh_sim_fail_nothing();
    mheap_free(p);
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 0);
}

START_TEST(a_heap_that_gives_back_what_it_does_not_need_is_short_no_more) {
    be_short();
    let_a_period_pass();
    let_a_period_pass();
    let_a_period_pass();
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

START_TEST(a_heap_that_is_told_to_give_back_is_short_no_more) {
    be_short();
    mheap_release();
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

START_TEST(the_check_finds_pages_of_a_span_among_those_kept) {
    struct mh_cache *cache = mh_tls_get();
    ck_assert_int_eq(mh_cache_check(cache), 0);
    uintptr_t base = (uintptr_t)mheap_malloc(60 * KIB);
    ck_assert(mh_page_runs_put(&cache->runs, base, 8));
    ck_assert_int_eq(mh_cache_check(cache), 5);
    ck_assert_uint_eq(mh_page_runs_take(&cache->runs, 8), base);
    cache->runs.run[1] = base + 8;
    ck_assert_int_eq(mh_cache_check(cache), 5);
    cache->runs.run[1] = 0;
}
END_TEST

START_TEST(the_heap_does_not_grow_while_pages_are_kept) {
    static void *p[8];
    for (int i = 0; i < 8; i++) {
        p[i] = mheap_malloc(64 * KIB);
    }
    // The rest of what is mapped.
    struct mheap *heap = mheap_default();
    static void *rest[512];
    int n = 0;
    uint64_t total = heap->pages.total_pages;
    while (heap->pages.total_pages == total) {
        rest[n++] = mheap_malloc(64 * KIB);
    }
    mheap_free(rest[--n]);
    total = heap->pages.total_pages;
    void *most = mheap_malloc((heap->pages.free_pages - 7) * MH_PAGE_SIZE);
    for (int i = 0; i < 8; i++) {
        mheap_free(p[i]);
    }
    ck_assert_uint_eq(kept_pages(), 64);
    void *all = mheap_malloc(500 * KIB); // where all eight were
    ck_assert_ptr_nonnull(all);
    ck_assert_uint_eq(heap->pages.total_pages, total);
    ck_assert_uint_eq(kept_pages(), 0);
    mheap_free(most);
}
END_TEST

START_TEST(a_heap_that_could_not_grow_keeps_nothing) {
    mh_sim_fail_from(1);
    void *p = mheap_malloc(60 * KIB);
    while (mheap_malloc(1024 * KIB) != NULL) {
    }
    mheap_free(p);
    ck_assert_uint_eq(kept_pages(), 0);
    mh_sim_fail_nothing();
    void *big = mheap_malloc(8192 * KIB); // it grows again
    ck_assert_ptr_nonnull(big);
    mheap_free(mheap_malloc(60 * KIB));
    ck_assert_uint_eq(kept_pages(), 8);
}
END_TEST

START_TEST(hardened_mode_keeps_nothing) {
    mheap_free(mheap_malloc(100));
    void *pages = mheap_pages_alloc(mheap_default(), 9);
    ck_assert(!mh_cache_keep_run(mh_tls_get(), (uintptr_t)pages, 9));
    mheap_pages_free(pages);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("cache_pages");
    TCase *keep = tcase_create("keep");
    tcase_add_checked_fixture(keep, begin, finish);
    tcase_add_test(keep, a_large_object_is_kept_for_the_next_of_as_many_pages);
    tcase_add_test(keep, a_kept_run_takes_no_lock_of_the_heap);
    tcase_add_test(keep, what_is_kept_is_counted_as_free);
    tcase_add_test(keep, calloc_of_a_kept_run_is_zero);
    tcase_add_test(keep, freeing_what_is_kept_is_caught);
    tcase_add_test(keep, no_more_than_half_a_mib_is_kept);
    tcase_add_test(keep, objects_of_over_64_kib_are_not_kept);
    tcase_add_test(keep, spans_of_many_pages_are_kept_too);
    tcase_add_test(keep, a_run_over_two_arenas_is_none_for_a_span);
    suite_add_tcase(suite, keep);

    TCase *end = tcase_create("end");
    tcase_add_checked_fixture(end, begin, finish);
    tcase_add_test(end, what_a_quiet_thread_keeps_goes_back_to_the_heap);
    tcase_add_test(end, nothing_is_kept_when_a_thread_ends);
    tcase_add_test(end, whoever_frees_keeps);
    tcase_add_test(end, release_leaves_nothing);
    tcase_add_test(end, another_heaps_pages_are_its_own);
    tcase_add_test(end, nothing_is_kept_above_the_soft_limit);
    tcase_add_test(end,
                   what_others_keep_serves_before_memory_is_said_to_be_out);
    tcase_add_test(end, a_busy_thread_keeps_its_runs_from_round_to_round);
    tcase_add_test(end, what_a_round_takes_from_its_own_thread_is_not_kept);
    tcase_add_test(end, pages_that_a_round_brings_make_no_thread_busy);
    tcase_add_test(end, keeping_anything_asks_for_a_round);
    tcase_add_test(end, an_object_grows_over_pages_that_are_kept);
    tcase_add_test(end, an_object_that_must_move_leaves_alone_what_is_kept);
    tcase_add_test(end, what_could_never_be_had_makes_no_heap_short);
    tcase_add_test(end, an_alignment_that_cannot_be_had_makes_no_heap_short);
    tcase_add_test(
        end, a_heap_that_gives_back_what_it_does_not_need_is_short_no_more);
    tcase_add_test(end, a_heap_that_is_told_to_give_back_is_short_no_more);
    tcase_add_test(end, the_check_finds_pages_of_a_span_among_those_kept);
    tcase_add_test(end, the_heap_does_not_grow_while_pages_are_kept);
    tcase_add_test(end, a_heap_that_could_not_grow_keeps_nothing);
    suite_add_tcase(suite, end);

    TCase *hard = tcase_create("hard");
    tcase_add_checked_fixture(hard, harden, finish);
    tcase_add_test(hard, hardened_mode_keeps_nothing);
    suite_add_tcase(suite, hard);
    return mh_test_main(suite);
}
