// trace_format.h - the bytes of a recorded trace, for who writes and who reads.
//
// The format is described in bench/README.md. All numbers are little-endian,
// whatever the machine.

#ifndef MHEAP_BENCH_TRACE_FORMAT_H
#define MHEAP_BENCH_TRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC "MHEAPTRC"

enum { TRACE_VERSION = 1, TRACE_HEADER_BYTES = 48, TRACE_RECORD_BYTES = 16 };

// Where the members of the header begin.
enum {
    TRACE_AT_VERSION = 8,
    TRACE_AT_RECORD_BYTES = 12,
    TRACE_AT_RECORDS = 16,
    TRACE_AT_OBJECTS = 24,
    TRACE_AT_THREADS = 28,
    TRACE_AT_RECORDS_SUM = 32,
    TRACE_AT_HEADER_SUM = 40,
};

static inline void trace_put(unsigned char *bytes, unsigned count,
                             uint64_t value) {
    for (unsigned i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
}

static inline uint64_t trace_get(const unsigned char *bytes, unsigned count) {
    uint64_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

// trace_sum goes on from `sum` (at first 0) over a multiple of 8 bytes. Each
// step can be undone, so one changed word always shows.
static inline uint64_t trace_sum(uint64_t sum, const unsigned char *bytes,
                                 size_t count) {
    for (size_t i = 0; i < count; i += 8) {
        sum = (sum ^ trace_get(bytes + i, 8)) * UINT64_C(0x9e3779b97f4a7c15);
        sum ^= sum >> 32;
    }
    return sum;
}

#endif // MHEAP_BENCH_TRACE_FORMAT_H
