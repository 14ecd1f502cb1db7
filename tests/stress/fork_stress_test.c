// fork_stress_test.c - forks while threads are in the middle of everything.
//
// Threads allocate small and large, free each other's objects, resize, take
// pages, make and destroy heaps and end. Meanwhile the main thread forks, again
// and again. Each child looks whether what it inherited is whole: invariants,
// statistics, every page accounted for, its own objects; then it works, starts
// a thread and forks once more.

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/heap/cache.h"
#include "core/sys/thread.h"
#include "mheap/mheap.h"
#include "tests/support/books.h"
#include "tests/support/objects.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

enum {
    NTHREADS = 4,
    NKEPT = 500,   // of the main thread, verified in each child
    NSHARED = 256, // passed around by the others
    CHILD_SECONDS = 60,
    DEFAULT_MS = 2500,
};

static void *kept[NKEPT];
static _Atomic(void *) shared[NSHARED];
static atomic_bool stop;
static struct mheap *second; // used by all threads, next to the default heap

// In a child nothing of Check works: say it and exit.
static void die(const char *what) {
    fprintf(stderr, "fork_stress: in a child: %s\n", what);
    _exit(1);
}

static void *make(uint64_t *rng) {
    unsigned log2 = mh_random_below(rng, 16) == 0 ? 19 : 11;
    size_t size = MH_SELF_MIN + mh_random_size(rng, log2);
    struct mheap *heap =
        mh_random_below(rng, 4) == 0 ? second : mheap_default();
    void *p = mheap_alloc_in(heap, size);
    if (p == NULL) {
        die("out of memory");
    }
    mh_self_fill(p, size, mh_random(rng));
    return p;
}

static void drop(void *p) {
    if (p != NULL) {
        if (!mh_self_holds(p)) {
            die("an object lost its contents");
        }
        mheap_free(p);
    }
}

static void *resize(void *p, uint64_t *rng) {
    if (p != NULL) {
        size_t size = MH_SELF_MIN + mh_random_size(rng, 18);
        p = mheap_realloc(p, size);
        mh_self_fill(p, size, mh_random(rng));
    }
    return p;
}

static void churn(uint64_t seed, unsigned rounds) {
    uint64_t rng = seed;
    for (unsigned i = 0; i < rounds; i++) {
        _Atomic(void *) *place = &shared[mh_random_below(&rng, NSHARED)];
        switch (mh_random_below(&rng, 64)) {
        case 0: {
            void *pages = mheap_pages_alloc(second, 1 + i % 20);
            mheap_pages_free(pages);
            break;
        }
        case 1: {
            struct mheap *heap = mheap_create("short");
            mheap_free(mheap_alloc_in(heap, 100));
            mheap_destroy(heap);
            break;
        }
        case 2:
            mheap_thread_flush();
            break;
        case 3:
        case 4:
            drop(atomic_exchange(place,
                                 resize(atomic_exchange(place, NULL), &rng)));
            break;
        default:
            drop(atomic_exchange(place, make(&rng)));
        }
    }
}

static void *churn_a_little(void *arg) {
    churn((uintptr_t)arg, 200);
    return NULL;
}

static void *storm(void *arg) {
    uintptr_t seed = (uintptr_t)arg;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        seed += 1000;
        if (pthread_create(&thread, NULL, churn_a_little, (void *)seed) == 0) {
            churn(seed + 1, 200);
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

static void check_books(const char *when) {
    struct mheap *heaps[] = {mheap_default(), second};
    for (size_t i = 0; i < 2; i++) {
        const char *wrong = mh_books_wrong(heaps[i]);
        if (wrong != NULL) {
            fprintf(stderr, "fork_stress: %s, heap %zu: %s\n", when, i, wrong);
            _exit(1);
        }
    }
}

static void wait_for_grandchild(pid_t child) {
    int status = -1;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0) {
        die("a grandchild failed");
    }
}

static void work_in_a_child(unsigned n) {
    alarm(CHILD_SECONDS);
    check_books("after the fork");
    for (size_t i = n % 3; i < NKEPT; i += 3) {
        drop(kept[i]);
        kept[i] = NULL;
    }
    churn(n, 300);
    // The sanitizers' own allocator, which starting a thread uses, may have had
    // its locks taken in the fork.
    pthread_t thread;
    void *seed = (void *)(uintptr_t)n;
    if (MH_SANITIZED) {
        churn(n + 1, 300);
    } else if (pthread_create(&thread, NULL, churn_a_little, seed) != 0 ||
               pthread_join(thread, NULL) != 0) {
        die("no thread");
    }
    mheap_release();
    check_books("after work");
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    if (stats.bad_frees_total != 0) {
        die("bad frees");
    }
}

static void be_a_child(unsigned n) {
    work_in_a_child(n);
    if (n % 8 == 0) {
        pid_t child = fork();
        if (child == 0) {
            work_in_a_child(n + 1);
            _exit(0);
        }
        wait_for_grandchild(child);
    }
    _exit(0);
}

static bool time_is_up(const struct timespec *start) {
    const char *wish = getenv("MHEAP_STRESS_MS");
    long ms = wish != NULL ? atol(wish) : DEFAULT_MS;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000 +
               (now.tv_nsec - start->tv_nsec) / 1000000 >=
           ms;
}

START_TEST(a_child_of_a_storm_is_whole) {
    pthread_t threads[NTHREADS];
    uint64_t rng = 1;
    second = mheap_create("second");
    ck_assert_ptr_nonnull(second);
    for (size_t i = 0; i < NKEPT; i++) {
        kept[i] = make(&rng);
    }
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, storm, (void *)(i * 7777)), 0);
    }
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned n = 0; n < 20 || !time_is_up(&start); n++) {
        int status = -1;
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            be_a_child(n);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                      "child %u ended with 0x%x", n, status);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < NKEPT; i++) {
        drop(kept[i]);
    }
    for (size_t i = 0; i < NSHARED; i++) {
        drop(atomic_exchange(&shared[i], NULL));
    }
    check_books("at the end");
    mheap_thread_flush();
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    ck_assert_uint_eq(stats.in_use_objects, 0);
    ck_assert_uint_eq(stats.bad_frees_total, 0);
}
END_TEST

START_TEST(a_cache_has_the_number_of_its_thread_in_the_child) {
    mheap_free(mheap_malloc(100));
    int status = -1;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        _exit(mh_tls_get()->thread == mh_thread_id() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fork_stress");
    TCase *tcase = tcase_create("fork");
    tcase_add_test(tcase, a_child_of_a_storm_is_whole);
    tcase_add_test(tcase, a_cache_has_the_number_of_its_thread_in_the_child);
    suite_add_tcase(suite, tcase);
    return mh_test_main(suite);
}
