// pure_main.h - the main function of a test program of pure functions.
//
// Nothing is left behind by a test that calls only functions of their
// arguments, so that hundreds of them may share a process. They do where a
// process costs more than a test: under an emulator, and where each is a
// program that is started anew (alone.h). Elsewhere each has its own, which
// tells which test it was that crashed.

#ifndef MHEAP_TESTS_SUPPORT_PURE_MAIN_H
#define MHEAP_TESTS_SUPPORT_PURE_MAIN_H

#include <check.h>
#include <stdlib.h>

#include "tests/support/emulated.h"

#ifdef __wasm__ // whose Check has no way to come back from a failure
#    include "tests/support/test_main.h"

#    define mh_pure_test_main mh_test_main
#else
static inline int mh_pure_test_main(Suite *suite) {
    SRunner *runner = srunner_create(suite);

    if (!MH_HAVE_FORK || mh_test_is_emulated()) {
        srunner_set_fork_status(runner, CK_NOFORK);
    }
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif

#endif // MHEAP_TESTS_SUPPORT_PURE_MAIN_H
