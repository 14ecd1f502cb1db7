// self.h - starting the running program once more.

#ifndef MHEAP_TESTS_SUPPORT_WINDOWS_SELF_H
#define MHEAP_TESTS_SUPPORT_WINDOWS_SELF_H

#include <stdbool.h>
#include <stddef.h>

// Numbers that a program passes to itself.
#define SELF_TEST  "MHEAP_SELF_TEST"  // the one test to run
#define SELF_FATAL "MHEAP_SELF_FATAL" // which mh_expect_fatal to act out

// What abort() ends a process with.
#define MH_ABORT_STATUS 3ul

// mh_self_number is what we were passed, -1: nothing.
int mh_self_number(const char *name);

// mh_self_set is what the next process is passed.
void mh_self_set(const char *name, int number);

// mh_self_run starts this program once more and waits for its end. What it
// writes to standard error goes to file err, NULL: to ours. False when it could
// not be started, or was ended after so many seconds.
bool mh_self_run(void *err, unsigned seconds, unsigned long *status_out);

#endif // MHEAP_TESTS_SUPPORT_WINDOWS_SELF_H
