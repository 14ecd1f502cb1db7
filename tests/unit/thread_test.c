// thread_test.c - threads, exits, forks and last words as the core sees them.

#include <pthread.h>
#include <string.h>
#if MH_HAVE_FORK
#    include <sys/wait.h>
#endif
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/atomic.h"
#include "core/sys/thread.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static uint64_t ended_with;

static void exit_hook(void *value) {
    MH_STORE_RELEASE(&ended_with, (uint64_t)(uintptr_t)value);
}

static void *arm(void *arg) {
    ck_assert_int_eq(mh_thread_arm_exit(arg), MH_OK);
    return NULL;
}

START_TEST(an_armed_thread_tells_of_its_end) {
    pthread_t thread;
    int value;

    ck_assert_int_eq(mh_thread_on_exit(exit_hook), MH_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, arm, &value), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(ended_with, (uint64_t)(uintptr_t)&value);
}
END_TEST

static uint64_t started_id;

static void note_id(void *arg) {
    MH_STORE_RELEASE((uint64_t *)arg, mh_thread_id());
}

START_TEST(a_started_thread_is_another_one) {
    ck_assert_int_eq(mh_thread_start(note_id, &started_id, 65536), MH_OK);
    while (MH_LOAD_ACQUIRE(&started_id) == 0) {
        mh_thread_yield();
    }
    ck_assert_uint_ne(started_id, mh_thread_id());
}
END_TEST

START_TEST(a_thread_that_cannot_be_had_is_a_value) {
    size_t absurd = SIZE_MAX / 16 * 15; // of addresses, not just of memory
    ck_assert_int_ne(mh_thread_start(note_id, &started_id, absurd), MH_OK);
    usleep(10 * 1000);
    ck_assert_uint_eq(MH_LOAD_ACQUIRE(&started_id), 0);
}
END_TEST

static size_t norder;

#if MH_HAVE_FORK
static char order[8];

static void before(void) {
    order[norder++] = 'p';
}
static void in_parent(void) {
    order[norder++] = 'P';
}
static void in_child(void) {
    order[norder++] = 'C';
}

START_TEST(fork_is_told_in_order) {
    int status;

    ck_assert_int_eq(mh_thread_on_fork(before, in_parent, in_child), MH_OK);
    uint64_t parent = mh_sys_process_id();
    pid_t child = fork();
    if (child == 0) {
        _exit(strcmp(order, "pC") == 0 && mh_sys_process_id() != parent ? 42
                                                                        : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 42);
    ck_assert_str_eq(order, "pP");
}
END_TEST
#endif

static void say_goodbye(void) {
    mh_fatal("the hook ran");
}

static void exit_with_a_hook(void) {
    if (mh_thread_on_process_exit(say_goodbye) == MH_OK) {
        exit(0);
    }
}

START_TEST(the_end_of_the_process_is_told) {
    mh_expect_fatal(exit_with_a_hook, "mheap: fatal: the hook ran\n");
}
END_TEST

START_TEST(the_clock_never_goes_back) {
    uint64_t last = mh_thread_now_ns();
    for (int i = 0; i < 10000; i++) {
        uint64_t now = mh_thread_now_ns();
        ck_assert_uint_ge(now, last);
        last = now;
    }
}
END_TEST

static void break_a_check(void) {
    MH_CHECK(norder == 12345);
}

START_TEST(a_failed_check_names_its_condition_and_its_place) {
    mh_expect_fatal(break_a_check,
                    "mheap: fatal: check failed: norder == 12345 (");
    mh_expect_fatal(break_a_check, "thread_test.c:");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("thread");
    TCase *tests = tcase_create("thread");

    tcase_add_test(tests, an_armed_thread_tells_of_its_end);
    tcase_add_test(tests, a_started_thread_is_another_one);
    tcase_add_test(tests, a_thread_that_cannot_be_had_is_a_value);
#if MH_HAVE_FORK
    tcase_add_test(tests, fork_is_told_in_order);
#else
    mh_leave_out(fork_is_told_in_order, "needs fork");
#endif
    tcase_add_test(tests, the_end_of_the_process_is_told);
    tcase_add_test(tests, the_clock_never_goes_back);
    tcase_add_test(tests, a_failed_check_names_its_condition_and_its_place);
    suite_add_tcase(suite, tests);
    return mh_test_main(suite);
}
