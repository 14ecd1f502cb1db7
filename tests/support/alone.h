// alone.h - each test in a process of its own, on systems without fork.
//
// Check runs every test in a child, which fork makes; where there is none it
// runs them all in one process, and what one leaves behind is another's state.
// Here the program starts itself anew for each test, with the number of that
// test in the environment, and judges by how that process ends.
//
// A test that stops the program is told by the status of abort(); one that
// expects another part of it to stop (mh_expect_fatal) is run once more up to
// that place.

#ifndef MHEAP_TESTS_SUPPORT_ALONE_H
#define MHEAP_TESTS_SUPPORT_ALONE_H

#include <check.h>

// mh_alone_add takes the place of Check's function behind tcase_add_test and
// its like.
void mh_alone_add(TCase *tcase, const TTest *test, int signal_number,
                  int exit_value, int start, int end);

// mh_alone_main runs the tests that were added, and returns what main returns.
int mh_alone_main(Suite *suite);

// mh_alone_run runs the one test that was added to a suite in the process that
// was started for it, and returns what main returns, or exits with that.
int mh_alone_run(Suite *suite);

// mh_alone_leave_out says that a test is not for this system, and why.
void mh_alone_leave_out(const char *name, const char *reason);

#endif // MHEAP_TESTS_SUPPORT_ALONE_H
