// probe.h - what the programs of this folder share.
//
// They know malloc and free only, so that each can be run over any allocator:
// LD_PRELOAD=... build/dev/bin/probe_space. Each prints one line of NAME=VALUE
// words for scripts/promises.py, and exits with 0 when it came to its end: it
// measures, and the table judges.

#ifndef MHEAP_TESTS_PROMISES_PROBE_H
#define MHEAP_TESTS_PROMISES_PROBE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/run_support.h"

#define PROBE_MIB ((size_t)1 << 20)

// One field of /proc/self/status in KiB, VmRSS: or VmSize:, say.
static inline long probe_status_kib(const char *field) {
    char line[256];
    long value = -1;
    FILE *status = fopen("/proc/self/status", "r");

    REQUIRE(status != NULL);
    while (fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtol(line + strlen(field), NULL, 10);
        }
    }
    (void)fclose(status);
    REQUIRE(value >= 0);
    return value;
}

// The n-th argument as a number, or `otherwise`.
static inline uint64_t probe_argument(int argc, char **argv, int n,
                                      uint64_t otherwise) {
    return n < argc ? strtoull(argv[n], NULL, 0) : otherwise;
}

#endif // MHEAP_TESTS_PROMISES_PROBE_H
