// one_windows.c - one test, in the process that was started for it.

#include "tests/support/alone.h"

#include <stdio.h>
#include <stdlib.h>

int mh_alone_run(Suite *suite) {
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
