// os_world_test.c - what every backend promises of forks, ends and the world
// outside the process.

#include <errno.h>
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
#include "platform/os.h"
#include "platform/os_info.h"
#include "platform/os_thread.h"
#include "tests/support/expect.h"
#include "tests/support/test_main.h"

static void must(struct mh_os_err err) {
    ck_assert_int_eq(err.code, 0);
}

// Forks and ends ----------------------------------------------------------

#if MH_HAVE_FORK
static char order[64]; // what happened, one letter each
static uint32_t norder;

static void note(char letter) {
    order[MH_ADD_RELAXED(&norder, 1)] = letter;
}

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

static void add_ends(Suite *suite) {
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
    add_ends(suite);
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
