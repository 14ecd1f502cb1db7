// check_wasm.c - what tests use of Check, where Check itself cannot be built.
//
// Check needs setjmp, temporary files and timers of its C library; wasi-libc
// has none of them. The header is Check's own, so that assertions are what they
// are elsewhere; behind it a process has one test (alone.h), and an assertion
// that fails prints itself and ends the process.

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/alone.h"

enum { FIXTURES_MAX = 8 };

struct TCase {
    const char *name;
    SFun setup[FIXTURES_MAX], teardown[FIXTURES_MAX];
    int nfixtures;
};

struct Suite {
    const char *name;
};

// The test of this process.
static struct {
    const TCase *tcase; // NULL: none was added
    const TTest *test;
    int i;
} chosen;

Suite *suite_create(const char *name) {
    Suite *suite = calloc(1, sizeof(*suite));

    if (suite == NULL) {
        abort();
    }
    suite->name = name;
    return suite;
}

TCase *tcase_create(const char *name) {
    TCase *tcase = calloc(1, sizeof(*tcase));

    if (tcase == NULL) {
        abort();
    }
    tcase->name = name;
    return tcase;
}

// Whose test runs is known from the test.
void suite_add_tcase(Suite *suite, TCase *tcase) {
    (void)suite;
    (void)tcase;
}

void tcase_add_checked_fixture(TCase *tcase, SFun setup, SFun teardown) {
    if (tcase->nfixtures == FIXTURES_MAX) {
        abort();
    }
    tcase->setup[tcase->nfixtures] = setup;
    tcase->teardown[tcase->nfixtures] = teardown;
    tcase->nfixtures++;
}

// Whoever runs the program watches the time.
void tcase_set_timeout(TCase *tcase, double timeout) {
    (void)tcase;
    (void)timeout;
}

void _tcase_add_test(TCase *tcase, const TTest *test, int signal_number,
                     int allowed_exit_value, int start, int end) {
    (void)signal_number;
    (void)allowed_exit_value;
    if (chosen.tcase != NULL || end != start + 1) {
        abort();
    }
    chosen.tcase = tcase;
    chosen.test = test;
    chosen.i = start;
}

void _mark_point(const char *file, int line) {
    (void)file;
    (void)line;
}

void _ck_assert_failed(const char *file, int line, const char *expr,
                       const char *message, ...) {
    printf("%s:%d: ", file, line);
    if (message != NULL) {
        va_list arguments;
        va_start(arguments, message);
        (void)vprintf(message, arguments);
        va_end(arguments);
    } else {
        printf("%s", expr);
    }
    printf("\n");
    exit(EXIT_FAILURE);
}

static void call(SFun fixture) {
    if (fixture != NULL) {
        fixture();
    }
}

int mh_alone_run(Suite *suite) {
    const TCase *tcase = chosen.tcase;

    if (tcase == NULL) {
        printf("%s: there is no such test\n", suite->name);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < tcase->nfixtures; i++) {
        call(tcase->setup[i]);
    }
    chosen.test->fn(chosen.i);
    for (int i = tcase->nfixtures; i > 0; i--) {
        call(tcase->teardown[i - 1]);
    }
    return EXIT_SUCCESS;
}
