// lock_counts_test.c - whether each taken lock shows in its own sum.

#include <check.h>
#include <pthread.h>
#include <stddef.h>

#include "core/base/atomic.h"
#include "core/heap/heap.h"
#include "core/heap/records.h"
#include "core/scav/scavenger.h"
#include "core/sys/thread.h"
#include "mheap/mheap.h"
#include "mheap/stats.h"
#include "platform/sim/sim.h"
#include "tests/support/objects.h"
#include "tests/support/test_main.h"
#include "tests/support/threads.h"

#define SUM(name) offsetof(struct mheap_stats, locks_##name##_total)

// All sums of taken locks, in the order of the structure.
static const size_t sums[] = {
    SUM(heap),   SUM(central), SUM(side),  SUM(registry),
    SUM(arenas), SUM(records), SUM(other), SUM(thread),
};

enum { NSUMS = sizeof(sums) / sizeof(sums[0]) };

static struct mheap_stats stats_of(const struct mheap *heap) {
    struct mheap_stats stats;
    mheap_stats(heap, &stats);
    return stats;
}

static uint64_t read_sum(const struct mheap_stats *stats, size_t sum) {
    return *(const uint64_t *)((const char *)stats + sum);
}

static uint64_t shared(const struct mheap_stats *stats) {
    uint64_t all = 0;
    for (size_t i = 0; i < NSUMS; i++) {
        all += sums[i] == SUM(thread) ? 0 : read_sum(stats, sums[i]);
    }
    return all;
}

// What asking twice in a row changes: the locks that asking takes itself.
static struct mheap_stats cost_of_asking(const struct mheap *heap) {
    struct mheap_stats first = stats_of(heap), then = stats_of(heap);
    for (size_t i = 0; i < NSUMS; i++) {
        uint64_t *at = (uint64_t *)((char *)&first + sums[i]);
        *at = read_sum(&then, sums[i]) - *at;
    }
    return first;
}

// Taking a lock n times shows n times in one sum and in no other.
static void require_only(struct mh_lock *lock, size_t sum) {
    enum { TIMES = 3 };
    struct mheap_stats asking = cost_of_asking(NULL), before = stats_of(NULL);
    for (int i = 0; i < TIMES; i++) {
        mh_lock(lock);
        mh_unlock(lock);
    }
    struct mheap_stats after = stats_of(NULL);
    for (size_t i = 0; i < NSUMS; i++) {
        ck_assert_msg(read_sum(&after, sums[i]) ==
                          read_sum(&before, sums[i]) +
                              read_sum(&asking, sums[i]) +
                              (sums[i] == sum ? TIMES : 0),
                      "sum %zu", i);
    }
    ck_assert_uint_eq(after.locks_contended_total, 0);
}

START_TEST(every_lock_counts_in_one_sum) {
    struct mheap *heap = mheap_default();
    void *p = mheap_malloc(100);
    for (int i = 0; i < 100; i++) { // so that the thread has a cache
        mheap_free(mheap_malloc(100));
    }
    struct mh_cache *cache = mh_cache_of_thread(heap);
    ck_assert_ptr_nonnull(cache);
    require_only(&heap->lock, SUM(heap));
    require_only(&heap->central[1].lock, SUM(central));
    require_only(&heap->central[MH_NCLASSES - 1].lock, SUM(central));
    require_only(&heap->side_lock, SUM(side));
    require_only(&mh_caches.lock, SUM(registry));
    require_only(&mh_arenas.lock, SUM(arenas));
    require_only(&mh_arena_of_known((uintptr_t)p)->lock, SUM(records));
    require_only(&mh_heaps.lock, SUM(other));
    require_only(&mh_heaps.caches.lock, SUM(other));
    require_only(&mh_records.lock, SUM(other));
    require_only(&mh_scavenger.lock, SUM(other));
    require_only(&cache->page_lock, SUM(thread));
    require_only(&cache->life, SUM(thread));
    mheap_free(p);
}
END_TEST

START_TEST(a_heap_counts_its_own_locks) {
    struct mheap *own = mheap_create("own");
    struct mheap *other = mheap_default();
    uint64_t heap = stats_of(own).locks_heap_total;
    uint64_t central = stats_of(own).locks_central_total;
    uint64_t side = stats_of(own).locks_side_total;
    struct mh_lock *locks[] = {&other->lock, &other->central[3].lock,
                               &other->side_lock};
    for (int i = 0; i < 3; i++) {
        mh_lock(locks[i]);
        mh_unlock(locks[i]);
    }
    struct mheap_stats asking = cost_of_asking(own), stats = stats_of(own);
    // Asked twice for central and side, twice for the cost, and once now.
    ck_assert_uint_eq(stats.locks_heap_total,
                      heap + 5 * asking.locks_heap_total);
    ck_assert_uint_eq(stats.locks_central_total, central);
    ck_assert_uint_eq(stats.locks_side_total, side);
    mheap_destroy(own);
}
END_TEST

START_TEST(large_objects_take_the_lock_of_the_heap) {
    struct mheap_stats asking = cost_of_asking(NULL);
    uint64_t before = stats_of(NULL).locks_heap_total;
    mheap_free(mheap_malloc(200000));
    ck_assert_uint_ge(stats_of(NULL).locks_heap_total,
                      before + asking.locks_heap_total + 2);
}
END_TEST

// A working set that stays in the bins, after it was made once.
START_TEST(hits_take_no_lock) {
    void *p[8];
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 8; i++) {
            p[i] = mheap_malloc(64);
        }
        for (int i = 0; i < 8; i++) {
            mheap_free(p[i]);
        }
    }
    struct mheap_stats asking = cost_of_asking(NULL), before = stats_of(NULL);
    for (int round = 0; round < 1000; round++) {
        for (int i = 0; i < 8; i++) {
            p[i] = mheap_malloc(64);
        }
        for (int i = 0; i < 8; i++) {
            mheap_free(p[i]);
        }
    }
    struct mheap_stats after = stats_of(NULL);
    for (size_t i = 0; i < NSUMS; i++) {
        ck_assert_uint_eq(read_sum(&after, sums[i]),
                          read_sum(&before, sums[i]) +
                              read_sum(&asking, sums[i]));
    }
}
END_TEST

// Replaces random objects of a set, as bench_churn does.
static void churn(void *arg) {
    enum { OBJECTS = 2000, REPLACED = 20000 };
    void **set = arg;
    uint64_t rng = 1;
    for (int i = 0; i < OBJECTS + REPLACED; i++) {
        size_t at = i < OBJECTS ? (size_t)i : mh_random_below(&rng, OBJECTS);
        mheap_free(set[at]);
        set[at] = mheap_malloc(16 + mh_random_below(&rng, 1000));
        ck_assert_ptr_nonnull(set[at]);
    }
    for (int i = 0; i < OBJECTS; i++) {
        mheap_free(set[i]);
    }
}

START_TEST(churn_takes_shared_locks_once_in_64_operations_at_most) {
    static void *set[2000];
    struct mheap_stats before = stats_of(NULL);
    mh_in_thread(churn, set);
    struct mheap_stats after = stats_of(NULL);
    uint64_t operations = 2 * 22000;
    ck_assert_uint_lt(64 * (shared(&after) - shared(&before)), operations);
    ck_assert_uint_gt(shared(&after), shared(&before));
}
END_TEST

static void make_some(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        mheap_free(mheap_malloc(500));
    }
}

// Asks again and requires that no sum fell.
static void rise(struct mheap_stats *stats) {
    struct mheap_stats now = stats_of(NULL);
    for (size_t i = 0; i < NSUMS; i++) {
        ck_assert_uint_ge(read_sum(&now, sums[i]), read_sum(stats, sums[i]));
    }
    ck_assert_uint_ge(now.locks_contended_total, stats->locks_contended_total);
    *stats = now;
}

START_TEST(the_sums_never_fall_when_threads_and_heaps_end) {
    struct mheap_stats stats = stats_of(NULL);
    for (int round = 0; round < 10; round++) {
        struct mh_actor actor = {.running = false};
        struct mheap *own = mheap_create("own");
        rise(&stats);
        for (int i = 0; i < 20; i++) {
            mheap_free(mheap_alloc_in(own, 100000));
        }
        rise(&stats);
        mheap_destroy(own);
        rise(&stats);
        uint64_t threads = stats.locks_thread_total;
        mh_actor_do(&actor, make_some, NULL);
        rise(&stats);
        mh_actor_end(&actor);
        rise(&stats);
        ck_assert_uint_gt(stats.locks_thread_total, threads);
    }
}
END_TEST

static void *take(void *arg) {
    mh_lock(arg);
    mh_unlock(arg);
    return NULL;
}

START_TEST(a_lock_that_was_held_counts_as_contended) {
    struct mheap *heap = mheap_default();
    struct mh_lock *lock = &heap->central[2].lock;
    pthread_t thread;
    mh_lock(lock);
    ck_assert_int_eq(pthread_create(&thread, NULL, take, lock), 0);
    while (MH_LOAD_RELAXED(&lock->waits) == 0) {
        mh_thread_yield();
    }
    mh_unlock(lock);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(stats_of(NULL).locks_contended_total, 1);
    ck_assert_uint_eq(stats_of(heap).locks_contended_total, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("lock_counts");
    TCase *tcase = tcase_create("lock_counts");
    tcase_add_test(tcase, every_lock_counts_in_one_sum);
    tcase_add_test(tcase, a_heap_counts_its_own_locks);
    tcase_add_test(tcase, large_objects_take_the_lock_of_the_heap);
    tcase_add_test(tcase, hits_take_no_lock);
    tcase_add_test(tcase,
                   churn_takes_shared_locks_once_in_64_operations_at_most);
    tcase_add_test(tcase, the_sums_never_fall_when_threads_and_heaps_end);
    tcase_add_test(tcase, a_lock_that_was_held_counts_as_contended);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
