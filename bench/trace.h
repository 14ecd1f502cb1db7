// trace.h - a sequence of allocator calls, to be made again.
//
// Objects have numbers: an operation names the one it makes, moves or frees,
// and a number is used again once its object is dead. A trace is valid (T1 to
// T4), so that whoever plays it need not look:
//   T1  every object is below nobjects.
//   T2  an operation that makes an object names a dead one.
//   T3  realloc and free name a living one.
//   T4  realloc never asks for 0 bytes.

#ifndef MHEAP_BENCH_TRACE_H
#define MHEAP_BENCH_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "bench_support.h"

enum trace_kind {
    TRACE_MALLOC = 1,
    TRACE_CALLOC,
    TRACE_ALIGNED, // aligned_alloc, posix_memalign or memalign
    TRACE_REALLOC, // of an object; realloc of NULL is a malloc
    TRACE_FREE,
};

struct trace_op {
    uint64_t size; // 0 for free
    uint32_t object;
    uint16_t thread;    // of the recorded program, from 0
    uint8_t kind;       // enum trace_kind
    uint8_t align_log2; // of TRACE_ALIGNED, else 0
};

struct trace {
    struct trace_op *ops; // from bench_pages
    size_t nops;
    size_t pages_bytes; // what ops was mapped with
    uint32_t nobjects;
    uint64_t live_peak; // bytes asked for and not freed, at most
};

// Generated traces: the same for the same seed and scale. Each ends with every
// object freed. Where a shape comes from is in the file that makes it.
struct trace trace_compiler(uint64_t seed, size_t functions);
struct trace trace_interpreter(uint64_t seed, size_t steps);
struct trace trace_cache(uint64_t seed, size_t keys);

// trace_read reads a recorded trace, whose format is in bench/README.md. A file
// that is not one, or is damaged, ends the process with one line and status 2.
struct trace trace_read(const char *path);

void trace_release(struct trace *trace);

#endif // MHEAP_BENCH_TRACE_H
