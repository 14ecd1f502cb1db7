// fake_system.h - a system of made-up processes behind platform/target.h.
//
// Linked with tests/inspect/fake_target.c instead of the system's own reader:
// the whole of heapctl runs, from the word typed to the last line printed, over
// processes whose every byte is known.

#ifndef MHEAP_TESTS_HEAPCTL_FAKE_SYSTEM_H
#define MHEAP_TESTS_HEAPCTL_FAKE_SYSTEM_H

#include "tests/heapctl/heapctl_fixture.h"
#include "tests/inspect/fake_binary.h"

enum { FAKE_PROCESSES = 80 };

struct fake_process {
    struct mh_target_process is;
    enum mh_target_status opens; // what mh_target_open gives
    struct mh_target *target;    // then, when that is OK
};

// The processes, in the order they are listed.
extern struct fake_system {
    struct fake_process list[FAKE_PROCESSES];
    size_t n;
    enum mh_target_status lists; // what mh_target_processes gives
    unsigned opened, closed;
} fake_system;

// fake_system_add adds a process; target may be NULL when opens is not OK.
struct fake_process *fake_system_add(uint64_t pid, const char *name,
                                     enum mh_target_status opens,
                                     struct mh_target *target);

void fake_system_clear(void);

#endif // MHEAP_TESTS_HEAPCTL_FAKE_SYSTEM_H
