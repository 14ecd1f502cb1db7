// lock_test.c - one thread at a time, in the order of ranks, and across forks.

#include <errno.h>
#include <pthread.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/sys/lock.h"
#include "core/sys/thread.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

enum { NTHREADS = 4, NROUNDS = 50000 };

static struct mh_lock heap_lock = MH_LOCK_INIT(MH_RANK_HEAP);
static struct mh_lock central_lock = MH_LOCK_INIT(MH_RANK_CENTRAL);
static struct mh_lock other_central = MH_LOCK_INIT(MH_RANK_CENTRAL);

// Plain, so that a lock that does not exclude loses updates.
static volatile uint64_t counter;
static volatile bool inside;

static void *count_up(void *arg) {
    (void)arg;
    for (int i = 0; i < NROUNDS; i++) {
        mh_lock(&heap_lock);
        ck_assert(!inside);
        inside = true;
        counter++;
        inside = false;
        mh_unlock(&heap_lock);
    }
    return NULL;
}

START_TEST(only_one_thread_is_inside_at_a_time) {
    pthread_t threads[NTHREADS];

    for (int i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
    }
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(counter, NTHREADS * NROUNDS);
    ck_assert_uint_eq(heap_lock.taken, NTHREADS * NROUNDS);
    ck_assert_uint_le(heap_lock.contended, heap_lock.taken);
    ck_assert(!mh_lock_is_held(&heap_lock));
}
END_TEST

static void *take_once(void *arg) {
    mh_lock(&heap_lock);
    MH_STORE_RELEASE((bool *)arg, true);
    mh_unlock(&heap_lock);
    return NULL;
}

START_TEST(a_sleeper_is_counted_and_woken_by_the_unlock) {
    bool taken = false;
    pthread_t thread;

    mh_lock(&heap_lock);
    ck_assert_int_eq(pthread_create(&thread, NULL, take_once, &taken), 0);
    while (MH_LOAD_RELAXED(&heap_lock.waits) == 0) {
        mh_thread_yield();
    }
    ck_assert(!MH_LOAD_ACQUIRE(&taken));
    mh_unlock(&heap_lock);
    pthread_join(thread, NULL);
    ck_assert(taken);
    ck_assert_uint_eq(heap_lock.waits, 1);
    ck_assert_uint_eq(heap_lock.taken, 2);
    ck_assert_uint_eq(heap_lock.contended, 1);
}
END_TEST

START_TEST(a_lock_nobody_wants_counts_no_waits) {
    for (int i = 0; i < 100; i++) {
        mh_lock(&heap_lock);
        mh_unlock(&heap_lock);
    }
    ck_assert_uint_eq(heap_lock.waits, 0);
    ck_assert_uint_eq(heap_lock.contended, 0);
}
END_TEST

START_TEST(each_taking_is_counted_in_the_lock_that_was_taken) {
    for (unsigned i = 1; i <= 100; i++) {
        mh_lock(&central_lock);
        ck_assert_uint_eq(central_lock.taken, i); // while it is held
        mh_lock_same(&other_central);
        mh_unlock(&other_central);
        mh_unlock(&central_lock);
    }
    ck_assert_uint_eq(central_lock.taken, 100);
    ck_assert_uint_eq(other_central.taken, 100);
    ck_assert_uint_eq(heap_lock.taken, 0);
}
END_TEST

START_TEST(the_count_lies_in_the_cache_line_of_the_lock) {
    struct {
        uint64_t something;
        struct mh_lock lock;
    } places[8];
    for (int i = 0; i < 8; i++) {
        uintptr_t word = (uintptr_t)&places[i].lock.word;
        uintptr_t last = (uintptr_t)(&places[i].lock.taken + 1) - 1;
        ck_assert_uint_eq(word / MH_CACHE_LINE, last / MH_CACHE_LINE);
    }
}
END_TEST

START_TEST(reset_keeps_the_counts) {
    mh_lock(&heap_lock);
    mh_lock_reset(&heap_lock);
    ck_assert_uint_eq(heap_lock.taken, 1);
}
END_TEST

START_TEST(zeroed_memory_with_a_rank_is_a_free_lock) {
    struct mh_lock lock;
    memset(&lock, 0, sizeof(lock));
    lock.rank = MH_RANK_ARENAS;
    ck_assert(!mh_lock_is_held(&lock));
    mh_lock(&lock);
    ck_assert(mh_lock_is_held(&lock));
    mh_unlock(&lock);
}
END_TEST

START_TEST(init_makes_a_free_lock_of_any_memory) {
    struct mh_lock lock;
    memset(&lock, 0xa5, sizeof(lock));
    mh_lock_init(&lock, MH_RANK_FIXALLOC);
    ck_assert(!mh_lock_is_held(&lock));
    ck_assert_uint_eq(lock.taken, 0);
    ck_assert_uint_eq(lock.contended, 0);
    ck_assert_uint_eq(lock.waits, 0);
    mh_lock(&lock);
    mh_unlock(&lock);
}
END_TEST

START_TEST(locking_keeps_errno) {
    errno = 1234;
    mh_lock(&heap_lock);
    mh_unlock(&heap_lock);
    ck_assert_int_eq(errno, 1234);
}
END_TEST

START_TEST(fork_may_take_more_locks_of_the_same_rank) {
    mh_lock(&central_lock);
    mh_lock_same(&other_central);
    mh_lock(&heap_lock);
    mh_unlock(&heap_lock);
    mh_unlock(&other_central);
    mh_unlock(&central_lock);
}
END_TEST

// The child inherits locks that its parent's fork handler took, and a lock that
// a thread held which no longer exists.
#if MH_HAVE_FORK
static void use_locks_in_child(void) {
    mh_lock_reset(&heap_lock);
    mh_lock_reset(&central_lock);
    mh_lock(&central_lock);
    mh_lock(&heap_lock);
    mh_unlock(&heap_lock);
    mh_unlock(&central_lock);
}

START_TEST(reset_frees_locks_in_the_child_of_a_fork) {
    int status;

    mh_lock(&central_lock);
    mh_lock(&heap_lock);
    pid_t child = fork();
    if (child == 0) {
        use_locks_in_child();
        _exit(42);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST
#endif

#if MH_DEBUG_LEVEL >= 1
static void take_a_lower_rank(void) {
    mh_lock(&heap_lock);
    mh_lock(&central_lock);
}

START_TEST(taking_a_lower_rank_stops_the_program) {
    mh_expect_fatal(take_a_lower_rank, "mheap: fatal: lock rank: taking ");
}
END_TEST

static void take_the_same_rank(void) {
    mh_lock(&central_lock);
    mh_lock(&other_central);
}

START_TEST(taking_the_same_rank_stops_the_program) {
    mh_expect_fatal(take_the_same_rank, "mheap: fatal: lock rank: taking ");
}
END_TEST

static void same_under_a_higher_rank(void) {
    mh_lock(&heap_lock);
    mh_lock_same(&central_lock);
}

START_TEST(one_more_of_a_rank_under_a_higher_one_stops_the_program) {
    mh_expect_fatal(same_under_a_higher_rank,
                    "mheap: fatal: lock rank: taking ");
}
END_TEST

static void let_go_under_a_higher_rank(void) {
    mh_lock(&central_lock);
    mh_lock(&heap_lock);
    mh_unlock(&central_lock);
}

START_TEST(letting_go_of_a_lock_under_a_higher_rank_stops_the_program) {
    mh_expect_fatal(let_go_under_a_higher_rank,
                    "mheap: fatal: lock rank: letting go of ");
}
END_TEST

static void unlock_what_is_free(void) {
    mh_unlock(&heap_lock);
}

START_TEST(unlocking_a_free_lock_stops_the_program) {
    mh_expect_fatal(unlock_what_is_free, "mheap: fatal: check failed");
}
END_TEST

static void *lock_central(void *arg) {
    (void)arg;
    mh_lock(&central_lock);
    mh_unlock(&central_lock);
    return NULL;
}

START_TEST(ranks_are_of_each_thread) {
    pthread_t thread;
    mh_lock(&heap_lock);
    ck_assert_int_eq(pthread_create(&thread, NULL, lock_central, NULL), 0);
    pthread_join(thread, NULL);
    mh_unlock(&heap_lock);
}
END_TEST
#endif

int main(void) {
    Suite *suite = suite_create("lock");

    TCase *threads = tcase_create("threads");
    tcase_add_test(threads, only_one_thread_is_inside_at_a_time);
    tcase_add_test(threads, a_sleeper_is_counted_and_woken_by_the_unlock);
    suite_add_tcase(suite, threads);

    TCase *one = tcase_create("one thread");
    tcase_add_test(one, a_lock_nobody_wants_counts_no_waits);
    tcase_add_test(one, each_taking_is_counted_in_the_lock_that_was_taken);
    tcase_add_test(one, the_count_lies_in_the_cache_line_of_the_lock);
    tcase_add_test(one, reset_keeps_the_counts);
    tcase_add_test(one, zeroed_memory_with_a_rank_is_a_free_lock);
    tcase_add_test(one, init_makes_a_free_lock_of_any_memory);
    tcase_add_test(one, locking_keeps_errno);
    tcase_add_test(one, fork_may_take_more_locks_of_the_same_rank);
#if MH_HAVE_FORK
    tcase_add_test(one, reset_frees_locks_in_the_child_of_a_fork);
#else
    mh_leave_out(reset_frees_locks_in_the_child_of_a_fork, "needs fork");
#endif
    suite_add_tcase(suite, one);

#if MH_DEBUG_LEVEL >= 1
    TCase *ranks = tcase_create("ranks");
    tcase_add_test(ranks, taking_a_lower_rank_stops_the_program);
    tcase_add_test(ranks, taking_the_same_rank_stops_the_program);
    tcase_add_test(ranks,
                   letting_go_of_a_lock_under_a_higher_rank_stops_the_program);
    tcase_add_test(ranks,
                   one_more_of_a_rank_under_a_higher_one_stops_the_program);
    tcase_add_test(ranks, unlocking_a_free_lock_stops_the_program);
    tcase_add_test(ranks, ranks_are_of_each_thread);
    suite_add_tcase(suite, ranks);
#endif
    return mh_test_main(suite);
}
