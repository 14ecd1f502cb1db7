// os_world_test.c - what every backend promises of threads, exits, forks,
// clocks and the world outside.

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if MH_HAVE_FORK
#    include <fcntl.h>
#    include <sys/time.h>
#    include <sys/wait.h>
#endif

#include "core/base/atomic.h"
#include "core/sys/sys.h"
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"
#include "tests/support/emulated.h"
#include "tests/support/expect.h"
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

#if MH_HAVE_FORK
// Forks and ends ----------------------------------------------------------

static void before_fork(void) {
    note('p');
}
static void after_in_parent(void) {
    note('P');
}
static void after_in_child(void) {
    note('C');
}

START_TEST(fork_runs_its_handlers_on_both_sides) {
    int status;
    must(mh_os_on_fork(before_fork, after_in_parent, after_in_child));
    uint64_t parent = mh_os_process_id();
    pid_t child = fork();
    if (child == 0) {
        bool right = strcmp(order, "pC") == 0 && mh_os_process_id() != parent &&
                     mh_os_process_id() == (uint64_t)getpid();
        _exit(right ? 42 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_str_eq(order, "pP");
    ck_assert_uint_eq(mh_os_process_id(), parent);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
END_TEST

static int report_to; // a pipe that outlives the child

static void tell(char letter) {
    ck_assert_int_eq(write(report_to, &letter, 1), 1);
}
static void hook_at_end(void) {
    tell('h');
}
static void early_handler(void) {
    tell('1');
}
static void late_handler(void) {
    tell('2');
}

// end_child runs end in a child and stores what its handlers told.
static void end_child(void (*end)(int), char *text, size_t size) {
    int ends[2];
    int status;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        report_to = ends[1];
        (void)atexit(early_handler);
        if (!mh_os_ok(mh_os_on_process_exit(hook_at_end))) {
            _exit(1);
        }
        (void)atexit(late_handler);
        end(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], text, size - 1);
    for (ssize_t more = n; more > 0 && (size_t)n < size - 1; n += more) {
        more = read(ends[0], text + n, size - 1 - (size_t)n);
    }
    text[n] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
}

START_TEST(the_process_exit_hook_runs_after_every_handler) {
    char text[32];
    end_child(exit, text, sizeof(text));
    ck_assert_str_eq(text, "21h");
}
END_TEST

START_TEST(nothing_runs_after_a_sudden_end) {
    char text[32];
    end_child(_exit, text, sizeof(text));
    ck_assert_str_eq(text, "");
}
END_TEST
#endif

// The hook's message is the last one.
static void say_last(void) {
    mh_os_write_error("hook", 4);
    mh_os_abort(false);
}
static void say_first(void) {
    mh_os_write_error("handler ", 8);
}

static void return_from_main(void) {
    must(mh_os_on_process_exit(say_last));
    (void)atexit(say_first);
    exit(0);
}

START_TEST(the_process_exit_hook_runs_last) {
    mh_expect_fatal(return_from_main, "handler hook");
}
END_TEST

// The world ---------------------------------------------------------------

START_TEST(entropy_fills_all_of_the_buffer_anew) {
    unsigned char a[256] = {0}, b[256] = {0};
    errno = 1234;
    mh_os_entropy(a, sizeof(a));
    mh_os_entropy(b, sizeof(b));
    ck_assert_int_eq(errno, 1234);
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
    for (size_t i = 0; i < sizeof(a); i += 16) {
        ck_assert(!mh_is_filled(a + i, 16, 0));
    }
    unsigned char guarded[8] = {0};
    mh_os_entropy(guarded, 7);
    ck_assert_uint_eq(guarded[7], 0);
}
END_TEST

START_TEST(variables_are_found_by_their_whole_name) {
    mh_set_variable("MHEAP_WORLD", "value");
    mh_set_variable("MHEAP_EMPTY", "");
    ck_assert_str_eq(mh_os_getenv("MHEAP_WORLD"), "value");
    ck_assert_str_eq(mh_os_getenv("MHEAP_EMPTY"), "");
    ck_assert_ptr_null(mh_os_getenv("MHEAP_WOR"));
    ck_assert_ptr_null(mh_os_getenv("MHEAP_WORLDS"));
    mh_set_variable("MHEAP_WORLD", NULL);
    ck_assert_ptr_null(mh_os_getenv("MHEAP_WORLD"));
}
END_TEST

#if !MH_TEST_SIM && MH_HAVE_PROC
START_TEST(variables_are_found_before_the_c_library_is_ready) {
    // What the kernel keeps is the environment this process was started with.
    char *path = strdup(getenv("PATH"));
    char **saved = environ;
    environ = NULL;
    const char *found = mh_os_getenv("PATH");
    const char *missing = mh_os_getenv("MHEAP_NOT_THERE");
    environ = saved;
    ck_assert_ptr_nonnull(found);
    ck_assert_str_eq(found, path);
    ck_assert_ptr_null(missing);
    free(path);
}
END_TEST
#endif

START_TEST(an_ordinary_process_may_trust_its_environment) {
    ck_assert(!mh_os_is_secure());
}
END_TEST

static char long_text[20000];

static void write_all(void) {
    errno = 1234;
    mh_os_write_error(long_text, sizeof(long_text) - 1);
    ck_assert_int_eq(errno, 1234);
}

START_TEST(errors_are_written_whole_and_keep_errno) {
    static char got[sizeof(long_text) + 1];
    memset(long_text, 'e', sizeof(long_text) - 1);
    mh_error_of(write_all, got, sizeof(got));
    ck_assert_str_eq(long_text, got);
}
END_TEST

#if MH_HAVE_FORK
static void on_alarm(int number) {
    (void)number;
}

// A signal ends a write that waits for room after part of it was taken.
static void write_under_fire(int fd, const char *text, size_t size) {
    struct itimerval often = {{0, 2000}, {0, 2000}};
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &often, NULL);
    (void)dup2(fd, STDERR_FILENO);
    mh_os_write_error(text, size);
    _exit(0);
}

START_TEST(an_interrupted_message_is_continued) {
    enum { SIZE = 300 * 1000 };
    static char sent[SIZE];
    int ends[2], status;
    size_t n = 0;
    ssize_t more;

    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        write_under_fire(ends[1], sent, SIZE);
    }
    close(ends[1]);
    usleep(30 * 1000);
    while ((more = read(ends[0], sent, SIZE)) > 0) {
        n += (size_t)more;
        usleep(1000);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_uint_eq(n, SIZE);
}
END_TEST
#endif

START_TEST(a_closed_standard_error_is_nobodys_problem) {
    close(STDERR_FILENO);
    errno = 1234;
    mh_os_write_error("lost", 4);
    ck_assert_int_eq(errno, 1234);
}
END_TEST

static void abort_ignored(void) {
    signal(SIGABRT, SIG_IGN);
    mh_os_abort(true);
}

#if MH_HAVE_FORK
static void abort_blocked(void) {
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    mh_os_abort(true);
}
#else
#    define abort_blocked abort_ignored // nothing to block
#endif

static void on_abort(int number) {
    (void)number;
    _exit(0);
}

static void abort_handled(void) {
    signal(SIGABRT, on_abort);
    mh_os_abort(false);
}

static void say_so(int number) {
    (void)number;
    mh_os_write_error("the handler ran", 15);
}

static void abort_after_the_handler(void) {
    signal(SIGABRT, say_so);
    mh_os_abort(true);
}

START_TEST(abort_ends_the_process_whatever_it_did_to_the_signal) {
    void (*const acts[])(void) = {abort_ignored, abort_blocked, abort_handled};
    mh_expect_fatal(acts[_i], "");
}
END_TEST

START_TEST(abort_runs_the_programs_handler_where_it_may) {
    mh_expect_fatal(abort_after_the_handler, "the handler ran");
}
END_TEST

static void add_threads(Suite *suite) {
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

    TCase *ends = tcase_create("ends");
#if MH_HAVE_FORK
    tcase_add_test(ends, fork_runs_its_handlers_on_both_sides);
    tcase_add_test(ends, the_process_exit_hook_runs_after_every_handler);
    tcase_add_test(ends, nothing_runs_after_a_sudden_end);
#else
    mh_leave_out(fork_runs_its_handlers_on_both_sides, "needs fork");
#endif
    tcase_add_test(ends, the_process_exit_hook_runs_last);
    suite_add_tcase(suite, ends);
}

int main(void) {
    Suite *suite = suite_create("os_world");
    add_threads(suite);
    TCase *world = tcase_create("world");
    tcase_add_test(world, entropy_fills_all_of_the_buffer_anew);
    tcase_add_test(world, variables_are_found_by_their_whole_name);
#if !MH_TEST_SIM && MH_HAVE_PROC
    tcase_add_test(world, variables_are_found_before_the_c_library_is_ready);
#elif !MH_TEST_SIM
    mh_leave_out(variables_are_found_before_the_c_library_is_ready, "no /proc");
#endif
    tcase_add_test(world, an_ordinary_process_may_trust_its_environment);
    tcase_add_test(world, errors_are_written_whole_and_keep_errno);
#if MH_HAVE_FORK
    tcase_add_test(world, an_interrupted_message_is_continued);
#else
    mh_leave_out(an_interrupted_message_is_continued, "needs signals");
#endif
    tcase_add_test(world, a_closed_standard_error_is_nobodys_problem);
    tcase_add_loop_test(
        world, abort_ends_the_process_whatever_it_did_to_the_signal, 0, 3);
    tcase_add_test(world, abort_runs_the_programs_handler_where_it_may);
    suite_add_tcase(suite, world);
    return mh_test_main(suite);
}
