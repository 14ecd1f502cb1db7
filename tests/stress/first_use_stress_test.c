// first_use_stress_test.c - several threads are the first to use the heap.
//
// The threads exist before the library has been called at all, as in a program
// that is linked to it beside another malloc. Each round is a process of its
// own.

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mheap/mheap.h"
#include "mheap/stats.h"
#include "tests/support/sanitized.h"
#include "tests/support/test_main.h"

// ThreadSanitizer needs no luck to see a race, and 0.2 s for a round.
enum { NTHREADS = 8, ROUNDS = MH_SANITIZED ? 100 : 400 };

static pthread_key_t key; // the program's own, and its first
static pthread_barrier_t start;
static atomic_int wrong;

// Nobody gave the key a value, so this is the destructor of somebody else's.
static void never(void *value) {
    (void)value;
    atomic_fetch_add(&wrong, 1);
}

static void *use(void *arg) {
    (void)arg;
    pthread_barrier_wait(&start);
    void *p = mheap_malloc(100);
    if (p == NULL || pthread_getspecific(key) != NULL) {
        atomic_fetch_add(&wrong, 1);
    }
    mheap_free(p);
    return NULL;
}

static bool race(uint64_t side_caches) {
    pthread_t threads[NTHREADS];
    if (pthread_key_create(&key, never) != 0 ||
        pthread_barrier_init(&start, NULL, NTHREADS) != 0) {
        return false;
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        if (pthread_create(&threads[i], NULL, use, NULL) != 0) {
            return false;
        }
    }
    for (unsigned i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    // What the threads had went back when they ended; a heap keeps its side
    // cache.
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    return atomic_load(&wrong) == 0 && stats.caches <= side_caches &&
           mheap_check(mheap_default()) == 0;
}

START_TEST(all_of_them_get_memory_and_a_thread_exit) {
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            // In every other round all threads have caches of their own.
            uint64_t shared = round % 2;
            if (shared == 0) {
                mheap_option_set(MHEAP_OPTION_FIRST_OBJECTS, 0);
            }
            _exit(race(shared) ? 0 : 1);
        }
        int status = 0;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("first_use");
    TCase *first = tcase_create("first");
    tcase_add_test(first, all_of_them_get_memory_and_a_thread_exit);
    suite_add_tcase(suite, first);
    return mh_test_main(suite);
}
