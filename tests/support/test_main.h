// test_main.h - the main function of a test program.

#ifndef MHEAP_TESTS_SUPPORT_TEST_MAIN_H
#define MHEAP_TESTS_SUPPORT_TEST_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

// mh_test_main runs a suite and returns what main returns.
//
// mh_leave_out(test, reason) stands where a test would be added, and says on
// standard output that it was not.
#if MH_HAVE_FORK
#    define mh_leave_out(test, reason) \
        ((void)printf("left out: %s: %s\n", #test, reason))

static inline int mh_test_main(Suite *suite) {
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#else
#    include "tests/support/alone.h"

#    define _tcase_add_test            mh_alone_add
#    define mh_test_main               mh_alone_main
#    define mh_leave_out(test, reason) mh_alone_leave_out(#    test, reason)
#endif

#endif // MHEAP_TESTS_SUPPORT_TEST_MAIN_H
