// alone_windows.c - each test in a process of its own, on Windows.

#include "tests/support/alone.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "tests/support/expect.h"
#include "tests/support/windows/self.h"

enum { TESTS_MAX = 4096, TIMEOUT_S = 250 };

static struct {
    const TTest *test;
    int i; // of a loop
    int signal_number, exit_value;
} tests[TESTS_MAX];
static int ntests;

void mh_alone_add(TCase *tcase, const TTest *test, int signal_number,
                  int exit_value, int start, int end) {
    for (int i = start; i < end; i++) {
        if (ntests == TESTS_MAX) {
            abort();
        }
        if (ntests == mh_self_number(SELF_TEST)) {
            _tcase_add_test(tcase, test, 0, 0, i, i + 1);
        }
        tests[ntests].test = test;
        tests[ntests].i = i;
        tests[ntests].signal_number = signal_number;
        tests[ntests].exit_value = exit_value;
        ntests++;
    }
}

void mh_alone_leave_out(const char *name, const char *reason) {
    if (mh_self_number(SELF_TEST) < 0) {
        printf("left out: %s: %s\n", name, reason);
    }
}

// One test, in the process that was started for it.
static int run_one(Suite *suite) {
    SRunner *runner = srunner_create(suite);

    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    TestResult **failures = srunner_failures(runner);
    for (int i = 0; i < failed; i++) {
        printf("%s:%d: %s\n", tr_lfile(failures[i]), tr_lno(failures[i]),
               tr_msg(failures[i]));
    }
    free(failures);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static unsigned long expected_status(int test) {
    if (tests[test].signal_number == SIGABRT) {
        return MH_ABORT_STATUS;
    }
    if (tests[test].signal_number == SIGSEGV) {
        return EXCEPTION_ACCESS_VIOLATION;
    }
    return (unsigned long)tests[test].exit_value;
}

static bool passes(int test) {
    unsigned long status = 0;

    mh_self_set(SELF_TEST, test);
    if (!mh_self_run(NULL, TIMEOUT_S, &status)) {
        printf("%s:%d:F:alone:%s:%d: not started, or takes too long\n",
               tests[test].test->file, tests[test].test->line,
               tests[test].test->name, tests[test].i);
        return false;
    }
    if (status != expected_status(test)) {
        printf(
            "%s:%d:F:alone:%s:%d: ended with status 0x%lx instead of 0x%lx\n",
            tests[test].test->file, tests[test].test->line,
            tests[test].test->name, tests[test].i, status,
            expected_status(test));
        return false;
    }
    return true;
}

int mh_alone_main(Suite *suite) {
    int failed = 0;

    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    if (mh_self_number(SELF_TEST) >= 0) {
        return run_one(suite);
    }
    for (int i = 0; i < ntests; i++) {
        failed += !passes(i);
        (void)fflush(stdout);
    }
    printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n",
           ntests == 0 ? 0 : 100 * (ntests - failed) / ntests, ntests, failed);
    return failed == 0 && ntests != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
