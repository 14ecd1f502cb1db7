// bench_probe.h - who really serves malloc in this process, and its locks.

#ifndef MHEAP_BENCH_BENCH_PROBE_H
#define MHEAP_BENCH_BENCH_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// bench_probe_print writes JSON members, without a comma at either end:
// "serves", the file behind each of malloc, calloc, realloc and free as the
// loader resolved them, and "libraries", every shared object that is mapped.
// A preload that was ignored, or that brings no malloc, shows in both. Where
// mheap is loaded, "lock_waits" is how often a thread slept for its locks.
void bench_probe_print(FILE *out);

// How often locks inside the allocator were taken, in all threads together.
struct bench_locks {
    uint64_t shared;    // locks that belong to no single thread
    uint64_t contended; // any that another thread held
};

// bench_locks_read asks the allocator; false when it is none that says, which
// only mheap does.
bool bench_locks_read(struct bench_locks *locks);

#endif // MHEAP_BENCH_BENCH_PROBE_H
