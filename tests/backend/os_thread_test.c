// os_thread_test.c - what every backend promises of threads: waiting, clocks,
// first questions, ends, and threads of the library's own.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/atomic.h"
#include "core/sys/sys.h"
#include "platform/os.h"
#include "platform/os_thread.h"
#include "tests/support/emulated.h"
#include "tests/support/test_main.h"

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

// Waiting -----------------------------------------------------------------

static uint32_t word;
static uint32_t nwoken;

static void *wait_for_change(void *arg) {
    (void)arg;
    while (MH_LOAD_ACQUIRE(&word) == 0) {
        mh_os_wait(&word, 0);
    }
    MH_ADD_RELAXED(&nwoken, 1);
    return NULL;
}

START_TEST(waiting_for_what_has_happened_returns_at_once) {
    word = 5;
    errno = 1234;
    mh_os_wait(&word, 4);
    ck_assert_int_eq(errno, 1234);
}
END_TEST

START_TEST(wake_all_reaches_every_sleeper) {
    enum { N = 4 };
    pthread_t threads[N];
    for (int i = 0; i < N; i++) {
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, wait_for_change, NULL), 0);
    }
    usleep(20 * 1000);
    ck_assert_uint_eq(MH_LOAD_RELAXED(&nwoken), 0);
    MH_STORE_RELEASE(&word, 1);
    mh_os_wake(&word, true);
    for (int i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
    }
    ck_assert_uint_eq(nwoken, N);
}
END_TEST

START_TEST(one_wake_is_enough_for_one_sleeper) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_change, NULL), 0);
    usleep(20 * 1000);
    MH_STORE_RELEASE(&word, 1);
    errno = 1234;
    mh_os_wake(&word, false);
    ck_assert_int_eq(errno, 1234);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(the_clock_goes_forward_in_nanoseconds) {
    uint64_t before = mh_os_now_ns();
    usleep(20 * 1000);
    uint64_t after = mh_os_now_ns();
    ck_assert_uint_ge(after - before, 19 * 1000 * 1000);
    ck_assert_uint_lt(after - before, UINT64_C(20) * 1000 * 1000 * 1000);
    mh_os_yield();
    ck_assert_uint_ge(mh_os_now_ns(), after);
}
END_TEST

// The facts of core/sys are found without a lock.
enum { NTHREADS = 40 }; // more than may ask the system at once

static uint32_t go, nseen;
static const struct mh_os_facts *seen[NTHREADS];

static void *find_facts(void *arg) {
    (void)arg;
    while (MH_LOAD_ACQUIRE(&go) == 0) {
        mh_os_yield();
    }
    const struct mh_os_facts *facts = mh_sys_facts();
    seen[MH_ADD_RELAXED(&nseen, 1)] = facts;
    return NULL;
}

START_TEST(those_that_are_first_agree_on_the_facts) {
    pthread_t threads[NTHREADS];

    for (int i = 0; i < NTHREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, find_facts, NULL),
                         0);
    }
    MH_STORE_RELEASE(&go, 1);
    for (int i = 0; i < NTHREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < NTHREADS; i++) {
        ck_assert_ptr_eq(seen[i], mh_sys_facts());
    }
    ck_assert_uint_ge(seen[0]->page_size, 4096);
}
END_TEST

// Threads -----------------------------------------------------------------

static void *store_id(void *arg) {
    *(uint64_t *)arg = mh_os_thread_id();
    return NULL;
}

START_TEST(threads_have_different_ids) {
    uint64_t other = 0;
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, store_id, &other), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_ne(other, 0);
    ck_assert_uint_ne(other, mh_os_thread_id());
    ck_assert_uint_eq(mh_os_thread_id(), mh_os_thread_id());
}
END_TEST

static char order[64]; // what happened, one letter each
static uint32_t norder;
static pthread_key_t user_key;
static int user_rounds;

static void note(char letter) {
    order[MH_ADD_RELAXED(&norder, 1)] = letter;
}

static void exit_hook(void *value) {
    note(*(char *)value);
}

static void user_destructor(void *value) {
    int *left = value;

    note('u');
    if (--*left > 0) {
        ck_assert_int_eq(pthread_setspecific(user_key, value), 0);
    }
}

static void *arm_and_end(void *arg) {
    if (user_rounds > 0) {
        ck_assert_int_eq(pthread_setspecific(user_key, &user_rounds), 0);
    }
    must(mh_os_arm_thread_exit(arg));
    return NULL;
}

static void run_thread(void *(*main)(void *), void *arg) {
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, main, arg), 0);
    pthread_join(thread, NULL);
}
START_TEST(the_exit_hook_runs_once_per_armed_thread_with_its_value) {
    must(mh_os_on_thread_exit(exit_hook));
    run_thread(arm_and_end, "a");
    run_thread(arm_and_end, "b");
    run_thread(store_id, &(uint64_t){0}); // not armed
    ck_assert_str_eq(order, "ab");
}
END_TEST

// A program's destructor that frees, re-arms and frees again finds the heap in
// working order each time. In the last rounds the order is the system's.
START_TEST(the_exit_hook_runs_after_the_programs_own_destructors) {
    user_rounds = 1 + _i;
    must(mh_os_on_thread_exit(exit_hook));
    ck_assert_int_eq(pthread_key_create(&user_key, user_destructor), 0);
    run_thread(arm_and_end, "h");
    ck_assert_str_eq(order, _i == 0 ? "uh" : "uuh");
}
END_TEST

static void *arm_twice(void *arg) {
    must(mh_os_arm_thread_exit(arg));
    must(mh_os_arm_thread_exit(arg));
    return NULL;
}

START_TEST(arming_twice_runs_the_hook_once) {
    must(mh_os_on_thread_exit(exit_hook));
    run_thread(arm_twice, "x");
    ck_assert_str_eq(order, "x");
}
END_TEST

#if MH_HAVE_FORK
static sigset_t blocked, mine;

static void note_signals(void) {
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
}

static void block_one(void) {
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &mine, NULL);
}

static void check_signals(void) {
    sigset_t after;

    ck_assert_int_eq(sigismember(&blocked, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&blocked, SIGUSR1), 1);
    ck_assert_int_eq(sigismember(&blocked, SIGPROF), 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert_int_eq(sigismember(&after, SIGUSR2), 1);
    ck_assert_int_eq(sigismember(&after, SIGTERM), 0);
}
#else // there are no signals to block, and maybe no threads
static void note_signals(void) {
}
static void block_one(void) {
    (void)pthread_self();
}
static void check_signals(void) {
}
#endif

static uint32_t started;
static void *started_with;

static void started_main(void *arg) {
    unsigned char on_stack[8192];

    memset(on_stack, 1, sizeof(on_stack));
    MH_FENCE_SIGNAL();
    note_signals();
    started_with = arg;
    MH_STORE_RELEASE(&started, on_stack[100]);
}

START_TEST(a_thread_of_ones_own_gets_its_argument_and_no_signals) {
    block_one();
    must(mh_os_thread_start(started_main, &started, ((size_t)1 << _i) + 1));
    while (MH_LOAD_ACQUIRE(&started) == 0) {
        mh_os_yield();
    }
    ck_assert_ptr_eq(started_with, &started);
    check_signals();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("os_thread");

    TCase *waiting = tcase_create("waiting");
    tcase_add_test(waiting, waiting_for_what_has_happened_returns_at_once);
    tcase_add_test(waiting, wake_all_reaches_every_sleeper);
    tcase_add_test(waiting, one_wake_is_enough_for_one_sleeper);
    tcase_add_test(waiting, the_clock_goes_forward_in_nanoseconds);
    suite_add_tcase(suite, waiting);

    TCase *threads = tcase_create("threads");
    tcase_add_loop_test(threads, those_that_are_first_agree_on_the_facts, 0,
                        mh_test_rounds(20, 4));
    tcase_add_test(threads, threads_have_different_ids);
    tcase_add_test(threads,
                   the_exit_hook_runs_once_per_armed_thread_with_its_value);
    tcase_add_loop_test(
        threads, the_exit_hook_runs_after_the_programs_own_destructors, 0, 2);
    tcase_add_test(threads, arming_twice_runs_the_hook_once);
    // From two bytes to 256 KiB: what does not suit the system is made larger.
    tcase_add_loop_test(
        threads, a_thread_of_ones_own_gets_its_argument_and_no_signals, 0, 19);
    suite_add_tcase(suite, threads);
    return mh_test_main(suite);
}
