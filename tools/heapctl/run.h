// run.h - a program started on mheap, from the side that waits for it.

#ifndef MHEAP_TOOLS_HEAPCTL_RUN_H
#define MHEAP_TOOLS_HEAPCTL_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mheap/inspect.h"

// How a child ended.
struct hc_end {
    bool signalled;
    int code; // exit status, or the signal
};

struct hc_child {
    uint64_t pid;
    struct mheap_summary *shared; // the memory file, mapped
    struct hc_end end;
};

// Why a child could not be started: what was tried, and the system's code.
struct hc_start_error {
    const char *what;
    int code;
    bool is_program; // the program itself could not be executed
};

// hc_child_start starts argv with the library preloaded and a memory file for
// its summary. Standard streams, signal mask and everything else are as the
// caller has them. False, with error_out filled, when it could not.
bool hc_child_start(struct hc_child *child, char *const *argv,
                    const char *preload, struct hc_start_error *error_out);

// hc_child_wait waits up to seconds for the child to end and says whether it
// has. Meanwhile signals that somebody sends to us are passed to it.
bool hc_child_wait(struct hc_child *child, double seconds);

// hc_child_record copies what the child's library left in the memory file.
struct mheap_summary hc_child_record(const struct hc_child *child);

// hc_child_pass_on gives back what the child was started with, and returns its
// exit status as ours. It does not return when a signal ended the child: the
// same signal ends us. Streams must be flushed.
int hc_child_pass_on(struct hc_child *child);

// hc_find_preload writes the path of the library to preload: MHEAP_PRELOAD, or
// beside heapctl in ../lib, or where it is installed. NULL, or what is wrong.
const char *hc_find_preload(char *path, size_t size);

// hc_preload_value is LD_PRELOAD for a child: the library behind what is there
// already (NULL: nothing). malloc'ed; NULL when memory ran out.
char *hc_preload_value(const char *existing, const char *library);

// hc_now_s is a clock in seconds that only moves forward.
double hc_now_s(void);

#endif // MHEAP_TOOLS_HEAPCTL_RUN_H
