// alone.c - each test in a process of its own, where there is no fork.

#include "tests/support/alone.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/expect.h"
#include "tests/support/self.h"

enum { TESTS_MAX = 4096, TIMEOUT_S = 250, FATAL_S = 60 };

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

static unsigned long expected_status(int test) {
    if (tests[test].signal_number == SIGABRT) {
        return MH_ABORT_STATUS;
    }
    if (tests[test].signal_number == SIGSEGV) {
        return MH_TRAP_STATUS;
    }
    return (unsigned long)tests[test].exit_value;
}

static int nleft_out;

static bool is_left_out(int test, unsigned long status) {
    const char *reason = status == MH_NEEDS_THREADS ? "there is one thread"
                         : status == MH_NEEDS_PAGES
                             ? "there are no pages to look at"
                             : NULL;
    if (reason == NULL) {
        return false;
    }
    printf("left out: %s: %s\n", tests[test].test->name, reason);
    nleft_out++;
    return true;
}

static bool passes(int test) {
    unsigned long status = 0;

    mh_self_set(SELF_TEST, test);
    if (!mh_self_run(NULL, 0, TIMEOUT_S, &status)) {
        printf("%s:%d:F:alone:%s:%d: not started, or takes too long\n",
               tests[test].test->file, tests[test].test->line,
               tests[test].test->name, tests[test].i);
        return false;
    }
    if (status != expected_status(test) && !is_left_out(test, status)) {
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

    if (mh_self_number(SELF_TEST) >= 0) {
        return mh_alone_run(suite);
    }
    for (int i = 0; i < ntests; i++) {
        failed += !passes(i);
        (void)fflush(stdout);
    }
    int nran = ntests - nleft_out;
    printf("%d%%: Checks: %d, Failures: %d, Errors: 0\n",
           nran == 0 ? 0 : 100 * (nran - failed) / nran, nran, failed);
    return failed == 0 && ntests != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

// The same test runs in a new process up to the same call, where it does what
// is fatal. What tests do before is the same each time.
void mh_expect_fatal(void (*act)(void), const char *message) {
    static int calls;
    int me = calls++;
    int wanted = mh_self_number(SELF_FATAL);
    unsigned long status = 0;
    char text[4096] = "";

    if (wanted == me) {
        act();
        exit(0);
    }
    if (wanted >= 0) {
        return; // an earlier call than the wanted one
    }
    mh_self_set(SELF_FATAL, me);
    bool ended = mh_self_run(text, sizeof(text), FATAL_S, &status);
    mh_self_set(SELF_FATAL, -1);
    ck_assert(ended);
    ck_assert_msg(strstr(text, message) != NULL, "\"%s\" is not in \"%s\"",
                  message, text);
    ck_assert_msg(status == MH_ABORT_STATUS,
                  "ended with status 0x%lx instead of abort's", status);
}
