// os_lock_test.c - the lock over each backend's wait and wake.
//
// unit.lock has the rules; here many threads sleep and must all be woken, and a
// word that two threads take at once would show as a lost count.

#include <pthread.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/sys/lock.h"
#include "core/sys/thread.h"
#include "tests/support/test_main.h"

enum { NTHREADS = 4, NROUNDS = 2000 * 1000, NSLEEPERS = 8 };

static struct mh_lock lock = MH_LOCK_INIT(MH_RANK_HEAP);
static uint64_t counter; // plain: the lock is what makes it exact
static uint32_t go;

static void *count_up(void *arg) {
    (void)arg;
    while (MH_LOAD_ACQUIRE(&go) == 0) {
        mh_thread_yield();
    }
    for (int i = 0; i < NROUNDS; i++) {
        mh_lock(&lock);
        counter++;
        mh_unlock(&lock);
    }
    return NULL;
}

START_TEST(no_count_is_lost_among_threads_that_race) {
    pthread_t threads[NTHREADS];

    for (int i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    MH_STORE_RELEASE(&go, 1);
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(counter, (uint64_t)NTHREADS * NROUNDS);
    ck_assert(!mh_lock_is_held(&lock));
}
END_TEST

static void *sleep_once(void *arg) {
    (void)arg;
    mh_lock(&lock);
    counter++;
    mh_unlock(&lock);
    return NULL;
}

START_TEST(every_sleeper_is_woken_in_the_end) {
    pthread_t threads[NSLEEPERS];

    mh_lock(&lock);
    for (int i = 0; i < NSLEEPERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sleep_once, NULL),
                         0);
    }
    while (MH_LOAD_RELAXED(&lock.waits) < NSLEEPERS) {
        mh_thread_yield();
    }
    usleep(20 * 1000); // they have counted themselves and now sleep
    mh_unlock(&lock);
    for (int i = 0; i < NSLEEPERS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(counter, NSLEEPERS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_lock");
    TCase *threads = tcase_create("threads");

    tcase_add_test(threads, no_count_is_lost_among_threads_that_race);
    tcase_add_test(threads, every_sleeper_is_woken_in_the_end);
    suite_add_tcase(suite, threads);
    return mh_test_main(suite);
}
