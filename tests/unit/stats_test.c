// stats_test.c - whether the statistics say where every byte is.

#include <check.h>
#include <pthread.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/bits.h"
#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "platform/sim/sim.h"
#include "tests/support/check_books.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

enum { N = 200 };

static void *objects[N];

static struct mheap_class_stats of_class(const struct mheap *heap, unsigned i) {
    struct mheap_class_stats stats;
    ck_assert(mheap_class_stats_get(heap, i, &stats));
    return stats;
}

static void fill(size_t n, size_t size) {
    for (size_t i = 0; i < n; i++) {
        objects[i] = mheap_malloc(size);
        ck_assert_ptr_nonnull(objects[i]);
    }
}

static void drop(size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        mheap_free(objects[i]);
    }
}

static void assert_books(void) {
    mh_check_books(mheap_default());
}

START_TEST(asking_makes_no_heap) {
    struct mheap_stats stats = mh_stats_now();
    ck_assert_uint_eq(mh_heaps.count, 0);
    ck_assert_uint_eq(stats.in_use_bytes + stats.spans + stats.caches, 0);
    ck_assert_uint_eq(stats.reserved_bytes + stats.ready_bytes, 0);
    ck_assert_uint_eq(of_class(NULL, 5).slots, 0);
}
END_TEST

START_TEST(classes_are_numbered_from_one) {
    struct mheap_class_stats out = {.slots = 77};
    ck_assert(!mheap_class_stats_get(NULL, 0, &out));
    ck_assert(!mheap_class_stats_get(NULL, MH_NCLASSES, &out));
    ck_assert_uint_eq(out.slots, 77);
    for (unsigned i = 1; i < MH_NCLASSES; i++) {
        ck_assert_uint_eq(of_class(NULL, i).slot_bytes, mh_class_size(i));
    }
}
END_TEST

START_TEST(every_class_counts_its_own_objects) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        size_t n = 1 + i % 7;
        fill(n, mh_class_size(i));
        struct mheap_class_stats one = of_class(mheap_default(), i);
        ck_assert_uint_eq(one.used, n);
        ck_assert_uint_eq(one.slots, one.spans * mh_classes[i].nslots);
        ck_assert_uint_eq(one.cached + one.free, one.slots - n);
        struct mheap_stats stats = mh_stats_now();
        ck_assert_uint_eq(stats.in_use_objects, n);
        ck_assert_uint_eq(stats.in_use_bytes, n * mh_class_size(i));
        ck_assert_uint_eq(stats.large_objects, 0);
        drop(0, n);
        ck_assert_uint_eq(of_class(mheap_default(), i).used, 0);
        ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
        mheap_thread_flush();
    }
}
END_TEST

START_TEST(what_a_bin_holds_is_cached) {
    unsigned class_index = mh_size_class(64);
    fill(1, 64);
    mheap_thread_flush();
    ck_assert_uint_eq(of_class(NULL, class_index).cached, 0);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 0);
    mheap_free(objects[0]);
    struct mheap_class_stats one = of_class(NULL, class_index);
    ck_assert_uint_eq(one.used, 0);
    ck_assert_uint_eq(one.cached, 1);
    ck_assert_uint_eq(mh_stats_now().cached_bytes, 64);
}
END_TEST

START_TEST(ends_of_spans_are_tails) {
    for (unsigned i = 2; i < MH_NCLASSES; i++) {
        const struct mh_class_info *info = &mh_classes[i];
        fill(1, info->size);
        uint64_t spans = of_class(NULL, i).spans;
        uint64_t tail = (uint64_t)info->npages * MH_PAGE_SIZE -
                        (uint64_t)info->nslots * info->size;
        ck_assert_uint_eq(mh_stats_now().spans, spans);
        ck_assert_uint_eq(mh_stats_now().tail_bytes, spans * tail);
        drop(0, 1);
        mheap_thread_flush();
        ck_assert_uint_eq(mh_stats_now().spans, 0);
    }
}
END_TEST

static void drop_ten(void *arg) {
    (void)arg;
    drop(0, 10);
}

START_TEST(what_others_freed_is_pending_until_the_owner_looks) {
    unsigned class_index = mh_size_class(512);
    fill(50, 512);
    struct mheap_class_stats before = of_class(NULL, class_index);
    uint64_t free_bytes = mh_stats_now().span_free_bytes;
    mh_in_thread(drop_ten, NULL);
    struct mheap_class_stats one = of_class(NULL, class_index);
    ck_assert_uint_eq(one.pending, 10);
    ck_assert_uint_eq(one.used, 40);
    ck_assert_uint_eq(one.cached + one.free, before.cached + before.free);
    ck_assert_uint_eq(mh_stats_now().span_free_bytes, free_bytes + 10 * 512);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 40);
    mheap_thread_flush();
    one = of_class(NULL, class_index);
    ck_assert_uint_eq(one.pending, 0);
    ck_assert_uint_eq(one.used, 40);
    assert_books();
}
END_TEST

START_TEST(large_objects_count_whole_pages) {
    void *p = mheap_malloc(100001);
    void *q = mheap_malloc(MH_SMALL_MAX + 1);
    struct mheap_stats stats = mh_stats_now();
    ck_assert_uint_eq(stats.large_objects, 2);
    ck_assert_uint_eq(stats.large_bytes, (13 + 5) * MH_PAGE_SIZE);
    ck_assert_uint_eq(stats.in_use_objects, 2);
    ck_assert_uint_eq(stats.in_use_bytes, stats.large_bytes);
    ck_assert_uint_eq(stats.spans, 2);
    mheap_free(p);
    mheap_free(q);
    ck_assert_uint_eq(mh_stats_now().large_bytes, 0);
    ck_assert_uint_eq(mh_stats_now().spans, 0);
}
END_TEST

START_TEST(manual_pages_are_no_objects) {
    void *pages = mheap_pages_alloc(mheap_default(), 7);
    struct mheap_stats stats = mh_stats_now();
    ck_assert_uint_eq(stats.manual_bytes, 7 * MH_PAGE_SIZE);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.in_use_bytes, 0);
    ck_assert_uint_eq(stats.spans, 1);
    mheap_pages_free(pages);
    ck_assert_uint_eq(mh_stats_now().manual_bytes, 0);
}
END_TEST

START_TEST(freed_pages_are_kept_and_then_released) {
    enum { BYTES = 1 << 20 };
    void *p = mheap_malloc(BYTES);
    struct mheap_stats in_use = mh_stats_now();
    mheap_free(p);
    struct mheap_stats freed = mh_stats_now();
    ck_assert_uint_eq(freed.free_page_bytes, in_use.free_page_bytes + BYTES);
    ck_assert_uint_eq(freed.released_bytes, in_use.released_bytes);
    size_t went = mheap_release();
    struct mheap_stats released = mh_stats_now();
    ck_assert_uint_ge(went, BYTES);
    ck_assert_uint_eq(released.free_page_bytes, 0);
    ck_assert_uint_eq(released.released_bytes, freed.released_bytes + went);
    ck_assert_uint_eq(released.ready_bytes, freed.ready_bytes - went);
}
END_TEST

static uint64_t in_cache(void) {
    uint64_t pages = mh_popcount64(mh_tls_get()->pages.free);
    return pages << MH_PAGE_SHIFT;
}

START_TEST(pages_in_a_page_cache_are_free_pages) {
    struct mheap *heap = mheap_default();
    for (size_t size = 16; size <= 128; size += 16) {
        fill(1, size); // the first few spans do not come from a page cache
    }
    ck_assert_uint_gt(in_cache(), 0);
    struct mheap_stats stats = mh_stats_now();
    uint64_t in_heap = heap->pages.free_pages << MH_PAGE_SHIFT;
    ck_assert_uint_eq(stats.free_page_bytes + stats.released_bytes,
                      in_heap + in_cache());
    assert_books();
    mheap_thread_flush();
    stats = mh_stats_now();
    in_heap = heap->pages.free_pages << MH_PAGE_SHIFT;
    ck_assert_uint_eq(stats.free_page_bytes + stats.released_bytes, in_heap);
}
END_TEST

START_TEST(a_heap_counts_its_own) {
    struct mheap *own = mheap_create("own");
    struct mheap_stats stats;
    fill(5, 100);
    ck_assert_ptr_nonnull(mheap_alloc_in(own, 1000));
    ck_assert_ptr_nonnull(mheap_alloc_in(own, 100000));
    ck_assert_ptr_nonnull(mheap_pages_alloc(own, 2));
    mheap_stats(own, &stats);
    ck_assert_uint_lt(stats.free_page_bytes + stats.released_bytes,
                      own->pages.total_pages << MH_PAGE_SHIFT);
    ck_assert_uint_eq(stats.in_use_objects, 2);
    ck_assert_uint_eq(stats.large_objects, 1);
    ck_assert_uint_eq(stats.manual_bytes, 2 * MH_PAGE_SIZE);
    ck_assert_uint_eq(stats.caches, 1);
    ck_assert_uint_eq(of_class(own, mh_size_class(100)).used, 0);
    mheap_stats(mheap_default(), &stats);
    ck_assert_uint_eq(stats.in_use_objects, 5);
    ck_assert_uint_eq(stats.large_objects, 0);
    ck_assert_uint_eq(of_class(mheap_default(), mh_size_class(1000)).used, 0);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 7);
    ck_assert_uint_eq(mh_stats_now().caches, 2);
    ck_assert_uint_eq(mh_stats_now().reserved_bytes, stats.reserved_bytes);
    ck_assert_uint_eq(mh_stats_now().ready_bytes, stats.ready_bytes);
    ck_assert_uint_eq(mh_stats_now().metadata_bytes, stats.metadata_bytes);
    ck_assert_uint_eq(mh_stats_now().counted_bytes, stats.counted_bytes);
    ck_assert_uint_eq(mh_stats_now().os_calls_total, stats.os_calls_total);
    mheap_destroy(own);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 5);
    ck_assert_uint_eq(mh_stats_now().caches, 1);
}
END_TEST

static void get_one(void *arg) {
    *(void **)arg = mheap_malloc(48);
}

START_TEST(caches_are_those_of_threads_that_live) {
    struct mh_actor actor = {.running = false};
    void *theirs = NULL;
    mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
    fill(1, 48);
    ck_assert_uint_eq(mh_stats_now().caches, 1);
    mh_actor_do(&actor, get_one, &theirs);
    ck_assert_uint_eq(mh_stats_now().caches, 2);
    mh_actor_end(&actor);
    ck_assert_uint_eq(mh_stats_now().caches, 1);
    mheap_free(theirs);
    assert_books();
}
END_TEST

START_TEST(states_and_calls_are_those_of_the_system) {
    fill(N, 3000);
    void *p = mheap_malloc(9 << 20);
    mheap_free(p);
    mheap_release();
    struct mheap_stats stats = mh_stats_now();
    ck_assert_uint_eq(stats.reserved_bytes, mh_sim_bytes(MH_RESERVED));
    ck_assert_uint_eq(stats.prepared_bytes, mh_sim_bytes(MH_PREPARED));
    // The shadow that debug builds keep is not on the books.
    if (MH_DEBUG_LEVEL < 2) {
        ck_assert_uint_eq(stats.ready_bytes, mh_sim_bytes(MH_READY));
        // A move over two reservations may be two calls.
        if (mh_sim_traits_now()->per_reservation) {
            ck_assert_uint_le(stats.os_calls_total,
                              mh_sim_calls(MH_SIM_NCALLS));
        } else {
            ck_assert_uint_eq(stats.os_calls_total,
                              mh_sim_calls(MH_SIM_NCALLS));
        }
    }
    ck_assert_uint_ge(stats.mapped_peak_bytes, stats.reserved_bytes +
                                                   stats.prepared_bytes +
                                                   stats.ready_bytes);
    ck_assert_uint_gt(stats.metadata_bytes, 0);
    ck_assert_uint_lt(stats.metadata_bytes, stats.ready_bytes);
}
END_TEST

START_TEST(refused_calls_are_counted) {
    fill(1, 48);
    ck_assert_uint_eq(mh_stats_now().os_failures_total,
                      mh_sim_failures(MH_SIM_NCALLS));
    uint64_t before = mh_stats_now().os_failures_total;
    mh_sim_fail_from(1);
    ck_assert_ptr_null(mheap_malloc((size_t)1 << 30));
    uint64_t failed = mh_sim_failures(MH_SIM_NCALLS);
    mh_sim_fail_nothing();
    ck_assert_uint_gt(failed, 0);
    ck_assert_uint_eq(mh_stats_now().os_failures_total - before, failed);
}
END_TEST

START_TEST(bad_frees_are_counted) {
    ck_assert_int_eq(
        mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT), 0);
    fill(1, 48);
    mheap_free(objects[0]);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 0);
    mheap_free(objects[0]);
    mheap_free(&objects[0]);
    ck_assert_uint_eq(mh_stats_now().bad_frees_total, 2);
    assert_books();
}
END_TEST

// The lock that a thread needs for an object of so many bytes.
static const struct {
    size_t lock, bytes;
} sleeps[] = {
    {offsetof(struct mheap, lock), 200000},
    {offsetof(struct mheap, side_lock), 100}, // one of the thread's first
};

static void *get_and_free(void *bytes) {
    mheap_free(mheap_malloc(*(const size_t *)bytes));
    return NULL;
}

START_TEST(sleeping_for_a_lock_is_counted) {
    pthread_t thread;
    size_t bytes = sleeps[_i].bytes;
    mheap_free(mheap_malloc(bytes)); // the first thread has no first objects
    char *heap = (char *)mheap_default();
    struct mh_lock *lock = (struct mh_lock *)(void *)(heap + sleeps[_i].lock);
    uint64_t before = mh_stats_now().lock_waits_total;
    uint64_t waits = MH_LOAD_RELAXED(&lock->waits);
    mh_lock(lock);
    ck_assert_int_eq(pthread_create(&thread, NULL, get_and_free, &bytes), 0);
    while (MH_LOAD_RELAXED(&lock->waits) == waits) {
        usleep(1000);
    }
    mh_unlock(lock);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_gt(mh_stats_now().lock_waits_total, before);
}
END_TEST

START_TEST(a_span_that_keeps_changing_is_left_out) {
    void *p = mheap_malloc(100000);
    void *q = mheap_malloc(100000);
    struct mh_arena *arena = mh_arena_of_known((uintptr_t)p);
    arena->seq[mh_arena_page((uintptr_t)p)]++;
    ck_assert_uint_eq(mh_stats_now().large_objects, 1);
    arena->seq[mh_arena_page((uintptr_t)p)]++;
    ck_assert_uint_eq(mh_stats_now().large_objects, 2);
    mheap_free(p);
    mheap_free(q);
}
END_TEST

START_TEST(a_slot_in_two_states_is_counted_once) {
    unsigned class_index = mh_size_class(1024);
    uint32_t nslots = mh_classes[class_index].nslots;
    ck_assert_uint_le(nslots, N);
    fill(nslots, 1024);
    struct mh_span *span = mh_arena_span_at((uintptr_t)objects[0]);
    span->free[0] |= 1; // as in the middle of a drain
    struct mheap_class_stats one = of_class(NULL, class_index);
    span->free[0] &= ~UINT64_C(1);
    ck_assert_uint_eq(one.used, nslots);
    ck_assert_uint_eq(one.used + one.free + one.cached + one.pending,
                      one.slots);
}
END_TEST

static void churn(void *arg) {
    uint64_t state = (uintptr_t)arg;
    for (int i = 0; i < 5000; i++) {
        size_t at = (size_t)mh_random_below(&state, N);
        mheap_free(objects[at]);
        objects[at] = mheap_malloc(mh_random_size(&state, 18));
    }
}

START_TEST(the_books_are_right_after_any_work) {
    struct mh_actor actor = {.running = false};
    for (uintptr_t round = 0; round < 6; round++) {
        churn((void *)round);
        mh_actor_do(&actor, churn, (void *)(round + 100));
        assert_books();
    }
    mh_actor_end(&actor);
    assert_books();
    drop(0, N);
    ck_assert_uint_eq(mh_stats_now().in_use_objects, 0);
    ck_assert_uint_eq(mh_stats_now().in_use_bytes, 0);
    assert_books();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("stats");
    TCase *tcase = tcase_create("stats");
    tcase_add_test(tcase, asking_makes_no_heap);
    tcase_add_test(tcase, classes_are_numbered_from_one);
    tcase_add_test(tcase, every_class_counts_its_own_objects);
    tcase_add_test(tcase, what_a_bin_holds_is_cached);
    tcase_add_test(tcase, ends_of_spans_are_tails);
    tcase_add_test(tcase, what_others_freed_is_pending_until_the_owner_looks);
    tcase_add_test(tcase, large_objects_count_whole_pages);
    tcase_add_test(tcase, manual_pages_are_no_objects);
    tcase_add_test(tcase, freed_pages_are_kept_and_then_released);
    tcase_add_test(tcase, pages_in_a_page_cache_are_free_pages);
    tcase_add_test(tcase, a_heap_counts_its_own);
    tcase_add_test(tcase, caches_are_those_of_threads_that_live);
    tcase_add_test(tcase, states_and_calls_are_those_of_the_system);
    tcase_add_test(tcase, refused_calls_are_counted);
    tcase_add_test(tcase, bad_frees_are_counted);
    tcase_add_loop_test(tcase, sleeping_for_a_lock_is_counted, 0,
                        (int)(sizeof(sleeps) / sizeof(*sleeps)));
    tcase_add_test(tcase, a_span_that_keeps_changing_is_left_out);
    tcase_add_test(tcase, a_slot_in_two_states_is_counted_once);
    tcase_add_test(tcase, the_books_are_right_after_any_work);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
