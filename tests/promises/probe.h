// probe.h - what the programs of this folder share.
//
// They know malloc and free only, so that each can be run over any allocator:
// LD_PRELOAD=... build/dev/bin/probe_space. Each prints one line of NAME=VALUE
// words for scripts/promises.py, and exits with 0 when it came to its end: it
// measures, and the table judges.

#ifndef MHEAP_TESTS_PROMISES_PROBE_H
#define MHEAP_TESTS_PROMISES_PROBE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/run_support.h"

#define PROBE_MIB ((size_t)1 << 20)

// Puts objects in no order.
static inline void probe_shuffle(void **objects, size_t n, uint64_t seed) {
    for (size_t i = n; i > 1; i--) {
        size_t k = random_below(&seed, i);
        void *other = objects[k];
        objects[k] = objects[i - 1];
        objects[i - 1] = other;
    }
}

// The n-th argument as a number, or `otherwise`.
static inline uint64_t probe_argument(int argc, char **argv, int n,
                                      uint64_t otherwise) {
    return n < argc ? strtoull(argv[n], NULL, 0) : otherwise;
}

#endif // MHEAP_TESTS_PROMISES_PROBE_H
