// heap_regress_test.c - mistakes that were made once, heap by heap.

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/heap/heap.h"
#include "mheap/mheap.h"
#include "mheap/stats.h"
#include "platform/sim/sim.h"
#include "tests/support/books.h"
#include "tests/support/test_main.h"

enum { N = 200, SIZE = 64 };

static void *objects[N];
static pthread_barrier_t stopped;

static void fill(void) {
    for (size_t i = 0; i < N; i++) {
        objects[i] = mheap_malloc(SIZE);
        ck_assert_ptr_nonnull(objects[i]);
    }
}

static MH_NORETURN void *free_one_and_stop(void *arg) {
    mheap_free(arg);
    pthread_barrier_wait(&stopped);
    for (;;) {
        pause();
    }
}

static void require_child(bool (*child)(void)) {
    int status = -1;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        alarm(20);
        _exit(child() ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == 0, "the child ended with 0x%x", status);
}

static bool empties_the_heap(void) {
    for (size_t i = 0; i < N; i++) {
        mheap_free(objects[i]);
    }
    mheap_thread_flush();
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    return stats.spans == 0 && stats.in_use_objects == 0 &&
           mh_books_wrong(mheap_default()) == NULL;
}

// A thread that only frees has no cache to be known by.
START_TEST(a_child_repairs_what_a_thread_without_a_cache_half_told) {
    pthread_t thread;
    fill();
    void *theirs = objects[N - 1];
    objects[N - 1] = NULL;
    ck_assert_int_eq(pthread_barrier_init(&stopped, NULL, 2), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, free_one_and_stop, theirs),
                     0);
    pthread_barrier_wait(&stopped);
    // As if it had stopped between raising told and pushing the span.
    struct mh_cache *cache = mh_tls_get();
    mh_cache_drain_told(cache);
    mh_arena_span_at((uintptr_t)objects[0])->owner_told |= 1;
    require_child(empties_the_heap);
}
END_TEST

START_TEST(a_destroyed_heap_counts_what_went_with_it_as_freed) {
    struct mheap *heap = mheap_create("counted");
    for (size_t i = 0; i < N; i++) {
        ck_assert_ptr_nonnull(mheap_alloc_in(heap, 1000));
    }
    ck_assert_ptr_nonnull(mheap_alloc_in(heap, 100000));
    ck_assert_ptr_nonnull(mheap_alloc_in(heap, 200000));
    ck_assert_ptr_nonnull(mheap_pages_alloc(heap, 3));
    const struct mh_heap_counts *counts = &heap->counts;
    ck_assert_uint_eq(counts->large_allocs, 2);
    mheap_destroy(heap);
    ck_assert_uint_eq(counts->large_frees, counts->large_allocs);
    ck_assert_uint_eq(counts->large_free_bytes, counts->large_alloc_bytes);
    ck_assert_uint_eq(counts->spans_freed, counts->spans_made);
}
END_TEST

static void require_shrunk(unsigned char *p, size_t size) {
    errno = 77;
    unsigned char *shrunk = mheap_realloc(p, size);
    ck_assert_ptr_nonnull(shrunk);
    ck_assert_int_eq(errno, 77);
    for (size_t i = 0; i < size; i++) {
        ck_assert_uint_eq(shrunk[i], 5);
    }
    mheap_free_sized(shrunk, size); // no wrong size
}

START_TEST(an_object_shrinks_when_there_is_no_memory_at_all) {
    unsigned char *small = mheap_malloc(20000);
    unsigned char *large = mheap_malloc(100000);
    memset(small, 5, 20000);
    memset(large, 5, 100000);
    mh_sim_fail_from(1);
    while (mheap_malloc(50) != NULL) {
    }
    while (mheap_malloc(1500) != NULL) {
    }
    require_shrunk(small, 50);
    require_shrunk(large, 1500);
    ck_assert_uint_eq(mh_sim_failures(MH_SIM_NCALLS) > 0, true);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("heap_regress");
    TCase *forks = tcase_create("fork");
    tcase_add_test(forks,
                   a_child_repairs_what_a_thread_without_a_cache_half_told);
    suite_add_tcase(suite, forks);
    TCase *heaps = tcase_create("heap");
    tcase_add_test(heaps, a_destroyed_heap_counts_what_went_with_it_as_freed);
    tcase_add_test(heaps, an_object_shrinks_when_there_is_no_memory_at_all);
    suite_add_tcase(suite, heaps);
    return mh_test_main(suite);
}
