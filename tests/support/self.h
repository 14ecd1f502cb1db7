// self.h - starting the running program once more, where there is no fork.

#ifndef MHEAP_TESTS_SUPPORT_SELF_H
#define MHEAP_TESTS_SUPPORT_SELF_H

#include <stdbool.h>
#include <stddef.h>

// Numbers that a program passes to itself.
#define SELF_TEST  "MHEAP_SELF_TEST"  // the one test to run
#define SELF_FATAL "MHEAP_SELF_FATAL" // which mh_expect_fatal to act out

// What a program ends with that calls abort(), and one that touches what it may
// not touch.
#ifdef _WIN32
#    define MH_ABORT_STATUS 3ul
#    define MH_TRAP_STATUS  0xc0000005ul
#else
#    define MH_ABORT_STATUS 134ul
#    define MH_TRAP_STATUS  139ul
#endif

// What a test ends with that turns out to need what the system has not.
enum { MH_NEEDS_THREADS = 77, MH_NEEDS_PAGES };

// mh_self_number is what we were passed, -1: nothing.
int mh_self_number(const char *name);

// mh_self_set is what the next process is passed; -1: nothing.
void mh_self_set(const char *name, int number);

// mh_self_run starts this program once more and waits for its end. What it
// writes to standard error is stored in err, cut to size - 1 bytes, or where
// err is NULL written to ours. False when it could not be started, or was ended
// after so many seconds.
bool mh_self_run(char *err, size_t size, unsigned seconds,
                 unsigned long *status_out);

#endif // MHEAP_TESTS_SUPPORT_SELF_H
