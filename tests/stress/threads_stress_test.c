// threads_stress_test.c - many threads, and objects that travel between them.
//
// Every object carries its size and a pattern; whoever gets it verifies it
// before it is freed. Meanwhile one thread reads statistics and gives memory
// back. When all threads have ended and everything is freed the heap is empty,
// to the last slot.
//
// MHEAP_STRESS_MS is how long each test runs, in milliseconds.

#include <check.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/base/attr.h"
#include "core/scav/scavenger.h"
#include "mheap/mheap.h"
#include "tests/support/objects.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

enum {
    NTHREADS = 6,
    NSHARED = 1024, // objects on their way from thread to thread
    NHELD = 256,    // objects a thread keeps for itself
    DEFAULT_MS = MH_SANITIZED ? 400 : 800,
    LARGE_LOG2 = 18,
    // Rounds of destructors; TSan forgets the thread in the last.
    LATE_ROUNDS = PTHREAD_DESTRUCTOR_ITERATIONS - MH_SANITIZED,
};

static _Atomic(void *) shared[NSHARED];
static atomic_bool stop;
static atomic_ulong broken; // objects that did not hold what was written

static void check_object(const void *p) {
    if (!mh_self_holds(p)) {
        atomic_fetch_add(&broken, 1);
    }
}

static void *make_object(struct mheap *heap, uint64_t *rng) {
    unsigned log2 = mh_random_below(rng, 64) == 0 ? LARGE_LOG2 : 12;
    size_t size = MH_SELF_MIN + mh_random_size(rng, log2);
    void *p = NULL;
    switch (mh_random_below(rng, 8)) {
    case 0:
        p = mheap_calloc_in(heap, 1, size);
        if (p != NULL && (((char *)p)[0] != 0 || ((char *)p)[size - 1] != 0)) {
            atomic_fetch_add(&broken, 1);
        }
        break;
    case 1:
        p = mheap_aligned_alloc_in(heap, (size_t)16 << mh_random_below(rng, 10),
                                   size);
        break;
    default:
        p = mheap_alloc_in(heap, size);
    }
    if (p != NULL) {
        mh_self_fill(p, size, mh_random(rng));
    }
    return p;
}

static void drop_object(void *p) {
    if (p != NULL) {
        check_object(p);
        mheap_free(p);
    }
}

static void *resize_object(void *p, uint64_t *rng) {
    check_object(p);
    size_t size = MH_SELF_MIN + mh_random_size(rng, 14);
    void *q = mheap_realloc(p, size);
    if (q == NULL) {
        return p;
    }
    mh_self_fill(q, size, mh_random(rng));
    return q;
}

// Makes, keeps, hands over, takes over, resizes and frees.
static void churn(struct mheap *heap, uint64_t seed, unsigned rounds) {
    void *held[NHELD] = {NULL};
    uint64_t rng = seed;
    for (unsigned i = 0; i < rounds; i++) {
        void **place = &held[mh_random_below(&rng, NHELD)];
        size_t n = mh_random_below(&rng, NSHARED);
        if (*place == NULL) {
            *place = make_object(heap, &rng);
        } else if (mh_random_below(&rng, 3) == 0) {
            *place = atomic_exchange(&shared[n], *place);
        } else if (mh_random_below(&rng, 4) == 0) {
            *place = resize_object(*place, &rng);
        } else {
            drop_object(*place);
            *place = NULL;
        }
        if (mh_random_below(&rng, 20000) == 0) {
            mheap_thread_flush();
        }
    }
    for (size_t i = 0; i < NHELD; i++) {
        drop_object(held[i]);
    }
}

static void drop_shared(void) {
    for (size_t i = 0; i < NSHARED; i++) {
        drop_object(atomic_exchange(&shared[i], NULL));
    }
}

static void *churn_until_stopped(void *arg) {
    uint64_t seed = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        churn(mheap_default(), ++seed, 2000);
    }
    return NULL;
}

static void *churn_a_little(void *arg) {
    churn(mheap_default(), (uintptr_t)arg, 300);
    return NULL;
}

// Threads that live for a moment, one after the other.
static void *start_and_join(void *arg) {
    uintptr_t seed = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += 1000;
        if (pthread_create(&thread, NULL, churn_a_little, (void *)seed) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

// What a user of statistics does, and somebody short of memory.
static void *watch(void *arg) {
    (void)arg;
    struct timespec nap = {0, 2000000};
    for (unsigned i = 0; !atomic_load(&stop); i++) {
        struct mheap_stats stats;
        struct mheap_class_stats one;
        mheap_stats(NULL, &stats);
        mheap_class_stats_get(NULL, 1 + i % 60, &one);
        if (one.used + one.cached + one.free + one.pending < one.slots) {
            atomic_fetch_add(&broken, 1);
        }
        if (i % 8 == 0) {
            mheap_release();
        }
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static void run_for_a_while(void) {
    const char *wish = getenv("MHEAP_STRESS_MS");
    long ms = wish != NULL ? atol(wish) : DEFAULT_MS;
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
    atomic_store(&stop, true);
}

// Runs a thread per entry, and the watcher, until time is up.
static void run_threads(void *(*const mains[])(void *), size_t n) {
    pthread_t threads[NTHREADS], watcher;
    atomic_store(&stop, false);
    ck_assert_int_eq(pthread_create(&watcher, NULL, watch, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        void *seed = (void *)((i + 1) * 1000003);
        ck_assert_int_eq(pthread_create(&threads[i], NULL, mains[i], seed), 0);
    }
    run_for_a_while();
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_int_eq(pthread_join(watcher, NULL), 0);
}

// Nothing is in use, cached or held back, and nothing was ever wrong.
static void check_empty(void) {
    struct mheap_stats stats;
    drop_shared();
    mheap_release(); // the side cache, too
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(atomic_load(&broken), 0);
    ck_assert_uint_eq(stats.bad_frees_total, 0);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.in_use_bytes, 0);
    ck_assert_uint_eq(stats.cached_bytes, 0);
    ck_assert_uint_eq(stats.span_free_bytes, 0);
    ck_assert_uint_eq(stats.spans, 0);
    ck_assert_uint_le(stats.caches, 2); // this thread's and the side cache
}

START_TEST(objects_survive_travelling_between_threads) {
    void *(*const mains[])(void *) = {churn_until_stopped, churn_until_stopped,
                                      churn_until_stopped, churn_until_stopped};
    run_threads(mains, 4);
    check_empty();
}
END_TEST

START_TEST(threads_that_end_leave_nothing_behind) {
    void *(*const mains[])(void *) = {start_and_join, start_and_join,
                                      start_and_join, churn_until_stopped,
                                      churn_until_stopped};
    run_threads(mains, 5);
    check_empty();
}
END_TEST

// A ring of threads: each allocates and never frees what it made itself.
static void *produce_and_consume(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    size_t mine = (uintptr_t)arg / 1000003 % 4;
    while (!atomic_load(&stop)) {
        size_t i = mh_random_below(&rng, NSHARED / 4);
        void *next = NULL, *p = make_object(mheap_default(), &rng);
        size_t to = mine * (NSHARED / 4) + i;
        if (!atomic_compare_exchange_strong(&shared[to], &next, p)) {
            mheap_free(p); // the one before has not come for it yet
        }
        size_t from = (mine + 1) % 4 * (NSHARED / 4) + i;
        drop_object(atomic_exchange(&shared[from], NULL));
    }
    return NULL;
}

START_TEST(a_ring_of_producers_and_consumers_loses_nothing) {
    void *(*const mains[])(void *) = {produce_and_consume, produce_and_consume,
                                      produce_and_consume, produce_and_consume};
    run_threads(mains, 4);
    check_empty();
}
END_TEST

// Heaps of threads' own, each destroyed by the thread that made it, full or
// empty, while other threads do the same and end.
static void *make_and_destroy_heaps(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        struct mheap *heap = mheap_create("stress");
        if (heap == NULL) {
            atomic_fetch_add(&broken, 1);
            break;
        }
        void *last = NULL;
        unsigned n = (unsigned)mh_random_below(&rng, 2000);
        for (unsigned i = 0; i < n; i++) {
            void *p = make_object(heap, &rng);
            if (i % 2 == 0) {
                drop_object(last);
            }
            last = p;
        }
        if (last != NULL && mheap_heap_of(last) != heap) {
            atomic_fetch_add(&broken, 1);
        }
        mheap_destroy(heap);
    }
    return NULL;
}

START_TEST(heaps_come_and_go_while_threads_work) {
    void *(*const mains[])(void *) = {
        make_and_destroy_heaps, make_and_destroy_heaps, make_and_destroy_heaps,
        churn_until_stopped, start_and_join};
    run_threads(mains, 5);
    check_empty();
}
END_TEST

static void *release_until_stopped(void *arg) {
    (void)arg;
    while (!atomic_load(&stop)) {
        mheap_release();
    }
    return NULL;
}

START_TEST(heaps_end_while_another_thread_gives_back) {
    void *(*const mains[])(void *) = {make_and_destroy_heaps,
                                      make_and_destroy_heaps, start_and_join,
                                      release_until_stopped};
    run_threads(mains, 4);
    check_empty();
}
END_TEST

// One heap that many threads have used and left; then it is destroyed while
// those threads flush, use other heaps and end.
static pthread_barrier_t meeting;
static struct mheap *visited;

static void *visit_and_leave(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    struct mheap *own = mheap_create("visitor");
    for (unsigned i = 0; i < 200; i++) {
        void *p = make_object(visited, &rng);
        if (i % 3 != 0) {
            drop_object(p);
        }
        drop_object(make_object(own, &rng));
    }
    pthread_barrier_wait(&meeting); // from here on it is being destroyed
    if (rng % 2 == 0) {
        mheap_thread_flush();
    }
    churn(mheap_default(), rng, 200);
    if (rng % 3 == 0) {
        drop_object(make_object(own, &rng));
    }
    mheap_destroy(own);
    return NULL;
}

START_TEST(a_heap_is_destroyed_while_its_visitors_leave) {
    pthread_t threads[NTHREADS];
    unsigned rounds = MH_SANITIZED ? 40 : 200;
    ck_assert_int_eq(pthread_barrier_init(&meeting, NULL, NTHREADS + 1), 0);
    for (unsigned round = 0; round < rounds; round++) {
        visited = mheap_create("visited");
        ck_assert_ptr_nonnull(visited);
        for (size_t i = 0; i < NTHREADS; i++) {
            void *seed = (void *)(uintptr_t)(round * 100 + i);
            ck_assert_int_eq(
                pthread_create(&threads[i], NULL, visit_and_leave, seed), 0);
        }
        pthread_barrier_wait(&meeting);
        mheap_destroy(visited);
        for (size_t i = 0; i < NTHREADS; i++) {
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        }
    }
    check_empty();
}
END_TEST

// Threads that free in destructors which run after the heap's own.
static pthread_key_t late;

static void free_late(void *p) {
    static MH_THREAD_LOCAL unsigned rounds;
    drop_object(p);
    if (++rounds < LATE_ROUNDS) {
        uint64_t rng = rounds;
        void *next = make_object(mheap_default(), &rng);
        pthread_setspecific(late, atomic_exchange(&shared[rounds], next));
    }
}

static void *leave_something_for_later(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    churn(mheap_default(), rng, 100);
    pthread_setspecific(late, make_object(mheap_default(), &rng));
    return NULL;
}

static void *start_late_ones(void *arg) {
    uintptr_t seed = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += 1000;
        if (pthread_create(&thread, NULL, leave_something_for_later,
                           (void *)seed) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

START_TEST(threads_past_their_destructors_are_served) {
    void *(*const mains[])(void *) = {start_late_ones, start_late_ones,
                                      churn_until_stopped, start_late_ones};
    // The heap's own key is the older one: its destructor comes first.
    ck_assert_ptr_nonnull(mheap_default());
    ck_assert_int_eq(pthread_key_create(&late, free_late), 0);
    run_threads(mains, 4);
    // What the side cache holds is nobody's: it stays until it is used again.
    struct mheap_stats stats;
    drop_shared();
    mheap_release(); // the side cache, too
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.bad_frees_total, 0);
    ck_assert_uint_eq(atomic_load(&broken), 0);
}
END_TEST

// Of two threads that free the same object exactly one is told off, while the
// owner goes on taking in what they free.
static _Atomic(void *) twice[2];
static pthread_barrier_t both;
static atomic_uint ndone;

static void *free_what_is_given(void *arg) {
    size_t i = (uintptr_t)arg;
    for (;;) {
        pthread_barrier_wait(&both);
        void *p = atomic_load(&twice[i]);
        if (p == NULL) {
            return NULL;
        }
        mheap_free(p);
        atomic_fetch_add(&ndone, 1);
    }
}

START_TEST(of_two_threads_that_free_one_object_one_is_caught) {
    unsigned rounds = MH_SANITIZED ? 500 : 3000;
    uint64_t rng = 5;
    pthread_t threads[2];
    mheap_option_set(MHEAP_OPTION_BAD_FREE, MHEAP_ON_BAD_FREE_COUNT);
    ck_assert_int_eq(pthread_barrier_init(&both, NULL, 3), 0);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, free_what_is_given, (void *)i),
            0);
    }
    void *keep = mheap_malloc(MH_SELF_MIN); // so that its span stays
    for (unsigned round = 1; round <= rounds; round++) {
        void *p = round % 2 == 0 ? make_object(mheap_default(), &rng)
                                 : mheap_malloc(MH_SELF_MIN);
        atomic_store(&twice[0], p);
        atomic_store(&twice[1], p);
        atomic_store(&ndone, 0);
        pthread_barrier_wait(&both);
        while (atomic_load(&ndone) < 2) {
            mheap_thread_flush();
        }
        // A free that passed the call, drained between its look and its OR, is
        // told off when its own bit is taken in.
        mheap_thread_flush();
        struct mheap_stats stats;
        mheap_stats(NULL, &stats);
        ck_assert_uint_eq(stats.bad_frees_total, round);
        ck_assert_uint_eq(stats.in_use_objects, 1);
    }
    mheap_free(keep);
    atomic_store(&twice[0], NULL);
    atomic_store(&twice[1], NULL);
    pthread_barrier_wait(&both);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    mheap_thread_flush();
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
}
END_TEST

// The scavenger's thread, with rounds a millisecond apart, beside threads that
// work, stand still, and are worked for: everything it takes, pages, page
// caches and spans of threads that stand still, is also theirs.
enum { NWORKERS = 4, NPASSED = 256 };

static _Atomic(void *) passed[NPASSED];

static void *work_and_rest(void *arg) {
    uint64_t rng = (uintptr_t)arg;
    unsigned passes = MH_SANITIZED ? 60 : 400;
    for (unsigned pass = 0; pass < passes; pass++) {
        for (unsigned i = 0; i < 300; i++) {
            void *p = make_object(mheap_default(), &rng);
            size_t at = mh_random_below(&rng, NPASSED);
            drop_object(atomic_exchange(&passed[at], p));
        }
        if (pass % 8 == 0) { // a wave of its own
            char *large = mheap_malloc((size_t)3 << 20);
            large[0] = large[((size_t)3 << 20) - 1] = 1;
            mheap_free(large);
        }
        if (mh_random_below(&rng, 4) == 0) {
            usleep(3000); // while others free what is here
        }
    }
    return NULL;
}

START_TEST(the_scavenger_takes_nothing_that_is_needed) {
    pthread_t threads[NWORKERS];
    mh_scavenger.period_ns = 1000 * 1000;
    mheap_option_set(MHEAP_OPTION_SCAVENGER, MHEAP_SCAVENGER_THREAD);
    mheap_free(mheap_malloc((size_t)32 << 20)); // large enough for a thread
    for (uintptr_t i = 0; i < NWORKERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work_and_rest,
                                        (void *)(i * 7 + 1)),
                         0);
    }
    for (size_t i = 0; i < NWORKERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_uint_ge(MH_LOAD_RELAXED(&mh_scavenger.state), MH_SCAV_AWAKE);
    ck_assert_uint_gt(MH_LOAD_RELAXED(&mh_scavenger.rounds), 10);
    for (size_t i = 0; i < NPASSED; i++) {
        drop_object(atomic_exchange(&passed[i], NULL));
    }
    mh_lock(&mh_scavenger.lock); // it is at rest
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.bad_frees_total, 0);
    ck_assert_int_eq(mheap_check(mheap_default()), 0);
    mh_unlock(&mh_scavenger.lock);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("threads_stress");
    TCase *tcase = tcase_create("threads");
    tcase_add_test(tcase, objects_survive_travelling_between_threads);
    tcase_add_test(tcase, threads_that_end_leave_nothing_behind);
    tcase_add_test(tcase, a_ring_of_producers_and_consumers_loses_nothing);
    tcase_add_test(tcase, heaps_come_and_go_while_threads_work);
    tcase_add_test(tcase, heaps_end_while_another_thread_gives_back);
    tcase_add_test(tcase, a_heap_is_destroyed_while_its_visitors_leave);
    tcase_add_test(tcase, threads_past_their_destructors_are_served);
    tcase_add_test(tcase, of_two_threads_that_free_one_object_one_is_caught);
    tcase_add_test(tcase, the_scavenger_takes_nothing_that_is_needed);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
